"""The pages of the PDF: page one is one page, nothing hangs over the edge, and all of it is tagged."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
import report_cases
from pypdf import PdfReader

from dumptriage.diagnosis import Diagnosis
from dumptriage.errors import OutputError
from dumptriage.report.model import build
from dumptriage.report.page import html
from dumptriage.report.pdf import to_pdf

PATH = "C:\\" + "\\".join(["Program Files Of A Vendor"] * 7) + "\\" + "f" * 40 + ".sys"
"""Some 230 characters."""
MARGIN = 18 / 25.4 * 96


def crowded() -> Diagnosis:
    """A leak whose every name is a long path and whose every sentence runs on, with more of all than a page holds."""
    base = report_cases.leak()
    verdict = base.verdict
    long = f"{PATH} and {PATH}, which goes on and on; " * 4

    def stretched(finding: Any) -> Any:
        return finding and replace(
            finding,
            text=long,
            title=f"{finding.title} {PATH}",
            limits=(long,),
            disprove=long,
            next=tuple(f"!handle {n} 3 {PATH}" for n in range(9)),
        )

    parts = {
        key: replace(part, name=part.name and PATH, finding=stretched(part.finding), others=(PATH,) * 3)
        for key in ("resource", "kind", "holder", "culprit")
        for part in (getattr(verdict, key),)
    }
    return replace(
        base,
        verdict=replace(verdict, **parts),
        findings=tuple(stretched(finding) for finding in base.findings),
    )


CASES = {**report_cases.ALL, "crowded": crowded}


@cache
def pages(name: str) -> list[list[tuple[str, float, float, float, str]]]:
    """For each page its pieces of text: element, left, right and top in pixels, and the text."""
    page = html(CASES[name](), paper=True)
    try:
        to_pdf("<title>x</title>")
    except OutputError as error:
        pytest.skip(str(error))
    from weasyprint import HTML

    found: list[list[tuple[str, float, float, float, str]]] = []
    for each in HTML(string=page).render().pages:
        found.append([])
        for box in each._page_box.descendants():
            text = getattr(box, "text", "")
            if text and text.strip() and type(box).__name__ == "TextBox":
                left = box.position_x
                found[-1].append((box.element_tag, left, left + box.width, box.position_y, text))
    return found


@pytest.mark.parametrize("name", CASES)
def test_page_one_is_one_page(name: str) -> None:
    first, second = pages(name)[:2]
    assert "What to do next" in [text for *_, text in first]
    assert "Chain of reasoning" in [text for *_, text in second]
    captions = " ".join(text for element, *_, text in first if element == "figcaption")
    for picture in build(CASES[name]()).proof:
        assert picture.title.split()[0] in captions


@pytest.mark.parametrize("name", CASES)
def test_no_text_hangs_over_the_margin(name: str) -> None:
    width = 210 / 25.4 * 96
    for number, page in enumerate(pages(name), 1):
        for _, left, right, top, text in page:
            assert left >= MARGIN - 1, (number, text)
            assert right <= width - MARGIN + 1, (number, text)
            assert 0 < top < 297 / 25.4 * 96 - 40, (number, text)


@pytest.mark.parametrize("name", CASES)
def test_no_heading_stands_last_on_a_page(name: str) -> None:
    for number, page in enumerate(pages(name), 1):
        body = [piece for piece in page if piece[0]]
        last = max(body, key=lambda piece: piece[3])
        assert last[0] not in ("h1", "h2", "h3", "h4"), (number, last)


@cache
def written(name: str) -> PdfReader:
    try:
        return PdfReader(io.BytesIO(to_pdf(html(CASES[name](), paper=True))))
    except OutputError as error:
        pytest.skip(str(error))


def elements(pdf: PdfReader) -> Iterator[Any]:
    """All elements of the structure tree."""
    root: Any = pdf.trailer["/Root"]
    waiting = [root["/StructTreeRoot"]]
    while waiting:
        element = waiting.pop()
        element = element.get_object() if hasattr(element, "get_object") else element
        if isinstance(element, list):
            waiting.extend(element)
        elif isinstance(element, dict):
            if "/S" in element:
                yield element
            if "/K" in element:
                waiting.append(element["/K"])


@pytest.mark.parametrize("name", ["leak", "healthy"])
def test_the_pdf_says_that_it_is_accessible_and_is_tagged(name: str) -> None:
    pdf = written(name)
    root: Any = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert pdf.metadata is not None and pdf.metadata.title
    assert b"pdfuaid" in root["/Metadata"].get_object().get_data()
    kinds = {str(element["/S"]) for element in elements(pdf)}
    assert {"/H1", "/H2", "/H3", "/Table", "/TH", "/TD", "/L", "/LI", "/Figure", "/P"} <= kinds


def test_every_figure_has_alternative_text_and_every_link_is_tagged() -> None:
    pdf = written("leak")
    figures = [element for element in elements(pdf) if element["/S"] == "/Figure"]
    assert len(figures) >= 4
    assert all(str(figure.get("/Alt", "")).strip() for figure in figures)
    links = [
        annotation.get_object()
        for page in pdf.pages
        for annotation in page.get("/Annots", [])
        if annotation.get_object()["/Subtype"] == "/Link"
    ]
    assert links
    assert all("/StructParent" in link for link in links)
    assert all(page.get("/Tabs") == "/S" for page in pdf.pages)


def test_cells_of_tables_name_their_heads() -> None:
    every = list(elements(written("leak")))
    heads = {str(element["/ID"]) for element in every if element["/S"] == "/TH"}
    named = [header for element in every if element["/S"] == "/TD" for header in element["/A"].get("/Headers", [])]
    assert len(named) > 100
    assert {str(name) for name in named} <= heads


def test_headings_skip_no_level() -> None:
    text = html(report_cases.leak(), paper=True)
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", text)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_long_tables_repeat_their_head() -> None:
    heads = [number for number, page in enumerate(pages("hostile")) for piece in page if piece[4] == "Company"]
    assert len(heads) >= 2, "the driver table of the hostile case spans pages"


def test_fonts_are_embedded() -> None:
    for page in written("leak").pages:
        resources: Any = page["/Resources"]
        for font in resources.get("/Font", {}).values():
            inner = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
            assert any(key.startswith("/FontFile") for key in inner)


@pytest.mark.parametrize("name", CASES)
def test_no_text_lies_over_another(name: str) -> None:
    for number, page in enumerate(pages(name), 1):
        row = sorted(page, key=lambda piece: piece[1])
        for place, (_, left, right, top, text) in enumerate(row):
            for _, other_left, _, other_top, other in row[place + 1 :]:
                if other_left >= right - 1:
                    break
                assert abs(other_top - top) >= 5 or right - left < 2, (number, text, other)
