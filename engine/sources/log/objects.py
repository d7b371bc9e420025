"""`!object`: what one object is, how many handles it has, how many pointers.

    Object: 81098620  Type: (89075900) Thread
        ObjectHeader: 81098608
        HandleCount: 1  PointerCount: 1

gives a `sample` fact, merged with what `!thread` or `!pool` said of the same address.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ...facts import Fact, Quality, Value, address, new
from .block import MAX_QUOTE_LINES, Line, Log, Parser
from .cursor import ADDRESS, output, recent

HEAD = re.compile(rf"\s*Object:\s+(?P<address>{ADDRESS})\s*Type:\s*\({ADDRESS}\)\s*(?P<type>\S.*?)\s*$")
_COUNTS = re.compile(r"\s*HandleCount:\s*(\d{1,18})\s*PointerCount:\s*(\d{1,18})\s*$")
_NAME = re.compile(rf"\s*Directory Object:\s+{ADDRESS}\s*Name:\s*(?P<name>.*?)\s*$")
_DETAIL = re.compile(
    r"\s*(?:ObjectHeader:|Optional Headers:|\w{1,32}Info\([0-9a-fA-F`]+\)|Target String is|Hash Address|---- ---)"
)
_LISTED = re.compile(rf"\s*(?:[0-9a-fA-F]{{2}}\s+)?{ADDRESS}\s+[A-Z]\w+(?:\s+\S.*)?$")


@dataclass(frozen=True, slots=True)
class ObjectText:
    """One printed object: the fields it gives, its lines, and the index after them."""

    fields: dict[str, Value | None]
    lines: list[Line]
    end: int


def read_object(lines: Sequence[Line], start: int) -> ObjectText | None:
    """The object printed at `start`, or None when there is none."""
    head = HEAD.match(lines[start].text) if "Object:" in lines[start].text else None
    if head is None:
        return None
    fields: dict[str, Value | None] = {"address": address(head["address"]), "type": head["type"]}
    used, end, listing = [lines[start]], start + 1, False
    for index, line in output(lines, start + 1):
        text = line.text
        if "handle_count" not in fields and (counts := _COUNTS.match(text)):
            fields["handle_count"], fields["pointer_count"] = int(counts[1]), int(counts[2])
        elif "name" not in fields and (name := _NAME.match(text)):
            fields["name"] = name["name"] or None
        elif _DETAIL.match(text):
            listing = listing or "Hash Address" in text
        elif not (listing and (_LISTED.match(text) or text.strip() == "...")):
            break
        used.append(line)
        end = index + 1
    return ObjectText(fields, used, end)


def parse_object(lines: Sequence[Line], start: int, log: Log) -> int:
    """The output of `!object` on one object; the entries of a directory are passed over."""
    found = read_object(lines, start)
    if found is None:
        return start
    merge_sample(log, found.lines, verify=f"!object {found.fields['address']}", quality="exact", **found.fields)
    return found.end


def merge_sample(
    log: Log, lines: Sequence[Line], *, verify: str | None, quality: Quality = "exact", **fields: Value | None
) -> Fact | None:
    """Add a `sample` fact, or complete the one already read for the same address.

    The completed fact keeps the source of the first and quotes both. A new value replaces an old one, but 'allocated'
    does not replace what is known of the object's state. Another type at the same address is another object.
    """
    known = {name: value for name, value in fields.items() if value is not None}
    for index, old in recent(log, "sample"):
        if old.get("address") != known.get("address"):
            continue
        types = [str(each).strip() for each in (old.get("type"), known.get("type")) if each and str(each).strip()]
        if len(set(types)) > 1:
            continue
        merged = {**old.fields, **known}
        if types:
            merged["type"] = types[0]
        if known.get("state") == "allocated" and old.get("state"):
            merged["state"] = old.fields["state"]
        quotes = [old.quote or "", "\n".join(line.raw.rstrip() for line in lines[:MAX_QUOTE_LINES])]
        quote = "\n".join(text for text in quotes if text).split("\n")[: 3 * MAX_QUOTE_LINES]
        try:
            fact = new(
                "sample",
                source=old.source,
                verify=old.verify or verify,
                quality=old.quality if old.quality != "exact" else quality,
                quote="\n".join(quote),
                **merged,
            )
        except ValueError:
            break  # log.add notes the figure that does not fit
        log.facts[index] = fact
        return fact
    return log.add("sample", lines, verify=verify, quality=quality, **fields)


PARSERS: tuple[Parser, ...] = (parse_object,)
