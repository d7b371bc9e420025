"""A rulebook: all rules and thresholds of one or more folders, checked and compiled."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path

from .. import yamlfile
from ..diagnosis import RulebookInfo
from ..errors import RulebookError
from ..mistakes import Mistakes, Place
from . import rulefile, strata, thresholds
from .compile import Shard, compile_rules
from .conditions import Pattern
from .rule import Rule
from .thresholds import Threshold


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rules in the order of their files. `strata` are numbers of rules, `shards` the same compiled."""

    rules: tuple[Rule, ...]
    strata: tuple[tuple[int, ...], ...]
    shards: tuple[tuple[Shard, ...], ...]
    info: RulebookInfo


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of a rulebook. `role` says what it holds; knowledge files only count for the hash."""

    name: str
    role: str
    data: bytes


def load(folders: Sequence[Path | Traversable]) -> Rulebook:
    """The rulebook of these folders: `packs/*.yaml` and `thresholds.yaml`; the hash covers `*.yaml` and `known/` too.

    Raises RulebookError with one line per mistake, over all files.
    """
    files: list[SourceFile] = []
    for folder in folders:
        files += _files(folder)
    return build(files)


def build(files: Sequence[SourceFile]) -> Rulebook:
    """The rulebook of these files. Raises RulebookError with one line per mistake."""
    mistakes = Mistakes()
    known: dict[str, Threshold] = {}
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{Path(file.name).name}\0{len(file.data)}\0".encode() + file.data)
        if file.role == "thresholds" and (root := _parsed(file, mistakes)):
            thresholds.read(root, mistakes, known)
    rules: list[Rule] = []
    names: set[str] = set()
    for file in files:
        if file.role == "pack" and (root := _parsed(file, mistakes)):
            rules += rulefile.read(root, mistakes, known)
            names |= rulefile.declared(root)
    rulefile.note_duplicates(rules, mistakes)
    layers = strata.stratify(rules, names, mistakes)
    mistakes.raise_if_any()
    shards = tuple(compile_rules(alternatives(rules, layer)) for layer in layers)
    return Rulebook(tuple(rules), layers, shards, RulebookInfo(len(rules), digest.hexdigest()))


def alternatives(rules: Sequence[Rule], numbers: Iterable[int]) -> Iterator[tuple[int, int, tuple[Pattern, ...]]]:
    """The alternatives of these rules as the compiler takes them."""
    for number in numbers:
        for index, patterns in enumerate(rules[number].alternatives):
            yield number, index, patterns


def _files(folder: Path | Traversable) -> list[SourceFile]:
    try:
        if not folder.is_dir():
            raise RulebookError(f"{folder}: no such folder of rules; expected one with packs/*.yaml")
        found: list[SourceFile] = []
        for entry in _yaml_in(folder):
            role = "thresholds" if entry.name == "thresholds.yaml" else "knowledge"
            found.append(SourceFile(str(entry), role, entry.read_bytes()))
        for name, role in (("known", "knowledge"), ("packs", "pack")):
            below = folder / name
            if below.is_dir():
                found += [SourceFile(str(entry), role, entry.read_bytes()) for entry in _yaml_in(below)]
    except OSError as error:
        raise RulebookError(f"{folder}: cannot be read: {error.strerror}") from error
    return found


def _yaml_in(folder: Path | Traversable) -> list[Path | Traversable]:
    return sorted((e for e in folder.iterdir() if e.name.endswith(".yaml") and e.is_file()), key=lambda e: e.name)


def _parsed(file: SourceFile, mistakes: Mistakes) -> yamlfile.Node | None:
    try:
        text = file.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.data.count(b"\n", 0, error.start) + 1
        mistakes.add(Place(file.name, line, 1), "not UTF-8 text")
        return None
    return yamlfile.parse(file.name, text, mistakes)
