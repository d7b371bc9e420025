"""A kernel in a few pages: virtual addresses to bytes without page tables, for the readers' own tests."""

import struct
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from dumptriage.facts import Case, Casefile
from dumptriage.sources.dump.container import LAYOUTS, Header, Run
from dumptriage.sources.kernel.kernel import Kernel
from dumptriage.sources.kernel.layouts import known_layouts
from dumptriage.sources.kernel.paging import PAE, X64
from dumptriage.sources.kernel.virtual import Survey, VirtualMemory

PAGE = 4096


class Physical:
    """The pages behind one another, as a dump file without a header."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.problems: list[str] = []

    @property
    def buffer(self) -> NDArray[np.uint8]:
        return np.frombuffer(bytes(self.data), np.uint8)

    @property
    def page_count(self) -> int:
        return len(self.data) // PAGE

    def entries(self, offsets: NDArray[np.int64], width: int) -> NDArray[np.uint64]:
        found: NDArray[np.uint64] = self.buffer.view(f"<u{width}")[offsets // width].astype(np.uint64)
        return found


class Memory:
    """Pages by address; what was never put is mapped nowhere, but for the pages in `absent`."""

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.physical = Physical()
        self.paging = X64 if bits == 64 else PAE
        self.absent: list[int] = []
        self.truncated = False
        self._pages: dict[int, int] = {}

    def put(self, va: int, data: bytes | int, size: int = 0) -> None:
        """Bytes, or a number of `size` bytes (a pointer where none is given), in pages made as needed."""
        if isinstance(data, int):
            size = size or self.bits // 8
            data = (data & ((1 << 8 * size) - 1)).to_bytes(size, "little")
        while data:
            page, inside = va & ~(PAGE - 1), va & (PAGE - 1)
            if page not in self._pages:
                self._pages[page] = len(self.physical.data)
                self.physical.data += bytes(PAGE)
            part = data[: PAGE - inside]
            at = self._pages[page] + inside
            self.physical.data[at : at + len(part)] = part
            va, data = va + len(part), data[len(part) :]

    def read(self, va: int, size: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < size:
            page, inside = (va + len(parts)) & ~(PAGE - 1), (va + len(parts)) & (PAGE - 1)
            if page not in self._pages:
                return None
            start = self._pages[page] + inside
            parts += self.physical.data[start : start + min(PAGE - inside, size - len(parts))]
        return bytes(parts)

    def u32(self, va: int) -> int | None:
        raw = self.read(va, 4)
        return None if raw is None else int.from_bytes(raw, "little")

    def pointer(self, va: int) -> int | None:
        raw = self.read(va, self.bits // 8)
        return None if raw is None else int.from_bytes(raw, "little")

    def gather(self, vas: NDArray[np.uint64], size: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
        rows, valid = np.zeros((len(vas), size), np.uint8), np.zeros(len(vas), np.bool_)
        for i, va in enumerate(vas.tolist()):
            raw = self.read(va, size)
            if raw is not None:
                rows[i], valid[i] = np.frombuffer(raw, np.uint8), True
        return rows, valid

    def resident(self, start: int, end: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        pages = sorted(page for page in self._pages if start <= page < end)
        return np.array(pages, np.uint64), np.array([self._pages[page] for page in pages], np.int64)

    def survey(self, start: int, end: int) -> Survey:
        absent = sorted(page for page in self.absent if start <= page < end)
        nothing = np.zeros(0, np.uint64)
        return Survey(*self.resident(start, end), np.array(absent, np.uint64), nothing, nothing)


class FakeKernel:
    """What the readers ask of a Kernel. `symbols` are addresses of variables by name."""

    def __init__(self, name: str, processors: int = 1, ram_pages: int = 0) -> None:
        known = next(known for known in known_layouts() if known.name == name)
        self.layout, self.build, self.bits = known.layout, known.build, known.bits
        self.memory = Memory(self.bits)
        self.processors = processors
        self.base: int | None = None
        self.symbols: dict[str, int] = {}
        self.high = 0xFFFF_8000_0000_0000 if self.bits == 64 else 0x8000_0000
        self.header = Header(
            layout=LAYOUTS[0 if self.bits == 64 else 1],
            dump_type=2,
            build=self.build,
            architecture="x64" if self.bits == 64 else "x86",
            processors=processors,
            bugcheck_code=None,
            parameters=(),
            uptime_s=None,
            system_time=None,
            product_type=3,
            runs=(Run(1, ram_pages),) if ram_pages else (),
        )

    def symbol(self, name: str) -> int | None:
        return self.symbols.get(name)

    def variable(self, name: str, value: int | None, size: int = 0) -> int:
        """A kernel variable with a value; None for one whose page is not in the dump."""
        at = self.high + 0x10_0000 + 0x100 * len(self.symbols)
        self.symbols[name] = at if value is not None else at + 0x1000_0000
        if value is not None:
            self.memory.put(at, value, size)
        return at

    def struct(self, va: int, struct_name: str, **fields: int) -> None:
        """Fields of a structure, each in its own width."""
        for name, value in fields.items():
            field = self.layout.field(struct_name, name)
            assert field is not None, name
            self.memory.put(va + field.offset, value, field.size or self.bits // 8)

    @property
    def kernel(self) -> Kernel:
        """The same, as the readers' type."""
        return cast(Kernel, cast(Any, self))


def new_case() -> Case:
    return Case(Casefile("forged.dmp", "0" * 64, 0, "dump"))


def pool_header(fake: FakeKernel, previous: int, size: int, kind: int, tag: bytes) -> bytes:
    """A pool header of the fake's width and build; sizes in bytes."""
    if fake.bits == 64:
        return struct.pack("<BBBB4sQ", previous // 16, 0, size // 16, kind, tag, 0)
    if fake.build == 2195:
        return struct.pack("<BBBB4s", previous // 32, 0, kind, size // 32, tag)
    return struct.pack("<HH4s", previous // 8, size // 8 | kind << 9, tag)


def memory_of(fake: FakeKernel) -> VirtualMemory:
    return cast(VirtualMemory, cast(Any, fake.memory))
