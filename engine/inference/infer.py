"""The driver: stratum by stratum, matches to findings, and the outcome of every rule."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..diagnosis import Finding, RuleOutcome
from ..facts import Case
from .conclude import conclude
from .judged import Judged
from .matching import Match, match, unblocked
from .outcomes import Outcomes
from .rows import Row, rows
from .rule import Reference, Rule
from .rulebook import Rulebook

MAX_FINDINGS = 200
"""Matches of one rule that become findings."""


@dataclass(frozen=True, slots=True)
class Inference:
    """What the rules concluded. `outcomes` has one entry for every rule, in their order."""

    findings: tuple[Finding, ...]
    outcomes: tuple[RuleOutcome, ...]
    problems: tuple[str, ...]


def infer(case: Case, rulebook: Rulebook, given: Sequence[Finding] = ()) -> Inference:
    """Apply a rulebook to a case and add every finding to it as a fact.

    Findings a casefile brings along are left alone and not built upon. `given` are findings to build on all the same,
    for the test of a rule without those that would make them.
    """
    run = _Run(case, rulebook, given)
    for stratum in range(len(rulebook.strata)):
        run.stratum(stratum)
    # The rule files follow the order in which an analyst reasons; strata only say what had to be known first.
    order = {rule.id: number for number, rule in enumerate(rulebook.rules)}
    made = list(run.findings.values())[len(given) :]
    findings = sorted(made, key=lambda finding: order[finding.rule])
    return Inference(tuple(findings), run.outcomes.all(), tuple(run.problems))


class _Run:
    """The state of one inference."""

    def __init__(self, case: Case, rulebook: Rulebook, given: Sequence[Finding]) -> None:
        self._case = case
        self._rulebook = rulebook
        self.findings = {finding.fact.id: finding for finding in given}
        self.problems: list[str] = []
        self._store: dict[str, list[Row]] = {}
        self._count = 0
        for row in rows(fact for fact in case.facts if fact.kind != "finding"):
            self._put(row)
        for row in rows([finding.fact for finding in given], self._count):
            self._put(row)
        self._facts = Judged(self._store)
        self.outcomes = Outcomes(rulebook, self._facts)

    def _put(self, row: Row) -> None:
        self._store.setdefault(row.fact.kind, []).append(row)
        self._count += 1

    def stratum(self, number: int) -> None:
        """Match the rules of a stratum, conclude, and only then add the findings: the layer cannot see its own."""
        result = match(self._rulebook.shards[number], self._facts)
        made: list[Finding] = []
        for index in self._rulebook.strata[number]:
            rule = self._rulebook.rules[index]
            if index in result.failed:
                self.problems.append(f"{rule.id} was not evaluated: {result.failed[index]}")
                self.outcomes.failed(index, result.failed[index])
                continue
            kept, blocked, unchecked = unblocked(rule.unless, result.found.get(index, []), self._facts)
            if unchecked:
                self.problems.append(f"{rule.id}: {unchecked:,} matches were left out, too many to check")
            kept = self._bounded(rule, _best(rule.best, kept))
            findings, problems = conclude(rule, kept, number, self._case, self.findings)
            self.problems += problems
            made += findings
            self.outcomes.judge(index, findings, blocked)
        for finding in made:
            self.findings[finding.fact.id] = finding
            for row in rows([finding.fact], self._count):
                self._put(row)

    def _bounded(self, rule: Rule, matches: list[Match]) -> list[Match]:
        if len(matches) > MAX_FINDINGS:
            self.problems.append(f"{rule.id}: {len(matches):,} matches, only the first {MAX_FINDINGS} became findings")
        return matches[:MAX_FINDINGS]


def _best(best: Reference | None, matches: list[Match]) -> list[Match]:
    """The match with the largest value, the first among equals; all matches where no choice is asked for."""
    if best is None or not matches:
        return matches
    return [max(matches, key=lambda one: _size(best, one.bound))]


def _size(best: Reference, bound: Mapping[str, Row]) -> float:
    value = bound[best.alias].values.get(best.field) if best.alias in bound else None
    return value if isinstance(value, int | float) else float("-inf")
