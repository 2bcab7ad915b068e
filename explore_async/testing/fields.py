"""The fields of a dataset, derived from the values of its rows.

Values have the form of API records, so the fields of recorded rows are found again. What a value
cannot tell, such as which fields are facets, has to be given.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from explore_async.portal.errors import StoreError
from explore_async.portal.schema import PortalField

if TYPE_CHECKING:
    from collections.abc import Sequence

    from explore_async.portal.schema import FieldType

__all__ = ["derive_fields"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:?\d{2})?")
_WIDER: dict[frozenset[FieldType], FieldType] = {
    frozenset({"int", "double"}): "double",
    frozenset({"text", "date"}): "text",
    frozenset({"text", "datetime"}): "text",
    frozenset({"date", "datetime"}): "datetime",
    frozenset({"text", "date", "datetime"}): "text",
}


def derive_fields(rows: Sequence[Mapping[str, Any]]) -> list[PortalField]:
    """Return a field for each key of the rows, in the order of their first appearance.

    ISO 8601 days and datetimes are `date` and `datetime`, lists are multivalued `text`, and a field
    that is always null is `text`.

    Raises:
        StoreError: a value is of no type that the portal stores, or two values have no type in
            common.
    """
    names = dict.fromkeys(name for row in rows if isinstance(row, Mapping) for name in row)
    return [
        _derived(name, [row[name] for row in rows if row.get(name) is not None]) for name in names
    ]


def _derived(name: str, values: list[Any]) -> PortalField:
    if values and all(isinstance(value, list | tuple) for value in values):
        return PortalField(name, "text", name, annotations={"multivalued": ","})
    kinds = frozenset(_type_of(name, value) for value in values)
    if len(kinds) < 2:
        return PortalField(name, next(iter(kinds), "text"), name)
    if kinds not in _WIDER:
        raise StoreError(
            f"The values of field {name!r} have several types: {', '.join(sorted(kinds))}. "
            "Make them alike, or pass the field in fields=."
        )
    return PortalField(name, _WIDER[kinds], name)


def _type_of(name: str, value: Any) -> FieldType:
    match value:
        case bool():
            return "boolean"
        case int():
            return "int"
        case float():
            return "double"
        case str():
            return _type_of_text(value)
        case datetime():
            return "datetime"
        case date():
            return "date"
        case Mapping():
            kind = _type_of_object(value)
            if kind is not None:
                return kind
    raise StoreError(
        f"The value {value!r} of field {name!r} has type {type(value).__name__}, which the portal "
        "cannot store so. Rows have the form of records in responses of the API."
    )


def _type_of_text(value: str) -> FieldType:
    if _DAY.fullmatch(value):
        return "date"
    return "datetime" if _MOMENT.fullmatch(value) else "text"


def _type_of_object(value: Mapping[str, Any]) -> FieldType | None:
    if value.keys() == {"lon", "lat"}:
        return "geo_point_2d"
    if {"type", "geometry"} <= value.keys():
        return "geo_shape"
    return "file" if "filename" in value else None
