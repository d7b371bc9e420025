"""The process that converts one PDB into a symbol table: python -P pdbchild.py PDB NAME OUT.

Run as a file of its own, so that nothing else of the program is loaded. Uses volatility3 (extra `symbols`).
"""

import importlib
import json
import lzma
import sys
from pathlib import Path
from typing import Any
from urllib.request import pathname2url

MEMORY = 4 << 30
SECONDS = 900
OUTPUT = 1 << 28


def limit() -> None:
    """Bound memory, processor time and file size. Windows has no such limits for a process to set on itself."""
    if sys.platform != "win32":
        import resource

        for what, most in (
            (resource.RLIMIT_AS, MEMORY),
            (resource.RLIMIT_CPU, SECONDS),
            (resource.RLIMIT_FSIZE, OUTPUT),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(what)[1]
            resource.setrlimit(what, (most if hard < 0 else min(most, hard), hard))


def convert(pdb: Path, name: str, out: Path) -> None:
    """Write the symbol table of a PDB as .json.xz. Raises what volatility3 raises for damaged ones."""
    contexts: Any = importlib.import_module("volatility3.framework.contexts")
    pdbconv: Any = importlib.import_module("volatility3.framework.symbols.windows.pdbconv")
    location = "file:" + pathname2url(str(pdb.resolve()))
    table = pdbconv.PdbReader(contexts.Context(), location, database_name=name).get_json()
    with lzma.open(out, "wb", preset=1) as file:
        file.write(json.dumps(table).encode("ascii"))


if __name__ == "__main__":
    limit()
    try:
        convert(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]))
    except Exception as error:  # the converter was written for sound files: whatever a damaged one raises
        sys.stderr.write(f"{type(error).__name__}: {error}"[:300])
        sys.exit(1)
