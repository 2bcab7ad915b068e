"""`harvest` and `plan_harvest`: the way in for programs and for the command line."""

from __future__ import annotations

import math
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from explore_async.errors import ConfigurationError
from explore_async.harvest.events import Finished
from explore_async.harvest.options import Options
from explore_async.harvest.run import run
from explore_async.harvest.since import asked_for, begin
from explore_async.harvest.units import Here
from explore_async.http.policy import Retry
from explore_async.operations import query_of
from odsql import Query

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, AsyncIterator, Generator, Sequence
    from typing import Unpack

    from explore_async.client import ExploreClient
    from explore_async.harvest.events import HarvestEvent
    from explore_async.harvest.manifest import Manifest, Strategy
    from explore_async.harvest.options import Drift
    from explore_async.harvest.plan import HarvestPlan
    from explore_async.harvest.sinks import Compression, Misfits
    from explore_async.harvest.units import Engine
    from odsql.builder.query import QueryClauses

__all__ = ["Harvest", "harvest", "plan_harvest"]


class Harvest:
    """A harvest to await for its manifest, or to iterate over for its events.

    Nothing is sent until then. Each use runs it from the beginning, or with `resume` from where the
    last one ended.
    """

    def __init__(
        self,
        client: ExploreClient,
        dataset_id: str,
        folder: str | Path,
        query: Query,
        options: Options,
    ) -> None:
        self._client = client
        self._dataset_id = dataset_id
        self._folder = folder
        self._query = query
        self._options = options
        self._draining = False

    def __repr__(self) -> str:
        return f"Harvest({self._client.base_url!r}, {self._dataset_id!r}, {str(self._folder)!r})"

    def __await__(self) -> Generator[object, None, Manifest]:
        return self._manifest().__await__()

    def __aiter__(self) -> AsyncIterator[HarvestEvent]:
        return self.events()

    def events(self) -> AsyncGenerator[HarvestEvent, None]:
        """Return the events; close them with `contextlib.aclosing` to leave a loop early."""
        self._draining = False
        return run(
            self._client.dataset(self._dataset_id),
            self._folder,
            self._query,
            self._options,
            url=self._client.base_url,
            draining=lambda: self._draining,
        )

    @property
    def dataset_id(self) -> str:
        """The dataset."""
        return self._dataset_id

    async def plan(self) -> HarvestPlan:
        """Return the plan that it would follow from the beginning.

        This takes requests, as the plan says, but fetches no rows except a sample.

        Raises:
            ConfigurationError: the plan is refused, or there is no previous harvest to begin with.
            ExploreError: a request failed, after any retries.
        """
        asked = asked_for(self._dataset_id, self._query, self._options, self._client.base_url)
        dataset = self._client.dataset(self._dataset_id)
        return (await begin(dataset, self._query, self._options, asked)).plan

    def drain(self) -> None:
        """End after the partitions in flight; others that are left are an error."""
        self._draining = True

    async def _manifest(self) -> Manifest:
        async with aclosing(self.events()) as events:
            async for event in events:
                if isinstance(event, Finished):
                    return event.manifest
        raise AssertionError  # a run ends with Finished or an error


def harvest(
    client: ExploreClient,
    dataset_id: str,
    folder: str | os.PathLike[str],
    query: Query | None = None,
    *,
    file_format: str = "jsonl",
    compression: Compression = None,
    misfits: Misfits = "fail",
    strategy: Strategy | None = None,
    partition_rows: int | None = None,
    split_by: Sequence[str] = (),
    max_requests: int | None = None,
    since: str | os.PathLike[str] | None = None,
    cursor_field: str | None = None,
    drift: Drift = "fail",
    resume: bool = False,
    wait_for_quota: bool = False,
    engine: Engine | None = None,
    **clauses: Unpack[QueryClauses],
) -> Harvest:
    """Harvest all rows of a query into a folder of the dataset's name below `folder`.

        manifest = await harvest(client, "trees", "data")
        async for event in harvest(client, "trees", "data", resume=True): ...

    Args:
        client: the client of the portal.
        dataset_id: the dataset.
        folder: the folder of all datasets, or its URL in a store that fsspec knows, such as
            `s3://bucket/data`; this needs the extra `remote`.
        query: the rows; also as keywords, such as `where=`.
        file_format: `jsonl`, `csv`, `parquet`, `geoparquet`, `arrow` or `duckdb`.
        compression: of `jsonl` and `csv`: `gzip` or `zstd`.
        misfits: what to do with a value that does not fit the type of its field, in typed formats:
            `fail`, write `null` and count it, or keep it as `text` in the column `_misfits`.
        strategy: `export`, `exports` or `pages`; None for the cheapest that is possible.
        partition_rows: the maximum number of rows of a partition; None for 1,000,000 with exports
            and 9,500 with pages.
        split_by: the fields that cut the dataset, the first one first.
        max_requests: refuse a plan that takes more requests.
        since: a previous harvest whose files are kept as far as nothing changed: its
            `manifest.json`, its folder, or the folder of all datasets.
        cursor_field: a field with one number or date whose values only grow. With it, a harvest
            since this one fetches only the rows from its largest value on.
        drift: what to do if the dataset changes meanwhile: `fail`, `retry-partition` or `accept`.
        resume: go on with an unfinished harvest in this folder; a complete one is returned.
        wait_for_quota: wait until the portal's quota is reset instead of raising `QuotaExceeded`.
        engine: where partitions are fetched, such as a `DaskEngine`; None for this process.

    Raises when awaited or iterated over:
        ConfigurationError: an argument is out of range, the folder is in use or holds another
            harvest, or the plan is refused.
        IntegrityError: rows are missing, or the dataset changed.
        IncompleteHarvestError: it was drained.
        StorageError: the disk is full or broken; what is finished is kept.
        ExploreError: a request failed, after any retries; what is finished is kept.
    """
    if isinstance(split_by, str):
        raise ConfigurationError("split_by must be a list of names of fields.")
    options = Options(
        file_format=file_format,
        compression=compression,
        misfits=misfits,
        strategy=strategy,
        partition_rows=partition_rows,
        split_by=tuple(split_by),
        max_requests=max_requests,
        since=None if since is None else _place(since),
        cursor_field=cursor_field,
        drift=drift,
        resume=resume,
        engine=engine or Here(),
    )
    if wait_for_quota:
        client = client.with_options(retry=Retry(max_wait=math.inf, deadline=math.inf))
    return Harvest(client, dataset_id, _place(folder), query_of(query, clauses) or Query(), options)


async def plan_harvest(
    client: ExploreClient,
    dataset_id: str,
    query: Query | None = None,
    *,
    file_format: str = "jsonl",
    compression: Compression = None,
    misfits: Misfits = "fail",
    strategy: Strategy | None = None,
    partition_rows: int | None = None,
    split_by: Sequence[str] = (),
    max_requests: int | None = None,
    since: str | os.PathLike[str] | None = None,
    cursor_field: str | None = None,
    **clauses: Unpack[QueryClauses],
) -> HarvestPlan:
    """Return the plan that `harvest` with these arguments would follow; see `Harvest.plan`."""
    return await harvest(
        client,
        dataset_id,
        "",
        query,
        file_format=file_format,
        compression=compression,
        misfits=misfits,
        strategy=strategy,
        partition_rows=partition_rows,
        split_by=split_by,
        max_requests=max_requests,
        since=since,
        cursor_field=cursor_field,
        **clauses,
    ).plan()


def _place(folder: str | os.PathLike[str]) -> str | Path:
    return folder if isinstance(folder, str) else Path(folder)
