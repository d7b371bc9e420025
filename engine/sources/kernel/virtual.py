"""The kernel's address space through one page-table root: single reads, bulk reads, and what is mapped in a range."""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..dump.container import PAGE
from .paging import Paging, frames, is_large, is_valid, large_frames, leads_to
from .physical import PAGE_SHIFT, PhysicalMemory

_MAX_READ = 1 << 26
_CACHE = 1 << 16
_CHUNK_TABLES = 2048
_CHUNK_BYTES = 1 << 21
_INSIDE = np.uint64(PAGE - 1)
_U16, _U32, _U64 = struct.Struct("<H"), struct.Struct("<I"), struct.Struct("<Q")

_Words = NDArray[np.uint64]
_Offsets = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Survey:
    """What the page tables map in a range, all sorted by address: what is in this dump and what is not."""

    vas: NDArray[np.uint64]
    """Pages that are in this dump, with their file offsets."""
    offsets: NDArray[np.int64]
    absent: NDArray[np.uint64]
    """Pages that are valid and map a frame the machine has, but are not in this dump."""
    lost: NDArray[np.uint64]
    """First addresses whose page table is not in this dump, so that nobody can say what they map."""
    lost_sizes: NDArray[np.uint64]
    """Bytes of address space behind each of them."""


class VirtualMemory:
    """Virtual addresses to file offsets. A page that is not in the dump reads as None or -1, never as zeros."""

    def __init__(self, physical: PhysicalMemory, paging: Paging, root: int) -> None:
        """`root` is the physical address of the top table: CR3 or DirectoryTableBase, flags allowed."""
        self.physical = physical
        self.paging = paging
        self.bits = paging.bits
        self.root = root & paging.root_mask
        self.truncated = False
        """True once `resident` gave up on page tables that map far more than the dump holds."""
        self._mask = (1 << self.bits) - 1
        self._pages: dict[int, int] = {}

    def page(self, va: int) -> int:
        """File offset of the page an address lies in, -1 where it is not in the dump."""
        number = (va & self._mask) >> PAGE_SHIFT
        found = self._pages.get(number)
        if found is None:
            if len(self._pages) >= _CACHE:
                self._pages.clear()
            found = self._walk(number << PAGE_SHIFT)
            self._pages[number] = found
        return found

    def _walk(self, va: int) -> int:
        """What `_translate` finds for one address, without arrays."""
        paging, physical = self.paging, self.physical
        if paging.canonical(va & ((1 << paging.address_bits) - 1)) != va:
            return -1
        table = self._root_offset()
        form = _U64 if paging.entry_size == 8 else _U32
        for number, level in enumerate(paging.levels):
            if table < 0:
                return -1
            index = va >> level.shift & (level.entries - 1)
            entry: int = form.unpack_from(physical.data, table + index * paging.entry_size)[0]
            frame, large = leads_to(paging, number, entry, physical.highest)
            if large:
                return physical.offset(frame + ((va & ((1 << level.shift) - 1)) >> PAGE_SHIFT))
            table = physical.offset(frame) if frame >= 0 else -1
        return table

    def read(self, va: int, size: int) -> bytes | None:
        """Bytes at an address; None when any page of them is not in this dump or they pass the address space's end."""
        va &= self._mask
        if not 0 <= size <= _MAX_READ or va + size > self._mask + 1:
            return None
        start = self.page(va)
        inside = va & (PAGE - 1)
        data = self.physical.data
        if start >= 0 and inside + size <= PAGE:
            return bytes(data[start + inside : start + inside + size])
        parts: list[bytes] = []
        while size > 0:
            start, inside = self.page(va), va & (PAGE - 1)
            if start < 0:
                return None
            length = min(size, PAGE - inside)
            parts.append(bytes(data[start + inside : start + inside + length]))
            va, size = va + length, size - length
        return b"".join(parts)

    def _number(self, va: int, form: struct.Struct) -> int | None:
        raw = self.read(va, form.size)
        if raw is None:
            return None
        value: int = form.unpack(raw)[0]
        return value

    def u8(self, va: int) -> int | None:
        """The byte at an address."""
        raw = self.read(va, 1)
        return None if raw is None else raw[0]

    def u16(self, va: int) -> int | None:
        """The 16-bit number at an address."""
        return self._number(va, _U16)

    def u32(self, va: int) -> int | None:
        """The 32-bit number at an address."""
        return self._number(va, _U32)

    def u64(self, va: int) -> int | None:
        """The 64-bit number at an address."""
        return self._number(va, _U64)

    def pointer(self, va: int) -> int | None:
        """The pointer at an address: 4 bytes on 32-bit systems, 8 on 64-bit ones."""
        return self.u64(va) if self.bits == 64 else self.u32(va)

    def offsets(self, vas: NDArray[np.uint64]) -> NDArray[np.int64]:
        """File offset of the byte at each address, -1 where it is not in this dump. Each page is translated once."""
        vas = np.asarray(vas, np.uint64) & np.uint64(self._mask)
        if not len(vas):
            return np.zeros(0, np.int64)
        numbers = vas >> np.uint64(PAGE_SHIFT)
        fresh = np.concatenate(([True], numbers[1:] != numbers[:-1]))
        if (numbers[1:] >= numbers[:-1]).all():
            pages, where = numbers[fresh], np.cumsum(fresh) - 1
        else:
            pages, where = np.unique(numbers, return_inverse=True)
        starts = self._translate(pages)[where]
        return np.where(starts >= 0, starts + (vas & _INSIDE).astype(np.int64), -1)

    def gather(self, vas: NDArray[np.uint64], size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        """`size` bytes at each address as rows of one array, and which rows are wholly in this dump (others are 0)."""
        vas = np.asarray(vas, np.uint64) & np.uint64(self._mask)
        rows = np.zeros((len(vas), size), np.uint8)
        if not len(vas) or size <= 0 or size > self.physical.size:
            return rows, np.zeros(len(vas), np.bool_)
        first = self.offsets(vas)
        crossing = (vas & _INSIDE).astype(np.int64) + size > PAGE
        valid = (first >= 0) & ~crossing
        # Items of `size` bytes that start at every byte of the file: indexing copies them whole.
        form = np.dtype((np.void, size))
        items: NDArray[np.void] = np.ndarray(self.physical.size - size + 1, form, self.physical.buffer, strides=(1,))
        rows.view(form)[valid, 0] = items[first[valid]]
        if crossing.any():
            valid[crossing] = self._crossing(vas, np.flatnonzero(crossing), rows)
        return rows, valid

    def _crossing(self, vas: _Words, which: NDArray[np.intp], rows: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Fill the rows that cross a page boundary; which of them are wholly in the dump."""
        size = rows.shape[1]
        step = max(1, _CHUNK_BYTES // size)
        done: list[NDArray[np.bool_]] = []
        for start in range(0, len(which), step):
            part = which[start : start + step]
            inside = (vas[part] & _INSIDE).astype(np.int64)[:, None] + np.arange(size)
            pages = np.arange(int(inside[:, -1].max() // PAGE) + 1, dtype=np.uint64) * np.uint64(PAGE)
            at = (vas[part] & ~_INSIDE)[:, None] + pages
            starts = self.offsets(at.ravel()).reshape(at.shape)
            starts[(at & np.uint64(self._mask)) < vas[part, None] - (vas[part, None] & _INSIDE)] = -1
            begins = np.take_along_axis(starts, inside // PAGE, axis=1)
            good: NDArray[np.bool_] = np.all(begins >= 0, axis=1)
            rows[part[good]] = self.physical.buffer[(begins + inside % PAGE)[good]]
            done.append(good)
        return np.concatenate(done)

    def _translate(self, pages: _Words) -> _Offsets:
        """File offset of each page of a sorted array of page numbers, -1 where it is not in the dump."""
        levels = self.paging.levels
        vas = pages << np.uint64(PAGE_SHIFT)
        found = np.full(len(pages), -1, np.int64)
        tables = np.full(len(pages), self._root_offset(), np.int64)
        walking = tables >= 0
        if self.bits == 64:
            top = np.uint64(self.paging.address_bits - 1)
            high = vas >> top
            walking &= (high == 0) | (high == (np.uint64((1 << 64) - 1) >> top))
        for number, level in enumerate(levels):
            at = np.flatnonzero(walking)
            if not len(at):
                break
            shift = np.uint64(level.shift)
            # Neighbours share their entry: the entry is read once for each run of equal prefixes.
            prefix = vas[at] >> shift
            heads = np.flatnonzero(np.concatenate(([True], prefix[1:] != prefix[:-1])))
            runs = np.diff(np.append(heads, len(at)))
            index = (prefix[heads] & np.uint64(level.entries - 1)).astype(np.int64)
            width = self.paging.entry_size
            entries = self.physical.entries(tables[at[heads]] + index * width, width)
            large = is_large(self.paging, number, entries)
            frame = frames(self.paging, entries, self.physical.highest)
            if large.any():
                base = np.repeat(np.where(large, large_frames(self.paging, number, entries), 0), runs)
                inside = (vas[at] & np.uint64((1 << level.shift) - 1)) >> np.uint64(PAGE_SHIFT)
                mapped = np.repeat(large, runs)
                wanted = (base + inside.astype(np.int64))[mapped]
                found[at[mapped]] = self.physical.offsets(wanted.astype(np.uint64))
            follow = (frame >= 0) & ~large
            next_tables = np.full(len(entries), -1, np.int64)
            next_tables[follow] = self.physical.offsets(frame[follow].astype(np.uint64))
            below = np.repeat(next_tables, runs)
            if number == len(levels) - 1:
                found[at] = below
            tables[at] = below
            walking[at] = below >= 0
        return found

    def _root_offset(self) -> int:
        start = self.physical.offset(self.root >> PAGE_SHIFT)
        return start + (self.root & (PAGE - 1)) if start >= 0 else -1

    def resident(self, start: int, end: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        """Addresses of the pages mapped in [start, end) and in this dump, and their file offsets, sorted by address."""
        found = self.survey(start, end)
        return found.vas, found.offsets

    def survey(self, start: int, end: int) -> Survey:
        """What is mapped in [start, end): pages in this dump, pages that are not, and tables that are not.

        Large pages come as 4 KiB pages. The self-map of the page tables is left out: an entry that leads back to a
        table of its own or a higher level. So are frames beyond the memory of the machine, which are those of devices.
        Tables that map far more than the dump holds are cut short: `truncated`.
        """
        end = min(end, self._mask + 1)
        root = self._root_offset()
        found = _Found()
        if root < 0 or not 0 <= start < end:
            return found.survey()
        budget = 16 * self.physical.page_count + (1 << 20)
        tables, bases = np.array([root], np.int64), np.zeros(1, np.uint64)
        above = np.array([self.root >> PAGE_SHIFT], np.int64)
        for number, level in enumerate(self.paging.levels):
            next_tables: list[_Offsets] = []
            next_bases: list[_Words] = []
            next_frames: list[_Offsets] = []
            for part in range(0, len(tables), _CHUNK_TABLES):
                chunk = slice(part, part + _CHUNK_TABLES)
                entries, vas = self._used(number, tables[chunk], bases[chunk], start, end)
                large = is_large(self.paging, number, entries)
                budget -= self._split(number, entries[large], vas[large], start, end, budget, found)
                frame = frames(self.paging, entries, self.physical.highest)
                follow = (frame >= 0) & ~large
                last = number == len(self.paging.levels) - 1
                if not last:
                    follow &= ~np.isin(frame, above)
                frame, vas, entries = frame[follow], vas[follow], entries[follow]
                at = self.physical.offsets(frame.astype(np.uint64))
                here = at >= 0
                gone = ~here & (frame <= self.physical.highest)
                budget -= int(here.sum())
                if last:
                    found.add(vas[here], at[here], vas[gone & is_valid(entries)])
                else:
                    next_tables.append(at[here])
                    next_bases.append(vas[here])
                    found.lose(vas[gone], 1 << level.shift)
                next_frames.append(frame[here])
                if budget < 0:
                    self.truncated = True
                    break
            if not next_tables:
                break
            tables, bases = np.concatenate(next_tables), np.concatenate(next_bases)
            above = np.union1d(above, np.concatenate(next_frames))
        return found.survey()

    def _used(self, number: int, tables: _Offsets, bases: _Words, start: int, end: int) -> tuple[_Words, _Words]:
        """The entries of some tables that are not 0 and cover a part of [start, end), and the addresses they cover."""
        level, width = self.paging.levels[number], self.paging.entry_size
        spans = np.arange(level.entries, dtype=np.uint64) << np.uint64(level.shift)
        vas = (bases[:, None] + spans).ravel()
        if self.bits == 64 and number == 0:
            top = np.uint64(self.paging.address_bits)
            vas = np.where(vas >> (top - np.uint64(1)) != 0, vas | ~((np.uint64(1) << top) - np.uint64(1)), vas)
        last = vas + np.uint64((1 << level.shift) - 1)
        inside = np.flatnonzero((last >= np.uint64(start)) & (vas <= np.uint64(end - 1)))
        at = tables[inside // level.entries] + (inside % level.entries) * width
        entries = self.physical.entries(at, width)
        used = entries != 0
        return entries[used], vas[inside][used]

    def _split(
        self, number: int, entries: _Words, vas: _Words, start: int, end: int, budget: int, out: "_Found"
    ) -> int:
        """Add the 4 KiB pages of large pages that lie in [start, end); how many were looked at."""
        level = self.paging.levels[number]
        each = 1 << (level.shift - PAGE_SHIFT)
        base = large_frames(self.paging, number, entries)
        there = base <= self.physical.highest
        vas, base = vas[there], base[there]
        step = max(1, (1 << 22) // each)
        spent = 0
        for part in range(0, len(base), step):
            if spent > budget:
                break
            span = np.arange(each, dtype=np.uint64)
            at = (vas[part : part + step, None] + (span << np.uint64(PAGE_SHIFT))).ravel()
            frame = (base[part : part + step, None] + span.astype(np.int64)).ravel()
            found = self.physical.offsets(frame.astype(np.uint64))
            inside = (at >= np.uint64(start)) & (at <= np.uint64(end - 1))
            here = inside & (found >= 0)
            out.add(at[here], found[here], at[inside & (found < 0) & (frame <= self.physical.highest)])
            spent += len(at)
        return spent


class _Found:
    """Collects the parts of a survey."""

    def __init__(self) -> None:
        self._vas: list[_Words] = [np.zeros(0, np.uint64)]
        self._offsets: list[_Offsets] = [np.zeros(0, np.int64)]
        self._absent: list[_Words] = [np.zeros(0, np.uint64)]
        self._lost: list[_Words] = [np.zeros(0, np.uint64)]
        self._sizes: list[_Words] = [np.zeros(0, np.uint64)]

    def add(self, vas: _Words, offsets: _Offsets, absent: _Words) -> None:
        self._vas.append(vas)
        self._offsets.append(offsets)
        self._absent.append(absent)

    def lose(self, vas: _Words, size: int) -> None:
        self._lost.append(vas)
        self._sizes.append(np.full(len(vas), size, np.uint64))

    def survey(self) -> Survey:
        vas, offsets = np.concatenate(self._vas), np.concatenate(self._offsets)
        if not (vas[1:] > vas[:-1]).all():
            order = np.argsort(vas, kind="stable")
            vas, offsets = vas[order], offsets[order]
        lost, sizes = np.concatenate(self._lost), np.concatenate(self._sizes)
        order = np.argsort(lost, kind="stable")
        return Survey(vas, offsets, np.sort(np.concatenate(self._absent)), lost[order], sizes[order])
