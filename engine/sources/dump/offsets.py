"""Offsets within EPROCESS and ETHREAD by build, from public symbols.

Sources: x64 from Microsoft's public PDBs as published by volatility (vtypes) and JPCERT/CC's Windows-Symbol-Tables, the
newest from ntdiff; x86 from volatility's vtypes. A row holds from its build up to the next one. The rows of 9600, 19041
and 26100 were checked on real dumps.
"""

from typing import NamedTuple


class ProcessOffsets(NamedTuple):
    """EPROCESS: UniqueProcessId, InheritedFromUniqueProcessId, ImageFileName."""

    pid: int
    parent: int
    image: int


class ThreadOffsets(NamedTuple):
    """ETHREAD: Cid and, counted from it, StartAddress and Win32StartAddress, and KTHREAD.Process.

    `process` is None where KTHREAD has no such field yet.
    """

    cid: int
    start: int
    win32_start: int
    process: int | None


_PROCESS_X64 = {
    3790: ProcessOffsets(0xD8, 0x218, 0x268),
    6000: ProcessOffsets(0xE0, 0x1F0, 0x238),
    7600: ProcessOffsets(0x180, 0x290, 0x2E0),
    9200: ProcessOffsets(0x2E0, 0x3D0, 0x438),
    10240: ProcessOffsets(0x2E8, 0x3E0, 0x448),
    10586: ProcessOffsets(0x2E8, 0x3E0, 0x450),
    15063: ProcessOffsets(0x2E0, 0x3E0, 0x450),
    18362: ProcessOffsets(0x2E8, 0x3E8, 0x450),
    19041: ProcessOffsets(0x440, 0x540, 0x5A8),
    26100: ProcessOffsets(0x1D0, 0x2D0, 0x338),
}
_PROCESS_X86 = {
    2195: ProcessOffsets(0x9C, 0x1C8, 0x1FC),
    2600: ProcessOffsets(0x84, 0x14C, 0x174),
    3790: ProcessOffsets(0x94, 0x138, 0x164),
    6000: ProcessOffsets(0x9C, 0x124, 0x14C),
    7600: ProcessOffsets(0xB4, 0x140, 0x16C),
    9200: ProcessOffsets(0xB4, 0x134, 0x170),
    10240: ProcessOffsets(0xB4, 0x138, 0x170),
    10586: ProcessOffsets(0xB4, 0x138, 0x174),
    15063: ProcessOffsets(0xB4, 0x140, 0x17C),
    19041: ProcessOffsets(0xE4, 0x170, 0x1AC),
}
_THREAD_X64 = {
    3790: ThreadOffsets(0x358, 0x68, 0x70, 0x1E8),
    6000: ThreadOffsets(0x380, -0x28, 0x60, 0x1F8),
    7600: ThreadOffsets(0x3B0, -0x28, 0x60, 0x210),
    9200: ThreadOffsets(0x398, -0x28, 0x58, 0x220),
    9600: ThreadOffsets(0x620, -0x28, 0x58, 0x220),
    10240: ThreadOffsets(0x628, -0x28, 0x58, 0x220),
    14393: ThreadOffsets(0x630, -0x28, 0x58, 0x220),
    15063: ThreadOffsets(0x638, -0x28, 0x58, 0x220),
    18362: ThreadOffsets(0x648, -0x28, 0x58, 0x220),
    19041: ThreadOffsets(0x478, -0x28, 0x58, 0x220),
    20348: ThreadOffsets(0x4C8, -0x28, 0x58, 0x220),
    26100: ThreadOffsets(0x508, -0x28, 0x58, 0x220),
}
_THREAD_X86 = {
    2195: ThreadOffsets(0x1E0, 0x50, 0x54, None),
    2600: ThreadOffsets(0x1EC, 0x38, 0x3C, None),
    3790: ThreadOffsets(0x1E4, 0x38, 0x3C, 0x128),
    6000: ThreadOffsets(0x20C, -0x14, 0x34, 0x144),
    7600: ThreadOffsets(0x22C, -0x14, 0x34, 0x150),
    9200: ThreadOffsets(0x214, -0x14, 0x30, 0x150),
    9600: ThreadOffsets(0x364, -0x14, 0x30, 0x150),
    10240: ThreadOffsets(0x374, -0x14, 0x30, 0x150),
    15063: ThreadOffsets(0x37C, -0x14, 0x30, 0x150),
    18362: ThreadOffsets(0x384, -0x14, 0x30, 0x150),
    19041: ThreadOffsets(0x2AC, -0x14, 0x30, 0x150),
}


def process_offsets(build: int, bits: int) -> ProcessOffsets | None:
    """The row for a build, or None for one older than the table."""
    rows = _PROCESS_X64 if bits == 64 else _PROCESS_X86
    return next((rows[first] for first in sorted(rows, reverse=True) if first <= build), None)


def thread_offsets(build: int, bits: int) -> ThreadOffsets | None:
    """The row for a build, or None for one older than the table."""
    rows = _THREAD_X64 if bits == 64 else _THREAD_X86
    return next((rows[first] for first in sorted(rows, reverse=True) if first <= build), None)
