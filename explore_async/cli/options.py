"""The options that several commands share, the query they make, and the client to send it with."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from explore_async.client import ExploreClient
from odsql import Query

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FORMAT_OPTION",
    "connect",
    "filter_options",
    "limit_option",
    "make_query",
    "portal_option",
    "shape_options",
]


def connect(url: str) -> ExploreClient:
    """Make a client for a portal, with the API key of EXPLORE_API_KEY if there is one."""
    # Only from the environment: every user of the machine can read a command line.
    return ExploreClient(url, auth=os.environ.get("EXPLORE_API_KEY") or None)


def portal_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--url`."""
    return click.option(
        "--url", envvar="EXPLORE_URL", required=True, help="The portal. [env: EXPLORE_URL]"
    )(command)


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--where`, `--refine`, `--exclude` and `--timezone`."""
    for name, text in (
        ("--where", "Condition; several are ANDed."),
        ("--refine", "Facet filter, facet:value."),
        ("--exclude", "Facet value to leave out, facet:value."),
    ):
        command = click.option(name, multiple=True, metavar="ODSQL", help=text)(command)
    return click.option("--timezone", metavar="NAME", help="Time zone of datetimes.")(command)


def shape_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--select`, `--group-by`, `--order-by` and `--lang`."""
    for name, text in (
        ("--select", "What to return."),
        ("--group-by", "What to group by."),
        ("--order-by", "What to order by."),
    ):
        command = click.option(name, metavar="ODSQL", help=text)(command)
    return click.option("--lang", metavar="CODE", help="Language of names, fr for example.")(
        command
    )


def limit_option(default: int | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add `--limit`."""
    return click.option(
        "--limit", type=click.IntRange(min=0), default=default, show_default=True, help="Most rows."
    )


FORMAT_OPTION = click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="How to print.",
)


def make_query(**clauses: Any) -> Query:
    """Make the query of the options that were given."""
    given = {name: value for name, value in clauses.items() if value not in (None, ())}
    return Query(**given)
