"""A casefile looked at through a debugger, alone or after this program has read it, and the local kernel."""

import contextlib
import hashlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from ..errors import UsageError
from ..facts import Case, Casefile, new
from ..sources import dump, packed
from . import find
from .interface import Debugger, DebuggerError, Limits
from .kd import Kd, command_line
from .notes import unopened
from .pykd_client import Pykd
from .session import Judge, ask, lacks_facts

Choice = Literal["kd", "pykd", "native"]
Progress = Callable[[str], None]

LIMITS = Limits()
LIVE = "local kernel"
"""Name of the casefile of a live session; its hash is that of what the debugger printed."""
_SYMBOLS = "_NT_SYMBOL_PATH"


def only(
    path: Path,
    which: Choice,
    symbols: Sequence[str],
    judge: Judge,
    progress: Progress,
    environment: Mapping[str, str] = os.environ,
) -> Case:
    """The case of a dump with every fact from a debugger.

    Raises UsageError where the casefile is no dump or the debugger is not there, CasefileError where it cannot be read.
    """
    with _dump_file(path, progress) as found:
        if found is None:
            raise UsageError(f"--with {which} opens kernel dumps, and {path.name} is none; leave out --with {which}")
        file, name = found
        progress("Hashing the casefile")
        with file.open("rb") as handle:
            casefile = Casefile(name, hashlib.file_digest(handle, "sha256").hexdigest(), file.stat().st_size, "dump")
        with _opened(which, file, symbols, environment) as debugger:
            case, _ = ask(debugger, casefile, None, judge, LIMITS, progress)
    _check(case, which, name)
    return case


def fill(
    path: Path,
    cases: Sequence[Case],
    symbols: Sequence[str],
    judge: Judge,
    progress: Progress,
    environment: Mapping[str, str] = os.environ,
) -> list[Case]:
    """The case of a dump with what an installed debugger adds; the cases as they are where none is there, where rules
    lack nothing or where the casefile is no dump."""
    if len(cases) != 1 or cases[0].casefile.kind != "dump":
        return list(cases)
    (case,) = cases
    which: Choice | None = "kd" if find.find_kd(environment) else "pykd" if find.find_pykd(environment) else None
    if which is None or not lacks_facts(judge(case)):
        return [case]
    with _dump_file(path, progress) as found:
        if found is None:  # facts of a dump, read from a facts.json: the dump is not here
            return [case]
        try:
            with _opened(which, found[0], symbols, environment) as debugger:
                return [ask(debugger, case.casefile, case, judge, LIMITS, progress)[0]]
        except DebuggerError as error:
            case.add(unopened(which, str(error)))
            return [case]


def live(
    which: Choice,
    symbols: Sequence[str],
    judge: Judge,
    progress: Progress,
    environment: Mapping[str, str] = os.environ,
) -> Case:
    """The case of the machine this runs on. Raises UsageError where that cannot be, DebuggerError where it fails."""
    variable = find.KD_VARIABLE if which == "kd" else find.PYKD_VARIABLE
    if sys.platform != "win32" and not environment.get(variable):
        raise UsageError(
            "a live kernel is looked at on the Windows machine itself; run triage there, or give a dump or log of it"
        )
    with _opened(which, None, symbols, environment) as debugger:
        case, said = ask(debugger, Casefile(LIVE, "", 0, "log"), None, judge, LIMITS, progress)
    _check(case, which, LIVE)
    casefile = Casefile(LIVE, hashlib.sha256(said).hexdigest(), len(said), "log")
    system = case.one("system") or new("system", source=which)
    marked = replace(system, fields={**system.fields, "live_dump": True})
    return Case(casefile, [marked, *(fact for fact in case.facts if fact.id != system.id)])


def _check(case: Case, which: Choice, name: str) -> None:
    if all(fact.kind == "data_quality" for fact in case.facts):
        said = "; ".join(fact.text("text") or "" for fact in case.of("data_quality")[:1])
        raise DebuggerError(f"{which} showed nothing of {name} that was understood: {said}")


@contextlib.contextmanager
def _dump_file(path: Path, progress: Progress) -> Iterator[tuple[Path, str] | None]:
    """A dump as a file of its own, out of an archive where it is packed, and its name; None where it is no dump."""
    if not path.is_file():
        raise DebuggerError(f"{path} is not a file")
    with contextlib.ExitStack() as stack:
        file, name = path, path.name
        if (packing := packed.kind_of(_head(path))) is not None:
            file, name = stack.enter_context(packed.unpacked(path, packing, progress))
        yield (file.resolve(), name) if dump.is_dump(_head(file)) else None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as handle:
            return handle.read(4096)
    except OSError as error:
        raise DebuggerError(f"{path} cannot be read: {error.strerror or error}") from error


def _opened(which: Choice, file: Path | None, symbols: Sequence[str], environment: Mapping[str, str]) -> Debugger:
    """The debugger at a dump, or at the local kernel; it opens when it is entered. Raises UsageError: not there."""
    path = ";".join(symbols) or environment.get(_SYMBOLS, "")
    if which == "kd":
        program = find.find_kd(environment)
        if program is not None:
            return Kd(command_line(program, file, path), LIMITS)
    else:
        python = find.find_pykd(environment)
        if python is not None:
            return Pykd(python, file, path, LIMITS)
    raise UsageError(find.not_found(which, environment))
