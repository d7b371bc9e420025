"""A rule in words: its conditions as one reads them aloud, and its sentences with the values left open."""

import re

from ..diagnosis import Confidence
from ..inference.conditions import Compare, Join, Known, Matches, OneOf, Pattern, Term, figure, needs
from ..inference.rule import Rule
from ..inference.thresholds import Threshold

_PRINTED = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
_MARKUP = re.compile(r"\{[%#].*?[%#]\}", re.DOTALL)
_FILTERED = re.compile(r"\s*\|\s*\w+(?:\([^)]*\))?")
_OPS = {"==": "is", "!=": "is not", "<": "is less than", "<=": "is at most", ">": "is more than", ">=": "is at least"}


def conditions(rule: Rule) -> list[list[str]]:
    """What must hold: one entry per pattern of `when`, holding the ways it can be satisfied."""
    columns = list(zip(*rule.alternatives, strict=True))
    return [[pattern(one) for one in {id(p): p for p in column}.values()] for column in columns]


def exceptions(rule: Rule) -> list[str]:
    """What must not be there."""
    return [pattern(one) for one in rule.unless]


def pattern(one: Pattern) -> str:
    """`tag t, of which share_of_pool is at least 30 % (@tag.share.suspect) and ...`"""
    name = f"{one.kind} {one.alias}".rstrip()
    return f"{name}, of which {' and '.join(term(t) for t in one.terms)}" if one.terms else name


def term(one: Term) -> str:
    """One condition."""
    field = one.field.name
    match one:
        case Compare():
            named = f" (@{one.threshold.name})" if one.threshold else ""
            verb = "is" if one.op != "!=" else "is not"
            unit, value = one.field.unit, one.value
            if field == "confidence" and isinstance(value, int):
                value = Confidence(value).word
            wanted = figure(value, unit) if one.op in ("==", "!=") else needs(one.op, value, unit)
            return f"{field} {verb} {wanted}{named}"
        case OneOf():
            listed = [figure(value, one.field.unit) for value in one.values]
            return f"{field} is {' or '.join(listed)}"
        case Matches():
            return f"{field} matches {one.pattern.pattern}"
        case Known():
            return f"{field} is {'known' if one.known else 'unknown'}"
        case Join():
            times = f"{one.factor:g} times " if one.factor is not None else ""
            return f"{field} {_OPS[one.op]} {times}{one.other if one.own else f'{one.alias}.{one.other}'}"


def thresholds(rule: Rule) -> list[Threshold]:
    """The thresholds a rule refers to, each once, with the values in force."""
    found = [t.threshold for p in rule.patterns for t in p.terms if isinstance(t, Compare) and t.threshold]
    return list({one.name: one for one in found}.values())


def sentence(source: str) -> str:
    """A template with its values shown as <alias.field> and what is said only sometimes left in."""
    text = _PRINTED.sub(lambda match: f"<{_FILTERED.sub('', match[1])}>", source)
    return " ".join(_MARKUP.sub("", text).split())
