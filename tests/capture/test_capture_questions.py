"""What is still wanted: what decides open rules, filled in from the case, fit for its Windows, and not asked twice."""

from dataclasses import replace

import pytest

from dumptriage.capture.commands import cost, fitting, place, works_live
from dumptriage.capture.questions import Wanted, needed, wanted
from dumptriage.capture.safe import is_safe
from dumptriage.diagnosis import (
    Confidence,
    Diagnosis,
    Finding,
    Part,
    RulebookInfo,
    RuleOutcome,
    State,
    Verdict,
    VerdictPart,
)
from dumptriage.facts import Case, Casefile, Fact, new

UNKNOWN = VerdictPart()
THREADS = VerdictPart("thread handle leak", Confidence.HIGH, tags=("Thre",))


def tag(name: str = "Thre", size: int = 9_000_000, verify: str | None = None) -> Fact:
    return new("tag", source="a.log:1", tag=name, pool="nonpaged", bytes=size, object_type="Thread", verify=verify)


def finding(name: str, commands: tuple[str, ...]) -> Finding:
    part: Part = "next" if name.startswith("next.") else "step"
    fact = new("finding", source="rule", name=name, part=part)
    return Finding(
        rule=name,
        version=1,
        status="test",
        title=f"Title of {name}",
        name=name,
        part=part,
        severity="info",
        confidence=Confidence.HIGH,
        text="Text.",
        label=None,
        evidence={},
        about={},
        tags=(),
        fact=fact,
        next=commands,
    )


def diagnosis(
    *facts: Fact,
    lacks: dict[str, tuple[str, ...]] | None = None,
    asks: dict[str, tuple[str, ...]] | None = None,
    state: State = "leak",
    kind: VerdictPart = UNKNOWN,
    culprit: VerdictPart = UNKNOWN,
) -> Diagnosis:
    """A case whose open rules lack commands, and whose findings (by name) ask for some."""
    outcomes = tuple(
        RuleOutcome(rule, 1, "test", f"Title of {rule}", "not_evaluated", "Missing.", commands)
        for rule, commands in (lacks or {}).items()
    )
    findings = tuple(finding(name, commands) for name, commands in (asks or {}).items())
    case = Case(Casefile("case.log", "ab" * 32, 1, "log"), facts)
    verdict = Verdict(state, UNKNOWN, kind, UNKNOWN, culprit)
    return Diagnosis(case, verdict, findings, outcomes, RulebookInfo(1, "c0ffee"))


def asked(one: Diagnosis) -> list[str]:
    return [each.command for each in needed(one)]


def test_what_decides_most_comes_first_and_of_equals_the_cheapest() -> None:
    lacks = {
        "a": ("!stacks 2", "lm kv"),
        "b": ("!vm 1",),
        "c": ("!vm 1",),
    }
    found = needed(diagnosis(lacks=lacks))
    assert [(one.command, one.decides, one.cost) for one in found] == [
        ("!vm 1", ("Title of b", "Title of c"), "seconds"),
        ("lm kv", ("Title of a",), "seconds"),
        ("!stacks 2", ("Title of a",), "minutes"),
    ]


@pytest.mark.parametrize(
    ("lacks", "facts", "expected"),
    [
        ("!poolfind <tag> 0", [tag()], ["!poolfind Thre 0"]),
        ("!handle 0 3 0 <type>", [tag()], ["!handle 0 3 0 Thread"]),
        ("dt nt!_OBJECT_TYPE poi(nt!<variable of type>)", [tag()], ["dt nt!_OBJECT_TYPE poi(nt!PsThreadType)"]),
        ("dt nt!_OBJECT_TYPE poi(nt!<variable of Key>)", [], ["dt nt!_OBJECT_TYPE poi(nt!CmKeyObjectType)"]),
        # Nobody knows yet of which tag or type, so there is nothing to ask.
        ("!poolfind <tag> 0", [], []),
        ("!handle 0 3 0 <type>", [], []),
        # A search that takes long is not made for a tag or type nobody suspects.
        ("!poolfind Proc", [tag()], []),
        ("!handle 0 3 0 File", [tag()], []),
    ],
)
def test_commands_are_filled_in_with_what_the_case_turns_on(lacks: str, facts: list[Fact], expected: list[str]) -> None:
    assert asked(diagnosis(*facts, lacks={"a": (lacks,)}, kind=THREADS if facts else UNKNOWN)) == expected


HOLDER = VerdictPart("app.exe", Confidence.HIGH, pid=2280)


@pytest.mark.parametrize(
    ("holder", "pid", "expected"),
    [
        (replace(HOLDER, address="886f5020"), None, "!handle 0 0 886f5020"),
        (replace(HOLDER, address="886f5020"), 2280, "!handle 0 0 886f5020"),
        (HOLDER, None, "!handle 0 0 0n2280"),
        (UNKNOWN, 700, "!handle 0 0 0n700"),
        # The address of the holder is not that of another process.
        (replace(HOLDER, address="886f5020"), 700, "!handle 0 0 0n700"),
        (UNKNOWN, None, "!handle 0 0 <process>"),
    ],
)
def test_a_process_is_filled_in_with_the_one_the_finding_speaks_of(
    holder: VerdictPart, pid: int | None, expected: str
) -> None:
    one = diagnosis(asks={"step.a": ("!handle 0 0 <process>",)})
    (asking,) = one.findings
    about = {} if pid is None else {"pid": pid}
    one = replace(one, findings=(replace(asking, about=about),), verdict=replace(one.verdict, holder=holder))
    assert [each.command for each in wanted(one)] == [expected]


def test_a_hostile_tag_is_not_run() -> None:
    one = diagnosis(tag('a";q'), asks={"step.a": ("!poolfind <tag>",)}, kind=VerdictPart("x", tags=('a";q',)))
    (found,) = wanted(one)
    assert (found.command, found.runs) == ('!poolfind a";q', False)


@pytest.mark.parametrize(
    ("command", "facts", "answered"),
    [
        ("!poolused 2", [tag(verify="!poolused 2 Thre")], True),
        ("!poolused 2", [tag(verify="!poolused 3 Thre")], True),
        ("!poolused 4", [tag(verify="!poolused 2 Thre")], False),
        ("!vm 1", [new("memory", source="a.log:1", verify="!vm")], True),
        ("lmvm example", [new("module", source="a", name="example", verify="lmvm example", version="1.0")], True),
        ("lmvm example", [new("tag_module", source="a", module="example", verify="lmvm example")], False),
        ("!process 0 0", [new("process", source="a", pid=4, verify="!process 8 0")], True),
        ("!process 0 0", [new("process", source="a", pid=99, verify="!process 8 0")], False),
    ],
)
def test_what_was_shown_is_not_asked_again(command: str, facts: list[Fact], answered: bool) -> None:
    one = diagnosis(*facts, lacks={"a": (command,)})
    assert [each.answered for each in wanted(one)] == [answered]
    assert asked(one) == ([] if answered else [command])


def test_a_list_that_was_cut_is_asked_for_again() -> None:
    cut = new("data_quality", source="a.log:9", problem="cut-list", subject="tags", severity="info", text="Cut.")
    assert asked(diagnosis(tag(verify="!poolused 2 Thre"), cut, lacks={"a": ("!poolused 2",)})) == ["!poolused 2"]


@pytest.mark.parametrize(
    ("state", "culprit", "expected"),
    [
        ("leak", Confidence.UNKNOWN, ["!object 1", "lmvm a", "!vm 1"]),
        ("leak", Confidence.MEDIUM, ["!object 1", "lmvm a"]),
        ("leak", Confidence.HIGH, ["lmvm a"]),
        ("healthy", Confidence.UNKNOWN, ["lmvm a"]),
    ],
)
def test_the_surer_the_verdict_the_less_is_asked(state: State, culprit: Confidence, expected: list[str]) -> None:
    part = VerdictPart("a.sys", culprit) if culprit else UNKNOWN
    one = diagnosis(
        lacks={"a": ("!vm 1",)},
        asks={"step.a": ("!object 1",), "next.a": ("lmvm a",)},
        state=state,
        culprit=part,
    )
    assert sorted(asked(one)) == sorted(expected)


def test_of_two_commands_that_show_the_same_one_is_asked_for_both_reasons() -> None:
    one = diagnosis(tag(), lacks={"a": ("!poolfind Thre", "!vm"), "b": ("!poolfind Thre 0", "!vm 1")}, kind=THREADS)
    assert [(each.command, each.decides) for each in needed(one)] == [
        ("!vm", ("Title of a", "Title of b")),
        ("!poolfind Thre", ("Title of a", "Title of b")),
    ]


@pytest.mark.parametrize(
    ("command", "build", "expected"),
    [
        ("!htrace 0 886f5020", 2195, None),
        ("!htrace 0 886f5020", 3790, "!htrace 0 886f5020"),
        ("gflags /ko, then !obtrace <object>", 3790, None),
        ("gflags /ko, then !obtrace <object>", 6000, "gflags /ko, then !obtrace <object>"),
        ("wpr -start Pool, reproduce, wpr -stop pool.etl", 7601, "wpr -start Pool, reproduce, wpr -stop pool.etl"),
        ("trace handles with wpr -start Handle, reproduce, stop", 6002, None),
        ("wpr -start Pool", None, "wpr -start Pool"),
    ],
)
def test_commands_fit_the_build(command: str, build: int | None, expected: str | None) -> None:
    assert fitting(command, build) == expected


@pytest.mark.parametrize("build", [2195, 3790, 6002])
def test_before_windows_7_driver_verifier_stands_in_for_the_performance_recorder(build: int) -> None:
    instead = fitting("allocation stacks: wpr -start Pool, or xperf with PoolAlloc stacks", build)
    assert instead is not None
    assert instead.startswith("verifier /flags 8")


def test_advice_that_does_not_fit_the_machine_is_neither_shown_nor_run() -> None:
    system = new("system", source="a.log:1", build=2195)
    one = diagnosis(system, asks={"next.a": ("!htrace 0 886f5020",)})
    assert wanted(one) == []
    newer = diagnosis(replace(system, fields={"build": 3790}), asks={"next.a": ("!htrace 0 886f5020",)})
    assert [each.command for each in wanted(newer)] == ["!htrace 0 886f5020"]


@pytest.mark.parametrize(
    ("command", "where", "how_long", "live"),
    [
        ("!vm 1", "debugger", "seconds", True),
        ("!analyze -v", "debugger", "seconds", False),
        ("kv", "debugger", "seconds", False),
        ("!poolfind Thre", "debugger", "long", True),
        ("!handle 0 3 0 Thread", "debugger", "long", True),
        ("!handle 0 3 886f5020 Thread", "debugger", "minutes", True),
        ("poolmon -n pool.log", "machine", "seconds", True),
        ("Task Manager, column Handles", "hand", "seconds", True),
    ],
)
def test_what_is_known_of_a_command(command: str, where: str, how_long: str, live: bool) -> None:
    assert (place(command), cost(command), works_live(command)) == (where, how_long, live)


@pytest.mark.parametrize(
    "command",
    ["dt nt!_OBJECT_TYPE poi(nt!PsThreadType);q", "dt nt!_OBJECT_TYPE poi(.reboot)", "r eax=1", ".logopen x"],
)
def test_only_what_reads_is_run(command: str) -> None:
    assert not is_safe(command)
    assert not Wanted(command).runs
