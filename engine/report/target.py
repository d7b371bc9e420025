"""Where a report goes: which format an ending means, and a file that is there whole or not at all."""

import os
from pathlib import Path
from typing import Literal

from ..errors import OutputError, UsageError

Format = Literal["html", "pdf", "json", "zip"]

ENDINGS: dict[str, Format] = {".html": "html", ".htm": "html", ".pdf": "pdf", ".json": "json", ".zip": "zip"}


def check_target(path: Path) -> Format:
    """The format of a report path, after checks that need no report: ending, folder, permission.

    Raises UsageError for an ending that names no format, OutputError when no file can be written there.
    """
    form = ENDINGS.get(path.suffix.lower())
    if form is None:
        known = ", ".join(ENDINGS)
        raise UsageError(f"{path}: a report ends in one of {known}; give the file one of these endings")
    check_place(path)
    return form


def check_place(path: Path) -> None:
    """Make sure that a file can be written there. Raises OutputError."""
    target = path.resolve()
    folder = target.parent
    if not folder.is_dir():
        raise OutputError(f"{path}: the folder {folder} does not exist; create it or choose another")
    if target.exists() and not target.is_file():
        raise OutputError(f"{path}: is not a regular file and would be replaced; choose another name")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: the folder {folder} is not writable; choose another")


def write_atomically(path: Path, content: bytes, *, private: bool = False) -> None:
    """Write a file by way of a temporary one beside it; on failure an older file stays as it was.

    A `private` file is for its owner alone.
    """
    import tempfile

    target = path.resolve()
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=".triage-", suffix=".part")
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if not private:
            temporary.chmod(_permissions())
        temporary.replace(target)
    except OSError as error:
        raise OutputError(f"{path}: the file cannot be written: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _permissions() -> int:
    """What a file made by open() would get; mkstemp gives 0600."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask
