"""One look at a target through a debugger: a first set of commands, then, in rounds, what open rules still need."""

from collections.abc import Callable, Iterable
from time import monotonic

from ..capture.questions import needed
from ..diagnosis import Diagnosis
from ..facts import Case, Casefile
from .fill import filled, whole_kinds
from .interface import Debugger, Limits, Output
from .notes import notes
from .transcript import Transcript

BASE = {
    "vertarget": "system",
    "!vm 1": "pool",
    "!poolused 2": "tag",
    "!poolused 4": "tag",
    "lm kv": "module",
    "!process 0 0": "process",
    "!object \\ObjectTypes": "object_type",
}
"""What every case begins with, and the kind of fact each command shows: one the case has already is not asked for."""

ROUNDS = 3
"""Rounds of questions; what a rule of the third opens is left for the report to ask."""

Judge = Callable[[Case], Diagnosis]
"""Judges a case without changing it."""


def ask(
    debugger: Debugger,
    casefile: Casefile,
    native: Case | None,
    judge: Judge,
    limits: Limits,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Case, bytes]:
    """The case as this program reads it (None: it did not) filled up by an open debugger, and the debugger's log.

    Never raises for what the debugger does: what it did not show is missing from the case, and a note says so.
    """
    transcript = Transcript(debugger.name, debugger.banner)
    began = monotonic()
    asked: set[str] = set()

    def run(commands: Iterable[str]) -> None:
        for command in commands:
            asked.add(command)
            progress(f"{debugger.name}: {command}")
            transcript.add(debugger.prompt, command, _run(debugger, command, limits, began, transcript, len(asked)))

    known = whole_kinds(native) if native else ()
    run(command for command, kind in BASE.items() if kind not in known)
    case = _case(transcript, casefile, native)
    for _ in range(ROUNDS):
        commands = [one.command for one in needed(judge(case)) if one.runs and one.command not in asked]
        if not commands:
            break
        run(commands)
        case = _case(transcript, casefile, native)
    case.extend(notes(debugger.name, transcript.ran, transcript.silent(), limits))
    return case, transcript.data


def lacks_facts(diagnosis: Diagnosis) -> bool:
    """Whether an open rule lacks facts that a debugger may show."""
    return any(one.runs and one.decides for one in needed(diagnosis))


def _case(transcript: Transcript, casefile: Casefile, native: Case | None) -> Case:
    told = transcript.case(casefile)
    if native is None:
        return told or Case(casefile)
    return filled(native, told) if told else native.copy()


def _run(debugger: Debugger, command: str, limits: Limits, began: float, transcript: Transcript, number: int) -> Output:
    left = limits.total_s - (monotonic() - began)
    if left <= 0:
        return Output("", "skipped", 0.0, f"the {limits.total_s:g} s for {debugger.name} were used up")
    if number > limits.commands:
        return Output("", "skipped", 0.0, f"{limits.commands} commands had been run")
    if transcript.full:
        return Output("", "skipped", 0.0, f"{debugger.name} had printed as much as is read")
    return debugger.execute(command, min(limits.command_s, left))
