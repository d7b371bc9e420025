"""The cache of checked and compiled rules: never stale, never trusted, never in the way."""

import hashlib
import os
import pickle
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dumptriage import applied, knowledge, rulefolder, settings, userfolders
from dumptriage.diagnosis import RulebookInfo
from dumptriage.errors import RulebookError
from dumptriage.facts import Case, Casefile, new
from dumptriage.inference import Rulebook, cache
from dumptriage.inference.adjustments import Adjustments, Disabled
from dumptriage.mistakes import Place
from dumptriage.rulefolder import SHIPPED, RuleFolder
from dumptriage.settings import Settings
from dumptriage.triage import diagnose

RULE = """pack: Mine
rules:
  - id: mine.rule
    title: A title
    status: test
    version: 1
    when: [{tag t: {tag: Acme, pool: "matches ^non.*d$", outstanding: ">= %d"}}]
    then: {finding: step.mine, severity: info, confidence: low, say: "{{ t.tag }} is there"}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the cache is, empty. One rule stands for the shipped ones."""
    shipped = tmp_path / "shipped"
    shipped.mkdir()
    (shipped / "p.yaml").write_text(RULE.replace("mine", "shipped") % 9, encoding="utf-8")
    monkeypatch.setattr(applied, "SHIPPED", shipped)
    monkeypatch.setenv(userfolders.CACHE_ENVIRONMENT, str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache" / "rules"


@pytest.fixture
def own(tmp_path: Path) -> RuleFolder:
    """A folder of one rule."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "p.yaml").write_text(RULE % 5, encoding="utf-8")
    return RuleFolder(tmp_path / "own", "own")


@pytest.fixture
def loads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for every time the rules were read afresh."""
    count: list[int] = []
    real = applied._load

    def counted(*arguments: object) -> object:
        count.append(1)
        return real(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(applied, "_load", counted)
    return count


def case() -> Case:
    tag = new("tag", source="a.log:1", tag="Acme", pool="nonpaged", outstanding=5, bytes=500)
    return Case(Casefile("a.log", "0" * 64, 1, "log"), [tag])


def test_a_stored_book_says_the_same(
    own: RuleFolder, loads: list[int], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(applied, "SHIPPED", SHIPPED)
    first = applied.load_rules(Settings((own,)))
    second = applied.load_rules(Settings((own,)))
    assert (len(loads), len(list(folder.glob("*.book")))) == (1, 1)
    assert second[0].rules == first[0].rules
    assert second[0].shards == first[0].shards
    assert second[0].info == first[0].info
    assert second[1] == first[1]
    one, two = (diagnose(case(), *books) for books in (first, second))
    assert "mine.rule" in {finding.rule for finding in two.findings}
    assert (one.findings, one.outcomes, one.verdict) == (two.findings, two.outcomes, two.verdict)


def edit_rule(own: RuleFolder) -> Settings:
    (own.path / "p.yaml").write_text(RULE % 6, encoding="utf-8")
    return Settings((own,))


def add_file(own: RuleFolder) -> Settings:
    (own.path / "t.yaml").write_text("tags: []\n", encoding="utf-8")
    return Settings((own,))


def rename_file(own: RuleFolder) -> Settings:
    (own.path / "p.yaml").rename(own.path / "q.yaml")
    return Settings((own,))


def other_name(own: RuleFolder) -> Settings:
    return Settings((RuleFolder(own.path, "otherwise"),))


def disable(own: RuleFolder) -> Settings:
    return Settings((own,), Adjustments((Disabled("mine.rule", "noise", Place("triage.toml", 1, 1)),)))


def other_reason(own: RuleFolder) -> Settings:
    return Settings((own,), Adjustments((Disabled("mine.rule", "more noise", Place("triage.toml", 1, 1)),)))


def tag_list(own: RuleFolder) -> Settings:
    (own.path / "pooltag.txt").write_text("Acme - acme.sys - things\n", encoding="utf-8")
    return Settings((own,), pooltag=(own.path,))


@pytest.mark.parametrize("change", [edit_rule, add_file, rename_file, other_name, disable, other_reason, tag_list])
def test_any_change_is_seen(change: Callable[[RuleFolder], Settings], own: RuleFolder, loads: list[int]) -> None:
    applied.load_rules(Settings((own,)))
    applied.load_rules(change(own))
    assert len(loads) == 2


def test_a_rule_of_the_same_size_and_time_is_seen(own: RuleFolder, loads: list[int]) -> None:
    file = own.path / "p.yaml"
    before = file.stat()
    applied.load_rules(Settings((own,)))
    file.write_text(RULE % 7, encoding="utf-8")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    applied.load_rules(Settings((own,)))
    assert len(loads) == 2


def test_another_program_or_python_has_other_books(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {cache.key([], "")}
    for name, value in (("__version__", "9.9"), ("FORMAT", "x"), ("_CODE", ("*.py",))):
        with monkeypatch.context() as other:
            other.setattr(cache, name, value)
            keys.add(cache.key([], ""))
    monkeypatch.setattr("sys.version", "9.9")
    keys.add(cache.key([], ""))
    assert len(keys) == 5


def test_wrong_rules_are_never_stored(own: RuleFolder, folder: Path) -> None:
    (own.path / "p.yaml").write_text(RULE.replace("status: test", "status: tset"), encoding="utf-8")
    for _ in range(2):
        with pytest.raises(RulebookError, match="tset"):
            applied.load_rules(Settings((own,)))
    assert list(folder.glob("*")) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:20],
        lambda data: data[:-1],
        lambda data: data[:100] + b"\0" + data[101:],
        lambda data: data[32:],
        lambda data: b"\0" * len(data),
    ],
    ids=["empty", "head", "cut", "one byte", "no digest", "zeros"],
)
def test_a_damaged_book_is_read_afresh(damage: Callable[[bytes], bytes], folder: Path, loads: list[int]) -> None:
    applied.load_rules(Settings())
    (book,) = folder.glob("*.book")
    book.write_bytes(damage(book.read_bytes()))
    rulebook, _ = applied.load_rules(Settings())
    assert (len(loads), len(rulebook.rules)) == (2, 1)
    applied.load_rules(Settings())
    assert len(loads) == 2


def store(folder: Path, name: str, payload: bytes) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.book").write_bytes(hashlib.sha256(name.encode() + payload).digest() + payload)


class Evil:
    def __init__(self, call: Callable[..., object], *arguments: object) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call, self.arguments


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        (os.system, ("touch touched",)),
        (eval, ("open('touched', 'w')",)),
        (os.mkdir, ("touched",)),
        (rulefolder.read, (["touched"],)),
        (knowledge.load_knowledge, ()),
        (settings.load, ()),
        (re.compile, ("x",)),
        (Path, ("touched",)),
        (getattr, ("", "join")),
    ],
)
def test_a_forged_book_runs_nothing(
    call: Callable[..., object], arguments: tuple[object, ...], folder: Path, tmp_path: Path
) -> None:
    store(folder, "forged", pickle.dumps((Evil(call, *arguments), 1)))
    assert cache.get(folder, "forged", tuple) is None
    assert not (tmp_path / "touched").exists()


def test_a_book_under_another_name_is_not_taken(folder: Path) -> None:
    cache.put(folder, "one", RulebookInfo(1, "x"))
    assert cache.get(folder, "one", RulebookInfo) == RulebookInfo(1, "x")
    (folder / "one.book").rename(folder / "two.book")
    assert cache.get(folder, "two", RulebookInfo) is None


def test_a_book_of_another_kind_is_not_taken(folder: Path) -> None:
    cache.put(folder, "one", RulebookInfo(1, "x"))
    assert cache.get(folder, "one", Rulebook) is None


def test_a_book_that_is_too_large_is_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put(folder, "one", RulebookInfo(1, "x"))
    monkeypatch.setattr(cache, "MAX_SIZE", 10)
    assert cache.get(folder, "one", RulebookInfo) is None


class TestWhereItCannotBeWritten:
    def test_a_file_in_its_place(self, folder: Path, loads: list[int]) -> None:
        folder.parent.parent.joinpath("cache").write_text("")
        for _ in range(2):
            assert applied.load_rules(Settings())[0].rules
        assert len(loads) == 2

    @pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
    def test_a_folder_of_another_user(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        folder.chmod(0o500)
        assert applied.load_rules(Settings())[0].rules
        assert list(folder.iterdir()) == []

    def test_nothing_half_written_stays(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise OSError("no room")

        monkeypatch.setattr(Path, "replace", fail)
        cache.put(folder, "one", RulebookInfo(1, "x"))
        assert list(folder.iterdir()) == []

    def test_what_cannot_be_stored_is_not(self, folder: Path) -> None:
        cache.put(folder, "one", lambda: None)
        assert not (folder / "one.book").exists()


def test_the_books_used_last_are_kept(folder: Path) -> None:
    for number in range(cache.KEPT + 3):
        cache.put(folder, str(number), RulebookInfo(number, "x"))
        os.utime(folder / f"{number}.book", (1000 + number, 1000 + number))
    assert cache.get(folder, "4", RulebookInfo) is not None
    cache.put(folder, "last", RulebookInfo(0, "x"))
    left = {path.stem for path in folder.glob("*.book")}
    assert len(left) == cache.KEPT
    assert {"4", "last"} <= left


def test_the_cache_helps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applied, "SHIPPED", SHIPPED)

    def seconds() -> float:
        started = time.perf_counter()
        applied.load_rules(Settings())
        return time.perf_counter() - started

    fresh = seconds()
    assert min(seconds() for _ in range(3)) < fresh / 2
