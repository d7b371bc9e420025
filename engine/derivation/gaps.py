"""Pairs of counters that must agree, and by how much they do not."""

from ..facts import Case, Fact, new
from .memory import percent
from .processes import objects_of_type

WORTH_COMPARING = 1000
"""Handles below which nobody compares counts; a kernel dump lists hundreds of processes."""


def derive(case: Case) -> None:
    """Add `gap` facts. Agreement is a result too: a difference of zero is kept."""
    _handle_counts(case)
    _objects_and_handles(case)
    _object_types(case)
    _processes(case)
    _census(case)
    _tags_and_pool(case)


def _gap(case: Case, evidence: Fact, name: str, a: tuple[str, int], b: tuple[str, int]) -> None:
    larger = max(abs(a[1]), abs(b[1]))
    case.add(
        new(
            "gap",
            source=evidence.source,
            verify=evidence.verify,
            quality=evidence.quality,
            quote=evidence.quote,
            name=name,
            counter_a=a[0],
            value_a=a[1],
            counter_b=b[0],
            value_b=b[1],
            difference=a[1] - b[1],
            difference_percent=percent(abs(a[1] - b[1]), larger) or 0.0,
        )
    )


def _handle_counts(case: Case) -> None:
    """The printed total of a handle list, the sum of its rows, and what the process block says."""
    for total in case.where("handles", type="*"):
        pid, image = total.int("pid"), total.text("image") or "the process"
        counted = total.int("count")
        if counted is None or counted < WORTH_COMPARING or total.quality != "exact":
            continue
        rows = [fact for fact in case.where("handles") if fact.get("pid") == pid and fact.text("type") != "*"]
        rows = [row for row in rows if row.get("address") == total.get("address")]
        if rows and all(row.quality == "exact" for row in rows):
            summed = sum(row.int("count") or 0 for row in rows)
            _gap(
                case,
                total,
                f"handles of {image}: rows and total",
                ("sum of the handle counts by type", summed),
                ("total printed below them", counted),
            )
        for claim in case.where("claim", subject="handles"):
            said = claim.int("count")
            if said is not None and rows:
                _gap(
                    case,
                    claim,
                    f"handles of {image}: list and remark in the log",
                    ("total of the handle list", counted),
                    ("a remark in the log", said),
                )
        for process in case.of("process"):
            if pid is None or process.int("pid") != pid:
                continue
            for field, words in (("table_size", "TableSize"), ("handle_count", "HandleCount")):
                value = process.int(field)
                if value is not None:
                    _gap(
                        case,
                        process,
                        f"handles of {image}: list and {words}",
                        ("total of the handle list", counted),
                        (f"{words} of the process", value),
                    )


def _objects_and_handles(case: Case) -> None:
    """Outstanding objects of a type against all handles listed to them."""
    objects = objects_of_type(case)
    for kind, outstanding in objects.items():
        # What could be read of a table in part is not in the total.
        whole = [fact for fact in case.where("handles", type=kind) if fact.quality != "lower-bound"]
        holders = [fact for fact in whole if fact.int("type_total")]
        if not holders:
            continue
        largest = max(holders, key=lambda fact: fact.int("count") or 0)
        total = largest.int("type_total") or 0
        where = largest.text("image") or "the process" if len(holders) == 1 else f"{len(holders)} processes"
        if total >= WORTH_COMPARING:
            _gap(
                case,
                largest,
                f"{kind} objects and handles",
                (f"{kind} objects outstanding in the pool", outstanding),
                (f"{kind} handles of {where}", total),
            )


def _object_types(case: Case) -> None:
    """What the type objects of a dump count, against the pool table and all handle tables; a log lists some of them."""
    if case.casefile.kind != "dump":
        return
    handles: dict[str, int] = {}
    for fact in case.of("handles"):
        kind = str(fact.get("type"))
        handles[kind] = handles.get(kind, 0) + (fact.int("count") or 0)
    for fact in case.of("object_type"):
        kind, objects, counted = str(fact.get("type")), fact.int("objects"), fact.int("handles")
        if counted is not None and counted >= WORTH_COMPARING and handles:
            _gap(
                case,
                fact,
                f"{kind} handles: type object and handle tables",
                (f"{kind} handles the type object counts", counted),
                (f"{kind} handles read in the handle tables", handles.get(kind, 0)),
            )
        tag = next(case.where("tag", object_type=kind, pool="nonpaged"), None)
        outstanding = tag.int("outstanding") if tag else None
        if objects is not None and outstanding is not None and objects >= WORTH_COMPARING:
            _gap(
                case,
                fact,
                f"{kind} objects: type object and pool table",
                (f"{kind} objects the type object counts", objects),
                ("outstanding in the pool table", outstanding),
            )


def _processes(case: Case) -> None:
    """Process objects in the pool against the processes that are alive."""
    outstanding = objects_of_type(case).get("Process")
    alive = [fact for fact in case.of("process") if fact.flag("exited") is False]
    if outstanding and len(alive) >= 10:
        _gap(
            case,
            alive[0],
            "process objects and live processes",
            ("process objects outstanding in the pool", outstanding),
            ("live processes listed", len(alive)),
        )


def _census(case: Case) -> None:
    for census in case.of("census"):
        if not census.flag("complete"):
            continue
        for tag in case.where("tag", tag=str(census.get("tag")), pool=str(census.get("pool"))):
            outstanding, blocks = tag.int("outstanding"), census.int("blocks")
            if outstanding is not None and blocks is not None:
                _gap(
                    case,
                    census,
                    f"tag {str(census.get('tag')).strip()}: pool table and blocks found",
                    ("outstanding in the pool table", outstanding),
                    ("blocks found by the search", blocks),
                )


def _tags_and_pool(case: Case) -> None:
    for pool in case.of("pool"):
        used = pool.int("used_bytes")
        tags = [fact for fact in case.where("tag", pool=str(pool.get("type"))) if fact.int("bytes")]
        listed = sum(fact.int("bytes") or 0 for fact in tags)
        if used and listed > used * 1.05:
            _gap(
                case,
                tags[0],
                f"{pool.text('type')} pool: tags and total",
                ("sum of the tags listed, bytes", listed),
                ("bytes in use of the pool", used),
            )
