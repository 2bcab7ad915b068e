"""Exports: whole results as one stream, to rows, to bytes or to a file (exportRecords and others).

An export has no row window, may be larger than memory, and announces neither its length nor its
number of rows. So a stream that ends early is found by its framing, its gzip stream and its last
line, and for certain only by counting: `ExportStream.save_verified` counts.

A file appears under its name only when it is whole. Until then it is a hidden file beside it, and
after an error or a cancellation there is no file at all.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing, contextmanager
from inspect import iscoroutinefunction
from io import BytesIO
from operator import length_hint
from pathlib import Path
from sys import getsizeof
from types import MappingProxyType
from typing import TYPE_CHECKING, Self, TypeVar

import orjson
from attrs import frozen

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
from explore_async.http.refusals import is_error_object
from explore_async.models import Progress, Reconciliation, SavedFile
from explore_async.results import arrow
from explore_async.results.files import (
    Ends,
    LineTally,
    PartFile,
    broken_off,
    cut_inside,
    is_whole,
)
from explore_async.results.row_readers import ArrayReader, CSVReader, is_cut_row, load_row

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    import pyarrow as pa

    from explore_async.http.transport import Body
    from explore_async.models import Row
    from explore_async.results.conversion import Converter, ConverterSource
    from explore_async.results.row_readers import Reader, Restore

__all__ = ["ATTACHMENT", "EXPORT_ENDS", "ExportStream", "Reading"]

EXPORT_ENDS: Mapping[str, bytes] = MappingProxyType(
    {"csv": b"\n", "geojson": b"}", "json": b"]", "parquet": b"PAR1"}
)
"""What a whole file of a format ends with, whatever is in it."""

ATTACHMENT = "attachment"
"""The format of a file that may be anything, and is saved as it comes."""

_START = 64 * 1024
_BLOCK = 1024 * 1024
_ROWS = frozenset({"jsonl", "json", "csv"})
_BATCH = 65_536
_LINE_END = b"\n"
_NO_DELIMITERS = '"\r\n'

Chunk = bytes
T = TypeVar("T")


@frozen(kw_only=True)
class Reading:
    """How the bytes of an export are understood.

    Attributes:
        file_format: such as `jsonl`.
        end: what a whole file of it ends with.
        line_cap: the longest row, in bytes.
        delimiter: what stands between two cells of CSV.
        nan_as_null: read a bare NaN, which is not JSON, as null instead of refusing it.
        converter: asks for what converts the rows; None to leave them as they come.
        packed: the server compresses the file itself, so it can only be saved.
        redact: takes the secrets of the client out of a text.
    """

    file_format: str
    line_cap: int
    end: bytes = b""
    delimiter: str = ";"
    nan_as_null: bool = False
    converter: ConverterSource | None = None
    packed: bool = False
    redact: Callable[[str], str] = str


class ExportStream:
    """One export, read once, inside `async with` (exportRecords).

    Nothing is sent when it is made or entered; the request goes out with the first `rows`,
    `lines`, `bytes` or `save`. Leaving the block closes the connection, however much was read.

    Attributes:
        url: the URL, without credentials.
        bytes_received: decoded bytes so far.
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
        self._rows = 0
        self._untaken: Iterator[object] = iter(())
        self._open_body = open_body
        self._reading = reading
        self._format = reading.file_format
        self._line_cap = reading.line_cap
        self._end = reading.end
        self._stack = AsyncExitStack()
        self._entered = False
        self._used = False
        self._left = False
        self._attempts = 0

    def __repr__(self) -> str:
        return f"ExportStream({self.url!r})"

    async def __aenter__(self) -> Self:
        if self._entered:
            raise StreamConsumedError("An export is entered once. Call dataset.export() again.")
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

    def rows(self) -> AsyncGenerator[Row, None]:
        """The rows of a `jsonl`, `json` or `csv` export, decoded one by one.

        Cells of CSV are text, and None where they are empty, unless the export is `typed`.

        Raises:
            ConfigurationError: the export has another format, or is CSV whose delimiter is not one
                character; nothing was sent.
            TruncatedError: the export ended early; it says how many rows came before.
            DecodeError: there is something that is not a row.
        """
        self._require("rows", _ROWS)
        return self._rows_by_line() if self._format == "jsonl" else self._rows_by_reader()

    async def batches(
        self, *, size: int = _BATCH, schema: pa.Schema | None = None
    ) -> AsyncGenerator[pa.RecordBatch, None]:
        """The rows as Arrow record batches of one schema (needs the extra `parquet`).

        A Parquet export is put into a temporary file first, because it is read from its end.
        No value is changed to fit: an integer becomes the same number in a column of floats, and
        anything its JSON text in a column of text; all else must be of its column's type.

        Args:
            size: the most rows in a batch.
            schema: the columns; None for those of the dataset in a typed export, and otherwise for
                those of the first batch. Parquet has its own.

        Raises:
            MissingExtraError: pyarrow is not installed; nothing was sent.
            ConfigurationError: as for `rows`; nothing was sent.
            DecodeError: a value does not fit the schema, or a Parquet export is broken.
        """
        self._require("batches", _ROWS | {"parquet"})
        arrow.require("pyarrow")
        if self._format == "parquet":
            found = arrow.parquet_batches(self.save, size=size)
        else:
            if schema is None and self._reading.converter is not None:
                schema = arrow.schema_of(await self._reading.converter(None))
            found = arrow.row_batches(self.rows(), size=size, schema=schema)
        with self._completing():
            async with aclosing(found) as batches:
                async for batch in batches:
                    yield batch

    async def _rows_by_line(self) -> AsyncGenerator[Row, None]:
        converter = await self._reading.converter(None) if self._reading.converter else None
        first: Row | None = None
        with self._completing(counted=True):
            async with aclosing(self._line_groups()) as groups:
                async for lines in groups:
                    for line in self._taken(lines):
                        try:
                            row = orjson.loads(line)
                        except orjson.JSONDecodeError:
                            row = None
                        if type(row) is not dict:
                            if line.isspace():
                                continue
                            row = self._row(line)  # says what is wrong, or reads a NaN
                        if first is None:
                            first = row
                        if "error_code" in row and _ends_it(row, first):
                            raise broken_off(self.rows_received - 1, line)
                        if converter is not None:
                            converter.restore(row, line)
                            row = converter.row(row)
                        yield row

    async def _rows_by_reader(self) -> AsyncGenerator[Row, None]:
        converter = await self._reading.converter(None) if self._reading.converter else None
        convert = None
        if converter is not None:
            convert = converter.text_row if self._format == "csv" else converter.row
        with self._completing(counted=True):
            async with aclosing(self._read_rows(converter)) as found:
                async for rows in found:
                    for row in self._taken(rows):
                        yield row if convert is None else convert(row)

    async def _read_rows(self, converter: Converter | None) -> AsyncGenerator[list[Row], None]:
        reader = self._reader(None if converter is None else converter.restore)
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                yield reader.feed(chunk)
        yield reader.finish()

    @property
    def rows_received(self) -> int:
        """Rows or lines so far, for `rows` and `lines`."""
        return self._rows - length_hint(self._untaken)

    def _taken(self, group: list[T]) -> Iterator[T]:
        """The rows or lines of a group; how many are left, their iterator knows."""
        self._rows += len(group)
        self._untaken = taken = iter(group)
        return taken

    @contextmanager
    def _completing(self, *, counted: bool = False) -> Iterator[None]:
        """Say in an error about what came which answer it was, and no secret that it echoed."""
        try:
            yield
        except (ConfigurationError, MissingExtraError):
            raise  # no answer is to blame
        except ExploreError as error:
            if self._attempts:
                self._complete(error, counted=counted)
            raise

    def _complete(self, error: ExploreError, *, counted: bool) -> None:
        error.url, error.attempts = self.url, self._attempts
        error.message = self._reading.redact(error.message)
        error.args = (error.message,)
        if not isinstance(error, StorageError):
            error.status = 200
        if isinstance(error, DecodeError):
            error.snippet = self._reading.redact(error.snippet)
        if isinstance(error, TruncatedError):
            error.bytes_received = self.bytes_received
            if counted and error.rows is None:
                error.rows = self.rows_received

    def _reader(self, restore: Restore | None) -> Reader:
        if self._format == "csv":
            return CSVReader(delimiter=self._reading.delimiter, cap=self._line_cap)
        return ArrayReader(
            nan_as_null=self._reading.nan_as_null, cap=self._line_cap, restore=restore
        )

    async def lines(self) -> AsyncGenerator[Chunk, None]:
        """The lines, without their line ends and otherwise as they came.

        Those of CSV are not its rows: the first begins with the byte order mark, if there is one,
        and a quoted cell with a line break in it is in several lines. `rows` reads both.

        Raises:
            TooLargeError: a line is longer than the cap.
            TruncatedError: the export ended early.
        """
        with self._completing(counted=self._by_line):
            async with aclosing(self._line_groups()) as groups:
                async for lines in groups:
                    for line in self._taken(lines):
                        yield line.removesuffix(_LINE_END).removesuffix(b"\r")

    async def _line_groups(self) -> AsyncGenerator[list[Chunk], None]:
        """The lines as they come, with their line ends; only the last may have none."""
        rest: list[Chunk] = []
        size = 0
        async with aclosing(self._for_lines()) as chunks:
            async for chunk in chunks:
                lines = BytesIO(chunk).readlines()  # several times as quick as split()
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
        if self._by_line and is_cut_row(last):
            raise cut_inside(self.rows_received + 1)
        if last:
            yield [last]

    async def bytes(self) -> AsyncGenerator[Chunk, None]:
        """The decoded bytes, in pieces of any size.

        Raises:
            StreamConsumedError: the stream was read before, is not entered, or was left meanwhile.
            TruncatedError: the export ended early, or its last 64 KiB are not the end of its
                format.
        """
        ends = Ends()
        with self._completing():
            async with aclosing(self._chunks()) as chunks:
                async for chunk in chunks:
                    ends.feed(chunk)
                    yield chunk
            self._refuse_a_cut_end(ends)

    def _for_lines(self) -> AsyncGenerator[Chunk, None]:
        """The bytes, for who looks at the last line of jsonl itself and knows its number."""
        return self._chunks() if self._by_line else self.bytes()

    async def _chunks(self) -> AsyncGenerator[Chunk, None]:
        """The bytes; only their framing and their gzip stream tell here whether they are whole."""
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
        self, path: str | os.PathLike[str], *, progress: Callable[[Progress], None] | None = None
    ) -> SavedFile:
        """Write the export to a file that appears only when it is whole.

        Args:
            path: where to put it; an existing file is replaced at the end, in one step.
            progress: called about once per MiB written, and once at the end; a plain function.

        Returns:
            The path with the size, the rows where they are counted, and a SHA-256.

        Raises:
            ConfigurationError: the path cannot be written, or `progress` is a coroutine function;
                nothing was sent.
            TruncatedError: the export ended early; there is no file.
        """
        _refuse_to_await(progress)
        async with PartFile(Path(path), tally=self._tally()) as part:
            with self._completing():
                await self._write(part, progress)
            part.commit()
        return SavedFile(path=part.target, bytes=part.size, rows=part.rows, checksum=part.checksum)

    async def save_verified(
        self,
        path: str | os.PathLike[str],
        *,
        count: Callable[[], Awaitable[int]],
        progress: Callable[[Progress], None] | None = None,
    ) -> Reconciliation:
        """Write a `jsonl` export to a file that appears only when it has the announced rows.

        Args:
            path: where to put it.
            count: asks the server how many rows there will be; called before the export begins.
            progress: called about once per MiB written, and once at the end; a plain function.

        Raises:
            ConfigurationError: the export is not jsonl, the path cannot be written, or `progress`
                is a coroutine function; nothing was sent.
            IntegrityError: another number of rows came than announced; there is no file.
            TruncatedError: the export ended early; there is no file.
        """
        self._require("save_verified", frozenset({"jsonl"}))
        _refuse_to_await(progress)
        tally = LineTally(distinct=True, line_cap=self._line_cap)
        async with PartFile(Path(path), tally=tally) as part:
            expected = await count()
            with self._completing():
                await self._write(part, progress, expected=expected)
                if tally.rows != expected:
                    raise IntegrityError(
                        f"The export has {tally.rows} rows, the server counted {expected}; no file "
                        "was kept. The dataset may have been written to meanwhile: ask again.",
                        expected=expected,
                        received=tally.rows,
                    )
            part.commit()
        return Reconciliation(
            expected=expected,
            received=tally.rows,
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
        async def flush() -> None:
            await part.write(*pieces)
            pieces.clear()
            self._rows = part.rows or 0
            if progress is not None:
                progress(Progress(bytes=part.size, rows=part.rows, expected=expected))

        # Not one growing buffer, which would be moved in memory again and again.
        pieces: list[Chunk] = []
        held = 0
        try:
            async with aclosing(self._for_lines()) as chunks:
                async for chunk in chunks:
                    pieces.append(chunk)
                    held += getsizeof(chunk)  # most of it, where a piece is a few bytes
                    if held >= _BLOCK:
                        await flush()
                        held = 0
            await flush()
            await part.finish()
        except TruncatedError as error:
            lines = sum(piece.count(b"\n") for piece in pieces)
            error.rows = None if part.rows is None else part.rows + lines
            raise

    def _refuse_a_cut_end(self, ends: Ends) -> None:
        """Look for what a whole file of this format ends with.

        A body that is delimited by the end of the connection alone may stop anywhere.
        """
        if self._format == ATTACHMENT:
            return
        tail = ends.tail
        ended = tail.endswith(self._end) or tail.rstrip().endswith(self._end)
        packed = self._reading.packed
        if ended and is_whole("" if packed else self._format, ends.head, tail):
            return
        raise TruncatedError(
            f"The {self._format} export does not end like one, after {self.bytes_received} bytes, "
            "so it was cut. Ask for it again."
        )

    def _tally(self) -> LineTally | None:
        return LineTally(line_cap=self._line_cap) if self._by_line else None

    def _require(self, method: str, formats: frozenset[str]) -> None:
        if self._reading.packed:
            raise ConfigurationError(
                f"{method}() cannot read a file that the server compressed. Leave `compressed` out "
                "(bodies are compressed on the way anyhow), or use save()."
            )
        if self._format not in formats:
            raise ConfigurationError(
                f"{method}() reads {', '.join(sorted(formats))} exports, and this one is "
                f'{self._format}. Use dataset.export("jsonl", ...), or read bytes().'
            )
        delimiter = self._reading.delimiter
        if self._format == "csv" and (len(delimiter) != 1 or delimiter in _NO_DELIMITERS):
            raise ConfigurationError(
                f"{method}() cannot tell cells apart at {delimiter!r}; nothing was sent. Give one "
                "character that is neither a quote nor a line end, or read lines(), bytes() or "
                "save()."
            )

    @property
    def _by_line(self) -> bool:
        return self._format == "jsonl" and not self._reading.packed

    def _refuse_when_left(self) -> None:
        """A closed body just ends, which looks like a short result."""
        if self._left:
            raise StreamConsumedError(
                f"The export was left after {self.bytes_received} bytes, and something of it is "
                "still being read. Read it to its end inside `async with dataset.export(...)`."
            )

    async def _opened(self) -> Body:
        if not self._entered or self._used:
            raise StreamConsumedError(
                "An export is read once, inside `async with dataset.export(...) as stream:`. "
                "Call dataset.export() again for another reading."
            )
        self._used = True
        body = await self._stack.enter_async_context(self._open_body())
        self._attempts = ATTEMPTS.get()
        if self._format != ATTACHMENT:
            await self._refuse_html(body)
        return body

    async def _refuse_html(self, body: Body) -> None:
        """Refuse a page that would be saved as a file, or read as rows of CSV."""
        start, _ = await body.peek(
            lambda seen: len(seen) >= _START or begins_like_html(seen) is not None
        )
        if begins_like_html(start):
            raise DecodeError(
                f"The server answered an HTML page instead of data: {snippet(start)!r}. Check the "
                "base URL and whether the portal asks to log in.",
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
            f"Line {self.rows_received} of the export is not a row: {reason}. It begins "
            f"{snippet(line)!r}. Ask for it again; if it persists, report it to the portal.",
            snippet=snippet(line),
        )

    def _line_too_long(self) -> TooLargeError:
        return TooLargeError(
            f"Line {self.rows_received + 1} of the export is longer than {self._line_cap} bytes. "
            "Raise `caps.line`, or read bytes() or save() instead."
        )


def _refuse_to_await(progress: Callable[[Progress], None] | None) -> None:
    if progress is None or not any(map(iscoroutinefunction, (progress, type(progress).__call__))):
        return
    raise ConfigurationError(
        "progress is a coroutine function, which would never be awaited; nothing was sent. Give a "
        "plain function, which may put what it is told into a queue."
    )


def _ends_it(row: Row, first: Row) -> bool:
    """Whether a row is the error with which a server broke the export off."""
    return is_error_object(row) and row.keys() != first.keys()
