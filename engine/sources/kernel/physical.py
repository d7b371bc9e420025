"""Physical pages of a kernel, full or automatic dump: which are in the file, and where.

Three forms, told apart by what stands behind the header, not by the type number:
- runs (type 1): the pages of the header's run list follow the header in order;
- bitmap (types 5, 6 and later): SDMP or FDMP, first page u64 at +0x20, pages present at +0x28, bits at +0x30, bitmap
  at +0x38 (kdmp-parser, LeechCore);
- summary (type 2 of 2000 to 7): SDMP, first page u32 at +0x0C, bits at +0x10, pages present at +0x14, bitmap at +0x20
  (32-bit) or +0x28 (64-bit), behind an RTL_BITMAP header (mindumpdef.h of the Windows SDK).
In both bitmaps the n-th set bit is the n-th page of the file.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..dump.container import PAGE, Header
from ..dump.image import Buffer, Image

PAGE_SHIFT = 12
_SIGNATURES = (b"SDMPDUMP", b"FDMPDUMP")
_MAX_BITS = 1 << 34
"""Pages of 64 TB; Windows Server 2022 stops at 48 TB."""
_MAX_READ = 1 << 26
_ALL = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class _Bitmap:
    """Where a page bitmap stands: file offset, bits; first page in the file, pages present by the sub-header."""

    offset: int
    bits: int
    first: int
    present: int


class PhysicalMemory:
    """The pages a dump holds, by page frame number. The dump is mapped, only an index of its bitmap is kept."""

    data: Buffer
    page_count: int
    """Pages present by bitmap or run list; the file may have been cut before the last of them."""
    problems: list[str]

    def __init__(self, data: Buffer) -> None:
        self.data = data
        self.size = len(data)
        self.problems = []
        self.page_count = 0
        self.highest = -1
        """Highest page frame number the bitmap or the runs cover, present or not."""
        self._buffer: NDArray[np.uint8] = np.frombuffer(data, np.uint8)
        self._phase = 0

    @property
    def buffer(self) -> NDArray[np.uint8]:
        """The whole file as one array over the mapping."""
        return self._buffer

    def offset(self, pfn: int) -> int:
        """File offset of one page, -1 where it is not in the dump."""
        raise NotImplementedError

    def offsets(self, pfns: NDArray[np.uint64]) -> NDArray[np.int64]:
        """File offset of each page, -1 where it is not in the dump."""
        raise NotImplementedError

    def read(self, address: int, size: int) -> bytes | None:
        """Bytes at a physical address; None when any of them is not in the dump."""
        if address < 0 or not 0 <= size <= _MAX_READ:
            return None
        parts: list[bytes] = []
        while size > 0:
            start = self.offset(address >> PAGE_SHIFT)
            if start < 0:
                return None
            inside = address & (PAGE - 1)
            length = min(size, PAGE - inside)
            parts.append(bytes(self.data[start + inside : start + inside + length]))
            address += length
            size -= length
        return b"".join(parts)

    def entries(self, offsets: NDArray[np.int64], width: int) -> NDArray[np.uint64]:
        """The 4- or 8-byte numbers at file offsets that lie a multiple of their width into a page."""
        form = np.dtype("<u8" if width == 8 else "<u4")
        view = self._buffer[self._phase : self._phase + (self.size - self._phase) // 8 * 8].view(form)
        return view[(offsets - self._phase) // width].astype(np.uint64)

    def _within(self, offsets: NDArray[np.int64], present: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The offsets where present and wholly in the file, else -1."""
        return np.where(present & (offsets <= self.size - PAGE), offsets, -1)


class _Runs(PhysicalMemory):
    """Pages that follow the header run by run."""

    def __init__(self, data: Buffer, header: Header) -> None:
        super().__init__(data)
        pages = [run.pages for run in header.runs]
        self._bases = np.array([run.base for run in header.runs], np.int64)
        self._pages = np.array(pages, np.int64)
        self._starts = np.cumsum([0, *pages[:-1]], dtype=np.int64) * PAGE + header.layout.size
        self.page_count = sum(pages)
        self.highest = header.runs[-1].base + header.runs[-1].pages - 1
        if self.page_count * PAGE + header.layout.size > self.size:
            self.problems.append(_cut(self.page_count * PAGE + header.layout.size, self.size))

    def offset(self, pfn: int) -> int:
        return int(self.offsets(np.array([min(pfn, 1 << 52)], np.uint64))[0])

    def offsets(self, pfns: NDArray[np.uint64]) -> NDArray[np.int64]:
        numbers = np.minimum(pfns, np.uint64(1 << 52)).astype(np.int64)
        run = np.searchsorted(self._bases, numbers, side="right") - 1
        inside = numbers - self._bases[run]
        present = (run >= 0) & (inside < self._pages[run])
        return self._within(self._starts[run] + inside * PAGE, present)


class _Bits(PhysicalMemory):
    """Pages in the order of a bitmap's set bits. The index is one running count per 64 bits: 8 MB for 512 GB of RAM."""

    def __init__(self, data: Buffer, bitmap: _Bitmap) -> None:
        super().__init__(data)
        self._first = bitmap.first
        self._phase = bitmap.first % 8
        self._words = _words(self._buffer, bitmap)
        counts = np.bitwise_count(self._words)
        self.page_count = int(counts.sum(dtype=np.int64))
        width = np.uint32 if self.page_count < 1 << 32 else np.uint64
        self._before = np.zeros(len(counts), width)
        np.cumsum(counts[:-1], dtype=width, out=self._before[1:])
        self.highest = bitmap.bits - 1
        if self.page_count != bitmap.present:
            self.problems.append(f"the page bitmap holds {self.page_count:,} pages, its header says {bitmap.present:,}")
        if bitmap.first + self.page_count * PAGE > self.size:
            self.problems.append(_cut(bitmap.first + self.page_count * PAGE, self.size))

    def offset(self, pfn: int) -> int:
        index, bit = pfn >> 6, pfn & 63
        if not 0 <= index < len(self._words):
            return -1
        word = int(self._words[index])
        if not word >> bit & 1:
            return -1
        rank = int(self._before[index]) + (word & ((1 << bit) - 1)).bit_count()
        found = self._first + rank * PAGE
        return found if found <= self.size - PAGE else -1

    def offsets(self, pfns: NDArray[np.uint64]) -> NDArray[np.int64]:
        known = pfns >> np.uint64(6) < len(self._words)
        index = np.where(known, pfns >> np.uint64(6), np.uint64(0)).astype(np.int64)
        bit = pfns & np.uint64(63)
        word = self._words[index]
        present = known & ((word >> bit & np.uint64(1)) == 1)
        below = np.bitwise_count(word & ((np.uint64(1) << bit) - np.uint64(1)))
        rank = self._before[index].astype(np.int64) + below
        return self._within(self._first + rank * PAGE, present)


def open_physical(data: Buffer, header: Header) -> tuple[PhysicalMemory | None, str | None]:
    """The pages of a dump, or None and why they cannot be found in one sentence."""
    image = Image(data)
    if image.bytes(header.layout.size, 8) in _SIGNATURES:
        bitmap, flaw = _choose(data, image, header)
        return (_Bits(data, bitmap), None) if bitmap else (None, flaw)
    if header.dump_type not in (None, 1):
        return None, "the SDMP or FDMP signature behind the header is missing: no page can be found"
    if not header.runs:
        return None, "the header has no usable list of physical memory runs: no page can be found"
    return _Runs(data, header), None


def _choose(data: Buffer, image: Image, header: Header) -> tuple[_Bitmap | None, str | None]:
    """The form of sub-header that can be true; where both can, the one whose count of pages fits the bitmap."""
    forms = (_bitmap_form(image, header), _summary_form(image, header))
    possible = [form for form in forms if form and _possible(form, image, header)]
    if not possible:
        return None, "the page bitmap's header cannot be true or the file ends within it: no page can be found"
    fitting = [form for form in possible if _present(data, form) == form.present] if len(possible) > 1 else possible
    return (fitting or possible)[0], None


def _bitmap_form(image: Image, header: Header) -> _Bitmap | None:
    start = header.layout.size
    first, present, bits = (image.u64(start + offset) for offset in (0x20, 0x28, 0x30))
    if first is None or present is None or bits is None:
        return None
    return _Bitmap(start + 0x38, bits, first, present)


def _summary_form(image: Image, header: Header) -> _Bitmap | None:
    start = header.layout.size
    first, bits, present = (image.u32(start + offset) for offset in (0x0C, 0x10, 0x14))
    if first is None or present is None or bits is None:
        return None
    return _Bitmap(start + (0x28 if header.layout.bits == 64 else 0x20), bits, first, present)


def _possible(bitmap: _Bitmap, image: Image, header: Header) -> bool:
    size = (bitmap.bits + 7) // 8
    return (
        0 < bitmap.bits <= _MAX_BITS
        and 0 < bitmap.present <= bitmap.bits
        and header.layout.size < bitmap.offset + size <= bitmap.first < image.size
        and image.holds(bitmap.offset, size)
    )


def _present(data: Buffer, bitmap: _Bitmap) -> int:
    return int(np.bitwise_count(_words(np.frombuffer(data, np.uint8), bitmap)).sum(dtype=np.int64))


def _words(buffer: NDArray[np.uint8], bitmap: _Bitmap) -> NDArray[np.uint64]:
    """The bitmap as 64-bit words; bits behind its end read as 0. A view of the file where its size allows."""
    size = (bitmap.bits + 7) // 8
    raw = buffer[bitmap.offset : bitmap.offset + size]
    if bitmap.bits % 64:
        padded = np.zeros((size + 7) // 8 * 8, np.uint8)
        padded[:size] = raw
        words: NDArray[np.uint64] = padded.view("<u8")
        words[-1] &= np.uint64(_ALL >> (64 - bitmap.bits % 64))
        return words
    return raw.view("<u8")


def _cut(expected: int, found: int) -> str:
    return f"the file has {found:,} bytes of {expected:,}: it was cut when written or copied, later pages are missing"
