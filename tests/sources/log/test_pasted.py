from pathlib import Path

import pytest
from parsing import notes, of, only, read, shown

from dumptriage.facts import Value
from dumptriage.sources import read as read_path
from dumptriage.sources.log.pasted import PARSERS

KB, GB = 1024, 2**30

RAMMAP = """\
Usage\tTotal\tActive\tStandby\tModified\tModified No Write\tTransition\tZeroed\tFree\tBad
Process Private\t4,194,304 K\t4,000,000 K\t100,000 K\t94,304 K\t\t\t\t\t
Mapped File\t900,000 K\t100,000 K\t800,000 K\t0 K\t\t\t\t\t
Paged Pool\t300,000 K\t290,000 K\t10,000 K\t\t\t\t\t\t
Nonpaged Pool\t8,421,376 K\t8,421,376 K\t\t\t\t\t\t\t
AWE\t1,024 K\t1,024 K\t\t\t\t\t\t\t
Driver Locked\t2,048 K\t2,048 K\t\t\t\t\t\t\t
Kernel Stack\t30,000 K\t29,000 K\t\t\t\t\t\t\t
Total\t16,777,216 K\t12,000,000 K\t900,000 K\t94,000 K\t0 K\t216 K\t3,000,000 K\t783,000 K\t0 K
"""


@pytest.mark.parametrize(
    "text",
    [
        RAMMAP,
        RAMMAP.replace(",", "."),
        RAMMAP.replace(",", "\u00a0"),
        "".join(
            "| " + line.replace("\t", " | ") + " |\n" + ("|---|---|\n" if number == 0 else "")
            for number, line in enumerate(RAMMAP.splitlines())
        ),
    ],
    ids=["tabs", "dots", "no-break blanks", "markdown"],
)
def test_use_counts_of_rammap(text: str) -> None:
    log = read(text, PARSERS)
    paged, nonpaged = of(log, "pool")
    assert (nonpaged.get("used_bytes"), nonpaged.quality) == (8421376 * KB, "rounded")
    assert (paged.get("used_bytes"), paged.quality) == (300000 * KB, "lower-bound")  # the resident part
    memory = only(log, "memory")
    assert shown(memory, "physical_bytes", "mdl_bytes", "awe_bytes", "kernel_stack_bytes") == (
        16777216 * KB,
        2048 * KB,
        1024 * KB,
        30000 * KB,
    )
    assert shown(memory, "available_bytes", "modified_bytes") == ((900000 + 3000000 + 783000) * KB, 94000 * KB)
    assert notes(log) == [("low-precision", "memory")]


def test_a_table_of_percents_gives_no_sizes() -> None:
    log = read("Usage  Total  Active  Standby\nNonpaged Pool  52 %  52 %\nTotal  100 %  80 %  20 %\n", PARSERS)
    assert {fact.kind for fact in log.facts} == {"data_quality"}


def test_the_system_information_of_process_explorer() -> None:
    log = read(
        "Commit Charge (K)\nCurrent  15,000,000\nLimit  16,000,000\nPeak  15,900,000\n\n"
        "Physical Memory (K)\nTotal  8,388,608\nAvailable  400,000\nCache WS  9\n\n"
        "Kernel Memory (K)\nPaged WS  200,000\nPaged Virtual  300,000\nNonpaged  5,000,000\nPaged Limit  no symbols\n",
        PARSERS,
    )
    assert [shown(fact, "type", "used_bytes") for fact in of(log, "pool")] == [
        ("nonpaged", 5_000_000 * KB),
        ("paged", 300_000 * KB),
    ]
    commit, physical = of(log, "memory")
    assert shown(commit, "committed_bytes", "commit_limit_bytes") == (15_000_000 * KB, 16_000_000 * KB)
    assert shown(physical, "physical_bytes", "available_bytes") == (8388608 * KB, 400_000 * KB)
    assert {fact.quality for fact in [*of(log, "pool"), *of(log, "memory")]} == {"rounded"}


@pytest.mark.parametrize(
    ("line", "kind", "fields"),
    [
        ("Non-paged pool 3.5 GB", "pool", {"type": "nonpaged", "used_bytes": 7 * GB // 2}),
        ("- Nonpaged pool: 512 MB", "pool", {"type": "nonpaged", "used_bytes": GB // 2}),
        ("Paged pool = 1,5 GB", "pool", {"type": "paged", "used_bytes": 3 * GB // 2}),
        ("Committed 30.5/36.0 GB", "memory", {"committed_bytes": 61 * GB // 2, "commit_limit_bytes": 36 * GB}),
    ],
)
def test_task_manager(line: str, kind: str, fields: dict[str, Value]) -> None:
    fact = only(read(line, PARSERS), kind)
    assert (dict(fact.fields), fact.quality) == (fields, "rounded")


@pytest.mark.parametrize(
    ("line", "subject"),
    [
        (
            "The server was unable to allocate from the system nonpaged pool because the pool was empty.",
            "nonpaged pool",
        ),
        (
            "2019: The server was unable to allocate from the system NonPaged pool because the pool was empty.",
            "nonpaged pool",
        ),
        ("The server was unable to allocate from the system paged pool because the pool was empty.", "paged pool"),
        ("Windows successfully diagnosed a low virtual memory condition.", "commit"),
    ],
)
def test_sentences_of_events_are_claims(line: str, subject: str) -> None:
    log = read(line, PARSERS)
    assert [fact.get("subject") for fact in log.facts] == [subject]


@pytest.mark.parametrize(
    "text",
    [
        "Nonpaged pool 3.5",
        "The nonpaged pool has 3 GB",
        "Nonpaged pool 1.2.3 GB",
        "Committed 40/36 GB",
        "Kernel Memory (K)\nnothing here",
        "Usage Total Active Standby",
        "Usage  Total  Active  Standby\nother rows\n",
        " " * 4000 + "x",
        "Kernel Memory" + " " * 4000 + "x",
    ],
)
def test_other_text_gives_nothing(text: str) -> None:
    assert not read(text, PARSERS).facts


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (RAMMAP, "table"),
        ("Tag  Allocs  Frees  Diff  Bytes\nAbcd  1,000  400  600  38,400\n", "table"),
        ("Process\tPID\tPrivate Bytes\tHandles\na.exe\t8\t4 K\t9\n", "table"),
        (RAMMAP + "0: kd> !poolused 2\n   Sorting by  NonPaged Pool Consumed\n", "table"),
        ("1: kd> vertarget\nWindows 10 Kernel Version 19041 MP (4 procs) Free x64\n" + RAMMAP, "log"),
    ],
)
def test_the_kind_of_the_casefile(text: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "ticket.txt"
    path.write_text(text)
    (case,) = read_path(path)
    assert case.casefile.kind == kind
