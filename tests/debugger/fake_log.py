"""A log of kd as what was typed and what it printed, for the stand-ins of debuggers."""

import re
from pathlib import Path

_TYPED = re.compile(r"^(?:\d+: )?l?kd> ?(.*)$")


def outputs(path: str) -> dict[str, str]:
    """What stands behind every prompt of a log; before the first one is the banner."""
    said, command = {"": ""}, ""
    for line in Path(path).read_text(encoding="utf-8", errors="replace").splitlines(keepends=True):
        typed = _TYPED.match(line.rstrip("\n"))
        if typed:
            command = typed[1].strip()
            said[command] = ""
        else:
            said[command] += line
    return said


def note(path: str, line: str) -> None:
    """Add a line to the file of what was asked."""
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{line}\n")
