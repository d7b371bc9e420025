"""Write the embedded table of kernel structure layouts from public symbol data.

    python scripts/generate_layouts.py OUT.json.xz layouts.json ["10.0.19041.804 x64=ntkrnlmp.json.xz" ...]

layouts.json holds {build: {"types": {struct: {"size", "f": {field: {"o": offset, "t": type, "b": [start, end)}}}}}}.
Each further argument adds one Volatility 3 symbol table (ISF) under a name; of it only structures and fields are taken
that layouts.json has somewhere. The same input gives the same bytes.
"""

import json
import lzma
import re
import sys
from pathlib import Path
from typing import Any

from dumptriage.sources.kernel.isf import read_isf
from dumptriage.sources.kernel.layouts import parse_name

_POINTERS = {
    "ptr",
    "void**",
    "_EX_FAST_REF",
    "_EX_PUSH_LOCK",
    "_SE_AUDIT_PROCESS_CREATION_INFO",
    "_EXHANDLE",
    "_SINGLE_LIST_ENTRY",
}
_SIZES = {
    "unsigned char": 1,
    "char": 1,
    "unsigned short": 2,
    "unsigned long": 4,
    "long": 4,
    "enum": 4,
    "_POOL_TYPE": 4,
    "_KSTACK_COUNT": 4,
    "_PS_PROTECTION": 1,
    "unsigned long long": 8,
    "long long": 8,
    "_LARGE_INTEGER": 8,
    "_QUAD": 8,
}


def field_size(text: str, width: int, sizes: dict[str, int]) -> int:
    """Bytes of a field by its type's text; 0 where that does not tell. `sizes` are those of the build's structures."""
    text = re.sub(r"^bits\[\d+:\d+\] of ", "", text).partition(" (")[0].partition(";")[0].strip()
    if text.startswith("ptr"):
        return width
    array = re.fullmatch(r"(.+?)((?:\[\d+\])+)", text)
    if array:
        count = 1
        for number in re.findall(r"\d+", array[2]):
            count *= int(number)
        return count * field_size(array[1], width, sizes)
    if text.endswith("*"):
        return width
    if text in ("_LIST_ENTRY", "_UNICODE_STRING", "_CLIENT_ID"):
        return 2 * width
    return width if text in _POINTERS else _SIZES.get(text) or sizes.get(text, 0)


def read_table(path: Path) -> dict[str, dict[str, Any]]:
    """{build: {struct: [size, {field: [offset, size, start, end]}]}} of a layouts.json."""
    found: dict[str, dict[str, Any]] = {}
    for name, entry in json.loads(path.read_text()).items():
        width = 4 if parse_name(name)[1] == "x86" else 8
        sizes = {struct: shape["size"] or 0 for struct, shape in entry["types"].items()}
        found[name] = {
            struct: [
                shape["size"],
                {
                    field: [place["o"], field_size(place["t"], width, sizes), *place.get("b", ())]
                    for field, place in shape["f"].items()
                },
            ]
            for struct, shape in entry["types"].items()
        }
    return found


def read_symbols(path: Path, wanted: dict[str, set[str]]) -> dict[str, Any]:
    """{struct: [size, {field: ...}]} of an ISF, of the wanted structures and fields."""
    symbols = read_isf(path)
    found: dict[str, Any] = {}
    for struct, fields in wanted.items():
        shape = symbols.struct(struct)
        if shape is not None:
            places = {name: shape.fields[name] for name in fields if name in shape.fields}
            found[struct] = [shape.size, {name: [p.offset, p.size, *(p.bits or ())] for name, p in places.items()}]
    return found


def main(arguments: list[str]) -> None:
    """Read all input, write the table."""
    out, table, *more = arguments
    builds = read_table(Path(table))
    wanted: dict[str, set[str]] = {}
    for structs in builds.values():
        for struct, (_, fields) in structs.items():
            wanted.setdefault(struct, set()).update(fields)
    for argument in more:
        name, _, path = argument.partition("=")
        parse_name(name)
        builds[name] = read_symbols(Path(path), wanted)
    shapes: dict[str, int] = {}
    indexes: dict[str, dict[str, int]] = {}
    for name in sorted(builds):
        for struct in sorted(builds[name]):
            text = json.dumps(builds[name][struct], sort_keys=True, separators=(",", ":"))
            indexes.setdefault(name, {})[struct] = shapes.setdefault(text, len(shapes))
    text = json.dumps({"structs": [json.loads(shape) for shape in shapes], "builds": indexes}, separators=(",", ":"))
    Path(out).write_bytes(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))


if __name__ == "__main__":
    main(sys.argv[1:])
