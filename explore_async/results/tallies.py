"""Counts the rows of an export while it is written to a file.

| format | a row is | unique rows are compared by |
|---|---|---|
| jsonl | a line that is not blank | the bytes of the line |
| csv | a record after the header; it may span several lines | the bytes of the record |
| json | an object in the outermost array | the bytes of the object |
| geojson | an object in the outermost `features` | the bytes of the feature |
| parquet | what the footer counts | nothing: the columns are not decoded |

A GeoJSON export has a feature for each row, also without a geometry (recorded of one portal).

Unique rows are counted with an 8-byte digest per unique row in a set, which takes about 100 bytes
of memory. Among a million rows, the probability that two different rows have the same digest is 1
in 37 million. Besides, at most one row and one block are in memory.
"""

from __future__ import annotations

import codecs
import csv
import hashlib
from io import BytesIO, StringIO
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from explore_async.errors import DecodeError, TooLargeError, TruncatedError
from explore_async.http.decoding import snippet
from explore_async.results import arrow
from explore_async.results.files import RowTally
from explore_async.results.row_readers import ArrayReader, FeatureReader, is_cut_row
from explore_async.results.structures import is_error

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "COUNTED",
    "CSVTally",
    "FooterTally",
    "LineTally",
    "ObjectTally",
    "broken_off",
    "cut_inside",
    "tally_of",
]

COUNTED = ("csv", "geojson", "json", "jsonl", "parquet")
"""The formats whose rows can be counted."""

_DIGEST_BYTES = 8
_LINES = 64 * 1024  # bytes that fit into a processor cache
_OPENING, _CLOSING = set(b"{"), set(b"}")
_BLANK = frozenset({b"\n", b"\r\n"})
_LINE_END = 2  # bytes


class DistinctTally(RowTally, Protocol):
    """Counts rows, and unique rows if it can."""

    @property
    def unique(self) -> int | None:
        """The number of unique rows so far; None if they are not counted."""


def tally_of(file_format: str, *, line_cap: int, delimiter: str) -> DistinctTally:
    """Return the tally of a format in `COUNTED`.

    Args:
        file_format: the format.
        line_cap: the maximum length of a row, in bytes.
        delimiter: separates CSV cells.

    Raises:
        MissingExtraError: the format is Parquet, and pyarrow is not installed.
    """
    if file_format == "parquet":
        return FooterTally()
    if file_format == "csv":
        return CSVTally(delimiter=delimiter, cap=line_cap)
    if file_format == "jsonl":
        return LineTally(line_cap=line_cap, distinct=True)
    return ObjectTally(FeatureReader if file_format == "geojson" else ArrayReader, cap=line_cap)


class LineTally:
    """Counts the rows of a jsonl stream; only the first and last row are decoded.

    Args:
        line_cap: the maximum length of a line, in bytes.
        distinct: count unique rows too.

    Attributes:
        rows: the number of lines that are not blank.
    """

    def __init__(self, *, line_cap: int, distinct: bool = False) -> None:
        self.rows = 0
        self._line_cap = line_cap
        self._digests: set[bytes] | None = set() if distinct else None
        self._first: bytes | None = None
        self._last = b""
        self._rest = b""

    @property
    def unique(self) -> int | None:
        """The number of unique rows so far; None if they are not counted."""
        return None if self._digests is None else len(self._digests)

    def feed(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLargeError: a line is longer than the cap.
            DecodeError: a line is not a JSON object.
        """
        stream = BytesIO(block)  # finds lines several times as fast as split()
        while lines := stream.readlines(_LINES):
            self._take_lines(lines)

    def _take_lines(self, lines: list[bytes]) -> None:
        lines[0] = self._rest + lines[0]
        self._rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
        if _are_rows(lines):
            self._count(lines)
        else:
            for line in lines:
                self._take(line.rstrip(b"\r\n"))
        if len(self._rest) > self._line_cap:
            raise TooLargeError(
                f"Line {self.rows + 1} of the export is longer than {self._line_cap} bytes. "
                "Raise `caps.line`."
            )

    def finish(self, _: Path) -> None:
        """Check the last line after all bytes.

        Raises:
            TruncatedError: the line is cut off, or is the error with which the server ended.
        """
        if self._rest:
            rest, self._rest = self._rest, b""
            if is_cut_row(rest):
                raise cut_inside(self.rows + 1)
            self._take(rest.rstrip(b"\r\n"))
        if is_error(self._last) and not is_error(self._first or b""):
            self.rows -= 1
            raise broken_off(self.rows, self._last)

    def _take(self, line: bytes) -> None:
        if not line or line.isspace():
            return
        if line[:1] != b"{" or line[-1:] != b"}":
            raise DecodeError(
                f"Line {self.rows + 1} of the export is not a row; it begins with "
                f"{snippet(line)!r}. Request it again; if the error persists, report it to the "
                "portal.",
                snippet=snippet(line),
                status=200,
            )
        self._count([line])

    def _count(self, rows: list[bytes]) -> None:
        if not rows:
            return
        self.rows += len(rows)
        self._last = rows[-1]
        if self._first is None:
            self._first = rows[0]
        if self._digests is not None:
            self._digests.update(map(_digest, rows))


class CSVTally:
    """Counts the records of a CSV stream after the header; only the header is decoded.

    As in `CSVReader`, a blank line is a row only if there is one column.

    Args:
        delimiter: separates cells.
        cap: the maximum length of a record, in bytes.

    Attributes:
        rows: the number of records after the header.
    """

    def __init__(self, *, delimiter: str, cap: int) -> None:
        self.rows = 0
        self._delimiter = delimiter
        self._cap = cap
        self._digests: set[bytes] = set()
        self._blank_is_row: bool | None = None
        self._rest = b""
        self._quoted: list[bytes] = []
        self._size = 0
        self._last = b""

    @property
    def unique(self) -> int:
        """The number of unique rows so far."""
        return len(self._digests)

    def feed(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLargeError: a record is longer than the cap.
        """
        stream = BytesIO(block)
        while lines := stream.readlines(_LINES):
            lines[0] = self._rest + lines[0]
            self._rest = b"" if lines[-1].endswith(b"\n") else lines.pop()
            self._refuse_long_records()
            self._count(self._records(lines))

    def finish(self, _: Path) -> None:
        """Check the end.

        Raises:
            TruncatedError: it is inside a record, before the header, or the error with which the
                server ended.
        """
        if self._rest or self._quoted:
            raise TruncatedError(
                "The CSV export was cut off inside a row. Request it again.", rows=self.rows
            )
        if self._blank_is_row is None:
            raise TruncatedError(
                "The CSV export was cut off before its header. Request it again.", rows=0
            )
        if is_error(self._last):  # in a cell, its quotes would be doubled
            self.rows -= 1
            raise broken_off(self.rows, self._last)

    def _records(self, lines: list[bytes]) -> list[bytes]:
        """Join the lines of each record; those of the last one are kept if it is incomplete."""
        opening = [line.count(b'"') % 2 == 1 for line in lines]
        if not self._quoted and not any(opening):
            return lines
        records = []
        for line, odd in zip(lines, opening, strict=True):
            if not self._quoted and not odd:
                records.append(line)
                continue
            self._quoted.append(line)
            self._size += len(line)
            if len(self._quoted) > 1 and odd:
                records.append(b"".join(self._quoted))
                self._quoted.clear()
                self._size = 0
        return records

    def _count(self, records: list[bytes]) -> None:
        if self._blank_is_row is None and records:
            self._blank_is_row = self._has_one_cell(records.pop(0))
        if not self._blank_is_row and records and len(min(records, key=len)) <= _LINE_END:
            records = [one for one in records if one not in _BLANK]
        if records:
            self.rows += len(records)
            self._last = records[-1]
            self._digests.update(map(_digest, records))

    def _has_one_cell(self, header: bytes) -> bool:
        text = header.removeprefix(codecs.BOM_UTF8).decode("utf-8", errors="replace")
        lines = StringIO(text, newline="")
        return len(next(csv.reader(lines, delimiter=self._delimiter), [])) == 1

    def _refuse_long_records(self) -> None:
        if self._size + len(self._rest) > self._cap:
            raise TooLargeError(
                f"Row {self.rows + 1} of the export is longer than {self._cap} bytes. "
                "Raise `caps.line`."
            )


class ObjectTally:
    """Counts the objects in a JSON array or a GeoJSON feature collection.

    Args:
        reader: the class of the reader that finds them.
        cap: the maximum length of an object, in bytes.

    Attributes:
        rows: the number of objects.
    """

    def __init__(self, reader: type[ArrayReader], *, cap: int) -> None:
        self.rows = 0
        self._digests: set[bytes] = set()
        self._first = b""
        self._last = b""
        self._reader = reader(nan_as_null=True, cap=cap, pieces=self._take)

    @property
    def unique(self) -> int:
        """The number of unique objects so far."""
        return len(self._digests)

    def feed(self, block: bytes) -> None:
        """Take the next bytes.

        Raises:
            TooLargeError: an object is longer than the cap.
            DecodeError: the bytes are something else.
        """
        self._reader.feed(block)

    def finish(self, _: Path) -> None:
        """Check the end.

        Raises:
            TruncatedError: it is before the end of the array, or the error with which the server
                ended.
            DecodeError: the bytes are something else.
        """
        self._reader.finish()
        if is_error(self._last) and not is_error(self._first):
            self.rows -= 1
            raise broken_off(self.rows, self._last)

    def _take(self, pieces: list[bytes]) -> None:
        self._first = self._first or pieces[0]
        self._last = pieces[-1]
        self.rows += len(pieces)
        self._digests.update(map(_digest, pieces))


class FooterTally:
    """Reads the number of rows of a Parquet file from its footer, once it is complete.

    Attributes:
        rows: None until then.
        unique: always None.
    """

    unique = None

    def __init__(self) -> None:
        arrow.require("pyarrow")
        self.rows: int | None = None

    def feed(self, block: bytes) -> None:
        """Take the next bytes."""

    def finish(self, file: Path) -> None:
        """Read the footer.

        Raises:
            DecodeError: the file is not a valid Parquet file.
        """
        self.rows = arrow.parquet_rows(file)


def cut_inside(row: int) -> TruncatedError:
    """Return the error for an export whose last row, of this number, is incomplete."""
    return TruncatedError(
        f"The export was cut off inside row {row}. Request it again.", rows=row - 1
    )


def broken_off(rows: int, line: bytes) -> TruncatedError:
    """Return the error for an export in which an error line follows `rows` rows."""
    return TruncatedError(
        f"The server ended the export after {rows} rows with an error: {snippet(line)}. Request "
        "it again.",
        rows=rows,
    )


def _are_rows(lines: list[bytes]) -> bool:
    """Return whether all lines look like JSON objects; faster than checking each line."""
    begins = set(map(itemgetter(0), lines))
    return begins <= _OPENING and set(map(itemgetter(-2), lines)) <= _CLOSING


def _digest(row: bytes) -> bytes:
    return hashlib.blake2b(row.rstrip(b"\r\n"), digest_size=_DIGEST_BYTES).digest()
