"""The PDF: opens, says the same as the HTML, and is the same twice."""

import builtins
import io
import logging
from pathlib import Path
from typing import Any

import pytest
import report_cases
from pypdf import PdfReader

from dumptriage import report
from dumptriage.errors import OutputError
from dumptriage.report.pdf import to_pdf


def written(name: str, folder: Path) -> PdfReader:
    path = folder / f"{name}.pdf"
    try:
        report.write(report_cases.ALL[name](), path)
    except OutputError as error:
        pytest.skip(str(error))
    return PdfReader(io.BytesIO(path.read_bytes()))


@pytest.mark.parametrize(("name", "pages"), [("leak", (4, 8)), ("hostile", (4, 8)), ("inconclusive", (2, 4))])
def test_opens_with_a_sane_number_of_pages(name: str, pages: tuple[int, int], tmp_path: Path) -> None:
    pdf = written(name, tmp_path)
    assert pages[0] <= len(pdf.pages) <= pages[1]
    assert f"1 of {len(pdf.pages)}" in pdf.pages[0].extract_text()


def test_leak_page_one_and_bookmarks(tmp_path: Path) -> None:
    pdf = written("leak", tmp_path)
    first = " ".join(pdf.pages[0].extract_text().split())
    places = [first.index(text) for text in ("What is wrong", "How sure", "Who holds it", "Who must fix it")]
    assert places == sorted(places)
    assert "xxxxxx.EXE (pid 2280) leaks thread handles" in first
    assert "Handles of xxxxxx.EXE by type" in first
    titles = [str(entry["/Title"]) for entry in pdf.outline if not isinstance(entry, list)]
    assert "Chain of reasoning" in titles
    assert "Handling" in titles
    root: Any = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"


def test_same_bytes_twice_and_no_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    pdf = written("healthy", tmp_path)
    first = (tmp_path / "healthy.pdf").read_bytes()
    report.write(report_cases.healthy(), tmp_path / "again.pdf")
    assert (tmp_path / "again.pdf").read_bytes() == first
    assert pdf.metadata is not None
    assert "/CreationDate" not in pdf.metadata


def test_missing_library_is_one_line_that_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def refuse(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.startswith("weasyprint"):
            raise OSError("cannot load library 'libpango-1.0-0': not found\nAdditionally, ...")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(OutputError, match=r"apt-get install libpango-1\.0-0 libpangoft2-1\.0-0") as caught:
        to_pdf("<p>x")
    assert "\n" not in str(caught.value)


def test_nothing_is_fetched_and_nothing_printed(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    secret = tmp_path / "secret.css"
    secret.write_text("body { color: red }")
    level = logging.getLogger("weasyprint").level
    try:
        to_pdf(f'<html lang="en"><title>x</title><link rel="stylesheet" href="{secret.as_uri()}"><p>x')
    except OutputError as error:
        pytest.skip(str(error))
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("weasyprint").level == level
