"""pykd in a Python of its own: this program cannot run under any that has it, so a bridge script there does its work.

The bridge takes and gives one JSON object per line (see pykd_bridge). pykd gives the text of a command when it has
ended, so of a command whose time is up nothing is kept, and the bridge is started anew.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from .child import END, Child
from .interface import DebuggerError, Limits, Output
from .restarted import Restarted

BRIDGE = Path(__file__).with_name("pykd_bridge.py")
_ESCAPED = 12
"""Bytes of the longest escape of one character in the JSON of the bridge (a surrogate pair)."""
_CLOSE_S = 2.0


class Pykd(Restarted):
    """A `Debugger` over pykd. `python` starts the Python that has it, such as `py -3.9`."""

    name = "pykd"

    def __init__(
        self, python: Sequence[str], dump: Path | None = None, symbols: str = "", limits: Limits | None = None
    ) -> None:
        super().__init__(limits)
        self.prompt = "kd> " if dump is not None else "lkd> "
        self._command = [*python, "-u", str(BRIDGE)]
        self._open: Mapping[str, Any] = {"do": "open", "dump": str(dump) if dump else None, "symbols": symbols}
        self._number = 0
        self._pending = bytearray()

    def _close(self) -> None:
        self._ask({"do": "close"}, _CLOSE_S)
        self._stop()

    def _run(self, command: str, limit_s: float) -> Output:
        began = monotonic()
        answer = self._ask({"do": "command", "command": command, "limit": self._limits.output}, limit_s)
        seconds = monotonic() - began
        if isinstance(answer, str):
            self._stop()
            return Output("", "timeout" if answer == "timeout" else "died", seconds)
        if "error" in answer:
            return Output("", "failed", seconds, str(answer["error"]))
        text = str(answer.get("text", "")).replace("\r\n", "\n").replace("\r", "\n")
        if answer.get("cut"):
            return Output(text[: text.rfind("\n") + 1], "truncated", seconds)
        return Output(text, "complete", seconds)

    def _start(self) -> str:
        self._pending.clear()
        self._started(self._command, errors=False)
        answer = self._ask(self._open, self._limits.open_s)
        if isinstance(answer, str) or "error" in answer:
            self._give_up()
            reason = answer if isinstance(answer, str) else answer["error"]
            said = {"timeout": f" within {self._limits.open_s:g} s", "died": "; its Python ended"}
            raise DebuggerError(f"pykd could not open its target{said.get(reason, f': {reason}')}")
        return ""

    def _ask(self, request: Mapping[str, Any], limit_s: float) -> dict[str, Any] | str:
        """The answer to a request, or "timeout" or "died"."""
        child = self._child
        assert child is not None
        self._number += 1
        child.send(json.dumps({**request, "id": self._number}))
        end = monotonic() + limit_s
        while True:
            line = self._line(child, end)
            if isinstance(line, str):
                return line
            try:
                answer = json.loads(line)
            except ValueError:
                return "died"  # not the bridge any more
            if isinstance(answer, dict) and answer.get("id") == self._number:
                return answer

    def _line(self, child: Child, end: float) -> bytes | str:
        while (found := self._pending.find(b"\n")) < 0:
            chunk = child.receive(end - monotonic())
            if chunk == END or len(self._pending) > self._limits.output * _ESCAPED:
                return "died"
            if chunk is None and monotonic() >= end:
                return "timeout"
            self._pending += chunk or b""
        line = bytes(self._pending[:found])
        del self._pending[: found + 1]
        return line
