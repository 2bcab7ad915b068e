"""Streaming readers of rows from an export: a JSON array, a GeoJSON feature collection, or CSV.

Each reader takes chunks of any size and returns the rows that they complete. If an incomplete row
is left at the end, the export was cut off, which is an error.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
import orjson

from explore_async.errors import DecodeError, TooLargeError, TruncatedError
from explore_async.http.decoding import load_json, snippet

if TYPE_CHECKING:
    from explore_async.models import Row

__all__ = [
    "ArrayReader",
    "CSVReader",
    "FeatureReader",
    "Nesting",
    "Reader",
    "Restore",
    "is_cut",
    "is_cut_row",
    "load_exact",
    "load_row",
]

_BETWEEN = re.compile(rb"(?<=\})\s*,\s*(?=\{)")
_RAW_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_TAIL = 64 * 1024
_IN_BETWEEN = b" \t\n\v\f\r,"
_FEATURES = re.compile(rb'"features"\s*:\s*\[')
_MARK = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]', re.DOTALL)
_NOT_JSON = re.compile(rb"\bNaN\b|\bInfinity\b")
_LENIENT = json.JSONDecoder(parse_constant=lambda _: None)
_CELL = re.compile(r'"((?:[^"]++|"")*+)"|([^"\r\n]*)')


Restore = Callable[[dict[str, object], bytes], None]
"""Restores the digits that floats lost in a row, from the JSON of the row."""


def load_exact(piece: bytes) -> object:
    """Decode JSON with all digits of its integers, which orjson rounds beyond 64 bits.

    Raises:
        orjson.JSONDecodeError: the piece is not JSON.
    """
    try:
        value: object = msgspec.json.decode(piece)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value = orjson.loads(piece)  # reports the error in the same way
    return value


class Reader(Protocol):
    """Reads rows from chunks."""

    def feed(self, chunk: bytes) -> list[Row]:
        """Return the rows that these bytes complete."""
        ...

    def finish(self) -> list[Row]:
        """Return the rows that the end of the bytes completes.

        Raises:
            TruncatedError: the bytes end inside a row or before the end of the format.
        """
        ...


def load_row(piece: bytes, *, nan_as_null: bool) -> object:
    """Decode one row.

    Raises:
        ValueError: the row is not JSON, perhaps because it is incomplete.
        DecodeError: the row holds a bare NaN or Infinity, and `nan_as_null` is false.
    """
    try:
        return load_json(piece)
    except orjson.JSONDecodeError:
        if not _NOT_JSON.search(piece):
            raise
    value: object = _LENIENT.decode(piece.decode("utf-8"))
    if nan_as_null:
        return value
    raise DecodeError(
        f"A row holds a bare NaN or Infinity, which is not JSON: {snippet(piece)!r}. Pass "
        "nan_as_null=True to read them as null.",
        snippet=snippet(piece),
        status=200,
    )


class Nesting:
    """Tracks, over the pieces of a JSON text in order, whether a value is still open.

    It only counts quotes and brackets, which is fast.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._in_text = False

    @property
    def open(self) -> bool:
        """Whether an object, an array or a string has begun and not ended."""
        return self._in_text or self._depth > 0

    def feed(self, piece: bytes) -> None:
        """Take the next piece, which must not end between a backslash and the escaped character."""
        if b"\\" in piece:
            piece = piece.replace(rb"\\", b"").replace(rb"\"", b"")
        parts = piece.split(b'"')
        outside = b"".join(parts[self._in_text :: 2])
        self._depth += outside.count(b"{") + outside.count(b"[")
        self._depth -= outside.count(b"}") + outside.count(b"]")
        self._in_text ^= len(parts) % 2 == 0


def is_cut(piece: bytes) -> bool:
    """Return whether a piece of JSON ends inside a value."""
    nesting = Nesting()
    nesting.feed(piece)
    return nesting.open


def is_cut_row(line: bytes) -> bool:
    """Return whether the last line of jsonl, with or without a line end, is an incomplete row."""
    line = line.rstrip()
    return bool(line) and (is_cut(line) or not line.endswith(b"}"))


class ArrayReader:
    """Reads a JSON array of objects, object by object.

    A row can end only at `},{`. At the first such place the bytes before it are decoded: if they
    are an object, they are the row, because a complete object cannot continue. Otherwise the row
    contains objects or strings with `},{`, and it ends at the first such place where no value is
    open. So each byte is examined at most a few times.

    Args:
        nan_as_null: read a bare NaN or Infinity as null.
        cap: the maximum length of a row, in bytes.
        restore: called with each row and its JSON.
        pieces: called with the JSON of rows, which are then not returned.
    """

    def __init__(
        self,
        *,
        nan_as_null: bool,
        cap: int,
        restore: Restore | None = None,
        pieces: Callable[[list[bytes]], None] | None = None,
    ) -> None:
        self._nan_as_null = nan_as_null
        self._restore = restore
        self._pieces = pieces
        self._load: Callable[[Any], object] = orjson.loads if restore is None else load_exact
        self._cap = cap
        self._data = bytearray()
        self._looked_at = 0
        self._begun = False
        self._after_mark = False
        self._nesting: Nesting | None = None
        self._counted = 0

    def feed(self, chunk: bytes) -> list[Row]:
        """Return the rows that these bytes complete."""
        data = self._data
        data += chunk
        if not self._begun:
            self._begin()
            if not self._begun:
                self._refuse_long_rows()
                return []
        elif not chunk.strip(_IN_BETWEEN):
            # Nothing ends here. What stands before it would be searched again with every chunk.
            self._refuse_long_rows()
            return []
        rows: list[Row] = []
        start = self._hand_over()
        for match in _BETWEEN.finditer(data, max(start, self._looked_at)):
            row = self._row_between(start, match.start())
            if row is not None:
                start = match.end()
                if self._pieces is None:
                    rows.append(row)
            self._looked_at = match.end()
        # A `},{` that the chunk cuts in two begins with the last brace.
        blank = len(chunk) - len(chunk.rstrip(_IN_BETWEEN))
        self._looked_at = max(self._looked_at, len(data) - blank - 1) - start
        self._counted = max(0, self._counted - start)
        del data[:start]
        self._refuse_long_rows()
        return rows

    def _hand_over(self) -> int:
        """Hand over all rows before the last `},{` without decoding them; return the index after.

        If that is inside a row, which is rare, or the JSON is not valid, return 0.
        """
        if self._pieces is None:
            return 0
        between = list(_BETWEEN.finditer(self._data, max(0, len(self._data) - _TAIL)))
        if not between:
            return 0
        try:
            found = _RAW_ARRAY.decode(b"[" + self._data[: between[-1].start()] + b"]")
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return 0
        pieces = list(map(bytes, found))
        if not all(piece.startswith(b"{") for piece in pieces):
            return 0
        self._pieces(pieces)
        self._nesting = None
        return between[-1].end()

    def _refuse_long_rows(self) -> None:
        if len(self._data) > self._cap:
            raise TooLargeError(
                f"A row of the export is longer than {self._cap} bytes. Raise `caps.line`, or use "
                "bytes() or save() instead.",
                status=200,
            )

    def finish(self) -> list[Row]:
        """Return the last row."""
        last = self._last(bytes(self._data).strip()) if self._begun else None
        if last is None:
            raise TruncatedError(
                "The export was cut off before the end of its array. Request it again."
            )
        if not last:
            return []
        if is_cut(last):
            raise TruncatedError("The export was cut off inside a row. Request it again.")
        return [self._row(last)]

    def _last(self, end: bytes) -> bytes | None:
        """Return the last row, which the array's end follows; None if the array has no end."""
        return end[:-1].strip() if end.endswith(b"]") else None

    def _begin(self) -> None:
        if (
            not self._after_mark
            and codecs.BOM_UTF8.startswith(self._data[:3])
            and (len(self._data) < len(codecs.BOM_UTF8))
        ):
            return  # perhaps the beginning of a byte order mark
        stripped = self._data.removeprefix(codecs.BOM_UTF8).lstrip()
        self._after_mark = True
        start = self._start(bytes(stripped)) if stripped else 0
        self._begun = start > 0
        self._data[:] = stripped[start:].lstrip()

    def _start(self, text: bytes) -> int:
        """Return the index after the array's opening bracket; 0 if that is still to come."""
        if not text.startswith(b"["):
            raise _refusal(text)
        return 1

    def _row_between(self, start: int, end: int) -> Row | None:
        """Return the row from `start` to `end`; None if that is only the beginning of a row."""
        if self._nesting is None:
            row = _object_or_none(self._data[start:end], self._load)
            if row is not None:
                return self._found(row, self._data[start:end])
            self._nesting = Nesting()
            self._counted = start
        self._nesting.feed(bytes(self._data[self._counted : end]))
        self._counted = end
        if self._nesting.open:
            return None
        self._nesting = None
        return self._row(bytes(self._data[start:end]))

    def _row(self, piece: bytes) -> Row:
        try:
            exact = None if self._restore is None else _object_or_none(piece, self._load)
            row = exact or load_row(piece, nan_as_null=self._nan_as_null)
        except ValueError:
            row = None
        if isinstance(row, dict):
            return self._found(row, piece)
        raise _refusal(piece)

    def _found(self, row: Row, piece: bytes | bytearray) -> Row:
        if self._restore is not None:
            self._restore(row, bytes(piece))
        if self._pieces is not None:
            self._pieces([bytes(piece)])
        return row


class FeatureReader(ArrayReader):
    """Reads the features of a GeoJSON feature collection; its other members are skipped."""

    def finish(self) -> list[Row]:
        """Return the last feature."""
        if not self._begun and self._data and not is_cut(bytes(self._data)):
            raise _refusal(bytes(self._data), "a collection of features")
        return super().finish()

    def _start(self, text: bytes) -> int:
        if not text.startswith(b"{"):
            raise _refusal(text, "a collection of features")
        for match in _FEATURES.finditer(text):
            # The key belongs to the outermost object if only that one is open.
            if not is_cut(text[1 : match.start()]):
                return match.end()
        return 0

    def _last(self, end: bytes) -> bytes | None:
        depth = 0
        for mark in _MARK.finditer(end):
            depth += _DEPTHS.get(mark[0], 0)
            if depth < 0:
                return end[: mark.start()].strip()
        return None


_DEPTHS = {b"{": 1, b"[": 1, b"}": -1, b"]": -1}


class CSVReader:
    """Reads CSV with a header; cells are strings, or None if empty, which also means null."""

    def __init__(self, *, delimiter: str, cap: int) -> None:
        self._delimiter = delimiter
        self._cap = cap
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest: list[str] = []
        self._size = 0
        self._in_quotes = False
        self._names: list[str] = []

    def feed(self, chunk: bytes) -> list[Row]:
        """Return the rows that these bytes complete."""
        try:
            text = self._decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise DecodeError(
                f"The CSV export is not UTF-8: {error.reason}. A proxy may have changed it. "
                "Request another format.",
                status=200,
            ) from error
        end = _end_of_records(text, in_quotes=self._in_quotes)
        self._in_quotes ^= text.count('"') % 2 == 1
        if not end:
            self._keep(text)
            return []
        records = "".join((*self._rest, text[:end]))
        self._rest, self._size = [], 0
        self._keep(text[end:])
        return self._rows(records)

    def _keep(self, text: str) -> None:
        if not text:
            return
        self._rest.append(text)
        self._size += len(text)
        if self._size > self._cap:
            raise TooLargeError(
                f"A row of the export is longer than {self._cap} characters. Raise `caps.line`, "
                "or use bytes() or save() instead.",
                status=200,
            )

    def finish(self) -> list[Row]:
        """Check the end: every CSV row ends with a line end, and a header is required."""
        if self._rest or self._decoder.getstate()[0]:
            raise TruncatedError("The CSV export was cut off inside a row. Request it again.")
        if not self._names:
            raise TruncatedError("The CSV export was cut off before its header. Request it again.")
        return []

    def _rows(self, text: str) -> list[Row]:
        records = self._records(text)
        if not self._names and records:
            self._names = records.pop(0)
            self._refuse_equal_names()
        return [self._row(cells) for cells in records if cells or len(self._names) == 1]

    def _records(self, text: str) -> list[list[str]]:
        try:
            return list(csv.reader(_lines(text), delimiter=self._delimiter, strict=True))
        except csv.Error as error:
            if "field limit" in str(error):
                # The limit applies to the whole process, so this package must not raise it.
                return list(_slow_records(text, self._delimiter))
            raise DecodeError(
                f"The CSV export cannot be read: {error}. Check the delimiter "
                f"({self._delimiter!r}), or request another format.",
                status=200,
            ) from error

    def _row(self, cells: list[str]) -> Row:
        if len(cells) == len(self._names) or not cells:
            return dict(zip(self._names, (cell or None for cell in cells or [""]), strict=True))
        raise DecodeError(
            f"A row of the CSV export has {len(cells)} cells, but its header has "
            f"{len(self._names)}: {snippet(repr(cells).encode())}. Check the delimiter, or request "
            "another format.",
            status=200,
        )

    def _refuse_equal_names(self) -> None:
        if len(set(self._names)) == len(self._names):
            return
        double = sorted({name for name in self._names if self._names.count(name) > 1})
        raise DecodeError(
            f"Several columns have the same name: {', '.join(double)}. Export names instead of "
            "labels, or use lines().",
            status=200,
        )


def _object_or_none(piece: bytes | bytearray, load: Callable[[Any], object]) -> Row | None:
    try:
        row = load(piece)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def _end_of_records(text: str, *, in_quotes: bool) -> int:
    """Return the index after the last line end that is not inside quotes."""
    end = text.rfind("\n") + 1
    quotes = text.count('"', 0, end) + in_quotes
    while end and quotes % 2:
        before = text.rfind("\n", 0, end - 1) + 1
        quotes -= text.count('"', before, end)
        end = before
    return end


def _lines(text: str) -> list[str]:
    # splitlines() would also split at Unicode line ends, which a cell may contain.
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def _slow_records(text: str, delimiter: str) -> list[list[str]]:
    """Parse records with cells longer than the csv module accepts."""
    records: list[list[str]] = []
    cells: list[str] = []
    plain = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    place = 0
    while place < len(text):
        quoted = _CELL.match(text, place) if text[place] == '"' else None
        match = quoted or plain.match(text, place)
        assert match is not None  # noqa: S101 - `plain` also matches an empty string
        cells.append(quoted.group(1).replace('""', '"') if quoted else match.group())
        place = match.end()
        if text.startswith(delimiter, place):
            place += 1
            continue
        place = text.index("\n", place) + 1
        records.append(cells)
        cells = []
    return records


def _refusal(piece: bytes, wanted: str = "an array of rows") -> DecodeError:
    return DecodeError(
        f"The export is not {wanted}; it contains {snippet(piece)!r}. Request it again; if "
        "the error persists, report it to the portal.",
        snippet=snippet(piece),
        status=200,
    )
