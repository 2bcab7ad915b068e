"""Fields and datasets: the metadata of the portal.

Field types and annotations are those of the Explore API (dataset object, `fields`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, cast, get_args
from urllib.parse import quote

from attrs import field, frozen

from explore_async.portal.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable

    from explore_async.portal.attached import Attached
    from explore_async.portal.geometries import Shapes
    from explore_async.portal.words import Words

__all__ = ["Column", "Dataset", "FieldType", "PortalField", "Visibility"]

Visibility = Literal["domain", "restricted"]
"""Whether everyone sees a dataset, which is `domain` (recorded), or only callers with a key."""

FieldType = Literal[
    "text", "int", "double", "boolean", "date", "datetime", "geo_point_2d", "geo_shape", "file",
    "json_blob",
]  # fmt: skip
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
    "json_blob": "VARCHAR",
}


@frozen
class PortalField:
    """One field of a dataset.

    Attributes:
        name: the name of the field.
        type: its ODS type.
        label: its label.
        description: its description, or None.
        annotations: `facet`, `disjunctive`, `hierarchical` (a separator), `facetsort` and
            `multivalued` (a separator; text only) have the same effect as on a live portal.
        precision: the precision of a `date` field: "year" returns `2025`, "month" `1988-01`.
    """

    name: str
    type: FieldType
    label: str
    description: str | None = None
    annotations: Mapping[str, Any] = field(factory=dict, hash=False)
    precision: Precision = "day"

    @classmethod
    def from_json(cls, described: Mapping[str, Any]) -> PortalField:
        """Read a field of a dataset object; only `name` and `type` are required.

        Raises:
            StoreError: `name` or `type` is missing, or the portal stores no such fields.
        """
        if not isinstance(described, Mapping) or not {"name", "type"} <= described.keys():
            raise StoreError("A field must be a PortalField, or an object with a name and a type.")
        kind = described["type"]
        if kind not in get_args(FieldType):
            raise StoreError(
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
        """Return True if the annotation is present and not false (the reference shows `[]`)."""
        return self.annotations.get(name, False) is not False

    def annotation(self, name: str) -> str | None:
        """Return the text of an annotation; only the reference shows it as a list."""
        value = self.annotations.get(name)
        if isinstance(value, list):
            value = value[0] if value else None
        return value if isinstance(value, str) else None

    @property
    def multivalued(self) -> bool:
        """True if a record holds a list of texts."""
        return self.type == "text" and self.annotated("multivalued")

    @property
    def column_type(self) -> str:
        """The DuckDB type that stores the field."""
        return "VARCHAR[]" if self.multivalued else COLUMN_TYPES[self.type]

    def described(self) -> dict[str, Any]:
        """Return the field as part of a dataset object, with its keys in the live order."""
        return {
            "name": self.name,
            "description": self.description,
            "annotations": dict(self.annotations),
            "label": self.label,
            "type": self.type,
        }


@frozen
class Column:
    """A field and the SQL name of its column, which the portal chooses.

    `has_links` is true if values have URLs of this portal, with `{base}` in place of the base URL.
    """

    field: PortalField
    sql: str
    has_links: bool = False

    @property
    def text(self) -> str:
        """SQL for the text of a text field; the elements of a list are lines."""
        return f"array_to_string({self.sql}, chr(10))" if self.field.multivalued else self.sql


@frozen
class Dataset:
    """The identifiers, metadata and table of a dataset.

    Attributes:
        dataset_id: the identifier in URLs.
        uid: the `dataset_uid`.
        fields: the fields that results show.
        columns: the column of each name that a query may use.
        table: the SQL name of the table.
        records_count: the number of records.
        metas: the metadata by namespace.
        features: the features of the dataset object.
        data_visible: False if only the description can be read.
        original: the dataset object of another portal that this is a copy of, empty if it is none.
        visibility: who sees the dataset at all.
        attachments, alternative_exports: the files that belong to it.
        shapes: returns the geometries of a geographic column.
        words: returns the index of the words of all text columns, or None if there is none.
    """

    dataset_id: str
    uid: str
    fields: tuple[PortalField, ...]
    columns: Mapping[str, Column] = field(hash=False, repr=False)
    table: str
    records_count: int
    metas: Mapping[str, Any] = field(hash=False, repr=False)
    features: tuple[str, ...] = ()
    data_visible: bool = True
    original: Mapping[str, Any] = field(factory=dict, hash=False, repr=False)
    visibility: Visibility = "domain"
    attachments: tuple[Attached, ...] = ()
    alternative_exports: tuple[Attached, ...] = ()
    shapes: Callable[[Column], Shapes] = field(hash=False, repr=False, eq=False, kw_only=True)
    words: Callable[[], Words | None] = field(hash=False, repr=False, eq=False, kw_only=True)

    @property
    def own_columns(self) -> tuple[Column, ...]:
        """The columns of the fields."""
        return tuple(self.columns[one.name] for one in self.fields)

    @property
    def title(self) -> str:
        """The title, or the identifier if there is none."""
        return str(self.metas.get("default", {}).get("title") or self.dataset_id)

    def url(self, base: str, *parts: str) -> str:
        """Return the URL of the dataset, or of something below it, below the URL of the API."""
        named = "/".join(quote(one, safe="@") for one in (self.dataset_id, *parts))
        return f"{base}/catalog/datasets/{named}"

    def described(self, base: str = "") -> dict[str, Any]:
        """Return the dataset object of the catalog, with its keys in the live order.

        `base` is the URL of the API, such as `http://127.0.0.1:50123/api/explore/v2.1`.
        """
        own = {
            "visibility": self.visibility,
            "fields": [one.described() for one in self.fields],
            "dataset_id": self.dataset_id,
            "dataset_uid": self.uid,
            "has_records": self.records_count > 0,
            "features": list(self.features),
            "attachments": [
                one.described(self.url(base, "attachments", one.id)) for one in self.attachments
            ],
            "alternative_exports": [
                {
                    **one.described(self.url(base, "alternative_exports", one.id)),
                    "description": one.description,
                }
                for one in self.alternative_exports
            ],
            "data_visible": self.data_visible,
        }
        return {**own, **self.original, "metas": dict(self.metas)}
