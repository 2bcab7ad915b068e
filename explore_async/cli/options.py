"""Options shared by several commands, and the query and the client made from them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from explore_async.client import ExploreClient
    from odsql import Query

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
    """Create a client for a portal, with the API key from EXPLORE_API_KEY if set."""
    from explore_async.client import ExploreClient

    # Only from the environment: every user of the machine can read a command line.
    return ExploreClient(url, auth=os.environ.get("EXPLORE_API_KEY") or None)


def portal_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--url`."""
    return click.option(
        "--url", envvar="EXPLORE_URL", required=True, help="URL of the portal, or set EXPLORE_URL."
    )(command)


def filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--where`, `--refine`, `--exclude` and `--timezone`."""
    return _with_options(
        command,
        click.option(
            "--where",
            multiple=True,
            metavar="ODSQL",
            help="Condition. Repeatable; all conditions must hold.",
        ),
        click.option(
            "--refine",
            multiple=True,
            metavar="FACET:VALUE",
            help="Keep only rows with this facet value. Repeatable.",
        ),
        click.option(
            "--exclude",
            multiple=True,
            metavar="FACET:VALUE",
            help="Leave out rows with this facet value. Repeatable.",
        ),
        click.option("--timezone", metavar="NAME", help="Time zone of datetimes; UTC by default."),
    )


def shape_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--select`, `--group-by`, `--order-by` and `--lang`."""
    return _with_options(
        command,
        click.option("--select", metavar="ODSQL", help="Fields and expressions to return."),
        click.option("--group-by", metavar="ODSQL", help="Fields and expressions to group by."),
        click.option("--order-by", metavar="ODSQL", help="Fields and expressions to sort by."),
        click.option("--lang", metavar="CODE", help="Language of names and messages, such as fr."),
    )


def _with_options(
    command: Callable[..., None], *options: Callable[[Callable[..., None]], Callable[..., None]]
) -> Callable[..., None]:
    # The help lists the option first that was added last.
    for option in reversed(options):
        command = option(command)
    return command


def limit_option(default: int | None) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Add `--limit`."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=default,
        show_default=True,
        help="Maximum number of rows.",
    )


FORMAT_OPTION = click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "jsonl"]),
    default="table",
    show_default=True,
    help="Output format.",
)


def make_query(**clauses: Any) -> Query:
    """Create a query from the given options."""
    from odsql import Query

    given = {name: value for name, value in clauses.items() if value not in (None, ())}
    return Query(**given)
