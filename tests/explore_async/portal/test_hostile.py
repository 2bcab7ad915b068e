"""Requests that are too large, malformed or malicious are refused; the portal never fails."""

from __future__ import annotations

import asyncio
import json
import os
import tracemalloc
from typing import TYPE_CHECKING

import aiohttp
import pytest
from yarl import URL

from explore_async.portal import app
from tests.explore_async.portal.hostile import Hostile
from tests.explore_async.portal.valid import Valid

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from explore_async.portal import Store
    from tests.explore_async.portal.asking import Asker

    AskAll = Callable[[Iterable[tuple[str, str]]], Awaitable[list[tuple[int, str]]]]

COUNT = int(os.environ.get("HOSTILE_REQUESTS", "2000"))
"""The number of random requests; there may be many more, with another seed."""
SEED = int(os.environ.get("HOSTILE_SEED", "2026"))

HEALTH = "/healthz"
RECORDS = "datasets/things/records"
BIG = "9" * 66
BIGGEST = "9" * 4400


async def connect(ask: Asker) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = ask.url.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


def message(what: str) -> dict[str, str]:
    return {
        "error_code": "NotSupportedByLocalPortal",
        "message": f"{what} is not supported by this local portal.",
    }


@pytest.mark.parametrize("number", ["9223372036854775808", BIG, BIGGEST, f"{'9' * 400}.0"])
@pytest.mark.parametrize(
    ("clause", "text"),
    [
        ("where", "id = {}"),
        ("where", "id = -{}"),
        ("where", "size > {}"),
        ("where", "id in (2, {})"),
        ("where", "id in [1 .. {}]"),
        ("where", "{} in tags"),
        ("where", "in_bbox(place, 0, 0, {}, 1)"),
        ("where", "within_distance(place, geom'POINT(1 2)', {}km)"),
        ("where", "moment > now(days=-{})"),
        ("select", "id + {}"),
        ("select", "percentile(size, {})"),
        ("group_by", "range(id, {})"),
        ("group_by", "range(id, 1, {})"),
        ("group_by", "range(moment, {} s)"),
        ("order_by", "random({})"),
        ("facet", "facet(name='code', limit={})"),
    ],
    ids=lambda value: value if len(value) < 60 else f"{len(value)} digits",
)
async def test_numbers_beyond_64_bits_are_refused(
    ask: Asker, clause: str, text: str, number: str
) -> None:
    """Neither DuckDB nor Python could compute with them; a decimal must be a finite double."""
    answer = await ask.get(RECORDS, **{clause: text.format(number)})
    if answer.json["error_code"] != "ODSQLSyntaxError":
        assert (answer.status, answer.json) == (400, message("A number beyond 64 bits"))
    else:
        assert "." in number  # there is no decimal in some places


@pytest.mark.parametrize("limit", [BIG, "9" * 999])
async def test_an_export_may_have_any_limit(ask: Asker, limit: str) -> None:
    """More rows than there are is all rows."""
    answer = await ask.get("datasets/things/exports/json", select="id", limit=limit)
    assert answer.json == [{"id": 1}, {"id": 2}, {"id": 3}, {"id": 4}]


@pytest.mark.parametrize("sign", ["+", "-", "*", "/"])
async def test_an_expression_has_at_most_200_levels(ask: Asker, sign: str) -> None:
    """A chain has one level per operator, besides those of the clause around it."""
    longest = f"id{f'{sign}1' * 195}"
    answer = await ask.get(RECORDS, select=f"{longest} as x", where=f"{longest} < 1000000")
    assert answer.status == 200
    for count in (250, 15_000):
        for clause, text in (("select", "id{}"), ("where", "id{} > 1"), ("order_by", "id{}")):
            answer = await ask.get(RECORDS, **{clause: text.format(f"{sign}1" * count)})
            assert (answer.status, answer.json) == (
                400, message("An expression of more than 200 levels")
            )  # fmt: skip


async def test_nested_quotients_cost_no_more_than_chains(ask: Asker) -> None:
    """The SQL of a quotient has its divisor once."""
    nested = f"{'1/(' * 90}id{')' * 90}"
    answer = await ask.get(RECORDS, select=f"{nested} as x", where="id = 2")
    assert answer.results == [{"x": 2.0}]


async def test_repeated_words_are_one_word(ask: Asker) -> None:
    """Each word costs a pass over the data, so a hundred different ones are the maximum."""
    where = {
        "search('{}')": "mill ",
        "name like '{}'": "mill* ",
        "suggest('{}')": "mil ",
        "'{}'": "mill ",
    }
    for condition, word in where.items():
        assert await ask.ids(condition.format(word * 8_000)) == [2, 3]
        words = " ".join(f"{word.strip()}{at}" for at in range(101))
        answer = await ask.get(RECORDS, where=condition.format(words))
        assert (answer.status, answer.json) == (400, message("A search for more than 100 words"))


@pytest.mark.parametrize("length", [70_000, 1_000_000])
async def test_a_url_that_is_too_long_is_refused(
    ask: Asker, caplog: pytest.LogCaptureFixture, length: int
) -> None:
    """The status is 414, the body is an error of the API, and the log has no traceback."""
    answer = await ask.get(RECORDS, where="x" * length)
    assert (answer.status, answer.json) == (414, {
        "error_code": "UriTooLong",
        "message": "The URL has more than 65536 bytes after the host; ask for less.",
    })  # fmt: skip
    assert not caplog.records


async def test_another_method_is_refused_as_an_error_of_the_api(ask: Asker) -> None:
    """The header `Allow` names the methods that there are."""
    url = f"{ask.url}/api/explore/v2.1/catalog/datasets"
    async with ask.session.delete(url) as response:
        assert response.status == 405
        assert await response.json() == {
            "error_code": "MethodNotAllowed",
            "message": "Method Not Allowed.",
        }
        assert response.headers["allow"] == "GET,HEAD"


async def test_a_fault_of_the_portal_is_an_error_of_the_api(
    ask: Asker, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The body says nothing of the fault; the log does."""
    monkeypatch.setattr(app, "read_query", lambda _: 1 // 0)
    answer = await ask.get(RECORDS)
    assert (answer.status, answer.json["error_code"]) == (500, "InternalServerError")
    assert "ZeroDivisionError" in caplog.text


def contents(store: Store) -> dict[str, object]:
    """Return a digest of each table of a store but the indexes of words."""
    with store.cursor() as cursor:
        tables = cursor.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        return {
            name: cursor.execute(f"SELECT count(*), bit_xor(hash(t)) FROM {name} AS t").fetchone()
            for (name,) in tables
            if not name.endswith(("_words", "_places"))
        }


@pytest.fixture
async def ask_all(samples: Store, ask: Asker, caplog: pytest.LogCaptureFixture) -> AskAll:
    """Send requests, four at once; check errors, the log, and that the data stays as it is."""

    async def ask_all(requests: Iterable[tuple[str, str]]) -> list[tuple[int, str]]:
        await ask.get("datasets")  # makes the table of the catalog
        before, waiting, answers = contents(samples), iter(requests), []

        async def client() -> None:
            for path, query in waiting:
                url = URL(f"{ask.url}/api/explore/v2.1/catalog/{path}?{query}", encoded=True)
                async with ask.session.get(url) as response:
                    answers.append((response.status, f"{path}?{query}"))
                    body = await read(response)
                if response.status != 200:
                    assert response.status in (400, 404), f"{path}?{query}: {body!r}"
                    assert list(json.loads(body)) == ["error_code", "message"]

        await asyncio.gather(*(client() for _ in range(4)))
        assert not caplog.records
        assert contents(samples) == before
        return answers

    return ask_all


@pytest.mark.timeout(60 + COUNT // 20)
async def test_no_request_makes_the_portal_fail(ask_all: AskAll) -> None:
    """Random requests, valid, broken, huge and malicious, get 200 or an error of the API."""
    hostile = Hostile(SEED)
    answers = await ask_all(hostile.request() for _ in range(COUNT))
    statuses = [status for status, _ in answers]
    assert statuses.count(200) > 0.3 * COUNT  # the others are refused before they are run


@pytest.mark.timeout(60 + COUNT // 20)
async def test_every_valid_request_is_answered(ask_all: AskAll) -> None:
    """Whatever texts an attacker puts in."""
    valid = Valid(SEED)
    answers = await ask_all(valid.request() for _ in range(COUNT // 2))
    assert [one for one in answers if one[0] != 200] == []


async def read(response: aiohttp.ClientResponse) -> bytes:
    """Read a body; an export that overflows in its middle is cut off."""
    try:
        return await response.read()
    except aiohttp.ClientPayloadError:
        return b""


async def test_nobody_waits_for_a_body(ask: Asker) -> None:
    """The portal only reads GET, and answers before a body has come."""
    reader, writer = await connect(ask)
    async with asyncio.timeout(10):
        writer.write(
            f"GET {HEALTH} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n".encode()
        )
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_large_body_takes_no_memory(ask: Asker) -> None:
    """It is dropped as it comes; then the connection serves the next request."""
    part, parts = b"x" * 2**20, 64
    reader, writer = await connect(ask)
    length = len(part) * parts
    tracemalloc.start()
    try:
        async with asyncio.timeout(30):
            writer.write(
                f"GET {HEALTH} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()
            )
            assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
            for _ in range(parts):
                writer.write(part)
                await writer.drain()
            writer.write(f"GET {HEALTH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert tracemalloc.get_traced_memory()[1] < length / 4
    finally:
        tracemalloc.stop()
        writer.close()


async def test_a_request_with_another_method_is_refused_with_its_body(ask: Asker) -> None:
    """The status is that of the method."""
    async with ask.session.post(
        f"{ask.url}/api/explore/v2.1/catalog/{RECORDS}", data=b"x" * 2**20
    ) as one:
        assert one.status == 405
