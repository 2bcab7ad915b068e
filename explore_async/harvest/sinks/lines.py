"""Files of lines: JSON Lines and CSV, also compressed.

JSON Lines of an export are saved as the portal sent them, byte by byte; those of pages are written
from the decoded rows. So equal rows may differ in spaces and in the form of numbers between the
strategies, but not in their values.

CSV has a header, commas, and quotes where needed. Null is an empty cell, and lists and objects are
JSON text.
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING, Protocol

import orjson
from attrs import field, frozen

from explore_async.harvest.sinks.values import Files, Written, as_json
from explore_async.results import arrow
from explore_async.results.csv_lines import csv_line
from explore_async.results.files import PartFile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from explore_async.harvest.sinks.source import Source
    from explore_async.harvest.sinks.values import Compression
    from explore_async.models import Row

__all__ = ["CsvFiles", "JsonLines"]

_ROWS = 2_000
_GZIP = 31


@frozen(kw_only=True)
class JsonLines(Files):
    """One JSON object on each line.

    Attributes:
        compression: how to compress the files.
    """

    compression: Compression = None

    @property
    def suffix(self) -> str:
        """The end of the names of files."""
        return f".jsonl{_SUFFIXES[self.compression]}"

    async def write(self, path: Path, source: Source) -> Written:
        """Write the rows of a partition."""
        if source.paged or self.compression == "zstd":
            return await _write(path, source, self.compression, b"", _json_lines)
        saved = await source.save(path, gzip=self.compression == "gzip")
        return Written(rows=saved.rows or 0, bytes=saved.bytes, sha256=saved.checksum)


@frozen(kw_only=True)
class CsvFiles(Files):
    """CSV with a header.

    Attributes:
        columns: the columns, in order.
        compression: how to compress the files.
    """

    columns: Sequence[str]
    compression: Compression = None

    @property
    def suffix(self) -> str:
        """The end of the names of files."""
        return f".csv{_SUFFIXES[self.compression]}"

    async def write(self, path: Path, source: Source) -> Written:
        """Write the rows of a partition."""
        header = csv_line(self.columns).encode()
        return await _write(path, source, self.compression, header, self._lines)

    def _lines(self, rows: Sequence[Row]) -> bytes:
        lines = (csv_line([_cell(row.get(one)) for one in self.columns]) for row in rows)
        return "".join(lines).encode()


async def _write(
    path: Path,
    source: Source,
    compression: Compression,
    header: bytes,
    encode: Callable[[Sequence[Row]], bytes],
) -> Written:
    """Write encoded rows to a file that appears when it is complete."""
    packer, count = _PACKERS[compression](), 0
    held: list[Row] = []
    async with PartFile(path) as part:
        await part.write(packer.compress(header))
        async with source.rows() as rows:
            async for row in rows:
                held.append(row)
                if len(held) == _ROWS:
                    await part.write(packer.compress(encode(held)))
                    count += len(held)
                    held = []
        await part.write(packer.compress(encode(held)), packer.flush())
        count += len(held)
        await part.finish()
        part.commit()
    return Written(rows=count, bytes=part.size, sha256=part.checksum)


class _Packer(Protocol):
    def compress(self, block: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, block: bytes, /) -> bytes:
        return block

    def flush(self) -> bytes:
        return b""


@frozen
class _Zstd:
    """Each block is a frame of its own; frames one after the other are one file of zstd."""

    codec: object = field(factory=lambda: arrow.require("pyarrow").Codec("zstd"))

    def compress(self, block: bytes, /) -> bytes:
        packed: bytes = self.codec.compress(block, asbytes=True)  # type: ignore[attr-defined]
        return packed if block else b""

    def flush(self) -> bytes:
        return b""


_SUFFIXES: dict[Compression, str] = {None: "", "gzip": ".gz", "zstd": ".zst"}
_PACKERS: dict[Compression, Callable[[], _Packer]] = {
    None: _Plain,
    "gzip": lambda: zlib.compressobj(wbits=_GZIP),
    "zstd": _Zstd,
}


def _json_lines(rows: Sequence[Row]) -> bytes:
    return b"".join(_json_line(row) for row in rows)


def _json_line(row: Row) -> bytes:
    try:
        return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # an integer of more than 64 bits, or nested more deeply than orjson writes
        return f"{as_json(row)}\n".encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else as_json(value)
