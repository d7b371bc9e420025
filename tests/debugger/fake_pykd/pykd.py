"""Stands for pykd 0.3.4 under the bridge: the functions it calls, with answers out of a log."""

import json
import os
import sys
import time
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent))

from fake_log import note, outputs

opened: list[str] = []


def initialize() -> None:
    sys.stdout.write("pykd speaks to the standard output\n")
    os.write(1, b"the debugger engine to the descriptor itself\n")


def deinitialize() -> None:
    sys.stdout.write("gone\n")


def setSymbolPath(path: str) -> None:  # noqa: N802
    _note(f"symbols {path}")


def loadDump(path: str) -> int:  # noqa: N802
    if _mode("") == "cannot open":
        raise RuntimeError("Call IDebugClient::OpenDumpFileWide failed\nHRESULT 0x80070002")
    opened.append(path)
    _note(f"dump {path}")
    return 7


def attachKernel() -> None:  # noqa: N802
    opened.append("local kernel")
    _note("local kernel")


def closeDump(number: int) -> None:  # noqa: N802
    assert number == 7
    _note("closed")


def isKernelDebugging() -> bool:  # noqa: N802
    return bool(opened) and _mode("") != "user dump"


def dbgCommand(command: str) -> str | None:  # noqa: N802
    _note(command)
    sys.stdout.write(f"a warning of {command}\n")
    mode = _mode(command)
    if mode == "hang":
        time.sleep(60)
    if mode == "die":
        os._exit(3)
    if mode == "raise":
        raise RuntimeError("Call IDebugControl::ExecuteWide failed")
    if mode == "flood":
        return "a line of no interest\n" * 100_000
    return outputs(os.environ["FAKE_KD_LOG"]).get(command)


def _mode(command: str) -> str | None:
    mode: str | None = json.loads(os.environ["FAKE_KD_MODES"]).get(command)
    return mode


def _note(line: str) -> None:
    note(os.environ["FAKE_KD_ASKED"], line)
