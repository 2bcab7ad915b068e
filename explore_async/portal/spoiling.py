"""Answers that faults spoil: broken off in the middle, or with NaN for their numbers."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import hdrs, web
from multidict import CIMultiDict

from explore_async.portal.app import THROUGH

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
    Chunks = AsyncGenerator[bytes, None]
    End = Callable[[web.Request], Awaitable[None]]

__all__ = ["break_off", "hang_up", "say_nothing", "without_numbers"]

_RESULTS = '"results": ['
_STRING_OR_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?')


@contextlib.contextmanager
def _exports_through(change: Callable[[Chunks], Chunks]) -> Iterator[None]:
    """Let the chunks of exports go through a function, before that of a rule before this one."""
    before = THROUGH.get()
    token = THROUGH.set(change if before is None else lambda chunks: before(change(chunks)))
    try:
        yield
    finally:
        THROUGH.reset(token)


# ---------------------------------------------------------------- breaking off


async def break_off(
    request: web.Request, handler: Handler, after: int, end: End, *, by_rows: bool
) -> web.StreamResponse:
    """Send an answer without compression until `after` bytes or rows, then `end` it."""
    headers = CIMultiDict(request.headers)
    headers.popall(hdrs.ACCEPT_ENCODING, None)
    plain = request.clone(headers=headers)
    # The first line of CSV is no row.
    lines = after + ("csv" in request.path.rsplit("/", 2)[-1]) if by_rows else after
    with _exports_through(partial(_broken_stream, plain, left=lines, by_rows=by_rows, end=end)):
        response = await handler(plain)
    if response.prepared or response.status != 200:
        return response
    return await _broken_page(plain, response, after, end, by_rows=by_rows)


async def hang_up(request: web.Request) -> None:
    """Close the connection once everything written is sent."""
    if request.transport is not None:
        request.transport.close()


async def say_nothing(_: web.Request) -> None:
    """Keep the connection, and send nothing more until the client or the portal leaves."""
    await asyncio.Event().wait()


async def _broken_stream(
    request: web.Request, chunks: Chunks, *, left: int, by_rows: bool, end: End
) -> Chunks:
    """Yield what comes before the break, then end; nothing of the response can follow."""
    yield b""  # so that the head is sent even if nothing else is
    async with contextlib.aclosing(chunks) as whole:
        async for chunk in whole:
            kept, left = _before(chunk, left, by_rows=by_rows)
            if kept:
                yield kept
            if not left:
                break
    await end(request)


def _before(chunk: bytes, left: int, *, by_rows: bool) -> tuple[bytes, int]:
    """Return the part of a chunk before the break, and how much is still to come before it."""
    if not by_rows:
        return chunk[:left], max(0, left - len(chunk))
    position = 0
    while left:
        found = chunk.find(b"\n", position)
        if found < 0:
            return chunk, left
        position, left = found + 1, left - 1
    return chunk[:position], 0


async def _broken_page(
    request: web.Request, page: web.StreamResponse, after: int, end: End, *, by_rows: bool
) -> web.StreamResponse:
    body: Any = page.body if isinstance(page, web.Response) else b""
    kept = body[: _end_of_rows(body, after) if by_rows else after]
    response = web.StreamResponse(status=page.status, headers=page.headers)
    response.content_length = len(body)
    await response.prepare(request)
    if kept:
        await response.write(kept[: len(body) - 1])
    await end(request)
    return response


def _end_of_rows(body: bytes, rows: int) -> int:
    """Return how many bytes of a page come before the end of its row number `rows`."""
    text, decoder = body.decode(), json.JSONDecoder()
    at = text.index(_RESULTS) + len(_RESULTS)
    for _ in range(rows):
        if text[at] == "]":
            break
        _, at = decoder.raw_decode(text, at)
        at += len(", ") if text.startswith(", ", at) else 0
    return len(text[:at].encode())


# ---------------------------------------------------------------- NaN


async def without_numbers(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Write NaN for every number in the rows of a page or of an export as JSON."""
    with _exports_through(_numberless):
        response = await handler(request)
    if isinstance(response, web.Response) and isinstance(response.body, bytes):
        head, results, rows = response.body.partition(_RESULTS.encode())
        response.body = head + results + _nan(rows)
    return response


async def _numberless(chunks: Chunks) -> Chunks:
    rest = b""
    async with contextlib.aclosing(chunks) as whole:
        async for chunk in whole:
            lines, end, rest = (rest + chunk).rpartition(b"\n")
            if end:
                yield _nan(lines) + end
    if rest:
        yield _nan(rest)


def _nan(text: bytes) -> bytes:
    return _STRING_OR_NUMBER.sub(lambda it: it[0] if it[0].startswith(b'"') else b"NaN", text)
