"""What Windows reports by itself: counts of processes without ids, events as text, and commit beside a pool tag."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from dumptriage.diagnosis import Confidence, Diagnosis
from dumptriage.knowledge import load_knowledge
from dumptriage.report.headline import sentence
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

RULEBOOK, KNOWLEDGE = shipped_rulebook(), load_knowledge()
GB = 10**9
SCHEMA = "http://schemas.microsoft.com/win/2004/08/events/event"
DETECTOR = "Microsoft-Windows-Resource-Exhaustion-Detector"


def judge(folder: Path, name: str, text: str) -> Diagnosis:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    (case,) = read(file)
    return diagnose(case, RULEBOOK, KNOWLEDGE)


def typeperf(handles: Sequence[int], image: str = "orders") -> str:
    """What typeperf writes of the handles of one process, every quarter of an hour, without ids of processes."""
    lines = [f'"(PDH-CSV 4.0)","\\\\SRV01\\Process({image})\\Handle Count"']
    for number, count in enumerate(handles):
        lines.append(f'"03/03/2026 {8 + number // 4:02d}:{15 * (number % 4):02d}:00.000","{count}.000000"')
    return "\r\n".join(lines) + "\r\n"


def as_list(number: int, provider: str, message: str, when: str = "11/23/2026 7:15:00 AM") -> str:
    """An event as `Get-WinEvent | fl` prints it."""
    return f"\nTimeCreated  : {when}\nProviderName : {provider}\nId           : {number}\nMessage      : {message}\n\n"


def low_memory(charge: int, process: int, tag: int, name: str = "Irp") -> str:
    """Event 2004 as XML: commit of a limit of 17 GB, that of one process, and a tag of a nonpaged pool of 0.9 GB."""
    info = "".join(
        f"<{key}>{value}</{key}>"
        for key, value in {
            "SystemCommitLimit": 17 * GB,
            "SystemCommitCharge": charge,
            "ProcessCommitCharge": 9 * GB,
            "PhysicalMemorySize": 8 * GB,
            "PhysicalMemoryUsage": 7 * GB,
            "NonPagedPoolUsage": 9 * GB // 10,
        }.items()
    )
    return (
        f"<Event xmlns='{SCHEMA}'><System><Provider Name='{DETECTOR}'/><EventID>2004</EventID>"
        "<TimeCreated SystemTime='2026-09-08T11:00:00Z'/><Computer>SRV01</Computer></System><UserData>"
        f"<MemoryExhaustionInfo><SystemInfo>{info}</SystemInfo>"
        f"<NonPagedPoolInfo><Tag_1><Name>{name}</Name><PoolUsed>{tag}</PoolUsed></Tag_1></NonPagedPoolInfo>"
        f"<ProcessInfo><Process_1><Name>orders.exe</Name><ID>5120</ID><CommitCharge>{process}</CommitCharge></Process_1>"
        "</ProcessInfo></MemoryExhaustionInfo></UserData></Event>"
    )


@pytest.mark.parametrize("step", [4_000, 40_000])
def test_handles_that_grow_in_a_log_without_process_ids(tmp_path: Path, step: int) -> None:
    result = judge(tmp_path, "handles.csv", typeperf([5_000 + step * number for number in range(20)]))
    verdict = result.verdict
    assert (verdict.state, verdict.kind.name, verdict.kind.confidence) == ("leak", "handle leak", Confidence.HIGH)
    assert (verdict.holder.name, verdict.culprit.name) == ("orders.exe", "orders.exe")
    assert "pid" not in sentence(result)
    assert not result.problems


def test_handles_that_stay_are_not_called_unread(tmp_path: Path) -> None:
    result = judge(tmp_path, "handles.csv", typeperf([900, 901, 902, 900] * 5))
    assert result.verdict.state == "inconclusive"
    assert "nothing of pool tags could be read from it" in sentence(result)


@pytest.mark.parametrize(
    ("number", "provider", "message", "said"),
    [
        (
            2019,
            "srv",
            "The server was unable to allocate from the system nonpaged pool because the pool was empty.",
            "Windows itself reported that nonpaged pool ran out, a claim that no figure here confirms. What leaks",
        ),
        (
            2004,
            DETECTOR,
            "Windows successfully diagnosed a low virtual memory condition. The following programs consumed the most "
            "virtual memory: sqlservr.exe (1200) consumed 2000000000 bytes, and orders.exe (4321) consumed "
            "11000000000 bytes.",
            "Windows itself reported that commit ran out, a claim that no figure here confirms. orders.exe (pid 4321) "
            "had committed most, 10.2 GiB. What leaks",
        ),
        (
            2004,
            DETECTOR,
            "Windows hat erfolgreich eine Bedingung mit wenig virtuellem Speicher diagnostiziert. Die folgenden "
            "Programme haben den meisten virtuellen Speicher verbraucht: orders.exe (5120) verbrauchte 13000000000 "
            "Bytes und MsMpEng.exe (3100) verbrauchte 300000000 Bytes.",
            "Windows itself reported that commit ran out, a claim that no figure here confirms. orders.exe (pid 5120) "
            "had committed most, 12.1 GiB. What leaks",
        ),
    ],
    ids=["empty pool", "low memory", "low memory in German"],
)
def test_events_as_text_are_said_to_be_what_windows_reports(
    tmp_path: Path, number: int, provider: str, message: str, said: str
) -> None:
    result = judge(tmp_path, "events.txt", as_list(number, provider, message))
    assert result.verdict.resource.confidence == Confidence.LOW
    assert sentence(result).startswith(said)


def test_a_tag_that_is_little_of_commit_is_no_suspect(tmp_path: Path) -> None:
    result = judge(tmp_path, "event.xml", low_memory(16 * GB, 6 * GB, 7 * GB // 10))
    assert (result.verdict.state, result.verdict.resource.name, result.verdict.kind.name) == (
        "exhaustion",
        "commit",
        None,
    )
    assert "orders.exe (pid 5120) has committed 37.5 % of it" in sentence(result)


@pytest.mark.parametrize(("charge", "process"), [(16 * GB, GB), (14 * GB, 6 * GB)], ids=["small process", "room"])
def test_a_tag_stays_one_where_no_process_explains_commit(tmp_path: Path, charge: int, process: int) -> None:
    result = judge(tmp_path, "event.xml", low_memory(charge, process, 7 * GB // 10))
    assert result.verdict.kind.tags == ("Irp ",)
