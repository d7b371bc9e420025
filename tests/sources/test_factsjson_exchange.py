"""facts.json between versions and people: older, newer, changed, redacted, judged again by other rules."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dumptriage import report
from dumptriage.applied import load_rules
from dumptriage.cli import app
from dumptriage.derivation import derive
from dumptriage.diagnosis import Diagnosis
from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile, new
from dumptriage.facts.digest import facts_sha256
from dumptriage.inference import Rulebook
from dumptriage.knowledge import Knowledge
from dumptriage.redaction import Redaction, Redactor, level_of
from dumptriage.redaction.levels import LEVELS
from dumptriage.sources import factsjson
from dumptriage.sources import read as read_casefile
from dumptriage.triage import diagnose

CASE = Path(__file__).parents[2] / "casefiles" / "thread-handle-leak" / "casefile.log"
Books = tuple[Rulebook, Knowledge]
Names = Callable[[str | None], str | None]


@pytest.fixture(scope="module")
def books() -> Books:
    return load_rules()


def document(**more: Any) -> dict[str, Any]:
    """A small facts.json as this version writes it."""
    case = Case(Casefile("a.log", "ab" * 32, 5, "log"))
    case.add(new("tag", source="a.log:3", verify="!poolused 2 Thre", tag="Thre", pool="nonpaged", bytes=7, frees=None))
    case.add(new("pool", source="a.log:1", type="nonpaged", used_bytes=9, percent_of_ram=0.5))
    written: dict[str, Any] = json.loads(report.facts_json(case))
    return {**written, **more}


def read(written: dict[str, Any], indent: int | None = None) -> Case:
    (case,) = factsjson.read(json.dumps(written, indent=indent).encode(), "facts.json")
    return case


def notes(case: Case) -> list[tuple[object, object, str]]:
    return [(one.get("problem"), one.get("severity"), one.text("text") or "") for one in case.of("data_quality")]


def judged(diagnosis: Diagnosis, given: Names = lambda name: name) -> object:
    """The verdict, its names as `given` spells them."""
    verdict = diagnosis.verdict
    parts = (verdict.resource, verdict.kind, verdict.holder, verdict.culprit)
    return (
        verdict.state,
        verdict.exhausted,
        *((given(part.name), part.confidence.word, part.tags, part.pid) for part in parts),
    )


class TestChecksum:
    def test_unchanged_facts_fit_however_the_file_is_laid_out(self) -> None:
        written = document()
        turned = dict(sorted(written.items(), reverse=True))
        for each in (read(written), read(written, indent=4), read(turned)):
            ((problem, severity, text),) = notes(each)
            assert (problem, severity) == ("second-hand", "info")
            assert "They fit the checksum" in text

    @pytest.mark.parametrize(
        "change",
        [
            lambda written: written["facts"][0].update(bytes=8),
            lambda written: written["facts"].pop(),
            lambda written: written["casefile"].update(sha256="cd" * 32),
            lambda written: written.update(redaction="names"),
        ],
        ids=["a figure", "a fact", "the casefile", "the redaction"],
    )
    def test_a_change_is_noticed(self, change: Callable[[dict[str, Any]], object]) -> None:
        written = document()
        change(written)
        found = notes(read(written))
        assert [(problem, severity) for problem, severity, _ in found] == [
            ("second-hand", "info"),
            ("second-hand", "warning"),
        ]
        assert "was changed after it was written" in found[1][2]
        assert "They fit" not in found[0][2]

    @pytest.mark.parametrize("absent", [None, 5])
    def test_without_a_checksum_nothing_is_said_of_it(self, absent: object) -> None:
        ((problem, severity, text),) = notes(read(document(facts_sha256=absent)))
        assert (problem, severity) == ("second-hand", "info")
        assert "checksum" not in text

    def test_who_wrote_it_may_be_renamed(self) -> None:
        assert len(notes(read(document(writer={"name": "other", "version": "7"})))) == 1

    def test_is_computed_as_the_page_says(self) -> None:
        written = document()
        given = written.pop("facts_sha256")
        written.pop("writer")
        text = json.dumps(written, sort_keys=True, separators=(",", ":"))
        assert hashlib.sha256(text.encode()).hexdigest() == given == facts_sha256({**written, "writer": 1})


class TestOlder:
    def test_facts_without_the_fields_of_today_are_read(self) -> None:
        old = {"kind": "growth", "quantity": "tag", "subject": "Thre", "first": 5, "last": 9, "change": 4}
        (case,) = factsjson.read(json.dumps({"schema": "dumptriage/facts/1", "facts": [old]}).encode(), "facts.json")
        assert case.of("growth")[0].fields == {key: value for key, value in old.items() if key != "kind"}


class TestNewer:
    NEWER = "dumptriage/facts/2"

    def test_is_read_as_far_as_it_is_known_and_says_so(self) -> None:
        written = document(schema=self.NEWER, writer={"name": "dumptriage", "version": "2.5"})
        written["facts"] += [{"kind": "weather", "sun": [1, 2]}, "what?"]
        written["facts"][0].update(bytes="seven", colour="red", quality="perfect")
        case = read(written)
        (tag,) = case.of("tag")
        assert (tag.get("bytes"), tag.get("pool"), tag.get("colour"), tag.quality) == (
            None,
            "nonpaged",
            "red",
            "suspect",
        )
        assert case.of("weather")[0].fields == {"sun": "[1, 2]"}
        assert case.of("pool")[0].get("used_bytes") == 9
        said = "\n".join(text for _, _, text in notes(case))
        assert "is of form 2 (written by version 2.5), this version knows form 1" in said
        assert "tag.bytes takes int, not 'seven'; it was left out" in said
        assert "quality 'perfect'" in said
        assert "fact 4 is not an object with a 'kind'; it was left out" in said

    def test_notes_are_bounded(self) -> None:
        written = document(schema=self.NEWER, facts=[1] * 50)
        said = [text for _, _, text in notes(read(written)) if "left out" in text]
        assert len(said) == factsjson.MAX_NOTES + 1
        assert said[-1].startswith("30 more values")

    @pytest.mark.parametrize("schema", ["dumptriage/facts/0", "dumptriage/facts/x", "dumptriage/report/1", None, 1])
    def test_another_form_is_refused(self, schema: object) -> None:
        with pytest.raises(CasefileError, match="has schema"):
            read(document(schema=schema))

    def test_the_same_wrong_value_is_refused_in_a_file_of_this_form(self) -> None:
        written = document()
        written["facts"][0]["bytes"] = "seven"
        with pytest.raises(CasefileError, match=r"fact 1: tag\.bytes takes int"):
            read(written)

    def test_what_is_not_known_is_in_the_report(self, books: Books, tmp_path: Path) -> None:
        written = document(schema=self.NEWER)
        written["facts"].append({"kind": "weather", "sky": "<b>blue</b>"})
        written["facts"][1]["flavour"] = "sweet"
        page = tmp_path / "out.html"
        report.write(diagnose(read(written), *books), page)
        text = page.read_text(encoding="utf-8")
        assert "Facts this version does not know" in text
        assert "sky = &lt;b&gt;blue&lt;/b&gt;" in text
        assert "flavour = sweet" in text

    def test_what_is_not_known_is_written_again(self) -> None:
        written = document(schema=self.NEWER)
        written["facts"].append({"kind": "weather", "sky": "blue", "sun": [1, {"a": None}]})
        again = json.loads(report.facts_json(read(written)))
        assert any(fact["kind"] == "weather" and fact["sky"] == "blue" for fact in again["facts"])


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "1e999"])
def test_what_is_no_number_cannot_break_the_next_file(number: str) -> None:
    text = '{"schema": "dumptriage/facts/1", "facts": [{"kind": "tag", "tag": "Thre", "x": ' + number + "}]}"
    try:
        (case,) = factsjson.read(text.encode(), "facts.json")
    except CasefileError as error:
        assert "is no number of JSON" in str(error)
    else:
        json.loads(report.facts_json(case))


def test_other_rules_judge_the_facts_without_the_casefile(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], books: Books
) -> None:
    (case,) = read_casefile(CASE)
    derive(case, books[1])
    facts, out = tmp_path / "facts.json", tmp_path / "out.json"
    facts.write_text(report.facts_json(case))
    rules = tmp_path / "rules"
    rules.mkdir()
    (rules / "own.yaml").write_text(
        "pack: Own\nrules:\n"
        "  - id: own.threads\n    title: Threads, says the new rule\n    status: experimental\n    version: 1\n"
        "    when:\n      - tag t: {tag: Thre, bytes: '>= 1'}\n"
        "    then: {finding: step.own, severity: info, confidence: high, say: 'Seen {{ t.tag }}.'}\n"
        "    tests:\n      - facts: [tag t: {tag: Thre, bytes: 1}]\n        says: Seen Thre.\n"
    )
    app([str(facts), "--rules", str(rules), "--report", str(out)], standalone_mode=False)
    document = json.loads(out.read_text())
    assert "Seen Thre." in [finding["text"] for finding in document["findings"]]
    assert document["casefile"]["name"] == "casefile.log"
    assert document["verdict"]["state"] == "leak"


def test_growth_is_judged_from_the_file_as_from_the_snapshots(tmp_path: Path, books: Books) -> None:
    """Growth facts carry what was read, so that no history is needed to judge them again."""
    case = Case(Casefile("pool.log", "ab" * 32, 5, "poolmon"))
    case.add(
        new(
            "growth",
            source="pool.log:1",
            quantity="tag",
            subject="Qxb7",
            tag="Qxb7",
            pool="nonpaged",
            unit="allocations",
            first=1_000,
            last=400_000,
            change=399_000,
            bytes_change=399_000 * 512,
            allocs_change=420_000,
            frees_change=21_000,
            span_s=7200.0,
            monotonic=True,
            snapshots=5,
            readings="0=1000 1800=100000 3600=200000 5400=300000 7200=400000",
        )
    )
    first = diagnose(case, *books)
    again = diagnose(read(json.loads(report.facts_json(first.case))), *books)
    assert again.case.of("growth")[0].fields == first.case.of("growth")[0].fields
    assert judged(again) == judged(first)
    assert {one.rule: one.outcome for one in again.outcomes} == {one.rule: one.outcome for one in first.outcomes}


def redacted(case: Case, level: str | None, file: Path, knowledge: Knowledge) -> tuple[Case, Names]:
    """The case redacted to a level, or as it is without one, and what spells a name as it is spelt there."""
    if level is None:
        return case, lambda name: name
    redactor = Redactor(Redaction(level_of(level)), knowledge)
    (hidden,) = redactor.cases([case], file.name)
    return hidden, lambda name: None if name is None else redactor.text(name)


def test_redacted_real_cases_give_the_same_verdict_again(shared: Path, books: Books) -> None:
    files = sorted((shared / "cases").glob("*/transcript.txt"))
    assert files
    judged_cases = 0
    for file in files:
        try:
            cases = read_casefile(file)
        except CasefileError:
            continue
        for number, _ in enumerate(cases):
            expected = diagnose(read_casefile(file)[number], *books)
            for level in (None, *LEVELS):
                case, given = redacted(read_casefile(file)[number], level, file, books[1])
                derive(case, books[1])
                again = diagnose(read(json.loads(report.facts_json(case))), *books)
                assert judged(again) == judged(expected, given), f"{file.parent.name}, redacted to {level}"
                judged_cases += 1
    assert judged_cases > 50
