"""The conditions of a pattern: what one field of a fact must be.

A comparison with an unknown field is false, `!=` included; only `is unknown` holds for it.
"""

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from ..facts import Value
from ..facts.vocabulary import Field
from ..mistakes import Place
from .rows import Row

Op = Literal["==", "!=", "<", "<=", ">", ">="]

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
ORDERING = ("<", "<=", ">", ">=")
MAX_MATCHED_TEXT = 4096
"""Longest text a regular expression is run over."""

Bound = Mapping[str, Row]
"""The facts bound to aliases so far."""


@dataclass(frozen=True, slots=True)
class Compare:
    """A field against a constant of the field's type; numbers are in the field's own unit."""

    field: Field
    place: Place
    text: str
    op: Op
    value: Value

    def holds(self, row: Row, bound: Bound) -> bool:
        value = row.values.get(self.field.name)
        return value is not None and COMPARE[self.op](value, self.value)


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field that is one of several constants."""

    field: Field
    place: Place
    text: str
    values: tuple[Value, ...]

    def holds(self, row: Row, bound: Bound) -> bool:
        value = row.values.get(self.field.name)
        return value is not None and value in self.values


@dataclass(frozen=True, slots=True)
class Matches:
    """A text in which a regular expression is found."""

    field: Field
    place: Place
    text: str
    pattern: re.Pattern[str]

    def holds(self, row: Row, bound: Bound) -> bool:
        value = row.values.get(self.field.name)
        return isinstance(value, str) and self.pattern.search(value[:MAX_MATCHED_TEXT]) is not None


@dataclass(frozen=True, slots=True)
class Known:
    """A field that is known, or one that is not."""

    field: Field
    place: Place
    text: str
    known: bool

    def holds(self, row: Row, bound: Bound) -> bool:
        return (self.field.name in row.values) is self.known


@dataclass(frozen=True, slots=True)
class Join:
    """A field against a field of an alias, that one times a factor where one is given.

    `alias` may be the pattern's own: then two fields of one fact are compared (`own` is true).
    """

    field: Field
    place: Place
    text: str
    op: Op
    factor: float | None
    alias: str
    other: str
    own: bool

    def operand(self, row: Row, bound: Bound) -> Value | None:
        """What the field is compared with, or None when that is unknown."""
        value = (row if self.own else bound[self.alias]).values.get(self.other)
        if value is None or self.factor is None:
            return value
        return self.factor * value if isinstance(value, int | float) else None

    def holds(self, row: Row, bound: Bound) -> bool:
        value = row.values.get(self.field.name)
        operand = self.operand(row, bound)
        return value is not None and operand is not None and COMPARE[self.op](value, operand)


Term = Compare | OneOf | Matches | Known | Join


@dataclass(frozen=True, slots=True)
class Pattern:
    """One alias, the kind of fact it is bound to, and what must hold for that fact."""

    kind: str
    alias: str
    place: Place
    terms: tuple[Term, ...]

    @property
    def own_terms(self) -> list[Term]:
        """The terms that can be judged from the fact alone."""
        return [term for term in self.terms if not isinstance(term, Join) or term.own]

    @property
    def joins(self) -> list[Join]:
        """The terms that refer to other aliases."""
        return [term for term in self.terms if isinstance(term, Join) and not term.own]

    def holds(self, row: Row, bound: Bound) -> bool:
        """Whether the fact satisfies every term."""
        return all(term.holds(row, bound) for term in self.terms)


def impossible(terms: list[Term]) -> Term | None:
    """The first constant comparison that cannot hold together with those before it on the same field."""
    limits: dict[str, list[Compare]] = {}
    for term in terms:
        if not isinstance(term, Compare) or isinstance(term.value, bool):
            continue
        before = limits.setdefault(term.field.name, [])
        if any(not _compatible(one, term) for one in before):
            return term
        before.append(term)
    return None


def _compatible(one: Compare, two: Compare) -> bool:
    """Whether some value satisfies both; for whole numbers, some whole number."""
    if one.op == "==":
        return COMPARE[two.op](one.value, two.value)
    if two.op == "==":
        return COMPARE[one.op](two.value, one.value)
    low = next((c for c in (one, two) if c.op in (">", ">=")), None)
    high = next((c for c in (one, two) if c.op in ("<", "<=")), None)
    if low is None or high is None or isinstance(low.value, str) or isinstance(high.value, str):
        return True
    if low.field.type == "int":
        first = int(low.value // 1) + (1 if low.op == ">" or low.value % 1 else 0)
        return COMPARE[high.op](first, high.value)
    return low.value < high.value or (low.value == high.value and low.op == ">=" and high.op == "<=")
