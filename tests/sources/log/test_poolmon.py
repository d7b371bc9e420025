import pytest
from parsing import notes, of, only, read, shown

from dumptriage.facts import Value
from dumptriage.sources.log.poolmon import PARSERS

KB = 1024

HEADER = """\
 Memory:33473120K Avail:20055132K  PageFlts:     5   InRam Krnl:10444K P:1843072K
 Commit:15035764K Limit:67027552K Peak:16677444K            Pool N:1023400K P:1955448K
 System pool information
 Tag  Type     Allocs            Frees            Diff   Bytes       Per Alloc

"""


def test_the_header() -> None:
    log = read(HEADER, PARSERS)
    assert dict(only(log, "memory").fields) == {
        "physical_bytes": 33473120 * KB,
        "available_bytes": 20055132 * KB,
        "committed_bytes": 15035764 * KB,
        "commit_limit_bytes": 67027552 * KB,
        "peak_commit_bytes": 16677444 * KB,
    }
    assert [shown(pool, "type", "used_bytes") for pool in of(log, "pool")] == [
        ("nonpaged", 1023400 * KB),
        ("paged", 1955448 * KB),
    ]


@pytest.mark.parametrize(
    ("row", "fields"),
    [
        (
            " Wait Nonp    3971107 (   0)   3971077 (   0)       30    8456 (     0)    281",
            ("Wait", "nonpaged", 30, None),
        ),
        ("CM       Paged     1283  ( 0)    1002  ( 0)     281    1377312   ( 0)    4901", ("CM  ", "paged", 281, None)),
        (" Dh 1 Paged        24 (   0)        24 (   0)        0       0 (     0)      0", ("Dh 1", "paged", 0, None)),
        (" NtFB Paged 10 ( 0) 3 ( -1) 7 9 ( 0) 1 [ntfs.sys  -  BitmpSup.c]", ("NtFB", "paged", 7, "ntfs.sys")),
        (
            " HidC Nonp  10 ( 0) 3 ( 0) 7 9 ( 0) 1 [a][hidclass.sys - HID Class d ",
            ("HidC", "nonpaged", 7, "hidclass.sys"),
        ),
        (" 1MEM Nonp  10 3 7 9 1   Unknown Driver", ("1MEM", "nonpaged", 7, None)),
    ],
)
def test_rows(row: str, fields: tuple[Value | None, ...]) -> None:
    assert shown(only(read(row, PARSERS), "tag"), "tag", "pool", "outstanding", "owner") == fields


def test_session_pool_and_a_cut_list() -> None:
    row = " GDev Paged       108 (   0)       102 (   0)        6   20272 (     0)   3378\n ...\n"
    log = read(HEADER.replace("System pool", "Session 0 pool") + row, PARSERS)
    assert only(log, "tag").get("pool") == "session"
    assert notes(log) == [("cut-list", "tags")]


def test_counters_that_contradict_one_another_are_suspect() -> None:
    assert only(read(" Abcd Nonp 10 ( 0) 3 ( 0) 9 64 ( 0) 7", PARSERS), "tag").quality == "suspect"
