"""All readers of kernel memory, one after the other: each adds its facts, none stops the others."""

from collections.abc import Callable, Sequence
from time import perf_counter

from ...facts import Case
from ..dump.container import Header
from ..dump.image import Buffer
from . import bigpool, census, counters, modules, pooltags, tagscan
from .kernel import Kernel, open_kernel
from .objectstages import ObjectStages
from .report import BROKEN, NOT_READ, Report

Progress = Callable[[str], None]
Walker = Callable[[Kernel, Case, Report], None]


def read_kernel(
    data: Buffer,
    header: Header,
    case: Case,
    progress: Progress,
    timings: dict[str, float],
    symbols: Sequence[str] = (),
) -> bool:
    """Read all facts of a kernel, full or automatic dump into the case; False where its memory cannot be opened.

    `timings` receives seconds by stage; `symbols` is where exact symbols are looked for. Nothing is raised for what is
    missing or damaged: notes (data_quality facts) say so, also where no address can be translated at all.
    """
    report = Report()
    problems: list[str] = []
    started = perf_counter()
    progress("Opening kernel memory")
    try:
        kernel = open_kernel(data, header, symbols, problems, progress)
    except Exception as error:  # as below: a damaged dump ends in a note, never in a traceback
        kernel = None
        problems.append(f"opening kernel memory broke off on damaged data ({type(error).__name__})")
    timings["kernel memory"] = perf_counter() - started
    for problem in kernel.problems if kernel else problems:
        report.missing("memory", f"{problem[:1].upper()}{problem[1:]}.", BROKEN)
    if kernel is not None:
        _symbols(kernel, report)
        try:
            _run(kernel, case, report, progress, timings)
        finally:
            census.forget()
    case.extend(report.facts(f"{header.layout.signature.decode()} header @ file 0x0"))
    return kernel is not None


def _symbols(kernel: Kernel, report: Report) -> None:
    """Say by which route layouts and addresses were found, and what was not found."""
    text = f"Structures were read with {kernel.route}."
    if kernel.missing:
        text += f" Not found: {', '.join(sorted(kernel.missing))}."
    if kernel.symbol_problems:
        text += f" Of the exact symbols: {'; '.join(kernel.symbol_problems)}."
    report.missing("system", text, "missing-symbols", severity="info")


def _stages() -> tuple[tuple[str, str, Walker], ...]:
    """Name, subject of the notes and reader of each stage, in an order in which later ones find what they build on."""
    found = ObjectStages()
    return (
        ("modules", "modules", modules.walk),
        ("counters", "memory", counters.walk),
        ("pool tags", "tags", pooltags.walk),
        ("big pool", "tags", bigpool.walk),
        ("object types", "objects", found.object_types),
        ("handles", "handles", found.handles),
        ("pool blocks", "pool", census.walk),
        ("ended objects", "objects", found.ended_objects),
        ("processes and threads", "processes", found.processes),
        ("session pool", "tags", found.session_pool),
        ("tags in images", "tags", tagscan.walk),
    )


def _run(kernel: Kernel, case: Case, report: Report, progress: Progress, timings: dict[str, float]) -> None:
    """Run the stages. What goes wrong in one is noted; the facts it added until then stay, and the next one runs."""
    for name, subject, walk in _stages():
        progress(f"Reading {name}")
        started = perf_counter()
        try:
            walk(kernel, case, report)
        except Exception as error:  # a reader that damaged data defeats must not take the others with it
            text = f"Reading {name} broke off ({type(error).__name__}): what it would have added is missing."
            report.missing(subject, text, NOT_READ)
        timings[name] = perf_counter() - started
