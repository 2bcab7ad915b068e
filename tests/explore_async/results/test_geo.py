"""Geometries in Arrow columns and GeoPandas data frames: WKB, its metadata, and the projection."""

from __future__ import annotations

import io
import json
import struct
import sys
from typing import TYPE_CHECKING, Any

import geopandas
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
import shapely.geometry
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from explore_async import ConfigurationError, DecodeError, GeoPoint, MissingExtraError
from explore_async.results.geo import MISFITS, wkb
from tests.explore_async.doubles import json_body

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async import ExploreClient
    from tests.explore_async.doubles import FakePortal

# ------------------------------------------------------------------ WKB

NUMBERS = st.floats(-180, 180)


def positions(size: int, least: int) -> st.SearchStrategy[list[list[float]]]:
    return st.lists(st.lists(NUMBERS, min_size=size, max_size=size), min_size=least, max_size=5)


def rings(size: int) -> st.SearchStrategy[list[list[list[float]]]]:
    closed = positions(size, 3).map(lambda found: [*found, found[0]])
    return st.lists(closed, min_size=1, max_size=3)


def geometries(size: int) -> st.SearchStrategy[dict[str, Any]]:
    """Return GeoJSON geometries of two or three dimensions."""
    kinds = {
        "Point": st.lists(NUMBERS, min_size=size, max_size=size),
        "LineString": positions(size, 2),
        "Polygon": rings(size),
        "MultiPoint": positions(size, 1),
        "MultiLineString": st.lists(positions(size, 2), min_size=1, max_size=3),
        "MultiPolygon": st.lists(rings(size), min_size=1, max_size=3),
    }
    simple: st.SearchStrategy[dict[str, Any]] = st.one_of(
        *(
            st.fixed_dictionaries({"type": st.just(kind), "coordinates": coordinates})
            for kind, coordinates in kinds.items()
        )
    )
    several: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
        {
            "type": st.just("GeometryCollection"),
            "geometries": st.lists(simple, min_size=1, max_size=3),
        }
    )
    return simple | several


@given(geometry=geometries(2) | geometries(3))
def test_every_geometry_is_read_back_from_wkb(geometry: dict[str, Any]) -> None:
    """Another reader finds the same coordinates, and writes the same bytes as ISO WKB."""
    made = wkb(geometry)
    expected = shapely.geometry.shape(geometry)
    assert made == shapely.to_wkb(expected, flavor="iso", byte_order=1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (GeoPoint(lon=2.5, lat=48.5), "POINT (2.5 48.5)"),
        ({"lon": 2.5, "lat": 48.5}, "POINT (2.5 48.5)"),
        (
            {"type": "Feature", "geometry": {"type": "Point", "coordinates": [2.5, 48.5]}},
            "POINT (2.5 48.5)",
        ),
        ({"type": "Point", "coordinates": []}, "POINT EMPTY"),
        ({"type": "Point", "coordinates": [1, 2, 3, 4]}, "POINT Z (1 2 3)"),
        ({"type": "Polygon", "coordinates": []}, "POLYGON EMPTY"),
        ({"type": "MultiLineString", "coordinates": [[]]}, "MULTILINESTRING (EMPTY)"),
        ({"type": "GeometryCollection", "geometries": []}, "GEOMETRYCOLLECTION EMPTY"),
    ],
    ids=str,
)
def test_points_features_and_empty_geometries_are_geometries(value: object, text: str) -> None:
    """The longitude is x. WKB has no place for a fourth number."""
    assert shapely.to_wkt(shapely.from_wkb(wkb(value)), trim=True) == text


@pytest.mark.parametrize("value", [None, {"type": "Feature", "geometry": None}], ids=str)
def test_null_is_null(value: object) -> None:
    assert wkb(value) is None


@pytest.mark.parametrize(
    "value",
    [
        5,
        "48.5, 2.5",
        {},
        {"type": "Sphere", "coordinates": [1, 2]},
        {"type": "Point", "coordinates": [1]},
        {"type": "Point", "coordinates": "12"},
        {"type": "Point", "coordinates": [None, None]},
        {"type": "LineString", "coordinates": [[1, 2, 3], [1, 2]]},
        {"type": "Polygon", "coordinates": [1, 2]},
        {"lon": "2", "lat": 3},
    ],
    ids=str,
)
def test_anything_else_is_no_geometry(value: object) -> None:
    with pytest.raises(MISFITS):
        wkb(value)


# ------------------------------------------------------------------ a portal with geographic fields

POINT = {"name": "place", "label": "Place", "type": "geo_point_2d"}
SHAPE = {"name": "geom", "label": "Geom", "type": "geo_shape"}
NAME = {"name": "name", "label": "Name", "type": "text"}
LINE = {"type": "LineString", "coordinates": [[2.0, 48.0], [3.0, 49.0]]}
ROWS: list[dict[str, Any]] = [
    {
        "name": "a",
        "place": {"lon": 2.5, "lat": 48.5},
        "geom": {"type": "Feature", "geometry": LINE, "properties": {}},
    },
    {"name": "b", "place": None, "geom": None},
]
CSV = (
    '\ufeffname;place;geom\r\na;48.5, 2.5;"{""coordinates"": [[2.0, 48.0], [3.0, 49.0]], '
    '""type"": ""LineString""}"\r\nb;;\r\n'
)
BODIES = {
    "csv": CSV.encode(),
    "json": json.dumps(ROWS).encode(),
    "jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in ROWS),
}


def serve(
    portal: FakePortal, fields: list[dict[str, str]], content: bytes = b"", rows: Any = ROWS
) -> None:
    """Answer with this schema, this export, and the columns of the schema."""
    names = [one["name"] for one in fields]
    portal.rows = [{name: row[name] for name in names} for row in rows]

    def override(request: web.Request) -> web.Response | None:
        if request.path.endswith("/trees"):
            return json_body({"dataset_id": "trees", "fields": fields})
        return web.Response(body=content) if content and "/exports/" in request.path else None

    portal.override = override


def geo_of(schema: pa.Schema) -> Any:
    return json.loads(schema.metadata[b"geo"])


def texts(column: Any) -> list[str | None]:
    """Return geometries as WKT."""
    return [None if one is None else shapely.to_wkt(one, trim=True) for one in column]


# ------------------------------------------------------------------ Arrow


@pytest.mark.parametrize("kind", BODIES)
async def test_typed_batches_hold_wkb_that_is_described(
    client: ExploreClient, portal: FakePortal, kind: str
) -> None:
    """By the metadata of GeoArrow on the fields, and of GeoParquet on the schema."""
    serve(portal, [NAME, POINT, SHAPE], BODIES[kind])
    async with client.dataset("trees").export(kind, typed=True) as stream:
        first, second = [one async for one in stream.batches(size=1, geometry="wkb")]
    assert first.schema.equals(second.schema, check_metadata=True)
    assert texts(shapely.from_wkb([first["place"][0].as_py(), first["geom"][0].as_py()])) == [
        "POINT (2.5 48.5)",
        "LINESTRING (2 48, 3 49)",
    ]
    assert second.to_pylist() == [{"name": "b", "place": None, "geom": None}]
    for name in ("place", "geom"):
        assert first.schema.field(name).metadata == {
            b"ARROW:extension:name": b"geoarrow.wkb",
            b"ARROW:extension:metadata": b'{"crs": "OGC:CRS84", "crs_type": "authority_code"}',
        }
    assert geo_of(first.schema) == {
        "version": "1.1.0",
        "primary_column": "geom",
        "columns": {
            "place": {"encoding": "WKB", "geometry_types": ["Point"]},
            "geom": {"encoding": "WKB", "geometry_types": []},
        },
    }


async def test_a_parquet_file_of_these_columns_is_geoparquet(
    client: ExploreClient, portal: FakePortal
) -> None:
    """An independent reader finds the geometries and their projection."""
    serve(portal, [NAME, POINT, SHAPE])
    sink = io.BytesIO()
    pq.write_table(await client.dataset("trees").records(typed=True).to_arrow(geometry="wkb"), sink)
    found = geopandas.read_parquet(sink)
    assert found.crs == "OGC:CRS84"
    assert texts(found.geometry) == ["LINESTRING (2 48, 3 49)", None]
    assert texts(found["place"]) == ["POINT (2.5 48.5)", None]


async def test_without_being_asked_columns_are_as_before(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A point is a struct, a shape is JSON text, and no metadata describes them."""
    serve(portal, [POINT, SHAPE], BODIES["jsonl"])
    found = await client.dataset("trees").records(typed=True).to_arrow()
    assert pa.types.is_struct(found.schema.field("place").type)
    assert pa.types.is_string(found.schema.field("geom").type)
    assert found.schema.metadata is None


async def test_only_the_columns_of_the_rows_are_described(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A select may leave out the shape."""
    serve(portal, [NAME, POINT, SHAPE])
    portal.rows = [{"place": row["place"], "more": 1} for row in ROWS]
    found = await client.dataset("trees").records(typed=True).to_arrow(geometry="wkb")
    assert found.schema.names == ["place", "more"]
    assert geo_of(found.schema)["primary_column"] == "place"
    assert list(geo_of(found.schema)["columns"]) == ["place"]


@pytest.mark.parametrize("fields", [[NAME], [NAME, {**POINT, "annotations": {"multivalued": ","}}]])
async def test_without_a_geometry_there_is_no_metadata(
    client: ExploreClient, portal: FakePortal, fields: list[Any]
) -> None:
    """A list of points is no geometry."""
    serve(portal, fields, rows=[{"name": "a", "place": None}])
    found = await client.dataset("trees").records(typed=True).to_arrow(geometry="wkb")
    assert found.schema.metadata is None


async def test_a_value_that_is_no_geometry_is_refused(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The error names the column and the value."""
    serve(portal, [POINT, SHAPE], rows=[{"place": None, "geom": {"type": "Sphere"}}])
    with pytest.raises(DecodeError, match=r"geom does not fit .*'Sphere'} is not a geometry"):
        await client.dataset("trees").records(typed=True).to_arrow(geometry="wkb")


async def test_geometries_need_a_schema(client: ExploreClient, portal: FakePortal) -> None:
    """Nothing is sent without one, with columns of one's own, or with an unknown encoding."""
    trees, own = client.dataset("trees"), pa.schema([("a", pa.int64())])
    wrong: Any = "wkt"
    with pytest.raises(ConfigurationError, match="typed=True"):
        await trees.records().to_arrow(geometry="wkb")
    with pytest.raises(ConfigurationError, match="must be None or 'wkb'"):
        await trees.records(typed=True).to_arrow(geometry=wrong)
    async with trees.export("json") as stream:
        with pytest.raises(ConfigurationError, match="typed=True"):
            await anext(stream.batches(geometry="wkb"))
        with pytest.raises(ConfigurationError, match="typed=True"):
            await stream.to_geopandas()
    async with trees.export("json", typed=True) as stream:
        with pytest.raises(ConfigurationError, match="Omit `schema`"):
            await anext(stream.batches(geometry="wkb", schema=own))
    assert portal.requests == []


async def test_another_projection_is_not_called_wgs_84(
    client: ExploreClient, portal: FakePortal
) -> None:
    """It is not recorded whether JSON and CSV follow `epsg`."""
    serve(portal, [NAME, POINT, SHAPE], BODIES["json"])
    trees = client.dataset("trees")
    async with trees.export("json", typed=True, epsg=2154) as stream:
        with pytest.raises(ConfigurationError, match="Omit `schema` and `epsg`"):
            await stream.to_geopandas()
    async with trees.export("json", typed=True, epsg=4326) as stream:
        assert (await stream.to_geopandas()).crs == "OGC:CRS84"


# ------------------------------------------------------------------ Parquet


def geoparquet(**column: Any) -> bytes:
    """Return a GeoParquet file of two rows without the schema that Arrow adds for itself."""
    geo = {
        "version": "1.1.0",
        "primary_column": "geom",
        "columns": {"geom": {"encoding": "WKB", "geometry_types": [], **column}},
    }
    table = pa.table({"name": ["a", "b"], "geom": pa.array([_point(2.5, 48.5), None], pa.binary())})
    sink = io.BytesIO()
    metadata = {"geo": json.dumps(geo), "by": "portal"}
    writer = pq.ParquetWriter(sink, table.schema, store_schema=False)
    writer.write_table(table, row_group_size=1)
    writer.add_key_value_metadata(metadata)
    writer.close()
    return sink.getvalue()


def _point(x: float, y: float) -> bytes:
    return struct.pack("<BI2d", 1, 1, x, y)


async def test_batches_of_geoparquet_keep_its_metadata(
    client: ExploreClient, portal: FakePortal
) -> None:
    """So does the table; whoever writes them to a file gets GeoParquet again."""
    serve(portal, [NAME, SHAPE], geoparquet(crs=None))
    trees = client.dataset("trees")
    async with trees.export("parquet") as stream:
        batches = [batch async for batch in stream.batches(size=1)]
    async with trees.export("parquet") as stream:
        table = await stream.to_arrow()
    assert len(batches) == 2
    for schema in (*(batch.schema for batch in batches), table.schema):
        assert schema.metadata[b"by"] == b"portal"
        assert geo_of(schema)["columns"]["geom"]["crs"] is None
        assert schema.field("geom").type == pa.binary()
    sink = io.BytesIO()
    pq.write_table(table, sink)
    assert texts(geopandas.read_parquet(sink).geometry) == ["POINT (2.5 48.5)", None]


async def test_metadata_of_a_field_is_kept(client: ExploreClient, portal: FakePortal) -> None:
    """Arrow stores it in the file."""
    field = pa.field("a", pa.int64(), metadata={"unit": "m"})
    sink = io.BytesIO()
    pq.write_table(pa.table([[1]], schema=pa.schema([field])), sink)
    serve(portal, [NAME], sink.getvalue())
    async with client.dataset("trees").export("parquet") as stream:
        batch = await anext(stream.batches())
    assert batch.schema.field("a").metadata[b"unit"] == b"m"


async def test_an_empty_parquet_export_has_its_columns(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A table needs no rows for them."""
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": pa.array([], pa.int64())}), sink)
    serve(portal, [NAME], sink.getvalue())
    async with client.dataset("trees").export("parquet") as stream:
        assert (await stream.to_arrow()).schema == pa.schema([("a", pa.int64())])


def test_the_test_file_is_read_by_others(tmp_path: Path) -> None:
    """It has the layout of the portals' files."""
    (tmp_path / "x.parquet").write_bytes(geoparquet())
    assert geopandas.read_parquet(tmp_path / "x.parquet").crs == "OGC:CRS84"


# ------------------------------------------------------------------ GeoPandas


@pytest.mark.parametrize(
    ("fields", "active", "others"),
    [
        ([NAME, POINT], "place", []),
        ([NAME, SHAPE], "geom", []),
        ([NAME, POINT, SHAPE], "geom", ["place"]),
        ([POINT, {**POINT, "name": "entry"}], "place", ["entry"]),
    ],
    ids=["point", "shape", "both", "two points"],
)
async def test_records_become_a_geopandas_frame(
    client: ExploreClient,
    portal: FakePortal,
    fields: list[dict[str, str]],
    active: str,
    others: list[str],
) -> None:
    """The first shape is the geometry, or else the first point; nulls are kept."""
    rows = [{**row, "entry": row["place"]} for row in ROWS]
    serve(portal, fields, rows=rows)
    found = await client.dataset("trees").records(typed=True).to_geopandas()
    assert found.geometry.name == active
    assert found.geometry.isna().tolist() == [False, True]
    for name in (active, *others):
        assert found[name].crs == "OGC:CRS84"
    assert list(found.columns) == [one["name"] for one in fields]


async def test_rows_without_a_geographic_field_become_a_frame_without_geometry(
    client: ExploreClient, portal: FakePortal
) -> None:
    serve(portal, [NAME])
    found = await client.dataset("trees").records(typed=True).to_geopandas()
    assert isinstance(found, geopandas.GeoDataFrame)
    assert found.active_geometry_name is None
    assert found["name"].tolist() == ["a", "b"]


async def test_no_rows_become_an_empty_frame_with_a_geometry(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The schema is known without rows."""
    serve(portal, [NAME, POINT], rows=[])
    found = await client.dataset("trees").records(typed=True).to_geopandas()
    assert (len(found), found.geometry.name, found.crs) == (0, "place", "OGC:CRS84")
    serve(portal, [NAME, POINT], b"[]", rows=[])
    async with client.dataset("trees").export("json", typed=True) as stream:
        found = await stream.to_geopandas()
    assert (len(found), found.geometry.name, found.crs) == (0, "place", "OGC:CRS84")


@pytest.mark.parametrize("kind", BODIES)
async def test_a_typed_export_becomes_a_geopandas_frame(
    client: ExploreClient, portal: FakePortal, kind: str
) -> None:
    """The same as the records."""
    serve(portal, [NAME, POINT, SHAPE], BODIES[kind])
    async with client.dataset("trees").export(kind, typed=True) as stream:
        found = await stream.to_geopandas()
    assert found.crs == "OGC:CRS84"
    assert texts(found.geometry) == ["LINESTRING (2 48, 3 49)", None]
    assert texts(found["place"]) == ["POINT (2.5 48.5)", None]


@pytest.mark.parametrize(
    ("column", "crs"),
    [
        ({}, "OGC:CRS84"),
        ({"crs": geopandas.GeoSeries([], crs=2154).crs.to_json_dict()}, "EPSG:2154"),
        ({"crs": None}, None),
    ],
    ids=["default", "named", "unknown"],
)
async def test_a_parquet_export_keeps_its_projection(
    client: ExploreClient, portal: FakePortal, column: dict[str, Any], crs: str | None
) -> None:
    """It needs no schema of the dataset."""
    serve(portal, [NAME, SHAPE], geoparquet(**column))
    async with client.dataset("trees").export("parquet") as stream:
        found = await stream.to_geopandas()
    assert found.crs == crs
    assert texts(found.geometry) == ["POINT (2.5 48.5)", None]
    assert len(portal.requests) == 1


@pytest.mark.parametrize("metadata", [{}, {"geo": "{"}, {"geo": "[]"}, {"geo": "{}"}], ids=str)
async def test_parquet_without_readable_metadata_has_no_geometry(
    client: ExploreClient, portal: FakePortal, metadata: dict[str, str]
) -> None:
    """Its columns are delivered as they are."""
    sink = io.BytesIO()
    schema = pa.schema([("a", pa.binary())], metadata=metadata)
    pq.write_table(pa.table([[_point(1, 2)]], schema=schema), sink)
    serve(portal, [NAME], sink.getvalue())
    async with client.dataset("trees").export("parquet") as stream:
        found = await stream.to_geopandas()
    assert found.active_geometry_name is None
    assert found["a"].tolist() == [_point(1, 2)]


async def test_a_geometry_that_is_not_wkb_is_left_as_it_is(
    client: ExploreClient, portal: FakePortal
) -> None:
    """GeoParquet also allows lists of coordinates."""
    serve(portal, [NAME, SHAPE], geoparquet(encoding="point"))
    async with client.dataset("trees").export("parquet") as stream:
        assert (await stream.to_geopandas()).active_geometry_name is None


@pytest.mark.parametrize(("package", "extra"), [("geopandas", "geo"), ("pyarrow", "parquet")])
async def test_a_missing_package_is_told_before_sending(
    client: ExploreClient,
    portal: FakePortal,
    monkeypatch: pytest.MonkeyPatch,
    package: str,
    extra: str,
) -> None:
    """The error names the extra."""
    monkeypatch.setitem(sys.modules, package, None)
    trees = client.dataset("trees")
    with pytest.raises(MissingExtraError, match=rf"explore-async\[{extra}\]"):
        await trees.records(typed=True).to_geopandas()
    async with trees.export("parquet") as stream:
        with pytest.raises(MissingExtraError, match=rf"explore-async\[{extra}\]"):
            await stream.to_geopandas()
    assert portal.requests == []
