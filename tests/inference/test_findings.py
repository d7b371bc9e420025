"""What a fired rule becomes: sentences, confidence, tags, and what happens when a sentence fails."""

import pytest
from rulepacks import case, pack, rule, rulebook

from dumptriage.diagnosis import Confidence, Finding
from dumptriage.facts import Fact, Quality, new
from dumptriage.inference import Inference, infer
from dumptriage.inference.rows import rows
from dumptriage.inference.sentences import SentenceError, render

TAG = new("tag", source="x:1", tag="Thre", pool="nonpaged", outstanding=326_514, bytes=208_968_960, share_of_pool=87.61)
HANDLES = new("handles", source="x:2", pid=2280, address="886f5020", type="Thread", count=323_155)


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ t.outstanding | n }} allocations", "326,514 allocations"),
        ("{{ t.bytes | size }}", "199.3 MiB"),
        ("{{ 640 | size }}, {{ 1024 | size }}, {{ 1048575 | size }}", "640 bytes, 1.0 KiB, 1.0 MiB"),
        ("{{ t.share_of_pool | pct }}", "87.6 %"),
        ("{{ 640 | hex }} at {{ h.address | hex }}", "0x280 at 0x886f5020"),
        ("{{ share(h.count, t.outstanding) }}", "99.0 %"),
        ("{{ ratio(t.bytes, t.outstanding) | n }}", "640"),
        ("{{ 12.34 | n }} and {{ 12.0 | n }}", "12.3 and 12"),
        ("{% if h.image is defined %}{{ h.image }}{% else %}pid {{ h.pid }}{% endif %}", "pid 2280"),
        ("{{ t.tag }} ({{ t.id }}, {{ t.source }}, {{ t.quality }})", "Thre (tag:Thre:nonpaged, x:1, exact)"),
    ],
)
def test_sentence(template: str, text: str) -> None:
    tag, handles = rows([TAG, HANDLES])
    assert render(template, {"t": tag, "h": handles}) == text


@pytest.mark.parametrize(
    "template",
    [
        "{{ h.image }}",
        "{{ h.image | n }}",
        "{{ share(h.count, h.dead_targets) }}",
        "{{ ratio(1, 0) }}",
        "{{ h.type | n }}",
        "{{ h.__class__ }}",
        "{{ h._row }}",
        "{{ ''.__class__.__mro__ }}",
        "{% for a in 'x' * 9999 %}{{ 'y' * 9999 }}{% endfor %}",
    ],
)
def test_sentence_that_cannot_be_written(template: str) -> None:
    tag, handles = rows([TAG, HANDLES])
    with pytest.raises(SentenceError):
        render(template, {"t": tag, "h": handles})


def then(say: str = "x", more: str = "", confidence: str = "high", name: str = "kind.leak") -> str:
    return f'{{finding: {name}, severity: info, confidence: {confidence}, label: a leak, say: "{say}"{more}}}'


def run(text: str, *facts: Fact) -> Inference:
    return infer(case(*facts), rulebook(text))


def test_failed_sentence_leaves_the_title_and_a_problem() -> None:
    result = run(pack(rule("{handles h: {}}", then("{{ h.image }}", ', next: ["!handle {{ h.image }}", lm]'))), HANDLES)
    assert (result.findings[0].text, result.findings[0].next) == ("A title", ("lm",))
    assert result.problems == (
        'a.rule: "say" (p.yaml:8:86) could not be written: image of handles:2280:886f5020:Thread is unknown',
        'a.rule: "next" (p.yaml:8:110) could not be written: image of handles:2280:886f5020:Thread is unknown',
    )


def test_a_finding_carries_all_that_the_report_shows() -> None:
    about = "about: {tag: t.tag, pid: h.pid, image: h.image}, tags: [t.tag, Key]"
    when = '{tag t: {}}, {handles h: {count: ">= 0.9 * t.outstanding", type: "== t.object_type", pid: is known}}'
    conclusion = then("{{ t.tag }}", f', {about}, disprove: "{{{{ h.pid }}}} is 4", next: [lm]')
    text = pack(rule(when, conclusion, more="references: [a]"))
    tag = new("tag", source="x:1", tag="Thre", pool="nonpaged", outstanding=326_514, object_type="Thread")
    (finding,) = run(text, tag, HANDLES).findings
    fact = new(
        "finding", source="rule a.rule version 1", name="kind.leak", part="kind", confidence=3, severity="info",
        tag="Thre", pid=2280,
    )  # fmt: skip
    assert finding == Finding(
        rule="a.rule", version=1, status="test", title="A title", name="kind.leak", part="kind", severity="info",
        confidence=Confidence.HIGH, text="Thre", label="a leak", evidence={"t": tag, "h": HANDLES},
        about={"tag": "Thre", "pid": 2280}, tags=("Thre", "Key "), fact=fact, disprove="2280 is 4", next=("lm",),
        references=("a",), limits=(), stratum=0,
    )  # fmt: skip


def test_tags_of_a_group_are_its_members() -> None:
    group = new("tag_group", source="x:1", tags="File + IrpX + Key", lead="File")
    (finding,) = run(pack(rule("{tag_group g: {}}", then(more=", tags: [g.lead, g.tags]"))), group).findings
    assert finding.tags == ("File", "IrpX", "Key ")


@pytest.mark.parametrize(
    ("quality", "confidence", "expected", "limits"),
    [
        ("exact", "certain", "certain", ()),
        ("lower-bound", "certain", "certain", ()),
        ("rounded", "high", "medium", ("Confidence is at most medium: the figures of tag Thre are rounded.",)),
        ("rounded", "low", "low", ()),
        ("suspect", "high", "low", ("Confidence is at most low: other evidence contradicts the figures of tag Thre.",)),
    ],
)
def test_quality_caps_confidence(quality: Quality, confidence: str, expected: str, limits: tuple[str, ...]) -> None:
    tag = new("tag", source="x:1", tag="Thre", quality=quality)
    (finding,) = run(pack(rule("{tag t: {}}", then(confidence=confidence))), tag).findings
    assert (finding.confidence.word, finding.limits) == (expected, limits)


def test_a_finding_is_no_surer_than_what_it_builds_on() -> None:
    text = pack(
        rule("{tag t: {}}", then(confidence="medium"), "one"),
        rule("{finding f: {name: kind.leak}}", then(confidence="certain", name="culprit.x"), "two"),
    )
    finding = run(text, TAG).findings[1]
    assert finding.confidence is Confidence.MEDIUM
    assert finding.limits == ('Confidence is at most medium: it builds on "A title", whose confidence is medium.',)


def test_same_subject_is_one_finding_of_a_rule_with_the_best_evidence_but_two_of_two_rules() -> None:
    more = ", about: {image: h.image}"
    text = pack(rule("{handles h: {}}", then(more=more), "one"), rule("{handles h: {}}", then(more=more), "two"))
    weak = new("handles", source="x:1", pid=4, image="a.exe", quality="suspect")
    good = new("handles", source="x:2", pid=8, image="a.exe")
    findings = run(text, weak, good).findings
    assert [(one.rule, one.evidence["h"].source, one.confidence.word) for one in findings] == [
        ("one", "x:2", "high"),
        ("two", "x:2", "high"),
    ]
    assert [one.fact.id for one in findings] == ["finding:kind.leak", "finding:kind.leak#2"]


def test_matches_are_bounded_and_it_is_said() -> None:
    facts = [new("process", source="x:1", pid=pid) for pid in range(300)]
    result = run(pack(rule("{process p: {}}", then(more=", about: {pid: p.pid}"))), *facts)
    assert len(result.findings) == 200
    assert result.problems == ("a.rule: 300 matches, only the first 200 became findings",)


def test_a_product_of_facts_is_refused_at_run_time() -> None:
    facts = [new("process", source="x:1", pid=pid, image="a.exe") for pid in range(400)]
    text = pack(
        rule("{process p: {}}, {process q: {image: == p.image}}", then(), "wide"), rule("{process p: {}}", then())
    )
    result = run(text, *facts)
    assert [one.outcome for one in result.outcomes] == ["not_evaluated", "fired"]
    assert result.problems == (
        "wide was not evaluated: it would have to compare 160,000 combinations of facts",
        "a.rule: 400 matches, only the first 200 became findings",
    )
