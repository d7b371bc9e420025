"""Tiny forged machines for the tests of memory: page tables and dump files written by hand, from the Intel manual."""

import struct
from collections.abc import Mapping

VALID, WRITE, LARGE = 1, 2, 0x80
TRANSITION, PROTOTYPE = 0x800, 0x400
SHIFTS = {"x86": (22, 12), "pae": (30, 21, 12), "x64": (39, 30, 21, 12), "la57": (48, 39, 30, 21, 12)}


class Tiny:
    """A machine of a few pages: `pages` by page frame number, page tables from frame 1 on."""

    def __init__(self, mode: str) -> None:
        self.mode = mode
        self.bits = 32 if mode in ("x86", "pae") else 64
        self.width = 4 if mode == "x86" else 8
        self.pages: dict[int, bytearray] = {}
        self.root = self.page()
        self.mapped: dict[int, int] = {}

    def page(self, pfn: int | None = None) -> int:
        """A new page, by default in the next free frame."""
        pfn = max(self.pages, default=0) + 1 if pfn is None else pfn
        self.pages[pfn] = bytearray(4096)
        return pfn

    def index(self, va: int, level: int) -> int:
        """Index of an address in the table of a level, counted from the root."""
        shifts = SHIFTS[self.mode]
        above = shifts[level - 1] if level else {"x86": 32, "pae": 32, "x64": 48, "la57": 57}[self.mode]
        return va >> shifts[level] & ((1 << (above - shifts[level])) - 1)

    def set(self, table: int, index: int, value: int) -> None:
        """Write an entry of a table."""
        struct.pack_into("<Q" if self.width == 8 else "<I", self.pages[table], index * self.width, value)

    def get(self, table: int, index: int) -> int:
        """Read an entry of a table."""
        value: int = struct.unpack_from("<Q" if self.width == 8 else "<I", self.pages[table], index * self.width)[0]
        return value

    def table(self, va: int, level: int) -> int:
        """Frame of the table of a level that covers an address; made where it is not there yet."""
        found = self.root
        for above in range(level):
            entry = self.get(found, self.index(va, above))
            if not entry:
                entry = self.page() << 12 | VALID | (0 if self.mode == "pae" and above == 0 else WRITE)
                self.set(found, self.index(va, above), entry)
            found = entry >> 12
        return found

    def map(self, va: int, entry: int, level: int = -1) -> None:
        """Write the entry that maps an address: in the lowest table, or in a higher one for a large page."""
        level %= len(SHIFTS[self.mode])
        self.set(self.table(va, level), self.index(va, level), entry)

    def put(self, va: int, data: bytes) -> None:
        """Write bytes at an address; pages are made and mapped as needed."""
        for at in range(va & ~0xFFF, va + len(data), 4096):
            if at not in self.mapped:
                self.mapped[at] = self.page()
                self.map(at, self.mapped[at] << 12 | VALID | WRITE)
        for number, byte in enumerate(data):
            self.pages[self.mapped[(va + number) & ~0xFFF]][(va + number) & 0xFFF] = byte

    def number(self, va: int, value: int, width: int | None = None) -> None:
        """Write a number, by default as wide as a pointer."""
        self.put(va, value.to_bytes(width or self.bits // 8, "little"))

    def dump(self, kind: str = "runs", **fields: int) -> bytes:
        """A dump file: `runs`, `bitmap` or `summary`."""
        return dump(self.pages, self.bits, kind, root=self.root << 12, pae=int(self.mode == "pae"), **fields)


def dump(
    pages: Mapping[int, bytes | bytearray], bits: int, kind: str, *, root: int = 0, pae: int = 0, **fields: int
) -> bytes:
    """A dump of these pages. `fields`: build, modules, processes, block, processors, and what to write instead."""
    order = sorted(pages)
    header = bytearray(b"PAGE" * (0x400 if bits == 32 else 0x800))
    header[4:8] = b"DUMP" if bits == 32 else b"DU64"
    kinds = {"runs": 1, "summary": 2, "bitmap": 5}
    build, machine = fields.get("build", 7601), 0x14C if bits == 32 else 0x8664
    lists = [root, 0, fields.get("modules", 0), fields.get("processes", 0)]
    if bits == 32:
        struct.pack_into("<II4I", header, 8, 15, build, *lists)
        struct.pack_into("<II", header, 0x20, machine, fields.get("processors", 1))
        struct.pack_into("<BxxxI", header, 0x5C, pae, fields.get("block", 0x45474150))
        struct.pack_into("<I", header, 0xF88, fields.get("type", kinds[kind]))
    else:
        struct.pack_into("<II4Q", header, 8, 15, build, *lists)
        struct.pack_into("<II", header, 0x30, machine, fields.get("processors", 1))
        struct.pack_into("<Q", header, 0x80, fields.get("block", 0x4547415045474150))
        struct.pack_into("<I", header, 0xF98, fields.get("type", kinds[kind]))
    runs: list[list[int]] = []
    for pfn in order:
        if runs and runs[-1][0] + runs[-1][1] == pfn:
            runs[-1][1] += 1
        else:
            runs.append([pfn, 1])
    word = "I" if bits == 32 else "Q"
    flat = [number for run in runs for number in run]
    at = 0x64 if bits == 32 else 0x88
    struct.pack_into(f"<I{word}{len(flat)}{word}".replace("IQ", "I4xQ", 1), header, at, len(runs), len(order), *flat)
    body = b"".join(bytes(pages[pfn]) for pfn in order)
    if kind == "runs":
        return bytes(header) + body
    span = fields.get("span", (order[-1] + 64) // 64 * 64)
    bitmap = bytearray((span + 7) // 8)
    for pfn in order:
        bitmap[pfn // 8] |= 1 << pfn % 8
    count = fields.get("present", len(order))
    start = 0x38 if kind == "bitmap" else 0x20 if bits == 32 else 0x28
    first = (len(header) + start + len(bitmap) + 4095) // 4096 * 4096
    sub = bytearray(b"SDMPDUMP") + bytearray(start - 8)
    if kind == "bitmap":
        struct.pack_into("<QQQ", sub, 0x20, first, count, span)
    else:
        struct.pack_into("<IIII", sub, 0x0C, first, span, count, span)
    return bytes(header) + bytes(sub + bitmap).ljust(first - len(header), b"\0") + body
