"""The command as a user runs it: what it prints, what it writes and how it ends. One mistake of each kind."""

import json
import os
import resource as limits
import subprocess
import sys
from pathlib import Path

import pytest

CASEFILES = Path(__file__).parent.parent / "casefiles"
LEAK = CASEFILES / "thread-handle-leak" / "casefile.log"
HEALTHY = CASEFILES / "healthy-client" / "casefile.log"


def triage(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run the command in a process of its own, without a terminal."""
    command = [sys.executable, "-c", "from dumptriage.cli import main; main()", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, **options)  # type: ignore[call-overload,no-any-return]


def refused(result: subprocess.CompletedProcess[str], status: int) -> str:
    """The one line a refused run prints; nothing on standard output, no traceback."""
    assert result.returncode == status, result.stderr
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    lines = result.stderr.splitlines()
    assert len(lines) == 1, lines
    return lines[0]


class TestMainJob:
    def test_the_summary_goes_to_the_terminal(self) -> None:
        result = triage(LEAK)
        assert result.returncode == 0
        assert "xxxxxx.EXE (pid 2280) leaks thread handles" in result.stdout
        assert "\x1b" not in result.stdout
        assert max(len(line) for line in result.stdout.splitlines()) <= 80

    def test_several_reports_at_once_in_the_format_of_their_ending(self, tmp_path: Path) -> None:
        names = ["out.pdf", "out.html", "out.json"]
        result = triage(LEAK, *[word for name in names for word in ("--report", tmp_path / name)])
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "out.pdf").read_bytes().startswith(b"%PDF-")
        assert (tmp_path / "out.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
        assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))["verdict"]["state"] == "leak"
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)

    def test_the_article_case_to_the_figure(self, tmp_path: Path) -> None:
        triage(LEAK, "--report", tmp_path / "out.json")
        report = json.loads((tmp_path / "out.json").read_text(encoding="utf-8"))
        verdict = report["verdict"]
        resource = verdict["resource"]
        assert (resource["name"], resource["exhausted"]) == ("nonpaged pool", True)
        assert resource["confidence"] == "certain"
        assert (verdict["kind"]["name"], verdict["kind"]["tags"]) == ("thread handle leak", ["Thre"])
        assert verdict["kind"]["confidence"] == "certain"
        holder = verdict["holder"]
        assert (holder["name"], holder["pid"], holder["address"]) == ("xxxxxx.EXE", 2280, "886f5020")
        assert (verdict["culprit"]["name"], verdict["culprit"]["confidence"]) == ("xxxxxx.EXE", "high")
        said = " ".join(finding["text"] for finding in report["findings"])
        for figure in ("326,514", "208,968,960", "640", "323,155", "65,110", "388,386", "391,189", "388,836", "0.7 %"):
            assert figure in said

    def test_facts_are_themselves_a_casefile(self, tmp_path: Path) -> None:
        facts = tmp_path / "facts.json"
        facts.write_text(triage("facts", LEAK).stdout, encoding="utf-8")
        first, again = tmp_path / "first.json", tmp_path / "again.json"
        assert triage(LEAK, "--report", first).returncode == 0
        assert triage(facts, "--report", again).returncode == 0
        one, two = (json.loads(path.read_text(encoding="utf-8")) for path in (first, again))
        assert one["verdict"] == two["verdict"]
        assert one["casefile"]["sha256"] == two["casefile"]["sha256"]
        assert [f["text"] for f in one["findings"]] == [f["text"] for f in two["findings"]]

    @pytest.mark.parametrize(
        ("casefile", "level", "status"), [(LEAK, "critical", 1), (HEALTHY, "critical", 0), (HEALTHY, "info", 1)]
    )
    def test_fail_on(self, casefile: Path, level: str, status: int) -> None:
        assert triage(casefile, "--fail-on", level, "--quiet").returncode == status

    def test_a_file_named_like_a_subcommand(self, tmp_path: Path) -> None:
        (tmp_path / "facts").write_bytes(HEALTHY.read_bytes())
        assert triage("./facts", cwd=tmp_path).returncode == 0

    def test_options_may_come_first(self, tmp_path: Path) -> None:
        assert triage("--report", tmp_path / "out.json", HEALTHY).returncode == 0

    @pytest.mark.parametrize("words", [("--help",), ("-h",), ("--version",), ("facts", "--help"), ("run", "--help")])
    def test_help(self, words: tuple[str, ...]) -> None:
        result = triage(*words)
        assert result.returncode == 0
        assert result.stdout
        assert max(len(line) for line in result.stdout.splitlines()) <= 80


class TestSeveralMachines:
    LOG = "\n".join(
        f"0: kd> !vm 1\nPhysical Memory: {ram} ( {4 * ram} Kb)\nNonPagedPool Usage: 10 ( 40 Kb)\n"
        f"NonPagedPoolNx Usage: {used} ( {4 * used} Kb)\nNonPagedPool Max: 4294967296 (17179869184 Kb)"
        for ram, used in ((4_000_000, 100_000), (2_000_000, 1_900_000))
    )

    def test_one_report_each_the_gravest_under_the_name_asked_for(self, tmp_path: Path) -> None:
        (tmp_path / "case.log").write_text(self.LOG, encoding="utf-8")
        assert triage(tmp_path / "case.log", "--report", tmp_path / "out.json").returncode == 0
        states = [
            json.loads((tmp_path / name).read_text(encoding="utf-8"))["verdict"]["state"]
            for name in ("out.json", "out-2.json")
        ]
        assert states == ["exhaustion", "healthy"]

    def test_facts_are_of_one_machine(self, tmp_path: Path) -> None:
        (tmp_path / "case.log").write_text(self.LOG, encoding="utf-8")
        assert "pick one with --machine" in refused(triage("facts", tmp_path / "case.log"), 2)
        assert "holds 2" in refused(triage("facts", tmp_path / "case.log", "--machine", "3"), 2)
        picked = triage("facts", tmp_path / "case.log", "--machine", "2")
        assert json.loads(picked.stdout)["schema"] == "dumptriage/facts/1"


class TestKernelDump:
    DUMP = CASEFILES / "thread-handle-leak-dump" / "casefile.dmp.xz"

    def test_timings_by_stage(self) -> None:
        result = triage(self.DUMP, "--timings", "--quiet")
        assert result.returncode == 0
        assert "handles" in result.stderr
        assert "rules" in result.stderr

    def test_symbols_says_what_was_used_and_how_to_get_better(self) -> None:
        result = triage("symbols", self.DUMP)
        assert result.returncode == 0
        assert result.stdout.startswith("route: embedded layout")

    def test_symbols_of_a_log_make_no_sense(self) -> None:
        assert "a kernel dump (PAGEDU64 or PAGEDUMP) was expected" in refused(triage("symbols", LEAK), 3)


class TestMistakes:
    def test_no_such_file(self, tmp_path: Path) -> None:
        assert "cannot be read: No such file" in refused(triage(tmp_path / "none.dmp"), 3)

    def test_a_folder(self, tmp_path: Path) -> None:
        assert "is not a file" in refused(triage(tmp_path), 3)

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
    def test_an_unreadable_file(self, tmp_path: Path) -> None:
        secret = tmp_path / "secret.dmp"
        secret.write_bytes(b"PAGEDU64")
        secret.chmod(0)
        assert "Permission denied" in refused(triage(secret), 3)

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "is empty"),
            (bytes(65536), "zero"),
            (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8, "expected"),
            (bytes(range(256)) * 64, "expected"),
            (b"MDMP\x93\xa7" + bytes(4096), "user-mode"),
            (b"Dear all, the server hung again this morning.\n", "expected"),
            (b'{"schema": "dumptriage/facts/1", "facts": [', "not valid JSON"),
            (b'{"schema": "dumptriage/facts/new", "facts": []}', "expected 'dumptriage/facts/1'"),
            (b'{"schema": "dumptriage/facts/1", "facts": [{"kind": "pool", "used_bytes": "many"}]}', "takes int"),
        ],
        ids=["empty", "zeros", "png", "random", "mdmp", "prose", "cut-json", "other-schema", "wrong-type"],
    )
    def test_what_is_no_casefile_is_refused_in_one_line(self, content: bytes, says: str, tmp_path: Path) -> None:
        casefile, target = tmp_path / "casefile", tmp_path / "out.json"
        casefile.write_bytes(content)
        assert says in refused(triage(casefile, "--report", target), 3)
        assert not target.exists()

    def test_a_sparse_file_of_two_gigabytes(self, tmp_path: Path) -> None:
        sparse = tmp_path / "sparse.dmp"
        with sparse.open("wb") as file:
            file.truncate(2 << 30)
        refused(triage(sparse), 3)

    @pytest.mark.parametrize(
        ("words", "says"),
        [
            ((LEAK, "--report", "out.docx"), ".pdf"),
            ((LEAK, "--report", "/no/such/folder/out.pdf"), "folder"),
        ],
    )
    def test_a_report_that_cannot_be_written(self, words: tuple[str | Path, ...], says: str) -> None:
        result = triage(*words)
        assert result.returncode in (2, 3)
        assert says in result.stderr
        assert "Traceback" not in result.stderr

    @pytest.mark.parametrize("words", [(LEAK, "--fail-on", "high"), (LEAK, "--nonsense"), ("compare", LEAK)])
    def test_wrong_usage(self, words: tuple[str | Path, ...]) -> None:
        result = triage(*words)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr

    def test_no_room_for_the_report(self, tmp_path: Path) -> None:
        def small_files_only() -> None:
            limits.setrlimit(limits.RLIMIT_FSIZE, (1000, 1000))

        target = tmp_path / "out.json"
        result = triage(LEAK, "--report", target, "--quiet", preexec_fn=small_files_only)
        assert "Traceback" not in result.stderr
        assert result.returncode == 3
        assert list(tmp_path.iterdir()) == []


class TestTruncation:
    def test_a_log_cut_at_every_kilobyte(self, tmp_path: Path) -> None:
        """Through the reader, not the command: a process per kilobyte would take minutes."""
        from dumptriage.errors import CasefileError
        from dumptriage.sources import read

        whole = LEAK.read_bytes()
        cut = tmp_path / "cut.log"
        for end in range(1, len(whole), 512):
            cut.write_bytes(whole[:end])
            try:
                assert read(cut)
            except CasefileError as error:
                assert len(str(error).splitlines()) == 1
