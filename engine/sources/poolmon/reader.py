"""A poolmon log to a case: the facts of its last snapshot, and the history of all of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from itertools import pairwise
from statistics import median

from ...errors import CasefileError
from ...facts import Case, Casefile, Fact, new, note
from ...facts.history import History, Moment, Readings
from ..log.block import Line, Log
from ..log.machines import Block as LogBlock
from ..log.machines import to_cases
from ..log.poolmon import KB, PARSERS
from ..log.text import to_lines
from .blocks import Layout, lay_out
from .lines import MAX_BYTES, decoded, kind_of, normalised
from .rows import scan
from .series import Snapshot, Table, believable, counters, half_read, in_order, repeated, table_of

MAX_SNAPSHOTS = 20_000
"""Snapshots of one series: one a minute for two weeks."""
MAX_LAST_LINES = 50_000
"""Lines of the last snapshot that become facts."""

_MEMORY = {"available_bytes": "available", "committed_bytes": "commit"}
_POOLS = ("nonpaged", "paged")
_PRINTED = ("row", "memory", "commit", "scope", "columns", "rule", "cut")


def read(data: bytes, casefile: Casefile) -> list[Case]:
    """The case of a poolmon log. Raises CasefileError where it holds no snapshot, or more than can be read."""
    import numpy as np

    text = normalised(data)
    if len(text) > MAX_BYTES:
        raise CasefileError(f"the poolmon log has more than {MAX_BYTES:,} bytes; cut it to the snapshots of interest")
    rows, others = scan(text)
    layout = lay_out(others, lambda line: int(np.searchsorted(rows.line, line)))
    table, snapshots = table_of(rows, layout.edited, layout.session, layout.blocks, len(text))
    if not snapshots:
        raise CasefileError("the text looks like poolmon's but holds no snapshot; expected a list of pool tags")
    if len(snapshots) > MAX_SNAPSHOTS:
        raise CasefileError(f"the poolmon log has more than {MAX_SNAPSHOTS:,} snapshots; cut it to those of interest")
    notes = _Notes(casefile)
    if half_read(table, len(snapshots), torn=not text.endswith(b"\n")):
        line = snapshots.pop().line
        table.keep(table.snapshot < len(snapshots))
        notes.add("broken", "The last snapshot was cut while it was written; the one before it is the last read.", line)
    order, placed_by = in_order(table, snapshots, layout.zoned)
    case = _facts(snapshots[order[-1]], text, casefile)
    if len(snapshots) > 1:
        case.history = _history(table, snapshots, order, notes)
        case.add(_series_fact(case.history, placed_by, casefile))
    _note_times(layout, placed_by, snapshots, notes)
    if layout.broken:
        left_out = f"Rows that could not be read: {len(layout.broken):,}; they were left out."
        notes.add("not-understood", left_out, layout.broken[0].number + 1, "warning")
    case.extend(notes.facts)
    return [case]


class _Notes:
    """Data-quality notes about lines of the file."""

    def __init__(self, casefile: Casefile) -> None:
        self.name = casefile.name
        self.facts: list[Fact] = []

    def add(self, problem: str, text: str, line: int, severity: str = "info") -> None:
        """Add one sentence about the tags from a line on, counted from 1."""
        self.facts.append(note(problem, "tags", text, f"{self.name}:{line}", severity=severity, line=line))


def _facts(snapshot: Snapshot, text: bytes, casefile: Casefile) -> Case:
    """The case of one snapshot, as the log readers make it of a screen pasted into a log."""
    lines: list[Line] = []
    for block, end in snapshot.parts:
        part = decoded_lines(text[block.offset : end], block.line)
        lines.extend(line for line in part if line.text and kind_of(line.text) in _PRINTED)
    log = Log(casefile.name)
    index = 0
    while index < len(lines):
        ends = (parser(lines, index, log) for parser in PARSERS)
        index = next((end for end in ends if end > index), index + 1)
    last = lines[-1].number if lines else snapshot.line
    case = to_cases([LogBlock(snapshot.line, last, log.facts)], casefile)[0]
    case.history = None
    labels: dict[str, str] = {}
    for block, _ in snapshot.parts:
        labels.update(block.labels)
    time, uptime = snapshot.time, _uptime(labels)
    build = labels.get("buildnumber", "")
    if time or uptime or "computername" in labels:
        case.add(
            new(
                "system",
                source=f"{casefile.name}:{snapshot.line}",
                verify="poolmon",
                crash_time=_iso(time),
                uptime_s=uptime,
                computer=labels.get("computername") or None,
                build=int(build) if build.isdecimal() and len(build) <= 6 else None,
            )
        )
    return case


def decoded_lines(part: bytes, first: int) -> list[Line]:
    """The lines of a piece of the log, numbered as in the file, at most MAX_LAST_LINES."""
    raws = part.split(b"\n", MAX_LAST_LINES)[:MAX_LAST_LINES]
    lines = to_lines("\n".join(decoded(raw) for raw in raws))
    return [replace(line, number=line.number + first) for line in lines]


def _history(table: Table, snapshots: Sequence[Snapshot], order: Sequence[int], notes: _Notes) -> History:
    moments = [
        Moment(
            f"{notes.name}:{snapshots[index].line}", snapshots[index].time, _uptime(snapshots[index].parts[0][0].labels)
        )
        for index in order
    ]
    readings = []
    _leave_out_impossible(table, notes)
    subjects, values, left_out = counters(table, order)
    if left_out:
        text = f"The series has {left_out:,} more tags than are followed; those with the fewest bytes were left out."
        notes.add("not-read", text, 1, "warning")
    if subjects:
        keys = tuple({"subject": tag, "tag": tag, "pool": pool} for tag, pool in subjects)
        readings.append(Readings("tag", "outstanding", "allocations", keys, values, "poolmon"))
    readings.extend(_totals([snapshots[index] for index in order]))
    return History(moments, readings)


def _leave_out_impossible(table: Table, notes: _Notes) -> None:
    """Rows that contradict themselves are no readings; of rows for the same tag in one snapshot the last is."""
    fits = believable(table.rows)
    if not fits.all():
        first = int((~fits).argmax())
        tag, _ = table.subjects[int(table.subject[first])]
        line = int(table.rows.line[first]) + 1
        text = (
            f"{int((~fits).sum()):,} rows contradict themselves and are no readings of the series; "
            f"the first is that of tag {tag.strip()}."
        )
        notes.add("impossible-counter", text, line, "warning")
        table.keep(fits)
    again = repeated(table)
    if again:
        text = f"{again:,} rows repeat a tag of the same snapshot with other figures; the last of them was taken."
        notes.add("low-precision", text, 1, "warning")


def _totals(snapshots: Sequence[Snapshot]) -> list[Readings]:
    """The pools and the memory of the header lines, to the kilobyte."""
    import numpy as np

    def column(group: str) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
        found = []
        for snapshot in snapshots:
            matches = (match for block, _ in snapshot.parts for match in (block.memory, block.commit) if match)
            value = next((match[group] for match in matches if group in match.re.groupindex), None)
            found.append(float(value) * KB if value else np.nan)
        return np.array(found)

    readings = []
    pools = np.column_stack([column(pool) for pool in _POOLS])
    if not np.isnan(pools).all():
        keys = tuple({"subject": pool, "pool": pool} for pool in _POOLS)
        readings.append(Readings("pool", "used_bytes", "bytes", keys, {"used_bytes": pools}, "poolmon"))
    for name, group in _MEMORY.items():
        array = column(group)
        if not np.isnan(array).all():
            readings.append(Readings("memory", name, "bytes", ({"subject": name},), {name: array[:, None]}, "poolmon"))
    return readings


def _series_fact(history: History, placed_by: str, casefile: Casefile) -> Fact:
    times = [moment.time for moment in history.moments if moment.time]
    steps = [(after - before).total_seconds() for before, after in pairwise(times)]
    dated = len(times) == len(history.moments)
    return new(
        "snapshot",
        source=history.moments[0].source,
        number=1,
        name=casefile.name,
        sha256=casefile.sha256,
        source_kind="poolmon",
        time=_iso(times[0]) if dated else None,
        until=_iso(times[-1]) if dated else None,
        uptime_s=history.moments[-1].uptime_s,
        readings=len(history.moments),
        interval_s=float(median(steps)) if dated and steps else None,
        placed_by=placed_by,
    )


def _note_times(layout: Layout, placed_by: str, snapshots: Sequence[Snapshot], notes: _Notes) -> None:
    dated = sum(snapshot.time is not None for snapshot in snapshots)
    if len(snapshots) > 1 and placed_by != "clock":
        text = "The series is in the order of the file: not every snapshot is dated."
        if not dated:
            text = "The series is in the order of the file and has no rates: its snapshots are not dated."
        if any(block.time for block in layout.blocks) and not dated:
            text = "The clock was set back during the series: its times are not used, and there are no rates."
        notes.add("undated", text, 1, "warning")
    if dated and not layout.zoned:
        notes.add("undated", "The log does not say how far its clock is from UTC; its local times are given as UTC.", 1)
    if dated and not layout.told:
        text = "Day and month of the dates cannot be told apart; the time between the snapshots is the same either way."
        notes.add("undated", text, 1)


def _uptime(labels: dict[str, str]) -> float | None:
    """Seconds since boot, from the ticks of a millisecond in memsnap's head; they begin anew after 49.7 days."""
    ticks = labels.get("tickcount", "")
    return int(ticks) / 1000 if ticks.isdecimal() and len(ticks) <= 10 else None


def _iso(time: datetime | None) -> str | None:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ") if time else None
