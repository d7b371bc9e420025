"""Whose PDB a file is, and where symbol stores keep it."""

import random
from pathlib import Path

import pytest
from forgedpdb import PDB, forge, msf

from dumptriage.sources.kernel.pdb import identify, places, store_path

NAME, KEY = PDB.name, f"{PDB.guid}2"


@pytest.mark.parametrize("info_age", [2, 7])
def test_a_pdb_says_its_guid_and_ages(tmp_path: Path, info_age: int) -> None:
    path = tmp_path / NAME
    path.write_bytes(forge(info_age=info_age))
    found = identify(path)
    assert found is not None
    assert (found.guid, set(found.ages)) == (PDB.guid, {2, info_age})
    assert found.is_of(PDB)
    assert not found.is_of(PDB._replace(age=3))
    assert not found.is_of(PDB._replace(guid="0" * 32))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"MSCF" + bytes(100),
        b"Microsoft C/C++ program database 2.00\r\n\x1aJG\0\0" + bytes(600),
        forge()[:-1],
        forge()[:56],
        forge()[:55],
        msf([b""]),
        msf([b"", b"short"]),
    ],
)
def test_what_is_no_whole_pdb_is_none(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / NAME
    path.write_bytes(raw)
    assert identify(path) is None


def test_damage_never_raises(tmp_path: Path) -> None:
    path, sound, chance = tmp_path / NAME, forge(), random.Random(3)
    for _ in range(1000):
        raw = bytearray(sound)
        for _ in range(chance.randint(1, 4)):
            at = chance.choice([chance.randrange(32, 56), chance.randrange(len(raw))])
            raw[at] = chance.choice([0, 1, 0x7F, 0xFF, raw[at] ^ 1 << chance.randrange(8)])
        path.write_bytes(raw)
        identify(path)


@pytest.mark.parametrize(
    "place",
    [
        NAME,
        f"exe/{NAME}",
        f"symbols/exe/{NAME}",
        f"{NAME}/{KEY}/{NAME}",
        f"{NAME}/{KEY.lower()}/{NAME}",
        f"nt/{NAME}/{KEY}/{NAME}",
    ],
)
def test_folders_of_all_layouts_are_looked_into(tmp_path: Path, place: str) -> None:
    assert tmp_path / place in list(places(tmp_path, PDB))


def test_a_file_may_be_named_itself(tmp_path: Path) -> None:
    for name, expected in (("any.pdb", True), ("any.json", False)):
        (tmp_path / name).write_bytes(b"")
        assert bool(list(places(tmp_path / name, PDB))) == expected


def test_the_age_is_hexadecimal_in_a_store() -> None:
    assert store_path(PDB._replace(age=26)) == f"{NAME}/{PDB.guid}1A/{NAME}"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x",
        ".pdb",
        "../x.pdb",
        "a/b.pdb",
        "a\\b.pdb",
        "c:x.pdb",
        "a b.pdb",
        "nul.pdb",
        "COM1.pdb",
        "é.pdb",
        "x.pdb\n",
    ],
)
def test_names_that_are_no_plain_file_names(name: str) -> None:
    assert not PDB._replace(name=name).plain


@pytest.mark.parametrize("name", ["ntkrnlmp.pdb", "NTKRPAMP.PDB", "nt_1-2.x.pdb", "console.pdb", "_.pdb"])
def test_names_that_are_plain_file_names(name: str) -> None:
    assert PDB._replace(name=name).plain
