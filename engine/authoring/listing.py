"""Rules on the terminal: a list of them, and one as a page."""

import json
import textwrap
from collections.abc import Iterable, Sequence
from itertools import groupby

from ..inference.rule import Rule
from ..inference.thresholds import shown
from . import words
from .book import Book
from .shown import short

WIDTH = 80


def to_table(rules: Sequence[Rule], book: Book) -> str:
    """The rules under the name of their pack: id, version and status, and below them the title."""
    lines: list[str] = []
    widest = max((len(rule.id) for rule in rules), default=0)
    for pack, members in groupby(rules, book.pack):
        lines += ["", pack] if lines else [pack]
        for rule in members:
            lines.append(f"  {rule.id:<{min(widest, WIDTH // 2)}} {rule.version:>2} {rule.status}")
            lines += textwrap.wrap(rule.title, WIDTH, initial_indent=" " * 4, subsequent_indent=" " * 4)
    counts = {status: sum(rule.status == status for rule in rules) for status in ("stable", "test", "experimental")}
    told = ", ".join(f"{number} {status}" for status, number in counts.items() if number)
    lines += ["", f"{len(rules)} rules: {told}"] if rules else ["no rules"]
    return "\n".join(lines) + "\n"


def to_makers(finding: str, book: Book) -> str:
    """The rules that draw a finding."""
    makers = book.makers(finding)
    rules = "1 rule" if len(makers) == 1 else f"{len(makers)} rules"
    return f"{finding} is a finding; {rules} may draw it\n\n{to_table(makers, book)}"


def to_json(rules: Sequence[Rule], book: Book) -> str:
    """The rules as a JSON list."""
    listed = [
        {
            "id": rule.id,
            "version": rule.version,
            "status": rule.status,
            "title": rule.title,
            "pack": book.pack(rule),
            "finding": rule.then.finding,
            "origin": rule.origin,
            "file": rule.place.file,
            "line": rule.place.line,
        }
        for rule in rules
    ]
    return json.dumps(listed, indent=2, ensure_ascii=False)


def to_page(rule: Rule, book: Book) -> str:
    """Everything there is to know of a rule."""
    then = rule.then
    lines = [rule.title, "=" * min(WIDTH, len(rule.title)), ""]
    lines += [f"{rule.id}, version {rule.version}, {rule.status}, pack {book.pack(rule)}"]
    lines += [f"{short(rule.place.file)}:{rule.place.line}"]
    lines += [f"from {rule.origin}, not one of the shipped rules"] if rule.origin else []
    when: list[str] = []
    for ways in words.conditions(rule):
        when += [f"- {ways[0]}"] if len(ways) == 1 else ["- one of:", *(f"  - {way}" for way in ways)]
    lines += _section("When", when)
    lines += _section("Unless there is", [f"- {one}" for one in words.exceptions(rule)])
    if rule.best:
        lines += _section("Of several", [f"the one with the largest {rule.best.alias}.{rule.best.field}"])
    sure = f"{then.finding}, {then.severity}, confidence at most {then.confidence.word}"
    lines += _section("Then", [sure, *([f"label: {words.sentence(then.label.source)}"] if then.label else [])])
    lines += _section("It says", [words.sentence(then.say.source)])
    lines += _section("It would be wrong if", [words.sentence(then.disprove.source)] if then.disprove else [])
    lines += _section("Next", [f"- {words.sentence(one.source)}" for one in then.next])
    used = [f"- @{t.name}: {shown(t.value, t.unit)}, {t.doc} ({t.source})" for t in words.thresholds(rule)]
    lines += _section("Thresholds", used)
    lines += _section("Builds on", _named(book.built_upon(rule)))
    lines += _section("Silenced by", _named(book.silenced_by(rule)))
    lines += _section("Built upon by", _named(book.builders(rule)))
    lines += _section("Silences", _named(book.silences(rule)))
    lines += _section("Tests", tests_of(rule, book))
    lines += _section("Known false positives", false_positives(rule, book))
    lines += _section("References", [f"- {one}" for one in rule.references])
    return "\n".join(lines) + "\n"


def tests_of(rule: Rule, book: Book) -> list[str]:
    """The tests of a rule, one line each."""
    tests = book.tests.get(rule.id)
    if tests is None or not (tests.inline or tests.casefiles):
        return ["none"]
    lines = [f"- {'fires on' if one.fires else 'silent on'} {one.casefile}" for one in tests.casefiles]
    for test in tests.inline:
        name = ", but ".join(part for part in (test.name or "facts", test.change) if part)
        lines.append(f"- {name}: {'fires' if test.expected.fires else 'silent'}")
    return lines


def false_positives(rule: Rule, book: Book) -> list[str]:
    """The entries of the ledger on a rule."""
    return [
        f"- {one.where}, version {one.version}: {one.why} ({f'mended in {one.mended}' if one.mended else 'open'})"
        for one in book.ledger
        if one.rule == rule.id
    ]


def _named(rules: Iterable[Rule]) -> list[str]:
    return [f"- {rule.id}: {rule.title}" for rule in rules]


def _section(title: str, body: Sequence[str]) -> list[str]:
    if not body:
        return []
    lines = ["", title]
    for line in body:
        indent = "  " + " " * (len(line) - len(line.lstrip(" -")))
        lines += textwrap.wrap(
            line, WIDTH, initial_indent="  ", subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
        )
    return lines
