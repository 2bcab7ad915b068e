"""The engine: statements end when their requests do."""

from __future__ import annotations

import asyncio
import threading
import time
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from explore_async.portal import PortalError, PortalField, Store, serve
from explore_async.portal.context import Parameters
from explore_async.portal.engine import BATCH, Engine
from tests.explore_async.portal.asking import GEONAMES, Asker

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from duckdb import DuckDBPyConnection

ENDLESS = "SELECT count(*) FROM range(1000000000000) AS t(n) WHERE sqrt(n) < 0"
"""A statement that takes hours."""

SLOW = " or ".join(f"search('{word}')" for word in ("zzparis", "abcdefgh", "qwertzui", "yxcvbnmk"))
"""A condition over the cities that takes many seconds."""


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


async def test_an_export_that_fails_in_its_middle_is_cut_off(
    ask: Asker, caplog: pytest.LogCaptureFixture
) -> None:
    """After the first bytes an error cannot be reported, so the end of the body is missing."""
    count = 1_000_000

    def load(connection: DuckDBPyConnection, table: str) -> None:
        connection.execute(f"INSERT INTO {table} FROM range({count})")

    with Store() as store:
        fields = [PortalField("n", "int", "n")]
        store.fill("numbers", fields, load, uid="numbers", metas={}, features=())
        async with serve(store) as url:
            with pytest.raises(aiohttp.ClientPayloadError):
                await Asker(url, ask.session).get(
                    "datasets/numbers/exports/json", select=f"n * {2**64 // count} as big"
                )
    assert not caplog.records


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
