"""Files the user names beside a casefile: settings and lists of tags."""

from pathlib import Path

from .errors import RulebookError


def read(file: Path, most: int, what: str) -> bytes:
    """The bytes of a file. Raises RulebookError where it cannot be read or has more than `most` bytes, which `what`
    (no list of pool tags is, settings are not) says cannot be right.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(most + 1)
    except OSError as error:
        raise RulebookError(f"{file}: cannot be read: {error.strerror}") from error
    if len(data) > most:
        raise RulebookError(f"{file}: larger than {most:,} bytes, which {what}")
    return data
