"""Forged machines and the facts the kernel readers find in their dumps."""

import tempfile
from functools import cache
from pathlib import Path

from synth.dumpfile import KERNEL
from synth.layouts import layout
from synth.machine import Machine, forge
from synth.scenario import Scenario, small

from dumptriage.facts import Case, Casefile
from dumptriage.sources.dump.container import layout_of, read_header
from dumptriage.sources.dump.image import Image
from dumptriage.sources.kernel.facts import read_kernel


@cache
def small_machine(build: int, bits: int = 0) -> Machine:
    """The small scenario on a build, made once. `bits` is 32 for the 32-bit kernel of a build that has both."""
    return forge(small(build, structures=layout(build, bits)))


def dump_of(what: Scenario | Machine, kind: int = KERNEL) -> bytes:
    """The bytes of a dump of a scenario or machine."""
    made = what if isinstance(what, Machine) else forge(what)
    with tempfile.TemporaryDirectory() as folder:
        return made.dump(Path(folder) / "forged.dmp", kind).read_bytes()


def facts_of(data: bytes, symbols: tuple[str, ...] = ()) -> Case:
    """The facts of a dump in memory, kernel readers only."""
    image = Image(data)
    layout = layout_of(data[:8])
    assert layout is not None
    case = Case(Casefile("forged.dmp", "0" * 64, len(data), "dump"))
    read_kernel(data, read_header(image, layout), case, lambda _: None, {}, symbols)
    return case


def read(what: Scenario | Machine, kind: int = KERNEL, symbols: tuple[str, ...] = ()) -> Case:
    """Forge a scenario (or take a machine), dump it, read the facts."""
    return facts_of(dump_of(what, kind), symbols)
