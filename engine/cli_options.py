"""What the commands share: their arguments and options, and what these mean to the program."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from .redaction import Redaction
    from .sources import Options

CASEFILES = "A kernel dump, a log (of a debugger, poolmon, counters or events) or a facts.json."

CasefilePath = Annotated[
    Path,
    typer.Argument(
        metavar="CASEFILE", help="A kernel dump, a log (debugger, poolmon, counters, events) or a facts.json."
    ),
]
CasefilePaths = Annotated[
    list[Path],
    typer.Argument(
        metavar="CASEFILE",
        help=f"{CASEFILES} Several of one machine between two starts are compared.",
    ),
]
SymbolPath = Annotated[
    list[str] | None,
    typer.Option(
        "--symbols",
        metavar="PATH",
        help="Where symbols of kernels are, as in _NT_SYMBOL_PATH: a folder, srv*CACHE*URL, several separated by ';'. "
        "May be given several times.",
    ),
]
Reports = Annotated[
    list[Path] | None,
    typer.Option(
        "--report",
        "-r",
        metavar="FILE",
        help="Write a report: .pdf, .html, .json, or .zip with all of them. May be given several times.",
    ),
]
FailOn = Annotated[
    str | None,
    typer.Option(metavar="LEVEL", help="Exit with 1 when a finding is at or above: info, warning, critical."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")]
WithDebugger = Annotated[
    Literal["kd", "pykd", "native"] | None,
    typer.Option(
        "--with",
        help="Read kernel dumps with kd or cdb (kd), with pykd, or with neither (native). Without it: natively, and a "
        "debugger that is installed adds what rules lack.",
    ),
]
MachineNumber = Annotated[
    int | None,
    typer.Option("--machine", metavar="N", help="Of a log of several machines, only the one with this number."),
]
RuleFolders = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules",
        metavar="DIR",
        exists=True,
        file_okay=False,
        help="A folder of own rules, thresholds or known tags, over the shipped ones. May be given several times.",
    ),
]
RedactLevel = Annotated[
    Literal["names", "paths", "images", "addresses"] | None,
    typer.Option(
        "--redact",
        help="Put pseudonyms for users, machines and domains (names), also for folders and files that are not Windows' "
        "(paths), also for programs that are not (images), also for addresses (addresses). Drivers stay.",
    ),
]
RedactMap = Annotated[
    Path | None,
    typer.Option("--redact-map", metavar="FILE", help="Write which pseudonym stands for what; keep it to yourself."),
]


def reading(
    symbols: Sequence[str] | None, debugger: Literal["kd", "pykd", "native"] | None, rules: Sequence[Path] | None
) -> "Options":
    """How to read, with the debugger --with names."""
    from .sources import Options
    from .through import through

    return Options(symbols or (), through=through(debugger, symbols or (), rules or []))


def redaction(level: str | None, file: Path | None, taken: Sequence[Path]) -> "Redaction | None":
    """What --redact and --redact-map ask for, after making sure that the map overwrites nothing of this run."""
    if level is None:
        if file is not None:
            raise typer.BadParameter("there is no map without --redact", param_hint="--redact-map")
        return None
    from .redaction import Redaction, level_of
    from .report.target import check_place

    if file is not None:
        if file.resolve() in [path.resolve() for path in taken]:
            raise typer.BadParameter(f"{file} is the casefile or a report; choose another", param_hint="--redact-map")
        check_place(file)
    return Redaction(level_of(level), file)


def severity(name: str | None) -> int | None:
    levels = {"info": 0, "warning": 1, "critical": 2}
    if name is None:
        return None
    if name not in levels:
        raise typer.BadParameter(f"{name!r} is not a level; expected info, warning or critical", param_hint="--fail-on")
    return levels[name]


def progress(quiet: bool) -> Callable[[str], None]:
    """Progress on the terminal's error stream, only where a person is watching."""
    if quiet or not sys.stderr.isatty():
        return lambda _: None

    def show(step: str) -> None:
        sys.stderr.write(f"\r\x1b[2K{step} ..." if step else "\r\x1b[2K")
        sys.stderr.flush()

    return show
