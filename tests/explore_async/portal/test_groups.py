"""Groups and aggregates: keys, ranges, order, labels and totals."""

from __future__ import annotations

from typing import Any

import pytest

from explore_async.portal import Store, serve
from odsql.syntax.functions import INTERVAL_UNITS
from tests.explore_async.portal.asking import GEONAMES, Asker, recorded

THINGS = "datasets/things/records"


async def rows(ask: Asker, **parameters: str) -> list[dict[str, Any]]:
    return (await ask.get(THINGS, **parameters)).results


async def test_groups_are_ordered_by_key_null_first(ask: Asker) -> None:
    """The null group comes first; keys come before aggregates."""
    assert await rows(ask, group_by="code", select="count(*), code") == [
        {"code": None, "count(*)": 1},
        {"code": "44035", "count(*)": 2},
        {"code": "69123", "count(*)": 1},
    ]


async def test_text_keys_are_ordered_by_code_point(ask: Asker) -> None:
    """In the recorded order `*` comes before digits, and digits are ordered as text."""
    keys = recorded("misc/paris-comptages.group_by-text-order.json")["first_keys_in_order"]
    with Store() as store:
        store.add("keys", [{"name": "k", "type": "text"}], [{"k": key} for key in reversed(keys)])
        async with serve(store) as url:
            answer = await Asker(url, ask.session).get("datasets/keys/records", group_by="k")
    assert [row["k"] for row in answer.results] == keys


async def test_the_total_of_groups_is_how_many_came_back(ask: Asker) -> None:
    """Measured: with a limit, `total_count` is the number of rows returned."""
    answer = await ask.get(THINGS, group_by="id", limit=3)
    assert answer.json["total_count"] == 3


async def test_without_a_limit_all_groups_come_back(ask_cities: Asker) -> None:
    """The default limit of 10 applies to records only; up to 20,000 groups are returned."""
    answer = await ask_cities.get(f"{GEONAMES}/records", group_by="country_code")
    assert answer.json["total_count"] == len(answer.results) > 200


async def test_groups_in_random_order(ask: Asker) -> None:
    """The same seed gives the same order of all groups, and another seed another one."""
    orders = [
        [row["id"] for row in await rows(ask, group_by="id", order_by=f"random({seed})")]
        for seed in (1, 1, 2, 3, 4)
    ]
    assert all(sorted(order) == [1, 2, 3, 4] for order in orders)
    assert orders[0] == orders[1]
    assert len({tuple(order) for order in orders}) > 1


async def test_order_by_an_alias(ask: Asker) -> None:
    """Groups can be sorted by the alias of an aggregate; ties are ordered by key."""
    assert await rows(ask, group_by="code", select="count(*) as n", order_by="n desc") == [
        {"code": "44035", "n": 2},
        {"code": None, "n": 1},
        {"code": "69123", "n": 1},
    ]


async def test_order_by_an_aggregate_that_is_not_selected(ask: Asker) -> None:
    """Null sorts last in both directions."""
    assert await rows(ask, group_by="code", order_by="max(size) desc, code") == [
        {"code": "69123"},
        {"code": "44035"},
        {"code": None},
    ]


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("code desc", ["69123", "44035", None]),
        ("c desc", ["69123", "44035", None]),
        ("n desc", ["44035", None, "69123"]),
        ("n desc, c desc", ["44035", "69123", None]),
        ("count(*) desc, code", ["44035", "69123", None]),
        ("sum(id)", ["69123", None, "44035"]),
        ("-sum(id)", [None, "44035", "69123"]),
        ("min(id) desc, max(id)", [None, "69123", "44035"]),
    ],
)
async def test_groups_are_sorted_by_keys_and_aggregates(
    ask: Asker, order_by: str, expected: list[str | None]
) -> None:
    """By their aliases or expressions, selected or not; ties are in the order of the keys."""
    found = await rows(ask, group_by="code as c", select="c, count(*) as n", order_by=order_by)
    assert [row["c"] for row in found] == expected


async def test_an_alias_that_is_written_like_an_aggregate_is_not_one(ask: Asker) -> None:
    """Without back quotes it is the aggregate, which differs from the order of the keys."""
    found = await rows(ask, group_by="code as `sum(id)`", order_by="sum(id) desc")
    assert [row["sum(id)"] for row in found] == [None, "44035", "69123"]


async def test_a_key_without_alias_is_called_as_typed(ask: Asker) -> None:
    """Case and spaces stay as typed."""
    (first, *_) = await rows(ask, group_by="YEAR( day )", select="COUNT(*)", where="id = 1")
    assert first == {"YEAR( day )": 2026, "COUNT(*)": 1}


async def test_an_alias_in_select_for_a_key_is_null(ask: Asker) -> None:
    """Measured: group_by=hour(f) with select=hour(f) as k returns the key and a null."""
    (row,) = await rows(ask, group_by="hour(moment)", select="hour(moment) as k", where="id=2")
    assert row == {"hour(moment)": 0, "k": None}


async def test_a_key_is_selected_by_its_alias(ask: Asker) -> None:
    """In `select`, an alias of `group_by` is the key, not another column."""
    (row,) = await rows(ask, group_by="code as c", select="c, count(*) as n", where="id=2")
    assert row == {"c": "69123", "n": 1}


async def test_multivalued_keys_explode(ask: Asker) -> None:
    """Each element is a group; a record without elements is in the null group."""
    assert await rows(ask, group_by="tags", select="count(*) as n") == [
        {"tags": None, "n": 1},
        {"tags": "a", "n": 1},
        {"tags": "b", "n": 2},
        {"tags": "c", "n": 1},
    ]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        ("sum(id)", 10),
        ("sum(size)", 9.5),
        ("avg(id)", 2.5),
        ("median(id)", 2.5),
        ("min(size)", -2.0),
        ("max(day)", "2026-09-30"),
        ("min(moment)", "2026-08-28T22:30:00+00:00"),
        ("percentile(id, 100)", 4.0),
        ("percentile(id, 0.95)", pytest.approx(1.0285)),
        ("count(size)", 3),
        ("count(distinct code)", 2),
        ("count(distinct tags)", 3),
        ("count(distinct ifnull(code, 'none'))", 3),
        ("sum(id)/count(*)", 2.5),
        ("sum(id*2)", 20),
        ("avg(id) * 100 - 1", 249.0),
    ],
)
async def test_aggregates(ask: Asker, select: str, expected: object) -> None:
    """Sums of integers are integers; averages and percentiles are doubles."""
    (row, *_) = await rows(ask, select=select)
    assert row == {select: expected}


async def test_an_average_of_nothing_is_null(ask: Asker) -> None:
    """The average and sum of no values are null, not zero."""
    assert await rows(ask, group_by="id", where="id=4", select="avg(size), sum(size)") == [
        {"id": 4, "avg(size)": None, "sum(size)": None}
    ]


@pytest.mark.parametrize(
    ("group_by", "expected"),
    [
        ("RANGE(id,15)", ["[0, 14]"]),
        ("range(id, 2)", ["[0, 1]", "[2, 3]", "[4, 5]"]),
        ("range(size, 5)", [None, "[-5, 0[", "[0, 5[", "[10, 15["]),
        ("range(size, 0, 2.5, 20)", [None, "[0, 2.5[", "[2.5, 20["]),
        ("range(id, 0, 2.5, 20)", ["[0, 2.5[", "[2.5, 20["]),
        ("range(day, 1 month)", [
            None,
            "[2026-08-01T00:00:00.000Z, 2026-09-01T00:00:00.000Z[",
            "[2026-09-01T00:00:00.000Z, 2026-10-01T00:00:00.000Z[",
        ]),
        ("range(moment, 12h)", [
            None,
            "[2026-08-28T12:00:00.000Z, 2026-08-29T00:00:00.000Z[",
            "[2026-08-29T00:00:00.000Z, 2026-08-29T12:00:00.000Z[",
            "[2026-08-30T12:00:00.000Z, 2026-08-31T00:00:00.000Z[",
        ]),
        ("range(day, *, date'2026-08-29', *)", [
            None, "[*, 2026-08-29T00:00:00.000Z[", "[2026-08-29T00:00:00.000Z, *["]),
        ("range(size, 2.5, *)", [None, "[2.5, *["]),
        ("range(id, 2.5, *)", ["[2.5, *["]),
        ("range(id, *, 2, *)", ["[*, 1]", "[2, *]"]),
        ("range(moment, 250 ms)", [
            None,
            "[2026-08-28T22:30:00.000Z, 2026-08-28T22:30:00.250Z[",
            "[2026-08-29T00:00:00.000Z, 2026-08-29T00:00:00.250Z[",
            "[2026-08-30T12:00:00.250Z, 2026-08-30T12:00:00.500Z[",
        ]),
    ],
)  # fmt: skip
async def test_ranges(ask: Asker, group_by: str, expected: list[str | None]) -> None:
    """Buckets are ordered by their bounds, not by their labels; null has its own bucket."""
    found = await rows(ask, group_by=group_by)
    assert [row[group_by] for row in found] == expected


@pytest.mark.parametrize("unit", sorted(INTERVAL_UNITS))
async def test_every_unit_of_time_makes_ranges(ask: Asker, unit: str) -> None:
    """Units are case-sensitive: `m` is a minute, `M` a month."""
    assert await rows(ask, group_by=f"range(moment, 1 {unit})", where="id = 1")


async def test_ranges_of_dates_follow_the_time_zone(ask: Asker) -> None:
    """In Paris a day begins two hours earlier; the bounds have the offset."""
    found = await rows(
        ask, group_by="range(moment, 1 day)", where="id < 3", timezone="Europe/Paris"
    )
    assert found == [
        {"range(moment, 1 day)": "[2026-08-29T00:00:00+02:00, 2026-08-30T00:00:00+02:00["}
    ]


async def test_an_interval_of_milliseconds_has_them_beside_an_offset(ask: Asker) -> None:
    """Otherwise the labels of different buckets would be equal."""
    found = await rows(
        ask, group_by="range(moment, 250ms) as r", where="id = 3", timezone="Europe/Paris"
    )
    assert found == [{"r": "[2026-08-30T14:00:00.250+02:00, 2026-08-30T14:00:00.500+02:00["}]


@pytest.mark.parametrize(
    ("field", "zone", "expected"),
    [
        ("moment", "Europe/Paris", "[2026-08-28T00:00:00+02:00, 2026-08-30T00:00:00+02:00["),
        ("moment", "America/St_Johns", "[2026-08-28T00:00:00-02:30, 2026-08-30T00:00:00-02:30["),
        ("moment", "UTC", "[2026-08-28T00:00:00.000Z, 2026-08-30T00:00:00.000Z["),
        ("day", "Europe/Paris", "[2026-08-28T00:00:00.000Z, 2026-08-30T00:00:00.000Z["),
    ],
)
async def test_steps_of_datetimes_follow_the_time_zone(
    ask: Asker, field: str, zone: str, expected: str
) -> None:
    """Their bounds have an offset, as those of equal intervals; a date field has no time zone."""
    found = await rows(
        ask,
        group_by=f"range({field}, date'2026-08-28', date'2026-08-30') as r",
        where="id = 1",
        timezone=zone,
    )
    assert found == [{"r": expected}]


async def test_an_interval_is_not_longer_than_the_calendar(ask: Asker) -> None:
    """Its milliseconds would overflow."""
    answer = await ask.get(THINGS, group_by="range(moment, 9223372036854775807 h)")
    assert answer.status == 400
    assert "at most 10,000 years" in answer.json["message"]


async def test_a_group_without_points_has_no_distance(ask: Asker) -> None:
    """`distance()` of null is null, so it is not part of averages."""
    (row,) = await rows(ask, select="count(distance(place, geom'POINT(2 48)')) as n", limit="1")
    assert row == {"n": 3}


async def test_steps_leave_out_what_is_outside(ask: Asker) -> None:
    """Without `*`, a value outside the steps is in no bucket."""
    found = await rows(ask, group_by="range(id, 2, 4)", select="count(*) as n")
    assert found == [{"range(id, 2, 4)": "[2, 3]", "n": 2}]


async def test_no_key_of_an_answer_is_given_twice(ask: Asker) -> None:
    """A key that is listed twice is returned once; an alias equal to a key is refused."""
    (row,) = await rows(ask, group_by="code, code", where="id=2")
    assert row == {"code": "69123"}
    (row,) = await rows(ask, group_by="code", select="count(*), count(*), code", where="id=2")
    assert row == {"code": "69123", "count(*)": 1}


@pytest.mark.parametrize(
    ("group_by", "select"),
    [
        ("code", "count(*) as code"),
        ("code as n", "count(*) as n"),
        ("code", "count(*) as n, sum(id) as n"),
        ("code as n, id as n", "n"),
        ("code, id as code", "code"),
        ("code as id, id", "id"),
        ("code as n", "code as n"),
        ("code", "code as n, code as n"),
        ("code", "code as n, count(*) as n"),
    ],
)
async def test_a_label_is_declared_once(ask: Asker, group_by: str, select: str) -> None:
    """In group_by and select together."""
    answer = await ask.get(THINGS, group_by=group_by, select=select)
    assert answer.status == 400
    assert "is declared several times" in answer.json["message"]
