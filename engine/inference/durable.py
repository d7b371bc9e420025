"""The one module that calls the C engine of durable-rules.

A session is one rule set with its facts: assert every fact once, take the matches, close. No host, no timers, no
threads; the engine only matches, nothing runs in its actions.
"""

import json
import os
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from .compile import BOOT, NUMBER, SALT

_HANDLED, _UNHANDLED, _OBSERVED = 0, 1, 2
_SALTS = 8
"""Tries to assert a fact whose 32-bit identity another one has: 10 in 300,000 need the second, none the third."""


class EngineError(Exception):
    """The engine refused a rule set or a fact."""


def _import() -> Any:
    """The C extension. Built for 3.13 it names PyEval_CallObject, which is gone there but never called by what is
    used here; resolving symbols lazily lets it load."""
    if not hasattr(sys, "getdlopenflags"):
        import durable_rules_engine

        return durable_rules_engine
    flags = sys.getdlopenflags()
    sys.setdlopenflags(os.RTLD_LAZY)
    try:
        import durable_rules_engine
    finally:
        sys.setdlopenflags(flags)
    return durable_rules_engine


_engine = _import()


class Session:
    """One rule set of the engine.

    Raises EngineError when the engine refuses the definition. Use it in a `with` statement: closing frees the state.
    """

    def __init__(self, name: str, definition: str) -> None:
        try:
            self._handle: int = _engine.create_ruleset(name, definition)
        except _engine.error as error:
            raise EngineError(str(error)) from error
        self._state: int | None = None
        self._open = True
        # A state whose engine never ran an action frees garbage when it is deleted.
        self.add(f'{{"kind":"{BOOT}","_1":1,"{NUMBER}":-1}}')
        if [rule for rule, _ in self.matches()] != [BOOT]:
            raise EngineError("the boot rule did not fire")

    def __enter__(self) -> "Session":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, message: str) -> None:
        """Assert one fact, given as a JSON object with its kind, number and fields. Raises EngineError."""
        for salt in range(_SALTS):
            text = f'{message[:-1]},"{SALT}":{salt}}}' if salt else message
            try:
                code, state = _engine.assert_fact(self._handle, text)
            except _engine.error as error:
                raise EngineError(str(error)) from error
            if code in (_HANDLED, _UNHANDLED):
                self._state = state
                return
            if code != _OBSERVED:
                raise EngineError(f"asserting a fact gave code {code}")
        raise EngineError("a fact was refused as a duplicate")

    def matches(self) -> Iterator[tuple[str, dict[str, int]]]:
        """Take the matches so far: the engine's rule name and the number of the fact bound to each alias."""
        if self._state is None:
            return
        try:
            started = _engine.start_action_for_state(self._handle, self._state)
            text = started[1] if started else None
            while text:
                for rule, bound in json.loads(text).items():
                    yield rule, {alias: fact[NUMBER] for alias, fact in bound.items()}
                text = _engine.complete_and_start_action(self._handle, self._state)
        except _engine.error as error:
            raise EngineError(str(error)) from error

    def close(self) -> None:
        """Free the facts and the rule set."""
        if self._open:
            self._open = False
            _engine.delete_state(self._handle, None)
            _engine.delete_ruleset(self._handle)
