"""Concurrent readings over two portals."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, assert_type

import pytest
from aiohttp import web
from attrs import evolve

from explore_async import (
    ConfigurationError,
    ExploreClient,
    ExploreError,
    Facet,
    ForbiddenAccess,
)
from odsql import Query
from tests.explore_async.doubles import FakePortal, json_body, rows, settle

if TYPE_CHECKING:
    from tests.explore_async.doubles import Clock

Rows = list[dict[str, object]]


def refusing(request: web.Request) -> web.Response:
    return json_body({"error_code": "ForbiddenAccess", "message": "no"}, status=403)


async def test_results_come_in_order_over_portals(
    client: ExploreClient, portal: FakePortal
) -> None:
    """No more requests than `concurrency` are in flight."""
    portal.rows = rows(250)
    portal.before = lambda request: asyncio.sleep(0.002)
    async with AsyncExitStack() as stack:
        other_portal = await stack.enter_async_context(FakePortal().running())
        other = await stack.enter_async_context(ExploreClient(other_portal.url))
        asked = [one.dataset("trees").records() for one in (client, other, client, other)]
        found = await client.gather_records(asked, concurrency=2)
        facets = await client.gather_facets(
            [other.dataset("trees").facets("a", "b"), client.catalog_facets(names=["c"])]
        )
        assert other_portal.peak <= 2
    assert [len(one) for one in found] == [250, 10, 250, 10]
    assert [[one.name for one in each] for each in facets] == [["a", "b"], ["c"]]
    assert portal.peak <= 2


async def test_the_first_error_cancels_the_rest_or_is_collected(
    client: ExploreClient, portal: FakePortal
) -> None:
    """`errors` chooses between the two."""
    async with FakePortal().running() as bad_portal, ExploreClient(bad_portal.url) as bad:
        bad_portal.override = refusing
        asked = [client.dataset("trees").records(), bad.dataset("trees").records()]
        with pytest.raises(ForbiddenAccess):
            await client.gather_records(asked)
        good, error = await client.gather_records(asked, errors="collect")
        assert good == portal.rows
        assert isinstance(error, ForbiddenAccess)
        fan_out = client.gather_records(asked, errors="collect", ordered=False)
        outcomes = {one.index: one async for one in fan_out}
    assert outcomes[0].result() == portal.rows
    with pytest.raises(ForbiddenAccess):
        outcomes[1].result()


async def test_a_slow_taker_stops_new_readings(client: ExploreClient, portal: FakePortal) -> None:
    """No reading starts once about `max_bytes` wait; leaving early ends every reading."""
    asked = [client.dataset("trees").records() for _ in range(50)]
    fan_out = client.gather_records(asked, max_bytes=1, concurrency=2)
    async with fan_out.open() as outcomes:
        first = await anext(outcomes)
        await settle()
        assert first.index == 0
    assert len(portal.requests) <= 3


async def test_a_reading_in_flight_has_ended_when_the_block_is_left(
    client: ExploreClient, portal: FakePortal
) -> None:
    asked_before = asyncio.all_tasks()
    portal.before = lambda request: (
        asyncio.Event().wait() if "where" in request.query else asyncio.sleep(0)
    )
    trees = client.dataset("trees")
    readings = [trees.records(), trees.records(Query(where="id > 3"))]
    async with client.gather_records(readings).open() as outcomes:
        assert (await anext(outcomes)).result() == portal.rows
        await portal.until_requests(2)
    left = [one for one in asyncio.all_tasks() - asked_before if "_called" in repr(one)]
    assert left == []


async def test_readings_of_a_portal_that_is_free_again_keep_their_turn(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A portal is not held against the readings that it has finished."""
    async with FakePortal().running() as other_portal, ExploreClient(other_portal.url) as other:
        asked = [one.dataset("trees").records() for one in (client, client, other)]
        fan_out = client.gather_records(asked, concurrency=1, ordered=False)
        assert [one.index async for one in fan_out] == [0, 1, 2]


@pytest.mark.parametrize("answer", ["Retry-After", "backoff"])
async def test_a_portal_that_makes_us_wait_holds_no_place(
    portal: FakePortal, clock: Clock, answer: str
) -> None:
    """All slots go to the other portal while the first one pauses."""
    portal.rows = rows(500)
    waiting, over = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await over.wait()
        await clock.timing().sleep(seconds)

    told = {"Retry-After": "4"} if answer == "Retry-After" else {}

    def override(request: web.Request) -> web.Response | None:
        if over.is_set() or request.query["offset"] == "0":
            return None
        return web.Response(status=429 if told else 503, headers=told)

    portal.override = override
    async with (
        FakePortal().running() as other_portal,
        ExploreClient(other_portal.url) as other,
        ExploreClient(portal.url, timing=evolve(clock.timing(), sleep=sleep)) as paused,
    ):
        asked = [paused.dataset("trees").records()]
        asked += [other.dataset("trees").records() for _ in range(5)]
        fan_out = paused.gather_records(asked, concurrency=2, ordered=False)
        taken = []
        async with asyncio.timeout(10), fan_out.open() as outcomes:
            async for outcome in outcomes:
                taken.append(outcome.index)
                if len(taken) == 5:
                    over.set()
        assert waiting.is_set()
    assert taken == [1, 2, 3, 4, 5, 0]


async def test_a_pause_holds_back_the_requests_that_waited_for_a_place_when_it_began(
    portal: FakePortal, clock: Clock
) -> None:
    """The three pages of the reading share one place."""
    all_wait, over = asyncio.Event(), asyncio.Event()
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            all_wait.set()
        await over.wait()

    answers = [429]
    portal.rows = rows(300)
    portal.override = lambda request: (
        web.Response(status=answers.pop(), headers={"Retry-After": "4"}) if answers else None
    )
    timing = evolve(clock.timing(), sleep=sleep)
    async with ExploreClient(portal.url, timing=timing) as client:
        asked = [client.dataset("trees").records(max_rows=300)]
        reading = asyncio.ensure_future(client.gather_records(asked, concurrency=1)._collected())
        async with asyncio.timeout(5):
            await all_wait.wait()
        assert len(portal.requests) == 1
        await clock.timing().sleep(4)
        over.set()
        assert await reading == [portal.rows]
    assert waits == [4.0] * 3


async def test_schemas_of_typed_readings_take_places_too(portal: FakePortal) -> None:
    """The limit on requests includes those for schemas."""
    portal.before = lambda request: settle()
    info = {"dataset_id": "x", "fields": [{"name": "id", "type": "int", "label": "id"}]}

    def override(request: web.Request) -> web.Response | None:
        return None if request.path.endswith("/records") else json_body(info)

    portal.override = override
    async with ExploreClient(portal.url, concurrency=16) as client:
        asked = [client.dataset("trees").records(typed=True) for _ in range(12)]
        await client.gather_records(asked, concurrency=3)
    assert portal.peak == 3
    assert len(portal.requests) == 24


WIDE = [{"id": number, "text": "x" * 1000} for number in range(1000)]
"""Ten pages of 100 kB each."""


@pytest.mark.parametrize("ordered", [True, False])
async def test_bytes_in_flight_are_bounded(portal: FakePortal, ordered: bool) -> None:
    """Beyond the limit only the reading to be delivered next requests more pages."""
    portal.rows = WIDE
    async with ExploreClient(portal.url, concurrency=4) as client:
        asked = [client.dataset("trees").records() for _ in range(12)]
        fan_out = client.gather_records(asked, max_bytes=100_000, ordered=ordered)
        async with fan_out.open() as outcomes:
            first = await anext(outcomes)
            assert len(first.result()) == 1000
            for _ in range(50):
                await settle()
            # Its own ten pages, and those in flight when the limit was reached.
            assert len(portal.requests) <= 10 + 2 * 4
            rest = [outcome.result() async for outcome in outcomes]
    assert rest == [WIDE] * 11


async def test_awaited_results_of_any_size_come(client: ExploreClient, portal: FakePortal) -> None:
    """The list keeps all results anyway, so `max_bytes` does not apply."""
    portal.rows = WIDE
    asked = [client.dataset("trees").records() for _ in range(3)]
    assert await client.gather_records(asked, max_bytes=1, concurrency=2) == [WIDE] * 3


async def test_results_have_the_type_that_was_asked_for(client: ExploreClient) -> None:
    """Errors are part of the type only when they are collected; the type checker verifies this."""
    records, facets = [client.dataset("trees").records()], [client.catalog_facets(names=["a"])]
    assert_type(await client.gather_records(records), list[Rows])
    assert_type(await client.gather_records(records, errors="collect"), list[Rows | ExploreError])
    assert_type(await client.gather_facets(facets), list[list[Facet]])
    assert_type(
        await client.gather_facets(facets, errors="collect"), list[list[Facet] | ExploreError]
    )
    for rows_of_one in await client.gather_records(records):
        assert rows_of_one[0]["id"] == 0


def test_what_cannot_be_read_or_bounded_is_refused(client: ExploreClient) -> None:
    """The message says what to pass instead."""
    dataset = client.dataset("trees")
    with pytest.raises(ConfigurationError, match=r"dataset\.records"):
        client.gather_records([dataset])  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match=r"dataset\.facets"):
        client.gather_facets([dataset.records()])  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match="concurrency is 0"):
        client.gather_records([dataset.records()], concurrency=0)
    with pytest.raises(ConfigurationError, match="concurrency is 0"):
        client.gather_facets([dataset.facets("a")], concurrency=0)
