"""The report: HTML, PDF, JSON and terminal text, all made from one model of a diagnosis.

Nothing heavy is imported before it is needed: jinja2 when something is rendered, weasyprint when a PDF is asked for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .target import check_target

if TYPE_CHECKING:
    from rich.console import Console

    from ..diagnosis import Diagnosis
    from ..facts import Case

__all__ = ["check_target", "facts_json", "summary", "write"]


def write(diagnosis: "Diagnosis", path: Path, progress: "Callable[[str], None] | None" = None) -> None:
    """Write the report to `path` in the format its ending names: .html, .htm, .pdf or .json.

    `progress` is called with a few words at the start of each longer step. Raises UsageError for another ending,
    OutputError when the file cannot be written (nothing half-written stays) and RulebookError for a wrong template.
    """
    from .render import render
    from .target import write_atomically

    form = check_target(path)
    write_atomically(path, render(diagnosis, form, progress))


def summary(diagnosis: "Diagnosis", console: "Console") -> None:
    """Print the verdict, its reasons and what to do next; reads well at 80 columns and without colour."""
    from .text import print_summary

    print_summary(diagnosis, console)


def facts_json(case: "Case") -> str:
    """The facts of a case as JSON (`dumptriage/facts/1`), which is itself a casefile."""
    from .contract import facts_document, to_text

    return to_text(facts_document(case))
