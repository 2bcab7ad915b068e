"""`explore files`: list and download the files of a dataset (getDatasetAttachments, getDataset)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from explore_async.cli.options import (
    connect,
    examples,
    layout_options,
    make_folder,
    portal_option,
    read_target,
)
from explore_async.cli.printing import print_rows
from explore_async.cli.running import run
from explore_async.cli.tables import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.cli.options import Target
    from explore_async.dataset import Dataset
    from explore_async.models import AlternativeExport, Attachment, Row

__all__ = ["files"]


@click.command(
    epilog=examples(
        "explore files --url https://data.example.org timetables",
        "explore files https://data.example.org/explore/dataset/timetables/ -o timetables/",
    )
)
@click.argument("dataset")
@portal_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder to download the files to; without it, they are only listed.",
)
@layout_options
def files(dataset: str, url: str | None, output: Path | None, layout: str, expanded: bool) -> None:
    """List the files of a dataset, or download them.

    These are its attachments and its alternative exports: files that the publisher offers besides
    or in place of the exports. DATASET is an identifier that `explore datasets` lists, or an
    address of the dataset in a browser or in the API.
    """
    target = read_target(dataset, url)
    if output is None:
        print_rows(run(_list(target)), layout, spread=expanded)
        return
    make_folder(output)
    run(_download(target, output))


async def _list(target: Target) -> list[Row]:
    async with connect(target.url) as client:
        found = await _files_of(client.dataset(target.dataset_id))
    return [{"file": name, "type": one.mimetype, "title": one.title} for name, one in found]


async def _download(target: Target, folder: Path) -> None:
    async with connect(target.url) as client:
        dataset = client.dataset(target.dataset_id)
        for name, one in await _files_of(dataset):
            saved = await dataset.download(one, folder / name)
            click.echo(f"{printable(str(saved.path))}: {saved.bytes:,} bytes", err=True)


async def _files_of(dataset: Dataset) -> list[tuple[str, Attachment | AlternativeExport]]:
    """Return the files of a dataset, each with a name of its own."""
    attachments: Sequence[Attachment | AlternativeExport] = await dataset.attachments()
    names: dict[str, Attachment | AlternativeExport] = {}
    for one in (*attachments, *await dataset.alternative_exports()):
        name, number = one.file_name, 1
        while name in names:
            number += 1
            name = f"{number}-{one.file_name}"
        names[name] = one
    return list(names.items())
