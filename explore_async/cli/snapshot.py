"""`explore snapshot`: copy datasets of a portal to files that `explore serve` serves again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from explore_async.cli.options import connect, examples, portal_option, read_target
from explore_async.cli.running import run
from explore_async.cli.tables import printable

if TYPE_CHECKING:
    from explore_async.cli.options import Target

__all__ = ["snapshot"]


@click.command(
    epilog=examples(
        "explore snapshot --url https://opendata.paris.fr les-arbres -o fixtures/",
        'explore snapshot les-arbres velib --rows 100 --where "circonference > 200" --force',
    )
)
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@portal_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("fixtures"),
    show_default=True,
    help="Folder for the files.",
)
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    help="Maximum number of rows per dataset; 1000 by default.",
)
@click.option("--all", "everything", is_flag=True, help="Copy all rows; not with --rows.")
@click.option(
    "--where",
    multiple=True,
    metavar="ODSQL",
    help="Condition for the rows. Repeatable; all conditions must hold.",
)
@click.option("--force", is_flag=True, help="Replace copies that exist.")
def snapshot(
    datasets: tuple[str, ...],
    url: str | None,
    output: Path,
    rows: int | None,
    everything: bool,
    where: tuple[str, ...],
    force: bool,
) -> None:
    """Copy datasets of a portal for `explore serve` and for tests.

    Each DATASET is an identifier that `explore datasets` lists, or an address of the dataset in a
    browser or in the API, whose filters are kept. DATASET.dataset.json has the schema and the
    metadata, DATASET.jsonl the first rows in the order of the portal, one per line. If a dataset
    fails, the others are still copied, and the exit status is 1.
    """
    from explore_async.snapshots import DEFAULT_ROWS

    if everything and rows is not None:
        msg = "--all and --rows contradict each other."
        raise click.UsageError(msg)
    targets = [read_target(one, url, where=where) for one in datasets]
    limit = None if everything else DEFAULT_ROWS if rows is None else rows
    failed = run(_copy(targets, output, limit, force=force))
    if failed:
        copied = len(targets) - len(failed)
        lines = [f"{copied} of {len(targets)} datasets were copied.", *failed]
        raise click.ClickException(printable("\n".join(lines)))


async def _copy(targets: list[Target], folder: Path, rows: int | None, *, force: bool) -> list[str]:
    """Copy the datasets one by one; return what is wrong with those that failed."""
    from explore_async.errors import ExploreError
    from explore_async.snapshots import save_dataset

    failed = []
    for one in targets:
        async with connect(one.url) as client:
            dataset = client.dataset(one.dataset_id)
            try:
                saved = await save_dataset(dataset, folder, one.query, rows=rows, force=force)
            except ExploreError as error:
                failed.append(f"{one.dataset_id}: {error}")
            else:
                click.echo(printable(str(saved)), err=True)
    return failed
