"""The casefiles rules are tested on: an index of folders, each with one casefile, diagnosed once for all tests."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from .. import yamlfile
from ..diagnosis import Diagnosis
from ..errors import CasefileError
from ..inference import Rulebook
from ..knowledge import Knowledge
from ..mistakes import Mistakes, Place
from ..sources import read
from ..triage import diagnose
from ..yamlfile import Mapping, Node, Scalar
from ..yamlfile import Sequence as List
from .testfile import HEALTHY, is_path

INDEX = "index.yaml"
State = Literal["leak", "exhaustion", "suspect", "healthy", "inconclusive"]
"""What a casefile truly is, by whoever put it into the index."""

_KEYS = ("name", "state", "what")


@dataclass(frozen=True, slots=True)
class Entry:
    """One casefile of an index."""

    name: str
    state: str
    what: str
    place: Place


class Shelf:
    """Casefiles by name, or by path relative to a rule file; each is read and diagnosed once, when first asked for.

    Without a folder there are no names, and only paths can be reached.
    """

    def __init__(self, folder: Path | None, entries: Sequence[Entry], rulebook: Rulebook, knowledge: Knowledge) -> None:
        self._folder = folder
        self._entries = {entry.name: entry for entry in entries}
        self._rulebook, self._knowledge = rulebook, knowledge
        self._diagnoses: dict[Path, tuple[Diagnosis, ...]] = {}

    @property
    def healthy(self) -> list[str]:
        """The casefiles whose state is healthy."""
        return [entry.name for entry in self._entries.values() if entry.state == HEALTHY]

    @property
    def looked_at(self) -> int:
        """How many casefiles were diagnosed."""
        return len(self._diagnoses)

    def has(self, name: str) -> bool:
        """Whether a casefile of that name stands in the index."""
        return name in self._entries

    def reaches(self, name: str) -> bool:
        """Whether a name in a test can be looked up: all can but those of an index that is not here."""
        return self._folder is not None or is_path(name)

    def diagnoses(self, name: str, rule_file: str) -> tuple[Diagnosis, ...]:
        """What all rules make of a casefile, one diagnosis per machine. Raises CasefileError."""
        path = self._path(name, rule_file)
        if path not in self._diagnoses:
            # Reading does not depend on rules, but a case is completed in place: each diagnosis reads it anew.
            self._diagnoses[path] = tuple(diagnose(case, self._rulebook, self._knowledge) for case in read(path))
        return self._diagnoses[path]

    def _path(self, name: str, rule_file: str) -> Path:
        if self._folder is not None and name in self._entries:
            return _casefile_in(self._folder / name)
        path = Path(rule_file).parent / name
        return _casefile_in(path) if path.is_dir() else path


def casefile_folder(rules: Path) -> Path | None:
    """The casefiles beside a folder of rules, or None where there are none: an installed package has none."""
    folder = rules.parent / "casefiles"
    return folder if (folder / INDEX).is_file() else None


def read_index(folder: Path, mistakes: Mistakes) -> list[Entry]:
    """The entries of an index, which has one for every folder beside it; mistakes are noted."""
    file = folder / INDEX
    root = yamlfile.parse(str(file), file.read_text(encoding="utf-8"), mistakes)
    listed = root.get("casefiles") if isinstance(root, Mapping) else None
    if not isinstance(listed, List):
        mistakes.add(Place(str(file), 1, 1), 'expected the key "casefiles" with a list', "structure")
        return []
    entries = [entry for item in listed.items if (entry := _entry(item, mistakes))]
    folders = {path.name for path in folder.iterdir() if path.is_dir()}
    for entry in entries:
        if entry.name not in folders:
            mistakes.unknown(entry.place, "folder", entry.name, folders, "unknown-word")
    named = {node.text for item in listed.items for node in [_name(item)] if node is not None}
    for name in sorted(folders - named):
        mistakes.add(
            listed.place, f'the folder "{name}" has no entry; add its name, its state and what it is', "missing-key"
        )
    return entries


def _name(item: Node) -> Scalar | None:
    name = item.get("name") if isinstance(item, Mapping) else None
    return name if isinstance(name, Scalar) else None


def _entry(item: Node, mistakes: Mistakes) -> Entry | None:
    texts = {key: node.text for key, _, node in item if isinstance(node, Scalar)} if isinstance(item, Mapping) else {}
    if set(texts) != set(_KEYS):
        mistakes.add(item.place, f"a casefile has the keys {', '.join(_KEYS)}", "structure")
        return None
    if texts["state"] not in get_args(State):
        mistakes.unknown(item.place, "state", texts["state"], get_args(State))
    return Entry(texts["name"], texts["state"], texts["what"], item.place)


def _casefile_in(folder: Path) -> Path:
    found = sorted(folder.glob("casefile.*"))
    if len(found) != 1:
        raise CasefileError(f"{folder}: expected one file casefile.*, found {len(found)}")
    return found[0]
