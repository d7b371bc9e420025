"""Facts read twice made one: what two outputs of one machine say of the same thing.

Facts of the same id that do not contradict one another are joined. Where two snapshots of the same counters differ,
the last is kept whole, never a mixture, and a note says so.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from ...facts import Fact, Value, note
from ...facts.fact import fact_id
from ...facts.vocabulary import QUALITIES

_SNAPSHOTS = frozenset({"memory", "pool", "tag", "census"})
"""Kinds that are counters of one moment: two that differ are two moments."""

_LIVING = frozenset({"process", "handles"})
"""Kinds that change while a machine runs: of one process the later reading holds."""

_LATEST = frozenset({"system", "claim"})
"""Kinds of which there is one; where two differ in a field the later reading holds."""

_WORDS = frozenset({"description", "owner", "first_blocks", "limit", "text", "share_basis"})
"""Fields in which two readings of one moment may differ."""

_ORDER = {"exact": 0, "rounded": 1, "lower-bound": 2, "suspect": 3}
assert set(_ORDER) == set(QUALITIES)

_WHAT = {"memory": "memory", "pool": "pool", "tag": "tags", "census": "tags"}
MAX_SOURCES = 4
MAX_NOTES = 20

MOST_BYTES = 2**52
"""4 PB: no machine has more."""


def merged(facts: Iterable[Fact]) -> list[Fact]:
    """The facts of one machine, joined where they speak of the same thing, in the order first read."""
    result: dict[str, Fact] = {}
    replaced: dict[str, list[Fact]] = {}
    notes: set[tuple[Value | None, ...]] = set()
    repeats: dict[str, int] = {}
    believed, impossible_rows = without_impossible_rows(facts)
    for fact in _without_doubles(believed):
        if fact.kind == "data_quality":
            said = (fact.get("problem"), fact.get("subject"), fact.get("text"))
            if said in notes:
                continue
            notes.add(said)
        known = result.get(fact.id)
        if known is None:
            result[fact.id] = fact
        elif not _differ(known, fact) or fact.kind in _LATEST:
            result[fact.id] = joined(known, fact)
        elif fact.kind in _SNAPSHOTS:
            result[fact.id] = better = fact if _weight(fact) >= _weight(known) else known
            replaced.setdefault(fact.kind, []).append(known if better is fact else fact)
        elif fact.kind in _LIVING and _one_holder(known, fact):
            result[fact.id] = joined(known, fact) if fact.kind == "process" else fact
        else:
            repeats[fact.id] = repeats.get(fact.id, 1) + 1
            result[f"{fact.id}\0{repeats[fact.id]}"] = fact
    kept, impossible = _possible(list(result.values()))
    return [*kept, *impossible_rows, *impossible, *(_replaced_note(kind, old) for kind, old in replaced.items())]


def without_impossible_rows(facts: Iterable[Fact]) -> tuple[list[Fact], list[Fact]]:
    """The facts without rows of tags whose bytes are fewer than their allocations, and the notes of it: such a row was
    cut, shifted or misread, and nothing in it can be believed."""
    kept: list[Fact] = []
    notes: list[Fact] = []
    for fact in facts:
        used, outstanding = fact.int("bytes"), fact.int("outstanding")
        if fact.kind == "tag" and used is not None and outstanding is not None and used < outstanding:
            text = f"{fact.text('tag')} reads {outstanding:,} allocations in {used:,} bytes; the row was left out."
            notes.append(_note("impossible-counter", "tags", "warning", text, fact))
        else:
            kept.append(fact)
    return kept, notes[:MAX_NOTES]


def _possible(facts: list[Fact]) -> tuple[list[Fact], list[Fact]]:
    """The facts without nonpaged bytes above physical memory, or above what any machine has, and the notes of it."""
    sizes = [size for f in facts for name in ("physical_bytes", "ram_bytes") if (size := f.int(name))]
    ram = min(sizes) if sizes else MOST_BYTES
    kept: list[Fact] = []
    notes: list[Fact] = []
    for fact in facts:
        name = {"tag": "bytes", "pool": "used_bytes"}.get(fact.kind, "")
        bound = ram if "nonpaged" in (fact.get("pool"), fact.get("type")) else MOST_BYTES
        used = fact.int(name) or 0
        if used > bound:
            fields = {key: value for key, value in fact.fields.items() if key != name}
            what = fact.text("tag") or "pool"
            bytes_note = f"{what} reads {used:,} bytes, more than the machine can hold; the figure was left out."
            notes.append(_note("impossible-counter", _WHAT[fact.kind], "warning", bytes_note, fact))
            fact = replace(fact, fields=fields)
        kept.append(fact)
    return kept, notes[:MAX_NOTES]


def _weight(fact: Fact) -> tuple[int, bool]:
    """What decides between two readings before the order: their quality, and `!vm` before all other summaries."""
    return -_ORDER[fact.quality], fact.verify == "!vm"


def joined(first: Fact, second: Fact) -> Fact:
    """One fact of two: the fields of both, the later reading where they differ, the weaker quality."""
    added = [name for name in second.fields if first.fields.get(name) != second.fields[name]]
    if not added:
        return first
    fields: Mapping[str, Value] = {**first.fields, **second.fields}
    sources = first.source.split(", ")
    if second.source not in sources and len(sources) < MAX_SOURCES:
        sources.append(second.source)
    quotes = [quote for quote in (first.quote, second.quote) if quote]
    return replace(
        first,
        id=fact_id(first.kind, fields),
        fields=fields,
        source=", ".join(sources),
        quality=max(first.quality, second.quality, key=_ORDER.__getitem__),
        quote="\n".join(dict.fromkeys(quotes)) if quotes else None,
    )


def _differ(first: Fact, second: Fact) -> bool:
    return any(
        name not in _WORDS and name in first.fields and first.fields[name] != value
        for name, value in second.fields.items()
    )


def _without_doubles(facts: list[Fact]) -> list[Fact]:
    """Drop pool totals of `!poolused` where `!vm` gave the pool, and join processes listed once with and once without
    their address (`!vm` lists them by pid)."""
    from_vm = {fact.text("type") for fact in facts if fact.kind == "pool" and fact.verify != "!poolused"}
    addressed: dict[Value, Fact | None] = {}
    for fact in facts:
        pid = fact.get("pid")
        if fact.kind == "process" and pid is not None and "address" in fact.fields:
            same = addressed.get(pid, fact)
            addressed[pid] = fact if same and same.get("address") == fact.get("address") else None
    kept: list[Fact] = []
    for fact in facts:
        if fact.kind == "pool" and fact.verify == "!poolused" and fact.text("type") in from_vm:
            continue
        if fact.kind == "process" and "address" not in fact.fields and (pid := fact.get("pid")) is not None:
            known = addressed.get(pid)
            if known and _same_image(known, fact):
                fields = {**fact.fields, "address": known.fields["address"]}
                if known.get("image"):
                    fields["image"] = known.fields["image"]
                fact = replace(fact, fields=fields, id=fact_id("process", fields))
        kept.append(fact)
    return kept


def _same_image(first: Fact, second: Fact) -> bool:
    """Kernel image names are cut to 14 or 15 characters; other commands print them whole."""
    one, two = ((fact.text("image") or "").lower() for fact in (first, second))
    return one.startswith(two) or two.startswith(one)


def _one_holder(first: Fact, second: Fact) -> bool:
    """Whether two readings of one id are of one process at two moments. Lists that are cut say less, not later."""
    if "pid" not in first.fields or not _same_image(first, second):
        return False
    whole = first.quality == second.quality == "exact"
    return whole and first.get("kernel") == second.get("kernel")


def _replaced_note(kind: str, old: list[Fact]) -> Fact:
    figures = "an earlier reading was" if len(old) == 1 else f"{len(old)} earlier readings were"
    text = f"The log holds {_WHAT[kind]} figures of more than one moment; the last is used, {figures} set aside."
    return _note("not-read", _WHAT[kind], "info", text, old[0])


def _note(problem: str, subject: str, severity: str, text: str, about: Fact) -> Fact:
    line = about.source.split(", ")[0].rpartition(":")[2]
    number = int(line) if line.isdigit() else None
    return note(problem, subject, text, about.source, severity=severity, line=number, quote=about.quote)
