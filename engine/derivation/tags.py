"""Pool tags: what is known of each, its share of the pool, its rank and the size of one allocation."""

from collections import defaultdict
from itertools import pairwise

from ..facts import Case, Fact, Value
from ..knowledge import Knowledge, module_stem
from .memory import percent, ram_bytes

WHOLE_LIST = 20
"""Modules from which a list is the machine's and not the few that somebody looked up."""


def derive(case: Case, knowledge: Knowledge) -> None:
    """Add the derived and known fields of every `tag` fact."""
    ram = ram_bytes(case)
    pools = {str(pool.get("type")): pool.int("used_bytes") for pool in case.of("pool")}
    loaded = _loaded(case)
    by_pool: dict[str | None, list[Fact]] = defaultdict(list)
    for tag in case.of("tag"):
        by_pool[tag.text("pool")].append(tag)
    for pool, members in by_pool.items():
        by_bytes = sorted((t for t in members if t.int("bytes") is not None), key=lambda t: -(t.int("bytes") or 0))
        by_count = sorted(
            (t for t in members if t.int("outstanding") is not None), key=lambda t: -(t.int("outstanding") or 0)
        )
        rank_bytes = {fact.id: rank for rank, fact in enumerate(by_bytes, 1)}
        rank_count = {fact.id: rank for rank, fact in enumerate(by_count, 1)}
        following = {fact.id: after.int("bytes") for fact, after in pairwise(by_bytes)}
        listed = sum(fact.int("bytes") or 0 for fact in by_bytes)
        used = pools.get(pool) if pool else None
        # A list that adds up to more than the pool holds shows that the two are not of one moment or one unit.
        basis, total = ("pool", used) if used and listed <= used * 1.05 else ("list", listed)
        for fact in members:
            size, count = fact.int("bytes"), fact.int("outstanding")
            known = _known(fact, knowledge)
            after = following.get(fact.id)
            case.update(
                fact,
                share_of_pool=fact.number("share_of_pool") if "share_of_pool" in fact.fields else percent(size, total),
                share_basis=basis if size is not None else None,
                rank_bytes=rank_bytes.get(fact.id),
                rank_outstanding=rank_count.get(fact.id),
                times_next=round(size / after, 2) if size and after else None,
                bytes_each=round(size / count, 2) if size and count else None,
                percent_of_ram=percent(size, ram),
                listed_tags=len(by_bytes),
                listed_percent=percent(listed, used),
                freed_percent=_freed_percent(fact),
                owner_loaded=_owner_loaded(known.get("owner") or fact.text("owner"), loaded),
                **known,
            )


def _loaded(case: Case) -> set[str]:
    """The drivers loaded, none where the list of modules is not a whole one."""
    modules = [fact for fact in case.of("module") if not fact.flag("unloaded")]
    if len(modules) < WHOLE_LIST:
        return set()
    names = {name for fact in modules for name in (fact.text("name"), fact.text("file")) if name}
    return {module_stem(name) for name in names}


def _owner_loaded(owner: object, loaded: set[str]) -> bool | None:
    """Whether the owner of a tag is loaded; None where the owner is no single driver file or nobody knows."""
    if not loaded or not isinstance(owner, str) or not owner.lower().endswith(".sys"):
        return None
    return module_stem(owner) in loaded


def _freed_percent(fact: Fact) -> float | None:
    allocs, frees = fact.int("allocs"), fact.int("frees")
    return percent(frees, allocs) if frees is not None and allocs else None


def _known(fact: Fact, knowledge: Knowledge) -> dict[str, Value | None]:
    """The known-tag fields; a tag nobody knows has class `unknown` and the owner the debugger's list gives, if any.

    A list of the user's own says whose tag it is meant to be, not what kind of tag it is: the class stays unknown.
    """
    tag = str(fact.get("tag"))
    entry = knowledge.tag(tag)
    if entry is None:
        # What an earlier run put into a facts.json from such a list is not what the debugger printed.
        printed = fact.text("owner") if fact.text("owner_source") is None else None
        known: dict[str, Value | None] = {"known": False, "tag_class": "specific" if printed else "unknown"}
        listed = knowledge.listed(tag) if printed is None else None
        if listed is not None:
            holds = f"{listed.holds} (from {listed.source})" if listed.holds else None
            known |= {"owner": listed.owner, "owner_source": listed.source, "holds": holds}
        return known
    return {
        "known": True,
        "owner": entry.owner,
        "tag_class": entry.tag_class,
        "object_type": entry.object,
        "holds": entry.holds,
        "leak": entry.leak,
        "normal": entry.normal,
        "mistaken_for": entry.mistaken_for,
        "third_party": entry.third_party,
    }
