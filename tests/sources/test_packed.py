"""Casefiles inside archives: read like the file itself, bounded, and nothing left behind."""

import gzip
import lzma
import zipfile
from pathlib import Path
from typing import Any

import pytest

from dumptriage.errors import CasefileError
from dumptriage.sources import packed, read

LOG = b"0: kd> !vm\nPhysical Memory:      130940 (    523760 Kb)\nNonPagedPool Usage: 3481 ( 13924 Kb)\n"


def gz(path: Path, content: bytes) -> None:
    path.write_bytes(gzip.compress(content))


def xz(path: Path, content: bytes) -> None:
    path.write_bytes(lzma.compress(content))


def zst(path: Path, content: bytes) -> None:
    path.write_bytes(pytest.importorskip("zstandard").compress(content))


def zipped(path: Path, content: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("case.log", content)


def seven(path: Path, content: bytes) -> None:
    py7zr = pytest.importorskip("py7zr")
    with py7zr.SevenZipFile(path, "w") as archive:
        archive.writestr(content, "case.log")


PACKERS = {"case.log.gz": gz, "case.log.xz": xz, "case.log.zst": zst, "case.zip": zipped, "case.7z": seven}


@pytest.mark.parametrize("name", PACKERS)
def test_read_as_the_file_inside_and_cleaned_up(name: str, tmp_path: Path) -> None:
    PACKERS[name](tmp_path / name, LOG)
    (case,) = read(tmp_path / name)
    assert case.casefile.name == f"case.log in {name}"
    assert case.of("memory")
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", PACKERS)
@pytest.mark.parametrize("keep", [0.3, 0.9])
def test_a_cut_archive_is_refused_in_one_line(name: str, keep: float, tmp_path: Path) -> None:
    PACKERS[name](tmp_path / name, LOG * 50)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: max(8, int(len(whole) * keep))])
    with pytest.raises(CasefileError) as caught:
        read(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_bomb_ends_at_the_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MAX_BYTES", 1 << 20)
    xz(tmp_path / "bomb.xz", bytes(1 << 24))
    with pytest.raises(CasefileError, match="more than 1,048,576 bytes"):
        read(tmp_path / "bomb.xz")
    assert [path.name for path in tmp_path.iterdir()] == ["bomb.xz"]


def test_of_several_files_the_one_dump_is_meant(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "case.zip", "w") as archive:
        archive.writestr("readme.txt", b"hello")
        archive.writestr("MEMORY.DMP", b"PAGEDU64" + bytes(100))
    with pytest.raises(CasefileError, match="within the 8,192-byte header"):
        read(tmp_path / "case.zip")


@pytest.mark.parametrize("names", [[], ["a.log", "b.log"], ["a.dmp", "b.dmp", "c.txt"]])
def test_which_file_is_meant_must_be_clear(names: list[str], tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "case.zip", "w") as archive:
        for name in names:
            archive.writestr(name, LOG)
    if names:  # an archive without members has another signature and is no packed casefile
        with pytest.raises(CasefileError, match="expected one casefile"):
            read(tmp_path / "case.zip")


def test_a_locked_zip_is_refused(tmp_path: Path) -> None:
    zipped(tmp_path / "case.zip", LOG)
    data = bytearray((tmp_path / "case.zip").read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "case.zip").write_bytes(data)
    with pytest.raises(CasefileError, match="cannot be unpacked"):
        read(tmp_path / "case.zip")


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr("importlib.import_module", none)
    (tmp_path / "case.7z").write_bytes(b"7z\xbc\xaf\x27\x1c" + bytes(64))
    with pytest.raises(CasefileError, match=r"dumptriage\[archives\]"):
        read(tmp_path / "case.7z")
