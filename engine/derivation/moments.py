"""The moments of a history put in order: by time, each once, none before a restart, counters past 32 bits put right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC

import numpy as np
from numpy.typing import NDArray

from ..facts.history import History, Moment, Readings

Array = NDArray[np.float64]

CUMULATIVE = ("allocs", "frees")
"""Counters since boot, which never fall while the machine runs."""
_HALF, _WHOLE = 2.0**31, 2.0**32
_LARGEST = 2.0**61
"""No counter is larger; what reads more was misread. Differences of two still fit 64 bits."""
_UPTIME_SLACK_S = 1.0
"""An uptime is printed in whole seconds by some tools."""
_BOOT_SLACK_S = 5.0
"""The time of boot that clock and uptime give differs by so little within one boot, else the clock was set."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A history to reckon with: `seconds` is the place of each moment in time, NaN where unknown, of any origin.

    `restart` holds the moments before and after the last restart and `set_aside` how many lie before it. `wrapped` are
    the subjects whose counters went through 2**32, as (number of the readings, number of the subject).
    """

    history: History
    seconds: Array
    restart: tuple[Moment, Moment] | None
    set_aside: int
    wrapped: frozenset[tuple[int, int]]


def settled(history: History) -> Settled:
    """The history in order of time, from the last restart on."""
    moments, readings = list(history.moments), [_believable(one) for one in history.readings]
    times = _column([moment.time.replace(tzinfo=moment.time.tzinfo or UTC).timestamp() if moment.time else None
                     for moment in moments])  # fmt: skip
    uptimes = _column([moment.uptime_s for moment in moments])
    if np.isfinite(times).all() and (np.diff(times) < 0).any():
        order = np.argsort(times, kind="stable")
        moments, readings = [moments[at] for at in order], [_rows(one, order) for one in readings]
        times, uptimes = times[order], uptimes[order]
    start = _last_restart(times, uptimes, readings)
    restart = (moments[start - 1], moments[start]) if start else None
    if start:
        moments, readings = moments[start:], [_rows(one, slice(start, None)) for one in readings]
    seconds = _seconds(times[start:], uptimes[start:])
    kept = _once_each(moments, seconds, readings)
    if len(kept) < len(moments):
        moments, seconds = [moments[at] for at in kept], seconds[kept]
        readings = [_rows(one, kept) for one in readings]
    unwrapped = [_unwrapped(one) for one in readings]
    wrapped = frozenset((number, int(at)) for number, (_, found) in enumerate(unwrapped) for at in found)
    return Settled(History(moments, [one for one, _ in unwrapped]), seconds, restart, start, wrapped)


def filled(values: Array) -> Array:
    """The values with the last known one in each gap; NaN before the first."""
    known = np.isfinite(values)
    if known.all():
        return values
    last = np.maximum.accumulate(np.where(known, np.arange(len(values))[:, None], 0), axis=0)
    return np.take_along_axis(values, last, axis=0)


def _column(values: Sequence[float | None]) -> Array:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def _believable(readings: Readings) -> Readings:
    """The readings without figures that are none. Arrays are copied: those of the source stay as they were read."""
    values: dict[str, Array] = {}
    for name, read in readings.values.items():
        values[name] = copy = read.astype(np.float64)
        copy[~(np.abs(copy) < _LARGEST)] = np.nan
    if "allocs" in values:
        # `!poolused` prints the live allocations under that name where it prints no frees.
        values["allocs"][~np.isfinite(values["frees"]) if "frees" in values else slice(None)] = np.nan
    return replace(readings, values=values)


def _rows(readings: Readings, rows: "NDArray[np.intp] | slice | list[int]") -> Readings:
    return replace(readings, values={name: values[rows] for name, values in readings.values.items()})


def _last_restart(times: Array, uptimes: Array, readings: Sequence[Readings]) -> int:
    """The first moment after the last restart, 0 where there was none: its uptime is below an earlier one, or most
    of the allocations counted since boot that changed are fewer, and clock and uptime do not tell that it is the same
    boot."""
    known = np.flatnonzero(np.isfinite(uptimes))
    found = [int(known[at + 1]) for at in np.flatnonzero(np.diff(uptimes[known]) < -_UPTIME_SLACK_S)]
    moved = fell = np.zeros(max(len(uptimes) - 1, 0), dtype=np.intp)
    for one in readings:
        # Of session pool the counters of sessions that ended are no longer in the sum.
        lasting = [at for at, subject in enumerate(one.subjects) if subject.get("pool") != "session"]
        if "allocs" in one.values and lasting:
            allocs = filled(one.values["allocs"][:, lasting])
            steps = np.diff(allocs, axis=0)
            falls = steps < 0
            moved = moved + ((steps > 0) | falls).sum(axis=1)
            if falls.any():
                fell = fell + (falls & ~_wraps(allocs, one.bits)).sum(axis=1)
    same_boot = np.abs(np.diff(times - uptimes)) <= _BOOT_SLACK_S
    found += [int(at) + 1 for at in np.flatnonzero((2 * fell > moved) & ~same_boot)]
    return max(found, default=0)


def _wraps(values: Array, bits: int | None) -> NDArray[np.bool_]:
    """Where a counter that cannot fall went from the upper half of 32 bits to the lower. The tables that
    NtQuerySystemInformation gives poolmon count allocations and frees in 32 bits on 64-bit Windows too."""
    before, after = values[:-1], values[1:]
    if bits not in (None, 32):
        return np.zeros(before.shape, dtype=np.bool_)
    narrow = ~(values >= _WHOLE).any(axis=0)
    return (before >= _HALF) & (after < _HALF) & (after >= 0) & narrow


def _seconds(times: Array, uptimes: Array) -> Array:
    """The place of each moment in time: its uptime, else its time since the boot that other moments tell, else the
    clock where more moments have that."""
    both = np.isfinite(times) & np.isfinite(uptimes)
    if both.any():
        return np.where(np.isfinite(uptimes), uptimes, times - float(np.median(times[both] - uptimes[both])))
    return times if np.isfinite(times).sum() > np.isfinite(uptimes).sum() else uptimes


def _once_each(moments: list[Moment], seconds: Array, readings: Sequence[Readings]) -> list[int]:
    """The moments to keep. One at the same second as the moment before it, or without a time and with the very figures
    of that, is the same snapshot again; what only the earlier one shows goes into the later."""
    kept = list(range(len(seconds)))
    arrays = [values for one in readings for values in one.values.values()]
    for at in range(1, len(seconds)):
        before, after = seconds[at - 1], seconds[at]
        dated = np.isfinite(before) and np.isfinite(after)
        if (dated and before != after) or not (dated or _agree(arrays, at - 1, at)):
            continue
        kept.remove(at - 1)
        for values in arrays:
            values[at] = np.where(np.isfinite(values[at]), values[at], values[at - 1])
        if np.isnan(after):
            seconds[at], moments[at] = before, moments[at - 1]
    return kept


def _agree(arrays: Sequence[Array], first: int, second: int) -> bool:
    """Whether two moments show some figure twice and none in two values."""
    common = False
    for values in arrays:
        both = np.isfinite(values[first]) & np.isfinite(values[second])
        if both.any():
            common = True
            if (values[first][both] != values[second][both]).any():
                return False
    return common


def _unwrapped(readings: Readings) -> tuple[Readings, set[int]]:
    """The readings with counters that go on past 2**32, and the subjects where one did."""
    values: dict[str, Array] = dict(readings.values)
    found: set[int] = set()
    for name in CUMULATIVE:
        if name in values:
            last = filled(values[name])
            wraps = np.diff(last, axis=0) < 0
            if wraps.any() and (wraps := wraps & _wraps(last, readings.bits)).any():
                values[name] = values[name].copy()
                values[name][1:] += _WHOLE * np.cumsum(wraps, axis=0)
                found.update(int(at) for at in np.flatnonzero(wraps.any(axis=0)))
    return replace(readings, values=_with_outstanding(readings, values)), found


def _with_outstanding(readings: Readings, values: Mapping[str, Array]) -> dict[str, Array]:
    """Outstanding allocations are those not freed, where the source could not say: their difference in 32 bits."""
    result = dict(values)
    if readings.counter != "outstanding" or not all(name in values for name in (*CUMULATIVE, "outstanding")):
        return result
    outstanding = values["outstanding"]
    unsaid = ~(outstanding >= 0)
    if unsaid.any():
        difference = values["allocs"] - values["frees"]
        if readings.bits in (None, 32):
            # One counter may have gone through its end before the first moment and the other after it.
            difference = np.where(np.abs(difference) < _WHOLE, np.mod(difference, _WHOLE), difference)
            difference[difference >= _HALF] = np.nan
        result["outstanding"] = np.where(unsaid, np.where(difference >= 0, difference, np.nan), outstanding)
    return result
