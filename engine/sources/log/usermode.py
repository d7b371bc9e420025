"""Handle counts from outside the kernel debugger: `|`, PowerShell's Get-Process, Process Explorer's list of processes,
Sysinternals `handle -s`.

    .  0  id: 1f3c  examine  name: C:\\Program Files\\Billing\\BillingHost.exe
    | Name | PID | Handles | Threads |            Handles  NPM(K)    PM(K)      WS(K)     CPU(s)     Id  SI ProcessName
    Handle type summary:

give `process` facts, and `handles` facts of the process asked for with `-p`; without it `handle -s` counts those of the
whole machine, which gives `object_type` facts.
"""

import re
from collections.abc import Sequence

from ...facts import new
from .block import Line, Log, Parser
from .cursor import output
from .numbers import WHOLE, count

MAX_ROWS = 5000
MAX_TYPES = 128
_OF_A_MACHINE = frozenset({"process", "tag", "pool", "memory", "census"})

_DEBUGGEE = re.compile(
    r"\s*[.#]?\s*\d{1,4}\s+id:\s*(?P<pid>[0-9a-f]{1,8})\s+(?:create|attach|examine|child|exdi)\s+name:\s*(?P<path>\S.{0,259}?)\s*$",
    re.IGNORECASE,
)
_SUMMARY = re.compile(r"\s*Handle type summary:\s*$")
_TYPE = re.compile(rf"\s+(?P<type>[A-Z][A-Za-z]{{1,40}}(?: [A-Za-z]{{1,40}}){{0,2}})\s*:\s*(?P<count>{WHOLE})\s*$")
_TOTAL = re.compile(rf"\s*Total handles:\s*(?P<count>{WHOLE})\s*$")
_ASKED = re.compile(r"handle(?:64)?a?(?:\.exe)?\s.{0,60}?-p\s+(?P<pid>\d{1,9})(?:\s|$)", re.IGNORECASE)
_ASKED_ALL = re.compile(r"handle(?:64)?a?(?:\.exe)?\s+(?:-\w+\s+){0,4}-s(?:\s+-\w+){0,4}\s*$", re.IGNORECASE)
_SIZE = re.compile(rf"(?P<number>{WHOLE})\s?K$", re.IGNORECASE)
_RULE = re.compile(r"[\s|:-]{3,}$")
_COUNT = re.compile(rf"{WHOLE}$")
_PID = re.compile(r"\d{1,9}$", re.ASCII)


def parse_debuggee(lines: Sequence[Line], start: int, log: Log) -> int:
    """The process list of a user-mode debugger."""
    match = _DEBUGGEE.match(lines[start].text) if "name:" in lines[start].text else None
    if match is None:
        return start
    image = match["path"].replace("/", "\\").rsplit("\\", 1)[-1]
    pid = int(match["pid"], 16)
    alone = not any(_DEBUGGEE.match(line.text) for line in lines[start + 1 : start + 2])
    if alone:
        _name_lists_above(log, pid, image)
    log.add("process", [lines[start]], verify="|", pid=pid, image=image)
    return start + 1


def _name_lists_above(log: Log, pid: int, image: str) -> None:
    """Give the handle lists above to the only process a user-mode debugger has; `|` is often typed after `!handle`.

    Not where the log shows any other process, or what only a kernel debugger prints.
    """
    if log.unplaced or any(fact.kind in _OF_A_MACHINE for fact in log.facts):
        return
    kept = [fact for fact in log.facts if (fact.get("problem"), fact.get("subject")) != ("not-recorded", "handles")]
    if len(kept) == len(log.facts):
        return
    for index, fact in enumerate(kept):
        if fact.kind == "handles" and fact.get("pid") is None and fact.get("address") is None:
            fields = {**fact.fields, "pid": pid, "image": image}
            kept[index] = new(
                "handles", source=fact.source, verify=fact.verify, quality=fact.quality, quote=fact.quote, **fields
            )
    log.facts = kept


def parse_summary(lines: Sequence[Line], start: int, log: Log) -> int:
    """`handle -s`: handles by type, of one process where the command above asks for one, else of the whole machine."""
    if not _SUMMARY.match(lines[start].text):
        return start
    typed = [line.text for line in lines[max(0, start - 10) : start]]
    asked = _ASKED.search(" ".join([log.command, *typed]))
    rows: list[tuple[str, int, Line]] = []
    end = start + 1
    for index, line in output(lines, end, MAX_TYPES):
        row = _TYPE.match(line.text) or _TOTAL.match(line.text)
        if row is None:
            break
        rows.append(("*" if row.re is _TOTAL else row["type"], count(row["count"]), line))
        end = index + 1
        if row.re is _TOTAL:
            break
    if asked is None:
        if any(_ASKED_ALL.search(line) for line in [log.command, *typed]):
            for name, number, line in rows:
                if name != "*":
                    log.add("object_type", [line], verify="handle -s", type=name, handles=number)
            return end if rows else start
        if rows:
            text = "The log does not show which process these handles belong to."
            log.note("not-recorded", "handles", text, lines[start])
        return end if rows else start
    pid = int(asked["pid"])
    for name, number, line in rows:
        log.add("handles", [line], verify=f"handle -s -p {pid}", pid=pid, type=name, count=number)
    return end if rows else start


def parse_processes(lines: Sequence[Line], start: int, log: Log) -> int:
    """A table of processes with the columns Handles or Private Bytes, Id or PID, and Name or Process; ids decimal."""
    text = lines[start].text
    if "handles" not in text.lower() and "private bytes" not in text.lower():
        return start
    mark = _mark(text)
    names = [cell.lower() for cell in _cells(text, mark)]
    where = {
        "handles": _only(names, ("handles", "handle count")),
        "private": _only(names, ("private bytes", "commit size")) if mark else None,
        "pid": _only(names, ("id", "pid")),
        "image": _only(names, ("name", "processname", "process name", "process", "image name")),
    }
    handles, private, pid, image = where.values()
    if pid is None or image is None or (handles is None and private is None):
        return start
    end = start + 1
    known = len(log.facts)
    for index, line in output(lines, end, MAX_ROWS):
        if _RULE.match(line.text):
            continue
        cells = _cells(line.text, mark)
        if mark == "\t" and len(cells) > 1:
            cells += [""] * (len(names) - len(cells))  # blank cells at the end of a line are easily lost
        # A blank cell, such as the CPU time of a protected process, shifts the rest: then the row says nothing certain.
        if len(cells) != len(names):
            if not mark and line.text[:1].isspace() and len(cells) > 2:
                continue
            break
        count_cell = cells[handles] if handles is not None else ""
        size = _SIZE.match(cells[private]) if private is not None else None
        if not (_COUNT.match(count_cell) or size) or not _PID.match(cells[pid]) or not cells[image]:
            if mark == "\t":  # Process Explorer lists what is no process too, and hides figures it may not read
                continue
            break
        log.add(
            "process",
            [line],
            verify="Get-Process",
            pid=int(cells[pid]),
            image=cells[image],
            handle_count=count(count_cell) if _COUNT.match(count_cell) else None,
            private_bytes=count(size["number"]) * 1024 if size else None,
        )
        end = index + 1
    return end if len(log.facts) > known else start


def _mark(header: str) -> str:
    """What sets the cells of a table apart: a bar, a tab, or quotes and commas; blanks where it is none of them."""
    if "|" in header:
        return "|"
    return "\t" if "\t" in header.strip() else "," if header.startswith('"') and '","' in header else ""


def _cells(text: str, mark: str) -> list[str]:
    if mark == "|":
        text = text.strip().removeprefix("|").removesuffix("|")
    elif mark == ",":
        return [cell.strip() for cell in text.strip().strip('"').split('","')]
    return [cell.strip(" `*") for cell in text.split(mark)] if mark else text.split()


def _only(names: list[str], wanted: tuple[str, ...]) -> int | None:
    found = [index for index, name in enumerate(names) if name in wanted]
    return found[0] if len(found) == 1 else None


PARSERS: tuple[Parser, ...] = (parse_debuggee, parse_summary, parse_processes)
