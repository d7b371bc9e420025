"""`!pool ADDRESS`: the page of pool blocks around an address, the block itself marked with a star."""

import re
from collections.abc import Sequence

from ...facts import address
from .block import Line, Log, Parser
from .objects import merge_sample
from .text import is_cut

_HEX = r"[0-9a-f]{8}`?[0-9a-f]{0,8}"
_BLOCK = re.compile(
    rf"\s*(?P<star>\*?)\s*(?P<block>{_HEX})\s+size:\s*(?P<size>[0-9a-f]{{1,8}})\s+previous size:\s*[0-9a-f]{{1,8}}\s+"
    rf"\((?P<state>Allocated|Free ?|Lookaside)\)\s*(?P<mark>\*?)(?P<tag>.{{0,4}})",
    re.IGNORECASE,
)
_LARGE = re.compile(
    rf"\s*(?P<star>\*)\s*(?P<block>{_HEX})\s*:\s*large page allocation,\s*tag is (?P<tag>.{{4}}),\s*"
    rf"size is 0x(?P<size>[0-9a-f]{{1,12}})",
    re.IGNORECASE,
)
_BANNER = re.compile(r"\s*(?:Pool page )?[0-9a-f`]{8,17} region is \S.{0,60}$", re.IGNORECASE)
_OWNER = re.compile(r"\s*(?:Pooltag .{4} : |Owning component : )", re.IGNORECASE)
_DUMP = re.compile(rf"\s*{_HEX}(?:\s+[0-9a-f`]{{8,17}}){{1,4}}\s*$", re.IGNORECASE)
_COMMAND = re.compile(r"!pool\s+(?:0x)?(?P<address>[0-9a-f`]{8,17})\b", re.IGNORECASE)


def parse(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read one page of blocks; the starred block becomes a sample."""
    text = lines[start].text
    if "size" not in text and "region is" not in text:
        return start
    if not (_BLOCK.match(text) or _LARGE.match(text) or _BANNER.match(text)):
        return start
    end = index = start
    starred: tuple[re.Match[str], Line] | None = None
    while index < len(lines):
        line = lines[index]
        if line.text:
            match = _BLOCK.match(line.text) or _LARGE.match(line.text)
            if match is None and not _is_rest(line.text):
                break
            if index > start and _BANNER.match(line.text):
                break
            if match and match["star"] and starred is None:
                starred = (match, line)
            end = index + 1
        index += 1
    if starred:
        _add_sample(*starred, log)
    return end


def _is_rest(text: str) -> bool:
    return bool(_BANNER.match(text) or _OWNER.match(text) or _DUMP.match(text)) or is_cut(text)


def _add_sample(match: re.Match[str], line: Line, log: Log) -> None:
    """The block, and the object in it where the command names an address behind its start."""
    block, size = int(match["block"].replace("`", ""), 16), int(match["size"], 16)
    state = (match.groupdict().get("state") or "Allocated").strip().lower()
    free = state == "free"
    command = _COMMAND.search(log.command)
    body = int(command["address"].replace("`", ""), 16) if command else block
    inside = 0 < body - block < size and not free
    tag = match["tag"].rstrip().ljust(4)
    merge_sample(
        log,
        [line],
        verify=f"!pool {address(body if inside else block)}",
        address=address(body) if inside else None,
        block=address(block),
        block_size=size,
        body_offset=body - block if inside else None,
        tag=None if free or not tag.strip() else tag,
        state="free" if free else "allocated",
    )


PARSERS: tuple[Parser, ...] = (parse,)
