"""The evidence tables: which facts they show, in which columns and order."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from ..diagnosis import Diagnosis
from ..facts import KINDS, Fact
from . import fields, figures
from .chain import grown, label
from .wording import Wording

MAX_ROWS = 40

# Characters that fit across a page in the type of tables and in the smaller one, measured in DejaVu Sans on A4.
_ACROSS = 106
_ACROSS_SMALL = 122
_PADDING = 2.6
_PADDING_SMALL = 1.9
_BOLD = 1.13
_WIDEST_TEXT = 34
_LONGEST_WORD = 11
"""A word of so many letters is not broken: allocations."""

_NUMERIC_UNITS = ("count", "bytes", "percent", "seconds", "ratio")
_MONOSPACE = (
    "tag", "address", "block", "base", "start_address", "win32_start_address", "owner_address", "cid", "sha256"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """Heading and setting of a column: `numeric` to the right, `mono` in the typeface of evidence."""

    label: str
    numeric: bool
    mono: bool
    percent: float = 0.0
    """Width in percent of the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a row; `marked` where the verdict speaks of it.

    `values` are what numeric cells are sorted by, None where unknown. `anchor` is the target of links to the row,
    `fact` the id of its fact, `steps` are the numbers of the steps of the chain that rest on it.
    """

    cells: tuple[str, ...]
    marked: bool
    values: tuple[float | None, ...] = ()
    anchor: str = ""
    fact: str | None = None
    steps: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A table with the number of rows that were left out."""

    key: str
    title: str
    note: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    left_out: int
    percent: float = 100.0
    """Width in percent of the page."""

    @property
    def small(self) -> bool:
        """Set in smaller type because it has many columns."""
        return len(self.columns) > 8

    @property
    def used(self) -> bool:
        """Whether a step of the chain rests on one of its rows."""
        return any(row.steps for row in self.rows)


@dataclass(frozen=True, slots=True)
class TableGroup:
    """Tables under one heading."""

    key: str
    title: str
    tables: tuple[Table, ...]


def build(
    diagnosis: Diagnosis, wording: Wording, uses: Mapping[str, tuple[int, ...]], rows: int = MAX_ROWS
) -> tuple[TableGroup, ...]:
    """All tables that have rows, by group, with at most `rows` rows each and those of special interest.

    `uses` are the numbers of the steps of the chain that rest on a fact, by its id.
    """
    case = diagnosis.case
    kind, holder = diagnosis.verdict.kind, diagnosis.verdict.holder
    tags = set(kind.tags)

    def by_tag(fact: Fact) -> bool:
        return fact.text("tag") in tags

    def by_pid(fact: Fact) -> bool:
        return holder.pid is not None and fact.int("pid") == holder.pid

    def make(
        key: str,
        facts: Iterable[Fact],
        columns: str,
        order: Callable[[Fact], object] | None = None,
        marked: Callable[[Fact], bool] = lambda fact: False,
    ) -> Table | None:
        return _table(key, list(facts), columns.split(), order, marked, wording, uses, rows)

    handles = [fact for fact in case.of("handles") if fact.text("type") != "*"]
    own = [fact for fact in handles if by_pid(fact)]
    modules = case.of("module")
    groups = {
        "snapshots": [
            make(
                "snapshot",
                case.of("snapshot"),
                "number name source_kind readings time until interval_s uptime_s placed_by sha256",
            ),
            make(
                "growth",
                case.of("growth"),
                "subject pool pid last change unit per_hour freed_percent course hours_left span_s "
                "per_activity activity",
                _most_telling(by_tag, by_pid),
                lambda fact: by_tag(fact) or by_pid(fact),
            ),
        ],
        "pools": [
            make(
                "pool",
                case.of("pool"),
                "type used_bytes max_bytes limit percent_of_max percent_of_ram percent_of_commit_limit",
            ),
            _memory(case.one("memory"), wording, uses),
            make(
                "tag",
                case.of("tag"),
                "tag pool allocs frees outstanding bytes bytes_each share_of_pool owner",
                _falling("bytes", "outstanding"),
                by_tag,
            ),
            make(
                "tag_group",
                case.of("tag_group"),
                "lead tags count spread_percent basis lead_owner bytes",
                _falling("bytes"),
                lambda fact: fact.text("lead") in tags,
            ),
            make(
                "census",
                case.of("census"),
                "tag pool blocks bytes main_size main_share complete range_start range_end",
                _falling("blocks"),
                by_tag,
            ),
        ],
        "objects": [
            make(
                "holder_handles",
                own,
                "type count distinct_objects dead_targets kernel share_of_process share_of_type",
                _falling("count"),
            ),
            None
            if own
            else make("handles", handles, "image pid type count distinct_objects share_of_type", _falling("count")),
            make(
                "process",
                case.of("process"),
                "pid image address role session handle_count table_size threads private_bytes exited crashed",
                _falling("handle_count", "table_size"),
                by_pid,
            ),
            make(
                "dead_objects",
                case.of("dead_objects"),
                "type owner_image owner_pid start_module count with_handles references_only sampled holder_image",
                _falling("count"),
            ),
            make("object_type", case.of("object_type"), "type objects handles tag", _falling("objects"), by_tag),
            make(
                "sample",
                case.of("sample"),
                "type address block state handle_count pointer_count cid owner_pid owner_image win32_start_address "
                "start_module name",
                None,
                by_tag,
            ),
        ],
        "drivers": [
            make(
                "module",
                (fact for fact in modules if not fact.flag("unloaded")),
                "name third_party version company timestamp base size on_stack imports_pool",
                _suspects_first,
            ),
            make(
                "unloaded",
                (fact for fact in modules if fact.flag("unloaded")),
                "name third_party version company timestamp base size",
                _suspects_first,
            ),
            make(
                "tag_module",
                case.of("tag_module"),
                "tag module how hits section plausible third_party",
                _falling("plausible", "hits"),
                by_tag,
            ),
            make("stack", case.of("stack"), "purpose frame module symbol tag third_party", None, by_tag),
            make(
                "unfreed",
                case.of("unfreed"),
                "driver tag allocations bytes caller unloaded checker",
                _falling("bytes"),
                by_tag,
            ),
        ],
        "checks": [
            make("gap", case.of("gap"), "name counter_a value_a counter_b value_b difference difference_percent"),
            make("claim", case.of("claim"), "subject text count"),
        ],
    }
    built = (
        TableGroup(key, wording(f"tables.{key}"), tuple(table for table in tables if table))
        for key, tables in groups.items()
    )
    return tuple(group for group in built if group.tables)


def _falling(*names: str) -> Callable[[Fact], object]:
    """Order by these fields, largest first, unknown last."""

    def key(fact: Fact) -> tuple[float, ...]:
        values = (fact.get(name) for name in names)
        return tuple(-float(value) if isinstance(value, int | float) else float("inf") for value in values)

    return key


_COURSES = ("rising", "rising lows", "stepped", "two readings", "fell back", "falling", "level")


def _most_telling(by_tag: Callable[[Fact], bool], by_pid: Callable[[Fact], bool]) -> Callable[[Fact], object]:
    """Growth: what the verdict speaks of, then what rises, by bytes and by count, then what came back or never rose."""

    def key(fact: Fact) -> tuple[bool, int, float, float]:
        course = fact.text("course")
        change = fact.number("change") or 0.0
        size = change if fact.text("unit") == "bytes" else fact.number("bytes_change") or 0.0
        place = _COURSES.index(course) if course in _COURSES else len(_COURSES)
        return not (by_tag(fact) or by_pid(fact)), place, -abs(size), -abs(change)

    return key


def _suspects_first(fact: Fact) -> tuple[int, int, str]:
    """Third-party drivers first, those on the crashing stack before the others, Microsoft's last."""
    origin = {True: 0, None: 1, False: 2}[fact.flag("third_party")]
    return origin, 0 if fact.flag("on_stack") else 1, (fact.text("name") or "").lower()


def _table(
    key: str,
    facts: list[Fact],
    names: list[str],
    order: Callable[[Fact], object] | None,
    marked: Callable[[Fact], bool],
    wording: Wording,
    uses: Mapping[str, tuple[int, ...]],
    rows: int,
) -> Table | None:
    if not facts:
        return None
    if order is not None:
        facts.sort(key=order)  # type: ignore[arg-type]
    known = [name for name in names if any(fact.get(name) is not None for fact in facts)]
    # Rows the verdict speaks of or a step rests on are shown wherever they stand in the order.
    shown = facts[:rows] + [fact for fact in facts[rows:] if marked(fact) or fact.id in uses][:MAX_ROWS]
    table = Table(
        key,
        wording(f"table.{key}.title", count=len(facts)),
        wording(f"table.{key}.note") if f"table.{key}.note" in wording else "",
        tuple(_column(facts[0].kind, name, wording) for name in known),
        tuple(
            Row(
                tuple(_cell(fact, name, wording) for name in known),
                marked(fact),
                tuple(_value(fact, name) for name in known),
                f"row-{key}-{number}",
                fact.id,
                uses.get(fact.id, ()),
            )
            for number, fact in enumerate(shown, 1)
        ),
        len(facts) - len(shown),
    )
    return sized(_with_steps(table, wording) if table.used else table)


def _with_steps(table: Table, wording: Wording) -> Table:
    """The table with a last column that names the steps of the chain that rest on each row."""
    rows = (
        replace(row, cells=(*row.cells, ", ".join(map(str, row.steps))), values=(*row.values, None))
        for row in table.rows
    )
    return replace(table, columns=(*table.columns, Column(wording("column.steps"), False, False)), rows=tuple(rows))


def sized(table: Table) -> Table:
    """The table with the widths of its columns, from its longest cells; text gives way before figures do.

    Widths are computed here because measuring names that may break anywhere takes a PDF layout far longer.
    """
    padding = _PADDING_SMALL if table.small else _PADDING
    wanted, words = [], []
    for place, column in enumerate(table.columns):
        longest = max((_length(row.cells[place]) for row in table.rows), default=0)
        word = max((len(word) for row in table.rows for word in row.cells[place].split()), default=0)
        words.append(min(word, _LONGEST_WORD) * _BOLD + padding)
        heading = max(len(word) for word in column.label.split())
        cell = longest * _BOLD if column.numeric else min(longest, _WIDEST_TEXT)
        wanted.append(max(cell, heading * _BOLD) + padding)
    across = _ACROSS_SMALL if table.small else _ACROSS
    room = across - sum(width for width, column in zip(wanted, table.columns, strict=True) if column.numeric)
    texts = [width for width, column in zip(wanted, table.columns, strict=True) if not column.numeric]
    limit = _level(texts, max(room, across / 4))
    wanted = [
        width if column.numeric else min(width, max(limit, word))
        for width, word, column in zip(wanted, words, table.columns, strict=True)
    ]
    total = sum(wanted)
    columns = tuple(
        replace(column, percent=round(100 * width / total, 2))
        for width, column in zip(wanted, table.columns, strict=True)
    )
    return replace(table, columns=columns, percent=round(min(100.0, max(40.0, 115 * total / across)), 1))


def _length(text: str) -> float:
    """The characters of a cell; the commas of a figure take half the room of its digits."""
    return len(text) - text.count(",") / 2


def _level(widths: list[float], room: float) -> float:
    """The width to which the widest columns must come down for all to fit; narrow ones keep theirs."""
    left = room
    for place, width in enumerate(sorted(widths)):
        if width * (len(widths) - place) > left:
            return left / (len(widths) - place)
        left -= width
    return float("inf")


def _column(kind: str, name: str, wording: Wording) -> Column:
    spec = KINDS[kind].fields.get(name) if kind in KINDS else None
    numeric = spec is not None and (spec.unit in _NUMERIC_UNITS or spec.type == "int")
    mono = name in _MONOSPACE or (spec is not None and spec.type == "address")
    return Column(label(name, wording), numeric, mono)


def _cell(fact: Fact, name: str, wording: Wording) -> str:
    return grown(fact, wording) if (fact.kind, name) == ("growth", "subject") else fields.field_text(fact, name)


def _value(fact: Fact, name: str) -> float | None:
    """What a cell is sorted by, where it is a number."""
    value = fact.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _memory(memory: Fact | None, wording: Wording, uses: Mapping[str, tuple[int, ...]]) -> Table | None:
    """Memory as one row a counter: a machine has one memory fact with many fields."""
    if memory is None:
        return None
    counters = KINDS["memory"].fields
    rows = []
    for number, name in enumerate((name for name in counters if name in memory.fields), 1):
        unit = counters[name].unit
        value = memory.number(name) or 0.0
        size = figures.size(value) if unit == "bytes" else ""
        text = counters[name].doc.removesuffix(" (derived)")
        cells = (text[:1].upper() + text[1:], fields.field_text(memory, name), size)
        value_of = _value(memory, name)
        # A machine has one memory fact: links to it lead to its first row.
        own = (memory.id, uses.get(memory.id, ())) if number == 1 else (None, ())
        rows.append(Row(cells, False, (None, value_of, value_of if size else None), f"row-memory-{number}", *own))
    columns = tuple(
        Column(wording(f"column.memory_{name}"), numeric, False)
        for name, numeric in (("counter", False), ("value", True), ("size", True))
    )
    table = Table("memory", wording("table.memory.title"), wording("table.memory.note"), columns, tuple(rows), 0)
    return sized(_with_steps(table, wording) if table.used else table)
