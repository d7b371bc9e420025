"""Object types and headers: which type an object is of, build by build, and lists that do not close."""

import pytest
from handmade import COOKIE, TYPES, Handmade, addresses

from dumptriage.facts import Case, Casefile
from dumptriage.sources.kernel import objects
from dumptriage.sources.kernel.lists import read_unicode, walk_list
from dumptriage.sources.kernel.objects import candidates, read_types
from dumptriage.sources.kernel.report import Report

BUILDS = [(2600, 32), (6001, 64), (7601, 64), (9600, 32), (19041, 64), (26100, 64)]


def made(build: int, bits: int) -> Handmade:
    machine = Handmade(build, bits)
    machine.make_types()
    if build < 7600:
        machine.make_types()  # Headers point to the types: those made first do not know theirs yet.
    machine.active(machine.process(4, "System"))
    return machine


@pytest.mark.parametrize(("build", "bits"), BUILDS)
def test_each_object_has_its_type(build: int, bits: int) -> None:
    machine = made(build, bits)
    bodies = addresses(
        machine.thread(0, 4, 8), machine.object("Event", 0x20, handles=3, pointers=5), machine.take(0x100)
    )
    types = read_types(machine.kernel(), Report())
    found = types.read(bodies - machine.body)
    assert [types.names[kind] if kind >= 0 else None for kind in found.kind] == ["Thread", "Event", None]
    assert (found.handles[1], found.pointers[1]) == (3, 5)


@pytest.mark.parametrize("build", [10240, 19041, 26100])
def test_cookie_follows_from_a_known_process(build: int) -> None:
    assert read_types(made(build, 64).kernel(), Report()).cookie == COOKIE


def test_cookie_of_the_symbol_where_no_process_is_in_the_dump() -> None:
    machine = made(19041, 64)
    del machine.symbols["PsInitialSystemProcess"], machine.symbols["PsActiveProcessHead"]
    machine.symbols["ObHeaderCookie"] = machine.take(8)
    machine.tiny.number(machine.symbols["ObHeaderCookie"], 0x77, 1)
    assert read_types(machine.kernel(), Report()).cookie == 0x77


def test_without_a_cookie_no_object_has_a_type() -> None:
    machine = made(19041, 64)
    del machine.symbols["PsInitialSystemProcess"], machine.symbols["PsActiveProcessHead"]
    report = Report()
    assert read_types(machine.kernel(), report).types == []
    assert any("ObHeaderCookie" in str(fact.get("text")) for fact in report.facts("x"))


def test_a_stored_index_of_zero_is_an_index_like_any_other() -> None:
    machine = made(19041, 64)
    wanted = COOKIE ^ TYPES["Event"][0]
    while (body := machine.object("Event", 0x20)) - machine.body >> 8 & 0xFF != wanted:
        pass
    kernel = machine.kernel()
    header = body - machine.body
    assert kernel.memory.u8(header + 0x18) == 0
    types = read_types(kernel, Report())
    assert types.names[types.read(addresses(header)).kind[0]] == "Event"


def test_types_are_found_through_the_list_of_the_type_type() -> None:
    machine = Handmade(7601, 64)
    creator, names = 0x20, ["Type", "Process", "Thread"]
    bodies = []
    for name in names:
        block = machine.take(creator + machine.body + 0x100)
        bodies.append(block + creator + machine.body)
        machine.text(bodies[-1] + 0x10, name)
    machine.link(bodies[0], [body - machine.body - creator for body in bodies[1:]])
    machine.symbols["ObpTypeObjectType"] = machine.take(8)
    machine.tiny.number(machine.symbols["ObpTypeObjectType"], bodies[0])
    assert sorted(read_types(machine.kernel(), Report()).names) == sorted(names)


def test_object_type_facts_carry_the_tag_without_its_protection_bit() -> None:
    machine = made(7601, 64)
    case = Case(Casefile("x", "", 0, "dump"))
    objects.walk(machine.kernel(), case, Report())
    assert {fact.text("type"): fact.text("tag") for fact in case.of("object_type")} == {
        name: tag for name, (_, tag) in TYPES.items()
    }


@pytest.mark.parametrize(("build", "bits"), BUILDS)
@pytest.mark.parametrize("gap", [0, 0x10, 0x40])
def test_headers_are_found_in_pool_blocks_whatever_lies_in_front(build: int, bits: int, gap: int) -> None:
    machine = made(build, bits)
    body = machine.thread(0, 4, 8)
    block = body - machine.body - gap - (machine.layout.size("_POOL_HEADER") or 0)
    other = machine.take(0x400)
    kernel = machine.kernel()
    types = read_types(kernel, Report())
    assert candidates(kernel, types, "Thread", addresses(block, other)).tolist() == [body - machine.body, 0]
    assert candidates(kernel, types, "Process", addresses(block)).tolist() == [0]


def test_list_that_closes() -> None:
    machine = Handmade(7601, 64)
    head, entries = machine.take(16), [machine.take(64) for _ in range(3)]
    machine.link(head, [entry + 0x20 for entry in entries])
    assert walk_list(machine.kernel(), head, 0x20, 10) == (entries, "head")
    assert walk_list(machine.kernel(), head, 0x20, 2) == (entries[:2], "limit")


def test_list_that_breaks_off_is_read_from_both_ends() -> None:
    machine = Handmade(7601, 64)
    head, entries = machine.take(16), [machine.take(64) for _ in range(5)]
    machine.link(head, entries)
    machine.tiny.number(entries[1], 0xFFFF_F800_DEAD_0000)
    assert walk_list(machine.kernel(), head, 0, 10) == (entries, "unreadable")


def test_list_that_runs_in_circles_ends() -> None:
    machine = Handmade(7601, 64)
    head, entries = machine.take(16), [machine.take(64) for _ in range(3)]
    machine.link(head, entries)
    machine.tiny.number(entries[2], entries[1])
    assert walk_list(machine.kernel(), head, 0, 10) == (entries, "cycle")


@pytest.mark.parametrize(("length", "room", "buffer"), [(5, 8, 0), (0x1000, 0x1000, 0), (8, 4, 0), (4, 8, 0x10)])
def test_what_cannot_be_a_unicode_string_is_none(length: int, room: int, buffer: int) -> None:
    machine = Handmade(7601, 64)
    at = machine.take(0x100)
    machine.text(at, "abc")
    machine.tiny.number(at, length, 2)
    machine.tiny.number(at + 2, room, 2)
    if buffer:
        machine.tiny.number(at + 8, buffer)
    assert read_unicode(machine.kernel(), at) is None
