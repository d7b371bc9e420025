"""Tables of tags as people paste them into tickets: markdown, separated by blanks or commas, with thousands separators,
MB and percents. Their figures are rounded.

The header names the columns in any order and in English, German, French or Spanish: `tag | delta over 4.91 days`,
`Tag  NP_MB  share`, `Tag Allocs Frees Diff Bytes`. Without a header only lines that name their figures are read:
`WCsc  874 alloc / 0 free / 874 live`.
"""

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from .block import Line, Log, Parser
from .numbers import WHOLE, count, decimal_mark, joined, read

UNITS = {"b": 1, "byte": 1, "bytes": 1, "kb": 2**10, "kib": 2**10, "k": 2**10, "mb": 2**20, "mib": 2**20, "m": 2**20}
UNITS |= {"gb": 2**30, "gib": 2**30, "g": 2**30}
_UNIT = r"(?:bytes?|[KMG]i?B|[KMG])"
_SPANS = {"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0, "week": 604800.0}

_MEASURE = re.compile(rf"\s?(?P<unit>%|(?:{_UNIT})(?![\w]))", re.IGNORECASE)
_COUNTED = re.compile(
    rf"\s*[`'\"|]{{0,2}}(?P<tag>\S(?:.{{0,2}}\S)?)[`'\"|]{{0,2}}\s+(?P<allocs>{WHOLE})\s*alloc\w{{0,10}}\s*[/,;|]\s*"
    rf"(?P<frees>{WHOLE})\s*free\w{{0,3}}\s*(?:[/,;|]\s*(?P<live>{WHOLE})\s*(?:live|diff|outstanding)\b)?",
    re.IGNORECASE,
)
_TOTAL = re.compile(
    rf"[\s\-*#>|]*total\b[^=:\d]{{0,40}}?\b(?P<pool>non-?paged|paged)\b[^=:\d]{{0,30}}[=:]\s*~?"
    rf"(?P<number>\d[\d,]{{0,20}}(?:\.\d{{1,6}})?)\s*(?P<unit>{_UNIT})\b",
    re.IGNORECASE,
)
_SEPARATOR = re.compile(r"[\s|:+=-]{3,}$")
_SPAN = re.compile(r"(?P<number>\d{1,9}(?:\.\d{1,6})?)\s*(?P<unit>(?:second|minute|hour|day|week)s?|h|d)\b")
_CELL_TAG = re.compile(
    r"[\s*]*(?:[`'\"](?P<quoted>[^`'\"]{1,4})[`'\"]|(?P<bare>\S(?:.{0,2}\S)?)(?=[\s*]*$|\s+[(\[:-]))"
)
MAX_CELLS = 20
MAX_ROWS_FOR_MARKS = 60
"""Rows looked at for the mark of fractions."""

_MEANINGS = (
    ("growth", r"delta|growth|grown|increase|change|\bdiff over\b|zuwachs|zunahme|croissance|crecimiento"),
    ("skip", r"\bratio|\brate|\bper\b|/s\b|each|rank|\bavg|freed|peak|rows?$|\bpro\b|\bje\b|\bpar\b|\bpor\b"),
    ("share", r"share|%|percent|\bpct|anteil|prozent|pourcentage|porcentaje|^part$"),
    ("allocs", r"alloc|zuordnung|zuweisung|belegungen|asignacion"),
    ("frees", r"\bfrees?\b|freigabe|lib[eé]r|liberacion"),
    (
        "bytes",
        r"bytes?\b|\bused\b|(?:^|[_ (])[kmg]i?b(?:$|[_ )])|(?:^|[ (])[kmg]?o(?:$|[ )])|\bsize\b|gr(?:ö|oe)(?:ß|ss)e|"
        r"belegt|taille|octets|tama[ñn]o",
    ),
    ("outstanding", r"\bdiff\b|live|outstanding|\bcount\b|in use|differen[zc]|diff[eé]ren|anzahl|nombre|cantidad"),
    ("pool", r"^(?:pool[ -]?)?(?:type?|typ|tipo|art)$|^pool$"),
    ("description", r"descri|owner|driver|meaning|component|beschreibung|treiber|pilote|controlador"),
)
_NONPAGED = re.compile(
    r"non-?\s?paged|(?:^|[_ ])npp?(?:$|[_ ])|nonp|nicht[ -]?ausgelagert|non[ -]?pagin|no[ -]?pagin", re.IGNORECASE
)
_PAGED = re.compile(r"paged|(?:^|[_ ])pp(?:$|[_ ])|ausgelagert|pagin", re.IGNORECASE)
_COMMA_HEADERS = re.compile(
    r"zuordnung|zuweisung|freigabe|differen[z]|anteil|größe|groesse|taille|octets|tama[ñn]o|asignacion|liber",
    re.IGNORECASE,
)
"""Titles in a language that sets fractions apart by a comma."""


@dataclass(frozen=True, slots=True)
class _Column:
    """What a column holds, the unit its header names, the pool it is of and the time a growth is over."""

    meaning: str
    unit: int | None = None
    pool: str | None = None
    span_s: float | None = None


def parse_table(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read a table whose header has a tag column and at least one column of figures."""
    text = lines[start].text
    if "tag" not in text.lower():
        return start
    columns = _columns(text)
    if columns is None:
        return start
    comma = _separated(text)
    point = _point(text, comma, lines[start + 1 : start + MAX_ROWS_FOR_MARKS])
    end, index, rows = start + 1, start + 1, 0
    unread: list[Line] = []
    while index < len(lines):
        line = lines[index]
        if line.text and not _SEPARATOR.match(line.text):
            try:
                if not _read_row(columns, point, line, log, "|" in text, comma):
                    break
                rows += 1
            except ValueError:
                unread.append(line)
        if line.text:
            end = index + 1
        index += 1
    if unread:
        what = "A row" if len(unread) == 1 else f"{len(unread)} rows"
        text = f"{what} of the pasted table of tags could not be read for certain; left out."
        log.note("not-understood", "tags", text, unread[0], severity="warning")
    if rows == 0:
        return end if unread else start
    log.note("low-precision", "tags", f"A table of {rows} tags was pasted in; its figures are rounded.", lines[start])
    return end


def _separated(header: str) -> str:
    """The comma or semicolon between the cells of a table saved as text; empty where blanks, tabs or bars are."""
    if "|" in header or "\t" in header:
        return ""
    return next((mark for mark in ";," if all(cell.strip() for cell in header.split(mark)) and mark in header), "")


def _point(header: str, comma: str, below: Sequence[Line]) -> str | None:
    """The mark that sets fractions apart in this table, as far as it shows."""
    found = decimal_mark(cell for line in below for cell in _cells(line.text, comma=comma)[1:])
    # Where a list is separated by semicolons, the comma is the mark of fractions.
    return found or ("," if comma == ";" or _COMMA_HEADERS.search(header) else None)


def _cells(text: str, wanted: int = 0, comma: str = "") -> list[str]:
    """The cells of a line. Blanks in numbers are joined where single blanks separate the cells.

    Raises ValueError where more figures are left than there are columns.
    """
    if comma:
        found = next(csv.reader([text], delimiter=comma), [])
        return [cell.strip() for cell in found[:MAX_CELLS]]
    if "|" in text:
        return [cell.strip() for cell in text.strip().strip("|").split("|")[:MAX_CELLS]]
    cells = [cell.strip() for cell in re.split(r"\s{2,}|\t", text.strip())[:MAX_CELLS]]
    if len(cells) >= max(wanted, 2):
        return cells
    cells = text.split()[:MAX_CELLS]
    if wanted and len(cells) > wanted and cells[wanted][:1].isdigit():
        cells = joined(text).split()[:MAX_CELLS]
        if len(cells) > wanted and cells[wanted][:1].isdigit():
            raise ValueError("more figures than columns")
    return cells


def _columns(text: str) -> list[_Column] | None:
    cells = _cells(text, comma=_separated(text))
    if len(cells) < 2 or any(len(cell) > 60 for cell in cells):
        return None
    columns = [_column(cell) for cell in cells]
    figures = {"growth", "bytes", "allocs", "frees", "outstanding", "share"}
    tags = [column for column in columns if column.meaning == "tag"]
    return columns if len(tags) == 1 and any(column.meaning in figures for column in columns) else None


def _column(header: str) -> _Column:
    text = header.lower().strip("`*_ ")
    if text in ("tag", "pool tag", "pooltag", "tags", "tag name"):
        return _Column("tag")
    meaning = next((meaning for meaning, pattern in _MEANINGS if re.search(pattern, text)), "skip")
    unit = re.search(rf"(?:^|[\s_(])(?P<unit>{_UNIT})(?:$|[\s)_])", text, re.IGNORECASE)
    pool = None
    if _NONPAGED.search(text):
        pool = "nonpaged"
    elif _PAGED.search(text):
        pool = "paged"
    span = _SPAN.search(text)
    seconds = float(span["number"]) * _seconds(span["unit"]) if span else None
    return _Column(meaning, UNITS[unit["unit"].lower()] if unit else None, pool, seconds)


def _seconds(unit: str) -> float:
    return next(seconds for name, seconds in _SPANS.items() if name.startswith(unit.rstrip("s")))


def _read_row(columns: list[_Column], point: str | None, line: Line, log: Log, piped: bool, comma: str) -> bool:
    """Add the facts of one row; False where the line is not a row of this table.

    Raises ValueError where a cell holds digits that are no number of its column, or cells are missing.
    """
    if piped and "|" not in line.text:
        return False
    tag = _tag(columns, line.text, comma)
    if tag is None:
        return False
    cells = _cells(line.text, len(columns), comma)
    if len(cells) < 2:
        return False
    missing = any(column.meaning not in ("skip", "description") for column in columns[len(cells) :])
    pool = None
    figures: dict[str, tuple[float, _Column]] = {}
    for column, cell in zip(columns, cells, strict=False):
        if column.meaning == "pool":
            pool = _pool(cell)
        elif (
            column.meaning not in ("tag", "skip", "description") and (found := _figure(column, cell, point)) is not None
        ):
            figures[column.meaning] = (found, column)
    if not figures:
        return False
    if missing:
        raise ValueError("fewer cells than columns")
    growth = figures.pop("growth", None)
    if growth:
        _add_growth(tag, *growth, line, log)
    if figures:
        pool = pool or next((column.pool for _, column in figures.values() if column.pool), None)
        share = figures.get("share")
        whole = {name: round(value) for name, (value, _) in figures.items() if name != "share"}
        log.add(
            "tag",
            [line],
            verify=f"!poolused 2 {tag.rstrip()}",
            quality="rounded",
            tag=tag,
            pool=pool,
            share_of_pool=share[0] if share else None,
            share_basis="pool" if share else None,
            **_completed(whole),
        )
    return True


def _tag(columns: list[_Column], text: str, comma: str) -> str | None:
    """The tag of a row; None where its cell holds none."""
    at = next(index for index, column in enumerate(columns) if column.meaning == "tag")
    try:
        cells = _cells(text, len(columns), comma)
    except ValueError:  # the figures do not come out, which says nothing of the tag before them
        cells = text.split()[:MAX_CELLS]
    match = _CELL_TAG.match(cells[at]) if at < len(cells) else None
    return (match["quoted"] or match["bare"]).ljust(4) if match else None


def _pool(cell: str) -> str | None:
    text = cell.strip("`* ")
    if _NONPAGED.search(text) or text.lower() in ("n", "np"):
        return "nonpaged"
    return "paged" if _PAGED.search(text) or text.lower() in ("p", "pp") else None


def _figure(column: _Column, cell: str, point: str | None) -> float | None:
    """The number of a cell, in bytes where it is of bytes. A percent counts only in a column of shares.

    Raises ValueError for digits that are no number of this column.
    """
    text = cell.strip("`*")
    has_unit = re.search(rf"\d\s?(?:%|{_UNIT}\b)", text, re.IGNORECASE) is not None
    fractions = column.meaning == "share" or column.unit is not None or has_unit
    found = read(text, whole=not fractions, point=point)
    if found is None:
        return None
    number, rest = found
    measure = _MEASURE.match(rest)
    unit = measure["unit"].lower() if measure else ""
    if column.meaning == "share":
        return number if 0 <= number <= 100 else None
    if unit == "%" or (number < 0 and column.meaning != "growth"):
        return None
    if column.meaning in ("bytes", "growth"):
        return number * (UNITS.get(unit) or column.unit or 1)
    return number


def _completed(whole: dict[str, int]) -> dict[str, int]:
    """Add what allocations and frees say about the outstanding ones."""
    if "outstanding" not in whole and "allocs" in whole:
        if "frees" not in whole:
            whole["outstanding"] = whole["allocs"]
        elif whole["allocs"] >= whole["frees"]:
            whole["outstanding"] = whole["allocs"] - whole["frees"]
    return whole


def _add_growth(tag: str, change: float, column: _Column, line: Line, log: Log) -> None:
    log.add(
        "growth",
        [line],
        verify="poolmon, twice",
        quality="rounded",
        quantity="tag",
        subject=tag,
        tag=tag,
        change=round(change),
        unit="bytes" if column.unit or re.search(rf"\d\s?{_UNIT}\b", line.text) else "allocations",
        span_s=column.span_s,
        per_hour=change * 3600 / column.span_s if column.span_s else None,
        snapshots=2,
    )


def parse_counted(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read a line that names its figures: allocations, frees and live ones of a tag."""
    line = lines[start]
    match = _COUNTED.match(line.text) if "alloc" in line.text else None
    if match is None:
        return start
    allocs, frees = count(match["allocs"]), count(match["frees"])
    live = count(match["live"]) if match["live"] else max(0, allocs - frees)
    log.add(
        "tag",
        [line],
        verify=f"!poolused 3 {match['tag']}",
        quality="rounded",
        tag=match["tag"].ljust(4),
        allocs=allocs,
        frees=frees,
        outstanding=live,
    )
    return start + 1


def parse_total(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read `total tagged nonpaged = 21982 MB` below a table."""
    line = lines[start]
    match = _TOTAL.match(line.text) if "total" in line.text.lower() else None
    if match is None:
        return start
    try:
        found = read(match["number"].rstrip(), whole=False, point=None)
    except ValueError:
        return start
    if found is None:
        return start
    used = round(found[0] * UNITS[match["unit"].lower()])
    pool = "paged" if match["pool"].lower() == "paged" else "nonpaged"
    log.add("pool", [line], verify="!vm", quality="rounded", type=pool, used_bytes=used)
    return start + 1


PARSERS: tuple[Parser, ...] = (parse_table, parse_counted, parse_total)
