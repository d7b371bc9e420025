"""The one way through: casefile, facts, derivation, inference, verdict, report."""

import sys
from collections.abc import Callable, Sequence
from importlib.resources import files
from pathlib import Path
from time import perf_counter

from . import inference, report
from .derivation import derive
from .diagnosis import Diagnosis
from .errors import UsageError
from .facts import Case
from .inference import Rulebook
from .knowledge import Knowledge, load_knowledge
from .sources import Options, read
from .verdict import conclude

Progress = Callable[[str], None]
_SEVERITIES = ("info", "warning", "critical")
_GRAVEST_FIRST = ("leak", "exhaustion", "suspect", "inconclusive", "healthy")


def diagnose(case: Case, rulebook: Rulebook, knowledge: Knowledge) -> Diagnosis:
    """Derive, infer and conclude on one case; the case is completed in place."""
    derive(case, knowledge)
    inferred = inference.infer(case, rulebook)
    verdict = conclude(case, inferred.findings)
    return Diagnosis(case, verdict, inferred.findings, inferred.outcomes, rulebook.info, inferred.problems)


def shipped_rulebook() -> Rulebook:
    """The rules that come with the program."""
    return inference.load([files("dumptriage.rules")])


def run_casefile(
    casefile: Path,
    reports: Sequence[Path],
    progress: Progress,
    options: Options,
    *,
    machine: int | None = None,
    quiet: bool = False,
) -> int:
    """Diagnose a casefile, write the reports and print the summary; returns the index of the worst severity.

    A log of several machines gives one report each: the gravest under the name asked for, the others numbered after
    it (out-2.pdf). `machine` picks one of them by its number.
    """
    for target in reports:
        report.check_target(target)
    cases = _chosen(read(casefile, progress, options), machine)
    progress("Applying the rules")
    started = perf_counter()
    rulebook, knowledge = shipped_rulebook(), load_knowledge()
    diagnoses = [diagnose(case, rulebook, knowledge) for case in cases]
    diagnoses.sort(key=lambda diagnosis: _GRAVEST_FIRST.index(diagnosis.verdict.state))
    options.timings["rules"] = perf_counter() - started
    for number, diagnosis in enumerate(diagnoses, 1):
        written = [target if number == 1 else target.with_stem(f"{target.stem}-{number}") for target in reports]
        for target in written:
            started = perf_counter()
            report.write(diagnosis, target, progress)
            options.timings[f"report {target.name}"] = perf_counter() - started
        progress("")
        if not quiet:
            _print(diagnosis, written)
    findings = [finding for diagnosis in diagnoses for finding in diagnosis.findings]
    return max((_SEVERITIES.index(finding.severity) for finding in findings), default=-1)


def _chosen(cases: list[Case], machine: int | None) -> list[Case]:
    """The case of one machine of several, or all where none is picked."""
    if machine is None:
        return cases
    if not 1 <= machine <= len(cases):
        raise UsageError(f"there is no machine {machine} in the casefile, which holds {len(cases)}: {_machines(cases)}")
    return [cases[machine - 1]]


def _machines(cases: list[Case]) -> str:
    return "; ".join(f"{number}: {case.machine or 'the only one'}" for number, case in enumerate(cases, 1))


def print_facts(casefile: Path, progress: Progress, options: Options, machine: int | None = None) -> None:
    """Print the facts of a casefile as facts.json, derived fields included."""
    cases = _chosen(read(casefile, progress, options), machine)
    progress("")
    if len(cases) > 1:
        raise UsageError(f"the casefile holds {len(cases)} machines; pick one with --machine: {_machines(cases)}")
    derive(cases[0], load_knowledge())
    sys.stdout.write(report.facts_json(cases[0]) + "\n")


def _print(diagnosis: Diagnosis, written: Sequence[Path]) -> None:
    from rich.console import Console

    if written:
        # With reports asked for, one line each is enough: the summary is page one of the report.
        machine = f" ({diagnosis.case.machine})" if diagnosis.case.machine else ""
        for target in written:
            sys.stdout.write(f"{diagnosis.verdict.state}: {target}{machine}\n")
        return
    report.summary(diagnosis, Console(highlight=False))
