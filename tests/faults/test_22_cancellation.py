"""Failure 22: cancelled at any await of any operation, the client releases everything."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import cache
from types import coroutine
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from aiohttp import web

from explore_async import ExploreClient, OAuth2, Tokens
from tests.explore_async.doubles import (
    API,
    NOW,
    Clock,
    FakePortal,
    files_in,
    json_body,
    jsonl,
    rows,
)
from tests.explore_async.http.test_oauth import TokenServer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine, Generator
    from pathlib import Path

    from aiohttp import ClientSession

    Operation = Callable[[ExploreClient, Path], Awaitable[object]]
    Interrupted = Callable[[Coroutine[Any, Any, object], int], Awaitable[bool]]

ROWS = rows(250)
FIELDS = [{"name": "id", "label": "id", "type": "int"}, {"name": "name", "type": "text"}]
TREES = "/catalog/datasets/trees"
ANSWERS = {
    TREES: orjson.dumps({"dataset_id": "trees", "dataset_uid": "da_1", "fields": FIELDS}),
    f"{TREES}/records/1": orjson.dumps(ROWS[1]),
    f"{TREES}/exports": b'{"links": [{"rel": "jsonl"}]}',
    f"{TREES}/exports/json": orjson.dumps(ROWS),
    f"{TREES}/exports/csv": b"id;name\r\n"
    + b"".join(b"%d;%b\r\n" % (row["id"], row["name"].encode()) for row in ROWS),
    f"{TREES}/attachments/plan": b"a plan of all trees",
}


class Answers:
    """Responses that the fake portal lacks, and two datasets that need several requests.

    `moved` redirects to `trees`. `busy` is `trees`, but each of its URLs succeeds only on the third
    request: the first gets an error, the second a 429 with a wait.
    """

    def __init__(self, portal: FakePortal) -> None:
        self._portal = portal
        self._asked: Counter[str] = Counter()

    def __call__(self, request: web.Request) -> web.Response | None:
        path = request.path.removeprefix(API)
        if path.startswith("/catalog/datasets/moved/"):
            where = str(request.rel_url).replace("/moved/", "/trees/")
            return web.Response(status=302, headers={"Location": where})
        if path.startswith("/catalog/datasets/busy/"):
            return self._busy(request)
        if path == f"{TREES}/exports/parquet":
            return web.Response(body=parquet())
        return web.Response(body=ANSWERS[path]) if path in ANSWERS else None

    def _busy(self, request: web.Request) -> web.Response:
        self._asked[request.path_qs] += 1
        turn = self._asked[request.path_qs] % 3
        if turn == 1:
            return json_body({}, status=503)
        if turn == 2:
            return web.Response(status=429, headers={"Retry-After": "1"})
        exported = request.path.endswith("/exports/jsonl")
        return web.Response(body=jsonl(250)) if exported else self._portal._page(request)


@cache
def parquet() -> bytes:
    """Return the rows as a Parquet file."""
    arrow, files = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    buffer = arrow.BufferOutputStream()
    files.write_table(arrow.Table.from_pylist(ROWS), buffer)
    return bytes(buffer.getvalue())


async def rows_one_by_one(client: ExploreClient, folder: Path) -> None:
    assert [row async for row in client.dataset("trees").records()] == ROWS


async def first_rows_only(client: ExploreClient, folder: Path) -> None:
    async with client.dataset("trees").records().open() as found:
        async for row in found:
            if row["id"] == 120:
                break


async def whole_list(client: ExploreClient, folder: Path) -> None:
    assert await client.dataset("trees").records().to_list() == ROWS


async def groups(client: ExploreClient, folder: Path) -> None:
    catalog = await client.datasets(max_rows=150).to_list()
    assert len(catalog) == 150


async def facets(client: ExploreClient, folder: Path) -> None:
    assert len(await client.dataset("trees").facets("a", "b", "c", "d")) == 4


async def catalog_facets(client: ExploreClient, folder: Path) -> None:
    assert len(await client.catalog_facets(names=["a", "b"])) == 2


async def gathered(client: ExploreClient, folder: Path) -> None:
    trees = client.dataset("trees")
    found = await client.gather(trees.records().to_list(), trees.records().count())
    assert found == (ROWS, 250)


async def many_records(client: ExploreClient, folder: Path) -> None:
    trees = client.dataset("trees")
    found = await client.gather_records([trees.records(), trees.records(max_rows=20)])
    assert len(found) == 2


async def many_facets(client: ExploreClient, folder: Path) -> None:
    trees = client.dataset("trees")
    assert len(await client.gather_facets([trees.facets("a", "b"), trees.facets("c")])) == 2


async def info(client: ExploreClient, folder: Path) -> None:
    assert (await client.dataset("trees").info()).dataset_id == "trees"


async def record(client: ExploreClient, folder: Path) -> None:
    assert await client.dataset("trees").record("1") == ROWS[1]


async def first_and_count(client: ExploreClient, folder: Path) -> None:
    assert await client.dataset("trees").records().first() == ROWS[0]
    (one,) = await client.dataset("trees").export_formats()
    assert one.name == "jsonl"


async def exported_rows(client: ExploreClient, folder: Path) -> None:
    async with client.dataset("trees").export("jsonl") as stream:
        assert [row async for row in stream.rows()] == ROWS


async def saved(client: ExploreClient, folder: Path) -> None:
    async with client.dataset("trees").export("jsonl") as stream:
        await stream.save(folder / "trees.jsonl")


async def saved_and_counted(client: ExploreClient, folder: Path) -> None:
    await client.dataset("trees").export_verified(folder / "trees.jsonl")


async def typed_csv(client: ExploreClient, folder: Path) -> None:
    async with client.dataset("trees").export("csv", typed=True) as stream:
        assert [row async for row in stream.rows()] == ROWS


async def typed_json(client: ExploreClient, folder: Path) -> None:
    async with client.dataset("trees").export("json", typed=True) as stream:
        assert [row async for row in stream.rows()] == ROWS


async def typed_pages(client: ExploreClient, folder: Path) -> None:
    assert await client.dataset("trees").records(typed=True).to_list() == ROWS


async def lines(client: ExploreClient, folder: Path) -> None:
    async with client.dataset("trees").export("jsonl") as stream:
        assert len([line async for line in stream.lines()]) == 250


async def pieces(client: ExploreClient, folder: Path) -> None:
    async with client.dataset("trees").export("jsonl") as stream:
        assert b"".join([piece async for piece in stream.bytes()]) == jsonl(250)


async def batches(client: ExploreClient, folder: Path) -> None:
    pytest.importorskip("pyarrow")
    for file_format in ("parquet", "jsonl"):
        async with client.dataset("trees").export(file_format) as stream:
            assert sum([batch.num_rows async for batch in stream.batches(size=100)]) == 250


async def downloaded(client: ExploreClient, folder: Path) -> None:
    await client.dataset("trees").download("plan", folder / "plan")


async def resumed(client: ExploreClient, folder: Path) -> None:
    records = client.dataset("trees").records(page_size=50)
    async with records.open() as found:
        async for row in found:
            if row["id"] == 120:
                break
    assert await records.resume().to_list() == ROWS[121:]


async def sent_again(client: ExploreClient, folder: Path) -> None:
    assert await client.dataset("busy").records().to_list() == ROWS


async def export_sent_again(client: ExploreClient, folder: Path) -> None:
    async with client.dataset("busy").export("jsonl") as stream:
        assert [row async for row in stream.rows()] == ROWS


async def redirected(client: ExploreClient, folder: Path) -> None:
    assert await client.dataset("moved").records().to_list() == ROWS
    async with client.dataset("moved").export("jsonl") as stream:
        assert [row async for row in stream.rows()] == ROWS


async def as_they_come(client: ExploreClient, folder: Path) -> None:
    names = ("trees", "busy", "nowhere")
    readings = [client.dataset(name).records(max_rows=120) for name in names]
    gathered = client.gather_records(readings, errors="collect", ordered=False, concurrency=2)
    async with gathered.open() as outcomes:
        assert len([one async for one in outcomes]) == 3


OPERATIONS: list[Operation] = [
    *(rows_one_by_one, first_rows_only, whole_list, groups, facets, catalog_facets, gathered),
    *(many_records, many_facets, info, record, first_and_count, exported_rows, saved),
    *(saved_and_counted, typed_csv, typed_json, typed_pages, lines, pieces, batches, downloaded),
    *(resumed, sent_again, export_sent_again, redirected, as_they_come),
]


async def by_ticks(work: Coroutine[Any, Any, object], moment: int) -> bool:
    """Cancel after `moment` iterations of the event loop."""
    task = asyncio.ensure_future(work)
    for _ in range(moment):
        await asyncio.sleep(0)
    task.cancel()
    return await was_cancelled(task)


async def by_awaits(work: Coroutine[Any, Any, object], moment: int) -> bool:
    """Cancel while the operation is suspended at await number `moment`."""
    return await was_cancelled(asyncio.ensure_future(awaiting(stopped_at(work, moment))))


async def was_cancelled(task: asyncio.Future[Any]) -> bool:
    try:
        await task
    except asyncio.CancelledError:
        return True
    return False


async def awaiting(steps: Awaitable[object]) -> object:
    return await steps


@coroutine
def stopped_at(work: Coroutine[Any, Any, object], moment: int) -> Generator[Any, Any, object]:
    """Run a coroutine by hand, counting its suspensions."""
    task = asyncio.current_task()
    assert task is not None
    step: Callable[[], Any] = lambda: work.send(None)  # noqa: E731 - rebound below
    while True:
        try:
            waited = step()
        except StopIteration as end:
            return end.value
        if moment == 0:
            asyncio.get_running_loop().call_soon(task.cancel)
        moment -= 1
        try:
            yield waited
        except BaseException as error:  # noqa: BLE001 - thrown into the coroutine
            thrown = error
            step = lambda: work.throw(thrown)  # noqa: B023, E731
        else:
            step = lambda: work.send(None)  # noqa: E731


@pytest.mark.parametrize("interrupted", [by_ticks, by_awaits])
@pytest.mark.parametrize("operation", OPERATIONS)
async def test_22_cancelled_at_any_moment_nothing_is_held(
    portal: FakePortal,
    tmp_path: Path,
    temporary: Path,
    sessions: list[ClientSession],
    operation: Operation,
    interrupted: Interrupted,
) -> None:
    """No connection, slot, task or file is left, and the same client still works."""
    portal.rows, portal.override = ROWS, Answers(portal)
    moment = finished = 0
    while finished < 2:
        sessions.clear()
        async with ExploreClient(portal.url, concurrency=2, timing=Clock().timing()) as client:
            stopped = await interrupted(started(operation, client, tmp_path), moment)
            if stopped:
                assert files_in(tmp_path) == []
            assert files_in(temporary) == []
            for session in sessions:
                assert not await still_acquired(session)
            await assert_free(client, tmp_path)
        finished += not stopped
        # A thread that a busy machine delays makes thousands of moments alike.
        moment += max(1, moment // 20 - 4)
        for left in files_in(tmp_path):
            left.unlink()
    assert moment > (10 if interrupted is by_ticks else 2)


async def started(operation: Operation, client: ExploreClient, folder: Path) -> None:
    # Calling the operation here means that a task that never runs leaves no coroutine.
    await operation(client, folder)


async def still_acquired(session: ClientSession) -> int:
    """Return the number of connections in use, after giving cancelled tasks time to end."""
    connector = session.connector
    assert connector is not None
    for _ in range(10):
        if not connector._acquired:
            break
        await asyncio.sleep(0)
    return len(connector._acquired)


async def assert_free(client: ExploreClient, folder: Path) -> None:
    """Assert that all slots are free: as many requests as slots can run concurrently."""
    assert client._scheduler.tasks == 0
    trees = client.dataset("trees")
    async with asyncio.timeout(5):
        found = await client.gather(*(trees.records().first() for _ in range(2)))
    assert found == (ROWS[0], ROWS[0])


async def test_22_a_refresh_that_nobody_waits_for_any_more_is_not_lost(
    sessions: list[ClientSession],
) -> None:
    """A refresh token works once: if its request is cancelled, the next one shares the refresh."""
    async with TokenServer().running() as server:
        moment = finished = 0
        while finished < 2:
            server.valid = "r3fresh-0"
            old = Tokens(access="acc3ss-0", refresh="r3fresh-0", expires_at=NOW)
            auth = OAuth2(server.app(), old, save=lambda tokens: None)
            async with ExploreClient(server.url, auth=auth, concurrency=2) as client:
                stopped = await by_ticks(one_record(client), moment)
                assert await client.dataset("trees").record("1") == {"id": 1}
                for session in sessions:
                    assert session.closed or not await still_acquired(session)
            finished += not stopped
            moment += 1
            sessions.clear()
    assert moment > 20
    assert len(server.forms) == moment


async def one_record(client: ExploreClient) -> object:
    return await client.dataset("trees").record("1")


@pytest.mark.parametrize("operation", [rows_one_by_one, facets, saved, record])
async def test_22_cancellation_is_never_swallowed_or_renamed(
    portal: FakePortal, tmp_path: Path, operation: Operation
) -> None:
    """A timeout around an operation raises TimeoutError, even in the middle of a retry."""
    portal.override = lambda request: json_body({}, status=503)
    async with ExploreClient(portal.url) as client:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await operation(client, tmp_path)


async def test_22_waiting_for_a_place_can_be_cancelled(portal: FakePortal) -> None:
    """Requests cancelled in the queue do not disturb the others."""
    held = asyncio.Event()

    async def before(request: web.Request) -> None:
        if len(portal.requests) == 1:
            await held.wait()

    portal.before = before
    async with ExploreClient(portal.url, concurrency=1) as client:
        trees = client.dataset("trees")
        slow = asyncio.ensure_future(trees.records().first())
        await portal.until_requests(1)
        queue = [asyncio.ensure_future(trees.records().first()) for _ in range(5)]
        await asyncio.sleep(0)
        for waiting in queue[:4]:
            waiting.cancel()
        held.set()
        assert await slow == await queue[4] == rows(1)[0]
        assert all([await was_cancelled(waiting) for waiting in queue[:4]])
    assert len(portal.requests) == 2
