"""What became of every rule: fired, passed, a near miss, or not evaluated, each with one sentence of why.

A rule is not evaluated when what it looked at might have held, had a fact been there that the case does not give; when
something else already rules it out, it passed. Judged apart from the engine, over a bounded number of combinations.
"""

from collections.abc import Mapping, Sequence

from ..diagnosis import Condition, Finding, Outcome, RuleOutcome
from . import capture
from .conditions import Known, Pattern, Term
from .judged import Judged, judged
from .matching import Blockers, Store
from .near import NearMiss, near_miss
from .rows import Row
from .rule import Rule
from .rulebook import Rulebook
from .strata import STATIC, Producers


class Outcomes:
    """Collects the outcome of every rule of a rulebook over one case."""

    def __init__(self, rulebook: Rulebook, store: Store) -> None:
        self._rules = rulebook.rules
        self._facts = judged(store)
        self._producers = Producers(rulebook.rules)
        self._by_rule: dict[int, RuleOutcome] = {}

    def all(self) -> tuple[RuleOutcome, ...]:
        """One outcome for every rule, in their order."""
        return tuple(self._by_rule[number] for number in range(len(self._rules)))

    def failed(self, number: int, why: str) -> None:
        """A rule the engine could not match."""
        self._set(number, "not_evaluated", f"{why}.")

    def judge(self, number: int, findings: Sequence[Finding], blocked: Row | None) -> None:
        """A rule that was matched: its findings, and the first fact that blocked one of its matches."""
        rule = self._rules[number]
        if findings:
            self._set(number, "fired", _fired(findings))
        elif blocked is not None:
            self._set(number, "passed", f"Its conditions hold, but so does its exception: {blocked.fact.id}.")
        else:
            self._judge_conditions(number, rule)

    def _judge_conditions(self, number: int, rule: Rule) -> None:
        judged = [self._alternative(patterns) for patterns in rule.alternatives]
        near = self._near(rule)
        false = [one.failed for one in judged if one.failed]
        unknown = [one for one in judged if one.missing and not one.failed]
        if near is not None:
            self._set(number, "near_miss", near.sentence(), near=near.condition())
        elif false or not unknown:
            self._set(number, "passed", false[0] if false else "No combination of facts fits.")
        else:
            whys = dict.fromkeys(why for one in unknown for why in one.missing)
            commands = dict.fromkeys(command for one in unknown for command in one.capture)
            self._set(number, "not_evaluated", f"Missing: {'; '.join(whys)}.", tuple(commands))

    def _alternative(self, patterns: tuple[Pattern, ...]) -> "_Judgement":
        result = _Judgement()
        for pattern in patterns:
            if pattern.kind == "finding" and not self._drawn(pattern):
                self._absent_finding(pattern, result)
            elif self._facts.get(pattern.kind):
                self._pattern(pattern, result)
            elif capture.answers(pattern.kind, self._facts):
                result.fail(f"There is no {pattern.kind}.")
            else:
                result.miss(capture.words(pattern.kind), capture.commands(pattern))
        if not result.failed and not result.missing:
            result.fail(_unjoined(patterns, self._facts))
        return result

    def _pattern(self, pattern: Pattern, result: "_Judgement") -> None:
        """Narrow the facts of a kind term by term until one satisfies none of them."""
        known = self._facts.known(pattern.kind)
        absent = [
            term
            for term in pattern.terms
            if term.field.name not in known and not isinstance(term, Known) and not _is_label(pattern.kind, term)
        ]
        failing = self._facts.failing(pattern, (term for term in pattern.own_terms if term not in absent))
        for term in pattern.terms:
            if term is failing:
                result.fail(_nothing(pattern, term))
                return
            if term in absent:
                result.miss(f"{pattern.kind}.{term.field.name}", capture.commands(pattern))

    def _drawn(self, pattern: Pattern) -> bool:
        """Whether some rule has drawn a finding of the name, part and severity a pattern asks for."""
        return self._facts.failing(pattern, (term for term in pattern.own_terms if term.field.name in STATIC)) is None

    def _absent_finding(self, pattern: Pattern, result: "_Judgement") -> None:
        """No finding like this; unknown where its rules could not be evaluated."""
        made_by = sorted(self._producers.of(pattern))
        outcomes = [self._by_rule[number] for number in made_by if number in self._by_rule]
        if outcomes and all(one.outcome == "not_evaluated" for one in outcomes):
            commands = tuple(dict.fromkeys(command for one in outcomes for command in one.capture))
            result.miss(f"the findings of {' and '.join(one.rule for one in outcomes[:3])}, not evaluated", commands)
        else:
            wanted = " and ".join(term.text for term in pattern.own_terms) or "any name"
            result.fail(f"There is no finding with {wanted}.")

    def _near(self, rule: Rule) -> NearMiss | None:
        found = [one for patterns in rule.alternatives if (one := near_miss(patterns, self._facts)) is not None]
        if not found:
            return None
        best = min(found, key=lambda one: one.miss)
        blockers = (Blockers(pattern, self._facts) for pattern in rule.unless if _bindable(pattern, best.bound))
        return None if any(blocker.find(best.bound) for blocker in blockers) else best

    def _set(
        self,
        number: int,
        outcome: Outcome,
        why: str,
        commands: tuple[str, ...] = (),
        near: Condition | None = None,
    ) -> None:
        rule = self._rules[number]
        self._by_rule[number] = RuleOutcome(
            rule.id, rule.version, rule.status, rule.title, outcome, why, commands, rule.origin, near
        )


class _Judgement:
    """What is known of one alternative: the first condition that fails, and what is missing."""

    def __init__(self) -> None:
        self.failed: str | None = None
        self.missing: list[str] = []
        self.capture: list[str] = []

    def fail(self, why: str) -> None:
        self.failed = self.failed or why

    def miss(self, what: str, commands: tuple[str, ...]) -> None:
        self.missing.append(what)
        self.capture += commands


def _fired(findings: Sequence[Finding]) -> str:
    first = findings[0]
    facts = ", ".join(fact.id for fact in first.evidence.values())
    more = f", and {len(findings) - 1} more" if len(findings) > 1 else ""
    return f"Found {first.label or first.name} on {facts}{more}."


def _nothing(pattern: Pattern, term: Term) -> str:
    """A condition no fact satisfies, after those before it."""
    before = [one.text for one in pattern.own_terms]
    before = before[: before.index(term.text)]
    among = f" with {' and '.join(before)}" if before else ""
    return f"No {pattern.kind}{among} has {term.text}."


def _unjoined(patterns: tuple[Pattern, ...], facts: Judged) -> str:
    """Every pattern has facts, but no combination of them fits: the first that fails to join those before it."""
    for pattern in patterns:
        if pattern.joins:
            joined = " and ".join(join.text for join in pattern.joins)
            if not _joins_alone(pattern, patterns, facts):
                return f"No {pattern.kind} fits {joined}."
    last = next(pattern for pattern in reversed(patterns) if pattern.joins or pattern is patterns[0])
    return f"No combination of facts fits {' and '.join(term.text for term in last.terms)}."


def _joins_alone(pattern: Pattern, patterns: tuple[Pattern, ...], facts: Judged) -> bool:
    """Whether each plain equality of a pattern is satisfied by some pair of facts."""
    for join in pattern.joins:
        if join.op != "==" or join.factor is not None:
            continue
        other = next(one for one in patterns if one.alias == join.alias)
        values = {row.values.get(join.other) for row in facts.holding(other)} - {None}
        if not any(row.values.get(join.field.name) in values for row in facts.holding(pattern)):
            return False
    return True


def _is_label(kind: str, term: Term) -> bool:
    return (kind, term.field.name) in capture.LABELS


def _bindable(pattern: Pattern, bound: Mapping[str, Row]) -> bool:
    return all(join.alias in bound for join in pattern.joins)
