"""Exports: streaming, counting, and files that appear only when they are complete."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from explore_async import (
    APIError,
    Caps,
    ConfigurationError,
    DecodeError,
    ExploreClient,
    ExploreError,
    ExportStream,
    IntegrityError,
    ODSQLError,
    Progress,
    QuotaExceeded,
    RequestTimeout,
    Retry,
    StorageError,
    StreamConsumedError,
    Timeouts,
    TooLargeError,
    TruncatedError,
    Unlisted,
    WindowExceeded,
)
from explore_async.results.reading import Reading
from explore_async.results.structures import structure_of
from odsql import Query
from tests.explore_async.doubles import (
    Clock,
    Wire,
    files_in,
    gzipped,
    http,
    json_body,
    jsonl,
    rows,
    settle,
    writes,
)
from tests.platforms import posix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from aiohttp import web

    from explore_async import Row
    from explore_async.http.transport import Body
    from tests.explore_async.doubles import FakePortal

GZIP = "Content-Encoding: gzip"
CUT_CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


async def rows_of(stream: ExportStream) -> list[Row]:
    return [row async for row in stream.rows()]


async def read(answer: bytes, **options: Any) -> list[Row]:
    """Return all rows of a jsonl export with this response."""
    async with Wire(writes(answer)).running() as wire:
        async with ExploreClient(wire.url, timing=Clock().timing(), **options) as client:
            async with client.dataset("trees").export("jsonl") as stream:
                return await rows_of(stream)


async def save(answer: bytes, path: Path, **options: Any) -> Path:
    """Save a jsonl export with this response."""
    async with Wire(writes(answer)).running() as wire:
        async with ExploreClient(wire.url, timing=Clock().timing(), **options) as client:
            async with client.dataset("trees").export("jsonl") as stream:
                return (await stream.save(path)).path


# ------------------------------------------------------------------ reading


async def test_nothing_is_sent_before_the_first_read(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Creating and entering an export costs no request."""
    async with client.dataset("trees").export("jsonl"):
        await settle()
    assert portal.requests == []


@pytest.mark.parametrize("count", [0, 1, 3, 5000])
@pytest.mark.parametrize("encoding", [[], [GZIP]], ids=["plain", "gzip"])
@pytest.mark.parametrize("ending", [b"\n", b"", b"\r\n", b"\n\n"])
async def test_rows_come_whole_however_they_are_sent(
    count: int, encoding: list[str], ending: bytes
) -> None:
    """The body may be compressed, and may lack a final line end."""
    body = jsonl(count).rstrip(b"\n") + ending
    assert await read(http(gzipped(body) if encoding else body, *encoding)) == rows(count)


async def test_lines_fall_apart_at_any_byte() -> None:
    """The network may split the body anywhere."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        body = jsonl(3)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
        for byte in body:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0)

    async with Wire(respond).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export("jsonl") as stream:
            assert [orjson.loads(line) async for line in stream.lines()] == rows(3)
            assert (stream.rows_received, stream.bytes_received) == (3, len(jsonl(3)))


@pytest.mark.parametrize("kind", ["jsonl", "json"])
async def test_rows_that_came_but_were_not_taken_are_not_counted(kind: str) -> None:
    """Rows arrive in groups, but are counted one by one."""
    body = jsonl(3) if kind == "jsonl" else orjson.dumps(rows(3))
    async with Wire(writes(http(body))).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export(kind) as stream:
            async with contextlib.aclosing(stream.rows()) as found:
                for taken in (1, 2, 3):
                    await anext(found)
                    assert stream.rows_received == taken


@pytest.mark.parametrize("excess", [0, 1])
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
async def test_the_longest_line_is_measured_without_its_end(excess: int, end: bytes) -> None:
    """The line and its end may arrive in separate pieces."""
    line = b"x" * (10 + excess - len(end) + 1)  # a carriage return may belong to the line

    @contextlib.asynccontextmanager
    async def body() -> AsyncIterator[Body]:
        yield Pieces([line[:4], line[4:], end, line, end])  # type: ignore[misc]

    async with ExportStream(body, url="", reading=Reading(file_format="n3", line_cap=10)) as stream:
        if not excess:
            assert [one async for one in stream.lines()] == [line, line]
            return
        with pytest.raises(TooLargeError, match="Line 1 "):
            await anext(stream.lines())


class Pieces:
    """A body that arrives in these pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def peek(self, enough: object) -> tuple[bytes, bool]:
        return b"", False

    async def chunks(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece


async def test_bytes_are_given_as_they_are() -> None:
    """This works for any format, including a body without a known beginning."""
    body = bytes(range(256)) * 1000
    async with Wire(writes(http(body))).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export("fgb") as stream:
            assert b"".join([chunk async for chunk in stream.bytes()]) == body


async def test_rows_need_a_format_of_rows(client: ExploreClient) -> None:
    """Other formats can be saved or read as bytes."""
    async with client.dataset("trees").export("xlsx") as stream:
        with pytest.raises(ConfigurationError, match="jsonl"):
            await rows_of(stream)


async def test_a_stream_is_read_once(client: ExploreClient) -> None:
    """It can be read only inside its block."""
    stream = client.dataset("trees").export("jsonl")
    with pytest.raises(StreamConsumedError):
        await rows_of(stream)
    async with stream:
        await rows_of(stream)
        with pytest.raises(StreamConsumedError):
            await rows_of(stream)
    with pytest.raises(StreamConsumedError):
        async with stream:
            pytest.fail("it cannot be entered again")


async def test_leaving_early_closes_the_connection(portal: FakePortal) -> None:
    """An export left after one row neither blocks the next request nor keeps arriving."""
    portal.rows = rows(200_000)
    async with ExploreClient(portal.url, concurrency=1) as client:
        for _ in range(2):
            async with client.dataset("trees").export("jsonl") as stream:
                async for row in stream.rows():
                    assert row["id"] == 0
                    break
        connector = client._transport.shared.connection.session().connector
        assert connector is not None
        assert not connector._acquired
    assert stream.bytes_received < 5_000_000


@pytest.mark.parametrize("method", ["bytes", "lines", "rows", "batches"])
async def test_reading_on_after_the_block_is_an_error(client: ExploreClient, method: str) -> None:
    """A closed body ends silently; without the error the rows would be a short result."""
    async with client.dataset("trees").export("jsonl") as stream:
        options = {"size": 1} if method == "batches" else {}
        reading = getattr(stream, method)(**options)
        await anext(reading)
    with pytest.raises(StreamConsumedError, match="left"):
        async for _ in reading:
            pass


async def test_a_block_that_another_task_leaves_is_an_error(portal: FakePortal) -> None:
    """The task that waits for the next bytes gets an error that states the reason."""
    arrived, over = asyncio.Event(), asyncio.Event()

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(http(jsonl(10), length=10_000))
        await over.wait()

    async def read_on(stream: ExportStream) -> None:
        async for row in stream.rows():
            if row["id"] == 9:
                arrived.set()

    async with Wire(respond).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export("jsonl") as stream:
            task = asyncio.create_task(read_on(stream))
            await arrived.wait()
            await settle()
        with pytest.raises(StreamConsumedError, match="left"):
            await task
        over.set()


async def test_requests_may_be_sent_while_reading(portal: FakePortal) -> None:
    """This works with a concurrency of one: an open export does not count as a request."""
    async with ExploreClient(portal.url, concurrency=1) as client:
        async with client.dataset("trees").export("jsonl") as stream:
            async for _ in stream.rows():
                assert await client.dataset("trees").records().first() is not None


async def test_opening_is_tried_again_but_reading_is_not(clock: Clock) -> None:
    """Rows that were already delivered cannot be withdrawn."""
    answers = writes(http(b"", status="503 X"), http(jsonl(2), length=500))
    async with Wire(answers).running() as wire:
        async with ExploreClient(wire.url, timing=clock.timing()) as client:
            async with client.dataset("trees").export("jsonl") as stream:
                with pytest.raises(TruncatedError):
                    await rows_of(stream)
        assert wire.connections == 2


# ------------------------------------------------------------------ cut or not data

CUTS = [
    pytest.param(http(jsonl(3), length=5000), 3, id="short-length"),
    pytest.param(CUT_CHUNKED + b"%x\r\n" % len(jsonl(3)) + jsonl(3) + b"\r\n", 3, id="chunked"),
    pytest.param(http(jsonl(3)[:-9], length=-1), 2, id="inside-a-row"),
    pytest.param(http(gzipped(jsonl(3))[:-4], GZIP), 3, id="gzip-trailer"),
    pytest.param(http(gzipped(jsonl(3)) + gzipped(jsonl(3))[:20], GZIP), 3, id="gzip-member"),
]


@pytest.mark.parametrize(("answer", "whole"), CUTS)
async def test_a_cut_export_says_what_arrived(answer: bytes, whole: int) -> None:
    """The error has the numbers of rows and bytes, after the rows were delivered."""
    seen = []
    async with Wire(writes(answer)).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export("jsonl") as stream:
            reader = stream.rows()
            for _ in range(whole):
                seen.append(await anext(reader))
            with pytest.raises(TruncatedError) as caught:
                await anext(reader)
    assert seen == rows(whole)
    assert caught.value.rows == whole
    assert caught.value.bytes_received >= len(jsonl(whole))
    assert caught.value.url == stream.url


@pytest.mark.parametrize(("answer", "whole"), CUTS)
async def test_a_cut_export_leaves_no_file(answer: bytes, whole: int, tmp_path: Path) -> None:
    """No file is left under any name."""
    with pytest.raises(TruncatedError) as caught:
        await save(answer, tmp_path / "trees.jsonl")
    assert files_in(tmp_path) == []
    assert caught.value.rows == whole


async def test_a_large_cut_export_counts_what_arrived(tmp_path: Path) -> None:
    """The file spans many blocks."""
    body = jsonl(60_000)
    with pytest.raises(TruncatedError) as caught:
        await save(http(body, length=len(body) + 1), tmp_path / "trees.jsonl")
    assert (caught.value.rows, caught.value.bytes_received) == (60_000, len(body))
    assert files_in(tmp_path) == []


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error_code": "ODSQLError", "message": "Unknown field: x"}', ODSQLError),
        (b'{\n  "error_code": "ODSQLError",\n  "message": "Unknown field: x"\n}', ODSQLError),
        (b'{"errorcode": 10002, "error": "Too many"}', QuotaExceeded),
        (b'{"message": "no", "error_code": "SomethingNew"}', APIError),
        (b"<!DOCTYPE html><html>Log in</html>", DecodeError),
        (b"  <html>", DecodeError),
    ],
)
async def test_an_error_with_status_200_is_an_error(
    body: bytes, kind: type[ExploreError], tmp_path: Path
) -> None:
    """The body is checked before its first row is delivered."""
    with pytest.raises(kind):
        await read(http(body), retry=Retry.never())
    with pytest.raises(kind):
        await save(http(gzipped(body), GZIP), tmp_path / "x", retry=Retry.never())
    assert files_in(tmp_path) == []


async def test_html_by_its_content_type_is_an_error() -> None:
    """The beginning of the body does not matter."""
    with pytest.raises(DecodeError, match="text/html"):
        await read(http(b"Please wait", "Content-Type: text/html; charset=utf-8"))


@pytest.mark.parametrize(
    "error", [b'{"error_code": "X", "message": "boom"}', b'{"error_code":"X"}']
)
async def test_an_error_behind_rows_is_an_error(error: bytes, tmp_path: Path) -> None:
    """The server started normally and then failed."""
    answer = http(jsonl(4) + error + b"\n")
    with pytest.raises(TruncatedError) as caught:
        await read(answer)
    assert caught.value.rows == 4
    with pytest.raises(TruncatedError) as caught:
        await save(answer, tmp_path / "trees.jsonl")
    assert caught.value.rows == 4
    assert files_in(tmp_path) == []


async def test_columns_named_like_errors_are_data(tmp_path: Path) -> None:
    """A dataset may be about errors."""
    line = b'{"error_code": "E1", "message": "disk full"}\n'
    assert len(await read(http(line * 2000))) == 2000
    await save(http(line * 2), tmp_path / "errors.jsonl")
    wide = b'{"error_code": "E1", "message": "disk full", "id": 1}'
    assert await read(http(wide)) == [orjson.loads(wide)]


@pytest.mark.parametrize("line", [b"[1]", b"NaN", b'{"a": NaN}', b"{]}"])
async def test_a_line_that_is_no_row_is_an_error(line: bytes) -> None:
    """The error has the number and the beginning of the line."""
    with pytest.raises((DecodeError, TruncatedError), match="row"):
        await read(http(jsonl(1) + line + b"\n" + jsonl(1)))


@pytest.mark.parametrize("end", [b'{"id": 2, "g": {"lon": 1}', b'{"id": 2, "g": [{"lon": NaN}'])
async def test_a_line_cut_behind_an_inner_brace_is_cut(end: bytes, tmp_path: Path) -> None:
    """This holds for rows and for a file; the last brace closes an inner object."""
    answer = http(jsonl(2) + end, length=-1)
    with pytest.raises(TruncatedError) as caught:
        await read(answer)
    assert caught.value.rows == 2
    with pytest.raises(TruncatedError):
        await save(answer, tmp_path / "trees.jsonl")


@pytest.mark.parametrize("body", [b"", b"\xef\xbb\xbf"], ids=["nothing", "only a BOM"])
async def test_csv_without_its_header_is_cut(body: bytes) -> None:
    """Even a result without rows has a header."""
    async with Wire(writes(http(body, length=-1))).running() as wire:
        async with ExploreClient(wire.url) as client:
            async with client.dataset("trees").export("csv") as stream:
                with pytest.raises(TruncatedError, match="header"):
                    await rows_of(stream)


async def test_an_endless_line_is_refused(tmp_path: Path) -> None:
    """It is refused before it fills the memory."""
    answer = http(b'{"a": "' + b"x" * 3_000_000)
    with pytest.raises(TooLargeError):
        await read(answer, caps=Caps(line=100_000))
    with pytest.raises(TooLargeError):
        await save(answer, tmp_path / "x", caps=Caps(line=100_000))
    assert files_in(tmp_path) == []


async def test_a_stream_that_falls_silent_is_a_timeout() -> None:
    """It ends `timeouts.read` seconds after the last byte, regardless of the total time."""
    over = asyncio.Event()

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(http(jsonl(2), length=500))
        await over.wait()

    async with Wire(respond).running() as wire:
        async with ExploreClient(wire.url, timeouts=Timeouts(read=0.05)) as client:
            async with client.dataset("trees").export("jsonl") as stream:
                with pytest.raises(RequestTimeout):
                    await rows_of(stream)
        over.set()


# ------------------------------------------------------------------ details of errors

PAGE = b"<!-- a comment longer than what is looked at first -->" + b" " * 3000 + b"<html>"


@pytest.mark.parametrize(
    ("answer", "file_format", "method", "kind"),
    [
        (http(jsonl(3), length=5000), "jsonl", "rows", TruncatedError),
        (http(jsonl(3), length=5000), "jsonl", "lines", TruncatedError),
        (http(jsonl(3), length=5000), "jsonl", "bytes", TruncatedError),
        (http(jsonl(3), length=5000), "jsonl", "save", TruncatedError),
        (http(jsonl(3)[:-9], length=-1), "jsonl", "rows", TruncatedError),
        (http(jsonl(3)[:-9], length=-1), "jsonl", "save", TruncatedError),
        (http(b'[{"id": 1}', length=-1), "json", "rows", TruncatedError),
        (http(b"id;name\r\n1;", length=-1), "csv", "save", TruncatedError),
        (http(b'{"a": NaN}\n'), "jsonl", "rows", DecodeError),
        (http(b'[{"a": NaN}]'), "json", "rows", DecodeError),
        (http(b"no row\nno row\n"), "jsonl", "save", DecodeError),
        (http(b"id\r\n1;2\r\n"), "csv", "rows", DecodeError),
        (http(PAGE), "csv", "bytes", DecodeError),
        (http(b'{"a": 1}\n{"a": "x"}\n'), "jsonl", "batches", DecodeError),
        (http(b"PAR1....xxxxxxxxxxxx\x0c\0\0\0PAR1"), "parquet", "batches", DecodeError),
        (http(b"x" * 200), "jsonl", "lines", TooLargeError),
        (http(jsonl(2) + b"{" + b"x" * 200), "jsonl", "save", TooLargeError),
    ],
)
async def test_an_error_in_an_export_tells_which_answer_it_is_about(
    tmp_path: Path, answer: bytes, file_format: str, method: str, kind: type[ExploreError]
) -> None:
    """The error has the URL, the status and the number of attempts, which is two."""
    answers = writes(http(b"", status="503 X"), answer)
    async with Wire(answers).running() as wire:
        timing = Clock().timing()
        async with ExploreClient(wire.url, timing=timing, caps=Caps(line=100)) as client:
            async with client.dataset("trees").export(file_format) as stream:
                with pytest.raises(kind) as caught:
                    if method == "save":
                        await stream.save(tmp_path / "trees")
                    else:
                        size = {"size": 1} if method == "batches" else {}
                        async for _ in getattr(stream, method)(**size):
                            pass
    error = caught.value
    assert (error.url, error.status, error.attempts) == (stream.url, 200, 2)


async def test_a_misfit_in_a_typed_export_tells_which_answer_it_is_about(
    client: ExploreClient, portal: FakePortal
) -> None:
    """It is the export's response, not that of the schema."""
    fields: list[Any] = [{"name": "id", "type": "date", "label": "", "annotations": {}}]

    def override(request: web.Request) -> web.Response | None:
        info = {"dataset_id": "trees", "fields": fields}
        return json_body(info) if request.path.endswith("/trees") else None

    portal.override = override
    for file_format in ("jsonl", "json"):
        portal.rows = [{"id": "no date"}]
        if file_format == "json":
            portal.override = lambda request: override(request) or json_body(portal.rows)
        async with client.dataset("trees").export(file_format, typed=True) as stream:
            with pytest.raises(DecodeError, match="id has type date") as caught:
                await rows_of(stream)
        error = caught.value
        assert (error.url, error.status, error.attempts) == (stream.url, 200, 1)


async def test_an_error_of_the_disk_or_of_the_reader_blames_no_answer(
    client: ExploreClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The response was correct."""

    def full(descriptor: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("explore_async.results.files.os.write", full)
    async with client.dataset("trees").export("jsonl") as stream:
        with pytest.raises(StorageError) as disk:
            await stream.save(tmp_path / "trees.jsonl")
    assert (disk.value.status, disk.value.attempts) == (None, 1)
    async with client.dataset("trees").export("jsonl") as stream:
        reading = stream.rows()
        await anext(reading)
    with pytest.raises(StreamConsumedError) as left:
        async for _ in reading:
            pass
    assert (left.value.status, left.value.attempts) == (None, 0)


async def test_an_export_shows_its_address(client: ExploreClient) -> None:
    """The repr does not show a memory address."""
    stream = client.dataset("trees").export("jsonl", Query(limit=5))
    assert repr(stream) == f"ExportStream({stream.url!r})"
    assert stream.url.endswith("/trees/exports/jsonl?limit=5")


# ------------------------------------------------------------------ files


async def test_a_file_is_what_was_sent(tmp_path: Path) -> None:
    """It is equal byte for byte across blocks; progress is reported during and at the end."""
    body, seen = jsonl(60_000), list[Progress]()
    async with Wire(writes(http(body))).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export("jsonl") as stream:
            saved = await stream.save(tmp_path / "trees.jsonl", progress=seen.append)
    assert saved.path.read_bytes() == body
    assert (saved.bytes, saved.rows) == (len(body), 60_000)
    assert saved.checksum == hashlib.sha256(body).hexdigest()
    assert seen[-1] == Progress(bytes=len(body), rows=60_000)
    assert len(seen) > 1
    assert [each.bytes for each in seen] == sorted(each.bytes for each in seen)


async def test_other_formats_are_saved_without_counting(tmp_path: Path) -> None:
    """A Parquet file has no lines to count."""
    seen: list[Progress] = []
    async with Wire(writes(http(b"PAR1\n\n..........\x0c\0\0\0PAR1"))).running() as wire:
        async with ExploreClient(wire.url) as client:
            async with client.dataset("trees").export("parquet") as stream:
                await stream.save(tmp_path / "trees.parquet", progress=seen.append)
    assert seen == [Progress(bytes=24, rows=None)]


async def test_an_older_file_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    """Readers see either the old file or the new one."""
    path = tmp_path / "trees.jsonl"
    path.write_text("old")
    with pytest.raises(TruncatedError):
        await save(http(jsonl(3), length=5000), path)
    assert path.read_text() == "old"
    await save(http(jsonl(3)), path)
    assert path.read_bytes() == jsonl(3)


@posix
async def test_a_file_keeps_the_permissions_of_the_one_it_replaces(tmp_path: Path) -> None:
    """A file that only its owner could read stays private."""
    path = tmp_path / "trees.jsonl"
    path.write_text("old")
    path.chmod(0o600)
    await save(http(jsonl(3)), path)
    assert path.read_bytes() == jsonl(3)
    assert path.stat().st_mode & 0o777 == 0o600


@posix
async def test_a_file_follows_the_umask(tmp_path: Path) -> None:
    """It has the permissions of any file that the user creates."""
    old = os.umask(0o027)
    try:
        path = await save(http(jsonl(1)), tmp_path / "trees.jsonl")
    finally:
        os.umask(old)
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("file_format", "whole"),
    [
        ("csv", b"id;name\r\n1;acer\r\n"),
        ("json", b'[{"id": 1},{"id": 2}]'),
        ("geojson", b'{"type": "FeatureCollection", "features": []}\n'),
        ("parquet", b"PAR1....xxxxxxxxxxxx\x0c\0\0\0PAR1"),
        ("kml", b'<?xml version="1.0"?>\n<kml xmlns="x/"><Document/></kml>\n'),
        ("gpx", b'\xef\xbb\xbf<!-- <a> --><gpx version="1.1"><wpt lat="1"/></gpx>'),
        ("rdfxml", b'<?xml version="1.0"?><!DOCTYPE r [<!ENTITY x "y">]><r:RDF a=\'>\'></r:RDF >'),
        ("rdfxml", b'<?xml version="1.0"?><rdf:RDF xmlns:rdf="x"/>'),
        ("jsonld", b'[{"@id": "x"}]'),
        ("xlsx", b"PK\3\4....PK\5\6" + b"\0" * 12 + b"\x08\0\0\0\0\0"),
        ("shp", b"PK\3\4....PK\5\6" + b"\0" * 12 + b"\x08\0\0\0\7\0comment"),
    ],
)
async def test_a_file_that_does_not_end_like_its_format_is_cut(
    tmp_path: Path, file_format: str, whole: bytes
) -> None:
    """If the end of the connection ends the body, nothing else reveals the cut."""
    path = tmp_path / "trees"
    for body in (whole.rstrip()[:-1], b"", whole):
        assert files_in(tmp_path) == []
        async with Wire(writes(http(body, length=-1))).running() as wire:
            async with ExploreClient(wire.url) as client:
                async with client.dataset("trees").export(file_format) as stream:
                    with (
                        contextlib.nullcontext()
                        if body == whole
                        else pytest.raises(TruncatedError, match=file_format)
                    ):
                        await stream.save(path)
    assert path.read_bytes() == whole


@pytest.mark.parametrize("file_format", ["turtle", "n3", "ov2", "fgb"])
def test_formats_without_an_end_end_anywhere(file_format: str) -> None:
    """A URL in Turtle is not a tag."""
    structure = structure_of(file_format)
    structure.feed(b"<urn:a> <urn:b> <ur")
    assert structure.is_whole()


CUT_ENDS = [
    ("jsonl", jsonl(3)[:-9]),
    ("jsonl", jsonl(3) + b'{"id": 3, "g": {"lon": 1}'),
    ("jsonl", jsonl(3) + b'{"id": 3, "g": "' + b"x" * 70_000),
    ("csv", b"id;name\r\n1;acer\r\n3;"),
    ("json", b'[{"id": 1},{"id": 2}'),
    ("geojson", b'{"type": "FeatureCollection", "features": ['),
    ("kml", b'<?xml version="1.0"?><kml><Document/>'),
    ("xlsx", b"PK\3\4...."),
]


async def read_to_the_end(answer: bytes, file_format: str, method: str, **options: Any) -> bytes:
    """Return everything that `method` reads from an export with this response."""
    async with Wire(writes(answer)).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export(file_format, **options) as stream:
            return b"".join([piece async for piece in getattr(stream, method)()])


@pytest.mark.parametrize("method", ["lines", "bytes"])
@pytest.mark.parametrize(("file_format", "body"), CUT_ENDS)
async def test_lines_and_bytes_of_a_cut_export_do_not_just_end(
    file_format: str, body: bytes, method: str
) -> None:
    """If the end of the connection ends the body, they would be a short result."""
    with pytest.raises(TruncatedError) as caught:
        await read_to_the_end(http(body, length=-1), file_format, method)
    counted = file_format == "jsonl" and method == "lines"
    assert caught.value.rows == (body.count(b"\n") if counted else None)
    assert caught.value.bytes_received == len(body)


async def test_lines_that_are_cut_far_behind_their_beginning_do_not_just_end() -> None:
    """The cut follows an inner brace, which looks like the end of a row."""
    body = jsonl(1) + b'{"id": 1, "g": {"text": "' + b"x" * 100_000 + b'"}'
    with pytest.raises(TruncatedError, match="inside row 2"):
        await read_to_the_end(http(body, length=-1), "jsonl", "lines")


@pytest.mark.parametrize("method", ["lines", "bytes"])
@pytest.mark.parametrize(
    ("file_format", "body"),
    [
        ("jsonl", b""),
        ("jsonl", b"\n"),
        ("jsonl", b'{"a": NaN}'),
        ("jsonl", b'{"a": "\xe9"}'),
        ("jsonl", b'{"a": "' + b"x" * 70_000 + b'"}'),
        ("csv", b"\xef\xbb\xbfid;name\r\n"),
        ("json", b"[]"),
        ("geojson", b'{"type": "FeatureCollection", "features": []}'),
        ("turtle", b""),
    ],
)
async def test_lines_and_bytes_of_a_whole_export_are_as_they_came(
    file_format: str, body: bytes, method: str
) -> None:
    """The body may have no rows, no last line end, or lines that `rows` refuses."""
    found = await read_to_the_end(http(body, length=-1), file_format, method)
    assert found == (body if method == "bytes" else body.replace(b"\r\n", b"").rstrip(b"\n"))


@pytest.mark.parametrize("file_format", ["jsonl", "json", "jsonld", "kml"])
async def test_bytes_that_the_server_packed_may_end_anyhow(file_format: str) -> None:
    """The compressed file has another structure."""
    body = gzipped(b'[{"id":')
    assert await read_to_the_end(http(body), file_format, "bytes", compressed=True) == body


async def test_lines_of_csv_are_as_they_came() -> None:
    """The byte order mark stays, and a cell with a line break spans two lines."""
    body = b'\xef\xbb\xbfid;name\r\n1;"red\nacer"\r\n'
    async with Wire(writes(http(body))).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export("csv") as stream:
            found = [line async for line in stream.lines()]
    assert found == [b"\xef\xbb\xbfid;name", b'1;"red', b'acer"']


@pytest.mark.parametrize("method", ["rows", "bytes", "save"])
async def test_html_behind_comments_is_an_error(tmp_path: Path, method: str) -> None:
    """Its declared type and its division into pieces do not matter."""
    page = b"<!-- <a> proxy 7 -->\n<!-- b -->\n<!DOCTYPE html><title>Log in</title>"

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(http(b"", "Content-Type: application/octet-stream", length=len(page)))
        for at in range(0, len(page), 6):
            writer.write(page[at : at + 6])
            await writer.drain()
            await settle()

    async with Wire(respond).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export("csv") as stream:
            with pytest.raises(DecodeError, match="HTML page"):
                if method == "save":
                    await stream.save(tmp_path / "trees.csv")
                else:
                    assert [each async for each in getattr(stream, method)()] == []
    assert files_in(tmp_path) == []


async def test_a_compressed_file_may_end_anyhow(tmp_path: Path) -> None:
    """The compressed file has another structure."""
    async with Wire(writes(http(b"PK..."))).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export("csv", compressed=True) as stream:
            await stream.save(tmp_path / "trees.zip")
    assert (tmp_path / "trees.zip").read_bytes() == b"PK..."


async def test_progress_of_a_counted_export_knows_its_end(
    client: ExploreClient, tmp_path: Path
) -> None:
    """The count is requested first."""
    seen: list[Progress] = []
    await client.dataset("trees").export_verified(tmp_path / "x", progress=seen.append)
    assert [(each.rows, each.expected) for each in seen] == [(10, 10)]


@pytest.mark.parametrize("where", ["missing/trees.jsonl", ".", "file/trees.jsonl"])
async def test_a_path_that_cannot_be_written_is_refused_before_sending(
    client: ExploreClient, portal: FakePortal, tmp_path: Path, where: str
) -> None:
    """A response that cannot be saved must not use up quota."""
    (tmp_path / "file").touch()
    async with client.dataset("trees").export("jsonl") as stream:
        with pytest.raises(ConfigurationError, match="directory"):
            await stream.save(tmp_path / where)
    with pytest.raises(ConfigurationError, match="directory"):
        await client.dataset("trees").export_verified(tmp_path / where)
    assert portal.requests == []


async def test_a_full_disk_is_an_error_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing fails halfway with ENOSPC."""

    def full(descriptor: int, data: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("explore_async.results.files.os.write", full)
    with pytest.raises(StorageError, match="No space left"):
        await save(http(jsonl(3)), tmp_path / "trees.jsonl")
    assert files_in(tmp_path) == []


async def test_a_progress_callback_that_fails_leaves_no_file(
    client: ExploreClient, tmp_path: Path
) -> None:
    """Its exception is raised unchanged."""

    def progress(progress: Progress) -> None:
        raise KeyError("the user's own")

    with pytest.raises(KeyError):
        async with client.dataset("trees").export("jsonl") as stream:
            await stream.save(tmp_path / "trees.jsonl", progress=progress)
    assert files_in(tmp_path) == []


class Teller:
    """A callable object whose `__call__` is a coroutine function."""

    async def __call__(self, progress: Progress) -> None:
        pytest.fail("it is never awaited")


async def tell(progress: Progress) -> None:
    pytest.fail("it is never awaited")


@pytest.mark.parametrize(
    "progress", [tell, Teller(), partial(tell)], ids=["function", "object", "partial"]
)
async def test_a_progress_callback_that_has_to_be_awaited_is_refused(
    client: ExploreClient, portal: FakePortal, tmp_path: Path, progress: Any
) -> None:
    """It is refused before anything is sent, because nothing would await it."""
    trees, path = client.dataset("trees"), tmp_path / "trees"
    with pytest.raises(ConfigurationError, match=r"coroutine function.*plain function"):
        await trees.export_verified(path, progress=progress)
    with pytest.raises(ConfigurationError, match="coroutine function"):
        await trees.download("plan", path, progress=progress)
    async with trees.export("jsonl") as stream:
        with pytest.raises(ConfigurationError, match="coroutine function"):
            await stream.save(path, progress=progress)
        await stream.save(path)
    assert len(portal.requests) == 1


async def test_cancelling_leaves_no_file(tmp_path: Path) -> None:
    """The task is cancelled while bytes are still arriving."""
    arrived, over = asyncio.Event(), asyncio.Event()

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(http(jsonl(60_000), length=10_000_000))
        await over.wait()

    async def saving(client: ExploreClient) -> None:
        async with client.dataset("trees").export("jsonl") as stream:
            await stream.save(tmp_path / "trees.jsonl", progress=lambda progress: arrived.set())

    async with Wire(respond).running() as wire, ExploreClient(wire.url) as client:
        task = asyncio.create_task(saving(client))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert files_in(tmp_path) == []
        over.set()


# ------------------------------------------------------------------ verified


async def test_a_verified_export_is_reconciled(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """The result has expected, received and unique rows, bytes and a checksum."""
    portal.rows = rows(500) + rows(20)
    path = tmp_path / "trees.jsonl"
    query = Query(where="id >= 0")
    result = await client.dataset("trees").export_verified(path, query)
    content = path.read_bytes()
    assert (result.expected, result.received, result.unique) == (520, 520, 500)
    assert (result.bytes, result.path) == (len(content), path)
    assert result.checksum == hashlib.sha256(content).hexdigest()
    count, export = (params for _, params in portal.requests)
    assert count == {"where": "id >= 0", "limit": "0", "offset": "0"}
    assert export == {"where": "id >= 0"}


async def test_the_limit_of_the_query_is_expected(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """The count is capped at the limit; -1 means all rows."""
    portal.rows = rows(500)
    dataset = client.dataset("trees")
    path = tmp_path / "trees.jsonl"
    assert (await dataset.export_verified(path, Query().limit(30))).received == 30
    assert (await dataset.export_verified(path, Query().limit(900))).received == 500
    assert (await dataset.export_verified(path, Query().limit(-1))).received == 500


@pytest.mark.parametrize("sent", [0, 499, 501])
async def test_another_count_is_an_error_and_leaves_no_file(
    client: ExploreClient, portal: FakePortal, tmp_path: Path, sent: int
) -> None:
    """The export is cut after a line, which only counting reveals."""
    portal.rows = rows(500)

    def override(request: web.Request) -> web.Response | None:
        if request.path.endswith("/jsonl"):
            portal.rows = rows(sent)
        return None

    portal.override = override
    with pytest.raises(IntegrityError) as caught:
        await client.dataset("trees").export_verified(tmp_path / "trees.jsonl")
    assert (caught.value.expected, caught.value.received) == (500, sent)
    assert (caught.value.status, caught.value.attempts) == (200, 1)
    assert caught.value.url is not None
    assert "/exports/jsonl" in caught.value.url
    assert files_in(tmp_path) == []


async def test_groups_are_counted_by_paging(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """total_count of a grouped response does not count the groups."""
    portal.rows, portal.grouped_total = rows(300), "absent"
    query = Query(group_by="id")
    result = await client.dataset("trees").export_verified(tmp_path / "x.jsonl", query)
    assert result.expected == result.received == 300
    portal.rows = rows(20_001)
    with pytest.raises(WindowExceeded):
        await client.dataset("trees").export_verified(tmp_path / "y.jsonl", query)
    assert len(files_in(tmp_path)) == 1


async def test_too_many_groups_cannot_be_proved(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """The error does not advise the export that just failed."""
    portal.rows = rows(20_001)
    with pytest.raises(WindowExceeded, match=r"20000 groups or more.*--format json"):
        await client.dataset("trees").export_verified(tmp_path / "x", Query(group_by="id"))
    assert list(tmp_path.iterdir()) == []


async def test_a_count_that_fails_leaves_no_file(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """The export is not requested."""
    error = {"error_code": "NotFoundResource", "message": "no such dataset"}
    portal.override = lambda request: json_body(error, status=404)
    with pytest.raises(APIError):
        await client.dataset("trees").export_verified(tmp_path / "trees.jsonl")
    assert files_in(tmp_path) == []
    assert len(portal.requests) == 1


# ------------------------------------------------------------------ requests


async def test_options_become_parameters(client: ExploreClient) -> None:
    """Booleans are sent in the API's notation; omitted options are not sent."""
    export = client.dataset("trees").export
    assert export("csv").url.endswith("/exports/csv")
    assert export("csv", use_labels=True, compressed=False, epsg=2154).url.endswith(
        "/exports/csv?use_labels=true&compressed=false&epsg=2154"
    )


@pytest.mark.parametrize("wrong", ["exe", "", "../records", "CSV"])
async def test_unknown_formats_are_refused(client: ExploreClient, wrong: str) -> None:
    """`Unlisted` allows them, because portals add formats."""
    with pytest.raises(ConfigurationError, match="export format"):
        client.dataset("trees").export(wrong)
    assert client.dataset("trees").export(Unlisted("a/b")).url.endswith("/a%2Fb")


async def test_an_offset_is_refused(client: ExploreClient) -> None:
    """Exports have no offset, and a server would ignore it."""
    with pytest.raises(ConfigurationError, match="exportRecords does not accept offset"):
        client.dataset("trees").export("jsonl", Query().offset(5))


async def test_many_exports_run_side_by_side(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """They run under `client.gather`, like all other requests."""
    portal.rows = rows(1000)
    dataset = client.dataset("trees")
    results = await client.gather(
        *(dataset.export_verified(tmp_path / f"{name}.jsonl") for name in range(4))
    )
    assert {each.checksum for each in results} == {results[0].checksum}
    assert len(files_in(tmp_path)) == 4


@pytest.mark.parametrize("method", ["rows", "batches"])
@pytest.mark.parametrize("delimiter", ["::", '"', "\n"])
async def test_cells_are_told_apart_at_one_character(
    client: ExploreClient, portal: FakePortal, method: str, delimiter: str
) -> None:
    """Other delimiters are refused before any request, including that for the schema."""
    trees = client.dataset("trees")
    async with trees.export_csv(delimiter=Unlisted(delimiter), typed=True) as stream:
        with pytest.raises(ConfigurationError, match=r"Pass one character.*or use lines\(\)"):
            await anext(getattr(stream, method)())
    assert portal.requests == []


@pytest.mark.parametrize("method", ["lines", "bytes", "save"])
async def test_lines_and_bytes_need_no_delimiter(tmp_path: Path, method: str) -> None:
    """They are delivered unchanged."""
    body = b"id::name\r\n1::row 1\r\n"
    async with Wire(writes(http(body))).running() as wire, ExploreClient(wire.url) as client:
        async with client.dataset("trees").export_csv(delimiter=Unlisted("::")) as stream:
            if method == "save":
                await stream.save(tmp_path / "trees.csv")
                assert (tmp_path / "trees.csv").read_bytes() == body
                return
            found = [piece async for piece in getattr(stream, method)()]
    assert b"".join(found) == (body if method == "bytes" else body.replace(b"\r\n", b""))
    assert b"delimiter=%3A%3A" in wire.heads[0]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<!DOCTYPE html><html><body>Plan</body></html>", "text/html; charset=utf-8"),
        (b"<!-- saved page -->\n<html>", "application/octet-stream"),
        (b'{"error_code": "NotFound", "message": "an example of an error"}', "application/json"),
        (b'{"error": "cut', "application/json"),
        (b'{"id": 1}\nno row\n', "application/x-ndjson"),
        (gzipped(b"a file that is compressed"), "application/gzip"),
        (b"\xff\x00\r\n", ""),
        (b"", "text/plain"),
    ],
    ids=["html", "html comment", "error", "cut", "lines", "gzip", "binary", "empty"],
)
async def test_an_attachment_is_saved_as_it_is(tmp_path: Path, content: bytes, kind: str) -> None:
    """It may be any file, even one that would be an error as an export."""
    answer = http(content, f"Content-Type: {kind}")
    async with Wire(writes(answer)).running() as wire, ExploreClient(wire.url) as client:
        saved = await client.dataset("trees").download("plan", tmp_path / "plan")
    assert (tmp_path / "plan").read_bytes() == content
    assert (saved.bytes, saved.rows) == (len(content), None)
    assert saved.checksum == hashlib.sha256(content).hexdigest()
