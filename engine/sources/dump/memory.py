"""Memory totals of a triage dump, as facts in bytes.

At MmOffset: version 1 and size 0x50 (u32 each), 16 bytes not understood, then seven u64 page counts: maximum nonpaged
pool, nonpaged pool in use, maximum paged pool, paged pool in use, committed, peak commitment, commit limit. Read off
dumps of 9600, 19041 and 26100. Zero is "not recorded": most Windows 10 and 11 dumps have zeros throughout, those of 8.1
in the paged fields. The maxima of 19041 and 26100 are 16 TB of address space, not a limit, and are left out.
"""

from dataclasses import dataclass

from ...facts import Fact, Quality, new, note
from .container import PAGE
from .triage import TriageDump

_VERSION, _SIZE, _COUNTS = 1, 0x50, 24
_MAX_PAGES = 1 << 36
"""256 TB: no Windows supports more memory or page file."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Page counts; None is not recorded."""

    offset: int
    max_nonpaged: int | None
    nonpaged: int | None
    max_paged: int | None
    paged: int | None
    committed: int | None
    peak_commit: int | None
    commit_limit: int | None


def read_totals(dump: TriageDump) -> Totals | None:
    """The memory totals, or None where the dump has none in the known layout."""
    start = dump.part("memory")
    if start is None or dump.image.u32(start) != _VERSION or dump.image.u32(start + 4) != _SIZE:
        return None
    counts = [dump.image.u64(start + _COUNTS + 8 * i) for i in range(7)]
    return Totals(start, *(count if count and count < _MAX_PAGES else None for count in counts))


def memory_facts(dump: TriageDump, totals: Totals | None, limits: str, ram: int | None, ram_source: str) -> list[Fact]:
    """The memory fact, a pool fact per recorded pool, and notes on what is not recorded or cannot be true.

    `limits` is that of the system fact; `ram` is in bytes, with where it was read in `ram_source`.
    """
    facts: list[Fact] = []
    where = f"triage memory totals @ file 0x{totals.offset:x}" if totals else "triage sub-header"
    committed, limit = (totals.committed, totals.commit_limit) if totals else (None, None)
    over_limit = committed is not None and limit is not None and committed > limit
    if ram or committed or limit:
        facts.append(
            new(
                "memory",
                source=where if committed or limit else ram_source,
                verify="!vm 1",
                quality="suspect" if over_limit else "exact",
                physical_bytes=ram,
                committed_bytes=_bytes(committed),
                commit_limit_bytes=_bytes(limit),
                peak_commit_bytes=_bytes(totals.peak_commit) if totals else None,
            )
        )
    missing = []
    for name, index in (("nonpaged", 0), ("paged", 2)):
        used = (totals.nonpaged if index == 0 else totals.paged) if totals else None
        if totals is None or used is None:
            missing.append(f"{name} pool")
            continue
        field = totals.offset + _COUNTS + 8 * (index + 1)
        size = used * PAGE
        impossible = ram is not None and size > ram
        quality: Quality = "suspect" if impossible and name == "nonpaged" else "exact"
        facts.append(_pool(totals, name, size, limits, f"triage memory totals @ file 0x{field:x}", quality))
        if quality == "suspect":
            facts.append(
                note(
                    "impossible-counter",
                    "pool",
                    f"The dump says {size:,} bytes of nonpaged pool are in use, more than the {ram:,} bytes of RAM.",
                    where,
                )
            )
    if over_limit:
        facts.append(note("impossible-counter", "memory", "Committed memory exceeds the commit limit.", where))
    if committed is None:
        missing.append("committed memory")
    if missing:
        text = f"This dump does not record {_list(missing)} (zero in its memory totals); `!vm 1` on a kernel dump does."
        facts.append(note("not-recorded", "pool" if "pool" in missing[0] else "memory", text, where))
    if limit is not None:
        facts.append(
            note(
                "low-precision",
                "memory",
                "The commit limit of a triage dump can count page files at the largest size they may grow to; `!vm 1` "
                "on a kernel dump gives the limit in force.",
                where,
                severity="info",
            )
        )
    return facts


def _pool(totals: Totals, name: str, size: int, limits: str, source: str, quality: Quality) -> Fact:
    maximum = totals.max_nonpaged if name == "nonpaged" else totals.max_paged
    return new(
        "pool",
        source=source,
        verify="!vm 1",
        quality=quality,
        type=name,
        used_bytes=size,
        max_bytes=_bytes(maximum) if limits == "fixed" else None,
        limit={"dynamic": "dynamic", "fixed": "fixed" if maximum else None}.get(limits),
    )


def _bytes(pages: int | None) -> int | None:
    return pages * PAGE if pages is not None else None


def _list(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
