import time
from collections.abc import Sequence
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile, Value
from dumptriage.sources.log import reader
from dumptriage.sources.log.block import Line, Log

SESSION = """\
0: kd> !vm 1

*** Virtual Memory Usage ***
\tPhysical Memory:      130940 (    523760 Kb)
\tAvailable Pages:       98445 (    393780 Kb)
\tNonPagedPool Usage:     3481 (     13924 Kb)
\tNonPagedPool Max:      32768 (    131072 Kb)
\tPagedPool 0 Usage:      4660 (     18640 Kb)
\tPagedPool Usage:        6065 (     24260 Kb)
\tPagedPool Maximum:     65536 (    262144 Kb)

0: kd> !poolused 2
   Sorting by NonPaged Pool Consumed

  Pool Used:
            NonPaged            Paged
 Tag    Allocs     Used    Allocs     Used
 Thre     9000  5760000         0        0Thread objects , Binary: nt!ps
 File     5863   945472         0        0
 TOTAL   20000 14258176         0        0

0: kd> !poolfind Thre 0
Searching NonPaged pool (81093000 : 89093000) for Tag: Thre
81098000 size:  280 previous size:    0  (Allocated) Thre (Protected)
...terminating - searched pool to 81099000

0: kd> !pool 8904a180
*8904a160 size:  280 previous size:   e0  (Allocated) *Thre (Protected)

0: kd> ?8904a180-8904a160
Evaluate expression: 32 = 00000020

0: kd> !sysptes 1
System PTE Information
  Total System Ptes 571224

| Tag | growth over 2 hours |
|---|---|
| Thre | 1,200 |
"""


def cases(data: str | bytes) -> list[Case]:
    raw = data if isinstance(data, bytes) else data.encode()
    return reader.read(raw, Casefile("log.txt", "0" * 64, len(raw), "log"))


def one(data: str | bytes) -> Case:
    (case,) = cases(data)
    return case


def not_understood(case: Case) -> list[Value | None]:
    return [fact.get("text") for fact in case.where("data_quality", problem="not-understood")]


def test_a_session() -> None:
    case = one(SESSION)
    assert [fact.id for fact in case.facts if fact.kind != "data_quality"] == [
        "memory",
        "pool:nonpaged",
        "pool:paged",
        "system",
        "tag:Thre:nonpaged",
        "tag:File:nonpaged",
        "census:Thre:nonpaged",
        "sample:8904a180",
        "growth:tag:Thre:allocations",
    ]
    assert {str(fact.source).split(":")[0] for fact in case.facts} == {"log.txt"}
    tag = next(case.where("tag", tag="Thre"))
    assert (tag.source, tag.quote) == (
        "log.txt:18",
        " Thre     9000  5760000         0        0Thread objects , Binary: nt!ps",
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\n\n"),
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(" ", "\u00a0"),
        lambda text: text.replace(" ", "&nbsp;").replace(">", "&gt;"),
        lambda text: text.replace("\n", "  \n").replace("kd> ", "kd>"),
        lambda text: "".join(f"> {line}\n" for line in text.split("\n")),
        lambda text: text.encode("utf-16"),
        lambda text: "\n".join(line for line in text.split("\n") if "kd>" not in line or "!pool 8" in line),
    ],
    ids=["doubled", "crlf", "no-break", "html", "squeezed prompt", "quoted", "utf-16", "no prompts"],
)
def test_the_same_session_as_it_reaches_us(change: object) -> None:
    assert callable(change)
    figures = {fact.id: dict(fact.fields) for fact in one(SESSION).facts if fact.kind != "data_quality"}
    dirty = {fact.id: dict(fact.fields) for fact in one(change(SESSION)).facts if fact.kind != "data_quality"}
    assert dirty == figures


def test_commands_whose_output_nobody_understood_are_listed() -> None:
    case = one(SESSION + "".join(f"kd> !foo {n}\nbar\n" for n in range(30)) + "kd> !bar\n\nkd> g\n")
    texts = not_understood(case)
    assert len(texts) == reader.MAX_NOTES + 1
    assert texts[0] == "The output of !foo 0 (line 40) was not understood."
    assert texts[-1] == "The output of 10 more commands was not understood."


def test_a_parser_that_fails_costs_only_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(lines: Sequence[Line], start: int, log: Log) -> int:
        if "boom" in lines[start].text:
            raise RuntimeError("a bug")
        return start

    monkeypatch.setattr(reader, "PARSERS", (fails, *reader.PARSERS))
    case = one("boom\n" + SESSION)
    assert not_understood(case)[0] == "Line 1 could not be read (RuntimeError); it was left out."
    assert case.one("pool")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n\n",
        b"The pool leaks 5% of its allocations, please help.\n",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        bytes(range(1, 256)) * 4,
        b"!sysptes [Flags]\n",
    ],
)
def test_what_holds_no_output_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(CasefileError) as error:
        cases(data)
    assert "\n" not in str(error.value)
    assert error.value.exit_status == 3


def test_a_session_of_which_nothing_is_known_is_a_case_that_says_so() -> None:
    assert not_understood(one("kd> !ndiskd.nblpool\n  NBL Pool   Tag\n")) == [
        "The output of !ndiskd.nblpool (line 1) was not understood."
    ]


def test_two_outputs_of_one_machine_at_two_moments() -> None:
    later = SESSION.replace("3481 (     13924", "3491 (     13964").replace(" 9000  5760000", " 9100  5824000")
    case = one(SESSION + later)
    assert next(case.where("pool", type="nonpaged")).get("used_bytes") == 3491 * 4096
    assert next(case.where("tag", tag="Thre")).get("outstanding") == 9100
    assert {fact.get("subject") for fact in case.where("data_quality", problem="not-read")} == {"pool", "tags"}


def test_two_machines_are_two_cases() -> None:
    other = SESSION.replace("130940 (    523760", "262012 (   1048048")
    first, second = cases(SESSION + other)
    assert (first.number, second.number) == (1, 2)
    assert first.machine == "0.5 GB RAM, lines 3-39"
    assert len(second.of("tag")) == 2


@pytest.mark.parametrize(
    "data",
    [
        b"x" * 2_000_000,
        b"0: kd> " + b"*" * 2_000_000,
        b"1 " * 1_000_000,
        b"some words of prose, 12 of them\n" * 20_000,
        b" Tag    Allocs     Used    Allocs     Used\n" * 20_000,
        b"Sorting by Tag\n\n" * 20_000,
        b"NonPagedPool Usage:   230 (   920 Kb)\n" * 20_000,
        b"| tag | delta |\n" * 20_000,
        b"kd> !foo\nbar\n" * 10_000,
    ],
    ids=["line", "stars", "digits", "prose", "headings", "sorting", "rows", "tables", "commands"],
)
def test_hostile_input_takes_linear_time(data: bytes) -> None:
    began = time.monotonic()
    with suppress(CasefileError):
        cases(data)
    # Quadratic behaviour would take minutes; the bound leaves room for a slow machine.
    assert time.monotonic() - began < 30


LINES = SESSION.splitlines()
EDIT = st.tuples(
    st.sampled_from(["delete", "double", "cut", "garble", "swap", "digits"]),
    st.integers(0, len(LINES) - 1),
    st.integers(0, 60),
    st.text(st.sampled_from("0159afx*:(). |>\u00a0\t-,%K\\"), min_size=1, max_size=6),
)


def mutated(edits: list[tuple[str, int, int, str]]) -> str:
    lines = list(LINES)
    for what, at, column, text in edits:
        at %= len(lines)
        line = lines[at]
        if what == "delete" and len(lines) > 1:
            del lines[at]
        elif what == "double":
            lines.insert(at, line)
        elif what == "cut":
            lines[at] = line[:column]
        elif what == "garble":
            lines[at] = line[:column] + text + line[column + len(text) :]
        elif what == "digits":
            lines[at] = line[:column] + "9" * len(text) * 4 + line[column:]
        else:
            lines[at], lines[-1] = lines[-1], line
    return "\n".join(lines)


@given(st.lists(EDIT, min_size=1, max_size=12))
def test_whatever_happens_to_a_log_it_is_read_or_refused(edits: list[tuple[str, int, int, str]]) -> None:
    try:
        found = cases(mutated(edits))
    except CasefileError:
        return
    for case in found:
        ram = case.one("memory")
        pages = ram.int("physical_bytes") if ram else None
        for fact in case.facts:
            assert not any(isinstance(value, int) and value < 0 for value in fact.fields.values())
            if pages and fact.kind == "pool" and fact.get("type") == "nonpaged" and fact.verify == "!vm":
                assert (fact.int("used_bytes") or 0) <= pages
            if fact.kind in ("pool", "tag", "memory"):
                for name in ("used_bytes", "bytes", "available_bytes"):
                    assert (fact.int(name) or 0) < 2**63


@given(st.binary(max_size=300))
def test_random_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        cases(data)
    except CasefileError as error:
        assert "\n" not in str(error)


def test_a_figure_in_a_comment_typed_at_the_prompt_is_a_claim() -> None:
    case = one("0: kd> * one process has 388,836 open handles\n" + SESSION)
    claims = [(claim.get("subject"), claim.get("count"), claim.source) for claim in case.of("claim")]
    assert claims == [("handles", 388_836, "log.txt:1")]


def test_commands_that_prepare_the_debugger_are_not_missed() -> None:
    case = one("0: kd> .logclose\nClosing open log file c:\\case.log\n0: kd> !foo\nbar baz\n")
    assert [note.get("text") for note in case.of("data_quality")] == ["The output of !foo (line 3) was not understood."]
