"""What each alternative of the grammar builds: one function for each `-> action`.

Every function takes the place (`at`: source, first token, last token) and then the children that
the grammar keeps: named tokens as they were written, and what other actions returned. Lists are
extended in place, because nobody else holds them yet.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from odsql import nodes

if TYPE_CHECKING:
    from odsql.scanning import Source

    At = tuple[Source, int, int] | None
    Expression = nodes.Expression
    Chain = tuple[list[Expression], list[str]]
    Bounds = tuple[Expression, Expression, bool, bool]

_ESCAPE = re.compile(r"\\(.)", re.DOTALL)


def unquoted(literal: str) -> str:
    """Drop quotes and escapes: a backslash stands for the character after it (lexical rules)."""
    inner = literal[1:-1]
    return _ESCAPE.sub(r"\1", inner) if "\\" in inner else inner


def _plain_name(name: str) -> str:
    return name[1:-1] if name[0] == "`" else name


# ---------------------------------------------------------------- lists and chains


def first(at: At, item: Any) -> list[Any]:
    """Begin a list."""
    return [item]


def pair(at: At, left: Any, right: Any) -> list[Any]:
    """Begin a list with two."""
    return [left, right]


def more(at: At, items: list[Any], item: Any) -> list[Any]:
    """Extend a list."""
    items.append(item)
    return items


def chain(at: At, left: Expression, operator: str, right: Expression) -> Chain:
    """Begin a chain of arithmetic."""
    return [left, right], [operator]


def longer_chain(at: At, so_far: Chain, operator: str, right: Expression) -> Chain:
    """Extend a chain of arithmetic."""
    so_far[0].append(right)
    so_far[1].append(operator)
    return so_far


# ---------------------------------------------------------------- atoms


def text(at: At, token: str) -> nodes.Text:
    return nodes.Text(unquoted(token), at=at)


def number(at: At, token: str) -> nodes.Number:
    return nodes.Number(token, at=at)


def date(at: At, token: str) -> nodes.Date:
    return nodes.Date(unquoted(token[4:]), at=at)


def geometry(at: At, token: str) -> nodes.Geometry:
    return nodes.Geometry(unquoted(token[4:]), at=at)


def null(at: At) -> nodes.Null:
    return nodes.Null(at=at)


def true(at: At) -> nodes.Boolean:
    return nodes.Boolean(True, at=at)


def false(at: At) -> nodes.Boolean:
    return nodes.Boolean(False, at=at)


def field(at: At, name: str) -> nodes.Field:
    return nodes.Field(_plain_name(name), at=at)


def star(at: At) -> nodes.Star:
    return nodes.Star(at=at)


def word(at: At, name: str) -> nodes.Word:
    return nodes.Word(_plain_name(name), at=at)


def quantity(at: At, amount: nodes.Number, unit: str) -> nodes.Quantity:
    return nodes.Quantity(amount, _plain_name(unit), at=at)


# ---------------------------------------------------------------- values


def negate(at: At, sign: str, operand: Expression) -> nodes.Negate:
    return nodes.Negate(operand, at=at)


def arithmetic(at: At, parts: Chain) -> nodes.Arithmetic:
    return nodes.Arithmetic(tuple(parts[0]), tuple(parts[1]), at=at)


def call(at: At, name: str, *arguments: Expression) -> nodes.Call:
    return nodes.Call(name.lower(), arguments, at=at)


def call_many(at: At, name: str, arguments: list[Expression]) -> nodes.Call:
    return nodes.Call(name.lower(), tuple(arguments), at=at)


def distinct(at: At, operand: Expression) -> nodes.Distinct:
    return nodes.Distinct(operand, at=at)


def named(at: At, name: str, value: Expression) -> nodes.Named:
    return nodes.Named(_plain_name(name), value, at=at)


def static_range(at: At, low: str, steps: list[Expression], high: str) -> nodes.StaticRange:
    return nodes.StaticRange(tuple(steps), low == "[", high == "]", at=at)


def pattern(at: At, name: str) -> nodes.Pattern:
    return nodes.Pattern(_plain_name(name), at=at)


def prefix_pattern(at: At, name: str) -> nodes.Pattern:
    return nodes.Pattern(_plain_name(name) + "*", at=at)


def any_pattern(at: At) -> nodes.Pattern:
    return nodes.Pattern("*", at=at)


# ---------------------------------------------------------------- conditions


def comparison(at: At, left: Expression, operator: Any, right: Expression) -> nodes.Comparison:
    return nodes.Comparison(left, operator, right, at=at)


def range(at: At, low: str, start: Expression, stop: Expression, high: str) -> Bounds:  # noqa: A001
    """Bounds, and whether each bracket faces inwards and so includes its bound."""
    return start, stop, low == "[", high == "]"


def in_range(at: At, value: Expression, bounds: Bounds) -> nodes.InRange:
    return nodes.InRange(value, *bounds, "in", at=at)


def colon_range(at: At, value: Expression, bounds: Bounds) -> nodes.InRange:
    return nodes.InRange(value, *bounds, ":", at=at)


def in_list(at: At, value: Expression, items: list[Expression]) -> nodes.InList:
    return nodes.InList(value, tuple(items), at=at)


def member(at: At, literal: Expression, of: nodes.Field) -> nodes.Member:
    return nodes.Member(literal, of, at=at)


def like(at: At, value: Expression, words: nodes.Text) -> nodes.Like:
    return nodes.Like(value, words, at=at)


def is_(at: At, value: Expression, constant: nodes.Null | nodes.Boolean) -> nodes.Is:
    return nodes.Is(value, constant, at=at)


def is_not(at: At, value: Expression, constant: nodes.Null | nodes.Boolean) -> nodes.Is:
    return nodes.Is(value, constant, negated=True, at=at)


def negation(at: At, operand: Expression) -> nodes.Not:
    return nodes.Not(operand, at=at)


def conjunction(at: At, operands: list[Expression]) -> nodes.And:
    return nodes.And(operands, at=at)


def disjunction(at: At, operands: list[Expression]) -> nodes.Or:
    return nodes.Or(operands, at=at)


# ---------------------------------------------------------------- clauses


def where(at: At, condition: Expression) -> nodes.Where:
    return nodes.Where(condition, at=at)


def empty_where(at: At) -> nodes.Where:
    return nodes.Where(at=at)


def select(at: At, items: list[Any]) -> nodes.Select:
    return nodes.Select(tuple(items), at=at)


def group_by(at: At, items: list[Any]) -> nodes.GroupBy:
    return nodes.GroupBy(tuple(items), at=at)


def empty_group_by(at: At) -> nodes.GroupBy:
    return nodes.GroupBy(at=at)


def order_by(at: At, items: list[nodes.Ordering]) -> nodes.OrderBy:
    return nodes.OrderBy(tuple(items), at=at)


def ordering(at: At, expression: Expression, direction: Any = None) -> nodes.Ordering:
    return nodes.Ordering(expression, direction and direction.lower(), at=at)


def labelled(at: At, expression: Expression, label: str) -> nodes.Labelled:
    return nodes.Labelled(expression, _plain_name(label), at=at)
