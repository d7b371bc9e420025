"""`triage explain`: the text for the casefile thread-handle-leak under a few rules of our own, and its JSON."""

import json
from pathlib import Path
from typing import Any

import pytest

from dumptriage import report
from dumptriage.cli import app
from dumptriage.diagnosis import Diagnosis
from dumptriage.errors import UsageError
from dumptriage.explain import Explanation, explain
from dumptriage.inference import Rulebook
from dumptriage.inference.rulebook import build
from dumptriage.knowledge import load_knowledge
from dumptriage.report.explain import lines
from dumptriage.rulefolder import SourceFile
from dumptriage.sources import factsjson, read
from dumptriage.triage import diagnose

CASEFILE = Path(__file__).parent.parent / "casefiles/thread-handle-leak/casefile.log"

THRESHOLDS = """\
thresholds:
  - {name: handles.leak, value: 100000, unit: count, source: field practice, doc: handles that only a leak explains}
"""

# Rules of the test's own, so that its text does not change with those that are shipped.
PACK = """\
pack: Test
rules:
  - id: pool.exhausted
    title: Nonpaged pool is nearly used up
    status: stable
    version: 2
    when:
      - pool p: {type: nonpaged, percent_of_max: ">= 80 %"}
    then:
      finding: resource.pool-exhausted
      severity: critical
      confidence: certain
      label: nonpaged pool
      say: "Nonpaged pool is at {{ p.percent_of_max | pct }} of its maximum."
  - id: pool.full
    title: Nonpaged pool is used up
    status: test
    version: 1
    when:
      - pool p: {type: nonpaged, percent_of_max: ">= 95 %"}
    then:
      finding: resource.pool-full
      severity: critical
      confidence: certain
      label: nonpaged pool
      say: Nonpaged pool is full.
  - id: handles.leak
    title: One process holds very many handles
    status: stable
    version: 1
    when:
      - finding r: {name: resource.pool-exhausted}
      - tag t: {rank_bytes: 1, pool: nonpaged}
      - handles h: {type: == t.object_type, count: ">= @handles.leak"}
    unless:
      - growth: {subject: == h.image, monotonic: false}
    then:
      finding: kind.handle-leak
      severity: critical
      confidence: high
      label: "{{ h.type | noun }} handle leak"
      about: {tag: t.tag, pid: h.pid}
      tags: [t.tag]
      say: "{{ h.image }} holds {{ h.count | n }} {{ h.type }} handles."
  - id: handles.many
    title: One process holds many handles
    status: experimental
    version: 1
    when:
      - handles h: {type: Thread, count: ">= 10,000"}
    unless:
      - finding k: {name: kind.handle-leak, pid: == h.pid}
    then:
      finding: kind.many-handles
      severity: warning
      confidence: medium
      label: many handles
      say: Many handles.
  - id: ptes.exhausted
    title: Page table entries are used up
    status: test
    version: 1
    when:
      - memory m: {free_system_ptes: "< 8,000"}
    then:
      finding: resource.ptes
      severity: critical
      confidence: high
      label: system PTE space
      say: Page table entries are used up.
"""

FIRED = """\
handles.leak (version 1, stable): One process holds very many handles
Fired: 1 finding kind.handle-leak.

xxxxxx.EXE holds 323,155 Thread handles.
Severity critical, confidence high.

Conditions, all of which hold
  finding r = finding:resource.pool-exhausted
    holds    name is resource.pool-exhausted, needs resource.pool-exhausted
  tag t = tag:Thre:nonpaged
    holds    rank_bytes is 1, needs 1
    holds    pool is nonpaged, needs nonpaged
    From casefile.log:31; see it again: !poolused 2 Thre
  handles h = handles:2280:886f5020:Thread
    holds    type is Thread, needs Thread (t.object_type)
    holds    count is 323,155, needs at least 100,000 (@handles.leak, field
             practice)
    From casefile.log:106; see it again: !handle 0 3 886f5020 Thread
Exceptions, none of which holds
  growth: subject == h.image and monotonic == false
Builds on
  - resource.pool-exhausted [certain], rule pool.exhausted
    - pool:nonpaged: percent_of_max 85.926 % (casefile.log:12; !vm)

Rules to which it is an exception: handles.many (did not fire).
"""

NEAR = """\
pool.full (version 1, test): Nonpaged pool is used up
Nearly fired: pool.percent_of_max is 85.926 % (pool:nonpaged), needs at least
  95 %.

Conditions, on the facts that come nearest
  pool p = pool:nonpaged, the nearest of 2
    holds    type is nonpaged, needs nonpaged
    FAILS    percent_of_max is 85.926 %, needs at least 95 %: 9.6 % short
    From casefile.log:12; see it again: !vm
"""

BLOCKED = """\
handles.many (version 1, experimental): One process holds many handles
Did not fire: Its conditions hold, but so does its exception:
  finding:kind.handle-leak:Thre:2280.

Conditions, all of which hold
  handles h = handles:2280:886f5020:Thread
    holds    type is Thread, needs Thread
    holds    count is 323,155, needs at least 10,000
    From casefile.log:106; see it again: !handle 0 3 886f5020 Thread
Exceptions, one of which holds
  finding k = finding:kind.handle-leak:Thre:2280
    holds    name is kind.handle-leak, needs kind.handle-leak
    holds    pid is 2280, needs 2280 (h.pid)
"""

MISSING = """\
ptes.exhausted (version 1, test): Page table entries are used up
Not evaluated: Missing: memory.free_system_ptes.
To have what is missing: !vm 1

Conditions, on the facts that come nearest
  memory m = memory
    unknown  free_system_ptes is unknown, needs less than 8,000
    From casefile.log:5; see it again: !vm
    To have what is unknown: !vm 1
"""

VERDICT = """\
Leak: casefile.log

Resource: nonpaged pool [certain]
  Nonpaged pool is at 85.9 % of its maximum.
  - resource.pool-exhausted [certain], rule pool.exhausted
    - pool:nonpaged: percent_of_max 85.926 % (casefile.log:12; !vm)

Kind: thread handle leak [high]
  xxxxxx.EXE holds 323,155 Thread handles.
  - kind.handle-leak Thre:2280 [high], rule handles.leak
    - tag:Thre:nonpaged: rank_bytes 1 (casefile.log:31; !poolused 2 Thre)
    - handles:2280:886f5020:Thread: count 323,155 (casefile.log:106; !handle 0 3
      886f5020 Thread)
    - resource.pool-exhausted [certain], rule pool.exhausted, as above

Holder: unknown. No rule that names one fired.

Culprit: unknown. No rule that names one fired.

Nearly fired
  - pool.full: pool.percent_of_max is 85.926 % (pool:nonpaged), needs at least
    95 %.

Every condition of a rule: triage explain CASEFILE RULE. Every rule: --all.
"""

BOOK = """\
test
  - fired: pool.exhausted. Found nonpaged pool on pool:nonpaged.
  - nearly fired: pool.full. pool.percent_of_max is 85.926 % (pool:nonpaged),
    needs at least 95 %.
  - fired: handles.leak. Found thread handle leak on
    finding:resource.pool-exhausted, tag:Thre:nonpaged,
    handles:2280:886f5020:Thread.
  - did not fire: handles.many. Its conditions hold, but so does its exception:
    finding:kind.handle-leak:Thre:2280.
  - not evaluated: ptes.exhausted. Missing: memory.free_system_ptes.

5 rules: 2 fired, 1 nearly fired, 1 did not fire, 1 not evaluated.
"""


@pytest.fixture(scope="module")
def book() -> Rulebook:
    pack = SourceFile("test.yaml", "pack", PACK.encode())
    return build([SourceFile("thresholds.yaml", "thresholds", THRESHOLDS.encode()), pack])


@pytest.fixture(scope="module")
def diagnosis(book: Rulebook) -> Diagnosis:
    (case,) = read(CASEFILE)
    return diagnose(case, book, load_knowledge())


def text(explanation: Explanation, width: int = 80) -> str:
    return "".join(f"{line}\n" for line in lines(explanation, width))


def of_facts(document: dict[str, Any], book: Rulebook, subject: str) -> str:
    (case,) = factsjson.read(json.dumps(document).encode(), "facts.json")
    return text(explain(diagnose(case, book, load_knowledge()), book, subject, all_rules=False))


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("handles.leak", FIRED),
        ("kind.handle-leak", FIRED),
        ("pool.full", NEAR),
        ("handles.many", BLOCKED),
        ("ptes.exhausted", MISSING),
        (None, VERDICT),
    ],
)
def test_text(diagnosis: Diagnosis, book: Rulebook, subject: str | None, expected: str) -> None:
    assert text(explain(diagnosis, book, subject, all_rules=False)) == expected


def test_the_whole_book(diagnosis: Diagnosis, book: Rulebook) -> None:
    assert text(explain(diagnosis, book, all_rules=True)) == BOOK


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_line_is_wider_than_asked_for(diagnosis: Diagnosis, book: Rulebook, width: int) -> None:
    for explanation in (explain(diagnosis, book, all_rules=True), explain(diagnosis, book, all_rules=False)):
        assert max(map(len, lines(explanation, width))) <= width


def test_an_unknown_name_gets_the_nearest(diagnosis: Diagnosis, book: Rulebook) -> None:
    with pytest.raises(UsageError, match=r'no rule and no finding "kind\.handel-leak"; the nearest is "kind\.h'):
        explain(diagnosis, book, "kind.handel-leak", all_rules=False)


def test_the_json_has_every_condition(diagnosis: Diagnosis, book: Rulebook) -> None:
    document = json.loads(report.explanation(explain(diagnosis, book, "pool.full", all_rules=False), as_json=True))
    assert document["schema"] == "dumptriage/explain/1"
    (rule,) = document["rules"]
    assert (rule["rule"], rule["outcome"]) == ("pool.full", "near_miss")
    _, percent = rule["bindings"][0]["patterns"][0]["conditions"]
    assert {key: percent[key] for key in ("field", "unit", "state", "needed", "needs", "threshold")} == {
        "field": "percent_of_max",
        "unit": "percent",
        "state": "fails",
        "needed": 95.0,
        "needs": "at least 95 %",
        "threshold": None,
    }
    assert percent["value"] == pytest.approx(85.926, abs=0.001)


def test_confidence_says_what_lowered_it(book: Rulebook) -> None:
    (case,) = read(CASEFILE)
    facts = json.loads(report.facts_json(case))
    for fact in facts["facts"]:
        if fact["id"] == "pool:nonpaged":
            fact["quality"] = "suspect"
    found = of_facts(facts, book, "handles.leak")
    assert "Severity critical, confidence low; the rule by itself gives high." in found
    assert 'Confidence is at most low: it builds on "Nonpaged pool is nearly used up"' in " ".join(found.split())


WEAK = """\
  - id: hold
    title: A process holds them
    status: stable
    version: 1
    when:
      - finding k: {name: kind.handle-leak}
      - process p: {pid: == k.pid}
    then:
      finding: holder.process
      severity: critical
      confidence: low
      label: "{{ p.image }}"
      about: {tag: k.tag, pid: k.pid}
      say: It holds them.
  - id: blame
    title: A process is to blame
    status: stable
    version: 1
    when:
      - finding k: {name: kind.handle-leak}
      - process p: {pid: == k.pid}
    then:
      finding: culprit.process
      severity: critical
      confidence: high
      label: "{{ p.image }}"
      about: {tag: k.tag, pid: k.pid}
      say: It is to blame.
"""


def under(*packs: str, casefile: Path = CASEFILE, subject: str | None = None) -> Explanation:
    """The explanation of a casefile under the test's rules and more of them."""
    files = [SourceFile(f"{number}.yaml", "pack", pack.encode()) for number, pack in enumerate(packs)]
    more = build([SourceFile("thresholds.yaml", "thresholds", THRESHOLDS.encode()), *files])
    (case,) = read(casefile)
    return explain(diagnose(case, more, load_knowledge()), more, subject, all_rules=False)


def folded(explanation: Explanation) -> str:
    return " ".join(text(explanation).split())


def test_a_part_held_down_by_its_holder_says_so() -> None:
    of_verdict, of_finding = (under(PACK + WEAK, subject=subject) for subject in (None, "culprit.process"))
    assert (
        "Culprit: xxxxxx.EXE (pid 2280) [low] It is to blame. Lowered to low: the holder is only low. "
        "- culprit.process Thre:2280 [high], rule blame" in folded(of_verdict)
    )
    assert "confidence high. In the verdict lowered to low: the holder is only low." in folded(of_finding)
    documents = [json.loads(report.explanation(one, as_json=True)) for one in (of_verdict, of_finding)]
    for document in documents:
        assert document["verdict"]["culprit"]["lowered"] == "lowered to low: the holder is only low"
        assert document["verdict"]["holder"]["lowered"] is None
    made = documents[1]["rules"][0]["bindings"][0]["finding"]
    assert (made["confidence"], made["in_verdict"]) == ("high", "lowered to low: the holder is only low")


def test_a_verdict_held_down_by_contradicting_counters_says_so() -> None:
    contradiction = """
  - id: counters.differ
    title: Counters differ
    status: stable
    version: 1
    when:
      - pool p: {type: nonpaged}
    then: {finding: quality.contradiction, severity: warning, confidence: high, say: They differ.}
"""
    explanation = under(PACK + contradiction)
    assert (
        "Resource: nonpaged pool [medium] Nonpaged pool is at 85.9 % of its maximum. Lowered to medium: counters.differ"
        " found that counters contradict each other, and nothing is surer than medium." in folded(explanation)
    )


def test_of_several_rules_those_that_fired_come_first() -> None:
    late = PACK.replace("id: pool.full", "id: pool.early").replace("resource.pool-full", "resource.pool-exhausted")
    head, exhausted, early = late.partition("  - id: pool.exhausted")[0], *_first_two(late)
    traces = under(head + early + exhausted, subject="resource.pool-exhausted").rules
    assert [(one.outcome.rule, one.outcome.outcome) for one in traces] == [
        ("pool.exhausted", "fired"),
        ("pool.early", "near_miss"),
    ]


def _first_two(pack: str) -> tuple[str, str]:
    _, first, second, *_ = pack.split("  - id: ")
    return f"  - id: {first}", f"  - id: {second}"


def test_a_healthy_verdict_shows_what_is_in_order_with_limits(capsys: pytest.CaptureFixture[str]) -> None:
    healthy = str(CASEFILE.parents[1] / "healthy-client/casefile.log")
    app(["explain", healthy], standalone_mode=False)
    said = " ".join(capsys.readouterr().out.split())
    assert "Kind: Nothing was found to leak." in said and "unknown" not in said
    assert " In order " in said and "Nonpaged pool is in order: 409.0 MiB, 2.5 % of physical memory." in said
    assert "percent_of_ram 2.509 %, needs less than 20 % (@pool.ram.abnormal, field practice)" in said
    app(["explain", healthy, "--format", "json"], standalone_mode=False)
    document = json.loads(capsys.readouterr().out)
    assert document["normal"] and set(document["normal"]) == set(document["reasons"])


def test_the_chain_shows_samples_and_the_quality_of_facts() -> None:
    said = folded(under(PACK + WEAK))
    assert "- process:2280:886f5020: table_size 391,189 (casefile.log:89" in said
    facts = {
        "schema": "dumptriage/facts/1",
        "facts": [
            {"kind": "pool", "type": "nonpaged", "percent_of_max": 85.0, "quality": "lower-bound", "source": "x:1"},
            {"kind": "dead_objects", "type": "Thread", "count": 3, "sampled": 4, "quality": "rounded", "source": "x:2"},
        ],
    }
    ended = """
  - id: ended
    title: Ended threads
    status: stable
    version: 1
    when:
      - pool p: {type: nonpaged, percent_of_max: ">= 80 %"}
      - dead_objects d: {type: Thread}
    then: {finding: kind.ended, severity: critical, confidence: high, label: ended threads, say: Ended.}
"""
    book = build([SourceFile("a.yaml", "pack", (PACK.partition("rules:")[0] + "rules:" + ended).encode())])
    (case,) = factsjson.read(json.dumps(facts).encode(), "facts.json")
    explanation = explain(diagnose(case, book, load_knowledge()), book, all_rules=False)
    said = folded(explanation)
    assert "pool:nonpaged: percent_of_max 85 %, lower bound (x:1" in said
    assert "dead_objects:Thread: count 3, rounded, of 4 sampled (x:2" in said
    document = json.loads(report.explanation(explanation, as_json=True))
    ((reason,), (pool, dead)) = document["reasons"].values(), next(iter(document["reasons"].values()))["facts"]
    assert reason["rule"] == "ended"
    assert (pool["quality"], dead["sampled"], dead["figures"]) == ("lower-bound", 4, {"count": 3, "sampled": 4})


def test_control_characters_of_a_casefile_are_spelt_out(book: Rulebook) -> None:
    (case,) = read(CASEFILE)
    facts = json.loads(report.facts_json(case))
    for fact in facts["facts"]:
        if fact.get("image"):
            fact["image"] = "evil\x1b[2J\u202e.exe"
    found = of_facts(facts, book, "handles.leak")
    assert "evil[U+001B][2J[U+202E].exe holds" in found
    assert "\x1b" not in found


def test_the_shipped_rules_explain_every_outcome(capsys: pytest.CaptureFixture[str]) -> None:
    app(["explain", str(CASEFILE), "--all"], standalone_mode=False)
    listed = capsys.readouterr().out
    app(["explain", str(CASEFILE), "--all", "--format", "json"], standalone_mode=False)
    document = json.loads(capsys.readouterr().out)
    assert all(rule["rule"] in listed for rule in document["rules"])
    fired = [rule for rule in document["rules"] if rule["outcome"] == "fired"]
    assert fired and all(binding["fits"] and binding["finding"] for rule in fired for binding in rule["bindings"])
    for rule in document["rules"]:
        if rule["outcome"] != "near_miss":
            continue
        conditions = [c for p in rule["bindings"][0]["patterns"] for c in p["conditions"] if c["state"] == "fails"]
        assert len(conditions) == 1
