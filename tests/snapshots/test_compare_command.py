"""`triage compare` and `triage A B C`: what is written and printed of several casefiles, and what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from machinelogs import Snapshot

from dumptriage import cli
from dumptriage import watch as watching
from dumptriage.errors import CasefileError, UsageError
from dumptriage.redaction import Level, Redaction
from dumptriage.sources import Options
from dumptriage.triage import print_facts, read_cases, run_casefiles, settings_for

THREE = (Snapshot(0, 20_000, 20_100), Snapshot(8, 60_000, 60_100), Snapshot(24, 100_000, 100_100))
NAMES = ("monday.log", "noon.log", "tuesday.log")


def silent(_: str) -> None:
    """No progress."""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [each.write(tmp_path / name) for each, name in zip(THREE, NAMES, strict=True)]


def triage(words: Sequence[object], monkeypatch: pytest.MonkeyPatch) -> int:
    """The command in this process; the exit status."""
    monkeypatch.setattr("sys.argv", ["triage", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def report_of(files: Sequence[Path], target: Path, **more: Any) -> dict[str, Any]:
    first, *rest = files
    run_casefiles([first, *rest], [target], silent, Options(), quiet=True, **more)
    return json.loads(target.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def test_the_report_says_which_sample_is_which(files: list[Path], tmp_path: Path) -> None:
    report = report_of([files[2], files[0], files[1]], tmp_path / "out.json")
    assert [(each["number"], each["name"], each["placed_by"]) for each in report["snapshots"]] == [
        (1, "monday.log", "clock"),
        (2, "noon.log", "clock"),
        (3, "tuesday.log", "clock"),
    ]
    (thre,) = [fact for fact in report["facts"] if fact["kind"] == "growth" and fact["tag"] == "Thre"]
    assert (thre["change"], thre["per_hour"], thre["course"]) == (80_000, pytest.approx(80_000 / 24), "rising")
    assert report["verdict"]["state"] == "leak"
    assert report["verdict"]["holder"]["name"] == "worker.exe"


def test_the_page_has_the_snapshots_and_their_numbers_under_the_lines(files: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    run_casefiles(files, [target], silent, Options(), quiet=True)
    page = target.read_text(encoding="utf-8")
    assert "tuesday.log and 2 earlier casefiles" in page
    assert "3 snapshots over 1 d: 1. monday.log, 2. noon.log, 3. tuesday.log." in page
    assert 'id="table-snapshot"' in page
    assert page.index('id="table-snapshot"') < page.index('id="table-growth"') < page.index('id="table-tag"')
    assert page.count('font-size="7.4">3</text>') >= 2
    assert "one moment of one machine" not in page


def test_one_snapshot_has_no_snapshots(files: list[Path], tmp_path: Path) -> None:
    target = tmp_path / "out.html"
    run_casefiles(files[:1], [target], silent, Options(), quiet=True)
    page = target.read_text(encoding="utf-8")
    assert 'id="table-snapshot"' not in page
    assert "one moment of one machine" in page


def test_the_span_begins_with_the_first_reading_of_any(files: list[Path], tmp_path: Path) -> None:
    series = tmp_path / "series.csv"
    rows = [f'"11/{day}/2026 02:00:00.000","9000"' for day in (18, 19, 21)]
    series.write_text(
        "\n".join(['"(PDH-CSV 4.0) (UTC)(0)","\\\\SRV01\\Memory\\Committed Bytes"', *rows]), encoding="utf-8"
    )
    report = report_of([files[0], series], tmp_path / "out.json")
    assert [each["name"] for each in report["snapshots"]] == ["monday.log", "series.csv"]
    target = tmp_path / "out.html"
    run_casefiles([files[0], series], [target], silent, Options(), quiet=True)
    assert "4 snapshots over 3 d: 1. monday.log, 2. series.csv." in target.read_text(encoding="utf-8")


def test_the_terminal_has_one_line_of_them(files: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    run_casefiles(files, [], silent, Options())
    assert "3 snapshots over 1 d: 1. monday.log, 2. noon.log, 3. tuesday.log." in capsys.readouterr().out


@pytest.mark.parametrize("words", [(), ("compare",)])
def test_with_and_without_the_word(
    words: tuple[str, ...], files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.json"
    assert triage([*words, *files, "--report", target, "--fail-on", "info", "--quiet"], monkeypatch) == 1
    assert len(json.loads(target.read_text(encoding="utf-8"))["snapshots"]) == 3


def test_facts_of_several_judge_the_same_again(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_facts(files, silent, Options())
    facts = tmp_path / "facts.json"
    facts.write_text(capsys.readouterr().out, encoding="utf-8")
    one, two = report_of(files, tmp_path / "one.json"), report_of([facts], tmp_path / "two.json")
    assert one["verdict"] == two["verdict"]
    assert one["snapshots"] == two["snapshots"]


def test_facts_of_one_with_a_log_of_another_moment(
    files: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_facts(files[:1], silent, Options())
    facts = tmp_path / "facts.json"
    facts.write_text(capsys.readouterr().out, encoding="utf-8")
    report = report_of([facts, files[1]], tmp_path / "out.json")
    assert [each["name"] for each in report["snapshots"]] == ["monday.log", "noon.log"]
    with pytest.raises(CasefileError, match="same casefile"):
        report_of([facts, files[0]], tmp_path / "out.json")


def test_seconds_of_each_casefile(files: list[Path], tmp_path: Path) -> None:
    steps: list[str] = []
    first, *rest = files
    read_cases([first, *rest], [], steps.append, Options(), None)
    assert "2 of 3: Reading the debugger log" in steps


class TestRefused:
    def test_another_boot(
        self, files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        other = Snapshot(30, kernel_base="fffff804`5e200000").write(tmp_path / "other.log")
        target = tmp_path / "out.json"
        assert triage(["compare", files[0], other, "--report", target], monkeypatch) == 3
        (line,) = capsys.readouterr().err.splitlines()
        assert "monday.log and other.log are not of one boot of one machine (kernel base" in line
        assert not target.exists()

    def test_a_log_of_two_machines(self, files: list[Path], tmp_path: Path) -> None:
        second = Snapshot(0, kernel_base="fffff804`5e200000", system="ffffd58a`3a6b9040", pages=2_000_000)
        both = tmp_path / "both.log"
        both.write_text(THREE[0].text() + second.text(), encoding="utf-8")
        with pytest.raises(CasefileError, match=r"both\.log holds 2 machines"):
            read_cases([files[1], both], [], silent, Options(), None)

    def test_a_number_of_a_machine(self, files: list[Path]) -> None:
        with pytest.raises(UsageError, match="--machine"):
            read_cases(files, [], silent, Options(), 1)

    def test_a_casefile_that_cannot_be_read(self, files: list[Path], tmp_path: Path) -> None:
        with pytest.raises(CasefileError, match=r"none\.log cannot be read"):
            read_cases([files[0], tmp_path / "none.log"], [], silent, Options(), None)


def test_settings_beside_any_of_the_casefiles_are_not_read(
    files: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / "triage.toml").write_text('disable = ["x"]\n', encoding="utf-8")
    monkeypatch.chdir(sent)
    last = Snapshot(48).write(sent / "last.log")
    assert settings_for([files[0], last], [], quiet=True).passed_over is not None


@pytest.mark.parametrize("level", list(Level))
def test_redaction_hides_the_names_of_all_casefiles_and_of_the_machine(
    level: Level, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("PAYROLL7-before.log", "PAYROLL7-after.log")
    files = [each.write(tmp_path / name) for each, name in zip(THREE, names, strict=False)]
    print_facts(files, silent, Options())
    document = json.loads(capsys.readouterr().out)
    system = next(fact for fact in document["facts"] if fact["kind"] == "system")
    system["computer"] = "PAYROLL7"
    facts = tmp_path / "facts.json"
    facts.write_text(json.dumps(document), encoding="utf-8")
    for casefiles in ([facts], files):
        report = report_of(casefiles, tmp_path / "out.json", redaction=Redaction(level))
        assert [each["name"] for each in report["snapshots"]] == ["casefile-1.log", "casefile-2.log"]
        assert report["casefile"]["name"] == "casefile-2.log"
        assert "payroll" not in json.dumps(report).lower()
        assert any(fact["kind"] == "growth" and fact["tag"] == "Thre" for fact in report["facts"])


def test_watch(files: list[Path], tmp_path: Path) -> None:
    class Once:
        rounds = 0

        def is_set(self) -> bool:
            self.rounds += 1
            return self.rounds > 1

        def wait(self, _: float) -> None: ...

    target = tmp_path / "out.json"
    once: Any = Once()
    watching.watch(files, [target], silent, Options(), quiet=True, stop=once)
    report = json.loads(target.read_text(encoding="utf-8"))
    assert [fact["change"] for fact in report["facts"] if fact["kind"] == "growth" and fact["tag"] == "Thre"] == [
        80_000
    ]
