"""Object types and object headers: what an object is, how many handles and pointers it has.

Up to Vista an object header points to its type. From Windows 7 on it holds an index into ObTypeIndexTable, which
Windows 10 encodes: index = stored ^ second byte of the header's address ^ ObHeaderCookie.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, address, new
from .columns import ROWS, Addresses, Mask, column
from .kernel import Kernel
from .lists import read_unicode, walk_list
from .report import Report

COOKIE_BUILD = 10240
"""First build whose headers hold an encoded type index: Windows 10 1507."""
MAX_TYPES = 512
REACH = 0xC0
"""Bytes behind a pool header within which an object header begins: all optional headers and their padding."""
EXPORTED: tuple[str, ...] = (
    "PsProcessType",
    "PsThreadType",
    "IoFileObjectType",
    "ExEventObjectType",
    "MmSectionObjectType",
)
EXPORTED += ("SeTokenObjectType", "ExSemaphoreObjectType", "CmKeyObjectType", "PsJobType", "LpcPortObjectType")
"""Variables of the kernel's export table that point to an object type."""
DISPATCHER_TYPES = {"Process": 3, "Thread": 6}
"""DISPATCHER_HEADER.Type of the objects that begin with one (KOBJECTS, the same in all builds)."""


@dataclass(frozen=True, slots=True)
class ObjectType:
    """One OBJECT_TYPE; None where the dump lacks the counter."""

    address: int
    name: str
    index: int | None
    objects: int | None
    handles: int | None
    tag: str | None


@dataclass(frozen=True, slots=True)
class ObjectHeaders:
    """Object headers as columns. `kind` is a position in ObjectTypes.types, -1 where the type is not known."""

    resident: Mask
    kind: NDArray[np.int16]
    handles: NDArray[np.int64]
    pointers: NDArray[np.int64]


class ObjectTypes:
    """The object types of a machine and how its object headers refer to them."""

    def __init__(self, kernel: Kernel, types: Sequence[ObjectType], cookie: int | None = None) -> None:
        self.types = sorted(types, key=lambda kind: kind.address)
        self.names = [kind.name for kind in self.types]
        self.cookie = cookie
        layout, pointer = kernel.layout, kernel.bits // 8
        self._memory = kernel.memory
        self._pointer = pointer
        self._type = layout.offset("_OBJECT_HEADER", "Type")
        self._index = layout.offset("_OBJECT_HEADER", "TypeIndex")
        self._counts = (
            layout.offset("_OBJECT_HEADER", "PointerCount") or 0,
            layout.offset("_OBJECT_HEADER", "HandleCount") or pointer,
        )
        self.body = body_offset(kernel)
        self._addresses = np.array([kind.address for kind in self.types], np.uint64)
        self._by_index = np.full(256, -1, np.int16)
        for position, kind in enumerate(self.types):
            if kind.index is not None and 0 <= kind.index < 256:
                self._by_index[kind.index] = position

    def position(self, name: str) -> int:
        """The position of a type, -2 (which no header has) where the machine has none of that name."""
        return self.names.index(name) if name in self.names else -2

    def classify(self, headers: Addresses, raw: NDArray[np.uint8]) -> NDArray[np.int16]:
        """The type of each header, given its address and its bytes (n, body offset)."""
        if self._index is not None:
            stored = raw[:, self._index]
            if self.cookie is not None:
                stored = stored ^ (headers >> np.uint64(8)).astype(np.uint8) ^ np.uint8(self.cookie)
            return self._by_index[stored]
        if self._type is None or not self.types:
            return np.full(len(headers), -1, np.int16)
        pointers = column(raw, self._type, self._pointer)
        at = np.minimum(np.searchsorted(self._addresses, pointers), len(self.types) - 1)
        return np.where(self._addresses[at] == pointers, at, -1).astype(np.int16)

    def counts(self, raw: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """PointerCount and HandleCount out of the bytes of headers."""
        signed = np.int64 if self._pointer == 8 else np.int32
        pointers, handles = (column(raw, at, self._pointer).astype(signed).astype(np.int64) for at in self._counts)
        return pointers, handles

    def read(self, headers: Addresses) -> ObjectHeaders:
        """The object headers at these addresses."""
        count = len(headers)
        resident, kind = np.zeros(count, np.bool_), np.full(count, -1, np.int16)
        handles, pointers = np.zeros(count, np.int64), np.zeros(count, np.int64)
        for start in range(0, count, ROWS):
            rows = slice(start, start + ROWS)
            raw, present = self._memory.gather(headers[rows], self.body)
            resident[rows] = present
            kind[rows] = np.where(present, self.classify(headers[rows], raw), -1)
            pointers[rows], handles[rows] = self.counts(raw)
        return ObjectHeaders(resident, kind, handles, pointers)

    def kinds(self, headers: Addresses) -> tuple[NDArray[np.int16], Mask]:
        """The types of the object headers at these addresses, and which headers are in the dump."""
        kind, resident = np.full(len(headers), -1, np.int16), np.zeros(len(headers), np.bool_)
        for start in range(0, len(headers), ROWS):
            rows = slice(start, start + ROWS)
            raw, present = self._memory.gather(headers[rows], self.body)
            kind[rows] = np.where(present, self.classify(headers[rows], raw), -1)
            resident[rows] = present
        return kind, resident

    def are(self, name: str, bodies: Addresses) -> Mask:
        """Which of these object bodies are of a type."""
        headers = bodies - np.uint64(self.body)
        found = self.read(headers)
        fit: Mask = (found.kind == self.position(name)) & (found.pointers >= 0) & (found.handles >= 0)
        return fit


def body_offset(kernel: Kernel) -> int:
    """Where the body of an object lies behind the start of its header."""
    return kernel.layout.offset("_OBJECT_HEADER", "Body") or (0x30 if kernel.bits == 64 else 0x18)


def read_types(kernel: Kernel, report: Report) -> ObjectTypes:
    """All object types: from ObTypeIndexTable, the type list of the type "Type", and the exported variables."""
    found: dict[int, ObjectType] = {}
    for place in (*_from_table(kernel), *_from_list(kernel, report), *_from_exports(kernel)):
        if place not in found and (kind := _read_type(kernel, place)) is not None:
            found[place] = kind
    # Two of one name: a freed or damaged one; the better source comes first.
    types = list({kind.name: kind for kind in reversed(found.values())}.values())
    report.counted("object types", len(types), skipped=len(found) - len(types))
    if not types:
        report.missing("objects", "No object type could be read: handles and objects cannot be told apart by type.")
    known = ObjectTypes(kernel, types)
    if known._index is not None and kernel.build >= COOKIE_BUILD:
        cookie = _cookie(kernel, known)
        if cookie is None:
            report.missing(
                "objects", "ObHeaderCookie is neither in the symbols nor derivable: object types are unknown."
            )
            return ObjectTypes(kernel, [])
        return ObjectTypes(kernel, types, cookie)
    return known


def _from_table(kernel: Kernel) -> list[int]:
    """Type addresses in ObTypeIndexTable (7 and later) or ObpObjectTypes (to Vista)."""
    pointer = kernel.bits // 8
    for name in ("ObTypeIndexTable", "ObpObjectTypes"):
        place = kernel.symbol(name)
        raw = kernel.memory.read(place, 256 * pointer) if place is not None else None
        if raw is not None:
            return [int(value) for value in np.frombuffer(raw, f"<u{pointer}") if value]
    return []


def _from_list(kernel: Kernel, report: Report) -> list[int]:
    """Type addresses by the list that the creator information in front of every type object chains up."""
    variable = kernel.symbol("ObpTypeObjectType")
    first = kernel.memory.pointer(variable) if variable is not None else None
    head = kernel.layout.offset("_OBJECT_TYPE", "TypeList")
    if not first or head is None:
        return []
    creator = kernel.layout.size("_OBJECT_HEADER_CREATOR_INFO") or (0x20 if kernel.bits == 64 else 0x10)
    links, ending = walk_list(kernel, first + head, -(creator + body_offset(kernel)), MAX_TYPES)
    if ending != "head":
        report.missing("objects", "The list of object types is broken off or not whole in this dump.")
    return [first, *links]


def _from_exports(kernel: Kernel) -> list[int]:
    variables = (kernel.symbol(name) for name in EXPORTED)
    pointers = (kernel.memory.pointer(variable) for variable in variables if variable is not None)
    return [pointer for pointer in pointers if pointer]


def _read_type(kernel: Kernel, place: int) -> ObjectType | None:
    """The OBJECT_TYPE at an address; None unless it has a name that can be one."""
    name_at = kernel.layout.offset("_OBJECT_TYPE", "Name")
    name = read_unicode(kernel, place + name_at) if name_at is not None and place >> (kernel.bits - 1) else None
    if not name or len(name) > 64 or not name.isascii() or not name.isprintable():
        return None

    def number(field: str) -> int | None:
        offset = kernel.layout.offset("_OBJECT_TYPE", field)
        return None if offset is None else kernel.memory.u32(place + offset)

    index = number("Index")
    if index is not None and kernel.layout.offset("_OBJECT_HEADER", "TypeIndex") is not None:
        index &= 0xFF
    key = number("Key")
    # The high bit of a tag marks protected pool and is not part of its text.
    tag = (key & 0x7FFFFFFF).to_bytes(4, "little").decode("latin-1") if key else None
    if tag is not None and not (tag.isascii() and tag.isprintable()):
        tag = None
    return ObjectType(place, name, index, number("TotalNumberOfObjects"), number("TotalNumberOfHandles"), tag)


def _cookie(kernel: Kernel, known: ObjectTypes) -> int | None:
    """ObHeaderCookie: what makes known processes Process objects, else the value of the symbol."""
    process = known.position("Process")
    index = known.types[process].index if process >= 0 else None
    stored_at = kernel.layout.offset("_OBJECT_HEADER", "TypeIndex")
    votes: Counter[int] = Counter()
    if index is not None and stored_at is not None:
        for body in _some_processes(kernel):
            header = body - known.body
            stored = kernel.memory.u8(header + stored_at)
            if stored is not None:
                votes[stored ^ (header >> 8) & 0xFF ^ index] += 1
    if votes:
        return votes.most_common(1)[0][0]
    variable = kernel.symbol("ObHeaderCookie")
    return kernel.memory.u8(variable) if variable is not None else None


def _some_processes(kernel: Kernel) -> Iterable[int]:
    variable = kernel.symbol("PsInitialSystemProcess")
    system = kernel.memory.pointer(variable) if variable is not None else None
    if system:
        yield system
    head, link = kernel.symbol("PsActiveProcessHead"), kernel.layout.offset("_EPROCESS", "ActiveProcessLinks")
    if head is not None and link is not None:
        yield from walk_list(kernel, head, link, 32)[0]


def candidates(kernel: Kernel, types: ObjectTypes, name: str, blocks: Addresses) -> Addresses:
    """The object headers of a type inside pool blocks (addresses of their POOL_HEADERs); 0 for blocks without one.

    What optional headers lie in front differs from object to object, so every place within REACH bytes is tried. From
    Windows 7 on, where the type is a single byte, the dispatcher header or the sizes of the optional headers must fit
    as well.
    """
    step = 16 if kernel.bits == 64 else 8
    first = kernel.layout.size("_POOL_HEADER") or step
    offsets = list(range(first, first + REACH, step))
    wanted, dispatcher = types.position(name), DISPATCHER_TYPES.get(name)
    info, optional = kernel.layout.offset("_OBJECT_HEADER", "InfoMask"), _optional_sizes(kernel)

    def fits(part: Addresses, offset: int) -> Mask:
        here = part + np.uint64(offset)
        raw, present = kernel.memory.gather(here, types.body + 1)
        pointers, handles = types.counts(raw)
        good: Mask = present & (types.classify(here, raw) == wanted) & (handles >= 0) & (pointers > 0)
        if info is not None:
            begins = (raw[:, types.body] & 0x7F) == (dispatcher or 0x80)
            good &= begins | (optional[raw[:, info]] == offset - first)
        return good

    # Most objects of a type have the same optional headers: the offset that fits most of a sample goes first.
    sample = blocks[:: max(len(blocks) // 64, 1)]
    offsets.sort(key=lambda offset: -int(fits(sample, offset).sum()))
    found = np.zeros(len(blocks), np.uint64)
    for start in range(0, len(blocks), ROWS):
        left = np.arange(start, min(start + ROWS, len(blocks)))
        for offset in offsets:
            good = fits(blocks[left], offset)
            found[left[good]] = blocks[left[good]] + np.uint64(offset)
            left = left[~good]
            if not len(left):
                break
    return found


def _optional_sizes(kernel: Kernel) -> NDArray[np.int64]:
    """Bytes of optional headers in front of an object header, by InfoMask."""
    wide = kernel.bits == 64
    # From bit 0: creator, name, handle, quota, process, and two of a pointer pair (audit, extended, padding).
    sizes = np.array([32, 32, 16, 32, 16, 16, 16, 16] if wide else [16, 16, 8, 16, 8, 8, 8, 8])
    bits = (np.arange(256)[:, None] >> np.arange(8)) & 1
    total: NDArray[np.int64] = bits @ sizes
    return total


def walk(kernel: Kernel, case: Case, report: Report) -> ObjectTypes:
    """Add an object_type fact per type."""
    known = read_types(kernel, report)
    for kind in known.types:
        case.add(
            new(
                "object_type",
                source=f"_OBJECT_TYPE @ {address(kind.address)}",
                verify=f"dt nt!_OBJECT_TYPE {address(kind.address)}",
                type=kind.name,
                objects=kind.objects,
                handles=kind.handles,
                tag=kind.tag,
            )
        )
    return known
