"""A rule in words: its conditions as one reads them aloud, and its sentences with the values left open."""

from collections.abc import Sequence

from jinja2 import Environment, nodes

from ..diagnosis import Confidence
from ..inference.conditions import Compare, Join, Known, Matches, OneOf, Pattern, Term, figure, needs
from ..inference.rule import Rule
from ..inference.thresholds import Threshold

_OPS = {"==": "is", "!=": "is not", "<": "is less than", "<=": "is at most", ">": "is more than", ">=": "is at least"}


def conditions(rule: Rule) -> list[list[str]]:
    """What must hold: one entry per pattern of `when`, holding the ways it can be satisfied."""
    columns = list(zip(*rule.alternatives, strict=True))
    return [[pattern(one) for one in {id(p): p for p in column}.values()] for column in columns]


def exceptions(rule: Rule) -> list[str]:
    """What must not be there."""
    return [pattern(one) for one in rule.unless]


def pattern(one: Pattern) -> str:
    """`tag t, of which share_of_pool is at least 30 % (@tag.share.suspect) and ...`"""
    name = f"{one.kind} {one.alias}".rstrip()
    return f"{name}, of which {' and '.join(term(t) for t in one.terms)}" if one.terms else name


def term(one: Term) -> str:
    """One condition."""
    field = one.field.name
    match one:
        case Compare():
            named = f" (@{one.threshold.name})" if one.threshold else ""
            verb = "is" if one.op != "!=" else "is not"
            unit, value = one.field.unit, one.value
            if field == "confidence" and isinstance(value, int):
                value = Confidence(value).word
            wanted = figure(value, unit) if one.op in ("==", "!=") else needs(one.op, value, unit)
            return f"{field} {verb} {wanted}{named}"
        case OneOf():
            listed = [figure(value, one.field.unit) for value in one.values]
            return f"{field} is {' or '.join(listed)}"
        case Matches():
            return f"{field} matches {one.pattern.pattern}"
        case Known():
            return f"{field} is {'known' if one.known else 'unknown'}"
        case Join():
            times = f"{one.factor:g} times " if one.factor is not None else ""
            return f"{field} {_OPS[one.op]} {times}{one.other if one.own else f'{one.alias}.{one.other}'}"


def thresholds(rule: Rule) -> list[Threshold]:
    """The thresholds a rule refers to, each once, with the values in force."""
    found = [t.threshold for p in rule.patterns for t in p.terms if isinstance(t, Compare) and t.threshold]
    return list({one.name: one for one in found}.values())


def sentence(source: str) -> str:
    """A template as one reads it: values as <alias.field>, a choice of words as has/have or [ended | of them], and what
    is said only sometimes in square brackets."""
    return _folded(_body(Environment(autoescape=True, trim_blocks=True).parse(source).body))


def _folded(text: str) -> str:
    return " ".join(text.split())


def _body(body: Sequence[nodes.Node]) -> str:
    return "".join(_statement(node) for node in body)


def _statement(node: nodes.Node) -> str:
    match node:
        case nodes.TemplateData():
            return node.data
        case nodes.Output():
            return _body(node.nodes)
        case nodes.If():
            return _choice([_body(node.body), *(_body(other.body) for other in node.elif_), _body(node.else_)])
        case nodes.For():
            return _choice([_body(node.body), _body(node.else_)])
        case nodes.Expr():
            return _printed(node)
    return ""


def _choice(branches: Sequence[str]) -> str:
    """[A | B]; the blanks at the ends of the branches stand outside, where a sentence has them."""
    said = [branch for branch in branches if branch.strip()]
    if not said:
        return ""
    before = " " if any(branch[0].isspace() for branch in said) else ""
    after = " " if any(branch[-1].isspace() for branch in said) else ""
    return f"{before}[{' | '.join(map(_folded, said))}]{after}"


def _printed(node: nodes.Expr) -> str:
    """What a printed expression puts into the sentence."""
    match node:
        case nodes.Const():
            return str(node.value)
        case nodes.Filter(name="format"):
            return " ".join(map(_printed, node.args))
        case nodes.Filter(node=nodes.Expr() as inner):
            return _printed(inner)
        case nodes.CondExpr():
            return _one_of([one for one in (node.expr1, node.expr2) if one is not None])
        case nodes.Call(node=nodes.Getattr(node=nodes.Dict() as table, attr="get")):
            return _one_of([*(pair.value for pair in table.items), *node.args[1:]])
        case nodes.Getitem(node=nodes.Dict() as table):
            return _one_of([pair.value for pair in table.items])
        case nodes.Concat():
            return "".join(map(_printed, node.nodes))
    return f"<{_value(node)}>"


def _one_of(options: Sequence[nodes.Expr]) -> str:
    said = [_printed(one) for one in options]
    return _choice(said) if len(said) == 1 or any(" " in one for one in said) else "/".join(said)


def _value(node: nodes.Node | None) -> str:
    """An expression as it was written, without its filters."""
    match node:
        case nodes.Name():
            return node.name
        case nodes.Getattr():
            return f"{_value(node.node)}.{node.attr}"
        case nodes.Const():
            return repr(node.value) if isinstance(node.value, str) else str(node.value)
        case nodes.Filter():
            return _value(node.node)
        case nodes.Call():
            return f"{_value(node.node)}({', '.join(map(_value, node.args))})"
        case nodes.BinExpr():
            return f"{_value(node.left)} {node.operator} {_value(node.right)}"
        case nodes.UnaryExpr():
            return f"{node.operator} {_value(node.node)}"
        case nodes.Getitem():
            return f"{_value(node.node)}[{_value(node.arg)}]"
        case nodes.Expr():
            # A list, a test: what it looks at is what a reader wants.
            return ", ".join(dict.fromkeys(_value(field) for field in node.find_all(nodes.Getattr)))
    return ""
