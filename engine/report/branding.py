"""What a support team makes its own without code: name, contact, logo, wording, templates, order of sections."""

import contextlib
import re
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

SECTIONS = (
    "charts", "chain", "alternatives", "evidence", "normal", "near", "quality", "captures", "known", "references",
    "rules", "signature", "handling",
)  # fmt: skip
"""Sections after page one, by the anchor of their heading, in the order of the shipped templates."""

_SECTION = re.compile(r'(?=<section[^>]*>\n<h2 id="(?:' + "|".join(SECTIONS) + r')">)')
_NAME = re.compile(r'<section[^>]*>\n<h2 id="([a-z]+)">')
_LINK = re.compile(r'<a\b[^>]*\bhref="#([^"]+)"[^>]*>(.*?)</a>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class Branding:
    """`logo` is a data URI. `sections` are those after page one, in their order; empty means all as shipped.

    `wording` are the sentences that replace shipped ones, with the file each is from; `templates` the texts of own
    templates and style sheets by the name of the shipped file they stand for. `language` is that of the wording.
    `archived` asks for PDF/A-3 with the JSON report embedded.
    """

    company: str = ""
    contact: tuple[str, ...] = ()
    logo: str | None = None
    language: str = "en"
    sections: tuple[str, ...] = ()
    wording: tuple[tuple[str, str, str], ...] = ()
    templates: tuple[tuple[str, str], ...] = ()
    archived: bool = False


SHIPPED = Branding()

_current: ContextVar[Branding] = ContextVar("branding", default=SHIPPED)
"""Sentences are asked for from everywhere in the report; handing the branding to each place would say nothing more."""


def current() -> Branding:
    """What reports are made with."""
    return _current.get()


@contextlib.contextmanager
def using(branding: Branding) -> Iterator[None]:
    """Make reports with this branding while the block runs."""
    token = _current.set(branding)
    try:
        yield
    finally:
        _current.reset(token)


def arranged(body: "Markup", sections: tuple[str, ...]) -> "Markup":
    """The body of the page with these sections in this order after page one, all as they are where none are given.

    Links to what is left out become plain text. No text out of a casefile can look like a section or a link.
    """
    if not sections:
        return body
    first, *others = _SECTION.split(str(body))
    found = {match[1]: part for part in others if (match := _NAME.match(part))}
    text = "".join([first, *(found[name] for name in sections if name in found)])
    anchors = set(re.findall(r'\bid="([^"]+)"', text))
    return type(body)(_LINK.sub(lambda match: match[0] if match[1] in anchors else match[2], text))
