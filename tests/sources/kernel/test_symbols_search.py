"""The order in which exact symbols are looked for, and conversion by volatility3: faked, or real if installed."""

import importlib.util
import json
import lzma
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from forgedpdb import MODULES, PDB, forge

from dumptriage.sources.kernel import symbolpath, symbolsearch
from dumptriage.sources.kernel.isf import Pdb, Symbols, read_isf, tables
from dumptriage.sources.kernel.pdb import store_path
from dumptriage.sources.kernel.symbolcache import ConversionError, convert
from dumptriage.sources.kernel.symbolpath import Server
from dumptriage.sources.kernel.symbolsearch import Search, advice, search

URL = "http://127.0.0.1:9/symbols"
TABLE = {"symbols": {"PsLoadedModuleList": {"address": MODULES}}, "user_types": {}, "base_types": {}, "enums": {}}
FAKE = """
import json, os, time
class PdbReader:
    def __init__(self, context, location, database_name):
        assert location.startswith("file:") and database_name == "ntkrnlmp.pdb"
    def get_json(self):
        what = os.environ.get("FAKE")
        if what == "raise":
            raise ValueError("Type values did not fill\\nthe stream")
        if what == "hang":
            time.sleep(60)
        if what == "memory":
            return [bytes(1 << 30) for _ in range(64)]
        if what == "exit":
            os._exit(3)
        return json.loads(os.environ["TABLE"])
"""


@pytest.fixture
def converter(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """A volatility3 that gives TABLE, or does what FAKE says."""
    root = tmp_path_factory.mktemp("fake")
    package = root / "volatility3" / "framework" / "symbols" / "windows"
    package.mkdir(parents=True)
    for folder in (package, *list(package.parents)[:3]):
        (folder / "__init__.py").write_text("")
    (package / "pdbconv.py").write_text(FAKE)
    (package.parents[1] / "contexts.py").write_text("class Context: pass")
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.setenv("PYTHONPATH", str(root))
    monkeypatch.setenv("TABLE", json.dumps(TABLE))
    return lambda what: monkeypatch.setenv("FAKE", what)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setattr(symbolpath, "user_cache", lambda *_: folder)
    return folder


def put(path: Path, raw: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path


def table(address: int = MODULES, guid: str | None = None) -> bytes:
    metadata = {"metadata": {"windows": {"pdb": {"GUID": guid}}}} if guid else {}
    return json.dumps(TABLE | {"symbols": {"PsLoadedModuleList": {"address": address}}} | metadata).encode()


def true(symbols: Symbols) -> bool:
    return symbols.address("PsLoadedModuleList") == MODULES


def look(*given: Path | str, pdb: Pdb = PDB) -> Search:
    return search(pdb, [str(place) for place in given], true, lambda _: None)


def test_a_symbol_table_of_the_folder_given_comes_first(tmp_path: Path, cache: Path) -> None:
    near = put(tmp_path / "a" / PDB.name / f"{PDB.key}.json", table())
    put(cache / PDB.name / f"{PDB.key}.json", table())
    found = look(tmp_path / "a")
    assert (found.file, found.problems) == (near, [])
    assert found.looked == [f"symbol table in {tmp_path / 'a'}: found"]


def test_a_table_that_does_not_fit_is_said_and_the_next_is_taken(tmp_path: Path, cache: Path) -> None:
    put(tmp_path / "a" / f"{PDB.key}.json", table(MODULES + 8))
    put(tmp_path / "b" / f"{PDB.key}.json", table(guid="B" * 32))
    put(tmp_path / "c" / f"{PDB.key}.json", b"{")
    last = put(cache / PDB.name / f"{PDB.key}.json.xz", lzma.compress(table(guid=PDB.guid.lower())))
    found = look(tmp_path / "a", f"{tmp_path / 'b'};{tmp_path / 'c'}")
    assert found.file == last
    assert [problem.partition(": ")[0] for problem in found.problems] == [
        str(tmp_path / name / f"{PDB.key}.json") for name in "abc"
    ]


@pytest.mark.parametrize("place", [PDB.name, store_path(PDB), f"nt/{store_path(PDB)}"])
def test_a_pdb_in_a_folder_is_converted_and_kept(
    tmp_path: Path, cache: Path, converter: Callable[[str], None], place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "store" / place, forge())
    monkeypatch.setenv("_NT_SYMBOL_PATH", f"srv*{tmp_path / 'store'}*{URL}")
    found = look()
    kept = cache / PDB.name / f"{PDB.key}.json.xz"
    assert (found.file, found.problems) == (kept, [])
    assert found.looked == [f"symbol table in {cache}: none", f"PDB in {tmp_path / 'store'}: found"]
    assert look().looked == [f"symbol table in {cache}: found"]
    assert [path.name for path in cache.rglob("*") if path.is_file()] == [kept.name]


def test_the_pdb_of_another_kernel_is_not_taken(tmp_path: Path, cache: Path, converter: Callable[[str], None]) -> None:
    put(tmp_path / "flat" / PDB.name, forge(PDB._replace(guid="C" * 32)))
    put(tmp_path / "cut" / PDB.name, forge()[:-1])
    put(tmp_path / "packed" / f"{PDB.name[:-1]}_", b"MSCF")
    found = look(tmp_path / "flat", tmp_path / "cut", tmp_path / "packed")
    assert found.file is None
    assert [problem.removeprefix(str(tmp_path)).replace("\\", "/") for problem in found.problems] == [
        f"/flat/{PDB.name} is of GUID {'C' * 32} age 2, so it is not used",
        f"/cut/{PDB.name} is no whole PDB, so it is not used",
        f"/packed/{PDB.name[:-1]}_ is a compressed file, which is not unpacked",
    ]


def test_a_converted_table_that_does_not_fit_is_not_used(
    tmp_path: Path, cache: Path, converter: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLE", table(MODULES + 8).decode())
    put(tmp_path / PDB.name, forge())
    found = look(tmp_path)
    assert found.symbols is None
    assert "PsLoadedModuleList" in found.problems[0]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Servers asked; they have the PDB."""
    urls: list[str] = []

    def give(server: Server, pdb: Pdb, *_: object) -> Path:
        urls.append(server.url)
        return put(server.store / store_path(pdb), forge())

    monkeypatch.setattr(symbolsearch, "fetch", give)
    return urls


def test_servers_come_after_all_folders(
    tmp_path: Path, cache: Path, converter: Callable[[str], None], asked: list[str]
) -> None:
    found = look(f"srv*{tmp_path / 'store'}*{URL}", tmp_path / "later")
    assert found.looked[-3:] == [
        f"PDB in {tmp_path / 'later'}: none",
        f"PDB in {cache}: none",
        f"symbol server {URL}: found",
    ]
    assert (tmp_path / "store" / store_path(PDB)).is_file()
    assert found.file == cache / PDB.name / f"{PDB.key}.json.xz"
    assert asked == [URL]


def test_no_server_is_asked_where_a_folder_has_the_pdb(
    tmp_path: Path, cache: Path, converter: Callable[[str], None], asked: list[str]
) -> None:
    put(tmp_path / PDB.name, forge())
    assert look(f"srv*{URL}", tmp_path).symbols is not None
    assert asked == []


def test_a_server_that_cannot_be_used_is_one_problem(
    cache: Path, converter: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    found = look("srv*http://127.0.0.1:x")
    assert len(found.problems) == 1
    assert found.looked[-1] == "symbol server http://127.0.0.1:x: problem"


@pytest.mark.parametrize("name", ["../../x.pdb", "a\\b.pdb", "nul.pdb", "", "\x1b[2J.pdb"])
def test_a_forged_name_is_not_looked_for(tmp_path: Path, cache: Path, asked: list[str], name: str) -> None:
    found = look(tmp_path, f"srv*{URL}", pdb=PDB._replace(name=name))
    assert (found.file, found.looked, asked) == (None, [], [])
    assert found.problems == ["the kernel's PDB has no plain file name in this dump: its symbols are not looked for"]


def test_without_the_extra_no_server_is_asked_and_the_extra_is_named(
    tmp_path: Path, cache: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("symbolcache", "symbolsearch"):
        monkeypatch.setattr(f"dumptriage.sources.kernel.{module}.can_convert", lambda: False)
    path = put(tmp_path / PDB.name, forge())
    found = look(tmp_path, f"srv*{URL}")
    assert asked == []
    assert [problem.partition(" without ")[0] for problem in found.problems] == [
        f"{path} cannot be read",
        f"symbol server {URL} is not asked: a PDB cannot be read",
    ]
    assert all("dumptriage[symbols]" in problem for problem in found.problems)
    assert "not installed" in advice(PDB)[-1]


def test_the_advice_names_the_path_of_the_download() -> None:
    assert any(f"/download/symbols/{PDB.name}/{PDB.guid}2/{PDB.name}" in line for line in advice(PDB))


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("raise", "ValueError: Type values did not fill the stream"),
        ("hang", "not converted after 1 s"),
        pytest.param(
            "memory",
            "MemoryError",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="memory is bounded on Linux"),
        ),
        ("exit", "ended with 3"),
    ],
)
def test_a_conversion_that_fails_is_one_line_within_bounds(
    tmp_path: Path, cache: Path, converter: Callable[[str], None], what: str, why: str
) -> None:
    converter(what)
    started = time.monotonic()
    with pytest.raises(ConversionError) as raised:
        convert(put(tmp_path / PDB.name, forge()), PDB, cache, lambda _: None, 1 if what == "hang" else 60)
    assert why in str(raised.value)
    assert "\n" not in str(raised.value)
    assert time.monotonic() - started < 30
    assert [path for path in cache.rglob("*") if path.is_file()] == []


def test_a_table_that_is_none_is_not_kept(
    tmp_path: Path, cache: Path, converter: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TABLE", "[]")
    with pytest.raises(ConversionError, match="no symbol table"):
        convert(put(tmp_path / PDB.name, forge()), PDB, cache, lambda _: None)
    assert not any(path.is_file() for path in tables(cache, PDB))


@pytest.mark.skipif(importlib.util.find_spec("volatility3") is None, reason="the extra symbols is not installed")
def test_volatility3_converts_a_forged_pdb(tmp_path: Path, cache: Path) -> None:
    symbols = read_isf(convert(put(tmp_path / PDB.name, forge()), PDB, cache, lambda _: None))
    shape = symbols.struct("_EPROCESS")
    assert shape is not None
    assert (shape.size, shape.fields["Pid"].size, shape.fields["Flags"].offset) == (0x18, 8, 0x10)
    assert (symbols.guid, symbols.address("PsLoadedModuleList")) == (PDB.guid, MODULES)
