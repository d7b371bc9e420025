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
