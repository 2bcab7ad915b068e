"""Python values -> literals.

Values that ODSQL has no literal for are refused here, where they come in: NaN, infinities,
fractions without an exact decimal, datetimes without a time zone, strings that are not geometries
where one is needed, characters that no request can carry. Values of subclasses (above all
enumerations) count as what they hold, not as what they print.
"""

from __future__ import annotations

import datetime
import numbers
import re
from collections.abc import Mapping
from decimal import Context, Decimal, Inexact
from typing import TYPE_CHECKING, Any, TypeVar

from odsql.syntax import nodes
from odsql.syntax.errors import BuildError, shown
from odsql.syntax.functions import FIELD_TYPES
from odsql.syntax.rendering import render

if TYPE_CHECKING:
    from odsql.schema import SchemaField

__all__ = [
    "DATE_TYPES",
    "NUMBER_TYPES",
    "checked",
    "date",
    "family",
    "geometry",
    "literal",
    "number",
    "plain",
    "plain_text",
    "quantity",
    "refuse_mixed_dates",
    "text",
    "typed_literal",
    "whole_number",
]

N = TypeVar("N", bound=nodes.Node)

_LONGEST_NUMBER = 400
"""More digits than numbers on any portal have; a longer value is a mistake or an attack."""

_WKT = re.compile(
    r"(?:SRID\s*=\s*\d+\s*;\s*)?"
    r"(?:(?:MULTI)?(?:POINT|LINESTRING|POLYGON)|GEOMETRYCOLLECTION)\s*(?:Z|M|ZM)?\s*"
    r"(?:EMPTY|\(.*\))",
    re.IGNORECASE | re.DOTALL,
)
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*")
_WKB = re.compile(r"0[01](?:[0-9A-Fa-f]{2}){4,}")
_GEOJSON_TYPES = frozenset(
    {
        "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon",
        "GeometryCollection",
    }
)  # fmt: skip
NUMBER_TYPES = FIELD_TYPES["number"]
DATE_TYPES = FIELD_TYPES["date"]

_FAMILIES: dict[type[nodes.Node], str] = {
    nodes.Text: "text",
    nodes.Number: "number",
    nodes.Date: "date",
    nodes.Boolean: "boolean",
    nodes.Geometry: "geo",
    nodes.Quantity: "interval",
}


def checked(node: N) -> N:
    """Return the node if it can be rendered, so that a mistake is reported where it is made.

    Raises:
        BuildError: a name or a text in it cannot be written in ODSQL.
    """
    try:
        render(node)
    except ValueError as error:
        raise BuildError(str(error)) from None
    return node


def literal(value: object) -> nodes.Expression:
    """Turn a str, number, bool, date, aware datetime, None or geometry into a literal.

    A geometry is a GeoJSON mapping or has `__geo_interface__`; WKT counts as text here.

    Raises:
        BuildError: ODSQL has no literal for the value.
    """
    if isinstance(value, bool):
        return nodes.Boolean(bool(value))
    if isinstance(value, str):
        return text(value)
    if isinstance(value, numbers.Real | Decimal):
        return number(value)
    if isinstance(value, datetime.date):
        return nodes.Date(_iso(value))
    if value is None:
        return nodes.Null()
    if isinstance(value, Mapping) or hasattr(value, "__geo_interface__"):
        return geometry(value)
    hint = "; for several values use isin" if isinstance(value, list | tuple | set) else ""
    msg = f"ODSQL has no literal for {type(value).__name__} {shown(value)}{hint}"
    raise BuildError(msg)


def text(value: object) -> nodes.Text:
    """Turn a str into a text literal.

    Raises:
        BuildError: the value is not a str, or has a character that no request can carry.
    """
    return checked(nodes.Text(plain_text(value)))


def plain_text(value: object, what: str | None = None) -> str:
    """Return the string itself; `what` names it in the error.

    Raises:
        BuildError: the value is not a str.
    """
    if not isinstance(value, str):
        msg = (
            f"{what} must be a string, not {shown(value)}"
            if what
            else f"{shown(value)} is not a string"
        )
        raise BuildError(msg)
    return plain(value)


def plain(value: str) -> str:
    """Return the string itself, where `str(value)` may be what a subclass prints."""
    return str.__str__(value)


def date(value: object) -> nodes.Date:
    """Turn the text of a date into a date literal: a year, a month, a day, or a day and a time.

    Raises:
        BuildError: the text is neither an ISO 8601 date nor YYYY/MM/DD.
    """
    from odsql.syntax.dates import date_problem  # most programs pass date objects, not strings

    text = plain_text(value, "the argument of date()")
    problem = date_problem(text)
    if problem is not None:
        msg = f'{shown(text)} {problem}; write "2024", "2024-01-31" or "2024-01-31T10:00:00Z"'
        raise BuildError(msg)
    return checked(nodes.Date(text))


def number(value: object) -> nodes.Expression:
    """Turn a number into a literal, with a minus sign in front if it is negative.

    Raises:
        BuildError: the value is not a number, not finite, too long, or a fraction without an exact
            decimal.
    """
    exact = _exact(value)
    if exact is None or not exact.is_finite():
        msg = f"{shown(value)} is not a number, or not finite; ODSQL has no literal for it"
        raise BuildError(msg)
    if abs(exact.adjusted()) > _LONGEST_NUMBER or len(exact.as_tuple().digits) > _LONGEST_NUMBER:
        msg = f"a number must have at most {_LONGEST_NUMBER} digits"
        raise BuildError(msg)
    node = nodes.Number(f"{exact.copy_abs():f}")
    return nodes.Negate(node) if exact.is_signed() else node


def whole_number(
    value: object, what: str, low: int | None = None, high: int | None = None
) -> nodes.Expression:
    """Turn a whole number from `low` to `high` into a literal; `what` names it in the error.

    Raises:
        BuildError: the value is not a whole number, or out of range.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        msg = f"{what} must be a whole number, not {shown(value)}"
        raise BuildError(msg)
    node = number(value)
    whole = int(value)
    if (low is not None and whole < low) or (high is not None and whole > high):
        span = f"at least {low}" if high is None else f"from {low} to {high}"
        msg = f"{what} must be {span}, not {whole}"
        raise BuildError(msg)
    return node


def _exact(value: object) -> Decimal | None:
    """Return a number as a Decimal that prints like it; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return Decimal(value)
    if isinstance(value, numbers.Integral):
        return Decimal(int(value))
    if isinstance(value, numbers.Rational):
        return _quotient(value)
    if isinstance(value, numbers.Real):
        return Decimal(float.__repr__(float(value)))
    return None


def _quotient(value: numbers.Rational) -> Decimal:
    """Divide a fraction; refuse it if the result would be rounded."""
    numerator, denominator = int(value.numerator), int(value.denominator)
    for part in (numerator, denominator):
        number(part)  # refuses a number that is too long
    exact = Context(prec=_LONGEST_NUMBER, traps=[Inexact])
    try:
        return exact.divide(Decimal(numerator), Decimal(denominator))
    except Inexact:
        msg = f"{value} has no exact decimal; write round({shown(value)}, 6), for example"
        raise BuildError(msg) from None


def _iso(value: datetime.date) -> str:
    if not isinstance(value, datetime.datetime):
        return value.isoformat()
    if value != value:  # pandas.NaT is a datetime and, like NaN, equals nothing
        msg = f"ODSQL has no literal for {shown(value)}; for null write None"
        raise BuildError(msg)
    offset = value.utcoffset()
    if offset is None:
        msg = f"{shown(value)} has no time zone; add one, for example .replace(tzinfo=datetime.UTC)"
        raise BuildError(msg)
    if offset.seconds % 60:
        value = value.astimezone(datetime.UTC)  # ISO 8601 has no seconds in an offset
    return value.isoformat()


def refuse_mixed_dates(low: object, high: object) -> None:
    """Refuse a date as one bound and a datetime as the other.

    Raises:
        BuildError: they are mixed.
    """
    dates = [one for one in (low, high) if isinstance(one, datetime.date)]
    if len({isinstance(one, datetime.datetime) for one in dates}) > 1:
        msg = "one bound is a date and the other a datetime; give two dates or two datetimes"
        raise BuildError(msg)


def quantity(value: object) -> nodes.Quantity:
    """Parse a distance or an interval: `"10km"`, `"1 day"`.

    Raises:
        BuildError: the value is not a string of a number and a unit.
    """
    match = _QUANTITY.fullmatch(plain(value)) if isinstance(value, str) else None
    if match is None:
        msg = f'{shown(value)} is not a number with a unit, such as "10km" or "1 day"'
        raise BuildError(msg)
    return checked(nodes.Quantity(nodes.Number(match[1]), match[2]))


# ---------------------------------------------------------------- geometries


def geometry(value: object) -> nodes.Geometry:
    """Turn WKT, WKB, GeoJSON, a pair or anything with `__geo_interface__` into a geometry literal.

    Longitude comes first, as in WKT and GeoJSON; a pair is (longitude, latitude). WKB is written in
    hexadecimal. Of a string, only the beginning and the end are checked.

    Raises:
        BuildError: the value is none of these.
    """
    value = getattr(value, "__geo_interface__", value)
    if isinstance(value, Mapping):
        return checked(nodes.Geometry(_geojson(value)))
    if isinstance(value, str) and _is_geometry_text(plain(value).strip()):
        return checked(nodes.Geometry(plain(value)))
    if isinstance(value, tuple | list) and len(value) == 2:
        longitude, latitude = (render(number(one)) for one in value)
        return nodes.Geometry(f"POINT({longitude} {latitude})")
    wanted = '"POINT(2.35 48.85)", GeoJSON or (longitude, latitude)'
    msg = f"not a geometry: {shown(value)}; give {wanted}"
    raise BuildError(msg)


def _is_geometry_text(text: str) -> bool:
    if text.startswith("{"):
        return text.endswith("}") and '"type"' in text
    return bool(_WKT.fullmatch(text) or _WKB.fullmatch(text))


def _geojson(value: Mapping[Any, Any]) -> str:
    import json  # only geometries need it

    if value.get("type") == "Feature" and isinstance(value.get("geometry"), Mapping):
        value = value["geometry"]
    kind = value.get("type")
    positions = "geometries" if kind == "GeometryCollection" else "coordinates"
    if not isinstance(kind, str) or kind not in _GEOJSON_TYPES or positions not in value:
        msg = "a GeoJSON geometry needs a type, such as Point or Polygon, and coordinates"
        raise BuildError(msg)
    try:
        return json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        msg = f"not a GeoJSON geometry: {error}"
        raise BuildError(msg) from None


# ---------------------------------------------------------------- literals of known type


def family(node: nodes.Node, known: SchemaField | None = None) -> str | None:
    """Return the kind of a value: text, number, date, boolean, geo or interval; None if unknown.

    Looks only at literals and at fields of known type: the result of a nested expression is left to
    the server.
    """
    if known is not None:
        return next((name for name, types in FIELD_TYPES.items() if known.type in types), None)
    if type(node) is nodes.Negate:
        node = node.operand
    return _FAMILIES.get(type(node))


def typed_literal(known: SchemaField, value: object, operator: str) -> nodes.Expression:
    """Turn a Python value into the literal to compare a field of this type with.

    The types are those of the server's own check (IncompatibleTypesInComparisonFilter): a date
    field takes dates, a text field no order, a number field no text.

    Raises:
        BuildError: the field cannot be compared with this value, or not with this operator.
    """
    if known.type in DATE_TYPES:
        return _typed_date(known, value)
    if known.type in NUMBER_TYPES and _exact(value) is not None:
        return number(value)
    if known.type == "boolean" and isinstance(value, bool):
        return nodes.Boolean(bool(value))
    if known.type in FIELD_TYPES["geo"] and operator in ("=", "!=") and _is_shape(value):
        return geometry(value)
    if known.type == "text" and isinstance(value, str):
        if operator not in ("=", "!="):
            msg = f"{known.name} is text; portals compare text for equality only, with == or !="
            raise BuildError(msg)
        return text(value)
    msg = f"{known.name} is of type {known.type}; {shown(value)} is not{_remedy(known, value)}"
    raise BuildError(msg)


def _remedy(known: SchemaField, value: object) -> str:
    if known.type == "text" and isinstance(value, int | Decimal) and not isinstance(value, bool):
        return f"; pass the text {str(value)!r}"
    if known.type in NUMBER_TYPES and isinstance(value, str):
        digits = re.fullmatch(r"\s*(-?[0-9]{1,40})\s*", value, re.ASCII)
        return f"; pass the number {int(digits[1])}" if digits else ""
    return ""


def _is_shape(value: object) -> bool:
    if isinstance(value, str):
        return _is_geometry_text(plain(value).strip())
    return isinstance(value, Mapping) or hasattr(value, "__geo_interface__")


def _typed_date(known: SchemaField, value: object) -> nodes.Date:
    if isinstance(value, datetime.date):
        return nodes.Date(_iso(value))
    try:
        return date(value)
    except BuildError:
        said = f"{known.name} is a {known.type}, {shown(value)} is not"
        msg = f'{said}; write a year as a string, "2024"'
        raise BuildError(msg) from None
