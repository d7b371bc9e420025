"""Module lists (`lm` and its options, `lmvm`), unloaded modules, and where the image of a module holds a pool tag.

    start             end                 module name
    fffff807`84da0000 fffff807`84da7000   EvilDriver   (no symbols)
        Image path: \\SystemRoot\\System32\\drivers\\EvilDriver.sys
        Timestamp:        Fri Sep 29 11:45:20 2023 (65171B40)

gives a `module` fact. Time stamps are taken from the hex value, which is UTC, never from the date printed beside it,
which is in the time zone of the debugger.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from ...facts import Fact, Value, address
from .block import Line, Log, Parser, Unplaced
from .cursor import ADDRESS, RECENT, output, recent

KERNEL = ("nt", "ntoskrnl", "ntkrnlmp", "ntkrnlpa", "ntkrpamp")

MAX_UNPLACED = 20
"""Searches whose modules are looked for below."""

MAX_DETAILS = 64
"""Lines under one module in a verbose list."""

_HEADER = re.compile(r"\s*start\s+end\s+module name\s*$")
_UNLOADED = re.compile(r"\s*Unloaded modules:\s*$")
_ROW = re.compile(
    rf"\s*(?P<start>{ADDRESS})\s+(?P<end>{ADDRESS})\s+(?P<name>[A-Za-z_]\S{{0,127}})(?:\s+(?P<rest>\S.*?))?\s*$"
)
_STATUS = re.compile(
    r"(?:[A-Z#]\s+)?\((?:deferred|no symbols|none|(?:private pdb|pdb|export|coff|codeview|dia|sym|dbg) symbols)\)",
    re.IGNORECASE,
)
_FILE_IN_ROW = re.compile(
    r"(?P<file>[^\s()]\S{0,255}\.(?:sys|exe|dll|drv|bin|mui|cpl|ocx|ax|efi))(?:\s|$)", re.IGNORECASE
)
_STAMP = re.compile(r"\((?P<hex>[0-9a-fA-F]{8})\)\s*$|:\s*(?P<bare>[0-9a-fA-F]{8})\s*(?:\(This is a reproducible.*)?$")
_DATE_IN_ROW = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2} [\d:]{8} \d{4} \((?P<hex>[0-9a-fA-F]{8})\)")
_DETAIL = re.compile(r"\s*(?P<key>[A-Z][A-Za-z]*(?: [A-Za-z]+){0,5}):(?:\s+(?P<value>\S.*?))?\s*$")
_OTHER_DETAIL = re.compile(
    r"\s*(?:Browse |Symbol file:|Mapped memory image|Information from|Image was built|Has CodeView|Unable to enumerate|"
    r"\(This is a reproducible|File is a reproducible)"
)
_DETAIL_KEYS = {
    "image path": "path",
    "image name": "file",
    "checksum": "checksum",
    "file version": "version",
    "companyname": "company",
    "productname": "product",
    "filedescription": "description",
}
_IGNORED_KEYS = (
    "loaded symbol image file", "loaded image name", "mapped memory image file", "mapped image name", "symbol file",
    "timestamp", "imagesize", "product version", "file flags", "file os", "file type", "file date", "translations",
    "load reason", "information from resource tables", "internalname", "originalfilename", "productversion",
    "fileversion", "privatebuild", "specialbuild", "legalcopyright", "legaltrademarks", "comments", "oleselfregister",
)  # fmt: skip
_HIT = re.compile(rf"\s*(?P<address>{ADDRESS})\s+(?P<bytes>[0-9a-fA-F]{{2}}(?:[ -][0-9a-fA-F]{{2}}){{3,15}})(?:\s|$)")
_HEADING = re.compile(
    r"\s*(?:(?:module(?:name)?|image)\s*[:=]\s*)?(?P<module>[A-Za-z_][\w.-]{0,63})"
    r"(?:\s+\(?(?P<section>\.\w{1,8}|PAGE\w{0,4}|INIT)\)?)?:?\s*$",
    re.IGNORECASE,
)
_SEARCH = re.compile(r"(?:^|[\s\"';{])s\s+-", re.IGNORECASE)


def parse_modules(lines: Sequence[Line], start: int, log: Log) -> int:
    """A module list, with its column titles or without."""
    text = lines[start].text
    header = _HEADER.match(text)
    if not header and not _UNLOADED.match(text):
        row = _ROW.match(text) if "(" in text else None
        if row is None or not _STATUS.match(row["rest"] or ""):
            return start
    end = start if not header and not _UNLOADED.match(text) else start + 1
    unloaded = _UNLOADED.match(text) is not None
    head: Line | None = None
    row, details = None, list[Line]()
    for index, line in output(lines, end):
        found = _ROW.match(line.text)
        if found or _UNLOADED.match(line.text) or _HEADER.match(line.text):
            _add(log, head, row, details, unloaded)
            head, row, details = (line, found, []) if found else (None, None, [])
            unloaded = unloaded or _UNLOADED.match(line.text) is not None
        elif row is not None and len(details) < MAX_DETAILS and _is_detail(line.text):
            details.append(line)
        else:
            break
        end = index + 1
    _add(log, head, row, details, unloaded)
    return end


def _is_detail(text: str) -> bool:
    match = _DETAIL.match(text)
    key = match["key"].lower() if match else ""
    return key in _DETAIL_KEYS or key in _IGNORED_KEYS or _OTHER_DETAIL.match(text) is not None


def _add(log: Log, head: Line | None, row: re.Match[str] | None, details: list[Line], unloaded: bool) -> None:
    if head is None or row is None:
        return
    base, end = int(row["start"].replace("`", ""), 16), int(row["end"].replace("`", ""), 16)
    rest = row["rest"] or ""
    fields: dict[str, Value | None] = {}
    if file := _FILE_IN_ROW.match(_STATUS.sub("", rest, count=1).strip()):
        fields["path" if "\\" in file["file"] else "file"] = file["file"]
    if date := _DATE_IN_ROW.search(rest):
        fields["timestamp"] = iso(int(date["hex"], 16))
    for line in details:
        match = _DETAIL.match(line.text)
        if match is None or not match["value"]:
            continue
        key = match["key"].lower()
        if key in _DETAIL_KEYS:
            fields[_DETAIL_KEYS[key]] = match["value"]
        elif key == "timestamp":
            fields["timestamp"] = _timestamp(line.text)
    path = fields.get("path")
    if isinstance(path, str):
        fields.setdefault("file", path.replace("/", "\\").rsplit("\\", 1)[-1])
    if unloaded:
        fields.setdefault("file", row["name"])
    log.add(
        "module",
        [head, *details],
        verify="lm" if unloaded else f"lmvm {row['name']}",
        quality="exact",
        name=row["name"],
        base=address(base),
        size=end - base if end > base else None,
        unloaded=unloaded or None,
        **fields,
    )


def _timestamp(text: str) -> str | None:
    """ISO 8601 of the hex value; the hex value itself where it is the hash of a reproducible build."""
    match = _STAMP.search(text)
    if match is None:
        return None
    digits = match["hex"] or match["bare"]
    return digits.lower() if "reproducible" in text else iso(int(digits, 16))


def iso(seconds: int) -> str | None:
    """ISO 8601 UTC of seconds since 1970; None for 0, which stands for unknown."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else None


def parse_string_scan(lines: Sequence[Line], start: int, log: Log) -> int:
    """Hits of a search for the four bytes of a tag through the images (`s -a Base End "Thre"`).

    A hit belongs to the module named in the line above it, else to the one whose address range holds it.
    """
    text = lines[start].text
    first = _HIT.match(text)
    if first is None and not (_HEADING.match(text) and _next_is_hit(lines, start)):
        return start
    module: str | None = None
    section: str | None = None
    hits: list[tuple[int, str, str | None, str | None, Line]] = []
    headed, end = first is None, start
    for index, line in output(lines, start):
        if hit := _HIT.match(line.text):
            tag = _tag(hit["bytes"])
            if tag is None:
                break
            hits.append((int(hit["address"].replace("`", ""), 16), tag, module, section, line))
        elif (heading := _HEADING.match(line.text)) and (headed or not hits):
            module, section = heading["module"], heading["section"]
        else:
            break
        end = index + 1
    if not hits or not _is_search(log, hits, headed):
        return start
    _add_hits(log, hits)
    return end


def _next_is_hit(lines: Sequence[Line], start: int) -> bool:
    following = list(output(lines, start, 2))
    return len(following) == 2 and _HIT.match(following[1][1].text) is not None


def _tag(text: str) -> str | None:
    values = [int(text[index : index + 2], 16) for index in range(0, 12, 3)]
    return "".join(map(chr, values)) if all(0x20 <= value < 0x7F for value in values) else None


def _is_search(log: Log, hits: list[tuple[int, str, str | None, str | None, Line]], headed: bool) -> bool:
    """A memory display (`db`) looks the same: each of its lines begins 16 bytes after the one before."""
    if len({tag for _, tag, *_ in hits}) != 1:
        return False
    if log.command:
        return _SEARCH.search(log.command) is not None
    return headed or (len(hits) > 1 and all(b[0] - a[0] != 16 for a, b in pairwise(hits)))


def _add_hits(log: Log, hits: list[tuple[int, str, str | None, str | None, Line]]) -> None:
    ranges = _ranges(fact for _, fact in recent(log, "module"))
    groups: dict[tuple[str | None, str | None], list[tuple[int, Line]]] = {}
    for where, _, module, section, line in hits:
        groups.setdefault((module or _module_at(where, ranges), section), []).append((where, line))
    tag = hits[0][1]
    for (name, section), found in groups.items():
        lines = [line for _, line in found]
        if name is not None:
            _add_tag_module(log, tag, name, section, lines)
            continue
        if len(log.unplaced) < MAX_UNPLACED:
            log.unplaced.append(Unplaced(len(log.facts), tag, tuple(found)))
        text = f"{len(found):,} places with the bytes of {tag!r} lie in no module listed in this log."
        log.note("not-recorded", "modules", text, lines[0])


def place_hits(log: Log) -> None:
    """Find the modules of places that were found before the modules were listed, once the whole log is read. The first
    module takes the place of the note."""
    for unplaced in log.unplaced:
        below = log.facts[unplaced.note :]
        if any(fact.kind == "system" and "kernel_base" in fact.fields for fact in below):
            continue  # behind a banner the modules may be those of another machine
        ranges = _ranges([fact for fact in below if fact.kind == "module"][:RECENT])
        groups: dict[str | None, list[Line]] = {}
        for where, line in unplaced.places:
            groups.setdefault(_module_at(where, ranges), []).append(line)
        if None in groups:
            continue
        for name, lines in groups.items():
            _add_tag_module(log, unplaced.tag, str(name), None, lines)
        log.facts[unplaced.note] = log.facts.pop()
    log.unplaced.clear()


def _ranges(modules: Iterable[Fact]) -> list[tuple[int, int, str]]:
    return [
        (int(base, 16), int(base, 16) + size, str(fact.get("name")))
        for fact in modules
        if (base := fact.text("base")) and (size := fact.int("size")) and not fact.flag("unloaded")
    ]


def _module_at(where: int, ranges: list[tuple[int, int, str]]) -> str | None:
    return next((name for low, high, name in ranges if low <= where < high), None)


def _add_tag_module(log: Log, tag: str, name: str, section: str | None, lines: list[Line]) -> None:
    log.add(
        "tag_module",
        lines,
        verify=f'!for_each_module s -a @#Base @#End "{tag}"',
        tag=tag,
        module=name,
        hits=len(lines),
        section=section,
        how="string scan",
        plausible=False if name.lower().removesuffix(".exe") in KERNEL else None,
    )


PARSERS: tuple[Parser, ...] = (parse_modules, parse_string_scan)
