"""The JSON documents: the report (`dumptriage/report/1`) and the facts of a case (`dumptriage/facts/1`)."""

import json
from functools import cache
from typing import Any

from .. import __version__
from ..diagnosis import Condition, Confidence, Diagnosis, Finding, VerdictPart
from ..facts import Case, digest
from . import alternatives, chain
from .addressee import addressed, asked_of_them
from .captures import captures
from .headline import sentence
from .quality import quality_notes
from .signature import keywords, signature
from .unasked import questions
from .wording import load

REPORT_SCHEMA = "dumptriage/report/1"
FACTS_SCHEMA = "dumptriage/facts/1"


def json_report(diagnosis: Diagnosis) -> bytes:
    """The JSON report as it is written."""
    return f"{to_text(report_document(diagnosis))}\n".encode()


def to_text(document: dict[str, Any]) -> str:
    """JSON in ASCII, one blank per level, so that nothing a casefile holds can reorder or break the text.

    Raises ValueError for a number that is not finite.
    """
    return _text(document, "\n")


_CONTAINERS = frozenset({dict, list})


def _text(value: Any, line: str) -> str:
    """What `json.dumps(value, indent=1)` gives, which encodes character by character in Python: here an object of
    plain values, as nearly all are, is one call of the encoder in C. `line` begins a line at the level of the value."""
    if not value or not isinstance(value, dict | list):
        return _encoder("").encode(value)
    inner = f"{line} "
    items = value.values() if isinstance(value, dict) else value
    if _CONTAINERS.isdisjoint(map(type, items)):
        text = _encoder(inner).encode(value)
        return f"{text[0]}{inner}{text[1:-1]}{line}{text[-1]}"
    if isinstance(value, dict):
        listed = [f"{_encoder('').encode(str(key))}: {_text(item, inner)}" for key, item in value.items()]
        return f"{{{inner}{f',{inner}'.join(listed)}{line}}}"
    return f"[{inner}{f',{inner}'.join(_text(item, inner) for item in value)}{line}]"


@cache
def _encoder(line: str) -> json.JSONEncoder:
    return json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(f",{line}", ": "))


def facts_document(case: Case) -> dict[str, Any]:
    """All facts read or derived, findings left out: the same facts judged by newer rules may give others."""
    document: dict[str, Any] = {
        "schema": FACTS_SCHEMA,
        "writer": {"name": "dumptriage", "version": __version__},
        "casefile": _casefile(case),
    }
    if case.machine is not None:
        document["machine"] = case.machine
    if case.redaction is not None:
        document["redaction"] = case.redaction
    facts = [fact.to_json() for fact in case.facts if fact.kind != "finding"]
    # Before the facts, so that a reader of the first lines sees it.
    document[digest.FIELD] = digest.facts_sha256({**document, "facts": facts})
    document["facts"] = facts
    return document


def report_document(diagnosis: Diagnosis) -> dict[str, Any]:
    """The whole diagnosis. Fields may be added within a schema version, never renamed or removed."""
    case = diagnosis.case
    verdict = diagnosis.verdict
    wording = load()
    steps = chain.build(diagnosis, wording)
    made = signature(diagnosis, wording)
    return {
        "schema": REPORT_SCHEMA,
        "tool": {"name": "dumptriage", "version": __version__},
        "rulebook": {
            "rules": diagnosis.rulebook.rules,
            "sha256": diagnosis.rulebook.sha256,
            "changes": list(diagnosis.rulebook.changes),
        },
        "casefile": _casefile(case),
        "machine": case.machine,
        "redaction": case.redaction,
        "snapshots": [snapshot.to_json() for snapshot in case.of("snapshot")],
        "verdict": {
            "state": verdict.state,
            "summary": sentence(diagnosis),
            "resource": {
                "name": verdict.resource.name,
                "exhausted": verdict.exhausted,
                **_part(verdict.resource),
            },
            "kind": {"name": verdict.kind.name, "tags": list(verdict.kind.tags), **_part(verdict.kind)},
            "holder": {
                "name": verdict.holder.name,
                "pid": verdict.holder.pid,
                "address": verdict.holder.address,
                **_part(verdict.holder),
            },
            "culprit": {"name": verdict.culprit.name, **_part(verdict.culprit)},
        },
        "addressee": {
            "text": addressed(diagnosis, wording),
            "asked": asked_of_them(diagnosis, wording),
        },
        "signature": None if made is None else {"code": made.code, "parts": dict(made.parts)},
        "keywords": list(keywords(diagnosis)),
        "alternatives": [_alternative(each, steps) for each in alternatives.build(diagnosis, steps, wording)],
        "findings": [_finding(finding, diagnosis) for finding in diagnosis.findings],
        "rules": [
            {
                "rule": outcome.rule,
                "version": outcome.version,
                "status": outcome.status,
                "title": outcome.title,
                "origin": outcome.origin,
                "outcome": outcome.outcome,
                "why": outcome.why,
                "capture": list(outcome.capture),
                "near": _condition(outcome.near) if outcome.near else None,
            }
            for outcome in diagnosis.outcomes
        ],
        "quality": [
            {"severity": note.severity, "text": note.text, "where": note.where}
            for note in quality_notes(diagnosis, wording)
        ],
        "captures": [
            {"command": capture.command, "why": list(capture.reasons)} for capture in captures(diagnosis, wording)
        ],
        "questions": [
            {"text": question.text, "command": question.command} for question in questions(diagnosis, wording)
        ],
        "facts": [fact.to_json() for fact in case.facts],
    }


def _casefile(case: Case) -> dict[str, Any]:
    file = case.casefile
    # A file name may hold bytes that are no text; they cannot be written as JSON that every reader accepts.
    name = file.name.encode("utf-8", "replace").decode("utf-8")
    return {"name": name, "sha256": file.sha256, "size": file.size, "kind": file.kind}


def _part(part: VerdictPart) -> dict[str, Any]:
    confidence = part.confidence if part.name is not None else Confidence.UNKNOWN
    return {
        "confidence": confidence.word,
        "rule": part.finding.rule if part.finding else None,
        "others": list(part.others),
    }


def _alternative(each: alternatives.Alternative, steps: chain.Chain) -> dict[str, Any]:
    """Another conclusion, or what this kind of fault is mistaken for: `finding` is None for the latter."""
    findings = {number: finding for finding, number in steps.numbers.items()}
    return {
        "part": each.part,
        "text": each.what,
        "confidence": each.confidence if each.level else None,
        "finding": findings.get(each.step) if each.step else None,
        "tells": each.tells,
        "commands": list(each.commands),
        "against": [findings[number] for number in each.against],
    }


def _condition(condition: Condition) -> dict[str, Any]:
    return {
        "fact": condition.fact.id,
        "field": condition.field,
        "value": condition.value,
        "asked": condition.asked,
        "needed": list(condition.needed),
        "origin": condition.origin,
    }


def _finding(finding: Finding, diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "id": finding.fact.id,
        "rule": finding.rule,
        "version": finding.version,
        "status": finding.status,
        "title": finding.title,
        "origin": finding.origin,
        "name": finding.name,
        "part": finding.part,
        "severity": finding.severity,
        "confidence": finding.confidence.word,
        "limits": list(finding.limits),
        "text": finding.text,
        "label": finding.label,
        "tags": list(finding.tags),
        "about": dict(finding.about),
        "facts": [fact.id for fact in finding.evidence.values()],
        "evidence": {alias: fact.id for alias, fact in finding.evidence.items()},
        "disprove": finding.disprove,
        "next": list(finding.next),
        "references": list(finding.references),
        "stratum": finding.stratum,
        "conditions": [_condition(one) for one in diagnosis.conditions.get(finding.fact.id, ())],
    }
