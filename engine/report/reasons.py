"""Why a rule fired or nearly did, in words: each condition with the value that met it and what was asked for."""

from dataclasses import dataclass

from ..diagnosis import Condition, Diagnosis
from ..facts import Value
from . import fields, figures
from .chain import Chain, label, subject, within
from .wording import Wording

MAX_NEEDED = 8
"""Values of a list that are named."""
_ORDERING = {"<": "less", "<=": "at_most", ">": "more", ">=": "at_least"}
_OTHERS = {"==": "same", "!=": "not", "one of": "one_of", "like": "like", "known": "known", "unknown": "unknown"}


@dataclass(frozen=True, slots=True)
class Met:
    """One condition in words. `figure` where it is a bound on a figure, which paper shows too."""

    subject: str
    field: str
    value: str
    asked: str
    origin: str
    figure: bool


def conditions(diagnosis: Diagnosis, finding: str, wording: Wording) -> tuple[Met, ...]:
    """The conditions that made a finding, by the id of its fact; empty where they were not kept."""
    return tuple(met(condition, wording) for condition in diagnosis.conditions.get(finding, ()))


def met(condition: Condition, wording: Wording) -> Met:
    """A condition in words."""
    return Met(
        subject(condition.fact, wording),
        within(label(condition.field, wording, condition.fact.kind)),
        _value(condition.value, condition.unit),
        asked(condition, wording),
        figures.clip(condition.origin or "", figures.MAX_CELL),
        # That there is any at all is no bound anybody weighs.
        condition.asked in _ORDERING and (condition.asked, condition.needed) not in ((">=", (1,)), (">", (0,))),
    )


def asked(condition: Condition, wording: Wording) -> str:
    """What a condition asks for: at least 30 %."""
    key = f"asked.{_ORDERING.get(condition.asked) or _OTHERS[condition.asked]}"
    if condition.asked == "like":
        return wording(key, value=figures.clip(str(condition.needed[0]), figures.MAX_CELL))
    if not condition.needed and condition.asked not in ("known", "unknown"):
        return wording("asked.nothing_known")
    shown = [_value(each, condition.unit) for each in condition.needed[:MAX_NEEDED]]
    left = len(condition.needed) - len(shown)
    return wording(key, value=wording("asked.list", values=shown, left=left) if shown else "")


def missed(condition: Condition, wording: Wording) -> str:
    """A condition that fails narrowly, as one sentence."""
    one = met(condition, wording)
    (needed,) = condition.needed
    value = condition.value
    off = 0.0
    if isinstance(needed, int | float) and isinstance(value, int | float) and needed:
        off = 100 * abs(value - needed) / abs(needed)
    return wording(
        "near.sentence",
        subject=one.subject,
        field=one.field,
        value=one.value,
        asked=one.asked,
        origin=one.origin,
        off=figures.percent(off),
        over=condition.asked in ("<", "<="),
    )


def instead(condition: Condition, diagnosis: Diagnosis, chain: Chain) -> tuple[int, ...]:
    """Steps that hold because the same figure lies on the other side of a bound: they settle what this one asks."""
    return tuple(
        sorted(
            number
            for finding, number in chain.numbers.items()
            if any(_excludes(one, condition) for one in diagnosis.conditions.get(finding, ()))
        )
    )


def _excludes(met: Condition, missed: Condition) -> bool:
    """Whether a figure that met one bound can never meet another on the same field of the same fact."""
    if (met.fact.id, met.field) != (missed.fact.id, missed.field) or not (met.needed and missed.needed):
        return False
    at, wanted = met.needed[0], missed.needed[0]
    if isinstance(at, str) or isinstance(wanted, str):
        return False
    if missed.asked in ("<", "<="):
        return met.asked in (">", ">=") and at >= wanted
    return met.asked in ("<", "<=") and at <= wanted


def _value(value: Value | None, unit: str) -> str:
    return figures.MISSING if value is None else fields.value_text(value, unit)
