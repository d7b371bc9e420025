"""Kernel stacks of a few live threads and of the crash: which modules' return addresses lie on them.

Nothing is unwound, for that takes symbols: every word between the stack pointer and the stack's base that points behind
a call instruction inside a module counts. Left-overs of earlier calls are among them, so these facts are suspect.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, Fact, address, new
from ..dump.bugchecks import LIVE_ONLY, base_code
from .columns import Addresses
from .endedobjects import Ended
from .kernel import Kernel
from .modules import ModuleMap
from .objectnames import name_of
from .objects import ObjectTypes
from .objectsamples import pool_block, spread
from .processes import Processes
from .report import Report
from .threads import WAITING, LiveThreads, read_threads
from .userimages import UserImages

GROUPS, EACH = 4, 2
"""Groups of live threads (of one process, waiting for one reason) that are sampled, and threads of each."""
GROUP_FROM = 50
"""Threads from which on a group is worth a look."""
OWNER_FROM = 100
"""Ended threads of one process from which on its live threads are sampled as well, however few they are."""
MAX_STACK = 0x20000
"""Bytes of a kernel stack: 24 KB, of a thread with a large one 72 KB, and more for stacks that grew."""
_BEFORE = 7
"""Bytes of the longest call instruction."""
_STACK_POINTER = {32: 0xC4, 64: 0x98}
"""Esp and Rsp in the CONTEXT of the dump header (winnt.h)."""


@dataclass(frozen=True, slots=True)
class Hit:
    """The innermost return address of one module on a stack, and how many others lie further in."""

    module: str
    symbol: str
    frame: int
    thread: int


def walk(
    kernel: Kernel,
    case: Case,
    report: Report,
    types: ObjectTypes,
    processes: Processes,
    live: LiveThreads,
    modules: ModuleMap,
    images: UserImages,
    gone: Ended | None,
) -> None:
    """Add sample facts for a few live threads of the largest groups, and stack facts for what is on their stacks."""
    chosen = _choose(processes, live, gone)
    if not len(chosen):
        return
    _add_samples(kernel, case, types, processes, live, modules, images, chosen)
    hits: dict[str, Hit] = {}
    read = 0
    for thread in live.bodies[chosen].tolist():
        extent = stack_of(kernel, thread)
        found = scan(kernel, modules, thread, *extent) if extent else None
        read += found is not None
        for hit in found or ():
            if hit.module not in hits or hit.frame < hits[hit.module].frame:
                hits[hit.module] = hit
    report.counted("kernel stacks of sampled threads", read, unreadable=len(chosen) - read)
    case.extend(_fact(hit, "thread") for hit in hits.values())


def _choose(processes: Processes, live: LiveThreads, gone: Ended | None) -> NDArray[np.int64]:
    """Positions of the threads to look at: a few of each of the largest groups of waiting threads."""
    waiting = np.flatnonzero((live.rows >= 0) & (live.state >> np.uint64(8) == WAITING))
    keys = (live.rows[waiting] << 16) | live.state[waiting].astype(np.int64)
    groups, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    order = np.argsort(-counts, kind="stable")
    wanted = [int(group) for group in order[:GROUPS] if counts[group] >= GROUP_FROM]
    if gone is not None and len(gone.bodies):
        owners = np.bincount(gone.row[gone.row >= 0], minlength=1)
        for row in np.argsort(-owners, kind="stable")[:GROUPS]:
            of_row = [int(group) for group in order if groups[group] >> 16 == row]
            if owners[row] >= OWNER_FROM and of_row and of_row[0] not in wanted:
                wanted.append(of_row[0])
    parts = [spread(waiting[inverse == group], EACH) for group in wanted]
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)


def stack_of(kernel: Kernel, thread: int) -> tuple[int, int] | None:
    """Stack pointer and base of the kernel stack of a thread that does not run; None where they cannot be true."""
    layout, memory = kernel.layout, kernel.memory
    low_at, high_at = layout.offset("_KTHREAD", "KernelStack"), layout.offset("_KTHREAD", "StackBase", "InitialStack")
    low = memory.pointer(thread + low_at) if low_at is not None else None
    high = memory.pointer(thread + high_at) if high_at is not None else None
    width = kernel.bits // 8
    if not low or not high or low % width or low >> (kernel.bits - 1) == 0 or not 0 < high - low <= MAX_STACK:
        return None
    return low, high


def scan(kernel: Kernel, modules: ModuleMap, thread: int, low: int, high: int) -> list[Hit] | None:
    """The first return address of each module between two addresses, innermost first.

    Where the code in front of an address is in the dump, it must be a call. None where no page is in the dump.
    """
    width = kernel.bits // 8
    rows, there = kernel.memory.gather(np.arange(low, high // width * width, width, dtype=np.uint64), width)
    if not there.any():
        return None
    values = rows.view(f"<u{width}").reshape(-1).astype(np.uint64)[there]
    values = values[modules.index_of(values) >= 0]
    values = values[_after_call(kernel, values)]
    hits: dict[str, Hit] = {}
    for frame, (value, at) in enumerate(zip(values.tolist(), modules.index_of(values).tolist(), strict=True)):
        module = modules.modules[at]
        hits.setdefault(module.name, Hit(module.name, f"{module.name}+0x{value - module.base:x}", frame, thread))
    return list(hits.values())


def _after_call(kernel: Kernel, values: Addresses) -> NDArray[np.bool_]:
    """Which addresses stand behind a call: E8 with a distance, or FF /2 of two to seven bytes. Unknown code counts."""
    raw, there = kernel.memory.gather(values - np.uint64(_BEFORE), _BEFORE)
    call = raw[:, _BEFORE - 5] == 0xE8
    for length in (2, 3, 4, 6, 7):
        call |= (raw[:, _BEFORE - length] == 0xFF) & (raw[:, _BEFORE - length + 1] & 0x38 == 0x10)
    result: NDArray[np.bool_] = call | ~there
    return result


def _fact(hit: Hit, purpose: str) -> Fact:
    thread = address(hit.thread)
    return new(
        "stack",
        source=f"kernel stack of _ETHREAD @ {thread}, scanned for return addresses, not unwound",
        verify=f"!thread {thread}" if purpose == "thread" else "k",
        quality="suspect",
        purpose=purpose,
        module=hit.module,
        symbol=hit.symbol,
        frame=hit.frame,
    )


def _add_samples(
    kernel: Kernel,
    case: Case,
    types: ObjectTypes,
    processes: Processes,
    live: LiveThreads,
    modules: ModuleMap,
    images: UserImages,
    chosen: NDArray[np.int64],
) -> None:
    bodies, rows = live.bodies[chosen], live.rows[chosen]
    threads = read_threads(kernel, bodies)
    headers = types.read(bodies - np.uint64(types.body))
    position = types.position("Thread")
    tag = types.types[position].tag if position >= 0 else None
    starts = np.where(threads.win32_start >= 0x10000, threads.win32_start, threads.start)
    drivers = modules.name_of(starts)
    user, names = images.positions(processes.addresses[rows], starts)
    for n, (body, row) in enumerate(zip(bodies.tolist(), rows.tolist(), strict=True)):
        block, size = pool_block(kernel, body - types.body, tag)
        pid, tid = int(processes.pid[row]), int(threads.tid[n])
        case.add(
            new(
                "sample",
                source=f"_ETHREAD @ {address(body)}",
                verify=f"!thread {address(body)}",
                type="Thread",
                address=address(body),
                block=address(block) if block is not None else None,
                block_size=size,
                body_offset=body - block if block is not None else None,
                tag=tag,
                state="waiting",
                handle_count=max(int(headers.handles[n]), 0) if headers.resident[n] else None,
                pointer_count=max(int(headers.pointers[n]), 0) if headers.resident[n] else None,
                cid=f"{pid:04x}.{tid:04x}" if tid >= 0 and pid >= 0 else None,
                owner_pid=pid if pid >= 0 else None,
                owner_address=address(int(processes.addresses[row])),
                owner_image=processes.image[row],
                start_address=address(int(threads.start[n])) if threads.start[n] else None,
                win32_start_address=address(int(threads.win32_start[n])) if threads.win32_start[n] else None,
                start_module=drivers[n] or names[int(user[n])],
                name=name_of(kernel, types, body - types.body, "Thread"),
            )
        )


def crash(kernel: Kernel, case: Case, modules: ModuleMap) -> int | None:
    """EPROCESS of the crash's context, with stack facts for the modules on the crashing thread's stack.

    The crashing thread is the current thread of a processor on whose stack the saved stack pointer lies; of a single
    processor its current thread. None where the machine did not crash or it cannot be told.
    """
    header, memory = kernel.header, kernel.memory
    code = header.bugcheck_code
    if not code or base_code(code) in LIVE_ONLY:
        return None
    place = header.layout.context + _STACK_POINTER[kernel.bits]
    width = kernel.bits // 8
    pointer = int.from_bytes(bytes(memory.physical.data[place : place + width]), "little")
    threads = current_threads(kernel)
    for thread in threads:
        extent = _whole_stack(kernel, thread)
        if extent and extent[0] <= pointer < extent[1]:
            low = max(pointer // width * width, extent[1] - MAX_STACK)
            case.extend(_fact(hit, "crash") for hit in scan(kernel, modules, thread, low, extent[1]) or ())
            return _process_of(kernel, thread)
    return _process_of(kernel, threads[0]) if len(threads) == 1 == kernel.processors else None


def current_threads(kernel: Kernel) -> list[int]:
    """The current thread of each processor, as far as its control block is in the dump."""
    blocks, width = kernel.symbol("KiProcessorBlock"), kernel.bits // 8
    at = kernel.layout.offset("_KPRCB", "CurrentThread")
    found: list[int] = []
    for number in range(min(kernel.processors, 2048) if blocks else 0):
        block = kernel.memory.pointer((blocks or 0) + number * width)
        # The second pointer-sized field in every build.
        thread = kernel.memory.pointer(block + (width if at is None else at)) if block else None
        if thread and thread >> (kernel.bits - 1):
            found.append(thread)
    return found


def _whole_stack(kernel: Kernel, thread: int) -> tuple[int, int] | None:
    """Limit and base of a thread's kernel stack."""
    limit_at, base_at = (kernel.layout.offset("_KTHREAD", name) for name in ("StackLimit", "StackBase"))
    limit = kernel.memory.pointer(thread + limit_at) if limit_at is not None else None
    base = kernel.memory.pointer(thread + base_at) if base_at is not None else None
    return (limit, base) if limit and base and 0 < base - limit <= 8 * MAX_STACK else None


def _process_of(kernel: Kernel, thread: int) -> int | None:
    """The process whose address space a thread uses (ApcState.Process): a thread can be attached to another one."""
    state, inside = kernel.layout.offset("_KTHREAD", "ApcState"), kernel.layout.offset("_KAPC_STATE", "Process")
    if state is None:
        return None
    return kernel.memory.pointer(thread + state + (inside if inside is not None else kernel.bits // 2))
