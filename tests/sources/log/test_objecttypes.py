"""`dt` on an object type, and the marks of a capture script."""

import pytest
from parsing import of, only, read, shown

from dumptriage.sources.log.block import Log
from dumptriage.sources.log.marks import MAX_NOTES, note_unfinished
from dumptriage.sources.log.objecttypes import PARSERS
from dumptriage.sources.log.text import to_lines

WINDOWS_7 = """\
0: kd> dt nt!_OBJECT_TYPE poi(nt!PsThreadType)
nt!_OBJECT_TYPE
   +0x000 TypeList         : _LIST_ENTRY [ 0xfffffa80`06a0b6f0 - 0xfffffa80`06a0b6f0 ]
   +0x010 Name             : _UNICODE_STRING "Thread"
   +0x020 DefaultObject    : (null)
   +0x028 Index            : 0x8 ''
   +0x02c TotalNumberOfObjects : 0x4d2
   +0x030 TotalNumberOfHandles : 0x6f1
   +0x034 HighWaterNumberOfObjects : 0x500
   +0x038 HighWaterNumberOfHandles : 0x700
   +0x040 TypeInfo         : _OBJECT_TYPE_INITIALIZER
   +0x0b0 TypeLock         : _EX_PUSH_LOCK
   +0x0b8 Key              : 0x65726854
   +0x0c0 CallbackList     : _LIST_ENTRY [ 0xfffffa80`06a0b7b0 - 0xfffffa80`06a0b7b0 ]
0: kd> lm
"""


def test_counts_of_an_object_type() -> None:
    fact = only(read(WINDOWS_7, PARSERS), "object_type")
    assert shown(fact, "type", "objects", "handles", "tag") == ("Thread", 0x4D2, 0x6F1, "Thre")
    assert fact.verify == "dt nt!_OBJECT_TYPE poi(nt!PsThreadType)"


def test_fields_that_are_not_shown_are_unknown() -> None:
    text = 'nt!_OBJECT_TYPE\n   +0x040 Name : _UNICODE_STRING "Event"\n   +0x050 TotalNumberOfObjects : 7\n'
    assert only(read(text, PARSERS), "object_type").fields == {"type": "Event", "objects": 7}


@pytest.mark.parametrize(
    "text",
    [
        "nt!_OBJECT_TYPE\nMemory read error 0000000000000010\n",
        "nt!_OBJECT_TYPE\n   +0x010 Name : _UNICODE_STRING\n   +0x02c TotalNumberOfObjects : Uint4B\n",
        'nt!_OBJECT_TYPE\n   +0x010 Name : _UNICODE_STRING "Thread"\n   +0x02c TotalNumberOfObjects : ??\n',
    ],
    ids=["unreadable", "the layout alone", "paged out"],
)
def test_without_a_name_and_a_count_there_is_no_fact(text: str) -> None:
    assert of(read(text, PARSERS), "object_type") == []


@pytest.mark.parametrize(
    ("text", "open_ones"),
    [
        ("dumptriage capture begin: 2 commands\nkd> !vm\nkd> .echo dumptriage capture end", []),
        ("0: kd> .echo dumptriage capture begin: 2 commands\ndumptriage capture begin: 2 commands\nkd> !vm", [2]),
        ("dumptriage capture begin: 2 commands\nkd> !vm\n\n\ndumptriage capture begin: 1 commands\nkd> !vm", [1, 5]),
        ("dumptriage capture end", []),
    ],
)
def test_a_capture_without_its_end(text: str, open_ones: list[int]) -> None:
    log = Log("log.txt")
    note_unfinished(to_lines(text), log)
    assert [fact.get("line") for fact in log.facts] == open_ones


def test_notes_of_captures_are_bounded() -> None:
    log = Log("log.txt")
    note_unfinished(to_lines("dumptriage capture begin: 1 commands\n\n\n\n" * 100), log)
    assert len(log.facts) == MAX_NOTES
