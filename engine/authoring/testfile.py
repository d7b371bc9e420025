"""The `tests` of a rule: facts written out, or casefiles, and what the rule must make of them.

    tests:
      - fires_on: thread-handle-leak
      - silent_on: healthy
      - facts:
          - tag t: {tag: Thre, pool: nonpaged, share_of_pool: 30 %}
          - finding f: {name: step.tag-dominates, tag: Thre, confidence: high}
        says: Tag Thre takes 30.0 % of nonpaged pool.
        confidence: high
        but:
          - {t.share_of_pool: 29.9 %}
          - {t.tag: unknown}
          - {without: f}
          - {with: [data_quality: {subject: tags}]}
          - {t.share_of_pool: 95 %, fires: true}

Nothing is derived: a fact has the fields written and no others. Each entry of `but` changes the facts in one place;
the rule is then silent, unless the entry says otherwise.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from typing import Any, get_args

from ..diagnosis import Confidence, Part, Severity
from ..facts import KINDS, Fact, Value
from ..facts.fact import fact_id
from ..inference.conditions import Compare
from ..inference.grammar import Conditions, field_of
from ..mistakes import Mistakes, Place, nearest
from ..yamlfile import Mapping, Node, Scalar, Sequence

HEALTHY = "healthy"
"""In place of a casefile: every casefile its index calls healthy."""
SOURCE = "test:1"
"""The source of facts of tests."""

CASEFILE_KEYS = ("fires_on", "silent_on")
TEST_KEYS = (*CASEFILE_KEYS, "name", "facts", "says", "fires", "silent", "confidence", "but")
_EXPECTATIONS = ("says", "fires", "silent", "confidence")
_CHANGES = ("without", "with")

_FACT_KEY = re.compile(r"([a-z_]+)(?:\s+([a-z][a-z0-9_]*))?")
_FIELD_KEY = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")
_ADDRESS = re.compile(r"[0-9a-f]{8,16}")


@dataclass(frozen=True, slots=True)
class Given:
    """One fact of a test; `name` is its alias, or its kind where it has none."""

    name: str
    place: Place
    fact: Fact


@dataclass(frozen=True, slots=True)
class Expected:
    """What must come: silence, or a finding, and where they are given its whole sentence and its confidence."""

    place: Place
    fires: bool
    says: str | None = None
    confidence: Confidence | None = None


@dataclass(frozen=True, slots=True)
class InlineTest:
    """Facts and what one rule alone makes of them. `change` says which `but` it is, blank for the test itself."""

    name: str
    change: str
    facts: tuple[Given, ...]
    expected: Expected


@dataclass(frozen=True, slots=True)
class CasefileTest:
    """A casefile, or `healthy`, on which the rule fires or stays silent among all rules."""

    place: Place
    casefile: str
    fires: bool


@dataclass(frozen=True, slots=True)
class RuleTests:
    """All tests of one rule, those of `but` behind the test they change. `place` is where the rule stands."""

    rule: str
    place: Place
    inline: tuple[InlineTest, ...]
    casefiles: tuple[CasefileTest, ...]


def read_tests(root: Node, mistakes: Mistakes, casefiles: Collection[str] | None = None) -> list[RuleTests]:
    """The tests of every rule of a pack, rules without any included; mistakes are noted where they stand.

    `casefiles` are the names that may be used; where it is None they are not checked. Paths never are.
    """
    listed = root.get("rules") if isinstance(root, Mapping) else None
    found: list[RuleTests] = []
    for item in listed.items if isinstance(listed, Sequence) else ():
        name = item.get("id") if isinstance(item, Mapping) else None
        if isinstance(item, Mapping) and isinstance(name, Scalar):
            inline, named = _Reader(mistakes, casefiles).read(item.get("tests"))
            found.append(RuleTests(name.text.strip(), name.place, tuple(inline), tuple(named)))
    return found


class _Reader:
    """Reads the tests of one rule."""

    def __init__(self, mistakes: Mistakes, casefiles: Collection[str] | None) -> None:
        self._mistakes = mistakes
        self._casefiles = casefiles

    def read(self, node: Node | None) -> tuple[list[InlineTest], list[CasefileTest]]:
        inline: list[InlineTest] = []
        named: list[CasefileTest] = []
        if node is not None and not isinstance(node, Sequence):
            self._note(node.place, '"tests" needs a list')
        for item in node.items if isinstance(node, Sequence) else ():
            if not isinstance(item, Mapping):
                self._note(item.place, 'a test is a mapping with "fires_on", "silent_on" or "facts"')
                continue
            for key, place, _ in item:
                if key not in TEST_KEYS:
                    self._mistakes.unknown(place, "key of a test", key, TEST_KEYS)
            if "facts" in item.entries:
                inline += self._inline(item)
            elif not any(key in item.entries for key in CASEFILE_KEYS):
                self._note(item.place, 'the test lacks "fires_on", "silent_on" or "facts"')
            named += self._casefile_tests(item)
        return inline, named

    def _note(self, place: Place, what: str) -> None:
        self._mistakes.add(place, what, "bad-test")

    def _casefile_tests(self, item: Mapping) -> Iterator[CasefileTest]:
        for key in CASEFILE_KEYS:
            node = item.get(key)
            if node is None:
                continue
            if "facts" in item.entries:
                self._note(node.place, f'"{key}" names casefiles, so it stands in a test without "facts"')
            for one in node.items if isinstance(node, Sequence) else (node,):
                if not isinstance(one, Scalar) or one.empty:
                    self._note(one.place, f'"{key}" takes the name of a casefile or a list of names')
                elif one.text == HEALTHY and key == "fires_on":
                    self._note(one.place, f'"{HEALTHY}" stands for all healthy casefiles; name one of them')
                else:
                    self._check_casefile(one)
                    yield CasefileTest(one.place, one.text, key == "fires_on")

    def _check_casefile(self, node: Scalar) -> None:
        known = self._casefiles
        if known is None or node.text in (*known, HEALTHY) or is_path(node.text):
            return
        self._mistakes.unknown(node.place, "casefile", node.text, [*known, HEALTHY])

    def _inline(self, item: Mapping) -> list[InlineTest]:
        before = len(self._mistakes)
        facts = self._facts(item.get("facts"), [])
        expected = self._expected(item, None)
        name = item.get("name")
        if name is not None and (not isinstance(name, Scalar) or name.empty):
            self._note(name.place, '"name" needs a single text')
        label = name.text if isinstance(name, Scalar) else ""
        changed = self._changed(item.get("but"), label, facts)
        if len(self._mistakes) > before or expected is None:
            return []
        return [InlineTest(label, "", tuple(facts), expected), *changed]

    def _changed(self, node: Node | None, label: str, facts: list[Given]) -> list[InlineTest]:
        if node is None:
            return []
        if not isinstance(node, Sequence):
            self._note(node.place, '"but" needs a list of changes')
            return []
        found: list[InlineTest] = []
        for item in node.items:
            if not isinstance(item, Mapping):
                self._note(item.place, "a change is written {alias.field: value}, {without: alias} or {with: [...]}")
                continue
            changes = [(key, place, value) for key, place, value in item if key not in _EXPECTATIONS]
            expected = self._expected(item, Expected(item.place, fires=False))
            if len(changes) != 1:
                what = "changes nothing" if not changes else f"makes {len(changes)} changes at once"
                self._note(
                    item.place, f"this entry {what}; each makes exactly one, so that the test shows what it does"
                )
                continue
            after = self._change(*changes[0], facts)
            if after is not None and expected is not None:
                found.append(InlineTest(label, _shown(changes[0][0], changes[0][2]), tuple(after), expected))
        return found

    def _change(self, key: str, place: Place, value: Node, facts: list[Given]) -> list[Given] | None:
        """The facts after one change, or None after noting what is wrong with it."""
        if key == "with":
            return self._facts(value, facts)
        match = _FIELD_KEY.fullmatch(key)
        if key != "without" and match is None:
            self._note(place, f'"{key}" is no change; {nearest(key, _CHANGES)}, or alias.field as in t.tag')
            return None
        name = match[1] if match else value.text if isinstance(value, Scalar) else ""
        found = [one for one in facts if one.name == name]
        if len(found) != 1:
            where = place if match else value.place
            if found:
                self._note(where, f'{len(found)} facts are called "{name}"; give them aliases, as in "{name} a"')
            else:
                self._mistakes.unknown(where, "fact of this test", name, [one.name for one in facts])
            return None
        if match is None:
            return [one for one in facts if one is not found[0]]
        changed = self._set(found[0].fact, match[2], place, value)
        if changed is None:
            return None
        return [replace(one, fact=changed) if one is found[0] else one for one in facts]

    def _set(self, fact: Fact, name: str, place: Place, node: Node) -> Fact | None:
        """The fact with one field set, or removed by the word unknown where it is not in quotes."""
        if field_of(fact.kind, place, name, self._mistakes) is None:
            return None
        values: dict[str, Any] = {**fact.fields, "quality": fact.quality}
        if isinstance(node, Scalar) and node.plain and node.text == "unknown":
            if name not in values or name == "quality":
                self._note(place, f'the fact has no "{name}" that could be removed')
                return None
            del values[name]
        else:
            before = len(self._mistakes)
            value = self._value(fact.kind, name, place, node)
            if len(self._mistakes) > before:
                return None
            values[name] = value
        return _fact(fact.kind, values)

    def _facts(self, node: Node | None, before: list[Given]) -> list[Given]:
        """The facts listed in a node behind those before it."""
        facts = list(before)
        if not isinstance(node, Sequence) or not node.items:
            if node is not None:
                self._note(node.place, 'expected a list of facts, each written "kind alias: {field: value}"')
            return facts
        for item in node.items:
            given = self._given(item)
            if given is None:
                continue
            if given.name != given.fact.kind and any(one.name == given.name for one in facts):
                self._note(given.place, f'two facts are called "{given.name}"')
            facts.append(given)
        return facts

    def _given(self, node: Node) -> Given | None:
        if not isinstance(node, Mapping) or len(node.entries) != 1:
            self._note(node.place, 'a fact is written "kind alias: {field: value}"')
            return None
        key, place, fields = next(iter(node))
        match = _FACT_KEY.fullmatch(key)
        if match is None:
            self._note(place, f'"{key}" is no fact; expected "kind" or "kind alias", as in "tag t"')
            return None
        kind = match[1]
        if kind not in KINDS:
            self._mistakes.unknown(place, "kind of fact", kind, KINDS)
            return None
        if not isinstance(fields, Mapping) and not (isinstance(fields, Scalar) and fields.empty):
            self._note(fields.place, f'the fields of "{key}" are a mapping {{field: value}}')
            return None
        values: dict[str, Value] = {}
        for name, field_place, value_node in fields if isinstance(fields, Mapping) else ():
            value = self._value(kind, name, field_place, value_node)
            if value is not None:
                values[name] = value
        if kind == "finding":
            self._complete_finding(place, values)
        return Given(match[2] or kind, place, _fact(kind, values))

    def _value(self, kind: str, name: str, place: Place, node: Node) -> Value | None:
        """A value as conditions write it, in the unit of the vocabulary; None after noting why it is none."""
        field = field_of(kind, place, name, self._mistakes)
        if field is None:
            return None
        if kind == "finding" and name == "part":
            self._note(place, '"part" comes from the name of the finding; leave it out')
            return None
        if not isinstance(node, Scalar):
            self._note(node.place, f'"{name}" needs a single value')
            return None
        before = len(self._mistakes)
        terms = Conditions(self._mistakes, {}, {}, frozenset(), "", kind).read(field, node)
        if len(self._mistakes) > before:
            return None
        term = terms[0] if len(terms) == 1 else None
        if not isinstance(term, Compare) or term.op != "==" or node.text.startswith("="):
            self._note(node.place, f'"{node.text}" is a condition; a fact has values, as in {name}: 5')
            return None
        value = term.value
        if field.type == "int" and isinstance(value, float):
            self._note(node.place, f'"{node.text}" is no whole number, which {name} takes')
        if field.type == "address" and not _ADDRESS.fullmatch(str(value)):
            self._note(node.place, f'"{value}" is no address: lower-case hex without 0x, at least eight digits')
        return value

    def _complete_finding(self, place: Place, values: dict[str, Value]) -> None:
        """What every finding has: its part by its name, and a severity and confidence where none is given."""
        name = str(values.get("name", ""))
        part = name.partition(".")[0]
        if part not in get_args(Part):
            self._note(place, f"a finding needs a name with its part first; {nearest(part, get_args(Part))}")
        values["part"] = part
        values.setdefault("severity", "info")
        values.setdefault("confidence", int(Confidence.HIGH))
        if values["severity"] not in get_args(Severity):
            self._mistakes.unknown(place, "severity", str(values["severity"]), get_args(Severity))
        if values["confidence"] not in list(Confidence):
            self._note(place, "the confidence of a finding is certain, high, medium or low")

    def _expected(self, item: Mapping, default: Expected | None) -> Expected | None:
        """What a test or a change expects; `default` where it does not say."""
        given = [key for key in ("says", "fires", "silent") if key in item.entries]
        if len(given) > 1 or (not given and default is None):
            what = f"says both {' and '.join(given)}" if given else "does not say what it expects"
            self._note(item.place, f'the test {what}; expected one of "says", "fires: true", "silent: true"')
            return None
        fires, says, place = False, None, default.place if default else item.place
        for key in given:
            node = item.entries[key][1]
            place = node.place
            if not isinstance(node, Scalar) or node.empty or (key != "says" and node.text != "true"):
                wanted = "the whole sentence" if key == "says" else "the value true"
                self._note(place, f'"{key}" takes {wanted}')
                return None
            fires = key != "silent"
            says = folded(node.text) if key == "says" else None
        return Expected(place, fires, says, self._confidence(item, fires))

    def _confidence(self, item: Mapping, fires: bool) -> Confidence | None:
        node = item.get("confidence")
        if node is None:
            return None
        words = [one.word for one in Confidence if one]
        if not isinstance(node, Scalar) or node.text not in words:
            self._mistakes.unknown(node.place, "confidence", node.text if isinstance(node, Scalar) else "", words)
            return None
        if not fires:
            self._note(node.place, 'a rule that is silent has no confidence; add "fires: true" or "says"')
        return Confidence[node.text.upper()]


def is_path(casefile: str) -> bool:
    """Whether a casefile is given by its path, relative to the rule file, and not by its name."""
    return "/" in casefile or "." in casefile


def folded(text: str) -> str:
    """A sentence with every run of white space as one blank."""
    return " ".join(text.split())


def _fact(kind: str, values: dict[str, Any]) -> Fact:
    fields = {name: value for name, value in values.items() if name != "quality"}
    return Fact(kind, fact_id(kind, fields), fields, SOURCE, quality=values.get("quality", "exact"))


def _shown(key: str, node: Node) -> str:
    """A change as it was written, for messages."""
    if isinstance(node, Scalar):
        return f"{key}: {node.text}"
    items = node.items if isinstance(node, Sequence) else ()
    facts = [name for item in items if isinstance(item, Mapping) for name in item.entries]
    return f"{key}: {', '.join(facts)}"
