"""A rule as it stands in memory, after its file was checked."""

from dataclasses import dataclass
from typing import Literal

from ..diagnosis import Confidence, Part, Severity
from ..facts import Value
from ..mistakes import Place
from .conditions import Pattern

Status = Literal["experimental", "test", "stable"]


@dataclass(frozen=True, slots=True)
class Reference:
    """A field of an alias."""

    alias: str
    field: str


@dataclass(frozen=True, slots=True)
class Template:
    """A Jinja template with the place it was read from."""

    place: Place
    source: str


@dataclass(frozen=True, slots=True)
class Then:
    """What follows when a rule fires."""

    finding: str
    part: Part
    severity: Severity
    confidence: Confidence
    label: Template | None
    about: dict[str, Reference | Value]
    tags: tuple[Reference | str, ...]
    say: Template
    disprove: Template | None
    next: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `alternatives` are the patterns of `when`, once for every choice among its `any` lists."""

    id: str
    place: Place
    title: str
    status: Status
    version: int
    alternatives: tuple[tuple[Pattern, ...], ...]
    unless: tuple[Pattern, ...]
    best: Reference | None
    then: Then
    references: tuple[str, ...]
    origin: str | None = None
    """The folder of own rules it is from, as the user named it; None for the shipped rules."""

    @property
    def patterns(self) -> list[Pattern]:
        """All patterns of `when` and `unless`, each once, in the order of the file."""
        listed: dict[int, Pattern] = {}
        for pattern in (*(p for alternative in self.alternatives for p in alternative), *self.unless):
            listed[id(pattern)] = pattern
        return sorted(listed.values(), key=lambda pattern: pattern.place)
