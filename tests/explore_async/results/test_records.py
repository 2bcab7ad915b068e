"""Records deliver every row once, in order, within the server's window, or raise an error."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from explore_async import (
    ConfigurationError,
    DecodeError,
    ExploreClient,
    ExploreError,
    NotFoundURI,
    ServerError,
    ShortPageError,
    TotalCountDriftError,
    WindowExceeded,
)
from explore_async.testing import Portal
from odsql import Query
from tests.explore_async.doubles import json_body, rows, settle

if TYPE_CHECKING:
    from tests.explore_async.doubles import FakePortal


def offset_of(request: web.Request) -> int:
    return int(request.query["offset"])


async def test_making_records_sends_nothing(client: ExploreClient, portal: FakePortal) -> None:
    """A `Records` object is only a plan; its first use sends requests."""
    client.dataset("trees").records(Query(where="id > 3"))
    await settle()
    assert portal.requests == []


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250, 1000])
async def test_all_rows_come_once_and_in_order(
    client: ExploreClient, portal: FakePortal, count: int
) -> None:
    """The division into pages does not matter."""
    portal.rows = rows(count)
    assert [row async for row in client.dataset("trees").records()] == portal.rows
    assert await client.dataset("trees").records().to_list() == portal.rows


@pytest.mark.parametrize("page_size", [1, 7, 100])
async def test_page_size_changes_requests_not_rows(
    client: ExploreClient, portal: FakePortal, page_size: int
) -> None:
    """Every page size returns the same result."""
    portal.rows = rows(23)
    assert await client.dataset("trees").records(page_size=page_size).to_list() == portal.rows
    assert len(portal.requests) == -(-23 // page_size)


async def test_order_is_kept_when_answers_overtake(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A slow first page delays its successors and keeps its place."""
    portal.rows = rows(500)
    late = asyncio.Event()

    async def before(request: web.Request) -> None:
        if offset_of(request) == 100:
            await late.wait()
        if offset_of(request) == 400:
            late.set()

    portal.before = before
    assert await client.dataset("trees").records().to_list() == portal.rows


async def test_requests_in_flight_are_bounded(portal: FakePortal) -> None:
    """Several readings together never exceed `concurrency`."""
    portal.rows = rows(2000)
    portal.before = lambda request: settle()
    async with ExploreClient(portal.url, concurrency=3) as client:
        dataset = client.dataset("trees")
        await client.gather(*(dataset.records().to_list() for _ in range(3)))
    assert portal.peak == 3


async def test_a_slow_reader_stops_new_requests(portal: FakePortal) -> None:
    """Once the window is full, no request is sent until a row is taken."""
    portal.rows = rows(3000)
    async with ExploreClient(portal.url, concurrency=4) as client:
        async with client.dataset("trees").records().open() as reader:
            for _ in range(101):
                await anext(reader)
            await portal.until_requests(6)
            await settle()
            assert len(portal.requests) == 6  # the first, the one being read, and four ahead
            for _ in range(100):
                await anext(reader)
            await portal.until_requests(11)
            await settle()
            assert len(portal.requests) == 11  # two, the one being read, and eight ahead


async def test_leaving_a_loop_cancels_what_is_in_flight(portal: FakePortal) -> None:
    """After `break`, tasks end and connections are released."""
    portal.rows = rows(2000)
    blocked = asyncio.Event()

    async def before(request: web.Request) -> None:
        if offset_of(request) >= 200:
            await blocked.wait()

    portal.before = before
    async with ExploreClient(portal.url, concurrency=4) as client:
        async for row in client.dataset("trees").records():
            if row["id"] == 150:
                break
        await settle()
        assert client._scheduler.tasks == 0
        portal.before = None
        assert await client.dataset("trees").records().first() == {"id": 0, "name": "row 0"}
        blocked.set()


async def test_open_has_cancelled_when_the_block_is_left(portal: FakePortal) -> None:
    """The context manager guarantees it when the block ends."""
    portal.rows = rows(2000)
    async with ExploreClient(portal.url, concurrency=4) as client:
        async with client.dataset("trees").records().open() as reader:
            async for row in reader:
                if row["id"] == 150:
                    break
        assert client._scheduler.tasks == 0


@pytest.mark.parametrize("max_rows", [None, 1000])
async def test_an_error_comes_after_the_rows_before_it(
    portal: FakePortal, max_rows: int | None
) -> None:
    """A page that always fails withholds none of them, and cancels the pages after it."""
    portal.rows = rows(1000)
    blocked = asyncio.Event()

    async def before(request: web.Request) -> None:
        if offset_of(request) > 300:
            await blocked.wait()

    def override(request: web.Request) -> web.Response | None:
        error = {"error_code": "NotFoundURI", "message": "gone"}
        return json_body(error, status=404) if offset_of(request) == 300 else None

    portal.before, portal.override = before, override
    async with ExploreClient(portal.url, concurrency=8) as client:
        records, found = client.dataset("trees").records(max_rows=max_rows), []
        with pytest.raises(NotFoundURI):
            async for row in records:
                found.append(row)
        assert client._scheduler.tasks == 0
        assert found == portal.rows[:300]
        assert records.position == 300
    blocked.set()


async def test_closing_the_client_ends_a_reading_with_an_error(portal: FakePortal) -> None:
    """A cancellation would belong to another task, and a silent end would hide lost rows."""
    portal.rows = rows(1000)
    async with ExploreClient(portal.url) as client:
        reader = client.dataset("trees").records().pages()
        await anext(reader)
        await anext(reader)
    with pytest.raises(ConfigurationError, match="closed"):
        async for _ in reader:
            pass


@pytest.mark.parametrize(
    ("offset", "max_rows"), [(0, 10_001), (9_901, 100), (10_000, 1), (10_000, None)]
)
async def test_rows_beyond_the_window_are_refused_before_sending(
    client: ExploreClient, portal: FakePortal, offset: int, max_rows: int | None
) -> None:
    """offset plus max_rows must not exceed 10,000; the error names the alternative."""
    with pytest.raises(WindowExceeded, match="export") as caught:
        client.dataset("trees").records(Query().offset(offset), max_rows=max_rows)
    last = offset + (1 if max_rows is None else max_rows)
    assert f"Rows up to number {last} are requested" in str(caught.value)
    assert (caught.value.window, caught.value.wanted) == (10_000, last)
    assert portal.requests == []


async def test_the_last_row_of_the_window_can_be_read(
    client: ExploreClient, portal: FakePortal
) -> None:
    """9,900 + 100 is allowed, and no page exceeds the window."""
    portal.rows = rows(10_000)
    dataset = client.dataset("trees")
    assert len(await dataset.records(Query().offset(9_900), max_rows=100).to_list()) == 100
    assert len(await dataset.records(Query().offset(9_950)).to_list()) == 50


async def test_too_many_rows_raise_before_the_first_row(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Without max_rows the first page has the total; no short result is delivered."""
    portal.rows = rows(10_001)
    seen = []
    reader = aiter(client.dataset("trees").records())
    with pytest.raises(WindowExceeded) as caught:
        seen.append(await anext(reader))
    assert (seen, len(portal.requests), caught.value.wanted) == ([], 1, 10_001)
    assert (caught.value.attempts, caught.value.status) == (1, 200)
    assert "limit=100&offset=0" in str(caught.value.url)


async def test_max_rows_reads_the_beginning_of_a_large_result(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Some rows of many are not a short result if they were requested."""
    portal.rows = rows(10_001)
    assert await client.dataset("trees").records(max_rows=150).to_list() == portal.rows[:150]
    assert [params["limit"] for _, params in portal.requests] == ["100", "50"]


@pytest.mark.parametrize("max_rows", [0, 1])
async def test_max_rows_of_few_rows_sends_few_requests(
    client: ExploreClient, portal: FakePortal, max_rows: int
) -> None:
    """Zero rows need no request."""
    assert len(await client.dataset("trees").records(max_rows=max_rows).to_list()) == max_rows
    assert len(portal.requests) == max_rows


async def test_wanted_rows_are_asked_for_at_once(client: ExploreClient, portal: FakePortal) -> None:
    """Pages are requested up to the client's concurrency, without waiting for the first."""
    portal.rows = rows(300)

    async def hold(request: web.Request) -> None:
        await portal.until_requests(3)

    portal.before = hold
    assert await client.dataset("trees").records(max_rows=300).to_list() == portal.rows
    assert sorted(portal.offsets()) == [0, 100, 200]


@pytest.mark.parametrize("count", [0, 1, 100, 150, 200, 999])
@pytest.mark.parametrize("start", [0, 50, 1000])
async def test_fewer_rows_than_wanted_are_all_there_are(
    portal: FakePortal, count: int, start: int
) -> None:
    """Only concurrent requests are wasted, and no empty page is delivered."""
    portal.rows = rows(count)
    async with ExploreClient(portal.url, concurrency=3) as client:
        records = client.dataset("trees").records(Query(offset=start), max_rows=5000)
        async with aclosing(records.pages()) as pages:
            found = [page.rows async for page in pages]
    assert [row for page in found for row in page] == portal.rows[start:]
    assert all(found[1:])
    assert len(portal.requests) <= max(1, -(-max(0, count - start) // 100)) + 3


async def test_wanted_rows_end_with_a_short_page_where_no_total_is_told(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A response without total_count is an example."""
    portal.rows = rows(150)
    portal.override = lambda request: json_body(
        {"results": portal.rows[offset_of(request) : offset_of(request) + 100]}
    )
    assert await client.dataset("trees").records(max_rows=900).to_list() == portal.rows


async def test_offset_and_limit_of_the_query_are_start_and_max_rows(
    client: ExploreClient, portal: FakePortal
) -> None:
    """They keep their meaning in the API, where a limit of -1 means all rows."""
    portal.rows = rows(300)
    dataset = client.dataset("trees")
    query = Query().offset(20).limit(130)
    assert await dataset.records(query).to_list() == portal.rows[20:150]
    assert await dataset.records(query, max_rows=5).to_list() == portal.rows[20:25]
    assert await dataset.records(query.limit(-1)).to_list() == portal.rows[20:]


@pytest.mark.parametrize("wrong", [{"page_size": 0}, {"page_size": 101}, {"max_rows": -1}])
async def test_numbers_out_of_range_are_refused_before_sending(
    client: ExploreClient, portal: FakePortal, wrong: dict[str, int]
) -> None:
    """The server would respond with 400, so no request is needed."""
    with pytest.raises(ConfigurationError, match="{} is {}".format(*next(iter(wrong.items())))):
        client.dataset("trees").records(
            page_size=wrong.get("page_size"), max_rows=wrong.get("max_rows")
        )
    assert portal.requests == []


@pytest.mark.parametrize("grouped_total", ["returned", "absent"])
@pytest.mark.parametrize("count", [0, 9, 10, 25, 30])
async def test_groups_are_paged_until_a_page_is_short(
    client: ExploreClient, portal: FakePortal, grouped_total: str, count: int
) -> None:
    """total_count of a grouped response counts the returned rows, or is missing."""
    portal.rows, portal.grouped_total = rows(count), grouped_total
    records = client.dataset("trees").records(Query(group_by="id"), page_size=10)
    assert await records.to_list() == portal.rows
    assert await records.count() == count


async def test_groups_come_in_one_request_where_they_fit(
    client: ExploreClient, portal: FakePortal
) -> None:
    """With group_by a page can hold 20,000 rows."""
    portal.rows = rows(12_000)
    assert len(await client.dataset("trees").records(Query(group_by="id")).to_list()) == 12_000
    assert len(portal.requests) == 1


async def test_groups_that_fill_the_window_are_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """After a full last page there may be more groups, so this is not a complete result."""
    portal.rows = rows(20_001)
    records = client.dataset("trees").records(Query(group_by="id"))
    with pytest.raises(WindowExceeded, match=r"There may be more rows.* first 20000") as caught:
        await records.to_list()
    assert (caught.value.attempts, caught.value.status) == (1, 200)
    assert (caught.value.window, caught.value.wanted) == (20_000, None)
    limited = client.dataset("trees").records(Query(group_by="id"), max_rows=20_000)
    assert len(await limited.to_list()) == 20_000


@pytest.mark.parametrize("kept", [0, 99, 101])
async def test_a_page_of_the_wrong_length_is_an_error(
    client: ExploreClient, portal: FakePortal, kept: int
) -> None:
    """Too few rows in the middle or too many rows are never delivered."""
    portal.rows = rows(300)

    def override(request: web.Request) -> web.Response | None:
        if offset_of(request) != 100:
            return None
        return json_body({"total_count": 300, "results": portal.rows[100 : 100 + kept]})

    portal.override = override
    with pytest.raises(ShortPageError) as caught:
        await client.dataset("trees").records().to_list()
    assert (caught.value.expected, caught.value.received) == (100, kept)


async def test_a_first_page_that_is_short_is_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """This holds even if it is the only page."""
    portal.override = lambda request: json_body({"total_count": 5, "results": rows(4)})
    with pytest.raises(ShortPageError):
        await client.dataset("trees").records().to_list()


async def test_a_changing_total_is_an_error() -> None:
    """The dataset changed, so the pages are inconsistent."""
    async with Portal({"trees": rows(300)}) as portal, portal.client() as client:
        portal.drift(by=1)
        with pytest.raises(TotalCountDriftError) as caught:
            await client.dataset("trees").records().to_list()
    assert (caught.value.expected, caught.value.received) == (300, 301)


async def test_count_asks_for_no_rows(client: ExploreClient, portal: FakePortal) -> None:
    """It sends one request with limit=0, regardless of offset and max_rows."""
    portal.rows = rows(250)
    query = Query(where="id > 0").offset(5)
    assert await client.dataset("trees").records(query, max_rows=3).count() == 250
    assert portal.requests == [
        ("/catalog/datasets/trees/records", {"where": "id > 0", "limit": "0", "offset": "0"})
    ]


async def test_first_asks_for_one_row(client: ExploreClient, portal: FakePortal) -> None:
    """It returns None if there are no rows."""
    records = client.dataset("trees").records(Query().offset(3))
    assert await records.first() == {"id": 3, "name": "row 3"}
    assert portal.requests[-1][1] == {"limit": "1", "offset": "3"}
    portal.rows = []
    assert await records.first() is None


async def test_the_first_of_few_wanted_rows_is_asked_for_only_if_there_is_one(
    client: ExploreClient, portal: FakePortal
) -> None:
    trees = client.dataset("trees")
    assert await trees.records(max_rows=0).first() is None
    assert portal.requests == []
    assert await trees.records(max_rows=1).first() == {"id": 0, "name": "row 0"}


async def test_url_is_that_of_the_first_request(client: ExploreClient, portal: FakePortal) -> None:
    """The URL works in a browser, because ODSQL is percent-encoded."""
    records = client.dataset("trees").records(Query(where="name = 'a+b & c'"), page_size=50)
    expected = (
        f"{portal.url.rstrip('/')}/api/explore/v2.1/catalog/datasets/trees/records"
        "?where=name%20%3D%20%27a%2Bb%20%26%20c%27&limit=50&offset=0"
    )
    assert records.url().replace("%22", "%27") == expected


async def test_records_can_be_read_again(client: ExploreClient, portal: FakePortal) -> None:
    """Each use starts again, and concurrent uses are independent."""
    portal.rows = rows(250)
    records = client.dataset("trees").records()
    async with aclosing(records.pages()) as pages:
        await anext(pages)
        assert await records.to_list() == portal.rows
        assert [page.offset async for page in pages] == [100, 200]


async def test_an_answer_without_results_is_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """It must not pass as an empty page."""
    portal.override = lambda request: json_body({"total_count": 3})
    with pytest.raises(DecodeError, match="no results"):
        await client.dataset("trees").records().to_list()


async def test_an_answer_without_total_is_read_to_its_end(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Paging ends at a short page, but count raises an error."""
    portal.rows = rows(250)

    def override(request: web.Request) -> web.Response:
        offset, limit = offset_of(request), int(request.query["limit"])
        return json_body({"results": portal.rows[offset : offset + limit]})

    portal.override = override
    assert await client.dataset("trees").records().to_list() == portal.rows
    with pytest.raises(DecodeError, match="total_count"):
        await client.dataset("trees").records().count()


async def test_a_failing_page_is_retried_before_it_fails_the_reading(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A 503 in the middle delays the result but does not lose it."""
    portal.rows = rows(300)
    failures = [200]

    def override(request: web.Request) -> web.Response | None:
        if offset_of(request) not in failures:
            return None
        failures.clear()
        return json_body({}, status=503)

    portal.override = override
    assert await client.dataset("trees").records().to_list() == portal.rows
    assert sorted(portal.offsets()) == [0, 100, 200, 200]


async def test_retries_end_with_the_servers_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The error has the number of attempts."""
    portal.override = lambda request: json_body({}, status=503)
    with pytest.raises(ServerError) as caught:
        await client.dataset("trees").records().to_list()
    assert caught.value.attempts == len(portal.requests) == 4


@pytest.mark.parametrize("count", [0, 30, 300])
async def test_a_first_page_of_the_wrong_length_is_an_error_by_itself(
    client: ExploreClient, portal: FakePortal, count: int
) -> None:
    """Awaiting the page or requesting the first row checks the length too."""
    portal.override = lambda request: json_body({"total_count": 500, "results": rows(count)})
    records = client.dataset("trees").records()
    with pytest.raises(ShortPageError) as caught:
        await records
    assert (caught.value.expected, caught.value.received) == (100, count)
    with pytest.raises(ShortPageError):
        await records.first()


async def test_a_page_behind_the_end_is_empty(client: ExploreClient, portal: FakePortal) -> None:
    """Groups have no known total, so any number of them is accepted."""
    trees = client.dataset("trees")
    assert (await trees.records(Query(offset=50))).rows == []
    assert await trees.records(Query(offset=50)).first() is None
    assert len((await trees.records(Query(group_by="id"), page_size=20)).rows) == 10


async def test_a_first_page_of_groups_may_begin_anywhere(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Its total counts the rows of this page only."""
    page = await client.dataset("trees").records(Query(group_by="id", offset=6))
    assert page.rows == portal.rows[6:]


async def fails_once_then(
    portal: FakePortal, offset: int, answer: object, client: ExploreClient
) -> ExploreError:
    """Return the error of a reading whose page at the offset is wrong on the second attempt."""
    failures = [offset]

    def override(request: web.Request) -> web.Response | None:
        if offset_of(request) != offset:
            return None
        if failures:
            failures.clear()
            return json_body({}, status=503)
        return json_body(answer)

    portal.override = override
    with pytest.raises(ExploreError) as caught:
        await client.dataset("trees").records().to_list()
    return caught.value


@pytest.mark.parametrize("offset", [0, 200])
@pytest.mark.parametrize(
    "answer",
    [
        {"total_count": 300, "results": []},
        {"total_count": 299, "results": rows(100)},
        {"total_count": 300},
        {"total_count": 300, "results": [5]},
        [],
    ],
)
async def test_an_error_tells_which_answer_it_is_about(
    client: ExploreClient, portal: FakePortal, offset: int, answer: object
) -> None:
    """The error has the status, the URL and the number of attempts."""
    portal.rows = rows(300)
    error = await fails_once_then(portal, offset, answer, client)
    # A changed total is detected at the page after the first.
    page = 100 if isinstance(error, TotalCountDriftError) and offset == 0 else offset
    assert (error.status, error.attempts) == (200, 2 if page == offset else 1)
    assert str(error.url).endswith(f"/records?limit=100&offset={page}")


@pytest.mark.parametrize("typed", [False, True])
async def test_a_secret_that_an_answer_echoes_is_in_no_message(
    portal: FakePortal, typed: bool
) -> None:
    """Keys and misfit values that contain the secret are redacted."""
    info = {"dataset_id": "x", "fields": [{"name": "day", "type": "date", "label": "day"}]}
    page = {"total_count": 1, "results": [{"day": "s3cr3t"}]} if typed else {"s3cr3t": 1}
    portal.override = lambda request: json_body(page if request.path.endswith("/records") else info)
    async with ExploreClient(portal.url, auth="s3cr3t") as client:
        with pytest.raises(DecodeError) as caught:
            await client.dataset("trees").records(typed=typed)
    assert "s3cr3t" not in repr(vars(caught.value)) + str(caught.value) + repr(caught.value)
    assert (caught.value.status, caught.value.attempts) == (200, 1)


@pytest.mark.parametrize("moved", [[1], [1, 2, 98, 99]])
async def test_ties_that_move_between_two_answers_are_not_noticed(
    client: ExploreClient, portal: FakePortal, moved: list[int]
) -> None:
    """Length, total and ends of the pages are consistent; only a unique order helps."""
    portal.rows = [{"id": number, "tie": 0} for number in range(200)]

    def override(request: web.Request) -> web.Response | None:
        if offset_of(request) == 100:
            for number in moved:
                portal.rows[number], portal.rows[100 + number] = (
                    portal.rows[100 + number],
                    portal.rows[number],
                )
        return None

    portal.override = override
    found = await client.dataset("trees").records(Query(order_by="tie")).to_list()
    assert len(found) == 200
    assert len({str(row) for row in found}) == 200 - len(moved)


@pytest.mark.parametrize("depth", [300, 500, 900, 1000])
async def test_deep_rows_are_read_in_pages(
    client: ExploreClient, portal: FakePortal, depth: int
) -> None:
    """Pages are compared with each other, however deeply their rows are nested."""
    deep = b"[" * depth + b"]" * depth
    portal.override = lambda request: web.Response(
        body=b'{"total_count": 200, "results": [%b]}'
        % b",".join(b'{"a": %b, "i": %d}' % (deep, offset_of(request) + i) for i in range(100))
    )
    found = await client.dataset("trees").records().to_list()
    assert [row["i"] for row in found] == list(range(200))
