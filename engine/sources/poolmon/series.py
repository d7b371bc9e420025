"""The rows of a poolmon log by snapshot: which belong together, which can be believed, and their tables by tag."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from .blocks import Block, EditedRow
from .rows import Rows, key_of, tag_of

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_TAGS = 20_000
"""Tags kept of a series; Windows has some 3,000."""
MAX_CELLS = 4_000_000
"""Snapshots times tags kept: 32 MB for each of the four counters."""

COUNTERS = ("allocs", "frees", "outstanding", "bytes")

MOST = 2**53
"""No counter is as large; below it floats are exact."""

_EDITED = 1 << 40
"""Keys of tags that are not ASCII begin here."""
_SESSION = 1 << 33
"""Set in the key of a row of session pool."""
_END = 1 << 62
_HALF_READ = 0.5
_MANY_ROWS = 100
"""A last snapshot with a smaller share of the rows of the one before, a list of many rows, was cut while it was written
where the file ends within a line."""
_HOUR = timedelta(hours=1)
"""How far clocks go back to winter time."""


@dataclass(slots=True)
class Snapshot:
    """One snapshot: the blocks of the log it is made of, the offset in the data each ends at, and its time."""

    parts: list[tuple[Block, int]]
    time: datetime | None

    @property
    def line(self) -> int:
        """Its first line, from 1."""
        return self.parts[0][0].line + 1


@dataclass(slots=True)
class Table:
    """All rows, with the snapshot each is of (index into those in the order of the file) and its tag and pool (index
    into `subjects`)."""

    rows: Rows
    snapshot: "NDArray[np.int64]"
    subject: "NDArray[np.int64]"
    subjects: list[tuple[str, str]]

    def keep(self, which: "NDArray[np.bool_]") -> None:
        """Leave out the other rows."""
        self.rows = Rows(self.rows.line[which], self.rows.key[which], self.rows.numbers[which])
        self.snapshot, self.subject = self.snapshot[which], self.subject[which]


def table_of(
    rows: Rows, edited: Sequence[EditedRow], session: Sequence[tuple[int, bool]], blocks: Sequence[Block], size: int
) -> tuple[Table, list[Snapshot]]:
    """The rows by snapshot, and the snapshots in the order of the file. `size` is that of the data."""
    import numpy as np

    rows, names = _with_edited(rows, edited)
    key = rows.key.copy()
    for line, on in session:  # each holds from its line on
        behind = key[int(np.searchsorted(rows.line, line)) :]
        behind |= np.uint64(_SESSION)
        if not on:
            behind ^= np.uint64(_SESSION)
    keys, subject = np.unique(key, return_inverse=True)
    subjects = []
    for value in keys.tolist():
        tag, pool = names.get(value & ~_SESSION) or tag_of(value & ~_SESSION)
        subjects.append((tag, "session" if value & _SESSION else pool))
    bounds = np.searchsorted(rows.line, [*(block.line for block in blocks), _END]).tolist()
    snapshots: list[Snapshot] = []
    index = np.zeros(len(rows.line), np.int64)
    seen = np.zeros(len(subjects), np.bool_)
    marked: list[NDArray[np.int64]] = []
    for number, block in enumerate(blocks):
        end = blocks[number + 1].offset if number + 1 < len(blocks) else size
        mine = subject[bounds[number] : bounds[number + 1]]
        if len(mine) and snapshots and block.headless and not seen[mine].any():
            snapshots[-1].parts.append((block, end))  # one list whose head stands on every page
        elif len(mine) or block.memory or block.commit:
            snapshots.append(Snapshot([(block, end)], block.time))
            for marks in marked:
                seen[marks] = False
            marked.clear()
        seen[mine] = True
        marked.append(mine)
        index[bounds[number] : bounds[number + 1]] = len(snapshots) - 1
    return Table(rows, index, subject, subjects), snapshots


def _with_edited(rows: Rows, edited: Sequence[EditedRow]) -> tuple[Rows, dict[int, tuple[str, str]]]:
    """All rows, those read one by one among them, and the tags and pools of keys that are not ASCII."""
    import numpy as np

    if not edited:
        return rows, {}
    names: dict[tuple[str, str], int] = {}
    keys: list[int] = []
    numbers: list[tuple[int, ...]] = []
    for item in edited:
        row = item.row
        key = key_of(row.tag, row.pool)
        keys.append(names.setdefault((row.tag, row.pool), _EDITED + len(names)) if key is None else key)
        columns = (row.allocs, row.frees, row.outstanding, row.bytes, row.each)
        numbers.append(tuple(max(-_END, min(number, _END)) for number in columns))
    line = np.concatenate((rows.line, np.array([item.line for item in edited], np.int64)))
    order = np.argsort(line, kind="stable")
    key_column = np.concatenate((rows.key, np.array(keys, np.uint64)))
    table = np.concatenate((rows.numbers, np.array(numbers, np.int64)))
    return Rows(line[order], key_column[order], table[order]), {key: name for name, key in names.items()}


def believable(rows: Rows) -> "NDArray[np.bool_]":
    """Which rows fit together, as `log.poolmon` holds of a single one: Diff is Allocs minus Frees (of 32 bits where
    they have wrapped), Per Alloc is Bytes by Diff, and no allocation is smaller than a byte."""
    import numpy as np

    allocs, frees, diff, used, each = rows.numbers.T
    fits = ((allocs - frees - diff) & 0xFFFFFFFF) == 0
    fits &= ((rows.numbers >= 0) & (rows.numbers < MOST)).all(axis=1) & (used >= diff)
    fits &= np.abs(used - each * diff) <= diff
    return np.asarray(fits, np.bool_)


def half_read(table: Table, count: int, torn: bool) -> bool:
    """Whether the last of several snapshots is the beginning of one only: a head without rows, or, in a file that is
    torn off within a line, a part of the rows."""
    import numpy as np

    if count < 2:
        return False
    before, last = np.bincount(table.snapshot, minlength=count)[-2:].tolist()
    return bool(before >= _MANY_ROWS and last < (_HALF_READ * before if torn else 1))


def repeated(table: Table) -> int:
    """How many rows say again, and differently, what a row of the same snapshot says; the last is the one kept."""
    import numpy as np

    cell = table.snapshot * len(table.subjects) + table.subject
    cells = (int(table.snapshot[-1]) + 1) * len(table.subjects) if len(cell) else 0
    if cells <= MAX_CELLS:
        filled = np.zeros(cells, np.bool_)
        filled[cell] = True
        if np.count_nonzero(filled) == len(cell):
            return 0
    order = np.argsort(cell, kind="stable")
    same = cell[order][1:] == cell[order][:-1]
    differ = (table.rows.numbers[order][1:] != table.rows.numbers[order][:-1]).any(axis=1)
    return int((same & differ).sum())


def in_order(table: Table, snapshots: Sequence[Snapshot], zoned: bool) -> tuple[list[int], str]:
    """The snapshots oldest first, and what that rests on.

    An hour that local clocks go back is put right. Where the clock was set back otherwise the counters, which only
    rise, tell that the order of the file is the true one; the times are then worth nothing and are taken out.
    """
    in_file = list(range(len(snapshots)))
    times = [snapshot.time for snapshot in snapshots if snapshot.time]
    if len(times) < len(snapshots):
        return in_file, "order in the file"
    back = [index for index, (a, b) in enumerate(pairwise(times), 1) if b < a]
    if not back:
        return in_file, "clock"
    if not zoned and len(back) == 1 and _is_winter_time(times, back[0]):
        for index in in_file[back[0] :]:
            snapshots[index].time = times[index] + _HOUR
        return in_file, "clock"
    by_clock = sorted(in_file, key=lambda index: times[index])
    if _falls(table, by_clock) <= _falls(table, in_file):
        return by_clock, "clock"
    for snapshot in snapshots:
        snapshot.time = None
    return in_file, "order in the file"


def _is_winter_time(times: Sequence[datetime], at: int) -> bool:
    """Whether the clock went back by an hour before this snapshot: with it the interval is the usual one."""
    steps = [after - before for before, after in pairwise(times)]
    forward = [step.total_seconds() for step in steps if step > timedelta()]
    if not forward:
        return False
    usual = median(forward)
    return 0.5 * usual <= (steps[at - 1] + _HOUR).total_seconds() <= 1.5 * usual


def _falls(table: Table, order: Sequence[int]) -> int:
    """How often the allocations of all tags together are fewer than in the snapshot before."""
    import numpy as np

    allocs = np.bincount(table.snapshot, table.rows.numbers[:, 0].astype(np.float64), len(order))
    return int((np.diff(allocs[list(order)]) < 0).sum())


def counters(table: Table, order: Sequence[int]) -> tuple[list[tuple[str, str]], dict[str, "NDArray[np.float64]"], int]:
    """Tags and pools, the counters by name, each of shape (snapshots, subjects), and how many subjects there are
    beyond those kept: the largest and those that changed most."""
    import numpy as np

    moments = len(order)
    place = np.empty(moments, np.int64)
    place[list(order)] = np.arange(moments)
    allowed = min(MAX_TAGS, MAX_CELLS // moments)
    subjects = table.subjects
    kept = np.arange(len(subjects))
    if len(subjects) > allowed:
        largest = np.zeros(len(subjects), np.int64)
        np.maximum.at(largest, table.subject, table.rows.numbers[:, 3])
        kept = np.sort(np.argsort(-largest, kind="stable")[:allowed])
    column = np.full(len(subjects), -1)
    column[kept] = np.arange(len(kept))
    mine = column[table.subject]
    inside = mine >= 0
    cell = (place[table.snapshot] * len(kept) + mine)[inside]
    values = {}
    for index, name in enumerate(COUNTERS):
        array = np.full(moments * len(kept), np.nan)
        array[cell] = table.rows.numbers[inside, index]
        values[name] = array.reshape(moments, len(kept))
    return [subjects[index] for index in kept.tolist()], values, len(subjects) - len(kept)
