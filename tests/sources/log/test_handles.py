from pathlib import Path

import pytest
from parsing import notes, of, read, read_file, shown

from dumptriage.facts import Value
from dumptriage.sources.log import handles, process
from dumptriage.sources.log.block import Log

PARSERS = (process.PARSERS, handles.PARSERS)
HISTOGRAM = "       1  Token\n\n   65110  Key\n\n     100  IoCompletion\n\n\n   65211  Handles in process\n"
USER_MODE = "273 Handles\nType Count\nNone 3\nEvent 222\nALPC Port 40\nKey 8\n"


def block(
    pid: str = "08e8", address: str = "886f5020", table: str = "88b3ec68", count: str = "TableSize: 66000."
) -> str:
    return (
        f"PROCESS {address}  SessionId: 0  Cid: {pid}    Peb: 7ffdf000  ParentCid: 016c\n"
        f"    DirBase: 694bc000  ObjectTable: {table}  {count}\n    Image: app.exe\n"
    )


def counted(log: Log) -> dict[Value | None, Value | None]:
    return {fact.get("type"): fact.get("count") for fact in of(log, "handles")}


def owners(log: Log) -> set[Value | None]:
    return {fact.get("pid") for fact in of(log, "handles")}


def test_kernel_histogram() -> None:
    log = read(f"kd> !process 886f5020 0\n{block()}kd> !handle 0 0\n{HISTOGRAM}", *PARSERS)
    assert counted(log) == {"Token": 1, "Key": 65110, "IoCompletion": 100, "*": 65211}
    assert owners(log) == {0x8E8}
    assert notes(log) == []
    assert of(log, "handles")[1].verify == "!handle 0 3 886f5020 Key"


def test_rows_that_do_not_add_up_are_noted() -> None:
    log = read(HISTOGRAM.replace("100  Io", "200  Io"), *PARSERS)
    assert ("impossible-counter", "handles") in notes(log)
    log = read(HISTOGRAM.replace("     100  IoCompletion\n", ""), *PARSERS)
    assert ("cut-list", "handles") in notes(log)


@pytest.mark.parametrize(
    ("text", "total"),
    [
        (USER_MODE, 273),
        (USER_MODE.replace("Type Count", "Type            Count"), 273),
        (USER_MODE.removeprefix("273 Handles\n"), None),
    ],
)
def test_user_mode_histogram(text: str, total: int | None) -> None:
    counts = counted(read(text, *PARSERS))
    assert (counts["Event"], counts["ALPC Port"], counts.get("*")) == (222, 40, total)


@pytest.mark.parametrize("text", ["Type Count\nRunning 4\nReady 2\n", "12 Handles\n", "1 Ready\n4 Running\n", "5 Foo"])
def test_other_tables_are_left_alone(text: str) -> None:
    assert read(text, *PARSERS).facts == []


@pytest.mark.parametrize(
    ("above", "owner"),
    [
        ("", None),
        (f"kd> !process 886f5020 0\n{block()}", 0x8E8),
        (f"kd> !process 886f5020 0\n{block(count='HandleCount: 12.')}", None),
        (f"kd> !process 0 0\n{block()}{block('0100', '86000020', '88000068', 'TableSize: 90.')}", 0x8E8),
        (f"kd> !process 0 0\n{block()}{block('0100', '86000020', '88000068', 'TableSize: 66001.')}", None),
        (f"{block()}{block('0100', '86000020', '88000068', 'TableSize: 66001.')}kd> !handle 0 0 100\n", 0x100),
        (f"{block()}{block('0100', '86000020', '88000068', 'TableSize: 66001.')}kd> !handle 0 0 886f5020\n", 0x8E8),
        ("kd> !handle 0 0 0n1234\n", 1234),
    ],
    ids=[
        "no process",
        "the process above",
        "a process with other handles",
        "the one of a list with as many",
        "two of a list with as many",
        "pid in the command",
        "address in the command",
        "decimal pid in the command",
    ],
)
def test_the_owner_of_a_histogram(above: str, owner: int | None) -> None:
    log = read(f"{above}{'' if '!handle' in above else 'kd> g'}\n{HISTOGRAM}", *PARSERS)
    assert owners(log) == {owner}
    assert (("not-recorded", "handles") in notes(log)) is (owner is None)


def entry(handle: str, target: str, kind: str) -> str:
    return (
        f"{handle}: Object: {target}  GrantedAccess: 001fffff (Protected) Entry: ffff8000ab2be010\n"
        f"Object: {target}  Type: (ffffa604f24820c0) {kind}\n"
        f"    ObjectHeader: ffffa604f24ec010 (new version)\n        HandleCount: 4  PointerCount: 131245\n\n"
    )


NEW = block(address="ffffa604f24ec040", table="ffff8000ab28ae80", count="HandleCount: 3.")
LIST = f"{NEW}\nHandle table at ffff8000ab28ae80 with 3 entries in use\n\n" + "".join(
    [
        entry("0004", "ffffa604f0000080", "Thread"),
        entry("0008", "ffffa604f0000080", "Thread"),
        entry("000c", "ffffa604f0000180", "Event"),
    ]
)


def rows(log: Log) -> list[tuple[Value | None, ...]]:
    return [(*shown(fact, "type", "count", "distinct_objects"), fact.quality) for fact in of(log, "handles")]


def test_a_whole_list_is_exact() -> None:
    log = read(LIST, *PARSERS)
    assert rows(log) == [("*", 3, None, "exact"), ("Thread", 2, 1, "exact"), ("Event", 1, 1, "exact")]
    assert owners(log) == {0x8E8}
    assert {fact.flag("kernel") for fact in of(log, "handles")} == {False}
    assert notes(log) == []


@pytest.mark.parametrize(
    ("text", "quality"),
    [
        (LIST.replace("with 3 entries", "with 300 entries"), "lower-bound"),
        (f"kd> !handle 0 3 ffffa604f24ec040 Thread\n{LIST.replace('with 3 entries', 'with 5 entries')}", "exact"),
        (f"{LIST}...\n", "lower-bound"),
        (f"kd> !mex.grep -A 4 Thread !handle 0 3\n{LIST}", "lower-bound"),
        (LIST.split("in use\n")[1], "lower-bound"),
    ],
    ids=["fewer entries than in use", "one type asked for", "cut", "filtered", "no title"],
)
def test_only_a_whole_list_is_exact(text: str, quality: str) -> None:
    facts = [fact for fact in of(read(text, *PARSERS), "handles") if fact.get("type") != "*"]
    assert {fact.quality for fact in facts} == {quality}


def test_a_kernel_table_and_kernel_handles() -> None:
    log = read(LIST.replace("Handle table at", "Kernel handle table at"), *PARSERS)
    assert {fact.flag("kernel") for fact in of(log, "handles")} == {True}
    log = read(LIST.replace("000c:", "ffffffff8000477c:"), *PARSERS)
    event = next(fact for fact in of(log, "handles") if fact.get("type") == "Event")
    assert shown(event, "kernel", "pid", "image") == (True, None, None)


def test_a_long_list_keeps_a_few_samples() -> None:
    entries = "".join(entry(f"{4 * n:04x}", f"ffffa604f{n:07x}", "Thread") for n in range(1, 60))
    log = read(f"{NEW}\nHandle table at ffff8000ab28ae80 with 59 entries in use\n{entries}", *PARSERS)
    assert rows(log) == [("*", 59, None, "exact"), ("Thread", 59, 59, "exact")]
    assert len(of(log, "sample")) == 5


def test_handles_to_processes_that_have_ended() -> None:
    ended = block("0100", "ffffa604f0000080", "00000000", "HandleCount: 0.")
    alive = block("0104", "ffffa604f0000180", "ffff800000000010", "HandleCount: 7.")
    text = LIST.replace("Thread", "Process").replace("Event", "Process")
    fact = of(read(ended + alive + text, *PARSERS), "handles")[1]
    assert shown(fact, "count", "dead_targets") == (3, 1)
    fact = of(read(ended + text, *PARSERS), "handles")[1]
    assert shown(fact, "count", "dead_targets") == (3, None)


def test_the_owner_of_a_table_is_found_by_its_address() -> None:
    other = block("0100", "ffffa604f0000999", "ffff800000000010")
    log = read(f"{NEW}{other}kd> g\n{LIST.split('app.exe')[1]}", *PARSERS)
    assert owners(log) == {0x8E8}


def test_real_samples(shared: Path) -> None:
    log = read_file(shared / "cases/01-ntdebugging-thre-handle-leak/transcript.txt", *PARSERS)
    assert (counted(log)["Thread"], counted(log)["*"], owners(log)) == (323155, 388386, {2280})
    log = read_file(shared / "formats/handle/win10-handle-file-4.txt", *PARSERS)
    (files,) = of(log, "handles")
    assert (files.get("type"), files.quality, files.get("pid")) == ("File", "lower-bound", None)
    assert not any(fact.get("name") for fact in of(log, "sample"))


@pytest.mark.parametrize(
    ("entries", "dominant"),
    [(["Event", "Event"], "Event"), (["Event", "File"], None)],
)
@pytest.mark.parametrize(("command", "end"), [("!handle", "...\n"), ("!handle 0 3 ffffb58a86d2c080 Event", "")])
def test_the_type_of_all_entries_shown_of_a_cut_list(
    entries: list[str], dominant: str | None, command: str, end: str
) -> None:
    text = "Handle table at ffffe001b2c3d4c0 with 1398221 entries in use\n\n"
    for number, name in enumerate(entries, 4):
        text += f"00{number}0: Object: ffffb58a79f83a{number}0  GrantedAccess: 001f0003 Entry: ffffe001b2c48450\n"
        text += f"Object: ffffb58a79f83a{number}0  Type: (ffffb58a7a4b9640) {name}\n"
        text += (
            f"    ObjectHeader: ffffb58a79f839e{number} (new version)\n        HandleCount: 1  PointerCount: 32764\n\n"
        )
    facts = of(read(text + end, handles.PARSERS, command=command), "handles")
    assert [(fact.get("count"), fact.get("dominant_type")) for fact in facts if fact.get("type") == "*"] == [
        (1398221, dominant)
    ]
    assert {fact.quality for fact in facts if fact.get("type") != "*"} == {"lower-bound"}
