"""Errors the debugger prints in place of, or before, its output: the figures around them have little weight."""

import re
from collections.abc import Sequence

from .block import Line, Log, Parser

_ERRORS = (
    (
        r"Failed to read heap key|Pool page \[.{1,30}\] is INVALID|Unable to read pool|Could not find .{0,40}pool",
        "pool",
    ),
    (r"Query pooltags Failed|unable to get pool (?:tag|big page) table|Unable to get PoolTrackTable", "tags"),
    (r"Unimplemented error for \w+|Unable to (?:get|read) (?:System PTE|MmSystemPte|\w*memory)\b", "memory"),
    (
        r"Unable to (?:get|read) (?:ObpTypeObject|ObpRootDirectory|nt!_OBJECT|handle table)|\w+: Unable to find handle",
        "handles",
    ),
    (r"GetUlongFromAddress: unable to read from|GetPointerFromAddress: unable to read from", "memory"),
    (r"Unable to (?:get|read) \S.{1,120}$|NT symbols are (?:incorrect|not available)", "memory"),
)
_COMPILED = tuple((re.compile(rf"\s*(?:\*+\s*)?(?:{pattern})", re.IGNORECASE), subject) for pattern, subject in _ERRORS)
_SYMBOLS = re.compile(r"\*{3,} (?:ERROR|WARNING): (?:Symbol file|Unable to verify|Module load)", re.IGNORECASE)
_BEGINNING = re.compile(
    r"\s*(?:\*+\s*)?(?:Failed|Pool page|Unable|Query|Unimplemented|Get|NT sym|ERR|WARN)", re.IGNORECASE
)


def parse(lines: Sequence[Line], start: int, log: Log) -> int:
    """Note one error line."""
    line = lines[start]
    if not _BEGINNING.match(line.text):
        return start
    text = line.text.strip()[:200]
    if _SYMBOLS.match(text):
        log.note("missing-symbols", "modules", f"The debugger had no symbols: {text.strip('* ')}", line)
        return start + 1
    for pattern, subject in _COMPILED:
        if pattern.match(text):
            log.note("debugger-error", subject, f"The debugger says: {text.rstrip('.')}.", line, severity="warning")
            return start + 1
    return start


PARSERS: tuple[Parser, ...] = (parse,)
