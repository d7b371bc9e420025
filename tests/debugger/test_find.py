"""Where a debugger is looked for."""

import sys
from pathlib import Path

import pytest

from dumptriage.debugger.find import find_kd, find_pykd, not_found


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    path.chmod(0o755)
    return path


def test_the_one_named_comes_first_then_the_path_then_the_kits(tmp_path: Path) -> None:
    kit = touch(tmp_path / "pf" / "Windows Kits/10/Debuggers" / "x64" / "kd.exe")
    on_path = touch(tmp_path / "bin" / "cdb.exe")
    named = touch(tmp_path / "own" / "kd.exe")
    environment = {"ProgramFiles(x86)": str(tmp_path / "pf"), "PATH": ""}
    assert find_kd(environment) == kit
    environment["PATH"] = str(tmp_path / "bin")
    assert find_kd(environment) == on_path
    environment["DUMPTRIAGE_KD"] = str(named)
    assert find_kd(environment) == named


def test_the_debugger_of_this_processor_is_preferred(tmp_path: Path) -> None:
    for machine in ("x64", "arm64"):
        touch(tmp_path / "Windows Kits/10/Debuggers" / machine / "kd.exe")
    found = find_kd({"ProgramFiles": str(tmp_path), "PROCESSOR_ARCHITECTURE": "ARM64", "PATH": ""})
    assert found is not None
    assert found.parent.name == "arm64"


def test_nothing_is_put_in_the_place_of_one_that_is_named_and_not_there(tmp_path: Path) -> None:
    touch(tmp_path / "kd.exe")
    environment = {"DUMPTRIAGE_KD": str(tmp_path / "gone.exe"), "PATH": str(tmp_path)}
    assert find_kd(environment) is None
    assert "gone.exe, which is no file" in not_found("kd", environment)


@pytest.mark.parametrize(("which", "named"), [("kd", "DUMPTRIAGE_KD"), ("pykd", "DUMPTRIAGE_PYKD")])
def test_what_was_looked_for_and_what_to_do_is_one_line(which: str, named: str) -> None:
    line = not_found(which, {})
    assert named in line
    assert "install" in line
    assert "\n" not in line


def test_the_python_of_pykd_can_be_named() -> None:
    assert find_pykd({"DUMPTRIAGE_PYKD": sys.executable}) == [sys.executable]
    assert find_pykd({"PATH": ""}) is None
