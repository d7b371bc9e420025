"""The bridge to pykd, run under this Python with a stand-in for the module."""

import ast
import sys
from pathlib import Path

import pytest
from stand_ins import set_up

from dumptriage.debugger.find import has_pykd
from dumptriage.debugger.interface import DebuggerError, Limits
from dumptriage.debugger.pykd_client import BRIDGE, Pykd

SAID = "0: kd> !vm 1\nAvailable Pages: 303760\r\n0: kd> vertarget\nWindows 2000 Kernel Version 2195 \xfc\n"
LIMITS = Limits(open_s=20, output=1000)
PYTHON = [sys.executable]


def test_commands_get_their_output_and_nothing_else(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = set_up(monkeypatch, tmp_path, SAID)
    with Pykd(PYTHON, tmp_path / "x.dmp", "srv*c:\\s", LIMITS) as pykd:
        outputs = [pykd.execute(command, 10) for command in ("!vm 1", "vertarget", "!sysptes")]
    assert [(output.text, output.state) for output in outputs] == [
        ("Available Pages: 303760\n", "complete"),
        ("Windows 2000 Kernel Version 2195 \xfc\n", "complete"),
        ("", "complete"),
    ]
    dump = f"dump {tmp_path / 'x.dmp'}"
    assert asked.read_text().splitlines() == ["symbols srv*c:\\s", dump, "!vm 1", "vertarget", "!sysptes", "closed"]


def test_without_a_dump_it_is_the_local_kernel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = set_up(monkeypatch, tmp_path, SAID)
    with Pykd(PYTHON, limits=LIMITS) as pykd:
        assert pykd.prompt == "lkd> "
    assert asked.read_text().splitlines() == ["local kernel"]


@pytest.mark.parametrize(
    ("mode", "state", "why"),
    [
        ("hang", "timeout", ""),
        ("die", "died", ""),
        ("raise", "failed", "Call IDebugControl::ExecuteWide failed"),
        ("flood", "truncated", ""),
    ],
)
def test_a_command_that_goes_wrong_costs_only_itself(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, state: str, why: str
) -> None:
    set_up(monkeypatch, tmp_path, SAID, {"!vm 1": mode})
    with Pykd(PYTHON, tmp_path, limits=LIMITS) as pykd:
        wrong, next_one = pykd.execute("!vm 1", 1), pykd.execute("vertarget", 10)
    assert (wrong.state, wrong.why) == (state, why)
    assert len(wrong.text) <= LIMITS.output
    assert next_one.text.startswith("Windows 2000")


def test_a_command_that_writes_is_never_sent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = set_up(monkeypatch, tmp_path, SAID)
    with Pykd(PYTHON, tmp_path, limits=LIMITS) as pykd:
        assert pykd.execute(".crash", 10).state == "refused"
    assert ".crash" not in asked.read_text()


@pytest.mark.parametrize(
    ("mode", "reason"), [("cannot open", "failed HRESULT 0x80070002"), ("user dump", "not a kernel target")]
)
def test_a_target_that_cannot_be_opened_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str, reason: str
) -> None:
    set_up(monkeypatch, tmp_path, SAID, {"": mode})
    with pytest.raises(DebuggerError, match=reason) as caught, Pykd(PYTHON, tmp_path):
        pass
    assert "\n" not in str(caught.value)


def test_a_python_without_pykd_is_told_from_one_with_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not has_pykd([sys.executable, "-I"])
    assert not has_pykd([str(tmp_path / "no-python")])
    set_up(monkeypatch, tmp_path, SAID)
    assert has_pykd(PYTHON)
    monkeypatch.delenv("PYTHONPATH")
    with pytest.raises(DebuggerError, match="No module named 'pykd'"), Pykd(PYTHON, tmp_path):
        pass


def test_the_bridge_is_of_python_3_9_and_its_standard_library() -> None:
    tree = ast.parse(BRIDGE.read_text(encoding="utf-8"), feature_version=(3, 9))
    imported = {
        name.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in node.names
    }
    assert imported == {"importlib", "json", "os", "sys", "typing"}
    # Annotations are evaluated there: a union written with | would end it before its first line.
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr)]
