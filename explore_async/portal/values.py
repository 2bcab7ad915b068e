"""Values: fields, literals, arithmetic, functions and aggregates compiled to typed SQL.

`odsql.syntax.functions.CATALOGUE` defines the functions that each clause allows.
"""

from __future__ import annotations

import json
from datetime import UTC
from typing import TYPE_CHECKING

from attrs import evolve

from explore_async.portal import date_formats, dates, geometry
from explore_async.portal.context import NUMERIC, OBJECTS, TEMPORAL, Value
from explore_async.portal.errors import (
    incompatible_types,
    malformed,
    not_allowed,
    not_supported,
    stat_aggregation,
)
from odsql import nodes
from odsql.syntax.functions import CATALOGUE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.portal.context import Context, ValueType

__all__ = ["AGGREGATES", "compile_value", "has_aggregate", "has_field"]

AGGREGATES = frozenset(one.name for one in CATALOGUE.values() if one.kind in ("aggregate", "count"))
"""The functions over many records."""

_AXES = ("lon", "lat")
_LETTERS = {"select": "S", "where": "W", "group_by": "G", "order_by": "O"}


def has_aggregate(node: nodes.Node) -> bool:
    """Return True if `node` contains an aggregate."""
    return any(isinstance(one, nodes.Call) and one.name in AGGREGATES for one in nodes.walk(node))


def has_field(node: nodes.Node) -> bool:
    """Return True if `node` reads a field outside of an aggregate."""
    if isinstance(node, nodes.Field):
        return True
    if isinstance(node, nodes.Call) and node.name in AGGREGATES:
        return False
    return any(has_field(child) for child in nodes.children(node))


def compile_value(node: nodes.Node, context: Context) -> Value:
    """Compile an expression.

    Raises:
        PortalError: the expression is invalid, or not allowed in this clause.
    """
    if isinstance(node, nodes.Field):
        return _field(node, context)
    if isinstance(node, nodes.Text):
        return Value(f"CAST({context.bind(node.value)} AS VARCHAR)", "text", constant=True)
    if isinstance(node, nodes.Number):
        return _number(node, context)
    if isinstance(node, nodes.Date):
        zone = context.settings.timezone
        period = dates.read_period(node.text, zone=zone, clause=context.clause)
        moment = f"CAST({context.bind(period.start)} AS TIMESTAMP)"
        return Value(moment, "datetime", constant=True)
    if isinstance(node, nodes.Boolean):
        return Value(context.bind(node.value), "boolean", constant=True)
    if isinstance(node, nodes.Negate):
        value = _numeric(node.operand, context)
        return evolve(value, sql=f"(- {value.sql})")
    if isinstance(node, nodes.Arithmetic):
        return _arithmetic(node, context)
    if isinstance(node, nodes.Call):
        return _call(node, context)
    raise malformed(f"{type(node).__name__} is not a value", context.clause)


def _field(node: nodes.Field, context: Context) -> Value:
    column = context.column(node.name)
    return Value(
        column.sql,
        column.field.type,
        multivalued=column.field.multivalued,
        precision=column.field.precision,
    )


def _number(node: nodes.Number, context: Context) -> Value:
    if "." in node.text:
        return Value(f"CAST({context.bind(float(node.value))} AS DOUBLE)", "double", constant=True)
    return Value(f"CAST({context.bind(int(node.value))} AS BIGINT)", "int", constant=True)


def _numeric(node: nodes.Node, context: Context) -> Value:
    value = compile_value(node, context)
    if value.type not in NUMERIC:
        raise malformed("Arithmetic only supports numeric expressions", context.clause)
    return value


def _arithmetic(node: nodes.Arithmetic, context: Context) -> Value:
    """Compile a chain from left to right; a quotient is a double, and null if the divisor is 0."""
    if context.clause == "group_by":
        raise not_allowed("Arithmetic", context.clause)
    values = [_numeric(operand, context) for operand in node.operands]
    sql = values[0].sql
    whole = values[0].type == "int"
    for operator, value in zip(node.operators, values[1:], strict=True):
        if operator == "/":
            sql = f"(CAST({sql} AS DOUBLE) / {_divisor(value.sql)})"
            whole = False
        else:
            sql = f"({sql} {operator} {value.sql})"
            whole = whole and value.type == "int"
    return Value(
        sql,
        "int" if whole else "double",
        aggregate=any(value.aggregate for value in values),
        constant=all(value.constant for value in values),
    )


def _divisor(sql: str) -> str:
    """Return SQL for a number that is null instead of 0.

    DuckDB writes the argument of `nullif` twice, so that nested quotients would double with each
    level. It writes that of a lambda once.
    """
    return f"list_extract(list_transform([{sql}], lambda d: nullif(d, 0)), 1)"


# ---------------------------------------------------------------- functions


def _call(node: nodes.Call, context: Context) -> Value:
    name, arguments = node.name, node.arguments
    _check_clause(name, context)
    if name in AGGREGATES:
        return _aggregate(name, arguments, context)
    if name == "now":
        return dates.now(arguments, context)
    if name in dates.PARTS:
        _arity(name, arguments, 1, context)
        return dates.date_part(name, compile_value(arguments[0], context), context)
    if name == "date_format":
        return _date_format(arguments, context)
    if name in ("length", "lower"):
        return _of_text(name, arguments, context)
    if name == "ifnull":
        return _ifnull(arguments, context)
    if name == "json_format":
        return _json_format(arguments, context)
    if name == "distance":
        _arity(name, arguments, 2, context)
        return geometry.distance(arguments[0], arguments[1], context)
    raise not_supported(f"The function {name}() in {context.clause}")


def _check_clause(name: str, context: Context) -> None:
    """Refuse a function that the clause does not allow."""
    # The catalogue lists `where` for the legacy filter distance(.., .., 1km), which is not a value.
    filters = name == "distance" and context.clause == "where"
    if filters or _LETTERS[context.clause] not in CATALOGUE[name].clauses:
        raise not_allowed(f"Function {name}", context.clause)


def _arity(name: str, arguments: Sequence[nodes.Node], count: int, context: Context) -> None:
    if len(arguments) != count:
        raise malformed(f"{name}() takes {count} argument(s)", context.clause)


def _date_format(arguments: Sequence[nodes.Node], context: Context) -> Value:
    _arity("date_format", arguments, 2, context)
    pattern = arguments[1]
    if not isinstance(pattern, nodes.Text):
        raise malformed("date_format() takes a text literal as its pattern", context.clause)
    return date_formats.format_date(compile_value(arguments[0], context), pattern.value, context)


def _of_text(name: str, arguments: Sequence[nodes.Node], context: Context) -> Value:
    """Compile `length(text)`, in characters, or `lower(text)`."""
    _arity(name, arguments, 1, context)
    value = compile_value(arguments[0], context)
    if value.type != "text" or value.multivalued:
        raise malformed(f"{name}() takes one text value", context.clause)
    return evolve(value, sql=f"{name}({value.sql})", type="text" if name == "lower" else "int")


def _ifnull(arguments: Sequence[nodes.Node], context: Context) -> Value:
    _arity("ifnull", arguments, 2, context)
    first = compile_value(arguments[0], context)
    second = _alternative(arguments[1], first, context)
    kinds = {first.type, second.type}
    fits = len(kinds) == 1 or kinds <= NUMERIC or kinds <= TEMPORAL
    if not fits or first.multivalued or second.multivalued:
        raise malformed("ifnull() takes two expressions of the same type", context.clause)
    kind: ValueType = first.type
    if len(kinds) > 1:
        kind = "double" if kinds <= NUMERIC else "datetime"
    return Value(
        f"coalesce({first.sql}, {second.sql})",
        kind,
        precision=first.precision,
        aggregate=first.aggregate or second.aggregate,
        constant=first.constant and second.constant,
    )


def _json_format(arguments: Sequence[nodes.Node], context: Context) -> Value:
    """Compile `json_format(text[, alternative])`: the JSON in a text.

    The alternative, a text or null, stands for invalid JSON; it is null by default (unknown).
    """
    if len(arguments) not in (1, 2):
        raise malformed("json_format() takes one or two arguments", context.clause)
    value = compile_value(arguments[0], context)
    if value.type != "text" or value.multivalued:
        raise malformed("json_format() takes one text value", context.clause)
    other: nodes.Node = arguments[1] if len(arguments) > 1 else nodes.Null()
    if not isinstance(other, nodes.Text | nodes.Null):
        raise malformed("json_format() takes a text or null for invalid JSON", context.clause)
    invalid = "'null'"
    if isinstance(other, nodes.Text):
        invalid = f"CAST({context.bind(json.dumps(other.value, ensure_ascii=False))} AS VARCHAR)"
    read = f"portal_json({value.sql})"
    sql = f"CASE WHEN {value.sql} IS NOT NULL THEN coalesce(nullif({read}, ''), {invalid}) END"
    return Value(sql, "file", constant=value.constant)


def _alternative(node: nodes.Node, first: Value, context: Context) -> Value:
    """Compile the second argument of `ifnull`: beside a date, a literal is a date, too."""
    if first.type != "date" or not isinstance(node, nodes.Date):
        return compile_value(node, context)
    day = dates.read_period(node.text, zone=UTC, clause=context.clause).start
    return Value(f"CAST({context.bind(day)} AS DATE)", "date", constant=True)


# ---------------------------------------------------------------- aggregates


def _aggregate(name: str, arguments: Sequence[nodes.Node], context: Context) -> Value:
    if any(has_aggregate(one) for one in arguments):
        raise malformed("An aggregation cannot contain another one", context.clause)
    if name in ("envelope", "bbox"):
        return _around(name, arguments, context)
    if name == "count":
        return _count(arguments, context)
    if name == "percentile":
        return _percentile(arguments, context)
    _arity(name, arguments, 1, context)
    value = compile_value(arguments[0], context)
    if value.type not in NUMERIC | TEMPORAL:
        raise stat_aggregation()
    if name in ("min", "max"):
        return evolve(value, sql=f"{name}({value.sql})", aggregate=True, constant=False)
    return _statistic(name, value)


def _around(name: str, arguments: Sequence[nodes.Node], context: Context) -> Value:
    """Compile `bbox`, the rectangle around points or shapes, or `envelope`, the hull of points."""
    _arity(name, arguments, 1, context)
    value = compile_value(arguments[0], context)
    column = value.sql
    if value.type == "geo_shape" and name == "bbox":
        bounds = f"portal_bounds(list({column}) FILTER ({column} IS NOT NULL))"
        sql = f"nullif(portal_box({bounds}), '')"
    elif value.type != "geo_point_2d":
        raise malformed(f"{name}() takes a geographic field", context.clause)
    elif name == "bbox":
        corners = ", ".join(f"{end}({column}.{at})" for end in ("min", "max") for at in _AXES)
        sql = f"CASE WHEN count({column}) > 0 THEN portal_box([{corners}]) END"
    else:
        sql = f"portal_hull(list({column}) FILTER ({column} IS NOT NULL))"
    return Value(sql, "geo_shape", aggregate=True)


def _statistic(name: str, value: Value) -> Value:
    """Compile `avg`, `median` (doubles) or `sum` (an integer for integers)."""
    if value.type in TEMPORAL:
        raise not_supported(f"{name}() of dates")
    if name == "sum" and value.type == "int":
        return Value(f"CAST(sum({value.sql}) AS BIGINT)", "int", aggregate=True)
    return Value(f"CAST({name}({value.sql}) AS DOUBLE)", "double", aggregate=True)


def _count(arguments: Sequence[nodes.Node], context: Context) -> Value:
    """Compile `count(*)`, `count(x)` or `count(distinct x)`, which is exact here."""
    _arity("count", arguments, 1, context)
    counted = arguments[0]
    if isinstance(counted, nodes.Star):
        return Value("count(*)", "int", aggregate=True)
    if not isinstance(counted, nodes.Distinct):
        return Value(f"count({compile_value(counted, context).sql})", "int", aggregate=True)
    value = compile_value(counted.operand, context)
    if value.multivalued:
        every = f"list_distinct(flatten(coalesce(list({value.sql}), [])))"
        return Value(f"len({every})", "int", aggregate=True)
    return Value(f"count(DISTINCT {value.sql})", "int", aggregate=True)


def _percentile(arguments: Sequence[nodes.Node], context: Context) -> Value:
    """Compile `percentile(x, p)`, p from 0 to 100, interpolated between neighbouring values."""
    _arity("percentile", arguments, 2, context)
    value, percent = compile_value(arguments[0], context), arguments[1]
    if value.type in TEMPORAL:
        raise not_supported("percentile() of dates")
    if value.type not in NUMERIC:
        raise stat_aggregation()
    if not isinstance(percent, nodes.Number) or not 0 <= percent.value <= 100:
        raise malformed("percentile() takes a number from 0 to 100", context.clause)
    share = context.bind(float(percent.value) / 100)
    return Value(f"quantile_cont(CAST({value.sql} AS DOUBLE), {share})", "double", aggregate=True)


def comparable(first: Value, second: Value, context: Context) -> None:
    """Check that two values can be compared.

    Raises:
        PortalError: they cannot.
    """
    kinds = {first.type, second.type}
    fits = len(kinds) == 1 or kinds <= NUMERIC or kinds <= TEMPORAL
    if not fits or kinds & OBJECTS:
        raise incompatible_types(context.clause)
