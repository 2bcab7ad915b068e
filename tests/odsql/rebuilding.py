"""Rebuilds a tree with public calls of the builder alone."""

from __future__ import annotations

import operator
from decimal import Decimal
from functools import reduce
from typing import TYPE_CHECKING, Any

import odsql
from odsql import F, literal, nodes
from odsql.builder.expressions import call, geom

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    SayCall = Callable[[nodes.Call], Any]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "+": operator.add, "-": operator.sub, "*": operator.mul,
    "/": operator.truediv, ":": lambda left, right: left.colon(right),
}  # fmt: skip


def items(clause: Any, say_call: SayCall) -> list[nodes.Node]:
    """Rebuild the entries of a clause; return their trees."""
    if isinstance(clause, nodes.Where):
        return [] if clause.condition is None else [condition(clause.condition, say_call).node]
    entries = getattr(clause, "items", [clause])  # a facet stands alone
    return [say(one, say_call).node for one in entries]


def condition(node: nodes.Node, say_call: SayCall) -> Any:
    """Rebuild a condition, where a text is a search."""
    if isinstance(node, nodes.Text):
        return odsql.full_text(node.value)
    return say(node, say_call)


def say(node: Any, say_call: SayCall) -> Any:  # noqa: C901 - one case for each node
    """Rebuild a tree; `say_call` rebuilds its calls."""

    def again(inner: nodes.Node) -> Any:
        return say(inner, say_call)

    def all_of(kind: Callable[[Any, Any], Any], parts: Iterable[nodes.Node]) -> Any:
        return reduce(kind, (condition(one, say_call) for one in parts))

    match node:
        case nodes.Field(name):
            return F[name]
        case nodes.Text() | nodes.Number() | nodes.Boolean() | nodes.Null():
            return literal(value_of(node))
        case nodes.Date(text):
            return odsql.date(text)
        case nodes.Geometry(text):
            return geom(text)
        case nodes.Star():
            return odsql.all_fields()
        case nodes.Call():
            return say_call(node)
        case nodes.Negate(inner):
            return -again(inner)
        case nodes.Arithmetic(operands, operators):
            built = again(operands[0])
            for sign, inner in zip(operators, operands[1:], strict=True):
                built = _OPERATORS[sign](built, again(inner))
            return built
        case nodes.Comparison(left, sign, right):
            return _OPERATORS[sign](again(left), again(right))
        case nodes.InRange(value, low, high):
            between = again(value).between if node.operator == "in" else again(value).colon_range
            return between(again(low), again(high), bounds=bounds_of(node))
        case nodes.InList(value, listed):
            return again(value).isin([value_of(one) for one in listed])
        case nodes.Member(held, field):
            return again(field).has(value_of(held))
        case nodes.Like(value, text):
            return again(value).like(text.value)
        case nodes.Is(value, constant, negated):
            return _OPERATORS["!=" if negated else "="](again(value), value_of(constant))
        case nodes.Not(inner):
            return ~condition(inner, say_call)
        case nodes.And(parts):
            return all_of(operator.and_, parts)
        case nodes.Or(parts):
            return all_of(operator.or_, parts)
        case nodes.Labelled(inner, label):
            return again(inner).as_(label)
        case nodes.Ordering(inner, direction):
            return getattr(again(inner), direction)() if direction else again(inner)
    raise AssertionError(node)


def value_of(node: Any) -> Any:
    """Return the Python value of a literal."""
    match node:
        case nodes.Text(value) | nodes.Boolean(value):
            return value
        case nodes.Number(text):
            return Decimal(text) if "." in text else int(text)
        case nodes.Negate(nodes.Number(text)):
            exact = Decimal(f"-{text}")
            return -int(text) if exact and "." not in text else exact  # no int is -0
        case nodes.Null():
            return None
    raise AssertionError(node)


def bounds_of(node: nodes.InRange | nodes.StaticRange) -> Any:
    return ("[" if node.include_low else "]") + ("]" if node.include_high else "[")


def any_call(node: nodes.Call) -> Any:
    """Rebuild any call with `call`."""
    return call(node.name, *(_argument(one) for one in node.arguments))


def _argument(node: Any) -> Any:
    match node:
        case nodes.Named(name, value):
            return nodes.Named(name, say(value, any_call).node)
        case nodes.Distinct(value):
            return nodes.Distinct(say(value, any_call).node)
        case nodes.StaticRange(steps):
            said = (say(one, any_call) for one in steps)
            return odsql.static_range(*said, bounds=bounds_of(node))
        case nodes.Star() | nodes.Quantity() | nodes.Word() | nodes.Pattern():
            return node
    return say(node, any_call)


def helper_call(node: nodes.Call) -> Any:
    """Rebuild a call with the helper of its name."""
    helper = getattr(odsql, node.name, None) or getattr(odsql, f"{node.name}_")
    match node.arguments:
        case (nodes.Star(),) if node.name == "count":
            return helper()
        case (nodes.Distinct(value),):
            return helper(say(value, helper_call), distinct=True)
        case (nodes.Named(), *_):
            return helper(**{one.name: value_of(one.value) for one in _named(node)})
    return helper(*(_plain(one) for one in node.arguments))


def _named(node: nodes.Call) -> list[nodes.Named]:
    return [one for one in node.arguments if isinstance(one, nodes.Named)]


def _plain(node: Any) -> Any:
    """Return what to pass to a helper for an argument."""
    match node:
        case nodes.Star():
            return "*"
        case nodes.Quantity(amount, unit):
            return f"{amount.text} {unit}"
        case nodes.Word(text):
            return text.lower()
        case nodes.Pattern(text) | nodes.Geometry(text):
            return text
        case nodes.StaticRange(steps):
            said = (say(one, helper_call) for one in steps)
            return odsql.static_range(*said, bounds=bounds_of(node))
        case nodes.Text() | nodes.Number() | nodes.Null() | nodes.Negate(nodes.Number()):
            return value_of(node)
    return say(node, helper_call)
