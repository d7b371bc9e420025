"""Why rules fired or stayed silent over a casefile: what is asked for, gathered as data; `triage explain` prints it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from .diagnosis import Confidence, Diagnosis, Finding, RuleOutcome
from .errors import UsageError
from .facts import KINDS, Fact, Value
from .inference import Rulebook
from .inference.adjustments import refuse_disabled
from .inference.trace import Binding, Condition, PatternTrace, RuleTrace, Tracer
from .mistakes import nearest
from .verdict import CONTRADICTION

SCHEMA = "dumptriage/explain/1"
PARTS = ("resource", "kind", "holder", "culprit")
_FIRST = ("fired", "near_miss", "passed", "not_evaluated")
"""The order in which several rules are explained."""
MAX_FIGURES = 3
"""Figures shown of a fact of which none was looked at."""

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
    the findings of the rules asked for. `built_on_by` are the findings that build on a finding, by its id. `normal` are
    the findings of what is in order, where a verdict that nothing is wrong is asked for; `reasons` has their trees.
    `lowered` says by the id of a finding why the verdict is less sure of it than its rule."""

    diagnosis: Diagnosis
    scope: Scope
    rules: tuple[RuleTrace, ...]
    reasons: Mapping[str, Reason]
    built_on_by: Mapping[str, tuple[Finding, ...]]
    normal: tuple[Finding, ...]
    lowered: Mapping[str, str]


def explain(diagnosis: Diagnosis, rulebook: Rulebook, subject: str | None = None, *, all_rules: bool) -> Explanation:
    """Explain a rule (by its id), all rules that draw a finding (by its name), all rules, or else the verdict.

    Raises UsageError with the nearest name where there is no rule and no finding of that name.
    """
    tracer = Tracer(diagnosis, rulebook)
    numbers: Sequence[int] = range(len(rulebook.rules))
    scope: Scope = "all" if all_rules else "verdict" if subject is None else "rules"
    if subject is not None:
        outcomes = {outcome.rule: outcome.outcome for outcome in diagnosis.outcomes}
        asked_for = _asked_for(subject, rulebook)
        numbers = sorted(asked_for, key=lambda number: _FIRST.index(outcomes[rulebook.rules[number].id]))
    elif scope == "verdict":
        near = {outcome.rule for outcome in diagnosis.outcomes if outcome.outcome == "near_miss"}
        numbers = [number for number in numbers if rulebook.rules[number].id in near]
    traces = tuple(tracer.trace(number) for number in numbers)
    normal: tuple[Finding, ...] = ()
    if scope == "verdict":
        if diagnosis.verdict.state == "healthy":
            normal = tuple(finding for finding in diagnosis.findings if finding.part == "normal")
        parts = [getattr(diagnosis.verdict, key).finding for key in PARTS]
        wanted = [*(finding for finding in parts if finding is not None), *normal]
    else:
        wanted = [binding.finding for trace in traces for binding in trace.bindings if binding.finding is not None]
    by_id = {finding.fact.id: finding for finding in diagnosis.findings}
    seen: set[str] = set()
    reasons = {}
    for finding in wanted:
        # The verdict's parts build on each other and are read together; rules are read alone.
        below = seen if scope == "verdict" else set()
        reasons[finding.fact.id] = _reason(by_id[finding.fact.id], tracer, by_id, below)
    users, lowered = _built_on_by(diagnosis.findings, by_id), _lowered(diagnosis, by_id)
    return Explanation(diagnosis, scope, traces, reasons, users, normal, lowered)


def _asked_for(subject: str, rulebook: Rulebook) -> list[int]:
    rules = rulebook.rules
    numbers = [number for number, rule in enumerate(rules) if subject in (rule.id, rule.then.finding)]
    if not numbers:
        refuse_disabled(subject, rulebook.disabled)
        names = dict.fromkeys([*(rule.id for rule in rules), *(rule.then.finding for rule in rules)])
        raise UsageError(f'there is no rule and no finding "{subject}"; {nearest(subject, names)}')
    return numbers


def _lowered(diagnosis: Diagnosis, by_id: Mapping[str, Finding]) -> dict[str, str]:
    """Why parts of the verdict are less sure than the findings they are made of, by the id of the finding."""
    verdict = diagnosis.verdict
    lowered: dict[str, str] = {}
    for key, rests_on in (("resource", ()), ("kind", ()), ("holder", ("kind",)), ("culprit", ("holder", "kind"))):
        part = getattr(verdict, key)
        if part.finding is None or part.confidence == by_id[part.finding.fact.id].confidence:
            continue
        # Findings may share a confidence by chance; the nearest link that is no surer is what holds this one down.
        weakest = (link for link in rests_on if getattr(verdict, link).confidence == part.confidence)
        link = next(weakest, None)
        why = f"the {link} is only {part.confidence.word}" if link else _contradicted(diagnosis)
        lowered[part.finding.fact.id] = f"lowered to {part.confidence.word}: {why}"
    return lowered


def _contradicted(diagnosis: Diagnosis) -> str:
    found = next(finding for finding in diagnosis.findings if finding.name == CONTRADICTION)
    return f"{found.rule} found that counters contradict each other, and nothing is surer than {Confidence.MEDIUM.word}"


def figures_of(fact: Fact) -> dict[str, tuple[Value, str]]:
    """The first counts, sizes and shares of a fact that do not name it, each with its unit."""
    kind = KINDS[fact.kind]
    known = [field for field in kind.fields.values() if field.name in fact.fields and field.name not in kind.key]
    measured = [field for field in known if field.unit in ("count", "bytes", "percent")]
    return {field.name: (fact.fields[field.name], field.unit) for field in measured[:MAX_FIGURES]}


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
        "verdict": {key: _part(explanation, key) for key in PARTS},
        "normal": [finding.fact.id for finding in explanation.normal],
        "reasons": {key: _reason_document(reason) for key, reason in explanation.reasons.items()},
        "rules": [_rule(trace, explanation) for trace in explanation.rules],
    }


def _part(explanation: Explanation, key: str) -> dict[str, Any]:
    part = getattr(explanation.diagnosis.verdict, key)
    finding = part.finding.fact.id if part.finding else None
    lowered = explanation.lowered.get(finding) if finding else None
    return {"name": part.name, "confidence": part.confidence.word, "finding": finding, "lowered": lowered}


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
            "in_verdict": explanation.lowered.get(finding.fact.id),
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
        "sampled": fact.int("sampled") if fact else None,
        "figures": {name: value for name, (value, _) in figures_of(fact).items()} if fact else {},
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
