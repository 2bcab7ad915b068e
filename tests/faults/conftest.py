"""Fixtures for the faults, and the rule that none of them leaves anything behind."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.explore_async.conftest import client, clock, portal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["client", "clock", "nothing_left", "portal", "sessions"]

DESCRIPTORS = Path("/proc/self/fd")


def sockets() -> int:
    """The open sockets of this process; 0 where the system does not tell."""
    if not DESCRIPTORS.is_dir():
        return 0
    return sum(target(entry).startswith("socket:") for entry in DESCRIPTORS.iterdir())


def target(entry: Path) -> str:
    try:
        return str(entry.readlink())
    except OSError:  # the descriptor of the listing itself
        return ""


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> list[aiohttp.ClientSession]:
    """Every session that is made during the test."""
    made: list[aiohttp.ClientSession] = []
    original = aiohttp.ClientSession.__init__

    def remember(self: aiohttp.ClientSession, *args: Any, **options: Any) -> None:
        made.append(self)
        original(self, *args, **options)

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", remember)
    return made


@pytest.fixture(autouse=True)
async def nothing_left(
    tmp_path: Path, sessions: list[aiohttp.ClientSession]
) -> AsyncIterator[None]:
    """After each test: every session closed, no task, no socket and no half-written file."""
    open_before, running_before = sockets(), asyncio.all_tasks()
    yield
    assert all(session.closed for session in sessions)
    for turn in range(250):
        if sockets() <= open_before and asyncio.all_tasks() <= running_before | {this_task()}:
            break
        await asyncio.sleep(0 if turn < 50 else 0.005)
    assert asyncio.all_tasks() <= running_before | {this_task()}
    assert sockets() <= open_before
    assert not list(tmp_path.rglob("*.part"))


def this_task() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task
