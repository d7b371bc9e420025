"""`? a - b`: the distance from a pool block to the object in it."""

import re
from collections.abc import Sequence
from dataclasses import replace

from ...facts import address
from ...facts.fact import fact_id
from .block import Line, Log, Parser

_RESULT = re.compile(r"\s*Evaluate expression:\s*(?P<decimal>-?\d{1,20})\s*=\s*[0-9a-f`]{8,17}\s*$", re.IGNORECASE)
_DIFFERENCE = re.compile(
    r"\?\s*(?:0x)?(?P<body>[0-9a-f`]{8,17})\s*-\s*(?:0x)?(?P<block>[0-9a-f`]{8,17})\s*$", re.IGNORECASE
)

BELIEVABLE_OFFSET = 0x400
"""Object header, its optional headers and the pool header together stay well below this."""


def parse(lines: Sequence[Line], start: int, log: Log) -> int:
    """Give the block sampled before its object, where the command subtracted the one from the other."""
    match = _RESULT.match(lines[start].text)
    if match is None:
        return start
    command = _DIFFERENCE.search(log.command)
    if command:
        body, block = (int(command[name].replace("`", ""), 16) for name in ("body", "block"))
        if body - block == int(match["decimal"]) and 0 < body - block <= BELIEVABLE_OFFSET:
            _join(log, body, block)
    return start + 1


def _join(log: Log, body: int, block: int) -> None:
    for number in range(len(log.facts) - 1, max(-1, len(log.facts) - 200), -1):
        fact = log.facts[number]
        if fact.kind == "sample" and fact.text("block") == address(block):
            if fact.text("address") is None and fact.text("state") != "free":
                fields = {**fact.fields, "address": address(body), "body_offset": body - block}
                log.facts[number] = replace(fact, id=fact_id("sample", fields), fields=fields)
            return


PARSERS: tuple[Parser, ...] = (parse,)
