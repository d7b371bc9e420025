"""The processes of a Performance Monitor log.

The instances of the object Process are named by image, and those of one image are numbered anew in every sample: when
the second of three ends, the third becomes the second. The process id (counter ID Process, or the instance name of
Process V2) tells them apart. Without it an image that ran more than once gives facts of the last sample but no
history, as what looks like growth of one may be another in its place.
"""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ...facts import Fact, Value, new
from ...facts.history import Readings
from .counters import POOLS, PROCESS, Counter

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_READINGS = 1 << 24
"""Readings kept of all processes, and of each of their counters together."""

_NO_IMAGE = frozenset(
    {"system", "registry", "memory compression", "memcompression", "secure system", "vmmem", "vmmemwsl", "interrupts"}
)
"""Processes without a file of their own; of others the counter leaves out the ending .exe."""
_ENDINGS = (".exe", ".com", ".scr", ".tmp", ".bin")
_NONE = frozenset({"_total", "idle"})
_ONCE = frozenset({"system", "wininit", "services", "lsass"})
"""Critical processes: each lives as long as Windows runs, and a new one means that it was started again."""
MAX_PID = 2**32
_VERIFY = 'typeperf "\\Process(*)\\*" -sc 1'

_UNITS = {"handle_count": "handles", "threads": "threads", "private_bytes": "bytes"}
_POOL_NAMES = {"pool nonpaged bytes": "Pool Nonpaged Bytes", "pool paged bytes": "Pool Paged Bytes"}


@dataclass(frozen=True, slots=True)
class _Life:
    """One process from start to end: its parts are the columns of an instance and the samples it stood there in."""

    image: str
    pid: int | None
    parts: tuple[tuple[Mapping[str, int], "NDArray[np.intp]"], ...]


@dataclass(slots=True)
class Lives:
    """The processes of one machine: `known` over time, `unclear` (image and columns) in the last sample only."""

    known: list[_Life] = field(default_factory=list)
    unclear: list[tuple[str, Mapping[str, int]]] = field(default_factory=list)
    notes: list[tuple[str, str, str, str]] = field(default_factory=list)

    def facts(self, values: "NDArray[np.float64]", row: int, source: str) -> Iterator[Fact]:
        """The process facts of a sample."""
        for life in self.known:
            for columns, rows in life.parts:
                if row in rows:
                    yield from _fact(life.image, life.pid, columns, values[row], source)
        for image, columns in self.unclear:
            yield from _fact(image, None, columns, values[row], source)

    def readings(self, values: "NDArray[np.float64]") -> Iterator[Readings]:
        """The readings of all processes known over time, by counter."""
        import numpy as np

        for name in (*_UNITS, *POOLS):
            having = [life for life in self.known if any(name in columns for columns, _ in life.parts)]
            if not having:
                continue
            array = np.full((len(values), len(having)), np.nan)
            for number, life in enumerate(having):
                for columns, rows in life.parts:
                    if name in columns:
                        array[rows, number] = values[rows, columns[name]]
            if name in _UNITS:
                subjects = tuple(_subject(life, life.image) for life in having)
                yield Readings("process", name, _UNITS[name], subjects, {name: array}, _VERIFY)
            else:
                subjects = tuple(_subject(life, f"{_POOL_NAMES[name]} of {life.image}") for life in having)
                yield Readings("counter", "value", "bytes", subjects, {"value": array}, _VERIFY)


def lives(columns: Sequence[tuple[int, Counter]], values: "NDArray[np.float64]") -> Lives:
    """The processes behind the columns of the object Process."""
    instances: dict[tuple[str, int, int | None], dict[str, int]] = {}
    for index, counter in columns:
        if counter.instance.casefold() not in _NONE and counter.instance:
            instance = instances.setdefault((counter.instance, counter.number, counter.pid), {})
            instance.setdefault(PROCESS.get(counter.name, counter.name), index)
    alike = Tally(image.casefold() for image, _, pid in instances if pid is None)
    result = Lives()
    found: dict[tuple[str, int | None], list[tuple[Mapping[str, int], NDArray[np.intp]]]] = {}
    for (name, _, pid), indices in instances.items():
        image = _image(name)
        if pid is not None or "pid" in indices:
            for one, rows in _by_pid(indices, pid, values):
                found.setdefault((image, one), []).append((indices, rows))
        elif alike[name.casefold()] > 1:
            result.unclear.append((image, indices))
        else:
            found[image, None] = [(indices, _read_rows(indices, values))]
    _collect(result, found, values)
    if result.unclear:
        names = sorted({image for image, _ in result.unclear})
        shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        text = (
            f"The log has several processes of the same name ({shown}) and no process ids; which is which changes when "
            "one ends, so their growth is not worked out. Log \\Process(*)\\ID Process too."
        )
        result.notes.append(("low-precision", "processes", "warning", text))
    return result


def started(columns: Sequence[tuple[int, Counter]], values: "NDArray[np.float64]") -> int:
    """The first sample after the last restart that critical processes show by a new id or a fallen elapsed time; 0
    where they show none."""
    import numpy as np

    ids: dict[str, NDArray[np.float64]] = {}
    ages: list[NDArray[np.float64]] = []
    for index, counter in columns:
        image, name = counter.instance.casefold(), PROCESS.get(counter.name)
        if counter.object != "process" or image not in _ONCE or counter.number:
            continue
        if counter.pid is not None or name == "pid":
            known = ids.setdefault(image, np.full(len(values), np.nan))
            read = values[:, index] > 0 if counter.pid is None else ~np.isnan(values[:, index])
            known[read] = values[read, index] if counter.pid is None else counter.pid
        if name == "elapsed_s":
            ages.append(values[:, index])
    rows = [0]
    for array, anew in (*((one, np.not_equal) for one in ids.values()), *((one, np.less) for one in ages)):
        known_rows = np.flatnonzero(~np.isnan(array))
        found = np.flatnonzero(anew(array[known_rows[1:]], array[known_rows[:-1]]))
        rows += [int(known_rows[at + 1]) for at in found]
    return max(rows)


def _collect(
    result: Lives,
    found: Mapping[tuple[str, int | None], list[tuple[Mapping[str, int], "NDArray[np.intp]"]]],
    values: "NDArray[np.float64]",
) -> None:
    """The last run of each process found; of too many those that ran to the end first, then the longest."""
    import numpy as np

    seen = np.zeros(len(values), dtype=bool)
    for parts in found.values():
        for _, rows in parts:
            seen[rows] = True
    order = np.cumsum(seen)
    everyone = [_last_run(image, pid, parts, order, values) for (image, pid), parts in found.items()]
    everyone = [life for life in everyone if life.parts]
    most = max(64, MAX_READINGS // max(1, len(values)) // (len(_UNITS) + len(POOLS)))
    if len(everyone) > most:
        end = max(_end(life) for life in everyone)
        everyone.sort(key=lambda life: (_end(life) < end, -_length(life)))
        text = (
            f"The log shows {len(everyone):,} processes; the {len(everyone) - most:,} that ran for the shortest time "
            "were left out."
        )
        result.notes.append(("not-read", "processes", "info", text))
    result.known = everyone[:most]


def _end(life: _Life) -> int:
    """The last sample a process was read in."""
    return max(int(rows[-1]) for _, rows in life.parts)


def _length(life: _Life) -> int:
    return sum(len(rows) for _, rows in life.parts)


def _last_run(
    image: str,
    pid: int | None,
    parts: Sequence[tuple[Mapping[str, int], "NDArray[np.intp]"]],
    order: "NDArray[np.int_]",
    values: "NDArray[np.float64]",
) -> _Life:
    """The process that had this image and id last: one that was gone while others were read, or whose elapsed time
    fell, was another before."""
    import numpy as np

    rows = np.concatenate([rows for _, rows in parts]) if parts else np.empty(0, dtype=np.intp)
    if not len(rows):
        return _Life(image, pid, ())
    age = np.concatenate(
        [
            values[part, columns["elapsed_s"]] if "elapsed_s" in columns else np.full(len(part), np.nan)
            for columns, part in parts
        ]
    )
    sorting = np.argsort(rows, kind="stable")
    rows, age = rows[sorting], age[sorting]
    gone = np.diff(order[rows]) > 1 if pid is not None else np.zeros(len(rows) - 1, dtype=bool)
    breaks = np.flatnonzero(gone | (np.diff(age) < 0))
    start = rows[breaks[-1] + 1] if len(breaks) else rows[0]
    kept = ((columns, part[part >= start]) for columns, part in parts)
    return _Life(image, pid, tuple((columns, part) for columns, part in kept if len(part)))


def _by_pid(
    indices: Mapping[str, int], pid: int | None, values: "NDArray[np.float64]"
) -> Iterator[tuple[int, "NDArray[np.intp]"]]:
    """The process ids an instance had, and the samples of each."""
    import numpy as np

    if pid is not None:
        yield pid, _read_rows(indices, values)
        return
    ids = values[:, indices["pid"]]
    rows = np.flatnonzero((ids > 0) & (ids < MAX_PID))
    order = rows[np.argsort(ids[rows], kind="stable")]
    cuts = np.flatnonzero(np.diff(ids[order])) + 1
    for part in np.split(order, cuts):
        if len(part):
            yield int(ids[part[0]]), part


def _read_rows(indices: Mapping[str, int], values: "NDArray[np.float64]") -> "NDArray[np.intp]":
    import numpy as np

    return np.flatnonzero(~np.isnan(values[:, list(indices.values())]).all(axis=1))


def _fact(
    image: str, pid: int | None, columns: Mapping[str, int], row: "NDArray[np.float64]", source: str
) -> Iterator[Fact]:
    """The fact of a process in one sample; none where nothing was read of it."""
    found = {name: float(row[index]) for name, index in columns.items() if row[index] == row[index]}
    counts = {name: round(found[name]) for name in _UNITS if name in found}
    elapsed = found.get("elapsed_s")
    if counts or elapsed is not None:
        yield new(
            "process",
            source=source,
            verify=_VERIFY,
            quality="exact",
            quote=None,
            pid=pid,
            image=image,
            elapsed_s=elapsed,
            **counts,
        )


def _subject(life: _Life, subject: str) -> dict[str, Value]:
    fields: dict[str, Value] = {"subject": subject, "image": life.image}
    return fields if life.pid is None else {**fields, "pid": life.pid}


def _image(name: str) -> str:
    """The file name of an image from the name of its instance."""
    plain = name.casefold()
    return name if plain in _NO_IMAGE or plain.endswith(_ENDINGS) else f"{name}.exe"
