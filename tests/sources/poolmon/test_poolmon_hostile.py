"""Poolmon logs that mean harm, or were harmed: read or refused in one line, in bounded time and memory."""

import time

import pytest
from forge_poolmon import COLUMNS, growing, header, notes, read_text, series, snapshot
from hypothesis import given, settings
from hypothesis import strategies as st

from dumptriage.errors import CasefileError
from dumptriage.sources.poolmon import is_poolmon

SECONDS = 20
"""Far above what is needed; a loop that grows with the square of the file takes longer."""


def test_a_number_without_end() -> None:
    long = " Leak Nonp" + " " * 10 + "9" * 3_000_000
    text = growing([1, 2], ["", ""]) + long + "\n" + long + " 1 2 3 4\n"
    started = time.monotonic()
    assert series(read_text(text), "Leak") == [1, 2]
    assert time.monotonic() - started < SECONDS


def test_numbers_no_counter_has() -> None:
    huge = f" Huge Nonp{10**30} {10**30}  0  {10**30}  0\n"
    case = read_text(snapshot([("Leak", "Nonp", 11, 10, 96)]) + huge + snapshot([("Leak", "Nonp", 12, 10, 96)]) + huge)
    assert series(case, "Leak") == [1, 2]


def test_more_tags_than_windows_can_have() -> None:
    cells = [(f"{index:04x}", "Nonp", 20 + index, 10, 64) for index in range(30_000)]
    started = time.monotonic()
    case = read_text((header() + snapshot(cells)) * 2)
    assert time.monotonic() - started < SECONDS
    assert case.history is not None
    assert len(case.history.readings[0].subjects) == 20_000
    assert ("not-read", "warning") in notes(case)


@pytest.mark.parametrize("text", [COLUMNS * 250_000, (header() + "\n") * 25_000], ids=["heads", "snapshots"])
def test_more_snapshots_than_a_series_has(text: str) -> None:
    started = time.monotonic()
    with pytest.raises(CasefileError):
        read_text(text)
    assert time.monotonic() - started < 2 * SECONDS


def test_a_text_without_a_snapshot() -> None:
    with pytest.raises(CasefileError, match="holds no snapshot"):
        read_text(COLUMNS)


def test_the_same_tag_twice() -> None:
    cells = [("Leak", "Nonp", 11, 10, 96), ("Leak", "Nonp", 13, 10, 96)]
    case = read_text(snapshot(cells, header()) * 2)
    assert series(case, "Leak") == [3, 3]
    assert ("low-precision", "warning") in notes(case)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damage_is_never_a_crash(data: st.DataObject) -> None:
    text = growing([1, 2, 3], [f"Mon 11/23/2026 1{hour}:00:00.00\n" for hour in range(3)]).encode()
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.binary(max_size=12)) + text[at + data.draw(st.integers(0, 40)) :]
    is_poolmon(text)
    try:
        case = read_text(text)
    except CasefileError as error:
        assert "\n" not in str(error)
    else:
        assert case.facts
