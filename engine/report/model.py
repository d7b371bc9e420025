"""The report as plain data: what HTML, PDF and the terminal summary are made from."""

from collections.abc import Mapping
from dataclasses import dataclass

from .. import __version__
from ..diagnosis import Confidence, Diagnosis, Finding, RuleOutcome, VerdictPart
from ..facts import Case
from . import (
    alternatives,
    chain,
    charts,
    drawing,
    fields,
    figures,
    graph,
    reasons,
    room,
    snapshots,
    tables,
    unasked,
    unknown,
)
from .addressee import addressed, asked_of_them
from .captures import Capture, Script, captures, scripts
from .chain import Chain, Step
from .headline import casefile_words, sentence, using, who
from .known import Issue, issues
from .quality import QualityNote, limits, quality_notes
from .signature import Signature, keywords, signature
from .wording import Wording, load

MAX_ACTIONS = 5
MAX_COMMANDS = 4
OUTCOMES = ("fired", "near_miss", "passed", "not_evaluated")
PARTS = ("resource", "kind", "holder", "culprit")


@dataclass(frozen=True, slots=True)
class PartView:
    """One part of the verdict. `name` is None when it is unknown; then `text` says so."""

    key: str
    label: str
    name: str | None
    detail: str
    text: str
    confidence: str
    level: int
    others: tuple[str, ...]
    step: int | None


@dataclass(frozen=True, slots=True)
class Action:
    """Something to do next, with the commands to do it."""

    text: str
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule with what became of it."""

    rule: str
    status: str
    title: str
    why: str
    origin: str | None
    """The folder of own rules it is from; None for the shipped rules."""
    instead: tuple[int, ...] = ()
    """Steps that settle the other way what a rule that nearly fired asks for."""


@dataclass(frozen=True, slots=True)
class Report:
    """All sections, in the order a reader meets them."""

    name: str
    machine: str
    snapshots: str
    """The snapshots it rests on, in one line; empty where there is one."""
    state: str
    state_word: str
    headline: str
    parts: tuple[PartView, ...]
    sure: str
    doubts: tuple[str, ...]
    disprove: tuple[str, ...]
    addressed: str
    ask: str
    actions: tuple[Action, ...]
    charts: tuple[drawing.Chart, ...]
    """All pictures; the first `charts.ON_PAGE_ONE` stand on page one."""
    chain: Chain
    reasons: Mapping[str, tuple[reasons.Met, ...]]
    """The conditions of each step by the id of its finding, where they are known."""
    graph: graph.Graph | None
    alternatives: tuple[alternatives.Alternative, ...]
    tables: tuple[tables.TableGroup, ...]
    environment: tuple[tuple[str, str], ...]
    normal: tuple[Step, ...]
    passed: tuple[RuleRow, ...]
    near: tuple[RuleRow, ...]
    quality: tuple[QualityNote, ...]
    limits: tuple[str, ...]
    captures: tuple[Capture, ...]
    scripts: tuple[Script, ...]
    questions: tuple[unasked.Question, ...]
    issues: tuple[Issue, ...]
    signature: Signature | None
    keywords: tuple[str, ...]
    references: tuple[str, ...]
    handling: tuple[tuple[str, str], ...]
    counts: tuple[tuple[str, int], ...]
    changes: tuple[str, ...]
    """What of the rules and the knowledge is not as shipped."""

    @property
    def proof(self) -> tuple[drawing.Chart, ...]:
        """The pictures of page one."""
        return self.charts[: charts.ON_PAGE_ONE]

    @property
    def tallest(self) -> str:
        """The picture of page one that stands beside the others."""
        return room.tallest(self.proof)

    @property
    def room(self) -> int:
        """Characters a sentence of page one may have."""
        texts = [text for part in self.parts for text in (part.name or "", part.text, ", ".join(part.others))]
        texts += [
            self.snapshots,
            self.sure,
            " ".join(self.doubts[:2]),
            *self.disprove[:1],
            f"{self.addressed} {self.ask}",
        ]
        texts += [" ".join([action.text, *action.commands]) for action in self.actions]
        return room.sentence_limit(self.headline, texts, self.proof)

    @property
    def rows(self) -> dict[str, str]:
        """Anchor of the row of a fact in the evidence tables, by the id of the fact."""
        return {
            row.fact: row.anchor
            for group in self.tables
            for table in group.tables
            for row in reversed(table.rows)
            if row.fact is not None
        }

    def part(self, key: str) -> PartView:
        """A part of the verdict by name."""
        return next(part for part in self.parts if part.key == key)


def build(diagnosis: Diagnosis, rows: int = tables.MAX_ROWS) -> Report:
    """The report of a diagnosis. Evidence tables show at most `rows` rows, and those the verdict rests on."""
    wording = load()
    state = diagnosis.verdict.state
    steps = chain.build(diagnosis, wording)
    wanted = tuple(captures(diagnosis, wording))
    decisive = _decisive(diagnosis)
    outcomes = diagnosis.outcomes
    return Report(
        name=_case_name(diagnosis.case, wording),
        machine=_machine(diagnosis.case, wording),
        snapshots=snapshots.line(diagnosis.case, wording),
        state=state,
        state_word=wording(
            "state.abnormal" if state == "suspect" and not diagnosis.verdict.kind.name else f"state.{state}"
        ),
        headline=sentence(diagnosis),
        parts=tuple(_part(key, diagnosis, steps, wording) for key in PARTS),
        sure=_sure(diagnosis, wording),
        doubts=tuple(dict.fromkeys(limit for finding in decisive for limit in finding.limits)),
        disprove=tuple(dict.fromkeys(finding.disprove for finding in decisive if finding.disprove)),
        addressed=addressed(diagnosis, wording),
        ask=asked_of_them(diagnosis, wording),
        actions=_actions(diagnosis, wanted, wording),
        charts=charts.build(diagnosis, wording),
        chain=steps,
        reasons={
            step.finding: found
            for step in (*steps.steps, *steps.aside)
            if (found := reasons.conditions(diagnosis, step.finding, wording))
        },
        graph=graph.build(diagnosis, steps, wording),
        alternatives=alternatives.build(diagnosis, steps, wording),
        tables=(*tables.build(diagnosis, wording, steps.uses, rows), *unknown.build(diagnosis.case, wording, rows)),
        environment=_environment(diagnosis.case, wording),
        normal=_normal(diagnosis, wording),
        passed=tuple(_rule(each, each.why) for each in outcomes if each.outcome == "passed"),
        near=_near(diagnosis, steps, wording),
        quality=tuple(quality_notes(diagnosis, wording)),
        limits=tuple(limits(diagnosis, wording)),
        captures=wanted,
        scripts=scripts(wanted, wording),
        questions=unasked.questions(diagnosis, wording),
        issues=issues(diagnosis, steps, wording),
        signature=signature(diagnosis, wording),
        keywords=keywords(diagnosis),
        references=tuple(dict.fromkeys(link for finding in diagnosis.findings for link in finding.references)),
        handling=_handling(diagnosis, wording),
        counts=tuple(
            (wording(f"outcome.{name}"), sum(outcome.outcome == name for outcome in outcomes)) for name in OUTCOMES
        ),
        changes=diagnosis.rulebook.changes,
    )


def _normal(diagnosis: Diagnosis, wording: Wording) -> tuple[Step, ...]:
    """What is in order; nothing of a tag the verdict names, small as it may be."""
    named = {tag.id for tag in diagnosis.case.of("tag") if tag.text("tag") in diagnosis.verdict.kind.tags}
    steps = chain.of_part(diagnosis, "normal", wording)
    return tuple(step for step in steps if not named.intersection(item.fact for item in step.evidence))


def _part(key: str, diagnosis: Diagnosis, steps: Chain, wording: Wording) -> PartView:
    part: VerdictPart = getattr(diagnosis.verdict, key)
    state = diagnosis.verdict.state
    label = wording(f"part.{key}.label")
    if part.name is None:
        measured = key == "resource" and diagnosis.verdict.exhausted is False
        known = state if key != "resource" or measured else "other"
        keys = [f"part.{key}.unknown.{known}", f"part.{key}.unknown.{'measured' if measured else 'other'}"]
        user = using(diagnosis)
        if user["user"] and state == "exhaustion":
            keys.insert(0, f"part.{key}.unknown.committed")
        text = wording.first(*keys, **user, tags=diagnosis.case.of("tag"))
        return PartView(key, label, None, "", text, wording("word.confidence.unknown"), 0, part.others, None)
    finding = part.finding
    return PartView(
        key,
        label,
        who(part) if key in ("holder", "culprit") else part.name,
        _detail(key, diagnosis, wording),
        finding.text if finding else "",
        wording(f"word.confidence.{part.confidence.word}"),
        int(part.confidence),
        part.others,
        steps.numbers.get(finding.fact.id) if finding else None,
    )


def _detail(key: str, diagnosis: Diagnosis, wording: Wording) -> str:
    verdict = diagnosis.verdict
    if key == "resource" and verdict.exhausted is not None:
        return wording("part.resource.exhausted" if verdict.exhausted else "part.resource.not_exhausted")
    if key == "kind" and verdict.kind.tags:
        return wording("part.kind.tags", tags=verdict.kind.tags)
    if key == "holder" and verdict.holder.address:
        key = "object" if verdict.holder.pid is None else "process"
        return wording(f"part.holder.{key}", address=verdict.holder.address)
    return ""


def _sure(diagnosis: Diagnosis, wording: Wording) -> str:
    """How far the rules could look, where there is no part of the verdict to be sure of."""
    verdict = diagnosis.verdict
    if any(getattr(verdict, key).name for key in PARTS):
        return ""
    number = {name: sum(outcome.outcome == name for outcome in diagnosis.outcomes) for name in OUTCOMES}
    return wording.first(f"sure.{verdict.state}", "sure.other", **number)


def _decisive(diagnosis: Diagnosis) -> list[Finding]:
    verdict = diagnosis.verdict
    return [part.finding for part in (verdict.kind, verdict.holder, verdict.culprit, verdict.resource) if part.finding]


def _is_triage_dump(case: Case) -> bool:
    """A triage dump holds nothing to run these commands on."""
    system = case.one("system")
    return system is not None and system.text("dump_type") == "triage"


def _actions(diagnosis: Diagnosis, wanted: tuple[Capture, ...], wording: Wording) -> tuple[Action, ...]:
    verdict = diagnosis.verdict
    actions = [Action(finding.text) for finding in diagnosis.findings if finding.part == "next"]
    send = []
    if verdict.culprit.name is not None and verdict.culprit.confidence >= Confidence.MEDIUM:
        send.append(Action(wording("action.send", name=verdict.culprit.name)))
    if verdict.state == "healthy":
        first = wording("action.healthy" if verdict.exhausted is False else "action.unmeasured")
        return (Action(first), *actions[: MAX_ACTIONS - 1])
    # What only an open rule would like to see waits for its section, where findings ask for something.
    wanted = tuple(capture for capture in wanted if capture.followed) or wanted
    typed = _concrete([capture for capture in wanted if capture.typed])
    pasted = []
    for place, here in (("debugger", True), ("machine", False)):
        commands = tuple(capture.command for capture in typed if capture.in_debugger is here)
        if commands:
            elsewhere = here and _is_triage_dump(diagnosis.case)
            key = f"action.{place}_elsewhere" if elsewhere else f"action.{place}"
            pasted.append(Action(wording(key), commands[:MAX_COMMANDS]))
    # Advice and captures in words give way before the vendor and what is pasted do.
    actions = [*actions[: MAX_ACTIONS - len(send) - len(pasted)], *send]
    actions += [Action(capture.command) for capture in wanted if not capture.typed][:2]
    actions = [*actions[: MAX_ACTIONS - len(pasted)], *pasted]
    if not actions:
        actions.append(Action(wording.first(f"action.{verdict.state}", "action.other")))
    return tuple(actions)


def _concrete(typed: list[Capture]) -> list[Capture]:
    """Commands without those that leave an address open where the same command stands there with one."""
    verbs = {capture.command.split()[0] for capture in typed if "<" not in capture.command}
    return [each for each in typed if "<" not in each.command or each.command.split()[0] not in verbs]


def _case_name(case: Case, wording: Wording) -> str:
    if (count := snapshots.casefiles(case)) > 1:
        return wording("case.of_snapshots", name=case.casefile.name, earlier=count - 1)
    if case.machine is None:
        return case.casefile.name
    return wording("case.of_several", name=case.casefile.name, machine=case.machine, number=case.number)


def _machine(case: Case, wording: Wording) -> str:
    """The machine in one line, from what is known of it."""
    system = case.one("system")
    if system is None:
        return wording("machine.unknown")
    build, processors = system.int("build"), system.int("processors")
    ram, uptime = system.int("ram_bytes"), system.number("uptime_s")
    parts = [
        system.text("os"),
        wording("machine.build", build=build) if build is not None else None,
        system.text("product_type"),
        system.text("architecture"),
        wording("machine.processors", count=processors) if processors is not None else None,
        wording("machine.ram", size=figures.size(ram)) if ram is not None else None,
        wording("machine.uptime", time=figures.duration(uptime)) if uptime is not None else None,
        casefile_words(case, wording),
    ]
    return " · ".join(figures.clip(part, 80) for part in parts if part) or wording("machine.unknown")


def _environment(case: Case, wording: Wording) -> tuple[tuple[str, str], ...]:
    system = case.one("system")
    if system is None:
        return ()
    pairs = []
    for name in system.fields:
        text = fields.field_text(system, name)
        number = system.int(name)
        if name == "ram_bytes" and number is not None:
            text = f"{text} ({figures.size(number)})"
        if name == "bugcheck_code" and number is not None:
            text = f"0x{number:X}"
        if name == "uptime_s" and (seconds := system.number(name)) is not None:
            text = f"{text} ({figures.count(seconds)} s)"
        if name == "live_dump" and number is None and not system.flag(name):
            continue
        pairs.append((chain.label(name, wording), text))
    return tuple(pairs)


def _handling(diagnosis: Diagnosis, wording: Wording) -> tuple[tuple[str, str], ...]:
    file, book = diagnosis.case.casefile, diagnosis.rulebook
    redaction = diagnosis.case.redaction
    values = {
        "casefile": figures.clip(file.name, figures.MAX_CELL),
        "kind": wording(f"casefile.{file.kind}"),
        "size": f"{figures.count(file.size)} ({figures.size(file.size)})",
        "sha256": file.sha256,
        "tool": f"dumptriage {__version__}",
        "rules": wording("handling.rulebook", rules=book.rules, sha256=book.sha256),
        "facts": wording("handling.facts_count", count=len(diagnosis.case.facts)),
        "privacy": wording.first(f"handling.redacted.{redaction}", "handling.redacted.other")
        if redaction is not None
        else wording("handling.privacy_text"),
    }
    return tuple((wording(f"handling.{name}"), value) for name, value in values.items())


def _near(diagnosis: Diagnosis, steps: Chain, wording: Wording) -> tuple[RuleRow, ...]:
    """The rules that nearly fired; last those that a step settles the other way."""
    rows = []
    for outcome in diagnosis.outcomes:
        if outcome.outcome == "near_miss":
            near = outcome.near
            why = reasons.missed(near, wording) if near else outcome.why
            rows.append(_rule(outcome, why, reasons.instead(near, diagnosis, steps) if near else ()))
    return tuple(sorted(rows, key=lambda row: bool(row.instead)))


def _rule(outcome: RuleOutcome, why: str, instead: tuple[int, ...] = ()) -> RuleRow:
    rule = f"{outcome.rule}@{outcome.version}"
    return RuleRow(rule, outcome.status, outcome.title, why, outcome.origin, instead)
