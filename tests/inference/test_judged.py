"""Conditions judged once for all facts of a kind, against each condition asked of each fact."""

import random
from collections.abc import Iterator

import bruteforce as bf
import pytest
from rulepacks import pack, rule, rulebook

from dumptriage.errors import RulebookError
from dumptriage.facts import Fact, new
from dumptriage.inference.conditions import Pattern, missed_by
from dumptriage.inference.judged import NEAR, Judged
from dumptriage.inference.rows import Row, rows
from dumptriage.inference.rulebook import build
from dumptriage.rulefolder import SourceFile


def store(facts: list[Fact]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows(facts):
        found.setdefault(row.fact.kind, []).append(row)
    return found


def patterns(rng: random.Random, count: int) -> Iterator[Pattern]:
    while count:
        spec = bf.random_rule(rng, "r")
        try:
            (one,) = build([SourceFile("random.yaml", "pack", bf.yaml_of([spec]).encode())]).rules
        except RulebookError:
            continue  # its conditions contradict each other
        count -= 1
        yield from one.patterns


@pytest.mark.parametrize("seed", range(10))
def test_the_same_facts_as_asking_each(seed: int) -> None:
    rng = random.Random(f"judged-{seed}")
    listed = list(patterns(rng, 15))
    for _ in range(5):
        by_kind = store(bf.random_facts(rng))
        judged = Judged(by_kind)
        for pattern in listed:
            asked = by_kind.get(pattern.kind, [])
            failing = {row.number: [term for term in pattern.own_terms if not term.holds(row, {})] for row in asked}
            assert [row.number for row in judged.holding(pattern)] == [n for n, terms in failing.items() if not terms]
            near = [
                (row.number, failing[row.number][0])
                for row in asked
                if len(failing[row.number]) == 1
                and (miss := missed_by(failing[row.number][0], row, {})) is not None
                and miss <= NEAR
            ]
            assert [(row.number, term) for row, term in judged.missing_one(pattern)] == near


def test_rows_that_come_later_are_judged_too() -> None:
    (one,) = rulebook(pack(rule("{pool p: {type: paged}}"))).rules
    by_kind: dict[str, list[Row]] = {}
    judged = Judged(by_kind)
    assert not judged.holding(one.patterns[0])
    by_kind["pool"] = rows([new("pool", source="x", type="paged")])
    assert len(judged.holding(one.patterns[0])) == 1


def test_conditions_are_equal_where_they_ask_the_same() -> None:
    text = pack(
        rule('{pool p: {percent_of_max: ">= 80 %"}}', name="one"),
        rule('{pool q: {percent_of_max: ">= @full"}}', name="two"),
        rule('{pool q: {percent_of_max: "> 80 %"}}', name="three"),
    )
    known = "thresholds:\n  - {name: full, value: 80, unit: percent, source: s, doc: d}\n"
    one, two, three = (r.patterns[0].terms[0] for r in rulebook(text, known).rules)
    assert one == two != three
