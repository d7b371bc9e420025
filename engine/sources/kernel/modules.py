"""Loaded and unloaded modules: where each lies, whose it is, and whether it allocates pool."""

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, Fact, address, new
from ..dump import version
from ..dump.container import PAGE
from ..dump.drivers import link_time
from ..dump.image import is_kernel_address, printable
from ..dump.triage import Memory
from .images import POOL_ROUTINES, ImageHeader, imports_pool, read_header
from .kernel import Kernel
from .lists import read_unicode, walk_list
from .report import BROKEN, Report

MAX_MODULES = 1024
"""Machines have 150 to 400."""
MAX_IMAGE = 1 << 30
"""The largest graphics drivers are about 100 MB."""
MAX_UNLOADED = 50
"""Entries of the list; the debugger shows as many."""
KERNELS = ("ntoskrnl.exe", "ntkrnlmp.exe", "ntkrnlpa.exe", "ntkrpamp.exe")
_FIRST_YEAR = {32: 1996, 64: 2003}
"""No driver of that width was linked before: NT 4.0, the first x64 betas."""
_REPRODUCIBLE = 10240
"""First build whose own images carry a hash for a time stamp (Raymond Chen, The Old New Thing, 3 January 2018)."""


@dataclass(frozen=True, slots=True)
class LoadedModule:
    """An entry of PsLoadedModuleList. `path` as recorded; `checksum` and `timestamp` are 0 where it has none."""

    entry: int
    base: int
    size: int
    path: str | None
    file: str | None
    checksum: int
    timestamp: int

    @property
    def name(self) -> str:
        """The name the debugger gives it: nt for the kernel, else the file without its ending."""
        if self.file is None:
            return f"Unknown_Module_{self.base:x}"
        return "nt" if self.file.lower() in KERNELS else self.file.rpartition(".")[0] or self.file


class ModuleMap:
    """Which module an address lies in."""

    def __init__(self, modules: Sequence[LoadedModule]) -> None:
        self.modules = sorted(modules, key=lambda module: module.base)
        self._starts = np.array([module.base for module in self.modules], dtype=np.uint64)
        self._ends = np.array([module.base + module.size for module in self.modules], dtype=np.uint64)

    def index_of(self, addresses: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Position in `modules` of the module each address lies in, -1 where it lies in none."""
        addresses = np.asarray(addresses, dtype=np.uint64)
        if not len(self.modules):
            return np.full(addresses.shape, -1, dtype=np.int64)
        at = np.searchsorted(self._starts, addresses, side="right") - 1
        return np.where((at >= 0) & (addresses < self._ends[at]), at, -1)

    def name_of(self, addresses: NDArray[np.uint64]) -> list[str | None]:
        """Name of the module each address lies in, None where it lies in none."""
        names = [module.name for module in self.modules]
        return [names[at] if at >= 0 else None for at in self.index_of(addresses).tolist()]


def module_map(kernel: Kernel) -> ModuleMap:
    """The map of the loaded modules."""
    return ModuleMap(loaded_modules(kernel))


def loaded_modules(kernel: Kernel) -> list[LoadedModule]:
    """The entries of PsLoadedModuleList that can be true, in load order."""
    return _loaded(kernel)[0]


def walk(kernel: Kernel, case: Case, report: Report) -> None:
    """Add a `module` fact per loaded and unloaded module."""
    modules, skipped, ending = _loaded(kernel)
    if not modules:
        report.missing("modules", "The list of loaded modules (nt!PsLoadedModuleList) is not in this dump.")
    elif ending != "head":
        report.missing(
            "modules",
            f"The list of loaded modules breaks off after {len(modules):,} entries ({ending}): some may be missing.",
            BROKEN,
        )
    report.counted("loaded modules", len(modules), skipped=skipped)
    routines = frozenset(at for name in POOL_ROUTINES if (at := kernel.symbol(name)) is not None)
    unread = 0
    for module in modules:
        header = read_header(kernel, module.base)
        unread += header is None
        case.add(_fact(kernel, module, header, routines))
    if unread:
        report.counted("image headers", len(modules) - unread, unreadable=unread)
    for fact in unloaded(kernel, report):
        case.add(fact)
    if kernel.build >= _REPRODUCIBLE and modules:
        text = (
            "This Windows is a reproducible build: the time stamps of its own drivers are hashes, and one that looks "
            "like a date may be chance. `lmvm` with symbols tells."
        )
        report.missing("modules", text, "low-precision", severity="info")


def _loaded(kernel: Kernel) -> tuple[list[LoadedModule], int, str]:
    """Modules, number of entries that cannot be true, and why the list ended."""
    head = kernel.symbol("PsLoadedModuleList")
    if head is None:
        return [], 0, "unreadable"
    layout = kernel.layout
    structs = ("_KLDR_DATA_TABLE_ENTRY", "_LDR_DATA_TABLE_ENTRY")
    wide = kernel.bits == 64

    def at(name: str, otherwise: tuple[int, int]) -> int:
        found = (layout.offset(struct, name) for struct in structs)
        return next((offset for offset in found if offset is not None), otherwise[wide])

    # The front part of the entry is the same from Windows 2000 to 11; offsets for layouts that leave it out.
    link, base_at, size_at = (
        at("InLoadOrderLinks", (0, 0)),
        at("DllBase", (0x18, 0x30)),
        at("SizeOfImage", (0x20, 0x40)),
    )
    path_at, file_at = at("FullDllName", (0x24, 0x48)), at("BaseDllName", (0x2C, 0x58))
    checksum = layout.offset("_KLDR_DATA_TABLE_ENTRY", "CheckSum")
    stamp = layout.offset("_KLDR_DATA_TABLE_ENTRY", "TimeDateStamp")
    entries, ending = walk_list(kernel, head, link, MAX_MODULES)
    modules: list[LoadedModule] = []
    taken: list[tuple[int, int]] = []
    for entry in entries:
        base, size = kernel.memory.pointer(entry + base_at), kernel.memory.u32(entry + size_at)
        if not base or not size or base % PAGE or not is_kernel_address(base, kernel.bits) or size > MAX_IMAGE:
            continue
        if base + size >= 1 << kernel.bits or _overlaps(taken, base, base + size):
            continue
        insort(taken, (base, base + size))
        path, file = (printable(read_unicode(kernel, entry + offset) or "") for offset in (path_at, file_at))
        modules.append(
            LoadedModule(
                entry=entry,
                base=base,
                size=size,
                path=path,
                file=file or (path.rpartition("\\")[2] or None if path else None),
                checksum=(kernel.memory.u32(entry + checksum) or 0) if checksum is not None else 0,
                timestamp=(kernel.memory.u32(entry + stamp) or 0) if stamp is not None else 0,
            )
        )
    return modules, len(entries) - len(modules), ending


def _overlaps(taken: list[tuple[int, int]], start: int, end: int) -> bool:
    """Whether [start, end) meets one of these ranges, sorted and apart from each other."""
    at = bisect_left(taken, (start, 0))
    return (at > 0 and taken[at - 1][1] > start) or (at < len(taken) and taken[at][0] < end)


def _fact(kernel: Kernel, module: LoadedModule, header: ImageHeader | None, routines: frozenset[int]) -> Fact:
    # A VirtualMemory reads like the memory of a triage dump; the parser needs nothing else of it.
    resource = version.read_version(cast(Memory, kernel.memory), module.base, module.size)
    stamp = header.timestamp if header else module.timestamp
    checksum = header.checksum if header else module.checksum
    linked = link_time(stamp, _FIRST_YEAR[kernel.bits], kernel.header.system_time)
    kernel_itself = module.name == "nt"
    hashed = kernel_itself and kernel.build >= _REPRODUCIBLE
    allocates = None
    if header is not None and not kernel_itself:
        allocates = imports_pool(kernel, module.base, module.size, header, routines)
    return new(
        "module",
        source=f"_LDR_DATA_TABLE_ENTRY @ {module.entry:x}",
        verify=f"lmvm {module.name}",
        name=module.name,
        file=module.file,
        path=module.path,
        base=address(module.base),
        size=module.size,
        version=resource.get("FileVersion"),
        company=resource.get("CompanyName"),
        product=resource.get("ProductName"),
        description=resource.get("FileDescription"),
        timestamp=f"{stamp:08x}" if stamp and hashed else linked,
        checksum=f"{checksum:08x}" if checksum else None,
        imports_pool=allocates,
    )


def unloaded(kernel: Kernel, report: Report) -> list[Fact]:
    """A module fact per entry of MmUnloadedDrivers: name, start, end; empty slots and damaged ones are left out."""
    variable = kernel.symbol("MmUnloadedDrivers")
    array = kernel.memory.pointer(variable) if variable is not None else None
    if variable is None or array is None:
        report.missing("modules", "The list of unloaded drivers is not in this dump.", severity="info")
        return []
    pointer = kernel.bits // 8
    stride = 4 * pointer + 8
    facts: list[Fact] = []
    skipped = lost = 0
    for i in range(MAX_UNLOADED if array else 0):
        entry = array + i * stride
        start, end = (kernel.memory.pointer(entry + at * pointer) for at in (2, 3))
        if start is None or end is None:
            lost += 1
            continue
        if not start and not end:
            continue
        file = printable(read_unicode(kernel, entry) or "")
        if file is None or not is_kernel_address(start, kernel.bits) or not start < end < start + MAX_IMAGE:
            skipped += 1
            continue
        facts.append(
            new(
                "module",
                source=f"MmUnloadedDrivers entry {i} @ {entry:x}",
                verify="lm",
                name=file.rpartition(".")[0] or file,
                file=file,
                base=address(start),
                size=end - start,
                unloaded=True,
            )
        )
    report.counted("unloaded drivers", len(facts), skipped, lost)
    return facts
