"""Near misses: all conditions of a rule but one numeric one hold, and that one misses by a fifth or less."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from ..diagnosis import Condition
from ..facts import Value
from .conditions import ORDERING, Compare, Join, Pattern, Term, figure, missed_by, needs, origin
from .judged import NEAR, Judged, judged
from .matching import Store
from .rows import Row

MAX_TRIED = 2_000
"""Combinations tried for one alternative of a rule."""


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A binding of all aliases in which one condition fails, by `miss` of what it needed."""

    bound: dict[str, Row]
    row: Row
    term: Compare | Join
    needed: float
    miss: float

    def condition(self) -> Condition:
        """The condition that fails, as data."""
        field, term = self.term.field, self.term
        value = self.row.values[field.name]
        return Condition(self.row.fact, field.name, field.unit, value, term.op, (self.needed,), origin(term))

    def sentence(self) -> str:
        """pool.percent_of_max is 78 % (pool:nonpaged), needs at least 80 %."""
        fact, field = self.row.fact, self.term.field
        value = figure(self.row.values[field.name], field.unit)
        return f"{fact.kind}.{field.name} is {value} ({fact.id}), needs {needs(self.term.op, self.needed, field.unit)}."


def near_miss(patterns: tuple[Pattern, ...], store: Store) -> NearMiss | None:
    """The nearest miss among the combinations tried, the first among equals, or None."""
    search = _Search(patterns, judged(store))
    if search.may_miss:
        search.descend(0, {}, None)
    return search.best


class _Search:
    """Walks the patterns of an alternative, allowing one miss."""

    def __init__(self, patterns: tuple[Pattern, ...], facts: Judged) -> None:
        self._patterns = patterns
        self._tried = 0
        self._candidates = [_candidates(pattern, facts) for pattern in patterns]
        self.may_miss = all(self._candidates) and (
            any(missed for candidates in self._candidates for _, missed in candidates)
            or any(join.op in ORDERING for pattern in patterns for join in pattern.joins)
        )
        """Whether every pattern has facts, and some condition can fail by a little."""
        self._indexes = [_index(p, c) for p, c in zip(patterns, self._candidates, strict=True)] if self.may_miss else []
        self.best: NearMiss | None = None

    def descend(self, depth: int, bound: dict[str, Row], missed: NearMiss | None) -> None:
        """Bind the pattern at this depth and those behind it."""
        if depth == len(self._patterns):
            if missed and (self.best is None or missed.miss < self.best.miss):
                self.best = NearMiss(dict(bound), missed.row, missed.term, missed.needed, missed.miss)
            return
        pattern = self._patterns[depth]
        for row, own in islice(self._rows(depth, bound), MAX_TRIED):
            self._tried += 1
            if self._tried > MAX_TRIED:
                return
            if (own and missed) or any(row is other for other in bound.values()):
                continue
            now = missed or own
            for join in pattern.joins:
                if join.holds(row, bound):
                    continue
                miss = _miss(join, row, bound)
                if miss is None or now is not None:
                    break
                now = miss
            else:
                self.descend(depth + 1, {**bound, pattern.alias: row}, now)

    def _rows(self, depth: int, bound: dict[str, Row]) -> Sequence[tuple[Row, NearMiss | None]]:
        tie, index = self._indexes[depth]
        if tie is None:
            return self._candidates[depth]
        value = bound[tie.alias].values.get(tie.other)
        return () if value is None else index.get(value, ())


def _candidates(pattern: Pattern, facts: Judged) -> list[tuple[Row, NearMiss | None]]:
    """The facts that satisfy all conditions on themselves, and those that miss one of them narrowly."""
    found: list[tuple[Row, NearMiss | None]] = [(row, None) for row in facts.holding(pattern)]
    missed = facts.missing_one(pattern)
    found += [(row, _miss(term, row, {})) for row, term in missed]
    if missed:
        found.sort(key=lambda one: one[0].number)
    return found


def _index(
    pattern: Pattern, candidates: Sequence[tuple[Row, NearMiss | None]]
) -> tuple[Join | None, dict[Value, list[tuple[Row, NearMiss | None]]]]:
    """The first plain equality with another alias, and the candidates by its value."""
    tie = next((join for join in pattern.joins if join.op == "==" and join.factor is None), None)
    index: dict[Value, list[tuple[Row, NearMiss | None]]] = {}
    if tie is not None:
        for candidate in candidates:
            value = candidate[0].values.get(tie.field.name)
            if value is not None:
                index.setdefault(value, []).append(candidate)
    return tie, index


def _miss(term: Term, row: Row, bound: dict[str, Row]) -> NearMiss | None:
    """By how much a numeric condition fails, or None where it is not numeric or fails by too much."""
    miss = missed_by(term, row, bound)
    if miss is None or miss > NEAR or not isinstance(term, Compare | Join):
        return None
    needed = term.value if isinstance(term, Compare) else term.operand(row, bound)
    return NearMiss({}, row, term, needed, miss) if isinstance(needed, int | float) else None
