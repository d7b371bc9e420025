import pytest
from parsing import of, only, read, shown

from dumptriage.sources.log.poolfind import PARSERS

OLD = """\
Scanning large pool allocation table for Tag: Thre (827d1000 : 827e9000)

Searching NonPaged pool (81093000 : 89093000) for Tag: Thre

81098000 size:  280 previous size:    0  (Allocated) Thre (Protected)

81098380 size:  280 previous size:  100  (Allocated) Thre (Protected)
81098600 size:   40 previous size:  280  (Free)      Thre
81098880 size:  300 previous size:  280  (Allocated) Thre (Protected)
"""

NEW = """\
Scanning large pool allocation table for tag 0x61646d61 (amda) (ffffda0fe5b10000 : ffffda0fe5f10000)

ffffda0ff9791000 : tag amda, size    0x18f0, Nonpaged pool

Searching nonpaged pool (ffffda0000000000 : ffffea0000000000) for tag 0x61646d61 (amda)

ffffda000a9b6d30 : tag amda, size     0x140, Nonpaged pool
ffffda000a9e0010 : tag amda, size     0x140, Nonpaged pool
... All 0x140 nonpaged
ffffda000f198e80 : tag amda, size     0x140, Nonpaged pool

...terminating - searched pool to ffffda000fb7df50
"""


def test_old_layout_counts_without_free_blocks() -> None:
    census = only(read(OLD, PARSERS), "census")
    assert shown(census, "tag", "pool", "blocks", "bytes", "main_size") == ("Thre", "nonpaged", 3, 0x800, 0x280)
    assert census.get("main_share") == pytest.approx(66.67, abs=0.01)
    assert shown(census, "range_start", "range_end") == ("81093000", "89093000")
    assert census.get("first_blocks") == "81098000 81098380 81098880"


def test_new_layout() -> None:
    census = only(read(NEW, PARSERS), "census")
    assert shown(census, "tag", "pool", "blocks", "main_size", "complete") == ("amda", "nonpaged", 4, 0x140, False)
    assert census.quality == "lower-bound"


@pytest.mark.parametrize(
    ("end", "complete"),
    [
        ("", False),
        ("...terminating - searched pool to 82000000", False),
        ("......", False),
        ("Searching NonPaged pool (fe7c3000 : ffbe0000) for Tag: Thre", True),
        ("Searching NonPaged pool (fe7c3000 : ffbe0000) for Tag: Thre\n...terminating - searched", False),
    ],
)
def test_complete_only_where_the_search_went_on_to_the_next_range(end: str, complete: bool) -> None:
    census = only(read(OLD + end, PARSERS), "census")
    assert census.get("complete") is complete
    assert census.quality == ("exact" if complete else "lower-bound")


def test_two_searches_are_two() -> None:
    second = OLD.replace("NonPaged", "Paged").replace("Thre", "SeSd")
    facts = of(read(OLD + second, PARSERS), "census")
    assert [shown(fact, "tag", "pool") for fact in facts] == [("Thre", "nonpaged"), ("SeSd", "paged")]


def test_rows_without_banner_and_first_blocks_are_bounded() -> None:
    rows = "".join(f"ffffda000a9b{number:04x} : tag Proc, size     0xb70, Nonpaged pool\n" for number in range(20))
    census = only(read(rows, PARSERS), "census")
    assert shown(census, "tag", "blocks", "range_start") == ("Proc", 20, None)
    assert len(str(census.get("first_blocks")).split()) == 8


def test_irpfind_and_an_empty_search_give_nothing() -> None:
    banner = "Scanning large pool allocation table for Tag '{}' (fffffa801a333000 : fffffa801a3f3000)\n"
    assert not read(banner.format("Irp?") + "  Irp            [ Thread ]         irpStack: (Mj,Mn)\n", PARSERS).facts
    assert not read(banner.format("Abcd"), PARSERS).facts
