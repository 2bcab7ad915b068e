"""Fields and datasets: what the portal knows about its data besides the data.

Field types and annotations are those of the Explore API (dataset object, `fields`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast, get_args

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Column", "Dataset", "FieldType", "PortalField"]

FieldType = Literal[
    "text", "int", "double", "boolean", "date", "datetime", "geo_point_2d", "geo_shape", "file"
]
Precision = Literal["day", "month", "year"]

COLUMN_TYPES: dict[FieldType, str] = {
    "text": "VARCHAR",
    "int": "BIGINT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "date": "DATE",
    "datetime": "TIMESTAMP",
    "geo_point_2d": "STRUCT(lon DOUBLE, lat DOUBLE)",
    "geo_shape": "VARCHAR",
    "file": "VARCHAR",
}


@frozen
class PortalField:
    """One field of a dataset.

    `annotations` decide behaviour as on a live portal: `facet`, `disjunctive`, `hierarchical` (a
    separator), `facetsort`, `multivalued` (a separator; text only). `precision` is that of a
    `date` field: "year" answers `2025`, "month" `1988-01`.
    """

    name: str
    type: FieldType
    label: str
    description: str | None = None
    annotations: Mapping[str, Any] = field(factory=dict, hash=False)
    precision: Precision = "day"

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> PortalField:
        """Read a field as dataset objects describe it; only `name` and `type` are required.

        Raises:
            ValueError: the type is not one the portal stores.
        """
        kind = described["type"]
        if kind not in get_args(FieldType):
            raise ValueError(
                f"Field {described['name']!r} has type {kind!r}; the portal stores "
                f"{', '.join(get_args(FieldType))}."
            )
        return cls(
            name=described["name"],
            type=cast("FieldType", kind),
            label=described.get("label") or described["name"],
            description=described.get("description"),
            annotations=dict(described.get("annotations") or {}),
            precision=described.get("precision", "day"),
        )

    def annotated(self, name: str) -> bool:
        """Whether the annotation is set: present and not false (the docs show `[]` for true)."""
        return self.annotations.get(name, False) is not False

    def annotation(self, name: str) -> str | None:
        """The text of an annotation, which the docs wrap in a list and live portals do not."""
        value = self.annotations.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        return value if isinstance(value, str) else None

    @property
    def multivalued(self) -> bool:
        """Whether a record holds a list of texts instead of one."""
        return self.type == "text" and self.annotated("multivalued")

    @property
    def column_type(self) -> str:
        """The DuckDB type that stores the field."""
        return "VARCHAR[]" if self.multivalued else COLUMN_TYPES[self.type]

    def described(self) -> dict[str, Any]:
        """The field as dataset objects show it, keys in live order."""
        return {
            "name": self.name,
            "description": self.description,
            "annotations": dict(self.annotations),
            "label": self.label,
            "type": self.type,
        }


@frozen
class Column:
    """A field and the SQL name of its column; the name is the portal's own, never the user's."""

    field: PortalField
    sql: str


@frozen
class Dataset:
    """A dataset: what it is called, what it says about itself, and where its rows are.

    `columns` maps every name a query may use to its column; `fields` are the ones that answers
    show. `about` is the dataset object that the catalog answers, without `fields` and `metas`.
    """

    dataset_id: str
    uid: str
    fields: tuple[PortalField, ...]
    columns: Mapping[str, Column] = field(hash=False, repr=False)
    table: str
    records_count: int
    metas: Mapping[str, Any] = field(hash=False, repr=False)
    features: tuple[str, ...] = ()

    def described(self) -> dict[str, Any]:
        """The dataset object of the catalog, keys in the order of the live server."""
        return {
            "visibility": "domain",
            "fields": [one.described() for one in self.fields],
            "dataset_id": self.dataset_id,
            "dataset_uid": self.uid,
            "has_records": self.records_count > 0,
            "features": list(self.features),
            "attachments": [],
            "alternative_exports": [],
            "data_visible": True,
            "metas": dict(self.metas),
        }
