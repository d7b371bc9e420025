"""What a debugger adds to a case read out of the dump, and what it does not."""

from dataclasses import replace

from dumptriage.debugger.fill import filled
from dumptriage.debugger.interface import Output
from dumptriage.debugger.transcript import Transcript
from dumptriage.facts import Case, Casefile, Fact, Value, new
from dumptriage.facts.fact import fact_id

CASEFILE = Casefile("x.dmp", "0" * 64, 1, "dump")


def native(kind: str, **fields: Value) -> Fact:
    return replace(new(kind, source="nt!x @ 1000"), fields=fields, id=fact_id(kind, fields))


def told(kind: str, **fields: Value) -> Fact:
    return replace(native(kind, **fields), source="kd: !x")


def of(case: Case, kind: str) -> list[dict[str, Value]]:
    return [dict(fact.fields) for fact in case.of(kind)]


def test_a_kind_that_is_missing_is_added_and_the_note_that_said_so_goes() -> None:
    note = native("data_quality", problem="not-read", subject="tags", severity="warning", text="Not read.")
    other = native("data_quality", problem="not-read", subject="modules", severity="warning", text="Not read.")
    case = filled(Case(CASEFILE, [note, other]), Case(CASEFILE, [told("tag", tag="Thre", pool="nonpaged", bytes=5)]))
    assert of(case, "tag") == [{"tag": "Thre", "pool": "nonpaged", "bytes": 5}]
    assert [fact.get("subject") for fact in case.of("data_quality")] == ["modules"]


def test_a_list_the_dump_gave_is_whole() -> None:
    ours = [native("tag", tag=tag, pool="nonpaged", bytes=5) for tag in ("Thre", "Proc")]
    case = filled(Case(CASEFILE, ours), Case(CASEFILE, [told("tag", tag="Misr", pool="nonpaged", bytes=9)]))
    assert [fact["tag"] for fact in of(case, "tag")] == ["Thre", "Proc"]


def test_one_process_alone_is_no_list() -> None:
    crashed = native("process", pid=2280, address="886f5020", crashed=True)
    seen = [told("process", pid=pid, address=place) for pid, place in ((2280, "886f5020"), (8, "89075020"))]
    case = filled(Case(CASEFILE, [crashed]), Case(CASEFILE, seen))
    assert [fact["pid"] for fact in of(case, "process")] == [2280, 8]
    assert case.of("process")[0].flag("crashed")


def test_fields_are_completed_and_both_sources_named() -> None:
    case = filled(
        Case(CASEFILE, [native("module", name="acme", base="f7000000", size=4096)]),
        Case(CASEFILE, [told("module", name="acme.sys", base="f7000000", size=4096, company="Acme")]),
    )
    assert of(case, "module") == [{"name": "acme", "base": "f7000000", "size": 4096, "company": "Acme"}]
    assert case.of("module")[0].source == "nt!x @ 1000, kd: !x"


def test_where_they_contradict_the_dump_stands_and_a_note_says_it() -> None:
    ours = native("pool", type="nonpaged", used_bytes=1_000_000, max_bytes=2_000_000)
    theirs = told("pool", type="nonpaged", used_bytes=1_500_000, max_bytes=2_000_001)
    case = filled(Case(CASEFILE, [ours]), Case(CASEFILE, [theirs]))
    assert of(case, "pool")[0]["used_bytes"] == 1_000_000
    assert [fact.text("text") for fact in case.of("data_quality")] == [
        "kd: !x shows used bytes of pool nonpaged as 1,500,000, the dump itself 1,000,000; "
        "the figure of the dump is used."
    ]


def test_missing_symbols_of_the_debugger_are_no_flaw_of_the_dump() -> None:
    notes = [
        told("data_quality", problem=problem, subject="modules", severity="info", text=problem)
        for problem in ("missing-symbols", "debugger-error")
    ]
    assert [fact["problem"] for fact in of(filled(Case(CASEFILE), Case(CASEFILE, notes)), "data_quality")] == [
        "debugger-error"
    ]


POOLUSED = """\
   Sorting by NonPaged Pool Consumed

  Pool Used:
            NonPaged            Paged
 Tag    Allocs     Used    Allocs     Used
 Thre   326514 208968960         0        0
 MmCm      647   2830624         0        0
"""


def test_two_readings_of_a_running_machine_seconds_apart_are_no_growth() -> None:
    later = POOLUSED.replace("326514 208968960", "326999 209279360")
    transcript = Transcript("kd")
    for command, text in (("!poolused 2", POOLUSED), ("!poolused 4", later)):
        transcript.add("lkd> ", command, Output(text, "complete", 1.0))
    case = transcript.case(CASEFILE)
    assert case is not None
    assert case.history is None
    assert case.of("growth") == []
    thre = next(case.where("tag", tag="Thre"))
    assert (thre.get("outstanding"), thre.source) == (326999, "kd: !poolused 4")


def test_a_partial_list_is_the_beginning_of_one() -> None:
    transcript = Transcript("kd")
    transcript.add("kd> ", "!poolused 2", Output(POOLUSED, "timeout", 9.0))
    case = transcript.case(CASEFILE)
    assert case is not None
    assert ("cut-list", "tags") in [(fact.get("problem"), fact.get("subject")) for fact in case.of("data_quality")]


def test_a_flood_costs_nothing_but_its_own_command() -> None:
    transcript = Transcript("kd")
    transcript.add("kd> ", "!process 0 0", Output("x\n" * 4_000_000, "truncated", 1.0))
    transcript.add("kd> ", "!poolused 2", Output(POOLUSED, "complete", 1.0))
    assert transcript.data.count(b"\n") < 201_000
    case = transcript.case(CASEFILE)
    assert case is not None
    assert len(case.of("tag")) == 2


def test_after_many_floods_it_is_full() -> None:
    transcript = Transcript("kd")
    flood = Output("nothing of interest\n" * 300_000, "complete", 1.0)
    for _ in range(8):
        transcript.add("kd> ", "!process 0 0", flood)
    assert transcript.full
    assert len(transcript.data) <= 24 << 20
    assert {output.state for _, output in transcript.ran} == {"truncated"}
