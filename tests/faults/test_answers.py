"""Failures 8 to 12, 19 and 25: error responses, invalid bodies, bombs and retry storms."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import sys
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING

import aiohttp
import orjson
import pytest
from aiohttp import web

from explore_async import (
    APIError,
    Caps,
    DecodeError,
    ExploreClient,
    ExploreError,
    QuotaExceeded,
    Retry,
    ServerError,
    TooLargeError,
    TruncatedError,
)
from explore_async.http.body import Body, Watchdog
from tests.explore_async.doubles import NOW, Clock, FakePortal, Wire, http, json_body, rows, writes

if TYPE_CHECKING:
    from pathlib import Path

GOOD = http(b'{"id": 1}')
GZIP = "Content-Encoding: gzip"
TOO_MANY = "429 Too Many Requests"


def quota(reset: datetime, code: int = 10002) -> bytes:
    """Return the body of the API's own 429."""
    return orjson.dumps(
        {
            "errorcode": code,
            "error": "Too many requests on the domain. Please contact the domain administrator.",
            "reset_time": reset.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "limit_time_unit": "day",
            "call_limit": 100,
        }
    )


async def one_record(*answers: bytes, clock: Clock) -> object:
    async with Wire(writes(*answers)).running() as wire:
        async with ExploreClient(wire.url, timing=clock.timing()) as client:
            return await client.dataset("trees").record("1")


@pytest.mark.parametrize("code", [10002, 10005])
async def test_08_a_quota_until_midnight_raises_at_once(code: int, clock: Clock) -> None:
    """The error has the reset time; the client does not wait half a day."""
    midnight = datetime(2026, 8, 18, tzinfo=UTC)
    with pytest.raises(QuotaExceeded, match="2026-08-18T00:00:00") as caught:
        await one_record(http(quota(midnight, code), status=TOO_MANY), clock=clock)
    assert (caught.value.reset_at, caught.value.attempts) == (midnight, 1)
    assert (caught.value.code, caught.value.call_limit) == (str(code), 100)
    assert clock.waits == []


async def test_08_a_quota_that_ends_soon_is_waited_for(clock: Clock) -> None:
    """The client waits once, and at least as long as the server says."""
    near = http(quota(NOW + timedelta(seconds=20)), status=TOO_MANY)
    assert await one_record(near, GOOD, clock=clock) == {"id": 1}
    assert 20 <= sum(clock.waits) < 30


async def test_08_all_tasks_wait_for_the_same_quota(portal: FakePortal) -> None:
    """One 429 holds back all requests not yet sent until the quota resets."""
    clock = Clock()
    ends = NOW + timedelta(seconds=20)
    asked_early: list[datetime] = []

    def override(request: web.Request) -> web.Response | None:
        if clock.now >= ends:
            return None
        asked_early.append(clock.now)
        headers = {"Date": format_datetime(clock.now, usegmt=True)}
        return web.Response(status=429, body=quota(ends), headers=headers)

    portal.override = override
    portal.rows = rows(5000)
    async with ExploreClient(portal.url, timing=clock.timing(), concurrency=4) as client:
        trees = client.dataset("trees")
        found = await client.gather(*(trees.records(max_rows=1).to_list() for _ in range(40)))
    assert len(found) == 40
    assert len(asked_early) <= 4


BODIES = [b"", b"<html>slow down</html>", b'{"error', b"[]", b"null"]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("after", [None, "never", "-3", "", "1e3", "\xb2", "99999999999999999999"])
async def test_09_a_429_that_explains_nothing_is_waited_for_in_growing_steps(
    body: bytes, after: str | None, clock: Clock
) -> None:
    """They count against the deadline only; the error stays a 429, whatever it contains."""
    headers = [] if after is None else [f"Retry-After: {after}"]
    with pytest.raises(QuotaExceeded) as caught:
        await one_record(http(body, *headers, status=TOO_MANY), clock=clock)
    assert caught.value.status == 429
    assert caught.value.attempts == len(clock.waits) + 1
    assert clock.waits == sorted(clock.waits)
    assert clock.waits[:3] == [0.25, 0.5, 1.0]
    assert Retry().deadline - Retry().max_delay <= sum(clock.waits) < Retry().deadline


@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable"])
@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html><h1>Bad Gateway</h1></html>", "text/html"),
        (b'{"error_code": "Int', "application/json"),
        (b"", "application/json"),
        (b"oops", None),
        (b"\xff\xfe\x00", "application/octet-stream"),
        (b"x" * 500_000, "text/plain"),
    ],
    ids=["html", "cut json", "empty", "no type", "binary", "long"],
)
async def test_10_the_status_counts_before_the_body(
    status: str, body: bytes, kind: str | None, clock: Clock
) -> None:
    """A proxy's page is a server error, not broken JSON, and the message quotes little of it."""
    answer = http(body, *([f"Content-Type: {kind}"] if kind else []), status=status)
    with pytest.raises(ServerError) as caught:
        await one_record(answer, clock=clock)
    assert caught.value.status == int(status[:3])
    assert caught.value.attempts == 4
    assert len(str(caught.value)) < 1000


NOT_DATA = {
    "html": (b"<!DOCTYPE html><title>Log in</title>", "text/html"),
    "html called json": (b"<html>maintenance</html>", "application/json"),
    "invalid": (b'{"id": 1,}', "application/json"),
    "nan": (b'{"id": NaN}', "application/json"),
    "not utf-8": (b'{"id": "\xe9t\xe9"}', "application/json"),
    "a list": (b"[1, 2]", "application/json"),
    "a number": (b"5", "application/json"),
    "null": (b"null", "application/json"),
    "empty": (b"", "application/json"),
}


@pytest.mark.parametrize("name", NOT_DATA)
async def test_11_what_is_no_data_is_an_error_with_its_first_words(name: str, clock: Clock) -> None:
    """The result is a DecodeError with a snippet, never a value."""
    body, kind = NOT_DATA[name]
    with pytest.raises(DecodeError) as caught:
        await one_record(http(body, f"Content-Type: {kind}"), clock=clock)
    assert len(caught.value.snippet) <= 200
    assert caught.value.status == 200


async def test_11_a_page_without_results_is_an_error(clock: Clock) -> None:
    """The response of another service has other keys."""
    async with Wire(writes(http(b'{"data": [], "total": 4}'))).running() as wire:
        async with ExploreClient(wire.url, timing=clock.timing()) as client:
            with pytest.raises(DecodeError, match="no results"):
                await client.dataset("trees").records().to_list()
            with pytest.raises(DecodeError, match="no facets"):
                await client.dataset("trees").facets()


async def test_11_json_that_is_cut_is_asked_for_again(clock: Clock) -> None:
    """The cut happened in transit, so a retry may succeed."""
    assert await one_record(http(b'{"id": 1, "name": "a'), GOOD, clock=clock) == {"id": 1}
    assert await one_record(http(b'{"id": {"a": 1}'), GOOD, clock=clock) == {"id": 1}
    with pytest.raises((DecodeError, TruncatedError)):
        await one_record(http(b'{"id": 1, "name": "a'), clock=clock)


async def test_11_a_login_page_in_place_of_an_export_leaves_no_file(tmp_path: Path) -> None:
    """The status is 200, but the body is not data."""
    page = http(b"<html>log in</html>", "Content-Type: text/html")
    async with Wire(writes(page)).running() as wire:
        async with ExploreClient(wire.url, timing=Clock().timing()) as client:
            with pytest.raises(ExploreError, match="HTML"):
                async with client.dataset("trees").export("csv") as stream:
                    await stream.save(tmp_path / "trees.csv")
    assert list(tmp_path.iterdir()) == []


def bomb(mebibytes: int) -> bytes:
    """Return that many MiB of zeros as gzip, a thousandth of the size on the wire."""
    packer = zlib.compressobj(9, wbits=31)
    block = bytes(1024 * 1024)
    return b"".join(packer.compress(block) for _ in range(mebibytes)) + packer.flush()


def peak_memory() -> int:
    """Return the peak memory of this process in KiB, or 0 on Windows, which does not tell."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak // 1024 if sys.platform == "darwin" else peak


@pytest.mark.parametrize("status", ["200 OK", "400 Bad Request"])
async def test_12_a_gzip_bomb_stays_small(status: str, clock: Clock) -> None:
    """Inflating stops at the cap, whatever the full size would be."""
    answer = http(bomb(100), GZIP, status=status)
    before = peak_memory()
    async with Wire(writes(answer)).running() as wire:
        caps = Caps(page=1024 * 1024)
        async with ExploreClient(wire.url, caps=caps, timing=clock.timing()) as client:
            with pytest.raises((TooLargeError, APIError)) as caught:
                await client.dataset("trees").record("1")
    assert caught.value.attempts == 1
    assert peak_memory() - before < 24 * 1024


async def test_12_a_gzip_bomb_in_an_export_is_given_up(tmp_path: Path) -> None:
    """A file may have any length, but not a thousand times its compressed size."""
    async with Wire(writes(http(bomb(200), GZIP))).running() as wire:
        async with ExploreClient(wire.url) as client:
            with pytest.raises(TooLargeError, match=r"caps\.ratio"):
                async with client.dataset("trees").export("fgb") as stream:
                    await stream.save(tmp_path / "trees.fgb")
    assert stream.bytes_received < 70 * 1024 * 1024
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("ratio", "whole"), [(2000, True), (20, False)])
async def test_12_how_much_a_body_may_inflate_is_a_cap(ratio: float, whole: bool) -> None:
    """The cap is checked while decoding, so it applies to all readers."""
    watchdog = Watchdog(least=0, window=60, monotonic=lambda: 0.0)
    async with Wire(writes(http(bomb(80), GZIP))).running() as wire:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            async with session.get(wire.url) as response:
                body = Body(response, url=wire.url, watchdog=watchdog, caps=Caps(ratio=ratio))
                with contextlib.nullcontext() if whole else pytest.raises(TooLargeError):
                    async for _ in body.chunks():
                        pass
    assert (body.received == 80 * 1024 * 1024) is whole


async def test_12_a_large_export_that_compresses_well_is_whole(tmp_path: Path) -> None:
    """The rows differ only in their number, and exceed the 64 MiB that are not checked."""
    rows = (
        b'{"id": %d, "genus": "ACER", "street": null, "height": null}\n' % n for n in range(10**6)
    )
    body = b"".join(rows) + b'{"id": 0, "text": "%s"}\n' % (b"x" * 2**22)
    assert len(body) > 64 * 1024 * 1024
    async with Wire(writes(http(gzip.compress(body, 9), GZIP))).running() as wire:
        async with ExploreClient(wire.url) as client:
            async with client.dataset("trees").export("jsonl") as stream:
                saved = await stream.save(tmp_path / "trees.jsonl")
    assert saved.bytes == len(body)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzipped"])
async def test_12_an_endless_line_of_an_export_is_refused(packed: bool, tmp_path: Path) -> None:
    """Reading rows needs whole lines in memory, and a saved file of rows is checked by line."""
    line = b'{"a": "' + b"x" * 3_000_000
    answer = http(gzip.compress(line), GZIP) if packed else http(line)
    async with Wire(writes(answer)).running() as wire:
        async with ExploreClient(wire.url, caps=Caps(line=100_000)) as client:
            trees = client.dataset("trees")
            with pytest.raises(TooLargeError):
                async with trees.export("jsonl") as stream:
                    assert [row async for row in stream.rows()] == []
            with pytest.raises(TooLargeError):
                async with trees.export("jsonl") as stream:
                    await stream.save(tmp_path / "trees.jsonl")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seconds_ahead", [-86_400, -3_600, 0, 3_600, 86_400])
async def test_19_a_wrong_local_clock_does_not_change_the_wait(seconds_ahead: int) -> None:
    """A wait in seconds does not depend on our clock, and is never negative."""
    clock = Clock(NOW + timedelta(seconds=seconds_ahead))
    answer = http(b"", "Retry-After: 5", status="503 Busy")
    assert await one_record(answer, GOOD, clock=clock) == {"id": 1}
    assert 5 <= sum(clock.waits) < 10
    assert min(clock.waits) >= 0


@pytest.mark.parametrize("hours", [-30, -1, 1, 30])
async def test_19_a_reset_is_read_by_the_servers_own_clock(hours: int) -> None:
    """The Date header shows the difference between the clocks."""
    clock = Clock(NOW + timedelta(hours=hours))
    date = f"Date: {format_datetime(NOW, usegmt=True)}"
    answer = http(quota(NOW + timedelta(seconds=15)), date, status=TOO_MANY)
    assert await one_record(answer, GOOD, clock=clock) == {"id": 1}
    assert 15 <= sum(clock.waits) < 25


@pytest.mark.parametrize("reset", ["1755518400", "yesterday", "2026-08-16T00:00:00Z", None, 5])
async def test_19_a_reset_that_is_past_or_unreadable_is_no_wait_for_ever(
    reset: object, clock: Clock
) -> None:
    """Whatever the reset value is, the deadline of the retries ends the waits."""
    body = orjson.dumps({"errorcode": 10002, "error": "x", "reset_time": reset})
    with pytest.raises(QuotaExceeded):
        await one_record(http(body, status=TOO_MANY), clock=clock)
    assert sum(clock.waits) < Retry().deadline


async def test_25_many_tasks_against_a_dead_server_are_no_storm(portal: FakePortal) -> None:
    """All tasks together share one retry budget."""
    portal.override = lambda request: json_body({"error": "busy"}, status=503)
    async with ExploreClient(portal.url, timing=Clock().timing(), concurrency=16) as client:
        trees = client.dataset("trees")
        works = [trees.record(str(number)) for number in range(200)]
        failed = await asyncio.gather(*works, return_exceptions=True)
    assert all(isinstance(error, ServerError) for error in failed)
    assert 200 <= len(portal.requests) < 400


async def test_25_only_one_layer_retries(portal: FakePortal) -> None:
    """Pages, gathers and exports add no attempts of their own."""
    portal.override = lambda request: json_body({"error": "busy"}, status=503)
    async with ExploreClient(portal.url, timing=Clock().timing()) as client:
        with pytest.raises(ServerError):
            await client.gather(client.dataset("trees").records().to_list())
    assert len(portal.requests) == 4
