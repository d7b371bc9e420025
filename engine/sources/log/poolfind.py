"""`!poolfind`: the census of a tag's blocks. A search is hardly ever run to its end, so its figures are lower bounds.

Up to Windows 8 a block reads `81098000 size:  280 previous size:    0  (Allocated) Thre (Protected)`, from Windows 10
on `ffffda001accb5f0 : tag amda, size     0x140, Nonpaged pool`. `!irpfind` prints the same banner with quotes.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...facts import address
from .block import Line, Log, Parser
from .text import is_cut

_HEX = r"[0-9a-f]{8}`?[0-9a-f]{0,8}"
_BANNER = re.compile(
    rf"\s*(?P<verb>Scanning large pool allocation table|Searching (?P<pool>\w{{0,20}}\s?paged|\w{{3,20}}) ?pool)\s*"
    rf"(?:\((?P<range>{_HEX} : {_HEX})\)\s*)?for tag:? ?(?P<tag>.{{1,40}}?)"
    rf"(?:\s*\((?P<after>{_HEX} : {_HEX})\))?\s*$",
    re.IGNORECASE,
)
_NEW = re.compile(
    rf"\s*(?P<block>{_HEX})\s*:\s*tag (?P<tag>.{{4}}),\s*size\s+0x(?P<size>[0-9a-f]{{1,12}}),\s*"
    r"(?P<pool>\w{0,20}) ?pool",
    re.IGNORECASE,
)
_OLD = re.compile(
    rf"\s*(?P<block>{_HEX})\s+size:\s*(?P<size>[0-9a-f]{{1,8}})\s+previous size:\s*[0-9a-f]{{1,8}}\s+"
    rf"\((?P<state>Allocated|Free ?)\)\s*(?P<tag>\S.{{0,3}})?",
    re.IGNORECASE,
)
_HEX_TAG = re.compile(r"0x[0-9a-f]{1,8} \((?P<tag>.{4})\)$", re.IGNORECASE)
_TERMINATED = re.compile(r"\s*\.{0,3}\s?terminating\b", re.IGNORECASE)
_IRPFIND = re.compile(r"\s*Irp\s+\[\s*Thread\s*\]", re.IGNORECASE)

FIRST_BLOCKS = 8


@dataclass(slots=True)
class _Census:
    """Blocks of one tag in one pool; `pool` is blank until a banner or a row names it."""

    tag: str
    pool: str
    sizes: Counter[int] = field(default_factory=Counter)
    blocks: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


@dataclass(slots=True)
class _Search:
    banners: list[Line] = field(default_factory=list)
    ranges: dict[str, tuple[str, str]] = field(default_factory=dict)
    searched: Counter[str] = field(default_factory=Counter)
    tag: str = ""
    pool: str = ""
    cut: bool = False
    found: dict[tuple[str, str], _Census] = field(default_factory=dict)


def parse(lines: Sequence[Line], start: int, log: Log) -> int:
    """Read the banners and blocks of one search."""
    text = lines[start].text
    if not (_BANNER.match(text) if "for tag" in text.lower() else ": tag " in text and _NEW.match(text)):
        return start
    search = _Search()
    end = index = start
    while index < len(lines):
        line = lines[index]
        if line.text:
            if not _take(search, line):
                break
            end = index + 1
        index += 1
    _emit(search, log)
    return end


def _take(search: _Search, line: Line) -> bool:
    text = line.text
    if match := _NEW.match(text):
        _count(search, line, match["tag"], pool_name(match["pool"]), match)
        return True
    if match := _OLD.match(text):
        if match["state"].lower().startswith("alloc"):
            _count(search, line, search.tag or (match["tag"] or "").ljust(4), search.pool, match)
        return True
    if "for tag" in text.lower() and (match := _BANNER.match(text)):
        tag = _tag(match["tag"])
        if search.tag and tag != search.tag:
            return False
        search.tag = tag
        if match["pool"]:
            search.pool = pool_name(match["pool"])
            search.searched[search.pool] += 1
            searched = match["range"] or match["after"]
            if searched:
                first, last = searched.split(" : ")
                search.ranges.setdefault(search.pool, (address(first), address(last)))
        search.banners.append(line)
        return True
    if _TERMINATED.match(text) or is_cut(text):
        search.cut = True
        return True
    return _IRPFIND.match(text) is not None


def pool_name(words: str) -> str:
    """The pool as facts name it; blank where the words name none."""
    text = words.lower().replace(" ", "").replace("-", "")
    if "session" in text:
        return "session"
    if text.startswith("nonp"):
        return "nonpaged"
    return "paged" if text.startswith("page") else ""


def _tag(text: str) -> str:
    """Four characters of the tag a banner names; blank where it names a pattern."""
    match = _HEX_TAG.match(text.strip())
    tag = match["tag"] if match else text.strip().strip("'\"")
    return tag.ljust(4) if len(tag) <= 4 and not set(tag) & set("*?") else ""


def _count(search: _Search, line: Line, tag: str, pool: str, match: re.Match[str]) -> None:
    census = search.found.setdefault((tag, pool), _Census(tag, pool))
    census.sizes[int(match["size"], 16)] += 1
    if len(census.blocks) < FIRST_BLOCKS:
        census.blocks.append(address(match["block"]))
        census.lines.append(line)


def _emit(search: _Search, log: Log) -> None:
    only = next(iter(search.searched)) if len(search.searched) == 1 else ""
    for (tag, pool), census in search.found.items():
        # Blocks of the large table come before the banner that names the pool.
        pool = pool or only
        if not tag.strip():
            continue
        blocks = census.sizes.total()
        size, most = census.sizes.most_common(1)[0]
        # No version prints an end mark: only a further range of the same pool shows that the first was finished.
        complete = not search.cut and search.searched[pool] > 1
        first, last = search.ranges.get(pool, (None, None))
        log.add(
            "census",
            [*search.banners[:3], *census.lines],
            verify=f"!poolfind {tag.rstrip()} {1 if pool == 'paged' else 0}",
            quality="exact" if complete else "lower-bound",
            tag=tag,
            pool=pool or None,
            blocks=blocks,
            bytes=sum(size * number for size, number in census.sizes.items()),
            main_size=size,
            main_share=100 * most / blocks,
            complete=complete,
            range_start=first,
            range_end=last,
            first_blocks=" ".join(census.blocks),
        )


PARSERS: tuple[Parser, ...] = (parse,)
