"""The rule book as one HTML page that needs no script, no network and no other file."""

import re
from dataclasses import dataclass
from typing import Any

from ..errors import RulebookError
from ..inference.rule import Rule
from ..inference.thresholds import Threshold, shown
from ..report import figures, wording
from . import listing, words
from .book import Book
from .shown import short


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule as the page shows it; lists hold lines of text."""

    rule: Rule
    place: str
    when: list[list[str]]
    unless: list[str]
    label: str
    say: str
    disprove: str
    next: list[str]
    tests: int
    casefiles: list[str]
    builds_on: list[Rule]
    silenced_by: list[Rule]
    built_upon_by: list[Rule]
    silences: list[Rule]
    false_positives: list[str]


@dataclass(frozen=True, slots=True)
class PackEntry:
    """A pack with its rules."""

    name: str
    anchor: str
    entries: list[RuleEntry]


@dataclass(frozen=True, slots=True)
class ThresholdEntry:
    """A threshold with its figure as written and the rules that refer to it."""

    threshold: Threshold
    value: str
    rules: list[Rule]


def to_html(book: Book) -> str:
    """The page. The same rules give the same text. Raises RulebookError for a wrong template."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined, TemplateError
    from markupsafe import Markup

    def visible(value: Any) -> Any:
        return figures.visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value

    environment = Environment(
        loader=FunctionLoader(wording.read),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = wording.read("style.css") + wording.read("rulebook.css")
    try:
        return environment.get_template("rulebook.html.j2").render(
            style=Markup(style),  # noqa: S704 - our own files
            packs=_packs(book),
            thresholds=_thresholds(book),
            tags=sorted(book.knowledge.tags, key=lambda tag: (tag.tag.casefold(), tag.tag)),
            vendors=sorted(book.knowledge.vendors, key=lambda vendor: vendor.name.casefold()),
            statuses={s: sum(rule.status == s for rule in book.rules) for s in ("stable", "test", "experimental")},
            info=book.info,
        )
    except TemplateError as error:
        line = getattr(error, "lineno", None)
        where = f"reports/{getattr(error, 'name', None) or 'rulebook.html.j2'}" + (f":{line}" if line else "")
        raise RulebookError(f"{where}: {error}") from error


def _packs(book: Book) -> list[PackEntry]:
    packs: dict[str, PackEntry] = {}
    for rule in book.rules:
        name = book.pack(rule)
        anchor = "pack-" + re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
        packs.setdefault(name, PackEntry(name, anchor, [])).entries.append(_entry(rule, book))
    return list(packs.values())


def _entry(rule: Rule, book: Book) -> RuleEntry:
    then, tests = rule.then, book.tests.get(rule.id)
    return RuleEntry(
        rule=rule,
        place=f"{short(rule.place.file).rsplit('/', 1)[-1]}:{rule.place.line}",
        when=words.conditions(rule),
        unless=words.exceptions(rule),
        label=words.sentence(then.label.source) if then.label else "",
        say=words.sentence(then.say.source),
        disprove=words.sentence(then.disprove.source) if then.disprove else "",
        next=[words.sentence(one.source) for one in then.next],
        tests=len(tests.inline) if tests else 0,
        casefiles=[f"{'fires on' if c.fires else 'silent on'} {c.casefile}" for c in tests.casefiles] if tests else [],
        builds_on=book.built_upon(rule),
        silenced_by=book.silenced_by(rule),
        built_upon_by=book.builders(rule),
        silences=book.silences(rule),
        false_positives=[line.removeprefix("- ") for line in listing.false_positives(rule, book)],
    )


def _thresholds(book: Book) -> list[ThresholdEntry]:
    users: dict[str, list[Rule]] = {}
    for rule in book.rules:
        for one in words.thresholds(rule):
            users.setdefault(one.name, []).append(rule)
    return [
        ThresholdEntry(one, shown(one.value, one.unit), users.get(one.name, [])) for one in book.thresholds.values()
    ]
