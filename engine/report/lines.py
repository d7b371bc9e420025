"""Lines over time: what was counted more than once on the same machine."""

from dataclasses import dataclass
from datetime import datetime

from ..diagnosis import Diagnosis
from ..facts import Fact
from . import figures
from .chain import grown
from .drawing import PANEL, WIDTH, Chart, Panel
from .wording import Wording

MAX_PANELS = 3
MAX_ROWS = 9
"""Readings of one line in the table of figures; the JSON report has all."""
_TOP = 20.0
_HEIGHT = 34.0
_LEFT = 70.0
_RIGHT = 80.0


@dataclass(frozen=True, slots=True)
class _Series:
    subject: str
    unit: str
    moments: tuple[float, ...]
    """Seconds since the first reading, or its number where the readings carry no time."""
    values: tuple[int, ...]
    timed: bool
    samples: tuple[int | None, ...]
    """The number of the snapshot each reading is of, where it is of one of several casefiles."""


def build(diagnosis: Diagnosis, wording: Wording) -> Chart | None:
    """One line each for the tags of the verdict, its pool, its holder and what else grew most."""
    tags, pid = diagnosis.verdict.kind.tags, diagnosis.verdict.holder.pid
    taken = diagnosis.case.of("snapshot")
    found = [(fact, series) for fact in diagnosis.case.of("growth") if (series := _series(fact, taken, wording))]
    found.sort(key=lambda pair: -_rank(pair[0], tags, pid))
    if not found:
        return None
    shown = [series for _, series in found[:MAX_PANELS]]
    rows = tuple(row for series in shown for row in _rows(series))
    words = "; ".join(_words(series, wording) for series in shown)
    return Chart(
        "growth",
        wording("chart.growth.title"),
        wording("chart.growth.description", figures=words),
        (),
        tuple(wording(f"chart.column.{name}") for name in ("subject", "after", "value", "unit")),
        rows,
        " ".join(_notes(shown, wording)),
        tuple(_panel(series, number, wording) for number, series in enumerate(shown)),
    )


def _rank(fact: Fact, tags: tuple[str, ...], pid: int | None) -> float:
    """The larger the more it belongs to the verdict, if it moved, and the steadier it grew."""
    of_verdict = fact.text("tag") in tags or (pid is not None and fact.int("pid") == pid)
    of_verdict = of_verdict and fact.text("course") != "level" and fact.int("change") != 0
    steady = bool(fact.flag("monotonic")) and bool(fact.int("change"))
    return 4.0 * of_verdict + 2.0 * (fact.text("quantity") == "pool") + 1.0 * steady


def _notes(shown: list[_Series], wording: Wording) -> list[str]:
    notes = [] if all(series.timed for series in shown) else [wording("chart.growth.untimed")]
    return [*notes, wording("chart.growth.samples")] if any(map(any, (series.samples for series in shown))) else notes


def _series(fact: Fact, taken: list[Fact], wording: Wording) -> _Series | None:
    """The readings of a growth fact; None where it has only their difference."""
    values: list[int] = []
    moments: list[float] = []
    for reading in (fact.text("readings") or "").split():
        moment, _, value = reading.rpartition("=")
        if not value.isdecimal():
            return None
        values.append(int(value))
        if moment.isdecimal():
            moments.append(float(moment))
    if len(values) < 2:
        return None
    timed = len(moments) == len(values)
    places = tuple(moments) if timed else tuple(float(number) for number in range(len(values)))
    samples = _samples(fact, taken, places if timed else None, len(values))
    subject, pool = grown(fact, wording), fact.text("pool")
    if fact.text("quantity") == "tag" and pool is not None:
        subject = wording("chart.growth.tag", tag=subject, pool=pool)
    return _Series(subject, fact.text("unit") or "", places, tuple(values), timed, samples)


def _samples(fact: Fact, taken: list[Fact], moments: tuple[float, ...] | None, readings: int) -> tuple[int | None, ...]:
    """Which snapshot each reading is of: all of them in order, or those whose time it has."""
    none = (None,) * readings
    if len(taken) < 2:
        return none
    if all(each.int("readings") == 1 for each in taken) and len(taken) == readings == fact.int("readings_count"):
        return tuple(each.int("number") for each in taken)
    first = next((each for each in taken if fact.source.startswith(each.text("name") or "\0")), None)
    start = _moment(first)
    if moments is None or first is None or start is None:
        return none
    offsets = {
        round((moment - start).total_seconds()): each.int("number") for each in taken if (moment := _moment(each))
    }
    return tuple(offsets.get(round(moment)) for moment in moments)


def _moment(snapshot: Fact | None) -> datetime | None:
    text = snapshot.text("time") if snapshot else None
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None


def _rows(series: _Series) -> list[tuple[str, ...]]:
    subject = figures.clip(series.subject, 40)
    after = [figures.duration(moment) if series.timed else f"{moment + 1:.0f}." for moment in series.moments]
    after = [f"{text} ({number})" if number else text for text, number in zip(after, series.samples, strict=True)]
    rows = [
        (subject, moment, figures.count(value), series.unit) for moment, value in zip(after, series.values, strict=True)
    ]
    step = max(1, -(-(len(rows) - 1) // (MAX_ROWS - 1)))
    return [*rows[:-1:step], rows[-1]]


def _words(series: _Series, wording: Wording) -> str:
    return wording(
        "chart.growth.series",
        subject=figures.clip(series.subject, 40),
        first=figures.count(series.values[0]),
        last=figures.count(series.values[-1]),
        unit=series.unit,
        span=figures.duration(series.moments[-1]) if series.timed else None,
        readings=len(series.values),
    )


def _panel(series: _Series, number: int, wording: Wording) -> Panel:
    """The scale begins at zero, so that the slope is that of the whole and not of what was cut off."""
    y = number * PANEL
    written = figures.size if series.unit == "bytes" else figures.count  # the table of figures has it to the byte
    wide, top = WIDTH - _LEFT - _RIGHT, max(series.values) or 1
    span = series.moments[-1] - series.moments[0] or 1.0
    points = tuple(
        (
            round(_LEFT + (moment - series.moments[0]) / span * wide, 1),
            round(y + _TOP + _HEIGHT - value / top * _HEIGHT, 1),
        )
        for moment, value in zip(series.moments, series.values, strict=True)
    )
    path = "M" + "L".join(f"{x} {place}" for x, place in points)
    return Panel(
        wording("chart.growth.panel", subject=figures.clip(figures.visible(series.subject), 28), unit=series.unit),
        y,
        path,
        points,
        written(series.values[0]),
        written(series.values[-1]),
        figures.duration(series.moments[-1]) if series.timed else "",
        tuple((x, str(number)) for (x, _), number in zip(points, series.samples, strict=True) if number),
    )
