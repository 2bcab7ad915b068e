"""Conversion of rows to Arrow tables, and from there to pandas and Polars data frames.

These packages are optional and are imported on first use. If one is missing, the error names the
extra to install.
"""

from __future__ import annotations

import importlib
import json
import math
import tempfile
from contextlib import aclosing, asynccontextmanager, contextmanager
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import orjson

from explore_async.errors import ConfigurationError, DecodeError, MissingExtraError, StorageError
from explore_async.results import geo
from explore_async.results.conversion import GeoPoint
from explore_async.results.files import OwnThread
from odsql.syntax.errors import shown

if TYPE_CHECKING:
    from collections.abc import (
        AsyncGenerator,
        Awaitable,
        Callable,
        Iterator,
        Mapping,
        Sequence,
    )

    import geopandas
    import pyarrow as pa

    from explore_async.models import DatasetField, Row
    from explore_async.results.conversion import Converter

__all__ = [
    "GeometryColumns",
    "batch",
    "column",
    "geo_frame",
    "joined",
    "parquet_batches",
    "parquet_rows",
    "parquet_table",
    "refuse_unknown_geometry",
    "require",
    "row_batches",
    "schema_of",
    "table",
]

GeometryColumns: TypeAlias = Literal["wkb"] | None

_EXTRAS = {
    "distributed": "dask",
    "dlt": "dlt",
    "duckdb": "duckdb",
    "fsspec": "remote",
    "geopandas": "geo",
    "pandas": "pandas",
    "polars": "polars",
    "pyarrow": "parquet",
}
_GEOGRAPHIC = frozenset({"geo_point_2d", "geo_shape"})


def require(name: str) -> Any:
    """Import an optional package.

    Raises:
        MissingExtraError: the package is not installed; the message names the extra.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"{name} is not installed. Run: pip install 'explore-async[{_EXTRAS[name]}]'.",
            name=name,
        ) from error


def refuse_unknown_geometry(geometry: GeometryColumns, *, typed: bool) -> None:
    """Refuse geometry columns of rows without a schema.

    Raises:
        ConfigurationError: `geometry` is neither None nor "wkb", or the rows are not typed.
    """
    if geometry not in (None, "wkb"):
        raise ConfigurationError(f"geometry is {shown(geometry)}; it must be None or 'wkb'.")
    if geometry == "wkb" and not typed:
        raise ConfigurationError(
            "Only the schema tells which columns hold geometries; nothing was sent. Pass "
            "typed=True where the rows are requested."
        )


def schema_of(converter: Converter, *, geometry: GeometryColumns = None) -> pa.Schema:
    """Return the Arrow schema for a dataset's converted rows.

    A date field that holds only years or months is a string column. Shapes and other objects are
    JSON text, because their structure differs between rows. With `geometry="wkb"`, shapes and
    points are WKB, and the metadata of GeoArrow and GeoParquet describes them.
    """
    arrow = require("pyarrow")
    found = [_field(arrow, converter, one, geometry) for one in converter.fields]
    types = {converter.key(one): one.type for one in converter.fields}
    return arrow.schema(found, metadata=_geo_metadata(found, types))


def _geo_metadata(fields: list[pa.Field], types: Mapping[str, str]) -> dict[bytes, bytes] | None:
    return geo.schema_metadata(
        {one.name: types[one.name] for one in fields if geo.is_geometry(one)}
    )


def table(
    rows: Sequence[Row],
    *,
    converter: Converter | None = None,
    geometry: GeometryColumns = None,
) -> pa.Table:
    """Return rows as one Arrow table.

    Columns have the types of the converter's fields. Other columns have the type of their values,
    or hold JSON text if the values have no common type.
    """
    arrow = require("pyarrow")
    known, types = arrow.schema([]), {}
    if converter is not None:
        known = schema_of(converter, geometry=geometry)
        types = {converter.key(one): one.type for one in converter.fields}
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not rows:
        return known.empty_table()
    if not names:
        # A table of columns has no rows without one.
        empty = arrow.array(rows, arrow.struct([]))
        return arrow.Table.from_batches([arrow.RecordBatch.from_struct_array(empty)])
    arrays, fields = [], []
    for name in names:
        place = known.get_field_index(name)
        field = known.field(place) if place >= 0 else None
        arrays.append(_array(arrow, [row.get(name) for row in rows], field, name))
        fields.append(field or arrow.field(name, arrays[-1].type))
    schema = arrow.schema(fields, metadata=_geo_metadata(fields, types))
    return arrow.Table.from_arrays(arrays, schema=schema)


async def row_batches(
    rows: AsyncGenerator[Row, None], *, size: int, schema: pa.Schema | None
) -> AsyncGenerator[pa.RecordBatch, None]:
    """Yield rows as record batches of one schema, by default that of the first batch."""
    if size < 1:
        raise ConfigurationError(f"size is {size}; a batch holds at least 1 row.")
    thread = OwnThread("batches")
    held: list[Row] = []
    try:
        async with aclosing(rows) as source:
            async for row in source:
                held.append(row)
                if len(held) == size:
                    made = await thread.run(partial(batch, held, schema))
                    schema = made.schema
                    held = []
                    yield made
        if held:
            yield await thread.run(partial(batch, held, schema))
    finally:
        thread.let_go()


def geo_frame(table: pa.Table) -> geopandas.GeoDataFrame:
    """Return a table as a GeoPandas data frame."""
    return geo.frame(require("geopandas"), table)


def joined(batches: Sequence[pa.RecordBatch], schema: pa.Schema | None) -> pa.Table:
    """Return batches as one table; without batches, an empty one of the schema."""
    arrow = require("pyarrow")
    if not batches:
        return (schema or arrow.schema([])).empty_table()
    return arrow.Table.from_batches(batches)


async def parquet_batches(
    save: Callable[[Path], Awaitable[object]], *, size: int
) -> AsyncGenerator[pa.RecordBatch, None]:
    """Yield the batches of a Parquet export, through a temporary file.

    The metadata of the schema and of its fields are those of the file.

    Raises:
        ConfigurationError: `size` is less than 1.
        StorageError: writing or reading the temporary file failed.
        DecodeError: the export is not a valid Parquet file.
    """
    if size < 1:
        raise ConfigurationError(f"size is {size}; a batch holds at least 1 row.")
    async with _saved(save) as (thread, scratch):
        await thread.run(partial(scratch.open, size))
        while (batch := await thread.run(scratch.next)) is not None:
            yield batch


async def parquet_table(save: Callable[[Path], Awaitable[object]]) -> pa.Table:
    """Return a Parquet export as one table, through a temporary file.

    Raises:
        StorageError: writing or reading the temporary file failed.
        DecodeError: the export is not a valid Parquet file.
    """
    async with _saved(save) as (thread, scratch):
        return await thread.run(scratch.read)


@asynccontextmanager
async def _saved(
    save: Callable[[Path], Awaitable[object]],
) -> AsyncGenerator[tuple[OwnThread, _Scratch], None]:
    thread, scratch = OwnThread("parquet"), _Scratch()
    try:
        await save(await thread.run(scratch.make))
        yield thread, scratch
    except OSError as error:
        raise StorageError(
            f"Cannot use the temporary file of the Parquet export: {error.strerror}. Free "
            "space, or choose another folder with TMPDIR."
        ) from error
    finally:
        await thread.end(scratch.remove)


def parquet_rows(file: Path) -> int:
    """Return the number of rows that the footer of a Parquet file counts.

    Raises:
        DecodeError: the file is not a valid Parquet file.
        OSError: the file cannot be read.
    """
    with _reading_parquet():
        rows: int = importlib.import_module("pyarrow.parquet").read_metadata(file).num_rows
    return rows


@contextmanager
def _reading_parquet() -> Iterator[None]:
    """Raise DecodeError for a file that is not valid; errors of the disk stay OSError."""
    arrow = require("pyarrow")
    try:
        yield
    except (arrow.ArrowException, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DecodeError(
            f"The Parquet export cannot be read: {error}. Request it again; if the error persists, "
            "report it to the portal.",
            status=200,
        ) from error


class _Scratch:
    """A Parquet file in a temporary folder, used in only one thread."""

    def __init__(self) -> None:
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._file: Any = None
        self._batches: Iterator[pa.RecordBatch] = iter(())

    def make(self) -> Path:
        self._folder = tempfile.TemporaryDirectory(prefix="explore-")
        return self._path

    def open(self, size: int) -> None:
        with _reading_parquet():
            self._file = importlib.import_module("pyarrow.parquet").ParquetFile(self._path)
            self._batches = self._file.iter_batches(batch_size=size)

    def read(self) -> pa.Table:
        with _reading_parquet():
            return importlib.import_module("pyarrow.parquet").ParquetFile(self._path).read()

    def next(self) -> pa.RecordBatch | None:
        with _reading_parquet():
            return next(self._batches, None)

    def remove(self) -> None:
        self._batches = iter(())
        if self._file is not None:
            self._file.close()
        if self._folder is not None:
            self._folder.cleanup()

    @property
    def _path(self) -> Path:
        assert self._folder is not None  # noqa: S101 - `make` comes first
        return Path(self._folder.name) / "export.parquet"


def batch(rows: list[Row], schema: pa.Schema | None) -> pa.RecordBatch:
    """Return rows as one record batch; without a schema, with the types of the values.

    Raises:
        DecodeError: a value does not fit its column, or a row has another key.
    """
    arrow = require("pyarrow")
    if schema is None:
        return table(rows).combine_chunks().to_batches()[0]
    unknown = {name for row in rows for name in row} - set(schema.names)
    if unknown:
        raise _misfit(", ".join(sorted(unknown)), "is not in the schema")
    arrays = [_array(arrow, [row.get(one.name) for row in rows], one, one.name) for one in schema]
    return arrow.record_batch(arrays, schema=schema)


def column(values: list[object], field: pa.Field) -> pa.Array:
    """Return values as a column, which preserves every value.

    Raises:
        DecodeError: a value does not fit the type of the field.
    """
    return _array(require("pyarrow"), values, field, field.name)


def _as_float(value: object) -> object:
    """Return an integer beyond 64 bits as the same number, which Arrow itself does not convert."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 2**63:
        return float(value) if abs(value) < 2**1023 and float(value) == value else value
    return value


def _array(arrow: Any, values: list[object], field: pa.Field | None, name: str) -> Any:
    """Return a column that preserves every value; without a field, of the type of the values.

    Arrow itself would convert 2.5 to 2 in an integer column, and a datetime to midnight in a date
    column. Here a float column accepts an integer as the same number, and a string column accepts
    any value as JSON text; any other value that does not have the column's type is an error.
    """
    if field is not None and geo.is_geometry(field):
        return arrow.array([_wkb(value, name) for value in values], field.type)
    kind = None if field is None else field.type
    if kind is not None and _is_text(arrow, kind):
        return arrow.array([_text(value) for value in values], kind)
    plain = [_plain(value) for value in values]
    if kind is not None and arrow.types.is_floating(kind):
        plain = [_as_float(one) for one in plain]
    if kind is not None and arrow.types.is_list(kind) and _is_text(arrow, kind.value_type):
        plain = [list(map(_text, one)) if isinstance(one, list) else one for one in plain]
    if kind is not None and arrow.types.is_null(kind) and any(one is not None for one in plain):
        raise _misfit(name, "its type is null, because its values in the first batch are all null")
    try:
        column = arrow.array(plain, kind)
        changed = _first_changed(arrow, plain, column)
    except (arrow.ArrowTypeError, ValueError, OverflowError) as error:
        if kind is not None:
            raise _misfit(name, str(error)) from error
        return arrow.array([_text(value) for value in values], arrow.string())
    if changed is None:
        return column
    if kind is not None:
        raise _misfit(name, f"{changed!r:.80} cannot be kept as {kind}")
    return arrow.array([_text(value) for value in values], arrow.string())


def _wkb(value: object, name: str) -> bytes | None:
    try:
        return geo.wkb(value)
    except geo.MISFITS as error:
        raise _misfit(name, f"{value!r:.80} is not a geometry") from error


def _is_text(arrow: Any, kind: Any) -> bool:
    return bool(arrow.types.is_string(kind) or arrow.types.is_large_string(kind))


def _first_changed(arrow: Any, values: list[object], column: Any) -> object:
    """Return the first value that the column changed; None if it preserves all values."""
    if set(map(type, values)) <= {_exact_type(arrow, column.type), type(None)}:
        return None
    found = column.to_pylist()
    pairs = zip(values, found, strict=True)
    return next((value for value, kept in pairs if not _same(value, kept)), None)


def _exact_type(arrow: Any, kind: Any) -> type:
    """Return the Python type whose values a column preserves or rejects, but never changes."""
    kinds = {arrow.int64(): int, arrow.float64(): float, arrow.bool_(): bool, arrow.date32(): date}
    return str if _is_text(arrow, kind) else kinds.get(kind, type(None))


def _same(value: object, kept: object) -> bool:
    """Return whether Arrow preserved a value; in a struct it adds nulls for missing keys."""
    if isinstance(value, dict) and isinstance(kept, dict):
        return value.keys() <= kept.keys() and all(
            _same(value.get(key), each) for key, each in kept.items()
        )
    if isinstance(value, list) and isinstance(kept, list):
        return len(value) == len(kept) and all(map(_same, value, kept))
    if isinstance(value, float) and math.isnan(value):
        return isinstance(kept, float) and math.isnan(kept)
    if isinstance(value, bool) or isinstance(kept, bool):
        return value is kept
    return isinstance(value, datetime) is isinstance(kept, datetime) and value == kept


def _misfit(name: str, reason: str) -> DecodeError:
    return DecodeError(
        f"{name} does not fit its column: {reason}. Declare the columns with typed=True or "
        "schema=, name computed values differently from all fields, or read rows instead.",
        status=200,
    )


def _plain(value: object) -> object:
    return {"lon": value.lon, "lat": value.lat} if isinstance(value, GeoPoint) else value


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, dict | list | bool):
        return str(value)
    try:
        return orjson.dumps(value, default=_in_json).decode()
    except TypeError:  # an integer of more than 64 bits, or nested more deeply than orjson writes
        return json.dumps(value, default=_in_json, ensure_ascii=False, separators=(",", ":"))


def _in_json(value: object) -> object:
    """Return what stands for a converted value in JSON text."""
    plain = _plain(value)
    return plain if isinstance(plain, dict) else str(plain)


def _field(
    arrow: Any, converter: Converter, one: DatasetField, geometry: GeometryColumns
) -> pa.Field:
    name, many = converter.key(one), one.annotations.get("multivalued", False) is not False
    if geometry == "wkb" and one.type in _GEOGRAPHIC and not many:
        return arrow.field(name, arrow.binary(), metadata=geo.field_metadata())
    kind = _column(arrow, one, converter.kind(one))
    return arrow.field(name, arrow.list_(kind) if many else kind)


def _column(arrow: Any, one: DatasetField, type_: str) -> Any:
    if type_ == "date" and "timeserie_precision" not in one.annotations:
        return arrow.date32()
    kinds = {
        "int": arrow.int64(),
        "double": arrow.float64(),
        "boolean": arrow.bool_(),
        "datetime": arrow.timestamp("us", tz="UTC"),
        "geo_point_2d": arrow.struct([("lon", arrow.float64()), ("lat", arrow.float64())]),
    }
    return kinds.get(type_, arrow.string())
