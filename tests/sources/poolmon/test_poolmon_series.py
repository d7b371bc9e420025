"""Whole poolmon logs: one snapshot, a screen, a series, and what is said of each."""

import math
from pathlib import Path

import pytest
from forge_poolmon import COLUMNS, growing, header, notes, read_text, row, series, snapshot, times

from dumptriage.facts import Value
from dumptriage.sources import read
from dumptriage.sources.poolmon import is_poolmon

KB = 1024
MANY = [(f"T{index:03d}", "Nonp", 1000 + index, 1000, 64) for index in range(200)]


def fields(text: str, kind: str, *names: str) -> list[tuple[Value | None, ...]]:
    return [tuple(fact.get(name) for name in names) for fact in read_text(text).of(kind)]


def test_one_snapshot_is_a_case_without_history() -> None:
    text = "Mon 11/23/2026 10:00:00.00\n" + header(nonpaged=700) + snapshot(MANY)
    case = read_text(text)
    assert case.history is None
    assert case.of("snapshot") == []
    assert len(case.of("tag")) == 200
    assert fields(text, "tag", "tag", "pool", "allocs", "frees", "outstanding", "bytes")[3] == (
        "T003", "nonpaged", 1003, 1000, 3, 192,
    )  # fmt: skip
    assert fields(text, "pool", "type", "used_bytes") == [("nonpaged", 700 * KB), ("paged", 983564 * KB)]
    assert fields(text, "memory", "available_bytes", "committed_bytes") == [(8_000_000 * KB, 4100436 * KB)]
    assert fields(text, "system", "crash_time") == [("2026-11-23T10:00:00Z",)]
    assert notes(case) == [("undated", "info")]  # local time of an unknown zone; the list is whole


def test_a_screen_shows_the_tags_that_fit() -> None:
    assert ("cut-list", "info") in notes(read_text(header(nonpaged=100_000) + snapshot(MANY, changes=True)))
    used = sum(64 * index for index in range(200)) // KB
    assert notes(read_text(header(nonpaged=used) + snapshot(MANY, changes=True))) == []


def test_a_series() -> None:
    text = growing([1000, 2500, 5000], [f"Mon 11/23/2026 1{hour}:00:00.00\n" for hour in range(3)])
    case = read_text(text)
    assert series(case, "Leak") == [1000, 2500, 5000]
    assert series(case, "Leak", "allocs") == [2000, 3500, 6000]
    assert series(case, "Leak", "frees") == [1000, 1000, 1000]
    assert series(case, "Leak", "bytes") == [96_000, 240_000, 480_000]
    assert times(case) == [f"2026-11-23 1{hour}:00:00" for hour in range(3)]
    assert [shown[0] for shown in fields(text, "tag", "outstanding")] == [5000, 10]
    names = ("number", "source_kind", "time", "until", "readings", "interval_s", "placed_by")
    assert fields(text, "snapshot", *names) == [
        (1, "poolmon", "2026-11-23T10:00:00Z", "2026-11-23T12:00:00Z", 3, 3600.0, "clock")
    ]
    assert case.history is not None
    assert [(item.quantity, item.counter, item.unit) for item in case.history.readings] == [
        ("tag", "outstanding", "allocations"),
        ("pool", "used_bytes", "bytes"),
        ("memory", "available_bytes", "bytes"),
        ("memory", "committed_bytes", "bytes"),
    ]
    assert case.history.readings[1].values["used_bytes"].tolist()[0] == [700 * KB, 983564 * KB]


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        (["23.11.2026\n10:00\n", "23.11.2026\n10:30\n"], ["2026-11-23 10:00:00", "2026-11-23 10:30:00"]),
        (
            ["The current date is: Mon 11/23/2026\nThe current time is: 10:00:00.00\n",
             "The current date is: Mon 11/23/2026\nThe current time is: 10:30:00.00\n"],
            ["2026-11-23 10:00:00", "2026-11-23 10:30:00"],
        ),
        (
            ["\nMontag, 23. November 2026 10:00:00\n\n\n", "\nMontag, 23. November 2026 10:30:00\n\n\n"],
            ["2026-11-23 10:00:00", "2026-11-23 10:30:00"],
        ),
        (["=======\n", "=======\n"], [None, None]),
        # Out of order in the file; the counters agree with the clock.
        (["2026-11-23T10:30:00Z\n", "2026-11-23T10:00:00Z\n"], ["2026-11-23 10:00:00", "2026-11-23 10:30:00"]),
    ],
)  # fmt: skip
def test_dates(above: list[str], expected: list[str | None]) -> None:
    values = [2000, 1000] if "10:30" in above[0] else [1000, 2000]
    case = read_text(growing(values, above))
    assert times(case) == expected
    assert series(case, "Leak") == [1000, 2000]


def test_dates_below_their_snapshots() -> None:
    one, two = growing([1], [""]), growing([2], [""])
    case = read_text(one + "2026-11-23 10:00:00\n" + two + "2026-11-23 10:30:00\n")
    assert times(case) == ["2026-11-23 10:00:00", "2026-11-23 10:30:00"]
    assert series(case, "Leak") == [1, 2]


def test_winter_time_is_put_right() -> None:
    clock = ["02:00", "02:30", "02:00", "02:30"]
    case = read_text(growing([1, 2, 3, 4], [f"25.10.2026 {time}:00\n" for time in clock]))
    assert times(case) == [f"2026-10-25 {time}:00" for time in ("02:00", "02:30", "03:00", "03:30")]
    assert series(case, "Leak") == [1, 2, 3, 4]


def test_a_clock_set_back_gives_no_times() -> None:
    days = ["24.11.2026 10:00:00\n", "24.11.2026 11:00:00\n", "23.11.2026 11:00:00\n", "23.11.2026 12:00:00\n"]
    case = read_text(growing([1, 2, 3, 4], days))
    assert series(case, "Leak") == [1, 2, 3, 4]
    assert times(case) == [None] * 4
    assert notes(case).count(("undated", "warning")) == 1


def test_without_memory_lines_the_columns_part_the_snapshots() -> None:
    case = read_text("".join(snapshot([("Leak", "Nonp", 10 + value, 10, 96)]) for value in (5, 6, 7)))
    assert series(case, "Leak") == [5, 6, 7]
    assert ("undated", "warning") in notes(case)


def test_columns_repeated_on_every_page_are_one_snapshot() -> None:
    pages = [MANY[start : start + 50] for start in range(0, 200, 50)]
    case = read_text(header() + "".join(snapshot(page) for page in pages))
    assert case.history is None
    assert len(case.of("tag")) == 200


def test_a_tag_that_is_not_listed_is_unknown() -> None:
    text = snapshot(MANY[:2], header()) + snapshot(MANY[:1], header())
    last = series(read_text(text), "T001")
    assert last[0] == 1
    assert math.isnan(last[1])


def test_session_pool() -> None:
    text = (header() + " Session 1 pool information\n" + snapshot([("GDev", "Paged", 20, 10, 64)])) * 2
    case = read_text(text + header() + snapshot([("GDev", "Paged", 30, 10, 64)]))
    assert case.history is not None
    subjects = case.history.readings[0].subjects
    assert {(subject["tag"], subject["pool"]) for subject in subjects} == {("GDev", "paged"), ("GDev", "session")}


def test_a_row_that_contradicts_itself_is_no_reading() -> None:
    good = growing([1000], [""])
    bad = good.replace(f"{1000:18d}{96_000:15d}", f"{1007:18d}{96_000:15d}")
    assert bad != good
    case = read_text(good + bad + good)
    readings = series(case, "Leak")
    assert readings[0] == readings[2] == 1000
    assert math.isnan(readings[1])
    assert ("impossible-counter", "warning") in notes(case)


def test_wrapped_32_bit_counters_are_kept() -> None:
    wrapped = f" Leak Nonp{40:20d}{2**32 - 60:19d}{100:18d}{9600:15d}{96:17d}\n"
    case = read_text(snapshot([("Leak", "Nonp", 2**32 - 10, 2**32 - 60, 96)]) + COLUMNS + wrapped)
    assert series(case, "Leak") == [50, 100]
    assert series(case, "Leak", "allocs") == [2**32 - 10, 40]


@pytest.mark.parametrize("size", [2000, len(header())])
def test_a_file_cut_while_it_was_written(size: int) -> None:
    whole = snapshot(MANY, header())
    case = read_text(whole + whole + whole[:size])
    assert case.history is not None
    assert len(case.history.moments) == 2
    assert len(case.of("tag")) == 200
    assert ("broken", "info") in notes(case)


def test_counters_beyond_32_bits_and_the_column_of_drivers() -> None:
    wide = " FMfn Paged  18446744073     12000000000        6446744073   412591620672          64   [fltmgr.sys - x]\n"
    case = read_text(COLUMNS + wide)
    (tag,) = case.of("tag")
    assert (tag.get("outstanding"), tag.get("owner"), tag.quality) == (6446744073, "fltmgr.sys", "exact")


def test_the_head_of_memsnap() -> None:
    labels = "!LogType=memsnap\n!ComputerName=SRV2\n!buildnumber=3790\n!SystemTime=11\\23\\2026 10:00:00.0 (GMT)\n"
    text = snapshot([], "") + labels + "!TickCount=7200000\n" + row("Leak", "Nonp", 20, 10, 96)
    case = read_text(text)
    assert fields(text, "system", "computer", "build", "uptime_s", "crash_time") == [
        ("SRV2", 3790, 7200.0, "2026-11-23T10:00:00Z")
    ]
    assert len(case.of("tag")) == 1


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_encodings(encoding: str, newline: str) -> None:
    text = growing([1, 2], ["2026-11-23 10:00\n", "2026-11-23 11:00\n"]).replace("Calm", "Ärme").replace("\n", newline)
    assert is_poolmon(text.encode(encoding))
    case = read_text(text.encode(encoding))
    assert series(case, "Leak") == [1, 2]
    assert series(case, "Ärme") == [10, 10]


def test_utf_16_appended_to_ansi() -> None:
    parts = [growing([value], [""]).encode() for value in (1, 2)]
    stamps = [f"2026-11-23 1{hour}:00:00\r\n".encode("utf-16-le") for hour in range(2)]
    case = read_text(stamps[0] + parts[0] + b"\xff\xfe" + stamps[1] + parts[1])
    assert times(case) == ["2026-11-23 10:00:00", "2026-11-23 11:00:00"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (snapshot(MANY), True),
        (header(), True),
        ("C:\\tools> poolmon -b\n" + header() + snapshot(MANY[:3], changes=True) + " ...\n", True),
        ("0: kd> !vm 1\n" + snapshot(MANY), False),
        (snapshot(MANY) + "!poolused 2\n", False),
        (snapshot(MANY) + "NonPagedPool Usage:     1000 (    4000 Kb)\n", False),
        (snapshot(MANY[:3]) + "and then\nwe looked\nat the server\nin the cellar\n", False),
        ("Query pooltags Failed c0000002.\n", False),
        ("hello\n", False),
    ],
)
def test_what_is_a_poolmon_log(text: str, expected: bool) -> None:
    assert is_poolmon(text.encode()) is expected


@pytest.mark.parametrize(("text", "kind"), [
    (snapshot(MANY), "poolmon"),
    ("0: kd> !poolused\n" + snapshot(MANY), "log"),
])  # fmt: skip
def test_the_kind_of_the_case(tmp_path: Path, text: str, kind: str) -> None:
    path = tmp_path / "pool.txt"
    path.write_text(text)
    (case,) = read(path)
    assert case.casefile.kind == kind
    assert len(case.of("tag")) == 200
