"""The commands for authors of rules: `triage rules ...`."""

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

rules_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Check, test, read and write rules.",
)


OwnRules = Annotated[
    list[Path] | None,
    typer.Option(
        "--rules", metavar="DIR", help="A folder of own rules over the shipped ones. May be given several times."
    ),
]


@rules_app.command()
def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[PATH]...", help="Rule files or folders of them; by default the shipped rules and own rules."
        ),
    ] = None,
    form: Annotated[
        Literal["text", "json", "sarif"], typer.Option("--format", help="How to show the mistakes.")
    ] = "text",
) -> None:
    """Show every mistake of rule files; exits with 4 when there is one that keeps them from being used."""
    from . import settings
    from .authoring import sarif, shown
    from .authoring.check import check
    from .errors import RulebookError

    checked = check(paths or [], settings.load())
    if form == "text":
        sys.stdout.write(shown.to_text(checked))
    else:
        text = sarif.to_json(checked) if form == "json" else sarif.to_sarif(checked, Path.cwd())
        sys.stdout.write(f"{text}\n")
    if checked.errors:
        raise typer.Exit(RulebookError.exit_status)


@rules_app.command()
def test(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Rule files, folders of them or ids of rules; all rules by default."),
    ] = None,
    coverage: Annotated[
        bool, typer.Option("--coverage", help="Also show what no test tries: rules, conditions and numbers.")
    ] = False,
    rules: OwnRules = None,
) -> None:
    """Run the tests in the rule files, on facts and on casefiles; exits with 1 when one fails."""
    from . import settings
    from .authoring.testcommand import test_rules

    if not test_rules(paths or [], settings.load(rules or ()), coverage, typer.echo):
        raise typer.Exit(1)


@rules_app.command("list")
def list_rules(
    rules: OwnRules = None,
    status: Annotated[
        Literal["experimental", "test", "stable"] | None, typer.Option("--status", help="Only rules of this maturity.")
    ] = None,
    pack: Annotated[
        str | None, typer.Option("--pack", metavar="NAME", help="Only packs whose name holds this text.")
    ] = None,
    form: Annotated[Literal["text", "json"], typer.Option("--format", help="How to show the rules.")] = "text",
) -> None:
    """List the rules: id, version, status and title, by pack."""
    from . import settings
    from .authoring import listing
    from .authoring.book import read_book

    book = read_book(settings.load(rules or []))
    chosen = [rule for rule in book.of_pack(pack or "") if status in (None, rule.status)]
    show = listing.to_table if form == "text" else listing.to_json
    sys.stdout.write(f"{show(chosen, book).rstrip()}\n")


@rules_app.command()
def show(
    rule: Annotated[str, typer.Argument(metavar="ID", help="The id of a rule, or a finding: the rules that draw it.")],
    rules: OwnRules = None,
) -> None:
    """Show a rule as a page: its conditions in words, thresholds, sentence, what builds on it, tests."""
    from . import settings
    from .authoring import listing
    from .authoring.book import read_book

    book = read_book(settings.load(rules or []))
    drawn = not any(one.id == rule for one in book.rules) and book.makers(rule)
    sys.stdout.write(listing.to_makers(rule, book) if drawn else listing.to_page(book.rule(rule), book))


@rules_app.command("new")
def new_rule(
    tag: Annotated[str | None, typer.Option("--tag", metavar="TAG", help="For a pool tag, known or not.")] = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="For a kind of fact: handles, pool ...")
    ] = None,
    name: Annotated[str | None, typer.Option("--id", metavar="ID", help="The id of the rule.")] = None,
    to: Annotated[
        Path | None, typer.Option("--to", metavar="FILE", help="Write it to this new file instead of the terminal.")
    ] = None,
    rules: OwnRules = None,
) -> None:
    """Write a rule to start from, with tests that pass."""
    from . import settings
    from .authoring import skeleton
    from .authoring.book import read_book
    from .errors import OutputError, UsageError
    from .report.target import write_atomically

    if (tag is None) == (kind is None):
        raise UsageError("expected one of --tag TAG and --kind KIND, as in: triage rules new --tag Abcd")
    book = read_book(settings.load(rules or []))
    text = skeleton.for_tag(tag, name, book, to) if tag is not None else skeleton.for_kind(kind or "", name, book, to)
    if to is None:
        sys.stdout.write(text)
        return
    if to.exists():
        raise UsageError(f"{to}: exists already; choose a new file, its rules can be moved to a pack later")
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{to.parent}: the folder cannot be made: {error.strerror}") from error
    write_atomically(to, text.encode())
    sys.stderr.write(f"{to} written; now edit it, then: triage rules check {to} && triage rules test {to}\n")


@rules_app.command()
def doc(
    out: Annotated[Path, typer.Argument(metavar="OUT.html", help="Where to write the page.")], rules: OwnRules = None
) -> None:
    """Write the whole rule book as one HTML page: rules in words, thresholds, known tags, vendors."""
    from . import settings
    from .authoring.book import read_book
    from .authoring.page import to_html
    from .errors import UsageError
    from .report.target import ENDINGS, check_place, write_atomically

    if ENDINGS.get(out.suffix.lower()) != "html":
        raise UsageError(f"{out}: the rule book is an HTML page; give the file the ending .html")
    check_place(out)
    write_atomically(out, to_html(read_book(settings.load(rules or []))).encode())
