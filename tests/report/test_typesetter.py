"""The process that lays out PDFs: the same bytes as in this process, one line for whatever happens to it."""

from pathlib import Path

import pytest

from dumptriage.errors import OutputError
from dumptriage.report.pdf import Attachment, to_pdf
from dumptriage.report.typesetter import Typesetter, typeset, typesetting

PAGE = "<!doctype html><html lang=en><title>A case</title><h1>A case</h1><p>{}"


def test_it_makes_what_this_process_makes_page_after_page() -> None:
    pages = [PAGE.format("one"), PAGE.format("zwei – 二")]
    attached = Attachment("report.json", "What was found", b"{}\n")
    with typesetting([Path("out.pdf")]):
        made = [typeset(page) for page in pages] + [typeset(pages[0], attached)]
    assert made == [to_pdf(page) for page in pages] + [to_pdf(pages[0], attached)]


def test_no_process_is_started_where_no_pdf_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dumptriage.report.typesetter.Typesetter", lambda: pytest.fail("started"))
    with typesetting([Path("out.html"), Path("out.json")]):
        pass


def test_a_layout_that_takes_too_long_is_ended_in_one_line() -> None:
    typesetter = Typesetter(limit_s=0.05)
    try:
        with pytest.raises(OutputError, match=r"^the PDF cannot be laid out \(not done after 0\.05 s\); .*\.html"):
            typesetter.pdf(PAGE.format("slow"), None)
    finally:
        typesetter.close()


def test_a_process_that_died_is_one_line() -> None:
    typesetter = Typesetter()
    typesetter._child.kill()
    try:
        with pytest.raises(OutputError, match="the process that does it ended"):
            typesetter.pdf(PAGE.format("lost"), None)
    finally:
        typesetter.close()


def test_nothing_in_the_working_directory_is_taken_for_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "weasyprint.py").write_text(f"open({str(tmp_path / 'taken')!r}, 'w')\n")
    (tmp_path / "dumptriage.py").write_text(f"open({str(tmp_path / 'taken')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    typesetter = Typesetter()
    try:
        assert typesetter.pdf(PAGE.format("safe"), None).startswith(b"%PDF")
    finally:
        typesetter.close()
    assert not (tmp_path / "taken").exists()
