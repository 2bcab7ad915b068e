"""Calls: one retry loop, one pause for all requests, a rate limit and a retry budget."""

from __future__ import annotations

import asyncio
import copy
import pickle
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from attrs import evolve

from explore_async import (
    APIError,
    ConfigurationError,
    ExploreClient,
    QuotaExceeded,
    Rate,
    Retry,
    ServerError,
    Timeouts,
)
from explore_async.http.rates import Bucket, Pause, RetryBudget
from explore_async.testing import Portal
from odsql import Query
from tests.explore_async.doubles import (
    Clock,
    FakePortal,
    Wire,
    http,
    json_body,
    rows,
    settle,
    writes,
)

if TYPE_CHECKING:
    from collections.abc import Callable

ROW = b'{"id": 1}'


async def record(client: ExploreClient) -> object:
    return await client.dataset("trees").record("1")


def status(code: int, **headers: str) -> Callable[[web.Request], web.Response]:
    return lambda request: web.Response(
        status=code, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )


@pytest.mark.parametrize(
    ("ruled", "sent"),
    [(False, 1), (True, 4), (3.0, 4), (None, 4), (float("inf"), 1), (float("nan"), 1)],
)
async def test_the_hook_is_asked_before_the_table(
    clock: Clock, ruled: bool | float | None, sent: int
) -> None:
    """It returns True, False, seconds, or None for the table; nobody waits for ever."""
    retry = Retry(hook=lambda error: ruled)
    async with Wire(writes(http(b"", status="503 X"))).running() as wire:
        async with ExploreClient(wire.url, retry=retry, timing=clock.timing()) as client:
            with pytest.raises(ServerError):
                await record(client)
        assert wire.connections == sent
    assert ruled != 3.0 or clock.waits == [3.0, 3.0, 3.0]


async def test_the_hook_may_retry_what_the_table_would_not(clock: Clock) -> None:
    """The hook receives the error itself."""
    retry = Retry(hook=lambda error: error.status == 404)
    async with Wire(writes(http(b"", status="404 X"), http(ROW))).running() as wire:
        async with ExploreClient(wire.url, retry=retry, timing=clock.timing()) as client:
            assert await record(client) == {"id": 1}


@pytest.mark.parametrize("told", ["soon", "", "-1", "1e9", "Mon, 99 Foo 2026 99:99:99 GMT"])
async def test_garbage_in_retry_after_does_not_hide_the_status(clock: Clock, told: str) -> None:
    """The header is ignored, and the backoff applies."""
    answer = http(b"", f"Retry-After: {told}", status="429 X")
    async with Wire(writes(answer, http(ROW))).running() as wire:
        async with ExploreClient(wire.url, timing=clock.timing()) as client:
            assert await record(client) == {"id": 1}
    assert clock.waits == [0.25]


async def test_a_moment_is_measured_by_the_servers_clock(clock: Clock) -> None:
    """The client's clock is an hour ahead, but the wait is still five seconds."""
    body = b'{"errorcode": 10002, "reset_time": "2026-08-17T11:00:05Z"}'
    answer = http(body, "Date: Mon, 17 Aug 2026 11:00:00 GMT", status="429 X")
    async with Wire(writes(answer, http(ROW))).running() as wire:
        async with ExploreClient(wire.url, timing=clock.timing()) as client:
            assert await record(client) == {"id": 1}
    assert clock.waits == [5.0]


async def test_all_tasks_pause_together(portal: FakePortal, clock: Clock) -> None:
    """A 429 holds back all other requests, and all continue after the pause."""
    answers = [429, *[200] * 9]
    over, full, waits = asyncio.Event(), asyncio.Event(), []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 9:
            full.set()
        await over.wait()

    timing = evolve(clock.timing(), sleep=sleep)

    def override(request: web.Request) -> web.Response:
        if answers.pop(0) == 429:
            return web.Response(status=429, headers={"Retry-After": "30"})
        return json_body({"id": 1})

    portal.override = override
    async with ExploreClient(portal.url, concurrency=1, timing=timing) as client:
        async with asyncio.TaskGroup() as group:
            for _ in range(9):
                group.create_task(record(client))
            await full.wait()
            assert len(portal.requests) == 1
            await clock.timing().sleep(30)
            over.set()
        assert client.stats.requests == 10
        assert client.stats.throttled == 8
    assert waits == [30.0] * 9


async def test_a_far_reset_refuses_the_others_unsent(portal: FakePortal, clock: Clock) -> None:
    """After a minute one request may try again."""
    body = {"errorcode": 10002, "reset_time": "2026-08-18T00:00:00Z"}
    portal.override = lambda request: json_body(body, status=429)
    date = "Mon, 17 Aug 2026 12:00:00 GMT"
    portal.override = lambda request: _dated(json_body(body, status=429), date)
    async with ExploreClient(portal.url, timing=clock.timing()) as client:
        for _ in range(5):
            with pytest.raises(QuotaExceeded) as caught:
                await record(client)
            assert caught.value.reset_at is not None
            assert caught.value.reset_at.isoformat() == "2026-08-18T00:00:00+00:00"
        assert len(portal.requests) == 1
        assert client.quota.remaining == 0
        other = client.with_options(auth="key")
        with pytest.raises(QuotaExceeded):
            await record(other)
        assert len(portal.requests) == 2
        await clock.timing().sleep(61)
        with pytest.raises(QuotaExceeded):
            await record(client)
        assert len(portal.requests) == 3


def _dated(answer: web.Response, date: str) -> web.Response:
    answer.headers["Date"] = date
    return answer


async def test_a_storm_ends_with_the_budget(portal: FakePortal, clock: Clock) -> None:
    """200 requests to a dead server become 210, not 800."""
    portal.override = status(503)
    async with ExploreClient(
        portal.url, retry=Retry(budget=10), concurrency=32, timing=clock.timing()
    ) as client:
        failures = await asyncio.gather(
            *(record(client) for _ in range(200)), return_exceptions=True
        )
    assert all(isinstance(failure, ServerError) for failure in failures)
    assert len(portal.requests) == 210
    notes = [getattr(failure, "__notes__", []) for failure in failures]
    assert any("budget" in str(note) for note in notes)


async def test_a_call_that_succeeds_returns_its_own_retries(
    portal: FakePortal, clock: Clock
) -> None:
    answers = [503, 503]
    portal.override = lambda request: (
        web.Response(status=answers.pop()) if answers else json_body({"id": 1})
    )
    async with ExploreClient(portal.url, retry=Retry(budget=2), timing=clock.timing()) as client:
        budget = client._transport.shared.budget
        await record(client)
        assert budget.left == 2
        assert budget.take()
        for _ in range(5):
            await record(client)
        assert budget.left == 2


def test_success_fills_the_budget() -> None:
    """A success returns its own retries, or a fifth of one if it needed none."""
    budget = RetryBudget(2)
    assert [budget.take(), budget.take(), budget.take()] == [True, True, False]
    for _ in range(5):
        budget.succeeded(retries=0)
    assert budget.left == 1
    budget.succeeded(retries=3)
    assert budget.left == 2


async def test_queueing_does_not_count_against_the_deadline(
    portal: FakePortal, clock: Clock
) -> None:
    """Nine one-second requests run one at a time under a deadline of two seconds."""

    async def before(request: web.Request) -> None:
        await clock.timing().sleep(1)

    portal.before, portal.override = before, lambda request: json_body({"id": 1})
    async with ExploreClient(
        portal.url,
        concurrency=1,
        retry=Retry(deadline=2),
        timeouts=Timeouts(attempt=2),
        timing=clock.timing(),
    ) as client:
        assert len(await client.gather(*(record(client) for _ in range(9)))) == 9


async def test_a_rate_spaces_requests_from_the_first(portal: FakePortal, clock: Clock) -> None:
    """At two per second, requests are half a second apart, even at the start."""
    portal.override = lambda request: json_body({"id": 1})
    async with ExploreClient(portal.url, rate=Rate(calls=2), timing=clock.timing()) as client:
        for _ in range(4):
            await record(client)
    assert clock.waits == [0.5, 0.5, 0.5]


def test_a_bucket_begins_empty_and_saves_when_idle() -> None:
    """A burst uses only tokens saved while idle."""
    bucket = Bucket(Rate(calls=10, burst=3))
    assert [round(bucket.reserve(0.0), 3) for _ in range(3)] == [0.0, 0.1, 0.2]
    assert [round(bucket.reserve(100.0), 3) for _ in range(4)] == [0.0, 0.0, 0.0, 0.1]
    bucket.pause_until(200.0)
    assert [round(bucket.reserve(150.0), 3) for _ in range(2)] == [50.0, 50.1]


async def test_a_pause_saves_no_requests_for_a_burst() -> None:
    async with Portal({"trees": [{"id": 1}]}) as portal:
        portal.fail(status=429, retry_after=10)
        async with portal.client(rate=Rate(calls=1, burst=3)) as client:
            for _ in range(3):
                await client.dataset("trees").records().first()
    # The refusal halves the pace, and a success raises it a little.
    assert portal.clock.waits == [10.0, *[pytest.approx(2.0, rel=0.1)] * 2]


def test_a_bucket_slows_down_and_recovers() -> None:
    """Each refusal halves the pace; successes restore it in small steps."""
    bucket = Bucket(Rate(calls=10))
    for moment in range(9):
        bucket.throttled(sent_at=moment, now=moment + 0.5)
    assert bucket.interval == pytest.approx(1.6)
    for _ in range(60):
        bucket.succeeded()
    assert bucket.interval == pytest.approx(0.1)


async def test_refusals_of_requests_in_flight_together_slow_down_once(
    portal: FakePortal, clock: Clock
) -> None:
    """Eight concurrent 429s count as one refusal; a 429 for a later request counts again."""
    held, ask = asyncio.Event(), [*range(8)]

    async def before(request: web.Request) -> None:
        if ask:
            ask.pop()
        if not ask:
            held.set()
        await held.wait()

    answers = [429] * 8
    portal.before = before
    portal.override = lambda request: (
        web.Response(status=answers.pop()) if answers else json_body({"id": 1})
    )
    rate = Rate(calls=1_000_000)
    async with ExploreClient(portal.url, rate=rate, timing=clock.timing()) as client:
        bucket = client._transport.shared.bucket
        assert bucket is not None
        await client.gather(*(record(client.with_options(retry=once())) for _ in range(8)))
        assert bucket.interval * 1_000_000 == pytest.approx(2.0, rel=0.4)


async def test_refusals_that_name_a_time_slow_down_once_if_they_were_in_flight_together(
    portal: FakePortal, clock: Clock
) -> None:
    answers = [429] * 8
    portal.before = lambda request: portal.until_requests(8)
    portal.override = lambda request: (
        web.Response(status=answers.pop(), headers={"Retry-After": "2"})
        if answers
        else json_body({"id": 1})
    )
    rate = Rate(calls=1_000_000)
    async with ExploreClient(portal.url, rate=rate, timing=clock.timing()) as client:
        bucket = client._transport.shared.bucket
        assert bucket is not None
        await client.gather(*(record(client.with_options(retry=once())) for _ in range(8)))
        assert bucket.interval * 1_000_000 == pytest.approx(2.0, rel=0.4)


def once() -> Retry:
    return Retry(attempts=2)


def test_a_pause_is_never_shortened() -> None:
    """Of two reset times, the later one counts."""
    pause = Pause()
    pause.until(10.0, now=0.0)
    pause.until(5.0, now=0.0)
    assert pause.left(4.0, longest=60) == 6.0
    assert pause.left(11.0, longest=60) == 0.0


async def test_options_share_all_but_the_policies(portal: FakePortal, clock: Clock) -> None:
    """Session and counters are shared, and closing a derived client closes nothing."""
    portal.override = status(503)
    async with ExploreClient(portal.url, timing=clock.timing()) as client:
        once = client.with_options(retry=Retry.never(), auth="key")
        async with once:
            with pytest.raises(APIError) as caught:
                await record(once)
        assert caught.value.attempts == 1
        assert portal.headers[0]["Authorization"] == "Apikey key"
        with pytest.raises(APIError):
            await record(client)
        assert "Authorization" not in portal.headers[1]
        assert client.stats == once.stats
        assert (client.stats.calls, client.stats.requests, client.stats.errors) == (2, 5, 2)
        session = client._transport.shared.connection.session
        assert session() is once._transport.shared.connection.session()


async def test_a_repeated_request_of_aiohttp_is_counted() -> None:
    """If the server drops an idle connection, aiohttp sends the request a second time."""
    served = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                served += 1
                if served == 2:
                    break
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n" + ROW)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with ExploreClient(f"http://{host}:{port}") as client:
        await record(client)
        await record(client)
        assert (client.stats.calls, client.stats.requests, client.stats.retries) == (2, 3, 0)
    server.close()
    await settle()


QUOTA: dict[str, Any] = {
    "X-RateLimit-Limit": "99999999999999999999999",
    "X-RateLimit-Remaining": "99999999999999999999998",
    "X-RateLimit-Reset": "2026-08-18 00:00:00+00:00",
    "X-RateLimit-dataset-Limit": "5000",
    "X-RateLimit-dataset-Remaining": "4999",
    "X-RateLimit-dataset-Reset": "1790812800",
}


async def test_the_quota_is_what_the_headers_say(portal: FakePortal) -> None:
    """Numbers may be large, and reset times have several formats."""

    def override(request: web.Request) -> web.Response:
        answer = json_body({"id": 1})
        answer.headers.update(QUOTA)
        return answer

    portal.override = override
    async with ExploreClient(portal.url) as client:
        assert client.quota.remaining is None
        await record(client)
        quota = client.quota
    assert (quota.limit, quota.remaining) == (10**23 - 1, 10**23 - 2)
    assert quota.reset_at is not None
    assert quota.reset_at.isoformat() == "2026-08-18T00:00:00+00:00"
    trees = quota.datasets["trees"]
    assert trees.reset_at is not None
    assert (trees.limit, trees.remaining) == (5000, 4999)
    assert trees.reset_at.isoformat() == "2026-10-01T00:00:00+00:00"


async def test_quotas_of_datasets_are_found_by_identifier(portal: FakePortal) -> None:
    """The key is the decoded identifier, not its form in the URL; quotas can be pickled."""

    def override(request: web.Request) -> web.Response:
        answer = json_body({"id": 1})
        answer.headers.update(QUOTA)
        return answer

    portal.override = override
    async with ExploreClient(portal.url) as client:
        await client.dataset("my set/2").record("1")
        quota = client.quota
    assert list(quota.datasets) == ["my set/2"]
    assert pickle.loads(pickle.dumps(quota)) == copy.deepcopy(quota) == quota


async def test_a_refusal_names_a_moment_where_the_server_named_seconds(
    portal: FakePortal, clock: Clock
) -> None:
    """The caller can always read `reset_at`, whichever form the server used."""
    portal.override = status(429, Retry_After="61")
    async with ExploreClient(portal.url, timing=clock.timing()) as client:
        for _ in range(2):
            with pytest.raises(QuotaExceeded) as caught:
                await record(client)
            assert caught.value.reset_at == clock.now + timedelta(seconds=61)
    assert len(portal.requests) == 1


def test_a_derived_client_cannot_have_a_budget_of_its_own() -> None:
    """All clients share one budget, so another value is refused instead of ignored."""
    client = ExploreClient("host", retry=Retry(budget=7))
    with pytest.raises(ConfigurationError, match="budget is 5"):
        client.with_options(retry=Retry(budget=5))
    client.with_options(retry=Retry(budget=7))
    client.with_options(retry=Retry.never())


@pytest.mark.parametrize("refusal", ["429", "503", "drop"])
async def test_a_reading_ends_though_the_server_takes_less(
    portal: FakePortal, clock: Clock, refusal: str
) -> None:
    """Plain refusals that name no time slow the client down; no row is lost."""
    level, at = 0.0, 0.0

    def override(request: web.Request) -> web.Response | None:
        nonlocal level, at
        now = clock.timing().monotonic()
        level, at = max(0.0, level - (now - at) * 20), now
        if level <= 3:
            level += 1
            return None
        if refusal == "drop" and request.transport is not None:
            request.transport.abort()
        return web.Response(status=int(refusal) if refusal.isdecimal() else 500, text="<html>")

    portal.override = override
    portal.rows = rows(3000)
    async with ExploreClient(portal.url, concurrency=16, timing=clock.timing()) as client:
        trees = client.dataset("trees")
        assert await trees.records(Query(order_by="id")).to_list() == portal.rows
    assert client.stats.errors == 0
    assert client.stats.retries > 0
    assert client.stats.window <= 16
    assert client.stats.rate is not None


async def test_a_server_that_only_refuses_is_asked_until_the_deadline(clock: Clock) -> None:
    """A used-up quota names its reset; a plain 429 may end at any time."""
    answers = [http(b"", status="429 X")] * 5 + [http(ROW)]
    async with Wire(writes(*answers)).running() as wire:
        async with ExploreClient(wire.url, timing=clock.timing()) as client:
            assert await record(client) == {"id": 1}
    assert clock.waits == [0.25, 0.5, 1.0, 2.0, 4.0]


async def test_a_plain_refusal_takes_nothing_from_the_budget(clock: Clock) -> None:
    """It says nothing about the request."""
    async with Wire(writes(http(b"", status="429 X"), http(ROW))).running() as wire:
        async with ExploreClient(wire.url, retry=Retry(budget=0), timing=clock.timing()) as client:
            assert await record(client) == {"id": 1}


async def test_attempts_count_while_nothing_succeeds(clock: Clock) -> None:
    """A 503 to everybody is an outage, and no sign that the client is too fast."""
    async with Wire(writes(http(b"", status="503 X"))).running() as wire:
        async with ExploreClient(wire.url, timing=clock.timing()) as client:
            with pytest.raises(ServerError) as caught:
                await record(client)
    assert caught.value.attempts == Retry().attempts == wire.connections


async def test_the_hook_is_not_asked_about_a_request_that_was_not_sent(
    portal: FakePortal, clock: Clock
) -> None:
    """The client is closed while the request waits for its turn."""
    asked: list[object] = []
    waiting, over = asyncio.Event(), asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await over.wait()

    portal.override = lambda request: json_body({"id": 1})
    client = ExploreClient(
        portal.url,
        rate=Rate(calls=1),
        retry=Retry(hook=asked.append),
        timing=evolve(clock.timing(), sleep=sleep),
    )
    async with client:
        await record(client)
        stopped = asyncio.ensure_future(record(client))
        await waiting.wait()
    with pytest.raises(ConfigurationError, match="closed while a request waited") as caught:
        await stopped
    assert caught.value.attempts == 0
    assert asked == []
