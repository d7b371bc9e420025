"""A few kernel structures written by hand with the layouts of one build, for the tests of single readers."""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from tiny import Tiny

from dumptriage.sources.dump.container import layout_of, read_header
from dumptriage.sources.dump.image import Image
from dumptriage.sources.kernel.kernel import Kernel
from dumptriage.sources.kernel.layouts import known_layouts
from dumptriage.sources.kernel.paging import X64, X86
from dumptriage.sources.kernel.physical import open_physical
from dumptriage.sources.kernel.virtual import VirtualMemory

TYPES = {"Type": (2, "ObjT"), "Process": (7, "Proc"), "Thread": (8, "Thre"), "Event": (17, "Even")}
"""Object types with index and tag."""
COOKIE = 0x5D


class Handmade:
    """Structures in a tiny machine of one build: objects with headers, lists, handle tables."""

    def __init__(self, build: int, bits: int, processors: int = 1) -> None:
        self.build, self.bits, self.width, self.processors = build, bits, bits // 8, processors
        self.layout = next(known.layout for known in known_layouts() if (known.build, known.bits) == (build, bits))
        self.tiny = Tiny("x86" if bits == 32 else "x64")
        self.place = 0x8100_0000 if bits == 32 else 0xFFFF_E000_0000_0000
        self.symbols: dict[str, int] = {}
        self.types: dict[str, int] = {}
        self.body = self.layout.offset("_OBJECT_HEADER", "Body") or 0

    def take(self, size: int, align: int = 16) -> int:
        """An address for `size` bytes of zeros."""
        at = -(-self.place // align) * align
        self.place = at + size
        for page in range(at & ~0xFFF, at + size, 0x1000):
            self.tiny.put(page, b"\0") if page not in self.tiny.mapped else None
        return at

    def put(self, at: int, struct: str, name: str, value: int, width: int | None = None) -> None:
        """Write a field, by default as wide as a pointer."""
        offset = self.layout.offset(struct, name)
        assert offset is not None, (struct, name)
        self.tiny.number(at + offset, value, width)

    def link(self, head: int, links: list[int]) -> None:
        """Chain LIST_ENTRYs up behind a head."""
        ring = [head, *links, head]
        for before, after in pairwise(ring):
            self.tiny.number(before, after)
            self.tiny.number(after + self.width, before)

    def text(self, at: int, text: str) -> None:
        """Write a UNICODE_STRING."""
        raw = text.encode("utf-16-le")
        buffer = self.take(len(raw) + 2)
        self.tiny.put(buffer, raw)
        self.tiny.number(at, len(raw), 2)
        self.tiny.number(at + 2, len(raw) + 2, 2)
        self.tiny.number(at + self.width, buffer)

    def make_types(self) -> None:
        """The object types, found through the exported variables or the index table."""
        for name, (index, tag) in TYPES.items():
            at = self.types[name] = self.object("Type", self.layout.size("_OBJECT_TYPE") or 0x200)
            self.text(at + (self.layout.offset("_OBJECT_TYPE", "Name") or 0), name)
            self.put(at, "_OBJECT_TYPE", "Index", index, 1)
            self.put(at, "_OBJECT_TYPE", "Key", int.from_bytes(tag.encode(), "little") | 0x8000_0000, 4)
        table = self.symbols["ObTypeIndexTable"] = self.take(0x800)
        for number, at in enumerate(self.types.values()):
            self.tiny.number(table + (2 + number) * self.width, at)

    def object(self, kind: str, size: int, handles: int = 0, pointers: int = 1, dispatcher: int | None = None) -> int:
        """An object behind its pool header; the address of its body."""
        first = self.layout.size("_POOL_HEADER") or 16
        block = self.take(first + self.body + size)
        self.tiny.put(block + 4, TYPES[kind][1].encode())
        header = block + first
        self.put(header, "_OBJECT_HEADER", "PointerCount", pointers)
        self.put(header, "_OBJECT_HEADER", "HandleCount", handles)
        if self.layout.offset("_OBJECT_HEADER", "TypeIndex") is None:
            self.put(header, "_OBJECT_HEADER", "Type", self.types.get(kind, 0))
        else:
            hidden = COOKIE ^ header >> 8 & 0xFF if self.build >= 10240 else 0
            self.put(header, "_OBJECT_HEADER", "TypeIndex", TYPES[kind][0] ^ hidden, 1)
        if dispatcher is not None:
            self.tiny.number(header + self.body, dispatcher, 1)
        return header + self.body

    def process(self, pid: int, image: str, *, table: int = 0, ended: bool = False, **counts: int) -> int:
        """A process object."""
        at = self.object("Process", self.layout.size("_EPROCESS") or 0x800, dispatcher=3, **counts)
        self.put(at, "_EPROCESS", "UniqueProcessId", pid)
        self.put(at, "_EPROCESS", "ObjectTable", table)
        self.put(at, "_EPROCESS", "ExitTime", 133_500_000_000_000_000 if ended else 0, 8)
        self.tiny.put(at + (self.layout.offset("_EPROCESS", "ImageFileName") or 0), image.encode())
        lists = [("_KPROCESS", "ThreadListHead")]
        lists += [("_EPROCESS", "ThreadListHead")] if self.layout.offset("_EPROCESS", "ThreadListHead") else []
        for struct, name in lists:
            self.link(at + (self.layout.offset(struct, name) or 0), [])
        return at

    def thread(self, process: int, pid: int, tid: int, state: int = 4, start: int = 0x7C81_0856, **counts: int) -> int:
        """A thread object, by default an ended one."""
        at = self.object("Thread", self.layout.size("_ETHREAD") or 0x800, dispatcher=6, **counts)
        self.put(at, "_KTHREAD", "State", state, 1)
        owner = "_ETHREAD" if self.layout.offset("_ETHREAD", "ThreadsProcess") else "_KTHREAD"
        self.put(at, owner, "ThreadsProcess" if owner == "_ETHREAD" else "Process", process)
        cid = at + (self.layout.offset("_ETHREAD", "Cid") or 0)
        self.tiny.number(cid, pid)
        self.tiny.number(cid + self.width, tid)
        self.put(at, "_ETHREAD", "Win32StartAddress", start)
        return at

    def active(self, *processes: int) -> None:
        """The list of active processes; the first is System."""
        link = self.layout.offset("_EPROCESS", "ActiveProcessLinks") or 0
        self.symbols["PsActiveProcessHead"] = self.take(16)
        self.link(self.symbols["PsActiveProcessHead"], [process + link for process in processes])
        self.symbols["PsInitialSystemProcess"] = self.take(16)
        self.tiny.number(self.symbols["PsInitialSystemProcess"], processes[0])

    def table(self, words: list[tuple[int, int]], count: int | None = None) -> int:
        """A handle table of one leaf with these entries behind the first."""
        leaf = self.take(0x1000, 0x1000)
        for number, (low, high) in enumerate(words, 1):
            self.tiny.number(leaf + number * 2 * self.width, low)
            self.tiny.number(leaf + (number * 2 + 1) * self.width, high)
        at = self.take(0x100)
        if self.build == 2195:
            middle, top = self.take(0x400), self.take(0x400)
            self.tiny.number(middle, leaf)
            self.tiny.number(top, middle)
            self.put(at, "_HANDLE_TABLE", "Table", top)
        else:
            self.put(at, "_HANDLE_TABLE", "TableCode", leaf)
        if self.layout.offset("_HANDLE_TABLE", "HandleCount") is not None:
            self.put(at, "_HANDLE_TABLE", "HandleCount", len(words) if count is None else count, 4)
        return at

    def kernel(self) -> Kernel:
        """The kernel, with the symbols set so far."""
        data = self.tiny.dump("bitmap", build=self.build)
        layout = layout_of(data[:8])
        assert layout
        header = read_header(Image(data), layout)
        physical, flaw = open_physical(data, header)
        assert physical is not None, flaw
        memory = VirtualMemory(physical, X86 if self.bits == 32 else X64, self.tiny.root << 12)
        return Kernel(
            memory, self.layout, self.bits, self.build, self.processors, None, header, "by hand", scanned=self.symbols
        )


def entry(build: int, bits: int, header: int, references: int = 0) -> tuple[int, int]:
    """Both words of a handle table entry that points to an object header."""
    access = 0x1F0003
    if build == 2195:
        return header & 0x7FFF_FFF8 | 2, access
    if build < 9200:
        return header | 1, access
    if bits == 32:
        return header | 1, access | references << (26 if build == 9200 else 27)
    if build == 9200:
        return (header >> 4 & (1 << 41) - 1) << 23 | references << 1 | 1, access
    return (header >> 4 & (1 << 44) - 1) << 20 | references << 1 | 1, access


def addresses(*values: int) -> NDArray[np.uint64]:
    return np.array(values, np.uint64)
