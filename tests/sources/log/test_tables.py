import pytest
from parsing import notes, of, only, read, shown

from dumptriage.facts import Value
from dumptriage.sources.log.tables import PARSERS

MB = 2**20

GROWTH = """\
| tag | delta over 4.91 days | ratio vs WCsc |
|---|---|---|
| `WCsc` (stream context) | 503,677 | 1.000 |
| `IoFE` | 1,006,714 | 1.999 |

after the table
"""

SHARES = """\
Tag    NP_MB      share
NtFC   21353.2    97.1%   <-- 65.5% of installed RAM
HalD      64.4     0.29%
--- total tagged nonpaged = 21982 MB
"""


def test_a_table_of_growth() -> None:
    log = read(GROWTH, PARSERS)
    first, second = of(log, "growth")
    assert shown(first, "quantity", "tag", "change", "unit") == ("tag", "WCsc", 503677, "allocations")
    assert first.get("span_s") == pytest.approx(4.91 * 86400)
    assert first.get("per_hour") == pytest.approx(4274.2, abs=0.1)
    assert (second.get("tag"), second.get("change"), second.quality) == ("IoFE", 1006714, "rounded")
    assert notes(log) == [("low-precision", "tags")]


def test_a_table_of_megabytes_and_shares() -> None:
    log = read(SHARES, PARSERS)
    assert [shown(fact, "tag", "pool", "bytes", "share_of_pool") for fact in of(log, "tag")] == [
        ("NtFC", "nonpaged", round(21353.2 * MB), 97.1),
        ("HalD", "nonpaged", round(64.4 * MB), 0.29),
    ]
    pool = only(log, "pool")
    assert (pool.get("type"), pool.get("used_bytes"), pool.quality) == ("nonpaged", 21982 * MB, "rounded")


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("Tag  Allocs  Frees  Diff  Bytes\nAbcd  1,000  400  600  38,400\n", (None, 1000, 400, 600, 38400)),
        ("| Bytes | Diff | Tag |\n|---:|---:|---|\n| 38,400 | 600 | Abcd |\n", (None, None, None, 600, 38400)),
        ("| Tag | Type | Allocs | Frees |\n| Abcd | Nonp | 1000 | 400 |\n", ("nonpaged", 1000, 400, 600, None)),
        ("| Pool tag | Paged KB |\n| `Abcd` | 2 |\n", ("paged", None, None, None, 2048)),
        ("Tag\tType\tSize\nAbcd\tPaged\t1.5 GB\n", ("paged", None, None, None, 3 * 2**29)),
        ("Tag,Type,Allocs,Frees,Bytes\nAbcd,Nonp,1000,400,38400\n", ("nonpaged", 1000, 400, 600, 38400)),
        ('"Tag","Diff","Bytes"\n"Abcd","600","38,400"\n', (None, None, None, 600, 38400)),
        ("Tag;Bytes\nAbcd;38.400\n", (None, None, None, None, 38400)),
        ("Tag, Bytes\nAbcd, 38400\n", (None, None, None, None, 38400)),
        ("| tag | live | % freed |\n| Abcd | 7 | 12 % |\n", (None, None, None, 7, None)),
    ],
)
def test_columns_in_any_order(text: str, fields: tuple[Value | None, ...]) -> None:
    fact = only(read(text, PARSERS), "tag")
    assert shown(fact, "pool", "allocs", "frees", "outstanding", "bytes") == fields
    assert (fact.get("tag"), fact.quality) == ("Abcd", "rounded")


def test_growth_in_megabytes() -> None:
    fact = only(read("| Tag | Growth in 2 hours (MB) |\n| Abcd | 64 |\n", PARSERS), "growth")
    assert shown(fact, "change", "unit", "per_hour") == (64 * MB, "bytes", 32.0 * MB)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("WCsc     874 alloc /     0 free /   874 live      0.0% freed", ("WCsc", 874, 0, 874)),
        ("WCri   1,137 alloc /   263 free /   874 live", ("WCri", 1137, 263, 874)),
        ("Irp 50 allocs, 20 frees", ("Irp ", 50, 20, 30)),
    ],
)
def test_lines_that_name_their_figures(line: str, fields: tuple[Value, ...]) -> None:
    fact = only(read(line, PARSERS), "tag")
    assert shown(fact, "tag", "allocs", "frees", "outstanding") == fields
    assert fact.get("pool") is None


@pytest.mark.parametrize(
    "text",
    [
        "The tag table shows 5 allocations.",
        "| tag | remark |\n| Abcd | 5 |\n",
        "| name | bytes |\n| Abcd | 5 |\n",
        "| tag | bytes |\n",
        "Tag: it is 30 MB\nand more",
        "| tag | bytes |\n| too long a tag | 5 |\n",
        "total 5 MB nonpaged",
    ],
)
def test_other_text_gives_nothing(text: str) -> None:
    assert not read(text, PARSERS).facts


@pytest.mark.parametrize(
    "text",
    [
        "| Tag | Type | Frees | Diff | Bytes |\n| Abcd | Nonp | 44 100 100 | 44 110 231 | 11 292 219 136 |\n",
        "Tag  Typ  Freigaben  Differenz  Bytes\nAbcd  Nonp  44.100.100  44.110.231  11.292.219.136\n",
        "Tag  Type  Frees  Diff  Bytes\nAbcd  Nonp  44'100'100  44'110'231  11'292'219'136\n",
        "Tag Type Frees Diff Bytes\nAbcd Nonp 44\u202f100\u202f100\t44\u202f110\u202f231"
        "\t11\u202f292\u202f219\u202f136\n",
        "| Tag | Pool | Libérations | Différence | Octets |\n"
        "| Abcd | non paginé | 44 100 100 | 44 110 231 | 11 292 219 136 |\n",
    ],
)
def test_digits_in_groups_of_three(text: str) -> None:
    fact = only(read(text, PARSERS), "tag")
    assert shown(fact, "pool", "frees", "outstanding", "bytes") == ("nonpaged", 44100100, 44110231, 11292219136)


def test_german_titles_and_fractions() -> None:
    text = """\
| Tag | Pool | Größe (MB) | Anteil |
|---|---|---:|---:|
| Abcd | nicht ausgelagert | 14.210 | 91,2 % |
| Efgh | ausgelagert | 180,5 | 1,3 % |
"""
    assert [shown(fact, "pool", "bytes", "share_of_pool") for fact in of(read(text, PARSERS), "tag")] == [
        ("nonpaged", 14210 * MB, 91.2),
        ("paged", round(180.5 * MB), 1.3),
    ]


@pytest.mark.parametrize(
    "row",
    [
        "| Abcd | 1.234,567.890 | 5 |",  # two marks, each of groups
        "| Abcd | 12 34 | 5 |",
        "| Abcd | 5 |",  # a column is missing
    ],
)
def test_a_row_that_cannot_be_read_for_certain_is_left_out(row: str) -> None:
    log = read(f"| Tag | Bytes | Diff |\n|---|---|---|\n{row}\n| Efgh | 1,024 | 2 |\n", PARSERS)
    assert shown(only(log, "tag"), "tag", "bytes", "outstanding") == ("Efgh", 1024, 2)
    assert ("not-understood", "tags") in notes(log)


def test_more_figures_than_columns() -> None:
    log = read("Tag Bytes Diff\nAbcd 11 292 219 136\nEfgh 1024 2\n", PARSERS)
    assert shown(only(log, "tag"), "tag", "bytes") == ("Efgh", 1024)
