"""Writes poolmon logs as the tool prints them, and reads them back."""

from collections.abc import Iterable, Sequence

from dumptriage.facts import Case, Casefile, Value
from dumptriage.sources.poolmon import read

Cell = tuple[str, str, int, int, int]
"""Tag, type as printed, allocations, frees, bytes each."""

COLUMNS = " Tag  Type     Allocs            Frees               Diff            Bytes                 Per Alloc\n\n"


def row(tag: str, pool: str, allocs: int, frees: int, each: int, *, changes: bool = False) -> str:
    """One row, with the changes since the last update as a screen has them."""
    live = allocs - frees
    used = live * each
    per = each if live else 0
    if changes:
        return f" {tag:4s} {pool:5s}{allocs:11d} (   0){frees:10d} (   0){live:9d}{used:8d} (     0){per:7d}\n"
    return f" {tag:4s} {pool:5s}{allocs:20d}{frees:19d}{live:18d}{used:15d}{per:17d}\n"


def header(nonpaged: int = 700, available: int = 8_000_000) -> str:
    """The two lines above the columns; figures in KB."""
    return (
        f" Memory:16777216K Avail:{available}K  PageFlts:468600648   InRam Krnl:56708K P:950888K\n"
        f" Commit:4100436K Limit:17517136K Peak:11685564K            Pool N:{nonpaged}K P:983564K\n\n"
    )


def snapshot(cells: Iterable[Cell], above: str = "", *, changes: bool = False) -> str:
    """A `-n` snapshot, or a screen."""
    return above + COLUMNS + "".join(row(*cell, changes=changes) for cell in cells)


def growing(values: Sequence[int], above: Sequence[str]) -> str:
    """A series in which one tag has these outstanding counts and another stays."""
    return "".join(
        snapshot([("Leak", "Nonp", 1000 + value, 1000, 96), ("Calm", "Paged", 50, 40, 64)], text + header())
        for value, text in zip(values, above, strict=True)
    )


def read_text(text: str | bytes) -> Case:
    """The case of a log."""
    data = text if isinstance(text, bytes) else text.encode()
    (case,) = read(data, Casefile("pool.log", "0" * 64, len(data), "poolmon"))
    return case


def series(case: Case, tag: str, counter: str = "outstanding") -> list[float]:
    """One counter of a tag over the snapshots of the history."""
    assert case.history is not None
    (readings,) = (item for item in case.history.readings if item.quantity == "tag")
    (index,) = (number for number, subject in enumerate(readings.subjects) if subject["subject"] == tag)
    return [float(value) for value in readings.values[counter][:, index]]


def times(case: Case) -> list[str | None]:
    """The moments of the history, in UTC."""
    assert case.history is not None
    return [moment.time.strftime("%Y-%m-%d %H:%M:%S") if moment.time else None for moment in case.history.moments]


def notes(case: Case) -> list[tuple[Value | None, Value | None]]:
    """Problem and severity of the data-quality notes."""
    return [(fact.get("problem"), fact.get("severity")) for fact in case.of("data_quality")]
