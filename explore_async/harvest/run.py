"""A harvest in one folder: plan, fetch, verify, and go on after an interruption.

What is promised:

* When `manifest.json` exists, its files hold each row of the query exactly once: every partition
  had as many rows as the portal counted for it, together they have as many as the portal counts
  for the query, and neither the schema, this number nor `data_processed` changed from the plan to
  the end. Accepted changes are named in the manifest.
* Until then the folder has a journal and no manifest. Whatever ends the program, what the journal
  names is on the disk, and `resume` fetches the rest. The result is the same multiset of rows as
  that of a harvest without interruption.
* Two harvests never write to one folder at a time; `remote` says what this means in a store.
* Memory holds a few pages, blocks or row groups for each partition in flight, whatever the size of
  the dataset.

What is not: rows that change without a change of their number or of `data_processed` are not
detected. Rows that the portal moves between pages, such as ties without an order, may be delivered
twice or not at all in `pages`; a unique field, if the schema declares one, orders the pages and
excludes this. The order of rows across files is that of the partitions.
"""

from __future__ import annotations

from contextlib import ExitStack, aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import asdict, evolve

from explore_async.errors import (
    ConfigurationError,
    ExploreError,
    IncompleteHarvestError,
    IntegrityError,
    RequestTimeout,
    ServerError,
    TotalCountDriftError,
    TransportError,
    TruncatedError,
    WindowExceeded,
)
from explore_async.fanout.scheduler import Scheduler
from explore_async.harvest.events import (
    Changed,
    Committed,
    Finished,
    HarvestEvent,
    Planned,
    Resumed,
    Retried,
    Split,
)
from explore_async.harvest.folders import LocalFolder, storing
from explore_async.harvest.journal import Journal
from explore_async.harvest.manifest import (
    MANIFEST,
    Cursor,
    HarvestedFile,
    Manifest,
    Since,
    State,
)
from explore_async.harvest.partitions import Partition
from explore_async.harvest.plan import PAGE_ROWS, count_rows, is_whole, observe, split_up
from explore_async.harvest.remote import folder_at
from explore_async.harvest.since import asked_for, asked_of, begin, keep_file, refuse_itself
from explore_async.harvest.sinks.values import Written
from explore_async.harvest.units import DRIFT_ADVICE, Fetched, Unit, part_name
from explore_async.models import safe_name
from explore_async.results.files import OwnThread
from odsql import F

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from explore_async.dataset import Dataset
    from explore_async.harvest.folders import Folder
    from explore_async.harvest.manifest import Strategy
    from explore_async.harvest.options import Drift, Options
    from explore_async.harvest.sinks import Sink
    from explore_async.harvest.units import Fetcher
    from explore_async.models import DatasetField
    from odsql import Query

__all__ = ["run"]

_ATTEMPTS = 3
_ROUNDS = 3
_PIECES = 8
_FEWEST = 1_000
"""An export with fewer rows is not split because it breaks off."""
_IN_FLIGHT: dict[Strategy, int] = {"export": 1, "exports": 4, "pages": 3}
"""Partitions at a time; the client limits the requests."""


async def run(
    dataset: Dataset,
    folder: str | Path,
    query: Query,
    options: Options,
    *,
    url: str,
    draining: Callable[[], bool],
) -> AsyncGenerator[HarvestEvent, None]:
    """Harvest a dataset into a folder of its own below `folder`; yield what happens.

    Args:
        dataset: the dataset.
        folder: the folder of all datasets, or its URL in a store.
        query: the rows.
        options: the options.
        url: the base URL of the portal.
        draining: tells whether to end after the partitions in flight.
    """
    home = folder_at(folder, safe_name(dataset.dataset_id))
    if options.file_format == "duckdb" and not isinstance(home, LocalFolder):
        raise ConfigurationError(
            f"A DuckDB database cannot be written to {home}. Choose --format parquet, which DuckDB "
            "reads there, or a folder of this machine."
        )
    thread = OwnThread("journal")
    refuse_itself(home, options.since)
    owned = ExitStack()
    try:
        # If this is cancelled, the folder may be entered all the same, and is left afterwards.
        await thread.run(partial(owned.enter_context, home.owned()))
        asked = asked_for(dataset.dataset_id, query, options, url)
        if (manifest := await thread.run(partial(Manifest.read, home))) is not None:
            _refuse_unless_resumed(manifest, home, asked, resume=options.resume)
            await thread.run(partial(_tidy_finished, home, manifest))
            yield Finished(manifest=manifest)
            return
        async with options.engine.opened(dataset, home) as fetcher:
            one = _Run(dataset, home, query, options, asked, draining, thread, fetcher)
            async with aclosing(one.events()) as events:
                async for event in events:
                    yield event
    finally:
        # After what is being written to the journal.
        await thread.end(partial(_leave, home, owned))


def _leave(home: Folder, owned: ExitStack) -> None:
    home.log.close()
    owned.close()


def _tidy_finished(home: Folder, manifest: Manifest) -> None:
    home.log.remove()
    _tidy(home, {file.path for file in manifest.files})


def _refuse_unless_resumed(
    manifest: Manifest, home: Folder, asked: dict[str, Any], *, resume: bool
) -> None:
    if not resume:
        raise ConfigurationError(
            f"{home} holds a complete harvest of {manifest.rows:,} rows. Choose another folder, or "
            "move it away."
        )
    _refuse_another(home, asked_of(manifest), asked)


def _tidy(home: Folder, known: set[str]) -> None:
    """Remove what an interruption left: hidden files, and files of unknown partitions."""
    for name in home.sizes():
        left = name.startswith("part-") and name not in known
        if left or (name.startswith(".") and name.endswith(".part")):
            home.remove(name)


def _refuse_another(home: Folder, before: dict[str, Any], asked: dict[str, Any]) -> None:
    for name, value in before.items():
        if name in asked and asked[name] != value:
            raise ConfigurationError(
                f"{home} holds a harvest with another {name}: {value!r}, not {asked[name]!r}. "
                "Choose another folder, or repeat the options of that harvest."
            )


class _Run:
    """One harvest in a locked folder."""

    def __init__(
        self,
        dataset: Dataset,
        home: Folder,
        query: Query,
        options: Options,
        asked: dict[str, Any],
        draining: Callable[[], bool],
        thread: OwnThread,
        fetcher: Fetcher,
    ) -> None:
        self._dataset = dataset
        self._home = home
        self._query = query
        self._options = options
        self._asked = asked
        self._draining = draining
        self._thread = thread
        self._fetcher = fetcher
        self._changes: list[str] = []
        self._journal: Journal
        self._state: State
        self._now: State
        self._sink: Sink
        self._job: Unit
        self._strategy: Strategy
        self._kept: dict[int, HarvestedFile] = {}
        self._since: Since | None = None
        self._cursor: Cursor | None = None
        self._unique: str | None = None

    async def events(self) -> AsyncGenerator[HarvestEvent, None]:
        """Run to the end."""
        begun = await self._begun()
        yield begun
        fetches = not isinstance(begun, Planned) or bool(begun.plan.partitions)
        for left in reversed(range(_ROUNDS)):
            async with aclosing(self._round()) as events:
                async for event in events:
                    yield event
            if self._journal.pending:
                raise self._unfinished()
            # If all files are kept, the portal has just said that nothing changed.
            changes = await self._changed() if fetches else []
            if changes:
                yield await self._handled(changes, left)
            if not self._journal.pending:
                break
        yield Finished(manifest=await self._finish())

    # ------------------------------------------------------------ beginning

    async def _begun(self) -> HarvestEvent:
        journal = await self._thread.run(partial(Journal.open, self._home))
        if journal is None:
            return await self._planned()
        self._journal = journal
        if not self._options.resume:
            raise ConfigurationError(
                f"{self._home} holds an unfinished harvest. Go on with --resume, or choose another "
                "folder."
            )
        before = {name: journal.header.get(name) for name in self._asked}
        _refuse_another(self._home, before, self._asked)
        await self._thread.run(journal.own)
        info, now = await observe(self._dataset, self._query)
        self._state = State.from_json(journal.header["state"])
        changes = self._state.changes(now)
        if changes and self._refuse_or_go_on(self._state, now, changes) == "retry-partition":
            return await self._planned()
        self._changes += changes
        self._state = now
        self._take_over(journal.header)
        self._settle(info.fields, journal.header["columns"], journal.header["strategy"])
        await self._thread.run(self._tidy)
        return Resumed(
            finished=len(journal.done),
            partitions=len(journal.partitions),
            rows=journal.received,
            total=journal.expected,
        )

    async def _planned(self) -> Planned:
        beginning = await begin(self._dataset, self._query, self._options, self._asked)
        plan = beginning.plan
        self._state = self._now = plan.state
        header = {
            **self._asked,
            "strategy": plan.strategy,
            "columns": plan.columns,
            "state": asdict(plan.state),
            "cursor": beginning.cursor and asdict(beginning.cursor),
            "since": plan.since and asdict(plan.since),
            "kept": [asdict(file) for file in beginning.kept],
        }
        self._take_over(header)
        self._settle(plan.fields, plan.columns, plan.strategy)
        self._journal = await self._thread.run(
            partial(Journal.create, self._home, header, beginning.partitions)
        )
        await self._thread.run(self._tidy)
        return Planned(plan=plan)

    def _take_over(self, header: Mapping[str, Any]) -> None:
        """Note what the journal says of a previous harvest."""
        cursor, since = header.get("cursor"), header.get("since")
        self._cursor = Cursor(**cursor) if cursor else None
        self._since = Since.from_json(since) if since else None
        self._kept = {at: HarvestedFile(**one) for at, one in enumerate(header.get("kept", ()))}

    def _settle(
        self, fields: Sequence[DatasetField], columns: Sequence[str], strategy: Strategy
    ) -> None:
        self._strategy = strategy
        self._unique = next(
            (one.name for one in fields if one.annotations.get("id", False) is not False), None
        )
        self._job = Unit(
            url=self._asked["url"],
            dataset_id=self._dataset.dataset_id,
            query=(),
            paged=False,
            partition=Partition(number=0, where=None, expected=0),
            accept=self._options.drift != "fail",
            file_format=self._options.file_format,
            compression=self._options.compression,
            misfits=self._options.misfits,
            fields=tuple(fields),
            columns=tuple(columns),
        )
        self._sink = self._job.sink()

    def _tidy(self) -> None:
        """Remove what an interruption left, and note which finished files are not there."""
        _tidy(self._home, {file.path for file in self._journal.done.values()})
        sizes = self._home.sizes()
        for number, file in list(self._journal.done.items()):
            if sizes.get(file.path) != file.bytes:
                self._journal.again(number, "its file is not as it was written")

    # ------------------------------------------------------------ fetching

    async def _round(self) -> AsyncGenerator[HarvestEvent, None]:
        """Fetch what is pending, and what replaces it."""
        scheduler = Scheduler(self._options.engine.in_flight or _IN_FLIGHT[self._strategy])
        while self._journal.pending and not self._draining():
            jobs = self._jobs(self._journal.pending)
            running = scheduler.ordered(jobs, ahead=scheduler.concurrency)
            async with aclosing(running) as finished:
                async for events in finished:
                    for event in events:
                        yield event

    def _jobs(self, pending: Sequence[Partition]) -> Iterator[Any]:
        for one in pending:
            if self._draining():
                return
            yield partial(self._fetch, one)

    async def _fetch(self, partition: Partition) -> list[HarvestEvent]:
        if partition.number in self._kept:
            return [await self._thread.run(partial(self._keep, partition))]
        events: list[HarvestEvent] = []
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                fetched = await self._fetcher.fetch(self._unit(partition))
            except (WindowExceeded, TransportError, ServerError, IntegrityError) as error:
                if attempt < _ATTEMPTS and self._may_help(error):
                    events.append(Retried(partition=partition, why=error.message))
                    continue
                return [*events, await self._split(partition, error)]
            return [*events, await self._thread.run(partial(self._commit, fetched))]
        raise AssertionError  # the last attempt returns or raises an error

    def _may_help(self, error: ExploreError) -> bool:
        """Return whether fetching a partition again may succeed, and is wanted."""
        if isinstance(error, TotalCountDriftError) and self._options.drift == "fail":
            return False
        return not isinstance(error, WindowExceeded)

    def _unit(self, partition: Partition) -> Unit:
        """Return what an engine needs to fetch a partition."""
        query = self._query.where(partition.where)
        paged = self._strategy == "pages"
        if paged and self._unique is not None and query.clauses.order_by is None:
            query = query.order_by(F[self._unique])
        return evolve(self._job, query=tuple(query.params()), paged=paged, partition=partition)

    async def _split(self, partition: Partition, error: ExploreError) -> HarvestEvent:
        """Replace a partition that does not fit or breaks off; raise the error if that is no way.

        Rows that changed are no reason to split.
        """
        grown = isinstance(error, WindowExceeded)
        broken = isinstance(error, TruncatedError | RequestTimeout | ServerError)
        most = PAGE_ROWS if grown else max(_FEWEST, partition.expected // _PIECES)
        if not (grown or (broken and partition.expected > most)) or is_whole(self._query):
            raise error
        try:
            into = await split_up(self._dataset, self._query, partition, most=most)
        except ConfigurationError:
            raise error from None
        made = await self._thread.run(partial(self._journal.split, partition.number, into))
        return Split(partition=partition, into=tuple(made), why=error.message)

    def _keep(self, partition: Partition) -> Committed:
        """Take a file over from the previous harvest; runs in the thread of the journal."""
        assert self._since is not None  # noqa: S101 - files are kept of a previous harvest
        file = self._kept[partition.number]
        suffix = file.path[file.path.index(".") :]
        name = self._home.part(f"part-{partition.number:05}", suffix)
        keep_file(self._since.folder, file, self._home.place(name))
        written = Written(
            rows=file.rows, bytes=file.bytes, sha256=file.sha256, misfits=file.misfits
        )
        return self._commit(Fetched(name=name, written=written, partition=partition))

    def _commit(self, fetched: Fetched) -> Committed:
        """Note that a partition is finished; runs in the thread that writes the journal."""
        journal, partition, name = self._journal, fetched.partition, fetched.name
        if name.startswith("."):
            name = part_name(self._home, self._unit(partition))
            self._home.rename(fetched.name, name)
        else:
            self._home.keep(name)
        file = HarvestedFile(
            path=name,
            rows=fetched.written.rows,
            bytes=fetched.written.bytes,
            sha256=fetched.written.sha256,
            where=partition.where,
            misfits=fetched.written.misfits,
            tail=partition.tail,
        )
        try:
            journal.commit(partition, file)
        except ConfigurationError:  # another harvest has taken the folder over
            self._home.remove(name)
            raise
        return Committed(
            partition=partition, file=file, rows=journal.received, total=journal.expected
        )

    # ------------------------------------------------------------ changes

    async def _changed(self) -> list[str]:
        """Return what changed since the plan or the last acceptance, and keep the new state."""
        _, now = await observe(self._dataset, self._query)
        before, self._now = self._state, now
        changes = before.changes(now)
        if before.fields != now.fields:
            raise _schema_error(before, now)
        received = self._journal.received
        if not changes and received != now.total:
            changes = [f"{received:,} rows were received, but the portal counts {now.total:,}"]
        return changes

    async def _handled(self, changes: list[str], left: int) -> HarvestEvent:
        """Apply the policy to changes; `left` is how many rounds may follow."""
        before, self._state = self._state, self._now
        if self._refuse_or_go_on(before, self._now, changes) == "accept":
            self._changes += changes
            return Changed(changes=tuple(changes), again=0)
        if not left:
            raise IntegrityError(
                f"The dataset changed during each of {_ROUNDS} rounds: {'; '.join(changes)}. "
                "Try again when it changes less, or accept changes with --drift accept."
            )
        if before.data_processed == self._now.data_processed:
            stale = await self._stale()
            for number in stale:
                self._kept.pop(number, None)
                await self._thread.run(partial(self._journal.again, number, "; ".join(changes)))
            if stale or self._journal.received == self._now.total:
                self._changes += changes
                return Changed(changes=tuple(changes), again=len(stale))
        # Any row may have changed, or rows are outside all partitions.
        return await self._planned()

    async def _stale(self) -> list[int]:
        """Return the partitions whose rows the portal counts differently now."""
        found = []
        for number, file in self._journal.done.items():
            query = self._query.where(file.where)
            if await count_rows(self._dataset, query) != file.rows:
                found.append(number)
        return found

    def _refuse_or_go_on(self, before: State, now: State, changes: list[str]) -> Drift:
        if before.fields != now.fields:
            raise _schema_error(before, now)
        if self._options.drift == "fail":
            raise IntegrityError(
                f"The dataset changed while it was harvested: {'; '.join(changes)}. {DRIFT_ADVICE}",
                expected=before.total,
                received=now.total,
            )
        return self._options.drift

    # ------------------------------------------------------------ ending

    def _unfinished(self) -> IncompleteHarvestError:
        done, planned = len(self._journal.done), len(self._journal.partitions)
        return IncompleteHarvestError(
            f"The harvest of {self._dataset.dataset_id} was stopped with {done:,} of {planned:,} "
            "partitions. They are kept: go on with --resume.",
            finished=done,
            planned=planned,
        )

    async def _finish(self) -> Manifest:
        parts = [file for _, file in sorted(self._journal.done.items())]
        place = self._home.place("")
        with storing(place):
            files = await self._sink.gather(place, parts)
        manifest = Manifest(
            dataset_id=self._dataset.dataset_id,
            url=self._asked["url"],
            query=tuple((name, text) for name, text in self._asked["query"]),
            format=self._options.file_format,
            strategy=self._strategy,
            rows=sum(file.rows for file in files),
            bytes=sum(file.bytes for file in files),
            state=self._now,
            changes=tuple(self._changes),
            files=files,
            compression=self._options.compression,
            misfits_policy=self._options.misfits,
            cursor=self._cursor,
            since=self._since,
        )
        await self._thread.run(partial(self._close, manifest))
        return manifest

    def _close(self, manifest: Manifest) -> None:
        self._home.finish(MANIFEST, manifest.to_json())
        _tidy_finished(self._home, manifest)


def _schema_error(before: State, now: State) -> IntegrityError:
    [change] = [one for one in before.changes(now) if one.startswith("the schema")]
    return IntegrityError(
        f"The dataset cannot be harvested as it was planned: {change}. Harvest it into another "
        "folder."
    )
