"""Folders of rule files: the YAML files in them, and what each is for, which its first key tells."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from . import yamlfile
from .errors import RulebookError
from .mistakes import Mistakes, Place

SHIPPED: Traversable = files("dumptriage.rules")
"""The rules and the knowledge that come with the program."""

MODULE_KEYS = ("microsoft", "wrappers", "brokers", "hosts", "system", "programs")
ROLES = {
    "pack": "pack",
    "rules": "pack",
    "thresholds": "thresholds",
    "tags": "tags",
    "vendors": "vendors",
    "defects": "defects",
    "activities": "activities",
    **dict.fromkeys(MODULE_KEYS, "modules"),
    "false_positives": "ledger",
}
"""What a file holds, by its first key. A ledger is for authors and takes no part in a diagnosis."""

_BELOW = ("known", "packs")


@dataclass(frozen=True, slots=True)
class RuleFolder:
    """A folder of own rules. `name` is how its user wrote it: that is what reports show."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of rules or knowledge. `role` is one of ROLES, or empty where the first key tells it.

    `origin` names the folder of own rules it is from; None is what the others change: the shipped rules.
    """

    name: str
    role: str
    data: bytes
    origin: str | None = None


@dataclass(frozen=True, slots=True)
class ParsedFile:
    """A file with its role and its YAML."""

    file: SourceFile
    role: str
    root: yamlfile.Node


def read(folders: Sequence[Path | Traversable | RuleFolder]) -> list[SourceFile]:
    """The `*.yaml` of each folder, of its `known/` and of its `packs/`. All folders but the first change the first.

    Raises RulebookError where a folder cannot be read, or one behind the first has no rule files.
    """
    found: list[SourceFile] = []
    for number, folder in enumerate(folders):
        path = folder.path if isinstance(folder, RuleFolder) else folder
        name = folder.name if isinstance(folder, RuleFolder) else str(folder)
        found += _read(path, name if number else None)
    return found


def entries(folder: Path | Traversable) -> list[Path | Traversable]:
    """The rule files of a folder, in the order they are read: its own, those of `known/`, those of `packs/`."""
    return [entry for place in (folder, *(folder / name for name in _BELOW)) for entry in _yaml_in(place)]


def parse(files: Iterable[SourceFile], mistakes: Mistakes, *, tests: bool = False) -> list[ParsedFile]:
    """The files whose YAML could be read and whose role is known; the others are noted.

    The tests in rule files, which make up most of them, are looked into for authors only.
    """
    found: list[ParsedFile] = []
    for file in files:
        root = _root(file, mistakes, tests)
        role = (file.role or _role(root, mistakes)) if root is not None else ""
        if root is not None and role:
            found.append(ParsedFile(file, role, root))
    return found


def _read(folder: Path | Traversable, origin: str | None) -> list[SourceFile]:
    try:
        if not folder.is_dir():
            raise RulebookError(f"{folder}: no such folder of rules; expected one with *.yaml or packs/*.yaml")
        found = entries(folder)
        if not found and origin is not None:  # its user would believe that the rules in it are applied
            raise RulebookError(f"{origin}: no rule files; expected *.yaml, packs/*.yaml or known/*.yaml in it")
        return [SourceFile(str(entry), "", entry.read_bytes(), origin) for entry in found]
    except OSError as error:
        raise RulebookError(f"{folder}: cannot be read: {error.strerror}") from error


def _yaml_in(folder: Path | Traversable) -> list[Path | Traversable]:
    if not folder.is_dir():
        return []
    return sorted((e for e in folder.iterdir() if e.name.endswith(".yaml") and e.is_file()), key=lambda e: e.name)


def _root(file: SourceFile, mistakes: Mistakes, tests: bool) -> yamlfile.Node | None:
    try:
        text = file.data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = file.data.count(b"\n", 0, error.start) + 1
        mistakes.add(Place(file.name, line, 1), "not UTF-8 text", "yaml")
        return None
    return yamlfile.parse(file.name, text, mistakes, without=() if tests else ("tests",))


def _role(root: yamlfile.Node, mistakes: Mistakes) -> str:
    keys = [(key, place) for key, place, _ in root] if isinstance(root, yamlfile.Mapping) else []
    role = next((ROLES[key] for key, _ in keys if key in ROLES), "")
    if not role and keys:
        mistakes.unknown(keys[0][1], "key of a rule file", keys[0][0], ROLES)
    elif not role:
        mistakes.add(root.place, f"not a rule file; expected one of the keys {', '.join(ROLES)}", "structure")
    return role
