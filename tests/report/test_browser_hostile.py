"""Names made to run, to restyle or to break the report, in a real browser: they are shown, and that is all."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import browser_pages
import pytest
import report_cases

from dumptriage.diagnosis import Confidence, Diagnosis, Verdict, VerdictPart
from dumptriage.facts import Case, new
from dumptriage.report.page import html

NAMES = [
    "<script>window.ran=1</script>",
    "</script><script>window.ran=1</script>",
    "</style><style>body{display:none}</style>",
    "</title><img src=x onerror=window.ran=1>",
    "</caption></table><svg onload=window.ran=1>",
    "<svg><script>window.ran=1</script><animate onbegin=window.ran=1></svg>",
    '" autofocus onfocus="window.ran=1" x="',
    "' onmouseover='window.ran=1",
    "<a href=javascript:window.ran=1>x</a>",
    "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
    "<meta http-equiv=refresh content='0;url=http://192.0.2.1/'>",
    "<link rel=stylesheet href=http://192.0.2.1/x.css>",
    "<base href=http://192.0.2.1/>",
    "<form action=http://192.0.2.1/><button autofocus>x</button></form>",
    "<!--",
    "]]><![CDATA[",
    "&lt;script&gt;window.ran=1&lt;/script&gt;",
    "{{ 7 * 7 }}{% for x in range(9) %}49{% endfor %}{{ cycler.__init__ }}",
    "{shown}",
    "\u202egpj.exe",
    "\u2067\u2066a\u2069 \u200b\ufeff.exe",
    "\x00\x07\x1b[31m",
    "\ud800",
    "שלום.exe",
    "Z" + "\u0335" * 200 + "algo",
    "W" * 5000,
    "C:\\" + "very long folder\\" * 40 + "a.sys",
    "position:fixed;inset:0;background:url(http://192.0.2.1/)",
]


def hostile() -> Diagnosis:
    """Every name in every place that a casefile fills."""
    facts = [new("system", source=NAMES[0], os=" ".join(NAMES), bugcheck_name=NAMES[3], dump_type=NAMES[2])]
    for number, name in enumerate(NAMES):
        facts += [
            new("tag", source=name, verify=name, tag=name[:4].ljust(4), pool="nonpaged", bytes=4**number, owner=name),
            new("module", source=name, name=name, path=name, base=f"{number:08x}", company=name, version=name),
            new("process", source=name, quote=f"{name}\n{name}", pid=number, image=name, address=name, role=name),
            new("handles", source=name, pid=number, image=name, type=name, count=number + 1),
            new("sample", source=name, type=name, address=f"{number}{name}", state=name, name=name),
            new("data_quality", source=name, problem=name, subject="tags", severity="warning", text=name),
        ]
    findings = tuple(
        report_cases.finding(
            f"holder.{number}",
            "holder",
            f"{name} holds {name}.",
            {"p": facts[number * 6 + 3], "t": facts[number * 6 + 1], "m": facts[number * 6 + 2]},
            title=name,
            label=name,
            about={"pid": number, "image": name},
            disprove=name,
            asks=(name,),
            limits=(name,),
            references=(name, f"javascript:{name}"),
        )
        for number, name in enumerate(NAMES)
    )
    resource, kind, holder, culprit = (
        VerdictPart(name, Confidence.HIGH, finding, tags=(name[:4],), pid=number, others=tuple(NAMES))
        for number, (name, finding) in enumerate(zip(NAMES[:4], findings[:4], strict=True))
    )
    case = Case(replace(report_cases.casefile(), name=NAMES[3] + NAMES[0]), facts)
    case.machine = NAMES[1]
    outcomes = tuple(report_cases.outcome(f"demo.{name}", "near_miss", name, name) for name in NAMES)
    return Diagnosis(
        case,
        Verdict("leak", resource, kind, holder, culprit),
        findings,
        outcomes,
        report_cases.BOOK,
        problems=tuple(NAMES),
    )


@pytest.fixture(scope="module")
def browser() -> Iterator["browser_pages.Browser"]:
    yield from browser_pages.browser()


@pytest.fixture(scope="module")
def page() -> str:
    return html(hostile())


@pytest.mark.parametrize("width", [1280, 400])
def test_names_are_shown_and_do_nothing(
    width: int, browser: "browser_pages.Browser", page: str, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(page, encoding="utf-8")
    at = browser_pages.opened(browser, path, width=width)
    at.page.locator("#table-module").get_by_label("Filter").fill("<SCRIPT>")
    at.page.locator("#table-module th button").first.click()
    at.page.mouse.move(200, 400)
    assert at.page.evaluate("() => window.ran") is None
    assert at.requests == [path.as_uri()]
    assert at.complaints == []
    assert at.page.locator("script, style").count() == 2
    for foreign in ("img", "iframe", "object", "embed", "base", "link", "form", "animate", "svg script"):
        assert at.page.locator(foreign).count() == 0, foreign
    attributes = at.page.evaluate(
        "() => [...new Set([...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()))]"
    )
    assert [
        name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc", "autofocus")
    ] == []
    hrefs = at.page.evaluate("() => [...document.querySelectorAll('[href]')].map(e => e.getAttribute('href'))")
    assert [href for href in hrefs if not href.startswith("#")] == []
    assert at.page.locator("#table-module tbody tr:not([hidden])").count() == sum("<script>" in name for name in NAMES)
    assert at.page.get_by_text("{{ 7 * 7 }}{% for x in range(9) %}").count() > 5
    assert at.page.evaluate("() => document.documentElement.scrollWidth") <= width
    at.page.context.close()


def test_no_character_turns_or_hides_text(page: str) -> None:
    for character in "\u202e\u2066\u2067\u2069\u200b\ufeff\x00\x07\x1b\ud800":
        assert character not in page


@pytest.mark.parametrize(
    "smuggled",
    [
        "<script>window.ran=1</script>",
        "<img src=x onerror=window.ran=1>",
        "<img src=http://192.0.2.1/x.png>",
        "<svg onload=window.ran=1></svg>",
        "<iframe srcdoc='<script>parent.ran=1</script>'></iframe>",
        "<link rel=stylesheet href=http://192.0.2.1/x.css>",
        "<style>h1{display:none}</style>",
        "<h1 style='display:none'>a</h1>",
        "<base href=http://192.0.2.1/>",
    ],
)
def test_the_policy_holds_where_escaping_fails(smuggled: str, browser: "browser_pages.Browser", tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(html(report_cases.leak()).replace("<h1>", f"{smuggled}<h1>", 1), encoding="utf-8")
    at = browser_pages.opened(browser, path)
    assert at.page.evaluate("() => window.ran") is None
    assert at.requests == [path.as_uri()]
    assert any("Content Security Policy" in complaint for complaint in at.complaints)
    assert all(heading.is_visible() for heading in at.page.locator("h1").all())
    at.page.context.close()
