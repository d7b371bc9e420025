"""Facts as the rules see them: every field in the one type the vocabulary gives it."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ..facts import KINDS, Fact, Value
from ..facts.fact import INT64_MAX
from ..facts.vocabulary import QUALITIES, Field

TAG_FIELDS = ("tag", "lead", "group_lead")
"""Fields that hold one pool tag: constants are padded to its four characters."""

QUALITY = Field("quality", "text", "", "how good the fact is: exact, lower-bound, rounded or suspect", QUALITIES)
"""Every fact has it, so a pattern of any kind may ask for it."""


def fields_of(kind: str) -> dict[str, Field]:
    """The fields a pattern of this kind may name."""
    return {**KINDS[kind].fields, "quality": QUALITY}


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A fact with its place in the order of the case. `values` holds what is known and of the right type."""

    number: int
    fact: Fact
    values: dict[str, Value]


def rows(facts: Iterable[Fact], start: int = 0) -> list[Row]:
    """The facts of known kinds as rows, numbered from `start`."""
    known = [fact for fact in facts if fact.kind in KINDS]
    return [Row(number, fact, _values(fact)) for number, fact in enumerate(known, start)]


def _values(fact: Fact) -> dict[str, Value]:
    fields = KINDS[fact.kind].fields
    values: dict[str, Value] = {"quality": fact.quality}
    for name, value in fact.fields.items():
        field = fields.get(name)
        typed = _typed(field, value) if field else None
        if typed is not None:
            values[name] = typed
    return values


def _typed(field: Field, value: Value) -> Value | None:
    """The value in the field's type, None where it has another one: such a value counts as unknown."""
    if field.type in ("text", "address"):
        return value if isinstance(value, str) else None
    if field.type == "bool":
        return value if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if field.type == "int":
        return value if isinstance(value, int) and -INT64_MAX <= value <= INT64_MAX else None
    try:
        number = float(value) + 0.0  # -0.0 becomes 0.0: the engine hashes the two apart
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
