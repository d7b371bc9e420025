"""The marks of a capture script: `dumptriage capture begin: 7 commands` and `dumptriage capture end`.

A log with the first and not the second was cut, or the debugger stopped: what is missing was not shown, which is not
the same as not there.
"""

import re
from collections.abc import Sequence

from .block import Line, Log

MAX_NOTES = 20
_MARK = re.compile(r"dumptriage capture (?:begin: (\d{1,4}) commands|(end))$")


def note_unfinished(lines: Sequence[Line], log: Log) -> None:
    """A note for each capture of the log that does not end."""
    begun: Line | None = None
    open_ones: list[Line] = []
    for line in lines:
        mark = _MARK.search(line.text) if "dumptriage capture " in line.text else None
        if mark is None:
            continue
        # A debugger that echoes its script shows the mark twice, as typed and as printed.
        if mark[1] and begun is not None and line.number > begun.number + 2:
            open_ones.append(begun)
        begun = None if mark[2] else line
    open_ones += [begun] if begun is not None else []
    for line in open_ones[:MAX_NOTES]:
        text = (
            f"The capture that begins in line {line.number} does not end: the debugger stopped, or the log was cut. "
            "What is missing after its last output was not shown."
        )
        log.note("debugger", "capture", text, line, severity="warning")
