"""YAML text to a tree whose every node knows its line and column.

Scalars keep their text as written, because what `0100` or `00000000` means depends on the field it is for. Aliases have
no use in rule files and are refused, which also keeps the tree a tree.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from .mistakes import Mistakes, Place

try:
    import _ruamel_yaml  # type: ignore[import-not-found]  # noqa: F401  # ruamel.yaml.clib, five times as fast

    _PURE = False
except ImportError:
    _PURE = True

MAX_DEPTH = 20


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value. `plain` is false for quoted and block scalars, which are always text."""

    place: Place
    text: str
    plain: bool

    @property
    def empty(self) -> bool:
        """No value at all: nothing, `~` or `null`."""
        return self.plain and self.text in ("", "~", "null", "Null", "NULL")


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys with their values; keys are unique."""

    place: Place
    entries: dict[str, tuple[Place, "Node"]]

    def __iter__(self) -> Iterator[tuple[str, Place, "Node"]]:
        for key, (place, node) in self.entries.items():
            yield key, place, node

    def get(self, key: str) -> "Node | None":
        """The value of a key, or None."""
        entry = self.entries.get(key)
        return entry[1] if entry else None


Node = Scalar | Sequence | Mapping


def parse(file: str, text: str, mistakes: Mistakes) -> Node | None:
    """The root of a YAML document, or None after noting why there is none."""
    yaml = YAML(typ="safe", pure=_PURE)
    try:
        root = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        mistakes.add(place, f"not valid YAML: {error.problem or error.context}")
        return None
    except (YAMLError, ValueError, RecursionError) as error:
        mistakes.add(Place(file, 1, 1), f"not valid YAML: {str(error).splitlines()[0]}")
        return None
    if root is None:
        mistakes.add(Place(file, 1, 1), "the file is empty")
        return None
    return _Tree(file, mistakes).convert(root, 0)


class _Tree:
    """Converts the parser's nodes, noting what rule files must not hold."""

    def __init__(self, file: str, mistakes: Mistakes) -> None:
        self._file = file
        self._mistakes = mistakes
        self._seen: set[int] = set()

    def convert(self, node: Any, depth: int) -> Node:
        place = Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)
        if id(node) in self._seen or depth > MAX_DEPTH:
            self._mistakes.add(place, "anchors, aliases and deep nesting are not used in rule files")
            return Scalar(place, "", plain=True)
        self._seen.add(id(node))
        if node.id == "sequence":
            return Sequence(place, tuple(self.convert(item, depth + 1) for item in node.value))
        if node.id == "mapping":
            return Mapping(place, self._entries(node, depth))
        return Scalar(place, str(node.value), plain=not node.style)

    def _entries(self, node: Any, depth: int) -> dict[str, tuple[Place, Node]]:
        entries: dict[str, tuple[Place, Node]] = {}
        for key_node, value_node in node.value:
            key = self.convert(key_node, depth + 1)
            value = self.convert(value_node, depth + 1)
            if not isinstance(key, Scalar):
                self._mistakes.add(key.place, "a key must be text")
            elif key.text in entries:
                first = entries[key.text][0]
                self._mistakes.add(key.place, f'duplicate key "{key.text}", first given in line {first.line}')
            else:
                entries[key.text] = (key.place, value)
        return entries
