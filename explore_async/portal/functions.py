"""Functions that DuckDB lacks, in Python: JSON and shapes around values.

`Store` registers them, and the compiler calls them by their SQL names.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from explore_async.portal.clusters import Point, clusters
from explore_async.portal.errors import require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

__all__ = ["register"]

_POINTS = "STRUCT(lon DOUBLE, lat DOUBLE)[]"
_MOST_DEGREES = 1e6


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
