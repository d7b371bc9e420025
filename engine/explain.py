"""Why rules fired or stayed silent over a casefile: what is asked for, gathered as data; `triage explain` prints it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .diagnosis import Diagnosis, Finding, RuleOutcome
from .errors import UsageError
from .inference import Rulebook
from .inference.trace import Binding, Condition, PatternTrace, RuleTrace, Tracer
from .mistakes import nearest

SCHEMA = "dumptriage/explain/1"
PARTS = ("resource", "kind", "holder", "culprit")

Scope = Literal["verdict", "rules", "all"]


@dataclass(frozen=True, slots=True)
class Reason:
    """A finding, the facts its conditions looked at, and the findings it builds on, down to plain facts.

    `again` is set where the finding stands above already, in the same tree or in that of an earlier part of the
    verdict; what is below it is left out then.
    """

    finding: Finding
    facts: tuple[PatternTrace, ...] = ()
    builds_on: tuple["Reason", ...] = ()
    again: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """What is explained. `rules` are the traces asked for: of a rule or finding, of all rules, or, where the verdict
    is asked for, of the near misses. `reasons` are the trees below findings, by id: those of the verdict's parts, or of
    the findings of the rules asked for. `built_on_by` are the findings that build on a finding, by its id."""

    diagnosis: Diagnosis
    scope: Scope
    rules: tuple[RuleTrace, ...]
    reasons: Mapping[str, Reason]
    built_on_by: Mapping[str, tuple[Finding, ...]]


def explain(diagnosis: Diagnosis, rulebook: Rulebook, subject: str | None = None, *, all_rules: bool) -> Explanation:
    """Explain a rule (by its id), all rules that draw a finding (by its name), all rules, or else the verdict.

    Raises UsageError with the nearest name where there is no rule and no finding of that name.
    """
    tracer = Tracer(diagnosis, rulebook)
    numbers: Sequence[int] = range(len(rulebook.rules))
    scope: Scope = "all" if all_rules else "verdict" if subject is None else "rules"
    if subject is not None:
        numbers = _asked_for(subject, rulebook)
    elif scope == "verdict":
        near = {outcome.rule for outcome in diagnosis.outcomes if outcome.outcome == "near_miss"}
        numbers = [number for number in numbers if rulebook.rules[number].id in near]
    traces = tuple(tracer.trace(number) for number in numbers)
    if scope == "verdict":
        parts = [getattr(diagnosis.verdict, key).finding for key in PARTS]
        wanted = [finding for finding in parts if finding is not None]
    else:
        wanted = [binding.finding for trace in traces for binding in trace.bindings if binding.finding is not None]
    by_id = {finding.fact.id: finding for finding in diagnosis.findings}
    seen: set[str] = set()
    reasons = {}
    for finding in wanted:
        # The verdict's parts build on each other and are read together; rules are read alone.
        below = seen if scope == "verdict" else set()
        reasons[finding.fact.id] = _reason(by_id[finding.fact.id], tracer, by_id, below)
    return Explanation(diagnosis, scope, traces, reasons, _built_on_by(diagnosis.findings, by_id))


def _asked_for(subject: str, rulebook: Rulebook) -> list[int]:
    rules = rulebook.rules
    numbers = [number for number, rule in enumerate(rules) if subject in (rule.id, rule.then.finding)]
    if not numbers:
        names = dict.fromkeys([*(rule.id for rule in rules), *(rule.then.finding for rule in rules)])
        raise UsageError(f'there is no rule and no finding "{subject}"; {nearest(subject, names)}')
    return numbers


def _reason(finding: Finding, tracer: Tracer, by_id: Mapping[str, Finding], seen: set[str]) -> Reason:
    if finding.fact.id in seen:
        return Reason(finding, again=True)
    seen.add(finding.fact.id)
    facts = tuple(pattern for pattern in tracer.made(finding).patterns if pattern.kind != "finding")
    below = dict.fromkeys(fact.id for fact in finding.evidence.values() if fact.id in by_id)
    return Reason(finding, facts, tuple(_reason(by_id[one], tracer, by_id, seen) for one in below))


def _built_on_by(findings: Sequence[Finding], by_id: Mapping[str, Finding]) -> dict[str, tuple[Finding, ...]]:
    users: dict[str, tuple[Finding, ...]] = {}
    for finding in findings:
        for fact_id in dict.fromkeys(fact.id for fact in finding.evidence.values() if fact.id in by_id):
            users[fact_id] = (*users.get(fact_id, ()), finding)
    return users


def document(explanation: Explanation) -> dict[str, Any]:
    """The explanation as plain data for JSON. Fields may be added within a schema version, never renamed or removed."""
    diagnosis = explanation.diagnosis
    return {
        "schema": SCHEMA,
        "rulebook": {"rules": diagnosis.rulebook.rules, "sha256": diagnosis.rulebook.sha256},
        "verdict": {key: _part(diagnosis, key) for key in PARTS},
        "reasons": {key: _reason_document(reason) for key, reason in explanation.reasons.items()},
        "rules": [_rule(trace, explanation) for trace in explanation.rules],
    }


def _part(diagnosis: Diagnosis, key: str) -> dict[str, Any]:
    part = getattr(diagnosis.verdict, key)
    finding = part.finding.fact.id if part.finding else None
    return {"name": part.name, "confidence": part.confidence.word, "finding": finding}


def _reason_document(reason: Reason) -> dict[str, Any]:
    finding = reason.finding
    return {
        "finding": finding.fact.id,
        "rule": finding.rule,
        "confidence": finding.confidence.word,
        "text": finding.text,
        "facts": [_pattern(pattern) for pattern in reason.facts],
        "builds_on": [_reason_document(below) for below in reason.builds_on],
        "again": reason.again,
    }


def _rule(trace: RuleTrace, explanation: Explanation) -> dict[str, Any]:
    outcome = trace.outcome
    return {
        "rule": outcome.rule,
        "version": outcome.version,
        "status": outcome.status,
        "title": outcome.title,
        "origin": outcome.origin,
        "finding": trace.rule.then.finding,
        "outcome": outcome.outcome,
        "why": outcome.why,
        "capture": list(outcome.capture),
        "alternatives": trace.alternatives,
        "bindings": [_binding(binding, explanation) for binding in trace.bindings],
        "used_by": [_outcome(one) for one in trace.used_by],
        "blocks": [_outcome(one) for one in trace.blocks],
    }


def _binding(binding: Binding, explanation: Explanation) -> dict[str, Any]:
    finding = binding.finding
    made = None
    if finding is not None:
        made = {
            "id": finding.fact.id,
            "text": finding.text,
            "confidence": finding.confidence.word,
            "limits": list(finding.limits),
            "built_on_by": [one.fact.id for one in explanation.built_on_by.get(finding.fact.id, ())],
        }
    return {
        "finding": made,
        "fits": binding.fits,
        "patterns": [_pattern(pattern) for pattern in binding.patterns],
        "exceptions": [_pattern(pattern) for pattern in binding.exceptions],
    }


def _pattern(pattern: PatternTrace) -> dict[str, Any]:
    fact = pattern.fact
    return {
        "kind": pattern.kind,
        "alias": pattern.alias,
        "fact": fact.id if fact else None,
        "source": fact.source if fact else None,
        "verify": fact.verify if fact else None,
        "quality": fact.quality if fact else None,
        "of": pattern.of,
        "conditions": [_condition(condition) for condition in pattern.conditions],
        "missing": pattern.missing,
        "makers": [_outcome(one) for one in pattern.makers],
        "capture": list(pattern.capture),
    }


def _condition(condition: Condition) -> dict[str, Any]:
    threshold = condition.threshold
    named = None
    if threshold is not None:
        named = {"name": threshold.name, "value": threshold.value, "unit": threshold.unit, "source": threshold.source}
    return {
        "field": condition.field,
        "unit": condition.unit,
        "text": condition.text,
        "state": condition.state,
        "value": condition.value,
        "needed": condition.needed,
        "needs": condition.needs,
        "against": condition.against,
        "threshold": named,
        "miss": condition.miss,
    }


def _outcome(outcome: RuleOutcome) -> dict[str, str]:
    return {"rule": outcome.rule, "outcome": outcome.outcome}
