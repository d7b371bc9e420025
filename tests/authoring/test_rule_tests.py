"""Tests of rules: what one may write, what passes, and what a failing one says."""

import pytest
from testedpacks import FACTS, SENTENCE, load, no_casefiles, read, run

from dumptriage.authoring.ruletests import run_tests
from dumptriage.mistakes import Mistakes

FIRES = FACTS + f'says: "{SENTENCE}"\n        '


@pytest.mark.parametrize(
    ("what", "test"),
    [
        ("the sentence", FIRES),
        (
            "the sentence, folded",
            FACTS + "says:\n          Tag Thre takes 30.0 %, and 500\n          handles are open.",
        ),
        ("any finding", FACTS + "fires: true"),
        ("the confidence", FACTS + "fires: true\n        confidence: high"),
        ("silence", "- {facts: [tag t: {tag: Thre, pool: paged, share_of_pool: 90 %}], silent: true}"),
        ("a value just below", FIRES + "but: [{t.share_of_pool: 29.9 %}]"),
        ("a product just below", FIRES + "but: [{h.count: 499}]"),
        ("a join that fails", FIRES + "but: [{h.type: Key}]"),
        ("a field removed", FIRES + "but: [{t.rank_bytes: unknown}]"),
        ("a fact removed", FIRES + "but: [{without: h}]"),
        ("an exception", FIRES + "but: [{with: [finding: {name: normal.seen, tag: Thre}]}]"),
        ("one for another tag", FIRES + "but: [{with: [finding: {name: normal.seen, tag: Key}], fires: true}]"),
        ("a change that still fires", FIRES + "but: [{t.rank_bytes: 1, fires: true}]"),
        ("another sentence", FIRES + f'but: [{{h.count: 900, says: "{SENTENCE.replace("500", "900")}"}}]'),
        ("a lower confidence", FIRES + "but: [{t.quality: rounded, fires: true, confidence: medium}]"),
        ("a padded tag", FIRES.replace("tag: Thre", "tag: Key").replace("Tag Thre", "Tag Key")),
    ],
)
def test_passes(what: str, test: str) -> None:
    results = run(f"      {test.lstrip()}\n")
    assert (results.run, results.failures) == (1 + test.count("but:"), []), what


@pytest.mark.parametrize(
    ("tests", "place", "test", "expected", "came"),
    [
        (
            FACTS + "fires: true\n        but: [{h.count: 499, fires: true}]\n",
            "p.yaml:25:37",
            "but h.count: 499",
            "a finding",
            "silence: handles.count is 499 (handles:Thread), needs at least 500.",
        ),
        (FACTS + "silent: true\n", "p.yaml:24:17", "", "silence", f"{SENTENCE} [high]"),
        (
            FIRES + "but: [{t.rank_bytes: 1}]\n",
            "p.yaml:25:15",
            "but t.rank_bytes: 1",
            "silence",
            f"{SENTENCE} [high]",
        ),
        (
            FACTS.replace("      - facts", "      - name: half\n        facts") + "says: Tag Thre leaks.\n",
            "p.yaml:25:15",
            "half",
            "Tag Thre leaks.",
            f"{SENTENCE} [high]",
        ),
        (
            FACTS + "fires: true\n        confidence: certain\n",
            "p.yaml:24:16",
            "",
            "a finding [certain]",
            f"{SENTENCE} [high]",
        ),
    ],
)
def test_failure_says_what_was_expected_and_what_came(
    tests: str, place: str, test: str, expected: str, came: str
) -> None:
    (failure,) = run(tests).failures
    assert (failure.rule, str(failure.place), failure.test) == ("a.large-tag", place, test)
    assert (failure.expected, failure.came) == (expected, came)


def test_differing_words_are_shown() -> None:
    (failure,) = run(FIRES.replace("500 handles are", "499 handles were")).failures
    assert failure.more == ("differs: and [499 -> 500]; handles [were -> are]",)


def test_weaker_link_is_named_where_the_confidence_differs() -> None:
    tests = FIRES + "but: [{h.quality: suspect, fires: true, confidence: high}]\n"
    (failure,) = run(tests).failures
    assert failure.came == f"{SENTENCE} [low]"
    limit = "Confidence is at most low: other evidence contradicts the figures of handles Thread."
    assert failure.more[0].startswith(limit)


def test_finding_of_a_test_is_built_upon_with_its_confidence() -> None:
    """A rule that asks for a finding sees the one of the test, and is not surer than it."""
    text = """\
pack: Two
rules:
  - id: one
    title: One
    status: test
    version: 1
    when: [claim c: {}]
    then: {finding: step.one, severity: warning, confidence: high, say: One.}
  - id: two
    title: Two
    status: test
    version: 1
    when: [finding f: {name: step.one, severity: warning}]
    then: {finding: step.two, severity: info, confidence: high, about: {tag: f.tag}, say: "Two: {{ f.tag }}."}
    tests:
      - facts: [finding f: {name: step.one, severity: warning, tag: Thre, confidence: low}]
        says: "Two: Thre."
        confidence: low
        but:
          - {f.confidence: high, fires: true, confidence: high}
          - {f.severity: info}
          - {f.name: step.other}
      - facts: [claim c: {}]
        silent: true
"""
    rulebook, tests = load(text, Mistakes())
    results = run_tests(rulebook, tests, no_casefiles(rulebook))
    assert (results.run, results.failures) == (5, [])


@pytest.mark.parametrize(
    ("facts", "what"),
    [
        ("[]", 'expected a list of facts, each written "kind alias: {field: value}"'),
        ("[tga t: {}]", 'unknown kind of fact "tga"; the nearest is "tag"'),
        ("[tag t: {tga: Thre}]", 'unknown field of tag "tga"; the nearest is "tag"'),
        ("[tag t: {share_of_pool: 30}]", 'unit of "30" does not fit share_of_pool; expected a number with %'),
        ("[tag t: {outstanding: 1.5}]", '"1.5" is no whole number, which outstanding takes'),
        ('[tag t: {outstanding: ">= 5"}]', '">= 5" is a condition; a fact has values, as in outstanding: 5'),
        ("[tag t: {tag: Thread}]", '"Thread" is no pool tag: four characters, not 6'),
        ("[process p: {address: 0x8}]", '"0x8" is no address: lower-case hex without 0x, at least eight digits'),
        ("[finding f: {part: kind, name: kind.x}]", '"part" comes from the name of the finding; leave it out'),
        ("[finding f: {name: knid.x}]", 'a finding needs a name with its part first; the nearest is "kind"'),
        (
            "[finding f: {name: kind.x, severity: bad}]",
            'unknown severity "bad"; expected one of critical, info, warning',
        ),
        ("[tag t: {}, tag t: {}]", 'two facts are called "t"'),
    ],
)
def test_mistake_in_a_fact(facts: str, what: str) -> None:
    mistakes = Mistakes()
    read(f"      - facts: {facts}\n        silent: true\n", mistakes)
    assert [one.what for one in mistakes.all()] == [what]


SAYS_WHAT = 'expected one of "says", "fires: true", "silent: true"'
ONE_CHANGE = "each makes exactly one, so that the test shows what it does"


@pytest.mark.parametrize(
    ("test", "line"),
    [
        ("- fires_on: a-laek", '20:19: unknown casefile "a-laek"; the nearest is "a-leak"'),
        ("- fires_on: healthy", '20:19: "healthy" stands for all healthy casefiles; name one of them'),
        ("- silent_on: {a: b}", '20:20: "silent_on" takes the name of a casefile or a list of names'),
        ("- fires: true", '20:9: the test lacks "fires_on", "silent_on" or "facts"'),
        ("- {facst: [], silent_on: healthy}", '20:10: unknown key of a test "facst"; the nearest is "facts"'),
        (FACTS, f"20:9: the test does not say what it expects; {SAYS_WHAT}"),
        (FACTS + "fires: true\n        silent: true", f"20:9: the test says both fires and silent; {SAYS_WHAT}"),
        (FACTS + "fires: false", '24:16: "fires" takes the value true'),
        (
            FACTS + "silent: true\n        confidence: high",
            '25:21: a rule that is silent has no confidence; add "fires: true" or "says"',
        ),
        (FIRES + "but: [{t.tga: Proc}]", '25:16: unknown field of tag "tga"; the nearest is "tag"'),
        (FIRES + "but: [{x.tag: Proc}]", '25:16: unknown fact of this test "x"; expected one of h, t'),
        (FIRES + "but: [{without: x}]", '25:25: unknown fact of this test "x"; expected one of h, t'),
        (
            FIRES + "but: [{withuot: h}]",
            '25:16: "withuot" is no change; the nearest is "without", or alias.field as in t.tag',
        ),
        (FIRES + "but: [{t.pool: paged, h.count: 3}]", f"25:15: this entry makes 2 changes at once; {ONE_CHANGE}"),
        (FIRES + "but: [{fires: true}]", f"25:15: this entry changes nothing; {ONE_CHANGE}"),
        (FIRES + "but: [{t.owner: unknown}]", '25:16: the fact has no "owner" that could be removed'),
    ],
)
def test_mistake_in_a_test(test: str, line: str) -> None:
    mistakes = Mistakes()
    read(f"      {test.lstrip()}\n", mistakes)
    assert mistakes.lines() == [f"p.yaml:{line}"]


def test_all_mistakes_are_told_at_once() -> None:
    mistakes = Mistakes()
    read(FACTS.replace("Thread,", "Thread, tga: x,") + "fires: yes\n        but: [{without: x}]\n", mistakes)
    assert len(mistakes.lines()) == 3


def test_quoted_unknown_is_a_text() -> None:
    """`unknown` is a value of some fields (tag_class); without quotes it removes the field."""
    mistakes = Mistakes()
    _, (tests, _) = read(FIRES + 'but: [{t.object_type: "unknown"}, {t.object_type: unknown}]\n', mistakes)
    assert [one.facts[0].fact.get("object_type") for one in tests.inline] == ["Thread", "unknown", None]
    assert not mistakes.lines()


def test_tests_on_casefiles_are_not_run_where_there_are_none() -> None:
    results = run("      - fires_on: a-leak\n      - silent_on: [healthy-one, healthy]\n")
    assert (results.run, results.not_run, results.proven, results.unproven) == (0, 3, set(), {"a.large-tag"})


def test_path_of_a_casefile_is_looked_for_beside_the_rule_file() -> None:
    (failure,) = run("      - fires_on: near/by.log\n").failures
    assert failure.came == "near/by.log cannot be read: No such file or directory"
