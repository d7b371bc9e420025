"""Processes and their handles: roles, names, and what share of a type's objects a process holds."""

from collections import defaultdict

from ..facts import Case, Fact
from ..knowledge import Knowledge
from .memory import percent


def derive(case: Case, knowledge: Knowledge) -> None:
    """Add the role of every process, and image, pid and role to handles facts that name the process one way only."""
    for process in case.of("process"):
        image, table = process.text("image"), process.text("object_table")
        alive = table is not None and table.strip("0") != ""
        case.update(process, role=knowledge.role(image) if image else None, exited=False if alive else None)
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


def derive_shares(case: Case) -> None:
    """Add share_of_type (of the tag's outstanding objects) and share_of_process to handles facts."""
    objects = objects_of_type(case)
    totals: dict[object, int] = defaultdict(int)
    printed: dict[object, int] = {}
    for handles in case.of("handles"):
        count = handles.int("count") or 0
        if handles.text("type") == "*":
            printed[_process_key(handles)] = count
        else:
            totals[_process_key(handles)] += count
    for handles in case.of("handles"):
        own, key = handles.int("count"), _process_key(handles)
        whole = max(printed.get(key, 0), totals.get(key, 0))
        # More handles than objects is in order: several handles may point to one object.
        case.update(
            handles,
            share_of_type=percent(own, objects.get(str(handles.get("type")))),
            share_of_process=percent(own, whole) if handles.text("type") != "*" else None,
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
