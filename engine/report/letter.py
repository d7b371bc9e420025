"""The cover letter of a vendor pack: what was found, how sure, what is asked and what is enclosed, in plain text."""

import textwrap
from collections.abc import Iterable

from . import figures
from .branding import Branding
from .model import PartView, Report
from .wording import Wording

WIDTH = 76
MAX_STEPS = 12
MAX_NEXT = 6


def letter(report: Report, branding: Branding, files: Iterable[str], redaction: str | None, wording: Wording) -> str:
    """The letter, in the words of the findings."""
    signature = report.signature.code if report.signature else ""
    head = [
        wording("letter.from", company=branding.company) if branding.company else "",
        wording("letter.to", addressed=report.addressed),
        wording("letter.subject", state=report.state_word, headline=report.headline),
        wording("letter.case", name=report.name, signature=signature),
        wording("letter.machine", machine=report.machine),
    ]
    doubts = [*report.doubts, *(wording("letter.disprove", text=text) for text in report.disprove)]
    asked = f"letter.ask.{report.state}" if report.ask else "letter.ask.other"
    sending = wording("action.send", name=report.part("culprit").name)
    next_steps = [" ".join([each.text, ", ".join(each.commands)]) for each in report.actions if each.text != sending]
    sections = (
        ("found", [_part(part, wording) for part in report.parts], "- "),
        ("how", [step.text for step in report.chain.steps[:MAX_STEPS]], "1"),
        ("sure", [*([report.sure] if report.sure else []), *doubts], "- "),
        ("asked", [wording.first(asked, "letter.ask.other")], ""),
        ("next", next_steps[:MAX_NEXT], "- "),
        ("unasked", [" ".join(filter(None, (each.text, each.command))) for each in report.questions], "- "),
        ("enclosed", [wording(f"letter.file.{name.replace('.', '_').replace('-', '_')}") for name in files], "- "),
    )
    lines = [line for text in head if text for line in _wrapped(text, "", "    ")]
    for key, texts, mark in sections:
        if texts:
            lines += ["", wording(f"letter.{key}"), ""]
            for number, text in enumerate(texts, 1):
                first = f"{number}. " if mark == "1" else mark
                lines += _wrapped(text, first, " " * len(first))
    closing = wording("letter.redacted", level=redaction) if redaction else wording("letter.not_redacted")
    lines += ["", *_wrapped(closing, "", "")]
    if branding.company or branding.contact:
        lines += ["", *(figures.visible(line) for line in (branding.company, *branding.contact) if line)]
    return "".join(f"{line}\r\n" for line in lines)


def _part(part: PartView, wording: Wording) -> str:
    key = "letter.part" if part.name else "letter.unknown"
    return wording(
        key, label=part.label, name=part.name, detail=part.detail, confidence=part.confidence, text=part.text
    )


def _wrapped(text: str, first: str, rest: str) -> list[str]:
    plain = figures.visible(" ".join(text.split()))
    return textwrap.wrap(plain, WIDTH, initial_indent=first, subsequent_indent=rest, break_on_hyphens=False) or [first]
