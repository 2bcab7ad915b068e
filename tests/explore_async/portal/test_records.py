"""Records: layout, windows, selections and order, compared with recorded responses if any."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from explore_async.portal import Store, serve
from tests.explore_async.portal.asking import GEONAMES

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker

THINGS = "datasets/things/records"


async def test_every_field_is_there_even_when_null(ask: Asker) -> None:
    """A record without values has all keys of the schema, in schema order."""
    (row,) = (await ask.get(THINGS, where="id = 4")).results
    assert list(row.values()) == [4, *[None] * 11]
    assert list(row)[:3] == ["id", "name", "tags"]


async def test_values_of_every_type(ask: Asker) -> None:
    """Doubles keep `.0`, points have longitude first, datetimes an offset; lists are arrays."""
    body = (await ask.get(THINGS, where="id = 2", select="exclude(shape)")).body.decode()
    assert body == (
        '{"total_count": 1, "results": [{"id": 2, "name": "Old Mill Museum", "tags": ["b"], '
        '"size": 10.0, "day": "2026-08-29", "moment": "2026-08-29T00:00:00+00:00", '
        '"open": false, "place": {"lon": 4.8357, "lat": 45.764}, "path": "europe/france/lyon", '
        '"code": "69123", "year": "2024"}]}'
    )


async def test_a_geo_shape_is_a_feature(ask: Asker) -> None:
    """Shapes are returned as the GeoJSON features that were added."""
    (row,) = (await ask.get("datasets/public-trees/records", limit=1, select="geom")).results
    assert row["geom"]["type"] == "Feature"
    assert row["geom"]["geometry"]["type"] == "Point"
    assert row["geom"]["properties"] == {}


async def test_the_time_zone_shifts_datetimes_but_not_dates(ask: Asker) -> None:
    """`timezone` converts datetimes; dates do not change."""
    (row,) = (
        await ask.get(THINGS, where="id=1", select="day, moment", timezone="Europe/Paris")
    ).results
    assert row == {"day": "2026-08-28", "moment": "2026-08-29T00:30:00+02:00"}


async def test_fractions_of_seconds_are_kept(ask: Asker) -> None:
    """Microseconds appear unless they are zero."""
    (row,) = (await ask.get(THINGS, where="id=3", select="moment")).results
    assert row["moment"] == "2026-08-30T12:00:00.250000+00:00"


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("id, size * 2 as double", {"id": 1, "double": 3.0}),
        ("size*2", {"size*2": 3.0}),
        ("include(na*), id", {"name": "Café des Arts", "id": 1}),
        ("id, length(name) as long, lower(name)", {
            "id": 1, "long": 13, "lower(name)": "café des arts"}),
        ("id / 0 as nothing", {"nothing": None}),
        ("id / 2 as half, id - 3 * 2 as less", {"half": 0.5, "less": -5}),
        ("2023 as year", {"year": 2023}),
        ("year(day), month(day) as m, hour(moment)", {
            "year(day)": 2026, "m": 8, "hour(moment)": 22}),
        ("date_format(day, \"dd/MM/YYYY 'at' EEEE\") as d", {"d": "28/08/2026 at Friday"}),
        ("ifnull(name, 'none') as n", {"n": "Café des Arts"}),
        ("`id` as `the id`", {"the id": 1}),
        ("ifnull(day, date'2020-01-01') as d", {"d": "2026-08-28"}),
        ("ifnull(year, date'2020') as y", {"y": "2025"}),
    ],
)  # fmt: skip
async def test_select_expressions(ask: Asker, select: str, expected: dict[str, object]) -> None:
    """The key of an expression is its alias, or else its text as typed."""
    (row,) = (await ask.get(THINGS, where="id=1", select=select)).results
    assert row == expected


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "America/New_York"])
async def test_the_alternative_of_a_date_is_a_date(ask: Asker, zone: str) -> None:
    """`ifnull` has the type of its first argument; a date has no time zone."""
    select = "ifnull(day, date'2020-01-01') as d, ifnull(moment, date'2020-01-01T00:00Z') as m"
    (row,) = (await ask.get(THINGS, where="id=4", select=select, timezone=zone)).results
    assert row["d"] == "2020-01-01"
    assert row["m"].startswith("2019-12-31T" if zone == "America/New_York" else "2020-01-01T")


async def test_the_distance_of_no_point_is_null_and_last(ask: Asker) -> None:
    """In both directions of the order."""
    for direction in ("asc", "desc"):
        found = (
            await ask.get(
                THINGS,
                select="id, distance(place, geom'POINT(2.3522 48.8566)') as d",
                order_by=f"distance(place, geom'POINT(2.3522 48.8566)') {direction}",
            )
        ).results
        assert found[-1] == {"id": 4, "d": None}
    (row,) = (
        await ask.get(THINGS, select="max(distance(place, geom'POINT(2 48)')) as far")
    ).results[:1]
    assert 200_000 < row["far"] < 400_000


async def test_star_and_exclude(ask: Asker) -> None:
    """An expression after `*` is added to all fields; `exclude` removes fields from them."""
    (row,) = (await ask.get(THINGS, where="id=1", select="*, id+1 as next")).results
    assert list(row)[-1] == "next"
    assert len(row) == 13
    (row,) = (await ask.get(THINGS, where="id=1", select="exclude(p*), exclude(s*)")).results
    assert list(row) == ["id", "name", "tags", "day", "moment", "open", "code", "year"]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("include(id), include(name)", ["id", "name"]),
        ("include(pa*), include(id)", ["path", "id"]),
        ("id, name, size, exclude(name)", ["id", "size"]),
        ("id, name, exclude(nam)", ["id", "name"]),
        ("id, name, id", ["id", "name"]),
        ("name, *, exclude(i*)", [
            "name", "tags", "size", "day", "moment", "open", "place", "shape", "path", "code",
            "year"]),
    ],
)  # fmt: skip
async def test_a_pattern_is_a_name_or_a_prefix(
    ask: Asker, select: str, expected: list[str]
) -> None:
    """Without a `*` it is the whole name; a key that is selected twice keeps its place."""
    (row,) = (await ask.get(THINGS, where="id=1", select=select)).results
    assert list(row) == expected


@pytest.mark.parametrize("select", ["include(nam)", "include(x*)", "exclude(*)", "id, exclude(id)"])
async def test_a_selection_without_fields_is_refused(ask: Asker, select: str) -> None:
    """The live text is unknown."""
    answer = await ask.get(THINGS, select=select)
    assert answer.status == 400
    assert "Nothing is selected" in answer.json["message"]


async def test_an_empty_group_by_makes_no_groups(ask: Asker) -> None:
    """The answer has records."""
    assert (await ask.get(THINGS, select="id", group_by="")).results == [
        {"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}
    ]  # fmt: skip


@pytest.mark.parametrize(("path", "status"), [(THINGS, 200), ("datasets/none", 404)])
@pytest.mark.parametrize(("coding", "announced"), [("gzip", False), ("identity", True)])
async def test_a_compressed_answer_announces_no_length(
    ask: Asker, path: str, status: int, coding: str, announced: bool
) -> None:
    """A client cannot check the size of a compressed body; uncompressed ones have a length."""
    answer = await ask.get(path, accepting=coding)
    assert answer.status == status
    assert ("content-length" in answer.headers) == announced
    assert answer.headers.get("content-encoding", "identity") == coding


async def test_an_answer_to_head_has_no_body(ask: Asker) -> None:
    """Compression adds no body either, and the connection can be reused."""
    url = f"{ask.url}/api/explore/v2.1/catalog/{THINGS}"
    async with ask.session.head(url, headers={"accept-encoding": "gzip"}) as response:
        assert (response.status, await response.read()) == (200, b"")
        assert "content-encoding" not in response.headers
    assert (await ask.get(THINGS)).status == 200


async def test_limit_zero_counts(ask: Asker) -> None:
    """`limit=0` returns the total and no rows."""
    answer = await ask.get(THINGS, limit=0)
    assert answer.body == b'{"total_count": 4, "results": []}'


async def test_the_default_limit_is_ten(ask_cities: Asker) -> None:
    """Without `limit` ten records are returned; -1 returns a full page of a hundred."""
    assert len((await ask_cities.get(f"{GEONAMES}/records", select="name")).results) == 10
    assert (
        len((await ask_cities.get(f"{GEONAMES}/records", select="name", limit=-1)).results) == 100
    )


async def test_pages_fit_together(ask_cities: Asker) -> None:
    """Records that tie in order_by have a stable order, so pages neither repeat nor skip any."""
    seen = [
        row["geoname_id"]
        for offset in range(0, 500, 100)
        for row in (
            await ask_cities.get(
                f"{GEONAMES}/records",
                select="geoname_id",
                where="population = 0",
                order_by="country_code",
                limit=100,
                offset=offset,
            )
        ).results
    ]
    assert len(seen) == len(set(seen)) == 500


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("size", [3, 1, 2, 4]),
        ("size desc", [2, 1, 3, 4]),
        ("-size", [2, 1, 3, 4]),
        ("open, id desc", [2, 1, 4, 3]),
        ("length(name) desc", [3, 2, 1, 4]),
        ("big desc", [2, 1, 3, 4]),
        ("-size desc", [3, 1, 2, 4]),
        ("-size asc", [2, 1, 3, 4]),
        ("5, size desc", [2, 1, 3, 4]),
        ("code, size desc", [1, 3, 2, 4]),
        ("code desc, size", [2, 3, 1, 4]),
        ("distance(place, geom'POINT(4.8357 45.764)')", [2, 1, 3, 4]),
    ],
)
async def test_order_by(ask: Asker, order_by: str, expected: list[int]) -> None:
    """Null comes last in both directions; labels of `select` are allowed."""
    answer = await ask.get(THINGS, select="id, size*10 as big", order_by=order_by)
    assert [row["id"] for row in answer.results] == expected


async def test_random_order_repeats_for_the_same_seed(ask: Asker) -> None:
    """The order of `random(seed)` depends only on the seed."""
    first = await ask.get(THINGS, select="id", order_by="random(7)")
    second = await ask.get(THINGS, select="id", order_by="random(7)")
    assert first.body == second.body


async def test_repeated_where_parameters_are_all_meant(ask: Asker) -> None:
    """Several `where` parameters are joined by AND."""
    answer = await ask.get(THINGS, ("where", "id > 1"), ("where", "id < 3"), select="id")
    assert answer.results == [{"id": 2}]


async def test_unknown_parameters_are_ignored(ask: Asker) -> None:
    """Measured: a misspelt parameter gets status 200."""
    assert (await ask.get(THINGS, limt=1, bogus="x")).json["total_count"] == 4


async def test_a_trailing_slash_is_accepted(ask: Asker) -> None:
    """Two widely used clients request `/records/`."""
    assert (await ask.get("datasets/things/records/")).status == 200


async def test_an_ungrouped_aggregate_repeats_its_row(ask: Asker) -> None:
    """Live portals repeat the row for each record of the page."""
    answer = await ask.get(THINGS, select="count(*) as total", limit=1)
    assert answer.body == b'{"total_count": 4, "results": [{"total": 4}]}'
    answer = await ask.get(THINGS, select="count(*) as total, max(size)")
    assert answer.results == [{"total": 4, "max(size)": 10.0}] * 4


async def test_not_a_number_is_written_bare(ask: Asker) -> None:
    """Live exports contained a bare NaN."""
    with Store() as store:
        store.add("nan", [{"name": "x", "type": "double"}], [{"x": float("nan")}])
        async with serve(store) as url:
            answer = await type(ask)(url, ask.session).get("datasets/nan/records")
    assert answer.body == b'{"total_count": 1, "results": [{"x": NaN}]}'


async def test_a_slow_query_does_not_hold_up_others(ask_cities: Asker) -> None:
    """DuckDB runs in threads, so the event loop keeps serving requests."""
    slow = asyncio.create_task(
        ask_cities.get(f"{GEONAMES}/records", where="search(name, 'versailes')")
    )
    await ask_cities.get(GEONAMES)
    assert not slow.done()
    assert (await slow).status == 200
