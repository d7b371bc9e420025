"""Pool: classic pages of chained blocks, and the looser pages of the segment heap (1903 and later)."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .layouts import Layout
from .memory import PAGE, UNMAPPED, Bytes, Memory, Region, put

Addresses = NDArray[np.uint64]
_CHUNK = 64
_PROTECTED = 0x80000000
_BULK = 8


def tag_value(tag: str) -> int:
    """A tag as the u32 in memory."""
    return int.from_bytes(tag.encode("latin-1").ljust(4), "little")


@dataclass(slots=True)
class Blocks:
    """Blocks of one tag and size: their addresses, and the views their bytes are written through."""

    addresses: Addresses
    """Pool block (its header)."""
    body: int
    """Offset of the caller's bytes behind the block's address."""
    size: int
    """Whole block, header included."""
    parts: list[tuple[Bytes, int]]
    """(pages, blocks a page, bytes) arrays and how many blocks of each are used."""

    @property
    def bodies(self) -> Addresses:
        """The caller's addresses."""
        return self.addresses + np.uint64(self.body)

    def put(self, offset: int, values: NDArray[np.generic] | int, size: int) -> None:
        """Write one integer per block, `offset` bytes behind its caller's address."""
        at = 0
        for view, count in self.parts:
            if isinstance(values, int):
                put(view[:, :, self.body :], offset, values, size)
                continue
            padded = np.zeros(view.shape[0] * view.shape[1], f"<u{size}")
            padded[:count] = values[at : at + count].astype(padded.dtype)
            put(view[:, :, self.body :], offset, padded.reshape(view.shape[:2]), size)
            at += count

    def write(self, offset: int, data: bytes) -> None:
        """Write the same bytes to every block."""
        for view, _ in self.parts:
            view[:, :, self.body + offset : self.body + offset + len(data)] = np.frombuffer(data, np.uint8)


@dataclass(slots=True)
class _Open:
    """The page blocks are taken from one by one."""

    region: Region | None = None
    page: int = 0
    fill: int = 0
    previous: int = 0


@dataclass(slots=True)
class Pool:
    """The nonpaged and paged pool. `ranges` are the address ranges of each, used in order."""

    memory: Memory
    layout: Layout
    ranges: dict[bool, list[tuple[int, int]]]
    segment_heap: bool
    rng: np.random.Generator
    large: int = 0
    """Pages of the large pages that map long runs of nonpaged blocks; 0 for small pages only."""
    usage: dict[tuple[str, bool], list[int]] = field(default_factory=dict)
    """(tag, paged) -> blocks and bytes, big ones included."""
    big: list[tuple[int, str, int, bool]] = field(default_factory=list)
    """Big allocations: address, tag, bytes, paged."""
    spans: dict[bool, list[Region]] = field(default_factory=lambda: {False: [], True: []})
    _cursor: dict[bool, int] = field(default_factory=dict)
    _open: dict[bool, _Open] = field(default_factory=lambda: {False: _Open(), True: _Open()})

    @property
    def unit(self) -> int:
        """Bytes a unit of block size stands for."""
        return 0x20 if self.layout.build == 2195 else 8 if self.memory.bits == 32 else 16

    @property
    def header(self) -> int:
        return self.layout.size("_POOL_HEADER")

    def block_size(self, body: int) -> int:
        """Size of the block for so many bytes."""
        return -(-(body + self.header) // self.unit) * self.unit

    def pages(self, count: int, paged: bool) -> Region:
        """A new region of whole pages."""
        at = self._cursor.setdefault(paged, 0)
        step = self.large * PAGE if not paged and count >= 100 else 0
        if step:
            count = -(-count // self.large) * self.large
        while True:
            start, end = self.ranges[paged][at]
            if step:
                start = -(-start // step) * step
            if start + count * PAGE <= end:
                break
            at += 1
        self._cursor[paged] = at
        self.ranges[paged][at] = (start + count * PAGE, end)
        region = self.memory.add(start, count * PAGE)
        region.large[:] = 1 if step else 0
        self.spans[paged].append(region)
        return region

    def take(self, count: int, body: int, tag: str, *, paged: bool = False, protected: bool = False) -> Blocks:
        """Blocks of one size."""
        size = self.block_size(body)
        totals = self.usage.setdefault((tag, paged), [0, 0])
        totals[0] += count
        totals[1] += count * size
        number = tag_value(tag) | (_PROTECTED if protected else 0)
        if count < _BULK:
            singles = [self._single(size, number, paged) for _ in range(count)]
            parts = [(view, 1) for _, view in singles]
            return Blocks(np.array([address for address, _ in singles], np.uint64), self.header, size, parts)
        return self._bulk(count, size, number, paged)

    def one(self, body: int, tag: str, *, paged: bool = False) -> int:
        """One block; its caller's address."""
        return int(self.take(1, body, tag, paged=paged).bodies[0])

    def take_big(self, size: int, tag: str, *, paged: bool = False) -> int:
        """A big allocation: whole pages, an entry in the big page table."""
        region = self.pages(-(-size // PAGE), paged)
        totals = self.usage.setdefault((tag, paged), [0, 0])
        totals[0] += 1
        totals[1] += region.data.size if self.layout.build < 6000 else size
        self.big.append((region.start, tag, size, paged))
        return region.start

    def free_some(self, blocks: Blocks, tag: str, count: int) -> None:
        """Free the first blocks of a set; their bytes stay as they were, as in the classic pool."""
        self.usage[tag, False][0] -= count
        self.usage[tag, False][1] -= count * blocks.size
        left = count
        for view, used in blocks.parts:
            for index in range(min(left, used)):
                self._mark_free(view[index // view.shape[1], index % view.shape[1]])
                left -= 1

    def close(self) -> None:
        """Give back the pages of the last chunk that were never used."""
        for paged, page in self._open.items():
            if page.region is not None:
                self._finish_page(page)
                first = page.page + 1
                self.memory.set_state(page.region.start + first * PAGE, (page.region.pages - first) * PAGE, UNMAPPED)
                self._open[paged] = _Open()

    def _single(self, size: int, number: int, paged: bool) -> tuple[int, Bytes]:
        page = self._open[paged]
        lead = 16 if self.segment_heap else 0
        if page.region is None or page.fill + lead + size > PAGE:
            self._next_page(page, paged)
        assert page.region is not None
        at = page.page * PAGE + page.fill + lead
        if lead:
            page.region.data[at - 16 : at] = self.rng.integers(0, 256, 16, np.uint8)
        row = page.region.data[at : at + size]
        self._head(row[None, :], page.previous, size, number, paged)
        page.previous = size
        page.fill += lead + size
        return page.region.start + at, row[None, None, :]

    def _next_page(self, page: _Open, paged: bool) -> None:
        if page.region is not None:
            self._finish_page(page)
            page.page += 1
        if page.region is None or page.page == page.region.pages:
            page.region = self.pages(_CHUNK, paged)
            page.page = 0
        # A subsegment of the variable-size allocator begins with its header (0x30 bytes on x64).
        page.fill, page.previous = (0x30 if self.segment_heap else 0), 0

    def _finish_page(self, page: _Open) -> None:
        """The rest of a classic page is one free block."""
        assert page.region is not None
        rest = PAGE - page.fill
        if rest >= self.unit and not self.segment_heap:
            row = page.region.data[page.page * PAGE + page.fill : (page.page + 1) * PAGE]
            self._head(row[None, :], page.previous, rest, tag_value("Free"), False)
            self._mark_free(row)

    def _bulk(self, count: int, size: int, number: int, paged: bool) -> Blocks:
        """Blocks side by side. In the segment heap a low-fragmentation subsegment begins with a header (0x40 bytes)."""
        lead = 0x40 if self.segment_heap else 0
        a_page = (PAGE - lead) // size
        pages = -(-count // a_page)
        region = self.pages(pages, paged)
        table = region.data[: pages * PAGE].reshape(pages, PAGE)
        view = table[:, lead : lead + a_page * size].reshape(pages, a_page, size)
        previous = np.zeros((pages, a_page), np.int64)
        previous[:, 1:] = size
        self._head(view, previous, size, number, paged)
        rest = PAGE - lead - a_page * size
        if rest >= self.unit and not self.segment_heap:
            tail = table[:, PAGE - rest :]
            self._head(tail, size, rest, tag_value("Free"), paged)
            self._mark_free(tail)
        spare = view[-1, a_page - (pages * a_page - count) :] if pages * a_page > count else view[-1, :0]
        if self.segment_heap:
            spare[:] = 0
            table[:, :lead] = self.rng.integers(0, 256, (pages, lead), np.uint8)
        else:
            self._mark_free(spare)
        page_at = np.uint64(region.start) + np.arange(pages, dtype=np.uint64) * np.uint64(PAGE) + np.uint64(lead)
        addresses = page_at[:, None] + np.arange(a_page, dtype=np.uint64) * np.uint64(size)
        return Blocks(addresses.reshape(-1)[:count], self.header, size, [(view, count)])

    def _head(self, rows: Bytes, previous: NDArray[np.int64] | int, size: int, number: int, paged: bool) -> None:
        """Write pool headers: sizes in units, type 1 or 2 up to XP, with the in-use bit 4 in 2003, 2 or 3 later."""
        build = self.layout.build
        units, before = size // self.unit, np.asarray(previous) // self.unit
        kind = int(paged) + (1 if build < 3790 else 5 if build == 3790 else 2)
        if self.segment_heap:
            before = before * 0
        # On x64 and 2000 each is a byte, on x86 from XP on 9 and 7 bits.
        first: list[tuple[int, NDArray[np.int64] | int, int]] = [(0, before, 1), (1, 0, 1), (2, kind, 1), (3, units, 1)]
        if self.memory.bits == 64:
            first = [(0, before, 1), (1, 0, 1), (2, units, 1), (3, kind, 1)]
        elif build > 2195:
            first = [(0, before, 2), (2, units | kind << 9, 2)]
        for offset, values, width in first:
            put(rows, offset, values if isinstance(values, int) else np.broadcast_to(values, rows.shape[:-1]), width)
        put(rows, 4, number, 4)

    def _mark_free(self, rows: Bytes) -> None:
        """Pool type 0; in 2003 only the in-use bit goes."""
        build = self.layout.build
        if self.memory.bits == 64:
            rows[..., 3] &= 0xFB if build == 3790 else 0
        elif build == 2195:
            rows[..., 2] = 0
        elif build == 3790:
            rows[..., 3] &= 0xF7
        else:
            rows[..., 3] &= 0x01
