"""What to ask the debugger for when a kind of fact is missing: its name in words and the commands that show it."""

from collections.abc import Mapping, Sequence
from functools import reduce

from .conditions import Compare, Pattern
from .rows import Row

_MISSING: dict[str, tuple[str, tuple[str, ...]]] = {
    "system": ("the system's version and uptime", ("vertarget",)),
    "memory": ("the memory totals", ("!vm 1",)),
    "pool": ("the pool totals", ("!vm 1",)),
    "tag": ("pool usage by tag", ("!poolused 2", "!poolused 4")),
    "tag_group": ("pool usage by tag", ("!poolused 2", "!poolused 4")),
    "object_type": ("the counts of an object type", ("dt nt!_OBJECT_TYPE poi(nt!<variable of {bare type}>)",)),
    "process": ("the list of processes", ("!process 0 0",)),
    "handles": ("handles by process and type", ("!process 0 0", "!handle 0 3 0 {type}")),
    "dead_objects": ("ended threads and processes in memory", ("!process 0 0", "!poolfind Thre", "!poolfind Proc")),
    "module": ("the list of modules", ("lm kv",)),
    "defect": ("the list of modules", ("lm kv",)),
    "tag_module": ("which module holds the tag", ("!for_each_module s -a @#Base @#End \"{tag}\"",)),
    "stack": ("a call stack that allocates the tag", ("wpr -start Pool",)),
    "census": ("an enumeration of pool blocks", ("!poolfind {tag} 0",)),
    "sample": ("a sampled object", ("!poolfind {tag} 0", "!object <address>")),
    "unfreed": ("what a driver had not freed when it was unloaded", ("!verifier 3", "!wdfkd.wdflogdump <driver>")),
    "growth": ("a second snapshot to compare with", ("poolmon -n pool-<number>.log, every 30 minutes for 3 hours",)),
}  # fmt: skip

DERIVED_FROM = {"tag_group": "tag", "defect": "module"}
"""Kinds worked out of another one: where that one is there, their absence is an answer."""

ABSENCE_IS_ANSWER = frozenset({"finding", "claim", "data_quality", "gap"})
"""Kinds that are there only when there is something to say."""

LABELS = frozenset(
    {
        *(("tag", name) for name in ("object_type", "owner", "holds", "tag_class", "third_party", "description")),
        *(("tag", name) for name in ("group_lead", "group_size", "leak", "normal", "mistaken_for")),
        *(("tag_group", name) for name in ("lead_owner", "lead_class", "followers_owner")),
        *(("module", name) for name in ("vendor", "company", "product", "description", "report_to", "asks")),
        *(("sample", name) for name in ("name", "start_module", "ended_s")),
    }
)
"""Fields that are known only where they apply: that no fact has one is an answer, not a gap in the evidence."""


def answers(kind: str, facts: Mapping[str, Sequence[Row]]) -> bool:
    """Whether it is an answer, and not a gap in the evidence, that a case has no fact of a kind."""
    return kind in ABSENCE_IS_ANSWER or bool(facts.get(DERIVED_FROM.get(kind, "")))


def words(kind: str) -> str:
    """A kind of fact as an analyst would call it."""
    return _MISSING[kind][0] if kind in _MISSING else f"{kind.replace('_', ' ')} facts"


def commands(pattern: Pattern) -> tuple[str, ...]:
    """The debugger commands that would supply the facts of a pattern, with the type or tag it asks for."""
    constants = {t.field.name: str(t.value) for t in pattern.terms if isinstance(t, Compare) and t.op == "=="}
    object_type = constants.get("type", "<type>")
    tag = constants.get("tag", "<tag>")
    listed = _MISSING.get(pattern.kind, ("", ()))[1]
    if object_type == "*":  # handles of all types together
        listed = tuple(command.replace(" {type}", "") for command in listed)
    words = {"{type}": object_type, "{bare type}": object_type.strip("<>"), "{tag}": tag}
    return tuple(reduce(lambda text, word: text.replace(*word), words.items(), command) for command in listed)
