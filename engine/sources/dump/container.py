"""The dump header: PAGE/DU64 (0x2000 bytes) and PAGE/DUMP (0x1000 bytes), physical memory runs, bitmap sub-header.

Offsets were read off real dumps of builds 7601 (x86), 9600, 19041, 22000 (arm64) and 26100 and agree with the public
descriptions in volatility (crash_vtypes.py), kdmp-parser (kdmp-parser-structs.h) and rizin (dmp_specs.h). Fields the
dump writer left alone hold the text "PAGE" repeated; they read as None here.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from .image import Image

PAGE = 4096
_FILL = 0x4547_4150
_MAX_PAGE = 1 << 40
"""Page frame numbers of a 52-bit physical address."""


@dataclass(frozen=True, slots=True)
class HeaderLayout:
    """File offsets of the fields of one kind of dump header; `bits` is the width of its pointers."""

    signature: bytes
    bits: int
    size: int
    minor_version: int
    machine: int
    processors: int
    bugcheck_code: int
    parameters: int
    debugger_data: int
    runs: int
    run_list: int
    run_capacity: int
    context: int
    exception: int
    dump_type: int
    product_type: int
    system_time: int
    uptime: int


LAYOUTS = (
    HeaderLayout(
        signature=b"PAGEDU64",
        bits=64,
        size=0x2000,
        minor_version=0x0C,
        machine=0x30,
        processors=0x34,
        bugcheck_code=0x38,
        parameters=0x40,
        debugger_data=0x80,
        runs=0x88,
        run_list=0x98,
        run_capacity=42,
        context=0x348,
        exception=0xF00,
        dump_type=0xF98,
        product_type=0x1040,
        system_time=0xFA8,
        uptime=0x1030,
    ),
    HeaderLayout(
        signature=b"PAGEDUMP",
        bits=32,
        size=0x1000,
        minor_version=0x0C,
        machine=0x20,
        processors=0x24,
        bugcheck_code=0x28,
        parameters=0x2C,
        debugger_data=0x60,
        runs=0x64,
        run_list=0x6C,
        run_capacity=86,
        context=0x320,
        exception=0x7D0,
        dump_type=0xF88,
        product_type=0xF94,
        system_time=0xFC0,
        uptime=0xFB8,
    ),
)

HEADER_ONLY = 3
TRIAGE = 4
DUMP_TYPES = {
    1: "full",
    2: "kernel",
    3: "header",
    4: "triage",
    5: "full bitmap",
    6: "kernel bitmap",
    7: "automatic",
    8: "kernel (type 8)",
    9: "kernel and user (type 9)",
    10: "complete (type 10)",
}
"""Types 8 to 10 are named in kdmp-parser; newer builds write them for live dumps and `.dump /f`."""

MACHINES = {0x014C: "x86", 0x8664: "x64", 0xAA64: "arm64"}
"""IMAGE_FILE_HEADER.Machine of the PE specification."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run of physical pages: first page frame number and number of pages."""

    base: int
    pages: int


@dataclass(frozen=True, slots=True)
class Header:
    """A dump header. None stands for a field the dump does not record or that cannot be true."""

    layout: HeaderLayout
    dump_type: int | None
    build: int | None
    architecture: str | None
    processors: int | None
    bugcheck_code: int | None
    parameters: tuple[int, ...]
    uptime_s: float | None
    system_time: datetime | None
    product_type: int | None
    runs: tuple[Run, ...]
    flaws: Mapping[str, str] = field(default_factory=dict)
    """Fields that hold a value that cannot be true: name and value."""

    @property
    def ram_pages(self) -> int | None:
        """Pages of physical memory by the run list; None where there is none."""
        return sum(run.pages for run in self.runs) or None


def layout_of(head: bytes) -> HeaderLayout | None:
    """The layout a file's first eight bytes announce, or None."""
    return next((layout for layout in LAYOUTS if head[:8] == layout.signature), None)


def read_header(image: Image, layout: HeaderLayout) -> Header:
    """All fields of a header that lies wholly in the file; absurd values become None with an entry in `flaws`."""
    flaws: dict[str, str] = {}

    def number(name: str, offset: int, low: int, high: int) -> int | None:
        value = image.u32(offset)
        if value is None or value == _FILL:
            return None
        if low <= value <= high:
            return value
        flaws[name] = str(value)
        return None

    machine = _recorded(image.u32(layout.machine))
    architecture = MACHINES.get(machine) if machine is not None else None
    if machine is not None and architecture is None:
        flaws["machine type"] = f"0x{machine:x}"
    width = layout.bits // 8
    parameters = [image.word(layout.parameters + i * width, layout.bits) for i in range(4)]
    runs, run_flaw = _runs(image, layout)
    if run_flaw:
        flaws["list of physical memory runs"] = run_flaw
    return Header(
        layout=layout,
        dump_type=_recorded(image.u32(layout.dump_type)),
        build=number("build number", layout.minor_version, 1000, 99_999),
        architecture=architecture,
        processors=number("number of processors", layout.processors, 1, 4096),
        bugcheck_code=_recorded(image.u32(layout.bugcheck_code)),
        parameters=tuple(p for p in parameters if p is not None),
        uptime_s=_uptime(_recorded(image.u64(layout.uptime))),
        system_time=_filetime(_recorded(image.u64(layout.system_time))),
        product_type=number("product type", layout.product_type, 1, 3),
        runs=runs,
        flaws=flaws,
    )


def _recorded(value: int | None) -> int | None:
    """The value, or None where the writer left the fill text."""
    return None if value is None or value & 0xFFFF_FFFF == _FILL else value


def _uptime(ticks: int | None) -> float | None:
    """Seconds from 100 ns ticks; 0 and more than a century are not recorded."""
    return ticks / 1e7 if ticks is not None and 0 < ticks < 100 * 365 * 86_400 * 10_000_000 else None


def _filetime(ticks: int | None) -> datetime | None:
    """FILETIME (100 ns since 1601) as UTC, if it lies between 1995 and 2100."""
    if ticks is None or not 124_330_000_000_000_000 < ticks < 157_470_000_000_000_000:
        return None
    return datetime(1601, 1, 1, tzinfo=UTC) + timedelta(microseconds=ticks // 10)


def _runs(image: Image, layout: HeaderLayout) -> tuple[tuple[Run, ...], str | None]:
    """The runs of physical memory, and what is wrong with them. A doubtful list is not used at all."""
    count, width = _recorded(image.u32(layout.runs)), layout.bits // 8
    total = _recorded(image.word(layout.runs + width, layout.bits))
    if count is None or total is None or count == 0:
        return (), None
    if count > layout.run_capacity:
        return (), f"{count} runs, the header has room for {layout.run_capacity}"
    runs: list[Run] = []
    end = 0
    for i in range(count):
        base = image.word(layout.run_list + 2 * i * width, layout.bits)
        pages = image.word(layout.run_list + (2 * i + 1) * width, layout.bits)
        if base is None or not pages or base < end or base + pages > _MAX_PAGE:
            return (), f"run {i} is empty, out of order or beyond 52-bit physical addresses"
        runs.append(Run(base, pages))
        end = base + pages
    if sum(run.pages for run in runs) != total:
        return (), f"the runs add up to {sum(run.pages for run in runs)} pages, the header says {total}"
    return tuple(runs), None


@dataclass(frozen=True, slots=True)
class Bitmap:
    """Sub-header of a kernel or bitmap dump: which physical pages the file holds."""

    signature: str
    offset: int
    first_page: int
    present_pages: int
    bits: int


def read_bitmap(image: Image, layout: HeaderLayout) -> tuple[Bitmap | None, str | None]:
    """The bitmap sub-header behind a 64-bit header, and what is wrong with it in one sentence.

    Both None where there is no SDMP or FDMP signature. The 32-bit form has other fields and is left alone.
    """
    raw = image.bytes(layout.size, 8)
    if raw not in (b"SDMPDUMP", b"FDMPDUMP") or layout.bits != 64:
        return None, None
    first, present, bits = (image.u64(layout.size + offset) for offset in (0x20, 0x28, 0x30))
    if first is None or present is None or bits is None:
        return None, "the file ends within the bitmap sub-header"
    if present > bits or bits > _MAX_PAGE or first < layout.size + 0x38:
        return None, f"the bitmap sub-header cannot be true: {present} pages present of {bits}, data at 0x{first:x}"
    if not image.holds(layout.size + 0x38, (bits + 7) // 8):
        return None, f"the page bitmap of {bits} bits does not lie in the file"
    bitmap = Bitmap(raw[:4].decode(), layout.size, first, present, bits)
    if not image.holds(first, present * PAGE):
        return bitmap, _cut(first + present * PAGE, image.size)
    return bitmap, None


def missing_pages(image: Image, header: Header) -> str | None:
    """Says so if a full dump (type 1), whose pages follow the header in run order, ends before its last run does."""
    end = header.layout.size + (header.ram_pages or 0) * PAGE
    return _cut(end, image.size) if header.dump_type == 1 and header.ram_pages and end > image.size else None


def _cut(expected: int, found: int) -> str:
    return f"the file has {found:,} bytes of {expected:,}: it was cut when written or copied"
