"""The report: HTML, PDF, JSON and terminal text, all made from one model of a diagnosis.

Nothing heavy is imported before it is needed: jinja2 when something is rendered, weasyprint when a PDF is asked for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .branding import SHIPPED, Branding, using
from .target import check_target
from .typesetter import typesetting

if TYPE_CHECKING:
    from rich.console import Console

    from ..diagnosis import Diagnosis
    from ..explain import Explanation
    from ..facts import Case

__all__ = [
    "SHIPPED",
    "Branding",
    "check_target",
    "explanation",
    "facts_json",
    "summary",
    "typesetting",
    "using",
    "write",
    "write_map",
]


def write(diagnosis: "Diagnosis", path: Path, progress: "Callable[[str], None] | None" = None) -> None:
    """Write the report to `path` in the format its ending names: .html, .htm, .pdf, .json or .zip (the vendor pack).

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


def write_map(document: dict[str, object], path: Path) -> None:
    """Write the map of pseudonyms, readable for its owner alone. Raises OutputError."""
    from .contract import to_text
    from .target import write_atomically

    write_atomically(path, f"{to_text(document)}\n".encode(), private=True)


def facts_json(case: "Case") -> str:
    """The facts of a case as JSON (`dumptriage/facts/1`), which is itself a casefile."""
    from .contract import facts_document, to_text

    return to_text(facts_document(case))


def explanation(explained: "Explanation", *, as_json: bool) -> str:
    """Why rules fired or stayed silent, as text for this terminal (80 columns elsewhere) or JSON
    (`dumptriage/explain/1`)."""
    from shutil import get_terminal_size

    from ..explain import document
    from .contract import to_text
    from .explain import lines
    from .text import WIDEST

    if as_json:
        return f"{to_text(document(explained))}\n"
    return "".join(f"{line}\n" for line in lines(explained, min(get_terminal_size().columns, WIDEST)))
