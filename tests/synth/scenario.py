"""What a forged machine is to be: processes, threads, handles, modules, tags, counters. Plain data."""

from dataclasses import dataclass, field, replace

from .layouts import Layout


@dataclass(frozen=True, slots=True)
class Threads:
    """Live threads of a process that are alike.

    `start` is a module (nt, a driver, or one of the process's `images`) or an address. With a `stack`, modules
    innermost first as in `stacks.give`, each has a kernel stack; `stack_out` puts it into the page file.
    """

    count: int
    state: int = 5
    wait_reason: int = 6
    start: str | int = 0x7C810856
    stack: tuple[str, ...] = ()
    stack_out: bool = False


@dataclass(frozen=True, slots=True)
class Handles:
    """Handles of one type: how many, to how many different objects (all different unless said).

    `to` says what: `new` objects; `dead <pid>` or `live <pid>`, ended or live threads of a process; `process <pid>`.
    New ones all have the name, with its directory in front of it.
    """

    type: str
    count: int
    distinct: int | None = None
    to: str = "new"
    name: str = ""


@dataclass(frozen=True, slots=True)
class Process:
    """A process. An ended one has no threads, no handle table and is not in the list of active processes."""

    pid: int
    image: str
    parent: int = 4
    session: int = 0
    threads: tuple[Threads, ...] = (Threads(1),)
    handles: tuple[Handles, ...] = ()
    ended: bool = False
    references: int = 1
    commit_pages: int = 200
    leaves_paged_out: tuple[int, ...] = ()
    leaves_in_transition: tuple[int, ...] = ()
    images: tuple[str, ...] = ()
    """Files mapped into its address space."""
    loader: bool = False
    """Its user memory has the loader's list of them."""
    names_out: bool = False
    """The names of the file objects are in the page file."""


@dataclass(frozen=True, slots=True)
class DeadThreads:
    """Ended threads whose objects are still there: owner, start as in Threads, references besides handles."""

    owner: int
    count: int
    start: str | int = 0x7C810856
    references: int = 0


@dataclass(frozen=True, slots=True)
class Tag:
    """A row of the pool tracker: (allocs, frees, bytes) in nonpaged and in paged pool; and blocks really there.

    A tag of the expansion table only is in no processor's table. `blocks` are (count, body size) in nonpaged pool,
    `big` the sizes of big allocations.
    """

    tag: str
    nonpaged: tuple[int, int, int] = (0, 0, 0)
    paged: tuple[int, int, int] = (0, 0, 0)
    expansion: bool = False
    blocks: tuple[int, int] | None = None
    big: tuple[int, ...] = ()
    freed_blocks: int = 0


@dataclass(frozen=True, slots=True)
class Module:
    """A driver. `tags` maps a section name to the tags its bytes hold; states are paging states by section name."""

    name: str
    company: str = "Microsoft Corporation"
    version: str = "6.1.7600.16385"
    description: str = "Driver"
    product: str = "Product"
    imports: tuple[str, ...] = ("ExAllocatePoolWithTag", "ExFreePoolWithTag", "IoCompleteRequest")
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    states: dict[str, int] = field(default_factory=dict)
    path: str = "\\SystemRoot\\system32\\DRIVERS\\"
    timestamp: int = 0x4A5BC100
    size: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    """Memory counters, in pages. With 0 for nonpaged pool it is what the machine has, 86 percent of the maximum."""

    available: int = 700
    resident_available: int = 800
    committed: int = 1_500
    commit_limit: int = 8_000
    peak_commit: int = 1_700
    nonpaged: int = 900
    nonpaged_max: int = 60_000
    paged: int = 600
    paged_max: int = 90_000
    shared: int = 50


@dataclass(frozen=True, slots=True)
class Scenario:
    """One machine."""

    build: int
    processes: tuple[Process, ...]
    dead_threads: tuple[DeadThreads, ...] = ()
    tags: tuple[Tag, ...] = ()
    modules: tuple[Module, ...] = ()
    unloaded: tuple[str, ...] = ()
    counters: Counters = Counters()
    session_tags: tuple[tuple[int, tuple[Tag, ...]], ...] = ()
    """Session id and the tags of its session pool (figures of paged pool)."""
    sessions_out: tuple[int, ...] = ()
    """Sessions whose tables are in the page file."""
    processors: int = 2
    ram_pages: int = 0
    """RAM in pages; 0 for just what the machine needs."""
    background: int = 150
    """Tags of no interest in the tracker, and three times as many big allocations in paged-out paged pool."""
    tracker_size: int = 0
    """Entries of the tracker table, 2^n + 1; 0 for the usual figure of the build."""
    encoded_debugger_data: bool = False
    large_pages: bool = True
    """Large pages for parts of the kernel image."""
    large_pool: bool = False
    """Large pages for long runs of nonpaged pool blocks."""
    negative_processors: bool = True
    """Split tag figures between the processors so that single tables hold negative byte counts."""
    bugcheck: tuple[int, int, int, int, int] = (0xE2, 0, 0, 0, 0)
    uptime_s: int = 86_400 * 3
    seed: int = 1
    current: int = 0
    """Process whose first thread ran when the machine crashed; 0 for System."""
    structures: Layout | None = None
    """Layout of the kernel structures where it is not that of the build in `layouts`."""
    five_levels: bool = False
    """5-level page tables (LA57)."""
    pdb: str = ""
    """GUID and age of the kernel's PDB where it is not that of the build's usual kernel."""


def small(build: int, **changes: object) -> Scenario:
    """A small machine with one of everything: a leak of thread handles, an ended process, three tags, a culprit."""
    system = 8 if build == 2195 else 4
    processes = (
        Process(
            system,
            "System",
            0,
            threads=(Threads(6, start="nt"), Threads(2, start="acmeflt.sys")),
            handles=(
                Handles("Process", 1, 1, "process 400"),
                Handles("Event", 9),
                Handles("Key", 8),
                Handles("File", 5),
            ),
        ),
        Process(260, "smss.exe", system, handles=(Handles("Event", 5), Handles("Directory", 3))),
        Process(
            400,
            "csrss.exe",
            260,
            threads=(Threads(4), Threads(1, 2, 0)),
            handles=(
                Handles("Process", 3, 1, "process 260"),
                Handles("Thread", 4, 4, "live 1200"),
                Handles("Event", 300, 280),
            ),
        ),
        Process(
            1200,
            "agent.exe",
            400,
            threads=(Threads(7),),
            handles=(
                Handles("Event", 40, 30),
                Handles("Thread", 700, 700, "dead 1200"),
                Handles("Key", 25),
                Handles("File", 12),
                Handles("Mutant", 3),
            ),
        ),
        Process(1316, "winword.exe", 1200, session=1, ended=True, references=2),
    )
    table = ("AcFl", "MmSt", "Ntfx", "File", "Irp ", "Thre", "Proc", "Even", "MmCm", "Npfs", "Dmio", "LSwi")
    acme: dict[str, tuple[str, ...]] = {".text": ("AcFl",), "PAGE": ("AcPg",)}
    modules = (
        Module("hal.dll", path="\\SystemRoot\\system32\\"),
        Module("ntfs.sys", tags={".data": ("Ntfx", "MmSt")}),
        Module("acmeflt.sys", "Acme Storage Inc.", "4.1.2.9", "Acme filter", "Acme", tags=acme),
        Module("scan.sys", "Scan GmbH", "1.0.0.1", "Scanner", "Scan", imports=(), tags={".rdata": table}),
    )
    tags = (
        Tag("AcFl", (9_000, 8_400, 0), blocks=(600, 0x60), freed_blocks=5),
        Tag("Irp ", (500_000, 499_700, 300 * 0x200)),
        Tag("MmSt", paged=(9_000, 8_000, 1_000 * 0x400)),
        Tag("XpOn", (77, 70, 7 * 0x40), expansion=True),
        Tag("LSwi", (1, 0, 0), big=(0x23000,)),
    )
    unloaded = ("oldflt.sys", "acmeold.sys")
    scenario = Scenario(build, processes, (DeadThreads(1200, 700),), tags, modules, unloaded)
    return replace(scenario, **changes)  # type: ignore[arg-type]
