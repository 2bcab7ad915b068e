"""Echoes: a key that a server sends back, anywhere and in any spelling, is shown nowhere.

Failure 14 has the failures that matter most (`test_14_secrets`); here the key is put into every
part of a response: the reason, the names and values of headers, the keys and values of JSON, titles
of HTML, and the places where a message cuts a body. Not a piece of six characters may be shown.
"""

from __future__ import annotations

import asyncio
import html
import json
import logging
import random
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from explore_async import ExploreClient, Retry
from tests.explore_async.cli.shell import run
from tests.explore_async.doubles import Wire, http, writes
from tests.faults.test_14_secrets import (
    error_texts,
    failures,
    record_texts,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from explore_async import Event

KEY = "k3y/planted+s3cret=7f0c2b94e6~x&z"
PIECE = 6

SPELLINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper case": str.upper,
    "json": lambda one: json.dumps(one)[1:-1].replace("/", "\\/"),
    "json, all escaped": lambda one: f"\\u{ord(one):04x}",
    "json, twice": lambda one: f"\\\\u{ord(one):04x}",
    "url": lambda one: quote(one, safe=""),
    "url, all escaped": lambda one: f"%{ord(one):02x}",
    "html": html.escape,
    "html, all escaped": lambda one: f"&#{ord(one)};",
}
"""How one character is written."""

HEADERS = (
    *("Content-Type", "Content-Encoding", "Content-Length", "Transfer-Encoding", "Connection"),
    *("Location", "Retry-After", "Date", "Server", "Set-Cookie", "WWW-Authenticate", "Link"),
    *("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "Content-Disposition"),
    *("x-ratelimit-dataset-limit", "x-ratelimit-dataset-reset"),
)
STATUSES = ("200 OK", "302 Found", "401 No", "404 No", "407 No", "429 No", "500 No", "503 No")
FIELDS = (
    *("error_code", "errorcode", "message", "error", "reset_time", "call_limit", "link"),
    *("limit_time_unit", "results", "total_count", "facets", "dataset_id", "fields", "metas"),
    *("raw_params", "attachments", "links"),
)


def places(key: str) -> Iterator[tuple[str, bytes]]:
    """Yield responses that hold the key, by its place."""
    for status in STATUSES:
        yield f"reason, {status}", http(b"{}", status=f"{status} {key}")
        yield f"value, {status}", http(b"{}", f"X-Echo: {key}", status=status)
        yield f"name, {status}", http(b"{}", f"{key}: 1", status=status)
        yield f"location, {status}", http(b"{}", f"Location: /{key}?a={key}", status=status)
        yield f"host, {status}", http(b"{}", f"Location: https://{key}.example/", status=status)
        yield f"title, {status}", page(f"<title>Log in, {key}</title>{key}", status)
        yield f"text, {status}", http(f"no {key}".encode(), status=status)
        yield f"cut, {status}", http(f'{{"message": "{key}'.encode(), length=900, status=status)
        for field in FIELDS:
            body = f'{{"error_code": "X", "{field}": "no {key}"}}'
            yield f"{field}, {status}", http(body.encode(), status=status)
    for header in HEADERS:
        yield header, http(b"{}", f"{header}: {key}")
        yield f"{header}, 429", http(b"{}", f"{header}: a/{key}; {key}", status="429 No")
    for field in ("results", "facets", "fields", "attachments", "features"):
        yield f"item of {field}", http(f'{{"{field}": ["{key}", {{"{key}": 1}}]}}'.encode())
    yield "key", http(f'{{"{key}": 1}}'.encode())
    yield "row", http(f'{{"id": 1}}\n["{key}"]\n'.encode())
    yield "error row", http(f'{{"id": 1}}\n{{"error_code": "{key}", "message": "m"}}\n'.encode())
    yield "first line", f"HTTP/1.1 {key}\r\n\r\n".encode()
    yield "version", f"{key}/1.1 200 OK\r\n\r\n".encode()


def page(body: str, status: str) -> bytes:
    return http(f"<html>{body}</html>".encode(), "Content-Type: text/html", status=status)


def shown(found: Iterable[str], spelled: list[str]) -> list[str]:
    """Return texts that hold a piece of the key, as it is or as it was spelled."""
    pieces = {
        "".join(letters[at : at + PIECE])
        for letters in (list(KEY), spelled)
        for at in range(len(KEY) - PIECE + 1)
    }
    lowered = {piece.lower() for piece in pieces}
    return [text[:300] for text in found if any(piece in text.lower() for piece in lowered)]


async def told(answer: bytes, folder: Path, caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return all that a program could show of an answer."""
    events: list[Event] = []
    caplog.clear()
    async with Wire(writes(answer)).running() as wire:
        client = ExploreClient(wire.url, auth=KEY, retry=Retry.never(), on_event=events.append)
        async with client:
            caught = await failures(client, folder)
        found = [*texts(client), *texts(client.quota), *texts(client.stats)]
    assert KEY in b"".join(wire.heads).decode()
    for error in caught:
        found += error_texts(error)
        found += map(str, getattr(error, "__notes__", ()))
    for event in events:
        found += texts(event)
    for record in caplog.records:
        found += record_texts(record)
    return found


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_no_echo_of_a_key_is_shown(
    spelling: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither by errors and their causes, nor by events, logs, pickles and objects.

    The locals of a traceback hold what the server sent; only the key itself is kept out of them.
    """
    caplog.set_level(logging.DEBUG)
    spelled = [SPELLINGS[spelling](one) for one in KEY]
    chance = random.Random(spelling)
    echoes = list(places("".join(spelled)))
    leaks = {}
    for place, answer in chance.sample(echoes, 40):
        found = shown(await told(answer, tmp_path, caplog), spelled)
        if found:
            leaks[place] = found[0]
    assert leaks == {}


async def test_no_message_shows_the_beginning_of_a_key_where_it_cuts_a_body(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A message quotes the first 200 characters."""
    leaks = {}
    for before in range(170, 200):
        answer = http(f'["{"x" * before}{KEY}"\n'.encode())
        found = shown(await told(answer, tmp_path, caplog), list(KEY))
        if found:
            leaks[before] = found[0]
    assert leaks == {}


@pytest.mark.parametrize("command", ["records", "info", "facets", "export"])
async def test_no_command_shows_an_echo_of_its_key(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On standard output or standard error."""
    monkeypatch.setenv("EXPLORE_API_KEY", KEY)
    monkeypatch.setattr(Retry, "within", lambda self, wait, *, attempt, elapsed: None)
    monkeypatch.chdir(tmp_path)
    chance = random.Random(command)
    names = ["name"] if command == "facets" else []
    leaks = {}
    for _ in range(20):
        spelled = [SPELLINGS[chance.choice(list(SPELLINGS))](one) for one in KEY]
        place, answer = chance.choice(list(places("".join(spelled))))
        async with Wire(writes(answer)).running() as wire:
            result = await asyncio.to_thread(run, command, "trees", *names, "--url", wire.url)
        assert result.exit_code != 0, place
        found = shown([result.output], spelled)
        if found:
            leaks[place] = found[0]
    assert leaks == {}
