"""`explore datasets`: list the datasets of a portal (getDatasets)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from explore_async.cli.display import print_rows, table
from explore_async.cli.options import (
    FORMAT_OPTION,
    connect,
    filter_options,
    limit_option,
    make_query,
    portal_option,
)
from explore_async.cli.running import run
from explore_async.models import DatasetInfo

if TYPE_CHECKING:
    from explore_async.models import Row
    from odsql import Query

__all__ = ["datasets"]


@click.command()
@portal_option
@filter_options
@limit_option(20)
@FORMAT_OPTION
def datasets(url: str, limit: int, layout: str, **filters: Any) -> None:
    """List the datasets of a portal.

    The table shows the identifier, number of records and title of each dataset. With --format
    jsonl, all metadata is printed.
    """
    run(_datasets(url, make_query(**filters), limit, layout))


async def _datasets(url: str, query: Query, limit: int, layout: str) -> None:
    async with connect(url) as client:
        rows = await client.datasets(query, max_rows=limit).to_list()
    if layout == "jsonl":
        print_rows(rows, layout)
        return
    click.echo(table([_summary(DatasetInfo.from_json(row)) for row in rows], cell_width=60))


def _summary(info: DatasetInfo) -> Row:
    default = info.metas.get("default")
    metas = default if isinstance(default, dict) else {}
    return {
        "dataset_id": info.dataset_id,
        "records": metas.get("records_count"),
        "title": metas.get("title"),
    }
