"""PDBs forged for tests, by LLVM's description of the format: streams in blocks, one structure, one public symbol."""

import struct

from dumptriage.sources.kernel.isf import Pdb

MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
PDB = Pdb("ntkrnlmp.pdb", "4EE29C7856784B0A9D0A0123456789AB", 2)
MODULES = 0x8100
"""Address of PsLoadedModuleList in the forged PDB."""


def msf(streams: list[bytes], block: int = 512) -> bytes:
    """A multi-stream file: superblock, two free block maps, the streams, the directory, its block list."""
    blocks = [b"", b"", b""]

    def put(raw: bytes) -> list[int]:
        first = len(blocks)
        blocks.extend(raw[at : at + block] for at in range(0, len(raw), block))
        return list(range(first, len(blocks)))

    numbers = [number for raw in streams for number in put(raw)]
    directory = struct.pack(f"<{1 + len(streams)}I", len(streams), *map(len, streams))
    directory += struct.pack(f"<{len(numbers)}I", *numbers)
    (block_map,) = put(struct.pack("<64I", *(put(directory) + [0] * 64)[:64]))
    blocks[0] = MAGIC + struct.pack("<6I", block, 1, len(blocks), len(directory), 0, block_map)
    return b"".join(raw.ljust(block, b"\0") for raw in blocks)


def guid_bytes(pdb: Pdb) -> bytes:
    raw = bytes.fromhex(pdb.guid)
    return raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:]


def record(leaf: int, raw: bytes) -> bytes:
    """A type or symbol record: its length, then its kind."""
    return struct.pack("<HH", len(raw) + 2, leaf) + raw


def types() -> bytes:
    """The TPI stream: struct _EPROCESS { unsigned long long Pid; unsigned int Flags; }, 0x18 bytes."""
    members = b""
    for name, kind, offset in ((b"Pid\0", 0x77, 0), (b"Flags\0", 0x75, 0x10)):
        raw = struct.pack("<HHIH", 0x150D, 3, kind, offset) + name
        pad = -len(raw) % 4
        members += raw + bytes(0xF0 | left for left in range(pad, 0, -1))
    shape = struct.pack("<HHIIIH", 2, 0, 0x1000, 0, 0, 0x18) + b"_EPROCESS\0"
    records = record(0x1203, members) + record(0x1505, shape.ljust(len(shape) + -len(shape) % 4, b"\xf1"))
    return struct.pack("<5I", 20040203, 56, 0x1000, 0x1002, len(records)).ljust(56, b"\0") + records


def forge(pdb: Pdb = PDB, info_age: int | None = None) -> bytes:
    """A whole PDB."""
    info = struct.pack("<III", 20000404, 0x5A5A5A5A, pdb.age if info_age is None else info_age) + guid_bytes(pdb)
    sections = b"".join(
        struct.pack("<8sII24x", name, 0x1000, address) for name, address in ((b".data", 0x8000), (b".text", 0x9000))
    )
    public = struct.pack("<IIH", 0, MODULES - 0x8000, 1) + b"PsLoadedModuleList\0"
    symbols = record(0x110E, public.ljust(len(public) + -(len(public) + 4) % 4, b"\0"))
    header = struct.pack("<iII6H", -1, 19990903, pdb.age, 0xFFFF, 0, 0xFFFF, 0, 6, 0)
    header += struct.pack("<8IHHI", 0, 0, 0, 0, 0, 0, 22, 0, 0, 0x8664, 0)
    debug = struct.pack("<11H", *[0xFFFF] * 5, 5, *[0xFFFF] * 5)
    return msf([b"", info, types(), header + debug, b"", sections, symbols])
