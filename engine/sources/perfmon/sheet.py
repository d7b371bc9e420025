r"""The rows of a Performance Monitor log: paths of counters in the header, one sample a line below it.

    "(PDH-CSV 4.0) (W. Europe Standard Time)(-60)","\\SRV\Memory\Available Bytes","\\SRV\Process(a)\Handle Count"
    "09/08/2026 12:35:45.166","1184972800","351"

Cells are set apart by commas, semicolons or tabs, and are quoted or, after a spreadsheet saved the file, not. Fractions
have a point or a comma. A cell that is blank, negative or no finite number was not read. The last parenthesis of the
first cell is the offset of the clock in minutes, UTC minus local time; typeperf leaves it out on the console.
"""

import csv
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from mmap import mmap
from operator import itemgetter
from typing import TYPE_CHECKING

from ...errors import CasefileError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES = 1 << 30
MAX_LINE = 1 << 25
MAX_COLUMNS = 200_000
MAX_SAMPLES = 200_000
MAX_VALUES = 1 << 24
"""Readings kept of one file: 128 MB of them."""

IMPOSSIBLE = 2.0**62
"""No counter of a machine comes near; what does is a defect of the counter."""

_MARK = re.compile(r'\s*"?\(PDH-[CT]SV 4\.0\)')
_OFFSET = re.compile(r"\((-?\d{1,4})\)\s*$")
_TIME = re.compile(
    r"\s*(?P<a>\d{1,4})(?P<mark>[/.-])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,4})[ T]\s?(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d{1,9}))?)?\s*$"
)
_NUMBER = re.compile(r"\s*\+?(?P<number>\d{1,40}(?:[.,]\d{0,40})?(?:[eE][+-]?\d{1,3})?)\s*$")
_COMMA = re.compile(r"\s*\d{1,40},\d{1,40}(?:[eE][+-]?\d{1,3})?\s*$")
_ROWS_LOOKED_AT = 50
"""Rows looked at for the mark of fractions and the order of day and month."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The columns asked for. `values` has shape (samples, columns), NaN where nothing was read; `times` are of the
    local clock, `offset_s` what to add to get UTC, None where the header does not say. `unread` counts rows that do
    not fit the header or have no time, `impossible` readings no machine can have."""

    paths: tuple[str, ...]
    times: tuple[datetime, ...]
    lines: tuple[int, ...]
    values: "NDArray[np.float64]"
    offset_s: int | None
    unread: int
    impossible: int


def is_perfmon(head: bytes) -> bool:
    """Whether a file begins as Performance Monitor's text logs do."""
    return _MARK.match(_decoded(head[:256]).lstrip()) is not None


def is_binary(head: bytes, name: str) -> bool:
    """Whether a file is a binary log of Performance Monitor: since Vista an event trace, whose first event has a
    system header (type 1 or 2 and the flags c0 at 4a of the file), before that known by its name alone."""
    size = int.from_bytes(head[:4], "little")  # of the buffers the trace is made of
    trace = 0 < size <= 1 << 24 and size % 1024 == 0 and head[0x4A:0x4C] in (b"\1\xc0", b"\2\xc0")
    return trace or (name.lower().endswith(".blg") and b"\0" in head and not is_perfmon(head))


def read(data: bytes | mmap, choose: Callable[[Sequence[str]], Sequence[int]]) -> Sheet:
    """The columns that `choose` picks of the paths in the header, by their index. Raises CasefileError."""
    import numpy as np

    if len(data) > MAX_BYTES:
        raise CasefileError(f"the log has {len(data):,} bytes, more than the {MAX_BYTES:,} read; {_thin()}")
    lines = _lines(data)
    number, header = next(((n, line) for n, line in lines if line.strip()), (0, ""))
    separator = _separator(header)
    paths = _cells(header, separator)
    while len(paths) > 1 and not paths[-1].strip():
        paths.pop()
    if len(paths) < 2:
        raise CasefileError(f"the header in line {number} names no counter; export the log again: {RELOG}")
    if len(paths) > MAX_COLUMNS:
        raise CasefileError(f"the log has {len(paths):,} counters, more than the {MAX_COLUMNS:,} read; {_fewer()}")
    columns = list(choose(paths[1:]))
    rows = _Rows(separator, len(paths), columns)
    for number, line in lines:
        if not line.strip() or line == header:
            continue
        if _MARK.match(line):
            raise CasefileError(f"another log with other counters begins in line {number}; cut the file there")
        rows.take(number, line)
        if len(rows.lines) > MAX_SAMPLES or len(rows.lines) * len(columns) > MAX_VALUES:
            raise CasefileError(
                f"the log has more than {len(rows.lines) - 1:,} samples of {len(columns):,} counters; {_thin()}"
            )
    values = np.array(rows.values, dtype=np.float64).reshape(len(rows.lines), len(columns))
    impossible = int(np.count_nonzero(values >= IMPOSSIBLE))
    values[~((values >= 0) & (values < IMPOSSIBLE))] = np.nan
    times, lines_read, kept = _times(rows)
    offset = _OFFSET.search(paths[0])
    return Sheet(
        tuple(paths[index + 1] for index in columns),
        times,
        lines_read,
        values[kept],
        int(offset[1]) * 60 if offset else None,
        rows.unread + len(rows.lines) - len(kept),
        impossible,
    )


RELOG = "relog FILE -f csv -o out.csv"


def _thin() -> str:
    return f"keep every tenth sample with: {RELOG} -t 10"


def _fewer() -> str:
    return f"list the counters wanted in a file and use: {RELOG} -cf counters.txt"


class _Rows:
    """Collects the samples. Numbers are read a row at a time, by the one conversion that is fast, and cell by cell
    only where a row has cells that are no plain number."""

    def __init__(self, separator: str, width: int, columns: Sequence[int]) -> None:
        self._separator = separator
        self._width = width
        self._comma: bool | None = None
        self._looked_at = 0
        self._pick = self._picker([index + 1 for index in columns])
        self.cells: list[str] = []
        self.lines: list[int] = []
        self.values: list[NDArray[np.float64]] = []
        self.unread = 0

    @staticmethod
    def _picker(indices: Sequence[int]) -> Callable[[Sequence[str]], Sequence[str]]:
        if len(indices) == 1:
            return lambda cells: [cells[indices[0]]]
        return itemgetter(*indices) if indices else lambda _: ()

    def take(self, number: int, line: str) -> None:
        if '" "' in line or '""' in line:
            line = line.replace('" "', '"nan"').replace('""', '"nan"')
        cells = _cells(line, self._separator)
        if len(cells) < self._width or any(cell.strip() for cell in cells[self._width :]):
            self.unread += len(cells) > 1
            return
        self.values.append(self._numbers(self._pick(cells), "_" in line))
        self.cells.append(cells[0])
        self.lines.append(number)

    def _numbers(self, cells: Sequence[str], odd: bool) -> "NDArray[np.float64]":
        import numpy as np

        if not self._comma and self._looked_at < _ROWS_LOOKED_AT:
            self._looked_at += 1
            self._comma = any(_COMMA.match(cell) for cell in cells)
        if self._comma:
            cells = "\x1f".join(cells).replace(",", ".").split("\x1f") if cells else cells
        try:
            if not odd:  # float() takes digits set apart by underscores, which no counter has
                return np.fromiter(map(float, cells), np.float64, len(cells))
        except ValueError:
            pass
        return np.fromiter(map(_number, cells), np.float64, len(cells))


def _number(cell: str) -> float:
    match = _NUMBER.match(cell)
    return float(match["number"]) if match and "," not in match["number"] else float("nan")


def _lines(data: bytes | mmap) -> Iterator[tuple[int, str]]:
    """Numbered lines. They are found in the bytes, so that a large file is never decoded as a whole."""
    if data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) or data[1:2] == b"\0":
        data = _decoded(data[:]).encode()
    start, number = 3 if data[:3] == BOM_UTF8 else 0, 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        if end - start > MAX_LINE:
            raise CasefileError(f"line {number + 1} of the log has {end - start:,} bytes; {_fewer()}")
        number += 1
        yield number, _decoded(data[start:end]).rstrip("\r\n\0")
        start = end + 1


def _decoded(data: bytes) -> str:
    if data[:2] in (BOM_UTF16_LE, BOM_UTF16_BE):
        return data.decode("utf-16", errors="replace").lstrip("\ufeff")
    if data[1:2] == b"\0":
        return data.decode("utf-16-le", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _separator(header: str) -> str:
    """The mark between cells: what follows the first quoted cell, else the mark before the first path."""
    text = header.lstrip()
    if text.startswith('"'):
        end = text.find('"', 1)
        if 0 < end < len(text) - 1 and text[end + 1] in ",;\t":
            return text[end + 1]
    return max(",;\t", key=lambda mark: header.count(mark + "\\") + header.count(mark + '"\\'))


def _cells(line: str, separator: str) -> list[str]:
    text = line.strip(" ")
    if '"' not in text:
        return text.split(separator)
    if text[:1] == text[-1:] == '"' and len(text) > 1:
        cells = text[1:-1].split(f'"{separator}"')
        if not any('"' in cell for cell in cells[:2]) and text.count('"') == 2 * len(cells):
            return cells
    try:
        return next(csv.reader([text], delimiter=separator), [])
    except csv.Error:
        return []


def _times(rows: _Rows) -> tuple[tuple[datetime, ...], tuple[int, ...], list[int]]:
    """The local times of the samples, their lines, and the indices of the samples that have one.

    Performance Monitor writes month, day, year in every country. A spreadsheet that saved the file may have turned
    them round, which shows where there is no thirteenth month.
    """
    found = [_TIME.match(cell) for cell in rows.cells]
    month_first = not any(match and match["mark"] == "/" and int(match["a"]) in range(13, 32) for match in found)
    times: list[datetime] = []
    kept: list[int] = []
    for index, match in enumerate(found):
        time = _time(match, month_first) if match else None
        if time is not None:
            times.append(time)
            kept.append(index)
    return tuple(times), tuple(rows.lines[index] for index in kept), kept


def _time(match: re.Match[str], month_first: bool) -> datetime | None:
    first, second, third = int(match["a"]), int(match["b"]), int(match["c"])
    if len(match["a"]) == 4:
        year, month, day = first, second, third
    elif match["mark"] == "/" and month_first:
        month, day, year = first, second, third
    else:
        day, month, year = first, second, third
    if not 1990 <= year < 9999:
        return None
    try:
        time = datetime(year, month, day, int(match["hour"]), int(match["minute"]), int(match["second"] or 0))
    except ValueError:
        return None
    return time + timedelta(microseconds=int((match["fraction"] or "0")[:6].ljust(6, "0")))
