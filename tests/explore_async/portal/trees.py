"""A portal with 300 trees for the tests of faults, and ways to read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from explore_async.testing import Portal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from explore_async import ExploreClient, Row

__all__ = ["TREES", "client", "count", "export", "portal", "read"]

TREES = [{"id": number, "name": f"tree {number}"} for number in range(300)]


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    """A portal with 300 trees."""
    async with Portal({"trees": TREES}) as portal:
        yield portal


@pytest.fixture
async def client(portal: Portal) -> AsyncIterator[ExploreClient]:
    """A client on the portal's clock."""
    async with portal.client() as client:
        yield client


async def count(client: ExploreClient) -> int:
    return await client.dataset("trees").records().count()


async def read(client: ExploreClient) -> list[Row]:
    return await client.dataset("trees").records().to_list()


async def export(client: ExploreClient) -> list[Row]:
    async with client.dataset("trees").export("jsonl") as stream:
        return [row async for row in stream.rows()]
