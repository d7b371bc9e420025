"""Counters of a dump that must agree: type objects, the pool table, the handle tables."""

from dumptriage.derivation import gaps
from dumptriage.facts import Case, Casefile, Fact, new
from dumptriage.facts.case import CasefileKind


def derived(kind: CasefileKind, *facts: Fact) -> dict[str, int | None]:
    case = Case(Casefile("test.dmp", "0" * 64, 1, kind), facts)
    gaps.derive(case)
    return {str(gap.get("name")): gap.int("difference") for gap in case.of("gap")}


def test_type_objects_are_held_against_pool_table_and_handle_tables() -> None:
    facts = (
        new("object_type", source="t", type="Thread", objects=5_000, handles=4_000),
        new("object_type", source="t", type="Event", objects=900, handles=900),
        new("tag", source="t", tag="Thre", pool="nonpaged", object_type="Thread", outstanding=5_010),
        new("handles", source="t", pid=1, type="Thread", count=3_000),
        new("handles", source="t", pid=2, type="Thread", count=900),
        new("handles", source="t", pid=2, type="*", count=990),
    )
    found = derived("dump", *facts)
    assert found == {
        "Thread handles: type object and handle tables": 100,
        "Thread objects: type object and pool table": -10,
    }
    assert not derived("log", *facts), "a log lists the handles of some processes"


def test_a_table_read_in_part_is_not_in_the_total_of_a_type() -> None:
    facts = (
        new("object_type", source="t", type="Event", objects=46_000, handles=46_000),
        new("handles", source="t", pid=1, type="Event", count=1_000, type_total=1_500),
        new("handles", source="t", pid=2, type="Event", count=500, type_total=1_500),
        new("handles", source="t", pid=3, quality="lower-bound", type="Event", count=2_700, type_total=1_500),
    )
    case = Case(Casefile("test.dmp", "0" * 64, 1, "dump"), facts)
    gaps.derive(case)
    (gap,) = case.where("gap", name="Event objects and handles")
    assert (gap.get("counter_b"), gap.get("value_b")) == ("Event handles of 2 processes", 1_500)
