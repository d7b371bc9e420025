"""The debugger script of a vendor pack: commands that show the evidence again, each with what it shows.

It is pasted into a debugger that may be attached to a live machine, and holds text of a casefile that a stranger may
have made. So a command stands in it only if it is of a verb that reads, with nothing but plain words behind it; all
else becomes a comment. Comments are `$$`, which end at a semicolon or a line end: neither they nor anything else but
plain ASCII get into one. `*` would swallow the rest of a script that runs as one block (`$$><`).
"""

from collections.abc import Iterator

from ..capture.comments import comment
from ..capture.safe import is_command, is_redacted, is_safe
from .model import Report
from .wording import Wording


def script(report: Report, wording: Wording) -> str:
    """The script for `$$><` or `$<`, or to be pasted; every line is a command or a comment."""
    lines = [*comment(wording("script.title", name=report.name)), *comment(report.machine)]
    lines += [*comment(wording("script.use")), ""]
    lines += _section(wording("script.evidence"), _evidence(report, wording), wording)
    lines += _section(wording("script.next"), _captures(report, wording), wording)
    return "".join(f"{line}\r\n" for line in lines)


Entry = tuple[str, str]
"""What a command shows, and the command."""


def _section(title: str, entries: Iterator[Entry], wording: Wording) -> list[str]:
    lines: list[str] = []
    for what, command in entries:
        lines += comment(what)
        if is_safe(command):
            lines.append(command)
        elif not is_command(command):
            lines += comment(command)
        else:
            reason = "redacted" if is_redacted(command) else "by_hand"
            lines += comment(wording(f"script.{reason}", command=command))
        lines.append("")
    return [*comment(title), "", *lines] if lines else []


def _evidence(report: Report, wording: Wording) -> Iterator[Entry]:
    """The commands of the chain in its order, each once."""
    seen: set[str] = set()
    for step in (*report.chain.steps, *report.chain.aside):
        for fact in step.evidence:
            command = (fact.verify or "").strip()
            if command and command not in seen:
                seen.add(command)
                shown = ", ".join(f"{name} {value}" for name, value in fact.figures[:4])
                yield wording("script.shows", number=step.number, subject=fact.subject, figures=shown), command


def _captures(report: Report, wording: Wording) -> Iterator[Entry]:
    for capture in report.captures:
        yield wording("script.capture", reasons=" ".join(capture.reasons)), capture.command.strip()
