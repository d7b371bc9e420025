"""The conditions that made findings, as plain data for the report: what each met on its fact, and what it asked for."""

from collections.abc import Mapping, Sequence

from ..diagnosis import Asked, Condition, Finding
from ..facts import Value
from .conditions import Compare, Known, Matches, OneOf, Pattern, Term, origin
from .rows import Row, rows
from .rule import Rule
from .rulebook import Rulebook


def met(findings: Sequence[Finding], rulebook: Rulebook) -> dict[str, tuple[Condition, ...]]:
    """The conditions of each finding by the id of its fact.

    Conditions on other findings are left out, as those are evidence with reasons of their own.
    """
    by_id = {rule.id: rule for rule in rulebook.rules}
    return {finding.fact.id: _conditions(finding, by_id[finding.rule]) for finding in findings}


def _conditions(finding: Finding, rule: Rule) -> tuple[Condition, ...]:
    made = rows(finding.evidence.values())
    bound = dict(zip(finding.evidence, made, strict=True))
    patterns = _alternative(rule, bound)
    terms = [(bound[one.alias], term) for one in patterns if one.kind != "finding" for term in one.terms]
    return tuple(_condition(row, term, bound) for row, term in terms)


def _alternative(rule: Rule, bound: Mapping[str, Row]) -> tuple[Pattern, ...]:
    """The choice among the rule's `any` lists that these facts satisfy."""
    kinds = [(alias, row.fact.kind) for alias, row in bound.items()]
    for patterns in rule.alternatives:
        same = [(pattern.alias, pattern.kind) for pattern in patterns] == kinds
        if same and all(pattern.holds(bound[pattern.alias], bound) for pattern in patterns):
            return patterns
    return ()


def _condition(row: Row, term: Term, bound: Mapping[str, Row]) -> Condition:
    field = term.field
    asked, needed = _asked(row, term, bound)
    return Condition(row.fact, field.name, field.unit, row.values.get(field.name), asked, needed, origin(term))


def _asked(row: Row, term: Term, bound: Mapping[str, Row]) -> tuple[Asked, tuple[Value, ...]]:
    if isinstance(term, Known):
        return ("known" if term.known else "unknown"), ()
    if isinstance(term, OneOf):
        return "one of", term.values
    if isinstance(term, Matches):
        return "like", (term.pattern.pattern,)
    needed = term.value if isinstance(term, Compare) else term.operand(row, bound)
    return term.op, (() if needed is None else (needed,))
