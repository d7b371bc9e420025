"""Which loaded images hold the four bytes of a tag: a driver that allocates with a tag carries it, mostly in its code.

Other images hold a tag for other reasons: the kernel knows many, tools that look at pool keep tables of them, and four
letters turn up in text. Such hits are kept and marked as not plausible.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...facts import Case, Fact, new
from ..dump.container import PAGE
from .images import Section, read_header
from .kernel import Kernel
from .modules import LoadedModule, loaded_modules
from .pooltags import PROTECTED, tag_key
from .report import NOT_READ, Report

MAX_TAGS = 10
TOP = 4
"""Tags searched for: so many each by nonpaged bytes, nonpaged outstanding allocations and paged bytes."""
MAX_HITS = 256
"""Hits of one tag in one section that are looked at closely."""
CHUNK_PAGES = 4096
MAX_PAGES = 1 << 19
"""Image pages searched: 2 GB, ten times what a machine has loaded."""
PROBES = (
    "Thre",
    "Proc",
    "Toke",
    "Muta",
    "Sema",
    "Irp ",
    "MmSt",
    "Ntfx",
    "NtfF",
    "CM31",
    "Vad ",
    "MmCa",
    "ObDi",
    "FMfn",
)
"""Tags of Windows itself: an image with several of them outside text looks at other components' pool."""
SCANNER_PROBES = 4
TABLE_NEIGHBOURS = 16
_STRIDES = (4, 8, 12, 16, 20, 24, 32, 40, 48)
_REACH = 20
_MARGIN = _REACH * _STRIDES[-1]
_TEXT = 12
"""Longest run of printable bytes that still passes for tags side by side; longer ones are text or a table."""
_KEY = np.uint32(0xFFFF_FFFF & ~PROTECTED)


@dataclass(slots=True)
class Hits:
    """Where an image holds a tag: all hits, and the plausible ones by section."""

    total: int = 0
    first: int = 0
    section: str = ""
    plausible: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    code: set[str] = field(default_factory=set)
    """Sections of these that hold code: there the tag is the immediate of an instruction."""


def walk(kernel: Kernel, case: Case, report: Report) -> None:
    """Add a `tag_module` fact per searched tag and image that holds it."""
    tags = suspects(case)
    if not tags:
        return
    keys = {tag_key(tag): tag for tag in (*PROBES, *tags)}
    read = unread = 0
    for module in loaded_modules(kernel):
        if read > MAX_PAGES:
            text = (
                f"The search for tags in images ended after {read:,} pages: {module.name} and later ones were not read."
            )
            report.missing("modules", text, NOT_READ)
            break
        found, pages, absent = scan_image(kernel, module, keys)
        read, unread = read + pages, unread + absent
        decoy = module.name == "nt" or is_scanner(found)
        for tag in tags:
            hits = found.get(tag)
            if hits is not None:
                case.add(_fact(tag, module, hits, decoy))
    report.counted("image pages searched for tags", read, unreadable=unread)


def suspects(case: Case) -> list[str]:
    """The largest tags of each pool that are no object type's: those have no driver of their own."""
    objects = {fact.text("tag") for fact in case.of("object_type")}
    names: dict[str, None] = {}
    for pool, measure in (("nonpaged", "bytes"), ("nonpaged", "outstanding"), ("paged", "bytes")):
        tags = [fact for fact in case.where("tag", pool=pool) if fact.int(measure) and fact.text("tag") not in objects]
        tags.sort(key=lambda fact, name=measure: -(fact.int(name) or 0))  # type: ignore[misc]
        names.update(dict.fromkeys(str(fact.get("tag")) for fact in tags[:TOP]))
    return [name for name in names if "." not in name and name.strip() and name != "Ovfl"][:MAX_TAGS]


def is_scanner(found: dict[str, Hits]) -> bool:
    """Whether an image holds several of Windows' own tags, in code or in a table."""
    return sum(probe in found and bool(found[probe].plausible) for probe in PROBES) >= SCANNER_PROBES


def scan_image(kernel: Kernel, module: LoadedModule, keys: dict[int, str]) -> tuple[dict[str, Hits], int, int]:
    """Hits by tag in the resident pages of an image; pages read, and pages not in the dump.

    Discarded sections are not counted as missing: the system gave them back after start.
    """
    header = read_header(kernel, module.base)
    end = module.base + module.size
    sections: Iterable[Section] = (Section("", module.base, module.size, False, False),)
    if header is not None and header.sections:
        sections = [section for section in header.sections if module.base < section.address < end]
    found: dict[str, Hits] = {}
    read = unread = 0
    lookup = _lookup(keys)
    for section in sections:
        limit = min(section.address + section.size, end)
        first = section.address & ~(PAGE - 1)
        vas, offsets = kernel.memory.resident(first, limit)
        read += len(vas)
        unread += 0 if section.discardable else max(0, (limit - first + PAGE - 1) // PAGE - len(vas))
        for start in range(0, len(vas), CHUNK_PAGES):
            # One page more than the step, so that hits on its border are seen whole.
            part = slice(start, start + CHUNK_PAGES + 1)
            _search(kernel, section, vas[part], offsets[part], keys, lookup, found)
    return found, read, unread


def _lookup(keys: Iterable[int]) -> NDArray[np.bool_]:
    """Which pairs of bytes a tag begins with."""
    table = np.zeros(1 << 16, dtype=np.bool_)
    table[[key & 0xFFFF for key in keys]] = True
    return table


def _search(
    kernel: Kernel,
    section: Section,
    vas: NDArray[np.uint64],
    offsets: NDArray[np.int64],
    keys: dict[int, str],
    lookup: NDArray[np.bool_],
    found: dict[str, Hits],
) -> None:
    window = np.lib.stride_tricks.sliding_window_view(kernel.memory.physical.buffer, PAGE)
    data = window[offsets].reshape(-1)
    pairs = [np.flatnonzero(lookup[data[odd : len(data) - odd].view("<u2")]) * 2 + odd for odd in (0, 1)]
    at = np.sort(np.concatenate(pairs))
    at = at[at + 4 <= len(data)]
    # Pages that are neighbours here need not be neighbours in memory.
    page, last = at // PAGE, (at + 3) // PAGE
    at = at[vas[last] - vas[page] == ((last - page) * PAGE).astype(np.uint64)]
    words = sum(data[at + i].astype(np.uint32) << np.uint32(8 * i) for i in range(4)) & _KEY
    for key, tag in keys.items():
        places = at[words == np.uint32(key)]
        places = places[places < CHUNK_PAGES * PAGE]
        if not len(places):
            continue
        hits = found.setdefault(tag, Hits())
        if not hits.total:
            hits.first = int(vas[places[0] // PAGE]) + int(places[0] % PAGE)
            hits.section = section.name
        hits.total += len(places)
        for place in places[:MAX_HITS].tolist():
            if plausible(data, place, section.code, tag in PROBES):
                hits.plausible[section.name] += 1
                hits.code |= {section.name} if section.code else set()


def plausible(data: NDArray[np.uint8], place: int, code: bool, table_counts: bool = False) -> bool:
    """Whether the four bytes at `place` can be a tag the image allocates with: not text, not one of a table of tags.

    In code a table is unlikely, and an immediate may stand beside printable opcodes, so only text is ruled out.
    """
    low, high = max(0, place - _MARGIN), min(len(data), place + 4 + _MARGIN)
    near = data[low:high]
    printable = (near >= 0x20) & (near < 0x7F)
    at = place - low
    before = int(np.argmin(printable[:at][::-1])) if at and not printable[:at].all() else at
    behind = printable[at + 4 :]
    after = int(np.argmin(behind)) if len(behind) and not behind.all() else len(behind)
    if code:
        return before + after < _TEXT
    return table_counts or (before + 4 + after <= _TEXT and _neighbours(printable, at) < TABLE_NEIGHBOURS)


def _neighbours(printable: NDArray[np.bool_], at: int) -> int:
    """Tag-like words at equal distances around a place: the most there are for any distance."""
    most = 0
    for stride in _STRIDES:
        count = 0
        for direction in (-stride, stride):
            for i in range(1, _REACH + 1):
                place = at + i * direction
                if place < 0 or place + 4 > len(printable) or not printable[place : place + 4].all():
                    break
                count += 1
        most = max(most, count)
    return most


def _fact(tag: str, module: LoadedModule, hits: Hits, decoy: bool) -> Fact:
    real = not decoy and bool(hits.plausible)
    sections = hits.code or set(hits.plausible)
    section = max(sorted(sections), key=lambda name: hits.plausible[name]) if sections else hits.section
    return new(
        "tag_module",
        source=f"{module.name} section {section or '?'} @ {hits.first:x}",
        verify=f's -a {module.base:x} L?{module.size:x} "{tag}"',
        tag=tag,
        module=module.name,
        hits=sum(hits.plausible.values()) if real else hits.total,
        section=section or None,
        how="string scan",
        plausible=real,
        # Without the headers of the image nobody knows what is code.
        in_code=bool(hits.code) if real and "" not in hits.plausible else None,
    )
