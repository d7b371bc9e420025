"""Census: the pool blocks of the largest tags, counted where they lie, to hold against the pool tag table."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, Quality, address, new
from .bigpool import BigPool, read_big_pool
from .blocks import SEGMENT_HEAP_BUILD, Blocks, Search, paged_range, search
from .kernel import Kernel
from .modules import loaded_modules
from .pooltags import tag_key
from .report import Report

TOP_TAGS = 6
"""Tags by bytes, and as many by outstanding allocations, that are counted."""
OBJECT_TAGS = ("Thre", "Proc")
"""Tags of thread and process objects: ended ones that handles keep are found nowhere else."""
SAMPLES = 12

_last: list[tuple[Kernel, Search]] = []
"""The last search and the kernel it was made in: one dump is read at a time, and a second search is dear."""


def walk(kernel: Kernel, case: Case, report: Report) -> None:
    """Add a `census` fact per counted tag."""
    tags = wanted_tags(case)
    found = _search(kernel, [*tags, *OBJECT_TAGS])
    big = read_big_pool(kernel)
    report.counted("pages with the pool blocks looked for", found.pool_pages, unreadable=found.absent_pages)
    if found.broken_pages:
        report.counted("pages of pool", 0, skipped=found.broken_pages)
    if kernel.build >= SEGMENT_HEAP_BUILD:
        text = (
            "Pool blocks of this build lie in the segment heap and were found by a scan for their tag: a freed block "
            "whose header still stands may be among them. `!pool` on an address tells."
        )
        report.missing("pool", text, "not-read", severity="info")
    for tag in dict.fromkeys([*tags, *OBJECT_TAGS]):
        _count(case, tag, found, big, listed=tag in tags)


def wanted_tags(case: Case) -> list[str]:
    """The nonpaged tags with most bytes and with most outstanding allocations."""
    tags = [fact for fact in case.where("tag", pool="nonpaged") if fact.int("outstanding")]
    names: dict[str, None] = {}
    for field in ("bytes", "outstanding"):
        ranked = sorted(tags, key=lambda fact, name=field: -(fact.int(name) or 0))  # type: ignore[misc]
        names.update(dict.fromkeys(str(fact.get("tag")) for fact in ranked[:TOP_TAGS]))
    return [name for name in names if "." not in name]


def blocks_of(kernel: Kernel, tag: str) -> NDArray[np.uint64]:
    """Addresses of the pool headers of the nonpaged blocks in use of a tag, in order."""
    return find_blocks(kernel, tag).addresses


def find_blocks(kernel: Kernel, tag: str) -> Blocks:
    """The nonpaged blocks in use of a tag. The result of one search over the pool serves all tags it was made for."""
    key = tag_key(tag)
    for known, found in _last:
        if known is kernel and key in found.tags:
            return found.tags[key]
    return _search(kernel, [tag, *OBJECT_TAGS]).tags[key]


def forget() -> None:
    """Drop what the last search found, and with it the hold on the dump."""
    _last.clear()


def _search(kernel: Kernel, tags: Iterable[str]) -> Search:
    images = [(module.base, module.base + module.size) for module in loaded_modules(kernel)]
    found = search(kernel, [tag_key(tag) for tag in tags], [*images, *paged_range(kernel)])
    _last[:] = [(kernel, found)]
    return found


def _count(case: Case, tag: str, found: Search, big: BigPool | None, listed: bool) -> None:
    blocks = found.tags[tag_key(tag)]
    addresses, sizes = blocks.addresses, blocks.sizes.astype(np.uint64)
    if big is not None:
        more, lengths = big.of(tag_key(tag))
        addresses, sizes = np.concatenate([addresses, more]), np.concatenate([sizes, lengths])
    if not len(addresses) and not (listed and found.complete):
        return
    quality: Quality = "exact" if found.complete else "lower-bound"
    values, counts = np.unique(sizes, return_counts=True)
    main = int(counts.argmax()) if len(counts) else None
    spread = np.linspace(0, len(addresses) - 1, min(SAMPLES, len(addresses))).astype(np.int64)
    start = f"{int(addresses[0]):x}" if len(addresses) else f"{found.start:x}"
    case.add(
        new(
            "census",
            source=f"_POOL_HEADER @ {start}" if len(addresses) else f"pool pages from {start}",
            verify=f"!poolfind {tag.rstrip()} 0",
            quality=quality,
            tag=tag,
            pool="nonpaged",
            blocks=len(addresses),
            bytes=int(sizes.sum()),
            main_size=int(values[main]) if main is not None else None,
            main_share=round(100 * int(counts[main]) / len(addresses), 2) if main is not None else None,
            complete=found.complete,
            range_start=address(found.start),
            range_end=address(found.end),
            first_blocks=" ".join(address(int(block)) for block in addresses[spread]) if len(addresses) else None,
        )
    )
