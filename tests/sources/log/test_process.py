from pathlib import Path

import pytest
from parsing import notes, of, only, read, read_file, shown

from dumptriage.sources.log.process import PARSERS

WINDOWS_11 = """\
PROCESS ffffaa01e2b4c080
    SessionId: 1  Cid: 1a2c    Peb: 7fa096b000  ParentCid: 0f10
    DirBase: 442d01000  ObjectTable: ffff8000ada77640  HandleCount: 1282.
    Image: agent.exe
"""


def test_a_block_gives_a_process() -> None:
    fact = only(read(WINDOWS_11, PARSERS), "process")
    assert dict(fact.fields) == {
        "pid": 0x1A2C,
        "image": "agent.exe",
        "address": "ffffaa01e2b4c080",
        "parent_pid": 0xF10,
        "session": 1,
        "object_table": "ffff8000ada77640",
        "handle_count": 1282,
        "exited": False,
    }
    assert (fact.source, fact.verify) == ("log.txt:1", "!process ffffaa01e2b4c080 0")


@pytest.mark.parametrize(
    "text",
    [
        WINDOWS_11.replace("\n", "\n\n"),
        WINDOWS_11.replace("    ", "").replace("  ", " "),
        WINDOWS_11.replace("\n    SessionId", "  SessionId"),
        WINDOWS_11.replace("ffffaa01e2b4c080\n    ", "ffffaa01e2b4c080"),
        WINDOWS_11.replace("ffffaa01e2b4c080", "ffffaa01`e2b4c080"),
    ],
    ids=["doubled lines", "no indentation", "fields on the first line", "glued", "backtick"],
)
def test_the_layout_of_the_block_does_not_matter(text: str) -> None:
    fact = only(read(text, PARSERS), "process")
    assert shown(fact, "pid", "session", "handle_count", "image") == (0x1A2C, 1, 1282, "agent.exe")


def test_table_size_is_not_a_handle_count() -> None:
    text = "PROCESS 886f5020SessionId: 0  Cid: 08e8    Peb: 7ffdf000  ParentCid: 016c\n DirBase: 694bc000  "
    text += "ObjectTable: 88b3ec68  TableSize: 391189.\n Image: app.EXE\n"
    fact = only(read(text, PARSERS), "process")
    assert shown(fact, "pid", "address", "table_size", "handle_count") == (2280, "886f5020", 391189, None)


@pytest.mark.parametrize(
    ("table", "counter", "cid", "image", "exited"),
    [
        ("00000000", "HandleCount:   0.", "1a2c", "a.exe", True),
        ("00000000", "TableSize:   0.", "1a2c", "a.exe", True),
        ("00000000", "HandleCount: <Data Not Accessible>", "1a2c", "a.exe", None),
        ("00000000", "HandleCount:  12.", "1a2c", "a.exe", None),
        ("ffff8000ada77640", "HandleCount:   0.", "0078", "Registry", False),
        ("00000000", "HandleCount:   0.", "0000", "Idle", False),
        ("00000000", "HandleCount:   0.", "0004", "System", False),
    ],
)
def test_exited_needs_no_table_and_no_handles(
    table: str, counter: str, cid: str, image: str, exited: bool | None
) -> None:
    text = f"PROCESS ffffaa01e2b4c080\n SessionId: none  Cid: {cid}  Peb: 0  ParentCid: 0000\n"
    text += f" DirBase: 1  ObjectTable: {table}  {counter}\n Image: {image}\n"
    assert only(read(text, PARSERS), "process").flag("exited") is exited


def test_verbose_lines_give_age_commit_and_live_threads() -> None:
    text = WINDOWS_11 + (
        "    VadRoot 0000000000000000 Vads 0 Clone 0 Private 16. Modified 11. Locked 0.\n"
        "    ElapsedTime                       1 Day 01:25:38.983\n"
        "    Working Set Sizes (now,min,max)  (17, 50, 345) (68KB, 200KB, 1380KB)\n"
        "    CommitCharge                      20\n\n"
        "        THREAD ffffaa01e1000080  Cid 1a2c.0010  Teb: 0 Win32Thread: 0 WAIT: (UserRequest) UserMode\n"
        "        THREAD ffffaa01e1000180  Cid 1a2c.0014  Teb: 0 Win32Thread: 0 TERMINATED\n"
    )
    fact = only(read(text, PARSERS), "process")
    assert shown(fact, "elapsed_s", "private_bytes", "threads") == (91538.983, 20 * 4096, 1)


@pytest.mark.parametrize(
    ("elapsed", "seconds"),
    [("00:00:53.132", 53.132), ("15:06:36.0338", 54396.338), ("3 Days 00:00:01.000", 259201.0)],
)
def test_elapsed_time_in_all_layouts(elapsed: str, seconds: float) -> None:
    text = f"{WINDOWS_11}    ElapsedTime            {elapsed}\n"
    assert only(read(text, PARSERS), "process").number("elapsed_s") == pytest.approx(seconds)


def test_threads_of_a_cut_list_are_not_counted() -> None:
    text = f"{WINDOWS_11}    CommitCharge   20\n  THREAD ffffaa01e1000080  Cid 1a2c.0010  Teb: 0 RUNNING\n...\n"
    assert only(read(text, PARSERS), "process").int("threads") is None


@pytest.mark.parametrize(
    "text",
    [
        f"kd> !process 0 0\n**** NT ACTIVE PROCESS DUMP ****\n...\n{WINDOWS_11}",
        f"kd> !process 0 0\n{WINDOWS_11}...\n",
        f"{WINDOWS_11}...\n{WINDOWS_11}",
        f"{WINDOWS_11}{WINDOWS_11}…\n",
    ],
)
def test_a_cut_list_is_noted(text: str) -> None:
    assert notes(read(text, PARSERS)) == [("cut-list", "processes")]


@pytest.mark.parametrize("text", [f"{WINDOWS_11}...\n", WINDOWS_11 + WINDOWS_11])
def test_a_whole_list_or_a_single_block_is_not_a_cut_list(text: str) -> None:
    assert notes(read(text, PARSERS)) == []


@pytest.mark.parametrize(
    "text",
    ["PROCESS_NAME:  a.exe", "Owning Process 886f5020", "PROCESS 886f5020", "the PROCESS 886f5020 leaks", "PROCESS"],
)
def test_other_lines_are_left_alone(text: str) -> None:
    assert read(text, PARSERS).facts == []


def test_a_list_of_nt4_to_windows_11(shared: Path) -> None:
    log = read_file(shared / "formats/process/wdk-nt4-process-1.txt", PARSERS)
    assert [(fact.int("pid"), fact.int("table_size")) for fact in of(log, "process")] == [
        (2, 150),
        (18, 38),
        (26, 150),
        (32, 54),
        (38, 222),
        (41, 110),
        (68, 70),
    ]
    log = read_file(shared / "cases/42-mspaint-zombie-single/transcript.txt", PARSERS)
    assert shown(only(log, "process"), "pid", "exited", "threads") == (0x24A4, True, 0)
