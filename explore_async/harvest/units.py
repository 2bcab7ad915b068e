"""Units of work: all that is needed to fetch one partition, on this machine or another.

A `Unit` is a plain value that goes through JSON. `fetch` writes its rows to a file and verifies
them. An `Engine` decides where that happens; `Here` is the one of this process, and `dask` has the
one of a cluster. Whatever the engine, the file of a unit counts only when the process that plans
the harvest has written it to the journal.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlencode

from attrs import asdict, evolve, frozen

from explore_async.errors import IntegrityError, StorageError, TotalCountDriftError
from explore_async.harvest.folders import storage_error
from explore_async.harvest.partitions import Partition
from explore_async.harvest.plan import count_rows
from explore_async.harvest.sinks import make_sink
from explore_async.harvest.sinks.source import Source
from explore_async.models import DatasetField
from odsql import Query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from explore_async.dataset import Dataset
    from explore_async.harvest.folders import Folder
    from explore_async.harvest.sinks import Compression, Misfits, Sink, Written

__all__ = ["DRIFT_ADVICE", "Engine", "Fetched", "Fetcher", "Here", "Unit", "fetch", "part_name"]

DRIFT_ADVICE = (
    "Harvest it into another folder, or choose what to do with changes: --drift retry-partition or "
    "--drift accept."
)


@frozen(kw_only=True)
class Unit:
    """One partition, and how its file is written.

    Attributes:
        url: the base URL of the portal.
        dataset_id: the dataset.
        query: the parameters of a query for the rows of this partition.
        paged: fetch pages instead of an export.
        partition: the partition.
        accept: accept another number of rows than was expected, if the portal counts it now.
        file_format: the format of the file.
        compression: of `jsonl` and `csv`.
        misfits: what to do with values that do not fit the type of their field.
        fields: the schema of the dataset.
        columns: the columns, in order.
    """

    url: str
    dataset_id: str
    query: tuple[tuple[str, str], ...]
    paged: bool
    partition: Partition
    accept: bool
    file_format: str
    compression: Compression
    misfits: Misfits
    fields: tuple[DatasetField, ...]
    columns: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the unit as an object for JSON."""
        fields = [{**asdict(one, filter=_is_sent), **one.extra} for one in self.fields]
        plain = asdict(self, recurse=False)
        return {**plain, "partition": self.partition.to_json(), "fields": fields}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Unit:
        """Read what `to_json` returned.

        Raises:
            KeyError, TypeError: it is something else.
        """
        changed = {
            "query": tuple((name, text) for name, text in value["query"]),
            "partition": Partition.from_json(value["partition"]),
            "fields": tuple(DatasetField.from_json(one) for one in value["fields"]),
            "columns": tuple(value["columns"]),
        }
        return cls(**{**value, **changed})

    def sink(self) -> Sink:
        """Return what writes the file."""
        return make_sink(
            self.file_format,
            name=self.dataset_id,
            fields=self.fields,
            columns=self.columns,
            compression=self.compression,
            misfits=self.misfits,
        )


def _is_sent(attribute: Any, _: object) -> bool:
    return bool(attribute.name != "extra")


@frozen(kw_only=True)
class Fetched:
    """A verified file that is not in the journal yet.

    Attributes:
        name: its name in the folder; a hidden one is renamed when it counts.
        written: what is in it.
        partition: the partition, with the number of rows that it has now.
    """

    name: str
    written: Written
    partition: Partition


class Fetcher(Protocol):
    """Fetches units of one harvest."""

    async def fetch(self, unit: Unit) -> Fetched:
        """Fetch a unit.

        Raises:
            ExploreError: it failed, as `fetch` describes.
        """


class Engine(Protocol):
    """Where units are fetched."""

    @property
    def in_flight(self) -> int | None:
        """How many units it takes at a time; None for what suits one process."""

    def opened(self, dataset: Dataset, home: Folder) -> AbstractAsyncContextManager[Fetcher]:
        """Begin to fetch units of a dataset into a folder."""


@frozen
class Here:
    """The engine of this process."""

    in_flight: int | None = None

    @asynccontextmanager
    async def opened(self, dataset: Dataset, home: Folder) -> AsyncIterator[Fetcher]:
        """Begin to fetch units of a dataset into a folder."""
        yield _Here(dataset, home)


@frozen
class _Here:
    dataset: Dataset
    home: Folder

    async def fetch(self, unit: Unit) -> Fetched:
        name = part_name(self.home, unit)
        written, partition = await fetch(self.dataset, unit, self.home.place(name))
        return Fetched(name=name, written=written, partition=partition)


def part_name(home: Folder, unit: Unit) -> str:
    """Return the name of the file of a unit."""
    return home.part(f"part-{unit.partition.number:05}", unit.sink().suffix)


async def fetch(dataset: Dataset, unit: Unit, path: Path) -> tuple[Written, Partition]:
    """Write the file of a unit, if it has as many rows as the portal counts.

    Raises:
        IntegrityError: it has not.
        TotalCountDriftError: the portal counts other rows now, and this is not accepted.
        StorageError: writing failed.
        ExploreError: a request failed, after any retries.
    """
    query = Query.from_url(f"?{urlencode(unit.query)}")
    written = await _written(unit, path, Source(dataset=dataset, query=query, paged=unit.paged))
    expected, number = unit.partition.expected, unit.partition.number
    if written.rows == expected:
        return written, unit.partition
    now = await count_rows(dataset, query)
    if now != written.rows:
        raise IntegrityError(
            f"Partition {number} has {written.rows:,} rows, but the portal counts {now:,}. Run it "
            "again; if it persists, report it to the portal.",
            expected=now,
            received=written.rows,
        )
    if not unit.accept:
        raise TotalCountDriftError(
            f"Partition {number} had {expected:,} rows when the harvest was planned, and has "
            f"{now:,} now: the dataset changed. {DRIFT_ADVICE}",
            expected=expected,
            received=now,
        )
    return written, evolve(unit.partition, expected=now)


async def _written(unit: Unit, path: Path, source: Source) -> Written:
    try:
        return await unit.sink().write(path, source)
    except StorageError as error:
        if isinstance(error.__cause__, OSError):
            raise storage_error(path, error.__cause__) from error.__cause__
        raise
