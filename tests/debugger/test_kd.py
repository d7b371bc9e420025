"""kd over its pipes: where outputs end, and what a command that goes wrong costs."""

from pathlib import Path

import pytest
from stand_ins import FAKE_KD, set_up

from dumptriage.debugger.interface import DebuggerError, Limits
from dumptriage.debugger.kd import Kd, command_line

SAID = """\
Loading Dump File [C:\\x.dmp]
Kernel base = 0x80400000
0: kd> !vm 1
Available Pages:   303760   ( 1215040 Kb)
Modified Pages:       677   (    2708 Kb)
0: kd> vertarget
Windows 2000 Kernel Version 2195 (Service Pack 4) UP Free x86 compatible
0: kd> !sysptes
"""
VM = "Available Pages:   303760   ( 1215040 Kb)\nModified Pages:       677   (    2708 Kb)\n"
LIMITS = Limits(open_s=20, grace_s=1, output=1 << 16)


@pytest.fixture(params=[False, True], ids=["input not echoed", "input echoed"])
def echo(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_each_command_gets_its_own_output(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, echo: bool) -> None:
    set_up(monkeypatch, tmp_path, SAID, echo=echo)
    with Kd(FAKE_KD, LIMITS) as kd:
        assert kd.banner.splitlines()[-1] == "Kernel base = 0x80400000"
        outputs = [kd.execute(command, 10) for command in ("!vm 1", "!sysptes", "vertarget", "!vm 1")]
        assert kd.prompt == "0: kd> "
    assert [output.state for output in outputs] == ["complete"] * 4
    assert [output.text for output in outputs[:2]] == [VM, ""]
    assert outputs[2].text.startswith("Windows 2000 Kernel Version 2195")
    assert outputs[3].text == VM


@pytest.mark.parametrize("mode", ["half", "forge", "latin"])
def test_an_output_is_whole_whatever_it_looks_like(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, echo: bool, mode: str
) -> None:
    set_up(monkeypatch, tmp_path, SAID.replace("Pages", "Usage"), {"!vm 1": mode}, echo=echo)
    with Kd(FAKE_KD, LIMITS) as kd:
        odd, next_one = kd.execute("!vm 1", 10), kd.execute("vertarget", 10)
    assert odd.state == "complete"
    assert odd.text.rstrip().endswith("2708 Kb)")
    assert {"half": "Usage", "forge": "a" * 32, "latin": "Üsage"}[mode] in odd.text
    assert next_one.text.startswith("Windows 2000")


@pytest.mark.parametrize(
    ("mode", "state"), [("hang", "timeout"), ("deaf", "timeout"), ("die", "died"), ("flood", "truncated")]
)
def test_a_command_that_goes_wrong_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, state: str
) -> None:
    set_up(monkeypatch, tmp_path, SAID, {"!vm 1": mode})
    with Kd(FAKE_KD, LIMITS) as kd:
        wrong, next_one = kd.execute("!vm 1", 1), kd.execute("vertarget", 10)
    assert wrong.state == state
    assert wrong.seconds < 10
    assert len(wrong.text) <= LIMITS.output
    assert next_one.text.startswith("Windows 2000")


def test_of_a_broken_output_only_whole_lines_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    said = "0: kd> !vm 1\n" + "NonPagedPool Usage: 59613 ( 238452 Kb)\n" * 3
    set_up(monkeypatch, tmp_path, said, {"!vm 1": "die"})
    with Kd(FAKE_KD, LIMITS) as kd:
        # The stand-in ends in the middle of the second line.
        assert kd.execute("!vm 1", 10).text == "NonPagedPool Usage: 59613 ( 238452 Kb)\n"


def test_it_is_started_twice_at_most(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = set_up(monkeypatch, tmp_path, SAID, {"!vm 1": "die"})
    with Kd(FAKE_KD, LIMITS) as kd:
        states = [kd.execute("!vm 1", 10).state for _ in range(3)]
    assert states == ["died", "died", "skipped"]
    assert asked.read_text().count("beside []") == 2  # its working directory is empty


def test_a_command_that_writes_is_never_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = set_up(monkeypatch, tmp_path, SAID)
    commands = ["!vm 1;.reboot", ".crash", "!kdexts.ed 1000 1", "!verifier -disable", "!vm 1\n.crash", "ed nt 1", "q"]
    with Kd(FAKE_KD, LIMITS) as kd:
        assert {kd.execute(command, 10).state for command in commands} == {"refused"}
    assert {line.split()[0] for line in asked.read_text().splitlines()[1:]} == {".echo"}


def test_a_target_that_cannot_be_opened_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    set_up(monkeypatch, tmp_path, SAID, {"": "cannot open"})
    with pytest.raises(DebuggerError, match=r"could not open its target; it says: .*cannot find the file"), Kd(FAKE_KD):
        pass
    with pytest.raises(DebuggerError, match="no-such-kd cannot be started"), Kd([str(tmp_path / "no-such-kd")]):
        pass


def test_the_dump_is_an_argument_and_nothing_is_left_to_a_shell(tmp_path: Path) -> None:
    dump = tmp_path / "a & b.dmp"
    assert command_line(Path("kd.exe"), dump, "srv*c:\\s*https://x") == [
        "kd.exe", "-noshell", "-y", "srv*c:\\s*https://x", "-z", str(dump),
    ]  # fmt: skip
    assert command_line(Path("kd.exe"), None, "") == ["kd.exe", "-noshell", "-kl"]
