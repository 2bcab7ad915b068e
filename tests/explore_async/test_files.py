"""Files: what they may be called, and what is never replaced by one."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

import pytest

from explore_async import ConfigurationError
from explore_async.files import file_name
from tests.explore_async.doubles import files_in, settle

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async import ExploreClient
    from tests.explore_async.doubles import FakePortal


async def test_a_pipe_is_not_replaced_by_a_file(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """Nor is a device: an administrator's /dev/null would be lost."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigurationError, match="no regular file"):
        await client.dataset("trees").export_verified(tmp_path / "pipe")
    assert portal.requests == []


async def test_a_link_stays_a_link(client: ExploreClient, tmp_path: Path) -> None:
    """The file that it points to is replaced."""
    (tmp_path / "link").symlink_to("target")
    await client.dataset("trees").export_verified(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert len((tmp_path / "target").read_bytes().splitlines()) == 10


async def test_a_long_name_of_wide_characters(client: ExploreClient, tmp_path: Path) -> None:
    """File systems count bytes."""
    path = tmp_path / ("木" * 80)
    await client.dataset("trees").export_verified(path)
    assert files_in(tmp_path) == [path]


@pytest.mark.parametrize("again", [False, True], ids=["cancelled once", "cancelled twice"])
async def test_a_cancelled_save_does_not_stop_the_event_loop(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, again: bool
) -> None:
    """The file is removed when the disk is done with it, and no sooner; others go on meanwhile."""
    loop, syncing = asyncio.get_running_loop(), asyncio.Event()
    over, released = threading.Event(), []

    def sync(descriptor: int) -> None:
        loop.call_soon_threadsafe(syncing.set)
        released.append(over.wait(5))

    async def save() -> None:
        async with client.dataset("trees").export("jsonl") as stream:
            await stream.save(tmp_path / "trees.jsonl")

    monkeypatch.setattr("explore_async.files.os.fsync", sync)
    saving = asyncio.create_task(save())
    async with asyncio.timeout(5):
        await syncing.wait()
    for _ in range(1 + again):
        saving.cancel()
        await settle()
    assert not saving.done()
    over.set()
    with pytest.raises(asyncio.CancelledError):
        await saving
    assert files_in(tmp_path) == []
    assert released == [True]


def test_the_name_of_a_file_is_no_path() -> None:
    """A portal chooses its identifiers, not where files go."""
    assert file_name("trees-2024", "jsonl") == "trees-2024.jsonl"
    assert file_name("../../etc/x", "csv") == ".._.._etc_x.csv"
    assert file_name("C:\\x", "csv") == "C__x.csv"
