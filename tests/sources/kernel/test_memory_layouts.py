"""The embedded table of layouts, the choice inside and outside it, and exact symbols from ISF files."""

import json
import lzma
import subprocess
import sys
from pathlib import Path

import pytest

from dumptriage.sources.kernel.isf import ExactLayout, Pdb, Symbols, read_isf, read_table, tables
from dumptriage.sources.kernel.layouts import Field, Layout, choose, known_layouts, parse_name

PDB = Pdb("ntkrnlmp.pdb", "169C65213E3E42DDBEB4E3AC66312B82", 1)
ISF = {
    "symbols": {"PsLoadedModuleList": {"address": 0x1000}, "bad": {"address": "x"}, "worse": 3},
    "base_types": {"unsigned char": {"size": 1}, "unsigned long": {"size": 4}, "pointer": {"size": 8}},
    "enums": {"_E": {"size": 4}},
    "user_types": {
        "_S": {
            "size": 32,
            "fields": {
                "Byte": {"offset": 1, "type": {"kind": "base", "name": "unsigned char"}},
                "Next": {"offset": 8, "type": {"kind": "pointer", "subtype": {"kind": "struct", "name": "_S"}}},
                "Name": {
                    "offset": 16,
                    "type": {"kind": "array", "count": 3, "subtype": {"kind": "enum", "name": "_E"}},
                },
                "Low": {
                    "offset": 28,
                    "type": {
                        "kind": "bitfield",
                        "bit_position": 3,
                        "bit_length": 5,
                        "type": {"kind": "base", "name": "unsigned long"},
                    },
                },
                "Odd": {"offset": "x"},
            },
        },
        "_BROKEN": {"size": None},
    },
}


def test_the_table_has_all_builds_from_2000_to_24h2() -> None:
    names = [known.name for known in known_layouts()]
    assert len(names) == 65
    assert {known.build for known in known_layouts()} >= {2195, 2600, 3790, 6002, 7601, 9200, 9600, 19041, 20348, 26100}


@pytest.mark.parametrize("known", known_layouts(), ids=lambda known: known.name)
def test_every_layout_has_what_the_walkers_need(known: object) -> None:
    layout = known.layout  # type: ignore[attr-defined]
    for struct in ("_EPROCESS", "_ETHREAD", "_KTHREAD", "_KPROCESS", "_HANDLE_TABLE", "_OBJECT_HEADER", "_OBJECT_TYPE"):
        assert layout.size(struct), struct
    assert layout.field("_EPROCESS", "UniqueProcessId").size == (4 if "x86" in layout.build else 8)
    assert layout.offset("_OBJECT_HEADER", "Body") == (0x18 if "x86" in layout.build else 0x30)


def test_fields_read_by_the_first_name_that_exists() -> None:
    layout = next(known.layout for known in known_layouts() if known.name == "6.1.7601 x64 (17514)")
    assert layout.offset("_HANDLE_TABLE", "Table", "TableCode") == 0
    assert layout.field("_POOL_HEADER", "BlockSize") == Field(0, 4, (16, 24))
    assert layout.field("_HANDLE_TABLE", "FreeLists") is None
    assert layout.size("_NO_SUCH") is None


@pytest.mark.parametrize(
    ("build", "bits", "sizes", "name"),
    [
        (7601, 64, (0x4D0, 0x498), "6.1.7601 x64 (17514)"),
        (7601, 64, (0x4E8, 0x4A8), "6.1.7601 x64 (~23418)"),
        (7601, 64, (0x4F8, 0x4A8), "6.1.7601.24540 x64"),
        (7601, 32, (0x2E0, 0x2B8), "6.1.7601 x86 (24000+)"),
        (9600, 64, (0x6D8, 0x778), "6.3.9600 x64 U1"),
        (3790, 32, (0x278, 0x260), "5.2.3790 SP0 x86"),
        (3790, 64, (0x3E0, 0x428), "5.2.3790 SP1 x64"),
        (17763, 64, (0x858, 0x810), "10.0.17763.5933 x64"),
        (20348, 64, (0xB80, None), "10.0.20348.288 x64"),
        (2600, 32, (None, None), "5.1.2600 SP3 x86"),
        (2195, 32, (None, None), "5.0.2195 x86 (Windows 2000)"),
    ],
)
def test_the_variant_is_chosen_by_the_sizes_of_its_structures(
    build: int, bits: int, sizes: tuple[int | None, int | None], name: str
) -> None:
    known, doubt = choose(build, bits, *sizes)
    assert known is not None
    assert (known.name, doubt) == (name, None)


@pytest.mark.parametrize(
    ("build", "bits", "sizes", "name", "why"),
    [
        (19045, 64, (0xA40, 0x898), "10.0.19041.3570 x64", "the same sizes"),
        (22631, 64, (None, None), "10.0.22621 x64 (22H2/23H2)", "the nearest one"),
        (25398, 64, (0x840, 0x788), "10.0.26100 x64 (24H2/Server 2025)", "the same sizes"),
        (6003, 32, (0x270, 0x288), "6.0.6002 x86", "the same sizes"),
        (99999, 64, (1, 1), "10.0.26100 x64 (24H2/Server 2025)", "the nearest one"),
        (7601, 64, (0x4E0, 0x4A8), "6.1.7601 x64 (~23418)", "no known revision"),
        (1381, 32, (None, None), "5.0.2195 x86 (Windows 2000)", "the nearest one"),
    ],
)
def test_what_is_not_in_the_table_is_said(
    build: int, bits: int, sizes: tuple[int | None, int | None], name: str, why: str
) -> None:
    known, doubt = choose(build, bits, *sizes)
    assert known is not None
    assert doubt is not None
    assert known.name == name
    assert why in doubt


def test_names_say_build_and_architecture() -> None:
    assert parse_name("5.2.3790 SP2 x64 (also XP x64)") == (3790, "x64")
    assert parse_name("10.0.19041.329 x64") == (19041, "x64")
    with pytest.raises(ValueError, match="names no build"):
        parse_name("19041")


def test_a_symbol_table_gives_sizes_bit_fields_and_addresses() -> None:
    symbols = Symbols(ISF)
    shape = symbols.struct("_S")
    assert shape is not None
    assert shape.size == 32
    assert dict(shape.fields) == {
        "Byte": Field(1, 1, None),
        "Next": Field(8, 8, None),
        "Name": Field(16, 12, None),
        "Low": Field(28, 4, (3, 8)),
    }
    assert symbols.struct("_BROKEN") is None
    assert symbols.address("PsLoadedModuleList") == 0x1000
    assert [symbols.address(name) for name in ("bad", "worse", "none")] == [None, None, None]


def test_structures_a_symbol_table_lacks_come_from_the_layout_below() -> None:
    below = known_layouts()[0].layout
    layout = ExactLayout("exact", Symbols(ISF), below)
    assert layout.offset("_S", "Next") == 8
    assert layout.size("_EPROCESS") == below.size("_EPROCESS")
    assert ExactLayout("exact", Symbols(ISF), None).size("_EPROCESS") is None
    assert Layout("none", {}).field("_S", "Next") is None


@pytest.mark.parametrize("where", ["", "ntkrnlmp.pdb", "windows/ntkrnlmp.pdb"])
@pytest.mark.parametrize("suffix", [".json", ".json.xz"])
def test_a_symbol_table_is_found_in_the_usual_places(tmp_path: Path, where: str, suffix: str) -> None:
    path = tmp_path / where / f"{PDB.key}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = json.dumps(ISF).encode()
    path.write_bytes(lzma.compress(raw) if suffix.endswith("xz") else raw)
    found = [file for file in tables(tmp_path, PDB) if file.is_file()]
    assert found == [path]
    symbols, problem = read_table(path, PDB)
    assert (symbols is not None, problem) == (True, None)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"symbols": 1}', b"\xff\xfe", b"[" * 100_000, b"{"])
@pytest.mark.parametrize("suffix", [".json", ".json.xz"])
def test_a_file_that_is_no_symbol_table_is_a_problem_and_no_more(tmp_path: Path, raw: bytes, suffix: str) -> None:
    path = tmp_path / f"{PDB.key}{suffix}"
    path.write_bytes(raw)
    symbols, problem = read_table(path, PDB)
    assert symbols is None
    assert problem


@pytest.mark.parametrize(
    ("guid", "name"),
    [
        ("339E74133576439CBCDF7E0229DA3773", "6.1.7601.24540 x64"),
        ("169C65213E3E42DDBEB4E3AC66312B82", "6.3.9600.21620 x64"),
        ("1806D020A6E46538D7AC3325FAC114D8", "10.0.17763.5933 x64"),
        ("5278AFF86C341677D7D7835C85B7B844", "10.0.19041.3570 x64"),
        ("879AD95F3461091BB6318FA98072AD8E", "10.0.20348.2529 x64"),
    ],
)
def test_the_embedded_table_agrees_with_real_symbols(shared: Path, guid: str, name: str) -> None:
    path = shared / "symbols" / "windows" / "ntkrnlmp.pdb" / f"{guid}-1.json.xz"
    symbols = read_isf(path)
    embedded = next(known.layout for known in known_layouts() if known.name == name)
    differences: list[tuple[object, ...]] = []
    for struct, shape in embedded._structs.items():
        exact = symbols.struct(struct)
        if exact is None or exact.size != shape.size:
            differences.append((struct, exact and exact.size, shape.size))
            continue
        for field, place in shape.fields.items():
            other = exact.fields.get(field)
            same = other and (other.offset, other.bits) == (place.offset, place.bits)
            if not same or (place.size and other and other.size != place.size):
                differences.append((struct, field, other, place))
    assert differences == []


def test_the_script_writes_the_embedded_table_again(shared: Path, tmp_path: Path) -> None:
    root, out = Path(__file__).parents[3], tmp_path / "layouts.json.xz"
    script, table = root / "scripts" / "generate_layouts.py", shared / "layouts" / "layouts.json"
    subprocess.run([sys.executable, str(script), str(out), str(table)], check=True)
    embedded = root / "engine" / "sources" / "kernel" / "data" / "layouts.json.xz"
    assert lzma.decompress(out.read_bytes()) == lzma.decompress(embedded.read_bytes())


def test_the_script_takes_symbol_tables_too(tmp_path: Path) -> None:
    table = {"1.2.3 x64": {"types": {"_S": {"size": 8, "f": {"Low": {"o": 0, "t": "unsigned long"}}}}}}
    (tmp_path / "layouts.json").write_text(json.dumps(table))
    (tmp_path / "isf.json").write_text(json.dumps(ISF))
    script, out = Path(__file__).parents[3] / "scripts" / "generate_layouts.py", tmp_path / "out.xz"
    more = f"1.2.4 x64={tmp_path / 'isf.json'}"
    subprocess.run([sys.executable, str(script), str(out), str(tmp_path / "layouts.json"), more], check=True)
    assert json.loads(lzma.decompress(out.read_bytes())) == {
        "structs": [[8, {"Low": [0, 4]}], [32, {"Low": [28, 4, 3, 8]}]],
        "builds": {"1.2.3 x64": {"_S": 0}, "1.2.4 x64": {"_S": 1}},
    }
