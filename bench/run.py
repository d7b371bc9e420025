"""Prints how long the program takes: `python bench/run.py [DUMP]`.

Each figure is the median of five whole processes, with the fastest and the slowest. The log is made up, the same on
every run: `!vm`, `!poolused 2` and `!process 0 0` of one machine, about 100 KB. With a dump, that is timed too.
"""

import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RUNS = 5
LOG_BYTES = 100_000
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
        for dump in arguments:
            measure(f"{Path(dump).name[:20]} to JSON", [TRIAGE, dump, "--report", Path(folder) / "dump.json"])


if __name__ == "__main__":
    main(sys.argv[1:])
