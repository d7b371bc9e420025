"""What the lines of a poolmon log can be, and whether a file is one.

Besides poolmon's own lines there are those of the script around it: a date before each snapshot, titles, the command
typed. `memsnap /p` writes the same rows under a head of `!Name=value` lines (Windows Server 2003 Support Tools).
"""

import mmap
import re
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from typing import Literal

from ..log.block import Line, Log
from ..log.poolmon import COLUMNS, COMMIT, MEMORY, RULE, SCOPE, row_of
from ..log.text import clean, command_of, is_cut
from .stamps import stamp_of

MAX_BYTES = 256 * 1024 * 1024
"""Largest poolmon log read: some 2,000 snapshots of 1,500 tags."""

MAX_LINE = 512
"""Bytes kept of one line; with the name of its driver a row has some 150."""

_SAMPLE = 1 << 15
_FOREIGN_LINES = 3
_FOREIGN_SHARE = 0.05
"""Lines in a poolmon log that are neither poolmon's nor a date: titles, and what a script prints."""

_PROMPT = b"kd> "

LABEL = re.compile(r"\s*!(?P<name>\w{1,30})=(?P<value>.{0,200})$")

LineKind = Literal["row", "memory", "commit", "scope", "columns", "label", "stamp", "rule", "cut", "other"]


def normalised(data: bytes) -> bytes:
    """The text in an encoding in which ASCII is ASCII: UTF-16 taken apart, byte order marks and NULs taken out.

    PowerShell's `>>` and `Out-File -Append` add UTF-16 to a file that began as something else.
    """
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        data = data.decode("utf-16", errors="replace").encode("utf-8", errors="replace")
    if data.startswith(BOM_UTF8):
        data = data[len(BOM_UTF8) :]
    if b"\0" in data:
        data = data.replace(BOM_UTF16_LE, b"").replace(b"\0", b"")
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    return data


def decoded(line: bytes) -> str:
    """One line as text: UTF-8, or else Windows-1252. Files put together by scripts may hold both."""
    line = line[:MAX_LINE].rstrip(b"\r\n")
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        return line.decode("cp1252", errors="replace")


def kind_of(text: str) -> LineKind:
    """What a cleaned line that is not blank is."""
    if row_of(text):
        return "row"
    if MEMORY.match(text):
        return "memory"
    if COMMIT.match(text):
        return "commit"
    if COLUMNS.match(text):
        return "columns"
    if SCOPE.match(text):
        return "scope"
    if LABEL.match(text):
        return "label"
    if RULE.match(text):
        return "rule"
    if is_cut(text):
        return "cut"
    return "stamp" if stamp_of(text) else "other"


def is_poolmon(data: "bytes | mmap.mmap") -> bool:
    """Whether a file holds poolmon's output and nothing else of interest; `data` may be mapped memory.

    A debugger log in which a screen was pasted is none, nor is a text that says more than poolmon does.
    """
    if len(data) <= 2 * _SAMPLE:
        sample = [bytes(data[:])]
    else:
        head, tail = bytes(data[:_SAMPLE]), bytes(data[len(data) - _SAMPLE :])
        sample = [head[: head.rfind(b"\n") + 1] or head, tail[tail.find(b"\n") + 1 :]]
    lines = [line for part in sample for line in normalised(part).split(b"\n") if line.strip()]
    if not any(_looks_like_poolmon(line) for line in lines) or data.find(_PROMPT) >= 0:
        return False
    counts = {"own": 0, "other": 0}
    foreign: list[Line] = []
    allowed = _FOREIGN_LINES + _FOREIGN_SHARE * len(lines)
    for number, raw in enumerate(lines, 1):
        text = clean(decoded(raw))
        kind = kind_of(text) if text else "rule"
        if kind == "other":
            foreign.append(Line(number, text, text))
            if len(foreign) > allowed or command_of(text):
                return False
        else:
            counts["own"] += kind in ("row", "memory", "commit")
    return counts["own"] > 0 and not _says_more(foreign)


def _looks_like_poolmon(line: bytes) -> bool:
    return b"Nonp" in line or b"Paged" in line or b"Memory:" in line or b"Commit:" in line


def _says_more(foreign: list[Line]) -> bool:
    """Whether the lines that are not poolmon's are facts of their own to the readers of logs."""
    if not foreign:
        return False  # before four hundred patterns are compiled that a plain poolmon log has no use for
    from ..log.reader import PARSERS

    log = Log("")
    for index in range(len(foreign)):
        for parser in PARSERS:
            try:
                parser(foreign, index, log)
            except Exception:  # a hostile line: the reader of logs knows how to go on behind it
                return True
    return bool(log.facts)
