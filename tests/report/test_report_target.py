"""Where a report goes: endings, checks before the analysis, and whole files only."""

import errno
import os
from pathlib import Path

import pytest
import report_cases

from dumptriage import report
from dumptriage.errors import OutputError, UsageError
from dumptriage.report.target import write_atomically


@pytest.mark.parametrize(
    ("name", "form"), [("a.html", "html"), ("a.HTM", "html"), ("a.pdf", "pdf"), ("a.b.json", "json")]
)
def test_format_follows_the_ending(name: str, form: str, tmp_path: Path) -> None:
    assert report.check_target(tmp_path / name) == form


@pytest.mark.parametrize("name", ["report", "report.docx", ".pdf"])
def test_other_endings_are_refused_with_the_known_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.html, \.htm, \.pdf, \.json"):
        report.check_target(tmp_path / name)


def test_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="does not exist"):
        report.check_target(tmp_path / "none" / "a.pdf")


def test_what_is_no_regular_file_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").mkdir()
    with pytest.raises(OutputError, match="not a regular file"):
        report.check_target(tmp_path / "a.pdf")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="not writable"):
        report.check_target(tmp_path / "a.pdf")


@pytest.mark.parametrize("name", ["a.json", "a.html"])
def test_full_disk_leaves_nothing_half_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = tmp_path / name
    old.write_text("older report")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match="No space left on device") as caught:
        report.write(report_cases.healthy(), old)
    assert "\n" not in str(caught.value)
    assert old.read_text() == "older report"
    assert list(tmp_path.iterdir()) == [old]


def test_links_are_followed_and_permissions_are_usual(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text("{}")
    link = tmp_path / "link.json"
    link.symlink_to(real)
    write_atomically(link, b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"
    mask = os.umask(0)
    os.umask(mask)
    assert real.stat().st_mode & 0o777 == 0o666 & ~mask
