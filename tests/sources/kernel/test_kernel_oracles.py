"""Forged dumps read by independent readers: volatility3 and kdmp-parser see what the scenario says and what we see.

They are looked for in the running Python, or in the one DUMPTRIAGE_ORACLE names (a virtual environment with both).
volatility3 needs the public symbols of ../shared/symbols; the forged kernels bear the GUIDs of those kernels.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forged import read, small_machine
from synth.dumpfile import BITMAP_FULL, BITMAP_KERNEL, FULL
from synth.layouts import BUILDS
from synth.machine import Machine
from synth.memory import PAGE
from synth.symbols import PDB

from dumptriage.sources.dump.container import layout_of, read_header
from dumptriage.sources.dump.image import Image
from dumptriage.sources.kernel.physical import open_physical

ORACLE = os.environ.get("DUMPTRIAGE_ORACLE", sys.executable)
_VOLATILITY = "import sys; from volatility3.cli import main; sys.argv[0] = 'vol'; main()"
_KDMP = """
import hashlib, json, pathlib, sys, kdmp_parser
dump = kdmp_parser.KernelDumpParser(pathlib.Path(sys.argv[1]))
total = hashlib.sha256()
for frame in json.load(sys.stdin):
    total.update(bytes(dump.read_physical_page(frame * 4096)))
print(json.dumps([int(dump.type), dump.directory_table_base, len(dump.pages), total.hexdigest()]))
"""


def run(code: str, *arguments: str, text: str = "") -> str:
    command = [ORACLE, "-c", code, *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def need(module: str) -> None:
    if subprocess.run([ORACLE, "-c", f"import {module}"], capture_output=True, check=False).returncode:
        pytest.skip(
            f"{module} is not importable by {Path(ORACLE).name}; DUMPTRIAGE_ORACLE may name a Python that has it"
        )


@pytest.fixture(scope="module", params=sorted(PDB))
def seen(
    request: pytest.FixtureRequest, shared: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Machine, Callable[[str], list[dict[str, Any]]]]:
    """A machine and the rows volatility3's plugins give for its dump: type 1, of 9600 and 19041 type 5."""
    need("volatility3")
    folder = tmp_path_factory.mktemp("oracle")
    made = small_machine(request.param)
    path = made.dump(folder / "forged.dmp", BITMAP_FULL if request.param in (9600, 19041) else FULL)

    def plugin(name: str) -> list[dict[str, Any]]:
        arguments = ("--offline", "-q", "-r", "json", "--cache-path", str(folder), "-s", str(shared / "symbols"))
        rows: list[dict[str, Any]] = json.loads(run(_VOLATILITY, *arguments, "-f", str(path), f"windows.{name}"))
        return rows

    return made, plugin


Seen = tuple[Machine, Callable[[str], list[dict[str, Any]]]]


def test_volatility_sees_the_same_processes(seen: Seen) -> None:
    made, plugin = seen
    rows = {row["PID"]: (row["ImageFileName"], row["Threads"]) for row in plugin("pslist.PsList")}
    assert rows == {pid: (image, threads) for pid, (image, threads, ended) in made.truth.processes.items() if not ended}


def test_volatility_sees_the_same_modules(seen: Seen) -> None:
    made, plugin = seen
    wanted = {(name, base & (1 << 48) - 1, size) for name, (base, size, _) in made.truth.modules.items()}
    assert {(row["Name"], row["Base"] & (1 << 48) - 1, row["Size"]) for row in plugin("modules.Modules")} == wanted


def test_volatility_sees_the_same_handles(seen: Seen) -> None:
    """It drops handles to objects whose stored type byte is 0, about one in 256 on Windows 10 and later, and keys
    without a control block.
    """
    made, plugin = seen
    theirs = Counter((row["PID"], row["Type"]) for row in plugin("handles.Handles"))
    ours = {
        (int(str(fact.get("pid"))), str(fact.get("type"))): int(str(fact.get("count")))
        for fact in read(made).of("handles")
        if fact.get("type") not in ("*", "Key")
    }
    assert {key for key in theirs if key[1] != "Key"} <= set(ours)
    dropped = {key: count - theirs[key] for key, count in ours.items()}
    assert all(number >= 0 for number in dropped.values())
    assert sum(dropped.values()) <= (0 if made.scenario.build < 10240 else sum(ours.values()) // 64)


def test_volatility_sees_the_same_big_allocations(seen: Seen) -> None:
    made, plugin = seen
    mask = (1 << 48) - 1
    rows = plugin("bigpools.BigPools")
    found = {(row["Allocation"] & mask, row["Tag"].ljust(4), row["NumberOfBytes"]) for row in rows}
    assert found == {(address & mask, tag, size) for address, tag, size, _ in made.truth.big}


@pytest.mark.parametrize("kind", [FULL, BITMAP_FULL, BITMAP_KERNEL])
@pytest.mark.parametrize("build", [build for build in BUILDS if build >= 7601])
def test_kdmp_parser_sees_the_same_bytes(build: int, kind: int, tmp_path: Path) -> None:
    need("kdmp_parser")
    made = small_machine(build)
    path = made.dump(tmp_path / "forged.dmp", kind)
    frames = made.physical.frames[~made.physical.left_out]
    wanted = hashlib.sha256(made.physical.pages[~made.physical.left_out].tobytes()).hexdigest()
    found = json.loads(run(_KDMP, str(path), text=json.dumps(frames.tolist())))
    assert found[:2] == [kind, made.header.directory]
    assert found[3] == wanted
    data = path.read_bytes()
    layout = layout_of(data[:8])
    assert layout is not None
    physical, problem = open_physical(data, read_header(Image(data), layout))
    assert physical is not None
    assert problem is None
    assert physical.page_count == found[2]
    offsets = physical.offsets(frames.astype(np.uint64))
    ours = hashlib.sha256(b"".join(data[at : at + PAGE] for at in offsets.tolist())).hexdigest()
    assert ours == wanted
