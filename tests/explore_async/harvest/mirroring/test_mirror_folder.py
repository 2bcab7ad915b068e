"""The folder of a mirror: what is there is never lost, and what is broken is mended."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING

import pytest

from explore_async import ExploreClient, Retry
from explore_async.errors import ConfigurationError, StorageError, TransportError
from explore_async.harvest import Mirrored, harvest, mirror
from explore_async.harvest.folders import FolderLock
from explore_async.harvest.mirror_folder import MirrorFolder
from explore_async.testing import Portal
from tests.explore_async.harvest.mirroring.mirrors import (
    CrashError,
    assert_mirrored,
    change,
    outcomes,
)
from tests.explore_async.harvest.trees import FIELDS, trees

if TYPE_CHECKING:
    from pathlib import Path

    from explore_async.harvest import Harvest, Mirror


@pytest.mark.parametrize("kind", ["folder", "harvest", "file", "link", "broken link"])
async def test_what_no_mirror_made_is_not_replaced(
    client: ExploreClient, portal: Portal, tmp_path: Path, kind: str
) -> None:
    """A plan says so, and the other datasets are mirrored."""
    home, other = tmp_path / "portal" / "ash", tmp_path / "other"
    await mirror(client, tmp_path / "portal", exclude=["ash"])
    if kind == "harvest":
        await harvest(client, "ash", tmp_path / "portal", where="number = 3")
    elif kind == "folder":
        home.mkdir()
        (home / "thesis.txt").write_text("mine")
    elif kind == "file":
        home.write_text("mine")
    elif kind == "link":
        await mirror(client, other, include=["ash"])
        home.symlink_to(other / "ash")
    else:
        home.symlink_to(other)
    before = home.lstat(), [path.name for path in home.glob("*")]
    change(portal, "ash", trees(30))
    change(portal, "fir", trees(30))
    planned = await mirror(client, tmp_path / "portal").plan()
    assert [one.dataset_id for one in planned if one.outcome == "failed"] == ["ash"]
    for _ in range(2):
        [failed] = (await mirror(client, tmp_path / "portal")).of("failed")
        assert isinstance(failed.error, ConfigurationError)
        assert "was not made by a mirror" in failed.error.message
    assert before == (home.lstat(), [path.name for path in home.glob("*")])
    assert_mirrored(tmp_path / "portal", "fir", trees(30))


async def test_an_empty_folder_is_filled(client: ExploreClient, tmp_path: Path) -> None:
    """Nothing is lost."""
    (tmp_path / "ash").mkdir()
    await mirror(client, tmp_path, include=["ash"])
    assert_mirrored(tmp_path, "ash", trees(20))


async def test_files_that_are_missing_or_cut_off_are_fetched_again(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """Whether the portal changed or not, and also by a run that was interrupted before."""
    await mirror(client, tmp_path)
    interrupted = harvest(client, "ash", tmp_path / ".mirror" / "new", since=tmp_path / "ash")
    async with aclosing(interrupted.events()) as events:
        await anext(events)
    [ash] = (tmp_path / "ash").glob("part-*")
    ash.unlink()
    [fir] = (tmp_path / "fir").glob("part-*")
    fir.write_bytes(fir.read_bytes()[:-1])
    change(portal, "fir", trees(30))
    report = await mirror(client, tmp_path)
    assert [one.dataset_id for one in report.of("changed")] == ["ash", "fir"]
    for one in report.of("changed"):
        assert one.changes == ("files are missing, or have other sizes than the manifest says",)
    assert_mirrored(tmp_path, "ash", trees(20))
    assert_mirrored(tmp_path, "fir", trees(30))


@pytest.mark.parametrize("steps", [0, 1, 2])
async def test_a_replacement_that_was_interrupted_is_ended(
    client: ExploreClient, portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    steps: int,
) -> None:  # fmt: skip
    """After each of its steps, nothing is lost."""
    await mirror(client, tmp_path, include=["ash"])
    change(portal, "ash", trees(30))

    def stop(self: MirrorFolder, dataset_id: str) -> None:
        renames = [
            (self.home(dataset_id), tmp_path / ".mirror" / "old" / dataset_id),
            (self.staged(dataset_id), self.home(dataset_id)),
        ]
        for source, target in renames[:steps]:
            source.rename(target)
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(MirrorFolder, "publish", stop)
        with pytest.raises(CrashError):
            await mirror(client, tmp_path, include=["ash"])
    report = await mirror(client, tmp_path, include=["ash"])
    assert outcomes(report) == {"ash": "unchanged" if steps else "changed"}
    assert_mirrored(tmp_path, "ash", trees(30))


async def test_without_a_new_folder_the_old_one_comes_back(
    client: ExploreClient, tmp_path: Path
) -> None:
    """As if someone had removed the new one by hand."""
    await mirror(client, tmp_path)
    (tmp_path / "ash").rename(tmp_path / ".mirror" / "old" / "ash")
    await mirror(client, tmp_path)
    assert_mirrored(tmp_path, "ash", trees(20))


async def test_of_a_dataset_that_is_closed_before_it_is_there_no_rows_appear(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """Although some of them were fetched by a run that was interrupted."""
    await mirror(client, tmp_path, exclude=["ash"])
    async with aclosing(harvest(client, "ash", tmp_path / ".mirror" / "new").events()) as events:
        await anext(events)
    change(portal, "ash", trees(20), data_visible=False)
    assert outcomes(await mirror(client, tmp_path))["ash"] == "closed"
    assert [path.name for path in (tmp_path / "ash").iterdir()] == ["dataset.json"]


async def test_the_mirror_of_another_portal_is_refused(
    client: ExploreClient, tmp_path: Path
) -> None:
    """Its datasets would be mixed with those of this one, also if its first run was interrupted."""
    await mirror(client, tmp_path / "whole")
    async with aclosing(mirror(client, tmp_path / "begun").events()) as events:
        async for event in events:
            if isinstance(event, Mirrored):
                break
    async with ExploreClient("http://127.0.0.1:1", retry=Retry.never()) as mistaken:
        with pytest.raises(TransportError):
            await mirror(mistaken, tmp_path / "wrong")
    async with Portal({"oak": trees(1)}, fields={"oak": FIELDS}) as other:
        async with other.client() as moved:
            for folder in (tmp_path / "whole", tmp_path / "begun"):
                for work in (mirror(moved, folder), mirror(moved, folder).plan()):
                    with pytest.raises(ConfigurationError, match="is a mirror of"):
                        await work
            assert outcomes(await mirror(moved, tmp_path / "wrong")) == {"oak": "new"}


async def test_a_broken_report_is_one_error(client: ExploreClient, tmp_path: Path) -> None:
    """It says what to do."""
    (tmp_path / "mirror.json").write_text("[")
    with pytest.raises(StorageError, match="holds no JSON object"):
        await mirror(client, tmp_path)
    for text in ('{"mirror": 9}', '{"mirror": 1}', f'{{"mirror": 1, "url": "{client.base_url}"}}'):
        (tmp_path / "mirror.json").write_text(text)
        with pytest.raises(StorageError, match="not of this version"):
            await mirror(client, tmp_path)
    (tmp_path / "mirror.json").unlink()
    (tmp_path / "mirror.json").mkdir()
    with pytest.raises(StorageError, match="Cannot read"):
        await mirror(client, tmp_path)


async def test_what_is_cancelled_while_it_locks_its_folder_leaves_it_free(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mirror and a harvest: a slow disk gives them the lock when they are gone."""
    lock = FolderLock.__enter__
    begun, go_on, locked = (threading.Event() for _ in range(3))

    def slow(self: FolderLock) -> FolderLock:
        begun.set()
        go_on.wait(10)
        lock(self)
        locked.set()
        return self

    async def cancelled(work: Mirror | Harvest) -> None:
        for event in (begun, go_on, locked):
            event.clear()
        task = asyncio.ensure_future(_awaited(work))
        await asyncio.to_thread(begun.wait, 10)
        task.cancel()
        await asyncio.sleep(0)
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.to_thread(locked.wait, 10)

    for make in (
        partial(mirror, client, tmp_path / "mirror"),
        partial(harvest, client, "ash", tmp_path / "harvest"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(FolderLock, "__enter__", slow)
            await cancelled(make())
        await make()


async def _awaited(work: Mirror | Harvest) -> object:
    return await work
