"""`triage rules check`: every kind of mistake, where it stands and what is shown of it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dumptriage.authoring import sarif, shown
from dumptriage.authoring.check import Checked, check
from dumptriage.cli_rules import rules_app
from dumptriage.errors import UsageError
from dumptriage.mistakes import CODES, closest
from dumptriage.settings import Settings

PARTS = ("quality", "resource", "step", "kind", "holder", "culprit", "known", "normal", "next")
HEAD = "pack: P\nrules:\n"
THEN = "{finding: step.own, severity: info, confidence: high, say: found}"


def rule(when: str, then: str = THEN, name: str = "own.rule", more: str = "") -> str:
    """A rule of seven lines whose `when` stands in the fifth."""
    extra = f"    {more}\n" if more else ""
    return (
        f"  - id: {name}\n    title: A title\n    status: experimental\n    version: 1\n"
        f"    when: [{when}]\n    then: {then}\n" + extra
    )


def checked(folder: Path, **files: str) -> Checked:
    """What is found in these files, `name=text` standing for name.yaml."""
    for name, text in files.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return check([folder], Settings())


def told(found: Checked) -> list[str]:
    """`name.yaml:line:column code` of every mistake."""
    return [f"{Path(m.place.file).name}:{m.place.line}:{m.place.column} {m.code}" for m in found.mistakes]


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("{tga t: {}}", "7:13 unknown-kind"),
        ("{tag t: {byts: 1}}", "7:21 unknown-field"),
        ('{tag t: {bytes: ">= 3 %"}}', "7:28 wrong-unit"),
        ('{tag t: {bytes: ">= @pool.fixed.high"}}', "7:28 wrong-unit"),
        ('{tag t: {bytes: ">= @pool.fixed.hihg"}}', "7:28 unknown-threshold"),
        ("{tag t: {bytes: much}}", "7:28 wrong-type"),
        ('{tag t: {tag: "matches ("}}', "7:26 bad-expression"),
        ('{tag t: {bytes: ">> 1"}}', "7:28 bad-condition"),
        ('{handles h: {type: "== s.type"}}', "7:31 unknown-alias"),
        ("{tag t: {}}, {handles h: {}}", "7:26 not-joined"),
        ("{finding f: {name: kind.no-such-thing}}", "7:13 unknown-finding"),
        ("{finding f: {part: culprt}}", "7:31 unknown-word"),
        ("{tag t: {quality: exakt}}", "7:30 unknown-word"),
        ("{tag t: {pool: nonpagd}}", "7:27 unknown-word"),
        ("{tag t: {pool: [paged, nonpagd]}}", "7:35 unknown-word"),
        ('{tag t: {pool: "!= nonpagd"}}', "7:27 unknown-word"),
        ("{process p: {role: guest}}", "7:31 unknown-word"),
        ("{tag t: {tag: CoFlt}}", "7:26 bad-value"),
        ('{tag t: {tag: ["Thre", "CoFlt"]}}', "7:35 bad-value"),
        ('{tag t: {tag: "!= CoFlt"}}', "7:26 bad-value"),
        ("{tag t: {tag: A, tag: B}}", "7:29 duplicate"),
        ("{tag t: {}}, {tag t: {}}", "7:26 duplicate"),
        ("[]", "7:12 structure"),
    ],
)
def test_mistake_of_a_pattern(tmp_path: Path, when: str, expected: str) -> None:
    assert told(checked(tmp_path, p=HEAD + rule(when))) == [f"p.yaml:{expected}"]


def test_status_test_without_a_test_is_a_warning(tmp_path: Path) -> None:
    text = HEAD + rule("{tag t: {}}").replace("experimental", "test")
    found = checked(tmp_path, p=text)
    assert told(found) == ["p.yaml:5:13 no-test"]
    assert found.errors == 0
    tested = "tests: [{facts: [tag t: {tag: Abcd, pool: paged}], fires: true}]"
    assert told(checked(tmp_path, p=HEAD + rule("{tag t: {}}", more=tested).replace("experimental", "test"))) == []


@pytest.mark.parametrize("value", [">= 100 MB", "@tag.bytes.worth"])
def test_what_begins_with_an_operator_must_be_quoted(tmp_path: Path, value: str) -> None:
    text = HEAD + rule("{tag t: {}}").replace("[{tag t: {}}]", f"\n      - tag t:\n          bytes: {value}")
    (mistake,) = checked(tmp_path, p=text).mistakes
    assert (mistake.code, "quote what begins with an operator or @" in mistake.what) == ("yaml", True)


def test_a_misspelt_unknown(tmp_path: Path) -> None:
    (mistake,) = checked(tmp_path, p=HEAD + rule("{tag t: {owner: is unkown}}")).mistakes
    assert mistake.what == 'bad condition "is unkown"; the nearest is "is unknown"'


@pytest.mark.parametrize(
    ("word", "valid", "near"),
    [
        ("guilty", PARTS, None),
        ("culprt", PARTS, "culprit"),
        ("tga", ("tag", "gap", "stack"), "tag"),
        ("hihg", ("high", "huge"), "high"),
        ("nonpagd", ("nonpaged", "paged"), "nonpaged"),
    ],
)
def test_the_nearest_name_is_what_a_slip_of_the_hand_makes(word: str, valid: tuple[str, ...], near: str | None) -> None:
    assert closest(word, valid) == near


@pytest.mark.parametrize(
    ("when", "column"),
    [
        ('{tag t: {frees: ">= 5 and <= 3"}}', 28),
        ('{tag t: {frees: "> 4 and < 5"}}', 28),
        ('{tag t: {frees: ">= 3 and <= 3 and != 3"}}', 28),
        ('{tag t: {frees: "is unknown and >= 3"}}', 28),
        ('{tag t: {pool: "== paged and == nonpaged"}}', 27),
        ('{tag t: {pool: "== paged and matches ^non"}}', 27),
        ('{tag t: {known: "!= true and != false"}}', 28),
        ('{tag t: {frees: "> t.frees"}}', 28),
        # across patterns an equality makes two fields one
        ('{tag t: {pool: paged}}, {pool p: {type: "== t.pool and != paged"}}', 52),
        ('{tag t: {pool: [paged, session]}}, {pool p: {type: "== t.pool and == nonpaged"}}', 63),
        ('{tag t: {}}, {pool p: {type: "== t.pool and != t.pool"}}', 41),
        ('{tag t: {pool: paged}}, {any: [{pool p: {type: "== t.pool and != paged"}}, {memory m: {}}]}', 59),
    ],
)  # fmt: skip
def test_condition_that_can_never_hold(tmp_path: Path, when: str, column: int) -> None:
    assert told(checked(tmp_path, p=HEAD + rule(when))) == [f"p.yaml:7:{column} never-holds"]


@pytest.mark.parametrize(
    "when",
    [
        '{tag t: {frees: ">= 3 and <= 3"}}',
        '{tag t: {pool: [paged, nonpaged]}}, {pool p: {type: "== t.pool and != paged"}}',
        '{tag t: {share_of_pool: "> 4 % and < 5 %"}}',
        # one choice of the first list with one of the second cannot hold, each has another partner
        "{any: [{tag t: {pool: paged}}, {tag t: {pool: nonpaged}}]}, "
        '{any: [{pool p: {type: "== t.pool and == paged"}}, {pool p: {type: "== t.pool and == nonpaged"}}]}',
    ],
)
def test_condition_that_can_hold(tmp_path: Path, when: str) -> None:
    assert told(checked(tmp_path, p=HEAD + rule(when))) == []


def test_exception_that_can_never_hold(tmp_path: Path) -> None:
    more = 'unless: [{pool: {type: "== t.pool and == paged"}}]'
    assert told(checked(tmp_path, p=HEAD + rule("{tag t: {pool: nonpaged}}", more=more))) == ["p.yaml:9:28 never-holds"]


@pytest.mark.parametrize(
    ("say", "expected"),
    [
        ("{{ x.tag }}", "unknown-alias"),
        ("{{ t.tagg }}", "unknown-field"),
        ("{{ t['tagg'] }}", "unknown-field"),
        ("{{ t.bytes | sze }}", "unknown-filter"),
        ("{{ shre(t.bytes, t.frees) }}", "unknown-filter"),
        ("{% if t.bytes is knwon %}{% endif %}", "unknown-filter"),
        ("{{ t.tag | size }}", "wrong-type"),
        ("{{ t.share_of_pool | size }}", "wrong-unit"),
        ("{{ t.bytes | pct }}", "wrong-unit"),
        ("{{ t.tag", "bad-template"),
        ("{{ p.type }}", "alias-not-bound"),
        ("{% if p is not defined %}{{ p.type }}{% endif %}", "alias-not-bound"),
        ("{% if p is defined %}{{ p.type }}{% endif %}", None),
        ("{{ p.type if p is defined else t.pool }}", None),
        ("{% if p is not defined or not t.known %}none{% else %}{{ t.pool }}{% endif %}", None),
    ],
)
def test_mistake_of_a_sentence(tmp_path: Path, say: str, expected: str | None) -> None:
    when = '{tag t: {}}, {any: [{pool p: {type: "== t.pool"}}, {memory m: {}}]}'
    text = HEAD + rule(when, THEN.replace("found", json.dumps(say)))
    assert told(checked(tmp_path, p=text)) == ([f"p.yaml:8:70 {expected}"] if expected else [])


def test_a_word_in_a_text_of_several_lines_is_shown_where_it_stands(tmp_path: Path) -> None:
    text = HEAD + rule("{tag t: {}}").replace(
        f"then: {THEN}", "then:\n      finding: step.own\n      severity: info\n      confidence: high\n      say: >\n"
        "        A byts of the tag\n        {{ t.tag }} {{ t.byts }}.",
    )  # fmt: skip
    assert told(checked(tmp_path, p=text)) == ["p.yaml:14:26 unknown-field"]


def test_one_broken_entry_does_not_hide_the_others(tmp_path: Path) -> None:
    broken = rule("{tag t: {}}", THEN.replace("step.own", "step.torn"), "own.torn").replace("A title", '"never closed')
    text = HEAD + rule("{tga t: {}}", name="one") + broken + rule("{finding f: {name: step.torn}}", name="three")
    found = checked(tmp_path, p=text + rule("{tag t: {byts: 1}}", name="four"), q="pack: Q\nrules: [\n")
    assert told(found) == [
        "p.yaml:7:13 unknown-kind",
        "p.yaml:10:12 yaml",
        "p.yaml:25:21 unknown-field",
        "q.yaml:3:1 yaml",
    ]


def test_mistakes_across_rules_and_files(tmp_path: Path) -> None:
    names = ("a", "b", "c", "d")
    then = {name: THEN.replace("step.own", f"step.{name}") for name in names}
    asks = {"a": "b", "b": "a", "c": "d", "d": "c"}
    circles = "".join(rule(f"{{finding f: {{name: step.{asks[n]}}}}}", then[n], f"own.{n}") for n in names)
    assert told(checked(tmp_path, p=HEAD + circles)) == ["p.yaml:3:9 circle", "p.yaml:15:9 circle"]
    faulty = rule("{tga t: {}}")
    assert told(checked(tmp_path, p=HEAD + rule("{tag t: {}}"), q=HEAD + faulty)) == [
        "q.yaml:3:9 duplicate",
        "q.yaml:7:13 unknown-kind",
    ]


def test_stable_needs_a_casefile_it_fires_on(tmp_path: Path) -> None:
    stable = HEAD + rule("{tag t: {}}").replace("experimental", "stable")
    assert told(checked(tmp_path, p=stable)) == ["p.yaml:5:13 no-proof"]
    assert told(checked(tmp_path, p=stable + "    tests: [{fires_on: ./a.log}]\n")) == []
    assert told(checked(tmp_path, p=stable + "    tests: [{silent_on: healthy}]\n")) == ["p.yaml:5:13 no-proof"]


def test_mistakes_of_tests_thresholds_knowledge_and_ledger(tmp_path: Path) -> None:
    found = checked(
        tmp_path,
        p=HEAD + rule("{tag t: {}}", more="tests: [{facts: [{tga t: {}}], fires: true}]"),
        thresholds="thresholds:\n  - {name: own.unused, value: 3, unit: count, source: s, doc: d}\n",
        tags="tags:\n  - {tag: A, owner: me, class: sort, holds: things}\n  - {tag: B, owner: me, class: cache}\n",
        ledger="false_positives:\n  - {rule: own.nothing, where: here, version: 1, why: so, mended: open}\n",
    )
    assert [line for line in told(found) if not line.startswith("ledger")] == [
        "p.yaml:9:23 unknown-kind",
        "tags.yaml:2:5 unknown-word",
        "tags.yaml:3:5 missing-key",
        "thresholds.yaml:2:12 unused-threshold",
    ]
    assert [line for line in told(found) if line.startswith("ledger")] == ["ledger.yaml:2:5 unknown-rule"]


def test_the_line_is_shown_with_a_caret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = shown.to_text(checked(tmp_path, p=HEAD + rule("{tag t: {}}").replace("tag t", "tag täg, 表: {}, tga t")))
    assert text.splitlines()[-1] == "1 file checked: 1 mistake in 1 file"
    text = shown.to_text(checked(tmp_path, p=HEAD + rule("{tga t: {}}")))
    assert text.splitlines() == [
        'p.yaml:7:13: unknown kind of fact "tga"; the nearest is "tag" [unknown-kind]',
        "     7 |     when: [{tga t: {}}]",
        "       |             ^",
        "1 file checked: 1 mistake in 1 file",
    ]


def test_a_warning_is_no_error(tmp_path: Path) -> None:
    text = "thresholds:\n  - {name: own.unused, value: 3, unit: count, source: s, doc: d}\n"
    (tmp_path / "thresholds.yaml").write_text(text)
    run = CliRunner().invoke(rules_app, ["check", str(tmp_path)])
    assert run.exit_code == 0
    assert "warning: no rule refers to" in run.output and run.output.endswith("1 warning in 1 file\n")


def test_exit_status_and_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a b.yaml").write_text(HEAD + rule("{tga t: {}}"), encoding="utf-8")
    run = CliRunner().invoke(rules_app, ["check", "a b.yaml", "--format", "json"])
    assert run.exit_code == 4
    (mistake,) = json.loads(run.output)["mistakes"]
    assert mistake == {
        "file": "a b.yaml",
        "line": 7,
        "column": 13,
        "severity": "error",
        "code": "unknown-kind",
        "message": 'unknown kind of fact "tga"; the nearest is "tag"',
        "nearest": "tag",
    }
    run = CliRunner().invoke(rules_app, ["check", "a b.yaml", "--format", "sarif"])
    assert run.exit_code == 4
    log = json.loads(run.output)
    (result,) = log["runs"][0]["results"]
    place = result["locations"][0]["physicalLocation"]
    assert log["version"] == "2.1.0"
    assert place["artifactLocation"] == {"uri": "a%20b.yaml", "uriBaseId": "SRCROOT"}
    assert place["region"] == {"startLine": 7, "startColumn": 13, "snippet": {"text": "    when: [{tga t: {}}]"}}
    rules = log["runs"][0]["tool"]["driver"]["rules"]
    assert [one["id"] for one in rules] == list(CODES) and rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_a_file_outside_the_folder_has_its_whole_address(tmp_path: Path) -> None:
    log = json.loads(sarif.to_sarif(checked(tmp_path, p=HEAD + rule("{tga t: {}}")), tmp_path / "elsewhere"))
    place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"] == {"uri": (tmp_path / "p.yaml").as_uri()}


def test_paths_that_hold_no_rules(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such file or folder"):
        check([tmp_path / "none.yaml"], Settings())
    with pytest.raises(UsageError, match="no rule files"):
        check([tmp_path], Settings())


def test_every_code_that_is_given_has_a_meaning(tmp_path: Path) -> None:
    found = checked(tmp_path, p=HEAD + rule("{tga t: {}}") + "    sya: 1\n", q="- 1\n", r="\0", t="what: 1\n")
    assert {one.code for one in found.mistakes} <= set(CODES)


def test_the_shipped_rules_have_no_mistakes() -> None:
    assert shown.to_text(check([], Settings())).splitlines()[-1].endswith("no mistakes")
