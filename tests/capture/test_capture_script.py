"""The script of `triage capture`: run by a stand-in for a debugger, its log answers what was asked."""

import re
from collections.abc import Iterable
from pathlib import Path

import pytest

from dumptriage.capture.questions import Wanted, needed
from dumptriage.capture.safe import is_safe
from dumptriage.capture.script import MARK, for_debugger, for_machine
from dumptriage.cli import app, main
from dumptriage.facts import Case, Casefile
from dumptriage.knowledge import load_knowledge
from dumptriage.report.wording import load
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

CASEFILES = Path(__file__).parents[2] / "casefiles"
CASE = CASEFILES / "process-reference-leak" / "casefile.log"
HOSTILE = 'a;.reboot"`${x}%PATH%&del|^<>\r\n.crash \u202e'

OUTPUTS = {
    "vertarget": """\
Windows 7 Kernel Version 7601 (Service Pack 1) MP (4 procs) Free x64
Product: Server, suite: TerminalServer
Kernel base = 0xfffff800`02a00000 PsLoadedModuleList = 0xfffff800`02c45670
System Uptime: 41 days 7:01:02.345""",
    "dt nt!_OBJECT_TYPE poi(nt!PsProcessType)": """\
nt!_OBJECT_TYPE
   +0x000 TypeList         : _LIST_ENTRY [ 0xfffffa80`06a0b850 - 0xfffffa80`06a0b850 ]
   +0x010 Name             : _UNICODE_STRING "Process"
   +0x020 DefaultObject    : (null)
   +0x028 Index            : 0x7 ''
   +0x02c TotalNumberOfObjects : 0x2fd000
   +0x030 TotalNumberOfHandles : 0x57
   +0x0a8 Key              : 0x636f7250""",
    "lm kv": """\
start             end                 module name
fffff800`02a00000 fffff800`02fea000   nt         (pdb symbols)          ntkrnlmp.pdb
    Loaded symbol image file: ntkrnlmp.exe
    Image path: ntkrnlmp.exe
    Image name: ntkrnlmp.exe
    Timestamp:        Sat Nov 20 10:30:02 2010 (4CE7951A)
    File version:     6.1.7601.17514
    CompanyName:      Microsoft Corporation""",
}


def played(script: str, *, echoes: bool, outputs: dict[str, str] = OUTPUTS) -> str:
    """The log a debugger writes while it runs a script: as one block (`$$><`) or line by line with echo (`$<`)."""
    log: list[str] = []
    opened = False
    for line in script.replace("\r\n", "\n").split("\n"):
        if echoes and opened and line:
            log.append(f"0: kd> {line}")
        if line.startswith(".logopen"):
            opened = True
        elif line == ".logclose":
            opened = False
        elif line.startswith(".echo "):
            log.append(line.removeprefix(".echo "))
        elif line and not line.startswith("$$ "):
            log.append(outputs.get(line, ""))
    assert not opened
    return "\n".join(log)


def script_of(wanted: Iterable[Wanted], name: str = "case.log") -> str:
    text = for_debugger(list(wanted), name, "dump", load())
    assert text is not None
    return text


@pytest.fixture(scope="module")
def first() -> list[Wanted]:
    """What is needed of a case of which nothing is known."""
    nothing = Case(Casefile("", "", 0, "log"))
    return needed(diagnose(nothing, shipped_rulebook(), load_knowledge()))


def test_the_first_script_asks_for_what_most_rules_need_and_for_nothing_slow(first: list[Wanted]) -> None:
    commands = [one.command for one in first if one.runs]
    assert set(commands[:4]) == {"!poolused 2", "!poolused 4", "!vm 1", "!process 0 0"}
    assert {"vertarget", "lm kv"} <= set(commands)
    assert all(one.cost == "seconds" for one in first if one.runs)


@pytest.mark.parametrize("echoes", [False, True], ids=["one block", "line by line"])
def test_the_log_of_a_script_reads_as_what_was_asked(echoes: bool, tmp_path: Path) -> None:
    asked = [Wanted(command) for command in OUTPUTS]
    log = tmp_path / "capture.log"
    log.write_text(played(script_of(asked), echoes=echoes))
    (case,) = read(log)
    (system,), (kind,), (module,) = (case.of(kind) for kind in ("system", "object_type", "module"))
    assert (system.get("build"), kind.get("objects"), kind.get("handles")) == (7601, 0x2FD000, 0x57)
    assert (kind.get("tag"), kind.verify) == ("Proc", "dt nt!_OBJECT_TYPE poi(nt!PsProcessType)")
    assert module.get("version") == "6.1.7601.17514"
    assert not case.of("data_quality")


@pytest.mark.parametrize("echoes", [False, True], ids=["one block", "line by line"])
def test_a_log_that_was_cut_is_told_from_one_that_is_whole(echoes: bool, tmp_path: Path) -> None:
    whole = played(script_of([Wanted(command) for command in OUTPUTS]), echoes=echoes)
    log = tmp_path / "capture.log"
    log.write_text(whole[: whole.index("lm kv")])
    (case,) = read(log)
    (note,) = [one for one in case.of("data_quality") if one.get("problem") == "debugger"]
    assert note.get("severity") == "warning"
    assert "does not end" in (note.text("text") or "")


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    books = shipped_rulebook(), load_knowledge()
    (case,) = read(CASE)
    before = [one.command for one in needed(diagnose(case, *books)) if one.runs]
    assert {"dt nt!_OBJECT_TYPE poi(nt!PsProcessType)", "lm kv"} <= set(before)
    log = tmp_path / "both.log"
    script = script_of(Wanted(command) for command in OUTPUTS)
    log.write_text(f"{CASE.read_text()}\n{played(script, echoes=False)}")
    (case,) = read(log)
    after = [one.command for one in needed(diagnose(case, *books)) if one.runs]
    assert not {"dt nt!_OBJECT_TYPE poi(nt!PsProcessType)", "lm kv", "vertarget"} & set(after)
    assert set(after) < set(before)


@pytest.mark.parametrize("command", ["!poolfind {}", "!handle 0 3 0 {}", "lmvm {}", "{}"])
def test_every_line_of_a_script_reads_sets_up_or_is_a_comment(command: str) -> None:
    wanted = [Wanted(command.format(HOSTILE), (HOSTILE,), (HOSTILE,)), Wanted("!vm 1", (), (HOSTILE,))]
    text = script_of(wanted, name=HOSTILE)
    for line in text.split("\r\n"):
        spoken = line.removeprefix(".echo kd> ")
        assert (
            not line
            or line in (".logopen /t dumptriage-capture.log", ".logclose", f".echo kd> .echo {MARK} end")
            or re.fullmatch(rf"\.echo {MARK} begin: \d+ commands", line)
            or (line.startswith("$$ ") and not re.search(r'[;"`\n\r$]', line[3:]))
            or is_safe(spoken)
        ), line
    assert text.isascii()


def test_a_local_debugger_is_not_asked_for_what_needs_a_stopped_machine() -> None:
    wanted = [Wanted("!analyze -v"), Wanted("!vm 1")]
    live = for_debugger(wanted, None, "live", load())
    assert live is not None
    assert "\r\n!analyze -v" not in live
    assert "\r\n!analyze -v" in script_of(wanted)


def test_nothing_wanted_is_no_script() -> None:
    assert for_debugger([Wanted("poolmon -n pool.log")], None, "dump", load()) is None
    assert for_machine([Wanted("!vm 1")], None, load()) is None


def test_the_script_of_the_machine_only_reads() -> None:
    wanted = [
        Wanted("poolmon -n pool-%time%.log, every 30 minutes for 3 hours", (), (HOSTILE,)),
        Wanted("fltmc instances"),
        Wanted("fltmc instances & del x"),
        Wanted("verifier /reset"),
        Wanted("wpr -start Pool, reproduce, wpr -stop pool.etl"),
    ]
    text = for_machine(wanted, HOSTILE, load())
    assert text is not None
    lines = [line for line in text.split("\r\n") if line and not line.startswith("rem ")]
    assert lines[3] == "fltmc instances > machine-1.txt 2>&1"
    assert [line.split()[0] for line in lines] == [
        *("@echo", "setlocal", "cd", "fltmc", "start", "for", "for", "poolmon", "if", ")"),
    ]
    remarks = "".join(line for line in text.split("\r\n") if line.startswith("rem "))
    assert not set("%^&|<>") & set(remarks)
    assert "verifier /reset" in remarks


class TestCommand:
    def run(self, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[str, str]:
        app(["capture", *arguments], standalone_mode=False)
        captured = capsys.readouterr()
        return captured.out, captured.err

    def test_writes_the_first_script(self, capsys: pytest.CaptureFixture[str]) -> None:
        out, _ = self.run(capsys)
        assert "\n!vm 1\n" in out

    def test_writes_what_a_case_still_needs(self, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
        target = tmp_path / "more.txt"
        out, _ = self.run(capsys, str(CASE), "--output", str(target))
        assert str(target) in out
        script = target.read_bytes().decode("ascii")
        assert "\r\n!poolfind Proc\r\n" in script
        assert "\r\n!process 0 0\r\n" not in script

    @pytest.mark.parametrize(
        ("case", "target", "says"),
        [
            ("thread-handle-leak", "dump", "Nothing is left to capture that would change the verdict."),
            ("healthy-client", "machine", "Nothing is left to capture"),
            ("driver-work-items", "dump", "--for machine"),
        ],
    )
    def test_says_that_nothing_is_left_and_writes_nothing(
        self, capsys: pytest.CaptureFixture[str], tmp_path: Path, case: str, target: str, says: str
    ) -> None:
        script = tmp_path / "none.txt"
        out, err = self.run(capsys, str(CASEFILES / case / "casefile.log"), "--for", target, "--output", str(script))
        assert (out, script.exists()) == ("", False)
        assert says in err

    def test_does_not_overwrite_the_casefile(
        self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = CASE.read_bytes()
        monkeypatch.setattr("sys.argv", ["triage", "capture", str(CASE), "--output", str(CASE)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert (ended.value.code, CASE.read_bytes()) == (2, before)
        assert "is the casefile" in capsys.readouterr().err
