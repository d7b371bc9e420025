"""The `then` of a rule: what follows, how sure, and the sentences."""

import re
from collections.abc import Collection
from collections.abc import Mapping as MappingType
from typing import get_args

from ..diagnosis import Confidence, Part, Severity
from ..facts import KINDS, Value
from ..facts.vocabulary import Field
from ..mistakes import Mistakes
from ..yamlfile import Mapping, Node, Scalar, Sequence
from . import sentences
from .rows import TAG_FIELDS, fields_of
from .rule import Reference, Template, Then

SCALARS = ("id", "title", "status", "version")
THEN_KEYS = ("finding", "severity", "confidence", "label", "about", "tags", "say", "disprove", "next")
REQUIRED = ("finding", "severity", "confidence", "say")
ABOUT = ("tag", "pool", "object_type", "pid", "image", "address", "module", "subject")
LABELLED = ("resource", "kind", "holder", "culprit")
"""The parts of the verdict: their findings need a label."""
CONFIDENCES = ("certain", "high", "medium", "low")
MAX_NAME = 80

_NAME = re.compile(r"([a-z]+)(?:[.-][a-z0-9]+)+")
_REFERENCE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")

Aliases = MappingType[str, frozenset[str]]


def read_then(node: Node | None, kinds: Aliases, sure: Collection[str], mistakes: Mistakes) -> Then | None:
    """The conclusion of a rule, or None after noting the mistakes.

    `kinds` are the kinds of every alias, `sure` the aliases that are bound in all alternatives.
    """
    if node is None:
        return None
    if not isinstance(node, Mapping):
        mistakes.add(node.place, f'"then" is a mapping with the keys {", ".join(REQUIRED)}', "structure")
        return None
    before = len(mistakes)
    for key, place, _ in node:
        if key not in THEN_KEYS:
            mistakes.unknown(place, 'key of "then"', key, THEN_KEYS)
    missing = [key for key in REQUIRED if key not in node.entries]
    if missing:
        mistakes.add(node.place, f'"then" lacks {", ".join(missing)}', "missing-key")
    finding, part = _finding(node, mistakes)
    severity = _word(node, "severity", get_args(Severity), mistakes)
    confidence = _word(node, "confidence", CONFIDENCES, mistakes)
    templates = {
        key: _template(node.get(key), key, kinds, sure, mistakes)
        for key in ("label", "say", "disprove")
        if node.get(key)
    }
    if part in LABELLED and "label" not in node.entries:
        mistakes.add(node.place, f'a {part} finding needs a "label": what the verdict shows', "missing-key")
    about = _about(node.get("about"), kinds, mistakes)
    tags = _tags(node.get("tags"), kinds, mistakes)
    commands = [_template(item, "next", kinds, sure, mistakes) for item in _listed(node.get("next"), "next", mistakes)]
    say = templates.get("say")
    if len(mistakes) > before or say is None:
        return None
    return Then(
        finding=finding,
        part=part,  # type: ignore[arg-type]
        severity=severity,  # type: ignore[arg-type]
        confidence=Confidence[confidence.upper()],
        label=templates.get("label"),
        about=about,
        tags=tags,
        say=say,
        disprove=templates.get("disprove"),
        next=tuple(template for template in commands if template),
    )


def read_best(node: Node | None, kinds: Aliases, mistakes: Mistakes) -> Reference | None:
    """The field whose largest value picks one of several matches."""
    best = reference(node, kinds, mistakes) if node is not None else None
    if best and node and any(fields_of(kind)[best.field].type not in ("int", "float") for kind in kinds[best.alias]):
        mistakes.add(node.place, f'"best" needs a number, which {best.alias}.{best.field} is not', "wrong-type")
    return best


def reference(node: Node, kinds: Aliases, mistakes: Mistakes) -> Reference | None:
    """An `alias.field`, or None after noting what is wrong with it."""
    match = _REFERENCE.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
    if match is None:
        mistakes.add(node.place, "expected alias.field, as in h.count")
        return None
    alias, name = match.groups()
    if alias not in kinds:
        mistakes.unknown(node.place, "alias", alias, kinds)
        return None
    for kind in sorted(kinds[alias]):
        if name not in fields_of(kind):
            mistakes.unknown(node.place, f"field of {kind}", name, fields_of(kind))
            return None
    return Reference(alias, name)


def _finding(node: Mapping, mistakes: Mistakes) -> tuple[str, str]:
    name = node.get("finding")
    if name is None:
        return "", ""
    match = _NAME.fullmatch(name.text) if isinstance(name, Scalar) else None
    if not isinstance(name, Scalar) or match is None or len(name.text) > MAX_NAME:
        mistakes.add(name.place, "a finding is named part.name in lower case, as in kind.handle-leak")
        return "", ""
    if match[1] not in get_args(Part):
        mistakes.unknown(name.place, "part of the diagnosis", match[1], get_args(Part))
    return name.text, match[1]


def _word(node: Mapping, key: str, words: tuple[str, ...], mistakes: Mistakes) -> str:
    value = node.get(key)
    if value is None:
        return ""
    text = value.text if isinstance(value, Scalar) else ""
    if text not in words:
        mistakes.unknown(value.place, key, text, words)
    return text


def _template(
    node: Node | None, key: str, kinds: Aliases, sure: Collection[str], mistakes: Mistakes
) -> Template | None:
    if not isinstance(node, Scalar) or node.empty or not node.text.strip():
        if node is not None:
            mistakes.add(node.place, f'"{key}" needs text', "structure")
        return None
    for one in sentences.mistakes_in(node.text, kinds, sure):
        mistakes.add(node.place, f'template of "{key}": {one.what}', one.code, nearest=one.nearest)
    return Template(node.place, node.text.strip())


def _listed(node: Node | None, key: str, mistakes: Mistakes) -> tuple[Node, ...]:
    if node is None:
        return ()
    if isinstance(node, Sequence):
        return node.items
    mistakes.add(node.place, f'"{key}" needs a list', "structure")
    return ()


def _about(node: Node | None, kinds: Aliases, mistakes: Mistakes) -> dict[str, Reference | Value]:
    about: dict[str, Reference | Value] = {}
    if node is None:
        return about
    if not isinstance(node, Mapping):
        mistakes.add(node.place, '"about" is a mapping {field: alias.field}', "structure")
        return about
    for name, place, value in node:
        if name not in ABOUT:
            mistakes.unknown(place, 'field of "about"', name, ABOUT)
            continue
        field = KINDS["finding"].fields[name]
        item = _reference_or_constant(value, kinds, mistakes)
        if isinstance(item, Reference):
            types = {fields_of(kind)[item.field].type for kind in kinds[item.alias]}
            if any(_family(one) != _family(field.type) for one in types):
                mistakes.add(
                    value.place,
                    f"{name} takes {field.type}, but {item.field} is {' or '.join(sorted(types))}",
                    "wrong-type",
                )
            about[name] = item
        elif item is not None:
            constant = _constant(field, item)
            if constant is None:
                mistakes.add(value.place, f'"{item}" is not a whole number, which {name} takes')
            else:
                about[name] = constant
    return about


def _tags(node: Node | None, kinds: Aliases, mistakes: Mistakes) -> tuple[Reference | str, ...]:
    tags: list[Reference | str] = []
    for item in _listed(node, "tags", mistakes):
        value = _reference_or_constant(item, kinds, mistakes)
        if isinstance(value, Reference):
            if any(fields_of(kind)[value.field].type != "text" for kind in kinds[value.alias]):
                mistakes.add(item.place, f'"tags" takes text, but {value.field} is not', "wrong-type")
            tags.append(value)
        elif value is not None and "{{" in value:
            mistakes.add(item.place, '"tags" takes alias.field or a tag, no template')
        elif value is not None:
            tags.append(value.ljust(4))
    return tuple(tags)


def _reference_or_constant(node: Node, kinds: Aliases, mistakes: Mistakes) -> Reference | str | None:
    """`alias.field` where the text has that shape and is not quoted otherwise, else the text itself."""
    if not isinstance(node, Scalar) or node.empty:
        mistakes.add(node.place, "expected alias.field or a constant")
        return None
    match = _REFERENCE.fullmatch(node.text)
    known = any(match[2] in fields_of(kind) for kind in KINDS) if match else False
    if match and (match[1] in kinds or known):
        return reference(node, kinds, mistakes)
    return node.text


def _constant(field: Field, text: str) -> Value | None:
    if field.type == "int":
        return int(text) if re.fullmatch(r"[0-9]{1,15}", text) else None
    return text.ljust(4) if field.name in TAG_FIELDS else text


def _family(name: str) -> str:
    return "text" if name == "address" else name
