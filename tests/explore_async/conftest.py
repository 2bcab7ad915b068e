"""Fixtures of the client's tests, and the rule that no test leaves anything behind."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from explore_async import ExploreClient
from tests.explore_async.doubles import Clock, FakePortal, files_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(autouse=True)
async def nothing_left(tmp_path: Path) -> AsyncIterator[None]:
    """After each test: no task of the client runs and no half-written file lies about."""
    yield
    strays = [
        task
        for task in asyncio.all_tasks()
        if "explore_async" in repr(task.get_coro()) and "tests" not in repr(task.get_coro())
    ]
    assert not strays
    assert not [path for path in files_in(tmp_path) if path.suffix == ".part"]


@pytest.fixture
async def portal() -> AsyncIterator[FakePortal]:
    """A fake portal on a loopback port."""
    async with FakePortal().running() as portal:
        yield portal


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still until somebody sleeps."""
    return Clock()


@pytest.fixture
async def client(portal: FakePortal, clock: Clock) -> AsyncIterator[ExploreClient]:
    """A client of the fake portal, with room for eight requests."""
    async with ExploreClient(portal.url, timing=clock.timing()) as client:
        yield client
