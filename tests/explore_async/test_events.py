"""Events: they arrive in order, and a failing subscriber breaks nothing."""

from __future__ import annotations

import asyncio
import builtins
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web
from yarl import URL

from explore_async import (
    BytesEvent,
    DoneEvent,
    Event,
    ExploreClient,
    MissingExtraError,
    OpenTelemetryEvents,
    ProgressEvents,
    QuotaExceeded,
    Rate,
    Retry,
    Tally,
    ThrottleEvent,
    log_events,
)
from explore_async.http import call
from explore_async.testing import Portal
from tests.explore_async.doubles import Clock, FakePortal, Wire, http, rows, writes

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = b'{"total_count": 1, "results": [{"id": 1}]}'
BUSY = http(b"", "Retry-After: 2", status="429 X")


async def read(clock: Clock, *answers: bytes, listener: Callable[[Event], object]) -> ExploreClient:
    async with Wire(writes(*answers)).running() as wire:
        async with ExploreClient(
            wire.url, auth="s3cr3t", on_event=listener, timing=clock.timing()
        ) as client:
            await client.dataset("trees").records().first()
        return client


async def test_a_call_tells_what_happens_to_it(clock: Clock) -> None:
    """There is an event for each attempt, response, wait and page, and for the end."""
    events: list[Event] = []
    client = await read(clock, BUSY, http(PAGE), listener=events.append)
    names = [type(event).__name__.removesuffix("Event") for event in events]
    assert names == [
        *["Request", "Response", "Retry"],
        *["Request", "Response", "Page", "Done"],
    ]
    assert {event.call for event in events} == {1}
    assert {URL(event.url).query_string for event in events} == {"limit=1&offset=0"}
    done = events[-1]
    assert isinstance(done, DoneEvent)
    assert (done.attempts, done.seconds, done.outcome) == (2, 2.0, "ok")
    assert done.received == len(PAGE)
    assert (client.stats.pages, client.stats.rows, client.stats.retries) == (1, 1, 1)
    assert "s3cr3t" not in repr(events)


async def test_a_wait_before_a_request_tells_its_reason() -> None:
    """The end of a pause is the moment that the portal named."""
    events: list[Event] = []
    async with Portal({"trees": rows(1)}) as portal:
        began = portal.clock.now
        portal.fail(status=429, retry_after=4)
        rate = Rate(calls=1, per=0.5)
        async with portal.client(rate=rate, on_event=events.append) as client:
            with pytest.raises(QuotaExceeded):
                await client.with_options(retry=Retry.never()).dataset("trees").records().first()
            for _ in range(2):
                await client.dataset("trees").records().first()
    waits = [event for event in events if isinstance(event, ThrottleEvent)]
    assert [(one.reason, one.wait) for one in waits] == [("pause", 4.0), ("rate", 1.0)]
    assert {URL(one.url).query_string for one in waits} == {"limit=1&offset=0"}
    assert [one.reset_at for one in waits] == [began + timedelta(seconds=4), None]
    assert client.stats.throttled == 2


async def test_a_wait_for_a_crowded_portal_tells_its_reason(client: ExploreClient) -> None:
    events: list[Event] = []
    client.subscribe(events.append)
    client._transport.shared.congestion.rate = 2.0
    for _ in range(2):
        await client.dataset("trees").records().first()
    waits = [event for event in events if isinstance(event, ThrottleEvent)]
    assert [one.reason for one in waits] == ["congestion"]
    assert [one.wait for one in waits] == [pytest.approx(0.5, rel=0.2)]


async def test_a_subscription_ends(portal: FakePortal) -> None:
    """Calling the function that `subscribe` returned ends it."""
    events: list[Event] = []
    async with ExploreClient(portal.url) as client:
        end = client.subscribe(events.append)
        await client.dataset("trees").records().first()
        end()
        seen = len(events)
        await client.dataset("trees").records().first()
    assert seen == len(events) == 4


async def test_stats_add_up_over_calls(portal: FakePortal) -> None:
    portal.override = lambda request: web.Response(body=PAGE)
    async with ExploreClient(portal.url) as client:
        for _ in range(3):
            await client.dataset("trees").records().first()
    stats = client.stats
    assert (stats.calls, stats.requests, stats.pages, stats.rows) == (3, 3, 3, 3)
    assert stats.received == 3 * len(PAGE)


async def test_a_listener_that_raises_is_dropped_loudly(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """The request succeeds, the log has the traceback, and the stats count the subscriber."""

    def bad(event: Event) -> None:
        raise ValueError("error in the subscriber")

    client = await read(clock, http(PAGE), listener=bad)
    assert client.stats.subscriber_errors == 1
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    assert "error in the subscriber" in caplog.text


async def test_the_log_warns_of_retries(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Other events are logged at DEBUG, and no message contains the API key."""
    caplog.set_level(logging.DEBUG, "explore_async")
    await read(clock, BUSY, http(PAGE), listener=log_events())
    (warning,) = (one for one in caplog.records if one.levelno == logging.WARNING)
    assert "QuotaExceeded" in warning.getMessage()
    assert "1 rows" in caplog.text
    assert "s3cr3t" not in caplog.text


async def test_progress_adds_up(clock: Clock) -> None:
    """`flush` sends the last report."""
    tallies: list[Tally] = []
    progress = ProgressEvents(tallies.append, every=60)
    await read(clock, http(PAGE), listener=progress)
    progress.flush()
    assert [tally.calls for tally in tallies] == [0, 1]
    assert tallies[-1] == Tally(calls=1, pages=1, rows=1, received=len(PAGE), total=1)


PIECES = [b"x" * 1000] * 12


async def stream(
    clock: Clock, *, seconds: float, listener: Callable[[Event], object] | None
) -> ExploreClient:
    """Return a client after reading a file whose pieces arrived `seconds` apart."""
    go_on = asyncio.Event()
    timing = clock.timing()

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(http(b"", length=sum(map(len, PIECES))))
        for piece in PIECES:
            writer.write(piece)
            await writer.drain()
            await go_on.wait()
            go_on.clear()

    async with Wire(respond).running() as wire:
        async with ExploreClient(wire.url, on_event=listener, timing=timing) as client:
            async with client.dataset("trees").export("n3") as export:
                async for _ in export.bytes():
                    await timing.sleep(seconds)
                    go_on.set()
    return client


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (1, [2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000, 9_000, 10_000, 11_000, 12_000]),
        (0.25, [3_000, 5_000, 7_000, 9_000, 11_000]),
        (0, []),
    ],
)
async def test_the_bytes_of_an_export_are_told_while_they_come(
    clock: Clock, seconds: float, told: list[int]
) -> None:
    """At most two events per second of the client's clock, for any number of pieces."""
    events: list[Event] = []
    await stream(clock, seconds=seconds, listener=events.append)
    assert [event.received for event in events if isinstance(event, BytesEvent)] == told
    assert {event.call for event in events} == {1}
    assert isinstance(events[-1], DoneEvent)
    assert events[-1].received == 12_000


async def test_nothing_is_made_for_nobody(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a subscriber no BytesEvent is created."""
    made: list[object] = []
    monkeypatch.setattr(call, "BytesEvent", lambda **values: made.append(values))
    client = await stream(clock, seconds=1, listener=None)
    assert made == []
    assert client.stats.received == 12_000


async def test_events_say_whose_they_are(portal: FakePortal) -> None:
    """Each client numbers its calls; a derived client shares the numbers of the original."""
    events: list[Event] = []
    async with ExploreClient(portal.url) as one, ExploreClient(portal.url) as other:
        one.subscribe(events.append)
        other.subscribe(events.append)
        for client in (one, other, other.with_options(retry=Retry.never())):
            await client.dataset("trees").records().first()
    calls = list(dict.fromkeys((event.client, event.call) for event in events))
    first, second = calls[0][0], calls[1][0]
    assert calls == [(first, 1), (second, 1), (second, 2)]
    assert first != second > 0


def spans() -> tuple[Any, OpenTelemetryEvents]:
    """Return an in-memory exporter of finished spans, and the subscriber that fills it."""
    export = pytest.importorskip("opentelemetry.sdk.trace.export.in_memory_span_exporter")
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    processors = pytest.importorskip("opentelemetry.sdk.trace.export")
    memory = export.InMemorySpanExporter()
    provider = sdk.TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(processors.SimpleSpanProcessor(memory))
    return memory, OpenTelemetryEvents(provider.get_tracer("test"))


async def test_calls_of_several_clients_are_spans_apart(portal: FakePortal) -> None:
    """Both clients number their calls from 1 and run at the same time."""
    memory, subscriber = spans()
    other = FakePortal()
    held = asyncio.Event()
    portal.before = lambda request: held.wait()
    async with (
        other.running(),
        ExploreClient(portal.url, on_event=subscriber) as slow,
        ExploreClient(other.url, on_event=subscriber) as quick,
    ):
        waiting = asyncio.ensure_future(slow.dataset("trees").records().first())
        await portal.until_requests(1)
        await quick.dataset("trees").records().first()
        held.set()
        await waiting
    ports = [span.attributes["server.port"] for span in memory.get_finished_spans()]
    assert ports == [URL(other.url).port, URL(portal.url).port]
    assert not subscriber._spans


async def test_progress_adds_up_while_files_come(clock: Clock) -> None:
    """Each byte counts once: the end of a call does not add the bytes of its pieces again."""
    tallies: list[Tally] = []
    await stream(clock, seconds=1, listener=ProgressEvents(tallies.append))
    assert [tally.received for tally in tallies] == [*range(2_000, 12_001, 1_000), 12_000]
    assert tallies[-1] == Tally(calls=1, received=12_000)


async def test_progress_of_two_files_is_told_apart() -> None:
    """Client and call together identify a file."""
    progress = ProgressEvents(lambda tally: None)
    at: dict[str, Any] = {"url": "", "at": 0.0}
    done: dict[str, Any] = {"attempts": 1, "seconds": 1.0, "outcome": "ok", **at}
    for event in (
        BytesEvent(client=1, call=1, received=10, **at),
        BytesEvent(client=2, call=1, received=100, **at),
        BytesEvent(client=1, call=2, received=1_000, **at),
        BytesEvent(client=1, call=1, received=20, **at),
        DoneEvent(client=2, call=1, received=105, **done),
    ):
        progress(event)
    assert progress.tally == Tally(calls=1, received=20 + 105 + 1_000)


async def test_a_call_is_a_span(clock: Clock) -> None:
    """It has the status, the number of retries and the size, but not the query of the URL."""
    memory, subscriber = spans()
    await read(clock, BUSY, http(PAGE), listener=subscriber)
    (span,) = memory.get_finished_spans()
    assert span.attributes["http.response.status_code"] == 200
    assert span.attributes["http.request.resend_count"] == 1
    assert "limit" not in span.attributes["url.full"]
    assert [event.name for event in span.events] == ["retry"]
    assert not subscriber._spans


def test_opentelemetry_is_asked_for_clearly(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra."""
    real = builtins.__import__

    def without(name: str, *rest: Any, **options: Any) -> Any:
        if name.startswith("opentelemetry"):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError, match=r"explore-async\[otel\]"):
        OpenTelemetryEvents()
