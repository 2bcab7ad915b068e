"""Files with geometries, rewritten so that DuckDB can read them without its spatial extension.

GeoJSON becomes JSON Lines, and GeoParquet and FlatGeobuf become Parquet. Points become
`{"lon": .., "lat": ..}`, other geometries GeoJSON features, as in records of the API.
"""

from __future__ import annotations

import json
from itertools import count
from typing import TYPE_CHECKING, Any

import orjson

from explore_async.portal.errors import StoreError, require
from explore_async.portal.wkb import read_wkb

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from explore_async.portal.schema import FieldType

__all__ = ["geo_columns", "rewrite_flatgeobuf", "rewrite_geojson", "rewrite_geoparquet"]

_POINT = b"\x01\x01\x00\x00\x00"
"""The beginning of a point in two dimensions in WKB of GDAL."""

_WGS84 = ("CRS84", "EPSG:4326", "EPSG::4326", "OGC:CRS84h")


def rewrite_geojson(path: Path, target: Path) -> None:
    """Write the features of a file as rows of JSON Lines.

    The geometry is the field `geo_point_2d` if all are points in two dimensions, and otherwise the
    field `geo_shape`; a `_` is appended while a property has the name. The identifiers of features
    are the field `id`, unless there is such a property.

    Raises:
        StoreError: the file is not a GeoJSON FeatureCollection on WGS 84.
    """
    features = _features(path)
    points = all(_is_point(one.get("geometry")) for one in features)
    name = _free_name(
        "geo_point_2d" if points else "geo_shape",
        {key for one in features for key in one.get("properties") or ()},
    )
    with target.open("wb") as file:
        for one in features:
            row = {"id": one["id"]} if "id" in one else {}
            row |= one.get("properties") or {}
            geometry = one.get("geometry")
            row[name] = _as_point(geometry) if points else _as_feature(geometry)
            file.write(orjson.dumps(row) + b"\n")


def _features(path: Path) -> list[dict[str, Any]]:
    try:
        read = orjson.loads(path.read_bytes())
    except orjson.JSONDecodeError as error:
        raise StoreError(f"{path} is not JSON: {error}. Correct or remove the file.") from error
    features = read.get("features") if isinstance(read, dict) else None
    if not isinstance(features, list) or not all(_is_feature(one) for one in features):
        raise StoreError(
            f"{path} is not a GeoJSON FeatureCollection. Correct it, or name it .jsonl if it has "
            "one object per line."
        )
    crs = read.get("crs")
    if crs is not None and not any(name in json.dumps(crs) for name in _WGS84):
        raise _wrong_crs(path)
    return features


def _is_feature(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.get("type") == "Feature"
        and isinstance(value.get("properties"), dict | None)
        and _is_geometry(value.get("geometry"))
    )


def _is_geometry(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, dict) and any(
        isinstance(value.get(name), list) for name in ("coordinates", "geometries")
    )


def _is_point(geometry: Mapping[str, Any] | None) -> bool:
    if geometry is None:
        return True
    return geometry.get("type") == "Point" and len(geometry.get("coordinates", ())) in (0, 2)


def _as_point(geometry: Mapping[str, Any] | None) -> dict[str, float] | None:
    if geometry is None or not geometry.get("coordinates"):
        return None
    longitude, latitude = geometry["coordinates"]
    return {"lon": longitude, "lat": latitude}


def _as_feature(geometry: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if geometry is None:
        return None
    return {"type": "Feature", "geometry": geometry, "properties": {}}


def _free_name(name: str, taken: Iterable[str]) -> str:
    return next(free for at in count() if (free := name + "_" * at) not in taken)


def geo_columns(path: Path, metadata: bytes) -> dict[str, FieldType]:
    """Return the types of the geometry columns that the metadata `geo` of a Parquet file names.

    Raises:
        StoreError: the metadata is no GeoParquet, or the geometries are not WKB on WGS 84.
    """
    try:
        columns = json.loads(metadata)["columns"]
        return {name: _geo_type(path, one) for name, one in columns.items()}
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path} has broken GeoParquet metadata. Write the file anew.") from error


def _geo_type(path: Path, column: Mapping[str, Any]) -> FieldType:
    if column["encoding"] != "WKB":
        raise StoreError(
            f"{path} has geometries in the encoding {column['encoding']}. Write them as WKB."
        )
    identifier = (column.get("crs") or {}).get("id", {})
    name = f"{identifier.get('authority')}:{identifier.get('code')}"
    if column.get("crs") is not None and name not in ("OGC:CRS84", "EPSG:4326"):
        raise _wrong_crs(path)
    return "geo_point_2d" if column.get("geometry_types") == ["Point"] else "geo_shape"


def _wrong_crs(path: Path) -> StoreError:
    return StoreError(
        f"{path} has coordinates that are not WGS 84 (EPSG:4326). Convert the file, for instance "
        f"with `ogr2ogr -t_srs EPSG:4326 converted{path.suffix} {path.name}`."
    )


def rewrite_geoparquet(path: Path, target: Path, columns: Mapping[str, FieldType]) -> None:
    """Write a Parquet file with points as structs and shapes as texts in the place of WKB.

    Raises:
        MissingExtraError: pyarrow is not installed.
        StoreError: a geometry is not WKB.
    """
    require("pyarrow")
    parquet = require("pyarrow.parquet")
    with parquet.ParquetFile(path) as source:
        schema = source.schema_arrow.remove_metadata()
        _rewrite(path, target, schema, source.iter_batches(), columns)


def rewrite_flatgeobuf(path: Path, target: Path) -> dict[str, FieldType]:
    """Write a FlatGeobuf file as Parquet, and return the type of its geometry column by its name.

    The geometry is the field `geo_point_2d` if all are points in two dimensions, and otherwise the
    field `geo_shape`; a `_` is appended while a property has the name.

    Raises:
        MissingExtraError: pyogrio or pyarrow is not installed.
        StoreError: the file is not FlatGeobuf on WGS 84.
    """
    pyogrio, arrow = require("pyogrio"), require("pyarrow")
    # The faster way of GDAL 3.12 crashes on a feature without a geometry.
    pyogrio.set_gdal_config_options({"OGR_FLATGEOBUF_STREAM_BASE_IMPL": "YES"})
    try:
        kind: FieldType = "geo_point_2d" if _has_only_points(path) else "geo_shape"
        with pyogrio.open_arrow(path, use_pyarrow=True) as (about, reader):
            if about["crs"] not in (None, "EPSG:4326", "OGC:CRS84"):
                raise _wrong_crs(path)
            name = _free_name(kind, about["fields"])
            names = [*reader.schema.names[:-1], name]  # the geometry is last
            schema = arrow.schema(
                [reader.schema.field(at).remove_metadata().with_name(one)
                 for at, one in enumerate(names)]
            )  # fmt: skip
            batches = (one.rename_columns(names) for one in reader)
            count = _rewrite(path, target, schema, batches, {name: kind})
        promised = pyogrio.read_info(path)["features"]
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise StoreError(f"{path} is not FlatGeobuf. Write the file anew, or remove it.") from error
    if count < promised:  # GDAL takes the end of a file that is cut for the last feature.
        raise StoreError(
            f"{path} has {count} of its {promised} features. Write the file anew, or remove it."
        )
    return {name: kind}


def _has_only_points(path: Path) -> bool:
    """Return whether all geometries of a file are points in two dimensions, or missing."""
    with require("pyogrio").open_arrow(path, columns=[], use_pyarrow=True) as (about, reader):
        if about["geometry_type"] != "Unknown":
            return bool(about["geometry_type"] == "Point")
        columns = (batch.column(batch.num_columns - 1) for batch in reader)
        return all(
            one is None or one.startswith(_POINT)
            for column in columns
            for one in column.to_pylist()
        )


def _rewrite(
    path: Path, target: Path, schema: Any, batches: Iterable[Any], columns: Mapping[str, FieldType]
) -> int:
    """Write batches of Arrow as Parquet, with converted geometries; return the number of rows."""
    count = 0
    arrow, parquet = require("pyarrow"), require("pyarrow.parquet")
    point = arrow.struct([("lon", arrow.float64()), ("lat", arrow.float64())])
    for name, kind in columns.items():
        at = schema.get_field_index(name)
        if at < 0:
            raise StoreError(f"{path} lacks its geometry column {name!r}. Write the file anew.")
        type_ = point if kind == "geo_point_2d" else arrow.string()
        schema = schema.set(at, arrow.field(name, type_))
    with parquet.ParquetWriter(target, schema) as writer:
        for batch in batches:
            arrays = [
                arrow.array(_converted(path, array, columns[one.name]), one.type)
                if one.name in columns
                else array
                for one, array in zip(schema, batch.columns, strict=True)
            ]
            writer.write_batch(arrow.RecordBatch.from_arrays(arrays, schema=schema))
            count += batch.num_rows
    return count


def _converted(path: Path, array: Any, kind: FieldType) -> list[Any]:
    try:
        geometries = [None if one is None else read_wkb(one) for one in array.to_pylist()]
    except (ValueError, TypeError) as error:
        raise StoreError(f"{path} has a geometry that is not WKB. Write the file anew.") from error
    if kind == "geo_point_2d":
        return [one and _as_point({"coordinates": one["coordinates"][:2]}) for one in geometries]
    return [None if one is None else json.dumps(_as_feature(one)) for one in geometries]
