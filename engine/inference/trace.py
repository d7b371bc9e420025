"""Why a rule fired or did not, as data: each condition with the value it looked at and what it needed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from ..diagnosis import Diagnosis, Finding, RuleOutcome
from ..facts import Fact, Value
from . import capture
from .conditions import Compare, Join, Known, Matches, OneOf, Pattern, Term, figure, missed_by, needs
from .judged import Judged
from .nearest import blocker, nearest
from .rows import Row, rows
from .rule import Rule
from .rulebook import Rulebook
from .strata import Producers
from .thresholds import Threshold

State = Literal["holds", "fails", "unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition on one fact.

    `value` is the field's, None where it is unknown; `needed` what it is compared with, None where that is unknown or
    is no single value. `needs` says in words what is asked for, `against` where that comes from when it is another
    fact (0.5 * t.outstanding). `miss` is by what part of the needed a number fails.
    """

    field: str
    unit: str
    text: str
    state: State
    value: Value | None
    needed: Value | None
    needs: str
    against: str | None
    threshold: Threshold | None
    miss: float | None


@dataclass(frozen=True, slots=True)
class PatternTrace:
    """A pattern with the fact it was held against, None where there is none; then `missing` says in words what would
    have to be captured, unless its absence is an answer. `of` counts the facts of its kind in the case, `makers` are
    the rules whose finding it asks for, `capture` the commands that would supply what is unknown."""

    kind: str
    alias: str
    fact: Fact | None
    of: int
    conditions: tuple[Condition, ...]
    missing: str | None
    makers: tuple[RuleOutcome, ...]
    capture: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Binding:
    """A combination of facts held against a rule: one that made a finding, or else the nearest.

    `fits` where every condition holds. `exceptions` are the rule's `unless` patterns, each with the fact that blocks
    this combination where there is one.
    """

    fits: bool
    patterns: tuple[PatternTrace, ...]
    exceptions: tuple[PatternTrace, ...]
    finding: Finding | None


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """A rule with its outcome and what it was held against: one binding per finding, or the nearest.

    `alternatives` counts the choices among its `any` lists; of those only the one that comes nearest is traced.
    `used_by` are the rules that build on its finding, `blocks` those to which it is an exception.
    """

    rule: Rule
    outcome: RuleOutcome
    bindings: tuple[Binding, ...]
    alternatives: int
    used_by: tuple[RuleOutcome, ...]
    blocks: tuple[RuleOutcome, ...]


class Tracer:
    """Traces the rules of a rulebook over a case they were applied to."""

    def __init__(self, diagnosis: Diagnosis, rulebook: Rulebook) -> None:
        self._rules = rulebook.rules
        self._by_id = {rule.id: rule for rule in rulebook.rules}
        self._outcomes = {outcome.rule: outcome for outcome in diagnosis.outcomes}
        self._findings: dict[str, list[Finding]] = {}
        for finding in diagnosis.findings:
            self._findings.setdefault(finding.rule, []).append(finding)
        made = {finding.fact.id for finding in diagnosis.findings}
        store: dict[str, list[Row]] = {}
        self._rows: dict[str, Row] = {}
        for row in rows(fact for fact in diagnosis.case.facts if fact.kind != "finding" or fact.id in made):
            store.setdefault(row.fact.kind, []).append(row)
            self._rows[row.fact.id] = row
        self._facts = Judged(store)
        self._producers = Producers(self._rules)
        self._used_by: dict[int, list[str]] = {}
        self._blocks: dict[int, list[str]] = {}
        for rule in self._rules:
            wanted = [pattern for patterns in rule.alternatives for pattern in patterns]
            for patterns, users in ((wanted, self._used_by), (rule.unless, self._blocks)):
                for number in self._drawn_by(patterns):
                    users.setdefault(number, []).append(rule.id)

    def _drawn_by(self, patterns: Iterable[Pattern]) -> set[int]:
        """The numbers of the rules whose findings these patterns ask for."""
        return {number for pattern in patterns if pattern.kind == "finding" for number in self._producers.of(pattern)}

    def trace(self, number: int) -> RuleTrace:
        """The trace of a rule by its number in the rulebook."""
        rule = self._rules[number]
        bindings = [self.made(finding) for finding in self._findings.get(rule.id, ())]
        if not bindings:
            patterns, bound = nearest(rule, self._facts)
            bindings = [self._binding(rule, patterns, bound, None)]
        used_by, blocks = (
            tuple(self._outcomes[name] for name in users.get(number, ())) for users in (self._used_by, self._blocks)
        )
        return RuleTrace(rule, self._outcomes[rule.id], tuple(bindings), len(rule.alternatives), used_by, blocks)

    def made(self, finding: Finding) -> Binding:
        """The facts a finding was made from, held against its rule."""
        rule = self._by_id[finding.rule]
        bound = {alias: self._rows[fact.id] for alias, fact in finding.evidence.items()}
        kinds = [(alias, row.fact.kind) for alias, row in bound.items()]
        for patterns in rule.alternatives:
            same = [(pattern.alias, pattern.kind) for pattern in patterns] == kinds
            if same and all(pattern.holds(bound[pattern.alias], bound) for pattern in patterns):
                return self._binding(rule, patterns, bound, finding)
        raise AssertionError(f"the evidence of {finding.fact.id} fits no alternative of {rule.id}")

    def _binding(
        self, rule: Rule, patterns: tuple[Pattern, ...], bound: Mapping[str, Row], finding: Finding | None
    ) -> Binding:
        traced = tuple(self._pattern(pattern, bound.get(pattern.alias), bound) for pattern in patterns)
        fits = len(bound) == len(patterns) and all(
            condition.state == "holds" for pattern in traced for condition in pattern.conditions
        )
        exceptions = tuple(
            self._pattern(pattern, blocker(pattern, bound, self._facts) if fits else None, bound)
            for pattern in rule.unless
        )
        return Binding(fits, traced, exceptions, finding)

    def _pattern(self, pattern: Pattern, row: Row | None, bound: Mapping[str, Row]) -> PatternTrace:
        conditions = tuple(_condition(term, row, bound) for term in pattern.terms)
        makers: tuple[RuleOutcome, ...] = ()
        wanted: tuple[str, ...] = ()
        missing = None
        if pattern.kind == "finding":
            makers = tuple(self._outcomes[self._rules[number].id] for number in sorted(self._producers.of(pattern)))
            silent = [one for one in makers if one.outcome == "not_evaluated"]
            wanted = tuple(dict.fromkeys(command for one in silent for command in one.capture)) if row is None else ()
        elif row is None and not capture.answers(pattern.kind, self._facts):
            missing, wanted = capture.words(pattern.kind), capture.commands(pattern)
        elif row is not None and any(one.state == "unknown" for one in conditions):
            wanted = capture.commands(pattern)
        of = len(self._facts.get(pattern.kind, ()))
        return PatternTrace(
            pattern.kind, pattern.alias, row.fact if row else None, of, conditions, missing, makers, wanted
        )


def _condition(term: Term, row: Row | None, bound: Mapping[str, Row]) -> Condition:
    unit = term.field.unit
    value = row.values.get(term.field.name) if row else None
    needed, against = _needed(term, row, bound)
    judged = row is not None and (not isinstance(term, Join) or term.own or term.alias in bound)
    state: State = "unknown"
    if row is not None and judged and term.holds(row, bound):
        state = "holds"
    elif judged and (isinstance(term, Known) or (value is not None and not (against and needed is None))):
        state = "fails"
    return Condition(
        field=term.field.name,
        unit=unit,
        text=term.text,
        state=state,
        value=value,
        needed=needed,
        needs=_needs(term, needed),
        against=against,
        threshold=term.threshold if isinstance(term, Compare) else None,
        miss=missed_by(term, row, bound) if row is not None and judged else None,
    )


def _needed(term: Term, row: Row | None, bound: Mapping[str, Row]) -> tuple[Value | None, str | None]:
    """What a field is compared with, and the field that comes from."""
    if isinstance(term, Compare):
        return term.value, None
    if not isinstance(term, Join):
        return None, None
    known = row is not None and (term.own or term.alias in bound)
    factor = f"{term.factor:g} * " if term.factor is not None else ""
    return (term.operand(row, bound) if row is not None and known else None), f"{factor}{term.alias}.{term.other}"


def _needs(term: Term, needed: Value | None) -> str:
    unit = term.field.unit
    if isinstance(term, Known):
        return "to be known" if term.known else "to be unknown"
    if isinstance(term, OneOf):
        return f"one of {', '.join(figure(value, unit) for value in term.values)}"
    if isinstance(term, Matches):
        return f"text with {term.pattern.pattern}"
    if needed is None:
        return needs(term.op, "what is unknown", "")
    return needs(term.op, needed, unit)
