"""The rows in bulk: what is read as arrays says what the reader of single rows says."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dumptriage.sources.log.poolmon import row_of
from dumptriage.sources.poolmon.lines import decoded
from dumptriage.sources.poolmon.rows import key_of, scan, tag_of

PLAIN = [
    " Leak Nonp       1100              100              1000          96000               96",
    " Dh 1 Paged        24 (   0)        24 (   0)        0       0 (     0)      0",
    "HidC Nonp     17375 (  0)   17256 (  0)   119    19808 (     0)   166 [hidclass.sys - HID Class d ",
    " (123 Paged         3        1       2         128      64 [9driver.sys - 12 34]",
    " MmSt Paged  1 ( -12)   1 (   0)   0  0 ( -4096)   0 Unknown Driver",
]
EDITED = [
    " Leak Nonp 1100 100 1000 96000 96",
    "Fat      Paged     6662  ( 8)    4971  ( 6)    1691     174560 ( 128)    103",
    " CM   Paged    1.283    1.002     281   1.377.312     4901",
    " Übel Nonp       1100              100              1000          96000               96",
]
NO_ROWS = [
    " Leak Nonp       1100              100              1000          96000",
    " Leak Nonp       1100              100              1000          96000   96   1",
    " Leak Nonp       1100              1-0              1000          96000   96",
    " Leak Nonp       1100               --              1000          96000   96",
    " Leak Nonp       11x0              100              1000          96000   96",
    " Leak Nope       1100              100              1000          96000   96",
    " Leak",
]


@pytest.mark.parametrize("line", PLAIN)
def test_plain_rows_are_read_in_bulk(line: str) -> None:
    rows, others = scan(line.encode())
    row = row_of(line)
    assert row is not None
    assert others == []
    assert tag_of(int(rows.key[0])) == (row.tag, row.pool)
    assert rows.numbers.tolist() == [[row.allocs, row.frees, row.outstanding, row.bytes, row.each]]


@pytest.mark.parametrize("line", [*EDITED, *NO_ROWS])
def test_other_lines_are_handed_back(line: str) -> None:
    rows, others = scan(f"{PLAIN[0]}\r\n{line}\r\n\r\n{PLAIN[1]}".encode())
    assert rows.line.tolist() == [0, 3]
    assert [decoded(other.raw) for other in others] == [line]
    assert (others[0].number, others[0].offset) == (1, len(PLAIN[0]) + 2)
    assert (row_of(line) is not None) is (line in EDITED)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([*PLAIN, *EDITED, *NO_ROWS, "", "\t", "x" * 600]), max_size=30), st.booleans())
def test_no_line_is_lost_and_none_shifts_another(lines: list[str], last: bool) -> None:
    data = ("\n".join(lines) + "\n" * last).encode()
    rows, others = scan(data)
    found = dict(zip(rows.line.tolist(), rows.numbers.tolist(), strict=True))
    for number, line in enumerate(lines):
        row = row_of(line)
        if line in PLAIN:
            assert row is not None
            assert found.pop(number) == [row.allocs, row.frees, row.outstanding, row.bytes, row.each]
    assert found == {}
    assert {other.number for other in others} == {
        n for n, line in enumerate(lines) if line not in PLAIN and line.strip()
    }
    assert all(data[other.offset :].startswith(other.raw) for other in others)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 90))
def test_damage_to_a_row_is_no_crash(noise: bytes, at: int) -> None:
    line = PLAIN[0].encode()
    rows, _ = scan(line[:at] + noise + line[at:] + b"\n" + line)
    assert rows.numbers[-1].tolist() == [1100, 100, 1000, 96000, 96]


def test_pieces_join(monkeypatch: pytest.MonkeyPatch) -> None:
    source = random.Random(1)
    lines = [source.choice([*PLAIN, EDITED[0], "x" * 500, ""]) for _ in range(400)]
    data = "\n".join(lines).encode()
    whole, others = scan(data)
    monkeypatch.setattr("dumptriage.sources.poolmon.rows._CHUNK", 300)
    pieces, pieced = scan(data)
    assert pieces.line.tolist() == whole.line.tolist()
    assert pieces.numbers.tolist() == whole.numbers.tolist()
    assert pieced == others


def test_keys() -> None:
    key = key_of("Dh 1", "paged")
    assert key is not None
    assert tag_of(key) == ("Dh 1", "paged")
    assert key_of("Übel", "paged") is None
