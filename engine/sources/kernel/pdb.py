"""Program databases: whose they are, and where a symbol store keeps them. Their contents are left to the converter.

Layout: "The MSF File Format", "The PDB Info Stream" and "The DBI Stream" of LLVM's documentation. Store layout:
"SymStore" (Microsoft Learn). Only the format of Visual C++ 7 and later is read: it is the one with GUIDs. A PDB is as
hostile as a dump: what does not add up is None.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from .isf import Pdb

MAX_SIZE = 1 << 28
"""Most bytes of a PDB; those of kernels have 5 to 20 million."""
CABINET = b"MSCF"
"""First bytes of a compressed file (NAME.pd_) of a symbol store."""
_MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
_MAX_DIRECTORY = 1 << 24
_ABSENT = 0xFFFF_FFFF
_INFO, _DBI = 1, 3
_FLAT = ("", "exe", "symbols/exe")
"""Below a folder of the path; `exe` is what Microsoft's symbol packages of 2000 to 2008 install."""


class Identity(NamedTuple):
    """What a PDB says of itself: GUID as 32 hex digits, and its ages."""

    guid: str
    ages: frozenset[int]
    """Of the DBI stream, which symbol stores and images name, and of the info stream, which later tools count up."""

    def is_of(self, pdb: Pdb) -> bool:
        """True if it is the PDB an image names."""
        return self.guid == pdb.guid and pdb.age in self.ages


def identify(path: Path) -> Identity | None:
    """Whose PDB a file is; None where it is none, is cut short or larger than MAX_SIZE. Raises OSError."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(0)
        head = file.read(56)
        if len(head) < 56 or head[:32] != _MAGIC or size > MAX_SIZE:
            return None
        block, _, count, directory, _, block_map = struct.unpack_from("<6I", head, 32)
        if block not in (512, 1024, 2048, 4096, 8192, 16384, 32768) or count * block > size:
            return None
        return _identity(file, block, directory, block_map)


def _identity(file: BinaryIO, block: int, directory: int, block_map: int) -> Identity | None:
    blocks = -(-directory // block)
    if not 4 <= directory <= _MAX_DIRECTORY or 4 * blocks > block:
        return None
    file.seek(block_map * block)
    numbers = _numbers(file.read(4 * blocks))
    raw = b"".join(_read(file, block, number) for number in numbers)[:directory]
    words = _numbers(raw)
    if len(numbers) != blocks or len(raw) != directory or not words:
        return None
    info = _stream(file, block, words, _INFO)
    if len(info) < 28:
        return None
    _, _, age, first, second, third = struct.unpack_from("<IIIIHH", info)
    ages = {age}
    dbi = _stream(file, block, words, _DBI)
    if len(dbi) >= 12:
        ages.add(struct.unpack_from("<I", dbi, 8)[0])
    return Identity(f"{first:08X}{second:04X}{third:04X}{info[20:28].hex().upper()}", frozenset(ages))


def _numbers(raw: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])


def _read(file: BinaryIO, block: int, number: int) -> bytes:
    file.seek(number * block)
    return file.read(block)


def _stream(file: BinaryIO, block: int, words: tuple[int, ...], index: int) -> bytes:
    """The first block of a stream by the directory's words; empty where there is none."""
    sizes = words[1 : 1 + words[0]]
    if len(sizes) <= index or sizes[index] == _ABSENT:
        return b""
    before = sum(-(-size // block) for size in sizes[:index] if size != _ABSENT)
    at = 1 + words[0] + before
    return _read(file, block, words[at])[: sizes[index]] if sizes[index] and at < len(words) else b""


def store_path(pdb: Pdb) -> str:
    """Its place in a symbol store or below a server's address: NAME/GUIDAGE/NAME, the age in hexadecimal."""
    return f"{pdb.name}/{pdb.guid}{pdb.age:X}/{pdb.name}"


def places(folder: Path, pdb: Pdb) -> Iterator[Path]:
    """The files that would be the PDB in a folder of the symbol path: as a store, of one tier or two, and flat."""
    if folder.is_file():
        if folder.suffix.lower() == ".pdb":
            yield folder
        return
    whole = store_path(pdb)
    # Stores made on case-insensitive systems differ in case.
    for place in dict.fromkeys((whole, whole.lower(), whole.replace(pdb.guid, pdb.guid.lower()))):
        yield folder / place
        yield folder / pdb.name[:2].lower() / place
    for place in _FLAT:
        yield folder / place / pdb.name


def compressed(path: Path) -> Path:
    """The name under which a store keeps a file compressed: its last letter is `_`."""
    return path.with_name(path.name[:-1] + "_")
