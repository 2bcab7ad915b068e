"""Records: every row once, in order, within the server's window, or an error."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

import pytest

from explore_async import (
    BadRequest,
    ConfigurationError,
    DecodeError,
    ExploreClient,
    ExploreError,
    NotFoundURI,
    RepeatedPageError,
    ServerError,
    ShortPageError,
    TotalCountDriftError,
    WindowExceeded,
)
from explore_async.results import arrow
from odsql import Query
from tests.explore_async.doubles import json_body, rows, settle

if TYPE_CHECKING:
    from aiohttp import web

    from tests.explore_async.doubles import FakePortal


def offset_of(request: web.Request) -> int:
    return int(request.query["offset"])


async def test_making_records_sends_nothing(client: ExploreClient, portal: FakePortal) -> None:
    """A records object is a plan; requests begin with its first use."""
    client.dataset("trees").records(Query(where="id > 3"))
    await settle()
    assert portal.requests == []


@pytest.mark.parametrize("count", [0, 1, 99, 100, 101, 250, 1000])
async def test_all_rows_come_once_and_in_order(
    client: ExploreClient, portal: FakePortal, count: int
) -> None:
    """However the rows fall onto pages."""
    portal.rows = rows(count)
    assert [row async for row in client.dataset("trees").records()] == portal.rows
    assert await client.dataset("trees").records().to_list() == portal.rows


@pytest.mark.parametrize("page_size", [1, 7, 100])
async def test_page_size_changes_requests_not_rows(
    client: ExploreClient, portal: FakePortal, page_size: int
) -> None:
    """Any page size gives the same result."""
    portal.rows = rows(23)
    assert await client.dataset("trees").records(page_size=page_size).to_list() == portal.rows
    assert len(portal.requests) == -(-23 // page_size)


async def test_order_is_kept_when_answers_overtake(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A slow page at the head holds its successors back, it does not lose its place."""
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
    """Never more than `concurrency`, over several readings at once."""
    portal.rows = rows(2000)
    portal.before = lambda request: settle()
    async with ExploreClient(portal.url, concurrency=3) as client:
        dataset = client.dataset("trees")
        await client.gather(*(dataset.records().to_list() for _ in range(3)))
    assert portal.peak == 3


async def test_a_slow_reader_stops_new_requests(portal: FakePortal) -> None:
    """Once the window is full, nothing is asked until a row of it is taken."""
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
    """`break` needs no ceremony: tasks end and connections come free."""
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
    """The context manager form promises it by that very line."""
    portal.rows = rows(2000)
    async with ExploreClient(portal.url, concurrency=4) as client:
        async with client.dataset("trees").records().open() as reader:
            async for row in reader:
                if row["id"] == 150:
                    break
        assert client._scheduler.tasks == 0


async def test_the_first_error_cancels_the_siblings(portal: FakePortal) -> None:
    """A page that fails for good ends the reading, though earlier pages are still to come."""
    portal.rows = rows(1000)
    blocked = asyncio.Event()

    async def before(request: web.Request) -> None:
        if offset_of(request) not in {0, 300}:
            await blocked.wait()

    def override(request: web.Request) -> web.Response | None:
        error = {"error_code": "NotFoundURI", "message": "gone"}
        return json_body(error, status=404) if offset_of(request) == 300 else None

    portal.before, portal.override = before, override
    async with ExploreClient(portal.url, concurrency=8) as client:
        with pytest.raises(NotFoundURI):
            await client.dataset("trees").records().to_list()
        assert client._scheduler.tasks == 0
    blocked.set()


async def test_closing_the_client_ends_a_reading_with_an_error(portal: FakePortal) -> None:
    """Not with a cancellation, which would belong to somebody else, and not with silence."""
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
    """The sum of offset and max_rows may not pass 10,000, and the error names the way out."""
    with pytest.raises(WindowExceeded, match="export") as caught:
        client.dataset("trees").records(Query().offset(offset), max_rows=max_rows)
    assert caught.value.window == 10_000
    assert portal.requests == []


async def test_the_last_row_of_the_window_can_be_read(
    client: ExploreClient, portal: FakePortal
) -> None:
    """9,900 + 100 is allowed, and a page never reaches beyond the window."""
    portal.rows = rows(10_000)
    dataset = client.dataset("trees")
    assert len(await dataset.records(Query().offset(9_900), max_rows=100).to_list()) == 100
    assert len(await dataset.records(Query().offset(9_950)).to_list()) == 50


async def test_too_many_rows_raise_before_the_first_row(
    client: ExploreClient, portal: FakePortal
) -> None:
    """Without max_rows the first page tells the total; a short result is never given."""
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
    """Asking for some rows of many is not a short result."""
    portal.rows = rows(10_001)
    assert await client.dataset("trees").records(max_rows=150).to_list() == portal.rows[:150]
    assert [params["limit"] for _, params in portal.requests] == ["100", "50"]


@pytest.mark.parametrize("max_rows", [0, 1])
async def test_max_rows_of_few_rows_sends_few_requests(
    client: ExploreClient, portal: FakePortal, max_rows: int
) -> None:
    """No rows, no request."""
    assert len(await client.dataset("trees").records(max_rows=max_rows).to_list()) == max_rows
    assert len(portal.requests) == max_rows


async def test_wanted_rows_are_asked_for_at_once(client: ExploreClient, portal: FakePortal) -> None:
    """Without waiting for the first page, as many pages side by side as the client allows."""
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
    """At most the places beside the first page were taken in vain, and no empty page is given."""
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
    """As in answers without total_count."""
    portal.rows = rows(150)
    portal.override = lambda request: json_body(
        {"results": portal.rows[offset_of(request) : offset_of(request) + 100]}
    )
    assert await client.dataset("trees").records(max_rows=900).to_list() == portal.rows


async def test_offset_and_limit_of_the_query_are_start_and_max_rows(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The API's own words keep their meaning; -1 is the API's word for all."""
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
    """The server would answer 400; the answer is known without asking."""
    with pytest.raises(ConfigurationError):
        client.dataset("trees").records(
            page_size=wrong.get("page_size"), max_rows=wrong.get("max_rows")
        )
    assert portal.requests == []


@pytest.mark.parametrize("grouped_total", ["returned", "absent"])
@pytest.mark.parametrize("count", [0, 9, 10, 25, 30])
async def test_groups_are_paged_until_a_page_is_short(
    client: ExploreClient, portal: FakePortal, grouped_total: str, count: int
) -> None:
    """total_count of a grouped answer counts the rows returned, or is absent."""
    portal.rows, portal.grouped_total = rows(count), grouped_total
    records = client.dataset("trees").records(Query(group_by="id"), page_size=10)
    assert await records.to_list() == portal.rows
    assert await records.count() == count


async def test_groups_come_in_one_request_where_they_fit(
    client: ExploreClient, portal: FakePortal
) -> None:
    """With group_by a page may hold 20,000 rows."""
    portal.rows = rows(12_000)
    assert len(await client.dataset("trees").records(Query(group_by="id")).to_list()) == 12_000
    assert len(portal.requests) == 1


async def test_groups_that_fill_the_window_are_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A full last page does not tell whether there are more; that is not a result."""
    portal.rows = rows(20_001)
    records = client.dataset("trees").records(Query(group_by="id"))
    with pytest.raises(WindowExceeded, match="20000") as caught:
        await records.to_list()
    assert (caught.value.attempts, caught.value.status) == (1, 200)
    limited = client.dataset("trees").records(Query(group_by="id"), max_rows=20_000)
    assert len(await limited.to_list()) == 20_000


@pytest.mark.parametrize("kept", [0, 99, 101])
async def test_a_page_of_the_wrong_length_is_an_error(
    client: ExploreClient, portal: FakePortal, kept: int
) -> None:
    """Fewer rows in the middle, or more rows than asked, are never passed on."""
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
    """Also when it is the only page."""
    portal.override = lambda request: json_body({"total_count": 5, "results": rows(4)})
    with pytest.raises(ShortPageError):
        await client.dataset("trees").records().to_list()


async def test_a_changing_total_is_an_error(client: ExploreClient, portal: FakePortal) -> None:
    """Rows were written meanwhile, so pages no longer fit together."""
    portal.rows = rows(300)

    def override(request: web.Request) -> web.Response | None:
        if offset_of(request) == 200:
            portal.rows = rows(301)
        return None

    portal.override = override
    with pytest.raises(TotalCountDriftError) as caught:
        await client.dataset("trees").records().to_list()
    assert (caught.value.expected, caught.value.received) == (300, 301)


@pytest.mark.parametrize("uniform", [False, True])
async def test_a_server_that_ignores_offset_is_an_error(
    client: ExploreClient, portal: FakePortal, uniform: bool
) -> None:
    """Whether or not its rows can be told apart."""
    page = [{"name": "same"}] * 100 if uniform else rows(100)
    portal.override = lambda request: json_body(
        {"total_count": 300, "results": page[: int(request.query["limit"])]}
    )
    with pytest.raises(RepeatedPageError):
        await client.dataset("trees").records().to_list()


async def test_one_stale_page_from_a_cache_is_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """The second page is the first once more; the rest of the server is honest."""
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
    """Otherwise it would be read for ever."""
    portal.override = lambda request: json_body({"results": rows(10)})
    with pytest.raises(RepeatedPageError):
        await client.dataset("trees").records(Query(group_by="id"), page_size=10).to_list()


@pytest.mark.parametrize("period", [1, 4])
async def test_honest_data_that_repeats_is_data(
    client: ExploreClient, portal: FakePortal, period: int
) -> None:
    """With a narrow select, pages of a constant or cyclic column are rightly equal."""
    portal.rows = [{"minute": number % period * 15} for number in range(450)]
    assert await client.dataset("trees").records(Query(select="minute")).to_list() == portal.rows
    assert len(portal.requests) == 5 + 2


async def test_count_asks_for_no_rows(client: ExploreClient, portal: FakePortal) -> None:
    """One request with limit=0, whatever offset and max_rows say."""
    portal.rows = rows(250)
    query = Query(where="id > 0").offset(5)
    assert await client.dataset("trees").records(query, max_rows=3).count() == 250
    assert portal.requests == [
        ("/catalog/datasets/trees/records", {"where": "id > 0", "limit": "0", "offset": "0"})
    ]


async def test_first_asks_for_one_row(client: ExploreClient, portal: FakePortal) -> None:
    """And gives None when there is none."""
    records = client.dataset("trees").records(Query().offset(3))
    assert await records.first() == {"id": 3, "name": "row 3"}
    assert portal.requests[-1][1] == {"limit": "1", "offset": "3"}
    portal.rows = []
    assert await records.first() is None


async def test_url_is_that_of_the_first_request(client: ExploreClient, portal: FakePortal) -> None:
    """It can be pasted into a browser; ODSQL is percent-encoded."""
    records = client.dataset("trees").records(Query(where="name = 'a+b & c'"), page_size=50)
    expected = (
        f"{portal.url.rstrip('/')}/api/explore/v2.1/catalog/datasets/trees/records"
        "?where=name%20%3D%20%27a%2Bb%20%26%20c%27&limit=50&offset=0"
    )
    assert records.url().replace("%22", "%27") == expected


async def test_records_can_be_read_again(client: ExploreClient, portal: FakePortal) -> None:
    """Each use begins anew; two at a time do not disturb each other."""
    portal.rows = rows(250)
    records = client.dataset("trees").records()
    async with aclosing(records.pages()) as pages:
        await anext(pages)
        assert await records.to_list() == portal.rows
        assert [page.offset async for page in pages] == [100, 200]


async def test_an_answer_without_results_is_an_error(
    client: ExploreClient, portal: FakePortal
) -> None:
    """It is not taken for an empty page."""
    portal.override = lambda request: json_body({"total_count": 3})
    with pytest.raises(DecodeError, match="no results"):
        await client.dataset("trees").records().to_list()


async def test_an_answer_without_total_is_read_to_its_end(
    client: ExploreClient, portal: FakePortal
) -> None:
    """A portal that does not count rows is paged until a page is short, but cannot be counted."""
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
    """A 503 in the middle costs a wait, not the result."""
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
    """The error says how often it was tried."""
    portal.override = lambda request: json_body({}, status=503)
    with pytest.raises(ServerError) as caught:
        await client.dataset("trees").records().to_list()
    assert caught.value.attempts == len(portal.requests) == 4


@pytest.mark.parametrize("failing_at", [0, 300, 900])
async def test_going_on_after_a_list_that_failed_gives_all_rows(
    client: ExploreClient, portal: FakePortal, failing_at: int
) -> None:
    """The rows of the pages before the failure were thrown away with the list."""
    portal.rows, failures = rows(1000), [failing_at]

    def override(request: web.Request) -> web.Response | None:
        if offset_of(request) not in failures:
            return None
        failures.clear()
        return json_body({"error_code": "BadRequest", "message": "no"}, status=400)

    portal.override = override
    records = client.dataset("trees").records()
    with pytest.raises(BadRequest):
        await records.to_list()
    assert records.position == 0
    assert await records.resume().to_list() == portal.rows


async def test_going_on_after_a_frame_that_failed_gives_all_rows(
    client: ExploreClient, portal: FakePortal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when all rows came and only then do not fit together."""

    def misfit(*args: object, **options: object) -> object:
        raise DecodeError("misfit")

    monkeypatch.setattr(arrow, "table", misfit)
    records = client.dataset("trees").records()
    for read in (records.to_arrow, records.to_pandas, records.to_polars):
        with pytest.raises(DecodeError):
            await read()
        assert records.position == 0
    assert await records.resume().to_list() == portal.rows


@pytest.mark.parametrize("count", [0, 30, 300])
async def test_a_first_page_of_the_wrong_length_is_an_error_by_itself(
    client: ExploreClient, portal: FakePortal, count: int
) -> None:
    """Awaiting the page, or asking for its first row, is no way around the check."""
    portal.override = lambda request: json_body({"total_count": 500, "results": rows(count)})
    records = client.dataset("trees").records()
    with pytest.raises(ShortPageError) as caught:
        await records
    assert (caught.value.expected, caught.value.received) == (100, count)
    with pytest.raises(ShortPageError):
        await records.first()


async def test_a_page_behind_the_end_is_empty(client: ExploreClient, portal: FakePortal) -> None:
    """And groups, of which nobody tells how many there are, may be any number."""
    trees = client.dataset("trees")
    assert (await trees.records(Query(offset=50))).rows == []
    assert await trees.records(Query(offset=50)).first() is None
    assert len((await trees.records(Query(group_by="id"), page_size=20)).rows) == 10


async def fails_once_then(
    portal: FakePortal, offset: int, answer: object, client: ExploreClient
) -> ExploreError:
    """The error of a reading whose page there comes with the second attempt, and is wrong."""
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
    """Its status, its address, and how often it was asked for."""
    portal.rows = rows(300)
    error = await fails_once_then(portal, offset, answer, client)
    # A total that changed shows at the page after the first.
    page = 100 if isinstance(error, TotalCountDriftError) and offset == 0 else offset
    assert (error.status, error.attempts) == (200, 2 if page == offset else 1)
    assert str(error.url).endswith(f"/records?limit=100&offset={page}")


@pytest.mark.parametrize("typed", [False, True])
async def test_a_secret_that_an_answer_echoes_is_in_no_message(
    portal: FakePortal, typed: bool
) -> None:
    """Neither as a key nor as a value that does not fit."""
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
    """Pages of the right length, total and ends fit together; a unique order is the way out."""
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
