"""The catalogue of sentences, and how figures and names are written."""

import doctest

import pytest

from dumptriage.capture import safe
from dumptriage.errors import RulebookError
from dumptriage.facts import KINDS
from dumptriage.report import figures
from dumptriage.report.wording import Wording, load


@pytest.mark.parametrize("module", [figures, safe])
def test_examples_in_docstrings(module: object) -> None:
    result = doctest.testmod(module)  # type: ignore[arg-type]
    assert result.attempted
    assert not result.failed


def test_missing_key_and_wrong_template_are_named() -> None:
    wording = Wording({"a": {"b": "{{ missing }}", "c": "{% if %}"}})
    for key in ("a.b", "a.c", "a.d"):
        with pytest.raises(RulebookError, match=key.replace(".", r"\.")):
            wording(key)


def test_values_are_not_rendered_again() -> None:
    assert Wording({"a": "x {{ name }}"})("a", name="{{ 7 * 7 }}") == "x {{ 7 * 7 }}"


def test_sentences_cannot_reach_python() -> None:
    with pytest.raises(RulebookError):
        Wording({"a": "{{ name.__class__.__mro__ }}"})("a", name="x")


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"finding"}))
def test_every_kind_of_fact_has_a_name(kind: str) -> None:
    assert load()(f"fact.{kind}")


@pytest.mark.parametrize("state", ["leak", "exhaustion", "suspect", "healthy", "inconclusive"])
def test_every_state_has_its_words(state: str) -> None:
    assert f"state.{state}" in load()
    assert f"summary.{state}" in load()


def test_clip_keeps_both_ends_and_the_length() -> None:
    assert figures.clip("abcdefghij", 7) == "abcd…ij"
    assert len(figures.clip("x" * 500, 240)) == 240
