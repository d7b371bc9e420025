"""The debugging tools' lists of pool tags, pooltag.txt and localtag.txt, from the user's own copy of the tools.

A line is `TAG - BINARY - DESCRIPTION`, with the tag in the first four columns, blanks included. `?` stands for any one
character and `*` for any that follow; lines that begin with `rem` or `//` are comments. As the comment at the head of
the file has it; what existing copies do beside it is read too: no blank before the first dash, two fields instead of
three, tags given twice for several owners, an end-of-file byte. The lists are not part of this program.
"""

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from . import userfile
from .knowledge import TagList

POOLTAG, LOCALTAG = "pooltag.txt", "localtag.txt"
ROLE = "pooltag"
MAX_SIZE = 4 << 20
MAX_TAGS = 20_000
MAX_LINES = 50_000
MAX_LINE = 1_000
"""Characters; longer lines are none of a list of tags."""
MAX_HOLDS = 200
MAX_OWNERS = 4

_FIELDS = re.compile(r"\s*-\s*(?P<binary>.{0,200}?)\s+-\s*(?P<text>.*)|\s*-\s*(?P<only>.*)")
_COMMENT = re.compile(r"\s*(?://|rem(?:\s|$))", re.IGNORECASE)
_ARCHITECTURES = ("x64", "arm64", "x86", "arm")


def parse(name: str, data: bytes) -> TagList:
    """The tags of a list. Lines that are none are passed over: the file is for the debugger, not for this program."""
    owners: dict[str, list[str]] = {}
    holds: dict[str, list[str]] = {}
    for line in _text(data).split("\n", MAX_LINES)[:MAX_LINES]:
        entry = None if _COMMENT.match(line) else _entry(line.rstrip("\r"))
        if entry is None or (entry[0] not in owners and len(owners) >= MAX_TAGS):
            continue
        tag, owner, text = entry
        known = owners.setdefault(tag, [])
        if owner is not None and owner not in known and len(known) < MAX_OWNERS:
            known.append(owner)
        told = holds.setdefault(tag, [])
        if text and text not in told and len(told) < MAX_OWNERS:
            told.append(text)
    return TagList(name, {tag: (" or ".join(known) or None, "; or ".join(holds[tag])) for tag, known in owners.items()})


def is_list(data: bytes) -> bool:
    """Whether there is a pool tag in it at all."""
    lines = _text(data).split("\n", MAX_LINES)[:MAX_LINES]
    return any(not _COMMENT.match(line) and _entry(line.rstrip("\r")) for line in lines)


def read(file: Path) -> bytes:
    """The bytes of a list. Raises RulebookError where it cannot be read or is too large to be one."""
    return userfile.read(file, MAX_SIZE, "no list of pool tags is")


def find(given: Iterable[Path], environment: Mapping[str, str] = os.environ) -> list[Path]:
    """The lists to use, the one that goes over the others first: those given, and those of the debugging tools.

    A folder given is searched for both names, also in its `triage`. A localtag.txt, which holds what users add, goes
    before every pooltag.txt.
    """
    found: list[Path] = []
    for path in given:
        found += in_folder(path) if path.is_dir() else [path]
    for folder in _debuggers(environment):
        found += in_folder(folder)
    local = [path for path in found if path.name.lower() == LOCALTAG]
    return list(dict.fromkeys([*local, *(path for path in found if path not in local)]))


def _debuggers(environment: Mapping[str, str]) -> list[Path]:
    """Folders of the debugging tools. One list is enough: the copies of one kit are the same."""
    folders = [Path(part) for part in environment.get("_NT_DEBUGGER_EXTENSION_PATH", "").split(";") if part.strip()]
    for name in ("ProgramFiles(x86)", "ProgramFiles"):
        if not environment.get(name):
            continue
        base = Path(environment[name])
        for kit in ("10", "8.1", "8.0"):
            folders += [base / "Windows Kits" / kit / "Debuggers" / one for one in _ARCHITECTURES]
        folders += [base / f"Debugging Tools for Windows ({one})" for one in _ARCHITECTURES]
    return next(([folder] for folder in folders if in_folder(folder)), [])


def in_folder(folder: Path) -> list[Path]:
    """The lists in a folder, also in its `triage`."""
    candidates = [place / name for name in (LOCALTAG, POOLTAG) for place in (folder, folder / "triage")]
    return [path for path in candidates if _is_file(path)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _text(data: bytes) -> str:
    """The text up to the end-of-file byte, whatever editor saved it."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        text = data.decode("utf-16", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
    return text.partition("\x1a")[0]


def _entry(line: str) -> tuple[str, str | None, str] | None:
    """Tag, owner and meaning of a line, or None where it is no entry."""
    line = line.replace("\t", " ")
    if len(line) > MAX_LINE or not line.isprintable():
        return None
    tag, rest = _cut(line)
    fields = _FIELDS.fullmatch(rest) if tag.strip() else None
    if fields is None:
        return None
    binary, text = fields["binary"], fields["text"]
    if text is None:  # two fields: a description without an owner
        binary, text = "", fields["only"]
    owner, holds = " ".join(binary.split()), " ".join(text.split())[:MAX_HOLDS]
    known = owner if owner and owner.lower() != "<unknown>" else None
    return (_pattern(tag), known, holds) if known or holds else None


def _cut(line: str) -> tuple[str, str]:
    """The tag and what follows it. A tag of three letters may be written without the blank that fills it."""
    for width in (4, 3, 2, 1):
        rest = line[width:]
        if rest.lstrip().startswith("-") and (width == 4 or rest.startswith(" -")):
            return line[:width], rest
    return "", line


def _pattern(tag: str) -> str:
    """The tag in four characters; `*` becomes a `?` for each character it may stand for."""
    head, star, _ = tag.partition("*")
    return (head + "?" * (4 - len(head))) if star else tag.ljust(4)
