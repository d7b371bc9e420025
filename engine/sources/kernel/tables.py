"""Handle tables: from the HANDLE_TABLE to the object pointers of all entries in use, for any number of tables at once.

Windows 2000 always has three levels of 256. XP and later keep the number of levels in the low bits of TableCode; a
leaf is a page. The first entry of such a leaf is not a handle. Up to Windows 7 an entry holds the address of the object
header with flags in its low three bits, Windows 8 and later a bit field.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import Addresses, column, read_columns
from .kernel import Kernel

PAGE = 4096
MAX_ENTRIES = 1 << 24
"""Most handles one table can hold, and most entries read in all."""
LEAVES_AT_ONCE = 512
MAX_FREE_LISTS = 128
OBJECT_TABLE_TAG = b"Obtb"


@dataclass(frozen=True, slots=True)
class Format:
    """How this build stores handle tables: where the root is, the size of an entry, entries and pointers per page."""

    root: int
    entry: int
    leaf: int
    middle: int
    top: int
    levels: int | None
    """Levels of every table; None where TableCode says it."""
    pointer_bit: int | None
    """First bit of ObjectPointerBits; None where the entry holds a plain pointer."""
    references: tuple[int, int, int] | None
    """Offset, first bit and end bit of RefCnt."""


@dataclass(frozen=True, slots=True)
class Entries:
    """Entries in use of several tables, table after table: those of table i are [starts[i], starts[i + 1])."""

    pointers: Addresses
    references: NDArray[np.uint32] | None
    """RefCnt of each entry, in builds that have it."""
    starts: NDArray[np.int64]
    leaves: NDArray[np.int64]
    """Leaf pages per table that were read."""
    missing: NDArray[np.int64]
    """Pages per table, of entries or of pointers to them, that are not in the dump."""
    wild: NDArray[np.int64]
    """Entries and pointers per table that cannot be true."""
    room: NDArray[np.int64]
    """Most handles each table can hold: entries of the leaf pages it points to, read or not."""
    cut: bool
    """More entries than MAX_ENTRIES: the rest was not read."""

    def complete(self) -> NDArray[np.bool_]:
        """Which tables were read whole."""
        whole: NDArray[np.bool_] = (self.missing == 0) & (self.wild == 0) & (not self.cut)
        return whole


def table_format(kernel: Kernel) -> Format | None:
    """The format of this build; None when its layout is not known."""
    layout, pointer = kernel.layout, kernel.bits // 8
    entry = layout.size("_HANDLE_TABLE_ENTRY") or 2 * pointer
    old = layout.offset("_HANDLE_TABLE", "Table")
    if old is not None:
        return Format(old, entry, 256, 256, 256, 3, None, None)
    code = layout.offset("_HANDLE_TABLE", "TableCode")
    if code is None:
        return None
    leaf, middle = PAGE // entry, PAGE // pointer
    bits = layout.field("_HANDLE_TABLE_ENTRY", "ObjectPointerBits")
    count = layout.field("_HANDLE_TABLE_ENTRY", "RefCnt")
    return Format(
        code,
        entry,
        leaf,
        middle,
        MAX_ENTRIES // (leaf * middle),
        None,
        bits.bits[0] if bits is not None and bits.bits else None,
        (count.offset, *count.bits) if count is not None and count.bits else None,
    )


def read_entries(kernel: Kernel, tables: Addresses) -> Entries:
    """The entries in use of the tables at these addresses."""
    count = len(tables)
    leaves, read = np.zeros(count, np.int64), np.zeros(count, np.int64)
    missing, wild, room = (np.zeros(count, np.int64) for _ in range(3))
    form = table_format(kernel)
    if form is None or not count:
        empty = np.zeros(0, np.uint64)
        return Entries(empty, None, np.zeros(count + 1, np.int64), leaves, missing + 1, wild, room + MAX_ENTRIES, False)
    pages, owners = _leaf_pages(kernel, form, tables, missing, wild, room)
    limit = MAX_ENTRIES // form.leaf
    cut = len(pages) > limit
    pages, owners = pages[:limit], owners[:limit]
    # Memory is touched only as entries are found.
    pointers = np.empty(len(pages) * form.leaf, np.uint64)
    references = np.empty(len(pages) * form.leaf, np.uint32) if form.references else None
    filled = 0
    for start in range(0, len(pages), LEAVES_AT_ONCE):
        rows = slice(start, start + LEAVES_AT_ONCE)
        raw, present = kernel.memory.gather(pages[rows], form.leaf * form.entry)
        here = owners[rows]
        leaves += np.bincount(here[present], minlength=count)
        missing += np.bincount(here[~present], minlength=count)
        raw, here = raw[present], here[present]
        decoded, used = _decode(kernel, form, raw)
        true = used & (decoded >= np.uint64(1 << (kernel.bits - 1)))
        wild += np.bincount(here, weights=(used & ~true).sum(axis=1), minlength=count).astype(np.int64)
        read += np.bincount(here, weights=true.sum(axis=1), minlength=count).astype(np.int64)
        more = int(true.sum())
        pointers[filled : filled + more] = decoded[true]
        if references is not None:
            references[filled : filled + more] = _references(form, raw)[true]
        filled += more
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(read)])
    found = None if references is None else references[:filled]
    return Entries(pointers[:filled], found, starts, leaves, missing, wild, np.minimum(room, MAX_ENTRIES), cut)


def _leaf_pages(
    kernel: Kernel,
    form: Format,
    tables: Addresses,
    missing: NDArray[np.int64],
    wild: NDArray[np.int64],
    room: NDArray[np.int64],
) -> tuple[Addresses, NDArray[np.int64]]:
    """Addresses of all leaf pages with the number of their table, in table order.

    Adds to `missing`, `wild` and `room`.
    """
    pointer = kernel.bits // 8
    roots = read_columns(kernel.memory, tables, {"code": (form.root, pointer)})
    missing += ~roots.valid["code"]
    code = roots["code"]
    if form.levels is None:
        level = (code & np.uint64(7)).astype(np.int64) + 1
        code = code & ~np.uint64(7)
    else:
        level = np.full(len(tables), form.levels)
    usable = roots.valid["code"] & (code >= np.uint64(1 << (kernel.bits - 1))) & (level <= 3)
    wild += roots.valid["code"] & ~usable
    room += np.where(usable, 0, MAX_ENTRIES)
    owner = np.arange(len(tables))
    pages = {depth: (code[usable & (level == depth)], owner[usable & (level == depth)]) for depth in (1, 2, 3)}
    for depth, width, holds in ((3, form.top, form.middle * form.leaf), (2, form.middle, form.leaf)):
        gone, odd = np.zeros(len(tables), np.int64), np.zeros(len(tables), np.int64)
        below, whose = _pointers(kernel, *pages[depth], width, form.levels is not None, gone, odd)
        missing += gone
        wild += odd
        room += (gone * width + odd) * holds
        pages[depth - 1] = np.concatenate([pages[depth - 1][0], below]), np.concatenate([pages[depth - 1][1], whose])
    leaf, whose = pages[1]
    room += np.bincount(whose, minlength=len(tables)) * form.leaf
    # No page serves two leaves: one that is pointed to twice is a sign of damage and is read once.
    _, first = np.unique(leaf, return_index=True)
    wild += np.bincount(whose, minlength=len(tables)) - np.bincount(whose[first], minlength=len(tables))
    first = first[np.argsort(whose[first] * np.int64(len(leaf)) + first, kind="stable")]
    return leaf[first], whose[first]


def _pointers(
    kernel: Kernel,
    pages: Addresses,
    owners: NDArray[np.int64],
    width: int,
    gaps: bool,
    missing: NDArray[np.int64],
    wild: NDArray[np.int64],
) -> tuple[Addresses, NDArray[np.int64]]:
    """The pointers, other than null, of arrays of `width` pointers, with the table each belongs to."""
    pointer = kernel.bits // 8
    found, whose = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
    pages, owners = pages[: MAX_ENTRIES >> 8], owners[: MAX_ENTRIES >> 8]
    for start in range(0, len(pages), LEAVES_AT_ONCE):
        rows = slice(start, start + LEAVES_AT_ONCE)
        raw, present = kernel.memory.gather(pages[rows], width * pointer)
        here = owners[rows]
        missing += np.bincount(here[~present], minlength=len(missing))
        values = np.ascontiguousarray(raw[present]).view(f"<u{pointer}").astype(np.uint64)
        true = values >= np.uint64(1 << (kernel.bits - 1))
        # Arrays are filled from the front, and that of the top level is shorter on some builds: what lies behind the
        # first null pointer is something else. Windows 2000 may leave gaps.
        if not gaps:
            inside = np.logical_and.accumulate(values != 0, axis=1)
            true, values = true & inside, np.where(inside, values, 0)
        wild += np.bincount(here[present], weights=((values != 0) & ~true).sum(axis=1), minlength=len(wild)).astype(
            np.int64
        )
        found.append(values[true])
        whose.append(np.repeat(here[present], true.sum(axis=1)))
    return np.concatenate(found), np.concatenate(whose)


def _decode(kernel: Kernel, form: Format, raw: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.bool_]]:
    """Object pointers (leaves, entries) of leaf pages, and which entries are in use."""
    words = np.ascontiguousarray(raw).view(f"<u{kernel.bits // 8}")
    low = words[:, :: form.entry // (kernel.bits // 8)].astype(np.uint64)
    if form.levels is not None:
        # Windows 2000 keeps the lock in the high bit, which every kernel address has set.
        return (low & np.uint64(0xFFFFFFF8)) | np.uint64(0x80000000), low != 0
    if form.pointer_bit is None or kernel.bits == 32:
        decoded = low & ~np.uint64(7)
    else:
        # The high bits of a canonical address are left out: 44 bits of it in 8.1 and later, 41 in Windows 8; the
        # low four are zero.
        decoded = (low.view(np.int64) >> np.int64(form.pointer_bit)).view(np.uint64) << np.uint64(4)
    used = decoded != 0
    used[:, 0] = False
    return decoded, used


def _references(form: Format, raw: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """RefCnt of every entry of leaf pages."""
    assert form.references is not None
    offset, start, end = form.references
    flat = raw.reshape(-1, form.entry)
    size = 8 if form.entry == 16 else 4
    value = (column(flat, offset, size) >> np.uint64(start)) & np.uint64((1 << (end - start)) - 1)
    return value.astype(np.uint32).reshape(len(raw), form.leaf)


def header_counts(kernel: Kernel, tables: Addresses) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Handles per table as its header counts them, -1 unknown: HandleCount; from Windows 8 on summed over FreeLists.

    The second array is the count of the first free list alone. A machine with several processors has several lists,
    but where the block of the table does not say how many it has room for, the sum is of the first alone.
    """
    plain = kernel.layout.offset("_HANDLE_TABLE", "HandleCount")
    if plain is not None:
        counts = _counts(kernel, tables, plain)
        return counts, counts
    lists = kernel.layout.offset("_HANDLE_TABLE", "FreeLists")
    size = kernel.layout.size("_HANDLE_TABLE_FREE_LIST")
    at = kernel.layout.offset("_HANDLE_TABLE_FREE_LIST", "HandleCount")
    if lists is None or size is None or at is None:
        unknown = np.full(len(tables), -1)
        return unknown, unknown
    first = _counts(kernel, tables, lists + at)
    numbers = _free_lists(kernel, tables, lists, size)
    total = first.copy()
    for index in range(1, int(numbers.max(initial=0))):
        more = _counts(kernel, tables, lists + index * size + at)
        total += np.where((numbers > index) & (more > 0) & (total >= 0), more, 0)
    return total, first


def _counts(kernel: Kernel, tables: Addresses, at: int) -> NDArray[np.int64]:
    """The 32-bit counter at an offset of each table, -1 where it is not in the dump or cannot be true."""
    found = read_columns(kernel.memory, tables, {"count": (at, 4)})
    counts = found.signed("count", 4)
    return np.where(found.valid["count"] & (counts >= 0) & (counts <= MAX_ENTRIES), counts, -1)


def _free_lists(kernel: Kernel, tables: Addresses, lists: int, size: int) -> NDArray[np.int64]:
    """Free lists per table. HANDLE_TABLE declares one; a machine with several processors allocates one for each.

    How many fit is what the size of the pool block says; without a pool header in front there is no telling.
    """
    header = kernel.layout.size("_POOL_HEADER")
    field = kernel.layout.field("_POOL_HEADER", "BlockSize")
    tag_at = kernel.layout.offset("_POOL_HEADER", "PoolTag")
    if header is None or field is None or field.bits is None or tag_at is None:
        return np.ones(len(tables), np.int64)
    unit = 16 if kernel.bits == 64 else 8
    found = read_columns(kernel.memory, tables - np.uint64(header), {"size": (field.offset, 4), "tag": (tag_at, 4)})
    start, end = field.bits
    blocks = (found["size"] >> np.uint64(start)) & np.uint64((1 << (end - start)) - 1)
    tagged = (found["tag"] & np.uint64(0x7FFFFFFF)) == int.from_bytes(OBJECT_TABLE_TAG, "little")
    room = (blocks.astype(np.int64) * unit - header - lists) // size
    limit = min(kernel.processors, MAX_FREE_LISTS)
    return np.where(found.valid["size"] & tagged, np.clip(room, 1, max(limit, 1)), 1)
