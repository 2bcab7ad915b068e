"""Test doubles: a configurable portal, a raw socket server, and a clock."""

from __future__ import annotations

import asyncio
import gzip
import threading
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

from explore_async import Timing
from explore_async.portal import serve

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from explore_async.portal import Store

API = "/api/explore/v2.1"
NOW = datetime(2026, 8, 17, 12, 0, tzinfo=UTC)


def rows(count: int) -> list[dict[str, Any]]:
    """Return `count` distinct rows."""
    return [{"id": number, "name": f"row {number}"} for number in range(count)]


def json_body(value: object, *, status: int = 200) -> web.Response:
    """Return a JSON response with a portal's headers."""
    kind = "application/json; charset=utf-8" if status == 200 else "application/json"
    return web.Response(body=orjson.dumps(value), status=status, headers={"Content-Type": kind})


class FakePortal:
    """A portal with one dataset, `trees`, that enforces the server's rules on limit and offset.

    Attributes:
        rows: the rows of the dataset.
        grouped_total: the total_count of a grouped response: the number of rows `returned`, or
            `absent`.
        override: takes a request and returns the response, or None for the portal's own.
        before: awaited before each response, for instance to delay it.
        requests: the path and parameters of every request, in order.
        headers: the headers of every request, in order.
        peak: the largest number of requests in flight at once.
    """

    def __init__(self) -> None:
        self.rows = rows(10)
        self.grouped_total = "returned"
        self.override: Callable[[web.Request], web.StreamResponse | None] = lambda request: None
        self.before: Callable[[web.Request], Awaitable[object]] | None = None
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.headers: list[dict[str, str]] = []
        self.in_flight = 0
        self.peak = 0
        self.url = ""
        self.arrived = asyncio.Condition()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakePortal]:
        """Serve on a free loopback port."""
        application = web.Application()
        application.router.add_get("/{path:.*}", self._serve)
        async with TestServer(application) as server:
            self.url = str(server.make_url(""))
            yield self

    def offsets(self) -> list[int]:
        """Return the requested offsets, in order."""
        return [int(params["offset"]) for _, params in self.requests if "offset" in params]

    async def until_requests(self, count: int) -> None:
        """Wait until `count` requests have arrived."""
        async with self.arrived:
            await self.arrived.wait_for(lambda: len(self.requests) >= count)

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            async with self.arrived:
                self.requests.append((request.path.removeprefix(API), dict(request.query)))
                self.headers.append(dict(request.headers))
                self.arrived.notify_all()
            if self.before is not None:
                await self.before(request)
            return self.override(request) or self._answer(request)
        finally:
            self.in_flight -= 1

    def _answer(self, request: web.Request) -> web.Response:
        path = request.path.removeprefix(API)
        if path in {"/catalog/datasets/trees/records", "/catalog/datasets"}:
            return self._page(request)
        if path.endswith("/facets"):
            name = request.query.get("facet", "genus")
            values = [{"name": "ACER", "count": 3, "state": "displayed", "value": "ACER"}]
            return json_body({"links": [], "facets": [{"name": name, "facets": values}]})
        if path == "/catalog/datasets/trees/exports/jsonl":
            limit = int(request.query.get("limit", -1))
            chosen = self.rows if limit == -1 else self.rows[:limit]
            return web.Response(body=b"".join(orjson.dumps(row) + b"\n" for row in chosen))
        error = {"error_code": "NotFoundURI", "message": "The requested URI does not exist."}
        return json_body(error, status=404)

    def _page(self, request: web.Request) -> web.Response:
        limit = int(request.query.get("limit", 10))
        offset = int(request.query.get("offset", 0))
        grouped = "group_by" in request.query
        window, most = (20_000, 20_000) if grouped else (10_000, 100)
        if limit > most or offset + limit > window:
            message = "Invalid value for sum of offset + limit API parameter: too much was found"
            error = {"error_code": "InvalidRESTParameterError", "message": message}
            return json_body(error, status=400)
        page = self.rows[offset : offset + limit]
        if not grouped:
            return json_body({"total_count": len(self.rows), "results": page})
        if self.grouped_total == "absent":
            return json_body({"results": page})
        return json_body({"total_count": len(page), "results": page})


class Wire:
    """A server that writes raw bytes, for faults that a web framework cannot produce.

    Attributes:
        connections: the number of accepted connections.
        heads: the received request heads.
    """

    def __init__(
        self, respond: Callable[[asyncio.StreamWriter], Awaitable[object]], *, listens: bool = True
    ) -> None:
        self.connections = 0
        self.heads: list[bytes] = []
        self.url = ""
        self._respond = respond
        self._listens = listens

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Wire]:
        """Serve on a free loopback port."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = server.sockets[0].getsockname()[:2]
        self.url = f"http://{host}:{port}"
        try:
            yield self
        finally:
            server.close()
            await server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            if self._listens:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            await self._respond(writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


def http(body: bytes, *headers: str, status: str = "200 OK", length: int | None = None) -> bytes:
    """Return a whole HTTP response; `length` fakes the Content-Length, and -1 omits it."""
    told = len(body) if length is None else length
    lines = [f"HTTP/1.1 {status}", *headers]
    if told >= 0:
        lines.append(f"Content-Length: {told}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


def writes(*answers: bytes) -> Callable[[asyncio.StreamWriter], Awaitable[object]]:
    """Respond to each connection with the next of `answers`; the last one repeats."""
    remaining = list(answers)

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(remaining.pop(0) if len(remaining) > 1 else remaining[0])

    return respond


def jsonl(count: int) -> bytes:
    """Return a jsonl export of `count` rows."""
    return b"".join(orjson.dumps(row) + b"\n" for row in rows(count))


def gzipped(body: bytes) -> bytes:
    """Compress the body as one gzip member."""
    return gzip.compress(body, mtime=0)


class Clock:
    """A clock that advances only when something sleeps.

    Attributes:
        waits: the seconds of every sleep.
        now: the current time.
    """

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now
        self.waits: list[float] = []
        self._seconds = 0.0

    def timing(self, *, chance: float = 0.0) -> Timing:
        """Return the `timing=` argument for a client."""
        return Timing(
            sleep=self._sleep,
            monotonic=lambda: self._seconds,
            now=lambda: self.now,
            random=lambda: chance,
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self._seconds += seconds
        self.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)


def files_in(folder: Path) -> list[Path]:
    """Return all files in a directory, including hidden ones."""
    return sorted(folder.iterdir())


async def settle() -> None:
    """Let all ready tasks run."""
    for _ in range(20):
        await asyncio.sleep(0)


@contextmanager
def served(store: Store) -> Iterator[str]:
    """Serve a portal in a separate thread, for code that runs its own event loop; yield its URL."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = serve(store)
    try:
        yield asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()
