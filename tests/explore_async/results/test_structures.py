"""Structures: any part of a file is told from the whole, whatever it ends with."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from explore_async.results.structures import Lines, structure_of


def archive() -> bytes:
    """Return a ZIP file that holds another, with a comment like the beginning of an end record."""
    inner, outer = BytesIO(), BytesIO()
    with zipfile.ZipFile(inner, "w") as written:
        written.writestr("a", "b")
    with zipfile.ZipFile(outer, "w") as written:
        written.writestr("x.zip", inner.getvalue())
        written.comment = b"a PK\5\6 comment"
    return outer.getvalue()


def parquet() -> bytes:
    """Return a Parquet file with its own magic number in a column."""
    file = BytesIO()
    pq.write_table(pa.table({"a": [1, 2, 3], "b": ["x", "PAR1", "PAR1"]}), file)
    return file.getvalue()


FEATURE = {"type": "Feature", "geometry": {"coordinates": [1, 2]}, "properties": {"a": '}]"\\'}}
WHOLE = {
    "geojson": json.dumps({"type": "FeatureCollection", "features": [FEATURE] * 2}).encode(),
    "json": b'\xef\xbb\xbf[{"a": 1, "t": ["p", "q"]}, {"a": "\\"]\\\\"}]',
    "jsonld": b'{"@context": {"a": "b"}, "@graph": [{"a": 1}]}',
    "kml": b"<?xml version='1.0'?><!DOCTYPE kml><kml><a><kml>x</kml></a><!-- </kml> --></kml>",
    "gpx": b'\xef\xbb\xbf<!-- <a> --><gpx><wpt lat="/>"/><![CDATA[</gpx>]]></gpx>',
    "rdfxml": b"<r:RDF a='>'><r:RDF/>\xc3\xa9</r:RDF >",
    "dcat": b'<?xml version="1.0" encoding="utf-8"?>\n<rdf:RDF><a/></rdf:RDF>',
    "xlsx": archive(),
    "shp": archive(),
    "parquet": parquet(),
}


def is_whole(file_format: str, body: bytes, size: int) -> bool:
    structure = structure_of(file_format)
    for start in range(0, len(body), size):
        structure.feed(body[start : start + size])
    return structure.is_whole()


@pytest.mark.parametrize("size", [1, 3, 10_000])
@pytest.mark.parametrize("file_format", WHOLE)
def test_a_cut_at_any_byte_is_found(file_format: str, size: int) -> None:
    """The pieces in which the bytes arrive do not matter."""
    whole = WHOLE[file_format]
    complete = [cut for cut in range(len(whole) + 1) if is_whole(file_format, whole[:cut], size)]
    assert complete == [len(whole)]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b" "])
def test_xml_of_an_unknown_format_is_recognised(start: bytes) -> None:
    body = start + b'<?xml version="1.0"?><a><b/></a>'
    assert is_whole("x-new", body, 5)
    assert not is_whole("x-new", body[:-1], 5)


def test_an_archive_may_end_with_the_longest_comment() -> None:
    """Even if the comment looks like the end of another archive."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        written.writestr("a", "b" * 1000)
        written.comment = (b"PK\5\6" * 20_000)[:65_535]
    assert is_whole("xlsx", file.getvalue(), 1000)
    assert not is_whole("xlsx", file.getvalue()[:-1], 1000)


@pytest.mark.parametrize("file_format", sorted(WHOLE.keys() - {"xlsx", "shp", "parquet"}))
def test_white_space_may_follow(file_format: str) -> None:
    assert is_whole(file_format, WHOLE[file_format] + b"\r\n ", 7)


@pytest.mark.parametrize("backslashes", range(6))
def test_json_may_be_cut_between_backslashes(backslashes: int) -> None:
    """A quote after an odd number of them does not end the string."""
    open_string = b'{"a": "' + b"\\" * backslashes + b'"'
    for cut in range(len(open_string) + 1):
        structure = structure_of("json")
        structure.feed(open_string[:cut])
        structure.feed(open_string[cut:] + b"}")
        assert structure.is_whole() == (backslashes % 2 == 0)


@pytest.mark.parametrize(("declared", "whole"), [(11, False), (12, True), (20, True), (21, False)])
def test_a_parquet_file_holds_its_whole_footer(declared: int, whole: bool) -> None:
    """The shortest footer has twelve bytes."""
    body = b"PAR1" + b"x" * 20 + declared.to_bytes(4, "little") + b"PAR1"
    assert is_whole("parquet", body, 7) == whole


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_a_csv_file_may_only_end_with_a_line_outside_of_quotes(size: int) -> None:
    """A cut after a whole row cannot be told from the end; only counting finds it."""
    whole = b'a;t\r\n1;"x ""y"""\r\n2;"first\nsecond\r\n"\r\n'
    complete = [cut for cut in range(len(whole) + 1) if is_whole("csv", whole[:cut], size)]
    assert complete == [5, 18, len(whole)]


@pytest.mark.parametrize("size", [1, 5, 1000])
def test_jsonl_may_only_end_with_a_row(size: int) -> None:
    """With or without its line end."""
    whole = b'{"a": 1}\n{"a": {"b": "}\\""}}\n'
    complete = [cut for cut in range(len(whole) + 1) if is_whole("jsonl", whole[:cut], size)]
    assert complete == [0, 8, 9, len(whole) - 1, len(whole)]


@pytest.mark.parametrize(
    "body",
    [b"<kml><a></kml>", b"<kml>\x00</kml>", b'<?xml version="1.0" encoding="x-no"?><kml></kml>'],
)
def test_a_malformed_file_is_not_called_cut(body: bytes) -> None:
    """A portal may write what no parser takes; it is all that there is."""
    assert is_whole("kml", body, 5)
    assert not is_whole("kml", body[:-1], 5)


def test_an_endless_tag_is_not_kept() -> None:
    """The parser would keep it until it ends."""
    structure = structure_of("kml")
    structure.feed(b"<kml><!--")
    for _ in range(40):
        structure.feed(b"x" * 1024 * 1024)
    assert not structure.is_whole()
    structure.feed(b"--></kml>")
    assert structure.is_whole()


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n\n"])
def test_an_error_that_ends_the_rows_is_found(size: int, end: bytes) -> None:
    """Unless the rows look like it."""
    error = b'{"error_code": "X", "message": "no"}'
    for rows, found in ((b'{"a": 1}\n{"a": 2}\n', error), (error + b"\n", None), (b"", None)):
        lines = Lines()
        body = rows + error + end
        for start in range(0, len(body), size):
            lines.feed(body[start : start + size])
        assert (lines.broken_off_with() or b"").strip() == (found or b"")


def test_a_row_may_speak_of_an_error() -> None:
    for last in (b'{"note": "error"}', b'{"message": "error"}'):
        lines = Lines()
        lines.feed(b'{"a": 1}\n' + last)
        assert lines.broken_off_with() is None


def test_only_the_end_of_a_long_line_is_kept() -> None:
    """Whether it is complete is then told by its last character."""
    lines = Lines()
    for _ in range(100):
        lines.feed(b'{"a": ' + b"x" * 10_000)
    assert sum(map(len, lines._line)) < 80_000
    assert not lines.is_whole()
    lines.feed(b'"}')
    assert lines.is_whole()
    lines.feed(b" \r")
    assert lines.is_whole()
