"""Handle tables of one to three levels, entries as each build encodes them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .layouts import Layout
from .memory import PAGE, PAGED_OUT, TRANSITION
from .objects import Objects, ObjectSet
from .pool import Addresses

Picks = list[tuple[ObjectSet, NDArray[np.int64]]]
"""Sets of objects and which of each the handles go to, one number per handle."""


@dataclass(frozen=True, slots=True)
class Table:
    """A handle table: its address, the leaf pages in order, and how many handles each leaf holds."""

    address: int
    leaves: list[int]
    counts: list[int]


def build(
    objects: Objects, pid: int, process: int, picks: Picks, out: tuple[int, ...], transition: tuple[int, ...]
) -> Table:
    """A table of handles to the picked objects, in seeded random order with free entries between.

    The leaves with the numbers `out` go to the page file, those of `transition` are in transition.
    """
    layout, memory, rng = objects.layout, objects.memory, objects.rng
    headers = np.concatenate([made.headers[index] for made, index in picks]) if picks else np.zeros(0, np.uint64)
    order = rng.permutation(headers.size)
    most = 0x8000 if layout.bits == 64 else 0x20
    bias = rng.integers(most - 8, most, headers.size) if layout.build >= 9600 else np.zeros(headers.size, np.int64)
    at = 0
    for made, index in picks:
        np.add.at(made.handles, index, 1)
        np.add.at(made.bias, index, bias[at : at + index.size])
        at += index.size
    width = memory.width
    leaf = 256 if width == 8 or layout.build == 2195 else 512
    # Entry 0 of each leaf is no handle; a few of the others are free.
    leaves = max(1, -(-int(headers.size * 1.02 + 4) // (leaf - 1)))
    usable = np.flatnonzero(np.arange(leaves * leaf) % leaf != 0)
    places = np.sort(rng.choice(usable, headers.size, replace=False)) if headers.size else usable[:0]
    entries = np.zeros((leaves * leaf, 2), np.uint64)
    entries[:, 1] = (np.arange(leaves * leaf) + 1).astype(np.uint64) * np.uint64(4)
    if layout.build < 9200:
        entries[::leaf, 1] = np.uint64(0xFFFFFFFE)
    low, high = _encode(layout, headers[order], bias[order].astype(np.uint64), rng)
    entries[places, 0], entries[places, 1] = low, high
    if layout.build == 2195:
        entries[entries[:, 0] == 0, 1] = 0
    raw = entries.astype(f"<u{width}").view(np.uint8).reshape(leaves, leaf * 2 * width)
    addresses = _leaves(objects, raw)
    top, levels = _upper(objects, addresses)
    table = objects.pool.one(layout.size("_HANDLE_TABLE"), "Obtb", paged=layout.build != 2195)
    counts = np.bincount(places // leaf, minlength=leaves).tolist()
    if layout.build == 2195:
        memory.put(table + layout.at("_HANDLE_TABLE.Table"), top)
    else:
        memory.put(table + layout.at("_HANDLE_TABLE.TableCode"), top | levels)
        memory.put(table + layout.at("_HANDLE_TABLE.NextHandleNeedingPool"), leaves * leaf * 4, 4)
    if layout.has("_HANDLE_TABLE.HandleCount"):
        memory.put(table + layout.at("_HANDLE_TABLE.HandleCount"), headers.size, 4)
    else:
        free = table + layout.at("_HANDLE_TABLE.FreeLists")
        memory.put(free + layout.at("_HANDLE_TABLE_FREE_LIST.HandleCount"), headers.size, 4)
        memory.put(free + layout.at("_HANDLE_TABLE_FREE_LIST.HighWaterMark"), headers.size + 10, 4)
    memory.put(table + layout.at("_HANDLE_TABLE.QuotaProcess"), process if pid > 8 else 0)
    memory.put(table + layout.at("_HANDLE_TABLE.UniqueProcessId"), pid, 4)
    for numbers, state in ((out, PAGED_OUT), (transition, TRANSITION)):
        for number in numbers:
            memory.set_state(addresses[number] & ~(PAGE - 1), 1, state)
    return Table(table, addresses, counts)


def _encode(
    layout: Layout, headers: Addresses, bias: Addresses, rng: np.random.Generator
) -> tuple[Addresses, Addresses]:
    """Both words of used entries."""
    build = layout.build
    access = rng.choice(np.array([0x1F0003, 0x1FFFFF, 0x20019, 0x120089, 0xF037F], np.uint64), headers.size)
    attributes = rng.integers(0, 2, headers.size).astype(np.uint64)
    if build == 2195:
        # The high bit is the lock, the low three the attributes.
        lock = rng.integers(0, 2, headers.size).astype(np.uint64) << np.uint64(31)
        return (headers & np.uint64(0x7FFFFFF8)) | lock | (attributes << np.uint64(1)), access
    if build < 9200:
        return headers | (attributes << np.uint64(1)) | np.uint64(1), access
    if layout.bits == 32:
        # RefCnt stands above the access: 6 bits in 8, 5 later.
        shift = np.uint64(26 if build < 9600 else 27)
        return headers | (attributes << np.uint64(1)) | np.uint64(1), access | bias << shift
    pointer = (headers >> np.uint64(4)) & np.uint64((1 << 44) - 1)
    if build < 9600:
        # 41 bits of the address: Windows 8 has its kernel in the highest 8 TB.
        return (pointer << np.uint64(23)) | (attributes << np.uint64(20)) | (bias << np.uint64(1)) | np.uint64(
            1
        ), access
    low = (pointer << np.uint64(20)) | (attributes << np.uint64(17)) | (bias << np.uint64(1)) | np.uint64(1)
    return low, access


def _leaves(objects: Objects, raw: NDArray[np.uint8]) -> list[int]:
    """Put the leaves into paged pool: pages of their own, in 2000 blocks of half a page."""
    if objects.layout.build == 2195:
        blocks = objects.pool.take(len(raw), raw.shape[1], "Obtb", paged=True)
        for at, address in enumerate(blocks.bodies.tolist()):
            objects.memory.write(address, raw[at].tobytes())
        return [int(address) for address in blocks.bodies]
    region = objects.pool.pages(len(raw), True)
    region.data[:] = raw.reshape(-1)
    totals = objects.pool.usage.setdefault(("Obtb", True), [0, 0])
    totals[0] += len(raw)
    totals[1] += region.data.size
    objects.pool.big += [(region.start + n * PAGE, "Obtb", PAGE, True) for n in range(len(raw))]
    return [region.start + n * PAGE for n in range(len(raw))]


def _upper(objects: Objects, leaves: list[int]) -> tuple[int, int]:
    """The levels above the leaves: address of the top, and number of levels less one."""
    width = objects.memory.width
    if objects.layout.build == 2195:
        middles = [_pointers(objects, leaves[at : at + 256], 256) for at in range(0, len(leaves), 256)]
        return _pointers(objects, middles, 256), 2
    fan = PAGE // width
    if len(leaves) == 1:
        return leaves[0], 0
    middles = [_pointers(objects, leaves[at : at + fan], fan) for at in range(0, len(leaves), fan)]
    if len(middles) == 1:
        return middles[0], 1
    # Room for 2^24 handles, the most a table may hold.
    return _pointers(objects, middles, 128 if width == 8 else 32), 2


def _pointers(objects: Objects, addresses: list[int], room: int) -> int:
    """An array of pointers with room for more: a page of its own if it fills one."""
    width = objects.memory.width
    size = room * width
    at = objects.pool.take_big(size, "Obtb", paged=True) if size == PAGE else objects.pool.one(size, "Obtb", paged=True)
    objects.memory.write(at, np.array(addresses, f"<u{width}").tobytes())
    return at


def cid_table(objects: Objects, bodies: dict[int, int]) -> int:
    """The table of nt!PspCidTable: process and thread ids to their objects (not headers)."""
    layout, memory = objects.layout, objects.memory
    width = memory.width
    leaf = 256 if width == 8 or layout.build == 2195 else 512
    leaves = max(bodies) // 4 // leaf + 1
    entries = np.zeros((leaves * leaf, 2), np.uint64)
    ids = np.array(sorted(bodies), np.int64)
    values = np.array([bodies[number] for number in ids.tolist()], np.uint64)
    entries[ids // 4, 0] = _encode(layout, values, np.zeros(values.size, np.uint64), objects.rng)[0]
    raw = entries.astype(f"<u{width}").view(np.uint8).reshape(leaves, leaf * 2 * width)
    top, levels = _upper(objects, _leaves(objects, raw))
    table = objects.pool.one(layout.size("_HANDLE_TABLE"), "Obtb", paged=layout.build != 2195)
    name = "Table" if layout.build == 2195 else "TableCode"
    memory.put(table + layout.at(f"_HANDLE_TABLE.{name}"), top | (0 if layout.build == 2195 else levels))
    return table
