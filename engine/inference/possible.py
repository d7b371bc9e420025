"""Whether conditions can hold together at all, on one field and across fields that an equality ties."""

import math
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TypeGuard

from ..facts import Value
from .conditions import COMPARE, Compare, Join, Known, Matches, OneOf, Pattern, Term
from .thresholds import Threshold

Slot = tuple[str, str]
"""A field of an alias."""


def impossible(terms: Sequence[Term]) -> Term | None:
    """The first condition of a pattern that cannot hold together with those before it on the same field."""
    before: dict[str, list[Term]] = {}
    for term in terms:
        same = before.setdefault(term.field.name, [])
        same.append(term)
        if not _satisfiable(same) or (_apart(term) and term.own and term.other == term.field.name):
            return term
    return None


def impossible_together(patterns: Sequence[Pattern]) -> Term | None:
    """The first condition of these patterns that cannot hold, given those before it and the equalities between them.

    An equality makes two fields one value: what is asked of either is asked of both.
    """
    same: dict[Slot, Slot] = {}
    for pattern in patterns:
        for term in pattern.terms:
            if isinstance(term, Join) and term.op == "==" and term.factor is None:
                same[_root(same, (pattern.alias, term.field.name))] = _root(same, (term.alias, term.other))
    asked: dict[Slot, list[Term]] = {}
    for pattern in patterns:
        for term in pattern.terms:
            slot = _root(same, (pattern.alias, term.field.name))
            terms = asked.setdefault(slot, [])
            terms.append(term)
            if not _satisfiable(terms) or (_apart(term) and slot == _root(same, (term.alias, term.other))):
                return term
    return None


def spoiled_by(patterns: Sequence[Pattern]) -> list[Threshold]:
    """The changed thresholds without whose new values these patterns could hold: it is they that are wrong, not the
    rule. None where it could not hold before either."""
    used = [term.threshold for pattern in patterns for term in pattern.terms if isinstance(term, Compare)]
    changed = list({one.name: one for one in used if one is not None and one.before is not None}.values())
    for some in (*([one] for one in changed), changed):
        names = {one.name for one in some}
        restored = [replace(one, terms=tuple(_restored(term, names) for term in one.terms)) for one in patterns]
        if not any(impossible(one.terms) for one in restored) and impossible_together(restored) is None:
            return some
    return []


def _restored(term: Term, names: Collection[str]) -> Term:
    """The condition with the value its threshold had before, where it is one of these."""
    threshold = term.threshold if isinstance(term, Compare) else None
    if not isinstance(term, Compare) or threshold is None or threshold.before is None or threshold.name not in names:
        return term
    return replace(term, value=float(threshold.before) if term.field.type == "float" else threshold.before)


def _root(same: dict[Slot, Slot], slot: Slot) -> Slot:
    while slot in same and same[slot] != slot:
        slot = same[slot]
    return slot


def _apart(term: Term) -> TypeGuard[Join]:
    """Whether a condition holds for no field that equals the one it is compared with."""
    return isinstance(term, Join) and term.factor is None and term.op in ("!=", "<", ">")


def _satisfiable(terms: Sequence[Term]) -> bool:
    """Whether some value, or its absence, satisfies all these conditions on it; for whole numbers, a whole number."""
    absent = [isinstance(term, Known) and not term.known for term in terms]
    if any(absent):
        return all(absent)
    candidates: list[Value] | None = None
    for term in terms:
        listed = _listed(term)
        if listed is not None:
            candidates = listed if candidates is None else [value for value in candidates if value in listed]
    if candidates is None and terms[0].field.type == "bool":
        candidates = [True, False]
    if candidates is not None:
        return any(all(_accepts(term, value) for term in terms) for value in candidates)
    return _range_is_open([term for term in terms if isinstance(term, Compare)])


def _listed(term: Term) -> list[Value] | None:
    """The values a condition admits, where it names them."""
    if isinstance(term, OneOf):
        return list(term.values)
    return [term.value] if isinstance(term, Compare) and term.op == "==" else None


def _accepts(term: Term, value: Value) -> bool:
    if isinstance(term, Compare):
        return COMPARE[term.op](value, term.value) if _alike(value, term.value) else term.op == "!="
    if isinstance(term, OneOf):
        return value in term.values
    return not isinstance(term, Matches) or (isinstance(value, str) and term.pattern.search(value) is not None)


def _alike(one: Value, two: Value) -> bool:
    return isinstance(one, str) == isinstance(two, str)


def _range_is_open(terms: Sequence[Compare]) -> bool:
    """Whether a number lies within all the limits and is not among those left out."""
    low, high = -math.inf, math.inf
    low_open = high_open = False
    for term in terms:
        if isinstance(term.value, str | bool):
            continue
        whole = term.field.type == "int"
        if term.op in (">", ">="):
            value, is_open = _from(term.value, term.op == ">", whole)
            if (value, is_open) > (low, low_open):
                low, low_open = value, is_open
        elif term.op in ("<", "<="):
            value, is_open = _from(-term.value, term.op == "<", whole)
            if (value, is_open) > (-high, high_open):
                high, high_open = -value, is_open
    if low > high or (low == high and (low_open or high_open)):
        return False
    left_out = {term.value for term in terms if term.op == "!="}
    return low != high or low not in left_out


def _from(limit: float, above: bool, whole: bool) -> tuple[float, bool]:
    """The least value allowed by a lower limit, and whether it is itself left out; whole numbers are always in."""
    if whole:
        return (math.floor(limit) + 1 if above else math.ceil(limit)), False
    return limit, above
