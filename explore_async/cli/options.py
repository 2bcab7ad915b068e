"""Options shared by several commands, and the target and the client made from them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click
from attrs import evolve, frozen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from explore_async.client import ExploreClient
    from odsql import Query
    from odsql.builder.expressions import Condition

    Decorator = Callable[[Callable[..., None]], Callable[..., None]]

__all__ = [
    "FILE_FORMATS",
    "LAYOUTS",
    "Target",
    "all_option",
    "connect",
    "examples",
    "file_options",
    "filter_options",
    "layout_options",
    "limit_option",
    "make_folder",
    "portal_option",
    "read_catalog",
    "read_target",
    "refuse_both",
    "search_options",
    "shape_options",
]

FILE_FORMATS = ("jsonl", "csv", "parquet", "geoparquet", "arrow", "duckdb")
"""The formats of harvested files; a list here, because importing them takes time."""
LAYOUTS = ("table", "jsonl", "json", "csv", "geojson")
"""The formats in which rows are printed."""


@frozen
class Target:
    """What a command asks: the portal, the dataset and the query.

    Attributes:
        url: the portal.
        dataset_id: the dataset; empty for the catalog.
        query: the filters of the address, combined with those of the options.
        file_format: the export format that the address names; None if it names none.
    """

    url: str
    dataset_id: str
    query: Query
    file_format: str | None = None

    def narrowed(self, condition: Condition) -> Target:
        """Return the target with one more condition."""
        return evolve(self, query=self.query.where(condition))

    def limited(self, default: int) -> Query:
        """Return the query, with a limit if it has none."""
        return self.query if self.query.clauses.limit is not None else self.query.limit(default)


def connect(url: str) -> ExploreClient:
    """Create a client for a portal, with the API key from EXPLORE_API_KEY if set."""
    from explore_async.client import ExploreClient

    # Only from the environment: every user of the machine can read a command line.
    return ExploreClient(url, auth=os.environ.get("EXPLORE_API_KEY") or None)


def read_target(dataset: str, url: str | None, **clauses: Any) -> Target:
    """Return what the arguments name; a dataset may be given as its address in a browser or API.

    Filters of the options are added to those of the address; other clauses replace them.

    Raises:
        UsageError: neither an address nor a portal is given, or the address has no dataset.
    """
    if "/" not in dataset:
        return Target(_portal(url), dataset, _combined(None, **clauses))
    from explore_async.addresses import read_address

    address = read_address(dataset)
    if address.dataset_id is None:
        msg = f"{dataset} names no dataset. Pass the address of a dataset, or its identifier."
        raise click.UsageError(msg)
    query = _combined(address.query, **clauses)
    return Target(address.base_url, address.dataset_id, query, address.export_format)


def read_catalog(url: str | None, **clauses: Any) -> Target:
    """Return the catalog of a portal; the URL may be an address with filters, or of a dataset.

    Raises:
        UsageError: no portal is given.
    """
    from explore_async.addresses import read_address

    address = read_address(_portal(url))
    return Target(address.base_url, address.dataset_id or "", _combined(address.query, **clauses))


def _portal(url: str | None) -> str:
    if not url:
        msg = (
            "No portal is given. Pass --url, set EXPLORE_URL, or pass the address of the dataset "
            "in a browser."
        )
        raise click.UsageError(msg)
    return url


def _combined(query: Query | None, **clauses: Any) -> Query:
    from odsql import Query

    given = {name: value for name, value in clauses.items() if value not in (None, ())}
    combined = query if query is not None else Query()
    for name, value in given.items():
        values = value if isinstance(value, tuple) else (value,)
        for one in values:
            combined = getattr(combined, name)(one)
    return combined


def make_folder(folder: Path) -> None:
    """Create a folder if it does not exist.

    Raises:
        ConfigurationError: the folder cannot be created.
    """
    from explore_async.errors import ConfigurationError

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"Cannot create {folder}: {error.strerror}. Choose another folder with -o."
        raise ConfigurationError(msg) from None


def examples(*lines: str) -> str:
    """Return the end of a command's help: examples, one per line."""
    indented = "\n".join(f"  {line}" for line in lines)
    return f"\b\nExamples:\n{indented}"


def portal_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--url`."""
    return click.option(
        "--url",
        envvar="EXPLORE_URL",
        help="URL of the portal, or set EXPLORE_URL. Not needed with the address of a dataset.",
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


def limit_option(default: int | None, what: str = "rows") -> Decorator:
    """Add `--limit`."""
    shown = "" if default is None else f"; {default} by default"
    return click.option(
        "--limit", type=click.IntRange(min=0), help=f"Maximum number of {what}{shown}."
    )


def file_options(*, drift: str, at_once: int) -> Decorator:
    """Add what says how datasets are harvested into files, with these defaults."""
    return lambda command: _with_options(
        command,
        click.option(
            "--format",
            "file_format",
            type=click.Choice(FILE_FORMATS),
            default="jsonl",
            show_default=True,
            help="Format of the files.",
        ),
        click.option(
            "--compress",
            "compression",
            type=click.Choice(["gzip", "zstd"]),
            help="Compression of jsonl and csv; the other formats have their own.",
        ),
        click.option(
            "--misfits",
            type=click.Choice(["fail", "null", "text"]),
            default="fail",
            show_default=True,
            help="What to do with values that do not fit the type of their field.",
        ),
        click.option(
            "--drift",
            type=click.Choice(["fail", "retry-partition", "accept"]),
            default=drift,
            show_default=True,
            help="What to do if a dataset changes meanwhile.",
        ),
        click.option(
            "--at-once",
            type=click.IntRange(min=1),
            default=at_once,
            show_default=True,
            help="Number of datasets that are harvested at a time.",
        ),
        click.option(
            "--wait-for-quota",
            is_flag=True,
            help="If the quota is used up, wait until it is reset.",
        ),
    )


def search_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--search`, `--select` and `--order-by`, for the catalog."""
    return _with_options(
        command,
        click.option("--search", metavar="TEXT", help="Keep datasets with these words."),
        click.option("--select", metavar="ODSQL", help="Metadata to return, such as title."),
        click.option("--order-by", metavar="ODSQL", help="Metadata to sort by."),
        click.option("--lang", metavar="CODE", help="Language of names and messages, such as fr."),
    )


def all_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--all`."""
    return click.option(
        "--all",
        "everything",
        is_flag=True,
        help="Print everything, through an export where paging cannot; not with --limit.",
    )(command)


def refuse_both(*, everything: bool, limit: int | None) -> None:
    """Refuse `--all` together with `--limit`.

    Raises:
        UsageError: both are given.
    """
    if everything and limit is not None:
        msg = "--all and --limit contradict each other."
        raise click.UsageError(msg)


def layout_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add `--format` and `--expanded`."""
    return _with_options(
        command,
        click.option(
            "--format",
            "layout",
            type=click.Choice(LAYOUTS),
            default="table",
            show_default=True,
            help="Output format.",
        ),
        click.option("--expanded", is_flag=True, help="Show one field per line, in full."),
    )


def _with_options(command: Callable[..., None], *options: Decorator) -> Callable[..., None]:
    # The help lists the option first that was added last.
    for option in reversed(options):
        command = option(command)
    return command
