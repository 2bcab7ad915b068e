"""Conditions with a name (ODSQL: Predicates)."""

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
from odsql.syntax.errors import BuildError
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
    return condition_call(name, *(star_or_field(one) for one in fields), literals.text(text))


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
    return condition_call("vector_similarity_threshold", literals.text(text))


def within_distance(field: AnyField, point: object, radius: str | Value) -> Condition:
    """Records at most `radius` from a point (ODSQL: Predicates, within_distance).

    The point is (longitude, latitude) or another geometry; the radius a number and one of the units
    mi yd ft m cm km mm: "10km", "500 m".

    Raises:
        BuildError: this is no geographic field, no geometry, or no distance with a unit.
    """
    return condition_call("within_distance", field_of(field), shape_of(point), distance_of(radius))


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
    return condition_call("in_bbox", field_of(field), *corners)


def intersects(field: AnyField, shape: object) -> Condition:
    """Records whose shape touches the given one (ODSQL: Predicates, intersects).

    Shapes are WKT, WKB in hexadecimal, GeoJSON, (longitude, latitude), or have `__geo_interface__`.

    Raises:
        BuildError: this is no geographic field, or no geometry.
    """
    return condition_call("intersects", field_of(field), shape_of(shape))


def disjoint(field: AnyField, shape: object) -> Condition:
    """Records whose shape does not touch the given one (ODSQL: Predicates, disjoint).

    Takes what `intersects` takes.

    Raises:
        BuildError: this is no geographic field, or no geometry.
    """
    return condition_call("disjoint", field_of(field), shape_of(shape))


def within(field: AnyField, shape: object) -> Condition:
    """Records whose shape lies inside the given one (ODSQL: Predicates, within).

    Takes what `intersects` takes.

    Raises:
        BuildError: this is no geographic field, or no geometry.
    """
    return condition_call("within", field_of(field), shape_of(shape))


def polygon(field: AnyField, shape: object) -> Condition:
    """Records inside a shape: the older spelling of `within` (ODSQL: Predicates, older spellings).

    Raises:
        BuildError: this is no geographic field, or no geometry.
    """
    return condition_call("polygon", field_of(field), shape_of(shape))


def geometry(field: AnyField, shape: object, mode: Mode | None = None) -> Condition:
    """Records by a shape: the older spelling of `intersects`, `disjoint` and `within`.

    (ODSQL: Predicates, older spellings.)

    Raises:
        BuildError: this is no geographic field, no geometry, or the mode none of the three.
    """
    if mode is None:
        return condition_call("geometry", field_of(field), shape_of(shape))
    if plain_text(mode, "the mode of geometry").lower() not in GEOMETRY_MODES:
        msg = f"geometry has no mode {mode!r}; it has {', '.join(GEOMETRY_MODES)}"
        raise BuildError(msg)
    return condition_call("geometry", field_of(field), shape_of(shape), nodes.Word(mode.upper()))
