"""The page of a report: HTML for the screen, and what a PDF is made of."""

import re
from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from os import environ
from typing import TYPE_CHECKING, Any

from ..diagnosis import Diagnosis

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

MAX_ROWS_ON_SCREEN = 500
"""Rows of a table on a screen, where it can be filtered; paper has fewer."""


def pdf(diagnosis: Diagnosis, progress: Callable[[str], None] | None = None) -> bytes:
    """The report as PDF/UA, or as PDF/A with the JSON report in it where the settings ask for that."""
    from . import wording
    from .branding import current
    from .contract import json_report
    from .pdf import Attachment
    from .typesetter import typeset

    page = html(diagnosis, paper=True)
    attachment = None
    if current().archived:
        said = wording.load()("letter.file.report_json")
        attachment = Attachment("report.json", said, json_report(diagnosis))
    if progress is not None:
        progress("laying out the PDF")
    return typeset(page, attachment)


def html(diagnosis: Diagnosis, *, paper: bool = False) -> str:
    """The report as one HTML file that needs no network and no other file, and is whole without its script.

    `paper` is the page a PDF is made from: without script and controls, and with shorter tables.
    """
    from jinja2 import TemplateError

    from ..errors import RulebookError
    from . import wording
    from .branding import current
    from .model import build

    brand = current()
    try:
        return (
            _environment(brand.templates)
            .get_template("report.html.j2")
            .render(
                report=build(diagnosis) if paper else build(diagnosis, MAX_ROWS_ON_SCREEN),
                w=wording.load(),
                brand=brand,
                screen=not paper,
                style=_own("style.css") if paper else _own("style.css") + _own("screen.css"),
                script=None if paper else _own("report.js"),
                created=_source_date(),
            )
        )
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        name = getattr(error, "name", None) or "report.html.j2"
        own = any(name == each for each, _ in brand.templates)
        where = f"{'own template' if own else 'reports/'} {name}".replace("/ ", "/") + (f":{line}" if line else "")
        raise RulebookError(f"{where}: {error}") from error


@lru_cache(maxsize=4)
def _environment(own: tuple[tuple[str, str], ...]) -> "Environment":
    """The templates, compiled once: a report of several machines and a watch render them again and again.

    `own` are names and texts that stand for shipped templates. They come from settings, so they run in the sandbox.
    """
    from jinja2 import Environment, FunctionLoader, StrictUndefined
    from jinja2.sandbox import SandboxedEnvironment
    from markupsafe import Markup, escape

    from . import figures, wording
    from .branding import arranged
    from .compiled import CompiledTemplates

    def finalize(value: Any) -> Any:
        # Markup is what templates made themselves; every other text may come from the machine that is examined.
        if not isinstance(value, str) or isinstance(value, Markup):
            return value
        return figures.visible(value).replace(" %", "\u00a0%")

    def raw(line: str) -> Markup:
        return escape(figures.visible(line))

    texts = dict(own)
    environment = (SandboxedEnvironment if own else Environment)(
        loader=FunctionLoader(lambda name: texts.get(name) or wording.read(name)),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        # The sandbox compiles otherwise, and own templates change from day to day.
        bytecode_cache=None if own else CompiledTemplates(),
    )
    environment.filters.update(wording.FILTERS, raw=raw, digest=_digest, contents=_contents, arranged=arranged)
    return environment


def _own(name: str) -> "Markup":
    """A style sheet or script of reports/, to stand in the page as it is."""
    from markupsafe import Markup

    from . import wording
    from .branding import current

    return Markup(dict(current().templates).get(name) or wording.read(name))  # noqa: S704 - ours or of the settings


def _digest(text: str) -> "Markup":
    """A script or style sheet as a content-security policy names it: by its hash, so that no other may run."""
    from markupsafe import Markup

    return Markup(f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'")  # noqa: S704 - nothing but base64


def _contents(body: "Markup") -> list[tuple[str, "Markup"]]:
    """The sections of a page, each with its anchor and heading; no text out of a casefile can look like one."""
    return [(anchor, type(body)(heading)) for anchor, heading in re.findall(r'<h2 id="([\w-]+)">(.*?)</h2>', body)]


def _source_date() -> str | None:
    """The moment of SOURCE_DATE_EPOCH, the only date a report carries: it must not differ from run to run."""
    seconds = environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds.isdecimal() or len(seconds) > 11:
        return None
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
