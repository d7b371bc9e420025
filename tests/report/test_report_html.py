"""The HTML report: one file, in order, and harmless whatever the casefile holds."""

import re
from base64 import b64encode
from dataclasses import replace
from hashlib import sha256
from itertools import pairwise

import pytest
import report_cases

from dumptriage.diagnosis import VerdictPart
from dumptriage.facts import new
from dumptriage.report.model import build
from dumptriage.report.page import html

CASES = pytest.mark.parametrize("name", report_cases.ALL)


@CASES
def test_needs_nothing_but_itself(name: str) -> None:
    page = html(report_cases.ALL[name]())
    assert not re.search(r"""(?:src|href|url|srcset|action)\s*[=(]\s*["']?(?!#|["']?#)[a-z/]""", page)
    assert "<link" not in page


@CASES
def test_the_policy_allows_its_own_script_and_style_and_no_other(name: str) -> None:
    page = html(report_cases.ALL[name]())
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    (script,) = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [b64encode(sha256(text.encode()).digest()).decode() for text in (script, style)]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"<[^>]* (?:style|on[a-z]+)=", page)


@CASES
def test_paper_has_no_script_and_no_controls(name: str) -> None:
    page = html(report_cases.ALL[name](), paper=True)
    assert "script-src 'none'" in page
    assert not re.search(r"<(?:script|details|input|button|nav)", page)


@CASES
def test_headings_tables_and_rows_can_be_found(name: str) -> None:
    page = html(report_cases.ALL[name]())
    levels = [1, *(int(level) for level in re.findall(r"<h([1-6])", page))]
    assert all(below <= above + 1 for above, below in pairwise(levels))
    assert page.count("<table") == page.count("<caption")
    assert page.count("<th ") + page.count("<th>") == page.count('scope="')
    anchors = re.findall(r'<tr id="(row-[^"]*)"', page)
    assert len(anchors) == len(set(anchors))


def test_rows_and_steps_name_each_other() -> None:
    page = html(report_cases.leak())
    row = page.split('<tr id="row-tag-1"')[1].split("</tr>")[0]
    step = page.split('id="step-3"')[1].split("</article>")[0]
    assert "326,514" in row
    assert '<a href="#step-3">3</a>' in row
    assert 'href="#row-tag-1"' in step


def test_a_row_a_step_rests_on_is_shown_wherever_it_stands() -> None:
    diagnosis = report_cases.leak()
    last = [fact for fact in diagnosis.case.facts if fact.get("tag") == "Tg57"]
    first, *others = diagnosis.findings
    findings = (replace(first, evidence={**first.evidence, "x": last[0]}), *others)
    table = html(replace(diagnosis, findings=findings), paper=True).split('id="table-tag"')[1]
    assert ">Tg57</td>" in table.split("</table>")[0]


@CASES
def test_page_one_answers_in_order(name: str) -> None:
    page = html(report_cases.ALL[name]())
    headings = ["What is wrong", "How sure", "Who holds it", "Who must fix it", "What to do next", "Chain of reasoning"]
    places = [page.index(f">{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    assert page.index("</h1>") < places[0]


def test_leak_gives_figures_addresses_lines_and_commands() -> None:
    page = html(report_cases.leak())
    for text in (
        "208,968,960",
        "326,514",
        "81098620",
        "case.log:210",
        "!handle 0 0 886f5020",
        "NonPagedPool Usage:     59613 (  238452 Kb)",
        "demo.kind.handle-leak@2",
        "Only five threads were sampled.",
        "The vendor of xxxxxx.EXE.",
        "31 rules, SHA-256 c0ffee",
    ):
        assert text in page


def test_a_raw_line_is_quoted_once() -> None:
    assert html(report_cases.leak()).count("Win32Thread: 00000000 TERMINATED") == 1


def test_a_finding_about_another_tag_stands_aside() -> None:
    page = html(report_cases.leak())
    aside = page.index("Also found, not part of the verdict")
    assert page.index("A process leaks handles to its own threads</h3>") < aside
    assert aside < page.index("Something else about another tag")


def test_the_company_of_the_culprit_is_addressed() -> None:
    diagnosis = report_cases.leak()
    culprit = replace(diagnosis.verdict.culprit, name="abcfilt.sys")
    page = html(replace(diagnosis, verdict=replace(diagnosis.verdict, culprit=culprit)))
    assert "Example Filters Ltd., maker of abcfilt.sys 3.1.0.7." in page


def test_of_a_part_of_windows_microsoft_is_addressed() -> None:
    diagnosis = report_cases.leak()
    diagnosis.case.add(new("tag", source="a.log:1", tag="WCsc", owner="wcifs.sys", third_party=False))
    culprit = replace(diagnosis.verdict.culprit, name="wcifs.sys")
    page = html(replace(diagnosis, verdict=replace(diagnosis.verdict, culprit=culprit)))
    assert "Microsoft; wcifs.sys is part of Windows." in page


def test_what_is_in_order_says_nothing_of_a_tag_the_verdict_names() -> None:
    diagnosis = report_cases.leak()
    tags = {fact.text("tag"): fact for fact in diagnosis.case.of("tag")}
    small = [
        report_cases.finding(f"normal.{tag}", "normal", f"{tag} is small.", {"t": tags[tag]})
        for tag in ("Thre", "MmCm")
    ]
    page = html(replace(diagnosis, findings=(*diagnosis.findings, *small)))
    assert "MmCm is small." in page
    assert "Thre is small." not in page


def test_on_page_one_sentences_give_way_before_commands_do_and_open_rules_wait() -> None:
    diagnosis = report_cases.leak()
    told = [report_cases.finding(f"next.{n}", "next", f"Sentence {n}.", {}) for n in range(5)]
    asking = report_cases.finding("step.x", "step", "x", {}, asks=("!object 886f5020",))
    lacking = replace(diagnosis.outcomes[-1], outcome="not_evaluated", rule="demo.open", capture=("!stacks 2",))
    verdict = replace(diagnosis.verdict, culprit=VerdictPart())  # else no open rule is waited for
    findings, outcomes = (*diagnosis.findings, *told, asking), (*diagnosis.outcomes, lacking)
    report = build(replace(diagnosis, verdict=verdict, findings=findings, outcomes=outcomes))
    assert [bool(action.commands) for action in report.actions] == [False, False, False, False, True]
    assert "!stacks 2" in [capture.command for capture in report.captures]
    assert not any("!stacks 2" in action.commands for action in report.actions)


def test_third_party_drivers_come_first() -> None:
    table = html(report_cases.leak()).split('id="table-module"')[1]
    assert table.index(">abcfilt<") < table.index(">nt<")


def test_empty_tables_and_columns_are_left_out() -> None:
    page = html(report_cases.healthy())
    assert 'id="table-process"' not in page
    assert ">Frees</th>" not in page


def test_hostile_names_are_shown_not_obeyed() -> None:
    page = html(report_cases.hostile())
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "{{7*7}}" in page
    assert "49}}" not in page
    for character in "\u202e\x1b\x07\x00":
        assert character not in page
    assert "[U+202E]" in page
    assert "[U+0000]" in page


def test_rows_beyond_forty_are_counted_on_paper() -> None:
    assert "260 further rows not shown; the JSON report has all." in html(report_cases.hostile(), paper=True)
    assert "further rows not shown" not in html(report_cases.hostile())


def test_same_diagnosis_same_text() -> None:
    assert html(report_cases.leak()) == html(report_cases.leak())


def test_date_only_from_source_date_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert "dcterms.created" not in html(report_cases.healthy())
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert '<meta name="dcterms.created" content="2023-11-14T22:13:20Z">' in html(report_cases.healthy())


def test_pictures_carry_their_figures_as_text() -> None:
    page = html(report_cases.leak())
    assert "Pool use, percent of maximum. Bar chart: nonpaged pool 85.9\u00a0%; paged pool 45.2\u00a0%." in page
    assert page.count("<svg") == 4
