"""Keys, their quotas, and the datasets that only callers with a key see."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest
from attrs import frozen

from explore_async import ExploreClient, ForbiddenAccess, NotFoundResource, Unauthorized
from explore_async.operations import CATALOG_FORMATS
from explore_async.portal import Store, serve
from explore_async.portal.access import Access
from explore_async.portal.errors import StoreError
from tests.explore_async.portal.asking import RECORDED, Answer, recorded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

KEY, LIMITED, NARROW = "all-datasets", "two-calls", "one-dataset"
BASE = "/api/explore/v2.1"


@frozen
class Asker:
    """Sends requests to a portal whose time can be set."""

    url: str
    session: aiohttp.ClientSession
    clock: list[datetime]

    async def get(self, path: str, key: str | None = None, **headers: str) -> Answer:
        """GET a path below the API, with a key in the header."""
        if key is not None:
            headers["authorization"] = f"Apikey {key}"
        async with self.session.get(f"{self.url}{BASE}{path}", headers=headers) as response:
            return Answer(response.status, response.headers, await response.read())


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """Two datasets that everyone sees, and two that not everyone does."""
    with Store(threads=1) as store:
        store.add("parks", rows=[{"name": "A"}], metas=_metas("Parks", "City"))
        store.add("salaries", rows=[{"name": "B"}], metas=_metas("Salaries", "Hidden Office"),
                  visibility="restricted")  # fmt: skip
        secret = {**_metas("Plans", "Hidden Office"), "custom": {"code-name": "Zebra"}}
        store.add("plans", rows=[{"name": "C"}], metas=secret, visibility="restricted")
        store.add("forms", fields=[], metas=_metas("Forms", "City"))
        store.access.add_key(KEY)
        store.access.add_key(LIMITED, quota="2/day")
        store.access.add_key(NARROW, datasets=["plans"])
        yield store


def _metas(title: str, publisher: str) -> dict[str, Any]:
    return {"default": {"title": title, "publisher": publisher, "keyword": [title]}}


@pytest.fixture
async def ask(store: Store) -> AsyncIterator[Asker]:
    """A client of the portal, whose time is noon on 29 August 2026 UTC."""
    clock = [datetime(2026, 8, 29, 12, tzinfo=UTC)]
    async with serve(store, clock=lambda: clock[0]) as url, aiohttp.ClientSession() as session:
        yield Asker(url, session, clock)


# ---------------------------------------------------------------- keys


async def test_a_key_is_read_from_the_header_or_the_parameter(ask: Asker) -> None:
    """Documented: `Authorization: Apikey KEY` and `apikey=KEY`; an empty parameter is none."""
    path = "/catalog/datasets/salaries"
    for scheme in ("Apikey", "apikey", "APIKEY"):
        assert (await ask.get(path, authorization=f"{scheme} {KEY}")).status == 200
    assert (await ask.get(f"{path}?apikey={KEY}")).status == 200
    assert (await ask.get(f"{path}?apikey=")).status == 404
    assert (await ask.get("/catalog/datasets/parks?apikey=")).status == 200


@pytest.mark.parametrize("path", ["/catalog/datasets", "/catalog/datasets/none", "/nowhere"])
@pytest.mark.parametrize(
    "credentials",
    [
        f"Apikey {KEY}x",
        f"Apikey {KEY[:-1]}",
        f"Apikey {KEY.upper()}",
        "Apikey",
        "Apikey é",
        f"Bearer {KEY}",
        KEY,
        "",
    ],
)
async def test_an_invalid_key_is_refused_everywhere(
    ask: Asker, path: str, credentials: str
) -> None:
    """The status is documented; the body has the layout of other errors."""
    answer = await ask.get(path, authorization=credentials)
    assert answer.status == 401
    assert answer.json == {"error_code": "Unauthorized", "message": "The API key is not valid."}
    assert answer.headers["content-type"] == "application/json"


async def test_an_invalid_key_in_the_parameter_is_refused(ask: Asker) -> None:
    assert (await ask.get("/catalog/datasets?apikey=guess")).status == 401
    assert (await ask.get("/catalog/datasets?apikey=%FF")).status == 401


async def test_a_key_that_is_no_text_is_invalid(ask: Asker) -> None:
    """A client may send any bytes."""
    port = int(ask.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET {BASE}/catalog HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    writer.write(head.encode() + b"Authorization: Apikey \xff\r\n\r\n")
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 401 ")


async def test_the_header_comes_before_the_parameter(ask: Asker) -> None:
    assert (await ask.get("/catalog/datasets/salaries?apikey=wrong", KEY)).status == 200
    assert (await ask.get(f"/catalog/datasets/salaries?apikey={KEY}", "wrong")).status == 401


async def test_a_preflight_needs_no_key(ask: Asker) -> None:
    """Browsers send none."""
    url = f"{ask.url}{BASE}/catalog/datasets"
    async with ask.session.options(url, headers={"authorization": "Apikey no"}) as response:
        assert response.status == 200


async def test_a_portal_without_keys_ignores_credentials() -> None:
    with Store(threads=1) as store:
        store.add("x", rows=[{"a": 1}])
        async with serve(store) as url, ExploreClient(url, auth="anything") as client:
            assert await client.dataset("x").records().count() == 1


async def test_no_response_and_no_log_shows_a_key(
    ask: Asker, store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    query = f"apikey={KEY}&where=nonsense(&limit=-7"
    parks = "/catalog/datasets/parks"
    below = ("facets", "records", "attachments")
    for path in ("/", "/catalog", "/catalog/exports/csv", "/no", *(f"{parks}/{x}" for x in below)):
        for given in (f"apikey={KEY}", query):
            answer = await ask.get(f"{path}?{given}", KEY)
            assert KEY.encode() not in answer.body
            assert KEY not in str(answer.headers)
    assert KEY not in caplog.text
    assert KEY not in repr(vars(store.access))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"key": ""}, "empty"),
        ({"key": "a b"}, "space"),
        ({"key": "clé"}, "non-ASCII"),
        ({"key": 7}, "empty"),
        ({"key": "known"}, "given twice"),
        ({"key": "new", "quota": "ten"}, "not a quota such as 100/day"),
        ({"key": "new", "quota": "10/hour"}, "not a quota such as 100/day"),
        ({"key": "new", "datasets": "plans"}, "list of identifiers"),
        ({"key": "new", "datasets": 7}, "list of identifiers"),
        ({"key": "new", "datasets": [7]}, "list of identifiers"),
    ],
)
def test_a_wrong_key_is_refused_without_showing_it(options: dict[str, Any], message: str) -> None:
    access = Access()
    access.add_key("known")
    with pytest.raises(StoreError, match=message) as caught:
        access.add_key(**options)
    assert not options["key"] or str(options["key"]) not in str(caught.value)


# ---------------------------------------------------------------- restricted datasets

PATHS = (
    "", "/records", "/records/x", "/facets", "/exports", "/exports/csv", "/exports/none",
    "/attachments", "/attachments/x", "/alternative_exports/x",
)  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", [None, NARROW])
async def test_a_restricted_dataset_does_not_exist_for_others(
    ask: Asker, path: str, key: str | None
) -> None:
    """Its responses are those for an unknown dataset, which are recorded."""
    hidden = await ask.get(f"/catalog/datasets/salaries{path}", key)
    unknown = await ask.get(f"/catalog/datasets/does-not-exist{path}", key)
    assert hidden.status == 404
    assert unknown.body == (RECORDED / "vancouver/error-not-found.json").read_bytes()
    assert hidden.body == unknown.body.replace(b"does-not-exist", b"salaries")
    assert {**hidden.headers, "Date": ""} == {**unknown.headers, "Date": ""}


@pytest.mark.parametrize("path", ["", "/records", "/facets", "/exports", "/exports/csv"])
@pytest.mark.parametrize("key", [KEY, LIMITED])
async def test_a_key_opens_restricted_datasets(ask: Asker, path: str, key: str) -> None:
    assert (await ask.get(f"/catalog/datasets/salaries{path}", key)).status == 200


async def test_a_key_may_open_some_datasets_only(ask: Asker) -> None:
    assert (await ask.get("/catalog/datasets/plans/records", NARROW)).status == 200
    assert (await ask.get("/catalog/datasets/parks/records", NARROW)).status == 200
    assert (await ask.get("/catalog/datasets/salaries/records", NARROW)).status == 404


async def test_the_dataset_object_tells_its_visibility(ask: Asker) -> None:
    """`domain` is recorded, `restricted` is not."""
    assert (await ask.get("/catalog/datasets/parks")).json["visibility"] == "domain"
    assert (await ask.get("/catalog/datasets/plans", KEY)).json["visibility"] == "restricted"


SEEN = {None: ["parks", "forms"], NARROW: ["parks", "plans", "forms"],
        KEY: ["parks", "salaries", "plans", "forms"]}  # fmt: skip


@pytest.mark.parametrize("key", SEEN)
async def test_the_catalog_lists_what_the_caller_sees(ask: Asker, key: str | None) -> None:
    """Pages, counts, groups and exports agree."""
    seen = SEEN[key]
    page = (await ask.get("/catalog/datasets", key)).json
    assert (page["total_count"], [one["dataset_id"] for one in page["results"]]) == (
        len(seen), seen,
    )  # fmt: skip
    counted = await ask.get("/catalog/datasets?select=count(*)%20as%20n&limit=1", key)
    assert counted.json["results"] == [{"n": len(seen)}]
    groups = await ask.get("/catalog/datasets?group_by=title", key)
    assert groups.json["total_count"] == len(seen)
    export = json.loads((await ask.get("/catalog/exports/json", key)).body)
    assert [one["dataset_id"] for one in export] == seen
    rows = json.loads((await ask.get("/catalog/exports/json?select=dataset_id", key)).body)
    assert [one["dataset_id"] for one in rows] == seen


@pytest.mark.parametrize(
    "path",
    ["/catalog/facets", "/catalog/facets?facet=publisher&facet=title&facet=datasetid",
     "/catalog/datasets?select=*", "/catalog/datasets?select=*&where=dataset_id='plans'",
     "/catalog/datasets?where=search('Zebra')", "/catalog/datasets?refine=publisher:Hidden",
     "/catalog/datasets?group_by=publisher", "/catalog/datasets?order_by=title&offset=1",
     *(f"/catalog/exports/{name}" for name in sorted(CATALOG_FORMATS))],
)  # fmt: skip
async def test_nothing_of_the_catalog_tells_of_restricted_datasets(ask: Asker, path: str) -> None:
    """Neither their values nor the names of their metadata, which only they have."""
    answer = await ask.get(path)
    assert answer.status == 200
    for secret in (b"alaries", b"lans", b"Hidden Office", b"code-name", b'ebra"'):
        assert secret not in answer.body


async def test_metadata_of_restricted_datasets_are_unknown_fields(ask: Asker) -> None:
    path = "/catalog/facets?facet=custom.code-name"
    assert (await ask.get(path)).status == 400
    (facet,) = (await ask.get(path, NARROW)).json["facets"]
    assert [one["value"] for one in facet["facets"]] == ["Zebra"]


async def test_a_dataset_that_becomes_restricted_leaves_the_catalog() -> None:
    with Store(threads=1) as store:
        store.access.add_key(KEY)
        async with serve(store) as url, ExploreClient(url) as client:
            for visibility, count in (("domain", 1), ("restricted", 0), ("domain", 1)):
                store.add("x", rows=[{"a": 1}], visibility=visibility)  # type: ignore[arg-type]
                assert await client.datasets().count() == count
                store.remove("x")


def test_another_visibility_is_refused() -> None:
    with Store(threads=1) as store, pytest.raises(StoreError, match="'domain' or 'restricted'"):
        store.add("x", rows=[{"a": 1}], visibility="public")  # type: ignore[arg-type]


# ---------------------------------------------------------------- no records


async def test_a_dataset_without_records_has_no_fields_and_no_rows(ask: Asker) -> None:
    """The empty page is recorded."""
    described = (await ask.get("/catalog/datasets/forms")).json
    assert (described["has_records"], described["fields"]) == (False, [])
    page = await ask.get("/catalog/datasets/forms/records")
    assert page.json == recorded("misc/webstat.empty-records.json")
    assert (await ask.get("/catalog/datasets/forms/facets")).json["facets"] == []
    assert (await ask.get("/catalog/datasets/forms/records/x")).status == 404
    listed = await ask.get("/catalog/datasets?where=has_records%20is%20false&select=dataset_id")
    assert listed.results == [{"dataset_id": "forms"}]


def test_a_dataset_without_fields_has_no_rows() -> None:
    with Store(threads=1) as store, pytest.raises(StoreError, match="Give it fields"):
        store.add("x", fields=[], rows=[{}])


async def test_a_dataset_without_records_can_be_exported(ask: Asker) -> None:
    formats = (await ask.get("/catalog/datasets/forms/exports")).json["links"][1:]
    assert len(formats) > 10
    for one in formats:
        answer = await ask.get(f"/catalog/datasets/forms/exports/{one['rel']}")
        assert answer.status == 200, one


# ---------------------------------------------------------------- quotas


async def test_calls_beyond_the_quota_of_a_key_are_refused(ask: Asker) -> None:
    """The body is documented, but for the time and the number."""
    first = await ask.get("/catalog/datasets", LIMITED)
    second = await ask.get(f"/catalog/exports/csv?apikey={LIMITED}")
    third = await ask.get("/catalog/datasets/parks", LIMITED)
    assert [first.status, second.status, third.status] == [200, 200, 429]
    assert [one.headers["x-ratelimit-remaining"] for one in (first, second)] == ["1", "0"]
    assert first.headers["x-ratelimit-limit"] == "2"
    assert first.headers["x-ratelimit-reset"] == "2026-08-30 00:00:00+00:00"
    expected = recorded("errors/429-10002-domain.documented.json")
    assert third.json == {**expected, "reset_time": "2026-08-30T00:00:00Z", "call_limit": 2}
    assert list(third.json) == list(expected)


async def test_the_quota_of_one_key_is_not_that_of_others(ask: Asker) -> None:
    for _ in range(3):
        last = await ask.get("/catalog/datasets", LIMITED)
    assert last.status == 429
    assert (await ask.get("/catalog/datasets", KEY)).status == 200
    assert (await ask.get("/catalog/datasets")).status == 200


async def test_a_quota_is_new_on_the_next_day(ask: Asker) -> None:
    """The time is that of the portal."""
    for _ in range(3):
        await ask.get("/catalog/datasets", LIMITED)
    ask.clock[0] = datetime(2026, 8, 30, tzinfo=UTC) - timedelta(microseconds=1)
    assert (await ask.get("/catalog/datasets", LIMITED)).status == 429
    ask.clock[0] += timedelta(microseconds=1)
    answer = await ask.get("/catalog/datasets", LIMITED)
    assert answer.status == 200
    assert answer.headers["x-ratelimit-reset"] == "2026-08-31 00:00:00+00:00"


async def test_requests_with_an_invalid_key_count_for_nobody(ask: Asker) -> None:
    for _ in range(3):
        await ask.get("/catalog/datasets", f"{LIMITED}x")
    answer = await ask.get("/catalog/datasets", LIMITED)
    assert answer.headers["x-ratelimit-remaining"] == "1"


async def test_callers_without_a_key_have_a_quota_together() -> None:
    """The body is documented, but for the time and the number."""
    with Store(threads=1) as store:
        store.add("x", rows=[{"a": 1}])
        store.access.add_key(KEY)
        store.access.limit_anonymous("1/month")
        now = datetime(2026, 12, 31, 23, tzinfo=UTC)
        async with serve(store, clock=lambda: now) as url, aiohttp.ClientSession() as session:
            ask = Asker(url, session, [])
            first = await ask.get("/catalog/datasets")
            assert first.headers["x-ratelimit-reset"] == "2027-01-01 00:00:00+00:00"
            second = await ask.get("/catalog/datasets")
            assert second.status == 429
            assert second.json == {
                **recorded("errors/429-10005-anonymous.documented.json"),
                "reset_time": "2027-01-01T00:00:00Z",
                "limit_time_unit": "month",
                "call_limit": 1,
            }
            assert (await ask.get("/catalog/datasets", KEY)).status == 200


# ---------------------------------------------------------------- the project's client


async def test_the_client_sees_what_its_key_opens(ask: Asker) -> None:
    async with ExploreClient(ask.url, auth=NARROW) as client:
        assert [one["dataset_id"] async for one in client.datasets()] == SEEN[NARROW]
        assert await client.dataset("plans").records().to_list() == [{"name": "C"}]
        with pytest.raises(NotFoundResource):
            await client.dataset("salaries").info()


async def test_the_client_reports_an_invalid_key(ask: Asker) -> None:
    async with ExploreClient(ask.url, auth="wrong-key") as client:
        with pytest.raises(Unauthorized) as caught:
            await client.dataset("parks").info()
    assert "wrong-key" not in str(caught.value)


async def test_the_client_reports_forbidden_records() -> None:
    """Whoever sees the dataset; keys make no difference."""
    with Store(threads=1) as store:
        store.add("x", rows=[{"a": 1}], data_visible=False)
        store.access.add_key(KEY)
        async with serve(store) as url, ExploreClient(url, auth=KEY) as client:
            assert (await client.dataset("x").info()).dataset_id == "x"
            with pytest.raises(ForbiddenAccess):
                await client.dataset("x").records().first()
