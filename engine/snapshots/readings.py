"""The counters of one casefile, in a form in which those of several can be set side by side."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..facts import KINDS, Case, Fact, Value
from ..facts.fact import Quality

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Key = tuple[object, ...]
Who = Callable[[Mapping[str, Value]], object]
"""What stands for the process of a fact or subject."""

COMPARED: tuple[Quality, ...] = ("exact", "rounded")
"""A lower bound may rise because more of a list was printed, a suspect counter for any reason."""

_COUNTERS = (
    ("tag", "tag", "outstanding", "allocations", ("bytes", "allocs", "frees")),
    ("tag", "tag", "bytes", "bytes", ()),
    ("pool", "pool", "used_bytes", "bytes", ()),
    ("object_type", "object type", "objects", "objects", ()),
    ("object_type", "object type", "handles", "handles", ()),
    ("process", "process", "handle_count", "handles", ()),
    ("process", "process", "threads", "threads", ()),
    ("process", "process", "private_bytes", "bytes", ()),
    ("handles", "handles", "count", "handles", ()),
)
"""Kind of fact, quantity, counter, its unit, and counters read beside it."""

_NO_COURSE = ("physical_bytes", "peak_commit_bytes")
"""Of memory: what is there, and what can only rise."""


@dataclass(frozen=True, slots=True)
class Track:
    """One counter of one subject over the moments of one casefile; `values` by name, each of shape (moments,)."""

    quantity: str
    counter: str
    unit: str
    subject: Mapping[str, Value]
    quality: Quality
    bits: int | None
    verify: str | None
    values: Mapping[str, "NDArray[np.float64]"]


def tracks(case: Case, moments: int, who: Who) -> dict[Key, Track]:
    """The counters of a case by what they count. What two facts or series of a case claim at once is left out."""
    found: dict[Key, Track] = {}
    doubled: set[Key] = set()
    series = _of_history(case, who) if case.history is not None else ()
    for key, track in series:
        if key in found:
            doubled.add(key)
        found[key] = track
    of_series = frozenset(found)
    for key, track in _of_facts(case, moments, who):
        if key in of_series:
            continue
        if key in found:
            doubled.add(key)
        found[key] = track
    clear = {key: track for key, track in found.items() if key not in doubled and track.quality in COMPARED}
    sizes = {
        bytes_of(key): _sizes(track)
        for key, track in clear.items()
        if track.quantity == "tag" and "bytes" in track.values
    }
    return {**sizes, **clear}


def bytes_of(key: Key) -> Key:
    """The key of the bytes of the tag whose allocations a key stands for: tables and events know only these."""
    return (key[0], "bytes", *key[2:])


def _sizes(track: Track) -> Track:
    return replace(track, counter="bytes", unit="bytes", bits=None, values={"bytes": track.values["bytes"]})


def lists_all_tags(case: Case, pool: str) -> bool:
    """Whether a tag that is not among the facts has nothing allocated: of the tracker table of a dump, read whole."""
    if case.casefile.kind != "dump" or not any(tag.quality == "exact" for tag in case.where("tag", pool=pool)):
        return False
    return pool != "session" and not any(
        note.text("subject") in ("tags", "pool") and note.text("severity") == "warning"
        for note in case.of("data_quality")
    )


def _of_facts(case: Case, moments: int, who: Who) -> Iterator[tuple[Key, Track]]:
    """The figures among the facts, which are of the last moment."""
    for kind, quantity, counter, unit, beside in _COUNTERS:
        for fact in case.of(kind):
            if fact.int(counter) is not None and (subject := _subject(fact)) is not None:
                values = {name: _last(fact, name, moments) for name in (counter, *beside) if fact.int(name) is not None}
                key = _key(quantity, unit, subject, who(fact.fields))
                yield key, Track(quantity, counter, unit, subject, fact.quality, None, fact.verify, values)
    memory = case.one("memory")
    for name, field in KINDS["memory"].fields.items() if memory else ():
        if (
            memory
            and field.type == "int"
            and name not in _NO_COURSE
            and "(derived)" not in field.doc
            and memory.int(name) is not None
        ):
            subject = {"subject": name}
            values = {name: _last(memory, name, moments)}
            key = _key("memory", field.unit, subject, None)
            yield key, Track("memory", name, field.unit, subject, memory.quality, None, memory.verify, values)


def _of_history(case: Case, who: Who) -> Iterator[tuple[Key, Track]]:
    for readings in case.history.readings if case.history else ():
        for index, subject in enumerate(readings.subjects):
            values = {name: array[:, index] for name, array in readings.values.items()}
            key = _key(readings.quantity, readings.unit, subject, who(subject))
            yield (
                key,
                Track(
                    readings.quantity,
                    readings.counter,
                    readings.unit,
                    subject,
                    readings.quality,
                    readings.bits,
                    readings.verify,
                    values,
                ),
            )


def _subject(fact: Fact) -> dict[str, Value] | None:
    """The identifying fields of the growth of a fact; None where it is not told which one it is."""
    names = {"tag": "tag", "pool": "type", "object_type": "type"}
    subject = fact.text(names.get(fact.kind, "image"))
    if subject is None or (fact.kind in ("process", "handles") and fact.int("pid") is None):
        return None
    if fact.kind == "tag":
        return {"subject": subject, "tag": subject, "pool": fact.text("pool") or ""}
    if fact.kind in ("pool", "object_type"):
        return {"subject": subject, "pool" if fact.kind == "pool" else "type": subject}
    found: dict[str, Value] = {"subject": subject, "image": subject, "pid": fact.fields["pid"]}
    kind = fact.text("type")
    if fact.kind == "handles" and kind is not None:
        found["type"] = kind
        if kind != "*":
            found["subject"] = f"{subject} {kind}"
    return found


def _key(quantity: str, unit: str, subject: Mapping[str, Value], who: object) -> Key:
    """What two casefiles must agree in to have read one counter, whatever each of them calls it."""
    if quantity == "tag":
        return quantity, unit, subject.get("tag"), subject.get("pool")
    if quantity == "pool":
        return quantity, unit, subject.get("pool") or subject.get("subject")
    if quantity == "object type":
        return quantity, unit, subject.get("type") or subject.get("subject")
    if quantity in ("process", "handles"):
        return quantity, unit, who, subject.get("type", "*")
    return quantity, unit, subject.get("subject")


def _last(fact: Fact, name: str, moments: int) -> "NDArray[np.float64]":
    import numpy as np

    values = np.full(moments, np.nan)
    values[-1] = fact.int(name) or 0
    return values
