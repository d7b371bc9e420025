"""What to capture next: the commands asked for by findings and by rules that lacked a fact, each once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..capture.questions import OPEN, wanted
from ..capture.safe import is_command, is_of_machine
from ..diagnosis import Diagnosis
from .wording import Wording

MAX_REASONS = 3
MAX_PASTED = 40


@dataclass(frozen=True, slots=True)
class Capture:
    """A command or instruction with what it is good for."""

    command: str
    reasons: tuple[str, ...]
    followed: bool
    """A finding asks for it, not only a rule that lacks a fact."""

    @property
    def typed(self) -> bool:
        """Something to paste, to be set in monospace; else a sentence."""
        return is_command(self.command)

    @property
    def in_debugger(self) -> bool:
        """To be typed into the debugger, not at a prompt of the machine."""
        return not is_of_machine(self.command)


def captures(diagnosis: Diagnosis, wording: Wording) -> list[Capture]:
    """What findings ask for, those of the verdict first, then what rules lacked, most wanted first."""
    return [
        Capture(one.command, _reasons(one.follows, one.decides, wording), bool(one.follows))
        for one in wanted(diagnosis)
    ]


def _reasons(follows: Sequence[str], decides: Sequence[str], wording: Wording) -> tuple[str, ...]:
    return tuple(
        reason_of(key, titles, wording)
        for key, titles in (("captures.follows", follows), ("captures.decides", decides))
        if titles
    )


def reason_of(key: str, titles: Sequence[str], wording: Wording) -> str:
    """A sentence that names the first few titles and counts the others."""
    more = len(titles) - MAX_REASONS if len(titles) > MAX_REASONS + 1 else 0
    return wording(key, titles="; ".join(titles[:MAX_REASONS] if more else titles), more=more)


@dataclass(frozen=True, slots=True)
class Script:
    """Commands to paste at one place, and the words that say where."""

    title: str
    commands: tuple[str, ...]


def scripts(listed: Iterable[Capture], wording: Wording) -> tuple[Script, ...]:
    """The commands by where they are typed. What has a part to fill in is left to the table, which says what for."""
    typed = [capture for capture in listed if capture.typed and not OPEN.search(capture.command)]
    places = (
        (wording(f"captures.{place}"), [capture.command for capture in typed if capture.in_debugger is here])
        for place, here in (("debugger", True), ("machine", False))
    )
    return tuple(Script(title, tuple(commands[:MAX_PASTED])) for title, commands in places if commands)
