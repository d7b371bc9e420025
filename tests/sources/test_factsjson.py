"""facts.json read back: nothing lost, nothing believed that has the wrong type."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dumptriage.errors import CasefileError
from dumptriage.facts import Case
from dumptriage.sources.factsjson import is_facts, read

SCHEMA = "dumptriage/facts/1"


def case(*facts: dict[str, Any], **more: Any) -> Case:
    document = {"schema": SCHEMA, "facts": list(facts), **more}
    (only,) = read(json.dumps(document).encode(), "facts.json")
    return only


def test_a_fact_comes_back_as_it_was() -> None:
    fact = {"kind": "tag", "tag": "Irp ", "pool": "nonpaged", "allocs": 7, "frees": None, "source": "a.log:3"}
    (found, _) = case({**fact, "verify": "!poolused 2", "quality": "lower-bound", "quote": "Irp 7"}).facts
    assert (found.id, dict(found.fields)) == ("tag:Irp :nonpaged", {"tag": "Irp ", "pool": "nonpaged", "allocs": 7})
    assert (found.source, found.verify, found.quality, found.quote) == (
        "a.log:3",
        "!poolused 2",
        "lower-bound",
        "Irp 7",
    )


def test_unknown_kinds_and_fields_are_kept() -> None:
    first, second, _ = case({"kind": "tag", "tag": "Thre", "colour": "red"}, {"kind": "weather", "sun": [1, 2]}).facts
    assert first.fields["colour"] == "red"
    assert (second.kind, second.fields["sun"]) == ("weather", "[1, 2]")


def test_conclusions_are_left_out_because_they_are_drawn_anew() -> None:
    found = case({"kind": "finding", "name": "culprit.process", "image": "a.exe"}, {"kind": "gap", "name": "x"})
    assert [fact.kind for fact in found.facts] == ["data_quality"]


def test_facts_are_second_hand_and_say_so() -> None:
    (note,) = case().of("data_quality")
    assert note.get("problem") == "second-hand"


def test_the_report_names_the_first_casefile() -> None:
    first = {"name": "MEMORY.DMP", "sha256": "ab" * 32, "size": 5, "kind": "dump"}
    assert case(casefile=first).casefile.name == "MEMORY.DMP"


@pytest.mark.parametrize(
    ("fact", "says"),
    [
        ({"kind": "pool", "used_bytes": 1.5}, "pool.used_bytes takes int, not 1.5"),
        ({"kind": "pool", "used_bytes": "1"}, "pool.used_bytes takes int, not '1'"),
        ({"kind": "pool", "used_bytes": 2**70}, "does not fit 64 bits"),
        ({"kind": "pool", "quality": "perfect"}, "quality 'perfect', expected one of exact"),
        ({"used_bytes": 1}, "is not an object with a 'kind'"),
    ],
)
def test_a_wrong_fact_is_named_in_one_line(fact: dict[str, Any], says: str) -> None:
    with pytest.raises(CasefileError, match="fact 1") as caught:
        case(fact)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("head", "is_one"),
    [(b'{"schema": "dumptriage/facts/1"', True), (b"\xef\xbb\xbf {\n 'schema'", False), (b"0: kd> !vm", False)],
)
def test_recognised_by_its_schema(head: bytes, is_one: bool) -> None:
    assert is_facts(head) is is_one


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(st.dictionaries(st.sampled_from(["kind", "tag", "bytes", "quality", "source", "id", "x"]), JSON)))
def test_hostile_facts_are_read_or_refused(facts: list[dict[str, Any]]) -> None:
    data = json.dumps({"schema": SCHEMA, "facts": [{"kind": "tag", **fact} for fact in facts]}).encode()
    try:
        read(data, "facts.json")
    except CasefileError as error:
        assert "facts.json" in str(error)
