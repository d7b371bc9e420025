"""The rows of a poolmon log in bulk: 750,000 of them in a second, read as arrays and not one by one.

Rows as poolmon prints them (tag, type and numbers in their places, ASCII) are read here with numpy; all other lines
are handed back, rows among them that were edited or hold a tag that is not ASCII.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ...errors import CasefileError
from .lines import MAX_LINE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_ROWS = 4_000_000
"""Rows of one file; 2,700 snapshots of 1,500 tags."""
MAX_OTHER_LINES = 200_000
"""Lines of one file that are no plain rows: each is looked at by itself."""

_CHUNK = 1 << 21
"""Bytes read at once, so that the arrays stay in the cache of the processor."""
_HEAD = 11
"""Bytes of a row before its numbers: the tag, a blank, the type and a blank."""
_PAGED = 1 << 32
"""Set in the key of a row of paged pool; the tag is in the low 32 bits."""

# Digits and signs stay, what may stand between numbers becomes a blank, all else a mark that ends the numbers.
_MARK = 1
_BODY = bytes(c if c in b"0123456789-" else 32 if c in b" ()\t\r\n" else _MARK for c in range(256))


@dataclass(frozen=True, slots=True)
class OtherLine:
    """A line that is no plain row: its number from 0, where it begins in the data, and its first bytes."""

    number: int
    offset: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in the order of the file. `line` is the number of the line from 0, `key` the tag and the pool (`key_of`),
    `numbers` the columns Allocs, Frees, Diff, Bytes and Per Alloc, int64, one row each."""

    line: "NDArray[np.int64]"
    key: "NDArray[np.uint64]"
    numbers: "NDArray[np.int64]"


def key_of(tag: str, pool: str) -> int | None:
    """The key of a tag of four ASCII characters; None for others."""
    raw = tag.encode("ascii", errors="replace")
    if len(raw) != 4 or not tag.isascii():
        return None
    return int.from_bytes(raw, "little") | (_PAGED if pool == "paged" else 0)


def tag_of(key: int) -> tuple[str, str]:
    """The tag and pool of a key."""
    return (key & 0xFFFFFFFF).to_bytes(4, "little").decode("ascii"), "paged" if key & _PAGED else "nonpaged"


def scan(data: bytes) -> tuple[Rows, list[OtherLine]]:
    """The plain rows of a text, and all other lines that are not blank.

    Raises CasefileError where there are more of either than any honest log has.
    """
    import numpy as np

    parts: list[Rows] = []
    others: list[OtherLine] = []
    position = line = count = 0
    while position < len(data):
        end = data.rfind(b"\n", position, position + _CHUNK) + 1
        if end <= position:  # one line longer than a chunk, or the rest of the file
            end = data.find(b"\n", position) + 1 or len(data)
            if end - position > _CHUNK:
                others.append(OtherLine(line, position, data[position : min(end, position + MAX_LINE)].rstrip(b"\n")))
                position, line = end, line + 1
                continue
        rows, rest, lines = _chunk(data, position, end, line)
        parts.append(rows)
        others.extend(rest)
        position, line, count = end, line + lines, count + len(rows.line)
        if count > MAX_ROWS or len(others) > MAX_OTHER_LINES:
            raise CasefileError(
                f"the poolmon log has more than {MAX_ROWS:,} rows or {MAX_OTHER_LINES:,} other lines; "
                "cut it to the snapshots of interest"
            )
    empty = Rows(np.empty(0, np.int64), np.empty(0, np.uint64), np.empty((0, 5), np.int64))
    parts = parts or [empty]
    return (
        Rows(
            np.concatenate([part.line for part in parts]),
            np.concatenate([part.key for part in parts]),
            np.concatenate([part.numbers for part in parts]),
        ),
        others,
    )


def _chunk(data: bytes, begin: int, end: int, first_line: int) -> tuple[Rows, list[OtherLine], int]:
    """The plain rows and the other lines of a piece of the data that ends with a line, and how many lines it has."""
    import numpy as np

    raw = np.frombuffer(data, np.uint8, end - begin, begin)
    ends = np.flatnonzero(raw == 10)
    if raw[-1] != 10:
        ends = np.append(ends, len(raw))
    starts = np.concatenate((np.zeros(1, np.int64), ends[:-1] + 1))
    lines, tags, key = _tags(raw, starts, ends)
    body = np.frombuffer(bytearray(data[begin:end].translate(_BODY)), np.uint8)
    other = np.ones(len(starts), np.bool_)
    other[lines] = False
    for index in np.flatnonzero(other).tolist():
        body[starts[index] : ends[index]] = 32
    if len(lines):
        np.lib.stride_tricks.sliding_window_view(body, _HEAD, writeable=True)[tags] = 32
    numbers, plain = _numbers(body, tags + _HEAD, ends[lines])
    other[lines[~plain]] = True
    others = [
        OtherLine(first_line + index, begin + int(starts[index]), line)
        for index in np.flatnonzero(other & (ends - starts > 1)).tolist()
        if (line := data[begin + int(starts[index]) : begin + int(min(ends[index], starts[index] + MAX_LINE))]).strip()
    ]
    return Rows(lines[plain] + first_line, key[plain], numbers), others, len(starts)


def _tags(
    raw: "NDArray[np.uint8]", starts: "NDArray[np.int64]", ends: "NDArray[np.int64]"
) -> tuple["NDArray[np.int64]", "NDArray[np.int64]", "NDArray[np.uint64]"]:
    """The lines that begin with a tag, behind one blank or none, and its type; where the tag begins; their keys."""
    import numpy as np

    lines = np.flatnonzero(ends - starts > _HEAD + 1)
    tags = starts[lines] + (raw[starts[lines]] == 32)
    if not len(lines):
        return lines, tags, tags.astype(np.uint64)
    heads = np.lib.stride_tricks.sliding_window_view(raw, _HEAD)[tags]
    tag = heads[:, :4]
    found = ((tag >= 32) & (tag < 127)).all(axis=1) & (tag[:, 0] != 32)
    nonpaged = (heads[:, 4:] == np.frombuffer(b" Nonp  ", np.uint8)).all(axis=1)
    paged = (heads[:, 4:] == np.frombuffer(b" Paged ", np.uint8)).all(axis=1)
    found &= nonpaged | paged
    key = np.ascontiguousarray(tag).view("<u4")[:, 0].astype(np.uint64)
    key |= np.where(paged, np.uint64(_PAGED), np.uint64(0))
    return lines[found], tags[found], key[found]


def _numbers(
    body: "NDArray[np.uint8]", starts: "NDArray[np.int64]", ends: "NDArray[np.int64]"
) -> tuple["NDArray[np.int64]", "NDArray[np.bool_]"]:
    """The five columns of the rows that have them, and which rows those are: of five numbers, or of eight where the
    changes since the last update are among them. Rows that are not are blanked in the body."""
    import numpy as np

    plain = np.ones(len(starts), np.bool_)
    _end_at_marks(body, starts, ends)
    for _ in range(3):  # rows that do not fit are taken out and the rest is read again
        if not plain.any():
            break
        low, high = starts[plain], ends[plain]
        token = body != 32
        begins = np.flatnonzero(token[1:] > token[:-1]) + 1
        per_row = _per_row(begins, low, high)
        fits = (per_row == 5) | (per_row == 8)
        fits &= _signs_fit(body, low)
        if fits.all():
            values = np.fromstring(body.tobytes(), np.int64, sep=" ")
            if len(values) != len(begins):
                break
            if (per_row == 5).all():
                return values.reshape(-1, 5), plain
            at = np.concatenate((np.zeros(1, np.int64), np.cumsum(per_row)[:-1]))
            columns = np.where(per_row[:, None] == 5, np.array([0, 1, 2, 3, 4]), np.array([0, 2, 4, 5, 7]))
            return values[at[:, None] + columns], plain
        for row in np.flatnonzero(~fits).tolist():
            body[low[row] : high[row]] = 32
        plain[np.flatnonzero(plain)[~fits]] = False
    return np.empty((0, 5), np.int64), np.zeros(len(starts), np.bool_)


def _end_at_marks(body: "NDArray[np.uint8]", low: "NDArray[np.int64]", high: "NDArray[np.int64]") -> None:
    """Blank the rows from where something other than numbers begins, the name of a driver."""
    import numpy as np

    marks = np.flatnonzero(body == _MARK)
    if not len(marks):
        return
    rows, first = np.unique(np.searchsorted(low, marks, "right") - 1, return_index=True)
    edges = np.zeros(len(body) + 1, np.int8)
    edges[marks[first]] = 1
    edges[high[rows]] -= 1
    body[np.cumsum(edges[:-1], dtype=np.int8).astype(np.bool_)] = 32


def _per_row(begins: "NDArray[np.int64]", low: "NDArray[np.int64]", high: "NDArray[np.int64]") -> "NDArray[np.int64]":
    """How many numbers begin in each row."""
    import numpy as np

    for columns in (5, 8):
        if len(begins) == columns * len(low):
            table = begins.reshape(-1, columns)
            if (table[:, 0] >= low).all() and (table[:, -1] < high).all():
                return np.full(len(low), columns, np.int64)
    return np.searchsorted(begins, high) - np.searchsorted(begins, low)


def _signs_fit(body: "NDArray[np.uint8]", low: "NDArray[np.int64]") -> "NDArray[np.bool_]":
    """Whether each minus sign of a row stands before a number."""
    import numpy as np

    fits = np.ones(len(low), np.bool_)
    signs = np.flatnonzero(body == ord("-"))
    if len(signs):
        after = body[np.minimum(signs + 1, len(body) - 1)]
        wrong = (body[signs - 1] != 32) | (after < ord("0")) | (after > ord("9"))
        fits[np.searchsorted(low, signs[wrong], "right") - 1] = False
    return fits
