"""Memory and pool counters: what !vm says, in bytes.

Up to build 9600 each counter is a variable that KDBG points to; from 10240 on they are fields of the system partition
(MiSystemPartition) and of MiState. Without symbols the partition is looked for in the kernel's data: the place where
the page counts of a partition stand and agree with the dump header and with each other.
"""

from dataclasses import dataclass, field

from ... import builds
from ...facts import Case, Quality, Value, address, new
from ..dump.container import DUMP_TYPES, PAGE
from .kernel import Kernel
from .partition import FIRST_PARTITION_BUILD, read_partition
from .report import Report

FIRST_BUILD_WITHOUT_LIMIT = 10240
"""From Windows 10 on the maximum of nonpaged pool is address space, 16 TB and more."""
_MAX_PAGES = 1 << 36
"""256 TB: no Windows supports more memory or page file."""

_PAGES = {
    "available_bytes": "MmAvailablePages",
    "resident_available_bytes": "MmResidentAvailablePages",
    "committed_bytes": "MmTotalCommittedPages",
    "commit_limit_bytes": "MmTotalCommitLimit",
    "peak_commit_bytes": "MmPeakCommitment",
    "shared_commit_bytes": "MmSharedCommit",
    "driver_commit_bytes": "MmDriverCommit",
    "paged_commit_bytes": "MmPagedPoolCommit",
}
"""Fields of the memory fact and the variables, in pages, of builds before 10240."""


_FREE = ("available_bytes", "resident_available_bytes")


@dataclass(slots=True)
class Counters:
    """Page counts by field of the memory fact, bytes used by pool, and where they were read."""

    pages: dict[str, int] = field(default_factory=dict)
    used: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Bytes in use of a pool, and the source."""
    source: str = ""


def walk(kernel: Kernel, case: Case, report: Report) -> None:
    """Add or complete the `system` and `memory` facts, and add a `pool` fact per pool with a counter."""
    ram = _ram(kernel)
    _system(kernel, case, ram)
    counters = _partition(kernel, report) if kernel.build >= FIRST_PARTITION_BUILD else _variables(kernel)
    ram = ram or counters.pages.pop("physical_bytes", 0) * PAGE or None
    _memory(case, report, counters, ram, _run_source(kernel))
    for pool, (used, source) in counters.used.items():
        _pool(kernel, case, report, pool, used, source, ram)
    if kernel.build < FIRST_PARTITION_BUILD:
        for pool in ("nonpaged", "paged"):
            if pool not in counters.used:
                text = f"The counter of {pool} pool in use was not found; the sum of its tags has to do."
                report.missing("pool", text, severity="info")


def pool_limit(kernel: Kernel, pool: str) -> tuple[int | None, str | None]:
    """Maximum in bytes and kind of limit of a pool: fixed on x86 before Vista, by RAM before Windows 10, then none.

    The maximum of later builds is how far the pool may grow if memory allows, not a measure of its health.
    """
    if kernel.build >= FIRST_BUILD_WITHOUT_LIMIT:
        return None, "none"
    if kernel.build >= builds.VISTA:
        return None, "dynamic"
    name = "MmMaximumNonPagedPoolInBytes" if pool == "nonpaged" else "MmSizeOfPagedPoolInBytes"
    maximum = _variable(kernel, name)
    if maximum is None or kernel.bits != 32 or not 1 << 20 <= maximum < 1 << 32:
        return None, None
    return maximum, "fixed"


def _ram(kernel: Kernel) -> int | None:
    pages = kernel.header.ram_pages
    return pages * PAGE if pages else None


def _run_source(kernel: Kernel) -> str:
    return f"physical memory runs @ file 0x{kernel.header.layout.runs:x}"


def _system(kernel: Kernel, case: Case, ram: int | None) -> None:
    """Complete the system fact the dump header gave, or make one."""
    header = kernel.header
    product = builds.PRODUCT_TYPES.get(header.product_type or 0)
    base = address(kernel.base) if kernel.base is not None else None
    fields: dict[str, Value | None] = {
        "os": builds.os_name(kernel.build, product),
        "build": kernel.build,
        "product_type": product,
        "architecture": header.architecture or ("x64" if kernel.bits == 64 else "x86"),
        "processors": kernel.processors or None,
        "ram_bytes": ram,
        "uptime_s": header.uptime_s,
        "dump_type": DUMP_TYPES.get(header.dump_type or 0),
        "kernel_base": base,
        "pool_limits": builds.pool_limits(kernel.build, header.architecture),
    }
    known = case.one("system")
    if known is not None:
        case.update(known, **{name: value for name, value in fields.items() if known.get(name) is None})
        return
    at = f"KDBG KernBase {base}" if base else f"{header.layout.signature.decode()} header @ file 0x0"
    case.update(case.add(new("system", source=at, verify="vertarget")), **fields)


def _variables(kernel: Kernel) -> Counters:
    """Counters that are variables of their own."""
    counters = Counters()
    for name, variable in _PAGES.items():
        pages = _pages(kernel, variable)
        if pages is not None:
            counters.pages[name] = pages
            counters.source = counters.source or f"{variable} @ {kernel.symbol(variable):x}"
    physical = _pages(kernel, "MmNumberOfPhysicalPages")
    if physical:
        counters.pages["physical_bytes"] = physical
    nonpaged = _pages(kernel, "MmAllocatedNonPagedPool")
    if nonpaged:
        at = kernel.symbol("MmAllocatedNonPagedPool")
        counters.used["nonpaged"] = nonpaged * PAGE, f"MmAllocatedNonPagedPool @ {at:x}"
    else:
        _descriptor(kernel, counters, "nonpaged", "NonPagedPoolDescriptor", 1)
    info = kernel.symbol("MmPagedPoolInformation") or kernel.symbol("MmPagedPoolInfo")
    offset = kernel.layout.offset("_MM_PAGED_POOL_INFO", "AllocatedPagedPool")
    paged = kernel.memory.pointer(info + offset) if info is not None and offset is not None else None
    if paged and paged < _MAX_PAGES:
        counters.used["paged"] = paged * PAGE, f"_MM_PAGED_POOL_INFO.AllocatedPagedPool @ {info:x}"
    else:
        pools = _variable(kernel, "ExpNumberOfPagedPools")
        # One descriptor for large blocks stands before those counted.
        _descriptor(kernel, counters, "paged", "ExpPagedPoolDescriptor", min((pools or 0) & 0xFF, 32) + 1)
    return counters


def _descriptor(kernel: Kernel, counters: Counters, pool: str, name: str, count: int) -> None:
    """Bytes in use by the pool descriptors: TotalPages and TotalBigPages, summed.

    The variable is the descriptor itself or an array of pointers to descriptors, by build.
    """
    start, layout = kernel.symbol(name), kernel.layout
    kind = layout.offset("_POOL_DESCRIPTOR", "PoolType")
    small, large = (layout.field("_POOL_DESCRIPTOR", field) for field in ("TotalPages", "TotalBigPages"))
    if start is None or kind is None or small is None or large is None:
        return
    total = 0
    found: list[int] = []
    for i in range(count):
        at = start if pool == "nonpaged" else kernel.memory.pointer(start + i * kernel.bits // 8)
        if not at or kernel.memory.u32(at + kind) not in ((0, 512) if pool == "nonpaged" else (1,)):
            continue
        read = kernel.memory.pointer if kernel.bits == 64 and small.size == 8 else kernel.memory.u32
        pages = [read(at + field.offset) for field in (small, large)]
        if None not in pages:
            total += sum(value for value in pages if value and value < _MAX_PAGES)
            found.append(at)
    if found and total:
        counters.used[pool] = total * PAGE, f"_POOL_DESCRIPTOR @ {found[0]:x}"


def _partition(kernel: Kernel, report: Report) -> Counters:
    """Counters of the system partition and MiState, as far as they were found."""
    found = read_partition(kernel)
    counters = Counters(dict(found.pages), dict(found.used), found.source)
    if not found.pages:
        report.missing(
            "memory",
            "Available and committed memory are not known: nt!MiSystemPartition was not found without the symbols of "
            "this kernel. `!vm 1` shows them.",
        )
    return counters


def _memory(case: Case, report: Report, counters: Counters, ram: int | None, run_source: str) -> None:
    """The memory fact; counters that contradict physical memory or each other are left out with a note."""
    sizes = {name: pages * PAGE for name, pages in counters.pages.items() if name != "physical_bytes"}
    for name in ("committed_bytes", "commit_limit_bytes", "peak_commit_bytes", *_FREE):
        if sizes.get(name) == 0:
            del sizes[name]  # no machine runs without committed memory or a reserve of pages: it was not recorded
    for name in _FREE:
        if ram is not None and sizes.get(name, 0) > ram:
            text = f"The counter of {name[:-6].replace('_', ' ')} memory exceeds physical memory; it is not used."
            report.missing("memory", text, "impossible-counter")
            del sizes[name]
    quality: Quality = "exact"
    committed, limit = sizes.get("committed_bytes"), sizes.get("commit_limit_bytes")
    if committed is not None and limit is not None and committed > limit:
        quality = "suspect"
        report.missing("memory", "Committed memory exceeds the commit limit.", "impossible-counter")
    fields: dict[str, Value | None] = dict(sizes)
    fields["physical_bytes"] = ram
    known = case.one("memory")
    if known is not None:
        case.update(known, **{name: value for name, value in fields.items() if known.get(name) is None})
    elif sizes or ram:
        source = counters.source if sizes else run_source
        case.update(case.add(new("memory", source=source, verify="!vm 1", quality=quality)), **fields)


def _pool(kernel: Kernel, case: Case, report: Report, pool: str, used: int, source: str, ram: int | None) -> None:
    maximum, limit = pool_limit(kernel, pool)
    bounds = [bound for bound in (ram if pool == "nonpaged" else None, maximum) if bound is not None]
    bound = min(bounds, default=None)
    impossible = bound is not None and used > bound
    if impossible:
        text = f"The dump says {used:,} bytes of {pool} pool are in use, more than the {bound:,} bytes there can be."
        report.missing("pool", text, "impossible-counter")
    case.add(
        new(
            "pool",
            source=source,
            verify="!vm 1",
            quality="suspect" if impossible else "exact",
            type=pool,
            used_bytes=used,
            max_bytes=maximum,
            limit=limit,
        )
    )


def _variable(kernel: Kernel, name: str) -> int | None:
    """Value of a pointer-wide variable; None where its address or its page is not known."""
    at = kernel.symbol(name)
    return kernel.memory.pointer(at) if at is not None else None


def _pages(kernel: Kernel, name: str) -> int | None:
    """Value of a page counter. Some are 32 bits wide on x64 as well: then another variable fills the upper half."""
    value = _variable(kernel, name)
    if value is not None and value >= _MAX_PAGES:
        value &= 0xFFFF_FFFF
    return value
