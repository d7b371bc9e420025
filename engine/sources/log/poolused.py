"""`!poolused` of every flag and version: tag facts.

Plain flags print `Tag  Allocs  Used` for one or both pools, where Allocs counts allocations not freed; verbose ones
(bit 0 of the flags) print `Tag  Allocs  Frees  Diff  Used`. The typed flag is not believed: the columns tell.
Old debuggers glue the description to the last number (`0        0UNKNOWN pooltag`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .block import Line, Log, Parser
from .numbers import count, joined
from .text import is_cut

_SIDES = re.compile(r"\s*(?:Session\s+)?(?:NonPaged|Paged)(?:\s+(?:NonPaged|Paged))?\s*$", re.IGNORECASE)
_COLUMNS = re.compile(
    r"\s*Tag\s+(?P<first>Allocs\s+(?P<verbose>Frees\s+Diff\s+)?Used)(?P<second>\s+Allocs\s+(?:Frees\s+Diff\s+)?Used)?\s*$",
    re.IGNORECASE,
)
_SORTING = re.compile(r"\s*Sorting\s+by\s+(?P<how>\S.{0,60})$", re.IGNORECASE)
_TITLE = re.compile(r"\s*(?:Session\s+)?Pool Used\s*:\s*$", re.IGNORECASE)
_NUMBERS = re.compile(r"\s+(-?(?:\d{1,3}(?:(?P<mark>[,.'])\d{3})(?:(?P=mark)\d{3}){0,6}(?!\d)|\d{1,20}))")
_LEFT_OVER = re.compile(r"\s*[.,']?\d")
_GROUP = re.compile(r" \d{3}(?!\d)|[.,']\d")
"""What is left over of a number in groups."""

_ROW_OF_FIGURES = re.compile(r"\s*\S.{0,3}\s+-?\d[\d.,' ]*\s")
_UNKNOWN = re.compile(r"UNKNOWN pooltag '(?P<tag>.{4})'", re.IGNORECASE)
_BINARY = re.compile(r"\s*,\s*Binary\s*:\s*(?P<owner>\S.{0,80})$", re.IGNORECASE)
_BUS_1394 = re.compile(r"(?P<number>\d*?)(?P<bus>1394) [A-Z]")

MAX_HEADING = 8
"""Lines between `Sorting by` and the columns, blank ones included."""

EXCERPT_ROWS = 40
"""A whole listing has hundreds of tags; fewer rows without a total are an excerpt."""


@dataclass(slots=True)
class _Table:
    sides: tuple[str | None, ...]
    verbose: bool
    rows: int = 0
    cut: Line | None = None
    total: bool = False
    suspect: Line | None = None
    first: Line | None = None
    unread: list[Line] = field(default_factory=list)

    @property
    def numbers(self) -> int:
        return len(self.sides) * (4 if self.verbose else 2)


@dataclass(frozen=True, slots=True)
class _Row:
    tag: str
    numbers: tuple[int, ...]
    rest: str


def parse(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read one table with its heading; rows without heading where their descriptions show what they are."""
    begun = _heading(lines, start) or _bare(lines, start)
    if begun is None:
        return start
    table, index = begun
    end = index
    while index < len(lines):
        line = lines[index]
        if line.text:
            if is_cut(line.text):
                table.cut = table.cut or line
            elif row := split_row(line.text, table.numbers):
                _add(table, row, line, log)
            elif _ROW_OF_FIGURES.match(line.text):
                table.unread.append(line)
            else:
                break
            end = index + 1
            if table.total:
                break
        index += 1
    _close(table, lines[start], log)
    return end


def _heading(lines: Sequence[Line], start: int) -> tuple[_Table, int] | None:
    """The table and the index of its first row, where a heading begins at `start`."""
    first = lines[start].text
    if not ("llocs" in first or "aged" in first or "orting" in first or "ool " in first):
        return None
    if not (_SORTING.match(first) or _TITLE.match(first) or _SIDES.match(first) or _COLUMNS.match(first)):
        return None
    sides: tuple[str | None, ...] = ()
    session = sort = ""
    for index in range(start, min(start + MAX_HEADING * 2, len(lines))):
        text = lines[index].text
        if not text:
            continue
        if "session" in text.lower():
            session = "session"
        if match := _SORTING.match(text):
            sort = match["how"].lower().replace(" ", "")
        elif _SIDES.match(text):
            sides = tuple(session or side.lower() for side in re.findall(r"NonPaged|Paged", text, re.IGNORECASE))
        elif match := _COLUMNS.match(text):
            printed = 2 if match["second"] else 1
            if len(sides) != printed:
                alone = "nonpaged" if "nonpaged" in sort else "paged" if "paged" in sort else None
                sides = ("nonpaged", "paged") if printed == 2 else (alone,)
            return _Table(sides, verbose=match["verbose"] is not None), index + 1
        elif not _TITLE.match(text):
            return None
    return None


def _bare(lines: Sequence[Line], start: int) -> tuple[_Table, int] | None:
    text = lines[start].text
    if not ("UNKNOWN pooltag" in text or ", Binary" in text):
        return None
    for table in (_Table(("nonpaged", "paged"), verbose=True), _Table(("nonpaged", "paged"), verbose=False)):
        row = split_row(text, table.numbers)
        if row and (not row.rest or not row.rest.lstrip()[:1].isdigit()):
            table.cut = lines[start]
            return table, start
    return None


def split_row(text: str, numbers: int) -> _Row | None:
    """A row as tag, numbers and the rest; None where the columns do not come out. `numbers` is how many there are.

    A tag may hold blanks and digits, so the longest one that leaves all the numbers is taken. Blanks may separate the
    groups of a number: such a row has numbers left over, and comes out in one way only when they are joined.
    """
    body = text.lstrip()
    width = 5 if body.startswith("TOTAL") else 4
    for length in range(min(width, len(body) - 1), 0, -1):
        if body[length - 1].isspace() or not body[length].isspace():
            continue
        row = _numbers_of(body[:length], body[length:], numbers)
        if row is None:
            continue
        if not _LEFT_OVER.match(row.rest) or _BUS_1394.match(row.rest.lstrip()):
            return row
        again = joined(body[length:])
        if again == body[length:]:  # the description begins with a digit
            return None if _GROUP.match(row.rest) else row
        row = _numbers_of(body[:length], again, numbers)
        return row if row and not _LEFT_OVER.match(row.rest) else None
    return None


def _numbers_of(tag: str, text: str, numbers: int) -> _Row | None:
    found: list[str] = []
    at = 0
    while len(found) < numbers and (match := _NUMBERS.match(text, at)):
        found.append(match.group(1))
        at = match.end()
    if len(found) < numbers:
        return None
    last, rest = _unglued(found[-1], text[at:])
    return _Row(tag, tuple(count(number) for number in [*found[:-1], last]), rest)


def _unglued(number: str, rest: str) -> tuple[str, str]:
    """Take a description that begins with a digit off the number it is glued to: `0` + `1394 OHCI host controller`."""
    if rest.startswith(" "):
        match = _BUS_1394.match(number + rest)
        if match and match.end("bus") == len(number) and match["number"]:
            return match["number"], number[match.end("number") :] + rest
    if len(number) > 1 and number.startswith("0"):
        return "0", number[1:] + rest
    return number, rest


def _add(table: _Table, row: _Row, line: Line, log: Log) -> None:
    table.first = table.first or line
    if row.tag == "TOTAL":
        table.total = True
        for side, allocs, _, _, used in _by_side(table, row):
            if side and side != "session" and (used or allocs):
                log.add("pool", [line], verify="!poolused", type=side, used_bytes=used)
        return
    table.rows += 1
    unknown = _UNKNOWN.search(row.rest)
    tag = (unknown["tag"] if unknown else row.tag.ljust(4))[:4]
    description, owner = (None, None) if unknown else describe(row.rest)
    for side, allocs, frees, outstanding, used in _by_side(table, row):
        if not (allocs or used):
            continue
        wrong = min(allocs, outstanding, used) < 0 or (frees is not None and (allocs - frees - outstanding) % 2**32)
        if wrong:
            table.suspect = table.suspect or line
        if min(allocs, outstanding, used, frees or 0) < 0:
            continue
        log.add(
            "tag",
            [line],
            verify=f"!poolused {(4 if side == 'paged' else 2) + table.verbose} {tag.rstrip()}",
            quality="suspect" if wrong else "exact",
            tag=tag,
            pool=side,
            allocs=allocs,
            frees=frees,
            outstanding=outstanding,
            bytes=used,
            description=description,
            owner=owner,
        )


def _by_side(table: _Table, row: _Row) -> list[tuple[str | None, int, int | None, int, int]]:
    """Side, allocs, frees, outstanding and bytes of each side of a row."""
    width = 4 if table.verbose else 2
    sides: list[tuple[str | None, int, int | None, int, int]] = []
    for number, side in enumerate(table.sides):
        figures = row.numbers[number * width : (number + 1) * width]
        if table.verbose:
            sides.append((side, figures[0], figures[1], figures[2], figures[3]))
        else:
            sides.append((side, figures[0], None, figures[0], figures[1]))
    return sides


def describe(rest: str) -> tuple[str | None, str | None]:
    """Description and owner of `Etw Buffer , Binary: nt!etw`; None for what is not said."""
    match = _BINARY.search(rest)
    text = " ".join((rest[: match.start()] if match else rest).split())
    return text or None, match["owner"].strip() if match else None


def _close(table: _Table, heading: Line, log: Log) -> None:
    if table.suspect:
        text = "A row of the tag list has counters that contradict one another (allocations, frees, difference)."
        log.note("impossible-counter", "tags", text, table.suspect, severity="warning")
    if table.unread:
        rows = "A row" if len(table.unread) == 1 else f"{len(table.unread)} rows"
        text = f"{rows} of the tag list could not be read, as its numbers do not fit the columns; left out."
        log.note("not-understood", "tags", text, table.unread[0], severity="warning")
    if table.rows and (table.cut or table.unread or (not table.total and table.rows < EXCERPT_ROWS)):
        rows = "1 tag" if table.rows == 1 else f"{table.rows} tags"
        text = f"The tag list is cut: {rows} of it are here. Each row stands, but tags may be missing."
        log.note("cut-list", "tags", text, table.cut or heading)


PARSERS: tuple[Parser, ...] = (parse,)
