"""The two structures kernel lists are made of: LIST_ENTRY and UNICODE_STRING."""

from typing import Literal

from .kernel import Kernel

Ending = Literal["head", "limit", "cycle", "unreadable"]
"""Why a walk ended: back at the head (complete), at the limit, in a loop that misses the head, or at a link that is
not in the dump or leads nowhere."""

MAX_NAME = 2048
"""Longest name read, in bytes; names of kernel objects, modules and paths are shorter."""


def read_unicode(kernel: Kernel, va: int) -> str | None:
    """The text of the UNICODE_STRING at `va`; None when it or its buffer is not in the dump, or it cannot be one."""
    pointer = kernel.bits // 8
    head = kernel.memory.read(va, 2 * pointer)
    if head is None:
        return None
    length, room = int.from_bytes(head[:2], "little"), int.from_bytes(head[2:4], "little")
    if length % 2 or length > min(room, MAX_NAME):
        return None
    if length == 0:
        return ""
    raw = kernel.memory.read(int.from_bytes(head[pointer:], "little"), length)
    return None if raw is None else raw.decode("utf-16-le", errors="replace")


def walk_list(kernel: Kernel, head_va: int, link_offset: int, limit: int) -> tuple[list[int], Ending]:
    """Base addresses of the entries of the list at `head_va`, and why the walk ended.

    `link_offset` is where the LIST_ENTRY lies in an entry. Where the forward links do not lead back to the head, the
    entries that the backward links reach are added. A link is no proof: callers check what it leads to.
    """
    forward, ending = _follow(kernel, head_va, 0, limit)
    links = dict.fromkeys(forward)
    if ending in ("unreadable", "cycle"):
        backward, _ = _follow(kernel, head_va, kernel.bits // 8, limit - len(links))
        links.update(dict.fromkeys(reversed(backward)))
    mask = (1 << kernel.bits) - 1
    return [(link - link_offset) & mask for link in links], ending


def _follow(kernel: Kernel, head_va: int, side: int, limit: int) -> tuple[list[int], Ending]:
    """Addresses of the LIST_ENTRYs from the head on; `side` is the offset of Flink (0) or Blink in a LIST_ENTRY."""
    memory, first_kernel = kernel.memory, 1 << (kernel.bits - 1)
    links: dict[int, None] = {}
    link = memory.pointer(head_va + side)
    while link is not None and link != head_va:
        if len(links) >= limit:
            return list(links), "limit"
        if link in links:
            return list(links), "cycle"
        if link < first_kernel or link % 4:
            return list(links), "unreadable"
        following = memory.pointer(link + side)
        if following is None:
            return list(links), "unreadable"
        links[link] = None
        link = following
    return list(links), "unreadable" if link is None else "head"
