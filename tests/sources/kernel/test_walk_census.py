"""Pool blocks: chains of classic pages, the scan of the segment heap, what is in use, and what is broken."""

import pytest
from fakekernel import PAGE, FakeKernel, new_case, pool_header

from dumptriage.facts import new
from dumptriage.sources.kernel import census
from dumptriage.sources.kernel.report import Report

W2K, XP, S2003 = "5.0.2195 x86 (Windows 2000)", "5.1.2600 SP3 x86", "5.2.3790 SP2 x86"
SEVEN, TEN, ELEVEN = "6.1.7601.24540 x64", "10.0.17763.5933 x64", "10.0.22000.2538 x64"
IN_USE = {W2K: 1, XP: 1, S2003: 5, SEVEN: 2, TEN: 2, ELEVEN: 2}
PAGED = {W2K: 2, XP: 2, SEVEN: 3, TEN: 3, ELEVEN: 3}
FREED = {W2K: 0, XP: 0, S2003: 1, SEVEN: 0, TEN: 0, ELEVEN: 0}


def page(fake: FakeKernel, at: int, blocks: list[tuple[int, int, bytes]]) -> list[int]:
    """A page of blocks (size, kind, tag), filled up with a free one; the addresses of the blocks."""
    data, addresses, before = bytearray(PAGE), [], 0
    offset = 0
    for size, kind, tag in [*blocks, (PAGE - sum(size for size, _, _ in blocks), 0, b"Free")]:
        if size:
            header = pool_header(fake, before, size, kind, tag)
            data[offset : offset + len(header)] = header
            addresses.append(at + offset)
            offset, before = offset + size, size
    fake.memory.put(at, bytes(data))
    return addresses[: len(blocks)]


@pytest.fixture(autouse=True)
def _forget() -> None:
    census.forget()


@pytest.mark.parametrize("name", [W2K, XP, S2003, SEVEN, TEN])
def test_chains_of_classic_pages(name: str) -> None:
    fake, used = FakeKernel(name), IN_USE[name]
    start = fake.high + 0x20_0000
    first = page(
        fake, start, [(64, used, b"AcFl"), (640, used, b"Thr\xe5"), (128, FREED[name], b"AcFl"), (64, used, b"Othr")]
    )
    second = page(fake, start + 0x3000, [(640, used, b"Thre"), (64, used, b"AcFl")])
    assert census.blocks_of(fake.kernel, "AcFl").tolist() == [first[0], second[1]]
    assert census.blocks_of(fake.kernel, "Thre").tolist() == [first[1], second[0]]


@pytest.mark.parametrize("name", [XP, SEVEN, TEN, ELEVEN])
def test_paged_blocks_are_not_counted(name: str) -> None:
    fake = FakeKernel(name)
    page(fake, fake.high + 0x20_0000, [(64, PAGED[name], b"AcFl"), (64, IN_USE[name], b"Othr")])
    assert not len(census.blocks_of(fake.kernel, "AcFl"))


def test_paged_pool_of_2003_is_told_by_its_address() -> None:
    fake = FakeKernel(S2003)
    page(fake, 0xE100_0000, [(64, 6, b"AcFl")])
    (block,) = page(fake, 0x8120_0000, [(64, 5, b"AcFl")])
    fake.variable("MmPagedPoolStart", 0xE100_0000)
    fake.variable("MmPagedPoolEnd", 0xE200_0000)
    assert census.blocks_of(fake.kernel, "AcFl").tolist() == [block]


def test_a_page_whose_chain_breaks_makes_the_count_a_lower_bound() -> None:
    fake = FakeKernel(SEVEN)
    start = fake.high + 0x20_0000
    good = page(fake, start, [(64, 2, b"AcFl")] * 10)
    bad = page(fake, start + PAGE, [(64, 2, b"AcFl")] * 10)
    fake.memory.put(bad[7], b"\xff")
    case = new_case()
    case.add(new("tag", source="x", tag="AcFl", pool="nonpaged", outstanding=20, bytes=1280))
    census.walk(fake.kernel, case, Report())
    (fact,) = case.of("census")
    assert (fact.get("blocks"), fact.get("complete"), fact.quality) == (len(good), False, "lower-bound")


@pytest.mark.parametrize("name", [S2003, SEVEN, ELEVEN])
def test_mapped_pages_that_are_not_in_the_dump_make_the_count_a_lower_bound(name: str) -> None:
    """An address that nothing maps is no gap; nor is a page of another region, a view of the file cache say."""
    fake = FakeKernel(name)
    start = fake.high + 0x20_0000
    page(fake, start, [(64, IN_USE[name], b"AcFl")] * 10)
    for absent, complete in (([], True), ([start + 3 * PAGE], False), ([start + (1 << (fake.bits * 3 // 4))], True)):
        fake.memory.absent = absent
        case, report = new_case(), Report()
        case.add(new("tag", source="x", tag="AcFl", pool="nonpaged", outstanding=10, bytes=640))
        census.walk(fake.kernel, case, report)
        (fact,) = case.of("census")
        assert (fact.get("blocks"), fact.get("complete")) == (10, complete)
        assert report.counts["pages with the pool blocks looked for"].unreadable == (0 if complete else 1)


def test_data_that_only_looks_like_a_header_is_no_block() -> None:
    fake = FakeKernel(SEVEN)
    at = fake.high + 0x20_0000
    fake.memory.put(at, pool_header(fake, 0, 64, 2, b"AcFl"))
    fake.memory.put(at + 256, pool_header(fake, 32, 64, 2, b"AcFl"))
    assert not len(census.blocks_of(fake.kernel, "AcFl"))


def test_the_segment_heap_is_scanned_at_every_unit() -> None:
    fake = FakeKernel(ELEVEN)
    at = fake.high + 0x20_0000
    fake.memory.put(at, b"\xaa" * PAGE)
    for offset, size, kind, tag in (
        (0x40, 64, 2, b"AcFl"),
        (0x80, 128, 0x0A, b"AcF\xec"),
        (0x100, 64, 0, b"AcFl"),
        (0x148, 64, 2, b"AcFl"),
        (0x180, 16, 2, b"AcFl"),
    ):
        fake.memory.put(at + offset, pool_header(fake, 0, size, kind, tag))
    assert census.blocks_of(fake.kernel, "AcFl").tolist() == [at + 0x40, at + 0x80]


def test_census_facts() -> None:
    fake = FakeKernel(SEVEN)
    page(fake, fake.high + 0x20_0000, [(64, 2, b"AcFl")] * 9 + [(128, 2, b"AcFl")] + [(1296, 2, b"Thre")])
    table = fake.high + 0x70_0000
    fake.memory.put(table, bytes(0x18 * 4))
    fake.struct(table, "_POOL_TRACKER_BIG_PAGES", Va=fake.high + 0x80_0000, NumberOfBytes=0x3000)
    fake.memory.put(table + 8, b"AcFl")
    fake.variable("PoolBigPageTable", table)
    fake.variable("PoolBigPageTableSize", 4)
    case = new_case()
    case.add(new("tag", source="x", tag="AcFl", pool="nonpaged", outstanding=11, bytes=12992))
    census.walk(fake.kernel, case, Report())
    found = {fact.get("tag"): fact for fact in case.of("census")}
    assert set(found) == {"AcFl", "Thre"}
    assert (found["AcFl"].get("blocks"), found["AcFl"].get("bytes")) == (11, 9 * 64 + 128 + 0x3000)
    assert (found["AcFl"].get("main_size"), found["AcFl"].get("main_share")) == (64, 81.82)
    assert found["Thre"].get("main_size") == 1296
    assert found["AcFl"].verify == "!poolfind AcFl 0"
    assert len(str(found["AcFl"].get("first_blocks")).split()) == 11


def test_a_page_is_looked_at_once_for_all_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeKernel(SEVEN)
    page(fake, fake.high + 0x20_0000, [(64, 2, b"AcFl"), (1296, 2, b"Thre")])
    case = new_case()
    case.add(new("tag", source="x", tag="AcFl", pool="nonpaged", outstanding=1, bytes=64))
    census.walk(fake.kernel, case, Report())
    monkeypatch.setattr(census, "search", None)
    assert len(census.blocks_of(fake.kernel, "Thre")) == len(census.blocks_of(fake.kernel, "Proc")) + 1 == 1
