"""The catalog as a table: the metadata of a dataset that ODSQL can query, and its names.

Live portals accept both `default.title` and `title`, but not `metas.default.title`; `dataset_id`
has no prefix, and can be written `datasetid`. A portal may define any metadata.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from explore_async.portal.schema import FieldType, PortalField

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from explore_async.portal.schema import Dataset

__all__ = ["BASE", "CATALOG_ID", "LINKED", "catalog_fields", "catalog_names", "catalog_row"]

CATALOG_ID = "datasets"

BASE = "{base}"
"""What stands for the URL of the API in the table, which serves requests to any host."""

LINKED = frozenset({"attachments", "alternative_exports"})
"""The fields with URLs of the portal."""

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
    _plain("default.federated", "boolean"),
    _plain("default.records_count", "int"),
)
"""The fields that every catalog has."""


def catalog_fields(datasets: Sequence[Dataset]) -> tuple[PortalField, ...]:
    """Return the fields of a catalog: the common ones, then all other metadata of its datasets.

    The type of other metadata is that of its values; values of several types are text.
    """
    common = {one.name for one in CATALOG_FIELDS}
    kinds: dict[str, set[str]] = {}
    for dataset in datasets:
        for space, metas in dataset.metas.items():
            for name, value in metas.items():
                kinds.setdefault(f"{space}.{name}", set()).add(_kind(value))
    return CATALOG_FIELDS + tuple(
        _other(name, found - {"null"}) for name, found in kinds.items() if name not in common
    )


def _kind(value: Any) -> str:
    names = {bool: "boolean", int: "int", float: "double", dict: "file", list: "list"}
    return "null" if value is None else names.get(type(value), "text")


def _other(name: str, kinds: set[str]) -> PortalField:
    if kinds == {"list"}:
        return PortalField(name, "text", name, annotations={"multivalued": ","})
    kind = next(iter(kinds)) if len(kinds) == 1 else "text"
    return _plain(name, cast("FieldType", kind))


def catalog_names(fields: Sequence[PortalField]) -> Iterator[tuple[str, str]]:
    """Yield each name that a query may use, with the name of its field."""
    yield "datasetid", "dataset_id"
    for one in fields:
        yield one.name, one.name
        if one.name.startswith("default."):
            yield one.name.removeprefix("default."), one.name


def catalog_row(dataset: Dataset, fields: Sequence[PortalField]) -> dict[str, Any]:
    """Flatten a dataset object into one row."""
    described = dataset.described(BASE)
    row: dict[str, Any] = {}
    for one in fields:
        prefix, dot, name = one.name.partition(".")
        value = described["metas"].get(prefix, {}).get(name) if dot else described.get(prefix)
        row[one.name] = _fitted(one, value)
    return row


def _fitted(one: PortalField, value: Any) -> Any:
    """Convert a value to the type of its field; free-form metadata may hold a string for a list."""
    if value is None or one.type == "file":
        return value
    if one.multivalued:
        return [str(item) for item in value] if isinstance(value, list) else [str(value)]
    value = ", ".join(map(str, value)) if isinstance(value, list) else value
    return str(value) if one.type == "text" else value
