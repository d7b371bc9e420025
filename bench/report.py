"""Prints how long the reports of the article's case take: `python bench/report.py [CASEFILE]`.

Whole processes, one after another: a run that is not counted, then the median of five with the fastest and the slowest,
the processor time (what a loaded machine stretches less) and, of the whole, the seconds that writing the report takes.
Byte code is kept, as an installed program has it, in a folder that is thrown away.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

RUNS = 5
CASEFILE = Path(__file__).resolve().parent.parent / "casefiles" / "thread-handle-leak" / "casefile.log"
TRIAGE = Path(sys.executable).with_name("triage")


@dataclass(frozen=True)
class Run:
    """Seconds of one process: by the clock, of the processors, and of the stage that writes the report."""

    wall: float
    processor: float
    report: float


def run(casefile: Path, target: Path, environment: dict[str, str]) -> Run:
    """Write one report; stops the benchmark where that fails."""
    with tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            [TRIAGE, casefile, "--quiet", "--timings", "--report", target], stderr=errors, env=environment
        )
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        errors.seek(0)
        said = errors.read().decode()
    if status:
        sys.exit(said[-2000:])
    stage = next(line for line in said.splitlines() if line.endswith(f"report {target.name}"))
    return Run(wall, used.ru_utime + used.ru_stime, float(stage.split()[0]))


def main(arguments: list[str]) -> None:
    """Time each format."""
    casefile = Path(arguments[0]) if arguments else CASEFILE
    print(f"Python {sys.version.split()[0]}, {casefile.parent.name}/{casefile.name}, median of {RUNS} whole processes")
    with tempfile.TemporaryDirectory() as folder:
        kept = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment = {**kept, "PYTHONPYCACHEPREFIX": str(Path(folder) / "bytecode")}
        for form in ("json", "html", "pdf", "zip"):
            target = Path(folder) / f"case.{form}"
            run(casefile, target, environment)
            runs = [run(casefile, target, environment) for _ in range(RUNS)]
            walls = [one.wall for one in runs]
            print(
                f"{form:5} {statistics.median(walls):6.2f} s   ({min(walls):.2f} to {max(walls):.2f}), "
                f"processors {statistics.median(one.processor for one in runs):.2f} s, "
                f"the report alone {statistics.median(one.report for one in runs):.2f} s, "
                f"{target.stat().st_size:,} bytes"
            )


if __name__ == "__main__":
    main(sys.argv[1:])
