"""What goes wrong with a reader that takes the obvious way: one test per trap."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from forged import dump_of, facts_of, read, small_machine
from synth.dumpfile import FULL
from synth.layouts import layout
from synth.machine import forge
from synth.memory import PAGED_OUT, UNMAPPED
from synth.scenario import DeadThreads, Handles, Process, Scenario, Tag, Threads, small
from synth.symbols import PDB

from dumptriage.facts import Case
from dumptriage.knowledge import load_knowledge
from dumptriage.sources import read as read_casefile
from dumptriage.triage import diagnose, shipped_rulebook

ALL = (2195, 2600, 3790, 7601, 9600, 14393, 17763, 19041, 20348, 22000, 26100)


def tags_of(case: Case) -> dict[tuple[object, object], tuple[object, ...]]:
    return {
        (fact.fields["tag"], fact.fields["pool"]): (fact.get("allocs"), fact.get("frees"), fact.get("bytes"))
        for fact in case.of("tag")
    }


@pytest.mark.parametrize("build", [2600, 7601, 19041])
@pytest.mark.parametrize("size", [513, 1025, 2049, 4097])
def test_tracker_table_has_two_to_the_n_plus_one_entries(build: int, size: int) -> None:
    made = forge(small(build, tracker_size=size))
    assert tags_of(read(made)) == made.truth.tags


@pytest.mark.parametrize("build", [7601, 14393, 22000])
@pytest.mark.parametrize("size", [8193, 16385])
def test_a_table_of_few_tags_may_begin_with_hundreds_of_empty_slots(build: int, size: int) -> None:
    made = forge(small(build, tracker_size=size, background=0))
    assert tags_of(read(made)) == made.truth.tags


@pytest.mark.parametrize("build", [3790, 7601, 14393, 19041, 26100])
@pytest.mark.parametrize("processors", [1, 3, 16])
def test_only_the_sum_over_the_processors_means_something(build: int, processors: int) -> None:
    made = forge(small(build, processors=processors))
    found = tags_of(read(made))
    assert found == made.truth.tags
    assert all(isinstance(nbytes, int) and nbytes >= 0 for _, _, nbytes in found.values())


def test_tags_of_the_expansion_table_only() -> None:
    many = tuple(Tag(f"Xp{number:02}", (900 + number, 800, 100 * 0x40), expansion=True) for number in range(30))
    made = forge(small(19041, tags=many))
    found = tags_of(read(made))
    assert all(found[tag.tag, "nonpaged"] == tag.nonpaged for tag in many)


@pytest.mark.parametrize("build", [2195, 2600, 3790, 7601, 17763])
def test_freed_blocks_with_their_tag_still_in_place_are_not_counted(build: int) -> None:
    made = forge(small(build, tags=(Tag("AcFl", (9_000, 8_400, 0), blocks=(600, 0x60), freed_blocks=250),)))
    (census,) = read(made).where("census", tag="AcFl", pool="nonpaged")
    assert census.get("blocks") == 600


@pytest.mark.parametrize("build", [2195, 3790, 7601, 19041])
def test_blocks_in_large_pages_are_counted_once(build: int) -> None:
    made = forge(small(build, large_pool=True, dead_threads=(DeadThreads(1200, 2_000, references=1),)))
    case = read(made, FULL)
    for tag in ("Thre", "AcFl"):
        (census,) = case.where("census", tag=tag, pool="nonpaged")
        assert (census.get("blocks"), census.get("bytes")) == made.truth.blocks[tag, "nonpaged"]
    (ended,) = case.where("dead_objects", type="Thread")
    assert ended.get("count") == 2_000


@pytest.mark.parametrize("build", [14393, 19041, 26100])
def test_a_stored_type_byte_of_zero_is_an_object_like_any_other(build: int) -> None:
    wanted = (Handles("Event", 3_000),)
    people = (Process(4, "System", 0), Process(1200, "agent.exe", handles=wanted))
    made = forge(small(build, processes=people, dead_threads=(), modules=(), unloaded=()))
    (events,) = read(made).where("handles", pid=1200, type="Event")
    assert (events.get("count"), events.get("distinct_objects")) == (3_000, 3_000)


@pytest.mark.parametrize("build", ALL)
def test_live_threads_do_not_count_as_ended(build: int) -> None:
    """On a live thread the bytes of ExitTime are a list head and never zero."""
    people = (Process(8 if build == 2195 else 4, "System", 0), Process(1200, "busy.exe", threads=(Threads(400),)))
    made = forge(small(build, processes=people, dead_threads=(), modules=()))
    case = read(made)
    assert not case.of("dead_objects")
    assert {fact.get("pid"): fact.get("threads") for fact in case.of("process")}[1200] == 400


def leaf_case(build: int, state: str, leaf: int) -> tuple[Case, int, int]:
    """A table with 4,000 handles and one leaf out: the case, all handles, those in the other leaves."""
    people = (
        Process(8 if build == 2195 else 4, "System", 0),
        Process(1200, "agent.exe", handles=(Handles("Event", 4_000),)),
    )
    changed = replace(people[1], **{state: (leaf,)})  # type: ignore[arg-type]
    made = forge(small(build, processes=(people[0], changed), dead_threads=(), modules=()))
    counts = made.truth.leaves[1200]
    return read(made), sum(counts), sum(counts) - counts[leaf]


@pytest.mark.parametrize("build", [2600, 3790, 7601, 9600, 19041])
def test_a_leaf_in_the_page_file_is_said_and_not_made_up(build: int) -> None:
    case, total, rest = leaf_case(build, "leaves_paged_out", 3)
    (process,) = case.where("process", pid=1200)
    assert process.get("handle_count") == total
    (events,) = case.where("handles", pid=1200, type="Event")
    assert events.get("count") == rest
    notes = [str(fact.get("text")) for fact in case.where("data_quality", subject="handles")]
    assert any(re.search(r"not in this dump|paged out|page file", note) for note in notes), notes


@pytest.mark.parametrize("build", [2600, 3790, 7601, 19041])
def test_a_leaf_in_transition_is_read_or_said(build: int) -> None:
    """The entry is invalid but names a page in memory: to read it is right, and so is to say that it was left out."""
    case, total, rest = leaf_case(build, "leaves_in_transition", 3)
    (process,) = case.where("process", pid=1200)
    assert process.get("handle_count") == total
    (events,) = case.where("handles", pid=1200, type="Event")
    assert events.get("count") == total or (
        events.get("count") == rest and list(case.where("data_quality", subject="handles"))
    )


@pytest.mark.parametrize("state", [PAGED_OUT, UNMAPPED])
def test_absent_image_sections_are_not_in_this_dump(state: int) -> None:
    scenario = small(7601)
    modules = tuple(replace(m, states={"PAGE": state}) if m.name == "acmeflt.sys" else m for m in scenario.modules)
    case = read(replace(scenario, modules=modules))
    assert not list(case.where("tag_module", tag="AcPg"))
    assert [fact.get("module") for fact in case.where("tag_module", tag="AcFl", plausible=True)] == ["acmeflt"]
    assert any("not in this dump" in str(fact.get("text")) for fact in case.of("data_quality"))


@pytest.mark.parametrize("build", [9600, 14393, 19041, 22000])
def test_an_encoded_debugger_data_block_gives_no_wrong_fact(build: int) -> None:
    """Without symbols it cannot be decoded: what is found by other ways is right, the rest is missing."""
    made = forge(small(build, encoded_debugger_data=True))
    case = read(made)
    assert tags_of(case).items() <= made.truth.tags.items()
    for fact in (row for row in case.of("handles") if row.get("type") != "*"):
        assert fact.get("count") == made.truth.handles[int(str(fact.get("pid")))].get(str(fact.get("type")))
    assert any(fact.get("problem") in ("missing-symbols", "broken", "not-in-dump") for fact in case.of("data_quality"))


@pytest.mark.parametrize("build", sorted(set(PDB) - {7601}))
def test_an_encoded_debugger_data_block_is_decoded_with_symbols(build: int, shared: Path) -> None:
    made = forge(small(build, encoded_debugger_data=True))
    case = read(made, symbols=(str(shared / "symbols"),))
    assert tags_of(case) == made.truth.tags
    assert {fact.get("pid") for fact in case.of("process")} == set(made.truth.processes)


@pytest.mark.parametrize("build", [17763, 19041, 20348])
def test_with_symbols_10_and_later_have_their_counters(build: int, shared: Path) -> None:
    case = read(small(build), symbols=(str(shared / "symbols"),))
    counters = small(build).counters
    memory, pools = case.one("memory"), {fact.get("type"): fact for fact in case.of("pool")}
    assert memory is not None
    assert memory.get("available_bytes") == counters.available * 4096
    assert memory.get("committed_bytes") == counters.committed * 4096
    assert memory.get("commit_limit_bytes") == counters.commit_limit * 4096
    assert pools["nonpaged"].get("used_bytes") == counters.nonpaged * 4096


@pytest.mark.parametrize("build", [7601, 19041])
def test_exact_symbols_and_embedded_layouts_agree(build: int, shared: Path) -> None:
    kinds = ("process", "handles", "tag", "object_type", "dead_objects", "module", "census")

    def essence(case: Case) -> list[tuple[str, object]]:
        return [(fact.id, sorted(fact.fields.items())) for kind in kinds for fact in case.of(kind)]

    assert essence(read(small_machine(build), symbols=(str(shared / "symbols"),))) == essence(
        read(small_machine(build))
    )


def healthy(build: int) -> Scenario:
    """A machine in order, with a few ended processes that something still refers to."""
    scenario = small(build)
    quiet = tuple(
        replace(process, handles=tuple(h for h in process.handles if not h.to.startswith("dead")))
        for process in scenario.processes
    )
    ended = tuple(Process(2000 + 4 * n, "cmd.exe", 1200, ended=True, references=1) for n in range(6))
    tags = tuple(tag for tag in scenario.tags if tag.tag not in ("AcFl", "LSwi"))
    return replace(scenario, processes=(*quiet, *ended), dead_threads=(DeadThreads(1200, 4, references=1),), tags=tags)


@pytest.mark.parametrize("build", [7601, 19041])
def test_zombies_on_a_healthy_machine_are_no_leak(build: int, tmp_path: Path) -> None:
    (case,) = read_casefile(forge(healthy(build)).dump(tmp_path / "healthy.dmp"))
    verdict = diagnose(case, shipped_rulebook(), load_knowledge()).verdict
    assert verdict.state != "leak"


@pytest.mark.parametrize("build", [9600, 14393, 19041])
def test_the_pointer_count_of_samples_is_told_apart_from_references(build: int) -> None:
    """Objects kept by handles alone: their biased pointer count is no sign of references."""
    case = read(small(build))
    (threads,) = case.where("dead_objects", type="Thread")
    assert (threads.get("with_handles"), threads.get("references_only")) == (700, 0)
    sample = next(case.where("sample", type="Thread", state="terminated"))
    assert int(str(sample.get("pointer_count"))) > 0x7000


def test_the_forger_splits_figures_so_that_single_tables_are_negative() -> None:
    """What the tests above rest on: the first processor's table has byte counts below zero."""
    made = small_machine(19041)
    raw = dump_of(made)
    at = layout(19041).at("_POOL_TRACKER_TABLE.NonPagedBytes")
    rows = [match.start() for match in re.finditer(re.escape(b"Irp \0\0\0\0"), raw)]
    assert min(int.from_bytes(raw[row + at : row + at + 8], "little", signed=True) for row in rows) < 0
    assert facts_of(raw).of("tag")
