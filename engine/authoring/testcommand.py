"""`triage rules test`: which rules are meant, their tests, what they cover, and whether their status holds."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter

from .. import rulefolder
from ..errors import RulebookError, UsageError
from ..inference import Rulebook, assemble, digest
from ..inference.adjustments import refuse_disabled
from ..knowledge import build as build_knowledge
from ..mistakes import Mistakes, Place, nearest
from ..rulefolder import SHIPPED, ParsedFile, SourceFile
from ..settings import Settings
from . import coverage, gate
from .casefiles import Shelf, casefile_folder, read_index
from .coverage import Coverage
from .gate import FalsePositive, Judged
from .ruletests import Failure, Results, run_tests
from .testfile import RuleTests, read_tests

Print = Callable[[str], None]


def test_rules(paths: Sequence[str], configured: Settings, show_coverage: bool, tell: Print) -> bool:
    """Run the tests of the rules named by `paths` (files, folders or ids; none means all) and tell what came.

    Returns whether all is well. Raises RulebookError where a file is wrong and UsageError for a path that is none.
    """
    started = perf_counter()
    files = rulefolder.read([SHIPPED, *configured.rules])
    files += _added(paths, files)
    mistakes = Mistakes()
    parsed = rulefolder.parse(files, mistakes, tests=True)
    folder = casefile_folder(Path(str(SHIPPED)))
    entries = read_index(folder, mistakes) if folder else []
    tests = _tests(parsed, mistakes, [entry.name for entry in entries] if folder else None)
    ledger = _ledger(parsed, mistakes, [one.rule for one in tests])
    # Lists of tags that lie on this machine are left out: tests must come out the same on every machine.
    knowledge = build_knowledge(parsed, (), mistakes)
    # Raises all mistakes noted so far together with its own.
    rulebook = assemble(parsed, digest(files, configured.adjustments), configured.adjustments, mistakes)
    chosen = _chosen(paths, rulebook)
    # One rule may have replaced another of the same id, with tests of its own.
    tests = [one for one in tests if chosen.get(one.rule) == one.place]
    shelf = Shelf(folder, entries, rulebook, knowledge)
    results = run_tests(rulebook, tests, shelf)
    judged = gate.judge([rule for rule in rulebook.rules if rule.id in chosen], results, shelf, ledger)
    for failure in results.failures:
        _tell_failure(failure, tell)
    for remark in judged.failures:
        tell(f"GATE  {shown(remark.place)}  {remark.what}")
    for remark in judged.notes:
        tell(f"note  {shown(remark.place)}  {remark.what}")
    for changed in configured.adjustments.thresholds if results.failures else ():
        what = "has another value by these settings: tests written for the one of the rule files may fail"
        tell(f"note  {shown(changed.place)}  threshold {changed.threshold} {what}")
    if show_coverage:
        _tell_coverage(coverage.measure([rule for rule in rulebook.rules if rule.id in chosen], tests), tell)
    _tell_sum(results, len(chosen), shelf, judged, perf_counter() - started, tell)
    return not results.failures and not judged.failures


def _tests(parsed: Sequence[ParsedFile], mistakes: Mistakes, casefiles: Sequence[str] | None) -> list[RuleTests]:
    return [test for one in parsed if one.role == "pack" for test in read_tests(one.root, mistakes, casefiles)]


def _ledger(parsed: Sequence[ParsedFile], mistakes: Mistakes, rules: Sequence[str]) -> list[FalsePositive]:
    return [entry for one in parsed if one.role == "ledger" for entry in gate.read_ledger(one.root, mistakes, rules)]


def _added(paths: Sequence[str], files: Sequence[SourceFile]) -> list[SourceFile]:
    """The rule files among the paths that are not yet among the files."""
    known = {Path(file.name).resolve() for file in files}
    added: list[SourceFile] = []
    for text in paths:
        path = Path(text)
        try:
            if path.is_dir():
                more = [file for file in rulefolder.read([path]) if Path(file.name).resolve() not in known]
                added += [SourceFile(file.name, file.role, file.data, text) for file in more]
            elif path.is_file() and path.resolve() not in known:
                added.append(SourceFile(text, "", path.read_bytes(), text))
        except OSError as error:
            raise RulebookError(f"{path}: cannot be read: {error.strerror}") from error
    return added


def _chosen(paths: Sequence[str], rulebook: Rulebook) -> dict[str, Place]:
    """The ids of the rules that the paths mean, with where each rule stands."""
    places = {rule.id: rule.place for rule in rulebook.rules}
    if not paths:
        return places
    chosen: dict[str, Place] = {}
    for text in paths:
        path = Path(text).resolve()
        if text in places:
            found = {text: places[text]}
        elif path.exists():
            found = {name: place for name, place in places.items() if _is_below(Path(place.file).resolve(), path)}
            if not found:
                raise UsageError(f"{text} holds no rules; expected a pack with rules, or a folder of packs")
        else:
            refuse_disabled(text, rulebook.disabled)
            what = "neither a file, nor a folder, nor the id of a rule"
            raise UsageError(f'"{text}" is {what}; {nearest(text, places)}')
        chosen |= found
    return chosen


def _is_below(file: Path, path: Path) -> bool:
    return file == path or path in file.parents


def _tell_failure(failure: Failure, tell: Print) -> None:
    tell(f"FAIL  {failure.rule}  {shown(failure.place)}  {failure.test}".rstrip())
    tell(f"      expected  {failure.expected}")
    tell(f"      came      {failure.came}")
    for line in failure.more:
        tell(f"      {line}")


def shown(place: Place) -> str:
    """A place with its file as it is reached from where the user stands, if that is shorter."""
    path = os.path.relpath(place.file)
    return f"{min(path, place.file, key=len)}:{place.line}:{place.column}"


def _tell_coverage(found: Coverage, tell: Print) -> None:
    for what, rules in (
        ("without a test", found.untested),
        ("that no test fires", found.never_firing),
        ("that no test silences", found.never_silent),
        ("tested on casefiles only", found.without_facts),
    ):
        if rules:
            tell(f"Rules {what} ({len(rules):,}): {', '.join(rules)}")
    for what, untried in (
        ("Conditions that decide no test", found.undecided),
        ("Numbers not tried on both sides", found.one_sided),
    ):
        if untried:
            tell(f"{what} ({len(untried):,}):")
        for one in untried:
            tell(f"  {shown(one.place)}  {one.rule}: {one.what}")
    tell(
        f"Tested: {_part(found.rules - len(found.untested), found.rules)} of the rules, "
        f"{_part(found.decided, found.conditions)} of the conditions, "
        f"{_part(found.both_sides, found.numbers)} of the numbers on both sides."
    )


def _part(part: int, whole: int) -> str:
    """`87 % (13 of 15)`; never 100 % where something is left."""
    percent = 100 * part // whole if whole else 100
    return f"{percent} % ({part:,} of {whole:,})"


def _tell_sum(results: Results, rules: int, shelf: Shelf, judged: Judged, seconds: float, tell: Print) -> None:
    if results.not_run:
        tell(
            f"{results.not_run:,} tests on casefiles were not run: the casefiles come with the source, not with the "
            "installed program. What they prove of stable rules was not judged."
        )
    tell(
        f"{_counted(results.run, 'test')} of {_counted(rules, 'rule')}: {results.passed:,} passed, "
        f"{len(results.failures):,} failed, {len(judged.failures):,} held back by the gate; "
        f"{_counted(shelf.looked_at, 'casefile')}, {seconds:.1f} s."
    )


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
