"""`explore mirror`: the datasets of a portal in folders, brought up to date by each run."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from explore_async.cli.live import LiveLine, Received, counted, pace, size
from explore_async.cli.options import connect, examples, file_options, read_catalog
from explore_async.cli.running import run
from explore_async.cli.tables import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from explore_async.cli.options import Target
    from explore_async.client import ExploreClient
    from explore_async.events import Event
    from explore_async.harvest import Mirror, Mirrored, MirrorEvent, MirrorReport
    from explore_async.harvest.mirror_events import Change

__all__ = ["mirror"]

_OUTCOMES: tuple[Change, ...] = ("new", "changed", "unchanged", "closed", "failed")
_STEP = 0.1  # share of the datasets between two lines without a terminal


@click.command(
    epilog=examples(
        "explore mirror https://opendata.paris.fr -o paris --format parquet",
        "explore mirror https://opendata.paris.fr -o paris --include 'velib-*' --dry-run",
    )
)
@click.argument("url", metavar="URL", envvar="EXPLORE_URL")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(file_okay=False),
    help="Folder of the mirror; each dataset gets a folder of its name in it.",
)
@click.option(
    "--include", multiple=True, metavar="GLOB", help="Mirror only these datasets. Repeatable."
)
@click.option("--exclude", multiple=True, metavar="GLOB", help="Leave these out. Repeatable.")
@click.option(
    "--where",
    multiple=True,
    metavar="ODSQL",
    help="Condition for the datasets, on their metadata. Repeatable; all must hold.",
)
@click.option(
    "--refine",
    multiple=True,
    metavar="FACET:VALUE",
    help="Mirror only datasets with this value of a facet of the catalog. Repeatable.",
)
@file_options(drift="retry-partition", at_once=12)
@click.option("--dry-run", is_flag=True, help="Read the catalog, and print what would be done.")
def mirror(
    url: str,
    output: str,
    where: tuple[str, ...],
    refine: tuple[str, ...],
    dry_run: bool,
    **given: Any,
) -> None:
    """Mirror a portal in folders that each run brings up to date.

    Each dataset has a folder with its rows, schema, metadata and attachments. URL is the portal, or
    the address of its catalog with filters, which are kept. The first run fetches all datasets;
    later ones fetch those whose rows changed since, and go on after any interruption. The first
    Ctrl-C finishes what is in flight, the second stops at once.

    A dataset that fails does not stop the others, and keeps what it had; then the exit status is 1.
    Datasets that are gone from the portal are kept, and listed.
    """
    target = read_catalog(url, where=where, refine=refine)
    if target.dataset_id:
        msg = (
            f"The URL is that of the dataset {target.dataset_id}. Pass the URL of the portal, and "
            f"--include {target.dataset_id}."
        )
        raise click.UsageError(printable(msg))
    work = _Work(target, output, given)
    failed = run(work.plan()) if dry_run else run(work.mirrored(), drain=work.drain)
    if failed:
        msg = f"{counted(len(failed), 'dataset')} failed: {', '.join(failed)}."
        raise click.ClickException(printable(msg))


class _Work:
    """One run."""

    def __init__(self, target: Target, output: str, options: dict[str, Any]) -> None:
        self._target = target
        self._output = output
        self._options = options
        self._running: Mirror | None = None

    async def plan(self) -> list[str]:
        """Print what would be done; return the datasets that would fail."""
        async with connect(self._target.url) as client:
            planned = await self._mirror(client).plan()
        _refuse_none(planned)
        for one in planned:
            if one.outcome != "unchanged":
                click.echo(_described(one))
        click.echo(_counts(planned))
        return [one.dataset_id for one in planned if one.outcome == "failed"]

    async def mirrored(self) -> list[str]:
        """Mirror all datasets; return those that failed."""
        from explore_async.harvest import Listed

        async with connect(self._target.url) as client:
            self._running = self._mirror(client)
            display = MirrorDisplay(lambda: client.quota.remaining)
            end = client.subscribe(display.hear)
            try:
                async with aclosing(self._running.events()) as events:
                    async for event in events:
                        if isinstance(event, Listed):
                            _refuse_none(event.datasets)
                        display.tell(event)
            finally:
                end()
                display.clear()
        return display.failed

    def drain(self) -> None:
        """End after what is in flight."""
        if self._running is not None:
            click.echo("Finishing what is in flight. Press Ctrl-C again to stop at once.", err=True)
            self._running.drain()

    def _mirror(self, client: ExploreClient) -> Mirror:
        from explore_async.harvest import mirror

        return mirror(client, self._output, self._target.query, **self._options)


def _refuse_none(datasets: Sequence[object]) -> None:
    """Refuse filters that no dataset matches, as a wrong name would be.

    Raises:
        ClickException: there is no dataset.
    """
    if not datasets:
        msg = "No dataset of the portal matches. Check --include, --exclude, --where and --refine."
        raise click.ClickException(msg)


class MirrorDisplay:
    """What happens in a mirror: lines, and on a terminal one more that changes.

    Args:
        calls_left: tells how many calls the quota has left; None if it is not known.
        clock: seconds from any moment.

    Attributes:
        failed: the datasets that failed.
    """

    def __init__(
        self, calls_left: Callable[[], int | None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.failed: list[str] = []
        self._calls_left = calls_left
        self._clock = clock
        self._begun = clock()
        self._datasets = self._done = 0
        self._said = 0.0
        self._received = Received()
        self._line = LiveLine(clock)

    def hear(self, event: Event) -> None:
        """Take an event of the client."""
        if self._received.hear(event):
            self._line.draw(self._state)

    def tell(self, event: MirrorEvent) -> None:
        """Print what a mirror tells."""
        from explore_async.harvest import Listed, Mirrored, MirrorFinished

        match event:
            case Listed(datasets=datasets):
                self._datasets = len(datasets)
                self._line.say(f"{counted(len(datasets), 'dataset')} to mirror")
            case Mirrored():
                self._done += 1
                if event.outcome == "failed":
                    self.failed.append(event.dataset_id)
                if event.outcome in ("changed", "failed", "new"):
                    self._line.say(_described(event))
                self._progress()
            case MirrorFinished(report=report):
                self._finish(report)

    def clear(self) -> None:
        """Remove the line that changes."""
        self._line.clear()

    def _progress(self) -> None:
        if self._line.live:
            self._line.draw(self._state)
            return
        share = self._done / self._datasets
        if self._done < self._datasets and share >= self._said + _STEP:
            self._said = share
            self._line.say(f"{self._done:,} of {counted(self._datasets, 'dataset')}")

    def _state(self) -> str:
        calls = self._calls_left()
        left = self._datasets - self._done
        return (
            f"{self._done:,} of {counted(self._datasets, 'dataset')}"
            f"{self._received}"
            f"{pace(self._done, left, self._clock() - self._begun, 'datasets')}"
            f"{'' if calls is None else f', {calls:,} calls left'}"
        )

    def _finish(self, report: MirrorReport) -> None:
        if report.gone:
            names = printable(", ".join(report.gone))
            self._line.say(f"gone from the portal, but kept: {names}")
        state = "not complete" if self.failed else "complete"
        self._line.say(f"{state}: {_counts(report.datasets)}")


def _described(one: Mirrored) -> str:
    rows = "" if one.rows is None else f", {counted(one.rows, 'row')}"
    bytes_ = "" if one.bytes is None else f", {size(one.bytes)}"
    said = f"{one.dataset_id}: {one.outcome}{rows}{bytes_}"
    if one.changes:
        said = f"{said} ({'; '.join(one.changes)})"
    return printable(said if one.error is None else f"{said}: {one.error}")


def _counts(datasets: Sequence[Mirrored]) -> str:
    found = Counter(one.outcome for one in datasets)
    parts = [f"{found[name]:,} {name}" for name in _OUTCOMES if found[name]]
    return f"{counted(len(datasets), 'dataset')}, {', '.join(parts)}" if parts else "no datasets"
