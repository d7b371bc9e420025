"""Machines forged from a few lines each, and the verdict an escalation engineer would give on their dumps.

Tags without blocks are figures of the pool tracker alone: what the census would find is then not in the dump, as on a
machine whose pool is paged out or in the segment heap.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
from synth.dumpfile import BITMAP_KERNEL, KERNEL
from synth.machine import forge
from synth.memory import PAGED_OUT, UNMAPPED
from synth.scenario import Counters, DeadThreads, Handles, Module, Process, Scenario, Tag, Threads

from dumptriage.diagnosis import Confidence, Diagnosis
from dumptriage.knowledge import load_knowledge
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

RULEBOOK, KNOWLEDGE = shipped_rulebook(), load_knowledge()

WINDOWS = (
    "hal.dll ntfs.sys tcpip.sys ndis.sys fltmgr.sys afd.sys ksecdd.sys cng.sys volsnap.sys disk.sys classpnp.sys "
    "storport.sys pci.sys acpi.sys mup.sys rdbss.sys mrxsmb.sys srv2.sys http.sys netbt.sys npfs.sys msfs.sys"
)
ACME = Module("acmeflt.sys", "Acme Inc.", "4.1.2.9", "Acme filter", "Acme", tags={".text": ("AcFl",)})
BETA = replace(ACME, name="betadrv.sys", company="Beta Ltd.")
VIEWER = replace(ACME, name="viewer.sys", company="View GmbH", tags={".rdata": ("AcFl",)})
SCANNER = replace(
    ACME,
    name="scan.sys",
    company="Scan GmbH",
    imports=(),
    tags={".rdata": ("AcFl", "MmSt", "Ntfx", "File", "Irp ", "Thre", "Proc", "Even", "MmCm", "Npfs", "Dmio", "LSwi")},
)
LEAK = Tag("AcFl", (60_000, 0, 60_000 * 0x7D0))
TWICE = Tag("AcFl", (44_000, 10_000, 0), blocks=(34_000, 0x180))
REST = (("MmCa", 0x150, 0), ("Vad ", 0xA0, 0), ("CcSc", 0x2A0, 0), ("CM31", 0x1000, 1), ("Ntff", 0x540, 1))


class Expected(NamedTuple):
    """The verdict; a holder or culprit of None is one that is not named."""

    state: str
    kind: str | None = None
    holder: str | None = None
    culprit: str | None = None
    others: tuple[str, ...] = ()


def people(build: int, *more: Process, **handles: tuple[Handles, ...]) -> tuple[Process, ...]:
    """The processes every machine has, some with more handles, and others besides."""
    system = 8 if build == 2195 else 4
    usual = (
        Process(system, "System", 0, threads=(Threads(40, start="nt"),), handles=(Handles("Event", 60),)),
        Process(260, "smss.exe", system, handles=(Handles("Event", 20),)),
        Process(400, "csrss.exe", 260, threads=(Threads(10),), handles=(Handles("Event", 120),)),
        Process(500, "services.exe", 400, threads=(Threads(6),), handles=(Handles("Event", 90),)),
        Process(520, "lsass.exe", 400, threads=(Threads(8),), handles=(Handles("Event", 90), Handles("Token", 30))),
        Process(600, "svchost.exe", 500, threads=(Threads(12),), handles=(Handles("Event", 250), Handles("Key", 80))),
        Process(640, "svchost.exe", 500, threads=(Threads(12),), handles=(Handles("Event", 250), Handles("Key", 80))),
        Process(1100, "explorer.exe", 500, session=1, threads=(Threads(20),), handles=(Handles("Event", 300),)),
    )
    named = (
        replace(each, handles=(*each.handles, *handles.pop(each.image.split(".")[0].lower(), ()))) for each in usual
    )
    return (*named, *more)


def agent(*handles: Handles, pid: int = 2280, image: str = "agent.exe", out: tuple[int, ...] = ()) -> Process:
    return Process(pid, image, 1100, threads=(Threads(9),), handles=handles, leaves_paged_out=out)


def machine(
    build: int,
    processes: tuple[Process, ...],
    *tags: Tag,
    modules: tuple[Module, ...] = (),
    pool: int = 20_000,
    paged: int = 10_000,
    tight: bool = False,
    **more: object,
) -> Scenario:
    """A machine of 2 GB whose tags add up to the pages of its pools; `tight` for 86 % of a fixed maximum in use."""
    ram = 500_000
    counters = Counters(300_000, 350_000, 150_000, 750_000, 200_000, pool, 375_000, paged, 90_000, 500)
    room = [4096 * pages - sum(side[2] for side in sides) for pages, sides in _sides(pool, paged, tags)]
    filling = [
        (name, side, count, each)
        for name, each, side in REST
        if (count := int(max(0, room[side] - (1 << 23)) * (0.25 if side == 0 else 0.4)) // each) > 1
    ]
    rest = [
        Tag(name, **{("nonpaged", "paged")[side]: (40 * count, 39 * count, count * each)})  # type: ignore[arg-type]
        for name, side, count, each in filling
    ]
    changes: dict[str, object] = {"counters": counters, "ram_pages": ram, "tags": (*tags, *rest)}
    if tight:
        changes |= {"counters": replace(counters, available=9_000, nonpaged=0), "ram_pages": 0, "tags": tags}
    loaded = tuple(Module(name, version="10.0.1.1") for name in WINDOWS.split())
    return replace(
        Scenario(build, processes, modules=(*loaded, *modules), background=120),
        **{**changes, **more},  # type: ignore[arg-type]
    )


def _sides(pool: int, paged: int, tags: tuple[Tag, ...]) -> tuple[tuple[int, list[tuple[int, int, int]]], ...]:
    return (pool, [tag.nonpaged for tag in tags]), (paged, [tag.paged for tag in tags])


def ended(count: int, parent: int, references: int = 0) -> tuple[Process, ...]:
    return tuple(Process(9000 + 4 * n, "tool.exe", parent, ended=True, references=references) for n in range(count))


def to_each(gone: tuple[Process, ...]) -> tuple[Handles, ...]:
    return tuple(Handles("Process", 1, to=f"process {process.pid}") for process in gone)


def service(gone: tuple[Process, ...], out: tuple[int, ...] = ()) -> Process:
    return Process(2400, "acmesvc.exe", 500, threads=(Threads(7),), handles=to_each(gone), leaves_paged_out=out)


GONE = ended(1_050, 2400)
OF_BROKER = ended(1_050, 640)
DRIVER = "driver allocations not freed"
UNNAMED = "a driver not named by this evidence"
THREADS = "thread handle leak"

SCENARIOS: dict[str, tuple[Callable[[], Scenario], Expected]] = {
    "ended processes, the table of the service paged out in part": (
        lambda: machine(9600, people(9600, service(GONE, (2,)), *GONE)),
        Expected("leak", "process handle leak", "acmesvc.exe", "acmesvc.exe"),
    ),
    "ended processes kept by a host of services, started by another": (
        lambda: machine(26100, people(26100, *OF_BROKER, svchost=to_each(OF_BROKER))),
        Expected("leak", "process handle leak", "svchost.exe", None),
    ),
    "ended processes kept by references": (
        lambda: machine(9200, people(9200, *ended(1_050, 1100, 1))),
        Expected("leak", "process reference leak", "kernel code, by a reference", None),
    ),
    "ended threads kept by references": (
        lambda: machine(22000, people(22000, agent()), dead_threads=(DeadThreads(2280, 1_500, references=1),)),
        Expected("leak", "thread reference leak", "kernel code, by a reference", None),
    ),
    "two processes keep the ended threads of a third": (
        lambda: machine(
            20348,
            people(
                20348,
                Process(2400, "pool.exe", 500),
                agent(Handles("Thread", 1_500, to="dead 2400"), pid=2500, image="one.exe"),
                agent(Handles("Thread", 1_500, to="dead 2400"), pid=2504, image="two.exe"),
            ),
            dead_threads=(DeadThreads(2400, 1_500),),
        ),
        Expected("leak", THREADS, "one.exe", "one.exe", ("two.exe",)),
    ),
    "two processes share the events": (
        lambda: machine(
            22000,
            people(
                22000,
                agent(Handles("Event", 32_000), pid=2500, image="one.exe"),
                agent(Handles("Event", 31_000), pid=2504, image="two.exe"),
            ),
        ),
        Expected("suspect", "event handle leak", "one.exe", "one.exe", ("two.exe",)),
    ),
    "tokens in lsass, more than the count that is a leak already": (
        lambda: machine(9600, people(9600, lsass=(Handles("Token", 31_000),)), paged=20_000),
        Expected("leak", "token handle leak", "lsass.exe", None),
    ),
    "very many handles to one live process": (
        lambda: machine(17763, people(17763, agent(Handles("Process", 31_000, to="process 500")))),
        Expected("leak", "process handle leak", "agent.exe", "agent.exe"),
    ),
    "keys in the kernel handle table": (
        lambda: machine(19041, people(19041, system=(Handles("Key", 31_000),))),
        Expected("suspect", "key handle leak", "System (kernel handles)", None),
    ),
    "most of a handle table paged out": (
        lambda: machine(19041, people(19041, agent(Handles("Event", 31_000), out=tuple(range(5, 120))))),
        Expected("suspect", "handle leak", "agent.exe", "agent.exe"),
    ),
    "a driver's tag in one image": (
        lambda: machine(7601, people(7601), LEAK, modules=(ACME,), pool=40_000),
        Expected("leak", DRIVER, "driver acmeflt.sys", "acmeflt.sys"),
    ),
    "a driver's tag in the code of two images": (
        lambda: machine(19041, people(19041), LEAK, modules=(ACME, BETA), pool=40_000),
        Expected("leak", DRIVER, "one of several drivers that match the tag", None),
    ),
    "a driver's tag among decoys": (
        lambda: machine(14393, people(14393), LEAK, modules=(SCANNER, VIEWER, ACME), pool=40_000),
        Expected("leak", DRIVER, "driver acmeflt.sys", "acmeflt.sys"),
    ),
    "a driver's tag in decoys alone, the driver's code paged out": (
        lambda: machine(
            17763,
            people(17763),
            LEAK,
            modules=(SCANNER, VIEWER, replace(ACME, states={".text": PAGED_OUT})),
            pool=40_000,
        ),
        Expected("leak", DRIVER, "driver viewer.sys", None),
    ),
    "a driver's tag in code that was discarded": (
        lambda: machine(22000, people(22000), LEAK, modules=(replace(ACME, states={".text": UNMAPPED}),), pool=40_000),
        Expected("leak", DRIVER, UNNAMED, None),
    ),
    "a driver's tag in the expansion table, 16 processors": (
        lambda: machine(
            26100, people(26100), replace(LEAK, expansion=True), modules=(ACME,), pool=40_000, processors=16
        ),
        Expected("leak", DRIVER, "driver acmeflt.sys", "acmeflt.sys"),
    ),
    "a driver's tag in paged pool": (
        lambda: machine(
            9600,
            people(9600),
            Tag("AcFl", paged=(2_000_000, 50_000, 1_950_000 * 0x200)),
            modules=(ACME,),
            paged=290_000,
        ),
        Expected("leak", DRIVER, "driver acmeflt.sys", "acmeflt.sys"),
    ),
    "a driver's tag in a pool of fixed size": (
        lambda: machine(3790, people(3790), TWICE, modules=(ACME,), tight=True),
        Expected("leak", DRIVER, "driver acmeflt.sys", "acmeflt.sys"),
    ),
    "a driver with much traffic": (
        lambda: machine(7601, people(7601), Tag("AcFl", (50_000_000, 49_985_000, 15_000 * 0x190)), modules=(ACME,)),
        Expected("healthy"),
    ),
    "a driver with few large buffers": (
        lambda: machine(22000, people(22000), Tag("AcFl", (64, 0, 64 << 21)), modules=(ACME,), pool=45_000),
        Expected("healthy"),
    ),
    "some ended processes and threads on a healthy machine": (
        lambda: machine(
            19041,
            people(19041, agent(*to_each(ended(40, 1100))), *ended(40, 1100), *_zombies(20)),
            dead_threads=(DeadThreads(1100, 150, references=1),),
        ),
        Expected("healthy"),
    ),
    "view mappings dominate paged pool": (
        lambda: machine(7601, people(7601), Tag("MmSt", paged=(2_000_000, 1_800_000, 200_000 * 0x600)), paged=90_000),
        Expected("healthy"),
    ),
    "a program with many handles of several types": (
        lambda: machine(
            22000, people(22000, agent(Handles("Event", 14_000), Handles("Section", 6_000), Handles("File", 4_000)))
        ),
        Expected("healthy"),
    ),
}


def _zombies(count: int) -> tuple[Process, ...]:
    return tuple(Process(20_000 + 4 * n, "web.exe", 1100, ended=True, references=1) for n in range(count))


def verdict(scenario: Scenario, folder: Path) -> Diagnosis:
    kind = BITMAP_KERNEL if scenario.build >= 17763 else KERNEL
    (case,) = read(forge(scenario).dump(folder / "case.dmp", kind))
    return diagnose(case, RULEBOOK, KNOWLEDGE)


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, tmp_path: Path) -> None:
    make, expected = SCENARIOS[name]
    found = verdict(make(), tmp_path)
    result = found.verdict
    names = Expected(result.state, result.kind.name, result.holder.name, result.culprit.name, result.holder.others)
    assert names == expected
    assert not found.problems
    assert result.culprit.confidence <= result.holder.confidence <= result.kind.confidence
    if expected.state == "suspect":
        assert result.kind.confidence == Confidence.LOW


def test_a_share_above_all_objects_is_not_told(tmp_path: Path) -> None:
    """100,100 handles to 40 mutants are no part of the mutants."""
    scenario = machine(7601, people(7601, agent(Handles("Mutant", 100_100, distinct=40))))
    found = verdict(scenario, tmp_path)
    assert (found.verdict.kind.name, found.verdict.holder.name) == ("mutant handle leak", "agent.exe")
    assert not any("250250" in finding.text for finding in found.findings)
