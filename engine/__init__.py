"""dumptriage: reads a Windows kernel dump or debugger log and writes the report that goes to the vendor.

One way through: `sources` read facts, `derivation` computes what follows arithmetically, `inference` applies the
rules, `diagnosis` sums up the verdict, `report` renders it, and `cli` ties them together.
"""

__version__ = "0.1.0"
