"""Mistakes in rule files: collected over all files, then shown together, one line each."""

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches

from .errors import RulebookError


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in a rule file; line and column count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Mistakes:
    """What is wrong, in the order of the files."""

    def __init__(self) -> None:
        self._lines: list[tuple[int, Place, str]] = []
        self._files: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, place: Place, what: str) -> None:
        """Note a mistake once."""
        entry = (self._files.setdefault(place.file, len(self._files)), place, what)
        if entry not in self._lines:
            self._lines.append(entry)

    def unknown(self, place: Place, what: str, word: str, valid: Iterable[str]) -> None:
        """Note an unknown word with the nearest valid one, or with all of them where none is near."""
        self.add(place, f'unknown {what} "{word}"; {nearest(word, valid)}')

    def lines(self) -> list[str]:
        """`file:line:column: what`, file by file from the top."""
        return [f"{place}: {what}" for _, place, what in sorted(self._lines)]

    def raise_if_any(self) -> None:
        """Raise a RulebookError with all lines."""
        if self._lines:
            raise RulebookError("\n".join(self.lines()))


def nearest(word: str, valid: Iterable[str]) -> str:
    """The hint behind an unknown word."""
    names = list(valid)
    close = get_close_matches(word, names, n=1, cutoff=0.5)
    if close:
        return f'the nearest is "{close[0]}"'
    shown = ", ".join(sorted(names)[:12]) + (", ..." if len(names) > 12 else "")
    return f"expected one of {shown}" if names else "there is none"
