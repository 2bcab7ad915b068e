"""`explore serve`: run a local portal with the user's files, or with the cities of the world."""

from __future__ import annotations

import asyncio
import contextlib
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from attrs import fields

from explore_async.cli.faults import fault_options, read_faults
from explore_async.cli.operation import Operation, logged, operation_options
from explore_async.cli.options import examples
from explore_async.cli.running import run
from explore_async.cli.workers import inherited, listen, obey, supervise

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator
    from contextlib import AbstractAsyncContextManager
    from socket import socket

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
@operation_options
@fault_options
def serve(paths: tuple[Path, ...], host: str, port: int, **options: Any) -> None:
    """Run a local portal with your files, or with the cities of the world.

    The command prints the URL of the API and runs until Ctrl-C. Each PATH is a file (Parquet,
    GeoParquet, CSV, JSON Lines, GeoJSON, FlatGeobuf or a DuckDB database) or a folder of such files
    and folders, such as the copies that `explore snapshot` makes; a portal.toml in a folder sets
    titles, types, facets and API keys. A dataset has the name of its file without the suffix, or of
    its table. With --watch, files that change, appear or disappear are read again, added or
    removed, and a line says so.

    Without a PATH, the datasets are geonames-all-cities-with-a-population-1000 and
    geonames-countries. The options from --latency to --seed make the portal slow and unreliable.

    The first signal lets running requests finish for the time of --grace, and the second one ends
    the portal at once.
    """
    operation = Operation(**{one.name: options.pop(one.name) for one in fields(Operation)})
    operation.refuse_contradictions(paths, seed=options["seed"], quota=options["quota"])
    faults = read_faults(**options)
    listener = inherited()
    with logged(access=operation.access_log), contextlib.suppress(KeyboardInterrupt):
        if operation.workers > 1 and listener is None:
            run(_until_cancelled(_supervise(operation, host, port)))
        else:
            run(_until_cancelled(_serve(paths, host, port, operation, faults, listener)))
    if listener is None:
        click.echo("Stopped.", err=True)


async def _until_cancelled(work: Coroutine[Any, Any, None]) -> None:
    """Run the work; a signal cancels it, and that is its usual end."""
    with contextlib.suppress(asyncio.CancelledError):
        await work


async def _serve(
    paths: tuple[Path, ...],
    host: str,
    port: int,
    operation: Operation,
    faults: Faults,
    listener: socket | None,
) -> None:
    from explore_async.portal import Store, load_countries, load_files, load_geonames
    from explore_async.portal import serve as serve_store
    from explore_async.portal.watching import WatchedFiles, watching

    stop = asyncio.Event()
    if listener is not None:
        obey(partial(asyncio.get_running_loop().call_soon_threadsafe, stop.set))
    watched: AbstractAsyncContextManager[None] = contextlib.nullcontext()
    with Store(**operation.store_options()) as store:
        if operation.watch:
            watched = watching(WatchedFiles(store, *paths), partial(click.echo, err=True))
        elif paths:
            load_files(store, *paths)
        else:
            load_geonames(store)
            load_countries(store)
        store.lock()
        with _listening(host, port):
            async with serve_store(
                store,
                host=host,
                port=port,
                extend=faults.install,
                timeout=operation.query_timeout or None,
                grace=operation.grace,
                listener=listener,
            ) as base_url:
                _announce(base_url, hint=listener is None)
                async with watched:
                    await stop.wait()


async def _supervise(operation: Operation, host: str, port: int) -> None:
    if os.name != "posix":
        msg = "--workers needs a POSIX system, to hand over a socket. Use one worker."
        raise click.UsageError(msg)
    with _listening(host, port):
        listener = listen(host, port)
    with listener:
        host, port = listener.getsockname()[:2]
        ready = partial(_announce, f"http://{host}:{port}", hint=True)
        await supervise(listener, operation.workers, grace=operation.grace, ready=ready)


def _announce(base_url: str, *, hint: bool) -> None:
    click.echo(f"{base_url}/api/explore/v2.1")
    if hint:
        click.echo("Press Ctrl-C to stop.", err=True)


@contextlib.contextmanager
def _listening(host: str, port: int) -> Iterator[None]:
    """Report an address that cannot be listened on."""
    try:
        yield
    except OSError as error:
        reason = f"Cannot listen on {host}:{port}: {error.strerror}"
        msg = f"{reason}. Choose another --host or --port."
        raise click.ClickException(msg) from None
