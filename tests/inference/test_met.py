"""The conditions that made a finding, as the report shows them, and the one a near miss fails."""

from typing import Any

import pytest
from rulepacks import case, pack, rule, rulebook

from dumptriage.facts import Fact, new
from dumptriage.inference import infer
from dumptriage.inference.met import met

FULL = "thresholds:\n  - {name: full, value: 80, unit: percent, source: field practice, doc: d}\n"
TAG = new("tag", source="x:2", tag="Thre", pool="nonpaged", outstanding=1000, object_type="Thread")
HANDLES = new("handles", source="x:3", pid=8, type="Thread", count=900)


def pool(percent: float) -> Fact:
    return new("pool", source="x:1", type="nonpaged", percent_of_max=percent)


def conditions(when: str, *facts: Fact) -> list[tuple[Any, ...]]:
    book = rulebook(pack(rule(when)), FULL)
    (found,) = met(infer(case(*facts), book).findings, book).values()
    return [(one.fact.id, one.field, one.value, one.asked, one.needed, one.origin) for one in found]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (
            '{pool p: {percent_of_max: ">= @full"}}',
            ("pool:nonpaged", "percent_of_max", 85.0, ">=", (80.0,), "@full, field practice"),
        ),
        ("{pool p: {type: nonpaged}}", ("pool:nonpaged", "type", "nonpaged", "==", ("nonpaged",), None)),
        (
            "{pool p: {type: [paged, nonpaged]}}",
            ("pool:nonpaged", "type", "nonpaged", "one of", ("paged", "nonpaged"), None),
        ),
        ("{pool p: {used_bytes: is unknown}}", ("pool:nonpaged", "used_bytes", None, "unknown", (), None)),
        ("{pool p: {percent_of_max: is known}}", ("pool:nonpaged", "percent_of_max", 85.0, "known", (), None)),
    ],
)
def test_each_kind_of_condition(when: str, expected: tuple[Any, ...]) -> None:
    assert conditions(when, pool(85.0)) == [expected]


def test_a_bound_that_is_another_fact_has_its_value_and_its_name() -> None:
    when = '{tag t: {}}, {handles h: {type: "== t.object_type", count: ">= 0.5 * t.outstanding"}}'
    assert conditions(when, TAG, HANDLES) == [
        ("handles:8:Thread", "type", "Thread", "==", ("Thread",), "t.object_type"),
        ("handles:8:Thread", "count", 900, ">=", (500.0,), "0.5 * t.outstanding"),
    ]


def test_a_near_miss_carries_the_condition_it_fails() -> None:
    book = rulebook(pack(rule('{pool p: {type: nonpaged, percent_of_max: ">= @full"}}')), FULL)
    (outcome,) = infer(case(pool(78.0)), book).outcomes
    near = outcome.near
    assert outcome.outcome == "near_miss" and near is not None
    assert (near.field, near.value, near.asked, near.needed) == ("percent_of_max", 78.0, ">=", (80.0,))
    assert near.origin == "@full, field practice"


def test_a_rule_that_passed_carries_none() -> None:
    book = rulebook(pack(rule('{pool p: {percent_of_max: ">= @full"}}')), FULL)
    (outcome,) = infer(case(pool(20.0)), book).outcomes
    assert (outcome.outcome, outcome.near) == ("passed", None)
