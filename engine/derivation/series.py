"""Growth facts of a history: what each counter did between its first and its last reading.

All subjects are compared at once; only those worth a fact are looked at one by one: the largest changes, and the
largest of the last moment whether they grew or not, for what did not grow is no leak.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from ..facts import Case, Fact, Value, new, note
from ..facts.history import History, Moment, Readings
from ..knowledge import Knowledge
from .activity import Activities
from .course import course
from .memory import percent
from .moments import Array, Settled, settled

MAX_GROWTH = 50
"""Growth facts of one quantity."""
MAX_READINGS = 60
"""Readings of one counter that a growth fact carries, its lowest and highest among them."""
MAX_NAMED = 8
MAX_SPAN_S = 1e10
"""Three centuries: a longer time was misread."""

_SHOWN_BY = {
    "tag": ("tag", ("tag", "pool")),
    "pool": ("pool", ("pool",)),
    "process": ("process", ("pid", "image")),
    "handles": ("handles", ("pid", "type")),
}
"""The kind of fact that shows the last reading of a quantity, and by which fields of the growth it is found."""


def derive(case: Case, history: History, knowledge: Knowledge) -> None:
    """Add the growth facts of a history with at least two moments, and what was put right in it."""
    found = settled(history)
    # The facts hold the quotes from here on; in a history nobody would redact them.
    case.history = History(found.history.moments, [replace(one, quotes=()) for one in found.history.readings])
    case.extend(_notes(case, found))
    if len(found.history.moments) < 2:
        return
    activities = Activities(found, knowledge)
    shown = _last_readings(case)
    facts: dict[tuple[str, Value | None], Fact] = {}
    for number, readings in enumerate(found.history.readings):
        for at in _worth_a_fact(readings):
            fact = _growth(found, number, at, activities, shown)
            known = facts.setdefault((fact.id, fact.get("unit")), fact)
            # One counter may stand in two listings; the one that was read more often says more.
            if (fact.int("readings_count") or 0) > (known.int("readings_count") or 0):
                facts[fact.id, fact.get("unit")] = fact
    case.extend(facts.values())


def _worth_a_fact(readings: Readings) -> list[int]:
    """The subjects read at least twice with the largest changes of the counter and of bytes, the widest swings and the
    largest last readings in turn, at most MAX_GROWTH of a quantity; in the order of their change."""
    values = readings.values[readings.counter]
    known = np.isfinite(values)
    twice = np.flatnonzero(known.sum(axis=0) >= 2)
    if not len(twice):
        return []
    values = values[:, twice]
    change = _last(values) - _first(values)
    ranks = [np.abs(change), np.nanmax(values, axis=0) - np.nanmin(values, axis=0), _last(values)]
    if "bytes" in readings.values:
        size = readings.values["bytes"][:, twice]
        size = np.where(np.isfinite(size).any(axis=0), size, 0.0)
        ranks += [np.abs(_last(size) - _first(size)), _last(size)]
    orders = [np.argsort(-rank, kind="stable")[:MAX_GROWTH] for rank in ranks]
    chosen = list(dict.fromkeys(int(at) for row in zip(*orders, strict=True) for at in row))[:MAX_GROWTH]
    return [int(twice[at]) for at in sorted(chosen, key=lambda at: -abs(change[at]))]


def _first(values: Array) -> Array:
    """The first known value of each column."""
    rows = np.isfinite(values).argmax(axis=0)
    found: Array = np.take_along_axis(values, rows[None, :], axis=0)[0]
    return found


def _last(values: Array) -> Array:
    return _first(values[::-1])


def _growth(
    found: Settled, number: int, at: int, activities: Activities, shown: Mapping[tuple[Value | None, ...], Fact]
) -> Fact:
    readings, moments = found.history.readings[number], found.history.moments
    values = readings.values[readings.counter][:, at]
    rows = np.flatnonzero(np.isfinite(values))
    values, seconds = values[rows], found.seconds[rows]
    first, last = int(rows[0]), int(rows[-1])
    subject = readings.subjects[at]
    kind, names = _SHOWN_BY.get(readings.quantity, ("", ()))
    now = shown.get((kind, *(subject.get(name) for name in names)))
    change = round(float(values[-1])) - round(float(values[0]))
    size_change = _between(readings, "bytes", at, first, last) if readings.counter != "bytes" else None
    allocs, frees = (_between(readings, name, at, first, last, falls=False) for name in ("allocs", "frees"))
    span = _span(seconds)
    bytes_change = change if readings.unit == "bytes" else size_change
    went = course(values, seconds, readings.unit)
    activity, quotient = activities.of(number, at) if went in ("rising", "rising lows", "stepped") else (None, None)
    return new(
        "growth",
        source=_source(moments[first], moments[last], now),
        verify=now.verify if now and now.verify else readings.verify,
        quality=readings.quality,
        quote=readings.quotes[at] if readings.quotes else None,
        **dict(subject),
        quantity=readings.quantity,
        unit=readings.unit,
        first=round(float(values[0])),
        last=round(float(values[-1])),
        lowest=round(float(values.min())),
        highest=round(float(values.max())),
        change=change,
        bytes_change=bytes_change,
        allocs_change=allocs,
        frees_change=frees,
        freed_percent=percent(frees, allocs) if allocs and frees is not None else None,
        span_s=span,
        per_hour=_per_hour(change, span),
        bytes_per_hour=_per_hour(bytes_change, span),
        monotonic=bool((np.diff(values) >= 0).all()),
        snapshots=int(np.count_nonzero(np.diff(values))) + 1,
        readings_count=len(values),
        course=went,
        activity=activity,
        per_activity=quotient,
        wrapped=True if (number, at) in found.wrapped else None,
        readings=_written(values, seconds),
    )


def _between(readings: Readings, name: str, at: int, first: int, last: int, *, falls: bool = True) -> int | None:
    """Last minus first of another counter of the subject; None where either was not read, or it fell and cannot."""
    if name not in readings.values:
        return None
    change = float(readings.values[name][last, at] - readings.values[name][first, at])
    return round(change) if np.isfinite(change) and (falls or change >= 0) else None


def _span(seconds: Array) -> float | None:
    span = round(float(seconds[-1] - seconds[0]), 3)
    return span if 0 < span < MAX_SPAN_S else None


def _per_hour(change: int | None, span: float | None) -> float | None:
    return change * 3600 / span if change is not None and span else None


def _source(first: Moment, last: Moment, now: Fact | None) -> str:
    """Where the first and the last reading stand: the row itself where the facts hold it, else its snapshot."""
    end = now.source if now and now.source.startswith(last.source.rpartition(":")[0]) else last.source
    return first.source if end == first.source else f"{first.source}, {end}"


def _written(values: Array, seconds: Array) -> str:
    """The readings as the field holds them: first, last, lowest, highest and what lies evenly between."""
    rows: NDArray[np.intp] = np.arange(len(values))
    if len(values) > MAX_READINGS:
        evenly = np.linspace(0, len(values) - 1, MAX_READINGS - 2).round().astype(np.intp)
        rows = np.unique(np.append(evenly, [values.argmin(), values.argmax()]))
    whole = [round(float(value)) for value in values[rows]]
    if np.isnan(seconds).any() or seconds[-1] <= seconds[0]:
        return " ".join(map(str, whole))
    return " ".join(f"{at - seconds[0]:.0f}={value}" for at, value in zip(seconds[rows], whole, strict=True))


def _last_readings(case: Case) -> dict[tuple[Value | None, ...], Fact]:
    """The facts of the last moment by kind and the fields of `_SHOWN_BY`."""
    found: dict[tuple[Value | None, ...], Fact] = {}
    for kind, names in _SHOWN_BY.values():
        for fact in case.of(kind):
            key = (fact.get("type"),) if kind == "pool" else tuple(fact.get(name) for name in names)
            found.setdefault((kind, *key), fact)
    return found


def _notes(case: Case, found: Settled) -> list[Fact]:
    notes = []
    moments = found.history.moments
    if found.restart:
        before, after = found.restart
        snapshots = "1 snapshot" if found.set_aside == 1 else f"{found.set_aside} snapshots"
        text = (
            f"The machine restarted between {_when(before)} and {_when(after)}: its counters began again. "
            f"{snapshots} before that {'was' if found.set_aside == 1 else 'were'} left out of the growth."
        )
        notes.append(_note(after, "restart", "snapshots", "warning", text))
    named = [found.history.readings[number].subjects[at] for number, at in sorted(found.wrapped)]
    if named:
        names = ", ".join(str(subject.get("subject")) for subject in named[:MAX_NAMED])
        more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
        text = f"Counters of 32 bits went through their end and were counted on: {names}{more}."
        notes.append(_note(moments[-1], "wrapped-counter", "tags", "info", text))
    undated = len(moments) > 1 and np.isnan(found.seconds).any()
    if undated and not any(note.get("problem") == "undated" for note in case.of("data_quality")):
        text = "Not every snapshot tells when it was taken; where the time is unknown, there is no rate."
        notes.append(_note(moments[-1], "undated", "snapshots", "info", text))
    return notes


def _note(moment: Moment, problem: str, subject: str, severity: str, text: str) -> Fact:
    return note(problem, subject, text, moment.source, severity=severity)


def _when(moment: Moment) -> str:
    if isinstance(moment.time, datetime):
        return moment.time.strftime("%Y-%m-%d %H:%M:%S")
    return moment.source
