"""From a diagnosis to the bytes of a report file."""

from collections.abc import Callable
from datetime import UTC, datetime
from os import environ
from typing import Any

from ..diagnosis import Diagnosis
from .target import Format


def render(diagnosis: Diagnosis, form: Format, progress: Callable[[str], None] | None = None) -> bytes:
    """The report in a format. The same diagnosis gives the same bytes.

    Raises RulebookError for a wrong template and OutputError where PDF cannot be made on this machine.
    """
    if form == "json":
        from .contract import report_document, to_text

        return f"{to_text(report_document(diagnosis))}\n".encode()
    page = html(diagnosis)
    if form == "html":
        return page.encode()
    from .pdf import to_pdf

    if progress is not None:
        progress("laying out the PDF")
    return to_pdf(page)


def html(diagnosis: Diagnosis) -> str:
    """The report as one HTML file that needs no script, no network and no other file."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateError
    from markupsafe import Markup, escape

    from ..errors import RulebookError
    from . import charts, figures, wording
    from .model import build

    def finalize(value: Any) -> Any:
        # Markup is what templates made themselves; every other text may come from the machine that is examined.
        if not isinstance(value, str) or isinstance(value, Markup):
            return value
        return figures.visible(value).replace(" %", "\u00a0%")

    def raw(line: str) -> Markup:
        return escape(figures.visible(line))

    environment = Environment(
        loader=FunctionLoader(wording.read),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(wording.FILTERS, raw=raw)
    try:
        return environment.get_template("report.html.j2").render(
            report=build(diagnosis),
            w=wording.load(),
            style=Markup(wording.read("style.css")),  # noqa: S704 - our own file
            chart=charts,
            created=_source_date(),
        )
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f"reports/{getattr(error, 'name', None) or 'report.html.j2'}" + (f":{line}" if line else "")
        raise RulebookError(f"{where}: {error}") from error


def _source_date() -> str | None:
    """The moment of SOURCE_DATE_EPOCH, the only date a report carries: it must not differ from run to run."""
    seconds = environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds.isdecimal() or len(seconds) > 11:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
