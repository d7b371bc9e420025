"""Traces: every condition with the value it looked at, what it needed, and by how much it failed."""

import pytest
from rulepacks import case, pack, rule, rulebook

from dumptriage.diagnosis import Diagnosis
from dumptriage.facts import Fact, new
from dumptriage.inference import infer
from dumptriage.inference.trace import Binding, RuleTrace, Tracer
from dumptriage.verdict import conclude

FULL = "thresholds:\n  - {name: full, value: 80, unit: percent, source: field practice, doc: d}\n"
TAG = new("tag", source="x:2", tag="Thre", pool="nonpaged", outstanding=1000, object_type="Thread")
PAGED = new("pool", source="x:1", type="paged", percent_of_max=90.0)
JOIN = '{tag t: {}}, {handles h: {type: "== t.object_type", count: ">= 0.5 * t.outstanding"}}'


def traces(text: str, *facts: Fact) -> list[RuleTrace]:
    book, made = rulebook(text, FULL), case(*facts)
    result = infer(made, book)
    diagnosis = Diagnosis(made, conclude(made, result.findings), result.findings, result.outcomes, book.info)
    tracer = Tracer(diagnosis, book)
    return [tracer.trace(number) for number in range(len(book.rules))]


def pool(percent: float | None = None, kind: str = "nonpaged") -> Fact:
    return new("pool", source="x:1", type=kind, percent_of_max=percent)


def handles(count: int, kind: str = "Thread", pid: int = 8) -> Fact:
    return new("handles", source="x:3", pid=pid, type=kind, count=count)


def states(binding: Binding) -> dict[str, list[str]]:
    return {pattern.alias: [one.state for one in pattern.conditions] for pattern in binding.patterns}


def facts_of(binding: Binding) -> dict[str, str | None]:
    return {pattern.alias: pattern.fact.id if pattern.fact else None for pattern in binding.patterns}


def test_a_fired_rule_shows_what_each_condition_looked_at() -> None:
    (trace,) = traces(pack(rule('{pool p: {type: nonpaged, percent_of_max: ">= @full"}}')), pool(85.0), PAGED)
    (binding,) = trace.bindings
    assert trace.outcome.outcome == "fired"
    assert binding.finding is not None and binding.fits
    assert facts_of(binding) == {"p": "pool:nonpaged"}
    kind, percent = binding.patterns[0].conditions
    assert (kind.state, kind.value, kind.needs) == ("holds", "nonpaged", "nonpaged")
    assert (percent.value, percent.unit, percent.needed, percent.needs) == (85.0, "percent", 80.0, "at least 80 %")
    assert percent.threshold is not None
    assert (percent.threshold.name, percent.threshold.source) == ("full", "field practice")
    assert percent.text == "percent_of_max >= 80 % (@full)"


def test_one_binding_for_each_finding() -> None:
    then = "{finding: kind.x, severity: info, confidence: low, label: x, say: x, about: {pid: h.pid}}"
    (trace,) = traces(pack(rule("{handles h: {type: Thread}}", then)), handles(1), handles(2, pid=12))
    assert [facts_of(one)["h"] for one in trace.bindings] == ["handles:8:Thread", "handles:12:Thread"]


def test_a_near_miss_says_by_how_much() -> None:
    (trace,) = traces(pack(rule('{pool p: {percent_of_max: ">= @full"}}')), pool(78.0), pool(10.0, "session"))
    (condition,) = trace.bindings[0].patterns[0].conditions
    assert facts_of(trace.bindings[0]) == {"p": "pool:nonpaged"}
    assert condition.state == "fails"
    assert condition.miss == pytest.approx(0.025)


def test_a_number_that_misses_is_nearer_than_another_pool() -> None:
    (trace,) = traces(pack(rule('{pool p: {type: nonpaged, percent_of_max: ">= @full"}}')), PAGED, pool(20.0))
    assert facts_of(trace.bindings[0]) == {"p": "pool:nonpaged"}
    assert states(trace.bindings[0]) == {"p": ["holds", "fails"]}


def test_a_join_says_what_it_was_compared_with() -> None:
    (trace,) = traces(pack(rule(JOIN)), TAG, handles(100), handles(900, "Key"))
    binding = trace.bindings[0]
    assert facts_of(binding) == {"t": "tag:Thre:nonpaged", "h": "handles:8:Thread"}
    kind, count = binding.patterns[1].conditions
    assert (kind.state, kind.needs, kind.against) == ("holds", "Thread", "t.object_type")
    assert (count.state, count.needs, count.against) == ("fails", "at least 500", "0.5 * t.outstanding")
    assert count.miss == pytest.approx(0.8)


def test_a_missing_kind_says_what_to_capture() -> None:
    (trace,) = traces(pack(rule(JOIN)), TAG)
    absent = trace.bindings[0].patterns[1]
    assert trace.outcome.outcome == "not_evaluated"
    assert (absent.fact, absent.missing) == (None, "handles by process and type")
    assert absent.capture == ("!process 0 0", "!handle 0 3 0 <type>")
    assert [one.state for one in absent.conditions] == ["unknown", "unknown"]
    assert [one.needs for one in absent.conditions] == ["what is unknown", "at least what is unknown"]


def test_a_missing_field_is_unknown_and_not_false() -> None:
    (trace,) = traces(pack(rule('{pool p: {percent_of_max: ">= @full"}}')), pool())
    (pattern,) = trace.bindings[0].patterns
    assert [(one.state, one.value) for one in pattern.conditions] == [("unknown", None)]
    assert pattern.capture == ("!vm 1",)


def test_an_absence_that_is_an_answer_asks_for_nothing() -> None:
    (trace,) = traces(pack(rule("{claim c: {}}")), PAGED)
    (pattern,) = trace.bindings[0].patterns
    assert (pattern.fact, pattern.missing, pattern.capture) == (None, None, ())


def test_a_blocked_rule_shows_the_exception_that_holds() -> None:
    claim = new("claim", source="x:9", subject="pool")
    text = pack(rule('{pool p: {percent_of_max: ">= @full"}}', more="unless: [{claim: {subject: pool}}]"))
    (trace,) = traces(text, pool(85.0), claim)
    (binding,) = trace.bindings
    assert binding.fits
    assert [pattern.fact.id if pattern.fact else None for pattern in binding.exceptions] == ["claim:pool"]


def test_an_exception_may_be_tied_to_the_facts() -> None:
    text = pack(rule("{tag t: {}}", more='unless: [{claim: {subject: "== t.tag"}}]'))
    claim = new("claim", source="x:9", subject="File")
    (trace,) = traces(text, new("tag", source="x", tag="File", pool="paged"), claim)
    assert trace.bindings[0].exceptions[0].fact == claim


def test_the_nearest_alternative_is_traced() -> None:
    either = "{any: [{pool p: {percent_of_max: '>= 80 %'}}, {pool p: {percent_of_ram: '>= 40 %'}}]}"
    (trace,) = traces(
        pack(rule(either)), new("pool", source="x", type="paged", percent_of_max=10.0, percent_of_ram=30.0)
    )
    assert trace.alternatives == 2
    assert [one.field for one in trace.bindings[0].patterns[0].conditions] == ["percent_of_ram"]


def test_what_builds_on_a_finding_and_what_it_blocks() -> None:
    then = "{finding: culprit.x, severity: info, confidence: low, label: x, say: x}"
    text = pack(
        rule("{pool p: {}}", name="first"),
        rule("{finding f: {name: kind.leak}}", then, "second"),
        rule("{pool p: {}}", then, "third", more="unless: [{finding: {name: kind.leak}}]"),
    )
    first, second, third = traces(text, PAGED)
    assert [one.rule for one in first.used_by] == ["second"]
    assert [one.rule for one in first.blocks] == ["third"]
    assert [one.rule for one in second.bindings[0].patterns[0].makers] == ["first"]
    assert third.bindings[0].exceptions[0].fact == second.bindings[0].patterns[0].fact


def test_a_rule_waits_for_a_finding_whose_rule_could_not_be_evaluated() -> None:
    then = "{finding: culprit.x, severity: info, confidence: low, label: x, say: x}"
    text = pack(
        rule('{memory m: {free_system_ptes: "< 100"}}', name="first"),
        rule("{finding f: {name: kind.leak}}", then, "second"),
        rule("{pool p: {}}", then.replace("culprit.x", "kind.other"), "third"),
    )
    _, second, _ = traces(text, PAGED)
    assert second.outcome.outcome == "not_evaluated"
    (pattern,) = second.bindings[0].patterns
    assert ([one.outcome for one in pattern.makers], pattern.capture) == (["not_evaluated"], ("!vm 1",))
