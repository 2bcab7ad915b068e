"""A source for dlt, with one resource for each dataset, loaded whole or by a growing field.

    source = explore_source("data.example.org", ["trees", "events"], cursors={"events": "updated"})
    dlt.pipeline("trees", destination="duckdb").run(source)

dlt runs the resources in the event loop that it has for asynchronous generators, in a thread of its
own, and closes them there. So this also works where an event loop runs already, as in notebooks.
"""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from explore_async.client import ExploreClient
from explore_async.errors import ConfigurationError, IntegrityError
from explore_async.harvest.plan import make_plan
from explore_async.harvest.sinks.source import Source
from explore_async.results import arrow
from explore_async.results.conversion import Converter, GeoPoint
from odsql import F, Query

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Mapping, Sequence

    from dlt.extract import DltResource, DltSource

    from explore_async.dataset import Dataset
    from explore_async.models import DatasetField, Row

__all__ = ["explore_source"]

_BATCH = 2_000
_TYPES = {"int": "bigint", "datetime": "timestamp", "boolean": "bool"} | {
    same: same for same in ("double", "text", "date")
}
"""Types of dlt by those of fields; others, and multivalued fields, are `json`."""


def explore_source(
    portal: str,
    datasets: Sequence[str],
    *,
    cursors: Mapping[str, str] | None = None,
    primary_keys: Mapping[str, str] | None = None,
    queries: Mapping[str, Query] | None = None,
    connect: Callable[[str], ExploreClient] = ExploreClient,
) -> DltSource:
    """Return a source of dlt for datasets of a portal; nothing is sent until a pipeline runs.

    Each dataset is a table whose columns have the types of the portal's schema. With a cursor, a
    run requests the rows from the largest value on that was loaded, and dlt drops those that it
    has. Without one, each run replaces the table. If a row is missing, the run fails before
    anything is loaded, and neither the table nor the cursor changes.

    Args:
        portal: the address of the portal.
        datasets: the datasets, one resource each.
        cursors: by dataset, a field whose values only grow, such as the time of the last change.
            Rows without a value are loaded in the first run only.
        primary_keys: by dataset, a field that identifies its rows. With a cursor, a changed row
            replaces the one that was loaded; without a key, it is one more row.
        queries: by dataset, the rows; all rows if there is none.
        connect: makes the client of a resource, for instance with an API key.

    Raises:
        ConfigurationError: a cursor, key or query is of none of the datasets.
        MissingExtraError: dlt is not installed.
    """
    dlt = arrow.require("dlt")
    cursors, keys, queries = cursors or {}, primary_keys or {}, queries or {}
    if unknown := [one for one in (*cursors, *keys, *queries) if one not in datasets]:
        raise ConfigurationError(
            f"{unknown[0]!r} is none of the datasets. Add it to them, or correct its name."
        )

    def resource(dataset_id: str) -> DltResource:
        growing = None
        if field := cursors.get(dataset_id):
            growing = dlt.sources.incremental(field, on_cursor_value_missing="include")

        # dlt fills in the argument, which it knows by its default.
        async def rows(cursor: Any = growing) -> AsyncGenerator[Any, None]:
            query = queries.get(dataset_id, Query())
            if field and cursor.last_value is not None:
                query = query.where(F[field] >= cursor.last_value)
            async with (
                connect(portal) as client,
                aclosing(_batches(dlt, client.dataset(dataset_id), query)) as batches,
            ):
                async for batch in batches:
                    yield batch

        added = "merge" if dataset_id in keys else "append"
        made: DltResource = dlt.resource(
            rows,
            name=dataset_id,
            write_disposition=added if field else "replace",
            primary_key=keys.get(dataset_id),
        )
        return made

    source: DltSource = dlt.source(lambda: [resource(one) for one in datasets], name="explore")()
    return source


async def _batches(dlt: Any, dataset: Dataset, query: Query) -> AsyncGenerator[Any, None]:
    """Yield the columns, and then the rows in batches, by the plan of a harvest."""
    plan = await make_plan(dataset, query)
    types = {one.name: _type(one) for one in plan.fields if one.name in plan.columns}
    columns = [{"name": name, "data_type": kind} for name, kind in types.items()]
    hints = dlt.mark.make_hints(columns=columns)
    yield dlt.mark.with_hints(dlt.mark.materialize_table_schema(), hints)
    converter, paged = Converter(fields=plan.fields), plan.strategy == "pages"
    for part in plan.partitions:
        source = Source(dataset=dataset, query=query.where(part.where), paged=paged)
        received = 0
        async with aclosing(_rows(source, converter)) as batches:
            async for batch in batches:
                received += len(batch)
                yield batch
        if received != part.expected:
            raise IntegrityError(
                f"{dataset.dataset_id} has {received:,} rows where the portal counted "
                f"{part.expected:,}. Nothing was loaded; run the pipeline again.",
                expected=part.expected,
                received=received,
            )


async def _rows(source: Source, converter: Converter) -> AsyncGenerator[list[Row], None]:
    held: list[Row] = []
    async with source.rows(converter) as rows:
        async for row in rows:
            held.append({name: _plain(value) for name, value in row.items()})
            if len(held) == _BATCH:
                yield held
                held = []
    yield held


def _plain(value: object) -> object:
    """Return a value that dlt can write."""
    return {"lon": value.lon, "lat": value.lat} if isinstance(value, GeoPoint) else value


def _type(one: DatasetField) -> str:
    many = one.annotations.get("multivalued", False) is not False
    return "json" if many else _TYPES.get(one.type, "json")
