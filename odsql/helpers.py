"""The functions of ODSQL as Python functions, one for each entry of the catalogue.

Those whose names are builtins of Python end in an underscore: `sum_`, `min_`, `max_`, `range_`.
Each returns a `Value`, a `Condition` or a `Grouping` of the builder. Fields come as `F.name`; the
functions that take nothing but a field there take its name, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, overload

from odsql import literals, nodes
from odsql.building import (
    Bounds,
    Condition,
    Expression,
    F,
    FieldValue,
    Grouping,
    Item,
    Value,
    operand,
    tree,
)
from odsql.errors import BuildError
from odsql.functions import CATALOGUE
from odsql.literals import checked, number, quantity, text, typed_literal

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
    "all_fields", "avg", "bbox", "count", "date", "date_format", "day", "disjoint", "distance",
    "envelope", "exclude", "facet", "full_text", "geo_cluster", "geometry", "hour", "ifnull",
    "in_bbox", "include", "intersects", "json_format", "length", "lower", "max_", "median", "min_",
    "minute", "month", "now", "percentile", "polygon", "random", "range_", "search", "second",
    "startswith", "static_range", "suggest", "sum_", "vector_similarity",
    "vector_similarity_threshold", "within", "within_distance", "year",
]  # fmt: skip

AnyField = FieldValue | str
Mode = Literal["intersects", "disjoint", "within"]


_DISTANCES = ("mi", "yd", "ft", "m", "cm", "km", "mm")
_NOW_PARTS = frozenset(
    {
        "year", "month", "day", "hour", "minute", "second", "microsecond", "weekday", "years",
        "months", "days", "hours", "minutes", "seconds", "microseconds", "mondays", "tuesdays",
        "wednesdays", "thursdays", "fridays", "saturdays", "sundays",
    }
)  # fmt: skip


def _value_call(name: str, *arguments: object) -> Value:
    return Value(_call(name, arguments))


def _condition_call(name: str, *arguments: object) -> Condition:
    return Condition(_call(name, arguments))


def _call(name: str, arguments: tuple[object, ...]) -> nodes.Call:
    """Make a call of trees, fields, other expressions and Python values, and check known types."""
    first = arguments[0] if arguments else None
    if isinstance(first, FieldValue):
        _check_type(name, first)
    if isinstance(first, str) and CATALOGUE[name].parameters[0].type in ("number", "date"):
        msg = f"{first!r} is a text; for the field write {name}(F[{first!r}])"
        raise BuildError(msg)
    take = tree if CATALOGUE[name].kind == "scalar" else operand  # only these take null
    trees = tuple(one if isinstance(one, nodes.Node) else take(one) for one in arguments)
    return nodes.Call(name, cast("tuple[nodes.Expression, ...]", trees))


_TYPES: dict[str, tuple[str, ...]] = {
    "text": ("text",),
    "number": ("int", "double"),
    "date": ("date", "datetime"),
    "geo": ("geo_point_2d", "geo_shape"),
}


def _check_type(name: str, field: FieldValue) -> None:
    """Refuse a field whose known type is not that of the function's first parameter."""
    wanted = _TYPES.get(CATALOGUE[name].parameters[0].type, ())
    if name in ("min", "max"):
        wanted += _TYPES["date"]
    if field.known is not None and wanted and field.known.type not in wanted:
        msg = (
            f"{name} takes {' or '.join(wanted)}; {field.known.name} is of type {field.known.type}"
        )
        raise BuildError(msg)


def _field(field: AnyField) -> FieldValue:
    if isinstance(field, str):
        field = F[field]
    if not isinstance(field, FieldValue):
        msg = f"{field!r} is not a field; write F.name"
        raise BuildError(msg)
    return field


# ---------------------------------------------------------------- scalars


def length(text: Value | str) -> Value:
    """Number of characters of a text."""
    return _value_call("length", text)


def lower(text: Value | str) -> Value:
    """The text in lower case."""
    return _value_call("lower", text)


def year(date: Value) -> Value:
    """Year of a date, an integer."""
    return _value_call("year", date)


def month(date: Value) -> Value:
    """Month of a date, 1 to 12."""
    return _value_call("month", date)


def day(date: Value) -> Value:
    """Day of the month of a date, 1 to 31."""
    return _value_call("day", date)


def hour(date: Value) -> Value:
    """Hour of a datetime, 0 to 23, in the time zone of the request."""
    return _value_call("hour", date)


def minute(date: Value) -> Value:
    """Minute of a datetime, 0 to 59."""
    return _value_call("minute", date)


def second(date: Value) -> Value:
    """Second of a datetime, 0 to 59."""
    return _value_call("second", date)


def date_format(date: Value, pattern: str) -> Value:
    """A date as text, by a pattern such as `yyyy-MM`; names follow the `lang` parameter."""
    return _value_call("date_format", date, text(pattern))


def json_format(text: Value, fallback: str | Literal[False] | None = False) -> Value:
    """A text field read as JSON; `fallback` (a text or None) is returned for invalid JSON."""
    if fallback is False:
        return _value_call("json_format", text)
    return _value_call("json_format", text, fallback)


def ifnull(value: Value, alternative: object) -> Value:
    """The value, or the alternative of the same type where it is null."""
    if isinstance(value, FieldValue) and value.known and not isinstance(alternative, Expression):
        alternative = typed_literal(value.known, alternative, "=")
    return _value_call("ifnull", value, alternative)


def date(text: str) -> Value:
    """A date literal from its text: a year `2024`, a month, a day, a time with or without zone."""
    return Value(checked(nodes.Date(text)))


def now(**parts: int) -> Value:
    """The current time, shifted or set: `now(days=-7, hour=0)` (ODSQL: now).

    Plural names shift, singular ones set; the order is kept.

    Raises:
        BuildError: a name is not one of the reference, or a value no number.
    """
    unknown = sorted(set(parts) - _NOW_PARTS)
    if unknown:
        msg = f"now has no {', '.join(unknown)}; it has {', '.join(sorted(_NOW_PARTS))}"
        raise BuildError(msg)
    arguments = (checked(nodes.Named(name, number(value))) for name, value in parts.items())
    return _value_call("now", *arguments)


def random(seed: int) -> Value:
    """A random order that is the same for the same seed; for order_by only."""
    return _value_call("random", number(seed))


def vector_similarity(text: str) -> Value:
    """Similarity to a text; order_by of catalog searches only."""
    return _value_call("vector_similarity", literals.text(text))


@overload
def distance(field: AnyField, point: object) -> Value: ...


@overload
def distance(field: AnyField, point: object, radius: str) -> Condition: ...


def distance(field: AnyField, point: object, radius: str | None = None) -> Value | Condition:
    """Distance to a point in metres, for select and order_by.

    With a radius it is the older spelling of `within_distance`.
    """
    if radius is None:
        return _value_call("distance", _field(field), _shape(point))
    return _condition_call("distance", _field(field), _shape(point), _distance(radius))


# ---------------------------------------------------------------- predicates


def full_text(text: str) -> Condition:
    """Records with these words in any visible field: a bare text literal."""
    return Condition(literals.text(text))


def _search(name: str, arguments: tuple[AnyField, ...]) -> Condition:
    *fields, text = arguments or (None,)
    if not isinstance(text, str):
        msg = f"{name} takes fields, or none, and then a text"
        raise BuildError(msg)
    return _condition_call(name, *(_star_or_field(one) for one in fields), literals.text(text))


def _shape(value: object) -> nodes.Expression:
    """Take a geometry, or a field that holds one."""
    return operand(value) if isinstance(value, Value) else literals.geometry(value)


def _distance(radius: str) -> nodes.Quantity:
    measured = quantity(radius)
    if measured.unit.lower() not in _DISTANCES:
        msg = f"{radius!r} is no distance; the units are {', '.join(_DISTANCES)}"
        raise BuildError(msg)
    return measured


def _star_or_field(field: AnyField) -> nodes.Star | FieldValue:
    return nodes.Star() if isinstance(field, str) and field == "*" else _field(field)


def search(*fields_and_text: AnyField) -> Condition:
    """Fuzzy full-text search: `search("text")`, `search(F.name, "text")`."""
    return _search("search", fields_and_text)


def suggest(*fields_and_text: AnyField) -> Condition:
    """Records with terms that begin with the text."""
    return _search("suggest", fields_and_text)


def startswith(*fields_and_text: AnyField) -> Condition:
    """Records whose whole value begins with the text, minding case."""
    return _search("startswith", fields_and_text)


def vector_similarity_threshold(text: str) -> Condition:
    """Records similar to a text; where of catalog searches only."""
    return _condition_call("vector_similarity_threshold", literals.text(text))


def within_distance(field: AnyField, point: object, radius: str) -> Condition:
    """Records at most `radius` ("10km", "500 m") from a point; point as (longitude, latitude)."""
    return _condition_call("within_distance", _field(field), _shape(point), _distance(radius))


def in_bbox(
    field: AnyField,
    latitude1: float | Decimal,
    longitude1: float | Decimal,
    latitude2: float | Decimal,
    longitude2: float | Decimal,
) -> Condition:
    """Records inside a box given by two corners, latitude first."""
    corners = map(number, (latitude1, longitude1, latitude2, longitude2))
    return _condition_call("in_bbox", _field(field), *corners)


def intersects(field: AnyField, shape: object) -> Condition:
    """Records whose shape touches the given one."""
    return _condition_call("intersects", _field(field), _shape(shape))


def disjoint(field: AnyField, shape: object) -> Condition:
    """Records whose shape does not touch the given one."""
    return _condition_call("disjoint", _field(field), _shape(shape))


def within(field: AnyField, shape: object) -> Condition:
    """Records whose shape lies inside the given one."""
    return _condition_call("within", _field(field), _shape(shape))


def polygon(field: AnyField, shape: object) -> Condition:
    """Records inside a shape: the older spelling of `within`."""
    return _condition_call("polygon", _field(field), _shape(shape))


def geometry(field: AnyField, shape: object, mode: Mode | None = None) -> Condition:
    """Records by a shape: the older spelling of `intersects`, `disjoint` and `within`."""
    words = () if mode is None else (nodes.Word(mode.upper()),)
    return _condition_call("geometry", _field(field), _shape(shape), *words)


# ---------------------------------------------------------------- aggregates


def avg(value: Value) -> Value:
    """Mean of a number."""
    return _value_call("avg", value)


def median(value: Value) -> Value:
    """Median of a number."""
    return _value_call("median", value)


def sum_(value: Value) -> Value:
    """Sum of a number."""
    return _value_call("sum", value)


def min_(value: Value) -> Value:
    """Smallest number or date."""
    return _value_call("min", value)


def max_(value: Value) -> Value:
    """Largest number or date."""
    return _value_call("max", value)


def percentile(value: Value, percent: float | Decimal) -> Value:
    """Percentile of a number; `percent` goes from 0 to 100, not to 1.

    Raises:
        BuildError: percent is outside 0 to 100.
    """
    if not 0 <= percent <= 100:
        msg = f"percentile takes 0 to 100, not {percent}"
        raise BuildError(msg)
    return _value_call("percentile", value, number(percent))


def count(value: Value | None = None, *, distinct: bool = False) -> Value:
    """Number of records, of non-null values, or (approximately) of distinct values.

    Raises:
        BuildError: distinct without a value.
    """
    if value is None and distinct:
        msg = "count distinct needs a value: count(F.a, distinct=True)"
        raise BuildError(msg)
    if value is None:
        return _value_call("count", nodes.Star())
    return _value_call("count", nodes.Distinct(operand(value)) if distinct else value)


def envelope(field: AnyField) -> Value:
    """Convex hull of points."""
    return _value_call("envelope", _field(field))


def bbox(field: AnyField) -> Value:
    """Bounding box of shapes."""
    return _value_call("bbox", _field(field))


# ---------------------------------------------------------------- groups, selections, facets


def range_(field: AnyField, *steps: object) -> Grouping:
    """Ranges to group by: a width, an interval "1 day", or steps; "*" at an end opens that side.

    `range_(F.capacity, 15)`, `range_(F.date, "1 month")`, `range_(F.capacity, "*", 10, 20, "*")`.
    """
    if not steps:
        msg = "range needs a width, an interval or steps"
        raise BuildError(msg)
    return Grouping(_call("range", (_field(field), *map(_step, steps))))


def static_range(*steps: object, bounds: Bounds = "[]") -> nodes.StaticRange:
    """Steps of `range_` in brackets, the older spelling; an outer bracket opens its side."""
    if not steps or bounds not in ("[]", "[[", "]]", "]["):
        msg = f"static_range takes steps, and bounds [] or [[ or ]] or ][, not {bounds!r}"
        raise BuildError(msg)
    return nodes.StaticRange(tuple(map(operand, steps)), bounds[0] == "[", bounds[1] == "]")


def _step(step: object) -> nodes.Node:
    if isinstance(step, nodes.StaticRange):
        return step
    if isinstance(step, str):
        return nodes.Star() if step == "*" else quantity(step)
    return operand(step)


def geo_cluster(field: AnyField, zoom: int, radius: float | None = None) -> Grouping:
    """Clusters of points to group by; zoom 0 to 25, radius in pixels (40 if not given).

    Raises:
        BuildError: zoom is outside 0 to 25.
    """
    if not 0 <= zoom <= 25:
        msg = f"zoom goes from 0 to 25, not {zoom}"
        raise BuildError(msg)
    rest = () if radius is None else (number(radius),)
    return Grouping(_call("geo_cluster", (_field(field), number(zoom), *rest)))


def all_fields() -> Item:
    """`*`: every field, for select."""
    return Item(nodes.Star())


def include(pattern: str) -> Item:
    """Select the fields of this name; `*` may end it."""
    return Item(checked(nodes.Call("include", (nodes.Pattern(pattern),))))


def exclude(pattern: str) -> Item:
    """Leave out the fields of this name; `*` may end it."""
    return Item(checked(nodes.Call("exclude", (nodes.Pattern(pattern),))))


def facet(name: str, **options: str | bool | int) -> Expression:
    """A facet with options: disjunctive, hierarchical, separator, sort, limit."""
    arguments: dict[str, Any] = {"name": name, **options}
    return Expression(
        nodes.Call(
            "facet",
            tuple(checked(nodes.Named(key, tree(one))) for key, one in arguments.items()),
        )
    )
