"""Known issues: the publicly documented defects of what is loaded here."""

from dataclasses import dataclass

from ..diagnosis import Diagnosis
from ..facts import Fact
from . import figures
from .chain import Chain
from .wording import Wording

_RANK = ("certain", "possible", "fixed")
MAX_ISSUES = 20


@dataclass(frozen=True, slots=True)
class Issue:
    """One documented defect: what it is, how it stands here, where it is documented, and the steps that speak of it."""

    what: str
    module: str
    match: str
    versions: str
    reference: str
    steps: tuple[int, ...]


def issues(diagnosis: Diagnosis, chain: Chain, wording: Wording) -> tuple[Issue, ...]:
    """The defects of this casefile, those this version surely has first."""
    facts = sorted(diagnosis.case.of("defect"), key=lambda fact: _rank(fact.text("match")))
    return tuple(_issue(fact, chain, wording) for fact in facts[:MAX_ISSUES])


def _rank(match: str | None) -> int:
    return _RANK.index(match) if match in _RANK else len(_RANK)


def _issue(fact: Fact, chain: Chain, wording: Wording) -> Issue:
    match, module = fact.text("match"), fact.text("module")
    first, fixed, reported = fact.text("first"), fact.text("fixed_in"), fact.text("reported")
    versions = [
        wording("known.first", version=first) if first else "",
        wording("known.fixed", version=fixed) if fixed else "",
        wording("known.reported", versions=reported) if reported else "",
    ]
    return Issue(
        figures.clip(fact.text("what") or fact.text("defect") or fact.id, figures.MAX_CELL),
        wording("known.of", module=module, version=fact.text("version")) if module else figures.MISSING,
        wording(f"known.match.{match}") if match in _RANK else figures.MISSING,
        ", ".join(each for each in versions if each),
        fact.text("reference") or "",
        chain.uses.get(fact.id, ()),
    )
