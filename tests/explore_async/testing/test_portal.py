"""The portal for tests: what it holds, what it notes, and how it runs."""

from __future__ import annotations

import asyncio
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from explore_async import ApiKey, ODSQLError, QuotaExceeded, Timing, Unauthorized
from explore_async.portal import PortalField
from explore_async.portal.errors import StoreError
from explore_async.testing import Clock, Portal
from odsql import Query

if TYPE_CHECKING:
    from pathlib import Path

TREES: list[dict[str, Any]] = [{"name": "oak", "height": 21.5}, {"name": "elm", "height": None}]


async def test_rows_are_served_with_derived_fields() -> None:
    async with Portal({"trees": TREES}) as portal, portal.client() as client:
        trees = client.dataset("trees")
        assert await trees.records().to_list() == TREES
        types = [(one.name, one.type) for one in (await trees.info()).fields]
        assert types == [("name", "text"), ("height", "double")]


async def test_given_fields_replace_derived_ones() -> None:
    fields = [PortalField("name", "text", "Name", annotations={"facet": True})]
    async with Portal({"trees": [{"name": "oak"}]}, fields={"trees": fields}) as portal:
        async with portal.client() as client:
            (facet,) = await client.dataset("trees").facets("name")
            assert [one.name for one in facet.values] == ["oak"]


async def test_fields_alone_are_a_dataset_without_rows() -> None:
    fields = {"trees": [{"name": "name", "type": "text"}]}
    async with Portal(fields=fields) as portal, portal.client() as client:
        assert await client.dataset("trees").records().count() == 0
        with pytest.raises(ODSQLError):
            await client.dataset("trees").records(Query().where("height > 1")).first()


async def test_metadata_and_more_datasets() -> None:
    metas = {"trees": {"default": {"title": "Trees"}}}
    async with Portal({"trees": TREES}, metas=metas) as portal, portal.client() as client:
        default = (await client.dataset("trees").info()).metas["default"]
        assert default == {"title": "Trees", "records_count": 2}
        portal.store.add("birds", [{"name": "name", "type": "text"}], [{"name": "tit"}])
        assert await client.dataset("birds").records().count() == 1


async def test_keys_open_restricted_datasets() -> None:
    rows: dict[str, Any] = {"trees": TREES, "plans": TREES}
    keys: dict[str, dict[str, Any]] = {
        "opensesame": {"quota": "2/day"},
        "narrow": {"datasets": ["other"]},
    }
    async with Portal(rows, keys=keys, restricted=["plans"]) as portal:
        for auth, count in ((None, 1), ("narrow", 1), ("opensesame", 2)):
            async with portal.client(auth=auth) as client:
                assert await client.datasets().count() == count
        async with portal.client(auth="guess") as client:
            with pytest.raises(Unauthorized):
                await client.dataset("trees").info()


async def test_the_quota_of_a_key_follows_the_clock_of_the_portal() -> None:
    async with Portal({"trees": TREES}, keys={"opensesame": {"quota": "1/day"}}) as portal:
        async with portal.client(auth="opensesame") as client:
            await client.dataset("trees").info()
            with pytest.raises(QuotaExceeded) as caught:
                await client.dataset("trees").info()
            assert caught.value.reset_at == datetime(2026, 1, 2, tzinfo=UTC)
            portal.clock.advance(12 * 3600)
            await client.dataset("trees").info()


async def test_requests_are_noted_in_order() -> None:
    async with Portal({"trees": TREES}) as portal, portal.client() as client:
        trees = client.dataset("trees")
        await trees.info()
        query = Query().where("height > 1").refine("name:oak").refine("name:elm")
        await trees.records(query).first()
        first, second = portal.requests
        assert first.path == "/catalog/datasets/trees"
        assert not first.params
        assert second.path == "/catalog/datasets/trees/records"
        assert second.params["where"] == "height > 1"
        assert second.params.getall("refine") == ['name:"oak"', 'name:"elm"']
        assert "gzip" in second.headers["accept-encoding"]


async def test_requests_that_meet_a_fault_are_noted() -> None:
    async with Portal({"trees": TREES}) as portal, portal.client() as client:
        portal.fail(status=500)
        await client.dataset("trees").info()
        assert len(portal.requests) == 2


async def test_secrets_are_not_noted() -> None:
    """That there was one is."""
    async with Portal({"trees": TREES}) as portal:
        async with portal.client(auth=ApiKey("opensesame")) as client:
            await client.dataset("trees").info()
            session = client._transport.shared.connection.session("127.0.0.1")
            path = f"{portal.url}/api/explore/v2.1/catalog/datasets?apikey=opensesame"
            async with session.get(path, headers={"Cookie": "a=opensesame"}):
                pass
        by_header, by_parameter = portal.requests
        assert by_header.headers["Authorization"] == "<hidden>"
        assert by_parameter.params == {"apikey": "<hidden>"}
        assert by_parameter.headers["Cookie"] == "<hidden>"
        assert "opensesame" not in repr(portal.requests)


async def test_portal_and_client_share_a_clock() -> None:
    clock = Clock(datetime(2030, 5, 17, 8, tzinfo=UTC))
    async with Portal({"trees": TREES}, clock=clock) as portal, portal.client() as client:
        query = Query().select("now() as t").limit(1)
        clock.advance(60)
        (row,) = await client.dataset("trees").records(query).to_list()
        assert row["t"] == "2030-05-17T08:01:00+00:00"


async def test_the_options_of_a_client_come_first() -> None:
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async with Portal({"trees": TREES}) as portal:
        portal.fail(status=500)
        async with portal.client(timing=Timing(sleep=sleep)) as client:
            await client.dataset("trees").info()
    assert len(slept) == 1
    assert portal.clock.waits == []


def test_a_test_without_an_event_loop_runs_it_in_a_thread() -> None:
    async def read(portal: Portal) -> object:
        async with portal.client() as client:
            return await client.dataset("trees").records().to_list()

    before = threading.active_count()
    with Portal({"trees": TREES}) as portal:
        portal.fail(status=500)
        assert asyncio.run(read(portal)) == TREES
        assert len(portal.requests) == 2
    assert threading.active_count() == before


def test_a_folder_that_does_not_exist_leaves_no_thread(tmp_path: Path) -> None:
    before = threading.active_count()
    with pytest.raises(StoreError, match="does not exist"):
        with Portal(folder=tmp_path / "fixtures"):
            raise AssertionError
    assert threading.active_count() == before


async def test_rows_and_a_folder_are_not_the_same_dataset(tmp_path: Path) -> None:
    (tmp_path / "trees.csv").write_text("name\noak\n")
    with pytest.raises(StoreError, match="already exists"):
        async with Portal({"trees": TREES}, folder=tmp_path):
            raise AssertionError


def test_a_dataset_that_cannot_be_loaded_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(StoreError, match="several types"):
        with Portal({"trees": [{"name": 1}, {"name": "oak"}]}):
            raise AssertionError
    assert threading.active_count() == before
