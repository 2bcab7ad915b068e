"""One GET: retried where that helps, read to a verified end, refused if it is not data."""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
import warnings
import zlib
from typing import TYPE_CHECKING, Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from explore_async import (
    Anonymous,
    APIError,
    Caps,
    ConfigurationError,
    ConnectError,
    DecodeError,
    ExploreClient,
    ExploreError,
    NameResolutionError,
    QuotaExceeded,
    RequestTimeout,
    Retry,
    ServerError,
    Timeouts,
    Timing,
    TLSError,
    TooLargeError,
    TransportError,
    TruncatedError,
    WindowExceeded,
)
from tests.explore_async.doubles import Clock, FakePortal, Wire, gzipped, http, json_body, writes

if TYPE_CHECKING:
    from collections.abc import Callable

ROW = b'{"id": 1}'
GZIP = "Content-Encoding: gzip"


async def read(answer: bytes, *more: bytes, **options: Any) -> object:
    """Read one record from a server that writes these responses, one per connection."""
    async with Wire(writes(answer, *more)).running() as wire:
        return await read_from(wire, **options)


async def read_from(wire: Wire, **options: Any) -> object:
    options.setdefault("timing", Clock().timing())
    async with ExploreClient(wire.url, **options) as client:
        return await client.dataset("trees").record("1")


# ------------------------------------------------------------------ retries


@pytest.mark.parametrize("status", ["500 X", "502 X", "503 X", "504 X", "429 X"])
async def test_passing_failures_are_sent_again(status: str) -> None:
    """The caller does not notice a short failure."""
    assert await read(http(b"busy", status=status), http(ROW)) == {"id": 1}


@pytest.mark.parametrize("status", ["400 X", "401 X", "403 X", "404 X", "410 X", "501 X", "204 X"])
async def test_lasting_failures_are_sent_once(status: str) -> None:
    """The same request would get the same response."""
    async with Wire(writes(http(b"", status=status))).running() as wire:
        with pytest.raises(APIError) as caught:
            await read_from(wire)
        assert (wire.connections, caught.value.attempts) == (1, 1)


@pytest.mark.parametrize(
    "cut",
    [
        pytest.param(b"", id="dropped"),
        pytest.param(http(ROW, length=50), id="short-length"),
        pytest.param(
            b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n{"i\r\n', id="chunk"
        ),
        pytest.param(http(b'{"id": 1, "na', length=-1), id="close-delimited"),
        pytest.param(http(gzipped(ROW)[:-9], GZIP), id="gzip"),
        pytest.param(http(b"", GZIP), id="empty-gzip"),
    ],
)
async def test_a_cut_page_is_asked_for_again(cut: bytes) -> None:
    """If it is truncated each time, the result is an error, never a value."""
    assert await read(cut, http(ROW)) == {"id": 1}
    with pytest.raises((TruncatedError, ConnectError)) as caught:
        await read(cut)
    assert caught.value.attempts == 4


async def test_half_a_gzip_body_is_truncated() -> None:
    """Its HTTP framing is complete, which is all that HTTP libraries check."""
    body = gzipped(orjson.dumps({"rows": list(range(10_000))}))
    with pytest.raises(TruncatedError, match="gzip") as caught:
        await read(http(body[: len(body) // 2], GZIP), retry=Retry.never())
    assert caught.value.bytes_received > 0


async def test_a_reset_in_the_body_is_truncation() -> None:
    """The server sends RST, not FIN, in the middle of a page."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(http(b'{"id"', length=500))
        await writer.drain()
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async with Wire(respond).running() as wire:
        with pytest.raises((TruncatedError, ConnectError)) as caught:
            await read_from(wire)
    assert caught.value.attempts == 4


async def test_waits_grow_and_follow_the_server(clock: Clock) -> None:
    """The backoff applies unless the server names a wait."""
    busy, asked = http(b"", status="503 X"), http(b"", "Retry-After: 7", status="503 X")
    assert await read(busy, busy, asked, http(ROW), timing=clock.timing()) == {"id": 1}
    assert clock.waits == [0.25, 0.5, 7.0]


async def test_a_far_reset_raises_at_once(clock: Clock, recorded: Callable[[str], bytes]) -> None:
    """The client does not wait for a quota reset at midnight; the error names the time."""
    body = recorded("errors/429-10005-anonymous.documented.json").replace(
        b"2017-10-17", b"2026-08-18"
    )
    async with Wire(writes(http(body, status="429 X"))).running() as wire:
        with pytest.raises(QuotaExceeded) as caught:
            await read_from(wire, timing=clock.timing())
        assert (wire.connections, clock.waits) == (1, [])
    assert caught.value.reset_at is not None
    assert caught.value.reset_at.isoformat() == "2026-08-18T00:00:00+00:00"


async def test_a_near_reset_is_waited_for(clock: Clock) -> None:
    """The request is then sent again."""
    body = b'{"errorcode": 10002, "reset_time": "2026-08-17T12:00:05Z"}'
    assert await read(http(body, status="429 X"), http(ROW), timing=clock.timing()) == {"id": 1}
    assert clock.waits == [5.0]


async def test_the_connection_is_free_while_waiting(portal: FakePortal, clock: Clock) -> None:
    """With one slot, another request is sent while the first waits for its retry."""
    portal.override = lambda request: (
        json_body({}, status=503) if request.path.endswith("/1") else json_body({"id": 2})
    )
    async with ExploreClient(portal.url, concurrency=1, timing=clock.timing()) as client:
        dataset = client.dataset("trees")
        failing = asyncio.ensure_future(client.gather(dataset.record("1")))
        await portal.until_requests(1)
        assert await dataset.record("2") == {"id": 2}
        with pytest.raises(ServerError):
            await failing
    assert clock.waits


async def test_the_deadline_ends_the_attempts(clock: Clock) -> None:
    """This holds even if attempts are left."""
    with pytest.raises(ServerError) as caught:
        await read(
            http(b"", "Retry-After: 40", status="503 X"),
            retry=Retry(attempts=100, deadline=100),
            timing=clock.timing(),
        )
    assert (caught.value.attempts, clock.waits) == (3, [40.0, 40.0])


async def test_cancelling_a_wait_ends_it() -> None:
    """CancelledError passes through the retry loop unchanged."""
    waiting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with Wire(writes(http(b"", status="503 X"))).running() as wire:
        reading = asyncio.create_task(read_from(wire, timing=Timing(sleep=sleep)))
        await waiting.wait()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading


# ------------------------------------------------------------------ no response


async def test_a_refused_connection_is_a_connect_error() -> None:
    """The message names the host and the reason."""
    async with Wire(writes(b"")).running() as wire:
        url = wire.url
    async with ExploreClient(url, retry=Retry.never()) as client:
        with pytest.raises(ConnectError, match=r"127\.0\.0\.1.*Connection refused"):
            await client.dataset("trees").record("1")


class NoNames(aiohttp.abc.AbstractResolver):
    """A resolver that knows no host."""

    async def resolve(self, host: str, port: int = 0, family: Any = 0) -> Any:
        """Fail like the system resolver."""
        raise OSError(None, "Name or service not known")

    async def close(self) -> None:
        """Do nothing."""


async def test_an_unknown_host_is_a_name_error(clock: Clock) -> None:
    """It is retried, because name servers can fail temporarily."""
    connector = aiohttp.TCPConnector(resolver=NoNames())
    async with aiohttp.ClientSession(connector=connector) as session:
        client = ExploreClient("nowhere.example", session=session, timing=clock.timing())
        with pytest.raises(NameResolutionError, match=r"nowhere\.example") as caught:
            await client.dataset("trees").record("1")
    assert caught.value.attempts == 4


async def test_a_failed_handshake_is_a_tls_error_and_sent_once() -> None:
    """A retry does not make a certificate valid."""
    async with Wire(writes(b"this is not TLS"), listens=False).running() as wire:
        async with ExploreClient(wire.url.replace("http:", "https:")) as client:
            with pytest.raises(TLSError) as caught:
                await client.dataset("trees").record("1")
    assert caught.value.attempts == 1


async def test_an_answer_that_is_not_http_is_a_transport_error() -> None:
    """The port may belong to another service, for example."""
    with pytest.raises(TransportError, match="not valid HTTP") as caught:
        await read(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
    assert caught.value.attempts == 1


@pytest.mark.parametrize(
    "timeouts",
    [Timeouts(attempt=0.05), Timeouts(read=0.05)],
    ids=["attempt", "read"],
)
@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"])
async def test_silence_is_a_timeout(start: bytes, timeouts: Timeouts) -> None:
    """It may come before the response or in its body, per attempt or per read."""
    over = asyncio.Event()

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await over.wait()

    async with Wire(respond).running() as wire:
        with pytest.raises(RequestTimeout) as caught:
            await read_from(wire, timeouts=timeouts, retry=Retry(attempts=2))
        over.set()
    assert (wire.connections, caught.value.attempts) == (2, 2)


async def test_a_refusal_whose_body_stalls_is_still_that_refusal() -> None:
    """An exhausted quota is not requested four times because its error body never ends."""
    over = asyncio.Event()

    async def respond(writer: asyncio.StreamWriter) -> None:
        head = http(b"", "Retry-After: 3600", status="429 Too Many Requests", length=100)
        writer.write(head + b"{")
        await over.wait()

    async with Wire(respond).running() as wire:
        with pytest.raises(QuotaExceeded) as caught:
            await read_from(wire, timeouts=Timeouts(read=0.05))
        over.set()
    assert (wire.connections, caught.value.status) == (1, 429)


@pytest.mark.skipif(sys.platform != "linux", reason="others refuse what exceeds the backlog")
async def test_a_connection_that_is_not_accepted_in_time_names_its_limit() -> None:
    """The silence of a server and an unreachable server have different remedies."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address, 5), socket.socket() as other:
            other.setblocking(False)
            other.connect_ex(address)
            timeouts = Timeouts(connect=0.1)
            base_url = f"http://127.0.0.1:{address[1]}"
            async with ExploreClient(base_url, timeouts=timeouts, retry=Retry.never()) as client:
                with pytest.raises(
                    RequestTimeout, match=r"not accept .* raise `timeouts\.connect`"
                ):
                    await client.dataset("trees").info()


async def test_a_slow_sign_in_is_no_silence_of_the_server() -> None:
    """Only `attempt` limits the time before the request is sent."""

    class Slow(Anonymous):
        async def authorization(self) -> str | None:
            await asyncio.sleep(0.1)
            return "Bearer token"

    timeouts = Timeouts(connect=0.02, read=0.05)
    assert await read(http(ROW), auth=Slow(), timeouts=timeouts) == {"id": 1}


async def test_an_injected_session_may_queue_and_is_told_silence_all_the_same() -> None:
    """Requests may queue in its pool of one for longer than `read`; a response may not."""
    pause = 0.05

    async def respond(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(pause)
        writer.write(http(ROW))

    timeouts = Timeouts(connect=0.1, read=0.25)
    async with (
        Wire(respond).running() as wire,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
    ):
        client = ExploreClient(wire.url, session=session, timeouts=timeouts, retry=Retry.never())
        trees = client.dataset("trees")
        assert await client.gather(*(trees.record("1") for _ in range(6))) == ({"id": 1},) * 6
        pause = 0.6
        with pytest.raises(RequestTimeout, match=r"^127\.0\.0\.1:\d+ sent nothing.*timeouts\.read"):
            await trees.record("1")


async def test_nothing_is_sent_again_once_the_client_is_closed(
    portal: FakePortal, held: list[str]
) -> None:
    client = ExploreClient(portal.url, retry=Retry(base_delay=60))

    async def close(request: web.Request) -> None:
        await client.close()

    portal.before = close
    with pytest.raises(TransportError) as caught:
        await client.dataset("trees").record("1")
    assert caught.value.attempts == 1
    held.clear()  # the connection was cut off on purpose


@pytest.mark.parametrize("status", [503, 429])
async def test_who_waits_to_send_again_is_told_that_the_client_was_closed(
    portal: FakePortal, status: int
) -> None:
    """The error comes at once, both in a retry wait and in a pause of the whole client."""
    asleep = asyncio.Event()
    portal.override = lambda request: web.Response(status=status, headers={"Retry-After": "50"})

    async def sleep(seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    client = ExploreClient(portal.url, timing=Timing(sleep=sleep))
    waiting = asyncio.ensure_future(client.dataset("trees").record("1"))
    await asleep.wait()
    await client.close()
    with pytest.raises(ConfigurationError, match="closed while a request waited"):
        await waiting
    assert waiting.cancelling() == 0


async def test_waiting_for_a_place_is_no_timeout(portal: FakePortal) -> None:
    """The timeout covers only the request itself, not the queue before it."""

    async def before(request: web.Request) -> None:
        await asyncio.sleep(0.03)

    portal.before, portal.override = before, lambda request: json_body({"id": 1})
    timeouts = Timeouts(attempt=0.1)
    async with ExploreClient(portal.url, concurrency=1, timeouts=timeouts) as client:
        dataset = client.dataset("trees")
        assert len(await client.gather(*(dataset.record("1") for _ in range(6)))) == 6


# ------------------------------------------------------------------ not data


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"OK", ["Content-Type: text/plain"]),
        (b"", []),
        (b"[NaN]", ["Content-Type: application/json"]),
        (b"{]}", ["Content-Type: application/json"]),
        (b"\xff\xfe{}", ["Content-Type: application/json"]),
        (ROW, ["Content-Encoding: br"]),
        (b"not gzip", [GZIP]),
        (gzipped(ROW) + b"rubbish", [GZIP]),
    ],
)
async def test_what_cannot_be_decoded_is_an_error(body: bytes, headers: list[str]) -> None:
    """The error describes the body; one retry follows, since a proxy may have spoiled it."""
    with pytest.raises(DecodeError) as caught:
        await read(http(body, *headers))
    assert caught.value.attempts == 2
    assert await read(http(body, *headers), http(ROW)) == {"id": 1}
    assert (caught.value.content_type or "no content type" in str(caught.value)) or headers


async def test_another_shape_of_json_is_an_error() -> None:
    """A record is an object."""
    with pytest.raises(DecodeError, match="not an object"):
        await read(http(b"[1]"))


@pytest.mark.parametrize("status", ["200 OK", "503 X"])
async def test_an_error_object_is_raised_whatever_the_status(status: str) -> None:
    """Some gateways answer 200 and put the error into the body."""
    body = b'{"error_code": "ODSQLError", "message": "Unknown field: x."}'
    with pytest.raises(APIError, match="Unknown field") as caught:
        await read(http(body, status=status))
    assert caught.value.code == "ODSQLError"


@pytest.mark.parametrize(
    "body", [b"<!doctype html><p>a report", b'{"error_code": "X", "message": "a file"}']
)
async def test_an_opaque_body_may_be_anything(body: bytes) -> None:
    """A file may contain anything; only data must not be a page or an error."""
    async with Wire(writes(http(body, "Content-Type: text/html"))).running() as wire:
        async with ExploreClient(wire.url, retry=Retry.never()) as client:
            address = client._transport.url("/report", [])
            async with client._transport.stream(address, opaque=True) as opened:
                assert b"".join([piece async for piece in opened.chunks()]) == body
            with pytest.raises((DecodeError, APIError)):
                async with client._transport.stream(address):
                    pass


async def test_gzip_is_understood_in_all_its_forms() -> None:
    """Several members and trailing zeros are valid gzip."""
    body = gzipped(ROW[:4]) + gzipped(ROW[4:]) + b"\0" * 8
    assert await read(http(body, GZIP)) == {"id": 1}


@pytest.mark.parametrize("encoding", [[], [GZIP]])
async def test_a_body_beyond_the_cap_is_refused(encoding: list[str]) -> None:
    """The cap applies after inflating, so a gzip bomb cannot fill the memory."""
    body = b" " * 3_000_000
    packed = gzipped(body) if encoding else body
    with pytest.raises(TooLargeError, match="1000000 bytes") as caught:
        await read(http(packed, *encoding), caps=Caps(page=1_000_000))
    assert caught.value.attempts == 1


async def test_an_endless_error_body_is_read_to_its_cap_only() -> None:
    """64 KiB are enough to identify the error."""
    stop = asyncio.Event()

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 500 X\r\nContent-Type: text/html\r\n\r\n" + b"<p>" * 50_000)
        await stop.wait()

    async with Wire(respond).running() as wire:
        with pytest.raises(ServerError, match="<p><p>"):
            await read_from(wire, retry=Retry.never())
        stop.set()


async def test_inflating_works_in_pieces() -> None:
    """No piece is larger than 64 KiB, and the end is detected exactly."""
    from explore_async.http.decoding import Inflater

    inflater = Inflater()
    packed = gzipped(b"a" * 1_000_000)
    pieces = [piece for byte in packed for piece in inflater.feed(bytes([byte]))]
    assert b"".join(pieces) == b"a" * 1_000_000
    assert max(map(len, pieces)) <= 65536
    assert inflater.complete
    with pytest.raises(ValueError, match="header"):
        list(Inflater().feed(zlib.compress(b"deflate is not gzip")))


# ------------------------------------------------------------------ sessions


async def test_each_request_carries_its_own_settings(portal: FakePortal) -> None:
    """These are a User-Agent with the version, gzip only, and no cookies."""
    async with ExploreClient(portal.url) as client:
        await client.dataset("trees").records().to_list()
    headers = portal.headers[0]
    assert headers["User-Agent"].startswith("explore-async/")
    assert headers["Accept-Encoding"] == "gzip"
    assert "Cookie" not in headers


async def test_an_owned_session_keeps_no_cookies(portal: FakePortal) -> None:
    """A session cookie would make one request depend on another."""

    def override(request: web.Request) -> web.Response:
        answer = json_body({"id": 1})
        answer.set_cookie("sessionid", "abc")
        return answer

    portal.override = override
    # A cookie jar does not keep cookies for a bare IP address.
    async with ExploreClient(portal.url.replace("127.0.0.1", "localhost")) as client:
        await client.dataset("trees").record("1")
        await client.dataset("trees").record("1")
    assert "Cookie" not in portal.headers[1]


async def test_an_injected_session_is_used_and_left_open(portal: FakePortal) -> None:
    """Its owner closes it; its settings are neither relied on nor changed."""
    session = aiohttp.ClientSession(
        headers={"X-Host": "mine"}, raise_for_status=True, auto_decompress=True
    )
    async with session:
        async with ExploreClient(portal.url, session=session, auth="key") as client:
            assert len(await client.dataset("trees").records().to_list()) == 10
            with pytest.raises(APIError, match="NotFoundURI"):
                await client.dataset("trees").export_formats()
        assert not session.closed
        assert "Authorization" not in session.headers
    assert portal.headers[0]["X-Host"] == "mine"


async def test_an_injected_session_with_credentials_of_its_own(portal: FakePortal) -> None:
    """A request has one Authorization header; without a key it comes from the session."""
    portal.override = lambda request: json_body({"id": 1})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        session = aiohttp.ClientSession(auth=aiohttp.BasicAuth("user", "word"))
    async with session:
        async with ExploreClient(portal.url, session=session, auth="key") as client:
            with pytest.raises(ConfigurationError, match="one Authorization header"):
                await client.dataset("trees").record("1")
        async with ExploreClient(portal.url, session=session) as client:
            await client.dataset("trees").record("1")
    assert [headers["Authorization"][:6] for headers in portal.headers] == ["Basic "]


async def test_an_injected_session_that_is_closed_says_so(portal: FakePortal) -> None:
    """Nothing was sent, and the same request would fail again."""
    async with aiohttp.ClientSession() as session:
        client = ExploreClient(portal.url, session=session)
    with pytest.raises(ConfigurationError, match="session= is closed"):
        await client.dataset("trees").record("1")


@pytest.mark.parametrize("value", ["Apikey a\nb", "Apikey ä", "Apikey a\x00"])
async def test_an_auth_that_gives_no_header_value_is_refused(
    portal: FakePortal, value: str
) -> None:
    """A third-party `Auth` may return anything."""

    class Odd:
        async def authorization(self) -> str | None:
            return value

        def redact(self, text: str) -> str:
            return text

    async with ExploreClient(portal.url, auth=Odd()) as client:
        with pytest.raises(ConfigurationError, match="cannot be sent"):
            await client.dataset("trees").record("1")
    assert portal.requests == []


async def test_a_closed_client_says_so(portal: FakePortal) -> None:
    """A client may be closed twice, but not used afterwards."""
    client = ExploreClient(portal.url)
    async with client:
        await client.dataset("trees").records().first()
    await client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await client.dataset("trees").records().first()


def test_another_event_loop_is_refused() -> None:
    """A session belongs to the loop that created it; this package reports it, not aiohttp."""

    async def use(client: ExploreClient) -> ExploreError:
        with pytest.raises(ExploreError) as caught:
            await client.dataset("trees").record("1")
        return caught.value

    async def first() -> ExploreClient:
        client = ExploreClient("http://127.0.0.1:1", retry=Retry.never())
        assert isinstance(await use(client), ConnectError)
        await client.close()
        client._transport.shared.connection.closed = False
        return client

    client = asyncio.run(first())
    assert "event loop" in str(asyncio.run(use(client)))


def test_a_client_is_made_without_a_loop() -> None:
    """Nothing is opened until the first request."""
    client = ExploreClient("host")
    with pytest.raises(WindowExceeded):
        client.dataset("x").records(max_rows=20_000)


async def test_a_byte_order_mark_before_a_page_is_ignored() -> None:
    """As it is before an export."""
    assert await read(http(b"\xef\xbb\xbf" + ROW)) == {"id": 1}
