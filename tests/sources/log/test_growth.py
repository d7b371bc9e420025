import pytest

from dumptriage.facts import Fact, Value, new
from dumptriage.sources.log.growth import MAX_READINGS, growths
from dumptriage.sources.log.merge import merged


def fact(kind: str, at: int, verify: str = "!poolused 2 Abcd", **fields: Value) -> Fact:
    return new(kind, source=f"log.txt:{at}", verify=verify, quality="exact", quote=None, **fields)


def tag(at: int, outstanding: int, verify: str = "!poolused 2 Abcd") -> Fact:
    return fact("tag", at, verify, tag="Abcd", pool="nonpaged", outstanding=outstanding)


def uptime(at: int, seconds: float) -> Fact:
    return fact("system", at, uptime_s=seconds)


def process(at: int, handles: int, image: str = "relayd.exe", pid: int = 2864) -> Fact:
    return fact("process", at, "!process ffff8000 0", pid=pid, address="ffff8000", image=image, handle_count=handles)


def test_growth_of_a_tag_with_the_times_of_the_log() -> None:
    (growth,) = growths([uptime(1, 3600.0), tag(2, 100), uptime(3, 10800.0), tag(4, 300)])
    assert growth.fields == {
        "quantity": "tag",
        "subject": "Abcd",
        "tag": "Abcd",
        "change": 200,
        "unit": "allocations",
        "span_s": 7200.0,
        "per_hour": 100.0,
        "monotonic": True,
        "snapshots": 2,
        "readings": "0=100 7200=300",
    }
    assert growth.source == "log.txt:2, log.txt:4"


def test_without_times_there_is_no_rate() -> None:
    (growth,) = growths([uptime(1, 3600.0), tag(2, 100), tag(4, 400), tag(6, 300)])
    assert (growth.get("change"), growth.get("monotonic"), growth.get("snapshots")) == (200, False, 3)
    assert growth.get("span_s") is None and growth.get("per_hour") is None
    assert growth.get("readings") == "100 400 300"


def test_of_many_readings_the_first_the_last_and_what_lies_evenly_between_are_kept() -> None:
    facts = [
        fact for hour in range(500) for fact in (uptime(2 * hour, 3600.0 * (hour + 1)), tag(2 * hour + 1, 10 + hour))
    ]
    (growth,) = growths(facts)
    readings = str(growth.get("readings")).split()
    assert 2 < len(readings) <= MAX_READINGS
    assert (readings[0], readings[-1]) == ("0=10", "1796400=509")


@pytest.mark.parametrize(
    "facts",
    [
        [tag(1, 100)],
        [tag(1, 100), tag(2, 100)],
        [tag(1, 100), tag(2, 300, "poolmon -iAbcd")],  # listings of two kinds
        [uptime(1, 9000.0), tag(2, 100), uptime(3, 60.0), tag(4, 300)],  # restarted in between
        [process(1, 100), process(2, 300, image="other.exe")],
    ],
)
def test_what_is_no_growth(facts: list[Fact]) -> None:
    assert growths(facts) == []


def test_two_readings_of_a_process_are_one_process() -> None:
    first, growth = merged([process(1, 41210), process(9, 68220)])
    assert (first.kind, first.get("handle_count"), first.source) == ("process", 68220, "log.txt:1, log.txt:9")
    assert [growth.get(name) for name in ("quantity", "subject", "pid", "change", "unit")] == [
        "process",
        "relayd.exe",
        2864,
        27010,
        "handles",
    ]


def test_a_process_that_got_the_pid_of_another_stays_apart() -> None:
    assert [f.kind for f in merged([process(1, 1), process(2, 2, image="other.exe")])] == ["process", "process"]


def test_two_histograms_of_one_process() -> None:
    kept, growth = merged(
        [fact("handles", at, "!handle 0 0 0x10", pid=16, type="Event", count=count) for at, count in ((1, 5), (9, 50))]
    )
    assert (kept.get("count"), growth.get("subject"), growth.get("change")) == (50, "pid 16 Event", 45)
