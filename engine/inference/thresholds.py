"""Named thresholds with their source, and the units numbers are written in."""

import re
from dataclasses import dataclass, replace

from ..mistakes import Mistakes, Place
from ..yamlfile import Mapping, Node, Scalar, Sequence
from .adjustments import NewValue

UNITS: dict[str, dict[str, float]] = {
    "percent": {"%": 1},
    "bytes": {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3, "TB": 1024**4},
    "seconds": {"s": 1, "min": 60, "h": 3600, "day": 86400, "days": 86400},
    "count": {},
    "ratio": {},
    "": {},
}
"""The units that fit each unit of the vocabulary, with their factor."""

_NUMBER = re.compile(r"([+-]?(?:\d{1,3}(?:,\d{3})+|\d{1,15})(?:\.\d{1,9})?)\s*(%|[A-Za-z]+)?")
_NAME = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")


@dataclass(frozen=True, slots=True)
class Threshold:
    """A figure rules refer to as `@name`, with the source it comes from."""

    name: str
    value: int | float
    unit: str
    source: str
    doc: str
    place: Place
    origin: str | None = None
    """The folder of own rules it is from; None for the shipped rules."""
    before: int | float | None = None
    """The value it had before own rules or settings changed it; None where they did not."""


def number(text: str) -> tuple[int | float, str] | None:
    """A number with its unit as written (`30 %`, `1,000`, `1.5 GB`), or None."""
    match = _NUMBER.fullmatch(text.strip())
    if match is None:
        return None
    digits = match[1].replace(",", "")
    return (float(digits) if "." in digits else int(digits)), match[2] or ""


def in_unit(value: int | float, written: str, unit: str) -> int | float | None:
    """A number as written, in a unit of the vocabulary; None where the units do not fit.

    A percentage needs its `%`, because 0.3 and 30 are too easily mixed up; other numbers may stand without a unit.
    """
    if not written:
        return None if unit == "percent" and value != 0 else value
    factor = UNITS[unit].get(written)
    if factor is None:
        return None
    scaled = value * factor
    return int(scaled) if unit == "bytes" and scaled == int(scaled) else scaled


def expected_unit(unit: str) -> str:
    """How a number of this unit is written, for messages."""
    names = ", ".join(UNITS[unit])
    return f"a number with {names}" if names else "a number without a unit"


def read(
    root: Node, mistakes: Mistakes, known: dict[str, Threshold], origin: str | None = None
) -> list[tuple[Threshold, Threshold]]:
    """Add the thresholds of a file to `known`; returns those that replace one of another folder, as (old, new).

    `origin` names the folder of the file; within one folder a name stands once.
    """
    replaced: list[tuple[Threshold, Threshold]] = []
    listed = root.get("thresholds") if isinstance(root, Mapping) else None
    if not isinstance(root, Mapping) or not isinstance(listed, Sequence):
        mistakes.add(root.place, 'expected the key "thresholds" with a list', "structure")
        return replaced
    for key, place, _ in root:
        if key != "thresholds":
            mistakes.unknown(place, "key", key, ["thresholds"])
    for item in listed.items:
        threshold = _threshold(item, mistakes)
        if threshold is None:
            continue
        threshold = replace(threshold, origin=origin)
        first = known.setdefault(threshold.name, threshold)
        if first is threshold:
            continue
        if first.origin == origin:
            what = f'duplicate threshold "{threshold.name}", first given at {first.place}'
            mistakes.add(threshold.place, what, "duplicate")
        elif first.unit != threshold.unit:
            what = f'"{threshold.name}" is in {first.unit}, which rules rely on, not in {threshold.unit}'
            mistakes.add(threshold.place, what, "wrong-unit")
        else:
            known[threshold.name] = replace(threshold, before=_original(first))
            replaced.append((first, threshold))
    return replaced


def adjust(known: dict[str, Threshold], wanted: NewValue, mistakes: Mistakes) -> tuple[Threshold, Threshold] | None:
    """Give a threshold another value; returns (old, new), or None after noting why it cannot have it."""
    old = known.get(wanted.threshold)
    if old is None:
        mistakes.unknown(wanted.place, "threshold", wanted.threshold, known)
        return None
    value = wanted.value if wanted.unit == old.unit else in_unit(wanted.value, wanted.unit, old.unit)
    if value is None:
        fitting = ", ".join([old.unit, *UNITS[old.unit]])
        what = f'unit "{wanted.unit}" does not fit "{old.name}"; expected {fitting}'
        mistakes.add(wanted.place, what, "wrong-unit")
        return None
    new = replace(old, value=value, source=wanted.reason, place=wanted.place, before=_original(old))
    known[old.name] = new
    return old, new


def _original(threshold: Threshold) -> int | float:
    return threshold.value if threshold.before is None else threshold.before


def shown(value: int | float, unit: str) -> str:
    """A threshold's figure with its unit."""
    number = f"{value:,.3f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value:,}"
    return number + {"percent": " %", "bytes": " bytes", "seconds": " s"}.get(unit, "")


def _threshold(item: Node, mistakes: Mistakes) -> Threshold | None:
    keys = ("name", "value", "unit", "source", "doc")
    if not isinstance(item, Mapping):
        mistakes.add(item.place, f"a threshold is a mapping with the keys {', '.join(keys)}", "structure")
        return None
    texts: dict[str, Scalar] = {}
    before = len(mistakes)
    for key, place, node in item:
        if key not in keys:
            mistakes.unknown(place, "key", key, keys)
        elif not isinstance(node, Scalar) or node.empty:
            mistakes.add(node.place, f'"{key}" needs a single value')
        else:
            texts[key] = node
    missing = [key for key in keys if key not in item.entries]
    if missing:
        mistakes.add(item.place, f"a threshold lacks {', '.join(missing)}", "missing-key")
    if len(mistakes) > before:
        return None
    name, value, unit = texts["name"], number(texts["value"].text), texts["unit"]
    if not _NAME.fullmatch(name.text):
        mistakes.add(name.place, f'threshold name "{name.text}" is not lower-case words with dots and dashes')
    if value is None or value[1]:
        mistakes.add(texts["value"].place, f'"{texts["value"].text}" is not a number; the unit stands under "unit"')
    if unit.text not in UNITS:
        mistakes.unknown(unit.place, "unit", unit.text, [name for name in UNITS if name])
    if len(mistakes) > before or value is None:
        return None
    return Threshold(name.text, value[0], unit.text, texts["source"].text, texts["doc"].text, name.place)
