"""Facts and fields that only a newer version, or somebody's program, knows: kept and shown, judged by no rule."""

from ..facts import KINDS, Case
from . import figures
from .tables import Column, Row, Table, TableGroup, sized
from .wording import Wording

_LONGEST = 160
"""Characters of a cell."""


def build(case: Case, wording: Wording, rows: int) -> tuple[TableGroup, ...]:
    """The table of what is not known here, as a group of its own; none where all is known."""
    found: list[tuple[str, ...]] = []
    for fact in case.facts:
        known = KINDS[fact.kind].fields if fact.kind in KINDS else {}
        extra = ", ".join(f"{name} = {value}" for name, value in fact.fields.items() if name not in known)
        if extra or fact.kind not in KINDS:
            found.append((fact.id, extra, fact.source))
    if not found:
        return ()
    table = Table(
        "unknown",
        wording("table.unknown.title", count=len(found)),
        wording("table.unknown.note"),
        tuple(Column(wording(f"column.unknown_{name}"), False, False) for name in ("fact", "fields", "source")),
        tuple(
            Row(tuple(figures.clip(figures.visible(cell), _LONGEST) for cell in cells), False, (None,) * len(cells))
            for cells in found[:rows]
        ),
        max(0, len(found) - rows),
    )
    return (TableGroup("unknown", wording("tables.unknown"), (sized(table),)),)
