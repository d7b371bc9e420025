"""Handle tables: entries as each build encodes them, levels, damaged tables, and the facts they give."""

import numpy as np
import pytest
from handmade import Handmade, addresses, entry

from dumptriage.facts import Case, Casefile, Fact
from dumptriage.sources.kernel import handles
from dumptriage.sources.kernel.objects import read_types
from dumptriage.sources.kernel.report import Report
from dumptriage.sources.kernel.tables import header_counts, read_entries

BUILDS = [(2195, 32), (2600, 32), (3790, 64), (7601, 64), (9200, 32), (9200, 64), (9600, 32), (9600, 64), (19041, 64)]
HEADER = {32: 0x8123_4568, 64: 0xFFFF_FA80_1234_5670}
GONE = {32: 0x8800_0000, 64: 0xFFFF_FA80_7700_0000}
"""An address that is not in the dump."""


@pytest.mark.parametrize(("build", "bits"), BUILDS)
def test_entries_of_every_build(build: int, bits: int) -> None:
    machine = Handmade(build, bits)
    headers = [HEADER[bits], HEADER[bits] + 0x100]
    table = machine.table([entry(build, bits, headers[0], 5), (0, 0x40), entry(build, bits, headers[1], 7)])
    found = read_entries(machine.kernel(), addresses(table))
    assert found.pointers.tolist() == headers
    assert found.complete().tolist() == [True]
    if build >= 9200:
        assert found.references is not None and found.references.tolist() == [5, 7]
    else:
        assert found.references is None


def test_the_lock_of_windows_2000_is_no_part_of_the_pointer() -> None:
    machine = Handmade(2195, 32)
    table = machine.table([(0x8123_4568, 1), (0x0123_456A, 1)])
    assert read_entries(machine.kernel(), addresses(table)).pointers.tolist() == [0x8123_4568, 0x8123_4568]


def test_the_first_entry_of_a_leaf_is_no_handle() -> None:
    machine = Handmade(7601, 64)
    table = machine.table([entry(7601, 64, HEADER[64])])
    kernel = machine.kernel()
    leaf = kernel.memory.pointer(table)
    assert leaf
    machine.tiny.number(leaf, HEADER[64])
    assert len(read_entries(machine.kernel(), addresses(table)).pointers) == 1


def levels(machine: Handmade, leaves: list[int], number: int, top: int = 0) -> int:
    """A table of two or three levels over these leaves; `top` is what stands behind the end of the top array."""
    at, middle = machine.take(0x100), machine.take(0x1000, 0x1000)
    for index, leaf in enumerate(leaves):
        machine.tiny.number(middle + index * machine.width, leaf)
    code = middle
    if number == 3:
        code = machine.take(0x40)
        machine.tiny.number(code, middle)
        machine.tiny.number(code + 2 * machine.width, top)
    machine.put(at, "_HANDLE_TABLE", "TableCode", code | number - 1)
    return at


def leaf(machine: Handmade, count: int) -> int:
    at = machine.take(0x1000, 0x1000)
    for number in range(1, count + 1):
        low, _ = entry(machine.build, machine.bits, HEADER[machine.bits] + number * 0x40)
        machine.tiny.number(at + number * 2 * machine.width, low)
    return at


@pytest.mark.parametrize(("build", "bits"), [(2600, 32), (7601, 64), (19041, 64)])
@pytest.mark.parametrize("number", [2, 3])
def test_levels(build: int, bits: int, number: int) -> None:
    machine = Handmade(build, bits)
    table = levels(machine, [leaf(machine, 3), leaf(machine, 2)], number, top=HEADER[bits])
    found = read_entries(machine.kernel(), addresses(table))
    assert (found.starts.tolist(), found.leaves.tolist(), found.complete().tolist()) == ([0, 5], [2], [True])


def test_a_leaf_that_is_not_in_the_dump_is_counted_as_missing() -> None:
    machine = Handmade(7601, 64)
    table = levels(machine, [leaf(machine, 3), GONE[64]], 2)
    found = read_entries(machine.kernel(), addresses(table))
    assert (found.starts.tolist(), found.missing.tolist(), found.complete().tolist()) == ([0, 3], [1], [False])


@pytest.mark.parametrize("code", [0, 7, 0x1234_5000, 0xFFFF_FA80_7700_0002])
def test_a_root_that_leads_nowhere(code: int) -> None:
    machine = Handmade(7601, 64)
    at, good = machine.take(0x100), machine.table([entry(7601, 64, HEADER[64])])
    machine.put(at, "_HANDLE_TABLE", "TableCode", code)
    found = read_entries(machine.kernel(), addresses(at, good, GONE[64]))
    assert found.starts.tolist() == [0, 0, 1, 1]
    assert found.complete().tolist() == [False, True, False]


def test_a_leaf_two_tables_point_to_is_read_once() -> None:
    machine = Handmade(7601, 64)
    shared = leaf(machine, 4)
    tables = addresses(levels(machine, [shared, shared], 2), levels(machine, [shared], 2))
    found = read_entries(machine.kernel(), tables)
    assert found.starts.tolist() == [0, 4, 4]
    assert not found.complete().any()


def test_pointers_below_the_kernel_are_not_followed() -> None:
    machine = Handmade(7601, 64)
    table = machine.table([(0x1000 | 1, 1), entry(7601, 64, HEADER[64])])
    found = read_entries(machine.kernel(), addresses(table))
    assert (len(found.pointers), found.wild.tolist()) == (1, [1])


def test_counts_of_all_free_lists_are_summed_as_far_as_the_block_reaches() -> None:
    machine = Handmade(19041, 64, processors=4)
    block = machine.take(0x10 + 0x40 + 3 * 0x40)
    machine.tiny.number(block + 2, (0x10 + 0x40 + 3 * 0x40) // 16, 1)
    machine.tiny.put(block + 4, b"Obtb")
    for number, count in enumerate((10, 20, 30, 4000)):
        machine.tiny.number(block + 0x10 + 0x40 + number * 0x40 + 0x18, count, 4)
    total, first = header_counts(machine.kernel(), addresses(block + 0x10))
    assert (total.tolist(), first.tolist()) == ([60], [10])


def machine_with_handles(build: int, bits: int) -> tuple[Handmade, list[int]]:
    """Two processes; the second holds three handles to two threads, one of them ended, and one to nowhere."""
    machine = Handmade(build, bits)
    machine.make_types()
    if build < 7600:
        machine.make_types()
    system = machine.process(4, "System", table=machine.table([]))
    dead, live = machine.thread(system, 4, 40, handles=2), machine.thread(system, 4, 44, state=5, handles=1)
    words = [entry(build, bits, body - machine.body) for body in (dead, live, dead)]
    table = machine.table([*words, entry(build, bits, GONE[bits])], count=6)
    machine.active(system, machine.process(1200, "agent.exe", table=table))
    return machine, [dead, live]


def facts(machine: Handmade) -> tuple[dict[str | None, Fact], Report]:
    kernel, report = machine.kernel(), Report()
    case = Case(Casefile("x", "", 0, "dump"))
    handles.walk(kernel, case, report, read_types(kernel, report))
    return {fact.text("type"): fact for fact in case.where("handles", pid=1200)}, report


@pytest.mark.parametrize(("build", "bits"), [(2600, 32), (7601, 64), (19041, 64)])
def test_handles_by_type(build: int, bits: int) -> None:
    found, report = facts(machine_with_handles(build, bits)[0])
    assert set(found) == {"*", "Thread"}
    assert (found["*"].int("count"), found["*"].int("distinct_objects")) == (4, 3)
    threads = found["Thread"]
    assert (threads.int("count"), threads.int("distinct_objects"), threads.int("dead_targets")) == (3, 2, 2)
    assert threads.text("image") == "agent.exe"
    assert report.counts["objects handles point to"].unreadable == 1


def test_a_header_that_counts_more_than_the_table_holds_is_said() -> None:
    _, report = facts(machine_with_handles(7601, 64)[0])
    notes = [str(fact.get("text")) for fact in report.facts("x")]
    assert any("agent.exe (pid 1200) counts 6 handles, 4 of them could be read" in note for note in notes)


def test_columns_hold_no_object_per_handle() -> None:
    machine, _ = machine_with_handles(19041, 64)
    kernel, report = machine.kernel(), Report()
    held = handles.read_handles(kernel, read_types(kernel, report), report)
    assert held.target.dtype == np.int32
    assert held.headers.dtype == np.uint64
