"""From a match to a finding: its sentences, its confidence, and the fact later rules build on."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..diagnosis import Confidence, Finding
from ..facts import KINDS, Case, Fact, Value, new
from .matching import Match
from .rows import Row
from .rule import Reference, Rule, Template
from .sentences import SentenceError, render

_CAPS = {"suspect": Confidence.LOW, "rounded": Confidence.MEDIUM}
"""What the quality of a fact allows at most. A lower bound supports a conclusion as well as the full figure."""
_QUALITY_WORDS = {
    "suspect": "other evidence contradicts the figures of {subject}",
    "rounded": "the figures of {subject} are rounded",
}


def conclude(
    rule: Rule, matches: Iterable[Match], stratum: int, case: Case, findings: Mapping[str, Finding]
) -> tuple[list[Finding], list[str]]:
    """The findings of a rule, added to the case as facts, and what could not be rendered.

    `findings` are the earlier ones by the id of their fact. Matches with the same subject become one finding: the one
    with the best evidence, among equals the first.
    """
    best: dict[tuple[tuple[str, Value], ...], tuple[Match, Confidence, tuple[str, ...]]] = {}
    for match in matches:
        about = _about(rule, match.bound)
        confidence, limits = _confidence(rule, match.bound, findings)
        subject = tuple(about.items())
        if subject not in best or confidence > best[subject][1]:
            best[subject] = (match, confidence, limits)
    problems: dict[str, str] = {}  # by template: the first failure of each is enough
    made: list[Finding] = []
    for about_items, (match, confidence, limits) in best.items():
        writer = _Writer(rule, match.bound, problems)
        fact = _fact(rule, dict(about_items), confidence, case)
        made.append(_finding(rule, match, writer, fact, dict(about_items), confidence, limits, stratum))
    return made, list(problems.values())


def _finding(
    rule: Rule,
    match: Match,
    writer: "_Writer",
    fact: Fact,
    about: dict[str, Value],
    confidence: Confidence,
    limits: tuple[str, ...],
    stratum: int,
) -> Finding:
    then = rule.then
    text = writer.text("say", then.say) or rule.title
    commands = [writer.text("next", template) for template in then.next]
    return Finding(
        rule=rule.id,
        version=rule.version,
        status=rule.status,
        title=rule.title,
        name=then.finding,
        part=then.part,
        severity=then.severity,
        confidence=confidence,
        text=text,
        label=(writer.text("label", then.label) or rule.title) if then.label else None,
        evidence={alias: row.fact for alias, row in match.bound.items()},
        about=about,
        tags=_tags(rule, match.bound),
        fact=fact,
        disprove=writer.text("disprove", then.disprove) if then.disprove else None,
        next=tuple(command for command in commands if command),
        references=rule.references,
        limits=limits,
        stratum=stratum,
        origin=rule.origin,
    )


class _Writer:
    """Renders the templates of one finding; a failure is noted and gives None."""

    def __init__(self, rule: Rule, bound: Mapping[str, Row], problems: dict[str, str]) -> None:
        self._rule = rule
        self._bound = bound
        self._problems = problems

    def text(self, key: str, template: Template) -> str | None:
        try:
            return render(template.source, self._bound)
        except SentenceError as error:
            place = template.place
            where = f'{self._rule.id}: "{key}" ({Path(place.file).name}:{place.line}:{place.column})'
            self._problems.setdefault(where, f"{where} could not be written: {error}")
            return None


def _about(rule: Rule, bound: Mapping[str, Row]) -> dict[str, Value]:
    about: dict[str, Value] = {}
    for name, item in rule.then.about.items():
        value = _value(item, bound) if isinstance(item, Reference) else item
        if value is not None:
            about[name] = value
    return about


def _value(reference: Reference, bound: Mapping[str, Row]) -> Value | None:
    row = bound.get(reference.alias)
    return row.values.get(reference.field) if row else None


def _tags(rule: Rule, bound: Mapping[str, Row]) -> tuple[str, ...]:
    tags: dict[str, None] = {}
    for item in rule.then.tags:
        value = _value(item, bound) if isinstance(item, Reference) else item
        if value is None:
            continue
        group = isinstance(item, Reference) and item.field == "tags"  # a tag_group lists its members
        for tag in str(value).split(" + ") if group else (str(value),):
            tags[tag.ljust(4)] = None
    return tuple(tags)


def _confidence(
    rule: Rule, bound: Mapping[str, Row], findings: Mapping[str, Finding]
) -> tuple[Confidence, tuple[str, ...]]:
    """The rule's confidence, lowered to its weakest link, and a sentence for every link weaker than the rule."""
    own = rule.then.confidence
    confidence = own
    limits: dict[str, None] = {}
    for row in bound.values():
        fact = row.fact
        cap, why = _CAPS.get(fact.quality, own), _QUALITY_WORDS.get(fact.quality, "").format(subject=_called(fact))
        if fact.id in findings:
            cap = findings[fact.id].confidence
            why = f'it builds on "{findings[fact.id].title}", whose confidence is {cap.word}'
        if cap < own:
            limits[f"Confidence is at most {cap.word}: {why}."] = None
            confidence = min(confidence, cap)
    return confidence, tuple(limits)


def _called(fact: Fact) -> str:
    """A fact as a sentence names it, by what identifies it: tag NtFC nonpaged."""
    kind = KINDS[fact.kind]
    keys = (str(fact.fields[name]).rstrip() for name in kind.key if name in fact.fields)
    return " ".join([fact.kind.replace("_", " "), *keys])


def _fact(rule: Rule, about: dict[str, Value], confidence: Confidence, case: Case) -> Fact:
    then = rule.then
    fields: dict[str, Any] = {"name": then.finding, "part": then.part, "severity": then.severity, **about}
    source = f"rule {rule.id} version {rule.version}"
    return case.add(new("finding", source=source, confidence=int(confidence), **fields))
