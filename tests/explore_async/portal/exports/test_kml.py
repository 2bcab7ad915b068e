"""KML: placemarks with data and geometries, as other libraries read them."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pyogrio
import pytest
import shapely
import shapely.geometry
from hypothesis import given, settings

from explore_async.portal import PortalError
from tests.explore_async.portal.asking import THINGS
from tests.explore_async.portal.exports.samples import FIELDS, ROWS, exported, texts_of

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker

KML = "{http://www.opengis.net/kml/2.2}"


def placemarks(body: bytes) -> list[ElementTree.Element]:
    root = ElementTree.fromstring(body)
    assert root.tag == f"{KML}kml"
    return root.findall(f"{KML}Document/{KML}Placemark")


def data(placemark: ElementTree.Element) -> dict[str, str]:
    found = placemark.iterfind(f"{KML}ExtendedData/{KML}Data")
    return {one.attrib["name"]: one.findtext(f"{KML}value") or "" for one in found}


@settings(max_examples=25)
@given(ROWS)
def test_every_row_is_a_placemark_with_its_values(rows: list[dict[str, Any]]) -> None:
    """Values are data in the order of the fields; null is none, and neither is a geometry."""
    found = [data(one) for one in placemarks(exported(rows, "kml"))]
    assert found == [texts_of(row) for row in rows]
    order = [field["name"] for field in FIELDS]
    assert all(list(one) == [name for name in order if name in one] for one in found)


@settings(max_examples=25)
@given(ROWS)
def test_every_geometry_is_read_back(rows: list[dict[str, Any]]) -> None:
    """By an independent reader, which gives collections for multiple geometries."""
    rows = [row for row in rows if row["shape"] is not None]
    if not rows:
        return
    found = pyogrio.read_dataframe(io.BytesIO(exported(rows, "kml", select="shape")))
    assert found.crs == "EPSG:4326"
    for geometry, row in zip(found.geometry, rows, strict=True):
        expected = shapely.geometry.shape(row["shape"]["geometry"])
        assert list(shapely.get_parts(geometry)) == list(shapely.get_parts(expected))


def test_altitudes_and_collections_are_kept() -> None:
    """KML has both."""
    shape = {
        "type": "GeometryCollection",
        "geometries": [
            {"type": "Point", "coordinates": [1.0, 2.0, 3.0]},
            {"type": "LineString", "coordinates": [[0.0, 0.0], [1.0, 1.0]]},
        ],
    }
    body = exported([{"shape": shape}], "kml", select="shape")
    found = pyogrio.read_dataframe(io.BytesIO(body)).geometry[0]
    point, line = found.geoms
    assert (point.x, point.y, point.z) == (1, 2, 3)
    assert shapely.force_2d(line) == shapely.LineString([(0, 0), (1, 1)])


def test_a_row_without_a_geometry_is_a_placemark() -> None:
    """It has data only."""
    (found,) = placemarks(exported([{"id": 4}], "kml"))
    assert [child.tag for child in found] == [f"{KML}ExtendedData"]


def test_another_library_reads_the_values() -> None:
    """And the points of a dataset without shapes."""
    body = exported(THINGS[:3], "kml", select="id, name, open, place")
    found = pyogrio.read_dataframe(io.BytesIO(body))
    assert list(found["id"]) == ["1", "2", "3"]
    assert list(found["open"])[:2] == ["true", "false"]
    assert found.geometry[2] == shapely.Point(-1.5536, 47.2184)


def test_labels_name_the_data() -> None:
    """With `use_labels`."""
    (found,) = placemarks(exported(THINGS, "kml", select="id, name", limit="1", use_labels="true"))
    assert data(found) == {"Identifier": "1", "Its name": "Café des Arts"}


def test_characters_that_xml_cannot_hold_are_left_out() -> None:
    """Others are escaped; a carriage return is not turned into a line feed."""
    rows = [{"name": "a\x00\x0b<&>\r\n\ufffe]]>", "code": '"'}]
    (found,) = placemarks(exported(rows, "kml", select='name, code as `<"&`'))
    assert data(found) == {"name": "a<&>\r\n]]>", '<"&': '"'}


def test_what_is_no_geometry_is_refused() -> None:
    """There is no element for it."""
    with pytest.raises(PortalError, match="not a GeoJSON geometry"):
        exported([{"shape": {"type": "Polygon", "coordinates": [7]}}], "kml")


async def test_the_response_is_a_file(ask: Asker) -> None:
    """Media type and name; those of live portals are not recorded. The title names the document."""
    answer = await ask.get("datasets/things/exports/kml")
    assert answer.headers["content-type"] == "application/vnd.google-earth.kml+xml; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="things.kml"'
    root = ElementTree.fromstring(answer.body)
    assert root.findtext(f"{KML}Document/{KML}name") == "Things"
