"""What became of the commands, as data-quality facts: one sentence for each that fell short, and which were run."""

import re
from collections.abc import Sequence

from ..facts import Fact, note
from .interface import MAX_OUTPUT_LINES, Limits, Output

MAX_NOTES = 20
_MB = 1 << 20

_NT = r"(?:nt|ntoskrnl|ntkrnlmp|ntkrnlpa|ntkrpamp)(?:\.exe)?"
_KERNEL_SYMBOLS = re.compile(
    r"Symbol file could not be found\.\s+Defaulted to export symbols for " + _NT + r"\b"
    r"|symbols could not be loaded for " + _NT + r"\b"
    r"|Kernel symbols are WRONG"
    r"|NT symbols are (?:incorrect|not available)"
    r"|Symbols can not be loaded",
    re.IGNORECASE,
)
_SAID = 120
_MAX_SEARCHED = 1 << 16
"""The debugger speaks of symbols before it prints anything else."""


def lacks_symbols(output: Output) -> bool:
    """Whether the debugger says that it has no right symbols of the kernel."""
    return _KERNEL_SYMBOLS.search(output.text[:_MAX_SEARCHED]) is not None


def notes(
    name: str, ran: Sequence[tuple[str, Output]], silent: Sequence[tuple[str, str]], limits: Limits
) -> list[Fact]:
    """One note per command that fell short, at most MAX_NOTES, and one that lists the commands run.

    `silent` are those that ended well and told nothing, with the first line they printed.
    """
    flaws = [(command, text) for command, output in ran if (text := _flaw(name, command, output, limits))]
    facts = [_note(name, command, "warning", text) for command, text in flaws[:MAX_NOTES]]
    if len(flaws) > MAX_NOTES:
        facts.append(
            _note(name, "debugger", "warning", f"{len(flaws) - MAX_NOTES} more commands of {name} fell short.")
        )
    for command, line in silent[:MAX_NOTES]:
        said = f"nothing that is understood; it begins with '{line[:_SAID]}'" if line else "nothing"
        facts.append(_note(name, command, "info", f"{command} printed {said}."))
    run = [command for command, output in ran if output.state not in ("refused", "skipped")]
    if run:
        seconds = sum(output.seconds for _, output in ran)
        text = f"{name} was asked for {', '.join(run)} ({seconds:.0f} s); what it showed has the source '{name}: ...'."
        facts.append(_note(name, "debugger", "info", text))
    return facts


def unopened(name: str, reason: str) -> Fact:
    """The note of a debugger that could not open its target."""
    return _note(name, "debugger", "warning", f"{reason}; what it would have shown is missing.")


def contradiction(command: str, what: str, told: str, native: str) -> Fact:
    """The note of a figure the debugger shows otherwise than the dump holds it."""
    text = f"{command} shows {what} as {told}, the dump itself {native}; the figure of the dump is used."
    return note("debugger", what, text, command, severity="info")


def _flaw(name: str, command: str, output: Output, limits: Limits) -> str | None:
    kept = "what it had printed by then is used" if output.text.strip() else "it had printed nothing"
    because = f": {output.why.rstrip('.')}" if output.why else ""
    if output.state == "complete":
        if lacks_symbols(output):
            return f"{name} had no right symbols of the kernel for {command}: what it showed is held suspect."
        return None
    return {
        "timeout": f"{command} was broken off after {output.seconds:.0f} s; {kept}.",
        "truncated": f"{command} printed more than the {limits.output / _MB:,.0f} MB or {MAX_OUTPUT_LINES:,} lines "
        "that are read; what came first is used.",
        "died": f"{name} ended while it ran {command}; {kept}.",
        "failed": f"{name} could not run {command}{because}.",
        "refused": f"{command} is not known to do nothing but read; it was not sent to {name}.",
        "skipped": f"{command} was not run{because}.",
    }[output.state]


def _note(name: str, subject: str, severity: str, text: str) -> Fact:
    source = name if subject == "debugger" else f"{name}: {subject}"
    return note("debugger", subject, text, source, severity=severity)
