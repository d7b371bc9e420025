"""Every mistake of rule files in one run: of YAML, grammar, tests, knowledge and the ledger, across all files."""

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from .. import knowledge, rulefolder
from ..errors import RulebookError, UsageError
from ..inference import rulebook, rulefile, thresholds
from ..inference.thresholds import Threshold
from ..mistakes import Mistake, Mistakes, Place
from ..rulefolder import SHIPPED, ParsedFile, SourceFile
from ..settings import Settings
from ..yamlfile import Mapping, Scalar
from ..yamlfile import Sequence as List
from .casefiles import casefile_folder, read_index
from .gate import read_ledger
from .testfile import read_tests

_USED = re.compile(r"@([a-z0-9]+(?:[.-][a-z0-9]+)*)")
_UNKNOWN = re.compile(r'unknown [^"]*"([^"]+)"|bind "([^"]+)"|filter "([^"]+)"')
_FINDING = re.compile(r"[a-z]+(?:[.-][a-z0-9]+)+")
_DRAWN = re.compile(r"\bfinding:\s*([a-z0-9.-]+)")
_BLOCK = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. `files` are the files looked at, `lines` the text of those with a mistake, line by line."""

    files: tuple[str, ...]
    mistakes: tuple[Mistake, ...]
    lines: dict[str, list[str]]

    @property
    def errors(self) -> int:
        """How many keep the rules from being used."""
        return sum(one.severity == "error" for one in self.mistakes)


def check(paths: Sequence[Path], settings: Settings) -> Checked:
    """The mistakes in these files and folders; without any, in the shipped rules and those of the settings.

    Whatever is looked at is read as a change of the shipped rules, so that a pack may use their findings and
    thresholds. Raises UsageError for a path that does not exist, RulebookError for one that cannot be read.
    """
    files, chosen = _files(paths, settings)
    mistakes = Mistakes()
    for name in chosen:
        mistakes.expect(name)
    parsed = rulefolder.parse(files, mistakes, tests=True)
    knowledge.build(parsed, (), mistakes)
    with suppress(RulebookError):  # all its lines stand in `mistakes`
        rulebook.assemble(parsed, "", settings.adjustments, mistakes)
    _check_authoring(parsed, mistakes)
    _note_unused(parsed, files, mistakes)
    _check_findings(parsed, mistakes)
    lines = {file.name: file.data.decode("utf-8", "replace").splitlines() for file in files if file.name in chosen}
    found = [_exact(one, lines.get(one.place.file, [])) for one in mistakes.all()]
    torn = _findings_of_torn_files(found, files)
    others = {file.name for file in files} - set(chosen)
    shown = [
        one
        for one in found
        if one.place.file not in others and not (one.code == "unknown-finding" and _word(one) in torn)
    ]
    order = {name: number for number, name in enumerate(chosen)}
    shown.sort(key=lambda one: (order.get(one.place.file, len(order)), one))
    return Checked(tuple(chosen), tuple(shown), lines)


def _files(paths: Sequence[Path], settings: Settings) -> tuple[list[SourceFile], list[str]]:
    """All files in the order in which they change each other, and the names of those to report on."""
    own = list(settings.rules)
    files = rulefolder.read([SHIPPED, *own])
    if not paths:
        return files, [file.name for file in files]
    chosen: list[str] = []
    for path in paths:
        found = _below(path)
        if not found:
            raise UsageError(f"{path}: no rule files; expected a file or a folder with *.yaml or packs/*.yaml")
        known = {_real(file.name): number for number, file in enumerate(files)}
        for file in found:
            number = known.get(_real(file.name))
            if number is None:
                files.append(file)
            else:  # shown as its user wrote it
                files[number] = replace(file, origin=files[number].origin)
            chosen.append(file.name)
    return files, list(dict.fromkeys(chosen))


def _below(path: Path) -> list[SourceFile]:
    if path.is_dir():
        return [replace(file, origin=str(path)) for file in rulefolder.read([path])]
    try:
        return [SourceFile(str(path), "", path.read_bytes(), str(path.parent))]
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file or folder") from error
    except OSError as error:
        raise RulebookError(f"{path}: cannot be read: {error.strerror}") from error


def _real(name: str) -> str:
    return str(Path(name).resolve())


def _check_authoring(parsed: Iterable[ParsedFile], mistakes: Mistakes) -> None:
    """What only authors need: tests, their casefiles, and the ledger of false positives."""
    folder = casefile_folder(Path(str(SHIPPED)))
    names = [entry.name for entry in read_index(folder, mistakes)] if folder else None
    ids: list[str] = []
    first: dict[tuple[str | None, str], Place] = {}
    for one in parsed:
        if one.role != "pack":
            continue
        tests = {test.place: test for test in read_tests(one.root, mistakes, names)}
        for rule in _rules(one):
            identity = rule.get("id")
            if not isinstance(identity, Scalar) or identity.empty:
                continue
            ids.append(identity.text)
            before = first.setdefault((one.file.origin, identity.text), identity.place)
            if before is not identity.place:
                mistakes.add(identity.place, f'duplicate id "{identity.text}", first given at {before}', "duplicate")
            status = rule.get("status")
            stable = isinstance(status, Scalar) and status.text == "stable"
            if stable and not any(named.fires for named in tests[identity.place].casefiles):
                what = 'a stable rule needs a casefile it fires on: give it "fires_on" in its tests, or status: test'
                mistakes.add(status.place if status else identity.place, what, "no-proof")
            given = rule.get("tests")  # tests that could not be read are mistakes of their own
            untested = given is None or (isinstance(given, List) and not given.items)
            if isinstance(status, Scalar) and status.text == "test" and untested:
                what = 'status "test" without a test; give the rule "tests", or status: experimental'
                mistakes.add(status.place, what, "no-test", "warning")
    for one in parsed:
        if one.role == "ledger":
            read_ledger(one.root, mistakes, ids)


def _check_findings(parsed: Sequence[ParsedFile], mistakes: Mistakes) -> None:
    """Findings nobody draws, asked for by rules that have other mistakes too."""
    names = {name for one in parsed if one.role == "pack" for name in rulefile.declared(one.root)}
    for one in parsed:
        for rule in _rules(one) if one.role == "pack" else ():
            for place, name in asked_for(rule):
                if name not in names:
                    mistakes.unknown(place, "finding", name, names)


def asked_for(rule: Mapping) -> Iterator[tuple[Place, str]]:
    """The findings a rule asks for by name, each with the place of its pattern."""
    for key in ("when", "unless"):
        node = rule.get(key)
        patterns = list(node.items) if isinstance(node, List) else []
        for pattern in patterns:
            for word, place, fields in pattern if isinstance(pattern, Mapping) else ():
                if word == "any" and isinstance(fields, List):
                    patterns += fields.items
                name = fields.get("name") if word.split()[:1] == ["finding"] and isinstance(fields, Mapping) else None
                for value in name.items if isinstance(name, List) else (name,):
                    if isinstance(value, Scalar) and _FINDING.fullmatch(value.text):
                        yield place, value.text


def _findings_of_torn_files(found: Iterable[Mistake], files: Iterable[SourceFile]) -> set[str]:
    """The findings of files that are not valid YAML, read from their text: whoever asks for them is not wrong."""
    torn = {one.place.file for one in found if one.code == "yaml"}
    texts = [file.data.decode("utf-8", "replace") for file in files if file.name in torn]
    return {name for text in texts for name in _DRAWN.findall(text)}


def _word(mistake: Mistake) -> str:
    found = _UNKNOWN.search(mistake.what)
    return next(group for group in found.groups() if group) if found else ""


def _rules(file: ParsedFile) -> list[Mapping]:
    listed = file.root.get("rules") if isinstance(file.root, Mapping) else None
    return [item for item in listed.items if isinstance(item, Mapping)] if isinstance(listed, List) else []


def _note_unused(parsed: Iterable[ParsedFile], files: Iterable[SourceFile], mistakes: Mistakes) -> None:
    """Thresholds no rule refers to: whoever changes one would wait for an effect in vain."""
    used = {name for file in files for name in _USED.findall(file.data.decode("utf-8", "replace"))}
    for one in parsed:
        if one.role == "thresholds":
            known: dict[str, Threshold] = {}
            thresholds.read(one.root, Mistakes(), known)
            for threshold in known.values():
                if threshold.name not in used:
                    what = f'no rule refers to the threshold "{threshold.name}"; use it or remove it'
                    mistakes.add(threshold.place, what, "unused-threshold", "warning")


def _exact(mistake: Mistake, lines: Sequence[str]) -> Mistake:
    """A mistake in a text of several lines, at the word it speaks of instead of where the text begins."""
    place = mistake.place
    if not mistake.what.startswith("template of") or not 0 < place.line <= len(lines):
        return mistake
    line = lines[place.line - 1]
    wanted = _word(mistake)
    if not wanted or line[place.column - 1 : place.column] not in ("|", ">"):
        return mistake
    word = re.compile(rf"\b{re.escape(wanted)}\b")
    indent = len(line) - len(line.lstrip())
    end = next(
        (
            n
            for n in range(place.line, len(lines))
            if lines[n].strip() and len(lines[n]) - len(lines[n].lstrip()) <= indent
        ),
        len(lines),
    )
    text = "\n".join(lines[place.line : end])
    for block in _BLOCK.finditer(text):
        if hit := word.search(text, block.start(), block.end()):
            before = text[: hit.start()]
            column = hit.start() - (before.rfind("\n") + 1) + 1
            return replace(mistake, place=Place(place.file, place.line + 1 + before.count("\n"), column))
    return mistake
