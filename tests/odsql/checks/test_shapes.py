"""Geometry literals: what is one, what is not and why, and which ones look swapped."""

from __future__ import annotations

import json

import pytest

from odsql.checks.shapes import Shape, read_shape

RING = "a ring needs at least four positions and must end where it begins"
LINE = "a line needs at least two positions"
WKT_POSITION = "a position is longitude and latitude, separated by a space"
JSON_POSITION = "a position is [longitude, latitude]"
LISTS = "coordinates and geometries must be lists"
UNKNOWN = "the geometry type of the GeoJSON is missing or unknown"

SQUARE = "(0 0, 1 1, 1 0, 0 0)"


def nested(levels: int) -> str:
    """Return a point in this many collections."""
    return "GEOMETRYCOLLECTION(" * levels + "POINT(1 2)" + ")" * levels


@pytest.mark.parametrize(
    "text",
    [
        "POINT(1 2)",
        " point ( 1.5 -.5 ) ",
        "POINT(+1e1 2.)",
        "POINT(1 2 3)",
        "POINT(1 2 3 4)",
        "POINT Z (1 2 3)",
        "POINTZ(1 2 3)",
        "POINT M (1 2 3)",
        "PointZM(1 2 3 4)",
        "point zm (1 2 3 4)",
        "POINT EMPTY",
        "point empty",
        "MULTIPOINT(1 2, 3 4)",
        "MULTIPOINT((1 2), 3 4)",
        "LINESTRING(1 2, 3 4)",
        "MULTILINESTRING((1 2, 3 4), (1 2, 5 6))",
        f"POLYGON({SQUARE})",
        f"POLYGON({SQUARE}, {SQUARE})",
        "POLYGON((0 0 5, 1 1 5, 1 0 5, 0 0 5))",
        f"MULTIPOLYGON(({SQUARE}), ({SQUARE}, {SQUARE}))",
        "GEOMETRYCOLLECTION EMPTY",
        "GEOMETRYCOLLECTIONZ(POINT Z (1 2 3), LINESTRING(1 2, 3 4))",
        nested(21),
        "SRID=4326;POINT(1 2)",
        " srid = 4326 ; LINESTRING(1 2, 3 4)",
        "0101000000000000000000F03F000000000000F03F",
        " 00000000013ff00000000000003ff0000000000000 ",
    ],
)
def test_wkt_and_wkb_are_geometries(text: str) -> None:
    """In upper or lower case, with two to four numbers in a position."""
    assert read_shape(text) == Shape()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "expected a geometry type such as POINT, not the end"),
        ("CIRCLE(1 2)", "expected a geometry type such as POINT, not circle"),
        ("ROOMZ(1 2)", "expected a geometry type such as POINT, not roomz"),
        ("0001", "expected a geometry type such as POINT, not 0001"),
        ("POINT", "expected (, not the end"),
        ("POINT 1 2", "expected (, not 1"),
        ("POINT(1 2", "expected ), not the end"),
        ("POINT(1 2, 3 4)", "expected ), not ,"),
        ("POINT(1 2) POINT(1 2)", "unexpected text after the geometry"),
        ("POINT(1 2))", "unexpected text after the geometry"),
        ("POINT(1 a)", "a is not a coordinate"),
        ("POINT(1#2)", "unexpected #"),
        ("POINT [1 2]", "unexpected ["),
        ("0101000000000000000000F03F000000000000F03", "unexpected 0"),
        ("POINT(1)", WKT_POSITION),
        ("POINT(1, 2)", WKT_POSITION),
        ("POINT()", WKT_POSITION),
        ("POINT(1 2 3 4 5)", WKT_POSITION),
        ("LINESTRING(1 2)", LINE),
        ("MULTILINESTRING((1 2, 3 4), (1 2))", LINE),
        ("POLYGON((0 0, 1 1, 0 0))", RING),
        ("POLYGON((0 0, 1 1, 1 0, 0 1))", RING),
        ("POLYGON((0 0 5, 1 1 5, 0 0 5))", RING),
        (f"POLYGON({SQUARE}, (1 1, 2 2, 1 1))", RING),
        ("POLYGON(0 0, 1 1, 1 0, 0 0)", "expected (, not 0"),
        (f"MULTIPOLYGON(({SQUARE}), ((0 0, 1 1, 1 0)))", RING),
        (f"MULTIPOLYGON({SQUARE})", "expected (, not 0"),
        ("LINESTRING((1 2), (3 4))", WKT_POSITION),
        ("MULTILINESTRING(((1 2), (3 4)))", WKT_POSITION),
        ("GEOMETRYCOLLECTION(POINT(1 2), LINESTRING(1 2))", LINE),
        ("GEOMETRYCOLLECTION(POINT(1 2) POINT(1 2))", "expected , or ), not POINT"),
        (nested(22), "collections are nested too deeply"),
    ],
)
def test_the_problem_of_a_text_that_is_no_wkt_is_named(text: str, problem: str) -> None:
    """Rings are closed, and lists are as deep as the type says."""
    assert read_shape(text) == Shape(problem)


@pytest.mark.parametrize(
    ("kind", "coordinates"),
    [
        ("Point", [1, 2]),
        ("Point", [1.5, 2, 3]),
        ("MultiPoint", [[1, 2], [3, 4]]),
        ("LineString", [[1, 2], [3, 4]]),
        ("MultiLineString", [[[1, 2], [3, 4]]]),
        ("Polygon", [[[0, 0], [1, 1], [1, 0], [0, 0]]]),
        ("MultiPolygon", [[[[0, 0], [1, 1], [1, 0], [0, 0]]]]),
    ],
)
def test_geojson_is_a_geometry_alone_and_in_a_collection(kind: str, coordinates: object) -> None:
    """With or without white space before it."""
    geometry = {"type": kind, "coordinates": coordinates}
    collection = {"type": "GeometryCollection", "geometries": [geometry, geometry]}
    assert read_shape(json.dumps(geometry)) == Shape()
    assert read_shape(f" {json.dumps(collection)}") == Shape()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"type": "Point", "coordinates": [1, 2]', "not JSON"),
        ('{"type": ' * 100_000, "not JSON"),
        ('{"coordinates": [1, 2]}', UNKNOWN),
        ('{"type": 5}', UNKNOWN),
        ('{"type": "Circle", "coordinates": [1, 2]}', UNKNOWN),
        ('{"type": "GeometryCollection", "geometries": [5]}', UNKNOWN),
        ('{"type": "GeometryCollection", "geometries": 5}', LISTS),
        ('{"type": "Point", "coordinates": 5}', LISTS),
        ('{"type": "Point"}', LISTS),
        ('{"type": "LineString", "coordinates": [1, 2]}', LISTS),
        ('{"type": "Point", "coordinates": [1]}', JSON_POSITION),
        ('{"type": "Point", "coordinates": ["1", 2]}', JSON_POSITION),
        ('{"type": "Point", "coordinates": [true, 2]}', JSON_POSITION),
        ('{"type": "Point", "coordinates": [[1, 2], [3, 4]]}', JSON_POSITION),
        ('{"type": "LineString", "coordinates": [[1, 2]]}', LINE),
        ('{"type": "MultiLineString", "coordinates": [[[1, 2]]]}', LINE),
        ('{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0]]]}', RING),
        ('{"type": "MultiPolygon", "coordinates": [[[[0, 0], [1, 1], [1, 0]]]]}', RING),
        ('{"type": "Feature", "geometry": null}',
         "a Feature is not accepted; write only its geometry"),
        ('{"type": "FeatureCollection", "features": []}',
         "a FeatureCollection is not accepted; write only its geometry"),
    ],
)  # fmt: skip
def test_the_problem_of_a_text_that_is_no_geojson_is_named(text: str, problem: str) -> None:
    """A feature is not a geometry, but has one."""
    assert read_shape(text) == Shape(problem)


@pytest.mark.parametrize(
    "text",
    [
        "POINT(1 91)",
        "POINT(90 -91)",
        "POINT(-90 180)",
        "LINESTRING(1 91, 2 2)",
        "POLYGON((0 99, 1 99, 1 98, 0 99))",
        "GEOMETRYCOLLECTION(POINT(1 2), POINT(1 91))",
        '{"type": "Point", "coordinates": [1, 91]}',
    ],
)
def test_a_latitude_that_could_only_be_a_longitude_looks_swapped(text: str) -> None:
    """One position is enough, if all others could be swapped, too."""
    assert read_shape(text) == Shape(swapped=True)


@pytest.mark.parametrize(
    "text", ["POINT(90 90)", "POINT(91 91)", "POINT(1 181)", "LINESTRING(1 91, 91 1)"]
)
def test_coordinates_that_fit_neither_way_are_not_said_to_be_swapped(text: str) -> None:
    """Nor those that fit both ways."""
    assert read_shape(text) == Shape()
