"""Object types and objects: pool block, optional headers, object header, body."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from .layouts import Layout
from .memory import Memory
from .pool import Addresses, Blocks, Pool, tag_value

TYPES: tuple[tuple[str, str, bool, int], ...] = (
    ("Type", "ObjT", False, 0),
    ("Directory", "Dire", True, 0xA0),
    ("SymbolicLink", "Symb", True, 0x20),
    ("Token", "Toke", True, 0x200),
    ("Job", "Job ", False, 0x180),
    ("Process", "Proc", False, 0),
    ("Thread", "Thre", False, 0),
    ("Event", "Even", False, 0x18),
    ("Mutant", "Muta", False, 0x38),
    ("Semaphore", "Sema", False, 0x20),
    ("Section", "Sect", True, 0x30),
    ("Key", "Key ", True, 0x40),
    ("File", "File", False, 0xD8),
    ("IoCompletion", "IoCo", False, 0x40),
    ("Timer", "Time", False, 0x98),
    ("WindowStation", "Wind", False, 0x80),
    ("Desktop", "Desk", False, 0xE0),
    ("Port", "Port", True, 0xA0),
    ("Device", "Devi", False, 0x140),
    ("Driver", "Driv", False, 0x150),
)
"""Name, pool tag, paged, size of the body (0: by the layout)."""

_PROTECTED = {"Process", "Thread", "Token", "Section", "Event", "File"}
_BIAS_FROM = 9600
"""From 8.1 on the pointer count holds a bias per handle."""


@dataclass(slots=True)
class ObjectSet:
    """Objects of one type, made together. `handles` and `bias` grow as handles are made; written by `finish`."""

    type: str
    blocks: Blocks
    header_at: int
    """Offset of the object header behind the caller's address of the block."""
    references: int
    handles: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    bias: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def headers(self) -> Addresses:
        return self.blocks.bodies + np.uint64(self.header_at)


@dataclass(slots=True)
class Objects:
    """All objects of a machine."""

    memory: Memory
    layout: Layout
    pool: Pool
    rng: np.random.Generator
    cookie: int = 0
    types: dict[str, int] = field(default_factory=dict)
    """Body address of each OBJECT_TYPE."""
    indexes: dict[str, int] = field(default_factory=dict)
    sets: list[ObjectSet] = field(default_factory=list)
    _directories: dict[str, int] = field(default_factory=dict)
    _root: int = 0
    _type_sets: dict[str, ObjectSet] = field(default_factory=dict)

    @property
    def modern(self) -> bool:
        """Headers with a type index (7 and later)."""
        return self.layout.has("_OBJECT_HEADER.TypeIndex")

    def body(self, header: int) -> int:
        """The object behind a header."""
        return header + self.layout.at("_OBJECT_HEADER.Body")

    def make_types(self) -> None:
        """The OBJECT_TYPE objects, linked through their creator information as nt!ObpTypeObjectType's list."""
        first = 2 if self.modern else 1
        for number, (name, *_rest) in enumerate(TYPES):
            self.indexes[name] = first + number
        bodies = {}
        for name, tag, paged, _ in TYPES:
            made = self.make("Type", 1, self.layout.size("_OBJECT_TYPE"), name=name, creator=True)
            self._type_sets[name] = made
            body = self.body(int(made.headers[0]))
            bodies[name] = body
            self._fill_type(body, name, tag, paged)
        self.types = bodies
        for made in self._type_sets.values():
            self._set_type(made)
        size = self.layout.size("_OBJECT_HEADER_CREATOR_INFO")
        links = [int(made.headers[0]) - size for made in self._type_sets.values()]
        self.memory.link(bodies["Type"] + self.layout.at("_OBJECT_TYPE.TypeList"), links)
        for name in bodies:
            if name != "Type":
                self.memory.link(bodies[name] + self.layout.at("_OBJECT_TYPE.TypeList"), [])

    def _fill_type(self, body: int, name: str, tag: str, paged: bool) -> None:
        at = self.layout.at
        text = self.pool.one(len(name) * 2 + 2, "ObNm", paged=False)
        self.memory.unicode(body + at("_OBJECT_TYPE.Name"), text, name)
        self.memory.put(body + at("_OBJECT_TYPE.Index"), self.indexes[name], 1 if self.modern else 4)
        self.memory.put(body + at("_OBJECT_TYPE.Key"), tag_value(tag), 4)
        pool_type = 1 if paged else 0x200 if self.layout.build >= 9200 else 0
        kind = at("_OBJECT_TYPE.TypeInfo") + at("_OBJECT_TYPE_INITIALIZER.PoolType")
        self.memory.put(body + kind, pool_type, 4)

    def make(
        self,
        type_name: str,
        count: int,
        size: int = 0,
        *,
        name: str = "",
        directory: int = 0,
        creator: bool = False,
        quota: bool = False,
        handle_info: bool = False,
        references: int = 0,
    ) -> ObjectSet:
        """Objects with zero bodies. Optional headers, nearest first: creator, name, handle database, quota.

        `directory` is the body of the directory object they are in.
        """
        row = next(entry for entry in TYPES if entry[0] == type_name)
        extra = [("CREATOR", 1, creator), ("NAME", 2, bool(name)), ("HANDLE", 4, handle_info), ("QUOTA", 8, quota)]
        at, mask, offsets = 0, 0, {}
        for kind, bit, wanted in extra:
            if wanted:
                at += self.layout.size(f"_OBJECT_HEADER_{kind}_INFO")
                mask |= bit
                offsets[kind] = at
        whole = at + self.layout.at("_OBJECT_HEADER.Body") + (size or row[3] or self._struct_size(type_name))
        protected = type_name in _PROTECTED and self.layout.build < 9200
        blocks = self.pool.take(count, whole, row[1], paged=row[2], protected=protected)
        made = ObjectSet(type_name, blocks, at, references, np.zeros(count, np.int64), np.zeros(count, np.int64))
        header = at
        if self.modern:
            blocks.put(header + self.layout.at("_OBJECT_HEADER.InfoMask"), mask, 1)
        else:
            for kind, field_name in (("NAME", "Name"), ("HANDLE", "Handle"), ("QUOTA", "Quota")):
                blocks.put(header + self.layout.at(f"_OBJECT_HEADER.{field_name}InfoOffset"), offsets.get(kind, 0), 1)
            blocks.put(header + self.layout.at("_OBJECT_HEADER.Flags"), 0x20 | (4 if creator else 0), 1)
        if name:
            text = self.pool.one(len(name) * 2 + 2, "ObNm", paged=False)
            place = at - offsets["NAME"]
            self.memory.write(text, name.encode("utf-16-le"))
            blocks.put(place + self.layout.at("_OBJECT_HEADER_NAME_INFO.Directory"), directory, self.memory.width)
            place += self.layout.at("_OBJECT_HEADER_NAME_INFO.Name")
            blocks.put(place, 2 * len(name), 2)
            blocks.put(place + 2, 2 * len(name) + 2, 2)
            blocks.put(place + self.memory.width, text, self.memory.width)
        if quota:
            blocks.put(
                at - offsets["QUOTA"] + self.layout.at("_OBJECT_HEADER_QUOTA_INFO.NonPagedPoolCharge"), blocks.size, 4
            )
        if self.types:
            self._set_type(made)
        self.sets.append(made)
        return made

    def directory(self, name: str) -> int:
        """The body of the directory of that name in the root directory, whose own name is a backslash."""
        if name not in self._directories:
            root = self._root or self.body(int(self.make("Directory", 1, name="\\", references=1).headers[0]))
            self._root = root
            made = self.make("Directory", 1, name=name, directory=root, references=1)
            self._directories[name] = self.body(int(made.headers[0]))
        return self._directories[name]

    def _struct_size(self, type_name: str) -> int:
        return self.layout.size({"Process": "_EPROCESS", "Thread": "_ETHREAD"}[type_name])

    def _set_type(self, made: ObjectSet) -> None:
        """The type of each header: a pointer to Vista, from 7 an index, from 10 hidden by address and cookie."""
        if not self.modern:
            at = made.header_at + self.layout.at("_OBJECT_HEADER.Type")
            made.blocks.put(at, self.types[made.type], self.memory.width)
            return
        index: NDArray[np.uint64] = np.full(made.headers.size, self.indexes[made.type], np.uint64)
        if self.layout.build >= 10240:
            index = index ^ ((made.headers >> np.uint64(8)) & np.uint64(0xFF)) ^ np.uint64(self.cookie)
        made.blocks.put(made.header_at + self.layout.at("_OBJECT_HEADER.TypeIndex"), index, 1)

    def finish(self) -> None:
        """Write the counts into headers and types, when all handles are made."""
        totals: dict[str, list[int]] = {name: [0, 0] for name in self.types}
        width = self.memory.width
        for made in self.sets:
            pointers = made.handles + made.references + made.bias
            made.blocks.put(made.header_at + self.layout.at("_OBJECT_HEADER.PointerCount"), pointers, width)
            made.blocks.put(made.header_at + self.layout.at("_OBJECT_HEADER.HandleCount"), made.handles, width)
            totals[made.type][0] += made.handles.size
            totals[made.type][1] += int(made.handles.sum())
        for name, (count, handles) in totals.items():
            for field_name, value in (("NumberOfObjects", count), ("NumberOfHandles", handles)):
                for prefix in ("Total", "HighWater"):
                    at = self.types[name] + self.layout.at(f"_OBJECT_TYPE.{prefix}{field_name}")
                    self.memory.put(at, value, 4)

    def totals(self) -> dict[str, tuple[int, int]]:
        """Objects and handles by type."""
        found: dict[str, tuple[int, int]] = {}
        for made in self.sets:
            count, handles = found.get(made.type, (0, 0))
            found[made.type] = (count + made.handles.size, handles + int(made.handles.sum()))
        return found
