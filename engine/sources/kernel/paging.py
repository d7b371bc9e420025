"""Page tables of x86 and x64: the levels of each paging mode and what an entry says (Intel SDM volume 3, chapter 5).

Pages that Windows has trimmed but not yet reused are still in memory: such an entry is not valid, has bit 11
(transition) set and bit 10 (prototype) clear, and holds the page frame number (_MMPTE_TRANSITION, public symbols).
Every other invalid entry (zero, prototype, page file) points at nothing this reader follows.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .physical import PAGE_SHIFT

VALID = 1
LARGE = 1 << 7
_PROTOTYPE = 1 << 10
_TRANSITION = 1 << 11
_STATE = VALID | _PROTOTYPE | _TRANSITION
_FRAME = 0x000F_FFFF_FFFF_F000


@dataclass(frozen=True, slots=True)
class Level:
    """One level of tables: lowest address bit its index covers, width of the index, may it map large pages."""

    shift: int
    index_bits: int
    large: bool

    @property
    def entries(self) -> int:
        """Entries of one table."""
        return 1 << self.index_bits


@dataclass(frozen=True, slots=True)
class Paging:
    """A paging mode: its levels from the root down, bytes per entry, pointer width, alignment of the root."""

    name: str
    bits: int
    entry_size: int
    root_mask: int
    levels: tuple[Level, ...]

    @property
    def address_bits(self) -> int:
        """Bits of an address that are translated; those above repeat the highest one."""
        return self.levels[0].shift + self.levels[0].index_bits

    def canonical(self, address: int) -> int:
        """The address with the bits above the translated ones repeated, within the pointer's width."""
        top = self.address_bits
        if self.bits == 32 or not address >> (top - 1) & 1:
            return address
        return address | (1 << 64) - (1 << top)


_PT = Level(12, 9, large=False)
_PD = Level(21, 9, large=True)
_PDPT = Level(30, 9, large=True)
_PML4 = Level(39, 9, large=False)
_PML5 = Level(48, 9, large=False)

X86 = Paging("32-bit", 32, 4, 0xFFFF_F000, (Level(22, 10, large=True), Level(12, 10, large=False)))
PAE = Paging("PAE", 32, 8, 0xFFFF_FFE0, (Level(30, 2, large=False), _PD, _PT))
X64 = Paging("4-level", 64, 8, _FRAME, (_PML4, _PDPT, _PD, _PT))
LA57 = Paging("5-level", 64, 8, _FRAME, (_PML5, _PML4, _PDPT, _PD, _PT))


def leads_to(paging: Paging, level: int, entry: int, highest: int) -> tuple[int, bool]:
    """Page frame number one entry leads to, -1 where it is not in memory, and if it maps a large page.

    From 1803 on Windows sets physical address bits that no memory has in invalid entries (against L1TF); `highest` is
    the highest page frame of the machine, and bits no frame of it has are dropped from transition entries.
    """
    if paging.levels[level].large and entry & (VALID | LARGE) == VALID | LARGE:
        if paging.entry_size == 8:
            return (entry & _FRAME & ~((1 << paging.levels[level].shift) - 1)) >> PAGE_SHIFT, True
        # Bits 13 to 20 of a 4 MB entry are address bits 32 to 39 (PSE-36).
        return (entry & 0xFFC0_0000 | (entry & 0x001F_E000) << 19) >> PAGE_SHIFT, True
    frame = (entry & (_FRAME if paging.entry_size == 8 else 0xFFFF_F000)) >> PAGE_SHIFT
    if entry & VALID:
        return frame, False
    if entry & _STATE == _TRANSITION:
        return frame & ((1 << max(highest, 0).bit_length()) - 1), False
    return -1, False


def is_valid(entries: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Entries the processor follows; pages in transition, in the page file or nowhere are not."""
    valid: NDArray[np.bool_] = (entries & np.uint64(VALID)) != 0
    return valid


def is_large(paging: Paging, level: int, entries: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Entries that map a large page instead of a table: 4 MB, 2 MB or 1 GB."""
    wanted = np.uint64(VALID | LARGE)
    large: NDArray[np.bool_] = (entries & wanted) == wanted
    return large if paging.levels[level].large else np.zeros(len(entries), np.bool_)


def frames(paging: Paging, entries: NDArray[np.uint64], highest: int) -> NDArray[np.int64]:
    """Page frame number each entry leads to (table or 4 KiB page), as `leads_to` says for one."""
    valid = is_valid(entries)
    transition = (entries & np.uint64(_STATE)) == np.uint64(_TRANSITION)
    frame = (entries & np.uint64(_FRAME if paging.entry_size == 8 else 0xFFFF_F000)) >> np.uint64(PAGE_SHIFT)
    possible = np.uint64((1 << max(highest, 0).bit_length()) - 1)
    frame = np.where(transition, frame & possible, frame)
    return np.where(valid | transition, frame.astype(np.int64), -1)


def large_frames(paging: Paging, level: int, entries: NDArray[np.uint64]) -> NDArray[np.int64]:
    """First page frame number of each large page, as `leads_to` says for one."""
    shift = paging.levels[level].shift
    if paging.entry_size == 8:
        base = entries & np.uint64(_FRAME & ~((1 << shift) - 1))
    else:
        base = (entries & np.uint64(0xFFC0_0000)) | (entries & np.uint64(0x001F_E000)) << np.uint64(19)
    return (base >> np.uint64(PAGE_SHIFT)).astype(np.int64)
