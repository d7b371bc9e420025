"""The course of a counter over its readings, in one word of `growth.course`: does it rise, and all along?

A leak and a load differ in what is left when the load is gone. So a fall counts more than a rise: what comes back is
load, and only what never comes back, or comes back to ever higher lows, goes on rising.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVEL_SHARE = 0.01
"""A counter that stays within one percent of itself is level: every busy machine moves its counters by as much."""
LEVEL_COUNT = 16
LEVEL_BYTES = 65_536
"""What is level however small the counter is; poolmon's header counts in KB and pools grow by pages."""
STEADY = 6
"""Noise does not rise six times running (1 in 720): from here on a rise within one percent is one."""
FLUCTUATION_SHARE = 0.05
"""A counter that swings by so much is level where its first and last thirds are alike on average."""
WIGGLE = 0.05
"""A fall of so little of the whole range is no fall."""
MOST_OF_RISE = 0.9
STEP_TIME = 0.5
"""Where so much of the rise takes half of the time or less and it is quiet for a tenth after, it rose for a part of
the time only."""
LATE_STEP_TIME = 0.2
"""At the end nothing shows yet whether it stopped: there the part must be shorter, or a single interval."""
QUIET_TIME = 0.1
QUIET_TAIL = 1 / 3
"""A rise that all but ended before the last third of the time is over: so caches fill after a start."""
LOWS_SHARE = 0.15
FEW_LOWS_SHARE = 0.4
FEW = 24
"""The lows must rise by so much of the range, with fewer readings by more and their highs with them: three lows are in
order by chance in one case of six, and among few readings they lie far apart."""
VERY_FEW = 12
VERY_FEW_DROP = 0.4
"""With fewer readings nothing is said to rise that swings by so much of its range: noise alone looks so in one of 15
series of six to eight readings."""
SLOWED = 0.3
SLOWED_READINGS = 6
"""A rise that is by so much slower in the last third of the time than in the first, and slows down all along, is that
of a cache that fills. A leak follows the load of the day, which comes back or goes on at a lower level."""


def course(values: Array, seconds: Array, unit: str) -> str:
    """The course of at least two known readings, oldest first; `seconds` are their places in time, NaN unknown."""
    first, last = float(values[0]), float(values[-1])
    lowest, highest = float(values.min()), float(values.max())
    spread, change = highest - lowest, last - first
    least = LEVEL_BYTES if unit == "bytes" else LEVEL_COUNT
    noise = max(LEVEL_SHARE * max(abs(lowest), abs(highest)), least)
    if _is_level(values, spread, noise, least):
        return "level"
    if len(values) == 2:
        return "falling" if change < 0 else "two readings"
    if change <= 0:
        if highest - first > 2 * WIGGLE * spread:
            return "fell back"
        if -change < spread / 2:
            return "level"
        rebound = float((values - np.minimum.accumulate(values)).max())
        return "falling" if rebound < spread / 2 else "fell back"
    peaks = np.maximum.accumulate(values)
    drops = peaks - values
    deepest = float(drops.max())
    stepped = _is_stepped(peaks, _places(seconds))
    if deepest <= max(WIGGLE * spread, min(noise, spread / 4)):
        if stepped or _has_slowed(peaks, _places(seconds)):
            return "stepped"
        return "rising" if np.count_nonzero(np.diff(values)) >= 2 else "two readings"
    # A fall is one between two rises only where a new peak comes after it.
    recovered = bool(((drops > WIGGLE * spread) & (peaks < peaks[-1])).any())
    swings = len(values) < VERY_FEW and deepest >= VERY_FEW_DROP * spread
    if recovered and not swings and _has_rising_lows(values, spread, noise):
        return "rising lows"
    if deepest >= spread / 2 or (recovered and swings):
        return "fell back"
    if stepped or not recovered:
        return "stepped"
    half = len(values) // 2
    return "rising lows" if values[half:].min() > values[:half].min() + noise else "fell back"


def _is_level(values: Array, spread: float, noise: float, least: float) -> bool:
    if spread <= noise:
        steps = np.diff(values)
        steady = spread > least and bool((steps >= 0).all()) and np.count_nonzero(steps) >= STEADY
        return not steady
    if len(values) < 6 or spread > FLUCTUATION_SHARE * float(np.abs(values).max()):
        return False
    third = len(values) // 3
    drift = float(values[-third:].mean() - values[:third].mean())
    return abs(drift) <= min(noise, spread / 4)


def _places(seconds: Array) -> Array:
    """Places in time; numbers where some are unknown or not in order."""
    if np.isfinite(seconds).all() and (np.diff(seconds) > 0).all():
        return seconds
    return np.arange(len(seconds), dtype=np.float64)


def _is_stepped(peaks: Array, places: Array) -> bool:
    """Whether nearly all of the rise is in one short part of the time."""
    rise, total = peaks[-1] - peaks[0], places[-1] - places[0]
    tail = int(np.searchsorted(places, places[-1] - QUIET_TAIL * total, side="right")) - 1
    if peaks[-1] - peaks[tail] <= (1 - MOST_OF_RISE) * rise:
        return True
    ends = np.searchsorted(peaks, peaks + MOST_OF_RISE * rise)
    starts = np.flatnonzero(ends < len(peaks))
    took = places[ends[starts]] - places[starts]
    shortest = int(took.argmin())
    start, end = int(starts[shortest]), int(ends[starts[shortest]])
    share = float(took[shortest] / total)
    if (places[-1] - places[end]) / total >= QUIET_TIME:
        return share <= STEP_TIME
    return share <= LATE_STEP_TIME or (end - start == 1 and share <= STEP_TIME)


def _has_slowed(peaks: Array, places: Array) -> bool:
    """Whether what rises all along rises much more slowly towards the end."""
    if len(peaks) < SLOWED_READINGS:
        return False
    sixths = np.diff(np.interp(np.linspace(places[0], places[-1], 7), places, peaks))
    early, late = sixths[:2].sum(), sixths[-2:].sum()
    return bool(late <= SLOWED * early and (np.diff(sixths) <= WIGGLE * sixths[0]).all() and sixths[-1] <= sixths[-2])


def _has_rising_lows(values: Array, spread: float, noise: float) -> bool:
    """Whether the lowest readings of equal parts of the time rise from part to part, and by enough together."""
    if len(values) < 6:
        return False
    parts = np.array_split(values, min(max(len(values) // 4, 3), 6))
    lows = np.array([part.min() for part in parts])
    few = len(values) < FEW
    if few and (np.diff([part.max() for part in parts]) <= 0).any():
        return False
    needed = max(noise, (FEW_LOWS_SHARE if few else LOWS_SHARE) * spread)
    return bool((np.diff(lows) > 0).all() and lows[-1] - lows[0] >= needed)
