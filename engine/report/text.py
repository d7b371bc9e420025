"""The short summary for the terminal."""

import textwrap
from typing import TYPE_CHECKING

from ..diagnosis import Diagnosis
from . import figures
from .model import PartView, Report, build
from .wording import Wording, load

if TYPE_CHECKING:
    from rich.console import Console

MAX_STEPS = 10
MAX_NOTES = 4
MAX_NAME = 60
MAX_OTHERS = 3
"""Other candidates named beside the best of a part."""
MAX_LINES = 5
"""Lines one sentence may take; hostile names are long."""
WIDEST = 100


def print_summary(diagnosis: Diagnosis, console: "Console") -> None:
    """Print verdict, chain, next steps and quality warnings, some 25 to 40 lines."""
    from rich.text import Text

    for line, heading in summary_lines(build(diagnosis), min(console.width, WIDEST)):
        console.print(Text(line, style="bold" if heading else ""), soft_wrap=True)


def summary_lines(report: Report, width: int) -> list[tuple[str, bool]]:
    """The lines of the summary, each with whether it is a heading."""
    wording = load()
    lines: list[tuple[str, bool]] = []

    def add(text: str, first: str = "", rest: str = "", heading: bool = False) -> None:
        lines.extend((line, heading) for line in _wrap(text, first, rest, width))

    def section(title: str, texts: list[tuple[str, str]]) -> None:
        if texts:
            lines.append(("", False))
            lines.append((title, True))
            for mark, text in texts:
                add(text, f"  {mark} ", " " * (len(mark) + 3))

    add(f"{report.state_word}: {figures.clip(report.name, MAX_NAME)}", heading=True)
    add(report.machine)
    if report.snapshots:
        add(report.snapshots)
    lines.append(("", False))
    add(report.headline)
    lines.append(("", False))
    for part in report.parts:
        add(_part(part, report), f"{part.label:<10}", " " * 10)
        if part.others:
            names = ", ".join(figures.clip(name, MAX_NAME) for name in part.others[:MAX_OTHERS])
            add(f"{wording('part.others')}: {names}", " " * 10, " " * 10)
    section(wording("text.why"), [(f"{step.number}.", step.text) for step in report.chain.steps[:MAX_STEPS]])
    section(
        wording("text.next"), [("-", " ".join([action.text, ", ".join(action.commands)])) for action in report.actions]
    )
    section(wording("text.quality"), _notes(report, wording))
    lines.append(("", False))
    add(wording("text.rules", counts=", ".join(f"{number} {name}" for name, number in report.counts)))
    if report.changes:
        add(wording("text.changes", count=len(report.changes), first=report.changes[0]))
    add(wording("text.more"))
    return lines


def _part(part: PartView, report: Report) -> str:
    if part.name is None:
        return part.text
    name = figures.clip(part.name, MAX_NAME)
    return f"{name}{', ' + part.detail if part.detail else ''} [{part.confidence}]"


def _notes(report: Report, wording: Wording) -> list[tuple[str, str]]:
    told = {step.text for step in report.chain.steps[:MAX_STEPS]}
    grave = [note for note in report.quality if note.severity != "info" and note.text not in told]
    notes = [("-", f"{note.text} ({note.where})" if note.where else note.text) for note in grave[:MAX_NOTES]]
    if len(grave) > MAX_NOTES:
        notes.append(("-", wording("text.more_notes", count=len(grave) - MAX_NOTES)))
    return notes


def _wrap(text: str, first: str, rest: str, width: int) -> list[str]:
    """Wrapped lines without control characters: an escape sequence in a name must not reach the terminal."""
    plain = figures.visible(" ".join(text.split())).replace(" %", "\u00a0%")
    wrapped = textwrap.wrap(
        plain,
        max(width, 40),
        initial_indent=first,
        subsequent_indent=rest,
        max_lines=MAX_LINES,
        placeholder=" …",
        break_on_hyphens=False,
    )
    return [line.replace("\u00a0", " ") for line in wrapped]
