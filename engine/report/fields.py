"""Fields of facts as a reader sees them, by their units in the vocabulary."""

from ..facts import KINDS, Fact, Value
from . import figures
from .wording import load

_HOURS_A_YEAR = 8760
"""A forecast beyond a year is none."""
_MOMENTS = ("time", "until", "crash_time", "timestamp")


def field_text(fact: Fact, name: str) -> str:
    """A field of a fact as a reader sees it, by its unit in the vocabulary; a dash when it is unknown."""
    value = fact.get(name)
    if value is None:
        return figures.MISSING
    if name == "hours_left" and isinstance(value, int | float) and value > _HOURS_A_YEAR:
        return f"> {figures.count(_HOURS_A_YEAR)}"
    if name in _MOMENTS and isinstance(value, str):
        return figures.moment(figures.clip(value, figures.MAX_CELL))
    kind = KINDS.get(fact.kind)
    spec = kind.fields.get(name) if kind else None
    return value_text(value, spec.unit if spec else "")


def value_text(value: Value, unit: str) -> str:
    """A value as a reader sees it. Bytes stay exact: the reader compares them with the debugger's."""
    if isinstance(value, bool):
        return load()("word.yes" if value else "word.no")
    if isinstance(value, str):
        return figures.clip(value, figures.MAX_CELL)
    if unit == "percent":
        return figures.percent(value)
    if unit == "seconds":
        return figures.duration(value)
    if unit in ("count", "bytes"):
        return figures.count(value)
    return figures.ratio(value) if isinstance(value, float) else str(value)
