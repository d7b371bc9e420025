"""A case read out of a dump by this program, filled up with what a debugger shows of the same dump.

What the dump itself gave stands. A debugger adds kinds of facts that are missing and fields that are unknown; where
both know a counter and it differs, a note says so.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from ..facts import Case, Fact, Value
from ..facts.vocabulary import KINDS
from .notes import contradiction

MAX_NOTES = 10
_APART = 0.01
"""Counters differ where they do by more than this part of the larger; the debugger rounds to KB."""

_BY_ANY = frozenset({"sample", "stack", "tag_module", "census", "claim", "unfreed", "handles", "dead_objects"})
"""Kinds of which each fact stands for itself. A list of another kind is whole as the dump gave it."""
_COUNTERS = {
    "pool": ("used_bytes", "max_bytes"),
    "tag": ("bytes", "outstanding"),
    "process": ("handle_count",),
    "object_type": ("objects", "handles"),
    "handles": ("count",),
    "memory": ("available_bytes", "committed_bytes", "physical_bytes"),
}
_ABOUT_ITSELF = frozenset({"missing-symbols", "several-machines"})
"""Notes about the debugger's own view, which say nothing of what this program read."""
_SUBJECTS = {"pool": "pool", "tags": "tag", "handles": "handles", "processes": "process", "modules": "module"}
"""The kind of fact that a note of what was not read is about."""


def filled(native: Case, told: Case) -> Case:
    """A case of its own: the native facts, with what the debugger adds."""
    facts = {fact.id: fact for fact in native.facts}
    same = {identity: fact.id for fact in native.facts for identity in _identities(fact)}
    whole = whole_kinds(native)
    new: list[Fact] = []
    differing: list[Fact] = []
    for fact in told.facts:
        if fact.kind == "data_quality":
            if fact.get("problem") not in _ABOUT_ITSELF:
                new.append(fact)
            continue
        known = next((same[identity] for identity in _identities(fact) if identity in same), None)
        if known is not None:
            differing += _contradictions(facts[known], fact)
            facts[known] = _completed(facts[known], fact)
        elif fact.kind not in whole or fact.kind in _BY_ANY:
            new.append(fact)
    added = {fact.kind for fact in new}
    kept = (fact for fact in facts.values() if not _is_answered(fact, added))
    case = Case(native.casefile, [*kept, *new, *differing[:MAX_NOTES]], native.machine, native.number)
    case.redaction, case.history = native.redaction, native.history
    return case


def whole_kinds(case: Case) -> set[str]:
    """Kinds the case has facts of. One process or module alone, such as that of the crash, is no list."""
    counts = Counter(fact.kind for fact in case.facts)
    return {kind for kind, count in counts.items() if count > 1 or (kind in KINDS and KINDS[kind].single)}


def _identities(fact: Fact) -> list[tuple[Value, ...]]:
    """What a fact is the same by, best first: a module its base, a process its address, else the id."""
    names = {"module": "base", "process": "address"}
    value = fact.get(names.get(fact.kind, ""))
    by_place: list[tuple[Value, ...]] = [(fact.kind, value)] if value is not None else []
    return [*by_place, (fact.id,)]


def _completed(known: Fact, fact: Fact) -> Fact:
    """A native fact with the fields that only the debugger knows, unless they are worth less than its own."""
    added = {name: value for name, value in fact.fields.items() if name not in known.fields}
    if not added or fact.quality not in ("exact", known.quality):
        return known
    return replace(known, fields={**known.fields, **added}, source=f"{known.source}, {fact.source}")


def _is_answered(fact: Fact, added: set[str]) -> bool:
    """Whether a native note says that something was not read which the debugger has shown."""
    subject = _SUBJECTS.get(fact.text("subject") or "")
    return fact.kind == "data_quality" and fact.get("problem") == "not-read" and subject in added


def _contradictions(known: Fact, fact: Fact) -> Iterator[Fact]:
    for name in _COUNTERS.get(fact.kind, ()):
        ours, theirs = known.int(name), fact.int(name)
        if ours is None or theirs is None or known.quality != "exact" or fact.quality != "exact":
            continue
        if abs(ours - theirs) > _APART * max(ours, theirs):
            what = f"{name.replace('_', ' ')} of {fact.id.replace(':', ' ')}"
            yield contradiction(fact.source, what, f"{theirs:,}", f"{ours:,}")
