"""A crash dump in, a case out."""

from ... import builds
from ...errors import CasefileError
from ...facts import Case, Casefile, Fact, address, new, note
from . import bugchecks
from .container import (
    DUMP_TYPES,
    HEADER_ONLY,
    PAGE,
    TRIAGE,
    Header,
    layout_of,
    missing_pages,
    read_bitmap,
    read_header,
)
from .context import process_fact, read_process, thread_fact
from .drivers import Driver, kernel, module_facts, read_drivers, stamps_are_hashes
from .image import Buffer, Image, printable
from .memory import memory_facts, read_totals
from .notes import broken, not_in_triage_dump, not_read
from .smbios import read_installed
from .stack import read_stack, stack_facts
from .triage import DebuggerData, TriageDump, read_triage
from .unloaded import read_unloaded

_ZEROS = 1 << 16
_MINIDUMP = b"MDMP"
_EXPECTED = "a kernel dump (PAGEDU64 or PAGEDUMP) was expected"


def is_dump(head: bytes) -> bool:
    """True if a file that begins with these bytes is for this source: kernel dumps, and what `read` refuses by name.

    That is a user-mode minidump or a file of zeros. A few bytes suffice; 8 are needed for a kernel dump.
    """
    if layout_of(head) or head[:4] == _MINIDUMP:
        return True
    return len(head) >= 8 and not any(head)


def read(data: Buffer, casefile: Casefile) -> Case:
    """The case of a kernel crash dump; `data` is mapped or in memory and never copied whole.

    Triage dumps are read fully, of other types the header; their memory is the matter of `sources.kernel`. Raises
    CasefileError as `header_of` does.
    """
    image, header = Image(data), header_of(data)
    return Case(casefile, _triage(image, header) if header.dump_type == TRIAGE else _other(image, header))


def header_of(data: Buffer) -> Header:
    """The header of a kernel crash dump.

    Raises CasefileError, with one line, for a file that is no kernel dump, is empty or zero, or ends before its header
    does.
    """
    image = Image(data)
    layout = layout_of(image.bytes(0, 8) or b"")
    if layout is None:
        raise CasefileError(_refusal(image))
    if image.size < layout.size:
        raise CasefileError(
            f"the file ends after {image.size:,} bytes, within the {layout.size:,}-byte header of a kernel dump: "
            "copy it again from the machine"
        )
    header = read_header(image, layout)
    if header.dump_type not in DUMP_TYPES:
        raise CasefileError(
            f"a kernel dump header with dump type {header.dump_type}, types 1 to 10 are known: the file is damaged or "
            "of a newer kind; open it in WinDbg and save a log of `!vm; !poolused 2; !process 0 0`"
        )
    return header


def _refusal(image: Image) -> str:
    """One line that says what the file is instead."""
    if image.size == 0:
        return f"the file is empty: {_EXPECTED}"
    if image.bytes(0, 4) == _MINIDUMP:
        return (
            f"this is a user-mode minidump (MDMP), {_EXPECTED}: pool is the kernel's; take C:\\Windows\\MEMORY.DMP "
            "or a file of C:\\Windows\\Minidump"
        )
    head = image.bytes(0, min(image.size, _ZEROS)) or b""
    if not any(head):
        return (
            f"the file holds only zeros in its first {len(head):,} bytes: the dump was never written out; {_EXPECTED}, "
            "so take another one"
        )
    return f"the file begins with {head[:8].hex(' ')}: {_EXPECTED}"


def _header_source(header: Header) -> str:
    return f"{header.layout.signature.decode()} header @ file 0x0"


def _system(header: Header, ram: int | None, source: str, kernel_base: int | None, lab: str | None) -> Fact:
    """The system fact of any dump."""
    code = header.bugcheck_code
    product = builds.PRODUCT_TYPES.get(header.product_type or 0)
    name = builds.os_name(header.build, product) if header.build else None
    plain = bugchecks.base_code(code) if code is not None else None
    return new(
        "system",
        source=source,
        verify="vertarget; .bugcheck",
        os=f"{name} ({lab})" if name and lab else name,
        build=header.build,
        product_type=product,
        architecture=header.architecture,
        processors=header.processors,
        ram_bytes=ram,
        uptime_s=header.uptime_s,
        crash_time=header.system_time.strftime("%Y-%m-%dT%H:%M:%SZ") if header.system_time else None,
        dump_type=DUMP_TYPES.get(header.dump_type or 0),
        bugcheck_code=code,
        bugcheck_name=bugchecks.name(code) if code is not None else None,
        bugcheck_parameters=" ".join(f"{p:x}" for p in header.parameters) if header.parameters and code else None,
        live_dump=plain in bugchecks.LIVE_ONLY or code == 0 if code is not None else None,
        kernel_base=address(kernel_base) if kernel_base is not None else None,
        pool_limits=builds.pool_limits(header.build, header.architecture) if header.build else None,
    )


def _header_flaws(header: Header) -> list[Fact]:
    flaws = [("system", f"the {what} in the header cannot be true: {value}") for what, value in header.flaws.items()]
    return broken(flaws, _header_source(header))


def is_triage(header: Header) -> bool:
    """Whether this is a triage dump, which `read` reads whole."""
    return header.dump_type == TRIAGE


def holds_memory(header: Header) -> bool:
    """Whether a dump of this type and processor holds kernel memory that can be read."""
    return header.dump_type not in (TRIAGE, HEADER_ONLY) and header.architecture in ("x86", "x64")


def unread(header: Header) -> list[Fact]:
    """Notes on a dump whose memory is not read: what is missing, and the commands that supply it."""
    return not_read(DUMP_TYPES[header.dump_type or 0], _header_source(header))


def _other(image: Image, header: Header) -> list[Fact]:
    """Facts of the header of any dump that is not a triage dump."""
    source = _header_source(header)
    pages = header.ram_pages
    ram = pages * PAGE if pages else None
    facts = [_system(header, ram, source, None, None)]
    if ram:
        at = f"physical memory runs @ file 0x{header.layout.runs:x}"
        facts.append(new("memory", source=at, verify="!vm 1", physical_bytes=ram))
    facts += _header_flaws(header)
    if not holds_memory(header):  # else who reads the memory knows every form of the bitmap and says what is missing
        bitmap, flaw = read_bitmap(image, header.layout)
        flaws = [("memory", text) for text in (flaw, missing_pages(image, header)) if text]
        where = f"{bitmap.signature} bitmap sub-header @ file 0x{bitmap.offset:x}" if bitmap else source
        facts += broken(flaws, where)
    return facts


def _triage(image: Image, header: Header) -> list[Fact]:
    """Facts of a triage dump, part by part; what cannot be read is noted and the rest goes on."""
    dump = read_triage(image, header)
    source = f"triage dump header @ file 0x{header.layout.size:x}"
    drivers, driver_flaw = read_drivers(dump)
    unloaded, unloaded_flaw = read_unloaded(dump)
    hits = read_stack(dump, drivers)
    process = read_process(dump)
    ram, ram_source, ram_notes = _ram(dump)
    build = header.build
    limits = builds.pool_limits(build, header.architecture) if build else "unknown"
    facts = [_system(header, ram, _header_source(header), _kernel_base(dump, drivers), _build_lab(dump))]
    facts += memory_facts(dump, read_totals(dump), limits, ram, ram_source)
    facts += module_facts(dump, drivers, {hit.driver.base for hit in hits})
    facts += unloaded
    people = (process_fact(process) if process else None, thread_fact(dump, process, drivers))
    facts += [fact for fact in people if fact]
    facts += stack_facts(hits)
    flaws = [*dump.flaws, *(("modules", text) for text in (driver_flaw, unloaded_flaw) if text)]
    facts += ram_notes + _header_flaws(header) + broken(flaws, source)
    if any(hit.quality == "suspect" for hit in hits):
        text = (
            "Modules on the crashing stack come from a raw scan of the saved stack, not from an unwind: some may be "
            "left over from earlier calls. `k` with symbols shows the real frames."
        )
        facts.append(note("low-precision", "stacks", text, source, severity="info"))
    if stamps_are_hashes(drivers, build, header.system_time):
        text = (
            "This Windows is a reproducible build: the time stamps of its own drivers are hashes, and one that looks "
            "like a date may be chance. `lmvm` with symbols tells."
        )
        facts.append(note("low-precision", "modules", text, source, severity="info"))
    return facts + not_in_triage_dump(source)


def _ram(dump: TriageDump) -> tuple[int | None, str, list[Fact]]:
    """Physical memory in bytes, where it was read, and notes: the run list, else the firmware's tables."""
    runs = f"physical memory runs @ file 0x{dump.header.layout.runs:x}"
    if dump.header.ram_pages:
        return dump.header.ram_pages * PAGE, runs, []
    installed = read_installed(dump)
    if installed is None:
        text = (
            "This dump records no amount of physical memory: it has no run list and no usable SMBIOS memory table. "
            "`!vm 1` on a kernel dump gives it."
        )
        return None, runs, [note("not-recorded", "memory", text, runs, severity="info")]
    where = f"SMBIOS memory devices @ file 0x{installed.offset:x}"
    text = (
        f"Physical memory ({installed.size / 2**30:.1f} GB) is the installed memory by the firmware's SMBIOS tables in "
        "the dump; Windows itself sees slightly less. `!sysinfo smbios` shows it."
    )
    return installed.size, where, [note("low-precision", "memory", text, where, severity="info")]


def _kernel_base(dump: TriageDump, drivers: list[Driver]) -> int | None:
    """Base of the kernel by the driver list, else by the debugger data."""
    entry = kernel(drivers)
    if entry is not None:
        return entry.base
    return dump.debugger_data.pointer(DebuggerData.KERN_BASE, dump.bits) if dump.debugger_data else None


def _build_lab(dump: TriageDump) -> str | None:
    """The build string (9600.18821.amd64fre.winblue_ltsb...) where its page is in the dump and it names the update.

    On Windows 10 and later it keeps revision 1 (19041.1.amd64fre.vb_release...) whatever is installed.
    """
    at = dump.debugger_data.pointer(DebuggerData.NT_BUILD_LAB, dump.bits) if dump.debugger_data else None
    raw = dump.memory.read(at, 64) if at else None
    lab = printable(raw.decode("ascii", "replace")) if raw else None
    return lab if lab and lab.split(".")[:1] == [str(dump.header.build)] and lab.split(".")[1:2] != ["1"] else None
