"""Dump types 1, 2, 5 and 6 of one machine hold the same facts."""

import pytest
from forged import read, small_machine
from synth.dumpfile import BITMAP_FULL, BITMAP_KERNEL, FULL, KERNEL

from dumptriage.facts import Case

KINDS = ("process", "handles", "tag", "object_type", "dead_objects", "module", "tag_module", "census", "pool", "sample")


def essence(case: Case) -> list[tuple[str, object]]:
    return [(fact.id, sorted(fact.fields.items())) for kind in KINDS for fact in case.of(kind)]


@pytest.mark.parametrize("build", [2195, 3790, 7601, 19041])
def test_same_facts_from_every_type(build: int) -> None:
    wanted = essence(read(small_machine(build), FULL))
    assert len(wanted) > 100
    for kind in (KERNEL, BITMAP_FULL, BITMAP_KERNEL):
        assert essence(read(small_machine(build), kind)) == wanted
