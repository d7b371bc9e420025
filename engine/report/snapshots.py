"""Which snapshots a report rests on, in one line."""

from datetime import datetime

from ..facts import Case
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
        span=_span(taken[0].text("time"), taken[-1].text("until") or taken[-1].text("time")),
        names=[f"{number}. {name}" for number, name in enumerate(names[:MAX_NAMES], 1)] if len(names) > 1 else names,
        more=max(0, len(names) - MAX_NAMES),
    )


def _span(first: str | None, last: str | None) -> str | None:
    try:
        seconds = (datetime.fromisoformat(last or "") - datetime.fromisoformat(first or "")).total_seconds()
    except (ValueError, TypeError):  # one of them undated, or without a zone beside one with it
        return None
    return figures.duration(seconds) if seconds > 0 else None
