"""The engine: statements end when their requests do."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from aiohttp import web

from explore_async.portal import PortalError, PortalField, Store, serve
from explore_async.portal.context import Parameters
from explore_async.portal.engine import BATCH, Engine
from explore_async.portal.turns import CLIENT
from tests.explore_async.portal.asking import GEONAMES, Asker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

    from duckdb import DuckDBPyConnection

ENDLESS = "SELECT count(*) FROM range(1000000000000) AS t(n) WHERE sqrt(n) < 0"
"""A statement that takes hours."""

_ANGLES = [at / 400 for at in range(2500)]
_RING = [f"{170 * math.cos(one):.2f} {80 * math.sin(one):.2f}" for one in _ANGLES]
SLOW = f"within(coordinates, geom'POLYGON(({', '.join([*_RING, _RING[0]])}))')"
"""A condition over the cities that takes many seconds: each is compared with 2,500 edges."""


class Watched:
    """A DuckDB cursor that records interrupts and its close."""

    def __init__(self, cursor: Any, ends: list[str]) -> None:
        self._cursor = cursor
        self._ends = ends

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def interrupt(self) -> None:
        self._ends.append("interrupt")
        self._cursor.interrupt()

    def close(self) -> None:
        self._ends.append("close")
        self._cursor.close()


@pytest.fixture
async def engine(samples: Store) -> AsyncIterator[Engine]:
    """An engine with one thread."""
    made = Engine(samples, workers=1)
    yield made
    await made.close()


async def test_leaving_early_closes_the_statement(
    samples: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Closing the generator closes the cursor, after the batch that is made ahead."""
    ends: list[str] = []
    cursor = samples.cursor
    monkeypatch.setattr(samples, "cursor", lambda: Watched(cursor(), ends))
    stream = engine.stream("SELECT * FROM range(1000000)", Parameters(), lambda rows: b"x")
    assert await anext(stream) == b"x"
    assert ends == []
    await stream.aclose()
    assert ends.count("close") == 1
    assert ends[-1] == "close"


@pytest.mark.parametrize("delay", [0, 0.2])
async def test_a_statement_that_is_given_up_frees_its_thread(engine: Engine, delay: float) -> None:
    """The next statement gets the thread at once, even if the cancelled ones had not begun."""
    given_up = [asyncio.create_task(engine.rows(ENDLESS, Parameters())) for _ in range(3)]
    await asyncio.sleep(delay)
    for task in given_up:
        task.cancel()
    async with asyncio.timeout(5):
        await asyncio.gather(*given_up, return_exceptions=True)
        assert await engine.single("SELECT 1", Parameters()) == 1
    assert all(task.cancelled() for task in given_up)


async def test_reading_hands_over_all_batches(engine: Engine) -> None:
    """In their order, to work in a thread, whose result is returned."""
    sizes = await engine.read(
        "SELECT * FROM range(4500)", Parameters(), lambda batches: [*map(len, batches)]
    )
    assert sizes == [BATCH, BATCH, 500]


async def test_reading_that_is_given_up_ends_at_the_next_batch(
    samples: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the work is busy when the interrupt comes, which DuckDB then ignores."""
    busy, heard = threading.Event(), threading.Event()
    cursor = samples.cursor
    seen: list[int] = []

    class Heard(Watched):
        def interrupt(self) -> None:
            self._ends.append("interrupt")
            heard.set()

    def work(batches: Iterator[list[Any]]) -> None:
        for batch in batches:
            seen.append(len(batch))
            busy.set()
            heard.wait()

    ends: list[str] = []
    monkeypatch.setattr(samples, "cursor", lambda: Heard(cursor(), ends))
    task = asyncio.create_task(engine.read("SELECT * FROM range(9000)", Parameters(), work))
    async with asyncio.timeout(5):
        await asyncio.to_thread(busy.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert seen == [BATCH]
    assert ends[-1] == "close"


async def test_slow_statements_do_not_hold_up_quick_ones(samples: Store) -> None:
    """There are more threads than a few clients need, and DuckDB shares the processors."""
    engine = Engine(samples)
    slow = [asyncio.create_task(engine.rows(ENDLESS, Parameters())) for _ in range(12)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(5):
        assert await engine.single("SELECT 1", Parameters()) == 1
    await engine.close()
    await asyncio.gather(*slow, return_exceptions=True)


async def test_an_interruption_is_repeated_until_it_is_heard(
    samples: Store, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """DuckDB ignores an interrupt before the statement begins."""
    begun, begin, heard = threading.Event(), threading.Event(), threading.Event()
    cursor = samples.cursor

    class Late(Watched):
        def execute(self, sql: str, values: dict[str, Any]) -> Any:
            begun.set()
            begin.wait()
            return self._cursor.execute(sql, values)

        def interrupt(self) -> None:
            super().interrupt()
            heard.set()

    ends: list[str] = []
    monkeypatch.setattr(samples, "cursor", lambda: Late(cursor(), ends))
    task = asyncio.create_task(engine.rows(ENDLESS, Parameters()))
    async with asyncio.timeout(5):
        await asyncio.to_thread(begun.wait)
        task.cancel()
        await asyncio.to_thread(heard.wait)
        begin.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ends.count("interrupt") > 1
    assert ends[-1] == "close"


async def test_one_client_does_not_take_all_threads(samples: Store) -> None:
    """Its statements wait, and those of another client go first."""
    engine = Engine(samples, workers=3)
    slow = [asyncio.create_task(engine.rows(ENDLESS, Parameters())) for _ in range(9)]
    try:
        async with asyncio.timeout(5):
            await asyncio.sleep(0)
            CLIENT.set("another")
            assert await engine.single("SELECT 1", Parameters()) == 1
    finally:
        await engine.close()
        ended = await asyncio.gather(*slow, return_exceptions=True)
    assert [getattr(one, "status", None) for one in ended] == [503] * 9


async def test_a_thread_that_still_works_is_not_given_away(samples: Store, engine: Engine) -> None:
    """Work that nobody waits for any more ends before the next one begins."""
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        end.wait()

    task = asyncio.create_task(engine.run(work))
    async with asyncio.timeout(5):
        await asyncio.to_thread(begun.wait)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        following = asyncio.create_task(engine.run(end.is_set))
        await asyncio.sleep(0)
        end.set()
        assert await following


async def test_a_statement_that_takes_too_long_is_interrupted(samples: Store) -> None:
    """Its thread is free again, and the message says after which time."""
    engine = Engine(samples, workers=1, timeout=0.05)
    async with asyncio.timeout(5):
        with pytest.raises(PortalError) as slow:
            await engine.rows(ENDLESS, Parameters())
        assert await engine.single("SELECT 1", Parameters()) == 1
    assert (slow.value.status, slow.value.body) == (
        400,
        {
            "error_code": "QueryTimeout",
            "message": "The query took longer than 0.05 s; ask for less at once.",
        },
    )
    await engine.close()


@pytest.mark.parametrize("way", ["stream", "read"])
async def test_an_export_has_the_time_for_each_batch(
    samples: Store, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """An export may be long, and its client slow, as long as rows come."""
    engine = Engine(samples, timeout=10.0)
    now, looked, left = [0.0], threading.Event(), Engine._left
    clock = SimpleNamespace(monotonic=lambda: now[0])

    def look(self: Engine, statement: Any) -> float:
        assert left(self, statement)
        looked.set()
        return 0.001

    def take_long(batch: list[Any]) -> bytes:
        now[0] += 6
        looked.clear()
        looked.wait(1)
        return b"x"

    monkeypatch.setattr(Engine, "_left", look)
    monkeypatch.setattr("explore_async.portal.engine.time", clock)
    sql = "SELECT * FROM range(9000)"
    if way == "stream":
        written = [chunk async for chunk in engine.stream(sql, Parameters(), take_long)]
    else:
        written = await engine.read(sql, Parameters(), lambda all_: [*map(take_long, all_)])
    assert len(written) == 5
    await engine.close()


async def test_a_statement_that_needs_too_much_memory_is_refused() -> None:
    """The error is the client's, not one of the portal."""
    with Store(memory_limit="20MB", threads=1) as store:
        engine = Engine(store)
        with pytest.raises(PortalError) as large:
            await engine.rows("SELECT list(n) FROM range(20000000) AS t(n)", Parameters())
        await engine.close()
    assert (large.value.status, large.value.code) == (400, "QueryTooLarge")


async def test_closing_ends_what_runs_and_what_waits(samples: Store) -> None:
    """Running, waiting and later statements all fail with status 503."""
    engine = Engine(samples, workers=1)
    tasks = [asyncio.create_task(engine.rows(ENDLESS, Parameters())) for _ in range(3)]
    await asyncio.sleep(0.2)
    async with asyncio.timeout(5):
        await engine.close()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
    with pytest.raises(PortalError) as late:
        await engine.rows("SELECT 1", Parameters())
    assert [getattr(one, "status", None) for one in (*answers, late.value)] == [503] * 4


@pytest.mark.parametrize("name", ["json", "parquet"])
async def test_an_export_that_fails_in_its_middle_is_cut_off(
    ask: Asker, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    """After the first bytes an error cannot be reported, so the end of the body is missing.

    DuckDB may compute so far ahead that an Arrow reader fails before the first bytes.
    """
    count = 1_000_000

    def load(connection: DuckDBPyConnection, table: str) -> None:
        connection.execute(f"INSERT INTO {table} FROM range({count})")

    with Store() as store:
        fields = [PortalField("n", "int", "n")]
        store.fill("numbers", fields, load, uid="numbers", metas={}, features=())
        async with serve(store) as url, asyncio.timeout(30):
            path, select = f"datasets/numbers/exports/{name}", f"n * {2**64 // count} as big"
            try:
                answer = await Asker(url, ask.session).get(path, select=select)
            except aiohttp.ClientPayloadError:
                pass
            else:
                assert name == "parquet"
                assert answer.json["error_code"] == "NotSupportedByLocalPortal"
    assert not caplog.records


async def test_an_export_that_meets_a_fault_of_the_portal_is_cut_off(
    ask: Asker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the client would wait for the rest for ever; the log says why."""

    async def stream(*_: object) -> AsyncIterator[bytes]:
        yield b"[" * 100
        raise ZeroDivisionError

    monkeypatch.setattr(Engine, "stream", stream)
    async with asyncio.timeout(10):
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask.get("datasets/things/exports/jsonl")
    (record,) = caplog.records
    assert record.message.startswith("An export failed: ")
    assert "ZeroDivisionError" in caplog.text


async def test_requests_that_are_given_up_do_not_hold_up_others(ask_cities: Asker) -> None:
    """The statements of clients that time out are interrupted."""
    path = f"{GEONAMES}/records"
    slow = [asyncio.create_task(ask_cities.get(path, where=SLOW, limit=1)) for _ in range(6)]
    await asyncio.sleep(0.5)
    for task in slow:
        task.cancel()
    async with asyncio.timeout(5):
        assert (await ask_cities.get(path, limit=1)).status == 200


async def test_a_portal_stops_while_statements_run(cities: Store, ask_cities: Asker) -> None:
    """The portal interrupts them, and their clients get status 503."""
    async with serve(cities) as url:
        ask = Asker(url, ask_cities.session)
        slow = [
            asyncio.create_task(ask.get(f"{GEONAMES}/records", where=SLOW, limit=1))
            for _ in range(6)
        ]
        await asyncio.sleep(0.5)
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    assert [(await one).status for one in slow] == [503] * 6


async def test_many_slow_requests_of_one_client_do_not_hold_up_another(cities: Store) -> None:
    """There are more of them than threads."""
    arrived = asyncio.Semaphore(0)

    @web.middleware
    async def tell(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        CLIENT.set(request.headers["User-Agent"])
        arrived.release()
        return await handler(request)

    path, connector = f"{GEONAMES}/records", aiohttp.TCPConnector(limit=0)
    extend = lambda app: app.middlewares.append(tell)  # noqa: E731
    async with serve(cities, extend=extend) as url:
        async with (
            aiohttp.ClientSession(headers={"User-Agent": "a"}, connector=connector) as greedy,
            aiohttp.ClientSession(headers={"User-Agent": "b"}) as modest,
            asyncio.timeout(20),
        ):
            slow = [
                asyncio.create_task(Asker(url, greedy).get(path, where=SLOW, limit=1))
                for _ in range(40)
            ]
            for _ in slow:
                await arrived.acquire()
            answer = await Asker(url, modest).get(path, limit=0)
            assert answer.json["total_count"] > 100_000
            assert not any(task.done() for task in slow)
            for task in slow:
                task.cancel()
            await asyncio.gather(*slow, return_exceptions=True)
