"""Prints how long a poolmon log takes: `python bench/series.py [SNAPSHOTS] [TAGS]`, 500 of 1,500 unless told.

The log is forged here in the layout `poolmon -r -n` has on Windows 11, a date before each snapshot; one tag grows all
along. Times are whole processes of `triage facts` and `triage`, memory is the largest resident set (Linux).
"""

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

TRIAGE = Path(sys.executable).with_name("triage")
RUNS = 5


def series(snapshots: int, tags: int) -> str:
    """A log of poolmon, one snapshot every half hour."""
    source = random.Random(20261123)
    names = [f"T{index:03X}"[:4] for index in range(tags)]
    pools = [source.choice(("Nonp ", "Paged")) for _ in names]
    live = [source.randrange(0, 20_000) for _ in names]
    freed = [source.randrange(0, 10**8) for _ in names]
    each = [source.choice((48, 96, 160, 512, 4096)) for _ in names]
    moment = datetime(2026, 11, 1, 8)
    parts: list[str] = []
    for _ in range(snapshots):
        nonpaged = sum(n * e for n, e, p in zip(live, each, pools, strict=True) if p == "Nonp ") // 1024
        paged = sum(n * e for n, e, p in zip(live, each, pools, strict=True) if p == "Paged") // 1024
        parts.append(
            f"{moment:%a %m/%d/%Y %H:%M:%S}.12\r\n"
            f" Memory:33554432K Avail:{16_000_000:8d}K  PageFlts:468600648   InRam Krnl:56708K P:950888K\r\n"
            f" Commit:{15_000_000:7d}K Limit:67108864K Peak:43634092K            "
            f"Pool N:{nonpaged:5d}K P:{paged:5d}K\r\n\r\n"
            " Tag  Type     Allocs            Frees               Diff            Bytes                 "
            "Per Alloc\r\n\r\n"
        )
        for index, name in enumerate(names):
            now, gone, size = live[index], freed[index], each[index]
            used = now * size
            parts.append(
                f" {name} {pools[index]}{now + gone:20d}{gone:19d}{now:18d}{used:15d}{size if now else 0:17d}\r\n"
            )
            live[index] = max(0, now + (500 if index == 0 else source.randrange(-20, 21)))
            freed[index] = gone + source.randrange(0, 5000)
        moment += timedelta(minutes=30)
    return "".join(parts)


def timed(command: list[str]) -> tuple[float, float, int]:
    """Wall and processor seconds and the largest memory of one run; stops where it fails."""
    with tempfile.TemporaryFile() as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        if os.waitstatus_to_exitcode(status) not in (0, 1):
            out.seek(0)
            sys.exit(f"{' '.join(command)} failed:\n{out.read().decode()[-2000:]}")
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024


def main() -> None:
    """Forge a log and print the times."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("snapshots", type=int, nargs="?", default=500)
    parser.add_argument("tags", type=int, nargs="?", default=1500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "pool.log")
        log.write_bytes(series(asked.snapshots, asked.tags).encode())
        print(f"{asked.snapshots} snapshots of {asked.tags} tags, {log.stat().st_size / 1e6:.1f} MB")
        for words in (["facts"], ["run", "--quiet"]):
            command = [str(TRIAGE), *words, str(log)]
            runs = [timed(command) for _ in range(RUNS)]
            wall, cpu = sorted(run[0] for run in runs), sorted(run[1] for run in runs)
            print(
                f"triage {' '.join(words)}: median {wall[RUNS // 2]:.2f} s, least {wall[0]:.2f} s; "
                f"processor {cpu[RUNS // 2]:.2f} s; {max(run[2] for run in runs) / 1e6:.0f} MB"
            )


if __name__ == "__main__":
    main()
