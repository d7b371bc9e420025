"""The pictures as figures to draw: bars with labels, measured here so that HTML and PDF show the same."""

from dataclasses import dataclass

from ..diagnosis import Diagnosis
from ..facts import Case, Fact
from . import figures
from .headline import pool_of
from .wording import Wording

WIDTH = 340
LABEL = 104
VALUE = 84
BAR = WIDTH - LABEL - VALUE
ROW = 17
MAX_BARS = 6
_LABEL_CHARACTERS = 15


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar: `length` and `limit` (a frame around it, or None) in drawing units."""

    label: str
    value: str
    y: float
    length: float
    limit: float | None
    marked: bool


@dataclass(frozen=True, slots=True)
class Chart:
    """A bar chart with its title and the same in words."""

    key: str
    title: str
    description: str
    bars: tuple[Bar, ...]

    @property
    def height(self) -> float:
        """Height of the drawing."""
        return len(self.bars) * ROW + 2


@dataclass(frozen=True, slots=True)
class _Figure:
    label: str
    amount: float
    text: str
    marked: bool = False
    limit: float | None = None


def build(diagnosis: Diagnosis, wording: Wording) -> tuple[Chart, ...]:
    """The pictures the facts allow."""
    charts = (_pools(diagnosis, wording), _tags(diagnosis, wording), _handles(diagnosis, wording))
    return tuple(chart for chart in charts if chart)


def _chart(key: str, title: str, bars: list[_Figure], wording: Wording) -> Chart:
    scale = max(max(bar.amount, bar.limit or 0) for bar in bars) or 1
    drawn = tuple(
        Bar(
            figures.clip(figures.visible(bar.label), _LABEL_CHARACTERS),
            bar.text,
            number * ROW,
            round(max(bar.amount, 0) / scale * BAR, 2),
            None if bar.limit is None else round(bar.limit / scale * BAR, 2),
            bar.marked,
        )
        for number, bar in enumerate(bars)
    )
    words = "; ".join(f"{figures.clip(bar.label, 60)} {bar.text}" for bar in bars)
    return Chart(key, title, wording("chart.description", figures=words), drawn)


def _pools(diagnosis: Diagnosis, wording: Wording) -> Chart | None:
    """Use of each pool against its fixed maximum, or of all against RAM."""
    pools = [pool for pool in diagnosis.case.of("pool") if pool.int("used_bytes") is not None]
    fixed = [pool for pool in pools if pool.number("percent_of_max") is not None]
    subject = pool_of(diagnosis)
    if fixed:
        bars = [_against(pool, "percent_of_max", pool is subject, wording) for pool in fixed]
        return _chart("pools", wording("chart.pools.max"), bars, wording)
    sized = [pool for pool in pools if pool.number("percent_of_ram") is not None]
    if sized:
        bars = [_against(pool, "percent_of_ram", pool is subject, wording) for pool in sized]
        return _chart("pools", wording("chart.pools.ram"), bars, wording)
    return None


def _against(pool: Fact, share: str, marked: bool, wording: Wording) -> _Figure:
    percent = pool.number(share) or 0.0
    name = wording.first(f"pool.{pool.text('type')}", "pool.other")
    return _Figure(name, min(percent, 100.0), figures.percent(percent), marked, 100.0)


def _tags(diagnosis: Diagnosis, wording: Wording) -> Chart | None:
    """The largest tags of the pool in question, and the rest of it."""
    case = diagnosis.case
    pool = pool_of(diagnosis)
    tags = [tag for tag in case.of("tag") if tag.int("bytes")]
    name = (pool.text("type") if pool else None) or next((tag.text("pool") for tag in tags), None)
    tags = [tag for tag in tags if tag.text("pool") == name]
    if not tags:
        return None
    tags.sort(key=lambda tag: -(tag.int("bytes") or 0))
    used = pool.int("used_bytes") if pool else None
    listed = sum(tag.int("bytes") or 0 for tag in tags)
    total = used if used is not None and used >= listed else listed
    marked = diagnosis.verdict.kind.tags
    bars = [_tag(tag, total, tag.text("tag") in marked) for tag in tags[:MAX_BARS]]
    rest = total - sum(tag.int("bytes") or 0 for tag in tags[:MAX_BARS])
    if rest > 0:
        bars.append(_Figure(wording("chart.tags.rest"), rest, figures.percent(100 * rest / total)))
    basis = "pool" if total == used else "list"
    return _chart(
        "tags", wording(f"chart.tags.{basis}", pool=wording.first(f"pool.{name}", "pool.other")), bars, wording
    )


def _tag(tag: Fact, total: int, marked: bool) -> _Figure:
    used = tag.int("bytes") or 0
    return _Figure(tag.text("tag") or "?", used, figures.percent(100 * used / total), marked)


def _handles(diagnosis: Diagnosis, wording: Wording) -> Chart | None:
    """What the handles of the holder are to; without a holder, which processes have most."""
    case = diagnosis.case
    holder = diagnosis.verdict.holder
    own = [
        fact
        for fact in case.of("handles")
        if holder.pid is not None and fact.int("pid") == holder.pid and fact.text("type") != "*" and fact.int("count")
    ]
    if own:
        own.sort(key=lambda fact: -(fact.int("count") or 0))
        bars = [
            _Figure(fact.text("type") or "?", fact.int("count") or 0, figures.count(fact.int("count") or 0), place == 0)
            for place, fact in enumerate(own[:MAX_BARS])
        ]
        rest = sum(fact.int("count") or 0 for fact in own[MAX_BARS:])
        if rest:
            bars.append(_Figure(wording("chart.handles.rest", count=len(own) - MAX_BARS), rest, figures.count(rest)))
        return _chart("handles", wording("chart.handles.title", holder=holder.name), bars, wording)
    return _processes(case, holder.pid, wording)


def _processes(case: Case, pid: int | None, wording: Wording) -> Chart | None:
    processes = [process for process in case.of("process") if process.int("handle_count")]
    if len(processes) < 2:
        return None
    processes.sort(key=lambda process: -(process.int("handle_count") or 0))
    bars = [
        _Figure(
            process.text("image") or f"pid {process.int('pid')}",
            process.int("handle_count") or 0,
            figures.count(process.int("handle_count") or 0),
            pid is not None and process.int("pid") == pid,
        )
        for process in processes[:MAX_BARS]
    ]
    return _chart("processes", wording("chart.processes"), bars, wording)
