"""Whole cases in a few lines of log each, and the verdict an escalation engineer would give."""

import json
from pathlib import Path

import pytest

from dumptriage.diagnosis import Diagnosis
from dumptriage.errors import CasefileError
from dumptriage.knowledge import load_knowledge
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

RULEBOOK, KNOWLEDGE = shipped_rulebook(), load_knowledge()

VM_10 = """\
0: kd> !vm 1
Physical Memory:          4173824 (   16695296 Kb)
Available Pages:          {available} (   {available4} Kb)
Free System PTEs:      4294967104 (17179868416 Kb)
NonPagedPool Usage:           256 (       1024 Kb)
NonPagedPoolNx Usage:     {nonpaged} (    {nonpaged4} Kb)
NonPagedPool Max:      4294967296 (17179869184 Kb)
PagedPool Usage:           {paged} (     {paged4} Kb)
PagedPool Maximum:     4294967296 (17179869184 Kb)
Pages For MDLs:            {mdl} (      {mdl4} Kb)
Committed pages:          {committed} (   {committed4} Kb)
Commit limit:             8368128 (   33472512 Kb)
"""


def vm(
    nonpaged: int = 100_000,
    paged: int = 100_000,
    available: int = 2_000_000,
    committed: int = 3_000_000,
    mdl: int = 3000,
) -> str:
    """A !vm of a 16 GB machine with Windows 10; figures in pages."""
    pages = {"nonpaged": nonpaged, "paged": paged, "available": available, "committed": committed, "mdl": mdl}
    return VM_10.format(**pages, **{f"{name}4": 4 * count for name, count in pages.items()})


def poolused(*rows: str) -> str:
    """The tags by nonpaged pool, as newer debuggers print them."""
    head = "0: kd> !poolused 2\n Sorting by NonPaged Pool Consumed\n\n               NonPaged                  Paged\n"
    return head + " Tag     Allocs         Used     Allocs         Used\n\n" + "\n".join(rows) + "\n"


def process(image: str, cid: int, handles: int = 500, table: str = "ffff8000ada76080") -> str:
    return (
        f"PROCESS ffffa604f683b180\n    SessionId: 0  Cid: {cid:04x}    Peb: 810b68e000  ParentCid: 02e0\n"
        f"    DirBase: 86f7f000  ObjectTable: {table}  HandleCount: {handles}.\n    Image: {image}\n\n"
    )


def histogram(**types: int) -> str:
    rows = [f"{count:8}  {name}" for name, count in sorted(types.items(), key=lambda row: row[1])]
    return "\n".join([*rows, "", f"{sum(types.values()):8}  Handles in process", ""])


def verdict(log: str, folder: Path) -> Diagnosis:
    file = folder / "case.log"
    file.write_text(log, encoding="utf-8")
    (case,) = read(file)
    return diagnose(case, RULEBOOK, KNOWLEDGE)


THREADS = " Thre   2000000   5120000000          0            0	Thread objects , Binary: nt!ps"
FILES = " File   4000000   1600000000          0            0	File objects"
SMALL = " Even     14230      1833088          0            0	Event objects"
SCANNED = (
    "0: kd> lm\nstart             end                 module name\n"
    "fffff800`1ff90000 fffff800`1ffc8000   acmeflt    (deferred)\n"
    "fffff800`2ff90000 fffff800`2ffc8000   tcpip      (deferred)\n"
    "0: kd> lmvm acmeflt\nstart             end                 module name\n"
    "fffff800`1ff90000 fffff800`1ffc8000   acmeflt    (deferred)\n"
    "    Image path: \\SystemRoot\\System32\\drivers\\acmeflt.sys\n    Image name: acmeflt.sys\n"
    "    Timestamp:        Wed Feb 11 09:00:00 2026 (698C4510)\n    CheckSum:         0003A1B2\n"
    "    ImageSize:        00038000\n    File version:     3.2.1.0\n    CompanyName:      Acme Ltd.\n"
    '0: kd> !for_each_module s -a @#Base @#End "AcmT"\n'
    "fffff800`1ff9a010  41 63 6d 54 00 00 00 00-48 8b c8 e8 00 00 00 00  AcmT....H.......\n"
)

SCENARIOS = {
    "healthy": (vm() + poolused(SMALL), "healthy", None, None, None),
    "handle leak of a user process": (
        vm(nonpaged=1_400_000)
        + poolused(THREADS, SMALL)
        + process("acme.exe", 4000, 1_900_009)
        + histogram(Thread=1_900_000, Key=9),
        "leak",
        "thread handle leak",
        "acme.exe",
        "acme.exe",
    ),
    "handles held by a broker": (
        vm() + process("lsass.exe", 700, 150_900) + histogram(Token=150_000, Event=900),
        "leak",
        "token handle leak",
        "lsass.exe",
        None,
    ),
    "many kernel handles": (
        vm(nonpaged=1_400_000)
        + poolused(THREADS, SMALL)
        + process("System", 4, 1_900_500)
        + histogram(Thread=1_900_000, Key=500),
        "leak",
        "thread handle leak",
        "System (kernel handles)",
        None,
    ),
    "objects of a dominating tag, holder unknown": (
        vm(nonpaged=1_400_000) + poolused(THREADS, SMALL),
        "leak",
        "thread objects not released",
        None,
        None,
    ),
    "a driver's unknown tag, found by one string scan": (
        vm(nonpaged=1_400_000)
        + poolused(" AcmT   2000000   5120000000   0   0	UNKNOWN pooltag 'AcmT', please update pooltag.txt", SMALL)
        + SCANNED,
        "leak",
        "driver allocations not freed",
        "driver acmeflt.sys",
        "acmeflt.sys",
    ),
    "a driver's unknown tag, nothing names the driver": (
        vm(nonpaged=1_400_000)
        + poolused(" AcmT   2000000   5120000000   0   0	UNKNOWN pooltag 'AcmT', please update pooltag.txt", SMALL),
        "leak",
        "driver allocations not freed",
        "a driver not named by this evidence",
        None,
    ),
    "a generic tag explained by a specific one": (
        vm(nonpaged=1_400_000)
        + poolused(
            " Mdl    3000000   3120000000   0   0	Io, Mdls",
            " NPBL   3000100   1020000000   0   0	UNKNOWN pooltag 'NPBL', please update pooltag.txt",
        ),
        "leak",
        "driver allocations not freed",
        "driver npcap.sys",
        "npcap.sys",
    ),
    "a generic tag alone": (
        vm(nonpaged=1_400_000) + poolused(" Irp    3000000   5120000000   0   0	Io, IRP packets", SMALL),
        "leak",
        "allocations not freed under a generic tag",
        "a driver not named by this evidence",
        None,
    ),
    "a reservation": (
        vm(nonpaged=300_000) + poolused(" EtwB       900    900000000   0   0	Etw Buffer , Binary: nt!etw", SMALL),
        "healthy",
        None,
        None,
        None,
    ),
    "a cache with room": (
        vm(nonpaged=600_000, available=1_900_000)
        + poolused(" MmCa   3000000   1500000000   0   0	Mm control areas for mapped files , Binary: nt!mm", SMALL),
        "healthy",
        None,
        None,
        None,
    ),
    "pool large, tags missing": (vm(nonpaged=1_900_000), "suspect", None, None, None),
    "pool at its limit, tags missing": (vm(nonpaged=3_000_000), "exhaustion", None, None, None),
    "commit exhausted": (vm(committed=8_000_000), "exhaustion", None, None, None),
    "memory taken for page lists": (vm(mdl=1_500_000), "suspect", None, None, None),
    "a handle count without types": (
        process("acme.exe", 4000, 350_000),
        "leak",
        "handle leak",
        "acme.exe",
        "acme.exe",
    ),
    "one user-mode handle list": (
        "0:000> !handle\n273020 Handles\nType            Count\n"
        "None            93\nEvent           272742\nSection         185\n",
        "leak",
        "event handle leak",
        "a process that the log does not name",
        None,
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name: str, tmp_path: Path) -> None:
    log, state, kind, holder, culprit = SCENARIOS[name]
    found = verdict(log, tmp_path)
    result = found.verdict
    assert (result.state, result.kind.name, result.holder.name, result.culprit.name) == (state, kind, holder, culprit)
    assert not found.problems
    assert result.culprit.confidence <= result.kind.confidence
    assert result.holder.name is None or result.culprit.confidence <= result.holder.confidence


def test_real_labelled_cases(shared: Path) -> None:
    """No healthy case is called a leak and nobody is accused beyond the label."""
    for label in json.loads((shared / "cases" / "index.json").read_text(encoding="utf-8")):
        try:
            cases = read(shared / "cases" / label["slug"] / "transcript.txt")
        except CasefileError:
            assert label["transcript"] in ("prose", "stack"), label["slug"]
            continue
        for case in cases:
            result = diagnose(case, RULEBOOK, KNOWLEDGE).verdict
            if label["verdict"] == "healthy":
                assert result.state in ("healthy", "inconclusive"), label["slug"]
            if label["culprit"] is None:
                assert result.culprit.name is None, label["slug"]
