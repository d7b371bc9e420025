"""Diagnoses made by hand, for the tests of the report."""

from dataclasses import replace
from typing import Any

from dumptriage.diagnosis import (
    Confidence,
    Diagnosis,
    Finding,
    Outcome,
    Part,
    RulebookInfo,
    RuleOutcome,
    Severity,
    Verdict,
    VerdictPart,
)
from dumptriage.facts import Case, Casefile, Fact, new
from dumptriage.facts.case import CasefileKind

BOOK = RulebookInfo(31, "c0ffee" * 10 + "beef")
HOSTILE = "<script>alert(1)</script>{{7*7}}\u202egpj.exe"


def casefile(name: str = "case.log", kind: CasefileKind = "log") -> Casefile:
    return Casefile(name, "ab" * 32, 23_456, kind)


def finding(
    name: str,
    part: Part,
    text: str,
    evidence: dict[str, Fact],
    *,
    title: str = "",
    label: str | None = None,
    confidence: Confidence = Confidence.HIGH,
    severity: Severity = "critical",
    stratum: int = 1,
    about: dict[str, Any] | None = None,
    disprove: str | None = None,
    asks: tuple[str, ...] = (),
    limits: tuple[str, ...] = (),
    references: tuple[str, ...] = (),
) -> Finding:
    about = about or {}
    fact = new("finding", source=f"rule {name}", name=name, part=part, **about)
    return Finding(
        rule=f"demo.{name}",
        version=2,
        status="stable",
        title=title or f"Title of {name}",
        name=name,
        part=part,
        severity=severity,
        confidence=confidence,
        text=text,
        label=label,
        evidence=evidence,
        about=about,
        tags=(str(about["tag"]),) if "tag" in about else (),
        fact=fact,
        disprove=disprove,
        next=asks,
        references=references,
        limits=limits,
        stratum=stratum,
    )


def outcome(rule: str, what: Outcome, why: str, *capture: str) -> RuleOutcome:
    return RuleOutcome(rule, 1, "test", f"Title of {rule}", what, why, capture)


def leak() -> Diagnosis:
    """The thread handle leak of a Windows 2000 machine, to the figure."""
    system = new(
        "system",
        source="case.log:3",
        os="Windows 2000 Service Pack 4",
        build=2195,
        architecture="x86",
        processors=2,
        ram_bytes=1_073_741_824,
        uptime_s=523_800.0,
        dump_type="debugger log",
    )
    nonpaged = new(
        "pool",
        source="case.log:21",
        verify="!vm 1",
        quote="     NonPagedPool Usage:     59613 (  238452 Kb)\n     NonPagedPool Max:       69377 (  277508 Kb)",
        type="nonpaged",
        used_bytes=59_613 * 4096,
        max_bytes=69_377 * 4096,
        limit="fixed",
        percent_of_max=85.926,
        percent_of_ram=22.74,
    )
    paged = new(
        "pool",
        source="case.log:24",
        verify="!vm 1",
        type="paged",
        used_bytes=38_000 * 4096,
        max_bytes=84_000 * 4096,
        limit="fixed",
        percent_of_max=45.24,
    )
    sizes = [("Thre", 326_514, 208_968_960, "Thread objects"), ("MmCm", 12, 4_194_304, "Memory manager")]
    sizes += [("File", 16_000, 3_072_000, "File objects"), ("Irp ", 4_000, 1_920_000, "I/O manager")]
    sizes += [(f"Tg{n:02}", 500 - n * 5, 300_000 - n * 3_000, "") for n in range(58)]
    tags = [
        new(
            "tag",
            source=f"case.log:{40 + place}",
            verify="!poolused 2",
            quote=f" {tag}   {number:>8} {used:>12}        0         0",
            tag=tag,
            pool="nonpaged",
            outstanding=number,
            bytes=used,
            bytes_each=used / number,
            share_of_pool=100 * used / (59_613 * 4096),
            share_basis="pool",
            rank_bytes=place + 1,
            times_next=49.8 if tag == "Thre" else None,
            owner=owner or None,
        )
        for place, (tag, number, used, owner) in enumerate(sizes)
    ]
    process = new(
        "process",
        source="case.log:160",
        verify="!process 886f5020 0",
        quote="PROCESS 886f5020  SessionId: 0  Cid: 08e8    Peb: 7ffdf000  ParentCid: 0234\n"
        "    DirBase: 1f4d0000  ObjectTable: 886f5f48  TableSize: 391189.\n    Image: xxxxxx.EXE",
        pid=2280,
        image="xxxxxx.EXE",
        address="886f5020",
        table_size=391_189,
        role="service",
    )
    others = [
        new(
            "process",
            source=f"case.log:{170 + n}",
            pid=400 + n * 4,
            image=name,
            address=f"8a00{n:04x}",
            table_size=size,
        )
        for n, (name, size) in enumerate([("lsass.exe", 1104), ("svchost.exe", 612), ("System", 411)])
    ]
    histogram = {"Thread": 323_155, "Key": 65_110, "Event": 73, "File": 15, "Semaphore": 9, "Port": 7, "Mutant": 5}
    histogram |= {"IoCompletion": 4, "Directory": 3, "WindowStation": 2, "Section": 1, "Desktop": 1, "Token": 1}
    handles = [
        new(
            "handles",
            source="case.log:210",
            verify="!handle 0 0 886f5020",
            quote=f"{kind:<16} {number}",
            pid=2280,
            image="xxxxxx.EXE",
            address="886f5020",
            type=kind,
            count=number,
            share_of_process=100 * number / 388_386,
            share_of_type=98.97 if kind == "Thread" else None,
        )
        for kind, number in histogram.items()
    ]
    samples = [
        new(
            "sample",
            source=f"case.log:{120 + n}",
            verify=f"!thread {0x81098620 + n * 0x280:08x}",
            quote="THREAD 81098620  Cid 8e8.a391c  Teb: 00000000  Win32Thread: 00000000 TERMINATED" if not n else None,
            type="Thread",
            address=f"{0x81098620 + n * 0x280:08x}",
            block=f"{0x81098600 + n * 0x280:08x}",
            block_size=640,
            tag="Thre",
            state="terminated",
            handle_count=1,
            pointer_count=1,
            cid="8e8.a391c",
            owner_pid=2280,
            owner_image="xxxxxx.EXE",
            start_address="7c57b740",
            win32_start_address="20003474",
        )
        for n in range(5)
    ]
    gap = new(
        "gap",
        source="case.log:160, 210",
        quality="rounded",
        name="handles of 886f5020",
        counter_a="sum of the type histogram",
        value_a=388_386,
        counter_b="TableSize",
        value_b=391_189,
        difference=-2803,
        difference_percent=0.72,
    )
    cut = new(
        "data_quality",
        source="case.log:119",
        problem="cut-list",
        subject="objects",
        severity="info",
        text="The output of !poolfind was stopped: its blocks are a lower bound.",
        line=119,
    )
    modules = [
        new(
            "module",
            source="case.log:300",
            name="abcfilt",
            base="f7a00000",
            size=40_960,
            version="3.1.0.7",
            company="Example Filters Ltd.",
            timestamp="2003-04-05T06:07:08Z",
            third_party=True,
        ),
        new("module", source="case.log:301", name="nt", base="80400000", size=1_730_368, third_party=False),
    ]
    facts = [system, nonpaged, paged, *tags, process, *others, *handles, *samples, gap, cut, *modules]
    case = Case(casefile("thread-handle-leak.log"), facts)

    full = finding(
        "resource.nonpaged",
        "resource",
        "Nonpaged pool uses 59,613 of 69,377 pages, 85.9 % of its maximum; from 80 % on allocations begin to fail.",
        {"p": nonpaged},
        title="Nonpaged pool is nearly exhausted",
        label="nonpaged pool",
        confidence=Confidence.CERTAIN,
        about={"pool": "nonpaged"},
    )
    dominant = finding(
        "kind.dominant-tag",
        "kind",
        "Tag Thre holds 208,968,960 bytes in 326,514 allocations of 640 bytes, 85.6 % of nonpaged pool.",
        {"t": tags[0], "r": full.fact},
        title="One tag holds most of the pool",
        about={"tag": "Thre"},
    )
    ended = finding(
        "kind.handle-leak",
        "kind",
        "The sampled threads have ended, and each is kept by exactly one handle and no other reference.",
        {"s": samples[0], "d": dominant.fact},
        title="Ended threads are kept by handles",
        label="thread handle leak",
        confidence=Confidence.CERTAIN,
        stratum=2,
        about={"tag": "Thre"},
        disprove="!object on most of the sampled threads shows HandleCount 0.",
        asks=("!object 81098620", "!poolfind Thre 0"),
    )
    holder = finding(
        "holder.process",
        "holder",
        "xxxxxx.EXE (pid 2280) has 323,155 thread handles, 99 % of all thread objects in the pool.",
        {"h": handles[0], "p": process, "k": ended.fact},
        title="One process holds nearly all of them",
        label="xxxxxx.EXE",
        stratum=3,
        about={"pid": 2280, "image": "xxxxxx.EXE"},
        asks=("!handle 0 3 886f5020 Thread",),
    )
    culprit = finding(
        "culprit.own-threads",
        "culprit",
        "The threads belonged to the process that holds their handles: it creates threads and keeps the handles.",
        {"h": handles[0], "s": samples[0], "o": holder.fact},
        title="A process leaks handles to its own threads",
        label="xxxxxx.EXE",
        stratum=4,
        about={"pid": 2280},
        limits=("Only five threads were sampled.",),
        disprove="A sampled thread belongs to another process.",
        references=("CreateThread, CloseHandle: Windows API reference",),
    )
    noise = finding(
        "kind.lockstep",
        "kind",
        "Tags Irp and File are unrelated to this.",
        {"t": tags[3]},
        title="Something else about another tag",
        confidence=Confidence.LOW,
        severity="info",
        about={"tag": "Irp "},
    )
    agree = finding(
        "quality.handle-counts",
        "quality",
        "The handle counts of the process differ by 0.7 %: 388,386 is the sum of the rows, TableSize says 391,189.",
        {"g": gap},
        title="Handle counts nearly agree",
        severity="warning",
    )
    paged_fine = finding(
        "normal.paged",
        "normal",
        "Paged pool is at 45.2 % of its maximum.",
        {"p": paged},
        severity="info",
    )
    restart = finding(
        "next.restart",
        "next",
        "Restarting xxxxxx.EXE returns the memory; the Handles column of Task Manager shows it growing again.",
        {"h": handles[0]},
        severity="info",
    )
    findings = (full, dominant, ended, holder, culprit, noise, agree, paged_fine, restart)
    outcomes = (
        *(outcome(each.rule, "fired", "Its conditions hold.") for each in findings),
        outcome("demo.ptes", "passed", "Free system PTEs are 41,000, above 8,000."),
        outcome("demo.paged", "near_miss", "paged.percent_of_max is 45.2, needs 60 or more."),
        outcome("demo.modules", "not_evaluated", "No tag_module fact.", '!for_each_module s -a @#Base @#End "Thre"'),
        outcome("demo.growth", "not_evaluated", "No growth fact.", "poolmon -n pool.log", "!object 81098620"),
    )
    verdict = Verdict(
        "leak",
        VerdictPart("nonpaged pool", Confidence.CERTAIN, full),
        VerdictPart("thread handle leak", Confidence.CERTAIN, ended, tags=("Thre",)),
        VerdictPart("xxxxxx.EXE", Confidence.HIGH, holder, pid=2280, address="886f5020"),
        VerdictPart("xxxxxx.EXE", Confidence.HIGH, culprit),
        exhausted=True,
    )
    return Diagnosis(case, verdict, findings, outcomes, BOOK)


def healthy() -> Diagnosis:
    """A Windows 10 machine with 0.25 GB of nonpaged pool out of 8 GB RAM."""
    pools = [
        new(
            "pool",
            source="a.log:9",
            type=kind,
            used_bytes=used,
            limit="dynamic",
            percent_of_ram=used / 8_589_934.592 / 10,
        )
        for kind, used in (("nonpaged", 268_435_456), ("paged", 402_653_184))
    ]
    tags = [
        new(
            "tag",
            source="a.log:30",
            tag=f"Tg{n:02}",
            pool="nonpaged",
            outstanding=900 - n,
            bytes=9_000_000 - n * 99_999,
        )
        for n in range(30)
    ]
    case = Case(casefile("healthy.log"), [new("system", source="a.log:1", build=19041), *pools, *tags])
    fine = finding("normal.nonpaged", "normal", "Nonpaged pool uses 3.1 % of RAM.", {"p": pools[0]}, severity="info")
    unknown = VerdictPart()
    verdict = Verdict("healthy", unknown, unknown, unknown, unknown, exhausted=False)
    outcomes = (
        outcome("demo.share", "passed", "The largest tag holds 3.4 %, below 30 %."),
        outcome("demo.growth", "not_evaluated", "No growth fact.", "poolmon -n pool.log"),
    )
    return Diagnosis(case, verdict, (fine,), outcomes, BOOK)


def inconclusive() -> Diagnosis:
    """A triage dump: drivers and a bugcheck, no tags, no handles."""
    system = new(
        "system",
        source="DUMP_HEADER64 @ 0",
        build=22_621,
        architecture="x64",
        dump_type="triage",
        bugcheck_code=0x7E,
        ram_bytes=8_589_934_592,
    )
    modules = [
        new("module", source=f"DUMP_DRIVER_ENTRY64[{n}]", name=f"driver{n}", base=f"fffff80500{n:02x}0000", size=65_536)
        for n in range(60)
    ]
    lacking = new(
        "data_quality",
        source="DUMP_HEADER64 @ f98",
        problem="not-in-dump",
        subject="tags",
        severity="warning",
        text="A triage dump has no pool tags.",
    )
    case = Case(casefile("mini.dmp", "dump"), [system, *modules, lacking])
    unknown = VerdictPart()
    verdict = Verdict("inconclusive", unknown, unknown, unknown, unknown)
    outcomes = (outcome("demo.share", "not_evaluated", "No tag fact.", "!poolused 2", "!poolused 4"),)
    return Diagnosis(case, verdict, (), outcomes, BOOK, problems=("demo.broken: its sentence could not be rendered.",))


def hostile() -> Diagnosis:
    """Names made to break a report: markup, templates, overrides, long paths, escapes; many rows."""
    path = "C:\\" + "a" * 200
    tags = [
        new("tag", source=f"{path}.log:{n}", tag=f"{HOSTILE[:2]}{n:02}", pool="nonpaged", outstanding=n, bytes=n * 4096)
        for n in range(1, 65)
    ]
    modules = [
        new("module", source="x:1", name=f"{HOSTILE}{n}", path=path, base=f"{n:016x}", company="\x1b[31mred\x07")
        for n in range(300)
    ]
    process = new(
        "process", source="x:2", quote=f"{HOSTILE}\n{path}\x00", pid=66, image=HOSTILE, address="ffffa00000000000"
    )
    handles = new("handles", source="x:3", pid=66, image=HOSTILE, type=HOSTILE, count=5)
    pool = new("pool", source="x:4", type="nonpaged", used_bytes=9_000_000)
    case = Case(replace(casefile("x"), name=f"{path}{HOSTILE}.dmp"), [*tags, *modules, process, handles, pool])
    holds = finding(
        "holder.process",
        "holder",
        f"{HOSTILE} holds them, from {path}.",
        {"p": process, "h": handles},
        label=HOSTILE,
        about={"pid": 66},
        asks=(f"!process {HOSTILE}",),
    )
    verdict = Verdict(
        "suspect",
        VerdictPart(),
        VerdictPart(HOSTILE, Confidence.LOW, tags=(f"{HOSTILE[:2]}64",)),
        VerdictPart(HOSTILE, Confidence.LOW, holds, pid=66),
        VerdictPart(),
    )
    return Diagnosis(case, verdict, (holds,), (outcome("demo.x", "passed", HOSTILE),), BOOK)


ALL = {"leak": leak, "healthy": healthy, "inconclusive": inconclusive, "hostile": hostile}
