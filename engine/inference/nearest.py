"""The combination of facts that comes nearest to what a rule asks for.

Not the engine's question (which combinations fit) but the reader's: had the rule fired, on what? Looked for among a
bounded number of combinations, so the answer is a good one and not always the best.
"""

from collections.abc import Mapping, Sequence

from ..facts import Value
from .conditions import Join, Pattern, Term, missed_by
from .judged import Judged
from .matching import Blockers
from .near import near_miss
from .rows import Row
from .rule import Rule
from .strata import STATIC

MAX_RANKED = 5_000
"""Facts of one kind that are compared."""
WIDTH = 24
"""Combinations kept from one pattern to the next."""

_UNKNOWN, _OTHER, _MISS = 1.5, 2.0, 0.25
"""How much worse a combination is for an unknown field, for a field of another value, and for a number that misses (to
which the miss itself is added, one at most): a number that misses is nearer than another pool or tag."""

_Ranked = list[tuple[float, Row]]
_Partial = tuple[float, dict[str, Row]]


def nearest(rule: Rule, facts: Judged) -> tuple[tuple[Pattern, ...], dict[str, Row]]:
    """The alternative of a rule that comes nearest, and its facts by alias; an alias without any fact is left out."""
    tried = [(*_best(rule, patterns, facts), number) for number, patterns in enumerate(rule.alternatives)]
    _, bound, number = min(tried, key=lambda one: (one[0], one[2]))
    return rule.alternatives[number], bound


def blocker(pattern: Pattern, bound: Mapping[str, Row], facts: Judged) -> Row | None:
    """The first fact of an exception that blocks these facts."""
    if not all(join.alias in bound for join in pattern.joins):
        return None
    return Blockers(pattern, facts).find(bound)


def _best(rule: Rule, patterns: tuple[Pattern, ...], facts: Judged) -> _Partial:
    near = near_miss(patterns, facts)
    if near is not None:
        return _MISS + near.miss, near.bound  # the one the rule's outcome speaks of
    partial: list[_Partial] = [(0.0, {})]
    for pattern in patterns:
        partial = _grown(partial, pattern, facts)
    fits = [bound for cost, bound in partial if cost == 0]
    blocked = (bound for bound in fits if any(blocker(pattern, bound, facts) for pattern in rule.unless))
    first = next(blocked, None)
    return partial[0] if first is None else (0.0, first)


def _grown(partial: Sequence[_Partial], pattern: Pattern, facts: Judged) -> list[_Partial]:
    """Every combination so far with each of the facts that suit it best, the nearest first."""
    ranked = _ranked(pattern, facts)
    tie = next((join for join in pattern.joins if join.op == "==" and join.factor is None), None)
    tied: dict[Value | None, _Ranked] = {}
    for entry in ranked if tie else ():
        tied.setdefault(entry[1].values.get(tie.field.name) if tie else None, []).append(entry)
    grown: list[_Partial] = []
    for cost, bound in partial:
        value = bound[tie.alias].values.get(tie.other) if tie and tie.alias in bound else None
        options = [] if value is None else tied.get(value, [])[:WIDTH]
        for own, row in options or ranked[:WIDTH]:
            if all(row is not other for other in bound.values()):
                joins = sum(_cost(join, row, bound) for join in pattern.joins)
                grown.append((cost + own + joins, {**bound, pattern.alias: row}))
    if not grown:
        missing = _UNKNOWN * (1 + len(pattern.terms))
        grown = [(cost + missing, bound) for cost, bound in partial]
    return sorted(grown, key=lambda one: one[0])[:WIDTH]


def _ranked(pattern: Pattern, facts: Judged) -> _Ranked:
    """The facts of a pattern's kind, those first that satisfy most of what it asks of a fact alone."""
    rows: Sequence[Row] = facts.get(pattern.kind, ())
    if pattern.kind == "finding":
        # Another conclusion is not nearly this one.
        fixed = [term for term in pattern.own_terms if term.field.name in STATIC]
        rows = [row for row in rows if all(term.holds(row, {}) for term in fixed)]
    if len(rows) > MAX_RANKED:
        better = [*facts.holding(pattern), *(row for row, _ in facts.missing_one(pattern))]
        rows = list({row.number: row for row in (*better, *rows[:MAX_RANKED])}.values())
    costs = [(sum(_cost(term, row, {}) for term in pattern.own_terms), row) for row in rows]
    return sorted(costs, key=lambda one: one[0])


def _cost(term: Term, row: Row, bound: Mapping[str, Row]) -> float:
    if isinstance(term, Join) and not term.own and term.alias not in bound:
        return _UNKNOWN
    if term.holds(row, bound):
        return 0.0
    if term.field.name not in row.values:
        return _UNKNOWN
    miss = missed_by(term, row, bound)
    return _OTHER if miss is None else _MISS + min(miss, 1.0)
