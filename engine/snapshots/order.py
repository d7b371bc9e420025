"""In which order casefiles were made: by the clock, by the time since boot, else as they were given."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import median_low

from ..facts import Case
from ..facts.history import Moment
from .identity import before, clock_is_utc, moment_of


@dataclass(frozen=True, slots=True)
class Placed:
    """A case with the moments it was read at, oldest first, and what its place rests on."""

    case: Case
    moments: tuple[Moment, ...]
    placed_by: str

    @property
    def time(self) -> datetime | None:
        """The moment its facts are of."""
        return self.moments[-1].time


def placed(cases: Sequence[Case]) -> list[Placed]:
    """The cases, oldest first. Those without clock or uptime keep their places among the others."""
    read = [_moments(case) for case in cases]
    boots = [
        boot
        for case, moments in zip(cases, read, strict=True)
        if clock_is_utc(case)
        for moment in moments
        if (boot := before(moment.time, moment.uptime_s))
    ]
    boot = median_low(boots) if boots else None
    dated = [[_dated(moment, boot) for moment in moments] for moments in read]
    found = [
        Placed(case, tuple(moments), _placed_by(given[-1], moments[-1]))
        for case, given, moments in zip(cases, read, dated, strict=True)
    ]
    if all(one.moments[-1].uptime_s is not None for one in found) and boot is None:
        return [
            replace(one, placed_by="uptime") for one in sorted(found, key=lambda each: each.moments[-1].uptime_s or 0)
        ]
    ordered = iter(sorted((one for one in found if one.time), key=lambda one: one.time or datetime.min))
    return [next(ordered) if one.time else one for one in found]


def timeline(found: Sequence[Placed]) -> list[tuple[int, int]]:
    """All moments, oldest first, each as the place of its case and its number there.

    Series that overlap are interleaved where every moment is dated; else they follow one another.
    """
    places = [(place, number) for place, one in enumerate(found) for number in range(len(one.moments))]
    times = {(place, number): found[place].moments[number].time for place, number in places}
    if all(times.values()):
        places.sort(key=lambda at: times[at] or datetime.min)
    return places


def _moments(case: Case) -> list[Moment]:
    if case.history is not None and case.history.moments:
        return [
            replace(moment, time=moment.time.replace(tzinfo=UTC)) if moment.time and not moment.time.tzinfo else moment
            for moment in case.history.moments
        ]
    system = case.one("system")
    if system is None:
        return [Moment(case.casefile.name)]
    return [Moment(case.casefile.name, moment_of(system.text("crash_time")), system.number("uptime_s"))]


def _dated(moment: Moment, boot: datetime | None) -> Moment:
    """The moment with the time that its uptime gives, where another casefile dates the boot."""
    if moment.time is not None or moment.uptime_s is None or boot is None:
        return moment
    try:
        return replace(moment, time=boot + timedelta(seconds=moment.uptime_s))
    except OverflowError:
        return moment


def _placed_by(given: Moment, dated: Moment) -> str:
    if given.time is not None:
        return "clock"
    return "order given" if dated.time is None else "uptime"
