"""The user half of a process: files mapped into it with their address ranges (VADs), and the loader's list."""

from dataclasses import dataclass, field

from .layouts import Layout
from .memory import PAGE, PAGED_OUT, Memory
from .objects import Objects
from .pool import Pool

_TABLE = """
build         2195  2600  3790  7601  9200  9600 14393 17763 19041 20348 22000 26100
VadRoot        194   11c   250   448   590   5d8   630   628   7d8   7d8   7d8   558
Root             0     0     8    10    10     0     0     0     0     0     0     0
Left             c     c     4     8     8     0     0     0     0     0     0     0
Right           10    10     8    10    10     8     8     8     8     8     8     8
StartingVpn      0     0     c    18    18    18    18    18    18    18    18    18
EndingVpn        4     4    10    20    1c    1c    1c    1c    1c    1c    1c    1c
VpnBytes         4     4     4     8     4     4     4     4     4     4     4     4
VpnHigh          -     -     -     -     -    20    20    20    20    20    20    20
ControlArea     18    18    18     -     -     -     -     -     -     -     -     -
Subsection       -     -     -    48    48    48    48    48    48    48    48    48
FilePointer     24    24    24    40    40    40    40    40    40    40    40    40
FileName        30    30    30    58    58    58    58    58    58    58    58    58
Ldr              c     c     c    18    18    18    18    18    18    18    18    18
LoadOrder        c     c     c    10    10    10    10    10    10    10    10    10
"""
_TABLE_X86 = """
build         9200  9600 10240 14393 17763 19041
VadRoot        274   274   284   28c   29c   350
Root             8     0     0     0     0     0
Left             4     0     0     0     0     0
Right            8     4     4     4     4     4
StartingVpn      c     c     c     c     c     c
EndingVpn       10    10    10    10    10    10
VpnBytes         4     4     4     4     4     4
Subsection      2c    2c    2c    2c    2c    2c
FilePointer     24    20    20    20    20    20
FileName        30    30    30    30    30    30
Ldr              c     c     c     c     c     c
LoadOrder        c     c     c     c     c     c
"""
"""From public symbols; of Windows 2000 VadRoot alone is known, its ranges are taken for those of XP. 14393 and 19041
x86 have VadRoot behind ExitStatus, as their neighbours do. Root: where the tree's root pointer lies behind VadRoot."""

IMAGE_PAGES = 16


def _offsets(build: int, bits: int) -> dict[str, int]:
    table = _TABLE_X86 if bits == 32 and build >= 9200 else _TABLE
    heads, *rows = (line.split() for line in table.strip().splitlines())
    column = heads.index(str(build))
    return {row[0]: int(row[column], 16) for row in rows if row[column] != "-"}


@dataclass(slots=True)
class AddressSpaces:
    """The files mapped into each process: `bases` is process id -> file -> address."""

    memory: Memory
    layout: Layout
    pool: Pool
    objects: Objects
    bases: dict[int, dict[str, int]] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    """A VAD and a PEB_LDR_DATA, for fault tests."""
    _next: int = 0

    def make(self, pid: int, body: int, files: tuple[str, ...], *, loader: bool, names_out: bool) -> None:
        """Map files into a process. With `loader` its user memory has the list of loaded modules; with `names_out` the
        file names are in the page file."""
        if not files:
            return
        at, wide = _offsets(self.layout.build, self.memory.bits), self.memory.width == 8
        # To Windows 8 a process has 8 TB.
        start, step = (0x07F6_2000_0000, 0x0100_0000) if wide else (0x1000_0000, 0x0010_0000)
        found = self.bases.setdefault(pid, {})
        nodes: list[tuple[int, int, int]] = []
        for file in files:
            base = start + self._next * step
            self._next += 1
            found[file] = base
            area = self._control_area(at, f"\\WINDOWS\\system32\\{file}", names_out)
            nodes.append((base, base + IMAGE_PAGES * PAGE, self._node(at, area)))
            # Private memory behind each file: a short VAD, which ends before the pointer to the file.
            nodes.append((base + step // 2, base + step // 2 + PAGE, self._node(at, 0)))
        for low, end, node in nodes:
            self._range(at, node, low >> 12, (end >> 12) - 1)
        root = self._link(at, sorted(nodes))
        self.places["VAD"] = root
        self.memory.put(body + at["VadRoot"] + at["Root"], root)
        if loader:
            self._loader(at, pid, body, found)

    def _control_area(self, at: dict[str, int], path: str, names_out: bool) -> int:
        """A control area with its file object; returns what a VAD points to: the area or its subsection."""
        file = self.objects.make("File", 1, references=1)
        body = self.objects.body(int(file.headers[0]))
        room = 2 * len(path) + 2
        text = self.pool.take_big(PAGE, "IoNm", paged=True) if names_out else self.pool.one(room, "IoNm", paged=True)
        self.memory.unicode(body + at["FileName"], text, path)
        if names_out:
            self.memory.set_state(text, PAGE, PAGED_OUT)
        area = self.pool.one(0x80, "MmCa")
        # From Vista on the low bits of the pointer count fast references.
        self.memory.put(area + at["FilePointer"], body | (5 if self.layout.build >= 6000 else 0))
        if "ControlArea" in at:
            return area
        subsection = self.pool.one(0x38, "MmSb")
        self.memory.put(subsection, area)
        return subsection

    def _node(self, at: dict[str, int], area: int) -> int:
        if not area:
            return self.pool.one(0x30 if self.memory.width == 4 else 0x40, "VadS")
        node = self.pool.one(0x88, "Vad ")
        self.memory.put(node + at.get("Subsection", at.get("ControlArea", 0)), area)
        return node

    def _range(self, at: dict[str, int], node: int, first: int, last: int) -> None:
        for name, number in (("StartingVpn", first), ("EndingVpn", last)):
            self.memory.put(node + at[name], number, at["VpnBytes"])
        if "VpnHigh" in at:
            self.memory.put(node + at["VpnHigh"], first >> 32, 1)
            self.memory.put(node + at["VpnHigh"] + 1, last >> 32, 1)

    def _link(self, at: dict[str, int], nodes: list[tuple[int, int, int]]) -> int:
        """Link nodes as a balanced tree; returns its root, 0 for none."""
        if not nodes:
            return 0
        middle = len(nodes) // 2
        node = nodes[middle][2]
        self.memory.put(node + at["Left"], self._link(at, nodes[:middle]))
        self.memory.put(node + at["Right"], self._link(at, nodes[middle + 1 :]))
        return node

    def _loader(self, at: dict[str, int], pid: int, body: int, files: dict[str, int]) -> None:
        """PEB, PEB_LDR_DATA and an entry per file, in user memory."""
        memory, width = self.memory, self.memory.width
        peb = (0x07F5_0000_0000 if width == 8 else 0x0200_0000) + pid * 0x10000
        memory.add(peb, 4 * PAGE, owners=(pid,))
        memory.put(body + self.layout.at("_EPROCESS.Peb"), peb)
        data = self.places["PEB_LDR_DATA"] = peb + PAGE
        memory.put(peb + at["Ldr"], data)
        links = []
        for number, (file, base) in enumerate(files.items()):
            entry = peb + 2 * PAGE + number * 0x100
            fields = (0x30, 0x40, 0x58) if width == 8 else (0x18, 0x20, 0x2C)
            memory.put(entry + fields[0], base)
            memory.put(entry + fields[1], IMAGE_PAGES * PAGE, 4)
            memory.unicode(entry + fields[2], entry + 0x80, file)
            links.append(entry)
        memory.link(data + at["LoadOrder"], links)
