"""Where threads started, what is on their kernel stacks, what objects are called, who crashed: on every build."""

import time
from dataclasses import replace

import numpy as np
import pytest
from forged import read
from synth.dumpfile import FULL, KERNEL
from synth.layouts import BUILDS
from synth.machine import forge
from synth.scenario import DeadThreads, Handles, Process, Scenario, Threads, small

from dumptriage.facts import Case

FILES = ("agent.exe", "worker.dll", "ntdll.dll")


def machine(build: int, threads: tuple[Threads, ...] = (), start: str = "worker.dll", **agent: object) -> Scenario:
    """System and an agent that has ended threads, with files mapped into the agent."""
    system = Process(8 if build == 2195 else 4, "System", 0, threads=(Threads(3, start="nt", stack=("nt",)),))
    held = (Handles("Thread", 700, 700, "dead 1200"),)
    leaker = Process(1200, "agent.exe", handles=held, threads=threads or (Threads(2),), images=FILES)
    leaker = replace(leaker, **agent)  # type: ignore[arg-type]
    return small(build, processes=(system, leaker), dead_threads=(DeadThreads(1200, 700, start),))


def start_of_ended(case: Case) -> object:
    (ended,) = case.where("dead_objects", type="Thread")
    return ended.get("start_module")


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize("file", FILES)
def test_a_start_in_user_memory_is_named_by_the_file_mapped_there(build: int, file: str) -> None:
    case = read(machine(build, start=file))
    assert start_of_ended(case) == file.partition(".")[0]
    sample = next(case.where("sample", type="Thread", state="terminated"))
    assert sample.get("start_module") == file.partition(".")[0]


@pytest.mark.parametrize("build", BUILDS)
def test_without_the_name_of_the_file_the_loader_knows_in_a_full_dump_only(build: int) -> None:
    scenario = machine(build, names_out=True, loader=True)
    assert start_of_ended(read(scenario, FULL)) == "worker"
    assert start_of_ended(read(scenario, KERNEL)) is None


@pytest.mark.parametrize("build", [2195, 3790, 7601, 19041])
def test_a_start_in_private_memory_stays_unknown(build: int) -> None:
    assert start_of_ended(read(machine(build, start=0x7FFE_0000))) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("build", BUILDS)
def test_the_kernel_stacks_of_the_largest_group_are_scanned_for_return_addresses(build: int) -> None:
    threads = (Threads(60, 5, 6, "worker.dll", ("nt", "acmeflt.sys", "nt", "~ntfs.sys")), Threads(3, 5, 0))
    case = read(machine(build, threads))
    stacks = {fact.get("module"): fact for fact in case.where("stack", purpose="thread")}
    assert set(stacks) == {"nt", "acmeflt"}, "no call stands in front of the address in ntfs"
    assert (stacks["nt"].get("frame"), stacks["acmeflt"].get("frame")) == (0, 1)
    assert stacks["acmeflt"].get("symbol") == "acmeflt+0x1026"
    assert {fact.quality for fact in stacks.values()} == {"suspect"}
    live = list(case.where("sample", type="Thread", state="waiting"))
    assert [fact.get("start_module") for fact in live] == ["worker", "worker"]
    assert all(str(fact.verify) == f"!thread {fact.get('address')}" for fact in live)
    assert stacks["acmeflt"].verify in {fact.verify for fact in live}


def test_a_stack_in_the_page_file_is_said_and_gives_nothing() -> None:
    case = read(machine(19041, (Threads(60, 5, 6, "worker.dll", ("nt", "acmeflt.sys"), True),)))
    assert not list(case.where("stack", purpose="thread"))
    assert any("Kernel stacks of sampled threads: 0 read" in str(fact.get("text")) for fact in case.of("data_quality"))


def test_running_threads_have_no_saved_stack_and_are_left_alone() -> None:
    case = read(machine(19041, (Threads(60, 2, 0, "worker.dll", ("nt", "acmeflt.sys")),)))
    assert not list(case.where("stack", purpose="thread"))


@pytest.mark.parametrize("build", BUILDS)
def test_the_process_that_ran_when_the_machine_crashed(build: int) -> None:
    scenario = machine(build, (Threads(2, 2, 0, 0x7C810856, ("acmeflt.sys", "nt")),))
    case = read(replace(scenario, current=1200))
    assert [fact.get("pid") for fact in case.where("process", crashed=True)] == [1200]
    crash = {fact.get("module"): fact.get("frame") for fact in case.where("stack", purpose="crash")}
    assert crash == {"acmeflt": 0, "nt": 1}


@pytest.mark.parametrize("code", [0, 0x161])
def test_a_live_dump_has_no_crashed_process(code: int) -> None:
    case = read(replace(machine(19041), bugcheck=(code, 0, 0, 0, 0), processors=1))
    assert not list(case.where("process", crashed=True))
    assert not list(case.where("stack", purpose="crash"))


@pytest.mark.parametrize("build", BUILDS)
@pytest.mark.parametrize(
    ("type_name", "given", "found"),
    [
        ("Event", "\\BaseNamedObjects\\AcmeLeak", "\\BaseNamedObjects\\AcmeLeak"),
        ("File", "\\Device\\NamedPipe\\acme", "\\Device\\NamedPipe\\acme"),
        ("Event", "", None),
    ],
)
def test_sampled_objects_have_their_names(build: int, type_name: str, given: str, found: str | None) -> None:
    scenario = machine(build, handles=(Handles(type_name, 10_500, 40, name=given),))
    samples = list(read(scenario).where("sample", type=type_name))
    assert samples and {fact.get("name") for fact in samples} == {found}


@pytest.mark.parametrize("build", BUILDS)
def test_session_of_a_process(build: int) -> None:
    people = (*machine(build).processes, Process(1300, "dwm.exe", session=2))
    case = read(replace(machine(build), processes=people))
    assert {fact.get("pid"): fact.get("session") for fact in case.of("process") if fact.get("pid") in (1200, 1300)} == {
        1200: 0,
        1300: 2,
    }


@pytest.mark.parametrize("build", [2195, 3790, 9200, 19041])
def test_damaged_ranges_stacks_and_lists_give_a_name_or_none_in_bounded_time(build: int) -> None:
    """Bytes flipped where VADs, kernel stacks and the loader's list stand: what is still named is really there."""
    threads = (Threads(60, 5, 6, "worker.dll", ("nt", "acmeflt.sys")),)
    made = forge(machine(build, threads, loader=True, names_out=build == 9200))
    places = {made.places[name] & ~0xFFF for name in ("VAD", "stack", "PEB_LDR_DATA")}
    pages = [made.physical.row(address) for address in places]
    rng = np.random.default_rng(build)
    for _ in range(12):
        kept = [page.copy() for page in pages]
        for page in pages:
            at = rng.integers(0, len(page), 200)
            page[at] = rng.integers(0, 256, at.size, np.uint8)
        started = time.monotonic()
        case = read(made, FULL)
        assert time.monotonic() - started < 20
        named = {str(fact.get("start_module")) for fact in (*case.of("dead_objects"), *case.of("sample"))}
        assert named <= {"None", "agent", "worker", "ntdll", "nt"}
        assert {fact.get("module") for fact in case.of("stack")} <= {"nt", "acmeflt", "hal", "ntfs", "scan"}
        assert not [fact for fact in case.of("data_quality") if "broke off (" in str(fact.get("text"))]
        for page, before in zip(pages, kept, strict=True):
            page[:] = before
