"""Kernel-Mode Driver Framework: `!wdfpoolusage`, the framework's log at unload, and callbacks of its objects.

    11995: FxPoolDump - FxPoolDump: NonPagedBytes 136, PagedBytes 0, NonPagedAllocations 1, PagedAllocations 0, ...
    11996: FxPoolDump - FX_POOL 0xFFFFCF0F92C95E48 leaked non-paged memory alloc 0xFFFFCF0FB5044A50

gives an `unfreed` fact. The driver is not in these lines; it is known where the command `!wdflogdump` names it.
"""

import re
from collections.abc import Sequence

from .block import Line, Log, Parser
from .cursor import ADDRESS, output, recent
from .modules import KERNEL

LOOK_BACK = 100
"""Lines of a structure above one of its fields."""

POOL_HEADERS = (0x8, 0x10)
"""Size of the pool header, on x86 and on 64-bit Windows."""

FRAMEWORK = (*KERNEL, "wdf01000", "wudfx02000", "wdfldr")

_DUMP = re.compile(
    r".{0,40}FxPoolDump: NonPagedBytes (?P<nonpaged>\d{1,15}), PagedBytes (?P<paged>\d{1,15}),\s*"
    r"NonPagedAllocations (?P<nonpaged_allocs>\d{1,12}), PagedAllocations (?P<paged_allocs>\d{1,12})\b"
)
_LEAKED = re.compile(r".{0,40}FX_POOL \S+ leaked (?:non-)?paged memory alloc\b")
_POOL_STATS = re.compile(r"(?:## )?\s*FxDriverGlobals [0-9a-fA-F`]+ pool stats")
_DRIVER_TAG = re.compile(r"\s*Driver Tag: '(?P<tag>.{4})'")
_USAGE_COMMAND = re.compile(r"!(?:wdfkd\.)?wdfpoolusage\s+(?P<driver>[A-Za-z_]\w{0,63})", re.IGNORECASE)
_LOG_COMMAND = re.compile(
    r"!(?:wdfkd\.)?wdflogdump\s+(?P<driver>[A-Za-z_]\w{0,63})(?:\.(?:sys|dll))?(?:\s|$)", re.IGNORECASE
)
_CALLBACK = re.compile(
    r"\s*\+0x[0-9a-fA-F]{1,5}\s+m_\w{0,40}Callback\w{0,40}\s*:\s*(?:0x)?[0-9a-fA-F`]+\s.{0,120}?"
    r"(?P<module>[A-Za-z_][\w.-]{0,63})!\w"
)
_DT = re.compile(
    rf"(?:^|>|\s)dt\s+.{{0,80}}?\s(?:0x)?(?P<address>{ADDRESS})(?:\s*\+\s*(?:0x)?(?P<offset>[0-9a-fA-F]{{1,4}}))?\s*$"
)


def parse_unload(lines: Sequence[Line], start: int, log: Log) -> int:
    """The framework's pool of a driver as it is destroyed at unload: what is left in it was not freed."""
    text = lines[start].text
    match = _DUMP.match(text) if "FxPoolDump" in text else None
    if match is None:
        return start
    used, end = [lines[start]], start + 1
    for index, line in output(lines, end):
        if not _LEAKED.match(line.text):
            break
        used.append(line)
        end = index + 1
    allocations = int(match["nonpaged_allocs"]) + int(match["paged_allocs"])
    if allocations:
        named = _LOG_COMMAND.match(log.command.strip())
        log.add(
            "unfreed",
            used,
            verify="!wdfkd.wdflogdump" + (f" {named['driver']}" if named else ""),
            driver=_file(named["driver"], log.command) if named else None,
            allocations=allocations,
            bytes=int(match["nonpaged"]) + int(match["paged"]),
            unloaded=True,
            checker="wdf",
        )
    return end


def _file(name: str, command: str) -> str:
    """The file of a driver named without its extension, as `!wdflogdump` takes it (Windows driver documentation); of
    drivers in user mode, which options tell, the extension is not known."""
    return name if " -" in command else f"{name}.sys"


def parse_pool_usage(lines: Sequence[Line], start: int, log: Log) -> int:
    """`!wdfpoolusage`: the tag of a driver. The driver is named by the command alone."""
    if not _POOL_STATS.match(lines[start].text):
        return start
    for index, line in output(lines, start + 1, 4):
        tag = _DRIVER_TAG.match(line.text)
        if tag is None:
            continue
        if named := _USAGE_COMMAND.match(log.command.strip()):
            how, command = "framework object", log.command.strip()
            log.add("tag_module", [line], verify=command, tag=tag["tag"], module=named["driver"], how=how)
        return index + 1
    return start + 1


def parse_callback(lines: Sequence[Line], start: int, log: Log) -> int:
    """A callback in the `dt` of a framework object: the driver that owns the object, and so its pool block.

    The object must lie in a block that `!poolfind` listed above, or the `dt` must start behind the header of a block
    within the range that was searched for the only tag the log searches for.
    """
    text = lines[start].text
    match = _CALLBACK.match(text) if "Callback" in text and "!" in text else None
    if match is None or match["module"].lower() in FRAMEWORK:
        return start
    asked = _asked(log, lines[max(0, start - LOOK_BACK) : start])
    tag = _tag_of_block(log, int(asked["address"].replace("`", ""), 16), asked["offset"]) if asked else None
    if asked is None or tag is None:
        return start
    check = asked.group().strip()
    log.add("tag_module", [lines[start]], verify=check, tag=tag, module=match["module"], hits=1, how="framework object")
    return start + 1


def _asked(log: Log, above: Sequence[Line]) -> re.Match[str] | None:
    """The `dt` command the structure was printed by."""
    for text in (log.command, *(line.text for line in reversed(above))):
        if "dt" in text and (match := _DT.search(text.strip())):
            return match
    return None


def _tag_of_block(log: Log, where: int, offset: str | None) -> str | None:
    censuses = [fact for _, fact in recent(log, "census")]
    for fact in censuses:
        size = fact.int("main_size") or 0
        for block in (fact.text("first_blocks") or "").split():
            if int(block, 16) <= where < int(block, 16) + size:
                return fact.text("tag")
    tags = {fact.text("tag") for fact in censuses}
    if len(tags) != 1 or offset is None or int(offset, 16) not in POOL_HEADERS:
        return None
    for fact in censuses:
        first, last = fact.text("range_start"), fact.text("range_end")
        if first and last and int(first, 16) <= where < int(last, 16):
            return fact.text("tag")
    return None


PARSERS: tuple[Parser, ...] = (parse_unload, parse_pool_usage, parse_callback)
