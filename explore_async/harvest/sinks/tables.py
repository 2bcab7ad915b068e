"""Typed files: Parquet, GeoParquet and Arrow IPC.

The types of columns are those of the dataset's schema, never those of the first rows. Columns that
the schema does not have, such as computed ones, are text. Parquet files are compressed with zstd,
have dictionaries, and row groups of about 65,536 rows; only one row group is held in memory.

In GeoParquet, points and shapes are WKB (longitude as x, OGC:CRS84), as the metadata of the file
says; in the other formats a point has `lon` and `lat`, and a shape is JSON text.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from contextlib import aclosing
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, frozen

from explore_async.errors import DecodeError
from explore_async.harvest.sinks.blocks import BlockReader
from explore_async.harvest.sinks.bounds import Bounds
from explore_async.harvest.sinks.values import Files, Misfits, Written, as_json
from explore_async.http.decoding import snippet
from explore_async.results import arrow, geo
from explore_async.results.conversion import GeoPoint
from explore_async.results.files import OwnThread, PartFile
from explore_async.results.row_readers import load_exact

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import pyarrow as pa

    from explore_async.harvest.sinks.source import Source
    from explore_async.models import Row
    from explore_async.results.conversion import Converter

__all__ = ["TableFiles", "arrow_file", "columns_of", "parquet_file"]

_BATCH = 8_192
_PIECE = 1_000
"""Rows of a block that become Python objects at a time: these take more memory than their text."""
_ROW_GROUP = 65_536
_GROUP_BYTES = 32 * 1024 * 1024
"""Fewer rows are a row group if they take as much memory; some rows have long texts or shapes."""
_KEPT = "_misfits"
_ADVICE = "hint: write null for such values with --misfits null, or keep them with --misfits text."


@frozen(kw_only=True)
class TableFiles(Files):
    """Files of one schema.

    Attributes:
        suffix: the end of the names of files.
        schema: the columns.
        converter: converts the values of rows; it keeps those that do not fit.
        misfits: what to do with these.
        encoder: makes the encoder of one file.
    """

    suffix: str
    schema: pa.Schema
    converter: Converter
    misfits: Misfits
    encoder: Callable[[pa.Schema], _Encoder]

    async def write(self, path: Path, source: Source) -> Written:
        """Write the rows of a partition."""
        thread = OwnThread("table")
        file = _File(self)
        encoded: asyncio.Future[list[bytes]] | None = None
        try:
            async with PartFile(path) as part:
                async with aclosing(file.steps(source)) as steps:
                    async for step in steps:
                        # The next rows arrive while the last ones are encoded.
                        if encoded is not None:
                            await part.write(*await encoded)
                        encoded = thread.start(step)
                if encoded is not None:
                    await part.write(*await encoded)
                await part.write(*await thread.run(file.end))
                await part.finish()
                part.commit()
        finally:
            if encoded is not None:
                await asyncio.wait({encoded})
                if not encoded.cancelled():
                    encoded.exception()  # mark as retrieved; another error is raised
            thread.let_go()
        return Written(rows=file.rows, bytes=part.size, sha256=part.checksum, misfits=file.misfits)


class _Encoder(Protocol):
    """Encodes record batches to the bytes of one file."""

    def add(self, batches: Sequence[pa.RecordBatch]) -> list[bytes]:
        """Return the next bytes."""

    def end(self, metadata: dict[str, str]) -> list[bytes]:
        """Return the last bytes, with more metadata of the file."""


class _File:
    """One file while it is written; used in one thread."""

    def __init__(self, files: TableFiles) -> None:
        self.rows = 0
        self.misfits: dict[str, int] = {}
        self._files = files
        self._encoder = files.encoder(files.schema)
        self._reader = BlockReader(files.schema, files.converter)
        self._bounds = Bounds(files.schema)
        self._held: list[pa.RecordBatch] = []
        self._waiting = self._bytes = 0

    async def steps(self, source: Source) -> AsyncGenerator[Callable[[], list[bytes]], None]:
        """Yield the work of encoding, for the thread of this file."""
        if not source.paged:
            async with aclosing(source.blocks()) as blocks:
                async for block in blocks:
                    yield partial(self._add_block, block)
            return
        held: list[Row] = []
        async with source.rows(self._files.converter) as rows:
            async for row in rows:
                held.append(row)
                if len(held) == _BATCH:
                    yield partial(self._add, held)
                    held = []
        yield partial(self._add, held)

    def _add_block(self, block: bytes) -> list[bytes]:
        batches: Iterable[pa.RecordBatch] | None = self._reader.read(block)
        if batches is None:
            rows = self._rows(block)
            batches = map(self._batch, iter(lambda: list(islice(rows, _PIECE)), []))
        for batch in batches:
            self._hold(batch)
        return self._group_if_full()

    def _rows(self, block: bytes) -> Iterator[Row]:
        """Yield the rows of whole lines, converted one by one."""
        converter = self._files.converter
        for line in block.splitlines():
            if line.strip():
                row = _row(line)
                converter.restore(row, line)
                yield converter.exact_row(row)

    def _add(self, rows: list[Row]) -> list[bytes]:
        """Take rows, and return the bytes of a row group if there are enough."""
        if rows:
            self._hold(self._batch(rows))
        return self._group_if_full()

    def _hold(self, batch: pa.RecordBatch) -> None:
        self._held.append(batch)
        self.rows += batch.num_rows
        self._waiting += batch.num_rows
        self._bytes += batch.nbytes

    def end(self) -> list[bytes]:
        """Return the rest of the file."""
        rest = self._group() if self._waiting else []
        return [*rest, *self._encoder.end(self._bounds.metadata())]

    def _group_if_full(self) -> list[bytes]:
        full = self._waiting >= _ROW_GROUP or self._bytes >= _GROUP_BYTES
        return self._group() if full else []

    def _group(self) -> list[bytes]:
        batches, self._held, self._waiting, self._bytes = self._held, [], 0, 0
        return self._encoder.add(batches)

    def _batch(self, rows: list[Row]) -> pa.RecordBatch:
        self._bounds.take(rows)
        if self._files.misfits == "fail":
            try:
                return arrow.batch(rows, self._files.schema)
            except DecodeError as error:
                error.add_note(_ADVICE)
                raise
        fitted = _Fitting(rows, self._files.schema)
        made = fitted.batch(keep=self._files.misfits == "text")
        for name, number in fitted.misfits.items():
            self.misfits[name] = self.misfits.get(name, 0) + number
        return made


class _Fitting:
    """Rows of which some values may not fit their columns.

    Attributes:
        misfits: by column, how many do not.
    """

    def __init__(self, rows: list[Row], schema: pa.Schema) -> None:
        self.misfits: dict[str, int] = {}
        self._rows = rows
        self._schema = schema
        self._kept: list[dict[str, object]] = [{} for _ in rows]

    def batch(self, *, keep: bool) -> pa.RecordBatch:
        """Return the rows with nulls for such values; `keep` puts these in the last column."""
        fields = list(self._schema)
        columns = [self._column(one) for one in (fields[:-1] if keep else fields)]
        if keep:
            kept = [as_json(_plain(one)) if one else None for one in self._kept]
            columns.append(arrow.column(list(kept), fields[-1]))
        return arrow.require("pyarrow").record_batch(columns, schema=self._schema)

    def _column(self, one: pa.Field) -> pa.Array:
        values = [row.get(one.name) for row in self._rows]
        try:
            return arrow.column(values, one)
        except DecodeError:
            return arrow.column(self._fitting(values, one), one)

    def _fitting(self, values: list[object], one: pa.Field) -> list[object]:
        made = list(values)
        for at, value in enumerate(values):
            try:
                arrow.column([value], one)
            except DecodeError:
                made[at] = None
                self.misfits[one.name] = self.misfits.get(one.name, 0) + 1
                self._kept[at][one.name] = value
        return made


def _row(line: bytes) -> Row:
    """Return the row of a line; a bare NaN, which some portals send, is that number.

    Raises:
        DecodeError: the line is not a row.
    """
    try:
        row = load_exact(line)
    except ValueError:
        row = _lenient(line)
    if not isinstance(row, dict):
        raise _no_row(line, "it is not an object")
    return row


def _lenient(line: bytes) -> object:
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise _no_row(line, str(error)) from error


def _no_row(line: bytes, reason: str) -> DecodeError:
    return DecodeError(
        f"A line of the export is not a row: {reason}. It begins with {snippet(line)!r}. Request "
        "it again; if the error persists, report it to the portal.",
        snippet=snippet(line),
        status=200,
    )


def columns_of(
    converter: Converter, names: Sequence[str], *, wkb: bool, misfits: Misfits
) -> pa.Schema:
    """Return the schema of files with these columns."""
    pyarrow = arrow.require("pyarrow")
    known = arrow.schema_of(converter, geometry="wkb" if wkb else None)
    types = {converter.key(one): one.type for one in converter.fields}
    fields = [
        known.field(name) if name in types else pyarrow.field(name, pyarrow.string())
        for name in names
    ]
    if misfits == "text":
        fields.append(pyarrow.field(_KEPT, pyarrow.string()))
    shapes = {one.name: types[one.name] for one in fields if geo.is_geometry(one)}
    return pyarrow.schema(fields, metadata=geo.schema_metadata(shapes))


class _Pieces:
    """A file for pyarrow that hands over what was written to it."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def write(self, piece: Any) -> int:
        self._pieces.append(bytes(piece))
        self._written += len(self._pieces[-1])
        return len(self._pieces[-1])

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Do nothing: pieces are taken one by one."""

    def close(self) -> None:
        self.closed = True

    def taken(self) -> list[bytes]:
        pieces, self._pieces = self._pieces, []
        return pieces


@frozen
class _Pyarrow:
    """An encoder that a writer of pyarrow makes; each call of `add` is one row group."""

    writer: Any
    pieces: _Pieces
    schema: pa.Schema
    options: dict[str, int] = field(factory=dict)

    def add(self, batches: Sequence[pa.RecordBatch]) -> list[bytes]:
        table = arrow.joined(batches, self.schema)
        self.writer.write_table(table, **self.options)
        # Else memory grows with each block that was read since the last row group.
        arrow.require("pyarrow").default_memory_pool().release_unused()
        return self.pieces.taken()

    def end(self, metadata: dict[str, str]) -> list[bytes]:
        if metadata:
            self.writer.add_key_value_metadata(metadata)
        self.writer.close()
        return self.pieces.taken()


def parquet_file(schema: pa.Schema) -> _Encoder:
    """Return the encoder of a Parquet file."""
    arrow.require("pyarrow")
    pieces = _Pieces()
    # The metadata of geometries is added at the end, when their bounds are known.
    schema = schema.with_metadata(None)
    writer = importlib.import_module("pyarrow.parquet").ParquetWriter(
        pieces, schema, compression="zstd"
    )
    return _Pyarrow(writer, pieces, schema, {"row_group_size": 2 * _ROW_GROUP})


def arrow_file(schema: pa.Schema) -> _Encoder:
    """Return the encoder of an Arrow IPC file, also known as Feather."""
    pyarrow = arrow.require("pyarrow")
    pieces = _Pieces()
    return _Pyarrow(pyarrow.ipc.new_file(pieces, schema), pieces, schema)


def _plain(kept: dict[str, object]) -> dict[str, object]:
    """Return values in the form of JSON; converted ones as text."""
    return {name: _as_sent(value) for name, value in kept.items()}


def _as_sent(value: object) -> object:
    if isinstance(value, GeoPoint):
        return {"lon": value.lon, "lat": value.lat}
    if isinstance(value, list):
        return [_as_sent(one) for one in value]
    return value if isinstance(value, str | int | float | bool | dict | None) else str(value)
