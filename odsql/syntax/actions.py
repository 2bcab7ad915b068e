"""The actions of the grammar: one function for each `-> action`.

Every function takes the children that the grammar keeps (named tokens as written, and the results
of other actions) and then the place (`at`). Where these are exactly the attributes of a node, the
action is the node's class. Lists are extended in place, because nothing else holds them yet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from odsql.syntax import nodes

if TYPE_CHECKING:
    Place = nodes.Place
    Expression = nodes.Expression
    Chain = tuple[list[Expression], list[str]]
    Bounds = tuple[Expression, Expression, bool, bool]

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def unquoted(literal: str) -> str:
    """Remove quotes and escapes: a backslash stands for the character after it (lexical rules)."""
    inner = literal[1:-1]
    return _ESCAPE.sub(r"\1", inner) if "\\" in inner else inner


def _plain_name(name: str) -> str:
    return name[1:-1] if name[0] == "`" else name


# ---------------------------------------------------------------- lists and chains


def first(item: Any, at: Place) -> list[Any]:
    """Start a list."""
    return [item]


def pair(left: Any, right: Any, at: Place) -> list[Any]:
    """Start a list with two items."""
    return [left, right]


def more(items: list[Any], item: Any, at: Place) -> list[Any]:
    """Extend a list."""
    items.append(item)
    return items


def chain(left: Expression, operator: str, right: Expression, at: Place) -> Chain:
    """Start an arithmetic chain."""
    return [left, right], [operator]


def longer_chain(so_far: Chain, operator: str, right: Expression, at: Place) -> Chain:
    """Extend an arithmetic chain."""
    so_far[0].append(right)
    so_far[1].append(operator)
    return so_far


# ---------------------------------------------------------------- atoms

number = nodes.Number
null = nodes.Null
star = nodes.Star


def text(token: str, at: Place) -> nodes.Text:
    return nodes.Text(unquoted(token), at)


def date(token: str, at: Place) -> nodes.Date:
    return nodes.Date(unquoted(token[4:]), at)


def geometry(token: str, at: Place) -> nodes.Geometry:
    return nodes.Geometry(unquoted(token[4:]), at)


def true(at: Place) -> nodes.Boolean:
    return nodes.Boolean(True, at)


def false(at: Place) -> nodes.Boolean:
    return nodes.Boolean(False, at)


def field(name: str, at: Place) -> nodes.Field:
    return nodes.Field(name[1:-1] if name[0] == "`" else name, at)


def word(name: str, at: Place) -> nodes.Word:
    return nodes.Word(_plain_name(name), at)


def quantity(amount: nodes.Number, unit: str, at: Place) -> nodes.Quantity:
    return nodes.Quantity(amount, _plain_name(unit), at)


# ---------------------------------------------------------------- values

distinct = nodes.Distinct


def negate(sign: str, operand: Expression, at: Place) -> nodes.Negate:
    return nodes.Negate(operand, at)


def arithmetic(parts: Chain, at: Place) -> nodes.Arithmetic:
    return nodes.Arithmetic(tuple(parts[0]), tuple(parts[1]), at)


def call(name: str, *arguments_and_place: Any) -> nodes.Call:
    *arguments, at = arguments_and_place
    return nodes.Call(name.lower(), tuple(arguments), at)


def call_many(name: str, arguments: list[Expression], at: Place) -> nodes.Call:
    return nodes.Call(name.lower(), tuple(arguments), at)


def named(name: str, value: Expression, at: Place) -> nodes.Named:
    return nodes.Named(_plain_name(name), value, at)


def static_range(low: str, steps: list[Expression], high: str, at: Place) -> nodes.StaticRange:
    return nodes.StaticRange(tuple(steps), low == "[", high == "]", at)


def pattern(name: str, at: Place) -> nodes.Pattern:
    return nodes.Pattern(_plain_name(name), at)


def prefix_pattern(name: str, at: Place) -> nodes.Pattern:
    return nodes.Pattern(_plain_name(name) + "*", at)


def any_pattern(at: Place) -> nodes.Pattern:
    return nodes.Pattern("*", at)


# ---------------------------------------------------------------- conditions

comparison = nodes.Comparison
like = nodes.Like
member = nodes.Member
negation = nodes.Not
conjunction = nodes.And
disjunction = nodes.Or


def range(low: str, start: Expression, stop: Expression, high: str, at: Place) -> Bounds:  # noqa: A001
    """Return the bounds, and whether each bracket faces inwards and so includes its bound."""
    return start, stop, low == "[", high == "]"


def in_range(value: Expression, bounds: Bounds, at: Place) -> nodes.InRange:
    return nodes.InRange(value, *bounds, "in", at)


def colon_range(value: Expression, bounds: Bounds, at: Place) -> nodes.InRange:
    return nodes.InRange(value, *bounds, ":", at)


def in_list(value: Expression, items: list[Expression], at: Place) -> nodes.InList:
    return nodes.InList(value, tuple(items), at)


def is_(value: Expression, constant: nodes.Null | nodes.Boolean, at: Place) -> nodes.Is:
    return nodes.Is(value, constant, False, at)


def is_not(value: Expression, constant: nodes.Null | nodes.Boolean, at: Place) -> nodes.Is:
    return nodes.Is(value, constant, True, at)


# ---------------------------------------------------------------- clauses

where = nodes.Where


def empty_where(at: Place) -> nodes.Where:
    return nodes.Where(None, at)


def select(items: list[Any], at: Place) -> nodes.Select:
    return nodes.Select(tuple(items), at)


def group_by(items: list[Any], at: Place) -> nodes.GroupBy:
    return nodes.GroupBy(tuple(items), at)


def empty_group_by(at: Place) -> nodes.GroupBy:
    return nodes.GroupBy((), at)


def order_by(items: list[nodes.Ordering], at: Place) -> nodes.OrderBy:
    return nodes.OrderBy(tuple(items), at)


def any_ordering(expression: Expression, at: Place) -> nodes.Ordering:
    return nodes.Ordering(expression, None, at)


def directed_ordering(expression: Expression, direction: Any, at: Place) -> nodes.Ordering:
    return nodes.Ordering(expression, direction.lower(), at)


def labelled(expression: Expression, label: str, at: Place) -> nodes.Labelled:
    return nodes.Labelled(expression, _plain_name(label), at)
