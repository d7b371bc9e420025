"""The settings in triage.toml: own rules, disabled rules, thresholds, lists of pool tags, the look of the report.

The file in the working directory goes over that of the user, the command line over both. Nothing is read from the
folder of a casefile: who sends a casefile must not choose by which rules it is judged.
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import userfile, userfolders
from .errors import RulebookError
from .inference.adjustments import NONE, Adjustments, Disabled, NewValue
from .mistakes import Mistakes, Place
from .report import SHIPPED, Branding
from .rulefolder import RuleFolder

FILE = "triage.toml"
KEYS = ("rules", "disable", "thresholds", "pooltag", "report")
MAX_SIZE = 1 << 20

_DISABLE = {"rule": str, "reason": str}
_THRESHOLD: dict[str, type] = {"value": float, "unit": str, "reason": str}
_WORDS = {str: "text", float: "a number"}
_HEADER = re.compile(r"\s*\[\[?\s*([^\]]+?)\s*\]")


@dataclass(frozen=True, slots=True)
class Settings:
    """What all levels add up to. `rules` are in the order in which they change each other, `pooltag` in that of
    precedence. `files` are the settings files read, `passed_over` one that lies beside the casefile."""

    rules: tuple[RuleFolder, ...] = ()
    adjustments: Adjustments = NONE
    pooltag: tuple[Path, ...] = ()
    files: tuple[Path, ...] = ()
    passed_over: Path | None = None
    report: Branding = SHIPPED


def places(environment: Mapping[str, str] = os.environ) -> tuple[Path, Path]:
    """Where settings are looked for: the user's file and that of the working directory."""
    return userfolders.config(environment) / FILE, Path(FILE)


def load(
    rules: Sequence[Path] = (),
    casefiles: Sequence[Path] = (),
    environment: Mapping[str, str] = os.environ,
) -> Settings:
    """The settings of the user and of the working directory, with these folders of rules over them.

    What lies beside a casefile is passed over.

    Raises RulebookError with one line per mistake.
    """
    mistakes = Mistakes()
    levels: list[_Level] = []
    passed_over: Path | None = None
    for file in places(environment):
        if not file.exists():
            continue
        if any(_same(file.parent, each.parent) for each in casefiles):
            passed_over = file
            continue
        if not file.is_file():
            mistakes.add(Place(str(file), 1, 1), "not a file; expected settings in TOML: rename it or take it away")
            continue
        levels.append(_Level(file, mistakes, levels[-1].report if levels else SHIPPED))
    mistakes.raise_if_any()
    disable = {one.rule: one for level in levels for one in level.disable}
    thresholds = {one.threshold: one for level in levels for one in level.thresholds}
    folders = [folder for level in levels for folder in level.rules]
    folders += [RuleFolder(path, str(path)) for path in rules]
    return Settings(
        _last_of_each(folders),
        Adjustments(tuple(disable.values()), tuple(thresholds.values())),
        tuple(dict.fromkeys(path for level in reversed(levels) for path in level.pooltag)),
        tuple(level.file for level in levels),
        passed_over,
        levels[-1].report if levels else SHIPPED,
    )


class _Level:
    """One settings file; `report` is what those before it say of the report."""

    def __init__(self, file: Path, mistakes: Mistakes, report: Branding) -> None:
        self.file = file
        self.report = report
        self.rules: list[RuleFolder] = []
        self.disable: list[Disabled] = []
        self.thresholds: list[NewValue] = []
        self.pooltag: list[Path] = []
        self._mistakes = mistakes
        self._text = _text(file)
        try:
            document = tomllib.loads(self._text)
        except tomllib.TOMLDecodeError as error:
            self._syntax(error)
            return
        readers: dict[str, Callable[[Any], None]] = {
            "rules": self._rules,
            "disable": self._disable,
            "thresholds": self._thresholds,
            "pooltag": self._pooltag,
            "report": self._report,
        }
        for key, value in document.items():
            if key in readers:
                readers[key](value)
            else:
                mistakes.unknown(self._place(key), "key", key, KEYS)

    def _syntax(self, error: tomllib.TOMLDecodeError) -> None:
        # Before Python 3.14 the place is in the text only: "Expected '=' after a key (at line 2, column 5)".
        found = re.search(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)", str(error))
        lines = self._text.count("\n") + 1
        line, column = (int(found[1]), int(found[2])) if found and found[1] else (lines, 1)
        what = str(error)[: found.start()] if found else str(error)
        self._mistakes.add(Place(str(self.file), line, column), f"not valid TOML: {what}", "yaml")

    def _rules(self, value: Any) -> None:
        for name in self._paths("rules", value):
            path = self._relative(name)
            if path.is_dir():
                self.rules.append(RuleFolder(path, name))
            else:
                self._mistakes.add(self._place("rules", name), f'rules: there is no folder "{name}"')

    def _pooltag(self, value: Any) -> None:
        for name in self._paths("pooltag", value):
            path = self._relative(name)
            problem = _no_list(path, name)
            if problem is None:
                self.pooltag.append(path)
            else:
                self._mistakes.add(self._place("pooltag", name), f"pooltag: {problem}")

    def _report(self, value: Any) -> None:
        from .reportsettings import ReportSettings

        def place(key: str) -> Place:
            return self._place("report", key) if key else self._place("report")

        self.report = ReportSettings(self.file.parent, place, self._mistakes).read(value, self.report)

    def _disable(self, value: Any) -> None:
        if not isinstance(value, list):
            self._wrong("disable", "disable", 'expected a list of {rule = "...", reason = "..."}')
            return
        seen: set[str] = set()
        for number, item in enumerate(value, 1):
            path = f"disable[{number}]"
            words = self._fields("disable", path, item, _DISABLE)
            if words is None:
                continue
            place = self._place("disable", words["rule"])
            if words["rule"] in seen:
                self._mistakes.add(place, f'{path}: rule "{words["rule"]}" is disabled twice', "duplicate")
            seen.add(words["rule"])
            self.disable.append(Disabled(words["rule"], words["reason"], place))

    def _thresholds(self, value: Any) -> None:
        if not isinstance(value, dict):
            self._wrong("thresholds", "thresholds", "expected a table of names with {value, unit, reason}")
            return
        for name, item in _flat(value):
            path = f'thresholds."{name}"'
            fields = self._fields("thresholds", path, item, _THRESHOLD, name)
            if fields is not None:
                place = self._place("thresholds", name)
                self.thresholds.append(NewValue(name, fields["value"], fields["unit"], fields["reason"], place))

    def _fields(
        self, key: str, path: str, item: Any, types: Mapping[str, type], near: str = ""
    ) -> dict[str, Any] | None:
        """The fields of a table, all of which are needed; None after noting what is wrong with them."""
        before = len(self._mistakes)
        if not isinstance(item, dict):
            self._wrong(key, path, f"expected a table with {', '.join(types)}", near)
            return None
        near = near or next((text for text in item.values() if isinstance(text, str)), "")
        for name in item:
            if name not in types:
                self._mistakes.unknown(self._place(key, near), f"key of {path}", name, types, "unknown-key")
        for name, kind in types.items():
            value = item.get(name)
            if value is None:
                why = ": say why, it stands in the report" if name == "reason" else ""
                self._wrong(key, path, f'lacks "{name}"{why}', near)
            elif kind is str and not (isinstance(value, str) and value.strip()):
                self._wrong(key, f"{path}.{name}", f"expected {_WORDS[kind]}", near)
            elif kind is float and not _is_figure(value):
                self._wrong(key, f"{path}.{name}", f"expected {_WORDS[kind]}, the unit stands under unit", near)
        if len(self._mistakes) > before:
            return None
        return {name: " ".join(value.split()) if isinstance(value, str) else value for name, value in item.items()}

    def _paths(self, key: str, value: Any) -> list[str]:
        if isinstance(value, list) and all(isinstance(item, str) and item.strip() for item in value):
            return list(value)
        self._wrong(key, key, "expected a list of paths")
        return []

    def _relative(self, name: str) -> Path:
        return self.file.parent / Path(name).expanduser()

    def _wrong(self, key: str, path: str, what: str, near: str = "") -> None:
        self._mistakes.add(self._place(key, near), f"{path}: {what}")

    def _place(self, key: str, near: str = "") -> Place:
        """Where a key stands; with `near`, the first line from there on that holds this text.

        tomllib tells no places, and the key path in the message is what counts: this is for a click in an editor.
        """
        lines = self._text.splitlines()
        start = next((number for number, line in enumerate(lines) if _opens(line, key)), 0)
        for number, line in enumerate(lines[start:], start) if near else ():
            if near in line:
                return Place(str(self.file), number + 1, line.index(near) + 1)
        return Place(str(self.file), start + 1, 1)


def _text(file: Path) -> str:
    data = userfile.read(file, MAX_SIZE, "settings are not")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise RulebookError(f"{file}:{line}:1: not UTF-8 text") from error


def _no_list(path: Path, name: str) -> str | None:
    """Why there is no list of pool tags, or None where there is one."""
    from . import pooltag

    if not path.exists():
        return f'there is no file or folder "{name}"'
    if path.is_dir():
        lacks = f'there is neither {pooltag.LOCALTAG} nor {pooltag.POOLTAG} in the folder "{name}"'
        return None if pooltag.in_folder(path) else lacks
    if pooltag.is_list(pooltag.read(path)):
        return None
    return f'there is no pool tag in "{name}"; expected lines as in pooltag.txt: Abcd - driver.sys - what it holds'


def _opens(line: str, key: str) -> bool:
    """Whether a line begins a key of the top level, as a value or as a table."""
    header = _HEADER.match(line)
    path = header[1] if header else line.partition("=")[0]
    return path.split(".")[0].strip().strip("\"'") == key


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Thresholds by name; a name without quotes is nested tables to TOML."""
    found: list[tuple[str, Any]] = []
    for key, value in table.items():
        nested = isinstance(value, dict) and value and all(isinstance(item, dict) for item in value.values())
        found += _flat(value, f"{prefix}{key}.") if nested else [(f"{prefix}{key}", value)]
    return found


def _is_figure(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15  # not for nan and inf


def _same(one: Path, two: Path) -> bool:
    try:
        return one.resolve().samefile(two.resolve())
    except OSError:
        return False


def _last_of_each(folders: Sequence[RuleFolder]) -> tuple[RuleFolder, ...]:
    """Each folder once, where it stands last."""
    found: dict[Path, RuleFolder] = {}
    for folder in folders:
        found.pop(folder.path.resolve(), None)
        found[folder.path.resolve()] = folder
    return tuple(found.values())
