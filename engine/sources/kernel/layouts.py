"""Kernel structure layouts: an embedded table of known builds, and the choice of the one a dump's kernel has.

data/layouts.json.xz is written by scripts/generate_layouts.py from public symbol data. Inside one build number the
variants differ in the sizes of EPROCESS and ETHREAD, which the debugger data block records from Windows Server 2003 on.
"""

import json
import lzma
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

_ARCHITECTURES = {32: "x86", 64: "x64"}


@dataclass(frozen=True, slots=True)
class Field:
    """A field: byte offset, size in bytes (0 where the source does not tell), bits [start, end) of a bit field."""

    offset: int
    size: int
    bits: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure: size in bytes, None where the source does not tell, and its fields by name."""

    size: int | None
    fields: Mapping[str, Field]


class Layout:
    """The structures of one kernel. What is not known reads as None."""

    def __init__(self, build: str, structs: Mapping[str, Struct], below: "Layout | None" = None) -> None:
        """`build` names the kernel; `below` answers for structures this layout does not have at all."""
        self.build = build
        self._structs = structs
        self._below = below

    def struct(self, name: str) -> Struct | None:
        """A structure by its name in the public symbols: _EPROCESS."""
        found = self._structs.get(name)
        return self._below.struct(name) if found is None and self._below else found

    def size(self, struct: str) -> int | None:
        """Size of a structure in bytes."""
        found = self.struct(struct)
        return found.size if found else None

    def field(self, struct: str, *names: str) -> Field | None:
        """The first of the names the structure has a field of; None when this build has none."""
        found = self.struct(struct)
        return next((found.fields[name] for name in names if name in found.fields), None) if found else None

    def offset(self, struct: str, *names: str) -> int | None:
        """Byte offset of the first of the names the structure has a field of."""
        found = self.field(struct, *names)
        return found.offset if found else None


@dataclass(frozen=True, slots=True)
class Known:
    """An entry of the embedded table: its name there, build and architecture, and its layout."""

    name: str
    build: int
    bits: int
    layout: Layout

    @property
    def family(self) -> str:
        """Version of Windows: 6.1 of 6.1.7601."""
        return ".".join(self.name.split(".")[:2])

    def matches(self, process: int | None, thread: int | None) -> bool:
        """True if EPROCESS and ETHREAD have these sizes, as far as they are given; False if none is."""
        sizes = ((process, "_EPROCESS"), (thread, "_ETHREAD"))
        return bool(process or thread) and all(not size or self.layout.size(name) == size for size, name in sizes)

    def distance(self, process: int | None, thread: int | None) -> int:
        """Bytes by which the sizes of EPROCESS and ETHREAD differ from these, as far as they are given."""
        sizes = ((process, "_EPROCESS"), (thread, "_ETHREAD"))
        return sum(abs((self.layout.size(name) or 0) - size) for size, name in sizes if size)


@cache
def known_layouts() -> tuple[Known, ...]:
    """The embedded table, ordered by build, architecture and revision."""
    raw = (files(__package__) / "data" / "layouts.json.xz").read_bytes()
    table = json.loads(lzma.decompress(raw))
    shapes = [
        Struct(size, {name: _field(entry) for name, entry in fields.items()}) for size, fields in table["structs"]
    ]
    found: list[Known] = []
    for name, indexes in table["builds"].items():
        build, architecture = parse_name(name)
        structs = {struct: shapes[index] for struct, index in indexes.items()}
        found.append(Known(name, build, {"x86": 32, "x64": 64}[architecture], Layout(name, structs)))
    return tuple(sorted(found, key=lambda known: (known.build, known.bits, _revision(known.name), known.name)))


def _field(entry: Sequence[Any]) -> Field:
    offset, size, *bits = entry
    return Field(offset, size, (bits[0], bits[1]) if bits else None)


def parse_name(name: str) -> tuple[int, str]:
    """Build and architecture of a name like "10.0.19041.329 x64" or "6.1.7601 x86 (24000+)"."""
    match = re.match(r"\d+\.\d+\.(\d+)(?:\.\d+)?(?: SP\d)? (x86|x64)\b", name)
    if match is None:
        raise ValueError(f"{name!r} names no build and architecture")
    return int(match[1]), match[2]


def _revision(name: str) -> int:
    """What orders the variants of one build: revision, service pack, the number in brackets or the update; RTM is 0."""
    match = re.match(r"\d+\.\d+\.\d+\.(\d+)", name) or re.search(r"\(~?(\d+)\+?\)|SP(\d)|U(\d)$", name)
    return int(next(text for text in match.groups() if text)) if match else 0


def choose(build: int, bits: int, process: int | None, thread: int | None) -> tuple[Known | None, str | None]:
    """The layout of a build by the sizes of its EPROCESS and ETHREAD, and a sentence where it is not a sure match.

    Without an entry for the build it is the nearest lower one of the same Windows version, unless the sizes are those
    of another build of that version. None where the table has nothing for the architecture.
    """
    table = [known for known in known_layouts() if known.bits == bits]
    same = [known for known in table if known.build == build]
    if same:
        matching = [known for known in same if known.matches(process, thread)]
        if matching or not (process or thread):
            return (matching or same)[-1], None
        nearest = min(same, key=lambda known: known.distance(process, thread))
        return nearest, (
            f"no known revision of build {build} has an EPROCESS of 0x{process or 0:x} and an ETHREAD of "
            f"0x{thread or 0:x} bytes: the nearest one, {nearest.name}, is used"
        )
    lower = [known for known in table if known.build < build]
    if not table:
        return None, None
    base = lower[-1] if lower else table[0]
    family = [known for known in table if known.family == base.family]
    alike = [known for known in family if known.matches(process, thread)]
    siblings = [known for known in alike if known.build == base.build] or alike
    found = siblings[-1] if siblings else base
    why = "whose EPROCESS and ETHREAD have the same sizes" if siblings else "the nearest one"
    return found, f"build {build} {_ARCHITECTURES[bits]} is not in the embedded table: {found.name} is used, {why}"
