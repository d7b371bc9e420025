"""Data-quality facts of the dump source: what a dump cannot hold, did not record, or holds broken."""

from collections.abc import Iterable

from ...facts import Fact, note

_CAPTURE = (
    "set 'Kernel memory dump' or 'Automatic memory dump' under Startup and Recovery and reproduce it, write one with "
    "`.dump /f` from a kernel debugger, or look at the live machine"
)
_ABSENT = {
    "tags": ("the pool tag table", "`!poolused`, or `poolmon` on the live machine"),
    "handles": ("handle tables", "`!process 0 0` and `!handle 0 3`, or Task Manager's Handles column"),
    "processes": ("processes other than the crashing one", "`!process 0 0`"),
}
_LOG = (
    "open it in the debugger and save a log: `.logopen x.txt; vertarget; .bugcheck; !vm; !poolused 2; !poolused 4; "
    "!process 0 0; lm t n; .logclose`"
)
_UNREAD = {
    "pool": ("pool totals", "`!vm 1`"),
    "tags": ("pool tags", "`!poolused 2` and `!poolused 4`"),
    "handles": ("handle tables", "`!process 0 0` and `!handle 0 3`"),
    "processes": ("processes", "`!process 0 0`"),
    "modules": ("loaded modules", "`lm t n`"),
}


def broken(flaws: Iterable[tuple[str, str]], source: str) -> list[Fact]:
    """One note per flaw: its subject and a sentence."""
    return [note("broken", subject, f"{text[:1].upper()}{text[1:]}.", source) for subject, text in flaws]


def not_in_triage_dump(source: str) -> list[Fact]:
    """What no triage dump holds, with what to capture instead: one note per subject."""
    return [
        note(
            "not-in-dump",
            subject,
            f"A triage dump does not hold {what}. Needed: a kernel or full dump; {_CAPTURE} ({how}).",
            source,
            severity="info",
        )
        for subject, (what, how) in _ABSENT.items()
    ]


def not_read(kind: str, source: str) -> list[Fact]:
    """What could not be read of a dump without readable memory, with the commands for a log: one note per subject."""
    return [
        note(
            "not-read",
            subject,
            f"The {what} were not read from this dump (type {kind}): its memory is absent, damaged or of a processor "
            f"this program does not know; {_LOG} (here: {how}).",
            source,
        )
        for subject, (what, how) in _UNREAD.items()
    ]
