"""The session block of `!vm 4`: the paged pool of each terminal server session against its size.

    Session Paged Pool Maximum is 16384 Kb
    Session ID 3 @ f7a11000:
    Paged Pool Usage:       16352 Kb
    *** 5212 Pool Allocation Failures ***

gives a pool fact of the fullest session and a claim where allocations failed.
"""

import re
from dataclasses import dataclass, field

from .block import Line, Log
from .numbers import WHOLE, count

_TITLE = re.compile(r"\s*(?:Terminal Server Memory Usage By Session|Session View Space Maximum)", re.IGNORECASE)
_MAXIMUM = re.compile(rf"\s*Session Paged Pool Maximum is\s+({WHOLE})\s*Kb\s*$", re.IGNORECASE)
_SESSION = re.compile(r"\s*Session ID (\d{1,9}) @", re.IGNORECASE)
_USAGE = re.compile(rf"\s*(?P<what>Paged Pool|Commit) Usage:\s*(?P<kb>{WHOLE})\s*Kb\s*$", re.IGNORECASE)
_FAILURES = re.compile(rf"\s*\*{{3,}}\s*({WHOLE}) Pool Allocation Failures\s*\*{{3,}}\s*$", re.IGNORECASE)

KB = 1024


@dataclass(slots=True)
class Sessions:
    """The session block while it is read."""

    maximum: tuple[int, Line] | None = None
    used: list[tuple[int, Line]] = field(default_factory=list)
    failures: int = 0
    failed: list[Line] = field(default_factory=list)

    def take(self, line: Line) -> bool:
        """Read one line; False where the line is not part of the block."""
        text = line.text
        if match := _MAXIMUM.match(text):
            self.maximum = count(match[1]), line
        elif match := _USAGE.match(text):
            if match["what"].lower() != "commit":
                self.used.append((count(match["kb"]), line))
        elif match := _FAILURES.match(text):
            self.failures += count(match[1])
            self.failed.append(line)
        else:
            return bool(_TITLE.match(text) or _SESSION.match(text))
        return True

    def emit(self, log: Log) -> None:
        """Add the fullest session and the failures."""
        if self.used:
            kb, line = max(self.used, key=lambda used: used[0])
            size, title = self.maximum if self.maximum else (0, line)
            log.add(
                "pool",
                [line] if title is line else [title, line],
                verify="!vm 4",
                type="session",
                used_bytes=kb * KB,
                max_bytes=size * KB or None,
                limit="fixed" if size else None,
            )
        if self.failed:
            text = " ".join(self.failed[0].text.replace("*", " ").split())
            log.add("claim", self.failed, verify="!vm 4", subject="session pool", text=text, count=self.failures)
