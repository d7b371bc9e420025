"""Windows events about memory, as XML and as text."""

import re
import time
from pathlib import Path

import numpy as np
import pytest

from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile, Fact, Value
from dumptriage.sources import read as read_path
from dumptriage.sources.events import binary_log, is_events, read

DETECTOR = "Microsoft-Windows-Resource-Exhaustion-Detector"
SCHEMA = "http://schemas.microsoft.com/win/2004/08/events/event"


def event(provider: str, number: int, when: str, inside: str = "", computer: str = "SRV01") -> str:
    return (
        f"<Event xmlns='{SCHEMA}'><System><Provider Name='{provider}'/><EventID Qualifiers='0'>{number}</EventID>"
        f"<TimeCreated SystemTime='{when}'/><Computer>{computer}</Computer></System>{inside}</Event>"
    )


def low_memory(
    when: str, charge: int, tag: int = 700, pid: int = 5120, commit: int = 6000, created: str = "2026-09-07T00:00:00Z"
) -> str:
    """A low-memory event; sizes are given in millions of bytes."""
    return event(
        DETECTOR,
        2004,
        when,
        "<UserData><MemoryExhaustionInfo xmlns='http://www.microsoft.com/Windows/Resource/Exhaustion/Detector/Events'>"
        f"<SystemInfo><SystemCommitLimit>17000000000</SystemCommitLimit><SystemCommitCharge>{charge}000000"
        "</SystemCommitCharge><ProcessCommitCharge>9000000000</ProcessCommitCharge><PagedPoolUsage>300000000"
        "</PagedPoolUsage><PhysicalMemorySize>8000000000</PhysicalMemorySize><PhysicalMemoryUsage>7500000000"
        "</PhysicalMemoryUsage><NonPagedPoolUsage>900000000</NonPagedPoolUsage><Processes>63</Processes></SystemInfo>"
        f"<PagedPoolInfo><Tag_1><Name>CM31</Name><PoolUsed>80000000</PoolUsed></Tag_1></PagedPoolInfo>"
        f"<NonPagedPoolInfo><Tag_1><Name>Irp</Name><PoolUsed>{tag}000000</PoolUsed></Tag_1></NonPagedPoolInfo>"
        f"<ProcessInfo><Process_1><Name>billing.exe</Name><ID>{pid}</ID><CreationTime>{created}</CreationTime>"
        f"<CommitCharge>{commit}000000</CommitCharge><HandleCount>3000</HandleCount></Process_1>"
        "<Process_2><Name></Name><ID>0</ID><CreationTime>1601-01-01T00:00:00Z</CreationTime><CommitCharge>0"
        "</CommitCharge></Process_2></ProcessInfo></MemoryExhaustionInfo></UserData>",
    )


def cases(text: str | bytes) -> list[Case]:
    data = text if isinstance(text, bytes) else text.encode()
    assert is_events(data[: 1 << 16])
    return read(data, Casefile("events.xml", "0" * 64, len(data), "events"))


def only(text: str | bytes) -> Case:
    (case,) = cases(text)
    return case


def shown(case: Case, kind: str, *names: str) -> list[tuple[Value | None, ...]]:
    return [tuple(fact.get(name) for name in names) for fact in case.of(kind)]


def note(case: Case, problem: str) -> Fact:
    (fact,) = case.where("data_quality", problem=problem)
    return fact


ONE = low_memory("2026-09-08T11:00:00.012799500Z", 16000)


def test_a_low_memory_event() -> None:
    case = only(f"<?xml version='1.0'?>\n<Events>\n{ONE}\n</Events>")
    assert shown(case, "system", "computer", "crash_time") == [("SRV01", "2026-09-08T11:00:00+00:00")]
    memory = case.one("memory")
    assert memory
    assert (memory.get("commit_limit_bytes"), memory.get("committed_bytes")) == (17_000_000_000, 16_000_000_000)
    assert (memory.get("physical_bytes"), memory.get("available_bytes")) == (8_000_000_000, 500_000_000)
    assert (memory.get("private_bytes"), memory.source) == (9_000_000_000, "events.xml:3")
    assert shown(case, "pool", "type", "used_bytes") == [("nonpaged", 900_000_000), ("paged", 300_000_000)]
    assert shown(case, "tag", "tag", "pool", "bytes") == [
        ("CM31", "paged", 80_000_000),
        ("Irp ", "nonpaged", 700_000_000),
    ]
    assert shown(case, "process", "pid", "image", "private_bytes", "handle_count") == [
        (5120, "billing.exe", 6_000_000_000, 3000)
    ]
    assert case.of("process")[0].number("elapsed_s") == pytest.approx(35 * 3600, abs=1)
    assert shown(case, "claim", "subject", "count") == [("commit", 1)]
    assert case.history is None
    assert {fact.get("subject") for fact in case.where("data_quality", problem="cut-list")} == {"processes", "tags"}


def test_several_events_are_a_history_by_time() -> None:
    text = low_memory("2026-09-08T13:00:00Z", 16900, 900, commit=8000) + low_memory("2026-09-08T11:00:00Z", 15000)
    case = only(text + low_memory("2026-09-08T12:00:00Z", 16000, 800, pid=7777, created="2026-09-08T11:30:00Z"))
    assert case.history
    found = {(r.quantity, r.counter): r for r in case.history.readings}
    committed = found["memory", "committed_bytes"].values["committed_bytes"][:, 0]
    assert committed.tolist() == [15_000_000_000, 16_000_000_000, 16_900_000_000]
    tags = found["tag", "bytes"]
    column = [subject["tag"] for subject in tags.subjects].index("Irp ")
    assert tags.values["bytes"][:, column].tolist() == [700_000_000, 800_000_000, 900_000_000]
    processes = found["process", "private_bytes"]
    assert [subject["pid"] for subject in processes.subjects] == [5120, 7777]
    assert np.isnan(processes.values["private_bytes"]).tolist() == [[False, True], [True, False], [False, True]]
    assert shown(case, "snapshot", "readings", "interval_s", "placed_by") == [(3, 3600.0, "clock")]


def test_only_events_since_the_last_start_are_compared() -> None:
    boot = event("EventLog", 6005, "2026-09-08T11:30:00Z")
    case = only(ONE + boot + low_memory("2026-09-08T12:00:00Z", 15000) + low_memory("2026-09-08T13:00:00Z", 15500))
    assert case.history
    assert [moment.uptime_s for moment in case.history.moments] == [1800, 5400]
    assert "1 event from before was left out" in str(note(case, "restart").get("text"))


def test_events_of_two_boots_are_not_compared_where_the_last_start_has_none() -> None:
    first, second = (event("EventLog", 6005, f"2026-09-08T{hour}:30:00Z") for hour in (11, 13))
    case = only(ONE + first + low_memory("2026-09-08T12:00:00Z", 15000) + second)
    assert case.history is None
    assert shown(case, "system", "crash_time", "uptime_s") == [("2026-09-08T12:00:00+00:00", 1800.0)]
    assert "started at 2026-09-08T11:30:00" in str(note(case, "restart").get("text"))
    assert not list(only(ONE + first).where("data_quality", problem="restart"))


def test_an_empty_pool_is_a_claim() -> None:
    two = event("Srv", 2019, "2026-09-08T11:00:00Z") + event("Srv", 2019, "2026-09-08T12:00:00Z")
    case = only(two + event("srv", 2020, "2026-09-08T12:00:00Z") + event("Disk", 7, "2026-09-08T12:00:00Z"))
    assert shown(case, "claim", "subject", "count") == [("nonpaged pool", 2), ("paged pool", 1)]
    assert not case.of("pool")
    assert note(case, "not-recorded").get("subject") == "memory"


def test_a_message_box_is_one_about_memory_only_where_it_says_so() -> None:
    box = "<EventData><Data>{}</Data></EventData>"
    said = event(
        "Application Popup", 26, "2026-09-08T11:00:00Z", box.format("Windows - Virtual Memory Minimum Too Low")
    )
    assert shown(only(said), "claim", "subject") == [("commit",)]
    with pytest.raises(CasefileError, match="is about memory"):
        cases(event("Application Popup", 26, "2026-09-08T11:00:00Z", box.format("Setup - done")))


TEXT = """\
Log Name:      System
Source:        Microsoft-Windows-Resource-Exhaustion-Detector
Date:          {date}
Event ID:      2004
Task Category: Resource Exhaustion Diagnosis Events
Level:         Warning
Computer:      SRV01
Description:
Windows successfully diagnosed a low virtual memory condition. The following programs consumed \
the most virtual memory: store.exe (7580) consumed 11282399232 bytes, My App.exe (21200) consumed 590 950 400 bytes, \
and w3wp.exe (21092) consumed 562757632 bytes.
"""
LISTED = """\
TimeCreated  : 4/13/2026 5:18:53 PM
ProviderName : Microsoft-Windows-Resource-Exhaustion-Detector
Id           : 2004
Message      : Windows successfully diagnosed a low virtual memory condition. The following programs consumed the most
               virtual memory: store.exe (7580) consumed 11282399232 bytes, My App.exe (21200) consumed 590950400
               bytes, and w3wp.exe (21092) consumed 562757632 bytes.
"""
GERMAN = """\
Protokollname: System
Quelle:        Microsoft-Windows-Resource-Exhaustion-Detector
Datum:         13.04.2026 17:18:53
Ereignis-ID:   2004
Computer:      SRV01
Beschreibung:
Die folgenden Programme haben den meisten virtuellen Speicher verbraucht: "store.exe" (7580) verbrauchte 11282399232 \
Bytes, "My App.exe" (21200) verbrauchte 590950400 Bytes und "w3wp.exe" (21092) verbrauchte 562757632 Bytes.
"""


@pytest.mark.parametrize(
    "text",
    [
        TEXT.format(date="4/13/2026 5:18:53 PM"),
        "Event[0]:\n  " + TEXT.format(date="2026-04-13T17:18:53.000").replace("\n", "\n  "),
        LISTED,
        GERMAN,
    ],
    ids=["Event Viewer", "wevtutil", "Get-WinEvent", "German"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_low_memory_as_text(text: str, encoding: str) -> None:
    case = only(text.encode(encoding))
    assert shown(case, "process", "pid", "image", "private_bytes") == [
        (7580, "store.exe", 11282399232),
        (21200, "My App.exe", 590950400),
        (21092, "w3wp.exe", 562757632),
    ]
    assert shown(case, "system", "crash_time") == [("2026-04-13T17:18:53+00:00",)]
    assert note(case, "undated").get("severity") == "info"
    assert not case.of("memory")


@pytest.mark.parametrize(
    "record",
    [
        "\n\nMessage          : low: app.exe (5120) consumed {n}000 bytes.\nId               : 2004\n"
        f"ProviderName     : {DETECTOR}\nMachineName      : SRV01\nTimeCreated      : 11/23/2026 {{n}}:15:00 AM\n"
        "LevelDisplayName : Warning\n",
        "\n\nTimeCreated  : 11/23/2026 {n}:15:00 AM\n"
        f"ProviderName : {DETECTOR}\nId           : 2004\nMessage      : low: app.exe (5120) consumed {{n}}000\n"
        "               bytes.\n               Message : of another event\n",
        "\n\nEventID            : 2004\nMachineName        : SRV01\nMessage            : low: app.exe (5120) consumed "
        f"{{n}}000 bytes.\nSource             : {DETECTOR}\nInstanceId         : 1073743828\n"
        "TimeGenerated      : 11/23/2026 {n}:15:00 AM\nTimeWritten        : 11/23/2026 {n}:15:01 AM\n",
    ],
    ids=["Get-WinEvent | fl *", "Get-WinEvent | fl", "Get-EventLog | fl *"],
)
def test_lists_of_powershell_give_each_event_its_own_time(record: str) -> None:
    case = only("".join(record.format(n=hour) for hour in (7, 5, 3)))
    assert case.history
    assert [str(moment.time)[:16] for moment in case.history.moments] == [f"2026-11-23 0{n}:15" for n in (3, 5, 7)]
    (readings,) = case.history.readings
    assert readings.values["private_bytes"][:, 0].tolist() == [3000, 5000, 7000]


def test_a_date_that_is_two_days_is_none() -> None:
    case = only(TEXT.format(date="04/05/2026 17:18:53"))
    assert shown(case, "system", "crash_time") == [(None,)]
    assert note(case, "undated").get("severity") == "warning"


def test_what_event_viewer_copies_with_its_xml_is_one_event() -> None:
    case = only(TEXT.format(date="4/13/2026 5:18:53 PM") + "Event Xml:\n" + ONE)
    assert shown(case, "claim", "subject", "count") == [("commit", 1)]
    assert case.of("memory")


def test_the_tree_of_the_details_page() -> None:
    text = f"""\
+ System
  - Provider
   [ Name] {DETECTOR}
  EventID 2004
  - TimeCreated
   [ SystemTime] 2026-01-17T15:58:09.012799500Z
  Computer SRV01
- UserData
 - MemoryExhaustionInfo
  - SystemInfo
   SystemCommitLimit 12839264256
   SystemCommitCharge 12570841088
   NonPagedPoolUsage 114331648
  - ProcessInfo
   - Process_1
    Name sqlservr.exe
    ID 1440
    CommitCharge 137105408
   - Process_2
    Name
    ID 0
  - NonPagedPoolInfo
   - Tag_1
    Name Leak
    PoolUsed 9000000
"""
    case = only(text)
    assert shown(case, "system", "computer", "crash_time") == [("SRV01", "2026-01-17T15:58:09+00:00")]
    assert shown(case, "pool", "type", "used_bytes") == [("nonpaged", 114331648)]
    assert shown(case, "process", "pid", "image", "private_bytes") == [(1440, "sqlservr.exe", 137105408)]
    assert shown(case, "tag", "tag", "pool", "bytes") == [("Leak", "nonpaged", 9000000)]


def test_the_tree_of_a_browser() -> None:
    text = ONE.replace("><", ">\n- <").replace("- </", "</")
    assert only(text).of("memory")


def test_events_of_several_machines_are_several_cases() -> None:
    first, second = cases(ONE + ONE.replace("SRV01", "SRV02"))
    assert (first.machine, second.machine) == ("SRV01", "SRV02")


BOMB = "<!DOCTYPE lolz [<!ENTITY lol 'lol'><!ENTITY lol2 '&lol;&lol;&lol;&lol;'>]>"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"<?xml version='1.0'?>{BOMB}<Events>{ONE}</Events>", "declares a document type"),
        (f"<Events><!-- {SCHEMA} -->" + "<Event a='1'>" * 300_000, "is about memory"),
        (event("Disk", 7, "2026-09-08T11:00:00Z"), "is about memory"),
        (event(DETECTOR, 2004, "never", "<a>" * 100_000), "is about memory"),
        (event(DETECTOR, 2004, "never", "<a>" * 100_000 + "</a>" * 100_000), "is about memory"),
        (event(DETECTOR, 2004, "never", "<a>1</a>" * 10_000), "is about memory"),
        (event(DETECTOR, 2004, "never", "&lol;"), "is about memory"),
    ],
    ids=["entities", "no end", "others", "unclosed", "deep", "many", "undeclared entity"],
)
def test_hostile_xml(text: str, message: str) -> None:
    started = time.perf_counter()
    with pytest.raises(CasefileError, match=message):
        cases(text)
    assert time.perf_counter() - started < 5


def test_a_broken_event_costs_only_itself() -> None:
    case = only(ONE[:300] + ONE + event(DETECTOR, 2004, "never", "<a></b>"))
    assert case.of("memory")
    assert str(note(case, "not-understood").get("text")).startswith("2 events")


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "2026-13-01", ""])
def test_times_that_are_none(when: str) -> None:
    case = only(low_memory(when, 16000))
    assert shown(case, "system", "crash_time") == [(None,)]
    assert note(case, "undated").get("severity") == "warning"


def test_figures_no_machine_has() -> None:
    case = only(ONE.replace("300000000", "9" * 400).replace("900000000", "-5").replace("6000000000", "many"))
    assert not case.of("pool")
    assert shown(case, "process", "private_bytes") == [(None,)]


def test_lines_that_would_take_forever() -> None:
    hostile = "Log Name: System\nSource: Srv\nEvent ID: 2019\n" + (" " * 50_000 + "x\n") * 20 + "a " * 100_000
    started = time.perf_counter()
    assert shown(only(hostile), "claim", "subject") == [("nonpaged pool",)]
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (ONE.encode(), True),
        (ONE.encode("utf-16"), True),
        (b"0: kd> !vm\nSource: Srv\nEvent ID: 2019\n", False),
        (b"Source: somewhere\n", False),
        (b"<html><Event></html>", False),
        (b"ElfFile\0" + bytes(100), False),
        (b"\n" * (1 << 16), False),
        (b"", False),
    ],
)
def test_recognition(head: bytes, expected: bool) -> None:
    assert is_events(head) is expected


def test_a_binary_event_log_is_answered_with_the_command(tmp_path: Path) -> None:
    path = tmp_path / "System.evtx"
    path.write_bytes(b"ElfFile\0" + bytes(5000))
    assert binary_log(path.read_bytes()[:4096])
    with pytest.raises(CasefileError, match="wevtutil qe") as refused:
        read_path(path)
    # Unquoted, cmd makes several arguments of it at the blanks.
    assert re.search(r' /q:"\*\[System\[\(EventID=2004 or [^"]+\)\]\]" /f:xml /e:Events', str(refused.value))


def test_the_kind_of_the_casefile(tmp_path: Path) -> None:
    path = tmp_path / "events.xml"
    path.write_text(ONE)
    (case,) = read_path(path)
    assert case.casefile.kind == "events"
