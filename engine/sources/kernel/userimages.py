"""Which file a user-mode address lies in: by the process's address ranges, else by its own list of loaded modules.

The ranges (VADs) are kernel memory and in every kernel dump, the list of the loader is user memory and only in full
dumps. What neither gives stays unknown.
"""

import numpy as np
from numpy.typing import NDArray

from .columns import Addresses, distinct_positions
from .kernel import Kernel
from .lists import read_unicode
from .objects import ObjectTypes
from .vads import VadShape, vad_shape
from .virtual import VirtualMemory

MAX_LOOKUPS = 512
"""Different pairs of process and address that are looked up; the threads of one leak start in a few places."""
MAX_DEPTH = 64
"""Levels of a VAD tree: a balanced tree of that depth has more ranges than fit into memory."""
MAX_LOADED = 1024
"""Entries of one process's list of loaded modules."""
_SHORT = (b"VadS", b"VadF")
"""Pool tags of the short form of a VAD, which private memory has and which maps no file."""
_LOADER = {32: (0xC, 0xC, 0x18, 0x20, 0x2C), 64: (0x18, 0x10, 0x30, 0x40, 0x58)}
"""PEB.Ldr, PEB_LDR_DATA.InLoadOrderModuleList; of an entry DllBase, SizeOfImage, BaseDllName: fixed in all builds."""


class UserImages:
    """Names of the files that user-mode addresses lie in. Answers are kept; beyond MAX_LOOKUPS there are none."""

    def __init__(self, kernel: Kernel, types: ObjectTypes) -> None:
        self._kernel = kernel
        self._types = types
        self._shape = vad_shape(kernel.layout, kernel.build, kernel.bits)
        self._known: dict[tuple[int, int], str | None] = {}
        self._loaded: dict[int, list[tuple[int, int, str]]] = {}

    def positions(self, processes: Addresses, addresses: Addresses) -> tuple[NDArray[np.int64], list[str | None]]:
        """The name of each address in the process (EPROCESS, 0 unknown) beside it, as positions in a list of names.

        The first of the names is None. The most frequent pairs are looked up first.
        """
        user = (processes != 0) & (addresses >= 0x10000) & (addresses < np.uint64(1 << (self._kernel.bits - 1)))
        rows = np.flatnonzero(user)
        of_process, process = distinct_positions(processes[rows])
        of_address, address = distinct_positions(addresses[rows])
        pairs, pair = distinct_positions(process.astype(np.int64) * len(of_address) + address)
        counts = np.bincount(pair, minlength=len(pairs))
        names: dict[str | None, int] = {None: 0}
        number = np.zeros(len(pairs), np.int64)
        for at in np.argsort(-counts, kind="stable")[:MAX_LOOKUPS].tolist():
            where = divmod(int(pairs[at]), len(of_address))
            name = self.name_of(int(of_process[where[0]]), int(of_address[where[1]]))
            number[at] = names.setdefault(name, len(names))
        found = np.zeros(len(addresses), np.int64)
        found[rows] = number[pair]
        return found, list(names)

    def name_of(self, process: int, address: int) -> str | None:
        """The file an address lies in, without its ending as the debugger names modules."""
        key = (process, address)
        if key not in self._known and len(self._known) < MAX_LOOKUPS:
            file = self._by_ranges(process, address) or self._by_loader(process, address)
            self._known[key] = (file.rpartition(".")[0] or file) if file else None
        return self._known.get(key)

    def _by_ranges(self, process: int, address: int) -> str | None:
        shape, memory = self._shape, self._kernel.memory
        for place in shape.roots if shape else ():
            root = memory.pointer(process + place + shape.sentinel) if shape else None
            node = self._find(shape, root, address >> 12) if shape and root else None
            file = self._file(shape, node) if shape and node else None
            if file:
                return file
        return None

    def _find(self, shape: VadShape, node: int | None, page: int) -> int | None:
        """The node whose range has a page, from the root down."""
        for _ in range(MAX_DEPTH):
            if not node or not self._is_kernel(node):
                return None
            start, end = self._number(shape, node, shape.start, 0), self._number(shape, node, shape.end, 1)
            if start is None or end is None or start > end:
                return None
            if start <= page <= end:
                return node
            node = self._kernel.memory.pointer(node + (shape.left if page < start else shape.right))
        return None

    def _number(self, shape: VadShape, node: int, offset: int, side: int) -> int | None:
        memory = self._kernel.memory
        value = memory.u32(node + offset) if shape.width == 4 else memory.u64(node + offset)
        if value is None or shape.high is None:
            return value
        high = memory.u8(node + shape.high[side])
        return None if high is None else value | high << 32

    def _file(self, shape: VadShape, node: int) -> str | None:
        """File name of the file object a node leads to, which must be an object of type File."""
        memory = self._kernel.memory
        tag_at = self._kernel.layout.offset("_POOL_HEADER", "PoolTag")
        head = self._kernel.layout.size("_POOL_HEADER")
        if tag_at is not None and head and memory.read(node - head + tag_at, 4) in _SHORT:
            return None
        area = memory.pointer(node + shape.area)
        if area and shape.subsection:
            area = memory.pointer(area) if self._is_kernel(area) else None
        if not area or not self._is_kernel(area):
            return None
        low = 15 if self._kernel.bits == 64 else 7
        for offset in shape.file:
            file = (memory.pointer(area + offset) or 0) & ~low
            if not self._is_kernel(file) or not self._types.are("File", np.array([file], np.uint64))[0]:
                continue
            path = read_unicode(self._kernel, file + shape.name)
            return _file_name(path)
        return None

    def _by_loader(self, process: int, address: int) -> str | None:
        if process not in self._loaded:
            self._loaded[process] = self._read_loader(process)
        return next((name for base, end, name in self._loaded[process] if base <= address < end), None)

    def _read_loader(self, process: int) -> list[tuple[int, int, str]]:
        """Base, end and file name of the modules in load order that the PEB chains up."""
        kernel = self._kernel
        at = kernel.layout.offset("_EPROCESS", "Peb")
        peb = kernel.memory.pointer(process + at) if at is not None else None
        memory = kernel.user_directory(process) if peb and not self._is_kernel(peb) else None
        if memory is None or not peb:
            return []
        loader, first, base_at, size_at, name_at = _LOADER[kernel.bits]
        data = memory.pointer(peb + loader)
        if not data:
            return []
        found: list[tuple[int, int, str]] = []
        seen: set[int] = set()
        head = data + first
        entry = memory.pointer(head)
        while entry and entry != head and entry not in seen and len(seen) < MAX_LOADED:
            seen.add(entry)
            base, size = memory.pointer(entry + base_at), memory.u32(entry + size_at)
            name = _file_name(_text(memory, entry + name_at))
            if base and size and name:
                found.append((base, base + size, name))
            entry = memory.pointer(entry)
        return found

    def _is_kernel(self, address: int) -> bool:
        return bool(address >> (self._kernel.bits - 1)) and address % 4 == 0


def _text(memory: VirtualMemory, va: int) -> str | None:
    """The text of a UNICODE_STRING in a process's own memory, at most 512 bytes."""
    length, buffer = memory.read(va, 2), memory.pointer(va + memory.bits // 8)
    size = int.from_bytes(length, "little") if length else 0
    raw = memory.read(buffer, size) if buffer and 0 < size <= 512 and size % 2 == 0 else None
    return raw.decode("utf-16-le", errors="replace") if raw else None


def _file_name(path: str | None) -> str | None:
    """The last part of a path, where it can be a file name."""
    name = path.rpartition("\\")[2] if path else ""
    return name if 0 < len(name) < 256 and name.isprintable() else None
