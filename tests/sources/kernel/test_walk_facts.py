"""All readers together: order, timing, notes, and a failing reader that does not stop the others."""

import mmap
from pathlib import Path

import pytest
from forged import small_machine
from synth.dumpfile import KERNEL

from dumptriage.facts import Case, Casefile
from dumptriage.sources.dump.container import layout_of, read_header
from dumptriage.sources.dump.image import Buffer, Image
from dumptriage.sources.kernel import facts, pooltags
from dumptriage.sources.kernel.report import Report


def read(data: Buffer) -> tuple[Case, dict[str, float], list[str]]:
    layout = layout_of(bytes(data[:8]))
    assert layout is not None
    case = Case(Casefile("forged.dmp", "0" * 64, len(data), "dump"))
    timings: dict[str, float] = {}
    said: list[str] = []
    facts.read_kernel(data, read_header(Image(data), layout), case, said.append, timings)
    return case, timings, said


@pytest.fixture(scope="module")
def dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_machine(7601).dump(tmp_path_factory.mktemp("facts") / "forged.dmp", KERNEL)


def test_every_stage_is_timed_and_told(dump: Path) -> None:
    case, timings, said = read(dump.read_bytes())
    assert next(iter(timings)) == "kernel memory"
    assert len(timings) == len(said) == 12
    kinds = {fact.kind for fact in case.facts}
    assert {"system", "memory", "pool", "tag", "module", "process", "handles", "census", "tag_module"} <= kinds
    route = next(case.where("data_quality", problem="missing-symbols"))
    assert "6.1.7601" in str(route.get("text"))


def test_every_fact_says_where_and_how_to_check(dump: Path) -> None:
    case, _, _ = read(dump.read_bytes())
    for fact in case.facts:
        assert fact.source
        assert fact.verify or fact.kind == "data_quality", fact.id


def test_a_failing_reader_does_not_stop_the_others(dump: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise IndexError("damaged")

    monkeypatch.setattr(pooltags, "walk", fail)
    case, _, _ = read(dump.read_bytes())
    assert not case.of("tag")
    assert case.of("process")
    notes = [str(fact.get("text")) for fact in case.where("data_quality", problem="not-read")]
    assert any(text.startswith("Reading pool tags broke off (IndexError)") for text in notes)


def test_a_dump_without_page_tables_is_one_note(dump: Path) -> None:
    data = bytearray(dump.read_bytes())
    data[0x10:0x18] = (0xFFFF_FFFF_F000).to_bytes(8, "little")
    case, _, _ = read(bytes(data))
    assert {fact.kind for fact in case.facts} == {"data_quality"}
    assert any("page tables" in str(fact.get("text")) for fact in case.facts)


def test_the_mapping_can_be_closed_afterwards(dump: Path) -> None:
    with dump.open("rb") as handle:
        data = mmap.mmap(handle.fileno(), 0, access=mmap.ACCESS_READ)
        read(data)
        data.close()


def test_counts_with_gaps_are_notes() -> None:
    report = Report()
    report.counted("handles", 5, skipped=1)
    report.counted("handles", 5, unreadable=2)
    report.counted("modules", 3)
    report.missing("pool", "One sentence.")
    report.missing("pool", "One sentence.")
    texts = [fact.get("text") for fact in report.facts("here")]
    assert texts == [
        "One sentence.",
        "Handles: 10 read, 1 could not be true and were skipped, 2 are not in this dump.",
        "Read: 10 handles, 3 modules.",
    ]
