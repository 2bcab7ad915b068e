"""Rows from the bytes of an export, as they come: a JSON array, or CSV.

Each reader takes chunks of any size and gives the rows that are complete. What is left when the
bytes end is a cut export, and an error.
"""

from __future__ import annotations

import codecs
import csv
import json
import re
from typing import TYPE_CHECKING, Protocol

import orjson

from explore_async.errors import DecodeError, TooLargeError, TruncatedError, snippet

if TYPE_CHECKING:
    from explore_async.models import Row

__all__ = ["ArrayReader", "CSVReader", "Reader", "load_row"]

_BETWEEN = re.compile(rb"(?<=\})\s*,\s*(?=\{)")
_NOT_JSON = re.compile(rb"\bNaN\b|\bInfinity\b")
_LENIENT = json.JSONDecoder(parse_constant=lambda _: None)
_CELL = re.compile(r'"((?:[^"]|"")*)"|([^"\r\n]*)')


class Reader(Protocol):
    """Turns chunks into rows."""

    def feed(self, chunk: bytes) -> list[Row]:
        """The rows that these bytes complete."""
        ...

    def finish(self) -> list[Row]:
        """The rows that the end of the bytes completes.

        Raises:
            TruncatedError: the bytes end inside a row, or without the end of the format.
        """
        ...


def load_row(piece: bytes, *, nan_as_null: bool) -> object:
    """Decode one row.

    Raises:
        ValueError: it is not JSON, perhaps because it is not whole.
        DecodeError: it holds a bare NaN or Infinity, and these are not to be read as null.
    """
    try:
        return orjson.loads(piece)
    except orjson.JSONDecodeError:
        if not _NOT_JSON.search(piece):
            raise
    value: object = _LENIENT.decode(piece.decode("utf-8"))
    if nan_as_null:
        return value
    raise DecodeError(
        f"A row holds a bare NaN or Infinity, which is not JSON: {snippet(piece)!r}. To read them "
        "as null, pass nan_as_null=True.",
        snippet=snippet(piece),
        status=200,
    )


class ArrayReader:
    """Reads a JSON array of objects, object by object.

    A row ends where `},{` stands and what is before it is an object. Both can be true only at a
    row's end, for what a complete object is followed by cannot be part of it.
    """

    def __init__(self, *, nan_as_null: bool, cap: int) -> None:
        self._nan_as_null = nan_as_null
        self._cap = cap
        self._rest = b""
        self._looked_at = 0
        self._begun = False

    def feed(self, chunk: bytes) -> list[Row]:
        """The rows that these bytes complete."""
        data = self._rest + chunk
        if not self._begun:
            data = self._begin(data)
        rows: list[Row] = []
        start = 0
        looked_at = self._looked_at
        for match in _BETWEEN.finditer(data, self._looked_at):
            row = self._row(data[start : match.start()])
            if row is not None:
                rows.append(row)
                start = match.end()
            looked_at = match.end()
        self._rest = data[start:]
        self._looked_at = max(0, looked_at - start)
        if len(self._rest) > self._cap:
            raise TooLargeError(
                f"A row of the export is longer than {self._cap} bytes. Raise `caps.line`, or read "
                "bytes() or save() instead.",
                status=200,
            )
        return rows

    def finish(self) -> list[Row]:
        """The last row."""
        end = self._rest.strip()
        if not self._begun or not end.endswith(b"]"):
            raise TruncatedError("The export was cut before the end of its array. Ask again.")
        last = end[:-1].strip()
        if not last:
            return []
        row = self._row(last)
        if row is not None:
            return [row]
        if not last.endswith(b"}"):
            raise TruncatedError("The export was cut inside a row. Ask for it again.")
        raise _refusal(last)

    def _begin(self, data: bytes) -> bytes:
        stripped = data.removeprefix(codecs.BOM_UTF8).lstrip()
        if not stripped:
            return b""
        if not stripped.startswith(b"["):
            raise _refusal(stripped)
        self._begun = True
        return stripped[1:].lstrip()

    def _row(self, piece: bytes) -> Row | None:
        try:
            row = load_row(piece, nan_as_null=self._nan_as_null)
        except ValueError:
            return None
        if isinstance(row, dict):
            return row
        raise _refusal(piece)


class CSVReader:
    """Reads CSV with a header; cells are text, and an empty one, which is also null, is None."""

    def __init__(self, *, delimiter: str, cap: int) -> None:
        self._delimiter = delimiter
        self._cap = cap
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._rest = ""
        self._names: list[str] = []

    def feed(self, chunk: bytes) -> list[Row]:
        """The rows that these bytes complete."""
        try:
            data = self._rest + self._decoder.decode(chunk)
        except UnicodeDecodeError as error:
            raise DecodeError(
                f"The CSV export is not UTF-8: {error.reason}. A proxy may have changed it; ask "
                "for another format.",
                status=200,
            ) from error
        end = _end_of_records(data)
        self._rest = data[end:]
        if len(self._rest) > self._cap:
            raise TooLargeError(
                f"A row of the export is longer than {self._cap} characters. Raise `caps.line`, "
                "or read bytes() or save() instead.",
                status=200,
            )
        return self._rows(data[:end])

    def finish(self) -> list[Row]:
        """Nothing: every row of CSV has its line end."""
        if self._rest or self._decoder.getstate()[0]:
            raise TruncatedError("The CSV export was cut inside a row. Ask for it again.")
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
                # The limit belongs to the whole process, so it is not ours to raise.
                return list(_slow_records(text, self._delimiter))
            raise DecodeError(
                f"The CSV export cannot be read: {error}. Check the delimiter "
                f"({self._delimiter!r}), or ask for another format.",
                status=200,
            ) from error

    def _row(self, cells: list[str]) -> Row:
        if len(cells) == len(self._names) or not cells:
            return dict(zip(self._names, (cell or None for cell in cells or [""]), strict=True))
        raise DecodeError(
            f"A row of the CSV export has {len(cells)} cells, its header {len(self._names)}: "
            f"{snippet(repr(cells).encode())}. Check the delimiter, or ask for another format.",
            status=200,
        )

    def _refuse_equal_names(self) -> None:
        if len(set(self._names)) == len(self._names):
            return
        double = sorted({name for name in self._names if self._names.count(name) > 1})
        raise DecodeError(
            f"Several columns are called {', '.join(double)}. Export names instead of labels, or "
            "read lines().",
            status=200,
        )


def _end_of_records(text: str) -> int:
    """Index behind the last line end that is not inside quotes."""
    end = text.rfind("\n") + 1
    quotes = text.count('"', 0, end)
    while end and quotes % 2:
        before = text.rfind("\n", 0, end - 1) + 1
        quotes -= text.count('"', before, end)
        end = before
    return end


def _lines(text: str) -> list[str]:
    # splitlines() would also split at the line ends of Unicode, which may stand in a cell.
    return [f"{line}\n" for line in text.split("\n")[:-1]]


def _slow_records(text: str, delimiter: str) -> list[list[str]]:
    """Records with cells longer than the csv module takes."""
    records: list[list[str]] = []
    cells: list[str] = []
    plain = re.compile(rf"[^{re.escape(delimiter)}\r\n]*")
    place = 0
    while place < len(text):
        quoted = _CELL.match(text, place) if text[place] == '"' else None
        match = quoted or plain.match(text, place)
        assert match is not None  # noqa: S101 - `plain` matches the empty text too
        cells.append(quoted.group(1).replace('""', '"') if quoted else match.group())
        place = match.end()
        if text.startswith(delimiter, place):
            place += 1
            continue
        place = text.index("\n", place) + 1
        records.append(cells)
        cells = []
    return records


def _refusal(piece: bytes) -> DecodeError:
    return DecodeError(
        f"The export is no array of rows; there is {snippet(piece)!r}. Ask for it again; if it "
        "persists, report it to the portal.",
        snippet=snippet(piece),
        status=200,
    )
