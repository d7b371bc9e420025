"""Mistakes for people: one line each, and under it the line of the file with a caret."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from ..mistakes import Mistake
from .check import Checked

MAX_WIDTH = 110
"""Columns shown of a long line."""


def to_text(checked: Checked) -> str:
    """All mistakes, then their number."""
    parts = [line for one in checked.mistakes for line in _mistake(one, checked.lines.get(one.place.file, []))]
    warnings = len(checked.mistakes) - checked.errors
    faulty = len({one.place.file for one in checked.mistakes})
    files = _counted(len(checked.files), "file")
    if not checked.mistakes:
        parts.append(f"{files} checked: no mistakes")
    else:
        found = " and ".join(
            text
            for text in (
                _counted(checked.errors, "mistake") if checked.errors else "",
                _counted(warnings, "warning") if warnings else "",
            )
            if text
        )
        parts.append(f"{files} checked: {found} in {_counted(faulty, 'file')}")
    return "\n".join(parts) + "\n"


def short(file: str) -> str:
    """A file as one would name it from the working directory."""
    try:
        return str(Path(file).resolve().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return file


def _mistake(one: Mistake, lines: list[str]) -> Iterator[str]:
    place = one.place
    warning = "warning: " if one.severity == "warning" else ""
    yield f"{short(place.file)}:{place.line}:{place.column}: {warning}{one.what} [{one.code}]"
    if not 0 < place.line <= len(lines):
        return
    line = lines[place.line - 1]
    start = max(0, place.column - MAX_WIDTH * 2 // 3) if len(line) > MAX_WIDTH else 0
    cut = "".join(_visible(char) for char in line[start : start + MAX_WIDTH]).rstrip()
    before = sum(_width(_visible(char)) for char in line[start : place.column - 1])
    yield f"{place.line:>6} | {cut}"
    yield f"{'':>6} | {' ' * before}^"


def _visible(char: str) -> str:
    return " " if char == "\t" else char if char.isprintable() else "\N{REPLACEMENT CHARACTER}"


def _width(char: str) -> int:
    return 0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
