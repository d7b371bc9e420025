"""Which processes of several casefiles are one and the same: ids are used again as soon as a process has ended."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..facts import Fact, Value
from .identity import ONCE, before
from .order import Placed

_CREATED_APART = 60.0
"""Seconds by which two reckonings of one moment of creation differ at most: clocks are set while a machine runs."""
_IMAGE = 14
"""Characters of an image name that every source prints."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A process in one casefile; when it was created by the clock and in seconds since boot, where it shows."""

    pid: int
    image: str
    address: str | None
    created: datetime | None
    created_s: float | None


class Processes:
    """The processes of several casefiles, each with a number that is the same wherever the process is the same."""

    def __init__(self, found: Sequence[Placed]) -> None:
        self.assumed = 0
        """How often a process was taken for one of an earlier casefile on its pid and image alone."""
        self._lives: dict[int, list[_Seen]] = {}
        self._count = 0
        self._numbers: dict[_Seen, int] = {}
        self._seen: list[dict[int, list[_Seen]]] = []
        self._found = found
        for one in found:
            by_pid: dict[int, list[_Seen]] = {}
            for fact in (*one.case.of("process"), *one.case.of("handles")):
                seen = _seen(fact, one)
                others = by_pid.setdefault(seen.pid, []) if seen else []
                if seen and not any(_one(seen, other) for other in others):
                    others.append(seen)
            for seen in (each for others in by_pid.values() for each in others):
                self._number(seen)
            self._seen.append(by_pid)

    def number(self, place: int, fields: Mapping[str, Value]) -> object:
        """What stands for the process of a fact or subject of the casefile at a place; of one that cannot be told
        from others, something that stands for it there alone."""
        pid, image, address = fields.get("pid"), _image(fields.get("image")), _address(fields, self._found[place])
        others = self._seen[place].get(pid, []) if isinstance(pid, int) else []
        found = [each for each in others if each.image == image and address in (None, each.address)]
        return self._numbers[found[0]] if len(found) == 1 else (place, pid, image, address)

    def _number(self, seen: _Seen) -> None:
        known = self._lives.setdefault(seen.pid, [])
        alike = [other for other in reversed(known) if other.image == seen.image]
        shown = next((other for other in alike if _same(other, seen)), None)
        # A new process seldom gets the very id that another of its image had.
        same = shown or next((other for other in alike if _same(other, seen) is None), None)
        if same is None:
            self._count += 1
        self.assumed += same is not shown
        self._numbers[seen] = self._numbers[same] if same else self._count
        known.append(seen)


def _seen(fact: Fact, one: Placed) -> _Seen | None:
    pid, image = fact.int("pid"), _image(fact.get("image"))
    if pid is None or not image:
        return None
    age, uptime = fact.number("elapsed_s"), one.moments[-1].uptime_s
    created_s = uptime - age if age is not None and uptime is not None else None
    return _Seen(pid, image, _address(fact.fields, one), before(one.time, age), created_s)


def _address(fields: Mapping[str, Value], one: Placed) -> str | None:
    """The address of a process; pseudonyms of addresses are of one casefile only and compare with none of another."""
    address = fields.get("address")
    return address if isinstance(address, str) and one.case.redaction != "addresses" else None


def _image(value: Value | None) -> str:
    return value.lower()[:_IMAGE] if isinstance(value, str) else ""


def _one(seen: _Seen, other: _Seen) -> bool:
    """Whether two facts of one casefile are of one process; a list of handles may not print the address."""
    return seen.image == other.image and (seen.address is None or seen.address == other.address)


def _same(one: _Seen, two: _Seen) -> bool | None:
    """Whether two processes of one pid and image are one; None where nothing tells."""
    if one.address is not None and two.address is not None:
        return one.address == two.address
    if one.created_s is not None and two.created_s is not None:
        return abs(one.created_s - two.created_s) <= _CREATED_APART
    if one.created is not None and two.created is not None:
        return abs(one.created - two.created) <= timedelta(seconds=_CREATED_APART)
    return True if one.image in _ALWAYS else None


_ALWAYS = frozenset(image[:_IMAGE] for image in ONCE)
