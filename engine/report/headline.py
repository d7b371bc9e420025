"""The verdict in one sentence, no surer than its parts."""

from ..diagnosis import Confidence, Diagnosis, VerdictPart
from ..facts import Case, Fact
from . import figures
from .wording import Wording, load

_LOOKED_AT = ("pool", "tag", "object_type", "handles", "process", "module")


def sentence(diagnosis: Diagnosis) -> str:
    """The summary of the verdict, from the wording of its state."""
    wording = load()
    verdict = diagnosis.verdict
    case = diagnosis.case
    kind = verdict.kind.name
    return wording(
        f"summary.{verdict.state}",
        cause=_cause(diagnosis, wording),
        open=_open(diagnosis, wording),
        kind=_capital(kind) if kind else None,
        resource=verdict.resource.name,
        exhausted=verdict.exhausted,
        figures=_figures(diagnosis, wording),
        pool=pool_of(diagnosis) is not None,
        measured=verdict.exhausted is False,
        looked_at=_looked_at(case, wording),
        **using(diagnosis),
        **_reported(diagnosis),
        missing=[wording(f"looked.{name}.name") for name in ("tag", "handles") if not _counted(case, name)],
        casefile=casefile_words(case, wording),
        maybe=_hedge(verdict.kind, wording),
    )


def pool_of(diagnosis: Diagnosis) -> Fact | None:
    """The pool the verdict speaks of: that of its resource, else that of its first tag."""
    case = diagnosis.case
    pools = {pool.text("type"): pool for pool in case.of("pool")}
    name = (diagnosis.verdict.resource.name or "").lower()
    for kind in ("nonpaged", "paged", "session"):
        if name.startswith(kind):
            return pools.get(kind)
    tag = top_tag(diagnosis)
    return pools.get(tag.text("pool")) if tag else None


def top_tag(diagnosis: Diagnosis) -> Fact | None:
    """The tag of the verdict that holds most bytes."""
    tags = [tag for tag in diagnosis.case.of("tag") if tag.text("tag") in diagnosis.verdict.kind.tags]
    return max(tags, key=lambda tag: tag.int("bytes") or 0, default=None)


def who(part: VerdictPart) -> str | None:
    """The name of a holder or culprit, with the process id unless the name says it."""
    if part.name is None or part.pid is None or str(part.pid) in part.name:
        return part.name
    return load()("who", name=part.name, pid=part.pid)


def _cause(diagnosis: Diagnosis, wording: Wording) -> str:
    """Who does what: as far as holder and culprit are known, each with its own reserve."""
    verdict = diagnosis.verdict
    kind = verdict.kind.name or wording("summary.leak_of_unknown_kind")
    holder, culprit = who(verdict.holder), who(verdict.culprit)
    known = _known(diagnosis)
    same = known == "self"
    noun = kind.removesuffix(" leak")
    things = f"{noun}s" if noun != kind and not noun.endswith("s") else None
    return wording(
        f"cause.{known}",
        kind=kind if verdict.state == "suspect" else _capital(kind),
        things=things,
        handles=things if noun.endswith("handle") else None,
        holder=holder,
        culprit=holder if same else culprit,
        maybe_holder=_hedge(verdict.holder, wording),
        maybe_culprit=_hedge(verdict.culprit, wording),
    )


def _known(diagnosis: Diagnosis) -> str:
    """Which of holder and culprit are known: self (one and the same), both, holder, culprit or none."""
    holder, culprit = diagnosis.verdict.holder, diagnosis.verdict.culprit
    if _same(holder.name, culprit.name):
        return "self"
    names = [name for name, known in (("holder", is_named(holder)), ("culprit", culprit.name)) if known]
    return "both" if len(names) == 2 else names[0] if names else "none"


def _open(diagnosis: Diagnosis, wording: Wording) -> str:
    """What of holder and culprit is not known; empty where it is clear whom to turn to."""
    key = f"open.{_known(diagnosis)}"
    return wording(key) if key in wording else ""


def is_named(part: VerdictPart) -> bool:
    """Whether a holder is somebody, and not a guess of what sort it is: a driver that nothing names."""
    if part.name is None or part.finding is None or part.confidence > Confidence.LOW:
        return part.name is not None
    return any(part.finding.about.get(name) is not None for name in ("module", "image", "pid", "address"))


def _same(holder: str | None, culprit: str | None) -> bool:
    """Whether holder and culprit are one; a holder may be called by what it is: driver x.sys."""
    return holder is not None and culprit is not None and (holder == culprit or holder.endswith(f" {culprit}"))


def _hedge(part: VerdictPart, wording: Wording) -> str:
    if part.confidence is Confidence.MEDIUM:
        return wording("hedge.medium") + " "
    if part.confidence is Confidence.LOW:
        return wording("hedge.low") + " "
    return ""


def _figures(diagnosis: Diagnosis, wording: Wording) -> str:
    """The arithmetic behind the verdict: how full the pool is, and how much of it the tag holds."""
    pool, tag = pool_of(diagnosis), top_tag(diagnosis)
    growth = growth_of(diagnosis)
    if growth is not None and diagnosis.verdict.resource.name is None:
        return _growth(growth, wording)
    parts = [_growth(growth, wording)] if growth is not None else []
    if pool is not None:
        parts.append(pool_use(pool, wording))
    share = tag.number("share_of_pool") if tag else None
    if tag is not None and share is not None:
        whole = "list" if tag.text("share_basis") == "list" else "it" if pool is not None else "pool"
        parts.append(
            wording(f"figure.share.{whole}", tag=tag.text("tag"), share=figures.percent(share), pool=tag.text("pool"))
        )
    elif tag is not None and (size := tag.int("bytes")) is not None:
        parts.append(wording("figure.tag", tag=tag.text("tag"), size=figures.size(size)))
    return _join(parts, wording)


def growth_of(diagnosis: Diagnosis) -> Fact | None:
    """The growth the kind of the verdict was concluded from, by itself or by what it builds on."""
    by_id = {finding.fact.id: finding for finding in diagnosis.findings}
    kind = diagnosis.verdict.kind.finding
    facts = list(kind.evidence.values()) if kind else []
    below = [fact for each in facts if each.id in by_id for fact in by_id[each.id].evidence.values()]
    return next((fact for fact in (*facts, *below) if fact.kind == "growth" and (fact.int("change") or 0) > 0), None)


def _growth(fact: Fact, wording: Wording) -> str:
    change, span, size = fact.int("change") or 0, fact.number("span_s"), fact.int("bytes_change")
    of_bytes = fact.text("unit") == "bytes"
    return wording(
        f"figure.growth.{'tag' if fact.text('quantity') == 'tag' else 'other'}",
        tag=fact.text("tag"),
        change=figures.size(change) if of_bytes else f"{figures.count(change)} {fact.text('unit')}",
        size=None if of_bytes or size is None else figures.size(size),
        span=figures.duration(span) if span else None,
    )


def _counted(case: Case, name: str) -> bool:
    """Whether tags or handles were read; the handle count of a process, without their types, is of handles too."""
    of_processes = name == "handles" and any(process.int("handle_count") is not None for process in case.of("process"))
    return of_processes or bool(case.of(name))


def _reported(diagnosis: Diagnosis) -> dict[str, str | None]:
    """What Windows itself reported to have run out, where that is all there is, and who had committed most then."""
    claim = next((one for one in diagnosis.findings if one.name == "resource.reported"), None)
    if claim is None or claim is not diagnosis.verdict.resource.finding:
        return {"reported": None, "reported_user": None, "reported_size": None}
    process = _most_committed(diagnosis)
    size = process.int("private_bytes") if process else None
    return {
        "reported": str(claim.about.get("subject")),
        "reported_user": _process(process) if process else None,
        "reported_size": figures.size(size) if size is not None else None,
    }


def _most_committed(diagnosis: Diagnosis) -> Fact | None:
    names = ("step.commit-process", "step.commit-process-largest")
    found = next((one for one in diagnosis.findings if one.name in names), None)
    return next((fact for fact in found.evidence.values() if fact.kind == "process"), None) if found else None


def _process(process: Fact) -> str | None:
    image, pid = process.text("image"), process.int("pid")
    return image if image is None or pid is None else load()("who", name=image, pid=pid)


def using(diagnosis: Diagnosis) -> dict[str, str | None]:
    """The process that has committed most, with its share, where a step names one; a holder it is not."""
    process = _most_committed(diagnosis)
    share = process.number("share_of_commit") if process else None
    user = _process(process) if process else None
    if user is None or share is None:
        return {"user": None, "user_share": None}
    return {"user": user, "user_share": figures.percent(share)}


def pool_use(pool: Fact, wording: Wording, form: str = "figure") -> str:
    """How full a pool is: of its maximum where it has a fixed one, else of RAM, else in bytes."""
    used = pool.int("used_bytes")
    name = wording.first(f"pool.{pool.text('type')}", "pool.other")
    of_max, of_ram = pool.number("percent_of_max"), pool.number("percent_of_ram")
    if of_max is not None:
        return wording(f"{form}.of_max", pool=name, percent=figures.percent(of_max))
    if of_ram is not None and used is not None:
        return wording(f"{form}.of_ram", pool=name, used=figures.size(used), percent=figures.percent(of_ram))
    if used is not None:
        return wording(f"{form}.used", pool=name, used=figures.size(used))
    return wording(f"{form}.unknown", pool=name)


def _looked_at(case: Case, wording: Wording) -> str:
    parts = [pool_use(pool, wording, "figure.looked") for pool in case.of("pool")]
    for name in _LOOKED_AT[1:]:
        number = len(case.of(name))
        if number:
            parts.append(wording(f"looked.{name}.count", count=number))
    return _join(parts, wording)


def casefile_words(case: Case, wording: Wording) -> str:
    """What kind of casefile it is, a dump with its type."""
    system = case.one("system")
    kind = system.text("dump_type") if system else None
    if case.casefile.kind == "dump" and kind:
        return wording("casefile.dump_of_type", kind=kind)
    return wording(f"casefile.{case.casefile.kind}")


def _join(parts: list[str], wording: Wording) -> str:
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {wording('and')} {parts[-1]}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
