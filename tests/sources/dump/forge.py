"""Forged crash dumps. Every offset is written here once more, by hand: no layout is shared with the reader."""

import struct
import uuid
from dataclasses import dataclass, field, replace

NT_BASE = 0xFFFFF80012000000
TCPIP_BASE = 0xFFFFF80034000000
ACME_BASE = 0xFFFFF80056000000
PROCESS = 0xFFFFA50000010080
THREAD = 0xFFFFA50000020080
STACK = 0xFFFFF10000030000
FILETIME = 133_500_000_000_000_000  # 2024-01-17T21:20:00Z
SMBIOS_TAG = uuid.UUID("{bc5c008f-1e3a-44d7-988d-86f6884c6758}")


@dataclass(frozen=True)
class Entry:
    """A loaded driver of the forged list."""

    path: str
    base: int
    size: int
    stamp: int = 0x60000000
    checksum: int = 0x1234


@dataclass(frozen=True)
class Triage:
    """What goes into a forged 64-bit triage dump; the defaults are those of a Windows 10 machine with a run list."""

    build: int = 19041
    machine: int = 0x8664
    processors: int = 8
    bugcheck: int = 0x1000007E
    parameters: tuple[int, int, int, int] = (0xFFFFFFFFC0000005, ACME_BASE + 0x4321, 1, 2)
    uptime: int = 36_000_000_000
    product_type: int = 1
    runs: tuple[tuple[int, int], ...] = ((1, 0x9E), (0x100, 0x1FFF00))
    totals: tuple[int, ...] = (0, 250_000, 0, 60_000, 900_000, 950_000, 1_200_000)
    drivers: tuple[Entry, ...] = (
        Entry("\\SystemRoot\\system32\\ntoskrnl.exe", NT_BASE, 0x1046000, stamp=0xF0000001),
        Entry("\\SystemRoot\\System32\\drivers\\tcpip.sys", TCPIP_BASE, 0x300000, stamp=0x8F000000),
        Entry("\\??\\C:\\Program Files\\Acme\\acmeflt.sys", ACME_BASE, 0x20000, stamp=0x60000000),
    )
    unloaded: tuple[tuple[str, int, int], ...] = (("dam.sys", 0xFFFFF80061000000, 0xFFFFF80061010000),)
    pid: int = 4120
    parent: int = 900
    image: bytes = b"backup.exe"
    cid: tuple[int, int] = (4120, 5264)
    thread_state: int = 2
    stack: tuple[int, ...] = (TCPIP_BASE + 0x2222, 0, NT_BASE + 0x333, ACME_BASE + 0x1111, 0x7FF612345678)
    instruction_pointer: int = NT_BASE + 0x3FE580
    blocks: tuple[tuple[int, bytes], ...] = ()
    smbios: bytes | None = None
    patches: dict[int, bytes] = field(default_factory=dict)

    def with_(self, **changes: object) -> "Triage":
        """A copy with other contents."""
        return replace(self, **changes)  # type: ignore[arg-type]


def triage64(spec: Triage | None = None) -> bytes:
    """A 64-bit triage dump."""
    spec = spec or Triage()
    out = bytearray(b"PAGE" * (0x2000 // 4))
    out[0:8] = b"PAGEDU64"
    struct.pack_into("<II", out, 0x08, 15, spec.build)
    struct.pack_into("<III", out, 0x30, spec.machine, spec.processors, spec.bugcheck)
    struct.pack_into("<4Q", out, 0x40, *spec.parameters)
    if spec.runs:
        struct.pack_into("<IIQ", out, 0x88, len(spec.runs), 0, sum(pages for _, pages in spec.runs))
        for i, run in enumerate(spec.runs[:42]):
            struct.pack_into("<QQ", out, 0x98 + 16 * i, *run)
    rip = 0x108 if spec.machine == 0xAA64 else 0xF8
    struct.pack_into("<Q", out, 0x348 + rip, spec.instruction_pointer)
    struct.pack_into("<IIQQ", out, 0xF00, 0x80000003, 1, 0, spec.instruction_pointer)
    struct.pack_into("<I", out, 0xF98, 4)
    struct.pack_into("<Q", out, 0xFA8, FILETIME)
    struct.pack_into("<QII", out, 0x1030, spec.uptime, 0xDFF if spec.runs else 0xCFF, 0)
    struct.pack_into("<I", out, 0x1040, spec.product_type)
    out += bytes(0x80)
    offsets = {}

    def add(name: str, raw: bytes) -> None:
        out.extend(bytes(-len(out) % 8))
        offsets[name] = len(out)
        out.extend(raw)

    add("memory", struct.pack("<IIQQ7Q", 1, 0x50, 0, 0, *spec.totals))
    add("prcb", struct.pack("<QQ", 0, THREAD) + bytes(0x100))
    add("process", _process(spec))
    add("thread", _thread(spec))
    add("stack", struct.pack(f"<{len(spec.stack)}Q", *spec.stack))
    add("kdbg", _kdbg())
    add("unloaded", _unloaded(spec.unloaded))
    pool, names = bytearray(), []
    start = len(out) + -len(out) % 8 + 0x90 * len(spec.drivers)
    for entry in spec.drivers:
        names.append(start + len(pool))
        pool += struct.pack("<I", len(entry.path)) + (entry.path + "\0").encode("utf-16-le")
        pool += bytes(-len(pool) % 8)
    add("drivers", b"".join(_driver(entry, name) for entry, name in zip(spec.drivers, names, strict=True)))
    add("strings", bytes(pool))
    add("blocks", bytes(16 * len(spec.blocks)))
    for i, (va, raw) in enumerate(spec.blocks):
        add("block", raw)
        struct.pack_into("<QII", out, offsets["blocks"] + 16 * i, va, offsets["block"], len(raw))
    add("valid", b"TRGD")
    size = len(out)
    struct.pack_into(
        "<18I",
        out,
        0x2000,
        0,
        size,
        offsets["valid"],
        0x348,
        0xF00,
        offsets["memory"],
        offsets["unloaded"],
        offsets["prcb"],
        offsets["process"],
        offsets["thread"],
        offsets["stack"],
        8 * len(spec.stack),
        offsets["drivers"],
        len(spec.drivers),
        offsets["strings"],
        len(pool),
        0,
        0x41 if spec.runs else 0xFFFFFFFF,
    )
    struct.pack_into("<Q", out, 0x2048, STACK)
    struct.pack_into("<IIII", out, 0x2070, offsets["kdbg"], 0x380, offsets["blocks"], len(spec.blocks))
    if spec.smbios is not None:
        out += b"DumpBlob" + struct.pack("<II", 16, 0xF0004A61)
        for tag, data in ((uuid.UUID(int=7), b"other"), (SMBIOS_TAG, spec.smbios)):
            out += struct.pack("<I16sIII", 32, tag.bytes_le, len(data), 0, 3) + data + b"\0\0\0"
    for offset, raw in spec.patches.items():
        out[offset : offset + len(raw)] = raw
    return bytes(out)


def _driver(entry: Entry, name: int) -> bytes:
    raw = bytearray(0x90)
    struct.pack_into("<I", raw, 0, name)
    struct.pack_into("<Q", raw, 8 + 0x30, entry.base)
    struct.pack_into("<I", raw, 8 + 0x40, entry.size)
    struct.pack_into("<I", raw, 8 + 0x78, entry.checksum)
    struct.pack_into("<I", raw, 8 + 0x80, entry.stamp)
    return bytes(raw)


def _process(spec: Triage) -> bytes:
    """EPROCESS of 19041: pid 0x440, parent 0x540, name 0x5a8."""
    raw = bytearray(0xA40)
    struct.pack_into("<Q", raw, 0x440, spec.pid)
    struct.pack_into("<Q", raw, 0x540, spec.parent)
    raw[0x5A8 : 0x5A8 + len(spec.image)] = spec.image
    return bytes(raw)


def _thread(spec: Triage) -> bytes:
    """ETHREAD of 19041: ApcState.Process 0xb8, State 0x184, Process 0x220, Cid 0x478."""
    raw = bytearray(0x898)
    struct.pack_into("<Q", raw, 0xB8, PROCESS)
    raw[0x184] = spec.thread_state
    struct.pack_into("<Q", raw, 0x220, PROCESS if spec.cid[0] == spec.pid else NT_BASE + 0x5000)
    struct.pack_into("<Q", raw, 0x450, NT_BASE + 0x7000)
    struct.pack_into("<QQ", raw, 0x478, *spec.cid)
    struct.pack_into("<Q", raw, 0x4D0, 0x7FF600001000)
    return bytes(raw)


def _kdbg() -> bytes:
    raw = bytearray(0x380)
    raw[0x10:0x14] = b"KDBG"
    struct.pack_into("<I", raw, 0x14, 0x380)
    struct.pack_into("<Q", raw, 0x18, NT_BASE)
    struct.pack_into("<Q", raw, 0x208, NT_BASE + 0x9000)
    struct.pack_into("<HH", raw, 0x2A0, 0xB8, 0x184)
    struct.pack_into("<H", raw, 0x2AC, 0x540)
    struct.pack_into("<H", raw, 0x2B4, 8)
    struct.pack_into("<H", raw, 0x2C0, 0x898)
    return bytes(raw)


def _unloaded(entries: tuple[tuple[str, int, int], ...]) -> bytes:
    raw = struct.pack("<Q", len(entries))
    for name, low, high in entries:
        text = name[:12].encode("utf-16-le")
        raw += struct.pack("<HHIQ24sQQ", len(text), len(text), 0, 0, text.ljust(24, b"\xff"), low, high)
    return raw


def smbios(*devices_mb: int, mapped_mb: int | None = None) -> bytes:
    """RawSMBIOSData with one type 17 per device and one type 19 over all."""
    table = b""
    for size in devices_mb:
        body = bytearray(0x28)
        body[0:4] = bytes((17, 0x28, 0, 0))
        struct.pack_into("<H", body, 0x0C, 0x7FFF if size >= 0x7FFF else size)
        struct.pack_into("<I", body, 0x1C, size if size >= 0x7FFF else 0)
        table += bytes(body) + b"DIMM\0Bank\0\0"
    total = sum(devices_mb) if mapped_mb is None else mapped_mb
    table += struct.pack("<BBHIIHB", 19, 0x0F, 0, 0, max(total * 1024 - 1, 0), 0, 1) + b"\0\0"
    table += struct.pack("<BBH", 127, 4, 0) + b"\0\0"
    return struct.pack("<BBBBI", 0, 3, 0, 0, len(table)) + table


def versioned_image(strings: dict[str, str], fixed: tuple[int, int, int, int]) -> bytes:
    """The first two pages of a driver: PE headers, and at 0x1000 a resource section with a version resource."""
    page = bytearray(0x1000)
    page[0:2] = b"MZ"
    struct.pack_into("<I", page, 0x3C, 0xF0)
    page[0xF0:0xF4] = b"PE\0\0"
    struct.pack_into("<H", page, 0xF0 + 0x18, 0x20B)
    struct.pack_into("<II", page, 0xF0 + 0x18 + 112 + 16, 0x1000, 0x1000)
    pairs = b"".join(_block(key, (value + "\0").encode("utf-16-le"), len(value) + 1) for key, value in strings.items())
    table = _block("040904b0", pairs, 0)
    version = struct.pack("<II", fixed[0] << 16 | fixed[1], fixed[2] << 16 | fixed[3])
    info = struct.pack("<II", 0xFEEF04BD, 0x10000) + version + bytes(36)
    resource = _block("VS_VERSION_INFO", info + _block("StringFileInfo", table, 0), len(info))
    section = bytearray(0x1000)
    for level, (key, target) in enumerate(((16, 0x80000018), (1, 0x80000030), (0x409, 0x48))):
        struct.pack_into("<IIHHHHII", section, 0x18 * level, 0, 0, 0, 0, 0, 1, key, target)
    struct.pack_into("<II", section, 0x48, 0x1100, len(resource))
    section[0x100 : 0x100 + len(resource)] = resource
    return bytes(page + section)


def _block(key: str, contents: bytes, value_length: int) -> bytes:
    head = (key + "\0").encode("utf-16-le")
    pad = bytes(-(6 + len(head)) % 4)
    raw = struct.pack("<HHH", 6 + len(head) + len(pad) + len(contents), value_length, 1) + head + pad + contents
    return raw + bytes(-len(raw) % 4)


def triage32() -> bytes:
    """A 32-bit triage dump of Windows 7: two drivers, one unloaded, process and thread."""
    out = bytearray(b"PAGE" * (0x1000 // 4))
    out[0:8] = b"PAGEDUMP"
    struct.pack_into("<II", out, 0x08, 15, 7601)
    struct.pack_into("<III4I", out, 0x20, 0x14C, 2, 0x50, 0x9000, 0, 0x82801234, 0)
    struct.pack_into("<I", out, 0x320 + 0xB8, 0x82805555)
    struct.pack_into("<IIII", out, 0x7D0, 0x80000003, 1, 0, 0x82805555)
    struct.pack_into("<I", out, 0xF88, 4)
    struct.pack_into("<I", out, 0xF94, 3)
    struct.pack_into("<QQ", out, 0xFB8, 600_000_000, FILETIME)
    out += bytes(0x100)
    process, thread, prcb, stack = bytearray(0x2C0), bytearray(0x2B8), bytearray(0x40), struct.pack("<I", 0x8B002222)
    struct.pack_into("<I", process, 0xB4, 1232)
    struct.pack_into("<I", process, 0x140, 500)
    process[0x16C:0x175] = b"agent.exe"
    struct.pack_into("<I", thread, 0x50, 0x85001000)
    thread[0x68] = 2
    struct.pack_into("<II", thread, 0x22C, 1232, 1240)
    struct.pack_into("<I", prcb, 4, 0x85002000)
    kdbg = bytearray(0x340)
    kdbg[0x10:0x14] = b"KDBG"
    struct.pack_into("<HH", kdbg, 0x2A0, 0x50, 0x68)
    struct.pack_into("<H", kdbg, 0x2AC, 0x140)
    struct.pack_into("<H", kdbg, 0x2B4, 4)
    unloaded = struct.pack("<I", 1) + struct.pack(
        "<HHI24sII", 14, 14, 0, "dam.sys".encode("utf-16-le"), *(0x8C0 << 20, 0x8C01 << 16)
    )
    at: dict[str, int] = {}
    parts = (
        ("process", process),
        ("thread", thread),
        ("prcb", prcb),
        ("stack", stack),
        ("kdbg", kdbg),
        ("unl", unloaded),
    )
    for name, raw in parts:
        at[name] = len(out)
        out += raw
    at["drivers"] = len(out)
    at["strings"] = len(out) + 2 * 0x4C
    names = b""
    for path, base in (("\\SystemRoot\\system32\\ntkrnlpa.exe", 0x82800000), ("\\old\\acme.sys", 0x8B000000)):
        entry = bytearray(0x4C)
        struct.pack_into("<I", entry, 0, at["strings"] + len(names))
        struct.pack_into("<I", entry, 4 + 0x18, base)
        struct.pack_into("<I", entry, 4 + 0x20, 0x100000)
        struct.pack_into("<II", entry, 4 + 0x40, 0x99, 0x4A000000)
        out += entry
        names += struct.pack("<I", len(path)) + (path + "\0").encode("utf-16-le")
    out += names + b"TRGD"
    head = [
        0,
        len(out),
        len(out) - 4,
        0x320,
        0x7D0,
        0,
        at["unl"],
        at["prcb"],
        at["process"],
        at["thread"],
        at["stack"],
        4,
    ]
    head += [at["drivers"], 2, at["strings"], len(names), 0, 0xFFFFFFFF]
    struct.pack_into("<18I", out, 0x1000, *head)
    struct.pack_into("<II", out, 0x1058, at["kdbg"], 0x340)
    return bytes(out)


def header64(
    dump_type: int, runs: tuple[tuple[int, int], ...] = ((1, 0xFF),), tail: bytes = b"", machine: int = 0x8664
) -> bytes:
    """Header of a 64-bit dump of another type, with whatever follows it."""
    out = bytearray(triage64(Triage(runs=runs, bugcheck=0x50, parameters=(1, 2, 3, 4), machine=machine))[:0x2000])
    struct.pack_into("<I", out, 0xF98, dump_type)
    return bytes(out) + tail


def bitmap(signature: bytes, first: int, present: int, bits: int, size: int = 0x1000) -> bytes:
    """Sub-header of a bitmap dump and an empty page bitmap, `size` bytes in all."""
    return struct.pack("<8s24xQQQ", signature, first, present, bits).ljust(size, b"\0")
