"""`!vm` of all versions, Windows 2000 to 11: memory, pools, page files, warnings, and the commit of each process.

Rows read `Name:  pages ( kilobytes Kb)` with 4 KB pages; the two columns check one another. Only two layouts state a
pool limit that percentages can be taken of: x86 up to Server 2003. Vista and later bound nonpaged pool by 75 % of RAM,
and from Windows 8 on the maximum reads 2^32 pages, which is address space (MicrosoftDocs, "Memory limits for Windows
releases").
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .block import Line, Log, Parser
from .numbers import WHOLE, count
from .session import Sessions
from .text import is_cut

PAGE = 4096
MAX_PAGES = 2**40
"""More pages than any machine has (4 PB): a counter above it was misread by the debugger."""

ADDRESS_SPACE_PAGES = 2**25
"""Pool maxima from 128 GB on are the size of an address range, not a limit anyone reaches."""

FIXED_POOL_PAGES = 2**17
"""Fixed nonpaged limits are 256 MB by design; the largest printed is 271 MB (Windows 2000). 512 MB leaves room."""

OLD_PAGED_PAGES = 175_000
"""Largest fixed paged pool, about 650 MB (x86 Server 2003)."""

BELIEVABLE_COUNT = 2**40

_ROW = re.compile(
    rf"\s*(?P<name>[A-Z][A-Za-z/ ]{{2,40}}?(?:\s+\d)?(?:\s+Usage)?)\s*:\s*(?P<pages>{WHOLE})\s*"
    rf"\(\s*(?P<kb>{WHOLE})\s*KB?\s*\)\s*$",
    re.IGNORECASE,
)
_PAGE_FILE = re.compile(r"\s*(?:Page File:\s*(?P<path>\S.*)|(?P<unnamed>No Name for Paging File))\s*$", re.IGNORECASE)
_PAGE_FILE_SIZE = re.compile(
    rf"\s*(?P<what>Current|Minimum):\s*(?P<size>{WHOLE})\s*KB?\s+(?:Free Space|Maximum):\s*"
    rf"(?P<other>{WHOLE})\s*KB?\s*$",
    re.IGNORECASE,
)
_WARNING = re.compile(r"\s*\*{4,}\s*(?P<text>[^*\s](?:[^*]|\*(?!\*)){2,300}?)\s*\*{2,}\s*$")
_PERCENT = re.compile(r"\s*(?:Non)?Paged Pool Usage\s*:\s*\d{1,3}\s?%\s*$", re.IGNORECASE)
_HEADER = re.compile(r"\s*(?:\*{2,}\s*)?Virtual Memory Usage\s*(?:\*{2,})?\s*$", re.IGNORECASE)
_PROCESS_HEADER = re.compile(r"\s*Pid\s+ImageName\s+Commit", re.IGNORECASE)
_PROCESS = re.compile(
    rf"\s*(?P<pid>[0-9a-f]{{1,8}})\s+(?P<image>\S.{{0,60}}?)\s+(?P<kb>{WHOLE})\s*Kb(?:\s+{WHOLE}\s*Kb){{0,3}}\s*$",
    re.IGNORECASE,
)
_OLD_PROCESS = re.compile(
    r"\s*(?P<pid>[0-9a-f]{2,8})\s+(?P<image>\S(?:[^:]{0,60}\S)?)\s+(?P<pages>\d{1,18})\s*\(\s*(?P<kb>\d{1,18})\s*Kb\s*\)\s*$",
    re.IGNORECASE,
)
_REGION = re.compile(r"\s*(?:System Region\s+Base Address|\w{2,30}\s*:\s*[0-9a-f]{8,16}\s+[0-9a-f]{6,16}\s*$)")
_ERROR = re.compile(r"\s*(?:Unimplemented error for \w+|Unable to (?:get|read) .{1,200})$", re.IGNORECASE)

_SUBJECTS = (
    (r"kernel stack pte", "kernel stack ptes"),
    (r"kernel stack", "kernel stacks"),
    (r"\bptes?\b", "system ptes"),
    (r"non-?\s?paged\s?pool", "nonpaged pool"),
    (r"paged\s?pool", "paged pool"),
    (r"\bpool\b", "pool allocations"),
    (r"commit|virtual memory", "commit"),
    (r"physical memory|available|modified|resident", "physical memory"),
)
_EXCEEDS = re.compile(r"exceeds overall commit", re.IGNORECASE)

_ALIASES = {"nonpagedpool maximum": "nonpagedpool max", "pagedpool max": "pagedpool maximum"}

_RESIDENT = {
    "available pages": "available_bytes",
    "resavail pages": "resident_available_bytes",
    "locked io pages": "locked_io_bytes",
    "modified pages": "modified_bytes",
    "kernel stacks": "kernel_stack_bytes",
    "pages for mdls": "mdl_bytes",
    "pages for awe": "awe_bytes",
    "contigmem pages": "contiguous_bytes",
    "nonpagedpool commit": "nonpaged_commit_bytes",
    "system pagetables": "page_table_bytes",
}
"""Rows that count resident pages: more than physical memory cannot be true."""

_COMMITTED = {
    "committed pages": "committed_bytes",
    "commit limit": "commit_limit_bytes",
    "peak commitment": "peak_commit_bytes",
    "total private": "private_bytes",
    "shared commit": "shared_commit_bytes",
    "session commit": "session_commit_bytes",
    "driver commit": "driver_commit_bytes",
    "pagedpool commit": "paged_commit_bytes",
}
"""Rows that count committed pages, which page files may hold."""

_NONPAGED = ("nonpagedpool usage", "nonpagedpoolnx usage")
_POOLS = {*_NONPAGED, "nonpagedpool max", "pagedpool usage", "pagedpool maximum"}
_OTHER = {"physical memory", "free system ptes", "free np ptes", "free special np", "modified pf pages", "special pool"}
_KNOWN = {*_RESIDENT, *_COMMITTED, *_POOLS, *_OTHER, "modified no write pages", "sum system commit"}


@dataclass(slots=True)
class _Row:
    pages: int
    line: Line


@dataclass(slots=True)
class _Vm:
    """One `!vm` while it is read. Rows whose columns contradict one another are not in `rows`."""

    rows: dict[str, _Row] = field(default_factory=dict)
    seen: dict[str, tuple[int, int]] = field(default_factory=dict)
    extra: dict[str, list[Line]] = field(default_factory=lambda: {"nonpaged": [], "paged": []})
    page_files: list[tuple[bool, int, int]] = field(default_factory=list)
    sessions: Sessions = field(default_factory=Sessions)
    named: bool = False
    old: bool = False
    """Per-pool rows or percent lines as debuggers printed them up to Server 2003."""

    def pages(self, name: str) -> int | None:
        row = self.rows.get(name)
        return row.pages if row else None

    @property
    def ram(self) -> int | None:
        return self.pages("physical memory")


def parse(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read one `!vm`, or whatever part of it was pasted."""
    if not _begins(lines[start].text):
        return start
    vm = _Vm()
    end = index = start
    while index < len(lines):
        line = lines[index]
        if line.text and not line.text.isspace():
            if not _take(vm, line, log):
                break
            end = index + 1
        index += 1
    _emit(vm, log)
    return max(end, start + 1)


def _begins(text: str) -> bool:
    row = _ROW.match(text) if "(" in text else None
    if row:
        return _name(row) in _KNOWN or re.match(r"pagedpool\s+\d", _name(row)) is not None
    if "*" in text and "*****" in text:
        return _subject(text) is not None or _EXCEEDS.search(text) is not None
    return bool(_HEADER.match(text) or _PAGE_FILE.match(text) or _PERCENT.match(text) or _PROCESS_HEADER.match(text))


def _name(row: re.Match[str]) -> str:
    name = " ".join(row["name"].lower().split())
    return _ALIASES.get(name, name)


def _take(vm: _Vm, line: Line, log: Log) -> bool:
    """Read one line into the `!vm`; False where the line is not part of it."""
    text = line.text
    if row := _ROW.match(text):
        return _take_row(vm, row, line, log)
    if vm.sessions.take(line):
        return True
    if "*" in text:
        return _take_warning(vm, line, log) or _HEADER.match(text) is not None
    if _PERCENT.match(text):
        vm.old = True
        vm.extra["nonpaged" if "nonpaged" in text.lower() else "paged"].append(line)
        return True
    if match := _PAGE_FILE.match(text):
        if vm.rows and "physical memory" not in vm.rows:
            return False
        vm.named = match["unnamed"] is None
        return True
    if match := _PAGE_FILE_SIZE.match(text):
        if match["what"].lower() == "current":
            vm.page_files.append((vm.named, count(match["size"]), count(match["other"])))
        return True
    if match := _PROCESS.match(text) or _OLD_PROCESS.match(text):
        pid, kb = int(match["pid"], 16), count(match["kb"])
        if kb < MAX_PAGES:
            log.add("process", [line], verify="!vm", pid=pid, image=match["image"], private_bytes=kb * 1024)
        return True
    if _ERROR.match(text):
        log.note("debugger-error", "memory", f"The debugger says: {text.strip()}.", line, severity="warning")
        return True
    return bool(_HEADER.match(text) or _PROCESS_HEADER.match(text) or _REGION.match(text) or is_cut(text))


def _take_row(vm: _Vm, match: re.Match[str], line: Line, log: Log) -> bool:
    name = _name(match)
    pages, kb = count(match["pages"]), count(match["kb"])
    if name in vm.seen:
        return vm.seen[name] == (pages, kb)  # a repeated row; a different one begins another !vm
    vm.seen[name] = (pages, kb)
    if re.match(r"pagedpool\s+\d", name):
        vm.old = vm.old or name.endswith("usage")
        vm.extra["paged"].append(line)
        return True
    if name.startswith(("free np", "free special")):
        vm.old = True
    if kb not in (pages * 4, pages * 4 % 2**64, pages * 4 % 2**32):
        log.note(
            "impossible-counter",
            "memory",
            f"{match['name'].strip()} reads {pages:,} pages and {kb:,} KB, which is not 4 KB a page; neither is used.",
            line,
            severity="warning",
        )
        return True
    vm.rows[name] = _Row(pages, line)
    return True


def _subject(text: str) -> str | None:
    return next((subject for pattern, subject in _SUBJECTS if re.search(pattern, text, re.IGNORECASE)), None)


def _take_warning(vm: _Vm, line: Line, log: Log) -> bool:
    match = _WARNING.match(line.text)
    if match is None:
        return False
    text = " ".join(match["text"].split())
    if _EXCEEDS.search(text):
        log.note(
            "impossible-counter",
            "memory",
            "The debugger's sum of commit exceeds the overall commit by an impossible amount: an artefact seen in "
            "healthy dumps.",
            line,
        )
        return True
    subject = _subject(text)
    if subject is None:
        return False
    figure = re.match(rf"({WHOLE})\s", text)
    number = count(figure.group(1)) if figure else None
    if number is not None and number >= BELIEVABLE_COUNT:
        number = None
    log.add("claim", [line], verify="!vm", subject=subject, text=text, count=number)
    return True


def _emit(vm: _Vm, log: Log) -> None:
    _discard_impossible(vm, log)
    _emit_memory(vm, log)
    limit = _emit_nonpaged(vm, log)
    _emit_paged(vm, log, limit)
    vm.sessions.emit(log)
    ram = vm.rows.get("physical memory")
    limits = {"fixed": "fixed", "dynamic": "dynamic", "none": "dynamic"}.get(limit or "")
    if ram or limits:
        lines = [ram.line] if ram else [vm.rows["nonpagedpool max"].line]
        size = ram.pages * PAGE if ram else None
        log.add("system", lines, verify="!vm", ram_bytes=size, pool_limits=limits)


def _discard_impossible(vm: _Vm, log: Log) -> None:
    """Drop counters above 2^40 pages, and resident ones above physical memory. Maxima and PTEs are no page counts."""
    for name, row in list(vm.rows.items()):
        if name in ("nonpagedpool max", "pagedpool maximum", "free system ptes"):
            if row.pages < MAX_PAGES:
                continue
            bound = "more than any machine has"
        elif row.pages > MAX_PAGES or (name == "physical memory" and row.pages == 0):
            bound = "which no machine has"
        elif vm.ram and row.pages > vm.ram and (name in _RESIDENT or name in _NONPAGED):
            bound = f"more than the {vm.ram:,} pages of physical memory"
        else:
            continue
        del vm.rows[name]
        subject = "pool" if "pool" in name else "memory"
        label = row.line.text.split(":")[0].strip()
        text = f"{label} reads {row.pages:,} pages, {bound}; the counter was left out."
        log.note("impossible-counter", subject, text, row.line, severity="warning")


def _emit_memory(vm: _Vm, log: Log) -> None:
    fields = {key: row.pages * PAGE for name, key in (_RESIDENT | _COMMITTED).items() if (row := vm.rows.get(name))}
    lines = [vm.rows[name].line for name in (_RESIDENT | _COMMITTED) if name in vm.rows]
    ptes = vm.rows.get("free system ptes")
    if ptes:
        lines.append(ptes.line)
    ram = vm.rows.get("physical memory")
    if ram:
        fields["physical_bytes"] = ram.pages * PAGE
        lines.insert(0, ram.line)
    # The nameless page file is memory's own compression store or unreadable; it counts where there is no other.
    files = [f for f in vm.page_files if f[0]] or vm.page_files
    if files and sum(size for _, size, _ in files) < MAX_PAGES:
        fields["page_file_bytes"] = sum(size for _, size, _ in files) * 1024
        fields["page_file_free_bytes"] = sum(free for _, _, free in files) * 1024
    if lines:
        log.add("memory", lines, verify="!vm", quality="exact", free_system_ptes=ptes.pages if ptes else None, **fields)


def _emit_nonpaged(vm: _Vm, log: Log) -> str | None:
    used = [vm.rows[name] for name in _NONPAGED if name in vm.rows]
    top = vm.rows.get("nonpagedpool max")
    limit = _nonpaged_limit(vm)
    if not used:
        return limit
    total = sum(row.pages for row in used)
    if vm.ram and total > vm.ram:
        text = f"Nonpaged pool reads {total:,} pages, more than the {vm.ram:,} of physical memory; it was left out."
        log.note("impossible-counter", "pool", text, used[0].line, severity="warning")
        return limit
    # From Windows 8 on most nonpaged pool is in the NX row; without it the sum is a part.
    partial = len(used) == 1 and (limit == "none" or "nonpagedpoolnx usage" in vm.rows)
    if partial:
        text = "One of the two rows of nonpaged pool is missing; its use is a lower bound."
        log.note("cut-list", "pool", text, used[0].line)
    lines = [row.line for row in used] + ([top.line] if top else []) + vm.extra["nonpaged"]
    log.add(
        "pool",
        lines,
        verify="!vm",
        quality="lower-bound" if partial else "exact",
        type="nonpaged",
        used_bytes=total * PAGE,
        max_bytes=top.pages * PAGE if top and limit in ("fixed", "dynamic") else None,
        limit=limit,
    )
    return limit


def _nonpaged_limit(vm: _Vm) -> str | None:
    top = vm.pages("nonpagedpool max")
    if top is None or top == 0:
        return None
    if top >= 2**32 or (vm.ram and top > vm.ram):
        return "none"
    if vm.ram is None:
        return "fixed" if vm.old and top <= FIXED_POOL_PAGES else None
    return "fixed" if top <= FIXED_POOL_PAGES and top < 0.6 * vm.ram else "dynamic"


def _emit_paged(vm: _Vm, log: Log, nonpaged: str | None) -> None:
    used, top = vm.rows.get("pagedpool usage"), vm.rows.get("pagedpool maximum")
    if used is None:
        return
    limit: str | None = None
    if top and top.pages:
        if top.pages >= ADDRESS_SPACE_PAGES:
            limit = "none"
        elif nonpaged:
            limit = "fixed" if nonpaged == "fixed" else "dynamic"
        elif vm.old and top.pages <= OLD_PAGED_PAGES:
            limit = "fixed"
    log.add(
        "pool",
        [used.line, *([top.line] if top else []), *vm.extra["paged"]],
        verify="!vm",
        type="paged",
        used_bytes=used.pages * PAGE,
        max_bytes=top.pages * PAGE if top and limit in ("fixed", "dynamic") else None,
        limit=limit,
    )


PARSERS: tuple[Parser, ...] = (parse,)
