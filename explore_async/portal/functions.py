"""Functions that DuckDB lacks, in Python: JSON, clusters of points and shapes around values.

`Store` registers them, and the compiler calls them by their SQL names.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from explore_async.portal.errors import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

__all__ = ["register"]

_POINTS = "STRUCT(lon DOUBLE, lat DOUBLE)[]"
_TILE = 256
"""The width of the world in pixels at zoom 0."""
_NORTH = 85.0511
"""The greatest latitude of the Mercator projection of web maps in degrees."""

_MOST_DEGREES = 1e6

Point = dict[str, float]


def register(connection: DuckDBPyConnection) -> None:
    """Make the functions known to a database."""
    connection.create_function("portal_json", read_json, ["VARCHAR"], "VARCHAR")
    connection.create_function(
        "portal_clusters", clusters, [_POINTS, "BIGINT", "DOUBLE"], "BIGINT[]"
    )
    connection.create_function("portal_bounds", bounds, ["VARCHAR[]"], "DOUBLE[]")
    connection.create_function("portal_box", box, ["DOUBLE[]"], "VARCHAR")
    connection.create_function("portal_hull", hull, [_POINTS], "VARCHAR")


def read_json(text: str) -> str:
    """Return JSON in the layout of a response, or an empty text if it is not valid."""
    try:
        read = json.loads(text, parse_constant=_refuse)
        return json.dumps(read)
    except (ValueError, RecursionError):
        return ""


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and infinities are not JSON


# ---------------------------------------------------------------- clusters


def clusters(points: list[Point], zoom: int, radius: float) -> list[int]:
    """Return the number of the cluster of each point.

    In their order, each point joins the cluster whose first point is nearest, if that is not more
    than `radius` pixels away on a web map of this zoom; otherwise it is the first point of a new
    cluster. Cells as wide as the radius save comparing all pairs.
    """
    first: dict[tuple[int, int], list[tuple[float, float, int]]] = {}
    numbers: list[int] = []
    made = 0
    for point in points:
        x, y = _pixel(point, zoom)
        column, row = int(x // radius), int(y // radius)
        near = [
            (math.hypot(x - left, y - top), number)
            for cell in _around(column, row)
            for left, top, number in first.get(cell, ())
        ]
        distance, number = min(near, default=(math.inf, made))
        if distance > radius:
            number, made = made, made + 1
            first.setdefault((column, row), []).append((x, y, number))
        numbers.append(number)
    return numbers


def _around(column: int, row: int) -> Iterator[tuple[int, int]]:
    return ((column + x, row + y) for x in (-1, 0, 1) for y in (-1, 0, 1))


def _pixel(point: Point, zoom: int) -> tuple[float, float]:
    latitude = math.radians(min(max(point["lat"], -_NORTH), _NORTH))
    width = _TILE * 2.0**zoom
    return (
        (point["lon"] + 180) / 360 * width,
        (1 - math.asinh(math.tan(latitude)) / math.pi) / 2 * width,
    )


# ---------------------------------------------------------------- shapes around values


def bounds(shapes: list[str]) -> list[float]:
    """Return the west, south, east and north of some shapes; what is no position is left out."""
    every = [at for shape in shapes for at in _positions(json.loads(shape)["geometry"])]
    if not every:
        return []
    longitudes, latitudes = [at[0] for at in every], [at[1] for at in every]
    return [min(longitudes), min(latitudes), max(longitudes), max(latitudes)]


def _positions(geometry: Any) -> Iterator[tuple[float, float]]:
    waiting = [geometry]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [one.get("coordinates"), one.get("geometries")]
        elif isinstance(one, list) and len(one) > 1 and all(map(_is_degrees, one[:2])):
            yield float(one[0]), float(one[1])
        elif isinstance(one, list):
            waiting += one


def _is_degrees(value: Any) -> bool:
    return isinstance(value, int | float) and abs(value) <= _MOST_DEGREES


def box(corners: list[float]) -> str:
    """Return a rectangle as a shape, or an empty text without corners."""
    if not corners:
        return ""
    west, south, east, north = corners
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return _feature("Polygon", [ring])


def hull(points: list[Point]) -> str:
    """Return the convex hull of some points: a polygon, a line or a point."""
    shapely = require("shapely")
    found = shapely.MultiPoint([(one["lon"], one["lat"]) for one in points]).convex_hull
    mapped = shapely.geometry.mapping(found)
    return _feature(mapped["type"], mapped["coordinates"])


def _feature(kind: str, coordinates: Any) -> str:
    geometry = {"coordinates": coordinates, "type": kind}
    return json.dumps({"type": "Feature", "geometry": geometry, "properties": {}})
