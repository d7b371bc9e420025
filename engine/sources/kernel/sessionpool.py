"""Session pool: the tag tables of the sessions (win32k and display drivers), added up.

Each session counts in a table of its own at one address of the session space, which only the address spaces of its
processes map: nt!ExpSessionPoolTrackTable points there, nt!ExpSessionPoolTrackTableSize is its length, 2^n with mask
2^n - 1. Without symbols the pointer is looked for near PoolTrackTable, where all public kernels from 7601 to 20348 have
it, and what it points to must be such a table. A kernel dump holds the session space of few sessions, often of none.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, new
from .columns import Mask, column
from .kernel import Kernel
from .locate import printable_tags
from .pooltags import MAX_BYTES, MAX_TAGS, STRUCT, TrackerLayout, slot_addresses, tag_entries
from .processes import Processes, session_of
from .report import Report
from .virtual import VirtualMemory

MAX_SESSIONS = 64
"""Sessions whose tables are read; terminal servers have some dozens."""
TRIES, MAX_SPACES = 2, 96
"""Processes of a session, and of all sessions together, whose address space is tried."""
_MAX_PLACES = 32
"""Pointers near PoolTrackTable that are looked at: far fewer begin a page and have a length beside them."""
_REACH = 0x4200
"""Bytes around PoolTrackTable in which the pointer is looked for."""
_NEAR = 0x20
"""Bytes around the pointer in which the length stands."""
_LENGTHS = tuple(1 << bits for bits in range(6, 13))
_MAX_LENGTH = 1 << 14
_FEWEST = 8
"""Tags below which a table is not told from chance; a session has fifty and more."""
_HASH = np.uint64(40543)


@dataclass(frozen=True, slots=True)
class Session:
    """One session: its id, and an address space that maps its session space."""

    number: int
    memory: VirtualMemory


def walk(kernel: Kernel, case: Case, report: Report, processes: Processes) -> None:
    """Add `tag` and `pool` facts of session pool, summed over the sessions whose tables are in the dump."""
    spaces, known = _sessions(kernel, processes)
    if not known:
        return
    layout = TrackerLayout(kernel)
    found = next((read for place in _places(kernel, spaces) if (read := _read(layout, spaces, *place))), None)
    if found is None:
        text = (
            f"The session pool tag tables of {len(known):,} sessions are not in this dump or were not found without "
            "symbols: session pool (win32k and display drivers) is not read. `!poolused 8` shows it for the current "
            "session."
        )
        report.missing("tags", text, "not-read", severity="info")
        return
    keys, sums, addresses, numbers = found
    entries, impossible = tag_entries(layout, keys, sums, addresses, MAX_BYTES)
    whole = len(numbers) == len(known)
    report.counted("session pool tag tables", len(numbers), unreadable=len(known) - len(numbers))
    text = (
        f"Session pool tags are those of session {', '.join(map(str, sorted(numbers)))}"
        + ("" if whole else f"; {len(known) - len(numbers):,} other sessions are not in this dump")
        + ". Tags that found no slot in a session's table are left out."
    )
    report.missing("tags", text, severity="info" if whole and not impossible else "warning")
    for entry in sorted(entries, key=lambda entry: -(entry.bytes or 0))[:MAX_TAGS]:
        case.add(
            new(
                "tag",
                source=f"{STRUCT} @ {entry.address:x} of {len(numbers)} sessions",
                verify="!session; !poolused 8",
                quality="exact" if whole else "lower-bound",
                tag=entry.tag,
                pool="session",
                allocs=entry.allocs,
                frees=entry.frees,
                outstanding=entry.outstanding,
                bytes=entry.bytes,
            )
        )
    total = sum(entry.bytes or 0 for entry in entries)
    if total:
        case.add(
            new(
                "pool",
                source=f"sum of {STRUCT} bytes of {len(numbers)} sessions",
                verify="!vm 4",
                quality="lower-bound",
                type="session",
                used_bytes=total,
                limit="unknown",
            )
        )


def _sessions(kernel: Kernel, processes: Processes) -> tuple[list[Session], set[int]]:
    """The sessions that an address space of one of their processes leads to, and the ids of all sessions."""
    spaces: list[Session] = []
    tries: dict[int, int] = {}
    for row in np.flatnonzero(~processes.ended).tolist():
        process = int(processes.addresses[row])
        number = session_of(kernel, process)
        if number is None or (number not in tries and len(tries) >= MAX_SESSIONS):
            continue
        if tries.setdefault(number, 0) < TRIES and len(spaces) < MAX_SPACES:
            memory = kernel.user_directory(process)
            if memory is not None:
                tries[number] += 1
                spaces.append(Session(number, memory))
    return spaces, set(tries)


def _places(kernel: Kernel, spaces: list[Session]) -> Iterator[tuple[int, int]]:
    """Address and length of what may be the sessions' tables, the surest first."""
    memory, width = kernel.memory, kernel.bits // 8
    table, length = (kernel.symbol(f"ExpSessionPoolTrackTable{part}") for part in ("", "Size"))
    if table is not None and length is not None:
        place, count = memory.pointer(table), memory.pointer(length)
        if place and count and 0 < count <= _MAX_LENGTH:
            yield place, count
        return
    center = kernel.symbol("PoolTrackTable")
    if center is None or not spaces:
        return
    at = slot_addresses(center - _REACH // width * width, 2 * _REACH // width, width)
    rows, there = memory.gather(at, width)
    words = np.where(there, column(rows, 0, width), np.uint64(0))
    pointers = (words >> np.uint64(kernel.bits - 1) == 1) & (words & np.uint64(0xFFF) == 0)
    variable = kernel.symbol("PsInitialSystemProcess")
    process = memory.pointer(variable) if variable is not None else None
    system = kernel.user_directory(process) if process else None
    reach = _NEAR // width
    places = 0
    for index in np.flatnonzero(pointers).tolist():
        near = {int(word) for word in words[max(index - reach, 0) : index + reach + 1]}
        # The tables of the processors are mapped everywhere, a session's not in the System process.
        if system is None or system.read(int(words[index]), 4) is None:
            for count in _LENGTHS:
                # Length and mask stand together in some builds, in others one of them is elsewhere.
                if places < _MAX_PLACES and (count in near or count - 1 in near):
                    places += 1
                    yield int(words[index]), count


def _read(
    layout: TrackerLayout, spaces: list[Session], table: int, count: int
) -> tuple[NDArray[np.uint64], list[NDArray[np.uint64]], NDArray[np.uint64], set[int]] | None:
    """Keys, sums of the counters, addresses and session ids of the tables at one address; None if they are none."""
    addresses = slot_addresses(table, count, layout.size)
    keys: list[NDArray[np.uint64]] = []
    sums: list[list[NDArray[np.uint64]]] = []
    numbers: set[int] = set()
    for session in spaces:
        if session.number in numbers or session.memory.read(table, 4) is None:
            continue
        rows, there = session.memory.gather(addresses, layout.size)
        mine = np.where(there, column(rows, layout.key.offset, 4), np.uint64(0))
        if not _is_table(mine, there):
            continue
        numbers.add(session.number)
        columns = layout.columns(rows, there & (mine != 0))
        keys.append(mine)
        # A session has paged pool, in old builds nonpaged as well: both sides of an entry are session pool.
        sums.append([columns[n] + columns[n + 3] for n in range(3)])
    if not numbers:
        return None
    zeros = np.zeros(count * len(keys), np.uint64)
    totals = [np.concatenate([columns[n] for columns in sums]) for n in range(3)]
    return np.concatenate(keys), [*totals, zeros, zeros, zeros], np.tile(addresses, len(keys)), numbers


def _is_table(keys: NDArray[np.uint64], there: Mask) -> bool:
    """True where the whole table is in the dump and nearly all entries are tags where their hash puts them."""
    used = np.flatnonzero(keys)
    if not there.all() or len(used) < _FEWEST or float(printable_tags(keys[used]).mean()) < 0.9:
        return False
    count = len(keys)
    product = keys[used] * _HASH
    home = ((product ^ product >> np.uint64(32)) & np.uint64(count - 1)).astype(np.int64)
    narrow = (product & np.uint64(0xFFFF_FFFF) & np.uint64(count - 1)).astype(np.int64)
    # Behind its slot a tag stands only where those in between are taken.
    empty = np.concatenate(([0], np.cumsum(keys == 0)))
    good = np.zeros(len(used), np.bool_)
    for start in (home, narrow):
        gap = empty[used] - empty[start]
        good |= np.where(start > used, gap + empty[-1], gap) == 0
    return float(good.mean()) >= 0.9
