"""PE images in kernel memory: headers, sections and what they import, as far as their pages are resident.

Layout: the PE/COFF specification (Microsoft Learn). Sections that are discarded after start (INIT, often with the
import names) or pageable may be gone: what cannot be read is unknown.
"""

import struct
from dataclasses import dataclass

import numpy as np

from ..dump.container import PAGE
from .kernel import Kernel

MAX_SECTIONS = 96
MAX_LIBRARIES = 32
MAX_IMPORTS = 2048
"""Imports of one library looked at."""
_POOL_IMPORT = b"ExAllocatePool"
POOL_ROUTINES = (
    "ExAllocatePool",
    "ExAllocatePool2",
    "ExAllocatePool3",
    "ExAllocatePoolWithTag",
    "ExAllocatePoolWithQuota",
    "ExAllocatePoolWithQuotaTag",
    "ExAllocatePoolWithTagPriority",
)
"""Pool allocation routines of the WDK headers."""
_EXECUTE = 0x2000_0000
_DISCARDABLE = 0x0200_0000
_IMPORTS, _IMPORT_ADDRESSES = 1, 12


@dataclass(frozen=True, slots=True)
class Section:
    """A section of an image: name, address and size in memory, and whether it holds code or is discarded."""

    name: str
    address: int
    size: int
    code: bool
    discardable: bool


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """The PE header of an image in memory; `directories` are RVA and size by index."""

    timestamp: int
    checksum: int
    size: int
    width: int
    directories: tuple[tuple[int, int], ...]
    sections: tuple[Section, ...]


def read_header(kernel: Kernel, base: int) -> ImageHeader | None:
    """The header at a base address; None where it is not in the dump or is none."""
    dos = kernel.memory.read(base, 0x40)
    if dos is None or dos[:2] != b"MZ":
        return None
    pe = int.from_bytes(dos[0x3C:0x40], "little")
    head = kernel.memory.read(base + pe, 0x108) if 0 < pe < PAGE else None
    if head is None or head[:4] != b"PE\0\0":
        return None
    count, timestamp, optional_size = struct.unpack_from("<HI8xH", head, 6)
    magic = int.from_bytes(head[0x18:0x1A], "little")
    start = {0x10B: 0x18 + 0x60, 0x20B: 0x18 + 0x70}.get(magic)
    if start is None:
        return None
    size, _, checksum = struct.unpack_from("<III", head, 0x18 + 0x38)
    number = min(int.from_bytes(head[start - 4 : start], "little"), 16)
    directories = tuple(struct.unpack_from("<II", head, start + 8 * i) for i in range(number))
    sections = _sections(kernel, base, pe + 0x18 + optional_size, min(count, MAX_SECTIONS))
    return ImageHeader(timestamp, checksum, size, 8 if magic == 0x20B else 4, directories, sections)


def _sections(kernel: Kernel, base: int, at: int, count: int) -> tuple[Section, ...]:
    raw = kernel.memory.read(base + at, 40 * count) or b""
    sections: list[Section] = []
    for name, size, rva, raw_size, flags in struct.iter_unpack("<8sIII16xI", raw):
        text = name.rstrip(b"\0").decode("latin-1")
        if rva and (size or raw_size):
            sections.append(
                Section(
                    name=text if text.isprintable() else "?",
                    address=base + rva,
                    size=size or raw_size,
                    code=bool(flags & _EXECUTE),
                    discardable=bool(flags & _DISCARDABLE),
                )
            )
    return tuple(sections)


def imports_pool(kernel: Kernel, base: int, size: int, header: ImageHeader, routines: frozenset[int]) -> bool | None:
    """Whether the image imports a pool allocation routine: by its import names, else by its resolved addresses.

    `routines` are the addresses of the routines in this kernel. None where neither can be read.
    """
    by_name = _names(kernel, base, size, header)
    if by_name is not None:
        return by_name
    if not routines or len(header.directories) <= _IMPORT_ADDRESSES:
        return None
    rva, length = header.directories[_IMPORT_ADDRESSES]
    if not 0 < rva < size or not 0 < length <= 8 * MAX_IMPORTS:
        return None
    raw = kernel.memory.read(base + rva, length - length % header.width)
    if raw is None:
        return None
    return bool(routines & set(np.frombuffer(raw, f"<u{header.width}").tolist()))


def _names(kernel: Kernel, base: int, size: int, header: ImageHeader) -> bool | None:
    """By the names in the import directory; None where it is not resident or holds something else by now."""
    if len(header.directories) <= _IMPORTS:
        return None
    rva, length = header.directories[_IMPORTS]
    if not rva and not length:
        return False
    if not 0 < rva < size or not 20 <= length <= size:
        return None
    complete = True
    libraries = 0
    for i in range(min(length // 20, MAX_LIBRARIES)):
        raw = kernel.memory.read(base + rva + 20 * i, 20)
        if raw is None:
            complete = False
            break
        lookup, _, _, name, thunks = struct.unpack("<IIIII", raw)
        if not name and not thunks:
            break
        if not 0 < name < size or not _is_library(kernel.memory.read(base + name, 16)):
            return None
        libraries += 1
        found = _imports(kernel, base, size, lookup, header.width) if lookup else None
        if found:
            return True
        complete = complete and found is not None
    return False if complete and libraries else None


def _is_library(raw: bytes | None) -> bool:
    """A printable name begins here."""
    text = (raw or b"").partition(b"\0")[0]
    return len(text) >= 3 and all(0x20 < byte < 0x7F for byte in text)


def _imports(kernel: Kernel, base: int, size: int, lookup: int, width: int) -> bool | None:
    """Whether one library's lookup table names a pool allocation routine; None where parts of it are missing."""
    if not 0 < lookup < size:
        return None
    room = min(MAX_IMPORTS * width, size - lookup)
    raw = b""
    # The table has no length: it is read page by page up to the entry that is zero.
    while room > len(raw):
        at = base + lookup + len(raw)
        more = kernel.memory.read(at, min(PAGE - at % PAGE, room - len(raw)))
        if more is None:
            return None
        raw += more
        entries = np.frombuffer(raw[: len(raw) // width * width], f"<u{width}")
        zeros = np.flatnonzero(entries == 0)
        if len(zeros):
            entries = entries[: zeros[0]]
            break
    else:
        return None
    names = entries[(entries < size) & (entries > 0)].astype(np.uint64)
    if not len(names):
        return False
    rows, valid = kernel.memory.gather(np.uint64(base + 2) + names, len(_POOL_IMPORT))
    wanted = np.frombuffer(_POOL_IMPORT, np.uint8)
    if (valid & (rows == wanted).all(axis=1)).any():
        return True
    return False if valid.all() else None
