"""The pictures: which facts they show. One that lacks a fact is not drawn; unknown is not zero."""

from ..diagnosis import Diagnosis
from ..facts import Case, Fact
from . import balance, fields, figures, lines
from .drawing import MAX_BARS, Amount, Chart, Fill, bar_chart
from .headline import pool_of
from .wording import Wording

MIN_SAMPLED = 5
"""Objects that must have been looked at before what they were is drawn."""
ON_PAGE_ONE = 3


def build(diagnosis: Diagnosis, wording: Wording) -> tuple[Chart, ...]:
    """The pictures the facts allow, those first that prove most of this verdict."""
    charts = [
        _pools(diagnosis, wording),
        _tags(diagnosis, wording),
        _handles(diagnosis, wording),
        _objects(diagnosis, wording),
        *balance.build(diagnosis.case, wording),
        lines.build(diagnosis, wording),
    ]
    order = _order(diagnosis)
    return tuple(sorted((chart for chart in charts if chart), key=lambda chart: order.index(chart.key)))


def _order(diagnosis: Diagnosis) -> list[str]:
    """What proves a verdict: for handles their holder, for references the ended objects, for a driver the growth."""
    kind = (diagnosis.verdict.kind.finding.name if diagnosis.verdict.kind.finding else "").removeprefix("kind.")
    resource = diagnosis.verdict.resource.name or ""
    order = ["pools", "tags", "handles", "objects", "growth", "commit", "ram", "processes"]
    first: list[str] = []
    if "commit" in resource:
        first = ["commit"]
    elif kind.startswith(("reference", "ended", "objects")):
        first = ["pools", "tags", "objects"]
    elif not kind.startswith("handle"):
        first = ["pools", "tags", "growth", "commit", "ram"]
    return [*first, *(key for key in order if key not in first)]


def _pools(diagnosis: Diagnosis, wording: Wording) -> Chart | None:
    """Use of each pool against its fixed maximum, or of all against RAM."""
    pools = [pool for pool in diagnosis.case.of("pool") if pool.int("used_bytes") is not None]
    subject = pool_of(diagnosis)
    for basis in ("max", "ram"):
        share = f"percent_of_{basis}"
        sized = [pool for pool in pools if pool.number(share) is not None]
        if sized:
            ram = _ram(diagnosis.case)
            amounts = [
                _against(pool, share, pool.int("max_bytes") if basis == "max" else ram, pool is subject, wording)
                for pool in sized
            ]
            columns = ("pool", "used", basis, "share")
            return bar_chart("pools", wording(f"chart.pools.{basis}"), amounts, columns, wording)
    return None


def _ram(case: Case) -> int | None:
    return next(
        (
            size
            for kind, field in (("system", "ram_bytes"), ("memory", "physical_bytes"))
            if (fact := case.one(kind)) and (size := fact.int(field)) is not None
        ),
        None,
    )


def _against(pool: Fact, share: str, whole: int | None, marked: bool, wording: Wording) -> Amount:
    percent = pool.number(share) or 0.0
    name = wording.first(f"pool.{pool.text('type')}", "pool.other")
    cells = (fields.field_text(pool, "used_bytes"), _whole(whole), figures.percent(percent))
    return Amount(name, min(percent, 100.0), figures.percent(percent), cells, "marked" if marked else "plain", 100.0)


def _whole(value: int | None) -> str:
    return figures.MISSING if value is None else figures.count(value)


def _tags(diagnosis: Diagnosis, wording: Wording) -> Chart | None:
    """The largest tags of the pool in question, and the rest of it."""
    case = diagnosis.case
    pool = pool_of(diagnosis)
    tags = [tag for tag in case.of("tag") if tag.int("bytes")]
    name = (pool.text("type") if pool else None) or next((tag.text("pool") for tag in tags), None)
    tags = [tag for tag in tags if tag.text("pool") == name]
    if not tags:
        return None
    pool = pool or next((each for each in case.of("pool") if each.text("type") == name), None)
    tags.sort(key=lambda tag: -(tag.int("bytes") or 0))
    used = pool.int("used_bytes") if pool else None
    listed = sum(tag.int("bytes") or 0 for tag in tags)
    total = used if used is not None and used >= listed else listed
    # The tags of the verdict are shown wherever they stand in the order.
    wanted = [tag for tag in tags[MAX_BARS:] if tag.text("tag") in diagnosis.verdict.kind.tags][: MAX_BARS - 1]
    shown = [*tags[: MAX_BARS - len(wanted)], *wanted]
    amounts = [_tag(tag, total, tag.text("tag") in diagnosis.verdict.kind.tags) for tag in shown]
    named = len(tags) - len(shown)
    rest = listed - sum(tag.int("bytes") or 0 for tag in shown)
    if rest > 0:
        amounts.append(_part(wording("chart.tags.rest", count=named), rest, total, "rest"))
    if total > listed:
        amounts.append(_part(wording("chart.tags.unlisted"), total - listed, total, "gap"))
    basis = "pool" if total == used else "list"
    title = wording(f"chart.tags.{basis}", pool=wording.first(f"pool.{name}", "pool.other"))
    return bar_chart("tags", title, amounts, ("tag", "bytes", "share"), wording)


def _tag(tag: Fact, total: int, marked: bool) -> Amount:
    used = tag.int("bytes") or 0
    return _part(tag.text("tag") or "?", used, total, "marked" if marked else "plain")


def _part(label: str, amount: int, total: int, fill: Fill) -> Amount:
    share = figures.percent(100 * amount / total)
    return Amount(label, amount, share, (figures.count(amount), share), fill)


def _handles(diagnosis: Diagnosis, wording: Wording) -> Chart | None:
    """What the handles of the holder are to; without a holder, which processes have most."""
    case = diagnosis.case
    holder = diagnosis.verdict.holder
    own = [
        fact
        for fact in case.of("handles")
        if holder.pid is not None and fact.int("pid") == holder.pid and fact.text("type") != "*" and fact.int("count")
    ]
    if len(own) < 2:  # one bar alone shows nothing
        return _processes(case, holder.pid, wording)
    own.sort(key=lambda fact: -(fact.int("count") or 0))
    leaked = holder.finding.about.get("object_type") if holder.finding else None
    total = sum(fact.int("count") or 0 for fact in own)
    amounts = [
        _counted(
            fact.text("type") or "?",
            fact.int("count") or 0,
            total,
            "marked" if fact.text("type") == leaked or (leaked is None and place == 0) else "plain",
        )
        for place, fact in enumerate(own[:MAX_BARS])
    ]
    rest = sum(fact.int("count") or 0 for fact in own[MAX_BARS:])
    if rest:
        amounts.append(_counted(wording("chart.handles.rest", count=len(own) - MAX_BARS), rest, total, "rest"))
    title = wording("chart.handles.title", holder=holder.name)
    return bar_chart("handles", title, amounts, ("type", "handles", "share"), wording)


def _counted(label: str, count: int, total: int, fill: Fill) -> Amount:
    cells = (figures.count(count), figures.percent(100 * count / total) if total else figures.MISSING)
    return Amount(label, count, figures.count(count), cells, fill)


def _processes(case: Case, pid: int | None, wording: Wording) -> Chart | None:
    processes = [process for process in case.of("process") if process.int("handle_count")]
    if len(processes) < 2:
        return None
    processes.sort(key=lambda process: -(process.int("handle_count") or 0))
    amounts = [
        Amount(
            process.text("image") or wording("chart.pid", pid=process.int("pid")),
            process.int("handle_count") or 0,
            fields.field_text(process, "handle_count"),
            (fields.field_text(process, "pid"), fields.field_text(process, "handle_count")),
            "marked" if pid is not None and process.int("pid") == pid else "plain",
        )
        for process in processes[:MAX_BARS]
    ]
    return bar_chart("processes", wording("chart.processes"), amounts, ("image", "pid", "handles"), wording)


def _objects(diagnosis: Diagnosis, wording: Wording) -> Chart | None:
    """Objects of the type in question: alive, ended, and not told apart."""
    case = diagnosis.case
    finding = diagnosis.verdict.kind.finding or diagnosis.verdict.holder.finding
    wanted = finding.about.get("object_type") if finding else None
    types = [wanted] if isinstance(wanted, str) else ["Thread", "Process"]
    for kind in types:
        ended, alive, total = _ended(case, kind), _alive(case, kind), _total(case, kind)
        # With the living unknown, a few ended objects of many say nothing of the rest.
        enough = alive is not None or (total is not None and ended is not None and ended >= total / 2)
        if ended is not None and enough:
            return _alive_and_ended(kind, ended, alive, total, wording)
        sampled = _sampled(case, kind)
        if sampled:
            return _alive_and_ended(kind, *sampled, wording, sample=True)
    return None


def _alive_and_ended(
    kind: str, ended: int, alive: int | None, total: int | None, wording: Wording, *, sample: bool = False
) -> Chart | None:
    counted = ended + (alive or 0)
    whole = max(total or 0, counted)
    if not whole:
        return None
    amounts = [_counted(wording("chart.objects.ended"), ended, whole, "marked")]
    if alive is not None:
        amounts.append(_counted(wording("chart.objects.alive"), alive, whole, "plain"))
    if whole > counted:
        # Where the living are not counted, all that has not ended is alive or was not looked at.
        key = "untold" if alive is not None else "others"
        amounts.append(_counted(wording(f"chart.objects.{key}"), whole - counted, whole, "rest"))
    title = wording("chart.objects.sampled" if sample else "chart.objects.title", type=kind, count=whole)
    return bar_chart("objects", title, amounts, ("state", "objects", "share"), wording)


def _ended(case: Case, kind: str) -> int | None:
    """Ended objects of a type that are still in memory, counted and not sampled."""
    counts = [fact.int("count") for fact in case.of("dead_objects") if fact.text("type") == kind]
    whole = [fact.int("sampled") is None for fact in case.of("dead_objects") if fact.text("type") == kind]
    if counts and all(whole) and None not in counts:
        return sum(count or 0 for count in counts)
    if kind == "Process" and not counts:
        return sum(1 for process in case.of("process") if process.flag("exited")) or None
    return None


def _alive(case: Case, kind: str) -> int | None:
    """Living objects of a type, where the list of processes is whole."""
    cut = any(
        note.text("problem") in ("cut-list", "not-read", "broken") and note.text("subject") == "processes"
        for note in case.of("data_quality")
    )
    processes = [process for process in case.of("process") if not process.flag("exited")]
    if cut or len(processes) < 2:
        return None
    if kind == "Process":
        return len(processes)
    threads = [process.int("threads") for process in processes]
    return sum(count or 0 for count in threads) if kind == "Thread" and None not in threads else None


def _total(case: Case, kind: str) -> int | None:
    known = [fact.int("objects") for fact in case.of("object_type") if fact.text("type") == kind]
    if known and known[0] is not None:
        return known[0]
    counts = [tag.int("outstanding") for tag in case.of("tag") if tag.text("object_type") == kind]
    return max((count for count in counts if count is not None), default=None)


def _sampled(case: Case, kind: str) -> tuple[int, None, int] | None:
    """Ended objects among those looked at, and how many were looked at."""
    facts = [fact for fact in case.of("dead_objects") if fact.text("type") == kind]
    looked = max((fact.int("sampled") or 0 for fact in facts), default=0)
    ended = sum(fact.int("count") or 0 for fact in facts)
    return (ended, None, looked) if looked >= MIN_SAMPLED and ended <= looked else None
