"""Threads: which have ended, to which process they belonged and where they started; live ones by state."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .columns import Addresses, Mask, distinct, read_columns
from .kernel import Kernel
from .lists import walk_list
from .objects import ObjectTypes
from .processes import MAX_PID, CidTable, Processes
from .report import Report

TERMINATED, WAITING = 4, 5
STATES: tuple[str, ...] = (
    "initialized",
    "ready",
    "running",
    "standby",
    "terminated",
    "waiting",
    "transition",
    "deferred ready",
)
STATES += ("gate wait", "waiting for swap-in")
"""KTHREAD_STATE."""
WAIT_REASONS: tuple[str, ...] = ("Executive", "FreePage", "PageIn", "PoolAllocation", "DelayExecution", "Suspended")
WAIT_REASONS += ("UserRequest", "WrExecutive", "WrFreePage", "WrPageIn", "WrPoolAllocation", "WrDelayExecution")
WAIT_REASONS += ("WrSuspended", "WrUserRequest", "WrEventPair", "WrQueue", "WrLpcReceive", "WrLpcReply")
WAIT_REASONS += ("WrVirtualMemory", "WrPageOut", "WrRendezvous")
"""The first values of KWAIT_REASON, equal from Windows 2000 to 11."""
MAX_LISTED = 20_000
"""Most threads followed on one process's list."""
MAX_THREADS = 1 << 18


@dataclass(frozen=True, slots=True)
class Threads:
    """ETHREAD structures as columns. `owner` is the EPROCESS pointer, 0 unknown; `pid`, `tid` -1 unknown."""

    addresses: Addresses
    owner: Addresses
    pid: NDArray[np.int64]
    tid: NDArray[np.int64]
    start: Addresses
    win32_start: Addresses


def ended(kernel: Kernel, bodies: Addresses) -> Mask:
    """Which of these threads have ended; one whose state is not in the dump has not."""
    fields: dict[str, tuple[int, int]] = {}
    for struct, name, size in (("_KTHREAD", "State", 1), ("_ETHREAD", "CrossThreadFlags", 4)):
        at = kernel.layout.offset(struct, name)
        if at is not None:
            fields[name] = (at, size)
    found = read_columns(kernel.memory, bodies, fields)
    gone = np.zeros(len(bodies), np.bool_)
    if "State" in fields:
        gone |= found.valid["State"] & (found["State"] == TERMINATED)
    if "CrossThreadFlags" in fields:
        # The flag Terminated is set when a thread begins to end: it may still run or wait for its last request.
        active = found.valid["State"] & (found["State"] != 0) if "State" in fields else np.zeros_like(gone)
        gone |= found.valid["CrossThreadFlags"] & (found["CrossThreadFlags"] & np.uint64(1) == 1) & ~active
    return gone


def read_threads(kernel: Kernel, bodies: Addresses) -> Threads:
    """Owner, client id and start addresses of the threads at these addresses."""
    pointer = kernel.bits // 8
    layout = kernel.layout
    fields = {
        name: (at, pointer)
        for name in ("StartAddress", "Win32StartAddress")
        if (at := layout.offset("_ETHREAD", name)) is not None
    }
    cid = layout.offset("_ETHREAD", "Cid")
    if cid is not None:
        fields |= {"pid": (cid, pointer), "tid": (cid + pointer, pointer)}
    owner = _owner_offset(kernel)
    if owner is not None:
        fields["owner"] = (owner, pointer)
    found = read_columns(kernel.memory, bodies, fields)
    unknown = np.zeros(len(bodies), np.uint64)

    def number(name: str) -> NDArray[np.int64]:
        if name not in fields:
            return np.full(len(bodies), -1)
        good = found.valid[name] & (found[name] < MAX_PID) & (found[name] > 0)
        return np.where(good, found[name].astype(np.int64), -1)

    return Threads(
        bodies,
        found.values.get("owner", unknown),
        number("pid"),
        number("tid"),
        found.values.get("StartAddress", unknown),
        found.values.get("Win32StartAddress", unknown),
    )


def _owner_offset(kernel: Kernel) -> int | None:
    """Where ETHREAD points to its process: ThreadsProcess to 2003, KTHREAD.Process later, else the APC state's."""
    layout = kernel.layout
    own = layout.offset("_ETHREAD", "ThreadsProcess")
    if own is None:
        own = layout.offset("_KTHREAD", "Process")
    if own is None:
        state = layout.offset("_KTHREAD", "ApcState")
        inside = layout.offset("_KAPC_STATE", "Process")
        if state is not None:
            own = state + (inside if inside is not None else 4 * kernel.bits // 8)
    return own


def owners(threads: Threads, processes: Processes) -> NDArray[np.int64]:
    """The row of each thread's process, -1 where it is not known.

    The process id a thread keeps stands in only for a pointer that is not in the dump: an id is used again when its
    process is gone.
    """
    return np.where(threads.owner != 0, processes.at(threads.owner), processes.rows_of_pids(threads.pid))


@dataclass(frozen=True, slots=True)
class LiveThreads:
    """Live threads as columns: ETHREAD, row of the process (-1 unknown), state << 8 | wait reason (of waiting ones)."""

    bodies: Addresses
    rows: NDArray[np.int64]
    state: NDArray[np.uint64]


def find_live(kernel: Kernel, types: ObjectTypes, processes: Processes, cid: CidTable, report: Report) -> LiveThreads:
    """The live threads, from the thread lists and the CID table."""
    listed, broken = _listed(kernel, processes)
    bodies = distinct(np.concatenate([listed, cid.threads]))
    bodies = bodies[types.are("Thread", bodies)] if types.position("Thread") >= 0 else listed
    bodies = bodies[~ended(kernel, bodies)]
    rows = owners(read_threads(kernel, bodies), processes)
    fields = {
        name: (at, 1) for name in ("State", "WaitReason") if (at := kernel.layout.offset("_KTHREAD", name)) is not None
    }
    found = read_columns(kernel.memory, bodies, fields)
    state = found.values.get("State", np.full(len(bodies), 255, np.uint64))
    reason = found.values.get("WaitReason", np.full(len(bodies), 255, np.uint64))
    report.counted("live threads", len(bodies))
    if broken:
        report.missing("processes", f"The thread lists of {broken:,} processes break off: live threads may be missing.")
    return LiveThreads(bodies, rows, (state << np.uint64(8)) | np.where(state == WAITING, reason, np.uint64(0)))


def live_threads(live: LiveThreads, processes: Processes) -> Mapping[int, tuple[int, str]]:
    """Number of live threads and their states by row of `processes`."""
    known = live.rows >= 0
    states: dict[int, list[tuple[int, int]]] = {}
    pairs = (live.rows[known].astype(np.uint64) << np.uint64(16)) | live.state[known]
    for pair, count in zip(*(part.tolist() for part in np.unique(pairs, return_counts=True)), strict=True):
        states.setdefault(pair >> 16, []).append((count, pair & 0xFFFF))
    return {
        row: (
            max(sum(count for count, _ in counts), int(processes.threads[row])),
            ", ".join(f"{_words(value)} {count:,}" for count, value in sorted(counts, reverse=True)[:8]),
        )
        for row, counts in states.items()
    }


def _words(key: int) -> str:
    state, reason = key >> 8, key & 0xFF
    name = STATES[state] if state < len(STATES) else f"state {state}"
    return f"{name} {WAIT_REASONS[reason]}" if state == WAITING and reason < len(WAIT_REASONS) else name


def _listed(kernel: Kernel, processes: Processes) -> tuple[Addresses, int]:
    """Threads on the lists of the processes, and the number of lists that break off."""
    head, link = (
        kernel.layout.offset("_EPROCESS", "ThreadListHead"),
        kernel.layout.offset("_ETHREAD", "ThreadListEntry"),
    )
    if head is None or link is None:
        # Windows 2000 chains threads by KTHREAD alone.
        head, link = (
            kernel.layout.offset("_KPROCESS", "ThreadListHead"),
            kernel.layout.offset("_KTHREAD", "ThreadListEntry"),
        )
    found: list[int] = []
    broken = 0
    if head is not None and link is not None:
        for row in np.flatnonzero(~processes.ended):
            room = min(MAX_LISTED, MAX_THREADS - len(found))
            entries, ending = walk_list(kernel, int(processes.addresses[row]) + head, link, room)
            broken += ending != "head"
            found += entries
    return distinct(np.array(found, np.uint64)), broken
