"""The verdict in one sentence: no surer than its parts."""

from dataclasses import replace
from typing import Any

import pytest
import report_cases

from dumptriage.diagnosis import Confidence, Verdict, VerdictPart
from dumptriage.facts import new
from dumptriage.report.headline import sentence
from dumptriage.report.model import build

KIND = VerdictPart("thread handle leak", Confidence.HIGH, tags=("Thre",))
APP = VerdictPart("app.exe", Confidence.HIGH, pid=8)
BROKER = VerdictPart("lsass.exe", Confidence.HIGH, pid=700)
DRIVER = VerdictPart("foo.sys", Confidence.MEDIUM)
UNKNOWN = VerdictPart()
FIGURES = "nonpaged pool is at 85.9 % of its maximum and tag Thre holds 85.6 % of it"


@pytest.mark.parametrize(
    ("holder", "culprit", "expected"),
    [
        (APP, APP, f"app.exe (pid 8) leaks thread handles: {FIGURES}."),
        (APP, replace(APP, confidence=Confidence.LOW), f"app.exe (pid 8) possibly leaks thread handles: {FIGURES}."),
        (BROKER, APP, f"lsass.exe (pid 700) holds leaked thread handles, caused by app.exe (pid 8): {FIGURES}."),
        (
            BROKER,
            UNKNOWN,
            f"lsass.exe (pid 700) holds leaked thread handles: {FIGURES}; who must fix it is not known.",
        ),
        (UNKNOWN, DRIVER, f"Thread handle leak, probably caused by foo.sys: {FIGURES}."),
        (UNKNOWN, UNKNOWN, f"Thread handle leak: {FIGURES}; who holds it and who must fix it is not known."),
    ],
)
def test_leak(holder: VerdictPart, culprit: VerdictPart, expected: str) -> None:
    base = report_cases.leak()
    verdict = Verdict("leak", VerdictPart("nonpaged pool", Confidence.CERTAIN), KIND, holder, culprit, True)
    assert sentence(replace(base, verdict=verdict)) == expected


def test_references_are_held_by_code_not_by_somebody() -> None:
    base = report_cases.leak()
    kind, holder = replace(KIND, name="process reference leak"), VerdictPart("kernel code", Confidence.HIGH)
    text = sentence(replace(base, verdict=replace(base.verdict, kind=kind, holder=holder, culprit=UNKNOWN)))
    assert text == f"Process reference leak, held by kernel code: {FIGURES}; who must fix it is not known."


def test_a_holder_nothing_names_is_not_named() -> None:
    base = report_cases.leak()
    finding = report_cases.finding("holder.driver-unnamed", "holder", "A driver.", {}, about={"tag": "Thre"})
    holder = VerdictPart("a driver not named by this evidence", Confidence.LOW, finding)
    text = sentence(replace(base, verdict=replace(base.verdict, holder=holder, culprit=UNKNOWN)))
    assert text.endswith(f"{FIGURES}; who holds it and who must fix it is not known.")
    assert "a driver not named" not in text


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (
            {"quantity": "tag", "tag": "Thre", "unit": "allocations", "bytes_change": 64_000_000, "span_s": 70_200},
            "tag Thre grew by 100,000 allocations (61.0 MiB) in 19 h 30 min",
        ),
        ({"quantity": "process", "pid": 8, "unit": "handles", "span_s": 3600}, "100,000 handles more in 1 h"),
        ({"quantity": "process", "pid": 8, "unit": "bytes"}, "97.7 KiB more"),
    ],
)
def test_a_leak_seen_growing_says_by_how_much(fields: dict[str, Any], expected: str) -> None:
    base = report_cases.leak()
    growth = new("growth", source="a.log:1", subject="x", change=100_000, **fields)
    seen = report_cases.finding("step.grows", "step", "x", {"g": growth})
    kind = replace(KIND, finding=report_cases.finding("kind.x", "kind", "x", {"f": seen.fact}))
    verdict = replace(base.verdict, kind=kind, holder=APP, culprit=APP)
    diagnosis = replace(base, findings=(*base.findings, seen), verdict=verdict)
    assert sentence(diagnosis) == f"app.exe (pid 8) leaks thread handles: {expected}, {FIGURES}."
    unmeasured = replace(diagnosis, verdict=replace(verdict, resource=UNKNOWN))
    assert sentence(unmeasured) == f"app.exe (pid 8) leaks thread handles: {expected}."


def test_suspicion_says_so() -> None:
    base = report_cases.leak()
    verdict = replace(base.verdict, state="suspect", holder=UNKNOWN, culprit=UNKNOWN)
    assert sentence(replace(base, verdict=verdict)).startswith("Suspected, not proven: ")


def test_exhaustion_does_not_name_a_leak() -> None:
    base = report_cases.leak()
    verdict = replace(base.verdict, state="exhaustion", kind=UNKNOWN, holder=UNKNOWN, culprit=UNKNOWN)
    assert sentence(replace(base, verdict=verdict)) == (
        "Nonpaged pool is exhausted: nonpaged pool is at 85.9 % of its maximum; "
        "who uses it up is not shown by this debugger log."
    )


@pytest.mark.parametrize(("share", "expected"), [(50.0, "render.exe (pid 6204) has committed 50 % of it"), (None, "")])
def test_the_process_that_has_committed_most_is_named(share: float | None, expected: str) -> None:
    base = report_cases.leak()
    process = new("process", source="case.log:7", pid=6204, image="render.exe", share_of_commit=share)
    step = report_cases.finding("step.commit-process", "step", "render.exe has most.", {"p": process})
    resource = VerdictPart("commit", Confidence.HIGH)
    verdict = Verdict("exhaustion", resource, UNKNOWN, UNKNOWN, UNKNOWN, True)
    diagnosis = replace(base, findings=(step,), verdict=verdict)
    said = sentence(diagnosis)
    assert said.startswith("Commit is exhausted")
    assert (expected or "who uses it up is not shown by this debugger log.") in said
    holder = build(diagnosis).part("holder")
    assert holder.name is None
    assert holder.text == (f"{expected}, which alone is no leak." if expected else "Not known from this evidence.")


def test_healthy_says_what_was_looked_at() -> None:
    assert sentence(report_cases.healthy()) == (
        "No leak and no exhausted resource was found in what was looked at: nonpaged pool (256.0 MiB, 3.1 % of "
        "RAM), paged pool (384.0 MiB, 4.7 % of RAM) and 30 pool tags."
    )


def test_inconclusive_says_what_is_missing() -> None:
    assert sentence(report_cases.inconclusive()) == (
        "This triage dump cannot tell whether anything leaks: nothing of pool tags and handles could be read from it."
    )
