"""From a scenario to a machine, and from the machine to a dump file."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from . import drivers, dumpfile, kernel, paging, trackers
from .layouts import Layout, layout
from .memory import PAGE, PAGED_OUT, Memory
from .objects import Objects
from .paging import Physical
from .pool import Pool
from .population import Population
from .scenario import Scenario, Tag

_RANGES_X86 = {False: [(0x81093000, 0x89093000), (0xF0D00000, 0xFFBE0000)], True: [(0xE1000000, 0xEB000000)]}
_RANGES_7 = {False: [(0xFFFFFA8000C00000, 0xFFFFFB8000000000)], True: [(0xFFFFF8A000000000, 0xFFFFF8BFFFFFF000)]}
_RANGES_10 = {False: [(0xFFFFE00000000000, 0xFFFFE10000000000)], True: [(0xFFFFC00000000000, 0xFFFFC10000000000)]}
SEGMENT_HEAP_FROM = 18362
_TIME = 132_600_000_000_000_000


@dataclass(slots=True)
class Truth:
    """What a right reader finds, from the scenario and what was really written."""

    processes: dict[int, tuple[str, int, bool]] = field(default_factory=dict)
    """Process id -> image, live threads, ended."""
    handles: dict[int, dict[str, int]] = field(default_factory=dict)
    """Process id -> type -> handles in leaves that are in memory."""
    distinct: dict[int, dict[str, int]] = field(default_factory=dict)
    handle_counts: dict[int, int] = field(default_factory=dict)
    """Process id -> HandleCount of the table."""
    leaves: dict[int, list[int]] = field(default_factory=dict)
    """Process id -> handles in each leaf of its table."""
    dead_threads: dict[int, tuple[int, int]] = field(default_factory=dict)
    """Owner -> ended threads, and how many of them have handles."""
    types: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Type -> objects, handles."""
    tags: dict[tuple[str, str], tuple[int, int, int]] = field(default_factory=dict)
    """(tag, pool) -> allocs, frees, bytes of the tracker."""
    blocks: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """(tag, pool) -> blocks and their bytes, big ones included."""
    big: list[tuple[int, str, int, bool]] = field(default_factory=list)
    modules: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    """Module -> base, size, file version."""


@dataclass(slots=True)
class Machine:
    """A forged machine, ready to be dumped."""

    scenario: Scenario
    truth: Truth
    header: dumpfile.HeaderValues
    physical: Physical
    places: dict[str, int]
    """Addresses of structures worth hitting in fault tests."""

    def dump(self, path: Path, kind: int = dumpfile.KERNEL) -> Path:
        """Write a dump of one type; the path is returned."""
        dumpfile.write(path, self.header, self.physical, kind)
        return path


def forge(scenario: Scenario) -> Machine:
    """Build the machine."""
    structures = scenario.structures or layout(scenario.build)
    bits = structures.bits
    memory = Memory(bits)
    rng = np.random.default_rng(scenario.seed)
    ranges = _RANGES_X86 if bits == 32 else _RANGES_7 if scenario.build < 9600 else _RANGES_10
    copied = {paged: list(spans) for paged, spans in ranges.items()}
    large = (1024 if scenario.build < 3790 else 512) if scenario.large_pool else 0
    pool = Pool(memory, structures, copied, scenario.build >= SEGMENT_HEAP_FROM, rng, large)
    image = kernel.load(memory, scenario.build, scenario.pdb, scenario.large_pages)
    cookie = int(rng.integers(1, 256)) if scenario.build >= 10240 else 0
    objects = Objects(memory, structures, pool, rng, cookie)
    objects.make_types()
    kernel.set_types(memory, image, objects.types, objects.indexes)
    if cookie:
        memory.put(image["ObHeaderCookie"], cookie, 1)
    kernel.share_user_data(memory, scenario.build)
    truth = Truth()
    places = {"KDBG": image["KdDebuggerDataBlock"], "kernel": image.base}
    truth.modules = drivers.load(memory, structures, pool, image, scenario)
    bases = {name: base for name, (base, _, _) in truth.modules.items()}
    people = Population(memory, structures, pool, objects, image, scenario, bases, _TIME)
    people.make()
    truth.leaves = people.fill_handles(truth.handles, truth.distinct, truth.handle_counts)
    for process in scenario.processes:
        live = 0 if process.ended else sum(group.count for group in process.threads)
        truth.processes[process.pid] = (process.image, live, process.ended)
    objects.finish()
    truth.types = objects.totals()
    truth.dead_threads = people.dead_summary()
    _make_tags(pool, scenario)
    background = _background(pool, scenario, rng)
    pool.close()
    _track(pool, image, scenario, background, rng, truth, memory)
    _session_pools(memory, structures, image, scenario)
    _processors(memory, structures, image, scenario, people.first_thread)
    return _finish(memory, structures, pool, image, scenario, people, truth, places)


def _make_tags(pool: Pool, scenario: Scenario) -> None:
    """The blocks a scenario asks for."""
    for tag in scenario.tags:
        if tag.blocks:
            made = pool.take(tag.blocks[0] + tag.freed_blocks, tag.blocks[1], tag.tag)
            if tag.freed_blocks and not pool.segment_heap:
                pool.free_some(made, tag.tag, tag.freed_blocks)
        for size in tag.big:
            pool.take_big(size, tag.tag)


def _background(pool: Pool, scenario: Scenario, rng: np.random.Generator) -> list[Tag]:
    """Tags that hold nothing of interest, and big allocations whose pages are in the page file."""
    letters = np.array(list("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"))
    names = {"q" + "".join(rng.choice(letters, 3)) for _ in range(scenario.background)}
    tags = [Tag(name, (1000 + number, 990, 10 * 0x40 + number * 0x40)) for number, name in enumerate(sorted(names))]
    for size in (rng.integers(1, 6, 3 * scenario.background) * PAGE).tolist():
        at = pool.take_big(size, "CM31", paged=True)
        pool.memory.set_state(at, size, PAGED_OUT)
    return tags


def _track(
    pool: Pool,
    image: kernel.Image,
    scenario: Scenario,
    background: list[Tag],
    rng: np.random.Generator,
    truth: Truth,
    memory: Memory,
) -> None:
    """Tracker tables and big page table with their globals."""
    given = {tag.tag: tag for tag in (*scenario.tags, *background)}
    rows = []
    for name in dict.fromkeys([*given, *(tag for tag, _ in pool.usage)]):
        tag = given.get(name, Tag(name))
        figures: list[int] = []
        for paged, wanted in ((False, tag.nonpaged), (True, tag.paged)):
            count, size = pool.usage.get((name, paged), (0, 0))
            allocs, frees, nbytes = wanted
            if not allocs and count:
                frees = int(rng.integers(0, 100_000))
                allocs = frees + count
            figures += [allocs, frees, nbytes or size]
            if allocs:
                truth.tags[name, "paged" if paged else "nonpaged"] = (allocs, frees, nbytes or size)
        rows.append(trackers.TagRow(name, tuple(figures), tag.expansion))
    usual = 513 if scenario.build < 3000 else 2049 if scenario.build < 9200 else 4097
    size = scenario.tracker_size or usual
    has_array = image.has("ExPoolTagTables")
    processors = scenario.processors if has_array else 1
    found = trackers.build(pool, rows, processors, size, rng, scenario.negative_processors)
    memory.put(image["PoolTrackTable"], found.tables[0])
    memory.put(image["PoolTrackTableSize"], size)
    memory.put(image["PoolTrackTableMask"], size - 2)
    memory.put(image["PoolTrackTableExpansion"], found.expansion)
    memory.put(image["PoolTrackTableExpansionSize"], found.expansion_size)
    if has_array:
        for cpu, table in enumerate(found.tables):
            memory.put(image["ExPoolTagTables"] + cpu * memory.width, table)
    table, entries = trackers.big_pages(pool, 4096)
    memory.put(image["PoolBigPageTable"], table)
    memory.put(image["PoolBigPageTableSize"], entries)
    truth.big = list(pool.big)
    for (name, paged), (count, size) in pool.usage.items():
        truth.blocks[name, "paged" if paged else "nonpaged"] = (count, size)


def _session_pools(memory: Memory, structures: Layout, image: kernel.Image, scenario: Scenario) -> None:
    """The sessions' tag tables, all at one address, each mapped by the processes of its session."""
    if not scenario.session_tags or not image.has("ExpSessionPoolTrackTable"):
        return
    place, size = (0xBC003000 if memory.bits == 32 else 0xFFFFF90000003000), 128
    for session, tags in scenario.session_tags:
        rows = [trackers.TagRow(tag.tag, (*tag.nonpaged, *tag.paged), False) for tag in tags]
        data = trackers.session_table(structures, rows, size)
        owners = [process.pid for process in scenario.processes if process.session == session and not process.ended]
        region = memory.add_private(place, data, tuple(owners[session == 0 :]))
        if session in scenario.sessions_out:
            region.state[:] = PAGED_OUT
    memory.put(image["ExpSessionPoolTrackTable"], place)
    memory.put(image["ExpSessionPoolTrackTableSize"], size)
    memory.put(image["ExpSessionPoolTrackTableMask"], size - 1)


def _processors(memory: Memory, structures: Layout, image: kernel.Image, scenario: Scenario, thread: int) -> None:
    """Processor control blocks with their current thread."""
    memory.put(image["KeNumberProcessors"], scenario.processors, 4)
    if not image.has("KiProcessorBlock"):
        return
    # Where no public symbols are at hand: the current thread is the second field in every build.
    known = structures.has("_KPRCB.CurrentThread")
    start = 0xFFDFF000 - 0x20000 * scenario.processors if memory.bits == 32 else 0xFFFFF88009000000
    for number in range(scenario.processors):
        block = start + number * 0x20000
        memory.add(block, structures.size("_KPRCB") if known else 0x1000)
        memory.put(block + (structures.at("_KPRCB.CurrentThread") if known else memory.width), thread)
        if known:
            memory.put(block + structures.at("_KPRCB.Number"), number, 1)
        memory.put(image["KiProcessorBlock"] + number * memory.width, block)


def _finish(
    memory: Memory,
    structures: Layout,
    pool: Pool,
    image: kernel.Image,
    scenario: Scenario,
    people: Population,
    truth: Truth,
    places: dict[str, int],
) -> Machine:
    """Ranges, counters, debugger data, pages."""
    if image.has("MmNonPagedPoolStart"):
        for paged, name in ((False, "NonPaged"), (True, "Paged")):
            spans = pool.spans[paged]
            memory.put(image[f"Mm{name}PoolStart"], spans[0].start & ~0xFFFFFF if memory.bits == 64 else spans[0].start)
            memory.put(image[f"Mm{name}PoolEnd"], max(span.end for span in spans))
    used = sum(region.pages for region in memory.regions) + 600
    ram = max(scenario.ram_pages, used + used // 4 + 1200)
    counters = scenario.counters
    if not counters.nonpaged:
        pages = sum(region.pages for region in pool.spans[False])
        counters = replace(counters, nonpaged=pages, nonpaged_max=int(pages / 0.86))
    kernel.set_counters(memory, structures, image, counters, ram)
    memory.put(image["MmPfnDatabase"], 0x81000000 if memory.bits == 32 else 0xFFFFFA8000000000)
    kernel.write_debugger_data(memory, structures, image, scenario.encoded_debugger_data)
    mode = paging.X64 if memory.bits == 64 else paging.PAE if scenario.build >= 3790 else paging.X86
    mode = paging.LA57 if scenario.five_levels else mode
    self_map = 0x300 if memory.bits == 32 else 0x1ED if scenario.build < 14393 else 0x1DB
    high = 0x100000 if mode is not paging.X86 and not scenario.ram_pages else 0
    physical = paging.build(memory, mode, people.live_users(), self_map, high, scenario.seed)
    for pid, body in people.bodies.items():
        root = physical.roots.get(pid, physical.roots[0] if pid == people.system else 0)
        physical.put(body + structures.at("_KPROCESS.DirectoryTableBase"), root, memory.width)
    header = dumpfile.HeaderValues(
        bits=memory.bits,
        build=scenario.build,
        directory=physical.roots[0],
        pfn_database=0x81000000 if memory.bits == 32 else 0xFFFFFA8000000000,
        modules=image["PsLoadedModuleList"],
        processes=image["PsActiveProcessHead"],
        debugger_data=image["KdDebuggerDataBlock"],
        processors=scenario.processors,
        pae=mode is paging.PAE,
        bugcheck=scenario.bugcheck,
        uptime=scenario.uptime_s * 10_000_000,
        time=_TIME,
        product_type=3,
        runs=_runs(physical, ram, high),
        stack_pointer=people.stack_pointer,
    )
    places |= people.places
    return Machine(scenario, truth, header, physical, places)


def _runs(physical: Physical, ram: int, high: int) -> tuple[tuple[int, int], ...]:
    """Runs of physical memory: below 1 MB, above, and from `high` where memory continues beyond 4 GB."""
    low = physical.frames[physical.frames < high] if high else physical.frames
    top = int(low.max()) + 0x20
    if not high:
        top = max(top, ram + 0x63)
        return ((1, 0x9E), (0x100, top - 0x100))
    return ((1, 0x9E), (0x100, top - 0x100), (high, int(physical.frames.max()) + 0x20 - high))
