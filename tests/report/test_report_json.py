"""The JSON contract: names of fields, unknown parts, facts that can be followed."""

import json
from typing import Any

import pytest
import report_cases

from dumptriage import report
from dumptriage.report.contract import report_document, to_text

CASES = pytest.mark.parametrize("name", report_cases.ALL)


def document(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(to_text(report_document(report_cases.ALL[name]())))
    return loaded


def test_leak_verdict() -> None:
    verdict = document("leak")["verdict"]
    assert verdict["state"] == "leak"
    assert verdict["summary"] == (
        "xxxxxx.EXE (pid 2280) leaks thread handles: nonpaged pool is at 85.9 % of its maximum "
        "and tag Thre holds 85.6 % of it."
    )
    assert verdict["resource"] == {
        "name": "nonpaged pool",
        "exhausted": True,
        "confidence": "certain",
        "rule": "demo.resource.nonpaged",
        "others": [],
    }
    assert verdict["kind"]["tags"] == ["Thre"]
    assert (verdict["holder"]["pid"], verdict["holder"]["address"]) == (2280, "886f5020")
    assert verdict["culprit"]["confidence"] == "high"


@pytest.mark.parametrize("part", ["resource", "kind", "holder", "culprit"])
def test_unknown_is_null_and_unknown(part: str) -> None:
    verdict = document("inconclusive")["verdict"]
    assert verdict[part]["name"] is None
    assert verdict[part]["confidence"] == "unknown"


@CASES
def test_contract(name: str) -> None:
    data = document(name)
    assert data["schema"] == "dumptriage/report/1"
    assert set(data["casefile"]) >= {"name", "sha256", "kind"}
    for finding in data["findings"]:
        assert {"rule", "version", "status", "severity", "confidence", "text", "tags", "facts"} <= set(finding)
    for rule in data["rules"]:
        assert rule["outcome"] in ("fired", "passed", "near_miss", "not_evaluated")
        assert rule["why"]
    for note in data["quality"]:
        assert set(note) == {"severity", "text", "where"}


@CASES
def test_every_fact_of_a_finding_is_in_the_document(name: str) -> None:
    data = document(name)
    known = {fact["id"] for fact in data["facts"]} | {finding["id"] for finding in data["findings"]}
    assert {fact for finding in data["findings"] for fact in finding["facts"]} <= known


def test_quality_notes_are_told_once_gravest_first() -> None:
    notes = document("leak")["quality"]
    assert [note["severity"] for note in notes] == ["warning", "info"]
    assert notes[0]["where"] == "case.log:160, 210"


def test_captures_are_unique_and_where_the_culprit_is_named_only_those_of_findings() -> None:
    captures = {capture["command"]: capture["why"] for capture in document("leak")["captures"]}
    assert captures["!object 81098620"] == [
        "Follows from: Ended threads are kept by handles.",
    ]


def test_json_is_ascii_whatever_the_casefile_holds() -> None:
    assert to_text(report_document(report_cases.hostile())).isascii()


def test_facts_are_a_casefile_without_findings() -> None:
    diagnosis = report_cases.leak()
    diagnosis.case.add(diagnosis.findings[0].fact)
    data = json.loads(report.facts_json(diagnosis.case))
    assert data["schema"] == "dumptriage/facts/1"
    assert data["casefile"]["name"] == "thread-handle-leak.log"
    assert data["facts"][0]["kind"] == "system"
    assert data["facts"][0]["build"] == 2195
    assert data["facts"][0]["bugcheck_code"] is None
    assert "finding" not in {fact["kind"] for fact in data["facts"]}


def test_addressee_signature_keywords_and_alternatives() -> None:
    data = document("leak")
    assert data["addressee"]["text"] == "The vendor of xxxxxx.EXE."
    assert data["addressee"]["asked"].startswith("Asked of them: ")
    assert data["signature"]["code"].startswith("DT1-")
    assert data["signature"]["parts"]["Tag"] == "Thre"
    assert {"Thre", "xxxxxx.EXE"} <= set(data["keywords"])
    known = {finding["id"] for finding in data["findings"]}
    assert data["alternatives"]
    for other in data["alternatives"]:
        assert other["text"] and other["tells"]
        assert set(other["against"]) <= known
        assert other["finding"] is None or other["finding"] in known


def test_nothing_found_has_no_signature_and_asks_nobody() -> None:
    data = document("inconclusive")
    assert data["signature"] is None
    assert data["addressee"] == {"text": "No vendor yet. Make the captures named below first.", "asked": ""}
    assert data["questions"] == []
