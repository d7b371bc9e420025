"""Runs under the Python that has pykd (3.9 at most) and lets a program outside it use the debugger.

One JSON object per line: {"id": 1, "do": "open", "dump": path or null, "symbols": path} opens a dump, or the local
kernel; {"id": 2, "do": "command", "command": "!vm 1", "limit": 1000000} runs a command; {"id": 3, "do": "close"} ends.
The answer has the same id and either "text" (with "cut": true where it was longer than the limit) or "error".

Only the standard library and pykd; the syntax of Python 3.9. Functions as in pykd 0.3.4: initialize, setSymbolPath,
loadDump, attachKernel (without an argument the local kernel), isKernelDebugging, dbgCommand, closeDump, deinitialize.
"""

import importlib
import json
import os
import sys
from typing import Any, Dict, TextIO  # noqa: UP035 as Python 3.9 and earlier have them

Message = Dict[str, Any]  # noqa: UP006


def answers() -> TextIO:
    """The stream of answers. pykd and the debugger engine print to file descriptor 1 too; that goes to the error
    stream from here on, so that it cannot get between two answers."""
    stream = os.fdopen(os.dup(1), "w", encoding="ascii", newline="\n")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stream


class Session:
    """The one target of this process."""

    def __init__(self) -> None:
        self.pykd: Any = None
        self.dump: Any = None

    def open(self, request: Message) -> Message:
        """Open the dump, or the local kernel where none is given."""
        self.pykd = pykd = importlib.import_module("pykd")
        pykd.initialize()
        if request.get("symbols"):
            pykd.setSymbolPath(request["symbols"])
        if request.get("dump"):
            self.dump = pykd.loadDump(request["dump"])
        else:
            pykd.attachKernel()
        if not pykd.isKernelDebugging():
            raise ValueError("not a kernel target")
        return {"text": ""}

    def command(self, request: Message) -> Message:
        """Run one command of the debugger."""
        if self.pykd is None:
            raise ValueError("no target is open")
        text = self.pykd.dbgCommand(request["command"]) or ""
        limit = request["limit"]
        return {"text": text[:limit], "cut": len(text) > limit}

    def close(self, request: Message) -> Message:
        """Let go of the target."""
        if self.pykd is not None:
            if self.dump is not None:
                self.pykd.closeDump(self.dump)
            self.pykd.deinitialize()
        return {"text": ""}


def main() -> None:
    """Answer requests until told to end, or until nobody asks any more."""
    out = answers()
    session = Session()
    verbs = {"open": session.open, "command": session.command, "close": session.close}
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = verbs[request["do"]](request)
        except Exception as error:  # pykd raises types of its own; each costs only its request
            answer = {"error": " ".join(str(error).split())[:500] or type(error).__name__}
        answer["id"] = request["id"]
        out.write(json.dumps(answer) + "\n")
        out.flush()
        if request["do"] == "close":
            break


if __name__ == "__main__":
    main()
