"""Events to cases, one for each machine: the facts of its last low-memory event, the history of all of them, and as
claims what the events say has run out.

Resource-Exhaustion-Detector 2004 gives commit, pools, RAM, the processes with the most commit and the three largest
tags of each pool; Srv 2019 and 2020 say that a pool was empty, and no more.
"""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from mmap import mmap
from typing import TYPE_CHECKING, TypeVar

from ...errors import CasefileError
from ...facts import Case, Casefile, Value, new, note
from ...facts.history import History, Moment, Readings
from ..log.text import decode
from . import textevents, xmlevents
from .event import BOOTS, DETECTOR, Consumer, Event

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_EVENTS = 5000
"""Events of one machine that are read, the last ones."""
MAX_MACHINES = 64

EXPORT = '/q:"*[System[(EventID=2004 or EventID=2019 or EventID=2020 or EventID=6005)]]" /f:xml /e:Events'
"""Arguments of `wevtutil qe`. In quotes, for cmd ends an argument at a blank. With 6005, the start of the event log:
between two starts of the machine nothing can be compared."""
_VERIFY = 'wevtutil qe System /q:"*[System[EventID={}]]" /f:xml'

_FIELDS = {"committed": "committed_bytes", "commit_limit": "commit_limit_bytes", "private": "private_bytes"}
_Key = TypeVar("_Key")
_Life = tuple[str, int, datetime | None]

_END = datetime.max.replace(tzinfo=UTC)


def read(data: bytes | mmap, casefile: Casefile) -> list[Case]:
    """The cases of a file of events. Raises CasefileError where none of them is about memory."""
    text = decode(data[:])
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise CasefileError("the XML declares a document type, which no event log does; export the events again")
    found, unread = _events(text)
    relevant = [event for event in found if event.claim]
    if not relevant:
        raise CasefileError(
            "none of the Windows events in the file that can be read is about memory "
            f"(Resource-Exhaustion-Detector 2004, Srv 2019 or 2020); export with: wevtutil qe System {EXPORT}"
        )
    machines: dict[str, list[Event]] = {}
    for event in found:
        machines.setdefault(event.computer.casefold(), []).append(event)
    groups = [group for group in machines.values() if any(event.claim for event in group)]
    if len(groups) > MAX_MACHINES:
        raise CasefileError(f"the file holds events of more than {MAX_MACHINES} machines; export those of one")
    cases = [_case(group, casefile, number, len(groups)) for number, group in enumerate(groups, 1)]
    if unread:
        for case in cases:
            what = "An event" if unread == 1 else f"{unread:,} events"
            _note(case, "not-understood", "events", "warning", f"{what} of the file could not be read; left out.")
    return cases


def _events(text: str) -> tuple[list[Event], int]:
    """The events that matter, and how many could not be read."""
    found: list[Event] = []
    unread = 0
    if "<Event" in text:
        for event in xmlevents.events(text):
            if event is None:
                unread += 1
            elif event.claim or event.kind in BOOTS:
                found.append(event)
    if not found:
        found = [event for event in textevents.events(text) if event.claim or event.kind in BOOTS]
    return found, unread


def _case(events: Sequence[Event], casefile: Casefile, number: int, machines: int) -> Case:
    ordered = sorted(events, key=lambda event: event.time or _END)
    ours = [event for event in ordered if event.claim][-MAX_EVENTS:]
    end = max((event.time for event in ours if event.time), default=None)
    boots = (event.time for event in reversed(ordered) if event.kind in BOOTS and event.time)
    boot = next((time for time in boots if end and time <= end), None)
    computer = next((event.computer for event in ours if event.computer), None)
    case = Case(casefile, machine=computer if machines > 1 else None, number=number)
    since = [event for event in ours if boot is None or event.time is None or event.time >= boot]
    if len(since) < len(ours):
        left_out = len(ours) - len(since)
        count = "1 event from before was" if left_out == 1 else f"{left_out:,} events from before were"
        text = f"The machine was started at {_iso(boot)}; {count} left out."
        _note(case, "restart", "events", "warning", text)
    last = since[-1]
    moments = {id(event): _moment(event, boot, casefile) for event in since}
    place = moments[id(last)]
    case.add(
        new(
            "system",
            source=place.source,
            verify="wevtutil qe System",
            computer=computer,
            crash_time=_iso(last.time),
            uptime_s=place.uptime_s,
        )
    )
    low = [event for event in since if event.kind == DETECTOR and (event.figures or event.consumers)]
    if low:
        _add_facts(case, low[-1], moments[id(low[-1])].source)
        times = [moments[id(event)] for event in low]
        _add_snapshot(case, times)
        if len(low) > 1:
            case.history = History(times, list(_readings(low)))
    _add_claims(case, since, casefile)
    _add_notes(case, since, low, machines)
    return case


def _moment(event: Event, boot: datetime | None, casefile: Casefile) -> Moment:
    uptime = (event.time - boot).total_seconds() if event.time and boot and event.time >= boot else None
    return Moment(f"{casefile.name}:{event.line}", event.time, uptime)


def _iso(time: datetime | None) -> str | None:
    return time.replace(microsecond=0).isoformat() if time else None


def _add_facts(case: Case, event: Event, source: str) -> None:
    """Memory, pools, tags and processes of one event."""
    figures, verify = event.figures, _VERIFY.format(2004)
    size, in_use = figures.get("physical"), figures.get("in_use")
    if figures:
        case.add(
            new(
                "memory",
                source=source,
                verify=verify,
                physical_bytes=size,
                available_bytes=size - in_use if size is not None and in_use is not None and size >= in_use else None,
                committed_bytes=figures.get("committed"),
                commit_limit_bytes=figures.get("commit_limit"),
                private_bytes=figures.get("private"),
            )
        )
    for pool in ("nonpaged", "paged"):
        if pool in figures:
            case.add(new("pool", source=source, verify=verify, type=pool, used_bytes=figures[pool]))
    for (tag, pool), used in event.tags.items():
        case.add(new("tag", source=source, verify=f"poolmon -i{tag.rstrip()}", tag=tag, pool=pool, bytes=used))
    for consumer in _running(event):
        age = (event.time - consumer.created).total_seconds() if event.time and consumer.created else None
        case.add(
            new(
                "process",
                source=source,
                verify=verify,
                pid=consumer.pid,
                image=consumer.image,
                private_bytes=consumer.commit,
                handle_count=consumer.handles,
                elapsed_s=age if age is not None and age >= 0 else None,
            )
        )


def _running(event: Event) -> list[Consumer]:
    """The processes of an event; the places it has for more are empty."""
    return [consumer for consumer in event.consumers if consumer.image and consumer.pid]


def _add_snapshot(case: Case, moments: Sequence[Moment]) -> None:
    gaps = sorted((b.time - a.time).total_seconds() for a, b in pairwise(moments) if a.time and b.time)
    case.add(
        new(
            "snapshot",
            source=case.casefile.name,
            number=1,
            name=case.casefile.name,
            sha256=case.casefile.sha256,
            source_kind="events",
            time=_iso(moments[0].time),
            until=_iso(moments[-1].time) if len(moments) > 1 else None,
            uptime_s=moments[-1].uptime_s,
            readings=len(moments),
            interval_s=gaps[len(gaps) // 2] if gaps else None,
            placed_by="clock" if moments[0].time else "order in the file",
        )
    )


def _add_claims(case: Case, events: Sequence[Event], casefile: Casefile) -> None:
    """One claim for each thing said to have run out, with the number of events that say so."""
    counts = Tally(event.claim for event in events if event.claim)
    for subject, said in counts.items():
        last = next(event for event in reversed(events) if event.claim == subject)
        text = f"{last.provider} {last.number}" + (f": {' '.join(last.text.split())[:400]}" if last.text else "")
        case.add(
            new(
                "claim",
                source=f"{casefile.name}:{last.line}",
                verify=_VERIFY.format(last.number),
                subject=subject,
                text=text,
                count=said,
            )
        )


def _add_notes(case: Case, events: Sequence[Event], low: Sequence[Event], machines: int) -> None:
    """What the events do not tell."""
    if machines > 1:
        text = f"The file holds events of {machines} machines; this case is {case.machine or 'the one without a name'}."
        _note(case, "several-machines", "events", "warning", text)
    if any(event.time is None for event in events):
        _note(
            case, "undated", "events", "warning", "Events without a time that can be read for certain have none here."
        )
    elif not all(event.zoned for event in events):
        text = "The events do not say how far their clock is from UTC; their local times are given as UTC."
        _note(case, "undated", "events", "info", text)
    if low and low[-1].consumers:
        shown = len(_running(low[-1]))
        _note(
            case, "cut-list", "processes", "info", f"The event names only the processes with the most commit ({shown})."
        )
    if low and low[-1].tags:
        _note(case, "cut-list", "tags", "info", "The event names only the largest tags of each pool, three at most.")
    if not low:
        text = "The events say that memory ran out, not what used it; none of them has figures."
        _note(case, "not-recorded", "memory", "info", text)


def _note(case: Case, problem: str, subject: str, severity: str, text: str) -> None:
    case.add(note(problem, subject, text, case.casefile.name, severity=severity))


def _readings(events: Sequence[Event]) -> Iterator[Readings]:
    """All low-memory events: memory, pools, tags, and commit and handles of the processes. What an event does not list
    is not known at that time."""
    figures = [event.figures for event in events]
    for name, shown in _FIELDS.items():
        yield from _one("memory", shown, "bytes", {name: {"subject": shown}}, figures)
    pools: dict[str, dict[str, Value]] = {pool: {"subject": pool, "pool": pool} for pool in ("nonpaged", "paged")}
    yield from _one("pool", "used_bytes", "bytes", pools, figures)
    tags: dict[tuple[str, str], dict[str, Value]] = {
        (tag, pool): {"subject": tag, "tag": tag, "pool": pool} for event in events for tag, pool in event.tags
    }
    yield from _one("tag", "bytes", "bytes", tags, [event.tags for event in events])
    subjects: dict[_Life, dict[str, Value]] = {}
    for event in events:
        for one in _running(event):
            subjects[_life(one)] = {"subject": one.image, "image": one.image, "pid": one.pid}
    commits = [{_life(one): one.commit for one in _running(event)} for event in events]
    yield from _one("process", "private_bytes", "bytes", subjects, commits)
    handles = [{_life(one): one.handles for one in _running(event)} for event in events]
    yield from _one("process", "handle_count", "handles", subjects, handles)


def _life(one: Consumer) -> _Life:
    """A process; its id may be given to another later, which was created at another time."""
    return one.image.casefold(), one.pid, one.created


def _one(
    quantity: str,
    counter: str,
    unit: str,
    subjects: Mapping[_Key, Mapping[str, Value]],
    rows: Sequence[Mapping[_Key, int | None]],
) -> Iterator[Readings]:
    """Readings of some subjects, from one mapping of values for each moment; none where nothing was read."""
    import numpy as np

    array: NDArray[np.float64] = np.full((len(rows), len(subjects)), np.nan)
    for column, key in enumerate(subjects):
        for row, values in enumerate(rows):
            value = values.get(key)
            if value is not None:
                array[row, column] = value
    if not np.isnan(array).all():
        yield Readings(quantity, counter, unit, tuple(subjects.values()), {counter: array}, _VERIFY.format(2004))
