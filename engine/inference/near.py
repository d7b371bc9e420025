"""Near misses: all conditions of a rule but one numeric one hold, and that one misses by a fifth or less."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from ..facts import Value
from .conditions import ORDERING, Compare, Join, Pattern, Term
from .matching import Store
from .rows import Row

WITHIN = 0.2
"""Largest miss, as a part of what was needed."""
MAX_TRIED = 2_000
"""Combinations tried for one alternative of a rule."""

_NEEDS = {">=": "at least", ">": "more than", "<=": "at most", "<": "less than"}


@dataclass(frozen=True, slots=True)
class NearMiss:
    """A binding of all aliases in which one condition fails, by `miss` of what it needed."""

    bound: dict[str, Row]
    row: Row
    term: Compare | Join
    needed: float
    miss: float

    def sentence(self) -> str:
        """pool.percent_of_max is 78 % (pool:nonpaged), needs at least 80 %."""
        fact, field = self.row.fact, self.term.field
        value = self.row.values[field.name]
        return (
            f"{fact.kind}.{field.name} is {figure(value, field.unit)} ({fact.id}), "
            f"needs {_NEEDS[self.term.op]} {figure(self.needed, field.unit)}."
        )


def near_miss(patterns: tuple[Pattern, ...], store: Store) -> NearMiss | None:
    """The nearest miss among the combinations tried, the first among equals, or None."""
    search = _Search(patterns, store)
    search.descend(0, {}, None)
    return search.best


def figure(value: Value, unit: str) -> str:
    """A figure with its unit, as short as it stays exact to three places."""
    if isinstance(value, str | bool):
        return str(value)
    number = f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
    return number + {"percent": " %", "bytes": " bytes", "seconds": " s"}.get(unit, "")


class _Search:
    """Walks the patterns of an alternative, allowing one miss."""

    def __init__(self, patterns: tuple[Pattern, ...], store: Store) -> None:
        self._patterns = patterns
        self._tried = 0
        self._candidates = [_candidates(pattern, store.get(pattern.kind, ())) for pattern in patterns]
        self._hopeless = not all(self._candidates)
        self._indexes = [_index(p, c) for p, c in zip(patterns, self._candidates, strict=True)]
        self.best: NearMiss | None = None

    def descend(self, depth: int, bound: dict[str, Row], missed: NearMiss | None) -> None:
        """Bind the pattern at this depth and those behind it."""
        if self._hopeless:
            return
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


def _candidates(pattern: Pattern, rows: Sequence[Row]) -> list[tuple[Row, NearMiss | None]]:
    """The facts that satisfy all conditions on themselves, and those that miss one of them narrowly."""
    found: list[tuple[Row, NearMiss | None]] = []
    terms = pattern.own_terms
    for row in rows:
        missed: NearMiss | None = None
        for term in terms:
            if term.holds(row, {}):
                continue
            miss = _miss(term, row, {}) if missed is None else None
            if miss is None:
                break
            missed = miss
        else:
            found.append((row, missed))
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
    if not isinstance(term, Compare | Join) or term.op not in ORDERING:
        return None
    value = row.values.get(term.field.name)
    needed = term.value if isinstance(term, Compare) else term.operand(row, bound)
    if isinstance(value, str | bool) or isinstance(needed, str | bool) or value is None or not needed:
        return None
    miss = abs(value - needed) / abs(needed)
    return NearMiss({}, row, term, needed, miss) if miss <= WITHIN else None
