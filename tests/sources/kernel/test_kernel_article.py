"""The article's machine: the dump leads to the same verdict as the log of the same machine."""

from pathlib import Path

import pytest
from synth.article import HANDLED, KEYS, LEAKER, THREADS, article
from synth.machine import forge
from synth.make_sample import DIVISOR, make

from dumptriage.diagnosis import Diagnosis
from dumptriage.knowledge import load_knowledge
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

CASEFILES = Path(__file__).parents[3] / "casefiles"
LOG = CASEFILES / "thread-handle-leak" / "casefile.log"
SAMPLE = CASEFILES / "thread-handle-leak-dump" / "casefile.dmp.xz"


def diagnosis_of(path: Path) -> Diagnosis:
    (case,) = read(path)
    return diagnose(case, shipped_rulebook(), load_knowledge())


def verdict_of(diagnosis: Diagnosis) -> list[tuple[object, ...]]:
    verdict = diagnosis.verdict
    parts = (verdict.resource, verdict.kind, verdict.holder, verdict.culprit)
    return [(verdict.state, verdict.exhausted), *((part.name, part.confidence, part.pid) for part in parts)]


@pytest.fixture(scope="module")
def from_log() -> list[tuple[object, ...]]:
    return verdict_of(diagnosis_of(LOG))


def test_full_size(from_log: list[tuple[object, ...]], tmp_path: Path) -> None:
    """326,514 threads, 388,386 handles in one process, 250 MB: forged and diagnosed in well under a minute."""
    diagnosis = diagnosis_of(forge(article()).dump(tmp_path / "article.dmp"))
    assert verdict_of(diagnosis) == from_log
    handles = {fact.get("type"): fact for fact in diagnosis.case.where("handles", pid=LEAKER)}
    assert handles["Thread"].get("count") == HANDLED == handles["Thread"].get("dead_targets")
    assert handles["Key"].get("count") == KEYS
    (process,) = diagnosis.case.where("process", pid=LEAKER)
    assert process.get("handle_count") == 388_386
    (thread,) = diagnosis.case.where("census", tag="Thre")
    assert (thread.get("blocks"), thread.get("main_size"), thread.get("bytes")) == (THREADS, 0x280, THREADS * 0x280)
    samples = list(diagnosis.case.where("sample", type="Thread"))
    assert {sample.get("body_offset") for sample in samples} == {0x20}


def test_small_size(from_log: list[tuple[object, ...]], tmp_path: Path) -> None:
    assert verdict_of(diagnosis_of(forge(article(DIVISOR)).dump(tmp_path / "small.dmp"))) == from_log


def test_sample_of_the_repository(from_log: list[tuple[object, ...]], tmp_path: Path) -> None:
    """The packed sample and what its script writes today are small and say the same."""
    assert make(tmp_path / "sample.dmp.xz") < 200_000 > SAMPLE.stat().st_size
    assert verdict_of(diagnosis_of(SAMPLE)) == from_log == verdict_of(diagnosis_of(tmp_path / "sample.dmp.xz"))
