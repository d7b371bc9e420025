"""A pack of rules: YAML to rules, with every mistake noted where it stands."""

import itertools
import re
from collections.abc import Mapping as MappingType
from collections.abc import Sequence as SequenceType

from ..facts import KINDS
from ..mistakes import Mistakes
from ..yamlfile import Mapping, Node, Scalar, Sequence
from .conclusion import SCALARS, read_best, read_then
from .conditions import Join, Pattern, Term
from .grammar import Conditions, field_of
from .possible import impossible, impossible_together, spoiled_by
from .rule import Rule, Status
from .thresholds import Threshold, shown

PACK_KEYS = ("pack", "rules")
RULE_KEYS = ("id", "title", "status", "version", "when", "unless", "best", "then", "references", "tests")
REQUIRED = ("id", "title", "status", "version", "when", "then")
STATUSES: tuple[Status, ...] = ("experimental", "test", "stable")

MAX_PATTERNS = 12
"""Patterns of one rule; the engine takes 16."""
MAX_TERMS = 20
"""Terms of one pattern; the engine takes about 29 joins, and each brings a guard on its own field."""
MAX_ALTERNATIVES = 16
"""Combinations of the `any` lists of one rule; each becomes a rule of the engine."""

_TIED = "the conditions of the patterns it is tied to"
_ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_PATTERN_KEY = re.compile(r"([a-z_]+)(?:\s+([a-z][a-z0-9_]*))?")
_RESERVED_ALIASES = ("share", "ratio", "range", "loop", "true", "false", "none", "any", "and", "or", "not", "is", "in")


def read(root: Node, mistakes: Mistakes, known: MappingType[str, Threshold]) -> list[Rule]:
    """The rules of a pack that could be read; mistakes are noted."""
    if not isinstance(root, Mapping):
        mistakes.add(root.place, 'a pack is a mapping with the keys "pack" and "rules"', "structure")
        return []
    for key, place, _ in root:
        if key not in PACK_KEYS:
            mistakes.unknown(place, "key", key, PACK_KEYS)
    name, listed = root.get("pack"), root.get("rules")
    if not isinstance(name, Scalar) or name.empty:
        mistakes.add(root.place, 'the pack needs a name under "pack"', "missing-key")
    if not isinstance(listed, Sequence):
        mistakes.add(root.place, 'the pack needs a list under "rules"', "structure")
        return []
    return [rule for item in listed.items if (rule := _RuleReader(mistakes, known).read(item)) is not None]


Kinds = dict[str, frozenset[str]]
"""The kinds of fact an alias may be bound to: one, or several where alternatives bind it."""


class _RuleReader:
    """Reads one rule."""

    def __init__(self, mistakes: Mistakes, known: MappingType[str, Threshold]) -> None:
        self._mistakes = mistakes
        self._thresholds = known
        self._every: frozenset[str] = frozenset()
        self._rule = ""

    def read(self, item: Node) -> Rule | None:
        before = len(self._mistakes)
        if not isinstance(item, Mapping):
            self._mistakes.add(item.place, f"a rule is a mapping with the keys {', '.join(REQUIRED)}", "structure")
            return None
        for key, place, _ in item:
            if key not in RULE_KEYS:
                self._mistakes.unknown(place, "key of a rule", key, RULE_KEYS)
        missing = [key for key in REQUIRED if key not in item.entries]
        if missing:
            self._mistakes.add(item.place, f"the rule lacks {', '.join(missing)}", "missing-key")
        texts = {key: self._text(key, node) for key, _, node in item if key in SCALARS}
        self._rule = texts.get("id", "")
        for word in ("id", "status", "version"):
            self._check(word, item, texts)
        alternatives, bound, kinds = self._when(item.get("when"))
        unless = self._unless(item.get("unless"), bound, kinds)
        if len(self._mistakes) == before:
            self._check_possible(alternatives, unless)
        best = read_best(item.get("best"), kinds, self._mistakes)
        then = read_then(item.get("then"), kinds, bound, self._mistakes)
        references = self._references(item.get("references"))
        if len(self._mistakes) > before or then is None:
            return None
        status: Status = texts["status"]  # type: ignore[assignment]
        return Rule(
            id=texts["id"],
            place=item.entries["id"][1].place,
            title=texts["title"],
            status=status,
            version=int(texts["version"]),
            alternatives=tuple(alternatives),
            unless=tuple(unless),
            best=best,
            then=then,
            references=references,
        )

    def _text(self, key: str, node: Node) -> str:
        if isinstance(node, Scalar) and not node.empty and node.text.strip():
            return node.text.strip()
        self._mistakes.add(node.place, f'"{key}" needs a single value', "structure")
        return ""

    def _check(self, key: str, item: Mapping, texts: dict[str, str]) -> None:
        text, node = texts.get(key), item.get(key)
        if not text or node is None:
            return
        if key == "id" and not _ID.fullmatch(text):
            self._mistakes.add(node.place, f'id "{text}" is not lower-case words joined by dots and dashes')
        if key == "status" and text not in STATUSES:
            self._mistakes.unknown(node.place, "status", text, STATUSES)
        if key == "version" and not re.fullmatch(r"[1-9][0-9]{0,5}", text):
            self._mistakes.add(node.place, f'version "{text}" is not a whole number from 1')

    def _when(self, node: Node | None) -> tuple[list[tuple[Pattern, ...]], Kinds, Kinds]:
        """The alternatives, the kinds of the aliases bound in all of them, and the kinds of every alias."""
        if node is None:
            return [], {}, {}
        if not isinstance(node, Sequence) or not node.items:
            self._mistakes.add(node.place, '"when" needs a list of patterns', "structure")
            return [], {}, {}
        before = len(self._mistakes)
        self._every = frozenset(_aliases(node))
        bound: Kinds = {}  # what later conditions may use
        kinds: Kinds = {}  # what templates may use
        choices: list[list[Pattern]] = []
        for item in node.items:
            group = self._choices(item)
            patterns = [p for one in group if (p := self._pattern(one, bound, required=True))]
            for pattern in patterns:
                if pattern.alias in kinds:
                    self._mistakes.add(pattern.place, f'alias "{pattern.alias}" is bound twice', "duplicate")
            every = {p.alias for p in patterns}
            for alias in every:
                kinds[alias] = frozenset(p.kind for p in patterns if p.alias == alias)
                if all(p.alias == alias for p in patterns):
                    bound[alias] = kinds[alias]
            for alias in set(_named(group)) - every:  # of a pattern that could not be read: nothing more to say of it
                kinds.setdefault(alias, frozenset())
                bound.setdefault(alias, frozenset())
            if patterns:
                choices.append(patterns)
        if len(choices) > MAX_PATTERNS:
            self._mistakes.add(node.place, f"{len(choices)} patterns in one rule; at most {MAX_PATTERNS}", "too-large")
        count = 1
        for patterns in choices:
            count *= len(patterns)
        if count > MAX_ALTERNATIVES:
            self._mistakes.add(node.place, f'"any" gives {count} combinations; at most {MAX_ALTERNATIVES}', "too-large")
            return [], bound, kinds
        alternatives = list(itertools.product(*choices))
        if len(self._mistakes) == before:  # a join that could not be read may be the one that ties
            for alternative in alternatives:
                self._check_product(alternative)
        return alternatives, bound, kinds

    def _choices(self, item: Node) -> list[Node]:
        """The patterns of an `any`, or the item itself."""
        listed = item.get("any") if isinstance(item, Mapping) else None
        if listed is None:
            return [item]
        if not isinstance(listed, Sequence) or not listed.items:
            self._mistakes.add(listed.place, '"any" needs a list of patterns', "structure")
            return []
        return list(listed.items)

    def _pattern(self, node: Node, bound: Kinds, required: bool) -> Pattern | None:
        if not isinstance(node, Mapping) or len(node.entries) != 1:
            self._mistakes.add(node.place, 'a pattern is written "kind alias: {field: condition}"', "structure")
            return None
        key, place, fields = next(iter(node))
        match = _PATTERN_KEY.fullmatch(key)
        if match is None or (required and match[2] is None):
            self._mistakes.add(place, f'"{key}" is not a pattern; expected "kind alias", as in "tag t"', "structure")
            return None
        kind, alias = match[1], match[2] or ""
        if kind not in KINDS:
            self._mistakes.unknown(place, "kind of fact", kind, KINDS)
            return None
        if alias in _RESERVED_ALIASES:
            self._mistakes.add(place, f'"{alias}" cannot be an alias; it has a meaning of its own')
        if not isinstance(fields, Mapping) and not (isinstance(fields, Scalar) and fields.empty):
            self._mistakes.add(
                fields.place, f'the conditions of "{key}" are a mapping {{field: condition}}', "structure"
            )
            return None
        conditions = Conditions(self._mistakes, self._thresholds, bound, self._every, alias, kind)
        terms: list[Term] = []
        for name, field_place, value in fields if isinstance(fields, Mapping) else ():
            field = field_of(kind, field_place, name, self._mistakes)
            terms += conditions.read(field, value) if field else []
        pattern = Pattern(kind, alias, place, tuple(terms))
        if (never := impossible(terms)) is not None:
            self._never(never, "the conditions before it", [pattern])
        if len(terms) > MAX_TERMS:
            self._mistakes.add(place, f"{len(terms)} conditions in one pattern; at most {MAX_TERMS}", "too-large")
        return pattern

    def _unless(self, node: Node | None, bound: Kinds, kinds: Kinds) -> list[Pattern]:
        if node is None:
            return []
        if not isinstance(node, Sequence):
            self._mistakes.add(node.place, '"unless" needs a list of patterns', "structure")
            return []
        patterns = [p for item in node.items if (p := self._pattern(item, bound, required=False))]
        for pattern in patterns:
            if pattern.alias in kinds:
                self._mistakes.add(pattern.place, f'alias "{pattern.alias}" is bound twice', "duplicate")
        return patterns

    def _check_product(self, patterns: tuple[Pattern, ...]) -> None:
        """A second pattern that many facts can satisfy must be tied to an earlier one by an equality."""
        many = 0
        for pattern in patterns:
            if _binds_one(pattern) or any(_ties(join) for join in pattern.joins):
                continue
            many += 1
            if many > 1:
                self._mistakes.add(
                    pattern.place,
                    f'"{pattern.kind} {pattern.alias}" is not tied to an earlier pattern: every pair of facts would be '
                    'tried; expected a condition "field: == alias.field"',
                    "not-joined",
                )
                return

    def _check_possible(self, alternatives: SequenceType[tuple[Pattern, ...]], unless: SequenceType[Pattern]) -> None:
        """Patterns that cannot hold with those they are tied to, in any alternative they take part in."""
        dead = {number: term for number, one in enumerate(alternatives) if (term := impossible_together(one))}
        for pattern in {id(p): p for alternative in alternatives for p in alternative}.values():
            within = [n for n, one in enumerate(alternatives) if any(p is pattern for p in one)]
            if all(number in dead for number in within):
                self._never(dead[within[0]], _TIED, alternatives[within[0]])
        living = [one for number, one in enumerate(alternatives) if number not in dead]
        for pattern in unless:
            terms = [impossible_together((*one, pattern)) for one in living]
            if terms and all(terms):
                self._never(terms[0], _TIED, (*living[0], pattern))

    def _never(self, term: Term | None, beside: str, patterns: SequenceType[Pattern]) -> None:
        """Note a condition that cannot hold among these patterns, where it stands or where a threshold spoils it."""
        if term is None:
            return
        spoiling = spoiled_by(patterns)
        what = f'"{term.text}" can never hold with {beside}'
        for one in spoiling:
            value, before = (shown(number, one.unit) for number in (one.value, one.before or 0))
            blame = f'thresholds."{one.name}": {value} makes rule {self._rule} impossible: {what}; it was {before}'
            self._mistakes.add(one.place, blame, "never-holds")
        if not spoiling:
            self._mistakes.add(term.place, what, "never-holds")

    def _references(self, node: Node | None) -> tuple[str, ...]:
        if node is None:
            return ()
        if not isinstance(node, Sequence) or not all(isinstance(item, Scalar) for item in node.items):
            self._mistakes.add(node.place, '"references" needs a list of texts', "structure")
            return ()
        return tuple(item.text for item in node.items if isinstance(item, Scalar))


def _aliases(when: Sequence) -> list[str]:
    """Every alias named anywhere in `when`."""
    found: list[str] = []
    for item in when.items:
        listed = item.get("any") if isinstance(item, Mapping) else None
        found += _named(listed.items if isinstance(listed, Sequence) else (item,))
    return found


def _named(patterns: SequenceType[Node]) -> list[str]:
    """The aliases of these patterns, those that cannot be read included."""
    keys = [key for one in patterns if isinstance(one, Mapping) for key, _, _ in one]
    return [match[2] for key in keys if (match := _PATTERN_KEY.fullmatch(key)) and match[2]]


def _ties(join: Join) -> bool:
    return join.op == "==" and join.factor is None


def _binds_one(pattern: Pattern) -> bool:
    """A kind there is one fact of, a fact whose key is spelt out, or a finding asked for by name."""
    kind = KINDS[pattern.kind]
    fixed = {t.field.name for t in pattern.terms if not isinstance(t, Join) and getattr(t, "op", "") == "=="}
    return kind.single or fixed >= set(kind.key) or (kind.name == "finding" and "name" in fixed)


def declared(root: Node) -> set[str]:
    """The names of all findings a pack speaks of under `then`, those of faulty rules included."""
    listed = root.get("rules") if isinstance(root, Mapping) else None
    found: set[str] = set()
    for item in listed.items if isinstance(listed, Sequence) else ():
        then = item.get("then") if isinstance(item, Mapping) else None
        name = then.get("finding") if isinstance(then, Mapping) else None
        found |= {name.text} if isinstance(name, Scalar) else set()
    return found
