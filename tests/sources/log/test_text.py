import pytest

from dumptriage.errors import CasefileError
from dumptriage.sources.log import text
from dumptriage.sources.log.text import clean, command_of, decode, is_cut, to_lines


@pytest.mark.parametrize(
    ("raw", "cleaned"),
    [
        ("NonPagedPool\u00a0Usage:\u2003 59613", "NonPagedPool Usage:  59613"),
        ("Thre\u200b 326514&nbsp;&#8203;208968960", "Thre 326514 208968960"),
        ("kd&gt; !vm &amp; more", "kd> !vm & more"),
        ("PCI\\VEN_8086&DEV_1234&SUBSYS", "PCI\\VEN_8086&DEV_1234&SUBSYS"),
        ("<b>Thre</b>   <code>12</code>", "Thre   12"),
        ("nt!\\_EPROCESS \\*\\*\\* \\[x\\]", "nt!_EPROCESS *** [x]"),
        ("\\??\\C:\\_work\\a.sys", "\\??\\C:\\_work\\a.sys"),
        ("> > 0: kd> !vm", "0: kd> !vm"),
        ("kd> !vm", "kd> !vm"),
        ("  ```text", ""),
        ("\u2018SaSc\u2019 \u201cx\u201d \u2013 \u2026", "'SaSc' \"x\" - ..."),
        ("\x1b[31mPROCESS\x1b[0m 886f5020  \t ", "PROCESS 886f5020"),
    ],
)
def test_the_copy_for_parsing_loses_what_mail_and_web_pages_add(raw: str, cleaned: str) -> None:
    assert clean(raw) == cleaned


def test_raw_lines_and_numbers_are_kept() -> None:
    lines = to_lines("a\u00a0b\r\n\r\nc<br>d\n")
    assert [(line.number, line.raw, line.text) for line in lines] == [
        (1, "a\u00a0b", "a b"),
        (2, "", ""),
        (3, "c", "c"),
        (3, "d", "d"),
        (4, "", ""),
    ]


@pytest.mark.parametrize(
    "data",
    [
        "ein Prozeß".encode(),
        "ein Prozeß".encode("utf-8-sig"),
        "ein Prozeß".encode("utf-16"),
        "\ufeffein Prozeß".encode("utf-16-be"),
        "ein Prozeß".encode("cp1252"),
        "ein Prozeß \u2026".encode()[:-1],
    ],
)
def test_encodings(data: bytes) -> None:
    assert decode(data).lstrip("\ufeff").startswith("ein Prozeß")


@pytest.mark.parametrize(("data", "says"), [(b"", "empty"), (b" \n\t", "empty"), (b"MZ\0\1\2", "binary")])
def test_what_is_no_text_is_refused_in_one_line(data: bytes, says: str) -> None:
    with pytest.raises(CasefileError, match=says) as error:
        decode(data)
    assert "\n" not in str(error.value)


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "MAX_BYTES", 10)
    with pytest.raises(CasefileError, match="11 bytes"):
        decode(b"x" * 11)
    monkeypatch.setattr(text, "MAX_LINES", 2)
    with pytest.raises(CasefileError, match="3 lines"):
        to_lines("a\nb\nc")
    assert len(to_lines("x" * 10_000)[0].raw) == text.MAX_LINE


@pytest.mark.parametrize(
    ("line", "prompt", "command"),
    [
        ("0: kd>!poolused 2", "0: kd>", "!poolused 2"),
        ("kd> !Thread 81098620", "kd>", "!Thread 81098620"),
        ("lkd>", "lkd>", ""),
        ("14: kd> k", "14: kd>", "k"),
        ("||0:1: kd> !vm 1", "||0:1: kd>", "!vm 1"),
        ("16.0: kd:x86> lm", "16.0: kd:x86>", "lm"),
        ("0:000> !heap -s", "0:000>", "!heap -s"),
        ("!sysptes 1", "", "!sysptes 1"),
        ("  !ndiskd.nblpool -basic", "", "!ndiskd.nblpool -basic"),
    ],
)
def test_prompts_and_commands(line: str, prompt: str, command: str) -> None:
    found = command_of(line)
    assert found
    assert (found.prompt, found.command) == (prompt, command)


@pytest.mark.parametrize("line", ["PROCESS 886f5020", " !abc  12  345", "a -> b", "Warning! Zombie process(es)", ""])
def test_output_is_no_command(line: str) -> None:
    assert command_of(line) is None


@pytest.mark.parametrize("line", ["...", "......", "  [...]", "... All 0x140 nonpaged", "<snip>", "[truncated]", "^C"])
def test_cut_marks(line: str) -> None:
    assert is_cut(clean(line))


@pytest.mark.parametrize("line", ["..", "Thre 1 2", "a ... b", ""])
def test_no_cut_marks(line: str) -> None:
    assert not is_cut(line)
