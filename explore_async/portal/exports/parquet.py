"""GeoParquet: Parquet whose geographic columns hold WKB, as its metadata `geo` says.

Recorded of programs that read live exports: geographic fields are WKB with the longitude as x, the
file has `geo` metadata, and datetimes are in milliseconds, UTC. Lists keep their structure, and
dates are days; both are unknown on live portals. One group of rows is in memory at a time.
"""

from __future__ import annotations

import importlib
import io
import json
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from explore_async.geometries import geo_metadata
from explore_async.portal.errors import invalid_parameter, not_supported
from explore_async.portal.exports.geometry import GEOGRAPHIC, as_wkb, bare, projection
from explore_async.portal.exports.rows import tables

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    import pyarrow as pa

    from explore_async.portal.context import Value
    from explore_async.portal.engine import Engine
    from explore_async.portal.exports.export import Export
    from explore_async.portal.exports.geometry import Projection

__all__ = ["refuse_equal_columns", "write_parquet"]

_COMPRESSIONS = ("snappy", "zstd")
_GROUP = 50_000
"""The maximum number of rows in a group."""
_REPEATED = 10
"""How often a text must occur on average for its column to have a dictionary, which takes time."""


async def write_parquet(one: Export, engine: Engine) -> AsyncGenerator[bytes]:
    """Write groups of rows."""
    compression = one.parameters.get("parquet_compression", "") or _COMPRESSIONS[0]
    if compression not in _COMPRESSIONS:
        # The live text is unknown.
        raise invalid_parameter(
            f"Invalid value for parquet_compression API parameter: {compression}."
        )
    refuse_equal_columns(one)
    project = projection(one.parameters)
    file = _File(_schema(one, project), compression, project)
    shown = [output.value.sql for output in one.plan.outputs]
    async with aclosing(tables(one, shown, file.write, engine, rows=_GROUP)) as chunks:
        async for chunk in chunks:
            if chunk:
                yield chunk
    yield await engine.run(file.end)


def refuse_equal_columns(one: Export) -> None:
    """Refuse labels that are equal, because readers find columns by their names."""
    names = [one.column(output) for output in one.plan.outputs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise not_supported(f"An export with two columns called {twice[0]}")


def _schema(one: Export, project: Projection) -> pa.Schema:
    arrow = importlib.import_module("pyarrow")
    outputs = {one.column(output): output.value for output in one.plan.outputs}
    schema = arrow.schema([(name, _type(arrow, value)) for name, value in outputs.items()])
    places = {name: value.type for name, value in outputs.items() if value.type in GEOGRAPHIC}
    if not places:
        return schema
    geo = geo_metadata(places, crs=project.described)
    return schema.with_metadata({"geo": json.dumps(geo)})


def _type(arrow: Any, value: Value) -> pa.DataType:
    if value.multivalued:
        return arrow.list_(arrow.string())
    made = {
        "int": arrow.int64(),
        "double": arrow.float64(),
        "boolean": arrow.bool_(),
        "date": arrow.date32(),
        "datetime": arrow.timestamp("ms", tz="UTC"),
        "geo_point_2d": arrow.binary(),
        "geo_shape": arrow.binary(),
    }
    return made.get(value.type, arrow.string())


class _File:
    """A Parquet file whose bytes are taken as they are written."""

    def __init__(self, schema: pa.Schema, compression: str, project: Projection) -> None:
        self._arrow = importlib.import_module("pyarrow")
        self._numpy = importlib.import_module("numpy")
        self._compute = importlib.import_module("pyarrow.compute")
        self._schema = schema
        self._compression = compression
        self._project = project
        self._sink = _Sink()
        self._writer: Any = None

    def write(self, batch: pa.RecordBatch) -> bytes:
        """Add a group of rows, and return the bytes that this completes."""
        arrays = [
            self._array(array, field.type)
            for array, field in zip(batch.columns, self._schema, strict=True)
        ]
        table = self._arrow.Table.from_arrays(arrays, schema=self._schema)
        self._begun(table).write_table(table, row_group_size=table.num_rows)
        return self._sink.taken()

    def end(self) -> bytes:
        """Return the last bytes."""
        self._begun(self._schema.empty_table()).close()
        return self._sink.taken()

    def _begun(self, first: pa.Table) -> Any:
        """Return the writer, which is made for the first group of rows."""
        if self._writer is None:
            parquet = importlib.import_module("pyarrow.parquet")
            self._writer = parquet.ParquetWriter(
                self._sink,
                self._schema,
                compression=self._compression,
                use_dictionary=[name for name in first.column_names if self._repeats(first[name])],
                write_statistics=[field.name for field in self._schema if self._has_range(field)],
            )
        return self._writer

    def _repeats(self, column: pa.ChunkedArray) -> bool:
        if column.type != self._arrow.string():
            return False
        distinct: int = self._compute.count_distinct(column).as_py()
        return _REPEATED * distinct <= len(column)

    def _has_range(self, field: pa.Field) -> bool:
        """Tell whether readers can use a least and a greatest value, which take time to find."""
        return bool(self._arrow.types.is_primitive(field.type))

    def _array(self, array: pa.Array, type_: pa.DataType) -> pa.Array:
        if type_ != self._arrow.binary():
            return array.cast(type_, safe=False)  # a millisecond has no microseconds
        if self._arrow.types.is_struct(array.type):
            return self._points(array)
        geometries = [self._project(bare(cell)) for cell in array.to_pylist()]
        return self._arrow.array(map(as_wkb, geometries), type_)

    def _points(self, array: pa.StructArray) -> pa.Array:
        """Return the WKB of points, all at once: 21 bytes each, as `geometries.wkb` writes them."""
        numpy, arrow = self._numpy, self._arrow
        xs, ys = (one.to_numpy(zero_copy_only=False) for one in array.flatten())
        if self._project.transform is not None:
            xs, ys = self._project.transform(xs, ys)
        points = numpy.zeros(len(array), [("o", "u1"), ("t", "<u4"), ("x", "<f8"), ("y", "<f8")])
        points["o"], points["t"], points["x"], points["y"] = 1, 1, xs, ys
        ends = numpy.arange(len(array) + 1, dtype="int32") * points.itemsize
        buffers = [None, arrow.py_buffer(ends), arrow.py_buffer(points)]
        written = arrow.BinaryArray.from_buffers(arrow.binary(), len(array), buffers)
        if not array.null_count:
            return written
        return self._compute.if_else(array.is_valid(), written, None)


class _Sink(io.RawIOBase):
    """Collects bytes until they are taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        piece = bytes(data)
        self._parts.append(piece)
        self._position += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._position

    def taken(self) -> bytes:
        """Return what was written since the last call."""
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken
