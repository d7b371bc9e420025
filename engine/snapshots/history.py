"""The history of several casefiles: their moments on one line, and what each of them read."""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..facts.fact import Quality
from ..facts.history import History, Readings
from .order import Placed, timeline
from .processes import Processes
from .readings import COMPARED, Key, Track, bytes_of, lists_all_tags, tracks

if TYPE_CHECKING:
    from numpy.typing import NDArray

_WRAPS = ("allocs", "frees")
"""Counters of tags that are 32 bits wide in some tools and 64 in others."""


def history_of(found: Sequence[Placed], processes: Processes) -> History:
    """What was read at two moments or more. A counter that a casefile lacks is unknown there, not zero; only a tag
    that is missing from the whole tracker table of a dump has nothing allocated."""
    line = timeline(found)
    rows: list[list[int]] = [[0] * len(one.moments) for one in found]
    for row, (place, number) in enumerate(line):
        rows[place][number] = row
    moments = [found[place].moments[number] for place, number in line]
    read: dict[Key, list[tuple[int, Track]]] = {}
    for place, one in enumerate(found):
        of_case = tracks(one.case, len(one.moments), partial(processes.number, place))
        for key, track in of_case.items():
            read.setdefault(key, []).append((place, track))
    whole = {
        (place, pool): lists_all_tags(one.case, pool)
        for place, one in enumerate(found)
        for pool in ("nonpaged", "paged")
    }
    joined = {key: _joined(each, rows, len(moments), _missing(each, whole, len(found))) for key, each in read.items()}
    kept = {key: track for key, track in joined.items() if track}
    for key, track in list(kept.items()):
        sizes = kept.get(bytes_of(key)) if track.quantity == "tag" and track.unit != "bytes" else None
        if sizes:  # allocations tell more than bytes, where they were read as often
            del kept[key if _readings(sizes) > _readings(track) else bytes_of(key)]
    return History(moments, list(_stacked(kept.values(), len(moments))))


def _readings(track: Track) -> int:
    import numpy as np

    return int(np.count_nonzero(~np.isnan(track.values[track.counter])))


def _missing(read: Sequence[tuple[int, Track]], whole: dict[tuple[int, str], bool], places: int) -> list[int]:
    """The casefiles that show by not listing it that a tag has nothing allocated."""
    track = read[-1][1]
    if track.quantity != "tag":
        return []
    having = {place for place, _ in read}
    pool = str(track.subject.get("pool"))
    return [place for place in range(places) if place not in having and whole.get((place, pool))]


def _joined(
    read: Sequence[tuple[int, Track]], rows: Sequence[Sequence[int]], moments: int, missing: Iterable[int]
) -> Track | None:
    """One counter over all moments; None where fewer than two readings of one kind are there."""
    import numpy as np

    counted: Counter[Quality] = Counter()
    for _, track in read:
        counted[track.quality] += int(np.count_nonzero(~np.isnan(track.values[track.counter])))
    zeros = [row for place in missing for row in rows[place]]
    counted["exact"] += len(zeros) if counted["exact"] else 0
    quality = next((each for each in COMPARED if counted[each] >= 2), None)
    if quality is None:
        return None
    kept = [(place, track) for place, track in read if track.quality == quality]
    last = kept[-1][1]
    bits = 32 if any(track.bits == 32 for _, track in kept) else None
    values: dict[str, NDArray[np.float64]] = {}
    for place, track in kept:
        for name, array in track.values.items():
            name = last.counter if name == track.counter else name
            filled = values.setdefault(name, np.full(moments, np.nan))
            # A counter of 64 bits beside one of 32 is comparable in its lower half.
            filled[rows[place]] = array % 2.0**32 if bits and track.bits != 32 and name in _WRAPS else array
    for name in (last.counter, "bytes") if quality == "exact" and zeros else ():
        if name in values:
            values[name][zeros] = 0.0
    return Track(last.quantity, last.counter, last.unit, last.subject, quality, bits, last.verify, values)


def _stacked(joined: Iterable[Track], moments: int) -> Iterable[Readings]:
    """The counters of one kind as arrays."""
    import numpy as np

    groups: dict[tuple[str, str, str, Quality, int | None], list[Track]] = {}
    for track in joined:
        key = (track.quantity, track.counter, track.unit, track.quality, track.bits)
        groups.setdefault(key, []).append(track)
    unknown = np.full(moments, np.nan)
    for (quantity, counter, unit, quality, bits), group in groups.items():
        names = dict.fromkeys(name for track in group for name in track.values)
        yield Readings(
            quantity,
            counter,
            unit,
            tuple(track.subject for track in group),
            {name: np.stack([track.values.get(name, unknown) for track in group], axis=1) for name in names},
            next((track.verify for track in group if track.verify), None),
            quality,
            bits,
        )
