"""Forged machines and the facts the reader finds in their dumps."""

import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from synth.dumpfile import KERNEL
from synth.machine import Machine, forge
from synth.scenario import Scenario, small

from dumptriage.facts import Case, Casefile
from dumptriage.sources.dump.container import layout_of, read_header
from dumptriage.sources.dump.image import Image
from dumptriage.sources.kernel.facts import read_kernel

Read = Callable[..., Case]


@cache
def small_machine(build: int) -> Machine:
    """The small scenario on a build, made once."""
    return forge(small(build))


def facts_of(data: bytes, symbols: tuple[str, ...] = ()) -> Case:
    """The facts of a dump in memory, kernel readers only."""
    image = Image(data)
    layout = layout_of(data[:8])
    assert layout is not None
    case = Case(Casefile("forged.dmp", "0" * 64, len(data), "dump"))
    read_kernel(data, read_header(image, layout), case, lambda _: None, {}, symbols)
    return case


@pytest.fixture(scope="session")
def machine() -> Callable[[int], Machine]:
    return small_machine


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Forge a scenario (or take a machine), dump it, read the facts."""

    def run(what: Scenario | Machine, kind: int = KERNEL, symbols: tuple[str, ...] = ()) -> Case:
        made = what if isinstance(what, Machine) else forge(what)
        return facts_of(made.dump(tmp_path / "forged.dmp", kind).read_bytes(), symbols)

    return run
