"""The example of docs/writing-rules.md loads and concludes what the page says."""

import re
from pathlib import Path

import pytest
from rulepacks import case, rulebook

from dumptriage.errors import RulebookError
from dumptriage.facts import new
from dumptriage.inference import infer, load

PAGE = Path(__file__).parents[2] / "docs/writing-rules.md"


def example() -> str:
    found = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return str(next(block for block in found if block.startswith("pack: Handles")))


def test_the_example_of_the_page_fires() -> None:
    facts = [
        new("pool", source="x:1", type="nonpaged", percent_of_max=85.9),
        new("tag", source="x:2", tag="Thre", pool="nonpaged", outstanding=326_514, share_of_pool=85.6,
            object_type="Thread"),
        new("handles", source="x:3", pid=2280, image="app.exe", type="Thread", count=323_155),
        new("process", source="x:4", pid=2280, image="app.exe", role="user", address="886f5020"),
    ]  # fmt: skip
    result = infer(case(*facts), rulebook(example()))
    assert [(one.name, one.label) for one in result.findings] == [
        ("kind.thread-handles", "thread handle leak"),
        ("holder.process", "app.exe"),
    ]
    assert result.findings[0].text == (
        "app.exe (pid 2280) holds 323,155 thread handles, 99.0 % of the thread objects in the pool."
    )
    assert result.findings[0].next == ("!handle 0 3 0x8e8 Thread",)
    assert not result.problems


def test_a_folder_is_loaded_and_hashed(tmp_path: Path) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs/a.yaml").write_text(example(), encoding="utf-8")
    (tmp_path / "tags.yaml").write_text("tags: []\n", encoding="utf-8")
    first = load([tmp_path])
    (tmp_path / "tags.yaml").write_text("tags: [x]\n", encoding="utf-8")
    second = load([tmp_path])
    assert first.info.rules == second.info.rules == 2
    assert first.info.sha256 != second.info.sha256


def test_mistakes_name_the_file_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "packs").mkdir()
    (tmp_path / "packs/a.yaml").write_bytes(b"pack: A\nrules:\n  - \xff\n")
    with pytest.raises(RulebookError) as caught:
        load([tmp_path])
    assert str(caught.value) == f"{tmp_path / 'packs/a.yaml'}:3:1: not UTF-8 text"
    with pytest.raises(RulebookError, match="no such folder of rules"):
        load([tmp_path / "none"])
