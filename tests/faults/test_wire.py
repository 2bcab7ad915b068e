"""Failures 1 to 7, 13, 20 and 21: faults between two sockets."""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
import zlib
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from explore_async import (
    ConnectError,
    DecodeError,
    ExploreClient,
    ExploreError,
    NameResolutionError,
    RedirectError,
    RequestTimeout,
    Retry,
    ShortPageError,
    Timeouts,
    TLSError,
    TransportError,
    TruncatedError,
)
from tests.explore_async.doubles import (
    Clock,
    FakePortal,
    Wire,
    http,
    json_body,
    jsonl,
    rows,
    writes,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    Respond = Callable[[asyncio.StreamWriter], Awaitable[object]]

PAGE = b'{"total_count": 3, "results": [{"id": 0}, {"id": 1}, {"id": 2}]}'
ROWS = [{"id": 0}, {"id": 1}, {"id": 2}]
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(body), body)


def then_reset(start: bytes) -> Respond:
    """Write `start`, then break the connection with a RST."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await writer.drain()
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    return respond


def once(broken: Respond, *, then: bytes) -> Respond:
    """Break the first connection and answer the others."""
    calls = 0

    async def respond(writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        await (broken if calls == 1 else writes(then))(writer)

    return respond


async def page_from(respond: Respond) -> list[dict[str, object]]:
    async with Wire(respond).running() as wire:
        async with ExploreClient(wire.url, timing=Clock().timing()) as client:
            return await client.dataset("trees").records().to_list()


async def rows_before_the_cut(respond: Respond, folder: Path) -> int:
    """Read a truncated export; it must fail both as rows and as a file."""
    async with Wire(respond).running() as wire:
        async with ExploreClient(wire.url, timing=Clock().timing()) as client:
            trees = client.dataset("trees")
            with pytest.raises(TransportError):
                async with trees.export("jsonl") as stream:
                    await stream.save(folder / "trees.jsonl")
            assert list(folder.iterdir()) == []
            given = 0
            with pytest.raises(TruncatedError) as caught:
                async with trees.export("jsonl") as stream:
                    async for _ in stream.rows():
                        given += 1
    assert (caught.value.rows or 0) == given
    return given


CUTS = [
    pytest.param(then_reset(http(PAGE[:20], length=len(PAGE))), id="reset"),
    pytest.param(writes(http(PAGE[:20], length=len(PAGE))), id="end"),
]


@pytest.mark.parametrize("cut", CUTS)
async def test_01_a_reset_or_an_end_inside_a_page_is_asked_for_again(cut: Respond) -> None:
    """A retry reads the whole page; the error is raised only if every attempt is cut."""
    assert await page_from(once(cut, then=http(PAGE))) == ROWS
    with pytest.raises((TruncatedError, ConnectError)) as caught:
        await page_from(cut)
    assert caught.value.attempts == 4


async def test_01_an_export_that_ends_inside_counts_the_rows_before(tmp_path: Path) -> None:
    """No file is left, and reading the rows ends with an error."""
    whole = jsonl(1000)
    half = whole[: whole.index(b'{"id":400') + 4]
    assert await rows_before_the_cut(writes(http(half, length=len(whole))), tmp_path) == 400


async def test_01_an_export_that_is_reset_never_ends_well(tmp_path: Path) -> None:
    """A RST may overtake bytes sent before it, so only the rows yielded are counted."""
    start = http(jsonl(100), length=100_000)
    given = await rows_before_the_cut(then_reset(start), tmp_path)
    assert given in range(101)


async def test_02_a_body_shorter_than_its_length(tmp_path: Path) -> None:
    """It is an error even if the bytes received are whole rows or a whole JSON value."""
    assert await page_from(writes(http(PAGE, length=len(PAGE) + 1), http(PAGE))) == ROWS
    short = http(jsonl(50), length=len(jsonl(50)) + 10)
    assert await rows_before_the_cut(writes(short), tmp_path) == 50


async def test_03_chunks_without_the_last_one(tmp_path: Path) -> None:
    """Even if every chunk is whole, the body ends only with the empty chunk."""
    assert await page_from(writes(CHUNKED + chunk(PAGE), http(PAGE))) == ROWS
    assert await rows_before_the_cut(writes(CHUNKED + chunk(jsonl(50))), tmp_path) == 50


def encoded(coding: str, body: bytes) -> bytes:
    return gzip.compress(body) if coding == "gzip" else zlib.compress(body)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
async def test_04_half_a_gzip_stream_in_whole_framing(share: float, tmp_path: Path) -> None:
    """The HTTP framing is valid; only the gzip stream shows the missing end."""
    page = encoded("gzip", PAGE)
    cut = http(page[: int(len(page) * share)], "Content-Encoding: gzip")
    assert await page_from(writes(cut, http(PAGE))) == ROWS
    body = encoded("gzip", jsonl(5000))
    cut = http(body[: int(len(body) * share)], "Content-Encoding: gzip")
    given = await rows_before_the_cut(writes(cut), tmp_path)
    assert given < 5000


@pytest.mark.parametrize("coding", ["br", "zstd", "deflate"])
async def test_04_codings_without_an_end_check_are_not_accepted(coding: str) -> None:
    """The client does not request them, and refuses a response that uses one."""
    answer = http(encoded(coding, PAGE)[:-4], f"Content-Encoding: {coding}")
    async with Wire(writes(answer)).running() as wire:
        async with ExploreClient(wire.url, timing=Clock().timing()) as client:
            with pytest.raises((DecodeError, TruncatedError)):
                await client.dataset("trees").records().to_list()
    assert b"accept-encoding: gzip\r\n" in wire.heads[0].lower()


@pytest.mark.parametrize("length", [1, 20, 40, len(PAGE) - 1])
async def test_05_a_page_that_ends_with_its_connection(length: int) -> None:
    """Without length or chunks, only the invalid JSON shows the cut."""
    assert await page_from(writes(http(PAGE[:length], length=-1), http(PAGE))) == ROWS


async def test_05_a_page_without_some_of_its_rows() -> None:
    """Valid JSON with missing rows is detected by counting."""
    short = b'{"total_count": 3, "results": [{"id": 0}, {"id": 1}]}'
    with pytest.raises(ShortPageError):
        await page_from(writes(http(short, length=-1)))


@pytest.mark.parametrize(
    ("file_format", "body"),
    [
        ("jsonl", b'{"id": 1}\n{"id": 2'),
        ("csv", b"id;name\r\n1;oa"),
        ("json", b'[{"id": 1}, {"id": 2}'),
        ("geojson", b'{"type": "FeatureCollection", "features": ['),
        ("parquet", b"PAR1 and the rest is missing"),
    ],
)
async def test_05_a_file_that_ends_with_its_connection(
    file_format: str, body: bytes, tmp_path: Path
) -> None:
    """Each format has its own ending; a file without it is truncated."""
    async with Wire(writes(http(body, length=-1))).running() as wire:
        async with ExploreClient(wire.url) as client:
            with pytest.raises(TruncatedError):
                async with client.dataset("trees").export(file_format) as stream:
                    await stream.save(tmp_path / "trees")
    assert list(tmp_path.iterdir()) == []


async def test_05_a_cut_between_two_rows_is_found_by_counting(tmp_path: Path) -> None:
    """This is the only cut that leaves no trace in the bytes."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        counting = b"/records?" in wire.heads[-1]
        body = b'{"total_count": 3, "results": []}' if counting else jsonl(2)
        writer.write(http(body, length=-1))

    async with Wire(respond).running() as wire:
        async with ExploreClient(wire.url) as client:
            with pytest.raises(ExploreError, match="2 rows"):
                await client.dataset("trees").export_verified(tmp_path / "trees.jsonl")
    assert list(tmp_path.iterdir()) == []


def dripping(start: bytes, drop: bytes = b" ") -> Respond:
    """Send a few bytes at a time, forever."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(0.001)

    return respond


@pytest.mark.parametrize(
    "start", [CHUNKED[:20], http(b"{", length=10**6), b""], ids=["headers", "body", "nothing"]
)
async def test_06_a_page_that_drips_ends_at_the_limit_of_its_try(start: bytes) -> None:
    """No pause is long enough for the read timeout, so the whole attempt has a limit."""
    async with Wire(dripping(start)).running() as wire:
        limits = Timeouts(attempt=0.1, read=5)
        async with ExploreClient(wire.url, timeouts=limits, retry=Retry.never()) as client:
            with pytest.raises((RequestTimeout, TransportError)):
                await client.dataset("trees").record("1")


@pytest.mark.parametrize("start", [CHUNKED, http(b"{", length=10**6)], ids=["chunked", "length"])
async def test_06_an_export_that_drips_is_given_up_by_its_rate(
    start: bytes, tmp_path: Path
) -> None:
    """An export may take hours, so a minimum rate ends it; no file is left."""
    drop = chunk(b" ") if start is CHUNKED else b" "
    slow = Timeouts(min_rate=1e6, window=0.05, read=5)
    async with Wire(dripping(start + drop, drop)).running() as wire:
        async with ExploreClient(wire.url, timeouts=slow, retry=Retry.never()) as client:
            with pytest.raises(RequestTimeout, match="min_rate"):
                async with client.dataset("trees").export("jsonl") as stream:
                    await stream.save(tmp_path / "trees.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", ["fresh", "idle"])
async def test_07_a_dropped_connection_is_made_again(state: str) -> None:
    """The server closes an idle connection, or a new one before it responds."""
    served = 0
    arrived: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        arrived.append(1)
        if state == "fresh" and len(arrived) == 1:
            writer.close()
            return
        await reader.readuntil(b"\r\n\r\n")
        served += 1
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(PAGE), PAGE))
        await writer.drain()
        writer.close()  # without having sent `Connection: close`

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, ExploreClient(url, timing=Clock().timing()) as client:
        for _ in range(5):
            assert await client.dataset("trees").records().to_list() == ROWS
    assert served == 5


TARGETS = ["https://elsewhere.example/", "//127.0.0.1:9/", "http://localhost:{port}/", "ftp://a/"]


@pytest.mark.parametrize("location", TARGETS)
async def test_13_a_redirect_out_of_the_origin_names_its_host(location: str) -> None:
    """The target has another host, port or scheme; the key is not sent there."""
    portal = FakePortal()
    portal.override = lambda request: web.Response(
        status=302, headers={"Location": location.format(port=portal.url.rpartition(":")[2])}
    )
    async with portal.running(), ExploreClient(portal.url, auth="key") as client:
        with pytest.raises(RedirectError) as caught:
            await client.dataset("trees").records().first()
    assert len(portal.requests) == 1
    assert caught.value.host is not None
    assert caught.value.host.partition(":")[0] in str(caught.value)


@pytest.mark.parametrize("auth", ["key", None])
async def test_13_a_redirect_to_an_address_with_a_user_name_is_not_followed(
    portal: FakePortal, auth: str | None
) -> None:
    """Even within the origin, the caller and not the server chooses the credentials."""
    inside = portal.url.replace("://", "://user:pass-w0rd@")
    portal.override = lambda request: web.Response(status=302, headers={"Location": inside})
    async with ExploreClient(portal.url, auth=auth) as client:
        with pytest.raises(RedirectError, match="with a user name") as caught:
            await client.dataset("trees").records().first()
    assert len(portal.requests) == 1
    assert caught.value.host == portal.url.removeprefix("http://").rstrip("/")
    assert "pass-w0rd" not in f"{caught.value}{vars(caught.value)}"


async def test_13_a_redirect_in_a_circle_ends(portal: FakePortal) -> None:
    """After a few redirects there is one error, and they are not retried."""
    portal.override = lambda request: web.Response(
        status=302, headers={"Location": str(request.rel_url)}
    )
    async with ExploreClient(portal.url) as client:
        with pytest.raises(RedirectError):
            await client.dataset("trees").records().first()
    assert len(portal.requests) < 10


class NoNames(AbstractResolver):
    """A resolver that knows no host."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        raise OSError(None, f"{host} is unknown")

    async def close(self) -> None:
        pass


async def test_20_an_unknown_host_a_refused_port_and_a_bad_certificate_differ() -> None:
    """An unknown name and a refused port may be temporary, so both are retried."""
    connector = aiohttp.TCPConnector(resolver=NoNames())
    async with aiohttp.ClientSession(connector=connector) as session:
        async with ExploreClient(
            "https://portal.invalid", session=session, timing=Clock().timing()
        ) as client:
            with pytest.raises(NameResolutionError, match=r"portal\.invalid") as unknown:
                await client.dataset("trees").record("1")
    async with ExploreClient("http://127.0.0.1:9", timing=Clock().timing()) as client:
        with pytest.raises(ConnectError, match="refused") as refused:
            await client.dataset("trees").record("1")
    assert (unknown.value.attempts, refused.value.attempts) == (4, 4)


async def test_20_an_untrusted_certificate_is_never_retried() -> None:
    """If the CA is trusted, the same server can be read."""
    authority = trustme.CA()
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(theirs)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(PAGE))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=theirs)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    async with server:
        async with ExploreClient(url, timing=Clock().timing()) as client:
            with pytest.raises(TLSError) as caught:
                await client.dataset("trees").records().to_list()
        assert caught.value.attempts == 1
        connector = aiohttp.TCPConnector(ssl=ours)
        async with aiohttp.ClientSession(connector=connector) as session:
            async with ExploreClient(url, session=session) as client:
                assert await client.dataset("trees").records().to_list() == ROWS


async def test_21_a_proxy_that_refuses_is_named_without_its_password() -> None:
    """Nothing listens at the proxy's address."""
    proxy = "http://user:pass-w0rd@127.0.0.1:9"
    async with ExploreClient("http://portal.invalid", retry=Retry.never(), proxy=proxy) as client:
        with pytest.raises(TransportError) as caught:
            await client.dataset("trees").record("1")
    assert "pass-w0rd" not in f"{caught.value!r}{vars(caught.value)}{client!r}"


async def test_21_a_proxy_that_asks_for_a_password_is_an_error() -> None:
    """The proxy answers 407 in place of the portal."""
    answer = http(b"<html>who are you?</html>", status="407 Proxy Authentication Required")
    async with Wire(writes(answer)).running() as wire:
        proxy = wire.url.replace("://", "://user:pass-w0rd@")
        async with ExploreClient(
            "http://portal.invalid", timing=Clock().timing(), proxy=proxy
        ) as client:
            with pytest.raises(ExploreError) as caught:
                await client.dataset("trees").record("1")
    assert caught.value.status in {407, None}
    assert "pass-w0rd" not in f"{caught.value!r}{vars(caught.value)}"


async def test_21_proxies_of_the_environment_are_not_used(
    portal: FakePortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable must not route the key through another host; ~/.netrc is not read either."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    portal.rows = rows(3)
    portal.override = lambda request: json_body({"total_count": 3, "results": rows(3)})
    async with ExploreClient(portal.url) as client:
        assert await client.dataset("trees").records().to_list() == rows(3)
