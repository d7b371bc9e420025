"""The grammar of conditions: what is written, and which facts it holds for."""

import pytest
from rulepacks import case, pack, rule, rulebook

from dumptriage.facts import Value, new
from dumptriage.inference import infer

THRESHOLDS = """thresholds:
  - {name: share, value: 30, unit: percent, source: "field practice", doc: "a third"}
  - {name: large, value: 1000, unit: count, source: "field practice", doc: "many"}
"""


def fires(when: str, *facts: dict[str, Value]) -> bool:
    """Whether `tag t: {when}` fires on tag facts with these fields."""
    book = rulebook(pack(rule("{tag t: {" + when + "}}")), THRESHOLDS)
    return bool(infer(case(*(new("tag", source="x:1", **fact) for fact in facts)), book).findings)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "fields", "expected"),
    [
        ("tag: Thre", {"tag": "Thre"}, True),
        ("tag: Key", {"tag": "Key "}, True),  # a tag has four characters
        ("tag: 1234", {"tag": "1234"}, True),
        ("tag: [Proc, Thre]", {"tag": "Thre"}, True),
        ("tag: [Proc, Key]", {"tag": "Thre"}, False),
        ('tag: "!= Key"', {"tag": "Thre"}, True),
        ('tag: "!= Key"', {"tag": "Key "}, False),
        ('tag: "!= Key"', {}, False),  # unknown is not "something else"
        ('tag: "matches ^T.re$"', {"tag": "Thre"}, True),
        ('tag: "matches (?i)thre"', {"tag": "Thre"}, True),
        ("owner: ntoskrnl.exe", {"owner": "ntoskrnl.exe"}, True),
        ('owner: "!= ntoskrnl.exe"', {"owner": "ntfs.sys"}, True),
        ("owner: is known", {"owner": ""}, True),
        ("owner: is unknown", {"tag": "Thre"}, True),
        ("owner: is unknown", {"owner": "x"}, False),
        ("known: true", {"known": True}, True),
        ("known: false", {"known": True}, False),
        ("known: false", {}, False),
        ("outstanding: 5", {"outstanding": 5}, True),
        ('outstanding: ">= 1,000"', {"outstanding": 1000}, True),
        ('outstanding: "> 999.5"', {"outstanding": 1000}, True),
        ('outstanding: ">= 1 and <= 50"', {"outstanding": 50}, True),
        ('outstanding: ">= 1 and <= 50"', {"outstanding": 51}, False),
        ('outstanding: "is known and != 3"', {"outstanding": 4}, True),
        ('outstanding: ">= @large"', {"outstanding": 1000}, True),
        ('outstanding: ">= 0.5 * t.allocs"', {"outstanding": 5, "allocs": 10}, True),  # two fields of one fact
        ('outstanding: "== t.allocs"', {"outstanding": 5, "allocs": 6}, False),
        ('outstanding: "== t.allocs"', {"outstanding": 5}, False),
        ('share_of_pool: ">= @share"', {"share_of_pool": 30.0}, True),
        ('share_of_pool: "< 30 %"', {"share_of_pool": 30.0}, False),
        ('bytes: ">= 1 KB"', {"bytes": 1024}, True),
        ('bytes: ">= 1.5 GB"', {"bytes": 1610612735}, False),
        ('bytes: "> 4294967295"', {"bytes": 4294967296}, True),
        ("quality: exact", {"tag": "Thre"}, True),
        ("quality: suspect", {"tag": "Thre"}, False),
    ],
)
def test_condition(when: str, fields: dict[str, Value], expected: bool) -> None:
    assert fires(when, fields) is expected


def test_aliases_are_different_facts() -> None:
    book = rulebook(pack(rule('{handles a: {}}, {handles b: {pid: "== a.pid"}}')))
    one = new("handles", source="x:1", pid=4, type="Thread")
    other = new("handles", source="x:2", pid=4, type="Key")
    assert not infer(case(one), book).findings
    assert infer(case(one, other), book).findings


def test_addresses_beyond_int64_do_not_join() -> None:
    book = rulebook(pack(rule('{process p: {}}, {sample s: {owner_address: "== p.address"}}')))
    process = new("process", source="x:1", pid=4, address="ffffffffffffff00")
    same = new("sample", source="x:2", owner_address="ffffffffffffff00")
    other = new("sample", source="x:2", owner_address="ffffffffffffff01")
    assert infer(case(process, same), book).findings
    assert not infer(case(process, other), book).findings


def test_alternatives_that_both_hold_are_one_finding() -> None:
    when = "{any: [{pool p: {type: nonpaged}}, {pool p: {used_bytes: '> 1'}}]}"
    book = rulebook(pack(rule(when)))
    assert len(infer(case(new("pool", source="x:1", type="nonpaged", used_bytes=5)), book).findings) == 1


def test_best_keeps_the_largest() -> None:
    then = "{finding: quality.a, severity: info, confidence: low, say: x, about: {pid: h.pid}}"
    book = rulebook(pack(rule("{handles h: {type: Key}}", then, more="best: h.count")))
    facts = [new("handles", source="x:1", pid=pid, type="Key", count=count) for pid, count in ((4, 7), (8, 9), (12, 9))]
    (finding,) = infer(case(*facts), book).findings
    assert finding.about == {"pid": 8}


def test_findings_of_one_layer_feed_the_next_whatever_the_order_of_the_rules() -> None:
    say = "severity: info, confidence: high, label: x, say: x"
    text = pack(
        rule("{finding f: {name: holder.b}}", "{finding: culprit.c, " + say + "}", "third"),
        rule("{finding f: {part: kind}}", "{finding: holder.b, about: {tag: f.tag}, " + say + "}", "second"),
        rule("{tag t: {}}", "{finding: kind.a, about: {tag: t.tag}, " + say + "}", "first"),
    )
    book = rulebook(text)
    assert book.strata == ((2,), (1,), (0,))
    result = infer(case(new("tag", source="x:1", tag="Thre")), book)
    # Concluded layer by layer, told in the order of the rules.
    assert [(one.name, one.stratum) for one in result.findings] == [("culprit.c", 2), ("holder.b", 1), ("kind.a", 0)]
    assert result.findings[0].evidence["f"] is result.findings[1].fact


def test_findings_a_casefile_brings_along_are_not_built_upon() -> None:
    then = "{finding: quality.b, severity: info, confidence: low, say: x}"
    book = rulebook(pack(rule("{finding f: {name: kind.leak}}", then, "b"), rule("{tag t: {}}")))
    forged = new("finding", source="x:1", name="kind.leak", part="kind")
    assert not infer(case(forged), book).findings
