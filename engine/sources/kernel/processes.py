"""Processes, live and ended: from the active process list, the CID table, the list of handle tables, and handles."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, address, new
from .columns import Addresses, Mask, distinct, read_columns, without
from .kernel import Kernel
from .lists import read_unicode, walk_list
from .objects import DISPATCHER_TYPES, ObjectTypes
from .report import Report
from .tables import PAGE, read_entries

MAX_PROCESSES = 1 << 18
MAX_ENDED_FACTS = 300
"""Process facts of ended processes; all of them are counted in the dead_objects facts."""
MAX_PID = 1 << 26
EARLIEST, LATEST = 0x01A8_E79F_E1D5_8000, 0x022F_7163_7764_0000
"""FILETIMEs of 1980 and 2100: the time of a process lies between."""
NAME_BYTES = 15


@dataclass(frozen=True, slots=True)
class Processes:
    """EPROCESS structures as columns, ordered by address. -1 and 0 stand for what is not in the dump."""

    addresses: Addresses
    pid: NDArray[np.int64]
    parent: NDArray[np.int64]
    image: list[str | None]
    table: Addresses
    table_known: Mask
    created: NDArray[np.int64]
    ended: Mask
    ended_known: Mask
    threads: NDArray[np.int64]
    commit: NDArray[np.int64]

    def at(self, addresses: Addresses) -> NDArray[np.int64]:
        """The row of each EPROCESS address, -1 for those that are not among them."""
        if not len(self.addresses):
            return np.full(len(addresses), -1)
        row = np.minimum(np.searchsorted(self.addresses, addresses), len(self.addresses) - 1)
        return np.where(self.addresses[row] == addresses, row, -1)

    def rows_of_pids(self, pids: NDArray[np.int64]) -> NDArray[np.int64]:
        """The row of the process with each pid, -1 where there is none; a live process goes before an ended one."""
        order = np.lexsort((self.ended, self.pid))
        if not len(order):
            return np.full(len(pids), -1)
        sorted_pids = self.pid[order]
        at = np.minimum(np.searchsorted(sorted_pids, pids), len(order) - 1)
        return np.where((sorted_pids[at] == pids) & (pids > 0), order[at], -1)


@dataclass(frozen=True, slots=True)
class CidTable:
    """Processes and threads, ended ones too, that have a client id: they keep it until their object is deleted."""

    processes: Addresses
    threads: Addresses


def find_processes(kernel: Kernel, types: ObjectTypes, cid: CidTable, report: Report) -> Processes:
    """All processes that lists and tables of the kernel lead to."""
    link = kernel.layout.offset("_EPROCESS", "ActiveProcessLinks")
    head = kernel.symbol("PsActiveProcessHead")
    listed: list[int] = []
    if head is not None and link is not None:
        listed, ending = walk_list(kernel, head, link, MAX_PROCESSES)
        if ending != "head":
            report.missing("processes", "The list of active processes breaks off: processes may be missing.")
    else:
        report.missing("processes", "The head of the list of active processes was not found.")
    variable = kernel.symbol("PsInitialSystemProcess")
    system = kernel.memory.pointer(variable) if variable is not None else None
    known = distinct(np.array([*listed, *([system] if system else [])], np.uint64))
    known = known[are_processes(kernel, types, known)]
    if len(known) < len(set(listed)):
        report.counted("entries of the active process list", len(known), skipped=len(set(listed)) - len(known))
    others = [cid.processes, _in_handle_table_list(kernel, known)]
    more = without(np.concatenate(others), known)
    more = more[are_processes(kernel, types, more)]
    return describe(kernel, distinct(np.concatenate([known, more])))


def extend(kernel: Kernel, types: ObjectTypes, processes: Processes, addresses: Addresses) -> Processes:
    """The processes with those of these EPROCESS addresses added that are processes."""
    more = without(addresses, processes.addresses)
    more = more[are_processes(kernel, types, more)][: max(MAX_PROCESSES - len(processes.addresses), 0)]
    if not len(more):
        return processes
    return describe(kernel, distinct(np.concatenate([processes.addresses, more])))


def are_processes(kernel: Kernel, types: ObjectTypes, bodies: Addresses) -> Mask:
    """Which addresses hold a process: by the object header, without object types by the dispatcher header."""
    bodies = np.asarray(bodies, np.uint64)
    if types.position("Process") >= 0:
        return types.are("Process", bodies)
    raw, present = kernel.memory.gather(bodies, 4)
    fit: Mask = present & ((raw[:, 0] & 0x7F) == DISPATCHER_TYPES["Process"])
    return fit


def describe(kernel: Kernel, addresses: Addresses) -> Processes:
    """The fields of the EPROCESS structures at these addresses."""
    pointer = kernel.bits // 8
    wanted = {
        "UniqueProcessId": pointer,
        "InheritedFromUniqueProcessId": pointer,
        "ObjectTable": pointer,
        "CreateTime": 8,
        "ExitTime": 8,
        "ActiveThreads": 4,
        "CommitCharge": pointer,
    }
    fields = {name: (at, size) for name, size in wanted.items() if (at := kernel.layout.offset("_EPROCESS", name))}
    found = read_columns(kernel.memory, addresses, fields)

    def number(name: str, limit: int) -> NDArray[np.int64]:
        if name not in fields:
            return np.full(len(addresses), -1)
        good = found.valid[name] & (found[name] < np.uint64(limit))
        return np.where(good, found[name].astype(np.int64), -1)

    table = found.values.get("ObjectTable", np.zeros(len(addresses), np.uint64))
    table_known = found.valid.get("ObjectTable", np.zeros(len(addresses), np.bool_))
    threads, exited = number("ActiveThreads", 1 << 20), number("ExitTime", 1 << 62)
    # ExitTime is set when the last thread leaves; the handle table goes with it. With either left, it has not ended.
    gone = (exited > EARLIEST) & (exited < LATEST) & table_known & (table == 0) & (threads <= 0)
    return Processes(
        addresses,
        number("UniqueProcessId", MAX_PID),
        number("InheritedFromUniqueProcessId", MAX_PID),
        _images(kernel, addresses),
        np.where(table >= np.uint64(1 << (kernel.bits - 1)), table, np.uint64(0)),
        table_known,
        number("CreateTime", 1 << 62),
        gone,
        (exited >= 0) & table_known,
        np.where(gone, 0, threads),
        number("CommitCharge", 1 << 40),
    )


def _images(kernel: Kernel, addresses: Addresses) -> list[str | None]:
    """ImageFileName of each process: at most 15 bytes; None where it is no name."""
    at = kernel.layout.offset("_EPROCESS", "ImageFileName")
    if at is None:
        return [None] * len(addresses)
    raw, present = kernel.memory.gather(addresses + np.uint64(at), NAME_BYTES)
    names: list[str | None] = []
    for row, there in zip(raw, present, strict=True):
        text = row.tobytes().split(b"\0")[0].decode("latin-1") if there else ""
        names.append(text if text and text.isprintable() else None)
    for row, name in enumerate(names):
        if name is not None and len(name) >= NAME_BYTES - 1:
            names[row] = _full_name(kernel, int(addresses[row]), name)
    return names


def _full_name(kernel: Kernel, process: int, name: str) -> str:
    """The whole file name of an image whose name fills ImageFileName, by the path kept for auditing."""
    at = kernel.layout.offset("_EPROCESS", "SeAuditProcessCreationInfo")
    path_at = kernel.memory.pointer(process + at) if at is not None else None
    path = read_unicode(kernel, path_at) if path_at else None
    file = path.rpartition("\\")[2] if path else ""
    return file if file.lower().startswith(name.lower()) and file.isprintable() and len(file) < 256 else name


def read_cid_table(kernel: Kernel, types: ObjectTypes) -> CidTable:
    """The CID table: a handle table whose entries point to object bodies."""
    variable = kernel.symbol("PspCidTable")
    table = kernel.memory.pointer(variable) if variable is not None else None
    if not table:
        return CidTable(np.zeros(0, np.uint64), np.zeros(0, np.uint64))
    bodies = distinct(read_entries(kernel, np.array([table], np.uint64)).pointers)
    kind, _ = types.kinds(bodies - np.uint64(types.body))
    return CidTable(bodies[kind == types.position("Process")], bodies[kind == types.position("Thread")])


def _in_handle_table_list(kernel: Kernel, known: Addresses) -> Addresses:
    """EPROCESS addresses of the processes whose handle tables are chained up by HandleTableList."""
    link = kernel.layout.offset("_HANDLE_TABLE", "HandleTableList")
    quota = kernel.layout.offset("_HANDLE_TABLE", "QuotaProcess")
    at = kernel.layout.offset("_EPROCESS", "ObjectTable")
    if link is None or quota is None or at is None:
        return np.zeros(0, np.uint64)
    pointer = kernel.bits // 8
    tables = read_columns(kernel.memory, known, {"table": (at, pointer)})["table"]
    first = next((int(table) for table in tables if table), None)
    if first is None:
        return np.zeros(0, np.uint64)
    chained = np.array(walk_list(kernel, first + link, link, MAX_PROCESSES)[0], np.uint64)
    owners = read_columns(kernel.memory, chained, {"owner": (quota, pointer)})["owner"]
    return distinct(owners[owners >= np.uint64(1 << (kernel.bits - 1))])


def walk(
    kernel: Kernel,
    case: Case,
    report: Report,
    processes: Processes,
    handle_counts: NDArray[np.int64],
    threads: Mapping[int, tuple[int, str]],
    crashed: int | None = None,
) -> None:
    """Add a process fact per process.

    `handle_counts` are handles by row of `processes`, -1 unknown; `threads` the number of live threads and their states
    by row, where counted; `crashed` the EPROCESS of the crash's context.
    """
    now = kernel.header.system_time
    shown = ended = 0
    for row in _in_order(processes):
        ended += bool(processes.ended[row])
        if processes.ended[row] and ended > MAX_ENDED_FACTS:
            continue
        shown += 1
        place = address(int(processes.addresses[row]))
        live, states = threads.get(row, (_known(processes.threads[row]), None))
        commit = _known(processes.commit[row])
        case.add(
            new(
                "process",
                source=f"_EPROCESS @ {place}",
                verify=f"!process {place} 0",
                pid=_known(processes.pid[row]),
                image=processes.image[row],
                address=place,
                parent_pid=_known(processes.parent[row]),
                session=session_of(kernel, int(processes.addresses[row])),
                handle_count=_known(handle_counts[row]),
                threads=live,
                thread_states=states,
                exited=bool(processes.ended[row]) if processes.ended_known[row] else None,
                crashed=True if crashed is not None and int(processes.addresses[row]) == crashed else None,
                object_table=address(int(processes.table[row])) if processes.table_known[row] else None,
                private_bytes=commit * PAGE if commit is not None else None,
                elapsed_s=seconds_since(int(processes.created[row]), now),
            )
        )
    report.counted("processes", len(processes.addresses))
    if shown < len(processes.addresses):
        text = f"{ended - MAX_ENDED_FACTS:,} of {ended:,} ended processes are counted but not listed one by one."
        report.missing("processes", text, problem="cut-list", severity="info")


def _in_order(processes: Processes) -> list[int]:
    """Rows, live processes first, by pid."""
    return [int(row) for row in np.lexsort((processes.addresses, processes.pid, processes.ended))]


def _known(value: np.int64) -> int | None:
    return int(value) if value >= 0 else None


def seconds_since(filetime: int, now: datetime | None) -> float | None:
    """Seconds from a FILETIME to the moment of the dump; None where either cannot be true."""
    if now is None or not EARLIEST < filetime < LATEST:
        return None
    then = datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=filetime // 10)
    seconds = (now - then).total_seconds()
    return round(seconds, 1) if seconds >= 0 else None


def session_of(kernel: Kernel, process: int) -> int | None:
    """Session id: in EPROCESS (2000), else in the structure its Session points to.

    That is MM_SESSION_SPACE, from 24H2 on PSP_SESSION_SPACE, which begins alike (volatility3 and vmi read it so). The
    id is its third 32-bit field; in Server 2003 a pointer lies in front.
    """
    own = kernel.layout.offset("_EPROCESS", "SessionId")
    if own is not None:
        number = kernel.memory.u32(process + own)
    else:
        at = kernel.layout.offset("_EPROCESS", "Session")
        space = kernel.memory.pointer(process + at) if at is not None else None
        place = kernel.layout.offset("_MM_SESSION_SPACE", "SessionId")
        if place is None:
            place = 8 + (kernel.bits // 8 if kernel.build == 3790 else 0)
        number = kernel.memory.u32(space + place) if space else None
    return number if number is not None and number < 1 << 16 else None
