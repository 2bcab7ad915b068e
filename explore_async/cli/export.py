"""`explore export`: export the rows of a dataset to a file (exportRecords)."""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve

from explore_async.cli.display import progress_bar
from explore_async.cli.formats import ENDINGS, ending_of, format_of, is_gzipped
from explore_async.cli.options import (
    connect,
    examples,
    filter_options,
    limit_option,
    portal_option,
    read_target,
    shape_options,
)
from explore_async.cli.running import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from explore_async.cli.options import Target
    from explore_async.client import ExploreClient
    from explore_async.dataset import Dataset
    from explore_async.events import Event
    from explore_async.models import Progress, Reconciliation

__all__ = ["export"]

_STANDARD_OUTPUT = (Path("-"), Path("/dev/stdout"))
_FORMATS = sorted(set(ENDINGS.values()))


@click.command(
    epilog=examples(
        "explore export --url https://opendata.paris.fr les-arbres -o arbres.parquet",
        "explore export --url https://opendata.paris.fr les-arbres --format csv -o - | head",
    )
)
@click.argument("dataset")
@portal_option
@filter_options
@shape_options
@limit_option(None)
@click.option(
    "--format",
    "file_format",
    type=click.Choice(_FORMATS),
    help="File format; by default what the name of the file says, or jsonl.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="File to write, compressed if it ends with .gz; - is standard output.",
)
def export(
    dataset: str,
    url: str | None,
    file_format: str | None,
    output: Path | None,
    **clauses: Any,
) -> None:
    """Export the rows of a dataset to a file.

    DATASET is an identifier that `explore datasets` lists, or the address of a dataset in a browser
    or in the API, whose filters are kept. The file appears only when it is complete. For jsonl,
    json, csv, parquet and geojson, the number of rows is also checked against the server's count.
    Without --output the file is DATASET.FORMAT in the current directory. On standard output nothing
    is held back, so only the exit status tells whether the export is complete.
    """
    target = read_target(dataset, url, **clauses)
    if output in _STANDARD_OUTPUT:
        run(_print(target, file_format or target.file_format or "jsonl"))
        return
    chosen = file_format or (format_of(output) if output is not None else target.file_format)
    path = output if output is not None else _default_path(target, chosen or "jsonl")
    run(_export(target, chosen or "jsonl", path))


def _default_path(target: Target, file_format: str) -> Path:
    from explore_async.results.files import file_name

    return Path(file_name(target.dataset_id, ending_of(file_format).removeprefix(".")))


async def _print(target: Target, file_format: str) -> None:
    async with connect(target.url) as client:
        async with client.dataset(target.dataset_id).export(file_format, target.query) as stream:
            async for piece in stream.bytes():
                sys.stdout.buffer.write(piece)
        click.echo(f"{stream.bytes_received:,} bytes", err=True)


async def _export(target: Target, file_format: str, path: Path) -> None:
    async with connect(target.url) as client:
        with _export_bar(client) as progress:
            told = await _saved(
                client.dataset(target.dataset_id), target, file_format, path, progress
            )
    click.echo(f"{path}: {told}", err=True)


async def _saved(
    dataset: Dataset,
    target: Target,
    file_format: str,
    path: Path,
    progress: Callable[[Progress], None],
) -> str:
    """Save an export, verified if its rows can be counted; return what is known of the file."""
    from explore_async.errors import MissingExtraError
    from explore_async.results.tallies import COUNTED

    query, packed = target.query, is_gzipped(path)
    if file_format in COUNTED and not (packed and file_format == "parquet"):
        try:
            proof = await dataset.export_verified(
                path, query, file_format=file_format, gzip=packed, progress=progress
            )
        except MissingExtraError as error:
            click.echo(f"The rows are not counted: {error}", err=True)
        else:
            return _told(proof)
    async with dataset.export(file_format, query) as stream:
        saved = await stream.save(path, gzip=packed, progress=progress)
    return f"{saved.bytes:,} bytes"


def _told(proof: Reconciliation) -> str:
    unique = "" if proof.unique is None else f", unique {proof.unique:,}"
    rows = f"expected {proof.expected:,}, received {proof.received:,}{unique} rows"
    return f"{rows}, {proof.bytes:,} bytes"


@contextlib.contextmanager
def _export_bar(client: ExploreClient) -> Iterator[Callable[[Progress], None]]:
    """Show a progress bar that also moves while a slow portal sends one block."""
    from explore_async.events import BytesEvent
    from explore_async.models import Progress

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
