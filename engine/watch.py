"""`--watch`: when a rule file changes, judge the facts that were read once again and write the reports anew."""

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from threading import Event
from time import perf_counter

from . import pooltag, report, rulefolder, settings
from .applied import load_rules
from .errors import RulebookError, TriageError
from .facts import Case
from .redaction import Redaction, Redactor
from .sources import Options
from .triage import Progress, judge, read_cases, redacted, settings_for

SECONDS = 0.3
"""Between two looks at the files."""

Stamps = dict[str, tuple[int, int]]


def watch(
    casefiles: Sequence[Path],
    reports: Sequence[Path],
    progress: Progress,
    options: Options,
    *,
    rules: Sequence[Path] = (),
    machine: int | None = None,
    redaction: Redaction | None = None,
    quiet: bool = False,
    stop: Event | None = None,
) -> None:
    """Judge casefiles now and whenever a rule, a threshold, a setting or a list of tags changes, until Ctrl-C.

    Mistakes are printed and the watch goes on; reports keep what they said last. `stop` ends it too. Raises
    CasefileError where the casefile cannot be read, UsageError where a report cannot be written there.
    """
    stop = stop or Event()
    cases = read_cases(casefiles, reports, progress, options, machine)
    redactor = None
    if redaction is not None:
        _, knowledge = load_rules(settings_for(casefiles, rules, quiet=True))
        cases, redactor = redacted(cases, casefiles, redaction, knowledge)
    seen: Stamps | None = None
    with contextlib.suppress(KeyboardInterrupt):  # the way to end a watch
        while not stop.is_set():
            # Looked at before the files are read: a change while they are read is seen the next time.
            now = stamps(rules, casefiles)
            if now != seen:
                seen = now
                _judge(cases, casefiles, reports, progress, options, rules, quiet, redactor)
            stop.wait(SECONDS)


def _judge(
    cases: Sequence[Case],
    casefiles: Sequence[Path],
    reports: Sequence[Path],
    progress: Progress,
    options: Options,
    rules: Sequence[Path],
    quiet: bool,
    redactor: Redactor | None,
) -> None:
    """One round: the reports written anew, or the mistakes that kept them from it."""
    started = perf_counter()
    try:
        found = settings_for(casefiles, rules, quiet=True)
        with report.using(found.report):
            judge(copies(cases), load_rules(found), reports, progress, options, quiet, redactor)
    except TriageError as error:
        progress("")
        sys.stderr.write("".join(f"triage: {line}\n" for line in str(error).splitlines()))
    else:
        if not quiet:
            sys.stderr.write(f"{perf_counter() - started:.1f} s; waiting for a rule to change, Ctrl-C ends it\n")


def stamps(rules: Sequence[Path], casefiles: Sequence[Path]) -> Stamps:
    """Time and size of every file the judgement depends on."""
    return {str(path): stamp for path in _watched(rules, casefiles) if (stamp := _stamp(path)) is not None}


def _watched(rules: Sequence[Path], casefiles: Sequence[Path]) -> Iterator[Path]:
    yield from settings.places()
    folders: list[Path | Traversable] = [rulefolder.SHIPPED, *rules]
    try:
        found = settings_for(casefiles, rules, quiet=True)
    except RulebookError:  # shown when the rules are loaded; what it says otherwise is not known
        pass
    else:
        folders += [folder.path for folder in found.rules]
        yield from pooltag.find(found.pooltag)
    for folder in folders:
        yield from (Path(str(entry)) for entry in rulefolder.entries(folder))


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_size


def copies(cases: Sequence[Case]) -> list[Case]:
    """The cases as they were read: judging completes them in place."""
    return [case.copy() for case in cases]
