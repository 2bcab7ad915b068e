"""The command line: `explore`.

    explore demo
    explore records --url https://opendata.paris.fr DATASET --where "capacity > 30" --limit 5
    explore export --url https://opendata.paris.fr DATASET -o stations.jsonl

The portal comes from `--url` or EXPLORE_URL, an API key from EXPLORE_API_KEY only: on a command
line every user of the machine could read it. Exit status: 0 done, 1 it failed and says why on
standard error, 2 wrong usage, 128 and its number where a signal ended it. The first Ctrl-C cleans
up, the second ends the program at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import signal
import sys
from functools import partial
from pathlib import Path
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any

import click
import orjson
from attrs import evolve

import odsql
from explore_async.cli.demo import demo as run_demo
from explore_async.cli.display import FACET_VALUES, bars, printable, progress_bar, table
from explore_async.cli.schemas import (
    broken_queries,
    compare,
    fetch_schemas,
    make_folder,
    save_schema,
)
from explore_async.client import ExploreClient
from explore_async.errors import ExploreError
from explore_async.events import BytesEvent
from explore_async.models import DatasetInfo, Progress
from explore_async.operations import DATASET_FORMATS
from explore_async.results.files import file_name
from odsql import F, Query, facet
from odsql.schema import load_schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping

    from explore_async.events import Event
    from explore_async.models import Row
    from odsql.schema import Schema

__all__ = ["main"]


_SIGNALLED = 128
_ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_PATIENCE = 1.0  # seconds
_HIDDEN_CONTROLS = re.compile("[\x7f-\x9f]")


class _Commands(click.Group):
    """Commands whose failures are one message and exit status 1, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command and turn the errors that a user can mend into messages."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()  # now, when what goes wrong can still be said
        except (ExploreError, odsql.ODSQLError) as error:
            # A server's words may be part of it, and could send commands to the terminal.
            raise click.ClickException(printable(str(error))) from None
        except KeyboardInterrupt:
            click.echo("Aborted!", err=True)
            raise SystemExit(_SIGNALLED + signal.SIGINT) from None
        except OSError as error:
            if error.errno == errno.EPIPE:  # the reader of a pipe has left; click ends quietly
                raise
            _drop_output()
            reason = error.strerror or str(error)
            msg = f"The output cannot be written: {reason}. Check the disk and where it goes."
            raise click.ClickException(msg) from None
        return result


def _drop_output() -> None:
    """What could not be written must not be tried, and complained of, once more at the end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(odsql.__version__, package_name="explore-async", prog_name="explore")
def main() -> None:
    """Ask open data portals that publish through the Explore API v2.1."""
    for stream in (sys.stdout, sys.stderr):
        # What the terminal's encoding lacks is shown as an escape, and is no reason to fail.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _run(work: Coroutine[Any, Any, None]) -> None:
    """Do the work until it is done, or a signal ends it.

    The first signal cancels the work, which then removes what it has begun. The second ends the
    program at once, wherever it is: the system does that, so that not even a disk that hangs can
    hold it up.

    Raises:
        KeyboardInterrupt: it was SIGINT, as Ctrl-C sends.
        SystemExit: it was another one; the status is 128 and its number, as shells have it.
    """
    caught: list[int] = []
    try:
        asyncio.run(_until_signalled(work, caught))
    except asyncio.CancelledError:
        if signal.SIGINT in caught:
            raise KeyboardInterrupt from None
        raise SystemExit(_SIGNALLED + caught[0] if caught else 1) from None


async def _until_signalled(work: Coroutine[Any, Any, None], caught: list[int]) -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()

    def cancel() -> None:
        if task is not None:
            task.cancel()
        say = partial(click.echo, "Cleaning up. Once more ends it at once.", err=True)
        loop.call_later(_PATIENCE, say)

    def stop(number: int, _: object) -> None:
        if caught:
            return
        caught.append(number)
        for ending in before:
            signal.signal(ending, signal.SIG_DFL)
        loop.call_soon_threadsafe(cancel)

    before: dict[int, Any] = {}
    # Outside of the main thread signals are not ours.
    for ending in _ENDING if current_thread() is main_thread() else ():
        # Ignored behind nohup, and None where another language has its handler.
        if signal.getsignal(ending) in (signal.SIG_IGN, None):
            continue
        before[ending] = signal.getsignal(ending)
        # This wakes the loop up. The handler alone would wait for it where the signal comes to
        # another thread, or just before the loop begins to wait: it runs in the main thread.
        with contextlib.suppress(NotImplementedError):  # the loop of Windows always wakes up
            loop.add_signal_handler(ending, stop, ending, None)
        signal.signal(ending, stop)  # at once, also where the loop is busy
    try:
        await work
    finally:
        for ending, handler in before.items():
            with contextlib.suppress(NotImplementedError):
                loop.remove_signal_handler(ending)
            signal.signal(ending, signal.SIG_DFL if caught else handler)


def _client(url: str) -> ExploreClient:
    # Only from the environment: every user of the machine can read a command line.
    return ExploreClient(url, auth=os.environ.get("EXPLORE_API_KEY") or None)


# ---------------------------------------------------------------- options


def _portal_option(command: Callable[..., None]) -> Callable[..., None]:
    return click.option(
        "--url", envvar="EXPLORE_URL", required=True, help="The portal. [env: EXPLORE_URL]"
    )(command)


def _filter_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in (
        ("--where", "Condition; several are ANDed."),
        ("--refine", "Facet filter, facet:value."),
        ("--exclude", "Facet value to leave out, facet:value."),
    ):
        command = click.option(name, multiple=True, metavar="ODSQL", help=text)(command)
    return click.option("--timezone", metavar="NAME", help="Time zone of datetimes.")(command)


def _shape_options(command: Callable[..., None]) -> Callable[..., None]:
    for name, text in (
        ("--select", "What to return."),
        ("--group-by", "What to group by."),
        ("--order-by", "What to order by."),
    ):
        command = click.option(name, metavar="ODSQL", help=text)(command)
    return click.option("--lang", metavar="CODE", help="Language of names, fr for example.")(
        command
    )


def _limit_option(default: int | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "--limit", type=click.IntRange(min=0), default=default, show_default=True, help="Most rows."
    )


_FORMAT = click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="How to print.",
)


def _query(**clauses: Any) -> Query:
    given = {name: value for name, value in clauses.items() if value not in (None, ())}
    return Query(**given)


def _print_rows(rows: Iterable[Row], layout: str) -> None:
    if layout == "table":
        click.echo(table(list(rows)))
        return
    for row in rows:
        # Bytes, because JSON Lines is UTF-8 whatever the terminal's encoding is.
        click.echo(_HIDDEN_CONTROLS.sub(_escaped, orjson.dumps(row).decode()).encode())


def _escaped(control: re.Match[str]) -> str:
    """A control character that JSON allows in a text, so that a terminal does not obey it."""
    return f"\\u{ord(control[0]):04x}"


# ---------------------------------------------------------------- commands


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8021, show_default=True)
def serve(host: str, port: int) -> None:
    """Serve a local portal with the cities of the world, until interrupted."""
    try:
        _run(_serve(host, port))
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
            reason = f"cannot listen on {host}:{port}: {error.strerror}"
            msg = f"{reason}; choose another --host or --port"
            raise click.ClickException(msg) from None


@main.command()
@_portal_option
@_filter_options
@_limit_option(20)
@_FORMAT
def datasets(url: str, limit: int, layout: str, **filters: Any) -> None:
    """List the datasets of a portal."""
    _run(_datasets(url, _query(**filters), limit, layout))


async def _datasets(url: str, query: Query, limit: int, layout: str) -> None:
    async with _client(url) as client:
        rows = await client.datasets(query, max_rows=limit).to_list()
    if layout == "jsonl":
        _print_rows(rows, layout)
        return
    click.echo(table([_summary(DatasetInfo.from_json(row)) for row in rows], cell_width=60))


def _summary(info: DatasetInfo) -> Row:
    default = info.metas.get("default")
    metas = default if isinstance(default, dict) else {}
    return {
        "dataset_id": info.dataset_id,
        "records": metas.get("records_count"),
        "title": metas.get("title"),
    }


@main.command()
@click.argument("dataset")
@_portal_option
@_filter_options
@_shape_options
@_limit_option(10)
@click.option("--offset", type=click.IntRange(min=0), help="Rows to skip.")
@_FORMAT
def records(dataset: str, url: str, limit: int, layout: str, **clauses: Any) -> None:
    """Print rows of a dataset, pages fetched concurrently."""
    _run(_records(dataset, url, _query(**clauses), limit, layout))


async def _records(dataset: str, url: str, query: Query, limit: int, layout: str) -> None:
    async with _client(url) as client:
        rows = await client.dataset(dataset).records(query, max_rows=limit).to_list()
    _print_rows(rows, layout)


@main.command()
@click.argument("dataset")
@click.argument("names", nargs=-1)
@_portal_option
@_filter_options
@click.option(
    "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="Most values each."
)
@_FORMAT
def facets(
    dataset: str,
    names: tuple[str, ...],
    url: str,
    limit: int,
    layout: str,
    **filters: Any,
) -> None:
    """Print facets of a dataset with their counts; without NAMES, those it declares."""
    _run(_facets(dataset, names, url, _query(**filters), limit, layout))


async def _facets(
    dataset: str,
    names: tuple[str, ...],
    url: str,
    query: Query,
    limit: int,
    layout: str,
) -> None:
    wanted = [name if "(" in name else _facet(name, limit) for name in names]
    async with _client(url) as client:
        found = await client.dataset(dataset).facets(*wanted, query=query)
    for one in found:
        if layout == "table":
            click.echo(f"{printable(one.name)}\n{bars(one, limit=limit)}\n")
            continue
        if limit > len(one.values) == FACET_VALUES:
            click.echo(
                f"{printable(one.name)}: a portal lists {FACET_VALUES} values, and more only of "
                f"facets that are named here",
                err=True,
            )
        values = one.values[:limit]
        _print_rows(
            ({"facet": one.name, "value": each.value, "count": each.count} for each in values),
            layout,
        )


def _facet(name: str, limit: int) -> str:
    """What asks for a facet, and for more values than a portal lists unasked."""
    return str(facet(name, limit=limit) if limit > FACET_VALUES else F[name])


@main.command()
@click.argument("dataset")
@_portal_option
@_filter_options
@_shape_options
@_limit_option(None)
@click.option(
    "--format", "file_format", type=click.Choice(sorted(DATASET_FORMATS)), default="jsonl"
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File to write."
)
def export(
    dataset: str,
    url: str,
    file_format: str,
    output: Path | None,
    **clauses: Any,
) -> None:
    """Export all rows of a dataset to a file; jsonl is counted and proved whole."""
    path = output if output is not None else Path(file_name(dataset, file_format))
    _run(_export(dataset, url, _query(**clauses), file_format, path))


async def _export(dataset_id: str, url: str, query: Query, file_format: str, path: Path) -> None:
    async with _client(url) as client:
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
    """A bar that also moves while a slow portal fills one block."""
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


@main.group()
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
    _run(_pull(url, datasets, output))


async def _pull(url: str, datasets: tuple[str, ...], output: Path) -> None:
    async with _client(url) as client:
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
    _run(_diff(url, load_schemas(saved), queries))


async def _diff(url: str, saved: Mapping[str, Schema], queries: tuple[Path, ...]) -> None:
    async with _client(url) as client:
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


@main.command()
@click.option("--url", envvar="EXPLORE_URL", help="A portal; without it a local one is started.")
@click.option("--dataset", metavar="ID", help="A dataset of that portal.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="File for the export."
)
def demo(url: str | None, dataset: str | None, output: Path | None) -> None:
    """Show the main job end to end: query, concurrent pages and facets, a proved export."""
    _run(run_demo(url=url, dataset_id=dataset, output=output, connect=_client))
