"""Whether a file holds Windows events, as its beginning shows."""

import re

from ..log.text import decode

_SCHEMA = "schemas.microsoft.com/win/2004/08/events"
_FLAGS = re.IGNORECASE | re.MULTILINE
_RECORD = (
    re.compile(r"^[ \t]*(?:Event )?(?:Source|ProviderName|Provider Name|Quelle|Origen)[ \t]{0,20}:[ \t]*\S", _FLAGS),
    re.compile(
        r"^[ \t]*(?:Event ?ID|Id|InstanceId|Ereignis-ID|ID de l.{1,6}v.nement|Id\.? del? evento)[ \t]{0,20}:[ \t]*\d",
        _FLAGS,
    ),
)
_FRIENDLY = re.compile(r"^[ \t+-]*MemoryExhaustionInfo[ \t]*\r?$", re.MULTILINE)
_DEBUGGER = re.compile(r"^[ \t]*(?:\d{1,3}: )?l?kd(?::\w{1,8})?>|^[ \t]*\d{1,4}:\d{3}>", _FLAGS)

HEAD = 1 << 16
"""Bytes looked at."""


def is_events(head: bytes) -> bool:
    """Whether a file begins with Windows events: XML of their schema, or records that name source and event id.

    A debugger log with a pasted event is a debugger log.
    """
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return False
    text = decode(head[: len(head) & ~1]) if head.strip() else ""
    if _DEBUGGER.search(text):
        return False
    if _SCHEMA in text and "<Event" in text:
        return True
    return all(pattern.search(text) for pattern in _RECORD) or _FRIENDLY.search(text) is not None


def binary_log(head: bytes) -> bool:
    """Whether a file is a binary event log: .evtx, or .evt of Server 2003 and before."""
    return head.startswith(b"ElfFile\0") or head[4:8] == b"LfLe"
