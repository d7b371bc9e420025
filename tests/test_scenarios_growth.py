"""Series of snapshots, forged as the tools print them, and the verdict an escalation engineer would give."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dumptriage.diagnosis import Confidence, Diagnosis
from dumptriage.facts import Case, Casefile, Fact, Value, new
from dumptriage.facts.history import History, Moment, Readings
from dumptriage.knowledge import load_knowledge
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

RULEBOOK, KNOWLEDGE = shipped_rulebook(), load_knowledge()
START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HIGH, MEDIUM, LOW, NONE = Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW, Confidence.UNKNOWN
MB, GB = 1 << 20, 1 << 30
WRAP = 1 << 32


@dataclass(frozen=True)
class Tag:
    """One row of poolmon: live allocations in each snapshot, of `each` bytes, beside `traffic` that is freed again.

    `made` are the allocations since boot before the first snapshot; a counter of 32 bits goes round. `restart` is the
    first snapshot after a restart of the machine.
    """

    live: Sequence[int]
    each: int = 512
    pool: str = "Nonp"
    traffic: int = 0
    made: int | None = None
    restart: int | None = None

    def row(self, name: str, at: int) -> str:
        live = self.live[at]
        start, made = 0, self.made if self.made is not None else 2 * self.live[0]
        if self.restart is not None and at >= self.restart:
            start, made = self.restart, self.live[self.restart] + 50
        made += sum(max(after - before, 0) for before, after in pairwise(self.live[start : at + 1]))
        allocs = made + (at - start) * self.traffic
        frees = allocs - live
        return (
            f" {name:4} {self.pool:5}{allocs % WRAP:20}{frees % WRAP:19}{live:18}{live * self.each:15}"
            f"{self.each if live else 0:17}\n"
        )


def usual(count: int) -> dict[str, Tag]:
    """What lives in the pools of an idle client, about 90 MB of nonpaged pool."""
    wobble = [at % 3 for at in range(count)]
    return {
        "Even": Tag([21_000 + 40 * w for w in wobble], 128, traffic=90_000),
        "Irp": Tag([9_000 + 90 * w for w in wobble], 400, traffic=800_000),
        "File": Tag([14_000 - 60 * w for w in wobble], 400, traffic=400_000),
        "Thre": Tag([1_900 + 12 * w for w in wobble], 2_560, traffic=3_000),
        "Vad": Tag([60_000 + 200 * w for w in wobble], 160, traffic=70_000),
        "NtfF": Tag([9_000 + 80 * w for w in wobble], 1_300, "Paged", traffic=9_000),
        "CM31": Tag([11_000] * count, 4_400, "Paged"),
        "Ntff": Tag([30_000 + 30 * w for w in wobble], 1_300, "Paged", traffic=40_000),
    }


def poolmon(hours: Sequence[float] | None, available: int = 60, restart: int | None = None, **tags: Tag) -> str:
    """Snapshots of a machine with 16 GB; `available` percent of it are free; undated without `hours`."""
    number = len(hours) if hours is not None else 3
    rows = {name: replace(tag, restart=restart) for name, tag in (usual(number) | tags).items()}
    text = []
    for at in range(number):
        used = {
            pool: sum(tag.live[at] * tag.each for tag in rows.values() if tag.pool == pool) // 1024 + 20_000
            for pool in ("Nonp", "Paged")
        }
        if hours is not None:
            text.append(f"{START + timedelta(hours=hours[at]):%Y-%m-%d %H:%M:%S}\n")
        text.append(
            f" Memory:16777216K Avail:{167772 * available}K  PageFlts:{1000 + at}   "
            f"InRam Krnl:56708K P:{used['Paged']}K\n"
            f" Commit:6100436K Limit:17517136K Peak:11685564K            Pool N:{used['Nonp']}K P:{used['Paged']}K\n\n"
            " Tag  Type     Allocs            Frees               Diff            Bytes                 Per Alloc\n\n"
        )
        text += [tag.row(name, at) for name, tag in rows.items()]
    return "".join(text)


def perfmon(hours: Sequence[float], **columns: Sequence[float]) -> str:
    r"""A counter log: `agent_handles` is \Process(agent)\Handle Count, `pool` nonpaged pool in MB, and so on."""
    names = {
        "handles": "Handle Count",
        "threads": "Thread Count",
        "private": "Private Bytes",
        "pid": "ID Process",
    }
    number = len(hours)
    series: dict[str, Sequence[float]] = {
        r"\Memory\Pool Nonpaged Bytes": [300 * MB + 70_000 * (at % 3) for at in range(number)],
        r"\Memory\Pool Paged Bytes": [500 * MB + 90_000 * (at % 4) for at in range(number)],
        r"\Memory\Available Bytes": [9 * GB + 3 * MB * (at % 5) for at in range(number)],
        r"\Memory\Committed Bytes": [6 * GB + 2 * MB * (at % 5) for at in range(number)],
        r"\Memory\Commit Limit": [18 * GB] * number,
        r"\Process(svchost)\Handle Count": [900 + at % 7 for at in range(number)],
        r"\Process(svchost)\ID Process": [880] * number,
        r"\Process(System)\Handle Count": [5_000 + at % 9 for at in range(number)],
        r"\Process(System)\ID Process": [4] * number,
    }
    for name, values in columns.items():
        process, _, what = name.rpartition("_")
        path = {"pool": r"\Memory\Pool Nonpaged Bytes", "commit": r"\Memory\Committed Bytes"}.get(name)
        series[path or rf"\Process({process})\{names[what]}"] = values
        if process and what != "pid" and process != "System":
            series.setdefault(rf"\Process({process})\ID Process", [4_120] * number)
    head = ",".join(['"(PDH-CSV 4.0) (Coordinated Universal Time)(0)"', *(f'"\\\\PC{path}"' for path in series)])
    lines = [
        ",".join(
            [
                f'"{START + timedelta(hours=hours[at]):%m/%d/%Y %H:%M:%S}.000"',
                *(f'"{v[at]:.0f}"' for v in series.values()),
            ]
        )
        for at in range(number)
    ]
    return "\r\n".join([head, *lines, ""])


def diagnosis(text: str, folder: Path) -> Diagnosis:
    file = folder / ("series.csv" if text.startswith('"(PDH') else "series.log")
    file.write_text(text, encoding="utf-8")
    (case,) = read(file)
    return diagnose(case, RULEBOOK, KNOWLEDGE)


def steady(first: int, step: int, count: int) -> list[int]:
    return [first + step * at for at in range(count)]


def sawtooth(low: int, high: int, count: int, period: int = 4, rise: int = 0) -> list[int]:
    return [low + rise * at + (high - low) * (at % period) // (period - 1) for at in range(count)]


DAY = [float(hour) for hour in range(24)]
SIX = [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
FOUR = [0.0, 2.0, 4.0, 6.0]
DRIVER, GENERIC = "driver allocations not freed", "allocations not freed under a generic tag"


@dataclass(frozen=True)
class Label:
    """The verdict: states that are right, label of the kind, its least and highest confidence, and the holder."""

    states: str
    kind: str | None = None
    least: Confidence = NONE
    most: Confidence = HIGH
    holder: str | None = None


HEALTHY = Label("healthy", None, NONE, NONE)
LEAK = Label("leak", DRIVER, HIGH)
UNSURE = Label("suspect", DRIVER, LOW, LOW)

SCENARIOS: Mapping[str, tuple[str, Label]] = {
    # Tags, by poolmon.
    "nothing grows": (poolmon(SIX), HEALTHY),
    "a leak over three snapshots": (poolmon([0, 2, 4], AcmT=Tag([400_000, 700_000, 1_000_000])), LEAK),
    "three snapshots half an hour apart": (poolmon([0, 0.5, 1], AcmT=Tag([400_000, 700_000, 1_000_000])), LEAK),
    "three snapshots nobody dated": (poolmon(None, AcmT=Tag([400_000, 700_000, 1_000_000])), LEAK),
    "a leak over eight snapshots at most of the pool": (
        poolmon(DAY[:8], AcmT=Tag(steady(400_000, 20_000, 8))), LEAK),
    "a leaking tag that is not the largest": (
        poolmon(FOUR, AcmT=Tag([50_000, 90_000, 130_000, 170_000]), AcmB=Tag([600_000] * 4)), LEAK),
    "a leak beside heavy traffic": (
        poolmon(FOUR, AcmT=Tag([100_000, 220_000, 330_000, 450_000], traffic=9_000_000)), LEAK),
    "a leak with pauses at night": (
        poolmon(DAY, AcmT=Tag([100_000 + 60_000 * min(hour, 10) + 60_000 * max(hour - 16, 0) for hour in range(24)])),
        LEAK),
    "a slow leak under a sawtooth": (
        poolmon(DAY, AcmT=Tag(sawtooth(50_000, 250_000, 24, 6, rise=20_000))), LEAK),
    "a leak whose counter of allocations wraps": (
        poolmon(FOUR, AcmT=Tag([400_000, 700_000, 1_000_000, 1_300_000], traffic=9_000_000, made=WRAP - 10_000_000)),
        LEAK),
    "a leak that goes on after a restart": (
        poolmon(SIX, restart=2, AcmT=Tag([900_000, 1_200_000, 50_000, 350_000, 650_000, 950_000])), LEAK),
    "two snapshots, much more in the second": (
        poolmon([0, 4], AcmT=Tag([400_000, 1_000_000])), Label("leak suspect", DRIVER, LOW, MEDIUM)),
    "two snapshots, little more in the second": (poolmon([0, 4], AcmT=Tag([2_000, 9_000])), HEALTHY),
    "two snapshots, less in the second": (poolmon([0, 4], AcmT=Tag([2_400_000, 420_000])), HEALTHY),
    "six minutes of growth": (
        poolmon([0, 0.03, 0.06, 0.1], AcmT=Tag([100_000, 400_000, 700_000, 1_000_000])),
        Label("suspect leak", DRIVER, LOW, MEDIUM)),
    "a load that falls back": (poolmon([0, 2, 4], AcmT=Tag([400_000, 2_400_000, 420_000])), HEALTHY),
    "a load that falls back by most": (
        poolmon(SIX, AcmT=Tag([300_000, 900_000, 2_000_000, 2_400_000, 1_500_000, 700_000])), HEALTHY),
    "a load that comes and goes": (poolmon(DAY, AcmT=Tag(sawtooth(100_000, 900_000, 24))), HEALTHY),
    "a load that is over": (poolmon(FOUR, AcmT=Tag([1_000_000, 900_000, 700_000, 400_000])), HEALTHY),
    "a cache that is trimmed again and again": (
        poolmon(DAY, MmSt=Tag(sawtooth(60_000, 400_000, 24), 1_500, "Paged")), HEALTHY),
    "a cache that grows while there is room": (
        poolmon(FOUR, MmSt=Tag([100_000, 300_000, 500_000, 700_000], 1_500, "Paged")), HEALTHY),
    "a cache that grows although memory is short": (
        poolmon(FOUR, 3, MmSt=Tag([100_000, 600_000, 1_100_000, 1_700_000], 1_500, "Paged")),
        Label("leak suspect exhaustion", "cache that does not shrink", LOW, MEDIUM)),
    "a large tag that does not grow in half a day": (poolmon(SIX, AcmT=Tag([1_200_000] * 6)), HEALTHY),
    "a large tag that does not grow in three minutes": (
        poolmon([0, 0.02, 0.05], AcmT=Tag([1_700_000] * 3)), Label("suspect leak", DRIVER, LOW, MEDIUM)),
    "a large tag is level, a small one leaks": (
        poolmon(SIX, AcmB=Tag([1_200_000] * 6), AcmT=Tag(steady(60_000, 40_000, 6))), LEAK),
    "a step at one moment": (
        poolmon(DAY[:12], AcmT=Tag([100_000] * 6 + [900_000] * 6)), Label("suspect", DRIVER, LOW, LOW)),
    "growth that levels off": (
        poolmon(DAY, AcmT=Tag([round(700_000 * (1 - 0.6**hour)) + 9_000 for hour in range(24)])),
        Label("suspect healthy", None, NONE, LOW)),
    "a restart in between": (
        poolmon(FOUR, restart=2, AcmT=Tag([900_000, 1_200_000, 20_000, 21_000])), HEALTHY),
    "a wrapped counter and nothing else": (
        poolmon(FOUR, AcmT=Tag([20_000, 20_100, 20_050, 20_080], traffic=9_000_000, made=WRAP - 10_000_000)), HEALTHY),
    "many tags grow a little after boot": (
        poolmon([0.2, 0.7, 1.2, 1.7, 2.2], 60, None,
                **{f"Ac{at:02}": Tag([900 + 50 * at, 2_400, 3_300, 3_800, 4_100], 100 + 8 * at) for at in range(40)}),
        HEALTHY),
    "a few KB in two minutes": (poolmon([0, 0.02, 0.04], AcmT=Tag([200, 260, 320])), HEALTHY),
    "a few KB in a day": (poolmon(DAY, AcmT=Tag(steady(200, 40, 24))), HEALTHY),
    "buffers of traces that somebody starts": (
        poolmon(SIX, EtwB=Tag([300, 300, 900, 900, 900, 900], 65_536)), HEALTHY),
    "thread objects": (
        poolmon(FOUR, Thre=Tag([20_000, 60_000, 100_000, 140_000], 2_560)),
        Label("leak", "thread objects not released", HIGH)),
    "thread objects that come and go": (poolmon(DAY, Thre=Tag(sawtooth(3_000, 60_000, 24), 2_560)), HEALTHY),
    "packets under a tag of Windows": (
        poolmon(FOUR, Irp=Tag([100_000, 300_000, 500_000, 700_000], 400)), Label("leak", GENERIC, HIGH)),
    "a driver's tag with its work items": (
        poolmon(FOUR, AcmT=Tag([70_000, 150_000, 230_000, 310_000], 336),
                IoWI=Tag([70_100, 150_100, 230_100, 310_100], 64)),
        LEAK),
    # Processes and totals, by Performance Monitor.
    "counters that stay": (perfmon(DAY), HEALTHY),
    "handles of one process": (
        perfmon(DAY, agent_handles=steady(2_000, 3_000, 24)), Label("leak", "handle leak", HIGH, HIGH, "agent.exe")),
    "handles that come and go": (perfmon(DAY, agent_handles=sawtooth(2_000, 40_000, 24, 6)), HEALTHY),
    "many handles, no more of them": (perfmon(DAY, agent_handles=[26_000] * 24), HEALTHY),
    "handles, a hundred an hour": (
        perfmon(DAY[:12], agent_handles=steady(900, 120, 12)), Label("suspect", "handle leak", LOW, LOW, "agent.exe")),
    "handles of the kernel": (
        perfmon(DAY, System_handles=steady(5_000, 4_000, 24)),
        Label("leak", "kernel handle leak", MEDIUM, HIGH, "System (kernel handles)")),
    "threads of one process": (
        perfmon(DAY, agent_threads=steady(40, 110, 24)), Label("leak", "threads not ended", MEDIUM, HIGH, "agent.exe")),
    "threads that come and go": (perfmon(DAY, agent_threads=sawtooth(40, 1_400, 24)), HEALTHY),
    "private memory of one process": (
        perfmon(DAY, agent_private=steady(200 * MB, 150 * MB, 24)),
        Label("leak", "private memory not freed", MEDIUM, HIGH, "agent.exe")),
    "private memory that is given back": (
        perfmon(DAY, agent_private=sawtooth(200 * MB, 3 * GB, 24, 6)), HEALTHY),
    "private memory, a little more": (perfmon(DAY, agent_private=steady(200 * MB, 2 * MB, 24)), HEALTHY),
    "nonpaged pool, tags unknown": (
        perfmon(DAY, pool=steady(300 * MB, 90 * MB, 24)), Label("leak", "nonpaged pool not freed", HIGH)),
    "nonpaged pool that falls back": (perfmon(DAY, pool=sawtooth(300 * MB, 1500 * MB, 24, 6)), HEALTHY),
    "committed memory, process unknown": (
        perfmon(DAY, commit=steady(6 * GB, 300 * MB, 24)),
        Label("suspect", "committed memory not given back", LOW, LOW)),
    "a process that is started anew": (
        perfmon(DAY, agent_handles=[(2_000, 2_900, 2_950, 2_960)[hour % 4] for hour in range(24)],
                agent_pid=[4_000 + 4 * (hour // 4) for hour in range(24)]),
        HEALTHY),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, tmp_path: Path) -> None:
    text, label = SCENARIOS[name]
    found = diagnosis(text, tmp_path).verdict
    assert found.state in label.states.split()
    if label.kind is not None:
        assert found.kind.name == label.kind
    assert label.least <= found.kind.confidence <= label.most
    assert label.holder is None or found.holder.name == label.holder
    # A driver is named in none of these series.
    assert found.culprit.confidence <= (MEDIUM if label.holder else LOW)


def joined(facts: Sequence[Fact], *readings: tuple[str, str, Mapping[str, Value], Sequence[int]]) -> Diagnosis:
    """The verdict on dumps taken two hours apart, from the last facts and (quantity, unit, who, counts)."""
    case = Case(Casefile("last.dmp", "0" * 64, 1, "dump"), facts)
    moments = [Moment(f"dump {at}", START + timedelta(hours=2 * at)) for at in range(len(readings[0][3]))]
    case.history = History(
        moments,
        [
            Readings(quantity, "counted", unit, (dict(who),), {"counted": np.array([counts], dtype=np.float64).T})
            for quantity, unit, who, counts in readings
        ],
    )
    return diagnose(case, RULEBOOK, KNOWLEDGE)


def fact(kind: str, **fields: Any) -> Fact:
    return new(kind, source="last.dmp", **fields)


THREADS = fact("tag", tag="Thre", pool="nonpaged", outstanding=63_000, bytes=63_000 * 2_560)
POOLS = [
    fact("pool", type="nonpaged", used_bytes=300 * MB),
    fact("memory", physical_bytes=16 * GB, available_bytes=9 * GB, committed_bytes=6 * GB, commit_limit_bytes=18 * GB),
]
AGENT = fact("process", pid=4120, image="agent.exe", handle_count=63_900, threads=30)
OF_AGENT: dict[str, Value] = {"subject": "agent.exe", "pid": 4120, "image": "agent.exe"}
OF_THREADS: dict[str, Value] = {"subject": "Thre", "tag": "Thre", "pool": "nonpaged"}


def test_handles_that_grow_with_the_objects_of_a_tag_name_the_holder() -> None:
    found = joined(
        [*POOLS, THREADS, AGENT],
        ("tag", "allocations", OF_THREADS, [3_000, 23_000, 43_000, 63_000]),
        ("process", "handles", OF_AGENT, [3_800, 23_900, 43_800, 63_900]),
    ).verdict
    assert (found.state, found.kind.name, found.kind.confidence) == ("leak", "thread handle leak", HIGH)
    assert (found.holder.name, found.holder.confidence) == ("agent.exe", HIGH)


def test_handles_of_another_process_do_not_explain_the_objects() -> None:
    found = joined(
        [*POOLS, THREADS, AGENT],
        ("tag", "allocations", OF_THREADS, [3_000, 23_000, 43_000, 63_000]),
        ("process", "handles", OF_AGENT, [3_800, 3_900, 3_800, 3_900]),
    ).verdict
    assert (found.state, found.kind.name) == ("leak", "thread objects not released")
    assert found.holder.name != "agent.exe"


def test_a_few_megabytes_that_fill_a_small_pool_are_a_suspect() -> None:
    counts = [4_000, 6_000, 8_000, 10_000, 12_000, 14_000, 16_000, 18_000]
    grown = fact(
        "growth", quantity="tag", subject="AcmT", tag="AcmT", pool="nonpaged", unit="allocations", span_s=25_200.0,
        snapshots=8, monotonic=True, bytes_change=14_000 * 512, readings=" ".join(map(str, counts)),
    )  # fmt: skip
    tag = fact("tag", tag="AcmT", pool="nonpaged", outstanding=18_000, bytes=18_000 * 512)
    pool = fact("pool", type="nonpaged", used_bytes=12 * MB)
    case = Case(Casefile("facts.json", "0" * 64, 1, "facts"), [pool, tag, grown])
    found = diagnose(case, RULEBOOK, KNOWLEDGE).verdict
    assert (found.state, found.kind.name, found.kind.confidence) == ("suspect", DRIVER, LOW)


def test_handles_of_one_type() -> None:
    found = joined(
        [*POOLS, AGENT], ("handles", "handles", OF_AGENT | {"type": "Event"}, [1_000, 21_000, 41_000, 61_000])
    ).verdict
    assert (found.state, found.kind.name, found.kind.confidence) == ("leak", "event handle leak", HIGH)
    assert found.holder.name == "agent.exe"


def test_objects_of_one_type() -> None:
    found = joined(
        POOLS, ("object type", "objects", {"subject": "Event", "type": "Event"}, [20_000, 120_000, 220_000, 320_000])
    ).verdict
    assert (found.state, found.kind.name, found.kind.confidence) == ("leak", "event objects not released", HIGH)
    assert found.holder.name is None


def test_objects_that_dominate_and_stay_are_no_certain_leak() -> None:
    objects = fact("tag", tag="Even", pool="nonpaged", outstanding=2_000_000, bytes=2_000_000 * 128)
    found = joined(
        [*POOLS, objects],
        ("tag", "allocations", {"subject": "Even", "tag": "Even", "pool": "nonpaged"}, [2_000_000] * 4),
    ).verdict
    assert (found.state, found.kind.confidence) == ("suspect", LOW)


@pytest.mark.parametrize(
    ("counts", "confidence"), [([400_000, 700_000, 1_000_000], HIGH), ([400_000, 1_000_000], MEDIUM)]
)
def test_growth_that_a_facts_file_brings_along(counts: Sequence[int], confidence: Confidence) -> None:
    grown = fact(
        "growth", quantity="tag", subject="AcmT", tag="AcmT", pool="nonpaged", unit="allocations", span_s=14_400.0,
        snapshots=len(counts), monotonic=True, bytes_change=600_000 * 512, readings=" ".join(map(str, counts)),
    )  # fmt: skip
    tag = fact("tag", tag="AcmT", pool="nonpaged", outstanding=1_000_000, bytes=1_000_000 * 512)
    pool = fact("pool", type="nonpaged", used_bytes=600 * MB)
    case = Case(Casefile("facts.json", "0" * 64, 1, "facts"), [pool, tag, grown])
    found = diagnose(case, RULEBOOK, KNOWLEDGE).verdict
    assert (found.state, found.kind.name, found.kind.confidence) == ("leak", DRIVER, confidence)
