"""Several casefiles joined into one case: the facts of the latest, with the history of what all of them read."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from ..errors import CasefileError
from ..facts import Case, Fact, new, note
from .growth import brought
from .history import history_of
from .identity import Comparison, Traits, clock_is_utc, compare, traits
from .order import Placed, placed
from .processes import Processes

MAX_CASEFILES = 100

_POOLS = ("pool", "tag", "memory", "census")
_GROUPS = (
    ("drivers", ("module", "tag_module")),
    ("processes, handles and objects", ("process", "handles", "object_type", "dead_objects", "sample")),
    ("pools and memory", _POOLS),
)
"""What may come of an earlier casefile where the latest has nothing of it, always together: one moment, no mixture."""

_WITH_TAGS = "pools, tags and memory"

_OWN = frozenset({"system", "snapshot", "data_quality", "growth"})
"""What is of one casefile, or is made of all of them."""

_LASTING = (
    "os",
    "build",
    "product_type",
    "architecture",
    "processors",
    "ram_bytes",
    "kernel_base",
    "computer",
    "pool_limits",
)
"""What of the system is the same all along."""


def joined(cases: Sequence[Case]) -> Case:
    """One case of two or more, given in any order.

    Raises CasefileError where two of them are the same, or are not of one machine and one boot of it.
    """
    _check_doubles(cases)
    seen = [traits(case) for case in cases]
    pairs = {(a, b): compare(seen[a], seen[b]) for a, b in combinations(range(len(cases)), 2)}
    for (a, b), comparison in pairs.items():
        _check_pair(seen[a], seen[b], comparison)
    found = placed(cases)
    processes = Processes(found)
    latest = found[-1].case
    case = Case(latest.casefile, _facts(found), latest.machine)
    case.redaction = latest.redaction
    case.history = history_of(found, processes)
    case.extend(brought(found, case.history))
    case.extend(_snapshots(found))
    case.extend(_notes(cases, pairs, found, processes))
    return case


def _check_doubles(cases: Sequence[Case]) -> None:
    by_hash: dict[str, Case] = {}
    for case in cases:
        hashes = [case.casefile.sha256, *(fact.text("sha256") or "" for fact in case.of("snapshot"))]
        for each in dict.fromkeys(filter(None, hashes)):
            other = by_hash.setdefault(each, case)
            if other is not case:
                names = " and ".join(dict.fromkeys((other.casefile.name, case.casefile.name)))
                raise CasefileError(
                    f"{names} {'are' if ' and ' in names else 'is given twice:'} the same casefile (SHA-256 "
                    f"{each[:16]}...), which shows no growth; give each snapshot once"
                )


def _check_pair(one: Traits, two: Traits, comparison: Comparison) -> None:
    against = (*comparison.machine, *comparison.boot)
    if not against:
        return
    if comparison.machine and not comparison.shows_machine:
        what, advice = "one machine", "compare casefiles of one machine"
    elif comparison.shows_machine:
        what = "one boot of their machine"
        advice = "its counters began anew in between, compare casefiles made between two starts"
    else:
        what, advice = "one boot of one machine", "compare casefiles made of one machine between two starts"
    raise CasefileError(
        f"{one.name} and {two.name} are not of {what} ({'; '.join(against[:4])}): {advice}, or report each by itself"
    )


def _facts(found: Sequence[Placed]) -> Iterator[Fact]:
    """The facts of the latest casefile, and of earlier ones what it has nothing of."""
    latest = found[-1].case
    replaced = _POOLS if _tags_of(found) is not None else ()
    system = latest.one("system")
    lasting = {
        name: value
        for one in found
        if (earlier := one.case.one("system")) is not None
        for name in _LASTING
        if (value := earlier.get(name)) is not None
    }
    for fact in latest.facts:
        if fact.kind == "system":
            yield replace(fact, fields={**lasting, **fact.fields})
        elif fact.kind not in ("snapshot", "growth", *replaced):
            yield fact
    if system is None and lasting:
        yield Fact("system", "system", lasting, ", ".join(one.case.casefile.name for one in found[:-1]))
    for number, kinds, facts in _taken_over(found):
        name = found[number].case.casefile.name
        for fact in facts:
            yield replace(fact, source=f"{name}: {fact.source}")
        yield _note(
            found[-1],
            "not-recorded",
            kinds.split(",")[0],
            "info",
            f"{latest.casefile.name} has {'no pool tags' if kinds == _WITH_TAGS else f'nothing of {kinds}'}; "
            f"{'they' if kinds != _WITH_TAGS else kinds} are of snapshot {number + 1}, {name}.",
        )
    yield from _unlisted(found)


def _unlisted(found: Sequence[Placed]) -> Iterator[Fact]:
    """Of a latest casefile that names only some processes: the others, of the last one before that lists them all.
    Where they grew and whether they have ended since, it does not deny."""
    latest = found[-1].case
    if not _names_some(latest):
        return
    for number in reversed(range(len(found) - 1)):
        one = found[number].case
        if one.one("process") is None or _names_some(one):
            continue
        named = {fact.get("pid") for fact in latest.of("process")}
        others = [fact for fact in one.of("process") if fact.get("pid") not in named]
        for fact in others:
            yield replace(fact, source=f"{one.casefile.name}: {fact.source}")
        if others:
            text = (
                f"{latest.casefile.name} names only some of the processes; the others are of snapshot {number + 1}, "
                f"{one.casefile.name}, and may have ended since."
            )
            yield _note(found[-1], "not-recorded", "processes", "info", text)
        return


def _names_some(case: Case) -> bool:
    return case.one("process") is not None and any(case.where("data_quality", problem="cut-list", subject="processes"))


def _taken_over(found: Sequence[Placed]) -> Iterator[tuple[int, str, list[Fact]]]:
    """Of casefiles of the very moment of the latest, as a log and the answer to what was still needed of it, all that
    the latest has nothing of; then of earlier moments, group by group."""
    latest = found[-1]
    have = {fact.kind for fact in latest.case.facts} | _OWN
    for number in reversed(range(len(found) - 1)):
        facts = [fact for fact in found[number].case.facts if fact.kind not in have]
        if facts and _one_moment(found[number], latest):
            kinds = list(dict.fromkeys(fact.kind for fact in facts))
            have.update(kinds)
            yield number, ", ".join(kind.replace("_", " ") for kind in kinds), facts
    tagged = _tags_of(found)
    if tagged is not None:
        have.update(_POOLS)
        yield tagged, _WITH_TAGS, [fact for kind in _POOLS for fact in found[tagged].case.of(kind)]
    for words, group in _GROUPS:
        if have.intersection(group):
            continue
        for number in reversed(range(len(found) - 1)):
            facts = [fact for kind in group for fact in found[number].case.of(kind)]
            if facts:
                yield number, words, facts
                break


def _tags_of(found: Sequence[Placed]) -> int | None:
    """The last casefile with pool tags, where the latest has totals of pools or memory alone, of another moment: tags
    say what leaks, and their shares are of totals of their own moment."""
    latest = found[-1]
    if latest.case.one("tag") is not None or not any(latest.case.one(kind) for kind in _POOLS):
        return None
    for number in reversed(range(len(found) - 1)):
        if found[number].case.one("tag") is not None:
            return None if _one_moment(found[number], latest) else number
    return None


def _one_moment(one: Placed, two: Placed) -> bool:
    """Whether both were made of one dump, or at one stop of the machine."""
    first, second = one.moments[-1], two.moments[-1]
    return None not in (first.time, first.uptime_s) and (first.time, first.uptime_s) == (second.time, second.uptime_s)


def _snapshots(found: Sequence[Placed]) -> Iterator[Fact]:
    for number, one in enumerate(found, 1):
        first, last, file = one.moments[0], one.moments[-1], one.case.casefile
        series = one.case.one("snapshot") if len(one.moments) > 1 else None
        yield new(
            "snapshot",
            source=file.name,
            number=number,
            name=file.name,
            sha256=file.sha256,
            source_kind=file.kind,
            time=f"{first.time:%Y-%m-%dT%H:%M:%SZ}" if first.time else None,
            until=f"{last.time:%Y-%m-%dT%H:%M:%SZ}" if last.time and len(one.moments) > 1 else None,
            uptime_s=last.uptime_s,
            readings=len(one.moments),
            interval_s=series.number("interval_s") if series else None,
            placed_by=one.placed_by,
        )


def _notes(
    cases: Sequence[Case], pairs: dict[tuple[int, int], Comparison], found: Sequence[Placed], processes: Processes
) -> Iterator[Fact]:
    """What weakens the comparison."""
    boot = _connected(len(cases), [pair for pair, comparison in pairs.items() if comparison.shows_boot])
    machine = _connected(len(cases), [pair for pair, each in pairs.items() if each.shows_boot or each.shows_machine])
    if not boot:
        what = "boot of the machine" if machine else "machine and one boot of it"
        text = (
            f"Nothing in these {len(cases)} casefiles contradicts that they are of one {what}, but nothing that is "
            "peculiar to it (time of boot, kernel base, addresses of processes) shows it either."
        )
        yield _note(found[-1], "second-hand", "snapshots", "info" if machine else "warning", text)
    for clock in [each.clock for each in pairs.values() if each.clock][:1]:
        text = (
            f"The clock of the machine was set between the snapshots, by up to {clock}; spans and rates that rest on "
            "it are wrong by as much."
        )
        yield _note(found[-1], "undated", "snapshots", "warning", text)
    local = [one.case.casefile.name for one in found if one.time and not clock_is_utc(one.case)]
    if local and len(local) < len(found):
        text = (
            f"The times of {_listed(local)} may be local ones, taken here as UTC: the order among the others and the "
            "spans may be off by hours."
        )
        yield _note(found[-1], "undated", "snapshots", "warning", text)
    undated = [one.case.casefile.name for one in found if one.placed_by == "order given"]
    if undated:
        text = (
            f"{_listed(undated)} {'carries' if len(undated) == 1 else 'carry'} no time: the order is the one given on "
            "the command line, and growth has no rate."
        )
        yield _note(found[-1], "undated", "snapshots", "warning", text)
    if not boot and [one.case for one in found] != list(cases) and all(one.placed_by == "uptime" for one in found):
        text = (
            "By their time since boot the casefiles stand in another order than the one given. If the machine was "
            "restarted in between, nothing here is growth."
        )
        yield _note(found[-1], "restart", "snapshots", "warning", text)
    for one in found[:-1]:
        flaws = sum(note.text("severity") == "warning" for note in one.case.of("data_quality"))
        if flaws:
            name = one.case.casefile.name
            text = f"{name} has {flaws} flaw{'' if flaws == 1 else 's'} of its own; a report of it alone names them."
            yield _note(one, "second-hand", "snapshots", "info", text)
    for one in found:
        worked_out = sum(snapshot.int("readings") or 1 for snapshot in one.case.of("snapshot"))
        if one.case.history is None and worked_out > 1:
            text = (
                f"{one.case.casefile.name} comes as facts of {worked_out:,} snapshots: only the last is compared here, "
                "beside the growth already worked out. To compare all, give the casefiles themselves."
            )
            yield _note(one, "second-hand", "snapshots", "info", text)
    if processes.assumed:
        text = (
            "Some processes of the same id and image in two casefiles are taken for one process, as neither EPROCESS "
            "nor age is in both to show it: where one ended and another got its id, what looks like growth is none."
        )
        yield _note(found[-1], "not-recorded", "processes", "info", text)


def _connected(count: int, pairs: Sequence[tuple[int, int]]) -> bool:
    """Whether the pairs tie all of them together."""
    groups = list(range(count))
    for a, b in pairs:
        old, given = groups[a], groups[b]
        groups = [given if group == old else group for group in groups]
    return len(set(groups)) == 1


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:3])
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _note(latest: Placed, problem: str, subject: str, severity: str, text: str) -> Fact:
    return note(problem, subject, text, latest.case.casefile.name, severity=severity)
