"""What a log shows more than once of one machine: the history of its counters.

Readings are of one counter where the fact and the listing are the same: `!poolused` is set against `!poolused`,
poolmon against poolmon. A tag that is missing from one of the lists is unknown there, not zero. A moment ends where
the log prints another time (System Uptime, Debug session time) or a counter a second time; only the first moment
after such a time is dated by it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from ...facts import Fact, Value
from ...facts.history import History, Moment, Readings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_MOMENTS = 500
"""Moments of one machine that are kept, the latest; a debugger session holds a few."""
MAX_CELLS = 2_000_000
"""Moments times subjects of one counter; those read most often are kept."""


@dataclass(frozen=True, slots=True)
class _Counted:
    """A counter of a kind of fact: its quantity and unit, the field it is in, and the fields read beside it."""

    quantity: str
    unit: str
    counter: str
    beside: tuple[str, ...] = ()


_COUNTED = {
    "tag": (_Counted("tag", "allocations", "outstanding", ("bytes", "allocs", "frees")),),
    "pool": (_Counted("pool", "bytes", "used_bytes"),),
    "process": (_Counted("process", "handles", "handle_count"), _Counted("process", "bytes", "private_bytes")),
    "handles": (_Counted("handles", "handles", "count"),),
}

Subject = tuple[str, str]
"""The id of a fact, and the image where it has one: another image under one process id is another process."""
Series = tuple[_Counted, str]
"""A counter and the listing it was read from."""


def history(facts: Iterable[Fact]) -> History | None:
    """The history of one machine, from its readings in the order of the log; None where nothing was read twice."""
    moments: list[Moment] = []
    read: list[dict[tuple[Series, Subject], Fact]] = []
    stamp: tuple[datetime | None, float | None] = (None, None)
    ended, dated = True, False
    for fact in facts:
        if fact.kind == "system" and ("uptime_s" in fact.fields or "crash_time" in fact.fields):
            told = (_time(fact.text("crash_time")), fact.number("uptime_s"))
            ended, dated = (True, False) if told != stamp else (ended, dated)
            stamp = told
        subject = _subject(fact)
        for counted in _COUNTED.get(fact.kind, ()) if subject else ():
            if subject is None or fact.int(counted.counter) is None:
                continue
            key = ((counted, (fact.verify or "").split(" ")[0]), subject)
            if ended or key in read[-1]:
                moments.append(Moment(fact.source, *((None, None) if dated else stamp)))
                read.append({})
                ended, dated = False, True
            read[-1][key] = fact
    moments, read = moments[-MAX_MOMENTS:], read[-MAX_MOMENTS:]
    found = _readings(read)
    return History(moments, found) if found else None


def growing(history: History | None) -> set[Value]:
    """The tags of which the history shows two different counts."""
    if history is None:
        return set()
    found: set[Value] = set()
    for one in (one for one in history.readings if one.quantity == "tag"):
        figures = one.values[one.counter]
        for at, subject in enumerate(one.subjects):
            known = figures[:, at][figures[:, at] >= 0]
            if len(known) and known.min() < known.max():
                found.add(subject["tag"])
    return found


def _subject(fact: Fact) -> Subject | None:
    """Who a fact is of; None where two facts of its id need not be of one: processes without a pid may be anyone's,
    and a figure that is not exact says nothing of a change."""
    if fact.quality != "exact" or (fact.kind not in ("tag", "pool") and "pid" not in fact.fields):
        return None
    return fact.id, str(fact.get("image") or "").lower()[:14]


def _readings(read: list[dict[tuple[Series, Subject], Fact]]) -> list[Readings]:
    times = Counter(key for moment in read for key in moment)
    series: dict[Series, list[Subject]] = defaultdict(list)
    for (one, subject), number in times.most_common():
        if number > 1:
            series[one].append(subject)
    return [_table(one, subjects[: MAX_CELLS // len(read)], read) for one, subjects in series.items()]


def _table(one: Series, subjects: list[Subject], read: list[dict[tuple[Series, Subject], Fact]]) -> Readings:
    import numpy as np  # most logs hold one moment and do not need it

    counted, listing = one
    column = {subject: at for at, subject in enumerate(subjects)}
    shape = (len(read), len(subjects))
    values = {name: np.full(shape, np.nan) for name in (counted.counter, *counted.beside)}
    first: dict[int, Fact] = {}
    last: dict[int, Fact] = {}
    for row, moment in enumerate(read):
        for (series, subject), fact in moment.items():
            at = column.get(subject) if series == one else None
            if at is not None:
                _put(values, row, at, fact)
                first.setdefault(at, fact)
                last[at] = fact
    return Readings(
        counted.quantity,
        counted.counter,
        counted.unit,
        tuple(_identity(last[at]) for at in range(len(subjects))),
        {name: figures for name, figures in values.items() if not np.isnan(figures).all()},
        verify=listing or None,
        quotes=tuple(_quoted(first[at], last[at]) for at in range(len(subjects))),
    )


def _put(values: "Mapping[str, NDArray[np.float64]]", row: int, at: int, fact: Fact) -> None:
    for name, figures in values.items():
        figure = fact.int(name)
        if figure is not None:
            figures[row, at] = figure


def _quoted(first: Fact, last: Fact) -> str | None:
    return "\n".join(dict.fromkeys(fact.quote for fact in (first, last) if fact.quote)) or None


def _identity(fact: Fact) -> dict[str, Value]:
    """The fields of a growth fact that tell who it is of."""
    kind = fact.text("type")
    if fact.kind in ("tag", "pool"):
        subject = str(fact.get("tag") or kind)
        found = {"tag": fact.get("tag"), "pool": fact.get("pool") if fact.kind == "tag" else kind}
    else:
        subject = str(fact.get("image") or f"pid {fact.get('pid')}")
        found = {"pid": fact.get("pid"), "image": fact.get("image"), "type": kind}
    if fact.kind == "handles" and kind not in (None, "*"):
        subject = f"{subject} {kind}"
    return {"subject": subject} | {name: value for name, value in found.items() if value is not None}


def _time(text: str | None) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
