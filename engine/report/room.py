"""Room on page one: how long its sentences may be so that everything stands on the one page.

Sentences of rules are short, but names out of casefiles are as long as somebody made them. The estimate is in lines of
the type of the body on A4; what is cut short stands whole in the chain of reasoning.
"""

from collections.abc import Iterable, Sequence

from . import figures
from .drawing import Chart

_LINES = 59.6
_ACROSS = 80
"""Characters in a line of an answer, measured in DejaVu Sans, which is the widest of the typefaces used."""
_ACROSS_HEADLINE = 62
_HEADLINE = 1.25
_AROUND = 9.0
"""Lines that the masthead, the row of confidences, rules and paddings take."""
_PARAGRAPH = 0.3
_UNITS_A_LINE = 18.9
_CAPTION = 1.8
_LIMITS = (600, 420, 320, 260, 220, 180, 150, 120, 90, 60)


def sentence_limit(headline: str, texts: Sequence[str], charts: Iterable[Chart]) -> int:
    """Characters that one sentence of page one may have, the headline half as many again."""
    drawn = _drawn(charts)
    for limit in _LIMITS:
        lines = _HEADLINE * _lines(headline, limit * 3 // 2, _ACROSS_HEADLINE)
        lines += sum(_lines(text, limit, _ACROSS) + _PARAGRAPH for text in texts if text)
        if lines + drawn + _AROUND <= _LINES:
            return limit
    return _LIMITS[-1]


def tallest(charts: Iterable[Chart]) -> str:
    """The picture that has a column for itself: the lines over time, else the tags."""
    return "growth" if any(chart.key == "growth" for chart in charts) else "tags"


def _lines(text: str, limit: int, across: int) -> int:
    shown = figures.visible(figures.clip(text, limit))
    # What is not ASCII may be twice as wide.
    return -(-(len(shown) + sum(not character.isascii() for character in shown)) // across)


def _drawn(charts: Iterable[Chart]) -> float:
    """Lines the pictures take: two columns, the tallest in one, the others in the other."""
    columns = {True: 0.6, False: 0.6}
    charts = tuple(charts)
    alone = tallest(charts)
    for chart in charts:
        columns[chart.key == alone] += chart.height / _UNITS_A_LINE + _CAPTION
    return max(columns.values())
