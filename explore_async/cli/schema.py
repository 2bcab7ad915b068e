"""`explore schema`: save the schemas of datasets, and compare them with a portal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from explore_async.cli.options import connect, examples, make_folder
from explore_async.cli.running import run
from explore_async.cli.schemas import (
    broken_queries,
    compare,
    fetch_schemas,
    save_schema,
)
from odsql.schema import load_schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odsql.schema import Schema

__all__ = ["schema"]


@click.group()
def schema() -> None:
    """Save the schemas of datasets and compare them with a portal."""


@schema.command(
    epilog=examples(
        "explore schema pull https://opendata.paris.fr les-arbres -o schemas/",
        "explore schema pull https://data.example.org/explore/dataset/trees/",
    )
)
@click.argument("url")
@click.argument("datasets", nargs=-1)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("schemas"),
    show_default=True,
    help="Folder for the files.",
)
def pull(url: str, datasets: tuple[str, ...], output: Path) -> None:
    """Save the schemas of datasets, one JSON file each.

    URL is the address of the portal, or of a dataset. DATASETS are identifiers that `explore
    datasets` lists. The files are for `odsql check --schema` and `explore schema diff`.
    """
    from explore_async.addresses import read_address

    address = read_address(url)
    wanted = datasets if address.dataset_id is None else (address.dataset_id, *datasets)
    if not wanted:
        msg = "No dataset is given. Pass identifiers after the URL, or the address of a dataset."
        raise click.UsageError(msg)
    make_folder(output)
    run(_pull(address.base_url, wanted, output))


async def _pull(url: str, datasets: tuple[str, ...], output: Path) -> None:
    async with connect(url) as client:
        schemas = await fetch_schemas(client, datasets)
    for dataset_id, found in zip(datasets, schemas, strict=True):
        if found is None:
            msg = (
                f"{url} has no dataset {dataset_id}. List them with `explore datasets --url {url}`."
            )
            raise click.ClickException(msg)
        click.echo(f"{await save_schema(found, output)}: {len(found.fields)} fields", err=True)


@schema.command(
    epilog=examples(
        "explore schema diff https://opendata.paris.fr",
        "explore schema diff https://opendata.paris.fr src/ --schemas schemas/",
    )
)
@click.argument("url")
@click.argument("queries", nargs=-1, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--schemas",
    "saved",
    type=click.Path(path_type=Path, exists=True),
    default=Path("schemas"),
    show_default=True,
    help="File or folder of saved schemas.",
)
def diff(url: str, queries: tuple[Path, ...], saved: Path) -> None:
    """Compare saved schemas with a portal.

    URL is the address of the portal. QUERIES are files and folders in which to find queries that no
    longer work. The exit status is 1 if a dataset or field is gone, a field has another type, or a
    query no longer works.
    """
    from explore_async.addresses import read_address

    run(_diff(read_address(url).base_url, load_schemas(saved), queries))


async def _diff(url: str, saved: Mapping[str, Schema], queries: tuple[Path, ...]) -> None:
    async with connect(url) as client:
        fetched = await fetch_schemas(client, list(saved))
    gone = [one for one, found in zip(saved, fetched, strict=True) if found is None]
    live = {found.dataset_id: found for found in fetched if found is not None}
    changes = [change for one in live for change in compare(saved[one], live[one])]
    broken = list(broken_queries(queries, saved=saved, live=live))
    for dataset_id in gone:
        click.echo(f"{dataset_id}: the portal has no such dataset")
    for change in changes:
        click.echo(str(change))
    for query in broken:
        click.echo(f"{query.place}: {query.reason}")
    if gone or broken or any(change.breaking for change in changes):
        raise SystemExit(1)
    click.echo("no breaking changes" if changes else "all schemas are up to date")
