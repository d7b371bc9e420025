"""The text of `triage explain`: plain lines without colour, for a terminal of 80 columns or a pipe."""

import textwrap
from collections.abc import Iterable
from pathlib import Path

from ..diagnosis import Diagnosis, Finding, RuleOutcome
from ..explain import PARTS, Explanation, Reason, figures_of
from ..facts import KINDS, Fact
from ..inference.conditions import figure
from ..inference.trace import Binding, Condition, PatternTrace, RuleTrace
from . import figures
from .headline import who
from .wording import load

OUTCOMES = ("fired", "near_miss", "passed", "not_evaluated")
MAX_BINDINGS = 5
"""Findings of one rule that are shown in full."""
MAX_NAMED = 8
"""Rules or findings one sentence names."""
MAX_VALUE = 120
"""Longest value or name shown; --format json has it whole."""


def lines(explanation: Explanation, width: int) -> list[str]:
    """The lines of an explanation, none wider than `width` unless one word is."""
    page = _Page(width)
    if explanation.scope == "verdict":
        _verdict(explanation, page)
    elif explanation.scope == "all":
        _book(explanation, page)
    else:
        for trace in explanation.rules:
            page.gap()
            _rule(trace, explanation, page)
    return page.lines


class _Page:
    """Lines under construction. Whatever is added has its control characters spelt out: it may be out of a casefile."""

    def __init__(self, width: int) -> None:
        self._width = max(width, 40)
        self.lines: list[str] = []

    def add(self, text: str, indent: int = 0, hang: int = 2, mark: str = "") -> None:
        """A paragraph; lines behind the first stand `hang` further in, or under the text behind a mark."""
        # A figure and its percent sign stay on one line.
        plain = figures.visible(" ".join(f"{mark}{text}".split())).replace(" %", "\u00a0%")
        if mark:
            plain = mark + plain[len(mark.rstrip()) :].lstrip()
        rest = " " * (indent + (len(mark) or hang))
        wrapped = textwrap.wrap(
            plain, self._width, initial_indent=" " * indent, subsequent_indent=rest, break_on_hyphens=False
        )
        self.lines += [line.replace("\u00a0", " ") for line in wrapped]

    def gap(self) -> None:
        """An empty line, except at the top."""
        if self.lines and self.lines[-1]:
            self.lines.append("")


def _rule(trace: RuleTrace, explanation: Explanation, page: _Page) -> None:
    """One rule: what became of it, then each combination of facts, then what builds on it."""
    outcome = trace.outcome
    page.add(
        _said(
            "rule",
            rule=outcome.rule,
            version=outcome.version,
            status=outcome.status,
            origin=outcome.origin,
            title=outcome.title,
        )
    )
    findings = [binding.finding for binding in trace.bindings if binding.finding is not None]
    if findings:
        page.add(_said("fired", count=len(findings), finding=trace.rule.then.finding))
    else:
        page.add(_said("other", outcome=_outcome(outcome), why=outcome.why))
        if outcome.capture:
            page.add(_said("missing", commands=outcome.capture))
    for binding in trace.bindings[:MAX_BINDINGS]:
        page.gap()
        if binding.finding is not None:
            _finding(binding.finding, trace, explanation, page)
        _conditions(binding, trace, page)
        if binding.finding is not None:
            _rests_on(binding.finding, explanation, page)
    if len(trace.bindings) > MAX_BINDINGS:
        page.gap()
        page.add(_said("more_findings", count=len(trace.bindings) - MAX_BINDINGS))
    if trace.used_by or trace.blocks:
        page.gap()
    if trace.used_by:
        page.add(_said("used_by", finding=trace.rule.then.finding, rules=_outcomes(trace.used_by)))
    if trace.blocks:
        page.add(_said("blocks", rules=_outcomes(trace.blocks)))


def _finding(finding: Finding, trace: RuleTrace, explanation: Explanation, page: _Page) -> None:
    page.add(finding.text, hang=0)
    own = trace.rule.then.confidence
    other = own.word if finding.confidence != own else None
    page.add(_said("judged", severity=finding.severity, confidence=finding.confidence.word, own=other))
    for limit in finding.limits:
        page.add(limit, indent=2)
    if finding.fact.id in explanation.lowered:
        page.add(_said("in_verdict", lowered=explanation.lowered[finding.fact.id]), indent=2)


def _conditions(binding: Binding, trace: RuleTrace, page: _Page) -> None:
    page.gap()
    if binding.fits:
        page.add(_said("all_hold"))
    else:
        page.add(_said("nearest", alternatives=trace.alternatives))
    for pattern in binding.patterns:
        _pattern(pattern, page, chosen=not binding.fits)
    if not binding.exceptions:
        return
    blocked = any(pattern.fact is not None for pattern in binding.exceptions)
    page.add(_said("blocked" if blocked else "not_blocked"))
    for pattern in binding.exceptions:
        if pattern.fact is not None:
            _pattern(pattern, page, chosen=False)
        elif not blocked:
            asked = [condition.text for condition in pattern.conditions]
            page.add(_said("exception", kind=pattern.kind, conditions=asked), indent=2)


def _pattern(pattern: PatternTrace, page: _Page, *, chosen: bool) -> None:
    """A pattern with its fact; `chosen` where that is the nearest of several."""
    name = f"{pattern.kind} {pattern.alias}".rstrip()
    fact = pattern.fact
    if fact is None:
        page.add(_said("absent", name=name, why=_absent(pattern)), indent=2)
    else:
        among = pattern.of if chosen and pattern.of > 1 else None
        page.add(_said("bound", name=name, fact=_id(fact), among=among), indent=2)
    for condition in pattern.conditions:
        page.add(_sentence(condition), indent=4, mark=f"{_said(f'state.{condition.state}'):<9}")
    if fact is not None and fact.kind != "finding":
        page.add(_provenance(fact), indent=4)
    if pattern.capture:
        page.add(_said("unknown", commands=pattern.capture), indent=4)


def _absent(pattern: PatternTrace) -> str:
    if pattern.kind == "finding":
        return _said("no_finding", rules=_outcomes(pattern.makers))
    if pattern.missing is not None:
        return _said("no_fact", missing=pattern.missing)
    return _said("none")


def _sentence(condition: Condition) -> str:
    """share_of_pool is 28 %, needs at least 30 % (@tag.share.suspect, field practice): 6.7 % short."""
    failed = condition.state == "fails" and condition.miss is not None
    return _said(
        "condition",
        field=condition.field,
        value=None if condition.value is None else _clip(figure(condition.value, condition.unit)),
        needed=_needed(condition),
        miss=figures.percent(100 * condition.miss) if failed and condition.miss is not None else None,
        over=condition.needs.startswith(("at most", "less than")),
    )


def _needed(condition: Condition) -> str:
    """What is asked for, and where that comes from."""
    origin = condition.against
    if condition.threshold is not None:
        origin = f"@{condition.threshold.name}, {condition.threshold.source}"
    return _said("needed", value=_clip(condition.needs), origin=origin)


def _provenance(fact: Fact) -> str:
    parts = [_said("source", source=_clip(fact.source))]
    parts += _marks(fact)
    if fact.verify:
        parts.append(_said("again", verify=_clip(fact.verify)))
    return "; ".join(parts)


def _marks(fact: Fact) -> list[str]:
    """What keeps a fact from being a whole and exact count."""
    wording = load()
    marks = [] if fact.quality == "exact" else [wording(f"quality.{fact.quality}")]
    sampled = fact.int("sampled")
    return marks if sampled is None else [*marks, _said("sampled", count=sampled)]


def _rests_on(finding: Finding, explanation: Explanation, page: _Page) -> None:
    reason = explanation.reasons[finding.fact.id]
    if reason.builds_on:
        page.add(_said("builds_on"))
        for below in reason.builds_on:
            _tree(below, page, 2)
    users = explanation.built_on_by.get(finding.fact.id, ())
    if users:
        page.add(_said("users"))
        for user in users[:MAX_NAMED]:
            said = _said("user", name=user.name, confidence=user.confidence.word, rule=user.rule)
            page.add(said, indent=2, mark="- ")
        if len(users) > MAX_NAMED:
            page.add(_said("more", count=len(users) - MAX_NAMED), indent=2)


def _tree(reason: Reason, page: _Page, indent: int, *, bounds: bool = False) -> None:
    """A finding with what is below it; `bounds` shows what its figures are held against."""
    finding = reason.finding
    about = figures.clip(finding.fact.id.partition(":")[2].removeprefix(finding.name).strip(":"), MAX_VALUE)
    name = f"{finding.name} {about}".rstrip()
    said = _said("node", name=name, confidence=finding.confidence.word, rule=finding.rule, again=reason.again)
    page.add(said, indent=indent, mark="- ")
    # Deep trees keep some room for their text.
    below = min(indent + 2, 20)
    for pattern in reason.facts:
        if pattern.fact is not None:
            page.add(_leaf(pattern, pattern.fact, bounds), indent=below, mark="- ")
    for each in reason.builds_on:
        _tree(each, page, below, bounds=bounds)


def _leaf(pattern: PatternTrace, fact: Fact, bounds: bool) -> str:
    """A fact with the values that were looked at, save those in its name, or else with its first figures."""
    keys = KINDS[fact.kind].key
    values: dict[str, str] = {}
    for one in pattern.conditions:
        if one.field not in keys and one.value is not None:
            value = values.get(one.field, _clip(figure(one.value, one.unit)))
            values[one.field] = _said("bounded", value=value, needed=_needed(one)) if bounds and one.unit else value
    if not any(one.unit and one.field in values for one in pattern.conditions):
        values |= {name: _clip(figure(value, unit)) for name, (value, unit) in figures_of(fact).items()}
    values.pop("sampled", None)
    said = ("; " if bounds else ", ").join([*(f"{name} {value}" for name, value in values.items()), *_marks(fact)])
    again = f"; {_clip(fact.verify)}" if fact.verify else ""
    return f"{_id(fact)}{': ' if said else ''}{said} ({_clip(fact.source)}{again})"


def _verdict(explanation: Explanation, page: _Page) -> None:
    diagnosis = explanation.diagnosis
    wording = load()
    state = wording(f"state.{diagnosis.verdict.state}")
    page.add(_said("verdict", state=state, name=_clip(diagnosis.case.casefile.name)))
    for key in PARTS:
        part = getattr(diagnosis.verdict, key)
        page.gap()
        label = wording(f"part.{key}.label")
        if part.finding is None:
            page.add(_said("part", label=label, name=_why_unknown(key, diagnosis), confidence=None))
            continue
        name = who(part) if key in ("holder", "culprit") else part.name
        page.add(_said("part", label=label, name=_clip(name or ""), confidence=part.confidence.word))
        page.add(part.finding.text, indent=2, hang=0)
        lowered = explanation.lowered.get(part.finding.fact.id)
        if lowered is not None:
            page.add(_said("lowered", lowered=lowered), indent=2, hang=0)
        for limit in part.finding.limits:
            page.add(limit, indent=2, hang=0)
        _tree(explanation.reasons[part.finding.fact.id], page, 2)
    if explanation.normal:
        page.gap()
        page.add(_said("normal"))
        for finding in explanation.normal:
            page.add(finding.text, indent=2, hang=0)
            _tree(explanation.reasons[finding.fact.id], page, 2, bounds=True)
    if explanation.rules:
        page.gap()
        page.add(_said("near"))
        for trace in explanation.rules:
            page.add(_said("near_rule", rule=trace.outcome.rule, why=trace.outcome.why), indent=2, mark="- ")
    page.gap()
    page.add(_said("hint"))


def _why_unknown(key: str, diagnosis: Diagnosis) -> str:
    """Why a part of the verdict names nothing."""
    if diagnosis.verdict.state == "healthy":
        return load()(f"part.{key}.unknown.healthy")
    drawn = [finding for finding in diagnosis.findings if finding.part == key]
    if drawn:
        return _said("unsure", count=len(drawn), findings=_names(drawn))
    return _said("not_named")


def _book(explanation: Explanation, page: _Page) -> None:
    """Every rule under its file, one entry each."""
    file = None
    for trace in explanation.rules:
        if trace.rule.place.file != file:
            file = trace.rule.place.file
            page.gap()
            page.add(_said("file", name=Path(file).stem, origin=trace.rule.origin))
        outcome = trace.outcome
        said = _said("book_rule", outcome=_outcome(outcome), rule=outcome.rule, why=outcome.why)
        page.add(said, indent=2, mark="- ")
    page.gap()
    counts = [
        (sum(one.outcome.outcome == key for one in explanation.rules), _said(f"outcome.{key}")) for key in OUTCOMES
    ]
    page.add(_said("book", count=len(explanation.rules), counts=counts))


def _outcomes(outcomes: Iterable[RuleOutcome]) -> str:
    return _listed([_said("of_rule", name=outcome.rule, outcome=_outcome(outcome)) for outcome in outcomes])


def _names(findings: Iterable[Finding]) -> str:
    return _listed([_said("of_finding", name=finding.name, rule=finding.rule) for finding in findings])


def _listed(named: list[str]) -> str:
    return _said("listed", names=named[:MAX_NAMED], more=max(0, len(named) - MAX_NAMED))


def _outcome(outcome: RuleOutcome) -> str:
    return _said(f"outcome.{outcome.outcome}")


def _said(key: str, **context: object) -> str:
    """A sentence of this command out of the catalogue."""
    return load()(f"explain.{key}", **context)


def _id(fact: Fact) -> str:
    return _clip(fact.id)


def _clip(text: str) -> str:
    return figures.clip(text, MAX_VALUE)
