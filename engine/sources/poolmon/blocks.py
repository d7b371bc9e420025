"""A poolmon log cut into its snapshots: where each begins, when it was taken, and what stands above its tags."""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from ..log.poolmon import COMMIT, MEMORY, SCOPE, Row, row_of
from ..log.text import clean
from .lines import LABEL, decoded, kind_of
from .rows import OtherLine
from .stamps import Stamp, joined, settled, stamp_of

_END = 1 << 62
_TWO_LINES = 3
"""Lines between a date and the time that belongs to it."""


@dataclass(slots=True)
class Block:
    """One snapshot: its first line and where that begins in the data, its header, and the labels of memsnap."""

    line: int
    offset: int
    memory: re.Match[str] | None = None
    commit: re.Match[str] | None = None
    labels: dict[str, str] = field(default_factory=dict)
    time: datetime | None = None
    stamped: bool = False

    @property
    def headless(self) -> bool:
        """Whether nothing but the names of the columns stands above its tags."""
        return not (self.memory or self.commit or self.labels or self.stamped)


@dataclass(frozen=True, slots=True)
class EditedRow:
    """A row that only the reader of single lines understands, and its line number from 0."""

    line: int
    row: Row


@dataclass(slots=True)
class Layout:
    """What the lines beside the plain rows say. `session` are the lines from which on tags are of session pool, or no
    longer; `broken` rows could not be read; `zoned` says that the times were given in UTC or with their zone, `told`
    that day and month could be told apart."""

    blocks: list[Block]
    edited: list[EditedRow] = field(default_factory=list)
    session: list[tuple[int, bool]] = field(default_factory=list)
    broken: list[OtherLine] = field(default_factory=list)
    cut: bool = False
    zoned: bool = True
    told: bool = True


def lay_out(others: Sequence[OtherLine], rows_before: Callable[[int], int]) -> Layout:
    """Cut a log at its headers and dates. `rows_before` counts the plain rows above a line."""
    layout = Layout([Block(0, 0)])
    edited: list[int] = []

    def above(line: int) -> int:
        return rows_before(line) + bisect_left(edited, line)

    stamps: list[tuple[int, Stamp]] = []
    for other in others:
        text = clean(decoded(other.raw))
        kind = kind_of(text) if text else "rule"
        if kind == "row":
            row = row_of(text)
            assert row is not None
            layout.edited.append(EditedRow(other.number, row))
            edited.append(other.number)
            continue
        layout.cut = layout.cut or kind == "cut"
        if kind == "other" and _is_broken_row(text):
            layout.broken.append(other)
        if kind in ("rule", "cut", "other"):
            continue
        block = layout.blocks[-1]
        filled = above(other.number) > above(block.line)
        if filled or (kind == "memory" and block.memory) or (kind == "commit" and block.commit):
            block = Block(other.number, other.offset)
            layout.blocks.append(block)
            if layout.session and layout.session[-1][1]:
                layout.session.append((other.number, False))
        _put(kind, text, other, block, layout, stamps)
    _date(layout, stamps, above)
    return layout


def _put(kind: str, text: str, other: OtherLine, block: Block, layout: Layout, stamps: list[tuple[int, Stamp]]) -> None:
    if kind == "memory":
        block.memory = MEMORY.match(text)
    elif kind == "commit":
        block.commit = COMMIT.match(text)
    elif kind == "scope":
        scope = SCOPE.match(text)
        layout.session.append((other.number, scope is not None and "system pool" not in text.lower()))
    elif kind == "label" and (label := LABEL.match(text)):
        block.labels[label["name"].lower()] = label["value"].strip()
        if label["name"].lower() == "systemtime" and (stamp := stamp_of(label["value"])):
            stamps.append((other.number, stamp))
    elif kind == "stamp" and (stamp := stamp_of(text)):
        _stamp(stamps, other.number, stamp)


def _stamp(stamps: list[tuple[int, Stamp]], line: int, stamp: Stamp) -> None:
    """Add a stamp; a time belongs to the date just above it."""
    if not stamp.dated:
        if stamps and not stamps[-1][1].timed and line - stamps[-1][0] <= _TWO_LINES:
            stamps[-1] = stamps[-1][0], joined(stamps[-1][1], stamp)
        return
    stamps.append((line, stamp))


def _date(layout: Layout, stamps: Sequence[tuple[int, Stamp]], above: Callable[[int], int]) -> None:
    """Give each snapshot the date above it, or that below it where the script writes it last."""
    if not stamps:
        return
    times, layout.told = settled([stamp for _, stamp in stamps])
    layout.zoned = all(stamp.zoned for _, stamp in stamps)
    lines = [line for line, _ in stamps]
    blocks = layout.blocks
    below = lines[0] > blocks[0].line and above(lines[0]) > 0 and above(lines[-1]) == above(_END)
    starts = [block.line for block in blocks]
    for index, block in enumerate(blocks):
        after = starts[index + 1] if index + 1 < len(blocks) else _END
        first, last = bisect_left(lines, block.line), bisect_left(lines, after)
        if below:  # the stamp that opens the next block closed this one
            first, last = last, last + 1
        for at in range(first, min(last, len(lines))):
            block.time, block.stamped = times[at] or block.time, True


def _is_broken_row(text: str) -> bool:
    return re.match(r"\s?\S.{2}\S?\s{1,4}(?:Nonp|Paged)\b", text) is not None
