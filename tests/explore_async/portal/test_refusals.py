"""Refusals: the status, code and text of the live server, byte for byte if recorded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.explore_async.portal.asking import Asker

RECORDS = "datasets/things/records"
TREES = "datasets/public-trees"


@pytest.mark.parametrize("clause", ["where", "select", "order_by", "group_by"])
async def test_an_unknown_field_names_its_clause(ask: Asker, clause: str) -> None:
    """The text was recorded for `select` and `where`; it names the clause."""
    query = "no_such_field > 3" if clause == "where" else "no_such_field"
    answer = await ask.get(RECORDS, **{clause: query})
    assert answer.json == {
        "error_code": "ODSQLError",
        "message": "ODSQL query is malformed: Unknown field: no_such_field. "
        f"Clause(s) containing the error(s): {clause}.",
    }


@pytest.mark.parametrize(
    "where",
    [
        "day = '2024'",
        "day = 2024",
        "moment > 'yesterday'",
        "day in ('2024-01-01', '2024-01-02')",
        "size = '3'",
        "id in ('1')",
        "name > 'a'",
        "name = date'2024-01-01'",
        "open = 'true'",
        "place = 'Paris'",
        "name is true",
        "size like '1'",
        "name in ['a'..'b']",
        "open in (1)",
        "size in ('1')",
        "name in (true)",
        "open > false",
        "tags < 'b'",
    ],
)
async def test_what_cannot_be_compared_is_refused(ask: Asker, where: str) -> None:
    """Measured: a bare year for a date, text for a number and an order of texts are refused."""
    answer = await ask.get(RECORDS, where=where)
    assert answer.status == 400
    assert answer.json["error_code"] == "IncompatibleTypesInComparisonFilter"


@pytest.mark.parametrize(
    "parameters",
    [
        {"group_by": "geo_cluster(place, 10), geo_cluster(place, 5)"},
        {"select": "distance(shape, geom'POINT(1 2)')"},
        {"group_by": "geo_cluster(shape, 3)"},
        {"where": "within_distance(shape, geom'LINESTRING(1 2, 3 4)', 1km)"},
        {"select": "date_format(day, 'QQ')"},
        {"select": "date_format(day, 'MMM')"},
        {"select": "avg(day)"},
        {"select": "percentile(moment, 50)"},
        {"order_by": "tags"},
        {"order_by": "place"},
        {"select": "*, count(*)"},
        {"group_by": "code", "select": "*"},
        {"group_by": "tags, tags as t"},
        {"where": "tags = tags"},
        {"group_by": "range(size, ]1, 5[)"},
    ],
)
async def test_what_only_a_live_portal_can_do_is_refused(
    ask: Asker, parameters: dict[str, str]
) -> None:
    """An error is better than a wrong result."""
    answer = await ask.get(RECORDS, **parameters)
    assert answer.status == 400
    assert answer.json["error_code"] == "NotSupportedByLocalPortal"
    assert "is not supported by this local portal" in answer.json["message"]


@pytest.mark.parametrize(
    ("parameters", "reason"),
    [
        ({"where": "name"}, "name is not a boolean field"),
        ({"where": "day > date'2024-13-01'"}, r"Invalid date to parse '2024-13-01'"),
        ({"where": "day > date'2024-01-01T00:00:00+99:99'"}, "Invalid date to parse"),
        ({"where": "day > date'soon'"}, "Invalid date to parse 'soon'"),
        ({"where": "day > now(fortnights=1)"}, "no argument fortnights"),
        ({"select": "id, count(*)"}, "neither grouped nor aggregated"),
        ({"group_by": "name", "select": "id"}, "neither grouped nor aggregated"),
        ({"group_by": "name", "order_by": "name, count(*)"}, "must come before fields"),
        ({"group_by": "name", "order_by": "size"}, "size is neither grouped nor aggregated"),
        ({"group_by": "name", "order_by": "nope"}, "Unknown field: nope"),
        ({"group_by": "name", "order_by": "max(size) + size"}, "neither grouped nor aggregated"),
        ({"order_by": "max(size)"}, "An aggregation in order_by needs a group_by"),
        ({"select": "count(*)", "order_by": "nope"}, "Unknown field: nope"),
        ({"order_by": "random(1.5)"}, "takes a whole number"),
        ({"order_by": "random(id)"}, "takes a whole number"),
        ({"group_by": "range(size, 5, 1)"}, "ascending order"),
        ({"group_by": "range(day, 2 months)"}, "one month only"),
        ({"select": "name + 1"}, "numeric expressions"),
        ({"select": "percentile(size, 101)"}, "from 0 to 100"),
        ({"select": "id as x, size as x"}, "Alias 'x' is declared several times"),
        ({"where": "suggest(size, 'a')"}, "not a text field"),
        ({"where": "'mill' in name"}, "name is not a multivalued field"),
        ({"where": "5 in id"}, "id is not a multivalued field"),
        ({"where": "nope = null"}, "Unknown field: nope"),
        ({"where": "within(place)"}, "A field and a geometry are expected"),
        ({"where": "disjoint(place)"}, "A field and a geometry are expected"),
        ({"where": "within_distance(place, geom'POINT(1 2)')"}, "takes three arguments"),
        (
            {"where": "geometry(place, geom'POINT(1 2)', TOUCHES)"},
            "must be one of INTERSECTS, DISJOINT, WITHIN",
        ),
    ],
)
async def test_other_refusals_say_why(ask: Asker, parameters: dict[str, str], reason: str) -> None:
    """Where the live text is unknown, the portal has its own; the code is ODSQLError."""
    answer = await ask.get(RECORDS, **parameters)
    assert answer.status == 400
    assert answer.json["error_code"] == "ODSQLError"
    assert re.search(reason, answer.json["message"])


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ({"group_by": "id * 2"}, "Arithmetic"),
        ({"group_by": "range(id * 2, 10)"}, "Arithmetic"),
        ({"group_by": "length(name)"}, "Function length"),
        ({"group_by": "range(length(name), 2)"}, "Function length"),
        ({"group_by": "distance(place, geom'POINT(2 48)')"}, "Function distance"),
        ({"where": "distance(place, geom'POINT(2 48)') < 1000"}, "Function distance"),
        ({"where": "count(*) > 1"}, "Function count"),
        ({"where": "max(size) = null"}, "Function max"),
        ({"select": "random(1)"}, "Function random"),
        ({"order_by": "bbox(place)"}, "Function bbox"),
    ],
)
async def test_a_function_stands_in_its_clauses_only(
    ask: Asker, parameters: dict[str, str], what: str
) -> None:
    """The reference lists the clauses; the wording is that recorded for a field."""
    answer = await ask.get(RECORDS, **parameters)
    (clause,) = parameters
    assert answer.status == 400
    assert answer.json == {
        "error_code": "ODSQLError",
        "message": f"ODSQL query is malformed: {what} is not allowed in the current clause. "
        f"Clause(s) containing the error(s): {clause}.",
    }


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "ten"},
        {"limit": "1_0"},
        {"limit": "\u0663"},
        {"limit": "9" * 5000},
        {"limit": "-2"},
        {"offset": "-1"},
        {"timezone": "Mars/Olympus"},
        {"timezone": "localtime"},
        {"timezone": "posix/UTC"},
    ],
)
async def test_parameters_out_of_bounds(ask: Asker, parameters: dict[str, str]) -> None:
    """The error code is that of parameters, not of the query."""
    answer = await ask.get(RECORDS, **parameters)
    assert answer.status == 400
    assert answer.json["error_code"] == "InvalidRESTParameterError"


async def test_numbers_that_overflow_are_refused(ask: Asker) -> None:
    """An integer beyond 64 bits gets status 400, and the message contains no SQL."""
    answer = await ask.get(RECORDS, select="id * 9223372036854775807 * 2 as big")
    assert answer.status == 400
    assert answer.json == {
        "error_code": "NotSupportedByLocalPortal",
        "message": "A number that overflows its type is not supported by this local portal.",
    }


@pytest.mark.parametrize(
    ("parameters", "found", "window"),
    [
        ({"limit": "-1", "offset": "10001"}, 10_001, 10_000),
        ({"limit": "-1", "offset": "20001", "group_by": "name"}, 20_001, 20_000),
        ({"offset": "20001", "group_by": "name"}, 20_001, 20_000),
    ],
)
async def test_the_sum_that_is_refused_is_the_one_named(
    ask: Asker, parameters: dict[str, str], found: int, window: int
) -> None:
    """A limit of -1 counts as 0 in the sum."""
    answer = await ask.get(RECORDS, **parameters)
    assert answer.json["message"] == (
        f"Invalid value for sum of offset + limit API parameter: {found} was found "
        f"but <= {window} is expected."
    )


async def test_long_urls_are_taken(ask: Asker) -> None:
    """A list of thousands of values fits; whether it does on live portals is unknown."""
    where = f"id in ({','.join(map(str, range(9_000)))})"
    answer = await ask.get(RECORDS, where=where)
    assert len(where) > 40_000
    assert answer.json["total_count"] == 4
