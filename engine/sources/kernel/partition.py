"""Counters of Windows 10 and later: the system partition (MiSystemPartition) and MiState.

Their addresses are in no table a dump carries. Where the exact symbols are not at hand, both are looked for in the
kernel's image by their shape: the partition by its page count, which the dump header gives as well, MiState by the
sums of the pool tags. A shape found twice is not used.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..dump.container import PAGE
from .kernel import Kernel
from .layouts import Layout, known_layouts

FIRST_PARTITION_BUILD = 10240
MAX_IMAGE = 1 << 26
"""Kernels of Windows 11 are 17 MB."""
_MAX_PAGES = 1 << 36
_SLACK = 16384
"""Pages a small pool may hold beyond half as much again as its tags add up to: 64 MB."""
_MAX_FILES = 16
"""Page files of one machine."""

_FIELDS = {
    "available_bytes": "AvailablePages",
    "resident_available_bytes": "ResidentAvailablePages",
    "committed_bytes": "TotalCommittedPages",
    "commit_limit_bytes": "TotalCommitLimit",
    "shared_commit_bytes": "SharedCommit",
}
"""Fields of the memory fact and of _MI_VISIBLE_PARTITION, in pages."""


@dataclass(slots=True)
class Partition:
    """Page counts by field of the memory fact, bytes used by pool with their source, and where they were read."""

    pages: dict[str, int] = field(default_factory=dict)
    used: dict[str, tuple[int, str]] = field(default_factory=dict)
    source: str = ""


def read_partition(kernel: Kernel) -> Partition:
    """What the partition and MiState hold; empty where they were not found."""
    found = Partition()
    visible = _visible(kernel)
    if visible is not None:
        _read_visible(kernel, visible, found)
    state = kernel.symbol("MiState")
    if state is not None:
        found.used = _read_state(kernel, state, _state_offsets(kernel.layout) or ())
    return found


def find_pools(kernel: Kernel, nonpaged: int, paged: int) -> dict[str, tuple[int, str]]:
    """Bytes in use by pool from a MiState that agrees with the sums of the pool tags, given in bytes; else empty.

    Pools hold at least what their tags add up to, and unused ends of pages besides.
    """
    if nonpaged < 1 << 20 or paged < 1 << 20:
        return {}
    words, start = _image(kernel)
    width = kernel.bits // 8
    found: dict[int, tuple[int, ...]] = {}
    # Revisions of one build differ in where the visible part begins.
    for offsets in {_state_offsets(layout) for layout in _variants(kernel)} - {None}:
        columns = [words[offset // width :] for offset in offsets or ()]
        length = min(len(column) for column in columns)
        allocated, in_use, maximum, size = (column[:length] for column in columns)
        fits = (maximum >= allocated) & (maximum < _MAX_PAGES) & (size >= in_use) & (size < _MAX_PAGES)
        for pages, total in ((allocated, nonpaged), (in_use, paged)):
            fits &= (pages >= total // PAGE) & (pages <= total * 3 // (2 * PAGE) + _SLACK)
        found |= {
            start + i * width: offsets or () for i in np.flatnonzero(fits).tolist() if (start + i * width) % 64 == 0
        }
    return _read_state(kernel, *found.popitem()) if len(found) == 1 else {}


def _read_visible(kernel: Kernel, visible: int, found: Partition) -> None:
    layout, memory = kernel.layout, kernel.memory
    for name, member in _FIELDS.items():
        offset = layout.offset("_MI_VISIBLE_PARTITION", member)
        value = memory.pointer(visible + offset) if offset is not None else None
        if value is not None and value < _MAX_PAGES:
            found.pages[name] = value
    physical = layout.offset("_MI_VISIBLE_PARTITION", "NumberOfPhysicalPages")
    pages = memory.pointer(visible + physical) if physical is not None else None
    if pages and pages < _MAX_PAGES:
        found.pages["physical_bytes"] = pages
    start = layout.offset("_MI_PARTITION", "Vp")
    commit, peak = layout.offset("_MI_PARTITION", "Commit"), layout.offset("_MI_PARTITION_COMMIT", "PeakCommitment")
    if start is not None and commit is not None and peak is not None:
        value = memory.pointer(visible - start + commit + peak)
        if value and value < _MAX_PAGES:
            found.pages["peak_commit_bytes"] = value
    _page_files(kernel, visible, found)
    found.source = f"_MI_VISIBLE_PARTITION @ {visible:x}"


def _page_files(kernel: Kernel, visible: int, found: Partition) -> None:
    layout, memory = kernel.layout, kernel.memory
    number, array = (layout.offset("_MI_VISIBLE_PARTITION", name) for name in ("NumberOfPagingFiles", "PagingFile"))
    size, free = (layout.offset("_MMPAGING_FILE", name) for name in ("Size", "FreeSpace"))
    count = memory.u32(visible + number) if number is not None else None
    if array is None or size is None or free is None or count is None or not 0 < count <= _MAX_FILES:
        return
    sums = [0, 0]
    for i in range(count):
        at = memory.pointer(visible + array + i * kernel.bits // 8)
        values = [memory.pointer(at + offset) for offset in (size, free)] if at else [None]
        if None in values or any(value is not None and value >= _MAX_PAGES for value in values):
            return
        sums = [total + (value or 0) for total, value in zip(sums, values, strict=True)]
    found.pages["page_file_bytes"], found.pages["page_file_free_bytes"] = sums


def _variants(kernel: Kernel) -> list[Layout]:
    """The kernel's own layout and those of other revisions of its build."""
    others = [known.layout for known in known_layouts() if (known.build, known.bits) == (kernel.build, kernel.bits)]
    return [kernel.layout, *others]


def _state_offsets(layout: Layout) -> tuple[int, ...] | None:
    """Offsets in MiState of: nonpaged pages in use, paged pages in use, maximum nonpaged, size of paged."""
    pools, visible = (layout.offset("_MI_SYSTEM_INFORMATION", name) for name in ("Pools", "Vs"))
    allocated = layout.offset("_MI_POOL_STATE", "AllocatedNonPagedPool")
    info = layout.offset("_MI_VISIBLE_STATE", "PagedPoolInfo")
    paged = layout.offset("_MM_PAGED_POOL_INFO", "AllocatedPagedPool")
    maximum = layout.offset("_MI_VISIBLE_STATE", "MaximumNonPagedPoolInPages")
    size = layout.offset("_MI_VISIBLE_STATE", "SizeOfPagedPoolInPages")
    if pools is None or visible is None or allocated is None:
        return None
    if info is None or paged is None or maximum is None or size is None:
        return None
    return pools + allocated, visible + info + paged, visible + maximum, visible + size


def _read_state(kernel: Kernel, state: int, offsets: tuple[int, ...]) -> dict[str, tuple[int, str]]:
    used: dict[str, tuple[int, str]] = {}
    names = ("Pools.AllocatedNonPagedPool", "Vs.PagedPoolInfo.AllocatedPagedPool")
    for pool, name, offset in zip(("nonpaged", "paged"), names, offsets, strict=False):
        pages = kernel.memory.pointer(state + offset)
        if pages and pages < _MAX_PAGES:
            used[pool] = pages * PAGE, f"MiState.{name} @ {state + offset:x}"
    return used


def _visible(kernel: Kernel) -> int | None:
    """Address of the visible part of the system partition, by its symbol or by its shape in the kernel's image."""
    offset = kernel.layout.offset("_MI_PARTITION", "Vp")
    system = kernel.symbol("MiSystemPartition")
    if system is not None and offset is not None:
        return system + offset
    ram, layout, width = kernel.header.ram_pages, kernel.layout, kernel.bits // 8
    names = ("NumberOfPhysicalPages", "AvailablePages", "TotalCommittedPages", "TotalCommitLimit")
    at = [layout.offset("_MI_VISIBLE_PARTITION", name) for name in names]
    places = [place for place in at if place is not None]
    if not ram or len(places) != len(names):
        return None
    words, start = _image(kernel)
    columns = [words[place // width :] for place in places]
    length = min(len(column) for column in columns)
    physical, available, committed, limit = (column[:length] for column in columns)
    fits = (physical <= ram) & (physical >= ram - ram // 50) & (available > 0) & (available <= physical)
    fits &= (committed > 0) & (committed <= limit) & (limit >= physical // 2) & (limit < physical * np.uint64(256))
    found = [start + index * width for index in np.flatnonzero(fits).tolist()]
    found = [visible for visible in found if visible % 64 == 0 and _holds_files(kernel, visible)]
    return found[0] if len(found) == 1 else None


def _holds_files(kernel: Kernel, visible: int) -> bool:
    """The page-file array of the partition has as many kernel pointers as it says."""
    layout, memory, width = kernel.layout, kernel.memory, kernel.bits // 8
    number, array = (layout.offset("_MI_VISIBLE_PARTITION", name) for name in ("NumberOfPagingFiles", "PagingFile"))
    count = memory.u32(visible + number) if number is not None else None
    if array is None or count is None or count > _MAX_FILES:
        return False
    pointers = [memory.pointer(visible + array + i * width) or 0 for i in range(count)]
    return all(pointer >> (kernel.bits - 1) for pointer in pointers)


def _image(kernel: Kernel) -> tuple[NDArray[np.uint64], int]:
    """The kernel's image as words of pointer width, zero where a page is not in the dump, and its address."""
    empty = np.zeros(0, dtype=np.uint64)
    base = kernel.base
    if base is None:
        return empty, 0
    header = kernel.memory.read(base, PAGE)
    size = 0
    if header is not None and header[:2] == b"MZ":
        pe = int.from_bytes(header[0x3C:0x40], "little")
        size = int.from_bytes(header[pe + 0x50 : pe + 0x54], "little")
    if not 0 < size <= MAX_IMAGE:
        size = MAX_IMAGE // 2
    vas, offsets = kernel.memory.resident(base, base + (size & ~(PAGE - 1)))
    image = np.zeros((size // PAGE, PAGE), dtype=np.uint8)
    buffer = kernel.memory.physical.buffer
    for va, offset in zip(vas.tolist(), offsets.tolist(), strict=True):
        page = (va - base) // PAGE
        if offset >= 0 and offset + PAGE <= len(buffer) and 0 <= page < len(image):
            image[page] = buffer[offset : offset + PAGE]
    return image.reshape(-1).view(np.dtype(f"<u{kernel.bits // 8}")).astype(np.uint64), base
