"""PDF/A-3 with the JSON report embedded, where the settings ask for it. No validator such as veraPDF was at hand."""

import io
import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import report_cases
from pypdf import PdfReader

from dumptriage import settings
from dumptriage.errors import OutputError, RulebookError
from dumptriage.report import Branding, using
from dumptriage.report.pdf import Attachment, to_pdf
from dumptriage.report.render import render


@cache
def leak() -> bytes:
    return archived("leak")


def archived(name: str) -> bytes:
    with using(Branding(archived=True)):
        try:
            return render(report_cases.ALL[name](), "pdf")
        except OutputError as error:
            pytest.skip(str(error))


def read(data: bytes) -> tuple[PdfReader, Any]:
    pdf = PdfReader(io.BytesIO(data))
    return pdf, pdf.trailer["/Root"]


def test_the_embedded_file_is_the_json_report() -> None:
    pdf, root = read(leak())
    (data,) = pdf.attachments["report.json"]
    assert data == render(report_cases.leak(), "json")
    assert json.loads(data)["verdict"]
    (file,) = root["/AF"]
    assert file.get_object()["/AFRelationship"] == "/Data"
    assert file.get_object()["/EF"]["/F"].get_object()["/Subtype"] == "/application/json"


def test_it_says_that_it_is_pdf_a_and_pdf_ua_and_is_still_tagged() -> None:
    pdf, root = read(leak())
    metadata = root["/Metadata"].get_object().get_data().decode()
    assert 'pdfaid:part="3"' in metadata
    assert 'pdfaid:conformance="A"' in metadata
    assert 'pdfuaid:part="1"' in metadata
    assert metadata.count("</rdf:RDF>") == 1
    assert root["/MarkInfo"]["/Marked"]
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert pdf.trailer["/ID"]


def test_colours_and_fonts_need_nothing_from_outside() -> None:
    pdf, root = read(leak())
    (intent,) = root["/OutputIntents"]
    assert intent["/S"] == "/GTS_PDFA1"
    assert intent["/DestOutputProfile"].get_object().get_data()[36:40] == b"acsp", "an ICC profile"
    for page in pdf.pages:
        resources: Any = page["/Resources"]
        for font in resources["/Font"].values():
            inner = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
            assert any(key.startswith("/FontFile") for key in inner)
        for annotation in page.get("/Annots", []):
            assert annotation.get_object()["/F"] == 4, "links are printed, as PDF/A wants it"


@pytest.mark.parametrize("epoch", [None, "1700000000", "no number"])
def test_the_same_bytes_twice_whatever_the_clock_says(epoch: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if epoch is None:
        monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    else:
        monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    page, attached = "<!doctype html><html lang=en><title>x</title><p>x", Attachment("x.json", "x", b"{}")
    first = to_pdf(page, attached)
    assert to_pdf(page, attached) == first
    _, root = read(first)
    stamp = root["/AF"][0].get_object()["/EF"]["/F"].get_object()["/Params"]
    assert stamp["/ModDate"] == ("D:20231114221320Z" if epoch == "1700000000" else "D:19700101000000Z")


def test_without_the_setting_nothing_is_embedded() -> None:
    try:
        pdf, root = read(render(report_cases.healthy(), "pdf"))
    except OutputError as error:
        pytest.skip(str(error))
    assert not pdf.attachments
    assert "/OutputIntents" not in root


@pytest.mark.parametrize(("value", "archive"), [("pdf/a-3", True), ("pdf/ua-1", False)])
def test_the_setting(value: str, archive: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("triage.toml").write_text(f'[report]\npdf = "{value}"\n', encoding="utf-8")
    assert settings.load(environment={"HOME": str(tmp_path)}).report.archived is archive


def test_a_kind_that_there_is_not_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("triage.toml").write_text('[report]\npdf = "pdf/a-1"\n', encoding="utf-8")
    with pytest.raises(RulebookError, match=r"report\.pdf: expected pdf/ua-1 or pdf/a-3"):
        settings.load(environment={"HOME": str(tmp_path)})
