"""HTML to PDF by WeasyPrint, sealed off: no fetching but of what the page holds itself, no chatter, no clock."""

import contextlib
import ctypes.util
import gc
import io
import logging
import os
import sys
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..errors import OutputError

LIBRARIES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"

_UA = b"""<rdf:Description rdf:about="" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" pdfuaid:part="1"/>
<rdf:Description rdf:about="" xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/" xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#"
 xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#"><pdfaExtension:schemas><rdf:Bag>
<rdf:li rdf:parseType="Resource"><pdfaSchema:schema>PDF/UA identification schema</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix><pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name><pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 the file conforms to</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property></rdf:li></rdf:Bag></pdfaExtension:schemas></rdf:Description>
</rdf:RDF>"""
"""What says PDF/UA-1 in the metadata of a PDF/A: a schema of its own, which ISO 19005-3, 6.6.2.3 wants described."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file to embed in the PDF."""

    name: str
    description: str
    data: bytes


def to_pdf(page: str, attachment: Attachment | None = None) -> bytes:
    """A tagged PDF (PDF/UA-1) of the page; with an attachment a PDF/A-3a too. The same page gives the same bytes.

    Raises OutputError when a system library is missing or the page cannot be laid out.
    """
    with _quiet():
        try:
            with _by_name_of_file():
                from weasyprint import HTML
                from weasyprint.urls import URLFetcher
        except (ImportError, OSError) as error:
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise OutputError(
                f"a system library for PDF is missing ({reason}): apt-get install {LIBRARIES}; "
                "a report ending in .html or .json needs none of them"
            ) from error
        try:
            document = HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=("data",)))
            pdf = document.write_pdf(**(_archived(attachment) if attachment else {"pdf_variant": "pdf/ua-1"}))
        except Exception as error:  # whatever a hostile name may set off in layout must end in one line
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise OutputError(f"the PDF cannot be laid out ({reason}); write the report as .html instead") from error
    if not isinstance(pdf, bytes):
        raise OutputError("the PDF cannot be laid out (nothing was written); write the report as .html instead")
    return pdf


def _archived(attachment: Attachment) -> dict[str, Any]:
    """What makes WeasyPrint write PDF/A-3a, which it knows only instead of PDF/UA; it is tagged all the same."""
    from weasyprint import Attachment as Embedded

    seconds = os.environ["SOURCE_DATE_EPOCH"]
    moment = datetime.fromtimestamp(int(seconds) if seconds.isdecimal() and len(seconds) < 12 else 0, UTC)
    embedded = Embedded(
        file_obj=io.BytesIO(attachment.data),
        name=attachment.name,
        description=attachment.description,
        created=moment,
        modified=moment,
        relationship="Data",
    )

    def says_both(_: Any, pdf: Any) -> None:
        number = int(pdf.catalog["Metadata"].split()[0])
        stream = pdf.objects[number].stream
        stream[:] = [part.replace(b"</rdf:RDF>", _UA) for part in stream]
        # WeasyPrint 70 finds each attachment twice, by its name and as an object.
        pdf.catalog["AF"][:] = dict.fromkeys(pdf.catalog["AF"])

    return {"pdf_variant": "pdf/a-3a", "attachments": [embedded], "finisher": says_both}


@contextlib.contextmanager
def _by_name_of_file() -> Iterator[None]:
    """Let the libraries WeasyPrint loads be found by the name of their file alone, where the loader knows that.

    It asks ctypes for several spellings of each before it tries libpango-1.0.so.0; on Linux each question starts
    ldconfig and the C compiler, a quarter of a second in all.
    """
    found, find = False, ctypes.util.find_library
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL("libpango-1.0.so.0")
            found = True
    try:
        if found:
            ctypes.util.find_library = lambda name: None
        yield
    finally:
        ctypes.util.find_library = find


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep warnings about fonts and libraries off the terminal, and the clock out of embedded fonts.

    fontTools stamps a subset font with the time unless SOURCE_DATE_EPOCH is set. The garbage collector rests meanwhile:
    nearly all of a layout is alive until the end, and looking through it again and again takes a sixth of the time.
    """
    loggers = [logging.getLogger(name) for name in ("weasyprint", "fontTools")]
    levels = [logger.level for logger in loggers]
    stamped = "SOURCE_DATE_EPOCH" in os.environ
    collecting = gc.isenabled()
    try:
        gc.disable()
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        if not stamped:
            os.environ["SOURCE_DATE_EPOCH"] = "0"
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        if collecting:
            gc.enable()
        if not stamped:
            os.environ.pop("SOURCE_DATE_EPOCH", None)
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
