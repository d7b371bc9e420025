"""What the source recognises, what it refuses, and the headers of dumps that are not triage dumps."""

import struct

import pytest
from forge import Triage, bitmap, header64, triage64

from dumptriage.errors import CasefileError
from dumptriage.facts import Case, Casefile
from dumptriage.sources.dump import header_of, is_dump, read, unread


def case_of(data: bytes) -> Case:
    return read(data, Casefile("x.dmp", "0" * 64, len(data), "dump"))


def broken(case: Case) -> list[str]:
    return [q.text("text") or "" for q in case.of("data_quality") if q.text("problem") == "broken"]


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"PAGEDU64", True),
        (b"PAGEDUMP" + bytes(100), True),
        (b"MDMP\x93\xa7", True),
        (bytes(4096), True),
        (b"", False),
        (b"PAGE", False),
        (b"\x89PNG\r\n\x1a\n", False),
        (b"0: kd> !vm\r\n", False),
    ],
)
def test_is_dump(head: bytes, expected: bool) -> None:
    assert is_dump(head) is expected


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "the file is empty"),
        (b"MDMP" + bytes(200), "this is a user-mode minidump (MDMP), a kernel dump"),
        (bytes(70_000), "only zeros in its first 65,536 bytes"),
        (b"\x89PNG\r\n\x1a\n", "begins with 89 50 4e 47"),
        (triage64()[:0x1FFF], "ends after 8,191 bytes, within the 8,192-byte header"),
        (b"PAGEDUMP" + bytes(100), "within the 4,096-byte header"),
        (header64(77), "dump type 77"),
    ],
)
def test_refused_in_one_line(data: bytes, said: str) -> None:
    with pytest.raises(CasefileError) as refused:
        case_of(data)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (1, "full"),
        (2, "kernel"),
        (3, "header"),
        (5, "full bitmap"),
        (6, "kernel bitmap"),
        (7, "automatic"),
        (8, "kernel (type 8)"),
        (9, "kernel and user (type 9)"),
        (10, "complete (type 10)"),
    ],
)
def test_other_types_give_header_facts_and_can_say_what_was_not_read(number: int, name: str) -> None:
    data = header64(number, tail=bytes(0xFF * 4096))
    case = case_of(data)
    system = case.one("system")
    assert system is not None
    assert (system.text("dump_type"), system.int("ram_bytes")) == (name, 0xFF * 4096)
    assert (system.int("build"), system.text("bugcheck_name")) == (19041, "PAGE_FAULT_IN_NONPAGED_AREA")
    assert broken(case) == []
    notes = [q for q in unread(header_of(data)) if q.text("problem") == "not-read"]
    assert [q.text("subject") for q in notes] == ["pool", "tags", "handles", "processes", "modules"]
    assert all(".logopen" in (q.text("text") or "") for q in notes)


ARM64 = 0xAA64
"""Of x86 and x64 dumps the reader of kernel memory says what is missing."""


def test_full_dump_that_was_cut() -> None:
    (text,) = broken(case_of(header64(1, tail=bytes(4096), machine=ARM64)))
    assert text == "The file has 12,288 bytes of 1,052,672: it was cut when written or copied."


@pytest.mark.parametrize(
    ("sub_header", "said"),
    [
        (bitmap(b"SDMPDUMP", 0x3000, 0, 0x7000), None),
        (bitmap(b"FDMPDUMP", 0x3000, 2, 0x7000), "it was cut"),
        (bitmap(b"SDMPDUMP", 0x3000, 9, 8), "cannot be true"),
        (bitmap(b"SDMPDUMP", 0, 1, 8), "cannot be true"),
        (bitmap(b"SDMPDUMP", 0x3000, 1, 1 << 60), "cannot be true"),
        (bitmap(b"SDMPDUMP", 0x3000, 1, 1 << 38), "does not lie in the file"),
        (b"SDMPDUMP", "ends within the bitmap sub-header"),
        (bitmap(b"NOTHING!", 0, 9, 8), None),
    ],
)
def test_bitmap_sub_header_is_bounds_checked(sub_header: bytes, said: str | None) -> None:
    texts = broken(case_of(header64(6, tail=sub_header, machine=ARM64)))
    assert [said in text for text in texts] == [True] if said else texts == []


def test_header_without_a_crash() -> None:
    data = bytearray(b"PAGE" * 1024)
    data[0:8] = b"PAGEDUMP"
    struct.pack_into("<II", data, 8, 15, 3790)
    struct.pack_into("<III", data, 0x20, 0x14C, 2, 0)
    struct.pack_into("<IIII", data, 0x64, 1, 0x3FF, 1, 0x3FF)
    struct.pack_into("<I", data, 0xF88, 1)
    system = case_of(bytes(data)).one("system")
    assert system is not None
    assert system.fields == {
        "os": "Windows XP x64 or Windows Server 2003",
        "build": 3790,
        "architecture": "x86",
        "processors": 2,
        "ram_bytes": 0x3FF * 4096,
        "dump_type": "full",
        "bugcheck_code": 0,
        "live_dump": True,
        "pool_limits": "fixed",
    }


def test_memory_views_are_read_like_bytes() -> None:
    data = triage64(Triage())
    case = read(memoryview(data), Casefile("x", "0" * 64, len(data), "dump"))
    assert [f.id for f in case.facts] == [f.id for f in case_of(data).facts]
