"""Values of one record (ODSQL: Functions)."""

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


def length(text: Value | str) -> Value:
    """Number of characters of a text, an integer (ODSQL: Functions, length).

    Raises:
        BuildError: this is no text.
    """
    return value_call("length", text)


def lower(text: Value | str) -> Value:
    """The text in lower case (ODSQL: Functions, lower).

    Raises:
        BuildError: this is no text.
    """
    return value_call("lower", text)


def year(date: Value | datetime.date) -> Value:
    """Year of a date or datetime, an integer (ODSQL: Functions, year).

    Raises:
        BuildError: this is no date.
    """
    return value_call("year", date)


def month(date: Value | datetime.date) -> Value:
    """Month of a date or datetime, 1 to 12 (ODSQL: Functions, month).

    Raises:
        BuildError: this is no date.
    """
    return value_call("month", date)


def day(date: Value | datetime.date) -> Value:
    """Day of the month of a date or datetime, 1 to 31 (ODSQL: Functions, day).

    Raises:
        BuildError: this is no date.
    """
    return value_call("day", date)


def hour(date: Value | datetime.date) -> Value:
    """Hour of a datetime, 0 to 23, in the time zone of the request (ODSQL: Functions, hour).

    Raises:
        BuildError: this is no date.
    """
    return value_call("hour", date)


def minute(date: Value | datetime.date) -> Value:
    """Minute of a datetime, 0 to 59 (ODSQL: Functions, minute).

    Raises:
        BuildError: this is no date.
    """
    return value_call("minute", date)


def second(date: Value | datetime.date) -> Value:
    """Second of a datetime, 0 to 59 (ODSQL: Functions, second).

    Raises:
        BuildError: this is no date.
    """
    return value_call("second", date)


def date_format(date: Value | datetime.date, pattern: str) -> Value:
    """A date as text, by a pattern such as `yyyy-MM` (ODSQL: Functions, date_format).

    Names of months and days follow the `lang` parameter.

    Raises:
        BuildError: this is no date, or the pattern no text.
    """
    return value_call("date_format", date, literals.text(pattern))


def json_format(text: Value | str, fallback: str | Literal[False] | None = False) -> Value:
    """A text field read as JSON (ODSQL: Functions, json_format).

    `fallback`, a text or None, is what invalid JSON becomes; without it portals decide.

    Raises:
        BuildError: this is no text, or the fallback is neither a text nor None.
    """
    if fallback is False:
        return value_call("json_format", text)
    other = nodes.Null() if fallback is None else literals.text(fallback)
    return value_call("json_format", text, other)


def ifnull(value: Value, alternative: object) -> Value:
    """The value, or where it is null the alternative (ODSQL: Functions, ifnull).

    Raises:
        BuildError: the value is a text, which is more likely the name of a field, or the two are
            known to be of different types.
    """
    refuse_name("ifnull", value)
    if isinstance(value, FieldValue) and value.known and not isinstance(alternative, Expression):
        alternative = Term(typed_literal(value.known, alternative, "="))
    mine, other = family_of(value), family_of(alternative)
    if mine is not None and other is not None and mine != other:
        msg = f"ifnull takes two values of one type; {value} is a {mine}, {alternative} a {other}"
        raise BuildError(msg)
    return value_call("ifnull", value, alternative)


def date(text: str) -> Value:
    """A date literal from its text (ODSQL: Lexical rules).

    The text is a year `2024`, a month, a day, or a day and a time with or without zone; ISO 8601 or
    YYYY/MM/DD. A `datetime.date` or `datetime` is a literal without this.

    Raises:
        BuildError: the text is no date.
    """
    return Term(literals.date(text))


def now(**parts: int) -> Value:
    """The current time, shifted or set: `now(days=-7, hour=0)` (ODSQL: Functions, now).

    Plural names shift by any whole number: years, months, days, hours, minutes, seconds,
    microseconds, mondays to sundays. Singular ones set: year, month, day, hour, minute, second,
    microsecond, and weekday, the next such day, 0 for Monday. The order is kept.

    Raises:
        BuildError: a name is not one of these, or its value no whole number in its range.
    """
    return value_call("now", *(_now_part(name, value) for name, value in parts.items()))


def _now_part(name: str, value: int) -> nodes.Named:
    if name not in NOW_PARTS:
        msg = f"now has no {name}; it has {', '.join(sorted(NOW_PARTS))}"
        raise BuildError(msg)
    return nodes.Named(name, whole_number(value, f"{name} of now", *NOW_PARTS[name]))


def random(seed: int) -> Value:
    """A random order, the same for the same seed; for order_by only (ODSQL: Functions, random).

    Raises:
        BuildError: the seed is no whole number.
    """
    return value_call("random", whole_number(seed, "the seed of random"))


def vector_similarity(text: str) -> Value:
    """Similarity to a text; order_by of catalog searches only.

    (ODSQL: Functions, vector_similarity.)

    Raises:
        BuildError: this is no text.
    """
    return value_call("vector_similarity", literals.text(text))


@overload
def distance(field: AnyField, point: object) -> Value: ...


@overload
def distance(field: AnyField, point: object, radius: str | Value) -> Condition: ...


def distance(
    field: AnyField, point: object, radius: str | Value | None = None
) -> Value | Condition:
    """Distance to a point in metres, for select and order_by (ODSQL: Functions, distance).

    The point is (longitude, latitude) or another geometry. With a radius, "10km" for example, it
    is the older spelling of `within_distance`.

    Raises:
        BuildError: this is no geographic field, no geometry, or no distance with a unit.
    """
    if radius is None:
        return value_call("distance", field_of(field), shape_of(point))
    return condition_call("distance", field_of(field), shape_of(point), distance_of(radius))
