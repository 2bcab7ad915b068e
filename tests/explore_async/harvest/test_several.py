"""Harvests of several datasets at a time."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest

from explore_async.errors import ConfigurationError, IncompleteHarvestError, NotFound
from explore_async.harvest import Committed, Failed, Finished, Manifest, harvest, harvest_all
from explore_async.testing import Portal
from tests.explore_async.harvest.trees import FIELDS, METAS, multiset, rows_of, trees

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from explore_async import ExploreClient
    from explore_async.harvest import Harvest

NAMES = ("ash", "birch", "cedar", "elm", "fir")


@pytest.fixture
async def portal() -> AsyncIterator[Portal]:
    """A portal with five datasets."""
    async with Portal(
        {name: trees(100) for name in NAMES},
        fields=dict.fromkeys(NAMES, FIELDS),
        metas=dict.fromkeys(NAMES, METAS),
    ) as one:
        yield one


def of(client: ExploreClient, folder: Path, *names: str, **options: Any) -> list[Harvest]:
    """Return the harvests of these datasets."""
    return [harvest(client, name, folder, **options) for name in names]


async def test_manifests_are_in_the_order_of_the_harvests(
    client: ExploreClient, tmp_path: Path
) -> None:
    """Each dataset has all its rows."""
    manifests = await harvest_all(of(client, tmp_path, *NAMES), at_once=3)
    assert [one.dataset_id for one in manifests if isinstance(one, Manifest)] == list(NAMES)
    for one in manifests:
        assert isinstance(one, Manifest)
        assert multiset(rows_of(tmp_path, one)) == multiset(trees(100))


async def test_one_that_fails_does_not_stop_the_others(
    client: ExploreClient, tmp_path: Path
) -> None:
    """Its error has its place."""
    first, absent, last = await harvest_all(of(client, tmp_path, "ash", "absent", "fir"))
    assert isinstance(absent, NotFound)
    assert isinstance(first, Manifest)
    assert isinstance(last, Manifest)


async def test_events_say_which_harvest_they_are_of(client: ExploreClient, tmp_path: Path) -> None:
    """Each ends with Finished or Failed."""
    harvests = of(client, tmp_path, "ash", "absent", "fir")
    ended: dict[str, type] = {}
    async for one, event in harvest_all(harvests):
        assert one in harvests
        ended[one.dataset_id] = type(event)
    assert ended == {"ash": Finished, "absent": Failed, "fir": Finished}


async def test_only_so_many_run_at_a_time(
    client: ExploreClient, portal: Portal, tmp_path: Path
) -> None:
    """One after the other, if it is one."""
    await harvest_all(of(client, tmp_path, "ash", "birch", "cedar"), at_once=1)
    order = [one.path.split("/datasets/")[1].split("/")[0] for one in portal.requests]
    assert order == sorted(order)


async def test_a_drain_ends_those_that_run_and_begins_no_other(
    client: ExploreClient, tmp_path: Path
) -> None:
    """With resume, all are complete."""
    options: dict[str, Any] = {"strategy": "exports", "partition_rows": 10}
    works = harvest_all(of(client, tmp_path, *NAMES, **options), at_once=2)
    failed = []
    async for one, event in works:
        if isinstance(event, Committed):
            works.drain()
        if isinstance(event, Failed):
            assert isinstance(event.error, IncompleteHarvestError)
            failed.append((one.dataset_id, event.error.message))
    assert sorted(name for name, _ in failed) == list(NAMES)
    assert sum("was not begun" in message for _, message in failed) == 3
    manifests = await harvest_all(of(client, tmp_path, *NAMES, resume=True, **options))
    assert [one.rows for one in manifests if isinstance(one, Manifest)] == [100] * 5


async def test_a_loop_that_is_left_ends_all(client: ExploreClient, tmp_path: Path) -> None:
    """Their folders are free at once."""
    async with aclosing(harvest_all(of(client, tmp_path, *NAMES)).events()) as events:
        await anext(events)
    manifests = await harvest_all(of(client, tmp_path, *NAMES, resume=True))
    assert all(isinstance(one, Manifest) for one in manifests)


async def test_no_harvest_is_no_work() -> None:
    """As for a portal without datasets."""
    assert await harvest_all([]) == []


async def test_what_is_no_harvest_is_refused(client: ExploreClient, tmp_path: Path) -> None:
    """Before anything is sent."""
    [one] = of(client, tmp_path, "ash")
    with pytest.raises(ConfigurationError, match="got str"):
        harvest_all(["ash"])  # type: ignore[list-item]
    with pytest.raises(ConfigurationError, match="got a harvest twice"):
        harvest_all([one, one])
    with pytest.raises(ConfigurationError, match="at_once is 0"):
        harvest_all([one], at_once=0)
