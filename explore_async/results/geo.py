"""Geometries in Arrow tables, as GeoArrow and GeoParquet define them, and GeoPandas data frames.

A geometry column holds WKB: little-endian, with the longitude as x, and three dimensions as ISO
defines them. Its field says so by GeoArrow's extension metadata (https://geoarrow.org), and its
schema by the key `geo` (https://geoparquet.org/releases/v1.1.0). Portals write the latter to
Parquet exports; the coordinates of their JSON and CSV are WGS 84.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from explore_async import geometries
from explore_async.geometries import MISFITS
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

_NAME, _METADATA = b"ARROW:extension:name", b"ARROW:extension:metadata"
_WKB = b"geoarrow.wkb"
_WGS84 = {"crs": "OGC:CRS84", "crs_type": "authority_code"}


def wkb(value: Any) -> bytes | None:
    """Return a point, a GeoJSON geometry or a GeoJSON feature as WKB; None for null.

    Raises:
        One of `MISFITS`: the value is something else.
    """
    if isinstance(value, GeoPoint):
        return geometries.wkb({"lon": value.lon, "lat": value.lat})
    return geometries.wkb(value)


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

    Args:
        types: the type of the field of each geometry column, `geo_point_2d` or `geo_shape`.
    """
    if not types:
        return None
    return {b"geo": json.dumps(geometries.geo_metadata(types)).encode()}


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
