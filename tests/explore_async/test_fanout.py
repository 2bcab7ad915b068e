"""Many readings side by side, over two portals."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from explore_async import ExploreClient, ForbiddenAccess
from explore_async.fanout import Gate
from tests.explore_async.doubles import FakePortal, json_body, rows, settle

if TYPE_CHECKING:
    from aiohttp import web


def refusing(request: web.Request) -> web.Response:
    return json_body({"error_code": "ForbiddenAccess", "message": "no"}, status=403)


async def test_results_come_in_order_over_portals(
    client: ExploreClient, portal: FakePortal
) -> None:
    """And never more requests than allowed are in flight."""
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
    assert [len(one) for one in found if isinstance(one, list)] == [250, 10, 250, 10]
    assert [[one.name for one in each] for each in facets if isinstance(each, list)] == [
        ["a", "b"],
        ["c"],
    ]
    assert portal.peak <= 2


async def test_the_first_error_cancels_the_rest_or_is_collected(
    client: ExploreClient, portal: FakePortal
) -> None:
    """As asked."""
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
    """Once about as many bytes wait as are allowed; leaving early ends everything."""
    asked = [client.dataset("trees").records() for _ in range(50)]
    fan_out = client.gather_records(asked, max_bytes=1, concurrency=2)
    async with fan_out.open() as outcomes:
        first = await anext(outcomes)
        await settle()
        assert first.index == 0
    assert len(portal.requests) <= 3


async def test_a_place_goes_to_the_portal_that_holds_the_fewest() -> None:
    """However many requests another one has queued before."""
    gate, order = Gate(2), list[str]()
    ends = asyncio.Event()

    async def one(portal: str) -> None:
        async with gate.place(portal):
            order.append(portal)
            await ends.wait()
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        for name in ["slow"] * 6 + ["quick"] * 2:
            group.create_task(one(name))
        stopped = group.create_task(one("quick"))
        await settle()
        stopped.cancel()
        ends.set()
    assert order[:2] == ["slow", "slow"]
    assert order[2] == "quick"
    assert len(order) == 8
