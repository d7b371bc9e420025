"""A new rule to start from: it loads, and its tests pass as written."""

import json
import os
import re
from collections.abc import Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..facts import KINDS, Value, new
from ..facts.vocabulary import Field
from ..inference.rows import rows
from ..inference.sentences import render
from ..inference.thresholds import shown
from ..mistakes import nearest
from .book import Book

ID = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
_LIMITS: dict[str, tuple[int, int]] = {
    "count": (1000, 999),
    "bytes": (1 << 30, (1 << 30) - 1),
    "percent": (50, 49),
    "seconds": (3600, 3599),
    "ratio": (10, 9),
    "": (1000, 999),
}
"""By unit: a figure to start from, and one just below."""
_TAG_SAYS = "Tag {{ t.tag }} takes {{ t.bytes | size }}, {{ t.share_of_pool | pct }} of {{ t.pool }} pool"
_TAG_LIMITS = 'bytes: ">= @tag.bytes.worth", share_of_pool: ">= @tag.share.suspect"'
_FILTERS = {"bytes": " | size", "percent": " | pct"}
_CLASS_NOTES = {
    "generic": "allocated on behalf of others: it names no culprit by itself",
    "cache": "grows by design and shrinks under pressure",
    "reservation": "sized by configuration or at start",
    "companion": "allocated along with an object or another tag",
}


def for_tag(tag: str, name: str | None, book: Book, to: Path | None) -> str:
    """A pack with one rule for a pool tag, from what is known of it. Raises UsageError for what is no tag."""
    padded = tag.ljust(4)
    if not 0 < len(tag) <= 4 or not tag.isascii() or not tag.isprintable() or re.match(r"[\s=!<>@]|is |\*$", tag):
        raise UsageError(f'"{tag}" is not a pool tag a rule can ask for; expected one to four printable characters')
    known = book.knowledge.tag(padded)
    word = re.sub(r"[^a-z0-9]+", "-", tag.lower()).strip("-") or tag.encode().hex()
    name = _id(name or f"tags.{word}-leak", book, given=name is not None)
    share, worth = book.thresholds["tag.share.suspect"], book.thresholds["tag.bytes.worth"]
    holds = _plain(known.holds) if known else "allocations of a driver"
    who = f" of {_plain(known.owner)}" if known else ""
    facts: dict[str, Value] = {
        "tag": padded,
        "pool": "nonpaged",
        "bytes": int(worth.value),
        "share_of_pool": float(share.value),
    }
    say = f"{_TAG_SAYS}: {holds}{who}."
    least = f"bytes: {int(worth.value)}, share_of_pool: {shown(share.value, share.unit)}"
    quoted = json.dumps(tag)
    notes = (
        [f"  # Known: {known.owner}, class {known.tag_class}: {known.holds}."]
        if known
        else ["  # Not among the known tags. Who owns it: findstr /m /l TAG *.sys over the drivers, or ask the vendor."]
    )
    if known and known.tag_class in _CLASS_NOTES:
        notes.append(f"  # Class {known.tag_class}: {_CLASS_NOTES[known.tag_class]}.")
    if known and known.leak:
        notes.append(f"  # What usually leaks it: {known.leak}.")
    if known and known.normal:
        notes.append(f"  # When much of it is in order: {known.normal}.")
    other = "Abcd" if tag != "Abcd" else "Efgh"
    below = shown(share.value - 1, share.unit)
    lines = [
        *_head(f"Tag {tag}", to),
        *notes,
        *_rule(name, f"Tag {tag} takes much of a pool"),
        "    when:",
        f"      - tag t: {{tag: {quoted}, pool: is known, {_TAG_LIMITS}}}",
        "    then:",
        f"      finding: {_finding('kind', name, book)}",
        "      severity: warning",
        "      confidence: medium                        # certain, high, medium or low",
        f"      label: {json.dumps('growth of tag {{ t.tag }}')}",
        "      about: {tag: t.tag, pool: t.pool}",
        "      tags: [t.tag]",
        f"      say: {json.dumps(say, ensure_ascii=False)}",
        '      disprove: "Two snapshots an hour apart show the same figure."',
        f"      next: [{json.dumps('!poolused 2 {{ t.tag }}')}]",
        "    tests:",
        "      - name: both figures just enough",
        "        facts:",
        f"          - tag t: {{tag: {quoted}, pool: nonpaged, {least}}}",
        f"        says: {json.dumps(_said(say, 't', 'tag', facts), ensure_ascii=False)}",
        "        but:",
        f"          - {{t.bytes: {int(worth.value) - 1}}}",
        f"          - {{t.share_of_pool: {below}}}",
        f"          - {{t.tag: {other}}}",
    ]
    return "\n".join(lines) + "\n"


def for_kind(kind: str, name: str | None, book: Book, to: Path | None) -> str:
    """A pack with one rule for a kind of fact, asking for a figure where it has one.

    Raises UsageError for an unknown kind.
    """
    if kind not in KINDS:
        raise UsageError(f'there is no kind of fact "{kind}"; {nearest(kind, KINDS)}')
    if kind == "finding":
        return _for_finding(name, book, to)
    field = _most_telling(KINDS[kind].fields.values())
    name = _id(name or f"{kind.replace('_', '-')}.{field.name.replace('_', '-')}", book, given=name is not None)
    figure = field.type in ("int", "float")
    enough, short = (_written(limit, field) for limit in _LIMITS[field.unit]) if figure else ("example", "unknown")
    value: Value = _typed(_LIMITS[field.unit][0], field) if figure else enough
    alias = kind[0]
    words = f"{kind} {field.name}".replace("_", " ")
    printed = f"{alias}.{field.name}{_FILTERS.get(field.unit, ' | n') if figure else ''}"
    say = f"{words.capitalize()}: {{{{ {printed} }}}}."
    lines = [
        *_head(f"Own rules on {kind.replace('_', ' ')}", to),
        *_rule(name, f"{'Large figure' if figure else 'Known'}: {words}"),
        "    when:",
        f"      - {kind} {alias}: {{{field.name}: {json.dumps(f'>= {enough}') if figure else 'is known'}}}",
        "    then:",
        f"      finding: {_finding('step', name, book)}",
        "      severity: info",
        "      confidence: medium                        # certain, high, medium or low",
        f"      say: {json.dumps(say, ensure_ascii=False)}",
        "    tests:",
        f"      - name: {'the figure just enough' if figure else 'it is known'}",
        "        facts:",
        f"          - {kind} {alias}: {{{field.name}: {enough}}}",
        f"        says: {json.dumps(_said(say, alias, kind, {field.name: value}), ensure_ascii=False)}",
        "        but:",
        f"          - {{{alias}.{field.name}: {short}}}",
        f"          - {{without: {alias}}}",
    ]
    return "\n".join(lines) + "\n"


def _for_finding(name: str | None, book: Book, to: Path | None) -> str:
    """A rule that builds on the finding of another."""
    name = _id(name or "own.builds-on-a-finding", book, given=name is not None)
    below = next(rule for rule in book.rules if rule.then.part == "kind")
    say = "It follows from {{ f.name }}."
    lines = [
        *_head("Own rules on findings", to),
        f"  # Builds on the finding of {below.id}; `triage rules list --format json` shows all findings.",
        *_rule(name, "What follows from a finding"),
        "    when:",
        f'      - finding f: {{name: {below.then.finding}, confidence: ">= medium"}}',
        "    then:",
        f"      finding: {_finding('step', name, book)}",
        "      severity: info",
        "      confidence: high                          # never above that of the finding",
        f"      say: {json.dumps(say)}",
        "    tests:",
        "      - name: the finding is sure enough",
        "        facts:",
        f"          - finding f: {{name: {below.then.finding}, confidence: medium}}",
        f"        says: It follows from {below.then.finding}.",
        "        but:",
        "          - {f.confidence: low}",
        "          - {without: f}",
    ]
    return "\n".join(lines) + "\n"


def _head(pack: str, to: Path | None) -> list[str]:
    return [f"# yaml-language-server: $schema={_schema(to)}", f"pack: {json.dumps(pack)}", "rules:"]


def _schema(to: Path | None) -> str:
    """Where the schema lies, as the editor of the new file finds it."""
    schema = Path(str(files("dumptriage.rules") / "schema/pack.schema.json"))
    if to is not None and schema.is_relative_to(Path.cwd()) and to.resolve().is_relative_to(Path.cwd()):
        return Path(os.path.relpath(schema, to.resolve().parent)).as_posix()
    return schema.as_uri()


def _rule(name: str, title: str) -> list[str]:
    return [
        f"  - id: {name}",
        f"    title: {json.dumps(title)}",
        "    status: experimental                        # test when it is tested, stable when a casefile proves it",
        "    version: 1                                  # raise it when the meaning changes",
    ]


def _id(wanted: str, book: Book, *, given: bool) -> str:
    ids = {rule.id for rule in book.rules}
    if not ID.fullmatch(wanted):
        raise UsageError(f'id "{wanted}" is not lower-case words joined by dots and dashes, as in tags.abcd-leak')
    if given:
        if wanted in ids:
            raise UsageError(f'there is a rule "{wanted}" already; choose another id')
        return wanted
    return _unused(wanted, ids)


def _finding(part: str, name: str, book: Book) -> str:
    word = name.replace(".", "-").removeprefix("tags-")
    return _unused(f"{part}.{word}", {rule.then.finding for rule in book.rules})


def _unused(wanted: str, taken: Iterable[str]) -> str:
    used, number, name = set(taken), 2, wanted
    while name in used:
        name, number = f"{wanted}-{number}", number + 1
    return name


def _most_telling(fields: Iterable[Field]) -> Field:
    """The field a rule most likely asks for: a count, else any other number, else the first."""
    order = [*_LIMITS]
    listed = list(fields)
    numbers = [field for field in listed if field.type in ("int", "float")]
    return min(numbers, key=lambda field: order.index(field.unit), default=listed[0])


def _written(value: int, field: Field) -> str:
    return f"{value}{' %' if field.unit == 'percent' else ' s' if field.unit == 'seconds' else ''}"


def _typed(value: int, field: Field) -> Value:
    return float(value) if field.type == "float" else value


def _said(say: str, alias: str, kind: str, fields: dict[str, Any]) -> str:
    """What the sentence says of a fact with these fields."""
    (row,) = rows([new(kind, source="test:1", **fields)])
    return " ".join(render(say, {alias: row}).split())


def _plain(text: str) -> str:
    """Words of the known tags inside a template: nothing of them is markup."""
    return text.replace("{", "(").replace("}", ")")
