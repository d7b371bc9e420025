"""Where memory is in all: committed memory and RAM split into what is known, so that it adds up or shows the gap."""

from ..facts import Case, Fact
from . import figures
from .drawing import Amount, Chart, Fill, bar_chart
from .wording import Wording

_COMMIT = (
    ("private", "private_bytes"),
    ("shared", "shared_commit_bytes"),
    ("nonpaged", "nonpaged_commit_bytes"),
    ("paged", "paged_commit_bytes"),
    ("session", "session_commit_bytes"),
    ("drivers", "driver_commit_bytes"),
    ("stacks", "kernel_stack_bytes"),
    ("page_tables", "page_table_bytes"),
    ("mdl", "mdl_bytes"),
    ("awe", "awe_bytes"),
    ("contiguous", "contiguous_bytes"),
)
_RAM = (
    ("available", "available_bytes"),
    ("modified", "modified_bytes"),
    ("nonpaged", "nonpaged"),
    ("stacks", "kernel_stack_bytes"),
    ("mdl", "mdl_bytes"),
    ("awe", "awe_bytes"),
    ("contiguous", "contiguous_bytes"),
)
"""Parts that are in RAM whole and do not overlap. Paged pool, drivers and processes are partly paged out: they are the
remainder."""
_POOLS = {"nonpaged_commit_bytes": "nonpaged", "paged_commit_bytes": "paged", "nonpaged": "nonpaged"}
_FEWEST = 2
_SMALL = 0.005
"""Part of the whole below which a known part stands in the table and is not drawn."""


def build(case: Case, wording: Wording) -> list[Chart]:
    """The balance of committed memory and that of RAM, each where enough of it is known."""
    memory, system = case.one("memory"), case.one("system")
    if memory is None:
        return []
    ram = memory.int("physical_bytes") or (system.int("ram_bytes") if system else None)
    balances = (("commit", memory.int("committed_bytes"), _COMMIT), ("ram", ram, _RAM))
    drawn = (_balance(key, total, _known(names, memory, case), wording) for key, total, names in balances if total)
    return [chart for chart in drawn if chart]


def _known(names: tuple[tuple[str, str], ...], memory: Fact, case: Case) -> dict[str, int]:
    """The parts that are known, in bytes. A pool without its own counter of commitment counts with what it uses."""
    used = {pool.text("type"): pool.int("used_bytes") for pool in case.of("pool")}
    values = ((name, memory.int(field), used.get(_POOLS.get(field))) for name, field in names)
    return {name: value for name, own, pool in values if (value := own if own is not None else pool) is not None}


def _balance(key: str, total: int, known: dict[str, int], wording: Wording) -> Chart | None:
    if sum(1 for value in known.values() if value) < _FEWEST or (key == "ram" and "available" not in known):
        return None
    amounts: list[Amount] = []
    start = 0
    small = 0
    for name, value in known.items():
        if value >= _SMALL * total:
            amounts.append(_part(wording(f"chart.part.{name}"), value, start, total))
            start += value
        else:
            small += value
    if small:
        amounts.append(_part(wording("chart.part.small"), small, start, total))
        start += small
    gap = total - start
    if gap > 0:
        amounts.append(_part(wording(f"chart.{key}.rest"), gap, start, total, "rest"))
    elif gap < 0:
        # More was counted than there is: one of the counters is wrong or two of them overlap.
        amounts.append(_part(wording("chart.part.over"), -gap, total, total, "gap"))
    amounts.append(_part(wording(f"chart.{key}.total"), total, 0, total, "marked"))
    note = wording("chart.balance.over" if gap < 0 else f"chart.balance.{key}")
    return bar_chart(key, wording(f"chart.{key}.title"), amounts, ("part", "bytes", "share"), wording, note)


def _part(label: str, value: int, start: int, total: int, fill: Fill = "plain") -> Amount:
    cells = (figures.count(value), figures.percent(100 * value / total))
    return Amount(label, value, figures.size(value), cells, fill, start=start)
