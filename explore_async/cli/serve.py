"""`explore serve`: run a local portal with the cities of the world."""

from __future__ import annotations

import asyncio

import click

from explore_async.cli.options import examples
from explore_async.cli.running import run

__all__ = ["serve"]


@click.command(epilog=examples("explore serve", "explore serve --port 0"))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8021,
    show_default=True,
    help="Port to listen on; 0 for any free port.",
)
def serve(host: str, port: int) -> None:
    """Run a local portal with the cities of the world.

    The command prints the URL of the API and runs until Ctrl-C. The dataset is
    geonames-all-cities-with-a-population-1000.
    """
    try:
        run(_serve(host, port))
    except KeyboardInterrupt:
        click.echo("Stopped.", err=True)


async def _serve(host: str, port: int) -> None:
    from explore_async.portal import Store, load_geonames
    from explore_async.portal import serve as serve_store

    with Store() as store:
        load_geonames(store)
        try:
            async with serve_store(store, host=host, port=port) as base_url:
                click.echo(f"{base_url}/api/explore/v2.1")
                click.echo("Press Ctrl-C to stop.", err=True)
                await asyncio.Event().wait()
        except OSError as error:
            reason = f"Cannot listen on {host}:{port}: {error.strerror}"
            msg = f"{reason}. Choose another --host or --port."
            raise click.ClickException(msg) from None
