"""Rules to rule sets of the C engine, in the subset of durable-rules 2.0.28 that neither crashes, hangs nor loses
results.

What goes to the engine is the kind of each pattern, comparisons with constants it can represent, the presence of
fields, and comparisons between plain fields of one type. A condition on one fact that it cannot do safely becomes a
marker: a field worked out here and asserted as 1 where it holds. What compares facts and is neither is left over for
the caller to check on the matches (`residue`).

The forms, each for a reason found by measurement:
- the first condition is `kind == X`: a pattern of absences alone loops for ever;
- the last condition of a joined pattern is always true (`_1 == first._1`): the engine reads past a false last one;
- both sides of a join have a presence guard: a missing field is an error;
- one alternative is one engine rule: `$or` fires twice and ignores the joins behind it;
- few patterns of a kind and few rules in a set: 64 and 256 are where it overruns;
- text that is not plain becomes a digest: the engine compares JSON escapes, and 16 bits of a length;
- floats always have a point, whole numbers of rules stay below 2^31, where a C long ends on Windows.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..facts import Value
from ..facts.vocabulary import Field
from .conditions import ORDERING, Compare, Join, Known, Pattern, Term
from .rows import Row, fields_of

PATTERNS_PER_KIND = 48
RULES_PER_SHARD = 40
BOOT = "boot"
"""Rule and kind of the fact that is asserted first: a state whose engine never ran an action cannot be deleted."""
NUMBER = "_n"
"""Field that carries the number of the row."""
SALT = "_salt"
"""Field that makes a fact different from one with the same 32-bit hash."""

_LONG = 2**31
_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_.:*+/! -]{1,200}")
_OPERATORS = {"<": "$lt", "<=": "$lte", ">": "$gt", ">=": "$gte"}


@dataclass(frozen=True, slots=True)
class EngineRule:
    """One alternative of a rule. `residue` are the terms left over, by alias."""

    rule: int
    alternative: int
    patterns: tuple[Pattern, ...]
    residue: tuple[tuple[str, Join], ...]


@dataclass(frozen=True, slots=True)
class Shard:
    """One rule set of the engine: its definition and what to assert of each kind of fact."""

    rules: tuple[EngineRule, ...]
    definition: str
    fields: Mapping[str, tuple[Field, ...]]
    markers: Mapping[str, tuple[tuple[str, tuple[Term, ...]], ...]]


def compile_rules(alternatives: Iterable[tuple[int, int, tuple[Pattern, ...]]]) -> tuple[Shard, ...]:
    """The shards for alternatives given as number of the rule, number of the alternative and its patterns."""
    shards: list[_ShardWriter] = []
    for rule, alternative, patterns in alternatives:
        if not shards or not shards[-1].takes(patterns):
            shards.append(_ShardWriter())
        shards[-1].add(rule, alternative, patterns)
    return tuple(shard.finish() for shard in shards)


def literal(field: Field, value: Value) -> str:
    """The JSON of a value in the engine's terms; `field` gives the one type it always has."""
    if field.type in ("text", "address"):
        return f'"{plain(str(value))}"'
    if field.type == "float":
        text = repr(float(value))
        return text if "." in text else text.replace("e", ".0e")  # a float without a point is a parse error
    return str(int(value))


def plain(text: str) -> str:
    """Text the engine compares byte by byte; anything out of the ordinary becomes a digest of itself."""
    if _PLAIN_TEXT.fullmatch(text):
        return text
    return "#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def message(row: Row, shard: Shard) -> str:
    """The JSON of a fact for a shard."""
    kind, values = row.fact.kind, row.values
    parts = [f'"kind":"{kind}","_1":1,"{NUMBER}":{row.number}']
    parts += [
        f'"{field_name(field.name)}":{literal(field, values[field.name])}'
        for field in shard.fields.get(kind, ())
        if field.name in values
    ]
    parts += [f'"{name}":1' for name, terms in shard.markers.get(kind, ()) if _all_hold(terms, row)]
    return "{" + ",".join(parts) + "}"


def _all_hold(terms: tuple[Term, ...], row: Row) -> bool:
    return all(term.holds(row, {}) for term in terms)


def field_name(name: str) -> str:
    """The engine's name of a field: prefixed, because it keeps `id` and `sid` for itself."""
    return f"f_{name}"


class _ShardWriter:
    """Collects engine rules up to the limits of one rule set."""

    def __init__(self) -> None:
        self._rules: list[EngineRule] = []
        self._bodies: list[str] = [_rule(BOOT, [_pattern("a0", [f'{{"kind":"{BOOT}"}}', '{"_1":1}'])])]
        self._per_kind: dict[str, int] = {}
        self._fields: dict[str, dict[str, Field]] = {}
        self._markers: dict[str, list[tuple[str, tuple[Term, ...]]]] = {}

    def takes(self, patterns: Sequence[Pattern]) -> bool:
        """Whether another rule fits."""
        more = Counter(pattern.kind for pattern in patterns)
        return len(self._rules) < RULES_PER_SHARD and all(
            self._per_kind.get(kind, 0) + count <= PATTERNS_PER_KIND for kind, count in more.items()
        )

    def add(self, number: int, alternative: int, patterns: tuple[Pattern, ...]) -> None:
        """Add one alternative of a rule."""
        guards: dict[str, dict[str, None]] = {pattern.alias: {} for pattern in patterns}
        for pattern in patterns:
            for join in pattern.joins:
                guards[pattern.alias][join.field.name] = None
                guards[join.alias][join.other] = None
        kinds = {pattern.alias: pattern.kind for pattern in patterns}
        names = {pattern.alias: f"a{index}" for index, pattern in enumerate(patterns)}
        residue: list[tuple[str, Join]] = []
        body: list[str] = []
        for index, pattern in enumerate(patterns):
            self._per_kind[pattern.kind] = self._per_kind.get(pattern.kind, 0) + 1
            terms = [f'{{"kind":"{pattern.kind}"}}', *self._own(pattern)]
            fields = fields_of(pattern.kind)
            terms += [self._presence(pattern.kind, fields[name]) for name in guards[pattern.alias]]
            for join in pattern.joins:
                if _native_join(join, fields_of(kinds[join.alias])[join.other]):
                    terms.append(_join(join, names[join.alias]))
                else:
                    residue.append((pattern.alias, join))
            terms.append('{"_1":{"a0":"_1"}}' if index else '{"_1":1}')
            body.append(_pattern(names[pattern.alias], terms))
        self._bodies.append(_rule(f"r{len(self._rules)}", body))
        self._rules.append(EngineRule(number, alternative, patterns, tuple(residue)))

    def finish(self) -> Shard:
        """The shard, after making sure that no two names have one hash."""
        fields = {kind: tuple(fields.values()) for kind, fields in self._fields.items()}
        markers = {kind: tuple(listed) for kind, listed in self._markers.items()}
        names = {"kind", "_1", NUMBER, SALT, "id", "sid", "$s"}
        names |= {field_name(field.name) for listed in fields.values() for field in listed}
        names |= {name for listed in markers.values() for name, _ in listed}
        if len({_fnv1a(name) for name in names}) != len(names):
            raise AssertionError("two field names have the same 32-bit hash: rename one in the vocabulary")
        return Shard(tuple(self._rules), "{" + ",".join(self._bodies) + "}", fields, markers)

    def _own(self, pattern: Pattern) -> list[str]:
        """The conditions on the fact alone: native where the engine is right, the others as one marker."""
        terms: list[str] = []
        others: list[Term] = []
        for term in pattern.own_terms:
            if isinstance(term, Compare) and _native_constant(term):
                self._fields.setdefault(pattern.kind, {})[term.field.name] = term.field
                operand = f'{{"{field_name(term.field.name)}":{literal(term.field, term.value)}}}'
                terms.append(operand if term.op == "==" else f'{{"{_OPERATORS[term.op]}":{operand}}}')
            elif isinstance(term, Known) and term.known:
                terms.append(self._presence(pattern.kind, term.field))
            else:
                others.append(term)
        if others:
            markers = self._markers.setdefault(pattern.kind, [])
            markers.append((f"m{len(markers)}", tuple(others)))
            terms.append(f'{{"{markers[-1][0]}":1}}')
        return terms

    def _presence(self, kind: str, field: Field) -> str:
        self._fields.setdefault(kind, {})[field.name] = field
        return f'{{"$ex":{{"{field_name(field.name)}":1}}}}'


def _native_constant(term: Compare) -> bool:
    if term.op == "!=":
        return False
    if term.field.type == "int":
        return isinstance(term.value, int) and abs(term.value) < _LONG
    return True


def _native_join(join: Join, other: Field) -> bool:
    if join.factor is not None or join.op == "!=":
        return False
    text = ("text", "address")
    return join.field.type == other.type or (join.field.type in text and other.type in text)


def _join(join: Join, alias: str) -> str:
    target = f'{{"{field_name(join.field.name)}":{{"{alias}":"{field_name(join.other)}"}}}}'
    return f'{{"{_OPERATORS[join.op]}":{target}}}' if join.op in ORDERING else target


def _pattern(alias: str, terms: list[str]) -> str:
    return f'{{"{alias}":{{"$and":[{",".join(terms)}]}}}}'


def _rule(name: str, patterns: list[str]) -> str:
    return f'"{name}":{{"all":[{",".join(patterns)}]}}'


def _fnv1a(name: str) -> int:
    """The engine's hash of a name (32-bit FNV-1a)."""
    value = 0x811C9DC5
    for byte in name.encode():
        value = (value ^ byte) * 16777619 & 0xFFFFFFFF
    return value
