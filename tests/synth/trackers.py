"""Pool tracker tables, one per processor, the expansion table and the big page table."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layouts import Layout
from .pool import Pool, tag_value

_FIELDS = ("NonPagedAllocs", "NonPagedFrees", "NonPagedBytes", "PagedAllocs", "PagedFrees", "PagedBytes")
_MULTIPLIER = 40543


@dataclass(frozen=True, slots=True)
class TagRow:
    """What the tracker says of a tag, all processors together; figures in the order of `_FIELDS`."""

    tag: str
    figures: tuple[int, ...]
    expansion: bool


@dataclass(frozen=True, slots=True)
class Trackers:
    """Addresses and sizes of the tables. `processors` is empty on a single-processor kernel without the array."""

    tables: list[int]
    size: int
    expansion: int
    expansion_size: int


def slot(tag: str, mask: int) -> int:
    """Where the search for a tag begins."""
    product = (tag_value(tag) * _MULTIPLIER) & 0xFFFFFFFFFFFFFFFF
    return (product ^ (product >> 32)) & mask


def widths(layout: Layout) -> dict[str, int]:
    """Bytes of each counter: 4 to 15063, 8 later; byte counts are as wide as a pointer."""
    wide = layout.size("_POOL_TRACKER_TABLE") >= 0x30
    return {name: layout.bits // 8 if name.endswith("Bytes") else 8 if wide else 4 for name in _FIELDS}


def build(
    pool: Pool, rows: list[TagRow], processors: int, size: int, rng: np.random.Generator, negative: bool
) -> Trackers:
    """Write the tables: the figures of each tag split over the processors so that only their sum means something.

    With `negative`, the first processor frees more bytes than it allocates and the second makes up for it.
    """
    layout, memory = pool.layout, pool.memory
    entry = layout.size("_POOL_TRACKER_TABLE")
    places: dict[str, int] = {}
    taken: set[int] = set()
    for row in (row for row in rows if not row.expansion):
        at = slot(row.tag, size - 2)
        while at in taken:
            at = (at + 1) % (size - 1)
        taken.add(at)
        places[row.tag] = at
    tables = []
    shares = {row.tag: _split(row.figures, processors, rng, negative) for row in rows}
    for cpu in range(processors):
        data = np.zeros((size, entry), np.uint8)
        for row in rows:
            figures = shares[row.tag][cpu]
            if not row.expansion and (cpu == 0 or any(figures)):
                _write(data[places[row.tag]], layout, row.tag, figures)
        # The last entry takes what found no slot.
        _write(data[size - 1], layout, "Ovfl", (0, 0, 0, 0, 0, 0))
        address = pool.pages(-(-data.size // 4096), False).start
        memory.write(address, data.tobytes())
        tables.append(address)
    extra = [row for row in rows if row.expansion]
    expansion, expansion_size = 0, 0
    if extra:
        expansion_size = 4096 // entry
        data = np.zeros((expansion_size, entry), np.uint8)
        for at, row in enumerate(extra):
            _write(data[at], layout, row.tag, row.figures)
        expansion = pool.pages(1, False).start
        memory.write(expansion, data.tobytes())
    return Trackers(tables, size, expansion, expansion_size)


def session_table(layout: Layout, rows: list[TagRow], size: int) -> bytes:
    """The table of one session: 2^n entries, no overflow entry."""
    data = np.zeros((size, layout.size("_POOL_TRACKER_TABLE")), np.uint8)
    taken: set[int] = set()
    for row in rows:
        at = slot(row.tag, size - 1)
        while at in taken:
            at = (at + 1) % size
        taken.add(at)
        _write(data[at], layout, row.tag, row.figures)
    return data.tobytes()


def _write(row: NDArray[np.uint8], layout: Layout, tag: str, figures: tuple[int, ...]) -> None:
    name = "_POOL_TRACKER_TABLE"
    key = layout.at(f"{name}.Key")
    row[key : key + 4] = np.frombuffer(tag_value(tag).to_bytes(4, "little"), np.uint8)
    for field, value in zip(_FIELDS, figures, strict=True):
        width, at = widths(layout)[field], layout.at(f"{name}.{field}")
        row[at : at + width] = np.frombuffer((value & ((1 << 8 * width) - 1)).to_bytes(width, "little"), np.uint8)


def _split(figures: tuple[int, ...], parts: int, rng: np.random.Generator, negative: bool) -> list[tuple[int, ...]]:
    """The figures of each processor; they add up to the whole."""
    shares: list[list[int]] = [[] for _ in range(parts)]
    for position, value in enumerate(figures):
        weights = rng.dirichlet(np.ones(parts))
        split = [int(value * weight) for weight in weights]
        if negative and parts > 1 and position % 3 == 2 and value:
            split[0] = -(value // 3 + 4096)
        split[-1] += value - sum(split)
        for share, number in zip(shares, split, strict=True):
            share.append(number)
    return [tuple(share) for share in shares]


def big_pages(pool: Pool, entries: int) -> tuple[int, int]:
    """The table of big allocations, hashed by address; free entries have bit 0 of the address set."""
    layout, memory = pool.layout, pool.memory
    size = layout.size("_POOL_TRACKER_BIG_PAGES")
    while entries < 2 * len(pool.big):
        entries *= 2
    at, width = layout.at, memory.width
    table = np.zeros((entries, size), np.uint8)
    table[:, 0] = 1
    taken: set[int] = set()
    for address, tag, length, paged in pool.big:
        index = (address >> 12) * _MULTIPLIER & (entries - 1)
        while index in taken:
            index = (index + 1) % entries
        taken.add(index)
        fields = [(at("_POOL_TRACKER_BIG_PAGES.Va"), width, address)]
        fields.append((at("_POOL_TRACKER_BIG_PAGES.Key"), 4, tag_value(tag)))
        if layout.has("_POOL_TRACKER_BIG_PAGES.NumberOfPages"):
            fields.append((at("_POOL_TRACKER_BIG_PAGES.NumberOfPages"), 4, -(-length // 4096)))
        else:
            # To 8.1 the whole word is the pool type, from 10 on bits 8 to 20, POOL_FLAGS from 24H2 on.
            nonpaged = 0x40 if layout.build >= 26100 else 0x200
            kind = (0x100 if layout.build >= 26100 else 1) if paged else nonpaged if layout.build >= 9200 else 0
            kind_at = at("_POOL_TRACKER_BIG_PAGES.Key") + 4
            fields.append((kind_at, 4, kind << 8 if layout.build >= 10240 else kind))
            fields.append((at("_POOL_TRACKER_BIG_PAGES.NumberOfBytes"), width, length))
        for offset, count, value in fields:
            table[index, offset : offset + count] = np.frombuffer(value.to_bytes(count, "little"), np.uint8)
    address = pool.pages(-(-table.size // 4096), False).start
    memory.write(address, table.tobytes())
    return address, entries
