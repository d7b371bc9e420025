"""What a picture is made of, measured here so that HTML and PDF show the same.

Nothing is told by colour alone: what the verdict speaks of is dark and set in bold, a remainder is hatched one way, a
gap the other way within a broken line, and every bar has its figure beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from . import figures
from .wording import Wording

WIDTH = 340
LABEL = 118
VALUE = 84
BAR = WIDTH - LABEL - VALUE
ROW = 17
THICK = 12
MAX_BARS = 6
_LABEL_CHARACTERS = 17
_HATCH = 4.0

Fill = Literal["plain", "marked", "rest", "gap"]
"""How a bar is filled: one of many, what the verdict speaks of, the remainder, what does not add up."""


@dataclass(frozen=True, slots=True)
class Amount:
    """One thing to draw: its label, how much, the figure beside it, and its cells in the table of figures.

    `start` is where its bar begins, `limit` the amount a frame is drawn around, both in the unit of `amount`.
    """

    label: str
    amount: float
    text: str
    cells: tuple[str, ...]
    fill: Fill = "plain"
    limit: float | None = None
    start: float = 0.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar in drawing units; `hatch` is the path of its hatching, empty where it is filled."""

    label: str
    value: str
    y: float
    x: float
    length: float
    end: float
    """Where the figure beside it begins."""
    limit: float | None
    fill: Fill
    hatch: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One line over time in drawing units: its title, the path, the points, and what is written at both ends."""

    title: str
    y: float
    path: str
    points: tuple[tuple[float, float], ...]
    first: str
    last: str
    span: str
    marks: tuple[tuple[float, str], ...] = ()
    """Where a snapshot was taken, and its number."""


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture with its title, the same in words, and its figures as a table."""

    key: str
    title: str
    description: str
    bars: tuple[Bar, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    panels: tuple[Panel, ...] = ()
    WIDTH: ClassVar[int] = WIDTH
    LABEL: ClassVar[int] = LABEL
    THICK: ClassVar[int] = THICK

    @property
    def height(self) -> float:
        """Height of the drawing."""
        return len(self.panels) * PANEL + 2 if self.panels else len(self.bars) * ROW + 2


PANEL = 66
"""Height of one line with its title."""


def bar_chart(
    key: str, title: str, amounts: Sequence[Amount], columns: Sequence[str], wording: Wording, note: str = ""
) -> Chart:
    """A bar chart of the amounts, largest scale first come. `columns` are keys of headings of the table of figures."""
    scale = max(max(each.start + each.amount, each.limit or 0) for each in amounts) or 1
    words = "; ".join(f"{figures.clip(each.label, 60)} {each.text}" for each in amounts)
    return Chart(
        key,
        title,
        wording("chart.description", figures=words),
        tuple(_bar(each, number, BAR / scale) for number, each in enumerate(amounts)),
        tuple(wording(f"chart.column.{name}") for name in columns),
        tuple((figures.clip(each.label, 60), *each.cells) for each in amounts),
        note,
    )


def _bar(each: Amount, number: int, unit: float) -> Bar:
    x = round(LABEL + each.start * unit, 2)
    # What is there but too small to see keeps a hair's breadth: it is not nothing.
    length = round(max(each.amount * unit, 0.6 if each.amount > 0 else 0.0), 2)
    limit = None if each.limit is None else round(each.limit * unit, 2)
    y = number * ROW
    hatch = _hatching(x, y + 2.5, length, each.fill) if each.fill in ("rest", "gap") else ""
    end = max(x + length, LABEL + (limit or 0.0))
    label = figures.clip(figures.visible(each.label), _LABEL_CHARACTERS)
    return Bar(label, each.text, y, x, length, round(end, 2), limit, each.fill, hatch)


def _hatching(x: float, y: float, length: float, fill: Fill) -> str:
    """Slanted strokes within a bar, as a path: a pattern would need a name that is unique in a page."""
    strokes = []
    place = _HATCH
    while place < length + THICK:
        left, right = max(place - THICK, 0.0), min(place, length)
        low, high = y + THICK - (left - (place - THICK)), y + (place - right)
        if fill == "gap":
            low, high = 2 * y + THICK - low, 2 * y + THICK - high
        strokes.append(f"M{x + left:.1f} {low:.1f}L{x + right:.1f} {high:.1f}")
        place += _HATCH
    return "".join(strokes)
