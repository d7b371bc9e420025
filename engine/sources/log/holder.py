"""Which process a table of handles belongs to, from what the log printed above it."""

import re
from dataclasses import dataclass

from ...facts import Fact, Value, address
from .block import Line, Log
from .cursor import line_of, recent

ADJACENT = 24
"""Lines between a PROCESS block and the handle table printed with it, in double line spacing."""

LIST_SPACING = 14
"""Lines from one PROCESS line to the next in a list, doubled line spacing included."""

AGREES = 0.02
"""Share by which the handles listed may differ from the handle count of the process: both are read at one moment, but
TableSize counts entries and not handles (391,189 against 388,386 on Windows 2000)."""

_ASKED = re.compile(r"!(?:\w+\.)?handle\s+\S+\s+\S+\s+(?P<process>(?:0x|0n)?[0-9a-fA-F`]{1,17})\b", re.IGNORECASE)
_USER_PROMPT = re.compile(r"\d+:\d{3}")


@dataclass(frozen=True, slots=True)
class Holder:
    """A process as far as it is known."""

    pid: int | None = None
    address: str | None = None
    image: str | None = None

    @property
    def unknown(self) -> bool:
        """Neither pid nor address is known."""
        return self.pid is None and self.address is None

    def fields(self) -> dict[str, Value | None]:
        """The fields of a fact that name the process."""
        return {"pid": self.pid, "address": self.address, "image": self.image}

    def verify(self, kind: str | None = None) -> str:
        """The command that lists its handles, all of them or of one type."""
        process = self.address or (f"0n{self.pid}" if self.pid is not None else "0")
        return f"!handle 0 3 {process} {kind}" if kind else f"!handle 0 0 {process}"


def holder_of_table(log: Log, line: Line, table: str | None) -> Holder:
    """Owner of a `!handle` list: the process whose table it is, or whose block stands right above it."""
    processes = _processes(log)
    if table is not None:
        for fact in processes:
            if fact.text("object_table") == address(table):
                return _holder(fact)
    last = processes[0] if processes else None
    if last is not None and 0 <= line.number - line_of(last) <= ADJACENT:
        return _holder(last)
    return _asked_for(log, processes) or (_single(processes) if table is not None else Holder())


def holder_of_histogram(log: Log, total: int, *, kernel_debugger: bool) -> Holder:
    """Owner of a type histogram: the process asked for, the one with as many handles, or the only one printed above."""
    processes = _processes(log)
    asked = _asked_for(log, processes)
    if asked is not None:
        return asked
    if not kernel_debugger or _USER_PROMPT.match(log.prompt):
        debugged = [fact for fact in processes if fact.verify == "|"]
        return _holder(debugged[0]) if len(debugged) == 1 else Holder()
    alike = {fact.get("address"): fact for fact in processes if _agrees(fact, total)}
    if len(alike) == 1:
        return _holder(next(iter(alike.values())))
    if processes:
        return Holder() if _agrees(processes[0], total) is False else _single(processes)
    for _, fact in recent(log, "sample"):
        if fact.int("owner_pid") is not None:
            return Holder(fact.int("owner_pid"), fact.text("owner_address"), fact.text("owner_image"))
    return Holder()


def _processes(log: Log) -> list[Fact]:
    return [fact for _, fact in recent(log, "process") if fact.int("pid") is not None]


def _holder(fact: Fact) -> Holder:
    return Holder(fact.int("pid"), fact.text("address"), fact.text("image"))


def _asked_for(log: Log, processes: list[Fact]) -> Holder | None:
    """The process named in a `!handle` command: an address, or a process id in hex unless it says 0n."""
    match = _ASKED.match(log.command.strip())
    if match is None:
        return None
    word = match["process"].lower().replace("`", "")
    if word.startswith("0n"):
        if not word[2:].isdecimal():
            return None
        value = int(word[2:])
    else:
        value = int(word.removeprefix("0x") or "0", 16)
    if value == 0:  # all processes
        return None
    for fact in processes:
        if fact.int("pid") == value or fact.text("address") == address(value):
            return _holder(fact)
    return Holder(address=address(value)) if value >= 1 << 31 else Holder(pid=value)


def _agrees(fact: Fact, total: int) -> bool | None:
    """Whether the handle count of a process agrees with a total; None when it is not known."""
    count = fact.int("handle_count") if fact.int("handle_count") is not None else fact.int("table_size")
    if count is None:
        return None
    return abs(count - total) <= AGREES * max(count, total)


def _single(processes: list[Fact]) -> Holder:
    """The last process printed, unless it is the last of a list."""
    if not processes:
        return Holder()
    last = processes[0]
    if len(processes) > 1 and 0 < line_of(last) - line_of(processes[1]) <= LIST_SPACING:
        return Holder()
    return _holder(last)
