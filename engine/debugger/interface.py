"""What a debugger is to the rest of the program: a command in, text out, whatever becomes of it."""

from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Protocol, Self

from ..errors import CasefileError

State = Literal["complete", "timeout", "truncated", "died", "failed", "refused", "skipped"]
"""How a command ended: it finished; its time was up; it printed too much; the debugger ended under it; the debugger
gave an error in place of output; it is none of the commands that only read, so it was not sent; or it was not run, the
debugger being gone or all time used."""

PARTIAL: tuple[State, ...] = ("timeout", "truncated", "died")
"""States in which the text is only the beginning of what there was to say."""

MAX_OUTPUT_LINES = 200_000
"""Lines read of one output. Reading lines of no meaning takes the log reader 45 microseconds each."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a command printed, with `\\n` at its line ends, how it ended and in how many seconds.

    `why` is what the debugger or the system says of a failure, one line.
    """

    text: str
    state: State
    seconds: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one debugger may cost. Opening a dump includes fetching the symbols of its kernel."""

    open_s: float = 180
    command_s: float = 120
    total_s: float = 900
    grace_s: float = 5
    """After a break-in, before the debugger is killed."""
    output: int = 8 << 20
    """Bytes of one output; a list of 60,000 handles stays below it."""
    commands: int = 60
    """Commands of one case."""


class Debugger(Protocol):
    """A debugger at one dump or at the local kernel, open between `__enter__` and `__exit__`.

    A command that hangs, dies or floods costs itself: its Output says so and the next one is run. `__enter__` raises
    DebuggerError where the target cannot be opened.
    """

    name: str
    """As sources of facts show it: kd, pykd."""
    prompt: str
    banner: str
    """What it printed while it opened the target."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def execute(self, command: str, limit_s: float) -> Output: ...


class DebuggerError(CasefileError):
    """The debugger cannot be started or cannot open its target."""
