"""Exports: whole results as one stream, to rows, to bytes or to a file (exportRecords).

An export has no row window, may be larger than memory, and announces neither its length nor its
number of rows. So a stream that ends early is found by its framing, its gzip stream and its last
line, and for certain only by counting: `ExportStream.save_verified` counts.

A file appears under its name only when it is whole. Until then it is a hidden file beside it, and
after an error or a cancellation there is no file at all.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import orjson

from explore_async.errors import (
    ConfigurationError,
    DecodeError,
    ExploreError,
    IntegrityError,
    StreamConsumedError,
    TooLargeError,
    TruncatedError,
    is_error_object,
    snippet,
)
from explore_async.files import LineTally, PartFile
from explore_async.models import Progress, Reconciliation

if TYPE_CHECKING:
    import os
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from explore_async.models import Row
    from explore_async.transport import Body

__all__ = ["EXPORT_ENDS", "EXPORT_FORMATS", "ExportStream"]

EXPORT_FORMATS = frozenset(
    {
        *("csv", "fgb", "geojson", "gpx", "json", "jsonl", "jsonld", "kml", "n3", "ov2"),
        *("parquet", "rdfxml", "shp", "turtle", "xlsx"),
    }
)
"""The formats of the specification (enum-format-datasets)."""

EXPORT_ENDS: Mapping[str, bytes] = MappingProxyType(
    {"csv": b"\n", "geojson": b"}", "json": b"]", "parquet": b"PAR1"}
)
"""What a whole file of a format ends with, for the formats where that is known."""

_BLOCK = 1024 * 1024

Chunk = bytes


class ExportStream:
    """One export, read once, inside `async with` (exportRecords).

    Nothing is sent when it is made or entered; the request goes out with the first `rows`,
    `lines`, `bytes` or `save`. Leaving the block closes the connection, however much was read.

    Attributes:
        url: the URL, without credentials.
        bytes_received: decoded bytes so far.
        rows_received: lines so far, for `rows` and `lines`.
    """

    def __init__(
        self,
        open_body: Callable[[], AbstractAsyncContextManager[Body]],
        *,
        file_format: str,
        url: str,
        line_cap: int,
        end: bytes = b"",
    ) -> None:
        self.url = url
        self.bytes_received = 0
        self.rows_received = 0
        self._open_body = open_body
        self._format = file_format
        self._line_cap = line_cap
        self._end = end
        self._stack = AsyncExitStack()
        self._entered = False
        self._used = False

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
        self._used = True
        await self._stack.__aexit__(kind, error, traceback)

    async def rows(self) -> AsyncGenerator[Row, None]:
        """The rows of a `jsonl` export, decoded one by one.

        Raises:
            ConfigurationError: the export has another format.
            TruncatedError: the export ended early; it says how many rows came before.
            DecodeError: a line is not a row.
            APIError: the server broke off with an error object in place of a row.
        """
        self._require_jsonl("rows")
        first: Row | None = None
        async with aclosing(self.lines()) as lines:
            async for line in lines:
                if not line:
                    continue
                row = self._row(line)
                first = first or row
                if "error_code" in row and is_error_object(row) and row.keys() != first.keys():
                    raise self._broken_off(line)
                yield row

    async def lines(self) -> AsyncGenerator[Chunk, None]:
        """The lines, without their line ends.

        Raises:
            TooLargeError: a line is longer than the cap.
            TruncatedError: the export ended early.
        """
        rest: list[Chunk] = []
        size = 0
        async with aclosing(self.bytes()) as chunks:
            async for chunk in chunks:
                head, *more = chunk.split(b"\n")
                rest.append(head)
                size += len(head)
                if size > self._line_cap:
                    raise self._line_too_long()
                if not more:
                    continue
                more.insert(0, b"".join(rest))
                last = more.pop()
                rest, size = [last], len(last)
                for line in more:
                    self.rows_received += 1
                    yield line.removesuffix(b"\r")
        if size:
            self.rows_received += 1
            yield b"".join(rest)

    async def bytes(self) -> AsyncGenerator[Chunk, None]:
        """The decoded bytes, in pieces of any size.

        Raises:
            StreamConsumedError: the stream was read before, or is not entered.
            TruncatedError: the export ended early.
        """
        body = await self._opened()
        try:
            async for chunk in body.chunks():
                self.bytes_received += len(chunk)
                yield chunk
        except TruncatedError as error:
            error.rows = self.rows_received if self._by_line else None
            raise

    async def save(
        self, path: str | os.PathLike[str], *, progress: Callable[[Progress], None] | None = None
    ) -> Path:
        """Write the export to a file that appears only when it is whole.

        Args:
            path: where to put it; an existing file is replaced at the end, in one step.
            progress: called after each block written, at most once per MiB and once at the end.

        Returns:
            The path.

        Raises:
            ConfigurationError: the path cannot be written; nothing was sent.
            TruncatedError: the export ended early; there is no file.
        """
        with PartFile(Path(path), tally=self._tally()) as part:
            await self._write(part, progress)
            self._refuse_a_cut_end(part)
            part.commit()
        return part.target

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
            progress: called after each block written.

        Raises:
            ConfigurationError: the export is not jsonl, or the path cannot be written; nothing
                was sent.
            IntegrityError: another number of rows came than announced; there is no file.
            TruncatedError: the export ended early; there is no file.
        """
        self._require_jsonl("save_verified")
        tally = LineTally(distinct=True, line_cap=self._line_cap)
        with PartFile(Path(path), tally=tally) as part:
            expected = await count()
            await self._write(part, progress, expected=expected)
            if tally.rows != expected:
                raise IntegrityError(
                    f"The export has {tally.rows} rows, the server counted {expected}; no file was "
                    "kept. The dataset may have been written to meanwhile: ask again.",
                    expected=expected,
                    received=tally.rows,
                    url=self.url,
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
            await part.write(Chunk(block))
            block.clear()
            self.rows_received = part.rows or 0
            if progress is not None:
                progress(Progress(bytes=part.size, rows=part.rows, expected=expected))

        block = bytearray()
        try:
            async with aclosing(self.bytes()) as chunks:
                async for chunk in chunks:
                    block += chunk
                    if len(block) >= _BLOCK:
                        await flush()
            await flush()
            await part.finish()
        except ExploreError as error:
            error.url = self.url
            if isinstance(error, TruncatedError):
                error.bytes_received = self.bytes_received
                error.rows = None if part.rows is None else part.rows + block.count(b"\n")
            raise

    def _refuse_a_cut_end(self, part: PartFile) -> None:
        """Look for what a whole file of this format ends with.

        A body that is delimited by the end of the connection alone may stop anywhere.
        """
        if part.tail.endswith(self._end) or part.tail.rstrip().endswith(self._end):
            return
        raise TruncatedError(
            f"The {self._format} export does not end like one, after {part.size} bytes; no file "
            "was kept. Ask for it again.",
            bytes_received=self.bytes_received,
            status=200,
            url=self.url,
        )

    def _tally(self) -> LineTally | None:
        return LineTally(line_cap=self._line_cap) if self._by_line else None

    def _require_jsonl(self, method: str) -> None:
        if not self._by_line:
            raise ConfigurationError(
                f"{method}() reads jsonl exports, and this one is {self._format}. "
                'Use dataset.export("jsonl", ...), or read bytes().'
            )

    @property
    def _by_line(self) -> bool:
        return self._format == "jsonl"

    async def _opened(self) -> Body:
        if not self._entered or self._used:
            raise StreamConsumedError(
                "An export is read once, inside `async with dataset.export(...) as stream:`. "
                "Call dataset.export() again for another reading."
            )
        self._used = True
        return await self._stack.enter_async_context(self._open_body())

    def _row(self, line: Chunk) -> Row:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            reason = error.msg
        else:
            if isinstance(row, dict):
                return row
            reason = "it is not an object"
        if not line.rstrip().endswith(b"}"):
            raise TruncatedError(
                f"The export was cut inside row {self.rows_received}. Ask for it again.",
                rows=self.rows_received - 1,
                bytes_received=self.bytes_received,
                status=200,
                url=self.url,
            )
        raise DecodeError(
            f"Line {self.rows_received} of the export is not a row: {reason}. It begins "
            f"{snippet(line)!r}. Ask for it again; if it persists, report it to the portal.",
            snippet=snippet(line),
            status=200,
            url=self.url,
        )

    def _broken_off(self, line: Chunk) -> TruncatedError:
        return TruncatedError(
            f"The server broke the export off after {self.rows_received - 1} rows with an error: "
            f"{snippet(line)}. Ask for it again.",
            rows=self.rows_received - 1,
            bytes_received=self.bytes_received,
            status=200,
            url=self.url,
        )

    def _line_too_long(self) -> TooLargeError:
        return TooLargeError(
            f"Line {self.rows_received + 1} of the export is longer than {self._line_cap} bytes. "
            "Raise `caps.line`, or read bytes() or save() instead.",
            status=200,
            url=self.url,
        )
