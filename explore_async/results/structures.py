"""Checks whether a file is complete, from the structure of its format.

A body without an announced length may be cut off anywhere, and its last bytes prove nothing: `}`
ends a GeoJSON file and each of its features. So a `Structure` tracks the bytes as they arrive:

| format | complete when |
|---|---|
| JSON, GeoJSON, JSON-LD | its outermost object or array is closed |
| jsonl | its last line is a complete object |
| CSV | it ends with a line break that is not inside quotes |
| XML: KML, GPX, RDF/XML, RSS | its root element is closed |
| Parquet | both magic numbers are present, and the footer has its declared length |
| ZIP: XLSX, shapefiles | the end record is present, and matches the number of bytes |

Turtle, N3, OV2 and FlatGeobuf have no end marker, and a jsonl file may lack whole rows; only
counting reveals that. Other formats are recognised as ZIP or XML by their first bytes.

A structure refuses only incomplete files, never malformed ones: a file that the portal wrote
incorrectly can still be complete.
"""

from __future__ import annotations

import re
from collections import deque
from typing import TYPE_CHECKING, Protocol
from xml.parsers import expat

import orjson

from explore_async.http.refusals import is_error_object
from explore_async.results.row_readers import is_cut_row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Lines", "Structure", "is_error", "structure_of"]


class Structure(Protocol):
    """Tracks one file."""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""

    def is_whole(self) -> bool:
        """Return whether the bytes so far can be a complete file."""


def structure_of(file_format: str) -> Structure:
    """Return the structure for a format; an empty name means that the format is unknown."""
    make = _BY_FORMAT.get(file_format)
    return _Recognised(may_be_empty=file_format in _MAY_BE_EMPTY) if make is None else make()


_BOM = b"\xef\xbb\xbf"


class _JSON:
    """One object or array. Quotes and brackets are counted; nothing is decoded."""

    def __init__(self) -> None:
        self._begun = False
        self._depth = 0
        self._in_string = False
        self._escape = b""

    def feed(self, piece: bytes) -> None:
        piece = self._escape + piece
        # A backslash and the character that it escapes stay together.
        self._escape = b"\\" * ((len(piece) - len(piece.rstrip(b"\\"))) % 2)
        piece = piece[: len(piece) - len(self._escape)]
        if b"\\" in piece:
            piece = piece.replace(rb"\\", b"").replace(rb"\"", b"")
        marks = piece.translate(None, _NO_MARKS)
        if not self._begun and marks:
            self._begun = marks[:1] in (b"{", b"[")
        if self._in_string:
            marks = b'"' + marks
        # Adjacent quotes can be removed, whether they are an empty string or end one string and
        # begin the next: this does not change which of the following marks are inside a string.
        marks = _STRING.sub(b"", marks.replace(b'""', b""))
        outside, open_quote, _ = marks.partition(b'"')
        self._in_string = bool(open_quote)
        self._depth += outside.count(b"{") + outside.count(b"[")
        self._depth -= outside.count(b"}") + outside.count(b"]")

    def is_whole(self) -> bool:
        return self._begun and self._depth == 0 and not self._in_string and not self._escape


_NO_MARKS = bytes(set(range(256)) - set(b'"{}[]'))
_STRING = re.compile(rb'"[^"]*"')


class Lines:
    """JSON Lines: the last line must be a whole row. Only the ends of long lines are kept.

    Attributes:
        count: the number of lines so far that are not empty.
    """

    def __init__(self) -> None:
        self.count = 0
        self._first: bytes | None = None
        self._before = b""
        self._line: deque[bytes] = deque()
        self._held = 0
        self._dropped = False

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        end = piece.rfind(b"\n")
        if end >= 0:
            self._end_lines(piece, end)
            piece = piece[end + 1 :]
        self._line.append(piece)
        self._held += len(piece)
        while self._held - len(self._line[0]) >= _LONGEST_LINE:
            self._held -= len(self._line.popleft())
            self._dropped = True

    def _end_lines(self, piece: bytes, end: int) -> None:
        ended = piece[:end].rstrip()
        begin = ended.rfind(b"\n") + 1
        last = ended[begin:] if begin else b"".join((*self._line, ended)).rstrip()
        if self._first is None:
            self._first = b"".join((*self._line, piece[: piece.find(b"\n")]))
        self.count += piece.count(b"\n")
        self._before = last or self._before
        self._line.clear()
        self._held, self._dropped = 0, False

    def is_whole(self) -> bool:
        """Return whether the last line is complete."""
        line = b"".join(self._line)
        return line.rstrip().endswith(b"}") if self._dropped else not is_cut_row(line)

    def broken_off_with(self) -> bytes | None:
        """Return the last line if it is the error with which the server broke the export off."""
        last = b"".join(self._line).strip()
        if last:
            self.count += 1
        last = last or self._before
        if self._first is None or not is_error(last) or is_error(self._first):
            return None
        return last


def is_error(line: bytes) -> bool:
    """Return whether a line of JSON is an error object of the API."""
    try:
        return b"error" in line and is_error_object(orjson.loads(line))
    except orjson.JSONDecodeError:
        return False


_LONGEST_LINE = 64 * 1024


class _CSV:
    """Records of cells, some of them quoted; a quote inside a cell is doubled."""

    def __init__(self) -> None:
        self._quotes = 0
        self._last = b""

    def feed(self, piece: bytes) -> None:
        self._quotes += piece.count(b'"')
        self._last = piece[-1:] or self._last

    def is_whole(self) -> bool:
        return self._last == b"\n" and self._quotes % 2 == 0


class _XML:
    """A document with one root element.

    If the parser fails before the end of the bytes, the document is malformed, or its encoding is
    unknown to the parser. Then only the end of the last tag is checked.
    """

    def __init__(self) -> None:
        self._parser: expat.XMLParserType | None = expat.ParserCreate()
        self._size = 0
        self._tail = b""

    def feed(self, piece: bytes) -> None:
        self._size += len(piece)
        self._tail = (self._tail + piece[-_LAST_TAG:])[-_LAST_TAG:]
        if self._parser is None:
            return
        try:
            self._parser.Parse(piece, False)
        except (expat.ExpatError, LookupError):  # the latter for an unknown encoding
            self._parser = None
            return
        if self._size - self._parser.CurrentByteIndex > _MOST_UNPARSED:
            self._parser = None  # one endless tag or comment, which the parser buffers

    def is_whole(self) -> bool:
        if self._parser is None:
            return self._tail.rstrip().endswith(b">")
        try:
            self._parser.Parse(b"", True)
        except expat.ExpatError:
            return False
        return True


_LAST_TAG = 256
_MOST_UNPARSED = 16 * 1024 * 1024


class _Ends:
    """A file whose first and last bytes show whether it is complete."""

    most_last = 0

    def __init__(self) -> None:
        self.size = 0
        self.first = b""
        self._last: deque[bytes] = deque()
        self._held = 0

    def feed(self, piece: bytes) -> None:
        self.size += len(piece)
        if len(self.first) < len(_ZIP_BEGINS):
            self.first = (self.first + piece[: len(_ZIP_BEGINS)])[: len(_ZIP_BEGINS)]
        self._last.append(piece)
        self._held += len(piece)
        while self._held - len(self._last[0]) >= self.most_last:
            self._held -= len(self._last.popleft())

    @property
    def last(self) -> bytes:
        """The last bytes, at most `most_last`."""
        return b"".join(self._last)[-self.most_last :]


class _Parquet(_Ends):
    """Magic number, columns, footer, four bytes with the footer's length, magic number."""

    most_last = 8

    def is_whole(self) -> bool:
        if self.first != _PARQUET or self.last[4:] != _PARQUET:
            return False
        footer = int.from_bytes(self.last[:4], "little")
        return _SHORTEST_FOOTER <= footer <= self.size - len(_PARQUET) - self.most_last


_PARQUET = b"PAR1"
_SHORTEST_FOOTER = 12  # less is the length of a string "PAR1" in a column


class _ZIP(_Ends):
    """An archive: its end record holds the position of its directory and ends with a comment."""

    most_last = 22 + 65_535  # the end record with the longest comment

    def is_whole(self) -> bool:
        if self.first != _ZIP_BEGINS:
            return False
        last = self.last
        # The same four bytes may occur in a file inside the archive or in the comment.
        begin = last.rfind(_ZIP_ENDS)
        while begin >= 0:
            if self._is_end_record(last[begin:]):
                return True
            begin = last.rfind(_ZIP_ENDS, 0, begin)
        return False

    def _is_end_record(self, record: bytes) -> bool:
        size, offset, comment = (
            int.from_bytes(record[begin:end], "little") for begin, end in _FIELDS_OF_END
        )
        if len(record) != 22 + comment:
            return False
        # Archives over 4 GiB store these two values elsewhere.
        elsewhere = 0xFFFFFFFF in (size, offset)
        return elsewhere or size + offset == self.size - len(record)


_ZIP_BEGINS = b"PK\3\4"
_ZIP_ENDS = b"PK\5\6"
_FIELDS_OF_END = ((12, 16), (16, 20), (20, 22))


class _Recognised:
    """A file of a format without an end marker, unless it begins as ZIP or XML."""

    def __init__(self, *, may_be_empty: bool) -> None:
        self._may_be_empty = may_be_empty
        self._start = b""
        self._found: Structure | None = None
        self._size = 0

    def feed(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._found is not None:
            self._found.feed(piece)
            return
        if self._size - len(piece) >= _ENOUGH:
            return
        self._start += piece
        make = _recognised(self._start)
        if make is not None:
            self._found = make()
            self._found.feed(self._start)

    def is_whole(self) -> bool:
        if self._found is not None:
            return self._found.is_whole()
        if not self._size:
            return self._may_be_empty
        return not any(one.startswith(self._start) for one in (_ZIP_BEGINS, _XML_BEGINS))


_XML_BEGINS = b"<?xml"
_ENOUGH = 64


def _recognised(start: bytes) -> Callable[[], Structure] | None:
    if start.startswith(_ZIP_BEGINS):
        return _ZIP
    return _XML if start.removeprefix(_BOM).lstrip().startswith(_XML_BEGINS) else None


_MAY_BE_EMPTY = frozenset({"n3", "ov2", "ttl", "turtle"})
_BY_FORMAT: Mapping[str, Callable[[], Structure]] = {
    "csv": _CSV,
    "data.json": _JSON,
    "geojson": _JSON,
    "gpx": _XML,
    "json": _JSON,
    "jsonl": Lines,
    "jsonld": _JSON,
    "kml": _XML,
    "parquet": _Parquet,
    "rdfxml": _XML,
    "rss": _XML,
    "xlsx": _ZIP,
}
