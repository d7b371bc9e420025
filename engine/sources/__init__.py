"""From a casefile to facts: what kind of file it is, and the reader for it."""

import hashlib
import mmap
from collections.abc import Callable
from pathlib import Path

from ..errors import CasefileError
from ..facts import Case, Casefile

Progress = Callable[[str], None]

EXPECTED = "expected a Windows kernel dump, a debugger log or a facts.json"
_CHUNK = 1 << 24


def read(path: Path, progress: Progress = lambda _: None) -> list[Case]:
    """The cases in a casefile: one, or one per machine where a log holds several.

    Raises CasefileError with one line when the file cannot be read or recognised.
    """
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise CasefileError(f"{path} is not a file; {EXPECTED}")
        if size == 0:
            raise CasefileError(f"{path} is empty; {EXPECTED}: copy it again from the machine")
        with path.open("rb") as handle, mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _read(path.name, data, progress)
    except OSError as error:
        raise CasefileError(f"{path} cannot be read: {error.strerror or error}") from error


def _read(name: str, data: mmap.mmap, progress: Progress) -> list[Case]:
    from . import dump, factsjson

    head = data[:4096]
    if dump.is_dump(head):
        progress("Reading the crash dump")
        return dump.read(data, Casefile(name, _sha256(data, progress), len(data), "dump"))
    if not any(head):
        # Dumps whose write failed are files of the right size full of zeros; the size of the file does not matter.
        raise CasefileError(
            f"{name} begins with {len(head)} zero bytes, no dump was written; {EXPECTED}: look for another dump, "
            "or check the page file and disk space and let the machine crash again"
        )
    if factsjson.is_facts(head):
        progress("Reading facts")
        return factsjson.read(bytes(data), name)
    from . import log

    if len(data) > log.MAX_BYTES:
        raise CasefileError(
            f"{name} is {len(data):,} bytes of something that is no dump; {EXPECTED} of at most {log.MAX_BYTES:,} "
            "bytes: cut the log to the part about memory"
        )
    progress("Reading the debugger log")
    return log.read(bytes(data), Casefile(name, _sha256(data, progress), len(data), "log"))


def _sha256(data: mmap.mmap, progress: Progress) -> str:
    digest = hashlib.sha256()
    for start in range(0, len(data), _CHUNK):
        if start and start % (64 * _CHUNK) == 0:
            progress(f"Hashing the casefile, {100 * start // len(data)} %")
        digest.update(data[start : start + _CHUNK])
    return digest.hexdigest()
