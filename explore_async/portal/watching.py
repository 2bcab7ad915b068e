"""Files that are read again when they change, while a portal serves them.

A poll of the states of all files finds what changed, on every file system. A request that runs on
old rows finishes on them. Nothing is read in place, so that a file can be replaced at any time.
"""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.errors import MissingExtraError
from explore_async.portal.databases import Databases
from explore_async.portal.errors import StoreError
from explore_async.portal.files import add_files, load_file
from explore_async.portal.listing import checked_path, listed_files, visible_files
from explore_async.portal.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from os import PathLike
    from pathlib import Path

    from explore_async.portal.listing import ServedFile
    from explore_async.portal.store import Store

__all__ = ["WatchedFiles", "watching"]

INTERVAL = 0.5
"""The seconds between two polls."""

State = tuple[int, int, int]


@frozen
class _Known:
    """A file as it was read: what is said about it, and the states of its parts."""

    file: ServedFile
    states: tuple[State | None, ...]


class WatchedFiles:
    """The files, and the files of folders, that a store serves as they are now."""

    def __init__(self, store: Store, *paths: str | PathLike[str]) -> None:
        """Add the files as `load_files` does.

        Raises:
            StoreError: as `load_files`.
            MissingExtraError: as `load_files`.
        """
        self._store = store
        self._paths = [checked_path(one) for one in paths]
        self._databases = Databases(store, in_place=False)
        self._states = self._poll()
        files = add_files(store, self._paths, self._databases)
        self._known = {name: self._seen(one) for name, one in files.items()}

    def refresh(self) -> list[str]:
        """Add, read again and remove what changed; return a line about each."""
        self._store.sweep()
        states = self._poll()
        if states == self._states:
            return []
        self._states = states
        try:
            paths = [one for one in self._paths if one.exists()]
            files = listed_files(paths, self._databases, may_be_empty=True)
        except StoreError as error:
            return [str(error)]
        return list(self._changes(files))

    def _changes(self, files: dict[str, ServedFile]) -> Iterator[str]:
        broken = {one.path for one in files.values() if one.is_broken}
        for name, known in list(self._known.items()):
            if name not in files and known.file.path not in broken:
                del self._known[name]
                self._store.retire(name)
                if not known.file.is_broken:
                    yield f"Removed {name} ({known.file})."
        for name, one in files.items():
            now, before = self._seen(one), self._known.get(name)
            if now == before:
                continue
            self._known[name] = now
            yield self._read(one, is_new=before is None or before.file.is_broken)

    def _read(self, one: ServedFile, *, is_new: bool) -> str:
        name = one.dataset_id
        load = partial(load_file, self._store, one, self._databases)
        try:
            load()
        except (StoreError, MissingExtraError) as error:
            names = {name for name, known in self._known.items() if known.file.path == one.path}
            if any(map(self._store.is_loaded, names)):
                return f"{error} Its old rows are still served."
            self._store.retire(name)
            self._store.add_later(name, load, visibility=one.said.visibility)
            return str(error)
        return f"{'Added' if is_new else 'Reloaded'} {name} ({one})."

    def _seen(self, one: ServedFile) -> _Known:
        return _Known(one, tuple(self._states.get(part) for part in _parts(one.path)))

    def _poll(self) -> dict[Path, State | None]:
        """Return the states of all files that matter; a path that is gone has none."""
        found: dict[Path, State | None] = {}
        for path in self._paths:
            if not path.is_dir():
                found |= {one: _state(one) for one in (*_parts(path), path.parent / SETTINGS_FILE)}
                continue
            with contextlib.suppress(StoreError):  # a folder that is gone while it is listed
                for files in visible_files(path).values():
                    found |= {one: _state(one) for one in files}
        return found


def _parts(path: Path) -> tuple[Path, ...]:
    """Return the files that belong together: DuckDB has a log beside a database."""
    return path, path.with_name(f"{path.name}.wal")


def _state(path: Path) -> State | None:
    """Return what changes when a file is written or replaced; None without a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@contextlib.asynccontextmanager
async def watching(
    files: WatchedFiles,
    report: Callable[[str], object],
    *,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> AsyncIterator[None]:
    """Refresh the files while the block runs, in a thread; `report` is told each line."""
    task = asyncio.create_task(_watch(files, report, sleep))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _watch(
    files: WatchedFiles,
    report: Callable[[str], object],
    sleep: Callable[[float], Awaitable[object]],
) -> None:
    while True:
        await sleep(INTERVAL)
        refreshing = asyncio.ensure_future(asyncio.to_thread(files.refresh))
        try:
            lines = await asyncio.shield(refreshing)
        except asyncio.CancelledError:
            await asyncio.wait([refreshing])  # the thread still uses the store
            raise
        for line in lines:
            report(line)
