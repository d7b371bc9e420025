"""The unloaded-driver list of a triage dump.

A count of pointer width, then one entry per driver: UNICODE_STRING, 12 characters of name, start and end address.
What stands behind the name's length is not part of it. Seen
so on 9600 to 26100 (0x38 bytes an entry); the 32-bit form (0x28) follows from the narrower pointers.
"""

from ...facts import Fact, address, new
from .image import is_kernel_address
from .triage import TriageDump

MAX_UNLOADED = 64
"""Bound for a damaged count; the longest list seen has 45 entries (19041)."""
_NAME_CHARACTERS = 12
_ENDINGS = ("sys", "dll", "exe")


def read_unloaded(dump: TriageDump) -> tuple[list[Fact], str | None]:
    """A module fact with `unloaded` per entry, and a sentence on entries that cannot be true.

    Names longer than 12 characters are cut in the dump: such a fact has no `file`.
    """
    start, bits, image = dump.part("unloaded_drivers"), dump.bits, dump.image
    if start is None:
        return [], None
    width = bits // 8
    count = image.word(start, bits)
    if not count:
        return [], None
    string = 2 * width
    name_at, range_at = string, string + 2 * _NAME_CHARACTERS
    size = range_at + 2 * width
    facts: list[Fact] = []
    for i in range(min(count, MAX_UNLOADED)):
        entry = start + width + i * size
        length, low, high = (
            image.u16(entry),
            image.word(entry + range_at, bits),
            image.word(entry + range_at + width, bits),
        )
        if length is None or low is None or high is None:
            break
        name = image.text16(entry + name_at, min(length // 2, _NAME_CHARACTERS))
        if name is None or length % 2 or not is_kernel_address(low, bits) or not low < high < low + (1 << 32):
            continue
        stem, dot, ending = name.rpartition(".")
        whole = len(name) < _NAME_CHARACTERS or ending.lower() in _ENDINGS
        cut_ending = bool(dot) and any(known.startswith(ending.lower()) for known in _ENDINGS)
        facts.append(
            new(
                "module",
                source=f"triage unloaded driver {i} @ file 0x{entry:x}",
                verify="lm",
                name=stem if cut_ending else name,
                file=name if whole and cut_ending else None,
                base=address(low),
                size=high - low,
                unloaded=True,
            )
        )
    lost = count - len(facts)
    return facts, f"{lost:,} of {count:,} unloaded drivers could not be read" if lost else None
