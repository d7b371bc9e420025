"""A fact: a flat record with where it was read, how to check it and how good it is."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .vocabulary import KINDS, QUALITIES, Field

Value = str | int | float | bool
Quality = Literal["exact", "lower-bound", "rounded", "suspect"]

INT64_MAX = 2**63 - 1
MAX_TEXT = 4096
"""Longest text kept in a field; names out of a casefile may be hostile."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact. `fields` holds only what is known: an absent field is unknown, never zero or empty.

    `source` is `file:line` or `structure @ address`, `verify` the debugger command that shows the same, `quote` the
    raw lines as they stand in a log. `id` is `kind:key:key` and unique within its case.
    """

    kind: str
    id: str
    fields: Mapping[str, Value]
    source: str
    verify: str | None = None
    quality: Quality = "exact"
    quote: str | None = field(default=None, compare=False)

    def get(self, name: str) -> Value | None:
        """The value of a field, or None when it is unknown."""
        return self.fields.get(name)

    def text(self, name: str) -> str | None:
        """A text or address field, or None when it is unknown."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else None

    def int(self, name: str) -> int | None:
        """A whole-number field, or None when it is unknown."""
        value = self.fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, name: str) -> float | None:
        """A number of either type, or None when it is unknown."""
        value = self.fields.get(name)
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def flag(self, name: str) -> bool | None:
        """A true/false field, or None when it is unknown."""
        value = self.fields.get(name)
        return value if isinstance(value, bool) else None

    def to_json(self) -> dict[str, Any]:
        """The flat form of facts.json: the fields, with unknown ones of this kind as null."""
        known = KINDS.get(self.kind)
        names = list(known.fields) if known else []
        names += [name for name in self.fields if name not in names]
        flat: dict[str, Any] = {"kind": self.kind, "id": self.id}
        flat.update((name, self.fields.get(name)) for name in names)
        flat.update(source=self.source, verify=self.verify, quality=self.quality)
        if self.quote is not None:
            flat["quote"] = self.quote
        return flat


RESERVED = ("kind", "id", "source", "verify", "quality", "quote")
"""Names of facts.json that are not fields of a kind."""


def address(value: int | str) -> str:
    """An address as facts carry it: lower-case hex without 0x or backtick, at least eight digits.

    >>> address(0x886F5020), address("fffff805`4d200000"), address("0x0")
    ('886f5020', 'fffff8054d200000', '00000000')
    """
    number = value if isinstance(value, int) else int(value.replace("`", ""), 16)
    return f"{number:08x}"


def new(
    kind: str,
    *,
    source: str,
    verify: str | None = None,
    quality: Quality = "exact",
    quote: str | None = None,
    **fields: Value | None,
) -> Fact:
    """A fact of a known kind; fields given as None are unknown and left out.

    Raises ValueError for an unknown kind, field or quality, a value of the wrong type or out of the 64-bit range: all
    of them mistakes of the caller, who must check what a casefile says before believing it.
    """
    known = KINDS.get(kind)
    if known is None:
        raise ValueError(f"unknown kind of fact {kind!r}")
    if quality not in QUALITIES:
        raise ValueError(f"unknown quality {quality!r}")
    kept: dict[str, Value] = {}
    for name, value in fields.items():
        if value is None:
            continue
        spec = known.fields.get(name)
        if spec is None:
            raise ValueError(f"a {kind} fact has no field {name!r}")
        kept[name] = _checked(kind, spec, value)
    return Fact(kind, fact_id(kind, kept), kept, source, verify, quality, quote)


def note(
    problem: str,
    subject: str,
    text: str,
    source: str,
    *,
    severity: str = "warning",
    line: int | None = None,
    quote: str | None = None,
) -> Fact:
    """A data_quality fact; the text is one sentence for the report."""
    return new(
        "data_quality",
        source=source,
        quote=quote,
        problem=problem,
        subject=subject,
        severity=severity,
        text=text,
        line=line,
    )


def fact_id(kind: str, fields: Mapping[str, Value]) -> str:
    """`kind:key:key`, from the key fields that are known; blanks within a tag are kept."""
    known = KINDS.get(kind)
    parts = [str(fields[name]) for name in known.key if name in fields] if known else []
    return ":".join([kind, *parts])


def _checked(kind: str, spec: Field, value: Value) -> Value:
    """The value in the one type its field has; int is accepted for float, nothing else is converted."""
    if spec.type in ("text", "address") and isinstance(value, str):
        return value[:MAX_TEXT]
    if spec.type == "bool" and isinstance(value, bool):
        return value
    if spec.type == "int" and isinstance(value, int) and not isinstance(value, bool):
        if not -INT64_MAX <= value <= INT64_MAX:
            raise ValueError(f"{kind}.{spec.name} {value} does not fit 64 bits")
        return value
    if spec.type == "float" and isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
        if number != number or number in (float("inf"), float("-inf")):
            raise ValueError(f"{kind}.{spec.name} is not a finite number")
        return number
    raise ValueError(f"{kind}.{spec.name} takes {spec.type}, not {value!r}")
