"""`geo_cluster`, `bbox`, `envelope` and `json_format`, each compared with plain Python."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from statistics import fmean
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async.portal import Store, serve
from explore_async.portal.functions import clusters, hull, read_json
from tests.explore_async.portal.asking import Asker, recorded

if TYPE_CHECKING:
    from collections.abc import Sequence

Position = tuple[float, float]
THINGS = "datasets/things/records"

longitudes = st.floats(-180, 180).map(lambda value: round(value, 3))
latitudes = st.floats(-85, 85).map(lambda value: round(value, 3))
positions = st.tuples(longitudes, latitudes)


def points(listed: Sequence[Position]) -> list[dict[str, float]]:
    return [{"lon": lon, "lat": lat} for lon, lat in listed]


# ---------------------------------------------------------------- clusters


def pixel(position: Position, zoom: int) -> Position:
    """Project a position as web maps do, with the logarithm of the Mercator projection."""
    size = 256 * 2**zoom
    angle = math.radians(position[1])
    up = math.log(math.tan(math.pi / 4 + angle / 2))
    return (position[0] / 360 + 0.5) * size, (0.5 - up / (2 * math.pi)) * size


def nearest_first(listed: Sequence[Position], zoom: int, radius: float) -> list[int]:
    """Compare each point with the first points of all clusters."""
    first: list[Position] = []
    numbers = []
    for at in (pixel(position, zoom) for position in listed):
        near = min(range(len(first)), key=lambda number: math.dist(first[number], at), default=None)
        if near is None or math.dist(first[near], at) > radius:
            near = len(first)
            first.append(at)
        numbers.append(near)
    return numbers


@given(
    listed=st.lists(positions, max_size=40),
    zoom=st.integers(0, 6),
    radius=st.sampled_from([7, 40, 90]),
)
def test_a_point_joins_the_nearest_cluster_within_the_radius(
    listed: list[Position], zoom: int, radius: float
) -> None:
    """Otherwise it begins a new one; distances that are nearly equal may go either way."""
    first: list[Position] = []
    found = clusters(points(listed), zoom, radius)
    for number, at in zip(found, (pixel(one, zoom) for one in listed), strict=True):
        distances = [math.dist(one, at) for one in first]
        if number == len(first):
            assert all(distance > radius - 1e-6 for distance in distances)
            first.append(at)
        else:
            assert distances[number] < min(*distances, radius) + 1e-6


async def clustered(ask: Asker, listed: Sequence[Position | None], **query: str) -> list[Any]:
    rows = [{"n": at, "p": one and {"lon": one[0], "lat": one[1]}} for at, one in enumerate(listed)]
    with Store() as store:
        store.add("x", [{"name": "n", "type": "int"}, {"name": "p", "type": "geo_point_2d"}], rows)
        async with serve(store) as url:
            return (await Asker(url, ask.session).get("datasets/x/records", **query)).results


async def test_clusters_count_their_records_and_show_their_mean(ask: Asker) -> None:
    """In the order in which they begin; records without a point are a group of their own."""
    chance = random.Random(1)
    listed: list[Position] = [
        (round(chance.gauss(2.3, 0.1), 5), round(chance.gauss(48.8, 0.05), 5)) for _ in range(300)
    ]
    numbers = nearest_first(listed, 10, 40)
    found = await clustered(
        ask,
        [None, *listed],
        group_by="geo_cluster(p, 10) as c",
        select="count(*) as n, sum(n) as s",
    )
    assert found[0] == {"c": None, "n": 1, "s": 0}
    assert [row["n"] for row in found[1:]] == [
        count for _, count in sorted(Counter(numbers).items())
    ]
    for number, row in enumerate(found[1:]):
        inside = [at for at, one in enumerate(numbers) if one == number]
        centre = row["c"]["cluster_centroid"]
        assert list(centre) == ["lat", "lon"]
        assert centre["lat"] == pytest.approx(fmean(listed[at][1] for at in inside))
        assert centre["lon"] == pytest.approx(fmean(listed[at][0] for at in inside))
        assert row["s"] == sum(at + 1 for at in inside)


async def test_only_records_that_match_are_clustered(ask: Asker) -> None:
    """A filtered record begins no cluster and is in no mean; other keys divide a cluster."""
    found = await clustered(
        ask,
        [(0.0, 0.0), (0.2, 0.0), (0.4, 0.0)],
        group_by="geo_cluster(p, 5, 100), n",
        where="n > 0",
    )
    key = "geo_cluster(p, 5, 100)"
    assert found == [
        {key: {"cluster_centroid": {"lat": 0.0, "lon": pytest.approx(0.3)}}, "n": number}
        for number in (1, 2)
    ]


async def test_a_smaller_radius_or_a_deeper_zoom_makes_more_clusters(ask: Asker) -> None:
    """One degree is 22.8 pixels at zoom 5."""
    pair = [(0.0, 0.0), (1.0, 0.0)]
    for arguments, expected in (("5", 1), ("5, 23", 1), ("5, 22", 2), ("6", 2), ("6, 46", 1)):
        found = await clustered(ask, pair, group_by=f"geo_cluster(p, {arguments})")
        assert len(found) == expected


async def test_clusters_are_laid_out_as_recorded(ask: Asker) -> None:
    """Key by key: the label as typed, then the centroid with its latitude first, then the count."""
    expected = recorded("velib-fi/20-group_by-geo_cluster.json")["results"][0]
    found = await clustered(
        ask, [(2.3, 48.8)], group_by="GEO_CLUSTER(p,10)", select="count(*)", limit="1"
    )
    assert json.dumps(found[0]).replace("(p,", "(coordonnees_geo,") == json.dumps(
        {
            **expected,
            "GEO_CLUSTER(coordonnees_geo,10)": {"cluster_centroid": {"lat": 48.8, "lon": 2.3}},
            "count(*)": 1,
        }
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("geo_cluster(place, 26)", "a whole zoom from 0 to 25"),
        ("geo_cluster(place, 1.5)", "a whole zoom from 0 to 25"),
        ("geo_cluster(place, 10, 0)", "a positive radius"),
        ("geo_cluster(name, 10)", "name is not a geographic field"),
    ],
)
async def test_the_arguments_of_geo_cluster(ask: Asker, text: str, reason: str) -> None:
    """The zoom is from 0 to 25, the radius is positive, and the field has points."""
    answer = await ask.get(THINGS, group_by=text)
    assert (answer.status, answer.json["error_code"]) == (400, "ODSQLError")
    assert reason in answer.json["message"]


# ---------------------------------------------------------------- boxes and hulls


def turn(first: Position, second: Position, third: Position) -> float:
    return (second[0] - first[0]) * (third[1] - first[1]) - (second[1] - first[1]) * (
        third[0] - first[0]
    )


def chain(listed: Sequence[Position]) -> list[Position]:
    """Return one side of the convex hull: Andrew's monotone chain."""
    side: list[Position] = []
    for at in listed:
        while len(side) > 1 and turn(side[-2], side[-1], at) <= 0:
            side.pop()
        side.append(at)
    return side


@given(
    st.lists(
        st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=20, unique=True
    )
)
def test_an_envelope_is_the_convex_hull(listed: list[Position]) -> None:
    """Its corners are those of Andrew's algorithm; of points in a line it is a line."""
    expected = {*chain(sorted(listed)), *chain(sorted(listed, reverse=True))}
    geometry = json.loads(hull(points(listed)))["geometry"]
    corners = geometry["coordinates"]
    if geometry["type"] == "Polygon":
        (corners,) = corners
    if geometry["type"] == "Point":
        corners = [corners]
    assert {(lon, lat) for lon, lat in corners} == expected


async def test_the_shapes_around_values_are_features(ask: Asker) -> None:
    """`bbox` takes points and shapes, `envelope` points; without values they are null."""
    select = "bbox(place) as b, envelope(place) as e, bbox(shape) as s"
    row = (await ask.get(THINGS, select=select, limit=1)).results[0]
    west, south, east, north = -1.5536, 45.764, 4.8357, 48.8566
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    assert json.dumps(row["b"]) == json.dumps(
        {
            "type": "Feature",
            "geometry": {"coordinates": [ring], "type": "Polygon"},
            "properties": {},
        }
    )
    assert len(row["e"]["geometry"]["coordinates"][0]) == 4
    assert row["s"]["geometry"]["coordinates"] == [[[2.3522, 48.8566]] * 5]
    none = (await ask.get(THINGS, select=select, where="id = 4", limit=1)).results[0]
    assert none == {"b": None, "e": None, "s": None}


async def test_the_box_of_shapes_holds_all_their_positions(ask: Asker) -> None:
    """Of every type of geometry."""
    line = {"type": "LineString", "coordinates": [[1, 2], [3, -4]]}
    area = {"type": "MultiPolygon", "coordinates": [[[[0, 0], [5, 0], [0, 6], [0, 0]]]]}
    both = {
        "type": "GeometryCollection",
        "geometries": [line, {"type": "Point", "coordinates": [-7, 1]}],
    }
    empty = {"type": "Polygon", "coordinates": []}
    odd = {"type": "Polygon", "coordinates": [7, ["a", 1], [10**400, 1], [[2, 3]], [None, True]]}
    none: dict[str, Any] = {"type": "Feature", "geometry": None, "properties": {}}
    with Store() as store:
        fields = [{"name": "n", "type": "int"}, {"name": "g", "type": "geo_shape"}]
        shapes = enumerate([line, area, both, empty, odd, none])
        store.add("x", fields, [{"n": at, "g": shape} for at, shape in shapes])
        async with serve(store) as url:
            client = Asker(url, ask.session)
            found = (
                await client.get("datasets/x/records", group_by="n", select="bbox(g) as b")
            ).results
    corners = [row["b"] and row["b"]["geometry"]["coordinates"][0] for row in found]
    assert [one and (one[0], one[2]) for one in corners] == [
        ([1, -4], [3, 2]), ([0, 0], [5, 6]), ([-7, -4], [3, 2]), None, ([2, 3], [2, 3]), None
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["envelope(shape)", "envelope(name)", "bbox(id)"])
async def test_what_has_no_box_is_refused(ask: Asker, text: str) -> None:
    """The live text is unknown."""
    answer = await ask.get(THINGS, select=text)
    assert (answer.status, answer.json["error_code"]) == (400, "ODSQLError")
    assert "takes a geographic field" in answer.json["message"]


# ---------------------------------------------------------------- JSON

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


@given(value=values, indent=st.sampled_from([None, 0, 2]))
def test_json_is_read_from_a_text(value: Any, indent: int | None) -> None:
    """Whatever its layout, it gets that of a response."""
    assert read_json(json.dumps(value, indent=indent)) == json.dumps(value)


@pytest.mark.parametrize("text", ["", "{", "NaN", "[Infinity]", "'a'", "[" * 100_000, "{1: 2}"])
def test_what_is_no_json(text: str) -> None:
    """NaN and infinities are not JSON, either."""
    assert read_json(text) == ""


async def test_json_is_part_of_the_response(ask: Asker) -> None:
    """The second argument, or null, stands for invalid JSON; null stays null."""
    rows: list[dict[str, Any]] = [
        {"t": '{"a":[1,2.0,"\\u00e9\\ud800"]}'},
        {"t": "no"},
        {"t": None},
        {"t": "7"},
    ]
    with Store() as store:
        store.add("x", [{"name": "t", "type": "text"}], rows)
        async with serve(store) as url:
            select = "json_format(t) as a, json_format(t, null) as b, json_format(t, 'é') as c"
            answer = await Asker(url, ask.session).get("datasets/x/records", select=select)
    read = {"a": [1, 2.0, "é\ud800"]}
    assert answer.results == [
        {"a": read, "b": read, "c": read},
        {"a": None, "b": None, "c": "é"},
        {"a": None, "b": None, "c": None},
        {"a": 7, "b": 7, "c": 7},
    ]


@pytest.mark.parametrize("text", ["json_format(tags)", "json_format(id)", "json_format(name, 1)"])
async def test_the_arguments_of_json_format(ask: Asker, text: str) -> None:
    """One text, and a text or null."""
    answer = await ask.get(THINGS, select=text)
    assert (answer.status, answer.json["error_code"]) == (400, "ODSQLError")
    assert "json_format() takes" in answer.json["message"]
