"""Installed RAM from the SMBIOS tables that mssmbios.sys appends to a dump as secondary data.

Secondary data starts where the triage part ends: "DumpBlob", header size, build; then blobs, each a header of header
size, tag (GUID), data size, padding before and after (symbol _DUMP_BLOB_HEADER). Read off dumps of 9600 to 26100. The
tag is mssmbios!SMBiosGuidSMBios; the data is RawSMBIOSData (GetSystemFirmwareTable, Microsoft Learn), the tables follow
DMTF DSP0134: type 17 is a memory device, type 19 a mapped range. The debugger shows them with `!sysinfo smbios`.
Compared with the run list where a dump has both: 32 GB against 31.94 (19041), 16 against 15.93 (26100).
"""

import struct
from dataclasses import dataclass
from uuid import UUID

from .image import Image
from .triage import TriageDump

_TABLES = UUID("bc5c008f-1e3a-44d7-988d-86f6884c6758").bytes_le
_BLOB = struct.Struct("<I16sIII")
_MAX_BLOBS = 1024
_MAX_TABLE = 1 << 20
_MAX_STRUCTURES = 4096
_MAX_BYTES = 1 << 50
_MB, _KB = 1 << 20, 1 << 10


@dataclass(frozen=True, slots=True)
class InstalledMemory:
    """Bytes of all memory devices, and the file offset of the table."""

    size: int
    offset: int


def read_installed(dump: TriageDump) -> InstalledMemory | None:
    """The RAM the firmware reports, or None where the dump has no tables or their two accounts disagree."""
    found = _find_tables(dump.image, dump.parts.get("size_of_dump", 0))
    if found is None:
        return None
    offset, size = found
    raw = dump.image.bytes(offset, min(size, _MAX_TABLE)) or b""
    devices = mapped = 0
    for kind, body in _structures(raw[8:]):
        if kind == 17:
            devices += _device_bytes(body)
        elif kind == 19:
            mapped += _mapped_bytes(body)
    if not 0 < devices <= _MAX_BYTES or (mapped and abs(devices - mapped) * 20 > devices):
        return None
    return InstalledMemory(devices, offset)


def _find_tables(image: Image, start: int) -> tuple[int, int] | None:
    """File offset and size of the SMBIOS data within the secondary data."""
    if not start or image.bytes(start, 8) != b"DumpBlob":
        return None
    at = start + (image.u32(start + 8) or 0)
    for _ in range(_MAX_BLOBS):
        raw = image.bytes(at, _BLOB.size)
        if raw is None:
            return None
        header, tag, size, before, after = _BLOB.unpack(raw)
        if header < _BLOB.size:
            return None
        if tag == _TABLES:
            return at + header + before, size
        at += header + before + size + after
    return None


def _structures(table: bytes) -> list[tuple[int, bytes]]:
    """Type and formatted part of each structure; the strings behind it end with two zeros."""
    structures: list[tuple[int, bytes]] = []
    at = 0
    while at + 4 <= len(table) and len(structures) < _MAX_STRUCTURES:
        kind, length = table[at], table[at + 1]
        end = table.find(b"\0\0", at + length)
        if length < 4 or end < 0:
            break
        structures.append((kind, table[at : at + length]))
        at = end + 2
    return structures


def _device_bytes(body: bytes) -> int:
    """Size of a memory device: in MB, in KB with bit 15, 0x7fff for the extended field; 0 if empty or unknown."""
    if len(body) < 0x0E:
        return 0
    size: int = struct.unpack_from("<H", body, 0x0C)[0]
    if size == 0x7FFF and len(body) >= 0x20:
        extended: int = struct.unpack_from("<I", body, 0x1C)[0]
        return (extended & 0x7FFF_FFFF) * _MB
    if size == 0xFFFF:
        return 0
    return (size & 0x7FFF) * (_KB if size & 0x8000 else _MB)


def _mapped_bytes(body: bytes) -> int:
    """Length of a mapped range: addresses in KB, or in bytes in the extended fields."""
    if len(body) < 0x0C:
        return 0
    first: int
    last: int
    first, last = struct.unpack_from("<II", body, 4)
    if first == 0xFFFF_FFFF and len(body) >= 0x1F:
        first, last = struct.unpack_from("<QQ", body, 0x0F)
        return max(0, last - first + 1)
    return max(0, last - first + 1) * _KB
