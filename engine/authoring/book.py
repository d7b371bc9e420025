"""The rule book as a reader sees it: rules with their packs, tests and ledger entries, and all thresholds."""

from dataclasses import dataclass
from functools import cached_property

from .. import rulefolder
from ..applied import load_rules
from ..diagnosis import RulebookInfo
from ..errors import UsageError
from ..inference import strata, thresholds
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

    def pack(self, rule: Rule) -> str:
        """The name of the pack a rule stands in."""
        return self.packs.get(rule.place.file, "")

    def rule(self, name: str) -> Rule:
        """The rule of an id. Raises UsageError where there is none."""
        found = next((rule for rule in self.rules if rule.id == name), None)
        if found is None:
            raise UsageError(f'there is no rule "{name}"; {nearest(name, [rule.id for rule in self.rules])}')
        return found

    def built_upon(self, rule: Rule) -> list[Rule]:
        """The rules whose findings a rule asks for."""
        return [self.rules[number] for number in sorted(self._needs[rule.id])]

    def builders(self, rule: Rule) -> list[Rule]:
        """The rules that ask for the finding of a rule."""
        number = self.rules.index(rule)
        return [one for one in self.rules if number in self._needs[one.id]]

    @cached_property
    def _needs(self) -> dict[str, set[int]]:
        """By the id of a rule, the numbers of those that may draw what it asks for."""
        producers = strata.Producers(self.rules)
        asked = {rule.id: [one for one in rule.patterns if one.kind == "finding"] for rule in self.rules}
        return {name: set().union(*map(producers.of, patterns)) for name, patterns in asked.items()}


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
    return Book(built.rules, known, tests, tuple(ledger), built.info, knowledge, packs)
