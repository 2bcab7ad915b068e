"""Repeated pages: a server that ignores `offset` is told from data that repeats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from explore_async import ExploreClient, RepeatedPageError
from odsql import Query
from tests.explore_async.doubles import json_body, rows

if TYPE_CHECKING:
    from aiohttp import web

    from tests.explore_async.doubles import FakePortal


def offset_of(request: web.Request) -> int:
    return int(request.query["offset"])


@pytest.mark.parametrize("uniform", [False, True])
async def test_a_server_that_ignores_offset_is_an_error(
    client: ExploreClient, portal: FakePortal, uniform: bool
) -> None:
    """This holds for distinct and for equal rows."""
    page = [{"name": "same"}] * 100 if uniform else rows(100)
    portal.override = lambda request: json_body(
        {"total_count": 300, "results": page[: int(request.query["limit"])]}
    )
    with pytest.raises(RepeatedPageError):
        await client.dataset("trees").records().to_list()


async def test_one_stale_page_from_a_cache_is_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The second page repeats the first; the other pages are correct."""
    portal.rows = rows(400)

    def override(request: web.Request) -> web.Response | None:
        if (offset_of(request), request.query["limit"]) != (200, "100"):
            return None
        return json_body({"total_count": 400, "results": portal.rows[:100]})

    portal.override = override
    with pytest.raises(RepeatedPageError):
        await client.dataset("trees").records().to_list()


async def test_a_grouped_page_that_repeats_is_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Otherwise the reading would never end."""
    portal.override = lambda request: json_body({"results": rows(10)})
    with pytest.raises(RepeatedPageError):
        await client.dataset("trees").records(Query(group_by="id"), page_size=10).to_list()


@pytest.mark.parametrize("period", [1, 4])
async def test_honest_data_that_repeats_is_data(
    client: ExploreClient, portal: FakePortal, period: int
) -> None:
    """With a narrow select, pages of a constant or cyclic column are equal."""
    portal.rows = [{"minute": number % period * 15} for number in range(450)]
    assert await client.dataset("trees").records(Query(select="minute")).to_list() == portal.rows
    assert len(portal.requests) == 5 + 2


async def test_pages_of_a_result_beyond_the_window_may_repeat(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Whether rows follow its end cannot be asked there."""
    portal.rows = [{"minute": 0}] * 10_000
    records = client.dataset("trees").records(Query(select="minute"), max_rows=300)
    assert await records.to_list() == portal.rows[:300]


async def test_pages_without_a_total_may_repeat(client: ExploreClient, portal: FakePortal) -> None:
    portal.rows = [{"minute": number % 4} for number in range(250)]

    def override(request: web.Request) -> web.Response:
        offset, limit = offset_of(request), int(request.query["limit"])
        return json_body({"results": portal.rows[offset : offset + limit]})

    portal.override = override
    assert await client.dataset("trees").records(Query(select="minute")).to_list() == portal.rows
