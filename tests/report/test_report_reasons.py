"""Why a rule fired, rules that nearly fired, and what whoever must fix it would ask back."""

from dataclasses import replace
from typing import Any

import pytest
import report_cases

from dumptriage.diagnosis import Condition, Confidence, Diagnosis, Verdict, VerdictPart
from dumptriage.facts import new
from dumptriage.report import reasons, unasked
from dumptriage.report.contract import report_document
from dumptriage.report.model import build
from dumptriage.report.page import html
from dumptriage.report.wording import load

POOL = new("pool", source="case.log:21", type="nonpaged", percent_of_max=85.926, limit="fixed")
BOUND = Condition(POOL, "percent_of_max", "percent", 85.926, ">=", (80,), "@pool.fixed.exhausted, field practice")
BELOW = replace(BOUND, asked="<", origin=None)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "at least 80 %"),
        ({"asked": "<"}, "less than 80 %"),
        ({"asked": ">", "unit": "count", "needed": (12000,)}, "more than 12,000"),
        ({"asked": "==", "unit": "", "needed": ("fixed",)}, "fixed"),
        ({"asked": "!=", "unit": "", "needed": ("fixed",)}, "anything but fixed"),
        ({"asked": "one of", "unit": "", "needed": ("fixed", "dynamic")}, "one of fixed, dynamic"),
        ({"asked": "one of", "unit": "", "needed": tuple("abcdefghij")}, "one of a, b, c, d, e, f, g, h and 2 more"),
        ({"asked": "like", "unit": "", "needed": ("^nt!",)}, "a text with ^nt!"),
        ({"asked": "known", "needed": ()}, "any known value"),
        ({"asked": "unknown", "needed": ()}, "no known value"),
        ({"asked": ">=", "needed": ()}, "a figure that is not known"),
    ],
)
def test_what_is_asked(changes: dict[str, Any], expected: str) -> None:
    assert reasons.asked(replace(BOUND, **changes), load()) == expected


def with_conditions(*conditions: Condition) -> Diagnosis:
    base = report_cases.leak()
    step = next(finding for finding in base.findings if finding.part == "resource")
    return replace(base, conditions={step.fact.id: conditions})


def test_conditions_stand_with_their_step_on_screen_and_in_short_on_paper() -> None:
    diagnosis = with_conditions(
        replace(BOUND, field="limit", unit="", value="fixed", asked="==", needed=("fixed",)), BOUND
    )
    screen, paper = html(diagnosis), html(diagnosis, paper=True)
    assert screen.count("Why this fired (2 conditions)</summary>") == 1
    assert "<td>of maximum</td><td>85.9\u00a0%</td><td>at least 80\u00a0%" in screen
    assert "Why this fired" not in paper
    assert "Pool nonpaged: of maximum 85.9\u00a0%, needed at least 80\u00a0%</p>" in paper
    assert "needed fixed" not in paper


def test_conditions_are_in_the_json_report() -> None:
    findings = report_document(with_conditions(BOUND))["findings"]
    (found,) = [finding["conditions"] for finding in findings if finding["conditions"]]
    assert found == [
        {
            "fact": "pool:nonpaged",
            "field": "percent_of_max",
            "value": 85.926,
            "asked": ">=",
            "needed": [80],
            "origin": "@pool.fixed.exhausted, field practice",
        }
    ]


def near(condition: Condition) -> Diagnosis:
    missed = replace(report_cases.outcome("pool-high", "near_miss", "as data"), near=condition)
    other = replace(
        report_cases.outcome("other", "near_miss", "as data"), near=replace(condition, field="percent_of_ram")
    )
    diagnosis = with_conditions(BOUND)
    return replace(diagnosis, outcomes=(missed, other))


def test_a_near_miss_says_by_how_much() -> None:
    row = build(near(replace(BOUND, value=78.0))).near[0]
    assert row.why == (
        "Pool nonpaged: of maximum 78 %, needed at least 80 % (@pool.fixed.exhausted, field practice); 2.5 % short."
    )


def test_a_near_miss_that_a_step_rules_out_stands_last_and_names_it() -> None:
    first, last = build(near(BELOW)).near
    assert (first.instead, last.rule) == ((), "pool-high@1")
    assert len(last.instead) == 1
    assert last.why.endswith("needed less than 80 %; 7.4 % over.")


def test_a_step_with_a_lower_bound_rules_nothing_out() -> None:
    diagnosis = near(replace(BELOW, needed=(90,)))
    assert [row.instead for row in build(diagnosis).near] == [(), ()]


def asked(diagnosis: Diagnosis) -> dict[str, str | None]:
    return {question.text: question.command for question in unasked.questions(diagnosis, load())}


def test_questions_of_a_leak_name_the_rate_where_the_case_has_both_counts() -> None:
    questions = asked(report_cases.leak())
    assert list(questions)[-2:] == [
        "How fast does it grow, and does it ever fall? From the start of the machine, 6 d 1 h earlier, tag Thre grew "
        "by 2,244 an hour on average.",
        "Since when does it happen, and what was installed, updated or configured before?",
    ]
    assert not any("build" in text or "memory" in text for text in questions)


def test_what_the_casefile_does_not_say_of_the_machine_is_asked_with_its_command() -> None:
    base = report_cases.leak()
    case = type(base.case)(base.case.casefile, (fact for fact in base.case.facts if fact.kind != "system"))
    questions = asked(replace(base, case=case))
    assert questions["Which build of Windows is it?"] == "vertarget"
    assert questions["How much memory does the machine have?"] == "!vm 1"
    assert "How fast does it grow, and does it ever fall?" in questions


def test_of_what_was_left_at_unload_the_driver_and_not_a_rate_is_asked() -> None:
    base = report_cases.leak()
    kind = report_cases.finding("kind.unload-leak", "kind", "Left.", {})
    part = VerdictPart("allocations not freed at unload", Confidence.HIGH, kind)
    questions = asked(replace(base, verdict=Verdict("leak", VerdictPart(), part, VerdictPart(), VerdictPart())))
    assert questions["Which driver was unloaded?"] == "lm"
    assert any("How often is the driver unloaded" in text for text in questions)
    assert not any("How fast" in text for text in questions)


def test_of_a_host_of_services_its_services_and_not_its_version_are_asked() -> None:
    base = report_cases.leak()
    holder = report_cases.finding("holder.process", "holder", "Holds.", {}, about={"image": "svchost.exe", "pid": 2496})
    part = VerdictPart("svchost.exe", Confidence.HIGH, holder, pid=2496)
    questions = asked(replace(base, verdict=replace(base.verdict, holder=part, culprit=VerdictPart())))
    assert questions["Which services run in svchost.exe (pid 2496)?"] == 'tasklist /svc /fi "pid eq 2496"'
    assert not any("version" in text for text in questions)


@pytest.mark.parametrize(
    ("version", "expected"), [(None, {"Which version of foo.sys is it?": "lmvm foo"}), ("1.2", {})]
)
def test_the_version_of_the_driver_is_asked_unless_it_is_known(
    version: str | None, expected: dict[str, str | None]
) -> None:
    base = report_cases.leak()
    finding = report_cases.finding("culprit.driver", "culprit", "foo.sys.", {}, about={"module": "foo.sys"})
    culprit = VerdictPart("foo.sys", Confidence.HIGH, finding)
    base.case.add(new("module", source="case.log:9", name="foo", version=version))
    questions = asked(replace(base, verdict=replace(base.verdict, culprit=culprit)))
    assert {text: command for text, command in questions.items() if "version" in text} == expected


@pytest.mark.parametrize("name", ["healthy", "inconclusive"])
def test_nobody_asks_back_where_nothing_was_found(name: str) -> None:
    assert asked(report_cases.ALL[name]()) == {}
