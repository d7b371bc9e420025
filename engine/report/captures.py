"""What to capture next: the commands asked for by findings and by rules that lacked a fact, each once."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from ..diagnosis import Confidence, Diagnosis
from .wording import Wording

MAX_REASONS = 3
MAX_PASTED = 40
_OPEN = re.compile(r"<[^<>]*>")
"""A part of a command that the reader has to fill in."""
_OPTIONAL = ("quality.", "normal.", "next.", "known.")
"""Packs whose rules nobody captures for: they judge what is there."""
_LONGEST = 6
"""Words of a command that starts with a plain word; a sentence may start with one too."""

_DEBUGGER = frozenset("lm lmvm dx dt dd dq dps dqs kv kb k x s ln u uf vertarget".split())  # noqa: SIM905
_SYSTEM = frozenset("poolmon verifier fltmc wpr xperf gflags handle driverquery sc tasklist strings logman".split())  # noqa: SIM905


@dataclass(frozen=True, slots=True)
class Capture:
    """A command or instruction with what it is good for."""

    command: str
    reasons: tuple[str, ...]

    @property
    def typed(self) -> bool:
        """Something to paste, to be set in monospace; else a sentence."""
        return is_command(self.command)

    @property
    def in_debugger(self) -> bool:
        """To be typed into the debugger, not at a prompt of the machine."""
        return _verb(self.command) not in _SYSTEM


def is_command(text: str) -> bool:
    """Whether a text reads as a debugger or shell command.

    >>> is_command("!handle 0 3 0 Thread"), is_command("Run poolmon for three hours.")
    (True, False)
    """
    verb = _verb(text)
    sentence = text.rstrip().endswith(".") or len(text.split()) > _LONGEST
    return verb[:1] in ("!", ".", "?") or (verb in _DEBUGGER | _SYSTEM and not sentence)


def _verb(text: str) -> str:
    return text.strip().partition(" ")[0]


def captures(diagnosis: Diagnosis, wording: Wording) -> list[Capture]:
    """What findings ask for, those of the verdict first, then what rules lacked, most wanted first."""
    verdict = diagnosis.verdict
    parts = (verdict.culprit, verdict.holder, verdict.kind, verdict.resource)
    decisive = [part.finding for part in parts if part.finding]
    following = [finding for finding in diagnosis.findings if finding.part == "next"]
    others = [finding for finding in diagnosis.findings if finding not in decisive and finding.part != "next"]
    follows: dict[str, list[str]] = {}
    for finding in [*following, *decisive, *others]:
        for command in finding.next:
            follows.setdefault(command.strip(), []).append(finding.title)
    decides: dict[str, list[str]] = {}
    answered = verdict.culprit.confidence >= Confidence.MEDIUM or verdict.state == "healthy"
    for outcome in () if answered else diagnosis.outcomes:
        if outcome.outcome == "not_evaluated" and not outcome.rule.startswith(_OPTIONAL):
            for command in outcome.capture:
                decides.setdefault(command.strip(), []).append(outcome.title)
    wanted = sorted(decides, key=lambda command: -len(decides[command]))
    commands = dict.fromkeys([*follows, *wanted])
    return [Capture(command, _reasons(follows.get(command), decides.get(command), wording)) for command in commands]


def _reasons(follows: list[str] | None, decides: list[str] | None, wording: Wording) -> tuple[str, ...]:
    reasons = []
    for key, titles in (("captures.follows", follows), ("captures.decides", decides)):
        if titles:
            kept = list(dict.fromkeys(titles))
            more = len(kept) - MAX_REASONS if len(kept) > MAX_REASONS + 1 else 0
            shown = kept[:MAX_REASONS] if more else kept
            reasons.append(wording(key, titles="; ".join(shown), more=more))
    return tuple(reasons)


@dataclass(frozen=True, slots=True)
class Script:
    """Commands to paste at one place, and the words that say where."""

    title: str
    commands: tuple[str, ...]


def scripts(wanted: Iterable[Capture], wording: Wording) -> tuple[Script, ...]:
    """The commands by where they are typed. What has a part to fill in is left to the table, which says what for."""
    typed = [capture for capture in wanted if capture.typed and not _OPEN.search(capture.command)]
    places = (
        (wording(f"captures.{place}"), [capture.command for capture in typed if capture.in_debugger is here])
        for place, here in (("debugger", True), ("machine", False))
    )
    return tuple(Script(title, tuple(commands[:MAX_PASTED])) for title, commands in places if commands)
