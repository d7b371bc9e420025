"""Threads: ended or not, whose they are, live ones by state."""

import pytest
from handmade import Handmade, addresses

from dumptriage.sources.kernel.objects import read_types
from dumptriage.sources.kernel.processes import find_processes, read_cid_table
from dumptriage.sources.kernel.report import Report
from dumptriage.sources.kernel.threads import ended, find_live, live_threads, owners, read_threads

BUILDS = [(2195, 32), (2600, 32), (3790, 32), (7601, 64), (19041, 64), (26100, 64)]


def made(build: int, bits: int) -> Handmade:
    machine = Handmade(build, bits)
    machine.make_types()
    if build < 7600:
        machine.make_types()
    return machine


@pytest.mark.parametrize(("build", "bits"), BUILDS)
def test_a_terminated_thread_has_ended(build: int, bits: int) -> None:
    machine = made(build, bits)
    bodies = addresses(*(machine.thread(0, 4, 8, state=state) for state in (4, 5, 2)), machine.place + 0x10_0000)
    assert ended(machine.kernel(), bodies).tolist() == [True, False, False, False]


@pytest.mark.parametrize(("state", "gone"), [(0, True), (5, False), (2, False), (4, True)])
def test_the_terminated_flag_alone_does_not_end_a_thread_that_still_waits(state: int, gone: bool) -> None:
    machine = made(7601, 64)
    at = machine.thread(0, 4, 8, state=state)
    machine.put(at, "_ETHREAD", "CrossThreadFlags", 1, 4)
    assert ended(machine.kernel(), addresses(at)).tolist() == [gone]


@pytest.mark.parametrize(("build", "bits"), BUILDS)
def test_the_owner_is_the_process_a_thread_points_to(build: int, bits: int) -> None:
    machine = made(build, bits)
    system, other = machine.process(4, "System"), machine.process(600, "lsass.exe")
    machine.active(system, other)
    at = machine.thread(other, 600, 644, start=0x7700_1000)
    kernel, report = machine.kernel(), Report()
    types = read_types(kernel, report)
    found = find_processes(kernel, types, read_cid_table(kernel, types), report)
    threads = read_threads(kernel, addresses(at))
    assert found.addresses[owners(threads, found)].tolist() == [other]
    assert (threads.pid.tolist(), threads.tid.tolist(), threads.win32_start.tolist()) == ([600], [644], [0x7700_1000])


@pytest.mark.parametrize(("pointer", "row_pid"), [(0, 600), (0xFFFF_FA80_7700_0000, None)])
def test_a_process_id_stands_in_only_for_a_pointer_that_is_unknown(pointer: int, row_pid: int | None) -> None:
    machine = made(7601, 64)
    machine.active(machine.process(4, "System"), machine.process(600, "new.exe"))
    at = machine.thread(pointer, 600, 644)
    kernel, report = machine.kernel(), Report()
    types = read_types(kernel, report)
    found = find_processes(kernel, types, read_cid_table(kernel, types), report)
    row = int(owners(read_threads(kernel, addresses(at)), found)[0])
    assert (int(found.pid[row]) if row >= 0 else None) == row_pid


@pytest.mark.parametrize(("build", "bits"), BUILDS)
def test_live_threads_by_state_and_wait_reason(build: int, bits: int) -> None:
    machine = made(build, bits)
    system = machine.process(4, "System")
    machine.active(system)
    threads = [machine.thread(system, 4, 8 + 4 * n, state=state) for n, state in enumerate((5, 5, 2, 4))]
    machine.put(threads[0], "_KTHREAD", "WaitReason", 6, 1)
    machine.put(threads[1], "_KTHREAD", "WaitReason", 6, 1)
    structs = ("_EPROCESS", "_ETHREAD") if build > 2195 else ("_KPROCESS", "_KTHREAD")
    head = machine.layout.offset(structs[0], "ThreadListHead") or 0
    link = machine.layout.offset(structs[1], "ThreadListEntry") or 0
    machine.link(system + head, [thread + link for thread in threads])
    kernel, report = machine.kernel(), Report()
    types = read_types(kernel, report)
    cid = read_cid_table(kernel, types)
    processes = find_processes(kernel, types, cid, report)
    found = live_threads(find_live(kernel, types, processes, cid, report), processes)
    assert found == {0: (3, "waiting UserRequest 2, running 1")}
