"""The API key: only in the Authorization header."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from explore_async import (
    ApiKey,
    ConfigurationError,
    DecodeError,
    ExploreClient,
    ExploreError,
    ForbiddenAccess,
    RedirectError,
    Retry,
)
from tests.explore_async.doubles import FakePortal, Wire, http, json_body, writes

if TYPE_CHECKING:
    from pathlib import Path

KEY = "s3cr3t-key-0123456789"


def everything(error: BaseException) -> str:
    """Return everything that a log of this error could show."""
    chain = "".join(traceback.format_exception(error))
    return f"{chain}{error!r}{vars(error)!r}{pickle.dumps(error)!r}"


async def test_the_key_travels_in_the_header(portal: FakePortal) -> None:
    """It is sent as `Authorization: Apikey <key>`, never in the URL."""
    async with ExploreClient(portal.url, auth=KEY) as client:
        records = client.dataset("trees").records()
        await records.to_list()
        assert KEY not in records.url()
    assert [headers["Authorization"] for headers in portal.headers] == [f"Apikey {KEY}"]
    assert KEY not in repr(portal.requests)


async def test_without_a_key_there_is_no_header(portal: FakePortal) -> None:
    """An anonymous client sends no Authorization header."""
    async with ExploreClient(portal.url) as client:
        await client.dataset("trees").records().to_list()
    assert "Authorization" not in portal.headers[0]


def test_the_key_is_not_in_any_repr() -> None:
    """This covers the key, the client and the objects that the client creates."""
    client = ExploreClient("https://host", auth=ApiKey(KEY))
    things = [ApiKey(KEY), client, client.dataset("x"), client.dataset("x").records()]
    things.append(client.dataset("x").export("jsonl"))
    assert KEY not in "".join(map(repr, things)) + "".join(map(str, things))


def test_the_key_cannot_be_pickled() -> None:
    """A pickle may end up in a file; a worker reads the key from its own environment."""
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(ApiKey(KEY))
    with pytest.raises(TypeError):
        pickle.dumps(ExploreClient("https://host", auth=KEY))
    with pytest.raises(TypeError):
        copy.copy(ApiKey(KEY))


@pytest.mark.parametrize("key", ["", "a b", "a\r\nX-Evil: 1", "clé", "\x00"])
def test_a_key_that_is_no_header_value_is_refused(key: str) -> None:
    """The message does not repeat the key."""
    with pytest.raises(ConfigurationError) as caught:
        ApiKey(key)
    assert not key or key not in str(caught.value)


@pytest.mark.parametrize("status", [302, 307])
async def test_a_redirect_to_another_origin_is_not_followed(
    portal: FakePortal, status: int
) -> None:
    """The other server gets no request; the error names it."""
    async with Wire(writes(http(b"{}"))).running() as other:
        target = f"{other.url}/api?x=1"
        portal.override = lambda request: web.Response(status=status, headers={"Location": target})
        async with ExploreClient(portal.url, auth=KEY) as client:
            with pytest.raises(RedirectError, match=other.url) as caught:
                await client.dataset("trees").record("1")
        assert caught.value.host == other.url.removeprefix("http://")
        assert other.connections == 0


@pytest.mark.parametrize("location", ["", "http://[", "https://127.0.0.1/", "//elsewhere/x"])
async def test_a_redirect_that_leads_nowhere_safe_is_an_error(
    portal: FakePortal, location: str
) -> None:
    """The location is missing, invalid, or has another scheme or host."""
    portal.override = lambda request: web.Response(status=301, headers={"Location": location})
    async with ExploreClient(portal.url, auth=KEY) as client:
        with pytest.raises(RedirectError) as caught:
            await client.dataset("trees").record("1")
    assert caught.value.status == 301
    assert len(portal.requests) == 1


async def test_a_redirect_within_the_origin_is_followed_with_the_key(portal: FakePortal) -> None:
    """A portal may redirect a renamed dataset, for example."""

    def override(request: web.Request) -> web.Response:
        if request.path.endswith("/new"):
            return json_body({"id": 1})
        return web.Response(status=302, headers={"Location": "/new"})

    portal.override = override
    async with ExploreClient(portal.url, auth=KEY) as client:
        assert await client.dataset("trees").record("1") == {"id": 1}
    assert [headers["Authorization"] for headers in portal.headers] == [f"Apikey {KEY}"] * 2


async def test_redirects_in_a_circle_end(portal: FakePortal) -> None:
    """The client follows at most five redirects."""
    portal.override = lambda request: web.Response(status=302, headers={"Location": "/again"})
    async with ExploreClient(portal.url) as client:
        with pytest.raises(RedirectError, match="more than 5"):
            await client.dataset("trees").record("1")


@pytest.mark.parametrize(
    "answer",
    [
        http(f"Apikey {KEY} refused".encode(), "Content-Type: text/html"),
        http(f'{{"error_code": "ForbiddenAccess", "message": "{KEY}"}}'.encode(), status="403 No"),
        http(f"<html>{KEY}</html>".encode(), "Content-Type: text/html", status="500 Oops"),
        http(f'{{"a": "{KEY}", '.encode()),
        http(KEY.encode(), length=500),
        http(b"", f"Location: http://x/?apikey={KEY}", status="302 Found"),
        b"",
        b"nonsense\r\n\r\n",
    ],
)
async def test_no_error_shows_the_key(
    answer: bytes, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    """A key that the server echoes is not in messages, attributes, tracebacks, pickles or logs."""
    caplog.set_level(logging.DEBUG)
    async with Wire(writes(answer)).running() as wire:
        async with ExploreClient(wire.url, auth=KEY, retry=Retry.never()) as client:
            with pytest.raises(ExploreError) as page:
                await client.dataset("trees").record("1")
            with pytest.raises(ExploreError) as export:
                async with client.dataset("trees").export("jsonl") as stream:
                    await stream.save(tmp_path / "trees.jsonl")
    assert wire.heads
    assert all(KEY.encode() in head for head in wire.heads)
    assert KEY not in everything(page.value) + everything(export.value) + caplog.text


async def test_an_error_in_the_body_is_still_understood_without_the_key() -> None:
    """Redacting does not change the class of the error."""
    body = f'{{"error_code": "ForbiddenAccess", "message": "no: {KEY}"}}'.encode()
    async with Wire(writes(http(body, status="403 No"))).running() as wire:
        async with ExploreClient(wire.url, auth=KEY) as client:
            with pytest.raises(ForbiddenAccess, match="no: <hidden>"):
                await client.dataset("trees").record("1")


async def test_an_html_page_names_its_type_and_shows_a_snippet(portal: FakePortal) -> None:
    """A login page with status 200 is not data."""
    portal.override = lambda request: web.Response(
        text="<html><body>Please  log in</body></html>", content_type="text/html"
    )
    async with ExploreClient(portal.url) as client:
        with pytest.raises(DecodeError, match="text/html") as caught:
            await client.dataset("trees").record("1")
    assert caught.value.snippet == "<html><body>Please log in</body></html>"
    assert len(portal.requests) == 2
