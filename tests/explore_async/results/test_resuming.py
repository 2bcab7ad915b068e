"""Resuming: records that stopped go on at the first row that was not delivered."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from explore_async import (
    BadRequest,
    DecodeError,
    ExploreClient,
    ForbiddenAccess,
    NotFoundURI,
    TotalCountDriftError,
)
from explore_async.results import arrow
from odsql import Query
from tests.explore_async.doubles import json_body, rows

if TYPE_CHECKING:
    from aiohttp import web

    from tests.explore_async.doubles import FakePortal


def failing_at(portal: FakePortal, offset: int) -> None:
    """Let the page at this offset fail once."""
    failures = [str(offset)]

    def override(request: web.Request) -> web.Response | None:
        if request.query.get("offset") not in failures:
            return None
        failures.clear()
        return json_body({"error_code": "NotFoundURI", "message": "no"}, status=404)

    portal.override = override


async def test_records_that_were_never_read_begin_at_their_start(
    client: ExploreClient, portal: FakePortal
) -> None:
    records = client.dataset("trees").records(Query(offset=3))
    assert records.position == 3
    assert await records.resume().to_list() == portal.rows[3:]


async def test_a_total_that_changed_before_the_rest_was_read_is_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    portal.rows = rows(300)
    failing_at(portal, 200)
    records = client.dataset("trees").records()
    with pytest.raises(NotFoundURI):
        async for _ in records:
            pass
    portal.rows = rows(301)
    with pytest.raises(TotalCountDriftError) as caught:
        await records.resume().to_list()
    assert (caught.value.expected, caught.value.received) == (300, 301)


async def test_the_rest_of_groups_is_read_whatever_total_a_page_tells(
    client: ExploreClient, portal: FakePortal
) -> None:
    portal.rows = rows(25)
    failing_at(portal, 20)
    records = client.dataset("trees").records(Query(group_by="id"), page_size=10)
    with pytest.raises(NotFoundURI):
        async for _ in records:
            pass
    assert records.position == 20
    assert await records.resume().to_list() == portal.rows[20:]


async def test_a_page_that_was_taken_is_delivered_as_a_whole(
    client: ExploreClient, portal: FakePortal
) -> None:
    portal.rows = rows(250)
    records = client.dataset("trees").records()
    async with aclosing(records.pages()) as pages:
        await anext(pages)
        await anext(pages)
    assert records.position == 200


async def test_nothing_is_left_of_wanted_rows_that_were_all_read(
    client: ExploreClient, portal: FakePortal
) -> None:
    records = client.dataset("trees").records(max_rows=4)
    assert len(await records.to_list()) == 4
    asked = len(portal.requests)
    rest = records.resume()
    assert (rest.plan.start, rest.plan.max_rows) == (4, 0)
    assert await rest.to_list() == []
    assert len(portal.requests) == asked


async def test_nothing_is_left_behind_the_last_row_of_the_window(
    client: ExploreClient, portal: FakePortal
) -> None:
    portal.rows = rows(10_000)
    records = client.dataset("trees").records(Query(offset=9_950))
    assert len(await records.to_list()) == 50
    assert await records.resume().to_list() == []


@pytest.mark.parametrize("failing_at", [0, 300, 900])
async def test_going_on_after_a_list_that_failed_gives_all_rows(
    client: ExploreClient, portal: FakePortal, failing_at: int
) -> None:
    """The failed list discarded the rows of earlier pages."""
    portal.rows, failures = rows(1000), [failing_at]

    def override(request: web.Request) -> web.Response | None:
        if int(request.query["offset"]) not in failures:
            return None
        failures.clear()
        return json_body({"error_code": "BadRequest", "message": "no"}, status=400)

    portal.override = override
    records = client.dataset("trees").records()
    with pytest.raises(BadRequest):
        await records.to_list()
    assert records.position == 0
    assert await records.resume().to_list() == portal.rows


async def test_going_on_after_a_frame_that_failed_gives_all_rows(
    client: ExploreClient, portal: FakePortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This holds even if all rows arrived and only their conversion failed."""

    def misfit(*args: object, **options: object) -> object:
        raise DecodeError("misfit")

    monkeypatch.setattr(arrow, "table", misfit)
    records = client.dataset("trees").records()
    for read in (records.to_arrow, records.to_pandas, records.to_polars):
        with pytest.raises(DecodeError):
            await read()
        assert records.position == 0
    assert await records.resume().to_list() == portal.rows


async def test_reading_goes_on_after_an_error(client: ExploreClient, portal: FakePortal) -> None:
    """It continues at the row where it stopped, and repeats no row."""
    portal.rows = [{"id": number} for number in range(350)]
    broken = {"error_code": "ForbiddenAccess", "message": "not now"}

    def override(request: web.Request) -> web.Response | None:
        return json_body(broken, status=403) if request.query["offset"] == "200" else None

    portal.override = override
    reading = client.dataset("trees").records(Query(offset=1), max_rows=340)
    seen: list[object] = []
    for _ in range(3):
        try:
            async with reading.open() as found:
                async for row in found:
                    seen.append(row["id"])
                    if len(seen) == 50:
                        break
        except ForbiddenAccess:
            portal.override = lambda request: None
        reading = reading.resume()
    async for row in reading:
        seen.append(row["id"])
    assert seen == list(range(1, 341))
    assert reading.position == 341
