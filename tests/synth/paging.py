"""Physical pages and page tables: x86 with and without PAE, x64 with four levels."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .memory import LEFT_OUT, PAGE, PAGED_OUT, RESIDENT, TRANSITION, Bytes, Memory, Region

Frames = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mode:
    """One paging mode: bits translated per level from the leaf up, bytes per entry, pages of a large page."""

    name: str
    levels: tuple[int, ...]
    entry: int
    large_pages: int


X86 = Mode("x86", (10, 10), 4, 1024)
PAE = Mode("x86 PAE", (9, 9, 2), 8, 512)
X64 = Mode("x64", (9, 9, 9, 9), 8, 512)
LA57 = Mode("x64 with five levels", (9, 9, 9, 9, 9), 8, 512)

PRESENT, DIRTY, LARGE, NO_EXECUTE = 0x63, 0x40, 0x80, 1 << 63
"""Present, writable, accessed and dirty; dirty alone; page size; no-execute."""


@dataclass(slots=True)
class Physical:
    """The pages in use: frame numbers, ascending, their bytes, and which of them a kernel dump leaves out."""

    frames: Frames
    pages: Bytes
    left_out: NDArray[np.bool_]
    tables: Frames
    """Frames that hold page tables."""
    roots: dict[int, int]
    """Page-table root (physical address) of each process id; 0 is the System process."""
    addresses: NDArray[np.uint64]
    """Virtual addresses of all pages, ascending, with the frame of each in `homes` (-1 for none)."""
    homes: Frames

    def row(self, address: int) -> Bytes:
        """The bytes of the page at a virtual address."""
        at = int(np.searchsorted(self.addresses, np.uint64(address & ~(PAGE - 1))))
        row: Bytes = self.pages[int(np.searchsorted(self.frames, self.homes[at]))]
        return row

    def put(self, address: int, value: int, size: int) -> None:
        """Write an integer to memory that has its pages already; it must not cross a page."""
        at = address % PAGE
        self.row(address)[at : at + size] = np.frombuffer(value.to_bytes(size, "little"), np.uint8)


_FIRST_FRAME, _FIRST_ROOT = 0x400, 0x1AD
"""Windows 10 has the root of System between 1.5 and 2 MB."""


class FramePool:
    """Hands out page frame numbers: scattered, a tenth left unused in between, the hole below 1 MB skipped."""

    def __init__(self, rng: np.random.Generator, needed: int, first: int, high: int) -> None:
        spread = needed + needed // 10 + 64
        low = np.arange(first, first + spread)
        if high:
            low = np.concatenate([low[: spread // 2], np.arange(high, high + spread - spread // 2)])
        self._free = rng.permutation(low)
        self._at = 0
        self._root = _FIRST_ROOT

    def take(self, count: int) -> Frames:
        """So many frames, in no order."""
        taken = self._free[self._at : self._at + count]
        self._at += count
        return taken

    def take_root(self) -> int:
        """A low frame for a page-table root: with PAE it must lie below 4 GB."""
        self._root += 1
        return self._root - 1


def build(memory: Memory, mode: Mode, users: list[int], self_map: int, high: int, seed: int) -> Physical:
    """Give every page a frame, write the page tables of System and of each user process.

    `self_map` is the index of the self-map entry in the top table; `high` a frame number from which half the frames
    are taken (0 for none). All processes share the kernel's half, but for regions that have owners.
    """
    rng = np.random.default_rng(seed)
    regions = [*memory.regions, *memory.private]
    va, data, state, large, owned = _all_pages(regions)
    has_page = (state == RESIDENT) | (state == TRANSITION) | (state == LEFT_OUT)
    large_starts = np.flatnonzero(large)[:: mode.large_pages] if large.any() else np.zeros(0, np.int64)
    first = _FIRST_FRAME
    frames = np.full(va.size, -1, np.int64)
    next_large = -(-first // mode.large_pages) * mode.large_pages
    for start in large_starts:
        frames[start : start + mode.large_pages] = np.arange(next_large, next_large + mode.large_pages)
        next_large += mode.large_pages
    small = has_page & (large == 0)
    table_count = _table_bound(va, mode) + 8 * (len(users) + 1 + sum(len(region.owners) for region in regions))
    pool = FramePool(rng, int(small.sum()) + table_count, max(first, next_large), high)
    frames[small] = pool.take(int(small.sum()))
    tables = _Tables(mode, pool)
    entries = _leaf_entries(frames, state, mode, rng)
    kernel = owned < 0
    root = tables.map(va[kernel & (large == 0)], entries[kernel & (large == 0)])
    tables.map_large(root, va[large_starts], frames[large_starts])
    roots = {0: tables.finish_root(root, self_map)}
    for pid in users:
        copy = tables.copy_root(root)
        for index in {int(index) for index in np.unique(owned[~kernel]) if pid in regions[index].owners}:
            mine = owned == index
            tables.map(va[mine], entries[mine] | np.uint64(4 if regions[index].user else 0), copy)
        roots[pid] = tables.finish_root(copy, self_map)
    table_frames = np.array(list(tables.pages), np.int64)
    table_bytes = np.stack(list(tables.pages.values())).view(np.uint8).reshape(len(tables.pages), PAGE)
    kept = np.flatnonzero(frames >= 0)
    order = np.argsort(np.concatenate([frames[kept], table_frames]), kind="stable")
    all_frames = np.concatenate([frames[kept], table_frames])[order]
    place = np.empty(order.size, np.int64)
    place[order] = np.arange(order.size)
    pages = np.empty((order.size, PAGE), np.uint8)
    at = 0
    for first_page, block in data:
        span = np.flatnonzero(frames[first_page : first_page + len(block)] >= 0)
        pages[place[at : at + span.size]] = block if span.size == len(block) else block[span]
        at += span.size
    pages[place[kept.size :]] = table_bytes
    left = np.zeros(order.size, bool)
    user = np.array([region.user and bool(region.owners) for region in regions])[owned] & ~kernel
    left[place[: kept.size]] = ((state == LEFT_OUT) | user)[kept]
    shared = sum(region.pages for region in memory.regions)
    return Physical(all_frames, pages, left, np.sort(table_frames), roots, va[:shared], frames[:shared])


def _all_pages(regions: list[Region]) -> tuple[NDArray[np.uint64], list[tuple[int, Bytes]], Bytes, Bytes, Frames]:
    """Address, state, large mark and number of the region with owners (or -1) of every page; bytes by region."""
    va, data, at = [], [], 0
    for region in regions:
        va.append(np.uint64(region.start) + np.arange(region.pages, dtype=np.uint64) * np.uint64(PAGE))
        data.append((at, region.data.reshape(-1, PAGE)))
        at += region.pages
    state = np.concatenate([region.state for region in regions])
    large = np.concatenate([region.large for region in regions])
    numbers = [number if region.owners else -1 for number, region in enumerate(regions)]
    owned = np.repeat(np.array(numbers, np.int64), [region.pages for region in regions])
    return np.concatenate(va), data, state, large, owned


def _table_bound(va: NDArray[np.uint64], mode: Mode) -> int:
    shift, count = 12, 8
    for bits in mode.levels:
        shift += bits
        count += np.unique(va >> np.uint64(shift)).size
    return count


def _leaf_entries(frames: Frames, state: Bytes, mode: Mode, rng: np.random.Generator) -> NDArray[np.uint64]:
    entries = (frames.astype(np.uint64) << np.uint64(12)) | np.uint64(PRESENT)
    if mode.entry == 8:
        entries |= np.uint64(NO_EXECUTE)
    # MMPTE_TRANSITION: bit 11 set, bit 10 (prototype) and bit 0 clear; MMPTE_SOFTWARE: page file number in bits 1..4.
    transition = state == TRANSITION
    entries[transition] = (frames[transition].astype(np.uint64) << np.uint64(12)) | np.uint64(0x880)
    out = state == PAGED_OUT
    place = rng.integers(1, 1 << 19, int(out.sum())).astype(np.uint64)
    entries[out] = (place << np.uint64(32 if mode.entry == 8 else 12)) | np.uint64(0x80)
    entries[(frames < 0) & ~out] = 0
    return entries


class _Tables:
    """Page tables by frame number, entries as little-endian integers."""

    def __init__(self, mode: Mode, pool: FramePool) -> None:
        self.mode = mode
        self.kind = np.dtype(f"<u{mode.entry}")
        self._pool = pool
        self.pages: dict[int, NDArray[np.uint64]] = {}
        self._pae_roots: set[int] = set()

    def _new(self, *, root: bool = False) -> int:
        frame = self._pool.take_root() if root else int(self._pool.take(1)[0])
        self.pages[frame] = np.zeros(PAGE // self.mode.entry, self.kind)
        return frame

    def _child(self, table: int, index: int) -> int:
        entry = int(self.pages[table][index])
        if entry & 1:
            return (entry >> 12) & ((1 << 40) - 1)
        child = self._new()
        # The four top entries of PAE have no access, dirty or write bits.
        self.pages[table][index] = (child << 12) | (1 if table in self._pae_roots else PRESENT)
        return child

    def _walk(self, root: int, va: int, depth: int) -> tuple[int, int]:
        """Table and index for an address, `depth` levels above the leaf."""
        shift = 12 + sum(self.mode.levels)
        table = root
        for level in range(len(self.mode.levels) - 1, depth, -1):
            shift -= self.mode.levels[level]
            table = self._child(table, (va >> shift) & ((1 << self.mode.levels[level]) - 1))
        return table, (va >> (12 + sum(self.mode.levels[:depth]))) & ((1 << self.mode.levels[depth]) - 1)

    def map(self, va: NDArray[np.uint64], entries: NDArray[np.uint64], root: int | None = None) -> int:
        """Write leaf entries; every address gets one. Returns the frame of the root."""
        if root is None:
            root = self._new(root=True)
            self._pae_roots |= {root} if self.mode is PAE else set()
        span = np.uint64(12 + self.mode.levels[0])
        order = np.argsort(va, kind="stable")
        va, entries = va[order], entries[order]
        if not va.size:
            return root
        starts = np.flatnonzero(np.concatenate([[True], (va[1:] >> span) != (va[:-1] >> span)])).tolist()
        mask = np.uint64((1 << self.mode.levels[0]) - 1)
        for start, end in zip(starts, [*starts[1:], va.size], strict=True):
            table, _ = self._walk(root, int(va[start]), 0)
            index = (va[start:end] >> np.uint64(12)) & mask
            self.pages[table][index] = entries[start:end].astype(self.kind)
        return root

    def map_large(self, root: int, va: NDArray[np.uint64], frames: Frames) -> None:
        for address, frame in zip(va.tolist(), frames.tolist(), strict=True):
            table, index = self._walk(root, address, 1)
            self.pages[table][index] = (frame << 12) | PRESENT | DIRTY | LARGE

    def copy_root(self, root: int) -> int:
        """The tables of another process: kernel half shared, tables that hold the self map its own."""
        copy = self._new(root=True)
        self._pae_roots |= {copy} if self.mode is PAE else set()
        self.pages[copy][:] = self.pages[root]
        if self.mode is PAE:
            # The user half is the process's own; so are the directories with the self map and the session space.
            self.pages[copy][:2] = 0
            for index in (2, 3):
                directory = self._new()
                shared = (int(self.pages[root][index]) >> 12) & ((1 << 40) - 1)
                self.pages[directory][:] = self.pages[shared]
                self.pages[copy][index] = (directory << 12) | 1
        return copy

    def finish_root(self, root: int, self_map: int) -> int:
        """Enter the self map; returns the physical address of the root."""
        if self.mode is not PAE:
            self.pages[root][self_map] = (root << 12) | PRESENT
            return root << 12
        for index in range(4):
            self._child_of_pae(root, index)
        last = (int(self.pages[root][3]) >> 12) & ((1 << 40) - 1)
        for index in range(4):
            self.pages[last][index] = (((int(self.pages[root][index]) >> 12) & ((1 << 40) - 1)) << 12) | PRESENT
        return root << 12

    def _child_of_pae(self, root: int, index: int) -> None:
        if not int(self.pages[root][index]) & 1:
            self.pages[root][index] = (self._new() << 12) | 1
