"""What else it could be: other conclusions of the rules, and what is easily mistaken for this kind of fault."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..diagnosis import Confidence, Diagnosis, Finding
from .chain import Chain
from .wording import Wording

MAX_ALTERNATIVES = 12
_PARTS = ("kind", "holder", "culprit")

# Families of kinds by the beginning of the finding's name, and for each what it is mistaken for, with the findings that
# speak against that. The words stand in the catalogue under alternatives.rivals.
_FAMILIES: tuple[tuple[str, str], ...] = (
    ("handle", "handles"),
    ("reference", "references"),
    ("driver-allocations", "allocations"),
    ("generic-allocations", "allocations"),
    ("unload-leak", "unload"),
    ("filter-contexts", "cache"),
    ("cache", "cache"),
    ("mapped-files", "cache"),
    ("ended", "objects"),
    ("objects", "objects"),
    ("live-threads", "threads"),
)
_RIVALS: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "handles": (
        ("references", ("step.handles-keep",)),
        ("load", ("step.objects-ended", "step.grows")),
        ("client", ("culprit.process",)),
    ),
    "references": (
        ("table_not_read", ("step.reference-keeps", "step.handles-explain-little")),
        ("being_closed", ()),
        ("tool", ()),
    ),
    "allocations": (
        ("by_design", ("step.never-freed", "step.grows")),
        ("shared_tag", ("culprit.driver",)),
        ("client_of_driver", ()),
    ),
    "unload": (("late_free", ()),),
    "cache": (("cache", ("step.cache-kept-under-pressure",)), ("owner_elsewhere", ())),
    "objects": (
        ("references", ("step.handles-keep",)),
        ("handles", ("step.reference-keeps",)),
        ("burst", ("step.grows",)),
    ),
    "threads": (("load", ("step.grows",)), ("waiting", ())),
    "short": (("load", ()), ("outside", ())),
    "healthy": (("slow", ("normal.falls-back",)), ("outside_pools", ("normal.outside-pools",))),
}


_PART_OF = {
    "client": "culprit",
    "shared_tag": "culprit",
    "client_of_driver": "culprit",
    "tool": "culprit",
    "table_not_read": "holder",
    "owner_elsewhere": "holder",
}
"""The part of the verdict a mistake is about, where it is not the kind."""


@dataclass(frozen=True, slots=True)
class Alternative:
    """Something else it could be: what, how likely in words, what speaks against it and what would tell them apart."""

    part: str
    what: str
    confidence: str
    level: int
    tells: str
    commands: tuple[str, ...]
    against: tuple[int, ...]
    """Steps that speak against it."""
    step: int | None
    """The step that concludes it, where a rule did."""


def build(diagnosis: Diagnosis, chain: Chain, wording: Wording) -> tuple[Alternative, ...]:
    """Competing conclusions, best first, then what this kind of verdict is easily mistaken for."""
    rivals = _rivals(diagnosis, chain, wording)
    return (*_competing(diagnosis, chain, wording)[: MAX_ALTERNATIVES - len(rivals)], *rivals)


def _competing(diagnosis: Diagnosis, chain: Chain, wording: Wording) -> list[Alternative]:
    verdict = diagnosis.verdict
    chosen = {key: getattr(verdict, key) for key in _PARTS}
    ids = {part.finding.fact.id for part in chosen.values() if part.finding}
    found: dict[tuple[str, str], Finding] = {}
    for finding in sorted(diagnosis.findings, key=lambda each: -each.confidence):
        if finding.part in _PARTS and finding.label and finding.fact.id not in ids:
            found.setdefault((finding.part, finding.label), finding)
    competing = []
    for (part, label), finding in found.items():
        best = chosen[part]
        if label == best.name:
            continue
        why = "unsure" if best.name is None else "less" if finding.confidence < best.confidence else "other"
        competing.append(
            Alternative(
                wording(f"part.{part}.label"),
                label,
                wording(f"word.confidence.{finding.confidence.word}"),
                int(finding.confidence),
                " ".join(filter(None, (wording(f"alternatives.{why}", best=best.name), _disproved(finding, wording)))),
                finding.next[:2],
                (),
                chain.numbers.get(finding.fact.id),
            )
        )
    return competing


def _disproved(finding: Finding, wording: Wording) -> str:
    return wording("alternatives.disprove", text=finding.disprove.rstrip(".")) if finding.disprove else ""


def _rivals(diagnosis: Diagnosis, chain: Chain, wording: Wording) -> list[Alternative]:
    family = _family(diagnosis)
    # What is hardly sure itself speaks against nothing.
    sure = [finding for finding in diagnosis.findings if finding.confidence >= Confidence.MEDIUM]
    steps = {finding.name: chain.numbers.get(finding.fact.id) for finding in reversed(sure)}
    rivals = []
    for name, excluding in _RIVALS.get(family or "", ()):
        key = f"alternatives.rivals.{family}.{name}"
        against = tuple(sorted({number for each in excluding if (number := steps.get(each)) is not None}))
        rivals.append(
            Alternative(
                wording(f"part.{_PART_OF.get(name, 'kind')}.label"),
                wording(f"{key}.what"),
                wording("alternatives.against" if against else "alternatives.open"),
                0,
                wording(f"{key}.tells"),
                (),
                against,
                None,
            )
        )
    return rivals


def _family(diagnosis: Diagnosis) -> str | None:
    verdict = diagnosis.verdict
    if verdict.kind.finding is not None:
        name = verdict.kind.finding.name.removeprefix("kind.")
        return next((family for start, family in _FAMILIES if name.startswith(start)), "short")
    if verdict.state in ("exhaustion", "suspect"):
        return "short"
    return "healthy" if verdict.state == "healthy" else None
