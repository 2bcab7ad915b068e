"""`explore info`: show a dataset's metadata and fields (getDataset)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click
import orjson
from attrs import asdict

from explore_async.cli.options import connect, examples, portal_option, read_target
from explore_async.cli.printing import print_rows
from explore_async.cli.running import run
from explore_async.cli.tables import as_text, cut, printable, terminal_width

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from explore_async.cli.options import Target
    from explore_async.models import DatasetField, DatasetInfo, Row

__all__ = ["info"]

_SHOWN = {
    "records_count": "Records",
    "data_processed": "Rows changed",
    "metadata_processed": "Metadata changed",
    "modified": "Modified",
    "license": "Licence",
    "publisher": "Publisher",
    "update_frequency": "Update frequency",
    "theme": "Themes",
    "keyword": "Keywords",
}
"""Metadata of the default template, and how it is called here."""


@click.command(
    epilog=examples(
        "explore info --url https://opendata.paris.fr les-arbres",
        "explore info https://data.example.org/explore/dataset/trees/ --format json",
    )
)
@click.argument("dataset")
@portal_option
@click.option("--lang", metavar="CODE", help="Language of labels and metadata, such as fr.")
@click.option(
    "--format",
    "layout",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="Output format; json has all metadata, as the portal sends it.",
)
def info(dataset: str, url: str | None, lang: str | None, layout: str) -> None:
    """Show a dataset: title, records, dates, licence and fields.

    DATASET is an identifier that `explore datasets` lists, or an address of the dataset in a
    browser or in the API.
    """
    found = run(_info(read_target(dataset, url, lang=lang)))
    if layout == "json":
        sys.stdout.buffer.write(orjson.dumps(_as_sent(found), option=orjson.OPT_INDENT_2) + b"\n")
        return
    _print_metadata(found)
    click.echo()
    print_rows([_field(one) for one in found.fields], "table")


async def _info(target: Target) -> DatasetInfo:
    from odsql import Query

    query = Query(lang=target.query.clauses.lang)
    async with connect(target.url) as client:
        return await client.dataset(target.dataset_id).info(query)


def _as_sent(found: DatasetInfo) -> object:
    """Return the answer of the portal, from which nothing is lost."""
    whole = _spread(asdict(found))
    return {**whole, "fields": [_spread(one) for one in whole["fields"]]}


def _spread(item: dict[str, Any]) -> dict[str, Any]:
    """Put unknown keys beside the known ones, where the portal has them."""
    extra = item.pop("extra")
    return {**item, **extra}


def _print_metadata(found: DatasetInfo) -> None:
    default = found.metas.get("default")
    metas: Mapping[str, Any] = default if isinstance(default, dict) else {}
    lines = [("Dataset", found.dataset_id), *_lines(metas)]
    if not found.data_visible:
        lines.append(("Access", "the rows need an API key"))
    width = max(len(name) for name, _ in lines)
    room = terminal_width()
    click.echo(printable(as_text(metas.get("title")) or found.dataset_id))
    for name, value in lines:
        line = f"{name:<{width}}  {printable(value)}".replace("\n", " ")
        click.echo(line if room is None else cut(line, room))


def _lines(metas: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, label in _SHOWN.items():
        value = metas.get(name)
        if value in (None, "", []):
            continue
        counted = isinstance(value, int) and not isinstance(value, bool)
        yield label, f"{value:,}" if counted else as_text(value)


def _field(found: DatasetField) -> Row:
    return {
        "field": found.name,
        "type": found.type + ("[]" if found.annotations.get("multivalued") else ""),
        "facet": "facet" if _is_set(found.annotations, "facet") else None,
        "label": found.label,
    }


def _is_set(annotations: Mapping[str, object], name: str) -> bool:
    """Return whether a field has an annotation; older answers send a list (recorded)."""
    return name in annotations and annotations[name] not in (False, None)
