"""What inference hands to the report: findings with their evidence, the outcome of every rule, and the verdict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal

from .facts import Case, Fact, Value


class Confidence(IntEnum):
    """How sure a conclusion is. Combining two takes the lower one."""

    UNKNOWN = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CERTAIN = 4

    @property
    def word(self) -> str:
        """The word of the report."""
        return self.name.lower()


Part = Literal["quality", "resource", "step", "kind", "holder", "culprit", "known", "normal", "next"]
"""What a finding speaks of, in the order of the chain: the quality of the evidence, one of the four parts of the
verdict, a step that links them, a known defect, what was looked at and is normal, or what to capture next."""

Severity = Literal["info", "warning", "critical"]
State = Literal["leak", "exhaustion", "suspect", "healthy", "inconclusive"]
Outcome = Literal["fired", "passed", "near_miss", "not_evaluated"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A fired rule with the facts it rests on.

    `evidence` maps the rule's aliases to facts, in the order of its conditions; facts that are findings link the
    chain. `about` are the fields of the finding as a fact (tag, pid, image ...). `label` is what the verdict shows:
    the name of the resource, of the kind of leak, of the holder or of the culprit.
    """

    rule: str
    version: int
    status: str
    title: str
    name: str
    part: Part
    severity: Severity
    confidence: Confidence
    text: str
    label: str | None
    evidence: Mapping[str, Fact]
    about: Mapping[str, Value]
    tags: tuple[str, ...]
    fact: Fact
    disprove: str | None = None
    next: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    """Why the confidence is lower than the rule's own: one sentence per weaker link."""
    stratum: int = 0
    origin: str | None = None
    """The folder of own rules its rule is from; None for the shipped rules."""


Asked = Literal["==", "!=", "<", "<=", ">", ">=", "one of", "like", "known", "unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule on a field of a fact, with the value it met there.

    `value` is None where the field is unknown. `needed` is what it is compared with: a value, several for "one of", the
    expression for "like", nothing for "known" and "unknown". `origin` says where that is from: the name and the source
    of a threshold, or the field of another fact (0.5 * t.outstanding).
    """

    fact: Fact
    field: str
    unit: str
    value: Value | None
    asked: Asked
    needed: tuple[Value, ...]
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class RuleOutcome:
    """What became of one rule.

    `why` is one sentence: what it found, which condition failed and by how much, or which fact was missing.
    `capture` are the debugger commands that would supply what was missing. `near` is the one condition a near miss
    fails.
    """

    rule: str
    version: int
    status: str
    title: str
    outcome: Outcome
    why: str
    capture: tuple[str, ...] = ()
    origin: str | None = None
    """The folder of own rules it is from; None for the shipped rules."""
    near: Condition | None = None


@dataclass(frozen=True, slots=True)
class VerdictPart:
    """One of the four parts. `name` is None when it is unknown; then `confidence` is UNKNOWN too."""

    name: str | None = None
    confidence: Confidence = Confidence.UNKNOWN
    finding: Finding | None = None
    tags: tuple[str, ...] = ()
    pid: int | None = None
    address: str | None = None
    others: tuple[str, ...] = ()
    """Other candidates, next best first."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The four verdicts and the state they add up to. `exhausted` is None where no limit could be judged."""

    state: State
    resource: VerdictPart
    kind: VerdictPart
    holder: VerdictPart
    culprit: VerdictPart
    exhausted: bool | None = None


@dataclass(frozen=True, slots=True)
class RulebookInfo:
    """Which rules were used: their number, the SHA-256 over all rule and knowledge files and settings, and what is not
    as shipped, one sentence each."""

    rules: int
    sha256: str
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All a report is made of."""

    case: Case
    verdict: Verdict
    findings: tuple[Finding, ...]
    outcomes: tuple[RuleOutcome, ...]
    rulebook: RulebookInfo
    problems: tuple[str, ...] = field(default=())
    """What the inference itself could not do, one sentence each (a rule whose sentence could not be rendered)."""
    conditions: Mapping[str, tuple[Condition, ...]] = field(default_factory=dict)
    """The conditions that made a finding, by the id of its fact; those on other findings are its evidence."""
