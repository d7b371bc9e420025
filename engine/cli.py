"""The command line: `triage CASEFILE` and its subcommands."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from . import __version__
from .cli_rules import rules_app
from .errors import TriageError

if TYPE_CHECKING:
    from .redaction import Redaction

MAIN = "run"
"""The hidden subcommand that `triage CASEFILE` means."""


class CasefileFirst(TyperGroup):
    """A group whose first word may be a casefile: anything that is neither a subcommand nor the group's own option.

    A casefile that has the name of a subcommand is given as ./NAME.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put the hidden subcommand in front where the first word is a casefile or one of its options."""
        own = {"--help", "-h", "--version"}
        if args and args[0] not in self.commands and args[0] not in own:
            args = [MAIN, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """Subcommands shown in the help."""
        return [name for name in super().list_commands(ctx) if name != MAIN]


app = typer.Typer(
    cls=CasefileFirst,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Read a Windows kernel dump or debugger log and say what leaks, who holds it and who must fix it.\n\n"
    "triage CASEFILE                       summary on the terminal\n\n"
    "triage CASEFILE --report out.pdf      the report that goes to the vendor",
    epilog="Run 'triage run --help' for the options of triage CASEFILE. "
    "A casefile that has the name of a subcommand is given as ./NAME.",
    subcommand_metavar="CASEFILE | COMMAND [ARGS]...",
)

CasefilePath = Annotated[
    Path, typer.Argument(metavar="CASEFILE", help="A kernel dump, a debugger log (text) or a facts.json.")
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


app.add_typer(rules_app, name="rules")


def _version(show: bool) -> None:
    if show:
        print(f"triage {__version__}")  # noqa: T201 the one line a user asked for
        raise typer.Exit


@app.callback()
def _group(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Options of the whole program."""


@app.command(MAIN, hidden=True)
def run(
    casefile: CasefilePath,
    report: Annotated[
        list[Path] | None,
        typer.Option(
            "--report",
            "-r",
            metavar="FILE",
            help="Write a report: .pdf, .html, .json, or .zip with all of them. May be given several times.",
        ),
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option(metavar="LEVEL", help="Exit with 1 when a finding is at or above: info, warning, critical."),
    ] = None,
    symbols: SymbolPath = None,
    machine: MachineNumber = None,
    rules: RuleFolders = None,
    redact: RedactLevel = None,
    redact_map: RedactMap = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Judge and write again whenever a rule changes, until Ctrl-C.")
    ] = False,
    timings: Annotated[bool, typer.Option("--timings", help="Print the seconds each stage took.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no summary.")] = False,
) -> None:
    """Diagnose a casefile; without --report the summary goes to the terminal."""
    from .sources import Options
    from .triage import run_casefile

    level = _level(fail_on)
    options = Options(symbols or ())
    redaction = _redaction(redact, redact_map, [casefile, *(report or [])])
    if watch:
        from .watch import watch as go_on

        if level is not None:
            raise typer.BadParameter("a watch has no finding to end with", param_hint="--fail-on")
        go_on(
            casefile,
            report or [],
            _progress(quiet),
            options,
            rules=rules or [],
            machine=machine,
            redaction=redaction,
            quiet=quiet,
        )
        return
    worst = run_casefile(
        casefile,
        report or [],
        _progress(quiet),
        options,
        rules=rules or [],
        machine=machine,
        redaction=redaction,
        quiet=quiet,
    )
    if timings:
        sys.stderr.write("".join(f"{seconds:8.2f} s  {stage}\n" for stage, seconds in options.timings.items()))
    if level is not None and worst >= level:
        raise typer.Exit(1)


@app.command()
def facts(
    casefile: CasefilePath,
    symbols: SymbolPath = None,
    machine: MachineNumber = None,
    rules: RuleFolders = None,
    redact: RedactLevel = None,
    redact_map: RedactMap = None,
) -> None:
    """Print the facts of a casefile as JSON, itself a casefile."""
    from .sources import Options
    from .triage import print_facts

    redaction = _redaction(redact, redact_map, [casefile])
    print_facts(casefile, _progress(quiet=False), Options(symbols or ()), machine, rules or [], redaction)


@app.command()
def explain(
    casefile: CasefilePath,
    subject: Annotated[
        str | None,
        typer.Argument(metavar="[RULE|FINDING]", help="A rule, or a finding: all rules that draw it."),
    ] = None,
    symbols: SymbolPath = None,
    machine: MachineNumber = None,
    rules: RuleFolders = None,
    every: Annotated[bool, typer.Option("--all", help="Every rule with its outcome and why, pack by pack.")] = False,
    form: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print it.")] = "text",
) -> None:
    """Say why a rule fired or stayed silent; without a rule, why the verdict is what it is."""
    from .sources import Options
    from .triage import print_explanation

    if every and subject is not None:
        raise typer.BadParameter(f"is about every rule; leave out {subject!r} or --all", param_hint="--all")
    print_explanation(
        casefile,
        subject,
        _progress(quiet=False),
        Options(symbols or ()),
        machine,
        rules or [],
        all_rules=every,
        as_json=form == "json",
    )


@app.command()
def symbols(casefile: CasefilePath, symbols: SymbolPath = None) -> None:
    """Show which symbols and layouts a kernel dump is read with, and how to get better ones."""
    from .sources import Options, describe_symbols

    for line in describe_symbols(casefile, _progress(quiet=False), Options(symbols or ())):
        sys.stdout.write(f"{line}\n")


def _redaction(level: str | None, file: Path | None, taken: Sequence[Path]) -> "Redaction | None":
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


def _level(name: str | None) -> int | None:
    levels = {"info": 0, "warning": 1, "critical": 2}
    if name is None:
        return None
    if name not in levels:
        raise typer.BadParameter(f"{name!r} is not a level; expected info, warning or critical", param_hint="--fail-on")
    return levels[name]


def _progress(quiet: bool) -> Callable[[str], None]:
    """Progress on the terminal's error stream, only where a person is watching."""
    if quiet or not sys.stderr.isatty():
        return lambda _: None

    def show(step: str) -> None:
        sys.stderr.write(f"\r\x1b[2K{step} ..." if step else "\r\x1b[2K")
        sys.stderr.flush()

    return show


def main() -> None:
    """Entry point: runs the command and turns what a user can cause into one clear line and an exit status."""
    for stream in (sys.stdout, sys.stderr):
        # A name out of a casefile may hold characters the terminal's encoding has not.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure:
            reconfigure(errors="backslashreplace")
    try:
        app()
    except TriageError as error:
        sys.stderr.write("".join(f"triage: {line}\n" for line in str(error).splitlines()))
        sys.exit(error.exit_status)
    except BrokenPipeError:
        # The reader of our output has gone (triage ... | head): nothing is left to say.
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
