"""One event, and what of it matters: the figures of Resource-Exhaustion-Detector 2004, or that a pool was empty."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

MAX_COUNT = 2**62

SYSTEM_INFO = {
    "SystemCommitLimit": "commit_limit",
    "SystemCommitCharge": "committed",
    "ProcessCommitCharge": "private",
    "PagedPoolUsage": "paged",
    "NonPagedPoolUsage": "nonpaged",
    "PhysicalMemorySize": "physical",
    "PhysicalMemoryUsage": "in_use",
}
"""Figures of event 2004, bytes all of them."""

CLAIMS = {
    ("srv", 2019): "nonpaged pool",
    ("srv", 2020): "paged pool",
    ("microsoft-windows-resource-exhaustion-detector", 2004): "commit",
    ("win32k", 243): "desktop heap",
    ("win32k", 244): "desktop heap",
    ("application popup", 26): "commit",
    ("application popup", 333): "registry flush",
    ("tcpip", 4227): "tcp ports",
}
"""What an event says has run out, by source and id. None of them says what used it up."""
BOOTS = frozenset({("eventlog", 6005), ("eventlog", 6009), ("microsoft-windows-kernel-general", 12)})
"""Events written once at every start."""

DETECTOR = ("microsoft-windows-resource-exhaustion-detector", 2004)
_POPUP_26 = re.compile(r"virtual memory", re.IGNORECASE)  # 26 is any message box of the system

_CONSUMED = re.compile(
    r"(?:^|[:,\"„“»]|\band|\bund|\bet|\by)\s*(?:(?:and|und|et|y)\s)?[\"„“«»]?(?P<image>[^\s:,\"„“()][^:,\"„“«»()\n]{0,80}?)[\"”“»]?\s?"
    r"\((?P<pid>\d{1,10})\)\s[^\d(),]{1,40}(?P<bytes>\d[\d.,' \u00a0\u202f]{0,30})\s?(?:bytes?|octets?)\b",
    re.IGNORECASE,
)
_PROCESS, _TAG = re.compile(r"Process_\d{1,4}$"), re.compile(r"Tag_\d{1,4}$")
_POOLS = {"PagedPoolInfo": "paged", "NonPagedPoolInfo": "nonpaged"}


@dataclass(frozen=True, slots=True)
class Consumer:
    """A process the event names: its commit in bytes."""

    image: str
    pid: int
    commit: int | None = None
    handles: int | None = None
    created: datetime | None = None


@dataclass(slots=True)
class Event:
    """An event. `figures` are those of SYSTEM_INFO by their short names, `tags` (tag, pool) to bytes."""

    line: int
    provider: str = ""
    number: int | None = None
    time: datetime | None = None
    zoned: bool = False
    computer: str = ""
    text: str = ""
    figures: dict[str, int] = field(default_factory=dict)
    consumers: list[Consumer] = field(default_factory=list)
    tags: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def kind(self) -> tuple[str, int]:
        """Source, in lower case, and id."""
        return self.provider.strip().casefold(), self.number or 0

    @property
    def claim(self) -> str | None:
        """What it says has run out; None where it is no such event."""
        if self.kind == ("application popup", 26) and not _POPUP_26.search(self.text):
            return None
        return CLAIMS.get(self.kind)

    def complete(self) -> None:
        """Take the processes from the sentence where the event has no figures."""
        if self.kind == DETECTOR and not self.consumers:
            for match in _CONSUMED.finditer(self.text[:8000]):
                commit = count("".join(digit for digit in match["bytes"] if digit.isdigit()))
                self.consumers.append(Consumer(match["image"].strip(), int(match["pid"]), commit))


@dataclass(frozen=True, slots=True)
class Leaf:
    """A named value of an event and the names of the elements around it, the outermost first."""

    parents: tuple[str, ...]
    name: str
    value: str


def take(event: Event, leaves: Sequence[Leaf]) -> None:
    """Put the figures of the leaves into the event."""
    groups: dict[tuple[str, ...], dict[str, str]] = {}
    for leaf in leaves:
        if leaf.name in SYSTEM_INFO and (value := count(leaf.value)) is not None:
            event.figures.setdefault(SYSTEM_INFO[leaf.name], value)
        groups.setdefault(leaf.parents, {}).setdefault(leaf.name, leaf.value)
    for parents, values in groups.items():
        name = values.get("Name", "")
        if not parents or not name:
            continue
        if _PROCESS.match(parents[-1]):
            pid = count(values.get("ID", ""))
            if pid is not None and pid < 2**32:
                commit, handles = count(values.get("CommitCharge", "")), count(values.get("HandleCount", ""))
                event.consumers.append(
                    Consumer(name.strip()[:260], pid, commit, handles, moment(values.get("CreationTime", "")))
                )
        elif _TAG.match(parents[-1]):
            pool = next((_POOLS[parent] for parent in reversed(parents) if parent in _POOLS), None)
            used = count(values.get("PoolUsed", ""))
            if pool and used is not None and 0 < len(name) <= 4:
                event.tags.setdefault((name.ljust(4), pool), used)


def count(text: str) -> int | None:
    """A whole number of an event; None for anything else, or one no machine can have."""
    digits = text.strip()
    if not digits.isascii() or not digits.isdecimal() or len(digits) > 20:
        return None
    value = int(digits)
    return value if value < MAX_COUNT else None


def moment(text: str) -> datetime | None:
    """A time as the XML of an event has it, in UTC; None where it is none, or the zero of Windows."""
    try:
        time = datetime.fromisoformat(text.strip())
        time = time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return time if 1601 < time.year < 9999 else None
