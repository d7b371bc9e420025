"""The command line: `triage CASEFILE` and its subcommands."""

import gc
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from . import __version__, cli_options
from .cli_options import (
    CasefilePath,
    CasefilePaths,
    FailOn,
    MachineNumber,
    Quiet,
    RedactLevel,
    RedactMap,
    Reports,
    RuleFolders,
    SymbolPath,
    WithDebugger,
)
from .cli_rules import rules_app
from .errors import TriageError

MAIN = "run"
"""The hidden subcommand that `triage CASEFILE` means."""
COMPARE = "compare"


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
    "triage CASEFILE --report out.pdf      the report that goes to the vendor\n\n"
    "triage compare BEFORE AFTER           what grew in between",
    epilog="Run 'triage run --help' for the options of triage CASEFILE. "
    "A casefile that has the name of a subcommand is given as ./NAME.",
    subcommand_metavar="CASEFILE | COMMAND [ARGS]...",
)

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


@app.command(
    COMPARE,
    help="Say what grew between casefiles of one machine: BEFORE AFTER [MORE...], of any kind, in any order.",
    short_help="Say what grew between casefiles of one machine.",
)
@app.command(MAIN, hidden=True, help="Diagnose a casefile; without --report the summary goes to the terminal.")
def run(
    context: typer.Context,
    casefiles: CasefilePaths,
    report: Reports = None,
    fail_on: FailOn = None,
    symbols: SymbolPath = None,
    debugger: WithDebugger = None,
    machine: MachineNumber = None,
    rules: RuleFolders = None,
    redact: RedactLevel = None,
    redact_map: RedactMap = None,
    watch: Annotated[
        bool, typer.Option("--watch", help="Judge and write again whenever a rule changes, until Ctrl-C.")
    ] = False,
    timings: Annotated[bool, typer.Option("--timings", help="Print the seconds each stage took.")] = False,
    quiet: Quiet = False,
) -> None:
    """Diagnose a casefile, or several as one."""
    from .triage import run_casefiles

    if context.info_name == COMPARE and len(casefiles) < 2:
        raise typer.BadParameter("one casefile has nothing to be compared with; give two or more")
    level = cli_options.severity(fail_on)
    options = cli_options.reading(symbols, debugger, rules)
    redaction = cli_options.redaction(redact, redact_map, [*casefiles, *(report or [])])
    if watch:
        from .watch import watch as go_on

        if level is not None:
            raise typer.BadParameter("a watch has no finding to end with", param_hint="--fail-on")
        go_on(
            casefiles,
            report or [],
            cli_options.progress(quiet),
            options,
            rules=rules or [],
            machine=machine,
            redaction=redaction,
            quiet=quiet,
        )
        return
    worst = run_casefiles(
        casefiles,
        report or [],
        cli_options.progress(quiet),
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
    casefiles: CasefilePaths,
    symbols: SymbolPath = None,
    debugger: WithDebugger = None,
    machine: MachineNumber = None,
    rules: RuleFolders = None,
    redact: RedactLevel = None,
    redact_map: RedactMap = None,
) -> None:
    """Print the facts of a casefile, or of several compared, as JSON, itself a casefile."""
    from .triage import print_facts

    redaction = cli_options.redaction(redact, redact_map, casefiles)
    print_facts(
        casefiles,
        cli_options.progress(quiet=False),
        cli_options.reading(symbols, debugger, rules),
        machine,
        rules or [],
        redaction,
    )


@app.command()
def explain(
    casefile: CasefilePath,
    subject: Annotated[
        str | None,
        typer.Argument(metavar="[RULE|FINDING]", help="A rule, or a finding: all rules that draw it."),
    ] = None,
    symbols: SymbolPath = None,
    debugger: WithDebugger = None,
    machine: MachineNumber = None,
    rules: RuleFolders = None,
    every: Annotated[bool, typer.Option("--all", help="Every rule with its outcome and why, pack by pack.")] = False,
    form: Annotated[Literal["text", "json"], typer.Option("--format", help="How to print it.")] = "text",
) -> None:
    """Say why a rule fired or stayed silent; without a rule, why the verdict is what it is."""
    from .triage import print_explanation

    if every and subject is not None:
        raise typer.BadParameter(f"is about every rule; leave out {subject!r} or --all", param_hint="--all")
    print_explanation(
        casefile,
        subject,
        cli_options.progress(quiet=False),
        cli_options.reading(symbols, debugger, rules),
        machine,
        rules or [],
        all_rules=every,
        as_json=form == "json",
    )


@app.command()
def live(
    debugger: Annotated[
        Literal["kd", "pykd"], typer.Option("--with", help="Look with kd (the default) or with pykd.")
    ] = "kd",
    report: Reports = None,
    fail_on: FailOn = None,
    symbols: SymbolPath = None,
    rules: RuleFolders = None,
    redact: RedactLevel = None,
    redact_map: RedactMap = None,
    quiet: Quiet = False,
) -> None:
    """Diagnose the machine this runs on; Windows only, as administrator, started with local kernel debugging."""
    from .sources import Options
    from .through import LIVE
    from .through import live as look
    from .triage import run_casefiles

    level = cli_options.severity(fail_on)
    worst = run_casefiles(
        [LIVE],
        report or [],
        cli_options.progress(quiet),
        Options(symbols or (), through=look(debugger, symbols or (), rules or [])),
        rules=rules or [],
        redaction=cli_options.redaction(redact, redact_map, report or []),
        quiet=quiet,
    )
    if level is not None and worst >= level:
        raise typer.Exit(1)


@app.command()
def capture(
    casefile: Annotated[
        Path | None,
        typer.Argument(metavar="[CASEFILE]", help="What there is already; without it, what any case needs first."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write the script here, not to the terminal.")
    ] = None,
    target: Annotated[
        Literal["dump", "live", "machine"],
        typer.Option("--for", help="A debugger with a dump open, a local kernel debugger, or a prompt of the machine."),
    ] = "dump",
    symbols: SymbolPath = None,
    debugger: WithDebugger = None,
    machine: MachineNumber = None,
    rules: RuleFolders = None,
) -> None:
    """Write the script that collects what the rules still need, for somebody to run elsewhere."""
    from .capturing import write_capture

    if casefile is not None and output is not None and casefile.resolve() == output.resolve():
        raise typer.BadParameter(f"{output} is the casefile; choose another", param_hint="--output")
    write_capture(
        casefile,
        output,
        target,
        cli_options.progress(quiet=False),
        cli_options.reading(symbols, debugger, rules),
        machine,
        rules or [],
    )


@app.command()
def symbols(casefile: CasefilePath, symbols: SymbolPath = None) -> None:
    """Show which symbols and layouts a kernel dump is read with, and how to get better ones."""
    from .sources import Options, describe_symbols

    for line in describe_symbols(casefile, cli_options.progress(quiet=False), Options(symbols or ())):
        sys.stdout.write(f"{line}\n")


def main() -> None:
    """Entry point: runs the command and turns what a user can cause into one clear line and an exit status."""
    # Nearly all that a run makes lives until its end; to look through it for garbage as often as Python does by
    # default (every 700 objects) takes a tenth of the time of a short run.
    gc.set_threshold(50_000, 20, 100)
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
