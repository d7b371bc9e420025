"""Own sentences for the report: checked against the shipped catalogue before any is used."""

from collections.abc import Iterator
from pathlib import Path

from ..mistakes import Mistakes
from ..yamlfile import Mapping, Node, Scalar, parse
from .wording import shipped


def sentences(file: Path, text: str, mistakes: Mistakes) -> tuple[tuple[str, str, str], ...]:
    """Key, sentence and file of every entry. Keys the shipped catalogue has not, templates that are wrong and names it
    does not give to that sentence are mistakes."""
    root = parse(str(file), text, mistakes)
    if root is None:
        return ()
    if not isinstance(root, Mapping):
        mistakes.add(root.place, "expected a mapping of keys to sentences, as in reports/wording.yaml", "structure")
        return ()
    catalogue = shipped()
    keys = list(catalogue)
    folders = {key.rpartition(".")[0] for key in keys}
    found = []
    for key, leaf in _leaves("", root, mistakes):
        if key in catalogue:
            if _fits(key, leaf, mistakes):
                found.append((key, " ".join(leaf.text.split()), str(file)))
        elif key in folders:
            mistakes.add(leaf.place, f'"{key}" is a group of sentences, not one', "structure")
        else:
            mistakes.unknown(leaf.place, "key", key, keys)
    return tuple(found)


def _leaves(prefix: str, node: Mapping, mistakes: Mistakes) -> Iterator[tuple[str, Scalar]]:
    for name, _, value in node:
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _leaves(f"{key}.", value, mistakes)
        elif isinstance(value, Scalar):
            yield key, value
        else:
            _not_text(key, value, mistakes)


def _not_text(key: str, node: Node, mistakes: Mistakes) -> None:
    mistakes.add(node.place, f'"{key}" must be a text', "structure")


def _fits(key: str, leaf: Scalar, mistakes: Mistakes) -> bool:
    """Whether a sentence is a template that uses nothing but what the shipped one is given."""
    from jinja2 import TemplateSyntaxError

    catalogue = shipped()
    try:
        used = catalogue.names(leaf.text)
    except TemplateSyntaxError as error:
        mistakes.add(leaf.place, f"{key}: {error.message}", "bad-template")
        return False
    given = catalogue.names(catalogue.text(key))
    for name in sorted(used - given):
        has = f"it has {', '.join(sorted(given))}" if given else "it has none"
        mistakes.add(leaf.place, f'{key}: the sentence has no "{name}"; {has}', "unknown-alias")
    return used <= given
