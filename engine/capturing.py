"""`triage capture`: from a casefile, or from the rules alone, to the script that collects what is still needed."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from . import report
from .applied import load_rules
from .capture import script
from .capture.questions import needed
from .facts import Case, Casefile
from .report.target import check_place, write_atomically
from .report.wording import load
from .settings import load as load_settings
from .sources import Options
from .triage import Progress, diagnose, one_case, settings_for


def write_capture(
    casefile: Path | None,
    output: Path | None,
    target: Literal["dump", "live", "machine"],
    progress: Progress,
    options: Options,
    machine: int | None = None,
    rules: Sequence[Path] = (),
) -> None:
    """Write the script to `output`, or to standard output. Where nothing is left to capture it says so and writes none.

    Without a casefile it is the first script, which asks for what most rules need.
    """
    settings = load_settings(rules) if casefile is None else settings_for([casefile], rules)
    if output is not None:
        check_place(output)
    books = load_rules(settings)
    case = _nothing() if casefile is None else one_case([casefile], progress, options, machine)
    wanted = needed(diagnose(case, *books))
    name = None if casefile is None else case.casefile.name
    with report.using(settings.report):
        say = load()
        if target == "machine":
            text = script.for_machine(wanted, name, say)
        else:
            text = script.for_debugger(wanted, name, target, say)
        if text is None:
            others = [one for one in wanted if (one.place == "machine") is (target != "machine")]
            sys.stderr.write(f"triage: {say('capture.elsewhere' if others else 'capture.none', target=target)}\n")
        elif output is None:
            sys.stdout.write(text.replace("\r\n", "\n"))
        else:
            write_atomically(output, text.encode("ascii"))
            sys.stdout.write(f"{say('capture.run_machine' if target == 'machine' else 'capture.run', file=output)}\n")


def _nothing() -> Case:
    """A case of which nothing is known yet."""
    return Case(Casefile("", "", 0, "log"))
