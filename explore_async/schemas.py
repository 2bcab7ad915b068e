"""Schemas of datasets, saved in a repository and held against the portal (getDataset).

What is saved is small and stable: names, types and the annotations that matter to queries, in the
form that `odsql.Schema` reads. So a field that was renamed or that changed its type shows in a
diff, and the queries it breaks can be found before they fail in production.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import frozen

from explore_async.errors import ConfigurationError, NotFoundResource
from explore_async.files import PartFile, file_name
from odsql.checking import check
from odsql.schema import Schema
from odsql.sources import UnreadableError, find, read_text, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from explore_async.client import ExploreClient
    from explore_async.models import DatasetInfo
    from odsql.sources import Found

__all__ = [
    "BrokenQuery",
    "Change",
    "broken_queries",
    "compare",
    "fetch_schemas",
    "make_folder",
    "save_schema",
]


@frozen
class Change:
    """How one field of a saved schema differs from the portal's.

    `saved` and `live` are types; None where the field is not there.
    """

    dataset_id: str
    field: str
    saved: str | None
    live: str | None

    def __str__(self) -> str:
        if self.saved is None:
            return f"{self.dataset_id}: new field {self.field} ({self.live})"
        if self.live is None:
            return f"{self.dataset_id}: field {self.field} ({self.saved}) is gone"
        return f"{self.dataset_id}: field {self.field} was {self.saved} and is now {self.live}"

    @property
    def breaking(self) -> bool:
        """Whether queries can break: a field is gone or has another type."""
        return self.saved is not None


async def fetch_schemas(client: ExploreClient, dataset_ids: Sequence[str]) -> list[Schema | None]:
    """Ask for the schemas of datasets, concurrently (getDataset).

    Returns:
        The schemas in the order asked; None for a dataset that does not exist.

    Raises:
        ExploreError: a request failed.
    """

    async def fetch(dataset_id: str) -> Schema | None:
        try:
            return _schema(await client.dataset(dataset_id).info())
        except NotFoundResource:
            return None

    return list(await client.gather(*(fetch(one) for one in dataset_ids)))


def _schema(info: DatasetInfo) -> Schema:
    fields = [
        {"name": one.name, "type": one.type, "annotations": dict(one.annotations)}
        for one in info.fields
    ]
    return Schema.from_json({"dataset_id": info.dataset_id, "fields": fields})


async def save_schema(schema: Schema, folder: Path) -> Path:
    """Write a schema to `<dataset>.json` in an existing folder, in one step.

    Raises:
        ConfigurationError: the file cannot be written.
    """
    path = folder / file_name(schema.dataset_id, "json")
    text = json.dumps(schema.to_json(), indent=2, ensure_ascii=False) + "\n"
    with PartFile(path) as part:
        await part.write(text.encode())
        await part.finish()
        part.commit()
    return path


def make_folder(folder: Path) -> None:
    """Make a folder for schemas, if it is not there.

    Raises:
        ConfigurationError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{folder} cannot be made: {error.strerror}. Choose another folder with -o."
        raise ConfigurationError(msg) from None


def compare(saved: Schema, live: Schema) -> list[Change]:
    """Return how the fields differ, those of the saved schema first, then the new ones."""
    before = {one.name: one.type for one in saved.fields.values()}
    now = {one.name: one.type for one in live.fields.values()}
    return [
        Change(saved.dataset_id, name, before.get(name), now.get(name))
        for name in before | now
        if before.get(name) != now.get(name)
    ]


@frozen
class BrokenQuery:
    """A query of a file that the portal's schema breaks: where it stands and why."""

    place: str
    reason: str


def broken_queries(
    paths: Iterable[Path], *, saved: Mapping[str, Schema], live: Mapping[str, Schema]
) -> Iterator[BrokenQuery]:
    """Find the queries in files that are right by the saved schemas and wrong by the portal's.

    Files that hold no text are passed over; `odsql check` reports them.
    """
    for path in walk(paths):
        try:
            file = read_text(path)
            found = list(find(file))
        except UnreadableError:
            continue
        for one in found:
            dataset_id = one.request.dataset_id
            if dataset_id is not None and dataset_id in saved and dataset_id in live:
                yield from _newly_broken(one, saved[dataset_id], live[dataset_id])


def _newly_broken(found: Found, saved: Schema, live: Schema) -> Iterator[BrokenQuery]:
    before = set(check(found.request, saved))
    for diagnostic in check(found.request, live):
        if diagnostic.severity == "error" and diagnostic not in before:
            offset = found.offsets[diagnostic.parameter][diagnostic.start]
            line, column = found.file.line_and_column(offset)
            yield BrokenQuery(f"{found.file.path}:{line}:{column}", diagnostic.message)
