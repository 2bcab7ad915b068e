"""Harvests into stores: nothing is lost when they fail, and two harvests exclude each other."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar

import orjson
import pytest

from explore_async.errors import (
    ConfigurationError,
    IncompleteHarvestError,
    MissingExtraError,
    StorageError,
)
from explore_async.harvest import Committed, Finished, Manifest, Planned, Resumed, harvest
from explore_async.harvest.folders import LocalFolder
from explore_async.harvest.remote import RemoteFolder, folder_at
from tests.explore_async.harvest.trees import multiset, set_rows, trees

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from explore_async import ExploreClient
    from explore_async.testing import Portal

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed")
from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402

WAY: dict[str, Any] = {"strategy": "exports", "partition_rows": 150}


class Frail(MemoryFileSystem):  # type: ignore[misc] # it has no types
    """A store that fails at one of its operations, in the middle of it."""

    protocol = "frail"
    store: ClassVar[dict[str, Any]] = {}
    pseudo_dirs: ClassVar[list[str]] = [""]
    left: ClassVar[int | None] = None
    answers: ClassVar[bool] = False
    repeats: ClassVar[bool] = False
    loses: ClassVar[int] = 0

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(MemoryFileSystem._strip_protocol(path.replace("frail://", "memory://")))

    @classmethod
    def fails(cls) -> bool:
        """Count an operation."""
        if cls.left is not None:
            cls.left -= 1
        return cls.left == -1

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **options: Any) -> None:
        """Write a whole object, or half of it."""
        fails = self.fails()
        super().pipe_file(
            path, value[: len(value) // 2] if fails and not self.answers else value, mode, **options
        )
        if fails:
            raise ConnectionResetError
        if self.repeats:
            super().pipe_file(path, value, mode, **options)

    def put_file(self, lpath: str, rpath: str, *more: Any, **options: Any) -> None:
        """Upload a file, or half of it."""
        if not self.fails():
            super().put_file(lpath, rpath, *more, **options)
            if self.loses:
                super().pipe_file(rpath, self.cat_file(rpath)[: -self.loses])
            return
        super().pipe_file(rpath, b'{"half')
        raise ConnectionResetError

    def rm_file(self, path: str) -> None:
        """Remove a file, or fail."""
        if self.fails():
            raise ConnectionResetError
        super().rm_file(path)


fsspec.register_implementation("frail", Frail)


@pytest.fixture
def store() -> Iterator[type[Frail]]:
    """A store that works until it is told not to."""
    yield Frail
    Frail.store.clear()
    Frail.pseudo_dirs[:] = [""]
    Frail.left, Frail.answers, Frail.repeats, Frail.loses = None, False, False, 0


def rows_in(store: type[Frail], manifest: Manifest) -> list[dict[str, Any]]:
    """Return the rows of the files, which are all that is there."""
    files = {
        path.rpartition("/")[2]: one.getvalue()
        for path, one in store.store.items()
        if path.startswith("/data/trees/") and "/journal/" not in path
    }
    assert files.pop("manifest.json") == manifest.to_json()
    assert {name: len(content) for name, content in files.items()} == {
        file.path: file.bytes for file in manifest.files
    }
    return [orjson.loads(line) for one in files.values() for line in one.splitlines()]


@pytest.mark.parametrize("file_format", ["jsonl", "parquet"])
async def test_a_store_has_all_files_and_the_manifest(
    client: ExploreClient, store: type[Frail], file_format: str
) -> None:
    """And nothing else but the journal."""
    manifest = await harvest(client, "trees", "frail://data", file_format=file_format, **WAY)
    assert len(manifest.files) > 3
    assert manifest.rows == 1_000
    if file_format == "jsonl":
        assert multiset(rows_in(store, manifest)) == multiset(trees(1_000))
    assert (
        await harvest(client, "trees", "frail://data", file_format=file_format, resume=True, **WAY)
        == manifest
    )


@pytest.mark.parametrize("answers", [False, True], ids=["half-done", "done"])
async def test_a_store_that_fails_at_any_moment_loses_nothing(
    client: ExploreClient, store: type[Frail], answers: bool
) -> None:
    """Whether it has done half of what it was asked, or all of it without an answer."""
    store.answers = answers
    moment, ended = 0, False
    while not ended:
        store.store.clear()
        store.left = moment
        try:
            await harvest(client, "trees", "frail://data", **WAY)
            ended = True
        except StorageError as error:
            assert "--resume" in str(error)  # noqa: PT017 - it may also succeed
        store.left = None
        manifest = await harvest(client, "trees", "frail://data", resume=True, **WAY)
        assert multiset(rows_in(store, manifest)) == multiset(trees(1_000)), moment
        moment += 1
    assert moment > 15


async def test_a_store_may_be_asked_twice(client: ExploreClient, store: type[Frail]) -> None:
    """Its library repeats requests whose answers were lost; the object that it finds is its own."""
    store.repeats = True
    manifest = await harvest(client, "trees", "frail://data", **WAY)
    assert multiset(rows_in(store, manifest)) == multiset(trees(1_000))


async def test_a_file_that_was_not_stored_whole_does_not_count(
    client: ExploreClient, store: type[Frail]
) -> None:
    """Even if the store does not say so."""
    store.loses = 1
    with pytest.raises(StorageError, match=r"of [\d,]+ bytes were stored"):
        await harvest(client, "trees", "frail://data", **WAY)
    store.loses = 0
    manifest = await harvest(client, "trees", "frail://data", resume=True, **WAY)
    assert multiset(rows_in(store, manifest)) == multiset(trees(1_000))


async def test_what_is_finished_is_not_fetched_again(
    client: ExploreClient, store: type[Frail]
) -> None:
    """The journal in the store says what is."""
    running = harvest(client, "trees", "frail://data", **WAY)
    with pytest.raises(IncompleteHarvestError):
        async for event in running:
            if isinstance(event, Committed):
                running.drain()
    kept = {path for path in store.store if "/part-" in path}
    resumed, *others = [
        one async for one in harvest(client, "trees", "frail://data", resume=True, **WAY)
    ]
    assert isinstance(resumed, Resumed)
    assert resumed.finished == len(kept) > 0
    assert isinstance(others[-1], Finished)
    assert kept < set(store.store)


async def test_a_harvest_that_was_taken_over_ends_at_its_next_step(
    client: ExploreClient, store: type[Frail]
) -> None:
    """The other one is not disturbed, and its rows are right."""
    async with aclosing(aiter(harvest(client, "trees", "frail://data", **WAY))) as first:  # type: ignore[type-var]
        assert isinstance(await anext(first), Planned)
        async with aclosing(  # type: ignore[type-var]
            aiter(harvest(client, "trees", "frail://data", resume=True, **WAY))
        ) as second:
            assert isinstance(await anext(second), Resumed)
            with pytest.raises(ConfigurationError, match="Another harvest is writing"):
                async for _ in first:
                    pass
            *_, finished = [event async for event in second]
    assert isinstance(finished, Finished)
    assert multiset(rows_in(store, finished.manifest)) == multiset(trees(1_000))


async def test_a_harvest_that_was_taken_over_does_not_change_a_complete_one(
    client: ExploreClient, store: type[Frail]
) -> None:
    """However long it slept."""
    async with aclosing(aiter(harvest(client, "trees", "frail://data", **WAY))) as first:  # type: ignore[type-var]
        await anext(first)
        manifest = await harvest(client, "trees", "frail://data", resume=True, **WAY)
        with pytest.raises(ConfigurationError, match="Another harvest is writing"):
            async for _ in first:
                pass
    assert multiset(rows_in(store, manifest)) == multiset(trees(1_000))
    assert await harvest(client, "trees", "frail://data", resume=True, **WAY) == manifest


async def test_one_of_two_harvests_that_begin_at_once_is_refused(
    client: ExploreClient, store: type[Frail]
) -> None:
    """Only one of them can create the first object of the journal."""
    both = await asyncio.gather(
        *(harvest(client, "trees", "frail://data", **WAY) for _ in range(2)),
        return_exceptions=True,
    )
    [manifest] = [one for one in both if isinstance(one, Manifest)]
    [refused] = [one for one in both if isinstance(one, ConfigurationError)]
    assert "harvest" in str(refused)
    assert multiset(rows_in(store, manifest)) == multiset(trees(1_000))


async def test_without_resume_nothing_is_taken_over(
    client: ExploreClient, store: type[Frail]
) -> None:
    """The running harvest goes on."""
    async with aclosing(aiter(harvest(client, "trees", "frail://data", **WAY))) as running:  # type: ignore[type-var]
        await anext(running)
        with pytest.raises(ConfigurationError, match="holds an unfinished harvest"):
            await harvest(client, "trees", "frail://data", **WAY)
        with pytest.raises(ConfigurationError, match="another format"):
            await harvest(client, "trees", "frail://data", file_format="csv", resume=True, **WAY)
        *_, finished = [event async for event in running]
    assert isinstance(finished, Finished)


async def test_a_changed_dataset_is_planned_again(
    portal: Portal, client: ExploreClient, store: type[Frail]
) -> None:
    """The new plan is a later object of the same journal."""
    changed = False
    async for event in harvest(client, "trees", "frail://data", drift="retry-partition", **WAY):
        if isinstance(event, Committed) and not changed:
            changed = True
            set_rows(portal, trees(900), processed="2026-01-02T00:00:00+00:00")
    assert isinstance(event, Finished)
    assert multiset(rows_in(store, event.manifest)) == multiset(trees(900))


async def test_a_database_is_refused(client: ExploreClient, store: type[Frail]) -> None:
    """It is one file that DuckDB writes to a disk."""
    with pytest.raises(ConfigurationError, match="--format parquet"):
        await harvest(client, "trees", "frail://data", file_format="duckdb")


def test_a_path_and_a_url_of_a_file_are_folders_of_the_disk(tmp_path: Path) -> None:
    """With all that is promised for these."""
    for place in (tmp_path, str(tmp_path), tmp_path.as_uri()):
        folder = folder_at(place, "trees")
        assert isinstance(folder, LocalFolder)
        assert folder.path == tmp_path / "trees"
    assert isinstance(folder_at("memory://data", "trees"), RemoteFolder)


def test_a_url_that_no_store_has_is_refused() -> None:
    """Before anything is sent."""
    with pytest.raises(ConfigurationError, match="absent://data"):
        folder_at("absent://data", "trees")


def test_without_fsspec_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folders of the disk do not need it."""
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"explore-async\[remote\]"):
        folder_at("memory://data", "trees")
