"""Failure 14: an API key must never appear in a log, an error, a repr, a pickle or a file."""

from __future__ import annotations

import asyncio
import base64
import logging
import pickle
import traceback
from typing import TYPE_CHECKING, Any, cast

import attrs
import pytest
from aiohttp import web

from explore_async import (
    ApiKey,
    ConfigurationError,
    ExploreClient,
    ExploreError,
    ForbiddenAccess,
    OAuth2,
    OAuth2App,
    RedirectError,
    Retry,
    Tokens,
)
from explore_async.http.connection import Hidden
from tests.explore_async.doubles import NOW, Clock, FakePortal, Wire, gzipped, http, rows, writes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

KEY = "p1anted-s3cret-7f0c2b94e6"  # in lower case, so that it is found after lowercasing too
ECHO = f'{{"error_code": "X", "message": "bad key {KEY} in Apikey {KEY}"}}'.encode()
PAGE = f"<html><body>Log in; you sent Apikey {KEY}</body></html>".encode()
HTML = "Content-Type: text/html"

ANSWERS = {
    "refused": http(ECHO, status="401 Unauthorized"),
    "bad request": http(ECHO, status="400 Bad Request"),
    "quota": http(ECHO, status="429 Too Many Requests"),
    "proxy": http(PAGE, HTML, status="502 Bad Gateway"),
    "error with 200": http(ECHO),
    "error with 200, gzipped": http(gzipped(ECHO), "Content-Encoding: gzip"),
    "login page": http(PAGE, HTML),
    "login page without a type": http(PAGE),
    "cut json": http(f'{{"results": [{{"echo": "{KEY}'.encode()),
    "short": http(ECHO, length=5000),
    "redirect": http(b"", f"Location: https://{KEY}.example.org/?apikey={KEY}", status="302 X"),
    "redirect within": http(b"", f"Location: /login?apikey={KEY}", status="302 X"),
    "unknown coding": http(ECHO, f"Content-Encoding: {KEY}"),
    "unknown type": http(b"nothing", f"Content-Type: text/{KEY}"),
    "not http": f"Apikey {KEY}\r\n\r\n".encode(),
    "bad header": f"HTTP/1.1 200 OK\r\nContent-Length: {KEY}\r\n\r\n".encode(),
    "odd row": http(f'{{"id": 1}}\n{KEY}\n{{"id": 2}}\n'.encode()),
    "broken off": http(b'{"id": 1}\n{"id": 2}\n' + ECHO + b"\n"),
    "dropped": b"",
}


def texts(value: object) -> Iterator[str]:
    """Yield every string that could show a value."""
    yield repr(value)
    yield str(value)
    yield repr(getattr(value, "__dict__", ""))
    try:
        yield pickle.dumps(value).decode("latin-1")
    except (TypeError, AttributeError, pickle.PicklingError) as error:
        yield str(error)


def error_texts(error: BaseException | None) -> Iterator[str]:
    """Yield an error and its causes as logged, printed and pickled."""
    while error is not None:
        yield from texts(error)
        yield "".join(traceback.format_exception(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)


def record_texts(record: logging.LogRecord) -> Iterator[str]:
    yield record.getMessage()
    for value in vars(record).values():
        yield from texts(value)
    if record.exc_info:
        yield from error_texts(record.exc_info[1])


def shows(found: Iterator[str]) -> list[str]:
    return [text for text in found if KEY in text]


def frame_texts(error: BaseException | None) -> Iterator[str]:
    """Yield the traceback with the locals of its frames, as crash reporters print it."""
    while error is not None:
        yield from traceback.TracebackException.from_exception(error, capture_locals=True).format()
        error = error.__cause__ or error.__context__


def own_frames(error: BaseException) -> Iterator[str]:
    """Yield the locals of all frames except the test's own, which hold the key anyway."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_filename == __file__:
            continue
        yield from map(repr, frame.f_locals.values())


async def failures(client: ExploreClient, folder: Path) -> list[BaseException]:
    """Return the error of each operation against a faulty server."""
    trees = client.dataset("trees")

    async def exported() -> None:
        async with trees.export("jsonl") as stream:
            assert [row async for row in stream.rows()]

    async def saved() -> None:
        async with trees.export("jsonl") as stream:
            await stream.save(folder / "trees.jsonl")

    works: list[Awaitable[object]] = [trees.record("1"), trees.records().to_list(), trees.info()]
    works += [trees.facets("a"), exported(), saved(), client.catalog_facets()]
    caught: list[BaseException] = []
    for work in works:
        try:
            await work
        except ExploreError as error:
            caught.append(error)
    return caught


@pytest.mark.parametrize("answer", ANSWERS)
async def test_14_no_failure_shows_the_key(
    answer: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """This holds even if the server or a proxy echoes the key in its response."""
    caplog.set_level(logging.DEBUG)
    asyncio.get_running_loop().set_debug(True)
    async with Wire(writes(ANSWERS[answer])).running() as wire:
        client = ExploreClient(wire.url, auth=KEY, timing=Clock().timing())
        async with client:
            caught = await failures(client, tmp_path)
    assert len(caught) >= 5
    assert KEY in b"".join(wire.heads).decode()  # it was sent, so it could have leaked
    for error in caught:
        assert shows(error_texts(error)) == []
    assert [found for record in caplog.records for found in shows(record_texts(record))] == []
    # A file of rows contains what the server sent as rows; no other file may exist.
    assert [path for path in tmp_path.iterdir() if path.name != "trees.jsonl"] == []


@pytest.mark.parametrize(
    "base_url", ["http://127.0.0.1:9", "https://no-such-host.invalid"], ids=["refused", "no name"]
)
async def test_14_no_connection_failure_shows_the_key(base_url: str, tmp_path: Path) -> None:
    """The unsent request contained the key."""
    async with ExploreClient(base_url, auth=KEY, retry=Retry.never()) as client:
        caught = await failures(client, tmp_path)
    assert len(caught) == 7
    assert [found for error in caught for found in shows(error_texts(error))] == []


async def test_14_a_key_in_the_host_of_a_redirect_is_not_shown_in_other_letters(
    tmp_path: Path,
) -> None:
    """A URL parser lowercases the host, so a redaction of the key would not match."""
    answer = http(b"", f"Location: https://{KEY.upper()}.example.org/", status="302 X")
    async with Wire(writes(answer)).running() as wire:
        async with ExploreClient(wire.url, auth=KEY.upper()) as client:
            (error, *_) = await failures(client, tmp_path)
    assert isinstance(error, RedirectError)
    assert shows(error_texts(error)) == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"not HTTP\r\n\r\n",
        http(b"{}", length=500),
        http(b"{}", status="401 Unauthorized"),
        http(b"", "Location: https://elsewhere.example/", status="302 X"),
        http(b"<html>", HTML),
    ],
)
async def test_14_no_frame_of_a_traceback_shows_the_key(answer: bytes, tmp_path: Path) -> None:
    """Crash reporters print the locals of every frame, including aiohttp's."""
    async with Wire(writes(answer)).running() as wire:
        async with ExploreClient(wire.url, auth=KEY, timing=Clock().timing()) as client:
            caught = await failures(client, tmp_path)
    assert len(caught) >= 5
    assert KEY in b"".join(wire.heads).decode()
    assert [found for error in caught for found in shows(frame_texts(error))] == []


@pytest.mark.parametrize("proxy", [None, f"http://user:{KEY}@127.0.0.1:9"])
async def test_14_no_frame_of_a_failed_connection_shows_the_key(
    proxy: str | None, tmp_path: Path
) -> None:
    """This includes the proxy's password, which is sent as Base64."""
    client = ExploreClient("http://127.0.0.1:9", auth=KEY, retry=Retry.never(), proxy=proxy)
    del proxy
    async with client:
        caught = await failures(client, tmp_path)
    assert len(caught) == 7
    assert [found for error in caught for found in shows(frame_texts(error))] == []
    basic = base64.b64encode(f"user:{KEY}".encode()).decode()
    assert not any(basic in text for error in caught for text in frame_texts(error))


MISTAKES: dict[str, Callable[[], object]] = {
    "password in the base URL": lambda: ExploreClient(f"https://user:{KEY}@host"),
    "key in the base URL": lambda: ExploreClient(f"https://host/?apikey={KEY}"),
    "broken base URL": lambda: ExploreClient(f"https://user:{KEY}@host:port"),
    "unusable proxy": lambda: ExploreClient("https://host", proxy=f"socks5://user:{KEY}@proxy"),
    "broken proxy": lambda: ExploreClient("https://host", proxy=f"http://user:{KEY}@["),
    "base URL": lambda: ExploreClient("ftp://host", auth=KEY),
    "concurrency": lambda: ExploreClient("https://host", auth=KEY, concurrency=0),
    "key as another argument": lambda: ExploreClient("https://host", session=cast("Any", KEY)),
    "key as a policy": lambda: ExploreClient("https://host", caps=cast("Any", KEY)),
    "plain HTTP": lambda: ExploreClient("http://portal.example", auth=KEY),
    "line break": lambda: ExploreClient("https://host", auth=f"{KEY}\n"),
    "line break in ApiKey": lambda: ApiKey(f"{KEY}\n"),
    "space": lambda: ExploreClient("https://host").with_options(auth=f"my {KEY}"),
    "derived": lambda: ExploreClient("http://portal.example").with_options(auth=KEY),
    "another budget": lambda: ExploreClient("https://host").with_options(
        auth=KEY, retry=Retry(budget=3)
    ),
    "application": lambda: OAuth2App(
        portal=f"https://user:{KEY}@host", client_id="me", client_secret=KEY, redirect_uri="x"
    ),
    "proxy": lambda: ExploreClient(
        "https://host", proxy=f"http://user:{KEY}@proxy:1", ssl="/no/such/file.pem"
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_14_no_frame_of_a_client_that_cannot_be_made_shows_the_key(mistake: str) -> None:
    """A mistake in the key or another argument ends up in a crash report."""
    with pytest.raises(ConfigurationError) as caught:
        MISTAKES[mistake]()
    assert len(caught.traceback) > 1
    assert shows(error_texts(caught.value)) == []
    assert shows(own_frames(caught.value)) == []


def test_14_no_frame_shows_a_key_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variable contains an invalid key."""
    monkeypatch.setenv("EXPLORE_API_KEY", f"my {KEY}")
    with pytest.raises(ConfigurationError) as caught:
        ApiKey.from_env()
    assert shows(own_frames(caught.value)) == []


def test_14_a_key_is_not_copied_out_by_attrs() -> None:
    """A user's settings object that contains a key may be dumped into a log."""

    @attrs.frozen
    class Settings:
        auth: ApiKey

    assert shows(iter([str(attrs.asdict(Settings(ApiKey(KEY))))])) == []
    with pytest.raises(attrs.exceptions.NotAnAttrsClassError):
        attrs.asdict(ApiKey(KEY))  # type: ignore[arg-type]


async def test_14_no_object_and_no_file_shows_the_key(
    portal: FakePortal, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing that a user can print, pickle or find on disk contains the key."""
    caplog.set_level(logging.DEBUG)
    portal.rows = rows(120)
    auth = ApiKey(KEY)
    objects: list[Any] = [auth]
    async with ExploreClient(portal.url, auth=auth) as client:
        trees = client.dataset("trees")
        stream = trees.export("jsonl")
        async with stream:
            await stream.save(tmp_path / "trees.jsonl")
        objects += [client, trees, trees.records(), trees.records().url(), stream, stream.url]
        objects += [await trees.export_verified(tmp_path / "verified.jsonl")]
        objects += [page async for page in trees.records().pages()]
        objects += [*await trees.facets("a"), client._scheduler, client._transport]
        objects += [client.stats, client.quota]
    assert portal.headers[0]["Authorization"] == f"Apikey {KEY}"
    for value in objects:
        assert shows(texts(value)) == []
    for path in tmp_path.rglob("*"):
        assert KEY.encode() not in path.read_bytes()
        assert KEY not in str(path)
    assert [found for record in caplog.records for found in shows(record_texts(record))] == []


TOKEN_ANSWERS = {
    "refused": http(f'{{"error": "invalid_grant", "of": "{KEY}"}}'.encode(), status="400 No"),
    "down": http(ECHO, status="503 Down"),
    "no token": http(f'{{"refresh_token": "{KEY}"}}'.encode()),
    "not json": http(KEY.encode()),
    "cut": http(f'{{"access_token": "{KEY}", '.encode(), length=500),
    "not http": b"nonsense\r\n\r\n",
    "dropped": b"",
}


def app_of(portal: str, secret: str) -> OAuth2App:
    return OAuth2App(
        portal=portal,
        client_id="me",
        client_secret=secret,
        redirect_uri="https://app.example/",
        now=lambda: NOW,
    )


@pytest.mark.parametrize("answer", TOKEN_ANSWERS)
async def test_14_no_failure_of_a_renewal_shows_a_token(answer: str) -> None:
    """This covers tokens and client secret, including in the frames of a traceback."""
    async with Wire(writes(TOKEN_ANSWERS[answer])).running() as wire:
        app = app_of(wire.url, KEY)
        tokens = Tokens(access=KEY, refresh=KEY, expires_at=NOW)
        auth = OAuth2(app, tokens, save=lambda renewed: None)
        async with ExploreClient(wire.url, auth=auth, retry=Retry.never()) as client:
            with pytest.raises(ExploreError) as renewal:
                await client.dataset("trees").record("1")
        with pytest.raises(ExploreError) as exchange:
            await app.exchange(Hidden(KEY))
    assert wire.heads
    for caught in (renewal, exchange):
        assert shows(error_texts(caught.value)) == []
        assert shows(frame_texts(caught.value)) == []


def test_14_an_application_and_its_tokens_are_not_pickled_or_copied_out() -> None:
    """Only `Tokens` exposes them, in its attributes, because the caller has to save them."""

    @attrs.frozen
    class Settings:
        auth: object

    app = app_of("https://portal.example", KEY)
    tokens = Tokens(access=KEY, refresh=KEY, expires_at=NOW)
    for one in (app, OAuth2(app, tokens, save=print)):
        assert shows(texts(one)) == []
        assert shows(iter([str(attrs.asdict(Settings(one)))])) == []
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickle.dumps([one])
    assert shows(texts(tokens)) == []
    assert attrs.asdict(tokens)["refresh"] == KEY


async def test_14_an_unusable_proxy_of_an_application_is_not_shown() -> None:
    """The proxy is checked when tokens are requested."""
    app = OAuth2App(
        portal="https://portal.example",
        client_id="me",
        client_secret=KEY,
        redirect_uri="https://app.example/",
        proxy=f"socks5://user:{KEY}@proxy",
    )
    with pytest.raises(ConfigurationError, match="not a valid proxy URL") as caught:
        await app.exchange("code")
    assert shows(error_texts(caught.value)) == []
    assert shows(own_frames(caught.value)) == []


async def test_14_a_token_that_was_renewed_meanwhile_is_not_shown() -> None:
    """The response to a request sent with the old token echoes it after the renewal."""
    renewed = http(b'{"access_token": "another", "refresh_token": "next", "expires_in": 3600}')
    async with Wire(writes(renewed, http(ECHO, status="403 No"))).running() as wire:
        tokens = Tokens(access=KEY, refresh="first", expires_at=NOW)
        auth = OAuth2(app_of(wire.url, "s"), tokens, save=lambda renewed: None)
        async with ExploreClient(wire.url, auth=auth) as client:
            with pytest.raises(ForbiddenAccess, match="bad key <hidden>") as caught:
                await client.dataset("trees").record("1")
    assert shows(error_texts(caught.value)) == []


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("https://data.example.org/explore/dataset/trees/", {"auth": KEY, "timeouts": 3}),
        ("https://data.example.org/explore/dataset/trees/", {"auth": f"{KEY}\n"}),
        ("https://data.example.org/explore/dataset/trees/", {"retry": KEY}),
        (f"https://data.example.org/explore/dataset/trees/?apikey={KEY}", {}),
        (f"https://user:{KEY}@data.example.org/explore/dataset/trees/", {}),
    ],
    ids=["another option", "header", "wrong option", "parameter", "password"],
)
def test_14_a_key_in_a_url_or_beside_it_is_not_shown(url: str, options: dict[str, Any]) -> None:
    """This includes the frames of the traceback."""
    with pytest.raises(ConfigurationError) as caught:
        ExploreClient.from_url(url, **options)
    assert shows(error_texts(caught.value)) == []
    assert shows(own_frames(caught.value)) == []


async def test_14_a_key_is_not_sent_in_the_url(portal: FakePortal) -> None:
    """URLs end up in the logs of every proxy."""
    async with ExploreClient(portal.url, auth=KEY) as client:
        await client.dataset("trees").records().first()
        assert KEY not in client.dataset("trees").records().url()
    assert KEY not in repr(portal.requests)


async def test_14_middleware_and_logging_of_the_host_see_no_key_in_the_target() -> None:
    """A redirect to another host is not followed, so that host never receives the key."""
    elsewhere = FakePortal()
    async with elsewhere.running(), FakePortal().running() as portal:
        portal.override = lambda request: web.Response(
            status=307, headers={"Location": f"{elsewhere.url}/steal"}
        )
        async with ExploreClient(portal.url, auth=KEY) as client:
            with pytest.raises(ExploreError):
                await client.dataset("trees").records().first()
    assert elsewhere.requests == []
