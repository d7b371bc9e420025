"""The HTML report in a real browser: opened from disk, sorted, filtered, followed, printed, and with scripts off."""

import io
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import browser_pages
import pytest
import report_cases
from browser_pages import Opened
from pypdf import PdfReader

from dumptriage.facts import Case
from dumptriage.report.page import html

CASES = pytest.mark.parametrize("name", report_cases.ALL)
Open = Callable[..., Opened]


@pytest.fixture(scope="module")
def browser() -> Iterator["browser_pages.Browser"]:
    yield from browser_pages.browser()


@pytest.fixture
def opened(browser: "browser_pages.Browser", tmp_path: Path) -> Iterator[Open]:
    """Opens a page from disk and holds at the end that it asked for nothing and complained of nothing."""
    pages: list[Opened] = []

    def open_it(page: str, **options: Any) -> Opened:
        path = tmp_path / "report.html"
        path.write_text(page, encoding="utf-8")
        pages.append(browser_pages.opened(browser, path, **options))
        return pages[-1]

    yield open_it
    for each in pages:
        each.page.context.close()
        assert each.requests == [f"file://{tmp_path}/report.html"]
        assert each.complaints == []


def column(at: Opened, table: str, label: str) -> list[str]:
    """The cells of a column as shown, from top to bottom."""
    heads = at.page.locator(f"#table-{table} th").all_inner_texts()
    place = heads.index(label) + 1
    cells = at.page.locator(f"#table-{table} tbody tr:not([hidden]) td:nth-child({place})")
    return cells.all_inner_texts()


def press(at: Opened, table: str, label: str) -> None:
    at.page.locator(f"#table-{table} th button", has_text=re.compile(f"^{label}$")).click()


@CASES
def test_opens_from_disk(name: str, opened: Open) -> None:
    at = opened(html(report_cases.ALL[name]()))
    assert at.page.locator("h1").count() == 1
    assert at.page.locator("details:not([open])").count() == 0
    assert at.page.locator(".tools").first.is_visible()


def test_sorts_figures_by_value_largest_first(opened: Open) -> None:
    at = opened(html(report_cases.leak()))
    as_written = column(at, "tag", "Tag")
    press(at, "tag", "Bytes")
    assert column(at, "tag", "Bytes")[:2] == ["208,968,960", "4,194,304"]
    assert at.page.locator("#table-tag th[aria-sort]").get_attribute("aria-sort") == "descending"
    press(at, "tag", "Bytes")
    figures = [int(text.replace(",", "")) for text in column(at, "tag", "Bytes")]
    assert figures == sorted(figures)
    assert at.page.locator("#table-tag th[aria-sort]").get_attribute("aria-sort") == "ascending"
    press(at, "tag", "Bytes")
    assert column(at, "tag", "Tag") == as_written
    assert at.page.locator("#table-tag th[aria-sort]").count() == 0


def test_sorts_names_from_a(opened: Open) -> None:
    at = opened(html(report_cases.leak()))
    press(at, "tag", "Tag")
    names = [name.lower() for name in column(at, "tag", "Tag")]
    assert names == sorted(names)
    press(at, "tag", "Outstanding")
    assert at.page.locator("#table-tag th[aria-sort]").all_inner_texts() == ["Outstanding"]


def test_unknown_stands_last_either_way(opened: Open) -> None:
    diagnosis = report_cases.leak()
    tag = next(fact for fact in diagnosis.case.facts if fact.get("tag") == "MmCm")
    unknown = replace(tag, fields={name: value for name, value in tag.fields.items() if name != "bytes"})
    facts = [unknown if fact is tag else fact for fact in diagnosis.case.facts]
    case = Case(diagnosis.case.casefile, facts)
    at = opened(html(replace(diagnosis, case=case)))
    for _ in range(2):
        press(at, "tag", "Bytes")
        assert column(at, "tag", "Tag")[-1] == "MmCm"


def test_sorts_by_keyboard(opened: Open) -> None:
    at = opened(html(report_cases.leak()))
    at.page.locator("#table-tag th button", has_text="Outstanding").focus()
    at.page.keyboard.press("Enter")
    assert column(at, "tag", "Outstanding")[0] == "326,514"
    at.page.keyboard.press("Space")
    assert column(at, "tag", "Outstanding")[-1] == "326,514"


def test_filters_by_all_words_and_counts(opened: Open) -> None:
    at = opened(html(report_cases.leak()))
    table = at.page.locator("#table-tag")
    table.get_by_label("Filter").fill("thread OBJ")
    assert column(at, "tag", "Tag") == ["Thre"]
    assert table.get_by_role("status").inner_text() == "1 of 62 rows"
    table.get_by_label("Filter").fill("no such name")
    assert column(at, "tag", "Tag") == []
    assert table.get_by_role("status").inner_text() == "0 of 62 rows"
    table.get_by_label("Filter").fill("")
    assert len(column(at, "tag", "Tag")) == 62
    assert table.get_by_role("status").inner_text() == ""


def test_small_tables_need_no_filter(opened: Open) -> None:
    at = opened(html(report_cases.leak()))
    assert at.page.locator("#table-pool input").count() == 0


def test_from_a_step_to_its_row_and_back(opened: Open) -> None:
    at = opened(html(report_cases.leak()))
    link = at.page.locator("#step-3 a[href^='#row-tag-']").first
    anchor = link.get_attribute("href") or ""
    link.click()
    row = at.page.locator(anchor)
    assert at.page.url.endswith(anchor)
    assert "Thre" in row.inner_text()
    row.locator("a[href='#step-3']").click()
    assert at.page.url.endswith("#step-3")
    assert at.page.locator("#step-3").evaluate("element => element.getBoundingClientRect().top < innerHeight")


@CASES
def test_every_link_leads_somewhere(name: str, opened: Open) -> None:
    at = opened(html(report_cases.ALL[name]()))
    lost = "() => [...document.links].map(a => a.hash).filter(hash => !document.getElementById(hash.slice(1)))"
    assert at.page.evaluate(lost) == []
    ids = at.page.evaluate("() => [...document.querySelectorAll('[id]')].map(e => e.id)")
    assert len(ids) == len(set(ids))


def test_a_link_opens_what_is_closed_and_ends_a_filter(opened: Open) -> None:
    at = opened(html(report_cases.leak()))
    at.page.locator("#table-tag").get_by_label("Filter").fill("Tg01")
    at.page.get_by_role("button", name="Close all").click()
    assert at.page.locator("details[open]").count() == 0
    anchor = at.page.locator("#step-3 a[href^='#row-tag-']").first.get_attribute("href") or ""
    at.page.evaluate("hash => { location.hash = hash }", anchor)
    at.page.locator(anchor).wait_for(state="visible")
    assert at.page.locator("#table-tag").get_by_label("Filter").input_value() == ""
    at.page.get_by_role("button", name="Open all").click()
    assert at.page.locator("details:not([open])").count() == 0


def test_the_first_tab_skips_to_the_report(opened: Open) -> None:
    at = opened(html(report_cases.leak()))
    at.page.keyboard.press("Tab")
    assert at.page.locator(":focus").inner_text() == "Skip to the report"
    at.page.keyboard.press("Enter")
    assert at.page.locator("main:focus").count() == 1


def test_wholly_there_without_scripts(opened: Open) -> None:
    at = opened(html(report_cases.leak()), scripts=False)
    assert at.page.locator(".tools").first.is_hidden()
    assert at.page.locator("th button").count() == 0
    assert at.page.get_by_text("Win32Thread: 00000000 TERMINATED").is_visible()
    at.page.locator("#table-tag summary").click()
    assert at.page.locator("#table-tag table").is_hidden()


@pytest.mark.parametrize("scripts", [True, False])
def test_paper_has_what_is_closed_or_filtered(scripts: bool, opened: Open) -> None:
    at = opened(html(report_cases.leak()), scripts=scripts)
    if scripts:
        at.page.locator("#table-tag").get_by_label("Filter").fill("no such name")
        at.page.get_by_role("button", name="Close all").click()
    else:
        for summary in at.page.locator("summary").all():
            summary.click()
    assert at.page.locator("details[open]").count() == 0
    text = "".join(page.extract_text() for page in PdfReader(io.BytesIO(at.page.pdf())).pages)
    for words in ("208,968,960", "Tg57", "Win32Thread: 00000000 TERMINATED"):
        assert words in text
    for words in ("Close all", "Evidence (", "Skip to"):
        assert words not in text
    if scripts:
        assert at.page.locator("details[open]").count() == 0


@pytest.mark.parametrize("width", [1280, 400])
@CASES
def test_fits_the_window(name: str, width: int, opened: Open) -> None:
    at = opened(html(report_cases.ALL[name]()), width=width)
    assert at.page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_the_dark_follows_the_reader(opened: Open) -> None:
    at = opened(html(report_cases.leak()), dark=True)
    assert at.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(22, 28, 34)"
    at.page.emulate_media(media="print")
    assert at.page.evaluate("() => getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 400])
@CASES
def test_axe_finds_nothing_serious(name: str, width: int, dark: bool, opened: Open) -> None:
    axe = browser_pages.axe()
    at = opened(html(report_cases.ALL[name]()), width=width, dark=dark, bypass=True)
    at.page.evaluate(axe)
    found = at.page.evaluate("async () => (await axe.run()).violations")
    serious = [
        (each["id"], node["html"][:200], node["failureSummary"])
        for each in found
        if each["impact"] in ("serious", "critical") or each["id"] in ("heading-order", "region")
        for node in each["nodes"]
    ]
    assert serious == []
