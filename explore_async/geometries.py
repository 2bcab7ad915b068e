"""Geometries as WKB and the metadata of GeoParquet, which the client reads and the portal writes.

WKB is little-endian, has the longitude as x, and has three dimensions as ISO defines them. The
metadata is that of GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0), under the key `geo`.
"""

from __future__ import annotations

from itertools import chain
from struct import error as StructError  # noqa: N812
from struct import pack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MISFITS", "geo_metadata", "wkb"]

MISFITS = (AttributeError, LookupError, RecursionError, StructError, TypeError, ValueError)
"""What `wkb` raises for a value that is not a geometry."""

_CODES = {
    "Point": 1,
    "LineString": 2,
    "Polygon": 3,
    "MultiPoint": 4,
    "MultiLineString": 5,
    "MultiPolygon": 6,
    "GeometryCollection": 7,
}
_PARTS = {"MultiPoint": "Point", "MultiLineString": "LineString", "MultiPolygon": "Polygon"}
_ISO_Z = 1000


def wkb(value: Any) -> bytes | None:
    """Return a point with `lon` and `lat`, a GeoJSON geometry or a GeoJSON feature as WKB.

    Null is None.

    Raises:
        One of `MISFITS`: the value is something else.
    """
    if value is None:
        return None
    if value.keys() >= {"lon", "lat"}:
        return _head("Point", 2) + pack("<2d", value["lon"], value["lat"])
    if value["type"] == "Feature":
        return wkb(value["geometry"])
    return _geometry(value)


def _geometry(value: Any) -> bytes:
    kind = value["type"]
    if kind == "GeometryCollection":
        inner = [_geometry(one) for one in value["geometries"]]
        # The collection has the dimensions of its members.
        flat = all(int.from_bytes(one[1:5], "little") < _ISO_Z for one in inner)
        return _head(kind, 2 if flat else 3) + pack("<I", len(inner)) + b"".join(inner)
    coordinates = value["coordinates"]
    return _shape(kind, coordinates, _dimensions(coordinates))


def _shape(kind: str, coordinates: Any, size: int) -> bytes:
    head = _head(kind, size)
    if kind == "Point":
        # WKB has no other way to write an empty point.
        return head + _positions([coordinates or [float("nan")] * size], size)
    if kind == "LineString":
        return head + _line(coordinates, size)
    if kind == "Polygon":
        parts = [_line(ring, size) for ring in coordinates]
    else:
        parts = [_shape(_PARTS[kind], part, size) for part in coordinates]
    return head + pack("<I", len(parts)) + b"".join(parts)


def _head(kind: str, size: int) -> bytes:
    return b"\1" + pack("<I", _CODES[kind] + (_ISO_Z if size > 2 else 0))


def _line(positions: Any, size: int) -> bytes:
    return pack("<I", len(positions)) + _positions(positions, size)


def _positions(positions: Any, size: int) -> bytes:
    numbers = list(chain.from_iterable(one[:size] for one in positions))
    return pack(f"<{size * len(positions)}d", *numbers)


def _dimensions(coordinates: Any) -> int:
    """Return 3 if the first position has an altitude, and otherwise 2."""
    while isinstance(coordinates, list) and coordinates:
        if not isinstance(coordinates[0], list):
            return 2 if len(coordinates) == 2 else 3
        coordinates = next((one for one in coordinates if one), coordinates[0])
    return 2


def geo_metadata(
    types: Mapping[str, str], *, crs: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the `geo` metadata of a file with geometry columns, which hold WKB.

    The primary column is the first shape, or else the first point: that is the geometry of a
    portal's GeoJSON, too.

    Args:
        types: the type of the field of each geometry column, `geo_point_2d` or `geo_shape`; there
            must be one.
        crs: the coordinate reference system of all columns as PROJJSON; None for OGC:CRS84, which
            is WGS 84.
    """
    shapes = [name for name, type_ in types.items() if type_ == "geo_shape"]
    system = {} if crs is None else {"crs": crs}
    described = {
        # An empty list means that the types are not known. Without `crs`, it is OGC:CRS84.
        name: {
            "encoding": "WKB",
            "geometry_types": ["Point"] if type_ == "geo_point_2d" else [],
            **system,
        }
        for name, type_ in types.items()
    }
    return {"version": "1.1.0", "primary_column": [*shapes, *types][0], "columns": described}
