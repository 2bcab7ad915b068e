"""A client that is cancelled at any time releases all its resources."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from explore_async import ExploreClient
from tests.explore_async.doubles import files_in, rows

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from explore_async import Dataset
    from tests.explore_async.doubles import FakePortal


async def read_pages(dataset: Dataset, folder: Path) -> None:
    assert len(await dataset.records().to_list()) == 450


async def read_rows(dataset: Dataset, folder: Path) -> None:
    async for row in dataset.records():
        if row["id"] == 420:
            break


async def read_facets(dataset: Dataset, folder: Path) -> None:
    assert len(await dataset.facets("a", "b", "c")) == 3


async def read_export(dataset: Dataset, folder: Path) -> None:
    async with dataset.export("jsonl") as stream:
        assert len([row async for row in stream.rows()]) == 450


async def save_export(dataset: Dataset, folder: Path) -> None:
    await dataset.export_verified(folder / "trees.jsonl")


async def ticks(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def cancelled_after(work: Awaitable[None], moment: int) -> bool:
    """Cancel the work after `moment` ticks; return whether it was still running."""
    task = asyncio.ensure_future(work)
    await ticks(moment)
    running = task.cancel()
    try:
        await task
    except asyncio.CancelledError:
        return True
    return running


@pytest.mark.parametrize("work", [read_pages, read_rows, read_facets, read_export, save_export])
async def test_cancelled_at_any_moment_nothing_leaks(
    portal: FakePortal, tmp_path: Path, work: Callable[[Dataset, Path], Awaitable[None]]
) -> None:
    """Connections, slots, tasks and files are all released, and the next call works."""
    portal.rows = rows(450)
    moment, finished = 0, 0
    while finished < 3:
        async with ExploreClient(portal.url, concurrency=2) as client:
            if not await cancelled_after(work(client.dataset("trees"), tmp_path), moment):
                finished += 1
            else:
                assert files_in(tmp_path) == []
            await ticks(5)
            assert client._scheduler.tasks == 0
            assert client._scheduler.gate._free == 2
            assert not client._transport.shared.deadlines.running
            connector = client._transport.shared.connection.session().connector
            assert connector is not None
            assert not connector._acquired
            assert await client.dataset("trees").records().first() == rows(1)[0]
        for left in files_in(tmp_path):
            left.unlink()
        moment += 1
    assert moment > 10


async def test_cancelled_while_closing_the_session_is_closed(portal: FakePortal) -> None:
    """The client's `__aexit__` may itself be cancelled."""

    async def hanging(*_: object) -> None:
        await asyncio.sleep(60)

    client = ExploreClient(portal.url)
    await client.dataset("trees").records().first()
    session = client._transport.shared.connection.session()
    client._scheduler.close = hanging  # type: ignore[method-assign]
    assert await cancelled_after(client.close(), 3)
    assert session.closed
