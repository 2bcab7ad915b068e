"""`explore harvest`: whole datasets in folders, resumable and verified."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click
from attrs import define, field

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
    from collections.abc import Callable

    from explore_async.cli.options import Target
    from explore_async.events import Event
    from explore_async.harvest import Harvest, HarvestEvent, HarvestPlan, Manifest
    from explore_async.harvest.dask import DaskEngine

__all__ = ["harvest"]

_FORMATS = ("jsonl", "csv", "parquet", "geoparquet", "arrow", "duckdb")
_SHOWN = 10
_BETWEEN = 0.1  # seconds between two states of the line on a terminal
_STEP = 0.1  # share of the rows between two lines elsewhere


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
@click.option(
    "--format",
    "file_format",
    type=click.Choice(_FORMATS),
    default="jsonl",
    show_default=True,
    help="Format of the files.",
)
@click.option(
    "--compress",
    "compression",
    type=click.Choice(["gzip", "zstd"]),
    help="Compression of jsonl and csv; the other formats have their own.",
)
@click.option("--resume", is_flag=True, help="Go on with an unfinished harvest in the folder.")
@click.option("--dry-run", is_flag=True, help="Print the plan and what it costs; fetch nothing.")
@click.option(
    "--max-requests",
    type=click.IntRange(min=1),
    help="Refuse a plan that takes more requests, counting included.",
)
@click.option(
    "--wait-for-quota", is_flag=True, help="If the quota is used up, wait until it is reset."
)
@click.option(
    "--drift",
    type=click.Choice(["fail", "retry-partition", "accept"]),
    default="fail",
    show_default=True,
    help="What to do if the dataset changes meanwhile.",
)
@click.option(
    "--misfits",
    type=click.Choice(["fail", "null", "text"]),
    default="fail",
    show_default=True,
    help="What to do with values that do not fit the type of their field.",
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
    datasets: tuple[str, ...], url: str | None, output: str | None, dry_run: bool, **given: Any
) -> None:
    """Harvest whole datasets into folders, resumable and verified.

    DATASET is an identifier that `explore datasets` lists, or the address of a dataset in a browser
    or in the API, whose filters are kept. The files are in OUTPUT/DATASET. They are complete when
    there is a manifest.json; until then, --resume goes on after any interruption. The first Ctrl-C
    finishes the partitions in flight, the second stops at once.

    If one of several datasets fails, the others are harvested all the same; the exit status is 1.
    """
    names = ("strategy", "partition_rows", "split_by", "max_requests")
    planning = {name: given.pop(name) for name in names}
    running = {
        name: given.pop(name)
        for name in ("file_format", "compression", "resume", "wait_for_quota", "drift", "misfits")
    }
    running["engine"] = _engine(given.pop("engine"), given.pop("scheduler"))
    targets = [read_target(dataset, url, **given) for dataset in datasets]
    if dry_run:
        run(_plans(targets, planning))
        return
    if output is None:
        msg = "Pass the folder to write to with -o."
        raise click.UsageError(msg)
    work = _Work(output, {**planning, **running})
    run(work.harvests(targets), drain=work.drain)
    if work.failed:
        msg = f"{len(work.failed)} of {len(targets)} datasets failed: {', '.join(work.failed)}."
        raise click.ClickException(msg)


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


async def _plans(targets: list[Target], planning: dict[str, Any]) -> None:
    from explore_async.harvest import plan_harvest

    for target in targets:
        async with connect(target.url) as client:
            plan = await plan_harvest(client, target.dataset_id, target.query, **planning)
        click.echo(
            "\n\n".join(["", _described(plan)]) if target is not targets[0] else _described(plan)
        )


def _described(plan: HarvestPlan) -> str:
    number = len(plan.partitions)
    lines = [
        f"dataset    {plan.dataset_id}",
        f"strategy   {plan.strategy}: {plan.reason}",
        f"rows       {plan.rows:,} in {_number(number, 'partition')}",
        f"requests   {plan.quota:,}, of which {plan.planning_requests:,} are spent on planning",
    ]
    if plan.bytes is not None:
        lines.append(f"size       about {_size(plan.bytes)} as JSON Lines")
    if plan.split_by and number > 1:
        lines.append(f"split by   {', '.join(plan.split_by)}")
    lines += [f"note       {note}" for note in plan.notes]
    if number > 1:
        lines += ["", *(f"{one.expected:>9,}  {one.where}" for one in plan.partitions[:_SHOWN])]
    if number > _SHOWN:
        lines.append(f"... and {number - _SHOWN:,} more")
    return "\n".join(lines)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _size(number: int) -> str:
    size = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    raise AssertionError


@define
class _Work:
    """The harvests of several datasets, one after the other.

    Attributes:
        output: the folder, or the URL of a store.
        options: the options of each harvest.
        failed: the datasets that failed.
    """

    output: str
    options: dict[str, Any]
    failed: list[str] = field(factory=list)
    _running: Harvest | None = None
    _draining: bool = False

    def drain(self) -> None:
        """End after the partitions in flight."""
        click.echo("Finishing what is in flight. Press Ctrl-C again to stop at once.", err=True)
        self._draining = True
        if self._running is not None:
            self._running.drain()

    async def harvests(self, targets: list[Target]) -> None:
        """Harvest all datasets; if there is only one, its error is raised."""
        from explore_async.cli.tables import printable
        from explore_async.errors import ExploreError

        for target in targets:
            if self._draining:
                self.failed.append(target.dataset_id)
                continue
            try:
                await self._harvest(target)
            except ExploreError as error:
                if len(targets) == 1:
                    raise
                self.failed.append(target.dataset_id)
                click.echo(f"{target.dataset_id}: {printable(str(error))}", err=True)

    async def _harvest(self, target: Target) -> None:
        from explore_async.harvest import harvest

        async with connect(target.url) as client:
            self._running = harvest(
                client, target.dataset_id, self.output, target.query, **self.options
            )
            lines = _Lines(target.dataset_id, lambda: client.quota.remaining)
            end = client.subscribe(lines.hear)
            try:
                async for event in self._running:
                    lines.tell(event)
            finally:
                end()
                lines.clear()


class _Lines:
    """What happens, on standard error: lines, and on a terminal one more that changes."""

    def __init__(self, dataset_id: str, calls_left: Callable[[], int | None]) -> None:
        self._name = dataset_id
        self._calls_left = calls_left
        self._live = sys.stderr.isatty()
        self._begun = self._drawn = time.monotonic()
        self._bytes = self._rows = self._fetched = self._total = 0
        self._said = 0.0
        self._width = 0

    def hear(self, event: Event) -> None:
        """Take an event of the client."""
        from explore_async.events import BytesEvent, PageEvent

        if isinstance(event, BytesEvent | PageEvent):
            self._bytes = event.received if isinstance(event, BytesEvent) else self._bytes
            self._draw()

    def tell(self, event: HarvestEvent) -> None:
        """Print what a harvest tells."""
        from explore_async.cli.tables import printable
        from explore_async.harvest import (
            Changed,
            Committed,
            Finished,
            Planned,
            Resumed,
            Retried,
            Split,
        )

        match event:
            case Planned(plan=plan):
                self._total = plan.rows
                parts = _number(len(plan.partitions), "partition")
                self._say(
                    f"{plan.rows:,} rows by {plan.strategy} ({plan.reason}), {parts}, "
                    f"{_number(plan.requests, 'request')}"
                )
            case Resumed():
                self._rows = event.rows
                self._say(
                    f"going on with {event.finished:,} of {event.partitions:,} partitions finished"
                )
            case Committed():
                self._fetched += event.file.rows
                self._rows, self._total = event.rows, event.total
                self._progress()
            case Retried():
                self._say(f"partition {event.partition.number} again: {printable(event.why)}")
            case Split():
                self._say(
                    f"partition {event.partition.number} in {len(event.into)} parts: "
                    f"{printable(event.why)}"
                )
            case Changed():
                self._say(f"{'; '.join(map(printable, event.changes))}")
            case Finished(manifest=manifest):
                self._say(_complete(manifest))

    def clear(self) -> None:
        """Remove the line that changes."""
        if self._width:
            click.echo("\r" + " " * self._width + "\r", nl=False, err=True)
            self._width = 0

    def _progress(self) -> None:
        if self._live:
            self._draw()
            return
        share = self._rows / self._total if self._total else 1.0
        if self._rows < self._total and share >= self._said + _STEP:
            self._said = share
            self._say(f"{self._rows:,} of {self._total:,} rows")

    def _say(self, text: str) -> None:
        self.clear()
        click.echo(f"{self._name}: {text}", err=True)

    def _draw(self) -> None:
        now = time.monotonic()
        if not self._live or now < self._drawn + _BETWEEN:
            return
        self._drawn = now
        rate = self._fetched / (now - self._begun)
        left = f", {(self._total - self._rows) / rate:.0f} s left" if rate else ""
        received = f", {_size(self._bytes)} received" if self._bytes else ""
        calls = self._calls_left()
        quota = "" if calls is None else f", {calls:,} calls left"
        line = f"{self._name}: {self._rows:,} of {self._total:,} rows{received}{left}{quota}"
        self.clear()
        self._width = len(line)
        click.echo(line, nl=False, err=True)


def _complete(manifest: Manifest) -> str:
    changed = f"; changed meanwhile: {'; '.join(manifest.changes)}" if manifest.changes else ""
    misfits = "".join(
        f"; {count:,} values of {name} did not fit" for name, count in manifest.misfits.items()
    )
    return (
        f"complete: {manifest.rows:,} rows, {manifest.bytes:,} bytes in "
        f"{_number(len(manifest.files), 'file')}{misfits}{changed}"
    )
