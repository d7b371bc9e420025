"""Which snapshots a report rests on, in one line."""

from collections.abc import Sequence
from datetime import datetime

from ..facts import Case, Fact
from . import figures
from .wording import Wording

MAX_NAMES = 4
MAX_NAME = 40


def casefiles(case: Case) -> int:
    """How many casefiles the case was joined of."""
    return max(1, len(case.of("snapshot")))


def line(case: Case, wording: Wording) -> str:
    """How many snapshots there are, over what time, and their casefiles in order; empty where there is one."""
    taken = case.of("snapshot")
    count = sum(each.int("readings") or 1 for each in taken)
    if count < 2:
        return ""
    names = [figures.clip(each.text("name") or "?", MAX_NAME) for each in taken]
    return wording(
        "text.snapshots",
        count=count,
        span=_span(taken),
        names=[f"{number}. {name}" for number, name in enumerate(names[:MAX_NAMES], 1)] if len(names) > 1 else names,
        more=max(0, len(names) - MAX_NAMES),
    )


def _span(taken: Sequence[Fact]) -> str | None:
    """From the first reading to the last; a series may have begun before a casefile that stands ahead of it."""
    times = [(each.text("time"), each.text("until") or each.text("time")) for each in taken]
    if not times[0][0] or not times[-1][1]:
        return None
    try:
        seconds = (
            max(datetime.fromisoformat(last) for _, last in times if last)
            - min(datetime.fromisoformat(first) for first, _ in times if first)
        ).total_seconds()
    except (ValueError, TypeError):  # misread, or without a zone beside one with it
        return None
    return figures.duration(seconds) if seconds > 0 else None
