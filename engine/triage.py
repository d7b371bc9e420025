"""The one way through: casefile, facts, derivation, inference, verdict, report."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from . import inference, report
from .applied import load_rules
from .derivation import derive
from .diagnosis import Diagnosis
from .errors import CasefileError, UsageError
from .facts import Case
from .inference import Rulebook
from .inference.met import met
from .knowledge import Knowledge
from .redaction import Redaction, Redactor
from .rulefolder import SHIPPED
from .settings import Settings
from .settings import load as load_settings
from .settings import places as settings_places
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
    conditions = met(inferred.findings, rulebook)
    return Diagnosis(case, verdict, inferred.findings, inferred.outcomes, rulebook.info, inferred.problems, conditions)


def shipped_rulebook() -> Rulebook:
    """The rules that come with the program."""
    return inference.load([SHIPPED])


def run_casefiles(
    casefiles: Sequence[Path],
    reports: Sequence[Path],
    progress: Progress,
    options: Options,
    *,
    rules: Sequence[Path] = (),
    machine: int | None = None,
    redaction: Redaction | None = None,
    quiet: bool = False,
) -> int:
    """Diagnose casefiles, write the reports and print the summary; returns the index of the worst severity.

    Several are of the same boot of the same machine, in any order: growth is worked out between them.
    `rules` are folders of own rules over those of the settings. A log of several machines gives one report each: the
    gravest under the name asked for, the others numbered after it (out-2.pdf). `machine` picks one by its number.
    """
    with report.typesetting(reports):
        started = perf_counter()
        settings = settings_for(casefiles, rules, quiet)
        books = load_rules(settings)
        options.timings["rule files"] = perf_counter() - started
        cases = read_cases(casefiles, reports, progress, options, machine)
        redactor = None
        if redaction is not None:
            cases, redactor = redacted(cases, casefiles, redaction, books[1])
        with report.using(settings.report):
            return judge(cases, books, reports, progress, options, quiet, redactor)


def redacted(
    cases: Sequence[Case], casefiles: Sequence[Path], redaction: Redaction, knowledge: Knowledge
) -> tuple[list[Case], Redactor]:
    """The cases with pseudonyms for what is to be hidden, and what knows the pseudonyms."""
    redactor = Redactor(redaction, knowledge)
    return redactor.cases(cases, *(casefile.name for casefile in casefiles)), redactor


def _write_map(redactor: Redactor) -> None:
    if redactor.redaction.map is not None:
        report.write_map(redactor.document(), redactor.redaction.map)


def settings_for(casefiles: Sequence[Path], rules: Sequence[Path], quiet: bool = False) -> Settings:
    """The settings that count for casefiles, after telling which do not: none that lies beside one of them."""
    found = load_settings(rules, casefiles)
    if found.passed_over is not None and not quiet:
        sys.stderr.write(
            f"triage: {found.passed_over} is not read: settings beside a casefile may be its sender's. "
            f"If they are yours, put them in {settings_places()[0]} or in a folder without casefiles and run triage "
            "there; --rules names a folder of rules\n"
        )
    return found


def read_cases(
    casefiles: Sequence[Path],
    reports: Sequence[Path],
    progress: Progress,
    options: Options,
    machine: int | None,
) -> list[Case]:
    """The cases of a casefile, or the one of `machine`, after making sure that the reports can be written.

    Of several casefiles it is one case: the facts of the latest, and what was read at every moment. Raises
    CasefileError where they are not of one boot of one machine.
    """
    for target in reports:
        report.check_target(target)
    if len(casefiles) == 1:
        return _chosen(read(casefiles[0], progress, options), machine)
    if machine is not None:
        raise UsageError(
            "--machine picks a machine of one casefile; to compare snapshots, give casefiles of one machine"
        )
    return [_compared(casefiles, progress, options)]


def _compared(casefiles: Sequence[Path], progress: Progress, options: Options) -> Case:
    """The case that several casefiles make together."""
    from .snapshots import MAX_CASEFILES, joined

    if len(casefiles) > MAX_CASEFILES:
        raise UsageError(f"{len(casefiles)} casefiles are more than the {MAX_CASEFILES} that can be compared at once")
    cases: list[Case] = []
    for number, casefile in enumerate(casefiles, 1):
        step = f"{number} of {len(casefiles)}"
        timings: dict[str, float] = {}
        found = read(
            casefile,
            lambda text, step=step: progress(text and f"{step}: {text}"),  # type: ignore[misc]
            replace(options, timings=timings),
        )
        options.timings.update((f"{step}: {stage}", seconds) for stage, seconds in timings.items())
        if len(found) > 1:
            raise CasefileError(
                f"{casefile.name} holds {len(found)} machines ({_machines(found)}), and casefiles to compare are "
                "of one machine: cut it to the lines of that machine"
            )
        cases += found
    progress("Comparing the snapshots")
    return joined(cases)


def judge(
    cases: Sequence[Case],
    books: tuple[Rulebook, Knowledge],
    reports: Sequence[Path],
    progress: Progress,
    options: Options,
    quiet: bool,
    redactor: Redactor | None = None,
) -> int:
    """Diagnose cases, which are completed in place, and write and print what `run_casefile` says."""
    progress("Applying the rules")
    started = perf_counter()
    diagnoses = [diagnose(case, *books) for case in cases]
    if redactor is not None:
        diagnoses = [redactor.diagnosis(diagnosis) for diagnosis in diagnoses]
        _write_map(redactor)
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


def print_facts(
    casefiles: Sequence[Path],
    progress: Progress,
    options: Options,
    machine: int | None = None,
    rules: Sequence[Path] = (),
    redaction: Redaction | None = None,
) -> None:
    """Print the facts of a casefile, or of several compared, as facts.json, derived fields included."""
    _, knowledge = load_rules(settings_for(casefiles, rules))
    case = one_case(casefiles, progress, options, machine)
    if redaction is not None:
        (case,), redactor = redacted([case], casefiles, redaction, knowledge)
        _write_map(redactor)
    derive(case, knowledge)
    sys.stdout.write(report.facts_json(case) + "\n")


def print_explanation(
    casefile: Path,
    subject: str | None,
    progress: Progress,
    options: Options,
    machine: int | None = None,
    rules: Sequence[Path] = (),
    *,
    all_rules: bool,
    as_json: bool,
) -> None:
    """Print why a rule, the rules of a finding, all rules or the verdict came out as they did."""
    from .explain import explain

    rulebook, knowledge = load_rules(settings_for([casefile], rules))
    diagnosis = diagnose(one_case([casefile], progress, options, machine), rulebook, knowledge)
    sys.stdout.write(report.explanation(explain(diagnosis, rulebook, subject, all_rules=all_rules), as_json=as_json))


def one_case(casefiles: Sequence[Path], progress: Progress, options: Options, machine: int | None) -> Case:
    """The only case of a casefile, or the one picked; of several casefiles the one they make together."""
    cases = read_cases(casefiles, (), progress, options, machine)
    progress("")
    if len(cases) > 1:
        raise UsageError(f"the casefile holds {len(cases)} machines; pick one with --machine: {_machines(cases)}")
    return cases[0]


def _print(diagnosis: Diagnosis, written: Sequence[Path]) -> None:
    from rich.console import Console

    if written:
        # With reports asked for, one line each is enough: the summary is page one of the report.
        machine = f" ({diagnosis.case.machine})" if diagnosis.case.machine else ""
        for target in written:
            sys.stdout.write(f"{diagnosis.verdict.state}: {target}{machine}\n")
        return
    report.summary(diagnosis, Console(highlight=False))
