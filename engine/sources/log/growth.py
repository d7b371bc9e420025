"""What changed between two or more readings of one counter on one machine: growth facts.

Readings are of one counter where the fact and the listing are the same: `!poolused` is set against `!poolused`,
poolmon against poolmon. A tag that is missing from one of the lists is unknown there, not zero. Times are those the
log prints above a reading (System Uptime, Debug session time); without them there is no span and no rate.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from ...facts import Fact, Value, new

MAX_GROWTH = 50
"""Growth facts of one machine, the largest changes of each quantity first."""
MAX_READINGS = 60
"""Readings of one counter that a growth fact carries."""

_COUNTERS = {
    "tag": ("tag", "outstanding", "allocations"),
    "pool": ("pool", "used_bytes", "bytes"),
    "process": ("process", "handle_count", "handles"),
    "handles": ("handles", "count", "handles"),
}
"""Quantity, counter and unit of a kind of fact."""


@dataclass(frozen=True, slots=True)
class _Reading:
    fact: Fact
    value: int
    uptime_s: float | None
    moment: datetime | None


def growths(facts: Iterable[Fact]) -> list[Fact]:
    """The growth facts of one machine, from its readings in the order of the log."""
    series: dict[tuple[Value | None, ...], list[_Reading]] = {}
    uptime: float | None = None
    moment: datetime | None = None
    for fact in facts:
        if fact.kind == "system" and ("uptime_s" in fact.fields or "crash_time" in fact.fields):
            uptime, moment = fact.number("uptime_s"), _moment(fact.text("crash_time"))
        counter = _COUNTERS.get(fact.kind)
        value = fact.int(counter[1]) if counter else None
        if value is None or fact.quality != "exact" or not _certain(fact):
            continue
        listing = (fact.verify or "").split(" ")[0]
        image = str(fact.get("image") or "").lower()[:14]
        series.setdefault((fact.id, listing, image), []).append(_Reading(fact, value, uptime, moment))
    found = [growth for readings in series.values() if (growth := _growth(readings))]
    found.sort(key=lambda fact: -abs(fact.int("change") or 0))
    return list({fact.id: fact for fact in reversed(found[:MAX_GROWTH])}.values())[::-1]


def _certain(fact: Fact) -> bool:
    """Whether two facts of this id are of one thing: handles and processes without a pid may be anyone's."""
    return fact.kind in ("tag", "pool") or "pid" in fact.fields


def _growth(readings: list[_Reading]) -> Fact | None:
    since = _since_boot(readings)
    changed = [b for a, b in zip([None, *since], since, strict=False) if a is None or a.value != b.value]
    if len(changed) < 2:
        return None
    first, last = since[0], since[-1]
    fact = last.fact
    quantity, _, unit = _COUNTERS[fact.kind]
    change = last.value - first.value
    span = _span(first, last)
    quotes = dict.fromkeys(reading.fact.quote for reading in (first, last) if reading.fact.quote)
    return new(
        "growth",
        source=f"{first.fact.source}, {last.fact.source}",
        verify=fact.verify,
        quote="\n".join(quotes) or None,
        quantity=quantity,
        subject=_subject(fact),
        tag=fact.text("tag"),
        pid=fact.int("pid"),
        change=change,
        unit=unit,
        span_s=span,
        per_hour=change * 3600 / span if span else None,
        monotonic=all(a.value <= b.value for a, b in pairwise(since)),
        snapshots=len(changed),
        readings=_written(since),
    )


def _written(readings: list[_Reading]) -> str:
    """The readings as the field holds them, at most MAX_READINGS: the first, the last and what lies evenly between."""
    step = max(1, -(-(len(readings) - 1) // (MAX_READINGS - 1)))
    kept = [*readings[:-1:step], readings[-1]]
    spans = [0.0, *(_span(readings[0], reading) for reading in kept[1:])]
    if any(span is None for span in spans):
        return " ".join(str(reading.value) for reading in kept)
    return " ".join(f"{span or 0:.0f}={reading.value}" for span, reading in zip(spans, kept, strict=True))


def _subject(fact: Fact) -> str:
    if fact.kind in ("tag", "pool"):
        return str(fact.get("tag") or fact.get("type"))
    image = str(fact.get("image") or f"pid {fact.get('pid')}")
    kind = fact.text("type")
    return image if kind in (None, "*") else f"{image} {kind}"


def _since_boot(readings: list[_Reading]) -> list[_Reading]:
    """The readings after the last restart of the machine, which its uptime shows."""
    start = 0
    for index, (before, after) in enumerate(pairwise(readings), 1):
        if before.uptime_s is not None and after.uptime_s is not None and after.uptime_s < before.uptime_s:
            start = index
    return readings[start:]


def _span(first: _Reading, last: _Reading) -> float | None:
    """Seconds between two readings; None where the log prints no two times."""
    if first.uptime_s is not None and last.uptime_s is not None and last.uptime_s > first.uptime_s:
        return last.uptime_s - first.uptime_s
    if first.moment and last.moment and last.moment > first.moment:
        return (last.moment - first.moment).total_seconds()
    return None


def _moment(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
