"""Functions of one record (ODSQL: Functions)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, overload

from odsql.builder import literals
from odsql.builder.expressions import Condition, Expression, FieldValue, Term, Value
from odsql.builder.functions.arguments import (
    AnyField,
    condition_call,
    distance_of,
    family_of,
    field_of,
    refuse_name,
    shape_of,
    value_call,
)
from odsql.builder.literals import typed_literal, whole_number
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError
from odsql.syntax.functions import NOW_PARTS

if TYPE_CHECKING:
    import datetime

__all__ = [
    "date",
    "date_format",
    "day",
    "distance",
    "hour",
    "ifnull",
    "json_format",
    "length",
    "lower",
    "minute",
    "month",
    "now",
    "random",
    "second",
    "vector_similarity",
    "year",
]


def length(text: Value | str) -> Term:
    """Return the number of characters of a text, an integer (ODSQL: Functions, length).

    Raises:
        BuildError: `text` is not a text value.
    """
    return value_call("length", text)


def lower(text: Value | str) -> Term:
    """Return the text in lower case (ODSQL: Functions, lower).

    Raises:
        BuildError: `text` is not a text value.
    """
    return value_call("lower", text)


def year(date: Value | datetime.date) -> Term:
    """Return the year of a date or datetime, an integer (ODSQL: Functions, year).

    Raises:
        BuildError: `date` is not a date.
    """
    return value_call("year", date)


def month(date: Value | datetime.date) -> Term:
    """Return the month of a date or datetime, 1 to 12 (ODSQL: Functions, month).

    Raises:
        BuildError: `date` is not a date.
    """
    return value_call("month", date)


def day(date: Value | datetime.date) -> Term:
    """Return the day of the month of a date or datetime, 1 to 31 (ODSQL: Functions, day).

    Raises:
        BuildError: `date` is not a date.
    """
    return value_call("day", date)


def hour(date: Value | datetime.date) -> Term:
    """Return the hour of a datetime, 0 to 23 (ODSQL: Functions, hour).

    The time zone is that of the request.

    Raises:
        BuildError: `date` is not a date.
    """
    return value_call("hour", date)


def minute(date: Value | datetime.date) -> Term:
    """Return the minute of a datetime, 0 to 59 (ODSQL: Functions, minute).

    Raises:
        BuildError: `date` is not a date.
    """
    return value_call("minute", date)


def second(date: Value | datetime.date) -> Term:
    """Return the second of a datetime, 0 to 59 (ODSQL: Functions, second).

    Raises:
        BuildError: `date` is not a date.
    """
    return value_call("second", date)


def date_format(date: Value | datetime.date, pattern: str) -> Term:
    """Format a date as text (ODSQL: Functions, date_format).

    `date_format(F.date, "yyyy-MM")` is the year and the month.

    Args:
        date: the date or datetime.
        pattern: symbols such as `yyyy`, `MM` and `dd`. Names of months and days follow the `lang`
            parameter.

    Raises:
        BuildError: `date` is not a date, or `pattern` not a string.
    """
    return value_call("date_format", date, literals.text(pattern))


def json_format(text: Value | str, fallback: str | Literal[False] | None = False) -> Term:
    """Read a text field as JSON (ODSQL: Functions, json_format).

    Allowed in `select` only.

    Args:
        text: the field.
        fallback: a string or None, the result for invalid JSON; if omitted, the portal decides.

    Raises:
        BuildError: `text` is not a text value, or `fallback` is neither a string nor None.
    """
    if fallback is False:
        return value_call("json_format", text)
    other = nodes.Null() if fallback is None else literals.text(fallback)
    return value_call("json_format", text, other)


def ifnull(value: Value, alternative: object) -> Term:
    """Return the value, or the alternative if the value is null (ODSQL: Functions, ifnull).

    Raises:
        BuildError: the value is a string, which is more likely the name of a field, or the two are
            known to be of different types.
    """
    refuse_name("ifnull", value)
    if isinstance(value, FieldValue) and value.known and not isinstance(alternative, Expression):
        alternative = Term(typed_literal(value.known, alternative, "="))
    mine, other = family_of(value), family_of(alternative)
    if mine is not None and other is not None and mine != other:
        msg = f"ifnull takes values of one type; {value} is {mine}, {alternative} is {other}"
        raise BuildError(msg)
    return value_call("ifnull", value, alternative)


def date(text: str) -> Term:
    """Make a date literal from its text (ODSQL: Lexical rules).

    A `datetime.date`, or a `datetime` with a time zone, needs no such call.

    Args:
        text: a year `2024`, a month, a day, or a day and a time, with or without a time zone; ISO
            8601 or YYYY/MM/DD.

    Raises:
        BuildError: the text is not a date.
    """
    return Term(literals.date(text))


def now(**parts: int) -> Term:
    """Return the current time, shifted or with parts set (ODSQL: Functions, now).

    `now(days=-7, hour=0)` is midnight a week ago. The order of the arguments is kept.

    Args:
        parts: plural names shift by any whole number: years, months, days, hours, minutes, seconds,
            microseconds, mondays to sundays. Singular names set: year, month, day, hour, minute,
            second, microsecond, and weekday (the next such day, 0 for Monday).

    Raises:
        BuildError: a name is none of these, or its value is not a whole number in its range.
    """
    return value_call("now", *(_now_part(name, value) for name, value in parts.items()))


def _now_part(name: str, value: int) -> nodes.Named:
    if name not in NOW_PARTS:
        msg = f"now() has no argument {name}; it has {', '.join(sorted(NOW_PARTS))}"
        raise BuildError(msg)
    return nodes.Named(name, whole_number(value, f"{name} of now()", *NOW_PARTS[name]))


def random(seed: int) -> Term:
    """Order randomly, but equally for the same seed (ODSQL: Functions, random).

    Allowed in `order_by` only: `Query(order_by=random(7))`.

    Raises:
        BuildError: `seed` is not a whole number.
    """
    return value_call("random", whole_number(seed, "seed of random()"))


def vector_similarity(text: str) -> Term:
    """Return the similarity to a text (ODSQL: Functions, vector_similarity).

    Allowed in `order_by` of catalog searches only.

    Raises:
        BuildError: `text` is not a string.
    """
    return value_call("vector_similarity", literals.text(text))


@overload
def distance(field: AnyField, point: object) -> Term: ...


@overload
def distance(field: AnyField, point: object, radius: str | Value) -> Condition: ...


def distance(field: AnyField, point: object, radius: str | Value | None = None) -> Term | Condition:
    """Return the distance to a point in metres (ODSQL: Functions, distance).

    Allowed in `select` and `order_by`. With a radius it is a condition, the older spelling of
    `within_distance`.

    Args:
        field: the geographic field, or its name.
        point: (longitude, latitude) or another geometry.
        radius: a distance with a unit, "10km" for example; None for the distance itself.

    Raises:
        BuildError: `field` is not a geographic field, `point` not a geometry, or `radius` not a
            distance with a unit.
    """
    if radius is None:
        return value_call("distance", field_of(field), shape_of(point))
    return condition_call("distance", field_of(field), shape_of(point), distance_of(radius))
