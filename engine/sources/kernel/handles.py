"""Handles by process and object type: how many, to how many objects, and how many keep something that has ended."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, address, new
from .columns import Addresses, Mask, distinct, distinct_positions, without
from .kernel import Kernel
from .objects import ObjectTypes
from .processes import CidTable, Processes, extend, find_processes, read_cid_table
from .report import Report
from .tables import MAX_ENTRIES, Entries, header_counts, read_entries
from .threads import ended as ended_threads

MAX_TABLE_FACTS = 1000
"""Processes whose handles are listed by type, those with most handles first."""
MAX_TABLE_NOTES = 20
MAX_ROUNDS = 3
BIAS_BUILD = 9600
"""Windows 8.1."""


@dataclass(frozen=True, slots=True)
class Held:
    """All handles: entry by entry the position of its target among the distinct objects.

    The entries of table i are [starts[i], starts[i + 1]).
    """

    cid: CidTable
    processes: Processes
    tables: Addresses
    row: NDArray[np.int64]
    """Row of each table's process."""
    walked: NDArray[np.int64]
    """Entries in use that were read, by table."""
    counted: NDArray[np.int64]
    """Handles by table as its header counts them, -1 unknown."""
    complete: Mask
    starts: NDArray[np.int64]
    target: NDArray[np.int32]
    references: NDArray[np.uint32] | None
    headers: Addresses
    """Object headers of the distinct objects, sorted."""
    kind: NDArray[np.int16]
    resident: Mask
    gone: Mask
    """Which of them are threads or processes that have ended."""

    biased: bool
    """Every handle adds many references in advance to PointerCount: Windows 8.1 and later."""

    def counts_of(self, processes: Processes) -> NDArray[np.int64]:
        """Handles of each process: as its table's header counts them, else the entries of a table read whole."""
        counts = np.where(self.counted >= 0, self.counted, np.where(self.complete, self.walked, -1))
        if not len(self.tables):
            return np.full(len(processes.addresses), -1)
        at = np.minimum(np.searchsorted(self.tables, processes.table), len(self.tables) - 1)
        return np.where(self.tables[at] == processes.table, counts[at], -1)

    def owner_of(self, table: int) -> Addresses:
        """EPROCESS of a table, as an array of one."""
        row = self.row[table]
        return self.processes.addresses[row : row + 1]


def read_handles(kernel: Kernel, types: ObjectTypes, report: Report) -> Held:
    """Every handle of every process, and processes that only handles lead to."""
    cid = read_cid_table(kernel, types)
    processes = find_processes(kernel, types, cid, report)
    for _ in range(MAX_ROUNDS):
        tables = distinct(processes.table[processes.table != 0])
        entries = read_entries(kernel, tables)
        headers, target = distinct_positions(entries.pointers)
        kind, resident = types.kinds(headers)
        bodies = headers[kind == types.position("Process")] + np.uint64(types.body)
        more = extend(kernel, types, processes, bodies)
        processes = more
        # A process that is on no list may have a table too: then once more, with it.
        if not len(without(more.table[more.table != 0], tables)):
            break
    return _held(kernel, types, cid, processes, tables, entries, headers, target, kind, resident)


def _held(
    kernel: Kernel,
    types: ObjectTypes,
    cid: CidTable,
    processes: Processes,
    tables: Addresses,
    entries: Entries,
    headers: Addresses,
    target: NDArray[np.int32],
    kind: NDArray[np.int16],
    resident: Mask,
) -> Held:
    gone = np.zeros(len(headers), np.bool_)
    thread, process = kind == types.position("Thread"), kind == types.position("Process")
    gone[thread] = ended_threads(kernel, headers[thread] + np.uint64(types.body))
    rows = processes.at(headers[process] + np.uint64(types.body))
    gone[process] = np.append(processes.ended, False)[rows]
    walked, complete = np.diff(entries.starts), entries.complete()
    total, first = header_counts(kernel, tables)
    # How many free lists a table has may not be known: where all its entries were read, and the first list has them
    # all or the lists known have fewer, the entries are the count.
    several = kernel.layout.offset("_HANDLE_TABLE", "HandleCount") is None
    counted = np.where(several & complete & ((first == walked) | (total < walked)), walked, total)
    # Every leaf was walked: a stored count far beyond what stands there is damage, not handles.
    counted = np.where(complete & (counted > 4 * walked + 1000), walked, counted)
    # Nor are there more handles than the table has entries for, or by far more than all type objects count.
    totals = [kind.handles for kind in types.types]
    most = 2 * sum(total or 0 for total in totals) + 1000 if None not in totals else MAX_ENTRIES
    counted = np.where(counted > np.minimum(entries.room, most), -1, counted)
    return Held(
        cid,
        processes,
        tables,
        _rows_of_tables(processes, tables),
        walked,
        counted,
        complete,
        entries.starts,
        target,
        entries.references,
        headers,
        kind,
        resident,
        gone,
        kernel.build >= BIAS_BUILD,
    )


def _rows_of_tables(processes: Processes, tables: Addresses) -> NDArray[np.int64]:
    order = np.argsort(processes.table, kind="stable")
    return order[np.searchsorted(processes.table[order], tables)]


def is_system(kernel: Kernel, processes: Processes) -> Mask:
    """Which process is System, whose handle table is the kernel's. Its pid is 4, on Windows 2000 it is 8."""
    variable = kernel.symbol("PsInitialSystemProcess")
    place = kernel.memory.pointer(variable) if variable is not None else None
    if place is not None and (processes.addresses == place).any():
        system: Mask = processes.addresses == place
    else:
        system = processes.pid == (8 if kernel.build < 2600 else 4)
    return system


def walk(kernel: Kernel, case: Case, report: Report, types: ObjectTypes) -> Held:
    """Add a handles fact per process and type, and one per process for all types together."""
    held = read_handles(kernel, types, report)
    system = is_system(kernel, held.processes)
    thread, process = types.position("Thread"), types.position("Process")
    shown = np.argsort(-held.walked, kind="stable")[:MAX_TABLE_FACTS]
    for table in shown:
        entries = held.target[held.starts[table] : held.starts[table + 1]]
        if not len(entries):
            continue
        targets = np.sort(entries)
        targets = targets[np.concatenate((np.ones(1, np.bool_), targets[1:] != targets[:-1]))]
        counts = _by_kind(held.kind[entries], types)
        objects = _by_kind(held.kind[targets], types)
        dead = _by_kind(held.kind[entries[held.gone[entries]]], types)
        row = int(held.row[table])
        place = address(int(held.processes.addresses[row]))
        pid = int(held.processes.pid[row])
        rows: list[tuple[str, int, int, int | None]] = [("*", len(entries), len(targets), None)]
        rows += [
            (
                types.names[kind],
                int(counts[kind]),
                int(objects[kind]),
                int(dead[kind]) if kind in (thread, process) else None,
            )
            for kind in np.flatnonzero(counts[:-1])
        ]
        for name, count, different, gone in rows:
            case.add(
                new(
                    "handles",
                    source=f"_HANDLE_TABLE @ {address(int(held.tables[table]))}",
                    verify=f"!handle 0 3 {place}" + ("" if name == "*" else f" {name}"),
                    quality="exact" if held.complete[table] else "lower-bound",
                    pid=pid if pid >= 0 else None,
                    image=held.processes.image[row],
                    address=place,
                    type=name,
                    count=count,
                    distinct_objects=different,
                    dead_targets=gone,
                    kernel=True if system[row] else None,
                )
            )
    _note(held, report)
    return held


def _by_kind(kind: NDArray[np.int16], types: ObjectTypes) -> NDArray[np.int64]:
    """How often each type occurs; those of unknown type come last."""
    counts = np.bincount(kind.astype(np.int64) + 1, minlength=len(types.types) + 1)
    return np.roll(counts, -1)


def _note(held: Held, report: Report) -> None:
    """What could not be read: pages of tables, and the headers of objects."""
    report.counted("handle tables", len(held.tables))
    report.counted("handles", len(held.target))
    unknown = held.resident & (held.kind < 0)
    report.counted(
        "objects handles point to",
        int((held.kind >= 0).sum()),
        skipped=int(unknown.sum()),
        unreadable=int((~held.resident).sum()),
    )
    short = np.flatnonzero((held.counted >= 0) & (held.counted > held.walked))
    for table in short[np.argsort(held.walked[short] - held.counted[short])][:MAX_TABLE_NOTES]:
        row = held.row[table]
        name = held.processes.image[row] or f"process {address(int(held.processes.addresses[row]))}"
        why = "" if held.complete[table] else ": other pages of the table are not in this dump"
        report.missing(
            "handles",
            f"The handle table of {name} (pid {held.processes.pid[row]}) counts {held.counted[table]:,} handles, "
            f"{held.walked[table]:,} of them could be read{why}.",
        )
    lost = int((~held.complete).sum())
    if lost > len(short):
        report.missing("handles", f"{lost:,} handle tables are not whole in this dump: their counts are lower bounds.")
    if len(held.tables) > MAX_TABLE_FACTS:
        text = f"Handles are listed by type for the {MAX_TABLE_FACTS:,} processes with most of {len(held.tables):,}."
        report.missing("handles", text, problem="cut-list", severity="info")
