import pytest
from parsing import notes, of, only, read, shown

from dumptriage.facts import Value
from dumptriage.sources.log.poolused import PARSERS, split_row

TWO_SIDES = "  Pool Used:\n            NonPaged            Paged\n Tag    Allocs     Used    Allocs     Used\n"
FIELDS = ("tag", "pool", "allocs", "frees", "outstanding", "bytes")

Row = tuple[Value | None, ...]


def rows(text: str) -> list[Row]:
    return [shown(fact, *FIELDS) for fact in of(read(text, PARSERS), "tag")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(
            "   Sorting by NonPaged Pool Consumed\n\n\n  Pool Used:\n\n            NonPaged            Paged\n\n"
            " Tag    Allocs     Used    Allocs     Used\n\n"
            " Thre   326514 208968960         0       0\n\n Irp      1158   508800         0        0\n",
            [
                ("Thre", "nonpaged", 326514, None, 326514, 208968960),
                ("Irp ", "nonpaged", 1158, None, 1158, 508800),
            ],
            id="Windows 2000, doubled line spacing",
        ),
        pytest.param(
            "   Sorting by  NonPaged Pool Consumed\n\n  Pool Used:\n            NonPaged\n"
            " Tag    Allocs    Frees     Diff     Used\n"
            " File 32630649 32618671    11978  3752928  File objects\n",
            [("File", "nonpaged", 32630649, 32618671, 11978, 3752928)],
            id="Vista, flag 3, nonpaged only",
        ),
        pytest.param(
            "                            NonPaged                                         Paged\n"
            " Tag       Allocs       Frees      Diff         Used       Allocs       Frees      Diff         Used\n\n"
            " APpt         968           0       968       124112       109457      107115      2342       255952"
            "\tUNKNOWN pooltag 'APpt', please update pooltag.txt\n",
            [
                ("APpt", "nonpaged", 968, 0, 968, 124112),
                ("APpt", "paged", 109457, 107115, 2342, 255952),
            ],
            id="Windows 10, verbose",
        ),
        pytest.param(
            "    Sorting by Paged Pool Consumed\n    Pool Used:\n                NonPaged            Paged     \n"
            "    Tag    Allocs     Used    Allocs     Used \n    Gla5        1      128      2222   924352 \n",
            [("Gla5", "nonpaged", 1, None, 1, 128), ("Gla5", "paged", 2222, None, 2222, 924352)],
            id="indented",
        ),
        pytest.param(
            " Tag    Allocs     Used\n Strg     2222   924352\n",
            [("Strg", None, 2222, None, 2222, 924352)],
            id="one side, not said which",
        ),
        pytest.param(
            "Sorting by Paged Pool Consumed\n Tag    Allocs     Used\n Strg     2222   924352\n",
            [("Strg", "paged", 2222, None, 2222, 924352)],
            id="one side, told by the sort",
        ),
        pytest.param(
            "MmSt 2 900 5 7000 Mm section object prototype ptes , Binary: nt!mm\nplain words\n",
            [("MmSt", "nonpaged", 2, None, 2, 900), ("MmSt", "paged", 5, None, 5, 7000)],
            id="a row without its heading",
        ),
    ],
)
def test_layouts(text: str, found: list[Row]) -> None:
    assert rows(text) == found


@pytest.mark.parametrize(
    ("line", "tag", "used", "description", "owner"),
    [
        (
            " 1394        1      520         0        0UNKNOWN pooltag '1394', please update pooltag.txt",
            "1394",
            520,
            0,
            0,
        ),
        (
            " 8042        4     3944         0        0PS/2 kb , Binary: i8042prt.sys",
            "8042",
            3944,
            "PS/2 kb",
            "i8042prt.sys",
        ),
        (
            " ohci        1      136         0        01394 OHCI host driver ",
            "ohci",
            136,
            "1394 OHCI host driver",
            None,
        ),
        (
            " rx..       3     1248         0        0UNKNOWN pooltag '  rx', please update pooltag.txt",
            "  rx",
            1248,
            0,
            0,
        ),
        (" Dh 1       3     1248         0        0", "Dh 1", 1248, None, None),
        (" AGP        3     1248         0        0UNKNOWN pooltag ‘AGP ’, please", "AGP ", 1248, 0, 0),
        (" -UMD       3     1248         0        0\tUser mode driver", "-UMD", 1248, "User mode driver", None),
    ],
)
def test_tags_by_column_and_glued_descriptions(
    line: str, tag: str, used: int, description: str | int | None, owner: str | int | None
) -> None:
    (fact,) = of(read(TWO_SIDES + line, PARSERS), "tag")
    assert shown(fact, "tag", "bytes", "description", "owner") == (tag, used, description or None, owner or None)


def test_total_row_gives_the_pools_and_ends_the_list() -> None:
    log = read(
        TWO_SIDES + " Abcd    3   96   0   0\n TOTAL     3570214 209120008     38769 13066104\n Efgh 1 2 3 4\n", PARSERS
    )
    assert [shown(fact, "type", "used_bytes") for fact in of(log, "pool")] == [
        ("nonpaged", 209120008),
        ("paged", 13066104),
    ]
    assert [fact.get("tag") for fact in of(log, "tag")] == ["Abcd"]
    assert notes(log) == []


@pytest.mark.parametrize("end", ["", "\n ...\n", "\n…\n Efgh     4     5    0    0\n"])
def test_an_excerpt_is_noted_and_each_row_stands(end: str) -> None:
    log = read(TWO_SIDES + " Abcd    3   96   0   0" + end, PARSERS)
    assert notes(log) == [("cut-list", "tags")]
    assert {fact.quality for fact in of(log, "tag")} == {"exact"}


def test_counters_that_contradict_one_another_are_suspect() -> None:
    log = read(" NonPaged\n Tag Allocs Frees Diff Used\n Abcd 10 3 9 64\n", PARSERS)
    assert [fact.quality for fact in of(log, "tag")] == ["suspect"]
    assert ("impossible-counter", "tags") in notes(log)


def test_a_side_without_allocations_gives_no_fact() -> None:
    assert rows(TWO_SIDES + " Abcd    0   0   0   0\n") == []


@pytest.mark.parametrize("text", ["Paged\nthe rest is prose", "Sorting by hand takes long", "Pool Used:", "Paged 1 2"])
def test_prose_is_no_table(text: str) -> None:
    assert not read(text, PARSERS).facts


def test_a_row_needs_all_its_numbers() -> None:
    assert split_row(" Abcd 1 2 3", 4) is None
    assert split_row("", 4) is None


@pytest.mark.parametrize("mark", [",", ".", "'", " ", "\u00a0", "\u202f"])
def test_thousands_separators(mark: str) -> None:
    text = f"""\
               NonPaged                  Paged
 Tag     Allocs         Used     Allocs         Used
 Vxm3  18{mark}110{mark}442   5{mark}215{mark}807{mark}296          0            0\tUNKNOWN pooltag 'Vxm3'
 EtwB       190     50{mark}331{mark}648          4       163{mark}840\tEtw Buffer , Binary: nt!etw
"""
    tags = of(read(text, PARSERS), "tag")
    assert [shown(fact, "tag", "pool", "outstanding", "bytes") for fact in tags] == [
        ("Vxm3", "nonpaged", 18110442, 5215807296),
        ("EtwB", "nonpaged", 190, 50331648),
        ("EtwB", "paged", 4, 163840),
    ]


def test_a_row_whose_numbers_do_not_fit_the_columns_is_left_out() -> None:
    text = """\
               NonPaged                  Paged
 Tag     Allocs         Used     Allocs         Used
 Vxm3 18 110 442 215 807 296 0 0 ?
 Abcd  5.215,807    12   0   0
 File     30110     12044000          0            0
"""
    log = read(text, PARSERS)
    assert shown(only(log, "tag"), "tag", "bytes") == ("File", 12044000)
    assert ("not-understood", "tags") in notes(log)
