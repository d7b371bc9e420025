"""Layers of rules: a rule that builds on findings runs after all rules that may produce them."""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from ..facts import Fact
from ..mistakes import Mistakes
from .conditions import Compare, OneOf, Pattern
from .judged import Judged
from .rows import Row
from .rule import Rule

STATIC = ("name", "part", "severity")
"""Fields of a finding that its rule fixes."""


def stratify(rules: list[Rule], names: set[str], mistakes: Mistakes) -> tuple[tuple[int, ...], ...]:
    """The numbers of the rules, layer by layer, each layer in the order of the rules.

    `names` are the findings of all rules, of those included that could not be read. Notes findings no rule produces
    and cycles; the result is then of no use.
    """
    whole = not len(mistakes)
    producers = Producers(rules)
    needs = {number: _producers(rule, producers, names, mistakes, whole) for number, rule in enumerate(rules)}
    circles = _circles(needs)
    for circle in circles:
        # Start at the rule that stands first, so that the message does not depend on how the circle was walked.
        ring = [rules[number] for number in circle]
        start = ring.index(min(ring, key=lambda rule: rule.place))
        ring = ring[start:] + ring[:start]
        path = " builds on ".join(rule.id for rule in [*ring, ring[0]])
        mistakes.add(ring[0].place, f"rules build on each other in a circle: {path}", "circle")
    if circles:
        return ()
    order = TopologicalSorter(needs).static_order()
    layer: dict[int, int] = {}
    for number in order:
        layer[number] = 1 + max((layer[one] for one in needs[number]), default=-1)
    layers = range(max(layer.values(), default=-1) + 1)
    return tuple(tuple(number for number in range(len(rules)) if layer[number] == one) for one in layers)


def _circles(needs: dict[int, set[int]]) -> list[list[int]]:
    """Circles without a common rule, each rule followed by one it builds on; all of them where none cross."""
    found: list[list[int]] = []
    left = dict(needs)
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            found.append(error.args[1][:0:-1])
            left = {number: of - {*found[-1]} for number, of in left.items() if number not in found[-1]}
        else:
            return found


class Producers:
    """Which rules may draw the findings that patterns ask for."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._heads = Judged({"finding": [_head(number, rule) for number, rule in enumerate(rules)]})

    def of(self, pattern: Pattern) -> set[int]:
        """The numbers of the rules whose findings may satisfy a `finding` pattern."""
        terms = tuple(term for term in pattern.own_terms if term.field.name in STATIC)
        return {row.number for row in self._heads.holding(Pattern("finding", "", pattern.place, terms))}


def _head(number: int, rule: Rule) -> Row:
    """What a rule says of its finding before it fires."""
    values = {"name": rule.then.finding, "part": rule.then.part, "severity": rule.then.severity}
    return Row(number, Fact("finding", "finding", values, ""), dict(values))


def _producers(rule: Rule, all_producers: Producers, names: set[str], mistakes: Mistakes, whole: bool) -> set[int]:
    needed: set[int] = set()
    for pattern in rule.patterns:
        if pattern.kind != "finding":
            continue
        producers = all_producers.of(pattern)
        missing = [name for name in _constants(pattern) if name not in names]
        for name in missing:
            mistakes.unknown(pattern.place, "finding", name, names)
        if whole and not producers and not missing:
            mistakes.add(pattern.place, "no rule produces a finding like this", "unknown-finding")
        needed |= producers
    return needed


def findings_asked_for(rule: Rule) -> set[str]:
    """The names of findings the patterns of a rule ask for."""
    return {name for pattern in rule.patterns if pattern.kind == "finding" for name in _constants(pattern)}


def _constants(pattern: Pattern) -> list[str]:
    """The finding names a pattern asks for."""
    found: list[str] = []
    for term in pattern.terms:
        if term.field.name == "name" and isinstance(term, Compare) and term.op == "==":
            found.append(str(term.value))
        elif term.field.name == "name" and isinstance(term, OneOf):
            found += map(str, term.values)
    return found
