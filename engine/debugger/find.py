"""Where a debugger is on this machine: kd.exe or cdb.exe, and the Python that has pykd."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

KD_VARIABLE = "DUMPTRIAGE_KD"
PYKD_VARIABLE = "DUMPTRIAGE_PYKD"
_NAMES = ("kd", "cdb")
_FOLDERS = ("ProgramFiles(x86)", "ProgramFiles", "ProgramW6432")
_KITS = (
    "Windows Kits/10/Debuggers",
    "Windows Kits/8.1/Debuggers",
    "Debugging Tools for Windows (x64)",
    "Debugging Tools for Windows (x86)",
)
_MACHINES = {"AMD64": "x64", "ARM64": "arm64", "X86": "x86"}
_PYTHON_S = 20.0


def find_kd(environment: Mapping[str, str] = os.environ) -> Path | None:
    """The debugger that DUMPTRIAGE_KD names, else one on the PATH, else one of the Windows Kits."""
    named = environment.get(KD_VARIABLE)
    if named:
        return Path(named) if Path(named).is_file() else None
    for name in _NAMES:
        found = shutil.which(f"{name}.exe", path=environment.get("PATH", ""))
        if found:
            return Path(found)
    return next((path for path in _kits(environment) if path.is_file()), None)


def _kits(environment: Mapping[str, str]) -> Iterator[Path]:
    """Where the Debugging Tools for Windows put their debuggers by default, that of this processor first."""
    own = _MACHINES.get(environment.get("PROCESSOR_ARCHITECTURE", "").upper(), "x64")
    for variable in _FOLDERS:
        base = environment.get(variable)
        for kit in _KITS if base else ():
            for machine in (own, "x64", "x86", "."):
                for name in _NAMES:
                    yield Path(base or "", kit, machine, f"{name}.exe")


def find_pykd(environment: Mapping[str, str] = os.environ) -> list[str] | None:
    """How to start the Python that has pykd: the one DUMPTRIAGE_PYKD names, else `py -3.9`."""
    named = environment.get(PYKD_VARIABLE)
    if named:
        return [named] if Path(named).is_file() else None
    launcher = shutil.which("py", path=environment.get("PATH", "")) if sys.platform == "win32" else None
    python = [launcher, "-3.9"] if launcher else None
    return python if python and has_pykd(python) else None


def has_pykd(python: Sequence[str]) -> bool:
    """Whether pykd is installed for a Python; it is looked for, not imported."""
    look = "import importlib.util, sys; sys.exit(importlib.util.find_spec('pykd') is None)"
    command = [*python, "-c", look]
    try:
        looked = subprocess.run(command, capture_output=True, timeout=_PYTHON_S, check=False)  # noqa: S603 no shell
        return looked.returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def not_found(which: str, environment: Mapping[str, str] = os.environ) -> str:
    """One line: what was looked for, and what to do."""
    variable = KD_VARIABLE if which == "kd" else PYKD_VARIABLE
    if environment.get(variable):
        return f"{variable} names {environment[variable]}, which is no file; set it to the {_WHAT[which]}"
    return _MISSING[which]


_WHAT = {"kd": "path of kd.exe or cdb.exe", "pykd": "path of the python.exe that has pykd"}
_MISSING = {
    "kd": "no kd.exe or cdb.exe on the PATH or in the Windows Kits; install the Debugging Tools for Windows "
    f"or set {KD_VARIABLE} to the path of kd.exe",
    "pykd": "no pykd under 'py -3.9'; install Python 3.9 and pykd for it (py -3.9 -m pip install pykd) "
    f"or set {PYKD_VARIABLE} to the path of the python.exe that has it",
}
