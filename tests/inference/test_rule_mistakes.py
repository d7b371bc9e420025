"""Every mistake in a rule file: what is shown, with line and column."""

import pytest
from rulepacks import THEN, pack, rule, rulebook

from dumptriage.errors import RulebookError

THRESHOLDS = """thresholds:
  - {name: tag.share-suspect, value: 30, unit: percent, source: "field practice", doc: "a third of the pool"}
"""


def lines(text: str, thresholds: str = THRESHOLDS) -> list[str]:
    with pytest.raises(RulebookError) as caught:
        rulebook(text, thresholds)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("tga t: {}", '7:13: unknown kind of fact "tga"; the nearest is "tag"'),
        ("tag: {}", '7:13: "tag" is not a pattern; expected "kind alias", as in "tag t"'),
        ("tag t: {shar_of_pool: 1}", '7:21: unknown field of tag "shar_of_pool"; the nearest is "share_of_pool"'),
        ("tag t: {share_of_pol: 1}", '7:21: unknown field of tag "share_of_pol"; the nearest is "share_of_pool"'),
        ('tag t: {frees: ">> 1"}', '7:28: bad condition ">> 1"; expected == != < <= > >= with an operand'),
        ('tag t: {frees: ">= 1 %"}', '7:28: unit of "1 %" does not fit frees; expected a number without a unit'),
        (
            'tag t: {share_of_pool: ">= 30"}',
            '7:36: unit of "30" does not fit share_of_pool; expected a number with %',
        ),
        (
            'tag t: {bytes: ">= 3 h"}',
            '7:28: unit of "3 h" does not fit bytes; expected a number with B, KB, MB, GB, TB',
        ),
        ("tag t: {frees: many}", '7:28: "many" does not fit frees; expected a number without a unit'),
        ("tag t: {known: maybe}", '7:28: "maybe" is not a truth value; known takes true or false'),
        ('tag t: {tag: "< abc"}', '7:26: "<" compares numbers, but tag is text; expected == or !='),
        (
            'tag t: {share_of_pool: ">= @tag.share"}',
            '7:36: unknown threshold "tag.share"; the nearest is "tag.share-suspect"',
        ),
        (
            'tag t: {bytes: ">= @tag.share-suspect"}',
            "7:28: threshold tag.share-suspect is in percent, but bytes is bytes",
        ),
        ('tag t: {tag: "matches ("}', "7:26: bad regular expression: missing ), unterminated subpattern at position 0"),
        (
            'tag t: {tag: "matches (a+)+b"}',
            "7:26: bad regular expression: a repeat within a repeat can take for ever",
        ),
        ('tag t: {frees: "matches 1"}', '7:28: "matches" needs a text field, but frees is int'),
        ("tag t: {frees: ~}", '7:28: "frees" has no value; write "is unknown" for a missing field'),
        ("tag t: {frees: []}", '7:28: "frees" can never hold: the list is empty'),
        (
            'tag t: {frees: ">= 5 and <= 3"}',
            '7:28: "frees <= 3" can never hold with the conditions before it',
        ),
        ('tag t: {frees: "> 4 and < 5"}', '7:28: "frees < 5" can never hold with the conditions before it'),
        ('tag t: {frees: "== 1.5"}', '7:28: "frees == 1.5" can never hold: frees is a whole number'),
        ('tag t: {}}, {handles h: {type: "== s.object_type"}', '7:44: unknown alias "s"; expected one of h, t'),
        (
            'handles h: {type: "== t.object_type"}}, {tag t: {object_type: "== h.type"}',
            '7:31: alias "t" is used before it is bound',
        ),
        (
            'tag t: {}}, {handles h: {type: "== t.objct_type"}',
            '7:44: unknown field of tag "objct_type"; the nearest is "object_type"',
        ),
        (
            'tag t: {}}, {handles h: {count: "== t.bytes", type: "== t.object_type"}',
            "7:45: count is in count, but bytes in bytes",
        ),
        (
            'tag t: {}}, {handles h: {count: "== t.pool", type: "== t.object_type"}',
            "7:45: count is int, but pool is text",
        ),
        (
            'tag t: {}}, {handles h: {type: "== 2 * t.pool"}',
            "7:44: only numbers can be multiplied, but type is text and pool text",
        ),
        ("tag t: {}}, {tag t: {}", '7:26: alias "t" is bound twice'),
        ("tag range: {}", '7:13: "range" cannot be an alias; it has a meaning of its own'),
        (
            "tag t: {}}, {handles h: {}",
            '7:26: "handles h" is not tied to an earlier pattern: every pair of facts would be tried; '
            'expected a condition "field: == alias.field"',
        ),
        ("finding f: {name: kind.lek}", '7:13: unknown finding "kind.lek"; the nearest is "kind.leak"'),
        ("finding f: {part: culprit}", "7:13: no rule produces a finding like this"),
    ],
)
def test_mistake_in_a_pattern(when: str, message: str) -> None:
    assert lines(pack(rule("{" + when + "}"))) == [f"p.yaml:{message}"]


@pytest.mark.parametrize(
    ("then", "message"),
    [
        ("{severity: info, confidence: high, say: x}", '8:11: "then" lacks finding'),
        (
            "{finding: kin.leak, severity: info, confidence: high, say: x}",
            '8:21: unknown part of the diagnosis "kin"; the nearest is "kind"',
        ),
        (
            "{finding: quality.a, severity: bad, confidence: high, say: x}",
            '8:42: unknown severity "bad"; expected one of critical, info, warning',
        ),
        (
            "{finding: quality.a, severity: info, confidence: hgh, say: x}",
            '8:60: unknown confidence "hgh"; the nearest is "high"',
        ),
        (
            "{finding: kind.leak, severity: info, confidence: high, say: x}",
            '8:11: a kind finding needs a "label": what the verdict shows',
        ),
        (
            '{finding: quality.a, severity: info, confidence: high, say: "{{ x.tag }}"}',
            '8:71: template of "say": unknown alias "x"; expected one of t',
        ),
        (
            '{finding: quality.a, severity: info, confidence: high, say: "{{ t.tagg }}"}',
            '8:71: template of "say": unknown field of tag "tagg"; the nearest is "tag"',
        ),
        (
            '{finding: quality.a, severity: info, confidence: high, say: "{{ t.tag | sizes }}"}',
            '8:71: template of "say": unknown filter "sizes"; the nearest is "size"',
        ),
        (
            '{finding: quality.a, severity: info, confidence: high, say: "{{ t.tag"}',
            "8:71: template of \"say\": line 1: unexpected end of template, expected 'end of print statement'.",
        ),
        (
            "{finding: quality.a, severity: info, confidence: high, say: x, about: {pid: t.tag}}",
            "8:87: pid takes int, but tag is text",
        ),
        (
            "{finding: quality.a, severity: info, confidence: high, say: x, about: {pd: t.tag}}",
            '8:82: unknown field of "about" "pd"; the nearest is "pid"',
        ),
        (
            "{finding: quality.a, severity: info, confidence: high, say: x, tags: [t.frees]}",
            '8:81: "tags" takes text, but frees is not',
        ),
        (
            "{finding: quality.a, severity: info, confidence: high, say: x, sya: x}",
            '8:74: unknown key of "then" "sya"; the nearest is "say"',
        ),
    ],
)
def test_mistake_in_a_conclusion(then: str, message: str) -> None:
    assert lines(pack(rule("{tag t: {}}", then))) == [f"p.yaml:{message}"]


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("", ["1:1: the file is empty"]),
        ("- a", ['1:1: a pack is a mapping with the keys "pack" and "rules"']),
        ("pack: A\nrules: {}\n", ['1:1: the pack needs a list under "rules"']),
        (
            "pack: A\nrule: []\n",
            ['1:1: the pack needs a list under "rules"', '2:1: unknown key "rule"; the nearest is "rules"'],
        ),
        ("pack: A\npack: B\nrules: []\n", ['2:1: duplicate key "pack", first given in line 1']),
        ("pack: A\nrules: [&a {id: x}, *a]\n", None),
        (pack("  - id: a\n"), ["3:5: the rule lacks title, status, version, when, then"]),
        (
            pack(rule("{tag t: {}}", name="Bad_Id")),
            ['3:9: id "Bad_Id" is not lower-case words joined by dots and dashes'],
        ),
        (pack(rule("{tag t: {}}"), rule("{tag t: {}}")), ['9:9: duplicate id "a.rule", first given at p.yaml:3:9']),
        (
            pack(rule("{tag t: {}}", more="best: t.tag")),
            ['8:11: "best" needs a number, which t.tag is not'],
        ),
        (
            pack(rule("{tag t: {}}", more="unless: [{handles: {type: == x.tag}}]")),
            ['8:31: unknown alias "x"; expected one of t'],
        ),
    ],
)  # fmt: skip
def test_mistake_in_a_file(text: str, messages: list[str] | None) -> None:
    shown = lines(text)
    if messages is None:
        assert any("anchors, aliases and deep nesting are not used" in line for line in shown)
    else:
        assert shown == [f"p.yaml:{message}" for message in messages]


def test_broken_yaml_is_one_line_with_its_place() -> None:
    (line,) = lines("pack: A\nrules: [a, b\nx: }\n")
    assert line.startswith("p.yaml:3:") and "not valid YAML" in line


def test_circle_of_rules() -> None:
    then = "{finding: kind.%s, severity: info, confidence: high, label: x, say: x}"
    text = pack(
        rule("{finding f: {name: kind.b}}", then % "a", "one"),
        rule("{finding f: {name: [kind.a]}}", then % "b", "two"),
    )
    assert lines(text) == ["p.yaml:3:9: rules build on each other in a circle: one builds on two builds on one"]


def test_all_mistakes_of_all_files_are_shown_together() -> None:
    thresholds = "thresholds:\n  - {name: A, value: x, unit: percent, source: s, doc: d}\n"
    text = pack(rule("{tga t: {}}", name="one"), rule('{tag t: {frees: ">= 1 %"}}', name="two"))
    assert lines(text, thresholds) == [
        't.yaml:2:12: threshold name "A" is not lower-case words with dots and dashes',
        't.yaml:2:22: "x" is not a number; the unit stands under "unit"',
        'p.yaml:7:13: unknown kind of fact "tga"; the nearest is "tag"',
        'p.yaml:13:28: unit of "1 %" does not fit frees; expected a number without a unit',
    ]


def test_a_faulty_rule_does_not_make_its_finding_unknown() -> None:
    text = pack(
        rule("{tga t: {}}", name="one"), rule("{finding f: {name: kind.leak}}", THEN.replace("leak,", "two,"), "two")
    )
    assert lines(text) == ['p.yaml:7:13: unknown kind of fact "tga"; the nearest is "tag"']
