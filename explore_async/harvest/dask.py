"""The engine that fetches partitions on a cluster of Dask.

This process plans, counts, writes the journal and verifies the whole. Workers fetch partitions, and
write files to a folder that all machines share, or to a store. A worker writes a hidden file, which
gets its name when this process writes it to the journal. So whatever a worker does that was lost,
or cancelled, or given the same work as another, no file of its becomes part of the dataset.

Workers read the API key from their own EXPLORE_API_KEY, and the credentials of a store from where
its library looks for them. Neither is sent through the scheduler.

All harvests of a cluster that use the same portal share one semaphore of the scheduler: each unit
holds a lease, and sends one request at a time. When the quota is used up, workers do not wait, each
for itself: this process asks the portal once, and waits as its own client does.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from attrs import field, frozen
from yarl import URL

from explore_async.client import ExploreClient
from explore_async.errors import (
    ConfigurationError,
    ExploreError,
    IncompleteHarvestError,
    QuotaExceeded,
)
from explore_async.harvest.folders import LocalFolder
from explore_async.harvest.partitions import Partition
from explore_async.harvest.remote import folder_at
from explore_async.harvest.sinks import Written
from explore_async.harvest.units import Fetched, Unit, fetch
from explore_async.results import arrow

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import distributed

    from explore_async.dataset import Dataset
    from explore_async.harvest.folders import Folder
    from explore_async.harvest.units import Fetcher

__all__ = ["DaskEngine"]

_QUOTAS = 3


@frozen
class DaskEngine:
    """Fetches the partitions of a harvest on a cluster.

    Attributes:
        scheduler: the address of the scheduler, such as `tcp://10.0.0.5:8786`.
        concurrency: the maximum number of partitions at a time, and so of requests, over all
            harvests of the cluster from the same portal with the same number.

    Raises:
        ConfigurationError: `concurrency` is below 1; or on use, the scheduler cannot be reached.
        MissingExtraError: dask.distributed is not installed; raised on use.
    """

    scheduler: str
    concurrency: int = field(default=8, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if self.concurrency < 1:
            raise ConfigurationError(f"concurrency is {self.concurrency}; it must be at least 1.")

    @property
    def in_flight(self) -> int:
        """How many units are given to the scheduler: more than run, so that no worker waits."""
        return 2 * self.concurrency

    @asynccontextmanager
    async def opened(self, dataset: Dataset, home: Folder) -> AsyncIterator[Fetcher]:
        """Begin to fetch units of a dataset into a folder."""
        dask = arrow.require("distributed")
        try:
            client = await dask.Client(self.scheduler, asynchronous=True, set_as_default=False)
        except (OSError, ValueError) as error:
            raise ConfigurationError(
                f"Cannot reach the scheduler of Dask at {self.scheduler}: {error}. Check that it "
                "runs, and that its version is that of this machine."
            ) from error
        place = home.path.absolute() if isinstance(home, LocalFolder) else home
        async with client:
            yield _Cluster(self, client, dataset, str(place))


@frozen
class _Cluster:
    engine: DaskEngine
    client: distributed.Client
    dataset: Dataset
    place: str

    async def fetch(self, unit: Unit) -> Fetched:
        for left in reversed(range(_QUOTAS)):
            try:
                done = await self._done(unit)
            except QuotaExceeded:
                if not left:
                    raise
                await self.dataset.info()  # this client waits, or raises the same error
                continue
            return Fetched(
                name=done["name"],
                written=Written(**done["written"]),
                partition=Partition.from_json(done["partition"]),
            )
        raise AssertionError  # the last attempt returns or raises an error

    async def _done(self, unit: Unit) -> dict[str, Any]:
        """Return what a worker says of a unit."""
        number = unit.partition.number
        future = self.client.submit(
            fetch_unit,
            unit.to_json(),
            self.place,
            self.engine.concurrency,
            key=f"harvest-{unit.dataset_id}-{number}-{secrets.token_hex(4)}",
            pure=False,
        )
        try:
            done: dict[str, Any] = await future
        except ExploreError:
            raise
        except Exception as error:
            reason = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
            raise IncompleteHarvestError(
                f"Partition {number} was lost on the cluster: {reason}. What is finished is kept: "
                "look into the logs of the scheduler and the workers, and go on with --resume."
            ) from error
        return done


def fetch_unit(unit: dict[str, Any], place: str, concurrency: int) -> dict[str, Any]:
    """Fetch a unit; runs in a thread of a worker.

    Raises:
        ExploreError: it failed, as `units.fetch` describes.
    """
    dask = arrow.require("distributed")
    one = Unit.from_json(unit)
    with dask.Semaphore(concurrency, name=lease_name(one.url, concurrency)):
        try:
            return asyncio.run(_fetched(one, place))
        except ExploreError as error:
            raise alone(error) from None


def alone(error: ExploreError) -> ExploreError:
    """Return an error without those that it was raised from.

    Dask sends these too, and they may hold parts of a response, even an API key that it repeats.
    """
    error.__cause__ = error.__context__ = None
    return error


def lease_name(url: str, concurrency: int) -> str:
    """Return the name of the semaphore of a portal."""
    return f"explore {URL(url).host}:{URL(url).port} {concurrency}"


async def _fetched(unit: Unit, place: str) -> dict[str, Any]:
    folder = folder_at(place)
    with folder.staged():
        name = f".part-{unit.partition.number:05}.{secrets.token_hex(6)}.part"
        key = os.environ.get("EXPLORE_API_KEY") or None
        async with ExploreClient(unit.url, auth=key, concurrency=1) as client:
            dataset = client.dataset(unit.dataset_id)
            written, partition = await fetch(dataset, unit, folder.place(name))
        folder.keep(name)
    return {
        "name": name,
        "written": {
            "rows": written.rows,
            "bytes": written.bytes,
            "sha256": written.sha256,
            "misfits": dict(written.misfits),
        },
        "partition": partition.to_json(),
    }
