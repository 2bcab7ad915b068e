"""Exports: whole results as one stream of rows or bytes, or as a file (exportRecords and others).

An export has no row window, may be larger than memory, and announces neither its length nor its
number of rows. Its framing, gzip stream and structure reveal most streams that
end early, but only counting is certain: `ExportStream.save_verified` counts.

A file appears under its name only when it is complete. Until then it is a hidden file in the same
directory, and an error or a cancellation removes it.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing, contextmanager
from inspect import isawaitable
from io import BytesIO
from operator import length_hint
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, cast

import orjson

from explore_async.errors import (
    ConfigurationError,
    DecodeError,
    ExploreError,
    IntegrityError,
    MissingExtraError,
    StorageError,
    StreamConsumedError,
    TooLargeError,
    TruncatedError,
)
from explore_async.http.call import ATTEMPTS
from explore_async.http.decoding import begins_like_html, snippet
from explore_async.http.redaction import redact_error
from explore_async.http.refusals import is_error_object
from explore_async.models import Progress, R, Reconciliation, SavedFile
from explore_async.operations import refuse_fractions, refuse_no_function
from explore_async.results import arrow
from explore_async.results.files import PartFile, in_blocks, target_of
from explore_async.results.misfits import Misfits
from explore_async.results.reading import ATTACHMENT, ROWS
from explore_async.results.row_readers import (
    is_cut_row,
    load_exact,
    load_row,
)
from explore_async.results.structures import Lines, is_error, structure_of
from explore_async.results.tallies import COUNTED, LineTally, broken_off, cut_inside, tally_of

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    import geopandas
    import pyarrow as pa

    from explore_async.http.transport import Body
    from explore_async.models import Row
    from explore_async.results.arrow import GeometryColumns
    from explore_async.results.conversion import Converter
    from explore_async.results.reading import Reading, RowReader
    from explore_async.results.structures import Structure

__all__ = ["ExportStream"]

_START = 64 * 1024
_BATCH = 65_536
_LINE_END = b"\n"

Chunk = bytes
T = TypeVar("T")


class ExportStream(Generic[R]):
    """One export, to be read once inside `async with` (exportRecords).

    Creating and entering it sends nothing; its methods send the request. Leaving the block closes
    the connection.

    Attributes:
        url: the URL, without credentials.
        bytes_received: the number of decoded bytes received so far.
        misfits: the rows that did not fit their class, and were left out.
    """

    def __init__(
        self,
        open_body: Callable[[], AbstractAsyncContextManager[Body]],
        *,
        url: str,
        reading: Reading,
    ) -> None:
        self.url = url
        self.bytes_received = 0
        self.misfits = Misfits() if reading.misfits is None else reading.misfits
        self._rows = 0
        self._untaken: Iterator[object] = iter(())
        self._open_body = open_body
        self._reading = reading
        self._format = reading.file_format
        self._line_cap = reading.line_cap
        self._stack = AsyncExitStack()
        self._entered = False
        self._used = False
        self._left = False
        self._attempts = 0

    def __repr__(self) -> str:
        return f"ExportStream({self.url!r})"

    async def __aenter__(self) -> Self:
        if self._entered:
            raise StreamConsumedError(
                "An export can be entered only once. Call dataset.export() again."
            )
        self._entered = True
        await self._stack.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._used = self._left = True
        await self._stack.__aexit__(kind, error, traceback)

    def rows(self) -> AsyncGenerator[R, None]:
        """Yield the rows of a `jsonl`, `json` or `csv` export, one by one.

        Unless the export is `typed` or has a class, CSV cells are strings, or None if empty.

        Raises:
            ConfigurationError: the export has another format, or is CSV with a delimiter that is
                not one character; nothing was sent.
            TruncatedError: the export ended early; the error's `rows` is the number received.
            DecodeError: the export contains something other than rows.
            MisfitError: a row does not fit the class, unless such rows are left out.
        """
        self._reading.require("rows", ROWS)
        return self._rows_by_line() if self._format == "jsonl" else self._rows_by_reader()

    async def batches(
        self,
        *,
        size: int = _BATCH,
        schema: pa.Schema | None = None,
        geometry: GeometryColumns = None,
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """Yield the rows as Arrow record batches of one schema (needs the extra `parquet`).

        A Parquet export is first saved to a temporary file, because Parquet is read from the end.
        No value is altered to fit its column. A float column accepts an integer as the same number,
        and a string column accepts any value as JSON text. All other values must have the column's
        type.

        Args:
            size: the maximum number of rows in a batch.
            schema: the columns; None for the dataset's schema in a typed export, and otherwise for
                the columns of the first batch.
            geometry: `wkb` for the points and shapes of a typed export as WKB, described by the
                metadata of GeoArrow and GeoParquet; None for points as structs and shapes as JSON
                text.

        `schema` and `geometry` are ignored for Parquet, which has its own columns and metadata.

        Raises:
            MissingExtraError: pyarrow is not installed; nothing was sent.
            ConfigurationError: as for `rows`; or `geometry` is given, but the export is not typed,
                has a `schema` or another projection. Nothing was sent.
            DecodeError: a value does not fit the schema, or a Parquet export is invalid.
        """
        self._reading.require_columns("batches", schema, geometry)
        refuse_fractions(size=size)
        if size is None or size < 1:
            raise ConfigurationError(f"size is {size}; it must be at least 1.")
        if self._format == "parquet":
            found = arrow.parquet_batches(self.save, size=size)
        else:
            if schema is None:
                schema = await self._typed_schema(geometry)
            found = arrow.row_batches(
                cast("AsyncGenerator[Row, None]", self.rows()), size=size, schema=schema
            )
        with self._completing():
            async with aclosing(found) as batches:
                async for batch in batches:
                    yield batch

    async def to_arrow(self, *, geometry: GeometryColumns = None) -> pa.Table:
        """Return all rows as an Arrow table, as `batches` does (needs the extra `parquet`)."""
        self._reading.require_columns("to_arrow", None, geometry)
        if self._format == "parquet":
            with self._completing():
                return await arrow.parquet_table(self.save)
        schema = await self._typed_schema(geometry)
        batches = [batch async for batch in self.batches(schema=schema)]
        return arrow.joined(batches, schema)

    async def to_geopandas(self) -> geopandas.GeoDataFrame:
        """Return all rows as a GeoPandas data frame (needs the extra `geo`).

        Geometries of JSON and CSV are in OGC:CRS84, which is WGS 84 with the longitude as x; those
        of Parquet in the system that the file declares. The active geometry is the primary column
        of a Parquet export, and otherwise the first shape, or else the first point.

        Raises:
            MissingExtraError: geopandas or pyarrow is not installed; nothing was sent.
            ConfigurationError: as for `batches`; exports of JSON and CSV must be typed.
            DecodeError: a value does not fit the schema, or a Parquet export is invalid.
        """
        self._reading.require_columns("to_geopandas", None, "wkb")
        arrow.require("geopandas")
        return arrow.geo_frame(await self.to_arrow(geometry="wkb"))

    async def _typed_schema(self, geometry: GeometryColumns) -> pa.Schema | None:
        if self._reading.converter is None:
            return None
        converter = cast("Converter", await self._reading.converter(None))
        return arrow.schema_of(converter, geometry=geometry)

    async def _rows_by_line(self) -> AsyncGenerator[Any, None]:
        converter = await self._reading.converter(None) if self._reading.converter else None
        load = orjson.loads if converter is None else load_exact
        first: Row | None = None
        with self._completing(counted=True):
            async with aclosing(self._line_groups()) as groups:
                async for lines in groups:
                    for line in self._taken(lines):
                        try:
                            row = load(line)
                        except orjson.JSONDecodeError:
                            row = None
                        if type(row) is not dict:
                            if line.isspace():
                                continue
                            row = self._row(line)  # raises a precise error, or reads a NaN
                        if first is None:
                            first = row
                        if "error_code" in row and _ends_it(row, first):
                            raise broken_off(self.rows_received - 1, line)
                        if converter is not None:
                            converter.restore(row, line)
                            row = converter.exact_row(row)
                        if row is not None:
                            yield row

    async def _rows_by_reader(self) -> AsyncGenerator[Any, None]:
        converter = await self._reading.converter(None) if self._reading.converter else None
        convert = None
        if converter is not None:
            convert = converter.text_row if self._format == "csv" else converter.exact_row
        with self._completing(counted=True):
            async with aclosing(self._read_rows(converter)) as found:
                async for rows in found:
                    for row in self._taken(rows):
                        made = row if convert is None else convert(row)
                        if made is not None:
                            yield made

    async def _read_rows(self, converter: RowReader | None) -> AsyncGenerator[list[Row], None]:
        reader = self._reading.reader(None if converter is None else converter.restore)
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                yield reader.feed(chunk)
        yield reader.finish()

    @property
    def rows_received(self) -> int:
        """The number of rows or lines read so far."""
        return self._rows - length_hint(self._untaken)

    def _taken(self, group: list[T]) -> Iterator[T]:
        """Iterate over a group of rows or lines; its iterator counts those left."""
        self._rows += len(group)
        self._untaken = taken = iter(group)
        return taken

    @contextmanager
    def _completing(self, *, counted: bool = False) -> Iterator[None]:
        """Add the request to errors about the response, and remove secrets that it echoes."""
        try:
            yield
        except (ConfigurationError, MissingExtraError):
            raise  # not caused by the response
        except ExploreError as error:
            if self._attempts:
                self._complete(error, counted=counted)
            raise

    def _complete(self, error: ExploreError, *, counted: bool) -> None:
        error.url, error.attempts = self.url, self._attempts
        redact_error(error, self._reading.redact)
        if not isinstance(error, StorageError):
            error.status = 200
        if isinstance(error, TruncatedError):
            error.bytes_received = self.bytes_received
            if counted and error.rows is None:
                error.rows = self.rows_received

    async def lines(self) -> AsyncGenerator[Chunk, None]:
        """Yield the lines unchanged, but without their line ends.

        Lines of CSV differ from its rows: the first keeps a byte order mark, and a quoted cell with
        a line break spans several lines. `rows` handles both.

        Raises:
            TooLargeError: a line is longer than the cap.
            TruncatedError: the export ended early.
        """
        first = b""
        with self._completing(counted=self._reading.by_line):
            async with aclosing(self._line_groups()) as groups:
                async for lines in groups:
                    for line in self._taken(lines):
                        if self._reading.by_line and b"error" in line:
                            self._refuse_an_error(line, first)
                        first = first or line.rstrip()
                        yield line.removesuffix(_LINE_END).removesuffix(b"\r")

    async def _line_groups(self) -> AsyncGenerator[list[Chunk], None]:
        """Yield groups of lines with their line ends; only the last line may lack one."""
        rest: list[Chunk] = []
        size = 0
        async with aclosing(self._for_lines()) as chunks:
            async for chunk in chunks:
                lines = BytesIO(chunk).readlines()  # several times as fast as split()
                rest.append(lines[0])
                size += len(lines[0])
                if size > self._line_cap + len(_LINE_END):
                    raise self._line_too_long()
                if not lines[0].endswith(_LINE_END):
                    continue
                lines[0] = b"".join(rest)
                rest = [] if lines[-1].endswith(_LINE_END) else [lines.pop()]
                size = sum(map(len, rest))
                yield lines
        last = b"".join(rest)
        if self._reading.by_line and is_cut_row(last):
            raise cut_inside(self.rows_received + 1)
        if last:
            yield [last]

    async def bytes(self) -> AsyncGenerator[Chunk, None]:
        """Yield the decoded bytes in chunks of any size.

        Raises:
            StreamConsumedError: the stream was already read, not entered, or left while reading.
            TruncatedError: the export ended early, as its framing or its structure shows, or the
                server broke it off with an error.
        """
        structure = structure_of("" if self._reading.packed else self._format)
        with self._completing():
            async with aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    structure.feed(chunk)
                    yield chunk
            self._refuse_what_is_cut(structure)

    def _for_lines(self) -> AsyncGenerator[Chunk, None]:
        """Yield the bytes; the caller checks the last line of jsonl, because it counts lines."""
        return self._chunks() if self._reading.by_line else self.bytes()

    async def _chunks(self) -> AsyncGenerator[Chunk, None]:
        """Yield the bytes; completeness is checked only by framing and gzip stream."""
        body = await self._opened()
        try:
            async for chunk in body.chunks():
                self.bytes_received += len(chunk)
                yield chunk
                self._refuse_when_left()
        except TruncatedError:
            self._refuse_when_left()
            raise
        self._refuse_when_left()

    async def save(
        self,
        path: str | os.PathLike[str],
        *,
        gzip: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> SavedFile:
        """Write the export to a file that appears only when it is complete.

        Args:
            path: the file to write; an existing file is replaced atomically at the end.
            gzip: compress the file; its name is up to you.
            progress: a plain function, called about once per MiB written and once at the end.

        Returns:
            The path with the size, the number of rows if counted, and a SHA-256.

        Raises:
            ConfigurationError: the path is not writable, or `progress` is a coroutine function;
                nothing was sent.
            TruncatedError: the export ended early; no file is written.
        """
        if progress is not None:
            refuse_no_function("progress", progress)
        async with PartFile(target_of(path), tally=self._tally(), gzip=gzip) as part:
            with self._completing():
                await self._write(part, progress)
            part.commit()
        return SavedFile(path=part.target, bytes=part.size, rows=part.rows, checksum=part.checksum)

    async def save_verified(
        self,
        path: str | os.PathLike[str],
        *,
        count: Callable[[], Awaitable[int]],
        gzip: bool = False,
        progress: Callable[[Progress], None] | None = None,
    ) -> Reconciliation:
        """Write an export to a file that appears only if its row count is as announced.

        The rows of `jsonl`, `json`, `csv` and `geojson` are counted as they arrive; those of
        `parquet` are read from the footer of the file (needs the extra `parquet`).

        Args:
            path: the file to write; an existing file is replaced atomically at the end.
            count: requests the number of rows from the server; called before the export begins.
            gzip: compress the file; not for `parquet`, whose columns are compressed.
            progress: a plain function, called about once per MiB written and once at the end.

        Raises:
            ConfigurationError: the rows of the format cannot be counted, the path is not writable,
                or `progress` is a coroutine function; nothing was sent.
            MissingExtraError: the export is Parquet, and pyarrow is not installed; nothing was
                sent.
            IntegrityError: the number of rows differs from the count; no file is written.
            TruncatedError: the export ended early; no file is written.
        """
        if self._format not in COUNTED:
            raise ConfigurationError(
                f"The rows of a {self._format} export cannot be counted; those of "
                f"{', '.join(COUNTED)} can. Choose one of these, or save() without verification."
            )
        if gzip and self._format == "parquet":
            raise ConfigurationError(
                "The rows of a compressed Parquet file cannot be counted. Leave out gzip=True: the "
                "columns of a Parquet file are compressed already."
            )
        self._reading.require("save_verified", frozenset(COUNTED))
        if progress is not None:
            refuse_no_function("progress", progress)
        tally = tally_of(self._format, line_cap=self._line_cap, delimiter=self._reading.delimiter)
        async with PartFile(target_of(path), tally=tally, gzip=gzip) as part:
            expected = await _counted(count)
            with self._completing():
                await self._write(part, progress, expected=expected)
                if part.rows != expected:
                    raise IntegrityError(
                        f"The export has {part.rows} rows, but the server counted {expected}; no "
                        "file was kept. The dataset may have changed meanwhile. Export it again.",
                        expected=expected,
                        received=part.rows,
                    )
            part.commit()
        return Reconciliation(
            expected=expected,
            received=expected,
            unique=tally.unique,
            bytes=part.size,
            path=part.target,
            checksum=part.checksum,
        )

    async def _write(
        self,
        part: PartFile,
        progress: Callable[[Progress], None] | None,
        *,
        expected: int | None = None,
    ) -> None:
        told: tuple[int, int | None] = (0, 0)
        try:
            async with aclosing(in_blocks(self._for_lines())) as blocks:
                async for block in blocks:
                    await part.write(*block)
                    self._rows = part.rows or 0
                    told = self._tell(progress, part, expected)
            await part.finish()
            if told != (part.taken, part.rows):  # some rows are counted only at the end
                self._tell(progress, part, expected)
        except TruncatedError as error:
            error.rows = part.rows
            raise

    @staticmethod
    def _tell(
        progress: Callable[[Progress], None] | None, part: PartFile, expected: int | None
    ) -> tuple[int, int | None]:
        if progress is not None:
            progress(Progress(bytes=part.taken, rows=part.rows, expected=expected))
        return part.taken, part.rows

    def _refuse_an_error(self, line: Chunk, first: Chunk) -> None:
        """Refuse the line with which a server broke the export off, unless all rows are like it."""
        if first and is_error(line) and not is_error(first):
            raise broken_off(self.rows_received - 1, line)

    def _refuse_what_is_cut(self, structure: Structure) -> None:
        """Refuse a body that is incomplete by its structure.

        A body delimited only by the end of the connection may stop anywhere.
        """
        if self._format == ATTACHMENT:
            return
        if isinstance(structure, Lines) and (error := structure.broken_off_with()):
            raise broken_off(structure.count - 1, error)
        if structure.is_whole():
            return
        raise TruncatedError(
            f"The {self._format} export was cut off after {self.bytes_received} bytes: it is not "
            "complete by its format. Request it again."
        )

    def _tally(self) -> LineTally | None:
        return LineTally(line_cap=self._line_cap) if self._reading.by_line else None

    def _refuse_when_left(self) -> None:
        """Raise an error if the block was left: a closed body ends like a short result."""
        if self._left:
            raise StreamConsumedError(
                f"The `async with` block was left after {self.bytes_received} bytes, while the "
                "export was still being read. Read it to its end inside the block."
            )

    async def _opened(self) -> Body:
        if not self._entered or self._used:
            raise StreamConsumedError(
                "An export can be read only once, inside `async with dataset.export(...) as "
                "stream:`. Call dataset.export() again to read it again."
            )
        self._used = True
        body = await self._stack.enter_async_context(self._open_body())
        self._attempts = ATTEMPTS.get()
        if self._format != ATTACHMENT:
            await self._refuse_html(body)
        return body

    async def _refuse_html(self, body: Body) -> None:
        """Refuse an HTML page, which would be saved as a file or read as CSV rows."""
        start, _ = await body.peek(
            lambda seen: len(seen) >= _START or begins_like_html(seen) is not None
        )
        if begins_like_html(start):
            raise DecodeError(
                f"The server sent an HTML page instead of data: {snippet(start)!r}. Check the base "
                "URL, and whether the portal requires a login.",
                content_type=body.content_type,
                snippet=snippet(start),
            )

    def _row(self, line: Chunk) -> Row:
        try:
            row = load_row(line, nan_as_null=self._reading.nan_as_null)
        except ValueError as error:
            reason = str(error)
        else:
            if isinstance(row, dict):
                return row
            reason = "it is not an object"
        if is_cut_row(line):
            raise cut_inside(self.rows_received)
        raise DecodeError(
            f"Line {self.rows_received} of the export is not a row: {reason}. It begins with "
            f"{snippet(line)!r}. Request it again; if the error persists, report it to the portal.",
            snippet=snippet(line),
        )

    def _line_too_long(self) -> TooLargeError:
        return TooLargeError(
            f"Line {self.rows_received + 1} of the export is longer than {self._line_cap} bytes. "
            "Raise `caps.line`, or use bytes() or save() instead."
        )


async def _counted(count: Callable[[], Awaitable[int]]) -> int:
    counting: object = count() if callable(count) else count
    if not isawaitable(counting):
        raise ConfigurationError(
            f"count has type {type(count).__name__}; nothing was sent. Pass a coroutine function "
            "that returns the number of rows."
        )
    expected: int = await counting
    return expected


def _ends_it(row: Row, first: Row) -> bool:
    """Return whether a row is the error object with which the server ended the export."""
    return is_error_object(row) and row.keys() != first.keys()
