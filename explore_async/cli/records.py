"""`explore records`: print rows of a dataset (getRecords)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from explore_async.cli.options import (
    all_option,
    connect,
    examples,
    filter_options,
    layout_options,
    limit_option,
    portal_option,
    read_target,
    refuse_both,
    shape_options,
)
from explore_async.cli.printing import printing
from explore_async.cli.running import run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from explore_async.cli.options import Target
    from explore_async.cli.printing import Printer
    from explore_async.client import ExploreClient
    from explore_async.models import Row

__all__ = ["records"]

_LIMIT = 10


@click.command(
    epilog=examples(
        "explore records --url https://opendata.paris.fr les-arbres --where 'hauteur > 30'",
        "explore records 'https://data.example.org/explore/dataset/trees/?refine.kind=oak' --all",
    )
)
@click.argument("dataset")
@portal_option
@filter_options
@shape_options
@limit_option(_LIMIT)
@click.option("--offset", type=click.IntRange(min=0), help="Number of rows to skip.")
@all_option
@layout_options
def records(
    dataset: str, url: str | None, everything: bool, layout: str, expanded: bool, **clauses: Any
) -> None:
    """Print rows of a dataset.

    DATASET is an identifier that `explore datasets` lists, or the address of a dataset in a browser
    or in the API, whose filters are kept. Pages are fetched concurrently.
    """
    refuse_both(everything=everything, limit=clauses["limit"])
    target = read_target(dataset, url, **clauses)
    with printing(layout, spread=expanded) as printer:
        run(_records(target, printer, everything=everything))


async def _records(target: Target, printer: Printer, *, everything: bool) -> None:
    async with connect(target.url) as client:
        async for row in _rows(client, target, everything=everything):
            printer.row(row)


async def _rows(client: ExploreClient, target: Target, *, everything: bool) -> AsyncIterator[Row]:
    from explore_async.errors import WindowExceeded

    dataset = client.dataset(target.dataset_id)
    query = target.query.limit(-1) if everything else target.limited(_LIMIT)
    try:
        rows = await dataset.records(query).to_list()
    except WindowExceeded:
        if not everything:
            raise
    else:
        for row in rows:
            yield row
        return
    async with dataset.export("jsonl", query) as stream:
        async for row in stream.rows():
            yield row
