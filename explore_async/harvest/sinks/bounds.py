"""The bounding boxes of the geometry columns of one file, for the metadata of GeoParquet."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from explore_async.results import geo
from explore_async.results.conversion import GeoPoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from explore_async.models import Row

__all__ = ["Bounds"]


class Bounds:
    """The bounds of the geometries of a schema.

    Args:
        schema: the columns; the metadata `geo` describes those with geometries.
    """

    def __init__(self, schema: pa.Schema) -> None:
        self._described = (schema.metadata or {}).get(b"geo")
        self._boxes = {
            one.name: [math.inf, math.inf, -math.inf, -math.inf]
            for one in schema
            if geo.is_geometry(one)
        }

    def take(self, rows: Iterable[Row]) -> None:
        """Widen the bounds by the geometries of rows."""
        for name, box in self._boxes.items():
            for row in rows:
                for x, y in _positions(row.get(name)):
                    box[:] = min(box[0], x), min(box[1], y), max(box[2], x), max(box[3], y)

    def metadata(self) -> dict[str, str]:
        """Return the metadata of the file, in which each column with a geometry has its `bbox`."""
        if self._described is None:
            return {}
        described = json.loads(self._described)
        for name, box in self._boxes.items():
            if math.isfinite(box[0]):
                described["columns"][name]["bbox"] = box
        return {"geo": json.dumps(described)}


def _positions(value: Any) -> Iterator[tuple[float, float]]:
    """Yield the positions of a geometry; nothing for what is none."""
    if isinstance(value, GeoPoint):
        yield value.lon, value.lat
    elif isinstance(value, dict):
        for one in (value.get("geometry"), *(value.get("geometries") or ())):
            yield from _positions(one)
        yield from _within(value.get("coordinates"))


def _within(coordinates: Any) -> Iterator[tuple[float, float]]:
    if not isinstance(coordinates, list) or not coordinates:
        return
    if all(isinstance(one, int | float) for one in coordinates):
        if len(coordinates) > 1:
            yield coordinates[0], coordinates[1]
        return
    for one in coordinates:
        yield from _within(one)
