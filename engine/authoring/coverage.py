"""What the inline tests of rules try: a condition decides a test when the test comes out differently without it.

Judged by trying every combination of the few facts of a test, apart from the engine that runs the tests: a second
opinion on what a rule matches, and cheap enough for every condition of every rule.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from ..inference.conditions import ORDERING, Bound, Compare, Join, Pattern, Term, figure, needs
from ..inference.rows import Row, rows
from ..inference.rule import Rule
from ..mistakes import Place
from .testfile import InlineTest, RuleTests

CLOSE = 0.01
"""A value this close to what is needed, as a part of it, tries that side of a number ..."""
CLOSE_STEP = {"int": 1.0, "float": 0.1}
"""... and so does one that differs by no more than this."""
MAX_TRIED = 5_000
"""Combinations of facts tried for one test."""

Alternatives = tuple[tuple[Pattern, ...], ...]


@dataclass(frozen=True, slots=True)
class Untried:
    """A condition that no test tries, with what is missing."""

    rule: str
    place: Place
    what: str


@dataclass(slots=True)
class Coverage:
    """What is tried of a set of rules: how many of how many, and what is not.

    Of a rule that has no test on facts, no condition is tried; they are counted and not listed.
    """

    rules: int = 0
    untested: list[str] = field(default_factory=list)
    never_firing: list[str] = field(default_factory=list)
    never_silent: list[str] = field(default_factory=list)
    without_facts: list[str] = field(default_factory=list)
    conditions: int = 0
    decided: int = 0
    undecided: list[Untried] = field(default_factory=list)
    numbers: int = 0
    both_sides: int = 0
    one_sided: list[Untried] = field(default_factory=list)


def measure(rules: Sequence[Rule], tests: Sequence[RuleTests]) -> Coverage:
    """The coverage of these rules by these tests."""
    by_rule = {one.rule: one for one in tests}
    found = Coverage(rules=len(rules))
    for rule in rules:
        own = by_rule.get(rule.id)
        inline = own.inline if own else ()
        casefiles = own.casefiles if own else ()
        if not inline and not casefiles:
            found.untested.append(rule.id)
        else:
            found.without_facts += [] if inline else [rule.id]
            fires = [test.expected.fires for test in inline] + [test.fires for test in casefiles]
            found.never_firing += [] if any(fires) else [rule.id]
            found.never_silent += [] if not all(fires) else [rule.id]
        _measure_conditions(rule, inline, found)
    return found


def _measure_conditions(rule: Rule, inline: Sequence[InlineTest], found: Coverage) -> None:
    whole = _Conditions(rule.alternatives, rule.unless)
    tried = [_Tried.of(whole, test) for test in inline]
    for condition in _conditions(rule):
        without = condition.dropped(whole)
        deciding = [one for one in tried if bool(without.matches(one.rows)) != bool(one.matches)]
        found.conditions += 1
        found.decided += bool(deciding)
        if inline and not deciding:
            found.undecided.append(Untried(rule.id, condition.place, condition.text))
        term = condition.term
        if not isinstance(term, Compare | Join) or term.op not in ORDERING:
            continue
        missing = _missing_sides(condition, term, whole, tried, deciding)
        found.numbers += 1
        found.both_sides += not missing
        if inline and missing:
            found.one_sided.append(Untried(rule.id, condition.place, f"{condition.text}; {missing}"))


@dataclass(frozen=True, slots=True)
class _Condition:
    """One condition: a term of a pattern, or a whole pattern where `term` is None."""

    pattern: Pattern
    term: Term | None
    exception: bool

    @property
    def place(self) -> Place:
        return self.term.place if self.term else self.pattern.place

    @property
    def text(self) -> str:
        name = f"{'unless ' if self.exception else ''}{self.pattern.kind} {self.pattern.alias}".rstrip()
        return f"{name}: {self.term.text}" if self.term else name

    def dropped(self, whole: "_Conditions") -> "_Conditions":
        """The conditions of the rule without this one."""
        terms = tuple(term for term in self.pattern.terms if term is not self.term)
        changed = replace(self.pattern, terms=terms) if self.term else None
        return whole.replaced(self.pattern, changed)


def _conditions(rule: Rule) -> Iterator[_Condition]:
    """Every term once, every exception as a whole, every choice of an `any`, and every pattern without terms."""
    required = {id(pattern): pattern for patterns in rule.alternatives for pattern in patterns}
    always = [key for key in required if all(any(id(p) == key for p in one) for one in rule.alternatives)]
    for key, pattern in sorted(required.items(), key=lambda item: item[1].place):
        if not pattern.terms or key not in always:
            yield _Condition(pattern, None, exception=False)
        for term in pattern.terms:
            yield _Condition(pattern, term, exception=False)
    for pattern in rule.unless:
        yield _Condition(pattern, None, exception=True)
        for term in pattern.terms:
            yield _Condition(pattern, term, exception=True)


@dataclass(frozen=True, slots=True)
class _Conditions:
    """The conditions of a rule, some of them perhaps dropped."""

    alternatives: Alternatives
    unless: tuple[Pattern, ...]

    def replaced(self, old: Pattern, new: Pattern | None) -> "_Conditions":
        """With another pattern in place of one, or without it.

        Without one of several choices the others remain; without the only pattern of its alias, what refers to it goes
        too.
        """
        if any(pattern is old for pattern in self.unless):
            kept = tuple(new if pattern is old else pattern for pattern in self.unless)
            return _Conditions(self.alternatives, tuple(pattern for pattern in kept if pattern is not None))
        if new is None:
            others = tuple(one for one in self.alternatives if not any(pattern is old for pattern in one))
            if others:
                return _Conditions(others, self.unless)
            shorter = tuple(_without_alias((p for p in one if p is not old), old.alias) for one in self.alternatives)
            return _Conditions(shorter, _without_alias(self.unless, old.alias))
        changed = tuple(tuple(new if pattern is old else pattern for pattern in one) for one in self.alternatives)
        return _Conditions(changed, self.unless)

    def matches(self, given: Sequence[Row]) -> list[dict[str, Row]]:
        """Every combination of different facts that satisfies an alternative and no exception."""
        return [bound for bound in self.bindings(given) if not any(_blocks(p, given, bound) for p in self.unless)]

    def bindings(self, given: Sequence[Row]) -> list[dict[str, Row]]:
        """The same, whatever the exceptions say."""
        return [bound for patterns in self.alternatives for bound in _bindings(patterns, given, {}, [MAX_TRIED])]


@dataclass(frozen=True, slots=True)
class _Tried:
    """A test with what the rule matches in it."""

    rows: list[Row]
    matches: list[dict[str, Row]]

    @classmethod
    def of(cls, whole: _Conditions, test: InlineTest) -> "_Tried":
        given = rows(one.fact for one in test.facts)
        return cls(given, whole.matches(given))


def _bindings(
    patterns: tuple[Pattern, ...], given: Sequence[Row], bound: dict[str, Row], left: list[int]
) -> Iterator[dict[str, Row]]:
    if not patterns:
        yield dict(bound)
        return
    pattern = patterns[0]
    for row in given:
        left[0] -= 1
        if left[0] < 0:
            return
        if (
            row.fact.kind == pattern.kind
            and not any(row is one for one in bound.values())
            and pattern.holds(row, bound)
        ):
            yield from _bindings(patterns[1:], given, {**bound, pattern.alias: row}, left)


def _blocks(pattern: Pattern, given: Sequence[Row], bound: Bound) -> bool:
    return any(row.fact.kind == pattern.kind and pattern.holds(row, bound) for row in given)


def _without_alias(patterns: Iterable[Pattern], alias: str) -> tuple[Pattern, ...]:
    return tuple(
        replace(p, terms=tuple(t for t in p.terms if not (isinstance(t, Join) and t.alias == alias and not t.own)))
        for p in patterns
    )


def _missing_sides(
    condition: _Condition, term: Compare | Join, whole: _Conditions, tried: Sequence[_Tried], deciding: Sequence[_Tried]
) -> str:
    """Which side of a number no test tries closely, and the nearest value tried there; blank where both are tried."""
    holding, failing = _Side(term, "just holds"), _Side(term, "just fails")
    for one in tried:
        if condition.exception:
            # Among matches that this exception alone can block.
            for bound in whole.replaced(condition.pattern, None).matches(one.rows):
                for row in one.rows:
                    if row.fact.kind == condition.pattern.kind:
                        (holding if condition.pattern.holds(row, bound) else failing).add(row, bound)
            continue
        for bound in one.matches:
            holding.add(bound.get(condition.pattern.alias), bound)
        for bound in condition.dropped(whole).matches(one.rows) if any(one is other for other in deciding) else ():
            failing.add(bound.get(condition.pattern.alias), bound)
    return " and ".join(side.missing() for side in (holding, failing) if not side.close)


class _Side:
    """The values tried on one side of a number."""

    def __init__(self, term: Compare | Join, name: str) -> None:
        self._term, self._name = term, name
        self._nearest: tuple[float, str] | None = None
        self.close = False

    def add(self, row: Row | None, bound: Bound) -> None:
        """A fact that a test decides by, of which the number is compared."""
        term = self._term
        value = row.values.get(term.field.name) if row else None
        needed = term.value if isinstance(term, Compare) else term.operand(row, bound) if row else None
        if isinstance(value, str | None) or isinstance(needed, str | None):
            return
        off = round(abs(value - needed), 9)  # 2 - 1.9 is a little more than 0.1
        if self._nearest is None or off < self._nearest[0]:
            unit = term.field.unit
            self._nearest = off, f"nearest is {figure(value, unit)}, needs {needs(term.op, needed, unit)}"
        self.close = self.close or off <= max(CLOSE * abs(needed), CLOSE_STEP[term.field.type])

    def missing(self) -> str:
        """That no test tries this side closely, with the nearest one that does not."""
        return f"nothing {self._name}" + (f" ({self._nearest[1]})" if self._nearest else "")
