"""The signature: the same for the same defect on another machine, another for another defect."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import report_cases

from dumptriage.diagnosis import Confidence, Diagnosis, VerdictPart
from dumptriage.knowledge import load_knowledge
from dumptriage.report import alternatives, chain
from dumptriage.report.signature import keywords, signature
from dumptriage.report.wording import load
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

CASEFILES = Path(__file__).parents[2] / "casefiles"


def code(diagnosis: Diagnosis) -> str | None:
    found = signature(diagnosis, load())
    return found.code if found else None


def about(diagnosis: Diagnosis, part: str, **fields: Any) -> Diagnosis:
    """The diagnosis with other fields of the finding under a part of the verdict."""
    old = getattr(diagnosis.verdict, part)
    finding = replace(old.finding, about={**old.finding.about, **fields})
    return replace(diagnosis, verdict=replace(diagnosis.verdict, **{part: replace(old, finding=finding)}))


def test_a_log_and_a_dump_of_one_defect_have_one_signature() -> None:
    rulebook, knowledge = shipped_rulebook(), load_knowledge()
    codes = set()
    for name in ("thread-handle-leak", "thread-handle-leak-dump"):
        (case,) = read(next((CASEFILES / name).glob("casefile.*")))
        codes.add(code(diagnose(case, rulebook, knowledge)))
    assert len(codes) == 1
    assert None not in codes


@pytest.mark.parametrize(
    "changed",
    [
        lambda d: about(d, "holder", pid=77, address="80000000"),
        lambda d: about(d, "holder", image="XXXXXX.exe"),
        lambda d: replace(d, case=type(d.case)(replace(d.case.casefile, name="other.log"), d.case.facts, "PC-17")),
        lambda d: replace(
            d, verdict=replace(d.verdict, exhausted=False, kind=replace(d.verdict.kind, confidence=Confidence.LOW))
        ),
    ],
)
def test_another_machine_has_the_same(changed: Any) -> None:
    base = report_cases.leak()
    assert code(changed(base)) == code(base)


@pytest.mark.parametrize(
    "changed",
    [
        lambda d: about(d, "holder", image="other.exe"),
        lambda d: about(d, "kind", tag="Proc"),
        lambda d: about(d, "kind", tag="thre"),  # tags differ by case
    ],
)
def test_another_defect_has_another(changed: Any) -> None:
    base = report_cases.leak()
    assert code(changed(base)) != code(base)


def test_a_kernel_keeps_fourteen_characters_of_an_image() -> None:
    base = report_cases.leak()
    whole = about(base, "holder", image="averylongimagename.exe")
    assert code(whole) == code(about(base, "holder", image="averylongimage"))


def test_a_driver_is_the_same_with_and_without_its_ending_and_path() -> None:
    base = report_cases.leak()
    assert code(about(base, "culprit", module="abcfilt")) == code(
        about(base, "culprit", module="\\SystemRoot\\system32\\drivers\\ABCfilt.sys")
    )


@pytest.mark.parametrize("name", ["healthy", "inconclusive"])
def test_where_nothing_was_found_there_is_none(name: str) -> None:
    assert code(report_cases.ALL[name]()) is None


def test_keywords_hold_what_a_vendor_searches_for_and_no_machine() -> None:
    base = report_cases.leak()
    words = keywords(replace(base, case=type(base.case)(base.case.casefile, base.case.facts, "PC-17")))
    assert {"nonpaged pool", "thread handle leak", "Thre", "xxxxxx.EXE", "2195"} <= set(words)
    assert not any("PC-17" in word or "2280" in word for word in words)


def listed(diagnosis: Diagnosis) -> list[alternatives.Alternative]:
    return list(alternatives.build(diagnosis, chain.build(diagnosis, load()), load()))


def test_competing_conclusions_come_first_then_what_it_is_mistaken_for() -> None:
    base = report_cases.leak()
    other = report_cases.finding(
        "holder.other",
        "holder",
        "lsass.exe holds some.",
        {},
        label="lsass.exe",
        confidence=Confidence.LOW,
        disprove="!handle shows none.",
        asks=("!handle 0 3 300 Thread",),
    )
    found = listed(replace(base, findings=(*base.findings, other)))
    assert (found[0].what, found[0].part, found[0].confidence) == ("lsass.exe", "Holder", "low")
    assert "Disproved if !handle shows none." in found[0].tells
    assert found[0].commands == ("!handle 0 3 300 Thread",)


def test_a_handle_leak_is_held_against_references_and_load() -> None:
    base = report_cases.leak()
    kind = base.verdict.kind.finding
    assert kind is not None
    named = replace(kind, name="kind.handle-leak")
    keeps = report_cases.finding("step.handles-keep", "step", "x", {"f": named.fact}, about={"tag": "Thre"})
    verdict = replace(base.verdict, kind=replace(base.verdict.kind, finding=named))
    diagnosis = replace(base, verdict=verdict, findings=(*base.findings, keeps))
    references, load_, _ = listed(diagnosis)[-3:]
    assert "references" in references.what
    assert references.against == (chain.build(diagnosis, load()).numbers[keeps.fact.id],)
    assert load_.against == ()
    assert "Nothing in this casefile" in load_.confidence


def test_what_is_hardly_sure_itself_speaks_against_nothing() -> None:
    base = report_cases.leak()
    kind = base.verdict.kind.finding
    assert kind is not None
    named = replace(kind, name="kind.driver-allocations")
    for confidence, against in ((Confidence.LOW, False), (Confidence.MEDIUM, True)):
        grows = report_cases.finding("step.grows", "step", "x", {}, about={"tag": "Thre"}, confidence=confidence)
        verdict = replace(base.verdict, kind=replace(base.verdict.kind, finding=named))
        by_design = listed(replace(base, verdict=verdict, findings=(*base.findings, grows)))[-3]
        assert bool(by_design.against) is against


def test_a_holder_nothing_names_is_in_neither_signature_nor_keywords() -> None:
    base = report_cases.leak()
    guess = report_cases.finding("holder.driver-unnamed", "holder", "A driver.", {}, about={"tag": "Thre"})
    holder = VerdictPart("a driver not named by this evidence", Confidence.LOW, guess)
    diagnosis = replace(base, verdict=replace(base.verdict, holder=holder))
    found = signature(diagnosis, load())
    assert found is not None
    assert dict(found.parts)["Holder"] == "-"
    assert not any("not named" in word for word in keywords(diagnosis))


@pytest.mark.parametrize("name", report_cases.ALL)
def test_every_case_can_be_asked_for_alternatives(name: str) -> None:
    found = listed(report_cases.ALL[name]())
    assert len(found) <= alternatives.MAX_ALTERNATIVES
    assert bool(found) is (name != "inconclusive")


def test_every_family_has_its_words() -> None:
    for family, rivals in alternatives._RIVALS.items():
        for rival, _ in rivals:
            assert f"alternatives.rivals.{family}.{rival}.what" in load()
            assert f"alternatives.rivals.{family}.{rival}.tells" in load()
