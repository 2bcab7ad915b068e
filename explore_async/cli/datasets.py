"""`explore datasets`: list the datasets of a portal (getDatasets)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from explore_async.cli.options import (
    all_option,
    connect,
    examples,
    filter_options,
    layout_options,
    limit_option,
    portal_option,
    read_catalog,
    refuse_both,
    search_options,
)
from explore_async.cli.printing import print_rows
from explore_async.cli.running import run

if TYPE_CHECKING:
    from explore_async.cli.options import Target
    from explore_async.models import Row

__all__ = ["datasets"]

_LIMIT = 20
_CELL_WIDTH = 60


@click.command(
    epilog=examples(
        'explore datasets --url https://opendata.paris.fr --search "arbres"',
        "explore datasets --url https://opendata.paris.fr --all --format csv > catalog.csv",
    )
)
@portal_option
@filter_options
@search_options
@limit_option(_LIMIT, "datasets")
@all_option
@layout_options
def datasets(
    url: str | None,
    search: str | None,
    everything: bool,
    layout: str,
    expanded: bool,
    **clauses: Any,
) -> None:
    """List the datasets of a portal.

    The table shows the identifier, number of records and title of each dataset, or what --select
    names. The other formats have all metadata.
    """
    refuse_both(everything=everything, limit=clauses["limit"])
    target = read_catalog(url, **clauses)
    if search is not None:
        from odsql import search as matching

        target = target.narrowed(matching(search))
    run(_datasets(target, layout, everything=everything, expanded=expanded))


async def _datasets(target: Target, layout: str, *, everything: bool, expanded: bool) -> None:
    query = target.query.limit(-1) if everything else target.limited(_LIMIT)
    async with connect(target.url) as client:
        rows = await client.datasets(query).to_list()
    if layout == "table" and not query.clauses.select:
        rows = [_summary(row) for row in rows]
    print_rows(rows, layout, spread=expanded, cell_width=_CELL_WIDTH)


def _summary(row: Row) -> Row:
    from explore_async.models import DatasetInfo

    info = DatasetInfo.from_json(row)
    default = info.metas.get("default")
    metas = default if isinstance(default, dict) else {}
    return {
        "dataset_id": info.dataset_id,
        "records": metas.get("records_count"),
        "title": metas.get("title"),
    }
