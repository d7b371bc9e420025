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

OUTCOMES = {
    "fired": "Fired",
    "near_miss": "Nearly fired",
    "passed": "Did not fire",
    "not_evaluated": "Not evaluated",
}
MAX_BINDINGS = 5
"""Findings of one rule that are shown in full."""
MAX_NAMED = 8
"""Rules or findings one sentence names."""
MAX_VALUE = 120
"""Longest value or name shown; --format json has it whole."""
_STATES = {"holds": "holds", "fails": "FAILS", "unknown": "unknown"}


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
    own = f", from {outcome.origin}" if outcome.origin else ""
    page.add(f"{outcome.rule} (version {outcome.version}, {outcome.status}{own}): {outcome.title}")
    findings = [binding.finding for binding in trace.bindings if binding.finding is not None]
    if findings:
        page.add(f"Fired: {len(findings)} finding{'' if len(findings) == 1 else 's'} {trace.rule.then.finding}.")
    else:
        page.add(f"{OUTCOMES[outcome.outcome]}: {outcome.why}")
        if outcome.capture:
            page.add(f"To have what is missing: {', '.join(outcome.capture)}")
    for binding in trace.bindings[:MAX_BINDINGS]:
        page.gap()
        if binding.finding is not None:
            _finding(binding.finding, trace, explanation, page)
        _conditions(binding, trace, page)
        if binding.finding is not None:
            _rests_on(binding.finding, explanation, page)
    if len(trace.bindings) > MAX_BINDINGS:
        page.gap()
        page.add(f"{len(trace.bindings) - MAX_BINDINGS} more findings; --format json has them all.")
    if trace.used_by or trace.blocks:
        page.gap()
    if trace.used_by:
        page.add(f"Rules that build on {trace.rule.then.finding}: {_outcomes(trace.used_by)}.")
    if trace.blocks:
        page.add(f"Rules to which it is an exception: {_outcomes(trace.blocks)}.")


def _finding(finding: Finding, trace: RuleTrace, explanation: Explanation, page: _Page) -> None:
    page.add(finding.text, hang=0)
    own = trace.rule.then.confidence
    lowered = f"; the rule by itself gives {own.word}" if finding.confidence != own else ""
    page.add(f"Severity {finding.severity}, confidence {finding.confidence.word}{lowered}.")
    for limit in finding.limits:
        page.add(limit, indent=2)
    if finding.fact.id in explanation.lowered:
        page.add(f"In the verdict {explanation.lowered[finding.fact.id]}.", indent=2)


def _conditions(binding: Binding, trace: RuleTrace, page: _Page) -> None:
    page.gap()
    if binding.fits:
        page.add("Conditions, all of which hold")
    else:
        several = f" (of {trace.alternatives} alternatives, the nearest)" if trace.alternatives > 1 else ""
        page.add(f"Conditions, on the facts that come nearest{several}")
    for pattern in binding.patterns:
        _pattern(pattern, page, chosen=not binding.fits)
    if not binding.exceptions:
        return
    blocked = any(pattern.fact is not None for pattern in binding.exceptions)
    page.add("Exceptions, one of which holds" if blocked else "Exceptions, none of which holds")
    for pattern in binding.exceptions:
        if pattern.fact is not None:
            _pattern(pattern, page, chosen=False)
        elif not blocked:
            asked = " and ".join(condition.text for condition in pattern.conditions)
            page.add(f"{pattern.kind}: {asked or 'any'}", indent=2)


def _pattern(pattern: PatternTrace, page: _Page, *, chosen: bool) -> None:
    """A pattern with its fact; `chosen` where that is the nearest of several."""
    name = f"{pattern.kind} {pattern.alias}".rstrip()
    fact = pattern.fact
    if fact is None:
        page.add(f"{name}: {_absent(pattern)}", indent=2)
    else:
        among = f", the nearest of {pattern.of:,}" if chosen and pattern.of > 1 else ""
        page.add(f"{name} = {_id(fact)}{among}", indent=2)
    for condition in pattern.conditions:
        page.add(_sentence(condition), indent=4, mark=f"{_STATES[condition.state]:<9}")
    if fact is not None and fact.kind != "finding":
        page.add(_provenance(fact), indent=4)
    if pattern.capture:
        page.add(f"To have what is unknown: {', '.join(pattern.capture)}", indent=4)


def _absent(pattern: PatternTrace) -> str:
    if pattern.kind == "finding":
        return f"no such finding; rules that draw it: {_outcomes(pattern.makers)}"
    if pattern.missing is not None:
        return f"the case has none; missing: {pattern.missing}"
    return "the case has none, which is an answer"


def _sentence(condition: Condition) -> str:
    """share_of_pool is 28 %, needs at least 30 % (@tag.share.suspect, field practice): 6.7 % short."""
    value = "unknown" if condition.value is None else _clip(figure(condition.value, condition.unit))
    miss = ""
    if condition.state == "fails" and condition.miss is not None:
        over = condition.needs.startswith(("at most", "less than"))
        miss = f": {figures.percent(100 * condition.miss)} {'over' if over else 'short'}"
    return f"{condition.field} is {value}, needs {_needed(condition)}{miss}"


def _needed(condition: Condition) -> str:
    """What is asked for, and where that comes from."""
    source = ""
    if condition.threshold is not None:
        source = f" (@{condition.threshold.name}, {condition.threshold.source})"
    elif condition.against is not None:
        source = f" ({condition.against})"
    return f"{_clip(condition.needs)}{source}"


def _provenance(fact: Fact) -> str:
    parts = [f"From {_clip(fact.source)}"]
    parts += _marks(fact)
    if fact.verify:
        parts.append(f"see it again: {_clip(fact.verify)}")
    return "; ".join(parts)


def _marks(fact: Fact) -> list[str]:
    """What keeps a fact from being a whole and exact count."""
    wording = load()
    marks = [] if fact.quality == "exact" else [wording(f"quality.{fact.quality}")]
    sampled = fact.int("sampled")
    return marks if sampled is None else [*marks, f"of {sampled:,} sampled"]


def _rests_on(finding: Finding, explanation: Explanation, page: _Page) -> None:
    reason = explanation.reasons[finding.fact.id]
    if reason.builds_on:
        page.add("Builds on")
        for below in reason.builds_on:
            _tree(below, page, 2)
    users = explanation.built_on_by.get(finding.fact.id, ())
    if users:
        page.add("Findings that build on it")
        for user in users[:MAX_NAMED]:
            page.add(f"{user.name} [{user.confidence.word}], rule {user.rule}", indent=2, mark="- ")
        if len(users) > MAX_NAMED:
            page.add(f"and {len(users) - MAX_NAMED} more", indent=2)


def _tree(reason: Reason, page: _Page, indent: int, *, bounds: bool = False) -> None:
    """A finding with what is below it; `bounds` shows what its figures are held against."""
    finding = reason.finding
    about = figures.clip(finding.fact.id.partition(":")[2].removeprefix(finding.name).strip(":"), MAX_VALUE)
    name = f"{finding.name} {about}".rstrip()
    above = ", as above" if reason.again else ""
    page.add(f"{name} [{finding.confidence.word}], rule {finding.rule}{above}", indent=indent, mark="- ")
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
            values[one.field] = f"{value}, needs {_needed(one)}" if bounds and one.unit else value
    if not any(one.unit and one.field in values for one in pattern.conditions):
        values |= {name: _clip(figure(value, unit)) for name, (value, unit) in figures_of(fact).items()}
    values.pop("sampled", None)
    said = ("; " if bounds else ", ").join([*(f"{name} {value}" for name, value in values.items()), *_marks(fact)])
    again = f"; {_clip(fact.verify)}" if fact.verify else ""
    return f"{_id(fact)}{': ' if said else ''}{said} ({_clip(fact.source)}{again})"


def _verdict(explanation: Explanation, page: _Page) -> None:
    diagnosis = explanation.diagnosis
    wording = load()
    page.add(f"{wording(f'state.{diagnosis.verdict.state}')}: {_clip(diagnosis.case.casefile.name)}")
    for key in PARTS:
        part = getattr(diagnosis.verdict, key)
        page.gap()
        label = wording(f"part.{key}.label")
        if part.finding is None:
            page.add(f"{label}: {_why_unknown(key, diagnosis)}")
            continue
        name = who(part) if key in ("holder", "culprit") else part.name
        page.add(f"{label}: {_clip(name or '')} [{part.confidence.word}]")
        page.add(part.finding.text, indent=2, hang=0)
        lowered = explanation.lowered.get(part.finding.fact.id)
        if lowered is not None:
            page.add(f"{lowered[0].upper()}{lowered[1:]}.", indent=2, hang=0)
        for limit in part.finding.limits:
            page.add(limit, indent=2, hang=0)
        _tree(explanation.reasons[part.finding.fact.id], page, 2)
    if explanation.normal:
        page.gap()
        page.add("In order")
        for finding in explanation.normal:
            page.add(finding.text, indent=2, hang=0)
            _tree(explanation.reasons[finding.fact.id], page, 2, bounds=True)
    if explanation.rules:
        page.gap()
        page.add("Nearly fired")
        for trace in explanation.rules:
            page.add(f"{trace.outcome.rule}: {trace.outcome.why}", indent=2, mark="- ")
    page.gap()
    page.add("Every condition of a rule: triage explain CASEFILE RULE. Every rule: --all.")


def _why_unknown(key: str, diagnosis: Diagnosis) -> str:
    """Why a part of the verdict names nothing."""
    if diagnosis.verdict.state == "healthy":
        return load()(f"part.{key}.unknown.healthy")
    drawn = [finding for finding in diagnosis.findings if finding.part == key]
    if drawn:
        return f"unknown. {len(drawn)} findings speak of it, none sure enough or about what leaks: {_names(drawn)}."
    return "unknown. No rule that names one fired."


def _book(explanation: Explanation, page: _Page) -> None:
    """Every rule under its file, one entry each."""
    file = None
    for trace in explanation.rules:
        if trace.rule.place.file != file:
            file = trace.rule.place.file
            page.gap()
            page.add(f"{Path(file).stem}{f' ({trace.rule.origin})' if trace.rule.origin else ''}")
        outcome = trace.outcome
        page.add(f"{OUTCOMES[outcome.outcome].lower()}: {outcome.rule}. {outcome.why}", indent=2, mark="- ")
    page.gap()
    counts = [(word, sum(one.outcome.outcome == key for one in explanation.rules)) for key, word in OUTCOMES.items()]
    page.add(f"{len(explanation.rules)} rules: {', '.join(f'{number} {word.lower()}' for word, number in counts)}.")


def _outcomes(outcomes: Iterable[RuleOutcome]) -> str:
    named = [f"{outcome.rule} ({OUTCOMES[outcome.outcome].lower()})" for outcome in outcomes]
    return _listed(named)


def _names(findings: Iterable[Finding]) -> str:
    return _listed([f"{finding.name} ({finding.rule})" for finding in findings])


def _listed(named: list[str]) -> str:
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    return ", ".join(named[:MAX_NAMED]) + more


def _id(fact: Fact) -> str:
    return _clip(fact.id)


def _clip(text: str) -> str:
    return figures.clip(text, MAX_VALUE)
