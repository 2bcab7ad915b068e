"""Conditions that are function calls (ODSQL: Predicates)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from odsql.builder import literals
from odsql.builder.expressions import Condition, Value
from odsql.builder.functions.arguments import (
    AnyField,
    condition_call,
    distance_of,
    field_of,
    shape_of,
    star_or_field,
)
from odsql.builder.literals import number, plain_text
from odsql.syntax import nodes
from odsql.syntax.errors import BuildError, shown
from odsql.syntax.functions import GEOMETRY_MODES

if TYPE_CHECKING:
    from decimal import Decimal

__all__ = [
    "disjoint",
    "full_text",
    "geometry",
    "in_bbox",
    "intersects",
    "polygon",
    "search",
    "startswith",
    "suggest",
    "vector_similarity_threshold",
    "within",
    "within_distance",
]

Mode = Literal["intersects", "disjoint", "within"]


def full_text(text: str) -> Condition:
    """Match records with these words in any visible field (ODSQL: Predicates, full text).

    Written as bare text: `full_text("film")` is `"film"`.

    Raises:
        BuildError: `text` is not a string.
    """
    return Condition(literals.text(text))


def _search(name: str, arguments: tuple[AnyField, ...]) -> Condition:
    *fields, text = arguments or (None,)
    if not isinstance(text, str):
        msg = f"{name} takes any number of fields, then a string"
        raise BuildError(msg)
    return condition_call(name, *(star_or_field(one) for one in fields), literals.text(text))


def search(*fields_and_text: AnyField) -> Condition:
    """Match records by a fuzzy text search (ODSQL: Predicates, search).

    `search("text")` searches all fields, `search(F.name, "text")` only those given. Case is
    ignored, and the last word may be incomplete.

    Args:
        fields_and_text: any number of fields, names of fields or "*", then the text.

    Raises:
        BuildError: the last argument is not a string, or another is neither a field nor "*".
    """
    return _search("search", fields_and_text)


def suggest(*fields_and_text: AnyField) -> Condition:
    """Match records with terms that begin with a text (ODSQL: Predicates, suggest).

    `suggest("text")` looks in all fields, `suggest(F.name, "text")` only in those given. Case is
    ignored.

    Args:
        fields_and_text: any number of fields, names of fields or "*", then the text.

    Raises:
        BuildError: the last argument is not a string, or another is neither a field nor "*".
    """
    return _search("suggest", fields_and_text)


def startswith(*fields_and_text: AnyField) -> Condition:
    """Match records whose whole value begins with a text (ODSQL: Predicates, startswith).

    `startswith("text")` looks in all fields, `startswith(F.name, "text")` only in those given. Case
    matters.

    Args:
        fields_and_text: any number of fields, names of fields or "*", then the text.

    Raises:
        BuildError: the last argument is not a string, or another is neither a field nor "*".
    """
    return _search("startswith", fields_and_text)


def vector_similarity_threshold(text: str) -> Condition:
    """Match records similar to a text (ODSQL: Predicates, vector_similarity_threshold).

    Allowed in `where` of catalog searches only.

    Raises:
        BuildError: `text` is not a string.
    """
    return condition_call("vector_similarity_threshold", literals.text(text))


def within_distance(field: AnyField, point: object, radius: str | Value) -> Condition:
    """Match records within a distance of a point (ODSQL: Predicates, within_distance).

    `within_distance(F.coordinates, (2.35, 48.85), "10km")`.

    Args:
        field: the geographic field, or its name.
        point: (longitude, latitude) or another geometry.
        radius: the greatest distance, a number and one of the units mi yd ft m cm km mm: "500 m".

    Raises:
        BuildError: `field` is not a geographic field, `point` not a geometry, or `radius` not a
            distance with a unit.
    """
    return condition_call("within_distance", field_of(field), shape_of(point), distance_of(radius))


def in_bbox(
    field: AnyField,
    latitude1: float | Decimal,
    longitude1: float | Decimal,
    latitude2: float | Decimal,
    longitude2: float | Decimal,
) -> Condition:
    """Match records inside a box, given by two corners (ODSQL: Predicates, in_bbox).

    The corners are in degrees, latitude first: `in_bbox(F.coordinates, 48.8, 2.2, 48.9, 2.5)`.

    Raises:
        BuildError: `field` is not a geographic field, or a coordinate not a number.
    """
    corners = map(number, (latitude1, longitude1, latitude2, longitude2))
    return condition_call("in_bbox", field_of(field), *corners)


def intersects(field: AnyField, shape: object) -> Condition:
    """Match records whose shape touches the given one (ODSQL: Predicates, intersects).

    Args:
        field: the geographic field, or its name.
        shape: WKT, WKB in hexadecimal, GeoJSON, (longitude, latitude), or an object with
            `__geo_interface__`.

    Raises:
        BuildError: `field` is not a geographic field, or `shape` not a geometry.
    """
    return condition_call("intersects", field_of(field), shape_of(shape))


def disjoint(field: AnyField, shape: object) -> Condition:
    """Match records whose shape does not touch the given one (ODSQL: Predicates, disjoint).

    Accepts the same shapes as `intersects`.

    Raises:
        BuildError: `field` is not a geographic field, or `shape` not a geometry.
    """
    return condition_call("disjoint", field_of(field), shape_of(shape))


def within(field: AnyField, shape: object) -> Condition:
    """Match records whose shape lies inside the given one (ODSQL: Predicates, within).

    Accepts the same shapes as `intersects`.

    Raises:
        BuildError: `field` is not a geographic field, or `shape` not a geometry.
    """
    return condition_call("within", field_of(field), shape_of(shape))


def polygon(field: AnyField, shape: object) -> Condition:
    """Match records inside a shape: the older `within` (ODSQL: Predicates, older spellings).

    Accepts the same shapes as `intersects`.

    Raises:
        BuildError: `field` is not a geographic field, or `shape` not a geometry.
    """
    return condition_call("polygon", field_of(field), shape_of(shape))


def geometry(field: AnyField, shape: object, mode: Mode | None = None) -> Condition:
    """Match records by a shape and a mode (ODSQL: Predicates, older spellings).

    The older spelling of `intersects`, `disjoint` and `within`, which are the modes. Accepts the
    same shapes as `intersects`.

    Raises:
        BuildError: `field` is not a geographic field, `shape` not a geometry, or `mode` none of
            the three.
    """
    if mode is None:
        return condition_call("geometry", field_of(field), shape_of(shape))
    if plain_text(mode, "mode of geometry()").lower() not in GEOMETRY_MODES:
        msg = f"geometry() has no mode {shown(mode)}; the modes are {', '.join(GEOMETRY_MODES)}"
        raise BuildError(msg)
    return condition_call("geometry", field_of(field), shape_of(shape), nodes.Word(mode.upper()))
