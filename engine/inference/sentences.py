"""The sentences of findings: Jinja templates in a sandbox, checked when rules are loaded.

An alias shows the fields of its fact; an unknown field is undefined: `{% if h.pid is defined %}` asks for it, and using
it anyway fails the sentence instead of printing nothing.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeVisitor

from ..mistakes import closest, nearest
from .rows import TAG_FIELDS, Row, fields_of

MAX_SENTENCE = 20_000
"""Longest rendered text; a casefile's names are bounded, a loop over them is not."""

OF_EVERY_FACT = ("id", "kind", "source", "verify", "quality", "quote")
"""What a template may use of any fact beside its fields."""


class SentenceError(Exception):
    """A template could not be rendered; the message says why in a few words."""


FUNCTIONS = ("share", "ratio")
NOT_SHOWN = {"size": ("percent", "seconds"), "pct": ("bytes", "seconds"), "n": ("percent",)}
"""The units of fields that a filter for other figures would show wrongly."""

SPOKEN_TAGS = (*TAG_FIELDS, "tags")


class View:
    """A fact as templates see it: its known fields as attributes."""

    __slots__ = ("_row",)

    def __init__(self, row: Row) -> None:
        self._row = row

    def __getattr__(self, name: str) -> Any:
        row = self._row
        if name in row.values:
            known = row.values[name]
            # In a sentence a tag stands without the blanks that fill it to four characters.
            return re.sub(r" +(?= \+|$)", "", known) if name in SPOKEN_TAGS and isinstance(known, str) else known
        value = getattr(row.fact, name) if name in OF_EVERY_FACT else None
        if value is None:
            raise AttributeError(name)
        return value


def render(source: str, bound: Mapping[str, Row]) -> str:
    """The text of a template for a match. Raises SentenceError."""
    views = {alias: View(row) for alias, row in bound.items()}
    try:
        text = str(_compiled(source).render(views)).strip()
    except (
        TemplateError,
        ArithmeticError,
        TypeError,
        ValueError,
        LookupError,
        AttributeError,
        RecursionError,
    ) as error:
        raise SentenceError(str(error).splitlines()[0] if str(error) else type(error).__name__) from error
    if len(text) > MAX_SENTENCE:
        raise SentenceError(f"longer than {MAX_SENTENCE:,} characters")
    return text


@dataclass(frozen=True, slots=True)
class TemplateMistake:
    """What is wrong with a template, as `mistakes.Mistake` has it."""

    what: str
    code: str
    nearest: str | None = None


def mistakes_in(source: str, kinds: Mapping[str, frozenset[str]], sure: Collection[str]) -> list[TemplateMistake]:
    """What is wrong with a template: syntax, aliases, fields, filters and functions.

    `kinds` are the kinds of every alias of the rule, `sure` the aliases that are bound in all its alternatives.
    """
    if "{" not in source:
        return []
    try:
        tree = _environment().parse(source)
    except TemplateSyntaxError as error:
        return [TemplateMistake(f"line {error.lineno}: {error.message}", "bad-template")]
    check = _Check(kinds, sure)
    check.visit(tree)
    return check.found


class _Check(NodeVisitor):
    """Walks the syntax tree of a template."""

    def __init__(self, kinds: Mapping[str, frozenset[str]], sure: Collection[str]) -> None:
        self.found: list[TemplateMistake] = []
        self._kinds = kinds
        self._asked_for = set(sure)
        self._local: set[str] = {"loop"}

    def visit_Name(self, node: nodes.Name) -> None:  # noqa: N802
        if node.ctx != "load":
            self._local.add(node.name)
        elif node.name in self._local or node.name in FUNCTIONS:
            return
        elif node.name not in self._kinds:
            self._unknown("alias", node.name, self._kinds)
        elif node.name not in self._asked_for:
            what = f'only some alternatives bind "{node.name}"; ask for it with {{% if {node.name} is defined %}}'
            self._note(TemplateMistake(what, "alias-not-bound"))

    def visit_For(self, node: nodes.For) -> None:  # noqa: N802
        self.visit(node.iter)
        self.visit(node.target)
        for child in (*node.body, *node.else_, *([node.test] if node.test else [])):
            self.visit(child)

    def visit_Assign(self, node: nodes.Assign) -> None:  # noqa: N802
        self.visit(node.node)
        self.visit(node.target)

    def visit_If(self, node: nodes.If) -> None:  # noqa: N802
        self._branches(node.test, node.body, [*node.elif_, *node.else_])

    def visit_CondExpr(self, node: nodes.CondExpr) -> None:  # noqa: N802
        self._branches(node.test, [node.expr1], [node.expr2] if node.expr2 else [])

    def _branches(self, test: nodes.Node, then: Sequence[nodes.Node], otherwise: Sequence[nodes.Node]) -> None:
        """Both branches, each knowing of the aliases the test asked for."""
        before = self._asked_for
        self._asked_for = before | _defined(test)
        for node in (test, *then):
            self.visit(node)
        self._asked_for = before | _undefined(test)
        for node in otherwise:
            self.visit(node)
        self._asked_for = before

    def visit_Getattr(self, node: nodes.Getattr) -> None:  # noqa: N802
        self._field(node.node, node.attr)
        self.generic_visit(node)

    def visit_Getitem(self, node: nodes.Getitem) -> None:  # noqa: N802
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            self._field(node.node, node.arg.value)
        self.generic_visit(node)

    def visit_Call(self, node: nodes.Call) -> None:  # noqa: N802
        named = isinstance(node.node, nodes.Name)
        if isinstance(node.node, nodes.Name) and node.node.name not in FUNCTIONS:
            self._unknown("function", node.node.name, FUNCTIONS, "unknown-filter")
        for child in node.iter_child_nodes(exclude=("node",) if named else ()):
            self.visit(child)

    def visit_Filter(self, node: nodes.Filter) -> None:  # noqa: N802
        known = _environment().filters
        if node.name not in known:
            self._unknown("filter", node.name, known)
        elif node.name in NOT_SHOWN and isinstance(node.node, nodes.Getattr):
            self._unit(node.name, node.node)
        self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> None:  # noqa: N802
        known = _environment().tests
        if node.name not in known:
            self._unknown("test", node.name, known, "unknown-filter")
        if node.name in ("defined", "undefined") and isinstance(node.node, nodes.Name):
            if node.node.name not in self._kinds and node.node.name not in self._local:
                self._unknown("alias", node.node.name, self._kinds)
            return
        self.generic_visit(node)

    def _field(self, of: nodes.Expr, name: str) -> None:
        if not isinstance(of, nodes.Name) or of.name not in self._kinds or of.name in self._local:
            return
        names = {field for kind in self._kinds[of.name] for field in fields_of(kind)}
        if names and name not in names and name not in OF_EVERY_FACT:
            self._unknown(f"field of {' or '.join(sorted(self._kinds[of.name]))}", name, names, "unknown-field")

    def _unit(self, shown: str, node: nodes.Getattr) -> None:
        """A filter over a field whose type or unit it cannot show."""
        kinds = self._kinds.get(node.node.name, frozenset()) if isinstance(node.node, nodes.Name) else frozenset()
        fields = [field for kind in kinds if (field := fields_of(kind).get(node.attr))]
        if any(field.type not in ("int", "float") for field in fields):
            what = f'filter "{shown}" shows numbers, but {node.attr} is {fields[0].type}'
            self._note(TemplateMistake(what, "wrong-type"))
        elif wrong := next((field for field in fields if field.unit in NOT_SHOWN[shown]), None):
            what = f'filter "{shown}" does not show {wrong.unit}, which {node.attr} is in'
            self._note(TemplateMistake(what, "wrong-unit"))

    def _unknown(self, what: str, word: str, valid: Iterable[str], code: str = "") -> None:
        names = list(valid)
        shown = f'unknown {what} "{word}"; {nearest(word, names)}'
        self._note(TemplateMistake(shown, code or f"unknown-{what}", closest(word, names)))

    def _note(self, mistake: TemplateMistake) -> None:
        if mistake not in self.found:
            self.found.append(mistake)


def _defined(test: nodes.Node) -> set[str]:
    """The aliases that are there when a test holds."""
    if isinstance(test, nodes.And):
        return _defined(test.left) | _defined(test.right)
    if isinstance(test, nodes.Test) and test.name == "defined" and isinstance(test.node, nodes.Name):
        return {test.node.name}
    return _undefined(test.node) if isinstance(test, nodes.Not) else set()


def _undefined(test: nodes.Node) -> set[str]:
    """The aliases that are there when a test does not hold."""
    if isinstance(test, nodes.Test) and test.name == "undefined" and isinstance(test.node, nodes.Name):
        return {test.node.name}
    return _defined(test.node) if isinstance(test, nodes.Not) else set()


class _Unknown(StrictUndefined):
    """An unknown field, named as the rule's author knows it."""

    @property
    def _undefined_message(self) -> str:
        if isinstance(self._undefined_obj, View):
            return f"{self._undefined_name} of {self._undefined_obj.id} is unknown"
        return super()._undefined_message


@cache
def _environment() -> SandboxedEnvironment:
    # Plain text: the report escapes what it prints.
    environment = SandboxedEnvironment(undefined=_Unknown, autoescape=False, trim_blocks=True)
    environment.globals.clear()
    environment.globals.update(share=share, ratio=ratio)
    environment.filters.update(n=n, size=size, pct=pct, hex=hex_, noun=noun)
    return environment


@cache
def _compiled(source: str) -> Any:
    return _environment().from_string(source)


def n(value: Any) -> str:
    """326,514; a fraction keeps one decimal."""
    number = _number(value)
    return f"{number:,}" if isinstance(number, int) else f"{number:,.1f}".removesuffix(".0")


def size(value: Any) -> str:
    """Bytes as `199.3 MiB`, below 1 KiB as `640 bytes`."""
    number = _number(value)
    if abs(number) < 1024:
        return f"{number:,} bytes" if isinstance(number, int) else f"{number:,.1f} bytes".replace(".0 bytes", " bytes")
    amount, units = float(number) / 1024, ["KiB", "MiB", "GiB", "TiB", "PiB"]
    while abs(amount) >= 1023.95 and len(units) > 1:
        amount /= 1024
        units.pop(0)
    return f"{amount:.1f} {units[0]}"


def pct(value: Any) -> str:
    """A percentage as `87.6 %`, never rounded to 0 or to 100 when it is neither."""
    number = _number(value)
    if 0 < number < 0.05:
        return "< 0.1 %"
    if 99.95 <= number < 100:
        return "> 99.9 %"
    return f"{number:.1f} %"


def noun(value: Any) -> str:
    """An object type within a sentence: `thread`, `event`; names of several words or capitals stay as they are."""
    text = str(value)
    return text.lower() if text.istitle() and text.isalpha() else text


def hex_(value: Any) -> str:
    """`0x280`; an address, which is hex text already, gets its 0x."""
    if isinstance(value, str):
        return value if value.startswith("0x") else f"0x{value}"
    return f"0x{int(_number(value)):x}"


def share(part: Any, whole: Any) -> str:
    """`98.9 %`: a part of a whole."""
    return pct(100 * ratio(part, whole))


def ratio(part: Any, whole: Any) -> float:
    """One number divided by another. Raises ZeroDivisionError where there is nothing to divide by."""
    return _number(part) / _number(whole)


def _number(value: Any) -> int | float:
    if isinstance(value, StrictUndefined):
        str(value)  # raises, naming what is undefined
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{value!r:.40} is not a number")
    return value
