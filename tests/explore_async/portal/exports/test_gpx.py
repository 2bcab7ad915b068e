"""GPX: waypoints and tracks, as other libraries read them."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import gpxpy
import pyogrio
import pytest
import shapely
from hypothesis import given, settings

from explore_async.portal import PortalError
from explore_async.portal.exports.markup import name_of
from tests.explore_async.portal.asking import THINGS
from tests.explore_async.portal.exports.samples import ROWS, WORDS, exported, texts_of

if TYPE_CHECKING:
    from gpxpy.gpx import GPX

    from tests.explore_async.portal.asking import Asker

OGR = "{http://osgeo.org/gdal}"


def read(body: bytes) -> GPX:
    return gpxpy.parse(body)


def extensions(one: Any) -> dict[str, str]:
    return {each.tag.removeprefix(OGR): each.text or "" for each in one.extensions}


def points(geometry: dict[str, Any]) -> list[list[float]]:
    coordinates = geometry["coordinates"]
    found: dict[str, list[list[float]]] = {"Point": [coordinates], "MultiPoint": coordinates}
    return found.get(geometry["type"], [])


def lines(geometry: dict[str, Any]) -> list[list[list[float]]]:
    coordinates = geometry["coordinates"]
    if geometry["type"] == "MultiPolygon":
        return [ring for polygon in coordinates for ring in polygon]
    if geometry["type"] in ("MultiLineString", "Polygon"):
        found: list[list[list[float]]] = coordinates
        return found
    return [coordinates] if geometry["type"] == "LineString" else []


def position(point: Any) -> list[float]:
    return [point.longitude, point.latitude]


@settings(max_examples=25)
@given(ROWS)
def test_every_geometry_is_a_waypoint_or_a_track(rows: list[dict[str, Any]]) -> None:
    """Each with the values of its row; rows without a geometry are left out."""
    found = read(exported(rows, "gpx"))
    shapes = [(row["shape"]["geometry"], texts_of(row)) for row in rows if row["shape"] is not None]
    assert [(position(one), extensions(one)) for one in found.waypoints] == [
        (point, texts) for geometry, texts in shapes for point in points(geometry)
    ]
    tracks = [
        ([list(map(position, each.points)) for each in track.segments], extensions(track))
        for track in found.tracks
    ]
    assert tracks == [(lines(geometry), texts) for geometry, texts in shapes if lines(geometry)]


def test_waypoints_precede_tracks() -> None:
    """The schema of GPX demands it, in whatever order the rows come."""
    rows: list[dict[str, Any]] = [
        {"shape": {"type": "LineString", "coordinates": [[0.0, 0.0], [1.0, 1.0]]}},
        {"shape": {"type": "Point", "coordinates": [2.0, 2.0]}},
    ]
    root = ElementTree.fromstring(exported(rows, "gpx", select="shape"))
    assert [child.tag.partition("}")[2] for child in root] == ["wpt", "trk"]


def test_another_library_reads_the_extensions() -> None:
    """They are those of GDAL, as documented."""
    body = exported(THINGS, "gpx", select="id, name, place")
    found = pyogrio.read_dataframe(io.BytesIO(body), layer="waypoints")
    assert list(found["ogr_id"]) == [1, 2, 3]
    assert found["ogr_name"][0] == "Café des Arts"
    assert found.geometry[2] == shapely.Point(-1.5536, 47.2184)


def test_altitudes_and_collections_are_kept() -> None:
    """A collection has waypoints and one track."""
    line = {"type": "LineString", "coordinates": [[0.0, 0.0, 5.0], [1.0, 1.0, 6.0]]}
    point = {"type": "Point", "coordinates": [1.0, 2.0, 3.0]}
    shape = {"type": "GeometryCollection", "geometries": [line, point, line]}
    found = read(exported([{"shape": shape}], "gpx", select="shape"))
    assert [one.elevation for one in found.waypoints] == [3]
    (track,) = found.tracks
    assert [[one.elevation for one in each.points] for each in track.segments] == [[5, 6]] * 2


def test_name_and_description_are_the_requested_fields() -> None:
    """They stay among the extensions."""
    options = {"name_field": "name", "description_field_list": "id, size"}
    body = exported(THINGS, "gpx", select="id, name, size, place", limit="1", **options)
    (found,) = read(body).waypoints
    assert found.name == "Café des Arts"
    assert found.description == "id: 1\nsize: 1.5"
    assert extensions(found) == {"id": "1", "name": "Café des Arts", "size": "1.5"}


def test_without_extensions_the_description_has_all_values() -> None:
    """Those that are not null."""
    body = exported(THINGS, "gpx", select="id, size, open, place", use_extension="false")
    found = read(body).waypoints
    assert [one.description for one in found] == [
        "id: 1\nsize: 1.5\nopen: true",
        "id: 2\nsize: 10.0\nopen: false",
        "id: 3\nsize: -2.0",
    ]
    assert not any(one.extensions for one in found)


def test_without_geographic_fields_it_is_empty() -> None:
    """Nothing in GPX has no place."""
    found = read(exported(THINGS, "gpx", select="id"))
    assert (found.waypoints, found.tracks) == ([], [])


@pytest.mark.parametrize("parameter", ["name_field", "description_field_list"])
def test_unknown_fields_are_refused(parameter: str) -> None:
    """As other parameters with wrong values are; the live text is unknown."""
    with pytest.raises(PortalError, match=f"Invalid value for {parameter} API parameter: nope"):
        exported(THINGS, "gpx", **{parameter: "nope"})


@given(WORDS)
def test_every_label_has_a_name_of_its_own(label: str) -> None:
    """XML accepts it, and the label can be read from it."""
    name = name_of(label)
    assert ElementTree.fromstring(f"<{name}/>").tag == name
    assert re.sub("_x([0-9A-F]{4,6})_", lambda match: chr(int(match[1], 16)), name) == label


async def test_the_response_is_a_file(ask: Asker) -> None:
    """Media type and name; those of live portals are not recorded."""
    answer = await ask.get("datasets/things/exports/gpx")
    assert answer.headers["content-type"] == "application/gpx+xml; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="things.gpx"'
    assert len(read(answer.body).waypoints) == 1
