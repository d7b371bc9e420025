"""Processes and their handles: roles, names, and what share of a type's objects a process holds."""

from collections import defaultdict

from ..facts import Case, Fact
from ..knowledge import Knowledge
from .memory import percent

LOWEST_BOUND = 30.0
"""Percent from which a share known only to be no smaller says something."""


def derive(case: Case, knowledge: Knowledge) -> None:
    """Add the role of every process, and image, pid and role to handles facts that name the process one way only."""
    memory = case.one("memory")
    committed = memory.int("committed_bytes") if memory else None
    for process in case.of("process"):
        image, table = process.text("image"), process.text("object_table")
        alive = table is not None and table.strip("0") != ""
        case.update(
            process,
            role=knowledge.role(image) if image else None,
            exited=False if alive else None,
            share_of_commit=percent(process.int("private_bytes"), committed),
        )
    by_pid = {fact.int("pid"): fact for fact in case.of("process") if fact.int("pid") is not None}
    by_address = {fact.text("address"): fact for fact in case.of("process") if fact.text("address")}
    for handles in case.of("handles"):
        owner = by_pid.get(handles.int("pid")) or by_address.get(handles.text("address"))
        image = handles.text("image") or (owner.text("image") if owner else None)
        case.update(
            handles,
            pid=handles.int("pid") if handles.int("pid") is not None else (owner.int("pid") if owner else None),
            address=handles.text("address") or (owner.text("address") if owner else None),
            image=image,
            role=knowledge.role(image) if image else None,
        )


def derive_shares(case: Case, knowledge: Knowledge) -> None:
    """Add what share of a type's objects and of a process's handles each count is, and the totals by type.

    A lower bound gives a share only where it is large: the few rows shown of a cut list say nothing of the whole.
    """
    objects = objects_of_type(case)
    by_process: dict[object, int] = defaultdict(int)
    by_type: dict[str, int] = defaultdict(int)
    printed: dict[object, int] = {}
    for handles in case.of("handles"):
        count, kind = handles.int("count") or 0, str(handles.get("type"))
        if handles.quality == "lower-bound":
            continue
        if kind == "*":
            printed[_process_key(handles)] = count
        else:
            by_process[_process_key(handles)] += count
            by_type[kind] += count
    for handles in case.of("handles"):
        kind, key = str(handles.get("type")), _process_key(handles)
        own = handles.int("count")
        of_type = percent(own, objects.get(kind))
        if handles.quality == "lower-bound":
            of_type = of_type if of_type is not None and of_type >= LOWEST_BOUND else None
        whole = max(printed[key], by_process.get(key, 0)) if key in printed else None
        # More handles than objects is in order: several handles may point to one object.
        case.update(
            handles,
            tag=knowledge.object_tag(kind),
            share_of_type=of_type,
            share_of_process=percent(own, whole) if kind != "*" and handles.quality != "lower-bound" else None,
            type_total=by_type.get(kind),
            total_share_of_type=percent(by_type.get(kind), objects.get(kind)),
        )


def objects_of_type(case: Case) -> dict[str, int]:
    """Objects in existence per type: from object_type facts, else from the outstanding count of the type's tag."""
    counts: dict[str, int] = {}
    for tag in case.of("tag"):
        kind, count = tag.text("object_type"), tag.int("outstanding")
        if kind and count:
            counts[kind] = max(count, counts.get(kind, 0))
    for fact in case.of("object_type"):
        count = fact.int("objects")
        if count:
            counts[str(fact.get("type"))] = count
    return counts


def _process_key(handles: Fact) -> object:
    return handles.get("pid") if handles.get("pid") is not None else handles.get("address")
