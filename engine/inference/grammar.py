"""The grammar of field conditions: text of a rule file to terms.

Thread                      equals          [Thread, Process]       one of
">= 30 %"  "< 1.5 GB"       a constant      ">= @tag.share-suspect" a threshold
"== t.object_type"          a field of an alias                     ">= 0.3 * t.outstanding"
"matches ^Nt"               a regular expression is found in the text
is known   is unknown       ">= 1 and <= 50"
"""

import re
from collections.abc import Mapping as MappingType
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as sre_parser  # type: ignore[attr-defined]
from typing import Any

from ..diagnosis import Confidence
from ..facts import KINDS, Value
from ..facts.vocabulary import Field
from ..mistakes import Mistakes, Place, closest
from ..yamlfile import Mapping, Node, Scalar
from . import thresholds
from .conditions import ORDERING, Compare, Join, Known, Matches, OneOf, Op, Term, figure
from .rows import TAG_FIELDS, fields_of
from .thresholds import Threshold

_CONDITION = re.compile(r"(==|!=|<=|>=|<|>)\s*(.+)", re.DOTALL)
_AND = re.compile(r"\s+and\s+(?=[=!<>]|is\s+(?:un)?known\b|matches\s)")
_REFERENCE = re.compile(r"([a-z][a-z0-9_]*)\.([a-z][a-z0-9_]*)")
_PRODUCT = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*\*\s*(\S+)")
_ALL_FIELDS = frozenset(name for kind in KINDS.values() for name in kind.fields)


class Conditions:
    """Reads the conditions of one pattern.

    `bound` gives the kinds of the aliases bound before it, `every` all aliases of the rule, `own` the pattern's alias.
    """

    def __init__(
        self,
        mistakes: Mistakes,
        known: MappingType[str, Threshold],
        bound: MappingType[str, frozenset[str]],
        every: frozenset[str],
        own: str,
        kind: str,
    ) -> None:
        self._mistakes = mistakes
        self._thresholds = known
        self._bound = {**bound, **({own: frozenset({kind})} if own else {})}
        self._before = bound
        self._every = every | ({own} if own else set())
        self._own = own
        self._kind = kind

    def read(self, field: Field, node: Node) -> list[Term]:
        """The terms of one field; mistakes are noted and left out."""
        if isinstance(node, Mapping):
            self._mistakes.add(
                node.place, f'"{field.name}" needs a condition: a value, a list or a comparison', "structure"
            )
            return []
        if isinstance(node, Scalar):
            return self._scalar(field, node)
        values: list[Value] = []
        for item in node.items:
            if not isinstance(item, Scalar) or item.empty:
                self._mistakes.add(item.place, f'"{field.name}" takes a list of single values', "structure")
            elif (value := self._constant(field, item.place, item.text)) is not None:
                values.append(value)
        if not node.items:
            self._mistakes.add(node.place, f'"{field.name}" can never hold: the list is empty', "never-holds")
        text = f"{field.name} is one of {', '.join(map(str, values))}"
        return [OneOf(field, node.place, text, tuple(values))] if values else []

    def _scalar(self, field: Field, node: Scalar) -> list[Term]:
        text = node.text.strip()
        if node.empty or not text:
            self._mistakes.add(
                node.place, f'"{field.name}" has no value; write "is unknown" for a missing field', "bad-condition"
            )
            return []
        word = re.fullmatch(r"is\s+(\w+)", text)
        near = closest(word[1], ("known", "unknown")) if word else None
        if word and near and word[1] != near:
            what = f'bad condition "{text}"; the nearest is "is {near}"'
            self._mistakes.add(node.place, what, "bad-condition", nearest=f"is {near}")
            return []
        if not _is_condition(text):
            # The raw text: blanks belong to a tag.
            value = self._constant(field, node.place, node.text if field.type == "text" else text)
            return [] if value is None else [Compare(field, node.place, f"{field.name} == {text}", "==", value)]
        terms: list[Term] = []
        while text:
            part, rest = text, ""
            if not text.startswith("matches ") and (split := _AND.search(text)):
                part, rest = text[: split.start()], text[split.end() :]
            term = self._condition(field, node.place, part.strip())
            terms += [term] if term else []
            text = rest
        return terms

    def _condition(self, field: Field, place: Place, text: str) -> Term | None:
        shown = f"{field.name} {text}"
        if re.fullmatch(r"is\s+(un)?known", text):
            return Known(field, place, shown, "unknown" not in text)
        if text.startswith("matches "):
            return self._regex(field, place, shown, text.removeprefix("matches ").strip())
        match = _CONDITION.fullmatch(text)
        if match is None or match[2][0] in "=<>":
            self._mistakes.add(
                place, f'bad condition "{text}"; expected == != < <= > >= with an operand', "bad-condition"
            )
            return None
        op: Op = match[1]  # type: ignore[assignment]
        if op in ORDERING and field.type not in ("int", "float"):
            self._mistakes.add(
                place, f'"{op}" compares numbers, but {field.name} is {field.type}; expected == or !=', "wrong-type"
            )
            return None
        return self._comparison(field, place, shown, op, match[2].strip())

    def _comparison(self, field: Field, place: Place, shown: str, op: Op, operand: str) -> Term | None:
        if operand.startswith("@"):
            threshold = self._threshold(field, place, operand[1:])
            if threshold is None:
                return None
            value = float(threshold.value) if field.type == "float" else threshold.value
            shown = f"{field.name} {op} {figure(value, field.unit)} (@{threshold.name})"
            return Compare(field, place, shown, op, value, threshold)
        product = _PRODUCT.fullmatch(operand)
        reference = _REFERENCE.fullmatch(product[2] if product else operand)
        if product and not reference:
            self._mistakes.add(place, f'bad operand "{operand}"; expected NUMBER * alias.field', "bad-condition")
            return None
        if reference and (product or self._is_reference(field, reference[1], reference[2])):
            return self._join(field, place, shown, op, float(product[1]) if product else None, *reference.groups())
        constant = self._constant(field, place, _unquoted(operand))
        if constant is None:
            return None
        if op == "==" and field.type == "int" and isinstance(constant, float):
            self._mistakes.add(place, f'"{shown}" can never hold: {field.name} is a whole number', "never-holds")
            return None
        return Compare(field, place, shown, op, constant)

    def _is_reference(self, field: Field, alias: str, name: str) -> bool:
        """`ntoskrnl.exe` is text and `t.object_type` a reference; what looks like a misspelt one is taken as one."""
        return alias in self._every or field.type in ("int", "float", "bool") or name in _ALL_FIELDS

    def _join(
        self, field: Field, place: Place, shown: str, op: Op, factor: float | None, alias: str, name: str
    ) -> Term | None:
        own = alias == self._own and alias not in self._before
        if alias not in self._bound:
            if alias in self._every:
                self._mistakes.add(place, f'alias "{alias}" is used before it is bound', "unknown-alias")
            else:
                self._mistakes.unknown(place, "alias", alias, self._every)
            return None
        for kind in sorted(self._bound[alias]):
            other = fields_of(kind).get(name)
            if other is None:
                self._mistakes.unknown(place, f"field of {kind}", name, fields_of(kind))
                return None
            problem = _unlike(field, other, factor)
            if problem:
                self._mistakes.add(place, problem, "wrong-unit" if " is in " in problem else "wrong-type")
                return None
        return Join(field, place, shown, op, factor, alias, name, own)

    def _threshold(self, field: Field, place: Place, name: str) -> Threshold | None:
        threshold = self._thresholds.get(name)
        if threshold is None:
            self._mistakes.unknown(place, "threshold", name, self._thresholds)
            return None
        if field.type not in ("int", "float") or threshold.unit != field.unit:
            unit = field.unit or f"{field.type} without a unit"
            self._mistakes.add(
                place, f"threshold {name} is in {threshold.unit or 'no unit'}, but {field.name} is {unit}", "wrong-unit"
            )
            return None
        return threshold

    def _regex(self, field: Field, place: Place, shown: str, expression: str) -> Term | None:
        if field.type not in ("text", "address"):
            self._mistakes.add(place, f'"matches" needs a text field, but {field.name} is {field.type}', "wrong-type")
            return None
        try:
            pattern = re.compile(expression)
            nested = _nested_repeat(sre_parser.parse(expression), False)
        except (re.error, RecursionError, OverflowError) as error:
            self._mistakes.add(place, f"bad regular expression: {error}", "bad-expression")
            return None
        if nested:
            self._mistakes.add(
                place, "bad regular expression: a repeat within a repeat can take for ever", "bad-expression"
            )
            return None
        return Matches(field, place, shown, pattern)

    def _constant(self, field: Field, place: Place, text: str) -> Value | None:
        """A constant in the field's type and unit, or None after noting why not."""
        if field.type in ("text", "address"):
            if field.values and text not in field.values:
                self._mistakes.unknown(place, field.name, text, field.values, "unknown-word")
                return None
            if field.name in TAG_FIELDS and len(text) > 4:
                what = f'"{text}" is no pool tag: four characters, not {len(text)}'
                self._mistakes.add(place, what)
                return None
            return text.ljust(4) if field.name in TAG_FIELDS and len(text) < 4 else text
        if field.type == "bool":
            if text.lower() in ("true", "false"):
                return text.lower() == "true"
            self._mistakes.add(place, f'"{text}" is not a truth value; {field.name} takes true or false', "wrong-type")
            return None
        if self._kind == "finding" and field.name == "confidence" and text.upper() in Confidence.__members__:
            return int(Confidence[text.upper()])
        written = thresholds.number(text)
        if written is None:
            self._mistakes.add(
                place,
                f'"{text}" does not fit {field.name}; expected {thresholds.expected_unit(field.unit)}',
                "wrong-type",
            )
            return None
        value = thresholds.in_unit(*written, field.unit)
        if value is None:
            expected = thresholds.expected_unit(field.unit)
            self._mistakes.add(place, f'unit of "{text}" does not fit {field.name}; expected {expected}', "wrong-unit")
            return None
        return float(value) if field.type == "float" else value


def field_of(kind: str, place: Place, name: str, mistakes: Mistakes) -> Field | None:
    """A field of a kind, or None after noting the nearest name."""
    fields = fields_of(kind)
    if name not in fields:
        mistakes.unknown(place, f"field of {kind}", name, fields)
    return fields.get(name)


def _is_condition(text: str) -> bool:
    return bool(re.match(r"[=!<>]|is\s+(?:un)?known(?:\s+and\s|$)|matches\s", text))


def _unquoted(text: str) -> str:
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _unlike(field: Field, other: Field, factor: float | None) -> str | None:
    """Why two fields cannot be compared, or None."""
    text = ("text", "address")
    numbers = ("int", "float")
    if factor is not None and (field.type not in numbers or other.type not in numbers):
        return f"only numbers can be multiplied, but {field.name} is {field.type} and {other.name} {other.type}"
    if field.type in text and other.type in text:
        return None
    if field.type in numbers and other.type in numbers:
        plain = ("count", "ratio", "")
        if field.unit == other.unit or (field.unit in plain and other.unit in plain):
            return None
        if {field.unit, other.unit} == {"ratio", "bytes"}:
            return None  # bytes_each is a ratio in bytes
        return f"{field.name} is in {field.unit or 'no unit'}, but {other.name} in {other.unit or 'no unit'}"
    if field.type == other.type:
        return None
    return f"{field.name} is {field.type}, but {other.name} is {other.type}"


def _nested_repeat(parsed: Any, inside: bool) -> bool:
    """Whether an open-ended repeat stands within another one."""
    for code, argument in parsed:
        repeats = code in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[1] > 16
        if repeats and inside:
            return True
        if any(_nested_repeat(part, inside or repeats) for part in _parts(argument)):
            return True
    return False


def _parts(argument: Any) -> list[Any]:
    """The sub-patterns anywhere within an argument of the parsed expression."""
    if isinstance(argument, sre_parser.SubPattern):
        return [argument]
    if isinstance(argument, tuple | list):
        return [part for item in argument for part in _parts(item)]
    return []
