"""SQL that reads a file as the columns of a dataset: the types of DuckDB become those of fields."""

from __future__ import annotations

import json
import re
import unicodedata
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from explore_async.portal.csv_files import quoted, sniffed_csv
from explore_async.portal.errors import StoreError
from explore_async.portal.schema import PortalField
from explore_async.portal.settings import FieldSettings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from explore_async.portal.schema import FieldType
    from explore_async.portal.settings import DatasetSettings

__all__ = [
    "Source", "SourceColumn", "csv_source", "json_source", "parquet_source", "quoted",
    "table_source",
]  # fmt: skip

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
_WORD = re.compile(r"\w+", re.ASCII)
_NUMBERS = re.compile(r"STRUCT\((?:\"?\w+\"? (?:DOUBLE|FLOAT|U?\w*INT(?:EGER)?)(?:, |\)))+")
"""A point whose coordinates are numbers."""
_NESTED = re.compile(r"STRUCT|MAP|UNION|JSON|VARIANT")
_FILE_KEYS = frozenset({"filename", "id", "mimetype"})
"""The keys of all recorded values of type `file`."""

_WGS84 = frozenset({"GEOMETRY", "GEOMETRY('OGC:CRS84')", "GEOMETRY('EPSG:4326')"})
"""The types of geometries in degrees of WGS 84; one without a system of coordinates is taken so."""

_PEEKED = 100


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
    def is_geometry(self) -> bool:
        """True for a geometry of DuckDB."""
        return self.kind.startswith("GEOMETRY") and not self.kind.endswith("]")

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
        place: SQL for the place of a row, if reading the file again is cheap and cannot fail, as
            with Parquet.
        has_objects: False if no text of it can be a JSON object.
    """

    sql: str
    columns: tuple[SourceColumn, ...]
    known: Mapping[str, FieldType] = field(factory=dict)
    place: str | None = None
    has_objects: bool = True

    def fields(
        self, cursor: DuckDBPyConnection, said: Mapping[str, FieldSettings]
    ) -> dict[str, PortalField]:
        """Return the fields by the names of their columns, without those that are not visible."""
        found: dict[str, PortalField] = {}
        objects = self._objects(cursor, said)
        for one in self.columns:
            settings = said.get(one.name, FieldSettings())
            if not settings.visible:
                continue
            kind = (
                settings.field_type
                or self.known.get(one.name)
                or objects.get(one.name)
                or _type(one, settings)
            )
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

    def _objects(
        self, cursor: DuckDBPyConnection, said: Mapping[str, FieldSettings]
    ) -> dict[str, FieldType]:
        """Return the types of columns whose first text or object is one of a known form."""
        found = {
            one.name: self._geometry_type(cursor, one) for one in self.columns if one.is_geometry
        }
        columns = [one for one in self.columns if self._may_be_object(one, said.get(one.name))]
        if not columns:
            return found
        texts = ", ".join(_text(one) for one in columns)
        rows = cursor.execute(f"SELECT {texts} FROM {self.sql} LIMIT {_PEEKED}").fetchall()  # noqa: S608
        for at, one in enumerate(columns):
            first = next((row[at] for row in rows if row[at] is not None), None)
            if first is None and len(rows) == _PEEKED:
                first = self._first(cursor, one)
            kind = _object_type(first)
            if kind is not None:
                found[one.name] = kind
        return found

    def _geometry_type(self, cursor: DuckDBPyConnection, column: SourceColumn) -> FieldType:
        """Return `geo_point_2d` if all geometries are points in two dimensions."""
        if column.kind not in _WGS84:
            raise StoreError(
                f"the column {column.name!r} has coordinates that are not WGS 84 (EPSG:4326). "
                "Convert it, for instance with ST_Transform."
            )
        text = _text(column)
        is_point = (
            f"json_extract_string({text}, '$.type') = 'Point' AND "
            f"json_array_length({text}, '$.coordinates') IN (0, 2)"
        )
        found = cursor.execute(f"SELECT bool_and({is_point}) FROM {self.sql}").fetchone()  # noqa: S608
        return "geo_shape" if found and found[0] is False else "geo_point_2d"

    def _may_be_object(self, column: SourceColumn, said: FieldSettings | None) -> bool:
        if column.name in self.known or not self.has_objects:
            return False
        if said is not None and (said.type or said.multivalued is not None or not said.visible):
            return False
        return column.is_nested or column.kind == "VARCHAR"

    def _first(self, cursor: DuckDBPyConnection, column: SourceColumn) -> str | None:
        name, text = _identifier(column.name), _text(column)
        first = cursor.execute(
            f"SELECT {text} FROM {self.sql} WHERE {name} IS NOT NULL LIMIT 1"  # noqa: S608
        ).fetchone()
        return None if first is None else str(first[0])

    def select(self, fields: Mapping[str, PortalField], *, in_place: bool = False) -> str:
        """Return a statement with one column for each field, in the type of its field.

        Tables have a place for each row, `rowid`. If the file is read in place, it is a column.
        """
        kinds = {one.name: one for one in self.columns}
        columns = [
            f"{_value(kinds[name], one)} AS c{at}" for at, (name, one) in enumerate(fields.items())
        ]
        if in_place:
            columns.append(f"{self.place} AS rowid")
        return f"SELECT {', '.join(columns)} FROM {self.sql}"  # noqa: S608

    def can_stay(self, fields: Mapping[str, PortalField]) -> bool:
        """Return whether the file can be read in place: no value can fail to be converted."""
        kinds = {one.name: one.kind for one in self.columns}
        if self.place is None or self.place in {name.lower() for name in kinds}:
            return False
        return all(
            one.type == "text"
            or (one.type == "datetime" and kinds[name].startswith("TIMESTAMP"))
            or (one.type == "double" and kinds[name].startswith("DECIMAL"))
            or (one.type == "geo_point_2d" and _NUMBERS.fullmatch(kinds[name]))
            or (_TYPES.get(kinds[name]) == one.type and kinds[name] != "UBIGINT")
            for name, one in fields.items()
        )


def _type(column: SourceColumn, said: FieldSettings) -> FieldType:
    if said.multivalued is not None or column.is_list:
        return "text"
    if column.is_point:
        return "geo_point_2d"
    if column.kind.startswith("TIMESTAMP"):
        return "datetime"
    if column.kind.startswith("DECIMAL"):
        return "double"
    return "json_blob" if column.kind == "JSON" else _TYPES.get(column.kind, "text")


def csv_source(cursor: DuckDBPyConnection, path: Path, said: DatasetSettings) -> Source:
    """Read a CSV file.

    A field whose type is given is read as text, to keep its characters, unless the options say how
    its values are written.
    """
    told = dict.fromkeys(_typed(said), "VARCHAR")
    for name, one in said.fields.items():
        if one.type == "date" and said.csv.date_format is not None:
            told[name] = "DATE"
        if one.type == "double" and said.csv.decimal is not None:
            told[name] = "DOUBLE"
    sql, kinds, has_objects = sniffed_csv(cursor, path, _path(path), said.csv, told)
    columns = tuple(SourceColumn(name, kind) for name, kind in kinds.items())
    return Source(sql, columns, has_objects=has_objects)


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
    """Read Parquet, in place if it is stable."""
    sql = f"read_parquet({_path(path)})"
    place = "file_row_number" if is_stable else None
    return Source(sql, _described(cursor, sql), known, place)


def table_source(
    cursor: DuckDBPyConnection, database: str, table: str, *, is_stable: bool
) -> Source:
    """Read a table or a view of an attached database, in place if it is stable."""
    sql = f"{database}.main.{_identifier(table)}"
    return Source(sql, _described(cursor, sql), place="rowid" if is_stable else None)


def _typed(said: DatasetSettings) -> set[str]:
    return {name for name, one in said.fields.items() if one.type is not None or one.multivalued}


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
    if target.type == "text":
        return text
    if target.type in ("file", "json_blob"):
        return _json(column, target)
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


def _json(column: SourceColumn, target: PortalField) -> str:
    """Return SQL for JSON in the layout of a response."""
    name, text = _identifier(column.name), _text(column)
    refused = f"error('Could not convert \"' || {text} || '\" to {target.type}: it is not JSON')"
    read = f"coalesce(nullif(portal_json({text}), ''), CAST({refused} AS VARCHAR))"
    return f"CASE WHEN {name} IS NOT NULL THEN {read} END"


def _list(column: SourceColumn, target: PortalField) -> str:
    if column.is_list:
        values = f"CAST({_identifier(column.name)} AS VARCHAR[])"
    else:
        separator = quoted(target.annotation("multivalued") or ",")
        values = f"list_transform(string_split({_text(column)}, {separator}), lambda e: trim(e))"
    return f"nullif(list_filter({values}, lambda e: e <> ''), [])"


def _point(column: SourceColumn) -> str:
    """Return SQL for a point; a text is `latitude, longitude`, as in CSV exports of portals."""
    name, text = _identifier(column.name), _text(column)
    lon, lat = f"{name}.lon", f"{name}.lat"
    if column.is_geometry:
        lon, lat = (f"json_extract({text}, '$.coordinates[{at}]')" for at in (0, 1))
        point = f"{{lon: CAST({lon} AS DOUBLE), lat: CAST({lat} AS DOUBLE)}}"
        return f"CASE WHEN {lon} IS NOT NULL THEN {point} END"
    if not column.is_point:
        lon, lat = (f"string_split({text}, ',')[{at}]" for at in (2, 1))
    point = f"{{lon: CAST({lon} AS DOUBLE), lat: CAST({lat} AS DOUBLE)}}"
    return f"CASE WHEN {name} IS NOT NULL THEN {point} END"


def _text(column: SourceColumn) -> str:
    name = _identifier(column.name)
    if column.is_geometry:
        return f"ST_AsGeoJSON({name})"
    is_object = column.is_nested or column.is_point or column.is_list
    return f"CAST({f'to_json({name})' if is_object else name} AS VARCHAR)"


def _object_type(text: str | None) -> FieldType | None:
    """Return the type of a JSON object: `geo_shape` for GeoJSON, `file` for what describes a file.

    Recorded: the description of a file has, among others, the keys `filename`, `id` and `mimetype`.
    """
    if text is None or not text.startswith("{"):
        return None
    try:
        read: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None
    is_geometry = read.keys() & {"coordinates", "geometry", "geometries"} != set()
    if is_geometry and isinstance(read.get("type"), str) and read["type"] in _GEOJSON:
        return "geo_shape"
    return "file" if read.keys() >= _FILE_KEYS else None


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


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
