"""Faults by rule, and what the client makes of each."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from explore_async import (
    BadRequest,
    DecodeError,
    ExploreClient,
    ExploreError,
    QuotaExceeded,
    RepeatedPageError,
    RequestTimeout,
    ResponseEvent,
    Retry,
    ServerError,
    Timeouts,
    TotalCountDriftError,
)
from explore_async.portal.errors import StoreError
from explore_async.testing import Portal
from tests.explore_async.portal.trees import TREES, client, count, export, portal, read

if TYPE_CHECKING:
    from collections.abc import Callable


__all__ = ["client", "portal"]


# ---------------------------------------------------------------- refusals


async def test_a_failure_is_retried_with_growing_waits(
    portal: Portal, client: ExploreClient
) -> None:
    portal.fail(next=2, status=500)
    assert await count(client) == 300
    assert portal.clock.waits == [0.25, 0.5]
    assert len(portal.requests) == 3


async def test_a_failure_that_names_a_wait_is_waited_for(
    portal: Portal, client: ExploreClient
) -> None:
    portal.fail(status=503, retry_after=6.2)
    assert await count(client) == 300
    assert portal.clock.waits == [7.0]


async def test_a_failure_without_an_end_is_raised(portal: Portal, client: ExploreClient) -> None:
    portal.fail(None, status=502)
    with pytest.raises(ServerError, match="BadGateway") as caught:
        await count(client)
    assert (caught.value.status, caught.value.attempts) == (502, 4)
    portal.recover()
    assert await count(client) == 300


async def test_a_refusal_that_would_repeat_is_not_retried(
    portal: Portal, client: ExploreClient
) -> None:
    portal.fail(status=400)
    with pytest.raises(BadRequest):
        await count(client)
    assert len(portal.requests) == 1


async def test_rules_of_one_kind_follow_each_other(portal: Portal, client: ExploreClient) -> None:
    portal.fail(status=500)
    portal.fail(status=599)
    portal.html_login()
    for expected in (500, 599, 200):
        with pytest.raises(ExploreError) as caught:
            async with portal.client(retry=Retry.never()) as once:
                await count(once)
        assert caught.value.status == expected
    assert await count(client) == 300


async def test_a_path_limits_a_rule(portal: Portal, client: ExploreClient) -> None:
    portal.fail(None, status=400, path="*/exports/*")
    assert await count(client) == 300
    with pytest.raises(BadRequest):
        await export(client)


async def test_one_login_page_is_read_again(portal: Portal, client: ExploreClient) -> None:
    portal.html_login()
    assert await count(client) == 300
    assert len(portal.requests) == 2


async def test_two_login_pages_are_an_error_that_says_so(
    portal: Portal, client: ExploreClient
) -> None:
    portal.html_login(next=2)
    with pytest.raises(DecodeError, match="Log in"):
        await count(client)


# ---------------------------------------------------------------- quotas


async def test_the_call_after_the_quota_is_refused_until_midnight(
    portal: Portal, client: ExploreClient
) -> None:
    portal.quota(2)
    await count(client)
    assert client.quota.remaining == 1
    await count(client)
    with pytest.raises(QuotaExceeded) as caught:
        await count(client)
    assert caught.value.reset_at == datetime(2026, 1, 2, tzinfo=UTC)
    assert (caught.value.call_limit, caught.value.unit, caught.value.code) == (2, "day", "10002")
    assert caught.value.retry_after == 12 * 3600
    assert portal.clock.waits == []


async def test_the_refusal_has_the_documented_form(
    portal: Portal, recorded: Callable[[str], bytes]
) -> None:
    portal.quota(0)
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{portal.url}/api/explore/v2.1/catalog/datasets") as response:
            body = await response.json()
    documented = json.loads(recorded("errors/429-10002-domain.documented.json"))
    assert body == {**documented, "reset_time": "2026-01-02T00:00:00Z", "call_limit": 0}
    assert list(body) == list(documented)


async def test_beyond_the_quota_there_are_delays_but_no_other_refusals(
    portal: Portal, client: ExploreClient
) -> None:
    portal.delay(5)
    portal.fail(status=400)
    portal.quota(0)
    with pytest.raises(QuotaExceeded):
        await count(client)
    assert portal.clock.waits == [5]


async def test_the_quota_is_new_in_the_next_period(portal: Portal, client: ExploreClient) -> None:
    portal.quota(1)
    await count(client)
    portal.clock.advance(12 * 3600)
    await count(client)
    assert client.quota.limit == 1
    assert client.quota.reset_at == datetime(2026, 1, 3, tzinfo=UTC)


async def test_a_quota_that_is_new_soon_is_waited_for(
    portal: Portal, client: ExploreClient
) -> None:
    portal.clock.now = datetime(2026, 1, 31, 23, 59, 30, tzinfo=UTC)
    portal.quota(1, "month")
    await count(client)
    await count(client)
    assert portal.clock.waits == [30.0]
    assert client.quota.reset_at == datetime(2026, 3, 1, tzinfo=UTC)


async def test_exports_report_the_quota_too(portal: Portal, client: ExploreClient) -> None:
    portal.quota(5)
    assert len(await export(client)) == 300
    assert client.quota.limit == 5


# ---------------------------------------------------------------- delays


async def test_a_delay_passes_on_the_clock(portal: Portal, client: ExploreClient) -> None:
    events: list[object] = []
    client.subscribe(events.append)
    portal.delay(40)
    await count(client)
    assert [one.seconds for one in events if isinstance(one, ResponseEvent)] == [40]


async def test_delays_use_up_the_deadline_of_retries(portal: Portal) -> None:
    portal.delay(200, next=None)
    portal.fail(None, status=500)
    async with portal.client(retry=Retry(deadline=300)) as client:
        with pytest.raises(ServerError) as caught:
            await count(client)
    assert caught.value.attempts == 2


async def test_a_portal_that_never_answers_is_a_timeout(portal: Portal) -> None:
    portal.delay(math.inf)
    limits = Timeouts(attempt=0.01)
    async with portal.client(timeouts=limits, retry=Retry.never()) as client:
        with pytest.raises(RequestTimeout):
            await count(client)


async def test_jitter_is_the_same_under_the_same_seed() -> None:
    waits = []
    for seed in (7, 7, 8):
        async with Portal({"trees": TREES}, seed=seed) as portal, portal.client() as client:
            portal.delay(1, jitter=0.5, next=None)
            for _ in range(3):
                await count(client)
            waits.append(portal.clock.waits)
    assert waits[0] == waits[1] != waits[2]
    assert all(0.5 <= wait <= 1.5 for wait in waits[0])


# ---------------------------------------------------------------- wrong pages


async def test_a_page_that_comes_twice_is_told_apart(portal: Portal, client: ExploreClient) -> None:
    portal.duplicate_page()
    with pytest.raises(RepeatedPageError):
        await read(client)


async def test_a_page_comes_twice_by_chance(portal: Portal, client: ExploreClient) -> None:
    portal.duplicate_page(None, chance=0.0)
    assert await read(client) == TREES


@pytest.mark.parametrize("by", [1, -1])
async def test_a_total_that_changes_is_an_error(
    portal: Portal, client: ExploreClient, by: int
) -> None:
    portal.drift(by)
    with pytest.raises(TotalCountDriftError):
        await read(client)


# ---------------------------------------------------------------- chances


async def outcomes(seed: int) -> list[int | None]:
    async with Portal({"trees": TREES}, seed=seed) as portal:
        portal.fail(None, status=500, chance=0.3)
        async with portal.client(retry=Retry.never()) as client:
            found: list[int | None] = []
            for _ in range(20):
                try:
                    await count(client)
                    found.append(None)
                except ServerError as error:
                    found.append(error.status)
            return found


async def test_a_chance_is_the_same_under_the_same_seed() -> None:
    first, again, other = [await outcomes(seed) for seed in (1, 1, 2)]
    assert first == again != other
    assert {None, 500} == set(first)


async def test_without_rules_nothing_happens(portal: Portal, client: ExploreClient) -> None:
    assert await read(client) == TREES
    assert await export(client) == TREES


@pytest.mark.parametrize(
    ("method", "arguments"),
    [
        ("fail", {"status": 200}),
        ("fail", {"next": 0}),
        ("fail", {"chance": 1.5}),
        ("quota", {"limit": -1}),
        ("quota", {"limit": 1, "unit": "week"}),
        ("delay", {"seconds": -1}),
        ("delay", {"seconds": math.nan}),
        ("cut", {}),
        ("cut", {"after_rows": 1, "after_bytes": 1}),
        ("cut", {"after_rows": -1}),
        ("stall", {"after_bytes": -1}),
        ("mutate", {"chance": 2}),
    ],
)
def test_a_rule_out_of_range_is_refused(method: str, arguments: dict[str, Any]) -> None:
    with pytest.raises(StoreError):
        getattr(Portal(), method)(**arguments)
