"""pooltag.txt and localtag.txt: the forms lines of existing copies have, where lists are found, and what they count."""

import time
from pathlib import Path
from typing import Any

import pytest

from dumptriage import pooltag
from dumptriage.derivation import derive
from dumptriage.errors import RulebookError
from dumptriage.facts import Case, Casefile, Fact, Value, new
from dumptriage.knowledge import Knowledge, ListedTag, TagList, build, load_knowledge
from dumptriage.mistakes import Mistakes
from dumptriage.rulefolder import SHIPPED, SourceFile, parse, read


def tags(text: str | bytes) -> dict[str, tuple[str | None, str]]:
    return dict(pooltag.parse("pooltag.txt", text.encode() if isinstance(text, str) else text).tags)


@pytest.mark.parametrize(
    ("line", "tag", "owner", "holds"),
    [
        ("Acme - acme.sys     - Acme's things", "Acme", "acme.sys", "Acme's things"),
        ("Ab   - nt!io        -  a name,  indented", "Ab  ", "nt!io", "a name, indented"),
        (
            "Fsb -  netio.sys -    a tag without its fourth character",
            "Fsb ",
            "netio.sys",
            "a tag without its fourth character",
        ),
        ("D 4x - win32k.sys - blanks within", "D 4x", "win32k.sys", "blanks within"),
        ("Abcd  - a.sys - two blanks", "Abcd", "a.sys", "two blanks"),
        ("Ab - a.sys - two letters", "Ab  ", "a.sys", "two letters"),
        ("Abcd -a.sys - no blank", "Abcd", "a.sys", "no blank"),
        ("Abcd - <unknown>    - nobody knows whose", "Abcd", None, "nobody knows whose"),
        ("Abcd - a.sys/b.sys - of two", "Abcd", "a.sys/b.sys", "of two"),
        ("Abcd - a.sys - with - a dash (b.c)", "Abcd", "a.sys", "with - a dash (b.c)"),
        ("Abcd - only a description", "Abcd", None, "only a description"),
        ("Abcd - a.sys -", "Abcd", "a.sys", ""),
        ("Abcd - nt!io     no second dash", "Abcd", None, "nt!io no second dash"),
        ("Abcd\t-\ta.sys\t-\ttabs", "Abcd", "a.sys", "tabs"),
        ("Ab?? - a.sys - a pattern", "Ab??", "a.sys", "a pattern"),
        ("Ab*  - a.sys - any tail", "Ab??", "a.sys", "any tail"),
        ("Abc* - a.sys - any tail", "Abc?", "a.sys", "any tail"),
        ("Remi - a.sys - no comment", "Remi", "a.sys", "no comment"),
    ],
)
def test_a_line(line: str, tag: str, owner: str | None, holds: str) -> None:
    assert tags(line) == {tag: (owner, holds)}


@pytest.mark.parametrize(
    "line",
    ["", "   ", "rem a - b - c", "REM", "  Rem  x - y - z", "// Abcd - a.sys - b", "prose without any of it",
     "    - a - b", "Abcd - <unknown> -", "Abcd - a\x07.sys - b", "Abcd - a.sys - " + "x" * 2000],
)  # fmt: skip
def test_what_is_no_entry(line: str) -> None:
    assert tags(line) == {}


def test_a_tag_of_several_owners_keeps_them_all() -> None:
    text = "Abcd - a.sys - one\nAbcd - b.sys - two\nAbcd - a.sys - one\nAbcd - <unknown> - three\n"
    assert tags(text) == {"Abcd": ("a.sys or b.sys", "one; or two; or three")}


def test_case_matters() -> None:
    assert len(tags("NtFC - a - 1\nNtfc - b - 2\nNTFC - c - 3\n")) == 3


LINE = "Abcd - a.sys - dépôt\r\nEfgh - b.sys - c\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_whatever_editor_saved_it(encoding: str) -> None:
    assert tags(LINE.encode(encoding)) == {"Abcd": ("a.sys", "dépôt"), "Efgh": ("b.sys", "c")}


def test_the_end_of_file_byte_ends_it() -> None:
    assert tags("Abcd - a.sys - b\r\n\x1aEfgh - c.sys - d") == {"Abcd": ("a.sys", "b")}


@pytest.mark.parametrize(
    "data",
    [
        b"\n" * 1_000_000,
        b"Abcd -" + b" " * 3_000_000,
        b" - " * 1_000_000,
        b"Abcd - " * 500_000,
        bytes(range(256)) * 8000,
    ],
    ids=["lines", "blanks", "dashes", "one line", "bytes"],
)
def test_a_hostile_file_is_read_in_bounded_time(data: bytes) -> None:
    started = time.perf_counter()
    pooltag.parse("pooltag.txt", data)
    assert time.perf_counter() - started < 5


def test_the_number_of_tags_is_bounded() -> None:
    text = "".join(f"{n:04x} - a.sys - b\n" for n in range(pooltag.MAX_TAGS + 100))
    assert len(tags(text)) == pooltag.MAX_TAGS


def test_a_file_that_is_too_large_or_missing_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "pooltag.txt"
    with pytest.raises(RulebookError, match="cannot be read: No such file"):
        pooltag.read(file)
    with file.open("wb") as stream:
        stream.truncate(pooltag.MAX_SIZE + 1)
    with pytest.raises(RulebookError, match="larger than"):
        pooltag.read(file)


class TestWhereListsAreFound:
    def put(self, folder: Path, *names: str) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        for name in names:
            (folder / name).touch()
        return [folder / name for name in names]

    def test_nowhere(self) -> None:
        assert pooltag.find([], {}) == []

    def test_in_the_folder_given_and_in_its_triage_the_user_s_additions_first(self, tmp_path: Path) -> None:
        (local,) = self.put(tmp_path / "a", "localtag.txt")
        (pool,) = self.put(tmp_path / "a" / "triage", "pooltag.txt")
        (given,) = self.put(tmp_path, "my-tags.txt")
        assert pooltag.find([given, tmp_path / "a"], {}) == [local, given, pool]

    @pytest.mark.parametrize(
        "folder",
        ["Windows Kits/10/Debuggers/x64", "Windows Kits/8.1/Debuggers/x86", "Debugging Tools for Windows (x64)"],
    )
    def test_where_the_debugging_tools_put_them(self, tmp_path: Path, folder: str) -> None:
        (pool,) = self.put(tmp_path / folder / "triage", "pooltag.txt")
        assert pooltag.find([], {"ProgramFiles(x86)": str(tmp_path)}) == [pool]

    def test_one_copy_of_a_kit_is_enough(self, tmp_path: Path) -> None:
        for name in ("x86", "x64"):
            self.put(tmp_path / "Windows Kits/10/Debuggers" / name / "triage", "pooltag.txt")
        found = pooltag.find([], {"ProgramFiles(x86)": str(tmp_path), "ProgramFiles": str(tmp_path)})
        assert found == [tmp_path / "Windows Kits/10/Debuggers/x64/triage/pooltag.txt"]

    def test_the_debugger_s_own_path_comes_first(self, tmp_path: Path) -> None:
        (pool,) = self.put(tmp_path / "dbg" / "triage", "pooltag.txt")
        self.put(tmp_path / "Windows Kits/10/Debuggers/x64/triage", "pooltag.txt")
        path = f"{tmp_path / 'none'};{tmp_path / 'dbg'}"
        environment = {"_NT_DEBUGGER_EXTENSION_PATH": path, "ProgramFiles(x86)": str(tmp_path)}
        assert pooltag.find([], environment) == [pool]


def knowledge(*lists: TagList, own: str = "") -> Knowledge:
    files = [*read([SHIPPED / "known"]), *([SourceFile("own.yaml", "", own.encode(), "mine")] if own else [])]
    mistakes = Mistakes()
    found = build(parse(files, mistakes), lists, mistakes)
    mistakes.raise_if_any()
    return found


POOL = pooltag.parse("pooltag.txt", b"Acme - acme.sys - things\nThre - liar.sys - none\nAc?? - other.sys - any\n")
LOCAL = pooltag.parse("localtag.txt", b"Acme - local.sys - ours\n")


class TestPrecedence:
    def test_exact_over_pattern_and_localtag_over_pooltag(self) -> None:
        assert knowledge(POOL).listed("Acme") == ListedTag("acme.sys", "things", "pooltag.txt")
        assert knowledge(POOL).listed("Acxx") == ListedTag("other.sys", "any", "pooltag.txt")
        assert knowledge(LOCAL, POOL).listed("Acme") == ListedTag("local.sys", "ours", "localtag.txt")
        assert knowledge(POOL).listed("acme") is None

    def test_the_known_tags_over_the_lists(self) -> None:
        own = "tags:\n  - {tag: Acme, owner: mine.sys, class: specific, holds: mine}\n"
        assert knowledge(POOL).tag("Acme") is None
        entry = knowledge(POOL, own=own).tag("Acme")
        assert entry is not None
        assert entry.owner == "mine.sys"

    def test_what_is_used_is_told(self) -> None:
        own = (
            "tags:\n  - {tag: Acme, owner: a, class: specific, holds: b}\n"
            "  - {tag: Thre, owner: c, class: object, holds: d}\n"
        )
        assert knowledge(POOL, own=own).changes == (
            "mine adds 1 and replaces 1 (Thre) of the known tags.",
            "pooltag.txt with 3 pool tags is used where the known tags say nothing.",
        )
        assert load_knowledge().changes == ()


class TestInACase:
    """A name in a list is no proof of who leaks: the class of the tag stays unknown, and the origin is shown."""

    def tag(self, *lists: TagList, tag: str = "Acme", **more: Value) -> Fact:
        fields: dict[str, Any] = {"tag": tag, "pool": "nonpaged", "outstanding": 5, "bytes": 500, **more}
        fact = new("tag", source="a.log:1", **fields)
        case = Case(Casefile("a.log", "0" * 64, 1, "log"), [fact])
        derive(case, knowledge(*lists))
        return case.of("tag")[0]

    def test_owner_and_meaning_are_given_with_their_origin(self) -> None:
        found = self.tag(POOL)
        got = {name: found.get(name) for name in ("known", "tag_class", "owner", "owner_source", "holds")}
        assert got == {
            "known": False,
            "tag_class": "unknown",
            "owner": "acme.sys",
            "owner_source": "pooltag.txt",
            "holds": "things (from pooltag.txt)",
        }

    def test_what_the_casefile_says_itself_comes_first(self) -> None:
        found = self.tag(POOL, owner="printed.sys")
        assert (found.get("owner"), found.get("owner_source"), found.get("holds")) == ("printed.sys", None, None)

    def test_a_known_tag_is_left_alone(self) -> None:
        found = self.tag(POOL, tag="Thre")
        assert (found.get("owner"), found.get("owner_source"), found.get("known")) == ("nt!ps", None, True)

    def test_facts_written_with_a_list_do_not_pass_for_the_debugger_s_words(self) -> None:
        again = self.tag(owner="acme.sys", owner_source="pooltag.txt", holds="things (from pooltag.txt)")
        assert again.get("tag_class") == "unknown"
