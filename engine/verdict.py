"""The verdict: four parts, each from the best finding of its kind, and the state they add up to."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .diagnosis import Confidence, Finding, State, Verdict, VerdictPart
from .facts import Case, Fact

_SEVERITY = {"info": 0, "warning": 1, "critical": 2}
CONTRADICTION = "quality.contradiction"
"""Finding of a rule that two counters cannot both be true: nothing is more than likely beside it."""
_MEASURES = ("percent_of_max", "percent_of_ram", "commit_percent", "free_system_ptes")
"""Fields that put a resource in proportion; without any of them nobody can say that nothing is exhausted."""
POOLS_LOOKED_AT = ("normal.pool", "normal.tag", "normal.explained", "normal.falls-back", "normal.did-not-grow")
"""Findings without which nothing can be called healthy: a pool or its tags are in order, or its largest tags come and
go, or the question that the case raises is answered."""


def conclude(case: Case, findings: Sequence[Finding]) -> Verdict:
    """Choose the parts and the state. A part is never more sure than what it rests on."""
    resources = _ranked(findings, "resource")
    kinds = _ranked(findings, "kind")
    ceiling = Confidence.MEDIUM if any(f.name == CONTRADICTION for f in findings) else Confidence.CERTAIN
    resource = _part(resources, ceiling)
    kind = _part(kinds, ceiling)
    holder = _part(_related(_ranked(findings, "holder"), kind.finding), kind.confidence)
    culprit = _part(
        _of_holder(_related(_ranked(findings, "culprit"), kind.finding, holder.finding), holder.finding),
        min(kind.confidence, holder.confidence if holder.name else Confidence.CERTAIN),
    )
    return Verdict(
        state=_state(case, findings, resources, kind),
        resource=resource,
        kind=kind,
        holder=holder,
        culprit=culprit,
        exhausted=_exhausted(case, resources),
    )


def _ranked(findings: Iterable[Finding], part: str) -> list[Finding]:
    """Findings of a part that name something, best first: confidence, then severity, then weight of the evidence."""
    named = [finding for finding in findings if finding.part == part and finding.label]
    return sorted(named, key=lambda f: (-f.confidence, -_SEVERITY[f.severity], -_weight(f), f.rule))


def _weight(finding: Finding) -> float:
    """Bytes, else counts, of the largest fact the finding rests on: of two equal claims the larger leads."""
    sizes = [_size(fact) for fact in finding.evidence.values()]
    return max(sizes, default=0.0)


def _size(fact: Fact) -> float:
    for field in ("bytes", "used_bytes", "count", "handle_count", "table_size", "outstanding"):
        value = fact.number(field)
        if value is not None:
            return value
    return 0.0


def _related(candidates: list[Finding], *rests_on: Finding | None) -> list[Finding]:
    """Candidates about the same thing as the finding they must explain come before the others.

    A holder or culprit of another tag or object type than the one in the verdict would be a wrong accusation: it is
    dropped as soon as both say what they are about and differ.
    """
    others = [finding for finding in rests_on if finding is not None]
    return [candidate for candidate in candidates if others and all(_agree(candidate, other) for other in others)]


def _of_holder(candidates: list[Finding], holder: Finding | None) -> list[Finding]:
    """Of several that are equally sure, what is said of the holder named comes first."""
    pid = holder.about.get("pid") if holder else None
    return sorted(candidates, key=lambda f: (-f.confidence, pid is not None and f.about.get("pid") != pid))


def _agree(one: Finding, other: Finding) -> bool:
    for field in ("tag", "object_type"):
        mine, theirs = one.about.get(field), other.about.get(field)
        if mine is not None and theirs is not None and mine != theirs and mine not in other.tags:
            return False
    return True


def _part(candidates: Sequence[Finding], ceiling: Confidence = Confidence.CERTAIN) -> VerdictPart:
    """The best candidate, capped; two that are equally good and name different things leave both to be named."""
    if not candidates or ceiling == Confidence.UNKNOWN:
        return VerdictPart()
    best = candidates[0]
    pid = best.about.get("pid")
    address = best.about.get("address")
    # A weaker rule may give the same process another name.
    different = [f for f in candidates[1:] if pid is None or f.about.get("pid") != pid]
    others = tuple(dict.fromkeys(f.label for f in different if f.label and f.label != best.label))
    return VerdictPart(
        name=best.label,
        confidence=min(best.confidence, ceiling),
        finding=best if best.confidence <= ceiling else replace(best, confidence=ceiling),
        tags=best.tags,
        pid=pid if isinstance(pid, int) else None,
        address=address if isinstance(address, str) else None,
        others=others,
    )


def _is_broken(note: Fact) -> bool:
    """A cut or damaged casefile: what is missing of it may be what was wrong."""
    return (note.text("problem"), note.text("subject"), note.text("severity")) == ("broken", "memory", "warning")


_COUNTED = ("handles", "objects", "processes", "tags", "pool")
"""Subjects of notes on what is counted in a dump."""


def _is_unread(note: Fact) -> bool:
    """A part of what is counted that could not be read."""
    unread = note.text("problem") in ("not-in-dump", "not-read", "broken") and note.text("severity") == "warning"
    return unread and note.text("subject") in _COUNTED


def _open_question(case: Case, findings: Sequence[Finding]) -> bool:
    """True where a step towards a leak was found and what would answer it was not all read.

    Ended threads that handles keep are harmless or a leak: who holds the handles tells, and not if a table is not
    whole.
    """
    steps = any(f.part == "step" and f.severity == "warning" and f.confidence >= Confidence.MEDIUM for f in findings)
    return steps and any(_is_unread(note) for note in case.of("data_quality"))


def _exhausted(case: Case, resources: Sequence[Finding]) -> bool | None:
    if any(finding.severity == "critical" and finding.confidence >= Confidence.MEDIUM for finding in resources):
        return True
    return False if any(fact.get(field) is not None for fact in case.facts for field in _MEASURES) else None


def _state(case: Case, findings: Sequence[Finding], resources: Sequence[Finding], kind: VerdictPart) -> State:
    if kind.confidence >= Confidence.MEDIUM:
        return "leak"
    if any(finding.severity == "critical" and finding.confidence >= Confidence.MEDIUM for finding in resources):
        return "exhaustion"
    if kind.confidence == Confidence.LOW or resources:
        return "suspect"
    if any(finding.part == "step" and finding.severity == "critical" for finding in findings):
        return "suspect"
    if any(_is_broken(note) for note in case.of("data_quality")) or _open_question(case, findings):
        return "inconclusive"
    looked_at = any(finding.name.startswith(POOLS_LOOKED_AT) for finding in findings)
    return "healthy" if looked_at else "inconclusive"
