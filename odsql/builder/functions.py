"""The functions of ODSQL as Python functions, one for each entry of the catalogue.

Those whose names are builtins of Python end in an underscore: `sum_`, `min_`, `max_`, `range_`.
Each returns a `Value`, a `Condition` or a `Grouping` of the builder. Fields come as `F.name`; the
functions that take nothing but a field there take its name, too. With a schema the type of the
field is checked.

What the reference does not have is refused, with a message that says what to write. Where portals
take more, `odsql.call` does, too, and `literal(...)` says that a literal is meant:
`sum_("a")` is taken for a mistake, `sum_(literal("a"))` is not.

"ODSQL:" is followed by the section of the ODSQL reference, and by the name there.
"""

from __future__ import annotations

import datetime
import numbers
from decimal import Decimal
from itertools import takewhile
from typing import TYPE_CHECKING, Any, Literal, TypedDict, Unpack, cast, overload

from odsql.builder import literals
from odsql.builder.expressions import (
    Bounds,
    Condition,
    Expression,
    F,
    FieldValue,
    Grouping,
    Item,
    Term,
    Value,
    operand,
    tree,
)
from odsql.builder.literals import (
    checked,
    family,
    number,
    plain_text,
    quantity,
    typed_literal,
    whole_number,
)
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError
from odsql.syntax.functions import (
    CATALOGUE,
    DISTANCE_UNITS,
    FACET_OPTIONS,
    FACET_SORTS,
    FIELD_TYPES,
    GEOMETRY_MODES,
    INTERVAL_UNITS,
    NOW_PARTS,
    SINGLE_INTERVAL_UNITS,
)

if TYPE_CHECKING:
    from odsql.syntax.functions import Parameter

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


class FacetOptions(TypedDict, total=False):
    """The options of `facet`."""

    disjunctive: bool
    hierarchical: bool
    separator: str
    sort: Literal["count", "-count", "alphanum", "-alphanum", "num", "-num"]
    limit: int


# ---------------------------------------------------------------- arguments


def _value_call(name: str, *arguments: object) -> Value:
    return Term(_call(name, arguments))


def _condition_call(name: str, *arguments: object) -> Condition:
    return Condition(_call(name, arguments))


def _call(name: str, arguments: tuple[object, ...]) -> nodes.Call:
    """Make a call of trees, fields, other expressions and Python values, and check known types."""
    function = CATALOGUE[name]
    single = takewhile(lambda one: not one.repeated, function.parameters)
    for parameter, argument in zip(single, arguments, strict=False):
        _check_argument(name, parameter, argument)
    take = tree if function.kind == "scalar" else operand  # only these take null
    trees = tuple(one if isinstance(one, nodes.Node) else take(one) for one in arguments)
    return nodes.Call(name, cast("tuple[nodes.Expression, ...]", trees))


_PYTHON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (numbers.Real, Decimal),
    "date": (datetime.date,),
}
_PYTHON_NAMES = {name: f"{name}_" for name in ("max", "min", "range", "sum")}


def _check_argument(name: str, parameter: Parameter, value: object) -> None:
    """Refuse a field or a Python value whose type is not one of the parameter's."""
    if isinstance(value, FieldValue):
        _check_field(name, parameter, value)
        return
    kinds = [one for one in _PYTHON_TYPES if set(FIELD_TYPES[one]) <= set(parameter.field_types)]
    if not kinds or isinstance(value, Expression | nodes.Node):
        return
    if "text" not in kinds:
        _refuse_name(name, value)
    types = tuple(one for kind in kinds for one in _PYTHON_TYPES[kind])
    if not isinstance(value, types) or isinstance(value, bool):
        msg = f"{name} takes a {' or a '.join(kinds)}, not {value!r}"
        raise BuildError(msg)


def _check_field(name: str, parameter: Parameter, field: FieldValue) -> None:
    wanted = parameter.field_types
    if field.known is not None and wanted and field.known.type not in wanted:
        msg = (
            f"{name} takes {' or '.join(wanted)}; {field.known.name} is of type {field.known.type}"
        )
        raise BuildError(msg)


def _refuse_name(name: str, value: object) -> None:
    """Refuse a text where it is more likely the name of a field."""
    if isinstance(value, str):
        helper = _PYTHON_NAMES.get(name, name)
        msg = f"{value!r} is a text; for the field write {helper}(F[{value!r}])"
        raise BuildError(msg)


def _field(field: AnyField) -> FieldValue:
    if isinstance(field, str):
        field = F[field]
    if not isinstance(field, FieldValue):
        msg = f"{field!r} is not a field; write F.name"
        raise BuildError(msg)
    return field


def _star_or_field(field: AnyField) -> nodes.Star | FieldValue:
    return nodes.Star() if isinstance(field, str) and field == "*" else _field(field)


def _shape(value: object) -> Value | nodes.Geometry:
    """Take a geometry, or a field that holds one."""
    return value if isinstance(value, Value) else literals.geometry(value)


def _distance(radius: str | Value) -> Value | nodes.Quantity:
    """Take a distance, or explicitly something else: a field, `literal(1000)`."""
    if isinstance(radius, Value):
        return radius
    if isinstance(radius, numbers.Real | Decimal) and not isinstance(radius, bool):
        msg = f'{radius} has no unit; write "{radius}m" or "{radius}km"'
        raise BuildError(msg)
    measured = quantity(radius)
    if measured.unit.lower() not in DISTANCE_UNITS:
        msg = f"{radius!r} is no distance; the units are {', '.join(DISTANCE_UNITS)}"
        raise BuildError(msg)
    return measured


def _family(value: object) -> str | None:
    """Return what a value is, where that is known: text, number, date, boolean or geo."""
    return family(tree(value), value.known if isinstance(value, FieldValue) else None)


# ---------------------------------------------------------------- scalars


def length(text: Value | str) -> Value:
    """Number of characters of a text, an integer (ODSQL: Functions, length).

    Raises:
        BuildError: this is no text.
    """
    return _value_call("length", text)


def lower(text: Value | str) -> Value:
    """The text in lower case (ODSQL: Functions, lower).

    Raises:
        BuildError: this is no text.
    """
    return _value_call("lower", text)


def year(date: Value | datetime.date) -> Value:
    """Year of a date or datetime, an integer (ODSQL: Functions, year).

    Raises:
        BuildError: this is no date.
    """
    return _value_call("year", date)


def month(date: Value | datetime.date) -> Value:
    """Month of a date or datetime, 1 to 12 (ODSQL: Functions, month).

    Raises:
        BuildError: this is no date.
    """
    return _value_call("month", date)


def day(date: Value | datetime.date) -> Value:
    """Day of the month of a date or datetime, 1 to 31 (ODSQL: Functions, day).

    Raises:
        BuildError: this is no date.
    """
    return _value_call("day", date)


def hour(date: Value | datetime.date) -> Value:
    """Hour of a datetime, 0 to 23, in the time zone of the request (ODSQL: Functions, hour).

    Raises:
        BuildError: this is no date.
    """
    return _value_call("hour", date)


def minute(date: Value | datetime.date) -> Value:
    """Minute of a datetime, 0 to 59 (ODSQL: Functions, minute).

    Raises:
        BuildError: this is no date.
    """
    return _value_call("minute", date)


def second(date: Value | datetime.date) -> Value:
    """Second of a datetime, 0 to 59 (ODSQL: Functions, second).

    Raises:
        BuildError: this is no date.
    """
    return _value_call("second", date)


def date_format(date: Value | datetime.date, pattern: str) -> Value:
    """A date as text, by a pattern such as `yyyy-MM` (ODSQL: Functions, date_format).

    Names of months and days follow the `lang` parameter.

    Raises:
        BuildError: this is no date, or the pattern no text.
    """
    return _value_call("date_format", date, literals.text(pattern))


def json_format(text: Value | str, fallback: str | Literal[False] | None = False) -> Value:
    """A text field read as JSON (ODSQL: Functions, json_format).

    `fallback`, a text or None, is what invalid JSON becomes; without it portals decide.

    Raises:
        BuildError: this is no text, or the fallback is neither a text nor None.
    """
    if fallback is False:
        return _value_call("json_format", text)
    other = nodes.Null() if fallback is None else literals.text(fallback)
    return _value_call("json_format", text, other)


def ifnull(value: Value, alternative: object) -> Value:
    """The value, or where it is null the alternative (ODSQL: Functions, ifnull).

    Raises:
        BuildError: the value is a text, which is more likely the name of a field, or the two are
            known to be of different types.
    """
    _refuse_name("ifnull", value)
    if isinstance(value, FieldValue) and value.known and not isinstance(alternative, Expression):
        alternative = Term(typed_literal(value.known, alternative, "="))
    mine, other = _family(value), _family(alternative)
    if mine is not None and other is not None and mine != other:
        msg = f"ifnull takes two values of one type; {value} is a {mine}, {alternative} a {other}"
        raise BuildError(msg)
    return _value_call("ifnull", value, alternative)


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
    return _value_call("now", *(_now_part(name, value) for name, value in parts.items()))


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
    return _value_call("random", whole_number(seed, "the seed of random"))


def vector_similarity(text: str) -> Value:
    """Similarity to a text; order_by of catalog searches only.

    (ODSQL: Functions, vector_similarity.)

    Raises:
        BuildError: this is no text.
    """
    return _value_call("vector_similarity", literals.text(text))


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
        return _value_call("distance", _field(field), _shape(point))
    return _condition_call("distance", _field(field), _shape(point), _distance(radius))


# ---------------------------------------------------------------- predicates


def full_text(text: str) -> Condition:
    """Records with these words in any visible field: a bare text (ODSQL: Predicates, full text).

    Raises:
        BuildError: this is no text.
    """
    return Condition(literals.text(text))


def _search(name: str, arguments: tuple[AnyField, ...]) -> Condition:
    *fields, text = arguments or (None,)
    if not isinstance(text, str):
        msg = f"{name} takes fields, or none, and then a text"
        raise BuildError(msg)
    return _condition_call(name, *(_star_or_field(one) for one in fields), literals.text(text))


def search(*fields_and_text: AnyField) -> Condition:
    """Fuzzy search for a text, in all fields or in these (ODSQL: Predicates, search).

    `search("text")`, `search(F.name, "text")`; minds no case, and the last word may be unfinished.

    Raises:
        BuildError: the last argument is no text, or another one no field and not "*".
    """
    return _search("search", fields_and_text)


def suggest(*fields_and_text: AnyField) -> Condition:
    """Records with terms that begin with the text, minding no case (ODSQL: Predicates, suggest).

    Raises:
        BuildError: the last argument is no text, or another one no field and not "*".
    """
    return _search("suggest", fields_and_text)


def startswith(*fields_and_text: AnyField) -> Condition:
    """Records whose whole value begins with the text, minding case (ODSQL: Predicates, startswith).

    Raises:
        BuildError: the last argument is no text, or another one no field and not "*".
    """
    return _search("startswith", fields_and_text)


def vector_similarity_threshold(text: str) -> Condition:
    """Records similar to a text; where of catalog searches only.

    (ODSQL: Predicates, vector_similarity_threshold.)

    Raises:
        BuildError: this is no text.
    """
    return _condition_call("vector_similarity_threshold", literals.text(text))


def within_distance(field: AnyField, point: object, radius: str | Value) -> Condition:
    """Records at most `radius` from a point (ODSQL: Predicates, within_distance).

    The point is (longitude, latitude) or another geometry; the radius a number and one of the units
    mi yd ft m cm km mm: "10km", "500 m".

    Raises:
        BuildError: this is no geographic field, no geometry, or no distance with a unit.
    """
    return _condition_call("within_distance", _field(field), _shape(point), _distance(radius))


def in_bbox(
    field: AnyField,
    latitude1: float | Decimal,
    longitude1: float | Decimal,
    latitude2: float | Decimal,
    longitude2: float | Decimal,
) -> Condition:
    """Records inside a box given by two corners in degrees, latitude first.

    (ODSQL: Predicates, in_bbox.)

    Raises:
        BuildError: this is no geographic field, or a corner no number.
    """
    corners = map(number, (latitude1, longitude1, latitude2, longitude2))
    return _condition_call("in_bbox", _field(field), *corners)


def intersects(field: AnyField, shape: object) -> Condition:
    """Records whose shape touches the given one (ODSQL: Predicates, intersects).

    Shapes are WKT, WKB in hexadecimal, GeoJSON, (longitude, latitude), or have `__geo_interface__`.

    Raises:
        BuildError: this is no geographic field, or no geometry.
    """
    return _condition_call("intersects", _field(field), _shape(shape))


def disjoint(field: AnyField, shape: object) -> Condition:
    """Records whose shape does not touch the given one (ODSQL: Predicates, disjoint).

    Takes what `intersects` takes.

    Raises:
        BuildError: this is no geographic field, or no geometry.
    """
    return _condition_call("disjoint", _field(field), _shape(shape))


def within(field: AnyField, shape: object) -> Condition:
    """Records whose shape lies inside the given one (ODSQL: Predicates, within).

    Takes what `intersects` takes.

    Raises:
        BuildError: this is no geographic field, or no geometry.
    """
    return _condition_call("within", _field(field), _shape(shape))


def polygon(field: AnyField, shape: object) -> Condition:
    """Records inside a shape: the older spelling of `within` (ODSQL: Predicates, older spellings).

    Raises:
        BuildError: this is no geographic field, or no geometry.
    """
    return _condition_call("polygon", _field(field), _shape(shape))


def geometry(field: AnyField, shape: object, mode: Mode | None = None) -> Condition:
    """Records by a shape: the older spelling of `intersects`, `disjoint` and `within`.

    (ODSQL: Predicates, older spellings.)

    Raises:
        BuildError: this is no geographic field, no geometry, or the mode none of the three.
    """
    if mode is None:
        return _condition_call("geometry", _field(field), _shape(shape))
    if plain_text(mode, "the mode of geometry").lower() not in GEOMETRY_MODES:
        msg = f"geometry has no mode {mode!r}; it has {', '.join(GEOMETRY_MODES)}"
        raise BuildError(msg)
    return _condition_call("geometry", _field(field), _shape(shape), nodes.Word(mode.upper()))


# ---------------------------------------------------------------- aggregates


def avg(value: Value) -> Value:
    """Mean of a number (ODSQL: Aggregates, avg).

    Raises:
        BuildError: this is no number.
    """
    return _value_call("avg", value)


def median(value: Value) -> Value:
    """Median of a number (ODSQL: Aggregates, median).

    Raises:
        BuildError: this is no number.
    """
    return _value_call("median", value)


def sum_(value: Value) -> Value:
    """Sum of a number (ODSQL: Aggregates, sum).

    Raises:
        BuildError: this is no number.
    """
    return _value_call("sum", value)


def min_(value: Value) -> Value:
    """Smallest number or date (ODSQL: Aggregates, min).

    Raises:
        BuildError: this is neither a number nor a date.
    """
    return _value_call("min", value)


def max_(value: Value) -> Value:
    """Largest number or date (ODSQL: Aggregates, max).

    Raises:
        BuildError: this is neither a number nor a date.
    """
    return _value_call("max", value)


def percentile(value: Value, percent: float | Decimal) -> Value:
    """Percentile of a number; `percent` goes from 0 to 100 (ODSQL: Aggregates, percentile).

    Raises:
        BuildError: this is no number, or percent not from 0 to 100.
    """
    literal = number(percent)
    if not 0 <= percent <= 100:
        msg = f"percentile takes 0 to 100, not {percent}"
        raise BuildError(msg)
    return _value_call("percentile", value, literal)


def count(value: Value | None = None, *, distinct: bool = False) -> Value:
    """Number of records, of non-null values, or (approximately) of distinct values.

    (ODSQL: Aggregates, count.)

    Raises:
        BuildError: distinct without a value, or the value is a text, which is more likely the name
            of a field.
    """
    _refuse_name("count", value)
    if value is None and distinct:
        msg = "count distinct needs a value: count(F.a, distinct=True)"
        raise BuildError(msg)
    if value is None:
        return _value_call("count", nodes.Star())
    return _value_call("count", nodes.Distinct(operand(value)) if distinct else value)


def envelope(field: AnyField) -> Value:
    """Convex hull of points, a geo_shape (ODSQL: Aggregates, envelope).

    Raises:
        BuildError: this is no field of points.
    """
    return _value_call("envelope", _field(field))


def bbox(field: AnyField) -> Value:
    """Bounding box of points or shapes, a geo_shape (ODSQL: Aggregates, bbox).

    Raises:
        BuildError: this is no geographic field.
    """
    return _value_call("bbox", _field(field))


# ---------------------------------------------------------------- groups


def range_(field: AnyField, *steps: object) -> Grouping:
    """Ranges of a number or date field, to group by (ODSQL: Grouping, range).

    A number field takes a width, `range_(F.capacity, 15)`; a date field an interval, a whole number
    and a unit from millisecond to year, `range_(F.date, "1 month")`. Both take two steps or more,
    numbers or dates, where "*" opens an end: `range_(F.capacity, "*", 10, 20, "*")`.

    Raises:
        BuildError: the steps are none of these, or not for a field of this type.
    """
    subject = _field(field)
    taken = tuple(_step(subject, step) for step in steps)
    wanted = _check_steps(taken)
    made = _call("range", (subject, *taken))
    if subject.known is not None and wanted not in (None, family(subject.node, subject.known)):
        takes = "an interval or dates" if wanted == "number" else "a width or numbers"
        msg = f"{subject.known.name} is of type {subject.known.type}, for which range takes {takes}"
        raise BuildError(msg)
    return Grouping(made)


def static_range(*steps: object, bounds: Bounds = "[]") -> nodes.StaticRange:
    """Steps of `range_` in brackets; an outer bracket opens its side (ODSQL: Grouping, range).

    The older spelling of "*" at an end.

    Raises:
        BuildError: there are no steps, one is null or a boolean, or these are no brackets.
    """
    if not steps or bounds not in ("[]", "[[", "]]", "]["):
        msg = f"static_range takes steps, and bounds [] or [[ or ]] or ][, not {bounds!r}"
        raise BuildError(msg)
    return nodes.StaticRange(tuple(map(operand, steps)), bounds[0] == "[", bounds[1] == "]")


def _step(field: FieldValue, step: object) -> nodes.Expression:
    if isinstance(step, nodes.StaticRange):
        return step
    if not isinstance(step, str):
        return operand(step)
    if step == "*":
        return nodes.Star()
    try:
        return quantity(step)
    except BuildError:
        if field.known is None:
            raise
        return typed_literal(field.known, step, "=")


def _check_steps(steps: tuple[nodes.Expression, ...]) -> str | None:
    """Refuse what is no width, interval or list of steps; return what the field has to be."""
    match steps:
        case () | (nodes.Star(),) | (nodes.Date(),):
            msg = "range needs a width, an interval, or two steps of which one may be *"
            raise BuildError(msg)
        case (nodes.Quantity() as interval,):
            _check_interval(interval)
            return "date"
        case (nodes.StaticRange(steps=inner),):
            return _check_list(inner)
    return _check_list(steps)


def _check_interval(interval: nodes.Quantity) -> None:
    """Refuse what `range` takes for no interval; the case of a unit counts."""
    amount, unit = interval.amount.text, interval.unit
    if unit not in INTERVAL_UNITS:
        msg = (
            f"{unit} is no unit of time; write second, minute, hour, day, week, month, quarter or "
            "year, of which m is minute and M month"
        )
        raise BuildError(msg)
    if "." in amount:
        msg = f"an interval is a whole number of its unit, not {amount}"
        raise BuildError(msg)
    if unit in SINGLE_INTERVAL_UNITS and amount.lstrip("0") != "1":
        msg = f"range takes weeks, months, quarters and years one at a time; write 1 {unit}"
        raise BuildError(msg)


def _check_list(steps: tuple[nodes.Expression, ...]) -> str | None:
    """Refuse steps that are neither numbers nor dates, or both; return which, if it is known."""
    if any(isinstance(one, nodes.Star) for one in steps[1:-1]):
        msg = '"*" opens an end of range, so it stands first or last'
        raise BuildError(msg)
    bounds = [one for one in steps if not isinstance(one, nodes.Star)]
    families = {family(one) for one in bounds} - {None}
    alone = any(isinstance(one, nodes.StaticRange) for one in bounds)
    if not bounds or alone or len(families) > 1 or not families <= {"number", "date"}:
        msg = "the steps of range are numbers or dates; an interval or brackets stand alone"
        raise BuildError(msg)
    return families.pop() if families else None


def geo_cluster(field: AnyField, zoom: int, radius: float | Decimal | None = None) -> Grouping:
    """Clusters of points, to group by (ODSQL: Grouping, geo_cluster).

    The zoom is a whole number from 0 to 25; the radius is in pixels, 40 if it is not given.

    Raises:
        BuildError: this is no field of points, the zoom is out of bounds, or the radius no number
            of 0 or more.
    """
    level = whole_number(zoom, "the zoom of geo_cluster", 0, 25)
    if radius is None:
        return Grouping(_call("geo_cluster", (_field(field), level)))
    pixels = number(radius)
    if isinstance(pixels, nodes.Negate):
        msg = f"the radius of geo_cluster is in pixels, not {radius}"
        raise BuildError(msg)
    return Grouping(_call("geo_cluster", (_field(field), level, pixels)))


# ---------------------------------------------------------------- selections, facets


def all_fields() -> Item:
    """`*`: every field, for select (ODSQL: select)."""
    return Item(nodes.Star())


def include(pattern: str) -> Item:
    """Select the fields of this name; `*` may end it (ODSQL: Functions, include).

    Raises:
        BuildError: the name is no text, or has a `*` that does not end it.
    """
    return _selection("include", pattern)


def exclude(pattern: str) -> Item:
    """Leave out the fields of this name; `*` may end it (ODSQL: Functions, exclude).

    Raises:
        BuildError: the name is no text, or has a `*` that does not end it.
    """
    return _selection("exclude", pattern)


def _selection(name: str, pattern: str) -> Item:
    named = nodes.Pattern(plain_text(pattern, f"what {name} takes"))
    return Item(checked(nodes.Call(name, (named,))))


def facet(name: AnyField, **options: Unpack[FacetOptions]) -> Expression:
    """A facet with options (ODSQL: facet).

    `disjunctive` and `hierarchical` are booleans, `separator` is the text between the levels of a
    hierarchy, `sort` count, alphanum or num with or without a minus sign in front, `limit` a whole
    number.

    Raises:
        BuildError: the name is no field, an option is not one of these, or has another type.
    """
    given: dict[str, Any] = {"name": _field(name).node.name, **options}
    return Expression(
        nodes.Call("facet", tuple(nodes.Named(one, _option(one, given[one])) for one in given))
    )


def _option(name: str, value: object) -> nodes.Expression:
    kind = FACET_OPTIONS.get(name)
    if kind is None:
        msg = (
            f"facet has no {name}; it has {', '.join(FACET_OPTIONS)}. For an option that is new on "
            f"a portal write odsql.call('facet', name=..., {name}=...)"
        )
        raise BuildError(msg)
    if kind == "integer":
        return whole_number(value, f"{name} of facet", 0)
    if kind == "boolean":
        return _boolean(value, f"{name} of facet")
    text = plain_text(value, f"{name} of facet")
    if name == "sort" and text not in FACET_SORTS:
        msg = f"sort of facet is one of {', '.join(FACET_SORTS)}, not {text!r}"
        raise BuildError(msg)
    return checked(nodes.Text(text))


def _boolean(value: object, what: str) -> nodes.Boolean:
    if not isinstance(value, bool):
        msg = f"{what} is True or False, not {value!r}"
        raise BuildError(msg)
    return nodes.Boolean(value)
