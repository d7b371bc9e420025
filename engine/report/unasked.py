"""What whoever must fix it would ask back: what this casefile does not hold, each with how to find it out."""

from dataclasses import dataclass

from ..diagnosis import Diagnosis
from ..facts import Case, Fact
from . import figures
from .headline import is_named, top_tag
from .wording import Wording

_SECONDS_AN_HOUR = 3600
_STATES = ("leak", "exhaustion", "suspect")


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is open, and the command that answers it, where there is one."""

    text: str
    command: str | None = None


def questions(diagnosis: Diagnosis, wording: Wording) -> tuple[Question, ...]:
    """The open questions, those of the machine first; none where there is nobody to ask them."""
    if diagnosis.verdict.state not in _STATES:
        return ()
    case = diagnosis.case
    system = case.one("system")
    asked = []
    if system is None or system.int("build") is None:
        asked.append(Question(wording("unasked.build"), "vertarget"))
    if system is None or system.number("uptime_s") is None:
        asked.append(Question(wording("unasked.uptime"), "vertarget"))
    memory = case.one("memory")
    if (system is None or system.int("ram_bytes") is None) and (memory is None or not memory.int("physical_bytes")):
        asked.append(Question(wording("unasked.ram"), "!vm 1"))
    asked += _version(diagnosis, wording)
    if diagnosis.verdict.kind.finding is not None and diagnosis.verdict.kind.finding.name == "kind.unload-leak":
        asked.append(Question(wording("unasked.growth_unload")))
    elif not case.of("growth"):
        asked.append(Question(_growth(diagnosis, system, wording)))
    asked.append(Question(wording("unasked.since")))
    return tuple(asked)


def _version(diagnosis: Diagnosis, wording: Wording) -> list[Question]:
    """The version of who must fix it, or else of who holds it."""
    verdict = diagnosis.verdict
    if not is_named(verdict.holder) and verdict.kind.finding and verdict.kind.finding.name == "kind.unload-leak":
        return [Question(wording("unasked.driver"), "lm")]
    part = verdict.culprit if verdict.culprit.name else verdict.holder
    about = part.finding.about if part.finding else {}
    module, image = about.get("module"), about.get("image")
    if isinstance(module, str):
        name = module.rpartition("\\")[2].removesuffix(".sys")
        if any(fact.text("version") for fact in _modules(diagnosis.case, name)):
            return []
        return [Question(wording("unasked.version", name=module), f"lmvm {name}")]
    if isinstance(image, str) and image.lower() == "svchost.exe" and part.pid is not None:
        return [
            Question(wording("unasked.service", name=image, pid=part.pid), f'tasklist /svc /fi "pid eq {part.pid}"')
        ]
    if isinstance(image, str) and part.pid is not None:
        command = f"powershell Get-Process -Id {part.pid} | fl Path,FileVersion"
        return [Question(wording("unasked.version", name=image), command)]
    return []


def _modules(case: Case, name: str) -> list[Fact]:
    wanted = name.lower()
    return [
        fact
        for fact in case.of("module")
        if wanted in ((fact.text("name") or "").lower(), (fact.text("file") or "").lower().removesuffix(".sys"))
    ]


def _growth(diagnosis: Diagnosis, system: Fact | None, wording: Wording) -> str:
    """How fast it grows, with the average since the start where both counts are known."""
    tag = top_tag(diagnosis)
    outstanding = tag.int("outstanding") if tag else None
    uptime = system.number("uptime_s") if system else None
    if tag is None or not outstanding or not uptime:
        return wording("unasked.growth")
    return wording(
        "unasked.growth_average",
        tag=tag.text("tag"),
        per_hour=figures.count(outstanding * _SECONDS_AN_HOUR / uptime),
        uptime=figures.duration(uptime),
    )
