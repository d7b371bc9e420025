"""Compiled templates are kept for the next run, and nothing wrong with what is kept does any harm."""

from pathlib import Path

import jinja2
import pytest

from dumptriage.report.compiled import CompiledTemplates


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DUMPTRIAGE_CACHE", str(tmp_path))
    return tmp_path


def rendered(text: str) -> str:
    loader = jinja2.DictLoader({"a": text})
    environment = jinja2.Environment(loader=loader, bytecode_cache=CompiledTemplates(), autoescape=True)
    return environment.get_template("a").render(x="<")


def test_a_template_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendered("a{{ x }}") == "a&lt;"
    monkeypatch.setattr(jinja2.Environment, "compile", None)
    assert rendered("a{{ x }}") == "a&lt;"


def test_a_changed_template_is_compiled_anew(folder: Path) -> None:
    assert rendered("a{{ x }}") == "a&lt;"
    assert rendered("b{{ x }}") == "b&lt;"


@pytest.mark.parametrize("damage", [b"", b"x", b"\x00" * 4000])
def test_a_damaged_file_is_passed_over(damage: bytes, folder: Path) -> None:
    rendered("a{{ x }}")
    for path in folder.rglob("*.cache"):
        path.write_bytes(damage or path.read_bytes()[:-20])
    assert rendered("a{{ x }}") == "a&lt;"


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("DUMPTRIAGE_CACHE", str(tmp_path / "file"))
    assert rendered("a{{ x }}") == "a&lt;"
