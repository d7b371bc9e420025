"""Layers of rules: a rule that builds on findings runs after all rules that may produce them."""

from graphlib import CycleError, TopologicalSorter

from ..facts import Fact
from ..mistakes import Mistakes
from .conditions import Compare, OneOf, Pattern
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
    needs = {number: _producers(rule, rules, names, mistakes, whole) for number, rule in enumerate(rules)}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        ring = [rules[number] for number in error.args[1]][:0:-1]  # each rule builds on the next
        # Start at the rule that stands first, so that the message does not depend on how the circle was walked.
        start = ring.index(min(ring, key=lambda rule: rule.place))
        ring = ring[start:] + ring[:start]
        path = " builds on ".join(rule.id for rule in [*ring, ring[0]])
        mistakes.add(ring[0].place, f"rules build on each other in a circle: {path}")
        return ()
    layer: dict[int, int] = {}
    for number in order:
        layer[number] = 1 + max((layer[one] for one in needs[number]), default=-1)
    layers = range(max(layer.values(), default=-1) + 1)
    return tuple(tuple(number for number in range(len(rules)) if layer[number] == one) for one in layers)


def producers_of(pattern: Pattern, rules: list[Rule]) -> set[int]:
    """The numbers of the rules whose findings may satisfy a `finding` pattern."""
    terms = [term for term in pattern.own_terms if term.field.name in STATIC]
    found: set[int] = set()
    for number, rule in enumerate(rules):
        then = rule.then
        values = {"name": then.finding, "part": then.part, "severity": then.severity}
        row = Row(0, Fact("finding", "finding", values, ""), dict(values))
        if all(term.holds(row, {}) for term in terms):
            found.add(number)
    return found


def _producers(rule: Rule, rules: list[Rule], names: set[str], mistakes: Mistakes, whole: bool) -> set[int]:
    needed: set[int] = set()
    for pattern in rule.patterns:
        if pattern.kind != "finding":
            continue
        producers = producers_of(pattern, rules)
        missing = [name for name in _constants(pattern) if name not in names]
        for name in missing:
            mistakes.unknown(pattern.place, "finding", name, names)
        if whole and not producers and not missing:
            mistakes.add(pattern.place, "no rule produces a finding like this")
        needed |= producers
    return needed


def _constants(pattern: Pattern) -> list[str]:
    """The finding names a pattern asks for."""
    found: list[str] = []
    for term in pattern.terms:
        if term.field.name == "name" and isinstance(term, Compare) and term.op == "==":
            found.append(str(term.value))
        elif term.field.name == "name" and isinstance(term, OneOf):
            found += map(str, term.values)
    return found
