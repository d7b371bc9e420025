"""HTML to PDF by WeasyPrint, sealed off: no fetching but of what the page holds itself, no chatter, no clock."""

import contextlib
import gc
import io
import logging
import os
import warnings
from collections.abc import Iterator

from ..errors import OutputError

LIBRARIES = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0 fonts-dejavu-core"


def to_pdf(page: str) -> bytes:
    """A tagged PDF (PDF/UA-1) of the page; the same page gives the same bytes.

    Raises OutputError when a system library is missing or the page cannot be laid out.
    """
    with _quiet():
        try:
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
            pdf = document.write_pdf(pdf_variant="pdf/ua-1")
        except Exception as error:  # whatever a hostile name may set off in layout must end in one line
            reason = " ".join(str(error).split())[:200] or type(error).__name__
            raise OutputError(f"the PDF cannot be laid out ({reason}); write the report as .html instead") from error
    if not isinstance(pdf, bytes):
        raise OutputError("the PDF cannot be laid out (nothing was written); write the report as .html instead")
    return pdf


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
