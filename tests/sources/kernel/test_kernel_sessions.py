"""Session pool: the tag tables of the sessions that are in the dump, added up."""

from dataclasses import replace

import pytest
from forged import read
from synth.layouts import BUILDS
from synth.scenario import Process, Scenario, Tag, small
from synth.symbols import PDB

from dumptriage.facts import Case

WITH_TABLES = tuple(build for build in BUILDS if build not in (2195, 2600, 26100))


def tags_of(case: Case) -> dict[object, tuple[object, ...]]:
    rows = case.where("tag", pool="session")
    return {fact.get("tag"): tuple(fact.get(name) for name in ("allocs", "frees", "bytes")) for fact in rows}


def machine(build: int, **changes: object) -> Scenario:
    """Two sessions; tag Gh05 leaks in both, and there are sixty others."""
    others = tuple(Tag(f"G{number:03}", paged=(50 + number, 40, 0x1000)) for number in range(60))
    tags = tuple((session, (Tag("Gh05", paged=(9_000 * (session + 1), 500, 0x80000)), *others)) for session in (0, 2))
    people = (*small(build).processes, Process(1400, "dwm.exe", session=2), Process(1404, "explorer.exe", session=2))
    return replace(small(build, processes=people, session_tags=tags), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("build", WITH_TABLES)
def test_the_tables_of_all_sessions_are_added_up(build: int) -> None:
    case = read(machine(build))
    found = tags_of(case)
    assert found["Gh05"] == (36_000, 1_000, 0x100000)
    assert len(found) == 61
    assert {fact.quality for fact in case.where("tag", pool="session")} == {"exact"}
    (pool,) = case.where("pool", type="session")
    assert (pool.get("used_bytes"), pool.quality) == (2 * (0x80000 + 60 * 0x1000), "lower-bound")


@pytest.mark.parametrize("build", [3790, 7601, 19041])
def test_a_session_that_is_not_in_the_dump_makes_lower_bounds(build: int) -> None:
    case = read(machine(build, sessions_out=(2,)))
    assert tags_of(case)["Gh05"] == (9_000, 500, 0x80000)
    assert {fact.quality for fact in case.where("tag", pool="session")} == {"lower-bound"}
    assert any("1 other sessions are not in this dump" in str(fact.get("text")) for fact in case.of("data_quality"))


@pytest.mark.parametrize("build", BUILDS)
def test_without_tables_it_is_said_that_session_pool_is_not_read(build: int) -> None:
    case = read(small(build))
    assert not tags_of(case) and not list(case.where("pool", type="session"))
    assert any("session pool (win32k" in str(fact.get("text")) for fact in case.where("data_quality", subject="tags"))


@pytest.mark.parametrize("build", [9600, 19041, 20348])
def test_the_tables_of_the_processors_are_not_taken_for_a_sessions(build: int) -> None:
    case = read(machine(build, sessions_out=(0, 2), processors=16))
    assert not tags_of(case)


@pytest.mark.parametrize("build", sorted(PDB))
def test_with_symbols_the_tables_are_where_they_say(build: int, shared: object) -> None:
    case = read(machine(build), symbols=(f"{shared}/symbols",))
    assert tags_of(case)["Gh05"] == (36_000, 1_000, 0x100000)
