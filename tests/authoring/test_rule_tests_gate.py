"""The gate: what a status rests on, and the ledger of false positives. And the shipped rules, held to both."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from dumptriage import settings
from dumptriage.authoring.casefiles import Shelf, casefile_folder, read_index
from dumptriage.authoring.gate import FalsePositive, judge, names_a_leak, read_ledger
from dumptriage.authoring.ruletests import Results
from dumptriage.authoring.testcommand import test_rules as run_rule_tests
from dumptriage.cli import main
from dumptriage.diagnosis import Confidence, Diagnosis, Finding, RulebookInfo, Verdict, VerdictPart
from dumptriage.errors import CasefileError, RulebookError, UsageError
from dumptriage.facts import Case, Casefile, new
from dumptriage.inference.rule import Rule
from dumptriage.inference.rulebook import build
from dumptriage.knowledge import load_knowledge
from dumptriage.mistakes import Mistakes, Place
from dumptriage.rulefolder import SHIPPED, SourceFile, parse
from dumptriage.sources import read as read_casefile
from dumptriage.triage import diagnose, shipped_rulebook

PLACE = Place("l.yaml", 3, 5)


def rule(status: str, finding: str = "kind.leak", severity: str = "warning") -> Rule:
    text = (
        f"pack: P\nrules:\n  - {{id: a, title: A, status: {status}, version: 2, when: [claim c: {{}}], then: "
        f"{{finding: {finding}, severity: {severity}, confidence: low, label: x, say: It leaks.}}}}\n"
    )
    return build([SourceFile("p.yaml", "", text.encode())]).rules[0]


class FakeShelf(Shelf):
    """Two healthy casefiles; the rule fires on those named."""

    def __init__(self, fires_on: Sequence[str]) -> None:
        self._fires_on = fires_on

    @property
    def healthy(self) -> list[str]:
        return ["calm", "quiet"]

    def has(self, name: str) -> bool:
        return name in self.healthy

    def diagnoses(self, name: str, rule_file: str) -> tuple[Diagnosis, ...]:
        part = VerdictPart()
        found = (finding(),) if name in self._fires_on else ()
        case = Case(Casefile(name, "0" * 64, 1, "log"))
        return (Diagnosis(case, Verdict("healthy", part, part, part, part), found, (), RulebookInfo(1, "")),)


def finding() -> Finding:
    fact = new("finding", source="x", name="kind.leak")
    return Finding(
        "a", 2, "test", "A", "kind.leak", "kind", "warning", Confidence.LOW, "It leaks.", None, {}, {}, (), fact
    )


def listed(where: str, mended: str | None = None) -> FalsePositive:
    return FalsePositive("a", where, 1, "why", mended, PLACE)


@pytest.mark.parametrize(
    ("status", "proven", "fires_on", "ledger", "failures", "notes"),
    [
        ("stable", True, [], [], [], []),
        ("stable", False, [], [], ["a is stable, but no casefile on which it fires proves it"], []),
        ("test", False, [], [], [], []),
        ("test", False, ["quiet"], [], ["a fires on the healthy casefile quiet: It leaks."], []),
        ("test", False, ["quiet"], [listed("quiet")], [], []),
        ("test", False, ["quiet", "calm"], [listed("quiet")], ["a fires on the healthy casefile calm"], []),
        ("test", False, ["quiet"], [listed("quiet", "0.1.0")], ["a fires on the healthy casefile quiet"], []),
        ("stable", True, ["quiet"], [listed("quiet")], ["a is stable, but a false positive of it is open: why"], []),
        ("stable", True, [], [listed("some machine")], ["a is stable, but a false positive of it is open"], []),
        ("stable", True, [], [listed("some machine", "0.1.0")], [], []),
        ("test", False, [], [listed("quiet")], [], ["a no longer fires on quiet: say which version mended it"]),
        ("test", False, [], [listed("some machine")], [], []),
    ],
)
def test_gate(
    status: str,
    proven: bool,
    fires_on: list[str],
    ledger: list[FalsePositive],
    failures: list[str],
    notes: list[str],
) -> None:
    results = Results(proven={"a"} if proven else set())
    judged = judge([rule(status)], results, FakeShelf(fires_on), ledger)
    assert len(judged.failures) == len(failures)
    told = zip((*judged.failures, *judged.notes), (*failures, *notes), strict=True)
    assert all(one.what.startswith(beginning) for one, beginning in told)


@pytest.mark.parametrize(
    ("finding", "severity", "expected"),
    [
        ("kind.leak", "critical", True),
        ("holder.process", "warning", True),
        ("culprit.driver", "warning", True),
        ("resource.pool", "warning", True),
        ("kind.leak", "info", False),
        ("step.grows", "critical", False),
        ("quality.cut", "warning", False),
    ],
)
def test_which_rules_must_be_silent_on_healthy_machines(finding: str, severity: str, expected: bool) -> None:
    one = rule("test", finding, severity)
    assert names_a_leak(one) is expected
    fires = FakeShelf(["quiet"])
    assert bool(judge([one], Results(), fires, []).failures) is expected


def test_what_could_not_be_run_is_not_held_against_a_rule() -> None:
    assert not judge([rule("stable")], Results(unproven={"a"}), FakeShelf([]), []).failures


ENTRY = "{rule: a, where: quiet, version: 1, why: x, mended: open}"


@pytest.mark.parametrize(
    ("entry", "what"),
    [
        (ENTRY, None),
        (ENTRY.replace("open", "0.1.0"), None),
        (ENTRY.replace("rule: a", "rule: gone").replace("open", "0.1.0"), None),
        (ENTRY.replace("rule: a", "rule: b"), 'unknown rule "b"; expected one of a'),
        (ENTRY.replace("why: x, ", ""), "a false positive has the keys rule, where, version, why, mended"),
        (ENTRY.replace("why: x", "why: ''"), "a false positive has the keys rule, where, version, why, mended"),
        (ENTRY.replace("version: 1", "version: 0"), 'version "0" is not the version of a rule, a whole number from 1'),
        (ENTRY.replace("open", "soon"), 'mended "soon" is neither a version nor open'),
    ],
)
def test_ledger(entry: str, what: str | None) -> None:
    mistakes = Mistakes()
    (parsed,) = parse([SourceFile("l.yaml", "", f"false_positives:\n  - {entry}\n".encode())], mistakes)
    read_ledger(parsed.root, mistakes, ["a"])
    assert [one.what for one in mistakes.all()] == ([what] if what else [])


@pytest.mark.parametrize(
    ("index", "what"),
    [
        ("casefiles: [{name: one, state: leak, what: x}]", None),
        ("casefiles: [{name: one, state: laek, what: x}]", 'unknown state "laek"; the nearest is "leak"'),
        ("casefiles: [{name: one, state: leak}]", "a casefile has the keys name, state, what"),
        (
            "casefiles: [{name: one, state: leak, what: x}, {name: two, state: leak, what: x}]",
            'unknown folder "two"; expected one of one',
        ),
        ("casefiles: []", 'the folder "one" has no entry; add its name, its state and what it is'),
        ("cases: []", 'expected the key "casefiles" with a list'),
    ],
)
def test_index_of_casefiles(index: str, what: str | None, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "index.yaml").write_text(index, encoding="utf-8")
    mistakes = Mistakes()
    read_index(tmp_path, mistakes)
    assert what is None or mistakes.all()[0].what == what
    assert bool(mistakes) is (what is not None)


# The command -----------------------------------------------------------------------------------------------------


OWN = """\
pack: Own
rules:
  - id: own.handles
    title: Handles
    status: test
    version: 1
    when: [handles h: {count: ">= 5"}]
    then: {finding: step.own, severity: info, confidence: high, say: "{{ h.count }}"}
    tests:
      - facts: [handles h: {count: 5}]
        says: "5"
        but: [{h.count: 4}]
      - fires_on: thread-handle-leak
      - fires_on: near/by.log
      - silent_on: healthy
"""


def run(tmp_path: Path, text: str, *more: str) -> tuple[bool, list[str]]:
    file = tmp_path / "own.yaml"
    file.write_text(text, encoding="utf-8")
    told: list[str] = []
    return run_rule_tests([str(file), *more], settings.load(), True, told.append), told


@pytest.fixture(autouse=True)
def _no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "config"))


def test_own_pack_is_tested_among_the_shipped_rules(tmp_path: Path) -> None:
    (tmp_path / "near").mkdir()
    histogram = "       3  Key\n      90  Thread\n\n      93  Handles in process\n"
    (tmp_path / "near" / "by.log").write_text(f"0: kd> !handle 0 0 886f5020\n{histogram}", encoding="utf-8")
    well, told = run(tmp_path, OWN)
    assert told[-1].startswith("5 tests of 1 rule: 5 passed, 0 failed, 0 held back by the gate; 4 casefiles, ")
    assert told[-2].startswith("Tested: 100 % (1 of 1) of the rules, 100 % (1 of 1) of the conditions, ")
    assert well


def test_installed_program_has_no_casefiles_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dumptriage.authoring.testcommand.casefile_folder", lambda _: None)
    well, told = run(tmp_path, OWN.replace("      - fires_on: near/by.log\n", ""))
    assert well
    assert told[-2].startswith("2 tests on casefiles were not run: the casefiles come with the source")
    assert told[-1].startswith("2 tests of 1 rule: 2 passed, 0 failed")


def test_threshold_of_the_settings_is_named_where_tests_fail(tmp_path: Path) -> None:
    file = tmp_path / "config" / "dumptriage" / "triage.toml"
    file.parent.mkdir(parents=True)
    file.write_text('[thresholds."handles.many"]\nvalue = 7\nunit = "count"\nreason = "a small machine"\n')
    own = OWN.replace('">= 5"', '">= @handles.many"').replace("      - fires_on: near/by.log\n", "")
    well, told = run(tmp_path, own)
    assert not well
    assert [line for line in told if line.startswith("note") and "threshold handles.many has another value" in line]


def test_failing_pack(tmp_path: Path) -> None:
    well, told = run(tmp_path, OWN.replace('says: "5"', 'says: "6"').replace("status: test", "status: stable"))
    assert not well
    assert any(line.startswith("FAIL  own.handles  ") and line.endswith("own.yaml:11:15") for line in told)
    assert any(line.endswith("near/by.log cannot be read: No such file or directory") for line in told)
    assert "3 failed" not in told[-1]


def test_mistakes_of_rules_and_tests_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(RulebookError) as error:
        run(tmp_path, OWN.replace("h: {count: 5}", "h: {cuont: 5}").replace('">= 5"', '">= 5 %"'))
    assert len(str(error.value).splitlines()) == 2


def test_unknown_rule(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r'"tags\.chrun" is neither a file, .*; the nearest is "tags\.churn"'):
        run(tmp_path, OWN, "tags.chrun")


@pytest.mark.parametrize(
    ("old", "new", "status", "said"),
    [
        ("", "", 0, "2 tests of 1 rule: 2 passed"),
        ("count: 4", "count: 5", 1, "FAIL  own.handles"),
        ("count: 4", "cuont: 4", 4, 'unknown field of handles "cuont"; the nearest is "count"'),
        ("pack: Own", "pack: [", 4, "not valid YAML"),
    ],
)
def test_exit_status(
    old: str,
    new: str,
    status: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(OWN.partition("      - fires_on")[0].replace(old, new), encoding="utf-8")
    monkeypatch.setattr("sys.argv", ["triage", "rules", "test", str(file)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0) == status
    printed = capsys.readouterr()
    assert said in printed.out + printed.err


# The shipped rules -----------------------------------------------------------------------------------------------


def test_shipped_rules_pass_their_tests_and_the_gate() -> None:
    told: list[str] = []
    assert run_rule_tests([], settings.load(), False, told.append), "\n".join(told)


def test_every_casefile_of_the_index_is_there() -> None:
    folder = casefile_folder(Path(str(SHIPPED)))
    assert folder is not None
    mistakes = Mistakes()
    entries = read_index(folder, mistakes)
    assert not mistakes.lines()
    assert any(entry.state == "healthy" for entry in entries)


def test_no_rule_names_a_leak_on_a_real_healthy_machine(shared: Path) -> None:
    rulebook, knowledge = shipped_rulebook(), load_knowledge()
    naming = {one.id for one in rulebook.rules if names_a_leak(one)}
    for label in json.loads((shared / "cases" / "index.json").read_text(encoding="utf-8")):
        if label["verdict"] != "healthy":
            continue
        try:
            cases = read_casefile(shared / "cases" / label["slug"] / "transcript.txt")
        except CasefileError:
            assert label["transcript"] in ("prose", "stack"), label["slug"]
            continue
        fired = {one.rule for case in cases for one in diagnose(case, rulebook, knowledge).findings}
        assert not fired & naming, label["slug"]
