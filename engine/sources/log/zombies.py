"""FindZombieHandles (github.com/randomascii/blogstuff): which process holds handles to processes that have ended.

    1115 zombies held by svchost.exe(2496)
        1081 zombies of svchost.exe (process: 1081 - thread: 0)

The holder gives a `process` fact and `handles` facts, the ended processes `dead_objects` facts per image.
"""

import re
from collections.abc import Sequence

from ...facts import Quality
from .block import Line, Log, Parser
from .cursor import output
from .numbers import count
from .text import is_cut

_NUMBER = r"\d[\d,]{0,15}"
_HELD = re.compile(
    rf"\s*(?:[-*+] )?(?P<count>{_NUMBER}) zombies?(?: process(?:es)?)? held by "
    r"(?P<image>\S(?:.*?\S)?)\s?\((?P<pid>\d{1,9})\)"
)
_OF = re.compile(
    rf"\s*(?:[-*+] )?(?P<count>{_NUMBER}) zombies?(?: process(?:es)?)? of (?P<image>[^()]{{0,120}}?[^()\s])\s*"
    rf"(?:[(-]\s*process(?: handle count)?: (?P<process>{_NUMBER})"
    rf" - thread(?: handle count)?: (?P<thread>{_NUMBER})\)?)?\s*$"
)


def parse_zombies(lines: Sequence[Line], start: int, log: Log) -> int:
    """One holder with the images of the processes it keeps."""
    held = _HELD.match(lines[start].text) if "zombie" in lines[start].text else None
    if held is None:
        return start
    used, end, cut = [lines[start]], start + 1, False
    groups: list[re.Match[str]] = []
    for index, line in output(lines, start + 1):
        group = _OF.match(line.text)
        if group is not None:
            groups.append(group)
        elif is_cut(line.text):
            cut = True
        else:
            break
        used.append(line)
        end = index + 1
    pid, image, total = int(held["pid"]), held["image"], count(held["count"])
    listed = sum(count(group["count"]) for group in groups)
    quality: Quality = "exact" if groups and listed == total and not cut else "lower-bound"
    log.add("process", used, verify=None, pid=pid, image=image)
    for kind in ("Process", "Thread"):
        handles = sum(count(group[kind.lower()] or "0") for group in groups)
        if handles:
            log.add(
                "handles",
                used,
                verify=f"!handle 0 3 0n{pid} {kind}",
                quality=quality,
                pid=pid,
                image=image,
                type=kind,
                count=handles,
                dead_targets=handles,
            )
    images: dict[str, int] = {}
    for group in groups:
        images[group["image"]] = images.get(group["image"], 0) + count(group["count"])
    for dead, number in images.items() if images else [(None, total)]:
        log.add(
            "dead_objects",
            used,
            verify="!process 0 0",
            quality="exact" if quality == "exact" or dead is None else "lower-bound",
            type="Process",
            owner_image=dead,
            count=number,
            with_handles=number,
            holder_pid=pid,
            holder_image=image,
        )
    return end


PARSERS: tuple[Parser, ...] = (parse_zombies,)
