"""Aggregates: values over many records (ODSQL: Aggregates)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.builder.expressions import Term, Value, operand
from odsql.builder.functions.arguments import AnyField, field_of, refuse_name, value_call
from odsql.builder.literals import number
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["avg", "bbox", "count", "envelope", "max_", "median", "min_", "percentile", "sum_"]


def avg(value: Value) -> Term:
    """Compute the mean of a number (ODSQL: Aggregates, avg).

    Allowed in `select` and `order_by`: `avg(F.population).as_("mean")`.

    Raises:
        BuildError: `value` is not a number.
    """
    return value_call("avg", value)


def median(value: Value) -> Term:
    """Compute the median of a number (ODSQL: Aggregates, median).

    Allowed in `select` and `order_by`.

    Raises:
        BuildError: `value` is not a number.
    """
    return value_call("median", value)


def sum_(value: Value) -> Term:
    """Compute the sum of a number (ODSQL: Aggregates, sum).

    Allowed in `select` and `order_by`.

    Raises:
        BuildError: `value` is not a number.
    """
    return value_call("sum", value)


def min_(value: Value) -> Term:
    """Return the smallest number or the earliest date (ODSQL: Aggregates, min).

    Allowed in `select` and `order_by`.

    Raises:
        BuildError: `value` is neither a number nor a date.
    """
    return value_call("min", value)


def max_(value: Value) -> Term:
    """Return the largest number or the latest date (ODSQL: Aggregates, max).

    Allowed in `select` and `order_by`.

    Raises:
        BuildError: `value` is neither a number nor a date.
    """
    return value_call("max", value)


def percentile(value: Value, percent: float | Decimal) -> Term:
    """Compute a percentile of a number (ODSQL: Aggregates, percentile).

    Allowed in `select` and `order_by`.

    Args:
        value: the number, a field or an expression.
        percent: which percentile, from 0 to 100.

    Raises:
        BuildError: `value` is not a number, or `percent` is not from 0 to 100.
    """
    literal = number(percent)
    if not 0 <= percent <= 100:
        msg = f"percent of percentile() must be from 0 to 100, not {percent}"
        raise BuildError(msg)
    return value_call("percentile", value, literal)


def count(value: Value | None = None, *, distinct: bool = False) -> Term:
    """Count records, non-null values or distinct values (ODSQL: Aggregates, count).

    Allowed in `select` and `order_by`. `count()` is `count(*)`, `count(F.a, distinct=True)` is
    `count(distinct a)`.

    Args:
        value: the value to count where it is not null; None counts all records.
        distinct: True to count equal values once; the result is approximate.

    Raises:
        BuildError: `distinct` is set without a value, or the value is a string, which is more
            likely the name of a field.
    """
    refuse_name("count", value)
    if value is None and distinct:
        msg = "count distinct needs a value: count(F.a, distinct=True)"
        raise BuildError(msg)
    if value is None:
        return value_call("count", nodes.Star())
    return value_call("count", nodes.Distinct(operand(value)) if distinct else value)


def envelope(field: AnyField) -> Term:
    """Compute the convex hull of points, a geo_shape (ODSQL: Aggregates, envelope).

    Allowed in `select` only.

    Raises:
        BuildError: `field` is not a field of points.
    """
    return value_call("envelope", field_of(field))


def bbox(field: AnyField) -> Term:
    """Compute the bounding box of points or shapes, a geo_shape (ODSQL: Aggregates, bbox).

    Allowed in `select` only.

    Raises:
        BuildError: `field` is not a geographic field.
    """
    return value_call("bbox", field_of(field))
