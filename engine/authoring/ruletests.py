"""Runs the tests of rules: facts through one rule alone, casefiles through all rules."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from ..diagnosis import Confidence, Diagnosis, Finding
from ..errors import CasefileError
from ..facts import Case, Casefile, Fact
from ..inference import Inference, Rulebook, infer
from ..inference.compile import compile_rules
from ..inference.rule import Rule
from ..inference.rulebook import alternatives
from ..mistakes import Place
from .casefiles import Shelf
from .testfile import HEALTHY, CasefileTest, InlineTest, RuleTests, folded

_CASEFILE = Casefile("test", "0" * 64, 0, "facts")


@dataclass(frozen=True, slots=True)
class Failure:
    """A test that failed: where it stands, which one it is, what was expected and what came instead."""

    rule: str
    place: Place
    test: str
    expected: str
    came: str
    more: tuple[str, ...] = ()


@dataclass(slots=True)
class Results:
    """What became of the tests.

    `proven` are the rules that fire on a casefile as their tests say, `unproven` those of which such a test could not
    be run.
    """

    passed: int = 0
    failures: list[Failure] = field(default_factory=list)
    not_run: int = 0
    proven: set[str] = field(default_factory=set)
    unproven: set[str] = field(default_factory=set)

    @property
    def run(self) -> int:
        """How many tests were run."""
        return self.passed + len(self.failures)


def run_tests(rulebook: Rulebook, tests: Sequence[RuleTests], shelf: Shelf) -> Results:
    """Run the tests of rules that are in the rulebook, but for those on casefiles that cannot be reached."""
    rules = {rule.id: rule for rule in rulebook.rules}
    results = Results()
    for one in tests:
        if one.inline:
            alone = rule_alone(rulebook, rules[one.rule])
            for test in one.inline:
                _note(results, one.rule, run_inline(alone, test))
        for named in one.casefiles:
            if not shelf.reaches(named.casefile):
                results.not_run += 1
                results.unproven |= {one.rule} if named.fires else set()
                continue
            failure = _run_on_casefiles(shelf, one, named)
            _note(results, one.rule, failure)
            results.proven |= {one.rule} if named.fires and failure is None else set()
    return results


def _note(results: Results, rule: str, failure: Failure | None) -> None:
    if failure is None:
        results.passed += 1
    else:
        results.failures.append(replace(failure, rule=rule))


def rule_alone(rulebook: Rulebook, rule: Rule) -> Rulebook:
    """A rulebook of one rule."""
    return replace(rulebook, rules=(rule,), strata=((0,),), shards=(compile_rules(alternatives((rule,), (0,))),))


def run_inline(alone: Rulebook, test: InlineTest) -> Failure | None:
    """What a rule makes of the facts of a test, or rather what is wrong with that."""
    inferred = infer_alone(alone, [given.fact for given in test.facts])
    expected = test.expected
    wrong = _wrong(inferred, test)
    if wrong is None:
        return None
    wanted = "silence" if not expected.fires else expected.says or "a finding"
    if expected.confidence is not None:
        wanted = f"{wanted} [{expected.confidence.word}]"
    name = ", but ".join(part for part in (test.name, test.change) if part)
    if test.change and not test.name:
        name = f"but {name}"
    return Failure("", expected.place, name, wanted, *wrong)


def infer_alone(alone: Rulebook, facts: Sequence[Fact]) -> Inference:
    """What a rulebook of one rule makes of facts; findings among them are built upon."""
    case = Case(_CASEFILE, facts)
    return infer(case, alone, [_finding(fact) for fact in case.of("finding")])


def _finding(fact: Fact) -> Finding:
    """A finding of a test as if a rule had drawn it."""
    name = fact.text("name") or ""
    return Finding(
        rule="",
        version=0,
        status="test",
        title=name,
        name=name,
        part=fact.text("part"),  # type: ignore[arg-type]  # checked when the test was read
        severity=fact.text("severity"),  # type: ignore[arg-type]
        confidence=Confidence(fact.int("confidence") or 0),
        text=name,
        label=None,
        evidence={},
        about={},
        tags=(),
        fact=fact,
    )


def _wrong(inferred: Inference, test: InlineTest) -> tuple[str, tuple[str, ...]] | None:
    """What came, and more on it, where it is not what the test expects."""
    expected, findings = test.expected, inferred.findings
    if inferred.problems:
        return inferred.problems[0], ()
    if not findings:
        return (f"silence: {inferred.outcomes[0].why}", ()) if expected.fires else None
    if not expected.fires:
        return _said(findings[0]), ()
    fitting = [one for one in findings if expected.says in (None, folded(one.text))]
    if not fitting:
        nearest = max(findings, key=lambda one: difflib.SequenceMatcher(None, one.text, expected.says or "").ratio())
        return _said(nearest), (f"differs: {_difference(expected.says or '', folded(nearest.text))}",)
    if expected.confidence not in (None, *(one.confidence for one in fitting)):
        return _said(fitting[0]), fitting[0].limits
    return None


def _said(finding: Finding) -> str:
    return f"{folded(finding.text)} [{finding.confidence.word}]"


def _difference(expected: str, came: str) -> str:
    """The words that differ, with one word around them: `97,955 -> 97,954 thread`."""
    one, two = expected.split(), came.split()
    said = []
    for change, start, end, start_two, end_two in difflib.SequenceMatcher(None, one, two, autojunk=False).get_opcodes():
        if change != "equal":
            around = one[start - 1] if start else ""
            said.append(f"{around} [{' '.join(one[start:end])} -> {' '.join(two[start_two:end_two])}]".strip())
    return "; ".join(said)


def _run_on_casefiles(shelf: Shelf, tests: RuleTests, test: CasefileTest) -> Failure | None:
    """The first casefile on which a rule does not do what its test says, or None."""
    names = shelf.healthy if test.casefile == HEALTHY else [test.casefile]
    wanted = "a finding" if test.fires else "silence"
    for name in names:
        try:
            diagnoses = shelf.diagnoses(name, tests.place.file)
        except CasefileError as error:
            return Failure("", test.place, f"on {name}", wanted, str(error))
        findings = findings_of(tests.rule, diagnoses)
        if test.fires and not findings:
            return Failure("", test.place, f"on {name}", wanted, f"silence: {_why_silent(tests.rule, diagnoses)}")
        if findings and not test.fires:
            return Failure("", test.place, f"on {name}", wanted, _said(findings[0]))
    return None


def findings_of(rule: str, diagnoses: Sequence[Diagnosis]) -> list[Finding]:
    """The findings of a rule in the diagnoses of a casefile."""
    return [finding for diagnosis in diagnoses for finding in diagnosis.findings if finding.rule == rule]


def _why_silent(rule: str, diagnoses: Sequence[Diagnosis]) -> str:
    whys = [outcome.why for diagnosis in diagnoses for outcome in diagnosis.outcomes if outcome.rule == rule]
    return " ".join(dict.fromkeys(whys)) or "the rule is not applied."
