"""The columns of a Performance Monitor log other than those of processes, as readings of a history."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ...facts import Quality, Value
from ...facts.history import Readings
from .counters import MEMORY, OBJECT_TYPES, POOLS, Counter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_TOTALS = {"handle count": "handles", "thread count": "threads"}
"""Unit of the counters kept of all processes together."""


def coarse_first(column: tuple[int, Counter]) -> int:
    """Sorts columns so that of available memory, counted in bytes, KB and MB, the finest comes last."""
    return -MEMORY.get(column[1].name, ("", 1))[1]


def memory_readings(columns: Sequence[tuple[int, Counter]], values: "NDArray[np.float64]") -> Iterator[Readings]:
    """Pools, fields of the memory facts, and object types."""
    pools: dict[str, NDArray[np.float64]] = {}
    fields: dict[str, tuple[int, NDArray[np.float64]]] = {}
    types: dict[str, NDArray[np.float64]] = {}
    for index, counter in sorted(columns, key=coarse_first):
        if counter.object == "memory" and counter.name in POOLS:
            pools[POOLS[counter.name]] = values[:, index]
        elif counter.object == "memory" and counter.name in MEMORY:
            name, factor = MEMORY[counter.name]
            fields[name] = factor, values[:, index] * factor
        elif counter.object == "objects" and counter.name in OBJECT_TYPES:
            types[OBJECT_TYPES[counter.name]] = values[:, index]
    if pools:
        yield _readings("pool", "used_bytes", "bytes", [({"subject": p, "pool": p}, v) for p, v in pools.items()])
    for name, (factor, array) in fields.items():
        unit = "count" if name == "free_system_ptes" else "bytes"
        quality: Quality = "rounded" if factor == 2**20 else "exact"
        yield _readings("memory", name, unit, [({"subject": name}, array)], quality)
    if types:
        subjects = [({"subject": kind, "type": kind}, array) for kind, array in types.items()]
        yield _readings("object type", "objects", "objects", subjects)


def other_readings(columns: Sequence[tuple[int, Counter]], values: "NDArray[np.float64]") -> Iterator[Readings]:
    """Counters under their own names: those the facts have no word for, and those of all processes together."""
    found: dict[str, list[tuple[Mapping[str, Value], NDArray[np.float64]]]] = {}
    for index, counter in columns:
        if counter.object == "process" and counter.instance.casefold() == "_total" and counter.name in _TOTALS:
            unit = _TOTALS[counter.name]
        elif counter.known:
            continue
        else:
            unit = "bytes" if counter.name.split()[-1:] in (["bytes"], ["octets"]) else "count"
        found.setdefault(unit, []).append(({"subject": counter.path.lstrip("\\")}, values[:, index]))
    for unit, subjects in found.items():
        yield _readings("counter", "value", unit, subjects)


def _readings(
    quantity: str,
    counter: str,
    unit: str,
    columns: Sequence[tuple[Mapping[str, Value], "NDArray[np.float64]"]],
    quality: Quality = "exact",
) -> Readings:
    import numpy as np

    array = np.column_stack([values for _, values in columns])
    subjects = tuple(subject for subject, _ in columns)
    return Readings(quantity, counter, unit, subjects, {counter: array}, "typeperf", quality)
