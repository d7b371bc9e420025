"""The one way through: casefile, facts, derivation, inference, verdict, report."""

import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from time import perf_counter

from . import inference, report
from .derivation import derive
from .diagnosis import Diagnosis
from .facts import Case
from .inference import Rulebook
from .knowledge import Knowledge, load_knowledge
from .sources import Options, read
from .verdict import conclude

Progress = Callable[[str], None]
_SEVERITIES = ("info", "warning", "critical")


def diagnose(case: Case, rulebook: Rulebook, knowledge: Knowledge) -> Diagnosis:
    """Derive, infer and conclude on one case; the case is completed in place."""
    derive(case, knowledge)
    inferred = inference.infer(case, rulebook)
    verdict = conclude(case, inferred.findings)
    return Diagnosis(case, verdict, inferred.findings, inferred.outcomes, rulebook.info, inferred.problems)


def shipped_rulebook() -> Rulebook:
    """The rules that come with the program."""
    return inference.load([files("dumptriage.rules")])


def run_casefile(casefile: Path, reports: Sequence[Path], progress: Progress, options: Options, *, quiet: bool) -> int:
    """Diagnose a casefile, write the reports and print the summary; returns the index of the worst severity.

    A log of several machines gives one report each, numbered: out-1.pdf, out-2.pdf.
    """
    for target in reports:
        report.check_target(target)
    cases = read(casefile, progress, options)
    progress("Applying the rules")
    started = perf_counter()
    rulebook, knowledge = shipped_rulebook(), load_knowledge()
    worst = -1
    for case in cases:
        diagnosis = diagnose(case, rulebook, knowledge)
        worst = max([worst, *(_SEVERITIES.index(finding.severity) for finding in diagnosis.findings)])
        options.timings["rules"] = perf_counter() - started
        written = [_numbered(target, case, len(cases)) for target in reports]
        for target in written:
            started = perf_counter()
            report.write(diagnosis, target, progress)
            options.timings[f"report {target.suffix}"] = perf_counter() - started
        progress("")
        if not quiet:
            _print(diagnosis, written)
    return worst


def print_facts(casefile: Path, progress: Progress, options: Options) -> None:
    """Print the facts of a casefile as facts.json, derived fields included."""
    cases = read(casefile, progress, options)
    knowledge = load_knowledge()
    for case in cases:
        derive(case, knowledge)
    progress("")
    if len(cases) > 1:
        names = "; ".join(f"{case.number}: {case.machine}" for case in cases)
        sys.stderr.write(f"triage: the casefile holds {len(cases)} machines, one JSON object each: {names}\n")
    for case in cases:
        sys.stdout.write(report.facts_json(case) + "\n")


def _numbered(target: Path, case: Case, count: int) -> Path:
    return target if count == 1 else target.with_stem(f"{target.stem}-{case.number}")


def _print(diagnosis: Diagnosis, written: Sequence[Path]) -> None:
    from rich.console import Console

    if written:
        # With reports asked for, one line each is enough: the summary is page one of the report.
        for target in written:
            sys.stdout.write(f"{diagnosis.verdict.state}: {target}\n")
        return
    report.summary(diagnosis, Console(highlight=False))
