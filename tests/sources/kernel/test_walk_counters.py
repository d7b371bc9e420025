"""Memory and pool counters: variables up to 8.1, the system partition later, by symbol or by shape."""

import pytest
from fakekernel import PAGE, FakeKernel, new_case

from dumptriage.facts import Case, new
from dumptriage.sources.kernel import counters, pooltags
from dumptriage.sources.kernel.partition import find_pools, read_partition
from dumptriage.sources.kernel.report import Report

W2K, XP, SEVEN = "5.0.2195 x86 (Windows 2000)", "5.1.2600 SP3 x86", "6.1.7601.24540 x64"
TEN, ELEVEN = "10.0.19041.3570 x64", "10.0.22000.2538 x64"
RAM = 500_000


def variables(fake: FakeKernel, **values: int) -> None:
    for name, value in values.items():
        fake.variable(name, value)


def walk(fake: FakeKernel, report: Report | None = None, case: Case | None = None) -> Case:
    case = case or new_case()
    counters.walk(fake.kernel, case, report or Report())
    return case


def seven(**changes: int) -> FakeKernel:
    fake = FakeKernel(SEVEN, 2, RAM)
    values = {
        "MmAvailablePages": 100_000,
        "MmResidentAvailablePages": 200_000,
        "MmTotalCommittedPages": 300_000,
        "MmTotalCommitLimit": 900_000,
        "MmPeakCommitment": 400_000,
        "MmAllocatedNonPagedPool": 5_000,
        "MmMaximumNonPagedPoolInBytes": 1 << 40,
    }
    variables(fake, **(values | changes))
    info = fake.variable("MmPagedPoolInformation", 0)
    fake.struct(info, "_MM_PAGED_POOL_INFO", AllocatedPagedPool=7_000)
    return fake


def test_variables_in_pages_become_bytes() -> None:
    case = walk(seven())
    memory = case.one("memory")
    assert memory is not None
    assert {name: value for name, value in memory.fields.items() if isinstance(value, int)} == {
        "physical_bytes": RAM * PAGE,
        "available_bytes": 100_000 * PAGE,
        "resident_available_bytes": 200_000 * PAGE,
        "committed_bytes": 300_000 * PAGE,
        "commit_limit_bytes": 900_000 * PAGE,
        "peak_commit_bytes": 400_000 * PAGE,
    }
    assert memory.source.startswith("MmAvailablePages @ ffff8000")
    pools = {fact.get("type"): fact for fact in case.of("pool")}
    assert (pools["nonpaged"].get("used_bytes"), pools["paged"].get("used_bytes")) == (5_000 * PAGE, 7_000 * PAGE)
    assert (pools["nonpaged"].get("max_bytes"), pools["nonpaged"].get("limit")) == (None, "dynamic")


def test_a_fixed_maximum_on_x86_before_vista() -> None:
    fake = FakeKernel(XP, 1, RAM)
    variables(fake, MmAllocatedNonPagedPool=30_000, MmMaximumNonPagedPoolInBytes=268_435_456)
    (pool,) = walk(fake).of("pool")
    assert (pool.get("max_bytes"), pool.get("limit")) == (268_435_456, "fixed")


def test_pool_descriptors_stand_in_for_the_counter() -> None:
    fake = FakeKernel(XP, 1, RAM)
    at = fake.variable("NonPagedPoolDescriptor", 0)
    fake.struct(at, "_POOL_DESCRIPTOR", PoolType=0, TotalPages=700, TotalBigPages=50)
    (pool,) = walk(fake).of("pool")
    assert pool.get("used_bytes") == 750 * PAGE
    assert pool.source == f"_POOL_DESCRIPTOR @ {at:x}"


def test_a_page_counter_of_32_bits_on_x64() -> None:
    """The word behind the counter is another variable."""
    memory = walk(seven(MmAvailablePages=0x7777_0000_0001_0000)).one("memory")
    assert memory is not None
    assert memory.get("available_bytes") == 0x1_0000 * PAGE


@pytest.mark.parametrize(
    ("changes", "absent", "words"),
    [
        ({"MmAvailablePages": RAM + 1}, "available_bytes", "exceeds physical memory"),
        ({"MmTotalCommittedPages": 0}, "committed_bytes", None),
    ],
)
def test_counters_that_cannot_be_true_are_left_out(changes: dict[str, int], absent: str, words: str | None) -> None:
    report = Report()
    memory = walk(seven(**changes), report).one("memory")
    assert memory is not None
    assert absent not in memory.fields
    texts = [str(fact.get("text")) for fact in report.facts("x")]
    assert words is None or any(words in text for text in texts)


def test_more_committed_than_the_limit_is_suspect() -> None:
    memory = walk(seven(MmTotalCommittedPages=1_000_000)).one("memory")
    assert memory is not None
    assert memory.quality == "suspect"


def test_more_nonpaged_pool_than_memory_is_suspect() -> None:
    report = Report()
    pools = {fact.get("type"): fact for fact in walk(seven(MmAllocatedNonPagedPool=RAM + 1), report).of("pool")}
    assert pools["nonpaged"].quality == "suspect"
    assert [fact.get("problem") for fact in report.facts("x")] == ["impossible-counter"]


def test_what_is_missing_is_not_zero() -> None:
    fake = FakeKernel(SEVEN, 2, RAM)
    fake.variable("MmAvailablePages", None)
    case = walk(fake)
    memory = case.one("memory")
    assert memory is not None
    assert dict(memory.fields) == {"physical_bytes": RAM * PAGE}
    assert memory.source.startswith("physical memory runs")
    assert not case.of("pool")


def test_the_header_s_own_facts_are_completed() -> None:
    fake = seven()
    fake.base = 0xFFFF_F800_0280_0000
    case = new_case()
    case.add(new("system", source="header", os="Windows 7 (7601.24540)"))
    case.add(new("memory", source="runs", physical_bytes=123))
    walk(fake, case=case)
    system, memory = case.of("system"), case.of("memory")
    assert len(system) == len(memory) == 1
    assert (system[0].get("os"), system[0].get("kernel_base")) == ("Windows 7 (7601.24540)", "fffff80002800000")
    assert (memory[0].get("physical_bytes"), memory[0].get("available_bytes")) == (123, 100_000 * PAGE)


def kernel_image(name: str) -> FakeKernel:
    """A kernel of Windows 10 or later whose image is in the dump, with a partition and MiState in its data."""
    fake = FakeKernel(name, 2, RAM)
    base = fake.base = 0xFFFF_F800_0400_0000
    fake.memory.put(base, b"MZ" + bytes(0x3A) + b"\x80\0\0\0")
    fake.memory.put(base + 0x80 + 0x50, 0x20000, 4)
    fake.memory.put(base + 0x1000, bytes(0x1F000))
    return fake


def partition(fake: FakeKernel, at: int, **changes: int) -> int:
    assert fake.base is not None
    visible = fake.base + at + (fake.layout.offset("_MI_PARTITION", "Vp") or 0)
    values = {
        "NumberOfPhysicalPages": RAM - 40,
        "AvailablePages": 100_000,
        "ResidentAvailablePages": 200_000,
        "TotalCommittedPages": 300_000,
        "TotalCommitLimit": 900_000,
    }
    fake.struct(visible, "_MI_VISIBLE_PARTITION", **(values | changes))
    return visible


def state(fake: FakeKernel, at: int, nonpaged: int, paged: int, shift: int = 0) -> None:
    assert fake.base is not None
    layout, start = fake.layout, fake.base + at
    visible = (layout.offset("_MI_SYSTEM_INFORMATION", "Vs") or 0) - shift
    pools = layout.offset("_MI_SYSTEM_INFORMATION", "Pools") or 0
    fake.struct(start + pools, "_MI_POOL_STATE", AllocatedNonPagedPool=nonpaged)
    fake.struct(
        start + visible, "_MI_VISIBLE_STATE", MaximumNonPagedPoolInPages=1 << 32, SizeOfPagedPoolInPages=1 << 32
    )
    info = layout.offset("_MI_VISIBLE_STATE", "PagedPoolInfo") or 0
    fake.struct(start + visible + info, "_MM_PAGED_POOL_INFO", AllocatedPagedPool=paged)


@pytest.mark.parametrize("name", [TEN, ELEVEN])
@pytest.mark.parametrize("known", [True, False])
def test_the_partition_by_symbol_and_by_shape(name: str, known: bool) -> None:
    fake = kernel_image(name)
    partition(fake, 0x4000)
    if known:
        fake.symbols["MiSystemPartition"] = (fake.base or 0) + 0x4000
    case = walk(fake)
    memory = case.one("memory")
    assert memory is not None
    assert memory.get("available_bytes") == 100_000 * PAGE
    assert memory.get("commit_limit_bytes") == 900_000 * PAGE
    assert memory.source.startswith("_MI_VISIBLE_PARTITION @")


@pytest.mark.parametrize(
    "changes",
    [
        {"NumberOfPhysicalPages": RAM + 1},
        {"AvailablePages": RAM + 1},
        {"TotalCommittedPages": 1_000_000},
        {"NumberOfPagingFiles": 3},
    ],
)
def test_a_partition_that_contradicts_itself_is_not_taken(changes: dict[str, int]) -> None:
    fake = kernel_image(TEN)
    partition(fake, 0x4000, **changes)
    report = Report()
    memory = walk(fake, report).one("memory")
    assert memory is not None
    assert "available_bytes" not in memory.fields
    assert any("MiSystemPartition" in str(fact.get("text")) for fact in report.facts("x"))


def test_a_partition_found_twice_is_not_taken() -> None:
    fake = kernel_image(TEN)
    partition(fake, 0x4000)
    partition(fake, 0xC000)
    assert not read_partition(fake.kernel).pages


@pytest.mark.parametrize("shift", [0, 0x40])
def test_pool_in_use_by_the_sums_of_the_tags(shift: int) -> None:
    """MiState of 19041 comes in two revisions, of which the later has its visible part 0x40 bytes further on."""
    fake = kernel_image(TEN)
    state(fake, 0x8000, 5_000, 7_000, shift)
    found = find_pools(fake.kernel, 4_900 * PAGE, 6_000 * PAGE)
    assert {pool: used for pool, (used, _) in found.items()} == {"nonpaged": 5_000 * PAGE, "paged": 7_000 * PAGE}
    assert not find_pools(fake.kernel, 5_001 * PAGE, 6_000 * PAGE), "a pool holds at least its tags"


def test_pool_by_the_symbol() -> None:
    fake = kernel_image(TEN)
    state(fake, 0x8000, 5_000, 7_000)
    fake.symbols["MiState"] = (fake.base or 0) + 0x8000
    pools = {fact.get("type"): fact for fact in walk(fake).of("pool")}
    assert pools["nonpaged"].get("used_bytes") == 5_000 * PAGE
    assert pools["nonpaged"].get("limit") == "none"
    case = new_case()
    pooltags.walk(fake.kernel, case, Report())
    assert not case.of("pool")
