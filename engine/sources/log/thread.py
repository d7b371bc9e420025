"""`!thread`, and the threads under a verbose `!process`.

    THREAD 81098620  Cid 8e8.a391c  Teb: 00000000  Win32Thread: 00000000 TERMINATED
    Owning Process 886f5020
    Wait Start TickCount    1949088       Elapsed Ticks: 2091893
    Start Address nt!ExpWorkerThread (0x80417a9a)

gives a `sample` fact of type Thread. The call stack below it is left to `stacks`.
"""

import re
from collections.abc import Sequence

from ...facts import Value, address
from .block import Line, Log, Parser
from .cursor import ADDRESS, output, recent
from .objects import merge_sample

TICK_S = 0.015625
"""Length of a clock tick where the debugger prints only ticks: 15.625 ms, the interrupt period of multiprocessor PCs
since NT 4 (KeQueryTimeIncrement 156250); 10 ms on old uniprocessor ones, so the age is an estimate there."""

MAX_THREAD_SAMPLES = 64
"""Threads kept as samples out of a long list. More would not say more; counts come from other output."""

HEAD = re.compile(
    rf"\s*THREAD\s+(?P<address>{ADDRESS})\s*Cid:?\s*(?P<pid>[0-9a-fA-F]{{1,8}})\.(?P<tid>[0-9a-fA-F]{{1,8}})(?P<rest>.*)$"
)
_REST = re.compile(r"(?:Teb: ?[0-9a-fA-F`]+ )?(?:Win32Thread: ?[0-9a-fA-F`]+ )?(?P<state>[A-Z][A-Z_]+)(?![A-Za-z0-9])")
_OWNER = re.compile(rf"\s*Owning Process\s+(?P<address>{ADDRESS})(?:\s+Image:\s+(?P<image>[^\s<].*?))?\s*$")
_TICKS = re.compile(
    r"\s*Wait Start TickCount\s+\d+\s+(?:Elapsed )?Ticks:\s*(\d{1,15})(?:\s*\((\d+(?::\d+){2,3}\.\d+)\))?"
)
_START = re.compile(
    r"\s*(?P<win32>Win32 )?Start Address\s+(?P<symbol>[^(]*?)\s*\(?0x(?P<address>[0-9a-fA-F`]{1,17})\)?\s*$"
)
_MODULE = re.compile(r"(?P<module>[A-Za-z_][\w.$-]*)(?:!|\+0x)")
_WAIT_OBJECT = re.compile(rf"\s*{ADDRESS}\s+[A-Z][A-Za-z]+(?: .*)?$")
_DETAIL = re.compile(
    r"\s*(?:Not impersonating|Impersonation token|DeviceMap|Owning Process|Attached Process|Wait Start TickCount|"
    r"WaitTime|Context Switch Count|UserTime|KernelTime|(?:Win32 )?Start Address|Stack Init|Base [0-9a-f]+ Limit|"
    r"Initial Sp|Priority \d|IRP List|Pending LPC|Waiting for reply|Current LPC|Kernel stack not resident|"
    r"Server Port|Unable to|GetUlongFromAddress|Thread Name|Actual Base|[0-9a-f]{8,16}: \(\d)"
)
_STATES = {"terminated": "terminated", "wait": "waiting", "gatewait": "waiting", "running": "running", "ready": "ready"}
_THUNKS = ("ntdll", "kernel32")
"""Modules whose start routine only calls the real one, which the Win32 start address names."""


def parse_thread(lines: Sequence[Line], start: int, log: Log) -> int:
    """One THREAD line with its details."""
    head = HEAD.match(lines[start].text) if "THREAD" in lines[start].text else None
    if head is None:
        return start
    state = _state(head["rest"])
    fields: dict[str, Value | None] = {
        "type": "Thread",
        "address": address(head["address"]),
        "cid": f"{head['pid'].lower()}.{head['tid'].lower()}",
        "owner_pid": int(head["pid"], 16),
        "state": state,
    }
    used, end, waits = [lines[start]], start + 1, True
    modules: dict[bool, str] = {}
    for index, line in output(lines, start + 1, 64):
        text = line.text
        if _DETAIL.match(text):
            waits = False
        elif not (waits and _WAIT_OBJECT.match(text)):  # what it waits for stands right under the THREAD line
            break
        used.append(line)
        end = index + 1
        if owner := _OWNER.match(text):
            fields["owner_address"], fields["owner_image"] = address(owner["address"]), owner["image"]
        elif ticks := _TICKS.match(text):
            fields["ended_s"] = _seconds(ticks) if state == "terminated" else None
        elif begin := _START.match(text):
            win32 = begin["win32"] is not None
            fields["win32_start_address" if win32 else "start_address"] = address(begin["address"])
            if begin["symbol"] and (module := _MODULE.match(begin["symbol"])):
                modules[win32] = module["module"]
    fields["start_module"] = _start_module(fields, modules)
    if _wanted(log, fields):
        merge_sample(log, used, verify=f"!thread {fields['address']}", quality="exact", **fields)
    return end


def _state(rest: str) -> str | None:
    match = _REST.match(" ".join(rest.split()))
    word = match["state"].lower() if match else ""
    return _STATES.get(word, word) or None


def _seconds(ticks: re.Match[str]) -> float:
    """The time in parentheses (days:hours:minutes:seconds) where the debugger prints it, else from the ticks."""
    if ticks[2] is None:
        return int(ticks[1]) * TICK_S
    *larger, seconds = ticks[2].split(":")
    days, hours, minutes = (int(part) for part in ["0", *larger][-3:])
    return ((days * 24 + hours) * 60 + minutes) * 60 + float(seconds)


def _start_module(fields: dict[str, Value | None], modules: dict[bool, str]) -> str | None:
    """Module of the Win32 start address; of the start address where there is no other and it is no mere thunk."""
    if "win32_start_address" in fields:
        return modules.get(True)
    module = modules.get(False)
    return None if module and module.lower() in _THUNKS else module


def _wanted(log: Log, fields: dict[str, Value | None]) -> bool:
    """Whether a thread is kept as a sample: known by its address already, or the list is not long yet."""
    threads = [fact for _, fact in recent(log, "sample") if fact.get("type") in ("Thread", None)]
    if any(fact.get("address") == fields["address"] for fact in threads):
        return True
    ended = fields["state"] == "terminated"
    return sum((fact.get("state") == "terminated") == ended for fact in threads) < MAX_THREAD_SAMPLES


PARSERS: tuple[Parser, ...] = (parse_thread,)
