"""The triage dump: its sub-header, the parts it points to, and the kernel memory it carries.

Layouts: the 64-bit sub-header was read off dumps of builds 9600, 19041, 22000 (arm64) and 26100. No 32-bit triage dump
was at hand; that layout is rizin's (librz/bin/format/dmp/dmp_specs.h, dmp32_triage).
"""

import struct
from bisect import bisect_right
from dataclasses import dataclass
from typing import NamedTuple

from .container import Header
from .image import Image

_PARTS = (
    "service_pack_build",
    "size_of_dump",
    "valid",
    "context",
    "exception",
    "memory",
    "unloaded_drivers",
    "prcb",
    "process",
    "thread",
    "call_stack",
    "call_stack_size",
    "driver_list",
    "driver_count",
    "string_pool",
    "string_pool_size",
    "broken_driver",
    "options",
)
"""The sub-header's 32-bit fields in order, the same in both widths."""

_VALID = 0x4447_5254  # "TRGD"
_KDBG = 0x4742_444B  # "KDBG"
MAX_STACK = 64 * 1024
MAX_BLOCKS = 65_536
"""Most data blocks read; 4,908 were seen (build 19041)."""


@dataclass(frozen=True, slots=True)
class TriageLayout:
    """Offsets from the sub-header's start of the fields behind the common ones."""

    top_of_stack: int
    debugger_data: int
    data_blocks: int
    size: int
    block: struct.Struct


LAYOUTS = {
    64: TriageLayout(top_of_stack=0x48, debugger_data=0x70, data_blocks=0x78, size=0x80, block=struct.Struct("<QII")),
    32: TriageLayout(top_of_stack=0x48, debugger_data=0x58, data_blocks=0x60, size=0x68, block=struct.Struct("<III")),
}


class Block(NamedTuple):
    """A piece of memory in the dump: virtual address, file offset, bytes."""

    address: int
    offset: int
    size: int


class Memory:
    """The virtual memory a triage dump carries: data blocks and the call stack."""

    def __init__(self, image: Image, blocks: list[Block]) -> None:
        self._image = image
        self._blocks = sorted(blocks)
        self._starts = [block.address for block in self._blocks]

    def __len__(self) -> int:
        return len(self._blocks)

    def find(self, address: int, size: int) -> int | None:
        """File offset of these bytes, or None if no block holds them all.

        Blocks may overlap, so a few that start before the nearest one are tried as well.
        """
        last = bisect_right(self._starts, address)
        for block in reversed(self._blocks[max(0, last - 8) : last]):
            if address + size <= block.address + block.size:
                return block.offset + address - block.address
        return None

    def read(self, address: int, size: int) -> bytes | None:
        """These bytes, or None."""
        offset = self.find(address, size)
        return None if offset is None else self._image.bytes(offset, size)


class DebuggerData:
    """The copy of KDDEBUGGER_DATA64 in a triage dump. Its fields are 8 bytes wide on 32-bit systems as well.

    Offsets: wdbgexts.h of the Windows SDK; volatility kdbg_vtypes.py.
    """

    KERN_BASE = 0x18
    NT_BUILD_LAB = 0x208
    OFFSET_KTHREAD_APC_PROCESS = 0x2A0
    OFFSET_KTHREAD_STATE = 0x2A2
    OFFSET_EPROCESS_PARENT_CID = 0x2AC
    OFFSET_PRCB_CURRENT_THREAD = 0x2B4
    SIZE_ETHREAD = 0x2C0

    def __init__(self, image: Image, offset: int, size: int) -> None:
        self._image, self._offset, self._size = image, offset, size

    def u16(self, field: int) -> int | None:
        """A 16-bit field; None where it is 0 or lies behind the block's end."""
        return (self._image.u16(self._offset + field) or None) if field + 2 <= self._size else None

    def pointer(self, field: int, bits: int) -> int | None:
        """A pointer field; sign-extended on 32-bit systems, so cut to the width. None where it is 0."""
        value = self._image.u64(self._offset + field) if field + 8 <= self._size else None
        return (value & ((1 << bits) - 1) if value else None) or None


@dataclass(frozen=True, slots=True)
class TriageDump:
    """A triage dump: header, the offsets of its parts, its memory, and what is broken in it."""

    image: Image
    header: Header
    parts: dict[str, int]
    stack_address: int
    memory: Memory
    debugger_data: DebuggerData | None
    flaws: tuple[tuple[str, str], ...]
    """Subject and sentence of each flaw."""

    @property
    def bits(self) -> int:
        """Width of a pointer."""
        return self.header.layout.bits

    def part(self, name: str) -> int | None:
        """File offset of a part, or None where the dump has none or it lies outside the file."""
        offset = self.parts.get(name, 0)
        return offset if self.header.layout.size <= offset < self.image.size else None


def read_triage(image: Image, header: Header) -> TriageDump:
    """Read the sub-header, data-block list and debugger data; nothing is raised for what is missing or wrong."""
    layout, start, bits = LAYOUTS[header.layout.bits], header.layout.size, header.layout.bits
    values = [image.u32(start + 4 * i) for i in range(len(_PARTS))]
    parts = {name: value for name, value in zip(_PARTS, values, strict=True) if value is not None}
    flaws: list[tuple[str, str]] = []
    if not image.holds(start, layout.size):
        flaws.append(("system", "the file ends within the triage sub-header: only the dump header could be read"))
    else:
        if image.u32(parts["valid"]) != _VALID:
            flaws.append(("system", "the end mark TRGD of the triage part is missing: the dump was cut or overwritten"))
        if parts["size_of_dump"] > image.size:
            said, found = parts["size_of_dump"], image.size
            flaws.append(("system", f"the dump says it is {said:,} bytes long, the file has {found:,}: it was cut"))
    blocks, flaw = _blocks(image, layout, start)
    if flaw:
        flaws.append(("memory", flaw))
    top = image.word(start + layout.top_of_stack, bits) or 0
    stack, size = parts.get("call_stack", 0), min(parts.get("call_stack_size", 0), MAX_STACK)
    if stack and size and image.holds(stack, size):
        blocks.append(Block(top, stack, size))
    debugger_data = _debugger_data(image, layout, start)
    if debugger_data is None and image.holds(start, layout.size):
        flaws.append(("processes", "no debugger data block (KDBG) in the dump: structure offsets come from the build"))
    return TriageDump(image, header, parts, top, Memory(image, blocks), debugger_data, tuple(flaws))


def _blocks(image: Image, layout: TriageLayout, start: int) -> tuple[list[Block], str | None]:
    """The data blocks that lie in the file, and a sentence about those that do not."""
    offset, count = image.u32(start + layout.data_blocks), image.u32(start + layout.data_blocks + 4)
    if not offset or not count:
        return [], None
    room = max(0, image.size - offset) // layout.block.size
    raw = image.bytes(offset, min(count, room, MAX_BLOCKS) * layout.block.size) or b""
    blocks = [Block(*entry) for entry in layout.block.iter_unpack(raw)]
    good = [block for block in blocks if block.size and image.holds(block.offset, block.size)]
    lost = count - len(good)
    return good, f"{lost:,} of {count:,} data blocks do not lie in the file" if lost else None


def _debugger_data(image: Image, layout: TriageLayout, start: int) -> DebuggerData | None:
    """The KDBG copy, recognised by its tag; at most the 1,024 bytes known versions stay within."""
    offset, size = image.u32(start + layout.debugger_data), image.u32(start + layout.debugger_data + 4)
    if not offset or not size or image.u32(offset + 0x10) != _KDBG:
        return None
    return DebuggerData(image, offset, min(size, 1024))
