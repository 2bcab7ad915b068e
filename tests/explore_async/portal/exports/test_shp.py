"""Shapefiles in a ZIP archive, as another library reads them."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyogrio
import pytest
import shapely
import shapely.geometry
from hypothesis import given, settings

from explore_async.portal import PortalError
from tests.explore_async.portal.asking import THINGS
from tests.explore_async.portal.exports.samples import ROWS, exported

if TYPE_CHECKING:
    from pathlib import Path

    import geopandas

    from tests.explore_async.portal.asking import Asker

KINDS = {
    "Point": "point",
    "MultiPoint": "multipoint",
    "LineString": "linestring",
    "MultiLineString": "linestring",
    "Polygon": "polygon",
    "MultiPolygon": "polygon",
}


def names(body: bytes) -> set[str]:
    """Return the names of the files in an archive."""
    return set(zipfile.ZipFile(io.BytesIO(body)).namelist())


def read(body: bytes, folder: Path, layer: str = "things") -> geopandas.GeoDataFrame:
    """Unpack an archive and read a layer."""
    zipfile.ZipFile(io.BytesIO(body)).extractall(folder)
    path = folder / f"{layer}.shp"
    return pyogrio.read_dataframe(path if path.exists() else path.with_suffix(".dbf"))


def same_shape(one: shapely.Geometry, other: shapely.Geometry) -> bool:
    """Return whether geometries have the same coordinates; rings are turned and put in order."""
    return shapely.get_num_coordinates(one) == shapely.get_num_coordinates(other) and sorted(
        map(tuple, shapely.get_coordinates(one))
    ) == sorted(map(tuple, shapely.get_coordinates(other)))


@settings(max_examples=25)
@given(ROWS)
def test_every_geometry_is_in_the_file_of_its_kind(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    """With the identifier of its row; rows without a geometry are in the first file."""
    rows = [{**row, "id": at} for at, row in enumerate(rows)]
    body = exported(rows, "shp", select="id, shape")
    kinds = {KINDS[row["shape"]["geometry"]["type"]] for row in rows if row["shape"] is not None}
    layers = [f"things-{kind}" for kind in kinds] if len(kinds) > 1 else ["things"]
    assert {name.partition(".")[0] for name in names(body)} == set(layers)
    folder = tmp_path_factory.mktemp("shp")
    found: dict[int, Any] = {}
    identifiers: list[int] = []
    for layer in layers:
        frame = read(body, folder, layer)
        places = frame.geometry if "geometry" in frame else [None] * len(frame)
        found.update(zip(frame["id"], places, strict=True))
        identifiers.extend(frame["id"])
    assert sorted(identifiers) == [row["id"] for row in rows]
    for row in rows:
        geometry = found[row["id"]]
        assert (geometry is None) == (row["shape"] is None)
        if row["shape"] is not None:
            assert same_shape(geometry, shapely.geometry.shape(row["shape"]["geometry"]))


def test_attributes_have_the_types_of_dbase(tmp_path: Path) -> None:
    """Moments and lists are texts; booleans and days are not."""
    body = exported(THINGS, "shp", select="exclude(shape)")
    assert names(body) == {f"things.{end}" for end in ("cpg", "dbf", "prj", "shp", "shx")}
    found = read(body, tmp_path)
    assert found.crs == "EPSG:4326"
    assert found.geometry[2] == shapely.Point(-1.5536, 47.2184)
    assert found.geometry[3] is None
    first = dict(found.iloc[0])
    assert first.pop("geometry") == shapely.Point(2.3522, 48.8566)
    assert first == {
        "id": 1,
        "name": "Café des Arts",
        "tags": "a,b",
        "size": 1.5,
        "day": datetime(2026, 8, 28),
        "moment": "2026-08-28T22:30:00+00:00",
        "open": True,
        "path": "europe/france/paris",
        "code": "44035",
        "year": "2025",
        "month": None,
    }


def test_names_and_texts_are_cut_between_characters(tmp_path: Path) -> None:
    """Equal names get numbers; nothing is dropped or renamed by GDAL, which would warn."""
    rows = [{"name": "x" + "é" * 200, "code": "x" * 300, "path": "c"}]
    select = "name as étéétééé, code as étéétéé, path as ÉTÉÉTÉÉ, code as `a b`"
    found = read(exported(rows, "shp", select=select), tmp_path)
    assert list(found) == ["étéété", "étéét_1", "ÉTÉÉT_2", "a b"]
    assert found.iloc[0, 0] == "x" + "é" * 126
    assert found.iloc[0, 1] == "x" * 254


def test_altitudes_are_kept(tmp_path: Path) -> None:
    """If one geometry of a file has them, the others have 0."""
    line = {"type": "LineString", "coordinates": [[0.0, 0.0, 5.0], [1.0, 1.0, 6.0]]}
    flat = {"type": "LineString", "coordinates": [[0.0, 0.0], [1.0, 1.0]]}
    found = read(exported([{"shape": flat}, {"shape": line}], "shp", select="id, shape"), tmp_path)
    heights = [[z for _, _, z in one.coords] for one in found.geometry]
    assert heights == [[0, 0], [5, 6]]


def test_epsg_projects_the_geometry(tmp_path: Path) -> None:
    """The archive has a file with the projection."""
    found = read(exported(THINGS, "shp", select="id, place", limit="1", epsg="2154"), tmp_path)
    assert found.crs == "EPSG:2154"
    assert found.geometry[0].distance(shapely.Point(652_469, 6_862_035)) < 1


def test_without_geographic_fields_there_is_a_table(tmp_path: Path) -> None:
    """Attributes need no shapefile."""
    body = exported(THINGS, "shp", select="id")
    assert names(body) == {"things.cpg", "things.dbf"}
    assert list(read(body, tmp_path)["id"]) == [1, 2, 3, 4]


def test_a_collection_is_refused() -> None:
    """No kind of shapefile holds one."""
    with pytest.raises(PortalError, match="not a GeoJSON geometry"):
        exported([{"shape": {"type": "GeometryCollection", "geometries": []}}], "shp")


def test_numbers_that_dbase_cannot_hold_are_refused() -> None:
    """GDAL would write other digits."""
    with pytest.raises(PortalError, match="numbers beyond"):
        exported([{"size": 1e30}], "shp")


async def test_the_response_is_an_archive(ask: Asker) -> None:
    """Media type and name; those of live portals are not recorded."""
    answer = await ask.get("datasets/things/exports/shp")
    assert answer.headers["content-type"] == "application/zip; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="things.zip"'
    assert "things.shp" in names(answer.body)
