"""Casefiles read with a debugger, as `--with` asks: which one, and with the user's rules to say what is missing."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from .applied import load_rules
from .diagnosis import Diagnosis
from .facts import Case
from .inference import Rulebook
from .knowledge import Knowledge
from .settings import load as load_settings
from .sources import Progress, Through

if TYPE_CHECKING:
    from .debugger import Choice

LIVE = Path("local kernel", "local kernel")
"""Stands for the local kernel where a casefile is asked for; beside it lies nothing, settings least of all."""


def through(which: "Choice | None", symbols: Sequence[str], rules: Sequence[Path]) -> Through | None:
    """What reads casefiles: a debugger alone, or where none is chosen this program and then one that is installed."""
    if which == "native":
        return None

    def read(path: Path, progress: Progress, native: Callable[[], list[Case]]) -> list[Case]:
        judge = _judge(path, rules)
        if which is None:
            cases = native()
            if not any(case.casefile.kind == "dump" for case in cases):
                return cases  # before the debuggers and the parsers of what they print are loaded
            from . import debugger

            return debugger.fill(path, cases, symbols, judge, progress)
        from . import debugger

        return [debugger.only(path, which, symbols, judge, progress)]

    return read


def live(which: "Choice", symbols: Sequence[str], rules: Sequence[Path]) -> Through:
    """What reads the local kernel, whatever casefile is named."""

    def read(path: Path, progress: Progress, native: Callable[[], list[Case]]) -> list[Case]:
        from . import debugger

        return [debugger.live(which, symbols, _judge(path, rules), progress)]

    return read


def _judge(path: Path, rules: Sequence[Path]) -> Callable[[Case], Diagnosis]:
    """Judges a case without changing it. Rules are loaded when it is first asked: most casefiles need no debugger."""
    from .triage import diagnose

    books: list[tuple[Rulebook, Knowledge]] = []

    def judge(case: Case) -> Diagnosis:
        if not books:
            books.append(load_rules(load_settings(rules, [path])))
        rulebook, knowledge = books[0]
        return diagnose(case.copy(), rulebook, knowledge)

    return judge
