"""A program started as a child, spoken to through its pipes: bounded memory, never a wait without end."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

CHUNK = 1 << 16
_AHEAD = 64
"""Chunks read ahead of their use. A program that floods waits at its full pipe."""
_END_S = 5.0

END = b""
"""What `receive` returns when the program has closed its output."""


class Child:
    """A running program. It has a process group of its own, so that a break-in reaches it and not this program."""

    def __init__(self, command: Sequence[str], folder: Path, *, errors: bool = True) -> None:
        """Start it with `folder` as working directory; `errors` takes its error stream as output, else it is let go.

        Raises OSError.
        """
        flags = 0
        if sys.platform == "win32":
            flags = subprocess.CREATE_NEW_PROCESS_GROUP
        self._process = subprocess.Popen(  # noqa: S603 no shell; the program is the user's own debugger
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if errors else subprocess.DEVNULL,
            cwd=folder,
            creationflags=flags,
            start_new_session=True,
        )
        self._chunks: queue.Queue[bytes] = queue.Queue(_AHEAD)
        self._stopped = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, line: str) -> bool:
        """Write one line; False when the program no longer listens."""
        pipe = self._process.stdin
        assert pipe is not None
        try:
            pipe.write(line.encode() + b"\n")
            pipe.flush()
        except (OSError, ValueError):
            return False
        return True

    def receive(self, seconds: float) -> bytes | None:
        """The next piece of output: None when none came in time, END when there will be no more."""
        try:
            chunk = self._chunks.get(timeout=max(seconds, 0.001))
        except queue.Empty:
            return None
        if chunk == END:
            self._chunks.put(END)
        return chunk

    def interrupt(self) -> None:
        """Break in, as Ctrl-Break does at the console of a debugger."""
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.send_signal(signal.CTRL_BREAK_EVENT)
            else:
                os.killpg(self._process.pid, signal.SIGINT)

    def stop(self, wait_s: float = 0.0) -> None:
        """End it, with all it started; first it has some time to end by itself."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(wait_s)
        self._stopped.set()
        with contextlib.suppress(OSError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._reader.join(_END_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None and not self._reader.is_alive():
                with contextlib.suppress(OSError):  # what was not yet written has no reader
                    pipe.close()

    def _read(self) -> None:
        pipe = self._process.stdout
        assert pipe is not None
        chunk = b"?"
        while chunk != END and not self._stopped.is_set():
            try:
                chunk = os.read(pipe.fileno(), CHUNK)
            except (OSError, ValueError):
                chunk = END
            while not self._stopped.is_set():
                with contextlib.suppress(queue.Full):
                    self._chunks.put(chunk, timeout=0.1)
                    break


def decoded(data: bytes) -> str:
    """Output as text: UTF-8, else the code page of Western Windows; line ends are `\\n`."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = data.decode("cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")
