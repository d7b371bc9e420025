"""Damaged dumps: always facts or one clear line, in bounded time, and never a wrong verdict above low confidence.

The few hundred cases here are seeded; FAULTS=5000 in the environment tries as many flips per build, and cuts every
64 KB.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from synth.dumpfile import BITMAP_KERNEL
from synth.faults import STEP, Target, cuts, flips, forge_leaking, target

from dumptriage.diagnosis import Confidence, Verdict
from dumptriage.errors import CasefileError
from dumptriage.inference import Rulebook
from dumptriage.knowledge import Knowledge, load_knowledge
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

FLIPS = int(os.environ.get("FAULTS", "60"))
SECONDS = 20.0
"""More than ten times what an intact dump takes on a busy machine."""
BUILDS = (2195, 3790, 7601, 19041)


@dataclass(frozen=True, slots=True)
class Trial:
    """A machine that leaks, its dump, the true verdict."""

    found: Target
    path: Path
    truth: Verdict
    rulebook: Rulebook
    knowledge: Knowledge

    def judge(self, name: str, data: bytes) -> None:
        """Read damaged data and hold the verdict against the true one."""
        self.path.write_bytes(data)
        started = time.monotonic()
        try:
            (case,) = read(self.path)
            verdict = diagnose(case, self.rulebook, self.knowledge).verdict
        except CasefileError as error:
            assert "\n" not in str(error), name
            return
        finally:
            assert time.monotonic() - started < SECONDS, name
        allowed = {self.truth.state, "inconclusive", "suspect"} | ({"exhaustion"} if self.truth.exhausted else set())
        assert verdict.state in allowed, name
        for part in ("resource", "kind", "holder", "culprit"):
            ours, true = getattr(verdict, part), getattr(self.truth, part)
            assert ours.name in (None, true.name) or ours.confidence <= Confidence.LOW, f"{name}: {part} {ours.name}"


@pytest.fixture(scope="module", params=BUILDS)
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    machine = forge_leaking(request.param)
    path = machine.dump(tmp_path_factory.mktemp("faults") / "damaged.dmp", BITMAP_KERNEL)
    data = path.read_bytes()
    rulebook, knowledge = shipped_rulebook(), load_knowledge()
    (case,) = read(path)
    truth = diagnose(case, rulebook, knowledge).verdict
    assert truth.state == "leak"
    assert truth.holder.name == "xxxxxx.EXE"
    return Trial(target(data, machine), path, truth, rulebook, knowledge)


def test_cut_dumps(trial: Trial) -> None:
    step = STEP if "FAULTS" in os.environ else max(STEP, len(trial.found.data) // 24)
    for name, data in cuts(trial.found, step):
        trial.judge(name, data)


def test_flipped_bits(trial: Trial) -> None:
    for name, data in flips(trial.found, FLIPS, trial.found.machine.scenario.build):
        trial.judge(name, data)
