"""Ended threads and processes still in memory, summed up from samples and process lists."""

from collections import Counter, defaultdict

from ..facts import Case, Fact, Value, new
from ..knowledge import Knowledge

ENDED = ("terminated", "exited")


def derive(case: Case, knowledge: Knowledge) -> None:
    """Complete samples with the image of their owner, and add `dead_objects` facts where the source gave none."""
    by_address = {fact.text("address"): fact for fact in case.of("process") if fact.text("address")}
    by_pid = {fact.int("pid"): fact for fact in case.of("process") if fact.int("pid") is not None}
    for sample in case.of("sample"):
        _complete(case, sample, by_address, by_pid, knowledge)
    given = {fact.text("type") for fact in case.of("dead_objects")}
    if "Thread" not in given:
        _ended_threads(case)
    if "Process" not in given:
        _ended_processes(case)
    parent = _common_parent(case)
    for dead in case.of("dead_objects"):
        module = dead.text("start_module")
        case.update(
            dead,
            start_third_party=knowledge.is_third_party(module) if module else None,
            **(parent if dead.text("type") == "Process" else {}),
        )


def _complete(
    case: Case,
    sample: Fact,
    by_address: dict[str | None, Fact],
    by_pid: dict[int | None, Fact],
    knowledge: Knowledge,
) -> None:
    owner = by_address.get(sample.text("owner_address")) or by_pid.get(sample.int("owner_pid"))
    itself = by_address.get(sample.text("address"))
    state = sample.text("state")
    if sample.text("type") == "Process" and itself and itself.flag("exited"):
        state = "exited"
    case.update(
        sample,
        state=state,
        owner_image=sample.text("owner_image") or (owner.text("image") if owner else None),
        owner_address=sample.text("owner_address") or (owner.text("address") if owner else None),
        tag=sample.text("tag") or knowledge.object_tag(str(sample.get("type"))),
    )


def _ended_threads(case: Case) -> None:
    samples = [fact for fact in case.of("sample") if fact.text("type") == "Thread" and fact.text("state")]
    groups: dict[tuple[object, ...], list[Fact]] = defaultdict(list)
    for sample in samples:
        if sample.text("state") in ENDED:
            key = (sample.get("owner_pid"), sample.get("owner_image"), sample.get("owner_address"))
            groups[(*key, sample.get("start_module"))].append(sample)
    for members in groups.values():
        first = members[0]
        case.add(
            new(
                "dead_objects",
                source=first.source,
                verify=first.verify,
                quality="lower-bound",
                quote=first.quote,
                type="Thread",
                owner_pid=first.int("owner_pid"),
                owner_image=first.text("owner_image"),
                owner_address=first.text("owner_address"),
                start_module=first.text("start_module"),
                count=len(members),
                sampled=len(samples),
                **_kept_by(members),
            )
        )


def _ended_processes(case: Case) -> None:
    ended = [fact for fact in case.of("process") if fact.flag("exited")]
    if not ended:
        return
    bodies = {fact.text("address"): fact for fact in case.of("sample") if fact.text("type") == "Process"}
    members = [body for fact in ended if (body := bodies.get(fact.text("address"))) is not None]
    images = {fact.text("image") for fact in ended}
    case.add(
        new(
            "dead_objects",
            source=ended[0].source,
            verify="!process 0 0",
            quality="exact",
            quote=ended[0].quote,
            type="Process",
            owner_image=next(iter(images)) if len(images) == 1 else None,
            count=len(ended),
            **_kept_by(members),
        )
    )


def _common_parent(case: Case) -> dict[str, Value | None]:
    """The process that started nearly all of ten and more ended processes."""
    ended = [fact for fact in case.of("process") if fact.flag("exited") and fact.int("parent_pid")]
    parents = Counter(fact.int("parent_pid") for fact in ended)
    if len(ended) < 10:
        return {}
    pid, count = parents.most_common(1)[0]
    if count < 0.8 * len(ended):
        return {}
    alive = next((fact for fact in case.where("process", exited=False) if fact.int("pid") == pid), None)
    return {"parent_pid": pid, "parent_image": alive.text("image") if alive else None}


def _kept_by(members: list[Fact]) -> dict[str, int | None]:
    """How many of the sampled objects handles keep, and how many references alone; unknown without !object."""
    counted = [fact for fact in members if fact.int("handle_count") is not None]
    if not counted:
        return {"with_handles": None, "references_only": None}
    held = sum(1 for fact in counted if (fact.int("handle_count") or 0) > 0)
    referenced = sum(1 for fact in counted if fact.int("handle_count") == 0 and (fact.int("pointer_count") or 0) > 0)
    return {"with_handles": held, "references_only": referenced}
