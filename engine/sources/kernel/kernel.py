"""A dump's kernel: its address space, the layout of its structures, and the addresses of its variables.

Variables are looked up in this order: exact symbols, the debugger data block, the kernel's export table, scans that
check what they find. What none of them gives is listed in `missing`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..dump.container import Header
from ..dump.image import Buffer, Image
from .exports import KernelImage
from .isf import ExactLayout, Pdb, Symbols
from .kdbg import KERN_BASE, SIZE_EPROCESS, SIZE_ETHREAD, DebuggerData, find_debugger_data, points_back
from .layouts import Layout, choose
from .locate import locate_pool_variables
from .paging import LA57, PAE, X64, X86, Paging
from .physical import PAGE_SHIFT, PhysicalMemory, open_physical
from .symbolsearch import advice, search
from .virtual import VirtualMemory

Progress = Callable[[str], None]
_FILL = 0x4547_4150
_DLL_BASE = {32: 0x18, 64: 0x30}
"""Offset of DllBase in a loaded module's entry, the same in all builds."""
_WANTED = (
    "PsLoadedModuleList",
    "PsActiveProcessHead",
    "ObpTypeObjectType",
    "PoolTrackTable",
    "PoolTrackTableSize",
    "ExPoolTagTables",
    "PoolTrackTableExpansion",
    "PoolBigPageTable",
    "PoolBigPageTableSize",
    "PsInitialSystemProcess",
    "PsProcessType",
    "PsThreadType",
)
_FIRST_PARTITION_BUILD = 10240
_FIRST_PROCESSOR_TABLES = 3790
_SCANNED = (
    "PoolTrackTableSize",
    "ExPoolTagTables",
    "PoolTrackTableExpansion",
    "PoolTrackTableExpansionSize",
    "PoolBigPageTable",
    "PoolBigPageTableSize",
)


@dataclass(frozen=True, slots=True)
class Roots:
    """What the dump header says about the address space; None where it says nothing."""

    directory: int | None
    pae: bool | None
    modules: int | None
    processes: int | None
    debugger_data: int | None


@dataclass(slots=True)
class Kernel:
    """The kernel of a dump, ready to be walked."""

    memory: VirtualMemory
    layout: Layout
    bits: int
    build: int
    processors: int
    base: int | None
    header: Header
    route: str
    """Where layouts and addresses come from, for the report."""
    missing: list[str] = field(default_factory=list)
    """Names of variables that could not be found."""
    problems: list[str] = field(default_factory=list)
    """A sentence for each problem met on the way."""
    debugger_data: DebuggerData | None = None
    image: KernelImage | None = None
    pdb: Pdb | None = None
    symbols: Symbols | None = None
    symbol_file: Path | None = None
    looked: list[str] = field(default_factory=list)
    """Where exact symbols were looked for, in order, and whether they were there."""
    symbol_problems: list[str] = field(default_factory=list)
    """A sentence for each reason why exact symbols that may be at hand are not used; the dump is not at fault."""
    scanned: dict[str, int] = field(default_factory=dict)
    """Addresses of variables found by scans."""

    def symbol(self, name: str) -> int | None:
        """Address of a kernel variable (not its value); None where it is not known."""
        if self.symbols is not None and self.base is not None:
            relative = self.symbols.address(name)
            if relative is not None:
                return self.base + relative
        found = self.debugger_data.address_of(name) if self.debugger_data else None
        if found is None and self.image is not None:
            found = self.image.export(name)
        return self.scanned.get(name) if found is None else found

    def user_directory(self, eprocess: int) -> VirtualMemory | None:
        """The address space of a process; None where its page tables are not in the dump or not those of a process."""
        offset = self.layout.offset("_KPROCESS", "DirectoryTableBase")
        root = self.memory.pointer(eprocess + offset) if offset is not None else None
        if not root or self.memory.physical.offset((root & self.memory.paging.root_mask) >> PAGE_SHIFT) < 0:
            return None
        found = VirtualMemory(self.memory.physical, self.memory.paging, root)
        # Every address space maps the kernel: one that does not is no longer, or never was, a process's.
        return found if found.page(eprocess) == self.memory.page(eprocess) else None


def open_kernel(
    data: Buffer,
    header: Header,
    symbols: Sequence[str] = (),
    problems: list[str] | None = None,
    progress: Progress = lambda _: None,
) -> Kernel | None:
    """The kernel of a dump, or None where not even its page tables can be read; `problems` then says why.

    `symbols` is where exact symbols are looked for before the environment's places, in the debugger's syntax.
    """
    said = problems if problems is not None else []
    if header.architecture not in (None, "x86", "x64"):
        said.append(f"the dump is of an {header.architecture} machine: page tables of that kind are not read")
        return None
    physical, flaw = open_physical(data, header)
    if physical is None:
        said.append(flaw or "no page of the dump can be found")
        return None
    said += physical.problems
    roots = read_roots(data, header)
    memory = open_memory(physical, header, roots)
    if memory is None:
        said.append("the page tables the header points to do not lead to the kernel: no address can be translated")
        return None
    base = _first_module(memory, roots.modules)
    block = find_debugger_data(memory, roots.debugger_data, base, roots.modules, roots.processes)
    image = _image(memory, block, base)
    base = image.base if image else None
    kernel = Kernel(
        memory=memory,
        layout=Layout("none", {}),
        bits=memory.bits,
        build=header.build or _build(image) or 0,
        processors=header.processors or _processors(memory, block),
        base=base,
        header=header,
        route="",
        problems=list(said),
        debugger_data=block,
        image=image if image and image.valid else None,
    )
    _choose_layout(kernel, roots, symbols, progress)
    _find_variables(kernel)
    return kernel


def read_roots(data: Buffer, header: Header) -> Roots:
    """The header's pointers into the address space."""
    image, bits = Image(data), header.layout.bits
    width = bits // 8

    def pointer(offset: int) -> int | None:
        value = image.word(offset, bits)
        return value if value and value & 0xFFFF_FFFF != _FILL else None

    pae = image.u8(0x5C) if bits == 32 else None
    block = pointer(header.layout.debugger_data)
    return Roots(
        directory=pointer(0x10),
        pae=bool(pae) if pae in (0, 1) else None,
        modules=pointer(0x10 + 2 * width),
        processes=pointer(0x10 + 3 * width),
        debugger_data=block if block and block >> (bits - 1) else None,
    )


def open_memory(physical: PhysicalMemory, header: Header, roots: Roots) -> VirtualMemory | None:
    """The address space by the paging mode in which the header's lists can be read, the likelier one first."""
    if roots.directory is None:
        return None
    modes: tuple[Paging, ...] = (X64, LA57)
    if header.layout.bits == 32:
        modes = (X86, PAE) if roots.pae is False else (PAE, X86)
    spaces = [VirtualMemory(physical, mode, roots.directory) for mode in modes]
    best = max(spaces, key=lambda space: _evidence(space, roots))
    return best if _evidence(best, roots) else None


def _evidence(memory: VirtualMemory, roots: Roots) -> int:
    """How well the header's lists read in an address space: 3 for a list that points back, 1 if it is readable."""
    found = 0
    for head in (roots.modules, roots.processes):
        if head and memory.pointer(head) is not None:
            found += 3 if points_back(memory, head) else 1
    if roots.debugger_data and memory.read(roots.debugger_data, 0x18) is not None:
        found += 1
    return found


def _first_module(memory: VirtualMemory, modules: int | None) -> int | None:
    """Base of the first loaded module, which is the kernel."""
    first = memory.pointer(modules) if modules else None
    base = memory.pointer(first + _DLL_BASE[memory.bits]) if first else None
    return base if base and base % 0x1000 == 0 and base >> (memory.bits - 1) else None


def _image(memory: VirtualMemory, block: DebuggerData | None, base: int | None) -> KernelImage | None:
    """The kernel's image at the first of the bases named that has PE headers, else at the first one named."""
    listed = _first_module(memory, block.address_of("PsLoadedModuleList")) if block else None
    named = [address for address in (block.value(KERN_BASE) if block else None, listed, base) if address]
    images = [KernelImage(memory, address) for address in dict.fromkeys(named)]
    return next((image for image in images if image.valid), images[0] if images else None)


def _build(image: KernelImage | None) -> int | None:
    """The build from NtBuildNumber, whose upper four bits tell free from checked builds."""
    at = image.export("NtBuildNumber") if image else None
    found = image.memory.u32(at) if image and at else None
    return found & 0xFFFF if found else None


def _processors(memory: VirtualMemory, block: DebuggerData | None) -> int:
    """Processors by the pointers in KiProcessorBlock, at least 1."""
    at = block.address_of("KiProcessorBlock") if block else None
    width = memory.bits // 8
    count = 0
    while at and count < 2048 and memory.pointer(at + count * width):
        count += 1
    return max(count, 1)


def _choose_layout(kernel: Kernel, roots: Roots, symbols: Sequence[str], progress: Progress) -> None:
    """Exact symbols where they are at hand and true, else the embedded layout nearest to the kernel."""
    block = kernel.debugger_data
    sizes = (block.length(SIZE_EPROCESS), block.length(SIZE_ETHREAD)) if block else (None, None)
    known, doubt = choose(kernel.build, kernel.bits, *sizes)
    if known is not None:
        kernel.layout = known.layout
    kernel.pdb = kernel.image.pdb if kernel.image else None
    if kernel.pdb is not None:
        found = search(kernel.pdb, symbols, lambda table: _true(table, kernel.base, roots), progress)
        kernel.looked, kernel.symbol_problems = found.looked, found.problems
        if found.symbols is not None:
            kernel.symbols, kernel.symbol_file = found.symbols, found.file
            build = f"{kernel.build} with {kernel.pdb.key}"
            kernel.layout = ExactLayout(build, found.symbols, known.layout if known else None)
            kernel.route = "exact symbols"
            return
    with_block = "KDBG" if block and not block.decoded else "decoded KDBG" if block else "no KDBG"
    kernel.route = f"embedded layout {known.name if known else 'none'} with {with_block}, exports and scans"
    if doubt:
        kernel.route += f"; {doubt}"


def _true(symbols: Symbols, base: int | None, roots: Roots) -> bool:
    """True if the symbols put the module list where the header has it."""
    relative = symbols.address("PsLoadedModuleList")
    return relative is None or roots.modules is None or base is None or base + relative == roots.modules


def _find_variables(kernel: Kernel) -> None:
    """Scan for what is not known yet, and list what stays unknown."""
    roots = read_roots(kernel.memory.physical.data, kernel.header)
    for name, address in (("PsLoadedModuleList", roots.modules), ("PsActiveProcessHead", roots.processes)):
        if address and kernel.symbol(name) is None:
            kernel.scanned[name] = address
    table = kernel.symbol("PoolTrackTable")
    if table and any(kernel.symbol(name) is None for name in _SCANNED):
        kernel.scanned |= locate_pool_variables(kernel.memory, kernel.layout, table, kernel.processors)
    absent = [name for name in _WANTED if kernel.symbol(name) is None]
    if kernel.processors == 1 or kernel.build < _FIRST_PROCESSOR_TABLES:
        absent = [name for name in absent if name != "ExPoolTagTables"]
    if kernel.build >= _FIRST_PARTITION_BUILD:
        absent += [name for name in ("MiState", "MiSystemPartition") if kernel.symbol(name) is None]
    kernel.missing += absent


def describe(kernel: Kernel) -> list[str]:
    """Line by line what was found and how to get better: route, PDB, where symbols were looked for, what is missing."""
    lines = [f"route: {kernel.route}", f"layout: {kernel.layout.build}"]
    if kernel.base is not None:
        lines.append(f"kernel base: {kernel.base:x}, {kernel.memory.paging.name} paging")
    if kernel.pdb is not None:
        name = kernel.pdb.name if kernel.pdb.plain else repr(kernel.pdb.name)
        lines.append(f"kernel PDB: {name} {kernel.pdb.guid} age {kernel.pdb.age}")
    else:
        lines.append("kernel PDB: unknown, the kernel's debug directory is not in this dump")
    if kernel.symbol_file is not None:
        lines.append(f"symbols: {kernel.symbol_file}")
    lines += [f"looked for: {text}" for text in kernel.looked]
    lines += [f"problem: {text}" for text in [*kernel.symbol_problems, *kernel.problems]]
    lines += [f"not found: {name}" for name in kernel.missing]
    if kernel.symbols is None and kernel.pdb is not None and kernel.pdb.plain:
        lines += advice(kernel.pdb)
    return lines
