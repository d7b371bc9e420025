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
from synth.faults import STEP, Target, cuts, flips, healthy, leaking, target
from synth.machine import forge
from synth.scenario import Scenario

from dumptriage.diagnosis import Confidence, Verdict
from dumptriage.errors import CasefileError
from dumptriage.inference import Rulebook
from dumptriage.knowledge import Knowledge, load_knowledge
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

FLIPS = int(os.environ.get("FAULTS", "24"))
SECONDS = 20.0
"""More than ten times what an intact dump takes on a busy machine."""
BUILDS = ((2195, 0), (7601, 0), (19041, 32), (26100, 0))
HEALTHY = ((2195, 0), (9600, 0))


@dataclass(frozen=True, slots=True)
class Trial:
    """A machine, its dump, the true verdict."""

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


def trial_of(scenario: Scenario, folder: Path) -> Trial:
    machine = forge(scenario)
    path = machine.dump(folder / "damaged.dmp", BITMAP_KERNEL)
    data = path.read_bytes()
    rulebook, knowledge = shipped_rulebook(), load_knowledge()
    (case,) = read(path)
    truth = diagnose(case, rulebook, knowledge).verdict
    return Trial(target(data, machine), path, truth, rulebook, knowledge)


@pytest.fixture(scope="module", params=BUILDS, ids=str)
def trial(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    made = trial_of(leaking(*request.param), tmp_path_factory.mktemp("faults"))
    assert made.truth.state == "leak"
    assert made.truth.holder.name == "xxxxxx.EXE"
    return made


def test_cut_dumps(trial: Trial) -> None:
    step = STEP if "FAULTS" in os.environ else max(STEP, len(trial.found.data) // 24)
    for name, data in cuts(trial.found, step):
        trial.judge(name, data)


def test_flipped_bits(trial: Trial) -> None:
    for name, data in flips(trial.found, FLIPS, trial.found.machine.scenario.build):
        trial.judge(name, data)


@pytest.mark.parametrize(("build", "bits"), HEALTHY)
def test_flipped_bits_accuse_nobody_on_a_healthy_machine(build: int, bits: int, tmp_path: Path) -> None:
    trial = trial_of(healthy(build, bits), tmp_path)
    assert trial.truth.state == "healthy"
    for name, data in flips(trial.found, FLIPS, build):
        trial.judge(name, data)
