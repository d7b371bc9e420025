"""Loaded and unloaded drivers: images in memory, the loader's list, the list of unloaded drivers."""

import numpy as np

from . import pe
from .kernel import Image, version
from .layouts import Layout
from .memory import PAGE, UNMAPPED, Memory
from .pool import Pool
from .scenario import Module, Scenario

_FLAGS = {
    ".text": pe.CODE | pe.EXECUTE | pe.READ | pe.NOT_PAGED,
    ".data": pe.DATA | pe.READ | pe.WRITE | pe.NOT_PAGED,
    ".rdata": pe.DATA | pe.READ | pe.NOT_PAGED,
    "PAGE": pe.CODE | pe.EXECUTE | pe.READ,
    "INIT": pe.CODE | pe.EXECUTE | pe.READ | pe.DISCARDABLE,
}
_STARTS = {32: 0xEB000000, 64: 0xFFFFF80100000000}
_STEP = 0x100000
AFTER_CALL = 0x1026
"""Behind a call in the code of every driver, from its base."""


def load(
    memory: Memory, layout: Layout, pool: Pool, image: Image, scenario: Scenario
) -> dict[str, tuple[int, int, str]]:
    """Map the drivers behind the kernel and link them all; name -> base, size, file version."""
    path = "\\SystemRoot\\system32\\" if layout.build >= 6000 else "\\WINNT\\System32\\"
    found = {"ntoskrnl.exe": (image.base, image.size, version(layout.build))}
    links = [_entry(memory, layout, pool, "ntoskrnl.exe", path, image.base, image.size, image.timestamp)]
    base = 0xFFFFF88000C00000 if memory.bits == 64 and layout.build < 9200 else _STARTS[memory.bits]
    for module in scenario.modules:
        size = _map(memory, base, module)
        found[module.name] = (base, size, module.version)
        links.append(_entry(memory, layout, pool, module.name, module.path, base, size, module.timestamp))
        base += -(-size // _STEP) * _STEP
    memory.link(image["PsLoadedModuleList"], links)
    _unloaded(memory, pool, image, scenario.unloaded, base)
    return found


def _map(memory: Memory, base: int, module: Module) -> int:
    names = [name for name in _FLAGS if name == ".text" or name in module.tags or name == "INIT"]
    sections = [pe.Section(name, _bytes(name, module), _FLAGS[name]) for name in names]
    picture = pe.Picture(
        module.name,
        memory.bits,
        sections,
        module.timestamp,
        {
            "CompanyName": module.company,
            "FileDescription": module.description,
            "FileVersion": module.version,
            "ProductName": module.product,
        },
        imports={"ntoskrnl.exe": list(module.imports)} if module.imports else {},
        pdb=(module.name.replace(".sys", ".pdb"), bytes(range(16)), 1),
        size=module.size,
    )
    data, where = pe.render(picture)
    region = memory.add(base, len(data))
    region.data[: len(data)] = np.frombuffer(data, np.uint8)
    # The initialisation code is gone once the driver runs.
    states = {"INIT": UNMAPPED, **module.states}
    for name, state in states.items():
        if name in where:
            at, size = where[name]
            region.state[at // PAGE : -(-(at + size) // PAGE)] = state
    return len(data)


def _bytes(section: str, module: Module) -> bytes:
    """Section bytes: in code a tag is the immediate of a push or mov, in data an entry of a table."""
    code = section in (".text", "PAGE", "INIT")
    data = bytearray(b"\xcc" * 0x40 if code else bytes(0x40))
    if code:
        data[0x20:0x26] = b"\xff\x15\0\0\0\0"
    for tag in module.tags.get(section, ()):
        raw = tag.encode("latin-1").ljust(4)
        data += b"\x41\xb8" + raw + b"\xba\x60\0\0\0\xff\x15\0\0\0\0" if code else raw + bytes(4)
    return bytes(data)


def _entry(
    memory: Memory, layout: Layout, pool: Pool, name: str, path: str, base: int, size: int, timestamp: int
) -> int:
    """A loader entry; returns its address."""
    kind = "_KLDR_DATA_TABLE_ENTRY" if layout.has("_KLDR_DATA_TABLE_ENTRY.DllBase") else "_LDR_DATA_TABLE_ENTRY"
    entry = pool.one(max(layout.size(kind), 0xA0), "MmLd")
    for field, text in (("FullDllName", path + name), ("BaseDllName", name)):
        memory.unicode(entry + layout.at(f"{kind}.{field}"), pool.one(2 * len(text) + 2, "MmLd"), text)
    memory.put(entry + layout.at(f"{kind}.DllBase"), base)
    memory.put(entry + layout.at(f"{kind}.EntryPoint"), base + PAGE)
    memory.put(entry + layout.at(f"{kind}.SizeOfImage"), size, 4)
    memory.put(entry + layout.at(f"{kind}.TimeDateStamp"), timestamp, 4)
    return entry


def _unloaded(memory: Memory, pool: Pool, image: Image, names: tuple[str, ...], base: int) -> None:
    """nt!MmUnloadedDrivers: 50 entries of name, start, end, time; MmLastUnloadedDriver is the next to be used."""
    width = memory.width
    size = 6 * width if width == 4 else 0x28
    table = pool.one(50 * size, "MmDT")
    for number, name in enumerate(names):
        at = table + number * size
        memory.unicode(at, pool.one(2 * len(name) + 2, "MmDT"), name)
        start = base + 0x100000 * (number + 1)
        memory.put(at + 2 * width, start)
        memory.put(at + 3 * width, start + 0x8000)
        memory.put(at + 4 * width, 132_599_000_000_000_000, 8)
    memory.put(image["MmUnloadedDrivers"], table)
    memory.put(image["MmLastUnloadedDriver"], len(names), 4)
