"""What weakens the evidence: flaws of the casefile, conclusions about them, and what the inference could not do."""

from dataclasses import dataclass

from ..diagnosis import Diagnosis
from .wording import Wording


@dataclass(frozen=True, slots=True)
class QualityNote:
    """One sentence with its severity (info, warning or critical) and where it was seen."""

    severity: str
    text: str
    where: str


def quality_notes(diagnosis: Diagnosis, wording: Wording) -> list[QualityNote]:
    """All notes, the gravest first. A flaw a finding speaks of is not told a second time."""
    notes: list[QualityNote] = []
    told: set[str] = set()
    for finding in diagnosis.findings:
        if finding.part == "quality":
            told.update(fact.id for fact in finding.evidence.values())
            where = "; ".join(dict.fromkeys(fact.source for fact in finding.evidence.values() if fact.source))
            notes.append(QualityNote(finding.severity, finding.text, where))
    for fact in diagnosis.case.of("data_quality"):
        if fact.id not in told:
            text = fact.text("text") or fact.text("problem") or fact.id
            notes.append(QualityNote(fact.text("severity") or "info", text, fact.source))
    notes += [QualityNote("warning", problem, wording("quality.inference")) for problem in diagnosis.problems]
    rank = {"critical": 0, "warning": 1, "info": 2}
    return sorted(dict.fromkeys(notes), key=lambda note: rank.get(note.severity, 2))


def limits(diagnosis: Diagnosis, wording: Wording) -> list[str]:
    """What this kind of casefile cannot show, whatever it holds."""
    case = diagnosis.case
    system = case.one("system")
    kind = (system.text("dump_type") if system else None) or ""
    found = []
    if not case.of("growth") and sum(fact.int("readings") or 1 for fact in case.of("snapshot")) < 2:
        found.append(wording("limits.snapshot"))
    if case.casefile.kind == "dump":
        key = "triage" if "triage" in kind.lower() else "kernel" if kind and "full" not in kind.lower() else "full"
        found.append(wording(f"limits.{key}"))
    elif case.casefile.kind != "facts":
        found.append(wording(f"limits.{case.casefile.kind}"))
    return found
