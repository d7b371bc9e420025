"""Handle counts from outside the kernel debugger: `|`, PowerShell's Get-Process, Sysinternals `handle -s`.

    .  0  id: 1f3c  examine  name: C:\\Program Files\\Billing\\BillingHost.exe
    | Name | PID | Handles | Threads |            Handles  NPM(K)    PM(K)      WS(K)     CPU(s)     Id  SI ProcessName
    Handle type summary:

give `process` facts, and `handles` facts of the process asked for with `-p`.
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
_RULE = re.compile(r"[\s|:-]{3,}$")
_COUNT = re.compile(rf"{WHOLE}$")


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
    above = " ".join([log.command, *(line.text for line in lines[max(0, start - 10) : start])])
    asked = _ASKED.search(above)
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
        if rows:
            text = "The log does not show which process these handles belong to."
            log.note("not-recorded", "handles", text, lines[start])
        return end if rows else start
    pid = int(asked["pid"])
    for name, number, line in rows:
        log.add("handles", [line], verify=f"handle -s -p {pid}", pid=pid, type=name, count=number)
    return end if rows else start


def parse_processes(lines: Sequence[Line], start: int, log: Log) -> int:
    """A table of Get-Process with the columns Handles, Id or PID, and Name or ProcessName; ids are decimal."""
    text = lines[start].text
    if "handles" not in text.lower():
        return start
    piped = "|" in text
    names = [cell.lower() for cell in _cells(text, piped)]
    columns = {
        "handles": _only(names, ("handles", "handle count")),
        "pid": _only(names, ("id", "pid")),
        "image": _only(names, ("name", "processname", "process name")),
    }
    where = {name: at for name, at in columns.items() if at is not None}
    if len(where) != len(columns):
        return start
    end = start + 1
    known = len(log.facts)
    for index, line in output(lines, end, MAX_ROWS):
        if _RULE.match(line.text):
            continue
        cells = _cells(line.text, piped)
        # A blank cell, such as the CPU time of a protected process, shifts the rest: then the row says nothing certain.
        if len(cells) != len(names):
            if not piped and line.text[:1].isspace() and len(cells) > 2:
                continue
            break
        handles, pid, image = (cells[where[name]] for name in ("handles", "pid", "image"))
        if not (_COUNT.match(handles) and pid.isdecimal() and len(pid) <= 9 and image):
            break
        log.add("process", [line], verify="Get-Process", pid=int(pid), image=image, handle_count=count(handles))
        end = index + 1
    return end if len(log.facts) > known else start


def _cells(text: str, piped: bool) -> list[str]:
    if piped:
        return [cell.strip(" `*") for cell in text.strip().removeprefix("|").removesuffix("|").split("|")]
    return text.split()


def _only(names: list[str], wanted: tuple[str, ...]) -> int | None:
    found = [index for index, name in enumerate(names) if name in wanted]
    return found[0] if len(found) == 1 else None


PARSERS: tuple[Parser, ...] = (parse_debuggee, parse_summary, parse_processes)
