"""Where each build keeps the address ranges (VADs) of a process, and how a range leads to the file it maps.

A tree hangs from EPROCESS.VadRoot. Its nodes are nonpaged, so a kernel dump has them though it has no user page: node,
then subsection (to 2003 straight), control area, file object, file name. Offsets are from public symbols (XP to 17763,
x64 to 20348 and 26100). Inferred are Windows 2000, taken to be like XP, and VadRoot of 18362, of 19041 x86 and of late
revisions of 14393, where it follows ExitStatus as in their neighbours. That harms nothing: all known places of a build
are tried, and only a range with the address that leads to an object of type File gives a name.
"""

from dataclasses import dataclass

from .layouts import Layout

# VadRoot by build: those of x86, those of x64. A build without an entry has that of the nearest lower one.
_ROOTS: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    2195: ((0x194,), ()),
    2600: ((0x11C,), ()),
    3790: ((0x250, 0x258), (0x398,)),
    6000: ((0x238,), (0x380,)),
    7600: ((0x278,), (0x448,)),
    9200: ((0x274,), (0x590,)),
    9600: ((0x274,), (0x5D8,)),
    10240: ((0x284, 0x288), (0x608,)),
    10586: ((0x284,), (0x610,)),
    14393: ((0x28C,), (0x620, 0x628, 0x630)),
    15063: ((0x298,), (0x628,)),
    17134: ((0x29C,), (0x628,)),
    18362: ((0x310,), (0x658,)),
    19041: ((0x350,), (0x7D8,)),
    26100: ((), (0x558,)),
}
_FIRST_SENTINEL, _FIRST_SUBSECTION, _FIRST_NODE, _FIRST_TREE = 3790, 6000, 9200, 9600
"""Builds from which: the root is the right child of a node in EPROCESS; a VAD points to a subsection; the node is a
structure of its own; the root is a plain pointer (again) and nodes begin with their children."""


@dataclass(frozen=True, slots=True)
class VadShape:
    """Offsets of one build. `sentinel` is where the root pointer lies behind VadRoot."""

    roots: tuple[int, ...]
    sentinel: int
    left: int
    right: int
    start: int
    end: int
    width: int
    """Bytes of the page numbers `start` and `end`."""
    high: tuple[int, int] | None
    """A byte each that extends `start` and `end` where they have four bytes on x64."""
    area: int
    """Pointer to the control area, or to the subsection whose first field points to it."""
    subsection: bool
    file: tuple[int, ...]
    """Pointer from the control area to the file object; the low bits count references from Vista on."""
    name: int
    """FILE_OBJECT.FileName, the same in all builds (WDK headers)."""


def vad_shape(layout: Layout, build: int, bits: int) -> VadShape | None:
    """The shape of a build, with VadRoot of its exact symbols first; None where no VadRoot is known."""
    wide = bits == 64
    width = bits // 8
    known = [roots[wide] for first, roots in _ROOTS.items() if first <= build]
    exact = layout.offset("_EPROCESS", "VadRoot")
    roots = tuple(dict.fromkeys((*(() if exact is None else (exact,)), *(known[-1] if known else ()))))
    if not roots:
        return None
    if build < _FIRST_SENTINEL:
        left, start, end = 3 * width, 0, width
    elif build < _FIRST_TREE:
        left, start, end = width, 3 * width, 4 * width
    else:
        left, start, end = 0, 3 * width, 4 * width
    short = wide and build >= _FIRST_NODE
    area = (0x48 if wide else 0x24) if build < _FIRST_NODE else 0x48 if wide else 0x2C
    if build < _FIRST_SUBSECTION:
        area = 0x30 if wide else 0x18
    file: tuple[int, ...] = (0x24,) if build < _FIRST_TREE else (0x20,)
    if wide:
        # Vista without a service pack still has it where 2003 had it.
        file = (0x30,) if build < _FIRST_SUBSECTION else (0x40, 0x30) if build == _FIRST_SUBSECTION else (0x40,)
    return VadShape(
        roots=roots,
        sentinel=2 * width if _FIRST_SENTINEL <= build < _FIRST_TREE else 0,
        left=left,
        right=left + width,
        start=start,
        end=start + 4 if short else end,
        width=4 if short else width,
        high=(0x20, 0x21) if wide and build >= _FIRST_TREE else None,
        area=area,
        subsection=build >= _FIRST_SUBSECTION,
        file=file,
        name=0x58 if wide else 0x30,
    )
