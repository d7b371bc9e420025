"""The address space of a forged machine: regions of virtual memory with their bytes, before it gets physical pages."""

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

PAGE = 4096
Bytes = NDArray[np.uint8]

RESIDENT, PAGED_OUT, TRANSITION, LEFT_OUT, UNMAPPED = range(5)
"""What becomes of a page: valid; in the page file; in transition (invalid entry, content in memory); valid but left out
of kernel dumps; no entry at all."""


@dataclass(slots=True)
class Region:
    """A page-aligned range of virtual addresses. `data` is flat, `state` has one entry per page."""

    start: int
    data: Bytes
    state: Bytes
    large: Bytes = field(default_factory=lambda: np.zeros(0, np.uint8))
    """Per page: 1 where a large page maps it. Whole, aligned large pages only."""
    owners: tuple[int, ...] = ()
    """Process ids whose address space has the region; empty for all. User pages are left out of kernel dumps."""

    @property
    def user(self) -> bool:
        """True for the memory of a process itself."""
        return self.start >> 47 == 0 if self.start >> 32 else self.start < 0x80000000

    @property
    def end(self) -> int:
        return self.start + self.data.size

    @property
    def pages(self) -> int:
        return self.data.size // PAGE


def put(rows: Bytes, offset: int, values: NDArray[np.generic] | int, size: int) -> None:
    """Write one little-endian integer of `size` bytes at `offset` of every row; rows are (..., bytes)."""
    column = np.asarray(values, dtype=f"<u{size}") if not isinstance(values, int) else np.array(values, f"<u{size}")
    column = np.broadcast_to(column, rows.shape[:-1])
    rows[..., offset : offset + size] = np.ascontiguousarray(column)[..., None].view(np.uint8)


def _region(start: int, size: int, owners: tuple[int, ...]) -> Region:
    region = Region(start, np.zeros(size, np.uint8), np.zeros(size // PAGE, np.uint8), owners=owners)
    region.large = np.zeros(region.pages, np.uint8)
    return region


class Memory:
    """Virtual memory under construction, read and written by address."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.width = bits // 8
        self.regions: list[Region] = []
        self.private: list[Region] = []
        """Regions of some processes only at addresses where others may have something else; written by `data`."""
        self._starts: list[int] = []

    def add(self, start: int, size: int, *, owners: tuple[int, ...] = ()) -> Region:
        """A new region of zeros, rounded up to pages; it must not overlap another."""
        size = -(-size // PAGE) * PAGE
        at = bisect_right(self._starts, start)
        if (at and self.regions[at - 1].end > start) or (at < len(self.regions) and start + size > self._starts[at]):
            raise ValueError(f"region {start:x}+{size:x} overlaps another")
        region = _region(start, size, owners)
        self.regions.insert(at, region)
        self._starts.insert(at, start)
        return region

    def add_private(self, start: int, data: bytes, owners: tuple[int, ...]) -> Region:
        """A region of some processes only, as the session space is."""
        region = _region(start, -(-len(data) // PAGE) * PAGE, owners)
        region.data[: len(data)] = np.frombuffer(data, np.uint8)
        self.private.append(region)
        return region

    def region(self, address: int) -> Region:
        """The region that holds an address."""
        at = bisect_right(self._starts, address)
        if at and address < self.regions[at - 1].end:
            return self.regions[at - 1]
        raise KeyError(f"{address:x} is in no region")

    def write(self, address: int, data: bytes) -> None:
        """Bytes at an address; they must lie in one region."""
        region = self.region(address)
        at = address - region.start
        region.data[at : at + len(data)] = np.frombuffer(data, np.uint8)

    def put(self, address: int, value: int, size: int | None = None) -> None:
        """An integer at an address, of pointer size unless said."""
        size = size or self.width
        self.write(address, (value & ((1 << 8 * size) - 1)).to_bytes(size, "little"))

    def read(self, address: int, size: int) -> bytes:
        """Bytes at an address."""
        region = self.region(address)
        at = address - region.start
        return region.data[at : at + size].tobytes()

    def get(self, address: int, size: int | None = None) -> int:
        """An integer at an address, of pointer size unless said."""
        return int.from_bytes(self.read(address, size or self.width), "little")

    def unicode(self, address: int, text_at: int, text: str) -> None:
        """A UNICODE_STRING at `address` whose characters go to `text_at`."""
        raw = text.encode("utf-16-le")
        self.put(address, len(raw), 2)
        self.put(address + 2, len(raw) + 2, 2)
        self.put(address + self.width, text_at)
        if raw:
            self.write(text_at, raw + b"\0\0")

    def link(self, head: int, entries: list[int]) -> None:
        """A doubly linked list: the head and the addresses of the entries' LIST_ENTRY fields, in order."""
        ring = [head, *entries]
        for at, entry in enumerate(ring):
            self.put(entry, ring[(at + 1) % len(ring)])
            self.put(entry + self.width, ring[at - 1])

    def set_state(self, address: int, size: int, state: int) -> None:
        """Give the pages of a range a state."""
        region = self.region(address)
        first = (address - region.start) // PAGE
        region.state[first : first + -(-size // PAGE)] = state
