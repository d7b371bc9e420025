"""Prints how long the program takes: `python bench/run.py [DUMP]`.

Each figure is the median of five whole processes, with the fastest and the slowest. The log is made up, the same on
every run: `!vm`, `!poolused 2` and `!process 0 0` of one machine, about 100 KB. Many rules are timed too, within one
process, and a dump where one is given.
"""

import itertools
import json
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from dumptriage import rulefolder
from dumptriage.derivation import derive
from dumptriage.facts import Case
from dumptriage.inference import infer
from dumptriage.inference.rulebook import build
from dumptriage.knowledge import load_knowledge
from dumptriage.sources import read

RUNS = 5
LOG_BYTES = 100_000
RULES = 300
TRIAGE = Path(sys.executable).with_name("triage")

Command = list[str | Path]


def debugger_log() -> str:
    """A log of a 4 GB machine with about 1,000 tags, filled up with processes."""
    chance = random.Random(1)
    lines = ["kd> !vm", ""]
    lines += [
        _pages("Physical Memory:", 1_048_576),
        _pages("Available Pages:", 301_212),
        _pages("ResAvail Pages:", 822_101),
        _pages("Modified Pages:", 11_735),
        _pages("NonPagedPool Usage:", 41_108),
        _pages("NonPagedPool Max:", 764_928),
        _pages("PagedPool Usage:", 62_079),
        _pages("PagedPool Maximum:", 33_554_432),
        _pages("Committed pages:", 669_178),
        _pages("Commit limit:", 2_096_331),
    ]
    lines += ["", "kd> !poolused 2", "   Sorting by NonPaged Pool Consumed", ""]
    lines += [
        "               NonPaged                  Paged",
        " Tag     Allocs         Used     Allocs         Used",
        "",
    ]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    tags = sorted({"".join(chance.choices(letters, k=4)) for _ in range(1000)})
    used = sorted((16 * int(chance.paretovariate(0.6)) for _ in tags), reverse=True)
    for tag, size in zip(tags, used, strict=True):
        size = min(size, 60_000_000)
        lines.append(f" {tag} {size // 96 + 1:9} {size:12} {size // 300:10} {size // 3:12}\tUNKNOWN pooltag '{tag}'")
    lines += ["", "kd> !process 0 0", "**** NT ACTIVE PROCESS DUMP ****"]
    length = sum(map(len, lines)) + len(lines)
    number = 0
    while length < LOG_BYTES:
        number += 1
        lines += [
            f"PROCESS ffffa604{number * 0x1080:08x}",
            f"    SessionId: 0  Cid: {number * 4:04x}    Peb: 810b68e000  ParentCid: 0004",
            f"    DirBase: {number * 0x1000:08x}  ObjectTable: ffff8000{number * 0x540:08x}  "
            f"HandleCount: {chance.randrange(40, 4000)}.",
            f"    Image: service{number:03}.exe",
            "",
        ]
        length += sum(len(line) + 1 for line in lines[-5:])
    return "\n".join(lines) + "\n"


def _pages(name: str, pages: int) -> str:
    return f"{name:24}{pages:10} ({pages * 4:11} Kb)"


def measure(name: str, command: Command) -> None:
    """Print the median, fastest and slowest time of a command, or how it failed."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run = subprocess.run(command, capture_output=True, text=True)
        times.append(time.perf_counter() - start)
        if run.returncode != 0:
            last = (run.stderr.strip() or run.stdout.strip()).splitlines()[-1:]
            print(f"{name:28} failed with exit status {run.returncode}: {' '.join(last)}")
            return
    print(f"{name:28} {statistics.median(times):7.3f} s   ({min(times):.3f} to {max(times):.3f})")


def many_rules() -> list[rulefolder.SourceFile]:
    """The files of the shipped rules, with packs of them once more under new ids until there are RULES rules."""
    files = rulefolder.read([rulefolder.SHIPPED])
    packs = [file for file in files if re.search(rb"(?m)^pack:", file.data)]
    count = sum(file.data.count(b"\n  - id: ") for file in packs)
    for number, file in enumerate(itertools.cycle(packs)):
        if count >= RULES:
            break
        data = re.sub(rb"(\n  - id: )", rb"\1again%d." % number, file.data)
        files.append(replace(file, name=f"{number}-{Path(file.name).name}", data=data))
        count += file.data.count(b"\n  - id: ")
    return files


def measure_rules(log: Path) -> None:
    """Print what reading, compiling and applying RULES rules takes within one process, nothing cached."""
    files, knowledge = many_rules(), load_knowledge()
    (case,) = read(log)
    derive(case, knowledge)
    compiled, applied = [], []
    for _ in range(RUNS):
        start = time.perf_counter()
        book = build(files)
        built = time.perf_counter()
        infer(Case(case.casefile, case.facts), book)
        compiled.append(built - start)
        applied.append(time.perf_counter() - built)
    name = f"{len(book.rules)} rules, {len(case.facts):,} facts"
    parts = f"{statistics.median(compiled):.3f} compiled, {statistics.median(applied):.3f} applied"
    both = [one + other for one, other in zip(compiled, applied, strict=True)]
    print(f"{name:28} {statistics.median(both):7.3f} s   ({parts})")


def main(arguments: list[str]) -> None:
    """Time everything once."""
    with tempfile.TemporaryDirectory() as folder:
        log, facts = Path(folder) / "bench.log", Path(folder) / "facts.json"
        log.write_text(debugger_log(), encoding="utf-8")
        print(f"Python {sys.version.split()[0]}, log of {log.stat().st_size:,} bytes, median of {RUNS} whole processes")
        measure("triage --help", [TRIAGE, "--help"])
        measure("import dumptriage", [sys.executable, "-c", "import dumptriage"])
        measure("log to JSON", [TRIAGE, log, "--report", Path(folder) / "log.json"])
        measure("log to HTML", [TRIAGE, log, "--report", Path(folder) / "log.html"])
        measure("log to PDF", [TRIAGE, log, "--report", Path(folder) / "log.pdf"])
        read = subprocess.run([TRIAGE, "facts", log], capture_output=True, text=True)
        if read.returncode == 0:
            facts.write_text(read.stdout, encoding="utf-8")
            print(f"{'':28} {len(json.loads(read.stdout)['facts']):7} facts")
        measure("facts.json to JSON", [TRIAGE, facts, "--report", Path(folder) / "again.json"])
        measure_rules(log)
        for dump in arguments:
            measure(f"{Path(dump).name[:20]} to JSON", [TRIAGE, dump, "--report", Path(folder) / "dump.json"])


if __name__ == "__main__":
    main(sys.argv[1:])
