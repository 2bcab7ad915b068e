"""`explore harvest`: whole datasets in folders, resumable and verified."""

from __future__ import annotations

from collections import Counter
from contextlib import AsyncExitStack, aclosing
from typing import TYPE_CHECKING, Any

import click
from attrs import define, field

from explore_async.cli.harvested import HarvestDisplay, described, total_of
from explore_async.cli.options import (
    connect,
    examples,
    file_options,
    filter_options,
    limit_option,
    portal_option,
    read_target,
    shape_options,
)
from explore_async.cli.running import run
from explore_async.cli.tables import printable
from explore_async.models import safe_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from explore_async.cli.options import Target
    from explore_async.client import ExploreClient
    from explore_async.harvest import Harvest, HarvestEvent, HarvestPlan, Harvests
    from explore_async.harvest.dask import DaskEngine

__all__ = ["harvest"]

_OPTIONS = (
    "file_format", "compression", "misfits", "strategy", "partition_rows", "split_by",
    "max_requests", "since", "cursor_field", "drift", "resume", "wait_for_quota",
)  # fmt: skip


@click.command(
    epilog=examples(
        "explore harvest --url https://opendata.paris.fr les-arbres -o data --format parquet",
        "explore harvest --url https://opendata.paris.fr les-arbres -o data --dry-run",
    )
)
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@portal_option
@filter_options
@shape_options
@limit_option(None)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False),
    help="Folder, or URL of a store such as s3://bucket/data; each dataset gets a folder of its "
    "name in it. Needed, except with --dry-run.",
)
@file_options(drift="fail", at_once=4)
@click.option("--resume", is_flag=True, help="Go on with an unfinished harvest in the folder.")
@click.option("--dry-run", is_flag=True, help="Print the plan and what it costs; fetch nothing.")
@click.option(
    "--since",
    metavar="MANIFEST",
    help="Keep the files of a previous harvest that did not change: its manifest.json, its folder, "
    "or the folder of all datasets.",
)
@click.option(
    "--cursor-field",
    metavar="FIELD",
    help="Field whose values only grow. With it, a later harvest with --since fetches only the "
    "rows from its last value on.",
)
@click.option(
    "--max-requests",
    type=click.IntRange(min=1),
    help="Refuse a plan that takes more requests, counting included.",
)
@click.option(
    "--strategy",
    type=click.Choice(["export", "exports", "pages"]),
    help="How to get the rows; by default the cheapest way that works.",
)
@click.option(
    "--partition-rows",
    type=click.IntRange(min=1),
    help="Maximum number of rows of a partition.",
)
@click.option(
    "--split-by",
    multiple=True,
    metavar="FIELD",
    help="Field that cuts the dataset into partitions. Repeatable.",
)
@click.option(
    "--engine",
    type=click.Choice(["local", "dask"]),
    default="local",
    show_default=True,
    help="Where partitions are fetched: by this process, or by a cluster of Dask.",
)
@click.option("--scheduler", metavar="ADDRESS", help="Scheduler of the cluster, for --engine dask.")
def harvest(
    datasets: tuple[str, ...],
    url: str | None,
    output: str | None,
    dry_run: bool,
    at_once: int,
    **given: Any,
) -> None:
    """Harvest whole datasets into folders, resumable and verified.

    DATASET is an identifier that `explore datasets` lists, or the address of a dataset in a browser
    or in the API, whose filters are kept. The files are in OUTPUT/DATASET. They are complete when
    there is a manifest.json; until then, --resume goes on after any interruption. The first Ctrl-C
    finishes the partitions in flight, the second stops at once.

    If one of several datasets fails, the others are harvested all the same; the exit status is 1.
    """
    running = {name: given.pop(name) for name in _OPTIONS}
    running["engine"] = _engine(given.pop("engine"), given.pop("scheduler"))
    targets = [read_target(dataset, url, **given) for dataset in datasets]
    _refuse_one_folder(targets)
    if dry_run:
        failed = run(_plans(targets, running))
    elif output is None:
        msg = "Pass the folder to write to with -o."
        raise click.UsageError(msg)
    else:
        work = _Work(output, at_once, running)
        run(work.harvests(targets), drain=work.drain)
        failed = work.failed
    if failed:
        msg = f"{len(failed)} of {len(targets)} datasets failed: {', '.join(failed)}."
        raise click.ClickException(printable(msg))


def _refuse_one_folder(targets: list[Target]) -> None:
    """Refuse datasets whose folders have one name.

    Raises:
        UsageError: there are two.
    """
    name, number = Counter(safe_name(one.dataset_id) for one in targets).most_common(1)[0]
    if number > 1:
        msg = f"{number} of the datasets would be written to the folder {name}. Pass each one once."
        raise click.UsageError(msg)


def _engine(name: str, scheduler: str | None) -> DaskEngine | None:
    if name == "local":
        if scheduler is not None:
            msg = "--scheduler needs --engine dask."
            raise click.UsageError(msg)
        return None
    if scheduler is None:
        msg = "Pass the address of the scheduler with --scheduler, such as tcp://10.0.0.5:8786."
        raise click.UsageError(msg)
    from explore_async.harvest.dask import DaskEngine

    return DaskEngine(scheduler)


async def _plans(targets: list[Target], running: dict[str, Any]) -> list[str]:
    """Print the plan of each dataset; return those that have none.

    If there is only one, its error is raised.
    """
    from explore_async.errors import ExploreError
    from explore_async.harvest import harvest

    plans: list[HarvestPlan] = []
    failed = []
    async with AsyncExitStack() as stack:
        clients = await _clients(targets, stack)
        for one in targets:
            work = harvest(clients[one.url], one.dataset_id, "", one.query, **running)
            try:
                plan = await work.plan()
            except ExploreError as error:
                if len(targets) == 1:
                    raise
                failed.append(one.dataset_id)
                click.echo(printable(f"{one.dataset_id}: {error}"), err=True)
                continue
            click.echo(f"\n{described(plan)}" if plans else described(plan))
            plans.append(plan)
    if len(plans) > 1:
        click.echo(f"\n{total_of(plans)}")
    return failed


async def _clients(targets: list[Target], stack: AsyncExitStack) -> dict[str, ExploreClient]:
    """Return one client for each portal, because its limits are for all datasets."""
    urls = dict.fromkeys(one.url for one in targets)
    return {url: await stack.enter_async_context(connect(url)) for url in urls}


@define
class _Work:
    """The harvests of all datasets.

    Attributes:
        output: the folder, or the URL of a store.
        at_once: how many run at a time.
        options: the options of each harvest.
        failed: the datasets that failed.
    """

    output: str
    at_once: int
    options: dict[str, Any]
    failed: list[str] = field(factory=list)
    _running: Harvests | None = None
    _display: HarvestDisplay | None = None

    def drain(self) -> None:
        """End after the partitions in flight."""
        if self._running is not None and self._display is not None:
            self._display.say("Finishing what is in flight. Press Ctrl-C again to stop at once.")
            self._running.drain()

    async def harvests(self, targets: list[Target]) -> None:
        """Harvest all datasets; if there is only one, its error is raised."""
        from explore_async.harvest import harvest, harvest_all

        async with AsyncExitStack() as stack:
            clients = await _clients(targets, stack)
            works = [
                harvest(clients[one.url], one.dataset_id, self.output, one.query, **self.options)
                for one in targets
            ]
            self._running = harvest_all(works, at_once=self.at_once)
            self._display = HarvestDisplay(
                [one.dataset_id for one in targets], lambda: _calls_left(clients.values())
            )
            stack.callback(self._display.clear)
            for client in clients.values():
                stack.callback(client.subscribe(self._display.hear))
            events = await stack.enter_async_context(aclosing(self._running.events()))
            async for one, event in events:
                self._tell(one, event, alone=len(targets) == 1)

    def _tell(self, one: Harvest, event: HarvestEvent, *, alone: bool) -> None:
        from explore_async.harvest import Failed

        if isinstance(event, Failed):
            if alone:
                raise event.error
            self.failed.append(one.dataset_id)
        if self._display is not None:
            self._display.tell(one.dataset_id, event)


def _calls_left(clients: Iterable[ExploreClient]) -> int | None:
    """Return the calls that the portal with the fewest has left; None if none says."""
    left = [client.quota.remaining for client in clients]
    return min((one for one in left if one is not None), default=None)
