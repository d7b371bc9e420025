"""Casefiles inside .zip, .gz, .xz, .zst and .7z: unpacked beside the archive, bounded, and removed afterwards."""

import contextlib
import gzip
import lzma
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from ..errors import CasefileError

Progress = Callable[[str], None]

MAX_BYTES = 1 << 40
"""Largest casefile unpacked; a bomb ends here or at the free space of the disk, whichever comes first."""
SPARE_BYTES = 1 << 28
"""Free space left on the disk."""
_CHUNK = 1 << 22

_MAGIC = {
    b"\x1f\x8b": "gz",
    b"\xfd7zXZ\x00": "xz",
    b"\x28\xb5\x2f\xfd": "zst",
    b"PK\x03\x04": "zip",
    b"7z\xbc\xaf\x27\x1c": "7z",
}


def kind_of(head: bytes) -> str | None:
    """gz, xz, zst, zip or 7z by the first bytes of a file; None when it is not packed."""
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


@contextlib.contextmanager
def unpacked(path: Path, kind: str, progress: Progress) -> Iterator[tuple[Path, str]]:
    """The casefile in an archive as a file of its own, and its name; the file is gone when the block ends.

    Raises CasefileError with one line when the archive is damaged, locked, holds several casefiles or does not fit.
    """
    folder = path.parent if os.access(path.parent, os.W_OK) else Path(tempfile.gettempdir())
    try:
        handle, name = tempfile.mkstemp(prefix=".triage-", suffix=".unpacked", dir=folder)
    except OSError as error:
        raise CasefileError(f"{path} cannot be unpacked in {folder}: {error.strerror or error}") from error
    target = Path(name)
    try:
        with os.fdopen(handle, "wb") as out:
            inner = _unpack(path, kind, out, folder, progress)
        yield target, f"{inner} in {path.name}"
    finally:
        target.unlink(missing_ok=True)


def _unpack(path: Path, kind: str, out: IO[bytes], folder: Path, progress: Progress) -> str:
    """Write the packed casefile to `out`; returns its name."""
    try:
        with _opened(path, kind, folder) as (source, inner):
            room = min(MAX_BYTES, shutil.disk_usage(folder).free - SPARE_BYTES)
            _copy(source, out, room, path, progress)
            return inner
    except CasefileError:
        raise
    except Exception as error:  # every archive library has exceptions of its own for damaged input
        reason = " ".join(str(error).split()) or type(error).__name__
        raise CasefileError(f"{path} cannot be unpacked ({reason}); unpack it by hand or copy it again") from error


def _copy(source: IO[bytes], out: IO[bytes], room: int, path: Path, progress: Progress) -> None:
    done = 0
    while chunk := source.read(_CHUNK):
        done += len(chunk)
        if done > room:
            raise CasefileError(
                f"{path} unpacks to more than {room:,} bytes, which do not fit; unpack it on a larger disk and name "
                "the file itself"
            )
        out.write(chunk)
        if done % (64 * _CHUNK) == 0:
            progress(f"Unpacking, {done >> 20:,} MiB")


@contextlib.contextmanager
def _opened(path: Path, kind: str, folder: Path) -> Iterator[tuple[IO[bytes], str]]:
    """The packed casefile as a stream, and its name."""
    if kind == "gz":
        with gzip.open(path) as stream:
            yield stream, path.stem  # type: ignore[misc]
    elif kind == "xz":
        with lzma.open(path) as stream:
            yield stream, path.stem
    elif kind == "zst":
        zstandard = _library("zstandard", path)
        with path.open("rb") as packed, zstandard.ZstdDecompressor().stream_reader(packed) as stream:
            yield stream, path.stem
    elif kind == "zip":
        with zipfile.ZipFile(path) as archive:
            member = _one(path, [info.filename for info in archive.infolist() if not info.is_dir()])
            with archive.open(member) as stream:
                yield stream, Path(member).name
    else:
        yield from _seven_zip(path, folder)


def _seven_zip(path: Path, beside: Path) -> Iterator[tuple[IO[bytes], str]]:
    """py7zr writes files, so it writes into a folder of its own that goes with the block."""
    py7zr = _library("py7zr", path)
    with tempfile.TemporaryDirectory(prefix=".triage-", dir=beside) as folder:
        with py7zr.SevenZipFile(path) as archive:
            members = [entry for entry in archive.list() if not entry.is_directory]
            member = _one(path, [entry.filename for entry in members])
            size = next(entry.uncompressed for entry in members if entry.filename == member)
            if size > min(MAX_BYTES, shutil.disk_usage(folder).free // 2 - SPARE_BYTES):
                raise CasefileError(f"{path} unpacks to {size:,} bytes, which do not fit; unpack it on a larger disk")
            archive.extract(path=folder, targets=[member])
        unpacked_file = (Path(folder) / member).resolve()
        if Path(folder).resolve() not in unpacked_file.parents:
            raise CasefileError(f"{path} holds a file outside its own folder: {member!r}; it is not unpacked")
        with unpacked_file.open("rb") as stream:
            yield stream, unpacked_file.name


def _one(path: Path, names: list[str]) -> str:
    """The only casefile of an archive: a dump where there is just one, else the only file."""
    dumps = [name for name in names if name.lower().endswith((".dmp", ".mdmp"))]
    chosen = dumps or names
    if len(chosen) != 1:
        listed = ", ".join(sorted(chosen)[:5]) or "nothing"
        raise CasefileError(f"{path} holds {len(chosen)} files ({listed}), expected one casefile: unpack the one meant")
    return chosen[0]


def _library(name: str, path: Path) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise CasefileError(
            f"{path} needs the package {name}: pip install 'dumptriage[archives]', or unpack it by hand"
        ) from None
