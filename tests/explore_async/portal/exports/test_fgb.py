"""FlatGeobuf: the recorded layer, and typed columns, as another library reads them."""

from __future__ import annotations

import io
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas
import pyogrio
import pytest
import shapely
import shapely.geometry
from hypothesis import given, settings

from explore_async.portal import PortalError
from tests.explore_async.portal.asking import RECORDED, THINGS
from tests.explore_async.portal.exports.samples import ROWS, exported

if TYPE_CHECKING:
    import geopandas

    from tests.explore_async.portal.asking import Asker

LIVE = "vancouver/data-public-trees.fgb"
ATTRIBUTES = [
    "id",
    "name",
    "tags",
    "size",
    "day",
    "moment",
    "open",
    "path",
    "code",
    "year",
    "month",
]


def read(body: bytes) -> geopandas.GeoDataFrame:
    return pyogrio.read_dataframe(io.BytesIO(body))


def as_written(moment: datetime) -> datetime:
    """Return a datetime as GDAL writes it, which rounds up the last second of a minute.

    Before 1970, `00:00:59.001` becomes `00:01:00`, while `00:00:58.001` stays.
    """
    if moment.year >= 1970 or moment.second < 59 or not moment.microsecond:
        return moment
    return moment.replace(second=0, microsecond=0) + timedelta(minutes=1)


def attributes(row: dict[str, Any]) -> list[Any]:
    """Return a record as the attributes hold it."""
    texts = {
        **row,
        "tags": row["tags"] and ",".join(row["tags"]),
        "day": row["day"] and datetime.fromisoformat(row["day"]),
        "moment": row["moment"] and as_written(datetime.fromisoformat(row["moment"])),
    }
    return [texts[name] for name in ATTRIBUTES]


@settings(max_examples=25)
@given(ROWS)
def test_every_value_and_geometry_is_read_back(rows: list[dict[str, Any]]) -> None:
    """Also those of rows without a geometry, in the order of the rows."""
    found = read(exported(rows, "fgb"))
    assert list(found) == [*ATTRIBUTES, "geometry"]
    values = [
        [None if pandas.isna(value) else value for value in row]
        for row in found[ATTRIBUTES].itertuples(index=False)
    ]
    assert values == list(map(attributes, rows))
    assert list(found.geometry) == [
        row["shape"] and shapely.geometry.shape(row["shape"]["geometry"]) for row in rows
    ]


async def test_the_layer_is_the_recorded_one(ask: Asker) -> None:
    """Name, columns with their types, geometries, values and projection of a live export."""
    answer = await ask.get("datasets/public-trees/exports/fgb")
    live, own = (RECORDED / LIVE).read_bytes(), answer.body
    described = [pyogrio.read_info(io.BytesIO(body)) for body in (live, own)]
    for name in ("layer_name", "crs", "geometry_type", "ogr_types"):
        assert described[1][name] == described[0][name], name
    assert list(described[1]["fields"]) == list(described[0]["fields"])
    assert read(own).equals(read(live))


async def test_the_response_is_the_recorded_one(ask: Asker) -> None:
    """Media type and name; it is not compressed."""
    answer = await ask.get("datasets/public-trees/exports/fgb")
    assert answer.headers["content-type"] == "application/octet-stream; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="public-trees.fgb"'
    assert "content-encoding" not in answer.headers


def test_types_of_columns() -> None:
    """Moments and booleans have types of their own."""
    info = pyogrio.read_info(io.BytesIO(exported(THINGS, "fgb", select="moment, open, year")))
    assert info["ogr_types"] == ["OFTDateTime", "OFTInteger", "OFTString"]
    assert info["ogr_subtypes"] == ["OFSTNone", "OFSTBoolean", "OFSTNone"]


def test_epsg_projects_the_geometry() -> None:
    """The file names the projection."""
    found = read(exported(THINGS, "fgb", select="place", limit="1", epsg="2154"))
    assert found.crs == "EPSG:2154"
    assert found.geometry[0].distance(shapely.Point(652_469, 6_862_035)) < 1


def test_without_geographic_fields_there_are_no_geometries() -> None:
    """The rows are there."""
    found = read(exported(THINGS, "fgb", select="id, day"))
    assert list(found["id"]) == [1, 2, 3, 4]
    assert found["day"][0].date() == date(2026, 8, 28)


def test_a_column_may_be_called_geometry() -> None:
    """It is not the geometry."""
    body = exported(THINGS, "fgb", select="name as geometry, place", limit="1")
    info, table = pyogrio.read_arrow(io.BytesIO(body))
    assert list(info["fields"]) == ["geometry"]
    assert table["geometry"].to_pylist() == ["Café des Arts"]


@pytest.mark.parametrize("name", ["fgb", "shp"])
def test_what_is_no_geometry_is_refused(name: str) -> None:
    """With the portal's own error, not one of GDAL."""
    with pytest.raises(PortalError, match="not a GeoJSON geometry"):
        exported([{"shape": {"type": "Polygon", "coordinates": [7]}}], name)
