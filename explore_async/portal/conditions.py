"""Conditions: `where` trees compiled to SQL filters.

A comparison with null is not true. `NOT` is the exact complement of its operand and keeps records
with null, while `!=` drops them (both measured on live portals). SQL has three truth values and
ODSQL two, so null counts as false in the operand of `NOT`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import odsql
from explore_async.portal import dates, fulltext, geometry
from explore_async.portal.context import NUMERIC, TEMPORAL, Value
from explore_async.portal.errors import incompatible_types, malformed, not_supported
from explore_async.portal.values import comparable, compile_value
from odsql import nodes
from odsql.syntax.functions import GEOMETRY_MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from explore_async.portal.context import Context

__all__ = ["compile_condition"]

_MIRRORED = {"=": "=", ":": ":", "!=": "!=", ">": "<", "<": ">", ">=": "<=", "<=": ">="}
_SQL_OPERATORS = {"=": "=", ":": "=", "!=": "<>", ">": ">", "<": "<", ">=": ">=", "<=": "<="}
_ORDERING = frozenset({">", "<", ">=", "<="})


def compile_condition(node: nodes.Node, context: Context) -> str:
    """Compile a condition to a boolean expression in parentheses.

    Raises:
        PortalError: the condition is invalid, or not allowed in this clause.
    """
    compiler = _CONDITIONS.get(type(node))
    if compiler is None:
        raise malformed(f"{type(node).__name__} is not a condition", context.clause)
    return compiler(node, context)


def _and(node: nodes.And, context: Context) -> str:
    return f"({' AND '.join(compile_condition(one, context) for one in node.operands)})"


def _or(node: nodes.Or, context: Context) -> str:
    return f"({' OR '.join(compile_condition(one, context) for one in node.operands)})"


def _not(node: nodes.Not, context: Context) -> str:
    return f"(NOT coalesce({compile_condition(node.operand, context)}, false))"


def _like(node: nodes.Like, context: Context) -> str:
    value = compile_value(node.value, context)
    column = context.column(node.value.name) if isinstance(node.value, nodes.Field) else None
    return fulltext.like(value, column, node.text.value, context)


def _text(node: nodes.Text, context: Context) -> str:
    return fulltext.bare_text(node.value, context)


def _list(node: nodes.InList, context: Context) -> str:
    return _in_list(compile_value(node.value, context), node.items, context)


def _member(node: nodes.Member, context: Context) -> str:
    value = compile_value(node.field, context)
    if not value.multivalued:
        # The live text is unknown.
        raise malformed(f"{odsql.render(node.field)} is not a multivalued field", context.clause)
    return _in_list(value, (node.literal,), context)


def _boolean_field(node: nodes.Field, context: Context) -> str:
    value = compile_value(node, context)
    if value.type != "boolean":
        raise malformed(f"Field {node.name} is not a boolean field", context.clause)
    return f"({value.sql})"


# ---------------------------------------------------------------- comparisons


def _comparison(node: nodes.Comparison, context: Context) -> str:
    left, right, operator = node.left, node.right, str(node.operator)
    if isinstance(left, nodes.Null) or isinstance(right, nodes.Null):
        return _nothing(left, right, context)
    if _is_literal(left) and not _is_literal(right):
        left, right, operator = right, left, _MIRRORED[operator]
    value = compile_value(left, context)
    return _compare(value, operator, right, context)


def _nothing(left: nodes.Node, right: nodes.Node, context: Context) -> str:
    """Compile a comparison with null: never true, but the other side must be valid."""
    for side in (left, right):
        if not isinstance(side, nodes.Null):
            compile_value(side, context)
    return "(false)"


def _is_literal(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Text | nodes.Number | nodes.Date | nodes.Boolean)


def _compare(value: Value, operator: str, right: nodes.Node, context: Context) -> str:
    if value.type in TEMPORAL and isinstance(right, nodes.Text | nodes.Date):
        period = dates.period_of(right, value.type, context)
        return dates.compare_with_period(value, operator, period, context)
    if value.type == "text" and isinstance(right, nodes.Number):
        # Live portals compare a text field with a bare number as text: code_insee = 44035.
        right = nodes.Text(right.text)
    other = compile_value(right, context)
    comparable(value, other, context)
    if operator in _ORDERING and value.type not in NUMERIC | TEMPORAL:
        raise incompatible_types(context.clause)
    if value.multivalued or other.multivalued:
        return _compare_lists(value, operator, other)
    return f"({value.sql} {_SQL_OPERATORS[operator]} {other.sql})"


def _compare_lists(value: Value, operator: str, other: Value) -> str:
    """Compare a list: `=` matches any element, `!=` lists without the value, but not null."""
    if value.multivalued and other.multivalued:
        raise not_supported("A comparison of two multivalued fields")
    many, one = (value, other) if value.multivalued else (other, value)
    held = f"list_contains({many.sql}, {one.sql})"
    return f"(NOT {held})" if operator == "!=" else f"({held})"


def _in_range(node: nodes.InRange, context: Context) -> str:
    """Compile both ends as comparisons; a bracket that faces outwards excludes its end."""
    value = compile_value(node.value, context)
    if value.type not in NUMERIC | TEMPORAL:
        raise incompatible_types(context.clause)
    low, high = node.low, node.high
    if value.type in TEMPORAL and node.operator == ":":
        low, high = _as_day(low), _as_day(high)
    first = _compare(value, ">=" if node.include_low else ">", low, context)
    last = _compare(value, "<=" if node.include_high else "<", high, context)
    return f"({first} AND {last})"


def _as_day(node: nodes.Expression) -> nodes.Expression:
    """Read eight digits as a day, which is allowed after a colon: `[20220312 TO 20220401]`."""
    if isinstance(node, nodes.Number) and len(node.text) == 8 and node.text.isdecimal():
        return nodes.Date(node.text)
    return node


def _in_list(value: Value, items: Sequence[nodes.Node], context: Context) -> str:
    """Match any of the items; they are one bound list, so its length does not matter."""
    bound = [_item(value, item, context) for item in items]
    if value.multivalued:
        return f"(list_has_any({value.sql}, {context.bind(bound)}))"
    listed = f"CAST({context.bind(bound)} AS {_listed_type(value, bound)}[])"
    return f"(CASE WHEN {value.sql} IS NOT NULL THEN list_contains({listed}, {value.sql}) END)"


def _listed_type(value: Value, bound: Sequence[object]) -> str:
    if value.type == "text":
        return "VARCHAR"
    if value.type == "boolean":
        return "BOOLEAN"
    whole = all(isinstance(one, int) for one in bound)
    return "BIGINT" if value.type == "int" and whole else "DOUBLE"


def _item(value: Value, item: nodes.Node, context: Context) -> str | float | bool:
    sign = 1
    if isinstance(item, nodes.Negate):
        item, sign = item.operand, -1
    if isinstance(item, nodes.Number):
        if value.type == "text":
            return item.text if sign > 0 else f"-{item.text}"
        if value.type in NUMERIC:
            return sign * (item.value if isinstance(item.value, int) else float(item.value))
    if isinstance(item, nodes.Text) and value.type == "text":
        return item.value
    if isinstance(item, nodes.Boolean) and value.type == "boolean":
        return item.value
    raise incompatible_types(context.clause)


def _is(node: nodes.Is, context: Context) -> str:
    value = compile_value(node.value, context)
    negation = "NOT " if node.negated else ""
    if isinstance(node.constant, nodes.Null):
        return f"({value.sql} IS {negation}NULL)"
    if value.type != "boolean":
        raise incompatible_types(context.clause)
    # `is not true` is the complement and keeps null; live portals are unknown here.
    return f"({value.sql} IS {negation}{'TRUE' if node.constant.value else 'FALSE'})"


# ---------------------------------------------------------------- predicates


def _predicate(node: nodes.Call, context: Context) -> str:
    if node.name in _PREDICATES:
        return _PREDICATES[node.name](node.arguments, context)
    if node.name == "distance" and len(node.arguments) == 3:
        return _within_distance(node.arguments, context)
    raise not_supported(f"The condition {node.name}()")


def _within_distance(arguments: Sequence[nodes.Node], context: Context) -> str:
    if len(arguments) != 3:
        raise malformed("within_distance() takes three arguments", context.clause)
    return geometry.within_distance(arguments[0], arguments[1], arguments[2], context)


def _intersects(arguments: Sequence[nodes.Node], context: Context) -> str:
    field, literal = _two(arguments, context)
    return geometry.in_area("intersects", field, literal, context)


def _within(arguments: Sequence[nodes.Node], context: Context) -> str:
    field, literal = _two(arguments, context)
    return geometry.in_area("within", field, literal, context)


def _two(arguments: Sequence[nodes.Node], context: Context) -> tuple[nodes.Node, nodes.Node]:
    if len(arguments) != 2:
        raise malformed("A field and a geometry are expected", context.clause)
    return arguments[0], arguments[1]


def _disjoint(arguments: Sequence[nodes.Node], context: Context) -> str:
    """Match values outside; a record without a value does not match (unknown)."""
    intersecting = _intersects(arguments, context)
    column = geometry.geographic(arguments[0], context)
    return f"({column.sql} IS NOT NULL AND NOT {intersecting})"


def _geometry(arguments: Sequence[nodes.Node], context: Context) -> str:
    """Compile the legacy `geometry(field, geom'..', MODE)`; the default mode is INTERSECTS."""
    word = arguments[-1]
    mode = word.text.lower() if isinstance(word, nodes.Word) else "intersects"
    if mode not in GEOMETRY_MODES:
        modes = ", ".join(GEOMETRY_MODES).upper()
        raise malformed(f"The mode of geometry() must be one of {modes}", context.clause)
    return _MODES[mode](arguments[:2], context)


_MODES: dict[str, Callable[[Sequence[nodes.Node], Context], str]] = {
    "intersects": _intersects,
    "within": _within,
    "disjoint": _disjoint,
}
_PREDICATES: dict[str, Callable[[Sequence[nodes.Node], Context], str]] = {
    "search": fulltext.search,
    "suggest": fulltext.suggest,
    "startswith": fulltext.startswith,
    "within_distance": _within_distance,
    "in_bbox": geometry.in_bbox,
    "polygon": _within,
    "geometry": _geometry,
    **_MODES,
}


_CONDITIONS: dict[type[nodes.Node], Callable[[Any, Context], str]] = {
    nodes.And: _and,
    nodes.Or: _or,
    nodes.Not: _not,
    nodes.Comparison: _comparison,
    nodes.InRange: _in_range,
    nodes.InList: _list,
    nodes.Member: _member,
    nodes.Like: _like,
    nodes.Is: _is,
    nodes.Text: _text,
    nodes.Field: _boolean_field,
    nodes.Call: _predicate,
}
