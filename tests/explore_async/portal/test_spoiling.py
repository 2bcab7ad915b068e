"""Answers that faults spoil, and what the client makes of them."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import aiohttp
import pytest

from explore_async import (
    BadRequest,
    DecodeError,
    ExploreClient,
    RequestTimeout,
    Retry,
    Timeouts,
    TruncatedError,
)
from explore_async.portal.spoiling import _broken_stream, hang_up
from explore_async.testing import Portal
from odsql import Query
from tests.explore_async.portal.trees import TREES, client, count, export, portal, read

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from aiohttp import web


__all__ = ["client", "portal"]


# ---------------------------------------------------------------- cuts


@pytest.mark.parametrize(
    "after",
    [{"after_rows": 10}, {"after_rows": 1000}, {"after_bytes": 0}, {"after_bytes": 10**6}],
)
async def test_a_cut_page_is_read_again(
    portal: Portal, client: ExploreClient, after: dict[str, Any]
) -> None:
    portal.cut(**after, path="*/records")
    assert await read(client) == TREES
    assert len(portal.requests) == 4


async def test_a_page_that_is_always_cut_is_an_error(portal: Portal, client: ExploreClient) -> None:
    portal.cut(after_rows=10, next=None)
    with pytest.raises(TruncatedError):
        await read(client)


async def test_an_export_cut_before_its_first_row_is_opened_again(
    portal: Portal, client: ExploreClient
) -> None:
    portal.cut(after_rows=0)
    assert await export(client) == TREES
    assert len(portal.requests) == 2


@pytest.mark.parametrize("rows", [1, 10, 299])
async def test_a_cut_export_delivers_its_rows_and_then_an_error(
    portal: Portal, client: ExploreClient, rows: int
) -> None:
    portal.cut(after_rows=rows)
    received = []
    with pytest.raises(TruncatedError):
        async with client.dataset("trees").export("jsonl") as stream:
            async for row in stream.rows():
                received.append(row)
    assert received == TREES[:rows]


@pytest.mark.parametrize(
    "after", [{"after_rows": 300}, {"after_rows": 301}, {"after_bytes": 10**6}]
)
async def test_an_export_that_is_not_as_long_loses_its_end(
    portal: Portal, client: ExploreClient, after: dict[str, Any]
) -> None:
    portal.cut(**after)
    with pytest.raises(TruncatedError):
        await export(client)


async def test_a_cut_file_is_not_kept(portal: Portal, client: ExploreClient, tmp_path: Any) -> None:
    portal.cut(after_bytes=100)
    with pytest.raises(TruncatedError):
        async with client.dataset("trees").export("csv") as stream:
            await stream.save(tmp_path / "trees.csv")
    assert list(tmp_path.iterdir()) == []


async def test_a_refusal_is_not_cut(portal: Portal, client: ExploreClient) -> None:
    portal.cut(after_bytes=10)
    with pytest.raises(BadRequest, match="Unknown field: nothing"):
        await client.dataset("trees").records(Query().where("nothing = 1")).first()


async def test_rows_are_counted_only_where_there_are_rows(
    portal: Portal, client: ExploreClient
) -> None:
    portal.cut(after_rows=1)
    assert (await client.dataset("trees").info()).dataset_id == "trees"
    assert len(portal.requests) == 1


@pytest.mark.parametrize(
    ("file_format", "rows", "expected"),
    [
        ("csv", 0, ["id;name"]),
        ("csv", 2, ["id;name", "0;tree 0", "1;tree 1"]),
        ("jsonl", 0, []),
        ("jsonl", 1, ['{"id": 0, "name": "tree 0"}']),
    ],
)
async def test_lines_before_the_cut_arrive_after_a_head_without_error(
    portal: Portal, file_format: str, rows: int, expected: list[str]
) -> None:
    """The first line of csv is no row."""
    portal.cut(after_rows=rows)
    received = b""
    path = f"{portal.url}/api/explore/v2.1/catalog/datasets/trees/exports/{file_format}"
    async with aiohttp.ClientSession() as session, session.get(path) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            async for chunk in response.content.iter_any():
                received += chunk
    assert received.decode("utf-8-sig").splitlines() == expected


async def test_a_cut_in_a_later_chunk_ends_the_export() -> None:
    """So that the portal does not go on computing it."""
    closed = []

    async def chunks() -> AsyncGenerator[bytes, None]:
        try:
            for number in range(9):
                yield b"%d\n%d" % (number, number)
        finally:
            closed.append(number)

    request = cast("web.Request", SimpleNamespace(transport=None))
    broken = _broken_stream(request, chunks(), left=3, by_rows=True, end=hang_up)
    kept = [one async for one in broken]
    assert b"".join(kept) == b"0\n01\n12\n"
    assert closed == [2]


# ---------------------------------------------------------------- answers that never end


async def test_a_page_that_stalls_is_a_timeout(portal: Portal) -> None:
    portal.stall()
    limits = Timeouts(read=0.05)
    async with portal.client(timeouts=limits, retry=Retry.never()) as client:
        with pytest.raises(RequestTimeout):
            await count(client)


async def test_a_page_that_stalls_once_is_read_again(portal: Portal) -> None:
    portal.stall()
    async with portal.client(timeouts=Timeouts(read=0.5)) as client:
        assert await count(client) == 300
    assert len(portal.requests) == 2


@pytest.mark.parametrize(("after", "rows"), [(0, 0), (100, 3)])
async def test_an_export_that_stalls_delivers_what_came_and_then_a_timeout(
    portal: Portal, after: int, rows: int
) -> None:
    portal.stall(None, after_bytes=after)
    received = []
    limits = Timeouts(read=0.05)
    async with portal.client(timeouts=limits, retry=Retry.never()) as client:
        with pytest.raises(RequestTimeout):
            async with client.dataset("trees").export("jsonl") as stream:
                async for row in stream.rows():
                    received.append(row)
    assert received == TREES[:rows]


# ---------------------------------------------------------------- numbers that are none


async def test_a_page_with_nan_once_is_read_again(portal: Portal, client: ExploreClient) -> None:
    portal.nan()
    assert await read(client) == TREES
    assert len(portal.requests) == 4


async def test_a_page_that_always_has_nan_is_an_error(
    portal: Portal, client: ExploreClient
) -> None:
    """Which quotes the NaN."""
    portal.nan(None)
    with pytest.raises(DecodeError, match="NaN"):
        await read(client)


@pytest.mark.parametrize("file_format", ["jsonl", "json"])
async def test_an_export_with_nan_is_an_error_unless_it_is_read_as_null(
    portal: Portal, client: ExploreClient, file_format: str
) -> None:
    portal.nan(None)
    with pytest.raises(DecodeError):
        async with client.dataset("trees").export(file_format) as stream:
            [row async for row in stream.rows()]
    async with client.dataset("trees").export(file_format, nan_as_null=True) as stream:
        rows = [row async for row in stream.rows()]
    assert rows == [{**row, "id": None} for row in TREES]


async def test_only_numbers_of_rows_become_nan() -> None:
    """Texts that look like numbers and the total stay."""
    row = {"text": '1, "2": 3\\', "whole": 4, "half": -0.5, "large": 1e300, "no": None}
    async with Portal({"trees": [row]}) as portal, aiohttp.ClientSession() as session:
        portal.nan()
        path = f"{portal.url}/api/explore/v2.1/catalog/datasets/trees/records"
        async with session.get(path) as response:
            body = json.loads(await response.text(), parse_constant=lambda name: [name])
    assert body["total_count"] == 1
    expected = {"whole": ["NaN"], "half": ["NaN"], "large": ["NaN"]}
    assert body["results"] == [{**row, **expected}]


async def test_a_file_without_rows_as_json_has_no_nan(
    portal: Portal, client: ExploreClient
) -> None:
    portal.nan(None)
    async with client.dataset("trees").export("csv") as stream:
        assert len([row async for row in stream.rows()]) == 300
    assert (await client.dataset("trees").info()).dataset_id == "trees"


async def test_an_answer_can_have_nan_and_be_cut(portal: Portal) -> None:
    """Each fault changes what the others leave."""
    portal.nan(None)
    portal.cut(after_rows=2, next=None)
    received = b""
    path = f"{portal.url}/api/explore/v2.1/catalog/datasets/trees/exports/jsonl"
    async with aiohttp.ClientSession() as session, session.get(path) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            async for chunk in response.content.iter_any():
                received += chunk
    assert received == b'{"id": NaN, "name": "tree 0"}\n{"id": NaN, "name": "tree 1"}\n'
