"""`bbox`, `envelope` and `json_format`, each compared with plain Python."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explore_async.portal import Store, serve
from explore_async.portal.functions import hull, read_json
from tests.explore_async.portal.asking import Asker

if TYPE_CHECKING:
    from collections.abc import Sequence

Position = tuple[float, float]
THINGS = "datasets/things/records"

longitudes = st.floats(-180, 180).map(lambda value: round(value, 3))
latitudes = st.floats(-85, 85).map(lambda value: round(value, 3))
positions = st.tuples(longitudes, latitudes)


def points(listed: Sequence[Position]) -> list[dict[str, float]]:
    return [{"lon": lon, "lat": lat} for lon, lat in listed]


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
