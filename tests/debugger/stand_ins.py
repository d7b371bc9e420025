"""Starts the stand-ins for kd and pykd: a log of a real debugger is what they answer from."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CASEFILES = HERE.parent.parent / "casefiles"
LEAK_LOG = CASEFILES / "thread-handle-leak" / "casefile.log"
DUMP = CASEFILES / "thread-handle-leak-dump" / "casefile.dmp.xz"
FAKE_KD = [sys.executable, str(HERE / "fake_kd.py")]


def set_up(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    log: Path | str = LEAK_LOG,
    modes: Mapping[str, str] | None = None,
    *,
    echo: bool = False,
) -> Path:
    """What the stand-ins find in their environment; returns the file that receives what they are asked."""
    if isinstance(log, str):
        file = folder / "said.log"
        file.write_text(log, encoding="utf-8")
        log = file
    monkeypatch.setenv("FAKE_KD_LOG", str(log))
    monkeypatch.setenv("FAKE_KD_MODES", json.dumps(modes or {}))
    monkeypatch.setenv("FAKE_KD_ASKED", str(folder / "asked.txt"))
    monkeypatch.setenv("PYTHONPATH", str(HERE / "fake_pykd"))
    if echo:
        monkeypatch.setenv("FAKE_KD_ECHO", "1")
    return folder / "asked.txt"


def program(folder: Path) -> Path:
    """A file that can be run as kd.exe is."""
    path = folder / "kd"
    path.write_text(
        f"#!{sys.executable}\nimport runpy, sys\nsys.path.insert(0, {str(HERE)!r})\n"
        f"runpy.run_path({str(HERE / 'fake_kd.py')!r}, run_name='__main__')\n"
    )
    path.chmod(0o755)
    return path


def dump_file(folder: Path) -> Path:
    """A file that begins as a dump does; only the stand-in opens it."""
    path = folder / "memory.dmp"
    path.write_bytes(b"PAGEDU64" + bytes(8184))
    return path
