"""The fields of a dataset: their names and types, as the API describes them.

A `Schema` is read from a getDataset answer or from saved `Schema.to_json` output; `load_schemas`
reads files of either kind, and of the Python that `explore schema pull --python` writes.
`odsql.Fields(schema)` is `F` for the fields of one dataset: an unknown name or a literal of the
wrong type raises an error where it is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from odsql.syntax.errors import ODSQLError, shown

if TYPE_CHECKING:
    from os import PathLike
    from pathlib import Path

__all__ = ["Schema", "SchemaError", "SchemaField", "load_schemas"]

TECHNICAL_FIELDS = frozenset({"recordid", "record_timestamp", "record_size"})
"""Fields that portals know although no schema has them."""

_ANNOTATIONS = {"facet": "facet", "id": "unique", "multivalued": "multivalued"}
"""The annotations that change the meaning of a query, and their attributes here."""

Annotations = tuple[tuple[str, bool | str], ...]
"""Names and values, sorted by name. Portals send `true` and strings, the reference shows lists."""


class SchemaError(ODSQLError):
    """The input is not a schema; the message says what is missing."""


@frozen
class SchemaField:
    """A field of a dataset.

    Attributes:
        name: the name of the field.
        type: `text`, `int`, `date`, ...
        multivalued: True if it holds several values.
        facet: True if it is declared as a facet.
        unique: True if it is annotated as an identifier.
        annotated: False if its annotations are unknown.
        annotations: all annotations, as they are saved.
    """

    name: str
    type: str
    multivalued: bool = False
    facet: bool = False
    unique: bool = False
    annotated: bool = True
    annotations: Annotations = ()


def _by_name(fields: Iterable[SchemaField]) -> Mapping[str, SchemaField]:
    known = list(fields) if isinstance(fields, Iterable) else [None]
    if not all(isinstance(one, SchemaField) for one in known):
        msg = "the fields of a schema must be SchemaFields"
        raise SchemaError(msg)
    return MappingProxyType({one.name: one for one in known})


@frozen
class Schema:
    """The fields of a dataset by name, in the dataset's order."""

    dataset_id: str
    fields: Mapping[str, SchemaField] = field(converter=_by_name, hash=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # A read-only view cannot be pickled; the fields can.
        return Schema, (self.dataset_id, tuple(self.fields.values()))

    @classmethod
    def from_json(cls, dataset: Any) -> Schema:
        """Read a getDataset answer, one result of getDatasets, or a saved schema.

        Raises:
            SchemaError: `dataset_id` is missing, or `fields` is not a list of fields.
        """
        try:
            fields = [_field(one) for one in dataset["fields"]]
            return cls(str(dataset["dataset_id"]), fields)
        except (KeyError, TypeError, AttributeError):
            msg = "not a schema: a dataset needs a dataset_id, and fields with name and type"
            raise SchemaError(msg) from None

    def to_json(self) -> dict[str, Any]:
        """Return the names, types and annotations in the form to save."""
        return {
            "dataset_id": self.dataset_id,
            "fields": [_described(one) for one in self.fields.values()],
        }

    def nearest(self, name: str) -> list[str]:
        """Return the names of fields similar to `name`, most similar first."""
        from difflib import get_close_matches  # only a misspelt name needs it

        if not isinstance(name, str):
            msg = f"the name of a field must be a string, not {shown(name)}"
            raise SchemaError(msg)
        by_lower = {one.lower(): one for one in self.fields}
        return [by_lower[one] for one in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]


def load_schemas(path: str | PathLike[str]) -> Mapping[str, Schema]:
    """Read a file with one schema or a list of schemas, or such files of a directory.

    A file of JSON holds what portals answer or `Schema.to_json` returns; one of Python the classes
    that `explore schema pull --python` writes. In a directory, those are `*.json` and `*.py`; other
    programs in it are left alone.

    Returns:
        The schemas by `dataset_id`.

    Raises:
        SchemaError: the path cannot be read, holds something else, or holds a dataset twice.
    """
    from pathlib import Path  # a schema need not come from a file

    try:
        place = Path(path)
        files = sorted([*place.glob("*.json"), *place.glob("*.py")]) if place.is_dir() else [place]
    except (OSError, TypeError, ValueError):
        msg = f"{shown(path)} is not a path"
        raise SchemaError(msg) from None
    schemas: dict[str, Schema] = {}
    for file in files:
        for schema in _read_python(file) if file.suffix == ".py" else _read(file):
            if schema.dataset_id in schemas:
                msg = f"{file}: {schema.dataset_id} has more than one schema"
                raise SchemaError(msg)
            schemas[schema.dataset_id] = schema
    return MappingProxyType(schemas)


def _read(file: Path) -> list[Schema]:
    import json  # only files need it

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


def _read_python(file: Path) -> list[Schema]:
    from odsql.python_schemas import python_fields  # only such files need it

    try:
        found = python_fields(file.read_text(encoding="utf-8"))
        return [Schema.from_json(one.schema) for one in found]
    except OSError as error:
        msg = f"{file}: {error.strerror}"
        raise SchemaError(msg) from None
    except (ValueError, SchemaError) as error:
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
    """Read the value of an annotation; None if the value says that it is not set."""
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
