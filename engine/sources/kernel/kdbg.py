"""The debugger data block KDDEBUGGER_DATA64: addresses of kernel variables and a few sizes, found and decoded.

Its fields are 8 bytes wide on 32-bit systems too, where addresses may be sign-extended. Offsets: wdbgexts.h of the
Windows SDK; volatility kdbg_vtypes.py.

x64 kernels from Windows 8 on keep the block encoded while they run: each word is XORed with one secret, byte-swapped,
XORed with another, rotated and XORed again. Dumps hold it plain, but images of memory made otherwise do not. As every
step is linear over XOR, two words whose plain values the dump header names (PsLoadedModuleList, PsActiveProcessHead)
give the rotation, and one of them then gives every other word: no secret is needed.
"""

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .virtual import VirtualMemory

TAG = b"KDBG"
_TAG_OFFSET, _SIZE_OFFSET = 0x10, 0x14
_LEAST, _MOST = 0x208, 0x400
"""Size of the block: up to MmLoadedUserImageList on Windows 2000; 0x3A8 is the largest seen (24H2)."""
_RANGE = 1 << 24
_IMAGE = 1 << 26
"""Block and variables lie in the kernel's image; that of Windows 11 has 17 MB."""

POINTERS = {
    "PsLoadedModuleList": 0x48,
    "PsActiveProcessHead": 0x50,
    "PspCidTable": 0x58,
    "ExpSystemResourcesList": 0x60,
    "ExpPagedPoolDescriptor": 0x68,
    "ExpNumberOfPagedPools": 0x70,
    "KeTimeIncrement": 0x78,
    "KeBugCheckCallbackListHead": 0x80,
    "KiBugcheckData": 0x88,
    "IopErrorLogListHead": 0x90,
    "ObpRootDirectoryObject": 0x98,
    "ObpTypeObjectType": 0xA0,
    "MmSystemCacheStart": 0xA8,
    "MmSystemCacheEnd": 0xB0,
    "MmSystemCacheWs": 0xB8,
    "MmPfnDatabase": 0xC0,
    "MmSystemPtesStart": 0xC8,
    "MmSystemPtesEnd": 0xD0,
    "MmSubsectionBase": 0xD8,
    "MmNumberOfPagingFiles": 0xE0,
    "MmLowestPhysicalPage": 0xE8,
    "MmHighestPhysicalPage": 0xF0,
    "MmNumberOfPhysicalPages": 0xF8,
    "MmMaximumNonPagedPoolInBytes": 0x100,
    "MmNonPagedSystemStart": 0x108,
    "MmNonPagedPoolStart": 0x110,
    "MmNonPagedPoolEnd": 0x118,
    "MmPagedPoolStart": 0x120,
    "MmPagedPoolEnd": 0x128,
    "MmPagedPoolInformation": 0x130,
    "MmSizeOfPagedPoolInBytes": 0x140,
    "MmTotalCommitLimit": 0x148,
    "MmTotalCommittedPages": 0x150,
    "MmSharedCommit": 0x158,
    "MmDriverCommit": 0x160,
    "MmProcessCommit": 0x168,
    "MmPagedPoolCommit": 0x170,
    "MmExtendedCommit": 0x178,
    "MmZeroedPageListHead": 0x180,
    "MmFreePageListHead": 0x188,
    "MmStandbyPageListHead": 0x190,
    "MmModifiedPageListHead": 0x198,
    "MmModifiedNoWritePageListHead": 0x1A0,
    "MmAvailablePages": 0x1A8,
    "MmResidentAvailablePages": 0x1B0,
    "PoolTrackTable": 0x1B8,
    "NonPagedPoolDescriptor": 0x1C0,
    "MmHighestUserAddress": 0x1C8,
    "MmSystemRangeStart": 0x1D0,
    "MmUserProbeAddress": 0x1D8,
    "KdPrintCircularBuffer": 0x1E0,
    "MmLoadedUserImageList": 0x200,
    "NtBuildLab": 0x208,
    "KiNormalSystemCall": 0x210,
    "KiProcessorBlock": 0x218,
    "MmUnloadedDrivers": 0x220,
    "MmLastUnloadedDriver": 0x228,
    "MmTriageActionTaken": 0x230,
    "MmSpecialPoolTag": 0x238,
    "KernelVerifier": 0x240,
    "MmVerifierData": 0x248,
    "MmAllocatedNonPagedPool": 0x250,
    "MmPeakCommitment": 0x258,
    "MmTotalCommitLimitMaximum": 0x260,
    "CmNtCSDVersion": 0x268,
    "MmPhysicalMemoryBlock": 0x270,
    "MmSessionBase": 0x278,
    "MmSessionSize": 0x280,
    "KeLoaderBlock": 0x2D8,
}
"""Fields that hold the address of a kernel variable."""

COUNTERS = frozenset(
    {
        "MmAllocatedNonPagedPool",
        "MmAvailablePages",
        "MmMaximumNonPagedPoolInBytes",
        "MmNumberOfPhysicalPages",
        "MmPagedPoolCommit",
        "MmPeakCommitment",
        "MmResidentAvailablePages",
        "MmSizeOfPagedPoolInBytes",
        "MmTotalCommitLimit",
        "MmTotalCommittedPages",
    }
)
"""Counters, no two of which are one variable."""
_UNALIGNED = frozenset({"KiNormalSystemCall", "NtBuildLab"})
"""Code and text."""

KERN_BASE, SIZE_EPROCESS, SIZE_ETHREAD = 0x18, 0x2A8, 0x2C0


@dataclass(frozen=True, slots=True)
class DebuggerData:
    """A debugger data block: its address, its plain bytes, the pointer width, and if it had to be decoded."""

    address: int
    raw: bytes
    bits: int
    decoded: bool

    @property
    def size(self) -> int:
        """Bytes that hold fields; all that were read where the size in the block cannot be true."""
        said: int = struct.unpack_from("<I", self.raw, _SIZE_OFFSET)[0]
        return min(said, len(self.raw)) if _LEAST <= said <= _MOST else len(self.raw)

    def value(self, offset: int) -> int | None:
        """The address in a pointer field; None where it is 0, is no kernel address or lies behind the block's end."""
        if offset + 8 > self.size:
            return None
        found: int = struct.unpack_from("<Q", self.raw, offset)[0] & ((1 << self.bits) - 1)
        return found if found >> (self.bits - 1) else None

    def address_of(self, name: str) -> int | None:
        """Address of a kernel variable; None where no variable can lie there or two counters would share the place."""
        found = self.value(POINTERS[name]) if name in POINTERS else None
        if found is None or (name not in _UNALIGNED and found % 4) or abs(found - self.address) >= _IMAGE:
            return None
        if name in COUNTERS and any(found == self.value(POINTERS[other]) for other in COUNTERS - {name}):
            return None
        return found

    def length(self, offset: int) -> int | None:
        """A structure's size from one of the 16-bit fields; None where no kernel structure is that large or small."""
        if offset + 2 > self.size:
            return None
        found: int = struct.unpack_from("<H", self.raw, offset)[0]
        return found if 0x200 <= found <= 0x2000 else None


def points_back(memory: VirtualMemory, head: int) -> bool:
    """True if a list head's first entry points back to it."""
    first = memory.pointer(head)
    return first is not None and memory.pointer(first + memory.bits // 8) == head


def read_block(memory: VirtualMemory, address: int) -> bytes | None:
    """The bytes a block at this address may have, fewer where its last page is missing; None where none is readable."""
    return next((raw for size in (_MOST, 0x3A0, 0x340, _LEAST) if (raw := memory.read(address, size))), None)


def find_debugger_data(
    memory: VirtualMemory, address: int | None, base: int | None, modules: int | None, processes: int | None
) -> DebuggerData | None:
    """The block at the address the dump header gives, else searched for in the kernel image; plain or decoded.

    `base` is the kernel's, `modules` and `processes` are the addresses of PsLoadedModuleList and PsActiveProcessHead.
    """
    if address:
        found = _plain(memory, address, modules) or _encoded(memory, address, modules, processes)
        if found:
            return found
    near = base or modules
    if near is None:
        return None
    start = near if base else max(near - _RANGE // 2, 0)
    pages, offsets = memory.resident(start, start + _RANGE)
    tag = int.from_bytes(TAG, "little")
    for at in _places(memory, pages, offsets, tag, modules, processes):
        found = _plain(memory, at, modules) or _encoded(memory, at, modules, processes)
        if found:
            return found
    return None


def _plain(memory: VirtualMemory, address: int, modules: int | None) -> DebuggerData | None:
    raw = read_block(memory, address)
    if raw is None or raw[_TAG_OFFSET:_SIZE_OFFSET] != TAG:
        return None
    found = DebuggerData(address, raw, memory.bits, decoded=False)
    own = found.address_of("PsLoadedModuleList")
    return found if own == modules or modules is None or (own and points_back(memory, own)) else None


def _encoded(memory: VirtualMemory, address: int, modules: int | None, processes: int | None) -> DebuggerData | None:
    """The block decoded with the two words the header knows."""
    raw = read_block(memory, address) if memory.bits == 64 and modules and processes else None
    if raw is None or modules is None or processes is None:
        return None
    words = [word for (word,) in struct.iter_unpack("<Q", raw)]
    reference, check = words[POINTERS["PsLoadedModuleList"] // 8], words[POINTERS["PsActiveProcessHead"] // 8]
    for turn in range(64):
        if modules ^ _swap(_rotate(check ^ reference, turn)) == processes:
            plain = [modules ^ _swap(_rotate(word ^ reference, turn)) for word in words]
            found = DebuggerData(address, struct.pack(f"<{len(plain)}Q", *plain), 64, decoded=True)
            if found.raw[_TAG_OFFSET:_SIZE_OFFSET] == TAG:
                return found
    return None


def _rotate(word: int, turn: int) -> int:
    """A 64-bit word rotated left."""
    return (word << turn | word >> (64 - turn)) & 0xFFFF_FFFF_FFFF_FFFF


def _swap(word: int) -> int:
    return int.from_bytes(word.to_bytes(8, "little"), "big")


def _places(
    memory: VirtualMemory,
    pages: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    tag: int,
    modules: int | None,
    processes: int | None,
) -> list[int]:
    """Addresses in these pages where a plain block has its tag or an encoded one would have its two known words."""
    found: list[int] = []
    known = modules ^ processes if memory.bits == 64 and modules and processes else 0
    differences = np.array([_rotate(_swap(known), turn) for turn in range(64)], np.uint64)
    first = POINTERS["PsLoadedModuleList"]
    for page, offset in zip(pages.tolist(), offsets.tolist(), strict=True):
        raw = memory.physical.buffer[offset : offset + 4096]
        words = raw.view("<u4")
        found += [page + 4 * at - _TAG_OFFSET for at in np.flatnonzero(words == tag).tolist()]
        if known:
            wide = raw.view("<u8")
            hits = np.flatnonzero(np.isin(wide[1:] ^ wide[:-1], differences)).tolist()
            found += [page + 8 * at - first for at in hits]
        if len(found) > 256:
            break
    return found
