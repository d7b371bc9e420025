"""kd.exe or cdb.exe as a child: commands go to its input one at a time, and a mark says where each output ends.

The mark is a random word of its own for every command, printed by `.echo`: nothing in a dump can foretell it. Where
the debugger echoes its input the word stands behind `.echo`, which is not the mark.

Options as in Microsoft's "KD command-line options": -z dump file, -kl local kernel, -y symbol path, -noshell no shell
commands. Without -cf the debugger runs a script ntsd.ini of its working directory, so that directory is an empty one.
"""

import re
import secrets
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from .child import END, Child, decoded
from .interface import DebuggerError, Limits, Output, State
from .restarted import Restarted

QUIT_S = 2.0
"""For the debugger to end by itself and let go of its target."""
_PROMPT = r"(?:\d{1,4}(?:\.\d{1,4})?: ?)?l?kd(?::\w{1,8})?> ?"
_ENDING = re.compile(rf"({_PROMPT})?(?:\.echo [0-9a-f]{{32}}\s*)?$")
_FIRST_PROMPTS = re.compile(rf"(?:\s*{_PROMPT})+")
_ENDING_LENGTH = 128
_ECHO = b".echo "
_SENTENCE = 200


def command_line(program: Path, dump: Path | None, symbols: str) -> list[str]:
    """How kd or cdb is started at a dump, or at the local kernel where there is none."""
    target = ["-z", str(dump)] if dump is not None else ["-kl"]
    return [str(program), "-noshell", *(["-y", symbols] if symbols else []), *target]


class Kd(Restarted):
    """A `Debugger` over kd.exe or cdb.exe."""

    name = "kd"

    def __init__(self, command: Sequence[str], limits: Limits | None = None) -> None:
        super().__init__(limits)
        self.prompt = "kd> "
        self._command = list(command)

    def _close(self) -> None:
        if self._child is not None:
            self._child.send("q")
            self._child.stop(QUIT_S)

    def _run(self, command: str, limit_s: float) -> Output:
        began = monotonic()
        text, state = self._say(command, limit_s)
        return Output(_without_echo(text, command), state, monotonic() - began)

    def _start(self) -> str:
        """Start the debugger and wait until it takes commands; returns what it printed until then."""
        self._started(self._command)
        text, state = self._say("", self._limits.open_s)
        if state != "complete":
            self._give_up()
            said = next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
            reason = f"; it says: {said[:_SENTENCE]}" if said else ""
            within = f" within {self._limits.open_s:g} s" if state == "timeout" else ""
            raise DebuggerError(f"{Path(self._command[0]).name} could not open its target{within}{reason}")
        return text

    def _say(self, command: str, limit_s: float) -> tuple[str, State]:
        """Send a command and its mark, and read up to the mark."""
        child = self._child
        assert child is not None
        mark = secrets.token_hex(16)
        for line in (command, f".echo {mark}"):
            if line and not child.send(line):
                break  # what it printed before it ended is read below, and its end is seen there
        data, state = self._read(child, mark.encode(), limit_s)
        if state == "complete":
            return self._finished(data), state
        if state != "died":
            child.interrupt()
            if self._marked_within(child, mark.encode(), data):
                return _whole_lines(data), state
        self._stop()
        return _whole_lines(data), state

    def _read(self, child: Child, mark: bytes, limit_s: float) -> tuple[bytearray, State]:
        """The output up to the mark, or as far as it came."""
        data = bytearray()
        end = monotonic() + limit_s
        while True:
            chunk = child.receive(end - monotonic())
            if chunk == END:
                return data, "died"
            if chunk is not None:
                searched = max(0, len(data) - len(mark) - len(_ECHO))
                data += chunk
                found = _mark_at(data, mark, searched)
                if found >= 0:
                    del data[found:]
                    return data, "complete"
                if len(data) > self._limits.output:
                    del data[self._limits.output :]
                    return data, "truncated"
            if monotonic() >= end:
                return data, "timeout"

    def _marked_within(self, child: Child, mark: bytes, read: bytearray) -> bool:
        """Whether the mark came in the time left after a break-in; what comes before it is let go."""
        tail = bytearray(read[-len(mark) - len(_ECHO) :])
        end = monotonic() + self._limits.grace_s
        while monotonic() < end:
            chunk = child.receive(end - monotonic())
            if chunk == END:
                return False
            if chunk is not None:
                tail += chunk
                if _mark_at(tail, mark, 0) >= 0:
                    return True
                del tail[: -len(mark) - len(_ECHO)]
        return False

    def _finished(self, data: bytearray) -> str:
        """A whole output without the prompt and the echo before its mark; the prompt is kept for the transcript."""
        text = decoded(bytes(data))
        ending = _ENDING.search(text, max(0, len(text) - _ENDING_LENGTH))
        if ending is None:
            return text
        if ending[1]:
            self.prompt = ending[1].rstrip() + " "
        return text[: ending.start()]


def _mark_at(data: bytearray, mark: bytes, start: int) -> int:
    """Where the mark begins, or -1. Behind `.echo` it is the echo of the input."""
    while (found := data.find(mark, start)) >= 0:
        if not data.endswith(_ECHO, 0, found):
            return found
        start = found + len(mark)
    return -1


def _whole_lines(data: bytearray) -> str:
    """Of an output that was broken off, the lines that are whole: half a figure is a wrong figure."""
    text = decoded(bytes(data))
    return text[: text.rfind("\n") + 1]


def _without_echo(text: str, command: str) -> str:
    """An output without the prompts before it and, where the debugger echoes its input, without the input."""
    first = _FIRST_PROMPTS.match(text)
    if first:
        text = text[first.end() :]
    head, _, rest = text.partition("\n")
    return rest if head.strip() == command else text.lstrip("\n")
