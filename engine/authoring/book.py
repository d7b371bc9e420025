"""The rule book as a reader sees it: rules with their packs, tests and ledger entries, and all thresholds."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from .. import rulefolder
from ..applied import load_rules
from ..diagnosis import RulebookInfo
from ..errors import UsageError
from ..inference import strata, thresholds
from ..inference.adjustments import Disabled, refuse_disabled
from ..inference.conditions import Pattern
from ..inference.rule import Rule
from ..inference.thresholds import Threshold
from ..knowledge import Knowledge
from ..mistakes import Mistakes, nearest
from ..rulefolder import SHIPPED
from ..settings import Settings
from ..yamlfile import Mapping, Scalar
from .gate import FalsePositive, read_ledger
from .testfile import RuleTests, read_tests


@dataclass(frozen=True)
class Book:
    """All rules in force, in the order of their files; the rest by the id of a rule or the name of a threshold."""

    rules: tuple[Rule, ...]
    thresholds: dict[str, Threshold]
    tests: dict[str, RuleTests]
    ledger: tuple[FalsePositive, ...]
    info: RulebookInfo
    knowledge: Knowledge
    packs: dict[str, str]
    """The name of each pack by its file."""
    disabled: tuple[Disabled, ...] = ()
    """The rules left out by the settings."""

    def pack(self, rule: Rule) -> str:
        """The name of the pack a rule stands in."""
        return self.packs.get(rule.place.file, "")

    def rule(self, name: str) -> Rule:
        """The rule of an id. Raises UsageError where there is none, or where it is disabled."""
        found = next((rule for rule in self.rules if rule.id == name), None)
        if found is None:
            refuse_disabled(name, self.disabled)
            names = dict.fromkeys([*(rule.id for rule in self.rules), *(rule.then.finding for rule in self.rules)])
            raise UsageError(f'there is no rule and no finding "{name}"; {nearest(name, names)}')
        return found

    def makers(self, finding: str) -> list[Rule]:
        """The rules that draw a finding of that name."""
        return [rule for rule in self.rules if rule.then.finding == finding]

    def of_pack(self, name: str) -> list[Rule]:
        """The rules of the packs whose name holds a text. Raises UsageError where no pack's does."""
        packs = dict.fromkeys(self.pack(rule) for rule in self.rules)
        if not any(name.casefold() in pack.casefold() for pack in packs):
            raise UsageError(f'there is no pack with "{name}" in its name; {nearest(name, packs)}')
        return [rule for rule in self.rules if name.casefold() in self.pack(rule).casefold()]

    def built_upon(self, rule: Rule) -> list[Rule]:
        """The rules whose findings a rule asks for."""
        return self._of(self._needs[rule.id])

    def builders(self, rule: Rule) -> list[Rule]:
        """The rules that ask for the finding of a rule."""
        return self._users(rule, self._needs)

    def silenced_by(self, rule: Rule) -> list[Rule]:
        """The rules whose findings are an exception to a rule."""
        return self._of(self._blockers[rule.id])

    def silences(self, rule: Rule) -> list[Rule]:
        """The rules to which the finding of a rule is an exception."""
        return self._users(rule, self._blockers)

    def _of(self, numbers: set[int]) -> list[Rule]:
        return [self.rules[number] for number in sorted(numbers)]

    def _users(self, rule: Rule, asked: dict[str, set[int]]) -> list[Rule]:
        number = self.rules.index(rule)
        return [one for one in self.rules if number in asked[one.id]]

    @cached_property
    def _needs(self) -> dict[str, set[int]]:
        """By the id of a rule, the numbers of those that may draw what it asks for."""
        return {rule.id: self._drawing(chain.from_iterable(rule.alternatives)) for rule in self.rules}

    @cached_property
    def _blockers(self) -> dict[str, set[int]]:
        """By the id of a rule, the numbers of those that may draw its exceptions."""
        return {rule.id: self._drawing(rule.unless) for rule in self.rules}

    @cached_property
    def _producers(self) -> strata.Producers:
        return strata.Producers(self.rules)

    def _drawing(self, patterns: Iterable[Pattern]) -> set[int]:
        return {number for one in patterns if one.kind == "finding" for number in self._producers.of(one)}


def read_book(settings: Settings) -> Book:
    """The shipped rules with what the settings change. Raises RulebookError with one line per mistake."""
    built, knowledge = load_rules(settings)
    mistakes = Mistakes()
    parsed = rulefolder.parse(rulefolder.read([SHIPPED, *settings.rules]), mistakes, tests=True)
    known: dict[str, Threshold] = {}
    tests: dict[str, RuleTests] = {}
    packs: dict[str, str] = {}
    ledger: list[FalsePositive] = []
    for one in parsed:
        if one.role == "thresholds":
            thresholds.read(one.root, mistakes, known, one.file.origin)
        elif one.role == "pack":
            tests |= {test.rule: test for test in read_tests(one.root, mistakes)}
            name = one.root.get("pack") if isinstance(one.root, Mapping) else None
            packs[one.file.name] = name.text if isinstance(name, Scalar) else ""
        elif one.role == "ledger":
            ledger += read_ledger(one.root, mistakes, [rule.id for rule in built.rules])
    for wanted in settings.adjustments.thresholds:
        thresholds.adjust(known, wanted, mistakes)
    mistakes.raise_if_any()
    return Book(built.rules, known, tests, tuple(ledger), built.info, knowledge, packs, built.disabled)
