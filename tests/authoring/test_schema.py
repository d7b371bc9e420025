"""The JSON Schemas: generated files are current, shipped files are valid, and what an editor marks."""

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from dumptriage.authoring import schema

jsonschema: Any = pytest.importorskip("jsonschema")
RULES = Path(str(files("dumptriage.rules")))


def read(path: Path) -> Any:
    return json.loads(json.dumps(YAML(typ="safe").load(path.read_text(encoding="utf-8")), default=str))


def faults(name: str, document: Any) -> list[str]:
    validator = jsonschema.Draft202012Validator(json.loads((RULES / f"schema/{name}.schema.json").read_text()))
    return [jsonschema.exceptions.best_match([error]).message for error in validator.iter_errors(document)]


@pytest.mark.parametrize("name", schema.files())
def test_generated_file_is_current(name: str) -> None:
    text = (RULES / "schema" / name).read_text(encoding="utf-8")
    assert text == schema.files()[name], "run python docs/generate.py"
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


@pytest.mark.parametrize("path", sorted((RULES / "packs").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_pack_is_valid(path: Path) -> None:
    assert faults("pack", read(path)) == []


def test_shipped_thresholds_and_tags_are_valid() -> None:
    assert faults("thresholds", read(RULES / "thresholds.yaml")) == []
    assert faults("tags", read(RULES / "known/tags.yaml")) == []


RULE = """
pack: P
rules:
  - id: a.b
    title: t
    status: test
    version: 1
    when: [{WHEN}]
    then: {finding: step.x, severity: info, confidence: high, say: s}
    MORE
"""


@pytest.mark.parametrize(
    "when",
    [
        "tag t: {bytes: '>= 1.5 GB and < 3 TB', frees: 0, known: true, tag: [Thre, 1234], share_of_pool: '>= @a.b'}",
        "tag t: {outstanding: '>= 0.3 * h.count', pool: '== p.type', rank_bytes: [1, 2], freed_percent: is unknown}",
        "finding f: {confidence: '>= medium', name: kind.x}",
        "any: [{pool p: {type: paged}}, {pool p: {quality: exact}}]",
        "memory m: ~",
    ],
)
def test_valid(when: str) -> None:
    assert faults("pack", YAML(typ="safe").load(RULE.replace("WHEN", when).replace("MORE", ""))) == []


@pytest.mark.parametrize(
    ("when", "more"),
    [
        ("tga t: {}", ""),
        ("tag: {}", ""),
        ("tag t: {byts: 1}", ""),
        ("tag t: {bytes: '>= 3 %'}", ""),
        ("tag t: {bytes: much}", ""),
        ("tag t: {tag: '< a'}", ""),
        ("tag t: {known: maybe}", ""),
        ("tag t: {}", "statu: test"),
        ("tag t: {}", "tests: [{facts: [tga t: {}], fires: true}]"),
        ("tag t: {}", "tests: [{facts: [tag t: {byts: 1}], fires: true}]"),
        ("tag t: {}", "tests: [{fire_on: healthy}]"),
    ],
)
def test_invalid(when: str, more: str) -> None:
    assert faults("pack", YAML(typ="safe").load(RULE.replace("WHEN", when).replace("MORE", more)))


def test_a_finding_of_the_verdict_needs_a_label() -> None:
    text = RULE.replace("WHEN", "tag t: {}").replace("MORE", "").replace("step.x", "kind.x")
    assert faults("pack", YAML(typ="safe").load(text)) == ["'label' is a required property"]
