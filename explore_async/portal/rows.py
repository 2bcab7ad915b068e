"""Rows of a dataset: their values, checked against the fields, and fields inferred from them.

Values have the form of API records. Besides, the forms of other sources are accepted where they can
mean only one thing: the text of CSV files and the missing values and scalars of pandas.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from explore_async.portal.errors import StoreError
from explore_async.portal.schema import FieldType, PortalField

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["inferred_fields", "prepared_rows", "refuse_no_rows", "travelling"]

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_SHAPES = frozenset(
    {
        "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon",
        "GeometryCollection",
    }
)  # fmt: skip


def travelling(one: PortalField) -> Any:
    """Return the type as which a value is read from JSON, before the cast to its column type.

    It has the form of the structures of DuckDB's `from_json`.
    """
    if one.multivalued:
        return ["VARCHAR"]
    return {"lon": "DOUBLE", "lat": "DOUBLE"} if one.type == "geo_point_2d" else "VARCHAR"


def prepared_rows(
    fields: Sequence[PortalField], rows: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield each row as JSON, keyed by column name.

    Raises:
        StoreError: a row is not a mapping, a key is not a field, or a value does not fit its field.
    """
    names = {one.name for one in fields}
    if not isinstance(rows, Iterable):
        raise StoreError("rows must be mappings of values by field name.")
    for count, row in enumerate(rows):
        _refuse_no_row(count, row)
        unknown = row.keys() - names
        if unknown:
            raise StoreError(
                f"Row {count} has keys that are not fields: {sorted(map(str, unknown))}."
            )
        prepared = {
            f"c{at}": _prepared(one, value)
            for at, one in enumerate(fields)
            if (value := _plain(row.get(one.name))) is not None
        }
        yield json.dumps(prepared)


def refuse_no_rows(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return rows as a list.

    Raises:
        StoreError: they are not mappings.
    """
    if not isinstance(rows, Iterable):
        raise StoreError("rows must be mappings of values by field name.")
    listed = list(rows)
    for count, row in enumerate(listed):
        _refuse_no_row(count, row)
    return listed


def _refuse_no_row(count: int, row: object) -> None:
    if not isinstance(row, Mapping):
        raise StoreError(f"Row {count} has type {type(row).__name__}; it must be a mapping.")


def _plain(value: Any) -> Any:
    """Return a value without the types of numpy and pandas; a missing one is None."""
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return value.item()
    return value


def _prepared(one: PortalField, value: Any) -> Any:
    """Convert a value to the form that the cast of its column reads."""
    if isinstance(value, float) and math.isnan(value) and one.type != "double":
        return None  # as in pandas
    if one.multivalued:
        return _listed(one, value)
    if value == "" and one.type != "text":
        return None  # as in CSV files
    try:
        return _PREPARE[one.type](value)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError) as error:
        raise StoreError(f"{value!r} is not a valid {one.type} for field {one.name!r}.") from error


def _listed(one: PortalField, value: Any) -> list[str] | None:
    """Return the texts of a list, or of a text with the separator of the field."""
    if isinstance(value, str):
        return [part for part in value.split(one.annotation("multivalued") or ",") if part] or None
    return [str(item) for item in value] or None


# ---------------------------------------------------------------- values


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: Any) -> str:
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        value = int(value)
    if isinstance(value, bool) or int(value) != value or not -(2**63) <= value < 2**63:
        raise TypeError
    return str(int(value))


def _double(value: Any) -> str:
    if isinstance(value, bool):
        raise TypeError
    return repr(float(value))


def _boolean(value: Any) -> str:
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower()
    if not isinstance(value, bool):
        raise TypeError
    return str(value)


def _date(value: Any) -> str:
    if isinstance(value, date):
        return value.strftime("%Y-%m-%d")
    year, month, day = ([*value.split("-"), "01", "01"])[:3]
    return date(int(year), int(month), int(day)).isoformat()


def _datetime(value: Any) -> str:
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return moment.isoformat(sep=" ")


def _point(value: Any) -> dict[str, float]:
    """Read `{"lon": .., "lat": ..}`, or the text of a CSV file, which has the latitude first."""
    if isinstance(value, str):
        latitude, longitude = map(float, value.split(","))
    else:
        longitude, latitude = float(value["lon"]), float(value["lat"])
    if not (-180 <= longitude <= 180 and -90 <= latitude <= 90):
        raise ValueError
    return {"lon": longitude, "lat": latitude}


def _shape(value: Any) -> str:
    """Read a GeoJSON feature, a bare geometry, or the text of either."""
    read = json.loads(value) if isinstance(value, str) else value
    if read["type"] != "Feature":
        read = {"type": "Feature", "geometry": read, "properties": {}}
    geometry = read["geometry"]
    if geometry is None:
        return json.dumps(read)
    inside = "geometries" if geometry["type"] == "GeometryCollection" else "coordinates"
    if geometry["type"] not in _SHAPES or not isinstance(geometry[inside], list | tuple):
        raise ValueError
    return json.dumps(read)


_PREPARE: dict[FieldType, Callable[[Any], Any]] = {
    "text": _text,
    "int": _integer,
    "double": _double,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "geo_point_2d": _point,
    "geo_shape": _shape,
    "file": json.dumps,
    "json_blob": json.dumps,
}


# ---------------------------------------------------------------- inferring


def inferred_fields(rows: Iterable[Mapping[str, Any]]) -> tuple[PortalField, ...]:
    """Return the fields that hold all values of some rows, in the order of their keys.

    Text stays text, whatever it looks like. A field without values is a text field.

    Raises:
        StoreError: no type holds all values of a key.
    """
    kinds: dict[str, set[FieldType | None]] = {}
    for row in rows:
        for name, value in row.items():
            plain = _plain(value)
            kinds.setdefault(name, set()).update(() if plain is None else (_kind(plain),))
    return tuple(_field(name, found) for name, found in kinds.items())


def _field(name: str, kinds: set[FieldType | None]) -> PortalField:
    if kinds == {None}:
        return PortalField(name, "text", name, annotations={"multivalued": ","})
    if kinds == {"int", "double"}:
        return PortalField(name, "double", name)
    if None in kinds or len(kinds) > 1:
        raise StoreError(
            f"The values of {name!r} have no type in common; pass the fields of the dataset."
        )
    (kind,) = kinds or {"text"}
    return PortalField(name, kind or "text", name)


def _kind(value: Any) -> FieldType | None:
    """Return the type of a value; None for a list of texts."""
    for known, kind in _KINDS:
        if isinstance(value, known):
            return kind
    if isinstance(value, dict) and {"lon", "lat"} <= value.keys():
        return "geo_point_2d"
    if isinstance(value, dict) and value.get("type") in _SHAPES | {"Feature"}:
        return "geo_shape"
    return "file" if isinstance(value, dict) and "filename" in value else "json_blob"


_KINDS: tuple[tuple[type, FieldType | None], ...] = (
    (bool, "boolean"), (int, "int"), (float, "double"), (Decimal, "double"), (str, "text"),
    (datetime, "datetime"), (date, "date"), (list, None), (tuple, None),
)  # fmt: skip
