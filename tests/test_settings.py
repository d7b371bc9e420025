"""triage.toml: what it may say, at which level, and what every mistake in it looks like."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dumptriage import settings, userfolders
from dumptriage.applied import load_rules
from dumptriage.errors import RulebookError
from dumptriage.settings import Settings

LOG = Path(__file__).parent.parent / "casefiles" / "thread-handle-leak" / "casefile.log"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def write(text: str, place: Path | None = None) -> Path:
    file = place or Path("triage.toml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def user() -> Path:
    """Where the user's settings are looked for; there are none, whatever a test before left."""
    file = userfolders.config() / "triage.toml"
    file.unlink(missing_ok=True)
    return file


def mistakes(text: str) -> list[str]:
    write(text)
    with pytest.raises(RulebookError) as caught:
        load_rules(settings.load())
    return str(caught.value).splitlines()


def test_without_a_file_nothing_is_set() -> None:
    assert settings.load() == Settings()


def test_everything_a_file_may_say(project: Path) -> None:
    (project / "own").mkdir()
    (project / "pooltag.txt").write_text("Zzzz - acme.sys - things\n")
    write(
        'rules = ["own"]\npooltag = ["pooltag.txt"]\ndisable = [{rule = "next.tags", reason = "we have them"}]\n'
        '[thresholds]\n"tag.share.suspect" = {value = 25, unit = "percent", reason = "small pools"}\n'
        'tag.share.dominant = {value = 50.5, unit = "%", reason = "the same"}\n'
    )
    found = settings.load()
    assert [(folder.path, folder.name) for folder in found.rules] == [(Path("own"), "own")]
    assert found.pooltag == (Path("pooltag.txt"),)
    assert [(one.rule, one.reason) for one in found.adjustments.disable] == [("next.tags", "we have them")]
    assert [(one.threshold, one.value, one.unit) for one in found.adjustments.thresholds] == [
        ("tag.share.suspect", 25, "percent"),
        ("tag.share.dominant", 50.5, "%"),
    ]


def test_the_working_directory_goes_over_the_user_and_the_command_line_over_both(user: Path, project: Path) -> None:
    for folder in (user.parent / "own", project / "own", project / "given"):
        folder.mkdir(parents=True, exist_ok=True)
    text = 'rules = ["own"]\n[thresholds]\n"handles.many" = {value = %d, unit = "count", reason = "%s"}\n'
    write(text % (1, "user"), user)
    write(text % (2, "project"))
    found = settings.load([Path("given")])
    assert [folder.path for folder in found.rules] == [user.parent / "own", Path("own"), Path("given")]
    assert [folder.name for folder in found.rules] == ["own", "own", "given"]
    assert [(one.value, one.reason) for one in found.adjustments.thresholds] == [(2, "project")]


def test_a_folder_named_twice_counts_where_it_is_named_last(project: Path) -> None:
    for name in ("one", "two"):
        (project / name).mkdir()
    write('rules = ["one", "two"]')
    assert [folder.name for folder in settings.load([project / "one"]).rules] == ["two", str(project / "one")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rules = [", "triage.toml:1:1: not valid TOML: "),
        ("rules = []\nrules = []", "triage.toml:2:"),
        ("\nrule = []", 'triage.toml:2:1: unknown key "rule"; the nearest is "rules"'),
        ('rules = "own"', "triage.toml:1:1: rules: expected a list of paths"),
        ('rules = ["none"]', 'triage.toml:1:11: rules: there is no folder "none"'),
        ('\npooltag = ["x.txt"]', 'triage.toml:2:13: pooltag: there is no file or folder "x.txt"'),
        ('disable = ["a"]', "triage.toml:1:1: disable[1]: expected a table with rule, reason"),
        (
            'disable = [\n  {rule = "next.tags"},\n]',
            'triage.toml:2:12: disable[1]: lacks "reason": say why, it stands in the report',
        ),
        (
            'disable = [\n  {rule = "next.tags", reason = "", why = ""},\n]',
            'triage.toml:2:12: unknown key of disable[1] "why"; expected one of reason, rule',
        ),
        (
            'disable = [{rule = "next.tags", reason = "a"},\n  {rule = "next.tags", reason = "b"}]',
            'disable[2]: rule "next.tags" is disabled twice',
        ),
        (
            'disable = [{rule = "next.tagz", reason = "a"}]',
            'triage.toml:1:21: unknown rule "next.tagz"; the nearest is "next.tags"',
        ),
        (
            '[thresholds]\n"handles.manny" = {value = 1, unit = "count", reason = "a"}',
            'triage.toml:2:2: unknown threshold "handles.manny"; the nearest is "handles.many"',
        ),
        (
            '[thresholds]\n"handles.many" = {value = 1, unit = "%", reason = "a"}',
            'triage.toml:2:2: unit "%" does not fit "handles.many"; expected count',
        ),
        (
            '[thresholds]\n"handles.many" = {value = "1", unit = "count", reason = "a"}',
            'triage.toml:2:2: thresholds."handles.many".value: expected a number, the unit stands under unit',
        ),
        (
            '[thresholds]\n"handles.many" = {value = nan, unit = "count", reason = "a"}',
            'thresholds."handles.many".value: expected a number',
        ),
        ('[thresholds]\n"handles.many" = 5', 'thresholds."handles.many": expected a table with value, unit, reason'),
    ],
)
def test_a_mistake_has_its_place_and_its_key(text: str, says: str) -> None:
    assert any(says in line for line in mistakes(text)), mistakes(text)


def test_all_mistakes_are_shown_at_once() -> None:
    lines = mistakes('rule = []\nrules = ["none"]\n[thresholds]\nx = 1\n')
    assert [line.split(":")[1] for line in lines] == ["1", "2", "4"]


def test_what_is_no_text_or_too_large_is_refused(project: Path) -> None:
    Path("triage.toml").write_bytes(b"rules = []\n# \xff")
    with pytest.raises(RulebookError, match=r"triage\.toml:2:1: not UTF-8"):
        settings.load()
    Path("triage.toml").write_bytes(b"#" * (settings.MAX_SIZE + 1))
    with pytest.raises(RulebookError, match="larger than"):
        settings.load()


def test_a_threshold_that_makes_a_rule_impossible_is_to_blame_and_not_the_rule() -> None:
    [line] = mistakes('[thresholds]\n"tag.share.suspect" = {value = 60, unit = "percent", reason = "large pools"}\n')
    assert line == (
        'triage.toml:2:2: thresholds."tag.share.suspect": 60 % makes rule tags.suspect-share impossible: '
        '"share_of_pool < 60 % (@tag.share.dominant)" can never hold with the conditions before it; it was 30 %'
    )


@pytest.mark.parametrize(("value", "unit", "is_now"), [(2, "GB", 2 << 30), (5, "bytes", 5), (1.5, "KB", 1536)])
def test_a_threshold_may_be_written_in_any_unit_that_fits(value: float, unit: str, is_now: int) -> None:
    write(f'[thresholds]\n"hives.large" = {{value = {value}, unit = "{unit}", reason = "r"}}')
    rulebook, _ = load_rules(settings.load())
    (change,) = rulebook.info.changes
    assert change == (f"Threshold hives.large is {is_now:,} bytes instead of 1,073,741,824 bytes, by the settings: r")


class TestBesideTheCasefile:
    """Who sends a casefile must not choose by which rules it is judged."""

    def test_settings_are_not_read(self, project: Path) -> None:
        write("this is no TOML")
        found = settings.load(casefiles=[project / "case.log"])
        assert (found.files, found.passed_over) == ((), Path("triage.toml"))
        assert settings.load(casefiles=[Path("case.log")]).passed_over == Path("triage.toml")

    def test_a_link_to_the_folder_does_not_help(self, project: Path, tmp_path: Path) -> None:
        write("this is no TOML")
        (tmp_path / "link").symlink_to(project)
        assert settings.load(casefiles=[tmp_path / "link" / "case.log"]).passed_over == Path("triage.toml")

    def test_the_user_is_told(self, project: Path) -> None:
        write("this is no TOML")
        (project / "case.log").write_bytes(LOG.read_bytes())
        result = triage("case.log")
        assert result.returncode == 0
        assert result.stderr.startswith(
            "triage: triage.toml is not read: settings beside a casefile may be its sender's. If they are yours, put "
        )
        assert str(userfolders.config() / "triage.toml") in result.stderr
        assert "--rules" in result.stderr


def triage(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from dumptriage.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ)


def test_a_wrong_file_ends_the_command_with_status_4() -> None:
    write('\nrules = ["none"]')
    result = triage(LOG)
    assert (result.returncode, result.stdout) == (4, "")
    assert result.stderr == 'triage: triage.toml:2:11: rules: there is no folder "none"\n'


def test_a_folder_of_that_name_is_a_mistake() -> None:
    Path("triage.toml").mkdir()
    with pytest.raises(RulebookError, match=r"^triage\.toml:1:1: not a file; expected settings in TOML"):
        settings.load()


@pytest.mark.parametrize("data", [b"MZ\x90\x00\x03" * 99, b"Dear reader,\nno tag is here.\n", b""])
def test_a_list_without_a_pool_tag_is_a_mistake(data: bytes) -> None:
    Path("tags.txt").write_bytes(data)
    assert mistakes('\npooltag = ["tags.txt"]') == [
        'triage.toml:2:13: pooltag: there is no pool tag in "tags.txt"; expected lines as in pooltag.txt: '
        "Abcd - driver.sys - what it holds"
    ]


def test_a_folder_without_a_list_is_a_mistake() -> None:
    Path("lists").mkdir()
    assert mistakes('pooltag = ["lists"]') == [
        'triage.toml:1:13: pooltag: there is neither localtag.txt nor pooltag.txt in the folder "lists"'
    ]


def test_a_folder_of_rules_without_any_is_a_mistake(project: Path) -> None:
    (project / "own" / "deep").mkdir(parents=True)
    (project / "own" / "deep" / "a.yaml").write_text("pack: P\nrules: []\n")
    with pytest.raises(RulebookError, match=r"^own: no rule files; expected \*\.yaml, packs/\*\.yaml"):
        load_rules(settings.load([Path("own")]))


def test_a_disabled_rule_is_said_to_be_disabled() -> None:
    write('disable = [{rule = "next.tags", reason = "we have them"}]')
    for words in (["explain", LOG, "next.tags"], ["rules", "show", "next.tags"], ["rules", "test", "next.tags"]):
        result = triage(*words)
        assert result.returncode == 2
        assert 'rule "next.tags" is disabled by triage.toml: we have them' in result.stderr


def test_facts_use_the_settings_too(project: Path) -> None:
    (project / "pooltag.txt").write_text("Zzzz - acme.sys - things\n")
    (project / "case.txt").write_text(LOG.read_text(encoding="utf-8").replace("Thre ", "Zzzz "), encoding="utf-8")
    write('pooltag = ["pooltag.txt"]')
    casefile = project.parent / "case.log"
    (project / "case.txt").rename(casefile)
    assert '"owner_source": "pooltag.txt"' in triage("facts", casefile).stdout
