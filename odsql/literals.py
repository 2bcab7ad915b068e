"""Python values -> literals.

What ODSQL has no literal for is refused here, where the value comes in: NaN, infinities, datetimes
without a zone, characters that no request can carry. Values of subclasses (enumerations above all)
count as what they hold, never as what they print.
"""

from __future__ import annotations

import datetime
import numbers
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

from odsql import nodes
from odsql.errors import BuildError
from odsql.rendering import render

if TYPE_CHECKING:
    from odsql.schema import SchemaField

__all__ = ["checked", "geometry", "literal", "number", "quantity", "text", "typed_literal"]

N = TypeVar("N", bound=nodes.Node)

_LONGEST_NUMBER = 400
"""More digits than any portal's numbers; beyond it a value is a mistake or an attack."""

_ISO_DATE = re.compile(
    r"([0-9]{4})(?:[-/]?([0-9]{2})(?:[-/]?([0-9]{2})(?:[T ][0-9:.]+(?:Z|[+-][0-9:]+)?)?)?)?"
)
NUMBER_TYPES = ("int", "double")
DATE_TYPES = ("date", "datetime")


def checked(node: N) -> N:
    """Make sure now, where the mistake is made, that a name or a text can be written.

    Raises:
        BuildError: it cannot.
    """
    try:
        render(node)
    except ValueError as error:
        raise BuildError(str(error)) from None
    return node


def literal(value: object) -> nodes.Expression:
    """Turn a str, number, bool, date, aware datetime or None into a literal.

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
    hint = "; for one of several values use isin" if isinstance(value, list | tuple | set) else ""
    msg = f"ODSQL has no literal for {type(value).__name__} {value!r}{hint}"
    raise BuildError(msg)


def text(value: object) -> nodes.Text:
    """Turn a str into a text literal.

    Raises:
        BuildError: it is no str, or has a character that no request can carry.
    """
    if not isinstance(value, str):
        msg = f"{value!r} is not a text"
        raise BuildError(msg)
    return checked(nodes.Text(plain(value)))


def plain(value: str) -> str:
    """Return the text itself, where `str(value)` may be what a subclass prints."""
    return str.__str__(value)


def number(value: object) -> nodes.Expression:
    """Turn a number into a literal, with a minus sign in front of it if it is negative.

    Raises:
        BuildError: it is no number, not finite, or absurdly long.
    """
    exact = _exact(value)
    if exact is None or not exact.is_finite():
        msg = f"{value!r} is no number that ODSQL has a literal for"
        raise BuildError(msg)
    if abs(exact.adjusted()) > _LONGEST_NUMBER or len(exact.as_tuple().digits) > _LONGEST_NUMBER:
        msg = f"a number of more than {_LONGEST_NUMBER} digits is surely a mistake"
        raise BuildError(msg)
    node = nodes.Number(f"{exact.copy_abs():f}")
    return nodes.Negate(node) if exact.is_signed() else node


def _exact(value: object) -> Decimal | None:
    """Return a number as a Decimal that prints like it; None if it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, Decimal):
        return Decimal(value)
    if isinstance(value, numbers.Integral):
        return Decimal(int(value))
    if isinstance(value, numbers.Real):
        return Decimal(float.__repr__(float(value)))
    return None


def _iso(value: datetime.date) -> str:
    if not isinstance(value, datetime.datetime):
        return value.isoformat()
    offset = value.utcoffset()
    if offset is None:
        msg = f"{value!r} has no time zone; add one, for example .replace(tzinfo=datetime.UTC)"
        raise BuildError(msg)
    if offset.seconds % 60:
        value = value.astimezone(datetime.UTC)  # ISO 8601 has no seconds in an offset
    return value.isoformat()


def refuse_mixed_dates(low: object, high: object) -> None:
    """Refuse a day as one bound and a time as the other.

    Raises:
        BuildError: they are mixed.
    """
    dates = [one for one in (low, high) if isinstance(one, datetime.date)]
    if len({isinstance(one, datetime.datetime) for one in dates}) > 1:
        msg = "one bound is a day and the other a time; give two dates or two datetimes"
        raise BuildError(msg)


def quantity(value: object) -> nodes.Quantity:
    """Read a distance or an interval from text: `"10km"`, `"1 day"`.

    Raises:
        BuildError: the text is not a number and a unit.
    """
    match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]+)\s*", str(value))
    if match is None:
        msg = f'{value!r} is not a number with a unit, such as "10km" or "1 day"'
        raise BuildError(msg)
    return checked(nodes.Quantity(nodes.Number(match[1]), match[2]))


# ---------------------------------------------------------------- geometries


def geometry(value: object) -> nodes.Geometry:
    """Turn WKT, GeoJSON, a pair or anything with `__geo_interface__` into a geometry literal.

    Longitude comes first, as in WKT and GeoJSON; a pair is (longitude, latitude).

    Raises:
        BuildError: the value is none of these.
    """
    value = getattr(value, "__geo_interface__", value)
    if isinstance(value, Mapping):
        return checked(nodes.Geometry(_geojson(value)))
    if isinstance(value, str) and re.match(r"\s*[A-Za-z{]|\s*0[01]", value):
        return checked(nodes.Geometry(plain(value)))
    if isinstance(value, tuple | list) and len(value) == 2:
        longitude, latitude = (render(number(one)) for one in value)
        return nodes.Geometry(f"POINT({longitude} {latitude})")
    msg = f"no geometry: {value!r}; give WKT, GeoJSON or (longitude, latitude)"
    raise BuildError(msg)


def _geojson(value: Mapping[Any, Any]) -> str:
    import json  # only geometries need it

    if value.get("type") == "Feature":
        value = value.get("geometry") or {}
    if not isinstance(value.get("type"), str) or not ({"coordinates", "geometries"} & set(value)):
        msg = "a GeoJSON geometry has a type and coordinates"
        raise BuildError(msg)
    try:
        return json.dumps(dict(value), allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        msg = f"not a GeoJSON geometry: {error}"
        raise BuildError(msg) from None


# ---------------------------------------------------------------- literals of known type


def typed_literal(known: SchemaField, value: object, operator: str) -> nodes.Expression:
    """Turn a Python value into the literal that a field of this type is compared with.

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
    if known.type == "text" and isinstance(value, str):
        if operator not in ("=", "!="):
            msg = f"{known.name} is text, which portals compare for equality only, not with order"
            raise BuildError(msg)
        return text(value)
    msg = f"{known.name} is of type {known.type}; {value!r} is not"
    raise BuildError(msg)


def _typed_date(known: SchemaField, value: object) -> nodes.Date:
    if isinstance(value, datetime.date):
        return nodes.Date(_iso(value))
    if isinstance(value, str) and _is_date(value):
        return nodes.Date(plain(value))
    msg = f'{known.name} is a {known.type}; {value!r} is not (a year alone is a text: "2024")'
    raise BuildError(msg)


def _is_date(value: str) -> bool:
    match = _ISO_DATE.fullmatch(value)
    if match is None:
        return False
    year, month, day = (int(part) if part else 1 for part in match.groups())
    try:
        datetime.date(year, month, day)
    except ValueError:
        return False
    return True
