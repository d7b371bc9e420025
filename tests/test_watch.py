"""--watch: an edit of a rule file is in the report within two seconds, a mistake in it is shown, Ctrl-C ends it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from dumptriage import settings
from dumptriage import watch as watching
from dumptriage.applied import load_rules
from dumptriage.errors import CasefileError, UsageError
from dumptriage.sources import Options
from dumptriage.triage import judge, read_cases
from dumptriage.watch import copies

LOG = Path(__file__).parent.parent / "casefiles" / "thread-handle-leak" / "casefile.log"
RULE = """pack: Mine
rules:
  - id: mine.rule
    title: A title
    status: test
    version: 1
    when: [{{tag t: {{tag: Thre, share_of_pool: ">= @mine"}}}}]
    then: {{finding: step.mine, severity: info, confidence: low, say: "{says}"}}
"""
LIMIT = "thresholds:\n  - {name: mine, value: %d, unit: percent, source: s, doc: d}\n"


class Watched:
    """A watch in a thread of this process, over a folder of one rule."""

    def __init__(self, folder: Path) -> None:
        self.rules, self.report = folder / "mine", folder / "out.html"
        (self.rules / "packs").mkdir(parents=True)
        self.rule("the first words")
        self.limit(1)
        self.stop = Event()
        self.options = Options()
        self.reads = 0
        self.thread = Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        watching.watch([LOG], [self.report], self._count, self.options, rules=[self.rules], stop=self.stop)

    def _count(self, step: str) -> None:
        self.reads += step.startswith("Reading")

    def rule(self, says: str) -> None:
        self.write("packs/p.yaml", RULE.format(says=says))

    def limit(self, value: int) -> None:
        self.write("limits.yaml", LIMIT % value)

    def write(self, name: str, text: str) -> None:
        (self.rules / name).write_text(text, encoding="utf-8")

    def says(self) -> str:
        return self.report.read_text(encoding="utf-8") if self.report.exists() else ""


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    monkeypatch.chdir(tmp_path)
    # One rule stands for the shipped ones, which only cost time here.
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "p.yaml").write_text(RULE.format(says="shipped").replace("mine", "shipped").replace("@shipped", "1 %"))
    monkeypatch.setattr("dumptriage.applied.SHIPPED", shipped)
    monkeypatch.setattr("dumptriage.rulefolder.SHIPPED", shipped)
    one = Watched(tmp_path)
    one.thread.start()
    until(lambda: "the first words" in one.says())
    yield one
    one.stop.set()
    one.thread.join(20)
    assert not one.thread.is_alive()


def until(true: Callable[[], bool], seconds: float = 30.0) -> float:
    """Wait for something; returns how long it took."""
    started = time.perf_counter()
    while not true():
        assert time.perf_counter() - started < seconds, "it did not happen"
        time.sleep(0.02)
    return time.perf_counter() - started


def test_every_edit_is_in_the_report(watched: Watched, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    watched.rule("other words")
    until(lambda: "other words" in watched.says())
    watched.limit(99)  # the tag has 67 % of its pool
    until(lambda: "other words" not in watched.says())
    watched.limit(2)
    until(lambda: "other words" in watched.says())
    (tmp_path / "triage.toml").write_text('disable = [{rule = "mine.rule", reason = "too loud"}]', encoding="utf-8")
    until(lambda: "too loud" in watched.says())
    (tmp_path / "triage.toml").unlink()
    until(lambda: "too loud" not in watched.says())
    watched.write("added.yaml", RULE.format(says="of a second file").replace("mine.rule", "mine.second"))
    until(lambda: "of a second file" in watched.says())
    (watched.rules / "added.yaml").unlink()
    until(lambda: "of a second file" not in watched.says())
    said = ""

    def rounds() -> int:
        nonlocal said
        said += capsys.readouterr().err
        return said.count("waiting for a rule to change")

    until(lambda: rounds() >= 7)  # one for each edit; the very first may have been said before capture began


def test_a_mistake_is_printed_and_the_watch_goes_on(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    before = watched.says()
    watched.write("packs/p.yaml", RULE.format(says="words").replace("share_of_pool", "shar_of_pool"))
    err = ""

    def shown() -> bool:
        nonlocal err
        err += capsys.readouterr().err
        return "the nearest is" in err

    until(shown)
    assert re.search(r'p\.yaml:7:\d+: unknown field of tag "shar_of_pool"; the nearest is "share_of_pool"', err)
    assert watched.says() == before
    watched.rule("mended words")
    until(lambda: "mended words" in watched.says())


def test_nothing_is_judged_while_nothing_changes(watched: Watched) -> None:
    time.sleep(3 * watching.SECONDS)
    before = watched.report.stat().st_mtime_ns
    time.sleep(4 * watching.SECONDS)
    assert watched.report.stat().st_mtime_ns == before


def test_the_casefile_is_read_once(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("the casefile was read again")

    monkeypatch.setattr("dumptriage.triage.read", fail)
    watched.rule("other words")
    until(lambda: "other words" in watched.says())


def test_what_ends_it_at_once(tmp_path: Path) -> None:
    with pytest.raises(CasefileError):
        watching.watch([tmp_path / "none.log"], [], lambda _: None, Options())
    with pytest.raises(UsageError):
        watching.watch([LOG], [tmp_path / "out.docx"], lambda _: None, Options())


def test_with_all_shipped_rules_an_edit_costs_less_than_two_seconds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    cases = read_cases([LOG], [], lambda _: None, Options(), None)
    for words in ("first", "second"):
        (tmp_path / "mine" / "p.yaml").write_text(RULE.format(says=words).replace("@mine", "1 %"), encoding="utf-8")
        started = time.process_time()  # other programs may be busy
        books = load_rules(settings.load([Path("mine")]))
        judge(copies(cases), books, [tmp_path / "out.html"], lambda _: None, Options(), quiet=True)
        seconds = time.process_time() - started
    assert "second" in (tmp_path / "out.html").read_text(encoding="utf-8")
    assert seconds < 2


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent in another way there")
def test_the_command_ends_with_0_at_ctrl_c(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    rule = tmp_path / "mine" / "p.yaml"
    rule.write_text(RULE.format(says="the first words").replace("@mine", "1 %"), encoding="utf-8")
    report = tmp_path / "out.html"
    words = [str(LOG), "--rules", "mine", "--report", "out.html", "--watch"]
    command = [sys.executable, "-c", "from dumptriage.cli import main; main()", *words]
    said, told = tmp_path / "said", tmp_path / "told"
    with (
        said.open("wb") as out,
        told.open("wb") as err,
        subprocess.Popen(command, cwd=tmp_path, stdout=out, stderr=err) as process,
    ):
        try:
            until(lambda: told.read_text().count("waiting for a rule to change, Ctrl-C ends it") == 1)
            assert "the first words" in report.read_text(encoding="utf-8")
            rule.write_text(RULE.format(says="other words").replace("@mine", "1 %"), encoding="utf-8")
            until(lambda: told.read_text().count("waiting for a rule to change, Ctrl-C ends it") == 2)
            assert "other words" in report.read_text(encoding="utf-8")
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0
        finally:
            process.kill()
    assert "Traceback" not in told.read_text()
    assert said.read_text() == "leak: out.html\n" * 2


def test_a_watch_has_no_finding_to_fail_on() -> None:
    words = [str(LOG), "--watch", "--fail-on", "info"]
    command = [sys.executable, "-c", "from dumptriage.cli import main; main()", *words]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "a watch has no finding to end with" in result.stderr
