import pytest

from dumptriage.sources.log.numbers import count, decimal_mark, joined, read


@pytest.mark.parametrize(
    ("text", "whole", "point", "number"),
    [
        ("11 292 219 136", True, None, 11292219136),
        ("9.315.270.400", True, None, 9315270400),
        ("9'315'270'400", True, None, 9315270400),
        ("9,315,270,400", True, None, 9315270400),
        ("14.210,5", False, None, 14210.5),
        ("14,210.5", False, None, 14210.5),
        ("14 210,5", False, None, 14210.5),
        ("14.210", True, None, 14210),
        ("14.210", False, None, 14.21),
        ("14.210", False, ",", 14210),
        ("14,210", False, None, 14210),
        ("14,210", False, ",", 14.21),
        ("0,125", False, None, 0.125),
        ("91,2 %", False, None, 91.2),
        ("-1 024", True, None, -1024),
        ("~ 12 MB", False, None, 12),
        ("2560", True, None, 2560),
    ],
)
def test_one_grammar_of_numbers(text: str, whole: bool, point: str | None, number: float) -> None:
    found = read(text, whole=whole, point=point)
    assert found is not None and found[0] == pytest.approx(number)


@pytest.mark.parametrize("text", ["1.234,567.890", "12 34", "1,23,456", "1.234.56", "1 234.567 890", "91.2"])
def test_digits_that_make_no_whole_number(text: str) -> None:
    with pytest.raises(ValueError, match="is no"):
        read(text, whole=True, point=None)


@pytest.mark.parametrize("text", ["", "-", "n/a", "none"])
def test_no_number(text: str) -> None:
    assert read(text, whole=True, point=None) is None


def test_what_stands_behind_a_number() -> None:
    assert read("38 400 KB", whole=False, point=None) == (38400, " KB")


@pytest.mark.parametrize(
    ("texts", "mark"),
    [
        (["14.210,5", "7"], ","),
        (["9.315.270.400"], ","),
        (["1,024", "0.29%"], "."),
        (["1,024,000"], "."),
        (["14.210", "1,024"], None),
        (["1,5", "1.5"], None),
    ],
)
def test_the_mark_of_fractions_of_a_table(texts: list[str], mark: str | None) -> None:
    assert decimal_mark(texts) == mark


def test_groups_are_joined() -> None:
    assert joined("18 110 442   5 215 807 296          0") == "18110442   5215807296          0"
    assert joined("1394 OHCI") == "1394 OHCI"
    assert count("18,110,442") == count("18 110 442") == 18110442
