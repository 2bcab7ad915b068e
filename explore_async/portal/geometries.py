"""The geometries of a column, in a tree of their bounding boxes, which is asked for matching rows.

Geometries are flat in longitude and latitude, and an edge is part of its shape. The distance to a
shape is that in a projection around the given point in which all distances from it are true.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

from explore_async.portal.errors import require

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["EARTH_RADIUS", "Relation", "Shapes"]

EARTH_RADIUS = 6_371_008.7714
"""The mean radius of the Earth (IUGG) in metres, which search engines use for distances."""

Relation = Literal["intersects", "within"]

_PREDICATES = {"intersects": "intersects", "within": "covers"}
_STEP = 0.5
"""The length in degrees to which edges are divided, because they are straight before projection."""


class Shapes:
    """The geometries of one column."""

    def __init__(self, rows: Sequence[tuple[int, str]]) -> None:
        """Read rows of a row identifier and a GeoJSON feature; what is no geometry matches nothing.

        Raises:
            MissingExtraError: shapely is not installed.
        """
        self._shapely: Any = require("shapely")
        numpy = require("numpy")
        with numpy.errstate(all="ignore"):  # a coordinate may be infinite
            read = self._shapely.from_geojson([text for _, text in rows], on_invalid="ignore")
            read = self._shapely.force_2d(read)
            invalid = ~self._shapely.is_valid(read) & ~self._shapely.is_missing(read)
            read[invalid] = self._shapely.make_valid(read[invalid])
        self._rows = numpy.array([row for row, _ in rows], dtype="int64")
        self._geometries = read
        self._tree = self._shapely.STRtree(read)

    def related(self, relation: Relation, geometry: Any) -> list[int]:
        """Return the rows whose geometries intersect a geometry, or lie within it."""
        found = self._tree.query(geometry, predicate=_PREDICATES[relation])
        return [int(row) for row in self._rows[found]]

    def near(self, longitude: float, latitude: float, reach: float) -> list[int]:
        """Return the rows whose geometries are at most `reach` metres from a point."""
        boxes = [self._shapely.box(*corners) for corners in _around(longitude, latitude, reach)]
        _, found = self._tree.query(boxes)
        found = sorted(set(found.tolist()))
        divided = self._shapely.segmentize(self._geometries[found], _STEP)
        projected = self._shapely.transform(divided, lambda at: _projected(at, longitude, latitude))
        distances = self._shapely.distance(projected, self._shapely.Point(0, 0))
        return [int(row) for row in self._rows[found][distances <= reach]]


def _around(
    longitude: float, latitude: float, reach: float
) -> list[tuple[float, float, float, float]]:
    """Return the boxes that hold everything within a distance, also beyond the 180th meridian."""
    angle = reach / EARTH_RADIUS
    south, north = (latitude + sign * math.degrees(angle) for sign in (-1, 1))
    if south <= -90 or north >= 90:
        return [(-math.inf, south, math.inf, north)]
    width = math.degrees(math.asin(min(1.0, math.sin(angle) / math.cos(math.radians(latitude)))))
    return [
        (longitude + turn - width, south, longitude + turn + width, north)
        for turn in (-360, 0, 360)
    ]


def _projected(positions: Any, longitude: float, latitude: float) -> Any:
    """Project positions so that distances and directions from one point are true."""
    numpy = require("numpy")
    east, north = numpy.radians(positions - [longitude, latitude]).T
    there, here = numpy.radians(positions[:, 1]), math.radians(latitude)
    half = numpy.sin(north / 2) ** 2 + numpy.cos(there) * math.cos(here) * numpy.sin(east / 2) ** 2
    length = 2 * EARTH_RADIUS * numpy.arcsin(numpy.sqrt(numpy.minimum(1.0, half)))
    direction = numpy.arctan2(
        numpy.sin(east) * numpy.cos(there),
        math.cos(here) * numpy.sin(there) - math.sin(here) * numpy.cos(there) * numpy.cos(east),
    )
    return numpy.column_stack([length * numpy.sin(direction), length * numpy.cos(direction)])
