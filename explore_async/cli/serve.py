"""`explore serve`: run a local portal with the user's files, or with the cities of the world."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from explore_async.cli.faults import fault_options, read_faults
from explore_async.cli.options import examples
from explore_async.cli.running import run

if TYPE_CHECKING:
    from explore_async.portal.faults import Faults

__all__ = ["serve"]


@click.command(
    epilog=examples(
        "explore serve stations.csv trees.parquet data/",
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
@fault_options
def serve(paths: tuple[Path, ...], host: str, port: int, **disturbances: Any) -> None:
    """Run a local portal with your files, or with the cities of the world.

    The command prints the URL of the API and runs until Ctrl-C. Each PATH is a file (Parquet,
    GeoParquet, CSV, JSON Lines or GeoJSON) or a folder of such files; a portal.toml in the folder
    sets titles, types, facets and API keys. A dataset has the name of its file without the suffix.
    Without a PATH, the dataset is geonames-all-cities-with-a-population-1000. The options from
    --latency to --seed make the portal slow and unreliable.
    """
    try:
        run(_serve(paths, host, port, read_faults(**disturbances)))
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


async def _serve(paths: tuple[Path, ...], host: str, port: int, faults: Faults) -> None:
    from explore_async.portal import Store, load_files, load_geonames
    from explore_async.portal import serve as serve_store

    with Store() as store:
        if paths:
            load_files(store, *paths)
        else:
            load_geonames(store)
        try:
            async with serve_store(store, host=host, port=port, extend=faults.install) as base_url:
                click.echo(f"{base_url}/api/explore/v2.1")
                click.echo("Press Ctrl-C to stop.", err=True)
                await asyncio.Event().wait()
        except OSError as error:
            reason = f"Cannot listen on {host}:{port}: {error.strerror}"
            msg = f"{reason}. Choose another --host or --port."
            raise click.ClickException(msg) from None
