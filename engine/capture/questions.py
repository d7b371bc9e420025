"""Which commands a diagnosis still wants: those its findings ask for, and those open rules lack.

A rule is open where it could not be evaluated for want of a fact. Where the culprit is named, or nothing is wrong,
no open rule is asked for.
"""

import re
from dataclasses import dataclass, field

from ..diagnosis import Confidence, Diagnosis, Finding
from ..facts import Case, Fact, Value
from .commands import TYPE_VARIABLES, Cost, Place, cost, fitting, place
from .safe import is_safe, verb

OPEN = re.compile(r"<[^<>]*>")
"""A part of a command that has to be filled in."""
_OPTIONAL = ("quality.", "normal.", "next.", "known.")
"""Packs whose rules nobody captures for: they judge what is there."""
_VARIABLE = "variable of "
MAX_SUBJECTS = 3
"""Tags, types or objects a command is filled in with."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A command, the titles of the findings it follows from and of the open rules it would decide.

    `answered` tells that the evidence holds its output already: it is worth repeating only to look again.
    """

    command: str
    follows: tuple[str, ...] = ()
    decides: tuple[str, ...] = ()
    answered: bool = False
    advised: bool = False
    """A finding about what to capture next asks for it."""

    @property
    def place(self) -> Place:
        """Where it is typed."""
        return place(self.command)

    @property
    def cost(self) -> Cost:
        """How long it takes, roughly."""
        return cost(self.command)

    @property
    def runs(self) -> bool:
        """It can be run as it is: nothing is left to fill in, and it only reads."""
        return self.place == "debugger" and is_safe(self.command)


def wanted(diagnosis: Diagnosis) -> list[Wanted]:
    """What findings ask for, those of the verdict first, then what open rules lack, most wanted first."""
    verdict = diagnosis.verdict
    parts = (verdict.culprit, verdict.holder, verdict.kind, verdict.resource)
    decisive = [part.finding for part in parts if part.finding]
    following = [finding for finding in diagnosis.findings if finding.part == "next"]
    others = [finding for finding in diagnosis.findings if finding not in decisive and finding.part != "next"]
    collected = _Collected(diagnosis)
    for finding in [*following, *decisive, *others]:
        for command in finding.next:
            collected.follow(command, finding)
    if not named(diagnosis):
        for outcome in diagnosis.outcomes:
            if outcome.outcome == "not_evaluated" and not outcome.rule.startswith(_OPTIONAL):
                for command in outcome.capture:
                    collected.decide(command, outcome.title)
    return collected.all()


def needed(diagnosis: Diagnosis) -> list[Wanted]:
    """Of what is wanted, only what can still change the verdict, most decisive first and the cheaper of two first.

    Where the culprit is certain or highly likely, or nothing is wrong, that is what findings advise to capture next.
    A command that takes long is asked only of a tag or type that is suspected, and what an open rule lacks only where
    it is known of what to ask it.
    """
    settled = diagnosis.verdict.state == "healthy" or diagnosis.verdict.culprit.confidence >= Confidence.HIGH
    subjects = _Subjects(diagnosis)
    alike: dict[str, list[Wanted]] = {}
    for one in wanted(diagnosis):
        relevant = one.follows or (one.place != "debugger" or one.runs)
        if one.answered or not relevant or (settled and not one.advised):
            continue
        if one.cost != "long" or subjects.suspects(one.command):
            alike.setdefault(_same(one.command), []).append(one)
    slow = {"seconds": 0, "minutes": 1, "long": 2}
    merged = [_merged(each) for each in alike.values()]
    return sorted(merged, key=lambda one: (-len(one.decides) - len(one.follows), slow[one.cost]))


def _merged(alike: list[Wanted]) -> Wanted:
    """Commands of which one shows what the others do: the most general of them, for all their reasons."""
    return Wanted(
        min((one.command for one in alike), key=len),
        tuple(dict.fromkeys(title for one in alike for title in one.follows)),
        tuple(dict.fromkeys(title for one in alike for title in one.decides)),
        advised=any(one.advised for one in alike),
    )


def named(diagnosis: Diagnosis) -> bool:
    """Whether the verdict needs no open rule any more."""
    return diagnosis.verdict.culprit.confidence >= Confidence.MEDIUM or diagnosis.verdict.state == "healthy"


@dataclass(slots=True)
class _Titles:
    follows: dict[str, None] = field(default_factory=dict)
    decides: dict[str, None] = field(default_factory=dict)
    advised: bool = False


class _Collected:
    """Commands with what they are for, each once, filled in from the case and fit for its build."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        system = diagnosis.case.one("system")
        self._build = system.int("build") if system else None
        self._subjects = _Subjects(diagnosis)
        self._seen = _Seen(diagnosis.case)
        self._titles: dict[str, _Titles] = {}

    def follow(self, command: str, finding: Finding) -> None:
        for each in self._fit(command, finding.about.get("pid")):
            each.follows[finding.title] = None
            each.advised |= finding.part == "next"

    def decide(self, command: str, title: str) -> None:
        for each in self._fit(command):
            each.decides[title] = None

    def _fit(self, command: str, pid: Value | None = None) -> list[_Titles]:
        fit = fitting(command.strip(), self._build)
        if fit is None:
            return []
        return [self._titles.setdefault(filled, _Titles()) for filled in self._subjects.filled(fit, pid)]

    def all(self) -> list[Wanted]:
        titles = self._titles
        follows = [command for command, each in titles.items() if each.follows]
        decides = sorted(
            (command for command, each in titles.items() if not each.follows),
            key=lambda command: -len(titles[command].decides),
        )
        return [
            Wanted(
                command,
                tuple(titles[command].follows),
                tuple(titles[command].decides),
                self._seen.shows(command),
                titles[command].advised,
            )
            for command in [*follows, *decides]
        ]


class _Subjects:
    """The tags, object types, objects and processes a case turns on, to fill commands in with."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        case, verdict = diagnosis.case, diagnosis.verdict
        largest = sorted(case.of("tag"), key=lambda tag: -(tag.number("bytes") or 0))
        tags = [tag.strip() for tag in verdict.kind.tags] or [
            name.strip() for tag in largest[:1] if (name := tag.text("tag")) is not None
        ]
        self._tags = list(dict.fromkeys(tags))[:MAX_SUBJECTS]
        about = [finding.about.get("object_type") for finding in diagnosis.findings if finding.part in ("kind", "step")]
        of_tags = [tag.text("object_type") for tag in largest if (tag.text("tag") or "").strip() in self._tags]
        types = dict.fromkeys(each for each in (*of_tags, *about) if isinstance(each, str) and " " not in each)
        self._types = list(types)[:MAX_SUBJECTS]
        samples = [address for fact in case.of("sample") if (address := fact.text("address")) is not None]
        self._objects = samples[:MAX_SUBJECTS]
        self._holder = verdict.holder.pid, verdict.holder.address

    def filled(self, command: str, pid: Value | None = None) -> list[str]:
        """The command for each subject its open part asks for; as it is where none is known or it asks for two.

        `pid` is the process the finding that asks for it speaks of.
        """
        gaps = OPEN.findall(command)
        if len(gaps) != 1:
            return [command]
        gap = gaps[0][1:-1]
        values = self._process(pid) if gap == "process" else self._values(command, gap)
        return [command.replace(gaps[0], value) for value in values] or [command]

    def suspects(self, command: str) -> bool:
        """Whether a command asks for a tag or type the case turns on, or for no particular one."""
        words = [word for word in command.split()[1:] if not word[0].isdigit()]
        return all(word in (*self._tags, *self._types) for word in words) and bool(words)

    def _process(self, pid: Value | None) -> list[str]:
        """The process a finding speaks of, else the holder: its EPROCESS, else its id as the debugger takes it."""
        holder, address = self._holder
        if pid is None or pid == holder:
            if address is not None:
                return [address]
            pid = holder
        return [] if pid is None else [f"0n{pid}"]

    def _values(self, command: str, gap: str) -> list[str]:
        match gap:
            case "tag":
                return self._tags
            case "type":
                return self._types
            case variable if variable.startswith(_VARIABLE):
                named = variable.removeprefix(_VARIABLE)
                types = self._types if named == "type" else [named]
                return [TYPE_VARIABLES[each] for each in types if each in TYPE_VARIABLES]
            case "object" | "address of a sampled object" if verb(command) == "!obtrace":
                return self._objects  # `!object` is wanted of others than those that were looked at
            case _:
                return []


_WHOLE = (
    (re.compile(r"!poolused [23](?: .*)?"), "!poolused 2"),
    (re.compile(r"!poolused [45](?: .*)?"), "!poolused 4"),
    (re.compile(r"!vm(?: 1)?"), "!vm 1"),
    (re.compile(r"!handle 0 [0-3] (.+)"), r"!handle 0 3 \1"),
    (re.compile(r"(!poolfind \S+)(?: .*)?"), r"\1"),
    (re.compile(r"!process ([0-9a-f]{8,}) \d"), r"!process \1 0"),
)
"""Commands that show what another one shows, perhaps with more or less beside it."""


_SYSTEM_PIDS = (4, 8)
"""The System process, of Windows 2000 the latter: first of a list of all processes, and hardly shown alone."""


class _Seen:
    """Which outputs the facts of a case were read from: their `verify` is the command that shows them."""

    def __init__(self, case: Case) -> None:
        self._cut = {note.text("subject") for note in case.of("data_quality") if note.text("problem") == "cut-list"}
        self._shown = {_same(fact.verify) for fact in case.facts if fact.verify and self._whole(fact)}
        self._versions = {module.text("name") for module in case.of("module") if module.text("version")}
        if "processes" not in self._cut and any(process.int("pid") in _SYSTEM_PIDS for process in case.of("process")):
            self._shown.add("!process 0 0")
        if case.of("module") and len(self._versions) == len(case.of("module")):
            self._shown.add("lm kv")

    def shows(self, command: str) -> bool:
        """Whether the case holds what a command would show."""
        if command.startswith("lmvm "):  # facts of tags and stacks name it too, without its version
            return command.removeprefix("lmvm ") in self._versions
        return _same(command) in self._shown

    def _whole(self, fact: Fact) -> bool:
        """Not of a list that was cut: repeating the command shows the rest."""
        return not (fact.kind == "tag" and "tags" in self._cut) and fact.quality in ("exact", "rounded")


def _same(command: str) -> str:
    for pattern, whole in _WHOLE:
        match = pattern.fullmatch(command.strip())
        if match:
            return match.expand(whole)
    return command.strip()
