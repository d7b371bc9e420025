from pathlib import Path

import pytest
from parsing import notes, of, only, read, read_file, shown

from dumptriage.sources.log import system
from dumptriage.sources.log.modules import PARSERS, place_hits

VERBOSE = """\
start             end                 module name
fffff807`84da0000 fffff807`84da7000   leaky      (no symbols)
    Loaded symbol image file: leaky.sys
    Image path: \\SystemRoot\\System32\\drivers\\leaky.sys
    Image name: leaky.sys
    Browse all global symbols  functions  data
    Timestamp:        Fri Sep 29 11:45:20 2023 (65171B40)
    CheckSum:         0000B084
    ImageSize:        00007000
    File version:     1.2.3.4
    Product version:  1.2.0.0
    File flags:       0 (Mask 3F)
    Translations:     0409.04b0
    Information from resource tables:
        CompanyName:      Leaky Software GmbH
        ProductName:      Leaky
        FileDescription:  Leaky filter driver
        LegalCopyright:   (C) Leaky
"""


def test_lmvm() -> None:
    fact = only(read(VERBOSE, PARSERS), "module")
    assert dict(fact.fields) == {
        "name": "leaky",
        "base": "fffff80784da0000",
        "size": 0x7000,
        "path": "\\SystemRoot\\System32\\drivers\\leaky.sys",
        "file": "leaky.sys",
        "timestamp": "2023-09-29T18:45:20Z",
        "checksum": "0000B084",
        "version": "1.2.3.4",
        "company": "Leaky Software GmbH",
        "product": "Leaky",
        "description": "Leaky filter driver",
    }
    assert fact.verify == "lmvm leaky"


@pytest.mark.parametrize(
    ("line", "stamp"),
    [
        ("Timestamp:        Fri Sep 29 11:45:20 2023 (65171B40)", "2023-09-29T18:45:20Z"),
        ("Timestamp:        Fri Sep 29 11:45:20 2023", None),
        ("Timestamp:        unavailable (00000000)", None),
        ("Timestamp:        A1B2C3D4 (This is a reproducible build file hash, not a timestamp)", "a1b2c3d4"),
    ],
)
def test_a_time_stamp_is_taken_from_the_hex_value(line: str, stamp: str | None) -> None:
    text = VERBOSE.replace("Timestamp:        Fri Sep 29 11:45:20 2023 (65171B40)", line)
    assert only(read(text, PARSERS), "module").text("timestamp") == stamp


@pytest.mark.parametrize(
    ("row", "file", "stamp"),
    [
        ("804d7000 806cd280   nt         (deferred)", None, None),
        ("804d7000 806cd280   nt         (pdb symbols)          c:\\sym\\ntkrnlpa.pdb\\X\\ntkrnlpa.pdb", None, None),
        (
            "804d7000 806cd280   nt         ntkrnlpa.exe Wed Aug 04 02:19:48 2004 (41108004)",
            "ntkrnlpa.exe",
            "2004-08-04T06:19:48Z",
        ),
        ("804d7000 806cd280   nt         \\WINDOWS\\system32\\ntkrnlpa.exe", "ntkrnlpa.exe", None),
    ],
)
def test_rows(row: str, file: str | None, stamp: str | None) -> None:
    fact = only(read(f"start    end        module name\n{row}\n", PARSERS), "module")
    assert shown(fact, "name", "base", "size", "file", "timestamp") == ("nt", "804d7000", 0x1F6280, file, stamp)


def test_unloaded_modules() -> None:
    text = (
        "start    end        module name\n804d7000 806cd280   nt         (deferred)\n\nUnloaded modules:\n"
        "f7c2b000 f7c2c000   dump_x.sys\n    Timestamp: unavailable (00000000)\n    Checksum:  00000000\n"
        "f7d00000 f7d01000   dump_x.sys\n"
    )
    assert [shown(fact, "name", "unloaded") for fact in of(read(text, PARSERS), "module")] == [
        ("nt", None),
        ("dump_x.sys", True),
        ("dump_x.sys", True),
    ]


def test_rows_without_a_title_need_a_symbol_status() -> None:
    assert len(of(read("804d7000 806cd280   nt         (deferred)\n", PARSERS), "module")) == 1
    assert read("804d7000 806cd280   Thre some text\n", PARSERS).facts == []


MODULES = (
    "kd> lm\nstart             end                 module name\n"
    "fffff800`10000000 fffff800`11000000   nt         (deferred)\n"
    "fffff800`20000000 fffff800`20010000   leaky      (deferred)\n"
)
HITS = (
    "fffff800`10001010  54 68 72 65 48 89 5c 24-08 57 48 83 ec 20 8b f9  ThreH.\\$.WH.. ..\n"
    "fffff800`20003000  54 68 72 65 48 89 5c 24-08 57 48 83 ec 20 8b f9  ThreH.\\$.WH.. ..\n"
    "fffff800`20003800  54 68 72 65 48 89 5c 24-08 57 48 83 ec 20 8b f9  ThreH.\\$.WH.. ..\n"
)
SEARCH = 'kd> !for_each_module s -a @#Base @#End "Thre"\n'


def test_a_string_scan_is_counted_per_module() -> None:
    facts = of(read(MODULES + SEARCH + HITS, PARSERS), "tag_module")
    assert [shown(fact, "tag", "module", "hits", "how", "plausible") for fact in facts] == [
        ("Thre", "nt", 1, "string scan", False),
        ("Thre", "leaky", 2, "string scan", None),
    ]


def test_hits_outside_the_listed_modules_are_noted() -> None:
    log = read(SEARCH + HITS, PARSERS)
    assert (of(log, "tag_module"), notes(log)) == ([], [("not-recorded", "modules")])


def test_headings_name_the_module() -> None:
    first, second, third = HITS.splitlines()
    facts = of(read(f"{SEARCH}nt\n{first}\nmodule: leaky .rdata\n{second}\n{third}\n", PARSERS), "tag_module")
    assert [shown(fact, "module", "hits", "section") for fact in facts] == [("nt", 1, None), ("leaky", 2, ".rdata")]


def test_a_memory_display_is_no_scan() -> None:
    assert of(read(f"{MODULES}kd> db fffff800`10001010\n{HITS}", PARSERS), "tag_module") == []
    assert read("fffff800`10001010  54 68 72 65 48 89 5c 24-08 57 48 83 ec 20 8b f9  ThreH.\n", PARSERS).facts == []


def test_a_real_lmvm(shared: Path) -> None:
    fact = only(read_file(shared / "cases/09-neg-win11-vm1-after-bugcheck-7e/transcript.txt", PARSERS), "module")
    assert shown(fact, "name", "base", "timestamp") == ("EvilDriver", "fffff80784da0000", "2023-09-29T18:45:20Z")


SCAN = """\
0: kd> !for_each_module s -a @#Base @#End "Ndu "
fffff803`452014c1  4e 64 75 20 48 8d 15 11-22 00 00 8b d8 48 85 c0  Ndu H..."..H.....
"""
LATER = """\
0: kd> lm t n
start             end                 module name
fffff803`45200000 fffff803`45228000   Ndu      Ndu.sys      Thu Feb  9 10:01:00 2023 (63E4B65C)
"""
BANNER = "Kernel base = 0xfffff804`7bc00000 PsLoadedModuleList = 0xfffff803`2b02a2d0\n"


@pytest.mark.parametrize(("between", "kinds"), [("", {"tag_module": 1}), (BANNER, {"data_quality": 1})])
def test_modules_listed_below_a_search_place_its_hits(between: str, kinds: dict[str, int]) -> None:
    log = read(SCAN + between + LATER, PARSERS, system.PARSERS)
    place_hits(log)
    assert {kind: len(of(log, kind)) for kind in ("tag_module", "data_quality") if of(log, kind)} == kinds
