"""Pool blocks of given tags, found in the resident pages of kernel memory.

Up to build 17763 a page of pool is a chain of headers: each says how long its block is and how long the one before it
was, and the chain fills the page. From 18362 on small blocks lie in the segment heap; the header still stands before
them, but no chain leads from one to the next, so the pages are scanned for the tag and its header is checked.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..dump.container import PAGE
from .kernel import Kernel
from .pooltags import PROTECTED
from .virtual import Survey

SEGMENT_HEAP_BUILD = 18362
CHUNK_PAGES = 16384
"""Pages looked at in one pass: 64 MB."""
MAX_BLOCKS = 1 << 24
"""Most blocks kept, 16 bytes each; the search ends there."""
_SMALL = 1 << 23
"""Pages of 32 GB: up to there all are listed at once."""
_SCAN_PAGES = 512
"""Pages copied in one pass of the scan: 2 MB stay in the cache."""
_MIN_LINKS = 3
"""A page that begins as a chain of this many blocks and then breaks was a page of pool."""
_VISTA, _SERVER_2003 = 6000, 3790
_MASK = np.uint64(0xFFFF_FFFF & ~PROTECTED)


@dataclass(frozen=True, slots=True)
class Blocks:
    """Blocks of one tag: addresses of the pool headers in order, and sizes in bytes, header included."""

    addresses: NDArray[np.uint64]
    sizes: NDArray[np.uint32]


@dataclass(slots=True)
class Search:
    """What a search over kernel memory found.

    `complete` is False where it was cut, pages of pool were damaged, or pages that the page tables map beside the
    blocks found are not in the dump. Addresses that nothing maps are no gap.
    """

    tags: dict[int, Blocks] = field(default_factory=dict)
    pool_pages: int = 0
    broken_pages: int = 0
    absent_pages: int = 0
    """Pages mapped where blocks were found, but not in this dump; those behind a missing page table count as well."""
    start: int = 0
    end: int = 0
    complete: bool = True


@dataclass(frozen=True, slots=True)
class HeaderForm:
    """The packed pool header: unit of its sizes in bytes, and shift and mask of three fields in its first 32 bits."""

    unit: int
    previous: tuple[int, int]
    kind: tuple[int, int]
    size: tuple[int, int]


def header_form(kernel: Kernel) -> HeaderForm:
    """The form by width and build: Windows 2000 has bytes and 32-byte units, x86 bit fields of 9 and 7 bits."""
    if kernel.bits == 64:
        return HeaderForm(16, (0, 0xFF), (24, 0xFF), (16, 0xFF))
    if kernel.build < 2600:
        return HeaderForm(32, (0, 0xFF), (16, 0xFF), (24, 0xFF))
    return HeaderForm(8, (0, 0x1FF), (25, 0x7F), (16, 0x1FF))


def search(kernel: Kernel, keys: Sequence[int], skip: Sequence[tuple[int, int]] = ()) -> Search:
    """All nonpaged blocks in use of these tags. `skip` are address ranges that hold no pool: images, paged pool."""
    found = Search()
    form = header_form(kernel)
    wanted = np.unique(np.array(list(keys), dtype=np.uint64) & _MASK)
    parts: dict[int, list[tuple[NDArray[np.uint64], NDArray[np.uint32]]]] = {int(key): [] for key in wanted}
    total = 0
    gaps = _Gaps(kernel)
    for start, end in pool_ranges(kernel):
        if found.pool_pages:
            break
        found.start, found.end = start, end - 1
        for vas, offsets in _pages(kernel, start, end, skip, gaps):
            addresses, words = _look(kernel, form, wanted, vas, offsets, found)
            tags = words >> np.uint64(32) & _MASK
            sizes = (_part(words, form.size) * np.uint64(form.unit)).astype(np.uint32)
            for key, list_ in parts.items():
                mine = tags == np.uint64(key)
                if mine.any():
                    list_.append((addresses[mine], sizes[mine]))
            gaps.beside(addresses)
            total += len(addresses)
            if total > MAX_BLOCKS:
                found.complete = False
                break
    for key, list_ in parts.items():
        address = np.concatenate([part[0] for part in list_]) if list_ else np.zeros(0, np.uint64)
        size = np.concatenate([part[1] for part in list_]) if list_ else np.zeros(0, np.uint32)
        order = np.argsort(address, kind="stable")
        found.tags[key] = Blocks(address[order], size[order])
    found.absent_pages = gaps.count()
    if kernel.memory.truncated or kernel.memory.physical.problems or found.broken_pages or found.absent_pages:
        found.complete = False
    return found


class _Gaps:
    """Counts the pages that are mapped, but not in the dump, in the regions that hold blocks.

    From Windows 8 on x64 every pool has top-level entries of its own; on x86 pools share the address space with views
    of the file cache, which no kernel dump holds, and one page table is the region.
    """

    def __init__(self, kernel: Kernel) -> None:
        levels = kernel.memory.paging.levels
        self._shift = np.uint64(39 if kernel.bits == 64 else levels[-2].shift)
        self._pages: dict[int, int] = {}
        self._lost: list[tuple[int, int]] = []
        self._regions: set[int] = set()

    def see(self, survey: Survey, skip: Sequence[tuple[int, int]]) -> None:
        """Take in what a range maps; what lies in `skip` does not count."""
        for addresses, sizes in ((survey.absent, None), (survey.lost, survey.lost_sizes)):
            keep = np.ones(len(addresses), np.bool_)
            for first, last in skip:
                keep &= (addresses < np.uint64(first)) | (addresses >= np.uint64(last))
            if sizes is None:
                regions, counts = np.unique(addresses[keep] >> self._shift, return_counts=True)
                for region, count in zip(regions.tolist(), counts.tolist(), strict=True):
                    self._pages[region] = self._pages.get(region, 0) + count
            else:
                self._lost += zip(addresses[keep].tolist(), sizes[keep].tolist(), strict=True)

    def beside(self, blocks: NDArray[np.uint64]) -> None:
        """Blocks were found at these addresses."""
        self._regions.update(np.unique(blocks >> self._shift).tolist())

    def count(self) -> int:
        """Pages that may hold blocks and are not in the dump. A missing table between blocks hides all its pages."""
        shift = int(self._shift)
        found = sum(self._pages.get(region, 0) for region in self._regions)
        low, high = min(self._regions, default=0), max(self._regions, default=-1)
        found += sum(size // PAGE for at, size in self._lost if low <= at >> shift <= high)
        return found


def pool_ranges(kernel: Kernel) -> list[tuple[int, int]]:
    """Where nonpaged pool can lie: between the bounds of KDBG where they are set, then anywhere in kernel memory.

    From Vista on pools of x86 are anywhere in kernel memory, and from Windows 8 on the bounds are zero.
    """
    start, end = (_value(kernel, name) for name in ("MmNonPagedPoolStart", "MmNonPagedPoolEnd"))
    low, high = 1 << (kernel.bits - 1), 1 << kernel.bits
    if kernel.bits == 64:
        low = high - (1 << (kernel.memory.paging.address_bits - 1))
    everywhere = [(low, high)]
    if start is None or end is None or (kernel.bits == 32 and kernel.build >= _VISTA):
        return everywhere
    return [(start, end), *everywhere] if low <= start < end < high and start % PAGE == 0 else everywhere


def paged_range(kernel: Kernel) -> list[tuple[int, int]]:
    """Where paged pool lies, where KDBG says so. On x86 it lies between the two parts of nonpaged pool."""
    start, end = (_value(kernel, name) for name in ("MmPagedPoolStart", "MmPagedPoolEnd"))
    return [(start, end)] if start and end and start < end else []


def _value(kernel: Kernel, name: str) -> int | None:
    at = kernel.symbol(name)
    return kernel.memory.pointer(at) if at is not None else None


def _pages(
    kernel: Kernel, start: int, end: int, skip: Sequence[tuple[int, int]], gaps: _Gaps
) -> Iterator[tuple[NDArray[np.uint64], NDArray[np.int64]]]:
    """Resident pages of a range outside `skip` with their file offsets, in chunks."""
    # Of large machines one top-level entry at a time: the index of 1 TB of pages would not fit.
    small = kernel.bits == 32 or kernel.memory.physical.page_count < _SMALL
    slot = end - start if small else 1 << (kernel.memory.paging.address_bits - 9)
    for low in range(start, end, slot):
        survey = kernel.memory.survey(low, min(low + slot, end))
        gaps.see(survey, skip)
        vas, offsets = survey.vas, survey.offsets
        keep = np.ones(len(vas), np.bool_)
        for first, last in skip:
            keep[np.searchsorted(vas, np.uint64(first)) : np.searchsorted(vas, np.uint64(last))] = False
        vas, offsets = vas[keep], offsets[keep]
        if len(vas) > 2 * kernel.memory.physical.page_count:
            # Damaged page tables map the same pages over and over; each is looked at once.
            once = np.sort(np.unique(offsets, return_index=True)[1])
            vas, offsets = vas[once], offsets[once]
        for at in range(0, len(vas), CHUNK_PAGES):
            yield vas[at : at + CHUNK_PAGES], offsets[at : at + CHUNK_PAGES]


def _look(
    kernel: Kernel,
    form: HeaderForm,
    wanted: NDArray[np.uint64],
    vas: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    found: Search,
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Headers of wanted nonpaged blocks in use in some pages: addresses and their first 8 bytes."""
    scan = _scan if kernel.build >= SEGMENT_HEAP_BUILD else _chains
    addresses, words = scan(kernel, form, wanted, vas, offsets, found)
    keep = _in_use(kernel, _part(words, form.kind))
    return addresses[keep], words[keep]


def _part(words: NDArray[np.uint64], place: tuple[int, int]) -> NDArray[np.uint64]:
    return words >> np.uint64(place[0]) & np.uint64(place[1])


def _in_use(kernel: Kernel, kind: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Which headers are of nonpaged blocks in use, by their PoolType.

    Up to XP it is the pool type plus one, 0 when free. 2003 has an in-use bit of 4, and no source for the rest: paged
    pool is told by its address there. From Vista on 2 means in use and 1 paged.
    """
    mask, value = (1, 1)
    if kernel.build >= _SERVER_2003:
        mask, value = (3, 2) if kernel.build >= _VISTA else (4, 4)
    return np.asarray(kind & np.uint64(mask) == np.uint64(value), dtype=np.bool_)


def _chains(
    kernel: Kernel,
    form: HeaderForm,
    wanted: NDArray[np.uint64],
    vas: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    found: Search,
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Headers of the wanted tags in the pages that are one chain from end to end: addresses and their first 8 bytes."""
    units = PAGE // form.unit
    entries = kernel.memory.physical.entries
    links = np.zeros(len(vas), dtype=np.int32)
    sound = np.zeros(len(vas), dtype=np.bool_)
    at = np.arange(len(vas))
    inside = np.zeros(len(vas), dtype=np.int64)
    before = np.zeros(len(vas), dtype=np.uint64)
    hits: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint64]]] = []
    while len(at):
        words = entries(offsets[at] + inside * form.unit, 8)
        size = _part(words, form.size)
        fits = (_part(words, form.previous) == before) & (size > 0) & (inside + size.astype(np.int64) <= units)
        at, inside, words, before = at[fits], inside[fits], words[fits], size[fits]
        links[at] += 1
        match = np.isin(words >> np.uint64(32) & _MASK, wanted)
        if match.any():
            hits.append((at[match], inside[match], words[match]))
        inside = inside + before.astype(np.int64)
        ends = inside == units
        sound[at[ends]] = True
        at, inside, before = at[~ends], inside[~ends], before[~ends]
    found.pool_pages += int(sound.sum())
    found.broken_pages += int((~sound & (links >= _MIN_LINKS)).sum())
    if not hits:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    page, place, header = (np.concatenate([hit[i] for hit in hits]) for i in range(3))
    real = sound[page]
    return vas[page[real]] + (place[real] * form.unit).astype(np.uint64), header[real].astype(np.uint64)


def _scan(
    kernel: Kernel,
    form: HeaderForm,
    wanted: NDArray[np.uint64],
    vas: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    found: Search,
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Headers of the wanted tags that can be true, at any multiple of the unit: addresses and their first 8 bytes."""
    addresses: list[NDArray[np.uint64]] = []
    headers: list[NDArray[np.uint64]] = []
    begins = np.zeros(1 << 16, dtype=np.bool_)
    begins[(wanted & np.uint64(0xFFFF)).astype(np.int64)] = True
    # All pages of a dump begin at the same offset within 4 KB of the file, so that it is a table of pages.
    phase = int(offsets[0]) % PAGE if len(offsets) else 0
    buffer = kernel.memory.physical.buffer[phase:]
    table = buffer[: len(buffer) // PAGE * PAGE].view("<u2").reshape(-1, PAGE // 2)
    for start in range(0, len(vas), _SCAN_PAGES):
        some = offsets[start : start + _SCAN_PAGES]
        first_half = table[(some - phase) // PAGE][:, 2 :: form.unit // 2]
        page, place = np.nonzero(begins[first_half])
        inside = place * form.unit
        word = kernel.memory.physical.entries(some[page] + inside, 8)
        size = _part(word, form.size).astype(np.int64) * form.unit
        kind = _part(word, form.kind)
        # A block is at least its header and a unit long; of PoolType, two bits are never set by the allocator.
        real = np.isin(word >> np.uint64(32) & _MASK, wanted)
        real &= (size >= 2 * form.unit) & (kind & np.uint64(0x90) == 0)
        addresses.append(vas[start + page[real]] + inside[real].astype(np.uint64))
        headers.append(word[real])
        found.pool_pages += len(np.unique(page[real]))
    if not addresses:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    return np.concatenate(addresses), np.concatenate(headers)
