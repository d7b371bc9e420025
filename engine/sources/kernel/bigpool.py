"""Big pool: allocations of about a page and more, which have no pool header and stand in a table of their own."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...facts import Case
from ..dump.container import PAGE
from .columns import read_columns
from .kernel import Kernel
from .layouts import known_layouts
from .pooltags import PROTECTED
from .report import Report

MAX_ENTRIES = 1 << 24
"""Most entries read: 400 MB of table, for allocations that take up 64 GB at least."""
STRUCT = "_POOL_TRACKER_BIG_PAGES"
_ASSUMED = 2600
"""Nothing public describes the table of Windows 2000: that of XP is assumed, as where it is looked for."""
CHUNK = 1 << 18
_PAGED = np.uint64(1)
"""Bit 0 of PoolType: paged pool (POOL_TYPE of the WDK headers)."""
_FLAG_NONPAGED, _FLAG_PAGED = np.uint64(0xC0), np.uint64(0x100)
"""POOL_FLAG_NON_PAGED with its executable kind, and POOL_FLAG_PAGED (WDK headers), in the PoolFlags of build 26100."""


@dataclass(frozen=True, slots=True)
class BigPool:
    """Big allocations in use, as columns: address, tag with the protected bit cleared, bytes, and whether paged.

    `paged` is None where the table does not say (up to build 3790).
    """

    addresses: NDArray[np.uint64]
    keys: NDArray[np.uint32]
    sizes: NDArray[np.uint64]
    paged: NDArray[np.bool_] | None
    table: int
    unreadable: int

    def of(self, key: int) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """Addresses and sizes of the allocations of a tag that are not known to be paged."""
        mine = self.keys == np.uint32(key & ~PROTECTED)
        if self.paged is not None:
            mine &= ~self.paged
        return self.addresses[mine], self.sizes[mine]


def walk(kernel: Kernel, case: Case, report: Report) -> None:
    """Count what the table holds; the census adds the allocations of each tag to the blocks it finds."""
    big = read_big_pool(kernel)
    if big is None:
        report.missing(
            "tags",
            "The table of big pool allocations (nt!PoolBigPageTable) was not found: blocks of a page and more are not "
            "counted in the census.",
            severity="info",
        )
        return
    report.counted("big pool allocations", len(big.addresses), unreadable=big.unreadable)


def read_big_pool(kernel: Kernel) -> BigPool | None:
    """The table's entries in use, or None where it was not found. Bit 0 of an address marks a free entry."""
    layout = kernel.layout
    if layout.size(STRUCT) is None and kernel.build < _ASSUMED:
        layout = next(known.layout for known in known_layouts() if known.build == _ASSUMED)
    variables = [kernel.symbol(name) for name in ("PoolBigPageTable", "PoolBigPageTableSize")]
    table, count = (kernel.memory.pointer(at) if at is not None else None for at in variables)
    stride = layout.size(STRUCT)
    address, key = layout.field(STRUCT, "Va"), layout.field(STRUCT, "Key")
    length = layout.field(STRUCT, "NumberOfBytes") or layout.field(STRUCT, "NumberOfPages")
    if not table or not count or stride is None or address is None or key is None or length is None:
        return None
    in_pages = layout.field(STRUCT, "NumberOfBytes") is None
    kind, new = layout.field(STRUCT, "PoolType", "PoolFlags"), layout.field(STRUCT, "PoolType") is None
    pointer = kernel.bits // 8
    fields = {"va": (address.offset, pointer), "key": (key.offset, 4)}
    fields["length"] = (length.offset, 4 if in_pages else pointer)
    if kind is not None:
        fields["kind"] = (kind.offset, 4)
    parts: list[tuple[NDArray[np.uint64], ...]] = []
    unreadable, first_kernel = 0, np.uint64(1 << (kernel.bits - 1))
    for start in range(0, min(count, MAX_ENTRIES), CHUNK):
        index = np.arange(start, min(start + CHUNK, count, MAX_ENTRIES), dtype=np.uint64)
        columns = read_columns(kernel.memory, np.uint64(table) + index * np.uint64(stride), fields)
        there = columns.valid["va"] & columns.valid["length"]
        unreadable += int((~there).sum())
        va = columns["va"]
        used = there & (va & np.uint64(1) == 0) & (va >= first_kernel) & (columns["key"] != 0)
        flags = columns["kind"] if kind is not None else np.zeros(len(va), np.uint64)
        if kind is not None and kind.bits is not None:
            flags = flags >> np.uint64(kind.bits[0]) & np.uint64((1 << (kind.bits[1] - kind.bits[0])) - 1)
        parts.append((va[used], columns["key"][used], columns["length"][used], flags[used]))
    addresses, keys, sizes, flags = (np.concatenate([part[i] for part in parts]) for i in range(4))
    sizes = sizes * np.uint64(PAGE) if in_pages else sizes
    real = (sizes > 0) & (sizes < np.uint64(1 << 44))
    return BigPool(
        addresses=addresses[real] & ~np.uint64(PAGE - 1),
        keys=keys[real].astype(np.uint32) & np.uint32(~PROTECTED & 0xFFFF_FFFF),
        sizes=sizes[real],
        paged=_is_paged(flags[real], new) if kind is not None else None,
        table=table,
        unreadable=unreadable,
    )


def _is_paged(flags: NDArray[np.uint64], new: bool) -> NDArray[np.bool_]:
    """Which allocations are paged, by PoolType or by PoolFlags."""
    paged = flags & _PAGED != 0
    if new:
        paged = (flags & _FLAG_PAGED != 0) | ((flags & _FLAG_NONPAGED == 0) & paged)
    return np.asarray(paged, dtype=np.bool_)
