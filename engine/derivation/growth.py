"""Growth: what was counted at several moments, as facts, with rates and the time that is left.

Growth facts come out of the history of a case, or were read as such from facts.json or a pasted table; those stand as
they are and get only the fields that follow from what they say.
"""

from ..facts import Case, Fact
from ..knowledge import Knowledge
from .memory import percent, ram_bytes


def derive(case: Case, knowledge: Knowledge) -> None:
    """Add the growth facts of the history of a case, and the derived fields of all growth facts."""
    for fact in case.of("growth"):
        _complete(case, fact)
    if case.history is not None and len(case.history.moments) > 1:
        from . import series  # numpy takes longer to load than most cases to read

        series.derive(case, case.history, knowledge)
    room = _room(case)
    for fact in case.of("growth"):
        _time_left(case, fact, room)


def _complete(case: Case, fact: Fact) -> None:
    """Add what follows from the readings and changes a growth fact already has."""
    values, seconds = _readings(fact)
    change, span, unit = fact.int("change"), fact.number("span_s"), fact.text("unit")
    if change is None and values:
        change = values[-1] - values[0]
    size_change = change if unit == "bytes" else fact.int("bytes_change")
    allocs, frees = fact.int("allocs_change"), fact.int("frees_change")
    derived = {
        "change": change,
        "bytes_change": size_change,
        "first": values[0] if values else None,
        "last": values[-1] if values else None,
        "lowest": min(values, default=None),
        "highest": max(values, default=None),
        "per_hour": change * 3600 / span if change is not None and span else None,
        "bytes_per_hour": size_change * 3600 / span if size_change is not None and span else None,
        "freed_percent": percent(frees, allocs) if allocs and frees is not None else None,
        "course": _course(fact, change, values, seconds),
    }
    case.update(fact, **{name: value for name, value in derived.items() if name not in fact.fields})


def _readings(fact: Fact) -> tuple[list[int], list[float]]:
    """The readings a growth fact carries and their seconds, NaN where undated; none where they cannot be read."""
    values: list[int] = []
    seconds: list[float] = []
    try:
        for reading in (fact.text("readings") or "").split():
            moment, _, value = reading.rpartition("=")
            values.append(int(value))
            seconds.append(float(moment) if moment else float("nan"))
    except ValueError:
        return [], []
    return (values, seconds) if len(values) > 1 else ([], [])


def _course(fact: Fact, change: int | None, values: list[int], seconds: list[float]) -> str | None:
    if len(values) > 1:
        import numpy as np

        from .course import course

        return course(np.array(values, dtype=np.float64), np.array(seconds), fact.text("unit") or "count")
    if change is None or change <= 0:
        return "falling" if change else None
    if fact.flag("monotonic") and (fact.int("snapshots") or 0) > 2:
        return "rising"
    return "two readings" if fact.int("snapshots") == 2 else None


def _room(case: Case) -> dict[str, list[tuple[str, int]]]:
    """What is left at the last moment for each pool, and for commit: (which limit, bytes)."""
    memory = case.one("memory")
    limit, committed = (memory.int(f"{name}_bytes") if memory else None for name in ("commit_limit", "committed"))
    commit = [("commit limit", limit - committed)] if limit is not None and committed is not None else []
    available = memory.int("available_bytes") if memory else None
    # Nonpaged pool takes pages out of the available memory; what else grew is not known here.
    resident = [("RAM", available)] if available is not None and ram_bytes(case) else []
    room = {"nonpaged": [*commit, *resident], "paged": commit, "session": commit, "commit": commit}
    for pool in case.of("pool"):
        used, most = pool.int("used_bytes"), pool.int("max_bytes")
        if pool.text("limit") == "fixed" and used is not None and most is not None:
            name = str(pool.get("type"))
            room[name] = [("pool", most - used), *room.get(name, [])]
    return room


def _time_left(case: Case, fact: Fact, room: dict[str, list[tuple[str, int]]]) -> None:
    """Add how long the nearest limit is away, for what goes on rising."""
    rate = fact.number("bytes_per_hour")
    if not rate or rate <= 0 or fact.text("course") not in ("rising", "rising lows") or "hours_left" in fact.fields:
        return
    private = fact.text("quantity") == "process" and fact.text("unit") == "bytes"
    committed = fact.text("quantity") == "memory" and fact.text("subject") == "committed_bytes"
    limits = room.get(fact.text("pool") or ("commit" if private or committed else ""), [])
    left = [(bytes_left / rate, name) for name, bytes_left in limits if bytes_left >= 0]
    if left:
        hours, name = min(left)
        case.update(fact, hours_left=round(hours, 2), left_of=name)
