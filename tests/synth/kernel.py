"""The kernel image with its variables, the debugger data block and the counters."""

import struct
import uuid
from dataclasses import dataclass

import numpy as np

from . import pe
from .layouts import Layout
from .memory import PAGE, UNMAPPED, Memory
from .scenario import Counters
from .symbols import DEBUGGER_DATA, EXPORTED, debugger_data_size, symbols

_BASES = {32: 0x80800000, 64: 0xFFFFF80002A00000}
_ROOM = {"MiState": 0x5200, "MiSystemPartition": 0x5400, "ObTypeIndexTable": 0x800, "ExPoolTagTables": 0x200}
_ROOM |= {"KiProcessorBlock": 0x200, "KdDebuggerDataBlock": 0x400, "NonPagedPoolDescriptor": 0x1140, "NtBuildLab": 0x80}
_NEAR = 0x4200
_DIRECTORIES = 0x40000
"""Exports, debug directory and resources: behind the code, as volatility3 looks for the PDB in the first 4 MB."""
_TYPE_EXPORTS = {
    "PsProcessType": "Process",
    "PsThreadType": "Thread",
    "IoFileObjectType": "File",
    "ExEventObjectType": "Event",
}


@dataclass(slots=True)
class Image:
    """The kernel in memory: base, size, where its variables are, its version strings."""

    base: int
    size: int
    places: dict[str, int]
    timestamp: int
    sections: dict[str, tuple[int, int]]

    def __getitem__(self, name: str) -> int:
        """Address of a variable."""
        return self.base + self.places[name]

    def has(self, name: str) -> bool:
        return name in self.places


def version(build: int) -> str:
    """File version of the kernel."""
    names = {2195: "5.0.2195.6717", 2600: "5.1.2600.5512", 3790: "5.2.3790.3959", 7601: "6.1.7601.24540"}
    starts = {6000: "6.0", 6001: "6.0", 6002: "6.0", 7600: "6.1", 9200: "6.2", 9600: "6.3"}
    return names.get(build, f"{starts.get(build, '10.0')}.{build}.{21620 if build == 9600 else 2000}")


def load(memory: Memory, build: int, pdb: str, large: bool) -> Image:
    """Map the kernel: code with some bytes, data round its variables, exports, debug directory, version."""
    found = symbols(build, memory.bits)
    base = 0x80400000 if build == 2195 else _BASES[memory.bits]
    places = found.places
    top = max(place + _ROOM.get(name, 0x100) for name, place in places.items())
    first = min(place for name, place in places.items() if not name.startswith("NtBuild")) & ~(PAGE - 1)
    guid = pdb or found.pdb
    code = bytearray(0x3000)
    code[0x100:0x120] = b"\x68Thre\x6a\x00\xe8" * 4
    exports = {name: places[name] for name in EXPORTED}
    exports |= {"ExAllocatePoolWithTag": 0x1100, "ExFreePoolWithTag": 0x1180, "IoCompleteRequest": 0x1200}
    picture = pe.Picture(
        "ntoskrnl.exe",
        memory.bits,
        [
            pe.Section(
                ".text", bytes(code), pe.CODE | pe.EXECUTE | pe.READ | pe.NOT_PAGED, size=first - PAGE, address=PAGE
            ),
            pe.Section(".data", b"", pe.DATA | pe.READ | pe.WRITE | pe.NOT_PAGED, size=top - first, address=first),
        ],
        0x53A11B3F,
        {
            "CompanyName": "Microsoft Corporation",
            "FileDescription": "NT Kernel & System",
            "FileVersion": version(build),
            "ProductName": "Microsoft® Windows® Operating System",
        },
        exports=exports,
        directories_at=_DIRECTORIES,
        pdb=("ntkrnlmp.pdb", uuid.UUID(guid[:32]).bytes_le, int(guid[32:], 16)),
    )
    data, sections = pe.render(picture)
    large_bytes = 0x400000 if build < 3000 else 0x200000
    size = -(-len(data) // PAGE) * PAGE
    room = -(-size // large_bytes) * large_bytes if large else size
    region = memory.add(base, room)
    region.data[: len(data)] = np.frombuffer(data, np.uint8)
    region.state[:] = UNMAPPED
    keep = [(0, PAGE), *((at, length) for name, (at, length) in sections.items() if name not in (".text", ".data"))]
    keep += [(PAGE, len(code))] + [(place, _ROOM.get(name, 0x100)) for name, place in places.items()]
    keep += [(places["PoolTrackTable"] - _NEAR, 2 * _NEAR)]
    for at, length in keep:
        region.state[at // PAGE : -(-(at + length) // PAGE)] = 0
    if large:
        step = large_bytes // PAGE
        for start in {0, places["PoolTrackTable"] // large_bytes * step}:
            region.state[start : start + step] = 0
            region.large[start : start + step] = 1
    image = Image(base, size, places, picture.timestamp, sections)
    memory.put(image["NtBuildNumber"], 0xF0000000 | build, 4)
    if image.has("NtBuildLab"):
        memory.write(image["NtBuildLab"], f"{build}.1.fre.forged.260101-0000".encode() + b"\0")
    return image


def share_user_data(memory: Memory, build: int) -> None:
    """KUSER_SHARED_DATA with the version of Windows."""
    page = 0xFFDF0000 if memory.bits == 32 else 0xFFFFF78000000000
    memory.add(page, PAGE)
    major, minor = (int(part) for part in version(build).split(".")[:2])
    for offset, value in ((0x260, build), (0x26C, major), (0x270, minor)):
        memory.put(page + offset, value, 4)


def set_types(memory: Memory, image: Image, types: dict[str, int], indexes: dict[str, int]) -> None:
    """Pointers to the type objects: exports, ObpTypeObjectType, the index table."""
    for name, kind in _TYPE_EXPORTS.items():
        memory.put(image[name], types[kind])
    memory.put(image["ObpTypeObjectType"], types["Type"])
    if image.has("ObTypeIndexTable"):
        memory.put(image["ObTypeIndexTable"] + memory.width, 0xBAD0B0B0)
        for kind, index in indexes.items():
            memory.put(image["ObTypeIndexTable"] + index * memory.width, types[kind])


def set_counters(memory: Memory, layout: Layout, image: Image, counters: Counters, ram: int) -> None:
    """Memory counters: variables up to 8.1, the system partition from 10 on."""
    values = {
        "MmAvailablePages": counters.available,
        "MmResidentAvailablePages": counters.resident_available,
        "MmTotalCommitLimit": counters.commit_limit,
        "MmTotalCommittedPages": counters.committed,
        "MmPeakCommitment": counters.peak_commit,
        "MmAllocatedNonPagedPool": counters.nonpaged,
        "MmMaximumNonPagedPoolInBytes": counters.nonpaged_max * PAGE,
        "MmSizeOfPagedPoolInBytes": counters.paged_max * PAGE,
        "MmNumberOfPhysicalPages": ram,
    }
    for name, value in values.items():
        if image.has(name):
            memory.put(image[name], value)
    if image.has("MmPagedPoolInformation"):
        at = image["MmPagedPoolInformation"]
        memory.put(at + layout.at("_MM_PAGED_POOL_INFO.AllocatedPagedPool"), counters.paged)
    if image.has("NonPagedPoolDescriptor") and layout.has("_POOL_DESCRIPTOR.TotalPages"):
        at = image["NonPagedPoolDescriptor"]
        memory.put(at + layout.at("_POOL_DESCRIPTOR.TotalPages"), counters.nonpaged - 200, 4)
        memory.put(at + layout.at("_POOL_DESCRIPTOR.TotalBigPages"), 200, 4)
    _set_partition(memory, layout, image, counters, ram)


def _set_partition(memory: Memory, layout: Layout, image: Image, counters: Counters, ram: int) -> None:
    if not image.has("MiState") or not layout.has("_MI_PARTITION.Vp"):
        return
    visible = image["MiSystemPartition"] + layout.at("_MI_PARTITION.Vp")
    for name, value in {
        "NumberOfPhysicalPages": ram,
        "AvailablePages": counters.available,
        "ResidentAvailablePages": counters.resident_available,
        "TotalCommittedPages": counters.committed,
        "TotalCommitLimit": counters.commit_limit,
        "SharedCommit": counters.shared,
    }.items():
        if layout.has(f"_MI_VISIBLE_PARTITION.{name}"):
            memory.put(visible + layout.at(f"_MI_VISIBLE_PARTITION.{name}"), value)
    commit = image["MiSystemPartition"] + layout.at("_MI_PARTITION.Commit")
    memory.put(commit + layout.at("_MI_PARTITION_COMMIT.PeakCommitment"), counters.peak_commit)
    memory.put(image["MiState"] + layout.at("_MI_POOL_STATE.AllocatedNonPagedPool"), counters.nonpaged)
    state = image["MiState"] + layout.at("_MI_SYSTEM_INFORMATION.Vs")
    for name, value in {
        "MaximumNonPagedPoolInPages": counters.nonpaged_max,
        "SizeOfPagedPoolInPages": counters.paged_max,
        "NonPagedPoolCommit": counters.nonpaged,
    }.items():
        memory.put(state + layout.at(f"_MI_VISIBLE_STATE.{name}"), value)
    paged = state + layout.at("_MI_VISIBLE_STATE.PagedPoolInfo")
    memory.put(paged + layout.at("_MM_PAGED_POOL_INFO.AllocatedPagedPool"), counters.paged)


def write_debugger_data(memory: Memory, layout: Layout, image: Image, encoded: bool) -> None:
    """KDDEBUGGER_DATA64; on x86 pointers are sign-extended. Counters that 10 keeps elsewhere are 0 there."""
    build = layout.build
    size = debugger_data_size(build)
    block = bytearray(0x400)
    block[0x10:0x18] = b"KDBG" + struct.pack("<I", size)
    extend = (1 << 64) - (1 << 32) if memory.bits == 32 else 0

    def put(offset: int, value: int) -> None:
        struct.pack_into("<Q", block, offset, value | (extend if value else 0))

    put(0, image["KdDebuggerDataBlock"])
    put(8, image["KdDebuggerDataBlock"])
    put(0x18, image.base)
    for name, offset in DEBUGGER_DATA.items():
        if image.has(name) and offset + 8 <= size:
            put(offset, image[name])
    struct.pack_into("<Q", block, 0x138, PAGE)
    if size >= 0x318:
        words = {
            0x29A: "_KTHREAD.Teb",
            0x29C: "_KTHREAD.KernelStack",
            0x2A0: "_KTHREAD.ApcState",
            0x2A2: "_KTHREAD.State",
            0x2A8: "_EPROCESS.size",
            0x2AA: "_EPROCESS.Peb",
            0x2AC: "_EPROCESS.InheritedFromUniqueProcessId",
            0x2AE: "_KPROCESS.DirectoryTableBase",
            0x2C0: "_ETHREAD.size",
        }
        for offset, name in words.items():
            if layout.has(name):
                struct.pack_into("<H", block, offset, layout.at(name))
    data = bytes(block[:size])
    if encoded:
        data = _encode(memory, image, data)
    memory.write(image["KdDebuggerDataBlock"], data)


def _encode(memory: Memory, image: Image, data: bytes) -> bytes:
    """The block as the running kernel of 8 and later keeps it, the inverse of the decoding in LAYOUTS."""
    never, always = 0x9A3F11C75D20E6B4, 0x4C61B7E8092FD35A
    memory.put(image["KiWaitNever"], never)
    memory.put(image["KiWaitAlways"], always)
    memory.put(image["KdpDataBlockEncoded"], 1, 1)
    turn = never & 63
    words = []
    for (plain,) in struct.iter_unpack("<Q", data):
        value = (
            int.from_bytes(((plain ^ always) & (2**64 - 1)).to_bytes(8, "little"), "big") ^ image["KdpDataBlockEncoded"]
        )
        words.append((((value >> turn) | (value << (64 - turn))) & (2**64 - 1)) ^ never)
    return struct.pack(f"<{len(words)}Q", *words)
