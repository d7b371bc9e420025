"""The pool tracker: sums over processors, wrapping counters, the expansion table, and what is absent."""

import pytest
from fakekernel import FakeKernel, new_case

from dumptriage.facts import Fact
from dumptriage.sources.kernel import pooltags
from dumptriage.sources.kernel.report import Report

SEVEN, TEN, ELEVEN, XP = (
    "6.1.7601.24540 x64",
    "10.0.19041.3570 x64",
    "10.0.26100 x64 (24H2/Server 2025)",
    "5.1.2600 SP3 x86",
)
STRUCT = "_POOL_TRACKER_TABLE"
SLOTS = 513
Row = dict[str, int]


def table(fake: FakeKernel, at: int, rows: dict[int, tuple[bytes, Row]], slots: int = SLOTS) -> None:
    size = fake.layout.size(STRUCT) or 0
    fake.memory.put(at, bytes(size * slots))
    for slot, (tag, row) in rows.items():
        fake.memory.put(at + slot * size, tag)
        fake.struct(at + slot * size, STRUCT, **row)


def machine(
    name: str, *tables: dict[int, tuple[bytes, Row]], expansion: dict[int, tuple[bytes, Row]] | None = None
) -> FakeKernel:
    fake = FakeKernel(name, processors=len(tables))
    places = [fake.high + 0x100_0000 * (i + 2) for i in range(len(tables))]
    for at, rows in zip(places, tables, strict=True):
        table(fake, at, rows)
    fake.variable("PoolTrackTable", places[0])
    fake.variable("PoolTrackTableSize", SLOTS)
    if len(tables) > 1:
        array = fake.variable("ExPoolTagTables", places[0])
        for i, at in enumerate(places):
            fake.memory.put(array + i * fake.bits // 8, at)
    if expansion is not None:
        at = fake.high + 0x900_0000
        table(fake, at, expansion, 64)
        fake.variable("PoolTrackTableExpansion", at)
        fake.variable("PoolTrackTableExpansionSize", 64)
    return fake


def tags(fake: FakeKernel, report: Report | None = None) -> dict[tuple[object, object], Fact]:
    case = new_case()
    pooltags.walk(fake.kernel, case, report or Report())
    return {(fact.get("tag"), fact.get("pool")): fact for fact in case.of("tag")}


def figures(fact: Fact) -> tuple[object, ...]:
    return tuple(fact.get(name) for name in ("allocs", "frees", "outstanding", "bytes"))


@pytest.mark.parametrize("name", [XP, SEVEN, TEN, ELEVEN])
def test_each_side_of_the_pool_is_a_fact(name: str) -> None:
    row = {"NonPagedAllocs": 9, "NonPagedFrees": 4, "NonPagedBytes": 800, "PagedAllocs": 3, "PagedFrees": 3}
    found = tags(machine(name, {7: (b"AcFl", row), 9: (b"Nons", {})}))
    assert set(found) == {("AcFl", "nonpaged"), ("AcFl", "paged")}
    assert figures(found["AcFl", "nonpaged"]) == (9, 4, 5, 800)
    assert figures(found["AcFl", "paged"]) == (3, 3, 0, 0)
    assert found["AcFl", "nonpaged"].verify == "!poolused 2"
    assert found["AcFl", "paged"].verify == "!poolused 4"


@pytest.mark.parametrize("name", [SEVEN, TEN])
def test_only_the_sum_over_processors_counts(name: str) -> None:
    """Freed on another processor than allocated: one table's bytes are negative, its frees exceed its allocations."""
    first = {"NonPagedAllocs": 10, "NonPagedFrees": 900, "NonPagedBytes": -64_000}
    second = {"NonPagedAllocs": 1000, "NonPagedFrees": 0, "NonPagedBytes": 74_000}
    found = tags(machine(name, {7: (b"AcFl", first)}, {7: (b"AcFl", second)}, {}))
    assert figures(found["AcFl", "nonpaged"]) == (1010, 900, 110, 10_000)
    assert found["AcFl", "nonpaged"].quality == "exact"


def test_a_slot_used_by_another_processor_alone() -> None:
    found = tags(machine(TEN, {}, {40: (b"Lone", {"NonPagedAllocs": 2, "NonPagedBytes": 64})}))
    assert figures(found["Lone", "nonpaged"]) == (2, 0, 2, 64)


def test_counters_of_32_bits_wrap() -> None:
    """Build 7601 has counted to 2^32 and begun again: what is outstanding is still right."""
    row = {"NonPagedAllocs": 5, "NonPagedFrees": 2**32 - 95, "NonPagedBytes": 6400}
    found = tags(machine(SEVEN, {7: (b"AcFl", row)}))
    assert figures(found["AcFl", "nonpaged"]) == (2**32 + 5, 2**32 - 95, 100, 6400)


def test_a_sum_that_cannot_be_true_is_left_out() -> None:
    report = Report()
    found = tags(machine(TEN, {7: (b"AcFl", {"NonPagedAllocs": 5, "NonPagedFrees": 9, "NonPagedBytes": -1})}), report)
    assert figures(found["AcFl", "nonpaged"]) == (None, None, None, None)
    assert any("2 counters" in str(fact.get("text")) for fact in report.facts("x"))


def test_tags_of_the_expansion_table_and_no_further_than_its_end() -> None:
    row = {"PagedAllocs": 7, "PagedFrees": 1, "PagedBytes": 600}
    found = tags(machine(TEN, {}, expansion={0: (b"XpOn", row), 2: (b"\x01\x02\x03\x04", row)}))
    assert set(found) == {("XpOn", "paged")}
    assert figures(found["XpOn", "paged"]) == (7, 1, 6, 600)


def test_the_protected_bit_is_no_part_of_a_tag_and_unprintable_bytes_are_dots() -> None:
    row = {"NonPagedAllocs": 1, "NonPagedBytes": 32}
    found = tags(machine(TEN, {1: (b"Thr\xe5", row), 2: (b"Thre", row), 3: (b"A\x01 b", row)}))
    assert figures(found["Thre", "nonpaged"]) == (2, 0, 2, 64)
    assert ("A. b", "nonpaged") in found


def test_without_the_other_tables_the_figures_are_suspect() -> None:
    fake = machine(TEN, {7: (b"AcFl", {"NonPagedAllocs": 5, "NonPagedBytes": 64})}, {})
    del fake.symbols["ExPoolTagTables"]
    report = Report()
    assert tags(fake, report)["AcFl", "nonpaged"].quality == "suspect"
    assert any("ExPoolTagTables" in str(fact.get("text")) for fact in report.facts("x"))


def test_a_table_partly_outside_the_dump() -> None:
    fake = machine(TEN, {7: (b"AcFl", {"NonPagedAllocs": 5, "NonPagedBytes": 64})})
    fake.memory.put(fake.symbols["PoolTrackTableSize"], 4097)
    report = Report()
    assert tags(fake, report)["AcFl", "nonpaged"].quality == "lower-bound"
    assert report.counts["pool tracker slots"].unreadable > 3000


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "Pool tagging was off"), (None, "is not in this dump"), (0xFFFF_8000_7000_0000, "no plausible")],
)
def test_an_absent_table_is_said(value: int | None, words: str) -> None:
    fake = FakeKernel(TEN)
    fake.variable("PoolTrackTable", value)
    report = Report()
    assert tags(fake, report) == {}
    assert any(words in str(fact.get("text")) for fact in report.facts("x"))


def test_the_length_is_found_by_the_hash_where_its_variable_is_not() -> None:
    rows: dict[int, tuple[bytes, Row]] = {}
    for number in range(40):
        tag = f"T{number:03d}".encode()
        product = int.from_bytes(tag, "little") * 40543
        rows[(product ^ product >> 32) & (SLOTS - 2)] = (tag, {"NonPagedAllocs": 1, "NonPagedBytes": 16})
    fake = machine(TEN, rows)
    del fake.symbols["PoolTrackTableSize"]
    assert len(tags(fake)) == len(rows)


def test_of_the_lengths_that_fit_the_longest_is_taken() -> None:
    """Of a table of 4,097 the first 513 slots are in order by themselves."""
    fake = machine(TEN, {})
    rows: dict[int, tuple[bytes, Row]] = {}
    for number in range(400):
        tag = f"T{number:03d}".encode()
        product = int.from_bytes(tag, "little") * 40543
        rows[(product ^ product >> 32) & 4095] = (tag, {"NonPagedAllocs": 1, "NonPagedBytes": 16})
    table(fake, fake.high + 0x200_0000, rows, 4097)
    del fake.symbols["PoolTrackTableSize"]
    assert len(tags(fake)) == len(rows)


def test_pool_totals_stand_in_for_missing_counters() -> None:
    fake = machine(TEN, {7: (b"AcFl", {"NonPagedAllocs": 5, "NonPagedBytes": 640})})
    case = new_case()
    pooltags.walk(fake.kernel, case, Report())
    (pool,) = case.of("pool")
    assert (pool.get("type"), pool.get("used_bytes"), pool.get("limit"), pool.quality) == (
        "nonpaged",
        640,
        "none",
        "lower-bound",
    )
    assert "sum of" in pool.source
