"""Rows are counted while a file is written, in each format that allows it."""

from __future__ import annotations

import csv
import io
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from explore_async import (
    ConfigurationError,
    DecodeError,
    IntegrityError,
    MissingExtraError,
    TooLargeError,
    TruncatedError,
)
from explore_async.results.row_readers import ArrayReader, CSVReader, FeatureReader
from explore_async.results.tallies import COUNTED, CSVTally, LineTally, ObjectTally, tally_of
from odsql import Query
from tests.explore_async.doubles import files_in, jsonl, rows

if TYPE_CHECKING:
    from explore_async import ExploreClient, Progress
    from explore_async.results.tallies import DistinctTally
    from tests.explore_async.doubles import FakePortal

NO_FILE = Path("unused")
Row = dict[str, Any]


def body(file_format: str, found: list[Row]) -> bytes:
    """Return an export of rows, as recorded from live portals where it was."""
    if file_format == "jsonl":
        return b"".join(json.dumps(row).encode() + b"\n" for row in found)
    if file_format == "json":
        return json.dumps(found).encode()
    if file_format == "geojson":
        return json.dumps({"type": "FeatureCollection", "features": found}).encode()
    if file_format == "csv":
        return sheet([[*found[0]] if found else ["id"], *([*row.values()] for row in found)])
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(found, pa.schema([("id", pa.int64())])), sink)
    return sink.getvalue()


def sheet(cells: list[list[Any]]) -> bytes:
    """Return CSV with a byte order mark, as portals write it."""
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=";", lineterminator="\r\n").writerows(cells)
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def feed(tally: DistinctTally, content: bytes, size: int) -> None:
    """Give a tally the content in blocks of `size` bytes."""
    for start in range(0, len(content), size):
        tally.feed(content[start : start + size])
    tally.finish(NO_FILE)


def serve(portal: FakePortal, content: bytes) -> None:
    """Answer all exports with this content."""

    def override(request: web.Request) -> web.Response | None:
        return web.Response(body=content) if "/exports/" in request.path else None

    portal.override = override


# ------------------------------------------------------------------ whole exports


@pytest.mark.parametrize(
    ("file_format", "unique"),
    [("csv", 30), ("geojson", 30), ("json", 30), ("jsonl", 30), ("parquet", None)],
)
async def test_every_format_that_can_be_counted_is_reconciled(
    client: ExploreClient,
    portal: FakePortal,
    tmp_path: Path,
    file_format: str,
    unique: int | None,
) -> None:
    """Unique rows are counted too, except in Parquet, whose rows are not decoded."""
    portal.rows = rows(30) + rows(10)
    content = body(file_format, portal.rows)
    serve(portal, content)
    seen: list[Progress] = []
    found = await client.dataset("trees").export_verified(
        tmp_path / "x", Query(where="id >= 0"), file_format=file_format, progress=seen.append
    )
    assert (found.expected, found.received, found.unique) == (40, 40, unique)
    assert found.path.read_bytes() == content
    assert (seen[-1].bytes, seen[-1].expected) == (len(content), 40)
    (_, counted), (path, exported) = portal.requests
    assert path == f"/catalog/datasets/trees/exports/{file_format}"
    assert counted["where"] == exported["where"] == "id >= 0"


@pytest.mark.parametrize("file_format", COUNTED)
@pytest.mark.parametrize("sent", [0, 39, 41])
async def test_another_number_of_rows_leaves_no_file(
    client: ExploreClient, portal: FakePortal, tmp_path: Path, file_format: str, sent: int
) -> None:
    """The file is whole by its format, so only counting finds this."""
    portal.rows = rows(40)
    serve(portal, body(file_format, rows(sent)))
    with pytest.raises(IntegrityError) as caught:
        await client.dataset("trees").export_verified(tmp_path / "x", file_format=file_format)
    assert (caught.value.expected, caught.value.received) == (40, sent)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("file_format", ["csv", "geojson", "json", "parquet"])
async def test_a_cut_export_says_how_many_rows_arrived(
    client: ExploreClient, portal: FakePortal, tmp_path: Path, file_format: str
) -> None:
    """The last row is incomplete; the rows of Parquet are unknown without its footer."""
    portal.rows = rows(40)
    serve(portal, body(file_format, portal.rows)[:-8])
    with pytest.raises(TruncatedError) as caught:
        await client.dataset("trees").export_verified(tmp_path / "x", file_format=file_format)
    assert caught.value.rows == (None if file_format == "parquet" else 39)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("file_format", ["xlsx", "shp", "kml", "gpx", "fgb", "turtle"])
async def test_a_format_that_cannot_be_counted_is_refused_before_sending(
    client: ExploreClient, portal: FakePortal, tmp_path: Path, file_format: str
) -> None:
    """The error lists the formats that can."""
    with pytest.raises(ConfigurationError, match="csv, geojson, json, jsonl, parquet can"):
        await client.dataset("trees").export_verified(tmp_path / "x", file_format=file_format)
    assert portal.requests == []
    assert files_in(tmp_path) == []


async def test_parquet_without_pyarrow_is_refused_before_sending(
    client: ExploreClient, portal: FakePortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The error names the extra."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingExtraError, match=r"explore-async\[parquet\]"):
        await client.dataset("trees").export_verified(tmp_path / "x", file_format="parquet")
    assert portal.requests == []


async def test_parquet_with_a_broken_footer_leaves_no_file(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """Its magic numbers and its length are right."""
    serve(portal, b"PAR1 no Parquet at all \x0c\0\0\0PAR1")
    with pytest.raises(DecodeError, match="Parquet export cannot be read"):
        await client.dataset("trees").export_verified(tmp_path / "x", file_format="parquet")
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("file_format", ["csv", "json"])
async def test_the_error_that_ends_an_export_is_no_row(
    client: ExploreClient, portal: FakePortal, tmp_path: Path, file_format: str
) -> None:
    """It takes the place of the last row, so that the count is right."""
    portal.rows = rows(40)
    error = json.dumps({"error_code": "InternalError", "message": "Timed out."}).encode()
    content = body(file_format, rows(39))
    content = (
        content + error + b"\n" if file_format == "csv" else content[:-1] + b"," + error + b"]"
    )
    serve(portal, content)
    with pytest.raises(TruncatedError, match=r"after 39 rows with an error.*Timed out"):
        await client.dataset("trees").export_verified(tmp_path / "x", file_format=file_format)
    assert files_in(tmp_path) == []


# ------------------------------------------------------------------ lines


LINES = b'{"a":1}\r\n\n{"a":2}\n\r\n{"a":"x{}y"}\n{"a":1}\n{}\n' * 9 + b'{"a":3}'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 20, 1000])
def test_rows_are_counted_however_their_bytes_are_cut(size: int) -> None:
    """Blank lines do not count, any line end ends a row, and equal rows count as one unique row."""
    tally = LineTally(line_cap=1000, distinct=True)
    for start in range(0, len(LINES), size):
        tally.feed(LINES[start : start + size])
    tally.finish(NO_FILE)
    assert (tally.rows, tally.unique) == (5 * 9 + 1, 5)


@pytest.mark.parametrize("line", [b"[1]", b"{1", b"1}", b" {}", b"{} ", b"<p>"])
def test_a_line_among_rows_that_is_none_is_named(line: bytes) -> None:
    """The error has its number, wherever it is in the block."""
    with pytest.raises(DecodeError, match="Line 501 of the export is not a row"):
        LineTally(line_cap=1000).feed(jsonl(500) + line + b"\n" + jsonl(500))


@pytest.mark.parametrize("last", [b'{"a": NaN}', b'{"a": 1}\r', b" \t"])
def test_the_last_line_needs_no_line_end(last: bytes) -> None:
    """This includes a last line that is blank or not valid JSON."""
    tally = LineTally(line_cap=1000)
    tally.feed(jsonl(2) + last)
    tally.finish(NO_FILE)
    assert tally.rows == (3 if last.strip() else 2)


# ------------------------------------------------------------------ CSV

CELLS = st.text(alphabet='a;"\n\r, ', max_size=6)
TABLES = st.integers(1, 3).flatmap(
    lambda width: st.lists(st.lists(CELLS, min_size=width, max_size=width), max_size=8)
)


@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_a_line_that_is_too_long_is_named(size: int) -> None:
    """The lines before it in the same block count."""
    tally, body = LineTally(line_cap=1000), jsonl(500) + b"x" * 1001
    with pytest.raises(TooLargeError, match="Line 501 of the export is longer than 1000 bytes"):
        for start in range(0, len(body), size):
            tally.feed(body[start : start + size])


def test_a_line_may_be_as_long_as_the_cap() -> None:
    tally = LineTally(line_cap=1000)
    tally.feed(b'{"a": "' + b"x" * 991)
    tally.feed(b'"}')
    tally.finish(NO_FILE)
    assert tally.rows == 1


def test_a_cut_last_line_is_named() -> None:
    tally = LineTally(line_cap=1000)
    tally.feed(jsonl(2) + b'{"a": [1')
    with pytest.raises(TruncatedError, match="cut off inside row 3") as caught:
        tally.finish(NO_FILE)
    assert caught.value.rows == 2


def test_a_file_may_be_one_row_that_looks_like_an_error() -> None:
    tally = LineTally(line_cap=1000)
    tally.feed(b'{"error_code": "X", "message": "no"}\n')
    tally.finish(NO_FILE)
    assert tally.rows == 1


@given(table=TABLES, size=st.integers(1, 40))
def test_records_are_counted_as_they_are_read(table: list[list[str]], size: int) -> None:
    """Cells may hold line ends, quotes and nothing; blocks may end anywhere."""
    content = sheet([["name", "b", "c"][: len(table[0]) if table else 1], *table])
    reader = CSVReader(delimiter=";", cap=1000)
    read = [*reader.feed(content), *reader.finish()]
    tally = CSVTally(delimiter=";", cap=1000)
    feed(tally, content, size)
    assert tally.rows == len(read) == len(table)
    assert tally.unique == len(set(map(tuple, table)))


def test_a_blank_line_is_a_row_only_where_there_is_one_column() -> None:
    """There it is a null."""
    one, two = (CSVTally(delimiter=";", cap=99) for _ in range(2))
    feed(one, b"a\r\n1\r\n\r\n2\r\n", 99)
    feed(two, b"a;b\r\n1;2\r\n\r\n3;4\r\n", 99)
    assert (one.rows, two.rows) == (3, 2)


@pytest.mark.parametrize("end", [b"3", b'"3\n4\n', b'"'], ids=repr)
def test_csv_that_ends_inside_a_row_is_cut(end: bytes) -> None:
    """The rows before it are counted."""
    tally = CSVTally(delimiter=";", cap=99)
    with pytest.raises(TruncatedError, match="inside a row") as caught:
        feed(tally, b"a\n1\n2\n" + end, 99)
    assert caught.value.rows == 2


@pytest.mark.parametrize("cell", [b"x" * 200, b'"' + b"x\n" * 100], ids=["line", "quoted"])
def test_a_record_longer_than_the_cap_is_refused(cell: bytes) -> None:
    """A quote that never ends must not fill the memory."""
    with pytest.raises(TooLargeError, match="Row 2 of the export is longer than 99 bytes"):
        feed(CSVTally(delimiter=";", cap=99), b"a\n1\n" + cell, 50)


# ------------------------------------------------------------------ objects

VALUES = st.recursive(
    st.none() | st.integers(-9, 9) | st.text(alphabet='a},{"\\[] ', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=6,
)
OBJECTS = st.lists(st.dictionaries(st.sampled_from("abc"), VALUES, min_size=1), max_size=6)


@given(objects=OBJECTS, size=st.integers(1, 60), spaced=st.booleans())
@pytest.mark.parametrize("file_format", ["json", "geojson"])
def test_objects_are_counted_whatever_they_hold(
    objects: list[Row], size: int, spaced: bool, file_format: str
) -> None:
    """Brackets in values end nothing; blocks may end anywhere."""
    pieces = [json.dumps(one) for one in objects]
    content = f"[{' , '.join(pieces) if spaced else ','.join(pieces)}]"
    if file_format == "geojson":
        content = f'{{"type": "FeatureCollection", "features": {content}, "name": "}}]}}"}}'
    tally = tally_of(file_format, line_cap=10_000, delimiter=";")
    feed(tally, content.encode(), size)
    assert (tally.rows, tally.unique) == (len(pieces), len(set(pieces)))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"features":', "}"),
        ('\ufeff\n {"type": "FeatureCollection", "features" : ', ', "crs": {"a": [1, {}]}} \n'),
        ('{"crs": {"features": [{}]}, "name": "\\"features\\": [{}", "features":', "}"),
    ],
    ids=["first", "mark", "key elsewhere"],
)
def test_features_are_those_of_the_outermost_object(before: str, after: str) -> None:
    """Other members may hold the same key, before or after."""
    for count in range(3):
        tally = ObjectTally(FeatureReader, cap=1000)
        feed(tally, f"{before}[{','.join(['{}'] * count)}]{after}".encode(), 7)
        assert tally.rows == count


@pytest.mark.parametrize("content", [b'{"error_code": "x"}', b"[]", b"<p>", b'{"features": 1}'])
def test_what_is_no_collection_of_features_is_refused(content: bytes) -> None:
    """The error says what came."""
    with pytest.raises(DecodeError, match="not a collection of features"):
        feed(ObjectTally(FeatureReader, cap=1000), content, 99)


@pytest.mark.parametrize("content", [b"", b'{"features"', b'{"features": [', b'{"features": [{}'])
def test_features_without_an_end_are_cut(content: bytes) -> None:
    """An empty body is cut, too."""
    with pytest.raises(TruncatedError, match="before the end of its array"):
        feed(ObjectTally(FeatureReader, cap=1000), content, 99)


@pytest.mark.parametrize("reader", [ArrayReader, FeatureReader])
def test_a_long_row_of_objects_is_refused(reader: type[ArrayReader]) -> None:
    """It would have to be held in memory."""
    start = b"[" if reader is ArrayReader else b'{"features": ['
    with pytest.raises(TooLargeError, match="longer than 99 bytes"):
        feed(ObjectTally(reader, cap=99), start + b'{"a": "' + b"x" * 200, 50)


def test_a_bare_nan_is_counted() -> None:
    """Portals send it, though it is not JSON."""
    tally = ObjectTally(ArrayReader, cap=99)
    feed(tally, b'[{"a": NaN},{"a": 1},{"a": NaN}]', 99)
    assert (tally.rows, tally.unique) == (3, 2)


def test_a_row_that_spans_blocks_does_not_disturb_those_after_it() -> None:
    """Its nested objects are followed one by one, until it is complete."""
    tally = ObjectTally(ArrayReader, cap=99)
    for block in (b'[{"a": [{},{}', b']},{"b": 1},{"c": 2}', b',{"d": NaN},{"e": [{},{}]}]'):
        tally.feed(block)
    tally.finish(NO_FILE)
    assert (tally.rows, tally.unique) == (5, 5)


@pytest.mark.parametrize("value", ["5", '"x"', "[]", "null"])
def test_an_array_of_anything_but_objects_is_refused(value: str) -> None:
    """They are no rows."""
    with pytest.raises(DecodeError, match="not an array of rows"):
        feed(ObjectTally(ArrayReader, cap=99), f'[{{"a": 1}},{value},{{}},{{}}]'.encode(), 99)
