"""The client's own exports of a portal: verified files, typed tables and data frames."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import geopandas
import pyarrow.parquet as pq
import pytest
import shapely

from explore_async import ExploreClient
from explore_async.portal import serve
from explore_async.results.tallies import COUNTED
from tests.explore_async.portal.asking import GEONAMES, THINGS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from explore_async.portal import Store


@pytest.fixture
async def client(samples: Store) -> AsyncIterator[ExploreClient]:
    """A client of a portal with the sample datasets."""
    async with serve(samples) as url, ExploreClient(url) as made:
        yield made


@pytest.mark.parametrize("file_format", COUNTED)
async def test_verified_exports_are_whole(
    client: ExploreClient, tmp_path: Path, file_format: str
) -> None:
    """As many rows as the portal counts are in the file."""
    path = tmp_path / f"things.{file_format}"
    found = await client.dataset("things").export_verified(path, file_format=file_format)
    assert found.received == len(THINGS)


async def test_verified_files_can_be_read(client: ExploreClient, tmp_path: Path) -> None:
    """GeoJSON and Parquet hold the same geometries."""
    for file_format in ("geojson", "parquet"):
        await client.dataset("public-trees").export_verified(
            tmp_path / file_format, file_format=file_format
        )
    features = json.loads((tmp_path / "geojson").read_bytes())["features"]
    frame = geopandas.read_parquet(tmp_path / "parquet")
    assert [shapely.geometry.shape(each["geometry"]) for each in features] == list(frame.geometry)


async def test_a_parquet_export_is_a_geopandas_frame(client: ExploreClient) -> None:
    """The active geometry is the primary column of the file."""
    async with client.dataset("things").export("parquet") as stream:
        frame = await stream.to_geopandas()
    assert frame.active_geometry_name == "shape"
    assert frame.geometry[0] == shapely.Point(2.3522, 48.8566)


async def test_a_large_verified_export(cities: Store, tmp_path: Path) -> None:
    """Far more rows than paging reaches."""
    (dataset,) = cities.datasets
    async with serve(cities) as url, ExploreClient(url) as client:
        path = tmp_path / "cities.parquet"
        found = await client.dataset(GEONAMES.split("/")[1]).export_verified(
            path, file_format="parquet"
        )
    assert found.received == dataset.records_count == pq.read_metadata(path).num_rows
