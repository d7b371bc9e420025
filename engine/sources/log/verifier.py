"""Driver Verifier: `!verifier 3` per driver, and the summary that says it is on.

    nt!_VF_TARGET_DRIVER 0xffffcb8438730e10: ebpfcore.sys (Loaded and Unloaded)
          Current Pool Allocations: ( 0x00000001 / 0x00000000 )
          Address             Length      Tag   Caller Address
          0xffffcb843b87aff0  0x00000004  ebpf  0xfffff803569c53e1  ebpfcore!ebpf_allocate+0x21

gives an `unfreed` fact per driver and tag. `unloaded` is false for a driver that still runs: then the allocations are
only outstanding.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ...facts import Quality
from .block import Line, Log, Parser
from .cursor import ADDRESS, output
from .text import is_cut
from .wdf import PARSERS as WDF_PARSERS

_TARGET = re.compile(
    rf"\s*(?:nt!)?_VF_TARGET_DRIVER\s+0x{ADDRESS}:\s*(?P<driver>[^\s(]{{1,64}})\s*\((?P<state>[A-Za-z ]{{1,40}})\)\s*$"
)
_OLD_TARGET = re.compile(
    rf"\s*{ADDRESS}\s+(?P<state>Loaded|Unloaded|Never Loaded|Loaded and Unloaded)\s+[0-9a-fA-F]{{8}}\s+[0-9a-fA-F]{{8}}"
    r"\s+(?P<driver>\S{1,64})\s*$"
)
_CURRENT = re.compile(
    r"\s*Current Pool (?P<what>Allocations|Bytes):?\s+\(?\s*(?:0x)?(?P<nonpaged>[0-9a-fA-F]{1,16})\s*/?\s+"
    r"(?:0x)?(?P<paged>[0-9a-fA-F]{1,16})\s*\)?\s*$"
)
_BLOCK = re.compile(
    rf"\s*(?:0x)?{ADDRESS}\s+0x(?P<size>[0-9a-fA-F]{{1,16}})\s+(?P<tag>.{{4}})\s+(?:0x)?{ADDRESS}"
    r"(?:\s+(?P<caller>\S.*?))?\s*$"
)
_PASSED_OVER = re.compile(
    r"\s*(?:Pool Allocation|Peak |Contiguous |Peak Contiguous|Address\s+Length|PoolAddress\s+Size|-{6,}[ -]*$|Current )"
)
_LEVEL = re.compile(r"\s*Verify (?:Flags )?Level\s+(?:0x)?(?P<level>[0-9a-fA-F]{1,8})\b")
_OPTION = re.compile(r"\s{2,}\S.*$|\s*(?:\[[X ]\]|Standard Flags|Additional Flags|STANDARD FLAGS|ADDITIONAL FLAGS)")


@dataclass(slots=True)
class _Tag:
    """Blocks of one tag listed for a driver."""

    blocks: int = 0
    bytes: int = 0
    callers: dict[str, int] = field(default_factory=dict)


def parse_driver(lines: Sequence[Line], start: int, log: Log) -> int:
    """What one verified driver has allocated and not freed."""
    head = _TARGET.match(lines[start].text) or _OLD_TARGET.match(lines[start].text)
    if head is None:
        return start
    current: dict[str, int] = {}
    tags: dict[str, _Tag] = {}
    used, end, cut = [lines[start]], start + 1, False
    for index, line in output(lines, end):
        if counter := _CURRENT.match(line.text):
            current[counter["what"]] = int(counter["nonpaged"], 16) + int(counter["paged"], 16)
        elif block := _BLOCK.match(line.text):
            tag = tags.setdefault(block["tag"], _Tag())
            tag.blocks += 1
            tag.bytes += int(block["size"], 16)
            if block["caller"]:
                tag.callers[block["caller"]] = tag.callers.get(block["caller"], 0) + 1
        elif is_cut(line.text):
            cut = True
        elif not _PASSED_OVER.match(line.text):
            break
        used.append(line)
        end = index + 1
    _add_driver(log, used, head["driver"], "unloaded" in head["state"].lower(), current, tags, cut)
    return end


def _add_driver(
    log: Log, used: list[Line], driver: str, unloaded: bool, current: dict[str, int], tags: dict[str, _Tag], cut: bool
) -> None:
    check = f"!verifier 3 {driver}"
    total = current.get("Allocations")
    listed = sum(tag.blocks for tag in tags.values())
    quality: Quality = "exact" if not cut and listed == total else "lower-bound"
    for name, tag in tags.items():
        caller = max(tag.callers, key=lambda text: tag.callers[text]) if tag.callers else None
        log.add(
            "unfreed",
            used,
            verify=check,
            quality=quality,
            driver=driver,
            tag=name,
            allocations=tag.blocks,
            bytes=tag.bytes,
            caller=caller,
            caller_module=caller.split("!", 1)[0].split("+", 1)[0] if caller else None,
            unloaded=unloaded,
            checker="verifier",
        )
        module = driver.rsplit(".", 1)[0]
        log.add("tag_module", used, verify=check, tag=name, module=module, hits=tag.blocks, how="verifier")
    if total and (quality != "exact" or len(tags) > 1):
        # The counters are of all tags together; they stand apart from the blocks that are listed.
        log.add(
            "unfreed",
            used,
            verify=check,
            driver=driver,
            allocations=total,
            bytes=current.get("Bytes"),
            unloaded=unloaded,
            checker="verifier",
        )


def parse_summary(lines: Sequence[Line], start: int, log: Log) -> int:
    """The options in force: with any of them, pool blocks are larger and more numerous than without."""
    match = _LEVEL.match(lines[start].text)
    if match is None:
        return start
    if int(match["level"], 16):
        text = (
            "Driver Verifier is on: it enlarges pool allocations and keeps records of its own, so pool use is inflated."
        )
        log.note("low-precision", "pool", text, lines[start])
    end = start + 1
    for index, line in output(lines, end, 64):
        if not _OPTION.match(line.text):
            break
        end = index + 1
    return end


PARSERS: tuple[Parser, ...] = (parse_driver, parse_summary, *WDF_PARSERS)
