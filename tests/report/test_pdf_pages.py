"""The pages look as they did: each as a coarse picture beside the stored one, with proof that damage is noticed.

A change of wording or layout is a diff of tests/report/pages to be looked at; write them anew with
`pytest tests/report/test_pdf_pages.py --snapshot-update`.
"""

import io
from functools import cache
from pathlib import Path
from typing import Any

import page_pictures
import pytest
import report_cases
from pypdf import PdfReader

from dumptriage.errors import OutputError
from dumptriage.report.page import html
from dumptriage.report.pdf import to_pdf

STORED = Path(__file__).parent / "pages"

pytestmark = pytest.mark.skipif(not page_pictures.tools(), reason="pdftoppm (poppler-utils) draws the pages")


@cache
def page(name: str) -> str:
    return html(report_cases.ALL[name](), paper=True)


def drawn(text: str, folder: Path) -> list[page_pictures.Picture]:
    try:
        pdf = to_pdf(text)
    except OutputError as error:
        pytest.skip(str(error))
    resources: Any = PdfReader(io.BytesIO(pdf)).pages[0]["/Resources"]
    if not any("DejaVu" in font.get_object()["/BaseFont"] for font in resources["/Font"].values()):
        pytest.skip("the stored pages are set in DejaVu Sans; here another font comes first")
    return page_pictures.pictures(pdf, folder)


@pytest.mark.parametrize("name", ["leak", "healthy", "inconclusive"])
def test_pages_look_as_stored(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    found, file = drawn(page(name), tmp_path), STORED / f"{name}.txt"
    if request.config.getoption("--snapshot-update"):
        file.write_text(page_pictures.to_text(found), encoding="ascii")
    assert not page_pictures.differences(page_pictures.from_text(file.read_text(encoding="ascii")), found)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[page_pictures.Picture]:
    return drawn(page("healthy"), tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize(
    "damage",
    [
        ".charts > div:first-child svg { visibility: hidden }",
        ".data { width: 130% !important }",
        "h2, h3, h4, .note, .say, .meta { break-after: auto !important }",
        ".chain { break-before: auto !important }",
        ".data td { padding: 0 !important }",
        ".chain-figure svg { display: none }",
    ],
    ids=[
        "chart vanished",
        "table overflows",
        "heading orphaned",
        "page run together",
        "rows close up",
        "graph vanished",
    ],
)
def test_damage_is_noticed(damage: str, whole: list[page_pictures.Picture], tmp_path: Path) -> None:
    found = drawn(page("healthy").replace("</style>", f"{damage}</style>"), tmp_path)
    assert page_pictures.differences(whole, found)


def test_letters_drawn_a_little_otherwise_are_not(whole: list[page_pictures.Picture], tmp_path: Path) -> None:
    found = drawn(page("healthy").replace("</style>", "html { font-size: 9.03pt }</style>"), tmp_path)
    assert not page_pictures.differences(whole, found)


def test_a_page_more_is_noticed(whole: list[page_pictures.Picture]) -> None:
    assert page_pictures.differences(whole, [*whole, whole[-1]]) == [
        f"{len(whole) + 1} pages, {len(whole)} were stored"
    ]


def test_stored_text_says_the_same(whole: list[page_pictures.Picture]) -> None:
    assert not page_pictures.differences(whole, page_pictures.from_text(page_pictures.to_text(whole)))
