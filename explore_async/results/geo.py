"""Geometries in Arrow tables, as GeoArrow and GeoParquet define them, and GeoPandas data frames.

A geometry column holds WKB: little-endian, with the longitude as x, and three dimensions as ISO
defines them. Its field says so by GeoArrow's extension metadata (https://geoarrow.org), and its
schema by the key `geo` (https://geoparquet.org/releases/v1.1.0). Portals write the latter to
Parquet exports; the coordinates of their JSON and CSV are WGS 84.
"""

from __future__ import annotations

import json
from itertools import chain
from struct import error as StructError  # noqa: N812
from struct import pack
from typing import TYPE_CHECKING, Any

from explore_async.results.conversion import GeoPoint

if TYPE_CHECKING:
    import geopandas
    import pyarrow as pa

__all__ = [
    "MISFITS",
    "annotated",
    "field_metadata",
    "frame",
    "is_geometry",
    "schema_metadata",
    "wkb",
]

MISFITS = (AttributeError, LookupError, RecursionError, StructError, TypeError, ValueError)
"""What `wkb` raises for a value that is not a geometry."""

_NAME, _METADATA = b"ARROW:extension:name", b"ARROW:extension:metadata"
_WKB = b"geoarrow.wkb"
_WGS84 = {"crs": "OGC:CRS84", "crs_type": "authority_code"}
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
    """Return a point, a GeoJSON geometry or a GeoJSON feature as WKB; None for null.

    Raises:
        One of `MISFITS`: the value is something else.
    """
    if value is None:
        return None
    if isinstance(value, GeoPoint):
        return _head("Point", 2) + pack("<2d", value.lon, value.lat)
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


def field_metadata() -> dict[bytes, bytes]:
    """Return the metadata of a field with WGS 84 geometries."""
    return _extension(_WGS84)


def _extension(metadata: dict[str, Any]) -> dict[bytes, bytes]:
    return {_NAME: _WKB, _METADATA: json.dumps(metadata).encode()}


def is_geometry(field: pa.Field) -> bool:
    """Return whether a field says that it holds WKB geometries."""
    return (field.metadata or {}).get(_NAME) == _WKB


def schema_metadata(types: dict[str, str]) -> dict[bytes, bytes] | None:
    """Return the metadata of a schema with geometry columns; None without columns.

    The primary column is the first shape, or else the first point: that is the geometry of a
    portal's GeoJSON, too.

    Args:
        types: the type of the field of each geometry column, `geo_point_2d` or `geo_shape`.
    """
    if not types:
        return None
    shapes = [name for name, type_ in types.items() if type_ == "geo_shape"]
    described = {
        # An empty list means that the types are not known. Without `crs`, it is OGC:CRS84.
        name: {"encoding": "WKB", "geometry_types": ["Point"] if type_ == "geo_point_2d" else []}
        for name, type_ in types.items()
    }
    geo = {"version": "1.1.0", "primary_column": [*shapes, *types][0], "columns": described}
    return {b"geo": json.dumps(geo).encode()}


def annotated(schema: pa.Schema) -> pa.Schema:
    """Return a schema with the extension metadata for the columns that its `geo` metadata lists."""
    for name, column in _described(schema).get("columns", {}).items():
        place = schema.get_field_index(name)
        if place < 0 or column.get("encoding") != "WKB":
            continue
        field = schema.field(place)
        crs = _WGS84 if "crs" not in column else {"crs": column["crs"]} if column["crs"] else {}
        metadata = {**(field.metadata or {}), **_extension(crs)}
        schema = schema.set(place, field.with_metadata(metadata))
    return schema


def frame(package: Any, table: pa.Table) -> geopandas.GeoDataFrame:
    """Return a table as a data frame; its active geometry is the primary column.

    Args:
        package: geopandas.
        table: a table, whose `geo` metadata describes its geometry columns.
    """
    schema = annotated(table.schema)
    names = [field.name for field in schema if is_geometry(field)]
    if not names:
        return package.GeoDataFrame(table.to_pandas())
    primary = _described(schema).get("primary_column")
    active = primary if primary in names else names[0]
    made: geopandas.GeoDataFrame = package.GeoDataFrame.from_arrow(
        table.cast(schema), geometry=active
    )
    return made


def _described(schema: pa.Schema) -> dict[str, Any]:
    """Return the `geo` metadata of a schema; empty if there is none that can be read."""
    try:
        found = json.loads((schema.metadata or {}).get(b"geo", b"{}"))
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
