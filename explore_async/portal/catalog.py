"""The catalog as a table: the metadata of a dataset that ODSQL can query, and its names.

Live portals accept both `default.title` and `title`, but not `metas.default.title`; `dataset_id`
has no prefix. A portal may define any metadata; these fields are the common ones.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from explore_async.portal.schema import FieldType, PortalField

if TYPE_CHECKING:
    from collections.abc import Iterator

    from explore_async.portal.schema import Dataset

__all__ = ["CATALOG_FIELDS", "CATALOG_ID", "catalog_names", "catalog_row"]

CATALOG_ID = "datasets"

_FACET = {"facet": True}


def _plain(name: str, kind: FieldType = "text") -> PortalField:
    return PortalField(name=name, type=kind, label=name)


def _listed(name: str) -> PortalField:
    return PortalField(
        name=name, type="text", label=name, annotations={"multivalued": ",", **_FACET}
    )


def _facet(name: str) -> PortalField:
    return PortalField(name=name, type="text", label=name, annotations=_FACET)


CATALOG_FIELDS: tuple[PortalField, ...] = (
    _plain("dataset_id"),
    _plain("dataset_uid"),
    _plain("has_records", "boolean"),
    _plain("data_visible", "boolean"),
    _listed("features"),
    _plain("fields", "file"),
    _plain("attachments", "file"),
    _plain("alternative_exports", "file"),
    _plain("default.title"),
    _plain("default.description"),
    _listed("default.theme"),
    _listed("default.keyword"),
    _facet("default.license"),
    _plain("default.license_url"),
    _facet("default.language"),
    _facet("default.publisher"),
    _plain("default.references"),
    _plain("default.modified", "datetime"),
    _plain("default.data_processed", "datetime"),
    _plain("default.metadata_processed", "datetime"),
    _plain("default.records_count", "int"),
)
"""The fields of the catalog."""


def catalog_names() -> Iterator[tuple[str, str]]:
    """Yield each name that a query may use, with the name of its field."""
    for one in CATALOG_FIELDS:
        yield one.name, one.name
        if one.name.startswith("default."):
            yield one.name.removeprefix("default."), one.name


def catalog_row(dataset: Dataset) -> dict[str, Any]:
    """Flatten a dataset object into one row."""
    described = dataset.described()
    default = described["metas"].get("default", {})
    row: dict[str, Any] = {}
    for one in CATALOG_FIELDS:
        prefix, dot, name = one.name.partition(".")
        value = default.get(name) if dot else described.get(prefix)
        row[one.name] = _fitted(one, value)
    return row


def _fitted(one: PortalField, value: Any) -> Any:
    """Convert a value to the type of its field; free-form metadata may hold a string for a list."""
    if value is None or one.type == "file":
        return value
    if one.multivalued:
        return [str(item) for item in value] if isinstance(value, list) else [str(value)]
    return ", ".join(map(str, value)) if isinstance(value, list) else value
