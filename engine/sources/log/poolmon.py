"""One screen or `-n` snapshot of poolmon: tags, and the memory header above them.

The lines of poolmon are known here, once; `sources.poolmon` reads whole logs of them by the same patterns.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .block import Line, Log, Parser
from .numbers import WHOLE, count, joined
from .text import is_cut

MEMORY = re.compile(r"\s*Memory:\s*(?P<memory>\d{1,15})K\s+Avail:\s*(?P<available>\d{1,15})K\b", re.IGNORECASE)
COMMIT = re.compile(
    r"\s*Commit:\s*(?P<commit>\d{1,15})K\s*Limit:\s*(?P<limit>\d{1,15})K\s*Peak:\s*(?P<peak>\d{1,15})K\s+"
    r"Pool N:\s*(?P<nonpaged>\d{1,15})K\s*P:\s*(?P<paged>\d{1,15})K",
    re.IGNORECASE,
)
COLUMNS = re.compile(r"[\s#]*Tag\s+Type\s+Allocs\s+Frees\s+Diff\s+Bytes", re.IGNORECASE)
SCOPE = re.compile(r"\s*(?:System|All sessions|(?P<session>Session \d+)) pool information", re.IGNORECASE)
RULE = re.compile(r"\s*[-=*_]{5,}\s*$")
_ROW = re.compile(
    r"\s*(?P<tag>\S(?:.{0,2}\S)?)\s+(?P<pool>Nonp|Paged)\s+(?P<numbers>[-\d.,'\s()]*)(?P<rest>.*)$", re.IGNORECASE
)
_CHANGE = re.compile(r"\(\s{0,20}-?\d{1,20}\s{0,20}\)")
_NUMBER = re.compile(rf"-?{WHOLE}")
_DRIVER = re.compile(r"\[(?P<driver>[\w.+-]{1,40})(?:\s*-+\s*(?P<description>[^\]]{0,80}))?\]?\s*$")

KB = 1024

FEW_ROWS = 20
"""A list of fewer tags was cut or asked for by tag: the smallest Windows has some hundred."""

WHOLE_LIST = 0.9
"""Share of a pool's pages from which the tags listed are all there are; the rest of the pages is free or overhead."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as printed. `changes` says that the changes since the last update are there, as on every screen;
    `-n` snapshots have none. `doubt` says why the row is not to be believed, and is empty where it fits together."""

    tag: str
    pool: str
    allocs: int
    frees: int
    outstanding: int
    bytes: int
    each: int
    changes: bool
    rest: str
    doubt: str


def row_of(text: str) -> Row | None:
    """The row a line holds; None where it is none."""
    match = _ROW.match(text)
    if match is None:
        return None
    numbers, changes = _CHANGE.subn("  ", match["numbers"])
    cells = numbers.split()
    grouped = len(cells) != 5
    if grouped:  # digits in groups set apart by single blanks
        cells = joined(numbers).split()
    if len(cells) != 5 or not all(_NUMBER.fullmatch(cell) for cell in cells):
        return None
    allocs, frees, diff, used, each = map(count, cells)
    if allocs < 0 or frees < 0 or used < 0:
        return None
    doubt = ""
    if (allocs - frees - diff) % 2**32:  # Allocs and Frees of 32 bits may have wrapped apart
        doubt = "columns" if grouped else "Diff is not Allocs minus Frees"
    elif abs(used - each * diff) > diff >= 0:
        doubt = "Per Alloc is not Bytes by Diff"
    pool = "nonpaged" if match["pool"].lower() == "nonp" else "paged"
    return Row(match["tag"].ljust(4), pool, allocs, frees, diff, used, each, changes > 0, match["rest"], doubt)


def parse(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read one screen, or rows of one."""
    if not _begins(lines[start].text):
        return start
    pool = ""
    end = index = start
    memory = commit = None
    cut = False
    rows: list[tuple[Line, Row]] = []
    while index < len(lines):
        line = lines[index]
        text = line.text
        if text:
            if match := MEMORY.match(text):
                if memory or rows:
                    break
                memory = match
                _add_memory(match, lines[index : index + 3], log)
            elif match := COMMIT.match(text):
                if commit or rows:
                    break
                commit = match
                _add_pools(match, line, log)
            elif row := row_of(text):
                rows.append((line, row))
                _add_tag(row, pool, line, log)
            elif match := SCOPE.match(text):
                pool = "" if "system pool" in text.lower() else "session"
            elif is_cut(text):
                cut = True
            elif not (COLUMNS.match(text) or RULE.match(text)):
                break
            end = index + 1
        index += 1
    if rows and (cut or len(rows) < FEW_ROWS):
        log.note("cut-list", "tags", f"The poolmon list is cut; rows found: {len(rows)}.", rows[0][0])
    elif rows and not _all_tags([row for _, row in rows], commit):
        text = f"A poolmon screen shows the {len(rows)} tags that fit on it; sums over its tags are lower bounds."
        log.note("cut-list", "tags", text, rows[0][0])
    return end


def _all_tags(rows: Sequence[Row], commit: re.Match[str] | None) -> bool:
    """Whether a list holds all tags: a `-n` snapshot does, a screen where its bytes make up the pools."""
    if not any(row.changes for row in rows):
        return True
    if commit is None:
        return False
    listed = dict.fromkeys((row.pool for row in rows), 0)
    for row in rows:
        listed[row.pool] += row.bytes
    return all(used >= WHOLE_LIST * KB * int(commit[pool]) for pool, used in listed.items())


def _begins(text: str) -> bool:
    if "K" in text and (MEMORY.match(text) or COMMIT.match(text)):
        return True
    lowered = text.lower()
    if "nonp" in lowered or "paged" in lowered:
        return row_of(text) is not None
    return "tag" in lowered and COLUMNS.match(text) is not None


def _add_memory(match: re.Match[str], near: Sequence[Line], log: Log) -> None:
    commit = next((found for line in near if (found := COMMIT.match(line.text))), None)
    log.add(
        "memory",
        [near[0]],
        verify="poolmon",
        physical_bytes=int(match["memory"]) * KB,
        available_bytes=int(match["available"]) * KB,
        committed_bytes=int(commit["commit"]) * KB if commit else None,
        commit_limit_bytes=int(commit["limit"]) * KB if commit else None,
        peak_commit_bytes=int(commit["peak"]) * KB if commit else None,
    )


def _add_pools(match: re.Match[str], line: Line, log: Log) -> None:
    for pool in ("nonpaged", "paged"):
        log.add("pool", [line], verify="poolmon", type=pool, used_bytes=int(match[pool]) * KB)


def _add_tag(row: Row, pool: str, line: Line, log: Log) -> None:
    if not (row.allocs or row.bytes) or row.outstanding < 0:
        return
    if row.doubt == "columns":
        text = f"The row of tag {row.tag.strip()} was left out, as its numbers do not fit the columns."
        log.note("not-understood", "tags", text, line, severity="warning")
        return
    driver = _DRIVER.search(row.rest)
    log.add(
        "tag",
        [line],
        verify=f"poolmon -i{row.tag.strip()}",
        quality="suspect" if row.doubt else "exact",
        tag=row.tag,
        pool=pool or row.pool,
        allocs=row.allocs,
        frees=row.frees,
        outstanding=row.outstanding,
        bytes=row.bytes,
        description=" ".join((driver["description"] or "").split()) or None if driver else None,
        owner=driver["driver"] if driver else None,
    )


PARSERS: tuple[Parser, ...] = (parse,)
