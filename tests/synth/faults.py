"""Damage to a dump: cuts and flipped bits, seeded, at places that matter."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from .article import article
from .layouts import layout
from .machine import Machine
from .memory import PAGE
from .scenario import Scenario

STEP = 1 << 16


def leaking(build: int, bits: int = 0) -> Scenario:
    """The article's machine, three hundred times smaller, on any build; `bits` as for `layout`.

    Paged pool holds what its tags add up to, in the article's proportion to its maximum.
    """
    whole = article(300)
    return replace(
        whole,
        build=build,
        structures=layout(build, bits),
        background=20,
        large_pages=build >= 7601,
        counters=replace(whole.counters, paged=450, paged_max=990),
    )


def healthy(build: int, bits: int = 0) -> Scenario:
    """The same machine without its leak: a handful of ended threads, few handles, pools with room."""
    sick = leaking(build, bits)
    (dead,) = sick.dead_threads
    processes = tuple(
        replace(
            process,
            handles=tuple(replace(group, count=min(group.count, 5), distinct=None) for group in process.handles),
        )
        for process in sick.processes
    )
    counters = replace(sick.counters, nonpaged=400, nonpaged_max=2000)
    return replace(sick, processes=processes, dead_threads=(replace(dead, count=5),), counters=counters)


@dataclass(frozen=True, slots=True)
class Target:
    """A machine, its intact dump, and file offsets of what is worth hitting, by kind."""

    machine: Machine
    data: bytes
    places: dict[str, list[int]]


def target(data: bytes, machine: Machine) -> Target:
    """Find the places in a dump of type 6: header, page tables, list links, handle table leaves, tracker."""
    physical = machine.physical
    kept = physical.frames[~physical.left_out]
    first = len(data) - kept.size * PAGE
    row = {int(frame): first + PAGE * number for number, frame in enumerate(kept)}

    def at(address: int) -> int:
        home = int(physical.homes[int(np.searchsorted(physical.addresses, np.uint64(address & ~(PAGE - 1))))])
        return row[home] + address % PAGE

    tables = [row[int(frame)] for frame in physical.tables]
    places = {
        "header": list(range(0, 0x1000, 8)) + list(range(0xF80, 0x1048 if first > 0x2000 else 0xFF0, 4)),
        "page tables": tables,
        "links": [at(address) for name, address in machine.places.items() if name not in ("leaf", "kernel")],
        "handles": [at(machine.places["leaf"]), at(machine.places["HANDLE_TABLE"])],
    }
    return Target(machine, data, places)


def cuts(found: Target, step: int = STEP) -> Iterator[tuple[str, bytes]]:
    """The dump cut at each structure and at every step, 64 KB unless said."""
    ends = {*range(0, len(found.data), step)}
    for offsets in found.places.values():
        some = offsets[:: max(1, len(offsets) // 8)]
        ends |= {*some, *(offset + 5 for offset in some)}
    for end in sorted(ends):
        yield f"cut at {end:#x}", found.data[:end]


def flips(found: Target, count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """Seeded flips of one to eight bits in one kind of place, or anywhere."""
    rng = np.random.default_rng(seed)
    kinds = [*found.places, "anywhere"]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        changed = bytearray(found.data)
        for _ in range(int(rng.integers(1, 9))):
            if kind == "anywhere":
                at = int(rng.integers(0, len(changed)))
            else:
                start = found.places[kind][int(rng.integers(0, len(found.places[kind])))]
                room = {"header": 8, "page tables": PAGE, "links": 0x400, "handles": PAGE - start % PAGE}[kind]
                at = min(start + int(rng.integers(0, room)), len(changed) - 1)
            changed[at] ^= 1 << int(rng.integers(0, 8))
        yield f"{kind} {seed}/{number}", bytes(changed)
