"""The verdict: which finding fills which part, how sure it may be, and the state they add up to."""

import pytest

from dumptriage.diagnosis import Confidence, Finding, Part, Severity, Verdict
from dumptriage.facts import Case, Casefile, Fact, Value, new
from dumptriage.verdict import conclude

CERTAIN, HIGH, MEDIUM, LOW = Confidence.CERTAIN, Confidence.HIGH, Confidence.MEDIUM, Confidence.LOW
POOL = new("pool", source="test:1", type="nonpaged", used_bytes=1)

MEASURED = new("pool", source="test:1", type="nonpaged", used_bytes=1, percent_of_ram=30.0)


def finding(
    part: Part,
    label: str | None,
    confidence: Confidence = HIGH,
    severity: Severity = "warning",
    name: str | None = None,
    evidence: Fact = POOL,
    **about: Value,
) -> Finding:
    return Finding(
        rule=f"{part}.test-{label}",
        version=1,
        status="test",
        title="",
        name=name or f"{part}.test",
        part=part,
        severity=severity,
        confidence=confidence,
        text="",
        label=label,
        evidence={"p": evidence},
        about=about,
        tags=(),
        fact=evidence,
    )


def verdict(*findings: Finding, facts: tuple[Fact, ...] = (POOL,)) -> Verdict:
    return conclude(Case(Casefile("test.log", "0" * 64, 1, "log"), facts), findings)


@pytest.mark.parametrize(
    ("findings", "state"),
    [
        ([finding("kind", "a leak", MEDIUM)], "leak"),
        ([finding("kind", "a leak", LOW)], "suspect"),
        ([finding("resource", "nonpaged pool", severity="critical")], "exhaustion"),
        ([finding("resource", "nonpaged pool", severity="warning")], "suspect"),
        ([finding("resource", "nonpaged pool", severity="critical"), finding("kind", "a leak", LOW)], "exhaustion"),
        ([finding("normal", None, severity="info", name="normal.pool")], "healthy"),
        ([finding("normal", None, severity="info", name="normal.commit")], "inconclusive"),
        ([finding("normal", None, name="normal.pool"), finding("step", None, severity="critical")], "suspect"),
        ([finding("quality", None)], "inconclusive"),
        ([], "inconclusive"),
    ],
)
def test_state(findings: list[Finding], state: str) -> None:
    assert verdict(*findings).state == state


@pytest.mark.parametrize(
    ("subject", "severity", "state"),
    [("handles", "warning", "inconclusive"), ("handles", "info", "healthy"), ("symbols", "warning", "healthy")],
)
def test_ended_objects_are_no_sign_of_health_where_not_all_handles_were_read(
    subject: str, severity: str, state: str
) -> None:
    note = new("data_quality", source="test:2", problem="not-in-dump", subject=subject, severity=severity, text="-")
    step, normal = finding("step", None), finding("normal", None, name="normal.pool")
    assert verdict(step, normal, facts=(POOL, note)).state == state
    assert verdict(step, normal).state == verdict(normal, facts=(POOL, note)).state == "healthy"


def test_without_figures_of_memory_only_an_explanation_makes_it_healthy() -> None:
    assert verdict(finding("normal", None, name="normal.few-ended"), facts=()).state == "inconclusive"
    assert verdict(finding("normal", None, name="normal.explained"), facts=()).state == "healthy"


def test_a_culprit_is_never_more_sure_than_kind_and_holder() -> None:
    result = verdict(
        finding("kind", "a leak", MEDIUM), finding("holder", "a.exe", LOW), finding("culprit", "a.exe", CERTAIN)
    )
    assert (result.holder.confidence, result.culprit.confidence) == (LOW, LOW)


def test_a_culprit_without_a_kind_is_not_named() -> None:
    assert verdict(finding("culprit", "a.exe")).culprit.name is None


def test_a_culprit_of_another_tag_is_not_named() -> None:
    result = verdict(finding("kind", "a leak", tag="Thre"), finding("culprit", "b.sys", tag="exam"))
    assert result.culprit.name is None


def test_the_surer_claim_leads_and_the_other_is_listed() -> None:
    result = verdict(finding("kind", "weak", LOW), finding("kind", "strong", HIGH))
    assert (result.kind.name, result.kind.others) == ("strong", ("weak",))


def test_of_equal_claims_the_larger_leads() -> None:
    small = new("handles", source="t:1", type="Key", count=10)
    large = new("handles", source="t:2", type="Event", count=900)
    result = verdict(finding("kind", "keys", evidence=small), finding("kind", "events", evidence=large))
    assert result.kind.name == "events"


@pytest.mark.parametrize(
    ("severity", "facts", "exhausted"),
    [("critical", (POOL,), True), ("warning", (MEASURED,), False), ("warning", (POOL,), None), (None, (), None)],
)
def test_exhausted_is_unknown_without_figures(
    severity: Severity | None, facts: tuple[Fact, ...], exhausted: bool | None
) -> None:
    findings = [finding("resource", "nonpaged pool", severity=severity)] if severity else []
    assert verdict(*findings, facts=facts).exhausted is exhausted


def test_of_equally_sure_culprits_the_holder_comes_first() -> None:
    small = new("process", source="t:1", pid=8, handle_count=10)
    large = new("process", source="t:2", pid=12, handle_count=900)
    result = verdict(
        finding("kind", "a leak"),
        finding("holder", "one.exe", HIGH, pid=8),
        finding("holder", "two.exe", MEDIUM, pid=12),
        finding("culprit", "two.exe", MEDIUM, evidence=large, pid=12),
        finding("culprit", "one.exe", MEDIUM, evidence=small, pid=8),
    )
    assert (result.holder.name, result.holder.others) == ("one.exe", ("two.exe",))
    assert (result.culprit.name, result.culprit.others) == ("one.exe", ("two.exe",))


def test_a_weaker_word_for_the_same_process_is_no_other_holder() -> None:
    result = verdict(
        finding("kind", "a leak"),
        finding("holder", "a.exe", HIGH, pid=8),
        finding("holder", "a.exe, perhaps", LOW, pid=8),
    )
    assert result.holder.others == ()
