"""`mirror`: the datasets of a portal in folders, which later runs bring up to date.

    async with ExploreClient("data.example.org") as client:
        report = await mirror(client, "portal")

The pages of the catalog say of each dataset what its rows were processed from: `data_processed`,
the schema and the number of rows. A dataset whose manifest says the same is not requested. Any
other is harvested beside its place, since the harvest that is there, and then put in its place.

A dataset that fails does not stop the others, and keeps what it had. A full disk and a quota that
is used up stop all, because they would stop each. Whatever ends a run, the next one goes on.

What is not promised: the datasets are of different moments, and a portal that changes its catalog
between two pages may show a dataset twice, which is an error, or not at all. An attachment is
downloaded again when its entry in the catalog changes, because nothing says whether its content
did. Datasets that the catalog does not list any more are kept, and reported as gone.
"""

from __future__ import annotations

import errno
import math
from contextlib import ExitStack, aclosing
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from attrs import evolve, frozen

from explore_async.errors import (
    ConfigurationError,
    ExploreError,
    IncompleteHarvestError,
    IntegrityError,
    QuotaExceeded,
    StorageError,
)
from explore_async.fanout.merging import End, Item, merged, refuse_none_at_once
from explore_async.harvest.harvesting import harvest
from explore_async.harvest.mirror_events import Listed, Mirrored, MirrorFinished, MirrorReport
from explore_async.harvest.mirror_folder import ATTACHMENTS, MirrorFolder
from explore_async.harvest.options import Options
from explore_async.harvest.plan import filters_of, state_of
from explore_async.harvest.since import asked_for, asked_of
from explore_async.harvest.sinks import make_sink
from explore_async.http.policy import Retry
from explore_async.models import Attachment, DatasetInfo, safe_name
from explore_async.results.files import OwnThread
from odsql import Query

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence

    from explore_async.client import ExploreClient
    from explore_async.harvest.harvesting import Harvest
    from explore_async.harvest.manifest import Manifest
    from explore_async.harvest.mirror_events import Change, MirrorEvent
    from explore_async.harvest.options import Drift
    from explore_async.harvest.sinks import Compression, Misfits

__all__ = ["Mirror", "mirror"]

AT_ONCE = 12
"""More than a client's requests in flight, because some datasets are being written meanwhile."""
_BROKEN = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO)
"""The errors of a disk that would stop each dataset."""
_BROKEN_FILES = "files are missing, or have other sizes than the manifest says"


@frozen(kw_only=True)
class _Choice:
    """Which datasets, and how their rows are written."""

    query: Query
    include: tuple[str, ...]
    exclude: tuple[str, ...]
    options: Options

    def has(self, dataset_id: str) -> bool:
        """Return whether the globs choose a dataset."""
        included = not self.include or any(fnmatchcase(dataset_id, one) for one in self.include)
        return included and not any(fnmatchcase(dataset_id, one) for one in self.exclude)

    def filters(self) -> dict[str, Any]:
        """Return what chooses the datasets."""
        return {
            "query": [list(pair) for pair in self.query.params()],
            "include": list(self.include),
            "exclude": list(self.exclude),
        }


@frozen(kw_only=True)
class _Entry:
    """A dataset of the catalog, its object as JSON, and another one that has its folder."""

    info: DatasetInfo
    content: bytes
    twin: str | None = None

    @property
    def dataset_id(self) -> str:
        return self.info.dataset_id

    @property
    def is_closed(self) -> bool:
        """Whether the portal shows no rows."""
        return not (self.info.data_visible and self.info.has_records)

    @property
    def count(self) -> int | None:
        """The number of rows that the catalog says; None if it does not."""
        default = self.info.metas.get("default")
        count = default.get("records_count") if isinstance(default, dict) else None
        return count if isinstance(count, int) else None

    def matches(self, manifest: Manifest | None) -> bool:
        """Return whether a harvest has the rows that the catalog says."""
        if manifest is None or manifest.changes:
            return False
        total = manifest.state.total if self.count is None else self.count
        state = state_of(self.info, total)
        return state.data_processed is not None and state == manifest.state


class Mirror:
    """A mirror to await for its report, or to iterate over for its events.

    Nothing is sent until then. Each use goes on from where the last one ended.
    """

    def __init__(
        self, client: ExploreClient, folder: MirrorFolder, choice: _Choice, at_once: int
    ) -> None:
        self._client = client
        self._folder = folder
        self._choice = choice
        self._at_once = at_once
        self._draining = False
        self._running: set[Harvest] = set()

    def __repr__(self) -> str:
        return f"Mirror({self._client.base_url!r}, {str(self._folder.path)!r})"

    def __await__(self) -> Generator[object, None, MirrorReport]:
        return self._report().__await__()

    def __aiter__(self) -> AsyncIterator[MirrorEvent]:
        return self.events()

    def drain(self) -> None:
        """End after the partitions in flight; no other dataset begins."""
        self._draining = True
        for one in self._running:
            one.drain()

    async def plan(self) -> tuple[Mirrored, ...]:
        """Return what would be done with each dataset; only the catalog is read.

        Raises:
            ConfigurationError: the folder is a mirror of another portal.
            ExploreError: the catalog cannot be read.
        """
        thread = OwnThread("mirror")
        try:
            await thread.run(partial(self._folder.refuse_another, self._client.base_url))
            return tuple([await self._expected(one, thread) for one in await self._entries()])
        finally:
            thread.let_go()

    async def events(self) -> AsyncGenerator[MirrorEvent, None]:
        """Yield the events; close them with `contextlib.aclosing` to leave a loop early."""
        self._draining = False
        thread = OwnThread("mirror")
        owned = ExitStack()
        try:
            # If this is cancelled, the lock may be taken all the same, and is released afterwards.
            await thread.run(partial(owned.enter_context, self._folder.owned()))
            options = self._choice.options
            asked = asked_for("", Query(), options, self._client.base_url)
            await thread.run(partial(self._folder.begin, asked))
            before = await thread.run(self._folder.report)
            entries = await self._entries()
            yield Listed(datasets=tuple(one.dataset_id for one in entries))
            done: dict[int, Mirrored] = {}
            streams = [partial(self._stream, one, thread) for one in entries]
            async with aclosing(merged(streams, at_once=self._at_once)) as items:
                async for item in items:
                    made = self._outcome(entries[item.index], item)
                    if made is not None:
                        done[item.index] = made
                        yield made
            report = self._reported(entries, done, before)
            contents = [one.content for one in entries]
            await thread.run(partial(self._folder.finish, contents, self._written(report)))
            yield MirrorFinished(report=report)
        finally:
            await thread.end(owned.close)

    def _reported(
        self, entries: list[_Entry], done: dict[int, Mirrored], before: dict[str, Any] | None
    ) -> MirrorReport:
        """Return the report of a run.

        Raises:
            IncompleteHarvestError: datasets are left, because it was drained.
        """
        if len(done) < len(entries):
            raise IncompleteHarvestError(
                f"The mirror was stopped after {len(done):,} of {len(entries):,} datasets. What is "
                "finished is kept: run it again to go on.",
                finished=len(done),
                planned=len(entries),
            )
        return MirrorReport(
            url=self._client.base_url,
            datasets=tuple(done[index] for index in range(len(entries))),
            gone=self._gone(before, entries),
        )

    def _outcome(self, one: _Entry, item: Item[Mirrored] | End) -> Mirrored | None:
        """Return what became of a dataset; None if that is known already, or it was stopped.

        Raises:
            QuotaExceeded, StorageError: it would stop each dataset.
        """
        if isinstance(item, Item):
            return item.value
        if item.error is not None and _stops_all(item.error):
            raise item.error
        stopped = self._draining and isinstance(item.error, IncompleteHarvestError)
        if stopped or not isinstance(item.error, ExploreError):
            return None
        return Mirrored(dataset_id=one.dataset_id, outcome="failed", error=item.error)

    async def _report(self) -> MirrorReport:
        async with aclosing(self.events()) as events:
            async for event in events:
                if isinstance(event, MirrorFinished):
                    return event.report
        raise AssertionError  # a run ends with its report or an error

    async def _entries(self) -> list[_Entry]:
        """Read the catalog.

        Raises:
            IntegrityError: a dataset is in it twice.
        """
        found: dict[str, _Entry] = {}
        folders: dict[str, str] = {}
        async with self._client.datasets(self._choice.query).open() as rows:
            async for row in rows:
                info = DatasetInfo.from_json(row)
                if info.dataset_id in found:
                    raise IntegrityError(
                        f"The catalog lists {info.dataset_id} twice, so it changed while it was "
                        "read, and others may be missing. Run it again."
                    )
                # Many disks do not tell letters of both cases apart.
                twin = folders.setdefault(safe_name(info.dataset_id).casefold(), info.dataset_id)
                found[info.dataset_id] = _Entry(
                    info=info,
                    content=orjson.dumps(row),
                    twin=None if twin == info.dataset_id else twin,
                )
        return [one for name, one in found.items() if self._choice.has(name)]

    def _gone(self, before: dict[str, Any] | None, entries: list[_Entry]) -> tuple[str, ...]:
        """Return the datasets that the catalog does not list any more, by the same filters."""
        if before is None or before["filters"] != self._choice.filters():
            return ()
        listed = {one.dataset_id for one in entries}
        known = [*(one["dataset_id"] for one in before["datasets"]), *before["gone"]]
        return tuple(name for name in known if name not in listed)

    def _written(self, report: MirrorReport) -> dict[str, Any]:
        """Return a report as an object for JSON."""
        datasets = [
            {
                "dataset_id": one.dataset_id,
                "folder": safe_name(one.dataset_id),
                "outcome": one.outcome,
                "rows": one.rows,
                "bytes": one.bytes,
                "changes": list(one.changes),
                "error": None if one.error is None else one.error.message,
            }
            for one in report.datasets
        ]
        return {
            "url": report.url,
            "filters": self._choice.filters(),
            "datasets": datasets,
            "gone": list(report.gone),
        }

    # ------------------------------------------------------------ one dataset

    async def _stream(self, one: _Entry, thread: OwnThread) -> AsyncGenerator[Mirrored, None]:
        if not self._draining:
            yield await self._mirrored(one, thread)

    async def _expected(self, one: _Entry, thread: OwnThread) -> Mirrored:
        """Return what is to be done with a dataset, or why that fails."""
        try:
            return await self._planned(one, thread)
        except ExploreError as error:
            return Mirrored(dataset_id=one.dataset_id, outcome="failed", error=error)

    async def _planned(self, one: _Entry, thread: OwnThread) -> Mirrored:
        """Return what is to be done with a dataset."""
        if one.twin is not None:
            raise ConfigurationError(
                f"The folder of {one.dataset_id} would be that of {one.twin}. Leave one of them "
                "out with --exclude, and harvest it by itself."
            )
        home = self._folder.home(one.dataset_id)
        await thread.run(partial(self._folder.refuse_strange, home))
        manifest = await thread.run(partial(self._folder.manifest, home))
        if one.is_closed:
            return _mirrored(one, "closed", manifest)
        if manifest is None:
            return Mirrored(dataset_id=one.dataset_id, outcome="new", rows=one.count)
        changed = Mirrored(dataset_id=one.dataset_id, outcome="changed", rows=one.count)
        if not await thread.run(partial(self._folder.is_whole, home, manifest)):
            return evolve(changed, changes=(_BROKEN_FILES,))
        return _mirrored(one, "unchanged", manifest) if self._is_current(one, manifest) else changed

    def _is_current(self, one: _Entry, manifest: Manifest | None) -> bool:
        options = self._choice.options
        asked = asked_for(one.dataset_id, Query(), options, self._client.base_url)
        return manifest is not None and asked_of(manifest) == asked and one.matches(manifest)

    async def _mirrored(self, one: _Entry, thread: OwnThread) -> Mirrored:
        """Bring a dataset up to date.

        Raises:
            ExploreError: it failed; if only an attachment did, the rows are in their place.
        """
        folder, home = self._folder, self._folder.home(one.dataset_id)
        planned = await self._planned(one, thread)
        if planned.outcome in ("closed", "unchanged"):
            _raise(await self._redescribe(one, home, thread))
            return planned
        staged = folder.staged(one.dataset_id)
        made = await thread.run(partial(folder.manifest, staged))
        # Of files that are broken, none is kept, also not by a harvest that began before.
        broken = bool(planned.changes)
        if broken or (made is not None and not self._is_current(one, made)):
            await thread.run(partial(folder.forget, one.dataset_id))
        since = home if planned.outcome == "changed" and not broken else None
        manifest = await self._harvested(one, since, thread)
        failure = await self._describe(one, staged, thread)
        await thread.run(partial(folder.publish, one.dataset_id))
        _raise(failure)
        # The catalog may count other rows than the dataset has.
        same = manifest.since is not None and manifest.since.outcome == "unchanged"
        done = _mirrored(one, "unchanged" if same else planned.outcome, manifest)
        return evolve(done, changes=planned.changes or done.changes)

    async def _harvested(self, one: _Entry, since: Path | None, thread: OwnThread) -> Manifest:
        if self._draining:  # since this dataset began
            raise IncompleteHarvestError(
                f"The harvest of {one.dataset_id} was not begun.", finished=0, planned=0
            )
        options = self._choice.options
        work = harvest(
            self._client,
            one.dataset_id,
            self._folder.new,
            file_format=options.file_format,
            compression=options.compression,
            misfits=options.misfits,
            drift=options.drift,
            since=since,
            resume=True,
        )
        self._running.add(work)
        try:
            return await work
        except IntegrityError:
            # What was fetched is of several moments, so the next run would fail again.
            await thread.run(partial(self._folder.forget, one.dataset_id))
            raise
        finally:
            self._running.discard(work)

    async def _redescribe(self, one: _Entry, home: Path, thread: OwnThread) -> ExploreError | None:
        """Write the description of a dataset whose rows stay as they are."""
        if await thread.run(home.exists):
            return await self._describe(one, home, thread)
        # A new folder appears with all of it, so that the next run knows it as one of the mirror.
        await thread.run(partial(self._folder.forget, one.dataset_id))
        failure = await self._describe(one, self._folder.staged(one.dataset_id), thread)
        await thread.run(partial(self._folder.publish, one.dataset_id))
        return failure

    async def _describe(self, one: _Entry, folder: Path, thread: OwnThread) -> ExploreError | None:
        """Write the dataset object and the attachments; return why one of these failed."""
        known = await thread.run(partial(self._folder.entry, one.dataset_id))
        files = dict(_attachments(one.info))
        if files:
            await thread.run(partial((folder / ATTACHMENTS).mkdir, parents=True, exist_ok=True))
        there: list[str] = []
        failure = None
        for name, entry in files.items():
            is_known = entry in (known.get("attachments") or ())
            try:
                await self._attach(one, name, entry, folder, thread, is_known=is_known)
            except ExploreError as error:
                if _stops_all(error):
                    raise
                failure = failure or error
                continue
            there.append(name)
        await thread.run(partial(self._folder.describe, folder, one.content, there))
        return failure

    async def _attach(
        self,
        one: _Entry,
        name: str,
        entry: dict[str, Any],
        folder: Path,
        thread: OwnThread,
        *,
        is_known: bool,
    ) -> None:
        """Put an attachment into a folder; one that is known is taken from the last run."""
        new = folder / ATTACHMENTS / name
        old = self._folder.home(one.dataset_id) / ATTACHMENTS / name
        if is_known and await thread.run(partial(self._folder.reuse, old, new)):
            return
        dataset = self._client.dataset(one.dataset_id)
        await dataset.download(Attachment.from_json(entry), new)


def _raise(failure: ExploreError | None) -> None:
    if failure is not None:
        raise failure


def _stops_all(error: BaseException) -> bool:
    """Return whether an error would stop each dataset."""
    if isinstance(error, StorageError) and isinstance(error.__cause__, OSError):
        return error.__cause__.errno in _BROKEN
    return isinstance(error, QuotaExceeded)


def _attachments(info: DatasetInfo) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the attachments with the names of their files, no two alike on any disk."""
    names: set[str] = set()
    found: Any = info.extra.get("attachments")
    for entry in found if isinstance(found, list) else ():
        one = Attachment.from_json(entry)
        name = one.file_name
        while name.casefold() in names:
            name = f"{safe_name(one.attachment_id)}-{name}"
        names.add(name.casefold())
        yield name, entry


def _mirrored(one: _Entry, outcome: Change, manifest: Manifest | None) -> Mirrored:
    since = None if manifest is None else manifest.since
    return Mirrored(
        dataset_id=one.dataset_id,
        outcome=outcome,
        rows=None if manifest is None else manifest.rows,
        bytes=None if manifest is None else manifest.bytes,
        changes=since.changes if since is not None and outcome == "changed" else (),
    )


def mirror(
    client: ExploreClient,
    folder: str | os.PathLike[str],
    query: Query | None = None,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    file_format: str = "jsonl",
    compression: Compression = None,
    misfits: Misfits = "fail",
    drift: Drift = "retry-partition",
    wait_for_quota: bool = False,
    at_once: int = AT_ONCE,
) -> Mirror:
    """Mirror the datasets of a portal into a folder, or bring a mirror up to date.

    Each dataset has a folder with the files of a harvest, `dataset.json` and its attachments;
    `catalog.jsonl` has the dataset objects of all, and `mirror.json` says what was done.

        report = await mirror(client, "portal", Query(where="theme = 'Transport'"))

    Args:
        client: the client of the portal.
        folder: the folder of the mirror, on this machine.
        query: filters for the catalog.
        include: globs of identifiers; empty for all.
        exclude: globs of identifiers to leave out.
        file_format: as for `harvest`, and so are the next ones.
        compression: of `jsonl` and `csv`.
        misfits: what to do with a value that does not fit the type of its field.
        drift: what to do if a dataset changes meanwhile.
        wait_for_quota: wait until the portal's quota is reset instead of raising `QuotaExceeded`.
        at_once: the number of datasets that are harvested at a time.

    Raises:
        ConfigurationError: an argument is out of range.
        MissingExtraError: the format needs a package that is not installed.

    Raises when awaited or iterated over:
        ConfigurationError: the folder is in use, or is a mirror of another portal.
        IncompleteHarvestError: it was drained.
        IntegrityError: the catalog changed while it was read.
        StorageError: the disk is full or broken; what is finished is kept.
        QuotaExceeded: the quota is used up; what is finished is kept.
        ExploreError: the catalog cannot be read.
    """
    refuse_none_at_once(at_once)
    if isinstance(include, str) or isinstance(exclude, str):
        raise ConfigurationError("include and exclude must be lists of globs.")
    if isinstance(folder, str) and "://" in folder:
        raise ConfigurationError(
            f"A mirror needs a folder of this machine, not {folder}. Copy it to a store "
            "afterwards, or harvest single datasets there."
        )
    asked = query or Query()
    if asked != filters_of(asked):
        raise ConfigurationError(
            "A mirror takes filters only: where, refine, exclude, lang and timezone."
        )
    options = Options(
        file_format=file_format, compression=compression, misfits=misfits, drift=drift
    )
    make_sink(file_format, name="", fields=(), columns=(), compression=compression, misfits=misfits)
    choice = _Choice(
        query=asked,
        include=tuple(include),
        exclude=tuple(exclude),
        options=options,
    )
    if wait_for_quota:
        client = client.with_options(retry=Retry(max_wait=math.inf, deadline=math.inf))
    return Mirror(client, MirrorFolder(Path(folder)), choice, at_once)
