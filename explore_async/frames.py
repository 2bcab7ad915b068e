"""Rows as Arrow tables, and from there as pandas and Polars frames; all of it optional.

Nothing here is imported until it is asked for, and what is missing is named with the extra to
install.
"""

from __future__ import annotations

import asyncio
import importlib
import tempfile
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import orjson

from explore_async.conversion import GeoPoint
from explore_async.errors import ConfigurationError, DecodeError, MissingExtraError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence

    import pyarrow as pa

    from explore_async.conversion import Converter
    from explore_async.models import DatasetField, Row

__all__ = ["parquet_batches", "require", "row_batches", "schema_of", "table"]

_EXTRAS = {"pyarrow": "parquet", "pandas": "pandas", "polars": "polars"}


def require(name: str) -> Any:
    """Import an optional package.

    Raises:
        MissingExtraError: it is not installed; names the extra that has it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingExtraError(
            f"{name} is not installed. Run: pip install 'explore-async[{_EXTRAS[name]}]'.",
            name=name,
        ) from error


def schema_of(converter: Converter) -> pa.Schema:
    """The Arrow columns of converted rows of a dataset.

    A dataset may keep a date as a year or a month, so such columns are text; shapes and other
    objects are JSON text, because they differ from row to row.
    """
    arrow = require("pyarrow")
    return arrow.schema([(converter.key(one), _column(arrow, one)) for one in converter.fields])


def table(rows: Sequence[Row], *, converter: Converter | None = None) -> pa.Table:
    """Rows as one Arrow table.

    Columns have the types of the converter's fields; the others those of their values, and JSON
    text where the values have no common type.
    """
    arrow = require("pyarrow")
    known = schema_of(converter) if converter is not None else arrow.schema([])
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not rows:
        return known.empty_table()
    columns = {}
    for name in names:
        values = [row.get(name) for row in rows]
        place = known.get_field_index(name)
        kind = known.field(place).type if place >= 0 else None
        columns[name] = _array(arrow, values, kind, name)
    return arrow.table(columns)


async def row_batches(
    rows: AsyncGenerator[Row, None], *, size: int, schema: pa.Schema | None
) -> AsyncGenerator[pa.RecordBatch, None]:
    """Rows as record batches of one schema, that of the first batch when none is given."""
    if size < 1:
        raise ConfigurationError(f"size is {size}; a batch holds at least 1 row.")
    held: list[Row] = []
    async with aclosing(rows) as source:
        async for row in source:
            held.append(row)
            if len(held) == size:
                batch = _batch(held, schema)
                schema = batch.schema
                held = []
                yield batch
    if held:
        yield _batch(held, schema)


async def parquet_batches(
    save: Callable[[Path], Awaitable[object]], *, size: int
) -> AsyncGenerator[pa.RecordBatch, None]:
    """The batches of a Parquet export, through a temporary file."""
    require("pyarrow")
    parquet = importlib.import_module("pyarrow.parquet")
    with tempfile.TemporaryDirectory(prefix="explore-") as folder:
        path = Path(folder) / "export.parquet"
        await save(path)
        with parquet.ParquetFile(path) as file:
            batches = file.iter_batches(batch_size=size)
            while (batch := await asyncio.to_thread(next, batches, None)) is not None:
                yield batch


def _batch(rows: list[Row], schema: pa.Schema | None) -> pa.RecordBatch:
    arrow = require("pyarrow")
    if schema is None:
        return table(rows).combine_chunks().to_batches()[0]
    unknown = {name for row in rows for name in row} - set(schema.names)
    if unknown:
        raise _misfit(", ".join(sorted(unknown)), "is not in the schema")
    arrays = [
        _array(arrow, [row.get(one.name) for row in rows], one.type, one.name) for one in schema
    ]
    return arrow.record_batch(arrays, schema=schema)


def _array(arrow: Any, values: list[object], kind: Any, name: str) -> Any:
    if kind is not None and arrow.types.is_string(kind):
        return arrow.array([_text(value) for value in values], kind)
    plain = [_plain(value) for value in values]
    try:
        return arrow.array(plain, kind)
    except (arrow.ArrowInvalid, arrow.ArrowTypeError, OverflowError) as error:
        if kind is not None:
            raise _misfit(name, str(error)) from error
    return arrow.array([_text(value) for value in values], arrow.string())


def _misfit(name: str, reason: str) -> DecodeError:
    return DecodeError(
        f"{name} does not fit the columns of the batches before: {reason}. Pass the columns as "
        "schema=, or export with typed=True.",
        status=200,
    )


def _plain(value: object) -> object:
    return attrs.asdict(value) if isinstance(value, GeoPoint) else value


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list | bool):
        return orjson.dumps(value, default=_plain).decode()
    return str(value)


def _column(arrow: Any, one: DatasetField) -> Any:
    point = arrow.struct([("lon", arrow.float64()), ("lat", arrow.float64())])
    kinds = {
        "int": arrow.int64(),
        "double": arrow.float64(),
        "datetime": arrow.timestamp("us", tz="UTC"),
        "geo_point_2d": point,
    }
    kind = kinds.get(one.type, arrow.string())
    if one.type == "date" and "timeserie_precision" not in one.annotations:
        kind = arrow.date32()
    many = one.annotations.get("multivalued", False) is not False
    return arrow.list_(kind) if many else kind
