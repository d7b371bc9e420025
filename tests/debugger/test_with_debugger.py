"""`triage --with`: from a dump and a debugger to a report, whatever the debugger does."""

import json
import lzma
import sys
from pathlib import Path
from typing import Any

import pytest
from stand_ins import DUMP, LEAK_LOG, dump_file, program, set_up

from dumptriage import cli
from dumptriage.debugger import target
from dumptriage.debugger.interface import Limits


@pytest.fixture(autouse=True)
def limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(target, "LIMITS", Limits(open_s=20, command_s=1, total_s=30, grace_s=0.5, output=1 << 20))


@pytest.fixture
def kd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DUMPTRIAGE_KD", str(program(tmp_path)))


def report(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *words: str | Path) -> dict[str, Any]:
    out = tmp_path / "out.json"
    triage(monkeypatch, *words, "--report", out)
    document: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    return document


def triage(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    """Run the command in this process, where the limits are short; returns its exit status."""
    monkeypatch.setattr(sys, "argv", ["triage", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)


def texts(document: dict[str, Any]) -> str:
    return "\n".join(item["text"] for item in document["quality"])


@pytest.mark.usefixtures("kd")
class TestWithKd:
    def test_a_dump_read_by_the_debugger_alone_gives_the_verdict_of_its_log(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        asked = set_up(monkeypatch, tmp_path)
        by_kd = report(monkeypatch, tmp_path, dump_file(tmp_path), "--with", "kd")
        by_log = report(monkeypatch, tmp_path, LEAK_LOG)
        assert by_kd["casefile"]["name"] == "memory.dmp"
        assert by_kd["casefile"]["kind"] == "dump"
        # The log answers !vm, !poolused 2 and more; !vm 1 and !poolused 4 are not in it.
        assert by_log["verdict"]["kind"]["tags"] == ["Thre"] == by_kd["verdict"]["kind"]["tags"]
        lines = asked.read_text().splitlines()
        assert "'-z', '" + str(dump_file(tmp_path)) in lines[0]
        assert "!poolused 2" in lines

    @pytest.mark.parametrize(
        ("mode", "said"),
        [
            ("hang", "!poolused 2 was broken off after 1 s; what it had printed by then is used"),
            ("deaf", "!poolused 2 was broken off after"),
            ("die", "kd ended while it ran !poolused 2; what it had printed by then is used"),
            ("flood", "!poolused 2 printed more than the 1 MB or 200,000 lines that are read"),
            ("wrong symbols", "kd had no right symbols of the kernel for !poolused 2"),
        ],
    )
    def test_what_goes_wrong_costs_its_command_and_is_said(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, said: str
    ) -> None:
        log = LEAK_LOG.read_text(encoding="utf-8").replace("> !vm\n", "> !vm 1\n")
        set_up(monkeypatch, tmp_path, log, {"!poolused 2": mode})
        document = report(monkeypatch, tmp_path, dump_file(tmp_path), "--with", "kd")
        assert said in texts(document)
        # !vm 1 came before it, !poolfind after it.
        assert document["verdict"]["resource"]["name"] == "nonpaged pool"
        assert document["verdict"]["resource"]["exhausted"] is True

    def test_figures_of_a_debugger_without_symbols_are_suspect(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        set_up(monkeypatch, tmp_path, modes={"!poolused 2": "wrong symbols"})
        triage(monkeypatch, "facts", dump_file(tmp_path), "--with", "kd")
        facts = json.loads(capsys.readouterr().out)["facts"]
        tags = [fact for fact in facts if fact["kind"] == "tag"]
        assert {fact["quality"] for fact in tags} == {"suspect"}
        assert {fact["source"] for fact in tags} == {"kd: !poolused 2"}

    def test_a_dump_it_cannot_open_is_refused_in_one_line(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        set_up(monkeypatch, tmp_path, modes={"": "cannot open"})
        assert triage(monkeypatch, dump_file(tmp_path), "--with", "kd") == 3
        error = capsys.readouterr().err
        assert error.count("\n") == 1
        assert "cannot find the file" in error

    def test_only_dumps_are_opened(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        asked = set_up(monkeypatch, tmp_path)
        assert triage(monkeypatch, LEAK_LOG, "--with", "kd") == 2
        assert "--with kd opens kernel dumps" in capsys.readouterr().err
        assert not asked.exists()


@pytest.mark.usefixtures("kd")
class TestFilledUp:
    """A dump read natively, with a debugger that is installed."""

    @pytest.fixture
    def damaged(self, tmp_path: Path) -> Path:
        """The dump of the leak with its header and nothing but zeros behind it, packed."""
        data = lzma.decompress(DUMP.read_bytes())
        path = tmp_path / "damaged.dmp.xz"
        path.write_bytes(lzma.compress(data[:4096] + bytes(1 << 17)))
        return path

    def test_what_the_dump_lacks_comes_from_the_debugger(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damaged: Path
    ) -> None:
        log = LEAK_LOG.read_text(encoding="utf-8").replace("> !vm\n", "> !vm 1\n").replace(" Thre 0\n", " Thre\n")
        asked = set_up(monkeypatch, tmp_path, log)
        alone = report(monkeypatch, tmp_path, damaged, "--with", "native")
        assert not asked.exists()
        assert alone["verdict"]["state"] == "inconclusive"
        both = report(monkeypatch, tmp_path, damaged)
        assert both["verdict"]["resource"]["name"] == "nonpaged pool"
        assert both["verdict"]["kind"]["tags"] == ["Thre"]
        assert both["casefile"] == alone["casefile"]
        assert "kd was asked for" in texts(both)
        assert "pool tags were not read from this dump" not in texts(both)
        # A question of the second round: a rule wants it now that the tag is known.
        lines = asked.read_text().splitlines()
        assert lines.index("!poolused 2") < lines.index("!poolfind Thre")
        assert "lm kv printed nothing that is understood; it begins with 'No export lm found'." in texts(both)

    def test_the_dump_is_unpacked_for_it_and_gone_afterwards(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damaged: Path
    ) -> None:
        asked = set_up(monkeypatch, tmp_path)
        triage(monkeypatch, damaged, "--quiet")
        opened = Path(asked.read_text().split("'-z', '")[1].split("'")[0])
        assert opened.suffix == ".unpacked"
        assert not opened.exists()

    def test_one_that_cannot_open_it_is_a_note(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, damaged: Path
    ) -> None:
        set_up(monkeypatch, tmp_path, modes={"": "cannot open"})
        document = report(monkeypatch, tmp_path, damaged)
        assert document["verdict"]["state"] == "inconclusive"
        assert "what it would have shown is missing" in texts(document)

    def test_a_dump_that_says_enough_starts_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        asked = set_up(monkeypatch, tmp_path)
        triage(monkeypatch, DUMP, "--quiet")
        assert not asked.exists()

    def test_a_log_starts_none(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        asked = set_up(monkeypatch, tmp_path)
        triage(monkeypatch, LEAK_LOG, "--quiet")
        assert not asked.exists()


class TestPykd:
    def test_a_dump_read_by_pykd_alone(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("DUMPTRIAGE_PYKD", sys.executable)
        asked = set_up(monkeypatch, tmp_path, modes={"!poolused 4": "hang", "lm kv": "raise"})
        document = report(monkeypatch, tmp_path, dump_file(tmp_path), "--with", "pykd")
        assert document["verdict"]["kind"]["tags"] == ["Thre"]
        assert "!poolused 4 was broken off after 1 s; it had printed nothing" in texts(document)
        assert "pykd could not run lm kv: Call IDebugControl::ExecuteWide failed" in texts(document)
        assert asked.read_text().count(f"dump {dump_file(tmp_path)}") == 2


class TestLive:
    def test_the_local_kernel(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("DUMPTRIAGE_KD", str(program(tmp_path)))
        asked = set_up(monkeypatch, tmp_path)
        document = report(monkeypatch, tmp_path, "live")
        assert "'-kl'" in asked.read_text().splitlines()[0]
        assert document["casefile"]["name"] == "local kernel"
        assert len(document["casefile"]["sha256"]) == 64
        assert document["verdict"]["kind"]["tags"] == ["Thre"]

    @pytest.mark.skipif(sys.platform == "win32", reason="there it is possible")
    def test_elsewhere_than_on_windows_it_is_refused(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("DUMPTRIAGE_KD", raising=False)
        assert triage(monkeypatch, "live") == 2
        assert "Windows machine itself" in capsys.readouterr().err


def test_without_a_debugger_nothing_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("DUMPTRIAGE_KD", "DUMPTRIAGE_PYKD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    plain = tmp_path / "x.dmp"
    plain.write_bytes(lzma.decompress(DUMP.read_bytes()))
    assert "kd was asked" not in texts(report(monkeypatch, tmp_path, plain))
    assert triage(monkeypatch, plain, "--with", "kd") == 2
    assert "no kd.exe or cdb.exe on the PATH" in capsys.readouterr().err
