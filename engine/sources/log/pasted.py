"""Figures of memory copied from other tools into a ticket: RAMMap, Process Explorer, Task Manager, the event log.

    Usage           Total         Active        Standby   ...    Kernel Memory (K)       Non-paged pool 3.4 GB
    Nonpaged Pool   8,421,376 K   8,421,376 K                    Nonpaged  8,421,376

Their figures are rounded. RAMMap counts physical memory: what it gives for the paged pool is the part that is resident.
"""

import re
from collections.abc import Iterable, Sequence

from ...facts import Fact, Quality
from .block import Line, Log, Parser
from .cursor import output
from .numbers import read
from .tables import UNITS

MAX_ROWS = 40
MAX_SHORT = 120

_TOOLS = frozenset({"RAMMap", "Process Explorer", "Task Manager", "Get-Process", "handle -s"})

_UNIT = r"(?:bytes?|[KMG]i?B|[KMG])"
_NUMBER = rf"~?(?P<number>\d[\d.,' ]{{0,25}})\s?(?P<unit>{_UNIT})?"
_CELLS = re.compile(r"\t|\s{2,}|\s?\|\s?")
_CELL = re.compile(rf"{_NUMBER}$", re.IGNORECASE)
_RAMMAP = re.compile(r"\W{0,4}(?:usage\W.{0,10})?\btotal\b.{1,20}\bactive\b.{1,20}\bstandby\b", re.IGNORECASE)
_USES = frozenset(
    {
        "process private",
        "mapped file",
        "shareable",
        "page table",
        "paged pool",
        "nonpaged pool",
        "system pte",
        "session private",
        "metafile",
        "awe",
        "driver locked",
        "kernel stack",
        "unused",
        "large page",
        "total",
    }
)
_MEMORY_USES = {
    "awe": "awe_bytes",
    "driver locked": "mdl_bytes",
    "kernel stack": "kernel_stack_bytes",
    "page table": "page_table_bytes",
    "total": "physical_bytes",
}
_LISTS = ("standby", "zeroed", "free")
"""Lists of pages whose memory is available."""

_HEADING = re.compile(
    rf"(?P<part>commit charge|physical memory|kernel memory) ?(?:\((?P<unit>{_UNIT})\))? ?:?$", re.IGNORECASE
)
_LABELLED = re.compile(rf"(?P<label>[A-Za-z][A-Za-z -]{{1,24}}?) ?[:=]? {_NUMBER}$", re.IGNORECASE)
_PARTS = {
    "commit charge": {"current": "committed_bytes", "total": "committed_bytes", "limit": "commit_limit_bytes"}
    | {"peak": "peak_commit_bytes"},
    "physical memory": {"total": "physical_bytes", "available": "available_bytes"},
    "kernel memory": {"nonpaged": "nonpaged", "paged virtual": "paged", "paged": "paged"},
}
_POOL = re.compile(rf"\W{{0,4}}(?P<pool>(?:non[- ]?)?paged) pool ?[:=]? ?{_NUMBER}$", re.IGNORECASE)
_COMMITTED = re.compile(
    rf"\W{{0,4}}(?:committed|commit charge|commit) ?[:=]? {{0,8}}(?P<used>\d[\d.,]{{0,15}}) ?(?P<first>{_UNIT})? ?/ ?"
    rf"{_NUMBER}$",
    re.IGNORECASE,
)
_EMPTY = re.compile(
    r"unable to allocate from the system (?P<non>non-?\s?)?paged\s?pool because the pool was empty", re.IGNORECASE
)
_LOW = re.compile(r"diagnosed a low virtual memory condition", re.IGNORECASE)


def only_tables(facts: Iterable[Fact]) -> bool:
    """Whether all that was read are tables and figures pasted from other tools, and nothing a debugger printed."""
    found = [fact for fact in facts if fact.kind not in ("data_quality", "claim")]
    return bool(found) and all(
        fact.kind != "system" and (fact.quality == "rounded" or fact.verify in _TOOLS) for fact in found
    )


def parse_rammap(lines: Sequence[Line], start: int, log: Log) -> int:
    """The table Use Counts of RAMMap."""
    if not _RAMMAP.match(lines[start].text):
        return start
    header = [cell.lower().strip() for cell in _split(lines[start].text)]
    total = header.index("total") if "total" in header else -1
    memory: dict[str, int] = {}
    used: list[Line] = []
    end = start + 1
    for index, line in output(lines, end, MAX_ROWS):
        cells = _split(line.text)
        name = cells[0].lower().strip(" *") if cells else ""
        if name not in _USES:
            if set(line.text) <= set("-=|: +"):
                continue
            break
        end = index + 1
        sizes = dict(zip(header[max(total, 0) :], (_size(cell) for cell in cells[1:]), strict=False))
        size = sizes.get("total")
        if size is None:
            continue
        used.append(line)
        if name in ("nonpaged pool", "paged pool"):
            quality: Quality = "rounded" if name == "nonpaged pool" else "lower-bound"
            log.add("pool", [line], verify="RAMMap", quality=quality, type=name.split()[0], used_bytes=size)
        elif name in _MEMORY_USES:
            memory[_MEMORY_USES[name]] = size
        if name == "total":
            free = [part for part in _LISTS if sizes.get(part) is not None]
            if len(free) == len(_LISTS):
                memory["available_bytes"] = sum(sizes[part] or 0 for part in _LISTS)
            if sizes.get("modified") is not None:
                memory["modified_bytes"] = sizes["modified"] or 0
    if memory:
        log.add("memory", used, verify="RAMMap", quality="rounded", **memory)
    if end > start + 1:
        what = (
            "its figures are rounded, and of the paged pool they are the resident part"
            if used
            else ("it gives no sizes, so nothing was taken from it")
        )
        log.note("low-precision", "memory", f"A table of RAMMap was pasted in; {what}.", lines[start])
        return end
    return start


def parse_parts(lines: Sequence[Line], start: int, log: Log) -> int:
    """Commit, physical and kernel memory as the dialogs of Process Explorer and of older Task Managers name them."""
    heading = _HEADING.match(_short(lines[start]))
    if heading is None:
        return start
    names, unit = _PARTS[heading["part"].lower()], heading["unit"]
    found: dict[str, tuple[int, Line]] = {}
    end = start + 1
    for index, line in output(lines, end, 8):
        match = _LABELLED.match(_short(line))
        if match is None:
            break
        size = _bytes(match["number"], match["unit"] or unit)
        name = names.get(" ".join(match["label"].lower().split()))
        if size is not None and name is not None:
            found.setdefault(name, (size, line))
        end = index + 1
    if not found:
        return start
    pools = [name for name in ("nonpaged", "paged") if name in found]
    for name in pools:
        size, line = found.pop(name)
        log.add("pool", [line], verify="Process Explorer", quality="rounded", type=name, used_bytes=size)
    if found:
        used = [line for _, line in found.values()]
        sizes = {name: size for name, (size, _) in found.items()}
        log.add("memory", used, verify="Process Explorer", quality="rounded", **sizes)
    log.note("low-precision", "memory", "Figures of memory were pasted from a tool; they are rounded.", lines[start])
    return end


def parse_performance(lines: Sequence[Line], start: int, log: Log) -> int:
    """A line of Task Manager's page Performance: a pool with its size, or what is committed of which limit."""
    line = lines[start]
    shown = _short(line)
    if pool := _POOL.match(shown):
        size = _bytes(pool["number"], pool["unit"])
        if size is None:
            return start
        kind = "paged" if pool["pool"].lower() == "paged" else "nonpaged"
        log.add("pool", [line], verify="Task Manager", quality="rounded", type=kind, used_bytes=size)
    elif commit := _COMMITTED.match(shown):
        used = _bytes(commit["used"], commit["first"] or commit["unit"])
        limit = _bytes(commit["number"], commit["unit"])
        if used is None or limit is None or not used <= limit:
            return start
        log.add(
            "memory",
            [line],
            verify="Task Manager",
            quality="rounded",
            committed_bytes=used,
            commit_limit_bytes=limit,
        )
    else:
        return start
    log.note("low-precision", "memory", "Figures of memory were pasted from a tool; they are rounded.", line)
    return start + 1


def parse_event(lines: Sequence[Line], start: int, log: Log) -> int:
    """The sentence of an event that says a pool was empty, or that virtual memory ran low: a claim, no figures."""
    line = lines[start]
    if match := _EMPTY.search(line.text):
        subject, number = ("nonpaged pool", 2019) if match["non"] else ("paged pool", 2020)
    elif _LOW.search(line.text):
        subject, number = "commit", 2004
    else:
        return start
    text = " ".join(line.text.split())
    log.add("claim", [line], verify=f'wevtutil qe System /q:"*[System[EventID={number}]]"', subject=subject, text=text)
    return start + 1


def _short(line: Line) -> str:
    """The words of a line with single blanks between them; nothing for a line longer than a label and a figure."""
    return " ".join(line.text.split()) if len(line.text) <= MAX_SHORT else ""


def _split(text: str) -> list[str]:
    return list(_CELLS.split(text.strip().strip("|").strip()))


def _size(cell: str) -> int | None:
    """The bytes of a cell with its unit; None for anything else, percentages among it."""
    match = _CELL.match(cell.strip())
    return _bytes(match["number"], match["unit"]) if match and match["unit"] else None


def _bytes(number: str, unit: str | None) -> int | None:
    """A size in bytes; None without a unit or where the digits are no one number."""
    if unit is None:
        return None
    factor = UNITS[unit.lower()]
    try:
        found = read(number.strip(), whole=factor <= 2**10, point=None)
    except ValueError:
        return None
    return round(found[0] * factor) if found and not found[1].strip() else None


PARSERS: tuple[Parser, ...] = (parse_rammap, parse_parts, parse_performance, parse_event)
