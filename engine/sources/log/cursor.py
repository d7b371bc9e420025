"""Walking over the lines of one output, and over the facts read so far. Every walk is bounded."""

import re
from collections.abc import Iterator, Sequence

from ...facts import Fact
from .block import Line, Log
from .text import command_of

ADDRESS = r"[0-9a-fA-F]{8}(?:`?[0-9a-fA-F]{8})?"
"""A kernel address as the debugger prints it: 8 or 16 digits, a backtick in the middle of 16."""

RECENT = 1000
"""Facts looked back over. A list of all processes of a server fits; a hostile log cannot make it quadratic."""

_LINE_IN_SOURCE = re.compile(r":(\d+)$")


def is_prompt(line: Line) -> bool:
    """Whether the line is a prompt with a command, or an extension command typed without one."""
    if "!" in line.text[:16] and command_of(line.text) is not None:
        return True
    return ">" in line.raw[:48] and command_of(line.raw) is not None


def output(lines: Sequence[Line], start: int, limit: int = 1 << 30) -> Iterator[tuple[int, Line]]:
    """The filled lines from `start` up to the next prompt, at most `limit` of them, each with its index."""
    for index in range(start, len(lines)):
        line = lines[index]
        if not line.text.strip():
            continue
        if limit <= 0 or (index > start and is_prompt(line)):
            return
        limit -= 1
        yield index, line


def recent(log: Log, kind: str) -> Iterator[tuple[int, Fact]]:
    """The facts of a kind among the last ones read, newest first, each with its index in `log.facts`."""
    for index in range(len(log.facts) - 1, max(-1, len(log.facts) - 1 - RECENT), -1):
        if log.facts[index].kind == kind:
            yield index, log.facts[index]


def line_of(fact: Fact) -> int:
    """The line number in the source of a fact, 0 without one."""
    match = _LINE_IN_SOURCE.search(fact.source)
    return int(match[1]) if match else 0
