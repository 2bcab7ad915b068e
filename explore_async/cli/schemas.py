"""Schemas of datasets, saved in a repository and compared with the portal (getDataset).

A saved schema is small and stable: it holds names, types and annotations, in the form that
`odsql.Schema` reads. A diff then shows a renamed field or a changed type, and the queries that it
breaks can be found before they fail in production.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from explore_async.errors import NotFoundResource
from explore_async.results.files import PartFile, file_name
from odsql.checks.run import check
from odsql.commands.checking import Assumptions, asked, holding
from odsql.commands.inputs import File, found_in
from odsql.python_schemas import python_fields
from odsql.schema import Schema, SchemaError
from odsql.sources import UnreadableError, read_text, walk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from explore_async.client import ExploreClient
    from explore_async.models import DatasetInfo
    from odsql.checks.diagnostics import Diagnostic, Request
    from odsql.python_schemas import PythonFields
    from odsql.schema import SchemaField
    from odsql.sources import Found

__all__ = [
    "BrokenQuery",
    "Change",
    "broken_queries",
    "compare",
    "fetch_schemas",
    "python_files",
    "save_schema",
    "save_text",
    "schema_of",
]


@frozen
class Change:
    """A difference in one field between a saved schema and the portal's.

    `saved` and `live` are types, or None if the field is missing. With `annotations` they are the
    field's annotations as text instead. `attribute` is what a Python file calls the field.
    """

    dataset_id: str
    field: str
    saved: str | None
    live: str | None
    annotations: bool = False
    attribute: str | None = None

    def __str__(self) -> str:
        place = self.attribute or self.dataset_id
        if self.annotations:
            return f"{place}: annotations of {self.field} were {self.saved} and are now {self.live}"
        if self.saved is None:
            return f"{place}: new field {self.field} ({self.live})"
        if self.live is None:
            return f"{place}: field {self.field} ({self.saved}) is gone"
        return f"{place}: field {self.field} was {self.saved} and is now {self.live}"

    @property
    def breaking(self) -> bool:
        """Whether queries can break: a field is gone or has another type."""
        return self.saved is not None and not self.annotations


async def fetch_schemas(client: ExploreClient, dataset_ids: Sequence[str]) -> list[Schema | None]:
    """Request the schemas of datasets concurrently (getDataset).

    Returns:
        The schemas in the given order; None for a dataset that does not exist.

    Raises:
        ExploreError: a request failed.
    """

    async def fetch(dataset_id: str) -> Schema | None:
        try:
            return schema_of(await client.dataset(dataset_id).info())
        except NotFoundResource:
            return None

    return list(await client.gather(*(fetch(one) for one in dataset_ids)))


def schema_of(info: DatasetInfo) -> Schema:
    """Return the schema that is saved of a dataset."""
    fields = [
        {"name": one.name, "type": one.type, "annotations": dict(one.annotations)}
        for one in info.fields
    ]
    return Schema.from_json({"dataset_id": info.dataset_id, "fields": fields})


async def save_schema(schema: Schema, folder: Path) -> Path:
    """Write a schema atomically to `<dataset>.json` in an existing folder.

    Raises:
        ConfigurationError: the file is not writable.
    """
    path = folder / file_name(schema.dataset_id, "json")
    await save_text(json.dumps(schema.to_json(), indent=2, ensure_ascii=False) + "\n", path)
    return path


async def save_text(text: str, path: Path) -> None:
    """Write a file atomically.

    Raises:
        ConfigurationError: the file is not writable.
    """
    async with PartFile(path) as part:
        await part.write(text.encode())
        await part.finish()
        part.commit()


def python_files(place: Path) -> Mapping[str, PythonFields]:
    """Return the classes in a Python file, or in those of a folder, by dataset.

    Raises:
        SchemaError: a file is not readable.
    """
    files = sorted(place.glob("*.py")) if place.is_dir() else [place]
    found: dict[str, PythonFields] = {}
    for path in files:
        if path.suffix == ".py" and path.exists():
            try:
                classes = python_fields(path.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise SchemaError(f"{path}: {error}") from None
            found |= {str(one.schema["dataset_id"]): one for one in classes}
    return found


def compare(saved: Schema, live: Schema, python: PythonFields | None = None) -> list[Change]:
    """Return the differences between fields: first those of the saved schema, then new fields.

    Args:
        saved: the saved schema.
        live: the portal's.
        python: the class that the schema is saved in, for the names in the changes.
    """
    before, now = saved.fields, live.fields
    return [
        evolve(change, attribute=None if python is None else _called(python, name))
        for name in dict.fromkeys((*before, *now))
        for change in _changes(saved.dataset_id, name, before.get(name), now.get(name))
    ]


def _called(python: PythonFields, name: str) -> str:
    attribute = python.attributes.get(name)
    return python.class_name if attribute is None else f"{python.class_name}.{attribute}"


def _changes(
    dataset_id: str, name: str, saved: SchemaField | None, live: SchemaField | None
) -> Iterator[Change]:
    before, now = (None if one is None else one.type for one in (saved, live))
    if before != now:
        yield Change(dataset_id, name, before, now)
    if saved is None or live is None or not (saved.annotated and live.annotated):
        return
    words, words_now = _annotations(saved), _annotations(live)
    if words != words_now:
        yield Change(dataset_id, name, words, words_now, annotations=True)


def _annotations(field: SchemaField) -> str:
    words = (name if value is True else f"{name} {value}" for name, value in field.annotations)
    return ", ".join(words) or "none"


@frozen
class BrokenQuery:
    """A query in a file that the portal's schema breaks: its place and the reason."""

    place: str
    reason: str


def broken_queries(
    paths: Iterable[Path], *, saved: Mapping[str, Schema], live: Mapping[str, Schema]
) -> Iterator[BrokenQuery]:
    """Find queries in files that are valid for the saved schemas and invalid for the portal's.

    The dataset of a query is determined as in `odsql check`. Files that are not text are skipped;
    `odsql check` reports them.
    """
    assumed = Assumptions(only=next(iter(saved)) if len(saved) == 1 else None)
    for path in walk(paths):
        try:
            file = File(read_text(path), path, named=False)
        except UnreadableError:
            continue
        for one in found_in(file)[0]:
            request = asked(one, assumed)
            if request.dataset_id in saved:
                yield from _newly_broken(one, request, saved, live)


def _newly_broken(
    found: Found, request: Request, saved: Mapping[str, Schema], live: Mapping[str, Schema]
) -> Iterator[BrokenQuery]:
    dataset_id = request.dataset_id or ""
    if dataset_id not in live:
        if not found.ignores("*", 0):
            yield BrokenQuery(_place(found, 0, 0), f"the portal has no dataset {dataset_id}")
        return
    before = {_what(one) for one in holding(found, check(request, saved[dataset_id]))}
    for one in holding(found, check(request, live[dataset_id])):
        if one.severity == "error" and _what(one) not in before:
            yield BrokenQuery(_place(found, one.parameter, one.start), one.message)


def _what(diagnostic: Diagnostic) -> tuple[object, ...]:
    """Return the key by which two findings are equal; it omits hints, which may differ."""
    one = diagnostic
    return one.code, one.parameter, one.start, one.end, one.message


def _place(found: Found, parameter: int, start: int) -> str:
    line, column = found.file.line_and_column(found.offsets[parameter][start])
    return f"{found.file.path}:{line}:{column}"
