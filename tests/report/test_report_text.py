"""The terminal summary: short, plain, and safe to print."""

import io

import pytest
import report_cases
from rich.console import Console

from dumptriage import report


def printed(name: str, width: int = 80) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    report.summary(report_cases.ALL[name](), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize("name", report_cases.ALL)
def test_fits_eighty_columns_without_trailing_blanks(name: str) -> None:
    lines = printed(name)
    assert 12 <= len(lines) <= 48
    assert max(map(len, lines)) <= 80
    assert all(line == line.rstrip() for line in lines)


def test_leak() -> None:
    lines = printed("leak")
    assert lines[0] == "Leak: thread-handle-leak.log"
    assert "Holder    xxxxxx.EXE (pid 2280), EPROCESS 886f5020 [high]" in lines
    assert lines.index("Why") < lines.index("What to do next")


def test_a_flaw_that_is_a_step_is_told_once() -> None:
    """The quality section has only what the steps do not say."""
    from dataclasses import replace

    from dumptriage.report.model import build
    from dumptriage.report.quality import QualityNote
    from dumptriage.report.text import summary_lines

    model = build(report_cases.leak())
    (told,) = [step.text for step in model.chain.steps if step.part == "quality"]
    assert told in [note.text for note in model.quality]
    other = replace(model, quality=(*model.quality, QualityNote("warning", "The tag list is cut.", "case.log:9")))
    text = [line for line, _ in summary_lines(other, 400)]
    assert sum(told in line for line in text) == 1
    assert text[text.index("Quality of the evidence") + 1] == "  - The tag list is cut. (case.log:9)"


def test_other_candidates_stand_below_the_best() -> None:
    from dataclasses import replace

    diagnosis = report_cases.leak()
    kind = replace(diagnosis.verdict.kind, others=tuple(f"leak {number}" for number in range(9)))
    console = Console(file=io.StringIO(), width=80)
    report.summary(replace(diagnosis, verdict=replace(diagnosis.verdict, kind=kind)), console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    (below,) = [line for line in lines if "leak 0" in line]
    assert below == "          Other candidates: leak 0, leak 1, leak 2"
    assert lines[lines.index(below) - 1].startswith("Kind ")


def test_no_control_character_reaches_the_terminal() -> None:
    text = "\n".join(printed("hostile"))
    assert not set(text) & set("\x1b\x07\x00\u202e")
    assert "[U+202E]" in text


def test_markup_of_the_console_is_not_obeyed() -> None:
    from dataclasses import replace

    diagnosis = report_cases.leak()
    holder = replace(diagnosis.verdict.holder, name="[red]x[/red].exe")
    console = Console(file=io.StringIO(), width=80)
    report.summary(replace(diagnosis, verdict=replace(diagnosis.verdict, holder=holder)), console)
    assert isinstance(console.file, io.StringIO)
    assert "[red]x[/red].exe" in console.file.getvalue()
