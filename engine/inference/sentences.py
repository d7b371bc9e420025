"""The sentences of findings: Jinja templates in a sandbox, checked when rules are loaded.

An alias shows the fields of its fact; an unknown field is undefined: `{% if h.pid is defined %}` asks for it, and using
it anyway fails the sentence instead of printing nothing.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes
from jinja2.sandbox import SandboxedEnvironment
from jinja2.visitor import NodeVisitor

from ..mistakes import nearest
from .rows import TAG_FIELDS, Row, fields_of

MAX_SENTENCE = 20_000
"""Longest rendered text; a casefile's names are bounded, a loop over them is not."""

OF_EVERY_FACT = ("id", "kind", "source", "verify", "quality", "quote")
"""What a template may use of any fact beside its fields."""


class SentenceError(Exception):
    """A template could not be rendered; the message says why in a few words."""


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


def mistakes_in(source: str, kinds: Mapping[str, frozenset[str]]) -> list[str]:
    """What is wrong with a template: syntax, unknown aliases, fields, filters and functions."""
    if "{" not in source:
        return []
    try:
        tree = _environment().parse(source)
    except TemplateSyntaxError as error:
        return [f"line {error.lineno}: {error.message}"]
    check = _Check(kinds)
    check.visit(tree)
    return check.found


class _Check(NodeVisitor):
    """Walks the syntax tree of a template."""

    def __init__(self, kinds: Mapping[str, frozenset[str]]) -> None:
        self.found: list[str] = []
        self._kinds = kinds
        self._local: set[str] = {"loop"}
        self._functions = ("share", "ratio")

    def visit_Name(self, node: nodes.Name) -> None:  # noqa: N802
        if node.ctx != "load":
            self._local.add(node.name)
        elif node.name not in self._kinds and node.name not in self._local and node.name not in self._functions:
            self._note(f'unknown alias "{node.name}"; {nearest(node.name, self._kinds)}')

    def visit_For(self, node: nodes.For) -> None:  # noqa: N802
        self.visit(node.iter)
        self.visit(node.target)
        for child in (*node.body, *node.else_, *([node.test] if node.test else [])):
            self.visit(child)

    def visit_Assign(self, node: nodes.Assign) -> None:  # noqa: N802
        self.visit(node.node)
        self.visit(node.target)

    def visit_Getattr(self, node: nodes.Getattr) -> None:  # noqa: N802
        if isinstance(node.node, nodes.Name) and node.node.name in self._kinds:
            names = {name for kind in self._kinds[node.node.name] for name in fields_of(kind)}
            if node.attr not in names and node.attr not in OF_EVERY_FACT:
                kind = " or ".join(sorted(self._kinds[node.node.name]))
                self._note(f'unknown field of {kind} "{node.attr}"; {nearest(node.attr, names)}')
        self.generic_visit(node)

    def visit_Filter(self, node: nodes.Filter) -> None:  # noqa: N802
        known = _environment().filters
        if node.name not in known:
            self._note(f'unknown filter "{node.name}"; {nearest(node.name, known)}')
        self.generic_visit(node)

    def visit_Test(self, node: nodes.Test) -> None:  # noqa: N802
        known = _environment().tests
        if node.name not in known:
            self._note(f'unknown test "{node.name}"; {nearest(node.name, known)}')
        self.generic_visit(node)

    def _note(self, what: str) -> None:
        if what not in self.found:
            self.found.append(what)


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
