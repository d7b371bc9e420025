"""Symbol tables made from PDBs through volatility3 (extra `symbols`), kept in the user's cache.

The converter was tried with PDBs that LLVM's linker wrote and with forged ones; a real PDB of Microsoft's was not at
hand. On Windows a conversion is bounded in time and size, not in memory.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from . import pdbchild
from .isf import Pdb, read_isf

EXTRA = "the extra symbols (pip install 'dumptriage[symbols]')"
_SECONDS = 900.0


class ConversionError(Exception):
    """Why there is no symbol table, in one line."""


def can_convert() -> bool:
    """True if volatility3 is installed."""
    return importlib.util.find_spec("volatility3") is not None


def convert(path: Path, pdb: Pdb, cache: Path, progress: Callable[[str], None], seconds: float = _SECONDS) -> Path:
    """The symbol table of a PDB as cache/NAME/GUID-AGE.json.xz, written in one step.

    The conversion runs in a process of its own, of `seconds` at most. Raises ConversionError.
    """
    if not can_convert():
        raise ConversionError(f"{path} cannot be read without {EXTRA}")
    target = cache / pdb.name / f"{pdb.key}.json.xz"
    progress(f"Converting {pdb.name}, once, which takes minutes")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".triage-", dir=target.parent) as folder:
            made = Path(folder) / "table.json.xz"
            _run(path, pdb, made, seconds)
            try:
                read_isf(made)
            except Exception as error:  # whatever a table that is none raises
                raise ConversionError(f"{path} converts to no symbol table ({type(error).__name__})") from error
            made.replace(target)
    except OSError as error:
        raise ConversionError(f"{path} cannot be converted in {target.parent}: {error.strerror or error}") from error
    return target


def _run(path: Path, pdb: Pdb, made: Path, seconds: float) -> None:
    # -P keeps the script's own folder, whose modules have common names, out of the search for modules. volatility3
    # makes a cache folder when it is imported: it goes with the temporary one.
    command = [sys.executable, "-P", pdbchild.__file__, str(path), pdb.name, str(made)]
    said = made.with_name("said")
    environment = os.environ | {"XDG_CACHE_HOME": str(made.parent)}
    with said.open("wb") as errors:
        try:
            status = subprocess.run(  # noqa: S603 our own interpreter and script, arguments validated, no shell
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                env=environment,
                timeout=seconds,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise ConversionError(f"{path} is not converted after {seconds:.0f} s") from error
    if status:
        with said.open("rb") as errors:
            reason = " ".join(errors.read(4096).decode("utf-8", "replace").split())
        raise ConversionError(f"{path} cannot be converted: {reason[-300:] or f'the converter ended with {status}'}")
