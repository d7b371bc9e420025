"""A Performance Monitor log to cases, one for each machine it was taken of: the facts of the last sample, and the
history of all samples.

Counters this program has no word for are kept in the history under their own name (quantity `counter`), as far as they
count what is there: rates and percentages are left out, and a note says how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from mmap import mmap

from ...errors import CasefileError
from ...facts import Case, Casefile, Fact, Quality, new, note
from ...facts.history import History, Moment, Readings
from . import sheet
from .counters import MEMORY, OBJECT_TYPES, POOLS, Counter, parse
from .processes import Lives, lives, started
from .readings import coarse_first, memory_readings, other_readings

MAX_HOSTS = 64
MAX_COUNTERS = 2000
"""Counters kept of those this program has no word for."""

_HOUR = timedelta(hours=1)


@dataclass(slots=True)
class _Machine:
    """The columns of one machine: index into the values of the sheet, and counter."""

    host: str
    columns: list[tuple[int, Counter]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Log:
    """What holds for all machines of a log. `notes` are problem, subject, severity and text."""

    casefile: Casefile
    sheet: sheet.Sheet
    moments: tuple[datetime | None, ...]
    notes: tuple[tuple[str, str, str, str], ...]


def read(data: bytes | mmap, casefile: Casefile) -> list[Case]:
    """The cases of a log, one for each machine. Raises CasefileError where it holds no sample."""
    picked = _Picked()
    rows = sheet.read(data, picked.choose)
    counters = [parse(path) for path in rows.paths]
    if not rows.times:
        raise CasefileError(f"the log names counters but holds no sample; export it again: {sheet.RELOG}")
    machines: dict[str, _Machine] = {}
    for index, counter in enumerate(counters):
        if counter is not None:
            machines.setdefault(counter.host.casefold(), _Machine(counter.host)).columns.append((index, counter))
    if not machines:
        raise CasefileError(
            "the log has no counter of memory, pools, processes or objects; log at least \\Memory\\Pool Nonpaged Bytes"
        )
    if len(machines) > MAX_HOSTS:
        raise CasefileError(f"the log holds counters of more than {MAX_HOSTS} machines; export one of them")
    moments, notes = _moments(rows)
    log = _Log(casefile, rows, moments, (*notes, *_flaws(rows, picked)))
    return [_case(log, machine, number, len(machines)) for number, machine in enumerate(machines.values(), 1)]


class _Picked:
    """Chooses the columns to read from the header, and counts what it leaves out."""

    def __init__(self) -> None:
        self.rates = self.beyond = self.no_path = 0

    def choose(self, paths: Sequence[str]) -> list[int]:
        chosen: list[int] = []
        others = 0
        for index, path in enumerate(paths):
            counter = parse(path)
            if counter is None:
                self.no_path += bool(path.strip())
            elif counter.known:
                chosen.append(index)
            elif not counter.counts or counter.object == "process":
                self.rates += 1
            elif others >= MAX_COUNTERS:
                self.beyond += 1
            else:
                others += 1
                chosen.append(index)
        return chosen


def _flaws(rows: sheet.Sheet, picked: _Picked) -> list[tuple[str, str, str, str]]:
    """Notes on what was not read."""
    notes: list[tuple[str, str, str, str]] = []
    if rows.unread:
        text = f"{rows.unread:,} lines of the log do not fit its header or have no time; they were left out."
        notes.append(("not-understood", "counters", "warning", text))
    if rows.impossible:
        text = f"{rows.impossible:,} readings are larger than any machine can have; they were left out."
        notes.append(("impossible-counter", "counters", "warning", text))
    if picked.rates:
        text = f"{picked.rates:,} counters of the log are rates, percentages or of single threads; they were left out."
        notes.append(("not-read", "counters", "info", text))
    if picked.beyond:
        text = f"The log has {picked.beyond:,} more counters than the {MAX_COUNTERS:,} other ones read of it."
        notes.append(("not-read", "counters", "warning", text))
    if picked.no_path:
        text = f"{picked.no_path:,} columns of the log are not named as counters are; they were left out."
        notes.append(("not-understood", "counters", "warning", text))
    return notes


def _moments(rows: sheet.Sheet) -> tuple[tuple[datetime | None, ...], list[tuple[str, str, str, str]]]:
    """The times of the samples in UTC; unknown where the clock went back, other than by the hour of summer time."""
    notes: list[tuple[str, str, str, str]] = []
    shift = timedelta(seconds=rows.offset_s or 0)
    if rows.offset_s is None:
        text = "The log does not say how far its clock is from UTC; its local times are given as UTC."
        notes.append(("undated", "counters", "info", text))
    times = list(rows.times)
    back = [index for index, (before, after) in enumerate(pairwise(times), 1) if after < before]
    if len(back) == 1 and times[back[0]] + _HOUR >= times[back[0] - 1]:
        times[back[0] :] = [time + _HOUR for time in times[back[0] :]]
        text = "The clock of the log went back by an hour, as at the end of summer time; an hour was added from there."
        notes.append(("undated", "counters", "info", text))
    elif back:
        text = f"The clock of the log went back {len(back):,} times; its samples are in their order, but without times."
        notes.append(("undated", "counters", "warning", text))
        return (None,) * len(times), notes
    return tuple((time + shift).replace(tzinfo=UTC) for time in times), notes


def _case(log: _Log, machine: _Machine, number: int, machines: int) -> Case:
    """The case of one machine of the log."""
    case = Case(log.casefile, machine=machine.host or None if machines > 1 else None, number=number)
    known = _lives(log, machine)
    last = _last_row(log, machine)
    source = f"{log.casefile.name}:{log.sheet.lines[last]}"
    uptimes = next((log.sheet.values[:, i] for i, c in machine.columns if c.name == "system up time"), None)
    moments = [
        Moment(
            f"{log.casefile.name}:{line}",
            time,
            None if uptimes is None or uptimes[row] != uptimes[row] else float(uptimes[row]),
        )
        for row, (line, time) in enumerate(zip(log.sheet.lines, log.moments, strict=True))
    ]
    case.add(
        new(
            "system",
            source=source,
            verify='typeperf "\\System\\System Up Time" -sc 1',
            computer=machine.host or None,
            crash_time=_iso(moments[last].time),
            uptime_s=moments[last].uptime_s,
        )
    )
    _add_memory(case, log, machine, last, source)
    _add_objects(case, log, machine, last, source)
    for life in known.facts(log.sheet.values, last, source):
        case.add(life)
    case.add(_snapshot(log, moments))
    start = started(machine.columns, log.sheet.values)
    notes = (*log.notes, *known.notes, *_restarted(moments, start), *_several(machine, machines))
    for problem, subject, severity, text in notes:
        case.add(note(problem, subject, text, log.casefile.name, severity=severity))
    if len(moments) > 1:
        values = log.sheet.values
        found = [*memory_readings(machine.columns, values), *known.readings(values)]
        found += other_readings(machine.columns, values)
        case.history = History(moments[start:], [_from(start, one) for one in found])
    return case


def _from(start: int, readings: Readings) -> Readings:
    """The readings from a sample on."""
    return (
        replace(readings, values={name: array[start:] for name, array in readings.values.items()})
        if start
        else readings
    )


def _restarted(moments: Sequence[Moment], start: int) -> list[tuple[str, str, str, str]]:
    """That critical processes show a restart before the sample `start`."""
    if not start:
        return []
    before, after = (moment.time.strftime("%Y-%m-%d %H:%M:%S") if moment.time else moment.source
                     for moment in moments[start - 1 : start + 1])  # fmt: skip
    left_out = "1 snapshot before that was" if start == 1 else f"{start:,} snapshots before that were"
    text = (
        f"The machine restarted between {before} and {after}, as its system processes are new ones since: {left_out} "
        "left out of the growth."
    )
    return [("restart", "snapshots", "warning", text)]


def _lives(log: _Log, machine: _Machine) -> Lives:
    return lives([(i, c) for i, c in machine.columns if c.object == "process"], log.sheet.values)


def _several(machine: _Machine, machines: int) -> list[tuple[str, str, str, str]]:
    if machines == 1:
        return []
    text = f"The log holds counters of {machines} machines; this case is {machine.host or 'the one without a name'}."
    return [("several-machines", "counters", "warning", text)]


def _last_row(log: _Log, machine: _Machine) -> int:
    """The last sample in which anything of the machine was read; a collection that is stopped leaves a blank one."""
    import numpy as np

    indices = [index for index, _ in machine.columns]
    read_rows = np.flatnonzero(~np.isnan(log.sheet.values[:, indices]).all(axis=1))
    return int(read_rows[-1]) if len(read_rows) else len(log.moments) - 1


def _whole(value: float) -> int | None:
    """A reading as a whole number, None where it was not read."""
    return None if value != value else round(value)


def _add_memory(case: Case, log: _Log, machine: _Machine, last: int, source: str) -> None:
    """The memory fact, and one of each pool."""
    fields: dict[str, int] = {}
    rounded = False
    for index, counter in sorted(machine.columns, key=coarse_first):
        value = _whole(float(log.sheet.values[last, index]))
        if value is None:
            continue
        if counter.object == "memory" and counter.name in POOLS:
            verify = f'typeperf "{counter.path}" -sc 1'
            case.add(new("pool", source=source, verify=verify, type=POOLS[counter.name], used_bytes=value))
        elif counter.object == "memory" and counter.name in MEMORY:
            name, factor = MEMORY[counter.name]
            if name == "available_bytes":
                rounded = factor == 2**20
            fields[name] = value * factor
        elif counter.ram:
            fields["physical_bytes"] = value * 2**20
        elif counter.object == "process" and (counter.instance.lower(), counter.name) == ("_total", "private bytes"):
            fields["private_bytes"] = value
    if fields:
        quality: Quality = "rounded" if rounded or "physical_bytes" in fields else "exact"
        case.add(
            new("memory", source=source, verify='typeperf "\\Memory\\*" -sc 1', quality=quality, quote=None, **fields)
        )


def _add_objects(case: Case, log: _Log, machine: _Machine, last: int, source: str) -> None:
    for index, counter in machine.columns:
        value = _whole(float(log.sheet.values[last, index]))
        if counter.object == "objects" and counter.name in OBJECT_TYPES and value is not None:
            verify = f'typeperf "{counter.path}" -sc 1'
            case.add(new("object_type", source=source, verify=verify, type=OBJECT_TYPES[counter.name], objects=value))


def _snapshot(log: _Log, moments: Sequence[Moment]) -> Fact:
    gaps = sorted((b - a).total_seconds() for a, b in pairwise(log.moments) if a is not None and b is not None)
    return new(
        "snapshot",
        source=log.casefile.name,
        number=1,
        name=log.casefile.name,
        sha256=log.casefile.sha256,
        source_kind="perfmon",
        time=_iso(moments[0].time),
        until=_iso(moments[-1].time),
        uptime_s=moments[-1].uptime_s,
        readings=len(moments),
        interval_s=gaps[len(gaps) // 2] if gaps else None,
        placed_by="clock" if moments[0].time else "order in the file",
    )


def _iso(time: datetime | None) -> str | None:
    return time.replace(microsecond=0).isoformat() if time else None
