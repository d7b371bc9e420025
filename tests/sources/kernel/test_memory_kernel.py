"""Opening a kernel: paging mode, debugger data block plain and encoded, exports, PDB name, pool variables by scan."""

import json
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from tiny import Tiny

from dumptriage.sources.dump.container import layout_of, read_header
from dumptriage.sources.dump.image import Image
from dumptriage.sources.kernel.kernel import Kernel, describe, open_kernel

BASE = {"x86": 0x8040_0000, "pae": 0x8040_0000, "x64": 0xFFFF_F800_0280_0000, "la57": 0xFFFF_F800_0280_0000}
SIZE = 0x20000
MODULES, PROCESSES, BLOCK, TRACK, EXPORTED = 0x8100, 0x8200, 0x9040, 0xC000, 0x8300
GUID = bytes.fromhex("789ce24e78560a4b9d0a0123456789ab")
KEY = "4EE29C785678" + "4B0A9D0A0123456789AB"
ALL = list(BASE)
KernelImage = dict[str, int]


def pe(bits: int) -> bytes:
    """Headers of a kernel image: an export directory at 0x1000, a debug directory at 0x2000, one section."""
    head = bytearray(0x1000)
    head[:2] = b"MZ"
    struct.pack_into("<I", head, 0x3C, 0x80)
    head[0x80:0x84] = b"PE\0\0"
    optional = 0xE0 if bits == 32 else 0xF0
    struct.pack_into("<HHIIIHH", head, 0x84, 0x14C if bits == 32 else 0x8664, 1, 0, 0, 0, optional, 0)
    struct.pack_into("<H", head, 0x98, 0x10B if bits == 32 else 0x20B)
    struct.pack_into("<I", head, 0x98 + 56, SIZE)
    directories = 0x98 + (96 if bits == 32 else 112)
    struct.pack_into("<II", head, directories, 0x1000, 0x800)
    struct.pack_into("<II", head, directories + 6 * 8, 0x2000, 28)
    struct.pack_into("<8sII", head, 0x98 + optional, b".data", 0x8000, 0x8000)
    return bytes(head)


def exports(names: dict[str, int]) -> bytes:
    """An export directory for RVA 0x1000."""
    raw = bytearray(0x800)
    ordered = sorted(names)
    struct.pack_into("<5I", raw, 20, len(ordered), len(ordered), 0x1100, 0x1200, 0x1300)
    at = 0x400
    for number, name in enumerate(ordered):
        struct.pack_into("<I", raw, 0x100 + 4 * number, names[name])
        struct.pack_into("<I", raw, 0x200 + 4 * number, 0x1000 + at)
        struct.pack_into("<H", raw, 0x300 + 2 * number, number)
        raw[at : at + len(name)] = name.encode()
        at += len(name) + 1
    return bytes(raw)


def rsds() -> bytes:
    """A debug directory and its CodeView record for RVA 0x2000."""
    return struct.pack("<IIHHIIII", 0, 0, 0, 0, 2, 60, 0x2100, 0).ljust(0x100, b"\0") + (
        b"RSDS" + GUID + struct.pack("<I", 2) + b"C:\\build\\ntkrnlmp.pdb\0"
    )


def block(base: int, bits: int, size: int = 0x340) -> bytes:
    """A debugger data block; addresses of 32-bit systems are sign-extended."""
    high = 0xFFFF_FFFF_0000_0000 if bits == 32 else 0
    raw = bytearray(size)
    raw[0x10:0x14] = b"KDBG"
    struct.pack_into("<I", raw, 0x14, size)
    for offset, value in ((0x18, 0), (0x48, MODULES), (0x50, PROCESSES), (0x1B8, TRACK)):
        struct.pack_into("<Q", raw, offset, base + value | high)
    struct.pack_into("<H", raw, 0x2A8, 0x2C0 if bits == 32 else 0x4D0)
    struct.pack_into("<H", raw, 0x2C0, 0x2B8 if bits == 32 else 0x498)
    return bytes(raw)


def encoded(raw: bytes, never: int, always: int, address: int) -> bytes:
    """The block as kernels from Windows 8 on keep it: the inverse of the decoding in the public notes."""
    out = []
    for (plain,) in struct.iter_unpack("<Q", raw):
        word = int.from_bytes((plain ^ always).to_bytes(8, "little"), "big") ^ address
        turn = never & 63
        out.append(((word >> turn | word << (64 - turn)) & ((1 << 64) - 1)) ^ never)
    return struct.pack(f"<{len(out)}Q", *out)


def machine(mode: str, change: Callable[[Tiny, int], None] | None = None) -> Tiny:
    """A kernel image with headers, lists and a debugger data block."""
    found, base = Tiny(mode), BASE[mode]
    width = found.bits // 8
    found.put(base, pe(found.bits))
    found.put(base + 0x1000, exports({"PsInitialSystemProcess": EXPORTED, "NtBuildNumber": 0x8308, "Fwd": 0x1010}))
    found.put(base + 0x2000, rsds())
    found.number(base + 0x8308, 0xF0001DB1, 4)
    entry = base + 0x8400
    found.number(base + MODULES, entry)
    found.number(base + MODULES + width, entry)
    found.number(entry, base + MODULES)
    found.number(entry + width, base + MODULES)
    found.number(entry + (0x18 if width == 4 else 0x30), base)
    for at in (base + PROCESSES, base + PROCESSES + width):
        found.number(at, base + PROCESSES)
    found.put(base + BLOCK, block(base, found.bits))
    if change:
        change(found, base)
    return found


def opened(found: Tiny, symbols: tuple[str, ...] = (), **fields: int) -> Kernel | None:
    base = BASE[found.mode]
    fields = {"modules": base + MODULES, "processes": base + PROCESSES, "block": base + BLOCK} | fields
    data = found.dump("bitmap", **fields)
    layout = layout_of(data[:8])
    assert layout
    return open_kernel(data, read_header(Image(data), layout), symbols)


def kernel(found: Tiny, symbols: tuple[str, ...] = (), **fields: int) -> Kernel:
    result = opened(found, symbols, **fields)
    assert result is not None
    return result


@pytest.mark.parametrize("mode", ALL)
def test_a_kernel_opens_in_every_paging_mode(mode: str) -> None:
    found, base = kernel(machine(mode)), BASE[mode]
    assert found.memory.paging.name == {"x86": "32-bit", "pae": "PAE", "x64": "4-level", "la57": "5-level"}[mode]
    assert (found.bits, found.build, found.base) == (32 if mode in ("x86", "pae") else 64, 7601, base)
    assert found.symbol("PsActiveProcessHead") == base + PROCESSES
    assert found.symbol("PoolTrackTable") == base + TRACK
    assert found.symbol("PsInitialSystemProcess") == base + EXPORTED
    assert found.symbol("NoSuchThing") is None
    assert found.symbol("Fwd") is None
    assert found.layout.size("_EPROCESS") == (0x4D0 if found.bits == 64 else 0x2C0)
    assert "with KDBG" in found.route
    assert "MiState" not in found.missing


@pytest.mark.parametrize("mode", ["x86", "pae"])
@pytest.mark.parametrize("pae", [0, 1, 0x50])
def test_a_wrong_pae_flag_is_seen_through(mode: str, pae: int) -> None:
    data = bytearray(machine(mode).dump("bitmap", modules=BASE[mode] + MODULES, processes=BASE[mode] + PROCESSES))
    data[0x5C] = pae
    layout = layout_of(bytes(data[:8]))
    assert layout
    found = open_kernel(bytes(data), read_header(Image(bytes(data)), layout))
    assert found is not None
    assert found.memory.paging.entry_size == (4 if mode == "x86" else 8)


@pytest.mark.parametrize("mode", ALL)
def test_without_its_address_the_debugger_data_block_is_searched_for(mode: str) -> None:
    found = kernel(machine(mode), block=0)
    assert found.debugger_data is not None
    assert (found.debugger_data.address, found.debugger_data.decoded) == (BASE[mode] + BLOCK, False)


@pytest.mark.parametrize("address", [0, BASE["x64"] + BLOCK])
@pytest.mark.parametrize("never", [0x1122334455667788, 0xFEDCBA9876543240, 0x3F])
def test_an_encoded_debugger_data_block_is_decoded(address: int, never: int) -> None:
    def encode(found: Tiny, base: int) -> None:
        raw = encoded(block(base, 64), never, 0xA5A5_1234_5678_9ABC, base + 0x8800)
        found.put(base + BLOCK, raw)

    found = kernel(machine("x64", encode), block=address)
    assert found.debugger_data is not None
    assert found.debugger_data.decoded
    assert found.debugger_data.address == BASE["x64"] + BLOCK
    assert found.symbol("PoolTrackTable") == BASE["x64"] + TRACK
    assert "decoded KDBG" in found.route


@pytest.mark.parametrize("mode", ALL)
def test_without_a_debugger_data_block_the_header_still_names_the_lists(mode: str) -> None:
    found = kernel(machine(mode, lambda machine, base: machine.put(base + BLOCK, bytes(0x340))))
    assert found.debugger_data is None
    assert found.symbol("PsLoadedModuleList") == BASE[mode] + MODULES
    assert found.base == BASE[mode]
    assert "no KDBG" in found.route
    assert "PoolTrackTable" in found.missing


def test_a_hostile_debugger_data_block_gives_only_values_that_can_be_true() -> None:
    def break_it(found: Tiny, base: int) -> None:
        raw = bytearray(block(base, 64))
        struct.pack_into("<I", raw, 0x14, 0xFFFF_FFFF)
        struct.pack_into("<Q", raw, 0x50, 0x1234)
        struct.pack_into("<H", raw, 0x2A8, 3)
        found.put(base + BLOCK, bytes(raw))

    found = kernel(machine("x64", break_it))
    assert found.symbol("PsActiveProcessHead") == BASE["x64"] + PROCESSES
    assert found.layout.size("_ETHREAD") == 0x498


def test_counters_that_share_a_place_or_lie_where_no_variable_can_are_not_read() -> None:
    places = {0x1A8: 0x8308, 0x1B0: 0x8308, 0x148: 0x830A, 0x150: 1 << 30, 0x258: 0x8310, 0x208: 0x8312}

    def break_it(found: Tiny, base: int) -> None:
        raw = bytearray(block(base, 64))
        for offset, place in places.items():
            struct.pack_into("<Q", raw, offset, base + place)
        found.put(base + BLOCK, bytes(raw))

    found = kernel(machine("x64", break_it))
    names = ("MmAvailablePages", "MmResidentAvailablePages", "MmTotalCommitLimit", "MmTotalCommittedPages")
    assert [found.symbol(name) for name in names] == [None] * 4
    assert found.symbol("MmPeakCommitment") == BASE["x64"] + 0x8310
    assert found.symbol("NtBuildLab") == BASE["x64"] + 0x8312, "text may stand anywhere"


@pytest.mark.parametrize("mode", ALL)
@pytest.mark.parametrize("broken", ["modules", "processes"])
def test_one_broken_pointer_of_the_header_does_no_harm(mode: str, broken: str) -> None:
    found = kernel(machine(mode), (), **{broken: BASE[mode] + 0x8600})
    assert found.symbol("PsLoadedModuleList") == BASE[mode] + MODULES
    assert found.symbol("PsActiveProcessHead") == BASE[mode] + PROCESSES
    assert found.base == BASE[mode]
    assert found.pdb is not None


def test_page_tables_that_lead_nowhere_are_a_clear_no() -> None:
    found = Tiny("x64")
    data = found.dump("bitmap", modules=BASE["x64"] + MODULES)
    layout = layout_of(data[:8])
    assert layout
    problems: list[str] = []
    assert open_kernel(data, read_header(Image(data), layout), problems=problems) is None
    assert problems == ["the page tables the header points to do not lead to the kernel: no address can be translated"]


def test_a_process_has_its_own_address_space() -> None:
    def add(found: Tiny, base: int) -> None:
        other = found.page()
        found.pages[other][:] = found.pages[found.root]
        found.number(base + 0xA000 + 0x28, other << 12 | 2)
        found.number(base + 0xB000 + 0x28, found.page() << 12)
        found.number(base + 0xD000 + 0x28, 0xFFFF_F000)

    found, base = kernel(machine("x64", add)), BASE["x64"]
    user = found.user_directory(base + 0xA000)
    assert user is not None
    assert user.root != found.memory.root
    assert user.read(base, 2) == b"MZ"
    assert found.user_directory(base + 0xB000) is None
    assert found.user_directory(base + 0xD000) is None
    assert found.user_directory(0x1234) is None


def test_exact_symbols_are_found_by_the_pdbs_name() -> None:
    found = kernel(machine("x64"))
    assert found.pdb is not None
    assert (found.pdb.name, found.pdb.key) == ("ntkrnlmp.pdb", f"{KEY}-2")
    lines = describe(found)
    assert any(f"{KEY}-2.json.xz" in line for line in lines)
    assert any(f"ntkrnlmp.pdb/{KEY}2/ntkrnlmp.pdb" in line for line in lines)
    assert [line.partition(" in ")[0] for line in lines if line.startswith("looked")] == [
        "looked for: symbol table",
        "looked for: PDB",
    ]


@pytest.mark.parametrize("shift", [0, 0x10])
def test_exact_symbols_are_used_only_where_they_fit(tmp_path: Path, shift: int) -> None:
    table = {
        "symbols": {"PsLoadedModuleList": {"address": MODULES + shift}, "MiState": {"address": 0x8800}},
        "user_types": {"_EPROCESS": {"size": 0x4E8, "fields": {}}},
        "base_types": {},
        "enums": {},
    }
    (tmp_path / f"{KEY}-2.json").write_text(json.dumps(table))
    found = kernel(machine("x64"), (str(tmp_path),))
    if shift:
        assert found.route.startswith("embedded layout")
        assert found.symbol("MiState") is None
        assert (len(found.symbol_problems), found.problems) == (1, [])
    else:
        assert found.route == "exact symbols"
        assert found.symbol("MiState") == BASE["x64"] + 0x8800
        assert found.layout.size("_EPROCESS") == 0x4E8
        assert found.layout.size("_ETHREAD") == 0x498


def slot(tag: bytes, mask: int) -> int:
    product = int.from_bytes(tag, "little") * 40543
    return (product ^ product >> 32) & mask


TAGS = [f"T{number:03d}".encode() for number in range(180)] + [b"Thre", b"Proc", b"Even", b"Fil\xe5"]


def trackers(found: Tiny, at: int, skip: int, mask: int, entry: int) -> None:
    """A hashed table of 7601's form: tag, allocs and frees. A tag has the same slot in the tables of all processors."""
    slots: dict[int, bytes] = {}
    for tag in TAGS:
        place = slot(tag, mask)
        while place in slots:
            place = (place + 1) & mask
        slots[place] = tag
    raw = bytearray((mask + 2) * entry)
    for place, tag in slots.items():
        if tag not in TAGS[:skip]:
            struct.pack_into("<4sII", raw, place * entry, tag, 9, 4)
    found.put(at, bytes(raw))


@pytest.mark.parametrize("mode", ["x86", "pae", "x64"])
@pytest.mark.parametrize("mask", [511, 2047])
@pytest.mark.parametrize("distance", [8, -0x4080, 0x4040])
def test_pool_variables_are_found_around_the_tracker_table(mode: str, mask: int, distance: int) -> None:
    width, entry, big = (4, 0x1C, 0x10) if mode != "x64" else (8, 0x28, 0x18)
    base = BASE[mode]
    pool = base + 0x10_0000
    tables = [pool, pool + 0x4_0000, pool + 0x8_0000]
    expansion, pages = pool + 0xC_0000, pool + 0xE_0000
    near = base + TRACK + distance

    def add(found: Tiny, _: int) -> None:
        for number, table in enumerate(tables):
            trackers(found, table, 10 * number, mask, entry)
        found.put(
            expansion, b"".join((tag + struct.pack("<II", 7, 2)).ljust(entry, b"\0") for tag in (b"ExpA", b"ExpB"))
        )
        found.put(expansion + 0xFFF, b"\0")
        free = (1).to_bytes(width, "little").ljust(big, b"\0")
        rows = [free] * 256
        for number in range(0, 256, 3):
            va = pool + number * 0x3000
            if width == 4:
                rows[number] = struct.pack("<I4sII", va, b"BigP", 0, 0x3000)
            else:
                rows[number] = struct.pack("<Q4sIQ", va, b"BigP", 0, 0x3000)
        found.put(pages, b"".join(rows))
        found.number(base + TRACK, tables[0])
        # Decoys: a list head that points to itself, pointers to the image, small numbers and a larger power of two.
        decoys = [near - 8 * width, near - 8 * width, base, base + 0x1000, 3, 64, 1 << 16]
        values = [mask + 2, mask, expansion, 4096 // entry, pages, 256, *tables, 0, *decoys]
        for number, value in enumerate(values):
            found.number(near + number * width, value)

    found = kernel(machine(mode, add), processors=3)
    names = (
        "PoolTrackTableSize",
        "PoolTrackTableMask",
        "PoolTrackTableExpansion",
        "PoolTrackTableExpansionSize",
        "PoolBigPageTable",
        "PoolBigPageTableSize",
        "ExPoolTagTables",
    )
    assert [found.symbol(name) for name in names] == [near + number * width for number in range(len(names))]
    assert found.missing == ["ObpTypeObjectType", "PsProcessType", "PsThreadType"]


def test_without_pool_tables_nothing_is_invented() -> None:
    def add(found: Tiny, base: int) -> None:
        found.number(base + TRACK, base + 0x8400)
        found.put(base + TRACK + 8, struct.pack("<6Q", 2049, 2047, 4096, 0xFFFF_8000_0000_0000, base, base + 0x1000))

    found = kernel(machine("x64", add))
    assert found.symbol("ExPoolTagTables") is None
    assert found.symbol("PoolBigPageTable") is None
    assert found.symbol("PoolTrackTableExpansion") is None
    assert {"PoolBigPageTable", "PoolTrackTableExpansion"} <= set(found.missing)
