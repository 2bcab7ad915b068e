"""What a dataset's fields are: their names and types, as the API says them.

A `Schema` is read from the answer of getDataset, or from what `Schema.to_json` saved of it;
`load_schemas` reads files of either. `Fields(schema)` (in `building`) is `F` with this knowledge: a
name that does not exist and a literal of the wrong type are errors where they are written.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from odsql.syntax.errors import ODSQLError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from os import PathLike
    from pathlib import Path

__all__ = ["Schema", "SchemaError", "SchemaField", "load_schemas"]

_ANNOTATIONS = {"facet": "facet", "id": "unique", "multivalued": "multivalued"}
"""The annotations that change what a query means, and what they are called here."""

Annotations = tuple[tuple[str, bool | str], ...]
"""Names and values, by name. Portals send `true` and texts, the reference shows lists of them."""


class SchemaError(ODSQLError):
    """What was given is no schema; the message says what is missing."""


@frozen
class SchemaField:
    """One field: its name, its type (`text`, `int`, `date`, ...) and what is annotated.

    `multivalued`: it holds several values. `facet`: it is declared as a facet. `unique`: it is
    annotated as an identifier. `annotated` is False where nothing is known about annotations.
    `annotations` are all of them, as they are saved.
    """

    name: str
    type: str
    multivalued: bool = False
    facet: bool = False
    unique: bool = False
    annotated: bool = True
    annotations: Annotations = ()


def _by_name(fields: Iterable[SchemaField]) -> Mapping[str, SchemaField]:
    return MappingProxyType({one.name: one for one in fields})


@frozen
class Schema:
    """The fields of a dataset by name, in the dataset's order."""

    dataset_id: str
    fields: Mapping[str, SchemaField] = field(converter=_by_name, hash=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view cannot be pickled, the fields can.
        return Schema, (self.dataset_id, tuple(self.fields.values()))

    @classmethod
    def from_json(cls, dataset: Any) -> Schema:
        """Read the answer of getDataset, one of the results of getDatasets, or a saved schema.

        Raises:
            SchemaError: it has no `dataset_id`, or `fields` is no list of fields.
        """
        try:
            fields = [_field(one) for one in dataset["fields"]]
            return cls(str(dataset["dataset_id"]), fields)
        except (KeyError, TypeError, AttributeError):
            msg = "a schema is a dataset of the API: dataset_id, and fields with name and type"
            raise SchemaError(msg) from None

    def to_json(self) -> dict[str, Any]:
        """Return the saved form: names, types and annotations."""
        return {
            "dataset_id": self.dataset_id,
            "fields": [_described(one) for one in self.fields.values()],
        }

    def nearest(self, name: str) -> list[str]:
        """Return the names of fields that look like `name`, the likeliest first."""
        from difflib import get_close_matches  # only a misspelt name needs it

        by_lower = {one.lower(): one for one in self.fields}
        return [by_lower[one] for one in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]


def load_schemas(path: str | PathLike[str]) -> Mapping[str, Schema]:
    """Read a file with a schema or a list of them, or all `*.json` of a directory.

    Returns:
        The schemas by `dataset_id`.

    Raises:
        SchemaError: the path cannot be read, holds something else, or a dataset twice.
    """
    from pathlib import Path  # a schema need not come from a file

    place = Path(path)
    files = sorted(place.glob("*.json")) if place.is_dir() else [place]
    schemas: dict[str, Schema] = {}
    for file in files:
        for schema in _read(file):
            if schema.dataset_id in schemas:
                msg = f"{file}: {schema.dataset_id} has a schema already"
                raise SchemaError(msg)
            schemas[schema.dataset_id] = schema
    return MappingProxyType(schemas)


def _read(file: Path) -> list[Schema]:
    import json  # as above

    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        msg = f"{file}: {error.strerror}"
        raise SchemaError(msg) from None
    except (ValueError, RecursionError):
        msg = f"{file}: not JSON"
        raise SchemaError(msg) from None
    if isinstance(content, dict) and isinstance(content.get("results"), list):
        content = content["results"]
    listed = content if isinstance(content, list) else [content]
    try:
        return [Schema.from_json(one) for one in listed]
    except SchemaError as error:
        msg = f"{file}: {error}"
        raise SchemaError(msg) from None


def _field(described: Any) -> SchemaField:
    annotations = {
        str(name): value
        for name, given in sorted((described.get("annotations") or {}).items())
        if (value := _annotation(given)) is not None
    }
    known = {attribute: name in annotations for name, attribute in _ANNOTATIONS.items()}
    return SchemaField(
        str(described["name"]),
        str(described["type"]),
        annotated="annotations" in described,
        annotations=tuple(annotations.items()),
        **known,
    )


def _annotation(given: Any) -> bool | str | None:
    """Read a value; None where it says that the annotation is not there."""
    if given is False:
        return None
    if isinstance(given, list):
        return ", ".join(map(str, given)) or True
    return True if given is True or given is None else str(given)


def _described(known: SchemaField) -> dict[str, Any]:
    described: dict[str, Any] = {"name": known.name, "type": known.type}
    if known.annotated:
        pairs = _ANNOTATIONS.items()
        set_ = {name: True for name, attribute in pairs if getattr(known, attribute)}
        described["annotations"] = dict(sorted((set_ | dict(known.annotations)).items()))
    return described
