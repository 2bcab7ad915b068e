"""`explore export`: export the rows of a dataset to a file (exportRecords)."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from explore_async.cli.display import progress_bar
from explore_async.cli.options import (
    connect,
    filter_options,
    limit_option,
    make_query,
    portal_option,
    shape_options,
)
from explore_async.cli.running import run
from explore_async.events import BytesEvent
from explore_async.models import Progress
from explore_async.operations import DATASET_FORMATS
from explore_async.results.files import file_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from explore_async.client import ExploreClient
    from explore_async.events import Event
    from odsql import Query

__all__ = ["export"]

_STANDARD_OUTPUT = (Path("-"), Path("/dev/stdout"))


@click.command()
@click.argument("dataset")
@portal_option
@filter_options
@shape_options
@limit_option(None)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(sorted(DATASET_FORMATS)),
    default="jsonl",
    help="File format; jsonl by default.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File to write; - is standard output.",
)
def export(
    dataset: str,
    url: str,
    file_format: str,
    output: Path | None,
    **clauses: Any,
) -> None:
    """Export the rows of a dataset to a file.

    DATASET is an identifier that `explore datasets` lists. The file appears only when it is
    complete. For jsonl, the number of rows is also checked against the server's count. Without
    --output the file is DATASET.FORMAT in the current directory. On standard output nothing is held
    back, so only the exit status tells whether the export is complete.
    """
    if output in _STANDARD_OUTPUT:
        run(_print(dataset, url, make_query(**clauses), file_format))
        return
    path = output if output is not None else Path(file_name(dataset, file_format))
    run(_export(dataset, url, make_query(**clauses), file_format, path))


async def _print(dataset_id: str, url: str, query: Query, file_format: str) -> None:
    async with connect(url) as client:
        async with client.dataset(dataset_id).export(file_format, query) as stream:
            async for piece in stream.bytes():
                sys.stdout.buffer.write(piece)
        click.echo(f"{stream.bytes_received:,} bytes", err=True)


async def _export(dataset_id: str, url: str, query: Query, file_format: str, path: Path) -> None:
    async with connect(url) as client:
        dataset = client.dataset(dataset_id)
        if file_format == "jsonl":
            with _export_bar(client) as progress:
                proof = await dataset.export_verified(path, query, progress=progress)
            click.echo(
                f"{proof.path}: expected {proof.expected:,}, received {proof.received:,}, "
                f"unique {proof.unique:,} rows, {proof.bytes:,} bytes"
            )
            return
        async with dataset.export(file_format, query) as stream:
            with _export_bar(client) as progress:
                await stream.save(path, progress=progress)
        click.echo(f"{path}: {stream.bytes_received:,} bytes")


@contextlib.contextmanager
def _export_bar(client: ExploreClient) -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar that also moves while a slow portal sends one block."""
    written, received = Progress(bytes=0, rows=None), 0
    with progress_bar("export") as show:

        def show_block(progress: Progress) -> None:
            nonlocal written
            written = progress
            show(evolve(written, bytes=max(written.bytes, received)))

        def show_bytes(event: Event) -> None:
            nonlocal received
            if isinstance(event, BytesEvent):
                received = event.received
                show(evolve(written, bytes=received))

        end = client.subscribe(show_bytes)
        try:
            yield show_block
        finally:
            end()
