"""The table of big pool allocations, in each form it had."""

import pytest
from fakekernel import FakeKernel, new_case
from forged import read, small_machine

from dumptriage.sources.kernel import bigpool
from dumptriage.sources.kernel.report import Report

STRUCT = "_POOL_TRACKER_BIG_PAGES"
XP, SEVEN = "5.1.2600 SP3 x86", "6.1.7601.24540 x64"
TEN, ELEVEN = "10.0.19041.3570 x64", "10.0.26100 x64 (24H2/Server 2025)"


def machine(name: str, rows: list[tuple[int, bytes, int, int]], slots: int = 8) -> FakeKernel:
    """A table of entries (address, tag, bytes, pool type as stored)."""
    fake = FakeKernel(name)
    table, stride = fake.high + 0x70_0000, fake.layout.size(STRUCT) or 0
    fake.memory.put(table, bytes(stride * slots))
    key = fake.layout.offset(STRUCT, "Key") or 0
    in_pages = fake.layout.field(STRUCT, "NumberOfPages") is not None
    for i, (va, tag, size, kind) in enumerate(rows):
        fake.memory.put(table + i * stride, va)
        fake.memory.put(table + i * stride + key, tag)
        if in_pages:
            fake.struct(table + i * stride, STRUCT, NumberOfPages=size // 4096)
            continue
        fake.struct(table + i * stride, STRUCT, NumberOfBytes=size)
        fake.memory.put(table + i * stride + key + 4, kind, 4)
    fake.variable("PoolBigPageTable", table)
    fake.variable("PoolBigPageTableSize", slots)
    return fake


@pytest.mark.parametrize(
    ("name", "nonpaged", "paged"),
    [(XP, 0, 0), (SEVEN, 0, 1), (TEN, 0x200 << 8, 1 << 8 | 7), (ELEVEN, 0x41 << 8, 0x100 << 8)],
)
def test_allocations_in_use_by_tag(name: str, nonpaged: int, paged: int) -> None:
    high = FakeKernel(name).high
    rows = [
        (high + 0x10000, b"AcFl", 0x3000, nonpaged),
        (high + 0x20001, b"AcFl", 0x5000, nonpaged),
        (high + 0x30000, b"AcF\xec", 0x2000, nonpaged),
        (high + 0x40000, b"Page", 0x1000, paged),
    ]
    big = bigpool.read_big_pool(machine(name, rows).kernel)
    assert big is not None
    addresses, sizes = big.of(int.from_bytes(b"AcFl", "little"))
    assert addresses.tolist() == [high + 0x10000, high + 0x30000]
    assert sizes.tolist() == [0x3000, 0x2000]
    assert len(big.of(int.from_bytes(b"Page", "little"))[0]) == (1 if name == XP else 0)


def test_wild_entries_are_left_out() -> None:
    fake = machine(SEVEN, [(0x7FFF_0000, b"User", 0x1000, 0), (0xFFFF_F900_0000_0000, b"Huge", 1 << 50, 0)])
    big = bigpool.read_big_pool(fake.kernel)
    assert big is not None
    assert not len(big.addresses)


def test_a_table_that_ends_outside_the_dump() -> None:
    fake = machine(SEVEN, [(0xFFFF_FA80_0001_0000, b"AcFl", 0x1000, 0)])
    fake.memory.put(fake.symbols["PoolBigPageTableSize"], 4096)
    report = Report()
    bigpool.walk(fake.kernel, new_case(), report)
    assert report.counts["big pool allocations"].read == 1
    assert report.counts["big pool allocations"].unreadable > 3000


def test_an_absent_table_is_said() -> None:
    report = Report()
    bigpool.walk(FakeKernel(TEN).kernel, new_case(), report)
    assert any("PoolBigPageTable" in str(fact.get("text")) for fact in report.facts("x"))


@pytest.mark.parametrize("build", [2195, 2600, 19041])
def test_the_whole_table_of_a_forged_machine(build: int) -> None:
    """The entries of Windows 2000 are those of XP: an assumption, forged so too."""
    made = small_machine(build)
    (coverage,) = read(made).where("data_quality", problem="coverage")
    assert f"{len(made.truth.big):,} big pool allocations" in str(coverage.get("text"))
