"""The kernel's PE image in memory: size, sections, exported symbols, and the name of its PDB.

Field offsets: the PE/COFF specification; RSDS is the CodeView record of the debug directory.
"""

import re
import struct
from typing import NamedTuple

import numpy as np

from ..dump.container import PAGE
from .isf import Pdb
from .virtual import VirtualMemory

_MAX_IMAGE = 1 << 28
_MAX_EXPORTS = 1 << 24
_MAX_NAMES = 1 << 16
_CODEVIEW = 2


class Section(NamedTuple):
    """A section: name, address, size in bytes, and its IMAGE_SCN flags."""

    name: str
    address: int
    size: int
    flags: int


class KernelImage:
    """The image at a base address. What is paged out or broken is simply not found."""

    def __init__(self, memory: VirtualMemory, base: int) -> None:
        self.memory = memory
        self.base = base
        self.size: int | None = None
        self.sections: list[Section] = []
        self._directories = b""
        self._exports: dict[str, int] | None = None
        self._read_headers()

    @property
    def valid(self) -> bool:
        """True if PE headers stand at the base."""
        return self.size is not None

    def _read_headers(self) -> None:
        head = self.memory.read(self.base, PAGE)
        if head is None or head[:2] != b"MZ":
            return
        start: int = struct.unpack_from("<I", head, 0x3C)[0]
        if start > PAGE - 0x200 or head[start : start + 4] != b"PE\0\0":
            return
        count, optional = struct.unpack_from("<H", head, start + 6)[0], struct.unpack_from("<H", head, start + 20)[0]
        magic = struct.unpack_from("<H", head, start + 24)[0]
        size: int = struct.unpack_from("<I", head, start + 24 + 56)[0]
        if magic not in (0x10B, 0x20B) or not PAGE <= size <= _MAX_IMAGE:
            return
        self.size = size
        at = start + 24 + (96 if magic == 0x10B else 112)
        self._directories = head[at : at + 16 * 8]
        table = start + 24 + optional
        for at in range(table, min(table + 40 * min(count, 96), PAGE - 40), 40):
            name, extent, address = struct.unpack_from("<8sII", head, at)
            flags = struct.unpack_from("<I", head, at + 36)[0]
            if address < size and extent <= size - address:
                text = name.rstrip(b"\0").decode("ascii", "replace")
                self.sections.append(Section(text, self.base + address, extent, flags))

    def _directory(self, index: int) -> tuple[int, int]:
        """RVA and size of a data directory; (0, 0) where it lies outside the image."""
        if self.size is None or len(self._directories) < 8 * index + 8:
            return 0, 0
        rva, size = struct.unpack_from("<II", self._directories, 8 * index)
        return (rva, size) if 0 < rva < self.size and size <= self.size - rva else (0, 0)

    @property
    def pdb(self) -> Pdb | None:
        """Name, GUID and age of the PDB by the debug directory."""
        rva, size = self._directory(6)
        raw = self.memory.read(self.base + rva, min(size, 28 * 16)) if rva else None
        for at in range(0, len(raw or b"") - 27, 28):
            kind, length, record = struct.unpack_from("<III", raw or b"", at + 12)
            found = self._rsds(record, length) if kind == _CODEVIEW else None
            if found:
                return found
        return None

    def _rsds(self, rva: int, length: int) -> Pdb | None:
        raw = self.memory.read(self.base + rva, min(length, 24 + 260)) if length >= 26 else None
        if raw is None or raw[:4] != b"RSDS":
            return None
        first, second, third = struct.unpack_from("<IHH", raw, 4)
        age = struct.unpack_from("<I", raw, 20)[0]
        name = re.split(rb"[\\/]", raw[24:].partition(b"\0")[0])[-1].decode("ascii", "replace")
        guid = f"{first:08X}{second:04X}{third:04X}{raw[12:20].hex().upper()}"
        return Pdb(name, guid, age)

    def export(self, name: str) -> int | None:
        """Address of an exported symbol; None where it is not exported or its table is not in the dump."""
        if self._exports is None:
            self._exports = self._read_exports()
        rva = self._exports.get(name)
        return self.base + rva if rva else None

    def _read_exports(self) -> dict[str, int]:
        """All named exports by RVA, without forwarders (RVA inside the directory) and names in missing pages."""
        rva, size = self._directory(0)
        head = self.memory.read(self.base + rva, 40) if 40 <= size <= _MAX_EXPORTS else None
        if head is None:
            return {}
        functions, names, function_table, name_table, ordinal_table = struct.unpack_from("<5I", head, 20)
        if not 0 < names <= _MAX_NAMES or not 0 < functions <= _MAX_NAMES:
            return {}
        addresses = self._numbers(function_table, functions, 4)
        pointers = self._numbers(name_table, names, 4)
        ordinals = self._numbers(ordinal_table, names, 2)
        if addresses is None or pointers is None or ordinals is None:
            return {}
        text = self._text(rva, size)
        found: dict[str, int] = {}
        for pointer, ordinal in zip(pointers, ordinals, strict=True):
            start = pointer - rva
            if not 0 <= start < size or ordinal >= functions:
                continue
            end = text.find(b"\0", start, start + 128)
            address = addresses[ordinal]
            if end > start and address and not rva <= address < rva + size:
                found[text[start:end].decode("ascii", "replace")] = address
        return found

    def _numbers(self, rva: int, count: int, width: int) -> list[int] | None:
        raw = self.memory.read(self.base + rva, count * width)
        return None if raw is None else np.frombuffer(raw, f"<u{width}").tolist()

    def _text(self, rva: int, size: int) -> bytes:
        """The export directory's bytes; missing pages are zeros, so that names in them come out empty."""
        start = (self.base + rva) & ~(PAGE - 1)
        count = (self.base + rva + size - start + PAGE - 1) // PAGE
        rows, _ = self.memory.gather(start + np.arange(count, dtype=np.uint64) * np.uint64(PAGE), PAGE)
        return rows.tobytes()[self.base + rva - start :][:size]
