"""What a dataset's fields are: their names and types, as the API says them.

A `Schema` is read from the answer of getDataset, or from a file that holds one. `Fields(schema)`
(in `building`) is `F` with this knowledge: a name that does not exist and a literal of the wrong
type are errors where they are written.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from odsql.errors import ODSQLError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["Schema", "SchemaError", "SchemaField"]


class SchemaError(ODSQLError):
    """What was given is no schema; the message says what is missing."""


@frozen
class SchemaField:
    """One field: its name, its type (`text`, `int`, `date`, ...) and whether it holds several."""

    name: str
    type: str
    multivalued: bool = False
    facet: bool = False


def _by_name(fields: Iterable[SchemaField]) -> Mapping[str, SchemaField]:
    return MappingProxyType({one.name: one for one in fields})


@frozen
class Schema:
    """The fields of a dataset by name, in the dataset's order."""

    dataset_id: str
    fields: Mapping[str, SchemaField] = field(converter=_by_name, hash=False)

    @classmethod
    def from_json(cls, dataset: Any) -> Schema:
        """Read the answer of getDataset, or one of the results of getDatasets.

        Raises:
            SchemaError: it has no `dataset_id`, or `fields` is no list of fields.
        """
        try:
            fields = [_field(one) for one in dataset["fields"]]
            return cls(str(dataset["dataset_id"]), fields)
        except (KeyError, TypeError, AttributeError):
            msg = "a schema is a dataset of the API: dataset_id, and fields with name and type"
            raise SchemaError(msg) from None

    def nearest(self, name: str) -> list[str]:
        """Return the names of fields that look like `name`, the likeliest first."""
        from difflib import get_close_matches  # only a misspelt name needs it

        by_lower = {one.lower(): one for one in self.fields}
        return [by_lower[one] for one in get_close_matches(name.lower(), by_lower, n=3, cutoff=0.5)]


def _field(described: Any) -> SchemaField:
    annotations = described.get("annotations") or {}

    def set_(name: str) -> bool:
        # Portals send true, the reference shows []; both mean that the annotation is there.
        return annotations.get(name, False) is not False

    return SchemaField(
        str(described["name"]), str(described["type"]), set_("multivalued"), set_("facet")
    )
