"""Pool tags: the tracker of allocations, frees and bytes by tag, summed over all of its tables.

Every processor counts in a table of its own (ExPoolTagTables, the first of which is PoolTrackTable); tags that found no
slot are in the expansion table. What one processor allocates another may free, so a single table holds negative figures
and only the sum means something. Counters are 32 bits wide up to build 15063, wrap, and are summed modulo their width.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, Quality, new
from ..dump.container import PAGE
from .counters import pool_limit
from .kernel import Kernel
from .layouts import Field
from .partition import FIRST_PARTITION_BUILD, find_pools
from .report import BROKEN, Report

MAX_ENTRIES = 1 << 17
"""Most entries of one table; the registry can raise the default of 2,048 (build 3790) or 4,096."""
MAX_ROWS = 1 << 24
"""Most entries of all tables together: 2,048 processors with tables of 8,192."""
MAX_TABLES = 2048
"""Length of ExPoolTagTables from build 20348 on."""
MAX_BYTES = 1 << 48
"""256 TB: no Windows has more memory and page file."""
MAX_TAGS = 8192
"""Most tags turned into facts; real machines have about 2,000."""
STRUCT = "_POOL_TRACKER_TABLE"
SIDES = ("NonPaged", "Paged")
COUNTERS = ("Allocs", "Frees", "Bytes")
PROTECTED = 0x8000_0000
"""Set in the tag of a block that must be freed with its tag (PROTECTED_POOL of the WDK headers)."""
_FIRST_PROCESSOR_TABLES = 3790
"""Before Server 2003 there may be one table for all processors."""
_HASH = 40543
_SIZES = (513, 1025, 2049, 4097, 8193, 16385, 32769)
"""Usual lengths: a power of two, and one slot for what overflowed."""


@dataclass(frozen=True, slots=True)
class Entry:
    """The sums of one tag on one side of the pool; a counter whose sum cannot be true is None."""

    tag: str
    pool: str
    allocs: int | None
    frees: int | None
    outstanding: int | None
    bytes: int | None
    address: int


@dataclass(frozen=True, slots=True)
class Tracker:
    """The sums of all tags, what is known of their truth, and how many tables and slots were read."""

    entries: list[Entry]
    quality: Quality
    tables: int
    slots: int
    unreadable: int
    impossible: int


def tag_text(key: int) -> str:
    """Four characters in memory order, the protected bit cleared and what no font prints as a dot.

    >>> tag_text(0xE5726854), tag_text(0x20206F49)
    ('Thre', 'Io  ')
    """
    raw = (key & 0xFFFF_FFFF & ~PROTECTED).to_bytes(4, "little")
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in raw)


def tag_key(tag: str) -> int:
    """The 32-bit number a printable tag is stored as."""
    return int.from_bytes(tag.encode("latin-1", "replace")[:4].ljust(4), "little") & ~PROTECTED


def walk(kernel: Kernel, case: Case, report: Report) -> None:
    """Add a `tag` fact per tag and side of the pool, and pool totals from their sums where counters are missing."""
    tracker = read_tracker(kernel, report)
    if tracker is None:
        return
    report.counted("pool tracker slots", tracker.slots, unreadable=tracker.unreadable)
    if tracker.impossible:
        text = (
            f"{tracker.impossible:,} counters of the pool tag table cannot be true after all tables were added up; "
            "they are left out."
        )
        report.missing("tags", text, BROKEN)
    for entry in _largest(tracker.entries):
        case.add(
            new(
                "tag",
                source=f"{STRUCT} @ {entry.address:x}",
                verify="!poolused 2" if entry.pool == "nonpaged" else "!poolused 4",
                quality=tracker.quality,
                tag=entry.tag,
                pool=entry.pool,
                allocs=entry.allocs,
                frees=entry.frees,
                outstanding=entry.outstanding,
                bytes=entry.bytes,
            )
        )
    _pool_totals(kernel, case, report, tracker)


def read_tracker(kernel: Kernel, report: Report) -> Tracker | None:
    """All tables added up, or None with a note where the table is absent or not in the dump."""
    memory = kernel.memory
    variable = kernel.symbol("PoolTrackTable")
    if variable is None:
        report.missing("tags", "The address of the pool tag table (nt!PoolTrackTable) was not found.")
        return None
    table = memory.pointer(variable)
    if table is None:
        report.missing("tags", f"The pointer to the pool tag table at {variable:x} is not in this dump.")
        return None
    if table == 0:
        text = (
            "Pool tagging was off on this machine (nt!PoolTrackTable is zero): no tag totals exist. It is off by "
            "default on Windows 2000 and XP; `gflags /r +ptg` and a restart turn it on."
        )
        report.missing("tags", text)
        return None
    layout = TrackerLayout(kernel)
    slots = _length(kernel, "PoolTrackTableSize") or _guess_length(kernel, layout, table)
    if slots is None:
        report.missing("tags", f"The pool tag table at {table:x} has no plausible length or is not in this dump.")
        return None
    others, quality = _other_tables(kernel, table, slots, report)
    addresses = slot_addresses(table, slots, layout.size)
    rows, valid = memory.gather(addresses, layout.size)
    keys = np.where(valid, _column(rows, layout.key), 0)
    sums = layout.columns(rows, valid)
    unreadable = int((~valid).sum())
    for other in others:
        more, there = memory.gather(slot_addresses(other, slots, layout.size), layout.size)
        unreadable += int((~there).sum())
        # A slot is claimed in every table under the same index; until then its key is zero.
        used = there & (_column(more, layout.key) != 0)
        sums = [a + b for a, b in zip(sums, layout.columns(more, used), strict=True)]
        keys = np.where(keys == 0, np.where(used, _column(more, layout.key), 0), keys)
    if not valid.any():
        report.missing("tags", f"The pool tag table at {table:x} is not in this dump.")
        return None
    variable = kernel.symbol("PoolTrackTableExpansion")
    expansion = memory.pointer(variable) if variable is not None else None
    extra = _length(kernel, "PoolTrackTableExpansionSize") if expansion else None
    if expansion and extra:
        at = slot_addresses(expansion, extra, layout.size)
        more, there = memory.gather(at, layout.size)
        found = np.where(there, _column(more, layout.key), 0)
        # It fills from the front: behind the first empty entry nothing counts.
        filled = np.cumsum((found == 0) & there) == 0
        unreadable += int((filled & ~there).sum())
        there &= filled
        addresses = np.concatenate([addresses, at])
        keys = np.concatenate([keys, np.where(there, found, 0)])
        sums = [np.concatenate([a, b]) for a, b in zip(sums, layout.columns(more, there), strict=True)]
    if unreadable:
        quality = "suspect" if others else "lower-bound"
    ram = (kernel.header.ram_pages or 0) * PAGE or MAX_BYTES
    entries, impossible = tag_entries(layout, keys, sums, addresses, ram)
    total = slots * (1 + len(others)) + len(keys) - slots
    return Tracker(entries, quality, 1 + len(others), total - unreadable, unreadable, impossible)


class TrackerLayout:
    """Where the counters of an entry lie."""

    def __init__(self, kernel: Kernel) -> None:
        layout = kernel.layout
        # Nothing public describes the entry of Windows 2000; that of XP is assumed, and its hash order checks it.
        self.size = layout.size(STRUCT) or (0x1C if kernel.bits == 32 else 0x28)
        self.key = layout.field(STRUCT, "Key") or Field(0, 4, None)
        narrow = (4, 8, 12, 16, 20, 24) if kernel.bits == 32 else (4, 8, 16, 24, 28, 32)
        self.fields: list[Field] = []
        for (side, counter), offset in zip(((s, c) for s in SIDES for c in COUNTERS), narrow, strict=True):
            width = kernel.bits // 8 if counter == "Bytes" or self.size in (0x30, 0x38, 0x50) else 4
            known = layout.field(STRUCT, side + counter)
            self.fields.append(Field(known.offset if known else offset, (known and known.size) or width, None))

    def columns(self, rows: NDArray[np.uint8], used: NDArray[np.bool_]) -> list[NDArray[np.uint64]]:
        """The counters of each row as unsigned numbers, zero where the row does not count."""
        return [np.where(used, _column(rows, field), np.uint64(0)) for field in self.fields]


def _column(rows: NDArray[np.uint8], field: Field) -> NDArray[np.uint64]:
    part = np.ascontiguousarray(rows[:, field.offset : field.offset + field.size])
    return part.view(np.dtype(f"<u{field.size}")).reshape(-1).astype(np.uint64)


def slot_addresses(start: int, count: int, size: int) -> NDArray[np.uint64]:
    """Addresses of the entries of a table."""
    return np.uint64(start) + np.arange(count, dtype=np.uint64) * np.uint64(size)


def _length(kernel: Kernel, name: str) -> int | None:
    """A table length, or None where it is not known or cannot be true."""
    variable = kernel.symbol(name)
    value = kernel.memory.pointer(variable) if variable is not None else None
    return value if value and 0 < value <= MAX_ENTRIES else None


def _guess_length(kernel: Kernel, layout: TrackerLayout, table: int) -> int | None:
    """The usual length under which most tags stand in the slot their hash gives or within eight behind it."""
    best, share = None, 0.6
    for slots in _SIZES:
        rows, valid = kernel.memory.gather(slot_addresses(table, slots, layout.size), layout.size)
        keys = np.where(valid, _column(rows, layout.key), 0)[: slots - 1]
        index = np.flatnonzero(keys)
        if len(index) < 8:
            continue
        product = keys[index] * np.uint64(_HASH)
        slot = (product ^ (product >> np.uint64(32))) & np.uint64(slots - 2)
        # The product is taken in 32 bits where pointers have 32, so both are allowed.
        narrow = (product & np.uint64(0xFFFF_FFFF)) & np.uint64(slots - 2)
        near = ((index - slot.astype(np.int64)) % (slots - 1) < 8) | (
            (index - narrow.astype(np.int64)) % (slots - 1) < 8
        )
        found = float(near.mean())
        # The part of a table that a shorter length covers is in order as well: of equals the longest is it.
        if found >= share:
            best, share = slots, found
    return best


def _other_tables(kernel: Kernel, table: int, slots: int, report: Report) -> tuple[list[int], Quality]:
    """The tables of the other processors, and how far the sums can be trusted."""
    array = kernel.symbol("ExPoolTagTables")
    if kernel.processors < 2 or (array is None and kernel.build < _FIRST_PROCESSOR_TABLES):
        return [], "exact"
    if array is None:
        text = (
            f"Pool tag totals are those of one table; the tables of the other {kernel.processors - 1} processors "
            "(nt!ExPoolTagTables) were not found, so every figure may be too high or too low."
        )
        report.missing("tags", text)
        return [], "suspect"
    tables: list[int] = []
    lost = max(0, kernel.processors - min(MAX_TABLES, MAX_ROWS // slots))
    width = kernel.bits // 8
    for i in range(kernel.processors - lost):
        other = kernel.memory.pointer(array + i * width)
        if other is None:
            lost += 1
        elif other and other != table and other not in tables:
            tables.append(other)
    if lost:
        report.missing("tags", f"{lost:,} per-processor pool tag tables could not be read: every figure may be off.")
    return tables, "suspect" if lost else "exact"


def tag_entries(
    layout: TrackerLayout,
    keys: NDArray[np.uint64],
    sums: Sequence[NDArray[np.uint64]],
    addresses: NDArray[np.uint64],
    ram: int,
) -> tuple[list[Entry], int]:
    """One entry per tag and side that ever allocated, and how many sums cannot be true."""
    entries: dict[tuple[str, str], Entry] = {}
    impossible = 0
    used = np.flatnonzero(keys)
    # Tags that differ in the protected bit alone, or stand in both tables, are one.
    plain, order = np.unique(keys[used] & np.uint64(0xFFFF_FFFF & ~PROTECTED), return_inverse=True)
    first = np.full(len(plain), -1, dtype=np.int64)
    first[order[::-1]] = used[::-1]
    totals = [np.zeros(len(plain), dtype=np.uint64) for _ in sums]
    for total, column in zip(totals, sums, strict=True):
        np.add.at(total, order, column[used])
    for i, key in enumerate(plain.tolist()):
        tag = tag_text(key)
        for side, pool in enumerate(("nonpaged", "paged")):
            allocs, frees, size = (
                _signed(int(totals[3 * side + j][i]), layout.fields[3 * side + j].size) for j in range(3)
            )
            if not (allocs or frees or size):
                continue
            at, width = int(addresses[first[i]]), layout.fields[3 * side].size
            entry = _entry(tag, pool, (allocs, frees, size), width, at, ram if side == 0 else MAX_BYTES)
            impossible += (entry.outstanding is None) + (entry.bytes is None)
            known = entries.get((tag, pool))
            entries[tag, pool] = _merged(known, entry) if known else entry
    return list(entries.values()), impossible


def _entry(tag: str, pool: str, sums: tuple[int, int, int], width: int, address: int, most: int) -> Entry:
    """The figures of a tag from signed sums; `most` is how many bytes its pool can hold."""
    allocs, frees, size = sums
    outstanding = _signed(allocs - frees, width)
    frees %= 1 << 8 * width
    allocs = frees + outstanding
    bytes_sound = 0 <= size <= most
    # No allocation is smaller than the unit of the allocator, 8 bytes on x86.
    sound = 0 <= outstanding <= (size if bytes_sound else most) // 8 and allocs < 1 << 63
    return Entry(
        tag=tag,
        pool=pool,
        allocs=allocs if sound else None,
        frees=frees if sound else None,
        outstanding=outstanding if sound else None,
        bytes=size if bytes_sound else None,
        address=address,
    )


def _merged(a: Entry, b: Entry) -> Entry:
    """Two tags that print alike, as one."""

    def add(x: int | None, y: int | None) -> int | None:
        return None if x is None or y is None else x + y

    return replace(
        a,
        allocs=add(a.allocs, b.allocs),
        frees=add(a.frees, b.frees),
        outstanding=add(a.outstanding, b.outstanding),
        bytes=add(a.bytes, b.bytes),
    )


def _signed(value: int, width: int) -> int:
    """A sum modulo its width in bytes as a signed number."""
    bits = 8 * width
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _largest(entries: list[Entry]) -> list[Entry]:
    """The tags by bytes, bounded; all of them on any real machine."""
    return sorted(entries, key=lambda entry: -(entry.bytes or 0))[:MAX_TAGS]


def _pool_totals(kernel: Kernel, case: Case, report: Report, tracker: Tracker) -> None:
    """Pool facts where no counter gave them: from a MiState the sums lead to, else the sums, a lower bound.

    A page of pool has an unused end, and blocks without a tag are not counted.
    """
    sums = {
        pool: sum(entry.bytes or 0 for entry in tracker.entries if entry.pool == pool) for pool in ("nonpaged", "paged")
    }
    known = {fact.text("type") for fact in case.of("pool")}
    found = {}
    if kernel.build >= FIRST_PARTITION_BUILD and not known and tracker.quality == "exact":
        found = find_pools(kernel, sums["nonpaged"], sums["paged"])
    if not known and not found:
        text = (
            "The counters of pool in use were not found without the symbols of this kernel; the sums of the pool tags "
            "stand in for them. `!vm 1` shows them."
        )
        report.missing("pool", text, severity="info")
    for pool, total in sums.items():
        if pool in known or not total:
            continue
        maximum, limit = pool_limit(kernel, pool)
        ram = kernel.header.ram_pages
        most = min(maximum or MAX_BYTES, ram * PAGE if ram else MAX_BYTES)
        doubtful = tracker.quality == "suspect" or tracker.impossible or total > most
        quality: Quality = "suspect" if doubtful else "lower-bound"
        used, source = total, f"sum of {STRUCT} bytes over {tracker.tables} tables"
        if pool in found:
            (used, source), quality = found[pool], "exact"
        case.add(
            new(
                "pool",
                source=source,
                verify="!vm 1",
                quality=quality,
                type=pool,
                used_bytes=used,
                max_bytes=maximum,
                limit=limit,
            )
        )
