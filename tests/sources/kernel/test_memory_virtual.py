"""Address translation: all paging modes, large pages, pages in transition, and hostile tables."""

import time

import numpy as np
import pytest
from tiny import LARGE, PROTOTYPE, SHIFTS, TRANSITION, VALID, WRITE, Tiny

from dumptriage.sources.dump.container import layout_of, read_header
from dumptriage.sources.dump.image import Image
from dumptriage.sources.kernel.paging import LA57, PAE, X64, X86
from dumptriage.sources.kernel.physical import open_physical
from dumptriage.sources.kernel.virtual import VirtualMemory

MODES = {"x86": X86, "pae": PAE, "x64": X64, "la57": LA57}
BASE = {"x86": 0x8054_3000, "pae": 0x8054_3000, "x64": 0xFFFF_F800_0123_4000, "la57": 0xFF12_3400_0123_4000}
ALL = list(MODES)


def space(machine: Tiny, kind: str = "bitmap") -> VirtualMemory:
    data = machine.dump(kind)
    layout = layout_of(data[:8])
    assert layout
    physical, flaw = open_physical(data, read_header(Image(data), layout))
    assert physical is not None, flaw
    return VirtualMemory(physical, MODES[machine.mode], machine.root << 12)


def numbers(*values: int) -> np.ndarray:
    return np.array(values, np.uint64)


@pytest.mark.parametrize("mode", ALL)
def test_numbers_and_bytes_across_pages(mode: str) -> None:
    machine, base = Tiny(mode), BASE[mode]
    machine.put(base + 0xFF8, bytes(range(32)))
    memory = space(machine)
    assert memory.bits == machine.bits
    assert memory.read(base + 0xFF8, 32) == bytes(range(32))
    assert memory.u8(base + 0xFF9) == 1
    assert memory.u16(base + 0xFFF) == 0x0807
    assert memory.u32(base + 0xFFE) == 0x09080706
    assert memory.u64(base + 0xFFC) == 0x0B0A090807060504
    assert memory.pointer(base + 0xFF8) == (0x03020100 if machine.bits == 32 else 0x0706050403020100)


@pytest.mark.parametrize("mode", ALL)
def test_what_is_not_mapped_is_none_and_never_zero(mode: str) -> None:
    machine, base = Tiny(mode), BASE[mode]
    machine.put(base, b"x" * 4096)
    memory = space(machine)
    assert memory.read(base + 4090, 10) is None
    assert memory.u64(base + 0x10_0000) is None
    assert memory.u8(0) is None
    assert memory.read((1 << memory.bits) - 4, 8) is None
    assert memory.read(base, -1) is None
    assert memory.read(base, 1 << 40) is None


@pytest.mark.parametrize("mode", ALL)
def test_an_entry_in_transition_is_read_and_other_invalid_ones_are_not(mode: str) -> None:
    machine, base = Tiny(mode), BASE[mode]
    pfn = machine.page()
    machine.pages[pfn][:] = b"t" * 4096
    for number, state in enumerate((TRANSITION, TRANSITION | PROTOTYPE, PROTOTYPE, 0, 0x80)):
        machine.map(base + number * 4096, pfn << 12 | state)
    memory = space(machine)
    found = memory.offsets(numbers(*(base + number * 4096 for number in range(5))))
    assert (found >= 0).tolist() == [True, False, False, False, False]
    assert memory.read(base, 4) == b"tttt"


@pytest.mark.parametrize("mode", ALL)
def test_a_page_table_in_transition_is_followed(mode: str) -> None:
    machine, base = Tiny(mode), BASE[mode]
    machine.put(base, b"below")
    level = len(SHIFTS[mode]) - 2
    table = machine.table(base, level)
    entry = machine.get(table, machine.index(base, level))
    machine.set(table, machine.index(base, level), entry & ~0xFFF | TRANSITION)
    assert space(machine).read(base, 5) == b"below"


def test_address_bits_no_memory_has_are_dropped_from_transition_entries() -> None:
    machine, base = Tiny("x64"), BASE["x64"]
    pfn = machine.page()
    machine.pages[pfn][:4] = b"l1tf"
    machine.map(base, pfn << 12 | TRANSITION | 1 << 45)
    assert space(machine).read(base, 4) == b"l1tf"


@pytest.mark.parametrize(
    ("mode", "level", "size"),
    [("x86", 0, 1 << 22), ("pae", 1, 1 << 21), ("x64", 2, 1 << 21), ("x64", 1, 1 << 30), ("la57", 2, 1 << 30)],
)
def test_large_pages(mode: str, level: int, size: int) -> None:
    machine = Tiny(mode)
    base = BASE[mode] & ~(size - 1)
    frame = size >> 12
    # Bit 12 of a large page's entry is PAT, no address bit.
    machine.map(base, frame << 12 | VALID | WRITE | LARGE | 0x1000, level)
    for number in (0, 1, 5):
        machine.pages[machine.page(frame + number)][:4] = bytes([number]) * 4
    memory = space(machine)
    assert memory.read(base + 0x1000, 4) == b"\1\1\1\1"
    assert memory.read(base + 0x5000, 4) == b"\5\5\5\5"
    assert memory.read(base + 0x2000, 4) is None
    vas, offsets = memory.resident(base, base + size)
    assert vas.tolist() == [base, base + 0x1000, base + 0x5000]
    assert offsets.tolist() == memory.offsets(vas).tolist()


def test_a_4_mb_page_above_4_gb() -> None:
    machine, base = Tiny("x86"), 0x8040_0000
    frame = (3 << 32) >> 12
    machine.pages[machine.page(frame + 1)][:3] = b"pse"
    machine.map(base, 3 << 13 | VALID | LARGE, 0)
    assert space(machine).read(base + 0x1000, 3) == b"pse"


@pytest.mark.parametrize("mode", ALL)
def test_bulk_reads_agree_with_single_ones(mode: str) -> None:
    machine, base = Tiny(mode), BASE[mode]
    rng = np.random.default_rng(3)
    for number in (0, 1, 2, 4, 7):
        machine.put(base + number * 4096, rng.bytes(4096))
    memory = space(machine)
    vas = np.uint64(base) + rng.integers(0, 10 * 4096, 500).astype(np.uint64)
    for size in (1, 8, 100, 5000):
        rows, valid = memory.gather(vas, size)
        for va, row, good in zip(vas.tolist(), rows, valid.tolist(), strict=True):
            expected = memory.read(va, size)
            assert good == (expected is not None)
            assert row.tobytes() == (expected or bytes(size))
    singles = [memory.page(va) for va in vas.tolist()]
    expected_offsets = [
        start + (va & 0xFFF) if start >= 0 else -1 for start, va in zip(singles, vas.tolist(), strict=True)
    ]
    assert memory.offsets(vas).tolist() == expected_offsets


def test_bulk_reads_of_nothing() -> None:
    memory = space(Tiny("x64"))
    assert memory.offsets(numbers()).tolist() == []
    assert memory.gather(numbers(), 8)[0].shape == (0, 8)
    rows, valid = memory.gather(numbers((1 << 64) - 4, 0), 8)
    assert rows.shape == (2, 8)
    assert not valid.any()


def test_an_address_that_is_not_canonical_is_not_read() -> None:
    machine = Tiny("x64")
    machine.put(BASE["x64"], b"here")
    assert space(machine).read(BASE["x64"] & 0x0000_FFFF_FFFF_FFFF, 4) is None


@pytest.mark.parametrize("mode", ALL)
def test_resident_pages_of_a_range(mode: str) -> None:
    machine, base = Tiny(mode), BASE[mode]
    for number in (0, 3, 4, 600):
        machine.put(base + number * 4096, b"r")
    machine.map(base + 5 * 4096, 0xFFFF << 12 | VALID)
    memory = space(machine)
    vas, offsets = memory.resident(base, base + 4 * 4096 + 1)
    assert vas.tolist() == [base, base + 3 * 4096, base + 4 * 4096]
    assert offsets.tolist() == memory.offsets(vas).tolist()
    everything, _ = memory.resident(0, 1 << memory.bits)
    assert everything.tolist() == [base, base + 3 * 4096, base + 4 * 4096, base + 600 * 4096]
    assert not memory.truncated


@pytest.mark.parametrize("mode", ALL)
def test_a_survey_tells_unmapped_pages_from_those_not_in_the_dump(mode: str) -> None:
    machine, base = Tiny(mode), BASE[mode]
    machine.put(base, b"r")
    machine.pages[0x70] = bytearray(4096)  # the highest frame of the machine
    for number, entry in enumerate((0x60 << 12 | VALID, 0x60 << 12 | TRANSITION, 0x80, 0, 0x9000 << 12 | VALID)):
        machine.map(base + (number + 1) * 4096, entry)
    machine.map(base + (1 << SHIFTS[mode][-2]), 0x61 << 12 | VALID, -2)
    found = space(machine).survey(0, 1 << machine.bits)
    assert found.vas.tolist() == [base]
    assert found.absent.tolist() == [base + 4096], "transition, page file, nothing and a device's frame are no gaps"
    table = base + (1 << SHIFTS[mode][-2]) & ~((1 << SHIFTS[mode][-2]) - 1)
    assert (found.lost.tolist(), found.lost_sizes.tolist()) == ([table], [1 << SHIFTS[mode][-2]])


def test_the_pages_of_a_large_page_that_are_not_in_the_dump() -> None:
    machine, base = Tiny("x64"), BASE["x64"] & ~0x1F_FFFF
    machine.map(base, 0x200 << 12 | VALID | LARGE, 2)
    machine.page(0x203)
    machine.page(0x3FF)
    found = space(machine).survey(base, base + 0x10_0000)
    assert found.vas.tolist() == [base + 0x3000]
    assert len(found.absent) == 255


def test_the_self_map_is_left_out() -> None:
    machine, base = Tiny("x64"), BASE["x64"]
    machine.put(base, b"m")
    machine.set(machine.root, 0x1ED, machine.root << 12 | VALID | WRITE)
    memory = space(machine)
    assert memory.resident(0, 1 << 64)[0].tolist() == [base]
    # Single reads still go through it, as the debugger's do.
    assert memory.read(0xFFFF_F6FB_7DBE_DF68, 8) == (machine.root << 12 | VALID | WRITE).to_bytes(8, "little")


@pytest.mark.parametrize("mode", ["x86", "pae"])
def test_the_self_map_of_32_bit_systems_is_left_out(mode: str) -> None:
    machine, base = Tiny(mode), BASE[mode]
    machine.put(base, b"m")
    if mode == "x86":
        machine.set(machine.root, 0x300, machine.root << 12 | VALID | WRITE)
    else:
        top = machine.table(0xC060_0000, 1)
        for number in range(4):
            machine.set(top, number, machine.table(number << 30, 1) << 12 | VALID | WRITE)
    assert space(machine).resident(0, 1 << 32)[0].tolist() == [base]


def test_tables_that_point_at_each_other_end() -> None:
    machine = Tiny("x64")
    first, second = machine.page(), machine.page()
    for index in range(512):
        machine.set(machine.root, index, first << 12 | VALID)
        machine.set(first, index, second << 12 | VALID)
        machine.set(second, index, first << 12 | VALID if index % 2 else machine.page() << 12 | VALID)
    for pfn in list(machine.pages)[3:]:
        machine.pages[pfn][:] = ((second << 12 | VALID).to_bytes(8, "little")) * 512
    memory = space(machine)
    begun = time.perf_counter()
    memory.resident(0, 1 << 64)
    assert memory.truncated
    assert time.perf_counter() - begun < 10


def test_huge_pages_that_repeat_end() -> None:
    machine = Tiny("x64")
    table = machine.page()
    for index in range(512):
        machine.set(machine.root, index, table << 12 | VALID)
        machine.set(table, index, VALID | LARGE)
    begun = time.perf_counter()
    memory = space(machine)
    memory.resident(0, 1 << 64)
    assert memory.truncated
    assert time.perf_counter() - begun < 10
