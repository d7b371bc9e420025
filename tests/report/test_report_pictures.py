"""The pictures: only from facts that are there, each with its figures in a table and in words."""

from dataclasses import replace
from typing import Any

import pytest
import report_cases

from dumptriage.diagnosis import Diagnosis
from dumptriage.facts import Case, Fact, new
from dumptriage.report import chain, charts, graph
from dumptriage.report.drawing import BAR, LABEL, WIDTH, Chart
from dumptriage.report.wording import load


def pictures(diagnosis: Diagnosis) -> dict[str, Chart]:
    return {chart.key: chart for chart in charts.build(diagnosis, load())}


def having(*facts: Fact, base: Diagnosis | None = None) -> Diagnosis:
    """A diagnosis that knows nothing but these facts."""
    base = base or report_cases.healthy()
    return replace(base, case=Case(base.case.casefile, facts))


def memory(**fields: Any) -> Fact:
    return new("memory", source="a.log:1", **fields)


def rows(chart: Chart) -> dict[str, list[str]]:
    return {label: cells for label, *cells in chart.rows}


@pytest.mark.parametrize("name", report_cases.ALL)
def test_every_picture_has_its_figures_in_words_and_in_a_table(name: str) -> None:
    for chart in charts.build(report_cases.ALL[name](), load()):
        assert chart.title and chart.description
        assert chart.rows
        assert all(len(row) == len(chart.columns) for row in chart.rows)


@pytest.mark.parametrize("name", report_cases.ALL)
def test_bars_stay_within_the_picture(name: str) -> None:
    for chart in charts.build(report_cases.ALL[name](), load()):
        for bar in chart.bars:
            assert LABEL <= bar.x <= bar.x + bar.length <= LABEL + BAR + 1
            assert bar.end <= WIDTH


def test_without_facts_no_pictures() -> None:
    assert pictures(having()) == {}


def test_an_unknown_count_is_not_drawn_as_zero() -> None:
    processes = [new("process", source="a.log:1", pid=4 * n, image=f"p{n}.exe") for n in range(1, 5)]
    assert "processes" not in pictures(having(*processes))


def test_what_the_verdict_speaks_of_is_marked_and_the_rest_is_named() -> None:
    tags = pictures(report_cases.leak())["tags"]
    assert [bar.label for bar in tags.bars if bar.fill == "marked"] == ["Thre"]
    assert [bar.label for bar in tags.bars if bar.hatch] == ["56 other tags", "not in the list"]
    assert rows(tags)["Thre"][0] == "208,968,960"


def test_a_leaking_tag_is_drawn_even_where_it_is_small() -> None:
    base = report_cases.leak()
    kind = replace(base.verdict.kind, tags=("Tg57",))
    tags = pictures(replace(base, verdict=replace(base.verdict, kind=kind)))["tags"]
    assert [bar.label for bar in tags.bars if bar.fill == "marked"] == ["Tg57"]


def test_commit_that_does_not_add_up_shows_the_gap() -> None:
    chart = pictures(having(memory(committed_bytes=1000, private_bytes=400, shared_commit_bytes=100)))["commit"]
    assert rows(chart)["not accounted for"] == ["500", "50 %"]
    assert [bar.fill for bar in chart.bars] == ["plain", "plain", "rest", "marked"]
    # Each part begins where the one before it ends, so that one sees that they add up.
    assert chart.bars[1].x == pytest.approx(chart.bars[0].x + chart.bars[0].length, abs=0.1)


def test_parts_that_come_to_more_than_the_whole_are_said_to() -> None:
    chart = pictures(having(memory(committed_bytes=1000, private_bytes=900, shared_commit_bytes=300)))["commit"]
    assert rows(chart)["counted too much"] == ["200", "20 %"]
    assert "wrong" in chart.note


def test_one_known_part_is_no_balance() -> None:
    assert "commit" not in pictures(having(memory(committed_bytes=1000, private_bytes=400)))
    assert "ram" not in pictures(having(memory(physical_bytes=1000, kernel_stack_bytes=40, mdl_bytes=50)))


def test_pools_stand_in_for_counters_of_commitment_that_are_not_there() -> None:
    pool = new("pool", source="a.log:2", type="nonpaged", used_bytes=300)
    chart = pictures(having(memory(physical_bytes=1000, available_bytes=500), pool))["ram"]
    assert rows(chart)["nonpaged pool"] == ["300", "30 %"]
    assert rows(chart)["all other"] == ["200", "20 %"]


def dead(count: int, **more: Any) -> Fact:
    return new("dead_objects", source="a.log:3", type="Thread", owner_image="a.exe", count=count, **more)


def test_objects_alive_and_ended() -> None:
    total = new("object_type", source="a.log:4", type="Thread", objects=1000, tag="Thre")
    processes = [new("process", source="a.log:5", pid=4 * n, image="p.exe", threads=50) for n in (1, 2)]
    chart = pictures(having(total, dead(800), *processes))["objects"]
    assert rows(chart) == {"ended": ["800", "80 %"], "alive": ["100", "10 %"], "not told apart": ["100", "10 %"]}


def test_of_a_cut_list_of_processes_nobody_can_say_who_is_alive() -> None:
    total = new("object_type", source="a.log:4", type="Thread", objects=1000, tag="Thre")
    cut = new("data_quality", source="a.log:6", problem="cut-list", subject="processes", severity="warning", text="x")
    processes = [new("process", source="a.log:5", pid=4 * n, image="p.exe", threads=50) for n in (1, 2)]
    assert "alive" not in rows(pictures(having(total, dead(800), cut, *processes))["objects"])


def test_a_sample_is_drawn_as_one_and_only_if_it_is_not_tiny() -> None:
    assert "looked at: 10" in pictures(having(dead(9, sampled=10)))["objects"].title
    assert "objects" not in pictures(having(dead(1, sampled=2)))


def growth(readings: str | None, **more: Any) -> Fact:
    return new(
        "growth", source="a.log:7", quantity="tag", subject="Abcd", unit="allocations", readings=readings, **more
    )


def test_a_line_over_time() -> None:
    chart = pictures(having(growth("0=100 3600=200 7200=400")))["growth"]
    (panel,) = chart.panels
    assert (panel.first, panel.last, panel.span) == ("100", "400", "2 h")
    assert [x for x, _ in panel.points] == sorted(x for x, _ in panel.points)
    assert [y for _, y in panel.points] == sorted((y for _, y in panel.points), reverse=True)
    assert chart.rows[1] == ("Abcd", "1 h", "200", "allocations")


def test_a_tag_of_two_pools_is_told_apart_and_what_stayed_level_comes_last() -> None:
    paged = growth("0=12 3600=12", tag="Thre", pool="paged", change=0, course="level")
    nonpaged = growth("0=100 3600=200", tag="Thre", pool="nonpaged", change=100, course="two readings")
    panels = pictures(having(paged, nonpaged, base=report_cases.leak()))["growth"].panels
    assert [panel.title for panel in panels] == ["Abcd (nonpaged), allocations", "Abcd (paged), allocations"]


def test_readings_without_times_stand_in_order_and_are_said_to() -> None:
    chart = pictures(having(growth("100 200 400")))["growth"]
    assert chart.panels[0].span == ""
    assert "dates none" in chart.note


@pytest.mark.parametrize("readings", [None, "", "100", "0=1e9 2=x", "-5 -6"])
def test_what_is_no_line(readings: str | None) -> None:
    assert "growth" not in pictures(having(growth(readings, change=5)))


def figure(diagnosis: Diagnosis) -> graph.Graph | None:
    return graph.build(diagnosis, chain.build(diagnosis, load()), load())


def test_the_figure_of_the_chain_stands_on_facts() -> None:
    drawn = figure(report_cases.leak())
    assert drawn is not None
    kinds = [box.kind for box in drawn.boxes]
    assert kinds == sorted(kinds, key=["part", "rule", "fact"].index)
    assert kinds.count("part") == 4
    assert "Kind: thread handle leak rests on" in drawn.description
    for box in drawn.boxes:
        assert 0 <= box.x <= box.x + box.width <= graph.WIDTH
        assert 0 <= box.y <= box.y + box.height <= drawn.height


def test_boxes_do_not_overlap() -> None:
    drawn = figure(report_cases.leak())
    assert drawn is not None
    for number, one in enumerate(drawn.boxes):
        for other in drawn.boxes[number + 1 :]:
            apart = one.x + one.width <= other.x or other.x + other.width <= one.x
            assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y


def test_what_is_not_known_has_a_broken_line() -> None:
    base = report_cases.leak()
    unknown = replace(base.verdict.culprit, name=None, finding=None)
    drawn = figure(replace(base, verdict=replace(base.verdict, culprit=unknown)))
    assert drawn is not None
    assert [box.broken for box in drawn.boxes if box.kind == "part"].count(True) == 1


def test_a_healthy_verdict_stands_on_what_was_found_in_order() -> None:
    drawn = figure(report_cases.healthy())
    assert drawn is not None
    assert [box.kind for box in drawn.boxes] == ["part", "rule", "fact"]


def test_no_conclusion_no_figure() -> None:
    assert figure(report_cases.inconclusive()) is None


def test_the_figure_is_bounded() -> None:
    facts = {f"t{n}": new("tag", source="a.log:8", tag=f"T{n:03}", pool="paged", bytes=n) for n in range(60)}
    below = {
        f"s{n}": report_cases.finding(f"step.{n}", "step", "x", {f"t{n}": facts[f"t{n}"]}, about={"tag": f"T{n:03}"})
        for n in range(60)
    }
    top = report_cases.finding("kind.x", "kind", "x", {n: f.fact for n, f in below.items()}, label="x")
    base = report_cases.leak()
    kind = replace(base.verdict.kind, name="x", finding=top)
    unknown = replace(base.verdict.culprit, name=None, finding=None)
    verdict = replace(base.verdict, kind=kind, resource=unknown, holder=unknown, culprit=unknown)
    drawn = figure(replace(base, verdict=verdict, findings=(top, *below.values())))
    assert drawn is not None
    assert drawn.left_findings == 61 - graph.MAX_FINDINGS
    assert drawn.left_facts > 0
    assert drawn.height < 700
