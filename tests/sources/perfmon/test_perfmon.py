"""Logs of Performance Monitor: header, samples, locales, and which process is which."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile
from dumptriage.facts.history import Readings
from dumptriage.sources import read as read_path
from dumptriage.sources.perfmon import is_binary, is_perfmon, read

ZONE = "(PDH-CSV 4.0) (W. Europe Standard Time)(-60)"
NONPAGED, PAGED = "\\\\SRV01\\Memory\\Pool Nonpaged Bytes", "\\\\SRV01\\Memory\\Pool Paged Bytes"


def sheet(columns: Sequence[str], rows: Sequence[Sequence[object]], separator: str = ",", zone: str = ZONE) -> str:
    """The text of a log; the samples are fifteen seconds apart."""
    lines = [[zone, *columns]]
    lines += [[f"09/08/2026 12:00:{15 * n:02d}.123", *map(str, row)] for n, row in enumerate(rows)]
    return "".join(separator.join(f'"{cell}"' for cell in line) + "\r\n" for line in lines)


def cases(text: str | bytes) -> list[Case]:
    data = text if isinstance(text, bytes) else text.encode()
    return read(data, Casefile("log.csv", "0" * 64, len(data), "perfmon"))


def only(text: str | bytes) -> Case:
    (case,) = cases(text)
    return case


def process(name: str, *counters: str) -> list[str]:
    return [f"\\\\SRV01\\Process({name})\\{counter}" for counter in counters]


def of(case: Case, quantity: str, counter: str) -> Readings:
    assert case.history is not None
    (found,) = [r for r in case.history.readings if (r.quantity, r.counter) == (quantity, counter)]
    return found


def series(case: Case, quantity: str, counter: str) -> dict[tuple[object, object], list[float | None]]:
    """The readings by subject and process id; None where nothing was read."""
    found = of(case, quantity, counter)
    return {
        (subject["subject"], subject.get("pid")): [None if np.isnan(v) else v for v in found.values[counter][:, column]]
        for column, subject in enumerate(found.subjects)
    }


def problems(case: Case) -> set[tuple[object, object]]:
    return {(fact.get("problem"), fact.get("subject")) for fact in case.of("data_quality")}


def test_the_last_sample_gives_the_facts_and_all_of_them_the_history() -> None:
    columns = [
        NONPAGED,
        "\\\\SRV01\\Memory\\Available Bytes",
        "\\\\SRV01\\Memory\\Available MBytes",
        "\\\\SRV01\\Memory\\Committed Bytes",
        "\\\\SRV01\\Memory\\Commit Limit",
        "\\\\SRV01\\Memory\\Free System Page Table Entries",
        "\\\\SRV01\\System\\System Up Time",
        "\\\\SRV01\\System\\Processes",
        "\\\\SRV01\\Memory\\Pages/sec",
    ]
    case = only(
        sheet(columns, [(100, 5000, 1, 70, 90, 33, 1000.5, 40, " "), (150, 4096, 1, 75, 90, 32, 1015.5, 41, 7)])
    )
    system, memory, pool = case.one("system"), case.one("memory"), case.one("pool")
    assert system and memory and pool
    assert (system.get("computer"), system.get("uptime_s")) == ("SRV01", 1015.5)
    assert system.get("crash_time") == "2026-09-08T11:00:15+00:00"
    assert (pool.get("type"), pool.get("used_bytes"), pool.source) == ("nonpaged", 150, "log.csv:3")
    assert (memory.get("available_bytes"), memory.get("free_system_ptes"), memory.quality) == (4096, 32, "exact")
    assert series(case, "pool", "used_bytes") == {("nonpaged", None): [100, 150]}
    assert series(case, "memory", "committed_bytes") == {("committed_bytes", None): [70, 75]}
    assert series(case, "counter", "value") == {("System\\Processes", None): [40, 41]}
    assert case.history
    assert case.history.moments[0].time == datetime(2026, 9, 8, 11, 0, 0, 123000, tzinfo=UTC)
    assert case.history.moments[1].uptime_s == 1015.5
    snapshot = case.one("snapshot")
    assert snapshot
    assert (snapshot.get("readings"), snapshot.get("interval_s"), snapshot.get("placed_by")) == (2, 15.0, "clock")
    assert ("not-read", "counters") in problems(case)  # the rate


def test_available_megabytes_are_rounded() -> None:
    case = only(sheet(["\\\\SRV01\\Memory\\Available MBytes"], [(100,), (90,)]))
    memory = case.one("memory")
    assert memory
    assert (memory.get("available_bytes"), memory.quality) == (90 * 2**20, "rounded")
    assert of(case, "memory", "available_bytes").quality == "rounded"


def test_one_sample_has_no_history() -> None:
    assert only(sheet([NONPAGED], [(100,)])).history is None


@pytest.mark.parametrize(
    "text",
    [
        sheet([NONPAGED, PAGED], [("1234.5", "7"), ("2000", "8")]),
        sheet([NONPAGED, PAGED], [("1234,5", "7"), ("2000,000", "8")]),
        sheet([NONPAGED, PAGED], [("1234,5", "7"), ("2000", "8")], ";"),
        sheet([NONPAGED, PAGED], [("1234.5", "7"), ("2000", "8")], "\t", ZONE.replace("CSV", "TSV")),
        sheet([NONPAGED, PAGED], [("1234.5", "7"), ("2000", "8")]).replace('"', ""),
        sheet([NONPAGED, PAGED], [("1234,5", "7"), ("2000", "8")], ";").replace('"', ""),
        "\r\n"
        + sheet([NONPAGED, PAGED], [(" 1.2345e3", "7"), ("2000", "8")])
        + "\r\nThe command completed successfully.\r\n",
        "\ufeff" + sheet([NONPAGED, PAGED], [("1234.5", "7"), ("2000", "8")]),
    ],
    ids=["comma", "decimal comma", "semicolon", "tab", "unquoted", "unquoted semicolon", "typeperf", "mark"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_separators_fractions_and_encodings(text: str, encoding: str) -> None:
    data = text.encode(encoding)
    assert is_perfmon(data[:4096])
    case = only(data)
    found = {fact.get("type"): fact.get("used_bytes") for fact in case.of("pool")}
    assert found == {"nonpaged": 2000, "paged": 8}
    assert series(case, "pool", "used_bytes")["nonpaged", None] == [1234.5, 2000]


@pytest.mark.parametrize(
    "paths",
    [
        ("\\\\S\\Arbeitsspeicher\\Nicht-Auslagerungsseiten (Bytes)", "\\\\S\\Arbeitsspeicher\\Zugesicherte Bytes"),
        ("\\\\S\\Mémoire\\Octets de réserve non paginée", "\\\\S\\Mémoire\\Octets validés"),
        ("\\\\S\\Memoria\\Bytes de bloque no paginado", "\\\\S\\Memoria\\Bytes confirmados"),
        ("\\\\S\\4\\58", "\\\\S\\4\\26"),
        ("\\Memory\\Pool Nonpaged Bytes", "\\Memory\\Committed Bytes"),
    ],
    ids=["German", "French", "Spanish", "numbers", "no machine"],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_names_of_counters_in_other_languages(paths: tuple[str, str], encoding: str) -> None:
    case = only(sheet(paths, [(5, 6)]).encode(encoding))
    pool, memory = case.one("pool"), case.one("memory")
    assert pool and memory
    assert (pool.get("used_bytes"), memory.get("committed_bytes")) == (5, 6)


def test_a_process_that_changes_its_instance_name_keeps_its_readings() -> None:
    """svchost#1 ends; svchost#2 becomes svchost#1."""
    columns = [
        *process("svchost", "ID Process", "Handle Count"),
        *process("svchost#1", "ID Process", "Handle Count"),
        *process("svchost#2", "ID Process", "Handle Count"),
    ]
    rows = [(10, 100, 20, 5000, 30, 300), (10, 101, 20, 5001, 30, 310), (10, 102, 30, 320, " ", " ")]
    case = only(sheet(columns, rows))
    assert series(case, "process", "handle_count") == {
        ("svchost.exe", 10): [100, 101, 102],
        ("svchost.exe", 20): [5000, 5001, None],
        ("svchost.exe", 30): [300, 310, 320],
    }
    assert {(fact.get("pid"), fact.get("handle_count")) for fact in case.of("process")} == {(10, 102), (30, 320)}


def test_instances_without_process_ids_have_no_growth() -> None:
    columns = [
        *process("svchost", "Handle Count"),
        *process("svchost#1", "Handle Count"),
        *process("a", "Handle Count"),
    ]
    case = only(sheet(columns, [(100, 5000, 1), (5000, 300, 2)]))
    assert series(case, "process", "handle_count") == {("a.exe", None): [1, 2]}
    assert {fact.get("handle_count") for fact in case.of("process")} == {5000, 300, 2}
    assert ("low-precision", "processes") in problems(case)


@pytest.mark.parametrize(
    ("rows", "readings"),
    [
        ([(7, 500, 90), (" ", " ", " "), (7, 10, 5)], [500, None, 10]),  # the sample was lost, not the process
        ([(7, 500, 90), (7, 510, 105), (7, 10, 5)], [None, None, 10]),  # its age fell
    ],
    ids=["blank sample", "same id, another process"],
)
def test_a_process_id_given_again(rows: list[tuple[object, ...]], readings: list[float | None]) -> None:
    columns = process(
        "a", "ID Process", "Handle Count", *(["Elapsed Time"] if readings[0] is None else ["% User Time"])
    )
    assert series(only(sheet(columns, rows)), "process", "handle_count") == {("a.exe", 7): readings}


def test_a_process_that_was_gone_while_others_ran_is_another_afterwards() -> None:
    columns = [*process("a", "ID Process", "Handle Count"), *process("b", "ID Process", "Handle Count")]
    case = only(sheet(columns, [(7, 500, 8, 1), (" ", " ", 8, 1), (7, 10, 8, 1)]))
    assert series(case, "process", "handle_count")["a.exe", 7] == [None, None, 10]


@pytest.mark.parametrize(
    ("columns", "rows"),
    [
        (process("lsass", "ID Process"), [[700], [""], [712], [712]]),
        (process("LSASS", "Elapsed Time"), [[70000.5], [70015.5], [9.5], [24.5]]),
        (process("wininit", "ID Process", "Elapsed Time"), [[600, 90], [600, 105], [644, 3], [644, 18]]),
        (
            ["\\\\SRV01\\Process V2(lsass:700)\\Handle Count", "\\\\SRV01\\Process V2(lsass:712)\\Handle Count"],
            [[900, ""], ["", ""], ["", 800], ["", 801]],
        ),
    ],
)
def test_new_critical_processes_show_a_restart(columns: list[str], rows: list[list[object]]) -> None:
    text = sheet([NONPAGED, *columns], [[900 - 100 * (n > 1) + n, *row] for n, row in enumerate(rows)])
    case = only(text)
    assert case.history is not None
    assert series(case, "pool", "used_bytes") == {("nonpaged", None): [802, 803]}
    assert [moment.source for moment in case.history.moments] == ["log.csv:4", "log.csv:5"]
    (note,) = case.where("data_quality", problem="restart")
    assert "The machine restarted between 2026-09-08 11:00:15 and 2026-09-08 11:00:30" in str(note.get("text"))
    assert "2 snapshots before that were left out of the growth" in str(note.get("text"))


@pytest.mark.parametrize(
    "columns", [process("agent", "ID Process"), process("svchost#1", "ID Process"), process("lsass", "Handle Count")]
)
def test_other_processes_show_no_restart(columns: list[str]) -> None:
    case = only(sheet([NONPAGED, *columns], [[900, 700], [901, 700], [902, 652]]))
    assert series(case, "pool", "used_bytes") == {("nonpaged", None): [900, 901, 902]}
    assert ("restart", "snapshots") not in problems(case)


def test_process_v2_has_the_id_in_its_name() -> None:
    columns = ["\\\\S\\Process V2(svchost:4711)\\Handle Count", "\\\\S\\Process V2(svchost:4712)\\Handle Count"]
    case = only(sheet(columns, [(1, 2), (3, 4)]))
    assert series(case, "process", "handle_count") == {("svchost.exe", 4711): [1, 3], ("svchost.exe", 4712): [2, 4]}


def test_images_and_totals() -> None:
    columns = [
        *process("System", "ID Process", "Handle Count"),
        *process("Idle", "ID Process", "Handle Count"),
        *process("_Total", "Private Bytes", "Handle Count"),
        *process("foo.bar", "ID Process", "Private Bytes", "Thread Count", "Pool Nonpaged Bytes"),
    ]
    case = only(sheet(columns, [(4, 900, 0, 0, 70, 1000, 8, 60, 3, 11)] * 2))
    assert [fact.get("image") for fact in case.of("process")] == ["System", "foo.bar.exe"]
    memory = case.one("memory")
    assert memory and memory.get("private_bytes") == 70
    assert case.history
    counters = {s["subject"] for r in case.history.readings if r.quantity == "counter" for s in r.subjects}
    assert counters == {"Process(_Total)\\Handle Count", "Pool Nonpaged Bytes of foo.bar.exe"}


def test_objects_are_object_types() -> None:
    case = only(sheet(["\\\\S\\Objects\\Mutexes", "\\\\S\\Objects\\Processes"], [(900, 40), (950, 41)]))
    assert [(fact.get("type"), fact.get("objects")) for fact in case.of("object_type")] == [("Mutant", 950)]
    assert series(case, "counter", "value") == {("Objects\\Processes", None): [40, 41]}


def test_two_machines_are_two_cases() -> None:
    first, second = cases(sheet([NONPAGED, NONPAGED.replace("01", "02")], [(5, 6)]))
    assert (first.machine, second.machine, second.number) == ("SRV01", "SRV02", 2)
    assert [fact.get("used_bytes") for fact in second.of("pool")] == [6]
    assert ("several-machines", "counters") in problems(first)


@pytest.mark.parametrize(
    ("times", "expected", "severity"),
    [
        (
            ["10/25/2026 02:59:50.000", "10/25/2026 02:00:05.000"],
            [datetime(2026, 10, 25, 1, 59, 50, tzinfo=UTC)],
            "info",
        ),
        (["10/25/2026 12:00:00.000", "10/24/2026 12:00:00.000"], [None], "warning"),
        (["25/10/2026 12:00", "25/10/2026 12:05"], [datetime(2026, 10, 25, 11, tzinfo=UTC)], None),
    ],
    ids=["end of summer time", "clock set back", "saved by a spreadsheet"],
)
def test_clocks(times: list[str], expected: list[datetime | None], severity: str | None) -> None:
    text = f'"{ZONE}","{NONPAGED}"\n' + "".join(f'"{time}","{n}"\n' for n, time in enumerate(times))
    case = only(text)
    assert case.history
    assert [moment.time for moment in case.history.moments][:1] == expected
    notes = [fact.get("severity") for fact in case.of("data_quality") if fact.get("problem") == "undated"]
    assert notes == ([severity] if severity else [])
    spans = [moment.time for moment in case.history.moments if moment.time]
    assert spans == sorted(spans)


def test_typeperf_does_not_say_how_far_from_utc_its_clock_is() -> None:
    case = only(sheet([NONPAGED], [(5,)], zone="(PDH-CSV 4.0)"))
    assert ("undated", "counters") in problems(case)


@pytest.mark.parametrize("cell", ["", " ", "-1", "nan", "inf", "1e999", "9" * 400, "1_000", "0x10", "--", "1,2,3"])
def test_what_is_no_reading_is_unknown(cell: str) -> None:
    case = only(sheet([NONPAGED, PAGED], [(5, 6), (cell, 7)]))
    assert {fact.get("type"): fact.get("used_bytes") for fact in case.of("pool")} == {"paged": 7}
    assert series(case, "pool", "used_bytes")["nonpaged", None] == [5, None]


def test_rows_that_do_not_fit_are_counted_and_left_out() -> None:
    text = sheet([NONPAGED, PAGED], [(5, 6), (7, 8)])
    broken = (
        text
        + '"09/08/2026 12:00:45.000","9"\r\n'
        + '"yesterday","9","9"\r\n'
        + '"09/08/2026 12:01:00.000","1","2","3"\r\n'
    )
    case = only(broken)
    assert series(case, "pool", "used_bytes")["nonpaged", None] == [5, 7]
    (note,) = [fact for fact in case.of("data_quality") if fact.get("problem") == "not-understood"]
    assert str(note.get("text")).startswith("3 lines")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (sheet([NONPAGED], []), "no sample"),
        (f'"{ZONE}"\n', "names no counter"),
        (sheet(["\\\\S\\Memory\\Pages/sec"], [(1,)]), "no counter of memory"),
        (sheet(["nothing"], [(1,)]), "no counter of memory"),
        (sheet([NONPAGED], [(1,)]) + sheet([PAGED], [(1,)]), "another log with other counters begins in line 3"),
        (sheet([f"\\\\S{n}\\Memory\\Pool Paged Bytes" for n in range(70)], [[1] * 70]), "more than 64 machines"),
        (f'"{ZONE}","{"x" * (1 << 25)}"', "line 1 of the log has"),
        (f'"{ZONE}",' + ",".join(['"\\\\S\\a\\b"'] * 200_001), "more than the 200,000 read"),
    ],
)
def test_logs_that_cannot_be_used_say_so_in_one_line(text: str, message: str) -> None:
    with pytest.raises(CasefileError, match=message) as raised:
        cases(text)
    assert "\n" not in str(raised.value)


def test_a_hundred_thousand_columns() -> None:
    columns = [f"\\\\S\\Odd(i{n})\\Things" for n in range(100_000)]
    case = only(sheet(columns, [range(100_000)] * 2))
    assert len(of(case, "counter", "value").subjects) == 2000
    assert ("not-read", "counters") in problems(case)


def test_a_process_id_that_is_new_in_every_sample() -> None:
    columns = process("a", "ID Process", "Handle Count")
    lines = [f'"{ZONE}",' + ",".join(f'"{column}"' for column in columns)]
    lines += [f'"09/08/2026 {n // 3600:02d}:{n // 60 % 60:02d}:{n % 60:02d}.000","{n + 1}","5"' for n in range(20_000)]
    case = only("\n".join(lines))
    assert len(of(case, "process", "handle_count").subjects) <= 200
    assert case.of("process")[0].get("pid") == 20_000
    assert ("not-read", "processes") in problems(case)


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (b"\0\0\1\0" + bytes(70) + b"\2\xc0" + bytes(100), "a.bin", True),
        (b"\0\0\1\0" + bytes(200), "a.blg", True),
        (b"\0\0\1\0" + bytes(200), "a.bin", False),
        (b"PAGEDU64" + bytes(200), "a.dmp", False),
        (sheet([NONPAGED], []).encode("utf-16"), "a.blg", False),
    ],
)
def test_binary_logs_are_recognised(head: bytes, name: str, expected: bool) -> None:
    assert is_binary(head, name) is expected


def test_a_binary_log_is_answered_with_the_command(tmp_path: Path) -> None:
    path = tmp_path / "perf 1.blg"
    path.write_bytes(b"\0\0\1\0" + bytes(70) + b"\2\xc0" + bytes(4096))
    with pytest.raises(CasefileError, match=r'relog "perf 1\.blg" -f csv -o "perf 1\.csv"'):
        read_path(path)


def test_the_kind_of_the_casefile(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(sheet([NONPAGED], [(1,), (2,)]))
    (case,) = read_path(path)
    assert case.casefile.kind == "perfmon"
