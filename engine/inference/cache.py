"""Checked and compiled rules kept from one run to the next, so that most runs need not read a rule file's grammar.

A stored book counts only for the very same rules, settings, program and Python: its name is the SHA-256 of them all.
It is read with an unpickler that makes nothing but this program's own records, and whatever is wrong with it, the rules
are read afresh. A cache that cannot be written is no error.
"""

import contextlib
import copyreg
import dataclasses
import enum
import hashlib
import io
import os
import pickle
import re
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeVar

from .. import __version__
from ..rulefolder import SourceFile

FORMAT = "1"
MAX_SIZE = 64 << 20
KEPT = 8
"""Stored books; the ones not used for longest go first."""

_PACKAGE = __name__.split(".", 1)[0]
_CODE = ("*.py", "inference/*.py", "facts/*.py")
_DIGEST = 32

T = TypeVar("T")


def key(files: Iterable[SourceFile], settings: str) -> str | None:
    """What a book depends on, as SHA-256; None where the program's own files cannot be told apart by size and time."""
    digest = hashlib.sha256()
    code = Path(__file__).parent.parent
    try:
        own = [(str(path.relative_to(code)), path.stat()) for form in _CODE for path in sorted(code.glob(form))]
    except OSError:
        return None
    if not own:
        return None
    parts = [FORMAT, __version__, _yaml_version(), sys.version, settings]
    parts += [f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in own]
    for part in parts:
        digest.update(f"{len(part)}\0{part}".encode("utf-8", "surrogatepass"))
    for file in files:
        head = f"{file.name}\0{file.role}\0{file.origin}\0{len(file.data)}\0"
        digest.update(head.encode("utf-8", "surrogatepass") + file.data)
    return digest.hexdigest()


def get(folder: Path, name: str, kind: type[T]) -> T | None:
    """The stored book of that name, or None where there is none that can be trusted."""
    path = folder / f"{name}.book"
    try:
        if path.stat().st_size > MAX_SIZE:
            return None
        data = path.read_bytes()
        digest, payload = data[:_DIGEST], data[_DIGEST:]
        if hashlib.sha256(name.encode() + payload).digest() != digest:
            return None
        book = _Unpickler(io.BytesIO(payload)).load()
    except Exception:  # whatever a damaged file raises: the rules are then read afresh
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return book if isinstance(book, kind) else None


def put(folder: Path, name: str, book: object) -> None:
    """Store a book in one step and drop the oldest ones; nothing happens where that is not possible."""
    stream = io.BytesIO()
    try:
        _Pickler(stream, pickle.HIGHEST_PROTOCOL).dump(book)
        payload = stream.getvalue()
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder, suffix=".part", delete=False) as file:
            part = Path(file.name)
            try:
                file.write(hashlib.sha256(name.encode() + payload).digest() + payload)
                file.close()
                part.replace(folder / f"{name}.book")
            except OSError:
                part.unlink(missing_ok=True)
        _prune(folder)
    except Exception:  # no room, no right to write, a record that pickle does not know
        return


def _prune(folder: Path) -> None:
    """Keep the books used last. Parts left by a run that was killed go with them."""
    books = sorted(folder.glob("*.book"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    parts = sorted(folder.glob("*.part"), key=lambda path: path.stat().st_mtime_ns, reverse=True)
    for path in (*books[KEPT:], *parts[KEPT:]):
        path.unlink(missing_ok=True)


def _yaml_version() -> str:
    try:
        return version("ruamel.yaml")
    except PackageNotFoundError:
        return ""


def _pattern(text: str, flags: int) -> re.Pattern[str]:
    return re.compile(text, flags)


class _Pickler(pickle.Pickler):
    """Writes a regular expression as its text."""

    dispatch_table = copyreg.dispatch_table | {re.Pattern: lambda one: (_pattern, (one.pattern, one.flags))}


class _Unpickler(pickle.Unpickler):
    """Makes the records and words of this package, regular expressions, and what pickle makes without a name."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (__name__, _pattern.__name__):
            return _pattern
        if module.split(".", 1)[0] == _PACKAGE and module in sys.modules and "." not in name:
            found: Callable[..., Any] | type | None = sys.modules[module].__dict__.get(name)
            if isinstance(found, type) and (dataclasses.is_dataclass(found) or issubclass(found, enum.Enum)):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no record of this package")
