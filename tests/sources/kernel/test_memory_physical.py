"""Physical pages of a dump: runs, the two bitmap forms, cut files, and the size of the index."""

import time
import tracemalloc

import numpy as np
import pytest
from tiny import dump

from dumptriage.sources.dump.container import layout_of, read_header
from dumptriage.sources.dump.image import Image
from dumptriage.sources.kernel.physical import PhysicalMemory, open_physical

FORMS = [(32, "runs"), (32, "summary"), (32, "bitmap"), (64, "runs"), (64, "summary"), (64, "bitmap")]
FRAMES = (1, 2, 3, 63, 64, 65, 127, 200)


def pages(*frames: int) -> dict[int, bytes]:
    return {pfn: bytes([pfn & 0xFF]) * 4096 for pfn in frames}


def opened(data: bytes) -> tuple[PhysicalMemory | None, str | None]:
    layout = layout_of(data[:8])
    assert layout
    image = Image(data)
    return open_physical(data, read_header(image, layout))


def memory(data: bytes) -> PhysicalMemory:
    found, flaw = opened(data)
    assert found is not None, flaw
    return found


@pytest.mark.parametrize(("bits", "kind"), FORMS)
def test_each_page_is_found_where_it_is(bits: int, kind: str) -> None:
    physical = memory(dump(pages(*FRAMES), bits, kind))
    assert physical.page_count == len(FRAMES)
    assert not physical.problems
    for pfn in range(260):
        expected = bytes([pfn]) * 4096 if pfn in FRAMES else None
        assert physical.read(pfn * 4096, 4096) == expected


@pytest.mark.parametrize(("bits", "kind"), FORMS)
def test_many_pages_at_once_agree_with_single_ones(bits: int, kind: str) -> None:
    physical = memory(dump(pages(*FRAMES), bits, kind))
    wanted = np.array([*range(300), 1 << 36, 1 << 52, (1 << 64) - 1], np.uint64)
    assert physical.offsets(wanted).tolist() == [physical.offset(pfn) for pfn in wanted.tolist()]


@pytest.mark.parametrize(("bits", "kind"), FORMS)
def test_a_read_across_a_missing_page_is_none(bits: int, kind: str) -> None:
    physical = memory(dump(pages(*FRAMES), bits, kind))
    assert physical.read(1 * 4096 + 4000, 200) == b"\1" * 96 + b"\2" * 104
    assert physical.read(3 * 4096 + 4000, 200) is None
    assert physical.read(0, 1) is None
    assert physical.read(-1, 1) is None


@pytest.mark.parametrize(("bits", "kind"), FORMS)
def test_pages_behind_the_end_of_a_cut_file_are_missing(bits: int, kind: str) -> None:
    data = dump(pages(*FRAMES), bits, kind)
    physical = memory(data[:-1])
    assert physical.offset(200) == -1
    assert physical.offsets(np.array([127, 200], np.uint64)).tolist() == [physical.offset(127), -1]
    assert len(physical.problems) == 1


def test_bits_behind_the_bitmaps_end_are_no_pages() -> None:
    data = bytearray(dump(pages(1, 2), 64, "bitmap", span=5))
    data[0x2038] |= 0xE0
    physical = memory(bytes(data))
    assert physical.page_count == 2


def test_a_count_that_is_not_the_bitmaps_is_said() -> None:
    physical = memory(dump(pages(*FRAMES), 64, "bitmap", present=7))
    assert physical.problems == ["the page bitmap holds 8 pages, its header says 7"]


def test_the_form_is_told_by_content_not_by_type() -> None:
    assert memory(dump(pages(*FRAMES), 64, "bitmap", type=2)).page_count == 8
    assert memory(dump(pages(*FRAMES), 64, "summary", type=6)).page_count == 8


@pytest.mark.parametrize(("bits", "kind", "at"), [(64, "bitmap", 0x2000), (32, "summary", 0x1000)])
def test_without_its_signature_a_bitmap_dump_has_no_pages(bits: int, kind: str, at: int) -> None:
    data = bytearray(dump(pages(*FRAMES), bits, kind))
    data[at] ^= 1
    assert opened(bytes(data)) == (
        None,
        "the SDMP or FDMP signature behind the header is missing: no page can be found",
    )


@pytest.mark.parametrize("span", [0, 1 << 40, (1 << 64) - 1])
def test_an_impossible_bitmap_is_refused(span: int) -> None:
    data = bytearray(dump(pages(*FRAMES), 64, "bitmap"))
    data[0x2030:0x2038] = span.to_bytes(8, "little")
    physical, flaw = opened(bytes(data))
    assert physical is None
    assert flaw is not None


def test_512_gb_are_indexed_in_a_fraction_of_a_second_and_little_memory() -> None:
    bits = 1 << 27
    bitmap = np.full(bits // 8, 0x5F, np.uint8)
    data = bytearray(dump(pages(1), 64, "bitmap"))[:0x2038] + bytearray(bitmap.tobytes())
    first = (len(data) + 4095) // 4096 * 4096
    data[0x2020:0x2038] = np.array([first, bits // 8 * 6, bits], "<u8").tobytes()
    data += bytes(first + 8 * 4096 - len(data))
    image = bytes(data)
    tracemalloc.start()
    begun = time.perf_counter()
    physical = memory(image)
    taken = time.perf_counter() - begun
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert physical.page_count == bits // 8 * 6
    assert physical.offset(6) == first + 5 * 4096
    assert taken < 2
    assert peak < 50_000_000
