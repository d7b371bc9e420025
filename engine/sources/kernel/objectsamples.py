"""A few real addresses per kind of object that is in memory in numbers, for the engineer to look at."""

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, address, new
from .columns import Addresses
from .endedobjects import Ended, group
from .handles import Held
from .kernel import Kernel
from .objectnames import name_of
from .objects import ObjectTypes
from .processes import Processes, seconds_since
from .threads import read_threads

EACH = 5
ENDED_FROM = 100
"""Ended objects of a type from which on they are sampled; a healthy machine has some."""
LIVE_FROM = 10_000
"""Handles of one type in one process from which on a few of their objects are sampled though they live."""
LIVE_PAIRS, LIVE_EACH = 3, 3
REACH = 0x100
"""Bytes in front of an object header in which its pool header lies."""


def walk(kernel: Kernel, case: Case, types: ObjectTypes, held: Held, processes: Processes, *ended: Ended) -> None:
    """Add sample facts: ended threads and processes, and live objects to which one process has very many handles."""
    for gone in ended:
        position = types.position(gone.type)
        in_all = types.types[position].objects if position >= 0 else None
        if len(gone.bodies) < ENDED_FROM and not (in_all and len(gone.bodies) >= max(10, in_all // 2)):
            continue
        members = group(gone, processes)[0].members
        _add_ended(kernel, case, types, held, processes, gone, spread(members))
    _add_live(kernel, case, types, held)


def spread(members: NDArray[np.int64], number: int = EACH) -> NDArray[np.int64]:
    """At most `number` of the members, evenly spread over them."""
    return members[np.unique(np.linspace(0, len(members) - 1, min(number, len(members))).astype(np.int64))]


def _add_ended(
    kernel: Kernel,
    case: Case,
    types: ObjectTypes,
    held: Held,
    processes: Processes,
    gone: Ended,
    chosen: NDArray[np.int64],
) -> None:
    tag = types.types[types.position(gone.type)].tag
    bodies = gone.bodies[chosen]
    is_thread = gone.type == "Thread"
    threads = read_threads(kernel, bodies)
    struct = "_ETHREAD" if is_thread else "_EPROCESS"
    exit_at = kernel.layout.offset(struct, "ExitTime")
    references = references_of(types, held, bodies, gone.handles[chosen], gone.pointers[chosen])
    for position, (index, body) in enumerate(zip(chosen, bodies.tolist(), strict=True)):
        row = int(gone.row[index])
        block, size = pool_block(kernel, body - types.body, tag, int(gone.blocks[index]))
        exited = kernel.memory.u64(body + exit_at) if exit_at is not None else None
        pid, tid = int(gone.pid[index]), int(threads.tid[position])
        case.add(
            new(
                "sample",
                source=f"{struct} @ {address(body)}",
                verify=f"!thread {address(body)}" if is_thread else f"!process {address(body)} 0",
                type=gone.type,
                address=address(body),
                block=address(block) if block is not None else None,
                block_size=size,
                body_offset=body - block if block is not None else None,
                tag=tag,
                state="terminated" if is_thread else "exited",
                handle_count=int(gone.handles[index]),
                pointer_count=int(gone.pointers[index]),
                references=references[position],
                cid=f"{max(pid, 0):04x}.{tid:04x}" if is_thread and tid >= 0 and pid >= 0 else None,
                owner_pid=pid if pid >= 0 else None,
                owner_address=address(int(processes.addresses[row])) if row >= 0 else None,
                owner_image=processes.image[row] if row >= 0 else None,
                start_address=_start(threads.start[position]) if is_thread else None,
                win32_start_address=_start(threads.win32_start[position]) if is_thread else None,
                start_module=gone.modules[gone.module[index]],
                ended_s=seconds_since(exited, kernel.header.system_time) if exited is not None else None,
                name=name_of(kernel, types, body - types.body, gone.type) if is_thread else None,
            )
        )


def _start(value: np.uint64) -> str | None:
    return address(int(value)) if value else None


def _add_live(kernel: Kernel, case: Case, types: ObjectTypes, held: Held) -> None:
    """Samples of the objects behind the largest numbers of handles of one type in one process."""
    pairs: list[tuple[int, int, NDArray[np.int32]]] = []
    for table in np.flatnonzero(held.walked >= LIVE_FROM):
        entries = held.target[held.starts[table] : held.starts[table + 1]]
        entries = entries[(held.kind[entries] >= 0) & ~held.gone[entries]]
        counts = np.bincount(held.kind[entries], minlength=1)
        pairs += [
            (int(counts[kind]), int(kind), entries[spread(np.flatnonzero(held.kind[entries] == kind), LIVE_EACH)])
            for kind in np.flatnonzero(counts >= LIVE_FROM)
        ]
    pairs.sort(key=lambda pair: pair[0], reverse=True)
    for _, kind, objects in pairs[:LIVE_PAIRS]:
        headers = held.headers[np.unique(objects)]
        found = types.read(headers)
        bodies = headers + np.uint64(types.body)
        references = references_of(types, held, bodies, found.handles, found.pointers)
        for position, header in enumerate(headers.tolist()):
            block, size = pool_block(kernel, header, types.types[kind].tag)
            body = address(header + types.body)
            case.add(
                new(
                    "sample",
                    source=f"_OBJECT_HEADER @ {address(header)}",
                    verify=f"!object {body}",
                    type=types.names[kind],
                    address=body,
                    block=address(block) if block is not None else None,
                    block_size=size,
                    body_offset=header + types.body - block if block is not None else None,
                    tag=types.types[kind].tag,
                    handle_count=max(int(found.handles[position]), 0),
                    pointer_count=max(int(found.pointers[position]), 0),
                    references=references[position],
                    name=name_of(kernel, types, header, types.names[kind]),
                )
            )


def references_of(
    types: ObjectTypes, held: Held, bodies: Addresses, handles: NDArray[np.int64], pointers: NDArray[np.int64]
) -> list[int | None]:
    """References to a few objects other than those of their handles; None where they cannot be told.

    A handle holds one reference. From Windows 8.1 on it holds many more in advance; what is left of them is the RefCnt
    of its entry, so all entries that point to the object must be known.
    """
    result: list[int | None] = []
    for body, count, stored in zip(bodies, handles.tolist(), pointers.tolist(), strict=True):
        at = int(np.searchsorted(held.headers, body - np.uint64(types.body)))
        there = at < len(held.headers) and held.headers[at] == body - np.uint64(types.body)
        if not held.biased:
            result.append(stored - count if stored >= count else None)
        elif held.references is None or (count and not there):
            result.append(None)
        else:
            entries = np.flatnonzero(held.target == at) if there else np.zeros(0, np.int64)
            left = stored - count - int(held.references[entries].sum())
            result.append(max(left, 0) if len(entries) == count and left >= -count else None)
    return result


def pool_block(kernel: Kernel, header: int, tag: str | None, block: int = 0) -> tuple[int | None, int | None]:
    """The pool block an object header lies in and the block's size in bytes; None where it cannot be told.

    Without a block known from a census it is the nearest pool header with the tag of the object type in front.
    """
    layout = kernel.layout
    tag_at, field = layout.offset("_POOL_HEADER", "PoolTag"), layout.field("_POOL_HEADER", "BlockSize")
    step = 16 if kernel.bits == 64 else 8
    if not block:
        if tag is None or tag_at is None:
            return None, None
        wanted = int.from_bytes(tag.encode("latin-1"), "little")
        for place in range(header - step, header - REACH, -step):
            found = kernel.memory.u32(place + tag_at)
            if found is not None and found & 0x7FFFFFFF == wanted:
                block = place
                break
        else:
            return None, None
    if field is None:
        return block, None
    if field.bits is None:
        # Windows 2000 counts units of 32 bytes in a byte.
        units = kernel.memory.u8(block + field.offset)
        return block, units * 32 if units else None
    raw = kernel.memory.u32(block + field.offset)
    start, end = field.bits
    units = None if raw is None else raw >> start & ((1 << (end - start)) - 1)
    return block, units * step if units else None
