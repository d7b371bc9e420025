"""A rulebook: all rules and thresholds of one or more folders, checked and compiled.

Folders behind the first change it: a rule with the id of an earlier one replaces it and takes its place in the order
of reasoning, and so does a threshold. A disabled rule never fires; rules that build on its finding then wait in vain.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.resources.abc import Traversable
from pathlib import Path

from .. import rulefolder
from ..diagnosis import RulebookInfo
from ..mistakes import Mistakes
from ..rulefolder import ParsedFile, RuleFolder, SourceFile
from . import rulefile, strata, thresholds
from .adjustments import NONE, Adjustments, Disabled
from .compile import Shard, compile_rules
from .conditions import Pattern
from .rule import Rule
from .thresholds import Threshold

MAX_NAMED = 12
"""Rules one sentence names."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Rules in the order of their files. `strata` are numbers of rules, `shards` the same compiled."""

    rules: tuple[Rule, ...]
    strata: tuple[tuple[int, ...], ...]
    shards: tuple[tuple[Shard, ...], ...]
    info: RulebookInfo
    disabled: tuple[Disabled, ...] = ()
    """The rules left out by the settings."""


def load(folders: Sequence[Path | Traversable | RuleFolder], adjustments: Adjustments = NONE) -> Rulebook:
    """The rulebook of these folders (see `rulefolder.read`), each of which changes those before it.

    The hash covers the files of knowledge too. Raises RulebookError with one line per mistake, over all files.
    """
    return build(rulefolder.read(folders), adjustments)


def build(files: Sequence[SourceFile], adjustments: Adjustments = NONE, mistakes: Mistakes | None = None) -> Rulebook:
    """The rulebook of these files. Raises RulebookError with one line per mistake, all of them noted in `mistakes`."""
    mistakes = Mistakes() if mistakes is None else mistakes
    return assemble(rulefolder.parse(files, mistakes), digest(files, adjustments), adjustments, mistakes)


def assemble(parsed: Sequence[ParsedFile], sha256: str, adjustments: Adjustments, mistakes: Mistakes) -> Rulebook:
    """The rulebook of files whose YAML was read already. `sha256` is their digest. Raises as `build` does."""
    changes: list[str] = []
    known: dict[str, Threshold] = {}
    for one in parsed:
        if one.role == "thresholds":
            pairs = thresholds.read(one.root, mistakes, known, one.file.origin)
            changes += [_threshold_change(old, new, f"by {new.origin}: {new.source}") for old, new in pairs]
    for wanted in adjustments.thresholds:
        pair = thresholds.adjust(known, wanted, mistakes)
        changes += [_threshold_change(*pair, f"by the settings: {wanted.reason}")] if pair else []
    rules = _Rules(mistakes)
    for one in parsed:
        if one.role == "pack":
            rules.add(one, known)
    disabled = rules.disabled(adjustments)
    rules.note_lost_findings()
    layers = strata.stratify(rules.all, rules.names, mistakes)
    mistakes.raise_if_any()
    info = RulebookInfo(len(rules.all) - len(disabled), sha256, (*rules.changes(), *changes))
    return replace(_compiled(rules.all, layers, disabled, info), disabled=adjustments.disable)


def alternatives(rules: Sequence[Rule], numbers: Iterable[int]) -> Iterator[tuple[int, int, tuple[Pattern, ...]]]:
    """The alternatives of these rules as the compiler takes them."""
    for number in numbers:
        for index, patterns in enumerate(rules[number].alternatives):
            yield number, index, patterns


class _Rules:
    """The rules of all folders, later ones in the places of those they replace."""

    def __init__(self, mistakes: Mistakes) -> None:
        self._mistakes = mistakes
        self._number: dict[str, int] = {}
        self._replaced: list[tuple[Rule, Rule]] = []
        self._disabled: list[str] = []
        self.all: list[Rule] = []
        self.names: set[str] = set()
        """The findings of all rules, of those included that could not be read or are replaced."""

    def add(self, file: ParsedFile, known: Mapping[str, Threshold]) -> None:
        """Add the rules of a pack."""
        self.names |= rulefile.declared(file.root)
        for rule in rulefile.read(file.root, self._mistakes, known):
            rule = replace(rule, origin=file.file.origin)
            number = self._number.setdefault(rule.id, len(self.all))
            if number == len(self.all):
                self.all.append(rule)
            elif self.all[number].origin == rule.origin:
                what = f'duplicate id "{rule.id}", first given at {self.all[number].place}'
                self._mistakes.add(rule.place, what, "duplicate")
            else:
                self._replaced.append((self.all[number], rule))
                self.all[number] = rule

    def disabled(self, adjustments: Adjustments) -> frozenset[int]:
        """The numbers of the disabled rules."""
        numbers: set[int] = set()
        for wanted in adjustments.disable:
            if wanted.rule in self._number:
                numbers.add(self._number[wanted.rule])
                self._disabled.append(f"Rule {wanted.rule} is disabled by the settings: {wanted.reason}")
            else:
                self._mistakes.unknown(wanted.place, "rule", wanted.rule, self._number)
        return frozenset(numbers)

    def note_lost_findings(self) -> None:
        """Note replaced rules whose finding nobody draws any more, though rules build on it."""
        made = {rule.then.finding for rule in self.all}
        for old, new in self._replaced:
            lost = old.then.finding
            users = [] if lost in made else [rule.id for rule in self.all if lost in strata.findings_asked_for(rule)]
            if users:
                needs = "needs" if len(users) == 1 else "need"
                what = f'it replaces the rule that draws "{lost}", which {_listed(users)} {needs}; keep that finding'
                self._mistakes.add(new.place, what, "unknown-finding")

    def changes(self) -> list[str]:
        """What is not as in the first folder, one sentence each."""
        said: list[str] = []
        replaced = {new.id: old for old, new in self._replaced}
        for origin in dict.fromkeys(rule.origin for rule in self.all if rule.origin is not None):
            own = [rule for rule in self.all if rule.origin == origin]
            added = [rule.id for rule in own if rule.id not in replaced]
            changed = [
                f"{rule.id} (version {rule.version} for {replaced[rule.id].version})"
                for rule in own
                if rule.id in replaced
            ]
            said += [f"{origin} adds {_counted(added, 'rule')}: {_listed(added)}."] if added else []
            said += [f"{origin} replaces {_counted(changed, 'rule')}: {_listed(changed)}."] if changed else []
        return said + self._disabled


def _compiled(
    rules: Sequence[Rule], layers: tuple[tuple[int, ...], ...], disabled: frozenset[int], info: RulebookInfo
) -> Rulebook:
    """The rulebook without the disabled rules."""
    kept = [number for number in range(len(rules)) if number not in disabled]
    place = {number: index for index, number in enumerate(kept)}
    left = tuple(rules[number] for number in kept)
    layers = tuple(tuple(place[number] for number in layer if number in place) for layer in layers)
    shards = tuple(compile_rules(alternatives(left, layer)) for layer in layers)
    return Rulebook(left, layers, shards, info)


def _threshold_change(old: Threshold, new: Threshold, why: str) -> str:
    was, now = (thresholds.shown(one.value, one.unit) for one in (old, new))
    return f"Threshold {new.name} is {now} instead of {was}, {why}"


def _counted(items: Sequence[str], what: str) -> str:
    return f"{len(items)} {what}{'' if len(items) == 1 else 's'}"


def _listed(items: Sequence[str]) -> str:
    more = f" and {len(items) - MAX_NAMED} more" if len(items) > MAX_NAMED else ""
    return ", ".join(items[:MAX_NAMED]) + more


def digest(files: Iterable[SourceFile], adjustments: Adjustments = NONE) -> str:
    """SHA-256 over these files and changes."""
    sha256 = hashlib.sha256()
    for file in files:
        sha256.update(f"{Path(file.name).name}\0{len(file.data)}\0".encode() + file.data)
    for disabled in adjustments.disable:
        sha256.update(f"disable\0{disabled.rule}\0{disabled.reason}\0".encode())
    for new in adjustments.thresholds:
        sha256.update(f"threshold\0{new.threshold}\0{new.value}\0{new.unit}\0{new.reason}\0".encode())
    return sha256.hexdigest()
