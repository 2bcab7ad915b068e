"""Values of many records (ODSQL: Aggregates)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odsql.builder.expressions import Value, operand
from odsql.builder.functions.arguments import AnyField, field_of, refuse_name, value_call
from odsql.builder.literals import number
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = ["avg", "bbox", "count", "envelope", "max_", "median", "min_", "percentile", "sum_"]


def avg(value: Value) -> Value:
    """Mean of a number (ODSQL: Aggregates, avg).

    Raises:
        BuildError: this is no number.
    """
    return value_call("avg", value)


def median(value: Value) -> Value:
    """Median of a number (ODSQL: Aggregates, median).

    Raises:
        BuildError: this is no number.
    """
    return value_call("median", value)


def sum_(value: Value) -> Value:
    """Sum of a number (ODSQL: Aggregates, sum).

    Raises:
        BuildError: this is no number.
    """
    return value_call("sum", value)


def min_(value: Value) -> Value:
    """Smallest number or date (ODSQL: Aggregates, min).

    Raises:
        BuildError: this is neither a number nor a date.
    """
    return value_call("min", value)


def max_(value: Value) -> Value:
    """Largest number or date (ODSQL: Aggregates, max).

    Raises:
        BuildError: this is neither a number nor a date.
    """
    return value_call("max", value)


def percentile(value: Value, percent: float | Decimal) -> Value:
    """Percentile of a number; `percent` goes from 0 to 100 (ODSQL: Aggregates, percentile).

    Raises:
        BuildError: this is no number, or percent not from 0 to 100.
    """
    literal = number(percent)
    if not 0 <= percent <= 100:
        msg = f"percentile takes 0 to 100, not {percent}"
        raise BuildError(msg)
    return value_call("percentile", value, literal)


def count(value: Value | None = None, *, distinct: bool = False) -> Value:
    """Number of records, of non-null values, or (approximately) of distinct values.

    (ODSQL: Aggregates, count.)

    Raises:
        BuildError: distinct without a value, or the value is a text, which is more likely the name
            of a field.
    """
    refuse_name("count", value)
    if value is None and distinct:
        msg = "count distinct needs a value: count(F.a, distinct=True)"
        raise BuildError(msg)
    if value is None:
        return value_call("count", nodes.Star())
    return value_call("count", nodes.Distinct(operand(value)) if distinct else value)


def envelope(field: AnyField) -> Value:
    """Convex hull of points, a geo_shape (ODSQL: Aggregates, envelope).

    Raises:
        BuildError: this is no field of points.
    """
    return value_call("envelope", field_of(field))


def bbox(field: AnyField) -> Value:
    """Bounding box of points or shapes, a geo_shape (ODSQL: Aggregates, bbox).

    Raises:
        BuildError: this is no geographic field.
    """
    return value_call("bbox", field_of(field))
