"""YAML text to a tree whose every node knows its line and column.

Scalars keep their text as written, because what `0100` or `00000000` means depends on the field it is for. Aliases have
no use in rule files and are refused, which also keeps the tree a tree.
"""

import itertools
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import ScalarNode, SequenceNode
from ruamel.yaml.resolver import VersionedResolver

from .mistakes import Mistakes, Place

try:
    import _ruamel_yaml  # type: ignore[import-not-found]  # noqa: F401  # ruamel.yaml.clib, five times as fast

    _PURE = False
except ImportError:
    _PURE = True

MAX_DEPTH = 20
MAX_PIECES = 500
"""Entries read one by one where a text is not valid as a whole."""

_UNQUOTED = re.compile(r"[:\[,]\s+(?:[<>=!]=?|@)|\[(?:[<>=!]=?|@)")
"""A condition or threshold that YAML reads as something of its own."""
_ENTRY = re.compile(r" *- ")


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


def parse(file: str, text: str, mistakes: Mistakes, without: Collection[str] = ()) -> Node | None:
    """The root of a YAML document, or None after noting why there is none.

    Where the text is not valid, the entries of its list that are valid by themselves are still read, so that one
    mistake does not hide the others. The values of keys in `without` are left out: an empty scalar stands for them.
    """
    try:
        root = _compose(text)
    except _NotYamlError as error:
        return _pieces(file, text, error, mistakes, without)
    if root is None:
        mistakes.add(Place(file, 1, 1), "the file is empty", "structure")
        return None
    return _Tree(file, mistakes, without).convert(root, 0)


class _NotYamlError(Exception):
    """The text is not YAML; line and column count from 1."""

    def __init__(self, line: int, column: int, what: str) -> None:
        super().__init__(what)
        self.line, self.column = line, column

    def note(self, file: str, mistakes: Mistakes) -> None:
        mistakes.add(Place(file, self.line, self.column), f"not valid YAML: {self}", "yaml")


class _Untyped(VersionedResolver):
    """Gives every node the tag of its shape: what a scalar means is for its field to say, and telling numbers from
    dates from text takes half the time of reading."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        if kind is ScalarNode:
            return self.DEFAULT_SCALAR_TAG
        return self.DEFAULT_SEQUENCE_TAG if kind is SequenceNode else self.DEFAULT_MAPPING_TAG


def _compose(text: str) -> Any:
    try:
        yaml = YAML(typ="safe", pure=_PURE)
        yaml.Resolver = _Untyped
        return yaml.compose(text)
    except MarkedYAMLError as error:
        # What is still open where the text ends is shown where it was opened.
        at_end = "end of stream" in str(error.problem) and error.context_mark
        mark = error.context_mark if at_end else error.problem_mark or error.context_mark
        what = f"{error.context}, {error.problem}" if at_end else str(error.problem or error.context)
        line, column = (mark.line, mark.column) if mark else (0, 0)
        if _UNQUOTED.search(next(iter(text.splitlines()[line : line + 1]), "")):
            what += '; quote what begins with an operator or @, as in ">= 30 %"'
        raise _NotYamlError(line + 1, column + 1, what) from error
    except (YAMLError, ValueError, RecursionError) as error:
        raise _NotYamlError(1, 1, str(error).splitlines()[0]) from error


def _pieces(file: str, text: str, error: _NotYamlError, mistakes: Mistakes, without: Collection[str]) -> Node | None:
    """What can be read of a text that is not valid as a whole: its head and every entry of its list by itself."""
    lines = text.splitlines()
    first = next((number for number, line in enumerate(lines) if _ENTRY.match(line)), None)
    entry = _ENTRY.match(lines[first]) if first is not None else None
    if first is None or entry is None:
        error.note(file, mistakes)
        return None
    starts = [number for number, line in enumerate(lines) if line.startswith(entry[0])]
    found: Node | None = None
    faulty = False
    for start, end in itertools.pairwise([*starts[:MAX_PIECES], len(lines)]):
        # Blank lines keep the numbers of the lines.
        piece = [*lines[:first], *([""] * (start - first)), *lines[start:end]]
        try:
            root = _compose("\n".join(piece) + "\n")
        except _NotYamlError as own:
            own.note(file, mistakes)
            faulty = True
            continue
        tree = _Tree(file, mistakes, without).convert(root, 0) if root is not None else None
        found = _joined(found, tree) if found is not None and tree is not None else tree or found
    if not faulty:  # every entry is valid by itself
        error.note(file, mistakes)
    return found


def _joined(one: Node, two: Node) -> Node:
    """Two mappings with the same keys, their lists one after the other."""
    if not isinstance(one, Mapping) or not isinstance(two, Mapping):
        return one
    entries = dict(one.entries)
    for key, place, node in two:
        first = one.get(key)
        if isinstance(first, Sequence) and isinstance(node, Sequence):
            entries[key] = (place, Sequence(first.place, (*first.items, *node.items)))
    return Mapping(one.place, entries)


class _Tree:
    """Converts the parser's nodes, noting what rule files must not hold."""

    def __init__(self, file: str, mistakes: Mistakes, without: Collection[str]) -> None:
        self._file = file
        self._without = without
        self._mistakes = mistakes
        self._seen: set[int] = set()

    def convert(self, node: Any, depth: int) -> Node:
        place = Place(self._file, node.start_mark.line + 1, node.start_mark.column + 1)
        if id(node) in self._seen or depth > MAX_DEPTH:
            self._mistakes.add(place, "anchors, aliases and deep nesting are not used in rule files", "yaml")
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
            value: Node
            if isinstance(key, Scalar) and key.text in self._without:
                value = Scalar(key.place, "", plain=True)
            else:
                value = self.convert(value_node, depth + 1)
            if not isinstance(key, Scalar):
                self._mistakes.add(key.place, "a key must be text", "structure")
            elif key.text in entries:
                first = entries[key.text][0]
                self._mistakes.add(
                    key.place, f'duplicate key "{key.text}", first given in line {first.line}', "duplicate"
                )
            else:
                entries[key.text] = (key.place, value)
        return entries
