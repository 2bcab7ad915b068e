"""Connections: proxies, private CAs, addresses, slow bodies and long clauses."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING

import aiohttp
import pytest
import trustme
from aiohttp import web
from aiohttp.test_utils import TestServer

from explore_async import (
    ApiKey,
    BadRequest,
    ConfigurationError,
    ExploreClient,
    ProxyError,
    RequestTimeout,
    Retry,
    Timeouts,
    TLSError,
)
from odsql import Query
from tests.explore_async.doubles import Clock, FakePortal, Wire, http, json_body, writes

if TYPE_CHECKING:
    from pathlib import Path

ROW = b'{"id": 1}'


async def test_a_proxy_gets_the_request() -> None:
    """The request is in absolute form, with the proxy's credentials and the portal's key."""
    async with Wire(writes(http(ROW))).running() as proxy:
        address = proxy.url.replace("http://", "http://user:p4ssword@")
        async with ExploreClient("http://localhost:9", proxy=address, auth="key") as client:
            assert await client.dataset("trees").record("1") == {"id": 1}
    head = proxy.heads[0].decode()
    assert head.startswith("GET http://localhost:9/api/explore/v2.1/catalog/datasets/trees")
    assert "Proxy-Authorization: Basic dXNlcjpwNHNzd29yZA==" in head
    assert "Authorization: Apikey key" in head


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_refuses_is_named(scheme: str) -> None:
    """A 407 is not retried, and the error shows no password."""
    async with Wire(writes(http(b"", status="407 Who"))).running() as proxy:
        address = proxy.url.replace("http://", "http://user:p4ssword@")
        async with ExploreClient(f"{scheme}://portal.example", proxy=address) as client:
            with pytest.raises(ProxyError, match="407") as caught:
                await client.dataset("trees").record("1")
        assert (proxy.connections, caught.value.status) == (1, 407)
    assert "p4ssword" not in repr(vars(caught.value)) + str(caught.value.__cause__)


async def test_a_proxy_that_is_not_there_is_a_proxy_error(clock: Clock) -> None:
    """It is retried like any refused connection."""
    async with Wire(writes(b"")).running() as gone:
        proxy = gone.url
    async with ExploreClient("https://host", proxy=proxy, timing=clock.timing()) as client:
        with pytest.raises(ProxyError, match="Connection refused") as caught:
            await client.dataset("trees").record("1")
    assert caught.value.attempts == 4


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["", "127.0.0.1:9", "no-such-proxy.invalid:3128"])
async def test_no_cause_of_a_proxy_error_holds_its_password(scheme: str, host: str) -> None:
    """aiohttp's errors keep the URL of a proxy that refused or was not found."""
    async with Wire(writes(http(b"", status="407 Who"))).running() as wire:
        proxy = f"http://user:p4ssword@{host or wire.url.removeprefix('http://')}"
        url = f"{scheme}://portal.example"
        async with ExploreClient(url, proxy=proxy, retry=Retry.never()) as client:
            with pytest.raises(ProxyError) as caught:
                await client.dataset("trees").record("1")
    error: BaseException | None = caught.value
    while error is not None:
        assert "p4ssword" not in f"{error!r} {error.args!r} {vars(error)!r}"
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_whose_name_is_unknown_is_a_proxy_error(scheme: str, clock: Clock) -> None:
    """The message says to check the proxy, not the base URL of the portal."""
    proxy = "http://user:p4ssword@no-such-proxy.invalid:3128"
    async with ExploreClient(
        f"{scheme}://portal.example", proxy=proxy, timing=clock.timing()
    ) as client:
        with pytest.raises(ProxyError, match=r"name of the proxy.*Check proxy=") as caught:
            await client.dataset("trees").record("1")
    assert caught.value.attempts == 4
    assert "p4ssword" not in repr(vars(caught.value)) + str(caught.value.__cause__)


@pytest.mark.parametrize("proxy", ["socks5://host:1", "host:3128", "http://", "http://u:p4ss@["])
def test_a_proxy_that_cannot_work_is_refused(proxy: str) -> None:
    """The message does not repeat the password."""
    with pytest.raises(ConfigurationError) as caught:
        ExploreClient("https://host", proxy=proxy)
    assert "p4ss@" not in str(caught.value)


async def test_a_private_authority_is_trusted_when_given(tmp_path: Path, clock: Clock) -> None:
    """The CA is a file or a context; without it the handshake fails and is not retried."""
    authority, pem = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(pem))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context(cafile=str(pem))

    async def answer(request: web.Request) -> web.Response:
        return json_body({"id": 1})

    application = web.Application()
    application.router.add_get("/{path:.*}", answer)
    server = TestServer(application, scheme="https")
    await server.start_server(ssl=context)
    url = f"https://localhost:{server.port}"
    try:
        for trust in (pem, str(pem), trusting):
            async with ExploreClient(url, ssl=trust) as client:
                assert await client.dataset("trees").record("1") == {"id": 1}
        async with ExploreClient(url) as client:
            with pytest.raises(TLSError) as caught:
                await client.dataset("trees").record("1")
        assert caught.value.attempts == 1
    finally:
        await server.close()


@pytest.mark.parametrize(
    ("host", "days", "trusted", "reason"),
    [
        ("localhost", 1, False, r"authority .* ssl="),
        ("other.example", 1, True, "another host"),
        ("localhost", -1, True, "expired .* clock"),
    ],
)
async def test_a_refused_certificate_names_the_check_that_failed(
    tmp_path: Path, host: str, days: int, trusted: bool, reason: str
) -> None:
    """Authority, host name or date; each has its own remedy."""
    authority, trust = trustme.CA(), tmp_path / "ca.pem"
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(trust)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    expires = datetime.now(UTC) + timedelta(days=days)
    authority.issue_cert(host, not_after=expires).configure_cert(context)
    server = TestServer(web.Application(), scheme="https", skip_url_asserts=True)
    await server.start_server(ssl=context)
    try:
        async with ExploreClient(f"https://localhost:{server.port}", ssl=trust) as client:
            with pytest.raises(TLSError, match=reason):
                await client.dataset("trees").record("1")
    finally:
        await server.close()


@pytest.mark.parametrize("host", ["a..b", ".", f"{'a' * 64}.example", "xn--a"])
def test_a_host_that_cannot_be_looked_up_is_refused(host: str) -> None:
    """Nothing is sent, and no UnicodeError comes from the resolver."""
    with pytest.raises(ConfigurationError, match=r"is not a (host name|URL)"):
        ExploreClient(f"http://{host}")


async def test_infinity_is_no_limit() -> None:
    """For every timeout."""
    endless = Timeouts(connect=inf, read=inf, attempt=inf)
    async with Wire(writes(http(ROW))).running() as wire:
        async with ExploreClient(wire.url, timeouts=endless) as client:
            assert await client.dataset("trees").record("1") == {"id": 1}


@pytest.mark.parametrize("authorities", ["/no/such/file.pem", False, 7])
def test_authorities_that_cannot_be_read_are_refused(authorities: object) -> None:
    """This includes False: certificate checks cannot be disabled."""
    with pytest.raises(ConfigurationError):
        ExploreClient("https://host", ssl=authorities)  # type: ignore[arg-type]


async def test_plain_http_behind_https_is_guessed() -> None:
    """For this machine the error suggests http://."""
    async with Wire(writes(b"not TLS"), listens=False).running() as wire:
        async with ExploreClient(wire.url.removeprefix("http://")) as client:
            with pytest.raises(TLSError, match=wire.url):
                await client.dataset("trees").record("1")


async def test_an_ipv6_literal_is_a_host() -> None:
    """The address is in brackets, followed by its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(http(ROW))
        await writer.drain()
        writer.close()

    try:
        server = await asyncio.start_server(serve, "::1", 0)
    except OSError:
        pytest.skip("no IPv6 here")
    port = server.sockets[0].getsockname()[1]
    async with ExploreClient(f"http://[::1]:{port}", auth="key") as client:
        assert await client.dataset("trees").record("1") == {"id": 1}
    server.close()
    await server.wait_closed()


@pytest.mark.parametrize("host", ["http://portal.example", "http://10.0.0.1", "http://[2001::1]"])
def test_a_key_is_not_sent_over_plain_http(host: str) -> None:
    """It is sent only to this machine, or with `allow_http=True`."""
    with pytest.raises(ConfigurationError, match="unencrypted"):
        ExploreClient(host, auth="key")
    with pytest.raises(ConfigurationError):
        ExploreClient(host).with_options(auth="key")
    ExploreClient(host)
    ExploreClient(host, auth=ApiKey("key", allow_http=True))
    ExploreClient("http://[::1]", auth="key")


def test_a_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable."""
    monkeypatch.setenv("MY_KEY", " abc \n")
    assert ApiKey.from_env("MY_KEY") == ApiKey("abc")
    monkeypatch.delenv("EXPLORE_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="EXPLORE_API_KEY"):
        ApiKey.from_env()


@pytest.mark.parametrize("auth", [None, "key"])
@pytest.mark.parametrize("entry", ["machine 127.0.0.1", "default"])
async def test_a_password_of_the_netrc_file_is_not_sent(
    portal: FakePortal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    entry: str,
    auth: str | None,
) -> None:
    """aiohttp raises a bare ValueError with a key, and sends the password without one."""
    netrc = tmp_path / "netrc"
    netrc.write_text(f"{entry} login user password p4ssword\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    async with aiohttp.ClientSession(trust_env=True) as session:
        async with ExploreClient(portal.url, session=session, auth=auth) as client:
            with pytest.raises(ConfigurationError, match="without trust_env") as caught:
                await client.dataset("trees").records().first()
    assert portal.requests == []
    assert "p4ssword" not in str(caught.value)


async def test_an_environment_without_a_password_may_be_trusted(
    portal: FakePortal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The netrc file may be missing or name only other hosts."""
    netrc = tmp_path / "netrc"
    monkeypatch.setenv("NETRC", str(netrc))
    async with aiohttp.ClientSession(trust_env=True) as session:
        client = ExploreClient(portal.url, session=session, auth="key")
        await client.dataset("trees").records().first()
        netrc.write_text("machine elsewhere.example login user password p4ssword\n")
        netrc.chmod(0o600)
        await client.dataset("trees").records().first()
    assert [one["Authorization"] for one in portal.headers] == ["Apikey key"] * 2


async def test_a_dripping_body_is_given_up() -> None:
    """Each read is in time, but the whole would never end."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{")
        while not writer.is_closing():
            await asyncio.sleep(0.001)
            writer.write(b" ")
            await writer.drain()

    timeouts = Timeouts(min_rate=1e6, window=0.02)
    async with Wire(respond).running() as wire:
        async with ExploreClient(wire.url, timeouts=timeouts, retry=Retry.never()) as client:
            with pytest.raises(RequestTimeout, match="min_rate"):
                await client.dataset("trees").record("1")
            with pytest.raises(RequestTimeout, match="min_rate"):
                async with client.dataset("trees").export("jsonl") as stream:
                    async for _ in stream.bytes():
                        pass


def clause(size: int) -> Query:
    """Return a `where` of about `size` bytes on the wire."""
    return Query(where=f'name = "{"x" * size}"')


async def test_long_clauses_reach_as_far_as_the_servers_line(portal: FakePortal) -> None:
    """An aiohttp server accepts a line of 8,190 bytes; beyond it, the error names the limit."""
    async with ExploreClient(portal.url) as client:
        trees = client.dataset("trees")
        await trees.records(clause(7_900)).first()
        with pytest.raises(BadRequest, match="many servers accept at most 8190"):
            await trees.records(clause(8_300)).first()


async def test_a_second_event_loop_is_refused_and_harms_nothing() -> None:
    """It takes no slot that it could not release, and sets no timer that nobody would see."""
    full, over = asyncio.Event(), asyncio.Event()

    async def respond(writer: asyncio.StreamWriter) -> None:
        full.set()
        await over.wait()
        writer.write(http(b'{"dataset_id": "trees"}'))

    async with Wire(respond).running() as wire:
        async with ExploreClient(wire.url, concurrency=1) as client:
            trees = client.dataset("trees")

            def elsewhere() -> None:
                for reading in (trees.record("1"), trees.records(typed=True).to_list()):
                    with pytest.raises(ConfigurationError, match="Create one client per loop"):
                        asyncio.run(reading)

            async with asyncio.TaskGroup() as group:
                first = group.create_task(trees.record("1"))
                learning = group.create_task(trees._schema_converter(None, None))
                await full.wait()
                await asyncio.to_thread(elsewhere)
                over.set()
            assert learning.result() is not None
            assert first.result() == await trees.record("1") == {"dataset_id": "trees"}
            full.clear()
            over.clear()
            impatient = client.with_options(timeouts=Timeouts(read=0.05), retry=Retry.never())
            with pytest.raises(RequestTimeout):
                await impatient.dataset("trees").record("1")
            over.set()
