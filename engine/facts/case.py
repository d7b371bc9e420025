"""A case: the facts of one machine at one moment."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Literal

from .fact import Fact, Value
from .history import History

CasefileKind = Literal["dump", "log", "poolmon", "perfmon", "events", "table", "facts"]


@dataclass(frozen=True, slots=True)
class Casefile:
    """The file a case was read from. `kind` of a facts.json is that of the file the facts were first read from."""

    name: str
    sha256: str
    size: int
    kind: CasefileKind


class Case:
    """Facts of one machine at one moment, with the casefile they come from.

    `machine` names the machine where the casefile holds several; `number` counts them from 1. `redaction` is the level
    to which names in the facts were replaced by pseudonyms, None where they are as read. `history` is what was read at
    several moments, None where there is one; the facts are then those of the last.
    """

    def __init__(
        self, casefile: Casefile, facts: Iterable[Fact] = (), machine: str | None = None, number: int = 1
    ) -> None:
        self.casefile = casefile
        self.machine = machine
        self.number = number
        self.redaction: str | None = None
        self.history: History | None = None
        self._facts: dict[str, Fact] = {}
        self._repeats: dict[str, int] = {}
        self.extend(facts)

    def copy(self) -> "Case":
        """A case of its own with the same facts."""
        case = Case(self.casefile, self.facts, self.machine, self.number)
        case.redaction = self.redaction
        case.history = self.history
        return case

    @property
    def facts(self) -> list[Fact]:
        """All facts, in the order they were read."""
        return list(self._facts.values())

    def add(self, fact: Fact) -> Fact:
        """Add a fact and return it, with `#2`, `#3` ... behind its id where another fact has that id."""
        if fact.id in self._facts:
            number = self._repeats.get(fact.id, 1) + 1
            while f"{fact.id}#{number}" in self._facts:
                number += 1
            self._repeats[fact.id] = number
            fact = replace(fact, id=f"{fact.id}#{number}")
        self._facts[fact.id] = fact
        return fact

    def extend(self, facts: Iterable[Fact]) -> None:
        """Add several facts."""
        for fact in facts:
            self.add(fact)

    def of(self, kind: str) -> list[Fact]:
        """All facts of a kind, in the order they were read."""
        return [fact for fact in self._facts.values() if fact.kind == kind]

    def one(self, kind: str) -> Fact | None:
        """The first fact of a kind, or None."""
        return next((fact for fact in self._facts.values() if fact.kind == kind), None)

    def where(self, kind: str, **fields: Value) -> Iterator[Fact]:
        """The facts of a kind whose fields have these values."""
        for fact in self.of(kind):
            if all(fact.get(name) == value for name, value in fields.items()):
                yield fact

    def update(self, fact: Fact, **fields: Value | None) -> Fact:
        """Put a copy of a fact with more fields in its place; None leaves a field as it is."""
        fact = self._facts[fact.id]
        changed = replace(fact, fields={**fact.fields, **{k: v for k, v in fields.items() if v is not None}})
        self._facts[fact.id] = changed
        return changed
