"""Coverage: which conditions no test decides, and which numbers are tried on one side only."""

import pytest
from testedpacks import FACTS, load, read

from dumptriage.authoring.coverage import Coverage, measure
from dumptriage.mistakes import Mistakes

FIRES = FACTS + "fires: true\n        but:\n"
ALL = """\
          - {t.pool: paged}
          - {t.share_of_pool: 29.9 %}
          - {t.rank_bytes: 3}
          - {h.type: Key}
          - {h.count: 499}
          - {with: [finding: {name: normal.seen, tag: Thre}]}
          - {with: [finding: {name: normal.seen, tag: Proc}], fires: true}
          - {with: [finding: {name: normal.other, tag: Thre}], fires: true}
"""
"""Changes that decide every condition of the rule."""


def coverage(tests: str) -> Coverage:
    mistakes = Mistakes()
    rulebook, found = read(f"      {tests.lstrip()}", mistakes)
    mistakes.raise_if_any()
    return measure(rulebook.rules[:1], found)


def test_everything_decided() -> None:
    found = coverage(FIRES + ALL)
    assert (found.conditions, found.decided, found.undecided) == (8, 8, [])
    assert (found.numbers, found.both_sides, found.one_sided) == (3, 3, [])
    assert found.untested == found.never_firing == found.never_silent == []


@pytest.mark.parametrize(
    ("line", "undecided"),
    [
        ("t.pool", "tag t: pool == nonpaged"),
        ("t.rank_bytes", "tag t: rank_bytes <= 2"),
        ("h.type", "handles h: type == t.object_type"),
        ("h.count", "handles h: count >= 0.5 * t.outstanding"),
        ("seen, tag: Thre", "unless finding n"),
        ("seen, tag: Proc", "unless finding n: tag == t.tag"),
        ("other, tag: Thre", "unless finding n: name == normal.seen"),
    ],
)
def test_condition_without_the_test_that_decides_it(line: str, undecided: str) -> None:
    left = "".join(one for one in ALL.splitlines(keepends=True) if line not in one)
    assert [one.what for one in coverage(FIRES + left).undecided] == [undecided]


@pytest.mark.parametrize(
    ("old", "new", "missing"),
    [
        ("h.count: 499", "h.count: 200", "nothing just fails (nearest is 200, needs at least 500)"),
        ("t.rank_bytes: 3", "t.rank_bytes: 9", "nothing just fails (nearest is 9, needs at most 2)"),
        ("pool: 29.9 %", "pool: 20 %", "nothing just fails (nearest is 20 %, needs at least 30 %)"),
        ("          - {t.rank_bytes: 3}\n", "", "nothing just fails"),
        ("pool: 29.9 %", "pool: 29.7 %", None),
        ("pool: 29.9 %", "pool: 29.69 %", "nothing just fails (nearest is 29.69 %, needs at least 30 %)"),
        ("t.rank_bytes: 3", "t.rank_bytes: unknown", "nothing just fails"),
    ],
)  # fmt: skip
def test_number_tried_on_one_side_only(old: str, new: str, missing: str | None) -> None:
    found = coverage(FIRES + ALL.replace(old, new))
    assert [one.what.partition("; ")[2] for one in found.one_sided] == ([missing] if missing else [])


def test_number_that_never_just_holds() -> None:
    found = coverage(FIRES.replace("count: 500", "count: 5000") + ALL)
    (one,) = found.one_sided
    assert (str(one.place), one.rule) == ("p.yaml:9:52", "a.large-tag")
    assert one.what.endswith("; nothing just holds (nearest is 5,000, needs at least 500)")


def test_rules_without_tests_are_counted_with_all_their_conditions() -> None:
    rulebook, found = read(f"      {FACTS.lstrip()}fires: true\n", Mistakes())
    measured = measure(rulebook.rules, found)
    assert (measured.rules, measured.untested, measured.never_silent) == (2, ["b.seen"], ["a.large-tag"])
    assert (measured.conditions, measured.decided) == (9, 0)
    assert {one.rule for one in measured.undecided} == {"a.large-tag"}


def test_each_choice_of_any_needs_a_test_that_fires_by_it_alone() -> None:
    text = """\
pack: Any
rules:
  - id: a.any
    title: Any
    status: test
    version: 1
    when:
      - any:
          - pool p: {percent_of_max: ">= 80 %"}
          - pool p: {used_bytes: ">= 1 GB"}
    then: {finding: step.any, severity: info, confidence: high, say: Any.}
    tests:
      - facts: [pool p: {percent_of_max: 80 %}]
        fires: true
        but: [{p.percent_of_max: 79.9 %}]
"""
    rulebook, found = load(text, Mistakes())
    measured = measure(rulebook.rules, found)
    assert [(str(one.place), one.what) for one in measured.undecided] == [("p.yaml:10:13", "pool p")]
    assert [one.what.partition("; ")[2] for one in measured.one_sided] == ["nothing just holds and nothing just fails"]
