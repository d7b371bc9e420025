import pytest
from parsing import of, only, read, shown

from dumptriage.sources.log import handles, process
from dumptriage.sources.log.usermode import PARSERS

DEBUGGEE = ".  0\tid: 1f3c\texamine\tname: C:\\Program Files\\Billing\\BillingHost.exe\n"
HISTOGRAM = "0:000> !handle 0 0\n512 Handles\nType \tCount\nEvent \t500\nFile \t12\n"
SUMMARY = """\
C:\\>handle64.exe -s -p 5120

Handle type summary:
  ALPC Port       : 61
  Thread          : 218,340
Total handles: 221932
"""
MARKDOWN = """\
| Name | PID | Handles | WS (MB) |
|------|----:|--------:|--------:|
| dlpscanhost | 6144 | 1,204,551 | 812 |
| System | 4 | 5,310 | 8 |
"""
CONSOLE = """\
Handles  NPM(K)    PM(K)      WS(K)     CPU(s)     Id  SI ProcessName
-------  ------    -----      -----     ------     --  -- -----------
1204551      61   812000     812000     103.20   6144   0 dlpscanhost
"""


def test_the_process_of_a_user_mode_debugger_holds_the_handles() -> None:
    log = read(DEBUGGEE + HISTOGRAM, PARSERS, handles.PARSERS)
    assert shown(only(log, "process"), "pid", "image") == (0x1F3C, "BillingHost.exe")
    assert {shown(fact, "pid", "type", "count") for fact in of(log, "handles")} == {
        (0x1F3C, "*", 512),
        (0x1F3C, "Event", 500),
        (0x1F3C, "File", 12),
    }


def test_a_process_shown_below_the_handles_is_theirs_too() -> None:
    log = read(HISTOGRAM + "0:000> |\n" + DEBUGGEE, PARSERS, handles.PARSERS)
    assert {fact.get("pid") for fact in of(log, "handles")} == {0x1F3C}
    assert of(log, "data_quality") == []


@pytest.mark.parametrize(
    "below",
    [
        DEBUGGEE + DEBUGGEE.replace(".  0", "   1").replace("1f3c", "2a10"),
        "PROCESS fffffa8003a1c080\n    SessionId: 0  Cid: 0b30    Peb: 7f4c  ParentCid: 02b4\n    Image: a.exe\n"
        + DEBUGGEE,
    ],
    ids=["two debuggees", "a kernel debugger's process"],
)
def test_handles_stay_without_a_process_where_several_are_shown_below(below: str) -> None:
    log = read(HISTOGRAM + "0:000> |\n" + below, PARSERS, handles.PARSERS, process.PARSERS)
    assert {fact.get("pid") for fact in of(log, "handles")} == {None}


def test_handles_by_type_of_the_process_asked_for() -> None:
    assert [shown(fact, "pid", "type", "count") for fact in of(read(SUMMARY, PARSERS), "handles")] == [
        (5120, "ALPC Port", 61),
        (5120, "Thread", 218340),
        (5120, "*", 221932),
    ]
    assert of(read(SUMMARY.replace("-p 5120", ""), PARSERS), "handles") == []


@pytest.mark.parametrize("text", [MARKDOWN, CONSOLE])
def test_get_process(text: str) -> None:
    first = of(read(text, PARSERS), "process")[0]
    assert shown(first, "pid", "image", "handle_count") == (6144, "dlpscanhost", 1204551)
    assert first.quality == "exact"


@pytest.mark.parametrize(
    "text",
    ["| Name | Handles |\n| a | 5 |\n", "Handles Id\n5 6\n", MARKDOWN.replace("6144", "0x18"), "Name PID Handles\n"],
)
def test_other_tables_are_none(text: str) -> None:
    assert of(read(text, PARSERS), "process") == []


def test_handle_s_of_the_whole_machine_counts_by_type() -> None:
    log = read(SUMMARY.replace(" -p 5120", ""), PARSERS)
    assert [shown(fact, "type", "handles") for fact in of(log, "object_type")] == [
        ("ALPC Port", 61),
        ("Thread", 218340),
    ]
    assert of(read(SUMMARY.partition("\n")[2], PARSERS), "object_type") == []  # who was asked is not shown


PROCESS_EXPLORER = (
    "Process\tPID\tCPU\tPrivate Bytes\tWorking Set\tDescription\tHandles\n"
    "System Idle Process\t0\t95.1\t60 K\t8 K\t\t\n"
    "Interrupts\tn/a\t0.5\t0 K\t0 K\tHardware Interrupts\t\n"
    "  System\t4\t0.1\t196 K\t140 K\t\t5,310\n"
    "  billing.exe\t6144\t\t812,000 K\t812,000 K\tBilling\t1,204,551\n"
    "  protected.exe\t700\t\t\t\t\t90\n"
)


def test_the_list_of_process_explorer() -> None:
    assert [
        shown(fact, "pid", "image", "private_bytes", "handle_count")
        for fact in of(read(PROCESS_EXPLORER, PARSERS), "process")
    ] == [
        (0, "System Idle Process", 60 * 1024, None),
        (4, "System", 196 * 1024, 5310),
        (6144, "billing.exe", 812000 * 1024, 1204551),
        (700, "protected.exe", None, 90),
    ]


def test_get_process_saved_with_commas() -> None:
    text = '"Name","Id","Handles"\n"dlpscanhost","6144","1204551"\n"a, b","8","5"\n'
    assert [shown(fact, "pid", "image", "handle_count") for fact in of(read(text, PARSERS), "process")] == [
        (6144, "dlpscanhost", 1204551),
        (8, "a, b", 5),
    ]
