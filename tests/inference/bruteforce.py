"""Random rules and facts, and a matcher that tries every combination.

Written for the tests: it shares no matching code with the program. A rule is plain data here (`Spec`); `yaml_of` writes
it as an analyst would, `matches` says what it must find.
"""

import itertools
import json
import math
import random
import re
from dataclasses import dataclass, field
from typing import Any

from dumptriage.facts import Fact

Value = str | int | float | bool

TEXTS = [
    "Thread",
    "Process",
    "nonpaged",
    "paged",
    "a",
    "",
    'say "x"',
    "back\\slash",
    "ü",
    "lsass.exe",
    "a.b",
    "$ex",
    "1",
]
TAGS = ["Thre", "Proc", "Key ", "Ps  ", "Fi'\"", "\\\\xx", "1234"]
ADDRESSES = ["fffff8054d200000", "fffff8054d200001", "ffffffffffffffff", "7fffffffffffffff", "886f5020", "00000000"]
INTS = [5, 0, 1, 2, 3, 1000, 326_514, 2**31 - 1, 2**31, 2**40, 2**62, -1]
FLOATS = [5.0, 0.0, 1.0, 2.0, 3.5, 1e-05, 87.6, 1e16, 1e22, 1e-300, 1000.0, 0.1, -1.0]

# Fields of each kind by type, a part of the vocabulary large enough for every form of condition.
SCHEMA: dict[str, dict[str, str]] = {
    "tag": {
        "tag": "tag", "pool": "pool", "outstanding": "int", "frees": "int", "bytes_each": "float",
        "times_next": "float", "object_type": "text", "known": "bool", "rank_bytes": "int",
    },
    "handles": {
        "pid": "number", "image": "text", "address": "address", "type": "text", "count": "int",
        "dead_targets": "int", "kernel": "bool",
    },
    "process": {
        "pid": "number", "image": "text", "address": "address", "handle_count": "int", "exited": "bool",
        "session": "number",
    },
    "sample": {
        "type": "text", "address": "address", "tag": "tag", "handle_count": "int", "owner_pid": "number",
        "owner_address": "address", "owner_image": "text",
    },
}  # fmt: skip
FAMILY = {"tag": "text", "pool": "text", "address": "text", "number": "int"}
VALUES: dict[str, list[Any]] = {
    "tag": TAGS, "text": TEXTS, "address": ADDRESSES, "int": INTS, "number": [5, 4, 8, 2280, 0], "float": FLOATS,
    "bool": [True, False], "pool": ["nonpaged", "paged", "session"],
}  # fmt: skip
ORDER = ["<", "<=", ">", ">="]


@dataclass
class Atom:
    """One condition: what (const, list, regex, known, ref), operator, operand and factor."""

    what: str
    op: str = "=="
    value: Any = None
    factor: float | None = None


@dataclass
class Pat:
    """One pattern: kind, alias and the conditions of each field."""

    kind: str
    alias: str
    fields: dict[str, list[Atom]] = field(default_factory=dict)


@dataclass
class Spec:
    """A rule: `when` holds groups of alternatives, most of them of one pattern."""

    name: str
    when: list[list[Pat]]
    unless: list[Pat]


# What must match -----------------------------------------------------------------------------------------------------


def matches(spec: Spec, facts: list[Fact]) -> set[frozenset[tuple[str, str]]]:
    """Every set of (alias, fact id) the rule must find."""
    found: set[frozenset[tuple[str, str]]] = set()
    for choice in itertools.product(*spec.when):
        for combination in itertools.product(*([f for f in facts if f.kind == pat.kind] for pat in choice)):
            if len({fact.id for fact in combination}) < len(combination):
                continue  # the aliases of a rule are different facts
            bound = {pat.alias: fact for pat, fact in zip(choice, combination, strict=True)}
            if not all(_satisfies(pat, bound[pat.alias], bound) for pat in choice):
                continue
            if any(
                fact.kind == pat.kind and _satisfies(pat, fact, {**bound, pat.alias: fact})
                for pat in spec.unless
                for fact in facts
            ):
                continue
            found.add(frozenset((alias, fact.id) for alias, fact in bound.items()))
    return found


def _satisfies(pat: Pat, fact: Fact, bound: dict[str, Fact]) -> bool:
    return all(_true(atom, fact.fields.get(name), bound) for name, atoms in pat.fields.items() for atom in atoms)


def _true(atom: Atom, value: Any, bound: dict[str, Fact]) -> bool:
    if atom.what == "known":
        return bool((value is not None) == atom.value)
    if value is None:
        return False
    if atom.what == "list":
        return bool(value in list(atom.value))
    if atom.what == "regex":
        return re.search(atom.value, value) is not None
    operand = atom.value
    if atom.what == "ref":
        alias, name = atom.value
        operand = bound[alias].fields.get(name)
        if operand is None:
            return False
        if atom.factor is not None:
            operand = atom.factor * float(operand) if isinstance(operand, float) else atom.factor * int(operand)
    if atom.op == "==":
        return bool(value == operand)
    if atom.op == "!=":
        return bool(value != operand)
    if atom.op == "<":
        return bool(value < operand)
    if atom.op == "<=":
        return bool(value <= operand)
    return bool(value > operand) if atom.op == ">" else bool(value >= operand)


# How an analyst writes it --------------------------------------------------------------------------------------------


def yaml_of(specs: list[Spec]) -> str:
    """A pack with these rules."""
    rules = []
    for spec in specs:
        when: list[Any] = [_pattern(g[0]) if len(g) == 1 else {"any": [_pattern(p) for p in g]} for g in spec.when]
        rule: dict[str, Any] = {"id": spec.name, "title": spec.name, "status": "test", "version": 1, "when": when}
        if spec.unless:
            rule["unless"] = [_pattern(p) for p in spec.unless]
        rule["then"] = {"finding": f"quality.{spec.name}", "severity": "info", "confidence": "high", "say": "found"}
        rules.append(rule)
    return json.dumps({"pack": "random", "rules": rules}, indent=1)


def _pattern(pat: Pat) -> dict[str, Any]:
    return {f"{pat.kind} {pat.alias}".strip(): {name: _condition(atoms) for name, atoms in pat.fields.items()}}


def _condition(atoms: list[Atom]) -> Any:
    if len(atoms) == 1 and atoms[0].what == "list":
        return [_plain(one) for one in atoms[0].value]
    if len(atoms) == 1 and atoms[0].what == "const" and atoms[0].op == "==":
        return _plain(atoms[0].value)
    return " and ".join(_atom(one) for one in atoms)


def _atom(atom: Atom) -> str:
    if atom.what == "known":
        return "is known" if atom.value else "is unknown"
    if atom.what == "regex":
        return f"matches {atom.value}"
    if atom.what == "ref":
        alias, name = atom.value
        factor = "" if atom.factor is None else f"{atom.factor} * "
        return f"{atom.op} {factor}{alias}.{name}"
    value = atom.value
    return f"{atom.op} '{value}'" if isinstance(value, str) else f"{atom.op} {_plain(value)}"


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


# Random rules and facts ----------------------------------------------------------------------------------------------


def random_facts(rng: random.Random) -> list[Fact]:
    """Up to seven facts of each kind, each field present or not."""
    facts: list[Fact] = []
    for kind, fields in SCHEMA.items():
        for number in range(rng.choice([0, 1, 3, 4, 6, 8])):
            present = [name for name in fields if rng.random() < 0.85]
            values = {name: _value(rng, fields[name]) for name in present}
            facts.append(Fact(kind, f"{kind}:{number}", values, "test"))
    rng.shuffle(facts)
    return facts


def random_rule(rng: random.Random, name: str) -> Spec:
    """A rule of one to four patterns, with joins, alternatives and exceptions."""
    when: list[list[Pat]] = []
    bound: dict[str, str] = {}
    for number in range(rng.choice([1, 1, 2, 2, 2, 3, 3, 4])):
        alias = "abcdef"[number]
        group: list[Pat] = []
        kind = rng.choice(list(SCHEMA))
        for _ in range(rng.choice([1, 1, 1, 2, 3])):
            pat = _random_pattern(rng, kind, alias, bound, tie=bool(bound))
            if pat is not None:
                group.append(pat)
        if not group:
            break
        when.append(group)
        bound[alias] = kind
    if not when or math.prod(len(group) for group in when) > 16:
        return random_rule(rng, name)
    unless = []
    for number in range(rng.choice([0, 0, 1, 2])):
        pat = _random_pattern(rng, rng.choice(list(SCHEMA)), f"u{number}", bound, tie=rng.random() < 0.6)
        if pat is not None:
            unless.append(pat)
    return Spec(name, when, unless)


def _random_pattern(rng: random.Random, kind: str, alias: str, bound: dict[str, str], tie: bool) -> Pat | None:
    pat = Pat(kind, alias)
    fields = SCHEMA[kind]
    if tie:
        ties = [
            (name, other, target)
            for name, one in fields.items()
            for other, target_kind in bound.items()
            for target, two in SCHEMA[target_kind].items()
            if _same(one, two)
        ]
        if not ties:
            return None
        # Joins on fields of small domains match more often.
        ties = [one for one in ties if fields[one[0]] in ("number", "bool", "tag", "address")] or ties
        name, other, target = rng.choice(ties)
        pat.fields[name] = [Atom("ref", "==", (other, target))]
    for name in rng.sample(list(fields), rng.choice([0, 0, 1, 1, 2] if tie else [0, 0, 1, 1, 2, 3])):
        if name not in pat.fields:
            pat.fields[name] = [_random_atom(rng, fields[name], {**bound, alias: kind} if alias else bound)]
            if fields[name] in ("int", "float") and pat.fields[name][0].what == "ref" and rng.random() < 0.3:
                pat.fields[name].append(Atom("known", value=True))
    return pat


def _random_atom(rng: random.Random, kind: str, bound: dict[str, str]) -> Atom:
    roll = rng.random()
    if roll < 0.1:
        return Atom("known", value=rng.random() < 0.5)
    if roll < 0.25 and kind not in ("bool",):
        return Atom("list", value=[_constant(rng, kind) for _ in range(rng.choice([1, 2, 3]))])
    if roll < 0.35 and FAMILY.get(kind, kind) == "text":
        return Atom("regex", value=rng.choice(["^a", "e", "ss$", r"\.exe$", "[TP]r", "^$", r"\\", '"', "0+"]))
    number = kind in ("int", "float", "number")
    if roll < 0.65 and bound:
        refs = [
            (alias, name)
            for alias, other in bound.items()
            for name, two in SCHEMA[other].items()
            if _same(kind, two) or (number and two in ("int", "float", "number"))
        ]
        if refs:
            op = rng.choice([*ORDER, "==", "!="]) if number else rng.choice(["==", "!="])
            return Atom("ref", op, rng.choice(refs), rng.choice([None, None, 0.3, 1.0, 2.0]) if number else None)
    op = rng.choice([*ORDER, "==", "==", "!="]) if number else rng.choice(["==", "==", "==", "!="])
    return Atom("const", op, _constant(rng, kind))


def _same(one: str, two: str) -> bool:
    return FAMILY.get(one, one) == FAMILY.get(two, two)


def _constant(rng: random.Random, kind: str) -> Value:
    """A constant a rule can hold: printable text that is no condition, numbers of a plain form."""
    while True:
        value = _value(rng, kind)
        if isinstance(value, str) and (not value.strip() or value.strip() != value or "." in value):
            continue
        if isinstance(value, str) and not value.isprintable():  # YAML has no lone surrogates
            continue
        if isinstance(value, float) and (abs(value) >= 1e15 or 0 < abs(value) < 1e-9):
            continue
        if isinstance(value, int) and abs(value) >= 10**15:
            continue
        return value


def _value(rng: random.Random, kind: str) -> Value:
    # One value of each type is popular, else three joins in a row would never match.
    value: Value = VALUES[kind][0] if rng.random() < 0.45 else rng.choice(VALUES[kind])
    if isinstance(value, str) and rng.random() < 0.02:
        return value + rng.choice(["\ud800", "\x00", "\n", "x" * 3000])
    return value
