"""Rows that come and go while they are read, and what the client makes of it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, cast

import aiohttp
import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from explore_async import (
    ExploreClient,
    TotalCountDriftError,
)
from explore_async.portal.changing import change_a_row
from explore_async.testing import Portal
from odsql import Query
from tests.explore_async.portal.trees import TREES, client, count, export, portal, read

if TYPE_CHECKING:
    from pathlib import Path


__all__ = ["client", "portal"]


async def totals(portal: Portal, count: int) -> list[int]:
    """Request the second page so many times, and return its `total_count`s."""
    path = f"{portal.url}/api/explore/v2.1/catalog/datasets/trees/records?limit=1&offset=1"
    found = []
    async with aiohttp.ClientSession() as session:
        for _ in range(count):
            async with session.get(path) as response:
                found.append((await response.json())["total_count"])
    return found


async def identifiers(client: ExploreClient) -> list[object]:
    """Return what an export has, which no mutation meets."""
    return [row["id"] for row in await export(client)]


async def test_a_row_that_goes_while_paging_is_an_error(
    portal: Portal, client: ExploreClient
) -> None:
    """The row is really gone: also from the total, the description and exports."""
    portal.mutate()
    with pytest.raises(TotalCountDriftError):
        await read(client)
    left = await identifiers(client)
    assert len(left) == len(set(left)) == await count(client) == 299
    info = await client.dataset("trees").info()
    assert cast("dict[str, object]", info.metas["default"])["records_count"] == 299


async def test_a_row_that_went_comes_back_at_the_end(client: ExploreClient, portal: Portal) -> None:
    """So every row is one that the dataset had."""
    portal.mutate(None)
    seen = await totals(portal, 12)
    assert {after - before for before, after in pairwise([300, *seen])} == {1, -1}
    left = await identifiers(client)
    assert set(left) < {row["id"] for row in TREES}
    assert left != sorted(cast("list[int]", left))


def test_the_row_that_went_first_returns_first_and_at_the_end() -> None:
    """With nothing to return a row goes, and with no row left nothing happens."""
    with duckdb.connect() as connection:
        connection.execute("CREATE TABLE t AS SELECT unnest(['a', 'b', 'c']) AS name")
        seen = []
        for returns, place in [
            *[(True, 0.0), (False, 0.999), (True, 0.0), (True, 0.0)],
            *[(False, 0.5), (False, 0.5), (False, 0.0), (False, 0.0)],
        ]:
            change_a_row(connection, "t", returns=returns, place=place)
            names = connection.execute("SELECT name FROM t ORDER BY rowid").fetchall()
            seen.append("".join(name for (name,) in names))
    assert seen == ["bc", "b", "ba", "bac", "bc", "b", "", ""]


async def test_the_first_page_and_other_requests_change_nothing(
    portal: Portal, client: ExploreClient
) -> None:
    portal.mutate(None)
    await client.dataset("trees").records(Query().limit(100)).to_list()
    await client.dataset("trees").info()
    assert len(await export(client)) == 300


async def test_the_same_rows_go_under_the_same_seed() -> None:
    left = []
    for seed in (7, 7, 8):
        async with Portal({"trees": TREES}, seed=seed) as portal, portal.client() as client:
            portal.mutate()
            with pytest.raises(TotalCountDriftError):
                await read(client)
            left.append(await identifiers(client))
    assert left[0] == left[1] != left[2]


async def test_rows_of_a_file_come_and_go_but_not_in_the_file(tmp_path: Path) -> None:
    """Parquet is read in place, until it changes."""
    path = tmp_path / "trees.parquet"
    pq.write_table(pa.table({"id": [row["id"] for row in TREES]}), path)
    before = path.read_bytes()
    async with Portal(folder=tmp_path) as portal, portal.client() as client:
        portal.mutate()
        assert await totals(portal, 2) == [299, 299]
        left = await identifiers(client)
    assert set(left) < {row["id"] for row in TREES}
    assert path.read_bytes() == before


async def test_a_shape_that_comes_back_is_found_again() -> None:
    """Shapes are kept in memory by their place in the dataset."""
    lines = ([[2.0, 48.0], [2.0 + place / 10, 48.5]] for place in range(3))
    rows = [{"at": {"type": "LineString", "coordinates": line}} for line in lines]
    fields = {"trees": [{"name": "at", "type": "geo_shape"}]}
    around = "within(at, geom'POLYGON((1 47, 4 47, 4 49, 1 49, 1 47))')"
    async with Portal({"trees": rows}, fields=fields, seed=1) as portal, portal.client() as client:
        portal.mutate(None)
        seen, inside = [], []
        for _ in range(8):
            seen += await totals(portal, 1)
            inside.append(await client.dataset("trees").records(where=around).count())
    assert inside == seen
