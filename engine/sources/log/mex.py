"""Process tables: `!mex.tl` (`!tasklist`) and grids of `dx`.

    PID            Address          Name                  Thd
    ============== ================ ===================== ===
    0xc3c  0n3132  ffffc983f20760c0 svchost.exe             1

    =             = ID       = Name              = ThreadCount = HandleCount =
    = [0xf10]     - 3856     - ICEsoundService64 - 6           - 112142      =

give `process` facts. A table repeated with other columns completes the facts of the first.
"""

import re
from collections import Counter
from collections.abc import Sequence

from ...facts import Fact, Value, address, new
from .block import Line, Log, Parser
from .cursor import ADDRESS, output, recent

CAP_UNIT = 1024
"""Idle has no handles of its own: where it shows as many as System, in whole thousands, the tool stopped counting."""

_TITLES = re.compile(r"\s*PID\s+Address\s+Name(?:\s|$)")
_RULE = re.compile(r"\s*=[= ]+$")
_ROW = re.compile(
    rf"\s*0x(?P<hex>[0-9a-fA-F]{{1,8}})\s+0n(?P<pid>\d{{1,10}})\s+(?P<address>{ADDRESS})\s+(?P<rest>\S.*)$"
)
_ZOMBIES = re.compile(r"\s*(?:Warning! )?Zombie process\(es\) detected.*?Count:\s*(?P<count>\d{1,9})\b")
_THREADS = ("thd", "thrd", "threads", "threadcount")
_HANDLES = ("handle", "handles", "hnd", "hndl", "hndls", "handlecount", "hc")
_GRID_ROW = re.compile(r"=\s*\[0x(?P<hex>[0-9a-fA-F]{1,8})\]\s+-\s+(?P<cells>\S.*?)\s*=(?:\s*<?-.*)?$")
_GRID_CUT = re.compile(r"=\s*\[\.{3}\]\s+-")
_GRID_RULE = re.compile(r"={20,}$")


def parse_task_list(lines: Sequence[Line], start: int, log: Log) -> int:
    """A `!mex.tl` table; columns other than threads and handles are passed over."""
    if not _TITLES.match(lines[start].text):
        return start
    titles, rule = lines[start].text, ""
    end = start + 1
    known = {(fact.int("pid"), fact.text("address")): index for index, fact in recent(log, "process")}
    for index, line in output(lines, end):
        text = line.text
        if _RULE.match(text):
            rule = rule or text
        elif row := _ROW.match(text):
            if int(row["hex"], 16) == int(row["pid"]):
                _add_task(log, known, line, row, _cells(text, titles, rule))
        elif _TITLES.match(text):
            titles, rule = text, ""
        else:
            break
        end = index + 1
    return end


def _cells(text: str, titles: str, rule: str) -> dict[str, str]:
    """The cells of a row by lower-case title, cut at the columns of the `====` rule."""
    spans = [match.span() for match in re.finditer(r"=+", rule)]
    cells = {}
    for number, (begin, stop) in enumerate(spans):
        # Numbers are right-aligned and may be wider than their column; a cell begins where the one before ends.
        left = spans[number - 1][1] if number > 2 else begin
        cells[titles[left:stop].strip().lower()] = text[left:stop].strip()
    return cells


def _add_task(
    log: Log, known: dict[tuple[int | None, str | None], int], line: Line, row: re.Match[str], cells: dict[str, str]
) -> None:
    name = cells.get("name") or re.split(r"\s{2,}|\s+\d", row["rest"], maxsplit=1)[0].strip()
    pid, body = int(row["pid"]), address(row["address"])
    fields: dict[str, Value | None] = {
        "pid": pid,
        "address": body,
        "image": name.removesuffix("*32"),
        "threads": _first(cells, _THREADS),
        "handle_count": _first(cells, _HANDLES),
    }
    place = known.get((pid, body))
    if place is not None and _complete(log, place, fields):
        return
    if log.add("process", [line], verify=f"!process {body} 0", quality="exact", **fields) is not None:
        known[pid, body] = len(log.facts) - 1


def _complete(log: Log, place: int, fields: dict[str, Value | None]) -> bool:
    """Put what a further table says into the fact of the process; False when the two contradict one another."""
    old: Fact = log.facts[place]
    more = {name: value for name, value in fields.items() if value is not None}
    if any(old.get(name) not in (None, value) for name, value in more.items()):
        return False
    if more.items() <= old.fields.items():
        return True
    try:
        log.facts[place] = new(
            "process",
            source=old.source,
            verify=old.verify,
            quality=old.quality,
            quote=old.quote,
            **{**old.fields, **more},
        )
    except ValueError:
        return False
    return True


def _first(cells: dict[str, str], titles: tuple[str, ...]) -> int | None:
    for title in titles:
        digits = cells.get(title, "").replace(",", "")
        if digits.isdecimal() and len(digits) <= 12:
            return int(digits)
    return None


def parse_zombie_count(lines: Sequence[Line], start: int, log: Log) -> int:
    """The line under a table that counts ended processes. It is printed with every table, and added once."""
    match = _ZOMBIES.match(lines[start].text) if "ombie" in lines[start].text else None
    if match is None:
        return start
    number = int(match["count"])
    last = next((fact for _, fact in recent(log, "dead_objects") if fact.get("type") == "Process"), None)
    if last is None or last.int("count") != number:
        log.add("dead_objects", lines[start : start + 1], verify="!process 0 0", type="Process", count=number)
    return start + 1


def parse_grid(lines: Sequence[Line], start: int, log: Log) -> int:
    """A `dx -g` grid of processes with their ids, names and counts."""
    titles = [title.strip().lower() for title in lines[start].text.strip().strip("=").split("=")]
    if not lines[start].text.lstrip().startswith("=") or not {"id", "name"} <= set(titles):
        return start
    columns = [title for title in titles if title]
    rows: list[tuple[Line, dict[str, str]]] = []
    end = start + 1
    for index, line in output(lines, end):
        text = line.text.strip()
        if row := _GRID_ROW.match(text):
            cells = [cell.strip() for cell in re.split(r"\s+-\s+", row["cells"])]
            named = dict(zip(columns, cells, strict=False))
            if len(cells) == len(columns) and named["id"] in (str(int(row["hex"], 16)), f"0x{row['hex']}"):
                rows.append((line, {**named, "id": str(int(row["hex"], 16))}))
        elif _GRID_CUT.match(text):
            log.note("cut-list", "processes", "The list of processes is cut here; processes are missing from it.", line)
        elif not _GRID_RULE.match(text):
            break
        end = index + 1
    _add_grid(log, rows)
    return end


def _add_grid(log: Log, rows: list[tuple[Line, dict[str, str]]]) -> None:
    handles = {cells["name"]: _first(cells, _HANDLES) for _, cells in rows if cells["id"] in ("0", "4")}
    counts = Counter(count for count in handles.values() if count)
    caps = {count for count, times in counts.items() if times > 1 and count % CAP_UNIT == 0}
    for line, cells in rows:
        count = _first(cells, _HANDLES)
        if count in caps and not any(fact.get("text") == _CAP_TEXT for _, fact in recent(log, "data_quality")):
            log.note("low-precision", "handles", _CAP_TEXT, line)
        log.add(
            "process",
            [line],
            verify=f"!process {int(cells['id']):x} 0",
            pid=int(cells["id"]),
            image=cells["name"] or None,
            threads=_first(cells, _THREADS),
            handle_count=None if count in caps else count,
        )


_CAP_TEXT = (
    "Idle and System show the same round number of handles: the enumeration stopped there, so both counts are left out."
)

PARSERS: tuple[Parser, ...] = (parse_task_list, parse_zombie_count, parse_grid)
