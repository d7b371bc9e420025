"""The version resource of a driver, where a data block happens to carry the pages it lies in.

Layout: the PE/COFF specification (Microsoft Learn) for headers and resource directory, VS_VERSIONINFO of the Windows
SDK documentation for the resource. None of the dumps seen carries one; the kernel's PE header alone is common.
"""

import struct
from collections.abc import Iterator

from .image import printable
from .triage import Memory

_RT_VERSION = 16
_MAX_RESOURCE = 16 * 1024
_MAX_ENTRIES = 512
_MAX_STRINGS = 64
_FIXED = 0xFEEF_04BD


def read_version(memory: Memory, base: int, size: int) -> dict[str, str]:
    """The strings of the version resource by their names, FileVersion among them; empty where it is not resident."""
    found = _resource_directory(memory, base)
    if found is None:
        return {}
    rva, length = found
    if not 0 < rva < size or not 0 < length <= size:
        return {}
    data = _find_data(memory, base + rva, length)
    if data is None or not 0 < data[0] < size:
        return {}
    raw = memory.read(base + data[0], min(data[1], _MAX_RESOURCE))
    return _parse(raw) if raw else {}


def _resource_directory(memory: Memory, base: int) -> tuple[int, int] | None:
    """RVA and size of the resource directory by the optional header (PE32 or PE32+)."""
    dos = memory.read(base, 0x40)
    if dos is None or dos[:2] != b"MZ":
        return None
    pe = int.from_bytes(dos[0x3C:0x40], "little")
    raw = memory.read(base + pe, 0x18 + 0x88) if pe < 0x1000 else None
    if raw is None or raw[:4] != b"PE\0\0":
        return None
    magic = int.from_bytes(raw[0x18:0x1A], "little")
    directories = {0x10B: 0x18 + 0x60, 0x20B: 0x18 + 0x70}.get(magic)
    if directories is None:
        return None
    rva, size = struct.unpack_from("<II", raw, directories + 2 * 8)
    return rva, size


def _find_data(memory: Memory, root: int, length: int) -> tuple[int, int] | None:
    """RVA and size of the first version resource: type 16, then the first name, then the first language."""
    offset, wanted = 0, _RT_VERSION
    for _ in range(3):
        head = memory.read(root + offset, 16) if offset + 16 <= length else None
        if head is None:
            return None
        count = min(sum(struct.unpack_from("<HH", head, 12)), _MAX_ENTRIES)
        entries = memory.read(root + offset + 16, 8 * count) or b""
        target = next((at for key, at in struct.iter_unpack("<II", entries) if wanted in (key, -1)), None)
        if target is None:
            return None
        offset, wanted = target & 0x7FFF_FFFF, -1
    raw = memory.read(root + offset, 8) if offset + 8 <= length else None
    return struct.unpack("<II", raw) if raw else None


def _parse(raw: bytes) -> dict[str, str]:
    """Strings of the first string table; FileVersion from the fixed part if there is one."""
    strings: dict[str, str] = {}
    _, value_length, key, value_at, end = _block(raw, 0)
    if key != "VS_VERSION_INFO":
        return strings
    for _, child, child_end in _children(raw, value_at + value_length, end):
        for _, table, table_end in _children(raw, child, child_end):
            for name, start, stop in _children(raw, table, table_end):
                value = printable(raw[start:stop].decode("utf-16-le", "replace"))
                if name and value and len(strings) < _MAX_STRINGS:
                    strings.setdefault(name, value.strip())
    if value_length >= 16 and len(raw) >= value_at + 16:
        signature, _, high, low = struct.unpack_from("<IIII", raw, value_at)
        if signature == _FIXED:
            strings["FileVersion"] = f"{high >> 16}.{high & 0xFFFF}.{low >> 16}.{low & 0xFFFF}"
    return strings


def _block(raw: bytes, at: int) -> tuple[int, int, str | None, int, int]:
    """One block: length, length of its value, key, start of the value and end of the block, kept within the data."""
    if at + 6 > len(raw):
        return 0, 0, None, at, at
    length, value_length, _ = struct.unpack_from("<HHH", raw, at)
    key, _, _ = raw[at + 6 : at + 6 + 128].decode("utf-16-le", "replace").partition("\0")
    value_at = (at + 6 + 2 * (len(key) + 1) + 3) & ~3
    return length, value_length, printable(key), value_at, min(at + length, len(raw))


def _children(raw: bytes, start: int, end: int) -> Iterator[tuple[str | None, int, int]]:
    """Key, start of the contents and end of each block between two offsets; stops at the first that is empty."""
    at = (start + 3) & ~3
    for _ in range(_MAX_STRINGS):
        if at + 6 > end:
            return
        length, _, key, value_at, stop = _block(raw, at)
        if length < 6:
            return
        yield key, value_at, min(stop, end)
        at = (at + length + 3) & ~3
