"""Pool variables that neither the debugger data block nor the export table names, found by scans that check content.

Over 213 kernels of public symbols (7601 to 22000, x64) they all stand within 0x4088 bytes of PoolTrackTable. A word
there is taken for a table only if what it points to is one:
- the tracker table has 2^n + 1 entries with mask 2^n - 1, slot of a tag (tag * 40543 ^ tag * 40543 >> 32) & mask, then
  linear probing; ExPoolTagTables is the other word with the same pointer, followed by those of the other processors;
- the expansion table is a plain array of tracker entries; its end is the first entry without a tag;
- big pool entries hold a page-aligned address, bit 0 set where free, a tag and a size; their number is a power of two.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layouts import Layout, known_layouts
from .virtual import VirtualMemory

_REACH = 0x4200
_HASH = np.uint64(40543)
_SIZE_BITS = range(6, 18)
"""Powers of two tried for the tracker table; 9 (small machines) to 12 were seen, the registry allows more."""
_BIG_BITS = range(4, 25)
_MAX_EXPANSION = 1 << 16
_SAMPLE = 1 << 14
_MAX_POINTERS = 256
_ASSUMED = 2600
"""Nothing public describes the tables of Windows 2000: those of XP are assumed, and the scans check them."""
_GOOD = 0.9

_Words = NDArray[np.uint64]
_Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Window:
    """Pointer-sized words around PoolTrackTable: their addresses, values, and which of them are in the dump."""

    memory: VirtualMemory
    addresses: _Words
    values: _Words
    present: _Mask
    center: int

    def where(self, value: int) -> list[int]:
        """Addresses of the words with this value, nearest to PoolTrackTable first."""
        found = self.addresses[self.present & (self.values == np.uint64(value))].tolist()
        return sorted(found, key=lambda at: abs(at - self.center))

    def pointers(self, alignment: int) -> list[int]:
        """Distinct aligned kernel addresses among the words."""
        aligned = (self.values & np.uint64(alignment - 1)) == 0
        kernel = self.values >> np.uint64(self.memory.bits - 1) != 0
        found: list[int] = np.unique(self.values[self.present & aligned & kernel]).tolist()
        return found


def locate_pool_variables(memory: VirtualMemory, layout: Layout, variable: int, processors: int) -> dict[str, int]:
    """Addresses of the pool variables found around `variable`, the address of PoolTrackTable, by their symbol names."""
    if layout.size("_POOL_TRACKER_TABLE") is None:
        layout = next(known.layout for known in known_layouts() if known.build == _ASSUMED)
    table, entry = memory.pointer(variable), layout.size("_POOL_TRACKER_TABLE")
    if not table or not entry:
        return {}
    window = _window(memory, variable)
    found: dict[str, int] = {}
    mask = _find_size(window, table, entry, found)
    others = _find_processor_tables(window, table, entry, mask, processors, found) if mask else []
    taken = {table, *others}
    taken |= _find_big_pages(window, layout, taken, found)
    _find_expansion(window, layout, mask, taken, found)
    return found


def _window(memory: VirtualMemory, variable: int) -> _Window:
    width = memory.bits // 8
    low = max(variable - _REACH, 0) // width * width + variable % width
    high = min(variable + _REACH, (1 << memory.bits) - width)
    addresses = np.arange(low, high, width, dtype=np.uint64)
    rows, present = memory.gather(addresses, width)
    values = rows.view("<u8" if width == 8 else "<u4").ravel().astype(np.uint64)
    return _Window(memory, addresses, values, present, variable)


def _keys(memory: VirtualMemory, table: int, entry: int, count: int) -> tuple[_Words, _Mask]:
    """The tags of `count` tracker entries and which of them are in the dump. Key is the first field of every build."""
    at = np.uint64(table) + np.arange(count, dtype=np.uint64) * np.uint64(entry)
    rows, present = memory.gather(at, 4)
    return rows.view("<u4").ravel().astype(np.uint64), present


def printable_tags(keys: _Words) -> _Mask:
    """Which numbers are pool tags: four printable characters, the highest bit (protected) aside."""
    good: _Mask = keys != 0
    for shift in (0, 8, 16, 24):
        byte = keys >> np.uint64(shift) & np.uint64(0x7F if shift == 24 else 0xFF)
        good = good & (byte >= 0x20) & (byte < 0x7F)
    return good


def _hashed(keys: _Words, mask: int) -> float:
    """Share of the tags in the table's mask + 1 slots that stand where hash and linear probing put them; 0 if none."""
    keys = keys[: mask + 1]
    used = np.flatnonzero(keys != 0)
    if len(keys) <= mask or not len(used):
        return 0.0
    product = keys[used] * _HASH
    home = ((product ^ product >> np.uint64(32)) & np.uint64(mask)).astype(np.int64)
    empty = np.concatenate(([0], np.cumsum(keys == 0)))
    passed = empty[used] - empty[home]
    passed = np.where(home > used, passed + empty[-1], passed)
    return float(np.mean(passed == 0))


def _find_size(window: _Window, table: int, entry: int, found: dict[str, int]) -> int | None:
    """Mask of the tracker table; the addresses of its size and mask go to `found` where words hold them."""
    keys, _ = _keys(window.memory, table, entry, 1 << _SIZE_BITS[-1])
    # Not the first slots alone: a table with few tags can begin with a hundred empty ones.
    if not printable_tags(keys).any():
        return None
    best: tuple[int, int, int, list[int], list[int]] | None = None
    for bits in _SIZE_BITS:
        mask = (1 << bits) - 1
        sizes, masks = window.where(mask + 2) or window.where(mask + 1), window.where(mask)
        good = _hashed(keys, mask) >= _GOOD
        rank = (2 * good + bool(sizes) + bool(masks), bits, mask, sizes, masks)
        if (good or (sizes and masks)) and (best is None or rank[:2] > best[:2]):
            best = rank
    if best is None:
        return None
    _, _, mask, sizes, masks = best
    if sizes:
        found["PoolTrackTableSize"] = sizes[0]
    if masks:
        found["PoolTrackTableMask"] = masks[0]
    return mask


def _find_processor_tables(
    window: _Window, table: int, entry: int, mask: int, processors: int, found: dict[str, int]
) -> list[int]:
    """The tracker tables of the other processors; the address of the array goes to `found`."""
    keys, _ = _keys(window.memory, table, entry, mask + 1)
    width, best = window.memory.bits // 8, [-1]
    for at in window.where(table):
        if at == window.center:
            continue
        others: list[int] = []
        for number in range(1, min(processors, 4096)):
            other = window.memory.pointer(at + number * width)
            if not other or not _alike(window.memory, other, entry, keys):
                break
            others.append(other)
        if len(others) > len(best) - 1 or best == [-1]:
            best = [at, *others]
    if best[0] < 0 or (processors > 1 and len(best) == 1):
        return []
    found["ExPoolTagTables"] = best[0]
    return best[1:]


def _alike(memory: VirtualMemory, table: int, entry: int, keys: _Words) -> bool:
    """True if a processor's table has its tags in the slots of the first one, or in their own.

    A slot may be unused here or there.
    """
    if table >> (memory.bits - 1) == 0:
        return False
    other, present = _keys(memory, table, entry, len(keys))
    both = present & (other != 0) & (keys != 0)
    same = float(np.mean((other == keys)[both])) if both.any() else 1.0
    return bool(present.any()) and (same >= _GOOD or _hashed(other, len(keys) - 1) >= _GOOD)


def _is_hashed(memory: VirtualMemory, table: int, entry: int, mask: int) -> bool:
    """True if a table has the form of a processor's tracker table."""
    keys, _ = _keys(memory, table, entry, mask + 1)
    return _hashed(keys, mask) >= _GOOD


def _find_big_pages(window: _Window, layout: Layout, taken: set[int], found: dict[str, int]) -> set[int]:
    """The big page table; the addresses of its pointer and size go to `found`.

    Of all pairs of a pointer and a power of two that make a table it is the one with most entries that are not zero.
    """
    sizes = {bits: window.where(1 << bits) for bits in _BIG_BITS}
    best = (0.0, 0, 0)
    for pointer in window.pointers(0x1000)[:_MAX_POINTERS]:
        for bits in (bits for bits, places in sizes.items() if places and pointer not in taken):
            best = max(best, (_big_entries(window.memory, layout, pointer, 1 << bits), -bits, pointer))
    if not best[0]:
        return set()
    found["PoolBigPageTable"] = window.where(best[2])[0]
    found["PoolBigPageTableSize"] = sizes[-best[1]][0]
    return {best[2]}


def _big_entries(memory: VirtualMemory, layout: Layout, table: int, count: int) -> float:
    """Entries of a big page table that are not zero, estimated from a sample; 0 where it is no such table."""
    names = (("Va",), ("Key",), ("NumberOfBytes", "NumberOfPages"))
    va, key, length = (layout.field("_POOL_TRACKER_BIG_PAGES", *name) for name in names)
    size = layout.size("_POOL_TRACKER_BIG_PAGES")
    if not va or not key or not length or not size or memory.page(table + (count - 1) * size) < 0:
        return 0.0
    numbers = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.uint64))
    rows, present = memory.gather(np.uint64(table) + numbers * np.uint64(size), size)
    if not present.all():
        return 0.0
    address = _column(rows, va.offset, memory.bits // 8)
    tag = _column(rows, key.offset, 4)
    amount = _column(rows, length.offset, length.size or memory.bits // 8)
    kernel = address >> np.uint64(memory.bits - 1) != 0
    zero = ~rows.any(axis=1)
    free = (address & np.uint64(1) == 1) & (kernel | (address == 1))
    sound = kernel & (address & np.uint64(0xFFF) == 0) & printable_tags(tag) & (amount > 0) & (amount < 1 << 42)
    if float(np.mean(zero | free | sound)) < _GOOD:
        return 0.0
    return float(np.sum(free | sound)) * count / len(numbers)


def _column(rows: NDArray[np.uint8], offset: int, width: int) -> _Words:
    """A little-endian number of each row."""
    return np.ascontiguousarray(rows[:, offset : offset + width]).view(f"<u{width}").ravel().astype(np.uint64)


def _find_expansion(window: _Window, layout: Layout, mask: int | None, taken: set[int], found: dict[str, int]) -> None:
    """The expansion table: addresses of its pointer and its number of entries."""
    entry = layout.size("_POOL_TRACKER_TABLE") or 0
    best = (0, 0)
    for alignment in (0x1000, 0x10):
        for pointer in window.pointers(alignment)[:_MAX_POINTERS]:
            used = 0 if pointer in taken else _tracker_entries(window.memory, layout, pointer)
            if used > best[0] and not (mask and _is_hashed(window.memory, pointer, entry, mask)):
                best = used, pointer
        if best[0]:
            break
    used, pointer = best
    if not used:
        return
    at = window.where(pointer)[0]
    taken_words = [*found.values(), at]
    found["PoolTrackTableExpansion"] = at
    values = window.values
    possible = window.present & (values >= used) & (values <= _MAX_EXPANSION) & ~np.isin(window.addresses, taken_words)
    # Tables grow by whole pages: their number of entries is what fits into some pages.
    pages = (values * np.uint64(entry) + np.uint64(0xFFF)) >> np.uint64(12)
    whole = possible & (values == (pages << np.uint64(12)) // np.uint64(entry))
    for choice in (whole, possible):
        places = zip(window.addresses[choice].tolist(), values[choice].tolist(), strict=True)
        inside = [place for place, count in places if window.memory.page(pointer + count * entry - 1) >= 0]
        if inside:
            found["PoolTrackTableExpansionSize"] = min(inside, key=lambda place: abs(place - at))
            return


def _tracker_entries(memory: VirtualMemory, layout: Layout, table: int) -> int:
    """Tracker entries in use from the start of a plain array of them; 0 where it is none."""
    entry = layout.size("_POOL_TRACKER_TABLE") or 0
    keys, present = _keys(memory, table, entry, 64)
    used = int(np.argmin(present & (keys != 0))) if not (present & (keys != 0)).all() else len(keys)
    if not used or not printable_tags(keys[:used]).all() or len(np.unique(keys[:used])) < used:
        return 0
    at = np.uint64(table) + np.arange(used, dtype=np.uint64) * np.uint64(entry)
    rows, present = memory.gather(at, entry)
    if not present.all():
        return 0
    good = np.zeros(used, np.bool_)
    for pool in ("NonPaged", "Paged"):
        allocs, frees = (layout.field("_POOL_TRACKER_TABLE", pool + name) for name in ("Allocs", "Frees"))
        if not allocs or not frees:
            return 0
        taken = _column(rows, allocs.offset, allocs.size or 4)
        given = _column(rows, frees.offset, frees.size or 4)
        good |= (taken > 0) & (taken >= given) & (taken < 1 << 48)
    return used if float(np.mean(good)) >= _GOOD else 0
