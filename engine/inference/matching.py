"""Matches of the rules of one stratum: the engine's, with what it could not check checked here."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..facts import Value
from .compile import Shard, compile_rules, message
from .conditions import Pattern
from .durable import EngineError, Session
from .judged import Judged, judged
from .rows import Row

MAX_COMBINATIONS = 50_000
"""Combinations of facts one alternative may make the engine keep; a rule that would need more is not evaluated."""
MAX_TOTAL = 400_000
"""The same for all rules of a stratum."""
SMALL = 1_000
"""So few combinations are not looked at more closely."""

MAX_CHECKS = 500_000
"""Facts looked at for the `unless` patterns of one rule."""

Store = Mapping[str, Sequence[Row]]
"""The rows of a case by kind, in the order of the case."""

Rows = Mapping[str, Sequence[Row]]
"""Rows by alias."""

Grouping = Callable[[str, str, Sequence[Row]], Counter[Value]]
"""Of a kind, a field and its rows: how many rows have each value."""


@dataclass(frozen=True, slots=True)
class Match:
    """Facts that satisfy the patterns of one alternative of a rule. Different aliases are different facts."""

    alternative: int
    bound: dict[str, Row]


@dataclass(slots=True)
class Matches:
    """Matches by number of the rule, in the order of facts, and the rules that could not be matched, with why."""

    found: dict[int, list[Match]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)


def match(shards: tuple[Shard, ...], store: Store) -> Matches:
    """All matches of the shards of one stratum."""
    result = Matches()
    facts = judged(store)
    estimate = _Estimate(facts)
    total = 0
    for shard in shards:
        for rule in shard.rules:
            count = estimate.combinations(rule.patterns)
            total += count
            if count > MAX_COMBINATIONS or total > MAX_TOTAL:
                result.failed[rule.rule] = f"it would have to compare {count:,} combinations of facts"
                total -= count
    if result.failed:
        kept = [rule for shard in shards for rule in shard.rules if rule.rule not in result.failed]
        shards = compile_rules((rule.rule, rule.alternative, rule.patterns) for rule in kept)
    for number, shard in enumerate(shards):
        try:
            _run(shard, number, facts, result.found)
        except EngineError as error:
            for rule in shard.rules:
                result.failed[rule.rule] = f"the rules engine failed: {error}"
    for rule_number, matches in result.found.items():
        result.found[rule_number] = _in_order(matches)
    return result


def _run(shard: Shard, number: int, facts: Judged, found: dict[int, list[Match]]) -> None:
    by_number: dict[int, Row] = {}
    for rule in shard.rules:
        # Only a fact that satisfies what a pattern asks of a fact alone can be part of a match: no other is worth what
        # it costs to assert a fact in every shard.
        candidates = [facts.holding(pattern) for pattern in rule.patterns]
        if all(candidates):
            by_number.update((row.number, row) for rows in candidates for row in rows)
    if not by_number:
        return
    rows = [by_number[number] for number in sorted(by_number)]
    with Session(f"shard{number}", shard.definition) as session:
        for row in rows:
            session.add(message(row, shard))
        for name, numbers in session.matches():
            rule = shard.rules[int(name[1:])]
            bound = {pattern.alias: by_number[numbers[f"a{index}"]] for index, pattern in enumerate(rule.patterns)}
            if all(join.holds(bound[alias], bound) for alias, join in rule.residue):
                found.setdefault(rule.rule, []).append(Match(rule.alternative, bound))


def _in_order(matches: Iterable[Match]) -> list[Match]:
    """Each combination of facts once, the earliest facts first."""
    ordered = sorted(matches, key=lambda one: ([row.number for row in one.bound.values()], one.alternative))
    once: dict[tuple[tuple[str, int], ...], Match] = {}
    for one in ordered:
        once.setdefault(tuple((alias, row.number) for alias, row in one.bound.items()), one)
    return list(once.values())


class _Estimate:
    """Upper bounds of the partial matches the engine keeps for the patterns of an alternative."""

    def __init__(self, facts: Judged) -> None:
        self._facts = facts
        self._groups: dict[tuple[str, str], Counter[Value]] = {}

    def combinations(self, patterns: tuple[Pattern, ...]) -> int:
        """How many combinations of facts may be kept; 0 for a single pattern."""
        if len(patterns) == 1:
            return 0
        rows = {pattern.alias: self._facts.get(pattern.kind, ()) for pattern in patterns}
        # Rules of growth meet all tags: the product of the two would use up MAX_TOTAL in a comparison of dumps.
        if math.prod(max(1, len(listed)) for listed in rows.values()) <= SMALL:
            return math.prod(len(listed) for listed in rows.values())
        bound = self._bound(patterns, rows, self._all_groups)
        if bound <= MAX_COMBINATIONS:
            return bound
        # Close: look only at the facts that satisfy the conditions on themselves.
        rows = {pattern.alias: self._facts.holding(pattern) for pattern in patterns}
        return self._bound(patterns, rows, _groups)

    def _bound(self, patterns: tuple[Pattern, ...], rows: Rows, groups: Grouping) -> int:
        """Exact where a pattern is tied by an equality to one of which all facts are still in, else the largest
        group of facts with one value counts."""
        partial, highest = 1, 0
        for pattern in patterns:
            candidates = rows[pattern.alias]
            count = partial * len(candidates)
            for join in pattern.joins:
                if join.op != "==" or join.factor is not None:
                    continue
                sizes = groups(pattern.kind, join.field.name, candidates)
                others = rows[join.alias]
                if partial == len(others):
                    tied = sum(sizes[row.values[join.other]] for row in others if join.other in row.values)
                else:
                    tied = partial * max(sizes.values(), default=0)
                count = min(count, tied)
            partial = count
            highest = max(highest, partial)
        return highest

    def _all_groups(self, kind: str, name: str, rows: Sequence[Row]) -> Counter[Value]:
        if (kind, name) not in self._groups:
            self._groups[kind, name] = _groups(kind, name, rows)
        return self._groups[kind, name]


def _groups(kind: str, name: str, rows: Sequence[Row]) -> Counter[Value]:
    """How many facts have each value of a field."""
    return Counter(row.values[name] for row in rows if name in row.values)


def unblocked(unless: Sequence[Pattern], matches: list[Match], store: Store) -> tuple[list[Match], Row | None, int]:
    """The matches for which no `unless` pattern holds, the first fact that blocked one, and how many matches were
    left out because checking them would have taken too long."""
    blockers = [Blockers(pattern, store) for pattern in unless if matches]
    kept: list[Match] = []
    first: Row | None = None
    for number, one in enumerate(matches):
        if sum(blocker.checks for blocker in blockers) > MAX_CHECKS:
            return kept, first, len(matches) - number
        blocking = next((row for blocker in blockers if (row := blocker.find(one.bound))), None)
        if blocking is None:
            kept.append(one)
        first = first or blocking
    return kept, first, 0


class Blockers:
    """The facts that satisfy an `unless` pattern, looked up for one match at a time."""

    def __init__(self, pattern: Pattern, store: Store) -> None:
        self._joins = pattern.joins
        self._rows: Sequence[Row] = judged(store).holding(pattern)
        self._tie = next((join for join in self._joins if join.op == "==" and join.factor is None), None)
        self._index: dict[object, list[Row]] = {}
        for row in self._rows if self._tie else ():
            self._index.setdefault(row.values.get(self._tie.field.name) if self._tie else None, []).append(row)
        self.checks = 0
        """Facts looked at so far; the caller stops where it becomes too many."""

    def find(self, bound: Mapping[str, Row]) -> Row | None:
        """The first fact that blocks a match, or None."""
        if self._tie:
            value = bound[self._tie.alias].values.get(self._tie.other)
            rows: Sequence[Row] = () if value is None else self._index.get(value, ())
        else:
            rows = self._rows
        for row in rows:
            self.checks += 1
            if all(join.holds(row, bound) for join in self._joins):
                return row
        return None
