"""The plan: the cheapest complete strategy, and what it costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from explore_async.errors import ConfigurationError, ForbiddenAccess
from explore_async.harvest import plan as plans
from explore_async.harvest import plan_harvest
from explore_async.testing import Portal
from odsql import Query

if TYPE_CHECKING:
    from explore_async import ExploreClient

EXPORTS = "*/exports/*"


async def test_one_export_is_the_cheapest(portal: Portal, client: ExploreClient) -> None:
    """It takes one request, besides those that check the result."""
    plan = await plan_harvest(client, "trees")
    assert plan.strategy == "export"
    assert plan.reason == "one request brings all 1,000 rows"
    assert [one.where for one in plan.partitions] == [None]
    assert (plan.planning_requests, plan.requests, plan.quota) == (3, 3, 6)
    assert len(portal.requests) == plan.planning_requests
    assert plan.rows == 1_000
    assert plan.bytes is not None
    assert 50_000 < plan.bytes < 500_000


async def test_more_rows_than_one_export_should_lose_are_partitions(
    client: ExploreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that breaks off costs one of them only."""
    monkeypatch.setattr(plans, "EXPORT_ROWS", 300)
    plan = await plan_harvest(client, "trees")
    assert plan.strategy == "exports"
    assert "would lose them all if it broke off" in plan.reason
    assert plan.rows == 1_000
    assert all(0 < one.expected <= 300 for one in plan.partitions)
    assert plan.requests == len(plan.partitions) + 2


@pytest.mark.parametrize("status", [403, 404, 500])
async def test_without_exports_there_are_pages(
    portal: Portal, client: ExploreClient, status: int
) -> None:
    """Some portals close exports and leave pages open."""
    portal.fail(None, status=status, path=EXPORTS)
    plan = await plan_harvest(client, "trees", partition_rows=250)
    assert plan.strategy == "pages"
    assert plan.reason == "the exports of this dataset are closed or broken"
    assert all(one.expected <= 250 for one in plan.partitions)
    assert plan.requests == sum(-(-one.expected // 100) for one in plan.partitions) + 2


async def test_an_export_without_rows_counts_as_closed(
    client: ExploreClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Portals were seen to answer so instead of with 403."""
    from explore_async.results.exports import ExportStream

    async def nothing(_: object) -> Any:
        return
        yield

    monkeypatch.setattr(ExportStream, "rows", nothing)
    plan = await plan_harvest(client, "trees")
    assert plan.strategy == "pages"
    assert plan.columns == ("number", "kind", "height", "planted", "seen", "names", "place")


async def test_the_rows_are_those_of_the_query(client: ExploreClient) -> None:
    """Its filters hold for every count, and its columns for every row."""
    plan = await plan_harvest(
        client, "trees", Query(where="number < 100", select="kind, height as h"), partition_rows=50
    )
    assert plan.rows == 300
    assert plan.columns == ("kind", "h")


@pytest.mark.parametrize(
    "clauses",
    [{"limit": 600}, {"order_by": "number"}, {"group_by": "number"}],
    ids=lambda one: next(iter(one)),
)
async def test_rows_that_belong_together_are_one_export(
    client: ExploreClient, clauses: dict[str, Any]
) -> None:
    """A part of a limit, an order or groups means nothing."""
    plan = await plan_harvest(client, "trees", partition_rows=50, **clauses)
    assert plan.strategy == "export"
    assert len(plan.partitions) == 1
    assert plan.rows == {"limit": 600, "order_by": 1_000, "group_by": 334}[next(iter(clauses))]


async def test_without_exports_rows_that_belong_together_have_to_fit(
    portal: Portal, client: ExploreClient
) -> None:
    """They cannot be cut."""
    portal.fail(None, status=403, path=EXPORTS)
    with pytest.raises(ConfigurationError, match="cannot be cut into partitions"):
        await plan_harvest(client, "trees", partition_rows=50, order_by="number")


async def test_a_plan_that_is_too_dear_is_refused(portal: Portal, client: ExploreClient) -> None:
    """Before a row is fetched, with the numbers."""
    plan = await plan_harvest(client, "trees", strategy="pages", partition_rows=100)
    assert (
        await plan_harvest(
            client, "trees", strategy="pages", partition_rows=100, max_requests=plan.quota
        )
    ).quota == plan.quota
    with pytest.raises(ConfigurationError, match=f"take {plan.quota} requests, of which"):
        await plan_harvest(
            client, "trees", strategy="pages", partition_rows=100, max_requests=plan.quota - 1
        )


async def test_planning_itself_stops_at_the_maximum(portal: Portal, client: ExploreClient) -> None:
    """Counting costs quota, too."""
    with pytest.raises(ConfigurationError, match="Planning alone needs more than 4 requests"):
        await plan_harvest(client, "trees", partition_rows=10, max_requests=4)
    assert len(portal.requests) <= 4


async def test_rows_that_nothing_cuts_are_exported_whole() -> None:
    """An export has no limit of rows, and a note says so."""
    rows = [{"a": 1}] * 50 + [{"a": 2}]
    async with Portal({"some": rows}) as portal, portal.client() as client:
        plan = await plan_harvest(client, "some", partition_rows=20)
        assert [one.expected for one in plan.partitions] == [50, 1]
        [note] = plan.notes
        assert note.startswith("50 rows have the same values in every field that was tried (a)")


async def test_pages_that_cannot_reach_all_rows_are_no_plan() -> None:
    """The message says which rows, and what to try."""
    rows = [{"a": 1}] * 10_001
    async with Portal({"some": rows}) as portal, portal.client() as client:
        portal.fail(None, status=403, path=EXPORTS)
        with pytest.raises(ConfigurationError, match=r"10,001 rows have the same values.*--where"):
            await plan_harvest(client, "some")


async def test_a_dataset_whose_rows_are_hidden_is_refused(
    client: ExploreClient, portal: Portal
) -> None:
    """Its description is open, so the reason is clear."""
    portal.store.add("hidden", [{"name": "a", "type": "int"}], [{"a": 1}], data_visible=False)
    with pytest.raises(ForbiddenAccess, match="but not its rows"):
        await plan_harvest(client, "hidden")


async def test_a_dataset_without_rows_is_one_empty_partition(
    portal: Portal, client: ExploreClient
) -> None:
    """So that there is a file with its columns."""
    portal.store.add("empty", [{"name": "a", "type": "int"}], [])
    plan = await plan_harvest(client, "empty")
    assert [(one.where, one.expected) for one in plan.partitions] == [(None, 0)]
    assert plan.columns == ("a",)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strategy": "torrent"}, "export, exports, pages"),
        ({"partition_rows": 0}, "at least 1"),
        ({"split_by": "number"}, "list of names"),
        ({"split_by": ["names"], "partition_rows": 9}, "Choose from the fields"),
        ({"offset": 5}, "neither offset nor facet"),
    ],
    ids=["strategy", "rows", "text", "field", "offset"],
)
async def test_arguments_out_of_range_are_refused(
    client: ExploreClient, options: dict[str, Any], message: str
) -> None:
    """The message says what is possible."""
    with pytest.raises(ConfigurationError, match=message):
        await plan_harvest(client, "trees", **options)
