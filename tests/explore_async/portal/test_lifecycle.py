"""The health of a portal, and how it stops."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from explore_async.portal import Store, serve
from explore_async.portal.errors import StoreError
from explore_async.portal.faults import Faults
from explore_async.portal.turns import CLIENT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PATH = "/api/explore/v2.1/catalog/datasets"


class Held:
    """A middleware that holds requests with `?held` until they are let go."""

    def __init__(self) -> None:
        self.arrived, self.released = asyncio.Event(), asyncio.Event()
        self.cancelled = False

    def install(self, app: web.Application) -> None:
        app.middlewares.append(self.hold)

    @web.middleware
    async def hold(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if "held" in request.query:
            self.arrived.set()
            try:
                await self.released.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        return await handler(request)


class Stopping:
    """A portal that is about to stop while a request runs, and connections that are older."""

    def __init__(self, samples: Store, grace: float) -> None:
        self.held = Held()
        self.stop = asyncio.Event()
        self._samples, self._grace = samples, grace
        self._url: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def serve(self) -> None:
        extend = self.held.install
        async with serve(self._samples, extend=extend, grace=self._grace) as url:
            self._url.set_result(url)
            await self.stop.wait()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[tuple[asyncio.Task[None], asyncio.Task[bytes], Any]]:
        """Yield the portal, a request that it holds, and another open connection."""
        serving = asyncio.create_task(self.serve())
        self.url = await self._url
        host, port = self.url.removeprefix("http://").split(":")
        open_connection = await asyncio.open_connection(host, int(port))
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(f"GET {PATH}?held&limit=0 HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        request = asyncio.create_task(reader.read())
        try:
            async with asyncio.timeout(10):
                await self.held.arrived.wait()
                yield serving, request, open_connection
                self.stop.set()
                await serving
        finally:
            writer.close()
            open_connection[1].close()


async def ask(connection: Any, path: str) -> bytes:
    """Send a request on an open connection, and return all that comes until its end."""
    reader, writer = connection
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    answer: bytes = await reader.read()
    return answer


async def test_a_running_portal_is_healthy(samples: Store) -> None:
    """Also for HEAD; other methods and paths are not of the health."""
    async with serve(samples) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}/healthz") as answer:
            assert (answer.status, await answer.json()) == (200, {"status": "ok"})
        async with session.head(f"{url}/healthz") as answer:
            assert answer.status == 200
        async with session.get(f"{url}/healthz/x") as answer:
            assert answer.status == 404


async def test_neither_faults_nor_quotas_meet_the_question_after_the_health(
    samples: Store,
) -> None:
    """A portal that is unreliable on purpose is healthy."""
    faults = Faults()
    faults.fail(None)
    faults.quota(1)
    async with serve(samples, extend=faults.install) as url, aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(f"{url}/healthz") as answer:
                assert answer.status == 200


async def test_running_requests_finish_before_the_portal_stops(samples: Store) -> None:
    """The portal waits for them, and they get their answers."""
    stopping = Stopping(samples, grace=60)
    async with stopping.running() as (serving, request, _):
        stopping.stop.set()
        await asyncio.sleep(0)
        assert not serving.done()
        stopping.held.released.set()
        assert (await request).startswith(b"HTTP/1.1 200")
    assert not stopping.held.cancelled


async def test_a_portal_that_stops_listens_no_more(samples: Store) -> None:
    """New connections are refused; older ones are told, and closed."""
    stopping = Stopping(samples, grace=60)
    async with stopping.running() as (_, request, connection):
        stopping.stop.set()
        await asyncio.sleep(0)
        health = await ask(connection, "/healthz")
        assert health.startswith(b"HTTP/1.1 503")
        assert health.endswith(b'{"status": "stopping"}')
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(f"{stopping.url}/healthz")
        stopping.held.released.set()
        await request


async def test_a_request_that_comes_too_late_is_refused(samples: Store) -> None:
    """In the layout of the API."""
    stopping = Stopping(samples, grace=60)
    async with stopping.running() as (_, request, connection):
        stopping.stop.set()
        await asyncio.sleep(0)
        answer = await ask(connection, PATH)
        assert answer.startswith(b"HTTP/1.1 503")
        assert b'"error_code": "ServiceUnavailable"' in answer
        stopping.held.released.set()
        await request


async def test_requests_that_take_longer_are_cancelled(samples: Store) -> None:
    """The grace has an end."""
    stopping = Stopping(samples, grace=0.01)
    async with stopping.running() as (_, request, _):
        stopping.stop.set()
        await request
    assert stopping.held.cancelled


@pytest.mark.parametrize("value", [-1, float("nan"), "5", True])
@pytest.mark.parametrize("name", ["grace", "timeout"])
async def test_times_are_numbers_of_seconds(samples: Store, name: str, value: Any) -> None:
    """The message names the argument."""
    with pytest.raises(StoreError, match=f"^{name} is .*; it must be a number of seconds"):
        async with serve(samples, **{name: value}):
            pass


async def test_a_query_that_takes_too_long_is_an_error_of_the_api(cities: Store) -> None:
    """The portal's own; those of live portals are unknown."""
    async with serve(cities, timeout=0.0) as url, aiohttp.ClientSession() as session:
        async with session.get(f"{url}{PATH}") as answer:
            assert (answer.status, (await answer.json())["error_code"]) == (400, "QueryTimeout")


async def test_each_address_is_a_client(samples: Store) -> None:
    """So that its requests have their turns; a key that nobody checked does not count."""
    seen: list[str] = []

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        seen.append(CLIENT.get())
        return await handler(request)

    extend = lambda app: app.middlewares.append(note)  # noqa: E731
    async with serve(samples, extend=extend) as url, aiohttp.ClientSession() as session:
        await session.get(f"{url}{PATH}?apikey=1")
        await session.get(f"{url}{PATH}", headers={"Authorization": "Apikey 2"})
    assert seen == ["127.0.0.1"] * 2
