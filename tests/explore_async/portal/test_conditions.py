"""Conditions: which of the four things each one matches."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from explore_async.portal import Store, serve
from odsql.syntax.functions import DISTANCE_UNITS

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker

SQUARE = "POLYGON((0 45, 5 45, 5 50, 0 50, 0 45))"
POINT = '{"type": "Point", "coordinates": [4.8, 45.7]}'
TWO = "MULTIPOLYGON(((2 48,3 48,3 49,2 48)), ((4 45,5 45,5 46,4 46,4 45)))"
HOLED = "POLYGON((0 45, 5 45, 5 50, 0 50, 0 45), (2 48, 3 48, 3 49, 2 49, 2 48))"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        # Null: comparisons including != drop it; NOT is the exact complement and keeps it.
        ("size > 0", [1, 2]),
        ("size != 10", [1, 3]),
        ("NOT size = 10", [1, 3, 4]),
        ("NOT (size > 0 OR name = 'x')", [3, 4]),
        ("NOT NOT size > 0", [1, 2]),
        ("size is null", [4]),
        ("size is not null AND NOT open", [2, 3]),
        ("size = null", []),
        ("size != null", []),
        ("NOT size = null", [1, 2, 3, 4]),
        # Booleans.
        ("open", [1]),
        ("open is true", [1]),
        ("open is false", [2]),
        ("open is not true", [2, 3, 4]),
        ("open is not false", [1, 3, 4]),
        ("open in (true)", [1]),
        ("open in (false, true)", [1, 2]),
        # Text is compared exactly, `:` means `=`, a bare number is compared as text.
        ("name = 'Café des Arts'", [1]),
        ("name = 'café des arts'", []),
        ("code : '44035'", [1, 3]),
        ("code = 44035", [1, 3]),
        ("code in (44035, '69123')", [1, 2, 3]),
        ("'Old Mill Museum' = name", [2]),
        # Multivalued fields match if any element does.
        ("tags = 'b'", [1, 2]),
        ("tags != 'b'", [3]),
        ("NOT tags = 'b'", [3, 4]),
        ("'a' in tags", [1]),
        ("tags in ('a', 'c')", [1, 3]),
        ("'b' = tags", [1, 2]),
        ("code in (-44035, 69123)", [2]),
        ("tags like 'B'", [1, 2]),
        # Numbers.
        ("size = 10", [2]),
        ("size < 1.5", [3]),
        ("size <= 1.5", [1, 3]),
        ("size > 1.5", [2]),
        ("size >= 1.5", [1, 2]),
        ("1.5 = size", [1]),
        ("1.5 != size", [2, 3]),
        ("1.5 > size", [3]),
        ("1.5 >= size", [1, 3]),
        ("1.5 < size", [2]),
        ("1.5 <= size", [1, 2]),
        ("id in (1, 3, -1)", [1, 3]),
        ("id in (1.5, 3)", [3]),
        ("id in (2, 9223372036854775807)", [2]),
        ("size in (-2, 10)", [2, 3]),
        ("size in ]-2..10[", [1]),
        ("size in [-2..10]", [1, 2, 3]),
        ("NOT id in (1, 3)", [2, 4]),
        ("id in [2..3]", [2, 3]),
        ("id in ]2..4[", [3]),
        ("id : [2 TO 3[", [2]),
        ("5 >= id * 2", [1, 2]),
        ("id - 1 = 2", [3]),
        ("size in (1.5, 10)", [1, 2]),
        ("1 = 2", []),
        ("1 = 1 AND id = 1", [1]),
        # Words.
        ("name like 'MILL'", [2, 3]),
        ("name like 'mil'", []),
        ("name like 'mil*'", [2, 3]),
        ("name like 'museum mill'", [2]),
        ("name like 'cafe'", [1]),
        ("lower(name) like 'old'", [2]),
        ("'mill'", [2, 3]),
        ("'mill' AND NOT 'museum'", [3]),
        ("search('muzeum')", [2]),
        ("search(name, 'old mus')", [2]),
        ("search(name, 'musical')", []),
        ("suggest(name, 'caf')", [1]),
        ("suggest('str')", [3]),
        ("startswith(name, 'mill')", [3]),
        ("startswith(name, 'Mill')", []),
        ("startswith(tags, 'b')", [1, 2]),
        # Functions.
        ("length(name) = 15", [2]),
        ("year(day) = 2026 AND month(day) = 9", [3]),
        ("date_format(day, 'YYYY-MM') = '2026-08'", [1, 2]),
        ("ifnull(size, 0) = 0", [4]),
        ("size / 0 = 0", []),
    ],
)
async def test_condition(ask: Asker, where: str, expected: list[int]) -> None:
    """A condition matches exactly these things."""
    assert await ask.ids(where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        # A date literal is the whole day: > skips it, <= includes it.
        ("moment > date'2026-08-29'", [3]),
        ("moment >= date'2026-08-29'", [2, 3]),
        ("moment <= date'2026-08-29'", [1, 2]),
        ("moment = date'2026-08-29'", [2]),
        ("moment != date'2026-08-29'", [1, 3]),
        ("date'2026-08-29' < moment", [3]),
        # Literals of a year, a month or a second are periods, too.
        ("day = date'2026'", [1, 2, 3]),
        ("day > date'2026-08'", [3]),
        ("moment = date'2026-08-30T12:00:00Z'", [3]),
        ("moment = date'2026-08-30T12:00:01Z'", []),
        ("moment = date'2026-08-29T02:00:00+02:00'", [2]),
        ("year = date'2025'", [1]),
        # Other formats of a day.
        ("day = date'2026/08/28'", [1]),
        ("day = date'20260828'", [1]),
        ("day >= '2026-08-29'", [2, 3]),
        ("moment >= '2026-08-29T00:00:00Z'", [2, 3]),
        ("day in [date'2026-08-28'..date'2026-08-29']", [1, 2]),
        ("day in ]date'2026-08-28'..date'2026-09']", [2, 3]),
        ("day : ['2026-08-28' TO '2026-08-29'[", [1]),
        ("day : [20260829 TO 20260930]", [2, 3]),
        # The current time is noon on 29 August.
        ("moment > now()", [3]),
        ("moment >= now(hour=0, minute=0)", [2, 3]),
        ("moment > now(days=-1)", [1, 2, 3]),
        ("day > now(months=+1)", [3]),
        ("moment < now(hour=23, hour=0)", [1]),
    ],
)
async def test_condition_on_a_date(ask: Asker, where: str, expected: list[int]) -> None:
    """Date literals are periods."""
    assert await ask.ids(where) == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("hour(moment) = 0", [1]),
        ("moment = date'2026-08-29'", [1, 2]),
        ("day = date'2026-08-29'", [2]),
    ],
)
async def test_the_time_zone_moves_days(ask: Asker, where: str, expected: list[int]) -> None:
    """In Paris, 22:30 UTC is the next day; dates have no time zone."""
    assert await ask.ids(where, timezone="Europe/Paris") == expected


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("within_distance(place, geom'POINT(2.35 48.85)', 1km)", [1]),
        ("within_distance(place, geom'POINT(2.35 48.85)', 250mi)", [1, 2, 3]),
        ("distance(place, geom'POINT(2.35 48.85)', 800m)", [1]),
        (f"within_distance(place, geom'{POINT}', 10 km)", [2]),
        ("in_bbox(place, 48, 2, 49, 3)", [1]),
        ("in_bbox(place, 49, 3, 48, 2)", []),
        ("in_bbox(place, 47, -2, 48, -1)", [3]),
        ("not(in_bbox(place, 48, 2, 49, 3))", [2, 3, 4]),
        (f"intersects(place, geom'{SQUARE}')", [1, 2]),
        (f"within(place, geom'{SQUARE}')", [1, 2]),
        (f"polygon(place, geom'{SQUARE}')", [1, 2]),
        (f"disjoint(place, geom'{SQUARE}')", [3]),
        (f"geometry(place, geom'{SQUARE}', DISJOINT)", [3]),
        (f"geometry(place, geom'{SQUARE}', within)", [1, 2]),
        (f"geometry(place, geom'{SQUARE}', INTERSECTS)", [1, 2]),
        (f"geometry(place, geom'{SQUARE}')", [1, 2]),
        (f"within(place, geom'{HOLED}')", [2]),
        (f"within(place, geom'{TWO}')", [2]),
    ],
)  # fmt: skip
async def test_condition_on_a_place(ask: Asker, where: str, expected: list[int]) -> None:
    """Longitude comes first in geometries, latitude in boxes; holes are outside a polygon."""
    assert await ask.ids(where) == expected


@pytest.mark.parametrize("unit", DISTANCE_UNITS)
async def test_every_unit_of_distance_is_taken_in_any_case(ask: Asker, unit: str) -> None:
    """The point itself is at distance 0, so any radius includes it."""
    for written in (unit, unit.upper()):
        where = f"within_distance(place, geom'POINT(2.3522 48.8566)', 1{written})"
        assert await ask.ids(where) == [1]


async def test_whole_numbers_of_64_bits_are_compared_exactly(ask: Asker) -> None:
    """As doubles, the first two would be equal."""
    with Store() as store:
        numbers = [{"n": 2**62}, {"n": 2**62 + 1}, {"n": 2**63 - 1}]
        store.add("big", [{"name": "n", "type": "int"}], numbers)
        async with serve(store) as url:
            for row in numbers:
                asked = type(ask)(url, ask.session).get(
                    "datasets/big/records", where=f"n in ({row['n']})"
                )
                assert (await asked).results == [row]


async def test_distance_is_in_metres_along_the_sphere(ask: Asker) -> None:
    """Paris to Lyon is about 392 km; swapped coordinates would give another distance."""
    answer = await ask.get(
        "datasets/things/records",
        select="distance(place, geom'POINT(4.8357 45.764)') as d",
        where="id=1",
    )
    assert answer.results[0]["d"] == pytest.approx(391_500, abs=1_000)
