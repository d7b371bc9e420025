"""Prints how long kernel dumps take: `python bench/dumps.py [--volatility PYTHON --symbols FOLDER]`.

Every dump is forged here, so nothing has to be fetched. Three parts: the article's machine at full size; dumps that
grow fourfold in handles and pool, to see that time grows no faster than they do; and, with a Python that has
volatility3 and a folder of its symbol tables, its windows.handles against all our facts on the same dump, run in turn.
Times are whole processes, memory is the largest resident set, the mapped dump included (Linux).
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from synth.article import article
from synth.dumpfile import FULL, KERNEL
from synth.machine import forge
from synth.scenario import Handles, Process, Scenario, Threads

TRIAGE = Path(sys.executable).with_name("triage")
RUNS = 3
MIB = 1024 * 1024


@dataclass(frozen=True)
class Run:
    """One process: seconds, largest resident set in bytes, what it printed."""

    seconds: float
    resident: int
    output: str
    errors: str


def run(command: list[str]) -> Run:
    """Run a command; stops the benchmark where it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        out.seek(0)
        err.seek(0)
        done = Run(seconds, used.ru_maxrss * 1024, out.read().decode(), err.read().decode())
    if status:
        sys.exit(f"{' '.join(command)} failed:\n{done.errors[-2000:]}")
    return done


def facts(dump: Path) -> tuple[float, int, dict[tuple[int, str], int]]:
    """Median seconds, largest memory and the handles by process and type of `triage facts`."""
    runs = [run([str(TRIAGE), "facts", str(dump)]) for _ in range(RUNS)]
    counts = {
        (fact["pid"], fact["type"]): fact["count"]
        for fact in json.loads(runs[0].output)["facts"]
        if fact["kind"] == "handles" and "pid" in fact and "type" in fact and fact["type"] != "*"
    }
    return statistics.median(one.seconds for one in runs), max(one.resident for one in runs), counts


def forged(scenario: Scenario, dump: Path, kind: int = KERNEL) -> Path:
    """Forge a dump in a process of its own: a child's largest resident set begins with that of its parent."""
    maker = multiprocessing.Process(target=lambda: forge(scenario).dump(dump, kind))
    maker.start()
    maker.join()
    return dump


def holder_of(handles: int, build: int = 7601) -> Scenario:
    """A machine with one process that holds this many handles, each to an event of its own."""
    system = Process(4, "System", 0, threads=(Threads(20, start="nt"),), handles=(Handles("Event", 40),))
    holder = Process(2280, "holder.exe", 4, handles=(Handles("Event", handles),))
    return Scenario(build, (system, holder), large_pages=True)


def whole_article(folder: Path) -> None:
    """The case of the article: 326,514 thread objects, 388,386 handles in one process."""
    dump = forged(article(), folder / "article.dmp")
    seconds, resident, counts = facts(dump)
    held = sum(counts.values())
    print(
        f"article, {dump.stat().st_size / MIB:,.0f} MiB, {held:,} handles: {seconds:.2f} s, {resident / MIB:,.0f} MiB"
    )
    for line in run([str(TRIAGE), str(dump), "--quiet", "--timings"]).errors.splitlines():
        print(f"    {line}")
    dump.unlink()


def scaling(folder: Path, largest: int) -> None:
    """Fourfold steps up to the largest; the last column is what one more million handles costs."""
    print(f"\n{'handles':>12} {'dump MiB':>9} {'seconds':>8} {'memory MiB':>11} {'s per million more':>19}")
    before: tuple[int, float] | None = None
    steps = [largest]
    while steps[0] // 4 >= 25_000:
        steps.insert(0, steps[0] // 4)
    for handles in steps:
        dump = forged(holder_of(handles), folder / "scaling.dmp")
        seconds, resident, counts = facts(dump)
        found = counts.get((2280, "Event"), 0)
        more = f"{(seconds - before[1]) / (handles - before[0]) * 1e6:19.2f}" if before else f"{'':19}"
        note = "" if found == handles else f"   but {found:,} handles were counted"
        print(f"{handles:12,} {dump.stat().st_size / MIB:9,.0f} {seconds:8.2f} {resident / MIB:11,.0f} {more}{note}")
        before = handles, seconds
        if handles == largest:
            on_paper(dump)
        dump.unlink()


def on_paper(dump: Path) -> None:
    """What 50 GB of nonpaged pool would take at the rate of the largest dump forged, nearly all of it pool."""
    errors = run([str(TRIAGE), str(dump), "--quiet", "--timings"]).errors
    stages = {line[12:]: float(line[:8]) for line in errors.splitlines()}
    each = stages["pool blocks"] / dump.stat().st_size * 1024 * MIB
    print(f"pool blocks: {each:.2f} s per GiB of pool, so about {50 * each:.0f} s for 50 GiB; after 2^24 blocks of the")
    print("tags looked for the count ends, and the report calls it a lower bound and takes its samples from those")


def against_volatility(folder: Path, python: str, symbols: str) -> None:
    """windows.handles of volatility3 and all our facts, on one full dump with 100,000 handles."""
    dump = forged(holder_of(100_000), folder / "full.dmp", FULL)
    code = "import sys; from volatility3.cli import main; sys.argv[0] = 'vol'; main()"
    plugin = ["--offline", "-q", "-r", "json", "--cache-path", str(folder), "-s", symbols, "-f", str(dump)]
    command = [python, "-c", code, *plugin, "windows.handles.Handles"]
    run([python, "-c", code, *plugin, "windows.pslist.PsList"])  # builds its symbol cache, which is not timed
    theirs = run(command)
    seconds, _, counts = facts(dump)
    rows = json.loads(theirs.output)
    print(f"\nfull dump, {dump.stat().st_size / MIB:,.0f} MiB, {sum(counts.values()):,} handles")
    print(f"volatility3 windows.handles   {theirs.seconds:8.2f} s  {len(rows):,} handles")
    print(f"triage facts, all of them     {seconds:8.2f} s  {sum(counts.values()):,} handles")
    print(f"                              {theirs.seconds / seconds:8.0f} times as fast")


def main() -> None:
    """Run the parts in order."""
    parser = argparse.ArgumentParser(description="Times kernel dumps.")
    parser.add_argument("--volatility", metavar="PYTHON", help="a Python that has volatility3")
    parser.add_argument("--symbols", metavar="FOLDER", help="its symbol tables, with that of 7601.24540 x64")
    parser.add_argument("--largest", type=int, default=1_600_000, metavar="HANDLES", help="end of the scaling run")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        whole_article(folder)
        scaling(folder, arguments.largest)
        if arguments.volatility and arguments.symbols:
            against_volatility(folder, arguments.volatility, arguments.symbols)


if __name__ == "__main__":
    main()
