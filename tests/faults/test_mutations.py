"""Mutated responses: whatever a server sends, only errors of this package reach the caller.

Recorded bodies are changed at random, with a fixed seed: bytes are cut, doubled, swapped and
replaced by fragments that have broken JSON decoders before. Every reader gets them.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from explore_async import ExploreClient, ExploreError, Retry

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from tests.explore_async.doubles import FakePortal

KEY = "k3y/with+all=kinds~of-characters"
MUTATIONS = 300
FRAGMENTS = [
    b"", b"null", b"[" * 600, b"[" * 300 + b"]" * 300, b"[" * 900 + b"]" * 900, b'{"a":' * 600,
    b"1e999", b"9" * 400, b"-", b'"\\ud800"', b"\xff",
    b"\0", b"NaN", b'{"error_code": "X", "message": "m"}', KEY.encode(), b"\xef\xbb\xbf", b"<html>",
]  # fmt: skip
PAGE = (
    b'{"total_count": 2, "results": [{"id": 1, "day": "2024-01-01", "tags": ["a"]}, '
    b'{"id": 2, "day": null, "place": {"lon": 1.5, "lat": 48}}]}'
)
INFO = (
    b'{"dataset_id": "trees", "dataset_uid": "u", "has_records": true, "features": ["geo"], '
    b'"metas": {"default": {"title": "T", "records_count": 2}}, "fields": [{"name": "id", "type": '
    b'"int", "label": "Id", "description": null, "annotations": {}}, {"name": "day", "type": '
    b'"date", "label": "Day", "annotations": {"facet": true}}]}'
)
FACETS = (
    b'{"facets": [{"name": "day", "facets": [{"name": "2024", "value": "2024", "count": 2, '
    b'"state": "displayed", "facets": [{"name": "01", "value": "01", "count": 1}]}]}]}'
)
ERROR = b'{"errorcode": 10002, "error": "too many", "call_limit": 5, "reset_time": "2026-08-18"}'
LINES = b'{"id": 1, "day": "2024-01-01"}\n{"id": 2, "day": null}\n'
CSV = b'id;day\r\n1;"2024-01-01"\r\n2;\r\n'

READERS: dict[str, tuple[bytes, Callable[[Any, Path], Awaitable[object]]]] = {
    "info": (INFO, lambda trees, _: trees.info()),
    "page": (PAGE, lambda trees, _: trees.records()),
    "rows": (PAGE, lambda trees, _: trees.records(max_rows=500).to_list()),
    "arrow": (PAGE, lambda trees, _: trees.records().to_arrow()),
    "typed": (INFO, lambda trees, _: trees.records(typed=True).to_list()),
    "facets": (FACETS, lambda trees, _: trees.facets("day")),
    "declared": (FACETS, lambda trees, _: trees.facets()),
    "attachments": (PAGE, lambda trees, _: trees.attachments()),
    "jsonl": (LINES, lambda trees, _: rows(trees, "jsonl")),
    "json": (
        b"[" + LINES.strip().replace(b"\n", b",") + b"]",
        lambda trees, _: rows(trees, "json"),
    ),
    "csv": (CSV, lambda trees, _: rows(trees, "csv")),
    "saved": (LINES, lambda trees, path: saved(trees, "jsonl", path)),
    "kml": (b"<kml><Document/></kml>", lambda trees, path: saved(trees, "kml", path)),
    "batches": (LINES, lambda trees, _: batches(trees)),
}


async def rows(trees: Any, file_format: str) -> list[object]:
    async with trees.export(file_format) as stream:
        return [row async for row in stream.rows()]


async def batches(trees: Any) -> list[object]:
    async with trees.export("jsonl") as stream:
        return [batch async for batch in stream.batches()]


async def saved(trees: Any, file_format: str, path: Path) -> None:
    async with trees.export(file_format) as stream:
        await stream.save(path)


async def failure(reading: Awaitable[object]) -> ExploreError | None:
    """Return the error of this package that a reading ends with; any other is raised."""
    try:
        await reading
    except ExploreError as error:
        return error
    return None


def mutated(body: bytes, chance: random.Random) -> bytes:
    """Return a body with one to three changes."""
    for _ in range(chance.randrange(1, 4)):
        start, end = sorted(chance.choices(range(len(body) + 1), k=2))
        kind = chance.randrange(4)
        if kind == 0:
            body = body[:start]
        elif kind == 1:
            body = body[:start] + chance.choice(FRAGMENTS) + body[min(end, start + 8) :]
        elif kind == 2:
            body = body[:end] + body[start:end] + body[end:]
        else:
            body = body[:start] + body[end:]
    return body


@pytest.mark.parametrize("reader", READERS)
async def test_a_mutated_response_is_read_or_is_an_error_of_this_package(
    portal: FakePortal, tmp_path: Path, reader: str
) -> None:
    """The key that a server echoes is in no text of the error."""
    whole, read = READERS[reader]
    chance = random.Random(reader)
    headers = [
        {}, {"Content-Type": "text/html"}, {"Content-Type": f"text/{KEY}"},
        {"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT", "Date": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ]  # fmt: skip

    def override(request: web.Request) -> web.Response:
        body = mutated(chance.choice([whole, whole, ERROR]), chance)
        status = chance.choice([200, 200, 200, 200, 400, 403, 404, 429, 500])
        return web.Response(body=body, status=status, headers=chance.choice(headers))

    portal.override = override
    async with ExploreClient(portal.url, auth=KEY, retry=Retry.never()) as client:
        for _ in range(MUTATIONS):
            error = await failure(read(client.dataset("trees"), tmp_path / "file"))
            if error is not None:
                shown = f"{error} {error!r} {error.args} {vars(error)}"
                assert KEY not in shown
                assert shown.encode()
