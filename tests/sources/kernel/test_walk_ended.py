"""Ended objects: by owner and start module, kept by handles or references, and the samples of them."""

from collections.abc import Sequence

import numpy as np
import pytest
from handmade import Handmade, addresses, entry
from numpy.typing import NDArray

from dumptriage.facts import Case, Casefile, Fact
from dumptriage.sources.kernel import endedobjects, handles, objectsamples
from dumptriage.sources.kernel.objects import read_types
from dumptriage.sources.kernel.objectsamples import spread
from dumptriage.sources.kernel.report import Report
from dumptriage.sources.kernel.userimages import UserImages

BUILDS = [(2600, 32), (7601, 64), (9600, 64), (19041, 64)]
DRIVER = {32: 0xF800_1000, 64: 0xFFFF_F880_0100_1000}


def names(places: NDArray[np.uint64]) -> Sequence[str | None]:
    return ["acmeflt.sys" if place in DRIVER.values() else None for place in places.tolist()]


def made(build: int, bits: int) -> Handmade:
    machine = Handmade(build, bits)
    machine.make_types()
    if build < 7600:
        machine.make_types()
    return machine


def facts(machine: Handmade, threads: Sequence[int] = ()) -> Case:
    """dead_objects and sample facts; `threads` are bodies a census finds in their blocks."""
    kernel, report, case = machine.kernel(), Report(), Case(Casefile("x", "", 0, "dump"))
    types = read_types(kernel, report)
    held = handles.read_handles(kernel, types, report)
    pool = machine.layout.size("_POOL_HEADER") or 0
    blocks = {"Thread": addresses(*threads) - np.uint64(machine.body + pool)} if threads else {}
    found = endedobjects.walk(kernel, case, report, types, held, blocks, names, UserImages(kernel, types))
    objectsamples.walk(kernel, case, types, held, *found)
    return case


def of_threads(case: Case) -> list[Fact]:
    return list(case.where("dead_objects", type="Thread"))


@pytest.mark.parametrize(("build", "bits"), BUILDS)
def test_threads_kept_by_handles_and_by_references(build: int, bits: int) -> None:
    machine = made(build, bits)
    agent = machine.process(1200, "agent.exe")
    held = [machine.thread(agent, 1200, 4 * n, handles=1, pointers=3) for n in range(1, 4)]
    referenced = machine.thread(agent, 1200, 40, handles=0, pointers=1)
    deleted = machine.thread(agent, 1200, 44, handles=0, pointers=0)
    table = machine.table([entry(build, bits, body - machine.body) for body in held])
    machine.put(agent, "_EPROCESS", "ObjectTable", table)
    machine.active(machine.process(4, "System"), agent)
    (fact,) = of_threads(facts(machine, [*held, referenced, deleted]))
    assert (fact.int("count"), fact.int("with_handles"), fact.int("references_only")) == (4, 3, 1)
    assert (fact.int("owner_pid"), fact.text("owner_image")) == (1200, "agent.exe")
    assert (fact.int("holder_pid"), fact.text("holder_image"), fact.quality) == (1200, "agent.exe", "exact")


def test_without_a_census_the_count_is_a_lower_bound() -> None:
    machine = made(7601, 64)
    agent = machine.process(1200, "agent.exe")
    body = machine.thread(agent, 1200, 8, handles=1)
    machine.put(agent, "_EPROCESS", "ObjectTable", machine.table([entry(7601, 64, body - machine.body)]))
    machine.active(machine.process(4, "System"), agent)
    assert [fact.quality for fact in of_threads(facts(machine))] == ["lower-bound"]


@pytest.mark.parametrize(("build", "bits"), BUILDS)
def test_threads_are_grouped_by_owner_and_start_module(build: int, bits: int) -> None:
    machine = made(build, bits)
    system, agent = machine.process(4, "System"), machine.process(1200, "agent.exe")
    machine.active(system, agent)
    threads = [machine.thread(system, 4, 4 * n, start=DRIVER[bits]) for n in range(1, 4)]
    threads += [machine.thread(agent, 1200, 4 * n) for n in range(10, 12)]
    found = {
        (fact.int("owner_pid"), fact.text("start_module")): fact.int("count")
        for fact in of_threads(facts(machine, threads))
    }
    assert found == {(4, "acmeflt.sys"): 3, (1200, None): 2}


def test_an_lpc_message_id_is_no_start_address() -> None:
    machine = made(2600, 32)
    system = machine.process(4, "System")
    machine.active(system)
    body = machine.thread(system, 4, 8, start=0x1F3)
    machine.put(body, "_ETHREAD", "StartAddress", DRIVER[32])
    assert [fact.text("start_module") for fact in of_threads(facts(machine, [body]))] == ["acmeflt.sys"]


def test_a_thread_leads_to_its_ended_process() -> None:
    machine = made(7601, 64)
    machine.active(machine.process(4, "System"))
    gone = machine.process(1316, "winword.exe", ended=True, handles=0, pointers=2)
    case = facts(machine, [machine.thread(gone, 1316, 8)])
    assert [fact.text("owner_image") for fact in case.of("dead_objects")] == ["winword.exe", "winword.exe"]
    (process,) = case.where("dead_objects", type="Process")
    assert (process.int("count"), process.int("references_only"), process.int("owner_pid")) == (1, 1, 1316)


def test_many_owners_are_summed_up_by_image() -> None:
    machine = made(7601, 64)
    machine.active(machine.process(4, "System"))
    threads = [
        machine.thread(machine.process(8 + 4 * n, "tab.exe", ended=True), 8 + 4 * n, 1000 + 4 * n) for n in range(50)
    ]
    case = facts(machine, threads)
    assert [
        (fact.text("owner_image"), fact.int("owner_pid"), fact.int("count")) for fact in case.of("dead_objects")
    ] == [
        ("tab.exe", None, 50),
        ("tab.exe", None, 50),
    ]


@pytest.mark.parametrize(("count", "samples"), [(9, 0), (120, 5)])
def test_a_few_ended_threads_are_nothing_to_sample(count: int, samples: int) -> None:
    machine = made(7601, 64)
    machine.put(machine.types["Thread"], "_OBJECT_TYPE", "TotalNumberOfObjects", 1000, 4)
    system = machine.process(4, "System")
    machine.active(system)
    case = facts(machine, [machine.thread(system, 4, 4 * n) for n in range(1, count + 1)])
    assert len(case.of("sample")) == samples


@pytest.mark.parametrize(
    ("build", "pointers", "left", "references"), [(7601, 3, 0, 2), (9600, 32762, 32759, 2), (9600, 5, 0, 4)]
)
def test_references_without_those_of_handles(build: int, pointers: int, left: int, references: int) -> None:
    machine = made(build, 64)
    agent = machine.process(1200, "agent.exe")
    threads = [machine.thread(agent, 1200, 4 * n, handles=1, pointers=pointers) for n in range(1, 121)]
    table = machine.table([entry(build, 64, body - machine.body, left) for body in threads])
    machine.put(agent, "_EPROCESS", "ObjectTable", table)
    machine.active(machine.process(4, "System"), agent)
    samples = facts(machine, threads).of("sample")
    assert {fact.int("references") for fact in samples} == {references}
    first = samples[0]
    assert (first.text("state"), first.int("handle_count"), first.int("pointer_count")) == ("terminated", 1, pointers)
    assert (first.int("body_offset"), first.text("tag")) == (0x10 + machine.body, "Thre")


def test_references_are_unknown_where_not_all_entries_of_an_object_were_seen() -> None:
    machine = made(9600, 64)
    agent = machine.process(1200, "agent.exe")
    machine.active(machine.process(4, "System"), agent)
    case = facts(machine, [machine.thread(agent, 1200, 4 * n, handles=1, pointers=32768) for n in range(1, 121)])
    assert {fact.int("references") for fact in case.of("sample")} == {None}


@pytest.mark.parametrize(("members", "chosen"), [(1, [0]), (3, [0, 1, 2]), (9, [0, 2, 4, 6, 8])])
def test_samples_are_spread(members: int, chosen: list[int]) -> None:
    assert spread(np.arange(members)).tolist() == chosen
