"""Processes: where they are found, and when one counts as ended."""

import pytest
from handmade import Handmade, addresses, entry

from dumptriage.facts import Case, Casefile, Fact
from dumptriage.sources.kernel import handles, processes
from dumptriage.sources.kernel.objects import read_types
from dumptriage.sources.kernel.report import Report
from dumptriage.sources.kernel.threads import find_live, live_threads

BUILDS = [(2600, 32), (7601, 64), (19041, 64), (26100, 64)]


def made(build: int, bits: int) -> Handmade:
    machine = Handmade(build, bits)
    machine.make_types()
    if build < 7600:
        machine.make_types()
    return machine


def facts(machine: Handmade) -> dict[int | None, Fact]:
    """The process facts by pid."""
    kernel, report, case = machine.kernel(), Report(), Case(Casefile("x", "", 0, "dump"))
    types = read_types(kernel, report)
    held = handles.read_handles(kernel, types, report)
    live = live_threads(find_live(kernel, types, held.processes, held.cid, report), held.processes)
    processes.walk(kernel, case, report, held.processes, held.counts_of(held.processes), live)
    return {fact.int("pid"): fact for fact in case.of("process")}


@pytest.mark.parametrize(("build", "bits"), BUILDS)
def test_processes_of_the_active_list(build: int, bits: int) -> None:
    machine = made(build, bits)
    table = machine.table([entry(build, bits, 0x8800_0000 if bits == 32 else 0xFFFF_FA80_7700_0000)] * 3)
    machine.active(machine.process(4, "System"), machine.process(600, "lsass.exe", table=table))
    found = facts(machine)
    assert {pid: fact.text("image") for pid, fact in found.items()} == {4: "System", 600: "lsass.exe"}
    assert found[600].flag("exited") is False
    assert found[600].int("handle_count") == 3


@pytest.mark.parametrize(("build", "bits"), BUILDS)
def test_an_ended_process_is_found_through_a_handle(build: int, bits: int) -> None:
    machine = made(build, bits)
    gone = machine.process(1316, "winword.exe", ended=True, handles=1)
    table = machine.table([entry(build, bits, gone - machine.body)])
    machine.active(machine.process(4, "System"), machine.process(600, "agent.exe", table=table))
    found = facts(machine)[1316]
    assert (found.flag("exited"), found.text("object_table"), found.int("threads")) == (True, "00000000", 0)


@pytest.mark.parametrize("build", [7601, 19041])
def test_processes_of_the_cid_table(build: int) -> None:
    machine = made(build, 64)
    machine.active(machine.process(4, "System"))
    gone = machine.process(1316, "winword.exe", ended=True)
    machine.symbols["PspCidTable"] = machine.take(8)
    machine.tiny.number(machine.symbols["PspCidTable"], machine.table([entry(build, 64, gone)]))
    assert facts(machine)[1316].flag("exited") is True


def test_a_process_off_the_list_is_found_through_its_handle_table() -> None:
    machine = made(7601, 64)
    tables = [machine.table([]), machine.table([])]
    hidden = machine.process(666, "hidden.exe", table=tables[1])
    machine.put(tables[1], "_HANDLE_TABLE", "QuotaProcess", hidden)
    link = machine.layout.offset("_HANDLE_TABLE", "HandleTableList") or 0
    machine.link(machine.take(16), [table + link for table in tables])
    machine.active(machine.process(4, "System", table=tables[0]))
    assert 666 in facts(machine)


def test_what_is_on_the_list_but_no_process_is_left_out() -> None:
    machine = made(7601, 64)
    machine.active(machine.process(4, "System"), machine.object("Event", 0x400), machine.take(0x400))
    assert set(facts(machine)) == {4}


@pytest.mark.parametrize(
    ("exit_time", "has_table", "threads", "ended"),
    [
        (133_500_000_000_000_000, False, 0, True),
        (133_500_000_000_000_000, True, 0, False),
        (133_500_000_000_000_000, False, 2, False),
        (0, False, 0, False),
        (5, False, 0, False),
    ],
)
def test_a_process_has_ended_when_time_table_and_threads_say_so(
    exit_time: int, has_table: bool, threads: int, ended: bool
) -> None:
    machine = made(7601, 64)
    at = machine.process(700, "some.exe", table=machine.table([]) if has_table else 0)
    machine.put(at, "_EPROCESS", "ExitTime", exit_time, 8)
    machine.put(at, "_EPROCESS", "ActiveThreads", threads, 4)
    machine.active(machine.process(4, "System"), at)
    assert facts(machine)[700].flag("exited") is ended


def test_a_name_that_fills_its_field_is_read_from_the_path() -> None:
    machine = made(7601, 64)
    at, path = machine.process(700, "averylongimage"), machine.take(32)
    machine.text(path, "\\Device\\HarddiskVolume1\\Tools\\AVeryLongImageName.exe")
    machine.put(at, "_EPROCESS", "SeAuditProcessCreationInfo", path)
    machine.active(machine.process(4, "System"), at)
    assert facts(machine)[700].text("image") == "AVeryLongImageName.exe"


def test_without_object_types_the_dispatcher_header_tells_processes() -> None:
    machine = Handmade(7601, 64)
    machine.active(machine.process(4, "System"), machine.object("Event", 0x400))
    kernel = machine.kernel()
    found = processes.find_processes(
        kernel, read_types(kernel, Report()), processes.CidTable(addresses(), addresses()), Report()
    )
    assert found.pid.tolist() == [4]
