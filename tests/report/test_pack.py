"""The vendor pack: what is in it, that it is the same twice, and that its script can do nothing but read."""

import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
import report_cases

from dumptriage import report
from dumptriage.capture.comments import plain
from dumptriage.capture.safe import is_safe
from dumptriage.errors import OutputError
from dumptriage.facts import new
from dumptriage.report.commands import script
from dumptriage.report.model import build
from dumptriage.report.wording import load
from dumptriage.sources import Options, read
from dumptriage.triage import run_casefiles

CASEFILES = Path(__file__).parents[2] / "casefiles"
LOG = CASEFILES / "thread-handle-leak" / "casefile.log"
MEMBERS = ["commands.txt", "cover-letter.txt", "facts.json", "report.html", "report.json", "report.pdf"]


def packed(name: str, folder: Path) -> dict[str, bytes]:
    path = folder / "case.zip"
    try:
        report.write(report_cases.ALL[name](), path)
    except OutputError as error:
        pytest.skip(str(error))
    with zipfile.ZipFile(path) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


@pytest.mark.parametrize("name", sorted(report_cases.ALL))
def test_every_case_makes_a_whole_pack(name: str, tmp_path: Path) -> None:
    members = packed(name, tmp_path)
    assert list(members) == MEMBERS
    assert members["report.pdf"].startswith(b"%PDF")
    assert json.loads(members["report.json"])["schema"] == "dumptriage/report/1"
    assert members["report.html"].startswith(b"<!DOCTYPE html>")


def test_same_diagnosis_same_bytes_and_no_time_of_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    packed("leak", tmp_path)
    first = (tmp_path / "case.zip").read_bytes()
    packed("leak", tmp_path)
    assert (tmp_path / "case.zip").read_bytes() == first
    with zipfile.ZipFile(io.BytesIO(first)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize(
    ("epoch", "moment"),
    [
        ("1700000000", (2023, 11, 14, 22, 13, 20)),
        ("0", (1980, 1, 1, 0, 0, 0)),
        ("99999999999", (2107, 12, 31, 23, 59, 58)),
        ("soon", (1980, 1, 1, 0, 0, 0)),
    ],
)
def test_moment_of_source_date_epoch(
    epoch: str, moment: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", epoch)
    packed("healthy", tmp_path)
    with zipfile.ZipFile(tmp_path / "case.zip") as archive:
        assert {entry.date_time for entry in archive.infolist()} == {moment}


def test_the_facts_of_a_pack_are_a_casefile(tmp_path: Path) -> None:
    members = packed("leak", tmp_path)
    (tmp_path / "facts.json").write_bytes(members["facts.json"])
    (case,) = read(tmp_path / "facts.json")
    assert case.one("tag") is not None


def test_nothing_half_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(page: str, attachment: object = None) -> bytes:
        raise OutputError(f"no PDF of {len(page)} characters")

    monkeypatch.setattr("dumptriage.report.typesetter.to_pdf", fail)
    with pytest.raises(OutputError, match="no PDF"):
        report.write(report_cases.leak(), tmp_path / "case.zip")
    assert list(tmp_path.iterdir()) == []


def test_several_machines_give_several_packs(tmp_path: Path) -> None:
    log = "\n".join(
        f"{number}: kd> !vm\n"
        "*** Virtual Memory Usage ***\n"
        f"\tPhysical Memory:   {pages}   ( {pages * 4} Kb)\n"
        "\tNonPagedPool Usage:  5000   (   20000 Kb)\n"
        "\tNonPagedPool Max:   69377   (  277508 Kb)\n"
        for number, pages in ((0, 655219), (1, 262144))
    )
    casefile = tmp_path / "two.log"
    casefile.write_text(log)
    if len(read(casefile)) != 2:
        pytest.fail("the log was meant to be of two machines")
    try:
        run_casefiles([casefile], [tmp_path / "case.zip"], lambda _: None, Options(), quiet=True)
    except OutputError as error:
        pytest.skip(str(error))
    names = [name for name in sorted(path.name for path in tmp_path.iterdir()) if name.endswith(".zip")]
    assert names == ["case-2.zip", "case.zip"]


# The script.


@pytest.mark.parametrize(
    "command",
    [
        "!vm",
        "!poolused 2 Thre",
        "!handle 0 3 886f5020 Thread",
        "!handle 0 0 0n2280",
        "lmvm acmeflt",
        "!analyze -v",
        "!fltkd.filters",
        "!htrace 0 886f5020",
        "!thread fffff805`4d200000".replace("`", ""),
        '!for_each_module s -a @#Base @#End "Thre"',
    ],
)
def test_commands_that_read_are_pasted(command: str) -> None:
    assert is_safe(command)


@pytest.mark.parametrize(
    "command",
    [
        "!process 0 0 a.exe;.reboot",
        "!process 0 0 a.exe\n.reboot",
        "!process 0 0 a.exe\r.crash",
        '!process 0 0 "a.exe"',
        "!process 0 0 @@c++(*(int*)0=1)",
        "!process 0 0 ${evil}",
        "!process 0 0 $$><c:\\x",
        "!process 0 0 {a}",
        "!process 0 0 a\u2028.reboot",
        "!process  0 0",
        '!for_each_module s -a @#Base @#End "a";q"',
        '!for_each_module .reboot "Thre"',
        '!for_each_process "eb 0 0"',
        "!htrace -enable",
        "!object <address of a sampled object>",
        "!object addr-3",
        "!handle 0 3 addr-12 Thread",
        ".reboot",
        ".shell calc",
        ".foreach (a {b}) {c}",
        "ed 80000000 0",
        "eb 80000000 0",
        "r eax=1",
        "bp nt!NtClose",
        "g",
        "$$><c:\\x.txt",
        "poolmon -n pool.log",
        "Restart the service.",
        "",
    ],
)
def test_all_else_is_not(command: str) -> None:
    assert not is_safe(command)


@pytest.mark.parametrize("text", ["a;.reboot", "a\n.reboot", 'a"b', "a\r\n$$>< x", "a\x00\u2028b\u202e", "${x}`"])
def test_nothing_gets_out_of_a_comment(text: str) -> None:
    assert re.fullmatch(r"[ !#%&'()*+,\-./0-9:=?@A-Z\[\\\]^_a-z|~]*", plain(text))


def only_comments_and_reading(text: str) -> bool:
    lines = text.split("\r\n")
    return all(
        not line or (line.startswith("$$ ") and not re.search(r'[;"`\n\r$]', line[3:])) or is_safe(line)
        for line in lines
    )


@pytest.mark.parametrize("name", sorted(report_cases.ALL))
def test_every_line_is_a_comment_or_reads(name: str) -> None:
    text = script(build(report_cases.ALL[name]()), load())
    assert text.isascii()
    assert only_comments_and_reading(text)


def test_hostile_casefiles_get_no_command_in() -> None:
    diagnosis = report_cases.leak()
    evil = 'Th";.reboot;$$'
    tag = new("tag", source="x", verify=f"!poolused 2 {evil}\n.shell calc", tag=evil, pool="nonpaged", bytes=1)
    step = report_cases.finding(
        "step.evil",
        "step",
        f"{evil} leaks\n.reboot",
        {"t": tag},
        title=f"{evil}\r\n.reboot",
        asks=(f"!poolfind {evil}", ".reboot", f"!object {evil}\n.shell calc"),
    )
    text = script(build(replace(diagnosis, findings=(*diagnosis.findings, step))), load())
    assert only_comments_and_reading(text)
    commands = [line for line in text.split("\r\n") if line and not line.startswith("$$ ")]
    assert not any("reboot" in line or "shell" in line for line in commands)
    assert "To be typed by hand" in text


def test_the_script_shows_the_evidence_and_what_it_is(tmp_path: Path) -> None:
    lines = packed("leak", tmp_path)["commands.txt"].decode("ascii").split("\r\n")
    place = next(number for number, line in enumerate(lines) if line.startswith("!poolused 2"))
    assert lines[place - 1].startswith("$$ ")
    assert len([line for line in lines if line and not line.startswith("$$ ")]) == len(
        {line for line in lines if line and not line.startswith("$$ ")}
    )


# The letter.


def test_the_letter_says_what_was_found_how_sure_what_is_asked_and_what_is_enclosed(tmp_path: Path) -> None:
    letter = packed("leak", tmp_path)["cover-letter.txt"].decode()
    lines = letter.split("\r\n")
    assert max(map(len, lines)) <= 76
    words = " ".join(letter.split())
    assert "xxxxxx.EXE (pid 2280) leaks thread handles" in words
    assert "Please confirm the defect" in words
    assert "(confidence: certain)" in words
    for heading in ("What was found", "How sure, and what would change it", "What is asked of you", "Enclosed"):
        assert heading in lines
    assert all(f"- {name}" in letter for name in MEMBERS)


@pytest.mark.parametrize("name", ["healthy", "inconclusive"])
def test_a_letter_that_accuses_no_one_asks_nothing(name: str, tmp_path: Path) -> None:
    letter = packed(name, tmp_path)["cover-letter.txt"].decode()
    assert "this is for your information" in letter


def test_hostile_names_are_harmless_in_the_letter(tmp_path: Path) -> None:
    letter = packed("hostile", tmp_path)["cover-letter.txt"].decode()
    assert "\u202e" not in letter
    assert all(letter_.isprintable() or letter_ in "\r\n" for letter_ in letter)
