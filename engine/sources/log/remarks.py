"""What a person typed into the log beside the commands: `* one process has 388,836 open handles`.

A figure in a remark is a claim, never a fact; it is held against the counters later.
"""

import re
from collections.abc import Sequence

from .block import Line, Log, Parser

_HANDLES = re.compile(r"\*.{0,120}?\b(\d{1,3}(?:,\d{3})+|\d{4,9}) (?:open )?handles\b", re.IGNORECASE)


def parse_handles(lines: Sequence[Line], start: int, log: Log) -> int:
    """A comment line of the debugger that names a number of handles."""
    line = lines[start]
    found = _HANDLES.match(line.text.lstrip()) if len(line.text) < 500 else None
    if not found:
        return start
    count = int(found.group(1).replace(",", ""))
    text = line.text.strip().lstrip("* ")
    log.add("claim", [line], verify="!handle 0 0 <process>", subject="handles", text=text, count=count)
    return start + 1


PARSERS: tuple[Parser, ...] = (parse_handles,)
