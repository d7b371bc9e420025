"""`!obtrace`: the references taken and dropped of one object, by tag, each with its stack.

      38    +1     WgPr      nt!ObReferenceObjectByPointerWithTag+254
                             nt!PsLookupProcessByProcessId+6c
                             wardgate!WgProcessNotify+63

A `stack` fact of purpose 'reference' for each module that took references under a tag with more taken than dropped:
the innermost module outside the kernel.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from .block import Line, Log, Parser
from .cursor import output
from .modules import KERNEL

MAX_MODULES = 32

_TITLE = re.compile(r"\s*Sequence\s+\(\+/-\)\s+Tag\s+Stack\s*$")
_HEAD = re.compile(r"\s*Object:\s+[0-9a-fA-F`]{8,17}\s*$|\s*Image:\s+\S.{0,80}$")
_ENTRY = re.compile(r"\s*[0-9a-fA-F]{1,8}\s+(?P<sign>[+-])(?P<count>\d{1,9})\s+(?P<tag>\S.{3})\s+(?P<site>\S+)\s*$")
_FRAME = re.compile(r"\s{4,}(?P<site>[\w.$-]{1,64}(?:!\S{1,200}|\+(?:0x)?[0-9a-fA-F]{1,8}))\s*$")
_OTHER = re.compile(r"\s*(?:-{4,}[\s-]*$|References?:\s*\d|Tag:\s)")


@dataclass(slots=True)
class _Entry:
    """One reference taken or dropped, and the call sites of its stack."""

    change: int
    tag: str
    sites: list[str]
    lines: list[Line] = field(default_factory=list)


def parse_trace(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read one trace, with the lines above and below it."""
    begun = False
    entries: list[_Entry] = []
    end = start
    for index, line in output(lines, start):
        text = line.text
        if not begun:
            if _TITLE.match(text):
                begun = True
            elif not (_HEAD.match(text) and index - start <= 3):
                return start
        elif entry := _ENTRY.match(text):
            change = int(entry["sign"] + entry["count"])
            entries.append(_Entry(change, entry["tag"], [entry["site"]], [line]))
        elif entries and (frame := _FRAME.match(text)):
            entries[-1].sites.append(frame["site"])
            entries[-1].lines.append(line)
        elif not _OTHER.match(text):
            break
        end = index + 1
    if not entries:
        return start
    _add(log, entries)
    return end


def _add(log: Log, entries: list[_Entry]) -> None:
    net: dict[str, int] = {}
    for entry in entries:
        net[entry.tag] = net.get(entry.tag, 0) + entry.change
    seen: set[tuple[str, str]] = set()
    for entry in entries:
        frame = next((number for number, site in enumerate(entry.sites) if _module(site).lower() not in KERNEL), None)
        if entry.change < 0 or net[entry.tag] <= 0 or frame is None or len(seen) == MAX_MODULES:
            continue
        module = _module(entry.sites[frame])
        if (entry.tag, module) in seen:
            continue
        seen.add((entry.tag, module))
        log.add(
            "stack",
            entry.lines,
            verify="!obtrace",
            purpose="reference",
            module=module,
            symbol=entry.sites[frame],
            frame=frame,
            tag=entry.tag,
        )


def _module(site: str) -> str:
    return re.split(r"[!+]", site, maxsplit=1)[0]


PARSERS: tuple[Parser, ...] = (parse_trace,)
