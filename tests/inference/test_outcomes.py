"""What every rule reports: fired, passed, near miss, or not evaluated with the commands that would settle it."""

import pytest
from rulepacks import case, pack, rule, rulebook

from dumptriage.facts import Fact, new
from dumptriage.inference import infer


def pool(percent: float | None = None, kind: str = "nonpaged") -> Fact:
    return new("pool", source="x:1", type=kind, percent_of_max=percent)


def handles(count: int | None, kind: str = "Thread", pid: int = 8) -> Fact:
    return new("handles", source="x:3", pid=pid, type=kind, count=count)


TAG = new("tag", source="x:2", tag="Thre", pool="nonpaged", outstanding=1000, object_type="Thread")
FULL = '{pool p: {type: nonpaged, percent_of_max: ">= 80 %"}}'
JOIN = '{tag t: {}}, {handles h: {type: "== t.object_type", count: ">= 0.5 * t.outstanding"}}'
EITHER = "{any: [{pool p: {percent_of_max: '>= 80 %'}}, {pool p: {percent_of_ram: '>= 40 %'}}]}"  #


@pytest.mark.parametrize(
    ("when", "facts", "outcome", "why", "capture"),
    [
        (FULL, [pool(85.0)], "fired", "Found a leak on pool:nonpaged.", ()),
        (FULL, [pool(78.0)], "near_miss", "pool.percent_of_max is 78 % (pool:nonpaged), needs at least 80 %.", ()),
        (FULL, [pool(64.0)], "near_miss", "pool.percent_of_max is 64 % (pool:nonpaged), needs at least 80 %.", ()),
        (FULL, [pool(63.9)], "passed", "No pool with type == nonpaged has percent_of_max >= 80 %.", ()),
        (FULL, [pool(78.0, "paged")], "passed", "No pool has type == nonpaged.", ()),
        (FULL, [], "not_evaluated", "Missing: the pool totals.", ("!vm 1",)),
        (FULL, [pool()], "not_evaluated", "Missing: pool.percent_of_max.", ("!vm 1",)),
        (JOIN, [TAG, handles(900)], "fired", "Found a leak on tag:Thre:nonpaged, handles:8:Thread.", ()),
        (JOIN, [TAG, handles(450)], "near_miss", "handles.count is 450 (handles:8:Thread), needs at least 500.", ()),
        (
            JOIN,
            [TAG, handles(100)],
            "passed",
            "No combination of facts fits type == t.object_type and count >= 0.5 * t.outstanding.",
            (),
        ),
        (
            JOIN,
            [TAG, handles(900, "Key")],
            "passed",
            "No handles fits type == t.object_type and count >= 0.5 * t.outstanding.",
            (),
        ),
        (
            JOIN,
            [TAG],
            "not_evaluated",
            "Missing: handles by process and type.",
            ("!process 0 0", "!handle 0 3 0 <type>"),
        ),
        (EITHER, [pool(10.0)], "passed", "No pool has percent_of_max >= 80 %.", ()),
        # What rules a rule out does so whatever else is missing.
        (FULL + ", {tag t: {pool: == p.type}}", [pool(10.0)], "passed", None, ()),
        # Fields that are known only where they apply: their absence is an answer.
        ("{tag t: {group_lead: Thre}}", [TAG], "passed", "No tag has group_lead == Thre.", ()),
        ("{claim c: {}}", [TAG], "passed", "There is no claim.", ()),
        ("{tag_group g: {}}", [TAG], "passed", "There is no tag_group.", ()),
        ("{tag_group g: {}}", [], "not_evaluated", "Missing: pool usage by tag.", ("!poolused 2", "!poolused 4")),
    ],
)
def test_outcome(when: str, facts: list[Fact], outcome: str, why: str | None, capture: tuple[str, ...]) -> None:
    (got,) = infer(case(*facts), rulebook(pack(rule(when)))).outcomes
    assert (got.outcome, got.capture) == (outcome, capture)
    assert why is None or got.why == why


def test_blocked_rule_names_the_fact_that_blocked_it() -> None:
    text = pack(rule(FULL, more="unless: [{claim: {subject: pool}}]"))
    claim = new("claim", source="x:1", subject="pool")
    (got,) = infer(case(pool(85.0), claim), rulebook(text)).outcomes
    assert (got.outcome, got.why) == ("passed", "Its conditions hold, but so does its exception: claim:pool.")


def test_exception_may_refer_to_what_was_bound() -> None:
    text = pack(
        rule("{tag t: {}}", more='unless: [{handles: {type: "== t.object_type", count: "> 0.5 * t.outstanding"}}]')
    )
    assert not infer(case(TAG, handles(501)), rulebook(text)).findings
    assert infer(case(TAG, handles(500), handles(900, "Key")), rulebook(text)).findings


def test_a_rule_on_a_finding_that_could_not_be_evaluated_was_not_evaluated_either() -> None:
    then = "{finding: culprit.x, severity: info, confidence: low, label: x, say: x}"
    book = rulebook(pack(rule(FULL, name="one"), rule("{finding f: {name: kind.leak}}", then, "two")))
    assert [(one.outcome, one.capture) for one in infer(case(), book).outcomes] == [("not_evaluated", ("!vm 1",))] * 2
    second = infer(case(pool(10.0)), book).outcomes[1]
    assert (second.outcome, second.why) == ("passed", "There is no finding with name == kind.leak.")
