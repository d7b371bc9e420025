"""The published samples of poolmon, Windows NT 4 to 10, each a casefile of its own; skipped where they are absent."""

from pathlib import Path

import pytest

from dumptriage.facts import Casefile
from dumptriage.sources import poolmon

KB = 1024


@pytest.mark.parametrize(
    ("name", "tags", "available_kb", "first"),
    [
        ("wdk-poolmon-display-0", 8, 96364, ("Wait", "nonpaged", 30, 8456)),
        ("wdk-poolmon-examples-10", 13, 65152, ("NtFA", "nonpaged", 0, 0)),
        ("wdk-poolmon-examples-12", 3, None, ("1MEM", "nonpaged", 1, 3344)),
        ("wdk-poolmon-examples-15", 8, 23692, ("IpEQ", "nonpaged", 1, 1808)),
        ("wdk-poolmon-examples-18", 1, 91856, ("Drsd", "paged", 21, 17472)),
        ("wdk-poolmon-examples-19", 1, 91808, ("Drsd", "paged", 27, 22464)),
        ("wdk-poolmon-examples-21", 16, 233036, ("Bmfd", "session", 25, 57832)),
        ("wdk-poolmon-examples-23", 16, 233024, ("Bmfd", "session", 25, 57832)),
        ("wdk-poolmon-examples-27", 0, 44956, None),
        ("wdk-poolmon-nt4-2", 4, 4564, ("CM  ", "paged", 281, 1377312)),
        ("wdk-poolmon-using-0", 4, 4564, ("CM  ", "paged", 281, 1377312)),
        ("wdk-poolmon-using-1", 3, 20055132, ("HidC", "paged", 8, 896)),
    ],
)
def test_sample(
    shared: Path, name: str, tags: int, available_kb: int | None, first: tuple[str, str, int, int] | None
) -> None:
    data = (shared / "formats" / "poolmon" / f"{name}.txt").read_bytes()
    assert poolmon.is_poolmon(data)
    (case,) = poolmon.read(data, Casefile(name, "0" * 64, len(data), "poolmon"))
    found = case.of("tag")
    assert len(found) == tags
    assert {fact.quality for fact in found} <= {"exact"}
    if first:
        assert tuple(found[0].get(field) for field in ("tag", "pool", "outstanding", "bytes")) == first
    memory = case.one("memory")
    assert (memory.get("available_bytes") if memory else None) == (available_kb and available_kb * KB)
    assert case.history is None


def test_two_samples_in_one_file(shared: Path) -> None:
    names = ("wdk-poolmon-examples-18", "wdk-poolmon-examples-19")
    data = b"\n".join((shared / "formats" / "poolmon" / f"{name}.txt").read_bytes() for name in names)
    (case,) = poolmon.read(data, Casefile("pool.log", "0" * 64, len(data), "poolmon"))
    assert case.history is not None
    assert case.history.readings[0].values["outstanding"].tolist() == [[21], [27]]


def test_a_machine_without_pool_tagging_is_no_poolmon_log(shared: Path) -> None:
    assert not poolmon.is_poolmon((shared / "formats" / "errors" / "poolmon-xp-no-tagging.txt").read_bytes())
