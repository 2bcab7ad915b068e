"""GeoJSON: features with the recorded properties, also without a geometry."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import geopandas
import pytest
import shapely
from hypothesis import given, settings

from explore_async.portal import PortalError
from tests.explore_async.portal.asking import THINGS, recorded
from tests.explore_async.portal.exports.samples import ROWS, exported

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker

RECORDED = "misc/paris-comptages.export-geojson.subset.json"


@settings(max_examples=25)
@given(ROWS)
def test_every_row_is_a_feature_with_its_values(rows: list[dict[str, Any]]) -> None:
    """A shape that is the geometry is no property; the rest has the form of records."""
    found = json.loads(exported(rows, "geojson"))
    assert found.keys() == {"type", "features"}
    assert found["type"] == "FeatureCollection"
    assert len(found["features"]) == len(rows)
    for feature, row in zip(found["features"], rows, strict=True):
        shape = row["shape"]
        properties = dict(row)
        if shape is not None:
            del properties["shape"]
        assert feature == {
            "type": "Feature",
            "geometry": shape and shape["geometry"],
            "properties": properties,
        }


def test_the_features_are_the_recorded_ones() -> None:
    """The order of all keys is that of a recorded export; its white space is unknown."""
    expected = recorded(RECORDED)
    rows = [
        {"iu_ac": each["properties"]["iu_ac"], "geo_shape": each["geometry"]}
        for each in expected["features"]
    ]
    for row, each in zip(rows, expected["features"], strict=True):
        row["geo_point_2d"] = each["properties"]["geo_point_2d"]
    fields = [
        {"name": "iu_ac", "type": "text"},
        {"name": "geo_point_2d", "type": "geo_point_2d"},
        {"name": "geo_shape", "type": "geo_shape"},
    ]
    for each in expected["features"]:
        kept = {field["name"] for field in fields}
        each["properties"] = {
            name: value for name, value in each["properties"].items() if name in kept
        }
    assert json.dumps(json.loads(exported(rows, "geojson", fields=fields))) == json.dumps(expected)


def test_a_point_is_the_geometry_if_there_is_no_shape() -> None:
    """It stays in the properties, as it does beside a shape."""
    found = json.loads(exported(THINGS, "geojson", select="id, place"))["features"]
    assert found[0]["geometry"] == {"coordinates": [2.3522, 48.8566], "type": "Point"}
    assert found[0]["properties"] == {"id": 1, "place": {"lon": 2.3522, "lat": 48.8566}}
    assert found[3] == {
        "type": "Feature",
        "geometry": None,
        "properties": {"id": 4, "place": None},
    }


def test_rows_without_geographic_fields_are_features_too() -> None:
    """Their geometry is null."""
    found = json.loads(exported(THINGS, "geojson", select="id", limit="1"))["features"]
    assert found == [{"type": "Feature", "geometry": None, "properties": {"id": 1}}]


def test_a_shape_alone_leaves_no_properties() -> None:
    """The properties are an empty object."""
    found = json.loads(exported(THINGS, "geojson", select="shape", limit="1"))["features"]
    assert found[0]["properties"] == {}


@pytest.mark.parametrize("select", ["place", "shape"])
def test_epsg_projects_the_geometry(select: str) -> None:
    """An independent reader finds the projection, and the way back leads to the same place."""
    body = exported(THINGS, "geojson", select=select, limit="1", epsg="2154")
    found = geopandas.read_file(io.BytesIO(body))
    assert found.crs == "EPSG:2154"
    # Lambert-93 of the centre of Paris, in metres
    assert found.geometry[0].distance(shapely.Point(652_469, 6_862_035)) < 1
    back = found.geometry.to_crs(4326)[0]
    assert back.distance(shapely.Point(2.3522, 48.8566)) < 1e-6


def test_epsg_projects_every_kind_of_geometry() -> None:
    """Nested coordinates, altitudes and collections keep their form."""
    line = {"type": "LineString", "coordinates": [[2.0, 48.0, 5.0], [3.0, 49.0, 6.0]]}
    empty = {"type": "Polygon", "coordinates": []}
    rows: list[dict[str, Any]] = [
        {"shape": {"type": "GeometryCollection", "geometries": [line, empty]}},
        {"shape": {"type": "Feature", "geometry": None, "properties": {}}},
    ]
    first, second = json.loads(exported(rows, "geojson", select="shape", epsg="3857"))["features"]
    projected, same = first["geometry"]["geometries"]
    assert projected["coordinates"] == [
        pytest.approx([222_638.98, 6_106_854.83, 5.0]),
        pytest.approx([333_958.47, 6_274_861.39, 6.0]),
    ]
    assert same == empty
    assert second["geometry"] is None


@pytest.mark.parametrize("coordinates", [[7], [["a", "b"]], [[1]]])
def test_what_is_no_geometry_cannot_be_projected(coordinates: Any) -> None:
    """It is refused, not written as something else."""
    with pytest.raises(PortalError, match="not a GeoJSON geometry"):
        shape = {"type": "LineString", "coordinates": coordinates}
        exported([{"shape": shape}], "geojson", select="shape", epsg="3857")


async def test_the_response_is_a_file(ask: Asker) -> None:
    """Media type and name; those of live portals are not recorded."""
    answer = await ask.get("datasets/things/exports/geojson")
    assert answer.headers["content-type"] == "application/geo+json; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="things.geojson"'
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.json["features"]) == len(THINGS)
