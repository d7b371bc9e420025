"""The conditions of a pattern: what one field of a fact must be.

A comparison with an unknown field is false, `!=` included; only `is unknown` holds for it. Two conditions are equal
when they ask the same of a fact, wherever they stand and however they are written.
"""

import dataclasses
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ..facts import Value
from ..facts.vocabulary import Field
from ..mistakes import Place
from .rows import Row

if TYPE_CHECKING:
    from .thresholds import Threshold

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
    """A field against a constant of the field's type; numbers are in the field's own unit.

    `threshold` is where the constant comes from, where it has a name.
    """

    field: Field
    place: Place = dataclasses.field(compare=False)
    text: str = dataclasses.field(compare=False)
    op: Op
    value: Value
    threshold: "Threshold | None" = dataclasses.field(default=None, compare=False)

    def holds(self, row: Row, bound: Bound) -> bool:
        value = row.values.get(self.field.name)
        return value is not None and COMPARE[self.op](value, self.value)


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field that is one of several constants."""

    field: Field
    place: Place = dataclasses.field(compare=False)
    text: str = dataclasses.field(compare=False)
    values: tuple[Value, ...]

    def holds(self, row: Row, bound: Bound) -> bool:
        value = row.values.get(self.field.name)
        return value is not None and value in self.values


@dataclass(frozen=True, slots=True)
class Matches:
    """A text in which a regular expression is found."""

    field: Field
    place: Place = dataclasses.field(compare=False)
    text: str = dataclasses.field(compare=False)
    pattern: re.Pattern[str]

    def holds(self, row: Row, bound: Bound) -> bool:
        value = row.values.get(self.field.name)
        return isinstance(value, str) and self.pattern.search(value[:MAX_MATCHED_TEXT]) is not None


@dataclass(frozen=True, slots=True)
class Known:
    """A field that is known, or one that is not."""

    field: Field
    place: Place = dataclasses.field(compare=False)
    text: str = dataclasses.field(compare=False)
    known: bool

    def holds(self, row: Row, bound: Bound) -> bool:
        return (self.field.name in row.values) is self.known


@dataclass(frozen=True, slots=True)
class Join:
    """A field against a field of an alias, that one times a factor where one is given.

    `alias` may be the pattern's own: then two fields of one fact are compared (`own` is true).
    """

    field: Field
    place: Place = dataclasses.field(compare=False)
    text: str = dataclasses.field(compare=False)
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
    own_terms: tuple[Term, ...] = dataclasses.field(init=False, compare=False, repr=False)
    """The terms that can be judged from the fact alone."""
    joins: tuple[Join, ...] = dataclasses.field(init=False, compare=False, repr=False)
    """The terms that refer to other aliases."""

    def __post_init__(self) -> None:
        joins = tuple(term for term in self.terms if isinstance(term, Join) and not term.own)
        own = tuple(term for term in self.terms if not isinstance(term, Join) or term.own)
        object.__setattr__(self, "joins", joins)
        object.__setattr__(self, "own_terms", own)

    def holds(self, row: Row, bound: Bound) -> bool:
        """Whether the fact satisfies every term."""
        return all(term.holds(row, bound) for term in self.terms)


def missed_by(term: Term, row: Row, bound: Bound) -> float | None:
    """By how much a comparison of numbers fails, as a part of what it needs; None where it holds, where one side is
    unknown, or where nothing can be said in proportion."""
    if not isinstance(term, Compare | Join) or term.op not in ORDERING:
        return None
    value = row.values.get(term.field.name)
    needed = term.value if isinstance(term, Compare) else term.operand(row, bound)
    if isinstance(value, str | bool) or isinstance(needed, str | bool) or value is None or not needed:
        return None
    return None if COMPARE[term.op](value, needed) else abs(value - needed) / abs(needed)


def origin(term: Term) -> str | None:
    """Where what a term compares with is from: a threshold with its source, or a field of another fact."""
    if isinstance(term, Compare) and term.threshold is not None:
        return f"@{term.threshold.name}, {term.threshold.source}"
    if isinstance(term, Join):
        return f"{f'{term.factor:g} * ' if term.factor is not None else ''}{term.alias}.{term.other}"
    return None


_NEEDS = {">=": "at least ", ">": "more than ", "<=": "at most ", "<": "less than ", "==": "", "!=": "anything but "}


def needs(op: Op, operand: Value, unit: str) -> str:
    """What a comparison asks for, in words: at least 80 %."""
    return f"{_NEEDS[op]}{figure(operand, unit)}"


def figure(value: Value, unit: str) -> str:
    """A figure with its unit, as short as it stays exact to three places."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return value.rstrip() or '""'
    if not unit and isinstance(value, int):
        return str(value)  # a process id, a build
    number = f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
    return number + {"percent": " %", "bytes": " bytes", "seconds": " s"}.get(unit, "")
