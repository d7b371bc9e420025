"""PE images as the loader maps them: headers, sections, exports, imports, debug directory, version resource."""

import struct
from dataclasses import dataclass, field

PAGE = 4096
CODE, DATA, DISCARDABLE, NOT_PAGED = 0x20, 0x40, 0x02000000, 0x08000000
EXECUTE, READ, WRITE = 0x20000000, 0x40000000, 0x80000000


@dataclass(slots=True)
class Section:
    """A section: name, bytes, characteristics. `size` leaves room for more zeros."""

    name: str
    data: bytes
    flags: int
    size: int = 0
    address: int = 0


@dataclass(slots=True)
class Picture:
    """What an image is made of. Exports are (name, address relative to the image)."""

    name: str
    bits: int
    sections: list[Section]
    timestamp: int
    version: dict[str, str] = field(default_factory=dict)
    imports: dict[str, list[str]] = field(default_factory=dict)
    exports: dict[str, int] = field(default_factory=dict)
    pdb: tuple[str, bytes, int] | None = None
    """Name of the PDB, GUID (16 bytes as stored), age."""
    size: int = 0
    checksum: int = 0
    directories_at: int = 0
    """Where exports, imports, debug data and resources go; 0 for behind the sections."""


def render(picture: Picture) -> tuple[bytes, dict[str, tuple[int, int]]]:
    """The mapped image and, per section, its address and size. Addresses given in a section are kept."""
    sections = list(picture.sections)
    directories = [(0, 0)] * 16
    at = PAGE
    for section in sections:
        section.address = section.address or at
        section.size = max(section.size, len(section.data))
        at = _up(section.address + section.size)
    end, at = at, picture.directories_at or at
    for index, name, flags, make in (
        (0, ".edata", DATA | READ, _exports if picture.exports else None),
        (1, ".idata", DATA | READ, _imports if picture.imports else None),
        (6, ".rdata2", DATA | READ | NOT_PAGED, _debug if picture.pdb else None),
        (2, ".rsrc", DATA | READ | DISCARDABLE, _resources if picture.version else None),
    ):
        if make is None:
            continue
        data, length = make(picture, at)
        directories[index] = (at, length)
        sections.append(Section(name, data, flags, len(data), at))
        at = _up(at + len(data))
    size = max(picture.size, end, at)
    sections.sort(key=lambda section: section.address)
    image = bytearray(size)
    for section in sections:
        image[section.address : section.address + len(section.data)] = section.data
    head = _headers(picture, sections, directories, size)
    image[: len(head)] = head
    return bytes(image), {section.name: (section.address, section.size) for section in sections}


def _up(value: int) -> int:
    return -(-value // PAGE) * PAGE


def _headers(picture: Picture, sections: list[Section], directories: list[tuple[int, int]], size: int) -> bytes:
    wide = picture.bits == 64
    dos = (
        b"MZ"
        + bytes(0x3A)
        + struct.pack("<I", 0x80)
        + b"This program cannot be run in DOS mode.\r\r\n$".ljust(0x40, b"\0")
    )
    machine, optional = (0x8664, 0xF0) if wide else (0x14C, 0xE0)
    file_header = struct.pack("<HHIIIHH", machine, len(sections), picture.timestamp, 0, 0, optional, 0x22)
    code = sum(section.size for section in sections if section.flags & CODE)
    head = struct.pack("<HBBIIIII", 0x20B if wide else 0x10B, 9, 0, code, 0, 0, PAGE, PAGE)
    base = struct.pack("<Q", 0x140000000) if wide else struct.pack("<II", 0, 0x10000)
    middle = struct.pack("<IIHHHHHHIIIIHH", PAGE, 0x200, 6, 0, 6, 0, 6, 0, 0, size, 0x400, picture.checksum, 1, 0)
    stack = struct.pack("<4QII" if wide else "<4III", 0x40000, 0x1000, 0x100000, 0x1000, 0, 16)
    table = b"".join(struct.pack("<II", *entry) for entry in directories)
    rows = b"".join(
        struct.pack("<8sIIIIIIHHI", s.name.encode(), s.size, s.address, _up(s.size), s.address, 0, 0, 0, 0, s.flags)
        for s in sections
    )
    return dos + b"PE\0\0" + file_header + head + base + middle + stack + table + rows


def _exports(picture: Picture, at: int) -> tuple[bytes, int]:
    names = sorted(picture.exports)
    count = len(names)
    functions, pointers = at + 40, at + 40 + 4 * count
    ordinals = pointers + 4 * count
    strings = bytearray(picture.name.encode() + b"\0")
    start, places = ordinals + 2 * count, []
    for name in names:
        places.append(start + len(strings))
        strings += name.encode() + b"\0"
    table = struct.pack(
        "<IIHHIIIIIII", 0, picture.timestamp, 0, 0, start, 1, count, count, functions, pointers, ordinals
    )
    table += struct.pack(f"<{count}I", *(picture.exports[name] for name in names))
    table += struct.pack(f"<{count}I", *places) + struct.pack(f"<{count}H", *range(count)) + strings
    return table, len(table)


def _imports(picture: Picture, at: int) -> tuple[bytes, int]:
    width = picture.bits // 8
    descriptors = bytearray()
    thunks = at + 20 * (len(picture.imports) + 1)
    slots = sum(len(names) + 1 for names in picture.imports.values())
    strings_at = thunks + 2 * slots * width
    lookup, strings = bytearray(), bytearray()
    for library, names in picture.imports.items():
        first = thunks + len(lookup)
        for name in names:
            lookup += (strings_at + len(strings)).to_bytes(width, "little")
            strings += b"\0\0" + name.encode() + b"\0"
        lookup += bytes(width)
        descriptors += struct.pack("<IIIII", first, 0, 0, strings_at + len(strings), first + slots * width)
        strings += library.encode() + b"\0"
    # Bound at load time: the second array holds addresses in the kernel, here any kernel address.
    bound = b"".join(
        (0x80501000 + 16 * n if width == 4 else 0xFFFFF80002B01000 + 16 * n).to_bytes(width, "little")
        for n in range(slots)
    )
    data = bytes(descriptors) + bytes(20) + bytes(lookup) + bound + bytes(strings)
    return data, 20 * (len(picture.imports) + 1)


def _debug(picture: Picture, at: int) -> tuple[bytes, int]:
    assert picture.pdb is not None
    name, guid, age = picture.pdb
    codeview = b"RSDS" + guid + struct.pack("<I", age) + name.encode() + b"\0"
    entry = struct.pack("<IIHHIIII", 0, picture.timestamp, 0, 0, 2, len(codeview), at + 28, at + 28)
    return entry + codeview, 28


def _resources(picture: Picture, at: int) -> tuple[bytes, int]:
    """A resource tree with one leaf: RT_VERSION (16), id 1, US English."""
    version = version_info(picture.version)

    def directory(number: int, target: int) -> bytes:
        return struct.pack("<IIHHHHII", 0, 0, 0, 0, 0, 1, number, target)

    tree = directory(16, 0x80000018) + directory(1, 0x80000030) + directory(0x409, 0x48)
    data = tree + struct.pack("<IIII", at + 0x58, len(version), 0, 0) + version
    return data, len(data)


def version_info(strings: dict[str, str]) -> bytes:
    """A VS_VERSIONINFO with these strings; the fixed version comes from FileVersion."""
    parts = [int(part) for part in strings["FileVersion"].split(" ")[0].split(".")]
    major, minor, build, revision = (parts + [0] * 4)[:4]
    pair = struct.pack("<II", major << 16 | minor, build << 16 | revision)
    fixed = struct.pack("<II", 0xFEEF04BD, 0x10000) + pair + pair + struct.pack("<7I", 0x3F, 0, 0x40004, 3, 7, 0, 0)
    entries = b"".join(_block(key, text, (text + "\0").encode("utf-16-le")) for key, text in strings.items())
    table = _block("040904b0", None, b"", entries)
    variable = _block("VarFileInfo", None, b"", _block("Translation", b"", struct.pack("<HH", 0x409, 1200)))
    return _block("VS_VERSION_INFO", b"", fixed, _block("StringFileInfo", None, b"", table) + variable)


def _block(key: str, text: str | bytes | None, value: bytes, children: bytes = b"") -> bytes:
    """One block of a version resource; the length of text counts characters."""
    words = len(text) + 1 if isinstance(text, str) else len(value)
    head = (key + "\0").encode("utf-16-le")
    body = _padded(6 + len(head), head) + value
    body = body.ljust(-(-(6 + len(body)) // 4) * 4 - 6, b"\0") + children
    block = struct.pack("<HHH", 6 + len(body), words, 1 if isinstance(text, str) or text is None else 0) + body
    return block.ljust(-(-len(block) // 4) * 4, b"\0")


def _padded(end: int, data: bytes) -> bytes:
    return data + bytes(-end % 4)
