"""`explore schema`: saves the schemas of datasets, and tells what has changed since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from explore_async.cli.options import connect
from explore_async.cli.running import run
from explore_async.cli.schemas import (
    broken_queries,
    compare,
    fetch_schemas,
    make_folder,
    save_schema,
)
from odsql.schema import load_schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odsql.schema import Schema

__all__ = ["schema"]


@click.group()
def schema() -> None:
    """Save the schemas of datasets, and see what has changed since."""


@schema.command()
@click.argument("url")
@click.argument("datasets", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("schemas"),
    show_default=True,
    help="Folder for the files.",
)
def pull(url: str, datasets: tuple[str, ...], output: Path) -> None:
    """Save what a portal says about the fields of DATASETS, for `odsql check --schema`."""
    make_folder(output)
    run(_pull(url, datasets, output))


async def _pull(url: str, datasets: tuple[str, ...], output: Path) -> None:
    async with connect(url) as client:
        schemas = await fetch_schemas(client, datasets)
    for dataset_id, found in zip(datasets, schemas, strict=True):
        if found is None:
            msg = f"{url} has no dataset {dataset_id}; `explore datasets --url {url}` lists them"
            raise click.ClickException(msg)
        click.echo(f"{await save_schema(found, output)}: {len(found.fields)} fields")


@schema.command()
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
    """Hold saved schemas against a portal, and find the QUERIES in files that no longer work.

    Exit status 1 if a field is gone or has changed its type.
    """
    run(_diff(url, load_schemas(saved), queries))


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
    click.echo("nothing breaks" if changes else "all schemas are up to date")
