"""The driver list of a triage dump: one `module` fact per entry.

An entry is a 32-bit file offset of the name, then the leading fields of the loader's table entry (KLDR layout from
public symbols; offsets the same in every build seen). All 64-bit dumps seen (9600 to 26100) use entries of 0x90 bytes;
the 32-bit entry is rizin's dmp_driver_entry32.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from ...builds import release_year
from ...facts import Fact, address, new
from . import version
from .image import is_kernel_address
from .triage import TriageDump

MAX_DRIVERS = 4096
_KERNELS = {"ntoskrnl.exe", "ntkrnlmp.exe", "ntkrnlpa.exe", "ntkrpamp.exe"}


@dataclass(frozen=True, slots=True)
class EntryLayout:
    """Offsets within one entry; `sizes` are the entry sizes taken for true when computed from the list itself."""

    base: int
    size: int
    checksum: int
    timestamp: int
    entry: int
    sizes: range


LAYOUTS = {
    64: EntryLayout(base=0x38, size=0x48, checksum=0x80, timestamp=0x88, entry=0x90, sizes=range(0x90, 0x148, 8)),
    32: EntryLayout(base=0x1C, size=0x24, checksum=0x44, timestamp=0x48, entry=0x4C, sizes=range(0x4C, 0xA4, 4)),
}

_FIRST_YEAR = {"x86": 1996, "x64": 2004, "arm64": 2016}
"""No driver for that architecture was linked before: NT 4.0, the first x64 betas, the first arm64 Windows 10."""


@dataclass(frozen=True, slots=True)
class Driver:
    """A loaded driver. `path` is the name as recorded: a full path, or only the file in dumps with options 0x41.

    Checksum and time stamp are 0 where the page with the image's header was not in memory, as often for session
    drivers (win32k on 9600).
    """

    offset: int
    path: str | None
    base: int
    size: int
    checksum: int
    timestamp: int

    @property
    def file(self) -> str | None:
        """The last part of the path."""
        return self.path.rpartition("\\")[2] or None if self.path else None

    @property
    def name(self) -> str:
        """The name the debugger gives it: nt for the kernel, else the file without its ending."""
        file = self.file
        if file is None:
            return f"Unknown_Module_{self.base:x}"
        return "nt" if file.lower() in _KERNELS else file.rpartition(".")[0] or file


def read_drivers(dump: TriageDump) -> tuple[list[Driver], str | None]:
    """The entries that can be true, in the order of the list, and a sentence on those that cannot."""
    layout, image = LAYOUTS[dump.bits], dump.image
    start, count = dump.part("driver_list"), dump.parts.get("driver_count", 0)
    if start is None:
        return [], "the dump has no driver list"
    pool, pool_size = dump.parts.get("string_pool", 0), dump.parts.get("string_pool_size", 0)
    stride = layout.entry
    if pool > start and count:
        apart, rest = divmod(pool - start, count)
        stride = apart if not rest and apart in layout.sizes else stride
    end = pool if start < pool <= image.size else image.size
    drivers: list[Driver] = []
    for i in range(min(count, MAX_DRIVERS, (end - start) // stride)):
        entry = start + i * stride
        base, size = image.word(entry + layout.base, dump.bits), image.u32(entry + layout.size)
        if base is None or not size or base % 0x1000 or not is_kernel_address(base, dump.bits):
            continue
        if base + size >= 1 << dump.bits:
            continue
        name = image.u32(entry) or 0
        drivers.append(
            Driver(
                offset=entry,
                path=_name(dump, name) if pool <= name < pool + pool_size else None,
                base=base,
                size=size,
                checksum=image.u32(entry + layout.checksum) or 0,
                timestamp=image.u32(entry + layout.timestamp) or 0,
            )
        )
    unnamed = sum(driver.path is None for driver in drivers)
    if len(drivers) != count:
        return drivers, f"{len(drivers):,} of the {count:,} entries the driver list announces could be read"
    return drivers, f"{unnamed} drivers have no readable name" if unnamed else None


def _name(dump: TriageDump, offset: int) -> str | None:
    """A string of the string pool: its length in characters, then UTF-16."""
    length = dump.image.u32(offset)
    return dump.image.text16(offset + 4, length) if length else None


def kernel(drivers: list[Driver]) -> Driver | None:
    """The kernel's own entry."""
    return next((driver for driver in drivers if driver.name == "nt"), None)


def stamps_are_hashes(drivers: list[Driver], build: int | None, crash: datetime | None) -> bool:
    """True if the kernel's time stamp cannot be a date: older than its release by a year, or later than the crash.

    Windows 10 and later are reproducible builds, whose stamp is a hash of the contents (Raymond Chen, The Old New
    Thing, 3 January 2018).
    """
    entry, year = kernel(drivers), release_year(build) if build else None
    if entry is None or year is None:
        return False
    linked = datetime.fromtimestamp(entry.timestamp, UTC)
    return linked.year < year - 1 or (crash is not None and linked.date() > crash.date())


def link_time(stamp: int, first_year: int, crash: datetime | None) -> str | None:
    """ISO 8601 UTC, or hex where it cannot be a date (a hash of a reproducible build); None if it is 0."""
    if not stamp:
        return None
    linked = datetime.fromtimestamp(stamp, UTC)
    plausible = linked.year >= first_year and (crash is None or linked.date() <= crash.date())
    return linked.strftime("%Y-%m-%dT%H:%M:%SZ") if plausible else f"{stamp:08x}"


def module_facts(dump: TriageDump, drivers: list[Driver], on_stack: set[int]) -> list[Fact]:
    """One module fact per driver; `on_stack` holds the bases of those the crashing stack points into."""
    header = dump.header
    hashed = stamps_are_hashes(drivers, header.build, header.system_time)
    first_year = _FIRST_YEAR.get(header.architecture or "", 1996)
    facts = []
    for i, driver in enumerate(drivers):
        resource = version.read_version(dump.memory, driver.base, driver.size)
        stamp = link_time(driver.timestamp, first_year, header.system_time)
        facts.append(
            new(
                "module",
                source=f"triage driver list entry {i} @ file 0x{driver.offset:x}",
                verify=f"lmvm {driver.name}",
                name=driver.name,
                file=driver.file,
                path=driver.path,
                base=address(driver.base),
                size=driver.size,
                timestamp=f"{driver.timestamp:08x}" if hashed and driver.name == "nt" else stamp,
                checksum=f"{driver.checksum:08x}" if driver.checksum else None,
                version=resource.get("FileVersion"),
                company=resource.get("CompanyName"),
                product=resource.get("ProductName"),
                description=resource.get("FileDescription"),
                on_stack=True if driver.base in on_stack else None,
            )
        )
    return facts
