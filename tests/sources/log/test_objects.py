import pytest
from parsing import of, only, read, shown

from dumptriage.sources.log.block import Line, Log
from dumptriage.sources.log.objects import PARSERS, merge_sample


def test_an_object_with_its_counts() -> None:
    text = (
        "Object: ffffc00b07628fb0  Type: (ffffe0083b769450) ALPC Port\n"
        "    ObjectHeader: ffffc00b07628f80 (new version)\n\n"
        "    HandleCount: 1  PointerCount: 32764\n"
        "    Directory Object: ffffc00b074166a0  Name: Ip6\n"
    )
    fact = only(read(text, PARSERS), "sample")
    assert dict(fact.fields) == {
        "address": "ffffc00b07628fb0",
        "type": "ALPC Port",
        "handle_count": 1,
        "pointer_count": 32764,
        "name": "Ip6",
    }
    assert fact.verify == "!object ffffc00b07628fb0"


def test_counts_that_are_not_printed_are_unknown() -> None:
    fact = only(read("Object: 81a578c0  Type: (81bd0e70) Device\n  ObjectHeader: 81a578a8\n", PARSERS), "sample")
    assert shown(fact, "type", "handle_count", "pointer_count") == ("Device", None, None)


def test_the_entries_of_a_directory_are_no_samples() -> None:
    text = (
        "Object: ffffc00b074166a0  Type: (ffffe0083b768690) Directory\n"
        "    ObjectHeader: ffffc00b07416670 (new version)\n"
        "    HandleCount: 0  PointerCount: 224\n"
        "    Hash Address          Type          Name\n"
        "    ---- -------          ----          ----\n"
        "     00  ffffe0083e6a61f0 Device        00000044\n"
        "         ffffe0083dcc4050 Device        00000030\n"
    )
    assert len(of(read(text, PARSERS), "sample")) == 1


@pytest.mark.parametrize("text", ["Object: fa96f700        Image: cmd.exe", "Object: 1234", "0004: Object: 80ed5238"])
def test_other_lines_are_left_alone(text: str) -> None:
    assert read(text, PARSERS).facts == []


def _merged(*fields: dict[str, str | int]) -> Log:
    log = Log("log.txt")
    for number, each in enumerate(fields, 1):
        merge_sample(log, [Line(number, f"raw {number}", "")], verify=None, quality="exact", **each)
    return log


def test_merging_keeps_the_first_source_and_both_quotes() -> None:
    log = _merged(
        {"address": "81098620", "block": "81098600", "tag": "Thre", "state": "allocated"},
        {"address": "81098620", "type": "Thread", "state": "terminated"},
        {"address": "81098620", "state": "allocated", "handle_count": 1},
    )
    fact = only(log, "sample")
    assert shown(fact, "type", "tag", "state", "handle_count") == ("Thread", "Thre", "terminated", 1)
    assert (fact.id, fact.source, fact.quote) == ("sample:Thread:81098620", "log.txt:1", "raw 1\nraw 2\nraw 3")


def test_another_type_at_the_same_address_is_another_object() -> None:
    log = _merged({"address": "81098620", "type": "Thread"}, {"address": "81098620", "type": "Process"})
    assert len(of(log, "sample")) == 2
