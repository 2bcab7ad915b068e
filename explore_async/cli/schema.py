"""`explore schema`: save the schemas of datasets, and compare them with a portal."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

import click

from explore_async.cli.options import connect, examples, make_folder
from explore_async.cli.running import run
from explore_async.cli.schemas import (
    broken_queries,
    compare,
    fetch_schemas,
    python_files,
    save_schema,
    save_text,
)
from odsql.schema import load_schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

    from odsql.python_schemas import PythonFields
    from odsql.schema import Schema

__all__ = ["schema"]


@click.group()
def schema() -> None:
    """Save the schemas of datasets and compare them with a portal."""


@schema.command(
    epilog=examples(
        "explore schema pull https://opendata.paris.fr les-arbres -o schemas/",
        "explore schema pull https://opendata.paris.fr les-arbres --python trees.py",
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
@click.option(
    "--python",
    "module",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write one Python file with classes of rows and fields instead.",
)
@click.option(
    "--check", is_flag=True, help="With --python, write nothing; fail if the file is out of date."
)
def pull(
    url: str, datasets: tuple[str, ...], output: Path, module: Path | None, check: bool
) -> None:
    """Save the schemas of datasets, one JSON file each, or all in one Python file.

    URL is the address of the portal, or of a dataset. DATASETS are identifiers that `explore
    datasets` lists; with --python and none, they are those of the file. The files are for `odsql
    check --schema` and `explore schema diff`.
    """
    from explore_async.addresses import read_address

    if check and module is None:
        msg = "--check compares a file of Python. Add --python FILE."
        raise click.UsageError(msg)
    address = read_address(url)
    wanted = datasets if address.dataset_id is None else (address.dataset_id, *datasets)
    before = {} if module is None else python_files(module)
    if module is not None and not before and not check:
        _refuse_other_programs(module)
    wanted = tuple(dict.fromkeys(wanted or before))
    if not wanted:
        msg = "No dataset is given. Pass identifiers after the URL, or the address of a dataset."
        raise click.UsageError(msg)
    if module is None:
        make_folder(output)
        run(_pull(address.base_url, wanted, output))
    else:
        run(_pull_python(address.base_url, wanted, module, before, check=check))


def _refuse_other_programs(module: Path) -> None:
    """Refuse to replace a file that holds something, but no class that was pulled."""
    if module.exists() and module.read_bytes().strip():
        msg = f"{module} has no class of fields, so it is another program. Name another file."
        raise click.ClickException(msg)


async def _pull(url: str, datasets: tuple[str, ...], output: Path) -> None:
    async with connect(url) as client:
        schemas = await fetch_schemas(client, datasets)
    for dataset_id, found in zip(datasets, schemas, strict=True):
        if found is None:
            raise _no_dataset(url, dataset_id)
        click.echo(f"{await save_schema(found, output)}: {len(found.fields)} fields", err=True)


async def _pull_python(
    url: str,
    datasets: tuple[str, ...],
    module: Path,
    before: Mapping[str, PythonFields],
    *,
    check: bool,
) -> None:
    from explore_async.cli.python_classes import pull_datasets, python_source

    async with connect(url) as client:
        pulled = await pull_datasets(client, datasets)
    found = [one for one in pulled if one is not None]
    if len(found) < len(pulled):
        raise _no_dataset(url, datasets[pulled.index(None)])
    source = python_source(found, before.values())
    if check:
        _compare_texts(source, module)
        return
    make_folder(module.parent)
    await save_text(source, module)
    click.echo(f"{module}: {', '.join(datasets)}", err=True)


def _compare_texts(source: str, module: Path) -> None:
    saved = module.read_text(encoding="utf-8") if module.exists() else ""
    if saved == source:
        click.echo(f"{module} is up to date")
        return
    changes = unified_diff(
        *(saved.splitlines(), source.splitlines(), str(module), "the portal"), n=1, lineterm=""
    )
    click.echo("\n".join(changes))
    msg = f"{module} is out of date. Run `explore schema pull` with --python, without --check."
    raise click.ClickException(msg)


def _no_dataset(url: str, dataset_id: str) -> click.ClickException:
    msg = f"{url} has no dataset {dataset_id}. List them with `explore datasets --url {url}`."
    return click.ClickException(msg)


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
    help="File or folder of saved schemas, of JSON or Python.",
)
def diff(url: str, queries: tuple[Path, ...], saved: Path) -> None:
    """Compare saved schemas with a portal.

    URL is the address of the portal. QUERIES are files and folders in which to find queries that no
    longer work. The exit status is 1 if a dataset or field is gone, a field has another type, or a
    query no longer works.
    """
    from explore_async.addresses import read_address

    run(_diff(read_address(url).base_url, load_schemas(saved), python_files(saved), queries))


async def _diff(
    url: str,
    saved: Mapping[str, Schema],
    classes: Mapping[str, PythonFields],
    queries: tuple[Path, ...],
) -> None:
    async with connect(url) as client:
        fetched = await fetch_schemas(client, list(saved))
    gone = [one for one, found in zip(saved, fetched, strict=True) if found is None]
    live = {found.dataset_id: found for found in fetched if found is not None}
    changes = [
        change for one in live for change in compare(saved[one], live[one], classes.get(one))
    ]
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
