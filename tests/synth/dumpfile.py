"""Dump files: the header and the page containers of types 1, 2, 5 and 6."""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from .memory import PAGE
from .paging import Physical

FULL, KERNEL, BITMAP_FULL, BITMAP_KERNEL = 1, 2, 5, 6


@dataclass(frozen=True, slots=True)
class HeaderValues:
    """What the header says about the machine. `runs` are (first frame, frames)."""

    bits: int
    build: int
    directory: int
    pfn_database: int
    modules: int
    processes: int
    debugger_data: int
    processors: int
    pae: bool
    bugcheck: tuple[int, int, int, int, int]
    uptime: int
    time: int
    product_type: int
    runs: tuple[tuple[int, int], ...]
    stack_pointer: int = 0
    """Rsp or Esp of the saved context; 0 for none."""


def header(values: HeaderValues, kind: int, file_size: int) -> bytes:
    """The header page or pages; fields the writer leaves alone hold the text PAGE."""
    wide = values.bits == 64
    page = bytearray(b"PAGE" * (0x800 if wide else 0x400))

    def put(offset: int, form: str, *numbers: int) -> None:
        struct.pack_into("<" + form, page, offset, *numbers)

    page[4:8] = b"DU64" if wide else b"DUMP"
    put(8, "II", 15, values.build)
    pages = sum(count for _, count in values.runs)
    runs = [number for run in values.runs for number in run]
    if wide:
        put(0x10, "4Q", values.directory, values.pfn_database, values.modules, values.processes)
        put(0x30, "IIII4Q", 0x8664, values.processors, values.bugcheck[0], 0, *values.bugcheck[1:])
        put(0x80, "Q", values.debugger_data)
        put(0x88, "IIQ", len(values.runs), 0, pages)
        put(0x98, f"{len(runs)}Q", *runs)
        put(0xF98, "IIQQ", kind, 0, file_size, values.time)
        put(0x1030, "Q", values.uptime)
        put(0x1040, "I", values.product_type)
    else:
        mask = 0xFFFFFFFF
        addresses = (values.directory, values.pfn_database, values.modules, values.processes)
        put(0x10, "4I", *(address & mask for address in addresses))
        put(0x20, "II5I", 0x14C, values.processors, *values.bugcheck)
        put(0x5C, "B", values.pae)
        put(0x60, "I", values.debugger_data & mask)
        put(0x64, "II", len(values.runs), pages)
        put(0x6C, f"{len(runs)}I", *runs)
        put(0xF88, "I", kind)
        put(0xF94, "I", values.product_type)
        put(0xFA0, "Q", file_size)
        put(0xFB8, "QQ", values.uptime, values.time)
    if values.stack_pointer:
        put(0x348 + 0x98 if wide else 0x320 + 0xC4, "Q" if wide else "I", values.stack_pointer)
    return bytes(page)


def write(path: Path, values: HeaderValues, physical: Physical, kind: int) -> None:
    """Write a dump: types 1 and 5 hold all of RAM, 2 and 6 the resident pages of the kernel."""
    with path.open("wb") as file:
        if kind == FULL:
            _write_runs(file, values, physical)
        else:
            _write_bitmap(file, values, physical, kind)


def _write_runs(file: BinaryIO, values: HeaderValues, physical: Physical) -> None:
    start = 0x2000 if values.bits == 64 else 0x1000
    size = start + sum(count for _, count in values.runs) * PAGE
    file.write(header(values, FULL, size))
    for first, count in values.runs:
        low, high = np.searchsorted(physical.frames, [first, first + count])
        for span in _spans(physical.frames[low:high]):
            frames = physical.frames[low + span.start : low + span.stop]
            file.seek(start + int(frames[0] - first) * PAGE)
            file.write(physical.pages[low + span.start : low + span.stop].data)
        start += count * PAGE
    file.truncate(size)


def _write_bitmap(file: BinaryIO, values: HeaderValues, physical: Physical, kind: int) -> None:
    if kind == BITMAP_FULL:
        present = np.concatenate([np.arange(first, first + count) for first, count in values.runs])
    else:
        present = physical.frames[~physical.left_out]
    # kdmp-parser counts whole bytes of the bitmap, volatility3 words of 32 bits.
    bits = -(-max(first + count for first, count in values.runs) // 32) * 32
    flags = np.zeros(bits, np.uint8)
    flags[present] = 1
    bitmap = np.packbits(flags, bitorder="little").tobytes()
    wide = values.bits == 64
    base = 0x2000 if wide else 0x1000
    first_page = -(-(base + 0x38 + len(bitmap)) // PAGE) * PAGE
    sub = bytearray((b"FDMP" if kind == BITMAP_FULL else b"SDMP") + b"DUMP")
    if wide and (kind != KERNEL or values.build >= 9200):
        sub += bytes(0x18) + struct.pack("<QQQ", first_page, present.size, bits)
    else:
        # The summary form of 2000 to 7: options, size of header and bitmap, bits, pages, RTL_BITMAP, bitmap.
        sub += struct.pack("<IIII", 0, first_page, bits, present.size)
        sub += struct.pack("<QQ" if wide else "<II", bits, 0x80000000)
    size = first_page + present.size * PAGE
    file.write(header(values, kind, size))
    file.write(sub + bitmap)
    slots = np.searchsorted(present, physical.frames)
    inside = slots < present.size
    inside[inside] = present[slots[inside]] == physical.frames[inside]
    for span in _spans(slots[inside]):
        rows = np.flatnonzero(inside)[span]
        file.seek(first_page + int(slots[rows[0]]) * PAGE)
        consecutive = rows[-1] - rows[0] == rows.size - 1
        block = physical.pages[rows[0] : rows[-1] + 1] if consecutive else physical.pages[rows]
        file.write(block.data)
    file.truncate(size)


def _spans(numbers: NDArray[np.int64]) -> list[slice]:
    """Slices of consecutive numbers."""
    if not numbers.size:
        return []
    cuts = np.flatnonzero(np.diff(numbers) != 1) + 1
    return [slice(a, b) for a, b in zip([0, *cuts.tolist()], [*cuts.tolist(), numbers.size], strict=True)]
