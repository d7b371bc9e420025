"""The chain as a figure: the verdict at the top, the conclusions it rests on by level, the facts at the bottom."""

import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from ..diagnosis import Diagnosis, Finding
from ..facts import Fact
from . import figures
from .chain import Chain, subject
from .headline import who
from .wording import Wording

WIDTH = 680
MAX_FINDINGS = 14
MAX_FACTS = 10
_ACROSS = {"part": 4, "rule": 4, "fact": 5}
_GAP = 12.0
_BETWEEN = 20.0
_LINE = 9.6
_CHARACTER = {"part": 5.5, "rule": 5.0, "fact": 4.8}
"""Width of a character in the type of a box, a little more than measured, so that other fonts fit too."""
_LINES = {"part": 2, "rule": 2, "fact": 2}

NodeKind = Literal["part", "rule", "fact"]


@dataclass(slots=True)
class _Node:
    kind: NodeKind
    title: str
    small: str
    href: str | None = None
    broken: bool = False
    below: list["_Node"] = field(default_factory=list)
    above: list["_Node"] = field(default_factory=list)
    x: float = 0.0
    y: float = 0.0
    wide: float = 0.0
    lines: tuple[str, ...] = ()

    @property
    def high(self) -> float:
        return (len(self.lines) + (1 if self.small else 0)) * _LINE + 8

    @property
    def middle(self) -> float:
        return self.x + self.wide / 2


@dataclass(frozen=True, slots=True)
class Box:
    """A box in drawing units: lines of text, a last one in small type; a broken line where the answer is not known."""

    kind: NodeKind
    x: float
    y: float
    width: float
    height: float
    lines: tuple[tuple[float, str], ...]
    small: tuple[float, str] | None
    href: str | None
    broken: bool


@dataclass(frozen=True, slots=True)
class Graph:
    """The figure: boxes, the paths of the lines between them, the same in words, and how many are left out."""

    height: float
    boxes: tuple[Box, ...]
    edges: tuple[str, ...]
    description: str
    left_findings: int
    left_facts: int
    WIDTH: ClassVar[int] = WIDTH


def build(diagnosis: Diagnosis, chain: Chain, wording: Wording) -> Graph | None:
    """The figure of the verdict; None where no rule concluded anything it could rest on."""
    tops, roots = _tops(diagnosis, wording)
    findings, left = _nearest(diagnosis, roots.values())
    if not findings:
        return None
    nodes = {finding.fact.id: _finding_node(finding, chain) for finding in findings}
    facts = _facts(findings)
    for fact in facts[:MAX_FACTS]:
        nodes[fact.id] = _Node("fact", subject(fact, wording), fact.source)
    for finding in findings:
        for fact in {each.id: each for each in finding.evidence.values()}.values():
            _link(nodes[finding.fact.id], nodes.get(fact.id))
    for top in tops:
        root = roots.get(top.title)
        _link(top, nodes.get(root.fact.id) if root else None)
    rows = _rows(tops, [node for node in nodes.values() if node.kind == "rule"])
    rows += _wrapped([node for node in nodes.values() if node.kind == "fact"])
    height = _place(rows)
    every = [node for row in rows for node in row]
    return Graph(
        height,
        tuple(_box(node) for node in every),
        tuple(_edge(node, lower) for node in every for lower in node.below),
        wording("graph.description", steps=[_words(node, wording) for node in every if node.below]),
        left,
        max(0, len(facts) - MAX_FACTS),
    )


def _tops(diagnosis: Diagnosis, wording: Wording) -> tuple[list[_Node], Mapping[str, Finding]]:
    """The boxes of the verdict and the finding each rests on, by the title of the box."""
    verdict = diagnosis.verdict
    tops: list[_Node] = []
    roots: dict[str, Finding] = {}
    for key in ("resource", "kind", "holder", "culprit"):
        part = getattr(verdict, key)
        name = who(part) if key in ("holder", "culprit") else part.name
        title = wording("graph.part", label=wording(f"part.{key}.label"), name=name)
        tops.append(
            _Node(
                "part", title, wording(f"word.confidence.{part.confidence.word}") if name else "", broken=name is None
            )
        )
        if part.finding:
            roots[title] = part.finding
    if roots:
        return tops, roots
    normal = [finding for finding in diagnosis.findings if finding.part == "normal"][: _ACROSS["rule"]]
    if verdict.state != "healthy" or not normal:
        return [], {}
    # Nothing is wrong: the figure shows what was found in order, all of it under the one answer.
    title = wording("state.healthy")
    top = _Node("part", title, "")
    for number, finding in enumerate(normal):
        roots[title if not number else f"{title}{number}"] = finding
    return [top], roots


def _nearest(diagnosis: Diagnosis, roots: Iterable[Finding]) -> tuple[list[Finding], int]:
    """The findings under the roots, nearest first, as many as are drawn, and how many are not."""
    by_id = {finding.fact.id: finding for finding in diagnosis.findings}
    found: dict[str, Finding] = {}
    open_ids = [root.fact.id for root in roots]
    while open_ids:
        following: list[str] = []
        for each in open_ids:
            if each in by_id and each not in found:
                found[each] = by_id[each]
                following += [fact.id for fact in by_id[each].evidence.values() if fact.id in by_id]
        open_ids = following
    every = list(found.values())
    return every[:MAX_FINDINGS], max(0, len(every) - MAX_FINDINGS)


def _finding_node(finding: Finding, chain: Chain) -> _Node:
    number = chain.numbers.get(finding.fact.id)
    title = finding.title if number is None else f"{number} {finding.title}"
    return _Node("rule", title, finding.rule, f"#step-{number}" if number is not None else "#normal")


def _facts(findings: list[Finding]) -> list[Fact]:
    """The facts under the findings, those more findings rest on first."""
    used: dict[str, int] = {}
    facts: dict[str, Fact] = {}
    for finding in findings:
        for fact in finding.evidence.values():
            if fact.kind != "finding":
                facts.setdefault(fact.id, fact)
                used[fact.id] = used.get(fact.id, 0) + 1
    return sorted(facts.values(), key=lambda fact: -used[fact.id])


def _link(upper: _Node, lower: _Node | None) -> None:
    if lower is not None and lower is not upper and lower not in upper.below:
        upper.below.append(lower)
        lower.above.append(upper)


def _rows(tops: list[_Node], rules: list[_Node]) -> list[list[_Node]]:
    """The verdict, then the conclusions: each level rests only on those below it."""
    levels: dict[int, list[_Node]] = {}
    heights: dict[int, int] = {}

    def level(node: _Node) -> int:
        if id(node) not in heights:
            heights[id(node)] = 0
            heights[id(node)] = 1 + max((level(lower) for lower in node.below if lower.kind == "rule"), default=-1)
        return heights[id(node)]

    for node in rules:
        levels.setdefault(level(node), []).append(node)
    rows = [tops]
    for key in sorted(levels, reverse=True):
        rows += _wrapped(levels[key])
    return rows


def _wrapped(nodes: list[_Node]) -> list[list[_Node]]:
    """The nodes of one level as rows of even length."""
    if not nodes:
        return []
    across = _ACROSS[nodes[0].kind]
    rows = -(-len(nodes) // across)
    each = -(-len(nodes) // rows)
    return [nodes[place : place + each] for place in range(0, len(nodes), each)]


def _place(rows: list[list[_Node]]) -> float:
    """Set the boxes: each row in the order of what it stands under, so that few lines cross. Returns the height."""
    y = 1.0
    for row in rows:
        kind = row[0].kind
        across = _ACROSS[kind]
        wide = (WIDTH - 2 - (across - 1) * _GAP) / across
        row.sort(key=lambda node: sum(up.middle for up in node.above) / len(node.above) if node.above else WIDTH)
        start = 1 + (WIDTH - 2 - len(row) * wide - (len(row) - 1) * _GAP) / 2
        for number, node in enumerate(row):
            node.x, node.y, node.wide = round(start + number * (wide + _GAP), 1), y, round(wide, 1)
            node.lines = _lines(node.title, int((wide - 8) / _CHARACTER[kind]), _LINES[kind])
            node.small = figures.clip(figures.visible(node.small), int((wide - 8) / 4.6))
        high = max(node.high for node in row)
        y = round(y + high + _BETWEEN, 1)
    return round(y - _BETWEEN + 1, 1)


def _lines(text: str, characters: int, lines: int) -> tuple[str, ...]:
    plain = " ".join(figures.visible(text).split())
    return tuple(textwrap.wrap(plain, characters, max_lines=lines, placeholder=" …")) or ("",)


def _box(node: _Node) -> Box:
    lines = tuple((round(node.y + 11 + number * _LINE, 1), line) for number, line in enumerate(node.lines))
    small = (round(node.y + 11 + len(node.lines) * _LINE, 1), node.small) if node.small else None
    return Box(node.kind, node.x, node.y, node.wide, round(node.high, 1), lines, small, node.href, node.broken)


def _edge(upper: _Node, lower: _Node) -> str:
    """A line from the bottom of one box to the top of another, upright at both ends."""
    x, y = upper.middle, upper.y + upper.high
    to_x, to_y = lower.middle, lower.y
    bend = min(24.0, (to_y - y) / 2)
    return f"M{x:.1f} {y:.1f}C{x:.1f} {y + bend:.1f} {to_x:.1f} {to_y - bend:.1f} {to_x:.1f} {to_y:.1f}"


def _words(node: _Node, wording: Wording) -> str:
    names = [figures.clip(lower.title, 60) for lower in node.below]
    return wording("graph.rests", name=figures.clip(node.title, 60), names=names)
