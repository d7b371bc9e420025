"""The C engine behind its module: lifecycle, limits, and speed (printed, not asserted)."""

import resource
import sys
import threading
import time

from rulepacks import case, pack, rule, rulebook

from dumptriage.facts import KINDS, new
from dumptriage.inference import infer
from dumptriage.inference.compile import compile_rules, literal, plain
from dumptriage.inference.durable import Session
from dumptriage.inference.rulebook import alternatives

THEN = "{finding: quality.%s, severity: info, confidence: low, say: x, about: {pid: h.pid}}"


def test_a_hundred_sessions_leave_no_threads_and_little_memory() -> None:
    book = rulebook(pack(rule('{process p: {}}, {handles h: {pid: "== p.pid"}}')))
    facts = [new("process", source="x", pid=pid, image=f"p{pid}.exe") for pid in range(300)]
    facts += [new("handles", source="x", pid=pid, type="Key", count=pid) for pid in range(300)]
    infer(case(*facts), book)
    threads, before = threading.active_count(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(100):
        infer(case(*facts), book)
    assert threading.active_count() == threads
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 40_000, f"{grown} KB after 100 sessions"


def test_a_session_without_facts_closes() -> None:
    book = rulebook(pack(rule("{tag t: {}}")))
    for _ in range(20):
        with Session("empty", book.shards[0][0].definition) as session:
            assert list(session.matches()) == []


def test_identical_facts_are_both_matched() -> None:
    facts = [new("handles", source="x", pid=pid, count=1) for pid in range(5)]
    book = rulebook(pack(rule("{handles h: {count: 1}}", THEN % "a")))
    assert len(infer(case(*facts), book).findings) == 5


def test_rules_are_spread_over_small_sets() -> None:
    rules = [
        rule('{tag t: {}}, {tag u: {tag: "== t.tag"}}', THEN.replace("h.pid", "4") % f"q{n}", f"r{n}")
        for n in range(300)
    ]
    book = rulebook(pack(*rules))
    assert len(book.shards[0]) == 13  # 48 patterns of one kind in a set, two in a rule
    assert sum(len(shard.rules) for shard in book.shards[0]) == 300
    assert len(compile_rules(alternatives(book.rules, book.strata[0]))) == 13
    result = infer(case(*(new("tag", source="x", tag="Thre", pool=pool) for pool in ("paged", "nonpaged"))), book)
    assert len(result.findings) == 300


def test_values_in_the_engines_terms() -> None:
    fields = KINDS["tag"].fields
    assert literal(fields["bytes_each"], 1e-05) == "1.0e-05"
    assert literal(fields["bytes_each"], 1e22) == "1.0e+22"
    assert literal(fields["bytes_each"], 5) == "5.0"
    assert literal(fields["known"], True) == "1"
    assert plain("ntoskrnl.exe") == "ntoskrnl.exe"
    assert plain('a"').startswith("#") and plain('a"') != plain("a'") != plain("#a")


def test_speed_is_printed() -> None:
    rules = [
        rule(
            f'{{process p: {{role: user}}}}, {{handles h: {{pid: "== p.pid", count: ">= {n}"}}}}',
            THEN % f"q{n}",
            f"r{n}",
        )
        for n in range(100, 350)
    ]
    start = time.perf_counter()
    many = rulebook(pack(*rules))
    loaded = time.perf_counter()
    small = [new("process", source="x", pid=pid, role="user") for pid in range(200)]
    small += [new("handles", source="x", pid=pid, type="Key", count=pid) for pid in range(200)]
    infer(case(*small), many)
    inferred = time.perf_counter()
    few = rulebook(pack(*rules[:20]))
    large = [new("process", source="x", pid=pid, role="user") for pid in range(5000)]
    large += [new("handles", source="x", pid=pid, type="Key", count=pid % 120) for pid in range(5000)]
    begun = time.perf_counter()
    infer(case(*large), few)
    done = time.perf_counter()
    sys.stdout.write(
        f"250 rules: loaded in {loaded - start:.2f} s, over 400 facts in {inferred - loaded:.2f} s; "
        f"20 rules over 10,000 facts in {done - begun:.2f} s\n"
    )
