"""Numbers as people and tools print them: digits in groups of three, and fractions.

The groups are set apart by one mark throughout (blank, comma, dot or apostrophe; no-break blanks are blanks by now),
and a fraction by the other mark. `1.234` and `1,234` alone are either: whole counters, such as those of the debugger,
have no fraction, and in other columns the rest of the table decides.
"""

import re
from collections.abc import Iterable

GROUPED = r"(?:\d{1,3}(?:,\d{3}){1,7}|\d{1,3}(?:\.\d{3}){1,7}|\d{1,3}(?:'\d{3}){1,7}|\d{1,3}(?: \d{3}){1,7})(?!\d)"
WHOLE = rf"(?:{GROUPED}|\d{{1,20}})"
"""Regular expression of a whole number, in groups of three or not."""

_SEPARATORS = str.maketrans("", "", ",.' ")
_CELL = re.compile(
    r"\s*[~+]?\s?(?P<sign>-?)(?P<whole>(?!0[ ,.'])\d{1,3}(?P<mark>[ ,.'])\d{3}(?:(?P=mark)\d{3}){0,7}(?!\d)|\d{1,20})"
    r"(?:(?P<point>[.,])(?P<fraction>\d{1,9}))?"
)
_LEFT_OVER = re.compile(r"\s?[.,']?\d|[.,']\s?\d")
_COMMA = re.compile(r"(?<![\d,.])(?:\d{1,3}(?:\.\d{3}){2,7}|\d{1,20}(?:\.\d{3}){0,7},(?:\d{1,2}|\d{4,6}))(?![\d,.])")
_DOT = re.compile(r"(?<![\d,.])(?:\d{1,3}(?:,\d{3}){2,7}|\d{1,20}(?:,\d{3}){0,7}\.(?:\d{1,2}|\d{4,6}))(?![\d,.])")
_BLANKS = re.compile(r"(?<![\d,.'-])\d{1,3}(?: \d{3})+(?![\d,.'])")


def count(text: str) -> int:
    """A whole number with or without thousands separators, as `WHOLE` matches it."""
    return int(text.translate(_SEPARATORS))


def joined(text: str) -> str:
    """The text with the blanks taken out of numbers whose groups they separate: `5 215 807   3` is `5215807   3`."""
    return _BLANKS.sub(lambda match: match.group().replace(" ", ""), text)


def decimal_mark(texts: Iterable[str]) -> str | None:
    """The mark of fractions in a table, from its numbers that can be read in one way only; None where none can, or
    where they contradict one another."""
    comma = dot = False
    for text in texts:
        comma = comma or _COMMA.search(text) is not None
        dot = dot or _DOT.search(text) is not None
    return None if comma == dot else "," if comma else "."


def read(text: str, *, whole: bool, point: str | None) -> tuple[float, str] | None:
    """The number a cell begins with and the text behind it; None where it begins with none.

    `whole` says that the number has no fraction, `point` which mark sets fractions apart in this table, if known.
    Raises ValueError for digits that make no one number, and for a fraction of a whole number.
    """
    match = _CELL.match(text)
    if match is None:
        return None
    rest = text[match.end() :]
    mark, sign = match["mark"], -1 if match["sign"] else 1
    groups, fraction = match["whole"], match["fraction"]
    if _LEFT_OVER.match(rest) or (fraction and mark == match["point"]):
        raise ValueError(f"{text.strip()[:40]!r} is no number")
    if mark in (",", ".") and fraction is None and groups.count(mark) == 1 and not whole and mark == (point or "."):
        return sign * float(groups.replace(mark, ".")), rest
    if fraction is None:
        return sign * float(count(groups)), rest
    if whole:
        raise ValueError(f"{text.strip()[:40]!r} is no whole number")
    return sign * float(f"{count(groups)}.{fraction}"), rest
