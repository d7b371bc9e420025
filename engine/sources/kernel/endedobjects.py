"""Ended threads and processes still in memory: whose they were, where they started, and what keeps them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, address, new
from .columns import Addresses, distinct, distinct_positions, without
from .handles import Held
from .kernel import Kernel
from .objects import ObjectTypes, candidates
from .processes import Processes, extend
from .report import Report
from .threads import ended, owners, read_threads
from .userimages import UserImages

ModuleNames = Callable[[Addresses], Sequence[str | None]]
"""Names of the modules that addresses lie in, None for those outside any."""

MAX_GROUPS = 40
"""Groups of ended objects that get a fact of their own, the largest first; one more holds the rest."""
USER_START = 0x10000
"""No thread starts below 64 KB. Up to 2003 an LPC server's Win32StartAddress holds a message id instead."""
UNKNOWN = 1 << 30
"""Stands for an owner of which not even the process id is known."""


@dataclass(frozen=True, slots=True)
class Ended:
    """Ended objects of one type as columns, ordered by address."""

    type: str
    bodies: Addresses
    blocks: Addresses
    """Their pool blocks as a census found them, 0 unknown."""
    handles: NDArray[np.int64]
    pointers: NDArray[np.int64]
    row: NDArray[np.int64]
    """Of a thread: the row of its process, -1 unknown. Of a process: its own."""
    pid: NDArray[np.int64]
    module: NDArray[np.int64]
    """Start module: a position in `modules`, of which the first is None."""
    modules: list[str | None]
    exact: bool
    """False where ended objects that no handle keeps may have been missed."""


@dataclass(frozen=True, slots=True)
class Group:
    """Ended objects of one owner and start module: positions in Ended.bodies."""

    members: NDArray[np.int64]
    row: int | None
    """Row of the owner, where all have the same."""
    pid: int | None
    image: str | None
    module: str | None


def find_ended(
    kernel: Kernel,
    types: ObjectTypes,
    held: Held,
    blocks: Mapping[str, Addresses],
    names: ModuleNames,
    images: UserImages,
) -> tuple[Processes, Ended, Ended]:
    """The processes, with those that only a census or an ended thread leads to; ended threads; ended processes.

    `blocks` are pool blocks by object type as a census found them: {"Thread": addresses of their pool headers}.
    """
    of_threads, of_processes = (_bodies(kernel, types, name, blocks.get(name)) for name in ("Thread", "Process"))
    processes = extend(kernel, types, held.processes, of_processes[0])
    is_thread = held.kind == types.position("Thread")
    others = without(np.concatenate([held.cid.threads, of_threads[0]]), held.headers[is_thread] + np.uint64(types.body))
    others = others[ended(kernel, others)]
    bodies = distinct(np.concatenate([held.headers[is_thread & held.gone] + np.uint64(types.body), others]))
    headers = types.read(bodies - np.uint64(types.body))
    # An object without a reference is being deleted: nothing keeps it any more.
    kept = (headers.pointers > 0) & (headers.handles >= 0)
    threads = read_threads(kernel, bodies[kept])
    processes = extend(kernel, types, processes, threads.owner)
    row = owners(threads, processes)
    starts = np.where(threads.win32_start >= USER_START, threads.win32_start, threads.start)
    module, modules = _modules(starts, threads.start, names)
    owner = np.append(processes.addresses, np.uint64(0))[row]
    module, modules = _with_user_modules(module, modules, owner, starts, images)
    gone_threads = Ended(
        "Thread",
        threads.addresses,
        _blocks(threads.addresses, of_threads),
        headers.handles[kept],
        headers.pointers[kept],
        row,
        np.where(row >= 0, np.append(processes.pid, -1)[row], threads.pid),
        module,
        modules,
        "Thread" in blocks or len(held.cid.threads) > 0,
    )
    rows = np.flatnonzero(processes.ended)
    bodies = processes.addresses[rows]
    headers = types.read(bodies - np.uint64(types.body))
    gone_processes = Ended(
        "Process",
        bodies,
        _blocks(bodies, of_processes),
        headers.handles,
        headers.pointers,
        rows,
        processes.pid[rows],
        np.zeros(len(rows), np.int64),
        [None],
        True,
    )
    return processes, gone_threads, gone_processes


def _bodies(kernel: Kernel, types: ObjectTypes, name: str, blocks: Addresses | None) -> tuple[Addresses, Addresses]:
    """Object bodies in pool blocks, sorted, and the block of each."""
    if blocks is None or types.position(name) < 0:
        return np.zeros(0, np.uint64), np.zeros(0, np.uint64)
    headers = candidates(kernel, types, name, blocks)
    found = headers != 0
    bodies, positions = distinct_positions(headers[found] + np.uint64(types.body))
    of_bodies = np.zeros(len(bodies), np.uint64)
    of_bodies[positions] = blocks[found]
    return bodies, of_bodies


def _blocks(bodies: Addresses, known: tuple[Addresses, Addresses]) -> Addresses:
    """The pool block of each body, 0 where the census did not find it."""
    if not len(known[0]):
        return np.zeros(len(bodies), np.uint64)
    at = np.minimum(np.searchsorted(known[0], bodies), len(known[0]) - 1)
    return np.where(known[0][at] == bodies, known[1][at], np.uint64(0))


def _modules(starts: Addresses, others: Addresses, names: ModuleNames) -> tuple[NDArray[np.int64], list[str | None]]:
    """The module each thread starts in, by the first address or else the second, as positions in a list of names."""
    unique, inverse = distinct_positions(np.concatenate([starts, others]))
    found = names(unique)
    modules: list[str | None] = [None, *sorted({name for name in found if name})]
    numbers = np.array([modules.index(name or None) for name in found], np.int64)[inverse]
    first, second = numbers[: len(starts)], numbers[len(starts) :]
    return np.where(first > 0, first, second), modules


def _with_user_modules(
    module: NDArray[np.int64], modules: list[str | None], owner: Addresses, starts: Addresses, images: UserImages
) -> tuple[NDArray[np.int64], list[str | None]]:
    """The same with the files that start addresses outside all drivers lie in, in the memory of their process."""
    found, names = images.positions(np.where(module > 0, np.uint64(0), owner), starts)
    number = {name: position for position, name in enumerate(modules)}
    new_positions = np.array([number.setdefault(name, len(number)) for name in names], np.int64)
    return np.where(module > 0, module, new_positions[found]), list(number)


def group(gone: Ended, processes: Processes) -> list[Group]:
    """The ended objects by owner and start module; by image where there are many owners, as of processes always."""
    if not len(gone.bodies):
        return []
    owner = np.where(gone.row >= 0, gone.row, np.where(gone.pid >= 0, UNKNOWN + 1 + gone.pid, UNKNOWN))
    if gone.type == "Process" or len(distinct_positions(owner)[0]) > MAX_GROUPS:
        images = sorted({name for name in processes.image if name})
        number = {name: position for position, name in enumerate(images)}
        of_rows = np.array([*(number.get(name or "", UNKNOWN) for name in processes.image), UNKNOWN], np.int64)
        owner = of_rows[gone.row]
    _, inverse = distinct_positions(owner * len(gone.modules) + gone.module)
    order = np.argsort(inverse, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
    parts.sort(key=len, reverse=True)
    if len(parts) > MAX_GROUPS + 1:
        parts = [*parts[:MAX_GROUPS], np.sort(np.concatenate(parts[MAX_GROUPS:]))]
    return [_group(gone, processes, members) for members in parts]


def _group(gone: Ended, processes: Processes, members: NDArray[np.int64]) -> Group:
    row, pid, module = (_same(values[members]) for values in (gone.row, gone.pid, gone.module))
    images = {processes.image[each] if each >= 0 else None for each in set(gone.row[members].tolist())}
    return Group(members, row, pid, images.pop() if len(images) == 1 else None, gone.modules[module or 0])


def _same(values: NDArray[np.int64]) -> int | None:
    """What all values are; None where they differ or are -1."""
    first = int(values[0])
    return first if first >= 0 and bool((values == first).all()) else None


def holders(held: Held, types: ObjectTypes, gone: Ended, groups: Sequence[Group]) -> list[int | None]:
    """The table that has most of the handles to each group's objects; None where none has more than half."""
    if not groups or not len(held.tables):
        return [None] * len(groups)
    number = np.zeros(len(gone.bodies), np.int64)
    for index, each in enumerate(groups):
        number[each.members] = index
    bodies = held.headers + np.uint64(types.body)
    at = np.minimum(np.searchsorted(gone.bodies, bodies), len(gone.bodies) - 1)
    of_headers = np.where(gone.bodies[at] == bodies, number[at], -1)
    counts = np.zeros((len(groups), len(held.tables)), np.int64)
    for table in range(len(held.tables)):
        of_entries = of_headers[held.target[held.starts[table] : held.starts[table + 1]]]
        counts[:, table] = np.bincount(of_entries + 1, minlength=len(groups) + 1)[1:]
    best, total = counts.argmax(axis=1), counts.sum(axis=1)
    return [int(table) if counts[index, table] * 2 > total[index] else None for index, table in enumerate(best)]


def walk(
    kernel: Kernel,
    case: Case,
    report: Report,
    types: ObjectTypes,
    held: Held,
    blocks: Mapping[str, Addresses],
    names: ModuleNames,
    images: UserImages,
) -> tuple[Processes, Ended, Ended]:
    """Add dead_objects facts; returns what `find_ended` found, for the process and sample facts."""
    processes, threads, ended_processes = find_ended(kernel, types, held, blocks, names, images)
    for gone, what in ((threads, "ended threads"), (ended_processes, "ended processes")):
        report.counted(what, len(gone.bodies))
        groups = group(gone, processes)
        for each, table in zip(groups, holders(held, types, gone, groups), strict=True):
            _add(case, processes, held, gone, each, table)
    return processes, threads, ended_processes


def _add(case: Case, processes: Processes, held: Held, gone: Ended, each: Group, table: int | None) -> None:
    first = address(int(gone.bodies[each.members[0]]))
    owner = address(int(processes.addresses[each.row])) if each.row is not None else None
    with_handles = gone.handles[each.members] > 0
    holder = None if table is None else int(processes.at(held.owner_of(table))[0])
    holder_pid = int(processes.pid[holder]) if holder is not None else -1
    case.add(
        new(
            "dead_objects",
            source=f"_{'ETHREAD' if gone.type == 'Thread' else 'EPROCESS'} @ {first}",
            verify=f"!thread {first}" if gone.type == "Thread" else f"!process {first} 0",
            quality="exact" if gone.exact else "lower-bound",
            type=gone.type,
            owner_pid=each.pid,
            owner_image=each.image,
            owner_address=owner,
            start_module=each.module,
            count=len(each.members),
            with_handles=int(with_handles.sum()),
            # Without a handle there is no handle's share in the pointer count: it is all references.
            references_only=int((~with_handles & (gone.pointers[each.members] > 0)).sum()),
            holder_pid=holder_pid if holder_pid >= 0 else None,
            holder_image=processes.image[holder] if holder is not None else None,
        )
    )
