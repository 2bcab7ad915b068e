"""The options of `explore serve` for a portal that many use: its limits, processes and log."""

from __future__ import annotations

import contextlib
import logging
import sys
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from explore_async.cli.faults import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

__all__ = ["Operation", "logged", "operation_options"]


@frozen(kw_only=True)
class Operation:
    """How a portal runs; times are in seconds.

    Attributes:
        workers: the number of processes.
        memory_limit: the memory that DuckDB may use in each, such as `2GB`; None for its default.
        query_timeout: the time that a query may take; 0 for any.
        grace: the time that running requests have to finish when the portal stops.
        access_log: whether to write a line for each request to standard error.
        watch: whether to read files again when they change.
    """

    workers: int
    memory_limit: str | None
    query_timeout: float
    grace: float
    access_log: bool
    watch: bool

    def refuse_contradictions(
        self, paths: Sequence[Path], *, seed: int | None, quota: object
    ) -> None:
        """Refuse several processes where each would count or watch by itself, and empty watches.

        Raises:
            UsageError: there are several workers and a seed, a quota or a watch; or there is a
                watch and no path.
        """
        if self.watch and not paths:
            msg = "--watch needs the PATH of a file or a folder."
            raise click.UsageError(msg)
        if self.workers > 1 and self.watch:
            msg = (
                "--watch and --workers contradict each other: each worker would read a file at "
                "another moment. Use one worker."
            )
            raise click.UsageError(msg)
        name = "--seed" if seed is not None else "--quota" if quota is not None else None
        if self.workers > 1 and name is not None:
            msg = (
                f"{name} and --workers contradict each other: each worker would count its own "
                "requests. Use one worker."
            )
            raise click.UsageError(msg)

    def store_options(self) -> dict[str, Any]:
        """Return the options of the store: all workers together use what one would."""
        from explore_async.portal.database import shares

        if self.workers == 1:
            return {"memory_limit": self.memory_limit}
        memory, threads = shares(self.workers)
        return {"memory_limit": self.memory_limit or memory, "threads": threads}


@contextlib.contextmanager
def logged(*, access: bool) -> Iterator[None]:
    """Write the access log to standard error while the block runs, if it is wanted."""
    if not access:
        yield
        return
    from explore_async.portal.access_log import ACCESS_LOG

    handler = logging.StreamHandler(sys.stderr)
    ACCESS_LOG.addHandler(handler)
    ACCESS_LOG.setLevel(logging.INFO)
    try:
        yield
    finally:
        ACCESS_LOG.removeHandler(handler)
        ACCESS_LOG.setLevel(logging.NOTSET)


_OPTIONS = (
    click.option(
        "--workers",
        type=click.IntRange(1),
        default=1,
        show_default=True,
        help="Number of processes.",
    ),
    click.option(
        "--memory-limit",
        metavar="SIZE",
        help="Memory of the queries of a process, such as 2GB; else 80 % for all processes.",
    ),
    click.option(
        "--query-timeout",
        type=duration,
        default="30s",
        show_default=True,
        metavar="TIME",
        help="Time that a query may take; 0s for any.",
    ),
    click.option(
        "--grace",
        type=duration,
        default="5s",
        show_default=True,
        metavar="TIME",
        help="Time that running requests have to finish after a signal.",
    ),
    click.option("--watch", is_flag=True, help="Read files again when they change."),
    click.option("--access-log", is_flag=True, help="Print a line for each request to stderr."),
)


def operation_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of an `Operation`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
