"""`dt nt!_OBJECT_TYPE <address>`: how many objects of a type there are, and how many handles to them.

    nt!_OBJECT_TYPE
       +0x010 Name             : _UNICODE_STRING "Thread"
       +0x02c TotalNumberOfObjects : 0x4d2
       +0x030 TotalNumberOfHandles : 0x6f1
       +0x0c0 Key              : 0x65726854

gives an `object_type` fact. Fields in between, and of the structures within where `dt -r` shows them, are passed over.
"""

import re
from collections.abc import Sequence

from .block import Line, Log, Parser
from .cursor import output

_HEAD = re.compile(r"\s*(?:nt!)?_OBJECT_TYPE\s*$")
_FIELD = re.compile(r"\s*\+0x[0-9a-f]{1,4} (\w{1,60})\s*:\s?(.*)$")
_NUMBER = re.compile(r"(0x[0-9a-f]{1,8}|\d{1,10})(?:\s.*)?$", re.IGNORECASE)
_NAME = re.compile(r'_UNICODE_STRING\s+"([^"]{1,80})"')
_MAX_LINES = 400
"""Lines of a type shown with all structures within."""


def parse_object_type(lines: Sequence[Line], start: int, log: Log) -> int:
    """The output of `dt` on an object type."""
    if not _HEAD.match(lines[start].text):
        return start
    found: dict[str, str] = {}
    used, end = [lines[start]], start + 1
    for index, line in output(lines, start + 1, _MAX_LINES):
        field = _FIELD.match(line.text)
        if field is None:
            break
        if field[1] in ("Name", "TotalNumberOfObjects", "TotalNumberOfHandles", "Key") and field[1] not in found:
            found[field[1]] = field[2].strip()
            used.append(line)
        end = index + 1
    name = _NAME.match(found.get("Name", ""))
    objects, handles = _number(found.get("TotalNumberOfObjects")), _number(found.get("TotalNumberOfHandles"))
    if name is None or objects is None:
        return end if end > start + 1 else start
    log.add(
        "object_type",
        used,
        verify=log.command if log.command.startswith("dt ") else None,
        type=name[1],
        objects=objects,
        handles=handles,
        tag=_tag(_number(found.get("Key"))),
    )
    return end


def _number(text: str | None) -> int | None:
    match = _NUMBER.match(text or "")
    return int(match[1], 0 if match[1].lower().startswith("0x") else 10) if match else None


def _tag(key: int | None) -> str | None:
    """The pool tag of the type: its key, the first letter in the lowest byte."""
    if not key or key > 0xFFFFFFFF:
        return None
    text = key.to_bytes(4, "little").decode("latin-1")
    return text if text.isascii() and text.isprintable() else None


PARSERS: tuple[Parser, ...] = (parse_object_type,)
