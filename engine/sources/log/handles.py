"""What handles a process has: type histograms and `!handle` lists.

      65110  Key                      273020 Handles            0004: Object: 80ed5238  GrantedAccess: 001f0fff
     323155  Thread                   Type Count                Object: 80ed5238  Type: (80ec8db8) Key
     388386  Handles in process       Event 222742

give `handles` facts per object type and one of type `*` for the total. They belong to the process printed above; where
none is known for certain, the facts name no process and a note says so.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...facts import Quality
from .block import Line, Log, Parser
from .cursor import ADDRESS, is_prompt, output, recent
from .holder import Holder, holder_of_histogram, holder_of_table
from .numbers import count
from .objects import HEAD as OBJECT_HEAD
from .objects import ObjectText, merge_sample, read_object
from .text import is_cut

MAX_TYPES = 128
"""Rows of a type histogram; Windows 11 has some 70 object types."""

SAMPLES_PER_TYPE = 5
"""Objects of one type kept as samples out of one list of handles."""

KERNEL_HANDLE = 1 << 31
"""Handles of the kernel table have bit 31 set, sign-extended on 64-bit Windows (ffffffff80001234)."""

_KNOWN_TYPES = ("None", "Event", "File", "Key", "Thread", "Process", "Section", "Token", "Mutant", "Semaphore")
_COUNT_FIRST = re.compile(r"\s*(\d[\d,]{0,18})\s+([A-Z][A-Za-z]{1,40}(?: [A-Z][A-Za-z]{1,40}){0,2})\s*$")
_NAME_FIRST = re.compile(r"\s*([A-Z][A-Za-z]{1,40}(?: [A-Z][A-Za-z]{1,40}){0,2})\s+(\d[\d,]{0,18})\s*$")
_IN_PROCESS = re.compile(r"\s*(\d[\d,]{0,18})\s+Handles in process\s*$", re.IGNORECASE)
_TOTAL = re.compile(r"\s*(\d[\d,]{0,18})\s+Handles\s*$")
_COLUMNS = re.compile(r"\s*Type\s+Count\s*$")
_TABLE = re.compile(
    rf"\s*(?P<kernel>Kernel )?(?:New version of )?handle table at (?P<table>{ADDRESS}) with "
    r"(?P<count>\d{1,12}) entries in use",
    re.IGNORECASE,
)
_ENTRY = re.compile(rf"\s*(?P<handle>[0-9a-fA-F]{{1,16}}):\s*Object:\s*(?P<object>{ADDRESS})\s+GrantedAccess:")
_PASSED_OVER = re.compile(r"\s*(?:[0-9a-fA-F]{1,16}: free handle|ObjectHeader:|HandleCount:|Directory Object:)")
_FILTER = re.compile(r"\b(?:grep|findstr|select-string|\.shell|\.foreach|where)\b", re.IGNORECASE)
_TYPE_ASKED = re.compile(r"!(?:\w+\.)?handle\s+0\s+\S+\s+\S+\s+([A-Za-z]\w+)\s*$", re.IGNORECASE)


def parse_histogram(lines: Sequence[Line], start: int, log: Log) -> int:
    """The kernel histogram: counts first, the line `n  Handles in process` last."""
    if not _COUNT_FIRST.match(lines[start].text):
        return start
    above = next((line.text for line in reversed(lines[max(0, start - 2) : start]) if line.text), "")
    if _COUNT_FIRST.match(above):  # a row further down of a table that was looked at and is no histogram
        return start
    rows: list[tuple[str, int, Line]] = []
    used: list[Line] = []
    for index, line in output(lines, start, MAX_TYPES + 1):
        used.append(line)
        if total := _IN_PROCESS.match(line.text):
            if rows:
                _add_histogram(log, used, rows, count(total[1]), kernel_debugger=True)
                return index + 1
            return start
        row = _COUNT_FIRST.match(line.text)
        if row is None:
            return start
        rows.append((row[2], count(row[1]), line))
    return start


def parse_user_histogram(lines: Sequence[Line], start: int, log: Log) -> int:
    """The user-mode histogram: `n Handles`, `Type Count`, then the rows, the name first."""
    text = lines[start].text
    total = _TOTAL.match(text)
    if not total and not _COLUMNS.match(text):
        return start
    rows: list[tuple[str, int, Line]] = []
    used: list[Line] = []
    end = start
    for index, line in output(lines, start, MAX_TYPES + 2):
        if not (_COLUMNS.match(line.text) or (index == start and total)):
            row = _NAME_FIRST.match(line.text) if len(used) > bool(total) else None
            if row is None:
                break
            rows.append((row[1], count(row[2]), line))
        used.append(line)
        end = index + 1
    if not rows or not any(name in _KNOWN_TYPES for name, _, _ in rows):
        return start
    _add_histogram(log, used, rows, count(total[1]) if total else None, kernel_debugger=False)
    return end


def _add_histogram(
    log: Log, used: list[Line], rows: list[tuple[str, int, Line]], total: int | None, *, kernel_debugger: bool
) -> None:
    listed = sum(number for _, number, _ in rows)
    owner = holder_of_histogram(log, total if total is not None else listed, kernel_debugger=kernel_debugger)
    if owner.unknown:
        _note_unknown(log, used[0])
    for name, number, line in rows:
        log.add(
            "handles", [line], verify=owner.verify(name), quality="exact", type=name, count=number, **owner.fields()
        )
    if total is None:
        return
    last = [used[-1]] if kernel_debugger else [used[0]]
    log.add("handles", last, verify=owner.verify(), quality="exact", type="*", count=total, **owner.fields())
    if listed != total:
        how = "cut-list" if listed < total else "impossible-counter"
        log.note(how, "handles", f"The rows of the handle histogram add up to {listed:,}, not {total:,}.", used[0])


@dataclass(slots=True)
class _Type:
    """Handles of one type seen in a list."""

    handles: int = 0
    objects: set[str] = field(default_factory=set)
    samples: list[ObjectText] = field(default_factory=list)


def parse_handle_list(lines: Sequence[Line], start: int, log: Log) -> int:
    """A `!handle` list, with the line `Handle table at ... with n entries in use` above it or without."""
    text = lines[start].text
    header = _TABLE.match(text) if "andle table" in text else None
    if header is None and not ("GrantedAccess" in text and _ENTRY.match(text)):
        return start
    types: dict[tuple[str, bool], _Type] = defaultdict(_Type)
    entries, cut, end = 0, False, start + 1
    pending: tuple[str, bool] | None = None
    used = [lines[start]]
    index = start + 1 if header else start
    while index < len(lines) and not (index > start and is_prompt(lines[index])):
        text, found = lines[index].text, None
        if entry := _ENTRY.match(text):
            entries += 1
            pending = entry["object"].replace("`", "").lower(), bool(int(entry["handle"], 16) & KERNEL_HANDLE)
        elif pending and OBJECT_HEAD.match(text):
            found = read_object(lines, index)
        elif is_cut(text):
            cut = True
        elif text.strip() and not _PASSED_OVER.match(text):
            break
        if found is not None and pending is not None and found.fields["address"] == pending[0]:
            kind = types[str(found.fields["type"]), pending[1]]
            kind.handles += 1
            kind.objects.add(pending[0])
            if len(kind.samples) < SAMPLES_PER_TYPE:
                kind.samples.append(found)
            used += found.lines[:1]
        index = found.end if found is not None else index + 1
        if text.strip():
            end = index
    _add_list(log, used, header, types, entries, cut)
    return end


def _add_list(
    log: Log,
    used: list[Line],
    header: re.Match[str] | None,
    types: dict[tuple[str, bool], _Type],
    entries: int,
    cut: bool,
) -> None:
    owner = holder_of_table(log, used[0], header["table"] if header else None)
    if owner.unknown:
        _note_unknown(log, used[0])
    total = int(header["count"]) if header else None
    filtered = _FILTER.search(log.command) is not None
    whole = header is not None and not cut and not filtered
    asked = _TYPE_ASKED.search(log.command) is not None
    # A list of one type has no end mark: few entries of very many may be all of that type, or the beginning of them.
    whole = whole and total is not None and (entries == total or (asked and 2 * entries >= total))
    partial = not whole and not filtered and total is not None and entries < total
    quality: Quality = "exact" if whole else "lower-bound"
    kernel_table = bool(header and header["kernel"])
    if total is not None:
        command, names = owner.verify(), owner.fields()
        shown = {name for name, _ in types}
        log.add(
            "handles",
            used,
            verify=command,
            quality="exact",
            type="*",
            count=total,
            kernel=kernel_table,
            dominant_type=shown.pop() if len(shown) == 1 and partial else None,
            **names,
        )
    ended = _ended_processes(log) if any(name == "Process" for name, _ in types) else {}
    for (name, kernel_handle), kind in types.items():
        # A kernel handle belongs to the kernel whatever process is current, so that process is not named with it.
        holder = Holder() if kernel_handle and not kernel_table else owner
        states = [ended.get(target) for target in kind.objects] if name == "Process" else [None]
        log.add(
            "handles",
            used,
            verify=holder.verify(name),
            quality=quality,
            type=name,
            count=kind.handles,
            distinct_objects=len(kind.objects),
            dead_targets=sum(state is True for state in states) if None not in states else None,
            kernel=True if kernel_table or kernel_handle else (False if header else None),
            **holder.fields(),
        )
        for sample in kind.samples:
            if header is None or filtered:  # the name line under an object may be another object's
                sample.fields.pop("name", None)
            check = f"!object {sample.fields['address']}"
            merge_sample(log, sample.lines, verify=check, quality="exact", **sample.fields)
    if cut:
        log.note("cut-list", "handles", "The list of handles is cut; its counts are lower bounds.", used[0])
    elif filtered:
        log.note("cut-list", "handles", "The list of handles is filtered; its counts are lower bounds.", used[0])


def _ended_processes(log: Log) -> dict[str, bool | None]:
    """Whether the process at an address has exited, for the processes printed above."""
    return {str(fact.get("address")): fact.flag("exited") for _, fact in recent(log, "process")}


def _note_unknown(log: Log, line: Line) -> None:
    log.note("not-recorded", "handles", "The log does not show which process these handles belong to.", line)


PARSERS: tuple[Parser, ...] = (parse_histogram, parse_user_histogram, parse_handle_list)
