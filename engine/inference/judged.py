"""What the conditions on single facts say of a case, each condition judged once.

Several rules ask the same of a fact (`pool: nonpaged`), and matching, outcomes and traces each need the answer. A
condition judged over all facts of a kind is kept as a number with one bit per fact, the first fact in the highest
bit: the conditions of a pattern combine in one operation each, and 100,000 facts take 12 KB.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

from ..facts import Value
from .conditions import COMPARE, ORDERING, Compare, Join, Known, OneOf, Pattern, Term, missed_by
from .rows import Row

NEAR = 0.2
"""Largest miss of a near miss, as a part of what was needed."""

_DIGITS = bytes.maketrans(b"\0\1", b"01")
_FLAGS = bytes.maketrans(b"01", b"\0\1")


@dataclass(slots=True)
class _Kind:
    """The facts of one kind as they were when they were judged."""

    rows: Sequence[Row]
    size: int
    columns: dict[str, list[Value | None]] = field(default_factory=dict)
    holding: dict[Term, int] = field(default_factory=dict)
    near: dict[Term, int] = field(default_factory=dict)
    chosen: dict[tuple[Term, ...], list[Row]] = field(default_factory=dict)
    known: frozenset[str] | None = None


class Judged(Mapping[str, Sequence[Row]]):
    """The rows of a case by kind, in the order of the case. Rows may be added to `store`, never removed."""

    def __init__(self, store: Mapping[str, Sequence[Row]]) -> None:
        self._store = store
        self._kinds: dict[str, _Kind] = {}

    def __getitem__(self, kind: str) -> Sequence[Row]:
        return self._store[kind]

    def __iter__(self) -> Iterator[str]:
        return iter(self._store)

    def __len__(self) -> int:
        return len(self._store)

    def holding(self, pattern: Pattern) -> Sequence[Row]:
        """The facts that satisfy everything a pattern asks of a fact alone."""
        kind = self._kind(pattern.kind)
        found = kind.chosen.get(pattern.own_terms)
        if found is None:
            found = kind.chosen[pattern.own_terms] = _chosen(kind, _together(kind, pattern.own_terms, _every(kind)))
        return found

    def missing_one(self, pattern: Pattern) -> list[tuple[Row, Term]]:
        """The facts that satisfy all a pattern asks of a fact alone but one numeric condition and miss that narrowly,
        each with the condition, in the order of the facts."""
        kind = self._kind(pattern.kind)
        found: list[tuple[Row, Term]] = []
        for term in pattern.own_terms:
            others = (one for one in pattern.own_terms if one != term)
            if isinstance(term, Compare | Join) and term.op in ORDERING and (near := _near(kind, term)):
                found += [(row, term) for row in _chosen(kind, _together(kind, others, near))]
        found.sort(key=lambda one: one[0].number)
        return found

    def failing(self, pattern: Pattern, terms: Iterable[Term]) -> Term | None:
        """The first of these conditions on single facts that none satisfies together with those before it, or None."""
        kind = self._kind(pattern.kind)
        left = _every(kind)
        for term in terms:
            left &= _holding(kind, term)
            if not left:
                return term
        return None

    def known(self, name: str) -> frozenset[str]:
        """The fields that some fact of a kind has."""
        kind = self._kind(name)
        if kind.known is None:
            kind.known = frozenset().union(*(row.values for row in kind.rows))
        return kind.known

    def _kind(self, name: str) -> _Kind:
        rows = self._store.get(name, ())
        kind = self._kinds.get(name)
        if kind is None or kind.size != len(rows):
            kind = self._kinds[name] = _Kind(rows, len(rows))
        return kind


def judged(store: Mapping[str, Sequence[Row]]) -> Judged:
    """A store that judges each condition once: itself where it does."""
    return store if isinstance(store, Judged) else Judged(store)


def _every(kind: _Kind) -> int:
    return (1 << kind.size) - 1


def _together(kind: _Kind, terms: Iterable[Term], left: int) -> int:
    for term in terms:
        if not left:
            break
        left &= _holding(kind, term)
    return left


def _chosen(kind: _Kind, bits: int) -> list[Row]:
    if not bits:
        return []
    return list(compress(kind.rows, f"{bits:0{kind.size}b}".encode().translate(_FLAGS)))


def _bits(flags: Iterable[bool]) -> int:
    digits = bytes(flags).translate(_DIGITS)
    return int(digits, 2) if digits else 0


def _holding(kind: _Kind, term: Term) -> int:
    bits = kind.holding.get(term)
    if bits is None:
        bits = kind.holding[term] = _bits(_verdicts(kind, term))
    return bits


def _verdicts(kind: _Kind, term: Term) -> list[bool]:
    """Whether each fact satisfies a condition, as `Term.holds` says; the frequent ones without a call per fact."""
    if isinstance(term, Compare):
        wanted, compare = term.value, COMPARE[term.op]
        if term.op == "==":
            return [value == wanted for value in _column(kind, term.field.name)]
        return [value is not None and compare(value, wanted) for value in _column(kind, term.field.name)]
    if isinstance(term, OneOf):
        return [value in term.values for value in _column(kind, term.field.name)]
    if isinstance(term, Known):
        return [(value is not None) is term.known for value in _column(kind, term.field.name)]
    return [term.holds(row, {}) for row in kind.rows]


def _near(kind: _Kind, term: Compare | Join) -> int:
    """The facts that miss a comparison of numbers narrowly."""
    bits = kind.near.get(term)
    if bits is None:
        bits = kind.near[term] = _bits(_narrow_verdicts(kind, term)) & ~_holding(kind, term)
    return bits


def _narrow_verdicts(kind: _Kind, term: Compare | Join) -> list[bool]:
    """Whether each fact misses a comparison of numbers narrowly, or satisfies it."""
    if isinstance(term, Join):
        misses = (missed_by(term, row, {}) for row in kind.rows)
        return [miss is not None and miss <= NEAR for miss in misses]
    needed = term.value
    if isinstance(needed, str | bool) or not needed:
        return [False] * kind.size
    size = abs(needed)
    return [
        value is not None and not isinstance(value, str) and abs(value - needed) / size <= NEAR
        for value in _column(kind, term.field.name)
    ]


def _column(kind: _Kind, name: str) -> list[Value | None]:
    column = kind.columns.get(name)
    if column is None:
        column = kind.columns[name] = [row.values.get(name) for row in kind.rows]
    return column
