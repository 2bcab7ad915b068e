"""Geographic functions and conditions: distances in metres, boxes and areas.

Geometries are WKT, WKB or GeoJSON, longitude first, in degrees on WGS 84. Polygons are flat in
longitude and latitude, and their edges must not cross the 180th meridian. Points in polygons are
found with SQL, where a point exactly on an edge may count as inside or outside; `shapes` does what
is left: fields of type `geo_shape`, and other geometries.
"""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from attrs import frozen

from explore_async.portal import shapes
from explore_async.portal.context import Value
from explore_async.portal.errors import malformed, not_supported
from explore_async.portal.geometries import EARTH_RADIUS
from odsql import nodes
from odsql.syntax.functions import DISTANCE_UNITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.portal.context import Context
    from explore_async.portal.geometries import Relation
    from explore_async.portal.schema import Column

__all__ = [
    "distance",
    "in_area",
    "in_bbox",
    "metres",
    "point_field",
    "within_distance",
]

_METRES = {
    "mi": 1609.344, "yd": 0.9144, "ft": 0.3048, "m": 1.0, "cm": 0.01, "km": 1000.0, "mm": 0.001,
}  # fmt: skip

_WKT = re.compile(r"\s*(point|polygon|multipolygon)\s*(\(.*\))\s*", re.IGNORECASE | re.DOTALL)
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_POSITION = re.compile(rf"({_NUMBER})\s+({_NUMBER})(?:\s+{_NUMBER})*")
_RING = re.compile(r"\(([^()]*)\)")

Position = tuple[float, float]


@frozen
class Shape:
    """A geometry as rings of (longitude, latitude); a point is one ring of one position."""

    type: str
    rings: tuple[tuple[Position, ...], ...]


def read_shape(node: nodes.Node, context: Context) -> Shape | None:
    """Read a point, polygon or multipolygon literal; return None for any other geometry."""
    if not isinstance(node, nodes.Geometry):
        raise malformed("A geometry literal geom'...' is expected", context.clause)
    text = node.text.strip()
    shape = _read_geojson(text, context) if text.startswith("{") else _read_wkt(text)
    if shape is None:
        return None
    if not all(math.isfinite(number) for ring in shape.rings for at in ring for number in at):
        raise malformed("A position must be two finite numbers", context.clause)
    return shape


def _read_wkt(text: str) -> Shape | None:
    match = _WKT.fullmatch(text)
    if match is None:
        return None
    kind = match[1].lower()
    rings = tuple(
        ring for body in _RING.findall(match[2]) if (ring := _read_ring(body)) is not None
    )
    if not rings or not all(rings) or match[2].count("(") != match[2].count(")"):
        return None
    return _checked(kind, rings)


def _read_ring(body: str) -> tuple[Position, ...] | None:
    positions = [_POSITION.fullmatch(part.strip()) for part in body.split(",")]
    if not all(positions):
        return ()
    return tuple((float(one[1]), float(one[2])) for one in positions if one)


def _read_geojson(text: str, context: Context) -> Shape | None:
    try:
        read: Any = json.loads(text)
        kind, coordinates = str(read["type"]).lower(), read["coordinates"]
        if kind == "point":
            return _checked(kind, (_ring([coordinates]),))
        if kind == "polygon":
            return _checked(kind, tuple(_ring(ring) for ring in coordinates))
        if kind == "multipolygon":
            return _checked(kind, tuple(_ring(ring) for part in coordinates for ring in part))
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise malformed("The geometry is not a valid GeoJSON geometry", context.clause) from error
    return None


def _ring(coordinates: Sequence[Sequence[float]]) -> tuple[Position, ...]:
    return tuple((float(one[0]), float(one[1])) for one in coordinates)


def _checked(kind: str, rings: tuple[tuple[Position, ...], ...]) -> Shape | None:
    """Return the shape, or None if it is invalid.

    A point has one position; a ring has at least four, and the last equals the first.
    """
    if kind == "point":
        return Shape(kind, rings) if len(rings) == 1 and len(rings[0]) == 1 else None
    closed = all(len(ring) > 3 and ring[0] == ring[-1] for ring in rings)
    return Shape(kind, rings) if rings and closed else None


def geographic(node: nodes.Node, context: Context) -> Column:
    """Return a column of points or shapes; refuse other fields."""
    if not isinstance(node, nodes.Field):
        raise malformed("A geographic field is expected", context.clause)
    column = context.column(node.name)
    if column.field.type not in ("geo_point_2d", "geo_shape"):
        raise malformed(f"Field {node.name} is not a geographic field", context.clause)
    return column


def point_field(node: nodes.Node, context: Context) -> str:
    """Return the SQL of a `geo_point_2d` field; refuse other fields."""
    column = geographic(node, context)
    if column.field.type == "geo_shape":
        raise not_supported("A distance or a cluster of geo_shape values")
    return column.sql


def metres(node: nodes.Node, context: Context) -> float:
    """Return the metres of a distance such as `800m`; the case of the unit does not matter."""
    if not isinstance(node, nodes.Quantity) or node.unit.lower() not in DISTANCE_UNITS:
        units = ", ".join(DISTANCE_UNITS)
        raise malformed(f"A distance with a unit ({units}) is expected", context.clause)
    return float(node.amount.value) * _METRES[node.unit.lower()]


def distance(field: nodes.Node, literal: nodes.Node, context: Context) -> Value:
    """Compile the great-circle distance in metres: the haversine formula on a sphere."""
    longitude, latitude = _point(literal, context)
    return Value(_haversine(point_field(field, context), longitude, latitude, context), "double")


def within_distance(
    field: nodes.Node, literal: nodes.Node, radius: nodes.Node, context: Context
) -> str:
    """Return SQL for a distance up to the radius; the cheap test of the latitude comes first."""
    found = geographic(field, context)
    longitude, latitude = _point(literal, context)
    reach = metres(radius, context)
    if found.field.type == "geo_shape":
        return shapes.near(found, longitude, latitude, reach, context)
    column = found.sql
    band = math.degrees(reach / EARTH_RADIUS) + 1e-9
    low, high = context.bind(latitude - band), context.bind(latitude + band)
    exact = _haversine(column, longitude, latitude, context)
    return f"({column}.lat BETWEEN {low} AND {high} AND {exact} <= {context.bind(reach)})"


def _point(literal: nodes.Node, context: Context) -> Position:
    shape = read_shape(literal, context)
    if shape is None or shape.type != "point":
        raise not_supported("A distance to anything but a point in WKT or GeoJSON")
    return shape.rings[0][0]


def _haversine(column: str, longitude: float, latitude: float, context: Context) -> str:
    lon, lat = context.bind(longitude), context.bind(latitude)
    # `least` leaves out null, so a record without a point would be on the other side of the Earth.
    return (
        f"(CASE WHEN {column} IS NOT NULL THEN {2 * EARTH_RADIUS} * asin(least(1.0, sqrt("
        f"pow(sin(radians({column}.lat - {lat}) / 2), 2) + cos(radians({lat})) * "
        f"cos(radians({column}.lat)) * pow(sin(radians({column}.lon - {lon}) / 2), 2)))) END)"
    )


def in_bbox(arguments: Sequence[nodes.Node], context: Context) -> str:
    """Return SQL for `in_bbox(field, latitude1, longitude1, latitude2, longitude2)`.

    Edges are included. Corners in the wrong order match no rows, as on live portals.
    """
    if len(arguments) != 5:
        raise malformed("in_bbox() takes a field and four numbers", context.clause)
    found = geographic(arguments[0], context)
    corners = [_number(one, context) for one in arguments[1:]]
    if found.field.type == "geo_shape":
        south, west, north, east = corners
        return shapes.in_box(found, south, west, north, east, context)
    column = found.sql
    low, left, high, right = map(context.bind, corners)
    return f"({column}.lat BETWEEN {low} AND {high} AND {column}.lon BETWEEN {left} AND {right})"


def _number(node: nodes.Node, context: Context) -> float:
    sign = 1.0
    if isinstance(node, nodes.Negate):
        node, sign = node.operand, -1.0
    if not isinstance(node, nodes.Number):
        raise malformed("in_bbox() takes a field and four numbers", context.clause)
    return sign * float(node.value)


def in_area(relation: Relation, field: nodes.Node, literal: nodes.Node, context: Context) -> str:
    """Return SQL for values that intersect a geometry or lie within it."""
    column = geographic(field, context)
    shape = read_shape(literal, context)
    if column.field.type == "geo_point_2d" and shape is not None and shape.type != "point":
        return _in_polygon(column.sql, shape, context)
    return shapes.related(relation, column, literal, context)


def _in_polygon(column: str, shape: Shape, context: Context) -> str:
    """Return SQL for a point in a polygon: the even-odd rule over all edges."""
    edges = [
        {"x1": first[0], "y1": first[1], "x2": second[0], "y2": second[1]}
        for ring in shape.rings
        for first, second in pairwise(ring)
    ]
    every = [position for ring in shape.rings for position in ring]
    west, east = (context.bind(pick(at[0] for at in every)) for pick in (min, max))
    south, north = (context.bind(pick(at[1] for at in every)) for pick in (min, max))
    crossed = (
        f"((e.y1 > {column}.lat) <> (e.y2 > {column}.lat)) AND "
        f"{column}.lon < (e.x2 - e.x1) * ({column}.lat - e.y1) / (e.y2 - e.y1) + e.x1"
    )
    return (
        f"({column}.lat BETWEEN {south} AND {north} AND {column}.lon BETWEEN {west} AND {east} "
        f"AND len(list_filter({context.bind(edges)}, lambda e: {crossed})) % 2 = 1)"
    )
