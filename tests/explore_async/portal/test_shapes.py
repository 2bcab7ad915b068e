"""Conditions on shapes and with any geometry, compared with plain geometry in whole numbers."""

from __future__ import annotations

import json
import math
import random
import struct
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async.portal import Store, serve
from explore_async.portal.geometries import Shapes
from tests.explore_async.portal.asking import Asker

if TYPE_CHECKING:
    from collections.abc import Sequence

Position = tuple[int, int]
RADIUS = 6_371_008.7714
THINGS = "datasets/things/records"

corners = st.tuples(st.integers(-6, 6), st.integers(-6, 6))
triangles = st.lists(corners, min_size=3, max_size=3).filter(lambda t: turn(*t) != 0)
lines = st.lists(corners, min_size=2, max_size=2, unique=True)
shapes = st.one_of(corners.map(lambda at: [at]), lines, triangles)


# ---------------------------------------------------------------- plain geometry


def turn(first: Position, second: Position, third: Position) -> int:
    """Return twice the area of a triangle, positive if it turns left."""
    return (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (
        third[0] - first[0]
    )


def sides(shape: Sequence[Position]) -> list[tuple[Position, Position]]:
    """Return the edges of a point, a line or a triangle."""
    return list(pairwise([*shape, shape[0]])) if len(shape) > 2 else [(shape[0], shape[-1])]


def on(at: Position, edge: tuple[Position, Position]) -> bool:
    """Return whether a position is on an edge."""
    (left, low), (right, high) = edge
    return (
        turn(*edge, at) == 0
        and min(left, right) <= at[0] <= max(left, right)
        and min(low, high) <= at[1] <= max(low, high)
    )


def cross(one: tuple[Position, Position], other: tuple[Position, Position]) -> bool:
    """Return whether two edges have a position in common."""
    if any(on(at, other) for at in one) or any(on(at, one) for at in other):
        return True
    return (turn(*one, other[0]) > 0) != (turn(*one, other[1]) > 0) and (
        turn(*other, one[0]) > 0
    ) != (turn(*other, one[1]) > 0)


def inside(at: Position, triangle: Sequence[Position]) -> bool:
    """Return whether a position is in a triangle or on its edges."""
    turns = [turn(*edge, at) for edge in sides(triangle)]
    return min(turns) >= 0 or max(turns) <= 0


def meet(one: Sequence[Position], other: Sequence[Position]) -> bool:
    """Return whether two shapes have a position in common."""
    return (
        any(cross(first, second) for first in sides(one) for second in sides(other))
        or (len(other) > 2 and inside(one[0], other))
        or (len(one) > 2 and inside(other[0], one))
    )


def geojson(shape: Sequence[Position]) -> dict[str, Any]:
    if len(shape) == 1:
        return {"type": "Point", "coordinates": list(shape[0])}
    if len(shape) == 2:
        return {"type": "LineString", "coordinates": [list(at) for at in shape]}
    return {"type": "Polygon", "coordinates": [[list(at) for at in (*shape, shape[0])]]}


def wkt(shape: Sequence[Position]) -> str:
    listed = ", ".join(f"{x} {y}" for x, y in (*shape, shape[0]))
    if len(shape) > 2:
        return f"POLYGON(({listed}))"
    if len(shape) == 1:
        return f"POINT({shape[0][0]} {shape[0][1]})"
    return f"LINESTRING({listed.rsplit(', ', 1)[0]})"


# ---------------------------------------------------------------- relations


@given(listed=st.lists(shapes, min_size=1, max_size=12), query=shapes)
def test_shapes_that_have_a_position_in_common_intersect(
    listed: list[list[Position]], query: list[Position]
) -> None:
    """An edge and a corner are part of a shape."""
    import shapely

    found = Shapes(list(enumerate(json.dumps(geojson(shape)) for shape in listed)))
    assert sorted(found.related("intersects", shapely.from_wkt(wkt(query)))) == [
        at for at, shape in enumerate(listed) if meet(shape, query)
    ]


@given(listed=st.lists(shapes, min_size=1, max_size=12), query=triangles)
def test_shapes_whose_corners_are_in_a_triangle_are_within_it(
    listed: list[list[Position]], query: list[Position]
) -> None:
    """A triangle is convex, so the corners decide."""
    import shapely

    found = Shapes(list(enumerate(json.dumps(geojson(shape)) for shape in listed)))
    assert sorted(found.related("within", shapely.from_wkt(wkt(query)))) == [
        at for at, shape in enumerate(listed) if all(inside(corner, query) for corner in shape)
    ]


@pytest.fixture(scope="module")
def listed() -> list[list[Position] | None]:
    """Sixty random points, lines and triangles, and null."""
    chance = random.Random(7)
    made: list[list[Position] | None] = [None]
    while len(made) < 60:
        shape = [
            (chance.randint(-20, 20), chance.randint(-20, 20)) for _ in range(len(made) % 3 + 1)
        ]
        if len(set(shape)) == len(shape) and (len(shape) < 3 or turn(*shape)):
            made.append(shape)
    return made


async def matching(ask: Asker, listed: Sequence[list[Position] | None], where: str) -> list[int]:
    rows = [{"n": at, "g": shape and geojson(shape)} for at, shape in enumerate(listed)]
    with Store() as store:
        store.add("x", [{"name": "n", "type": "int"}, {"name": "g", "type": "geo_shape"}], rows)
        async with serve(store) as url:
            answer = await Asker(url, ask.session).get(
                "datasets/x/exports/json", select="n", where=where, order_by="n"
            )
            groups = await Asker(url, ask.session).get(
                "datasets/x/records", group_by="n", where=where
            )
    assert answer.status == 200, answer.body
    assert groups.results == answer.json
    return [row["n"] for row in answer.json]


QUERY: list[Position] = [(-9, -9), (15, -7), (2, 18)]


@pytest.mark.parametrize(
    "literal",
    [
        wkt(QUERY),
        json.dumps(geojson(QUERY)),
        struct.pack("<BIII6d2d", 1, 3, 1, 4, *[n for at in (*QUERY, QUERY[0]) for n in at]).hex(),
        f"GEOMETRYCOLLECTION({wkt(QUERY)})",
        "POLYGON Z((-9 -9 1, 15 -7 1, 2 18 1, -9 -9 1))",
    ],
    ids=["WKT", "GeoJSON", "WKB", "collection", "heights"],
)
async def test_conditions_on_shapes(
    ask: Asker, listed: list[list[Position] | None], literal: str
) -> None:
    """In every notation; `disjoint` drops records without a shape, and NOT keeps them."""
    meeting = [at for at, one in enumerate(listed) if one and meet(one, QUERY)]
    within = [at for at, one in enumerate(listed) if one and all(inside(c, QUERY) for c in one)]
    apart = [at for at, one in enumerate(listed) if one and at not in meeting]
    assert meeting
    assert within
    assert apart
    for where, expected in {
        f"intersects(g, geom'{literal}')": meeting,
        f"geometry(g, geom'{literal}')": meeting,
        f"within(g, geom'{literal}')": within,
        f"polygon(g, geom'{literal}')": within,
        f"geometry(g, geom'{literal}', WITHIN)": within,
        f"disjoint(g, geom'{literal}')": apart,
        f"not intersects(g, geom'{literal}')": [0, *apart],
        f"intersects(g, geom'{literal}') and n > 20": [at for at in meeting if at > 20],
    }.items():
        assert await matching(ask, listed, where) == expected


async def test_a_box_matches_the_shapes_that_have_a_part_in_it(
    ask: Asker, listed: list[list[Position] | None]
) -> None:
    """Its corners are given with the latitude first; in the wrong order they match nothing."""
    box = [(-5, -2), (7, -2), (7, 9), (-5, 9)]
    halves = (box[:3], [box[2], box[3], box[0]])
    expected = [
        at for at, one in enumerate(listed) if one and any(meet(one, half) for half in halves)
    ]
    assert await matching(ask, listed, "in_bbox(g, -2, -5, 9, 7)") == expected
    assert await matching(ask, listed, "in_bbox(g, 9, -5, -2, 7)") == []
    assert await matching(ask, listed, "in_bbox(g, -2, 7, 9, -5)") == []


# ---------------------------------------------------------------- distances


def metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Return the great-circle distance by the law of cosines."""
    (lon1, lat1), (lon2, lat2) = ([math.radians(n) for n in at] for at in (one, other))
    cosine = math.sin(lat1) * math.sin(lat2)
    cosine += math.cos(lat1) * math.cos(lat2) * math.cos(lon1 - lon2)
    return RADIUS * math.acos(max(-1.0, min(1.0, cosine)))


def away(shape: Sequence[Position], at: Position) -> float:
    """Return the distance of a position from the nearest of many positions of a shape."""
    if len(shape) > 2 and inside(at, shape):
        return 0.0
    steps = range(501)
    return min(
        metres((a[0] + (b[0] - a[0]) * n / 500, a[1] + (b[1] - a[1]) * n / 500), at)
        for a, b in sides(shape)
        for n in steps
    )


@pytest.mark.parametrize("kilometres", [1, 150, 700, 2_000, 30_000])
async def test_a_shape_is_as_far_as_its_nearest_position(
    ask: Asker, listed: list[list[Position] | None], kilometres: int
) -> None:
    """To within half a percent; a point in a polygon has the distance 0."""
    distances = {at: away(one, (3, 4)) / 1000 for at, one in enumerate(listed) if one}
    found = await matching(ask, listed, f"within_distance(g, geom'POINT(3 4)', {kilometres}km)")
    sure = [at for at, distance in distances.items() if distance <= kilometres * 0.995]
    possible = [at for at, distance in distances.items() if distance <= kilometres * 1.005]
    assert set(sure) <= set(found) <= set(possible)


@pytest.mark.parametrize(
    ("at", "radius", "expected"),
    [
        ("179.9 10", "50km", [1, 2]),
        ("-179.9 10", "50km", [1, 2]),
        ("0 89.9", "50km", [3]),
        ("180 89.9", "50km", [3]),
        ("0 -90", "50km", []),
        ("0 0", f"{'9' * 18}.0km", [1, 2, 3]),
    ],
)
async def test_distances_go_round_the_world(
    ask: Asker, at: str, radius: str, expected: list[int]
) -> None:
    """Beyond the 180th meridian and over the pole."""
    listed: list[Any] = [None, [(179.8, 10)], [(-179.8, 10)], [(90, 89.9)]]
    where = f"within_distance(g, geom'POINT({at})', {radius})"
    assert await matching(ask, listed, where) == expected


# ---------------------------------------------------------------- points, and what is refused


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("intersects(place, geom'LINESTRING(2.3522 40, 2.3522 50)')", [1]),
        ("intersects(place, geom'POINT(4.8357 45.764)')", [2]),
        ("within(place, geom'MULTIPOINT(4.8357 45.764, -1.5536 47.2184)')", [2, 3]),
        ("disjoint(place, geom'POINT(4.8357 45.764)')", [1, 3]),
        ("intersects(place, geom'POLYGON((0 40, 10 50, 0 50, 10 40, 0 40))')", [1, 2]),
        ("intersects(shape, geom'POLYGON((0 40, 10 50, 0 50, 10 40, 0 40))')", [1]),
        ("intersects(shape, geom'POLYGON((0 40, 10 50, 10 40, 0 50, 0 40))')", []),
        ("intersects(shape, geom'POLYGON((2 48, 3 48, 3 49, 2 49, 2 48))')", [1]),
    ],
)
async def test_points_and_other_geometries(ask: Asker, where: str, expected: list[int]) -> None:
    """A point may lie on a line; a polygon that crosses itself has two parts."""
    assert await ask.ids(where) == expected


@pytest.mark.parametrize("field", ["place", "shape"])
@pytest.mark.parametrize(
    "literal",
    [
        "POINT EMPTY", "POINT(NaN 1)", "LINESTRING(0 0, 1e999 1)", "LINESTRING(0 0)", "CIRCLE(1)",
        "CIRCULARSTRING(0 0, 1 1, 2 2)", "0101000000000000000000F03F", "{", "{}", "",
        '{"type": "Feature", "geometry": null}', '{"type": "LineString", "coordinates": [1]}',
        f"{'GEOMETRYCOLLECTION(' * 3000}POINT(1 1){')' * 3000}",
        f'{{"type": "LineString", "coordinates": {"[" * 500}{"]" * 500}}}',
    ],
    ids=lambda text: text[:24],
)  # fmt: skip
async def test_what_is_no_geometry_is_refused(ask: Asker, field: str, literal: str) -> None:
    """Also what is nested so deeply that no reader would survive it."""
    answer = await ask.get(THINGS, where=f"intersects({field}, geom'{literal}')")
    assert (answer.status, answer.json["error_code"]) in [
        (400, "ODSQLError"),
        (400, "ODSQLSyntaxError"),
    ]


async def test_the_geometries_of_a_removed_dataset_are_forgotten(ask: Asker) -> None:
    """A dataset of the same name has its own."""
    where = "intersects(g, geom'POINT(1 1)')"
    with Store() as store:
        async with serve(store) as url:
            client = Asker(url, ask.session)
            for position in ([1, 1], [2, 2]):
                store.add("x", rows=[{"g": {"type": "Point", "coordinates": position}}])
                found = (await client.get("datasets/x/records", where=where)).results
                assert len(found) == (position == [1, 1])
                store.remove("x")


async def test_what_is_stored_but_no_geometry_matches_nothing(ask: Asker) -> None:
    """The store does not look into coordinates; a feature may have no geometry."""
    rows: list[dict[str, Any]] = [
        {"g": {"type": "Polygon", "coordinates": [7]}},
        {"g": {"type": "LineString", "coordinates": [[0, 0], [float("inf"), 0]]}},
        {"g": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [2, 0]]]}},
        {"g": {"type": "Feature", "geometry": None, "properties": {}}},
        {"g": {"type": "Polygon", "coordinates": []}},
        {"g": {"type": "Point", "coordinates": [1, 1, 9]}},
    ]
    with Store() as store:
        store.add("x", [{"name": "g", "type": "geo_shape"}], rows)
        async with serve(store) as url:
            client = Asker(url, ask.session)
            for where in ("intersects(g, geom'POINT(1 1)')", "in_bbox(g, 1, 1, 2, 2)",
                          "within_distance(g, geom'POINT(1 1)', 1km)"):  # fmt: skip
                answer = await client.get("datasets/x/records", where=where, limit=0)
                assert answer.json["total_count"] == 1


async def test_a_dataset_without_shapes_matches_nothing(ask: Asker) -> None:
    """There is no geometry to compare."""
    assert await matching(ask, [], "intersects(g, geom'POINT(1 1)')") == []
    assert await matching(ask, [None], "within_distance(g, geom'POINT(1 1)', 1km)") == []
