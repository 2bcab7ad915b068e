"""How plans and harvests are told: one display for all datasets of a command."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from attrs import define

from explore_async.cli.live import LiveLine, Received, counted, pace, size
from explore_async.cli.tables import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from explore_async.events import Event
    from explore_async.harvest import HarvestEvent, HarvestPlan, Manifest, Since

__all__ = ["HarvestDisplay", "described", "total_of"]

_SHOWN = 10
_STEP = 0.1  # share of the rows between two lines without a terminal


def described(plan: HarvestPlan) -> str:
    """Return what a plan does and costs, in lines."""
    number = len(plan.partitions)
    lines = [f"dataset    {plan.dataset_id}"]
    if plan.since is not None:
        lines.append(f"since      {_taken_over(plan.since)}")
    lines += [
        f"strategy   {plan.strategy}: {plan.reason}",
        f"rows       {plan.rows:,} in {counted(number, 'partition')}",
        f"requests   {plan.quota:,}, of which {plan.planning_requests:,} are spent on planning",
    ]
    if plan.bytes is not None:
        lines.append(f"size       about {size(plan.bytes)} as JSON Lines")
    if plan.split_by and number > 1:
        lines.append(f"split by   {', '.join(plan.split_by)}")
    lines += [f"note       {note}" for note in plan.notes]
    if number > 1:
        lines += ["", *(f"{one.expected:>9,}  {one.where}" for one in plan.partitions[:_SHOWN])]
    if number > _SHOWN:
        lines.append(f"... and {number - _SHOWN:,} more")
    return printable("\n".join(lines))


def total_of(plans: Sequence[HarvestPlan]) -> str:
    """Return what several plans cost together, in one line."""
    known = [plan.bytes for plan in plans if plan.bytes is not None]
    about = f", about {size(sum(known))} as JSON Lines" if len(known) == len(plans) else ""
    return (
        f"total      {counted(sum(plan.rows for plan in plans), 'row')} of "
        f"{counted(len(plans), 'dataset')} in "
        f"{counted(sum(plan.quota for plan in plans), 'request')}{about}"
    )


def _taken_over(since: Since) -> str:
    if since.outcome == "unchanged":
        return f"unchanged: {counted(since.rows, 'row')} are kept, and nothing is fetched"
    why = "; ".join(since.changes)
    if since.outcome == "grown":
        return f"grown: {counted(since.rows, 'row')} are kept, the others are fetched ({why})"
    return f"replaced: all rows are fetched ({why})"


@define
class _Progress:
    """The rows of one dataset: all, those that are there, those fetched now, and the last told.

    Partitions below `first` are files that are kept, which takes no time.
    """

    total: int = 0
    rows: int = 0
    fetched: int = 0
    first: int = 0
    said: float = 0.0
    ended: bool = False


class HarvestDisplay:
    """What happens in some harvests: lines, and on a terminal one more that changes.

    Args:
        names: the datasets.
        calls_left: tells how many calls the quota has left; None if it is not known.
        clock: seconds from any moment.
    """

    def __init__(
        self,
        names: Sequence[str],
        calls_left: Callable[[], int | None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._all = {name: _Progress() for name in names}
        self._calls_left = calls_left
        self._clock = clock
        self._begun = clock()
        self._received = Received()
        self._line = LiveLine(clock)

    def hear(self, event: Event) -> None:
        """Take an event of a client."""
        if self._received.hear(event):
            self._line.draw(self._state)

    def tell(self, name: str, event: HarvestEvent) -> None:
        """Print what a harvest tells."""
        from explore_async.harvest import (
            Changed,
            Committed,
            Failed,
            Finished,
            Planned,
            Resumed,
            Retried,
            Split,
        )

        one = self._all[name]
        match event:
            case Planned(plan=plan):
                kept = 0 if plan.since is None else plan.since.rows
                one.total, one.rows, one.fetched = plan.rows + kept, 0, 0
                one.first = plan.partitions[0].number if plan.partitions else 0
                self._say(name, _planned(plan))
            case Resumed():
                one.rows, one.total = event.rows, event.total
                self._say(
                    name,
                    f"going on with {event.finished:,} of {event.partitions:,} partitions finished",
                )
            case Committed():
                one.fetched += event.file.rows if event.partition.number >= one.first else 0
                one.rows, one.total = event.rows, event.total
                self._progress(name, one)
            case Retried():
                self._say(name, f"partition {event.partition.number} again: {event.why}")
            case Split():
                parts = counted(len(event.into), "part")
                self._say(name, f"partition {event.partition.number} in {parts}: {event.why}")
            case Changed():
                self._say(name, "; ".join(event.changes))
            case Finished(manifest=manifest):
                one.ended = True
                self._say(name, _complete(manifest))
            case Failed(error=error):
                one.ended = True
                self._say(name, str(error))

    def say(self, text: str) -> None:
        """Print a line about all datasets."""
        self._line.say(text)

    def clear(self) -> None:
        """Remove the line that changes."""
        self._line.clear()

    def _say(self, name: str, text: str) -> None:
        self._line.say(printable(f"{name}: {text}"))

    def _progress(self, name: str, one: _Progress) -> None:
        if self._line.live:
            self._line.draw(self._state)
            return
        share = one.rows / one.total if one.total else 1.0
        if one.rows < one.total and share >= one.said + _STEP:
            one.said = share
            self._say(name, f"{one.rows:,} of {one.total:,} rows")

    def _state(self) -> str:
        """Return the line that changes."""
        every = self._all.values()
        rows, total = sum(one.rows for one in every), sum(one.total for one in every)
        first = next(iter(self._all))
        if len(self._all) > 1:
            ended = sum(one.ended for one in every)
            first = f"{ended:,} of {counted(len(self._all), 'dataset')}"
        # Until all are planned, nobody knows what is left.
        left = total - rows if all(one.total or one.ended for one in every) else None
        fetched = sum(one.fetched for one in every)
        calls = self._calls_left()
        return printable(
            f"{first}{':' if len(self._all) == 1 else ','} {rows:,} of {total:,} rows"
            f"{self._received}"
            f"{pace(fetched, left, self._clock() - self._begun, 'rows')}"
            f"{'' if calls is None else f', {calls:,} calls left'}"
        )


def _planned(plan: HarvestPlan) -> str:
    told = ""
    if plan.since is not None:
        told = _taken_over(plan.since)
        if plan.since.outcome == "unchanged":
            return told
        told += "; "
    return (
        f"{told}{counted(plan.rows, 'row')} by {plan.strategy} ({plan.reason}), "
        f"{counted(len(plan.partitions), 'partition')}, {counted(plan.requests, 'request')}"
    )


def _complete(manifest: Manifest) -> str:
    changed = f"; changed meanwhile: {'; '.join(manifest.changes)}" if manifest.changes else ""
    misfits = "".join(
        f"; {counted(count, 'value')} of {name} did not fit"
        for name, count in manifest.misfits.items()
    )
    return (
        f"complete: {counted(manifest.rows, 'row')}, {manifest.bytes:,} bytes in "
        f"{counted(len(manifest.files), 'file')}{misfits}{changed}"
    )
