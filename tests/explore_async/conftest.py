"""Fixtures of the client's tests, and the check that no test leaves anything behind."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from explore_async import ExploreClient
from tests.explore_async.doubles import Clock, FakePortal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

DESCRIPTORS = Path("/proc/self/fd")


def sockets() -> int:
    """Return the number of open sockets of this process; 0 if the system does not list them."""
    if not DESCRIPTORS.is_dir():
        return 0
    return sum(_target(entry).startswith("socket:") for entry in DESCRIPTORS.iterdir())


def _target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # the descriptor that lists the directory
        return ""


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[aiohttp.ClientSession]:
    """Every session created during the test."""
    made: list[aiohttp.ClientSession] = []
    original = aiohttp.ClientSession.__init__

    def remember(self: aiohttp.ClientSession, *args: Any, **options: Any) -> None:
        made.append(self)
        original(self, *args, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", remember)
    return made


def _in_use(session: aiohttp.ClientSession) -> list[str]:
    connector = session.connector
    return [] if connector is None else [repr(one) for one in connector._acquired]


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The connections still in use when their session was closed."""
    found: list[str] = []
    original = aiohttp.ClientSession.close

    async def close(self: aiohttp.ClientSession) -> None:
        for _ in range(20):
            if not _in_use(self):
                break
            await asyncio.sleep(0)
        found.extend(_in_use(self))
        await original(self)

    monkeypatch.setattr(aiohttp.ClientSession, "close", close)
    return found


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for temporary files that only this test uses."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def partial_files(folder: Path) -> Iterator[str]:
    """Yield the files that are not complete; folders may go away meanwhile."""
    for _, _, names in os.walk(folder):
        yield from (name for name in names if name.endswith(".part"))


@pytest.fixture(autouse=True)
async def nothing_left(
    tmp_path: Path, temporary: Path, sessions: list[aiohttp.ClientSession], held: list[str]
) -> AsyncIterator[None]:
    """Check that every session is closed, and no task, connection or temporary file is left."""
    open_before, running_before = sockets(), asyncio.all_tasks()
    yield
    allowed = running_before | {asyncio.current_task()}
    assert all(session.closed for session in sessions)
    assert not held
    for turn in range(250):
        if sockets() <= open_before and asyncio.all_tasks() <= allowed:
            break
        await asyncio.sleep(0 if turn < 50 else 0.005)
    assert asyncio.all_tasks() <= allowed
    assert sockets() <= open_before
    assert not [*partial_files(tmp_path), *partial_files(temporary)]
    assert not list(temporary.glob("explore-*"))


@pytest.fixture
async def portal() -> AsyncIterator[FakePortal]:
    """A fake portal on a loopback port."""
    async with FakePortal().running() as portal:
        yield portal


@pytest.fixture
def clock() -> Clock:
    """A clock that advances only when something sleeps."""
    return Clock()


@pytest.fixture
async def client(portal: FakePortal, clock: Clock) -> AsyncIterator[ExploreClient]:
    """A client of the fake portal with a concurrency of eight."""
    async with ExploreClient(portal.url, timing=clock.timing()) as client:
        yield client
