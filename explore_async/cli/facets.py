"""`explore facets`: print facet values with their counts (getRecordsFacets)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from explore_async.cli.display import FACET_VALUES, bars
from explore_async.cli.options import (
    all_option,
    connect,
    examples,
    filter_options,
    layout_options,
    portal_option,
    read_target,
    refuse_both,
)
from explore_async.cli.printing import print_rows
from explore_async.cli.running import run
from explore_async.cli.tables import printable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from explore_async.cli.options import Target
    from explore_async.models import Facet, Row
    from odsql import Query

__all__ = ["facets"]

_LIMIT = 20
_MOST = 20_000
"""How many values `--all` asks for; as many as a portal returns groups."""


@click.command(
    epilog=examples(
        "explore facets --url https://opendata.paris.fr les-arbres arrondissement --limit 5",
        "explore facets --url https://opendata.paris.fr les-arbres --all --format csv",
    )
)
@click.argument("dataset")
@click.argument("names", nargs=-1)
@portal_option
@filter_options
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    help=f"Maximum number of values per facet; {_LIMIT} by default.",
)
@all_option
@layout_options
def facets(
    dataset: str,
    names: tuple[str, ...],
    url: str | None,
    limit: int | None,
    everything: bool,
    layout: str,
    expanded: bool,
    **filters: Any,
) -> None:
    """Print the facet values of a dataset with their counts.

    DATASET is an identifier that `explore datasets` lists, or an address of the dataset, whose
    filters are kept. NAMES are fields or facet(...) expressions; by default, the facets that the
    dataset declares.
    """
    refuse_both(everything=everything, limit=limit)
    target = read_target(dataset, url, **filters)
    most = _MOST if everything else limit or _LIMIT
    found = run(_facets(target, names, most, everything=everything))
    if layout == "table" and not expanded:
        click.echo("\n\n".join(f"{printable(one.name)}\n{bars(one, limit=most)}" for one in found))
        return
    print_rows(_rows(found, most), layout, spread=expanded)


async def _facets(
    target: Target, names: Sequence[str], limit: int, *, everything: bool
) -> list[Facet]:
    query = _filters(target.query)
    async with connect(target.url) as client:
        dataset = client.dataset(target.dataset_id)
        if everything and not names:
            names = [one.name for one in await dataset.facets(query=query)]
        wanted = [name if "(" in name else _facet(name, limit) for name in names]
        return await dataset.facets(*wanted, query=query)


def _filters(query: Query) -> Query:
    """Return what facets accept of the query of an address."""
    from odsql import Query

    clauses = query.clauses
    kept = Query(where=clauses.where, refine=clauses.refine, exclude=clauses.exclude)
    return kept.lang(clauses.lang).timezone(clauses.timezone)


def _rows(found: Sequence[Facet], limit: int) -> Iterator[Row]:
    for one in found:
        if limit > len(one.values) == FACET_VALUES:
            click.echo(
                f"{printable(one.name)}: a portal lists {FACET_VALUES} values by default; to get "
                "more, pass --all, or the name of the facet with a --limit",
                err=True,
            )
        for value in one.values[:limit]:
            yield {"facet": one.name, "value": value.value, "count": value.count}


def _facet(name: str, limit: int) -> str:
    """Return the ODSQL of a facet, with a limit if it exceeds the portal's default."""
    from odsql import F, facet

    return str(facet(name, limit=limit) if limit > FACET_VALUES else F[name])
