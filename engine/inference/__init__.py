"""Rules applied to a case: `load` reads a rulebook, `infer` draws its conclusions.

The arrows within: files (`rulefile`, `thresholds`) become rules (`rule`, `conditions`), layers of rules
(`strata`) and rule sets of the engine (`compile`); a case is matched against them (`durable`, `matching`), matches
become findings (`conclude`, `sentences`), and every rule gets its outcome (`outcomes`).
"""

from .infer import Inference, infer
from .rulebook import Rulebook, load

__all__ = ["Inference", "Rulebook", "infer", "load"]
