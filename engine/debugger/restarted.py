"""A debugger in a child of its own that is started once more where a command ended it."""

import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from ..capture.safe import is_safe
from .child import Child
from .interface import DebuggerError, Limits, Output

STARTS = 2
"""A child that was killed or died is started once more."""


class Restarted(ABC):
    """What debuggers in a child have in common: a folder to run in, which commands are sent, and the second start."""

    name: str

    def __init__(self, limits: Limits | None) -> None:
        self.banner = ""
        self._limits = limits or Limits()
        self._child: Child | None = None
        self._starts = 0
        self._folder = tempfile.TemporaryDirectory(prefix="triage-", ignore_cleanup_errors=True)

    def __enter__(self) -> Self:
        try:
            self.banner = self._start()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            self._close()
        self._folder.cleanup()

    def execute(self, command: str, limit_s: float) -> Output:
        """Run one command that only reads; anything else is refused and not sent."""
        if not is_safe(command):
            return Output("", "refused", 0.0)
        began = monotonic()
        if self._child is None:
            if self._starts >= STARTS:
                return Output("", "skipped", 0.0, f"{self.name} had ended {STARTS} times")
            try:
                self._start()
            except DebuggerError as error:
                return Output("", "skipped", monotonic() - began, str(error))
        return self._run(command, limit_s)

    @abstractmethod
    def _start(self) -> str:
        """Start the child and open the target; returns what the debugger printed until then. Raises DebuggerError."""

    @abstractmethod
    def _run(self, command: str, limit_s: float) -> Output:
        """Run a command in the child; where that ends the child, `_stop` is called."""

    @abstractmethod
    def _close(self) -> None:
        """Let the debugger go of its target and end the child."""

    def _started(self, command: list[str], *, errors: bool = True) -> Child:
        """The child, started. Raises DebuggerError."""
        self._starts += 1
        try:
            self._child = Child(command, Path(self._folder.name), errors=errors)
        except OSError as error:
            raise DebuggerError(f"{command[0]} cannot be started: {error.strerror or error}") from error
        return self._child

    def _give_up(self) -> None:
        """What could not be opened will not open the next time."""
        self._starts = STARTS
        self._stop()

    def _stop(self) -> None:
        if self._child is not None:
            self._child.stop()
            self._child = None
