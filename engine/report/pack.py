"""The vendor pack: everything a vendor needs in one zip, the same bytes for the same diagnosis."""

import io
import zipfile
from collections.abc import Callable
from datetime import UTC, datetime
from os import environ

from ..diagnosis import Diagnosis
from .branding import current
from .commands import script
from .contract import facts_document, json_report, to_text
from .letter import letter
from .model import build
from .page import html, pdf
from .wording import load

FILES = ("commands.txt", "cover-letter.txt", "facts.json", "report.html", "report.json", "report.pdf")

_OLDEST = (1980, 1, 1, 0, 0, 0)
_NEWEST = (2107, 12, 31, 23, 59, 58)
"""What the time stamps of a zip can say."""


def pack(diagnosis: Diagnosis, progress: Callable[[str], None] | None = None) -> bytes:
    """The zip. Raises RulebookError for a wrong template and OutputError where PDF cannot be made on this machine."""
    wording = load()
    report = build(diagnosis)
    redaction = diagnosis.case.redaction
    if progress is not None:
        progress("Laying out the PDF")
    members = {
        "commands.txt": script(report, wording).encode("ascii"),
        "cover-letter.txt": letter(report, current(), FILES, redaction, wording).encode(),
        "facts.json": f"{to_text(facts_document(diagnosis.case))}\n".encode(),
        "report.html": html(diagnosis).encode(),
        "report.json": json_report(diagnosis),
        "report.pdf": pdf(diagnosis),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name in FILES:
            entry = zipfile.ZipInfo(name, _moment())
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on every machine: the permissions below are of its kind
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def _moment() -> tuple[int, int, int, int, int, int]:
    """The moment of SOURCE_DATE_EPOCH, else the oldest a zip can hold: the time of the run must not show."""
    seconds = environ.get("SOURCE_DATE_EPOCH", "")
    if not seconds.isdecimal() or len(seconds) > 11:
        return _OLDEST
    at = datetime.fromtimestamp(int(seconds), UTC)
    return min(max((at.year, at.month, at.day, at.hour, at.minute, at.second), _OLDEST), _NEWEST)
