"""Defects of drivers that are publicly documented, and whether a version has one: rules/known/defects.yaml.

Versions are ordered by their numbers: 0.9988 < 0.9995 < 1.76 < 1.77, and `1, 76` or `10.0.26100.9278 (WinBuild.1)` are
read as the debugger prints them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .mistakes import Mistakes, Place
from .yamlfile import Mapping, Node, Scalar, Sequence

Match = Literal["certain", "possible", "fixed"]

_NEEDED = ("id", "module", "what", "tags", "reference")
_VERSIONS = ("first", "fixed", "reported")
_LISTS = ("tags", "reported")
_VERSION = re.compile(r"\s*v?(\d{1,9}(?:\s?[.,]\s?\d{1,9}){0,5})\s*(?:\(|\s|$)", re.IGNORECASE)

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Defect:
    """One entry of defects.yaml.

    `module` is a file name without ending, in lower case. The first version with the defect and the first without it
    are given where they are documented; `reported` are versions it was seen with. `tags` have four characters, that of
    the module itself first.
    """

    id: str
    module: str
    what: str
    tags: tuple[str, ...]
    reference: str
    first: str | None = None
    fixed: str | None = None
    reported: tuple[str, ...] = ()

    def match(self, version: str | None) -> Match | None:
        """Whether a version has the defect; None where it came before it.

        Certain from the first version on up to the one that fixed it, and within the versions reported; possible where
        the version is not known or the documents say nothing of it.
        """
        number = parse_version(version)
        if number is None:
            return "possible"
        first, fixed = parse_version(self.first), parse_version(self.fixed)
        if fixed is not None and number >= fixed:
            return "fixed"
        if first is not None and number < first:
            return None
        if first is not None and fixed is not None:
            return "certain"
        seen = [found for text in self.reported if (found := parse_version(text))]
        low = first or min(seen, default=None)
        return "certain" if seen and low is not None and low <= number <= max(seen) else "possible"


def parse_version(text: str | None) -> Version | None:
    """The numbers of a version without trailing zeros, or None where the text is none or has more than numbers.

    >>> parse_version("1, 76"), parse_version("5.47.0"), parse_version("10.0.19041.508 (WinBuild.160101.0800)")
    ((1, 76), (5, 47), (10, 0, 19041, 508))
    >>> parse_version("0.99-r9") is None
    True
    """
    found = _VERSION.match(text) if text else None
    if found is None:
        return None
    numbers = [int(part) for part in re.split(r"[.,]", found[1])]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def read_defects(root: Node, mistakes: Mistakes) -> Iterator[tuple[Place, Defect]]:
    """The known defects of a file with where they stand; mistakes are noted."""
    listed = root.get("defects") if isinstance(root, Mapping) else None
    if not isinstance(listed, Sequence):
        mistakes.add(root.place, 'expected the key "defects" with a list')
        return
    for row in listed.items:
        if not isinstance(row, Mapping):
            mistakes.add(row.place, f"expected a mapping with the keys {', '.join(_NEEDED)}")
            continue
        values = {key: _values(key, place, node, mistakes) for key, place, node in row}
        missing = [key for key in _NEEDED if not values.get(key)]
        if missing:
            mistakes.add(row.place, f"lacks {', '.join(missing)}")
            continue
        _check_versions(row, values, mistakes)
        yield (
            row.place,
            Defect(
                values["id"][0],
                values["module"][0].lower(),
                values["what"][0],
                tuple(tag.ljust(4) for tag in values["tags"]),
                values["reference"][0],
                next(iter(values.get("first", ())), None),
                next(iter(values.get("fixed", ())), None),
                values.get("reported", ()),
            ),
        )


def _values(key: str, place: Place, node: Node, mistakes: Mistakes) -> tuple[str, ...]:
    """The value or values of a key; none after noting what is wrong with them."""
    if key not in (*_NEEDED, *_VERSIONS):
        mistakes.unknown(place, "key", key, (*_NEEDED, *_VERSIONS))
        return ()
    items = node.items if key in _LISTS and isinstance(node, Sequence) else (node,)
    texts = tuple(item.text for item in items if isinstance(item, Scalar) and not item.empty)
    if len(texts) < len(items) or (key in _LISTS) is not isinstance(node, Sequence):
        mistakes.add(node.place, f'"{key}" needs {"a list" if key in _LISTS else "a single value"}')
        return ()
    if key == "tags" and any(len(tag) > 4 for tag in texts):
        mistakes.add(node.place, "a tag has four characters at most")
    return texts


def _check_versions(row: Mapping, values: dict[str, tuple[str, ...]], mistakes: Mistakes) -> None:
    for key in _VERSIONS:
        for text in values.get(key, ()):
            if parse_version(text) is None:
                mistakes.add(row.place, f'"{text}" under "{key}" is no version: numbers joined by dots')
    first, fixed = (parse_version(next(iter(values.get(key, ())), None)) for key in ("first", "fixed"))
    if first is not None and fixed is not None and first >= fixed:
        mistakes.add(row.place, "the first version with the defect is not before the one that fixed it")
