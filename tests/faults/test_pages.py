"""Failures 15 to 18, 23, 26 and 30: pages that shift, repeat, end, stall or change types."""

from __future__ import annotations

import asyncio
import random
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from explore_async import (
    DecodeError,
    ExploreClient,
    IntegrityError,
    RepeatedPageError,
    ServerError,
    TotalCountDriftError,
    WindowExceeded,
)
from odsql import Query
from tests.explore_async.doubles import FakePortal, Wire, http, json_body, rows, settle, writes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiohttp import web


def offset_of(request: web.Request) -> int:
    return int(request.query["offset"])


@pytest.mark.parametrize("change", ["inserted", "deleted", "all deleted"])
async def test_15_rows_written_between_two_pages_are_noticed(
    client: ExploreClient, portal: FakePortal, change: str
) -> None:
    """Pages shift, so rows would be duplicated or missing; the error suggests an export."""
    portal.rows = rows(500)

    async def before(request: web.Request) -> None:
        if offset_of(request) == 300:
            changed = {"inserted": [{"id": -1}, *rows(500)], "deleted": rows(500)[1:]}
            portal.rows = changed.get(change, [])

    portal.before = before
    with pytest.raises(IntegrityError, match="export") as caught:
        await client.dataset("trees").records().to_list()
    assert isinstance(caught.value, TotalCountDriftError)
    assert caught.value.expected == 500


class Tied:
    """A dataset whose many rows per genus have another order in each response.

    The order follows the keys of `order_by`, and is random otherwise.
    """

    def __init__(self, count: int) -> None:
        self.rows = [{**row, "genus": row["id"] // 150} for row in rows(count)]
        self._answers = 0

    def __call__(self, request: web.Request) -> web.Response:
        self._answers += 1
        keys = request.query["order_by"].replace(" ", "").split(",")
        mixed = random.Random(self._answers).sample(self.rows, len(self.rows))
        mixed.sort(key=lambda row: [row[key] for key in keys])
        start = offset_of(request)
        page = mixed[start : start + int(request.query["limit"])]
        return json_body({"total_count": len(mixed), "results": page})


@pytest.mark.parametrize(("order_by", "whole"), [("genus, id", True), ("genus", False)])
async def test_15_ties_stay_in_place_only_if_the_order_is_unique(
    client: ExploreClient, portal: FakePortal, order_by: str, whole: bool
) -> None:
    """Otherwise rows are duplicated or missing, as documented, and no response shows it."""
    tied = Tied(600)
    portal.override = tied
    found = await client.dataset("trees").records(Query(order_by=order_by)).to_list()
    assert len(found) == 600
    assert [row["genus"] for row in found] == [row["genus"] for row in tied.rows]
    assert (found == tied.rows) is whole
    assert (len({row["id"] for row in found}) == 600) is whole


async def test_16_rows_that_an_export_holds_twice_are_told(
    client: ExploreClient, portal: FakePortal, tmp_path: Path
) -> None:
    """Duplicates may be intended, so they are counted even if the total matches."""
    portal.rows = [*rows(300), *rows(20)]
    proof = await client.dataset("trees").export_verified(tmp_path / "trees.jsonl")
    assert (proof.expected, proof.received, proof.unique) == (320, 320, 300)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), count=st.integers(0, 60), page_size=st.integers(1, 70))
def test_16_no_row_is_double_or_lost_at_the_edge_of_a_page(
    data: st.DataObject, count: int, page_size: int
) -> None:
    """Every page size, start and number of rows gives the right rows."""
    start = data.draw(st.integers(0, count + 3))
    most = data.draw(st.none() | st.integers(0, count + 3))

    async def read() -> list[dict[str, Any]]:
        async with FakePortal().running() as portal:
            portal.rows = rows(count)
            async with ExploreClient(portal.url) as client:
                records = client.dataset("trees").records(
                    Query(offset=start), max_rows=most, page_size=page_size
                )
                return await records.to_list()

    stop = count if most is None else start + most
    assert asyncio.run(read()) == rows(count)[start:stop]


@pytest.mark.parametrize("from_offset", [100, 400])
async def test_17_a_server_that_repeats_a_page_is_found_out(
    client: ExploreClient, portal: FakePortal, from_offset: int
) -> None:
    """The number of rows matches the total, but they are the wrong rows."""
    whole = rows(1000)
    portal.override = lambda request: (
        json_body({"total_count": 1000, "results": whole[:100]})
        if offset_of(request) >= from_offset
        else json_body(
            {"total_count": 1000, "results": whole[offset_of(request) : offset_of(request) + 100]}
        )
    )
    with pytest.raises(RepeatedPageError):
        await client.dataset("trees").records().to_list()
    assert len(portal.requests) <= 12 + 8


async def test_17_groups_that_repeat_for_ever_end(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Groups have no total and so no known last page; a repeated page is an error."""
    portal.override = lambda request: json_body({"results": rows(10)})
    grouped = Query(select="count(*)", group_by="name")
    with pytest.raises(RepeatedPageError):
        await client.dataset("trees").records(grouped, page_size=10).to_list()
    assert len(portal.requests) < 5


@pytest.mark.parametrize(
    ("start", "most", "allowed"),
    [(9_900, 100, True), (9_901, 100, False), (9_999, 1, True), (10_000, 1, False)],
)
async def test_18_the_window_ends_at_10000(
    client: ExploreClient, portal: FakePortal, start: int, most: int, allowed: bool
) -> None:
    """One row beyond it is refused before a request is sent; the error suggests an export."""
    portal.rows = rows(10_050)
    trees = client.dataset("trees")
    if allowed:
        found = await trees.records(Query(offset=start), max_rows=most).to_list()
        assert found == portal.rows[start : start + most]
        sent = [(params["offset"], params["limit"]) for _, params in portal.requests]
        assert sent == [(str(start), str(most))]
        return
    with pytest.raises(WindowExceeded, match="export"):
        trees.records(Query(offset=start), max_rows=most)
    assert portal.requests == []


async def test_23_a_reader_who_stops_lets_go_of_the_only_connection(portal: FakePortal) -> None:
    """With one slot, the next call works only if the first has released it."""
    portal.rows = rows(300)
    async with ExploreClient(portal.url, concurrency=1) as client:
        trees = client.dataset("trees")
        async for row in trees.records():
            if row["id"] == 5:
                break
        async with trees.export("jsonl") as stream, aclosing(stream.rows()) as found:
            async for _ in found:
                break
        async with asyncio.timeout(5):
            assert await trees.records().first() == {"id": 0, "name": "row 0"}


async def test_23_a_reader_who_fails_stops_the_requests(portal: FakePortal, tmp_path: Path) -> None:
    """The reader's error propagates unchanged, and no further page is requested."""
    portal.rows = rows(5000)

    def failing(progress: object) -> None:
        raise ZeroDivisionError

    async with ExploreClient(portal.url, concurrency=2) as client:
        trees = client.dataset("trees")
        with pytest.raises(ZeroDivisionError):
            async with trees.records().open() as found:
                async for row in found:
                    if row["id"] == 150:
                        failing(None)
        sent = len(portal.requests)
        await settle()
        assert len(portal.requests) == sent < 10
        assert client._scheduler.tasks == 0
        with pytest.raises(ZeroDivisionError):
            async with trees.export("jsonl") as stream:
                await stream.save(tmp_path / "trees.jsonl", progress=failing)
    assert list(tmp_path.iterdir()) == []


async def test_26_a_slow_first_page_holds_back_a_bounded_number(portal: FakePortal) -> None:
    """The following pages wait in a bounded window, and no more are requested."""
    portal.rows = rows(10_000)
    late = asyncio.Event()

    async def before(request: web.Request) -> None:
        if offset_of(request) == 100:
            await late.wait()

    portal.before = before
    async with ExploreClient(portal.url, concurrency=4) as client:
        reading = asyncio.ensure_future(client.dataset("trees").records().to_list())
        await portal.until_requests(2)
        for _ in range(50):
            await settle()
        asked = len(portal.requests)
        late.set()
        assert await reading == portal.rows
        assert client._scheduler.tasks == 0
    assert asked <= 1 + 2 * 4


async def test_26_leaving_while_the_head_is_late_leaves_no_task(portal: FakePortal) -> None:
    """Finished pages that are never taken are dropped with the others."""
    portal.rows = rows(1000)
    forever = asyncio.Event()

    async def before(request: web.Request) -> None:
        if offset_of(request) == 100:
            await forever.wait()

    portal.before = before
    async with ExploreClient(portal.url, concurrency=4) as client:
        reading = asyncio.ensure_future(client.dataset("trees").records().to_list())
        await portal.until_requests(4)
        reading.cancel()
        await asyncio.wait([reading])
        assert client._scheduler.tasks == 0


def changing(values: list[Any]) -> Callable[[web.Request], web.Response]:
    """Return a dataset with one row per page and these values in its one field."""
    return lambda request: json_body(
        {"total_count": len(values), "results": [{"a": values[offset_of(request)]}]}
    )


@pytest.mark.parametrize(
    "values",
    [
        pytest.param([None, 1, 2.5], id="null, then int, then float"),
        pytest.param([1, "one", None], id="int, then text"),
        pytest.param([2**63 - 1, 2**64 - 1, -(2**63)], id="64 bits"),
        pytest.param([1e300, -0.0, 5e-324], id="edges of floats"),
        pytest.param([{"lon": 1.5, "lat": 2.5}, None, []], id="objects and lists"),
        pytest.param(["\ud7ff\U0010ffff\x00\x7f", "\u2028", ""], id="odd letters"),
    ],
)
async def test_30_rows_are_what_was_sent_whatever_their_types(
    client: ExploreClient, portal: FakePortal, values: list[Any]
) -> None:
    """A page does not determine the types of the next one."""
    portal.override = changing(values)
    found = await client.dataset("trees").records(page_size=1).to_list()
    assert [row["a"] for row in found] == values
    assert [type(row["a"]) for row in found] == list(map(type, values))


async def test_30_columns_may_come_and_go(client: ExploreClient, portal: FakePortal) -> None:
    """Each row is a plain dict with the keys that the server sent."""
    shapes: list[dict[str, Any]] = [{"a": 1}, {"a": 1, "b": 2}, {"c": None}]
    portal.override = lambda request: json_body(
        {"total_count": 3, "results": [shapes[offset_of(request)]]}
    )
    assert await client.dataset("trees").records(page_size=1).to_list() == shapes


@pytest.mark.parametrize("answer", [b'{"total_count": 1, "results": [{"a": "\xe9"}]}', b"\xff\xfe"])
async def test_30_text_that_is_not_utf_8_is_an_error(answer: bytes) -> None:
    """The encoding is not guessed."""
    async with Wire(writes(http(answer))).running() as wire:
        async with ExploreClient(wire.url) as client:
            with pytest.raises(DecodeError):
                await client.dataset("trees").records().to_list()


async def test_30_rows_that_are_no_objects_are_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """This holds even if only the last page contains them."""
    portal.override = lambda request: json_body(
        {"total_count": 2, "results": [{"a": 1} if offset_of(request) == 0 else ["a", 1]]}
    )
    with pytest.raises(DecodeError):
        await client.dataset("trees").records(page_size=1).to_list()


async def test_23_the_first_failure_stops_the_siblings(portal: FakePortal) -> None:
    """A page that fails permanently cancels the pages in flight."""
    portal.rows = rows(10_000)
    portal.override = lambda request: (
        json_body({"error": "no"}, status=501) if offset_of(request) == 300 else None
    )
    async with ExploreClient(portal.url, concurrency=4) as client:
        with pytest.raises(ServerError):
            await client.dataset("trees").records().to_list()
        assert client._scheduler.tasks == 0
    assert len(portal.requests) < 15
