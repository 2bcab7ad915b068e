"""`explore serve`: run a local portal with the user's files, or with the cities of the world."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from explore_async.cli.faults import fault_options, read_faults
from explore_async.cli.options import examples
from explore_async.cli.running import run

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from explore_async.portal.faults import Faults

__all__ = ["serve"]


@click.command(
    epilog=examples(
        "explore serve --watch stations.csv trees.parquet data/",
        "explore serve --latency 50ms --jitter 10ms --fail 503:0.1 --seed 7",
    )
)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8021,
    show_default=True,
    help="Port to listen on; 0 for any free port.",
)
@click.option("--watch", is_flag=True, help="Read files again when they change.")
@fault_options
def serve(paths: tuple[Path, ...], host: str, port: int, watch: bool, **disturbances: Any) -> None:
    """Run a local portal with your files, or with the cities of the world.

    The command prints the URL of the API and runs until Ctrl-C. Each PATH is a file (Parquet,
    GeoParquet, CSV, JSON Lines, GeoJSON, FlatGeobuf or a DuckDB database) or a folder of such files
    and folders, such as the copies that `explore snapshot` makes; a portal.toml in a folder sets
    titles, types and facets. A dataset has the name of its file without the suffix, or of its
    table. With --watch, files that change, appear or disappear are read again, added or removed,
    and a line says so.

    Without a PATH, the dataset is geonames-all-cities-with-a-population-1000. The options from
    --latency to --seed make the portal slow and unreliable.
    """
    try:
        run(_serve(paths, host, port, read_faults(**disturbances), watch))
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


async def _serve(
    paths: tuple[Path, ...], host: str, port: int, faults: Faults, watch: bool
) -> None:
    from explore_async.portal import Store, load_files, load_geonames
    from explore_async.portal import serve as serve_store
    from explore_async.portal.watching import WatchedFiles, watching

    watched: AbstractAsyncContextManager[None] = nullcontext()
    with Store() as store:
        if paths and watch:
            watched = watching(WatchedFiles(store, *paths), partial(click.echo, err=True))
        elif paths:
            load_files(store, *paths)
        elif watch:
            msg = "--watch needs the PATH of a file or a folder."
            raise click.UsageError(msg)
        else:
            load_geonames(store)
        try:
            async with serve_store(store, host=host, port=port, extend=faults.install) as base_url:
                click.echo(f"{base_url}/api/explore/v2.1")
                click.echo("Press Ctrl-C to stop.", err=True)
                async with watched:
                    await asyncio.Event().wait()
        except OSError as error:
            reason = f"Cannot listen on {host}:{port}: {error.strerror}"
            msg = f"{reason}. Choose another --host or --port."
            raise click.ClickException(msg) from None
