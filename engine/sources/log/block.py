"""What every parser of debugger output works on: numbered lines in, facts and notes out.

A parser is a function `(lines, start, log) -> end`. It looks at `lines[start]`: when that line begins output of its
shape it reads on, adds facts to the log and returns the index after the last line it took; otherwise it adds nothing
and returns `start`. It recognises the output, never the prompt or the command typed: logs are pasted without them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ...facts import Fact, Quality, Value, new, note

MAX_QUOTE_LINES = 12
"""Lines of raw text quoted with one fact."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the log: its number in the file from 1, its raw text, and the text cleaned for parsing."""

    number: int
    raw: str
    text: str


@dataclass(frozen=True, slots=True)
class Unplaced:
    """Places with the bytes of a tag that lie in no module listed so far: the index of the note that says so, the tag,
    and address and line of each place. A module list further down may hold them."""

    note: int
    tag: str
    places: tuple[tuple[int, Line], ...]


@dataclass(slots=True)
class Log:
    """Collects what the parsers read. `name` is the file name used in sources (`name:line`).

    `command` and `prompt` are the last command line seen above the current line, empty where there is none.
    """

    name: str
    facts: list[Fact] = field(default_factory=list)
    command: str = ""
    prompt: str = ""
    unplaced: list[Unplaced] = field(default_factory=list)

    def add(
        self,
        kind: str,
        lines: Sequence[Line],
        *,
        verify: str | None,
        quality: Quality = "exact",
        **fields: Value | None,
    ) -> Fact | None:
        """Add a fact read from these lines. A figure that does not fit a fact is noted instead of raising."""
        try:
            fact = new(
                kind,
                source=f"{self.name}:{lines[0].number}",
                verify=verify,
                quality=quality,
                quote="\n".join(line.raw.rstrip() for line in lines[:MAX_QUOTE_LINES]),
                **fields,
            )
        except ValueError as error:
            self.note("impossible-counter", kind, f"A {kind} line was left out: {error}.", lines[0], severity="warning")
            return None
        self.facts.append(fact)
        return fact

    def note(self, problem: str, subject: str, text: str, line: Line, *, severity: str = "info") -> None:
        """Add a data-quality note: what is wrong with the evidence, in one sentence for the report."""
        source, quote = f"{self.name}:{line.number}", line.raw.rstrip()
        self.facts.append(note(problem, subject, text, source, severity=severity, line=line.number, quote=quote))


Parser = Callable[[Sequence[Line], int, Log], int]
"""See the module docstring."""
