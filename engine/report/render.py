"""From a diagnosis to the bytes of a report file."""

from collections.abc import Callable

from ..diagnosis import Diagnosis
from .target import Format


def render(diagnosis: Diagnosis, form: Format, progress: Callable[[str], None] | None = None) -> bytes:
    """The report in a format. The same diagnosis gives the same bytes.

    Raises RulebookError for a wrong template and OutputError where PDF cannot be made on this machine.
    """
    if form == "json":
        from .contract import json_report

        return json_report(diagnosis)
    if form == "zip":
        from .pack import pack

        return pack(diagnosis, progress)
    from .page import html, pdf

    if form == "html":
        return html(diagnosis).encode()
    return pdf(diagnosis, progress)
