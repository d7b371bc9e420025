"""Exact symbols: Volatility 3 symbol tables (ISF, JSON schema 4 to 6), found by the kernel's PDB name, GUID and age."""

import json
import lzma
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from .layouts import Field, Layout, Struct

_MAX_SIZE = 1 << 26
"""Most bytes of JSON; those of Windows kernels have 5 to 40 million."""
_MAX_STRUCT = 1 << 24
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}\.pdb", re.IGNORECASE)
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)\.", re.IGNORECASE)
"""Names that are devices on Windows, whatever follows the dot ("Naming Files, Paths, and Namespaces")."""


class Pdb(NamedTuple):
    """What names a PDB: file name, GUID as 32 hex digits, age."""

    name: str
    guid: str
    age: int

    @property
    def key(self) -> str:
        """GUID-AGE, as symbol tables are named."""
        return f"{self.guid}-{self.age}"

    @property
    def plain(self) -> bool:
        """True if the name, which a dump may have forged, can be used as a file name."""
        return _NAME.fullmatch(self.name) is not None and _DEVICE.match(self.name) is None


class Symbols:
    """One symbol table: structures, converted when asked for, and addresses of symbols relative to the image's base."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        """Raises ValueError for JSON that is no symbol table."""
        types, symbols = table.get("user_types"), table.get("symbols")
        if not isinstance(types, dict) or not isinstance(symbols, dict):
            raise ValueError("no symbol table: user_types or symbols are missing")
        self._types: dict[str, Any] = types
        self._symbols: dict[str, Any] = symbols
        self._bases: dict[str, Any] = table.get("base_types") or {}
        self._enums: dict[str, Any] = table.get("enums") or {}
        self._structs: dict[str, Struct | None] = {}
        self._metadata: Any = table.get("metadata")

    @property
    def guid(self) -> str | None:
        """GUID of the PDB it was made from, where it says so."""
        found = self._metadata
        for key in ("windows", "pdb", "GUID"):
            found = found.get(key) if isinstance(found, dict) else None
        return found.upper() if isinstance(found, str) else None

    def address(self, name: str) -> int | None:
        """Address of a symbol relative to the image's base."""
        entry = self._symbols.get(name)
        value = entry.get("address") if isinstance(entry, dict) else None
        return value if isinstance(value, int) and 0 < value < 1 << 32 else None

    def struct(self, name: str) -> Struct | None:
        """A structure, with bit fields as in the embedded table."""
        if name not in self._structs:
            entry = self._types.get(name)
            self._structs[name] = self._convert(entry) if isinstance(entry, dict) else None
        return self._structs[name]

    def _convert(self, entry: Mapping[str, Any]) -> Struct | None:
        size, fields = entry.get("size"), entry.get("fields")
        if not isinstance(size, int) or not 0 <= size <= _MAX_STRUCT or not isinstance(fields, dict):
            return None
        found = {}
        for name, place in fields.items():
            offset, kind = (place.get("offset"), place.get("type")) if isinstance(place, dict) else (None, None)
            if isinstance(offset, int) and 0 <= offset <= _MAX_STRUCT and isinstance(kind, dict):
                extent = self._size(kind, 0)
                found[name] = Field(offset, extent if 0 <= extent <= _MAX_STRUCT else 0, _bits(kind))
        return Struct(size, found)

    def _size(self, kind: Mapping[str, Any], depth: int) -> int:
        """Bytes of a type; 0 where the table does not tell."""
        form = str(kind.get("kind"))
        if form in ("array", "bitfield"):
            inner, count = kind.get("subtype" if form == "array" else "type"), kind.get("count", 1)
            if not isinstance(inner, dict) or not isinstance(count, int) or depth > 8:
                return 0
            return count * self._size(inner, depth + 1)
        table = {"struct": self._types, "union": self._types, "class": self._types, "enum": self._enums}
        entry = table.get(form, self._bases).get("pointer" if form == "pointer" else str(kind.get("name")))
        size = entry.get("size") if isinstance(entry, dict) else None
        return size if isinstance(size, int) else 0


def _bits(kind: Mapping[str, Any]) -> tuple[int, int] | None:
    start, length = kind.get("bit_position"), kind.get("bit_length")
    if kind.get("kind") != "bitfield" or not isinstance(start, int) or not isinstance(length, int):
        return None
    return (start, start + length) if 0 <= start < 64 and 0 < length <= 64 - start else None


class ExactLayout(Layout):
    """The layout a symbol table gives; structures it does not have come from the embedded table."""

    def __init__(self, build: str, symbols: Symbols, below: Layout | None) -> None:
        super().__init__(build, {}, below)
        self._symbols = symbols

    def struct(self, name: str) -> Struct | None:
        """A structure by its name in the public symbols: _EPROCESS."""
        return self._symbols.struct(name) or super().struct(name)


def read_isf(path: Path) -> Symbols:
    """A symbol table from .json or .json.xz. Raises OSError, ValueError or lzma.LZMAError for one that is not."""
    with path.open("rb") as file:
        raw = file.read(_MAX_SIZE + 1)
    if path.suffix == ".xz":
        unpacker = lzma.LZMADecompressor(memlimit=1 << 28)
        raw = unpacker.decompress(raw, _MAX_SIZE + 1)
    if len(raw) > _MAX_SIZE:
        raise ValueError(f"more than {_MAX_SIZE >> 20} MB of JSON")
    table = json.loads(raw)
    if not isinstance(table, dict):
        raise ValueError("no symbol table: the JSON is not an object")
    return Symbols(table)


def tables(folder: Path, pdb: Pdb) -> Iterator[Path]:
    """The files that would hold a kernel's symbols in a folder, in the order they are tried; or the file itself."""
    if folder.is_file():
        if pdb.guid in folder.name.upper() and folder.suffix in (".json", ".xz"):
            yield folder
        return
    for parent in (folder / "windows" / pdb.name, folder / pdb.name, folder):
        for suffix in (".json", ".json.xz"):
            yield parent / f"{pdb.key}{suffix}"


def read_table(path: Path, pdb: Pdb) -> tuple[Symbols | None, str | None]:
    """The symbol table of a PDB from a file, or None and what is wrong with the file."""
    try:
        found = read_isf(path)
    except (OSError, ValueError, RecursionError, MemoryError, EOFError, lzma.LZMAError) as error:
        return None, " ".join(str(error).split())[:200] or type(error).__name__
    if found.guid not in (None, pdb.guid):
        return None, f"it is of GUID {found.guid[:40] if found.guid else ''}, so it is not used"
    return found, None
