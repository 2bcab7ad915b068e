"""SQL that reads a file as the columns of a dataset: the types of DuckDB become those of fields."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from explore_async.portal.errors import StoreError
from explore_async.portal.schema import PortalField
from explore_async.portal.settings import FieldSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from explore_async.portal.schema import FieldType
    from explore_async.portal.settings import CsvSettings, DatasetSettings

__all__ = ["Source", "SourceColumn", "csv_source", "json_source", "parquet_source", "quoted"]

_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT"}) | frozenset(
    {"UTINYINT", "USMALLINT", "UINTEGER"}
)
_TYPES: dict[str, FieldType] = {
    **dict.fromkeys(_INTEGERS, "int"),
    "UBIGINT": "int",
    "FLOAT": "double",
    "DOUBLE": "double",
    "BOOLEAN": "boolean",
    "DATE": "date",
}
_GEOJSON = frozenset(
    {"Feature", "Point", "LineString", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon",
     "GeometryCollection"}
)  # fmt: skip
_ROW_NUMBER = "file_row_number"
"""The column that DuckDB adds to Parquet on demand, unless the file has a column of this name."""
_WORD = re.compile(r"\w+", re.ASCII)
_NESTED = re.compile(r"STRUCT|MAP|UNION|JSON|VARIANT")


@frozen
class SourceColumn:
    """A column of a file: its name and its type in DuckDB."""

    name: str
    kind: str

    @property
    def is_list(self) -> bool:
        """True for a list of plain values."""
        return self.kind.endswith("[]") and not _NESTED.search(self.kind) and "[][" not in self.kind

    @property
    def is_point(self) -> bool:
        """True for an object with a longitude and a latitude."""
        return bool(re.fullmatch(r'STRUCT\("?lon"? \w+, "?lat"? \w+\)', self.kind)) or bool(
            re.fullmatch(r'STRUCT\("?lat"? \w+, "?lon"? \w+\)', self.kind)
        )

    @property
    def is_nested(self) -> bool:
        """True for any other object or list."""
        nested = bool(_NESTED.search(self.kind)) or self.kind.endswith("]")
        return nested and not self.is_list and not self.is_point


@frozen
class Source:
    """A file as DuckDB reads it.

    Attributes:
        sql: the call of a table function.
        columns: its columns.
        known: the types of fields that the file tells and DuckDB does not know.
        is_stable: True if reading the file again is cheap and cannot fail, as with Parquet.
    """

    sql: str
    columns: tuple[SourceColumn, ...]
    known: Mapping[str, FieldType] = field(factory=dict)
    is_stable: bool = False

    def fields(
        self, cursor: DuckDBPyConnection, said: Mapping[str, FieldSettings]
    ) -> dict[str, PortalField]:
        """Return the fields by the names of their columns, without those that are not visible."""
        found: dict[str, PortalField] = {}
        for one in self.columns:
            settings = said.get(one.name, FieldSettings())
            if not settings.visible:
                continue
            kind = settings.type or self.known.get(one.name) or self._type(cursor, one, settings)
            annotations = settings.annotations
            if one.is_list and kind == "text":
                annotations = {"multivalued": ",", **annotations}
            found[one.name] = PortalField(
                name=_field_name(one.name, {other.name for other in found.values()}),
                type=kind,
                label=settings.label or one.name,
                description=settings.description,
                annotations=annotations,
                precision=settings.precision,
            )
        return found

    def _type(
        self, cursor: DuckDBPyConnection, column: SourceColumn, settings: FieldSettings
    ) -> FieldType:
        if settings.multivalued is not None or column.is_list:
            return "text"
        if column.is_point:
            return "geo_point_2d"
        if column.is_nested or column.kind == "VARCHAR":
            return self._text_type(cursor, column)
        if column.kind.startswith("TIMESTAMP"):
            return "datetime"
        if column.kind.startswith("DECIMAL"):
            return "double"
        return _TYPES.get(column.kind, "text")

    def _text_type(self, cursor: DuckDBPyConnection, column: SourceColumn) -> FieldType:
        """Return `geo_shape` if the first text or object is GeoJSON."""
        name = _identifier(column.name)
        first = cursor.execute(
            f"SELECT {_text(column)} FROM {self.sql} WHERE {name} IS NOT NULL LIMIT 1"  # noqa: S608
        ).fetchone()
        return "geo_shape" if first and _is_geojson(first[0]) else "text"

    def create(self, table: str, fields: Mapping[str, PortalField]) -> str:
        """Return a statement that creates a table with one column for each field, in its type.

        A view if the file can be read in place; it numbers its rows, as a table does by itself.
        """
        kinds = {one.name: one for one in self.columns}
        columns = [
            f"{_value(kinds[name], one)} AS c{at}" for at, (name, one) in enumerate(fields.items())
        ]
        if not self.can_stay(fields):
            return f"CREATE TABLE {table} AS SELECT {', '.join(columns)} FROM {self.sql}"  # noqa: S608
        columns.append(f"{_ROW_NUMBER} AS rowid")
        return f"CREATE VIEW {table} AS SELECT {', '.join(columns)} FROM {self.sql}"  # noqa: S608

    def can_stay(self, fields: Mapping[str, PortalField]) -> bool:
        """Return whether the file can be read in place: no value can fail to be converted."""
        columns = {one.name: one for one in self.columns}
        return self.is_stable and all(
            one.type == "text"
            or (one.type == "datetime" and columns[name].kind.startswith("TIMESTAMP"))
            or (one.type == "geo_point_2d" and columns[name].is_point)
            or (_TYPES.get(columns[name].kind) == one.type and columns[name].kind != "UBIGINT")
            for name, one in fields.items()
        )


def csv_source(cursor: DuckDBPyConnection, path: Path, said: DatasetSettings) -> Source:
    """Read a CSV file; a field whose type is given is read as text, to keep its characters."""
    options = ["sample_size=-1", *_csv_options(said.csv)]
    sniffed = _described(cursor, f"read_csv({', '.join([_path(path), *options])})")
    types = {one.name for one in sniffed} & _typed(said)
    if not types:
        return Source(f"read_csv({', '.join([_path(path), *options])})", sniffed)
    listed = ", ".join(f"{quoted(name)}: 'VARCHAR'" for name in sorted(types))
    sql = f"read_csv({', '.join([_path(path), *options, f'types={{{listed}}}'])})"
    return Source(sql, _described(cursor, sql))


def json_source(cursor: DuckDBPyConnection, path: Path, said: DatasetSettings) -> Source:
    """Read JSON Lines; objects, and fields whose type is given, are read as text."""
    options = f"{_path(path)}, format='newline_delimited', maximum_object_size=268435456"
    sniffed = _described(
        cursor, f"read_json({options}, records=true, sample_size=-1, map_inference_threshold=-1)"
    )
    columns = tuple(_from_json(one, one.name in _typed(said)) for one in sniffed)
    listed = ", ".join(f"{quoted(one.name)}: {quoted(one.kind)}" for one in columns)
    return Source(f"read_json({options}, records=true, columns={{{listed}}})", columns)


def _from_json(column: SourceColumn, typed: bool) -> SourceColumn:
    if column.is_list:
        return evolve(column, kind="VARCHAR[]")
    if column.is_point:
        return evolve(column, kind="STRUCT(lon DOUBLE, lat DOUBLE)")
    return evolve(column, kind="VARCHAR") if typed or column.is_nested else column


def parquet_source(
    cursor: DuckDBPyConnection, path: Path, known: Mapping[str, FieldType], *, is_stable: bool
) -> Source:
    """Read Parquet."""
    columns = _described(cursor, f"read_parquet({_path(path)})")
    if any(one.name == _ROW_NUMBER for one in columns):
        return Source(f"read_parquet({_path(path)})", columns, known)
    sql = f"read_parquet({_path(path)}, {_ROW_NUMBER}=true)"
    return Source(sql, columns, known, is_stable)


def _typed(said: DatasetSettings) -> set[str]:
    return {name for name, one in said.fields.items() if one.type is not None or one.multivalued}


def _csv_options(said: CsvSettings) -> list[str]:
    given = {
        "delim": said.delimiter,
        "quote": said.quote,
        "header": said.header,
        "decimal_separator": said.decimal,
        "encoding": said.encoding,
        "skip": said.skip,
        "nullstr": said.null,
        "dateformat": said.date_format,
    }
    return [f"{name}={quoted(str(value))}" for name, value in given.items() if value is not None]


def _described(cursor: DuckDBPyConnection, sql: str) -> tuple[SourceColumn, ...]:
    rows = cursor.execute(f"DESCRIBE SELECT * FROM {sql}").fetchall()  # noqa: S608
    return tuple(SourceColumn(row[0], row[1]) for row in rows)


def _value(column: SourceColumn, target: PortalField) -> str:
    """Return SQL for the value of a field."""
    name, text = _identifier(column.name), _text(column)
    if target.multivalued:
        return _list(column, target)
    if target.type == "geo_point_2d":
        return _point(column)
    if target.type == "geo_shape":
        feature = f"json_extract_string({text}, '$.type') = 'Feature'"
        start, end = quoted('{"type": "Feature", "geometry": '), quoted(', "properties": {}}')
        return f"CASE WHEN {feature} THEN {text} ELSE {start} || {text} || {end} END"
    if target.type == "datetime":
        if column.kind == "VARCHAR":
            return f"timezone('UTC', CAST({name} AS TIMESTAMPTZ))"
        if column.kind == "TIMESTAMP WITH TIME ZONE":
            return f"timezone('UTC', {name})"
    if target.type in ("text", "file"):
        return text
    if target.type == "int" and _TYPES.get(column.kind) != "int":
        return _whole(column)
    return f"CAST({name} AS {target.column_type})"


def _whole(column: SourceColumn) -> str:
    """Return SQL for a whole number; a cast alone would round."""
    name, text = _identifier(column.name), _text(column)
    refused = f"error('Could not convert \"' || {text} || '\" to int')"
    is_whole = f"CAST({name} AS DOUBLE) % 1 = 0"
    return (
        f"CASE WHEN {name} IS NULL OR {is_whole} THEN CAST({name} AS BIGINT) "
        f"ELSE CAST({refused} AS BIGINT) END"
    )


def _list(column: SourceColumn, target: PortalField) -> str:
    if column.is_list:
        values = f"CAST({_identifier(column.name)} AS VARCHAR[])"
    else:
        separator = quoted(target.annotation("multivalued") or ",")
        values = f"list_transform(string_split({_text(column)}, {separator}), lambda e: trim(e))"
    return f"nullif(list_filter({values}, lambda e: e <> ''), [])"


def _point(column: SourceColumn) -> str:
    """Return SQL for a point; a text is `latitude, longitude`, as in CSV exports of portals."""
    name = _identifier(column.name)
    lon, lat = f"{name}.lon", f"{name}.lat"
    if not column.is_point:
        text = _text(column)
        lon, lat = (f"string_split({text}, ',')[{at}]" for at in (2, 1))
    point = f"{{lon: CAST({lon} AS DOUBLE), lat: CAST({lat} AS DOUBLE)}}"
    return f"CASE WHEN {name} IS NOT NULL THEN {point} END"


def _text(column: SourceColumn) -> str:
    name = _identifier(column.name)
    is_object = column.is_nested or column.is_point or column.is_list
    return f"CAST({f'to_json({name})' if is_object else name} AS VARCHAR)"


def _is_geojson(text: str) -> bool:
    if not text.startswith("{"):
        return False
    try:
        read: Any = json.loads(text)
    except ValueError:
        return False
    return read.get("type") in _GEOJSON and read.keys() & {
        "coordinates", "geometry", "geometries",
    } != set()  # fmt: skip


def _field_name(name: str, taken: set[str]) -> str:
    """Return a name that queries can have: letters without accents, digits and underscores.

    Raises:
        StoreError: another column has this name.
    """
    if _WORD.fullmatch(name):
        found = name
    else:
        plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
        found = re.sub(r"[^a-z0-9_]+", "_", plain).strip("_") or "field"
    if found in taken:
        raise StoreError(f"two columns have the field name {found!r}. Rename one.")
    return found


def _path(path: Path) -> str:
    """Return the path as SQL; DuckDB reads `*`, `?` and `[` as patterns."""
    return quoted(re.sub(r"[*?[]", r"[\g<0>]", str(path)))


def quoted(text: str) -> str:
    """Return a text as SQL. A view takes no bound values."""
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
