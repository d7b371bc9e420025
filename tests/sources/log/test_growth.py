import numpy as np
import pytest

from dumptriage.derivation import derive
from dumptriage.facts import Case, Casefile, Fact, Value, new
from dumptriage.facts.history import History
from dumptriage.knowledge import load_knowledge
from dumptriage.sources.log import growth
from dumptriage.sources.log.growth import history
from dumptriage.sources.log.machines import Block, to_cases
from dumptriage.sources.log.merge import merged

KNOWLEDGE = load_knowledge()
CASEFILE = Casefile("log.txt", "0" * 64, 1, "log")


def fact(kind: str, at: int, verify: str = "!poolused 2 Abcd", **fields: Value) -> Fact:
    return new(kind, source=f"log.txt:{at}", verify=verify, quality="exact", quote=f"line {at}", **fields)


def tag(at: int, outstanding: int, verify: str = "!poolused 2 Abcd", name: str = "Abcd") -> Fact:
    return fact("tag", at, verify, tag=name, pool="nonpaged", outstanding=outstanding)


def uptime(at: int, seconds: float) -> Fact:
    return fact("system", at, uptime_s=seconds)


def process(at: int, handles: int, image: str = "relayd.exe", pid: int = 2864) -> Fact:
    return fact("process", at, "!process ffff8000 0", pid=pid, address="ffff8000", image=image, handle_count=handles)


def case(*facts: Fact) -> Case:
    (found,) = to_cases([Block(1, 9, facts)], CASEFILE)
    derive(found, KNOWLEDGE)
    return found


def growths(*facts: Fact) -> list[Fact]:
    return case(*facts).of("growth")


def shown(fact: Fact, *names: str) -> tuple[Value | None, ...]:
    return tuple(fact.get(name) for name in names)


def figures(found: History, number: int = 0) -> list[list[float | None]]:
    readings = found.readings[number]
    return [[None if np.isnan(v) else v for v in row] for row in readings.values[readings.counter].tolist()]


def test_growth_of_a_tag_with_the_times_of_the_log() -> None:
    (found,) = growths(uptime(1, 3600.0), tag(2, 100), uptime(3, 10800.0), tag(4, 300))
    assert shown(found, "quantity", "subject", "tag", "pool") == ("tag", "Abcd", "Abcd", "nonpaged")
    assert shown(found, "change", "unit", "span_s", "per_hour") == (200, "allocations", 7200.0, 100.0)
    assert shown(found, "monotonic", "snapshots", "readings") == (True, 2, "0=100 7200=300")
    assert (found.source, found.verify, found.quote) == ("log.txt:2, log.txt:4", "!poolused 2 Abcd", "line 2\nline 4")


def test_without_times_there_is_no_rate() -> None:
    (found,) = growths(uptime(1, 3600.0), tag(2, 100), tag(4, 400), tag(6, 300))
    assert shown(found, "change", "monotonic", "snapshots") == (200, False, 3)
    assert shown(found, "span_s", "per_hour", "readings") == (None, None, "100 400 300")


@pytest.mark.parametrize(
    "facts",
    [
        [tag(1, 100)],
        [tag(1, 100), tag(2, 100)],  # one moment, listed twice
        [uptime(1, 60.0), tag(2, 100), uptime(3, 60.0), tag(4, 100)],
        [tag(1, 100), tag(2, 300, "poolmon -iAbcd")],  # listings of two kinds
        [uptime(1, 9000.0), tag(2, 100), uptime(3, 60.0), tag(4, 300)],  # restarted in between
        [process(1, 100), process(2, 300, image="other.exe")],
        [fact("process", at, image="relayd.exe", handle_count=at) for at in (1, 2)],  # which of them is not known
    ],
)
def test_what_is_no_growth(facts: list[Fact]) -> None:
    assert growths(*facts) == []


def test_figures_that_are_not_exact_are_no_readings() -> None:
    rough = [
        new("tag", source=f"log.txt:{at}", quality="rounded", tag="Abcd", pool="nonpaged", outstanding=at)
        for at in (1, 2)
    ]
    assert history(rough) is None


def test_what_did_not_grow_between_two_times_is_told() -> None:
    (found,) = growths(uptime(1, 3600.0), tag(2, 100), uptime(3, 10800.0), tag(4, 100))
    assert shown(found, "change", "course", "span_s") == (0, "level", 7200.0)


def test_a_moment_ends_where_the_time_changes_or_a_counter_repeats() -> None:
    found = history(
        [uptime(1, 60.0), tag(2, 1), tag(3, 5, name="Efgh"), tag(4, 2), uptime(5, 90.0), tag(6, 7, name="Efgh")]
    )
    assert found is not None
    assert [(moment.source, moment.uptime_s) for moment in found.moments] == [
        ("log.txt:2", 60.0),
        ("log.txt:4", None),
        ("log.txt:6", 90.0),
    ]
    assert figures(found) == [[1.0, 5.0], [2.0, None], [None, 7.0]]


def test_all_counters_of_a_tag_are_read() -> None:
    facts = [
        fact("tag", at, tag="Abcd", pool="paged", outstanding=at, bytes=64 * at, allocs=9 * at, frees=8 * at)
        for at in (10, 30)
    ]
    (found,) = growths(*facts)
    assert shown(found, "change", "bytes_change", "allocs_change", "frees_change") == (20, 1280, 180, 160)


def test_a_row_that_cannot_be_is_no_reading() -> None:
    odd = fact("tag", 4, tag="Abcd", pool="nonpaged", outstanding=9000, bytes=12)
    assert growths(tag(2, 100), odd, tag(6, 300))[0].get("readings") == "100 300"


def test_growth_pasted_as_a_table_stands_where_none_can_be_worked_out() -> None:
    pasted = fact("growth", 9, quantity="tag", subject="Abcd", tag="Abcd", change=7)
    assert [found.get("change") for found in growths(tag(1, 100), tag(2, 100), pasted)] == [7]
    assert [found.get("change") for found in growths(tag(1, 100), tag(2, 300), pasted)] == [200]


def test_two_readings_of_a_process_are_one_process() -> None:
    found = case(process(1, 41210), process(9, 68220))
    (kept,) = found.of("process")
    assert (kept.get("handle_count"), kept.source) == (68220, "log.txt:1, log.txt:9")
    (grown,) = found.of("growth")
    assert shown(grown, "quantity", "subject", "pid", "change", "unit") == (
        "process",
        "relayd.exe",
        2864,
        27010,
        "handles",
    )


def test_a_process_that_got_the_pid_of_another_stays_apart() -> None:
    assert [f.kind for f in merged([process(1, 1), process(2, 2, image="other.exe")])] == ["process", "process"]


def test_two_histograms_of_one_process() -> None:
    found = case(*(fact("handles", at, "!handle", pid=16, type="Event", count=n) for at, n in ((1, 5), (9, 50))))
    (kept,), (grown,) = found.of("handles"), found.of("growth")
    assert (kept.get("count"), grown.get("subject"), grown.get("change")) == (50, "pid 16 Event", 45)


def test_a_log_that_repeats_itself_without_end_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "MAX_MOMENTS", 20)
    monkeypatch.setattr(growth, "MAX_CELLS", 60)
    found = history(tag(at, at, name=f"T{name:03}") for at in range(1, 100) for name in range(9))
    assert found is not None
    assert len(found.moments) == 20 and found.moments[-1].source == "log.txt:99"
    assert [len(readings.subjects) for readings in found.readings] == [3]
