"""Real dumps of strangers' machines, which are not part of the repository: skipped where they are absent."""

import json
import lzma
import os
from pathlib import Path
from typing import Any

import pytest

from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile
from dumptriage.sources.dump import is_dump, read

SHARED = Path(os.environ.get("DUMPTRIAGE_SHARED") or Path(__file__).parents[4] / "shared")
INDEX = SHARED / "dumps" / "index.json"

pytestmark = pytest.mark.skipif(not INDEX.is_file(), reason="the folder of real dumps is not here")
ENTRIES: list[dict[str, Any]] = json.loads(INDEX.read_text()) if INDEX.is_file() else []
DUMPS = [entry for entry in ENTRIES if not entry.get("broken")]


def load(entry: dict[str, Any]) -> bytes:
    return lzma.decompress((INDEX.parent / entry["file"]).read_bytes())


def case_of(entry: dict[str, Any]) -> Case:
    data = load(entry)
    assert is_dump(data[:4096])
    return read(data, Casefile(entry["file"], entry["sha256"], len(data), "dump"))


def name_of(entry: dict[str, Any]) -> str:
    return str(entry["file"]).partition(".")[0]


@pytest.mark.parametrize("entry", DUMPS, ids=name_of)
def test_header(entry: dict[str, Any]) -> None:
    system = case_of(entry).one("system")
    assert system is not None
    assert system.int("build") == entry["build"]
    assert system.text("architecture") == entry["arch"]
    assert system.int("processors") == entry["processors"]
    assert system.int("bugcheck_code") == entry["bugcheck"]
    if "parameters" in entry:
        assert (system.text("bugcheck_parameters") or "").split() == [p.removeprefix("0x") for p in entry["parameters"]]
        assert system.number("uptime_s") == pytest.approx(entry["uptime_s"], abs=0.1)


@pytest.mark.parametrize("entry", [e for e in DUMPS if "mm" in e], ids=name_of)
def test_triage_dump(entry: dict[str, Any]) -> None:
    case = case_of(entry)
    loaded = [m for m in case.of("module") if not m.flag("unloaded")]
    assert len(loaded) == entry["drivers"]
    assert (loaded[0].text("name"), loaded[0].text("file")) == ("nt", "ntoskrnl.exe")
    assert all(m.text("file") for m in loaded)
    assert sum(m.text("timestamp") is not None for m in loaded) >= 0.9 * len(loaded)
    assert any(m.flag("unloaded") for m in case.of("module"))
    pages = {"nonpaged": entry["mm"]["nonpaged_pages"], "paged": entry["mm"]["paged_pages"]}
    assert {p.text("type"): p.int("used_bytes") for p in case.of("pool")} == {
        k: v * 4096 for k, v in pages.items() if v
    }
    memory = case.one("memory")
    for field, counter in (
        ("committed_bytes", "committed_pages"),
        ("peak_commit_bytes", "peak_commit_pages"),
        ("commit_limit_bytes", "commit_limit_pages"),
    ):
        known = memory.int(field) if memory else None
        assert known == (entry["mm"][counter] * 4096 or None)
    (process,) = case.of("process")
    assert process.text("image") and process.text("address") and process.int("pid")
    (thread,) = case.of("sample")
    assert thread.text("state") == "running" and thread.text("cid") and thread.text("address")
    assert case.of("stack")
    assert not any(q.text("problem") == "broken" for q in case.of("data_quality"))


@pytest.mark.parametrize("entry", [e for e in DUMPS if name_of(e).startswith("criticalrocket")], ids=name_of)
def test_8_gb_laptop_proves_its_ram(entry: dict[str, Any]) -> None:
    system = case_of(entry).one("system")
    assert system is not None and system.int("ram_bytes") == 8 << 30


@pytest.mark.parametrize("entry", [e for e in ENTRIES if e.get("broken")], ids=name_of)
def test_zero_filled_file_is_refused(entry: dict[str, Any]) -> None:
    data = load(entry)
    with pytest.raises(CasefileError, match="only zeros"):
        read(data, Casefile(entry["file"], entry["sha256"], len(data), "dump"))


@pytest.mark.parametrize("entry", DUMPS[:1] + DUMPS[-1:], ids=name_of)
def test_cut_real_dumps(entry: dict[str, Any]) -> None:
    data = load(entry)
    for size in range(0x2000, min(len(data), 0x30000), 0x1000):
        case = read(data[:size], Casefile("cut", "0" * 64, size, "dump"))
        assert case.one("system") is not None
