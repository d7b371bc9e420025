"""Growth facts of a history: the arithmetic, what is put right before it, and what is left unknown."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dumptriage.derivation import growth
from dumptriage.derivation.series import MAX_GROWTH, MAX_READINGS
from dumptriage.facts import Case, Casefile, Fact, new
from dumptriage.facts.history import History, Moment, Readings
from dumptriage.knowledge import load_knowledge

KNOWLEDGE = load_knowledge()
START = datetime(2026, 3, 1, 8, tzinfo=UTC)
GB = 1 << 30
Column = Sequence[float | None]


def hours(*moments: float) -> list[Moment]:
    return [Moment(f"poolmon.txt:{at}", START + timedelta(hours=hour)) for at, hour in enumerate(moments, 1)]


def undated(count: int) -> list[Moment]:
    return [Moment(f"log.txt:{at}") for at in range(1, count + 1)]


def counted(allocs: Sequence[float], outstanding: Sequence[float] | None = None) -> dict[str, Column]:
    """The columns of a tag with these allocations since boot; sixty are outstanding where nothing is said."""
    live = outstanding or [60] * len(allocs)
    return {
        "outstanding": live,
        "allocs": allocs,
        "frees": [made - kept for made, kept in zip(allocs, live, strict=True)],
    }


def tags(bits: int | None = None, **columns: dict[str, Column] | Column) -> Readings:
    """Readings of nonpaged tags: each a column of outstanding allocations, or columns by the name of the counter."""
    named = {tag: column if isinstance(column, dict) else {"outstanding": column} for tag, column in columns.items()}
    counters = list(dict.fromkeys(name for column in named.values() for name in column))
    length = max(len(values) for column in named.values() for values in column.values())
    values = {
        counter: np.array(
            [[np.nan if v is None else v for v in column.get(counter, [None] * length)] for column in named.values()],
            dtype=np.float64,
        ).T
        for counter in counters
    }
    subjects = tuple({"subject": tag, "tag": tag.ljust(4), "pool": "nonpaged"} for tag in named)
    return Readings("tag", "outstanding", "allocations", subjects, values, verify="poolmon -b", bits=bits)


def derived(moments: list[Moment], *readings: Readings, facts: Sequence[Fact] = ()) -> Case:
    case = Case(Casefile("test", "0" * 64, 1, "poolmon"), facts)
    case.history = History(moments, list(readings))
    growth.derive(case, KNOWLEDGE)
    return case


def one(case: Case, subject: str = "Abcd") -> Fact:
    (fact,) = case.where("growth", subject=subject)
    return fact


def shown(fact: Fact, *names: str) -> tuple[Any, ...]:
    return tuple(fact.get(name) for name in names)


def notes(case: Case) -> list[tuple[Any, Any]]:
    return [(fact.get("problem"), fact.get("severity")) for fact in case.of("data_quality")]


def fact(kind: str, **fields: Any) -> Fact:
    return new(kind, source="test:1", **fields)


def test_every_field_of_a_tag() -> None:
    columns: dict[str, Column] = {
        "outstanding": [1000, 2000, 4000],
        "bytes": [64_000, 128_000, 256_000],
        "allocs": [9000, 11_000, 15_000],
        "frees": [8000, 9000, 11_000],
    }
    found = one(derived(hours(0, 2, 6), tags(Abcd=columns)))
    assert found.id == "growth:tag:Abcd:nonpaged:allocations"
    assert (found.source, found.verify, found.quality) == ("poolmon.txt:1, poolmon.txt:3", "poolmon -b", "exact")
    assert found.fields == {
        "subject": "Abcd",
        "tag": "Abcd",
        "pool": "nonpaged",
        "quantity": "tag",
        "unit": "allocations",
        "first": 1000,
        "last": 4000,
        "lowest": 1000,
        "highest": 4000,
        "change": 3000,
        "bytes_change": 192_000,
        "allocs_change": 6000,
        "frees_change": 3000,
        "freed_percent": 50.0,
        "span_s": 21_600.0,
        "per_hour": 500.0,
        "bytes_per_hour": 32_000.0,
        "monotonic": True,
        "snapshots": 3,
        "readings_count": 3,
        "course": "rising",
        "readings": "0=1000 7200=2000 21600=4000",
    }


def test_a_tag_missing_from_a_list_is_unknown_there() -> None:
    found = one(derived(hours(0, 1, 2, 3), tags(Abcd=[None, 100, None, 300], Efgh=[5, 5, 5, 5])))
    assert shown(found, "first", "last", "span_s", "readings_count", "readings") == (
        100,
        300,
        7200.0,
        2,
        "0=100 7200=300",
    )


def test_one_reading_is_no_growth() -> None:
    case = derived(hours(0, 1), tags(Abcd=[None, 100], Efgh=[5, 5]))
    assert [found.get("subject") for found in case.of("growth")] == ["Efgh"]
    assert derived(hours(0), tags(Abcd=[100])).of("growth") == []


def test_what_did_not_grow_is_a_fact_too() -> None:
    found = one(derived(hours(0, 4, 8), tags(Abcd=[70_000, 70_000, 70_000])))
    assert shown(found, "change", "per_hour", "snapshots", "readings_count", "course") == (0, 0.0, 1, 3, "level")


def test_without_times_there_is_no_rate() -> None:
    case = derived(undated(3), tags(Abcd=[100, 400, 300]))
    assert shown(one(case), "change", "span_s", "per_hour", "readings") == (200, None, None, "100 400 300")
    assert notes(case) == [("undated", "info")]


def test_times_by_uptime_where_the_clock_is_not_known() -> None:
    moments = [Moment("a", uptime_s=3600.0), Moment("b", uptime_s=10_800.0)]
    assert one(derived(moments, tags(Abcd=[100, 300]))).get("per_hour") == 100.0


def test_a_moment_with_uptime_only_is_placed_by_the_boot_that_others_tell() -> None:
    moments = [
        Moment("a", START, 3600.0),
        Moment("b", None, 7200.0),
        Moment("c", START + timedelta(hours=3)),
    ]
    found = one(derived(moments, tags(Abcd=[100, 200, 400])))
    assert found.get("readings") == "0=100 3600=200 10800=400"


def test_moments_out_of_order_are_put_in_order_of_time() -> None:
    found = one(derived(hours(4, 0, 2), tags(Abcd=[300, 100, 200])))
    assert shown(found, "readings", "monotonic") == ("0=100 7200=200 14400=300", True)
    assert found.source == "poolmon.txt:2, poolmon.txt:1"


def test_the_same_moment_twice_counts_once() -> None:
    assert one(derived(hours(0, 0, 1), tags(Abcd=[100, 100, 300]))).get("readings_count") == 2
    repeated = [Moment("a", START), Moment("b"), Moment("c", START + timedelta(hours=1))]
    found = one(derived(repeated, tags(Abcd=[100, 100, 300], Efgh=[7, 7, 8])))
    assert shown(found, "readings_count", "span_s") == (2, 3600.0)


def test_what_only_the_first_of_two_lists_of_one_moment_shows_is_kept() -> None:
    found = one(derived(hours(0, 0, 1), tags(Abcd=[100, None, 300], Efgh=[5, 6, 7])))
    assert found.get("readings") == "0=100 3600=300"


def test_a_restart_by_the_uptime() -> None:
    moments = [Moment(name, uptime_s=uptime) for name, uptime in (("a", 9000.0), ("b", 60.0), ("c", 3660.0))]
    case = derived(moments, tags(Abcd=[900, 100, 300]))
    assert shown(one(case), "change", "per_hour", "readings_count") == (200, 200.0, 2)
    assert notes(case) == [("restart", "warning")]
    assert case.history is not None and [moment.source for moment in case.history.moments] == ["b", "c"]


def test_a_restart_by_counters_that_began_again() -> None:
    fell = counted([900, 950, 140, 190], [50, 60, 20, 90])
    rest = {"Efgh": counted([700, 750, 130, 180]), "Ijkl": counted([103, 104, 105, 109])}
    case = derived(hours(0, 1, 2, 3), tags(None, Abcd=fell, **rest))
    assert shown(one(case), "first", "last", "allocs_change") == (20, 90, 50)
    assert notes(case) == [("restart", "warning")]


@pytest.mark.parametrize(("later", "restarted"), [(3, False), (7, True)])
def test_counters_that_fell_are_no_restart_where_clock_and_uptime_tell_the_same_boot(
    later: int, restarted: bool
) -> None:
    moments = [
        Moment("a", datetime(2026, 11, 20, 8, tzinfo=UTC), 9000.0),
        Moment("b", datetime(2026, 11, 20, 9, 0, later, tzinfo=UTC), 12600.0),
    ]
    case = derived(moments, tags(Abcd=counted([900, 140], [50, 60]), Efgh=counted([700, 130])))
    assert notes(case) == ([("restart", "warning")] if restarted else [])


def test_one_counter_that_fell_among_many_is_no_restart() -> None:
    fell = counted([900, 950, 140], [50, 60, 70])
    case = derived(hours(0, 1, 2), tags(Abcd=fell, Efgh=counted([100, 200, 300]), Ijkl=counted([300, 400, 500])))
    assert notes(case) == []
    assert shown(one(case), "change", "allocs_change", "freed_percent") == (20, None, None)


def test_live_allocations_under_the_name_of_allocations_are_no_counter_since_boot() -> None:
    columns: dict[str, Column] = {"outstanding": [900, 500, 950], "allocs": [900, 500, 950]}
    case = derived(hours(0, 1, 2), tags(Abcd=columns))
    assert notes(case) == []
    assert shown(one(case), "change", "allocs_change", "freed_percent") == (50, None, None)


def test_session_pool_loses_the_counters_of_sessions_that_ended() -> None:
    readings = tags(Abcd=counted([900, 140]))
    session = Readings("tag", "outstanding", "allocations", ({"subject": "Abcd", "pool": "session"},), readings.values)
    assert notes(derived(hours(0, 1), session)) == []


def test_nothing_is_left_where_the_last_moment_is_the_first_since_boot() -> None:
    case = derived([Moment("a", uptime_s=9000.0), Moment("b", uptime_s=60.0)], tags(Abcd=[100, 300]))
    assert case.of("growth") == []
    assert notes(case) == [("restart", "warning")]


@pytest.mark.parametrize(("bits", "wraps"), [(None, True), (32, True), (64, False)])
def test_a_counter_of_32_bits_goes_on_past_its_end(bits: int | None, wraps: bool) -> None:
    columns: dict[str, Column] = {
        "outstanding": [1000, 1500, 2000],
        "allocs": [2**32 - 5000, 2**32 - 1000, 3000],
        "frees": [2**32 - 6000, 2**32 - 2500, 1000],
    }
    steady: dict[str, Column] = {"outstanding": [5, 5, 5], "allocs": [10, 20, 30], "frees": [5, 15, 25]}
    rest = {f"Tag{number}": steady for number in range(3)}
    case = derived(hours(0, 1, 2), tags(bits, Abcd=columns, **rest))
    changes = shown(one(case), "allocs_change", "frees_change", "freed_percent", "wrapped")
    assert changes == ((8000, 7000, 87.5, True) if wraps else (None, None, None, None))
    assert notes(case) == ([("wrapped-counter", "info")] if wraps else [])


def test_a_counter_with_values_past_32_bits_does_not_wrap() -> None:
    rest = counted([100, 200, 300])
    case = derived(hours(0, 1, 2), tags(Abcd=counted([2**33, 2**31 + 5, 100]), Efgh=rest, Ijkl=rest, Mnop=rest))
    assert notes(case) == [] and one(case).get("allocs_change") is None


def test_outstanding_is_the_difference_in_32_bits_where_the_source_could_not_say() -> None:
    columns: dict[str, Column] = {
        "outstanding": [None, None, 2000],
        "allocs": [500, 900, 3000],  # went through the end before the frees did
        "frees": [2**32 - 500, 2**32 - 400, 1000],
    }
    assert one(derived(hours(0, 1, 2), tags(Abcd=columns))).get("readings") == "0=1000 3600=1300 7200=2000"


@pytest.mark.parametrize(
    ("pool", "memory", "expected"),
    [
        ({"limit": "fixed", "max_bytes": 6 * GB}, {}, (4.0, "pool")),
        ({"limit": "dynamic", "max_bytes": 6 * GB}, {}, (None, None)),
        ({}, {"commit_limit_bytes": 12 * GB, "committed_bytes": 4 * GB}, (8.0, "commit limit")),
        ({}, {"physical_bytes": 8 * GB, "available_bytes": 3 * GB}, (3.0, "RAM")),
        ({"limit": "fixed", "max_bytes": 9 * GB}, {"physical_bytes": 8 * GB, "available_bytes": 3 * GB}, (3.0, "RAM")),
    ],
)
def test_the_time_that_is_left(pool: dict[str, Any], memory: dict[str, Any], expected: tuple[Any, Any]) -> None:
    columns: dict[str, Column] = {"outstanding": [100, 200, 300], "bytes": [0, GB, 2 * GB]}
    facts = [fact("pool", type="nonpaged", used_bytes=2 * GB, **pool), fact("memory", **memory)]
    found = one(derived(hours(0, 1, 2), tags(Abcd=columns), facts=facts))
    assert shown(found, "hours_left", "left_of") == expected


@pytest.mark.parametrize("outstanding", [[300, 200, 100], [100, 300, 301], [200, 200, 200]])
def test_no_time_is_left_of_what_does_not_go_on(outstanding: list[float]) -> None:
    columns: dict[str, Column] = {"outstanding": outstanding, "bytes": [0, GB, 2 * GB]}
    facts = [fact("memory", commit_limit_bytes=12 * GB, committed_bytes=4 * GB)]
    assert one(derived(hours(0, 1, 2), tags(Abcd=columns), facts=facts)).get("hours_left") is None


STARTS = [0, 100, 500, 600, 1400, 1500]
"""Processes started by the hour: at a rate that varies."""


@pytest.mark.parametrize(
    ("leaked", "starts", "expected"),
    [
        ([3 * n + 7 for n in STARTS], STARTS, ("processes started", 3.0)),
        ([3 * n + 7 for n in STARTS], [100 * n for n in range(6)], (None, None)),  # not in step
        ([300 * n for n in range(6)], [100 * n for n in range(6)], (None, None)),  # both steady: nothing ties them
        ([round(n * 0.03) for n in STARTS], [round(n * 0.01) for n in STARTS], (None, None)),  # too few events
    ],
)
def test_growth_in_step_with_an_activity(
    leaked: list[float], starts: list[float], expected: tuple[str | None, float | None]
) -> None:
    process = counted([5000 + n for n in starts])
    leak: dict[str, Column] = {"outstanding": [5000 + n for n in leaked]}
    found = one(derived(hours(0, 1, 2, 3, 4, 5), tags(Abcd=leak, Proc=process)))
    assert shown(found, "activity", "per_activity") == expected


def test_without_times_nothing_shows_that_the_rate_varied() -> None:
    process = counted([5000 + n for n in STARTS])
    assert one(derived(undated(6), tags(Abcd=[3 * n for n in STARTS], Proc=process))).get("activity") is None


@pytest.mark.parametrize(
    ("name", "counted", "expected"),
    [
        ("TCPv4\\Connections Passive", STARTS, ("TCP connections accepted", 2.0)),
        ("TCPv4(_Total)\\connections passive", STARTS, ("TCP connections accepted", 2.0)),
        ("TCPv4\\Connections Established", STARTS, (None, None)),  # how many there are, not how many there were
        ("TCPv4\\Connections Passive", [0, 100, 500, 400, 1400, 1500], (None, None)),
        ("TCPv4\\Connections Passive", [None, 100, 500, None, 1400, 1500], ("TCP connections accepted", 2.0)),
    ],
)
def test_a_counter_of_performance_monitor_is_an_activity(
    name: str, counted: Column, expected: tuple[str | None, float | None]
) -> None:
    column = np.array([[np.nan if value is None else value] for value in counted], dtype=np.float64)
    counter = Readings("counter", "value", "count", ({"subject": name},), {"value": column})
    found = one(derived(hours(0, 1, 2, 3, 4, 5), tags(Abcd=[2 * n for n in STARTS]), counter))
    assert shown(found, "activity", "per_activity") == expected


def test_of_two_activities_in_step_the_cause_is_named() -> None:
    columns = {tag: counted([60 + count * n for n in STARTS]) for tag, count in (("Toke", 2), ("Thre", 4), ("Proc", 1))}
    found = one(derived(hours(0, 1, 2, 3, 4, 5), tags(None, Abcd=[2 * n for n in STARTS], **columns)))
    assert shown(found, "activity", "per_activity") == ("processes started", 2.0)


def test_of_many_readings_the_extremes_and_what_lies_evenly_between_are_kept() -> None:
    column = [10.0 + hour for hour in range(500)]
    column[203] = 9000.0
    found = one(derived(hours(*range(500)), tags(Abcd=column)))
    readings = str(found.get("readings")).split()
    assert 2 < len(readings) <= MAX_READINGS
    assert (readings[0], readings[-1]) == ("0=10", "1796400=509")
    assert f"{203 * 3600}=9000" in readings
    assert shown(found, "highest", "readings_count", "snapshots") == (9000, 500, 500)


def test_the_largest_changes_and_the_largest_of_the_last_moment_become_facts() -> None:
    rest: dict[str, dict[str, Column]] = {
        f"T{number:03}": {"outstanding": [100.0, 100 + number], "bytes": [1.0, 1 + number]} for number in range(300)
    }
    big: dict[str, Column] = {"outstanding": [5, 5], "bytes": [GB, GB]}
    fast: dict[str, Column] = {"outstanding": [0, 9000], "bytes": [0, 900]}
    case = derived(hours(0, 1), tags(None, **rest, Kept=big, Fast=fast))
    found = [fact.get("subject") for fact in case.of("growth")]
    assert len(found) == MAX_GROWTH
    assert found[0] == "Fast" and "T299" in found and "Kept" in found and "T001" not in found


def test_one_counter_in_two_listings_is_one_fact() -> None:
    case = derived(hours(0, 1, 2), tags(Abcd=[1, None, 90]), tags(Abcd=[1, 50, 90]))
    assert one(case).get("readings_count") == 3


def test_growth_that_was_read_stands_and_gets_what_follows_from_it() -> None:
    case = Case(
        Casefile("facts.json", "0" * 64, 1, "facts"),
        [
            fact(
                "growth", quantity="tag", subject="Abcd", change=900, span_s=7200.0, readings="0=100 60=200 7200=1000"
            ),
            fact("growth", quantity="tag", subject="Efgh", change=90, snapshots=2, course="rising"),
            fact("growth", quantity="tag", subject="Ijkl", change=90, snapshots=2, allocs_change=100, frees_change=10),
            fact("growth", quantity="tag", subject="Mnop", readings="not a number"),
        ],
    )
    growth.derive(case, KNOWLEDGE)
    assert shown(one(case), "first", "last", "per_hour", "course") == (100, 1000, 450.0, "rising")
    assert one(case, "Efgh").get("course") == "rising"
    assert shown(one(case, "Ijkl"), "course", "freed_percent", "per_hour") == ("two readings", 10.0, None)
    assert one(case, "Mnop").fields == {"quantity": "tag", "subject": "Mnop", "readings": "not a number"}


def test_facts_of_a_history_read_again_are_the_same() -> None:
    columns: dict[str, Column] = {"outstanding": [1, 40, 30, 90], "allocs": [5, 60, 80, 200], "frees": [4, 20, 50, 110]}
    first = derived(hours(0, 1, 2, 3), tags(Abcd=columns, Efgh=[7, 7, 7, 7]))
    again = Case(first.casefile, first.facts)
    growth.derive(again, KNOWLEDGE)
    assert again.facts == first.facts


READING = st.one_of(
    st.none(),
    st.integers(0, 50),
    st.integers(2**31 - 9, 2**32 + 9),
    st.floats(width=64),
    st.sampled_from([2.0**60, -(2.0**60), 2.0**63, 1e308]),
)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Moment], Readings]:
    count, subjects = draw(st.integers(0, 7)), draw(st.integers(1, 4))
    moments = [
        Moment(
            f"log.txt:{at}",
            draw(st.none() | st.integers(0, 9).map(lambda hour: START + timedelta(hours=hour))),
            draw(st.none() | st.floats()),
        )
        for at in range(count)
    ]
    values = {
        name: np.array(
            draw(st.lists(st.lists(READING, min_size=subjects, max_size=subjects), min_size=count, max_size=count)),
            dtype=np.float64,
        ).reshape(count, subjects)
        for name in draw(st.sampled_from([["outstanding"], ["outstanding", "allocs", "frees", "bytes"]]))
    }
    names = tuple({"subject": f"Tag{at}", "tag": f"Tag{at}", "pool": "nonpaged"} for at in range(subjects))
    return moments, Readings("tag", "outstanding", "allocations", names, values, bits=draw(st.sampled_from([None, 32])))


@given(histories())
@settings(max_examples=200, deadline=None)
def test_no_history_is_too_odd(given: tuple[list[Moment], Readings]) -> None:
    moments, readings = given
    before = {name: values.copy() for name, values in readings.values.items()}
    for found in derived(moments, readings).of("growth"):
        first, last, change = (found.int(name) for name in ("first", "last", "change"))
        assert first is not None and last is not None and change == last - first
        assert (found.int("lowest") or 0) <= min(first, last) <= max(first, last) <= (found.int("highest") or 0)
        assert 1 <= (found.int("snapshots") or 0) <= (found.int("readings_count") or 0) <= len(moments)
        assert (found.number("span_s") or 1) > 0
    assert all(np.array_equal(values, readings.values[name], equal_nan=True) for name, values in before.items())


@given(st.lists(st.integers(0, 10**9), min_size=2, max_size=30))
@settings(max_examples=150, deadline=None)
def test_the_arithmetic_against_plain_python(values: list[int]) -> None:
    found = one(derived(hours(*range(len(values))), tags(Abcd=[float(value) for value in values])))
    pairs = list(pairwise(values))
    assert shown(found, "change", "lowest", "highest") == (values[-1] - values[0], min(values), max(values))
    assert found.get("monotonic") == all(a <= b for a, b in pairs)
    assert found.get("snapshots") == 1 + sum(a != b for a, b in pairs)
    assert found.get("per_hour") == pytest.approx((values[-1] - values[0]) / (len(values) - 1))


@given(
    st.lists(st.integers(0, 2**30), min_size=2, max_size=12),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_a_wrapped_counter_changes_by_what_was_counted(steps: list[int], start: int) -> None:
    made = [start + sum(steps[:at]) for at in range(len(steps) + 1)]
    columns: dict[str, Column] = {
        "outstanding": [float(at) for at in range(len(made))],
        "allocs": [float(count % 2**32) for count in made],
        "frees": [float((count - at) % 2**32) for at, count in enumerate(made)],
    }
    found = one(derived(hours(*range(len(made))), tags(32, Abcd=columns)))
    assert found.get("allocs_change") == sum(steps)
    assert found.get("wrapped") or made[-1] < 2**32


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=10), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_moments_before_a_restart_change_nothing(values: list[int], before: int) -> None:
    since = [Moment(f"b:{at}", uptime_s=100.0 + 60 * at) for at in range(len(values))]
    earlier = [Moment(f"a:{at}", uptime_s=90_000.0 + 60 * at) for at in range(before)]
    alone = derived(since, tags(Abcd=[float(value) for value in values]))
    after = derived([*earlier, *since], tags(Abcd=[5.0] * before + [float(value) for value in values]))
    assert [found.fields for found in after.of("growth")] == [found.fields for found in alone.of("growth")]
    assert notes(after) == [("restart", "warning")]
