"""`explore facets`: print facet values with their counts (getRecordsFacets)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from explore_async.cli.display import FACET_VALUES, bars, print_rows, printable
from explore_async.cli.options import (
    FORMAT_OPTION,
    connect,
    filter_options,
    make_query,
    portal_option,
)
from explore_async.cli.running import run
from odsql import F, facet

if TYPE_CHECKING:
    from odsql import Query

__all__ = ["facets"]


@click.command()
@click.argument("dataset")
@click.argument("names", nargs=-1)
@portal_option
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Maximum number of values per facet.",
)
@FORMAT_OPTION
def facets(
    dataset: str,
    names: tuple[str, ...],
    url: str,
    limit: int,
    layout: str,
    **filters: Any,
) -> None:
    """Print the facet values of a dataset with their counts.

    DATASET is an identifier that `explore datasets` lists. NAMES are fields or facet(...)
    expressions; by default, the facets that the dataset declares.
    """
    run(_facets(dataset, names, url, make_query(**filters), limit, layout))


async def _facets(
    dataset: str,
    names: tuple[str, ...],
    url: str,
    query: Query,
    limit: int,
    layout: str,
) -> None:
    wanted = [name if "(" in name else _facet(name, limit) for name in names]
    async with connect(url) as client:
        found = await client.dataset(dataset).facets(*wanted, query=query)
    for one in found:
        if layout == "table":
            click.echo(f"{printable(one.name)}\n{bars(one, limit=limit)}\n")
            continue
        if limit > len(one.values) == FACET_VALUES:
            click.echo(
                f"{printable(one.name)}: a portal lists {FACET_VALUES} values by default; to get "
                f"more, pass the name of the facet as an argument",
                err=True,
            )
        values = one.values[:limit]
        print_rows(
            ({"facet": one.name, "value": each.value, "count": each.count} for each in values),
            layout,
        )


def _facet(name: str, limit: int) -> str:
    """Return the ODSQL of a facet, with a limit if it exceeds the portal's default."""
    return str(facet(name, limit=limit) if limit > FACET_VALUES else F[name])
