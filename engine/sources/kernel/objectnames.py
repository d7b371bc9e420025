"""The name of an object: from the name information in front of its header, of a file from the file object itself."""

from .kernel import Kernel
from .lists import read_unicode
from .objects import ObjectTypes

MAX_LEVELS = 12
"""Directories above an object that are followed."""
_FILE_NAME = {32: 0x30, 64: 0x58}
"""FILE_OBJECT.FileName, the same in all builds (WDK headers)."""
_CREATOR, _NAME = 1, 2
"""Bits of OBJECT_HEADER.InfoMask (Windows 7 and later): which optional headers lie in front, nearest first."""


def name_of(kernel: Kernel, types: ObjectTypes, header: int, kind: str) -> str | None:
    """The name of the object behind a header, with the path of its directories as far as they are in the dump.

    None for an object without a name and for one whose name is not in the dump.
    """
    body = header + types.body
    if kind == "File":
        return _printable(read_unicode(kernel, body + _FILE_NAME[kernel.bits]))
    if kind == "Thread":
        # Windows 10 1607 and later: what SetThreadDescription set.
        at = kernel.layout.offset("_ETHREAD", "ThreadName")
        text = kernel.memory.pointer(body + at) if at is not None else None
        return _printable(read_unicode(kernel, text)) if text else None
    parts: list[str] = []
    for _ in range(MAX_LEVELS):
        found = _own_name(kernel, header)
        if found is None:
            break
        parts.append(found[0])
        if not found[1]:
            break
        header = found[1] - types.body
    name = "\\".join(reversed(parts)).replace("\\\\", "\\")
    return name or None


def _own_name(kernel: Kernel, header: int) -> tuple[str, int] | None:
    """Name of one object and address of its directory, 0 for none."""
    info = _name_information(kernel, header)
    if info is None:
        return None
    width = kernel.bits // 8
    at = kernel.layout.offset("_OBJECT_HEADER_NAME_INFO", "Name")
    name = _printable(read_unicode(kernel, info + (width if at is None else at)))
    directory = kernel.memory.pointer(info) or 0
    return None if name is None else (name, directory if directory >> (kernel.bits - 1) else 0)


def _name_information(kernel: Kernel, header: int) -> int | None:
    """Address of the OBJECT_HEADER_NAME_INFO: to Vista at a stored distance, later behind the creator information."""
    layout, memory = kernel.layout, kernel.memory
    distance = layout.offset("_OBJECT_HEADER", "NameInfoOffset")
    if distance is not None:
        back = memory.u8(header + distance)
        return header - back if back else None
    mask_at = layout.offset("_OBJECT_HEADER", "InfoMask")
    mask = memory.u8(header + mask_at) if mask_at is not None else None
    if not mask or not mask & _NAME:
        return None
    size = 0x20 if kernel.bits == 64 else 0x10
    name = layout.size("_OBJECT_HEADER_NAME_INFO") or size
    creator = layout.size("_OBJECT_HEADER_CREATOR_INFO") or size
    return header - name - (creator if mask & _CREATOR else 0)


def _printable(text: str | None) -> str | None:
    return text if text and text.isprintable() else None
