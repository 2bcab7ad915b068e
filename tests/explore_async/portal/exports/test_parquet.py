"""GeoParquet: typed columns, WKB, and the metadata that independent readers need."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
import shapely.geometry
from hypothesis import given, settings

from explore_async.portal import PortalError
from tests.explore_async.portal.asking import GEONAMES, THINGS
from tests.explore_async.portal.exports.samples import ROWS, exported

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker


def table(rows: list[dict[str, Any]], **parameters: str) -> pa.Table:
    return pq.read_table(io.BytesIO(exported(rows, "parquet", **parameters)))


def columns_of(rows: list[dict[str, Any]], **types: str) -> dict[str, pq.ColumnChunkMetaData]:
    """Return what a file says of the columns of its first group."""
    fields = [{"name": name, "type": type_} for name, type_ in types.items()]
    group = pq.read_metadata(io.BytesIO(exported(rows, "parquet", fields=fields))).row_group(0)
    return {name: group.column(index) for index, name in enumerate(types)}


def geometry(value: dict[str, Any] | None) -> shapely.Geometry | None:
    """Return the geometry of a point or a feature of a record."""
    if value is None:
        return None
    if "lon" in value:
        return shapely.Point(value["lon"], value["lat"])
    return shapely.geometry.shape(value["geometry"])


def typed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a record as the columns hold it."""
    return {
        **row,
        "day": row["day"] and date.fromisoformat(row["day"]),
        "moment": row["moment"] and datetime.fromisoformat(row["moment"]),
        "year": row["year"] and date(int(row["year"]), 1, 1),
        "month": row["month"] and date.fromisoformat(f"{row['month']}-01"),
        "place": geometry(row["place"]),
        "shape": geometry(row["shape"]),
    }


@settings(max_examples=25)
@given(ROWS)
def test_every_value_is_read_back(rows: list[dict[str, Any]]) -> None:
    """Numbers, days, moments, lists and geometries have types of their own."""
    found = table(rows).to_pylist()
    for row in found:
        row["place"] = shapely.from_wkb(row["place"])
        row["shape"] = shapely.from_wkb(row["shape"])
    assert found == [typed(row) for row in rows]


def test_types_are_those_of_live_exports() -> None:
    """Datetimes in milliseconds and UTC, doubles, and WKB in binary columns are recorded."""
    schema = table(THINGS).schema
    assert {field.name: str(field.type) for field in schema if field.name != "path"} == {
        "id": "int64",
        "name": "string",
        "tags": "list<element: string>",
        "size": "double",
        "day": "date32[day]",
        "moment": "timestamp[ms, tz=UTC]",
        "open": "bool",
        "place": "binary",
        "shape": "binary",
        "code": "string",
        "year": "date32[day]",
        "month": "date32[day]",
    }


def test_geopandas_reads_it() -> None:
    """It refuses files without `geo` metadata; the longitude is x."""
    found = geopandas.read_parquet(io.BytesIO(exported(THINGS, "parquet")))
    assert found.crs == "OGC:CRS84"
    assert found.active_geometry_name == "shape"
    assert found.geometry[0] == shapely.Point(2.3522, 48.8566)
    assert found["place"][2] == shapely.Point(-1.5536, 47.2184)
    assert found["place"][3] is None


def test_epsg_projects_all_geometries() -> None:
    """The metadata names the projection of each column."""
    found = geopandas.read_parquet(io.BytesIO(exported(THINGS, "parquet", epsg="2154")))
    for name in ("place", "shape"):
        assert found[name].crs == "EPSG:2154"
        assert found[name][0].distance(shapely.Point(652_469, 6_862_035)) < 1


def test_without_geographic_fields_there_is_no_geo_metadata() -> None:
    """It is a plain Parquet file."""
    assert b"geo" not in (table(THINGS, select="id").schema.metadata or {})


def test_the_compression_is_the_requested_one() -> None:
    """Snappy by default, as documented."""
    for parameters, expected in (({}, "SNAPPY"), ({"parquet_compression": "zstd"}, "ZSTD")):
        metadata = pq.read_metadata(io.BytesIO(exported(THINGS, "parquet", **parameters)))
        assert metadata.row_group(0).column(0).compression == expected


def test_texts_that_repeat_have_a_dictionary() -> None:
    """One is made only where it pays, because making it takes half of the time of an export."""
    rows = [{"kind": f"kind {number % 2}", "name": f"name {number}"} for number in range(40)]
    columns = columns_of(rows, kind="text", name="text")
    assert columns["kind"].has_dictionary_page
    assert not columns["name"].has_dictionary_page


def test_numbers_and_times_have_statistics() -> None:
    """Readers use them to skip groups of rows; for texts they are rarely worth their time."""
    rows = [{"height": 2, "day": "2025-01-02", "name": "oak"}]
    columns = columns_of(rows, height="int", day="date", name="text")
    assert columns["height"].statistics.max == 2
    assert columns["day"].statistics.min == date(2025, 1, 2)
    assert columns["name"].statistics is None


def test_labels_name_the_columns() -> None:
    """Also in the `geo` metadata."""
    labels = [
        {"name": "id", "type": "int", "label": "Identifier"},
        {"name": "place", "type": "geo_point_2d", "label": "Its place"},
    ]
    rows = [{"id": 1, "place": {"lon": 1.0, "lat": 2.0}}]
    body = exported(rows, "parquet", fields=labels, use_labels="true")
    schema = pq.read_schema(io.BytesIO(body))
    assert schema.names == ["Identifier", "Its place"]
    assert json.loads(schema.metadata[b"geo"])["primary_column"] == "Its place"


def test_equal_labels_are_refused() -> None:
    """Readers find columns by name."""
    with pytest.raises(PortalError, match="two columns called Identifier"):
        exported(THINGS, "parquet", select="id, name as Identifier", use_labels="true")


def test_what_is_no_geometry_is_refused() -> None:
    """There is no WKB for it."""
    with pytest.raises(PortalError, match="not a GeoJSON geometry"):
        exported([{"shape": {"type": "Polygon", "coordinates": [7]}}], "parquet")


async def test_a_large_export_has_several_groups_of_rows(ask_cities: Asker) -> None:
    """So that neither the portal nor a reader needs them all in memory."""
    answer = await ask_cities.get(f"{GEONAMES}/exports/parquet", select="geoname_id, coordinates")
    assert "content-length" not in answer.headers
    file = pq.ParquetFile(io.BytesIO(answer.body))
    counts = [file.metadata.row_group(at).num_rows for at in range(file.num_row_groups)]
    assert counts[0] == 50_000
    assert len(counts) > 2
    identifiers = file.read()["geoname_id"].to_pylist()
    assert len(set(identifiers)) == len(identifiers) == sum(counts) > 100_000


async def test_the_response_is_a_file(ask: Asker) -> None:
    """It is not compressed, as FlatGeobuf is not (recorded)."""
    answer = await ask.get("datasets/things/exports/parquet")
    assert answer.headers["content-type"] == "application/octet-stream; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="things.parquet"'
    assert "content-encoding" not in answer.headers
