"""What a user's settings change of a rulebook without a rule file of their own."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import UsageError
from ..mistakes import Place


@dataclass(frozen=True, slots=True)
class Disabled:
    """A rule that is not to be applied, and why."""

    rule: str
    reason: str
    place: Place


@dataclass(frozen=True, slots=True)
class NewValue:
    """Another value of a threshold, in `unit` (a unit of the vocabulary or one it is written in), and why."""

    threshold: str
    value: int | float
    unit: str
    reason: str
    place: Place


@dataclass(frozen=True, slots=True)
class Adjustments:
    """All changes; each rule and threshold occurs once."""

    disable: tuple[Disabled, ...] = ()
    thresholds: tuple[NewValue, ...] = ()


def refuse_disabled(rule: str, disabled: Iterable[Disabled]) -> None:
    """Raises UsageError for the id of a disabled rule, with where and why it is."""
    for one in disabled:
        if one.rule == rule:
            raise UsageError(f'rule "{rule}" is disabled by {one.place.file}: {one.reason}')


NONE = Adjustments()
