"""The compiled engine against a matcher that tries every combination of facts.

`DUMPTRIAGE_FUZZ` gives the number of cases (one rule over one set of facts), `DUMPTRIAGE_SEED` the seed.
"""

import os
import random

import bruteforce as bf
import pytest

from dumptriage.errors import RulebookError
from dumptriage.facts import Fact
from dumptriage.inference.matching import match, unblocked
from dumptriage.inference.rows import rows
from dumptriage.inference.rulebook import Rulebook, build
from dumptriage.rulefolder import SourceFile

RULES, FACT_SETS = 25, 20
CASES = int(os.environ.get("DUMPTRIAGE_FUZZ", "3000"))
SEED = int(os.environ.get("DUMPTRIAGE_SEED", "1"))


def found(rulebook: Rulebook, facts: list[Fact]) -> dict[str, set[frozenset[tuple[str, str]]]]:
    """What the program matches, by rule, as sets of (alias, fact id)."""
    store: dict[str, list[object]] = {}
    for row in rows(facts):
        store.setdefault(row.fact.kind, []).append(row)
    result = match(rulebook.shards[0], store)  # type: ignore[arg-type]
    assert not result.failed
    got = {}
    for number, rule in enumerate(rulebook.rules):
        kept, _, unchecked = unblocked(rule.unless, result.found.get(number, []), store)  # type: ignore[arg-type]
        assert not unchecked
        got[rule.id] = {frozenset((alias, row.fact.id) for alias, row in one.bound.items()) for one in kept}
        assert len(got[rule.id]) == len(kept), "a match was found twice"
    return got


def accepted(spec: bf.Spec) -> bool:
    """Whether a rule is taken; the only reason to refuse a random one is that its conditions contradict each other."""
    try:
        build([SourceFile("random.yaml", "pack", bf.yaml_of([spec]).encode())])
    except RulebookError as error:
        assert all("can never hold" in line for line in str(error).splitlines())
        return False
    return True


@pytest.mark.parametrize("batch", range(max(1, CASES // (RULES * FACT_SETS))))
def test_engine_finds_what_trying_everything_finds(batch: int) -> None:
    rng = random.Random(f"{SEED}-{batch}")
    specs: list[bf.Spec] = []
    never: list[bf.Spec] = []
    while len(specs) < RULES:
        spec = bf.random_rule(rng, f"r{len(specs)}")
        if accepted(spec):
            specs.append(spec)
        elif not spec.unless and all(len(choice) == 1 for choice in spec.when):
            never.append(spec)  # what can never hold might stand in an exception or in one of several alternatives
    rulebook = build([SourceFile("random.yaml", "pack", bf.yaml_of(specs).encode())])
    for number in range(FACT_SETS):
        facts = bf.random_facts(rng)
        got = found(rulebook, facts)
        for spec in specs:
            wanted = bf.matches(spec, facts)
            assert got[spec.name] == wanted, f"batch {batch}, facts {number}: {bf.yaml_of([spec])}"
        for spec in never:
            assert not bf.matches(spec, facts), f"batch {batch}, facts {number}: refused, but {bf.yaml_of([spec])}"
