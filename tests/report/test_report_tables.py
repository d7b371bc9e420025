"""The evidence tables: rows, order, and widths that fit the page."""

import pytest
import report_cases

from dumptriage.report import tables
from dumptriage.report.wording import load


def table(name: str, key: str) -> tables.Table:
    groups = tables.build(report_cases.ALL[name](), load(), {})
    return next(table for group in groups for table in group.tables if table.key == key)


def test_largest_tag_first_and_marked() -> None:
    rows = table("leak", "tag").rows
    assert rows[0].marked
    assert rows[0].cells[0] == "Thre"
    assert not rows[1].marked


def test_sizes_are_exact() -> None:
    assert "208,968,960" in table("leak", "tag").rows[0].cells


def test_handles_of_the_holder_add_up() -> None:
    shown = table("leak", "holder_handles")
    place = [column.label for column in shown.columns].index("Count")
    assert sum(int(row.cells[place].replace(",", "")) for row in shown.rows) == 388_386


@pytest.mark.parametrize("name", report_cases.ALL)
def test_columns_share_the_whole_width(name: str) -> None:
    for group in tables.build(report_cases.ALL[name](), load(), {}):
        for each in group.tables:
            assert sum(column.percent for column in each.columns) == pytest.approx(100, abs=0.2)
            assert 40 <= each.percent <= 100
            assert all(len(row.cells) == len(each.columns) for row in each.rows)
