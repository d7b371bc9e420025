"""The evidence tables: rows, order, and widths that fit the page."""

import pytest
import report_cases

from dumptriage.facts import new
from dumptriage.report import tables
from dumptriage.report.wording import load


def table(name: str, key: str) -> tables.Table:
    groups = tables.build(report_cases.ALL[name](), load(), {})
    return next(table for group in groups for table in group.tables if table.key == key)


def test_what_grew_is_told_in_words_and_a_forecast_ends_with_the_year() -> None:
    diagnosis = report_cases.leak()
    ptes = new("growth", source="a.log:1", quantity="memory", subject="free_system_ptes", unit="count", hours_left=71.4)
    pool = new("growth", source="a.log:1", quantity="pool", subject="nonpaged", unit="bytes", hours_left=18_802.3)
    diagnosis.case.add(ptes)
    diagnosis.case.add(pool)
    (growth,) = (each for group in tables.build(diagnosis, load(), {}) for each in group.tables if each.key == "growth")
    names = [column.label for column in growth.columns]
    assert [(row.cells[0], row.cells[names.index("Hours left")]) for row in growth.rows] == [
        ("free system page table entries", "71.4"),
        ("nonpaged pool", "> 8,760"),
    ]


def test_words_are_not_broken_for_the_sake_of_figures() -> None:
    diagnosis = report_cases.leak()
    for number in range(3):
        diagnosis.case.add(
            new(
                "growth", source="a.log:1", quantity="tag", subject=f"Tag{number}", tag=f"Tag{number}", pool="nonpaged",
                last=16_575_889_408, change=-1_061_158_912, unit="allocations", per_hour=44_215_194.2, span_s=86_340,
                course="two readings",
            )
        )  # fmt: skip
    (growth,) = (each for group in tables.build(diagnosis, load(), {}) for each in group.tables if each.key == "growth")
    widths = {column.label: column.percent for column in growth.columns}
    assert widths["Unit"] > 9


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
