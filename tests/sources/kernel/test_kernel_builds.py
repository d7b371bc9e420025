"""Every build, a small machine: all facts against the scenario's own figures, read with the embedded tables alone."""

from typing import Any

import pytest
from forged import read, small_machine
from synth.layouts import BUILDS, X86_BUILDS
from synth.machine import Machine

from dumptriage.facts import Case

PAGE = 4096


@pytest.fixture(
    scope="module",
    params=[*((build, 0) for build in BUILDS), *((build, 32) for build in X86_BUILDS)],
    ids=[*(str(build) for build in BUILDS), *(f"{build} x86" for build in X86_BUILDS)],
)
def truth(request: pytest.FixtureRequest) -> Machine:
    return small_machine(*request.param)


@pytest.fixture(scope="module")
def case(truth: Machine) -> Case:
    return read(truth)


def test_processes(truth: Machine, case: Case) -> None:
    found = {fact.fields["pid"]: fact for fact in case.of("process")}
    assert set(found) == set(truth.truth.processes)
    for pid, (image, threads, ended) in truth.truth.processes.items():
        fact = found[pid]
        assert (fact.get("image"), bool(fact.get("exited"))) == (image, ended)
        if not ended:
            assert fact.get("threads") == threads
            assert fact.get("handle_count") == truth.truth.handle_counts[pid]
    parents = {process.pid: process.parent for process in truth.scenario.processes}
    assert {pid: fact.get("parent_pid") for pid, fact in found.items() if pid in (400, 1200)} == {
        400: parents[400],
        1200: parents[1200],
    }


def test_handles(truth: Machine, case: Case) -> None:
    found = {(fact.fields["pid"], fact.fields["type"]): fact for fact in case.of("handles")}
    for pid, types in truth.truth.handles.items():
        for name, count in types.items():
            fact = found[pid, name]
            assert (fact.get("count"), fact.get("distinct_objects")) == (count, truth.truth.distinct[pid][name])
    assert found[1200, "Thread"].get("dead_targets") == 700
    assert found[400, "Thread"].get("dead_targets") in (0, None)


def test_handles_of_the_system_process_are_the_kernels(truth: Machine, case: Case) -> None:
    system = truth.scenario.processes[0].pid
    marks = {fact.fields["pid"]: fact.get("kernel") for fact in case.of("handles")}
    assert marks.pop(system) is True
    assert not any(marks.values())


def test_object_types(truth: Machine, case: Case) -> None:
    found = {fact.fields["type"]: (fact.get("objects"), fact.get("handles")) for fact in case.of("object_type")}
    assert {name: found.get(name) for name in truth.truth.types} == truth.truth.types


def test_tags_are_the_sum_over_all_processors_and_the_expansion_table(truth: Machine, case: Case) -> None:
    found: dict[tuple[Any, Any], tuple[Any, ...]] = {
        (fact.fields["tag"], fact.fields["pool"]): (fact.get("allocs"), fact.get("frees"), fact.get("bytes"))
        for fact in case.of("tag")
    }
    assert found == truth.truth.tags
    assert found["XpOn", "nonpaged"] == (77, 70, 7 * 0x40)


def test_ended_objects(case: Case) -> None:
    rows = {
        (fact.get("type"), fact.get("owner_pid")): [
            fact.get(name) for name in ("count", "with_handles", "references_only")
        ]
        for fact in case.of("dead_objects")
    }
    assert rows == {("Thread", 1200): [700, 700, 0], ("Process", 1316): [1, 0, 1]}


def test_modules(truth: Machine, case: Case) -> None:
    loaded = {fact.get("file"): fact for fact in case.of("module") if not fact.get("unloaded")}
    assert set(loaded) == set(truth.truth.modules)
    for name, (base, size, version) in truth.truth.modules.items():
        fact = loaded[name]
        assert (int(str(fact.get("base")), 16), fact.get("size"), fact.get("version")) == (base, size, version)
    assert loaded["acmeflt.sys"].get("company") == "Acme Storage Inc."
    assert loaded["acmeflt.sys"].get("imports_pool") is True
    assert loaded["scan.sys"].get("imports_pool") is not True
    unloaded = [str(fact.get("name")) for fact in case.of("module") if fact.get("unloaded")]
    assert [name.removesuffix(".sys") for name in unloaded] == ["oldflt", "acmeold"]


def test_tags_in_images(case: Case) -> None:
    hits = {(fact.get("tag"), fact.get("module")): fact for fact in case.of("tag_module")}
    assert hits["AcFl", "acmeflt"].get("plausible") is True
    assert str(hits["AcFl", "acmeflt"].get("section")) == ".text"
    decoys = [fact.get("plausible") for (_, module), fact in hits.items() if module in ("scan", "nt", "ntoskrnl")]
    assert decoys and not any(decoys)


def test_census_agrees_with_what_was_allocated(truth: Machine, case: Case) -> None:
    found = {
        (fact.fields["tag"], fact.fields["pool"]): (fact.get("blocks"), fact.get("bytes")) for fact in case.of("census")
    }
    for key in (("Thre", "nonpaged"), ("AcFl", "nonpaged")):
        assert found[key] == truth.truth.blocks[key]


def test_counters(truth: Machine, case: Case) -> None:
    build, counters = truth.scenario.build, truth.scenario.counters
    memory = case.one("memory")
    assert memory is not None
    if build > 9600:
        assert memory.get("available_bytes") is None, "only symbols say where the system partition is"
        return
    wanted = {
        "available_bytes": counters.available,
        "resident_available_bytes": counters.resident_available,
        "committed_bytes": counters.committed,
        "commit_limit_bytes": counters.commit_limit,
        "peak_commit_bytes": counters.peak_commit,
    }
    assert {name: memory.get(name) for name in wanted} == {name: pages * PAGE for name, pages in wanted.items()}
    pools = {fact.get("type"): fact for fact in case.of("pool")}
    assert pools["nonpaged"].get("used_bytes") == counters.nonpaged * PAGE
    if build < 6000:
        assert pools["nonpaged"].get("max_bytes") == counters.nonpaged_max * PAGE
