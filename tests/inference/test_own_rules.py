"""Rules of the user's own over the shipped ones: what replaces what, what is refused, and that the report says so."""

import json
from pathlib import Path

import pytest
from rulepacks import case, pack, rule

from dumptriage import report
from dumptriage.diagnosis import Diagnosis
from dumptriage.errors import RulebookError
from dumptriage.facts import Case, new
from dumptriage.inference import Adjustments, Rulebook, infer
from dumptriage.inference.adjustments import NONE, Disabled, NewValue
from dumptriage.inference.rulebook import build
from dumptriage.knowledge import load_knowledge
from dumptriage.mistakes import Place
from dumptriage.report.model import build as build_report
from dumptriage.report.page import html
from dumptriage.report.text import summary_lines
from dumptriage.rulefolder import RuleFolder, SourceFile, read
from dumptriage.triage import diagnose

HERE = Place("triage.toml", 3, 1)
TAG = "{tag t: {share_of_pool: '>= @high'}}"
HIGH = "thresholds:\n  - {name: high, value: 30, unit: percent, source: s, doc: d}\n"
FINDING = "{finding: %s, severity: info, confidence: high, say: 'found by %s'}"


def then(finding: str = "step.a", by: str = "shipped") -> str:
    return FINDING % (finding, by)


SHIPPED = pack(rule(TAG, then(), "a.first"), rule("{finding f: {name: step.a}}", then("step.b"), "b.second"))


def book(own: str = "", adjustments: Adjustments = NONE, more: str = "") -> Rulebook:
    """A shipped pack and threshold with a pack of `mine` and a file of `theirs` over them."""
    files = [SourceFile("t.yaml", "", HIGH.encode()), SourceFile("p.yaml", "", SHIPPED.encode())]
    files += [SourceFile("own.yaml", "", own.encode(), "mine")] if own else []
    files += [SourceFile("more.yaml", "", more.encode(), "theirs")] if more else []
    return build(files, adjustments)


def refused(own: str = "", adjustments: Adjustments = NONE, more: str = "") -> list[str]:
    with pytest.raises(RulebookError) as caught:
        book(own, adjustments, more)
    return str(caught.value).splitlines()


def tag_case(share: float = 40.0) -> Case:
    return case(new("tag", source="a.log:1", tag="Acme", pool="nonpaged", share_of_pool=share))


def fired(rulebook: Rulebook, share: float = 40.0) -> dict[str, str]:
    return {finding.rule: finding.text for finding in infer(tag_case(share), rulebook).findings}


class TestRules:
    def test_without_changes_nothing_is_said(self) -> None:
        found = book()
        assert found.info.changes == ()
        assert {rule.origin for rule in found.rules} == {None}

    def test_a_rule_is_added_and_runs_behind_the_others(self) -> None:
        found = book(pack(rule(TAG, then("step.c", "me"), "c.mine")))
        assert [(one.id, one.origin) for one in found.rules] == [
            ("a.first", None),
            ("b.second", None),
            ("c.mine", "mine"),
        ]
        assert found.info.changes == ("mine adds 1 rule: c.mine.",)
        assert fired(found)["c.mine"] == "found by me"

    def test_a_rule_of_the_same_id_replaces_the_shipped_one_in_its_place(self) -> None:
        found = book(pack(rule(TAG, then(by="me"), "a.first")))
        assert [(one.id, one.origin) for one in found.rules] == [("a.first", "mine"), ("b.second", None)]
        assert found.info.changes == ("mine replaces 1 rule: a.first (version 1 for 1).",)
        assert fired(found) == {"a.first": "found by me", "b.second": "found by shipped"}

    def test_the_last_folder_wins(self) -> None:
        found = book(pack(rule(TAG, then(by="me"), "a.first")), more=pack(rule(TAG, then(by="them"), "a.first")))
        assert fired(found)["a.first"] == "found by them"
        assert found.info.changes == ("theirs replaces 1 rule: a.first (version 1 for 1).",)

    def test_within_one_folder_an_id_stands_once(self) -> None:
        two = pack(rule(TAG, then(), "c.one"), rule(TAG, then(), "c.one"))
        assert refused(two) == ['own.yaml:9:9: duplicate id "c.one", first given at own.yaml:3:9']

    def test_a_replacement_must_draw_the_finding_that_others_build_on(self) -> None:
        assert refused(pack(rule(TAG, then("step.other"), "a.first"))) == [
            'own.yaml:3:9: it replaces the rule that draws "step.a", which b.second needs; keep that finding'
        ]

    def test_an_own_rule_may_build_on_a_shipped_finding(self) -> None:
        found = book(pack(rule("{finding f: {name: step.b}}", then("step.c", "me"), "c.mine")))
        assert list(fired(found)) == ["a.first", "b.second", "c.mine"]

    def test_mistakes_of_own_rules_are_shown_as_those_of_any(self) -> None:
        assert refused(pack(rule("{tag t: {shar_of_pool: '> 1 %'}}", then(), "c.mine"))) == [
            'own.yaml:7:21: unknown field of tag "shar_of_pool"; the nearest is "share_of_pool"'
        ]

    def test_the_hash_tells_changed_rules_apart(self) -> None:
        hashes = {book(own).info.sha256 for own in ("", pack(rule(TAG, then(), "c.a")), pack(rule(TAG, then(), "c.b")))}
        assert len(hashes) == 3


class TestDisabled:
    OFF = Adjustments((Disabled("a.first", "noise here", HERE),))

    def test_a_disabled_rule_never_fires_and_what_builds_on_it_waits_in_vain(self) -> None:
        found = book(adjustments=self.OFF)
        result = infer(tag_case(), found)
        assert result.findings == ()
        assert [(one.rule, one.outcome) for one in result.outcomes] == [("b.second", "passed")]

    def test_it_is_told_and_hashed(self) -> None:
        found = book(adjustments=self.OFF)
        assert found.info.changes == ("Rule a.first is disabled by the settings: noise here",)
        assert found.info.rules == 1
        assert found.info.sha256 != book().info.sha256

    def test_a_rule_nobody_knows(self) -> None:
        off = Adjustments((Disabled("a.frist", "noise", HERE),))
        assert refused(adjustments=off) == ['triage.toml:3:1: unknown rule "a.frist"; the nearest is "a.first"']


class TestThresholds:
    def test_a_value_of_the_settings(self) -> None:
        found = book(adjustments=Adjustments(thresholds=(NewValue("high", 45, "percent", "small pools", HERE),)))
        assert (fired(found, 44.9), list(fired(found, 45.0))) == ({}, ["a.first", "b.second"])
        assert found.info.changes == ("Threshold high is 45 % instead of 30 %, by the settings: small pools",)
        assert found.info.sha256 != book().info.sha256

    def test_an_own_file_of_thresholds_and_the_settings_over_it(self) -> None:
        own = HIGH.replace("30", "50").replace("source: s", "source: our lab")
        assert book(own).info.changes == ("Threshold high is 50 % instead of 30 %, by mine: our lab",)
        found = book(own, Adjustments(thresholds=(NewValue("high", 55, "%", "r", HERE),)))
        assert (fired(found, 54.0), list(fired(found, 55.0))) == ({}, ["a.first", "b.second"])

    def test_an_own_threshold_serves_own_rules_without_a_word(self) -> None:
        own = "thresholds:\n  - {name: mine.low, value: 5, unit: percent, source: s, doc: d}\n"
        found = book(own, more=pack(rule("{tag t: {share_of_pool: '>= @mine.low'}}", then("step.c"), "c.mine")))
        assert found.info.changes == ("theirs adds 1 rule: c.mine.",)

    def test_another_unit_is_refused(self) -> None:
        (line,) = refused(HIGH.replace("percent", "bytes"))
        assert line == 'own.yaml:2:12: "high" is in percent, which rules rely on, not in bytes'

    def test_a_value_that_makes_a_shipped_rule_impossible_is_refused(self) -> None:
        limited = pack(rule("{tag t: {share_of_pool: '>= @high and <= 60 %'}}", then("step.c"), "c.mine"))
        (line,) = refused(limited, Adjustments(thresholds=(NewValue("high", 70, "%", "r", HERE),)))
        assert line.startswith(f'{HERE}: thresholds."high": 70 % makes rule c.mine impossible: "share_of_pool <= 60 %"')


class TestFolders:
    """What a file holds is told by its first key, whatever its name and whichever of the folders it lies in."""

    def folder(self, tmp_path: Path, **files: str) -> Path:
        for name, text in files.items():
            path = tmp_path / (name.replace("__", "/") + ".yaml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    def test_any_file_in_any_place(self, tmp_path: Path) -> None:
        folder = self.folder(
            tmp_path,
            anything=pack(rule("{tag t: {share_of_pool: '>= @own.limit'}}", then("step.c", "me"), "c.mine")),
            packs__limits="thresholds:\n  - {name: own.limit, value: 5, unit: percent, source: s, doc: d}\n",
            known__p=pack(rule("{tag t: {}}", then("step.d"), "d.mine")),
            other__ignored="what: ever\n",
        )
        files = [SourceFile("t.yaml", "", HIGH.encode()), SourceFile("p.yaml", "", SHIPPED.encode())]
        own = read([tmp_path, RuleFolder(folder, "mine")])[len(read([tmp_path])) :]
        assert {file.origin for file in own} == {"mine"}
        assert [one.id for one in build([*files, *own]).rules] == ["a.first", "b.second", "c.mine", "d.mine"]

    def test_a_file_that_is_none(self) -> None:
        assert refused("pakc: Mine\n") == ['own.yaml:1:1: unknown key of a rule file "pakc"; the nearest is "pack"']
        assert refused("- 1\n")[0].startswith("own.yaml:1:1: not a rule file; expected one of the keys pack, rules")

    def test_a_folder_that_is_none(self, tmp_path: Path) -> None:
        with pytest.raises(RulebookError, match="no such folder of rules"):
            read([tmp_path, tmp_path / "none"])


@pytest.fixture(scope="module")
def diagnosis() -> Diagnosis:
    own = pack(rule(TAG, then("normal.mine", "me"), "c.mine"), rule(TAG, then("step.mine", "<b>me</b>"), "d.mine"))
    off = Adjustments((Disabled("b.second", "noise <here>", HERE),))
    return diagnose(tag_case(), book(own, off), load_knowledge())


class TestTheReport:
    def test_findings_and_outcomes_know_their_origin(self, diagnosis: Diagnosis) -> None:
        wanted = {"a.first": None, "c.mine": "mine", "d.mine": "mine"}
        assert {one.rule: one.origin for one in diagnosis.findings} == wanted
        assert {one.rule: one.origin for one in diagnosis.outcomes} == wanted

    def test_the_page_lists_the_changes_and_marks_own_rules(self, diagnosis: Diagnosis) -> None:
        page = html(diagnosis)
        assert "Rules that are not the shipped ones" in page
        assert "<li>mine adds 2 rules: c.mine, d.mine.</li>" in page
        assert "Rule b.second is disabled by the settings: noise &lt;here&gt;" in page
        assert page.count("own rule, from mine)") == 2

    def test_the_page_of_shipped_rules_says_nothing_of_it(self) -> None:
        assert "not the shipped" not in html(diagnose(tag_case(), book(), load_knowledge()))

    def test_the_terminal_says_it_in_one_line(self, diagnosis: Diagnosis) -> None:
        lines = [line for line, _ in summary_lines(build_report(diagnosis), 80)]
        assert "Not the shipped rules alone: 2 changes; the report lists them." in lines

    def test_the_json_has_it_all(self, diagnosis: Diagnosis, tmp_path: Path) -> None:
        report.write(diagnosis, tmp_path / "out.json")
        data = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
        assert data["rulebook"]["changes"] == list(diagnosis.rulebook.changes)
        assert [one["origin"] for one in data["rules"]] == [None, "mine", "mine"]
        assert [one["origin"] for one in data["findings"]] == [None, "mine", "mine"]
