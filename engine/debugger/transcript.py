"""What a debugger said, in the form of a log: the readers of debugger logs serve it too.

Sources of its facts are the commands (`kd: !vm 1`), for there is no file with line numbers.
"""

import re
from dataclasses import replace

from ..errors import CasefileError
from ..facts import Case, Casefile, Fact
from ..sources.log import reader
from .interface import MAX_OUTPUT_LINES, PARTIAL, Output
from .notes import lacks_symbols

MAX_BYTES = 24 << 20
MAX_LINES = 800_000
"""Of all outputs together; they are read again after every round."""
_CUT = "[... cut]"
"""Ends a partial output: the readers take what stands above it for the beginning of a list."""


class Transcript:
    """Collects commands and outputs, and reads facts out of them."""

    def __init__(self, name: str, banner: str = "") -> None:
        self.name = name
        self.ran: list[tuple[str, Output]] = []
        self._lines: list[str] = []
        self._commands: list[int] = []
        """Of every line which command it belongs to, -1 for the banner."""
        self._sources: set[str] = set()
        self._size = 0
        self._take(banner, -1)

    @property
    def full(self) -> bool:
        """Whether it holds as much as is read."""
        return self._size >= MAX_BYTES or len(self._lines) >= MAX_LINES

    @property
    def data(self) -> bytes:
        """The log."""
        return "".join(f"{line}\n" for line in self._lines).encode("utf-8", errors="replace")

    def add(self, prompt: str, command: str, output: Output) -> None:
        """Put down a command and what it printed, or the beginning of it."""
        lines = output.text.split("\n", MAX_OUTPUT_LINES)
        if len(lines) > MAX_OUTPUT_LINES:
            output = replace(output, text="\n".join(lines[:-1]), state="truncated")
        self.ran.append((command, output))
        if output.state in ("refused", "skipped"):
            return
        index = len(self.ran) - 1
        cut = f"{_CUT}\n" if output.state in PARTIAL and output.text else ""
        self._take(f"{prompt}{command}\n{output.text.rstrip()}\n{cut}", index)

    def case(self, casefile: Casefile) -> Case | None:
        """The facts of all that was said; None where no line of it was understood."""
        try:
            cases = reader.read(self.data, Casefile(self.name, casefile.sha256, casefile.size, casefile.kind))
        except CasefileError:
            return None
        # A debugger looks at one machine. What seems to be of another was misread, and is left out.
        read = cases[0]
        case = Case(casefile)
        # Readings a few seconds apart, of a machine that runs, are no history.
        case.extend(self._sourced(fact) for fact in read.facts if fact.kind != "growth" and not _by_line(fact))
        self._sources = {source for fact in case.facts for source in fact.source.split(", ")}
        return case

    def silent(self) -> list[tuple[str, str]]:
        """The commands that ended well and gave the case last read nothing, each with its first line."""
        return [
            (command, next((line.strip() for line in output.text.splitlines() if line.strip()), ""))
            for command, output in self.ran
            if output.state == "complete" and f"{self.name}: {command}" not in self._sources
        ]

    def _take(self, text: str, index: int) -> None:
        lines = text.replace("\0", "").split("\n")
        if lines[-1] == "":
            lines.pop()
        room = MAX_BYTES - self._size
        for line in lines:
            room -= len(line.encode("utf-8", errors="replace")) + 1
            if room < 0 or len(self._lines) >= MAX_LINES:
                break
            self._lines.append(line)
            self._commands.append(index)
        self._size = MAX_BYTES - max(room, 0)

    def _sourced(self, fact: Fact) -> Fact:
        """A fact with its commands for source; of a command without symbols it is suspect."""
        numbers = [int(number) for number in re.findall(rf"\b{re.escape(self.name)}:(\d+)", fact.source)]
        indices = dict.fromkeys(self._commands[n - 1] for n in numbers if 0 < n <= len(self._commands))
        said = [self.ran[index] for index in indices if index >= 0]
        source = ", ".join(f"{self.name}: {command}" for command, _ in said) or self.name
        fields = fact.fields
        quality = fact.quality
        if fact.kind == "data_quality":
            fields = {name: value for name, value in fields.items() if name != "line"}
        elif any(lacks_symbols(output) for _, output in said):
            quality = "suspect"
        elif quality == "exact" and fact.kind in _LISTED and any(output.state in PARTIAL for _, output in said):
            quality = "lower-bound"
        return replace(fact, source=source, fields=fields, quality=quality)


def _by_line(fact: Fact) -> bool:
    """A note of the reader that an output, named by its line, was not understood: `silent` tells it by command."""
    return fact.kind == "data_quality" and fact.get("problem") == "not-understood"


_LISTED = frozenset({"handles", "census", "object_type", "dead_objects", "tag_module"})
"""Kinds that are counted over a whole output: of a part of it they are lower bounds."""
