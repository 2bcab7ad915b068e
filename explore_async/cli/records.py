"""`explore records`: print rows of a dataset (getRecords)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from explore_async.cli.display import print_rows
from explore_async.cli.options import (
    FORMAT_OPTION,
    connect,
    filter_options,
    limit_option,
    make_query,
    portal_option,
    shape_options,
)
from explore_async.cli.running import run

if TYPE_CHECKING:
    from odsql import Query

__all__ = ["records"]


@click.command()
@click.argument("dataset")
@portal_option
@filter_options
@shape_options
@limit_option(10)
@click.option("--offset", type=click.IntRange(min=0), help="Number of rows to skip.")
@FORMAT_OPTION
def records(dataset: str, url: str, limit: int, layout: str, **clauses: Any) -> None:
    """Print rows of a dataset.

    DATASET is an identifier that `explore datasets` lists. Pages are fetched concurrently.
    """
    run(_records(dataset, url, make_query(**clauses), limit, layout))


async def _records(dataset: str, url: str, query: Query, limit: int, layout: str) -> None:
    async with connect(url) as client:
        rows = await client.dataset(dataset).records(query, max_rows=limit).to_list()
    print_rows(rows, layout)
