"""Golden reports: for each sample casefile its facts, JSON report, HTML text, PDF text and terminal summary.

They lie beside the casefile in casefiles/NAME/golden. A change of wording or figures is a diff to be reviewed; write
them anew with `pytest tests/test_golden.py --snapshot-update`.
"""

import io
import re
from pathlib import Path

import pytest
from pypdf import PdfReader
from rich.console import Console
from syrupy.assertion import SnapshotAssertion
from syrupy.extensions.single_file import SingleFileSnapshotExtension, WriteMode
from syrupy.location import PyTestLocation
from syrupy.types import SnapshotIndex

from dumptriage import __version__, report
from dumptriage.diagnosis import Diagnosis
from dumptriage.knowledge import load_knowledge
from dumptriage.sources import read
from dumptriage.triage import diagnose, shipped_rulebook

CASEFILES = Path(__file__).parent.parent / "casefiles"
NAMES = sorted(path.parent.name for path in CASEFILES.glob("*/casefile.*"))


class BesideTheCasefile(SingleFileSnapshotExtension):
    """Stores the snapshot of test[NAME] as casefiles/NAME/golden/FORM, FORM being the test's name."""

    _write_mode = WriteMode.TEXT
    file_extension = "txt"

    @classmethod
    def dirname(cls, *, test_location: PyTestLocation) -> str:
        name = test_location.snapshot_name.partition("[")[2].rstrip("]")
        return str(CASEFILES / name / "golden")

    @classmethod
    def get_file_basename(cls, *, test_location: PyTestLocation, index: SnapshotIndex) -> str:
        return test_location.methodname.removeprefix("test_")

    def delete_snapshots(self, *, snapshot_location: str, snapshot_names: set[str]) -> None:
        """Golden files are deleted by hand with their casefile, never because a run left tests out."""


@pytest.fixture
def golden(snapshot: SnapshotAssertion) -> SnapshotAssertion:
    return snapshot.use_extension(BesideTheCasefile)


@pytest.fixture(scope="module")
def diagnoses() -> dict[str, Diagnosis]:
    rulebook, knowledge = shipped_rulebook(), load_knowledge()
    found = {}
    for name in NAMES:
        (case,) = read(next((CASEFILES / name).glob("casefile.*")))
        found[name] = diagnose(case, rulebook, knowledge)
    return found


def steady(text: str, diagnosis: Diagnosis) -> str:
    """The text without what changes with every release or edit of a rule."""
    return text.replace(diagnosis.rulebook.sha256, "<rules>").replace(__version__, "<version>")


def visible(html: str) -> str:
    """The text of a page as a reader sees it, one element a line."""
    body = re.sub(r"<(style|script).*?</\1>", "", html, flags=re.DOTALL)
    lines = (re.sub(r"\s+", " ", line).strip() for line in re.sub(r"<[^>]+>", "\n", body).splitlines())
    return "\n".join(line for line in lines if line) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_facts(name: str, diagnoses: dict[str, Diagnosis], golden: SnapshotAssertion) -> None:
    assert steady(report.facts_json(diagnoses[name].case) + "\n", diagnoses[name]) == golden


@pytest.mark.parametrize("name", NAMES)
def test_report(name: str, diagnoses: dict[str, Diagnosis], golden: SnapshotAssertion, tmp_path: Path) -> None:
    report.write(diagnoses[name], tmp_path / "out.json")
    assert steady((tmp_path / "out.json").read_text(encoding="utf-8"), diagnoses[name]) == golden


@pytest.mark.parametrize("name", NAMES)
def test_page(name: str, diagnoses: dict[str, Diagnosis], golden: SnapshotAssertion, tmp_path: Path) -> None:
    report.write(diagnoses[name], tmp_path / "out.html")
    assert steady(visible((tmp_path / "out.html").read_text(encoding="utf-8")), diagnoses[name]) == golden


@pytest.mark.parametrize("name", NAMES)
def test_summary(name: str, diagnoses: dict[str, Diagnosis], golden: SnapshotAssertion) -> None:
    console = Console(file=io.StringIO(), width=80, highlight=False)
    report.summary(diagnoses[name], console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == golden


@pytest.mark.parametrize("name", NAMES)
def test_pdf(name: str, diagnoses: dict[str, Diagnosis], golden: SnapshotAssertion, tmp_path: Path) -> None:
    report.write(diagnoses[name], tmp_path / "out.pdf")
    pages = PdfReader(tmp_path / "out.pdf").pages
    assert "Chain of reasoning" in pages[1].extract_text(), "page one is one page, its pictures on it"
    text = steady(" ".join(page.extract_text() for page in pages), diagnoses[name])
    # Where a line breaks depends on the fonts installed; which words stand in the report does not.
    assert f"{len(pages)} pages\n" + "\n".join(sorted(set(text.split()))) + "\n" == golden
