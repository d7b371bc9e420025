"""Growth that casefiles to be compared bring as facts: a facts.json has what was worked out of readings, not them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..facts import Fact, Value
from ..facts.history import History
from .order import Placed

_Key = tuple[Value | None, ...]
_NAMES = ("subject", "pool", "pid", "type")


def brought(found: Sequence[Placed], history: History) -> list[Fact]:
    """The growth facts of the casefiles, each counter once: what rests on more readings stands, and where that is the
    history, it is not among these. Where it is the fact, its readings are taken out of the history."""
    import numpy as np

    kept: dict[_Key, Fact] = {}
    for one in found:
        for fact in one.case.of("growth"):
            key = _key(fact.get("quantity"), fact.get("unit"), fact.fields)
            if key not in kept or _count(fact) >= _count(kept[key]):
                name = one.case.casefile.name
                kept[key] = fact if fact.source.startswith(name) else replace(fact, source=f"{name}: {fact.source}")
    for readings in history.readings if kept else ():
        for at, subject in enumerate(readings.subjects):
            known = kept.get(key := _key(readings.quantity, readings.unit, subject))
            if known is None:
                continue
            if _count(known) <= np.count_nonzero(np.isfinite(readings.values[readings.counter][:, at])):
                del kept[key]
            else:
                for values in readings.values.values():
                    values[:, at] = np.nan
    return list(kept.values())


def _key(quantity: Value | None, unit: Value | None, fields: Mapping[str, Value]) -> _Key:
    return (quantity, unit, *(fields.get(name) for name in _NAMES))


def _count(fact: Fact) -> int:
    return fact.int("readings_count") or fact.int("snapshots") or 2
